/*
 * SSHSIG: the armour, the blob within, the key among the allowed ones, then the signature over
 * "SSHSIG" namespace reserved hash-name H(data), as OpenSSH's PROTOCOL.sshsig has it. Security keys sign a wrapper of
 * that (PROTOCOL.u2f). Nothing in the blob is believed before the key is found among the allowed ones; the namespace is
 * part of what is signed.
 */
#include "charts-fetch/verify/sshsig.h"

#include <time.h>

#include "charts-fetch/verify/bytes_impl.h"
#include "charts-fetch/verify/pubkey_impl.h"
#include "core/base/buf.h"
#include "core/base/digest.h"

#define BEGIN         "-----BEGIN SSH SIGNATURE-----"
#define END           "-----END SSH SIGNATURE-----"
#define MAX_SIGNATURE ((size_t)64 * 1024) /* one by a 16384-bit key has 6 KiB */
#define MAX_ALLOWED   ((size_t)4 << 20)
#define MIN_RSA_BITS  2048

bool hc_sshsig_is_armored(hc_str text)
{
    return hc_str_starts(hc_str_trim_left(text), HC_S(BEGIN));
}

static hc_str text_of(struct cursor *c)
{
    return take(c, take_u32(c));
}

static enum hc_rc verdict(struct hc_sshsig_result *out, struct hc_err *err, enum hc_sshsig_rule rule,
                          const char *what)
{
    out->rule = rule;
    return hc_fail(err, HC_E_INPUT, "%s", what);
}

struct blob {
    hc_str key, name_space, hash, signature;
};

/* The armoured blob, base64 decoded and in its parts. */
static enum hc_rc open_blob(struct hc_arena *a, hc_str text, struct blob *out, struct hc_sshsig_result *res,
                            struct hc_err *err)
{
    text = hc_str_trim(text);
    if (text.n > MAX_SIGNATURE)
        return verdict(res, err, HC_SSHSIG_MALFORMED, "the SSH signature is over 64 KiB");
    size_t end = hc_str_find_str(text, HC_S(END));
    if (!hc_str_starts(text, HC_S(BEGIN)) || end == SIZE_MAX || end + sizeof(END) - 1 != text.n)
        return verdict(res, err, HC_SSHSIG_MALFORMED, "there is no armoured SSH signature in it");
    hc_str body = hc_str_trim(hc_str_sub(text, sizeof(BEGIN) - 1, end));
    body = hc_base64_decode(a, body, NULL);
    if (!body.p)
        return verdict(res, err, HC_SSHSIG_MALFORMED, "the SSH signature is not base64");
    struct cursor c = cursor_of(body);
    bool magic = hc_str_eqz(take(&c, 6), "SSHSIG");
    uint32_t version = take_u32(&c);
    if (!magic || version != 1)
        return verdict(res, err, HC_SSHSIG_MALFORMED, "the SSH signature is not of version 1");
    out->key = text_of(&c);
    out->name_space = text_of(&c);
    (void)text_of(&c); /* reserved */
    out->hash = text_of(&c);
    out->signature = text_of(&c);
    if (c.bad || c.n || !out->name_space.n)
        return verdict(res, err, HC_SSHSIG_MALFORMED, "the SSH signature is broken");
    return HC_OK;
}

static void put_fingerprint(struct hc_arena *a, hc_str key, char out[52])
{
    unsigned char md[EVP_MAX_MD_SIZE];
    size_t n = vdigest_of(EVP_sha256(), key, md);
    hc_str text = hc_base64(a, hc_str_n((const char *)md, n));
    while (text.n && text.p[text.n - 1] == '=')
        text.n--;
    (void)snprintf(out, 52, "SHA256:%.*s", HC_P(text));
}

/* ---- the allowed keys ---------------------------------------------------------------------------- */

/* Cuts a word off; blanks within double quotes do not end it. */
static bool next_word(hc_str *rest, hc_str *out)
{
    bool quoted = false;
    *rest = hc_str_trim_left(*rest);
    size_t n = 0;
    for (; n < rest->n && (quoted || (rest->p[n] != ' ' && rest->p[n] != '\t')); n++)
        if (rest->p[n] == '"' && (n == 0 || rest->p[n - 1] != '\\'))
            quoted = !quoted;
    *out = hc_str_sub(*rest, 0, n);
    *rest = hc_str_sub(*rest, n, rest->n);
    return n > 0;
}

