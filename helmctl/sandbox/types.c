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

/* "name:12*.core.v1.Container@name" in pieces. */
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
    size_t merge = hc_str_find(type, '@');
    *out = (struct hc_sb_field){ .name = hc_str_sub(word, 0, at),
                                 .mark = word.p[at],
                                 .type = hc_str_sub(type, 0, merge) };
    if (merge != SIZE_MAX)
        out->merge = hc_str_sub(type, merge + 1, type.n);
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
