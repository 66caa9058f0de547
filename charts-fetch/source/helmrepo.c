/*
 * Helm's HTTP repositories. The index goes to the store as it comes, without being held; index.h reads it. Choice of
 * version: Helm pkg/repo/v1/index.go (Get).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "charts-fetch/source/http_impl.h"
#include "charts-fetch/source/index.h"
#include "core/base/buf.h"
#include "core/base/clock.h"
#include "core/base/digest.h"
#include "core/base/fs.h"
#include "core/base/limits.h"
#include "core/base/semver.h"

/* ---- URLs ------------------------------------------------------------------------------------------------ */

/* Path and query of a URL apart, without a slash at the path's end. */
static void split_query(hc_str url, hc_str *path, hc_str *query)
{
    size_t q = hc_str_find(url, '?');
    *path = hc_str_sub(url, 0, q);
    *query = q == SIZE_MAX ? HC_S("") : hc_str_sub(url, q, url.n);
    while (path->n && path->p[path->n - 1] == '/')
        path->n--;
}

/* What people write into addresses and may not stand there, as Go's net/url sends it: spaces and other alphabets in names of
 * files. Controls stay, and are refused. */
static hc_str escape_url(struct hc_arena *a, hc_str url)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    for (size_t i = 0; i < url.n; i++) {
        unsigned char c = (unsigned char)url.p[i];
        if (c >= 0x80 || (c && strchr(" \"<>\\^`{|}", c)))
            hc_buf_printf(&b, "%%%02X", c);
        else
            hc_buf_putc(&b, (char)c);
    }
    return hc_buf_to_arena(&b, a);
}

static const char *chart_url(struct hc_arena *a, hc_str repo, hc_str url)
{
    hc_str path, query;
    url = escape_url(a, url);
    if (hc_str_find_str(url, HC_S("://")) != SIZE_MAX)
        return hc_arena_strz(a, url);
    split_query(repo, &path, &query);
    if (hc_str_starts(url, HC_S("//"))) /* another host, by the repository's scheme */
        return hc_arena_printf(a, "%.*s:%.*s", HC_P(hc_str_sub(path, 0, hc_str_find(path, ':'))), HC_P(url)).p;
    if (url.n && url.p[0] == '/') {
        size_t at = hc_str_find_str(path, HC_S("://"));
        size_t slash = at == SIZE_MAX ? SIZE_MAX : hc_str_find(hc_str_sub(path, at + 3, path.n), '/');
        hc_str host = slash == SIZE_MAX ? path : hc_str_sub(path, 0, at + 3 + slash);
        return hc_arena_printf(a, "%.*s%.*s%.*s", HC_P(host), HC_P(url), HC_P(query)).p;
    }
    return hc_arena_printf(a, "%.*s/%.*s%.*s", HC_P(path), HC_P(url), HC_P(query)).p;
}

/* ---- index ------------------------------------------------------------------------------------------------ */

/* The answer's body goes to a file as it comes, on the loop's thread. */
struct spool {
    int fd;
    int error; /* errno of the write that failed */
    uint64_t size;
    struct hc_sha256 sum;
};

static bool spool_piece(void *ctx, const char *p, size_t n)
{
    struct spool *s = ctx;
    s->error = hc_write_all(s->fd, hc_str_n(p, n));
    hc_sha256_add(&s->sum, hc_str_n(p, n));
    s->size += n;
    return !s->error;
}

#define TRIES 3 /* a body that was cut comes from its beginning again */

