/*
 * Header lines of a registry's answer: what WWW-Authenticate asks for, where Link leads, where Content-Range begins.
 */
#include "charts-fetch/source/oci_impl.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hc_arena *a = fuzz_arena();
    const struct hc_http_response r = { .headers = fuzz_text(data, size) };
    struct oci_challenge c = { 0 };
    if (oci_challenge_of(a, r.headers, &c) && !c.basic && !c.realm.n)
        abort();
    uint64_t from = 0;
    hc_str range = hc_http_header(&r, "content-range");
    if (oci_range_begins(range, &from) && hc_str_find(range, '-') == SIZE_MAX)
        abort();
    hc_str next = oci_next_page(a, &r, HC_S("/v2/app/tags/list?n=2"));
    if (next.n && !hc_str_starts(next, HC_S("/v2/"))) /* it goes into a request line of the same registry */
        abort();
    for (size_t i = 0; i < next.n; i++)
        if ((unsigned char)next.p[i] <= ' ')
            abort();
    return 0;
}
