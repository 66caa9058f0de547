/*
 * Keyrings: armoured, binary and GnuPG's keybox. Reading one only finds where its keys are; what binds them is looked
 * at when a signature names one of them (pgp_check.c), so a large ring costs little.
 */
#include "charts-fetch/verify/pgp_impl.h"

struct hc_pgp_ring *hc_pgp_ring_new(struct hc_arena *a)
{
    struct hc_pgp_ring *r = HC_NEW(a, struct hc_pgp_ring);
    if (r)
        r->a = a;
    return r;
}

size_t hc_pgp_ring_count(const struct hc_pgp_ring *ring)
{
    return ring ? ring->cert_count : 0;
}

/* Room for one more; NULL: no memory. */
static void *grow(struct hc_arena *a, void *items, size_t n, size_t *cap, size_t size)
{
    if (n < *cap)
        return items;
    size_t more = *cap ? *cap * 2 : 8;
    void *p = hc_arena_alloc_n(a, more, size, _Alignof(max_align_t));
    if (!p)
        return NULL;
    if (n)
        memcpy(p, items, n * size);
    *cap = more;
    return p;
}

static bool add_entry(struct hc_pgp_ring *r, const struct pgp_packet *p, const struct pgp_key *k, bool primary)
{
    r->entries = grow(r->a, r->entries, r->entry_count, &r->entry_cap, sizeof(*r->entries));
    if (!r->entries)
        return false;
    r->entries[r->entry_count++] = (struct pgp_entry){ k->id, (uint32_t)(r->cert_count - 1), primary, *p };
    return true;
}

static bool add_cert(struct hc_pgp_ring *r, const struct pgp_packet *p, const struct pgp_key *k)
{
    r->certs = grow(r->a, r->certs, r->cert_count, &r->cert_cap, sizeof(*r->certs));
    if (!r->certs)
        return false;
    r->certs[r->cert_count++] = (struct pgp_cert){ .primary = *k };
    return add_entry(r, p, k, true);
}

static enum hc_rc add_packets(struct hc_pgp_ring *r, hc_str bytes, struct hc_err *err)
{
    struct cursor c = cursor_of(bytes);
    struct pgp_packet p;
    struct pgp_key k;
    bool in_cert = false;
    while (pgp_packet_next(&c, &p)) {
        bool primary = p.tag == TAG_PUBLIC_KEY || p.tag == TAG_SECRET_KEY;
        bool sub = p.tag == TAG_PUBLIC_SUBKEY || p.tag == TAG_SECRET_SUBKEY;
        if (primary)
            in_cert = false;
        if ((primary || sub) && r->entry_count >= PGP_MAX_KEYS)
            return hc_fail(err, HC_E_LIMIT, "the keyring has more than %u keys", PGP_MAX_KEYS);
        if (primary && pgp_key_read(&p, &k) == HC_OK) {
            if (!add_cert(r, &p, &k))
                return hc_fail_nomem(err);
            r->certs[r->cert_count - 1].rest = hc_str_n((const char *)c.p, 0);
            in_cert = true;
        } else if (sub && in_cert && pgp_key_read(&p, &k) == HC_OK && !add_entry(r, &p, &k, false)) {
            return hc_fail_nomem(err);
        }
        if (in_cert && !primary) { /* the packet belongs to the key before it */
            hc_str *rest = &r->certs[r->cert_count - 1].rest;
            rest->n = (size_t)((const char *)c.p - rest->p);
        }
    }
    if (c.bad)
        return hc_fail(err, HC_E_INPUT,
                       "the keyring is broken or no keyring: at byte %zu of %zu there is no packet",
                       (size_t)((const char *)c.p - bytes.p), bytes.n);
    return HC_OK;
}

/* GnuPG kbx/keybox-blob.c: blobs of big-endian length and type; type 2 holds an OpenPGP key at an offset it names. */
static enum hc_rc add_keybox(struct hc_pgp_ring *r, hc_str bytes, struct hc_err *err)
{
    struct cursor c = cursor_of(bytes);
    while (c.n) {
        struct cursor head = c;
        size_t n = take_u32(&head);
        unsigned type = take_u8(&head);
        struct cursor blob = cursor_of(take(&c, n));
        if (c.bad || head.bad || n < 5)
            return hc_fail(err, HC_E_INPUT, "the keybox is cut off or broken");
        if (type != 2)
            continue;
        hc_str whole = hc_str_n((const char *)blob.p, blob.n);
        (void)take(&blob, 8);
        size_t at = take_u32(&blob), size = take_u32(&blob);
        if (blob.bad || at > whole.n || size > whole.n - at)
            return hc_fail(err, HC_E_INPUT, "the keybox is broken: a key lies outside of its entry");
        enum hc_rc rc = add_packets(r, hc_str_sub(whole, at, at + size), err);
        if (rc != HC_OK)
            return rc;
    }
    return HC_OK;
}

static enum hc_rc add_armored(struct hc_pgp_ring *r, hc_str bytes, struct hc_err *err)
{
    struct pgp_armor block;
    for (hc_str rest = bytes; rest.n; rest = block.rest) {
        enum hc_rc rc = pgp_armor_next(r->a, rest, &block, err);
        if (rc == HC_E_NOTFOUND) {
            hc_err_clear(err);
            break;
        }
        if (rc != HC_OK)
            return rc;
        if (!hc_str_eqz(block.type, "PUBLIC KEY BLOCK") && !hc_str_eqz(block.type, "PRIVATE KEY BLOCK"))
            return hc_fail(err, HC_E_INPUT, "expected a public or private key block, got \"PGP %.*s\"",
                           HC_P(printable(block.type))); /* Helm's words */
        if ((rc = add_packets(r, block.body, err)) != HC_OK)
            return rc;
    }
    return HC_OK;
}

enum hc_rc hc_pgp_ring_add(struct hc_pgp_ring *ring, hc_str bytes, struct hc_err *err)
{
    enum hc_rc rc;
    size_t before = ring->cert_count;
    if (bytes.n > PGP_MAX_RING)
        return hc_fail(err, HC_E_LIMIT, "the keyring has %zu bytes, %zu are allowed", bytes.n, PGP_MAX_RING);
    if (bytes.n >= 12 && hc_str_eqz(hc_str_sub(bytes, 8, 12), "KBXf"))
        rc = add_keybox(ring, bytes, err);
    else if (pgp_is_armored(bytes))
        rc = add_armored(ring, bytes, err);
    else
        rc = add_packets(ring, bytes, err);
    if (rc == HC_OK && ring->cert_count == before)
        rc = hc_fail(err, HC_E_INPUT, "no keys found"); /* Helm's words */
    return rc;
}
