/*
 * Dependencies of a chart that is built from a tree: what Flux's dependency manager does. What lies in charts/ stands; of
 * the rest the lock names the versions when there is one. Dependencies of dependencies are not looked for.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#include "charts-fetch/source/local.h"
#include "core/base/fs.h"
#include "core/base/limits.h"
#include "core/base/semver.h"
#include "helmctl/controller/chart_impl.h"

void chart_held_done(struct chart_held *h)
{
    while (h->n)
        hc_chart_unref(h->charts[--h->n]);
}

/* ".." stops at the root and a leading '/' means the root, as filepath-securejoin has it; a link that leads out of it,
 * which unpacking does not leave behind, is refused. */
enum hc_rc chart_path_below(struct hc_arena *a, const char *root, hc_str rel, const char **out, struct hc_err *err)
{
    char real[PATH_MAX + 1];
    size_t n = strlen(root);
    hc_str clean = hc_path_clean(a, hc_arena_printf(a, "/%.*s", HC_P(rel)));
    const char *path = hc_arena_printf(a, "%s%.*s", root, HC_P(clean)).p;
    if (!path || !clean.p)
        return hc_fail_nomem(err);
    if (rel.n && memchr(rel.p, 0, rel.n))
        return hc_fail(err, HC_E_INPUT, "a path with a NUL byte in it");
    if (!realpath(path, real)) {
        if (errno == ENOENT || errno == ENOTDIR)
            return hc_fail(err, HC_E_NOTFOUND, "nothing is at '%.*s' in the source", HC_P(clean));
        return hc_fail_errno(err, "look up", clean.p);
    }
    if (strncmp(real, root, n) != 0 || (real[n] && real[n] != '/'))
        return hc_fail(err, HC_E_INPUT, "'%.*s' leads out of the source", HC_P(clean));
    *out = hc_arena_strz(a, hc_str_of(real));
    return *out ? HC_OK : hc_fail_nomem(err);
}

struct deps {
    struct pass *p;
    const char *root, *path;
    struct chart_held *held;
    struct {
        hc_str url, digest;
    } indexes[32]; /* of repositories nobody made a HelmRepository for: fetched once a build */
    size_t indexes_n;
};

static hc_str text_of(const struct hc_val *dep, const char *key)
{
    return hc_get_str(hc_map_getz(dep, key));
}

static bool is_local(hc_str repository)
{
    return !repository.n || hc_str_starts(repository, HC_S("file://"));
}

static enum hc_rc hold(struct deps *d, struct hc_chart *chart)
{
    if (d->held->n == HC_LEN(d->held->charts)) {
        hc_chart_unref(chart);
        return hc_fail(&d->p->err, HC_E_LIMIT, "more than %zu dependencies", HC_LEN(d->held->charts));
    }
    d->held->charts[d->held->n++] = chart;
    return HC_OK;
}

static enum hc_rc add_local(struct deps *d, const struct hc_val *dep)
{
    struct pass *p = d->p;
    hc_str repository = text_of(dep, "repository"), wanted = text_of(dep, "version");
    hc_str below = repository.n ? hc_str_sub(repository, 7, repository.n) : (hc_str){ NULL, 0 };
    hc_str rel = repository.n ? hc_arena_printf(p->a, "%s/%.*s", d->path, HC_P(below))
                              : hc_arena_printf(p->a, "%s/charts/%.*s", d->path, HC_P(text_of(dep, "name")));
    const char *real;
    struct hc_semrange *range = NULL;
    struct hc_semver v;
    struct hc_chart *chart = NULL;
    enum hc_rc rc = chart_path_below(p->a, d->root, rel, &real, &p->err);
    if (rc == HC_E_NOTFOUND)
        return hc_fail(&p->err, HC_E_INPUT, "no chart found at '%.*s' (reference '%.*s')",
                       HC_P(hc_path_clean(p->a, hc_arena_printf(p->a, "/%.*s", HC_P(rel)))), HC_P(repository));
    if (rc != HC_OK)
        return rc;
    if (hc_semrange_parse(p->a, wanted, &range, &p->err) != HC_OK)
        return hc_wrap(&p->err, "invalid version/constraint format '%.*s'", HC_P(wanted));
    if (hc_chart_load_path(real, &hc_chart_archives, &chart, &p->err) != HC_OK)
        return hc_wrap(&p->err, "failed to load chart from '%s' (reference '%.*s')", real + strlen(d->root),
                       HC_P(repository));
    rc = hc_semver_parse(chart->version, &v, &p->err);
    if (rc == HC_OK && !hc_semrange_fits(range, &v))
        rc = hc_fail(&p->err, HC_E_INPUT, "can't get a valid version for constraint '%.*s'", HC_P(wanted));
    if (rc != HC_OK) {
        hc_chart_unref(chart);
        return rc;
    }
    return hold(d, chart);
}

