/*
 * Addresses and object names: the checks of the libraries Helm's linter calls, by their verdicts.
 */
#include <stdio.h>

#include "core/value/value.h"
#include "templating/lint/lint_impl.h"

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (unsigned char)c >= 0x80;
}

static bool is_word(char c)
{
    return is_letter(c) || is_digit(c);
}

static bool all_of(hc_str s, const char *more)
{
    for (size_t i = 0; i < s.n; i++)
        if (!is_word(s.p[i]) && !strchr(more, s.p[i]))
            return false;
    return true;
}

static bool ends_are(hc_str s, bool (*what)(char))
{
    return s.n > 0 && what(s.p[0]) && what(s.p[s.n - 1]);
}

/* ---- e-mail ------------------------------------------------------------------------------------------ */

static bool is_local_part(hc_str s)
{
    if (s.n >= 2 && *s.p == '"' &&
        s.p[s.n - 1] == '"') { /* quoted: but for white space, bare quotes, backslashes */
        for (size_t i = 1; i + 1 < s.n; i++) {
            if (s.p[i] == '\\' && i + 2 < s.n)
                i++;
            else if (strchr("\"\\ \t\r\n", s.p[i]))
                return false;
        }
        return true;
    }
    hc_str rest = s, atom;
    bool good = s.n > 0 && s.p[s.n - 1] != '.';
    while (good && hc_str_split(&rest, '.', &atom))
        good = atom.n > 0 && all_of(atom, "!#$%&'*+-/=?^_`{|}~");
    return good;
}

bool lint_is_email(hc_str s)
{
    size_t at = hc_str_rfind(s, '@');
    if (at == SIZE_MAX || !is_local_part(hc_str_sub(s, 0, at)))
        return false;
    hc_str domain = hc_str_sub(s, at + 1, s.n);
    if (domain.n && domain.p[domain.n - 1] == '.')
        domain.n--;
    size_t dot = hc_str_rfind(domain, '.');
    if (dot == SIZE_MAX)
        return false;
    hc_str top = hc_str_sub(domain, dot + 1, domain.n), rest = hc_str_sub(domain, 0, dot);
    return ends_are(top, is_letter) && all_of(top, "-_~") && ends_are(rest, is_word) && all_of(rest, "-._~");
}

/* ---- addresses --------------------------------------------------------------------------------------- */

static bool has_control(hc_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f)
            return true;
    return false;
}

static bool good_escapes(hc_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] == '%' && (i + 2 >= s.n || hc_hex_digit(s.p[i + 1]) < 0 || hc_hex_digit(s.p[i + 2]) < 0))
            return false;
    return true;
}

/* Length of "scheme" in "scheme:..."; 0: none; SIZE_MAX: a colon where no scheme is. */
static size_t scheme_of(hc_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (c == ':')
            return i ? i : SIZE_MAX;
        if ((unsigned char)c >= 0x80 || (!is_letter(c) && (i == 0 || !(is_digit(c) || strchr("+-.", c)))))
            return 0;
    }
    return 0;
}

/* "user@host:port" as net/url takes it. */
static bool good_authority(hc_str s)
{
    size_t at = hc_str_rfind(s, '@');
    hc_str host = at == SIZE_MAX ? s : hc_str_sub(s, at + 1, s.n);
    for (size_t i = 0; i < host.n; i++)
        if (!is_word(host.p[i]) && !strchr("-._~!$&'()*+,;=:[]<>\"%", host.p[i]))
            return false;
    if (host.n && *host.p == '[') {
        size_t end = hc_str_rfind(host, ']');
        if (end == SIZE_MAX)
            return false;
        host = hc_str_sub(host, end + 1, host.n);
        if (host.n && *host.p != ':')
            return false;
    } else {
        size_t colon = hc_str_rfind(host, ':');
        if (hc_str_find(host, '%') != SIZE_MAX)
            return false; /* no escapes in names, but for those of text that is not ASCII, which charts do not use */
        host = colon == SIZE_MAX ? HC_S("") : hc_str_sub(host, colon, host.n);
    }
    for (size_t i = 1; i < host.n; i++)
        if (!is_digit(host.p[i]))
            return false;
    return true;
}

