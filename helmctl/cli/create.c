/*
 * helmctl create: a new chart, from the scaffold that is in the program or from a starter.
 *
 * The scaffold's files are our own (helmctl/cli/scaffold); what they render is what those of `helm create` render.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "charts-fetch/source/local.h"
#include "charts-fetch/source/save.h"
#include "core/base/fs.h"
#include "core/value/yaml.h"
#include "helmctl/cli/chartref.h"
#include "helmctl/cli/cli.h"

static const char about[] =
    "Makes a folder with a new chart in it.\n"
    "\n"
    "  helmctl create web                        from the scaffold of the program\n"
    "  helmctl create charts/web -p mystarter   from a chart in the starters folder, or an absolute path;\n"
    "                                            <CHARTNAME> in its templates and values becomes the name\n"
    "\n"
    "The chart renders as the one that `helm create` (Helm 4.3) makes; its comments and its NOTES.txt are others.";

#define HC_EMBEDDED(name)                                                                                          \
    extern const char hc_embed_##name[];                                                                           \
    extern const size_t hc_embed_##name##_size
HC_EMBEDDED(create_Chart_yaml);
HC_EMBEDDED(create_values_yaml);
HC_EMBEDDED(create_helmignore);
HC_EMBEDDED(create_ingress_yaml);
HC_EMBEDDED(create_httproute_yaml);
HC_EMBEDDED(create_deployment_yaml);
HC_EMBEDDED(create_service_yaml);
HC_EMBEDDED(create_serviceaccount_yaml);
HC_EMBEDDED(create_hpa_yaml);
HC_EMBEDDED(create_NOTES_txt);
HC_EMBEDDED(create_helpers_tpl);
HC_EMBEDDED(create_test_connection_yaml);

static const struct {
    const char *path, *text;
} scaffold[] = {
    { "Chart.yaml", hc_embed_create_Chart_yaml },
    { "values.yaml", hc_embed_create_values_yaml },
    { ".helmignore", hc_embed_create_helmignore },
    { "templates/ingress.yaml", hc_embed_create_ingress_yaml },
    { "templates/httproute.yaml", hc_embed_create_httproute_yaml },
    { "templates/deployment.yaml", hc_embed_create_deployment_yaml },
    { "templates/service.yaml", hc_embed_create_service_yaml },
    { "templates/serviceaccount.yaml", hc_embed_create_serviceaccount_yaml },
    { "templates/hpa.yaml", hc_embed_create_hpa_yaml },
    { "templates/NOTES.txt", hc_embed_create_NOTES_txt },
    { "templates/_helpers.tpl", hc_embed_create_helpers_tpl },
    { "templates/tests/test-connection.yaml", hc_embed_create_test_connection_yaml },
};

static hc_str with_name(struct hc_arena *a, hc_str text, hc_str name)
{
    const hc_str mark = HC_S("<CHARTNAME>");
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    for (size_t at; (at = hc_str_find_str(text, mark)) != SIZE_MAX;) {
        hc_buf_put(&b, hc_str_sub(text, 0, at));
        hc_buf_put(&b, name);
        text = hc_str_sub(text, at + mark.n, text.n);
    }
    hc_buf_put(&b, text);
    return hc_buf_to_arena(&b, a);
}

static enum hc_rc put_file(struct hc_arena *a, hc_str dir, hc_str name, hc_str body, struct hc_err *err)
{
    hc_str parts[] = { dir, HC_S("/"), name };
    hc_str path = hc_arena_cat(a, HC_LEN(parts), parts);
    char *folder = hc_arena_strz(a, hc_str_sub(path, 0, hc_str_rfind(path, '/')));
    enum hc_rc rc = hc_arena_check(a, err, "chart");
    if (rc == HC_OK)
        rc = hc_mkdirs(folder, 0755, err);
    return rc == HC_OK ? hc_write_file(path.p, body, 0644, err) : rc;
}

static enum hc_rc check_name(hc_str name, struct hc_err *err)
{
    bool good = true;
    if (!name.n || name.n > 250)
        return hc_fail(err, HC_E_INPUT, "chart name must be between 1 and 250 characters");
    for (size_t i = 0; i < name.n; i++)
        good = good && strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-", name.p[i]);
    if (!good)
        return hc_fail(err, HC_E_INPUT, "chart name must match the regular expression \"^[a-zA-Z0-9._-]+$\"");
    return HC_OK;
}

static enum hc_rc from_scaffold(struct hc_arena *a, const char *parent, hc_str name, struct hc_err *err)
{
    char whole[PATH_MAX + 1];
    struct stat st;
    enum hc_rc rc = check_name(name, err);
    if (rc != HC_OK)
        return rc;
    if (!realpath(parent, whole)) {
        /* Helm names the path it made absolute. */
        hc_str cwd = realpath(".", whole) ? hc_str_of(whole) : HC_S("");
        return hc_fail(err, HC_E_NOTFOUND, "stat %.*s%s%s: no such file or directory",
                       HC_P(*parent == '/' ? HC_S("") : cwd), *parent == '/' ? "" : "/", parent);
    }
    if (stat(whole, &st) == 0 && !S_ISDIR(st.st_mode))
        return hc_fail(err, HC_E_INPUT, "no such directory %s", whole);
    hc_str dir = hc_arena_printf(a, "%s/%.*s", whole, HC_P(name));
    if (!dir.p)
        return hc_arena_check(a, err, "chart");
    if (stat(dir.p, &st) == 0 && !S_ISDIR(st.st_mode))
        return hc_fail(err, HC_E_INPUT, "file %.*s already exists and is not a directory", HC_P(dir));
    for (size_t i = 0; i < HC_LEN(scaffold) && rc == HC_OK; i++) {
        hc_str path = hc_arena_printf(a, "%.*s/%s", HC_P(dir), scaffold[i].path);
        if (path.p && stat(path.p, &st) == 0)
            printf("WARNING: File \"%.*s\" already exists. Overwriting.\n", HC_P(path));
        rc = put_file(a, dir, hc_str_of(scaffold[i].path), with_name(a, hc_str_of(scaffold[i].text), name), err);
    }
    hc_str charts = hc_arena_printf(a, "%.*s/charts", HC_P(dir));
    if (rc == HC_OK && charts.p)
        rc = hc_mkdirs(charts.p, 0755, err);
    return rc;
}

