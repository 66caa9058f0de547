/*
 * Charts that are not on this machine. The argument is read in Helm's order (pkg/action LocateChart,
 * pkg/downloader ResolveChartVersion): NAME with --repo, oci://, http(s)://, REPO/NAME of Helm's
 * repositories.yaml, which is only read. An index is fetched anew each time, so nothing is ever stale; where that
 * fails, the one that `repo update` cached is taken, which is the one that Helm looks into.
 *
 * What is fetched passes through a store in a temporary folder that goes with the call. In Helm 4's content cache an
 * archive is kept as Helm keeps it (XX/SHA256.chart), and taken from there when the index names its digest.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "charts-fetch/source/index.h"
#include "charts-fetch/source/local.h"
#include "charts-fetch/source/oci.h"
#include "charts-fetch/source/source.h"
#include "core/base/digest.h"
#include "core/base/fs.h"
#include "core/base/limits.h"
#include "core/base/scrub.h"
#include "core/value/json.h"
#include "core/value/yaml.h"
#include "helmctl/cli/chartref.h"
#include "helmctl/cli/cli.h"
#include "helmctl/cli/helmhome.h"
#include "helmctl/cli/logins.h"
#include "helmctl/cli/provenance.h"
#include "helmctl/cli/schemas.h"

struct fetch {
    struct hc_arena *a;
    const struct hc_chart_source *s;
    struct hc_source_env env;
    struct hc_source_auth auth;
    hc_str version;       /* as asked; "": the latest release */
    hc_str archive, file; /* what was fetched, and the name it has at its source */
    bool indexed;         /* it is of an index, which names its digest */
    bool spoilt;          /* what the content cache has under its digest is something else */
    hc_str digest;        /* of `written` */
    const char *written;  /* instead of `archive`: a file below s->into */
    hc_str prov;          /* its provenance file, absent: none was asked for or found */
    struct hc_err *err;
};

static enum hc_rc failed(const struct fetch *f)
{
    return f->err->code;
}

/* ---- credentials ------------------------------------------------------------------------------------------ */

static enum hc_rc auth_of_flags(struct fetch *f)
{
    const struct hc_chart_source *s = f->s;
    f->auth = (struct hc_source_auth){
        .username = hc_str_of(s->username),
        .password = hc_str_of(s->password),
        .pass_credentials = s->pass_credentials,
        .plain_http = s->plain_http,
        .insecure_skip_verify = s->insecure,
    };
    enum hc_rc rc = hc_helm_read_pem(f->a, "--ca-file", s->ca_file, &f->auth.ca_pem, f->err);
    if (rc == HC_OK)
        rc = hc_helm_read_pem(f->a, "--cert-file", s->cert_file, &f->auth.cert_pem, f->err);
    if (rc == HC_OK)
        rc = hc_helm_read_pem(f->a, "--key-file", s->key_file, &f->auth.key_pem, f->err);
    return rc;
}

/* Helm's logins stand before Docker's, as in Helm. */
static enum hc_rc find_logins(struct fetch *f)
{
    return hc_logins_use(f->a, f->s->globals, &f->auth, f->err);
}

static enum hc_rc take(struct fetch *f, const struct hc_artifact *got)
{
    return hc_store_get(f->env.store, f->a, got->digest, HC_MAX_CHART_PACKED, &f->archive, f->err);
}

/* ---- provenance files ------------------------------------------------------------------------------------- */

/* What became of fetching one: with --verify there must be one; with --prov alone its absence is told. */
static enum hc_rc end_prov(struct fetch *f, hc_str url, enum hc_rc rc)
{
    if (rc == HC_OK)
        return HC_OK;
    f->prov = (hc_str){ NULL, 0 };
    if (f->s->verify)
        return hc_wrap(f->err, "failed to fetch provenance \"%.*s.prov\"", HC_P(url));
    char *shown = f->s->ref ? hc_arena_strz(f->a, hc_str_of(f->s->ref)) : hc_arena_strz(f->a, url);
    if (shown)
        hc_scrub_urls(shown, true);
    printf("WARNING: Verification not found for %s: %s\n", shown ? shown : "", f->err->msg);
    hc_err_clear(f->err);
    return HC_OK;
}

