/*
 * The trust policy: which statement is about an artifact, how much of it is enforced, whose signature counts. Everything
 * a policy may get wrong is refused when it is read, so that judging meets only good ones.
 */
#include <openssl/err.h>
#include <openssl/objects.h>

#include "charts-fetch/verify/notation_impl.h"
#include "core/base/buf.h"
#include "core/value/json.h"

#define MAX_STATEMENTS 256u
#define MAX_OF_A_KIND  1024u /* scopes, stores, identities of a statement */
#define MAX_PARTS      32u   /* of a distinguished name */

struct part {
    hc_str key, value;
};
struct hc_dn {
    hc_str text;
    struct part parts[MAX_PARTS];
    size_t n;
};

static bool one_of(hc_str s, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (hc_str_eqz(s, list[i]))
            return true;
    return false;
}

/* ---- distinguished names (RFC 4514) -------------------------------------------------------------- */

static hc_str value_of(const struct hc_dn *dn, hc_str key)
{
    for (size_t i = 0; i < dn->n; i++)
        if (hc_str_eq(dn->parts[i].key, key))
            return dn->parts[i].value;
    return (hc_str){ NULL, 0 };
}

static enum hc_rc add_part(struct hc_dn *dn, hc_str key, hc_str value, struct hc_err *err)
{
    if (hc_str_eqz(key, "S"))
        key = HC_S("ST");
    if (dn->n == MAX_PARTS || value_of(dn, key).n)
        return hc_fail(err, HC_E_INPUT, "'%.*s' is there twice, or there are more than %u parts", HC_P(key),
                       MAX_PARTS);
    dn->parts[dn->n++] = (struct part){ key, value };
    return HC_OK;
}

/* The specification wants these in every name, or a short one would take half the world in. */
static enum hc_rc check_parts(const struct hc_dn *dn, struct hc_err *err)
{
    static const char *const must[] = { "C", "ST", "O" };
    for (size_t i = 0; i < HC_LEN(must); i++)
        if (!value_of(dn, hc_str_of(must[i])).n)
            return hc_fail(err, HC_E_INPUT, "it has no '%s'; C, ST and O must be there", must[i]);
    return HC_OK;
}

/* A value up to the next free ',' ';' '+': unescaped into the arena. False: a broken escape. */
static bool take_value(struct hc_arena *a, hc_str *rest, hc_str *out)
{
    char *p = hc_arena_alloc(a, rest->n + 1, 1);
    size_t n = 0, kept = 0, i = 0; /* kept: what trailing spaces may not be cut from */
    while (p && i < rest->n && !strchr(",;+", rest->p[i])) {
        char c = rest->p[i++];
        if (c == '"' || c == '\0' || c == '<' || c == '>')
            return false;
        if (c != '\\') {
            p[n++] = c;
            kept = c == ' ' ? kept : n;
            continue;
        }
        if (i == rest->n)
            return false;
        char pair[5] = { '0', '0', 0, 0, 0 };
        if (strchr(" \"#+,;<=>\\", rest->p[i])) {
            p[n++] = rest->p[i++];
        } else {
            if (rest->n - i < 2)
                return false;
            pair[2] = rest->p[i];
            pair[3] = rest->p[i + 1];
            int v = hc_hex4(pair);
            if (v < 0)
                return false;
            p[n++] = (char)v;
            i += 2;
        }
        kept = n;
    }
    *out = hc_str_n(p, p ? kept : 0);
    *rest = hc_str_sub(*rest, i, rest->n);
    return p != NULL;
}

