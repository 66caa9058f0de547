/*
 * Release records, by the first byte: j the JSON of a release, z what is below the base64 of a payload (gzip or not), t a
 * payload as it lies in a Secret. What is read is written, and read again.
 */
#include "core/base/digest.h"
#include "deploy/release/record.h"
#include "tests/fuzz/fuzz.h"

static void write_again(struct hc_arena *a, const struct hc_record *r)
{
    static struct hc_buf b = { .ceiling = (size_t)16 << 20 }, c = { .ceiling = (size_t)16 << 20 };
    struct hc_err err = HC_ERR_INIT;
    struct hc_record again;
    hc_buf_reset(&b);
    hc_buf_reset(&c);
    if (hc_record_json(r, &b, &err) != HC_OK)
        return;
    if (hc_record_of_json(a, hc_buf_str(&b), &again, &err) != HC_OK) {
        if (!hc_arena_spent(a))
            abort();
        return;
    }
    if (hc_record_json(&again, &c, &err) == HC_OK && !hc_str_eq(hc_buf_str(&b), hc_buf_str(&c)))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hc_arena *a = fuzz_arena();
    struct hc_err err = HC_ERR_INIT;
    struct hc_record r;
    hc_str text = fuzz_text(data, size), rest = hc_str_sub(text, 1, text.n);
    enum hc_rc rc;
    switch (size ? data[0] : 0) {
    case 'j':
        rc = hc_record_of_json(a, rest, &r, &err);
        break;
    case 'z':
        rc = hc_record_decode(a, hc_base64(a, rest), &r, &err);
        break;
    case 't':
        rc = hc_record_decode(a, rest, &r, &err);
        break;
    default:
        return 0;
    }
    if (rc == HC_E_BUG || (rc != HC_OK && !err.msg[0]))
        abort();
    if (rc == HC_OK)
        write_again(a, &r);
    return 0;
}
