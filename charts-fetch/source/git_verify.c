/*
 * spec.verify: who signed the commit, the tag, or both. Texts and reasons are source-controller's, with the rule that
 * failed behind them.
 *
 * What a server says of a tag (which commit it stands for) is a claim; here it is read out of the tag itself, since it
 * is the tag that was signed. A signed tag under another name is refused: whoever may write to the repository could pass
 * an old release off as a new one with it.
 */
#include <git2.h>

#include "charts-fetch/source/git_impl.h"
#include "charts-fetch/verify/pgp.h"
#include "charts-fetch/verify/sshsig.h"
#include "core/base/clock.h"
#include "core/base/limits.h"

#define OBJECT_MAX (4 * HC_MIB) /* a commit or a tag */

static enum hc_rc read_object(struct git_fetcher *f, const char *hex, git_object_t want, hc_str *out)
{
    git_oid id;
    git_odb *odb = NULL;
    git_odb_object *o = NULL;
    const char *name = want == GIT_OBJECT_TAG ? "tag" : "commit";
    if (git_oid_fromstr(&id, hex) != 0 || git_repository_odb(&odb, f->repo) != 0)
        return git_lib_fail(f->err, "read the commit");
    int rc = git_odb_read(&o, odb, &id);
    git_odb_free(odb);
    if (rc != 0)
        return git_lib_fail(f->err, want == GIT_OBJECT_TAG ? "read the tag" : "read the commit");
    bool right = git_odb_object_type(o) == want;
    size_t n = git_odb_object_size(o);
    if (right && n <= OBJECT_MAX)
        *out = hc_arena_str(f->a, hc_str_n(git_odb_object_data(o), n));
    git_odb_object_free(o);
    if (!right)
        return hc_fail(f->err, HC_E_INPUT, "'%s' is no %s", hex, name);
    if (n > OBJECT_MAX)
        return hc_fail(f->err, HC_E_LIMIT, "%s '%s' is larger than %zu bytes", name, hex, OBJECT_MAX);
    return hc_arena_check(f->a, f->err, "git fetch");
}

static enum hc_rc by_pgp(struct git_fetcher *f, const struct git_signed *s, hc_str *out_key)
{
    const struct hc_git_verify *v = f->spec->verify;
    struct hc_pgp_ring *ring = hc_pgp_ring_new(f->a);
    struct hc_pgp_result r;
    struct hc_err why = HC_ERR_INIT;
    if (!v->pgp_n)
        return hc_fail(f->err, HC_E_INPUT,
                       "PGP signature detected but no PGP public keys found in secret (keys with .asc suffix)");
    for (size_t i = 0; ring && i < v->pgp_n; i++)
        (void)hc_pgp_ring_add(ring, v->pgp_keys[i], &why);
    if (!ring || !hc_pgp_ring_count(ring))
        return hc_fail(f->err, HC_E_INPUT, "unable to read armored key ring: %s", why.msg);
    if (hc_pgp_verify(f->a, ring, s->payload, s->signature, hc_now_ms() / 1000, &r, f->err) != HC_OK)
        return f->err->code;
    /* Flux names the primary key: of version 4 the last 16 digits of its fingerprint. */
    hc_str primary = hc_str_of(r.primary);
    *out_key = hc_arena_str(f->a, primary.n == 40 ? hc_str_sub(primary, 24, 40) : hc_str_sub(primary, 0, 16));
    return HC_OK;
}

static enum hc_rc by_ssh(struct git_fetcher *f, const struct git_signed *s, hc_str *out_key)
{
    const struct hc_git_verify *v = f->spec->verify;
    struct hc_sshsig_result r;
    HC_AUTO(hc_buf) struct hc_buf keys;
    if (!v->ssh_n)
        return hc_fail(f->err, HC_E_INPUT,
                       "SSH signature detected but no SSH public keys found in secret (keys with .sshpub suffix)");
    hc_buf_init(&keys, HC_MIB);
    for (size_t i = 0; i < v->ssh_n; i++) {
        hc_buf_put(&keys, v->ssh_keys[i]);
        hc_buf_putc(&keys, '\n');
    }
    if (hc_buf_check(&keys, f->err, "SSH public keys") != HC_OK ||
        hc_sshsig_verify(f->a, hc_buf_str(&keys), HC_S("git"), s->payload, s->signature, hc_now_ms() / 1000, &r,
                         f->err) != HC_OK)
        return f->err->code;
    *out_key = hc_arena_str(f->a, hc_str_of(r.fingerprint));
    return HC_OK;
}

