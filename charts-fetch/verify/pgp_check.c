/*
 * Whether a signature counts: the key it names is looked for, then what its primary key says about it in
 * self-signatures - user ids, life, flags, binding and back-binding of a subkey, revocations - then the signature over
 * the data itself. Of several self-signatures the newest valid one speaks. A revocation counts from whatever time it
 * was made on and backwards: what was signed before is refused too, as Flux and Helm refuse it.
 */
#include <time.h>

#include "charts-fetch/verify/pgp_impl.h"

#define MAX_SIGNATURES 16u   /* packets of one detached signature */
#define CLOCK_SKEW_S   86400 /* a signer's clock may be that much ahead of ours */

/* What the self-signatures of one key say. */
struct standing {
    bool bound, revoked, uid_revoked, bad_notation;
    bool has_flags, back_bound;
    uint8_t flags;
    bool has_key_life;
    uint32_t key_life, made; /* made: of the self-signature that speaks */
};

struct look {
    struct hc_arena *a;
    const struct pgp_cert *cert;
    EVP_PKEY *primary;
    int64_t now_s;
    unsigned *checks;
};

/* The prefix under which a key is hashed. */
static hc_str key_prefix(const struct pgp_key *k, char out[5])
{
    size_t n = k->body.n;
    if (k->version == 6) {
        out[0] = (char)0x9b;
        for (size_t i = 0; i < 4; i++)
            out[1 + i] = (char)(n >> (24 - 8 * i) & 0xff);
        return hc_str_n(out, 5);
    }
    out[0] = (char)0x99;
    out[1] = (char)(n >> 8 & 0xff);
    out[2] = (char)(n & 0xff);
    return hc_str_n(out, 3);
}

static bool in_time(const struct pgp_sig *s, int64_t now_s)
{
    return (int64_t)s->made <= now_s + CLOCK_SKEW_S && (!s->life || (int64_t)s->made + s->life > now_s);
}

/* A self-signature of the primary key over its own packet and `more`. */
static bool self_signed(const struct look *l, const struct pgp_sig *s, const hc_str *more, size_t n)
{
    char prefix[5];
    hc_str pieces[4] = { key_prefix(&l->cert->primary, prefix), l->cert->primary.body };
    for (size_t i = 0; i < n && i < 2; i++)
        pieces[2 + i] = more[i];
    if (s->critical_unknown || (s->has_issuer && s->issuer != l->cert->primary.id))
        return false;
    return pgp_sig_check(l->a, s, &l->cert->primary, l->primary, pieces, 2 + n, l->checks);
}

/* The user ids, direct signatures and revocations of the primary key. */
struct primary_view {
    struct standing direct, uid; /* uid: of the user id that speaks */
    bool have_uid, uid_is_primary;
    hc_str user_id;
    hc_str ids[PGP_MAX_USER_IDS];
    size_t id_count;
    bool revoked;
};

static void note_standing(struct standing *st, const struct pgp_sig *s)
{
    *st = (struct standing){ .bound = true,
                             .has_flags = s->has_flags,
                             .flags = s->flags,
                             .has_key_life = s->has_key_life,
                             .key_life = s->key_life,
                             .made = s->made };
}

/* One user id with all its certifications done: does it speak for the key? */
static void end_user_id(struct primary_view *v, hc_str id, const struct pgp_sig *best,
                        const struct pgp_sig *revoked)
{
    if (!best)
        return;
    bool gone = revoked && revoked->made >= best->made;
    if (v->id_count < PGP_MAX_USER_IDS && !gone)
        v->ids[v->id_count++] = id;
    /* Go's rule: primary before others, then the newest; one that is revoked only where there is no other. */
    bool better = !v->have_uid || (v->uid.uid_revoked && !gone);
    if (v->have_uid && v->uid.uid_revoked == gone)
        better = best->primary_uid != v->uid_is_primary ? best->primary_uid : best->made > v->uid.made;
    if (!better)
        return;
    note_standing(&v->uid, best);
    v->uid.uid_revoked = gone;
    v->have_uid = true;
    v->uid_is_primary = best->primary_uid;
    v->user_id = id;
}