static bool is_key_type(hc_str w)
{
    static const char *const types[] = { "ssh-ed25519",
                                         "ssh-rsa",
                                         "ecdsa-sha2-nistp256",
                                         "ecdsa-sha2-nistp384",
                                         "ecdsa-sha2-nistp521",
                                         "sk-ssh-ed25519@openssh.com",
                                         "sk-ecdsa-sha2-nistp256@openssh.com" };
    for (size_t i = 0; i < HC_LEN(types); i++)
        if (hc_str_eqz(w, types[i]))
            return true;
    return false;
}

/* "YYYYMMDD[HHMM[SS]][Z]" in seconds since 1970, UTC; -1: none. */
static int64_t stamp(hc_str s)
{
    struct tm tm = { 0 };
    if (s.n && (s.p[s.n - 1] == 'Z' || s.p[s.n - 1] == 'z'))
        s.n--;
    if (s.n != 8 && s.n != 12 && s.n != 14)
        return -1;
    int v[6] = { 0 };
    static const uint8_t widths[6] = { 4, 2, 2, 2, 2, 2 };
    size_t at = 0;
    for (size_t i = 0; i < 6 && at < s.n; i++)
        for (size_t j = 0; j < widths[i]; j++, at++) {
            if (s.p[at] < '0' || s.p[at] > '9')
                return -1;
            v[i] = v[i] * 10 + (s.p[at] - '0');
        }
    tm.tm_year = v[0] - 1900;
    tm.tm_mon = v[1] - 1;
    tm.tm_mday = v[2];
    tm.tm_hour = v[3];
    tm.tm_min = v[4];
    tm.tm_sec = v[5];
    return (int64_t)timegm(&tm);
}

/* Whether `pattern` of namespaces="..." (comma-separated, * and ?) takes `name`. */
static bool glob(hc_str p, hc_str s)
{
    size_t i = 0, j = 0, star = SIZE_MAX, mark = 0;
    while (j < s.n) {
        if (i < p.n && (p.p[i] == '?' || p.p[i] == s.p[j]) && p.p[i] != '*') {
            i++;
            j++;
        } else if (i < p.n && p.p[i] == '*') {
            star = i++;
            mark = j;
        } else if (star != SIZE_MAX) {
            i = star + 1;
            j = ++mark;
        } else {
            return false;
        }
    }
    while (i < p.n && p.p[i] == '*')
        i++;
    return i == p.n;
}

/* The options of an allowed_signers line; a part that is not known makes the line count for nothing. */
static bool options_allow(hc_str options, hc_str name_space, int64_t now_s, bool *out_expired)
{
    hc_str one, rest = options;
    bool good = true;
    while (rest.n && good) {
        size_t n = 0;
        bool quoted = false;
        for (; n < rest.n && (quoted || rest.p[n] != ','); n++)
            quoted ^= rest.p[n] == '"';
        one = hc_str_sub(rest, 0, n);
        rest = hc_str_sub(rest, n + 1, rest.n);
        size_t eq = hc_str_find(one, '=');
        hc_str name = hc_str_sub(one, 0, eq), value = eq == SIZE_MAX ? HC_S("") : hc_str_sub(one, eq + 1, one.n);
        if (value.n >= 2 && value.p[0] == '"' && value.p[value.n - 1] == '"')
            value = hc_str_sub(value, 1, value.n - 1);
        if (hc_str_eq_nocase(name, HC_S("namespaces"))) {
            hc_str list = value, pattern;
            good = false;
            while (hc_str_split(&list, ',', &pattern))
                good |= glob(pattern, name_space);
        } else if (hc_str_eq_nocase(name, HC_S("valid-after")) || hc_str_eq_nocase(name, HC_S("valid-before"))) {
            int64_t t = stamp(value);
            good = t >= 0;
            if (good && (hc_str_eq_nocase(name, HC_S("valid-after")) ? now_s < t : now_s >= t))
                *out_expired = true;
        } else {
            good = false; /* cert-authority among them: a certificate's signer is not the key itself */
        }
    }
    return good;
}

/* Whether the key blob stands on an allowed line. */
static bool is_allowed(struct hc_arena *a, hc_str allowed, hc_str key, hc_str name_space, int64_t now_s,
                       bool *out_expired, hc_str *out_comment)
{
    hc_str line, encoded = hc_base64(a, key);
    bool late = false;
    *out_expired = false;
    while (encoded.p && hc_str_split(&allowed, '\n', &line)) {
        hc_str rest = hc_str_trim(line), word, before = { NULL, 0 }, options = { NULL, 0 };
        if (!rest.n || rest.p[0] == '#')
            continue;
        /* The key's kind is the first, the second or (allowed_signers with options) the third word. */
        unsigned words = 0;
        bool found = false;
        while (words < 3 && next_word(&rest, &word) && !(found = is_key_type(word))) {
            if (words++ == 0)
                before = word;
            else
                options = word;
        }
        if (!found || !next_word(&rest, &word) || !hc_str_eq(word, encoded))
            continue;
        bool expired = false;
        if (options.n && !options_allow(options, name_space, now_s, &expired))
            continue;
        *out_comment = hc_str_trim(rest).n ? hc_str_trim(rest) : before;
        if (!expired)
            return true;
        late = true;
    }
    *out_expired = late;
    return false;
}

