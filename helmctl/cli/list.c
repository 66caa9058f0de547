/*
 * helmctl list, history, status, and get manifest|values|hooks|notes|metadata|all of a release.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/value/selector.h"
#include "deploy/compose/compose.h"
#include "deploy/plan/plan.h"
#include "deploy/ready/ready.h"
#include "helmctl/cli/cli.h"
#include "helmctl/cli/origins.h"
#include "helmctl/cli/release.h"
#include "lua/funcs/regex.h"
#include "lua/funcs/time.h"

static hc_str number(struct hc_arena *a, int64_t i)
{
    return hc_arena_printf(a, "%" PRId64, i);
}

/* User labels and those of the system, in bytewise order. */
static struct hc_val *all_labels(struct hc_arena *a, const struct hc_record *r)
{
    static const char *const order[] = { "createdAt", "modifiedAt", "name", "owner", "status", "version" };
    const hc_str vals[] = { r->created_at > 0 ? number(a, r->created_at) : (hc_str){ NULL, 0 },
                            r->modified_at > 0 ? number(a, r->modified_at) : (hc_str){ NULL, 0 },
                            r->name,
                            HC_S("owner"),
                            hc_str_of(hc_status_name(r->status)),
                            number(a, r->revision) };
    struct hc_val *out = hc_map_new(a);
    size_t user = 0, sys = 0;
    while (user < hc_map_len(r->labels) || sys < HC_LEN(order)) { /* both are merged in bytewise order */
        const struct hc_entry *e = hc_map_at(r->labels, user);
        if (sys < HC_LEN(order) && (!e || hc_str_cmp(hc_str_of(order[sys]), e->key) < 0)) {
            if (vals[sys].p)
                hc_map_put_str(a, out, order[sys], strcmp(order[sys], "owner") == 0 ? HC_S("helm") : vals[sys]);
            sys++;
        } else {
            hc_map_put(a, out, e->key, e->val);
            user++;
        }
    }
    return out;
}

/* ---- list -------------------------------------------------------------------------------------------------- */

struct list {
    bool quiet, no_headers, by_date, reverse, all_namespaces, all;
    bool uninstalled, superseded, uninstalling, deployed, failed, pending;
    int64_t max, offset;
    const char *filter, *selector, *output, *time_format;
};

static bool state_wanted(const struct list *l, enum hc_status s)
{
    bool any = l->uninstalled || l->superseded || l->uninstalling || l->deployed || l->failed || l->pending;
    if (!any) /* Helm 4, and Helm 3 with --all: whatever its state is */
        return true;
    switch (s) {
    case HC_STATUS_DEPLOYED:
        return l->deployed;
    case HC_STATUS_UNINSTALLED:
        return l->uninstalled;
    case HC_STATUS_SUPERSEDED:
        return l->superseded;
    case HC_STATUS_FAILED:
        return l->failed;
    case HC_STATUS_UNINSTALLING:
        return l->uninstalling;
    case HC_STATUS_PENDING_INSTALL:
    case HC_STATUS_PENDING_UPGRADE:
    case HC_STATUS_PENDING_ROLLBACK:
        return l->pending;
    case HC_STATUS_UNKNOWN:
        break;
    }
    return false;
}

/* A superseded revision is never the newest: only who asks for nothing else is shown others (Helm's rule). */
static bool superseded_alone(const struct list *l)
{
    return l->superseded && !l->uninstalled && !l->uninstalling && !l->deployed && !l->failed && !l->pending;
}

/* Whether filter and selector fit it. The selector is held against the newest revision, here: the server would pick an older one
 * that fits, whose labels the release has no longer. */
static enum hc_rc is_wanted(struct hc_arena *a, const struct list *l, struct hc_regex *names,
                            const struct hc_record *r, bool *out, struct hc_err *err)
{
    enum hc_rc rc = HC_OK;
    bool fits = true;
    if (names) {
        HC_AUTO(hc_search) struct hc_search look;
        rc = hc_search_init(&look, names, r->name, err);
        if (rc == HC_OK)
            rc = hc_search_next(&look, 0, &fits, err);
    }
    if (rc == HC_OK && fits && l->selector)
        rc = hc_selector_fits(hc_str_of(l->selector), all_labels(a, r), &fits, err);
    *out = fits;
    return rc;
}

