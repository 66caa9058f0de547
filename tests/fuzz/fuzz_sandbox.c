/*
 * What a client may send to the sandbox that is not JSON: protobuf bodies, and label and field selectors. Whatever is
 * read out of a protobuf body can be written as JSON and checked against its type.
 */
#include <stdlib.h>

#include "core/value/json.h"
#include "helmctl/sandbox/sandbox_impl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(64 << 20);
    hc_str text = hc_str_n((const char *)data, size);
    struct hc_sb_selector *sel;
    struct hc_err err;
    struct hc_val *v = NULL, *empty = hc_map_new(a);
    if (hc_sb_labels_parse(a, text, &sel, &err))
        (void)hc_sb_labels_match(sel, empty);
    if (hc_sb_fields_parse(a, text, &sel, &err))
        (void)hc_sb_fields_match(sel, empty);
    if (!hc_sb_protobuf_parse(a, text, &v))
        return 0;
    struct hc_sb_kind k = { .group = HC_S(""),
                            .version = HC_S("v1"),
                            .api_version = hc_get_str_at(v, "apiVersion"),
                            .kind = hc_get_str_at(v, "kind") };
    (void)!hc_sb_builtin_check(a, &k, v, false, hc_list_new(a));
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 64 << 20);
    hc_json_write(&b, v, 0);
    struct hc_val *again;
    if (!b.spent && hc_utf8_valid(hc_buf_str(&b)) && hc_json_parse(a, hc_buf_str(&b), 0, &again, &err) != HC_OK)
        abort();
    return 0;
}
