/*
 * A render, step by step in Helm's order, so that the same input fails at the same step: values (dependencies,
 * coalescing, schema), kubeVersion, templates, documents.
 */
#include "templating/render/render.h"

#include <pthread.h>

#include "core/base/semver.h"
#include "lua/bridge/gotype.h"
#include "templating/render/render_impl.h"

static struct hc_val *release_val(struct hc_arena *a, const struct hc_render_input *in)
{
    struct hc_val *m = hc_map_new(a), *revision = hc_int_val(a, in->lint ? 0 : HC_MAX(in->revision, 1));
    if (revision)
        revision->type = HC_GO_INT;
    hc_map_put_ref(a, m, HC_S("Name"), hc_str_val(a, in->release_name));
    hc_map_put_ref(a, m, HC_S("Namespace"), hc_str_val(a, in->release_namespace));
    hc_map_put_ref(a, m, HC_S("IsUpgrade"), hc_bool_val(a, in->is_upgrade));
    hc_map_put_ref(a, m, HC_S("IsInstall"), hc_bool_val(a, !in->is_upgrade && !in->lint));
    hc_map_put_ref(a, m, HC_S("Revision"), revision);
    hc_map_put_strz(a, m, "Service", "Helm");
    return m;
}

/* D5.8: compared with the normalized version, told with the full one. */
static enum hc_rc check_kube_version(struct hc_arena *a, hc_str range, const struct hc_kube_version *v, bool helm3,
                                     struct hc_err *err)
{
    struct hc_semrange *r = NULL;
    struct hc_semver sv;
    if (!range.n)
        return HC_OK;
    enum hc_rc rc = hc_semrange_parse(a, range, &r, NULL);
    if (rc == HC_E_NOMEM)
        return hc_fail_nomem(err);
    if (rc == HC_OK && hc_semver_parse(v->normalized, &sv, NULL) == HC_OK && hc_semrange_fits(r, &sv))
        return HC_OK;
    return hc_fail(err, HC_E_INPUT, "chart requires kubeVersion: %.*s which is incompatible with Kubernetes %.*s",
                   HC_P(range), HC_P(helm3 ? v->normalized : v->version));
}

static size_t count_crds(const struct hc_overlay_chart *c)
{
    size_t n = c->chart->crds_n;
    for (size_t i = 0; i < c->subs_n; i++)
        n += count_crds(c->subs[i]);
    return n;
}

static void put_crds(struct hc_arena *a, const struct hc_overlay_chart *c, struct hc_documents *d)
{
    for (size_t i = 0; i < c->chart->crds_n; i++) {
        hc_str parts[] = { c->path, HC_S("/"), c->chart->crds[i].name };
        d->crds[d->crds_n++] = (struct hc_document){ .path = hc_arena_cat(a, HC_LEN(parts), parts),
                                                     .text = c->chart->crds[i].body };
    }
    for (size_t i = 0; i < c->subs_n; i++)
        put_crds(a, c->subs[i], d);
}

/* Takes the notes out of the rendered files (E1.1); *n is then how many files are left. */
static enum hc_rc take_notes(struct hc_arena *a, const struct hc_render_input *in, struct hc_rendered *files,
                             size_t *n, struct hc_documents *out, struct hc_err *err)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    size_t kept = 0, most = 0, parts_n = 0;
    for (size_t i = 0; i < *n; i++)
        most += hc_str_ends(files[i].path, HC_S("NOTES.txt"));
    struct hc_notes_part *list = most ? HC_NEW_N(a, struct hc_notes_part, most) : NULL;
    if (most && !list)
        return hc_arena_check(a, err, "notes");
    hc_str parts[] = { in->chart->name, HC_S("/templates/NOTES.txt") };
    hc_str own = hc_arena_cat(a, HC_LEN(parts), parts);
    for (size_t i = 0; i < *n; i++) {
        if (!hc_str_ends(files[i].path, HC_S("NOTES.txt"))) {
            files[kept++] = files[i];
            continue;
        }
        if (!in->sub_notes && !hc_str_eq(files[i].path, own))
            continue;
        if (b.n)
            hc_buf_putc(&b, '\n');
        list[parts_n++] = (struct hc_notes_part){ files[i].path, b.n, files[i].text.n };
        hc_buf_put(&b, files[i].text);
    }
    if (parts_n)
        out->notes = hc_buf_to_arena(&b, a);
    out->notes_parts = list;
    out->notes_parts_n = parts_n;
    *n = kept;
    return hc_buf_check(&b, err, "notes");
}

