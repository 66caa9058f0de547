/*
 * One value against one schema. Keywords are looked at in the library's order, because the first four stop the
 * check of a value and the others add up.
 *
 * `quick` asks for yes or no only: every failure is then one shared node without text. Properties and items that
 * no keyword has looked at are tracked only where an unevaluated... keyword wants to know. A schema that comes back
 * to itself on the same value is caught by walking the scopes up.
 */
#include <math.h>

#include "core/base/limits.h"
#include "core/value/json.h"
#include "templating/overlay/schema_impl.h"

#define MAX_DEPTH 3000

/* Which entries of the value nobody has looked at; NULL: nobody asks. */
struct uneval {
    bool *left;
    uint32_t n;
};

struct scope {
    const struct scope *up;
    const struct hc_schema *s;
    uint64_t value_id;
};

struct check {
    struct hc_schema_run *r;
    struct hc_schema *s;
    const struct hc_val *v;
    struct scope scope;
    struct uneval un;
    struct hc_misfit *first, *last;
    bool quick;
};

static struct hc_misfit quick_misfit;

static struct hc_misfit *validate(struct check *c);

enum { STEPS_SCHEMA = 50, STEPS_PAIR = 15 };

static void out_of_steps(struct hc_schema_run *r)
{
    hc_str path = hc_buf_str(&r->path);
    r->steps_left = 0;
    if (r->broken == HC_OK)
        r->broken = hc_fail(r->err, HC_E_LIMIT,
                            "values.schema.json: the budget of %u steps for one check is spent at '%.*s'",
                            HC_MAX_SCHEMA_STEPS, (int)HC_MIN(path.n, (size_t)200), path.p);
}

static void take_steps(struct hc_schema_run *r, uint64_t steps)
{
    if (r->steps_left <= steps)
        out_of_steps(r);
    else
        r->steps_left -= steps;
}

static bool fits_pattern(struct hc_schema_run *r, struct hc_pattern *p, hc_str s)
{
    bool fits = hc_pattern_matches(p, s, &r->steps_left);
    if (r->steps_left == 0)
        out_of_steps(r);
    return fits;
}

/* ---- failures ------------------------------------------------------------------------------------ */

/* A failure at the current place whose text stands in r->text. */
static struct hc_misfit *misfit(struct check *c)
{
    struct hc_schema_run *r = c->r;
    if (c->quick)
        return &quick_misfit;
    struct hc_misfit *m = HC_NEW(r->a, struct hc_misfit);
    if (!m)
        return &quick_misfit;
    m->text = hc_buf_to_arena(&r->text, r->a);
    m->path = hc_buf_to_arena(&r->path, r->a);
    return m;
}

static struct hc_buf *say(struct check *c)
{
    hc_buf_reset(&c->r->text);
    return &c->r->text;
}

static struct hc_misfit *said(struct check *c, const char *text)
{
    hc_buf_puts(say(c), text);
    return misfit(c);
}

static void add(struct check *c, struct hc_misfit *m)
{
    if (!m)
        return;
    if (m == &quick_misfit) {
        c->first = c->last = m; /* shared: never linked */
        return;
    }
    if (c->last)
        c->last->next = m;
    else
        c->first = m;
    c->last = m;
}

static void add_cause(struct hc_misfit *to, struct hc_misfit *m)
{
    if (!m || m == &quick_misfit || to == &quick_misfit)
        return;
    if (to->last)
        to->last->next = m;
    else
        to->causes = m;
    to->last = m;
}

static void add_counts(struct check *c, const char *name, int64_t got, int64_t want)
{
    struct hc_buf *b = say(c);
    hc_buf_printf(b, "%s: got ", name);
    hc_schema_put_int(b, got);
    hc_buf_puts(b, ", want ");
    hc_schema_put_int(b, want);
    add(c, misfit(c));
}

static void put_quoted_list(struct hc_buf *b, const hc_str *names, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        hc_buf_puts(b, i ? ", " : "");
        hc_schema_quote(b, names[i]);
    }
}

/* ---- what is left to evaluate -------------------------------------------------------------------- */

static bool un_empty(const struct uneval *u)
{
    for (uint32_t i = 0; u->left && i < u->n; i++)
        if (u->left[i])
            return false;
    return true;
}

