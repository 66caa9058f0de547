/*
 * Running a template: each top-level node gives a list of values, which are printed one behind the other with a space
 * between. "range" and "end" are nodes of actions that leave a mark, by which find() goes into and out of a loop.
 */
#include "core/value/json.h"
#include "helmctl/cli/jsonpath_impl.h"

#define MAX_RESULTS 1000000u /* values of one step */
#define MAX_DEPTH   1000     /* of ranges, and of what ".." goes down */

/* Values; NULL stands for what Go has when it loops over nothing: no value at all. */
struct vals {
    struct hc_val **p;
    size_t n, cap;
};

struct run {
    struct hc_arena *a;
    const struct jp_list *root;
    unsigned begin_range, in_range, end_range, depth;
    size_t last_end, steps;
    struct hc_err *err;
};

/* What is to be printed: the values of one node after those of the one before. */
struct results {
    struct vals *p;
    size_t n, cap;
};

#define FAIL(r, ...) hc_fail((r)->err, HC_E_INPUT, __VA_ARGS__)

static enum hc_rc add(struct run *r, struct vals *to, struct hc_val *v)
{
    if (++r->steps > MAX_RESULTS)
        return hc_fail(r->err, HC_E_LIMIT, "JSONPath: over %u values", MAX_RESULTS);
    if (to->n == to->cap) {
        size_t cap = HC_MAX(to->cap * 2, (size_t)8);
        struct hc_val **more = HC_NEW_N(r->a, struct hc_val *, cap);
        if (!more)
            return hc_arena_check(r->a, r->err, "JSONPath");
        if (to->n)
            memcpy(more, to->p, to->n * sizeof(struct hc_val *));
        to->p = more;
        to->cap = cap;
    }
    to->p[to->n++] = v;
    return HC_OK;
}

static enum hc_rc walk_list(struct run *r, struct vals in, const struct jp_list *l, struct vals *out);

/* What is in a value: items, values of a map, bytes of a text. */
static enum hc_rc contents(struct run *r, const struct hc_val *v, struct vals *out)
{
    enum hc_rc rc = HC_OK;
    for (size_t i = 0; rc == HC_OK && i < hc_list_len(v); i++)
        rc = add(r, out, hc_list_at(v, i));
    for (size_t i = 0; rc == HC_OK && i < hc_map_len(v); i++)
        rc = add(r, out, hc_map_at(v, i)->val);
    for (size_t i = 0; rc == HC_OK && hc_is_str(v) && i < v->n; i++)
        rc = add(r, out, hc_int_val(r->a, (unsigned char)v->s[i]));
    return rc;
}

static enum hc_rc field(struct run *r, struct vals in, hc_str name, struct vals *out)
{
    enum hc_rc rc = HC_OK;
    for (size_t i = 0; rc == HC_OK && i < in.n; i++) {
        struct hc_val *v = hc_map_get(in.p[i], name);
        if (v)
            rc = add(r, out, v);
    }
    if (rc == HC_OK && in.n && !out->n)
        return FAIL(r, "%.*s is not found", HC_P(name));
    return rc;
}

static const char *go_type(const struct hc_val *v)
{
    switch (hc_kind_of(v)) {
    case HC_BOOL:
        return "bool";
    case HC_INT:
        return "int";
    case HC_UINT:
    case HC_FLOAT:
        return "float64";
    case HC_STR:
        return "string";
    default:
        return "map[string]interface {}";
    }
}

