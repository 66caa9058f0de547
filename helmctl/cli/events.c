/*
 * helmctl events: what was said about GitOps objects lately, oldest first, as `flux events` prints it.
 */
#include <stdio.h>
#include <stdlib.h>

#include "core/base/clock.h"
#include "helmctl/cli/cli.h"
#include "helmctl/cli/gitops.h"

static bool ours(hc_str kind)
{
    for (size_t i = 0; i < hc_gitops_kinds_n; i++)
        if (hc_str_eqz(kind, hc_gitops_kinds[i].kind))
            return true;
    return false;
}

static int64_t seen_at(const struct hc_val *e)
{
    static const char *const places[] = { "series.lastObservedTime", "lastTimestamp", "eventTime",
                                          "metadata.creationTimestamp" };
    for (size_t i = 0; i < HC_LEN(places); i++) {
        int64_t t = hc_time_parse_ms(hc_get_str_at(e, places[i]));
        if (t > 0)
            return t;
    }
    return 0;
}

static int by_time(const void *x, const void *y)
{
    int64_t a = seen_at(*(struct hc_val *const *)x), b = seen_at(*(struct hc_val *const *)y);
    return (a > b) - (a < b);
}

static hc_str last_seen(struct hc_arena *a, const struct hc_val *e, int64_t now)
{
    hc_str age = hc_gitops_age(a, now - seen_at(e));
    int64_t count = hc_get_int_at(e, "count", 1), first = hc_time_parse_ms(hc_get_str_at(e, "firstTimestamp"));
    if (count < 2 || first <= 0)
        return age;
    return hc_arena_printf(a, "%.*s (x%" PRId64 " over %.*s)", HC_P(age), count,
                           HC_P(hc_gitops_age(a, now - first)));
}

struct options {
    bool all_namespaces;
    const char *about;
    struct hc_strings types;
};

static bool type_wanted(const struct options *o, hc_str type)
{
    for (size_t i = 0; i < o->types.n; i++)
        if (hc_str_eq_nocase(type, hc_str_of(o->types.items[i])))
            return true;
    return o->types.n == 0;
}

int hc_cmd_events(int argc, char **argv)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct options o = { 0 };
    const struct hc_flag flags[] = {
        { "all-namespaces", 'A', HC_FLAG_BOOL, &o.all_namespaces, "look in all namespaces" },
        { "for", 0, HC_FLAG_STR, &o.about, "only about this KIND or KIND/NAME, e.g. HelmRelease/web" },
        { "types", 0, HC_FLAG_CSV, &o.types, "only these types: Normal, Warning" },
    };
    struct hc_cli cli = {
        .use = "events [flags]",
        .about = "Shows what happened to GitOps objects lately.\n\n"
                 "  helmctl events -n apps --for HelmRelease/web",
        .flags = flags,
        .flags_n = HC_LEN(flags),
    };
    int rc = hc_cli_parse(a, &cli, argc, argv);
    if (rc >= 0)
        return rc;
    for (size_t i = 0; i < o.types.n; i++)
        if (!hc_str_eq_nocase(hc_str_of(o.types.items[i]), HC_S("Normal")) &&
            !hc_str_eq_nocase(hc_str_of(o.types.items[i]), HC_S("Warning")))
            return hc_cli_error("type '%s' not supported. Supported types are Normal, Warning", o.types.items[i]);
    hc_str name = hc_str_of(o.about), kind = { NULL, 0 };
    if (o.about) {
        hc_str_split(&name, '/', &kind);
        size_t used;
        const char *word = hc_arena_strz(a, kind);
        const struct hc_gitops_kind *k = hc_gitops_kind_of(&word, 1, &used);
        if (!k)
            return hc_cli_error("'%.*s' is not a recognized GitOps kind", HC_P(kind));
        kind = hc_str_of(k->kind);
    }
    HC_AUTO(hc_cli_cluster) struct hc_cli_cluster c = { 0 };
    struct hc_err err = HC_ERR_INIT;
    if (hc_cli_connect(&cli.globals, &c, &err) != HC_OK)
        return hc_cli_fail(&err);
    struct hc_kube_list what = { .api_version = HC_S("v1"), .kind = HC_S("Event") };
    if (!o.all_namespaces)
        what.ns = c.ns;
    if (kind.n)
        what.field_selector = hc_arena_printf(a, "involvedObject.kind=%.*s%s%.*s", HC_P(kind),
                                              name.n ? ",involvedObject.name=" : "", HC_P(name));
    struct hc_val *items = NULL;
    if (hc_kube_list(c.kube, a, &what, &items, NULL, &err) != HC_OK)
        return hc_cli_fail(&err);
    size_t n = hc_list_len(items), rows = 0, skip = o.all_namespaces ? 0 : 1;
    static const char *const header[] = { "NAMESPACE", "LAST SEEN", "TYPE", "REASON", "OBJECT", "MESSAGE" };
    size_t columns = HC_LEN(header) - skip;
    hc_str *cells = HC_NEW_N(a, hc_str, n * columns + 1);
    if (!cells)
        return hc_cli_error("out of memory");
    if (n)
        qsort(items->list->items, n, sizeof(struct hc_val *), by_time);
    int64_t now = hc_now_ms();
    for (size_t i = 0; i < n; i++) {
        const struct hc_val *e = hc_list_at(items, i);
        hc_str about = hc_get_str_at(e, "involvedObject.kind");
        if (!ours(about) || !type_wanted(&o, hc_get_str_at(e, "type")))
            continue;
        char *message = hc_arena_strz(a, hc_get_str_at(e, "message"));
        for (char *p = message; p && *p; p++)
            if (*p == '\n' || *p == '\t' || *p == '\r')
                *p = ' ';
        const hc_str row[] = { hc_get_str_at(e, "metadata.namespace"),
                               last_seen(a, e, now),
                               hc_get_str_at(e, "type"),
                               hc_get_str_at(e, "reason"),
                               hc_arena_printf(a, "%.*s/%.*s", HC_P(about),
                                               HC_P(hc_get_str_at(e, "involvedObject.name"))),
                               hc_str_of(message) };
        memcpy(&cells[rows++ * columns], row + skip, columns * sizeof(*row));
    }
    if (rows == 0) {
        if (o.all_namespaces)
            fputs("✗ No events found.\n", stderr);
        else
            fprintf(stderr, "✗ No events found in %.*s namespace.\n", HC_P(c.ns));
        return 0;
    }
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    hc_gitops_table(&b, header + skip, columns, cells, rows);
    fwrite(b.p ? b.p : "", 1, b.n, stdout);
    return 0;
}
