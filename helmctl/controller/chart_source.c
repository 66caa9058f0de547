/*
 * HelmChart: a chart out of an index, a registry or a tree, as one archive. With valuesFiles, and for trees always, the
 * archive is built anew: same inputs, same bytes.
 */
#include <fcntl.h>
#include <stdio.h>

#include "charts-fetch/source/local.h"
#include "charts-fetch/unpack/unpack.h"
#include "core/base/fs.h"
#include "core/base/limits.h"
#include "core/value/merge.h"
#include "core/value/yaml.h"
#include "helmctl/controller/sources_impl.h"
#include "templating/overlay/overlay.h"

struct built {
    struct hc_artifact art;
    bool tree;     /* the source's tree was there */
    bool packaged; /* made from a tree or changed by us, not as it was pulled */
    hc_str name, version;
};

/* ---- building ---- */

static const struct hc_chart_file *raw_file(const struct hc_chart *chart, hc_str name)
{
    for (size_t i = 0; i < chart->raw_n; i++)
        if (hc_str_eq(chart->raw[i].name, name))
            return &chart->raw[i];
    return NULL;
}

/* spec.valuesFiles: merged, later over earlier, into what becomes values.yaml. `tree`: paths are relative to the root of
 * the source, found in `dir`; else to the chart. */
static enum hc_rc merge_values(struct pass *p, const struct hc_chart *chart, const char *dir, hc_str *out)
{
    const struct hc_val *files = hc_map_getz(p->spec, "valuesFiles");
    bool tolerant = hc_get_bool_at(p->spec, "ignoreMissingValuesFiles", false);
    struct hc_val *merged = hc_map_new(p->a), *seen = hc_list_new(p->a);
    for (size_t i = 0; i < hc_list_len(files); i++) {
        hc_str name = hc_get_str(hc_list_at(files, i)), text = { NULL, 0 };
        enum hc_rc rc = HC_E_NOTFOUND;
        if (dir) {
            bool climbs = hc_str_starts(name, HC_S("/")) || hc_str_find_str(name, HC_S("..")) != SIZE_MAX;
            hc_str path = hc_arena_printf(p->a, "%s/%.*s", dir, HC_P(name));
            if (climbs)
                return hc_fail(&p->err, HC_E_INPUT, "values file '%.*s' is outside of the source", HC_P(name));
            rc = hc_read_file(p->a, AT_FDCWD, path.p, HC_MAX_TEMPLATE_BYTES, &text, &p->err);
        } else {
            const struct hc_chart_file *f = raw_file(chart, name);
            if (f) {
                text = f->body;
                rc = HC_OK;
            } else if (hc_str_eqz(name, "values.yaml") || hc_str_eqz(name, "./values.yaml")) {
                text = chart->values_text;
                rc = HC_OK;
            }
        }
        if (rc == HC_E_NOTFOUND && tolerant)
            continue;
        if (rc != HC_OK)
            return hc_fail(&p->err, HC_E_INPUT, "values file merge error: no values file found at path '%.*s'",
                           HC_P(name));
        struct hc_val *v = NULL;
        rc = hc_values_read(p->a, text, name, false, &v, &p->err);
        if (rc != HC_OK)
            return hc_wrap(&p->err, "values file merge error: values file '%.*s'", HC_P(name));
        merged = hc_val_overlay(p->a, merged, v);
        hc_list_add(p->a, seen, hc_str_val(p->a, name));
    }
    hc_map_put(p->a, p->status, HC_S("observedValuesFiles"), seen);
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    (void)hc_yaml_write(&b, merged);
    *out = hc_buf_to_arena(&b, p->a);
    return hc_buf_check(&b, &p->err, "merged values");
}

