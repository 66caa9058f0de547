/*
 * urlParse and urlJoin (A11): net/url's reading and writing of URLs, errors included.
 */
#include <arpa/inet.h>

#include "lua/funcs/funcs_impl.h"

enum mode { MODE_PATH, MODE_USER, MODE_FRAGMENT, MODE_HOST, MODE_ZONE };

struct url {
    hc_str scheme, opaque, user, password, host, path, query, fragment;
    bool has_user, has_password;
};

static bool should_escape(unsigned char ch, enum mode mode)
{
    if ((ch >= '0' && ch <= '9') || (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') ||
        (ch && strchr("-_.~", ch)))
        return false;
    if (ch == 0)
        return true;
    if (mode == MODE_HOST || mode == MODE_ZONE)
        return !strchr("!$&'()*+,;=:[]<>\"", ch);
    if (strchr("$&+,/:;=?@", ch))
        return mode == MODE_PATH ? ch == '?' : mode == MODE_USER ? strchr("@/?:", ch) != NULL : false;
    return !(mode == MODE_FRAGMENT && strchr("!()*", ch));
}

static hc_str escaped(struct hc_arena *a, hc_str s, enum mode mode)
{
    static const char hex[] = "0123456789ABCDEF";
    char *p = hc_arena_alloc(a, s.n * 3 + 1, 1);
    size_t n = 0;
    for (size_t i = 0; p && i < s.n; i++) {
        unsigned char ch = (unsigned char)s.p[i];
        if (should_escape(ch, mode)) {
            p[n++] = '%';
            p[n++] = hex[ch >> 4];
            p[n++] = hex[ch & 15];
        } else {
            p[n++] = (char)ch;
        }
    }
    return hc_str_n(p, n);
}

static enum hc_rc bad(struct hc_fcall *c, const char *before, hc_str quoted, const char *after)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, HC_ERR_MSG * 4);
    hc_go_quote(&b, quoted);
    return fn_fail(c, "%s%.*s%s", before, HC_P(hc_buf_str(&b)), after);
}

static enum hc_rc unescaped(struct hc_fcall *c, hc_str s, enum mode mode, hc_str *out)
{
    char *p = hc_arena_alloc(c->a, s.n + 1, 1);
    size_t n = 0;
    bool host = mode == MODE_HOST || mode == MODE_ZONE;
    if (!p)
        return hc_arena_check(c->a, c->err, "the render");
    for (size_t i = 0; i < s.n; i++) {
        unsigned char ch = (unsigned char)s.p[i];
        if (ch != '%') {
            if (host && ch < 0x80 && should_escape(ch, mode))
                return bad(c, "invalid character ", hc_str_sub(s, i, i + 1), " in host name");
            p[n++] = (char)ch;
            continue;
        }
        hc_str three = hc_str_sub(s, i, i + 3);
        if (three.n < 3 || hc_hex_digit(three.p[1]) < 0 || hc_hex_digit(three.p[2]) < 0)
            return bad(c, "invalid URL escape ", three, "");
        unsigned char v = (unsigned char)(hc_hex_digit(three.p[1]) << 4 | hc_hex_digit(three.p[2]));
        if (mode == MODE_HOST && v < 0x80 && v != '%')
            return bad(c, "invalid URL escape ", three, "");
        if (mode == MODE_ZONE && v != '%' && v != ' ' && should_escape(v, MODE_HOST))
            return bad(c, "invalid URL escape ", three, "");
        p[n++] = (char)v;
        i += 2;
    }
    *out = hc_str_n(p, n);
    return HC_OK;
}

static bool valid_port(hc_str s)
{
    if (s.n == 0)
        return true;
    if (s.p[0] != ':')
        return false;
    for (size_t i = 1; i < s.n; i++)
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
    return true;
}

