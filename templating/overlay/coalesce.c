/*
 * Values of charts laid under values of their users (D4), with the same sharing of maps as in Helm: what a
 * template changes in one place shows in the other places where it would show there.
 *
 * Two ways of doing it: coalescing removes what a null stands for, merging keeps nulls for a later coalescing.
 * Where Helm 3 differs, it keeps nulls of chart defaults.
 */
#include <stdarg.h>
#include <stdio.h>

#include "core/base/limits.h"
#include "core/base/log.h"
#include "core/value/json.h"
#include "templating/overlay/overlay_impl.h"

static void keep_warning(struct hc_process *p, hc_str text)
{
    if (p->warnings_n == p->warnings_cap) {
        size_t cap = p->warnings_cap ? p->warnings_cap * 2 : 8;
        hc_str *list = HC_NEW_N(p->keep, hc_str, cap);
        if (!list)
            return;
        if (p->warnings_n)
            memcpy(list, p->warnings, p->warnings_n * sizeof(*list));
        p->warnings = list;
        p->warnings_cap = cap;
    }
    p->warnings[p->warnings_n++] = text;
}

void hc_process_warn(struct hc_process *p, const char *helm3, const char *helm4, ...)
{
    char said[512];
    va_list ap;
    va_start(ap, helm4);
    int n = vsnprintf(said, sizeof(said), helm4, ap);
    va_end(ap);
    hc_str text = hc_str_n(said, HC_MIN((size_t)HC_MAX(n, 0), sizeof(said) - 1));
    const hc_str parts[] = { p->helm3 ? hc_str_of(helm3) : HC_S("level=INFO msg="),
                             p->helm3 ? HC_S(": ") : HC_S(""), p->helm3 ? text : hc_log_value(p->keep, text) };
    keep_warning(p, hc_arena_cat(p->keep, HC_LEN(parts), parts));
}

void hc_process_log(struct hc_process *p, const char *helm3, const char *msg, const struct hc_log_pair *pairs,
                    size_t n)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    if (p->helm3)
        hc_buf_puts(&b, helm3);
    else
        hc_buf_printf(&b, "level=WARN msg=\"%s\"", msg);
    for (size_t i = 0; i < n; i++) {
        if (p->helm3)
            hc_buf_printf(&b, "%s%.*s%s", pairs[i].before, HC_P(pairs[i].text), pairs[i].behind);
        else
            hc_buf_printf(&b, " %s=%.*s", pairs[i].key, HC_P(hc_log_value(p->keep, pairs[i].text)));
    }
    keep_warning(p, hc_buf_to_arena(&b, p->keep));
}

static hc_str join(struct hc_process *p, hc_str prefix, hc_str key)
{
    const hc_str parts[] = { prefix, HC_S("."), key };
    return prefix.n ? hc_arena_cat(p->a, 3, parts) : key;
}

static bool is_null_at(const struct hc_val *v)
{
    return v && v->kind == HC_NULL;
}

/* Nulls out of a map, at any depth; not out of lists. */
static void clean_nulls(struct hc_val *map)
{
    for (size_t i = hc_map_len(map); i-- > 0;) {
        struct hc_entry *e = hc_map_at(map, i);
        if (is_null_at(e->val))
            hc_map_del(map, e->key);
        else if (hc_is_map(e->val))
            clean_nulls(e->val);
    }
}

/*
 * coalesceTablesFullKey: a key that is null in dst goes away when src had a value for it, and stays as null when
 * src lacked it or had null too. Helm notes the nulls of dst in src as well; that shows only where src is part of
 * a tree that is used again, which is what `note` is for.
 */
static void tables(struct hc_process *p, struct hc_val *dst, struct hc_val *src, hc_str prefix, bool merge,
                   bool note)
{
    if (dst == src)
        return;
    for (size_t i = 0; i < hc_map_len(src); i++) {
        struct hc_entry *e = hc_map_at(src, i);
        struct hc_entry *there = hc_map_find(dst, e->key);
        if (!there) {
            hc_map_put_ref(p->a, dst, e->key, e->val);
            continue;
        }
        if (is_null_at(there->val)) {
            bool had_value = !is_null_at(e->val);
            if (note)
                e->val = there->val;
            if (!merge && had_value)
                hc_map_del(dst, e->key);
        } else if (hc_is_map(e->val)) {
            if (hc_is_map(there->val) && p->depth < HC_MAX_VALUES_DEPTH) {
                p->depth++;
                tables(p, there->val, e->val, join(p, prefix, e->key), merge, note);
                p->depth--;
            } else if (hc_is_map(there->val))
                p->too_deep = true;
            else
                hc_process_warn(p, "coalesce.go:316", "warning: cannot overwrite table with non table for %.*s",
                                HC_P(join(p, prefix, e->key)));
        } else if (hc_is_map(there->val) && !is_null_at(e->val)) {
            hc_process_warn(p, "coalesce.go:319",
                            "warning: destination for %.*s is a table. Ignoring non-table value",
                            HC_P(join(p, prefix, e->key)));
        }
    }
    for (size_t i = 0; note && i < hc_map_len(dst); i++)
        if (is_null_at(hc_map_at(dst, i)->val) && !hc_map_find(src, hc_map_at(dst, i)->key))
            hc_map_put_ref(p->a, src, hc_map_at(dst, i)->key, hc_map_at(dst, i)->val);
}