static struct uneval un_from(struct hc_schema_run *r, const struct hc_val *v, const struct hc_schema *s,
                             bool caller_needs)
{
    struct uneval u = { 0 };
    uint32_t from = 0;
    if (hc_is_map(v)) {
        if (s->kw[K_ADDITIONAL_PROPERTIES] || (!caller_needs && !s->kw[K_UNEVALUATED_PROPERTIES]))
            return u;
        u.n = v->map->n;
    } else if (hc_is_list(v)) {
        const struct hc_val *items = s->kw[K_ITEMS];
        /* additionalItems says nothing beside items that is no list */
        bool all = s->draft >= 2020 ? items != NULL : items && (!hc_is_list(items) || s->kw[K_ADDITIONAL_ITEMS]);
        if (all || (!caller_needs && !s->kw[K_UNEVALUATED_ITEMS]))
            return u;
        from = (uint32_t)hc_list_len(s->draft >= 2020 ? s->kw[K_PREFIX_ITEMS] : items);
        u.n = v->list->n;
    }
    if (u.n <= from)
        return (struct uneval){ 0 };
    u.left = HC_NEW_N(r->a, bool, u.n);
    for (uint32_t i = from; u.left && i < u.n; i++)
        u.left[i] = true;
    return u;
}

/* What a schema on the same value has looked at counts as looked at. */
static void un_merge(struct uneval *u, const struct uneval *other)
{
    for (uint32_t i = 0; u->left && i < u->n; i++)
        if (!other->left || !other->left[i])
            u->left[i] = false;
}

/* ---- schemas below ------------------------------------------------------------------------------- */

/* Another schema on the same value. */
static struct hc_misfit *on_self(struct check *c, struct hc_schema *s, bool quick)
{
    if (!s)
        return NULL;
    struct check sub = { .r = c->r,
                         .s = s,
                         .v = c->v,
                         .scope = { &c->scope, s, c->scope.value_id },
                         .un = un_from(c->r, c->v, s, !un_empty(&c->un)),
                         .quick = c->quick || quick };
    struct hc_misfit *m = validate(&sub);
    if (!m)
        un_merge(&c->un, &sub.un);
    return m;
}

static struct hc_misfit *on_child(struct check *c, struct hc_schema *s, const struct hc_val *v)
{
    if (!s)
        return NULL;
    struct check sub = { .r = c->r,
                         .s = s,
                         .v = v,
                         .scope = { &c->scope, s, c->scope.value_id + 1 },
                         .un = un_from(c->r, v, s, false),
                         .quick = c->quick };
    return validate(&sub);
}

static struct hc_misfit *on_property(struct check *c, struct hc_schema *s, const struct hc_entry *e)
{
    struct hc_buf *path = &c->r->path;
    size_t here = path->n;
    hc_buf_putc(path, '/');
    for (size_t i = 0; i < e->key.n; i++) {
        if (e->key.p[i] == '~' || e->key.p[i] == '/')
            hc_buf_puts(path, e->key.p[i] == '~' ? "~0" : "~1");
        else
            hc_buf_putc(path, e->key.p[i]);
    }
    struct hc_misfit *m = on_child(c, s, e->val);
    path->n = here;
    return m;
}

static struct hc_misfit *on_item(struct check *c, struct hc_schema *s, size_t i)
{
    struct hc_buf *path = &c->r->path;
    size_t here = path->n;
    hc_buf_printf(path, "/%zu", i);
    struct hc_misfit *m = on_child(c, s, hc_list_at(c->v, i));
    path->n = here;
    return m;
}

static struct hc_schema *sub(struct check *c, const struct hc_val *node)
{
    return node ? hc_schema_of(c->r, node) : NULL;
}

static struct hc_misfit *on_ref(struct check *c, enum hc_keyword k)
{
    struct hc_schema *target = hc_schema_target(c->r, c->s, k), *outer;
    hc_str name;
    if (hc_schema_is_dynamic(c->s, target, k, &name))
        for (const struct scope *at = &c->scope; at; at = at->up) {
            outer = hc_schema_dynamic_in(c->r, at->s, k, name);
            target = outer ? outer : target;
        }
    struct hc_misfit *m = on_self(c, target, false);
    if (!m || c->quick)
        return m;
    struct hc_misfit *ref = said(c, "validation failed");
    if (ref == &quick_misfit)
        return ref;
    ref->ref = true;
    if (m->group) {
        ref->causes = m->causes;
        ref->last = m->last;
    } else {
        add_cause(ref, m);
    }
    return ref;
}

