/*
 * helmctl get: the state of GitOps objects (helmreleases, kustomizations, sources, all), as `flux get` prints it, and
 * the parts of a release (manifest, values, hooks, notes, metadata, all RELEASE), as `helm get` does.
 */
#include <stdio.h>

#include "core/base/buf.h"
#include "core/value/json.h"
#include "core/value/yaml.h"
#include "helmctl/cli/cli.h"
#include "helmctl/cli/gitops.h"
#include "helmctl/cli/release.h"

struct get {
    bool all_namespaces, no_header;
    const char *output, *selector, *status_selector;
};

/* Rows of one kind; empty lists are no error here. */
static enum hc_rc list(struct hc_cli_cluster *c, struct hc_arena *a, const struct hc_gitops_kind *k,
                       const struct get *g, const char *const *names, size_t names_n, struct hc_val *out,
                       struct hc_err *err)
{
    const struct hc_kube_list what = { .api_version = hc_str_of(k->api_version),
                                       .kind = hc_str_of(k->kind),
                                       .ns = g->all_namespaces ? (hc_str){ NULL, 0 } : c->ns,
                                       .label_selector = hc_str_of(g->selector) };
    struct hc_val *items = NULL;
    enum hc_rc rc = hc_kube_list(c->kube, a, &what, &items, NULL, err);
    hc_str status = hc_str_of(g->status_selector), type = { NULL, 0 };
    if (status.p)
        hc_str_split(&status, '=', &type);
    for (size_t i = 0; rc == HC_OK && i < hc_list_len(items); i++) {
        struct hc_val *o = hc_list_at(items, i);
        bool wanted = names_n == 0;
        for (size_t j = 0; j < names_n; j++)
            wanted = wanted || hc_str_eqz(hc_get_str_at(o, "metadata.name"), names[j]);
        const struct hc_val *conditions = hc_get(o, "status.conditions");
        bool matches = type.n == 0;
        for (size_t j = 0; j < hc_list_len(conditions) && !matches; j++)
            matches = hc_str_eq_nocase(hc_get_str(hc_map_getz(hc_list_at(conditions, j), "type")), type) &&
                      hc_str_eq_nocase(hc_get_str(hc_map_getz(hc_list_at(conditions, j), "status")), status);
        if (wanted && matches)
            hc_list_add(a, out, o);
    }
    return rc;
}

static void put_table(struct hc_buf *b, struct hc_arena *a, const struct hc_gitops_kind *k, const struct get *g,
                      const struct hc_val *objects, bool with_kind)
{
    static const char *const header[] = { "NAMESPACE", "NAME", "REVISION", "SUSPENDED", "READY", "MESSAGE" };
    size_t n = hc_list_len(objects), skip = g->all_namespaces ? 0 : 1, columns = HC_LEN(header) - skip;
    hc_str *cells = HC_NEW_N(a, hc_str, n * columns + 1);
    for (size_t i = 0; cells && i < n; i++) {
        struct hc_gitops_row r = hc_gitops_row_of(a, k, hc_list_at(objects, i));
        if (with_kind) {
            char *lower = hc_arena_strz(a, hc_str_of(k->kind));
            for (char *p = lower; p && *p; p++)
                if (*p >= 'A' && *p <= 'Z')
                    *p = (char)(*p + 32);
            r.name = hc_arena_printf(a, "%s/%.*s", lower, HC_P(r.name));
        }
        const hc_str row[] = { r.ns, r.name, r.revision, r.suspended, r.ready, r.message };
        memcpy(&cells[i * columns], row + skip, columns * sizeof(*row));
    }
    if (cells)
        hc_gitops_table(b, g->no_header ? NULL : header + skip, columns, cells, n);
}

