#pragma once
/*
 * helmctl/cli/fetch.h - a chart that is no local path: registry, repository, address
 *
 * For hc_cli_ports.fetch_chart of helmctl-cluster only: it links the network libraries.
 */
#include "helmctl/cli/chartref.h"

enum hc_rc hc_cli_fetch_chart(const struct hc_chart_source *s, struct hc_chart **out, struct hc_err *err);
