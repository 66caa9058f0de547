/*
 * The table is text in the program; one hash index over its lines is made once.
 */
#include "helmctl/sandbox/types.h"

#include <pthread.h>

enum { SLOTS = 1024, INLINE_DEPTH = 4 }; /* 370 types */

extern const char hc_embed_types_fields[];
extern const size_t hc_embed_types_fields_size;

static struct {
    hc_str name, line;
} slots[SLOTS];
static pthread_once_t made = PTHREAD_ONCE_INIT;

static void make_index(void)
{
    hc_str all = hc_str_n(hc_embed_types_fields, hc_embed_types_fields_size), line, name;
    while (hc_str_split(&all, '\n', &line)) {
        hc_str rest = line;
        if (!hc_str_split(&rest, ' ', &name) || !rest.p || hc_str_eqz(name, "#"))
            continue;
        size_t at = hc_str_hash(name) % SLOTS;
        while (slots[at].name.p)
            at = (at + 1) % SLOTS;
        slots[at].name = name;
        slots[at].line = rest;
    }
}

hc_str hc_sb_type_line(hc_str name)
{
    pthread_once(&made, make_index);
    for (size_t at = hc_str_hash(name) % SLOTS; slots[at].name.p; at = (at + 1) % SLOTS)
        if (hc_str_eq(slots[at].name, name))
            return slots[at].line;
    return (hc_str){ NULL, 0 };
}

bool hc_sb_type_name(hc_str api_version, hc_str kind, char *to, size_t cap, hc_str *out)
{
    size_t slash = hc_str_find(api_version, '/');
    hc_str group = slash == SIZE_MAX ? HC_S("core") : hc_str_sub(api_version, 0, slash);
    hc_str version = slash == SIZE_MAX ? api_version : hc_str_sub(api_version, slash + 1, api_version.n);
    group = hc_str_sub(group, 0, hc_str_find(group, '.')); /* "rbac.authorization.k8s.io" is the package rbac */
    if (hc_str_eqz(kind, "DeleteOptions"))
        group = HC_S("meta"), version = HC_S("v1"); /* registered in every group */
    const hc_str parts[] = { group, HC_S("."), version, HC_S("."), kind };
    size_t n = 0;
    for (size_t i = 0; i < HC_LEN(parts); i++) {
        if (parts[i].n > cap - n)
            return false;
        if (parts[i].n)
            memcpy(to + n, parts[i].p, parts[i].n);
        n += parts[i].n;
    }
    *out = hc_str_n(to, n);
    return hc_sb_type_line(*out).p != NULL;
}

/* "name:12*.core.v1.Container@name~name" in pieces. */
static bool cut(hc_str word, struct hc_sb_field *out, uint64_t *number)
{
    size_t at = 0;
    while (at < word.n && word.p[at] != ':' && word.p[at] != '#' && word.p[at] != '=' && word.p[at] != '^')
        at++;
    if (at >= word.n)
        return false;
    size_t digits = at + 1;
    *number = 0;
    while (digits < word.n && word.p[digits] >= '0' && word.p[digits] <= '9')
        *number = *number * 10 + (uint64_t)(word.p[digits++] - '0');
    hc_str type = hc_str_sub(word, digits, word.n);
    size_t patch = hc_str_find(type, '~'), merge = hc_str_find(type, '@');
    *out = (struct hc_sb_field){ .name = hc_str_sub(word, 0, at),
                                 .mark = word.p[at],
                                 .type = hc_str_sub(type, 0, HC_MIN(merge, patch)) };
    if (merge != SIZE_MAX)
        out->merge = hc_str_sub(type, merge + 1, patch);
    if (patch != SIZE_MAX)
        out->patch = hc_str_sub(type, patch + 1, type.n);
    return out->type.n > 0;
}

bool hc_sb_type_by_number(hc_str line, uint64_t number, struct hc_sb_field *out)
{
    hc_str word;
    uint64_t n;
    while (hc_str_split(&line, ' ', &word))
        if (cut(word, out, &n) && n == number)
            return true;
    return false;
}

static bool by_name(hc_str line, hc_str name, struct hc_sb_field *out, int depth)
{
    hc_str word;
    uint64_t n;
    while (hc_str_split(&line, ' ', &word)) {
        if (!cut(word, out, &n))
            continue;
        if (out->mark == '^') {
            hc_str inner = hc_sb_type_line(hc_str_sub(out->type, 1, out->type.n));
            if (depth < INLINE_DEPTH && by_name(inner, name, out, depth + 1))
                return true;
        } else if (hc_str_eq(out->name, name)) {
            return true;
        }
    }
    return false;
}

bool hc_sb_type_by_name(hc_str line, hc_str name, struct hc_sb_field *out)
{
    return by_name(line, name, out, 0);
}

bool hc_sb_type_is_atomic(hc_str line)
{
    return hc_str_starts(line, HC_S("! "));
}

static void fields(hc_str line, void (*each)(void *ctx, const struct hc_sb_field *f), void *ctx, int depth)
{
    struct hc_sb_field f;
    hc_str word;
    uint64_t n;
    while (hc_str_split(&line, ' ', &word)) {
        if (!cut(word, &f, &n))
            continue;
        if (f.mark != '^')
            each(ctx, &f);
        else if (depth < INLINE_DEPTH)
            fields(hc_sb_type_line(hc_str_sub(f.type, 1, f.type.n)), each, ctx, depth + 1);
    }
}

void hc_sb_type_fields(hc_str line, void (*each)(void *ctx, const struct hc_sb_field *f), void *ctx)
{
    fields(line, each, ctx, 0);
}

/* A type is the start of its line; lines end with the table's. */
static bool merge_rule(const void *ctx, const void *type, hc_str name, struct hc_merge_rule *out)
{
    const char *at = type, *end = hc_embed_types_fields + hc_embed_types_fields_size;
    struct hc_sb_field f;
    (void)ctx;
    if (!at)
        return false;
    hc_str line = hc_str_n(at, (size_t)(end - at));
    if (!hc_sb_type_by_name(hc_str_sub(line, 0, hc_str_find(line, '\n')), name, &f))
        return false;
    hc_str how = f.patch, item = hc_str_starts(f.type, HC_S("*")) ? hc_str_sub(f.type, 1, f.type.n) : f.type;
    *out = (struct hc_merge_rule){ .retain_keys = hc_str_ends(how, HC_S("+")) };
    if (out->retain_keys)
        how = hc_str_sub(how, 0, how.n - 1);
    out->replace = hc_str_eqz(how, "!");
    out->merge = how.n > 0 && !out->replace;
    if (out->merge && !hc_str_eqz(how, "*"))
        out->key = how;
    if (hc_str_starts(item, HC_S(".")))
        out->type = hc_sb_type_line(hc_str_sub(item, 1, item.n)).p;
    return true;
}

bool hc_sb_merge_types(hc_str api_version, hc_str kind, struct hc_merge_types *out)
{
    char name[256];
    hc_str full;
    if (!hc_sb_type_name(api_version, kind, name, sizeof(name), &full))
        return false;
    *out = (struct hc_merge_types){ .root = hc_sb_type_line(full).p, .field = merge_rule };
    return true;
}