static void add_plain(struct hc_arena *a, struct hc_val *out, const struct hc_gitops_kind *k,
                      const struct hc_val *objects)
{
    for (size_t i = 0; i < hc_list_len(objects); i++) {
        const struct hc_val *o = hc_list_at(objects, i), *ready = hc_gitops_condition(o, "Ready");
        struct hc_val *m = hc_map_new(a);
        hc_map_put_strz(a, m, "kind", k->kind);
        hc_map_put_str(a, m, "namespace", hc_get_str_at(o, "metadata.namespace"));
        hc_map_put_str(a, m, "name", hc_get_str_at(o, "metadata.name"));
        hc_map_put_str(a, m, "revision", hc_gitops_revision(k, o).n ? hc_gitops_revision(k, o) : HC_S(""));
        hc_map_put_bool(a, m, "suspended", hc_get_bool_at(o, "spec.suspend", false));
        hc_map_put_str(a, m, "ready", ready ? hc_get_str(hc_map_getz(ready, "status")) : HC_S("False"));
        hc_map_put_str(a, m, "reason", ready ? hc_get_str(hc_map_getz(ready, "reason")) : HC_S(""));
        hc_map_put_str(a, m, "message",
                       ready ? hc_get_str(hc_map_getz(ready, "message")) : HC_S("waiting to be reconciled"));
        hc_list_add(a, out, m);
    }
}

static bool wanted(const struct hc_gitops_kind *k, const struct hc_gitops_kind *one, bool sources)
{
    return one ? k == one : !sources || k->source;
}

static int run(struct hc_arena *a, const struct hc_cli *cli, const struct get *g, const struct hc_gitops_kind *one,
               bool sources, size_t used)
{
    HC_AUTO(hc_cli_cluster) struct hc_cli_cluster c = { 0 };
    struct hc_err err = HC_ERR_INIT;
    if (hc_cli_connect(&cli->globals, &c, &err) != HC_OK)
        return hc_cli_fail(&err);
    struct hc_val *plain = hc_list_new(a);
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    bool table = strcmp(g->output, "table") == 0;
    size_t found = 0, served = 0;
    for (size_t i = 0; i < hc_gitops_kinds_n; i++) {
        const struct hc_gitops_kind *k = &hc_gitops_kinds[i];
        if (!wanted(k, one, sources))
            continue;
        struct hc_val *objects = hc_list_new(a);
        enum hc_rc rc = list(&c, a, k, g, cli->args + used, cli->args_n - used, objects, &err);
        if (rc == HC_E_NOTFOUND && !one)
            continue; /* not all kinds are installed */
        if (rc != HC_OK)
            return hc_cli_fail(&err);
        served++;
        found += hc_list_len(objects);
        if (!table)
            add_plain(a, plain, k, objects);
        else if (hc_list_len(objects)) {
            put_table(&b, a, k, g, objects, !one);
            if (!one)
                hc_buf_putc(&b, '\n');
        }
    }
    if (!one && !served)
        return hc_cli_fail(&err);
    if (table && !found) {
        const char *kind = one ? one->kind : sources ? "source" : "GitOps";
        hc_str where = g->all_namespaces ? HC_S("any") : hc_arena_printf(a, "\"%.*s\"", HC_P(c.ns));
        if (cli->args_n > used)
            fprintf(stderr, "✗ %s object '%s' not found in %.*s namespace\n", kind, cli->args[used], HC_P(where));
        else
            fprintf(stderr, "✗ no %s objects found in %.*s namespace\n", kind, HC_P(where));
        return cli->args_n > used ? 1 : 0;
    }
    if (strcmp(g->output, "json") == 0) {
        hc_json_write(&b, plain, HC_JSON_INDENT2);
        hc_buf_putc(&b, '\n');
    } else if (!table) {
        hc_yaml_write(&b, plain);
    }
    fwrite(b.p ? b.p : "", 1, b.n, stdout);
    return 0;
}

/* `get all` lists everything; `get all RELEASE` is Helm's. */
static bool names_a_release(int argc, char **argv)
{
    static const char *const parts[] = { "manifest", "values", "hooks", "notes", "metadata" };
    bool all = false;
    for (int i = 1; i < argc; i++) {
        if (argv[i][0] != '-') {
            for (size_t j = 0; !all && j < HC_LEN(parts); j++)
                if (strcmp(argv[i], parts[j]) == 0)
                    return true;
            if (all || strcmp(argv[i], "all") != 0)
                return all;
            all = true;
            continue;
        }
        /* flags whose value is the next word */
        bool switch_ = strchr(argv[i], '=') || strcmp(argv[i], "-A") == 0 || strcmp(argv[i], "--debug") == 0 ||
                       strcmp(argv[i], "--all-namespaces") == 0 || strcmp(argv[i], "--no-header") == 0 ||
                       strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0 ||
                       strcmp(argv[i], "--kube-insecure-skip-tls-verify") == 0;
        if (!switch_)
            i++;
    }
    return false;
}