static enum hc_rc read_dn(struct hc_arena *a, hc_str text, struct hc_dn *out, struct hc_err *err)
{
    out->text = text;
    out->n = 0;
    if (hc_str_find_str(text, HC_S("=#")) != SIZE_MAX)
        return hc_fail(err, HC_E_INPUT, "values in hexadecimal (\"=#\") are not supported");
    for (hc_str rest = text;;) {
        size_t eq = hc_str_find(rest, '=');
        hc_str key = hc_str_trim(hc_str_sub(rest, 0, eq)), value;
        if (eq == SIZE_MAX || !key.n)
            return hc_fail(err, HC_E_INPUT, "it is no list of NAME=VALUE (RFC 4514)");
        for (size_t i = 0; i < key.n; i++)
            if (!strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-", key.p[i]) || !key.p[i])
                return hc_fail(err, HC_E_INPUT, "'%.*s' is no name of an attribute", HC_P(key));
        rest = hc_str_trim_left(hc_str_sub(rest, eq + 1, rest.n));
        if (!take_value(a, &rest, &value))
            return hc_fail(err, HC_E_INPUT, "the value of '%.*s' is broken (RFC 4514)", HC_P(key));
        enum hc_rc rc = add_part(out, key, value, err);
        if (rc != HC_OK)
            return rc;
        if (!rest.n)
            return check_parts(out, err);
        if (rest.p[0] == '+')
            return hc_fail(err, HC_E_INPUT, "parts of several values (\"+\") are not supported");
        rest = hc_str_sub(rest, 1, rest.n);
    }
}

/* Whether all of `small` is in `big`. */
static bool within(const struct hc_dn *small, const struct hc_dn *big)
{
    for (size_t i = 0; i < small->n; i++)
        if (!hc_str_eq(value_of(big, small->parts[i].key), small->parts[i].value))
            return false;
    return true;
}

/* RFC 4514's short names, as Go's library prints subjects: what it has no name for cannot be compared. */
static const char *short_name(const ASN1_OBJECT *o)
{
    static const struct {
        int nid;
        const char *name;
    } rows[] = { { NID_countryName, "C" },
                 { NID_organizationName, "O" },
                 { NID_organizationalUnitName, "OU" },
                 { NID_commonName, "CN" },
                 { NID_serialNumber, "SERIALNUMBER" },
                 { NID_localityName, "L" },
                 { NID_stateOrProvinceName, "ST" },
                 { NID_streetAddress, "STREET" },
                 { NID_postalCode, "POSTALCODE" } };
    for (size_t i = 0; i < HC_LEN(rows); i++)
        if (OBJ_obj2nid(o) == rows[i].nid)
            return rows[i].name;
    return NULL;
}

static enum hc_rc subject_dn(struct hc_arena *a, X509 *x, struct hc_dn *out, struct hc_err *err)
{
    const X509_NAME *name = X509_get_subject_name(x);
    out->n = 0;
    for (int i = 0; i < X509_NAME_entry_count(name); i++) {
        const X509_NAME_ENTRY *e = X509_NAME_get_entry(name, i);
        const char *key = short_name(X509_NAME_ENTRY_get_object(e));
        unsigned char *utf8 = NULL;
        if (!key)
            return hc_fail(err, HC_E_INPUT, "it has an attribute that an x509.subject cannot name");
        int n = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(e));
        hc_str value = n < 0 ? (hc_str){ NULL, 0 } : hc_arena_str(a, hc_str_n((const char *)utf8, (size_t)n));
        OPENSSL_free(utf8);
        ERR_clear_error();
        enum hc_rc rc = value.p ? add_part(out, hc_str_of(key), value, err)
                                : hc_fail(err, HC_E_INPUT, "its '%s' is no text", key);
        if (rc != HC_OK)
            return rc;
    }
    return check_parts(out, err);
}

enum hc_rc notation_check_identity(struct hc_arena *a, const struct hc_trust_statement *s, X509 *signer,
                                   struct hc_err *err)
{
    if (s->anybody)
        return HC_OK;
    if (!s->identities_n)
        return hc_fail(err, HC_E_INPUT, "none of the trusted identities is an x509.subject");
    struct hc_dn *dn = HC_NEW(a, struct hc_dn);
    if (!dn)
        return hc_fail_nomem(err);
    enum hc_rc rc = subject_dn(a, signer, dn, err);
    if (rc != HC_OK)
        return hc_wrap(err, "the signer's subject %s", notation_subject(a, signer));
    for (size_t i = 0; i < s->identities_n; i++)
        if (within(&s->identities[i], dn))
            return HC_OK;
    return hc_fail(err, HC_E_INPUT, "it was signed by %s, which none of the %zu trusted identities takes",
                   notation_subject(a, signer), s->identities_n);
}

/* ---- scopes -------------------------------------------------------------------------------------- */

static bool lower(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* A host name, perhaps with a port. */
static bool good_domain(hc_str s)
{
    size_t colon = hc_str_find(s, ':');
    hc_str port = colon == SIZE_MAX ? HC_S("0") : hc_str_sub(s, colon + 1, s.n), rest = hc_str_sub(s, 0, colon), l;
    for (size_t i = 0; i < port.n; i++)
        if (port.p[i] < '0' || port.p[i] > '9')
            return false;
    while (hc_str_split(&rest, '.', &l)) {
        if (!l.n || l.p[0] == '-' || l.p[l.n - 1] == '-')
            return false;
        for (size_t i = 0; i < l.n; i++)
            if (!lower((char)(l.p[i] >= 'A' && l.p[i] <= 'Z' ? l.p[i] + 32 : l.p[i])) && l.p[i] != '-')
                return false;
    }
    return port.n != 0;
}

/* A part of a repository's name: letters and digits, between them ".", "_", "__" or any number of "-". */
static bool good_component(hc_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        size_t run = 0;
        while (i + run < s.n && s.p[i + run] == s.p[i])
            run++;
        if (lower(s.p[i]))
            continue;
        size_t most = s.p[i] == '.' ? 1 : s.p[i] == '_' ? 2 : s.p[i] == '-' ? s.n : 0;
        if (i == 0 || i + run >= s.n || run > most || !lower(s.p[i + run]))
            return false;
        i += run - 1;
    }
    return s.n != 0;
}

