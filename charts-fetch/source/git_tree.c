/*
 * A commit's files into an archive: first the list of what there is (its folders, those of sub-modules, what is
 * included from other artifacts), then what .sourceignore and spec.ignore leave of it.
 *
 * Where only some folders are wanted and the server can leave files out (partial clone), the commit came with folders
 * alone, and the files of the wanted ones are fetched here by name. Links are left out, as Flux leaves them out, so
 * nothing leads out of the tree.
 */
#include <errno.h>
#include <fcntl.h>
#include <git2.h>
#include <stdlib.h>
#include <unistd.h>

#include "charts-fetch/source/git_impl.h"
#include "charts-fetch/source/http_impl.h"
#include "charts-fetch/source/sourceignore.h"
#include "charts-fetch/unpack/unpack.h"
#include "core/base/fs.h"
#include "core/base/limits.h"

#define MAX_LISTED       (4u * HC_MAX_ARTIFACT_FILES) /* before anything is ignored */
#define MAX_LISTED_PATHS (96 * HC_MIB)                /* of their names; usual ones have 60 bytes */
#define MAX_DEPTH        128
#define MAX_MODULE_DEPTH 10 /* go-git: DefaultSubmoduleRecursionDepth */
#define MODULES_FILE_MAX HC_MIB

struct entry {
    hc_str path;
    git_oid oid;
    bool executable, included, ignored;
    const hc_str *body; /* of an included file, NULL: the blob `oid` */
};

struct lister {
    struct git_fetcher *f;
    struct entry *list;
    size_t n, cap, path_bytes, trees;
    struct hc_sourceignore *spec; /* spec.ignore alone, which nothing takes back */
    bool *found;                  /* of each of spec->sparse */
};

/* The repository a folder belongs to. */
struct place {
    const char *url;
    const struct hc_source_auth *auth;
    hc_str root; /* where it stands in the tree, "" */
    const struct git_module *modules;
    size_t modules_n;
    int depth; /* of sub-modules */
};

static struct entry *add_entry(struct lister *l, hc_str path)
{
    if (l->n == l->cap) {
        size_t cap = l->cap ? l->cap + l->cap / 2 : 256;
        struct entry *more = cap <= 2 * (size_t)MAX_LISTED ? realloc(l->list, cap * sizeof(*more)) : NULL;
        if (!more)
            return NULL;
        l->list = more;
        l->cap = cap;
    }
    l->path_bytes += path.n;
    if (l->n >= MAX_LISTED || l->path_bytes > MAX_LISTED_PATHS)
        return NULL;
    struct entry *e = &l->list[l->n++];
    *e = (struct entry){ .path = path };
    return e;
}

static enum hc_rc too_many(struct git_fetcher *f)
{
    return hc_fail(f->err, HC_E_LIMIT,
                   "the tree of '%s' has more than %u files, or %zu bytes of their paths: take parts with "
                   "spec.sparseCheckout",
                   f->spec->url, MAX_LISTED, MAX_LISTED_PATHS);
}

static hc_str clean_dir(hc_str dir)
{
    while (hc_str_starts(dir, HC_S("./")))
        dir = hc_str_sub(dir, 2, dir.n);
    while (hc_str_starts(dir, HC_S("/")))
        dir = hc_str_sub(dir, 1, dir.n);
    while (hc_str_ends(dir, HC_S("/")))
        dir.n--;
    return hc_str_eqz(dir, ".") ? HC_S("") : dir;
}

static bool is_below(hc_str path, hc_str dir)
{
    return !dir.n || (hc_str_starts(path, dir) && (path.n == dir.n || path.p[dir.n] == '/'));
}

/* Whether spec.sparseCheckout takes the path in; a folder also when something in it is taken in. */
static bool wanted(struct lister *l, hc_str path, bool is_dir)
{
    const struct hc_git_spec *s = l->f->spec;
    bool in = !s->sparse_n;
    for (size_t i = 0; i < s->sparse_n; i++) {
        hc_str dir = clean_dir(s->sparse[i]);
        if (is_below(path, dir))
            in = l->found[i] = true;
        else if (is_dir && is_below(dir, path))
            in = true;
    }
    return in;
}

static enum hc_rc list_tree(struct lister *l, struct place *at, const git_oid *oid, hc_str dir, int depth);

/* ---- sub-modules ------------------------------------------------------------------------------------------- */

