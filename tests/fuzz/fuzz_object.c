/*
 * A live object as an API server or anybody's controller may write it, in JSON: is it done, and what is the matter.
 */
#include "core/value/json.h"
#include "deploy/ready/ready.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hc_arena *a = fuzz_arena();
    struct hc_err err = HC_ERR_INIT;
    struct hc_val *object = NULL, *related = hc_list_new(a);
    if (hc_json_parse(a, fuzz_text(data, size), HC_JSON_NO_POSITIONS, &object, &err) != HC_OK || !hc_is_map(object))
        return 0;
    hc_list_add(a, related, object);
    const unsigned flags = (unsigned)size % 4;
    struct hc_readiness now = hc_ready_of(a, object, flags, 1764547200000);
    struct hc_readiness legacy = hc_ready_legacy(a, object, related, flags);
    struct hc_cause cause = hc_ready_cause(a, object, &now, related, related);
    (void)hc_ready_pod_selector(a, object);
    (void)hc_ready_related(object);
    if (!hc_ready_name(now.status) || !hc_ready_name(legacy.status))
        abort();
    if (!hc_arena_spent(a) && now.status == HC_READY_FAILED && !cause.sentence.n)
        abort();
    return 0;
}