static int by_name(const void *x, const void *y)
{
    const struct hc_record *a = x, *b = y;
    int c = hc_str_cmp(a->name, b->name);
    return c != 0 ? c : hc_str_cmp(a->ns, b->ns);
}
static int by_date(const void *x, const void *y)
{
    int64_t a = hc_time_parse_ms(((const struct hc_record *)x)->last_deployed);
    int64_t b = hc_time_parse_ms(((const struct hc_record *)y)->last_deployed);
    return a < b ? -1 : a > b;
}

/* When it was deployed last, in the layout that is wanted (Go's), else as Go prints a time by itself. */
static hc_str updated(struct hc_arena *a, const struct list *l, const struct hc_record *r)
{
    struct hc_time t;
    struct hc_err err = HC_ERR_INIT;
    HC_AUTO(hc_buf) struct hc_buf b;
    if (!l->time_format || !*l->time_format || hc_time_parse_ms(r->last_deployed) < 0 ||
        hc_time_parse(a, HC_S("2006-01-02T15:04:05.999999999Z07:00"), r->last_deployed, NULL, &t, &err) != HC_OK)
        return hc_cli_time_string(a, r->last_deployed);
    hc_buf_init(&b, 0);
    hc_time_format(&b, &t, hc_str_of(l->time_format));
    return hc_buf_to_arena(&b, a);
}

static int print_list(struct hc_arena *a, const struct list *l, const struct hc_record *r, size_t n)
{
    if (l->quiet && strcmp(l->output, "table") == 0) {
        for (size_t i = 0; i < n; i++)
            printf("%.*s\n", HC_P(r[i].name));
        return 0;
    }
    struct hc_val *all = hc_list_new(a);
    hc_str *cells = HC_NEW_N(a, hc_str, (n + 1) * 7);
    static const char *const heads[] = { "NAME",   "NAMESPACE", "REVISION",   "UPDATED",
                                         "STATUS", "CHART",     "APP VERSION" };
    static const char *const keys[] = {
        "name", "namespace", "revision", "updated", "status", "chart", "app_version"
    };
    size_t row = 0;
    for (size_t x = 0; cells && !l->no_headers && x < 7; x++)
        cells[x] = hc_str_of(heads[x]);
    row = l->no_headers ? 0 : 1;
    for (size_t i = 0; cells && i < n; i++, row++) {
        const hc_str fields[] = { r[i].name,
                                  r[i].ns,
                                  number(a, r[i].revision),
                                  updated(a, l, &r[i]),
                                  hc_str_of(hc_status_name(r[i].status)),
                                  hc_cli_chart_label(a, &r[i]),
                                  hc_cli_app_version(&r[i]) };
        struct hc_val *e = hc_map_new(a);
        for (size_t x = 0; x < 7; x++) {
            cells[row * 7 + x] = fields[x];
            hc_map_put_str(a, e, keys[x], fields[x]);
        }
        hc_list_add(a, all, l->quiet ? hc_str_val(a, r[i].name) : e);
    }
    if (strcmp(l->output, "table") != 0)
        return hc_cli_print_value(all, l->output);
    if (cells)
        hc_cli_print_table(cells, 7, row);
    return 0;
}