/* scheme, host and port, without a user's name. */
static bool same_server(struct hc_arena *a, hc_str x, hc_str y)
{
    hc_str hosts[2] = { source_host_of(x), source_host_of(y) };
    for (int i = 0; i < 2; i++) {
        size_t at = hc_str_rfind(hosts[i], '@'), slashes = hc_str_find_str(hosts[i], HC_S("://"));
        if (at != SIZE_MAX)
            hosts[i] = hc_arena_printf(a, "%.*s://%.*s", HC_P(hc_str_sub(hosts[i], 0, slashes)),
                                       HC_P(hc_str_sub(hosts[i], at + 1, hosts[i].n)));
    }
    return hosts[0].n && hc_str_eq_nocase(hosts[0], hosts[1]);
}

static enum hc_rc read_blob(struct git_fetcher *f, const git_oid *oid, size_t most, hc_str *out)
{
    git_blob *blob = NULL;
    if (git_blob_lookup(&blob, f->repo, oid) != 0)
        return git_lib_fail(f->err, "read a file of the commit");
    size_t n = (size_t)git_blob_rawsize(blob);
    *out = n <= most ? hc_arena_str(f->a, hc_str_n(git_blob_rawcontent(blob), n)) : HC_S("");
    git_blob_free(blob);
    return hc_arena_check(f->a, f->err, "git tree");
}

/* Blobs that are not here yet, from the first server. */
static enum hc_rc fetch_blobs(struct git_fetcher *f, const git_oid *const *oids, size_t n, bool last)
{
    git_odb *odb = NULL;
    git_hex *hex = n ? HC_NEW_N(f->a, git_hex, n) : NULL;
    size_t missing = 0;
    if (!n)
        return HC_OK;
    if (!hex || git_repository_odb(&odb, f->repo) != 0)
        return git_lib_fail(f->err, "read the commit");
    for (size_t i = 0; i < n; i++)
        if ((i == 0 || git_oid_cmp(oids[i], oids[i - 1]) != 0) && !git_odb_exists(odb, oids[i]))
            git_oid_tostr(hex[missing++], sizeof(git_hex), oids[i]);
    git_odb_free(odb);
    struct git_want w = { .oids = (const git_hex *)hex, .n = missing };
    return missing ? git_fetch_pack(f, f->peer, &w, last) : HC_OK;
}

static enum hc_rc read_modules(struct lister *l, git_tree *tree, struct place *at)
{
    struct git_fetcher *f = l->f;
    const git_tree_entry *e = git_tree_entry_byname(tree, ".gitmodules");
    struct git_module *list;
    hc_str text;
    if (!f->spec->submodules || !e || git_tree_entry_type(e) != GIT_OBJECT_BLOB)
        return HC_OK;
    const git_oid *oid = git_tree_entry_id(e);
    if (f->partial && !at->depth && fetch_blobs(f, &oid, 1, false) != HC_OK)
        return f->err->code;
    if (read_blob(f, oid, MODULES_FILE_MAX, &text) != HC_OK)
        return f->err->code;
    if (git_parse_modules(f->a, text, &list, &at->modules_n) != HC_OK)
        return hc_arena_check(f->a, f->err, ".gitmodules");
    at->modules = list;
    return HC_OK;
}

static enum hc_rc fetch_module(struct lister *l, const char *url, const struct hc_source_auth *auth,
                               const git_oid *oid)
{
    struct git_fetcher *f = l->f;
    struct git_choice c = { .branch = HC_S("HEAD") };
    struct git_peer p;
    bool partial = f->partial;
    git_oid_tostr(c.oid, sizeof(c.oid), oid);
    git_oid_tostr(c.want, sizeof(c.want), oid);
    if (git_peer_init(&p, f, url, auth) != HC_OK)
        return f->err->code;
    enum hc_rc rc = git_peer_open(&p);
    for (size_t i = 0; i < p.refs.n && !c.listed; i++)
        c.listed = strcmp(p.refs.list[i].oid, c.oid) == 0;
    f->partial = false;
    if (rc == HC_OK)
        rc = git_fetch_commit(f, &p, &c);
    f->partial = partial;
    p.t->close(&p);
    return rc;
}