void hc_merge_tables(struct hc_process *p, struct hc_val *dst, struct hc_val *src)
{
    tables(p, dst, src, HC_S(""), true, true);
}

struct hc_val *hc_values_coalesce(struct hc_arena *a, const struct hc_val *user, const struct hc_val *own)
{
    struct hc_process p = { .a = a, .keep = a };
    struct hc_val *to = user ? hc_val_copy(a, user) : hc_map_new(a);
    tables(&p, to, hc_val_copy(a, own), HC_S(""), false, false);
    return to;
}

struct hc_val *hc_values_coalesce_into(struct hc_arena *a, struct hc_val *user, const struct hc_val *own,
                                       bool helm3, const hc_str **warnings, size_t *warnings_n)
{
    struct hc_process p = { .a = a, .keep = a, .helm3 = helm3 };
    struct hc_val *to = hc_map_new(a);
    for (size_t i = 0; i < hc_map_len(user); i++)
        hc_map_put_ref(a, to, hc_map_at(user, i)->key, hc_map_at(user, i)->val);
    tables(&p, to, hc_val_clone(a, own), HC_S(""), false, false);
    *warnings = p.warnings;
    *warnings_n = p.warnings_n;
    return to;
}

static struct hc_val *shallow(struct hc_process *p, const struct hc_val *map)
{
    struct hc_val *to = hc_map_new(p->a);
    for (size_t i = 0; i < hc_map_len(map); i++)
        hc_map_put_ref(p->a, to, hc_map_at(map, i)->key, hc_map_at(map, i)->val);
    if (to) {
        to->line = map->line;
        to->col = map->col;
        to->origin = map->origin;
    }
    return to;
}

/* coalesceGlobals: those of `src` into `dest`, src wins. */
static void globals(struct hc_process *p, struct hc_val *dest, struct hc_val *src, hc_str prefix)
{
    struct hc_val *dg = hc_map_getz(dest, "global"), *sg = hc_map_getz(src, "global");
    if (dg && !hc_is_map(dg)) {
        hc_process_warn(p, "coalesce.go:138",
                        "warning: skipping globals because destination global is not a table.");
        return;
    }
    if (sg && !hc_is_map(sg)) {
        hc_process_warn(p, "coalesce.go:145", "warning: skipping globals because source global is not a table.");
        return;
    }
    if (!dg)
        dg = hc_map_new(p->a);
    for (size_t i = 0; i < hc_map_len(sg); i++) {
        const struct hc_entry *e = hc_map_at(sg, i);
        struct hc_val *there = hc_map_get(dg, e->key);
        if (hc_is_map(e->val)) {
            if (there && !hc_is_map(there)) {
                hc_process_warn(p, "coalesce.go:161",
                                "Conflict: cannot merge map onto non-map for \"%.*s\". Skipping.", HC_P(e->key));
                continue;
            }
            struct hc_val *own = shallow(p, e->val);
            if (there)
                tables(p, own, there, join(p, prefix, e->key), true, false);
            hc_map_put_ref(p->a, dg, e->key, own);
        } else if (hc_is_map(there)) {
            hc_process_warn(p, "coalesce.go:175", "key %.*s is table. Skipping", HC_P(e->key));
        } else {
            hc_map_put_ref(p->a, dg, e->key, e->val);
        }
    }
    hc_map_put_ref(p->a, dest, HC_S("global"), dg);
}

static bool names_child(const struct hc_node *node, hc_str key)
{
    for (size_t i = 0; i < node->subs_n; i++)
        if (hc_str_eq(node->subs[i]->name, key))
            return true;
    return false;
}

