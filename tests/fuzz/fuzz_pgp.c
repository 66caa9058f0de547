/*
 * OpenPGP, by the first byte: k a keyring in any form, s a signature over a known text by a known key, c a clearsigned
 * text that is also taken for the provenance of a chart. What is refused says why; what is good was made by the key.
 */
#include "charts-fetch/verify/pgp_sign.h"
#include "charts-fetch/verify/prov.h"
#include "tests/fuzz/fuzz.h"

#define NOW     1764547200 /* 2025-12-01, the key is of 2025-06-01 */
#define CONTENT "chart: one\nline with blanks  \n- dash\n"

static const char public_key[] = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n"
                                 "\n"
                                 "mDMEaDxAwBYJKwYBBAHaRw8BAQdA/hA2dFE02zVeLfPDzvIfR9wRrUBx98Bvw248\n"
                                 "PrKWjAK0E2VkIDxlZEBleGFtcGxlLm9yZz6IkAQTFggAOBYhBKxhDuT08BMl80rA\n"
                                 "fVo5w8xcH9ZWBQJoPEDAAhsDBQsJCAcCBhUKCQgLAgQWAgMBAh4BAheAAAoJEFo5\n"
                                 "w8xcH9ZW8zoBAIagvgtTtSOONEULLqwn1p88pDNg2yXVyp6KaTNoxjFbAQDPEzxU\n"
                                 "uVA1u5qZfI3VJW017kDWAXEe6WUVOqMn1DocDg==\n"
                                 "=+o//\n"
                                 "-----END PGP PUBLIC KEY BLOCK-----\n";

static const struct hc_pgp_ring *known_ring(void)
{
    static struct hc_pgp_ring *ring;
    if (!ring) {
        struct hc_err err = HC_ERR_INIT;
        ring = hc_pgp_ring_new(hc_arena_new(0));
        if (!ring || hc_pgp_ring_add(ring, hc_str_of(public_key), &err) != HC_OK || hc_pgp_ring_count(ring) != 1)
            abort();
    }
    return ring;
}

static void check(struct hc_arena *a, const struct hc_pgp_ring *ring, hc_str data, hc_str signature)
{
    struct hc_err err = HC_ERR_INIT;
    struct hc_pgp_result res;
    enum hc_rc rc = hc_pgp_verify(a, ring, data, signature, NOW, &res, &err);
    if ((rc == HC_OK) != (res.rule == HC_PGP_GOOD) || (rc != HC_OK && !err.msg[0]) || rc == HC_E_BUG)
        abort();
    if (rc == HC_OK && ring == known_ring() && !hc_str_eqz(data, CONTENT))
        abort();
}

static void keyring(struct hc_arena *a, hc_str bytes)
{
    static const char signature[] = "-----BEGIN PGP SIGNATURE-----\n"
                                    "\n"
                                    "iIUEABYIAC0WIQSsYQ7k9PATJfNKwH1aOcPMXB/WVgUCaDxAwA8cZWRAZXhhbXBs\n"
                                    "ZS5vcmcACgkQWjnDzFwf1lamkwEAq8FZFIhOiDdL4PmwWXwBEDbPQUhPmKxytE+n\n"
                                    "cEFvo9ABAMWIO6+GWZI2hVLA7DO5EFz7VhMFLfhV6ZUVfSv1gsQH\n"
                                    "=Nh1Z\n"
                                    "-----END PGP SIGNATURE-----\n";
    struct hc_err err = HC_ERR_INIT;
    struct hc_pgp_ring *ring = hc_pgp_ring_new(a);
    struct hc_pgp_secret *secret = NULL;
    enum hc_rc rc = hc_pgp_ring_add(ring, bytes, &err);
    if ((rc == HC_OK && hc_pgp_ring_count(ring) == 0) || (rc != HC_OK && !err.msg[0]))
        abort();
    if (rc != HC_OK)
        return;
    check(a, ring, HC_S(CONTENT), hc_str_of(signature));
    if (hc_pgp_secret_find(a, ring, HC_S("example"), NOW, &secret, &err) != HC_OK)
        return;
    (void)hc_pgp_secret_user_id(secret);
    if (!hc_pgp_secret_locked(secret)) /* turning a passphrase into a key takes long by design */
        (void)hc_pgp_secret_open(secret, HC_S(""), &err);
    hc_pgp_secret_close(secret);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hc_arena *a = fuzz_arena();
    struct hc_err err = HC_ERR_INIT;
    struct hc_pgp_clearsigned parts;
    struct hc_prov prov;
    hc_str text = fuzz_text(data, size), rest = hc_str_sub(text, 1, text.n);
    switch (size ? data[0] : 0) {
    case 'k':
        keyring(a, rest);
        break;
    case 's':
        check(a, known_ring(), HC_S(CONTENT), rest);
        break;
    case 'c':
        if (hc_pgp_clearsigned(a, rest, &parts, &err) == HC_OK)
            check(a, known_ring(), parts.bytes, parts.signature);
        else if (!err.msg[0])
            abort();
        if (hc_prov_verify(a, known_ring(), HC_S("archive"), rest, HC_S("c-1.0.0.tgz"), NOW, &prov, &err) == HC_OK)
            (void)hc_prov_report(a, &prov);
        else if (!err.msg[0])
            abort();
        break;
    default:
        break;
    }
    return 0;
}
