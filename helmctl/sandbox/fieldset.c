/*
 * Field sets: small ordered lists at every level; objects have few fields, so a linear search is the fast one.
 */
#include "helmctl/sandbox/fieldset.h"

#include <stdarg.h>

#include "core/value/json.h"

struct hc_sb_fs *hc_sb_fs_new(struct hc_arena *a)
{
    return HC_NEW(a, struct hc_sb_fs);
}

struct hc_sb_fs *hc_sb_fs_find(const struct hc_sb_fs *fs, hc_str pe)
{
    for (struct hc_sb_fs *c = fs ? fs->child : NULL; c; c = c->next)
        if (hc_str_eq(c->pe, pe))
            return c;
    return NULL;
}

struct hc_sb_fs *hc_sb_fs_sub(struct hc_arena *a, struct hc_sb_fs *fs, hc_str pe)
{
    if (!fs)
        return NULL;
    struct hc_sb_fs **at = &fs->child;
    /* f: before k: before v:, each in order: what Go writes. */
    while (*at && hc_str_cmp((*at)->pe, pe) < 0)
        at = &(*at)->next;
    if (*at && hc_str_eq((*at)->pe, pe))
        return *at;
    struct hc_sb_fs *n = HC_NEW(a, struct hc_sb_fs);
    if (!n)
        return NULL;
    n->pe = hc_arena_str(a, pe);
    n->next = *at;
    *at = n;
    return n;
}

struct hc_sb_fs *hc_sb_fs_parse(struct hc_arena *a, const struct hc_val *fields)
{
    struct hc_sb_fs *fs = hc_sb_fs_new(a);
    for (size_t i = 0; fs && i < hc_map_len(fields); i++) {
        const struct hc_entry *e = hc_map_at(fields, i);
        if (hc_str_eqz(e->key, ".")) {
            fs->member = true;
            continue;
        }
        struct hc_sb_fs *sub = hc_sb_fs_parse(a, e->val), *to = hc_sb_fs_sub(a, fs, e->key);
        if (!sub || !to)
            break;
        to->child = sub->child;
        to->member = sub->member || hc_map_len(e->val) == 0;
    }
    return fs;
}

struct hc_val *hc_sb_fs_write(struct hc_arena *a, const struct hc_sb_fs *fs)
{
    struct hc_val *v = hc_map_new(a);
    if (fs && fs->member && fs->child)
        hc_map_put(a, v, HC_S("."), hc_map_new(a));
    for (const struct hc_sb_fs *c = fs ? fs->child : NULL; c; c = c->next)
        if (!hc_sb_fs_empty(c))
            hc_map_put(a, v, c->pe, hc_sb_fs_write(a, c));
    return v;
}

bool hc_sb_fs_empty(const struct hc_sb_fs *fs)
{
    if (!fs)
        return true;
    if (fs->member)
        return false;
    for (const struct hc_sb_fs *c = fs->child; c; c = c->next)
        if (!hc_sb_fs_empty(c))
            return false;
    return true;
}

static bool within(const struct hc_sb_fs *x, const struct hc_sb_fs *y)
{
    if (hc_sb_fs_empty(x))
        return true;
    if (!y || (x->member && !y->member))
        return false;
    for (const struct hc_sb_fs *c = x->child; c; c = c->next)
        if (!within(c, hc_sb_fs_find(y, c->pe)))
            return false;
    return true;
}

bool hc_sb_fs_equal(const struct hc_sb_fs *x, const struct hc_sb_fs *y)
{
    return within(x, y) && within(y, x);
}

struct hc_sb_fs *hc_sb_fs_union(struct hc_arena *a, const struct hc_sb_fs *x, const struct hc_sb_fs *y)
{
    struct hc_sb_fs *out = hc_sb_fs_new(a);
    if (!out)
        return NULL;
    out->member = (x && x->member) || (y && y->member);
    for (int round = 0; round < 2; round++) {
        const struct hc_sb_fs *one = round ? y : x, *two = round ? x : y;
        for (const struct hc_sb_fs *c = one ? one->child : NULL; c; c = c->next) {
            const struct hc_sb_fs *other = hc_sb_fs_find(two, c->pe);
            if (round && other)
                continue;
            struct hc_sb_fs *sub = hc_sb_fs_union(a, c, other), *to = hc_sb_fs_sub(a, out, c->pe);
            if (sub && to)
                to->member = sub->member, to->child = sub->child;
        }
    }
    return out;
}

