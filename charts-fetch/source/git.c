/*
 * A GitRepository: ask the server for the refs that matter, choose a commit, stop when it is the one at hand, else fetch
 * that one commit without history, check who signed it and pack its tree. The pack goes through libgit2 into a
 * repository that lives below the store for the length of the call; one file is in memory at a time.
 */
#include <errno.h>
#include <fcntl.h>
#include <git2.h>
#include <git2/sys/alloc.h>
#include <git2/sys/odb_backend.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "charts-fetch/source/git_impl.h"
#include "core/base/clock.h"
#include "core/base/fs.h"
#include "core/base/limits.h"

/* One object of a pack, inflated and put together out of deltas: a few bytes of a stranger's can say a gigabyte. */
#define MAX_OBJECT  (128 * HC_MIB)
#define MAX_OBJECTS 2000000u /* of a pack */

int64_t git_time_left(const struct git_peer *p)
{
    int64_t left = p->deadline_ms - hc_mono_ms();
    return left > 1 ? left : 1;
}

enum hc_rc git_in_time(const struct git_fetcher *f)
{
    if (hc_mono_ms() < f->peer->deadline_ms)
        return HC_OK;
    return hc_fail(
        f->err, HC_E_LIMIT,
        "'%s' is too large to be read and packed in the time it has (spec.timeout): give it more, or take "
        "parts with spec.sparseCheckout",
        f->spec->url);
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

/* ---- libgit2, with a ceiling on each block of memory ----------------------------------------------------- */

static _Thread_local bool too_large;

static void *lib_realloc(void *old, size_t n, const char *file, int line)
{
    (void)file, (void)line;
    if (n > MAX_OBJECT) {
        too_large = true;
        return NULL;
    }
    return realloc(old, n ? n : 1);
}

static void *lib_malloc(size_t n, const char *file, int line)
{
    return lib_realloc(NULL, n, file, line);
}

static void *lib_realloc_array(void *old, size_t n, size_t size, const char *file, int line)
{
    return size && n > MAX_OBJECT / size ? lib_realloc(NULL, SIZE_MAX, file, line)
                                         : lib_realloc(old, n * size, file, line);
}

static void *lib_malloc_array(size_t n, size_t size, const char *file, int line)
{
    return lib_realloc_array(NULL, n, size, file, line);
}

static void *lib_calloc(size_t n, size_t size, const char *file, int line)
{
    void *p = lib_realloc_array(NULL, n, size, file, line);
    if (p)
        memset(p, 0, n * size);
    return p;
}

static char *lib_substrdup(const char *s, size_t n, const char *file, int line)
{
    char *p = n < SIZE_MAX ? lib_malloc(n + 1, file, line) : NULL;
    if (p) {
        memcpy(p, s, n);
        p[n] = '\0';
    }
    return p;
}

static char *lib_strndup(const char *s, size_t n, const char *file, int line)
{
    return lib_substrdup(s, strnlen(s, n), file, line);
}

static char *lib_strdup(const char *s, const char *file, int line)
{
    return lib_substrdup(s, strlen(s), file, line);
}

/*
 * Where the library is built with mbedTLS (Debian's is), its start reads every authority that the system trusts: more
 * than all the rest of a fetch that finds nothing new. No connection of ours goes through its TLS (git_http.c has curl's),
 * so the file is not read: the program's own function is found before the shared library's. Without authorities that TLS
 * trusts nobody; it cannot be used by mistake.
 */
__attribute__((visibility("default"), used)) int mbedtls_x509_crt_parse_file(void *chain, const char *path);

int mbedtls_x509_crt_parse_file(void *chain, const char *path)
{
    (void)chain, (void)path;
    return 0;
}

static void start_library(void)
{
    static git_allocator alloc = { lib_malloc,  lib_calloc,        lib_strdup,       lib_strndup, lib_substrdup,
                                   lib_realloc, lib_realloc_array, lib_malloc_array, free };
    git_libgit2_opts(GIT_OPT_SET_ALLOCATOR, &alloc);
    git_libgit2_init();
    git_libgit2_opts(GIT_OPT_SET_SEARCH_PATH, GIT_CONFIG_LEVEL_SYSTEM, "");
    git_libgit2_opts(GIT_OPT_SET_SEARCH_PATH, GIT_CONFIG_LEVEL_GLOBAL, "");
    git_libgit2_opts(GIT_OPT_SET_SEARCH_PATH, GIT_CONFIG_LEVEL_XDG, "");
    git_libgit2_opts(GIT_OPT_SET_OWNER_VALIDATION, 0);
    git_libgit2_opts(GIT_OPT_ENABLE_CACHING, 0); /* nothing is read twice */
    git_libgit2_opts(GIT_OPT_SET_PACK_MAX_OBJECTS, (size_t)MAX_OBJECTS);
}

/* The library keeps no errno, only its words behind its own. 0: it is not about room on a disk. */
static int full_of(const char *message)
{
    static const int about_room[] = { ENOSPC, EDQUOT };
    for (size_t i = 0; i < HC_LEN(about_room); i++)
        if (hc_str_ends(hc_str_of(message), hc_str_of(strerror(about_room[i]))))
            return about_room[i];
    return 0;
}

enum hc_rc git_lib_fail(struct hc_err *err, const char *what)
{
    const git_error *e = git_error_last();
    if (too_large) {
        too_large = false;
        return hc_fail(err, HC_E_LIMIT, "%s: an object of the repository is larger than %zu MiB", what,
                       MAX_OBJECT / HC_MIB);
    }
    hc_fail(err, HC_E_AGAIN, "%s: %s", what, e && e->message ? e->message : "unknown error");
    if (err && e && e->message && e->klass == GIT_ERROR_OS)
        err->os_errno = full_of(e->message);
    return HC_E_AGAIN;
}

/* ---- packs ------------------------------------------------------------------------------------------------ */

struct sink {
    git_odb_writepack *wp;
    git_indexer_progress progress;
    bool failed;
};

/* Called by the library for each object and each delta, also while it works off what came. */
static int on_progress(const git_indexer_progress *stats, void *ctx)
{
    const struct git_fetcher *f = ctx;
    unsigned done = stats->indexed_objects + stats->indexed_deltas;
    return done % 64 == 0 && hc_mono_ms() >= f->peer->deadline_ms ? -1 : 0;
}

static bool on_pack(void *ctx, const char *bytes, size_t n)
{
    struct sink *s = ctx;
    s->failed = s->wp->append(s->wp, bytes, n, &s->progress) != 0;
    return !s->failed;
}

enum hc_rc git_fetch_pack(struct git_fetcher *f, struct git_peer *p, const struct git_want *w, bool last)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    struct sink sink = { 0 };
    git_odb *odb = NULL;
    int fd = -1;
    hc_buf_init(&b, 64 * HC_MIB);
    git_build_want(&b, &p->refs, w);
    if (hc_buf_check(&b, p->err, "request") != HC_OK || p->t->request(p, hc_buf_str(&b), last, &fd) != HC_OK)
        return p->err->code;
    f->peer->received = p->received;
    too_large = false;
    enum hc_rc rc = HC_OK;
    if (git_repository_odb(&odb, f->repo) != 0 || git_odb_write_pack(&sink.wp, odb, on_progress, f) != 0)
        rc = git_lib_fail(p->err, "prepare the object store");
    if (rc == HC_OK)
        rc = git_read_pack(p, fd, on_pack, &sink);
    if (sink.failed || (rc == HC_OK && sink.wp->commit(sink.wp, &sink.progress) != 0))
        rc = git_in_time(f) == HC_OK ? git_lib_fail(p->err, "the pack from the server cannot be used")
                                     : f->err->code;
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

static enum hc_rc no_commit(struct git_peer *p, const struct git_choice *c)
{
    return hc_fail(p->err, HC_E_NOTFOUND, "branch '%.*s' of '%s' has no commit %s", HC_P(c->branch), p->url,
                   c->oid);
}

enum hc_rc git_fetch_commit(struct git_fetcher *f, struct git_peer *p, struct git_choice *c)
{
    struct git_want w = { .oids = (const git_hex *)&c->want, .n = 1, .shallow = true };
    if (c->listed || p->refs.any_commit) {
        w.no_blobs = f->partial;
        enum hc_rc rc = git_fetch_pack(f, p, &w, !w.no_blobs);
        if (rc == HC_E_INPUT && !c->listed && strstr(p->err->msg, "not our ref"))
            return hc_fail(p->err, HC_E_NOTFOUND, "'%s' has no commit %s", p->url, c->oid);
        return rc;
    }
    f->partial = false;
    hc_str full = hc_str_eqz(c->branch, "HEAD") ? c->branch
                                                : hc_arena_printf(p->a, "refs/heads/%.*s", HC_P(c->branch));
    const struct git_ref *tip = git_find_ref(&p->refs, full);
    if (!tip)
        return git_no_ref(p, "branch", c->branch);
    w.oids = &tip->oid;
    w.shallow = false;
    if (git_fetch_pack(f, p, &w, true) != HC_OK)
        return p->err->code;
    return has_commit(f->repo, c->oid) ? HC_OK : no_commit(p, c);
}

/* ---- all of it -------------------------------------------------------------------------------------------- */

enum hc_rc git_peer_init(struct git_peer *p, const struct git_fetcher *f, const char *url,
                         const struct hc_source_auth *auth)
{
    hc_str host = hc_str_of(url);
    size_t slashes = hc_str_find_str(host, HC_S("://"));
    host = hc_str_sub(host, slashes == SIZE_MAX ? 0 : slashes + 3, host.n);
    host = hc_str_sub(host, 0, hc_str_find(host, '/'));
    size_t at = hc_str_rfind(host, '@');
    host = hc_str_sub(host, at == SIZE_MAX ? 0 : at + 1, host.n);
    *p = (struct git_peer){
        .env = f->env,
        .a = f->a,
        .auth = auth,
        .err = f->err,
        .url = url,
        .host = host,
        .deadline_ms = f->peer ? f->peer->deadline_ms
                               : hc_mono_ms() + (f->env->timeout_ms ? f->env->timeout_ms : 60000),
        .received = f->peer ? f->peer->received : 0,
        .t = strncmp(url, "ssh://", 6) == 0 ? &git_ssh_transport : &git_http_transport,
    };
    if (at != SIZE_MAX && p->t == &git_http_transport)
        return hc_fail(p->err, HC_E_INPUT,
                       "the URL of %.*s holds credentials: put them into a Secret and name it in "
                       "spec.secretRef",
                       HC_P(host));
    return HC_OK;
}

enum hc_rc git_peer_open(struct git_peer *p)
{
    hc_str raw;
    return p->t->open(p, &raw) == HC_OK ? git_parse_greeting(p, raw) : p->err->code;
}

static enum hc_rc fetch_new(struct git_fetcher *f, struct git_choice *c, struct hc_artifact *out)
{
    const char *dir;
    struct hc_err *err = f->err;
    if (hc_store_temp(f->env->store, f->a, &dir, err) != HC_OK)
        return err->code;
    const char *git_dir = hc_arena_printf(f->a, "%s/git", dir).p,
               *file = hc_arena_printf(f->a, "%s/tree.tar.gz", dir).p;
    enum hc_rc rc = hc_arena_check(f->a, err, "git fetch");
    if (rc == HC_OK && git_repository_init(&f->repo, git_dir, 1) != 0)
        rc = git_lib_fail(err, "prepare a repository below the storage path");
    f->partial = f->spec->sparse_n && f->peer->refs.v2 && f->peer->refs.filter;
    if (rc == HC_OK)
        rc = git_fetch_commit(f, f->peer, c);
    if (rc == HC_OK)
        rc = git_verify(f, c);
    if (rc == HC_OK)
        rc = git_pack_commit(f, c->oid, file);
    git_repository_free(f->repo);
    if (rc == HC_OK)
        rc = hc_store_adopt(f->env->store, f->a, file, &out->digest, &out->size, err);
    hc_remove_tree(dir, NULL);
    return rc;
}

enum hc_rc hc_git_fetch(const struct hc_source_env *env, struct hc_arena *a, const struct hc_git_spec *spec,
                        const struct hc_source_auth *auth, hc_str known, struct hc_artifact *out,
                        struct hc_err *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct hc_err mine;
    struct git_peer p;
    struct git_choice c;
    struct git_fetcher f = { .env = env, .a = a, .spec = spec, .auth = auth, .err = err ? err : &mine };
    pthread_once(&once, start_library);
    *out = (struct hc_artifact){ 0 };
    if (spec->news)
        *spec->news = (struct hc_git_news){ 0 };
    if (git_choose_alone(a, spec, &c) && known.n && hc_str_eq(known, c.revision)) {
        *out = (struct hc_artifact){ .unchanged = true, .revision = c.revision };
        return HC_OK;
    }
    if (git_peer_init(&p, &f, spec->url, auth) != HC_OK)
        return f.err->code;
    f.peer = &p;
    p.news = spec->news;
    enum hc_rc rc = git_peer_open(&p);
    if (rc == HC_OK)
        rc = git_choose(&p, spec, &c);
    if (rc == HC_OK) {
        out->revision = c.revision;
        out->unchanged = known.n && hc_str_eq(known, c.revision);
        if (!out->unchanged)
            rc = fetch_new(&f, &c, out);
        if (spec->news)
            spec->news->received = p.received;
    }
    p.t->close(&p);
    return rc == HC_OK ? hc_arena_check(a, f.err, "git fetch") : rc;
}