static void look_at_primary(const struct look *l, struct primary_view *v)
{
    struct cursor c = cursor_of(l->cert->rest);
    struct pgp_packet p;
    struct pgp_sig s, best = { 0 }, revoked = { 0 };
    hc_str id = { NULL, 0 };
    bool in_keys = false, in_id = false, have_best = false, have_revoked = false;
    memset(v, 0, sizeof(*v));
    while (!in_keys && pgp_packet_next(&c, &p)) {
        if (p.tag == TAG_USER_ID || p.tag == TAG_USER_ATTRIBUTE || p.tag == TAG_PUBLIC_SUBKEY ||
            p.tag == TAG_SECRET_SUBKEY) {
            end_user_id(v, id, have_best ? &best : NULL, have_revoked ? &revoked : NULL);
            have_best = have_revoked = false;
            in_keys = p.tag == TAG_PUBLIC_SUBKEY || p.tag == TAG_SECRET_SUBKEY;
            in_id = p.tag == TAG_USER_ID;
            id = p.body;
            if (p.tag == TAG_USER_ATTRIBUTE) /* pictures speak for nobody */
                id = (hc_str){ NULL, 0 };
        } else if (p.tag == TAG_SIGNATURE && pgp_sig_read(p.body, &s) == HC_PGP_GOOD) {
            bool cert = s.type >= SIG_CERT && s.type <= SIG_CERT_LAST;
            if (s.type == SIG_DIRECT && in_time(&s, l->now_s) && (!v->direct.bound || s.made > v->direct.made)) {
                if (self_signed(l, &s, NULL, 0))
                    note_standing(&v->direct, &s);
            } else if (s.type == SIG_REVOKE_KEY && !v->revoked) {
                v->revoked = self_signed(l, &s, NULL, 0);
            } else if (in_id && (cert || s.type == SIG_REVOKE_CERT)) {
                char head[5] = { (char)0xb4, (char)(id.n >> 24 & 0xff), (char)(id.n >> 16 & 0xff),
                                 (char)(id.n >> 8 & 0xff), (char)(id.n & 0xff) };
                const hc_str more[2] = { { head, 5 }, id };
                bool newer = cert ? !have_best || s.made > best.made : !have_revoked || s.made > revoked.made;
                if (!newer || (cert && !in_time(&s, l->now_s)) || !self_signed(l, &s, more, 2))
                    continue;
                if (cert) {
                    best = s;
                    have_best = true;
                } else {
                    revoked = s;
                    have_revoked = true;
                }
            }
        }
    }
    if (!in_keys)
        end_user_id(v, id, have_best ? &best : NULL, have_revoked ? &revoked : NULL);
}

size_t pgp_user_ids(struct hc_arena *a, const struct pgp_cert *cert, int64_t now_s, hc_str out[PGP_MAX_USER_IDS])
{
    struct primary_view v;
    unsigned checks = PGP_MAX_CHECKS;
    int bits;
    HC_AUTO(vkey) EVP_PKEY *primary = pgp_key_open(&cert->primary, &bits);
    const struct look l = { a, cert, primary, now_s, &checks };
    look_at_primary(&l, &v);
    memcpy(out, v.ids, v.id_count * sizeof(*out));
    return v.id_count;
}

/* The back signature, by which a signing subkey agrees to be bound. */
static bool back_bound(const struct look *l, const struct pgp_sig *binding, const struct pgp_key *sub, EVP_PKEY *pk)
{
    struct pgp_sig back;
    char p1[5], p2[5];
    if (!binding->embedded.n || pgp_sig_read(binding->embedded, &back) != HC_PGP_GOOD ||
        back.type != SIG_PRIMARY_BACK || back.critical_unknown || !in_time(&back, l->now_s))
        return false;
    const hc_str pieces[] = { key_prefix(&l->cert->primary, p1), l->cert->primary.body, key_prefix(sub, p2),
                              sub->body };
    return pgp_sig_check(l->a, &back, sub, pk, pieces, HC_LEN(pieces), l->checks);
}

/* The bindings and revocations of the subkey whose packet is `packet`. */
static void look_at_subkey(const struct look *l, const struct pgp_packet *packet, const struct pgp_key *sub,
                           EVP_PKEY *pk, struct standing *st)
{
    struct cursor c = cursor_of(l->cert->rest);
    struct pgp_packet p;
    struct pgp_sig s;
    bool here = false;
    char prefix[5];
    const hc_str more[2] = { key_prefix(sub, prefix), sub->body };
    memset(st, 0, sizeof(*st));
    while (pgp_packet_next(&c, &p)) {
        if (p.tag == TAG_PUBLIC_SUBKEY || p.tag == TAG_SECRET_SUBKEY) {
            here = p.body.p == packet->body.p;
        } else if (here && p.tag == TAG_SIGNATURE && pgp_sig_read(p.body, &s) == HC_PGP_GOOD) {
            if (s.type == SIG_REVOKE_SUBKEY && !st->revoked) {
                st->revoked = self_signed(l, &s, more, 2);
            } else if (s.type == SIG_SUBKEY && in_time(&s, l->now_s) && (!st->bound || s.made > st->made) &&
                       self_signed(l, &s, more, 2)) {
                bool revoked = st->revoked;
                note_standing(st, &s);
                st->revoked = revoked;
                st->back_bound = back_bound(l, &s, sub, pk);
            }
        }
    }
}

