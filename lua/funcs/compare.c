/*
 * eq, ne, lt, le, gt, ge (B8): text/template compares basic kinds only, integers of both signs with each other.
 */
#include "lua/funcs/funcs_impl.h"

enum basic { BASIC_NONE, BASIC_BOOL, BASIC_INT, BASIC_FLOAT, BASIC_STR, BASIC_UINT, BASIC_COMPLEX };

static enum basic basic_of(const struct hc_val *v)
{
    switch (hc_kind_of(v)) {
    case HC_BOOL:
        return BASIC_BOOL;
    case HC_INT:
        return v->type == HC_GO_UINT8 ? BASIC_UINT : BASIC_INT;
    case HC_UINT:
        return BASIC_UINT;
    case HC_FLOAT:
        return BASIC_FLOAT;
    case HC_STR:
        return v->type == HC_GO_BYTES ? BASIC_NONE : BASIC_STR;
    case HC_OBJ:
        return v->type == HC_GO_COMPLEX ? BASIC_COMPLEX : BASIC_NONE;
    default:
        return BASIC_NONE;
    }
}

static enum hc_rc incompatible(struct hc_fcall *c, const struct hc_val *x, const struct hc_val *y)
{
    return fn_fail(c, "incompatible types for comparison: %s and %s", hc_go_type_name(x, c->helm3),
                   hc_go_type_name(y, c->helm3));
}

/* reflect.Kind as a word, with pointers apart from structs. */
static bool same_kind(const struct hc_val *x, const struct hc_val *y)
{
    return strcmp(hc_go_kind_name(x), hc_go_kind_name(y)) == 0;
}

static bool nil_inside(const struct hc_val *v)
{
    return fn_nil(v) || (v->kind == HC_LIST && (v->list->flags & HC_LIST_NIL)) ||
           (v->kind == HC_MAP && (v->map->flags & HC_LIST_NIL));
}

static bool comparable(const struct hc_val *v)
{
    return v->kind == HC_OBJ || (v->kind == HC_MAP && v->type >= HC_GO_CAPABILITIES);
}

static bool same_value(struct hc_fcall *c, const struct hc_val *x, const struct hc_val *y)
{
    if (x->type != y->type)
        return false;
    if (x->kind == HC_OBJ && x->type == HC_GO_SEMVER)
        return x->obj == y->obj; /* pointers */
    if (fn_is_pointer(x))
        return x->map == y->map;
    return fn_deep_equal(c, x, y);
}

static void put(const struct hc_fcall *c, struct hc_buf *b, const char *format, const struct hc_val *v)
{
    struct hc_val *args[] = { (struct hc_val *)(uintptr_t)v };
    hc_go_sprintf(b, hc_str_of(format), args, 1, c->helm3);
}

/* What is neither a basic kind nor of different kinds. */
static enum hc_rc eq_other(struct hc_fcall *c, const struct hc_val *x, const struct hc_val *y, bool *out)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, HC_MAX_OUTPUT_BYTES);
    if (!same_kind(x, y) && !fn_nil(x) && !fn_nil(y)) {
        hc_buf_puts(&b, "non-comparable types ");
        put(c, &b, "%s", x);
        hc_buf_printf(&b, ": %s, %s: ", hc_go_type_name(x, c->helm3), hc_go_type_name(y, c->helm3));
        put(c, &b, "%v", y);
        return fn_fail(c, "%.*s", HC_P(hc_buf_str(&b)));
    }
    if (nil_inside(x) || nil_inside(y)) {
        *out = nil_inside(x) == nil_inside(y);
        return HC_OK;
    }
    if (!comparable(y)) {
        hc_buf_puts(&b, "non-comparable type ");
        put(c, &b, "%s", y);
        return fn_fail(c, "%.*s: %s", HC_P(hc_buf_str(&b)), hc_go_type_name(y, c->helm3));
    }
    *out = same_value(c, x, y);
    return HC_OK;
}

