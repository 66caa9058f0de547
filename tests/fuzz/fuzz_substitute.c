/*
 * Variables in the texts of an object (spec.postBuild): the text of a field, strict every second time.
 */
#include "templating/kustomize/kustomize.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hc_arena *a = fuzz_arena();
    struct hc_err err = HC_ERR_INIT;
    struct hc_val *list = hc_list_new(a), *object = hc_map_new(a), *vars = hc_map_new(a), *out = NULL;
    hc_map_put_strz(a, object, "apiVersion", "v1");
    hc_map_put_strz(a, object, "kind", "ConfigMap");
    hc_map_put_strz(a, hc_map_sub(a, object, "metadata"), "name", "c");
    hc_map_put(a, hc_map_sub(a, object, "data"), HC_S("k"), hc_str_val_ref(a, fuzz_text(data, size)));
    hc_list_add(a, list, object);
    hc_map_put_strz(a, vars, "v", "aaab/aaab\xc3\xa4");
    hc_map_put_strz(a, vars, "n", "3");
    hc_map_put_strz(a, vars, "e", "");
    hc_map_put_strz(a, vars, "m", "a: ${v}");
    enum hc_rc rc = hc_kustomize_substitute(a, list, vars, size % 2, &out, &err);
    if (rc == HC_E_BUG || (rc != HC_OK && !err.msg[0]) || (rc == HC_OK && hc_list_len(out) != 1))
        abort();
    return 0;
}