static bool parses(hc_str s, hc_str *host, hc_str *path, bool request)
{
    size_t scheme = scheme_of(s);
    if (!s.n || has_control(s) || scheme == SIZE_MAX)
        return false;
    hc_str rest = scheme ? hc_str_sub(s, scheme + 1, s.n) : s;
    *host = *path = HC_S("");
    if (!request) {
        size_t hash = hc_str_find(rest, '#');
        rest = hash == SIZE_MAX ? rest : hc_str_sub(rest, 0, hash);
    }
    size_t query = hc_str_find(rest, '?');
    rest = query == SIZE_MAX ? rest : hc_str_sub(rest, 0, query);
    if (!hc_str_starts(rest, HC_S("/"))) {
        if (scheme)
            return true; /* opaque */
        if (request)
            return false;
        hc_str first = rest;
        size_t slash = hc_str_find(rest, '/');
        first.n = HC_MIN(slash, rest.n);
        if (hc_str_find(first, ':') != SIZE_MAX)
            return false;
    }
    if (hc_str_starts(rest, HC_S("//")) && (scheme || !request || !hc_str_starts(rest, HC_S("///")))) {
        hc_str authority = hc_str_sub(rest, 2, rest.n);
        size_t slash = hc_str_find(authority, '/');
        rest = slash == SIZE_MAX ? HC_S("") : hc_str_sub(authority, slash, authority.n);
        authority.n = HC_MIN(slash, authority.n);
        if (!good_authority(authority))
            return false;
        size_t at = hc_str_rfind(authority, '@');
        *host = at == SIZE_MAX ? authority : hc_str_sub(authority, at + 1, authority.n);
    }
    *path = rest;
    return good_escapes(rest);
}

bool lint_is_request_url(hc_str s)
{
    hc_str host, path;
    size_t scheme = scheme_of(s);
    return scheme && scheme != SIZE_MAX && parses(s, &host, &path, true);
}

/* What stands for a host in a maintainer's address: a name or an IP, a port behind it. */
static bool good_host(hc_str s)
{
    size_t colon = hc_str_rfind(s, ':');
    if (colon != SIZE_MAX) {
        hc_str port = hc_str_sub(s, colon + 1, s.n);
        if (!port.n || port.n > 5 || *port.p == '0' || !ends_are(port, is_digit) || !all_of(port, ""))
            return false;
        s = hc_str_sub(s, 0, colon);
    }
    if (s.n > 2 && *s.p == '[' && s.p[s.n - 1] == ']')
        return true;
    if (hc_str_eqz(s, "localhost"))
        return true;
    hc_str rest = s, label;
    size_t labels = 0;
    while (hc_str_split(&rest, '.', &label)) {
        if (!label.n && !rest.n)
            break; /* a dot at the end */
        size_t low = hc_str_rfind(label, '_');
        if (!label.n || !all_of(label, "-_") || !is_word(label.p[0]) || (low != SIZE_MAX && low + 3 > label.n))
            return false;
        labels++;
    }
    return labels > 0;
}

