/*
 * Archives in memory: whatever is handed out has a name that stays inside, and a body that can be read.
 */
#include "charts-fetch/unpack/unpack.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct hc_unpack_limits limits = { 1 << 20, 100 };
    struct hc_arena *a = fuzz_arena();
    struct hc_unpacked *files = NULL;
    struct hc_err err = HC_ERR_INIT;
    size_t n = 0;
    volatile unsigned char sum = 0;
    enum hc_rc rc = hc_unpack_memory(a, fuzz_text(data, size), &limits, &files, &n, &err);
    if (rc != HC_OK && !err.msg[0])
        abort();
    for (size_t i = 0; rc == HC_OK && i < n; i++) {
        hc_str rest = files[i].name, part;
        if (rest.n == 0 || rest.p[0] == '/')
            abort();
        while (hc_str_split(&rest, '/', &part))
            if (part.n == 0 || hc_str_eqz(part, "..") || hc_str_eqz(part, "."))
                abort();
        for (size_t k = 0; k < files[i].body.n; k++)
            sum = (unsigned char)(sum + (unsigned char)files[i].body.p[k]);
    }
    return 0;
}
