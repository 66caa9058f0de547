/*
 * What an S3 server answers: a page of a list, or an error.
 */
#include "charts-fetch/source/s3_impl.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hc_arena *a = fuzz_arena();
    struct hc_err err = HC_ERR_INIT;
    struct s3_page page = { .n = 0 };
    struct s3_fault fault;
    hc_str text = fuzz_text(data, size);
    enum hc_rc rc = s3_read_page(a, text, &page, &err);
    if (rc == HC_E_BUG || (rc != HC_OK && !err.msg[0]) || (rc == HC_OK && page.truncated && !page.next.n))
        abort();
    s3_read_fault(a, text, &fault);
    return 0;
}
