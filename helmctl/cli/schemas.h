#pragma once
/*
 * helmctl/cli/schemas.h - where a values.schema.json that refers to other files gets them from
 *
 * file:// is read here, as Helm reads it; http:// and https:// by helmctl-cluster only. The front executable notes that they
 * were asked for: what was rendered is then thrown away and the other executable starts anew.
 */
#include "helmctl/cli/chartref.h"
#include "templating/overlay/overlay.h"

const struct hc_schema_port *hc_cli_schemas(void);
/*
 * Behind a render: -1, go on; else the exit code, since a schema was wanted that only the other executable can get, and it
 * has done the whole command.
 */
int hc_cli_schemas_elsewhere(const struct hc_globals *g, const struct hc_values_flags *v);

/* The ports fetch_schema and fetch_values (fetch_chart.c). A login in an address is in no message of the second. */
enum hc_rc hc_cli_fetch_values(struct hc_arena *a, hc_str url, hc_str *out, struct hc_err *err);
enum hc_rc hc_cli_fetch_schema(struct hc_arena *a, hc_str url, hc_str *out, struct hc_err *err);
