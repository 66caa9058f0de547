#pragma once
/*
 * helmctl/cli/connect.h - from the global flags to a cluster
 */
#include "deploy/kube/client.h"
#include "helmctl/cli/flags.h"

struct hc_cli_cluster {
    struct hc_http *http;
    struct hc_kube *kube;
    hc_str ns; /* -n, HELM_NAMESPACE, else the context's, else "default"; borrowed from the flags or the client */
};
/* Sends nothing yet. On failure nothing is held. */
enum hc_rc hc_cli_connect(const struct hc_globals *g, struct hc_cli_cluster *out, struct hc_err *err);
void hc_cli_disconnect(struct hc_cli_cluster *c);
#define hc_cli_cluster_auto hc_cli_disconnect /* HC_AUTO(hc_cli_cluster) struct hc_cli_cluster c = { 0 }; */