/* Into `file`, an empty file of its own, hashed on the way. */
static enum hc_rc fetch_file(struct source_get *get, struct hc_arena *work, const char *file, struct spool *s,
                             struct hc_http_response *r, struct hc_err *err)
{
    struct hc_err own;
    struct hc_source_env env = *get->env;
    HC_AUTO(hc_fd) int fd = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    int64_t deadline_ms = hc_mono_ms() + (env.timeout_ms ? env.timeout_ms : 60000);
    err = err ? err : &own;
    if (fd < 0)
        return hc_fail_errno(err, "write", file);
    get->env = &env;
    get->on_data = spool_piece;
    get->ctx = s;
    for (int tries = 1;; tries++) {
        *s = (struct spool){ .fd = fd };
        hc_sha256_init(&s->sum);
        enum hc_rc rc = source_get(get, work, r, err);
        if (rc != HC_OK && s->error) {
            errno = s->error;
            return hc_fail_errno(err, "write", file);
        }
        env.timeout_ms = deadline_ms - hc_mono_ms();
        if (rc != HC_E_AGAIN || !s->size || tries == TRIES || env.timeout_ms <= 0)
            return rc;
        if (ftruncate(fd, 0) < 0 || lseek(fd, 0, SEEK_SET) < 0)
            return hc_fail_errno(err, "write", file);
    }
}

/* The file that was spooled becomes a blob. */
static enum hc_rc keep_file(const struct hc_source_env *env, struct hc_arena *a, const char *file,
                            const struct spool *s, const char *hex, struct hc_artifact *out, struct hc_err *err)
{
    out->size = s->size;
    out->digest = hc_arena_printf(a, "sha256:%s", hex);
    enum hc_rc rc = hc_arena_check(a, err, "digest");
    return rc == HC_OK ? hc_store_keep(env->store, a, file, out->digest, err) : rc;
}

/* It is an index when the reader of its table says so, or, for one look-up, when it has the shape of one. */
static enum hc_rc adopt_index(const struct hc_source_env *env, struct hc_arena *a, const char *path,
                              struct spool *s, const char *url, struct hc_artifact *out, struct hc_err *err)
{
    struct hc_index_rows none;
    HC_AUTO(hc_arena) struct hc_arena *work = hc_arena_new(0);
    if (!work)
        return hc_fail_nomem(err);
    char hex[HC_SHA256_HEX + 1];
    hc_sha256_hex(&s->sum, hex);
    if (keep_file(env, a, path, s, hex, out, err) != HC_OK)
        return err ? err->code : HC_E_AGAIN;
    if (hc_store_path(env->store, work, out->digest, &path, err) != HC_OK)
        return err ? err->code : HC_E_AGAIN;
    enum hc_rc rc = env->one_lookup ? hc_index_scan(work, path, HC_S(""), HC_S(""), &none, err)
                                    : hc_index_versions(env->store, work, out->digest, HC_S(""), &none, err);
    if (rc == HC_OK)
        return HC_OK;
    if (rc == HC_E_INPUT || rc == HC_E_LIMIT)
        unlink(path); /* nobody asked for such a blob */
    out->unreadable = true;
    return hc_wrap(err, "'%s' is not a Helm repository index", url);
}

/*
 * How the server named the index it gave, beside the blob: the address (by its digest: it may hold a password), ETag and
 * Last-Modified, a line each. Lost or of another address, it costs one transfer.
 */
static const char *validators_file(struct hc_store *store, struct hc_arena *work, hc_str digest)
{
    const char *path;
    return hc_store_derived(store, work, digest, "named", &path, NULL) == HC_OK ? path : NULL;
}

static void take_validators(struct hc_store *store, struct hc_arena *work, hc_str known, struct source_get *get)
{
    hc_str text, address;
    char hex[HC_SHA256_HEX + 1];
    const char *path = known.n && hc_store_has(store, known) ? validators_file(store, work, known) : NULL;
    if (!path || hc_read_file(work, AT_FDCWD, path, 65536, &text, NULL) != HC_OK)
        return;
    hc_sha256_of(hc_str_of(get->url), hex);
    if (!hc_str_split(&text, '\n', &address) || !hc_str_eqz(address, hex) ||
        !hc_str_split(&text, '\n', &get->etag) || !hc_str_split(&text, '\n', &get->modified))
        get->etag = get->modified = (hc_str){ NULL, 0 };
}