int hc_cmd_list(int argc, char **argv)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct list l = { .max = 256, .output = "table" };
    const struct hc_flag flags[] = {
        { "short", 'q', HC_FLAG_BOOL, &l.quiet, "names only" },
        { "no-headers", 0, HC_FLAG_BOOL, &l.no_headers, "leave out the header" },
        { "time-format", 0, HC_FLAG_STR, &l.time_format, "layout of times, in Go's form: 2006-01-02 15:04", NULL,
          "layout" },
        { "date", 'd', HC_FLAG_BOOL, &l.by_date, "sort by date" },
        { "reverse", 'r', HC_FLAG_BOOL, &l.reverse, "reverse the order" },
        { "all", 'a', HC_FLAG_BOOL, &l.all, "releases of all states" },
        { "uninstalled", 0, HC_FLAG_BOOL, &l.uninstalled, "those uninstalled with --keep-history" },
        { "superseded", 0, HC_FLAG_BOOL, &l.superseded, "superseded ones" },
        { "uninstalling", 0, HC_FLAG_BOOL, &l.uninstalling, "those being uninstalled" },
        { "deployed", 0, HC_FLAG_BOOL, &l.deployed, "deployed ones" },
        { "failed", 0, HC_FLAG_BOOL, &l.failed, "failed ones" },
        { "pending", 0, HC_FLAG_BOOL, &l.pending, "pending ones" },
        { "all-namespaces", 'A', HC_FLAG_BOOL, &l.all_namespaces, "of all namespaces" },
        { "max", 'm', HC_FLAG_INT, &l.max, "at most so many; 0: all" },
        { "offset", 0, HC_FLAG_INT, &l.offset, "leave out so many at the start" },
        { "filter", 'f', HC_FLAG_STR, &l.filter, "names that match this regular expression" },
        { "selector", 'l', HC_FLAG_STR, &l.selector, "records with these labels" },
        { "output", 'o', HC_FLAG_STR, &l.output, "print as table, json or yaml", NULL, "table|json|yaml" },
    };
    struct hc_cli cli = { .use = "list [flags]",
                          .about = "Lists releases.\n\n  helmctl list -A\n  helmctl list --failed -o json",
                          .flags = flags,
                          .flags_n = HC_LEN(flags) };
    int code = hc_cli_parse(a, &cli, argc, argv);
    if (code >= 0)
        return code;
    HC_AUTO(hc_cli_release) struct hc_cli_release r = { 0 };
    struct hc_err err = HC_ERR_INIT;
    struct hc_record *all = NULL;
    size_t n = 0, kept = 0, made;
    HC_AUTO(hc_regex) struct hc_regex *names = NULL;
    if (hc_cli_release_begin_print(&r, a, &cli.globals, l.output, &err) != HC_OK ||
        (l.filter && hc_regex_get(hc_str_of(l.filter), &names, &made, &err) != HC_OK) ||
        hc_storage_list(r.storage, a, (hc_str){ NULL, 0 }, l.all_namespaces, &all, &n, &err) != HC_OK)
        return hc_cli_fail(&err);
    for (size_t i = 0; i < n; i++) {
        bool newest = i + 1 == n || !hc_str_eq(all[i].name, all[i + 1].name) ||
                      !hc_str_eq(all[i].ns, all[i + 1].ns);
        bool shown = false;
        if ((newest || superseded_alone(&l)) && state_wanted(&l, all[i].status) &&
            is_wanted(a, &l, names, &all[i], &shown, &err) != HC_OK)
            return hc_cli_fail(&err);
        if (shown)
            all[kept++] = all[i];
    }
    qsort(all, kept, sizeof(*all), l.by_date ? by_date : by_name);
    for (size_t i = 0; l.reverse && i < kept / 2; i++) {
        struct hc_record t = all[i];
        all[i] = all[kept - 1 - i];
        all[kept - 1 - i] = t;
    }
    size_t from = HC_MIN(kept, (size_t)HC_MAX(l.offset, 0));
    size_t count = l.max > 0 ? HC_MIN(kept - from, (size_t)l.max) : kept - from;
    return print_list(a, &l, all + from, count);
}

/* ---- history ----------------------------------------------------------------------------------------------- */