/* URL.prov */
static enum hc_rc prov_of_http(struct fetch *f, const char *repo, const struct hc_chart_entry *entry)
{
    struct hc_artifact got;
    if (!f->s->verify && !f->s->want_prov)
        return HC_OK;
    bool whole = hc_str_find_str(entry->url, HC_S("://")) != SIZE_MAX;
    hc_str base = hc_str_of(whole ? "" : repo);
    while (base.n && base.p[base.n - 1] == '/')
        base.n--;
    hc_str shown = hc_arena_printf(f->a, "%.*s%s%.*s", HC_P(base), whole ? "" : "/", HC_P(entry->url));
    const struct hc_chart_entry prov = { .name = entry->name,
                                         .version = entry->version,
                                         .url = hc_arena_printf(f->a, "%.*s.prov", HC_P(entry->url)) };
    struct hc_source_env env = f->env;
    env.max_bytes = HC_PROV_MAX_BYTES;
    enum hc_rc rc = hc_helmrepo_chart(&env, f->a, repo, &f->auth, &prov, &got, f->err);
    if (rc == HC_OK)
        rc = hc_store_get(f->env.store, f->a, got.digest, HC_PROV_MAX_BYTES, &f->prov, f->err);
    return end_prov(f, shown, rc);
}

/* oci://HOST/PATH[:TAG][@DIGEST] */
static enum hc_rc from_registry(struct fetch *f, hc_str ref)
{
    struct hc_fetched got = { 0 };
    hc_str where;
    enum hc_rc rc = find_logins(f);
    if (rc == HC_OK)
        rc = hc_cli_fetch_oci(&f->env, f->a, f->s, &f->auth, ref, f->version, &got, &where, f->err);
    f->archive = got.archive;
    f->written = got.written;
    f->digest = got.digest;
    f->file = got.file;
    f->prov = got.prov;
    if (rc == HC_OK && !got.prov.p && (f->s->verify || f->s->want_prov)) {
        rc = hc_fail(f->err, HC_E_NOTFOUND, "manifest does not contain a layer with mediatype %s",
                     HC_OCI_TYPE_PROVENANCE);
        rc = end_prov(f, where, rc);
    }
    if (rc != HC_OK && f->written)
        (void)unlink(f->written);
    return rc;
}

/* ---- Helm repositories ------------------------------------------------------------------------------------ */

/* Where Helm 4 keeps an archive (pkg/downloader DiskCache); NULL: nothing is kept. */
static const char *cache_path(struct fetch *f, hc_str hex)
{
    const struct hc_globals *g = f->s->globals;
    if (!g || hex.n != HC_SHA256_HEX)
        return NULL;
    const char *root = g->content_cache ? g->content_cache : hc_helm_cache(f->a, "content");
    return root ? hc_arena_printf(f->a, "%s/%.2s/%.*s.chart", root, hex.p, HC_P(hex)).p : NULL;
}

static bool from_cache(struct fetch *f, hc_str digest)
{
    char hex[HC_SHA256_HEX + 1];
    if (hc_str_starts(digest, HC_S("sha256:")))
        digest = hc_str_sub(digest, 7, digest.n);
    for (size_t i = 0; i < digest.n; i++)
        if (!strchr("0123456789abcdef", digest.p[i]))
            return false;
    const char *path = cache_path(f, digest);
    if (!path || hc_read_file(f->a, AT_FDCWD, path, HC_MAX_CHART_PACKED, &f->archive, NULL) != HC_OK)
        return false;
    hc_sha256_of(f->archive, hex);
    f->spoilt = !hc_str_eqz(digest, hex);
    return !f->spoilt;
}