static void keep_validators(struct hc_store *store, struct hc_arena *work, hc_str digest, const char *url,
                            const struct hc_http_response *r)
{
    char hex[HC_SHA256_HEX + 1];
    const char *path = validators_file(store, work, digest);
    hc_sha256_of(hc_str_of(url), hex);
    hc_str text = hc_arena_printf(work, "%s\n%.*s\n%.*s\n", hex, HC_P(hc_http_header(r, "etag")),
                                  HC_P(hc_http_header(r, "last-modified")));
    if (path && text.p)
        (void)hc_write_file(path, text, 0644, NULL);
}

enum hc_rc hc_helmrepo_index(const struct hc_source_env *env, struct hc_arena *a, const char *url,
                             const struct hc_source_auth *auth, hc_str known, struct hc_artifact *out,
                             struct hc_err *err)
{
    struct hc_http_response r;
    struct spool spool;
    hc_str path, query;
    const char *dir;
    HC_AUTO(hc_arena) struct hc_arena *work = hc_arena_new(0);
    *out = (struct hc_artifact){ 0 };
    if (!work)
        return hc_fail_nomem(err);
    split_query(hc_str_of(url), &path, &query);
    if (hc_store_temp(env->store, work, &dir, err) != HC_OK)
        return err ? err->code : HC_E_AGAIN;
    struct source_get get = {
        .env = env,
        .auth = auth,
        .url = hc_arena_printf(work, "%.*s/index.yaml%.*s", HC_P(path), HC_P(query)).p,
        .origin = hc_str_of(url),
        .max_bytes = env->max_bytes ? env->max_bytes : HC_MAX_INDEX_BYTES,
        .what = "index",
        .accept_gzip = true,
    };
    const char *file = hc_arena_printf(work, "%s/index.yaml", dir).p;
    enum hc_rc rc = hc_arena_check(work, err, "index");
    if (rc == HC_OK)
        take_validators(env->store, work, known, &get);
    if (rc == HC_OK)
        rc = fetch_file(&get, work, file, &spool, &r, err);
    if (rc == HC_OK && r.status == 304) {
        out->unchanged = true;
        out->revision = hc_arena_str(a, known);
    } else if (rc == HC_OK && (rc = adopt_index(env, a, file, &spool, get.url, out, err)) == HC_OK) {
        keep_validators(env->store, work, out->digest, get.url, &r);
        out->revision = out->digest;
        out->unchanged = known.n && hc_str_eq(known, out->digest);
    }
    hc_remove_tree(dir, NULL);
    return rc == HC_OK ? hc_arena_check(a, err, "index") : rc;
}

enum hc_rc hc_helmrepo_choose(struct hc_arena *a, const struct hc_index_rows *versions, hc_str chart,
                              hc_str range_text, struct hc_chart_entry *out, struct hc_err *err)
{
    const struct hc_index_row *best = NULL;
    struct hc_semver best_v = { 0 };
    struct hc_semrange *range;
    HC_AUTO(hc_arena) struct hc_arena *work = hc_arena_new(0);
    if (!work)
        return hc_fail_nomem(err);
    if (hc_semrange_parse(work, range_text.n ? range_text : HC_S("*"), &range, err) != HC_OK)
        return hc_wrap(err, "version '%.*s'", HC_P(range_text));
    if (!versions->n)
        return hc_fail(err, HC_E_NOTFOUND, "no chart '%.*s' in the repository's index", HC_P(chart));
    for (size_t i = 0; i < versions->n; i++) {
        const struct hc_index_row *e = &versions->rows[i];
        struct hc_semver v;
        if (hc_semver_parse(e->version, &v, NULL) != HC_OK)
            continue;
        if (range_text.n && hc_str_eq(e->version, range_text)) {
            best = e;
            break;
        }
        if (hc_semrange_fits(range, &v) && (!best || hc_semver_cmp(&v, &best_v) > 0)) {
            best = e;
            best_v = v;
        }
    }
    if (!best)
        return hc_fail(err, HC_E_NOTFOUND,
                       "no version of chart '%.*s' fits '%.*s'; the index lists %zu, the first is %.*s",
                       HC_P(chart), HC_P(range_text), versions->n, HC_P(versions->rows[0].version));
    if (!best->url.n)
        return hc_fail(err, HC_E_INPUT, "chart '%.*s' version %.*s has no URL in the index", HC_P(chart),
                       HC_P(best->version));
    *out = (struct hc_chart_entry){
        .name = hc_arena_str(a, chart),
        .version = hc_arena_str(a, best->version),
        .url = hc_arena_str(a, best->url),
        .digest = hc_arena_str(a, best->digest),
        .app_version = hc_arena_str(a, best->app_version),
    };
    return hc_arena_check(a, err, "index entry");
}

