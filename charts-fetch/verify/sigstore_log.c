/*
 * The transparency log's word (Rekor): that an entry about this signature is in it, and since when. An entry is good
 * when the log signed it (the promise, which covers the time too) or when it hangs in the tree of a checkpoint the log
 * signed (RFC 6962, 2.1.1). The entry counts only when the body that was signed names this signature.
 */
#include <openssl/err.h>
#include <openssl/pem.h>

#include "charts-fetch/verify/cosign_impl.h"
#include "core/base/buf.h"
#include "core/base/digest.h"
#include "core/value/json.h"

#define MAX_ENTRIES 8u
#define MAX_PATH    64u

static bool same_hex(hc_str text, hc_str raw)
{
    static const char digits[] = "0123456789abcdef";
    bool same = text.n == 2 * raw.n;
    for (size_t i = 0; same && i < raw.n; i++) {
        unsigned char c = (unsigned char)raw.p[i];
        same = text.p[2 * i] == digits[c >> 4] && text.p[2 * i + 1] == digits[c & 15];
    }
    return same;
}

/* Whether base64 of a PEM (certificate) or of a DER is the claim's certificate. */
static bool same_certificate(struct hc_arena *a, const struct hc_val *v, const char *path,
                             const struct sig_claim *c)
{
    hc_str text = sig_base64_at(a, v, path);
    if (hc_str_eq(text, c->cert_der))
        return text.n != 0;
    BIO *bio = text.n && text.n < 65536 ? BIO_new_mem_buf(text.p, (int)text.n) : NULL;
    X509 *x = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
    bool same = x && c->cert && X509_cmp(x, c->cert) == 0;
    X509_free(x);
    BIO_free(bio);
    ERR_clear_error();
    return same;
}

/* Is the entry's body about the claim: its digest, its signature, its certificate? */
static bool about(struct hc_arena *a, hc_str body, const struct sig_claim *c)
{
    struct hc_val *doc = NULL;
    unsigned char md[EVP_MAX_MD_SIZE];
    hc_str digest = c->digest32;
    if (body.n > HC_COSIGN_MAX_BYTES || hc_json_parse(a, body, HC_JSON_NO_POSITIONS, &doc, NULL) != HC_OK)
        return false;
    if (!digest.n)
        digest = hc_str_n((const char *)md, vdigest_of(EVP_sha256(), c->dsse ? c->payload : c->message, md));
    hc_str kind = hc_get_str_at(doc, "kind");
    const struct hc_val *spec = hc_map_getz(doc, "spec"), *two = hc_map_getz(spec, "hashedRekordV002");
    if (hc_str_eqz(kind, "hashedrekord") && two)
        return hc_str_eq(sig_base64_at(a, two, "data.digest"), digest) &&
               hc_str_eq(sig_base64_at(a, two, "signature.content"), c->signature) &&
               same_certificate(a, two, "signature.verifier.x509Certificate.rawBytes", c);
    if (hc_str_eqz(kind, "hashedrekord"))
        return hc_str_eqz(hc_get_str_at(spec, "data.hash.algorithm"), "sha256") &&
               same_hex(hc_get_str_at(spec, "data.hash.value"), digest) &&
               hc_str_eq(sig_base64_at(a, spec, "signature.content"), c->signature) &&
               same_certificate(a, spec, "signature.publicKey.content", c);
    if (hc_str_eqz(kind, "dsse") && c->dsse) {
        two = hc_map_getz(spec, "dsseV002");
        const struct hc_val *s = hc_list_at(hc_map_getz(two ? two : spec, "signatures"), 0);
        if (two)
            return hc_str_eq(sig_base64_at(a, two, "payloadHash.digest"), digest) &&
                   hc_str_eq(sig_base64_at(a, s, "content"), c->signature) &&
                   same_certificate(a, s, "verifier.x509Certificate.rawBytes", c);
        return hc_str_eqz(hc_get_str_at(spec, "payloadHash.algorithm"), "sha256") &&
               same_hex(hc_get_str_at(spec, "payloadHash.value"), digest) &&
               hc_str_eq(sig_base64_at(a, s, "signature"), c->signature) && same_certificate(a, s, "verifier", c);
    }
    if (hc_str_eqz(kind, "intoto") && c->dsse) {
        const struct hc_val *s = hc_list_at(hc_get(spec, "content.envelope.signatures"), 0);
        hc_str once = sig_base64_at(a, s, "sig"); /* base64 of base64 */
        return same_hex(hc_get_str_at(spec, "content.payloadHash.value"), digest) && once.n &&
               hc_str_eq(hc_base64_decode(a, once, NULL), c->signature) && same_certificate(a, s, "publicKey", c);
    }
    return false;
}