bool lint_is_url(hc_str s)
{
    hc_str host, path, rest = s;
    if (s.n <= 3 || s.n >= 2083 || *s.p == '.')
        return false;
    bool bare = hc_str_find(s, ':') != SIZE_MAX && hc_str_find_str(s, HC_S("://")) == SIZE_MAX;
    if (!bare && !parses(s, &host, &path, false))
        return false;
    if (!bare && (hc_str_starts(host, HC_S(".")) || (!host.n && path.n && hc_str_find(path, '.') == SIZE_MAX)))
        return false;
    size_t at = hc_str_find_str(s, HC_S("://"));
    if (at != SIZE_MAX) {
        static const char *const schemes[] = { "ftp", "tcp", "udp", "http", "https", "ws", "wss" };
        bool known = false;
        for (size_t i = 0; i < HC_LEN(schemes); i++)
            known = known || hc_str_eqz(hc_str_sub(s, 0, at), schemes[i]);
        if (!known)
            return false;
        rest = hc_str_sub(s, at + 3, s.n);
    }
    size_t end = 0;
    while (end < rest.n && !strchr("/?#", rest.p[end]))
        end++;
    hc_str name = hc_str_sub(rest, 0, end);
    size_t user = hc_str_rfind(name, '@');
    for (size_t i = end; i < rest.n; i++)
        if (rest.p[i] == ' ' || rest.p[i] == '\t' || rest.p[i] == '\n')
            return false;
    return good_host(user == SIZE_MAX ? name : hc_str_sub(name, user + 1, name.n));
}

/* ---- object names ------------------------------------------------------------------------------------ */

static bool is_label(hc_str s, bool letter_first)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool low = c >= 'a' && c <= 'z', edge = i == 0 || i + 1 == s.n;
        if (!(low || is_digit(c) || (c == '-' && !edge)) || (letter_first && i == 0 && !low))
            return false;
    }
    return s.n > 0;
}

static bool is_subdomain(hc_str s)
{
    hc_str rest = s, label;
    bool good = s.n > 0 && s.p[s.n - 1] != '.';
    while (good && hc_str_split(&rest, '.', &label))
        good = is_label(label, false);
    return good;
}

static const char *const subdomain_text =
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start "
    "and end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
static const char *const label_text =
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end "
    "with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
static const char *const label_1035_text =
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic "
    "character, "
    "and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is "
    "'[a-z]([-a-z0-9]*[a-z0-9])?')";

bool lint_object_name(struct hc_buf *b, hc_str kind, hc_str name)
{
    const char *why[2];
    char much[48];
    size_t n = 0, most = 253;
    bool is_1035 = hc_str_eq_nocase(kind, HC_S("service")),
         is_namespace = hc_str_eq_nocase(kind, HC_S("namespace"));
    if (hc_str_eq_nocase(kind, HC_S("certificatesigningrequest")))
        return false;
    if (hc_str_eq_nocase(kind, HC_S("role")) || hc_str_eq_nocase(kind, HC_S("clusterrole")) ||
        hc_str_eq_nocase(kind, HC_S("rolebinding")) || hc_str_eq_nocase(kind, HC_S("clusterrolebinding"))) {
        if (hc_str_eqz(name, ".") || hc_str_eqz(name, "..")) {
            why[n++] = name.n == 1 ? "may not be '.'" : "may not be '..'";
        } else {
            if (hc_str_find(name, '/') != SIZE_MAX)
                why[n++] = "may not contain '/'";
            if (hc_str_find(name, '%') != SIZE_MAX)
                why[n++] = "may not contain '%'";
        }
    } else {
        most = is_1035 || is_namespace ? 63 : 253;
        if (name.n > most) {
            snprintf(much, sizeof(much), "must be no more than %zu characters", most);
            why[n++] = much;
        }
        if (is_1035 ? !is_label(name, true) : is_namespace ? !is_label(name, false) : !is_subdomain(name))
            why[n++] = is_1035              ? label_1035_text
                       : !is_namespace      ? subdomain_text
                       : is_subdomain(name) ? "must not contain dots"
                                            : label_text;
    }
    if (!n)
        return false;
    hc_buf_puts(b, "object name does not conform to Kubernetes naming requirements: ");
    hc_go_quote(b, name);
    hc_buf_puts(b, n > 1 ? ": [" : ": ");
    for (size_t i = 0; i < n; i++) {
        hc_buf_puts(b, i ? ", metadata.name: Invalid value: " : "metadata.name: Invalid value: ");
        hc_go_quote(b, name);
        hc_buf_printf(b, ": %s", why[i]);
    }
    if (n > 1)
        hc_buf_putc(b, ']');
    return true;
}
