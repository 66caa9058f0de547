/*
 * known_hosts as sshd(8) describes it: names with wildcards and "!", [host]:port, hashed names (|1|salt|hash, HMAC with
 * SHA-1), markers @revoked (wherever it stands) and @cert-authority (not followed: host certificates are not asked for).
 */
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "charts-fetch/source/git_impl.h"
#include "core/base/digest.h"

static bool wild_fits(hc_str p, hc_str s)
{
    size_t i = 0, j = 0, star = SIZE_MAX, from = 0;
    while (j < s.n) {
        if (i < p.n && p.p[i] == '*') {
            star = i++;
            from = j;
        } else if (i < p.n && (p.p[i] == '?' || p.p[i] == s.p[j])) {
            i++;
            j++;
        } else if (star != SIZE_MAX) {
            i = star + 1;
            j = ++from;
        } else {
            return false;
        }
    }
    while (i < p.n && p.p[i] == '*')
        i++;
    return i == p.n;
}

static bool hashed_fits(struct hc_arena *a, hc_str entry, hc_str name)
{
    hc_str rest = hc_str_sub(entry, 3, entry.n), salt64;
    if (!hc_str_split(&rest, '|', &salt64) || !rest.p)
        return false;
    hc_str salt = hc_base64_decode(a, salt64, NULL), want = hc_base64_decode(a, rest, NULL);
    unsigned char md[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    if (!salt.p || !want.p || !HMAC(EVP_sha1(), salt.p, (int)salt.n, (const unsigned char *)name.p, name.n, md, &n))
        return false;
    return want.n == n && memcmp(want.p, md, n) == 0;
}

static bool names_fit(struct hc_arena *a, hc_str names, hc_str name)
{
    hc_str one;
    bool fits = false;
    if (hc_str_starts(names, HC_S("|1|")))
        return hashed_fits(a, names, name);
    while (hc_str_split(&names, ',', &one)) {
        bool negated = one.n && one.p[0] == '!';
        if (wild_fits(negated ? hc_str_sub(one, 1, one.n) : one, name)) {
            if (negated)
                return false;
            fits = true;
        }
    }
    return fits;
}

static hc_str word(hc_str *line)
{
    *line = hc_str_trim_left(*line);
    size_t n = 0;
    while (n < line->n && line->p[n] != ' ' && line->p[n] != '\t')
        n++;
    hc_str w = hc_str_sub(*line, 0, n);
    *line = hc_str_sub(*line, n, line->n);
    return w;
}

/* "SHA256:..." as ssh-keygen -l prints it. */
static hc_str fingerprint(struct hc_arena *a, hc_str key)
{
    unsigned char md[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    if (!EVP_Digest(key.p, key.n, md, &n, EVP_sha256(), NULL))
        n = 0;
    hc_str b64 = hc_base64(a, hc_str_n((char *)md, n));
    while (b64.n && b64.p[b64.n - 1] == '=')
        b64.n--;
    return hc_arena_printf(a, "SHA256:%.*s", HC_P(b64));
}

struct known_line {
    hc_str marker, kind, key; /* key: base64 */
};

struct known_search {
    struct hc_arena *a;
    hc_str rest, name, bare; /* bare: without the port, which ssh takes too; absent: the same */
};

static void search(struct known_search *s, struct hc_arena *a, hc_str known_hosts, hc_str host, int port)
{
    char *lower = HC_NEW_N(a, char, host.n + 1);
    for (size_t i = 0; lower && i < host.n; i++)
        lower[i] = host.p[i] >= 'A' && host.p[i] <= 'Z' ? (char)(host.p[i] + 32) : host.p[i];
    host = hc_str_n(lower, lower ? host.n : 0);
    *s = (struct known_search){ .a = a, .rest = known_hosts, .name = host };
    if (port != 22) {
        s->bare = host;
        s->name = hc_arena_printf(a, "[%.*s]:%d", HC_P(host), port);
    }
}

/* The next line that is about this host. */
static bool next_known(struct known_search *s, struct known_line *out)
{
    hc_str line;
    while (hc_str_split(&s->rest, '\n', &line)) {
        line = hc_str_trim(line);
        if (!line.n || line.p[0] == '#')
            continue;
        hc_str names = word(&line);
        *out = (struct known_line){ 0 };
        if (names.p[0] == '@') {
            out->marker = names;
            names = word(&line);
        }
        out->kind = word(&line);
        out->key = word(&line);
        if (out->key.n && (names_fit(s->a, names, s->name) || (s->bare.n && names_fit(s->a, names, s->bare))))
            return true;
    }
    return false;
}

void git_known_kinds(hc_str known_hosts, hc_str host, int port, struct hc_buf *out)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new((size_t)4 << 20);
    struct known_search s;
    struct known_line line;
    for (search(&s, a, known_hosts, host, port); next_known(&s, &line);) {
        hc_str rest = hc_buf_str(out), one;
        bool had = line.marker.n > 0;
        while (hc_str_split(&rest, ',', &one))
            had |= hc_str_eq(one, line.kind);
        if (!had)
            hc_buf_printf(out, "%s%.*s", out->n ? "," : "", HC_P(line.kind));
    }
}

enum hc_rc git_check_host_key(hc_str known_hosts, hc_str host, int port, const char *key_type, hc_str key,
                              struct hc_err *err)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new((size_t)4 << 20);
    hc_str have = hc_base64(a, key), other = { NULL, 0 };
    bool known = false, revoked = false, other_kind = false, authority = false;
    struct known_search s;
    struct known_line line;
    for (search(&s, a, known_hosts, host, port); next_known(&s, &line);) {
        bool same = hc_str_eq(line.key, have);
        if (hc_str_eqz(line.marker, "@cert-authority"))
            authority = true;
        else if (hc_str_eqz(line.marker, "@revoked"))
            revoked |= same;
        else if (line.marker.n)
            continue;
        else if (!hc_str_eqz(line.kind, key_type)) /* whatever its key: ssh passes such a line by (sshkey_read) */
            other_kind = true;
        else if (same)
            known = true;
        else
            other = line.key;
    }
    if (hc_arena_spent(a))
        return hc_arena_check(a, err, "known_hosts");
    hc_str shown = fingerprint(a, key);
    if (revoked) /* wherever the line stands */
        return hc_fail(err, HC_E_INPUT,
                       "the host key %s of %.*s is marked @revoked in known_hosts: the server must get another key",
                       shown.p, HC_P(s.name));
    if (known)
        return HC_OK;
    if (other.p) {
        hc_str bytes = hc_base64_decode(a, other, NULL);
        return hc_fail(
            err, HC_E_INPUT,
            "the host key of %.*s has changed: known_hosts has %s %s, the server shows %s. Somebody may be in "
            "between; if the server's key was really replaced, put the new line into the Secret's known_hosts",
            HC_P(s.name), key_type, bytes.p ? fingerprint(a, bytes).p : "(unreadable)", shown.p);
    }
    return hc_fail(
        err, HC_E_INPUT,
        "the host key of %.*s (%s %s) is not in the Secret's known_hosts%s: check it with the server's owner "
        "and add the line of 'ssh-keyscan'",
        HC_P(s.name), key_type, shown.p,
        other_kind  ? ", only one of another kind"
        : authority ? ", only a @cert-authority, which is not followed"
                    : "");
}
