/*
 * COSE_Sign1 (RFC 9052 4.2) as the Notary Project narrows it, and as much of CBOR (RFC 8949) as that needs. Nothing here
 * recurses and nothing is built: the reader goes over the bytes once, what it does not know it steps over, and each item
 * takes a byte at least, so a short text can claim no long work. Lengths are definite, keys are there once.
 */
#include "charts-fetch/verify/bytes_impl.h"
#include "charts-fetch/verify/notation_impl.h"
#include "core/base/buf.h"

enum { UINT, NINT, BYTES, TEXT, ARRAY, MAP, TAG, SIMPLE }; /* CBOR's major types */
#define MAX_LABELS 64u

/* RFC 9052 3.1, RFC 9360 2. */
enum { LABEL_ALG = 1, LABEL_CRIT = 2, LABEL_TYPE = 3, LABEL_CHAIN = 33 };

struct item {
    unsigned major;
    uint64_t n; /* the number; how many bytes, items, pairs */
    hc_str s;   /* of BYTES and TEXT */
};

static bool next(struct cursor *c, struct item *out)
{
    uint8_t head = take_u8(c);
    unsigned more = head & 31;
    out->major = head >> 5;
    out->s = (hc_str){ NULL, 0 };
    if (more > 27) /* indefinite or not defined */
        c->bad = true;
    out->n = more < 24 ? more : take_number(c, (size_t)1 << (more - 24 <= 3 ? more - 24 : 0));
    if (out->major == BYTES || out->major == TEXT) {
        out->s = take(c, out->n > c->n ? SIZE_MAX : (size_t)out->n);
        if (!out->s.p)
            out->s = HC_S("");
    } else if ((out->major == ARRAY || out->major == MAP) && out->n > c->n) {
        c->bad = true; /* of one byte each at least */
    }
    return !c->bad;
}

/* Steps over one whole item. */
static bool skip(struct cursor *c)
{
    for (uint64_t left = 1; left; left--) {
        struct item it;
        if (!next(c, &it))
            return false;
        if (it.major == ARRAY)
            left += it.n;
        else if (it.major == MAP)
            left += 2 * it.n;
        else if (it.major == TAG)
            left++;
        if (left > c->n + 1) { /* more is claimed than there is */
            c->bad = true;
            return false;
        }
    }
    return true;
}

/* A key of a header: a text or a number. */
struct label {
    bool text;
    int64_t n;
    hc_str s;
};

static bool label_of(const struct item *it, struct label *out)
{
    *out = (struct label){ .text = it->major == TEXT, .s = it->s };
    if (it->major == UINT && it->n <= INT32_MAX)
        out->n = (int64_t)it->n;
    else if (it->major == NINT && it->n <= INT32_MAX)
        out->n = -1 - (int64_t)it->n;
    else
        return out->text;
    return true;
}

static bool same(const struct label *x, const struct label *y)
{
    return x->text == y->text && (x->text ? hc_str_eq(x->s, y->s) : x->n == y->n);
}

static bool is(const struct label *l, const char *text)
{
    return l->text && hc_str_eqz(l->s, text);
}

struct header {
    struct label labels[MAX_LABELS];
    size_t n;
    struct cursor at; /* behind the map's head */
};

/* The head of a map; its keys are looked at as they come, by next_label. */
static enum hc_rc open_map(struct cursor c, const char *what, struct header *h, size_t *out_pairs,
                           struct hc_err *err)
{
    struct item it;
    h->n = 0;
    if (!next(&c, &it) || it.major != MAP || it.n > MAX_LABELS)
        return hc_fail(err, HC_E_INPUT, "%s is no map, or has more than %u keys", what, MAX_LABELS);
    h->at = c;
    *out_pairs = (size_t)it.n;
    return HC_OK;
}

static enum hc_rc next_label(struct header *h, struct label *out, struct hc_err *err)
{
    struct item it;
    if (!next(&h->at, &it) || !label_of(&it, out))
        return hc_fail(err, HC_E_INPUT, "a header has a key that is neither text nor a number");
    for (size_t i = 0; i < h->n; i++)
        if (same(&h->labels[i], out))
            return hc_fail(err, HC_E_INPUT, "a header has a key twice");
    h->labels[h->n++] = *out;
    return HC_OK;
}

/* Tag 1, an epoch; whole seconds. */
static bool take_time(struct cursor *c, int64_t *out_ms)
{
    struct item tag, n;
    if (!next(c, &tag) || tag.major != TAG || tag.n != 1 || !next(c, &n) || n.major != UINT ||
        n.n > (uint64_t)1 << 40)
        return false;
    *out_ms = (int64_t)n.n * 1000;
    return true;
}

