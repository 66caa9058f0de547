/*
 * OpenPGP packets: headers old and new, keys, signatures and their subpackets, and the check of one signature by one
 * key. What keys are worth is decided in pgp_check.c.
 */
#include "charts-fetch/verify/pgp_impl.h"

bool pgp_packet_next(struct cursor *c, struct pgp_packet *out)
{
    if (!c->n || c->bad)
        return false;
    unsigned head = take_u8(c);
    size_t n = 0;
    if (!(head & 0x80)) {
        c->bad = true;
        return false;
    }
    if (head & 0x40) {
        unsigned first = take_u8(c);
        out->tag = head & 0x3f;
        if (first < 192)
            n = first;
        else if (first < 224)
            n = ((first - 192) << 8) + take_u8(c) + 192;
        else if (first == 255)
            n = take_u32(c);
        else
            c->bad = true; /* partial lengths: for data packets only */
    } else {
        unsigned type = head & 3;
        out->tag = head >> 2 & 15;
        n = type == 3 ? c->n : (size_t)take_number(c, (size_t)1 << type);
    }
    out->body = take(c, n);
    return !c->bad;
}

hc_str pgp_mpi(struct cursor *c)
{
    size_t bits = take_u16(c);
    hc_str s = take(c, (bits + 7) / 8);
    while (s.n && s.p[0] == 0)
        s = hc_str_sub(s, 1, s.n);
    return s;
}

/* ---- keys ---------------------------------------------------------------------------------------- */

/* The curves by the bytes of their object identifiers. */
static const struct {
    hc_str oid;
    const char *group; /* NULL: an Edwards curve */
    int edwards;
} curves[] = {
    { { "\x2a\x86\x48\xce\x3d\x03\x01\x07", 8 }, "P-256", 0 },
    { { "\x2b\x81\x04\x00\x22", 5 }, "P-384", 0 },
    { { "\x2b\x81\x04\x00\x23", 5 }, "P-521", 0 },
    { { "\x2b\x24\x03\x03\x02\x08\x01\x01\x07", 9 }, "brainpoolP256r1", 0 },
    { { "\x2b\x24\x03\x03\x02\x08\x01\x01\x0b", 9 }, "brainpoolP384r1", 0 },
    { { "\x2b\x24\x03\x03\x02\x08\x01\x01\x0d", 9 }, "brainpoolP512r1", 0 },
    { { "\x2b\x06\x01\x04\x01\xda\x47\x0f\x01", 9 }, NULL, EVP_PKEY_ED25519 },
    { { "\x2b\x65\x70", 3 }, NULL, EVP_PKEY_ED25519 },
    { { "\x2b\x65\x71", 3 }, NULL, EVP_PKEY_ED448 },
};

const char *pgp_curve(hc_str oid, int *out_edwards)
{
    int edwards = 0;
    const char *group = NULL;
    for (size_t i = 0; i < HC_LEN(curves); i++) {
        if (!hc_str_eq(oid, curves[i].oid))
            continue;
        edwards = curves[i].edwards;
        group = curves[i].group;
    }
    if (out_edwards)
        *out_edwards = edwards;
    return group;
}

/* Skips the numbers of a public key; false: an algorithm whose shape is not known. */
static bool skip_material(uint8_t algo, struct cursor *c)
{
    static const uint8_t mpis[] = { [1] = 2, [2] = 2, [3] = 2, [16] = 3, [17] = 4 };
    if (algo < HC_LEN(mpis) && mpis[algo]) {
        for (unsigned i = 0; i < mpis[algo]; i++)
            (void)pgp_mpi(c);
    } else if (algo == 18 || algo == ALGO_ECDSA || algo == ALGO_EDDSA) {
        (void)take(c, take_u8(c));
        (void)pgp_mpi(c);
        if (algo == 18)
            (void)take(c, take_u8(c));
    } else if (algo == 25 || algo == ALGO_ED25519) {
        (void)take(c, 32);
    } else if (algo == 26 || algo == ALGO_ED448) {
        (void)take(c, algo == 26 ? 56 : 57);
    } else {
        return false;
    }
    return !c->bad;
}

