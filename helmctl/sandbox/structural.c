/*
 * Structural schemas of CRDs (apiextensions-apiserver pkg/apiserver/schema): pruning of unknown fields, defaults,
 * validation of the keywords CRDs use. x-kubernetes-validations (CEL) is not evaluated. Patterns are matched with
 * POSIX extended expressions after a small translation; one that cannot be compiled holds.
 */
#include <regex.h>
#include <stdio.h>

#include "core/value/json.h"
#include "helmctl/sandbox/sandbox_impl.h"

enum { DEPTH_MAX = 64 };

static bool flag(const struct hc_val *schema, const char *name)
{
    const struct hc_val *v = hc_map_getz(schema, name);
    return hc_kind_of(v) == HC_BOOL && v->b;
}

/* ---- pruning ------------------------------------------------------------------------------------------- */

struct pruning {
    struct hc_arena *a;
    struct hc_val *cut;
};

static void prune(struct pruning *p, const struct hc_val *schema, struct hc_val *val, hc_str path, int depth);

static void prune_map(struct pruning *p, const struct hc_val *schema, struct hc_val *val, hc_str path, int depth)
{
    const struct hc_val *props = hc_map_getz(schema, "properties"),
                        *extra = hc_map_getz(schema, "additionalProperties");
    bool keep = flag(schema, "x-kubernetes-preserve-unknown-fields") || (hc_kind_of(extra) == HC_BOOL && extra->b);
    bool resource = flag(schema, "x-kubernetes-embedded-resource") || depth == 0;
    for (size_t i = 0; i < hc_map_len(val);) {
        struct hc_entry *e = hc_map_at(val, i);
        hc_str key = e->key;
        hc_str at = path.n ? hc_arena_printf(p->a, "%.*s.%.*s", HC_P(path), HC_P(key)) : key;
        const struct hc_val *sub = hc_map_get(props, key);
        if (resource && (hc_str_eqz(key, "apiVersion") || hc_str_eqz(key, "kind") || hc_str_eqz(key, "metadata"))) {
            i++;
            continue;
        }
        if (!sub && hc_is_map(extra))
            sub = extra;
        if (!sub && !keep) {
            if (p->cut)
                hc_list_add(p->a, p->cut, hc_str_val(p->a, at));
            hc_map_del(val, key);
            continue;
        }
        if (sub)
            prune(p, sub, e->val, at, depth + 1);
        i++;
    }
}

static void prune(struct pruning *p, const struct hc_val *schema, struct hc_val *val, hc_str path, int depth)
{
    if (depth > DEPTH_MAX || !schema)
        return;
    if (hc_is_map(val)) {
        prune_map(p, schema, val, path, depth);
    } else if (hc_is_list(val)) {
        const struct hc_val *items = hc_map_getz(schema, "items");
        for (size_t i = 0; items && i < hc_list_len(val); i++)
            prune(p, items, hc_list_at(val, i), hc_arena_printf(p->a, "%.*s[%zu]", HC_P(path), i), depth + 1);
    }
}

void hc_sb_prune(struct hc_arena *a, const struct hc_sb_kind *k, struct hc_val *obj, struct hc_val *out_cut)
{
    struct pruning p = { a, out_cut };
    if (k->schema && !k->preserve_unknown)
        prune(&p, k->schema, obj, HC_S(""), 0);
}

/* ---- defaults ------------------------------------------------------------------------------------------- */

