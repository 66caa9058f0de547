/*
 * Envelopes of the Notary Project: JWS where the input begins with "{", else COSE. Read, and judged with nothing
 * enforced but integrity: an input that is not signed is never good.
 */
#include "charts-fetch/verify/notation.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hc_arena *a = fuzz_arena();
    struct hc_err err = HC_ERR_INIT;
    struct hc_notation_envelope e;
    hc_str bytes = fuzz_text(data, size),
           type = hc_str_starts(bytes, HC_S("{")) ? HC_S(HC_NOTATION_JWS) : HC_S(HC_NOTATION_COSE);
    enum hc_rc rc = hc_notation_read(a, type, bytes, &e, &err);
    if (rc == HC_OK && (!e.certs_n || e.certs_n > HC_NOTATION_MAX_CHAIN || !e.payload.n || !e.signature.n ||
                        e.expiry_ms <= e.signed_ms || !e.message.n))
        abort();
    if (rc != HC_OK && (rc == HC_E_BUG || !err.msg[0]))
        abort();
    struct hc_trust_statement s = { .store_ca = true, .anybody = true };
    for (unsigned r = HC_NOTATION_AUTHENTICITY; r < HC_NOTATION_RULES; r++)
        s.actions[r] = HC_NOTATION_LOG;
    const struct hc_notation_trust t = { .now_ms = 1767225600000 };
    const struct hc_notation_subject subject = { HC_S("application/vnd.oci.image.manifest.v1+json"),
                                                 HC_S("sha256:0"), 1 };
    struct hc_notation_result res;
    rc = hc_notation_check(a, &t, &s, type, bytes, &subject, &res, &err);
    if (rc == HC_OK || rc == HC_E_BUG || res.rule == HC_NOTATION_GOOD) /* nothing is about "sha256:0" */
        abort();
    return 0;
}
