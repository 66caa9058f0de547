/*
 * A GitRepository: list the server's refs, choose a commit, stop when it is the one at hand, else fetch that one commit
 * without history and pack its tree. The pack goes through libgit2 into a repository that lives below the store for the
 * length of the call; one blob is in memory at a time.
 */
#include <errno.h>
#include <fcntl.h>
#include <git2.h>
#include <git2/sys/odb_backend.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "charts-fetch/source/git_impl.h"
#include "charts-fetch/source/sourceignore.h"
#include "charts-fetch/unpack/unpack.h"
#include "core/base/buf.h"
#include "core/base/clock.h"
#include "core/base/fs.h"
#include "core/base/limits.h"
#include "core/base/semver.h"

int64_t git_time_left(const struct git_peer *p)
{
    int64_t left = p->deadline_ms - hc_mono_ms();
    return left > 1 ? left : 1;
}

enum hc_rc git_spool(struct git_peer *p, int *out_fd)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s/tmp", hc_store_dir(p->env->store));
    int fd = open(path, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0)
        return hc_fail_errno(p->err, "open a temporary file in", path);
    *out_fd = fd;
    return HC_OK;
}

static enum hc_rc git2_fail(struct hc_err *err, const char *what)
{
    const git_error *e = git_error_last();
    return hc_fail(err, HC_E_AGAIN, "%s: %s", what, e && e->message ? e->message : "unknown error");
}

/* ---- which commit ------------------------------------------------------------------------------------- */

struct choice {
    char oid[GIT_OID_HEX + 1];
    hc_str revision; /* "main@sha1:<oid>" */
    hc_str branch;   /* to be searched when the server does not hand out the commit by itself */
    bool listed;     /* the server said so itself: the commit is the tip of a ref */
};

/* An annotated tag's commit stands behind it as "name^{}". */
static const struct git_ref *peeled(struct git_peer *p, const struct git_refs *refs, hc_str name)
{
    const struct git_ref *r = git_find_ref(refs, hc_arena_printf(p->a, "%.*s^{}", HC_P(name)));
    return r ? r : git_find_ref(refs, name);
}

static enum hc_rc no_ref(struct git_peer *p, const struct git_refs *refs, const char *kind, hc_str name)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_str prefix = strcmp(kind, "tag") == 0 ? HC_S("refs/tags/") : HC_S("refs/heads/");
    int told = 0;
    hc_buf_init(&b, 1024);
    for (size_t i = 0; i < refs->n && told < 6; i++)
        if (hc_str_starts(refs->list[i].name, prefix) && !hc_str_ends(refs->list[i].name, HC_S("^{}")))
            hc_buf_printf(&b, "%s%.*s", told++ ? ", " : "",
                          HC_P(hc_str_sub(refs->list[i].name, prefix.n, refs->list[i].name.n)));
    hc_buf_putc(&b, '\0');
    return hc_fail(p->err, HC_E_NOTFOUND, "'%s' has no %s '%.*s'%s%s", p->url, kind, HC_P(name),
                   told      ? "; it has "
                   : refs->n ? ""
                             : "; it is empty",
                   told && b.p ? b.p : "");
}

static enum hc_rc choose_semver(struct git_peer *p, const struct git_refs *refs, hc_str range_text,
                                struct choice *c)
{
    struct hc_semrange *range;
    struct hc_semver best = { 0 };
    hc_str best_tag = { NULL, 0 };
    if (hc_semrange_parse(p->a, range_text, &range, p->err) != HC_OK)
        return hc_wrap(p->err, "spec.ref.semver");
    for (size_t i = 0; i < refs->n; i++) {
        hc_str name = refs->list[i].name;
        struct hc_semver v;
        if (!hc_str_starts(name, HC_S("refs/tags/")) || hc_str_ends(name, HC_S("^{}")))
            continue;
        hc_str tag = hc_str_sub(name, 10, name.n);
        if (hc_semver_parse(tag, &v, NULL) != HC_OK || !hc_semrange_fits(range, &v))
            continue;
        if (!best_tag.p || hc_semver_cmp(&v, &best) > 0) {
            best = v;
            best_tag = tag;
        }
    }
    if (!best_tag.p)
        return hc_fail(p->err, HC_E_NOTFOUND, "'%s' has no tag that fits semver '%.*s'", p->url, HC_P(range_text));
    const struct git_ref *r = peeled(p, refs, hc_arena_printf(p->a, "refs/tags/%.*s", HC_P(best_tag)));
    memcpy(c->oid, r->oid, sizeof(c->oid));
    c->listed = true;
    c->revision = hc_arena_printf(p->a, "%.*s@sha1:%s", HC_P(best_tag), c->oid);
    return HC_OK;
}