/* Piece by piece: what was streamed for want of memory is not read into it now. */
static enum hc_rc copy_file(struct fetch *f, const char *from, const char *to, struct hc_err *err)
{
    char piece[65536];
    const char *tmp = hc_arena_printf(f->a, "%s.%d", to, (int)getpid()).p;
    HC_AUTO(hc_fd) int in = open(from, O_RDONLY | O_CLOEXEC);
    HC_AUTO(hc_fd) int out = tmp && in >= 0 ? open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644) : -1;
    if (out < 0)
        return hc_fail_errno(err, "write", to);
    ssize_t n;
    enum hc_rc rc = HC_OK;
    while (rc == HC_OK && (n = read(in, piece, sizeof(piece))) > 0)
        rc = hc_write_fd(out, hc_str_n(piece, (size_t)n), err);
    if (rc == HC_OK && (n < 0 || fsync(out) < 0 || rename(tmp, to) < 0))
        rc = hc_fail_errno(err, "write", to);
    if (rc != HC_OK)
        (void)unlink(tmp);
    return rc;
}

/* A cache that cannot be written costs a line and nothing else; one that nobody named not even that. By itself what an
 * index names is kept: nothing else is ever looked for there. */
static void to_cache(struct fetch *f)
{
    char hex[HC_SHA256_HEX + 1];
    struct hc_err err = HC_ERR_INIT;
    bool named = f->s->globals && f->s->globals->content_cache;
    if (!named && (f->s->to_file || !f->indexed))
        return;
    if (!f->written)
        hc_sha256_of(f->archive, hex);
    const char *path = cache_path(f, f->written ? hc_str_sub(f->digest, 7, f->digest.n) : hc_str_of(hex));
    if (!path || (!f->spoilt && access(path, F_OK) == 0))
        return;
    char *dir = hc_arena_strz(f->a, hc_str_sub(hc_str_of(path), 0, hc_str_rfind(hc_str_of(path), '/')));
    if (!dir || hc_mkdirs(dir, 0755, &err) != HC_OK)
        return;
    if ((f->written ? copy_file(f, f->written, path, &err) : hc_write_file(path, f->archive, 0644, &err)) !=
            HC_OK &&
        named)
        fprintf(stderr, "level=WARN msg=\"the chart is not cached\" error=\"%s\"\n", err.msg);
}

/* Out of the store, which goes with the call, into the folder it is pulled to: it is not held. */
static enum hc_rc put_there(struct fetch *f, const struct hc_artifact *got)
{
    const char *from, *to = hc_arena_printf(f->a, "%s/" HC_CLI_PULLED, f->s->into, (int)getpid()).p;
    if (!to)
        return hc_fail_nomem(f->err);
    enum hc_rc rc = hc_store_path(f->env.store, f->a, got->digest, &from, f->err);
    if (rc == HC_OK && rename(from, to) < 0)
        rc = errno == EXDEV ? copy_file(f, from, to, f->err) : hc_fail_errno(f->err, "write", to);
    f->digest = got->digest;
    f->written = rc == HC_OK ? to : NULL;
    return rc;
}

/* An archive at `entry->url` of the repository; for a plain address the repository is the address itself. */
static enum hc_rc from_http(struct fetch *f, const char *repo, const struct hc_chart_entry *entry)
{
    struct hc_artifact got;
    hc_str path = hc_str_sub(entry->url, 0, hc_str_find(entry->url, '#'));
    path = hc_str_sub(path, 0, hc_str_find(path, '?'));
    hc_str name = hc_percent_decode(f->a, path, false);
    f->file = hc_path_base(hc_str_find(name, '\0') == SIZE_MAX ? name : path);
    f->indexed = entry->digest.n > 0;
    if (from_cache(f, entry->digest))
        return prov_of_http(f, repo, entry);
    enum hc_rc rc = hc_helmrepo_chart(&f->env, f->a, repo, &f->auth, entry, &got, f->err);
    if (rc == HC_OK)
        rc = f->s->into ? put_there(f, &got) : take(f, &got);
    if (rc == HC_OK)
        rc = prov_of_http(f, repo, entry);
    if (rc != HC_OK && f->written)
        (void)unlink(f->written);
    return rc;
}