/* ---- the signature ------------------------------------------------------------------------------- */

static EVP_PKEY *open_key(hc_str type, struct cursor *c)
{
    hc_str x, y;
    if (hc_str_eqz(type, "ssh-rsa")) {
        y = text_of(c);
        x = text_of(c);
        return c->bad || c->n ? NULL : vkey_rsa(x, y);
    }
    if (hc_str_find_str(type, HC_S("ecdsa-sha2-nistp")) != SIZE_MAX) {
        x = text_of(c);
        y = text_of(c);
        const char *group = hc_str_eqz(x, "nistp256")   ? "P-256"
                            : hc_str_eqz(x, "nistp384") ? "P-384"
                            : hc_str_eqz(x, "nistp521") ? "P-521"
                                                        : NULL;
        return !group || c->bad || hc_str_find_str(type, x) == SIZE_MAX ? NULL : vkey_ec(group, y);
    }
    x = text_of(c);
    return c->bad ? NULL : vkey_edwards(EVP_PKEY_ED25519, x);
}

/* What was signed: for security keys the digests of application and message with flags and counter around. */
static bool put_signed(struct hc_buf *b, bool sk, hc_str application, uint8_t flags, uint32_t counter,
                       hc_str message)
{
    unsigned char md[EVP_MAX_MD_SIZE],
        tail[5] = { flags, (unsigned char)(counter >> 24), (unsigned char)(counter >> 16),
                    (unsigned char)(counter >> 8), (unsigned char)counter };
    if (!sk) {
        hc_buf_put(b, message);
        return true;
    }
    size_t n = vdigest_of(EVP_sha256(), application, md);
    hc_buf_put(b, hc_str_n((const char *)md, n));
    hc_buf_put(b, hc_str_n((const char *)tail, sizeof(tail)));
    n = vdigest_of(EVP_sha256(), message, md);
    hc_buf_put(b, hc_str_n((const char *)md, n));
    return n == 32;
}

static enum hc_rc check_signature(struct hc_arena *a, const struct blob *b, hc_str message, hc_str type,
                                  struct hc_sshsig_result *out, struct hc_err *err)
{
    struct cursor kc = cursor_of(b->key), sc = cursor_of(b->signature);
    (void)text_of(&kc);
    HC_AUTO(vkey) EVP_PKEY *pk = open_key(type, &kc);
    bool sk = hc_str_starts(type, HC_S("sk-")), good = false;
    hc_str application = sk ? text_of(&kc) : HC_S(""), algo = text_of(&sc), raw = text_of(&sc);
    uint8_t flags = sk ? take_u8(&sc) : 0;
    uint32_t counter = sk ? take_u32(&sc) : 0;
    if (!pk || kc.bad || kc.n || sc.bad || sc.n)
        return verdict(out, err, HC_SSHSIG_MALFORMED, "the SSH signature or its key is broken");
    if (sk && !(flags & 1))
        return verdict(out, err, HC_SSHSIG_BAD_SIGNATURE,
                       "the signature was made without anybody touching the security key");
    HC_AUTO(hc_buf) struct hc_buf signed_bytes;
    hc_buf_init(&signed_bytes, 0);
    if (!put_signed(&signed_bytes, sk, application, flags, counter, message) || signed_bytes.spent)
        return hc_fail_nomem(err);
    hc_str m = hc_buf_str(&signed_bytes);
    if (hc_str_eqz(type, "ssh-rsa")) {
        bool long_one = hc_str_eqz(algo, "rsa-sha2-512");
        if (!long_one && !hc_str_eqz(algo, "rsa-sha2-256"))
            return verdict(out, err, HC_SSHSIG_UNSUPPORTED,
                           "the signature uses RSA with a digest that is too weak: sign with OpenSSH 8.1 or later");
        if (EVP_PKEY_get_bits(pk) < MIN_RSA_BITS)
            return verdict(out, err, HC_SSHSIG_UNSUPPORTED, "the RSA key is too weak: 2048 bits are needed");
        unsigned char md[EVP_MAX_MD_SIZE];
        const EVP_MD *how = long_one ? EVP_sha512() : EVP_sha256();
        size_t n = vdigest_of(how, m, md);
        good = vkey_check_digest(pk, how, hc_str_n((const char *)md, n), raw);
    } else if (!hc_str_eq(algo, type)) {
        good = false;
    } else if (EVP_PKEY_get_base_id(pk) == EVP_PKEY_EC) {
        struct cursor rs = cursor_of(raw);
        hc_str r = text_of(&rs), s = text_of(&rs);
        int bits = EVP_PKEY_get_bits(pk);
        const EVP_MD *how = bits <= 256 ? EVP_sha256() : bits <= 384 ? EVP_sha384() : EVP_sha512();
        good = !rs.bad && !rs.n && vkey_check(pk, how, m, vkey_two_numbers(a, r, s));
    } else {
        good = vkey_check(pk, NULL, m, raw);
    }
    if (!good)
        return hc_fail(err, HC_E_INPUT,
                       "bad signature: key %s did not sign this content; it was changed, or signed "
                       "elsewhere",
                       out->fingerprint);
    out->rule = HC_SSHSIG_GOOD;
    return HC_OK;
}

