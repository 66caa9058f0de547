/*
 * What reflect knows of a value: its type's name, its kind, emptiness, deep equality; and the small helpers all
 * topics share.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/clock.h"
#include "core/base/digest.h"
#include "lua/funcs/funcs_impl.h"
#include "lua/funcs/time.h"
#include "lua/funcs/version.h"

static const char *int_name(unsigned type)
{
    switch (type) {
    case HC_GO_INT:
        return "int";
    case HC_GO_UINT8:
        return "uint8";
    case HC_GO_INT32:
        return "int32";
    case HC_GO_DURATION:
        return "time.Duration";
    case HC_GO_MONTH:
        return "time.Month";
    case HC_GO_WEEKDAY:
        return "time.Weekday";
    default:
        return "int64";
    }
}

static const char *list_name(unsigned type, bool helm3)
{
    switch (type) {
    case HC_GO_STRINGS:
        return "[]string";
    case HC_GO_INTS:
        return "[]int";
    case HC_GO_LISTS:
        return "[][]interface {}";
    case HC_GO_VERSIONS:
        return helm3 ? "chartutil.VersionSet" : "common.VersionSet";
    case HC_GO_MAPS:
        return "[]map[string]interface {}";
    case HC_GO_DEPS3:
        return "[]*chart.Dependency";
    case HC_GO_PEOPLE3:
        return "[]*chart.Maintainer";
    default:
        return "[]interface {}";
    }
}

static const char *map_name(unsigned type, bool helm3)
{
    switch (type) {
    case HC_GO_MAPSTR:
        return "map[string]string";
    case HC_GO_VALUES:
        return helm3 ? "chartutil.Values" : "common.Values";
    case HC_GO_FILES:
        return "engine.files";
    case HC_GO_CAPABILITIES:
        return helm3 ? "*chartutil.Capabilities" : "*common.Capabilities";
    case HC_GO_KUBEVERSION:
    case HC_GO_KUBEVALUE:
        return helm3 ? "chartutil.KubeVersion" : "common.KubeVersion";
    case HC_GO_HELMVERSION:
        return "version.BuildInfo";
    case HC_GO_CERT:
        return "sprig.certificate";
    case HC_GO_CHART3:
        return "struct { chart.Metadata; IsRoot bool }";
    case HC_GO_DEP3:
        return "*chart.Dependency";
    case HC_GO_PERSON3:
        return "*chart.Maintainer";
    default:
        return "map[string]interface {}";
    }
}

const char *hc_go_type_name(const struct hc_val *v, bool helm3)
{
    switch (hc_kind_of(v)) {
    case HC_NULL:
        return "<nil>";
    case HC_BOOL:
        return "bool";
    case HC_INT:
        return int_name(v->type);
    case HC_UINT:
        return "uint64";
    case HC_FLOAT:
        return "float64";
    case HC_STR:
        return v->type == HC_GO_BYTES ? "[]uint8" : "string";
    case HC_LIST:
        return list_name(v->type, helm3);
    case HC_MAP:
        return map_name(v->type, helm3);
    case HC_OBJ:
        break;
    }
    switch (v->type) {
    case HC_GO_TIME:
        return "time.Time";
    case HC_GO_SEMVER:
        return "*semver.Version";
    case HC_GO_VERSION:
        return "semver.Version";
    case HC_GO_COMPLEX:
        return "complex128";
    default:
        return "unsafe.Pointer";
    }
}

const char *hc_go_kind_name(const struct hc_val *v)
{
    switch (hc_kind_of(v)) {
    case HC_NULL:
        return "invalid";
    case HC_BOOL:
        return "bool";
    case HC_INT:
        return v->type == HC_GO_DURATION                            ? "int64"
               : v->type == HC_GO_MONTH || v->type == HC_GO_WEEKDAY ? "int"
                                                                    : int_name(v->type);
    case HC_UINT:
        return "uint64";
    case HC_FLOAT:
        return "float64";
    case HC_STR:
        return v->type == HC_GO_BYTES ? "slice" : "string";
    case HC_LIST:
        return "slice";
    case HC_MAP:
        if (v->type < HC_GO_CAPABILITIES)
            return "map";
        return fn_is_pointer(v) ? "ptr" : "struct";
    case HC_OBJ:
        break;
    }
    return v->type == HC_GO_COMPLEX ? "complex128" : v->type == HC_GO_SEMVER ? "ptr" : "struct";
}

bool hc_go_truth(const struct hc_val *v)
{
    switch (hc_kind_of(v)) {
    case HC_NULL:
        return false;
    case HC_BOOL:
        return v->b;
    case HC_INT:
        return v->i != 0;
    case HC_UINT:
        return v->u != 0;
    case HC_FLOAT:
        return v->f != 0;
    case HC_STR:
        return v->n != 0;
    case HC_LIST:
        return v->list->n != 0;
    case HC_MAP:
        return v->type >= HC_GO_CAPABILITIES || v->map->n != 0;
    case HC_OBJ:
        break;
    }
    if (v->type == HC_GO_COMPLEX) {
        const double *z = v->obj;
        return z[0] != 0 || z[1] != 0;
    }
    return true;
}

enum { STEPS_COMPARE = 5 };

static bool list_nil(const struct hc_val *v)
{
    return (v->list->flags & HC_LIST_NIL) != 0;
}

static bool map_nil(const struct hc_val *v)
{
    return (v->map->flags & HC_LIST_NIL) != 0;
}

static bool deep_equal(struct hc_fcall *c, const struct hc_val *x, const struct hc_val *y, int depth)
{
    if (!fn_work(c, STEPS_COMPARE))
        return false;
    if (fn_nil(x) || fn_nil(y))
        return fn_nil(x) && fn_nil(y);
    if (x->kind != y->kind || x->type != y->type || depth > HC_MAX_JSON_DEPTH)
        return false;
    switch ((enum hc_kind)x->kind) {
    case HC_NULL:
        return true;
    case HC_BOOL:
        return x->b == y->b;
    case HC_INT:
    case HC_UINT:
        return x->u == y->u;
    case HC_FLOAT:
        return x->f == y->f;
    case HC_STR:
        return hc_str_eq(hc_get_str(x), hc_get_str(y));
    case HC_LIST:
        if (x->list == y->list)
            return true;
        if (x->list->n != y->list->n || list_nil(x) != list_nil(y))
            return false;
        for (uint32_t i = 0; i < x->list->n; i++)
            if (!deep_equal(c, x->list->items[i], y->list->items[i], depth + 1))
                return false;
        return true;
    case HC_MAP:
        if (x->map == y->map)
            return true;
        if (x->map->n != y->map->n || map_nil(x) != map_nil(y))
            return false;
        for (uint32_t i = 0; i < x->map->n; i++) {
            const struct hc_entry *e = hc_map_find(y, x->map->entries[i].key);
            if (!e || !deep_equal(c, x->map->entries[i].val, e->val, depth + 1))
                return false;
        }
        return true;
    case HC_OBJ:
        break;
    }
    if (x->obj == y->obj)
        return true;
    if (x->type == HC_GO_TIME) {
        const struct hc_time *s = x->obj, *t = y->obj;
        return s->sec == t->sec && s->nsec == t->nsec && s->zone == t->zone;
    }
    if (x->type == HC_GO_COMPLEX) {
        const double *s = x->obj, *t = y->obj;
        return s[0] == t[0] && s[1] == t[1];
    }
    if (x->type == HC_GO_SEMVER || x->type == HC_GO_VERSION) {
        const struct hc_semver *s = x->obj, *t = y->obj;
        return s->major == t->major && s->minor == t->minor && s->patch == t->patch && hc_str_eq(s->pre, t->pre) &&
               hc_str_eq(s->meta, t->meta) && hc_str_eq(s->original, t->original);
    }
    return false;
}

bool fn_deep_equal(struct hc_fcall *c, const struct hc_val *x, const struct hc_val *y)
{
    return deep_equal(c, x, y, 0);
}

struct hc_val *fn_slice_at(struct hc_arena *a, const struct hc_val *v, size_t i)
{
    if (v->kind == HC_LIST)
        return v->list->items[i];
    return fn_typed(hc_int_val(a, (unsigned char)v->s[i]), HC_GO_UINT8);
}

static int by_key(const void *x, const void *y)
{
    return hc_str_cmp((*(const struct hc_entry *const *)x)->key, (*(const struct hc_entry *const *)y)->key);
}

const struct hc_entry **fn_sorted(struct hc_arena *a, const struct hc_val *map)
{
    size_t n = hc_map_len(map);
    const struct hc_entry **order = HC_NEW_N(a, const struct hc_entry *, n + 1);
    if (!order)
        return NULL;
    for (size_t i = 0; i < n; i++)
        order[i] = &map->map->entries[i];
    qsort(order, n, sizeof(*order), by_key);
    return order;
}

enum hc_rc fn_fail(struct hc_fcall *c, const char *fmt, ...)
{
    char text[HC_ERR_MSG];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    if (n >= (int)sizeof(text)) {
        char *whole = hc_arena_alloc(c->a, (size_t)n + 1, 1);
        if (whole) {
            va_start(ap, fmt);
            vsnprintf(whole, (size_t)n + 1, fmt, ap);
            va_end(ap);
            c->long_error = hc_str_n(whole, (size_t)n);
        }
    }
    return hc_fail(c->err, HC_E_INPUT, "%s", text);
}

enum hc_rc fn_dear_go_on(struct hc_fcall *c)
{
    /* The first one is made on the slowest machine, too. */
    if (c->long_keys < 2 ||
        hc_thread_cpu_ns() - c->dear_from_ns + c->dear_beside_ns < (uint64_t)c->dear_cpu_ms * 1000000u)
        return HC_OK;
    c->unlucky = true;
    return hc_fail(
        c->err, HC_E_LIMIT,
        "the budget for keys and password hashes of one render is spent: with key %u of 4096 bits or DSA they "
        "took over %u ms of processor time; make them beforehand and hand them over as values",
        c->long_keys, c->dear_cpu_ms);
}

