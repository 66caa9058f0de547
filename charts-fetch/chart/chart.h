#pragma once
/*
 * charts-fetch/chart/chart.h - a chart in memory: metadata, defaults, schema, files, sub-charts
 *
 * Immutable once loaded; lives in its own arena, shared by reference between threads. Nothing is fetched
 * here: the files come from charts-fetch/unpack (an archive) or from a folder.
 */
#include "core/value/value.h"

struct hc_chart_file {
    hc_str name; /* relative to the chart's root: "templates/x.yaml", "values.yaml", "files/a.txt" */
    hc_str body; /* a UTF-8 byte order mark at its start is dropped (D7.2) */
};

struct hc_chart_dep { /* an entry of Chart.yaml dependencies / requirements.yaml */
    hc_str name, version, repository, condition, alias;
    struct hc_val *tags, *import_values; /* lists or NULL */
    bool enabled;                        /* as written, mostly absent; Helm sets it where it works on the list */
};

struct hc_chart {
    hc_str name, version, app_version, api_version, type, description, kube_version, icon, home;
    bool deprecated;
    /* Chart.yaml (and requirements.yaml) as Helm's own type writes it to JSON: known fields only, in its order and
     * under their canonical names, scalars read as text where the field is text (C1.3), empty ones left out */
    const struct hc_val *metadata;
    struct hc_val *values; /* values.yaml, a map (D7.4: empty when absent) */
    hc_str values_text;
    hc_str schema;                   /* values.schema.json or absent */
    const struct hc_chart_file *raw; /* every file as loaded, for packaging and the release record */
    size_t raw_n;
    const struct hc_chart_file *templates; /* templates/... */
    size_t templates_n;
    const struct hc_chart_file *files; /* what .Files shows (B14.8) */
    size_t files_n;
    const struct hc_chart_file *crds; /* crds/... (yaml, yml, json) */
    size_t crds_n;
    const struct hc_chart_dep *deps;
    size_t deps_n;
    bool deps_listed;               /* there is a list, though it may be empty: Helm looks further down then (D5) */
    hc_str lock_name, lock;         /* "Chart.lock" or "requirements.lock" */
    const struct hc_val *lock_meta; /* it as Helm's own type writes it to JSON; NULL: none */
    struct hc_chart **subs;         /* charts/... loaded, in path order */
    size_t subs_n;
    struct hc_chart *parent; /* NULL: top */
    hc_str digest;           /* "sha256:..." over the archive's bytes or the folder's content; top chart only */
    struct hc_arena *arena;  /* top chart only: owns all of this */
    const hc_str *notes;     /* what Helm logs while it loads (links, old file names), in its words, for stderr */
    size_t notes_n;
};

struct hc_chart_port {
    /* charts/x.tgz: this module reads no archive. Gives names without the first path part. */
    enum hc_rc (*unpack)(struct hc_arena *a, hc_str archive, struct hc_chart_file **out, size_t *out_n,
                         struct hc_err *err);
    /* The caller renders once and has no use for a digest, which costs as much as inflating the archive. */
    bool no_digest;
    bool helm3;  /* one document in values.yaml; Helm 3's words in errors */
    bool detect; /* Helm 4 looks at the apiVersion of the top chart first, except in lint and dependency list */
};

/*
 * Loads from files already in memory (paths relative to the chart's root); takes the arena, also on failure.
 * Archives: charts-fetch/source/local.h unpacks them and comes here. The error's msg is Helm's own ("validation:
 * chart.metadata.name is required", "cannot load values.yaml: ...", D7), its file and line the place.
 */
enum hc_rc hc_chart_load_files(struct hc_arena *a, const struct hc_chart_file *files, size_t n,
                               const struct hc_chart_port *port, struct hc_chart **out, struct hc_err *err);
/* A folder (with .helmignore; links are followed, as Helm does). */
enum hc_rc hc_chart_load_dir(const char *path, const struct hc_chart_port *port, struct hc_chart **out,
                             struct hc_err *err);
/* Chart.yaml alone, unchecked, in the form of `metadata` above. `strict`: double and unknown fields are errors too. */
enum hc_rc hc_chart_metadata(struct hc_arena *a, hc_str text, bool strict, struct hc_val **out, struct hc_err *err);

/* Shared by any number of threads; the last unref frees it. Only for top charts. */
struct hc_chart *hc_chart_ref(struct hc_chart *c);
void hc_chart_unref(struct hc_chart *c);
void hc_chart_unref_auto(struct hc_chart **c);
#define hc_chart_auto hc_chart_unref_auto

/* A values file of one or more documents (C2.15, D2.1), merged in order: always a map. Numbers are floats. Error
 * texts are Helm's, to be put behind "cannot load values.yaml: " or "failed to parse FILE: ". */
enum hc_rc hc_values_parse(struct hc_arena *a, hc_str text, hc_str name, struct hc_val **out, struct hc_err *err);

/* The values of one text (values.yaml, -f, a ConfigMap's key): a map; empty text and null give an empty one. In
 * Helm 4 all documents of it are merged, in Helm 3 the first counts (C2.15). Numbers are HC_FLOAT. The error
 * text is Helm's without the part that names the file. */
enum hc_rc hc_values_read(struct hc_arena *a, hc_str text, hc_str name, bool helm3, struct hc_val **out,
                          struct hc_err *err);

/* A text of a chart's metadata as Helm cleans it: white space is a space, what does not print is left out. Borrows from `s`
 * where it is plain ASCII, else it is in the arena. */
hc_str hc_chart_clean_text(struct hc_arena *a, hc_str s);

/* Path in templates and "# Source:": "top/charts/sub" (E4.8). */
hc_str hc_chart_path(struct hc_arena *a, const struct hc_chart *c);
