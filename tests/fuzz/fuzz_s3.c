/*
 * What bucket servers answer, S3's, Azure's and Google's: a page of a list, or an error.
 */
#include "charts-fetch/source/bucket_impl.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct bucket_kind *const kinds[] = { &bucket_s3, &bucket_azure, &bucket_gcs };
    struct hc_arena *a = fuzz_arena();
    hc_str text = fuzz_text(data, size);
    for (size_t i = 0; i < HC_LEN(kinds); i++) {
        const struct hc_http_response r = { .status = 403, .body = text };
        struct hc_err err = HC_ERR_INIT;
        struct s3_page page = { .n = 0 };
        struct s3_fault fault = { 0 };
        enum hc_rc rc = kinds[i]->read_page(a, text, &page, &err);
        if (rc == HC_E_BUG || (rc != HC_OK && !err.msg[0]) || (rc == HC_OK && page.truncated && !page.next.n))
            abort();
        for (size_t k = 0; rc == HC_OK && k < page.n; k++)
            if (!page.objects[k].key.n)
                abort();
        kinds[i]->read_fault(a, &r, &fault);
    }
    return 0;
}