static const struct sig_log *find_log(const struct hc_sigstore_root *root, hc_str id)
{
    for (size_t i = 0; i < root->logs_n; i++)
        if (id.n == 32 && memcmp(root->logs[i].id, id.p, 32) == 0)
            return &root->logs[i];
    return NULL;
}

static bool log_signed(const struct sig_log *log, hc_str message, hc_str signature)
{
    bool edwards = EVP_PKEY_get_base_id(log->key) == EVP_PKEY_ED25519;
    return signature.n && vkey_check(log->key, edwards ? NULL : EVP_sha256(), message, signature);
}

/* The log's promise over body, time, log and index, in canonical JSON. */
static bool promised(struct hc_arena *a, const struct sig_log *log, hc_str body, int64_t time_s, int64_t index,
                     hc_str signature)
{
    hc_str id = hc_hex(a, hc_str_n((const char *)log->id, 32)), packed = hc_base64(a, body);
    hc_str text = hc_arena_printf(a,
                                  "{\"body\":\"%.*s\",\"integratedTime\":%" PRId64 ",\"logID\":\"%.*s\","
                                  "\"logIndex\":%" PRId64 "}",
                                  HC_P(packed), time_s, HC_P(id), index);
    return text.n && log_signed(log, text, signature);
}

static void node(unsigned char out[32], hc_str left, hc_str right)
{
    struct vdigest d;
    unsigned char md[EVP_MAX_MD_SIZE] = { 0 };
    if (vdigest_begin(&d, EVP_sha256())) {
        vdigest_add(&d, hc_str_n("\1", 1));
        vdigest_add(&d, left);
        vdigest_add(&d, right);
        (void)vdigest_end(&d, md);
    }
    memcpy(out, md, 32);
}

/* RFC 9162, 2.1.3.2: the root that a leaf and its path give. */
static bool root_of(struct hc_arena *a, hc_str body, const struct hc_val *path, uint64_t index, uint64_t size,
                    unsigned char out[32])
{
    struct vdigest d;
    unsigned char md[EVP_MAX_MD_SIZE];
    if (index >= size || hc_list_len(path) > MAX_PATH || !vdigest_begin(&d, EVP_sha256()))
        return false;
    vdigest_add(&d, hc_str_n("\0", 1));
    vdigest_add(&d, body);
    if (vdigest_end(&d, md) != 32)
        return false;
    memcpy(out, md, 32);
    uint64_t fn = index, sn = size - 1;
    for (size_t i = 0; i < hc_list_len(path); i++) {
        hc_str p = hc_base64_decode(a, hc_get_str(hc_list_at(path, i)), NULL), r = { (const char *)out, 32 };
        if (p.n != 32 || sn == 0)
            return false;
        if ((fn & 1) || fn == sn) {
            node(out, p, r);
            while (!(fn & 1) && fn) {
                fn >>= 1;
                sn >>= 1;
            }
        } else {
            node(out, r, p);
        }
        fn >>= 1;
        sn >>= 1;
    }
    return sn == 0;
}

/* A signed note: origin, size, root, and behind an empty line the signatures "— NAME BASE64(4 bytes, signature)". */
static bool checkpoint_good(struct hc_arena *a, const struct sig_log *log, hc_str note, hc_str root, uint64_t size)
{
    size_t gap = hc_str_find_str(note, HC_S("\n\n"));
    if (gap == SIZE_MAX)
        return false;
    hc_str text = hc_str_sub(note, 0, gap + 1), rest = hc_str_sub(note, gap + 2, note.n), line, lines = text;
    uint64_t said = 0;
    bool good = hc_str_split(&lines, '\n', &line) && hc_str_split(&lines, '\n', &line) &&
                hc_str_to_u64(line, &said) && said == size && hc_str_split(&lines, '\n', &line) &&
                hc_str_eq(hc_base64_decode(a, line, NULL), root);
    if (!good)
        return false;
    for (unsigned i = 0; i < 16 && hc_str_split(&rest, '\n', &line); i++) {
        size_t at = hc_str_rfind(line, ' ');
        hc_str raw = at == SIZE_MAX ? HC_S("") : hc_base64_decode(a, hc_str_sub(line, at + 1, line.n), NULL);
        if (hc_str_starts(line, HC_S("\xe2\x80\x94 ")) && raw.n > 4 &&
            log_signed(log, text, hc_str_sub(raw, 4, raw.n)))
            return true;
    }
    return false;
}

