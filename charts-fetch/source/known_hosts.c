/*
 * known_hosts as sshd(8) describes it: names with wildcards and "!", [host]:port, hashed names (|1|salt|hash, HMAC with
 * SHA-1), markers @revoked and @cert-authority (the latter is passed over).
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

enum hc_rc git_check_host_key(hc_str known_hosts, hc_str host, int port, const char *key_type, hc_str key,
                              struct hc_err *err)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(1 << 22);
    hc_str line, name, have = hc_base64(a, key), other = { NULL, 0 };
    bool other_kind = false;
    name = port == 22 ? host : hc_arena_printf(a, "[%.*s]:%d", HC_P(host), port);
    while (hc_str_split(&known_hosts, '\n', &line)) {
        line = hc_str_trim(line);
        if (!line.n || line.p[0] == '#')
            continue;
        hc_str names = word(&line), marker = { NULL, 0 };
        if (names.n && names.p[0] == '@') {
            marker = names;
            names = word(&line);
        }
        hc_str kind = word(&line), b64 = word(&line);
        if (hc_str_eqz(marker, "@cert-authority"))
            continue;
        if (!names_fit(a, names, name) && !(port != 22 && names_fit(a, names, host)))
            continue;
        bool same = hc_str_eq(b64, have);
        if (same && hc_str_eqz(marker, "@revoked"))
            return hc_fail(err, HC_E_INPUT, "the host key %s of %.*s is marked @revoked in known_hosts",
                           fingerprint(a, key).p, HC_P(name));
        if (same)
            return HC_OK;
        if (hc_str_eqz(kind, key_type))
            other = b64;
        else
            other_kind = true;
    }
    if (hc_arena_spent(a))
        return hc_arena_check(a, err, "known_hosts");
    if (other.p) {
        hc_str bytes = hc_base64_decode(a, other, NULL);
        return hc_fail(
            err, HC_E_INPUT,
            "the host key of %.*s has changed: known_hosts has %s %s, the server shows %s. Somebody may be in "
            "between; if the server's key was really replaced, put the new line into the Secret's known_hosts",
            HC_P(name), key_type, bytes.p ? fingerprint(a, bytes).p : "(unreadable)", fingerprint(a, key).p);
    }
    return hc_fail(
        err, HC_E_INPUT,
        "the host key of %.*s (%s %s) is not in the Secret's known_hosts%s: check it with the server's owner "
        "and add the line of 'ssh-keyscan'",
        HC_P(name), key_type, fingerprint(a, key).p, other_kind ? ", only one of another kind" : "");
}
