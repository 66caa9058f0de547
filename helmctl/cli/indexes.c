/*
 * The cache of indexes that `repo update` fills and that names of charts are looked up in.
 */
#include <stdio.h>

#include "charts-fetch/source/index.h"
#include "core/base/buf.h"
#include "core/base/fs.h"
#include "helmctl/cli/helmhome.h"

struct names {
    struct hc_buf text; /* a chart a line */
    char last[256];
    size_t last_n;
};

static void names_begin(void *ctx)
{
    struct names *n = ctx;
    hc_buf_reset(&n->text);
    n->last_n = SIZE_MAX;
}

static enum hc_rc names_row(void *ctx, hc_str chart, const struct hc_index_row *row, struct hc_err *err)
{
    struct names *n = ctx;
    (void)row;
    if (n->last_n == chart.n && memcmp(n->last, chart.p, chart.n) == 0)
        return HC_OK;
    n->last_n = chart.n <= sizeof(n->last) ? chart.n : SIZE_MAX;
    if (n->last_n != SIZE_MAX)
        memcpy(n->last, chart.p, chart.n);
    hc_buf_put(&n->text, chart);
    hc_buf_putc(&n->text, '\n');
    return hc_buf_check(&n->text, err, "names of the charts");
}

enum hc_rc hc_helm_fetch_index(struct hc_arena *a, const struct hc_globals *g, const struct hc_val *entry,
                               int64_t timeout_ms, struct hc_err *err)
{
    struct hc_cli_net net;
    struct hc_artifact got;
    struct hc_source_auth auth = { 0 };
    struct names names;
    const char *blob, *url = hc_arena_strz(a, hc_get_str_at(entry, "url")), *dir = hc_helm_indexes(a, g);
    hc_str name = hc_get_str_at(entry, "name");
    const char *index = hc_helm_index_file(a, g, name), *charts = hc_helm_charts_file(a, g, name);
    const struct hc_index_sink sink = { &names, names_begin, names_row };
    enum hc_rc rc = hc_arena_check(a, err, "repository");
    if (rc == HC_OK)
        rc = hc_helm_repository_auth(a, entry, &auth, err);
    if (rc == HC_OK)
        rc = hc_mkdirs(dir, 0755, err);
    if (rc != HC_OK || (rc = hc_cli_net_open(a, dir, &net, err)) != HC_OK)
        return rc;
    net.env.timeout_ms = timeout_ms;
    hc_buf_init(&names.text, 0);
    rc = hc_helmrepo_index(&net.env, a, url, &auth, (hc_str){ NULL, 0 }, &got, err);
    if (rc == HC_OK)
        rc = hc_store_path(net.env.store, a, got.digest, &blob, err);
    if (rc == HC_OK)
        rc = hc_index_read_file(blob, (hc_str){ NULL, 0 }, &sink, err);
    if (rc == HC_OK && rename(blob, index) < 0)
        rc = hc_fail_errno(err, "keep", index);
    if (rc == HC_OK)
        rc = hc_write_file(charts, hc_buf_str(&names.text), 0644, err);
    hc_buf_done(&names.text);
    hc_cli_net_close(&net);
    return rc;
}