/* The HelmRepository of this namespace with that address, for its credentials and its index; NULL: none. */
static const struct hc_val *repository_at(struct pass *p, hc_str url)
{
    struct hc_key *keys;
    size_t n = hc_objects_list(p->c->objects, p->a, HC_CTL_REPO, &keys);
    while (hc_str_ends(url, HC_S("/")))
        url.n--;
    for (size_t i = 0; i < n; i++) {
        if (!hc_str_eq(keys[i].ns, p->key.ns))
            continue;
        const struct hc_val *repo = hc_objects_get(p->c->objects, p->a, keys[i]);
        hc_str at = hc_get_str_at(repo, "spec.url");
        while (hc_str_ends(at, HC_S("/")))
            at.n--;
        if (hc_str_eq(at, url))
            return repo;
    }
    return NULL;
}

/* The index of a repository without an artifact, fetched once for all of its charts. */
static enum hc_rc index_of(struct deps *d, const struct hc_val *spec, hc_str url, hc_str *out)
{
    struct pass *p = d->p;
    struct hc_source_auth auth;
    struct hc_source_env env;
    struct hc_artifact got;
    const char *reason, *z = hc_arena_strz(p->a, url);
    for (size_t i = 0; i < d->indexes_n; i++)
        if (hc_str_eq(d->indexes[i].url, url)) {
            *out = d->indexes[i].digest;
            return HC_OK;
        }
    if (!z || src_auth_of(p, spec, p->key.ns, &auth, &reason) != HC_OK ||
        src_env(p, spec, p->key.ns, &env) != HC_OK)
        return z ? p->err.code : hc_fail_nomem(&p->err);
    enum hc_rc rc = hc_helmrepo_index(&env, p->a, z, &auth, (hc_str){ NULL, 0 }, &got, &p->err);
    if (rc != HC_OK)
        return rc;
    *out = got.digest;
    if (d->indexes_n < HC_LEN(d->indexes)) {
        d->indexes[d->indexes_n].url = url;
        d->indexes[d->indexes_n++].digest = got.digest;
    }
    return HC_OK;
}