static enum hc_rc check(struct git_fetcher *f, const struct git_signed *s, hc_str *out_key)
{
    if (!s->signature.n)
        return hc_fail(f->err, HC_E_INPUT, "unsupported signature type: empty (it is not signed)");
    if (hc_str_starts(s->signature, HC_S("-----BEGIN PGP SIGNATURE-----")))
        return by_pgp(f, s, out_key);
    if (hc_str_starts(s->signature, HC_S("-----BEGIN SSH SIGNATURE-----")))
        return by_ssh(f, s, out_key);
    return hc_fail(f->err, HC_E_INPUT, "unsupported signature type: %s",
                   hc_str_starts(s->signature, HC_S("-----BEGIN SIGNED MESSAGE-----")) ? "x509" : "unknown");
}

static enum hc_rc fail_as(struct git_fetcher *f, const char *reason)
{
    if (f->spec->news)
        f->spec->news->unverified = reason;
    return f->err->code;
}

/* That the tag asked for really leads to the commit; of a light one there is nothing to see. */
static enum hc_rc read_tag(struct git_fetcher *f, const struct git_choice *c, struct git_signed *out)
{
    git_oid id;
    git_object *tag = NULL, *commit = NULL;
    char oid[GIT_OID_HEX + 1] = "";
    hc_str raw;
    *out = (struct git_signed){ 0 };
    if (strcmp(c->want, c->oid) == 0)
        return HC_OK;
    if (git_oid_fromstr(&id, c->want) == 0 && git_object_lookup(&tag, f->repo, &id, GIT_OBJECT_TAG) == 0 &&
        git_object_peel(&commit, tag, GIT_OBJECT_COMMIT) == 0)
        git_oid_tostr(oid, sizeof(oid), git_object_id(commit));
    git_object_free(tag);
    git_object_free(commit);
    if (strcmp(oid, c->oid) != 0)
        return hc_fail(f->err, HC_E_INPUT,
                       "tag '%.*s' of '%s' does not lead to commit %s, which the server names for it", HC_P(c->tag),
                       f->spec->url, c->oid);
    if (read_object(f, c->want, GIT_OBJECT_TAG, &raw) != HC_OK)
        return f->err->code;
    return git_parse_signed(f->a, raw, true, out, f->err);
}

static enum hc_rc verify_tag(struct git_fetcher *f, const struct git_choice *c, const struct git_signed *tag,
                             hc_str *out_line)
{
    struct hc_git_news *news = f->spec->news;
    bool annotated = strcmp(c->want, c->oid) != 0;
    hc_str key, name = annotated ? hc_arena_printf(f->a, "%.*s@%s", HC_P(tag->tag_name), c->want) : c->tag;
    if (!c->tag.n) {
        if (news)
            news->stalled = true;
        hc_fail(f->err, HC_E_INPUT, "cannot verify tag object's signature if a tag reference is not specified");
        return fail_as(f, "InvalidVerificationMode");
    }
    if (!annotated || !tag->signature.n) {
        hc_fail(f->err, HC_E_INPUT, "cannot verify signature of tag '%.*s' since it is not signed", HC_P(name));
        return fail_as(f, "InvalidGitObject");
    }
    enum hc_rc rc = hc_str_eq(tag->tag_name, c->tag)
                        ? check(f, tag, &key)
                        : hc_fail(f->err, HC_E_INPUT, "it was signed under the name '%.*s', not '%.*s'",
                                  HC_P(tag->tag_name), HC_P(c->tag));
    if (rc != HC_OK) {
        hc_wrap(f->err, "signature verification of tag '%.*s' failed", HC_P(name));
        return fail_as(f, "InvalidTagSignature");
    }
    *out_line = hc_arena_printf(f->a, "\n\t- tag '%.*s' with key '%.*s'", HC_P(name), HC_P(key));
    return HC_OK;
}

enum hc_rc git_verify(struct git_fetcher *f, const struct git_choice *c)
{
    const struct hc_git_verify *v = f->spec->verify;
    struct git_signed tag, commit;
    hc_str raw, key, lines[2] = { { "", 0 }, { "", 0 } };
    if (read_tag(f, c, &tag) != HC_OK || read_object(f, c->oid, GIT_OBJECT_COMMIT, &raw) != HC_OK ||
        git_parse_signed(f->a, raw, false, &commit, f->err) != HC_OK)
        return f->err->code;
    if (f->spec->news)
        f->spec->news->subject = commit.subject;
    if (!v)
        return HC_OK;
    if (v->tag && verify_tag(f, c, &tag, &lines[0]) != HC_OK)
        return f->err->code;
    if (v->head) {
        if (check(f, &commit, &key) != HC_OK) {
            hc_wrap(f->err, "signature verification of commit '%s' failed", c->oid);
            return fail_as(f, "InvalidCommitSignature");
        }
        lines[1] = hc_arena_printf(f->a, "\n\t- commit '%s' with key '%.*s'", c->oid, HC_P(key));
    }
    if (f->spec->news)
        f->spec->news->verified = hc_arena_printf(f->a, "verified signature of%.*s%.*s", HC_P(lines[0]),
                                                  HC_P(lines[1]));
    return hc_arena_check(f->a, f->err, "git fetch");
}
