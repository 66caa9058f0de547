/*
 * Building: a folder of a tree, or an archive that is pulled and changed, to one archive. Same inputs, same bytes: all
 * files are of the year 1970, where Flux takes the hour of packing and makes a new digest each time.
 */
#include <fcntl.h>
#include <sys/stat.h>

#include "charts-fetch/source/local.h"
#include "charts-fetch/source/save.h"
#include "core/base/fs.h"
#include "core/base/limits.h"
#include "core/base/semver.h"
#include "core/value/merge.h"
#include "core/value/yaml.h"
#include "helmctl/controller/chart_impl.h"
#include "helmctl/controller/verified.h"

static enum hc_rc because(struct pass *p, struct chart_build *b, const struct chart_why *why)
{
    b->why = why;
    return p->err.code;
}

bool chart_has_values_files(const struct pass *p)
{
    const struct hc_val *files = hc_map_getz(p->spec, "valuesFiles");
    size_t n = hc_list_len(files);
    return n > 1 || (n == 1 && !hc_str_eqz(hc_path_clean(p->a, hc_get_str(hc_list_at(files, 0))), "values.yaml"));
}

/* ---- versions ------------------------------------------------------------------------------------------------- */

/* The version with what is ours behind the '+': digits of the revision (`revision`, absent: none), the generation. */
static enum hc_rc set_version(struct pass *p, struct chart_build *b, hc_str version, hc_str revision)
{
    bool files = chart_has_values_files(p);
    struct hc_semver v;
    b->version = hc_arena_str(p->a, version);
    if (!files && !revision.n)
        return HC_OK;
    if (hc_semver_parse(version, &v, &p->err) != HC_OK) {
        hc_wrap(&p->err, "failed to parse version from chart metadata as SemVer");
        return because(p, b, &chart_patch);
    }
    v.meta = !files ? revision
                    : hc_arena_printf(p->a, "%.*s%s%" PRId64, HC_P(revision), revision.n ? "." : "",
                                      p->cond.generation);
    b->version = hc_semver_str(p->a, &v);
    return hc_arena_check(p->a, &p->err, "chart version");
}

/* An artifact of this spec, built without a failure since. */
bool chart_at_hand(struct pass *p)
{
    return src_artifact_current(p) && !hc_cond_get(p->status, "FetchFailed") &&
           !hc_cond_get(p->status, "BuildFailed") && !hc_cond_get(p->status, "StorageOperationFailed");
}

/* True when the artifact at hand is the chart that is wanted: a source that changed elsewhere changes nothing. */
static bool is_cached(struct pass *p, struct chart_build *b)
{
    b->cached = chart_at_hand(p) && hc_str_eq(hc_get_str_at(p->status, "observedChartName"), b->name) &&
                hc_str_eq(hc_get_str_at(p->status, "artifact.revision"), b->version);
    return b->cached;
}

/* ---- values ---------------------------------------------------------------------------------------------------- */

static const struct hc_chart_file *raw_file(const struct hc_chart *chart, hc_str name)
{
    for (size_t i = 0; i < chart->raw_n; i++)
        if (hc_str_eq(chart->raw[i].name, name))
            return &chart->raw[i];
    return NULL;
}

/* One of spec.valuesFiles: below the root of the source, or (`root` NULL) in the chart. HC_E_NOTFOUND: there is none. */
static enum hc_rc values_text(struct pass *p, const struct hc_chart *chart, const char *root, hc_str name,
                              hc_str *out)
{
    const char *path;
    struct stat st;
    if (!root) {
        const struct hc_chart_file *f = raw_file(chart, hc_path_clean(p->a, name));
        if (!f)
            return hc_fail(&p->err, HC_E_NOTFOUND, "no values file found at path '%.*s'", HC_P(name));
        *out = f->body;
        return HC_OK;
    }
    enum hc_rc rc = chart_path_below(p->a, root, name, &path, &p->err);
    bool file = rc == HC_OK && stat(path, &st) == 0 && S_ISREG(st.st_mode);
    if (rc == HC_E_NOTFOUND || (rc == HC_OK && !file))
        return hc_fail(&p->err, rc == HC_OK ? HC_E_INPUT : HC_E_NOTFOUND,
                       "no values file found at path '%.*s' (reference '%.*s')",
                       HC_P(hc_path_clean(p->a, hc_arena_printf(p->a, "/%.*s", HC_P(name)))), HC_P(name));
    if (rc == HC_OK)
        rc = hc_read_file(p->a, AT_FDCWD, path, HC_MAX_TEMPLATE_BYTES, out, &p->err);
    return rc == HC_OK ? rc : hc_wrap(&p->err, "could not read values from file '%.*s'", HC_P(name));
}