/* ---- values -------------------------------------------------------------------------------------- */

static bool is_whole(const struct hc_val *v)
{
    return v->kind != HC_FLOAT || !(floor(v->f) < v->f);
}

static unsigned type_of(const struct hc_val *v)
{
    switch (hc_kind_of(v)) {
    case HC_NULL:
        return HC_T_NULL;
    case HC_BOOL:
        return HC_T_BOOLEAN;
    case HC_STR:
        return HC_T_STRING;
    case HC_LIST:
        return HC_T_ARRAY;
    case HC_MAP:
        return HC_T_OBJECT;
    default:
        return HC_T_NUMBER;
    }
}

static const char *const type_names[] = { "null", "boolean", "number", "integer", "string", "array", "object" };

static struct hc_misfit *wrong_type(struct check *c, unsigned got)
{
    struct hc_buf *b = say(c);
    bool first = true;
    hc_buf_printf(b, "got %s, want ", type_names[__builtin_ctz(got)]);
    for (size_t i = 0; i < HC_LEN(type_names); i++)
        if (c->s->types & (1u << i)) {
            hc_buf_printf(b, "%s%s", first ? "" : " or ", type_names[i]);
            first = false;
        }
    return misfit(c);
}

static struct hc_misfit *not_in_enum(struct check *c, const struct hc_val *list)
{
    struct hc_buf *b = say(c);
    for (size_t i = 0; i < hc_list_len(list); i++)
        if (type_of(hc_list_at(list, i)) & (HC_T_ARRAY | HC_T_OBJECT))
            return said(c, "'enum' failed");
    hc_buf_puts(b, hc_list_len(list) == 1 ? "value must be " : "value must be one of ");
    for (size_t i = 0; i < hc_list_len(list); i++) {
        hc_buf_puts(b, i ? ", " : "");
        hc_schema_display(b, hc_list_at(list, i));
    }
    return misfit(c);
}

static bool in_list(const struct hc_val *list, const struct hc_val *v)
{
    for (size_t i = 0; i < hc_list_len(list); i++)
        if (hc_val_equal(hc_list_at(list, i), v))
            return true;
    return false;
}

/* The keyword's whole number, or false. */
static bool count_of(const struct check *c, enum hc_keyword k, int64_t *out)
{
    return c->s->kw[k] && hc_get_i64(c->s->kw[k], out);
}

static bool is_true(const struct hc_val *v)
{
    return v && v->kind == HC_BOOL && v->b;
}

/* ---- numbers ------------------------------------------------------------------------------------- */

/* Whether v is a whole multiple of m, in decimal as both are written. */
static bool is_multiple(double v, double m)
{
    char vd[32], md[32];
    int vn, vp, mn, mp;
    hc_float_digits(v, 64, vd, &vn, &vp);
    hc_float_digits(m, 64, md, &mn, &mp);
    if (vn == 0 || mn == 0)
        return true;
    unsigned __int128 a = 0, b = 0;
    for (int i = 0; i < vn; i++)
        a = a * 10 + (unsigned)(vd[i] - '0');
    for (int i = 0; i < mn; i++)
        b = b * 10 + (unsigned)(md[i] - '0');
    int ea = vp - vn, eb = mp - mn; /* value = digits * 10^e */
    if (ea - eb > 20 || eb - ea > 20) {
        double rest = fmod(fabs(v), fabs(m));
        return !(rest > 0);
    }
    for (; ea > eb; ea--)
        a *= 10;
    for (; eb > ea; eb--)
        b *= 10;
    return a % b == 0;
}

static void check_limit(struct check *c, const char *name, double got, const struct hc_val *limit, int sign,
                        bool or_equal)
{
    double want;
    if (!limit || !hc_get_f64(limit, &want))
        return;
    bool bad = sign > 0 ? got > want : got < want;
    if (!bad && (!or_equal || got < want || got > want))
        return;
    struct hc_buf *b = say(c);
    hc_buf_printf(b, "%s: got ", name);
    hc_schema_put_float(b, got);
    hc_buf_puts(b, ", want ");
    hc_schema_put_float(b, want);
    add(c, misfit(c));
}