enum hc_rc fn_dear(struct hc_fcall *c, uint32_t ms)
{
    uint32_t turns = c->turns ? c->turns(c->ctx) : 0;
    bool planned = turns > 0 && c->dear + (uint64_t)turns * ms <= HC_MAX_RENDER_DEAR_PLANNED;
    if (!planned && c->dear + ms > HC_MAX_RENDER_DEAR)
        return hc_fail(c->err, HC_E_LIMIT,
                       "the budget for keys and password hashes of one render is spent (122 RSA keys of 2048 bits, "
                       "16 of 4096 or of DSA, 44 of bcrypt or htpasswd, 15 of derivePassword; a seventh of that in "
                       "longer loops, in recursion and in Lua); make them beforehand and hand them over as values");
    c->dear_cpu_ms = planned ? HC_MAX_RENDER_DEAR_PLANNED_CPU_MS : HC_MAX_RENDER_DEAR_CPU_MS;
    enum hc_rc rc = fn_dear_go_on(c);
    if (rc != HC_OK)
        return rc;
    c->dear += ms;
    if (c->dear_from_ns == 0)
        c->dear_from_ns = hc_thread_cpu_ns();
    return HC_OK;
}

enum hc_rc fn_too_long(struct hc_fcall *c, const char *what)
{
    return hc_fail(c->err, HC_E_LIMIT, "%s would give more than %zu bytes, the most for one call", what,
                   (size_t)HC_MAX_OUTPUT_BYTES);
}

