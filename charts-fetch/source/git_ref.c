/*
 * Which commit a GitRepository means. Flux: commit > name > semver > tag > branch, and branch master when nothing is
 * said. A server that speaks version 2 is asked for what the choice needs and nothing else.
 */
#include <stdio.h>

#include "charts-fetch/source/git_impl.h"
#include "charts-fetch/source/http_impl.h"
#include "core/base/semver.h"

#define TAGS  "refs/tags/"
#define HEADS "refs/heads/"

static enum hc_rc list(struct git_peer *p, const hc_str *prefixes, size_t n)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_str raw;
    hc_buf_init(&b, 8192);
    if (!p->refs.v2)
        return HC_OK;
    for (size_t i = 0; i < n; i++)
        if (prefixes[i].n > 1024)
            return hc_fail(p->err, HC_E_INPUT, "the name in spec.ref is too long for a Git reference");
    git_build_ls_refs(&b, prefixes, n);
    if (hc_buf_check(&b, p->err, "list of refs") != HC_OK || p->t->ask(p, hc_buf_str(&b), &raw) != HC_OK)
        return p->err->code;
    return git_parse_ls_refs(p, raw);
}

enum hc_rc git_no_ref(struct git_peer *p, const char *kind, hc_str name)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_str prefix = strcmp(kind, "tag") == 0 ? HC_S(TAGS) : HC_S(HEADS), any[2] = { prefix, HC_S("refs/heads/") };
    int told = 0;
    hc_buf_init(&b, 1024);
    if (list(p, any, 2) != HC_OK)
        return p->err->code;
    for (size_t i = 0; i < p->refs.n && told < 6; i++)
        if (hc_str_starts(p->refs.list[i].name, prefix))
            hc_buf_printf(&b, "%s%.*s", told++ ? ", " : "",
                          HC_P(hc_str_sub(p->refs.list[i].name, prefix.n, p->refs.list[i].name.n)));
    hc_buf_putc(&b, '\0');
    if (!p->refs.n && p->news)
        p->news->empty = true;
    if (!p->refs.n)
        return hc_fail(p->err, HC_E_NOTFOUND, "'%s' has no %s '%.*s': the Git repository is empty", p->url, kind,
                       HC_P(name));
    return hc_fail(p->err, HC_E_NOTFOUND, "'%s' has no %s '%.*s'%s%s", p->url, kind, HC_P(name),
                   told ? "; it has " : "", told && b.p ? b.p : "");
}

static void take(struct git_choice *c, const struct git_ref *r)
{
    memcpy(c->want, r->oid, sizeof(c->want));
    memcpy(c->oid, r->peeled[0] ? r->peeled : r->oid, sizeof(c->oid));
    c->listed = true;
}

static enum hc_rc choose_semver(struct git_peer *p, hc_str range_text, struct git_choice *c)
{
    struct hc_semrange *range;
    struct hc_semver best = { 0 };
    const struct git_ref *found = NULL;
    hc_str prefix = HC_S(TAGS);
    if (hc_semrange_parse(p->a, range_text, &range, p->err) != HC_OK) {
        hc_wrap(p->err, "spec.ref.semver");
        return p->err->code = HC_E_INPUT;
    }
    if (list(p, &prefix, 1) != HC_OK)
        return p->err->code;
    for (size_t i = 0; i < p->refs.n; i++) {
        const struct git_ref *r = &p->refs.list[i];
        struct hc_semver v;
        if (!hc_str_starts(r->name, prefix) ||
            !source_whole_version(hc_str_sub(r->name, prefix.n, r->name.n), true, &v) ||
            !hc_semrange_fits(range, &v))
            continue;
        /* Build metadata says nothing of which is newer (Flux asks the commits' times); the greater name wins. */
        int order = found ? hc_semver_cmp(&v, &best) : 1;
        if (order > 0 || (order == 0 && hc_str_cmp(r->name, found->name) > 0)) {
            best = v;
            found = r;
        }
    }
    if (!found) {
        if (git_no_ref(p, "tag", range_text) == HC_E_NOTFOUND && p->refs.n)
            return hc_fail(
                p->err, HC_E_NOTFOUND,
                "'%s' has no tag that fits semver '%.*s' (pre-releases fit only a range that names one, as "
                "in '>=1.0.0-0')",
                p->url, HC_P(range_text));
        return p->err->code;
    }
    take(c, found);
    c->tag = hc_str_sub(found->name, prefix.n, found->name.n);
    c->revision = hc_arena_printf(p->a, "%.*s@sha1:%s", HC_P(c->tag), c->oid);
    return HC_OK;
}