static void check_number(struct check *c)
{
    const struct hc_val *const *kw = c->s->kw;
    double got, step;
    hc_get_f64(c->v, &got);
    bool strict_min = is_true(kw[K_EXCLUSIVE_MINIMUM]), strict_max = is_true(kw[K_EXCLUSIVE_MAXIMUM]);
    check_limit(c, "minimum", got, strict_min ? NULL : kw[K_MINIMUM], -1, false);
    check_limit(c, "maximum", got, strict_max ? NULL : kw[K_MAXIMUM], 1, false);
    check_limit(c, "exclusiveMinimum", got, strict_min ? kw[K_MINIMUM] : kw[K_EXCLUSIVE_MINIMUM], -1, true);
    check_limit(c, "exclusiveMaximum", got, strict_max ? kw[K_MAXIMUM] : kw[K_EXCLUSIVE_MAXIMUM], 1, true);
    if (kw[K_MULTIPLE_OF] && hc_get_f64(kw[K_MULTIPLE_OF], &step) && !is_multiple(got, step)) {
        struct hc_buf *b = say(c);
        hc_buf_puts(b, "multipleOf: got ");
        hc_schema_put_float(b, got);
        hc_buf_puts(b, ", want ");
        hc_schema_put_float(b, step);
        add(c, misfit(c));
    }
}

static void check_string(struct check *c)
{
    hc_str s = hc_get_str(c->v);
    int64_t want;
    if (c->s->kw[K_MIN_LENGTH] || c->s->kw[K_MAX_LENGTH]) {
        int64_t len = (int64_t)hc_utf8_count(s);
        if (count_of(c, K_MIN_LENGTH, &want) && len < want)
            add_counts(c, "minLength", len, want);
        if (count_of(c, K_MAX_LENGTH, &want) && len > want)
            add_counts(c, "maxLength", len, want);
    }
    hc_str pattern = hc_get_str(c->s->kw[K_PATTERN]);
    if (!pattern.p)
        return;
    if (!c->s->pattern)
        c->s->pattern = hc_schema_pattern(c->r, pattern);
    if (c->s->pattern && !fits_pattern(c->r, c->s->pattern, s)) {
        struct hc_buf *b = say(c);
        hc_schema_quote(b, s);
        hc_buf_puts(b, " does not match pattern ");
        hc_schema_quote(b, pattern);
        add(c, misfit(c));
    }
}

/* ---- lists --------------------------------------------------------------------------------------- */

static void check_unique(struct check *c)
{
    size_t n = hc_list_len(c->v);
    for (size_t i = 1; i < n && c->r->broken == HC_OK; i++) {
        take_steps(c->r, i * STEPS_PAIR);
        for (size_t j = 0; j < i; j++)
            if (c->r->broken == HC_OK && hc_val_equal(hc_list_at(c->v, i), hc_list_at(c->v, j))) {
                struct hc_buf *b = say(c);
                hc_buf_puts(b, "items at ");
                hc_schema_put_int(b, (int64_t)j);
                hc_buf_puts(b, " and ");
                hc_schema_put_int(b, (int64_t)i);
                hc_buf_puts(b, " are equal");
                add(c, misfit(c));
                return;
            }
    }
}

static void check_contains(struct check *c)
{
    struct hc_schema *s = sub(c, c->s->kw[K_CONTAINS]);
    struct hc_misfit head = { 0 };
    HC_AUTO(hc_buf) struct hc_buf at;
    hc_buf_init(&at, 0);
    int64_t matched = 0, want;
    for (size_t i = 0; i < hc_list_len(c->v); i++) {
        struct hc_misfit *m = on_item(c, s, i);
        if (m) {
            add_cause(&head, m);
            continue;
        }
        hc_buf_printf(&at, "%s%zu", matched++ ? " " : "", i);
        if (c->s->draft >= 2020 && c->un.left && i < c->un.n)
            c->un.left[i] = false;
    }
    struct hc_misfit *m = NULL;
    if (count_of(c, K_MIN_CONTAINS, &want)) {
        if (matched < want) {
            hc_buf_printf(say(c), "min %" PRId64 " items required to match contains schema, but ", want);
            if (matched)
                hc_buf_printf(&c->r->text, "matched %" PRId64 " items at %.*s", matched, HC_P(hc_buf_str(&at)));
            else
                hc_buf_puts(&c->r->text, "none matched");
            m = misfit(c);
        }
    } else if (!matched) {
        m = said(c, "no items match contains schema");
    }
    if (m && m != &quick_misfit) {
        m->causes = head.causes;
        m->last = head.last;
    }
    add(c, m);
    if (count_of(c, K_MAX_CONTAINS, &want) && matched > want) {
        hc_buf_printf(say(c),
                      "max %" PRId64 " items required to match contains schema, but matched %" PRId64
                      " items at %.*s",
                      want, matched, HC_P(hc_buf_str(&at)));
        add(c, misfit(c));
    }
}

