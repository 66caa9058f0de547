/*
 * Patches: a document, a patch and a third document in JSON, divided by NUL. Taken for a JSON patch, a merge patch and a
 * strategic merge patch; no patch changes the document it is laid over.
 */
#include "core/value/json.h"
#include "core/value/merge.h"
#include "tests/fuzz/fuzz.h"

static bool has_null(const struct hc_val *v)
{
    if (hc_is_null(v))
        return true;
    for (size_t i = 0; i < hc_map_len(v); i++)
        if (has_null(hc_map_at(v, i)->val))
            return true;
    return false; /* those within lists are kept */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hc_arena *a = fuzz_arena();
    struct hc_err err = HC_ERR_INIT;
    struct hc_val *docs[3] = { NULL, NULL, NULL }, *out = NULL, *kept = NULL;
    struct hc_diff *diffs;
    hc_str rest = fuzz_text(data, size);
    for (size_t i = 0; i < HC_LEN(docs) && rest.p; i++) {
        hc_str part = fuzz_part(&rest);
        if (hc_json_parse(a, part, HC_JSON_NO_POSITIONS, &docs[i], &err) != HC_OK)
            return 0;
        if (i == 0 && hc_json_parse(a, part, HC_JSON_NO_POSITIONS, &kept, &err) != HC_OK)
            return 0;
    }
    struct hc_val *doc = docs[0], *patch = docs[1], *live = docs[2] ? docs[2] : doc;
    if (!patch)
        return 0;
    err = (struct hc_err)HC_ERR_INIT;
    enum hc_rc rc = hc_json_patch(a, doc, patch, &out, &err);
    if (rc == HC_E_BUG || (rc != HC_OK && !err.msg[0]))
        abort();
    if (hc_is_map(doc) && hc_is_map(patch)) {
        (void)hc_merge_patch(a, doc, patch);
        struct hc_val *made = hc_merge_patch(a, doc, hc_merge_patch_diff(a, doc, patch));
        if (!hc_arena_spent(a) && !has_null(patch) && !hc_val_equal(made, patch))
            abort();
        (void)hc_val_overlay(a, doc, patch);
        err = (struct hc_err)HC_ERR_INIT;
        rc = hc_strategic_merge(a, doc, patch, NULL, &out, &err);
        if (rc == HC_E_BUG || (rc != HC_OK && !err.msg[0]))
            abort();
        err = (struct hc_err)HC_ERR_INIT;
        rc = hc_is_map(live) ? hc_strategic_diff(a, doc, patch, live, NULL, &out, &err) : HC_OK;
        if (rc == HC_E_BUG || (rc != HC_OK && !err.msg[0]))
            abort();
    }
    (void)hc_val_diff(a, doc, patch, &diffs);
    if (!hc_arena_spent(a) && !hc_val_equal(doc, kept))
        abort();
    return 0;
}