/* The repository does not answer: what `repo add` or `repo update` left of it, which is told. NULL: nothing. */
static const char *cached_index(struct fetch *f, hc_str named)
{
    const char *path = named.n ? hc_helm_index_file(f->a, f->s->globals, named) : NULL;
    if (!path || f->err->code == HC_E_NOMEM || access(path, R_OK) < 0)
        return NULL;
    fprintf(stderr,
            "level=WARN msg=\"the repository's index cannot be fetched; taking the cached one\" repo=%.*s "
            "error=\"%s\"\n",
            HC_P(named), f->err->msg);
    hc_err_clear(f->err);
    return path;
}

/* pkg/repo/v1 isVersionRange */
static bool is_range(hc_str v)
{
    static const char marks[] = "^~<>=!*";
    for (const char *m = marks; *m; m++)
        if (hc_str_find(v, *m) != SIZE_MAX)
            return true;
    if (hc_str_find_str(v, HC_S("||")) != SIZE_MAX || hc_str_find_str(v, HC_S(" - ")) != SIZE_MAX)
        return true;
    hc_str core = hc_str_sub(v, 0, HC_MIN(hc_str_find(v, '-'), hc_str_find(v, '+')));
    return hc_str_find(core, 'x') != SIZE_MAX || hc_str_find(core, 'X') != SIZE_MAX;
}

/* pkg/downloader: what stands before a colon is passed over; none at all is fine. One that cannot be compared is refused,
 * as by Helm: it would be no check. */
static bool is_digest(hc_str d)
{
    size_t colon = hc_str_find(d, ':');
    d = colon == SIZE_MAX ? d : hc_str_sub(d, colon + 1, d.n);
    for (size_t i = 0; i < d.n; i++)
        if (!strchr("0123456789abcdefABCDEF", d.p[i]))
            return false;
    return d.n == 0 || d.n == HC_SHA256_HEX;
}

/* Chart `name` of the repository. `named`: its name in repositories.yaml, absent: it came by --repo. */
static enum hc_rc from_repository(struct fetch *f, const char *repo, hc_str named, hc_str name)
{
    struct hc_artifact got;
    struct hc_chart_entry entry;
    struct hc_index_rows versions;
    const char *path;
    enum hc_rc rc;
    hc_str scheme = hc_str_sub(hc_str_of(repo), 0, hc_str_find(hc_str_of(repo), ':'));
    if (!hc_str_eqz(scheme, "http") && !hc_str_eqz(scheme, "https"))
        return hc_fail(f->err, HC_E_INPUT,
                       "looks like \"%s\" is not a valid chart repository: its address must start with http:// or "
                       "https://%s",
                       repo,
                       hc_str_eqz(scheme, "oci") ? "; a registry's chart is named whole: oci://HOST/PATH" : "");
    rc = hc_helmrepo_index(&f->env, f->a, repo, &f->auth, (hc_str){ NULL, 0 }, &got, f->err);
    if (rc != HC_OK && (path = cached_index(f, named)) == NULL)
        return hc_wrap(f->err, "looks like \"%s\" is not a valid chart repository or cannot be reached", repo);
    if (rc == HC_OK)
        rc = hc_store_path(f->env.store, f->a, got.digest, &path, f->err);
    else
        rc = HC_OK;
    if (rc == HC_OK && (rc = hc_index_scan(f->a, path, HC_S(""), name, &versions, f->err)) == HC_OK)
        rc = hc_helmrepo_choose(f->a, &versions, name, f->version, &entry, f->err);
    if (rc == HC_E_NOTFOUND && named.n)
        return hc_wrap(f->err, "chart \"%.*s\" matching %.*s not found in %.*s index", HC_P(name), HC_P(f->version),
                       HC_P(named));
    if (rc == HC_E_NOTFOUND)
        return hc_wrap(f->err, "chart \"%.*s\"%s%.*s%s not found in %s repository", HC_P(name),
                       f->version.n ? " version \"" : "", HC_P(f->version), f->version.n ? "\"" : "", repo);
    if (rc != HC_OK)
        return rc;
    if (!is_digest(entry.digest))
        return hc_fail(f->err, HC_E_INPUT,
                       "chart \"%.*s\" version %.*s: the index says the digest \"%.*s\", which is no SHA-256 in "
                       "hexadecimal digits",
                       HC_P(name), HC_P(entry.version), HC_P(entry.digest));
    if (f->version.n && !hc_str_eq(f->version, entry.version) && !is_range(f->version))
        fprintf(
            stderr,
            "level=WARN msg=\"unable to find exact version requested; falling back to closest available version\" "
            "chart=%.*s requested=%.*s selected=%.*s\n",
            HC_P(name), HC_P(f->version), HC_P(entry.version));
    if (!hc_str_starts(entry.url, HC_S("oci://")))
        return from_http(f, repo, &entry);
    if (!f->auth.pass_credentials) /* an index may point to a registry, which is another host */
        f->auth.username = f->auth.password = (hc_str){ NULL, 0 };
    size_t slash = hc_str_rfind(entry.url, '/');
    hc_str last = hc_str_sub(entry.url, slash + 1, entry.url.n);
    f->version = hc_str_find(last, ':') == SIZE_MAX && hc_str_find(last, '@') == SIZE_MAX ? entry.version
                                                                                          : HC_S("");
    return from_registry(f, entry.url);
}