static void whole_files(struct hc_arena *a, const struct hc_rendered *files, size_t n, struct hc_documents *d)
{
    d->manifests = HC_NEW_N(a, struct hc_document, n + 1);
    d->manifests_n = 0;
    for (size_t i = 0; d->manifests && i < n; i++)
        if (hc_str_trim(files[i].text).n)
            d->manifests[d->manifests_n++] = (struct hc_document){ .path = files[i].path, .text = files[i].text };
}

static enum hc_rc run_templates(struct hc_arena *a, const struct hc_render_input *in, struct hc_program *p,
                                const struct hc_program_input *input, struct hc_render_output *told,
                                struct hc_rendered **out, size_t *out_n, struct hc_err *err)
{
    const struct hc_run run = {
        .contexts = input->contexts,
        .door = in->door,
        .trace = in->trace,
        .helm3 = in->helm3,
        .strict = in->strict,
        .keeps = in->chart->digest.n > 0,
        .lint = in->lint,
        .by_lua = in->by_lua,
        .lint_log = in->lint_log,
        .fault = in->fault,
        .out_error = &told->error,
    };
    hc_str *texts = HC_NEW_N(a, hc_str, input->n + 1);
    struct hc_rendered *files = HC_NEW_N(a, struct hc_rendered, input->n + 1);
    if (!texts || !files)
        return hc_arena_check(a, err, "render");
    enum hc_rc rc = hc_program_run(p, a, &run, texts, err);
    if (rc != HC_OK)
        return rc;
    size_t n = 0;
    for (size_t i = 0; i < input->n; i++)
        if (texts[i].p)
            files[n++] = (struct hc_rendered){ hc_arena_str(a, input->files[i].name), texts[i] };
    *out = files;
    *out_n = n;
    return HC_OK;
}

/* A budget that is spent names the chart. */
static enum hc_rc limit_of(const struct hc_render_input *in, enum hc_rc rc, struct hc_err *err)
{
    return rc == HC_E_LIMIT ? hc_wrap(err, "chart %.*s", HC_P(in->chart->name)) : rc;
}

static enum hc_rc put_warnings(struct hc_arena *a, const struct hc_overlay *o, const struct hc_val *more,
                               struct hc_render_output *out, struct hc_err *err)
{
    size_t n = o->warnings_n + hc_list_len(more);
    hc_str *all = HC_NEW_N(a, hc_str, n + 1);
    if (!all)
        return hc_arena_check(a, err, "rendered documents");
    for (size_t i = 0; i < o->warnings_n; i++)
        all[i] = o->warnings[i];
    for (size_t i = 0; i < hc_list_len(more); i++)
        all[o->warnings_n + i] = hc_get_str(hc_list_at(more, i));
    out->warnings = all;
    out->warnings_n = n;
    return HC_OK;
}

static enum hc_rc compile(struct hc_arena *a, const struct hc_render_input *in, const struct hc_overlay_chart *root,
                          const struct hc_program_input *input, struct hc_render_output *out,
                          struct hc_program **program, struct hc_err *err)
{
    HC_AUTO(hc_buf) struct hc_buf whole;
    hc_buf_init(&whole, 0);
    enum hc_rc rc = hc_program_cached(root, input, in->helm3, program, &whole, err);
    if (rc == HC_E_INPUT && whole.n >= HC_ERR_MSG)
        out->error = hc_buf_to_arena(&whole, a);
    return rc;
}

static void keep_from_now_on(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, hc_render_keep);
}