/* ---- starters ---------------------------------------------------------------------------------------- */

static hc_str new_metadata(struct hc_arena *a, hc_str name)
{
    return hc_arena_printf(a,
                           "apiVersion: v2\nappVersion: 0.1.0\ndescription: A Helm chart for Kubernetes\n"
                           "name: %.*s\ntype: application\nversion: 0.1.0\n",
                           HC_P(name));
}

static enum hc_rc put_all(struct hc_arena *a, const struct hc_chart *c, hc_str dir, hc_str name, struct hc_err *err)
{
    struct hc_val *meta = NULL;
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    enum hc_rc rc = hc_chart_metadata(a, new_metadata(a, name), false, &meta, err);
    hc_yaml_write(&b, meta);
    if (rc == HC_OK)
        rc = put_file(a, dir, HC_S("Chart.yaml"), hc_buf_str(&b), err);
    if (rc == HC_OK && c->values_text.p)
        rc = put_file(a, dir, HC_S("values.yaml"), with_name(a, c->values_text, name), err);
    if (rc == HC_OK && c->schema.p)
        rc = put_file(a, dir, HC_S("values.schema.json"), c->schema, err);
    for (size_t i = 0; i < c->templates_n && rc == HC_OK; i++)
        rc = put_file(a, dir, c->templates[i].name, with_name(a, c->templates[i].body, name), err);
    for (size_t i = 0; i < c->files_n && rc == HC_OK; i++)
        rc = put_file(a, dir, c->files[i].name, c->files[i].body, err);
    hc_str charts = hc_arena_printf(a, "%.*s/charts", HC_P(dir));
    for (size_t i = 0; i < c->subs_n && rc == HC_OK; i++) {
        const struct hc_save_opts opts = { .epoch = -1 };
        hc_str saved;
        rc = charts.p ? hc_chart_save(a, c->subs[i], &opts, charts.p, &saved, err) : hc_fail_nomem(err);
    }
    return rc;
}

