/*
 * helmctl show: what is in a chart, as `helm show` prints it.
 */
#include <stdio.h>
#include <unistd.h>

#include "core/base/buf.h"
#include "core/base/fs.h"
#include "core/base/limits.h"
#include "core/value/yaml.h"
#include "helmctl/cli/chartref.h"
#include "helmctl/cli/cli.h"
#include "helmctl/cli/faults.h"
#include "helmctl/cli/jsonpath.h"

enum { SHOW_CHART = 1, SHOW_VALUES = 2, SHOW_README = 4, SHOW_CRDS = 8, SHOW_ALL = 15 };

static const struct hc_sub subs[] = {
    { "all", "CHART", "all that is in a chart", 1, 1 },
    { "chart", "CHART", "the metadata of a chart", 1, 1 },
    { "crds", "CHART", "the CRDs of a chart, those of sub-charts too", 1, 1 },
    { "readme", "CHART", "the README of a chart", 1, 1 },
    { "values", "CHART", "the default values of a chart", 1, 1 },
};
static const unsigned parts[] = { SHOW_ALL, SHOW_CHART, SHOW_CRDS, SHOW_README, SHOW_VALUES };

static const char about[] =
    "Shows what is in a chart.\n"
    "\n"
    "  helmctl show chart ./chart                 the metadata of Chart.yaml\n"
    "  helmctl show values ./chart-1.2.3.tgz      values.yaml as it is\n"
    "  helmctl show values ./chart --jsonpath '{.image.repository}:{.image.tag}'\n"
    "  helmctl show readme oci://registry.example/charts/web\n"
    "  helmctl show crds ./chart                  the CRDs of crds/, those of sub-charts too\n"
    "  helmctl show all ./chart";

static void line(struct hc_buf *b, hc_str s)
{
    hc_buf_put(b, s);
    hc_buf_putc(b, '\n');
}

static void put_readme(struct hc_buf *b, const struct hc_chart *c, bool all)
{
    static const char *const names[] = { "readme.md", "readme.txt", "readme" };
    for (size_t i = 0; i < c->files_n; i++)
        for (size_t k = 0; k < HC_LEN(names); k++)
            if (hc_str_eq_nocase(c->files[i].name, hc_str_of(names[k]))) {
                if (all)
                    line(b, HC_S("---"));
                line(b, c->files[i].body);
                return;
            }
}

/* A separator stands before each; in Helm 3 only before the first, behind other parts. */
static void put_crds(struct hc_buf *b, const struct hc_chart *c, bool helm3, bool *separate)
{
    for (size_t i = 0; i < c->crds_n; i++) {
        if (*separate && !hc_str_starts(c->crds[i].body, HC_S("---")))
            line(b, HC_S("---"));
        line(b, c->crds[i].body);
        *separate = !helm3;
    }
    for (size_t i = 0; i < c->subs_n; i++)
        put_crds(b, c->subs[i], helm3, separate);
}

/* Helm drops what goes wrong while the template runs: stdout and exit code are its own, stderr says why. */
static enum hc_rc put_by_path(struct hc_arena *a, struct hc_buf *b, const struct hc_chart *c, const char *path,
                              struct hc_err *err)
{
    struct hc_jsonpath *p = NULL;
    struct hc_err why = HC_ERR_INIT;
    enum hc_rc rc = hc_jsonpath_parse(a, hc_str_of(path), &p, err);
    if (rc != HC_OK)
        return hc_wrap(err, "error parsing jsonpath %s", path);
    if (hc_jsonpath_print(a, p, hc_val_copy(a, c->values), b, &why) != HC_OK)
        fprintf(stderr, "level=WARN msg=\"nothing is printed for the jsonpath: %s\"\n", why.msg);
    return HC_OK;
}

static enum hc_rc put_chart(struct hc_arena *a, struct hc_buf *b, const struct hc_chart *c, unsigned what,
                            const char *path, bool helm3, struct hc_err *err)
{
    enum hc_rc rc = HC_OK;
    bool all = what == SHOW_ALL, separate = all || !helm3;
    if (what & SHOW_CHART) {
        hc_yaml_write(b, c->metadata);
        hc_buf_putc(b, '\n');
    }
    if (what & SHOW_VALUES && c->values_text.p) {
        if (all)
            line(b, HC_S("---"));
        if (path && *path)
            rc = put_by_path(a, b, c, path, err);
        else
            line(b, c->values_text);
    }
    if (what & SHOW_README)
        put_readme(b, c, all);
    if (what & SHOW_CRDS)
        put_crds(b, c, helm3, &separate);
    return rc == HC_OK ? hc_buf_check(b, err, "output") : rc;
}

int hc_cmd_show(int argc, char **argv)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct hc_chart_source source = { .no_digest = true };
    const char *path = NULL, *helm_version = NULL;
    const struct hc_flag flags[] = {
        { "jsonpath", 0, HC_FLAG_STR, &path, "print what this JSONPath template gives", NULL, "template",
          .of = "values" },
        { "helm-version", 0, HC_FLAG_STR, &helm_version, "show as Helm 3 or Helm 4 does (default 4)", NULL,
          "version" },
        HC_CHART_SOURCE_FLAGS(source),
    };
    struct hc_cli cli = {
        .use = "show chart|values|readme|crds|all CHART [flags]",
        .about = about,
        .flags = flags,
        .flags_n = HC_LEN(flags),
        .subs = subs,
        .subs_n = HC_LEN(subs),
    };
    int code = hc_cli_parse(a, &cli, argc, argv);
    if (code >= 0)
        return code;
    unsigned what = parts[cli.sub - subs];
    if (!hc_cli_helm_version(helm_version, &source.helm3))
        return 1;
    source.ref = cli.args[1];
    source.globals = &cli.globals;
    if (hc_cli_ports.hand_over && !hc_cli_chart_is_local(&source))
        return hc_cli_ports.hand_over(argc, argv);
    struct hc_err err = HC_ERR_INIT;
    HC_AUTO(hc_chart) struct hc_chart *chart = NULL;
    if (hc_cli_load_chart(&source, &chart, &err) != HC_OK)
        return hc_cli_fault_loading(a, &source, &err);
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 2 * HC_MAX_CHART_BYTES);
    if (put_chart(a, &b, chart, what, path, source.helm3, &err) != HC_OK ||
        hc_write_fd(STDOUT_FILENO, hc_buf_str(&b), &err) != HC_OK)
        return hc_cli_fail(&err);
    return 0;
}