static enum hc_rc render(struct hc_arena *a, const struct hc_render_input *in, struct hc_render_output *out,
                         struct hc_err *err)
{
    *out = (struct hc_render_output){ .stage = HC_RENDER_VALUES };
    struct hc_kube_version kube;
    hc_str wanted = in->capabilities ? in->capabilities->kube_version : (hc_str){ NULL, 0 };
    enum hc_rc rc = hc_kube_version_parse(a, wanted, &kube, err);
    if (rc != HC_OK)
        return hc_wrap(err, "invalid kube version '%.*s'", HC_P(wanted));
    struct hc_overlay overlay = { 0 };
    struct hc_schema_port schemas = hc_render_schema_port(in->schemas);
    schemas.keep = in->chart->digest.n > 0; /* who wants no digest renders once */
    if (schemas.keep)
        keep_from_now_on();
    const struct hc_overlay_opts opts = {
        .helm3 = in->helm3,
        .skip_schema = in->skip_schema,
        .schemas = &schemas,
        .origins = in->origins,
        .twice = in->lint,
        .report = &out->error,
        .defaults = in->record ? &out->defaults : NULL,
    };
    rc = hc_overlay_process(a, in->chart, in->values, &opts, &overlay, err);
    if (rc == HC_E_LIMIT)
        hc_wrap(err, "chart %.*s (its Chart.yaml, values.yaml and values.schema.json)", HC_P(in->chart->name));
    if (rc == HC_OK)
        rc = put_warnings(a, &overlay, NULL, out, err);
    if (rc != HC_OK)
        return rc;
    out->values = overlay.root->values;
    out->charts = overlay.root;
    if (in->trace)
        hc_trace_values(in->trace, a, overlay.root->values);

    out->stage = HC_RENDER_TEMPLATES;
    rc = in->lint ? HC_OK : check_kube_version(a, in->chart->kube_version, &kube, in->helm3, err);
    if (rc != HC_OK)
        return rc;
    struct hc_program_input input = { 0 };
    rc = hc_program_input_collect(a, overlay.root, release_val(a, in),
                                  hc_capabilities_val(a, in->capabilities, &kube, in->helm3), in->helm3, &input,
                                  err);
    if (rc != HC_OK)
        return limit_of(in, rc, err);
    struct hc_program *program = NULL;
    rc = compile(a, in, overlay.root, &input, out, &program, err);
    if (rc != HC_OK)
        return rc;
    struct hc_rendered *files = NULL;
    size_t n = 0;
    rc = run_templates(a, in, program, &input, out, &files, &n, err);
    hc_program_unref(program);
    if (rc != HC_OK)
        return rc;

    rc = take_notes(a, in, files, &n, &out->docs, err);
    if (rc == HC_OK && in->post && !in->files_only)
        rc = hc_post_render(a, in->post, &files, &n, err);
    if (rc != HC_OK)
        return rc;
    out->stage = HC_RENDER_DOCUMENTS;
    if (in->files_only) {
        whole_files(a, files, n, &out->docs);
        return hc_arena_check(a, err, "render");
    }
    struct hc_val *told = hc_list_new(a);
    rc = hc_documents_sort(a, files, n, in->helm3, &out->docs, told, err);
    if (rc != HC_OK) {
        whole_files(a, files, n, &out->docs);
        return limit_of(in, rc, err);
    }
    if (!in->skip_crds) {
        out->docs.crds = HC_NEW_N(a, struct hc_document, count_crds(overlay.root) + 1);
        if (out->docs.crds)
            put_crds(a, overlay.root, &out->docs);
    }
    rc = put_warnings(a, &overlay, told, out, err);
    if (rc == HC_OK)
        rc = hc_arena_check(a, err, "rendered documents");
    if (rc == HC_OK)
        out->stage = HC_RENDER_DONE;
    return limit_of(in, rc, err);
}

enum hc_rc hc_render(struct hc_arena *a, const struct hc_render_input *in, struct hc_render_output *out,
                     struct hc_err *err)
{
    /* What values and templates may make grows with what they are. */
    size_t input = hc_arena_used(a) + hc_arena_used(in->chart->arena);
    size_t most = hc_arena_used(a) + hc_render_room(input, in->trace);
    size_t ceiling = hc_arena_limit(a, HC_MIN(hc_arena_ceiling(a), most));
    enum hc_rc rc = render(a, in, out, err);
    (void)hc_arena_limit(a, ceiling);
    return rc;
}