static bool fingerprint(struct pgp_key *k)
{
    unsigned char md[EVP_MAX_MD_SIZE], head[5] = { 0x9b };
    struct vdigest d;
    bool six = k->version == 6;
    size_t n = k->body.n;
    head[1] = (unsigned char)(six ? n >> 24 : n >> 8);
    head[2] = (unsigned char)(six ? n >> 16 : n);
    head[3] = (unsigned char)(n >> 8);
    head[4] = (unsigned char)n;
    if (!six)
        head[0] = 0x99;
    if ((!six && n > 65535) || !vdigest_begin(&d, six ? EVP_sha256() : EVP_sha1()))
        return false;
    vdigest_add(&d, hc_str_n((const char *)head, six ? 5 : 3));
    vdigest_add(&d, k->body);
    k->fpr_n = (uint8_t)vdigest_end(&d, md);
    if (k->fpr_n != (six ? 32 : 20))
        return false;
    memcpy(k->fpr, md, k->fpr_n);
    const unsigned char *id = six ? k->fpr : k->fpr + 12;
    k->id = 0;
    for (size_t i = 0; i < 8; i++)
        k->id = k->id << 8 | id[i];
    return true;
}

enum hc_rc pgp_key_read(const struct pgp_packet *p, struct pgp_key *out)
{
    struct cursor c = cursor_of(p->body);
    memset(out, 0, sizeof(*out));
    out->version = take_u8(&c);
    if (c.bad || (out->version != 4 && out->version != 6))
        return HC_E_NOTFOUND;
    out->made = take_u32(&c);
    out->algo = take_u8(&c);
    size_t declared = out->version == 6 ? take_u32(&c) : 0;
    struct cursor from = c;
    if (c.bad || !skip_material(out->algo, &c))
        return HC_E_NOTFOUND;
    size_t used = (size_t)(c.p - from.p);
    if (out->version == 6 && used != declared)
        return HC_E_NOTFOUND;
    out->material = hc_str_n((const char *)from.p, used);
    out->body = hc_str_n(p->body.p, (size_t)((const char *)c.p - p->body.p));
    if (p->tag == TAG_SECRET_KEY || p->tag == TAG_SECRET_SUBKEY)
        out->secret = hc_str_n((const char *)c.p, c.n);
    else if (c.n)
        return HC_E_NOTFOUND; /* bytes that would be hashed by others and not by us */
    return fingerprint(out) ? HC_OK : HC_E_NOTFOUND;
}

EVP_PKEY *pgp_key_open(const struct pgp_key *k, int *out_bits)
{
    struct cursor c = cursor_of(k->material);
    EVP_PKEY *pk = NULL;
    hc_str n[4], oid, point;
    const char *group;
    int edwards;
    *out_bits = 0;
    switch (k->algo) {
    case ALGO_RSA:
    case ALGO_RSA_SIGN:
        n[0] = pgp_mpi(&c);
        n[1] = pgp_mpi(&c);
        pk = c.bad ? NULL : vkey_rsa(n[0], n[1]);
        *out_bits = pk ? EVP_PKEY_get_bits(pk) : 0;
        return pk;
    case ALGO_DSA:
        for (size_t i = 0; i < 4; i++)
            n[i] = pgp_mpi(&c);
        pk = c.bad ? NULL : vkey_dsa(n[0], n[1], n[2], n[3]);
        *out_bits = pk ? EVP_PKEY_get_bits(pk) : 0;
        return pk;
    case ALGO_ECDSA:
    case ALGO_EDDSA:
        oid = take(&c, take_u8(&c));
        point = pgp_mpi(&c);
        group = pgp_curve(oid, &edwards);
        if (c.bad || (k->algo == ALGO_ECDSA) != (group != NULL))
            return NULL;
        if (group)
            return vkey_ec(group, point);
        if (point.n && point.p[0] == 0x40) /* "native" form */
            point = hc_str_sub(point, 1, point.n);
        return edwards ? vkey_edwards(edwards, point) : NULL;
    case ALGO_ED25519:
        return vkey_edwards(EVP_PKEY_ED25519, k->material);
    case ALGO_ED448:
        return vkey_edwards(EVP_PKEY_ED448, k->material);
    default:
        return NULL;
    }
}

/* ---- signatures ---------------------------------------------------------------------------------- */

/* Subpackets of an area. What the unhashed one says is believed only where it proves itself (a signature within) or
 * is a hint (issuer). */
