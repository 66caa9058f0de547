#pragma once
/*
 * templating/render/render.h - a whole chart to ordered documents
 *
 * Chart + user values + capabilities in, documents out: dependencies, coalescing, schema, templates, splitting,
 * order. Talks to no cluster (lookup goes through the door). A compiled chart is kept by digest, so a second
 * render with other values parses and compiles nothing. Thread-safe: any number of renders at once.
 */
#include "charts-fetch/chart/chart.h"
#include "templating/overlay/overlay.h"
#include "templating/render/documents.h"
#include "templating/render/engine.h"
#include "templating/render/postrender.h"

struct hc_overlay_chart;

struct hc_capabilities {
    hc_str kube_version; /* "v1.37.0"; absent: the default without a cluster (B14.4) */
    /* "apps/v1", "apps/v1/Deployment", ...; NULL: the client library's list (B14.5) */
    const hc_str *api_versions;
    size_t api_versions_n;
    const hc_str *extra_api_versions; /* --api-versions, added to the above */
    size_t extra_api_versions_n;
};

struct hc_render_input {
    struct hc_chart *chart;
    const struct hc_val *values; /* the user's merged values (map or NULL) */
    struct hc_origins *origins;  /* of the layers in `values`; NULL: not kept */
    hc_str release_name, release_namespace;
    int revision;
    bool is_upgrade;
    const struct hc_capabilities *capabilities; /* NULL: the defaults */
    const struct hc_door *door;
    const struct hc_schema_port *schemas; /* of schemas that refer elsewhere (overlay.h); NULL: an error */
    const struct hc_post_renderer *post;  /* NULL, or gets all files but notes and CRDs, Helm 4's way */
    bool helm3, skip_schema, skip_crds, sub_notes;
    struct hc_trace *trace;  /* NULL, or learns where the output came from (trace.h); `origins` is then set too */
    struct hc_fault *fault;  /* NULL, or gets where a template failed; message and frames are absent otherwise */
    struct hc_val *lint_log; /* with lint: a list that gets what Helm logs (struct hc_run) */
    bool files_only;         /* ends behind the templates: docs.manifests holds the rendered files whole */
    bool strict, lint;       /* missing keys are errors; fail and required are none (struct hc_run) */
    bool record;             /* out->defaults is wanted */
    bool by_lua;             /* Lua runs all templates, which makes no difference (tests) */
};

/* How far a render came. Helm has a release to show (--debug) from HC_RENDER_TEMPLATES on. */
enum hc_render_stage { HC_RENDER_VALUES, HC_RENDER_TEMPLATES, HC_RENDER_DOCUMENTS, HC_RENDER_DONE };

struct hc_render_output {
    struct hc_documents docs;
    struct hc_val *values;  /* the effective values of the top chart */
    hc_str const *warnings; /* coalescing warnings and such, for stderr */
    size_t warnings_n;
    /* Written on failure too. When it is HC_RENDER_DOCUMENTS then, docs.manifests holds the rendered files whole (path
     * and text only), as Helm shows them with --debug. */
    enum hc_render_stage stage;
    const struct hc_val *defaults;         /* struct hc_overlay_opts; NULL: not asked for */
    const struct hc_overlay_chart *charts; /* the enabled charts with their values (templating/overlay/overlay.h) */
    hc_str error; /* on failure: the whole text where it is longer than err->msg holds, else absent */
};

/* Results live in `a` and may point into the chart. The error's msg is what Helm prints behind "Error: ". */
enum hc_rc hc_render(struct hc_arena *a, const struct hc_render_input *in, struct hc_render_output *out,
                     struct hc_err *err);

/* `own` (may be NULL) with regular expressions as templates have them. */
struct hc_schema_port hc_render_schema_port(const struct hc_schema_port *own);

/* Whether the chart's templates/ *.lua are Lua (it says so by an annotation) and not Go templates. */
bool hc_chart_has_lua_templates(const struct hc_chart *c);

/* Checks a Kubernetes version as --kube-version takes it ("1.33", "v1.33.4-gke.1"); Helm's text behind "invalid kube
 * version 'X': ". */
enum hc_rc hc_kube_version_check(hc_str version, struct hc_err *err);

/* Its first two numbers, those of the default for an absent text; false: it is none. */
bool hc_kube_version_numbers(hc_str version, int64_t *out_major, int64_t *out_minor);

/* The cache of compiled charts: at most this many bytes (0: default 64 MiB); frees what is over it. Charts without a
 * digest are not kept. */
void hc_render_cache_limit(size_t bytes);
void hc_render_cache_clear(void);