/* What of `x` is in `y`, too (`shared`), or what is not. */
static struct hc_sb_fs *part(struct hc_arena *a, const struct hc_sb_fs *x, const struct hc_sb_fs *y, bool shared)
{
    struct hc_sb_fs *out = hc_sb_fs_new(a);
    if (!out || !x || (shared && !y))
        return out;
    out->member = x->member && (y && y->member) == shared;
    for (const struct hc_sb_fs *c = x->child; c; c = c->next) {
        struct hc_sb_fs *sub = part(a, c, hc_sb_fs_find(y, c->pe), shared);
        if (hc_sb_fs_empty(sub))
            continue;
        struct hc_sb_fs *to = hc_sb_fs_sub(a, out, c->pe);
        if (to)
            to->member = sub->member, to->child = sub->child;
    }
    return out;
}

struct hc_sb_fs *hc_sb_fs_minus(struct hc_arena *a, const struct hc_sb_fs *x, const struct hc_sb_fs *y)
{
    return part(a, x, y, false);
}

struct hc_sb_fs *hc_sb_fs_both(struct hc_arena *a, const struct hc_sb_fs *x, const struct hc_sb_fs *y)
{
    return part(a, x, y, true);
}

void hc_sb_fs_cut(struct hc_sb_fs *fs, ...)
{
    va_list ap;
    va_start(ap, fs);
    struct hc_sb_fs **at = NULL;
    for (const char *name; fs && (name = va_arg(ap, const char *));) {
        at = &fs->child;
        while (*at && !((*at)->pe.n == strlen(name) + 2 && hc_str_starts((*at)->pe, HC_S("f:")) &&
                        hc_str_eqz(hc_str_sub((*at)->pe, 2, (*at)->pe.n), name)))
            at = &(*at)->next;
        fs = *at;
    }
    if (fs && at)
        *at = fs->next;
    va_end(ap);
}

static hc_str readable(struct hc_arena *a, hc_str at, hc_str pe)
{
    hc_str rest = hc_str_sub(pe, 2, pe.n);
    if (hc_str_starts(pe, HC_S("f:")))
        return hc_arena_printf(a, "%.*s.%.*s", HC_P(at), HC_P(rest));
    if (hc_str_starts(pe, HC_S("v:")))
        return hc_arena_printf(a, "%.*s[=%.*s]", HC_P(at), HC_P(rest));
    if (hc_str_starts(pe, HC_S("i:")))
        return hc_arena_printf(a, "%.*s[%.*s]", HC_P(at), HC_P(rest));
    struct hc_val *key = NULL;
    if (hc_json_parse(a, rest, HC_JSON_NO_POSITIONS, &key, NULL) != HC_OK)
        return at;
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 65536);
    hc_buf_put(&b, at);
    for (size_t i = 0; i < hc_map_len(key); i++) {
        hc_buf_putc(&b, i ? ',' : '[');
        hc_buf_put(&b, hc_map_at(key, i)->key);
        hc_buf_putc(&b, '=');
        hc_json_write(&b, hc_map_at(key, i)->val, 0);
    }
    hc_buf_putc(&b, ']');
    return hc_buf_to_arena(&b, a);
}

void hc_sb_fs_each(struct hc_arena *a, const struct hc_sb_fs *fs, hc_str at, void (*fn)(void *arg, hc_str path),
                   void *arg)
{
    for (const struct hc_sb_fs *c = fs ? fs->child : NULL; c; c = c->next) {
        hc_str path = readable(a, at, c->pe);
        if (c->member)
            fn(arg, path);
        hc_sb_fs_each(a, c, path, fn, arg);
    }
}
