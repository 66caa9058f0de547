/*
 * Templates of JSONPath, over a document of every kind of value.
 */
#include "core/value/json.h"
#include "helmctl/cli/jsonpath.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char document[] = "{\"a\":{\"b\":[1,2.5,-3,\"x\",null,true],\"c d\":\"e\"},\"l\":[{\"n\":\"one\","
                                   "\"v\":1,\"t\":{\"k\":\"v\"}},{\"n\":\"two\",\"v\":2},[],{}],\"e\":\"\"}";
    static struct hc_buf b = { .ceiling = 1 << 16 };
    struct hc_arena *a = fuzz_arena();
    struct hc_err err = HC_ERR_INIT;
    struct hc_jsonpath *p = NULL;
    struct hc_val *doc = NULL;
    enum hc_rc rc = hc_jsonpath_parse(a, fuzz_text(data, size), &p, &err);
    if (rc != HC_OK) {
        if (!err.msg[0] || rc == HC_E_BUG)
            abort();
        return 0;
    }
    if (hc_json_parse(a, hc_str_of(document), HC_JSON_ALL_FLOAT, &doc, &err) != HC_OK)
        return 0;
    hc_buf_reset(&b);
    rc = hc_jsonpath_print(a, p, doc, &b, &err);
    if (rc == HC_E_BUG || (rc != HC_OK && (!err.msg[0] || (b.n && !b.spent))))
        abort();
    return 0;
}