/* Flux: commit > name > semver > tag > branch, and branch master when nothing is said. */
static enum hc_rc choose(struct git_peer *p, const struct hc_git_spec *s, const struct git_refs *refs,
                         struct choice *c)
{
    hc_str branch = s->branch.n ? s->branch : HC_S("master");
    *c = (struct choice){ .branch = branch };
    if (s->commit.n) {
        if (s->commit.n != GIT_OID_HEX)
            return hc_fail(p->err, HC_E_INPUT, "spec.ref.commit '%.*s' is not a whole commit id (40 digits)",
                           HC_P(s->commit));
        memcpy(c->oid, s->commit.p, GIT_OID_HEX);
        c->revision = s->branch.n ? hc_arena_printf(p->a, "%.*s@sha1:%s", HC_P(s->branch), c->oid)
                                  : hc_arena_printf(p->a, "sha1:%s", c->oid);
        for (size_t i = 0; i < refs->n && !c->listed; i++)
            c->listed = strcmp(refs->list[i].oid, c->oid) == 0;
        return HC_OK;
    }
    if (!s->name.n && s->semver.n)
        return choose_semver(p, refs, s->semver, c);
    bool tag = !s->name.n && s->tag.n;
    hc_str want = s->name.n ? s->name : tag ? s->tag : branch;
    hc_str full = s->name.n ? s->name : hc_arena_printf(p->a, "refs/%s/%.*s", tag ? "tags" : "heads", HC_P(want));
    const struct git_ref *r = peeled(p, refs, full);
    if (!r)
        return no_ref(p, refs, s->name.n ? "ref" : tag ? "tag" : "branch", want);
    memcpy(c->oid, r->oid, sizeof(c->oid));
    c->listed = true;
    c->revision = hc_arena_printf(p->a, "%.*s@sha1:%s", HC_P(want), c->oid);
    return HC_OK;
}

/* ---- the pack ------------------------------------------------------------------------------------------ */

struct sink {
    git_odb_writepack *wp;
    git_indexer_progress progress;
    bool failed;
};

static bool on_pack(void *ctx, const char *bytes, size_t n)
{
    struct sink *s = ctx;
    s->failed = s->wp->append(s->wp, bytes, n, &s->progress) != 0;
    return !s->failed;
}

static enum hc_rc fetch_pack(struct git_peer *p, git_repository *repo, const struct git_refs *refs, const char *oid,
                             bool shallow)
{
    HC_AUTO(hc_buf) struct hc_buf wants;
    HC_AUTO(hc_buf) struct hc_buf more;
    struct sink sink = { 0 };
    git_odb *odb = NULL;
    int fd = -1;
    hc_buf_init(&wants, 4096);
    hc_buf_init(&more, 4096);
    git_build_wants(&wants, &more, refs, oid, shallow);
    if (p->t->request(p, hc_buf_str(&wants), hc_buf_str(&more), &fd) != HC_OK)
        return p->err->code;
    enum hc_rc rc = HC_OK;
    if (git_repository_odb(&odb, repo) != 0 || git_odb_write_pack(&sink.wp, odb, NULL, NULL) != 0)
        rc = git2_fail(p->err, "prepare the object store");
    if (rc == HC_OK)
        rc = git_read_pack(p, fd, refs->sideband, on_pack, &sink);
    if (sink.failed || (rc == HC_OK && sink.wp->commit(sink.wp, &sink.progress) != 0))
        rc = git2_fail(p->err, "the pack from the server is damaged");
    if (sink.wp)
        sink.wp->free(sink.wp);
    git_odb_free(odb);
    close(fd);
    return rc;
}

static bool has_commit(git_repository *repo, const char *oid)
{
    git_oid id;
    git_commit *c = NULL;
    bool there = git_oid_fromstr(&id, oid) == 0 && git_commit_lookup(&c, repo, &id) == 0;
    git_commit_free(c);
    return there;
}

/* A commit that is no ref's tip: ask for it by itself; a server that does not allow that gets asked for the branch
 * with its history. */
static enum hc_rc fetch_commit(struct git_peer *p, git_repository *repo, const struct git_refs *refs,
                               struct choice *c)
{
    if (c->listed || refs->deepen_any)
        return fetch_pack(p, repo, refs, c->oid, true);
    const struct git_ref *tip = git_find_ref(refs, hc_arena_printf(p->a, "refs/heads/%.*s", HC_P(c->branch)));
    if (!tip)
        return no_ref(p, refs, "branch", c->branch);
    if (fetch_pack(p, repo, refs, tip->oid, false) != HC_OK)
        return p->err->code;
    if (!has_commit(repo, c->oid))
        return hc_fail(p->err, HC_E_NOTFOUND, "branch '%.*s' of '%s' has no commit %s", HC_P(c->branch), p->url,
                       c->oid);
    return HC_OK;
}

/* ---- the tree ------------------------------------------------------------------------------------------ */