static enum hc_rc list_module(struct lister *l, struct place *parent, const git_oid *oid, hc_str path, int depth)
{
    struct git_fetcher *f = l->f;
    hc_str rel = parent->root.n ? hc_str_sub(path, parent->root.n + 1, path.n) : path;
    const struct git_module *m = NULL;
    git_commit *commit = NULL;
    for (size_t i = 0; i < parent->modules_n && !m; i++)
        if (hc_str_eq(parent->modules[i].path, rel) && parent->modules[i].url.n)
            m = &parent->modules[i];
    if (!m) /* a commit in the tree that .gitmodules does not name: git passes it over too */
        return HC_OK;
    if (parent->depth >= MAX_MODULE_DEPTH)
        return hc_fail(f->err, HC_E_LIMIT, "sub-module '%.*s': sub-modules within sub-modules more than %d deep",
                       HC_P(path), MAX_MODULE_DEPTH);
    hc_str url = git_module_url(f->a, hc_str_of(parent->url), m->url);
    if (!url.p)
        return hc_fail(
            f->err, HC_E_INPUT,
            "sub-module '%.*s': its URL '%.*s' in .gitmodules is neither http, https, ssh nor relative to "
            "the repository's",
            HC_P(path), HC_P(m->url));
    bool same = parent->auth && same_server(f->a, hc_str_of(f->spec->url), url);
    struct place at = {
        .url = hc_arena_strz(f->a, url), .auth = same ? f->auth : NULL, .root = path, .depth = parent->depth + 1
    };
    if (!at.url)
        return hc_arena_check(f->a, f->err, "git tree");
    if (fetch_module(l, at.url, at.auth, oid) != HC_OK)
        return hc_wrap(f->err, "sub-module '%.*s'%s", HC_P(path),
                       same || !f->auth ? "" : " (another server gets none of the credentials of spec.secretRef)");
    if (git_commit_lookup(&commit, f->repo, oid) != 0)
        return git_lib_fail(f->err, "read a sub-module's commit");
    git_oid tree = *git_commit_tree_id(commit);
    git_commit_free(commit);
    return list_tree(l, &at, &tree, path, depth);
}

/* ---- the list ------------------------------------------------------------------------------------------------ */

/* Names that no checkout would write. */
static bool bad_name(hc_str name)
{
    return !name.n || hc_str_eqz(name, ".") || hc_str_eqz(name, "..") || hc_str_eq_nocase(name, HC_S(".git")) ||
           hc_str_find(name, '/') != SIZE_MAX;
}

static enum hc_rc list_entries(struct lister *l, struct place *at, git_tree *tree, hc_str dir, int depth)
{
    struct git_fetcher *f = l->f;
    size_t n = git_tree_entrycount(tree);
    for (size_t i = 0; i < n; i++) {
        if (l->n % 256 == 0 && git_in_time(f) != HC_OK)
            return f->err->code;
        const git_tree_entry *e = git_tree_entry_byindex(tree, i);
        hc_str name = hc_str_of(git_tree_entry_name(e));
        git_object_t type = git_tree_entry_type(e);
        bool is_dir = type == GIT_OBJECT_TREE || type == GIT_OBJECT_COMMIT;
        if (bad_name(name) || git_tree_entry_filemode(e) == GIT_FILEMODE_LINK)
            continue;
        hc_str path = dir.n ? hc_arena_printf(f->a, "%.*s/%.*s", HC_P(dir), HC_P(name)) : hc_arena_str(f->a, name);
        if (hc_arena_spent(f->a))
            return hc_arena_check(f->a, f->err, "git tree");
        if (!wanted(l, path, is_dir) || (is_dir && l->spec && hc_sourceignore_prunes(l->spec, path)))
            continue;
        enum hc_rc rc = HC_OK;
        if (type == GIT_OBJECT_TREE) {
            rc = list_tree(l, at, git_tree_entry_id(e), path, depth + 1);
        } else if (type == GIT_OBJECT_COMMIT) {
            if (f->spec->submodules)
                rc = list_module(l, at, git_tree_entry_id(e), path, depth + 1);
        } else if (type == GIT_OBJECT_BLOB) {
            struct entry *entry = add_entry(l, path);
            if (!entry)
                return too_many(f);
            entry->oid = *git_tree_entry_id(e);
            entry->executable = git_tree_entry_filemode(e) == GIT_FILEMODE_BLOB_EXECUTABLE;
        }
        if (rc != HC_OK)
            return rc;
    }
    return HC_OK;
}

static enum hc_rc list_tree(struct lister *l, struct place *at, const git_oid *oid, hc_str dir, int depth)
{
    struct git_fetcher *f = l->f;
    git_tree *tree = NULL;
    if (++l->trees % 64 == 0 && git_in_time(f) != HC_OK)
        return f->err->code;
    if (depth > MAX_DEPTH)
        return hc_fail(f->err, HC_E_LIMIT, "the tree of '%s' is more than %d folders deep", f->spec->url,
                       MAX_DEPTH);
    if (git_tree_lookup(&tree, f->repo, oid) != 0)
        return git_lib_fail(f->err, "read a folder of the commit");
    enum hc_rc rc = hc_str_eq(dir, at->root) ? read_modules(l, tree, at) : HC_OK;
    if (rc == HC_OK)
        rc = list_entries(l, at, tree, dir, depth);
    git_tree_free(tree);
    return rc;
}