/* Packs the chart's files again with another version or values.yaml. */
static enum hc_rc pack(struct pass *p, const struct hc_chart *chart, hc_str version, hc_str values,
                       struct built *out)
{
    size_t n = 0, cap = chart->raw_n + 2;
    struct hc_unpacked *files = HC_NEW_N(p->a, struct hc_unpacked, cap);
    if (!files)
        return hc_fail_nomem(&p->err);
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    struct hc_val *meta = hc_val_copy(p->a, chart->metadata);
    hc_map_put_str(p->a, meta, "version", version);
    (void)hc_yaml_write(&b, meta);
    hc_str chart_yaml = hc_buf_to_arena(&b, p->a);
    bool has_values = false;
    for (size_t i = 0; i < chart->raw_n; i++) {
        const struct hc_chart_file *f = &chart->raw[i];
        hc_str body = f->body;
        if (hc_str_eqz(f->name, "Chart.yaml"))
            body = hc_str_eq(version, chart->version) ? f->body : chart_yaml;
        if (hc_str_eqz(f->name, "values.yaml")) {
            has_values = true;
            body = values.p ? values : f->body;
        }
        files[n++] = (struct hc_unpacked){ hc_arena_printf(p->a, "%.*s/%.*s", HC_P(chart->name), HC_P(f->name)),
                                           body, 0644 };
    }
    if (!has_values && values.p)
        files[n++] = (struct hc_unpacked){ hc_arena_printf(p->a, "%.*s/values.yaml", HC_P(chart->name)), values,
                                           0644 };
    hc_str archive;
    enum hc_rc rc = hc_pack_memory(p->a, files, n, 0, &archive, &p->err);
    if (rc == HC_OK)
        rc = hc_store_put(ctl_store_blobs(p->c->store), p->a, archive, &out->art.digest, &p->err);
    if (rc != HC_OK)
        return rc;
    out->art.size = archive.n;
    out->art.revision = version;
    out->packaged = true;
    return HC_OK;
}

static bool has_values_files(const struct pass *p)
{
    return hc_list_len(hc_map_getz(p->spec, "valuesFiles")) > 0;
}

static hc_str with_build(struct hc_arena *a, hc_str version, hc_str build)
{
    size_t plus = hc_str_find(version, '+');
    return hc_arena_printf(a, "%.*s+%.*s", HC_P(plus == SIZE_MAX ? version : hc_str_sub(version, 0, plus)),
                           HC_P(build));
}

/* Out of a GitRepository's or a Bucket's tree. */
static enum hc_rc build_from_tree(struct pass *p, const struct hc_val *source, struct built *out)
{
    const char *dir = NULL;
    enum hc_rc rc = ctl_artifact_unpack(p->c, p->a, source, &dir, &p->err);
    if (rc != HC_OK)
        return rc;
    out->tree = true;
    hc_str path = hc_get_str_at(p->spec, "chart");
    while (hc_str_starts(path, HC_S("./")) || hc_str_starts(path, HC_S("/")))
        path = hc_str_sub(path, path.p[0] == '.' ? 2 : 1, path.n);
    HC_AUTO(hc_chart) struct hc_chart *chart = NULL;
    if (hc_str_find_str(path, HC_S("..")) != SIZE_MAX)
        rc = hc_fail(&p->err, HC_E_INPUT, "chart path '%.*s' is outside of the source", HC_P(path));
    else
        rc = hc_chart_load_path(hc_arena_printf(p->a, "%s/%.*s", dir, HC_P(path)).p, &hc_chart_archives, &chart,
                                &p->err);
    hc_str values = { NULL, 0 };
    if (rc == HC_OK)
        rc = hc_overlay_check_deps(chart, false, &p->err);
    if (rc == HC_OK && has_values_files(p))
        rc = merge_values(p, chart, dir, &values);
    if (rc == HC_OK) {
        hc_str version = hc_arena_str(p->a, chart->version), strategy = hc_get_str_at(p->spec, "reconcileStrategy");
        if (hc_str_eqz(strategy, "Revision")) {
            hc_str hex = src_hex_of(hc_get_str_at(source, "status.artifact.revision"));
            version = with_build(p->a, version, hc_str_sub(hex, 0, 12));
        } else if (has_values_files(p)) {
            version = with_build(p->a, version, hc_arena_printf(p->a, "%" PRId64, p->cond.generation));
        }
        out->name = hc_arena_str(p->a, chart->name);
        out->version = version;
        rc = pack(p, chart, version, values, out);
    }
    (void)hc_remove_tree(dir, NULL);
    return rc;
}