struct walk {
    struct git_peer *p;
    git_repository *repo;
    struct hc_packer *packer;
    struct hc_sourceignore *ignore;
    size_t files;
    uint64_t bytes;
};

static enum hc_rc pack_tree(struct walk *w, const git_oid *oid, hc_str dir, int depth);

static enum hc_rc pack_blob(struct walk *w, const git_tree_entry *e, hc_str path)
{
    git_blob *blob = NULL;
    if (git_blob_lookup(&blob, w->repo, git_tree_entry_id(e)) != 0)
        return git2_fail(w->p->err, "read a file of the commit");
    hc_str body = hc_str_n(git_blob_rawcontent(blob), (size_t)git_blob_rawsize(blob));
    w->bytes += body.n;
    enum hc_rc rc = HC_OK;
    if (++w->files > HC_MAX_ARTIFACT_FILES || w->bytes > HC_MAX_ARTIFACT_BYTES)
        rc = hc_fail(w->p->err, HC_E_LIMIT,
                     "the tree of '%s' has more than %u files or %zu bytes: leave parts out with spec.ignore",
                     w->p->url, HC_MAX_ARTIFACT_FILES, HC_MAX_ARTIFACT_BYTES);
    else
        hc_packer_file(w->packer, path, git_tree_entry_filemode(e) == GIT_FILEMODE_BLOB_EXECUTABLE ? 0755 : 0644,
                       body);
    git_blob_free(blob);
    return rc;
}

static enum hc_rc pack_entries(struct walk *w, git_tree *tree, hc_str dir, int depth)
{
    struct git_peer *p = w->p;
    const git_tree_entry *own = git_tree_entry_byname(tree, ".sourceignore");
    git_blob *blob = NULL;
    if (own && git_tree_entry_type(own) == GIT_OBJECT_BLOB &&
        git_blob_lookup(&blob, w->repo, git_tree_entry_id(own)) == 0) {
        hc_sourceignore_add(w->ignore, dir, hc_str_n(git_blob_rawcontent(blob), (size_t)git_blob_rawsize(blob)));
        git_blob_free(blob);
    }
    size_t n = git_tree_entrycount(tree);
    for (size_t i = 0; i < n; i++) {
        const git_tree_entry *e = git_tree_entry_byindex(tree, i);
        hc_str name = hc_str_of(git_tree_entry_name(e));
        hc_str path = dir.n ? hc_arena_printf(p->a, "%.*s/%.*s", HC_P(dir), HC_P(name)) : hc_arena_str(p->a, name);
        git_object_t type = git_tree_entry_type(e);
        if (hc_arena_spent(p->a))
            return hc_arena_check(p->a, p->err, "git tree");
        if (hc_str_eqz(name, ".git") || hc_str_eqz(name, "..") ||
            hc_sourceignored(w->ignore, path, type == GIT_OBJECT_TREE))
            continue;
        enum hc_rc rc = HC_OK;
        if (type == GIT_OBJECT_TREE)
            rc = pack_tree(w, git_tree_entry_id(e), path, depth + 1);
        else if (type == GIT_OBJECT_BLOB && git_tree_entry_filemode(e) != GIT_FILEMODE_LINK)
            rc = pack_blob(w, e, path); /* links are left out, as Flux does; so are sub-modules */
        if (rc != HC_OK)
            return rc;
    }
    return HC_OK;
}

static enum hc_rc pack_tree(struct walk *w, const git_oid *oid, hc_str dir, int depth)
{
    git_tree *tree = NULL;
    if (depth > 128)
        return hc_fail(w->p->err, HC_E_LIMIT, "the tree of '%s' is more than 128 folders deep", w->p->url);
    if (git_tree_lookup(&tree, w->repo, oid) != 0)
        return git2_fail(w->p->err, "read a folder of the commit");
    enum hc_rc rc = pack_entries(w, tree, dir, depth);
    git_tree_free(tree);
    return rc;
}

static enum hc_rc pack_commit(struct git_peer *p, git_repository *repo, const struct hc_git_spec *spec,
                              const char *hex, const char *file)
{
    git_oid id;
    git_object *any = NULL, *commit = NULL;
    struct walk w = { .p = p, .repo = repo, .ignore = hc_sourceignore_new(p->a) };
    HC_AUTO(hc_fd) int fd = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd < 0)
        return hc_fail_errno(p->err, "create", file);
    if (git_oid_fromstr(&id, hex) != 0 || git_object_lookup(&any, repo, &id, GIT_OBJECT_ANY) != 0 ||
        git_object_peel(&commit, any, GIT_OBJECT_COMMIT) != 0) {
        git_object_free(any);
        return git2_fail(p->err, "read the commit");
    }
    git_object_free(any);
    if (spec->ignore.p) {
        hc_sourceignore_add(w.ignore, HC_S(""), HC_S(".git/\n.gitignore\n.gitmodules\n.gitattributes\n"));
        hc_sourceignore_add(w.ignore, HC_S(""), spec->ignore);
    } else {
        hc_sourceignore_add_defaults(w.ignore);
    }
    w.packer = hc_packer_new(fd, 0);
    enum hc_rc rc = w.packer ? pack_tree(&w, git_commit_tree_id((git_commit *)commit), HC_S(""), 0)
                             : hc_fail_nomem(p->err);
    git_object_free(commit);
    if (w.packer) {
        enum hc_rc done = hc_packer_done(w.packer, rc == HC_OK ? p->err : NULL);
        rc = rc == HC_OK ? done : rc;
    }
    return rc;
}