static int by_oid(const void *x, const void *y)
{
    return git_oid_cmp(*(const git_oid *const *)x, *(const git_oid *const *)y);
}

/* The files of a partial clone's folders. */
static enum hc_rc fill_partial(struct lister *l)
{
    struct git_fetcher *f = l->f;
    const git_oid **oids = l->n ? HC_NEW_N(f->a, const git_oid *, l->n) : NULL;
    if (!f->partial || !l->n)
        return HC_OK;
    if (!oids)
        return hc_arena_check(f->a, f->err, "git tree");
    for (size_t i = 0; i < l->n; i++)
        oids[i] = &l->list[i].oid;
    qsort(oids, l->n, sizeof(const git_oid *), by_oid);
    return fetch_blobs(f, oids, l->n, true);
}

/* ---- includes ------------------------------------------------------------------------------------------------ */

static enum hc_rc list_include(struct lister *l, const struct hc_git_include *inc)
{
    struct git_fetcher *f = l->f;
    struct hc_unpack_limits limits = { HC_MAX_ARTIFACT_BYTES, HC_MAX_ARTIFACT_FILES };
    struct hc_unpacked *files;
    hc_str archive, from = clean_dir(inc->from), to = clean_dir(inc->to.n ? inc->to : inc->name), part, rest;
    size_t n, before = l->n;
    for (rest = to; hc_str_split(&rest, '/', &part);)
        if (hc_str_eqz(part, ".."))
            return hc_fail(f->err, HC_E_INPUT, "include '%.*s': toPath '%.*s' leads out of the artifact",
                           HC_P(inc->name), HC_P(inc->to));
    for (size_t i = 0; i < before; i++)
        if (is_below(l->list[i].path, to) || is_below(to, l->list[i].path))
            return hc_fail(f->err, HC_E_INPUT, "include '%.*s': toPath '%.*s' is there already (%.*s)",
                           HC_P(inc->name), HC_P(to), HC_P(l->list[i].path));
    if (hc_store_get(f->env->store, f->a, inc->digest, HC_MAX_ARTIFACT_BYTES, &archive, f->err) != HC_OK ||
        hc_unpack_memory(f->a, archive, &limits, &files, &n, f->err) != HC_OK)
        return hc_wrap(f->err, "include '%.*s'", HC_P(inc->name));
    for (size_t i = 0; i < n; i++) {
        if (!is_below(files[i].name, from))
            continue;
        hc_str below = hc_str_sub(files[i].name, from.n ? HC_MIN(from.n + 1, files[i].name.n) : 0, files[i].name.n);
        hc_str path = !below.n ? to : to.n ? hc_arena_printf(f->a, "%.*s/%.*s", HC_P(to), HC_P(below)) : below;
        struct entry *e = add_entry(l, path);
        if (!e)
            return too_many(f);
        e->body = &files[i].body;
        e->executable = files[i].mode & 0100;
        e->included = true;
    }
    if (l->n == before)
        return hc_fail(f->err, HC_E_INPUT, "include '%.*s': its artifact has no '%.*s' (fromPath)", HC_P(inc->name),
                       HC_P(inc->from));
    return hc_arena_check(f->a, f->err, "include");
}

/* ---- the archive ---------------------------------------------------------------------------------------------- */

static enum hc_rc read_ignore_files(struct lister *l, struct hc_sourceignore *g)
{
    for (size_t i = 0; i < l->n; i++) {
        const struct entry *e = &l->list[i];
        hc_str lines = e->body ? *e->body : HC_S("");
        if (!hc_str_eqz(e->path, ".sourceignore") && !hc_str_ends(e->path, HC_S("/.sourceignore")))
            continue;
        if (git_in_time(l->f) != HC_OK || (!e->included && read_blob(l->f, &e->oid, HC_MIB, &lines) != HC_OK))
            return l->f->err->code;
        size_t slash = hc_str_rfind(e->path, '/');
        hc_sourceignore_add(g, slash == SIZE_MAX ? HC_S("") : hc_str_sub(e->path, 0, slash), lines);
    }
    hc_sourceignore_end(g, l->f->spec->ignore);
    return hc_arena_check(l->f->a, l->f->err, ".sourceignore");
}