static enum hc_rc ip_literal(struct hc_fcall *c, hc_str host, hc_str *out)
{
    size_t close = hc_str_rfind(host, ']');
    hc_str port, name = { "", 0 }, zone = { "", 0 }, raw;
    unsigned char ip[16];
    if (close == SIZE_MAX)
        return fn_fail(c, "missing ']' in host");
    port = hc_str_sub(host, close + 1, host.n);
    if (!valid_port(port))
        return bad(c, "invalid port ", port, " after host");
    raw = hc_str_sub(host, 1, close);
    size_t at = hc_str_find_str(raw, HC_S("%25"));
    enum hc_rc rc = unescaped(c, hc_str_sub(raw, 0, at), MODE_HOST, &name);
    if (rc == HC_OK && at != SIZE_MAX)
        rc = unescaped(c, hc_str_sub(raw, at, raw.n), MODE_ZONE, &zone);
    if (rc != HC_OK)
        return rc;
    char *z = hc_arena_strz(c->a, name);
    if (z && inet_pton(AF_INET, z, ip) == 1)
        return fn_fail(c, "invalid IP-literal");
    if (!z || inet_pton(AF_INET6, z, ip) != 1)
        return bad(c, "invalid host: ParseAddr(", name, "): unable to parse IP");
    *out = hc_arena_printf(c->a, "[%.*s%.*s]%.*s", HC_P(name), HC_P(zone), HC_P(port));
    return HC_OK;
}

static enum hc_rc parse_host(struct hc_fcall *c, hc_str scheme, hc_str host, hc_str *out)
{
    size_t open = hc_str_rfind(host, '[');
    if (open != SIZE_MAX)
        return open > 0 ? fn_fail(c, "invalid IP-literal") : ip_literal(c, host, out);
    size_t colon = hc_str_find(host, ':');
    if (colon != SIZE_MAX) {
        if (!hc_str_eqz(scheme, "http") && !hc_str_eqz(scheme, "https"))
            colon = hc_str_rfind(host, ':');
        hc_str port = hc_str_sub(host, colon, host.n);
        if (!valid_port(port))
            return bad(c, "invalid port ", port, " after host");
    }
    return unescaped(c, host, MODE_HOST, out);
}

static enum hc_rc parse_authority(struct hc_fcall *c, struct url *u, hc_str s)
{
    size_t at = hc_str_rfind(s, '@');
    enum hc_rc rc = parse_host(c, u->scheme, at == SIZE_MAX ? s : hc_str_sub(s, at + 1, s.n), &u->host);
    if (rc != HC_OK || at == SIZE_MAX)
        return rc;
    hc_str info = hc_str_sub(s, 0, at);
    for (size_t i = 0; i < info.n; i++) {
        char ch = info.p[i];
        bool fine = (ch >= '0' && ch <= '9') || (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') ||
                    (ch && strchr("-._:~!$&'()*+,;=%@", ch));
        if (!fine)
            return fn_fail(c, "net/url: invalid userinfo");
    }
    size_t colon = hc_str_find(info, ':');
    u->has_user = true;
    u->has_password = colon != SIZE_MAX;
    rc = unescaped(c, hc_str_sub(info, 0, colon), MODE_USER, &u->user);
    if (rc == HC_OK && u->has_password)
        rc = unescaped(c, hc_str_sub(info, colon + 1, info.n), MODE_USER, &u->password);
    return rc;
}

static enum hc_rc get_scheme(struct hc_fcall *c, hc_str s, struct url *u, hc_str *out_rest)
{
    *out_rest = s;
    for (size_t i = 0; i < s.n; i++) {
        char ch = s.p[i];
        if ((ch | 32) >= 'a' && (ch | 32) <= 'z')
            continue;
        if ((ch >= '0' && ch <= '9') || ch == '+' || ch == '-' || ch == '.') {
            if (i == 0)
                return HC_OK;
            continue;
        }
        if (ch != ':')
            return HC_OK;
        if (i == 0)
            return fn_fail(c, "missing protocol scheme");
        char *low = hc_arena_strz(c->a, hc_str_sub(s, 0, i));
        for (size_t k = 0; low && k < i; k++)
            if (low[k] >= 'A' && low[k] <= 'Z')
                low[k] = (char)(low[k] | 32);
        u->scheme = hc_str_n(low, low ? i : 0);
        *out_rest = hc_str_sub(s, i + 1, s.n);
        return HC_OK;
    }
    return HC_OK;
}

static enum hc_rc parse_plain(struct hc_fcall *c, hc_str s, struct url *u)
{
    hc_str rest;
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < ' ' || s.p[i] == 0x7f)
            return fn_fail(c, "net/url: invalid control character in URL");
    if (hc_str_eqz(s, "*")) {
        u->path = s;
        return HC_OK;
    }
    enum hc_rc rc = get_scheme(c, s, u, &rest);
    if (rc != HC_OK)
        return rc;
    size_t mark = hc_str_find(rest, '?');
    if (mark != SIZE_MAX) {
        u->query = hc_str_sub(rest, mark + 1, rest.n);
        rest = hc_str_sub(rest, 0, mark);
    }
    bool rooted = hc_str_starts(rest, HC_S("/"));
    if (!rooted && u->scheme.n > 0) {
        u->opaque = rest;
        return HC_OK;
    }
    size_t slash = hc_str_find(rest, '/');
    if (!rooted && hc_str_find(hc_str_sub(rest, 0, slash), ':') != SIZE_MAX)
        return fn_fail(c, "first path segment in URL cannot contain colon");
    if ((u->scheme.n > 0 || !hc_str_starts(rest, HC_S("///"))) && hc_str_starts(rest, HC_S("//"))) {
        hc_str authority = hc_str_sub(rest, 2, rest.n);
        size_t end = hc_str_find(authority, '/');
        rest = end == SIZE_MAX ? HC_S("") : hc_str_sub(authority, end, authority.n);
        rc = parse_authority(c, u, hc_str_sub(authority, 0, end));
        if (rc != HC_OK)
            return rc;
    }
    return unescaped(c, rest, MODE_PATH, &u->path);
}

