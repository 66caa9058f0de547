#pragma once
/*
 * helmctl/controller/chart_impl.h - how a HelmChart becomes one archive
 *
 * Source of the rules: source-controller internal/helm/chart (builder_local.go, builder_remote.go, dependency_manager.go,
 * errors.go). Everything lives in the pass's arena but the parsed charts, which hc_chart_unref frees.
 */
#include "charts-fetch/chart/chart.h"
#include "helmctl/controller/sources_impl.h"

/* Why a build failed: what the conditions say, and whether only another spec or source helps. */
struct chart_why {
    const char *condition, *reason, *summary;
    bool stalls;
};
extern const struct chart_why chart_reference, chart_pull, chart_patch, chart_values, chart_deps, chart_package,
    chart_login, chart_unsigned, chart_unverifiable;

struct chart_build {
    bool vouched; /* SourceVerified, by... */
    struct src_trust by;
    hc_str name, version;        /* the version with our build metadata */
    struct hc_artifact art;      /* in the store, unless `cached` */
    bool cached;                 /* the artifact in the status is this chart: nothing was built */
    bool packaged;               /* made from a tree or changed by us, not as it was pulled */
    bool lost;                   /* the source's own artifact is gone: it is fetched again and wakes us */
    size_t resolved;             /* dependencies that were not in charts/ */
    struct hc_val *files;        /* the values files that were merged, or NULL */
    const struct chart_why *why; /* of a failure; p->err has the rest */
};

/* spec.valuesFiles, unless they are what the chart has anyway ("values.yaml" alone). */
bool chart_has_values_files(const struct pass *p);

/* True when the artifact in the status may stand for what would be built. */
bool chart_at_hand(struct pass *p);

/* Out of the tree of a GitRepository, a Bucket or an ExternalArtifact. */
enum hc_rc chart_from_tree(struct pass *p, const struct hc_val *source, struct chart_build *b);
/* Out of a HelmRepository. */
enum hc_rc chart_from_repository(struct pass *p, const struct hc_val *repo, struct chart_build *b);

/* Dependencies that the folder `path` below `root` wants and does not hold, loaded from file:// and the network.
 * `out` is the chart with them; it borrows from `chart`, from the arena, and from the charts in `held`. */
struct chart_held {
    struct hc_chart *charts[256];
    size_t n;
};
void chart_held_done(struct chart_held *h);
enum hc_rc chart_add_dependencies(struct pass *p, const char *root, const char *path, const struct hc_chart *chart,
                                  struct chart_held *held, struct hc_chart *out, size_t *out_resolved);

/* `rel` below `root` as a real path that does not leave it, whatever links and ".." say; HC_E_NOTFOUND: nothing is there.
 * Both real paths, `root` without a slash at its end. */
enum hc_rc chart_path_below(struct hc_arena *a, const char *root, hc_str rel, const char **out, struct hc_err *err);

/* A chart by name and range out of the repository that `spec` (a HelmRepository's) describes. `known`: the version at
 * hand, absent: none. `index`: the digest of its index; absent and no OCI: the index is fetched. `check`: who must have
 * signed (registries), or NULL. */
enum hc_rc chart_fetch(struct pass *p, const struct hc_val *spec, hc_str index, hc_str chart, hc_str range,
                       hc_str known, struct hc_oci_check *check, struct hc_artifact *out,
                       const struct chart_why **out_why);