static bool over(const struct pgp_key *k, const struct standing *st, int64_t now_s)
{
    return st->has_key_life && st->key_life && (int64_t)k->made + st->key_life <= now_s;
}

static void put_fingerprint(const struct pgp_key *k, char out[65])
{
    static const char digits[] = "0123456789ABCDEF";
    for (size_t i = 0; i < k->fpr_n; i++) {
        out[2 * i] = digits[k->fpr[i] >> 4];
        out[2 * i + 1] = digits[k->fpr[i] & 15];
    }
    out[2 * (size_t)k->fpr_n] = '\0';
}

static hc_str day(struct hc_arena *a, int64_t s)
{
    time_t t = (time_t)s;
    struct tm tm;
    char buf[32] = "";
    if (gmtime_r(&t, &tm))
        (void)strftime(buf, sizeof(buf), "%Y-%m-%d", &tm);
    return hc_arena_str(a, hc_str_of(buf));
}

static enum hc_rc verdict(struct hc_pgp_result *out, struct hc_err *err, enum hc_pgp_rule rule, const char *fmt,
                          ...) HC_PRINTF(4, 5);
static enum hc_rc verdict(struct hc_pgp_result *out, struct hc_err *err, enum hc_pgp_rule rule, const char *fmt,
                          ...)
{
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    out->rule = rule;
    return hc_fail(err, HC_E_INPUT, "%s", text);
}

/* The signature `s` by the key `entry` over `data`. */
static enum hc_rc check_by(struct hc_arena *a, const struct hc_pgp_ring *ring, const struct pgp_entry *entry,
                           const struct pgp_sig *s, hc_str data, int64_t now_s, unsigned *checks,
                           struct hc_pgp_result *out, struct hc_err *err)
{
    const struct pgp_cert *cert = &ring->certs[entry->cert];
    struct pgp_key key;
    struct primary_view v;
    struct standing st;
    int bits = 0, primary_bits = 0;
    if (pgp_key_read(&entry->packet, &key) != HC_OK)
        return verdict(out, err, HC_PGP_UNSUPPORTED, "the key cannot be read");
    HC_AUTO(vkey) EVP_PKEY *primary = pgp_key_open(&cert->primary, &primary_bits);
    HC_AUTO(vkey) EVP_PKEY *pk = pgp_key_open(&key, &bits);
    put_fingerprint(&key, out->fingerprint);
    put_fingerprint(&cert->primary, out->primary);
    if (!primary || !pk)
        return verdict(out, err, HC_PGP_UNSUPPORTED, "key %s: its algorithm or curve is not supported",
                       out->key_id);

    /* The data first: a key that did not sign it is of no interest. */
    if (s->version != key.version || s->algo != key.algo)
        return verdict(out, err, HC_PGP_BAD_SIGNATURE,
                       "the signature names key %s but is of another kind than that key", out->key_id);
    if (!pgp_sig_check(a, s, &key, pk, &data, 1, checks))
        return verdict(out, err, HC_PGP_BAD_SIGNATURE,
                       "bad signature: key %s did not sign this content; it was changed, or signed elsewhere",
                       out->key_id);