static void put_text(struct hc_buf *b, hc_str s)
{
    const char head[4] = { (char)(s.n >> 24 & 0xff), (char)(s.n >> 16 & 0xff), (char)(s.n >> 8 & 0xff),
                           (char)(s.n & 0xff) };
    hc_buf_put(b, hc_str_n(head, 4));
    hc_buf_put(b, s);
}

enum hc_rc hc_sshsig_verify(struct hc_arena *a, hc_str allowed, hc_str name_space, hc_str data, hc_str signature,
                            int64_t now_s, struct hc_sshsig_result *out, struct hc_err *err)
{
    struct blob b = { { NULL, 0 } };
    bool expired;
    memset(out, 0, sizeof(*out));
    out->comment = HC_S("");
    enum hc_rc rc = open_blob(a, signature, &b, out, err);
    if (rc != HC_OK)
        return rc;
    struct cursor kc = cursor_of(b.key);
    hc_str type = text_of(&kc);
    put_fingerprint(a, b.key, out->fingerprint);
    if (kc.bad || !is_key_type(type)) {
        return verdict(out, err, HC_SSHSIG_UNSUPPORTED,
                       "the SSH signature is by a key of a kind that is not supported");
    }
    out->key_type = type;
    if (allowed.n > MAX_ALLOWED)
        return hc_fail(err, HC_E_LIMIT, "the list of allowed SSH keys is over 4 MiB");
    if (!is_allowed(a, allowed, b.key, name_space, now_s, &expired, &out->comment)) {
        out->rule = expired ? HC_SSHSIG_KEY_EXPIRED : HC_SSHSIG_NO_KEY;
        return hc_fail(err, HC_E_INPUT,
                       expired ? "the signature was made by SSH key %s, which is not valid at this time"
                               : "the signature was made by SSH key %s, which is not among the allowed keys",
                       out->fingerprint);
    }
    if (!hc_str_eq(b.name_space, name_space)) {
        out->rule = HC_SSHSIG_NAMESPACE;
        return hc_fail(err, HC_E_INPUT, "the SSH signature was made for '%.*s' and not for '%.*s'",
                       HC_P(printable(b.name_space)), HC_P(name_space));
    }
    const EVP_MD *md = hc_str_eqz(b.hash, "sha512")   ? EVP_sha512()
                       : hc_str_eqz(b.hash, "sha256") ? EVP_sha256()
                                                      : NULL;
    if (!md)
        return verdict(out, err, HC_SSHSIG_UNSUPPORTED, "the SSH signature uses a digest that is not allowed");
    unsigned char digest[EVP_MAX_MD_SIZE];
    size_t n = vdigest_of(md, data, digest);
    HC_AUTO(hc_buf) struct hc_buf m;
    hc_buf_init(&m, 0);
    hc_buf_put(&m, HC_S("SSHSIG"));
    put_text(&m, b.name_space);
    put_text(&m, HC_S(""));
    put_text(&m, b.hash);
    put_text(&m, hc_str_n((const char *)digest, n));
    if (!n || m.spent)
        return hc_fail_nomem(err);
    out->rule = HC_SSHSIG_BAD_SIGNATURE; /* until shown otherwise */
    return check_signature(a, &b, hc_buf_str(&m), type, out, err);
}
