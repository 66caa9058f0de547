/*
 * Raw commits and tags: what was signed and the signature. Nothing may be in the payload twice, and what is signed
 * changes when the object does: payload and signature together hold no more than the object.
 */
#include "charts-fetch/source/git_impl.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hc_arena *a = fuzz_arena();
    for (int tag = 0; tag < 2; tag++) {
        struct git_signed s;
        struct hc_err err = HC_ERR_INIT;
        enum hc_rc rc = git_parse_signed(a, fuzz_text(data, size), tag, &s, &err);
        if (rc != HC_OK && !err.msg[0])
            abort();
        if (rc == HC_OK && (s.payload.n + s.signature.n > size || s.subject.n > 53 * 4))
            abort();
    }
    return 0;
}