void hc_sb_schema_defaults(struct hc_arena *a, const struct hc_val *schema, struct hc_val *val)
{
    if (!schema)
        return;
    if (hc_is_map(val)) {
        const struct hc_val *props = hc_map_getz(schema, "properties");
        for (size_t i = 0; i < hc_map_len(props); i++) {
            const struct hc_entry *p = hc_map_at(props, i);
            struct hc_val *have = hc_map_get(val, p->key);
            const struct hc_val *def = hc_map_getz(p->val, "default");
            /* A null where null is not allowed is as good as absent: the default, or nothing. */
            if (def && (!have || (hc_is_null(have) && !flag(p->val, "nullable")))) {
                have = hc_val_copy(a, def);
                hc_map_put(a, val, p->key, have);
            }
            if (have && hc_is_null(have) && !flag(p->val, "nullable"))
                hc_map_del(val, p->key);
            else if (have)
                hc_sb_schema_defaults(a, p->val, have);
        }
        const struct hc_val *extra = hc_map_getz(schema, "additionalProperties");
        for (size_t i = 0; hc_is_map(extra) && i < hc_map_len(val); i++)
            hc_sb_schema_defaults(a, extra, hc_map_at(val, i)->val);
    } else if (hc_is_list(val)) {
        const struct hc_val *items = hc_map_getz(schema, "items");
        for (size_t i = 0; items && i < hc_list_len(val); i++)
            hc_sb_schema_defaults(a, items, hc_list_at(val, i));
    }
}

/* ---- validation ------------------------------------------------------------------------------------------- */

static bool type_fits(const struct hc_val *schema, const struct hc_val *val)
{
    hc_str type = hc_get_str_at(schema, "type");
    double f;
    if (flag(schema, "x-kubernetes-int-or-string"))
        return hc_is_str(val) || val->kind == HC_INT || val->kind == HC_UINT;
    if (!type.n)
        return true;
    if (hc_str_eqz(type, "object"))
        return hc_is_map(val);
    if (hc_str_eqz(type, "array"))
        return hc_is_list(val);
    if (hc_str_eqz(type, "string"))
        return hc_is_str(val);
    if (hc_str_eqz(type, "boolean"))
        return val->kind == HC_BOOL;
    if (hc_str_eqz(type, "integer"))
        return val->kind == HC_INT || val->kind == HC_UINT ||
               (val->kind == HC_FLOAT && hc_get_f64(val, &f) && f == (double)(int64_t)f);
    if (hc_str_eqz(type, "number"))
        return hc_get_f64(val, &f);
    return true;
}

static hc_str type_word(const struct hc_val *v)
{
    static const char *const words[] = { "null",   "boolean", "integer", "integer", "number",
                                         "string", "array",   "object",  "object" };
    return hc_str_of(words[hc_kind_of(v)]);
}

/* RE2 text as POSIX extended: \d \w \s, (?: becomes (. */
static bool pattern_holds(struct hc_arena *a, hc_str pattern, hc_str text)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 65536);
    bool in_set = false;
    for (size_t i = 0; i < pattern.n; i++) {
        char c = pattern.p[i], next = i + 1 < pattern.n ? pattern.p[i + 1] : '\0';
        if (c == '\\' && next) {
            const char *as = next == 'd' ? "0-9" : next == 'w' ? "A-Za-z0-9_" : next == 's' ? " \t\r\n" : NULL;
            i++;
            if (as)
                hc_buf_printf(&b, in_set ? "%s" : "[%s]", as);
            else if (in_set)
                hc_buf_putc(&b, next);
            else
                hc_buf_printf(&b, "\\%c", next);
            continue;
        }
        if (c == '(' && next == '?' && i + 2 < pattern.n && pattern.p[i + 2] == ':' && !in_set) {
            hc_buf_putc(&b, '(');
            i += 2;
            continue;
        }
        if (c == '[' && !in_set)
            in_set = true;
        else if (c == ']' && in_set)
            in_set = false;
        hc_buf_putc(&b, c);
    }
    char *re = hc_arena_strz(a, hc_buf_str(&b)), *z = hc_arena_strz(a, text);
    regex_t rx;
    if (!re || !z || regcomp(&rx, re, REG_EXTENDED | REG_NOSUB) != 0)
        return true;
    bool ok = regexec(&rx, z, 0, NULL, 0) == 0;
    regfree(&rx);
    return ok;
}

