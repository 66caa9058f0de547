/*
 * Values of a HelmRelease: order of layers, targetPath, optional, files of sources, and what errors say and do not say.
 * Rows with Flux's results: fluxcd/pkg chartutil values_test.go, re-expressed.
 */
#include "tests/unit/unit.h"

#include <stdlib.h>

#include "core/base/digest.h"
#include "core/value/json.h"
#include "core/value/yaml.h"
#include "helmctl/controller/values.h"

static struct hc_val *yaml(struct hc_arena *a, const char *text)
{
    struct hc_val *v = NULL;
    struct hc_err err = HC_ERR_INIT;
    if (hc_yaml_parse(a, hc_str_of(text), HC_S("test"), 0, &v, &err) != HC_OK)
        fail_msg("%s", err.msg);
    return v;
}

/* The cluster: "Kind/name" to its data; Secrets are given in the clear and encoded here. */
static enum hc_rc object(void *ctx, struct hc_arena *a, hc_str kind, hc_str ns, hc_str name, struct hc_val **out,
                         struct hc_err *err)
{
    assert_true(hc_str_eqz(ns, "apps"));
    const struct hc_val *data = hc_map_get(ctx, hc_arena_printf(a, "%.*s/%.*s", HC_P(kind), HC_P(name)));
    if (!data)
        return hc_fail(err, HC_E_NOTFOUND, "not there");
    struct hc_val *o = hc_map_new(a), *d = hc_map_new(a);
    for (size_t i = 0; i < hc_map_len(data); i++) {
        hc_str v = hc_get_str(hc_map_at(data, i)->val);
        hc_map_put(a, d, hc_map_at(data, i)->key, hc_str_val(a, hc_str_eqz(kind, "Secret") ? hc_base64(a, v) : v));
    }
    hc_map_put(a, o, HC_S("data"), d);
    *out = o;
    return HC_OK;
}

static enum hc_rc file(void *ctx, struct hc_arena *a, hc_str kind, hc_str ns, hc_str name, hc_str path,
                       hc_str *out_text, hc_str *out_revision, struct hc_err *err)
{
    const struct hc_val *v = hc_map_get(
        ctx, hc_arena_printf(a, "%.*s/%.*s/%.*s:%.*s", HC_P(kind), HC_P(ns), HC_P(name), HC_P(path)));
    if (!v)
        return hc_fail(err, HC_E_NOTFOUND, "no such file");
    *out_text = hc_get_str(v);
    *out_revision = HC_S("main@sha1:1");
    return HC_OK;
}

#define CLUSTER                                                                                                    \
    "{ConfigMap/base: {values.yaml: \"a: 1\\nmap: {x: 1, k: 1}\", first: \"a: 1\\nmap:\\n  x: 1\", other: 'a: "    \
    "9', "                                                                                                         \
    "flat: v}, Secret/top: {values.yaml: \"a: 2\\nmap: {k: 2}\", flat: 's,t', quoted: '\"12\"', bad: 's3cr3t: "    \
    "[', "                                                                                                         \
    "list: '{x,y}'}, 'GitRepository/flux-system/fleet:env/prod.yaml': \"a: 7\\ngit: true\"}"