int hc_cmd_history(int argc, char **argv)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    int64_t max = 256;
    bool rollback = false;
    const char *output = "table";
    const struct hc_flag flags[] = {
        { "max", 0, HC_FLAG_INT, &max, "at most so many revisions" },
        { "show-rollback-revision", 0, HC_FLAG_BOOL, &rollback, "what a rollback went back to, as a column" },
        { "output", 'o', HC_FLAG_STR, &output, "print as table, json or yaml", NULL, "table|json|yaml" },
    };
    struct hc_cli cli = { .use = "history RELEASE [flags]",
                          .about = "Lists the revisions of a release.",
                          .flags = flags,
                          .flags_n = HC_LEN(flags),
                          .min_args = 1,
                          .max_args = 1 };
    int code = hc_cli_parse(a, &cli, argc, argv);
    if (code >= 0)
        return code;
    HC_AUTO(hc_cli_release) struct hc_cli_release r = { 0 };
    struct hc_err err = HC_ERR_INIT;
    struct hc_record *all = NULL;
    size_t n = 0, row = 1;
    if (hc_cli_release_begin_print(&r, a, &cli.globals, output, &err) != HC_OK ||
        hc_storage_list(r.storage, a, hc_str_of(cli.args[0]), false, &all, &n, &err) != HC_OK)
        return hc_cli_fail(&err);
    if (n == 0)
        return hc_cli_error("release: not found");
    size_t from = max >= 0 && n > (size_t)max ? n - (size_t)max : 0, columns = rollback ? 7 : 6;
    static const char *const heads[] = { "REVISION",    "UPDATED",  "STATUS",     "CHART",
                                         "APP VERSION", "ROLLBACK", "DESCRIPTION" };
    hc_str *cells = HC_NEW_N(a, hc_str, (n + 1) * columns);
    struct hc_val *list = hc_list_new(a);
    for (size_t x = 0, c = 0; cells && x < 7; x++)
        if (x != 5 || rollback)
            cells[c++] = hc_str_of(heads[x]);
    for (size_t i = from; cells && i < n; i++, row++) {
        const struct hc_record *h = &all[i];
        const hc_str fields[] = { number(a, h->revision),
                                  hc_cli_time_ansic(a, h->last_deployed),
                                  hc_str_of(hc_status_name(h->status)),
                                  hc_cli_chart_label(a, h),
                                  hc_cli_app_version(h),
                                  h->rollback_revision > 0 ? number(a, h->rollback_revision) : HC_S(""),
                                  h->description.p ? h->description : HC_S("") };
        struct hc_val *e = hc_map_new(a);
        for (size_t x = 0, c = 0; x < 7; x++)
            if (x != 5 || rollback)
                cells[row * columns + c++] = fields[x];
        hc_map_put_int(a, e, "revision", h->revision);
        if (h->last_deployed.n > 0)
            hc_map_put_str(a, e, "updated", h->last_deployed);
        hc_map_put_str(a, e, "status", fields[2]);
        hc_map_put_str(a, e, "chart", fields[3]);
        hc_map_put_str(a, e, "app_version", fields[4]);
        if (h->rollback_revision > 0)
            hc_map_put_int(a, e, "rollback_revision", h->rollback_revision);
        hc_map_put_str(a, e, "description", fields[6]);
        hc_list_add(a, list, e);
    }
    if (strcmp(output, "table") != 0)
        return hc_cli_print_value(list, output);
    if (cells)
        hc_cli_print_table(cells, columns, row);
    return 0;
}

/* ---- one release ------------------------------------------------------------------------------------------- */

static enum hc_rc read_one(struct hc_cli_release *r, struct hc_arena *a, const struct hc_globals *g,
                           const char *output, const char *name, int64_t revision, struct hc_record *out,
                           struct hc_err *err)
{
    r->name = hc_str_of(name);
    enum hc_rc rc = hc_cli_release_begin_print(r, a, g, output, err);
    if (rc != HC_OK)
        return rc;
    rc = revision > 0 ? hc_storage_get(r->storage, a, r->name, revision, out, err)
                      : hc_storage_last(r->storage, a, r->name, 0, out, err);
    return rc == HC_E_NOTFOUND ? hc_fail(err, rc, "release: not found") : rc;
}