static void check_list(struct check *c)
{
    const struct hc_val *const *kw = c->s->kw;
    size_t n = hc_list_len(c->v), done = 0;
    int64_t want;
    if (count_of(c, K_MIN_ITEMS, &want) && (int64_t)n < want)
        add_counts(c, "minItems", (int64_t)n, want);
    if (count_of(c, K_MAX_ITEMS, &want) && (int64_t)n > want)
        add_counts(c, "maxItems", (int64_t)n, want);
    if (is_true(kw[K_UNIQUE_ITEMS]))
        check_unique(c);
    const struct hc_val *tuple = c->s->draft >= 2020       ? kw[K_PREFIX_ITEMS]
                                 : hc_is_list(kw[K_ITEMS]) ? kw[K_ITEMS]
                                                           : NULL;
    const struct hc_val *rest = c->s->draft >= 2020 ? kw[K_ITEMS] : tuple ? kw[K_ADDITIONAL_ITEMS] : kw[K_ITEMS];
    for (; done < n && done < hc_list_len(tuple); done++)
        add(c, on_item(c, sub(c, hc_list_at(tuple, done)), done));
    if (rest && c->s->draft < 2020 && tuple && rest->kind == HC_BOOL) {
        if (!rest->b && done < n) {
            struct hc_buf *b = say(c);
            hc_buf_puts(b, "last ");
            hc_schema_put_int(b, (int64_t)(n - done));
            hc_buf_puts(b, " additionalItem(s) not allowed");
            add(c, misfit(c));
        }
    } else if (rest) {
        struct hc_schema *s = sub(c, rest);
        for (; done < n; done++)
            add(c, on_item(c, s, done));
    }
    if (kw[K_CONTAINS])
        check_contains(c);
}

/* ---- maps ---------------------------------------------------------------------------------------- */

/* The names of `wanted` that the value lacks, quoted, into r->text behind what is there; gives how many. */
static size_t missing(struct check *c, const struct hc_val *wanted, hc_str **out)
{
    size_t n = 0;
    *out = NULL;
    for (size_t i = 0; i < hc_list_len(wanted); i++) {
        hc_str name = hc_get_str(hc_list_at(wanted, i));
        if (!name.p || hc_map_find(c->v, name))
            continue;
        if (!*out && !(*out = HC_NEW_N(c->r->a, hc_str, hc_list_len(wanted))))
            return 0;
        (*out)[n++] = name;
    }
    return n;
}

static void check_required(struct check *c)
{
    hc_str *names;
    size_t n = missing(c, c->s->kw[K_REQUIRED], &names);
    if (!n)
        return;
    hc_buf_puts(say(c), n == 1 ? "missing property " : "missing properties ");
    put_quoted_list(&c->r->text, names, n);
    add(c, misfit(c));
}

static void check_dependent_names(struct check *c, hc_str name, const struct hc_val *wanted)
{
    hc_str *names;
    size_t n = missing(c, wanted, &names);
    if (!n)
        return;
    hc_buf_puts(say(c), "properties ");
    put_quoted_list(&c->r->text, names, n);
    hc_buf_puts(&c->r->text, " required, if ");
    hc_schema_quote(&c->r->text, name);
    hc_buf_puts(&c->r->text, " exists");
    add(c, misfit(c));
}

