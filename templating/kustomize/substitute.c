/*
 * Variables in objects. Only text scalars and keys' values are looked into, each by itself: a document without a
 * variable stays as it is, byte for byte. A scalar that was nothing but variables is read again as YAML, so that
 * `replicas: ${n}` becomes a number, as it does in Flux, where the text of the whole document is replaced.
 * Grammar: Flux pkg/envsubst (drone/envsubst): ${v} ${v:-d} ${v-d} ${v:=d} ${v=d} ${#v} ${v^} ${v^^} ${v,} ${v,,}
 * ${v:o:n} ${v#p} ${v##p} ${v%p} ${v%%p} ${v/a/b} ${v//a/b}, $${ for a plain ${.
 */
#include <ctype.h>
#include <fnmatch.h>

#include "core/base/buf.h"
#include "core/value/yaml.h"
#include "templating/kustomize/kustomize_impl.h"

struct sub {
    struct hc_arena *a;
    struct hc_err *err;
    const struct hc_val *vars;
    bool strict;
    hc_str object;
    int depth;
};

static enum hc_rc expand(struct sub *s, hc_str text, struct hc_buf *out, bool *out_whole);

static bool name_char(char c, bool first)
{
    return c == '_' || isalpha((unsigned char)c) || (!first && isdigit((unsigned char)c));
}

static void change_case(struct hc_buf *out, hc_str v, bool upper, bool all)
{
    for (size_t i = 0; i < v.n; i++) {
        int c = (unsigned char)v.p[i];
        hc_buf_putc(out, (char)(all || i == 0 ? (upper ? toupper(c) : tolower(c)) : c));
    }
}

/* The shortest (longest) prefix or suffix that a shell pattern fits is cut. */
static hc_str cut(struct sub *s, hc_str v, hc_str pattern, bool prefix, bool longest)
{
    const char *p = hc_arena_strz(s->a, pattern);
    if (!p)
        return v;
    for (size_t i = 0; i <= v.n; i++) {
        size_t n = longest ? v.n - i : i;
        hc_str part = prefix ? hc_str_sub(v, 0, n) : hc_str_sub(v, v.n - n, v.n);
        const char *text = hc_arena_strz(s->a, part);
        if (text && fnmatch(p, text, 0) == 0)
            return prefix ? hc_str_sub(v, n, v.n) : hc_str_sub(v, 0, v.n - n);
    }
    return v;
}

static void replace(struct hc_buf *out, hc_str v, hc_str from, hc_str to, bool all)
{
    while (from.n) {
        size_t at = hc_str_find_str(v, from);
        if (at == SIZE_MAX)
            break;
        hc_buf_put(out, hc_str_sub(v, 0, at));
        hc_buf_put(out, to);
        v = hc_str_sub(v, at + from.n, v.n);
        if (!all)
            break;
    }
    hc_buf_put(out, v);
}

/* What stands between "${" and its "}", nested ones counted; SIZE_MAX: not closed. */
static size_t closing(hc_str s)
{
    int open = 1;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '{' && i > 0 && s.p[i - 1] == '$')
            open++;
        else if (s.p[i] == '}' && --open == 0)
            return i;
    }
    return SIZE_MAX;
}

static enum hc_rc variable(struct sub *s, hc_str body, struct hc_buf *out)
{
    bool length = body.n > 1 && body.p[0] == '#', whole;
    if (length)
        body = hc_str_sub(body, 1, body.n);
    size_t n = 0;
    while (n < body.n && name_char(body.p[n], n == 0))
        n++;
    hc_str name = hc_str_sub(body, 0, n), op = hc_str_sub(body, n, body.n);
    if (!name.n)
        return hc_fail(s->err, HC_E_INPUT, "%.*s: '${%.*s}' has no variable name (write $${ for a plain ${)",
                       HC_P(s->object), HC_P(body));
    const struct hc_val *found = hc_map_get(s->vars, name);
    hc_str v = hc_get_str(found), rest;
    bool colon = op.n && op.p[0] == ':' && op.n > 1 && strchr("-=?+", op.p[1]);
    char c = op.n ? op.p[colon ? 1 : 0] : '\0';
    rest = hc_str_sub(op, colon ? 2 : 1, op.n);
    bool defaults = c != '\0' && strchr("-=", c) && (colon || op.p[0] == c);
    if (defaults) {
        if (found && (v.n || !colon))
            hc_buf_put(out, v);
        else
            return expand(s, rest, out, &whole);
        return HC_OK;
    }
    if (!found && s->strict)
        return hc_fail(s->err, HC_E_INPUT,
                       "%.*s: variable '%.*s' is not set and has no default: add it to postBuild.substitute or "
                       "write ${%.*s:=default}",
                       HC_P(s->object), HC_P(name), HC_P(name));
    if (length) {
        hc_buf_printf(out, "%zu", hc_utf8_count(v));
    } else if (!op.n) {
        hc_buf_put(out, v);
    } else if (c == '^' || c == ',') {
        change_case(out, v, c == '^', rest.n && rest.p[0] == c);
    } else if (c == '#' || c == '%') {
        bool longest = rest.n && rest.p[0] == c;
        hc_buf_put(out, cut(s, v, longest ? hc_str_sub(rest, 1, rest.n) : rest, c == '#', longest));
    } else if (c == '/') {
        bool all = rest.n && rest.p[0] == '/';
        hc_str to = all ? hc_str_sub(rest, 1, rest.n) : rest, from;
        if (!hc_str_split(&to, '/', &from))
            from = HC_S("");
        replace(out, v, from, to, all);
    } else if (c == ':') {
        hc_str a_text, b_text = rest;
        int64_t from = 0, len = (int64_t)v.n;
        hc_str_split(&b_text, ':', &a_text);
        if (!hc_str_to_i64(hc_str_trim(a_text), &from) || (b_text.p && !hc_str_to_i64(hc_str_trim(b_text), &len)) ||
            from < 0 || len < 0)
            return hc_fail(s->err, HC_E_INPUT, "%.*s: '${%.*s}': offset and length must be whole numbers",
                           HC_P(s->object), HC_P(body));
        hc_buf_put(out, hc_str_sub(v, (size_t)from, (size_t)(from + HC_MIN(len, (int64_t)v.n))));
    } else {
        return hc_fail(s->err, HC_E_INPUT, "%.*s: '${%.*s}' is not a known substitution", HC_P(s->object),
                       HC_P(body));
    }
    return HC_OK;
}

