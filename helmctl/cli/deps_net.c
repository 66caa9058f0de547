/*
 * Dependencies from repositories and registries, by Helm's list of repositories and its cached indexes (pkg/downloader
 * manager.go). The index of a repository that nobody added is cached under a name made of its address.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "charts-fetch/resolve/deps.h"
#include "charts-fetch/source/index.h"
#include "charts-fetch/source/oci.h"
#include "core/base/digest.h"
#include "core/base/fs.h"
#include "core/base/scrub.h"
#include "core/base/semver.h"
#include "helmctl/cli/deps.h"
#include "helmctl/cli/helmhome.h"
#include "helmctl/cli/provenance.h"

enum { TIMEOUT_MS = 120000 /* Helm pkg/getter: DefaultHTTPTimeout */ };

struct net {
    struct hc_arena *a;
    const struct hc_cli_deps *d;
    struct hc_chart_source source; /* d->source, with d->verify */
    const struct hc_globals *g;
    const struct hc_val *repos;    /* list */
    const struct hc_dep *got[512]; /* what was downloaded */
    size_t got_n;
};

static void say(const struct net *n, const char *fmt, ...) HC_PRINTF(2, 3);
static void say(const struct net *n, const char *fmt, ...)
{
    va_list args;
    if (!n->d->log)
        return;
    char line[8192];
    va_start(args, fmt);
    vsnprintf(line, sizeof(line), fmt, args);
    va_end(args);
    hc_scrub_urls(line, true);
    fputs(line, n->d->log);
    fflush(n->d->log);
}

static bool is_oci(hc_str url)
{
    return hc_str_starts(url, HC_S("oci://"));
}

static bool is_remote(hc_str repository)
{
    return repository.n && !hc_str_starts(repository, HC_S("file://"));
}

/* The address with its path in the shortest form, as urlutil.Equal compares it. */
static hc_str plain_url(struct hc_arena *a, hc_str url)
{
    size_t at = hc_str_find_str(url, HC_S("://"));
    size_t slash = at == SIZE_MAX ? SIZE_MAX : hc_str_find(hc_str_sub(url, at + 3, url.n), '/');
    if (slash == SIZE_MAX)
        return url;
    hc_str path = hc_path_clean(a, hc_str_sub(url, at + 3 + slash, url.n));
    if (hc_str_eqz(path, "/"))
        path.n = 0;
    return hc_arena_printf(a, "%.*s%.*s", HC_P(hc_str_sub(url, 0, at + 3 + slash)), HC_P(path));
}

static bool same_url(struct hc_arena *a, hc_str x, hc_str y)
{
    return hc_str_eq(x, y) || hc_str_eq(plain_url(a, x), plain_url(a, y));
}

static const struct hc_val *entry_at(const struct net *n, hc_str url)
{
    for (size_t i = 0; i < hc_list_len(n->repos); i++)
        if (same_url(n->a, hc_get_str_at(hc_list_at(n->repos, i), "url"), url))
            return hc_list_at(n->repos, i);
    return NULL;
}

static const struct hc_val *entry_named(const struct net *n, hc_str name)
{
    for (size_t i = 0; i < hc_list_len(n->repos); i++)
        if (hc_str_eq(hc_get_str_at(hc_list_at(n->repos, i), "name"), name))
            return hc_list_at(n->repos, i);
    return NULL;
}

/* ---- names: Manager.resolveRepoNames ---------------------------------------------------------------------------- */

/* url.ParseRequestURI takes it: a scheme, or a rooted path. */
static bool is_address(hc_str s)
{
    size_t colon = hc_str_find(s, ':');
    if (!s.n || s.p[0] == '/')
        return s.n > 0;
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < ' ' || s.p[i] == 0x7f)
            return false;
    return colon != SIZE_MAX && colon > 0 &&
           ((s.p[0] >= 'a' && s.p[0] <= 'z') || (s.p[0] >= 'A' && s.p[0] <= 'Z')) && colon + 1 < s.n;
}