static enum hc_rc pack_entries(struct lister *l, const struct hc_sourceignore *g, struct hc_packer *packer)
{
    struct git_fetcher *f = l->f;
    size_t files = 0;
    uint64_t bytes = 0;
    for (size_t i = 0; i < l->n; i++) { /* too many are told of before the first is packed */
        l->list[i].ignored = hc_sourceignored(g, l->list[i].path, false);
        files += !l->list[i].ignored;
        if (i % 256 == 0 && git_in_time(f) != HC_OK)
            return f->err->code;
    }
    for (size_t i = 0; i < l->n; i++) {
        const struct entry *e = &l->list[i];
        git_blob *blob = NULL;
        hc_str body = e->body ? *e->body : HC_S("");
        if (e->ignored && files <= HC_MAX_ARTIFACT_FILES)
            continue;
        if (i % 64 == 0 && git_in_time(f) != HC_OK)
            return f->err->code;
        if (!e->included && files <= HC_MAX_ARTIFACT_FILES) {
            if (git_blob_lookup(&blob, f->repo, &e->oid) != 0)
                return git_lib_fail(f->err, "read a file of the commit");
            body = hc_str_n(git_blob_rawcontent(blob), (size_t)git_blob_rawsize(blob));
        }
        bytes += body.n;
        bool over = files > HC_MAX_ARTIFACT_FILES || bytes > HC_MAX_ARTIFACT_BYTES;
        if (!over)
            hc_packer_file(packer, e->path, e->executable ? 0755 : 0644, body);
        git_blob_free(blob);
        if (over)
            return hc_fail(f->err, HC_E_LIMIT,
                           "the tree of '%s' has more than %u files or %zu bytes: leave parts out with spec.ignore",
                           f->spec->url, HC_MAX_ARTIFACT_FILES, HC_MAX_ARTIFACT_BYTES);
    }
    return HC_OK;
}

static enum hc_rc list_all(struct lister *l, const char *hex)
{
    struct git_fetcher *f = l->f;
    const struct hc_git_spec *s = f->spec;
    git_oid id;
    git_commit *commit = NULL;
    struct place at = { .url = s->url, .auth = f->auth };
    if (git_oid_fromstr(&id, hex) != 0 || git_commit_lookup(&commit, f->repo, &id) != 0)
        return git_lib_fail(f->err, "read the commit");
    git_oid tree = *git_commit_tree_id(commit);
    git_commit_free(commit);
    if (s->sparse_n && !(l->found = HC_NEW_N(f->a, bool, s->sparse_n)))
        return hc_arena_check(f->a, f->err, "git tree");
    if (s->ignore.p && (l->spec = hc_sourceignore_new(f->a)) != NULL)
        hc_sourceignore_end(l->spec, s->ignore);
    enum hc_rc rc = list_tree(l, &at, &tree, HC_S(""), 0);
    for (size_t i = 0; i < s->sparse_n && rc == HC_OK; i++)
        if (!l->found[i] && clean_dir(s->sparse[i]).n)
            rc = hc_fail(
                f->err, HC_E_INPUT,
                "failed to sparse checkout directories: '%.*s' of spec.sparseCheckout does not exist in the "
                "repository",
                HC_P(s->sparse[i]));
    if (rc == HC_OK)
        rc = fill_partial(l);
    for (size_t i = 0; i < s->includes_n && rc == HC_OK; i++)
        if ((rc = list_include(l, &s->includes[i])) != HC_OK && s->news)
            s->news->include_failed = true;
    return rc;
}

enum hc_rc git_pack_commit(struct git_fetcher *f, const char *hex, const char *file)
{
    struct lister l = { .f = f };
    struct hc_sourceignore *g = hc_sourceignore_new(f->a);
    HC_AUTO(hc_fd) int fd = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd < 0)
        return hc_fail_errno(f->err, "create", file);
    enum hc_rc rc = list_all(&l, hex);
    if (rc == HC_OK)
        rc = read_ignore_files(&l, g);
    struct hc_packer *packer = rc == HC_OK ? hc_packer_new(fd, 0) : NULL;
    if (rc == HC_OK)
        rc = packer ? pack_entries(&l, g, packer) : hc_fail_nomem(f->err);
    if (packer) {
        enum hc_rc done = hc_packer_done(packer, rc == HC_OK ? f->err : NULL);
        rc = rc == HC_OK ? done : rc;
    }
    free(l.list);
    return rc;
}
