/*
 * A trust policy of the Notary Project: what is read keeps the document's own rules.
 */
#include "charts-fetch/verify/notation.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hc_arena *a = fuzz_arena();
    struct hc_err err = HC_ERR_INIT;
    struct hc_trust_policy p;
    enum hc_rc rc = hc_trust_policy_read(a, fuzz_text(data, size), size % 2 == 0, &p, &err);
    if (rc != HC_OK) {
        if (rc == HC_E_BUG || !err.msg[0])
            abort();
        return 0;
    }
    for (size_t i = 0; i < p.n; i++) {
        const struct hc_trust_statement *s = &p.statements[i];
        if (!s->name.n || !s->scopes_n || s->actions[HC_NOTATION_INTEGRITY] != HC_NOTATION_ENFORCE)
            abort();
        if (!s->skip && !s->store_ca && !s->store_authority && !s->store_tsa)
            abort();
        for (unsigned r = HC_NOTATION_AUTHENTICITY; r < HC_NOTATION_REVOCATION; r++)
            if (s->actions[r] == HC_NOTATION_SKIP)
                abort();
        for (size_t k = 0; k < s->scopes_n; k++)
            if (hc_trust_policy_for(&p, s->scopes[k]) != s)
                abort();
    }
    return 0;
}
