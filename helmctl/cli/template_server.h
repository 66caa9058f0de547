#pragma once
/*
 * helmctl/cli/template_server.h - what template asks of a cluster with --dry-run=server
 *
 * A port, since the half that renders by itself knows no cluster. Source: Helm pkg/action/install.go, RunWithContext with
 * a server dry run.
 */
#include "helmctl/cli/flags.h"
#include "templating/render/render.h"

struct hc_cli_server; /* a cluster that is connected to */

struct hc_cli_server_port {
    /* Capabilities (in the arena) and lookups of the cluster, and the release's namespace; nothing is held on failure. */
    enum hc_rc (*open)(struct hc_arena *a, const struct hc_globals *g, struct hc_capabilities *out_capabilities,
                       struct hc_door *out_door, hc_str *out_ns, struct hc_cli_server **out, struct hc_err *err);
    /* Whether the server knows the kinds of what was rendered, and, without any_owner, that nobody else has its
     * objects: by the code of `install --dry-run=server`. Writes nothing. */
    enum hc_rc (*check)(struct hc_cli_server *s, hc_str name, struct hc_chart *chart, const struct hc_val *values,
                        const struct hc_render_output *rendered, bool any_owner, struct hc_err *err);
    void (*close)(struct hc_cli_server *s); /* NULL is fine */
};
extern const struct hc_cli_server_port hc_cli_server_port;