static bool included(struct hc_arena *a, const struct sig_log *log, const struct hc_val *entry, hc_str body)
{
    const struct hc_val *proof = hc_map_getz(entry, "inclusionProof");
    int64_t index = sig_number_at(proof, "logIndex"), size = sig_number_at(proof, "treeSize");
    unsigned char root[32];
    if (index < 0)
        index = hc_map_getz(proof, "logIndex") ? -1 : 0; /* protobuf leaves zeros out */
    if (index < 0 || size <= 0 ||
        !root_of(a, body, hc_map_getz(proof, "hashes"), (uint64_t)index, (uint64_t)size, root))
        return false;
    hc_str r = { (const char *)root, 32 };
    return hc_str_eq(sig_base64_at(a, proof, "rootHash"), r) &&
           checkpoint_good(a, log, hc_get_str_at(proof, "checkpoint.envelope"), r, (uint64_t)size);
}

/* One entry in protobuf's form. *out_time_s: 0 when nobody signed the time. */
static bool entry_good(struct hc_arena *a, const struct hc_sigstore_root *root, const struct hc_val *entry,
                       const struct sig_claim *c, int64_t *out_time_s)
{
    hc_str body = sig_base64_at(a, entry, "canonicalizedBody");
    const struct sig_log *log = find_log(root, sig_base64_at(a, entry, "logId.keyId"));
    hc_str promise = sig_base64_at(a, entry, "inclusionPromise.signedEntryTimestamp");
    const struct hc_val *index_at = hc_map_getz(entry, "logIndex");
    int64_t time_s = sig_number_at(entry, "integratedTime"),
            index = index_at ? sig_number_at(entry, "logIndex") : 0;
    bool proof = hc_is_map(hc_map_getz(entry, "inclusionProof"));
    if (!log || !body.n || (!promise.n && !proof))
        return false;
    if (promise.n && (time_s <= 0 || !promised(a, log, body, time_s, index, promise)))
        return false;
    if (proof && !included(a, log, entry, body))
        return false;
    *out_time_s = promise.n ? time_s : 0;
    if (*out_time_s && ((log->from_s && time_s < log->from_s) || (log->to_s && time_s > log->to_s)))
        return false;
    return about(a, body, c);
}

/* The annotation of the tag's layers. */
static bool old_entry_good(struct hc_arena *a, const struct hc_sigstore_root *root, const struct sig_claim *c,
                           int64_t *out_time_s)
{
    const struct hc_val *p = hc_map_getz(c->old_entry, "Payload");
    hc_str body = sig_base64_at(a, p, "body"), id = hc_get_str_at(p, "logID");
    int64_t time_s = sig_number_at(p, "integratedTime"), index = sig_number_at(p, "logIndex");
    const struct sig_log *log = NULL;
    for (size_t i = 0; i < root->logs_n && !log; i++)
        if (same_hex(id, hc_str_n((const char *)root->logs[i].id, 32)))
            log = &root->logs[i];
    if (!log || time_s <= 0 || index < 0 ||
        !promised(a, log, body, time_s, index, sig_base64_at(a, c->old_entry, "SignedEntryTimestamp")))
        return false;
    if ((log->from_s && time_s < log->from_s) || (log->to_s && time_s > log->to_s))
        return false;
    *out_time_s = time_s;
    return about(a, body, c);
}

enum hc_rc sig_in_log(struct hc_arena *a, const struct hc_sigstore_root *root, const struct sig_claim *c,
                      int64_t *out_time_s, struct hc_cosign_result *out, struct hc_err *err)
{
    size_t n = HC_MIN(hc_list_len(c->entries), MAX_ENTRIES);
    *out_time_s = 0;
    if (c->old_entry && old_entry_good(a, root, c, out_time_s))
        return HC_OK;
    for (size_t i = 0; i < n; i++)
        if (entry_good(a, root, hc_list_at(c->entries, i), c, out_time_s))
            return HC_OK;
    if (hc_arena_spent(a))
        return hc_fail_nomem(err);
    return sig_verdict(out, err, HC_COSIGN_LOG, "%s",
                       n || c->old_entry
                           ? "its log entry is not good: of another log, of another signature, or forged"
                           : "it has no entry in a log");
}