static bool good_scope(hc_str s)
{
    size_t slash = hc_str_find(s, '/');
    hc_str rest = hc_str_sub(s, slash == SIZE_MAX ? s.n : slash + 1, s.n), part;
    if (!rest.n || !good_domain(hc_str_sub(s, 0, slash)))
        return false;
    while (hc_str_split(&rest, '/', &part))
        if (!good_component(part))
            return false;
    return true;
}

/* ---- statements ---------------------------------------------------------------------------------- */

static enum hc_rc texts(struct hc_arena *a, const struct hc_val *list, const char *what, const hc_str **out,
                        size_t *out_n, struct hc_err *err)
{
    *out_n = hc_list_len(list);
    if (*out_n > MAX_OF_A_KIND)
        return hc_fail(err, HC_E_LIMIT, "more than %u %s", MAX_OF_A_KIND, what);
    hc_str *all = HC_NEW_N(a, hc_str, *out_n + 1);
    if (!all)
        return hc_fail_nomem(err);
    for (size_t i = 0; i < *out_n; i++) {
        all[i] = hc_get_str(hc_list_at(list, i));
        if (!all[i].n)
            return hc_fail(err, HC_E_INPUT, "%s: an entry is empty, or no text", what);
    }
    *out = all;
    return HC_OK;
}

static enum hc_rc read_scopes(struct hc_arena *a, const struct hc_val *v, struct hc_trust_statement *s,
                              struct hc_err *err)
{
    enum hc_rc rc = texts(a, hc_map_getz(v, "registryScopes"), "registryScopes", &s->scopes, &s->scopes_n, err);
    if (rc == HC_OK && !s->scopes_n)
        return hc_fail(err, HC_E_INPUT, "it has no registryScopes");
    for (size_t i = 0; rc == HC_OK && i < s->scopes_n; i++) {
        bool star = hc_str_eqz(s->scopes[i], "*");
        if (star && s->scopes_n > 1)
            return hc_fail(err, HC_E_INPUT, "the scope '*' stands alone");
        if (!star && !good_scope(s->scopes[i]))
            return hc_fail(err, HC_E_INPUT,
                           "the scope '%.*s' is no whole repository without scheme and tag, like "
                           "'ghcr.io/org/app', and no '*'",
                           HC_P(s->scopes[i]));
    }
    return rc;
}

static enum hc_rc read_level(const struct hc_val *v, struct hc_trust_statement *s, struct hc_err *err)
{
    static const char *const rules[HC_NOTATION_RULES] = { NULL,           "integrity",
                                                          "authenticity", "authenticTimestamp",
                                                          "expiry",       "revocation" };
    static const char *const actions[] = { "enforce", "log", "skip" };
    const struct hc_val *sv = hc_map_getz(v, "signatureVerification"), *override = hc_map_getz(sv, "override");
    hc_str level = hc_get_str_at(sv, "level"), stamps = hc_get_str_at(sv, "verifyTimestamp");
    s->skip = hc_str_eqz(level, "skip");
    bool permissive = hc_str_eqz(level, "permissive"), audit = hc_str_eqz(level, "audit");
    if (!s->skip && !permissive && !audit && !hc_str_eqz(level, "strict"))
        return hc_fail(err, HC_E_INPUT,
                       "signatureVerification.level '%.*s' is none of strict, permissive, audit and skip",
                       HC_P(level));
    for (unsigned r = HC_NOTATION_INTEGRITY; r < HC_NOTATION_RULES; r++)
        s->actions[r] = (audit && r >= HC_NOTATION_AUTHENTICITY) || (permissive && r >= HC_NOTATION_TIMESTAMP)
                            ? HC_NOTATION_LOG
                            : HC_NOTATION_ENFORCE;
    if (stamps.n && !hc_str_eqz(stamps, "always") && !hc_str_eqz(stamps, "afterCertExpiry"))
        return hc_fail(err, HC_E_INPUT,
                       "signatureVerification.verifyTimestamp '%.*s' is neither always nor afterCertExpiry",
                       HC_P(stamps));
    s->stamp_after_expiry = hc_str_eqz(stamps, "afterCertExpiry");
    if (s->skip && hc_map_len(override))
        return hc_fail(err, HC_E_INPUT, "the level skip takes no override");
    for (size_t i = 0; i < hc_map_len(override); i++) {
        const struct hc_entry *e = hc_map_at(override, i);
        hc_str action = hc_get_str(e->val);
        unsigned r = HC_NOTATION_INTEGRITY, x = 0;
        while (r < HC_NOTATION_RULES && !hc_str_eqz(e->key, rules[r]))
            r++;
        while (x < HC_LEN(actions) && !hc_str_eqz(action, actions[x]))
            x++;
        if (r <= HC_NOTATION_INTEGRITY || r == HC_NOTATION_RULES || x == HC_LEN(actions) ||
            (x == HC_NOTATION_SKIP && r != HC_NOTATION_REVOCATION))
            return hc_fail(err, HC_E_INPUT,
                           "override '%.*s: %.*s': authenticity, authenticTimestamp, expiry and revocation can be "
                           "set to enforce or log, revocation to skip",
                           HC_P(e->key), HC_P(action));
        s->actions[r] = (enum hc_notation_action)x;
    }
    return HC_OK;
}