/* A pulled archive, changed when valuesFiles want it. */
static enum hc_rc finish_pulled(struct pass *p, struct built *out)
{
    out->version = out->art.revision;
    if (!has_values_files(p))
        return HC_OK;
    hc_str archive;
    HC_AUTO(hc_chart) struct hc_chart *chart = NULL;
    enum hc_rc rc = hc_store_get(ctl_store_blobs(p->c->store), p->a, out->art.digest, HC_MAX_CHART_PACKED, &archive,
                                 &p->err);
    if (rc == HC_OK)
        rc = hc_chart_load_archive(archive, &hc_chart_archives, &chart, &p->err);
    hc_str values = { NULL, 0 };
    if (rc == HC_OK)
        rc = merge_values(p, chart, NULL, &values);
    if (rc != HC_OK)
        return rc;
    out->version = with_build(p->a, chart->version, hc_arena_printf(p->a, "%" PRId64, p->cond.generation));
    return pack(p, chart, out->version, values, out);
}

static enum hc_rc pull(struct pass *p, const struct hc_val *source, struct built *out, const char **out_reason)
{
    const struct hc_val *spec = hc_map_getz(source, "spec");
    struct hc_source_auth auth;
    struct hc_source_env env;
    enum hc_rc rc = src_auth_of(p, spec, p->key.ns, &auth, out_reason);
    if (rc == HC_OK)
        rc = src_env(p, spec, p->key.ns, &env);
    if (rc != HC_OK)
        return rc;
    hc_str chart = hc_get_str_at(p->spec, "chart"), range = hc_get_str_at(p->spec, "version");
    hc_str url = hc_get_str_at(spec, "url");
    while (hc_str_ends(url, HC_S("/")))
        url.n--;
    if (hc_str_eqz(hc_get_str_at(spec, "type"), "oci")) {
        hc_str full = hc_arena_printf(p->a, "%.*s/%.*s", HC_P(url), HC_P(chart)), none = { NULL, 0 };
        rc = hc_oci_chart(&env, p->a, full.p, range, &auth, none, &out->art, &p->err);
    } else {
        hc_str index;
        struct hc_chart_entry entry;
        rc = ctl_artifact_blob(p->c, p->a, source, &index, &p->err);
        if (rc == HC_OK)
            rc = hc_helmrepo_find(env.store, p->a, index, chart, range, &entry, &p->err);
        if (rc == HC_OK)
            rc = hc_helmrepo_chart(&env, p->a, hc_arena_strz(p->a, url), &auth, &entry, &out->art, &p->err);
    }
    if (rc != HC_OK) {
        *out_reason = "ChartPullError";
        return hc_wrap(&p->err, "chart pull error");
    }
    out->name = chart;
    return finish_pulled(p, out);
}

/* ---- the object ---- */

