/*
 * replacements: a field of one object copied into fields of others. Paths are kustomize's: dots, "\." for a dot in a
 * key, [key=value] for a list element, "*" for all.
 */
#include "core/value/yaml.h"
#include "templating/kustomize/kustomize_impl.h"

static hc_str next_step(struct kctx *k, hc_str *path)
{
    if (path->n && path->p[0] == '[') {
        size_t close = hc_str_find(*path, ']');
        size_t n = close == SIZE_MAX ? path->n : close + 1;
        hc_str step = hc_str_sub(*path, 0, n);
        *path = hc_str_sub(*path, n < path->n && path->p[n] == '.' ? n + 1 : n, path->n);
        return step;
    }
    char *out = hc_arena_alloc(k->a, path->n + 1, 1);
    size_t n = 0, i = 0;
    for (; out && i < path->n && path->p[i] != '.' && path->p[i] != '['; i++) {
        if (path->p[i] == '\\' && i + 1 < path->n)
            i++;
        out[n++] = path->p[i];
    }
    *path = hc_str_sub(*path, i < path->n && path->p[i] == '.' ? i + 1 : i, path->n);
    return hc_str_n(out, n);
}

static bool item_fits(const struct hc_val *item, hc_str step)
{
    hc_str inner = hc_str_sub(step, 1, step.n - 1);
    size_t eq = hc_str_find(inner, '=');
    if (eq == SIZE_MAX)
        return false;
    return hc_str_eq(hc_get_str(hc_map_get(item, hc_str_sub(inner, 0, eq))), hc_str_sub(inner, eq + 1, inner.n));
}

static hc_str scalar_text(struct kctx *k, const struct hc_val *v)
{
    if (hc_is_str(v))
        return hc_get_str(v);
    if (v && v->spelling)
        return hc_str_n(v->spelling, v->n);
    if (v && v->kind == HC_BOOL)
        return v->b ? HC_S("true") : HC_S("false");
    if (v && v->kind == HC_INT)
        return hc_arena_printf(k->a, "%" PRId64, v->i);
    return (hc_str){ NULL, 0 };
}

/* The value, or with a delimiter the part of it that is meant put into the old text. */
static struct hc_val *merged(struct kctx *k, const struct hc_val *old, const struct hc_val *value,
                             const struct hc_val *options)
{
    hc_str delimiter = hc_get_str_at(options, "delimiter");
    if (delimiter.n != 1 || !hc_is_str(old))
        return hc_val_copy(k->a, value);
    int64_t index = hc_get_int_at(options, "index", 0);
    hc_str rest = hc_get_str(old), part, out = HC_S(""), text = scalar_text(k, value);
    for (int64_t i = 0; hc_str_split(&rest, delimiter.p[0], &part); i++)
        out = hc_arena_printf(k->a, "%.*s%s%.*s", HC_P(out), i ? hc_arena_strz(k->a, delimiter) : "",
                              HC_P(i == index ? text : part));
    return hc_str_val_ref(k->a, out);
}

static bool put_at(struct kctx *k, struct hc_val *v, hc_str path, const struct hc_val *value,
                   const struct hc_val *options)
{
    hc_str step = next_step(k, &path);
    bool create = hc_get_bool_at(options, "create", false), done = false;
    if (hc_is_list(v)) {
        int64_t index;
        for (size_t i = 0; i < hc_list_len(v); i++) {
            struct hc_val *item = hc_list_at(v, i);
            bool fits = hc_str_eqz(step, "*") || (step.n && step.p[0] == '[' && item_fits(item, step)) ||
                        (hc_str_to_i64(step, &index) && (size_t)index == i);
            if (!fits)
                continue;
            if (path.n)
                done = put_at(k, item, path, value, options) || done;
            else
                v->list->items[i] = merged(k, item, value, options), done = true;
        }
        return done;
    }
    if (!hc_is_map(v))
        return false;
    struct hc_val *next = hc_map_get(v, step);
    if (!path.n) {
        if (!next && !create)
            return false;
        hc_map_put(k->a, v, step, merged(k, next, value, options));
        return true;
    }
    if (!next && create) {
        next = hc_map_new(k->a);
        hc_map_put(k->a, v, step, next);
    }
    return next && put_at(k, next, path, value, options);
}

