/*
 * RFC 6901 pointers and RFC 6902 patches. A patch works on a copy whose lists and maps are its own, so an
 * operation that fails has changed nothing the caller sees.
 */
#include "core/value/json.h"
#include "core/value/merge.h"
#include "core/value/value_impl.h"

/* Cuts the first token off: "/a~1b/c" gives "a/b". False: the pointer does not start with a slash. */
static bool next_token(struct hc_arena *a, hc_str *pointer, hc_str *out)
{
    if (pointer->n == 0 || pointer->p[0] != '/')
        return false;
    hc_str rest = hc_str_sub(*pointer, 1, pointer->n);
    size_t end = hc_str_find(rest, '/');
    hc_str raw = hc_str_sub(rest, 0, end);
    *pointer = hc_str_sub(rest, end, rest.n);
    *out = raw;
    if (hc_str_find(raw, '~') == SIZE_MAX)
        return true;
    char *p = hc_arena_alloc(a, raw.n + 1, 1);
    if (!p)
        return false;
    size_t n = 0;
    for (size_t i = 0; i < raw.n; i++) {
        p[n] = raw.p[i];
        if (raw.p[i] == '~') {
            if (i + 1 >= raw.n || (raw.p[i + 1] != '0' && raw.p[i + 1] != '1'))
                return false;
            p[n] = raw.p[++i] == '0' ? '~' : '/';
        }
        n++;
    }
    *out = hc_str_n(p, n);
    return true;
}

static bool list_index(hc_str token, size_t *out)
{
    uint64_t u;
    if (token.n == 0 || token.n > 9 || (token.n > 1 && token.p[0] == '0') || !hc_str_to_u64(token, &u) ||
        token.p[0] == '+')
        return false;
    *out = (size_t)u;
    return true;
}

static struct hc_val *step(const struct hc_val *v, hc_str token)
{
    size_t i;
    if (hc_is_map(v))
        return hc_map_get(v, token);
    return hc_is_list(v) && list_index(token, &i) ? hc_list_at(v, i) : NULL;
}

static struct hc_val *pointer_get(struct hc_arena *a, const struct hc_val *v, hc_str pointer)
{
    hc_str token;
    while (v && pointer.n) {
        if (!next_token(a, &pointer, &token))
            return NULL;
        v = step(v, token);
    }
    return (struct hc_val *)(uintptr_t)v;
}

struct hc_val *hc_pointer_get(const struct hc_val *v, hc_str pointer)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_str_find(pointer, '~') == SIZE_MAX ? NULL : hc_arena_new(0);
    return pointer_get(a, v, pointer);
}

/* ---- patches ------------------------------------------------------------------------------------- */

struct patch {
    struct hc_arena *a;
    struct hc_val *doc;
    struct hc_err *err;
    size_t number; /* of the operation, from 1 */
    hc_str op, path;
};

static enum hc_rc refuse(struct patch *p, const char *why)
{
    return hc_fail(p->err, HC_E_INPUT, "operation %zu (%.*s %.*s): %s", p->number, HC_P(p->op), HC_P(p->path), why);
}

/* The container that holds the last token of `pointer`. */
static enum hc_rc parent_of(struct patch *p, hc_str pointer, struct hc_val **out, hc_str *out_last)
{
    struct hc_val *v = p->doc;
    for (;;) {
        if (!next_token(p->a, &pointer, out_last))
            return refuse(p, "the path is no JSON pointer");
        if (pointer.n == 0)
            break;
        v = step(v, *out_last);
        if (!v)
            return refuse(p, "a part of the path does not exist");
    }
    if (!hc_is_map(v) && !hc_is_list(v))
        return refuse(p, "the path leads into a value that is neither map nor list");
    *out = v;
    return HC_OK;
}

static enum hc_rc do_add(struct patch *p, hc_str pointer, struct hc_val *val)
{
    struct hc_val *in;
    hc_str last;
    if (pointer.n == 0) {
        p->doc = val;
        return HC_OK;
    }
    enum hc_rc rc = parent_of(p, pointer, &in, &last);
    if (rc != HC_OK)
        return rc;
    if (in->kind == HC_MAP) {
        hc_map_put(p->a, in, last, val);
        return HC_OK;
    }
    size_t at = in->list->n;
    if (!hc_str_eqz(last, "-") && !list_index(last, &at))
        return refuse(p, "the last part of the path is no list index");
    if (at > in->list->n)
        return refuse(p, "the index is behind the end of the list");
    hc_list_add(p->a, in, val);
    if (hc_arena_spent(p->a))
        return hc_arena_check(p->a, p->err, "JSON patch");
    struct hc_val **items = in->list->items;
    memmove(items + at + 1, items + at, (in->list->n - 1 - at) * sizeof(*items));
    items[at] = val;
    return HC_OK;
}

