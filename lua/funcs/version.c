/*
 * The functions semver and semverCompare, and the methods of their versions (A11.1 to A11.3).
 */
#include "lua/funcs/version.h"

#include "lua/funcs/funcs_impl.h"

struct hc_val *hc_semver_val(struct hc_arena *a, const struct hc_semver *v)
{
    struct hc_val *node = hc_null_val(a);
    struct hc_semver *own = HC_NEW(a, struct hc_semver);
    if (!node || !own)
        return NULL;
    *own = *v;
    if (!own->pre.p)
        own->pre = HC_S("");
    if (!own->meta.p)
        own->meta = HC_S("");
    node->kind = HC_OBJ;
    node->type = HC_GO_SEMVER;
    node->obj = own;
    return node;
}

void hc_semver_put(struct hc_buf *b, const struct hc_semver *v)
{
    hc_buf_printf(b, "%" PRIu64 ".%" PRIu64 ".%" PRIu64 "%s%.*s%s%.*s", v->major, v->minor, v->patch,
                  v->pre.n ? "-" : "", HC_P(v->pre), v->meta.n ? "+" : "", HC_P(v->meta));
}

/* ---- functions and methods --------------------------------------------------------------------------- */

FN(fn_semver)
{
    (void)argc;
    struct hc_semver v;
    enum hc_rc rc = hc_semver_parse(fn_s(argv[0]), &v, c->err);
    return rc == HC_OK ? fn_done(c, hc_semver_val(c->a, &v), out) : rc;
}

FN(fn_semver_compare)
{
    (void)argc;
    struct hc_semrange *range;
    struct hc_semver v;
    enum hc_rc rc = hc_semrange_parse(c->a, fn_s(argv[0]), &range, c->err);
    if (rc == HC_OK)
        rc = hc_semver_parse(fn_s(argv[1]), &v, c->err);
    return rc == HC_OK ? fn_bool(c, hc_semrange_fits(range, &v), out) : rc;
}

static enum hc_rc changed(struct hc_fcall *c, const struct hc_semver *old, struct hc_semver v, struct hc_val **out)
{
    hc_str text = hc_semver_str(c->a, &v);
    bool prefix = old->original.n > 0 && old->original.p[0] == 'v';
    v.original = hc_arena_printf(c->a, "%s%.*s", prefix ? "v" : "", HC_P(text));
    return fn_done(c, fn_typed(hc_semver_val(c->a, &v), HC_GO_VERSION), out);
}

static enum hc_rc increment(struct hc_fcall *c, const struct hc_semver *old, hc_str name, struct hc_val **out)
{
    struct hc_semver v = *old;
    v.pre = v.meta = HC_S("");
    if (hc_str_eqz(name, "IncMajor")) {
        v.major++;
        v.minor = v.patch = 0;
    } else if (hc_str_eqz(name, "IncMinor")) {
        v.minor++;
        v.patch = 0;
    } else if (old->pre.n == 0) {
        v.patch++;
    }
    return changed(c, old, v, out);
}

/* What is wrong with a pre-release or with metadata as a whole; NULL: nothing. */
static const char *bad_part(hc_str s, bool pre)
{
    for (;;) {
        size_t dot = hc_str_find(s, '.'), n = dot == SIZE_MAX ? s.n : dot, digits = 0;
        for (size_t i = 0; i < n; i++) {
            char ch = s.p[i];
            bool digit = ch >= '0' && ch <= '9';
            if (!digit && ch != '-' && !((ch | 0x20) >= 'a' && (ch | 0x20) <= 'z'))
                return pre ? "invalid prerelease string" : "invalid metadata string";
            digits += digit;
        }
        if (n == 0)
            return pre ? "invalid prerelease string" : "invalid metadata string";
        if (pre && digits == n && n > 1 && s.p[0] == '0')
            return "version segment starts with 0";
        if (dot == SIZE_MAX)
            return NULL;
        s = hc_str_sub(s, dot + 1, s.n);
    }
}

static enum hc_rc with_text(struct hc_fcall *c, const struct hc_semver *old, bool pre, hc_str s,
                            struct hc_val **out)
{
    struct hc_semver v = *old;
    const char *bad = s.n > 0 ? bad_part(s, pre) : NULL;
    if (bad)
        return fn_fail(c, "%s", bad);
    if (pre)
        v.pre = s;
    else
        v.meta = s;
    return changed(c, old, v, out);
}

static struct hc_val *uint_val(struct hc_arena *a, uint64_t u)
{
    struct hc_val *v = hc_int_val(a, 0);
    if (v) {
        v->kind = HC_UINT;
        v->u = u;
    }
    return v;
}

/* Getters: a number or a text. */
static struct hc_val *getter(struct hc_arena *a, const struct hc_semver *v, hc_str name)
{
    if (hc_str_eqz(name, "Major"))
        return uint_val(a, v->major);
    if (hc_str_eqz(name, "Minor"))
        return uint_val(a, v->minor);
    if (hc_str_eqz(name, "Patch"))
        return uint_val(a, v->patch);
    if (hc_str_eqz(name, "Prerelease"))
        return hc_str_val_ref(a, v->pre);
    if (hc_str_eqz(name, "Metadata"))
        return hc_str_val_ref(a, v->meta);
    if (hc_str_eqz(name, "Original"))
        return hc_str_val_ref(a, v->original);
    if (!hc_str_eqz(name, "String"))
        return NULL;
    return hc_str_val_ref(a, hc_semver_str(a, v));
}

enum hc_rc fn_semver_method(struct hc_fcall *c, struct hc_val *recv, hc_str name, struct hc_val *const *argv,
                            size_t argc, bool *out_found, struct hc_val **out)
{
    const struct hc_semver *v = recv->obj;
    struct hc_val *got = getter(c->a, v, name);
    enum hc_rc rc;
    *out_found = true;
    if (got || hc_str_starts(name, HC_S("Inc"))) {
        if (!got && !hc_str_eqz(name, "IncMajor") && !hc_str_eqz(name, "IncMinor") &&
            !hc_str_eqz(name, "IncPatch")) {
            *out_found = false;
            return HC_OK;
        }
        if ((rc = fn_method_args(c, name, "", argv, argc)) != HC_OK)
            return rc;
        return got ? fn_done(c, got, out) : increment(c, v, name, out);
    }
    if (hc_str_eqz(name, "SetPrerelease") || hc_str_eqz(name, "SetMetadata")) {
        if ((rc = fn_method_args(c, name, "s", argv, argc)) != HC_OK)
            return rc;
        return with_text(c, v, name.p[3] == 'P', fn_s(argv[0]), out);
    }
    static const char *const orders[] = { "Compare",     "LessThan",         "LessThanEqual",
                                          "GreaterThan", "GreaterThanEqual", "Equal" };
    size_t k = 0;
    while (k < HC_LEN(orders) && !hc_str_eqz(name, orders[k]))
        k++;
    if (k == HC_LEN(orders)) {
        *out_found = false;
        return HC_OK;
    }
    if (hc_str_eqz(name, "Equal") && argc == 1 && fn_nil(argv[0]))
        return fn_bool(c, false, out); /* the one that looks */
    if ((rc = fn_method_args(c, name, "v", argv, argc)) != HC_OK)
        return rc;
    int d = hc_semver_cmp(v, argv[0]->obj);
    const bool yes[] = { false, d<0, d <= 0, d> 0, d >= 0, d == 0 };
    return k == 0 ? fn_done(c, fn_int(c->a, d), out) : fn_bool(c, yes[k], out);
}