static void check_string(struct hc_sb_errors *e, const struct hc_val *schema, const struct hc_val *val, hc_str path)
{
    hc_str text = hc_get_str(val), pattern = hc_get_str_at(schema, "pattern");
    int64_t n = (int64_t)hc_utf8_count(text), max = hc_get_int_at(schema, "maxLength", -1);
    int64_t min = hc_get_int_at(schema, "minLength", 0);
    if (max >= 0 && n > max)
        hc_sb_err_add(e, "FieldValueTooLong", path,
                      hc_arena_printf(e->a, "Too long: may not be more than %" PRId64 " bytes", max));
    if (n < min)
        hc_sb_err_invalid(e, path, val, "%.*s in body should be at least %" PRId64 " chars long", HC_P(path), min);
    if (pattern.n && !pattern_holds(e->a, pattern, text))
        hc_sb_err_invalid(e, path, val, "%.*s in body should match '%.*s'", HC_P(path), HC_P(pattern));
}

static void check_number(struct hc_sb_errors *e, const struct hc_val *schema, const struct hc_val *val, hc_str path)
{
    double have, limit;
    if (!hc_get_f64(val, &have))
        return;
    if (hc_get_f64(hc_map_getz(schema, "minimum"), &limit) &&
        (have < limit || (flag(schema, "exclusiveMinimum") && have <= limit)))
        hc_sb_err_invalid(e, path, val, "%.*s in body should be greater than or equal to %g", HC_P(path), limit);
    if (hc_get_f64(hc_map_getz(schema, "maximum"), &limit) &&
        (have > limit || (flag(schema, "exclusiveMaximum") && have >= limit)))
        hc_sb_err_invalid(e, path, val, "%.*s in body should be less than or equal to %g", HC_P(path), limit);
}

static void check_enum(struct hc_sb_errors *e, const struct hc_val *allowed, const struct hc_val *val, hc_str path)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 65536);
    for (size_t i = 0; i < hc_list_len(allowed); i++) {
        if (hc_val_equal(hc_list_at(allowed, i), val))
            return;
        hc_buf_puts(&b, i ? ", " : "");
        hc_json_write(&b, hc_list_at(allowed, i), 0);
    }
    HC_AUTO(hc_buf) struct hc_buf v;
    hc_buf_init(&v, 65536);
    hc_json_write(&v, val, 0);
    hc_str have = hc_buf_str(&v), want = hc_buf_str(&b);
    hc_sb_err_add(e, "FieldValueNotSupported", path,
                  hc_arena_printf(e->a, "Unsupported value: %.*s: supported values: %.*s", HC_P(have), HC_P(want)));
}

static bool valid_quietly(struct hc_arena *a, const struct hc_val *schema, const struct hc_val *val, hc_str path,
                          int depth)
{
    struct hc_sb_errors probe = { .a = a };
    hc_sb_schema_validate(&probe, schema, val, path, depth + 1);
    return hc_list_len(probe.causes) == 0;
}

static void check_combined(struct hc_sb_errors *e, const struct hc_val *schema, const struct hc_val *val,
                           hc_str path, int depth)
{
    const struct hc_val *all = hc_map_getz(schema, "allOf"), *any = hc_map_getz(schema, "anyOf");
    const struct hc_val *one = hc_map_getz(schema, "oneOf"), *not = hc_map_getz(schema, "not");
    size_t n = 0;
    for (size_t i = 0; i < hc_list_len(all); i++)
        hc_sb_schema_validate(e, hc_list_at(all, i), val, path, depth + 1);
    for (size_t i = 0; i < hc_list_len(any); i++)
        n += valid_quietly(e->a, hc_list_at(any, i), val, path, depth);
    if (hc_list_len(any) && n == 0)
        hc_sb_err_invalid(e, path, NULL, "%.*s in body must validate at least one schema (anyOf)", HC_P(path));
    n = 0;
    for (size_t i = 0; i < hc_list_len(one); i++)
        n += valid_quietly(e->a, hc_list_at(one, i), val, path, depth);
    if (hc_list_len(one) && n != 1)
        hc_sb_err_invalid(e, path, NULL,
                          "%.*s in body must validate one and only one schema (oneOf). Found %s valid "
                          "alternatives",
                          HC_P(path), n ? "several" : "none");
    if (not &&valid_quietly(e->a, not, val, path, depth))
        hc_sb_err_invalid(e, path, NULL, "%.*s in body must not validate the schema (not)", HC_P(path));
}