static const struct hc_val *get_at(struct kctx *k, const struct hc_val *v, hc_str path)
{
    while (v && path.n) {
        hc_str step = next_step(k, &path);
        int64_t index;
        const struct hc_val *next = NULL;
        if (hc_is_map(v))
            next = hc_map_get(v, step);
        else if (step.n && step.p[0] == '[')
            for (size_t i = 0; i < hc_list_len(v) && !next; i++)
                next = item_fits(hc_list_at(v, i), step) ? hc_list_at(v, i) : NULL;
        else if (hc_str_to_i64(step, &index) && index >= 0)
            next = hc_list_at(v, (size_t)index);
        v = next;
    }
    return v;
}

static enum hc_rc one(struct kctx *k, struct kset *set, const struct hc_val *rule, hc_str file)
{
    const struct hc_val *source = hc_map_getz(rule, "source"), *targets = hc_map_getz(rule, "targets");
    const struct hc_val *value = NULL, *from = NULL;
    hc_str path = hc_get_str_at(source, "fieldPath");
    for (size_t i = 0; i < set->n && !from; i++) {
        bool fits;
        if (k_selects(k, source, &set->items[i], &fits) != HC_OK)
            return k->err->code;
        if (fits && !set->items[i].gone)
            from = set->items[i].obj;
    }
    value = get_at(k, from, path.n ? path : HC_S("metadata.name"));
    if (!value)
        return hc_fail_at(k->err, HC_E_INPUT, file, (int)rule->line, -1,
                          "%.*s:%u: replacement: %s '%.*s' of the source is not there", HC_P(file), rule->line,
                          from ? "field" : "the object with field", HC_P(path));
    const struct hc_val *cut = hc_map_getz(source, "options");
    hc_str delimiter = hc_get_str_at(cut, "delimiter");
    if (delimiter.n == 1) {
        hc_str rest = scalar_text(k, value), part = { NULL, 0 };
        for (int64_t i = 0; i <= hc_get_int_at(cut, "index", 0); i++)
            if (!hc_str_split(&rest, delimiter.p[0], &part))
                return hc_fail(k->err, HC_E_INPUT, "%.*s: replacement: the source has no part %" PRId64, HC_P(file),
                               i);
        value = hc_str_val_ref(k->a, part);
    }
    for (size_t t = 0; t < hc_list_len(targets); t++) {
        const struct hc_val *target = hc_list_at(targets, t), *paths = hc_map_getz(target, "fieldPaths"),
                            *reject = hc_map_getz(target, "reject");
        for (size_t i = 0; i < set->n; i++) {
            bool fits, rejected = false;
            if (set->items[i].gone)
                continue;
            if (k_selects(k, hc_map_getz(target, "select"), &set->items[i], &fits) != HC_OK)
                return k->err->code;
            for (size_t r = 0; fits && !rejected && r < hc_list_len(reject); r++)
                if (k_selects(k, hc_list_at(reject, r), &set->items[i], &rejected) != HC_OK)
                    return k->err->code;
            for (size_t p = 0; fits && !rejected && p < hc_list_len(paths); p++)
                if (!put_at(k, set->items[i].obj, hc_get_str(hc_list_at(paths, p)), value,
                            hc_map_getz(target, "options")))
                    return hc_fail_at(k->err, HC_E_INPUT, file, (int)rule->line, -1,
                                      "%.*s:%u: replacement: %.*s has no field '%.*s'", HC_P(file), rule->line,
                                      HC_P(kres_label(k->a, set->items[i].obj)),
                                      HC_P(hc_get_str(hc_list_at(paths, p))));
        }
    }
    return HC_OK;
}

enum hc_rc k_replacements(struct kctx *k, struct kset *set, const struct hc_val *list, hc_str dir, hc_str file)
{
    for (size_t i = 0; i < hc_list_len(list); i++) {
        const struct hc_val *rule = hc_list_at(list, i);
        hc_str path = hc_get_str_at(rule, "path"), body, rel;
        struct hc_val *inside = NULL;
        if (path.n &&
            (k_read(k, dir, path, &body, &rel) != HC_OK ||
             hc_yaml_parse(k->a, body, rel, HC_YAML_STRICT_KEYS | HC_YAML_TRUE_FALSE, &inside, k->err) != HC_OK))
            return hc_wrap(k->err, "%.*s", HC_P(file));
        if (hc_is_list(inside)) {
            if (k_replacements(k, set, inside, dir, rel) != HC_OK)
                return k->err->code;
        } else if (one(k, set, inside ? inside : rule, inside ? rel : file) != HC_OK) {
            return k->err->code;
        }
    }
    return HC_OK;
}
