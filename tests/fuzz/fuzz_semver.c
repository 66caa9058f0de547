/*
 * A version, NUL, a range of versions.
 */
#include "core/base/semver.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hc_arena *a = fuzz_arena();
    hc_str rest = fuzz_text(data, size), first = fuzz_part(&rest);
    struct hc_semver v, w;
    struct hc_semrange *r = NULL;
    struct hc_err err = HC_ERR_INIT;
    bool good = hc_semver_parse(first, &v, &err) == HC_OK;
    /* What is read is written, and the writing reads as the same version. */
    if (good && (hc_semver_parse(hc_semver_str(a, &v), &w, &err) != HC_OK || hc_semver_cmp(&v, &w) != 0))
        abort();
    if (hc_semrange_parse(a, rest.p ? rest : first, &r, &err) != HC_OK)
        return 0;
    (void)hc_semrange_names_pre(r);
    if (good)
        (void)hc_semrange_fits(r, &v);
    return 0;
}