static bool read_subpackets(hc_str area, bool hashed, struct pgp_sig *s)
{
    struct cursor c = cursor_of(area);
    while (c.n && !c.bad) {
        size_t n = take_u8(&c);
        if (n >= 192 && n < 255)
            n = ((n - 192) << 8) + take_u8(&c) + 192;
        else if (n == 255)
            n = take_u32(&c);
        if (!n)
            return false;
        struct cursor d = cursor_of(take(&c, n));
        if (c.bad)
            return false;
        unsigned type = take_u8(&d), critical = type & 0x80;
        type &= 0x7f;
        if (type == 16 && d.n == 8) {
            if (!s->has_issuer)
                s->issuer = take_number(&d, 8);
            s->has_issuer = true;
        } else if (type == 33 && d.n > 8) {
            (void)take_u8(&d);
            s->issuer_fpr = hc_str_n((const char *)d.p, d.n);
        } else if (type == 32) {
            if (!s->embedded.n)
                s->embedded = hc_str_n((const char *)d.p, d.n);
        } else if (!hashed) {
            continue;
        } else if ((type == 2 || type == 3 || type == 9) && d.n != 4) {
            return false;
        } else if (type == 2) {
            s->made = take_u32(&d);
            s->has_made = true;
        } else if (type == 3) {
            s->life = take_u32(&d);
        } else if (type == 9) {
            s->key_life = take_u32(&d);
            s->has_key_life = true;
        } else if (type == 25) {
            s->primary_uid = d.n && *d.p;
        } else if (type == 27) {
            s->flags = d.n ? *d.p : 0;
            s->has_flags = true;
        } else if (critical) {
            /* Known and harmless here: exportable, trust, preferences, key server, policy, signer's user id, reason,
             * features, target, intended recipient. A critical notation (20) means something to others only. */
            static const uint8_t harmless[] = { 4, 5, 7, 11, 21, 22, 23, 24, 26, 28, 29, 30, 31, 34, 35, 39 };
            if (!memchr(harmless, (int)type, sizeof(harmless)))
                s->critical_unknown = true;
        }
    }
    return !c.bad;
}

static unsigned salt_size(uint8_t hash)
{
    switch (hash) {
    case 8: /* SHA-256, SHA3-256 */
    case 12:
    case 11: /* SHA-224 */
        return 16;
    case 9:
        return 24;
    case 10:
    case 14:
        return 32;
    default:
        return 0;
    }
}

enum hc_pgp_rule pgp_sig_read(hc_str body, struct pgp_sig *out)
{
    struct cursor c = cursor_of(body);
    memset(out, 0, sizeof(*out));
    out->version = take_u8(&c);
    if (!c.bad && out->version != 4 && out->version != 6)
        return HC_PGP_UNSUPPORTED;
    bool six = out->version == 6;
    out->type = take_u8(&c);
    out->algo = take_u8(&c);
    out->hash = take_u8(&c);
    hc_str hashed = take(&c, six ? take_u32(&c) : take_u16(&c));
    out->hashed = hc_str_n(body.p, (size_t)((const char *)c.p - body.p));
    hc_str unhashed = take(&c, six ? take_u32(&c) : take_u16(&c));
    out->tag16[0] = take_u8(&c);
    out->tag16[1] = take_u8(&c);
    if (six) {
        out->salt = take(&c, take_u8(&c));
        if (!c.bad && out->salt.n != salt_size(out->hash))
            return HC_PGP_MALFORMED;
    }
    out->numbers = hc_str_n((const char *)c.p, c.n);
    if (c.bad || !read_subpackets(hashed, true, out) || !read_subpackets(unhashed, false, out))
        return HC_PGP_MALFORMED;
    /* The issuer by its fingerprint: 20 bytes end with the id, 32 begin with it. */
    if (!out->has_issuer && (out->issuer_fpr.n == 20 || out->issuer_fpr.n == 32)) {
        struct cursor id = cursor_of(hc_str_sub(out->issuer_fpr, out->issuer_fpr.n == 20 ? 12 : 0, 32));
        out->issuer = take_number(&id, 8);
        out->has_issuer = true;
    }
    return out->has_made ? HC_PGP_GOOD : HC_PGP_MALFORMED;
}

