/*
 * Composes the values of a HelmRelease again, with the controller's own code, and prints the origin that each leaf keeps.
 */
#include "helmctl/cli/origins.h"

#include <stdio.h>

#include "charts-fetch/unpack/unpack.h"
#include "core/base/digest.h"
#include "core/base/limits.h"
#include "core/value/json.h"
#include "helmctl/cli/gitops.h"
#include "helmctl/cli/release.h"
#include "helmctl/controller/values.h"

struct asker {
    struct hc_cli_cluster *c;
    struct artifact { /* sources are asked once */
        hc_str kind, ns, name, revision;
        struct hc_unpacked *files;
        size_t n;
        struct artifact *next;
    } * known;
};

static enum hc_rc object(void *ctx, struct hc_arena *a, hc_str kind, hc_str ns, hc_str name, struct hc_val **out,
                         struct hc_err *err)
{
    struct asker *k = ctx;
    struct hc_ref ref = { HC_S("v1"), kind, ns, name };
    return hc_kube_get(k->c->kube, a, &ref, out, err);
}

static enum hc_rc fetch(struct asker *k, struct hc_arena *a, struct artifact *t, struct hc_err *err)
{
    struct hc_ref ref = { HC_S("source.toolkit.fluxcd.io/v1"), t->kind, t->ns, t->name };
    struct hc_val *source;
    struct hc_http_response r;
    enum hc_rc rc = hc_kube_get(k->c->kube, a, &ref, &source, err);
    if (rc != HC_OK)
        return rc;
    hc_str url = hc_get_str_at(source, "status.artifact.url"),
           digest = hc_get_str_at(source, "status.artifact.digest");
    t->revision = hc_get_str_at(source, "status.artifact.revision");
    if (!url.n)
        return hc_fail(err, HC_E_NOTFOUND, "%.*s %.*s/%.*s has no artifact yet", HC_P(t->kind), HC_P(t->ns),
                       HC_P(t->name));
    struct hc_http_request req = { .method = "GET",
                                   .url = hc_arena_strz(a, url),
                                   .max_bytes = HC_MAX_ARTIFACT_BYTES };
    if (!req.url || hc_http_do(k->c->http, a, &req, &r, err) != HC_OK)
        return hc_wrap(err,
                       "artifact of %.*s %.*s/%.*s (it is served by the controller: run this where that address "
                       "can be reached)",
                       HC_P(t->kind), HC_P(t->ns), HC_P(t->name));
    char hex[HC_SHA256_HEX + 1];
    hc_sha256_of(r.body, hex);
    if (r.status != 200 || !hc_str_ends(digest, hc_str_of(hex)))
        return hc_fail(err, HC_E_AGAIN,
                       "artifact '%.*s': the server answers %d, or with something else than its digest says",
                       HC_P(url), r.status);
    return hc_unpack_memory(a, r.body, &(struct hc_unpack_limits){ HC_MAX_ARTIFACT_BYTES, HC_MAX_ARTIFACT_FILES },
                            &t->files, &t->n, err);
}

static enum hc_rc file(void *ctx, struct hc_arena *a, hc_str kind, hc_str ns, hc_str name, hc_str path,
                       hc_str *out_text, hc_str *out_revision, struct hc_err *err)
{
    struct asker *k = ctx;
    struct artifact *t = k->known;
    while (t && !(hc_str_eq(t->kind, kind) && hc_str_eq(t->ns, ns) && hc_str_eq(t->name, name)))
        t = t->next;
    if (!t) {
        t = HC_NEW(a, struct artifact);
        if (!t)
            return hc_arena_check(a, err, "artifact");
        *t = (struct artifact){ .kind = kind, .ns = ns, .name = name, .next = k->known };
        enum hc_rc rc = fetch(k, a, t, err);
        if (rc != HC_OK)
            return rc;
        k->known = t;
    }
    if (hc_str_starts(path, HC_S("./")))
        path = hc_str_sub(path, 2, path.n);
    for (size_t i = 0; i < t->n; i++)
        if (hc_str_eq(t->files[i].name, path)) {
            *out_text = t->files[i].body;
            *out_revision = t->revision;
            return HC_OK;
        }
    return hc_fail(err, HC_E_NOTFOUND, "no file '%.*s' in %.*s %.*s/%.*s at %.*s", HC_P(path), HC_P(kind), HC_P(ns),
                   HC_P(name), HC_P(t->revision));
}

/* The HelmRelease whose newest snapshot is this release; NULL: none. */
static enum hc_rc owner_of(struct hc_cli_cluster *c, struct hc_arena *a, const struct hc_record *record,
                           const struct hc_val **out, struct hc_err *err)
{
    struct hc_kube_list what = { .api_version = HC_S("helm.toolkit.fluxcd.io/v2"), .kind = HC_S("HelmRelease") };
    struct hc_val *items;
    enum hc_rc rc = hc_kube_list(c->kube, a, &what, &items, NULL, err);
    *out = NULL;
    if (rc == HC_E_NOTFOUND)
        return HC_OK;
    if (rc != HC_OK)
        return rc;
    for (size_t i = 0; i < hc_list_len(items) && !*out; i++) {
        const struct hc_val *newest = hc_get(hc_list_at(items, i), "status.history[0]");
        if (hc_str_eq(hc_get_str_at(newest, "name"), record->name) &&
            hc_str_eq(hc_get_str_at(newest, "namespace"), record->ns))
            *out = hc_list_at(items, i);
    }
    return HC_OK;
}

