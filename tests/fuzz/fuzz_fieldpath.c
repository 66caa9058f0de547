/*
 * Paths to a field of a document, as `why` and others take them: what is found is found again by the path it is given
 * back with.
 */
#include "core/value/fieldpath.h"
#include "tests/fuzz/fuzz.h"

/* Keys with points, slashes, brackets, quotes and numbers for names; items with and without names. */
static struct hc_val *document(struct hc_arena *a)
{
    struct hc_val *doc = hc_map_new(a), *meta = hc_map_sub(a, doc, "metadata"), *list = hc_list_new(a);
    struct hc_val *marks = hc_map_sub(a, meta, "annotations"), *deep = hc_map_sub(a, doc, "a");
    static const char *const keys[] = { "b",    "b.c",  "b.c/d", "0",   "-1", "",
                                        "a[0]", "it's", "\"q\"", "a=b", "\\", "~1" };
    for (size_t i = 0; i < HC_LEN(keys); i++)
        hc_map_put(a, marks, hc_str_of(keys[i]), hc_int_val(a, (int64_t)i));
    for (int i = 0; i < 3; i++) {
        struct hc_val *item = hc_map_new(a);
        hc_map_put_strz(a, item, "name", i == 0 ? "app" : i == 1 ? "b.c" : "x]y");
        hc_map_put_int(a, item, "port", 80 + i);
        hc_list_add(a, list, item);
    }
    hc_list_add(a, list, hc_strz_val(a, "text"));
    hc_map_put(a, doc, HC_S("items"), list);
    hc_map_put_bool(a, hc_map_sub(a, hc_map_sub(a, deep, "b"), "c"), "d", true);
    hc_map_put_bool(a, hc_map_sub(a, deep, "b.c"), "d", false); /* written alike */
    hc_map_put_int(a, doc, "$ref", 1);
    return doc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct hc_arena *kept;
    static struct hc_val *doc;
    struct hc_arena *a = fuzz_arena();
    struct hc_field f, again;
    struct hc_field_way way;
    struct hc_err err = HC_ERR_INIT;
    hc_str path = fuzz_text(data, size);
    if (!doc && (!(kept = hc_arena_new(0)) || !(doc = document(kept))))
        abort();
    if (hc_arena_spent(kept)) /* also keeps the compiler from forgetting where it is */
        abort();
    enum hc_rc rc = hc_field_find(a, doc, path, &f, &way, &err);
    if (rc != HC_OK) {
        if (!err.msg[0] || rc == HC_E_BUG)
            abort();
        return 0;
    }
    const struct hc_val *at = doc;
    for (size_t i = 0; i < way.n; i++) {
        if (way.steps[i].in != at)
            abort();
        at = hc_is_map(at) ? hc_map_at(at, way.steps[i].index)->val : hc_list_at(at, way.steps[i].index);
    }
    if (at != f.val)
        abort();
    if (f.path.n && (hc_field_find(a, doc, f.path, &again, NULL, &err) != HC_OK || again.val != f.val))
        abort();
    (void)hc_name_near(path, HC_S("annotations"));
    return 0;
}