static enum hc_rc do_remove(struct patch *p, hc_str pointer, struct hc_val **out)
{
    struct hc_val *in;
    hc_str last;
    if (pointer.n == 0)
        return refuse(p, "the whole document can not be removed");
    enum hc_rc rc = parent_of(p, pointer, &in, &last);
    if (rc != HC_OK)
        return rc;
    struct hc_val *v = step(in, last);
    if (!v)
        return refuse(p, "there is nothing at that path");
    if (in->kind == HC_MAP) {
        hc_map_del(in, last);
    } else {
        size_t at = 0;
        list_index(last, &at);
        struct hc_val **items = in->list->items;
        memmove(items + at, items + at + 1, (in->list->n - 1 - at) * sizeof(*items));
        in->list->n--;
    }
    *out = v;
    return HC_OK;
}

static enum hc_rc do_replace(struct patch *p, hc_str pointer, struct hc_val *val)
{
    struct hc_val *in;
    hc_str last;
    size_t at;
    if (pointer.n == 0) {
        p->doc = val;
        return HC_OK;
    }
    enum hc_rc rc = parent_of(p, pointer, &in, &last);
    if (rc != HC_OK)
        return rc;
    if (!step(in, last))
        return refuse(p, "there is nothing at that path");
    if (in->kind == HC_MAP)
        hc_map_put(p->a, in, last, val);
    else if (list_index(last, &at))
        in->list->items[at] = val;
    return HC_OK;
}

static enum hc_rc apply(struct patch *p, const struct hc_val *op)
{
    struct hc_val *val = hc_map_getz(op, "value");
    hc_str from = hc_get_str(hc_map_getz(op, "from"));
    p->op = hc_get_str(hc_map_getz(op, "op"));
    p->path = hc_get_str(hc_map_getz(op, "path"));
    if (!hc_is_map(op) || !p->op.p || !p->path.p)
        return refuse(p, "an operation is a map with the texts 'op' and 'path'");
    bool move = hc_str_eqz(p->op, "move"), copy = hc_str_eqz(p->op, "copy");
    if (hc_str_eqz(p->op, "remove"))
        return do_remove(p, p->path, &val);
    if (move || copy) {
        if (!from.p)
            return refuse(p, "'from' is missing");
        if (copy) {
            val = hc_val_copy(p->a, pointer_get(p->a, p->doc, from));
            if (!val)
                return refuse(p, "there is nothing at 'from'");
            return do_add(p, p->path, val);
        }
        if (p->path.n > from.n && hc_str_starts(p->path, from) && p->path.p[from.n] == '/')
            return refuse(p, "a value can not be moved into itself");
        enum hc_rc rc = do_remove(p, from, &val);
        return rc == HC_OK ? do_add(p, p->path, val) : rc;
    }
    if (!val)
        return refuse(p, "'value' is missing");
    if (hc_str_eqz(p->op, "test")) {
        struct hc_val *there = pointer_get(p->a, p->doc, p->path);
        /* Secrets may be tested: values stay out of the message. */
        return there && hc_val_equal(there, val) ? HC_OK : refuse(p, "the value there is another one");
    }
    val = hc_val_copy(p->a, val);
    if (hc_str_eqz(p->op, "add"))
        return do_add(p, p->path, val);
    if (hc_str_eqz(p->op, "replace"))
        return do_replace(p, p->path, val);
    return refuse(p, "operations are add, remove, replace, move, copy and test");
}

enum hc_rc hc_json_patch(struct hc_arena *a, const struct hc_val *doc, const struct hc_val *ops,
                         struct hc_val **out, struct hc_err *err)
{
    struct patch p = { .a = a, .doc = hc_val_copy(a, doc), .err = err };
    if (!hc_is_list(ops))
        return hc_fail(err, HC_E_INPUT, "a JSON patch is a list of operations, not a %s", hc_kind_name(ops));
    for (size_t i = 0; i < hc_list_len(ops); i++) {
        p.number = i + 1;
        enum hc_rc rc = apply(&p, hc_list_at(ops, i));
        if (rc != HC_OK)
            return rc;
        if (hc_arena_spent(a))
            break;
    }
    if (hc_arena_spent(a))
        return hc_arena_check(a, err, "JSON patch");
    *out = p.doc;
    return HC_OK;
}