enum hc_rc hc_helmrepo_find(struct hc_store *store, struct hc_arena *a, hc_str index, hc_str chart, hc_str range,
                            struct hc_chart_entry *out, struct hc_err *err)
{
    struct hc_index_rows versions;
    HC_AUTO(hc_arena) struct hc_arena *work = hc_arena_new(0);
    if (!work)
        return hc_fail_nomem(err);
    enum hc_rc rc = hc_index_versions(store, work, index, chart, &versions, err);
    return rc == HC_OK ? hc_helmrepo_choose(a, &versions, chart, range, out, err) : rc;
}

static enum hc_rc keep_chart(const struct hc_source_env *env, struct hc_arena *a, const struct source_get *get,
                             const struct hc_chart_entry *entry, const char *file, struct spool *s,
                             struct hc_artifact *out, struct hc_err *err)
{
    char have[HC_SHA256_HEX + 1];
    hc_str want = entry->digest;
    if (hc_str_starts(want, HC_S("sha256:")))
        want = hc_str_sub(want, 7, want.n);
    hc_sha256_hex(&s->sum, have);
    if (want.n == HC_SHA256_HEX && !hc_str_eq_nocase(want, hc_str_of(have)))
        return hc_fail(
            err, HC_E_INPUT,
            "chart '%.*s' version %.*s from '%s': its digest is sha256:%s, the index says sha256:%.*s; it was "
            "changed after it was published, or on the way",
            HC_P(entry->name), HC_P(entry->version), get->url, have, HC_P(want));
    out->revision = hc_arena_str(a, entry->version);
    return keep_file(env, a, file, s, have, out, err);
}

enum hc_rc hc_helmrepo_chart(const struct hc_source_env *env, struct hc_arena *a, const char *repo_url,
                             const struct hc_source_auth *auth, const struct hc_chart_entry *entry,
                             struct hc_artifact *out, struct hc_err *err)
{
    struct hc_http_response r;
    HC_AUTO(hc_arena) struct hc_arena *work = hc_arena_new(0);
    if (!work)
        return hc_fail_nomem(err);
    struct source_get get = {
        .env = env,
        .auth = auth,
        .url = chart_url(work, hc_str_of(repo_url), entry->url),
        .origin = hc_str_of(repo_url),
        .max_bytes = env->max_bytes ? env->max_bytes : HC_MAX_CHART_PACKED,
        .what = "chart",
    };
    *out = (struct hc_artifact){ 0 };
    if (!get.url)
        return hc_arena_check(work, err, "chart URL");
    if (strncmp(get.url, "http://", 7) != 0 && strncmp(get.url, "https://", 8) != 0)
        return hc_fail(err, HC_E_INPUT,
                       "chart '%.*s' has the URL '%s' in the index: only http and https are fetched",
                       HC_P(entry->name), get.url);
    const char *dir, *file;
    struct spool s;
    enum hc_rc rc = hc_store_temp(env->store, work, &dir, err);
    if (rc != HC_OK)
        return rc;
    file = hc_arena_printf(work, "%s/chart", dir).p;
    rc = file ? fetch_file(&get, work, file, &s, &r, err) : hc_fail_nomem(err);
    if (rc == HC_OK)
        rc = keep_chart(env, a, &get, entry, file, &s, out, err);
    hc_remove_tree(dir, NULL);
    return rc;
}