enum hc_rc fn_too_many(struct hc_fcall *c, const char *what)
{
    return hc_fail(c->err, HC_E_LIMIT, "%s would give a list of more than %u entries, the most for one call", what,
                   HC_MAX_CALL_ENTRIES);
}

enum hc_rc fn_buf(struct hc_fcall *c, const struct hc_buf *b, struct hc_val **out)
{
    if (b->spent)
        return hc_buf_check(b, c->err, "the text of a template function");
    return fn_done(c, hc_str_val(c->a, hc_buf_str(b)), out);
}

int64_t fn_now_ns(struct hc_fcall *c)
{
    c->asked++;
    return c->door->now_ns ? c->door->now_ns(c->door->ctx) : hc_now_ns();
}

bool fn_random(struct hc_fcall *c, void *p, size_t n)
{
    c->asked++;
    if (c->door->random)
        return c->door->random(c->door->ctx, p, n);
    if (n > sizeof(c->random) / 4)
        return hc_random_bytes(p, n);
    if (c->random_n < n) {
        if (!hc_random_bytes(c->random, sizeof(c->random)))
            return false;
        c->random_n = sizeof(c->random);
    }
    c->random_n -= (uint32_t)n;
    memcpy(p, c->random + c->random_n, n);
    memset(c->random + c->random_n, 0, n);
    return true;
}

enum hc_rc fn_not_random(struct hc_fcall *c)
{
    return fn_fail(c, "the random numbers that were given repeat themselves");
}