static enum hc_rc names(void *ctx, struct hc_arena *a, struct hc_dep *deps, size_t n, struct hc_err *err)
{
    struct net *w = ctx;
    hc_str missing = HC_S("");
    bool no_url = false;
    (void)a;
    for (size_t i = 0; i < n; i++) {
        hc_str url = deps[i].repository, alias = { NULL, 0 };
        if (!is_remote(url) || is_oci(url))
            continue;
        if (hc_str_starts(url, HC_S("@")))
            alias = hc_str_sub(url, 1, url.n);
        else if (hc_str_starts(url, HC_S("alias:")))
            alias = hc_str_sub(url, 6, url.n);
        const struct hc_val *e = alias.p ? entry_named(w, alias) : entry_at(w, url);
        if (e && alias.p)
            deps[i].repository = hc_get_str_at(e, "url");
        if (e || (is_address(url) && !hc_str_starts(url, HC_S("alias:"))))
            continue;
        missing = hc_arena_printf(w->a, "%.*s%s%.*s", HC_P(missing), missing.n ? ", " : "", HC_P(url));
        no_url |= !alias.p && hc_str_find_str(url, HC_S("//")) == SIZE_MAX;
    }
    if (!missing.n)
        return hc_arena_check(w->a, err, "repositories");
    return hc_fail(
        err, HC_E_INPUT, "no repository definition for %.*s. Please add them via 'helm repo add'%s", HC_P(missing),
        no_url ? "\nNote that repositories must be URLs or aliases. For example, to refer to the \"example\"\n"
                 "repository, use \"https://charts.example.com/\" or \"@example\" instead of\n"
                 "\"example\". Don't forget to add the repo, too ('helm repo add')."
               : "");
}

/* ---- refreshing -------------------------------------------------------------------------------------------------- */

static hc_str made_name(struct hc_arena *a, hc_str url)
{
    char hex[HC_SHA256_HEX + 1];
    hc_sha256_of(url, hex);
    return hc_arena_printf(a, "helm-manager-%s", hex);
}

struct refreshed {
    const struct net *n;
    const struct hc_val *entries;
    bool made;
};

static void tell_refreshed(void *ctx, size_t at, enum hc_rc rc, const struct hc_err *err)
{
    const struct refreshed *r = ctx;
    const struct hc_val *entry = hc_list_at(r->entries, at);
    hc_str name = hc_get_str_at(entry, r->made ? "url" : "name"), url = hc_get_str_at(entry, "url");
    if (rc == HC_OK)
        say(r->n, "...Successfully got an update from the \"%.*s\" chart repository\n", HC_P(name));
    else if (r->made)
        say(r->n, "...Unable to get an update from the \"%.*s\" chart repository:\n\t%s\n", HC_P(url), err->msg);
    else
        say(r->n, "...Unable to get an update from the \"%.*s\" chart repository (%.*s):\n\t%s\n", HC_P(name),
            HC_P(url), err->msg);
}

/* Helm goes on with the cached index when a new one cannot be got. */
static enum hc_rc fetch_these(struct net *n, const struct hc_val *entries, bool made, struct hc_err *err)
{
    struct refreshed r = { n, entries, made };
    if (hc_arena_spent(n->a))
        return hc_arena_check(n->a, err, "repositories");
    if (hc_list_len(entries))
        hc_helm_fetch_indexes(n->a, n->g, entries, TIMEOUT_MS, tell_refreshed, &r);
    return HC_OK;
}

/* Manager.ensureMissingRepos */
static enum hc_rc refresh_unknown(struct net *n, const struct hc_dep *deps, size_t count, struct hc_err *err)
{
    bool told = false;
    struct hc_val *entries = hc_list_new(n->a);
    for (size_t i = 0; i < count; i++) {
        bool again = false;
        if (!is_remote(deps[i].repository) || is_oci(deps[i].repository) || entry_at(n, deps[i].repository))
            continue;
        for (size_t k = 0; k < i; k++)
            again |= same_url(n->a, deps[k].repository, deps[i].repository);
        if (again)
            continue;
        if (!told)
            say(n, "Getting updates for unmanaged Helm repositories...\n");
        told = true;
        struct hc_val *e = hc_map_new(n->a);
        hc_map_put_str(n->a, e, "name", made_name(n->a, deps[i].repository));
        hc_map_put_str(n->a, e, "url", deps[i].repository);
        hc_list_add(n->a, entries, e);
    }
    return fetch_these(n, entries, true, err);
}

