/*
 * helmctl get all --template: a Go template over a release. Fields have the names of Helm's structs (pkg/release/v1), so
 * {{.Release.Info.Status}} and {{.Release.Chart.Metadata.Version}} give what they give there. What Go prints of a whole struct
 * is left out, and so are the bytes of the chart's files.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "helmctl/cli/release.h"
#include "lua/funcs/time.h"
#include "templating/render/render.h"

static struct hc_val *when(struct hc_arena *a, hc_str text)
{
    struct hc_time t = { .sec = HC_TIME_ZERO_SEC };
    struct hc_err err = HC_ERR_INIT;
    if (text.n > 0 && hc_time_parse(a, HC_S("2006-01-02T15:04:05.999999999Z07:00"), text, NULL, &t, &err) != HC_OK)
        t = (struct hc_time){ .sec = HC_TIME_ZERO_SEC };
    return hc_time_val(a, &t);
}

/* A map of JSON under the names of its Go fields; `texts` are those that are there though JSON leaves them out. */
static struct hc_val *fields(struct hc_arena *a, const struct hc_val *json, const char *texts)
{
    struct hc_val *out = hc_map_new(a);
    hc_str rest = hc_str_of(texts), word;
    while (hc_str_split(&rest, ' ', &word))
        hc_map_put_str(a, out, hc_arena_strz(a, word), HC_S(""));
    for (size_t i = 0; i < hc_map_len(json); i++) {
        const struct hc_entry *e = hc_map_at(json, i);
        char *name = hc_arena_strz(a, e->key);
        if (!name)
            break;
        name[0] = (char)toupper((unsigned char)name[0]);
        hc_map_put_ref(a, out, hc_str_eqz(e->key, "apiVersion") ? HC_S("APIVersion") : hc_str_of(name), e->val);
    }
    return out;
}

static struct hc_val *hooks_of(struct hc_arena *a, const struct hc_record *r)
{
    struct hc_val *out = hc_list_new(a);
    for (size_t i = 0; i < r->hooks_n; i++) {
        const struct hc_record_hook *h = &r->hooks[i];
        struct hc_val *m = hc_map_new(a), *run = hc_map_sub(a, m, "LastRun");
        hc_map_put_str(a, m, "Name", h->name);
        hc_map_put_str(a, m, "Kind", h->kind);
        hc_map_put_str(a, m, "Path", h->path);
        hc_map_put_str(a, m, "Manifest", h->manifest);
        hc_map_put(a, m, HC_S("Events"), h->events ? h->events : hc_list_new(a));
        hc_map_put_int(a, m, "Weight", h->weight);
        hc_map_put(a, m, HC_S("DeletePolicies"), h->delete_policies ? h->delete_policies : hc_list_new(a));
        hc_map_put(a, m, HC_S("OutputLogPolicies"), h->log_policies ? h->log_policies : hc_list_new(a));
        hc_map_put(a, run, HC_S("StartedAt"), when(a, h->started_at));
        hc_map_put(a, run, HC_S("CompletedAt"), when(a, h->completed_at));
        hc_map_put_str(a, run, "Phase", h->phase.p ? h->phase : HC_S(""));
        hc_list_add(a, out, m);
    }
    return out;
}

static struct hc_val *release_of(struct hc_arena *a, const struct hc_record *r)
{
    struct hc_val *rel = hc_map_new(a), *info = hc_map_sub(a, rel, "Info"), *chart = hc_map_sub(a, rel, "Chart");
    const struct hc_val *values = hc_map_getz(r->chart, "values");
    hc_map_put_str(a, rel, "Name", r->name);
    hc_map_put_str(a, rel, "Namespace", r->ns);
    hc_map_put_int(a, rel, "Version", r->revision);
    hc_map_put_str(a, rel, "Manifest", r->manifest);
    hc_map_put_str(a, rel, "ApplyMethod", r->apply_method.p ? r->apply_method : HC_S(""));
    hc_map_put(a, rel, HC_S("Config"), r->config ? r->config : hc_map_new(a));
    hc_map_put(a, rel, HC_S("Labels"), r->labels ? r->labels : hc_map_new(a));
    hc_map_put(a, rel, HC_S("Hooks"), hooks_of(a, r));
    hc_map_put(a, info, HC_S("FirstDeployed"), when(a, r->first_deployed));
    hc_map_put(a, info, HC_S("LastDeployed"), when(a, r->last_deployed));
    hc_map_put(a, info, HC_S("Deleted"), when(a, r->deleted));
    hc_map_put_str(a, info, "Description", r->description.p ? r->description : HC_S(""));
    hc_map_put_strz(a, info, "Status", hc_status_name(r->status));
    hc_map_put_int(a, info, "RollbackRevision", r->rollback_revision);
    hc_map_put_str(a, info, "Notes", r->notes.p ? r->notes : HC_S(""));
    hc_map_put(a, chart, HC_S("Metadata"),
               fields(a, hc_map_getz(r->chart, "metadata"),
                      "Name Home Version Description Icon APIVersion Condition Tags AppVersion KubeVersion Type"));
    hc_map_put(a, chart, HC_S("Values"), values ? hc_val_copy(a, values) : hc_map_new(a));
    return rel;
}

enum hc_rc hc_cli_print_template(struct hc_arena *a, const struct hc_record *r, const char *text,
                                 struct hc_err *err)
{
    const struct hc_template_file file = { HC_S("_"), HC_S(""), hc_str_of(text), false };
    struct hc_program *p = NULL;
    struct hc_val *data = hc_map_new(a), *contexts[] = { data };
    hc_str texts[1] = { { NULL, 0 } };
    const struct hc_run run = { .contexts = contexts };
    hc_map_put(a, data, HC_S("Release"), release_of(a, r));
    enum hc_rc rc = hc_program_compile(&file, 1, false, &p, NULL, err);
    if (rc == HC_OK)
        rc = hc_program_run(p, a, &run, texts, err);
    hc_program_unref(p);
    if (rc == HC_OK)
        fwrite(texts[0].p, 1, texts[0].n, stdout);
    return rc;
}
