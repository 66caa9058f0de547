/*
 * One HTTP loop and one client a command.
 */
#include "helmctl/cli/connect.h"

enum hc_rc hc_cli_connect(const struct hc_globals *g, struct hc_cli_cluster *out, struct hc_err *err)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    hc_str *groups = HC_NEW_N(a, hc_str, g->kube_as_group.n + 1);
    for (size_t i = 0; groups && i < g->kube_as_group.n; i++)
        groups[i] = hc_str_of(g->kube_as_group.items[i]);
    const struct hc_kube_options o = {
        .kubeconfig = g->kubeconfig,
        .context = g->kube_context,
        .server = g->kube_apiserver,
        .token = g->kube_token,
        .ca_file = g->kube_ca_file,
        .tls_server_name = g->kube_tls_server_name,
        .insecure_skip_verify = g->kube_insecure_skip_tls_verify,
        .as_user = hc_str_of(g->kube_as_user),
        .as_groups = groups,
        .as_groups_n = groups ? g->kube_as_group.n : 0,
    };
    struct hc_cli_cluster c = { .http = hc_http_new(err) };
    if (!c.http)
        return err ? err->code : HC_E_AGAIN;
    enum hc_rc rc = hc_kube_new(c.http, &o, &c.kube, err);
    if (rc != HC_OK) {
        hc_http_free(c.http);
        return rc;
    }
    c.ns = g->ns && g->ns[0] ? hc_str_of(g->ns) : hc_kube_namespace(c.kube);
    *out = c;
    return HC_OK;
}

void hc_cli_disconnect(struct hc_cli_cluster *c)
{
    hc_kube_free(c->kube);
    hc_http_free(c->http);
    *c = (struct hc_cli_cluster){ 0 };
}
