/*
 * A key that was not read in this render is not wrong yet: most charts have parts that are switched off. It is unknown
 * only when the chart's defaults do not have it, no template mentions its name anywhere, and it stands where keys have
 * names the chart chose: at the top, in a map whose default keys templates mention, or beside keys that were read one
 * by one. (The keys of annotations, node selectors and the like are the user's own.)
 */
#include "templating/render/unread.h"

#include "core/value/fieldpath.h"

enum { MAX_DEFAULTS = 18, MAX_DEPTH = 200 };

/* What charts say by themselves about the place at hand. */
struct defaults {
    const struct hc_val *list[MAX_DEFAULTS];
    size_t n;
};

struct finder {
    struct hc_arena *a;
    struct hc_trace *t;
    const struct hc_origins *origins;
    struct hc_val *tags; /* whose keys are all that a dependency has, at any depth */
    struct hc_unread *list;
    size_t n, cap;
};

/* ---- what dependencies consume ------------------------------------------------------------------------- */

static const struct hc_val *value_at(struct hc_arena *a, const struct hc_val *values, hc_str path)
{
    struct hc_field f;
    return hc_field_find(a, values, path, &f, NULL, NULL) == HC_OK ? f.val : NULL;
}

static void consume_dep(struct finder *f, const struct hc_chart_dep *dep, const struct hc_val *values)
{
    hc_str rest = dep->condition, path, name = dep->alias.n ? dep->alias : dep->name;
    while (rest.p && hc_str_split(&rest, ',', &path))
        hc_trace_mark_read(f->t, value_at(f->a, values, hc_str_trim(path)));
    for (size_t i = 0; i < hc_list_len(dep->import_values); i++) {
        const struct hc_val *iv = hc_list_at(dep->import_values, i);
        hc_str child = hc_is_map(iv) ? hc_get_str(hc_map_getz(iv, "child")) : hc_get_str(iv);
        hc_str at = hc_arena_printf(f->a, hc_is_map(iv) ? "%.*s.%.*s" : "%.*s.exports.%.*s", HC_P(name),
                                    HC_P(child));
        hc_trace_mark_read(f->t, value_at(f->a, values, at));
    }
}

/* Also of charts that are not enabled. */
static void find_tags(struct finder *f, const struct hc_chart *c)
{
    for (size_t i = 0; i < c->deps_n; i++)
        for (size_t k = 0; k < hc_list_len(c->deps[i].tags); k++)
            hc_map_put_ref(f->a, f->tags, hc_get_str(hc_list_at(c->deps[i].tags, k)), hc_null_val(f->a));
    for (size_t i = 0; i < c->subs_n; i++)
        find_tags(f, c->subs[i]);
}

static void consume(struct finder *f, const struct hc_overlay_chart *c)
{
    const struct hc_val *tags = hc_map_getz(c->values, "tags");
    for (size_t i = 0; i < hc_map_len(f->tags); i++)
        hc_trace_mark_read(f->t, hc_map_get(tags, hc_map_at(f->tags, i)->key));
    for (size_t i = 0; i < c->chart->deps_n; i++)
        consume_dep(f, &c->chart->deps[i], c->values);
    for (size_t i = 0; i < c->subs_n; i++)
        consume(f, c->subs[i]);
}

/* ---- one key ------------------------------------------------------------------------------------------- */

static bool is_user(const struct finder *f, const struct hc_val *v)
{
    const struct hc_origin *o = hc_origins_get(f->origins, v->origin);
    return o && o->layer != HC_LAYER_CHART && o->layer != HC_LAYER_PARENT;
}

/* Counts leaves below: those of the user that were not read, and all others. */
static void count(const struct finder *f, const struct hc_val *v, size_t *unread, size_t *others, int depth)
{
    if (depth > MAX_DEPTH)
        return;
    for (size_t i = 0; i < hc_list_len(v); i++)
        count(f, hc_list_at(v, i), unread, others, depth + 1);
    for (size_t i = 0; i < hc_map_len(v); i++)
        count(f, hc_map_at(v, i)->val, unread, others, depth + 1);
    if (hc_list_len(v) || hc_map_len(v))
        return;
    if (is_user(f, v) && !hc_trace_was_read(f->t, v))
        ++*unread;
    else
        ++*others;
}

