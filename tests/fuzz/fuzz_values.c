/*
 * The values of a HelmRelease: the object in YAML, NUL, what the ConfigMaps, Secrets and files it names hold.
 */
#include "core/value/yaml.h"
#include "helmctl/controller/values.h"
#include "tests/fuzz/fuzz.h"

static enum hc_rc object(void *ctx, struct hc_arena *a, hc_str kind, hc_str ns, hc_str name, struct hc_val **out,
                         struct hc_err *err)
{
    (void)ns;
    if (hc_str_eqz(name, "gone"))
        return hc_fail(err, HC_E_NOTFOUND, "not there");
    struct hc_val *o = hc_map_new(a), *data = hc_map_sub(a, o, "data");
    hc_map_put(a, data, HC_S("values.yaml"), hc_str_val_ref(a, *(hc_str *)ctx));
    hc_map_put_strz(a, data, "k", hc_str_eqz(kind, "Secret") ? "YTogMQ==" : "a: 1");
    *out = o;
    return HC_OK;
}

static enum hc_rc file(void *ctx, struct hc_arena *a, hc_str kind, hc_str ns, hc_str name, hc_str path,
                       hc_str *out_text, hc_str *out_revision, struct hc_err *err)
{
    (void)a, (void)kind, (void)ns, (void)path;
    if (hc_str_eqz(name, "gone"))
        return hc_fail(err, HC_E_NOTFOUND, "not there");
    *out_text = *(hc_str *)ctx;
    *out_revision = HC_S("main@sha1:1");
    return HC_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hc_arena *a = fuzz_arena();
    struct hc_err err = HC_ERR_INIT;
    struct hc_val *release = NULL, *out = NULL;
    hc_str rest = fuzz_text(data, size), first = fuzz_part(&rest), text = rest.p ? rest : HC_S("a: {b: [1]}\n");
    if (hc_yaml_parse(a, first, HC_S("f"), HC_YAML_PLAIN, &release, &err) != HC_OK || !hc_is_map(release))
        return 0;
    const struct hc_values_from_port port = { &text, object, file };
    err = (struct hc_err)HC_ERR_INIT;
    enum hc_rc rc = hc_release_values(a, release, &port, NULL, &out, &err);
    if (rc == HC_E_BUG || (rc != HC_OK && !err.msg[0]) || (rc == HC_OK && !hc_is_map(out)))
        abort();
    return 0;
}