struct owner {
    hc_str url;
    bool found;
};

static void owner_begin(void *ctx)
{
    ((struct owner *)ctx)->found = false;
}

static enum hc_rc owner_row(void *ctx, hc_str chart, const struct hc_index_row *row, struct hc_err *err)
{
    struct owner *o = ctx;
    (void)chart;
    o->found = o->found || hc_str_eq(row->url, o->url);
    return o->found ? hc_fail(err, HC_E_CONFLICT, "found") : HC_OK;
}

/* pkg/downloader scanReposForURL: an address that the cached index of a known repository lists is asked with its login and
 * certificates. Repositories that have none are not looked into. */
static enum hc_rc owner_of(struct fetch *f, hc_str url, const char **out_repo)
{
    const struct hc_globals *g = f->s->globals;
    static const char *const with[] = { "username", "certFile", "keyFile", "caFile" };
    struct hc_val *doc;
    bool there;
    if (hc_helm_repositories(f->a, g, &doc, &there, f->err) != HC_OK)
        return failed(f);
    const struct hc_val *list = hc_map_getz(doc, "repositories");
    for (size_t i = 0; i < hc_list_len(list); i++) {
        const struct hc_val *r = hc_list_at(list, i);
        bool has = false;
        for (size_t k = 0; k < HC_LEN(with); k++)
            has |= hc_get_str_at(r, with[k]).n > 0;
        struct owner o = { .url = url };
        const struct hc_index_sink sink = { &o, owner_begin, owner_row };
        const char *path = has ? hc_helm_index_file(f->a, g, hc_get_str_at(r, "name")) : NULL;
        if (!path || (hc_index_read_file(path, (hc_str){ NULL, 0 }, &sink, NULL), !o.found))
            continue;
        *out_repo = hc_arena_strz(f->a, hc_get_str_at(r, "url"));
        return *out_repo ? hc_helm_repository_auth(f->a, r, &f->auth, f->err) : hc_fail_nomem(f->err);
    }
    return hc_arena_check(f->a, f->err, "chart's address");
}