    const struct look l = { a, cert, primary, now_s, checks };
    look_at_primary(&l, &v);
    hc_str *ids = HC_NEW_N(a, hc_str, v.id_count + 1);
    if (!ids)
        return hc_fail_nomem(err);
    memcpy(ids, v.ids, v.id_count * sizeof(*ids));
    out->user_ids = ids;
    out->user_id_count = v.id_count;
    out->user_id = v.user_id;
    const struct standing *pst = v.have_uid ? &v.uid : &v.direct;
    struct standing whole = *pst;
    if (!whole.has_key_life && v.direct.has_key_life) {
        whole.has_key_life = true;
        whole.key_life = v.direct.key_life;
    }
    if (!whole.has_flags && v.direct.has_flags) {
        whole.has_flags = true;
        whole.flags = v.direct.flags;
    }
    if (!whole.bound)
        return verdict(out, err, HC_PGP_KEY_UNFIT,
                       "key %s: no user id of its primary key has a valid self-signature", out->key_id);
    if (entry->primary)
        st = whole;
    else
        look_at_subkey(&l, &entry->packet, &key, pk, &st);
    if (!entry->primary && (!st.bound || !st.back_bound))
        return verdict(out, err, HC_PGP_KEY_UNFIT, "key %s is a subkey that is not bound to its primary key %s",
                       out->key_id, out->primary);
    if (st.has_flags ? !(st.flags & FLAG_SIGN) : !entry->primary)
        return verdict(out, err, HC_PGP_KEY_UNFIT, "key %s is not meant for signing (its key flags)", out->key_id);
    if ((key.algo == ALGO_RSA || key.algo == ALGO_RSA_SIGN || key.algo == ALGO_DSA) && bits < 2047)
        return verdict(out, err, HC_PGP_WEAK, "key %s has %d bits, which is too weak: 2048 are needed", out->key_id,
                       bits);
    if (v.revoked || st.revoked || whole.uid_revoked)
        return verdict(out, err, HC_PGP_KEY_REVOKED, "key %s was revoked%s", out->key_id,
                       v.revoked && !entry->primary ? " with its primary key"
                       : whole.uid_revoked          ? " by its user id"
                                                    : "");
    if (over(&cert->primary, &whole, now_s) || over(&key, &st, now_s)) {
        bool by_primary = over(&cert->primary, &whole, now_s);
        int64_t end = by_primary ? (int64_t)cert->primary.made + whole.key_life : (int64_t)key.made + st.key_life;
        return verdict(out, err, HC_PGP_KEY_EXPIRED, "key %s expired on %.*s%s", out->key_id, HC_P(day(a, end)),
                       by_primary && !entry->primary ? " with its primary key" : "");
    }
    if ((int64_t)s->made > now_s + CLOCK_SKEW_S)
        return verdict(out, err, HC_PGP_SIGNATURE_EXPIRED,
                       "the signature by key %s says it was made on %.*s, which is not yet", out->key_id,
                       HC_P(day(a, s->made)));
    if (s->made < key.made)
        return verdict(out, err, HC_PGP_SIGNATURE_EXPIRED, "the signature is older than key %s, which made it",
                       out->key_id);
    if (s->life && (int64_t)s->made + s->life <= now_s)
        return verdict(out, err, HC_PGP_SIGNATURE_EXPIRED, "the signature by key %s expired on %.*s", out->key_id,
                       HC_P(day(a, (int64_t)s->made + s->life)));
    out->rule = HC_PGP_GOOD;
    return HC_OK;
}

/* Text signatures are over CR LF line ends (RFC 9580, 5.2.1.2). */
static hc_str canonical_text(struct hc_arena *a, hc_str data)
{
    size_t lines = 0;
    for (size_t i = 0; i < data.n; i++)
        lines += data.p[i] == '\n';
    char *p = hc_arena_alloc(a, data.n + lines + 1, 1);
    size_t n = 0;
    for (size_t i = 0; p && i < data.n; i++) {
        if (data.p[i] == '\n' && (i == 0 || data.p[i - 1] != '\r'))
            p[n++] = '\r';
        p[n++] = data.p[i];
    }
    return (hc_str){ p, p ? n : 0 };
}

