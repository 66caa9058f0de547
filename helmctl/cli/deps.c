/*
 * The half of dependencies that needs no network.
 */
#include "helmctl/cli/deps.h"

#include <sys/stat.h>
#include <unistd.h>

#include "charts-fetch/resolve/deps.h"
#include "core/base/scrub.h"
#include "helmctl/cli/cli.h"
#include "helmctl/cli/helmhome.h"
#include "templating/overlay/overlay.h"

bool hc_cli_deps_hand_over(const struct hc_cli_deps *d)
{
    if (!hc_cli_ports.hand_over)
        return false;
    if (!hc_deps_are_local(d->dir))
        return true;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    const char *list = a && !d->skip_refresh ? hc_helm_repositories_file(a, d->source->globals) : NULL;
    return list && access(list, F_OK) == 0; /* Helm refreshes all indexes, whatever the chart wants */
}

bool hc_cli_deps_missing(const struct hc_chart_source *source)
{
    struct stat st;
    HC_AUTO(hc_chart) struct hc_chart *chart = NULL;
    const struct hc_chart_port port = hc_cli_chart_port(source);
    if (!hc_cli_chart_is_local(source) || stat(source->ref, &st) < 0 || !S_ISDIR(st.st_mode))
        return false;
    return hc_chart_load_dir(source->ref, &port, &chart, NULL) ==
               HC_OK && /* what is wrong is told when it is loaded */
           hc_overlay_missing_deps(chart, NULL) != HC_OK;
}

enum hc_rc hc_cli_deps(const struct hc_cli_deps *d, struct hc_err *err)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct hc_deps_port port;
    struct hc_deps_opts o = { .dir = d->dir, .skip_refresh = d->skip_refresh, .log = d->log };
    enum hc_rc rc = hc_cli_epoch(&o.epoch, err);
    if (rc == HC_OK && hc_cli_ports.deps) {
        rc = hc_cli_ports.deps(d, a, &port, err);
        o.port = &port;
    }
    if (rc == HC_OK)
        rc = d->build ? hc_deps_build(&o, err) : hc_deps_update(&o, err);
    if (rc != HC_OK && err)
        hc_scrub_urls(err->msg, true);
    return rc;
}