static struct defaults below(const struct defaults *d, hc_str key)
{
    struct defaults to = { .n = 0 };
    for (size_t i = 0; i < d->n; i++) {
        const struct hc_val *v = hc_map_get(d->list[i], key);
        if (v)
            to.list[to.n++] = v;
    }
    return to;
}

static struct defaults first_item(const struct defaults *d)
{
    struct defaults to = { .n = 0 };
    for (size_t i = 0; i < d->n; i++)
        if (hc_list_len(d->list[i]))
            to.list[to.n++] = hc_list_at(d->list[i], 0);
    return to;
}

/* Whether the keys beside it are names that the chart chose. */
static bool has_chosen_keys(const struct finder *f, const struct defaults *d, const struct hc_val *map)
{
    if (hc_trace_was_asked(f->t, map))
        return true;
    for (size_t i = 0; i < d->n; i++)
        for (size_t k = 0; k < hc_map_len(d->list[i]); k++)
            if (hc_trace_mentions(f->t, hc_map_at(d->list[i], k)->key))
                return true;
    for (size_t k = 0; k < hc_map_len(map); k++) {
        const struct hc_entry *e = hc_map_at(map, k);
        if (hc_trace_was_read(f->t, e->val) && hc_trace_mentions(f->t, e->key))
            return true;
    }
    return false;
}

static void nearest_in(hc_str key, const struct hc_val *map, hc_str *best, unsigned *least)
{
    for (size_t k = 0; k < hc_map_len(map); k++) {
        hc_str other = hc_map_at(map, k)->key;
        unsigned d = hc_name_distance(key, other);
        if (d < *least && d > 0 && hc_name_near(key, other)) {
            *least = d;
            *best = other;
        }
    }
}

static struct hc_unread *add(struct finder *f)
{
    if (f->n == f->cap) {
        size_t cap = f->cap ? f->cap * 2 : 16;
        struct hc_unread *list = HC_NEW_N(f->a, struct hc_unread, cap);
        if (!list)
            return NULL;
        if (f->n)
            memcpy(list, f->list, f->n * sizeof(*list));
        f->list = list;
        f->cap = cap;
    }
    f->list[f->n] = (struct hc_unread){ 0 };
    return &f->list[f->n++];
}

struct place {
    const struct hc_overlay_chart *chart; /* whose templates see it */
    const struct hc_val *map;             /* effective; NULL: an item of a list */
    const struct defaults *defaults;
    hc_str path;
    bool top; /* the map is all of that chart's values */
};

static bool is_disabled_chart(const struct hc_overlay_chart *c, hc_str key)
{
    for (size_t i = 0; i < c->chart->deps_n; i++) {
        const struct hc_chart_dep *d = &c->chart->deps[i];
        if (hc_str_eq(d->alias.n ? d->alias : d->name, key))
            return true;
    }
    return false;
}

static void judge(struct finder *f, const struct place *p, hc_str key, hc_str path, const struct hc_val *v)
{
    struct hc_unread *u = add(f);
    if (!u)
        return;
    *u = (struct hc_unread){ .path = path, .key = key, .v = v };
    struct defaults own = below(p->defaults, key);
    if (own.n) {
        u->why = hc_trace_mentions(f->t, key) ? HC_S("the chart has it, and did not need it with these values")
                                              : HC_S("the chart's defaults have it, and no template uses it");
    } else if (p->top && is_disabled_chart(p->chart, key)) {
        u->why = HC_S("the sub-chart is not enabled");
    } else if (hc_trace_mentions(f->t, key)) {
        u->why = HC_S("templates have the name, and did not come to it with these values");
    } else if (p->top || has_chosen_keys(f, p->defaults, p->map)) {
        hc_str best = { NULL, 0 };
        unsigned least = UINT32_MAX;
        for (size_t i = 0; i < p->defaults->n; i++)
            nearest_in(key, p->defaults->list[i], &best, &least);
        nearest_in(key, p->map, &best, &least);
        if (!best.p)
            best = hc_trace_nearest(f->t, key);
        u->unknown = true;
        if (best.p)
            u->meant = hc_field_path_key(f->a, p->path, best);
    } else {
        u->why = HC_S("what it is part of was not used with these values");
    }
}

static void walk(struct finder *f, const struct place *p, const struct hc_val *v, hc_str key, hc_str path,
                 struct defaults defaults, int depth);