/* coalesceValues: the defaults of one chart under `v`. */
static void defaults(struct hc_process *p, const struct hc_node *node, struct hc_val *v, hc_str prefix, bool merge)
{
    hc_str here = join(p, prefix, node->name);
    bool keep_nulls = merge || p->helm3;
    for (size_t i = 0; i < hc_map_len(node->values); i++) {
        const struct hc_entry *e = hc_map_at(node->values, i);
        struct hc_entry *there = hc_map_find(v, e->key);
        if (!there) {
            if (!keep_nulls && is_null_at(e->val))
                continue;
            struct hc_val *own = hc_val_copy(p->a, e->val);
            if (!keep_nulls)
                clean_nulls(own);
            hc_map_put_ref(p->a, v, e->key, own);
        } else if (is_null_at(there->val)) {
            if (!merge)
                hc_map_del(v, e->key);
        } else if (hc_is_map(there->val)) {
            if (hc_is_map(e->val)) {
                bool merge_child = merge || names_child(node, e->key);
                struct hc_val *own = hc_val_copy(p->a, e->val);
                if (!merge_child && !p->helm3)
                    clean_nulls(own);
                tables(p, there->val, own, join(p, here, e->key), merge_child, false);
            } else if (!is_null_at(e->val)) {
                hc_process_warn(p, "coalesce.go:237", "warning: skipped value for %.*s.%.*s: Not a table.",
                                HC_P(here), HC_P(e->key));
            }
        }
    }
}

/* Go's %t of any value: bools as they are, everything else as a complaint. */
static void go_bool(struct hc_buf *b, const struct hc_val *v, bool top)
{
    switch (hc_kind_of(v)) {
    case HC_BOOL:
        hc_buf_puts(b, v->b ? "true" : "false");
        return;
    case HC_NULL:
        hc_buf_puts(b, top ? "%!t(<nil>)" : "<nil>");
        return;
    case HC_STR:
        hc_buf_printf(b, "%%!t(string=%.*s)", HC_P(hc_get_str(v)));
        return;
    case HC_FLOAT:
        hc_buf_puts(b, "%!t(float64=");
        hc_float_shortest(b, v->f, 64, 6);
        hc_buf_putc(b, ')');
        return;
    case HC_LIST:
        hc_buf_putc(b, '[');
        for (size_t i = 0; i < hc_list_len(v); i++) {
            hc_buf_puts(b, i ? " " : "");
            go_bool(b, hc_list_at(v, i), false);
        }
        hc_buf_putc(b, ']');
        return;
    case HC_MAP:
        hc_buf_puts(b, "map[");
        for (size_t i = 0; i < hc_map_len(v); i++) {
            hc_buf_printf(b, "%s%%!t(string=%.*s):", i ? " " : "", HC_P(hc_map_at(v, i)->key));
            go_bool(b, hc_map_at(v, i)->val, false);
        }
        hc_buf_putc(b, ']');
        return;
    default:
        hc_buf_puts(b, "%!t(int64=");
        hc_json_write(b, v, 0);
        hc_buf_putc(b, ')');
        return;
    }
}

static enum hc_rc not_a_table(struct hc_process *p, hc_str name, const struct hc_val *v)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    go_bool(&b, v, true);
    return hc_fail(p->err, HC_E_INPUT, "type mismatch on %.*s: %.*s", HC_P(name), HC_P(hc_buf_str(&b)));
}

static enum hc_rc coalesce(struct hc_process *p, const struct hc_node *node, struct hc_val *dest, hc_str prefix,
                           bool merge)
{
    defaults(p, node, dest, prefix, merge);
    hc_str here = join(p, prefix, node->name);
    for (size_t i = 0; i < node->subs_n; i++) {
        const struct hc_node *sub = node->subs[i];
        struct hc_val *section = hc_map_get(dest, sub->name);
        if (section && !hc_is_map(section))
            return not_a_table(p, sub->name, section);
        if (!section) {
            section = hc_map_new(p->a);
            hc_map_put_ref(p->a, dest, sub->name, section);
        }
        globals(p, section, dest, here);
        enum hc_rc rc = coalesce(p, sub, section, here, merge);
        if (rc != HC_OK)
            return rc;
    }
    return hc_arena_spent(p->a) ? hc_arena_check(p->a, p->err, "chart values") : HC_OK;
}

enum hc_rc hc_coalesce(struct hc_process *p, const struct hc_node *node, struct hc_val *dest, bool merge)
{
    return coalesce(p, node, dest, HC_S(""), merge);
}

struct hc_val *hc_values_table(const struct hc_val *v, hc_str path)
{
    hc_str part;
    while (v && hc_str_split(&path, '.', &part)) {
        v = hc_map_get(v, part);
        if (!hc_is_map(v))
            return NULL;
    }
    return (struct hc_val *)(uintptr_t)v;
}