static void check_dependencies(struct check *c, enum hc_keyword k)
{
    const struct hc_val *deps = c->s->kw[k];
    for (size_t i = 0; i < hc_map_len(deps); i++) {
        const struct hc_entry *e = hc_map_at(deps, i);
        if (!hc_map_find(c->v, e->key))
            continue;
        if (hc_is_list(e->val))
            check_dependent_names(c, e->key, e->val);
        else if (k != K_DEPENDENT_REQUIRED)
            add(c, on_self(c, sub(c, e->val), false));
    }
}

static bool prepare_name_patterns(struct check *c, const struct hc_val *patterns)
{
    if (!c->s->name_patterns) {
        struct hc_pattern **list = HC_NEW_N(c->r->a, struct hc_pattern *, hc_map_len(patterns) + 1);
        for (size_t i = 0; list && i < hc_map_len(patterns); i++)
            if (!(list[i] = hc_schema_pattern(c->r, hc_map_at(patterns, i)->key)))
                return false;
        c->s->name_patterns = list;
    }
    return c->s->name_patterns != NULL;
}

static void check_properties(struct check *c)
{
    const struct hc_val *properties = c->s->kw[K_PROPERTIES], *patterns = c->s->kw[K_PATTERN_PROPERTIES];
    const struct hc_val *additional = c->s->kw[K_ADDITIONAL_PROPERTIES];
    if (!hc_is_map(patterns) || hc_map_len(patterns) == 0)
        patterns = NULL;
    if ((patterns && !prepare_name_patterns(c, patterns)) || (!properties && !patterns && !additional))
        return;
    hc_str *extra = NULL;
    size_t extra_n = 0, n = hc_map_len(c->v);
    for (size_t i = 0; i < n; i++) {
        const struct hc_entry *e = hc_map_at(c->v, i);
        if ((c->quick && c->first) || c->r->broken != HC_OK)
            return;
        const struct hc_val *node = hc_map_get(properties, e->key);
        bool evaluated = node != NULL;
        if (node)
            add(c, on_property(c, sub(c, node), e));
        for (size_t k = 0; k < hc_map_len(patterns); k++)
            if (fits_pattern(c->r, c->s->name_patterns[k], e->key)) {
                evaluated = true;
                add(c, on_property(c, sub(c, hc_map_at(patterns, k)->val), e));
            }
        if (!evaluated && additional) {
            evaluated = true;
            if (additional->kind != HC_BOOL) {
                add(c, on_property(c, sub(c, additional), e));
            } else if (!additional->b) {
                if (!extra && !(extra = HC_NEW_N(c->r->a, hc_str, n)))
                    return;
                extra[extra_n++] = e->key;
            }
        }
        if (evaluated && c->un.left)
            c->un.left[i] = false;
    }
    if (extra_n) {
        hc_buf_puts(say(c), "additional properties ");
        put_quoted_list(&c->r->text, extra, extra_n);
        hc_buf_puts(&c->r->text, " not allowed");
        add(c, misfit(c));
    }
}

static void check_property_names(struct check *c)
{
    struct hc_schema *s = sub(c, c->s->kw[K_PROPERTY_NAMES]);
    for (size_t i = 0; s && i < hc_map_len(c->v); i++) {
        hc_str name = hc_map_at(c->v, i)->key;
        struct hc_val text = { .kind = HC_STR, .n = (uint32_t)name.n, .s = name.p };
        struct hc_buf outer = c->r->path; /* names are checked as documents of their own */
        hc_buf_init(&c->r->path, 0);
        struct check own = { .r = c->r, .s = s, .v = &text, .scope = { NULL, s, 0 }, .quick = c->quick };
        struct hc_misfit *m = validate(&own);
        hc_buf_done(&c->r->path);
        c->r->path = outer;
        if (!m)
            continue;
        hc_buf_puts(say(c), "invalid propertyName ");
        hc_schema_quote(&c->r->text, name);
        struct hc_misfit *top = misfit(c);
        if (top != &quick_misfit && m->group) {
            top->causes = m->causes;
            top->last = m->last;
        } else {
            add_cause(top, m);
        }
        add(c, top);
    }
}

