/*
 * Recordings of renders: two texts divided by NUL. What is read is shown and compared, and has no difference to itself.
 */
#include "templating/render/recording.h"
#include "tests/fuzz/fuzz.h"

static struct hc_recording *read_one(struct hc_arena *a, hc_str text)
{
    struct hc_recording *r = NULL;
    struct hc_err err = HC_ERR_INIT;
    enum hc_rc rc = hc_recording_parse(a, text, HC_S("rec.json"), &r, &err);
    if (rc == HC_E_BUG || (rc != HC_OK && !err.msg[0]))
        abort();
    return rc == HC_OK ? r : NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct hc_buf b = { .ceiling = (size_t)16 << 20 };
    struct hc_arena *a = fuzz_arena();
    hc_str rest = fuzz_text(data, size);
    const struct hc_recording *one = read_one(a, fuzz_part(&rest)), *two = rest.p ? read_one(a, rest) : NULL;
    hc_buf_reset(&b);
    if (one && hc_recording_diff(one, one, &b) != 0)
        abort();
    if (one)
        (void)hc_recording_diff(NULL, one, &b);
    if (one && two && (hc_recording_diff(one, two, &b) == 0) != (hc_recording_diff(two, one, &b) == 0))
        abort();
    if (one)
        (void)(hc_recording_chart(one).n + hc_recording_release(one).n + hc_recording_namespace(one).n);
    return 0;
}
