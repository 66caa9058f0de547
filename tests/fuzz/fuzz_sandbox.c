/*
 * What a client may send to the sandbox that is not JSON, and texts of its own inside of JSON: protobuf bodies, label and
 * field selectors, and by the first byte: q a quantity, f the fields of an entry of managedFields. Whatever is read out
 * of a protobuf body can be written as JSON and checked against its type.
 */
#include "core/value/json.h"
#include "helmctl/sandbox/fieldset.h"
#include "helmctl/sandbox/sandbox_impl.h"
#include "tests/fuzz/fuzz.h"

static void fields(struct hc_arena *a, hc_str text)
{
    struct hc_err err;
    struct hc_val *v = NULL;
    if (hc_json_parse(a, text, HC_JSON_NO_POSITIONS, &v, &err) != HC_OK || !hc_is_map(v))
        return;
    struct hc_sb_fs *set = hc_sb_fs_parse(a, v), *again = hc_sb_fs_parse(a, hc_sb_fs_write(a, set));
    if (hc_arena_spent(a))
        return;
    if (!hc_sb_fs_equal(set, again) || !hc_sb_fs_empty(hc_sb_fs_minus(a, set, again)) ||
        !hc_sb_fs_equal(hc_sb_fs_union(a, set, again), set) || !hc_sb_fs_equal(hc_sb_fs_both(a, set, again), set))
        abort();
}

static void quantity(struct hc_arena *a, hc_str text)
{
    struct hc_val *once = hc_sb_quantity(a, hc_str_val_ref(a, text));
    struct hc_val *twice = once ? hc_sb_quantity(a, once) : NULL;
    if (once && !hc_arena_spent(a) && (!twice || !hc_val_equal(once, twice)))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct hc_buf b = { .ceiling = (size_t)16 << 20 };
    struct hc_arena *a = fuzz_arena();
    hc_str text = fuzz_text(data, size);
    struct hc_sb_selector *sel;
    struct hc_err err;
    struct hc_val *v = NULL, *empty = hc_map_new(a), *again;
    if (size && data[0] == 'q')
        quantity(a, hc_str_sub(text, 1, text.n));
    if (size && data[0] == 'f')
        fields(a, hc_str_sub(text, 1, text.n));
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
    hc_buf_reset(&b);
    hc_json_write(&b, v, 0);
    if (!b.spent && hc_utf8_valid(hc_buf_str(&b)) && hc_json_parse(a, hc_buf_str(&b), 0, &again, &err) != HC_OK &&
        !hc_arena_spent(a))
        abort();
    return 0;
}
