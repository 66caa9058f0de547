/*
 * From rendered files to documents in Helm's order.
 *
 * Files by path, documents as they stand in them, then a stable sort by kind. Texts are slices of what was rendered.
 */
#include "templating/render/documents.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/buf.h"
#include "core/base/log.h"
#include "lua/funcs/gofmt.h"
#include "templating/render/head.h"

/* ---- splitting (E1.3) -------------------------------------------------------------------------------- */

/* Length of the white space character (unicode.IsSpace) at the start of s; 0: none. */
static size_t space_at(hc_str s)
{
    if (!s.n)
        return 0;
    unsigned char c = (unsigned char)*s.p;
    if (c < 0x80)
        return (c >= 9 && c <= 13) || c == ' ';
    uint32_t r;
    size_t len = hc_utf8_decode(s, &r);
    bool space = r == 0x85 || r == 0xa0 || r == 0x1680 || (r >= 0x2000 && r <= 0x200a) || r == 0x2028 ||
                 r == 0x2029 || r == 0x202f || r == 0x205f || r == 0x3000;
    return space ? len : 0;
}

static hc_str trim_left(hc_str s)
{
    for (size_t n; (n = space_at(s));)
        s = hc_str_sub(s, n, s.n);
    return s;
}

static hc_str trim_right(hc_str s)
{
    while (s.n) {
        size_t last = s.n - 1;
        while (last > 0 && s.n - last < 4 && ((unsigned char)s.p[last] & 0xc0) == 0x80)
            last--;
        if (space_at(hc_str_sub(s, last, s.n)) != s.n - last)
            break;
        s.n = last;
    }
    return s;
}

static bool is_blank(hc_str s)
{
    return trim_left(s).n == 0;
}

struct pieces {
    struct hc_arena *a;
    hc_str *items;
    size_t n, cap;
};

static void add_piece(struct pieces *p, hc_str s)
{
    if (p->n == p->cap) {
        size_t cap = HC_MAX(p->cap * 2, (size_t)8);
        hc_str *more = HC_NEW_N(p->a, hc_str, cap);
        if (!more)
            return;
        if (p->n)
            memcpy(more, p->items, p->n * sizeof(*more));
        p->items = more;
        p->cap = cap;
    }
    p->items[p->n++] = s;
}

/* Position of the next "---" at a line start, from `at` on; SIZE_MAX: none. */
static size_t next_separator(hc_str s, size_t at)
{
    for (;;) {
        const char *hit = at < s.n ? hc_find_literal(s.p + at, s.n - at, "---", 3) : NULL;
        if (!hit)
            return SIZE_MAX;
        at = (size_t)(hit - s.p);
        if (at == 0 || s.p[at - 1] == '\n')
            return at;
        at++;
    }
}

/* Helm 4.2.4 and later: a line that starts with "---" and the blanks behind it, pieces lose leading white space only. */
static void split4(struct pieces *out, hc_str s)
{
    s = trim_left(s);
    size_t from = 0;
    for (bool more = true; more;) {
        size_t at = next_separator(s, from == 0 ? 0 : from);
        more = at != SIZE_MAX;
        hc_str piece = hc_str_sub(s, from, more ? at : s.n);
        if (!is_blank(piece))
            add_piece(out, trim_left(piece));
        from = at + 3;
        while (more && from < s.n && (s.p[from] == ' ' || s.p[from] == '\t'))
            from++;
    }
}

static bool re_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\f' || c == '\r';
}

/* Helm 3: "---" at a line start with all white space around it, in the trimmed text, pieces trimmed at both ends. */
static void split3(struct pieces *out, hc_str s)
{
    s = trim_right(trim_left(s));
    size_t from = 0, at = 0;
    while (at != SIZE_MAX) {
        at = next_separator(s, from);
        if (at == from && at != 0) { /* its line break went with the separator before it */
            at = next_separator(s, at + 1);
        }
        size_t end = at == SIZE_MAX ? s.n : at;
        while (end > from && re_space(s.p[end - 1]))
            end--;
        hc_str piece = trim_right(trim_left(hc_str_sub(s, from, end)));
        if (end > from)
            add_piece(out, piece);
        if (at == SIZE_MAX)
            break;
        from = at + 3;
        while (from < s.n && re_space(s.p[from]))
            from++;
    }
}

size_t hc_documents_split(struct hc_arena *a, hc_str text, bool helm3, hc_str **out)
{
    struct pieces p = { .a = a };
    if (helm3)
        split3(&p, text);
    else
        split4(&p, text);
    *out = p.items;
    return p.n;
}