static void check_map(struct check *c)
{
    int64_t n = (int64_t)hc_map_len(c->v), want;
    if (count_of(c, K_MIN_PROPERTIES, &want) && n < want)
        add_counts(c, "minProperties", n, want);
    if (count_of(c, K_MAX_PROPERTIES, &want) && n > want)
        add_counts(c, "maxProperties", n, want);
    check_required(c);
    if (c->quick && c->first)
        return;
    check_dependencies(c, K_DEPENDENCIES);
    check_properties(c);
    check_property_names(c);
    check_dependencies(c, K_DEPENDENT_SCHEMAS);
    check_dependencies(c, K_DEPENDENT_REQUIRED);
}

/* ---- combinations -------------------------------------------------------------------------------- */

static void check_all_of(struct check *c, const struct hc_val *list)
{
    struct hc_misfit head = { 0 };
    bool failed = false;
    for (size_t i = 0; i < hc_list_len(list); i++) {
        struct hc_misfit *m = on_self(c, sub(c, hc_list_at(list, i)), false);
        failed |= m != NULL;
        add_cause(&head, m);
        if (m && c->quick)
            break;
    }
    if (!failed)
        return;
    struct hc_misfit *m = said(c, "'allOf' failed");
    if (m != &quick_misfit) {
        m->causes = head.causes;
        m->last = head.last;
    }
    add(c, m);
}

static void check_any_of(struct check *c, const struct hc_val *list)
{
    struct hc_misfit head = { 0 };
    bool matched = false;
    for (size_t i = 0; i < hc_list_len(list); i++) {
        struct hc_misfit *m = on_self(c, sub(c, hc_list_at(list, i)), false);
        if (m) {
            add_cause(&head, m);
            continue;
        }
        matched = true;
        if (un_empty(&c->un))
            break;
    }
    if (matched)
        return;
    struct hc_misfit *m = said(c, "'anyOf' failed");
    if (m != &quick_misfit) {
        m->causes = head.causes;
        m->last = head.last;
    }
    add(c, m);
}

static void check_one_of(struct check *c, const struct hc_val *list)
{
    struct hc_misfit head = { 0 };
    int64_t matched = -1;
    for (size_t i = 0; i < hc_list_len(list); i++) {
        struct hc_misfit *m = on_self(c, sub(c, hc_list_at(list, i)), matched != -1);
        if (m) {
            if (matched == -1)
                add_cause(&head, m);
        } else if (matched == -1) {
            matched = (int64_t)i;
        } else {
            struct hc_buf *b = say(c);
            hc_buf_puts(b, "'oneOf' failed, subschemas ");
            hc_schema_put_int(b, matched);
            hc_buf_puts(b, ", ");
            hc_schema_put_int(b, (int64_t)i);
            hc_buf_puts(b, " matched");
            add(c, misfit(c));
            break;
        }
    }
    if (matched != -1)
        return;
    struct hc_misfit *m = said(c, "'oneOf' failed, none matched");
    if (m != &quick_misfit) {
        m->causes = head.causes;
        m->last = head.last;
    }
    add(c, m);
}

static void check_combinations(struct check *c)
{
    const struct hc_val *const *kw = c->s->kw;
    if (kw[K_NOT] && !on_self(c, sub(c, kw[K_NOT]), true) && c->r->broken == HC_OK)
        add(c, said(c, "'not' failed"));
    if (hc_list_len(kw[K_ALL_OF]))
        check_all_of(c, kw[K_ALL_OF]);
    if (hc_list_len(kw[K_ANY_OF]))
        check_any_of(c, kw[K_ANY_OF]);
    if (hc_list_len(kw[K_ONE_OF]))
        check_one_of(c, kw[K_ONE_OF]);
    if (kw[K_IF]) {
        bool fits = on_self(c, sub(c, kw[K_IF]), true) == NULL;
        const struct hc_val *then = fits ? kw[K_THEN] : kw[K_ELSE];
        if (then)
            add(c, on_self(c, sub(c, then), false));
    }
}

static void check_unevaluated(struct check *c)
{
    enum hc_keyword k = hc_is_map(c->v) ? K_UNEVALUATED_PROPERTIES : K_UNEVALUATED_ITEMS;
    if (!c->s->kw[k] || (!hc_is_map(c->v) && !hc_is_list(c->v)))
        return;
    struct hc_schema *s = sub(c, c->s->kw[k]);
    for (uint32_t i = 0; c->un.left && i < c->un.n; i++)
        if (c->un.left[i])
            add(c, hc_is_map(c->v) ? on_property(c, s, hc_map_at(c->v, i)) : on_item(c, s, i));
    c->un = (struct uneval){ 0 };
}