/* Manager.hasAllRepos */
static enum hc_rc all_known(struct net *n, const struct hc_dep *deps, size_t count, struct hc_err *err)
{
    hc_str missing = HC_S("");
    for (size_t i = 0; i < count; i++)
        if (is_remote(deps[i].repository) && !is_oci(deps[i].repository) && !entry_at(n, deps[i].repository))
            missing = hc_arena_printf(n->a, "%.*s%s%.*s", HC_P(missing), missing.n ? ", " : "",
                                      HC_P(deps[i].repository));
    if (!missing.n)
        return HC_OK;
    return hc_fail(err, HC_E_INPUT,
                   "no repository definition for %.*s. Please add the missing repos via 'helm repo add'",
                   HC_P(missing));
}

static enum hc_rc refresh(void *ctx, const struct hc_dep *deps, size_t count, bool locked, struct hc_err *err)
{
    struct net *n = ctx;
    size_t repos = hc_list_len(n->repos);
    enum hc_rc rc = locked               ? all_known(n, deps, count, err)
                    : n->d->skip_refresh ? HC_OK
                                         : refresh_unknown(n, deps, count, err);
    if (rc != HC_OK || n->d->skip_refresh || !repos)
        return rc;
    say(n, "Hang tight while we grab the latest from your chart repositories...\n");
    struct hc_val *entries = hc_list_new(n->a);
    for (size_t i = 0; i < repos; i++) {
        bool again = false; /* of two with one address Helm refreshes one */
        for (size_t k = i + 1; k < repos; k++)
            again |= same_url(n->a, hc_get_str_at(hc_list_at(n->repos, k), "url"),
                              hc_get_str_at(hc_list_at(n->repos, i), "url"));
        if (!again)
            hc_list_add(n->a, entries, hc_list_at(n->repos, i));
    }
    rc = fetch_these(n, entries, false, err);
    if (rc != HC_OK)
        return rc;
    say(n, "Update Complete. ⎈Happy Helming!⎈\n");
    return HC_OK;
}

/* ---- choosing: Resolver.Resolve ----------------------------------------------------------------------------------- */

static enum hc_rc newest(struct net *n, hc_str range_text, const hc_str *versions, size_t count, hc_str *out,
                         struct hc_err *err)
{
    struct hc_semrange *range;
    struct hc_semver v, best = { 0 };
    hc_str found = { NULL, 0 };
    if (hc_semrange_parse(n->a, range_text, &range, err) != HC_OK)
        return err->code;
    for (size_t i = 0; i < count; i++)
        if (hc_semver_parse(versions[i], &v, NULL) == HC_OK && hc_semrange_fits(range, &v) &&
            (!found.p || hc_semver_cmp(&v, &best) > 0)) {
            found = versions[i];
            best = v;
        }
    if (!found.p)
        return hc_fail(err, HC_E_NOTFOUND, "no version fits");
    *out = found;
    return HC_OK;
}

static enum hc_rc choose_oci(struct net *n, const struct hc_dep *dep, hc_str *out, struct hc_err *err)
{
    struct hc_source_auth auth;
    struct hc_cli_net net;
    struct hc_semver v;
    hc_str *tags = NULL;
    size_t count = 0;
    const char *url = hc_arena_printf(n->a, "%.*s/%.*s", HC_P(dep->repository), HC_P(dep->name)).p;
    *out = dep->version;
    if (hc_semver_parse(dep->version, &v, NULL) == HC_OK)
        return HC_OK;
    enum hc_rc rc = hc_cli_registry_auth(n->d->source, n->a, &auth, err);
    if (rc != HC_OK || (rc = hc_cli_net_open(n->a, NULL, &net, err)) != HC_OK)
        return rc;
    struct hc_oci *o = NULL;
    rc = hc_oci_open(&net.env, n->a, url, &auth, &o, err);
    if (rc == HC_OK)
        rc = hc_oci_tags(o, &tags, &count, err);
    hc_oci_close(o);
    hc_cli_net_close(&net);
    if (rc != HC_OK)
        return hc_wrap(err, "could not retrieve list of tags for repository %.*s", HC_P(dep->repository)),
               rc == HC_E_NOTFOUND ? HC_E_INPUT : rc;
    for (size_t i = 0; i < count; i++) {
        char *tag = hc_arena_strz(n->a, tags[i]);
        for (char *c = tag; c && *c; c++)
            if (*c == '_')
                *c = '+';
        tags[i] = hc_str_of(tag);
    }
    rc = newest(n, dep->version, tags, count, out, err);
    if (rc == HC_E_NOTFOUND) /* Helm finds out when it asks for it */
        hc_err_clear(err);
    return rc == HC_E_NOTFOUND ? HC_OK : rc;
}

