/*
 * Provenance files. Nothing of the text is read before its signature was found good.
 */
#include "charts-fetch/verify/prov.h"

#include "core/base/digest.h"
#include "core/value/value.h"
#include "core/value/yaml.h"

/* What Helm's library says for each rule. */
static const char *helms_words(enum hc_pgp_rule rule)
{
    switch (rule) {
    case HC_PGP_NO_KEY:
    case HC_PGP_KEY_UNFIT:
        return "openpgp: signature made by unknown entity";
    case HC_PGP_WEAK:
        return "openpgp: weak algorithms are rejected";
    case HC_PGP_BAD_SIGNATURE:
        return "openpgp: invalid signature";
    case HC_PGP_KEY_REVOKED:
        return "openpgp: signature made by revoked key";
    case HC_PGP_KEY_EXPIRED:
        return "openpgp: key expired";
    case HC_PGP_SIGNATURE_EXPIRED:
        return "openpgp: signature expired";
    case HC_PGP_UNSUPPORTED:
        return "openpgp: unsupported feature";
    default:
        return "openpgp: invalid data";
    }
}

/* The digest that the text gives for `file`. */
static enum hc_rc listed(struct hc_arena *a, hc_str text, hc_str file, hc_str *out, struct hc_err *err)
{
    hc_str separator = HC_S("\n...\n");
    size_t at = hc_str_find_str(text, separator);
    if (at == SIZE_MAX)
        return hc_fail(err, HC_E_INPUT, "message block must have at least two parts");
    hc_str sums = hc_str_sub(text, at + separator.n, text.n);
    at = hc_str_find_str(sums, separator);
    struct hc_val *doc = NULL;
    enum hc_rc rc = hc_yaml_parse(a, hc_str_sub(sums, 0, at), HC_S("digests"), 0, &doc, err);
    if (rc != HC_OK)
        return hc_wrap(err, "the digests in the provenance file");
    *out = hc_get_str(hc_map_get(hc_map_getz(doc, "files"), file));
    if (!out->p)
        return hc_fail(err, HC_E_INPUT, "provenance does not contain a SHA for a file named \"%.*s\"", HC_P(file));
    return HC_OK;
}

enum hc_rc hc_prov_verify(struct hc_arena *a, const struct hc_pgp_ring *ring, hc_str archive, hc_str prov,
                          hc_str file, int64_t now_s, struct hc_prov *out, struct hc_err *err)
{
    struct hc_pgp_clearsigned block;
    char hex[HC_SHA256_HEX + 1];
    hc_str said = { NULL, 0 };
    memset(out, 0, sizeof(*out));
    if (prov.n > HC_PROV_MAX_BYTES)
        return hc_fail(err, HC_E_LIMIT, "the provenance file has %zu bytes, %zu are allowed", prov.n,
                       HC_PROV_MAX_BYTES);
    enum hc_rc rc = hc_pgp_clearsigned(a, prov, &block, err);
    if (rc != HC_OK)
        return rc == HC_E_NOTFOUND ? hc_fail(err, HC_E_INPUT, "signature block not found") : rc;
    rc = hc_pgp_verify(a, ring, block.bytes, block.signature, now_s, &out->by, err);
    if (rc == HC_E_INPUT)
        return hc_wrap(err, "%s", helms_words(out->by.rule));
    if (rc == HC_OK)
        rc = listed(a, block.text, file, &said, err);
    if (rc != HC_OK)
        return rc;
    hc_sha256_of(archive, hex);
    out->file_hash = hc_arena_printf(a, "sha256:%s", hex);
    if (!hc_str_eq(said, out->file_hash))
        return hc_fail(err, HC_E_INPUT, "sha256 sum does not match for %.*s: \"%.*s\" != \"%.*s\"", HC_P(file),
                       HC_P(said), HC_P(out->file_hash));
    return hc_arena_check(a, err, "provenance");
}

hc_str hc_prov_report(struct hc_arena *a, const struct hc_prov *p)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    for (size_t i = 0; i < p->by.user_id_count; i++)
        hc_buf_printf(&b, "Signed by: %.*s\n", HC_P(p->by.user_ids[i]));
    hc_buf_printf(&b, "Using Key With Fingerprint: %s\nChart Hash Verified: %.*s\n", p->by.primary,
                  HC_P(p->file_hash));
    return hc_buf_to_arena(&b, a);
}

hc_str hc_prov_text(struct hc_arena *a, hc_str metadata, hc_str archive, hc_str file)
{
    char hex[HC_SHA256_HEX + 1];
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    hc_sha256_of(archive, hex);
    struct hc_val *sums = hc_map_new(a);
    hc_map_put(a, hc_map_sub(a, sums, "files"), file, hc_printf_val(a, "sha256:%s", hex));
    hc_buf_put(&b, metadata);
    hc_buf_puts(&b, "\n...\n");
    hc_yaml_write(&b, sums);
    return hc_buf_to_arena(&b, a);
}