/* ---- hooks (E2) -------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    unsigned event;
} events[] = {
    { "pre-install", HC_HOOK_PRE_INSTALL },
    { "post-install", HC_HOOK_POST_INSTALL },
    { "pre-delete", HC_HOOK_PRE_DELETE },
    { "post-delete", HC_HOOK_POST_DELETE },
    { "pre-upgrade", HC_HOOK_PRE_UPGRADE },
    { "post-upgrade", HC_HOOK_POST_UPGRADE },
    { "pre-rollback", HC_HOOK_PRE_ROLLBACK },
    { "post-rollback", HC_HOOK_POST_ROLLBACK },
    { "test", HC_HOOK_TEST },
    { "test-success", HC_HOOK_TEST },
};

/* A comma list: each part trimmed and lower-cased. */
static hc_str const *comma_list(struct hc_arena *a, const struct hc_val *text, size_t *out_n)
{
    *out_n = 0;
    if (!text)
        return NULL;
    hc_str rest = hc_get_str(text), part;
    size_t n = 1;
    for (size_t i = 0; i < rest.n; i++)
        n += rest.p[i] == ',';
    hc_str *list = HC_NEW_N(a, hc_str, n);
    if (!rest.p)
        rest.p = "";
    while (list && hc_str_split(&rest, ',', &part)) {
        char *low = hc_arena_strz(a, trim_right(trim_left(part)));
        for (char *p = low; p && *p; p++)
            if (*p >= 'A' && *p <= 'Z')
                *p = (char)(*p - 'A' + 'a');
        list[(*out_n)++] = hc_str_of(low ? low : "");
    }
    return list;
}

/* strconv.Atoi, else 0. */
static int weight_of(hc_str s)
{
    int64_t n = 0;
    hc_str digits = s.n && *s.p == '+' ? hc_str_sub(s, 1, s.n) : s;
    if (digits.n && (*digits.p == '+' || (digits.p != s.p && *digits.p == '-')))
        return 0;
    return hc_str_to_i64(digits, &n) && n >= INT_MIN && n <= INT_MAX ? (int)n : 0;
}

/* False: an unknown event, the document is dropped. */
static bool read_hook(struct hc_arena *a, const struct hc_val *notes, const struct hc_val *hook,
                      struct hc_document *d)
{
    size_t n;
    hc_str const *names = comma_list(a, hook, &n);
    hc_str *known = HC_NEW_N(a, hc_str, n + 1);
    for (size_t i = 0; i < n && known; i++) {
        size_t e = 0;
        while (e < HC_LEN(events) && !hc_str_eqz(names[i], events[e].name))
            e++;
        if (e == HC_LEN(events))
            return false;
        d->events |= events[e].event;
        known[i] = events[e].event == HC_HOOK_TEST ? HC_S("test") : names[i];
    }
    d->event_names = known;
    d->event_names_n = n;
    d->weight = weight_of(hc_get_str(hc_map_getz(notes, "helm.sh/hook-weight")));
    d->delete_names = comma_list(a, hc_map_getz(notes, "helm.sh/hook-delete-policy"), &d->delete_names_n);
    d->log_names = comma_list(a, hc_map_getz(notes, "helm.sh/hook-output-log-policy"), &d->log_names_n);
    for (size_t i = 0; i < d->delete_names_n; i++) {
        if (hc_str_eqz(d->delete_names[i], "hook-succeeded"))
            d->delete_policies |= HC_HOOK_DELETE_SUCCEEDED;
        else if (hc_str_eqz(d->delete_names[i], "hook-failed"))
            d->delete_policies |= HC_HOOK_DELETE_FAILED;
        else if (hc_str_eqz(d->delete_names[i], "before-hook-creation"))
            d->delete_policies |= HC_HOOK_DELETE_BEFORE;
    }
    if (d->delete_names_n == 0)
        d->delete_policies = HC_HOOK_DELETE_BEFORE;
    return true;
}

/* ---- order (E3) -------------------------------------------------------------------------------------- */

struct sortable {
    struct hc_document doc;
    int order;
    size_t at;
};

static int by_kind(const void *x, const void *y)
{
    const struct sortable *s = x, *t = y;
    if (s->order != t->order)
        return s->order < t->order ? -1 : 1;
    int by_name = s->order == INT_MAX ? hc_str_cmp(s->doc.kind, t->doc.kind) : 0;
    if (by_name)
        return by_name;
    return s->at < t->at ? -1 : 1;
}

struct sorter {
    struct hc_arena *a;
    struct sortable *items;
    size_t n, cap;
};

static void add_document(struct sorter *s, const struct hc_document *d, bool helm3)
{
    if (s->n == s->cap) {
        size_t cap = HC_MAX(s->cap * 2, (size_t)64);
        struct sortable *more = HC_NEW_N(s->a, struct sortable, cap);
        if (!more)
            return;
        if (s->n)
            memcpy(more, s->items, s->n * sizeof(*more));
        s->items = more;
        s->cap = cap;
    }
    s->items[s->n] = (struct sortable){ *d, hc_kind_order_install(d->kind, helm3), s->n };
    s->n++;
}

static struct hc_document *sorted(struct sorter *s)
{
    struct hc_document *out = HC_NEW_N(s->a, struct hc_document, s->n + 1);
    if (!out)
        return NULL;
    if (s->n)
        qsort(s->items, s->n, sizeof(*s->items), by_kind);
    for (size_t i = 0; i < s->n; i++)
        out[i] = s->items[i].doc;
    return out;
}