static hc_str starters(struct hc_arena *a)
{
    const char *data = getenv("HELM_DATA_HOME"), *xdg = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
    if (data && *data)
        return hc_arena_printf(a, "%s/starters", data);
    if (xdg && *xdg)
        return hc_arena_printf(a, "%s/helm/starters", xdg);
    return hc_arena_printf(a, "%s/.local/share/helm/starters", home ? home : "");
}

static enum hc_rc from_starter(struct hc_arena *a, const char *starter, const char *parent, hc_str name,
                               struct hc_err *err)
{
    struct stat st;
    HC_AUTO(hc_chart) struct hc_chart *c = NULL;
    hc_str from = *starter == '/' ? hc_str_of(starter) : hc_arena_printf(a, "%.*s/%s", HC_P(starters(a)), starter);
    hc_str dir = hc_arena_printf(a, "%s/%.*s", parent, HC_P(name));
    if (hc_arena_spent(a))
        return hc_arena_check(a, err, "chart");
    if (stat(from.p, &st) < 0)
        return hc_fail(err, HC_E_NOTFOUND, "could not load %.*s: stat %.*s: no such file or directory", HC_P(from),
                       HC_P(from));
    const struct hc_chart_source source = { .ref = from.p, .no_digest = true, .no_detect = true };
    const struct hc_chart_port port = hc_cli_chart_port(&source);
    if (hc_chart_load_path(from.p, &port, &c, err) != HC_OK)
        return hc_wrap(err, "could not load %.*s", HC_P(from));
    hc_cli_chart_notes(c);
    if (stat(dir.p, &st) == 0 && !S_ISDIR(st.st_mode))
        return hc_fail(err, HC_E_INPUT, "file %.*s already exists and is not a directory", HC_P(dir));
    return put_all(a, c, dir, name, err);
}

int hc_cmd_create(int argc, char **argv)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    const char *starter = NULL, *api = "v2";
    const struct hc_flag flags[] = {
        { "starter", 'p', HC_FLAG_STR, &starter, "name or absolute path of the chart to start from" },
        { "chart-api-version", 0, HC_FLAG_STR, &api, NULL },
    };
    struct hc_cli cli = {
        .use = "create NAME [flags]",
        .about = about,
        .flags = flags,
        .flags_n = HC_LEN(flags),
        .min_args = 1,
        .max_args = 1,
    };
    int code = hc_cli_parse(a, &cli, argc, argv);
    if (code >= 0)
        return code;
    struct hc_err err = HC_ERR_INIT;
    hc_str path = hc_str_of(cli.args[0]);
    printf("Creating %.*s\n", HC_P(path));
    fflush(stdout);
    if (*api && strcmp(api, "v2") != 0)
        return hc_cli_error("unsupported chart API version: %s (supported: v2)", api);
    while (path.n > 1 && path.p[path.n - 1] == '/')
        path.n--;
    size_t slash = hc_str_rfind(path, '/');
    hc_str name = slash == SIZE_MAX ? path : hc_str_sub(path, slash + 1, path.n);
    const char *parent = slash == SIZE_MAX ? "." : slash == 0 ? "/" : hc_arena_strz(a, hc_str_sub(path, 0, slash));
    if (!parent)
        return hc_cli_error("out of memory");
    enum hc_rc rc = starter && *starter ? from_starter(a, starter, parent, name, &err)
                                        : from_scaffold(a, parent, name, &err);
    return rc == HC_OK ? 0 : (fflush(stdout), hc_cli_fail(&err));
}