static hc_str algorithm_of(const struct item *it)
{
    /* RFC 9053 2.1, RFC 8230 2. */
    static const struct {
        int64_t id;
        const char *name;
    } rows[] = { { -7, "ES256" },  { -35, "ES384" }, { -36, "ES512" },
                 { -37, "PS256" }, { -38, "PS384" }, { -39, "PS512" } };
    struct label id;
    for (size_t i = 0; label_of(it, &id) && !id.text && i < HC_LEN(rows); i++)
        if (id.n == rows[i].id)
            return hc_str_of(rows[i].name);
    return (hc_str){ NULL, 0 };
}

struct protected
{
    struct header h;
    struct cursor crit; /* behind the head of the list */
    size_t crit_n;
    hc_str scheme;
    int64_t plain_ms, authentic_ms;
};

static bool read_value(struct protected *p, const struct label *l, struct hc_notation_envelope *out)
{
    struct cursor *c = &p->h.at;
    struct item it;
    if (!l->text && l->n == LABEL_ALG)
        return next(c, &it) && (out->algorithm = algorithm_of(&it)).n;
    if (!l->text && l->n == LABEL_TYPE) {
        if (!next(c, &it) || it.major != TEXT)
            return false;
        out->content_type = it.s;
        return true;
    }
    if (!l->text && l->n == LABEL_CRIT) {
        struct cursor list = *c;
        if (!next(&list, &it) || it.major != ARRAY || !it.n || it.n > MAX_LABELS)
            return false;
        p->crit = list;
        p->crit_n = (size_t)it.n;
        return skip(c);
    }
    if (is(l, NOTATION_SCHEME_AT)) {
        if (!next(c, &it) || it.major != TEXT)
            return false;
        p->scheme = it.s;
        return true;
    }
    if (is(l, NOTATION_EXPIRY))
        return take_time(c, &out->expiry_ms);
    if (is(l, NOTATION_TIME))
        return take_time(c, &p->plain_ms);
    if (is(l, NOTATION_AUTH_TIME))
        return take_time(c, &p->authentic_ms);
    if (l->text && hc_str_starts(l->s, HC_S(NOTATION_PLUGIN)))
        out->unknown = l->s; /* critical or not, it says that more has to be asked */
    return skip(c);
}

static bool ours(const struct label *l)
{
    return l->text ? is(l, NOTATION_EXPIRY) || is(l, NOTATION_TIME) || is(l, NOTATION_SCHEME_AT) ||
                         is(l, NOTATION_AUTH_TIME)
                   : l->n >= LABEL_ALG && l->n <= LABEL_TYPE;
}

/* "crit": what must be in it is, and all that is in it is there. */
static enum hc_rc read_critical(struct hc_arena *a, struct protected *p, struct hc_notation_envelope *out,
                                struct hc_err *err)
{
    const char *must[] = { NOTATION_SCHEME_AT, out->expiry_ms != INT64_MAX ? NOTATION_EXPIRY : NULL,
                           out->authority ? NOTATION_AUTH_TIME : NULL };
    for (size_t i = 0; i < p->crit_n; i++) {
        struct item it;
        struct label l;
        bool there = false;
        if (!next(&p->crit, &it) || !label_of(&it, &l))
            return hc_fail(err, HC_E_INPUT, "the header 'crit' is broken");
        for (size_t j = 0; j < p->h.n; j++)
            there |= same(&p->h.labels[j], &l);
        if (!there)
            return hc_fail(err, HC_E_INPUT, "a header is marked as critical and is not there");
        for (size_t j = 0; j < HC_LEN(must); j++)
            if (must[j] && is(&l, must[j]))
                must[j] = NULL;
        if (!ours(&l))
            out->unknown = l.text ? l.s : hc_arena_printf(a, "%lld", (long long)l.n);
    }
    for (size_t j = 0; j < HC_LEN(must); j++)
        if (must[j])
            return hc_fail(err, HC_E_INPUT, "the header '%s' is not marked as critical", must[j]);
    return HC_OK;
}

