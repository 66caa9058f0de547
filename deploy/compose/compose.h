#pragma once
/*
 * deploy/compose/compose.h - what a render gave, as what a release record holds
 *
 * Chart to Helm's chart JSON, documents to manifest and hooks. Results live in the arena and point into the chart and
 * the documents.
 */
#include "charts-fetch/chart/chart.h"
#include "deploy/release/record.h"
#include "templating/render/render.h"

/* Helm's JSON of a chart in a record: metadata, lock, templates, values, schema, files. Sub-charts are not in it: what is
 * known of them later is that they were enabled, and their defaults among the values. `rendered`: by a render with
 * hc_render_input.record; NULL: the chart as it was loaded. */
struct hc_val *hc_compose_chart(struct hc_arena *a, const struct hc_chart *chart,
                                const struct hc_render_output *rendered);
/* What the server can, for a render: its version and kinds. Texts live in `a`, or as long as the client. */
enum hc_rc hc_compose_capabilities(struct hc_kube *kube, struct hc_arena *a, struct hc_capabilities *out,
                                   struct hc_err *err);
/* Hooks in the order of the documents. */
struct hc_record_hook *hc_compose_hooks(struct hc_arena *a, const struct hc_documents *docs, size_t *out_n);

/* Helm's CoalesceValues of what a record holds: what `get values --all` shows, and what takes the place of the chart's
 * defaults when an upgrade reuses values. Of nulls, those of the user's that meet no default. */
struct hc_val *hc_compose_computed(struct hc_arena *a, const struct hc_record *r);
/* The user's values of an upgrade that reuses those of `previous`: `given` (may be NULL) over them. A null takes an older value of the
 * user's away and is gone with it, so the default shows again (Helm: Upgrade.reuseValues). */
struct hc_val *hc_compose_reused(struct hc_arena *a, const struct hc_record *previous, const struct hc_val *given);