static enum hc_rc read_stores(const hc_str *list, size_t n, struct hc_trust_statement *s, struct hc_err *err)
{
    for (size_t i = 0; i < n; i++) {
        size_t colon = hc_str_find(list[i], ':');
        hc_str kind = hc_str_sub(list[i], 0, colon), name = hc_str_sub(list[i], colon + 1, list[i].n);
        bool good = colon != SIZE_MAX && name.n;
        for (size_t j = 0; j < name.n; j++)
            good &= lower((char)(name.p[j] >= 'A' && name.p[j] <= 'Z' ? name.p[j] + 32 : name.p[j])) ||
                    strchr("_.-", name.p[j]) != NULL;
        if (hc_str_eqz(kind, "ca"))
            s->store_ca = true;
        else if (hc_str_eqz(kind, "signingAuthority"))
            s->store_authority = true;
        else if (hc_str_eqz(kind, "tsa"))
            s->store_tsa = true;
        else
            good = false;
        if (!good)
            return hc_fail(err, HC_E_INPUT,
                           "the trust store '%.*s' is not ca:NAME, signingAuthority:NAME or tsa:NAME",
                           HC_P(list[i]));
    }
    return HC_OK;
}

static enum hc_rc read_identities(struct hc_arena *a, const hc_str *list, size_t n, struct hc_trust_statement *s,
                                  struct hc_err *err)
{
    static const char subject[] = "x509.subject";
    struct hc_dn *dns = HC_NEW_N(a, struct hc_dn, n + 1);
    if (!dns)
        return hc_fail_nomem(err);
    for (size_t i = 0; i < n; i++) {
        size_t colon = hc_str_find(list[i], ':');
        if (hc_str_eqz(list[i], "*")) {
            if (n > 1)
                return hc_fail(err, HC_E_INPUT, "the trusted identity '*' stands alone");
            s->anybody = true;
            continue;
        }
        if (colon == SIZE_MAX)
            return hc_fail(err, HC_E_INPUT, "the trusted identity '%.*s' is neither '*' nor KIND:VALUE",
                           HC_P(list[i]));
        if (!hc_str_eqz(hc_str_sub(list[i], 0, colon), subject))
            continue; /* a plugin's: it counts for nobody here */
        enum hc_rc rc = read_dn(a, hc_str_trim(hc_str_sub(list[i], colon + 1, list[i].n)), &dns[s->identities_n],
                                err);
        if (rc != HC_OK)
            return hc_wrap(err, "the trusted identity '%.*s'", HC_P(list[i]));
        for (size_t j = 0; j < s->identities_n; j++)
            if (within(&dns[j], &dns[s->identities_n]) || within(&dns[s->identities_n], &dns[j]))
                return hc_fail(err, HC_E_INPUT, "the trusted identities '%.*s' and '%.*s' overlap",
                               HC_P(dns[j].text), HC_P(dns[s->identities_n].text));
        s->identities_n++;
    }
    s->identities = dns;
    return HC_OK;
}