static enum hc_rc equal(struct hc_fcall *c, const struct hc_val *x, const struct hc_val *y, bool *out)
{
    enum basic p = basic_of(x), q = basic_of(y);
    *out = false;
    if (p != q) {
        if ((p == BASIC_INT && q == BASIC_UINT) || (p == BASIC_UINT && q == BASIC_INT)) {
            const struct hc_val *is = p == BASIC_INT ? x : y;
            *out = is->i >= 0 && x->u == y->u;
        } else if (!fn_nil(x) && !fn_nil(y)) {
            return incompatible(c, x, y);
        }
        return HC_OK;
    }
    switch (p) {
    case BASIC_BOOL:
        *out = x->b == y->b;
        return HC_OK;
    case BASIC_INT:
    case BASIC_UINT:
        *out = x->u == y->u;
        return HC_OK;
    case BASIC_FLOAT:
        *out = x->f == y->f;
        return HC_OK;
    case BASIC_STR:
        *out = hc_str_eq(fn_s(x), fn_s(y));
        return HC_OK;
    case BASIC_COMPLEX:
        *out = fn_deep_equal(c, x, y);
        return HC_OK;
    case BASIC_NONE:
        break;
    }
    return eq_other(c, x, y, out);
}

static enum hc_rc less(struct hc_fcall *c, const struct hc_val *x, const struct hc_val *y, bool *out)
{
    enum basic p = basic_of(x), q = basic_of(y);
    *out = false;
    if (p == BASIC_NONE || q == BASIC_NONE)
        return fn_fail(c, "invalid type for comparison");
    if (p == BASIC_INT && q == BASIC_UINT) {
        *out = x->i < 0 || x->u < y->u;
        return HC_OK;
    }
    if (p == BASIC_UINT && q == BASIC_INT) {
        *out = y->i >= 0 && x->u < y->u;
        return HC_OK;
    }
    if (p != q)
        return incompatible(c, x, y);
    switch (p) {
    case BASIC_INT:
        *out = x->i < y->i;
        return HC_OK;
    case BASIC_UINT:
        *out = x->u < y->u;
        return HC_OK;
    case BASIC_FLOAT:
        *out = x->f < y->f;
        return HC_OK;
    case BASIC_STR:
        *out = hc_str_cmp(fn_s(x), fn_s(y)) < 0;
        return HC_OK;
    default:
        return fn_fail(c, "invalid type for comparison");
    }
}

FN(fn_eq)
{
    bool same = false;
    if (argc < 2)
        return fn_fail(c, "missing argument for comparison");
    for (size_t i = 1; i < argc && !same; i++) {
        enum hc_rc rc = equal(c, argv[0], argv[i], &same);
        if (rc != HC_OK)
            return rc;
    }
    return fn_bool(c, same, out);
}

FN(fn_ne)
{
    (void)argc;
    bool same;
    enum hc_rc rc = equal(c, argv[0], argv[1], &same);
    return rc == HC_OK ? fn_bool(c, !same, out) : rc;
}

FN(fn_lt)
{
    (void)argc;
    bool yes;
    enum hc_rc rc = less(c, argv[0], argv[1], &yes);
    return rc == HC_OK ? fn_bool(c, yes, out) : rc;
}

FN(fn_ge)
{
    (void)argc;
    bool yes;
    enum hc_rc rc = less(c, argv[0], argv[1], &yes);
    return rc == HC_OK ? fn_bool(c, !yes, out) : rc;
}

static enum hc_rc less_or_equal(struct hc_fcall *c, struct hc_val *const *argv, bool *out)
{
    enum hc_rc rc = less(c, argv[0], argv[1], out);
    if (rc == HC_OK && !*out)
        rc = equal(c, argv[0], argv[1], out);
    return rc;
}

FN(fn_le)
{
    (void)argc;
    bool yes;
    enum hc_rc rc = less_or_equal(c, argv, &yes);
    return rc == HC_OK ? fn_bool(c, yes, out) : rc;
}

FN(fn_gt)
{
    (void)argc;
    bool yes;
    enum hc_rc rc = less_or_equal(c, argv, &yes);
    return rc == HC_OK ? fn_bool(c, !yes, out) : rc;
}