const EVP_MD *pgp_digest(uint8_t hash, bool *out_weak, const char **out_name)
{
    static const struct {
        uint8_t id;
        bool weak;
        const char *name;
        const EVP_MD *(*md)(void);
    } list[] = { { 1, true, "MD5", NULL },
                 { 2, true, "SHA1", EVP_sha1 }, /* in self-signatures of old keys still */
                 { 3, true, "RIPEMD160", NULL },
                 { 8, false, "SHA256", EVP_sha256 },
                 { 9, false, "SHA384", EVP_sha384 },
                 { 10, false, "SHA512", EVP_sha512 },
                 { 11, false, "SHA224", EVP_sha224 },
                 { 12, false, "SHA3-256", EVP_sha3_256 },
                 { 14, false, "SHA3-512", EVP_sha3_512 } };
    *out_weak = false;
    *out_name = "unknown";
    for (size_t i = 0; i < HC_LEN(list); i++) {
        if (list[i].id != hash)
            continue;
        *out_weak = list[i].weak;
        *out_name = list[i].name;
        return list[i].md ? list[i].md() : NULL;
    }
    return NULL;
}

/* Two MPIs side by side, each filled up to half of `n` bytes. */
static bool edwards_signature(struct cursor *c, unsigned char *out, size_t n)
{
    memset(out, 0, n);
    for (size_t i = 0; i < 2; i++) {
        hc_str half = pgp_mpi(c);
        if (c->bad || half.n > n / 2)
            return false;
        memcpy(out + (i + 1) * (n / 2) - half.n, half.p ? half.p : "", half.n);
    }
    return true;
}

static bool check_numbers(struct hc_arena *a, const struct pgp_sig *s, EVP_PKEY *pk, const EVP_MD *md,
                          hc_str digest)
{
    struct cursor c = cursor_of(s->numbers);
    unsigned char raw[114];
    hc_str x, y;
    switch (s->algo) {
    case ALGO_RSA:
    case ALGO_RSA_SIGN:
        x = pgp_mpi(&c);
        return !c.bad && vkey_check_digest(pk, md, digest, x);
    case ALGO_DSA:
    case ALGO_ECDSA:
        x = pgp_mpi(&c);
        y = pgp_mpi(&c);
        return !c.bad && vkey_check_digest(pk, md, digest, vkey_two_numbers(a, x, y));
    case ALGO_EDDSA:
        if (EVP_PKEY_get_base_id(pk) == EVP_PKEY_ED448) { /* one MPI, prefixed as a point, or 114 bytes */
            x = pgp_mpi(&c);
            if (x.n == 115 && x.p[0] == 0x40)
                x = hc_str_sub(x, 1, x.n);
            return !c.bad && vkey_check(pk, NULL, digest, x);
        }
        return edwards_signature(&c, raw, 64) && vkey_check(pk, NULL, digest, hc_str_n((const char *)raw, 64));
    case ALGO_ED25519:
    case ALGO_ED448:
        return vkey_check(pk, NULL, digest, s->numbers);
    default:
        return false;
    }
}

bool pgp_sig_check(struct hc_arena *a, const struct pgp_sig *s, const struct pgp_key *k, EVP_PKEY *pk,
                   const hc_str *pieces, size_t n, unsigned *checks)
{
    bool weak;
    const char *name;
    const EVP_MD *md = pgp_digest(s->hash, &weak, &name);
    struct vdigest d;
    unsigned char digest[EVP_MAX_MD_SIZE], tail[6] = { s->version, 0xff };
    if (!*checks || !pk || !md || s->algo != k->algo || s->version != k->version || !vdigest_begin(&d, md))
        return false;
    (*checks)--;
    vdigest_add(&d, s->salt);
    for (size_t i = 0; i < n; i++)
        vdigest_add(&d, pieces[i]);
    vdigest_add(&d, s->hashed);
    for (size_t i = 0; i < 4; i++)
        tail[2 + i] = (unsigned char)(s->hashed.n >> (24 - 8 * i));
    vdigest_add(&d, hc_str_n((const char *)tail, sizeof(tail)));
    size_t size = vdigest_end(&d, digest);
    if (!size || digest[0] != s->tag16[0] || digest[1] != s->tag16[1])
        return false;
    return check_numbers(a, s, pk, md, hc_str_n((const char *)digest, size));
}
