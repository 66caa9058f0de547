#pragma once
/*
 * helmctl/controller/values.h - the values of a HelmRelease: valuesFrom in order, inline values, targetPath
 *
 * Source of the rules: fluxcd/pkg chartutil/values.go. Pure but for the port. Ours beyond Flux: entries of kind
 * GitRepository, OCIRepository, Bucket or HelmChart with a file `path`, read out of the source's artifact.
 */
#include "core/value/value.h"

struct hc_values_from_port {
    void *ctx;
    /* A ConfigMap or Secret. HC_E_NOTFOUND: not there. */
    enum hc_rc (*object)(void *ctx, struct hc_arena *a, hc_str kind, hc_str ns, hc_str name, struct hc_val **out,
                         struct hc_err *err);
    /* A file in the artifact of a source. HC_E_NOTFOUND: no such source, no artifact yet, no such file. */
    enum hc_rc (*file)(void *ctx, struct hc_arena *a, hc_str kind, hc_str ns, hc_str name, hc_str path,
                       hc_str *out_text, hc_str *out_revision, struct hc_err *err);
};

/* `release` is the whole object. *out is a map, maybe empty; numbers are as after Go's JSON (floats). `origins` may be
 * NULL; else each node's origin names its layer: "ConfigMap apps/web key values.yaml", "GitRepository ... file ...",
 * "HelmRelease apps/web spec.values". The message of an error is Flux's. */
enum hc_rc hc_release_values(struct hc_arena *a, const struct hc_val *release,
                             const struct hc_values_from_port *port, struct hc_origins *origins,
                             struct hc_val **out, struct hc_err *err);