/* ---- all of it ------------------------------------------------------------------------------------------ */

static void start_library(void)
{
    git_libgit2_init();
    git_libgit2_opts(GIT_OPT_SET_SEARCH_PATH, GIT_CONFIG_LEVEL_SYSTEM, "");
    git_libgit2_opts(GIT_OPT_SET_SEARCH_PATH, GIT_CONFIG_LEVEL_GLOBAL, "");
    git_libgit2_opts(GIT_OPT_SET_SEARCH_PATH, GIT_CONFIG_LEVEL_XDG, "");
    git_libgit2_opts(GIT_OPT_SET_OWNER_VALIDATION, 0);
    git_libgit2_opts(GIT_OPT_ENABLE_CACHING, 0); /* nothing is read twice */
}

static enum hc_rc fetch_new(struct git_peer *p, const struct hc_git_spec *spec, const struct git_refs *refs,
                            struct choice *c, struct hc_artifact *out)
{
    const char *dir;
    git_repository *repo = NULL;
    if (hc_store_temp(p->env->store, p->a, &dir, p->err) != HC_OK)
        return p->err->code;
    const char *git_dir = hc_arena_printf(p->a, "%s/git", dir).p,
               *file = hc_arena_printf(p->a, "%s/tree.tar.gz", dir).p;
    enum hc_rc rc = hc_arena_check(p->a, p->err, "git fetch");
    if (rc == HC_OK && git_repository_init(&repo, git_dir, 1) != 0)
        rc = git2_fail(p->err, "prepare a repository below the storage path");
    if (rc == HC_OK)
        rc = fetch_commit(p, repo, refs, c);
    if (rc == HC_OK)
        rc = pack_commit(p, repo, spec, c->oid, file);
    git_repository_free(repo);
    if (rc == HC_OK)
        rc = hc_store_adopt(p->env->store, p->a, file, &out->digest, &out->size, p->err);
    hc_remove_tree(dir, NULL);
    return rc;
}

enum hc_rc hc_git_fetch(const struct hc_source_env *env, struct hc_arena *a, const struct hc_git_spec *spec,
                        const struct hc_source_auth *auth, hc_str known, struct hc_artifact *out,
                        struct hc_err *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct hc_err mine;
    struct git_refs refs;
    struct choice c;
    hc_str raw, host = hc_str_of(spec->url);
    pthread_once(&once, start_library);
    size_t slashes = hc_str_find_str(host, HC_S("://"));
    host = hc_str_sub(host, slashes == SIZE_MAX ? 0 : slashes + 3, host.n);
    host = hc_str_sub(host, 0, hc_str_find(host, '/'));
    size_t at = hc_str_rfind(host, '@');
    host = hc_str_sub(host, at == SIZE_MAX ? 0 : at + 1, host.n);
    struct git_peer p = {
        .env = env,
        .a = a,
        .auth = auth,
        .err = err ? err : &mine,
        .url = spec->url,
        .host = host,
        .deadline_ms = hc_mono_ms() + (env->timeout_ms ? env->timeout_ms : 60000),
        .t = strncmp(spec->url, "ssh://", 6) == 0 ? &git_ssh_transport : &git_http_transport,
    };
    if (at != SIZE_MAX && p.t == &git_http_transport)
        return hc_fail(p.err, HC_E_INPUT,
                       "the URL of %.*s holds credentials: put them into a Secret and name it in "
                       "spec.secretRef",
                       HC_P(host));
    *out = (struct hc_artifact){ 0 };
    enum hc_rc rc = p.t->advertise(&p, &raw);
    if (rc == HC_OK)
        rc = git_parse_refs(&p, raw, &refs);
    if (rc == HC_OK)
        rc = choose(&p, spec, &refs, &c);
    if (rc == HC_OK) {
        out->revision = c.revision;
        out->unchanged = known.n && hc_str_eq(known, c.revision);
        if (!out->unchanged)
            rc = fetch_new(&p, spec, &refs, &c, out);
    }
    p.t->close(&p);
    return rc == HC_OK ? hc_arena_check(a, p.err, "git fetch") : rc;
}