static enum hc_rc from_named_repository(struct fetch *f, hc_str ref)
{
    const struct hc_globals *g = f->s->globals;
    size_t slash = hc_str_find(ref, '/');
    struct hc_val *doc;
    bool there;
    if (slash == SIZE_MAX)
        return hc_fail(f->err, HC_E_INPUT,
                       "non-absolute URLs should be in form of repo_name/path_to_chart, got: %.*s; a chart on this "
                       "machine is named by its path",
                       HC_P(ref));
    hc_str repo = hc_str_sub(ref, 0, slash);
    if (hc_helm_repositories(f->a, g, &doc, &there, f->err) != HC_OK)
        return failed(f);
    const char *path = hc_helm_repositories_file(f->a, g);
    const struct hc_val *r = hc_helm_repository(doc, repo);
    if (!r)
        return hc_fail(f->err, HC_E_NOTFOUND, "repo %.*s not found: '%s' does not name it", HC_P(repo), path);
    const char *url = hc_arena_strz(f->a, hc_get_str_at(r, "url"));
    if (!url || !*url)
        return hc_fail(f->err, HC_E_INPUT, "no URL found in configuration for repo %.*s in '%s'", HC_P(repo), path);
    if (hc_helm_repository_auth(f->a, r, &f->auth, f->err) != HC_OK)
        return hc_wrap(f->err, "repo %.*s in '%s'", HC_P(repo), path);
    return from_repository(f, url, repo, hc_str_sub(ref, slash + 1, ref.n));
}

enum hc_rc hc_cli_fetch_entry(const struct hc_chart_source *source, const char *repo,
                              const struct hc_source_auth *auth, const struct hc_chart_entry *entry,
                              struct hc_arena *a, struct hc_fetched *out, struct hc_err *err)
{
    struct hc_err own = HC_ERR_INIT;
    struct hc_cli_net net;
    struct fetch f = { .a = a, .s = source, .auth = *auth, .err = err ? err : &own };
    enum hc_rc rc = hc_cli_net_open(a, NULL, &net, f.err);
    if (rc != HC_OK)
        return rc;
    f.env = net.env;
    rc = from_http(&f, repo, entry);
    hc_cli_net_close(&net);
    if (rc == HC_OK)
        *out = (struct hc_fetched){ .archive = f.archive, .file = f.file, .prov = f.prov };
    return rc;
}

enum hc_rc hc_cli_registry_auth(const struct hc_chart_source *source, struct hc_arena *a,
                                struct hc_source_auth *out, struct hc_err *err)
{
    struct hc_err own = HC_ERR_INIT;
    struct fetch f = { .a = a, .s = source, .err = err ? err : &own };
    enum hc_rc rc = auth_of_flags(&f);
    if (rc == HC_OK)
        rc = find_logins(&f);
    *out = f.auth;
    return rc;
}

/* ---- the port --------------------------------------------------------------------------------------------- */

static enum hc_rc locate(struct fetch *f)
{
    hc_str ref = hc_str_trim(hc_str_of(f->s->ref));
    f->version = hc_str_trim(hc_str_of(f->s->version));
    if (!f->version.n)
        f->version = f->s->devel ? HC_S(">0.0.0-0") : HC_S("");
    if (auth_of_flags(f) != HC_OK)
        return failed(f);
    if (f->s->repo_url && *f->s->repo_url)
        return from_repository(f, f->s->repo_url, (hc_str){ NULL, 0 }, ref);
    if (hc_str_starts(ref, HC_S("oci://")))
        return from_registry(f, ref);
    size_t scheme = hc_str_find_str(ref, HC_S("://"));
    if (scheme == SIZE_MAX)
        return from_named_repository(f, ref);
    if (!hc_str_starts(ref, HC_S("http://")) && !hc_str_starts(ref, HC_S("https://")))
        return hc_fail(f->err, HC_E_INPUT,
                       "scheme \"%.*s\" not supported: a chart is fetched by oci://, https:// or "
                       "http://",
                       HC_P(hc_str_sub(ref, 0, scheme)));
    const struct hc_chart_entry entry = { .name = ref, .url = ref };
    const char *repo = hc_arena_strz(f->a, ref);
    enum hc_rc rc = repo ? owner_of(f, ref, &repo) : hc_fail_nomem(f->err);
    return rc == HC_OK ? from_http(f, repo, &entry) : rc;
}