static const struct {
    const char *name, *spec, *want; /* want: JSON, or the error behind '!' */
} rows[] = {
    { "nothing", "{}", "{}" },
    { "inline alone; numbers are floats that print as integers", "{values: {a: 1, b: {c: 1.5}}}",
      "{\"a\":1,\"b\":{\"c\":1.5}}" },
    { "later over earlier, maps merged", "{valuesFrom: [{kind: ConfigMap, name: base}, {kind: Secret, name: top}]}",
      "{\"a\":2,\"map\":{\"k\":2,\"x\":1}}" },
    { "inline over all", "{valuesFrom: [{kind: Secret, name: top}], values: {a: 3, map: {z: 3}}}",
      "{\"a\":3,\"map\":{\"k\":2,\"z\":3}}" },
    { "another key", "{valuesFrom: [{kind: ConfigMap, name: base, valuesKey: other}]}", "{\"a\":9}" },
    { "target path", "{valuesFrom: [{kind: ConfigMap, name: base, valuesKey: flat, targetPath: x.k}]}",
      "{\"x\":{\"k\":\"v\"}}" },
    { "target path in an inline map beats it",
      "{values: {x: {k: inline}}, valuesFrom: [{kind: ConfigMap, name: base, "
      "valuesKey: flat, targetPath: x.k}]}",
      "{\"x\":{\"k\":\"v\"}}" },
    { "a top-level inline scalar wins, as in Flux",
      "{values: {x: inline}, valuesFrom: [{kind: ConfigMap, name: base, "
      "valuesKey: flat, targetPath: x}]}",
      "{\"x\":\"inline\"}" },
    { "--set grammar in the value", "{valuesFrom: [{kind: Secret, name: top, valuesKey: list, targetPath: x}]}",
      "{\"x\":[\"x\",\"y\"]}" },
    { "quoted is text", "{valuesFrom: [{kind: Secret, name: top, valuesKey: quoted, targetPath: 'x\\.k'}]}",
      "{\"x.k\":\"12\"}" },
    { "literal is text", "{valuesFrom: [{kind: Secret, name: top, valuesKey: flat, targetPath: x, literal: true}]}",
      "{\"x\":\"s,t\"}" },
    { "optional object", "{valuesFrom: [{kind: ConfigMap, name: none, optional: true}]}", "{}" },
    { "optional key", "{valuesFrom: [{kind: ConfigMap, name: base, valuesKey: none, optional: true}]}", "{}" },
    { "missing object", "{valuesFrom: [{kind: ConfigMap, name: none}]}",
      "!could not resolve ConfigMap chart values reference 'apps/none' with key 'values.yaml': configmaps \"none\" "
      "not found" },
    { "missing key", "{valuesFrom: [{kind: Secret, name: top, valuesKey: none}]}",
      "!could not resolve Secret chart values reference 'apps/top' with key 'none': key not found" },
    { "a file in Git, in another namespace",
      "{valuesFrom: [{kind: ConfigMap, name: base}, {kind: GitRepository, name: fleet, namespace: flux-system, "
      "path: "
      "env/prod.yaml}]}",
      "{\"a\":7,\"git\":true,\"map\":{\"k\":1,\"x\":1}}" },
    { "no such file", "{valuesFrom: [{kind: GitRepository, name: fleet, namespace: flux-system, path: nope.yaml}]}",
      "!could not resolve GitRepository chart values reference 'flux-system/fleet' with path 'nope.yaml': no such "
      "file" },
    { "a kind that is none", "{valuesFrom: [{kind: Pod, name: x}]}",
      "!could not resolve Pod chart values reference 'apps/x' with key 'values.yaml': unsupported values reference "
      "kind" },
    { "text of a Secret stays out of messages", "{valuesFrom: [{kind: Secret, name: top, valuesKey: bad}]}",
      "!could not resolve Secret chart values reference 'apps/top' with key 'bad': not a YAML map" },
};

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
        HC_AUTO(hc_buf) struct hc_buf b;
        hc_buf_init(&b, 0);
        struct hc_val *release = yaml(a, "{metadata: {name: web, namespace: apps}}"), *out = NULL;
        hc_map_put(a, release, HC_S("spec"), yaml(a, rows[i].spec));
        struct hc_values_from_port port = { yaml(a, CLUSTER), object, file };
        struct hc_err err = HC_ERR_INIT;
        enum hc_rc rc = hc_release_values(a, release, &port, hc_origins_new(a), &out, &err);
        if (rc == HC_OK)
            hc_json_write(&b, out, HC_JSON_SORT | HC_JSON_GO_FLOAT);
        else
            hc_buf_printf(&b, "!%s", err.msg);
        hc_buf_putc(&b, 0);
        bool error = rows[i].want[0] == '!';
        if (error ? strncmp(b.p, rows[i].want, strlen(rows[i].want)) != 0 : strcmp(b.p, rows[i].want) != 0)
            fail_msg("%s: %s", rows[i].name, b.p);
        if (strstr(b.p, "s3cr3t"))
            fail_msg("%s: tells a secret", rows[i].name);
    }
}

static void test_origins(void **state)
{
    (void)state;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct hc_origins *origins = hc_origins_new(a);
    struct hc_val *release = yaml(
                      a, "{metadata: {name: web, namespace: apps}, spec: {values: {own: 1}, valuesFrom: [{kind: "
                         "ConfigMap, name: base}, {kind: GitRepository, name: fleet, namespace: flux-system, "
                         "path: env/prod.yaml}]}}"),
                  *out = NULL;
    struct hc_values_from_port port = { yaml(a, CLUSTER), object, file };
    struct hc_err err = HC_ERR_INIT;
    assert_int_equal(hc_release_values(a, release, &port, origins, &out, &err), HC_OK);
    static const struct {
        const char *path, *origin, *revision;
        int line;
    } want[] = { { "own", "HelmRelease apps/web spec.values", "", 0 },
                 { "map.x", "ConfigMap apps/base key values.yaml", "", 2 },
                 { "a", "GitRepository flux-system/fleet file env/prod.yaml", "main@sha1:1", 1 } };
    for (size_t i = 0; i < HC_LEN(want); i++) {
        const struct hc_val *v = hc_get(out, want[i].path);
        const struct hc_origin *o = hc_origins_get(origins, v->origin);
        assert_non_null(o);
        assert_true(hc_str_eqz(o->name, want[i].origin));
        assert_true(hc_str_eqz(o->revision, want[i].revision));
        if (want[i].line)
            assert_int_equal(v->line, want[i].line);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_rows), cmocka_unit_test(test_origins) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