/* spec.valuesFiles, later over earlier, as the text of the new values.yaml. */
static enum hc_rc merge_values(struct pass *p, const struct hc_chart *chart, const char *root,
                               struct chart_build *b, hc_str *out)
{
    const struct hc_val *files = hc_map_getz(p->spec, "valuesFiles");
    bool tolerant = hc_get_bool_at(p->spec, "ignoreMissingValuesFiles", false);
    struct hc_val *merged = hc_map_new(p->a), *taken = hc_list_new(p->a);
    for (size_t i = 0; i < hc_list_len(files); i++) {
        hc_str name = hc_get_str(hc_list_at(files, i)), text = { NULL, 0 };
        struct hc_val *v = NULL;
        enum hc_rc rc = values_text(p, chart, root, name, &text);
        if (rc == HC_E_NOTFOUND && tolerant) {
            hc_err_clear(&p->err);
            continue;
        }
        if (rc != HC_OK)
            return because(p, b, &chart_values);
        if (hc_values_read(p->a, text, name, true, &v, &p->err) != HC_OK) {
            hc_wrap(&p->err, "unmarshaling values from '%.*s' failed", HC_P(name));
            return because(p, b, &chart_values);
        }
        merged = hc_val_overlay(p->a, merged, v);
        hc_list_add(p->a, taken, hc_str_val(p->a, name));
    }
    if (!raw_file(chart, HC_S("values.yaml"))) {
        hc_fail(&p->err, HC_E_INPUT, "failed to locate values file: values.yaml");
        return because(p, b, &chart_values);
    }
    HC_AUTO(hc_buf) struct hc_buf text;
    hc_buf_init(&text, 0);
    if (hc_map_len(merged))
        (void)hc_yaml_write(&text, merged);
    *out = hc_map_len(merged) ? hc_buf_to_arena(&text, p->a) : HC_S("");
    b->files = taken;
    return hc_buf_check(&text, &p->err, "merged values");
}

/* ---- packing ---------------------------------------------------------------------------------------------------- */

static enum hc_rc pack(struct pass *p, const struct hc_chart *chart, struct chart_build *b)
{
    const struct hc_save_opts opts = { .version = b->version, .epoch = 0, .keep_lock = true };
    hc_str archive;
    enum hc_rc rc = hc_chart_pack(p->a, chart, &opts, &archive, &p->err);
    if (rc == HC_OK)
        rc = hc_store_put(ctl_store_blobs(p->c->store), p->a, archive, &b->art.digest, &p->err);
    if (rc != HC_OK)
        return because(p, b, &chart_package);
    b->art.size = archive.n;
    b->packaged = true;
    return HC_OK;
}

/* ---- a folder of a tree ----------------------------------------------------------------------------------------- */

/* reconcileStrategy Revision: what of the source's revision goes behind the version. */
static hc_str revision_part(struct pass *p, const struct hc_val *source)
{
    if (!hc_str_eqz(hc_get_str_at(p->spec, "reconcileStrategy"), "Revision"))
        return (hc_str){ NULL, 0 };
    return hc_str_sub(src_hex_of(hc_get_str_at(source, "status.artifact.revision")), 0, 12);
}

/* An archive that lies in the tree is taken as it is, when nothing is to be changed. */
static enum hc_rc take_archive(struct pass *p, const char *path, struct chart_build *b)
{
    hc_str archive;
    enum hc_rc rc = hc_read_file(p->a, AT_FDCWD, path, HC_MAX_CHART_PACKED, &archive, &p->err);
    if (rc == HC_OK)
        rc = hc_store_put(ctl_store_blobs(p->c->store), p->a, archive, &b->art.digest, &p->err);
    if (rc != HC_OK)
        return because(p, b, &chart_pull);
    b->art.size = archive.n;
    return HC_OK;
}

static enum hc_rc build_folder(struct pass *p, const char *root, const char *real, struct hc_chart *chart,
                               bool folder, struct chart_build *b)
{
    struct chart_held held = { .n = 0 };
    struct hc_chart with = *chart;
    enum hc_rc rc = HC_OK;
    if (chart_has_values_files(p))
        rc = merge_values(p, chart, root, b, &with.values_text);
    if (rc == HC_OK && folder &&
        chart_add_dependencies(p, root, real + strlen(root), chart, &held, &with, &b->resolved) != HC_OK)
        rc = because(p, b, &chart_deps);
    if (rc == HC_OK)
        rc = pack(p, &with, b);
    chart_held_done(&held);
    return rc;
}

/* Errors about what Chart.yaml says are about the reference; those about the rest of the chart are about packing. */
static const struct chart_why *loading_failed(struct pass *p, const char *real, bool folder)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct hc_err mine = HC_ERR_INIT;
    struct hc_val *meta = NULL;
    hc_str text;
    const char *file = a && folder ? hc_arena_printf(a, "%s/Chart.yaml", real).p : NULL;
    bool good = file && hc_read_file(a, AT_FDCWD, file, HC_MIB, &text, &mine) == HC_OK &&
                hc_chart_metadata(a, text, false, &meta, &mine) == HC_OK &&
                !hc_str_starts(hc_str_of(p->err.msg), HC_S("validation:"));
    return good ? &chart_package : &chart_reference;
}

