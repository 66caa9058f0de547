/*
 * The chart and its values are loaded as `template` loads them, with origins and layers kept, and rendered with a trace.
 */
#include "helmctl/cli/traced.h"

#include <stdio.h>

#include "core/value/json.h"
#include "core/value/yaml.h"
#include "helmctl/cli/cli.h"
#include "helmctl/cli/faults.h"
#include "helmctl/cli/schemas.h"

int hc_traced_render(struct hc_arena *a, struct hc_traced_flags *o, const struct hc_globals *globals, hc_str name,
                     struct hc_traced *t)
{
    struct hc_err err = HC_ERR_INIT;
    struct hc_val *values = NULL;
    if (!hc_cli_helm_version(o->helm_version, &o->helm3))
        return 1;
    if (o->kube_version && hc_kube_version_check(hc_str_of(o->kube_version), &err) != HC_OK)
        return hc_cli_fail(&err);
    o->source.helm3 = o->values.helm3 = o->helm3;
    o->source.globals = globals;
    t->origins = hc_origins_new(a);
    t->trace = hc_trace_new(t->origins);
    hc_str *apis = HC_NEW_N(a, hc_str, o->api_versions.n + 1);
    if (!t->trace || !t->origins || !apis)
        return hc_cli_error("out of memory");
    if (hc_cli_values(a, &o->values, t->origins, &t->layers, &values, &err) != HC_OK ||
        hc_cli_load_installable(&o->source, &t->chart, &err) != HC_OK)
        return hc_cli_fault_loading(a, &o->source, &err);
    for (size_t i = 0; i < o->api_versions.n; i++)
        apis[i] = hc_str_of(o->api_versions.items[i]);
    const struct hc_capabilities capabilities = {
        .kube_version = hc_str_of(o->kube_version),
        .extra_api_versions = apis,
        .extra_api_versions_n = o->api_versions.n,
    };
    struct hc_fault fault = { 0 };
    struct hc_cli_fault told = { .err = &err, .fault = &fault, .chart = t->chart, .values = &o->values };
    if (hc_cli_fault_format(NULL, &told.format, &err) != HC_OK)
        return hc_cli_fail(&err);
    const struct hc_render_input in = {
        .fault = told.format == HC_FAULT_HELM ? NULL : &fault,
        .chart = t->chart,
        .values = values,
        .origins = t->origins,
        .trace = t->trace,
        .release_name = name,
        .release_namespace = hc_cli_namespace(a, globals),
        .revision = 1,
        .is_upgrade = o->is_upgrade,
        .capabilities = &capabilities,
        .helm3 = o->helm3,
        .skip_schema = o->skip_schema,
        .sub_notes = o->sub_notes,
        .schemas = hc_cli_schemas(),
    };
    if (hc_render(a, &in, &t->out, &err) == HC_OK)
        return 0;
    int elsewhere = hc_cli_schemas_elsewhere(globals, &o->values);
    if (elsewhere >= 0)
        return elsewhere;
    told.text = t->out.error.n ? t->out.error : hc_str_of(err.msg);
    told.of_values = t->out.stage == HC_RENDER_VALUES;
    told.rendered = t->out.stage == HC_RENDER_DOCUMENTS ? &t->out.docs : NULL;
    return hc_cli_fault(a, &told);
}

void hc_traced_done(struct hc_traced *t)
{
    hc_trace_free(t->trace);
    hc_chart_unref(t->chart);
}

/* ---- texts ------------------------------------------------------------------------------------------- */

hc_str hc_traced_layer(struct hc_arena *a, const struct hc_origins *origins, const struct hc_val *v)
{
    const struct hc_origin *o = v ? hc_origins_get(origins, v->origin) : NULL;
    if (!o)
        return HC_S("the chart itself");
    if (o->layer == HC_LAYER_SET)
        return o->name;
    return hc_arena_printf(a, "%.*s:%u%s", HC_P(o->name), v->line,
                           o->layer != HC_LAYER_CHART                ? ""
                           : hc_str_starts(o->name, HC_S("charts/")) ? " (default of the sub-chart)"
                                                                     : " (default of the chart)");
}

bool hc_traced_is_secret(hc_str path)
{
    static const char *const words[] = { "password",  "passwd",     "passphrase",   "secret",
                                         "token",     "apikey",     "privatekey",   "accesskey",
                                         "secretkey", "credential", "clientsecret", "encryptionkey" };
    static const char *const names[] = { "name",        "ref",       "file",  "path", "enabled",
                                         "key",         "namespace", "mount", "type", "provider",
                                         "annotations", "labels",    "create" };
    char last[128];
    size_t n = 0, dot = path.n;
    while (dot > 0 && !(path.p[dot - 1] == '.' && !(dot > 1 && path.p[dot - 2] == '\\')))
        dot--;
    for (size_t i = dot; i < path.n && n < sizeof(last) - 1; i++) {
        char c = path.p[i];
        if (c >= 'A' && c <= 'Z')
            c = (char)(c | 0x20);
        if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))
            last[n++] = c;
    }
    hc_str s = { last, n };
    for (size_t i = 0; i < HC_LEN(words); i++) {
        size_t at = hc_str_find_str(s, hc_str_of(words[i]));
        if (at == SIZE_MAX || hc_str_starts(s, HC_S("existing")))
            continue;
        hc_str rest = hc_str_sub(s, at + strlen(words[i]), s.n);
        bool about = false; /* secretName, tokenPath: the name of one, not one */
        for (size_t k = 0; k < HC_LEN(names) && !about; k++)
            about = hc_str_starts(rest, hc_str_of(names[k])) && !hc_str_eqz(rest, "key");
        if (!about)
            return true;
    }
    return false;
}

hc_str hc_traced_scalar(struct hc_arena *a, const struct hc_val *v, bool secret)
{
    if (!v)
        return HC_S("(not set)");
    if (hc_is_map(v) && hc_map_len(v))
        return hc_arena_printf(a, "(a map of %zu)", hc_map_len(v));
    if (hc_is_list(v) && hc_list_len(v))
        return hc_arena_printf(a, "(a list of %zu)", hc_list_len(v));
    if (secret && (hc_is_str(v) ? v->n > 0 : v->kind != HC_BOOL && !hc_is_null(v)))
        return HC_S("***");
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    hc_json_write(&b, v, HC_JSON_GO_FLOAT);
    hc_str s = hc_buf_str(&b);
    if (s.n <= 60)
        return hc_arena_str(a, s);
    size_t n = 56; /* not inside of a code point */
    while (n > 0 && ((unsigned char)s.p[n] & 0xc0) == 0x80)
        n--;
    return hc_arena_printf(a, "%.*s...", HC_P(hc_str_sub(s, 0, n)));
}

int hc_traced_print(const struct hc_val *v, const char *output)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    if (strcmp(output, "json") == 0) {
        hc_json_write(&b, v, HC_JSON_INDENT2 | HC_JSON_GO_FLOAT);
        hc_buf_putc(&b, '\n');
    } else {
        hc_yaml_write(&b, v);
    }
    fwrite(b.p, 1, b.n, stdout);
    return b.spent ? hc_cli_error("the output is too large") : 0;
}