static enum hc_rc parse_url(struct hc_fcall *c, hc_str s, struct url *u)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, HC_ERR_MSG * 4);
    hc_str none = { "", 0 };
    *u = (struct url){ none, none, none, none, none, none, none, none, false, false };
    size_t hash = hc_str_find(s, '#');
    hc_str plain = hc_str_sub(s, 0, hash), shown = plain;
    enum hc_rc rc = parse_plain(c, plain, u);
    if (rc == HC_OK && hash != SIZE_MAX) {
        shown = s;
        rc = unescaped(c, hc_str_sub(s, hash + 1, s.n), MODE_FRAGMENT, &u->fragment);
    }
    if (rc != HC_E_INPUT)
        return rc;
    hc_go_quote(&b, shown);
    return hc_wrap(c->err, "parse %.*s", HC_P(hc_buf_str(&b)));
}

static hc_str user_text(struct hc_arena *a, const struct url *u)
{
    hc_str user = escaped(a, u->user, MODE_USER), password = escaped(a, u->password, MODE_USER);
    if (!u->has_password)
        return user;
    return hc_arena_printf(a, "%.*s:%.*s", HC_P(user), HC_P(password));
}

/* The host without its port and brackets. */
static hc_str hostname(hc_str host)
{
    size_t colon = hc_str_rfind(host, ':');
    if (colon != SIZE_MAX && valid_port(hc_str_sub(host, colon, host.n)))
        host = hc_str_sub(host, 0, colon);
    if (hc_str_starts(host, HC_S("[")) && hc_str_ends(host, HC_S("]")))
        host = hc_str_sub(host, 1, host.n - 1);
    return host;
}