static void check_map(struct hc_sb_errors *e, const struct hc_val *schema, const struct hc_val *val, hc_str path,
                      int depth)
{
    const struct hc_val *props = hc_map_getz(schema, "properties"), *req = hc_map_getz(schema, "required");
    const struct hc_val *extra = hc_map_getz(schema, "additionalProperties");
    for (size_t i = 0; i < hc_list_len(req); i++) {
        hc_str name = hc_get_str(hc_list_at(req, i));
        if (!hc_map_find(val, name))
            hc_sb_err_required(e, path.n ? hc_arena_printf(e->a, "%.*s.%.*s", HC_P(path), HC_P(name)) : name, "");
    }
    for (size_t i = 0; i < hc_map_len(val); i++) {
        const struct hc_entry *en = hc_map_at(val, i);
        const struct hc_val *sub = hc_map_get(props, en->key);
        if (!sub && hc_is_map(extra))
            sub = extra;
        if (!sub || (depth == 0 && hc_str_eqz(en->key, "metadata")))
            continue;
        hc_sb_schema_validate(e, sub, en->val,
                              path.n ? hc_arena_printf(e->a, "%.*s.%.*s", HC_P(path), HC_P(en->key)) : en->key,
                              depth + 1);
    }
}

void hc_sb_schema_validate(struct hc_sb_errors *e, const struct hc_val *schema, const struct hc_val *val,
                           hc_str path, int depth)
{
    if (!schema || !val || depth > DEPTH_MAX || hc_list_len(e->causes) > 50)
        return;
    if (hc_is_null(val) && flag(schema, "nullable"))
        return;
    if (!type_fits(schema, val)) {
        hc_str have = type_word(val), want = hc_get_str_at(schema, "type");
        if (!want.n)
            want = HC_S("integer or string");
        hc_sb_err_add(e, "FieldValueTypeInvalid", path,
                      hc_arena_printf(e->a, "Invalid value: \"%.*s\": %.*s in body must be of type %.*s: \"%.*s\"",
                                      HC_P(have), HC_P(path), HC_P(want), HC_P(have)));
        return;
    }
    const struct hc_val *allowed = hc_map_getz(schema, "enum");
    if (hc_list_len(allowed))
        check_enum(e, allowed, val, path);
    if (hc_is_str(val))
        check_string(e, schema, val, path);
    else if (hc_is_map(val))
        check_map(e, schema, val, path, depth);
    else if (!hc_is_list(val))
        check_number(e, schema, val, path);
    if (hc_is_list(val)) {
        int64_t n = (int64_t)hc_list_len(val), max = hc_get_int_at(schema, "maxItems", -1);
        int64_t min = hc_get_int_at(schema, "minItems", 0);
        if (max >= 0 && n > max)
            hc_sb_err_add(
                e, "FieldValueTooMany", path,
                hc_arena_printf(e->a, "Too many: %" PRId64 ": must have at most %" PRId64 " items", n, max));
        if (n < min)
            hc_sb_err_invalid(e, path, NULL, "%.*s in body should have at least %" PRId64 " items", HC_P(path),
                              min);
        for (int64_t i = 0; i < n; i++)
            hc_sb_schema_validate(e, hc_map_getz(schema, "items"), hc_list_at(val, (size_t)i),
                                  hc_arena_printf(e->a, "%.*s[%" PRId64 "]", HC_P(path), i), depth + 1);
    }
    check_combined(e, schema, val, path, depth);
}