struct row {
    hc_str path, is, from, chart;
};
struct rows {
    struct hc_arena *a;
    const struct hc_origins *origins;
    struct row *list;
    size_t n, cap;
};

static hc_str scalar(struct hc_arena *a, const struct hc_val *v)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 4096);
    if (!v)
        return HC_S("-");
    hc_json_write(&b, v, HC_JSON_GO_FLOAT);
    hc_str text = hc_buf_str(&b);
    if (text.n > 60 || b.spent)
        return hc_arena_printf(a, "%.57s...", hc_arena_strz(a, hc_str_sub(text, 0, 57)));
    return hc_arena_str(a, text);
}

/* "main@sha1:8f2d..." is cut to eight digits. */
static hc_str from_text(struct rows *r, const struct hc_val *v)
{
    const struct hc_origin *o = hc_origins_get(r->origins, v->origin);
    if (!o)
        return HC_S("unknown");
    hc_str revision = hc_gitops_short(r->a, o->revision);
    hc_str line = v->line ? hc_arena_printf(r->a, ":%u", v->line) : HC_S("");
    return hc_arena_printf(r->a, "%.*s%.*s%s%.*s", HC_P(o->name), HC_P(line), revision.n ? " at " : "",
                           HC_P(revision));
}

static void add(struct rows *r, hc_str path, const struct hc_val *v, const struct hc_val *chart)
{
    if (r->n == r->cap) {
        size_t cap = r->cap ? r->cap * 2 : 32;
        struct row *more = HC_NEW_N(r->a, struct row, cap);
        if (!more)
            return;
        if (r->n)
            memcpy(more, r->list, r->n * sizeof(*more));
        r->list = more;
        r->cap = cap;
    }
    const struct hc_origin *o = hc_origins_get(r->origins, v->origin);
    bool secret = o && hc_str_starts(o->name, HC_S("Secret "));
    r->list[r->n++] = (struct row){ path, secret ? HC_S("***") : scalar(r->a, v), from_text(r, v),
                                    scalar(r->a, chart) };
}

static void walk(struct rows *r, hc_str path, const struct hc_val *v, const struct hc_val *chart, int depth)
{
    if (!hc_map_len(v) || depth > 100) {
        add(r, path, v, chart);
        return;
    }
    for (size_t i = 0; i < hc_map_len(v); i++) {
        struct hc_entry *e = hc_map_at(v, i);
        hc_str below = path.n ? hc_arena_printf(r->a, "%.*s.%.*s", HC_P(path), HC_P(e->key)) : e->key;
        walk(r, below, e->val, hc_map_get(chart, e->key), depth + 1);
    }
}

static int print_rows(const struct rows *r, const char *output)
{
    static const char *const header[] = { "VALUE", "IS", "FROM", "THE CHART SAYS" };
    if (strcmp(output, "table") != 0) {
        struct hc_val *list = hc_list_new(r->a);
        for (size_t i = 0; i < r->n; i++) {
            struct hc_val *m = hc_map_new(r->a);
            hc_map_put_str(r->a, m, "value", r->list[i].path);
            hc_map_put_str(r->a, m, "is", r->list[i].is);
            hc_map_put_str(r->a, m, "from", r->list[i].from);
            hc_map_put_str(r->a, m, "chart", r->list[i].chart);
            hc_list_add(r->a, list, m);
        }
        return hc_cli_print_value(list, output);
    }
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_str *cells = HC_NEW_N(r->a, hc_str, 4 * (r->n ? r->n : 1));
    hc_buf_init(&b, 0);
    for (size_t i = 0; cells && i < r->n; i++) {
        cells[4 * i] = r->list[i].path;
        cells[4 * i + 1] = r->list[i].is;
        cells[4 * i + 2] = r->list[i].from;
        cells[4 * i + 3] = r->list[i].chart;
    }
    if (cells)
        hc_gitops_table(&b, header, 4, cells, r->n);
    fwrite(b.p, 1, b.n, stdout);
    return 0;
}

int hc_cli_print_origins(struct hc_arena *a, struct hc_cli_cluster *c, const struct hc_record *record,
                         const char *output)
{
    struct hc_err err = HC_ERR_INIT;
    const struct hc_val *owner;
    struct hc_val *values;
    struct asker asker = { .c = c };
    const struct hc_values_from_port port = { &asker, object, file };
    struct rows rows = { .a = a, .origins = NULL };
    struct hc_origins *origins = hc_origins_new(a);
    if (owner_of(c, a, record, &owner, &err) != HC_OK)
        return hc_cli_fail(&err);
    if (!owner)
        return hc_cli_error("no HelmRelease owns release %.*s in %.*s: where its values came from is known only to "
                            "whoever installed it (helmctl get values shows what they were)",
                            HC_P(record->name), HC_P(record->ns));
    if (hc_release_values(a, owner, &port, origins, &values, &err) != HC_OK)
        return hc_cli_fail(&err);
    rows.origins = origins;
    walk(&rows, HC_S(""), values, hc_map_getz(record->chart, "values"), 0);
    if (hc_arena_check(a, &err, "origins") != HC_OK)
        return hc_cli_fail(&err);
    return print_rows(&rows, output);
}