static enum hc_rc read_protected(struct hc_arena *a, hc_str bytes, struct hc_notation_envelope *out,
                                 struct hc_err *err)
{
    struct protected p = { .plain_ms = INT64_MAX, .authentic_ms = INT64_MAX };
    size_t pairs = 0;
    enum hc_rc rc = open_map(cursor_of(bytes), "the protected header", &p.h, &pairs, err);
    for (size_t i = 0; rc == HC_OK && i < pairs; i++) {
        struct label l;
        rc = next_label(&p.h, &l, err);
        if (rc == HC_OK && !read_value(&p, &l, out))
            rc = l.text ? hc_fail(err, HC_E_INPUT, "the protected header '%.*s' is broken", HC_P(printable(l.s)))
                        : hc_fail(err, HC_E_INPUT, "the protected header %lld is broken or not supported",
                                  (long long)l.n);
    }
    if (rc == HC_OK && p.h.at.n)
        rc = hc_fail(err, HC_E_INPUT, "there is something behind the protected header");
    if (rc == HC_OK)
        rc = notation_set_times(out, p.scheme, p.plain_ms, p.authentic_ms, err);
    return rc == HC_OK ? read_critical(a, &p, out, err) : rc;
}

/* Reads the map at *c and goes behind it. */
static enum hc_rc read_unprotected(struct cursor *c, struct hc_notation_envelope *out, struct hc_err *err)
{
    struct header h;
    size_t pairs = 0;
    enum hc_rc rc = open_map(*c, "the unprotected header", &h, &pairs, err);
    for (size_t i = 0; rc == HC_OK && i < pairs; i++) {
        struct label l;
        struct item it;
        bool good = true;
        if ((rc = next_label(&h, &l, err)) != HC_OK)
            return rc;
        if (!l.text && l.n == LABEL_CHAIN) {
            good = next(&h.at, &it) && it.major == ARRAY && it.n <= HC_NOTATION_MAX_CHAIN;
            for (uint64_t n = good ? it.n : 0; good && n; n--) {
                struct item cert;
                good = next(&h.at, &cert) && cert.major == BYTES;
                if (good)
                    out->certs[out->certs_n++] = cert.s;
            }
        } else if (is(&l, NOTATION_STAMP)) {
            good = next(&h.at, &it) && it.major == BYTES;
            out->stamp = it.s;
        } else {
            good = skip(&h.at);
        }
        if (!good)
            return hc_fail(err, HC_E_INPUT, "the unprotected header is broken, or its chain is longer than %u",
                           HC_NOTATION_MAX_CHAIN);
    }
    *c = h.at;
    return rc;
}

static void put_bytes(struct hc_buf *b, hc_str s)
{
    char head[9] = { (char)(BYTES << 5) };
    size_t n = s.n < 24 ? 0 : s.n < 256 ? 1 : s.n < 65536 ? 2 : 4;
    head[0] = (char)(head[0] | (n == 0 ? (int)s.n : n == 1 ? 24 : n == 2 ? 25 : 26));
    for (size_t i = 0; i < n; i++)
        head[1 + i] = (char)(s.n >> 8 * (n - 1 - i) & 0xff);
    hc_buf_put(b, hc_str_n(head, 1 + n));
    hc_buf_put(b, s);
}

/* RFC 9052 4.4: Sig_structure. */
static hc_str signed_part(struct hc_arena *a, hc_str protected, hc_str payload)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    hc_buf_put(&b, HC_S("\x84\x6aSignature1"));
    put_bytes(&b, protected);
    put_bytes(&b, HC_S(""));
    put_bytes(&b, payload);
    return hc_buf_to_arena(&b, a);
}

enum hc_rc notation_read_cose(struct hc_arena *a, hc_str bytes, struct hc_notation_envelope *out,
                              struct hc_err *err)
{
    struct cursor c = cursor_of(bytes);
    struct item tag, list, protected, payload, signature;
    if (!next(&c, &tag) || tag.major != TAG || tag.n != 18 || !next(&c, &list) || list.major != ARRAY ||
        list.n != 4 || !next(&c, &protected) || protected.major != BYTES)
        return hc_fail(err, HC_E_INPUT, "the envelope is no tagged COSE_Sign1");
    enum hc_rc rc = read_protected(a, protected.s, out, err);
    if (rc == HC_OK)
        rc = read_unprotected(&c, out, err);
    if (rc != HC_OK)
        return rc;
    if (!next(&c, &payload) || payload.major != BYTES || !next(&c, &signature) || signature.major != BYTES || c.n)
        return hc_fail(err, HC_E_INPUT,
                       "the envelope's payload or signature is missing, or there is more behind it");
    out->payload = payload.s;
    out->signature = signature.s;
    out->message = signed_part(a, protected.s, payload.s);
    return out->message.p ? HC_OK : hc_fail_nomem(err);
}