/* ---- files ------------------------------------------------------------------------------------------- */

static int by_path(const void *x, const void *y)
{
    return hc_str_cmp((*(const struct hc_rendered *const *)x)->path, (*(const struct hc_rendered *const *)y)->path);
}

static bool is_partial(hc_str path)
{
    size_t slash = hc_str_rfind(path, '/');
    size_t base = slash == SIZE_MAX ? 0 : slash + 1;
    return base < path.n && path.p[base] == '_';
}

/* In blocks, so that the compiler can take many bytes at once. */
static uint32_t count_lines(const char *p, size_t n)
{
    uint32_t lines = 0;
    for (; n >= 64; p += 64, n -= 64) {
        unsigned char in_block = 0;
        for (int i = 0; i < 64; i++)
            in_block = (unsigned char)(in_block + (p[i] == '\n'));
        lines += in_block;
    }
    for (; n; p++, n--)
        lines += *p == '\n';
    return lines;
}

static struct hc_val *unknown_hook(struct hc_arena *a, hc_str names, bool helm3)
{
    if (!helm3)
        return hc_printf_val(a, "level=INFO msg=\"skipping unknown hooks\" hookTypes=%.*s",
                             HC_P(hc_log_value(a, names)));
    HC_AUTO(hc_buf) struct hc_buf quoted;
    hc_buf_init(&quoted, HC_ERR_MSG * 4);
    hc_go_quote(&quoted, names);
    return hc_printf_val(a, "manifest_sorter.go:199: info: skipping unknown hook: %.*s", HC_P(hc_buf_str(&quoted)));
}

static enum hc_rc one_file(struct hc_arena *a, const struct hc_rendered *f, bool helm3, struct sorter *plain,
                           struct sorter *hooks, struct hc_val *warnings, struct hc_err *err)
{
    hc_str *docs = NULL;
    size_t n = hc_documents_split(a, f->text, helm3, &docs);
    const char *counted = f->text.p;
    uint32_t line = 1;
    for (size_t i = 0; i < n; i++) {
        line += count_lines(counted, (size_t)(docs[i].p - counted));
        counted = docs[i].p;
        struct hc_head head;
        enum hc_rc rc = hc_head_read(a, docs[i], helm3, &head, err);
        if (rc != HC_OK) {
            if (err) {
                err->line += (int32_t)line - 1;
                snprintf(err->file, sizeof(err->file), "%.*s", HC_P(f->path));
            }
            return hc_wrap(err, "YAML parse error on %.*s", HC_P(f->path));
        }
        struct hc_document d = { .path = f->path, .text = docs[i], .line = line };
        d.api_version = head.api_version;
        d.kind = head.kind;
        d.name = head.name;
        d.ns = head.ns;
        const struct hc_val *hook = hc_map_getz(head.annotations, "helm.sh/hook");
        if (!hook)
            add_document(plain, &d, helm3);
        else if (read_hook(a, head.annotations, hook, &d))
            add_document(hooks, &d, helm3);
        else
            hc_list_add(a, warnings, unknown_hook(a, hc_get_str(hook), helm3));
    }
    return HC_OK;
}

enum hc_rc hc_documents_sort(struct hc_arena *a, const struct hc_rendered *files, size_t n, bool helm3,
                             struct hc_documents *out, struct hc_val *out_warnings, struct hc_err *err)
{
    const struct hc_rendered **order = HC_NEW_N(a, const struct hc_rendered *, n + 1);
    struct sorter plain = { .a = a }, hooks = { .a = a };
    if (!order)
        return hc_arena_check(a, err, "rendered documents");
    for (size_t i = 0; i < n; i++)
        order[i] = &files[i];
    if (n)
        qsort(order, n, sizeof(*order), by_path);
    for (size_t i = 0; i < n; i++) {
        if (is_partial(order[i]->path) || is_blank(order[i]->text))
            continue;
        enum hc_rc rc = one_file(a, order[i], helm3, &plain, &hooks, out_warnings, err);
        if (rc != HC_OK)
            return rc;
    }
    out->manifests = sorted(&plain);
    out->manifests_n = plain.n;
    out->hooks = sorted(&hooks);
    out->hooks_n = hooks.n;
    return hc_arena_check(a, err, "rendered documents");
}

hc_str hc_documents_manifest(struct hc_arena *a, const struct hc_documents *d)
{
    size_t n = 0;
    for (size_t i = 0; i < d->manifests_n; i++)
        n += 4 + 10 + d->manifests[i].path.n + 1 + d->manifests[i].text.n + 1;
    char *room = hc_arena_alloc(a, n + 1, 1), *p = room;
    if (!room)
        return (hc_str){ NULL, 0 };
    for (size_t i = 0; i < d->manifests_n; i++) {
        const struct hc_document *m = &d->manifests[i];
        p = mempcpy(p, "---\n# Source: ", 14);
        p = mempcpy(p, m->path.p, m->path.n);
        *p++ = '\n';
        p = mempcpy(p, m->text.p, m->text.n);
        *p++ = '\n';
    }
    return (hc_str){ room, n };
}