enum hc_rc hc_cli_fetch_archive(const struct hc_chart_source *source, struct hc_arena *a, struct hc_fetched *out,
                                struct hc_err *err)
{
    struct hc_err own = HC_ERR_INIT;
    struct hc_cli_net net;
    struct fetch f = { .a = a, .s = source, .err = err ? err : &own };
    enum hc_rc rc = hc_cli_net_open(a, NULL, &net, f.err);
    if (rc != HC_OK)
        return rc;
    f.env = net.env;
    rc = locate(&f);
    hc_cli_net_close(&net);
    if (rc != HC_OK) {
        hc_scrub_urls(f.err->msg, true);
        return rc;
    }
    to_cache(&f);
    *out = (struct hc_fetched){
        .archive = f.archive, .file = f.file, .prov = f.prov, .digest = f.digest, .written = f.written
    };
    if (!source->verify)
        return HC_OK;
    struct hc_prov by;
    rc = hc_cli_verify_fetched(a, out, source->keyring, &by, f.err);
    if (rc == HC_OK)
        out->report = hc_prov_report(a, &by);
    return rc;
}

enum hc_rc hc_cli_fetch_chart(const struct hc_chart_source *source, struct hc_chart **out, struct hc_err *err)
{
    struct hc_fetched got;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    if (!a)
        return hc_fail_nomem(err);
    enum hc_rc rc = hc_cli_fetch_archive(source, a, &got, err);
    const struct hc_chart_port port = hc_cli_chart_port(source);
    return rc == HC_OK ? hc_chart_load_archive(got.archive, &port, out, err) : rc;
}

static enum hc_rc get(struct hc_arena *a, hc_str url, int64_t timeout_ms, size_t max_bytes,
                      struct hc_http_response *r, struct hc_err *err)
{
    struct hc_http *http = hc_http_new(err);
    const struct hc_http_request req = { .method = "GET",
                                         .url = hc_arena_strz(a, url),
                                         .timeout_ms = timeout_ms,
                                         .max_bytes = max_bytes,
                                         .max_redirects = -1 };
    if (!http)
        return HC_E_NOMEM;
    enum hc_rc rc = req.url ? hc_http_do(http, a, &req, r, err) : hc_fail_nomem(err);
    hc_http_free(http);
    return rc;
}

enum hc_rc hc_cli_fetch_values(struct hc_arena *a, hc_str url, hc_str *out, struct hc_err *err)
{
    struct hc_http_response r = { .status = 0 };
    enum hc_rc rc = get(a, url, 120000 /* Helm's */, HC_MAX_VALUES_BYTES, &r, err);
    if (rc != HC_OK)
        hc_wrap(err, "Get \"%.*s\"", HC_P(url));
    else if (r.status != 200)
        rc = hc_fail(err, HC_E_INPUT, "failed to fetch %.*s : %d", HC_P(url), r.status);
    if (rc != HC_OK) {
        hc_scrub_urls(err->msg, true);
        return rc;
    }
    *out = r.body;
    return HC_OK;
}

enum hc_rc hc_cli_fetch_schema(struct hc_arena *a, hc_str url, hc_str *out, struct hc_err *err)
{
    struct hc_http_response r = { .status = 0 };
    enum hc_rc rc = get(a, url, 15000 /* Helm's */, HC_MIB, &r, err);
    if (rc != HC_OK)
        return hc_wrap(err, "HTTP request failed for %.*s", HC_P(url));
    if (r.status != 200)
        return hc_fail(err, HC_E_INPUT, "HTTP request to %.*s returned status %d", HC_P(url), r.status);
    *out = r.body;
    return HC_OK;
}