static enum hc_rc read_statement(struct hc_arena *a, const struct hc_val *v, bool lenient,
                                 struct hc_trust_statement *s, struct hc_err *err)
{
    const hc_str *stores = NULL, *identities = NULL;
    size_t stores_n = 0, identities_n = 0;
    enum hc_rc rc = read_scopes(a, v, s, err);
    if (rc == HC_OK)
        rc = read_level(v, s, err);
    if (rc != HC_OK || (s->skip && lenient))
        return rc;
    rc = texts(a, hc_map_getz(v, "trustStores"), "trustStores", &stores, &stores_n, err);
    if (rc == HC_OK)
        rc = texts(a, hc_map_getz(v, "trustedIdentities"), "trustedIdentities", &identities, &identities_n, err);
    if (rc != HC_OK)
        return rc;
    if (s->skip && (stores_n || identities_n))
        return hc_fail(err, HC_E_INPUT, "the level skip takes no trustStores and no trustedIdentities");
    if (!s->skip && (!stores_n || !identities_n))
        return hc_fail(err, HC_E_INPUT, "it has no trustStores or no trustedIdentities");
    rc = read_stores(stores, stores_n, s, err);
    return rc == HC_OK ? read_identities(a, identities, identities_n, s, err) : rc;
}

/* Names and scopes are there once. */
static enum hc_rc check_unique(const struct hc_trust_policy *p, struct hc_err *err)
{
    for (size_t i = 0; i < p->n; i++)
        for (size_t j = 0; j < i; j++) {
            const struct hc_trust_statement *x = &p->statements[i], *y = &p->statements[j];
            if (hc_str_eq(x->name, y->name))
                return hc_fail(err, HC_E_INPUT, "two statements have the name '%.*s'", HC_P(x->name));
            for (size_t k = 0; k < x->scopes_n * y->scopes_n; k++)
                if (hc_str_eq(x->scopes[k / y->scopes_n], y->scopes[k % y->scopes_n]))
                    return hc_fail(err, HC_E_INPUT, "the scope '%.*s' is in the statements '%.*s' and '%.*s'",
                                   HC_P(x->scopes[k / y->scopes_n]), HC_P(y->name), HC_P(x->name));
        }
    return HC_OK;
}

enum hc_rc hc_trust_policy_read(struct hc_arena *a, hc_str json, bool lenient, struct hc_trust_policy *out,
                                struct hc_err *err)
{
    static const char *const versions[] = { "1.0" };
    struct hc_val *doc = NULL;
    struct hc_trust_policy p = { 0 };
    if (json.n > HC_NOTATION_MAX_BYTES)
        return hc_fail(err, HC_E_LIMIT, "the trust policy is over 1 MiB");
    if (hc_json_parse(a, json, 0, &doc, err) != HC_OK)
        return hc_wrap(err, "the trust policy");
    if (!one_of(hc_get_str_at(doc, "version"), versions, HC_LEN(versions)))
        return hc_fail(err, HC_E_INPUT, "the trust policy is not of version 1.0");
    const struct hc_val *list = hc_map_getz(doc, "trustPolicies");
    if (!hc_list_len(list) || hc_list_len(list) > MAX_STATEMENTS)
        return hc_fail(err, HC_E_INPUT, "the trust policy has no trustPolicies, or more than %u", MAX_STATEMENTS);
    p.statements = HC_NEW_N(a, struct hc_trust_statement, hc_list_len(list));
    if (!p.statements)
        return hc_fail_nomem(err);
    for (; p.n < hc_list_len(list); p.n++) {
        const struct hc_val *v = hc_list_at(list, p.n);
        struct hc_trust_statement *s = &p.statements[p.n];
        s->name = hc_get_str_at(v, "name");
        if (!s->name.n)
            return hc_fail(err, HC_E_INPUT, "trust policy: statement %zu has no name", p.n + 1);
        enum hc_rc rc = read_statement(a, v, lenient, s, err);
        if (rc != HC_OK)
            return hc_wrap(err, "trust policy statement '%.*s'", HC_P(s->name));
    }
    if (check_unique(&p, err) != HC_OK)
        return hc_wrap(err, "trust policy");
    *out = p;
    return HC_OK;
}

const struct hc_trust_statement *hc_trust_policy_for(const struct hc_trust_policy *p, hc_str scope)
{
    const struct hc_trust_statement *any = NULL;
    for (size_t i = 0; i < p->n; i++)
        for (size_t j = 0; j < p->statements[i].scopes_n; j++) {
            if (hc_str_eq(p->statements[i].scopes[j], scope))
                return &p->statements[i];
            if (hc_str_eqz(p->statements[i].scopes[j], "*"))
                any = &p->statements[i];
        }
    return any;
}
