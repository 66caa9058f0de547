/*
 * ASCII armour and clearsigned texts. Headers of armour are skipped and its checksum is not looked at (RFC 9580, 6.1:
 * a wrong one must not be refused); a clearsigned text may have Hash headers only, since others would be text that
 * looks signed and is not.
 */
#include "charts-fetch/verify/pgp_impl.h"
#include "core/base/digest.h"

#define BEGIN_MESSAGE   "-----BEGIN PGP SIGNED MESSAGE-----"
#define BEGIN_SIGNATURE "-----BEGIN PGP SIGNATURE-----"
#define END_SIGNATURE   "-----END PGP SIGNATURE-----"

bool pgp_line(hc_str *rest, hc_str *out)
{
    if (!rest->n)
        return false;
    size_t end = hc_str_find(*rest, '\n');
    hc_str line = hc_str_sub(*rest, 0, end);
    *rest = hc_str_sub(*rest, end == SIZE_MAX ? rest->n : end + 1, rest->n);
    if (line.n && line.p[line.n - 1] == '\r')
        line.n--;
    *out = line;
    return true;
}

/* "-----BEGIN PGP X-----" with blanks behind: X. */
static bool armor_line(hc_str line, hc_str begin, hc_str *out_type)
{
    line = hc_str_trim_right(line);
    hc_str dashes = HC_S("-----");
    if (!hc_str_starts(line, begin) || !hc_str_ends(line, dashes) || line.n < begin.n + dashes.n)
        return false;
    *out_type = hc_str_sub(line, begin.n, line.n - dashes.n);
    return true;
}

enum hc_rc pgp_armor_next(struct hc_arena *a, hc_str text, struct pgp_armor *out, struct hc_err *err)
{
    hc_str rest = text, line, type = { NULL, 0 }, end_type;
    bool found = false;
    while (!found && pgp_line(&rest, &line))
        found = armor_line(line, HC_S("-----BEGIN PGP "), &type);
    if (!found)
        return hc_fail(err, HC_E_NOTFOUND, "there is no armoured block");
    hc_str body = rest;
    /* Headers "Key: value" up to an empty line; old writers leave out both. */
    if (pgp_line(&rest, &line)) {
        while (hc_str_find_str(line, HC_S(": ")) != SIZE_MAX && pgp_line(&rest, &line))
            ;
        body = hc_str_trim(line).n ? body : rest;
    }
    rest = body;
    char *packed = hc_arena_alloc(a, body.n + 1, 1);
    if (!packed)
        return hc_fail_nomem(err);
    size_t n = 0;
    bool ended = false;
    while (!ended && pgp_line(&rest, &line)) {
        ended = armor_line(line, HC_S("-----END PGP "), &end_type);
        line = hc_str_trim(line);
        if (ended || !line.n || line.p[0] == '=') /* the checksum */
            continue;
        memcpy(packed + n, line.p, line.n);
        n += line.n;
    }
    if (!ended)
        return hc_fail(err, HC_E_INPUT, "the armoured block '%.*s' has no end", HC_P(printable(type)));
    if (!hc_str_eq(type, end_type))
        return hc_fail(err, HC_E_INPUT, "the armoured block '%.*s' ends as '%.*s'", HC_P(printable(type)),
                       HC_P(printable(end_type)));
    out->body = hc_base64_decode(a, hc_str_n(packed, n), NULL);
    if (!out->body.p)
        return hc_arena_spent(a)
                   ? hc_fail_nomem(err)
                   : hc_fail(err, HC_E_INPUT, "the armoured block '%.*s' is not base64", HC_P(printable(type)));
    out->type = type;
    out->rest = rest;
    return HC_OK;
}

bool pgp_is_armored(hc_str text)
{
    text = hc_str_trim_left(text);
    return hc_str_starts(text, HC_S("-----BEGIN PGP ")) ||
           (text.n && !((unsigned char)text.p[0] & 0x80) &&
            hc_str_find_str(text, HC_S("\n-----BEGIN PGP ")) != SIZE_MAX);
}

static bool allowed_header(hc_str line)
{
    static const char *const names[] = { "SHA1",     "SHA224",   "SHA256",    "SHA384", "SHA512",
                                         "SHA3-256", "SHA3-512", "RIPEMD160", "MD5" };
    if (!hc_str_starts(line, HC_S("Hash:")))
        return false;
    hc_str list = hc_str_sub(line, 5, line.n), one;
    while (hc_str_split(&list, ',', &one)) {
        bool known = false;
        for (size_t i = 0; i < HC_LEN(names); i++)
            known |= hc_str_eq_nocase(hc_str_trim(one), hc_str_of(names[i]));
        if (!known)
            return false;
    }
    return true;
}

/* Behind the line that begins a clearsigned text, or absent. */
static hc_str behind_begin(hc_str text)
{
    hc_str line;
    while (pgp_line(&text, &line))
        if (hc_str_starts(line, HC_S(BEGIN_MESSAGE)))
            return line.n == sizeof(BEGIN_MESSAGE) - 1 ? text : (hc_str){ NULL, 0 };
    return (hc_str){ NULL, 0 };
}

enum hc_rc hc_pgp_clearsigned(struct hc_arena *a, hc_str text, struct hc_pgp_clearsigned *out, struct hc_err *err)
{
    hc_str rest = behind_begin(text), line = { NULL, 0 };
    bool good = rest.p != NULL;
    while (good && (good = pgp_line(&rest, &line)) && hc_str_trim(line).n)
        good = allowed_header(line);
    size_t room = 2 * rest.n + 2;
    char *plain = good ? hc_arena_alloc(a, rest.n + 1, 1) : NULL,
         *bytes = plain ? hc_arena_alloc(a, room, 1) : NULL;
    if (good && !bytes)
        return hc_fail_nomem(err);
    size_t np = 0, nb = 0;
    bool first = true;
    hc_str from = rest;
    while (good && (from = rest, good = pgp_line(&rest, &line)) && !hc_str_eqz(line, BEGIN_SIGNATURE)) {
        if (hc_str_starts(line, HC_S("- ")))
            line = hc_str_sub(line, 2, line.n);
        while (line.n && (line.p[line.n - 1] == ' ' || line.p[line.n - 1] == '\t'))
            line.n--;
        if (!first) {
            plain[np++] = '\n';
            bytes[nb++] = '\r';
            bytes[nb++] = '\n';
        }
        first = false;
        if (line.n) {
            memcpy(plain + np, line.p, line.n);
            memcpy(bytes + nb, line.p, line.n);
        }
        np += line.n;
        nb += line.n;
    }
    size_t end = good ? hc_str_find_str(rest, HC_S("\n" END_SIGNATURE)) : SIZE_MAX;
    if (end == SIZE_MAX)
        return hc_fail(err, HC_E_NOTFOUND, "signature block not found"); /* Helm's words */
    out->text = hc_str_n(plain, np);
    out->bytes = hc_str_n(bytes, nb);
    out->signature = hc_str_n(from.p, (size_t)(rest.p - from.p) + end + sizeof("\n" END_SIGNATURE) - 1);
    return HC_OK;
}
