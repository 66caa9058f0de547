/*
 * What each layer said about one value: user input from the last flag down to the first file, then the defaults of the
 * chart, then those of the sub-chart the value belongs to (which its parents may override in their own values.yaml).
 */
#include "core/value/fieldpath.h"
#include "templating/overlay/overlay_impl.h"

struct collector {
    struct hc_arena *a;
    struct hc_said *list;
    size_t n, cap;
};

static struct hc_said *add(struct collector *c)
{
    if (c->n == c->cap) {
        size_t cap = c->cap ? c->cap * 2 : 8;
        struct hc_said *list = HC_NEW_N(c->a, struct hc_said, cap);
        if (!list)
            return NULL;
        if (c->n)
            memcpy(list, c->list, c->n * sizeof(*list));
        c->list = list;
        c->cap = cap;
    }
    c->list[c->n] = (struct hc_said){ 0 };
    return &c->list[c->n++];
}

/* The value at the path, or the null above it that takes it away. */
static const struct hc_val *look(struct hc_arena *a, const struct hc_val *tree, hc_str path, bool *out_null_above)
{
    struct hc_field f;
    struct hc_field_way way = { .n = 0 };
    *out_null_above = false;
    if (hc_field_find(a, tree, path, &f, &way, NULL) == HC_OK)
        return f.val;
    for (hc_str up = path; up.n;) {
        size_t dot = hc_str_rfind(up, '.');
        up = hc_str_sub(up, 0, dot == SIZE_MAX ? 0 : dot);
        if (up.n && hc_field_find(a, tree, up, &f, NULL, NULL) == HC_OK) {
            *out_null_above = hc_is_null(f.val);
            return *out_null_above ? f.val : NULL;
        }
    }
    return NULL;
}

static void say(struct collector *c, const struct hc_val *tree, hc_str path, enum hc_layer layer, hc_str name,
                hc_str chart)
{
    bool null_above;
    const struct hc_val *v = look(c->a, tree, path, &null_above);
    struct hc_said *s = v ? add(c) : NULL;
    if (s)
        *s = (struct hc_said){ layer, name, chart, v, false, hc_is_null(v) };
}

/* "charts/redis/values.yaml", as the origins of defaults are named. */
static hc_str values_file(struct hc_arena *a, const struct hc_chart *chart)
{
    const struct hc_chart *top = chart;
    while (top->parent)
        top = top->parent;
    hc_str path = hc_chart_path(a, chart);
    const hc_str parts[] = { hc_str_sub(path, top->name.n + 1, path.n), chart == top ? HC_S("") : HC_S("/"),
                             HC_S("values.yaml") };
    return hc_arena_cat(a, HC_LEN(parts), parts);
}

/* The first key of a path and what is behind it. */
static hc_str split_key(hc_str path, hc_str *rest)
{
    size_t end = 0;
    while (end < path.n && path.p[end] != '.' && path.p[end] != '[')
        end++;
    *rest = hc_str_sub(path, end + (end < path.n && path.p[end] == '.'), path.n);
    return hc_str_sub(path, 0, end);
}

static void say_charts(struct collector *c, const struct hc_overlay_chart *chart, hc_str path)
{
    hc_str rest, key = split_key(path, &rest);
    say(c, chart->chart->values, path, chart->parent ? HC_LAYER_PARENT : HC_LAYER_CHART,
        values_file(c->a, chart->chart), chart->name);
    for (size_t i = 0; i < chart->subs_n && rest.n; i++)
        if (hc_str_eq(chart->subs[i]->name, key))
            say_charts(c, chart->subs[i], rest);
}

static void say_all(struct collector *c, const struct hc_overlay_chart *root, const struct hc_layers *layers,
                    const struct hc_origins *origins, hc_str path)
{
    for (size_t i = layers ? layers->n : 0; i-- > 0;) {
        const struct hc_origin *o = hc_origins_get(origins, layers->list[i].origin);
        if (o)
            say(c, layers->list[i].tree, path, o->layer, o->name, (hc_str){ NULL, 0 });
    }
    say_charts(c, root, path);
}

size_t hc_values_said(struct hc_arena *a, const struct hc_overlay_chart *root, const struct hc_layers *layers,
                      const struct hc_origins *origins, hc_str path, const struct hc_val *is, struct hc_said **out)
{
    struct collector c = { .a = a };
    const struct hc_origin *o = is ? hc_origins_get(origins, is->origin) : NULL;
    size_t global = hc_str_find_str(path, HC_S(".global."));
    if (global != SIZE_MAX)
        say_all(&c, root, layers, origins, hc_str_sub(path, global + 1, path.n));
    say_all(&c, root, layers, origins, path);
    bool found = false;
    for (size_t i = 0; i < c.n && o && !found; i++) {
        struct hc_said *s = &c.list[i];
        found = s->won = hc_str_eq(s->name, o->name) && s->v->line == is->line && s->v->col == is->col;
    }
    if (o && !found) {
        struct hc_said *s = add(&c);
        if (!s)
            return 0;
        memmove(c.list + 1, c.list, (c.n - 1) * sizeof(*s));
        c.list[0] = (struct hc_said){ o->layer, o->name, { NULL, 0 }, is, true, false };
        c.list[0].imported = o->layer == HC_LAYER_CHART;
    }
    *out = c.list;
    return c.n;
}
