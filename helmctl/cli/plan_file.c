/*
 * The file of a plan: JSON. The record is Helm's own payload, objects are the live ones without what the server keeps
 * for itself, so that what has changed since can be told field by field.
 */
#include <fcntl.h>

#include "core/base/fs.h"
#include "core/base/limits.h"
#include "core/value/json.h"
#include "helmctl/cli/plan.h"

#define FORMAT "helmctl.dev/plan.v1"

static void put_crds(struct hc_arena *a, struct hc_val *to, const struct hc_preview *p)
{
    struct hc_val *list = hc_list_new(a);
    for (size_t i = 0; i < p->crds_n; i++) {
        struct hc_val *file = hc_map_new(a);
        hc_map_put_str(a, file, "name", p->crds[i].name);
        hc_map_put_str(a, file, "text", p->crds[i].text);
        hc_list_add(a, list, file);
    }
    hc_map_put(a, to, HC_S("crds"), list);
}

static void put_flags(struct hc_arena *a, struct hc_val *to, const struct hc_action_flags *f)
{
    struct hc_val *flags = hc_map_sub(a, to, "flags");
    hc_map_put_int(a, flags, "timeoutMs", f->timeout_ms);
    hc_map_put_int(a, flags, "historyMax", f->history_max);
    hc_map_put_strz(a, flags, "wait", f->wait);
    hc_map_put_strz(a, flags, "serverSide", f->server_side);
    hc_map_put_bool(a, flags, "waitForJobs", f->wait_for_jobs);
    hc_map_put_bool(a, flags, "noHooks", f->no_hooks);
    hc_map_put_bool(a, flags, "forceReplace", f->force_replace);
    hc_map_put_bool(a, flags, "forceConflicts", f->force_conflicts);
    hc_map_put_bool(a, flags, "takeOwnership", f->take_ownership);
    hc_map_put_bool(a, flags, "rollbackOnFailure", f->on_failure);
    hc_map_put_bool(a, flags, "skipCrds", f->skip_crds);
    hc_map_put_bool(a, flags, "noValidation", f->no_validation);
    hc_map_put_bool(a, flags, "createNamespace", f->create_namespace);
}

enum hc_rc hc_plan_save(struct hc_arena *a, const struct hc_cli_release *r, const struct hc_preview *p,
                        const struct hc_action_flags *f, const char *path, struct hc_err *err)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    struct hc_val *out = hc_map_new(a), *list = hc_list_new(a);
    hc_str payload;
    struct hc_record record = *p->record;
    enum hc_rc rc = hc_record_encode(a, &record, NULL, &payload, err);
    if (rc != HC_OK)
        return rc;
    hc_map_put_strz(a, out, "format", FORMAT);
    hc_map_put_str(a, out, "name", r->name);
    hc_map_put_str(a, out, "namespace", r->ns);
    hc_map_put_int(a, out, "from", p->from);
    hc_map_put_int(a, out, "revision", p->revision);
    hc_map_put_str(a, out, "head", p->head_version);
    hc_map_put_str(a, out, "record", payload);
    if (p->record->labels)
        hc_map_put(a, out, HC_S("labels"), hc_val_copy(a, p->record->labels));
    put_flags(a, out, f);
    put_crds(a, out, p);
    for (size_t i = 0; i < p->objects_n; i++) {
        struct hc_val *o = hc_map_new(a);
        hc_map_put_str(a, o, "apiVersion", p->objects[i].ref.api_version);
        hc_map_put_str(a, o, "kind", p->objects[i].ref.kind);
        hc_map_put_str(a, o, "namespace", p->objects[i].ref.ns);
        hc_map_put_str(a, o, "name", p->objects[i].ref.name);
        if (p->objects[i].live)
            hc_map_put(a, o, HC_S("live"), hc_val_copy(a, p->objects[i].live));
        hc_list_add(a, list, o);
    }
    hc_map_put(a, out, HC_S("objects"), list);
    hc_buf_init(&b, 0);
    hc_json_write(&b, out, 0);
    hc_buf_putc(&b, '\n');
    rc = hc_buf_check(&b, err, "plan");
    return rc == HC_OK ? hc_write_file(path, hc_buf_str(&b), 0600, err) : rc;
}

enum hc_rc hc_plan_load(struct hc_arena *a, const char *path, struct hc_plan_file *out, struct hc_err *err)
{
    hc_str text;
    struct hc_val *v = NULL;
    enum hc_rc rc = hc_read_file(a, AT_FDCWD, path, HC_MAX_BUF, &text, err);
    if (rc == HC_OK)
        rc = hc_json_parse(a, text, HC_JSON_NO_POSITIONS, &v, err);
    if (rc != HC_OK && rc != HC_E_INPUT)
        return hc_wrap(err, "plan %s", path);
    if (!hc_is_map(v) || !hc_str_eqz(hc_get_str_at(v, "format"), FORMAT))
        return hc_fail(
            err, HC_E_INPUT,
            "%s is no plan, or a cut one: make it with helmctl plan RELEASE CHART -o %s (objects are applied "
            "with kubectl apply -f)",
            path, path);
    *out = (struct hc_plan_file){ .name = hc_get_str_at(v, "name"),
                                  .ns = hc_get_str_at(v, "namespace"),
                                  .head_version = hc_get_str_at(v, "head"),
                                  .from = hc_get_int_at(v, "from", 0),
                                  .revision = hc_get_int_at(v, "revision", 0),
                                  .objects = hc_map_getz(v, "objects"),
                                  .flags = hc_map_getz(v, "flags") };
    rc = hc_record_decode(a, hc_get_str_at(v, "record"), &out->record, err);
    if (rc != HC_OK)
        return hc_wrap(err, "plan %s: its record", path);
    out->record.labels = hc_map_getz(v, "labels");
    const struct hc_val *crds = hc_map_getz(v, "crds");
    out->crds = HC_NEW_N(a, struct hc_crd_file, hc_list_len(crds) + 1);
    for (size_t i = 0; out->crds && i < hc_list_len(crds); i++)
        out->crds[out->crds_n++] = (struct hc_crd_file){ hc_get_str_at(hc_list_at(crds, i), "name"),
                                                         hc_get_str_at(hc_list_at(crds, i), "text") };
    return hc_arena_check(a, err, "plan");
}