static void add_resource(struct hc_arena *a, struct hc_val *out, hc_str key, struct hc_val *object)
{
    struct hc_val *list = hc_map_get(out, key);
    if (!list) {
        list = hc_list_new(a);
        hc_map_put(a, out, key, list);
    }
    hc_list_add(a, list, object);
}

/* The pods of a workload, as a PodList. */
static void add_pods(struct hc_cli_release *r, struct hc_arena *a, struct hc_val *out, const struct hc_val *live)
{
    hc_str selector = hc_ready_pod_selector(a, live), rv;
    struct hc_val *pods = NULL, *list = hc_map_new(a);
    const struct hc_kube_list what = { .api_version = HC_S("v1"),
                                       .kind = HC_S("Pod"),
                                       .ns = hc_get_str_at(live, "metadata.namespace"),
                                       .label_selector = selector };
    if (selector.n == 0 || hc_kube_list(r->cluster.kube, a, &what, &pods, &rv, NULL) != HC_OK)
        return;
    hc_map_put_strz(a, list, "apiVersion", "v1");
    hc_map_put(a, list, HC_S("items"), pods);
    hc_map_put_strz(a, list, "kind", "PodList");
    hc_map_put_str(a, hc_map_sub(a, list, "metadata"), "resourceVersion", rv);
    add_resource(a, out, HC_S("v1/Pod(related)"), list);
}

/* The live objects, by "v1/ConfigMap" (version and kind), as Helm puts them into info.resources. */
static struct hc_val *resources(struct hc_cli_release *r, struct hc_arena *a, const struct hc_record *rec)
{
    struct hc_plan_object *plan = NULL;
    struct hc_val *out = hc_map_new(a);
    size_t n = 0;
    if (hc_plan_read(a, rec->manifest, &plan, &n, NULL) != HC_OK)
        return out;
    for (size_t i = 0; i < n; i++) {
        struct hc_kube_resource kind;
        struct hc_val *live = NULL;
        if (hc_kube_resource_of(r->cluster.kube, plan[i].api_version, plan[i].kind, &kind, NULL) != HC_OK)
            continue;
        struct hc_ref ref = { plan[i].api_version, plan[i].kind, plan[i].ns.n > 0 ? plan[i].ns : rec->ns,
                              plan[i].name };
        if (!kind.namespaced)
            ref.ns = (hc_str){ NULL, 0 };
        if (hc_kube_get(r->cluster.kube, a, &ref, &live, NULL) != HC_OK)
            continue;
        add_resource(a, out, hc_arena_printf(a, "%.*s/%.*s", HC_P(kind.version), HC_P(kind.kind)), live);
        add_pods(r, a, out, live);
    }
    return out;
}

int hc_cmd_status(int argc, char **argv)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    int64_t revision = 0;
    const char *output = "table";
    const struct hc_flag flags[] = {
        { "revision", 0, HC_FLAG_INT, &revision, "of this revision instead of the newest" },
        { "output", 'o', HC_FLAG_STR, &output, "print as table, json or yaml", NULL, "table|json|yaml" },
    };
    struct hc_cli cli = { .use = "status RELEASE [flags]",
                          .about = "Shows the state of a release, its objects and its tests.",
                          .flags = flags,
                          .flags_n = HC_LEN(flags),
                          .min_args = 1,
                          .max_args = 1 };
    int code = hc_cli_parse(a, &cli, argc, argv);
    if (code >= 0)
        return code;
    HC_AUTO(hc_cli_release) struct hc_cli_release r = { 0 };
    struct hc_err err = HC_ERR_INIT;
    struct hc_record rec = { 0 };
    const struct hc_cli_status how = { 0 };
    if (read_one(&r, a, &cli.globals, output, cli.args[0], revision, &rec, &err) != HC_OK)
        return hc_cli_fail(&err);
    rec.chart = NULL;
    rec.resources = resources(&r, a, &rec);
    return hc_cli_print_release(a, &rec, output, &how);
}