static const char *index_of(struct net *n, hc_str repository, hc_str *out_name)
{
    const struct hc_val *e = entry_at(n, repository);
    *out_name = e ? hc_get_str_at(e, "name") : made_name(n->a, repository);
    return hc_helm_index_file(n->a, n->g, *out_name);
}

static enum hc_rc choose(void *ctx, struct hc_arena *a, const struct hc_dep *dep, hc_str *out, struct hc_err *err)
{
    struct net *n = ctx;
    struct hc_index_rows rows;
    hc_str name;
    (void)a;
    if (is_oci(dep->repository))
        return choose_oci(n, dep, out, err);
    const char *path = index_of(n, dep->repository, &name);
    if (!path)
        return hc_fail_nomem(err);
    if (access(path, R_OK) < 0)
        return hc_fail(err, HC_E_INPUT,
                       "no cached repository for %.*s found. (try 'helm repo update'): open %s: %s", HC_P(name),
                       path, errno == ENOENT ? "no such file or directory" : strerror(errno));
    enum hc_rc rc = hc_index_scan(n->a, path, HC_S(""), dep->name, &rows, err);
    if (rc != HC_OK)
        return rc;
    if (!rows.n)
        return hc_fail(err, HC_E_INPUT, "%.*s chart not found in repo %.*s", HC_P(dep->name),
                       HC_P(dep->repository));
    hc_str *versions = HC_NEW_N(n->a, hc_str, rows.n);
    size_t count = 0;
    for (size_t i = 0; versions && i < rows.n; i++)
        if (rows.rows[i].url.n)
            versions[count++] = rows.rows[i].version;
    return versions ? newest(n, dep->version, versions, count, out, err) : hc_fail_nomem(err);
}

/* ---- fetching: Manager.downloadAll --------------------------------------------------------------------------------- */

static enum hc_rc put(struct net *n, const struct hc_fetched *got, const char *dir, hc_str *out_file,
                      struct hc_err *err)
{
    hc_str file = hc_path_base(got->file);
    const char *path = hc_arena_printf(n->a, "%s/%.*s", dir, HC_P(file)).p;
    if (!path)
        return hc_fail_nomem(err);
    if (!file.n || hc_str_eqz(file, ".") || hc_str_eqz(file, "..") || hc_str_eqz(file, "/"))
        return hc_fail(err, HC_E_INPUT, "an address without a file's name at its end");
    *out_file = file;
    return hc_write_file_as(path, got->archive, 0644, err);
}

static enum hc_rc fetch_oci(struct net *n, const struct hc_dep *dep, struct hc_fetched *out, struct hc_err *err)
{
    struct hc_chart_source s = n->source;
    s.ref = hc_arena_printf(n->a, "%.*s/%.*s", HC_P(dep->repository), HC_P(dep->name)).p;
    s.version = hc_arena_strz(n->a, dep->version);
    s.repo_url = NULL;
    if (!s.ref || !s.version)
        return hc_fail_nomem(err);
    enum hc_rc rc = hc_cli_fetch_archive(&s, n->a, out, err);
    return rc == HC_OK ? rc : hc_wrap(err, "could not download %s", s.ref);
}

/* The entry of that version out of the cached index, or out of a new one for a repository nobody added. */
static enum hc_rc find(struct net *n, const struct hc_dep *dep, const char *path, struct hc_chart_entry *out,
                       struct hc_err *err)
{
    struct hc_index_rows rows;
    struct hc_semver want, v;
    enum hc_rc rc = hc_index_scan(n->a, path, HC_S(""), dep->name, &rows, err);
    if (rc != HC_OK)
        return rc;
    bool version = hc_semver_parse(dep->version, &want, NULL) == HC_OK;
    const struct hc_index_row *best = NULL;
    for (size_t i = 0; i < rows.n && !best; i++) {
        const struct hc_index_row *r = &rows.rows[i];
        bool same = version ? hc_semver_parse(r->version, &v, NULL) == HC_OK && hc_semver_cmp(&v, &want) == 0
                            : hc_str_eq(r->version, dep->version);
        if (r->url.n && same)
            best = r;
    }
    if (!best)
        return hc_fail(err, HC_E_INPUT, rows.n ? "no matching version" : "entry not found");
    *out = (struct hc_chart_entry){
        .name = dep->name, .version = best->version, .url = best->url, .digest = best->digest
    };
    return HC_OK;
}