FN(fn_url_parse)
{
    (void)argc;
    struct url u;
    enum hc_rc rc = parse_url(c, fn_s(argv[0]), &u);
    if (rc != HC_OK) {
        c->panicked = true;
        return rc == HC_E_INPUT ? hc_wrap(c->err, "unable to parse url") : rc;
    }
    struct hc_val *map = hc_map_new(c->a);
    const struct {
        const char *key;
        hc_str val;
    } rows[] = { { "scheme", u.scheme },
                 { "host", u.host },
                 { "hostname", hostname(u.host) },
                 { "path", u.path },
                 { "query", u.query },
                 { "opaque", u.opaque },
                 { "fragment", u.fragment },
                 { "userinfo", u.has_user ? user_text(c->a, &u) : HC_S("") } };
    for (size_t i = 0; i < HC_LEN(rows); i++)
        hc_map_put_ref(c->a, map, hc_str_of(rows[i].key),
                       hc_str_val_ref(c->a, rows[i].val.p ? rows[i].val : HC_S("")));
    return fn_done(c, map, out);
}

/* u.String() for a URL that was put together, not parsed: no raw forms. */
static void put_url(struct hc_arena *a, struct hc_buf *b, const struct url *u)
{
    if (u->scheme.n > 0) {
        hc_buf_put(b, u->scheme);
        hc_buf_putc(b, ':');
    }
    if (u->opaque.n > 0) {
        hc_buf_put(b, u->opaque);
    } else {
        if (u->scheme.n > 0 || u->host.n > 0 || u->has_user) {
            if (u->host.n > 0 || u->path.n > 0 || u->has_user)
                hc_buf_puts(b, "//");
            if (u->has_user) {
                hc_buf_put(b, user_text(a, u));
                hc_buf_putc(b, '@');
            }
            hc_buf_put(b, escaped(a, u->host, MODE_HOST));
        }
        hc_str path = hc_str_eqz(u->path, "*") ? u->path : escaped(a, u->path, MODE_PATH);
        if (path.n > 0 && path.p[0] != '/' && u->host.n > 0)
            hc_buf_putc(b, '/');
        if (b->n == 0 && hc_str_find(hc_str_sub(path, 0, hc_str_find(path, '/')), ':') != SIZE_MAX)
            hc_buf_puts(b, "./");
        hc_buf_put(b, path);
    }
    if (u->query.n > 0) {
        hc_buf_putc(b, '?');
        hc_buf_put(b, u->query);
    }
    if (u->fragment.n > 0) {
        hc_buf_putc(b, '#');
        hc_buf_put(b, escaped(a, u->fragment, MODE_FRAGMENT));
    }
}

FN(fn_url_join)
{
    (void)argc;
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, HC_MAX_OUTPUT_BYTES);
    static const char *const keys[] = { "scheme", "host", "path", "query", "opaque", "fragment", "userinfo" };
    hc_str vals[HC_LEN(keys)];
    for (size_t i = 0; i < HC_LEN(keys); i++) {
        const struct hc_entry *e = hc_map_find(argv[0], hc_str_of(keys[i]));
        if (e && fn_nil(e->val))
            return fn_panic(c, "runtime error: invalid memory address or nil pointer dereference");
        if (e && !fn_is_string(e->val))
            return fn_panic(c, "unable to parse %s key, must be of type string, but %s found", keys[i],
                            hc_go_kind_name(e->val));
        vals[i] = e ? fn_s(e->val) : HC_S("");
    }
    struct url u = { .scheme = vals[0],
                     .host = vals[1],
                     .path = vals[2],
                     .query = vals[3],
                     .opaque = vals[4],
                     .fragment = vals[5],
                     .user = { "", 0 },
                     .password = { "", 0 } };
    if (vals[6].n > 0) {
        struct url user;
        hc_str text = hc_arena_printf(c->a, "proto://%.*s@host", HC_P(vals[6]));
        enum hc_rc rc = parse_url(c, text, &user);
        if (rc != HC_OK) {
            c->panicked = true;
            return rc == HC_E_INPUT ? hc_wrap(c->err, "unable to parse userinfo in dict") : rc;
        }
        u.has_user = user.has_user;
        u.has_password = user.has_password;
        u.user = user.user;
        u.password = user.password;
    }
    put_url(c->a, &b, &u);
    return fn_buf(c, &b, out);
}