static hc_str pairs(struct hc_arena *a, const struct hc_val *map)
{
    struct hc_buf b;
    hc_buf_init(&b, 0);
    for (size_t i = 0; i < hc_map_len(map); i++)
        hc_buf_printf(&b, "%s%.*s=%.*s", i > 0 ? "," : "", HC_P(hc_map_at(map, i)->key),
                      HC_P(hc_get_str(hc_map_at(map, i)->val)));
    hc_str s = hc_buf_to_arena(&b, a);
    hc_buf_done(&b);
    return s;
}

static int by_text(const void *x, const void *y)
{
    return hc_str_cmp(*(const hc_str *)x, *(const hc_str *)y);
}

/* `revision`: asked for by number. Helm shows the user's labels then, and of the newest those of the system, too. */
static int print_metadata(struct hc_arena *a, const struct hc_record *r, bool revision, const char *output)
{
    const struct hc_val *m = hc_map_getz(r->chart, "metadata"), *deps = hc_map_getz(m, "dependencies");
    const struct hc_val *annotations = hc_map_getz(m, "annotations"),
                        *labels = revision ? r->labels : all_labels(a, r);
    hc_str deployed = hc_time_rfc3339(a, hc_time_parse_ms(r->last_deployed));
    const char *method = hc_str_eqz(r->apply_method, "ssa") ? "server-side apply" : "client-side apply (defaulted)";
    if (hc_str_eqz(r->apply_method, "csa"))
        method = "client-side apply";
    if (strcmp(output, "table") == 0) {
        printf("NAME: %.*s\nCHART: %.*s\nVERSION: %.*s\nAPP_VERSION: %.*s\nANNOTATIONS: %.*s\nLABELS: %.*s\n"
               "DEPENDENCIES: ",
               HC_P(r->name), HC_P(hc_get_str(hc_map_getz(m, "name"))), HC_P(hc_get_str(hc_map_getz(m, "version"))),
               HC_P(hc_cli_app_version(r)), HC_P(pairs(a, annotations)), HC_P(pairs(a, labels)));
        hc_str *names = HC_NEW_N(a, hc_str, hc_list_len(deps) + 1);
        for (size_t i = 0; names && i < hc_list_len(deps); i++)
            names[i] = hc_get_str(hc_map_getz(hc_list_at(deps, i), "name"));
        if (names)
            qsort(names, hc_list_len(deps), sizeof(*names), by_text);
        for (size_t i = 0; names && i < hc_list_len(deps); i++)
            printf("%s%.*s", i > 0 ? "," : "", HC_P(names[i]));
        printf("\nNAMESPACE: %.*s\nREVISION: %" PRId64 "\nSTATUS: %s\nDEPLOYED_AT: %.*s\nAPPLY_METHOD: %s\n",
               HC_P(r->ns), r->revision, hc_status_name(r->status), HC_P(deployed), method);
        return 0;
    }
    struct hc_val *v = hc_map_new(a);
    hc_map_put_str(a, v, "name", r->name);
    hc_map_put_str(a, v, "chart", hc_get_str(hc_map_getz(m, "name")));
    hc_map_put_str(a, v, "version", hc_get_str(hc_map_getz(m, "version")));
    hc_map_put_str(a, v, "appVersion", hc_cli_app_version(r));
    if (hc_map_len(annotations) > 0)
        hc_map_put(a, v, HC_S("annotations"), (struct hc_val *)annotations);
    if (hc_map_len(labels) > 0)
        hc_map_put(a, v, HC_S("labels"), (struct hc_val *)labels);
    if (hc_list_len(deps) > 0)
        hc_map_put(a, v, HC_S("dependencies"), (struct hc_val *)deps);
    hc_map_put_str(a, v, "namespace", r->ns);
    hc_map_put_int(a, v, "revision", r->revision);
    hc_map_put_strz(a, v, "status", hc_status_name(r->status));
    hc_map_put_str(a, v, "deployedAt", deployed);
    if (r->apply_method.n > 0)
        hc_map_put_str(a, v, "applyMethod", r->apply_method);
    return hc_cli_print_value(v, output);
}