/* One signature packet against the ring. */
static enum hc_rc check_packet(struct hc_arena *a, const struct hc_pgp_ring *ring, hc_str body, hc_str data,
                               int64_t now_s, unsigned *checks, struct hc_pgp_result *out, struct hc_err *err)
{
    struct pgp_sig s;
    bool weak, found = false;
    const char *name;
    enum hc_pgp_rule rule = pgp_sig_read(body, &s);
    memset(out, 0, sizeof(*out));
    if (rule == HC_PGP_MALFORMED)
        return verdict(out, err, rule, "the signature is broken");
    if (rule != HC_PGP_GOOD)
        return verdict(out, err, rule, "the signature has version %u, 4 and 6 are known", s.version);
    (void)snprintf(out->key_id, sizeof(out->key_id), "%016" PRIX64, s.issuer);
    out->made_s = s.made;
    const EVP_MD *md = pgp_digest(s.hash, &weak, &name);
    out->digest = name;
    if (!s.has_issuer)
        return verdict(out, err, HC_PGP_MALFORMED, "the signature does not say which key made it");
    if (s.type != SIG_BINARY && s.type != SIG_TEXT)
        return verdict(out, err, HC_PGP_UNSUPPORTED,
                       "the signature is of type 0x%02x: it says something about a key, not about content", s.type);
    if (s.critical_unknown)
        return verdict(out, err, HC_PGP_UNSUPPORTED,
                       "the signature by key %s has a critical part that is not known", out->key_id);
    if (weak)
        return verdict(
            out, err, HC_PGP_WEAK,
            "the signature by key %s uses the digest %s, which is too weak: sign again with SHA256 or better",
            out->key_id, name);
    if (!md)
        return verdict(out, err, HC_PGP_UNSUPPORTED, "the signature by key %s uses a digest (%u) that is not known",
                       out->key_id, s.hash);
    if (s.type == SIG_TEXT && !(data = canonical_text(a, data)).p)
        return hc_fail_nomem(err);
    enum hc_rc rc = HC_E_INPUT;
    for (size_t i = 0; i < ring->entry_count && rc != HC_OK; i++) {
        if (ring->entries[i].id != s.issuer)
            continue;
        found = true;
        rc = check_by(a, ring, &ring->entries[i], &s, data, now_s, checks, out, err);
        if (rc == HC_E_NOMEM)
            return rc;
    }
    if (!found)
        return verdict(out, err, HC_PGP_NO_KEY, "the signature was made by key %s, which is not in the keyring",
                       out->key_id);
    if (rc != HC_OK && !*checks)
        return hc_fail(err, HC_E_LIMIT,
                       "checking the signature by key %s takes more than %u steps: key with too many "
                       "signatures on it",
                       out->key_id, PGP_MAX_CHECKS);
    return rc;
}

enum hc_rc hc_pgp_verify(struct hc_arena *a, const struct hc_pgp_ring *ring, hc_str data, hc_str signature,
                         int64_t now_s, struct hc_pgp_result *out, struct hc_err *err)
{
    struct pgp_armor block;
    struct pgp_packet p;
    struct hc_pgp_result one;
    struct hc_err one_err = HC_ERR_INIT;
    unsigned checks = PGP_MAX_CHECKS, seen = 0;
    memset(out, 0, sizeof(*out));
    if (signature.n > PGP_MAX_SIGNATURE)
        return verdict(out, err, HC_PGP_MALFORMED, "the signature has %zu bytes, %zu are allowed", signature.n,
                       PGP_MAX_SIGNATURE);
    if (pgp_is_armored(signature)) {
        enum hc_rc rc = pgp_armor_next(a, signature, &block, err);
        if (rc == HC_E_NOMEM)
            return rc;
        if (rc != HC_OK || !hc_str_eqz(block.type, "SIGNATURE")) {
            if (rc == HC_OK)
                hc_fail(err, HC_E_INPUT, "the armoured block is a '%.*s' and not a signature",
                        HC_P(printable(block.type)));
            out->rule = HC_PGP_MALFORMED;
            return HC_E_INPUT;
        }
        signature = block.body;
    }
    struct cursor c = cursor_of(signature);
    enum hc_rc rc = verdict(out, err, HC_PGP_MALFORMED, "there is no signature in it");
    while (seen < MAX_SIGNATURES && pgp_packet_next(&c, &p)) {
        if (p.tag != TAG_SIGNATURE)
            return verdict(out, err, HC_PGP_MALFORMED, "there is something else than a signature in it (packet %u)",
                           p.tag);
        enum hc_rc got = check_packet(a, ring, p.body, data, now_s, &checks, &one, &one_err);
        /* A failure by a key that we have says more than one by a stranger's. */
        if (got == HC_OK || seen == 0 || (out->rule == HC_PGP_NO_KEY && one.rule != HC_PGP_NO_KEY)) {
            *out = one;
            rc = got == HC_OK ? HC_OK : hc_err_copy(err, &one_err);
            if (rc != HC_OK)
                rc = got;
        }
        if (got == HC_OK || got == HC_E_NOMEM || got == HC_E_LIMIT)
            return got;
        seen++;
    }
    if (c.bad && !seen)
        return verdict(out, err, HC_PGP_MALFORMED, "the signature is broken");
    return rc;
}