static enum hc_rc add_remote(struct deps *d, const struct hc_val *dep)
{
    struct pass *p = d->p;
    hc_str url = text_of(dep, "repository"), name = text_of(dep, "name"), range = text_of(dep, "version");
    bool oci = hc_str_starts(url, HC_S("oci://"));
    hc_str index = { NULL, 0 }, archive;
    const struct chart_why *why;
    struct hc_artifact got;
    struct hc_chart *chart = NULL;
    if (hc_str_starts(url, HC_S("@")) || hc_str_starts(url, HC_S("alias:")))
        return hc_fail(&p->err, HC_E_INPUT,
                       "aliased repository dependency is not supported: %.*s; write the repository's address",
                       HC_P(url));
    if (!oci && !hc_str_starts(url, HC_S("http://")) && !hc_str_starts(url, HC_S("https://")))
        return hc_fail(&p->err, HC_E_INPUT, "invalid dependency repository URL: %.*s", HC_P(url));
    const struct hc_val *repo = repository_at(p, url), *spec = hc_map_getz(repo, "spec");
    enum hc_rc rc = HC_OK;
    if (!spec) { /* nobody's: without credentials */
        struct hc_val *made = hc_map_new(p->a);
        hc_map_put_str(p->a, made, "url", url);
        spec = made;
    }
    if (!oci && repo && hc_get_str_at(repo, "status.artifact.digest").n)
        rc = ctl_artifact_blob(p->c, p->a, repo, &index, &p->err);
    else if (!oci)
        rc = index_of(d, spec, url, &index);
    if (rc != HC_OK)
        return hc_wrap(&p->err, "failed to get chart repository for URL '%.*s'", HC_P(url));
    rc = chart_fetch(p, spec, index, name, range, (hc_str){ NULL, 0 }, NULL, &got, &why);
    if (rc == HC_OK)
        rc = hc_store_get(ctl_store_blobs(p->c->store), p->a, got.digest, HC_MAX_CHART_PACKED, &archive, &p->err);
    if (rc != HC_OK)
        return hc_wrap(&p->err, "failed to get chart '%.*s' version '%.*s' from '%.*s'", HC_P(name), HC_P(range),
                       HC_P(url));
    if (hc_chart_load_archive(archive, &hc_chart_archives, &chart, &p->err) != HC_OK)
        return hc_wrap(&p->err, "failed to load downloaded archive of version '%.*s'", HC_P(got.revision));
    return hold(d, chart);
}

static bool holds(const struct hc_chart *chart, hc_str name)
{
    for (size_t i = 0; i < chart->subs_n; i++)
        if (hc_str_eq(chart->subs[i]->name, name))
            return true;
    return false;
}

/* As a part of `parent`, under its alias. */
static struct hc_chart *as_part(struct pass *p, const struct hc_chart *sub, hc_str alias, struct hc_chart *parent)
{
    struct hc_chart *c = HC_NEW(p->a, struct hc_chart);
    if (!c)
        return NULL;
    *c = *sub;
    c->parent = parent;
    if (alias.n) {
        struct hc_val *meta = hc_val_copy(p->a, sub->metadata);
        hc_map_put_str(p->a, meta, "name", alias);
        c->metadata = meta;
        c->name = alias;
    }
    return c;
}

enum hc_rc chart_add_dependencies(struct pass *p, const char *root, const char *path, const struct hc_chart *chart,
                                  struct chart_held *held, struct hc_chart *out, size_t *out_resolved)
{
    const struct hc_val *wanted = hc_map_getz(chart->lock_meta ? chart->lock_meta : chart->metadata,
                                              "dependencies");
    struct deps d = { .p = p, .root = root, .path = path, .held = held };
    size_t n = hc_list_len(wanted);
    *out_resolved = 0;
    if (chart->subs_n == n) /* Flux counts and looks no further */
        return HC_OK;
    struct hc_chart **subs = HC_NEW_N(p->a, struct hc_chart *, chart->subs_n + n + 1);
    if (!subs)
        return hc_fail_nomem(&p->err);
    for (size_t i = 0; i < chart->subs_n; i++)
        subs[i] = chart->subs[i];
    for (size_t i = 0; i < n; i++) {
        const struct hc_val *dep = hc_list_at(wanted, i);
        hc_str alias = text_of(dep, "alias"), name = alias.n ? alias : text_of(dep, "name");
        if (hc_str_find(name, '/') != SIZE_MAX || hc_str_eqz(name, "..") || hc_str_eqz(name, "."))
            return hc_fail(&p->err, HC_E_INPUT, "dependency '%.*s': no name for a folder", HC_P(name));
        if (holds(out, name))
            continue;
        bool local = is_local(text_of(dep, "repository"));
        if ((local ? add_local(&d, dep) : add_remote(&d, dep)) != HC_OK)
            return hc_wrap(&p->err, "failed to add %s dependency '%.*s'", local ? "local" : "remote", HC_P(name));
        struct hc_chart *part = as_part(p, held->charts[held->n - 1], alias, out);
        if (!part)
            return hc_fail_nomem(&p->err);
        out->subs = subs;
        out->subs[out->subs_n++] = part;
        (*out_resolved)++;
    }
    return hc_arena_check(p->a, &p->err, "dependencies");
}