bool git_choose_alone(struct hc_arena *a, const struct hc_git_spec *s, struct git_choice *c)
{
    *c = (struct git_choice){ .branch = s->branch.n ? s->branch : HC_S("master") };
    if (s->commit.n != GIT_OID_HEX)
        return false;
    for (size_t i = 0; i < GIT_OID_HEX; i++)
        c->oid[i] = c->want[i] = s->commit.p[i];
    /* Flux: a commit's revision names what it was looked for in. */
    c->revision = s->name.n     ? hc_arena_printf(a, "%.*s@sha1:%s", HC_P(s->name), c->oid)
                  : s->branch.n ? hc_arena_printf(a, "%.*s@sha1:%s", HC_P(s->branch), c->oid)
                                : hc_arena_printf(a, "sha1:%s", c->oid);
    return true;
}

static enum hc_rc choose_commit(struct git_peer *p, const struct hc_git_spec *s, struct git_choice *c)
{
    hc_str heads = hc_arena_printf(p->a, HEADS "%.*s", HC_P(c->branch));
    if (!git_choose_alone(p->a, s, c))
        return hc_fail(p->err, HC_E_INPUT, "spec.ref.commit '%.*s' is not a whole commit id (40 digits)",
                       HC_P(s->commit));
    if (s->branch.n && list(p, &heads, 1) != HC_OK)
        return p->err->code;
    if (s->branch.n && !git_find_ref(&p->refs, heads))
        return git_no_ref(p, "branch", s->branch);
    for (size_t i = 0; i < p->refs.n && !c->listed; i++)
        c->listed = strcmp(p->refs.list[i].oid, c->oid) == 0 || strcmp(p->refs.list[i].peeled, c->oid) == 0;
    return hc_arena_check(p->a, p->err, "git fetch");
}

enum hc_rc git_choose(struct git_peer *p, const struct hc_git_spec *s, struct git_choice *c)
{
    *c = (struct git_choice){ .branch = s->branch.n ? s->branch : HC_S("master") };
    if (s->commit.n)
        return choose_commit(p, s, c);
    if (!s->name.n && s->semver.n)
        return choose_semver(p, s->semver, c);
    bool tag = !s->name.n && s->tag.n;
    hc_str want = s->name.n ? s->name : tag ? s->tag : c->branch;
    hc_str full = s->name.n ? s->name : hc_arena_printf(p->a, "refs/%s/%.*s", tag ? "tags" : "heads", HC_P(want));
    if (hc_str_ends(full, HC_S("^{}"))) /* the same commit with or without it */
        full = hc_str_sub(full, 0, full.n - 3);
    if (hc_arena_check(p->a, p->err, "git fetch") != HC_OK || list(p, &full, 1) != HC_OK)
        return p->err->code;
    const struct git_ref *r = git_find_ref(&p->refs, full);
    if (!r)
        return git_no_ref(p, s->name.n ? "reference" : tag ? "tag" : "branch", want);
    take(c, r);
    if (hc_str_starts(full, HC_S(TAGS)))
        c->tag = hc_str_sub(full, sizeof(TAGS) - 1, full.n);
    c->revision = hc_arena_printf(p->a, "%.*s@sha1:%s", HC_P(want), c->oid);
    return hc_arena_check(p->a, p->err, "git fetch");
}