static enum hc_rc one_slice(struct run *r, const struct hc_val *v, const struct jp_node *n, struct vals *out)
{
    int64_t len = (int64_t)hc_list_len(v), from = n->param[0].known ? n->param[0].value : 0,
            to = n->param[1].known ? n->param[1].value : len, step = 1;
    if (from < 0)
        from += len;
    if (n->param[1].known && (to < 0 || (to == 0 && n->param[1].derived)))
        to += len;
    if (from == to)
        return HC_E_NOTFOUND; /* nothing asked for: the library stops at this value */
    if (from >= len || from < 0)
        return FAIL(r, "array index out of bounds: index %" PRId64 ", length %" PRId64, from, len);
    if (to > len || to < 0)
        return FAIL(r, "array index out of bounds: index %" PRId64 ", length %" PRId64, to - 1, len);
    if (from > to)
        return FAIL(r, "starting index %" PRId64 " is greater than ending index %" PRId64, from, to);
    if (n->param[2].known && n->param[2].value <= 0)
        return FAIL(r, "step must be > 0");
    if (n->param[2].known)
        step = n->param[2].value;
    enum hc_rc rc = HC_OK;
    for (int64_t i = from; rc == HC_OK && i < to; i += HC_MIN(step, to))
        rc = add(r, out, hc_list_at(v, (size_t)i));
    return rc;
}

static enum hc_rc array(struct run *r, struct vals in, const struct jp_node *n, struct vals *out)
{
    for (size_t i = 0; i < in.n; i++) {
        if (in.p[i] && hc_is_null(in.p[i]))
            continue;
        if (!hc_is_list(in.p[i]))
            return FAIL(r, "%s is not array or slice", go_type(in.p[i]));
        enum hc_rc rc = one_slice(r, in.p[i], n, out);
        if (rc != HC_OK)
            return rc == HC_E_NOTFOUND ? HC_OK : rc;
    }
    return HC_OK;
}

static enum hc_rc recursive(struct run *r, struct vals in, struct vals *out, unsigned depth)
{
    enum hc_rc rc = HC_OK;
    if (depth > MAX_DEPTH)
        return hc_fail(r->err, HC_E_LIMIT, "JSONPath: deeper than %d", MAX_DEPTH);
    for (size_t i = 0; rc == HC_OK && i < in.n; i++) {
        struct vals below = { NULL, 0, 0 };
        rc = contents(r, in.p[i], &below);
        if (rc != HC_OK || !below.n)
            continue;
        rc = add(r, out, in.p[i]);
        if (rc == HC_OK)
            rc = recursive(r, below, out, depth + 1);
    }
    return rc;
}

/* ---- filters ----------------------------------------------------------------------------------------- */

/* Go compares values of one kind only: bool, int, float, text. */
static enum hc_rc compare(struct run *r, const struct hc_val *x, const struct hc_val *y, hc_str op, bool *pass)
{
    enum hc_kind k = hc_kind_of(x), l = hc_kind_of(y);
    k = k == HC_UINT ? HC_FLOAT : k;
    l = l == HC_UINT ? HC_FLOAT : l;
    if (k == HC_NULL || k > HC_STR || l == HC_NULL || l > HC_STR)
        return FAIL(r, "invalid type for comparison");
    if (k != l)
        return FAIL(r, "incompatible types for comparison");
    bool orders = !hc_str_eqz(op, "==") && !hc_str_eqz(op, "!=");
    if (k == HC_BOOL && orders)
        return FAIL(r, "invalid type for comparison");
    double a = 0, b = 0;
    bool less, equal;
    if (k == HC_STR) {
        int c = hc_str_cmp(hc_get_str(x), hc_get_str(y));
        less = c < 0;
        equal = c == 0;
    } else if (k == HC_BOOL) {
        less = false;
        equal = x->b == y->b;
    } else if (k == HC_INT) {
        less = x->i < y->i;
        equal = x->i == y->i;
    } else {
        (void)hc_get_f64(x, &a);
        (void)hc_get_f64(y, &b);
        less = a < b;
        equal = !(a < b) && !(a > b);
    }
    static const char *const ops[] = { "<", "<=", ">", ">=", "==", "!=" };
    const bool answers[] = { less, less || equal, !less && !equal, !less, equal, !equal };
    for (size_t i = 0; i < HC_LEN(ops); i++)
        if (hc_str_eqz(op, ops[i])) {
            *pass = answers[i];
            return HC_OK;
        }
    return FAIL(r, "unrecognized filter operator %.*s", HC_P(op));
}