static enum hc_rc fetch_http(struct net *n, const struct hc_dep *dep, struct hc_fetched *out, struct hc_err *err)
{
    const struct hc_val *e = entry_at(n, dep->repository);
    struct hc_source_auth auth = { 0 };
    struct hc_chart_entry entry;
    hc_str name;
    const char *path = index_of(n, dep->repository, &name), *url = hc_arena_strz(n->a, dep->repository);
    if (!path || !url)
        return hc_fail_nomem(err);
    enum hc_rc rc = e ? hc_helm_repository_auth(n->a, e, &auth, err) : HC_OK;
    if (rc == HC_OK && (rc = find(n, dep, path, &entry, err)) != HC_OK)
        return hc_wrap(err, "could not find ");
    if (rc == HC_OK && is_oci(entry.url)) { /* an index may point to a registry */
        struct hc_chart_source s = n->source;
        hc_str last = hc_path_base(entry.url);
        s.ref = hc_arena_strz(n->a, entry.url);
        s.version = hc_str_find(last, ':') == SIZE_MAX ? hc_arena_strz(n->a, entry.version) : NULL;
        s.username = s.password = s.repo_url = NULL;
        rc = s.ref ? hc_cli_fetch_archive(&s, n->a, out, err) : hc_fail_nomem(err);
    } else if (rc == HC_OK) {
        rc = hc_cli_fetch_entry(&n->source, url, &auth, &entry, n->a, out, err);
    }
    return rc == HC_OK ? rc : hc_wrap(err, "could not download %.*s", HC_P(entry.url));
}

/* What --verify asks for; who signed it is not told, as Helm does not. */
static enum hc_rc check(struct net *n, const struct hc_dep *dep, const struct hc_fetched *got, struct hc_err *err)
{
    struct hc_prov by;
    if (n->d->verify == HC_DEPS_TRUST || (!got->prov.n && n->d->verify == HC_DEPS_IF_SIGNED))
        return HC_OK;
    enum hc_rc rc = hc_cli_verify_fetched(n->a, got, n->source.keyring, &by, err);
    return rc == HC_OK ? rc : hc_wrap(err, "could not download %.*s", HC_P(dep->name));
}

static enum hc_rc fetch(void *ctx, struct hc_arena *a, const struct hc_dep *dep, const char *dir, hc_str *out_file,
                        struct hc_err *err)
{
    struct net *n = ctx;
    struct hc_fetched got;
    (void)a;
    for (size_t i = 0; i < n->got_n; i++)
        if (hc_str_eq(n->got[i]->name, dep->name) && hc_str_eq(n->got[i]->version, dep->version) &&
            hc_str_eq(n->got[i]->repository, dep->repository)) {
            say(n, "Already downloaded %.*s from repo %.*s\n", HC_P(dep->name), HC_P(dep->repository));
            return HC_OK;
        }
    say(n, "Downloading %.*s from repo %.*s\n", HC_P(dep->name), HC_P(dep->repository));
    enum hc_rc rc = is_oci(dep->repository) ? fetch_oci(n, dep, &got, err) : fetch_http(n, dep, &got, err);
    if (rc == HC_OK)
        rc = check(n, dep, &got, err);
    if (rc == HC_OK)
        rc = put(n, &got, dir, out_file, err);
    if (rc == HC_OK && n->got_n < HC_LEN(n->got))
        n->got[n->got_n++] = dep;
    return rc;
}

enum hc_rc hc_cli_deps_net(const struct hc_cli_deps *d, struct hc_arena *a, struct hc_deps_port *out,
                           struct hc_err *err)
{
    struct net *n = HC_NEW(a, struct net);
    struct hc_val *doc;
    bool there;
    if (!n)
        return hc_fail_nomem(err);
    n->a = a;
    n->d = d;
    n->g = d->source->globals;
    n->source = *d->source;
    n->source.verify = d->verify == HC_DEPS_SIGNED; /* without a provenance file the fetch fails */
    n->source.want_prov = d->verify != HC_DEPS_TRUST;
    n->source.to_file = true;
    enum hc_rc rc = hc_helm_repositories(a, n->g, &doc, &there, err);
    if (rc != HC_OK)
        return rc;
    n->repos = hc_map_getz(doc, "repositories");
    *out = (struct hc_deps_port){ .ctx = n, .names = names, .refresh = refresh, .choose = choose, .fetch = fetch };
    return HC_OK;
}