static enum hc_rc from_dir(struct pass *p, const struct hc_val *source, const char *dir, struct chart_build *b)
{
    hc_str path = hc_get_str_at(p->spec, "chart");
    const char *root, *real;
    struct stat st;
    HC_AUTO(hc_chart) struct hc_chart *chart = NULL;
    enum hc_rc rc = chart_path_below(p->a, dir, (hc_str){ NULL, 0 }, &root, &p->err);
    if (rc != HC_OK)
        return because(p, b, &chart_package);
    if (!path.n || path.p[0] == '/') {
        hc_fail(&p->err, HC_E_INPUT,
                path.n ? "local chart reference path is expected to be relative"
                       : "no path set for local chart reference");
        return because(p, b, &chart_reference);
    }
    if (chart_path_below(p->a, root, path, &real, &p->err) != HC_OK)
        return because(p, b, &chart_reference);
    bool folder = stat(real, &st) == 0 && S_ISDIR(st.st_mode);
    if (hc_chart_load_path(real, &hc_chart_archives, &chart, &p->err) != HC_OK)
        return because(p, b, loading_failed(p, real, folder));
    b->name = hc_arena_str(p->a, chart->name);
    rc = set_version(p, b, chart->version, revision_part(p, source));
    if (rc != HC_OK)
        return rc;
    bool packing = folder || !hc_str_eq(b->version, chart->version) || chart_has_values_files(p);
    b->packaged = packing;
    if (is_cached(p, b))
        return HC_OK;
    return packing ? build_folder(p, root, real, chart, folder, b) : take_archive(p, real, b);
}

enum hc_rc chart_from_tree(struct pass *p, const struct hc_val *source, struct chart_build *b)
{
    const char *dir = NULL;
    enum hc_rc rc = ctl_artifact_unpack(p->c, p->a, source, &dir, &p->err);
    if (rc != HC_OK) {
        b->lost = rc == HC_E_NOTFOUND;
        return because(p, b, &chart_package);
    }
    rc = from_dir(p, source, dir, b);
    (void)hc_remove_tree(dir, NULL);
    return rc;
}

/* ---- pulled ------------------------------------------------------------------------------------------------------ */

/* The archive with another values.yaml and version. */
static enum hc_rc repack(struct pass *p, struct chart_build *b)
{
    hc_str archive;
    HC_AUTO(hc_chart) struct hc_chart *chart = NULL;
    enum hc_rc rc = hc_store_get(ctl_store_blobs(p->c->store), p->a, b->art.digest, HC_MAX_CHART_PACKED, &archive,
                                 &p->err);
    if (rc == HC_OK)
        rc = hc_chart_load_archive(archive, &hc_chart_archives, &chart, &p->err);
    if (rc != HC_OK) {
        hc_wrap(&p->err, "failed to load downloaded chart");
        return because(p, b, &chart_package);
    }
    struct hc_chart with = *chart;
    if (merge_values(p, chart, NULL, b, &with.values_text) != HC_OK) {
        hc_wrap(&p->err, "failed to merge chart values");
        return because(p, b, &chart_values);
    }
    return pack(p, &with, b);
}

/* The version at hand, without the generation we put behind it. */
static hc_str known_version(struct pass *p)
{
    hc_str have = hc_get_str_at(p->status, "artifact.revision"), name = hc_get_str_at(p->spec, "chart");
    hc_str observed = hc_get_str_at(p->status, "observedChartName");
    if (!chart_at_hand(p) || !hc_str_eq(name, observed))
        return (hc_str){ NULL, 0 };
    if (chart_has_values_files(p))
        have = hc_str_sub(have, 0, hc_str_find(have, '+'));
    return have;
}

enum hc_rc chart_from_repository(struct pass *p, const struct hc_val *repo, struct chart_build *b)
{
    const struct hc_val *spec = hc_map_getz(repo, "spec");
    hc_str chart = hc_get_str_at(p->spec, "chart"), range = hc_get_str_at(p->spec, "version"), index = { NULL, 0 };
    enum hc_rc rc = HC_OK;
    if (!hc_str_eqz(hc_get_str_at(spec, "type"), "oci"))
        rc = ctl_artifact_blob(p->c, p->a, repo, &index, &p->err);
    if (rc != HC_OK) {
        b->lost = rc == HC_E_NOTFOUND;
        return because(p, b, &chart_pull);
    }
    const struct chart_why *why;
    hc_str known = known_version(p);
    HC_AUTO(src_verify) struct src_verify v;
    if (src_verify_open(p, &v) != HC_OK) {
        src_verify_wrap(p, &v);
        return because(p, b, v.unsupported ? &chart_unverifiable : &chart_unsigned);
    }
    if (chart_fetch(p, spec, index, chart, range, known, src_verify_check(&v), &b->art, &why) != HC_OK)
        return because(p, b, why);
    src_verify_done(p, &v, "version", b->art.revision);
    b->vouched = v.wanted && hc_cond_is(p->status, "SourceVerified", HC_TRUE);
    b->by = v.by;
    b->name = chart;
    rc = set_version(p, b, b->art.revision, (hc_str){ NULL, 0 });
    if (rc != HC_OK)
        return rc;
    b->packaged = chart_has_values_files(p);
    if (b->art.unchanged) {
        b->cached = true;
        return HC_OK;
    }
    return b->packaged ? repack(p, b) : HC_OK;
}