struct ctl_result reconcile_chart(struct pass *p)
{
    struct ctl_result r;
    if (src_prologue(p, &r))
        return r;
    if (hc_is_map(hc_map_getz(p->spec, "verify")))
        return src_stalled(
            p, "UnsupportedField",
            "spec.verify is set, and this version of helmctl verifies no signatures of charts yet: take it "
            "away, or serve this object with source-controller (--controllers)");
    hc_str kind = hc_get_str_at(p->spec, "sourceRef.kind"), name = hc_get_str_at(p->spec, "sourceRef.name");
    enum hc_ctl_kind k = hc_ctl_kind_of(kind);
    if (k != HC_CTL_REPO && k != HC_CTL_GIT)
        return src_stalled(p, "UnsupportedSourceKind",
                           "unsupported source kind '%.*s', must be one of: HelmRepository, GitRepository",
                           HC_P(kind));
    const struct hc_val *source = hc_objects_get(p->c->objects, p->a, (struct hc_key){ k, p->key.ns, name });
    if (!source) {
        hc_fail(&p->err, HC_E_NOTFOUND, "failed to get source: %.*s '%.*s' not found", HC_P(kind), HC_P(name));
        return src_failed(p, (struct src_failure){ "FetchFailed", "SourceUnavailable" });
    }
    bool oci = hc_str_eqz(hc_get_str_at(source, "spec.type"), "oci");
    hc_str revision = hc_get_str_at(source, "status.artifact.revision");
    if (!oci && !revision.n) { /* its watch wakes us */
        hc_fail(&p->err, HC_E_NOTFOUND, "no artifact available for %.*s source '%.*s'", HC_P(kind), HC_P(name));
        hc_cond_setf(&p->cond, "FetchFailed", HC_TRUE, "NoSourceArtifact", "%s", p->err.msg);
        hc_cond_setf(&p->cond, "Ready", HC_FALSE, "NoSourceArtifact", "%s", p->err.msg);
        hc_cond_reconciling(&p->cond, "ProgressingWithRetry", "%s", p->err.msg);
        pass_event(p, "Trace", "NoSourceArtifact", NULL, "%s", p->err.msg);
        return pass_after(p->c->o->requeue_dependency_ms);
    }
    hc_str reason_done = k == HC_CTL_GIT || has_values_files(p) ? HC_S("ChartPackageSucceeded")
                                                                : HC_S("ChartPullSucceeded");
    if (!oci && src_artifact_current(p) &&
        hc_str_eq(revision, hc_get_str_at(p->status, "observedSourceArtifactRevision"))) {
        hc_str said = hc_cond_message(p->status, "ArtifactInStorage");
        return src_unchanged(p, hc_arena_strz(p->a, reason_done), said);
    }
    struct built b = { 0 };
    const char *reason = "ChartPackageError";
    enum hc_rc rc = k == HC_CTL_GIT ? build_from_tree(p, source, &b) : pull(p, source, &b, &reason);
    if (rc == HC_E_NOTFOUND && k == HC_CTL_GIT &&
        !b.tree) { /* its store was lost: it is fetched again and wakes us */
        pass_log(p, HC_LOG_INFO, "%s", p->err.msg);
        return pass_after(p->c->o->requeue_dependency_ms);
    }
    if (rc != HC_OK) {
        bool fetch = strcmp(reason, "ChartPackageError") != 0;
        return src_failed(p, (struct src_failure){ fetch ? "FetchFailed" : "BuildFailed", reason });
    }
    hc_map_put_str(p->a, p->status, "observedChartName", b.name);
    if (revision.n)
        hc_map_put_str(p->a, p->status, "observedSourceArtifactRevision", revision);
    if (!has_values_files(p))
        hc_map_del(p->status, HC_S("observedValuesFiles"));
    hc_str message = hc_arena_printf(p->a, "%s '%.*s' chart with version '%.*s'",
                                     b.packaged ? "packaged" : "pulled", HC_P(b.name), HC_P(b.version));
    b.art.revision = b.version;
    char file[512];
    snprintf(file, sizeof(file), "%.*s-%.*s.tgz", HC_P(b.name), HC_P(b.version));
    for (char *s = file; *s; s++)
        if (*s == '/')
            *s = '-';
    const char *done = hc_arena_strz(p->a, reason_done);
    /* The same version again is no new artifact, even when packing gave other bytes. */
    return src_stored(p, &b.art, file, done, message, "%.*s", message);
}