static enum hc_rc expand(struct sub *s, hc_str text, struct hc_buf *out, bool *out_whole)
{
    bool literal = false, any = false;
    if (++s->depth > 16)
        return hc_fail(s->err, HC_E_LIMIT, "%.*s: variables are nested more than 16 deep", HC_P(s->object));
    while (text.n) {
        size_t at = hc_str_find(text, '$');
        if (at == SIZE_MAX)
            at = text.n;
        if (at) {
            hc_buf_put(out, hc_str_sub(text, 0, at));
            literal = true;
            text = hc_str_sub(text, at, text.n);
        } else if (hc_str_starts(text, HC_S("$${"))) {
            hc_buf_put(out, HC_S("${"));
            literal = true;
            text = hc_str_sub(text, 3, text.n);
        } else if (hc_str_starts(text, HC_S("${"))) {
            hc_str body = hc_str_sub(text, 2, text.n);
            size_t end = closing(body);
            if (end == SIZE_MAX)
                return hc_fail(s->err, HC_E_INPUT, "%.*s: '%.*s' has no closing brace (write $${ for a plain ${)",
                               HC_P(s->object), (int)HC_MIN(text.n, (size_t)60), text.p);
            if (variable(s, hc_str_sub(body, 0, end), out) != HC_OK)
                return s->err->code;
            any = true;
            text = hc_str_sub(body, end + 1, body.n);
        } else {
            hc_buf_putc(out, '$');
            literal = true;
            text = hc_str_sub(text, 1, text.n);
        }
    }
    s->depth--;
    *out_whole = any && !literal;
    return HC_OK;
}

static enum hc_rc walk(struct sub *s, const struct hc_val *v, int depth, struct hc_val **out)
{
    if (depth > 256)
        return hc_fail(s->err, HC_E_LIMIT, "%.*s is nested more than 256 deep", HC_P(s->object));
    *out = (struct hc_val *)(uintptr_t)v; /* nothing to change: shared */
    if (hc_is_str(v) && hc_str_find(hc_get_str(v), '$') != SIZE_MAX) {
        HC_AUTO(hc_buf) struct hc_buf b;
        bool whole;
        hc_buf_init(&b, 0);
        s->depth = 0;
        if (expand(s, hc_get_str(v), &b, &whole) != HC_OK)
            return s->err->code;
        hc_str text = hc_buf_to_arena(&b, s->a);
        struct hc_val *read = NULL;
        if (whole && hc_yaml_resolves(text) &&
            hc_yaml_parse(s->a, text, s->object, HC_YAML_TRUE_FALSE, &read, NULL) == HC_OK)
            *out = read;
        else
            *out = hc_str_val_ref(s->a, text);
    } else if (hc_is_list(v)) {
        struct hc_val *list = hc_list_new(s->a), *item;
        for (size_t i = 0; i < hc_list_len(v); i++) {
            if (walk(s, hc_list_at(v, i), depth + 1, &item) != HC_OK)
                return s->err->code;
            hc_list_add(s->a, list, item);
        }
        *out = list;
    } else if (hc_is_map(v)) {
        struct hc_val *map = hc_map_new(s->a), *item;
        for (size_t i = 0; i < hc_map_len(v); i++) {
            if (walk(s, hc_map_at(v, i)->val, depth + 1, &item) != HC_OK)
                return s->err->code;
            hc_map_put_ref(s->a, map, hc_map_at(v, i)->key, item);
        }
        *out = map;
    }
    return HC_OK;
}

enum hc_rc hc_kustomize_substitute(struct hc_arena *a, const struct hc_val *objects, const struct hc_val *vars,
                                   bool strict, struct hc_val **out_objects, struct hc_err *err)
{
    static const hc_str mark = { "kustomize.toolkit.fluxcd.io/substitute", 38 };
    struct hc_err mine;
    struct sub s = { .a = a, .err = err ? err : &mine, .vars = vars, .strict = strict };
    struct hc_val *list = hc_list_new(a);
    for (size_t i = 0; i < hc_list_len(objects); i++) {
        struct hc_val *obj = hc_list_at(objects, i), *done = obj;
        bool off = hc_str_eqz(hc_get_str(hc_map_get(hc_get(obj, "metadata.labels"), mark)), "disabled") ||
                   hc_str_eqz(hc_get_str(hc_map_get(hc_get(obj, "metadata.annotations"), mark)), "disabled");
        s.object = kres_label(a, obj);
        if (!off && walk(&s, obj, 0, &done) != HC_OK)
            return s.err->code;
        hc_list_add(a, list, done);
    }
    if (hc_arena_spent(a))
        return hc_arena_check(a, s.err, "substitution");
    *out_objects = list;
    return HC_OK;
}