const struct hc_sub hc_release_parts[HC_RELEASE_PARTS] = {
    { "all", "RELEASE", "all parts of a release", 1, 1 },
    { "hooks", "RELEASE", "the hooks of a release", 1, 1 },
    { "manifest", "RELEASE", "the manifest of a release", 1, 1 },
    { "metadata", "RELEASE", "name, chart, versions, labels and state of a release", 1, 1 },
    { "notes", "RELEASE", "the notes of a release", 1, 1 },
    { "values", "RELEASE", "the values a release was given, or all it was rendered with", 1, 1 },
};

int hc_cmd_get_release(int argc, char **argv)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    const char *what = argc > 1 ? argv[1] : "";
    int64_t revision = 0;
    bool all = false, origins = false;
    const char *output = "table", *template_text = NULL;
    const struct hc_flag flags[] = {
        { "origins", 0, HC_FLAG_BOOL, &origins, "which layer, file and line each one came from", .of = "values" },
        { "revision", 0, HC_FLAG_INT, &revision, "of this revision instead of the newest" },
        { "all", 'a', HC_FLAG_BOOL, &all, "the chart's defaults, too", .of = "values" },
        { "output", 'o', HC_FLAG_STR, &output, "print as table, json or yaml", NULL, "table|json|yaml",
          .of = "values metadata" },
        { "template", 0, HC_FLAG_STR, &template_text, "a Go template, {{.Release.Name}}", NULL, "template",
          .of = "all" },
    };
    struct hc_cli cli = { .use = "get manifest|values|hooks|notes|metadata|all RELEASE [flags]",
                          .about = "Shows a part of a release, as it is recorded.",
                          .flags = flags,
                          .flags_n = HC_LEN(flags),
                          .subs = hc_release_parts,
                          .subs_n = HC_RELEASE_PARTS };
    int code = hc_cli_parse(a, &cli, argc, argv);
    if (code >= 0)
        return code;
    HC_AUTO(hc_cli_release) struct hc_cli_release r = { 0 };
    struct hc_err err = HC_ERR_INIT;
    struct hc_record rec = { 0 };
    what = cli.args[0];
    if (read_one(&r, a, &cli.globals, output, cli.args[1], revision, &rec, &err) != HC_OK)
        return hc_cli_fail(&err);
    if (strcmp(what, "manifest") == 0) {
        printf("%.*s\n", HC_P(rec.manifest));
    } else if (strcmp(what, "notes") == 0) {
        if (rec.notes.n > 0)
            printf("NOTES:\n%.*s\n", HC_P(rec.notes));
    } else if (strcmp(what, "hooks") == 0) {
        for (size_t i = 0; i < rec.hooks_n; i++)
            printf("---\n# Source: %.*s\n%.*s\n", HC_P(rec.hooks[i].path), HC_P(rec.hooks[i].manifest));
    } else if (strcmp(what, "metadata") == 0) {
        return print_metadata(a, &rec, revision > 0, output);
    } else if (strcmp(what, "values") == 0 && origins) {
        return hc_cli_print_origins(a, &r.cluster, &rec, output);
    } else if (strcmp(what, "values") == 0) {
        const struct hc_val *v = all ? hc_compose_computed(a, &rec) : rec.config;
        if (strcmp(output, "table") == 0)
            printf("%s VALUES:\n", all ? "COMPUTED" : "USER-SUPPLIED");
        if (!v && strcmp(output, "table") != 0)
            v = hc_null_val(a);
        return hc_cli_print_value(v ? v : hc_null_val(a), strcmp(output, "table") == 0 ? "yaml" : output);
    } else if (template_text && *template_text) {
        return hc_cli_print_template(a, &rec, template_text, &err) == HC_OK ? 0 : hc_cli_fail(&err);
    } else {
        const struct hc_cli_status how = { .metadata = true, .debug = true };
        return hc_cli_print_release(a, &rec, "table", &how);
    }
    return 0;
}