static enum hc_rc filter_one(struct run *r, struct hc_val *item, const struct jp_node *n, struct vals *out)
{
    struct vals in = { &item, 1, 1 }, left = { NULL, 0, 0 }, right = { NULL, 0, 0 };
    struct hc_err why = HC_ERR_INIT, *err = r->err;
    r->err = &why;
    enum hc_rc rc = walk_list(r, in, &n->list.p[0].list, &left);
    r->err = err;
    if (hc_str_eqz(n->text, "exists"))
        return left.n ? add(r, out, item) : HC_OK; /* what cannot be found is not there */
    if (rc != HC_OK)
        return hc_err_copy(err, &why);
    if (!left.n)
        return HC_OK;
    if (left.n > 1)
        return FAIL(r, "can only compare one element at a time");
    rc = walk_list(r, in, &n->list.p[1].list, &right);
    if (rc != HC_OK || !right.n)
        return rc;
    if (right.n > 1)
        return FAIL(r, "can only compare one element at a time");
    bool pass = false;
    rc = compare(r, left.p[0], right.p[0], n->text, &pass);
    return rc == HC_OK && pass ? add(r, out, item) : rc;
}

static enum hc_rc filter(struct run *r, struct vals in, const struct jp_node *n, struct vals *out)
{
    enum hc_rc rc = HC_OK;
    for (size_t i = 0; rc == HC_OK && i < in.n; i++) {
        if (!hc_is_list(in.p[i]))
            return FAIL(r, "%s is not array or slice and cannot be filtered", go_type(in.p[i]));
        for (size_t k = 0; rc == HC_OK && k < hc_list_len(in.p[i]); k++)
            rc = filter_one(r, hc_list_at(in.p[i], k), n, out);
    }
    return rc;
}

/* ---- nodes ------------------------------------------------------------------------------------------- */

static enum hc_rc walk_union(struct run *r, struct vals in, const struct jp_node *n, struct vals *out)
{
    enum hc_rc rc = HC_OK;
    for (size_t i = 0; rc == HC_OK && i < n->list.n; i++) {
        struct vals part = { NULL, 0, 0 };
        rc = walk_list(r, in, &n->list.p[i].list, &part);
        for (size_t k = 0; rc == HC_OK && k < part.n; k++)
            rc = add(r, out, part.p[k]);
    }
    return rc;
}

static enum hc_rc walk(struct run *r, struct vals in, const struct jp_node *n, struct vals *out)
{
    enum hc_rc rc = HC_OK;
    switch (n->type) {
    case JP_TEXT:
        return add(r, out, hc_str_val_ref(r->a, n->text));
    case JP_LIST:
        return walk_list(r, in, &n->list, out);
    case JP_FIELD:
        return field(r, in, n->text, out);
    case JP_ARRAY:
        return array(r, in, n, out);
    case JP_FILTER:
        return filter(r, in, n, out);
    case JP_VALUE:
        for (size_t i = 0; rc == HC_OK && i < in.n; i++)
            rc = add(r, out, n->value);
        return rc;
    case JP_WILDCARD:
        for (size_t i = 0; rc == HC_OK && i < in.n; i++)
            rc = contents(r, in.p[i], out);
        return rc;
    case JP_RECURSIVE:
        return recursive(r, in, out, 0);
    case JP_UNION:
        return walk_union(r, in, n, out);
    case JP_RANGE:
        r->begin_range++;
        *out = in;
        return HC_OK;
    case JP_END:
        if (!r->in_range)
            return FAIL(r, "not in range, nothing to end");
        r->end_range++;
        return HC_OK;
    case JP_UNKNOWN:
        break;
    }
    return FAIL(r, "unrecognized identifier %.*s", HC_P(n->text));
}

static enum hc_rc walk_list(struct run *r, struct vals in, const struct jp_list *l, struct vals *out)
{
    *out = in;
    for (size_t i = 0; i < l->n; i++) {
        struct vals next = { NULL, 0, 0 };
        enum hc_rc rc = walk(r, *out, &l->p[i], &next);
        if (rc != HC_OK) {
            out->n = 0;
            return rc;
        }
        *out = next;
    }
    return HC_OK;
}