/* A kind first: those are in the table. */
static bool complete(struct hc_completion *c, const struct hc_cli *cli)
{
    return cli->args_n == 0 || hc_gitops_complete(c, cli);
}

int hc_cmd_get(int argc, char **argv)
{
    if (names_a_release(argc, argv))
        return hc_cli_ports.get_release ? hc_cli_ports.get_release(argc, argv)
                                        : hc_cli_error("'get %s' is not in this executable", argv[1]);
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct get g = { .output = "table" };
    const struct hc_flag flags[] = {
        { "all-namespaces", 'A', HC_FLAG_BOOL, &g.all_namespaces, "look in all namespaces" },
        { "output", 'o', HC_FLAG_STR, &g.output, "print as table, json or yaml", NULL, "table|json|yaml" },
        { "label-selector", 'l', HC_FLAG_STR, &g.selector, "only objects with these labels" },
        { "status-selector", 0, HC_FLAG_STR, &g.status_selector,
          "only objects with this condition, e.g. ready=false" },
        { "no-header", 0, HC_FLAG_BOOL, &g.no_header, "leave out the header" },
    };
    struct hc_sub subs[HC_RELEASE_PARTS + 3] = {
        { "helmreleases", "[NAME...]", "releases of the controller, and whether they are ready", 0, -1 },
        { "kustomizations", "[NAME...]", "overlays of the controller, and whether they are ready", 0, -1 },
        { "sources", "[KIND] [NAME...]", "where charts and files come from, and their revisions", 0, -1 },
    };
    memcpy(subs + 3, hc_release_parts, sizeof(hc_release_parts));
    struct hc_cli cli = {
        .use = "get KIND [NAME...] [flags]",
        .about =
            "Shows GitOps objects and their state, or the parts of a release.\n\n"
            "  helmctl get helmreleases -A         releases and whether they are ready\n"
            "  helmctl get sources git             Git repositories and their revisions\n"
            "  helmctl get kustomizations fleet    one object\n"
            "  helmctl get all -A                  everything\n"
            "  helmctl get values RELEASE          also manifest, hooks, notes, metadata, all: a Helm release\n"
            "  helmctl get all RELEASE --help      the flags of these",
        .flags = flags,
        .flags_n = HC_LEN(flags),
        .subs = subs,
        .subs_n = HC_LEN(subs),
        .open = true,
        .min_args = 1,
        .max_args = -1,
        .complete = complete,
    };
    int rc = hc_cli_parse(a, &cli, argc, argv);
    if (rc >= 0)
        return rc;
    if (strcmp(g.output, "table") != 0 && strcmp(g.output, "json") != 0 && strcmp(g.output, "yaml") != 0)
        return hc_cli_error("invalid output format '%s': use table, json or yaml", g.output);
    if (g.status_selector && !strchr(g.status_selector, '='))
        return hc_cli_error("expected status selector in type=status format, but found: %s", g.status_selector);
    size_t used;
    const struct hc_gitops_kind *k = hc_gitops_kind_of(cli.args, cli.args_n, &used);
    bool all = !k && used == 1, sources = all && strcmp(cli.args[0], "all") != 0;
    if (sources && cli.args_n > 1 && strcmp(cli.args[1], "all") == 0)
        used = 2;
    else if (sources && cli.args_n > 1)
        return hc_cli_error("there is no source kind '%s': use git, helm, oci, chart, bucket or all", cli.args[1]);
    if (!k && !all)
        return hc_cli_error("'%s' is nothing to get: use all, sources, %s; of a release: manifest, values, hooks, "
                            "notes, metadata or all",
                            cli.args[0], hc_gitops_words);
    return run(a, &cli, &g, k, sources, used);
}
