/*
 * HelmChart: a chart out of an index, a registry or a tree, as one archive. chart_build.c makes it; here is what the
 * object says of it. Conditions, reasons and messages are source-controller's (helmchart_controller.go).
 */
#include <stdio.h>

#include "helmctl/controller/chart_impl.h"
#include "helmctl/controller/verified.h"

/* chart.Build.Summary */
static hc_str summary_of(struct pass *p, const struct chart_build *b)
{
    HC_AUTO(hc_buf) struct hc_buf t;
    hc_buf_init(&t, 0);
    hc_buf_printf(&t, "%s '%.*s' chart with version '%.*s'", b->packaged ? "packaged" : "pulled", HC_P(b->name),
                  HC_P(b->version));
    for (size_t i = 0; i < hc_list_len(b->files); i++)
        hc_buf_printf(&t, "%s%.*s", i ? " " : " and merged values files [",
                      HC_P(hc_get_str(hc_list_at(b->files, i))));
    if (hc_list_len(b->files))
        hc_buf_puts(&t, "]");
    return hc_buf_to_arena(&t, p->a);
}

static struct ctl_result failed(struct pass *p, const struct chart_build *b)
{
    if (b->why->summary)
        hc_wrap(&p->err, "%s", b->why->summary);
    hc_cond_del(&p->cond, strcmp(b->why->condition, "FetchFailed") == 0 ? "BuildFailed" : "FetchFailed");
    if (b->why == &chart_unsigned || b->why == &chart_unverifiable)
        src_verify_failed(p);
    const struct src_failure f = { b->why->condition, b->why->reason };
    return b->why->stalls ? src_failed_for_good(p, f) : src_failed(p, f);
}

static struct ctl_result no_artifact(struct pass *p, hc_str kind, hc_str name)
{
    hc_fail(&p->err, HC_E_NOTFOUND, "no artifact available for %.*s source '%.*s'", HC_P(kind), HC_P(name));
    hc_cond_setf(&p->cond, "FetchFailed", HC_TRUE, "NoSourceArtifact", "%s", p->err.msg);
    hc_cond_setf(&p->cond, "Ready", HC_FALSE, "NoSourceArtifact", "%s", p->err.msg);
    hc_cond_reconciling(&p->cond, "ProgressingWithRetry", "%s", p->err.msg);
    pass_event(p, "Trace", "NoSourceArtifact", NULL, "%s", p->err.msg);
    return pass_after(p->c->o->requeue_dependency_ms);
}

static struct ctl_result built(struct pass *p, struct chart_build *b)
{
    const char *done = b->packaged ? "ChartPackageSucceeded" : "ChartPullSucceeded";
    if (b->cached) {
        hc_str said = hc_cond_message(p->status, "ArtifactInStorage");
        return src_unchanged(p, done, said.n ? said : summary_of(p, b));
    }
    if (b->resolved)
        pass_event(p, "Trace", "ResolvedDependencies", NULL, "resolved %zu chart dependencies", b->resolved);
    hc_map_put_str(p->a, p->status, "observedChartName", b->name);
    if (b->files && hc_get_bool_at(p->spec, "ignoreMissingValuesFiles", false))
        hc_map_put(p->a, p->status, HC_S("observedValuesFiles"), b->files);
    else
        hc_map_del(p->status, HC_S("observedValuesFiles"));
    hc_str message = summary_of(p, b);
    b->art.revision = b->version;
    char file[512];
    snprintf(file, sizeof(file), "%.*s-%.*s.tgz", HC_P(b->name), HC_P(b->version));
    for (char *s = file; *s; s++)
        if (*s == '/')
            *s = '-';
    return src_stored(p, &b->art, file, done, message, "%.*s", message);
}

struct ctl_result reconcile_chart(struct pass *p)
{
    struct ctl_result r;
    if (src_prologue(p, &r))
        return r;
    hc_str kind = hc_get_str_at(p->spec, "sourceRef.kind"), name = hc_get_str_at(p->spec, "sourceRef.name");
    enum hc_ctl_kind k = hc_ctl_kind_of(kind);
    if (k != HC_CTL_REPO && k != HC_CTL_GIT && k != HC_CTL_BUCKET)
        return src_stalled(p, "UnsupportedSourceKind",
                           "failed to get source: unsupported source kind '%.*s', must be one of: [HelmRepository "
                           "GitRepository Bucket]",
                           HC_P(kind));
    const struct hc_val *source = hc_objects_get(p->c->objects, p->a, (struct hc_key){ k, p->key.ns, name });
    if (!source) {
        hc_fail(&p->err, HC_E_NOTFOUND, "failed to get source: %.*s '%.*s' not found", HC_P(kind), HC_P(name));
        return src_failed(p, (struct src_failure){ "FetchFailed", "SourceUnavailable" });
    }
    bool oci = k == HC_CTL_REPO && hc_str_eqz(hc_get_str_at(source, "spec.type"), "oci");
    if (!oci && hc_is_map(hc_map_getz(p->spec, "verify")))
        return src_stalled(
            p, "UnsupportedField",
            "spec.verify is only supported when the source is a HelmRepository of type oci: it would "
            "verify nothing here");
    hc_str revision = hc_get_str_at(source, "status.artifact.revision");
    if (!oci && !revision.n) /* its watch wakes us */
        return no_artifact(p, kind, name);
    if (!oci && chart_at_hand(p) &&
        hc_str_eq(revision, hc_get_str_at(p->status, "observedSourceArtifactRevision"))) {
        hc_str said = hc_cond_message(p->status, "ArtifactInStorage");
        return src_unchanged(p, hc_arena_strz(p->a, hc_cond_reason(p->status, "ArtifactInStorage")), said);
    }
    struct chart_build b = { .why = &chart_package };
    enum hc_rc rc = k == HC_CTL_REPO ? chart_from_repository(p, source, &b) : chart_from_tree(p, source, &b);
    if (rc != HC_OK && b.lost) { /* its store was lost: it is fetched again and wakes us */
        pass_log(p, HC_LOG_INFO, "%s", p->err.msg);
        return pass_after(p->c->o->requeue_dependency_ms);
    }
    if (revision.n) /* also of one that could not be built */
        hc_map_put_str(p->a, p->status, "observedSourceArtifactRevision", revision);
    if (rc != HC_OK)
        return failed(p, &b);
    r = built(p, &b);
    if (b.vouched)
        src_trust_keep(p, &b.by);
    return r;
}