/* ---- the whole --------------------------------------------------------------------------------------- */

static enum hc_rc keep(struct run *r, struct results *all, struct vals v)
{
    if (all->n == all->cap) {
        size_t cap = HC_MAX(all->cap * 2, (size_t)16);
        struct vals *more = HC_NEW_N(r->a, struct vals, cap);
        if (!more)
            return hc_arena_check(r->a, r->err, "JSONPath");
        if (all->n)
            memcpy(more, all->p, all->n * sizeof(*more));
        all->p = more;
        all->cap = cap;
    }
    all->p[all->n++] = v;
    return HC_OK;
}

static enum hc_rc find(struct run *r, struct hc_val *data, size_t from, struct results *all);

/* The nodes behind a range, once for each value; for none once without one, so that its end is found. */
static enum hc_rc loop(struct run *r, struct vals over, size_t from, struct results *all)
{
    enum hc_rc rc = HC_OK;
    if (r->depth >= MAX_DEPTH)
        return hc_fail(r->err, HC_E_LIMIT, "JSONPath: ranges nested deeper than %d", MAX_DEPTH);
    r->depth++;
    r->begin_range--;
    r->in_range++;
    for (size_t i = 0; rc == HC_OK && i < over.n; i++)
        rc = find(r, over.p[i], from, all);
    struct results none = { NULL, 0, 0 };
    if (!over.n)
        rc = find(r, NULL, from, &none);
    r->in_range--;
    r->depth--;
    return rc;
}

static enum hc_rc find(struct run *r, struct hc_val *data, size_t from, struct results *all)
{
    enum hc_rc rc = HC_OK;
    struct hc_val *first[1] = { data };
    for (size_t i = from; rc == HC_OK && i < r->root->n; i++) {
        struct vals out = { NULL, 0, 0 };
        rc = walk(r, (struct vals){ first, 1, 1 }, &r->root->p[i], &out);
        if (rc != HC_OK)
            break;
        if (r->end_range > 0 && r->end_range <= r->in_range) {
            r->end_range--;
            r->last_end = i;
            break;
        }
        if (r->begin_range > 0) {
            rc = loop(r, out, i + 1, all);
            if (r->last_end > i)
                i = r->last_end;
            continue;
        }
        if (out.p == first) { /* it is on the stack */
            struct vals copy = { NULL, 0, 0 };
            rc = add(r, &copy, data);
            out = copy;
        }
        if (rc == HC_OK)
            rc = keep(r, all, out);
    }
    return rc;
}

static void print(struct hc_buf *b, const struct hc_val *v)
{
    switch (hc_kind_of(v)) {
    case HC_STR:
        hc_buf_put(b, hc_get_str(v));
        return;
    case HC_UINT:
    case HC_FLOAT: {
        double d = 0;
        (void)hc_get_f64(v, &d);
        hc_float_shortest(b, d, 64, 6);
        return;
    }
    default:
        hc_json_write(b, v, HC_JSON_SORT | HC_JSON_HTML | HC_JSON_GO_FLOAT);
        return;
    }
}

enum hc_rc hc_jsonpath_print(struct hc_arena *a, const struct hc_jsonpath *p, struct hc_val *data,
                             struct hc_buf *out, struct hc_err *err)
{
    struct run r = { .a = a, .root = &p->root, .err = err };
    struct results all = { NULL, 0, 0 };
    enum hc_rc rc = find(&r, data, 0, &all);
    for (size_t i = 0; rc == HC_OK && i < all.n; i++)
        for (size_t k = 0; k < all.p[i].n; k++) {
            print(out, all.p[i].p[k]);
            if (k + 1 < all.p[i].n)
                hc_buf_putc(out, ' ');
        }
    return rc == HC_OK ? hc_buf_check(out, err, "JSONPath") : rc;
}