static const struct hc_overlay_chart *sub_of(const struct hc_overlay_chart *c, hc_str key)
{
    for (size_t i = 0; i < c->subs_n; i++)
        if (hc_str_eq(c->subs[i]->name, key))
            return c->subs[i];
    return NULL;
}

/* Tags that no dependency has, and no template reads. */
static void walk_tags(struct finder *f, const struct hc_val *tags, hc_str path, const struct defaults *defaults)
{
    for (size_t i = 0; i < hc_map_len(tags); i++) {
        const struct hc_entry *e = hc_map_at(tags, i);
        size_t unread = 0, others = 0;
        count(f, e->val, &unread, &others, 0);
        struct hc_unread *u = unread ? add(f) : NULL;
        if (!u)
            continue;
        hc_str best = { NULL, 0 };
        unsigned least = UINT32_MAX;
        nearest_in(e->key, f->tags, &best, &least);
        *u = (struct hc_unread){ .path = hc_field_path_key(f->a, path, e->key), .key = e->key, .v = e->val };
        u->unknown = !below(defaults, e->key).n;
        u->why = HC_S("the chart's defaults have it, and no dependency has the tag");
        if (best.p)
            u->meant = hc_field_path_key(f->a, path, best);
    }
}

static void walk_map(struct finder *f, const struct hc_overlay_chart *chart, const struct hc_val *map, hc_str path,
                     const struct defaults *defaults, bool top, int depth)
{
    const struct place p = { chart, map, defaults, path, top };
    for (size_t i = 0; i < hc_map_len(map); i++) {
        const struct hc_entry *e = hc_map_at(map, i);
        hc_str at = hc_field_path_key(f->a, path, e->key);
        struct defaults d = below(defaults, e->key);
        const struct hc_overlay_chart *sub = top ? sub_of(chart, e->key) : NULL;
        if (top && hc_str_eqz(e->key, "tags") && hc_is_map(e->val) && hc_map_len(f->tags)) {
            walk_tags(f, e->val, at, &d);
        } else if (sub && hc_is_map(e->val)) {
            if (d.n < MAX_DEFAULTS)
                d.list[d.n++] = sub->chart->values;
            walk_map(f, sub, e->val, at, &d, true, depth + 1);
        } else {
            walk(f, &p, e->val, e->key, at, d, depth);
        }
    }
}

static void walk(struct finder *f, const struct place *p, const struct hc_val *v, hc_str key, hc_str path,
                 struct defaults defaults, int depth)
{
    size_t unread = 0, others = 0;
    count(f, v, &unread, &others, 0);
    if (!unread || depth > MAX_DEPTH)
        return;
    /* Globals of a sub-chart are those of the top, and were looked at there. */
    if (p->top && p->chart->parent && hc_str_eqz(key, "global"))
        return;
    bool known = defaults.n > 0 || hc_trace_was_asked(f->t, v); /* then what is in it is judged */
    if (!others && (!known || (!hc_map_len(v) && !hc_list_len(v)))) {
        judge(f, p, key, path, v);
        return;
    }
    if (hc_is_map(v)) {
        walk_map(f, p->chart, v, path, &defaults, false, depth + 1);
        return;
    }
    struct defaults item = first_item(&defaults);
    for (size_t i = 0; i < hc_list_len(v); i++) {
        const struct hc_val *one = hc_list_at(v, i);
        hc_str at = hc_field_path_item(f->a, path, i);
        if (hc_is_map(one))
            walk_map(f, p->chart, one, at, &item, false, depth + 1);
        else
            walk(f, p, one, key, at, defaults, depth + 1);
    }
}

enum hc_rc hc_unread_find(struct hc_arena *a, struct hc_trace *t, const struct hc_origins *origins,
                          const struct hc_render_output *out, struct hc_unread **list, size_t *n,
                          struct hc_err *err)
{
    struct finder f = { .a = a, .t = t, .origins = origins, .tags = hc_map_new(a) };
    find_tags(&f, out->charts->chart);
    const struct defaults defaults = { .list = { out->charts->chart->values }, .n = 1 };
    consume(&f, out->charts);
    walk_map(&f, out->charts, out->values, HC_S(""), &defaults, true, 0);
    *list = f.list;
    *n = f.n;
    return hc_arena_check(a, err, "values");
}