/* ---- one value, one schema ----------------------------------------------------------------------- */

static bool in_circle(const struct check *c)
{
    for (const struct scope *up = c->scope.up; up && up->value_id == c->scope.value_id; up = up->up)
        if (up->s == c->s)
            return true;
    return false;
}

/* Keywords that end the check of the value. */
static struct hc_misfit *first_keywords(struct check *c)
{
    const struct hc_val *const *kw = c->s->kw;
    unsigned type = type_of(c->v);
    if (c->s->types && !(c->s->types & type) &&
        !(type == HC_T_NUMBER && (c->s->types & HC_T_INTEGER) && is_whole(c->v)))
        return wrong_type(c, type);
    if (kw[K_CONST] && !hc_val_equal(c->v, kw[K_CONST])) {
        if (type_of(kw[K_CONST]) & (HC_T_ARRAY | HC_T_OBJECT))
            return said(c, "'const' failed");
        hc_buf_puts(say(c), "value must be ");
        hc_schema_display(&c->r->text, kw[K_CONST]);
        return misfit(c);
    }
    if (hc_is_list(kw[K_ENUM]) && !in_list(kw[K_ENUM], c->v))
        return not_in_enum(c, kw[K_ENUM]);
    if (hc_is_str(kw[K_FORMAT]) && type == HC_T_STRING) {
        HC_AUTO(hc_buf) struct hc_buf why;
        hc_buf_init(&why, 0);
        if (!hc_schema_format(c->r, hc_get_str(kw[K_FORMAT]), hc_get_str(c->v), &why)) {
            hc_schema_quote(say(c), hc_get_str(c->v));
            hc_buf_printf(&c->r->text, " is not valid %.*s: %.*s", HC_P(hc_get_str(kw[K_FORMAT])),
                          HC_P(hc_buf_str(&why)));
            return misfit(c);
        }
    }
    return NULL;
}

static struct hc_misfit *run(struct check *c)
{
    if (c->s->always >= 0)
        return c->s->always ? NULL : said(c, "false schema");
    if (in_circle(c))
        return said(c, "a schema refers to itself for the same value, causing reference cycle");
    struct hc_misfit *m = first_keywords(c);
    if (m)
        return m;
    if (hc_is_str(c->s->kw[K_REF])) {
        m = on_ref(c, K_REF);
        if (c->s->draft < 2019)
            return m;
        add(c, m);
    }
    switch (type_of(c->v)) {
    case HC_T_OBJECT:
        check_map(c);
        break;
    case HC_T_ARRAY:
        check_list(c);
        break;
    case HC_T_STRING:
        check_string(c);
        break;
    case HC_T_NUMBER:
        check_number(c);
        break;
    default:
        break;
    }
    if (!c->first || !c->quick) {
        for (enum hc_keyword k = K_DYNAMIC_REF; k <= K_RECURSIVE_REF; k++)
            if (hc_is_str(c->s->kw[k]))
                add(c, on_ref(c, k));
        check_combinations(c);
        check_unevaluated(c);
    }
    if (!c->first || c->quick || !c->first->next)
        return c->first;
    struct hc_misfit *group = said(c, "validation failed");
    if (group != &quick_misfit) {
        group->group = true;
        group->causes = c->first;
        group->last = c->last;
    }
    return group;
}

static struct hc_misfit *validate(struct check *c)
{
    struct hc_schema_run *r = c->r;
    if (r->broken != HC_OK)
        return NULL;
    take_steps(r, STEPS_SCHEMA);
    if (++r->depth > MAX_DEPTH) {
        r->broken = hc_fail(r->err, HC_E_LIMIT, "values.schema.json leads deeper than %d schemas", MAX_DEPTH);
        return NULL;
    }
    struct hc_misfit *m = run(c);
    r->depth--;
    return m;
}

struct hc_misfit *hc_schema_validate(struct hc_schema_run *r, struct hc_schema *s, const struct hc_val *v)
{
    struct check c = { .r = r, .s = s, .v = v, .scope = { NULL, s, 0 }, .un = un_from(r, v, s, false) };
    struct hc_misfit *m = validate(&c);
    return r->broken == HC_OK ? m : NULL;
}
