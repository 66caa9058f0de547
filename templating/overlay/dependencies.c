/*
 * Which charts take part, under which names, and what they hand up to their parents (D5).
 *
 * Helm changes the chart it works on; here the same steps work on a tree of nodes, which have in common what Helm's charts
 * have in common. Values are coalesced for
 * conditions and tags only when a chart in question has some. Defaults are merged upwards even where nothing is
 * imported: nulls and globals come out differently then (D5.6).
 */
#include "core/base/limits.h"
#include "core/base/semver.h"
#include "core/value/json.h"
#include "templating/overlay/overlay_impl.h"

/* ---- enabling ------------------------------------------------------------------------------------ */

static bool fits(struct hc_process *p, hc_str range, hc_str version)
{
    struct hc_semver v;
    struct hc_semrange *r = NULL;
    if (hc_semver_parse(version, &v, NULL) != HC_OK)
        return false;
    enum hc_rc rc = hc_semrange_parse(p->a, range, &r, NULL);
    p->no_memory |= rc == HC_E_NOMEM;
    return rc == HC_OK && hc_semrange_fits(r, &v);
}

/* A chart as it was loaded, with all below it. NULL: no memory. */
static struct hc_node *node_new(struct hc_process *p, const struct hc_chart *chart, struct hc_node *parent)
{
    struct hc_node *n = HC_NEW(p->keep, struct hc_node);
    struct hc_node_deps *deps = HC_NEW(p->keep, struct hc_node_deps);
    struct hc_node_dep *entries = HC_NEW_N(p->keep, struct hc_node_dep, chart->deps_n + 1);
    if (!n || !deps || !entries)
        return NULL;
    n->chart = chart;
    n->name = chart->name;
    n->parent = parent;
    n->values = chart->values;
    if (p->origins && chart->values) {
        const struct hc_chart *top = chart;
        while (top->parent)
            top = top->parent;
        hc_str path = hc_chart_path(p->keep, chart);
        const hc_str parts[] = { hc_str_sub(path, top->name.n + 1, path.n), chart == top ? HC_S("") : HC_S("/"),
                                 HC_S("values.yaml") };
        const struct hc_origin origin = { HC_LAYER_CHART, hc_arena_cat(p->keep, 3, parts), { NULL, 0 } };
        n->values = hc_val_clone(p->keep, chart->values);
        hc_val_set_origin(n->values, hc_origins_add(p->origins, &origin));
    }
    n->deps = deps;
    deps->there = chart->deps_listed;
    deps->list = HC_NEW_N(p->keep, struct hc_node_dep *, chart->deps_n + 1);
    n->subs = HC_NEW_N(p->keep, struct hc_node *, chart->subs_n + 1);
    if (!deps->list || !n->subs)
        return NULL;
    for (size_t k = 0; k < chart->deps_n; k++) {
        entries[k].d = chart->deps[k];
        deps->list[deps->n++] = &entries[k];
    }
    for (size_t i = 0; i < chart->subs_n; i++)
        if (!(n->subs[n->subs_n++] = node_new(p, chart->subs[i], n)))
            return NULL;
    return n;
}

/*
 * Helm's copy of a chart for one dependency. In Helm 3 it has the list of dependencies to itself, but neither the entries
 * (the second copy meets the names that the first one left there) nor the charts below, which go on to call the loaded
 * chart their parent. In Helm 4 it has its own entries, and of the charts directly below copies that call it their
 * parent; what those hold is again in common.
 */
static struct hc_node *nodes_copy(struct hc_process *p, const struct hc_node *from)
{
    struct hc_node *n = HC_NEW(p->keep, struct hc_node);
    struct hc_node_deps *deps = HC_NEW(p->keep, struct hc_node_deps);
    if (!n || !deps)
        return NULL;
    *n = *from;
    *deps = *from->deps;
    n->deps = deps;
    if (p->helm3)
        return n;
    deps->list = HC_NEW_N(p->keep, struct hc_node_dep *, deps->n + 1);
    n->subs = HC_NEW_N(p->keep, struct hc_node *, n->subs_n + 1);
    for (size_t k = 0; deps->list && k < deps->n; k++) {
        if (!(deps->list[k] = HC_NEW(p->keep, struct hc_node_dep)))
            return NULL;
        *deps->list[k] = *from->deps->list[k];
    }
    for (size_t i = 0; n->subs && i < n->subs_n; i++) {
        if (!(n->subs[i] = HC_NEW(p->keep, struct hc_node)))
            return NULL;
        *n->subs[i] = *from->subs[i];
        n->subs[i]->parent = n;
    }
    return deps->list && n->subs ? n : NULL;
}

/* The charts below, before anything is disabled: those no dependency names, then one per dependency. */
static enum hc_rc list_subs(struct hc_process *p, struct hc_node *node)
{
    struct hc_node_deps *deps = node->deps;
    struct hc_node **subs = HC_NEW_N(p->keep, struct hc_node *, node->subs_n + deps->n + 1);
    size_t n = 0;
    for (size_t i = 0; subs && i < node->subs_n; i++) {
        struct hc_node *sub = node->subs[i];
        bool named = false;
        for (size_t k = 0; k < deps->n && !named; k++)
            named = hc_str_eq(sub->name, deps->list[k]->d.name) &&
                    fits(p, deps->list[k]->d.version, sub->chart->version);
        if (!named)
            subs[n++] = sub;
    }
    for (size_t k = 0; subs && k < deps->n; k++) {
        struct hc_chart_dep *dep = &deps->list[k]->d;
        for (size_t i = 0; i < node->subs_n; i++) {
            if (!hc_str_eq(node->subs[i]->name, dep->name) || !fits(p, dep->version, node->subs[i]->chart->version))
                continue;
            struct hc_node *sub = nodes_copy(p, node->subs[i]);
            if (!sub)
                return hc_arena_check(p->keep, p->err, "chart dependencies");
            if (dep->alias.n)
                sub->name = dep->alias;
            subs[n++] = sub;
            break;
        }
        if (dep->alias.n)
            dep->name = dep->alias;
        dep->enabled = true;
    }
    if (p->no_memory)
        return hc_fail_nomem(p->err);
    for (size_t i = 0; i < n; i++)
        subs[i]->parent = node;
    node->subs = subs;
    node->subs_n = n;
    return hc_arena_check(p->keep, p->err, "chart dependencies");
}

static void no_bool(struct hc_process *p, const char *helm3, const char *key, hc_str what,
                    const struct hc_chart_dep *dep)
{
    const struct hc_log_pair pairs[] = { { key, " '", "'", what },
                                         { "chart", " for chart ", " returned non-bool value", dep->name } };
    hc_process_log(p, helm3, "returned non-bool value", pairs, HC_LEN(pairs));
}

static void apply_tags(struct hc_process *p, struct hc_node *node, const struct hc_val *values)
{
    const struct hc_val *tags = hc_map_getz(values, "tags");
    if (!hc_is_map(tags))
        return;
    for (size_t k = 0; k < node->deps->n; k++) {
        struct hc_chart_dep *dep = &node->deps->list[k]->d;
        bool has_true = false, has_false = false;
        for (size_t i = 0; i < hc_list_len(dep->tags); i++) {
            hc_str tag = hc_get_str(hc_list_at(dep->tags, i));
            const struct hc_val *v = hc_map_get(tags, tag);
            if (!v)
                continue;
            if (v->kind != HC_BOOL)
                no_bool(p, "dependencies.go:95: Warning: Tag", "tag", tag, dep);
            else if (v->b)
                has_true = true;
            else
                has_false = true;
        }
        dep->enabled = has_true || !has_false;
    }
}

/* The value at a path that is no table, or NULL. */
static const struct hc_val *path_value(const struct hc_val *values, hc_str path)
{
    size_t dot = hc_str_rfind(path, '.');
    const struct hc_val *table = values;
    hc_str key = path;
    if (dot != SIZE_MAX) {
        table = hc_values_table(values, hc_str_sub(path, 0, dot));
        key = hc_str_sub(path, dot + 1, path.n);
    }
    const struct hc_val *v = hc_map_get(table, key);
    return hc_is_map(v) ? NULL : v;
}

static void apply_conditions(struct hc_process *p, struct hc_node *node, const struct hc_val *values, hc_str prefix)
{
    for (size_t k = 0; k < node->deps->n; k++) {
        struct hc_chart_dep *dep = &node->deps->list[k]->d;
        hc_str rest = hc_str_trim(dep->condition), path;
        while (rest.p && hc_str_split(&rest, ',', &path)) {
            if (path.n == 0)
                continue;
            const hc_str parts[] = { prefix, path };
            const struct hc_val *v = path_value(values, hc_arena_cat(p->a, 2, parts));
            if (v && v->kind == HC_BOOL) {
                dep->enabled = v->b;
                break;
            }
            if (v)
                no_bool(p, "dependencies.go:64: Warning: Condition path", "path", path, dep);
        }
    }
}

/* Whether this chart or one below it looks values up. */
static bool asks_values(const struct hc_chart *c)
{
    if (!c->deps_listed)
        return false;
    for (size_t k = 0; k < c->deps_n; k++)
        if (hc_list_len(c->deps[k].tags) || hc_str_trim(c->deps[k].condition).n)
            return true;
    for (size_t i = 0; i < c->subs_n; i++)
        if (asks_values(c->subs[i]))
            return true;
    return false;
}

/* What may be laid over a chart's values while its dependencies are looked at: of the user and of the charts above. */
struct above {
    const struct hc_val *maps[32];
    size_t n;
};

static void put_above(struct above *a, const struct hc_val *map)
{
    if (hc_map_len(map) && a->n < HC_LEN(a->maps))
        a->maps[a->n++] = map;
}

static bool no_table_in(const struct above *a, hc_str name)
{
    for (size_t i = 0; i < a->n; i++) {
        const struct hc_entry *e = hc_map_find(a->maps[i], name);
        if (e && !hc_is_map(e->val))
            return true;
    }
    return a->n == HC_LEN(a->maps); /* more than were kept */
}

/*
 * Whether something that is no table may stand where a sub-chart's section is: the first coalescing refuses that, the
 * later ones might not see it. Helm lays the values of a chart as they are, not its section of them, over the next one
 * below when it looks at that one's dependencies; so any map above may hold the name.
 */
static bool may_lack_table(const struct hc_chart *c, const struct above *above)
{
    for (size_t k = 0; k < c->deps_n; k++)
        if (c->deps[k].alias.n && no_table_in(above, c->deps[k].alias))
            return true;
    for (size_t i = 0; i < c->subs_n; i++) {
        const struct hc_chart *sub = c->subs[i];
        struct above below = *above;
        if (no_table_in(above, sub->name))
            return true;
        if (sub->subs_n == 0)
            continue;
        for (size_t k = 0; k < above->n; k++)
            put_above(&below, hc_map_get(above->maps[k], sub->name));
        for (size_t d = 0; d < c->deps_n; d++)
            for (size_t k = 0; c->deps[d].alias.n && k < above->n; k++)
                put_above(&below, hc_map_get(above->maps[k], c->deps[d].alias));
        put_above(&below, sub->values);
        if (may_lack_table(sub, &below))
            return true;
    }
    return false;
}

static bool is_disabled(const struct hc_node_deps *deps, hc_str name)
{
    for (size_t k = 0; k < deps->n; k++)
        if (!deps->list[k]->d.enabled && hc_str_eq(deps->list[k]->d.name, name))
            return true;
    return false;
}

/* What is disabled goes; `out_deps` gets the list to come. An entry goes when any entry of its name is disabled. */
static bool drop_disabled(struct hc_process *p, struct hc_node *node, struct hc_node_deps *out_deps)
{
    struct hc_node_deps kept = { HC_NEW_N(p->keep, struct hc_node_dep *, node->deps->n + 1), 0, false };
    size_t subs = 0;
    if (!kept.list)
        return false;
    for (size_t i = 0; i < node->subs_n; i++)
        if (!is_disabled(node->deps, node->subs[i]->name))
            node->subs[subs++] = node->subs[i];
    node->subs_n = subs;
    for (size_t k = 0; k < node->deps->n; k++)
        if (!is_disabled(node->deps, node->deps->list[k]->d.name))
            kept.list[kept.n++] = node->deps->list[k];
    kept.there = kept.n > 0; /* an empty one is none from here on, in Helm, too */
    *out_deps = kept;
    return true;
}

/*
 * `above`: the values of the parent, coalesced; NULL when nothing below asks for them and `careful` is not set. Conditions
 * are looked up in those, coalesced once more with this chart's own: that is how Helm lets a chart's defaults enable its
 * parts.
 */
static enum hc_rc enable(struct hc_process *p, struct hc_node *node, const struct hc_val *above, bool careful,
                         hc_str prefix)
{
    if (!node->deps->there)
        return HC_OK;
    enum hc_rc rc = list_subs(p, node);
    struct hc_val *values = NULL;
    if (rc == HC_OK && (careful || asks_values(node->chart))) {
        values = above ? hc_val_copy(p->a, above) : hc_map_new(p->a);
        rc = hc_coalesce(p, node, values, false);
        if (rc == HC_OK) {
            apply_tags(p, node, values);
            apply_conditions(p, node, values, prefix);
        }
    }
    struct hc_node_deps kept = { .n = 0 };
    if (rc == HC_OK && !drop_disabled(p, node, &kept))
        return hc_arena_check(p->keep, p->err, "chart dependencies");
    for (size_t i = 0; rc == HC_OK && i < node->subs_n; i++) {
        const hc_str parts[] = { prefix, node->subs[i]->name, HC_S(".") };
        rc = enable(p, node->subs[i], values, careful, hc_arena_cat(p->a, 3, parts));
    }
    if (rc == HC_OK)
        *node->deps = kept;
    return rc;
}

/* ---- import-values ------------------------------------------------------------------------------- */

/* "a.b" over `data`: {a: {b: data}}. NULL: too deep. */
static struct hc_val *nest(struct hc_process *p, hc_str path, struct hc_val *data)
{
    if (hc_str_eqz(path, "."))
        return data;
    for (unsigned depth = 0; depth < HC_MAX_IMPORT_DEPTH; depth++) {
        size_t dot = hc_str_rfind(path, '.');
        struct hc_val *outer = hc_map_new(p->a);
        hc_map_put(p->a, outer, dot == SIZE_MAX ? path : hc_str_sub(path, dot + 1, path.n), data);
        data = outer;
        if (dot == SIZE_MAX)
            return data;
        path = hc_str_sub(path, 0, dot);
    }
    return NULL;
}

/* Go's %v of a field that should be text. */
static hc_str field_text(struct hc_process *p, const struct hc_val *map, const char *key)
{
    const struct hc_val *v = hc_map_getz(map, key);
    if (hc_is_str(v))
        return hc_get_str(v);
    if (hc_is_null(v))
        return HC_S("<nil>");
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    if (v->kind == HC_FLOAT)
        hc_float_shortest(&b, v->f, 64, 6);
    else
        hc_json_write(&b, v, 0);
    return hc_buf_to_arena(&b, p->a);
}

/* The part of a path at which there is no table. */
static hc_str first_missing(const struct hc_val *v, hc_str path)
{
    hc_str part = path;
    while (hc_str_split(&path, '.', &part)) {
        v = hc_map_get(v, part);
        if (!hc_is_map(v))
            break;
    }
    return part;
}

static void no_table(struct hc_process *p, const struct hc_chart_dep *dep, bool by_map, hc_str part)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    hc_overlay_quote(&b, part);
    hc_buf_puts(&b, " is not a table");
    const struct hc_log_pair pairs[] = { { "chart", " from chart ", "", dep->name },
                                         { "error", ": ", "", hc_buf_str(&b) } };
    hc_process_log(p,
                   by_map ? "dependencies.go:270: Warning: ImportValues missing table"
                          : "dependencies.go:287: Warning: ImportValues missing table",
                   by_map ? "ImportValues missing table from chart" : "ImportValues missing table", pairs + !by_map,
                   by_map ? 2 : 1);
}

/* Whether a map is somewhere in itself. Maps in lists are not looked at: nothing is laid into those. */
static bool holds_itself(const struct hc_val *map, unsigned depth, size_t *left)
{
    if (depth > HC_MAX_VALUES_DEPTH)
        return true;
    for (size_t i = 0; i < hc_map_len(map) && *left; i++) {
        const struct hc_val *v = hc_map_at(map, i)->val;
        if (hc_is_map(v) && --*left && holds_itself(v, depth + 1, left))
            return true;
    }
    return false;
}

static enum hc_rc import_one(struct hc_process *p, struct hc_chart_dep *dep, const struct hc_val *iv,
                             struct hc_val *values, struct hc_val *imported, struct hc_val *shown)
{
    hc_str child, parent = HC_S(".");
    if (hc_is_map(iv)) {
        child = field_text(p, iv, "child");
        parent = field_text(p, iv, "parent");
    } else if (hc_is_str(iv)) {
        const hc_str parts[] = { HC_S("exports."), hc_get_str(iv) };
        child = hc_arena_cat(p->a, 2, parts);
    } else {
        return HC_OK;
    }
    struct hc_val *row = hc_map_new(p->a);
    hc_map_put(p->a, row, HC_S("child"), hc_str_val(p->a, child));
    hc_map_put(p->a, row, HC_S("parent"), hc_str_val(p->a, parent));
    hc_list_add(p->a, shown, row);
    const hc_str parts[] = { dep->name, HC_S("."), child };
    hc_str path = hc_arena_cat(p->a, 3, parts);
    struct hc_val *table = hc_values_table(values, path);
    if (!table) {
        no_table(p, dep, hc_is_map(iv), first_missing(values, path));
        return HC_OK;
    }
    if (hc_map_len(table) == 0) /* Helm's AsMap gives a new one then, which is not shared */
        table = hc_map_new(p->a);
    struct hc_val *nested = nest(p, parent, table);
    if (!nested && !hc_arena_spent(p->a))
        return hc_fail(p->err, HC_E_LIMIT,
                       "Chart.yaml: import-values of dependency '%.*s' has a parent of more than %u parts",
                       HC_P(dep->name), HC_MAX_IMPORT_DEPTH);
    bool meets = false; /* only then something may come to be in itself */
    for (size_t i = 0; i < hc_map_len(nested) && !meets; i++)
        meets = hc_is_map(hc_map_get(imported, hc_map_at(nested, i)->key));
    hc_merge_tables(p, imported, nested);
    /* What is imported is not copied, here as in Helm, whose stack overflows then. */
    if (p->too_deep || (meets && holds_itself(imported, 0, &p->imported_left)))
        return hc_fail(
            p->err, HC_E_INPUT,
            "Chart.yaml: import-values of dependency '%.*s' puts '%.*s' to '%.*s', which an entry before it "
            "made a part of the same values: they would be in themselves. Import it to another place",
            HC_P(dep->name), HC_P(child), HC_P(parent));
    if (!p->imported_left)
        return hc_fail(p->err, HC_E_LIMIT,
                       "Chart.yaml: import-values of dependency '%.*s': more than %u maps are imported into others",
                       HC_P(dep->name), HC_MAX_IMPORTED_MAPS);
    return hc_arena_check(p->a, p->err, "chart values (import-values in Chart.yaml)");
}

static enum hc_rc import_values(struct hc_process *p, struct hc_node *node)
{
    for (size_t i = 0; i < node->subs_n; i++) {
        enum hc_rc rc = import_values(p, node->subs[i]);
        if (rc != HC_OK)
            return rc;
    }
    if (!node->deps->there)
        return HC_OK;
    struct hc_val *values = hc_map_new(p->a), *imported = hc_map_new(p->a);
    enum hc_rc rc = hc_coalesce(p, node, values, true);
    if (rc != HC_OK)
        return rc;
    bool any = false;
    for (size_t k = 0; k < node->deps->n; k++) {
        struct hc_node_dep *entry = node->deps->list[k];
        struct hc_chart_dep *dep = &entry->d;
        struct hc_val *shown = hc_list_new(p->a);
        for (size_t i = 0; rc == HC_OK && !entry->imported && i < hc_list_len(dep->import_values); i++)
            rc = import_one(p, dep, hc_list_at(dep->import_values, i), values, imported, shown);
        if (rc != HC_OK)
            return rc;
        any |= hc_list_len(shown) > 0;
        dep->import_values = hc_list_len(shown) ? shown : NULL;
        entry->imported = true;
    }
    if (any) {
        values = hc_val_copy(p->a, values); /* `imported` may point into it */
        hc_merge_tables(p, values, imported);
    }
    node->values = values;
    return hc_arena_spent(p->a) ? hc_arena_check(p->a, p->err, "chart values") : HC_OK;
}

static bool imports(const struct hc_node *node)
{
    for (size_t k = 0; k < node->deps->n; k++)
        if (node->deps->list[k]->d.import_values)
            return true;
    for (size_t i = 0; i < node->subs_n; i++)
        if (imports(node->subs[i]))
            return true;
    return false;
}

enum hc_rc hc_process_dependencies(struct hc_process *p, struct hc_node *root, const struct hc_val *user)
{
    struct above above = { .n = 0 };
    put_above(&above, user);
    put_above(&above, root->chart->values);
    bool careful = may_lack_table(root->chart, &above);
    enum hc_rc rc = enable(p, root, user, careful, HC_S(""));
    if (imports(root)) /* what is imported lives on, in the defaults and in .Chart.Dependencies */
        p->a = p->keep;
    return rc == HC_OK ? import_values(p, root) : rc;
}

/* ---- the tree for the renderer ------------------------------------------------------------------- */

static hc_str path_of(struct hc_process *p, const struct hc_node *node)
{
    if (!node->parent)
        return node->name;
    const hc_str parts[] = { path_of(p, node->parent), HC_S("/charts/"), node->name };
    return hc_arena_cat(p->keep, HC_LEN(parts), parts);
}

static struct hc_overlay_chart *publish(struct hc_process *p, const struct hc_node *node, struct hc_val *values,
                                        struct hc_overlay_chart *parent)
{
    struct hc_overlay_chart *c = HC_NEW(p->keep, struct hc_overlay_chart);
    struct hc_chart_dep *deps = HC_NEW_N(p->keep, struct hc_chart_dep, node->deps->n + 1);
    if (!c || !deps)
        return NULL;
    c->chart = node->chart;
    c->name = node->name;
    c->path = path_of(p, node);
    c->values = values;
    for (size_t k = 0; k < node->deps->n; k++)
        deps[k] = node->deps->list[k]->d;
    c->deps = deps;
    c->deps_n = node->deps->n;
    c->deps_listed = node->deps->there;
    c->parent = parent;
    c->subs = HC_NEW_N(p->keep, struct hc_overlay_chart *, node->subs_n + 1);
    if (!c->subs)
        return NULL;
    for (size_t i = 0; i < node->subs_n; i++)
        if (!(c->subs[c->subs_n++] = publish(p, node->subs[i], hc_map_get(values, node->subs[i]->name), c)))
            return NULL;
    return c;
}

/* Lines of all charts that do not fit their schema, top first. */
static enum hc_rc check_schemas(struct hc_process *p, const struct hc_overlay_chart *c,
                                const struct hc_schema_port *port, struct hc_buf *lines)
{
    if (c->chart->schema.p) { /* an empty file is no JSON, and told */
        struct hc_err err = HC_ERR_INIT;
        HC_AUTO(hc_buf) struct hc_buf own;
        hc_buf_init(&own, 0);
        enum hc_rc rc = hc_schema_check(p->a, c->chart->schema, c->values, port, &own, &err);
        if (rc != HC_OK && rc != HC_E_INPUT)
            return hc_err_copy(p->err, &err);
        if (rc != HC_OK)
            hc_buf_printf(lines, "%.*s:\n%.*s", HC_P(c->name), HC_P(hc_buf_str(&own)));
    }
    for (size_t i = 0; i < c->subs_n; i++) {
        enum hc_rc rc = check_schemas(p, c->subs[i], port, lines);
        if (rc != HC_OK)
            return rc;
    }
    return HC_OK;
}

/* What checking them takes of the arena is given back. */
static enum hc_rc check_all_schemas(struct hc_process *p, const struct hc_overlay_chart *top,
                                    const struct hc_schema_port *port, struct hc_buf *lines)
{
    struct hc_arena_mark mark = hc_arena_mark(p->a);
    enum hc_rc rc = check_schemas(p, top, port, lines);
    hc_arena_release(p->a, &mark);
    return rc;
}

enum hc_rc hc_overlay_process(struct hc_arena *a, const struct hc_chart *chart, const struct hc_val *user,
                              const struct hc_overlay_opts *opts, struct hc_overlay *out, struct hc_err *err)
{
    static const struct hc_overlay_opts none;
    opts = opts ? opts : &none;
    /* Defaults are laid over each other once for every chart with dependencies, only to look things up. */
    HC_AUTO(hc_arena)
    struct hc_arena *scratch = hc_arena_new(HC_MAX(hc_arena_ceiling(a) - hc_arena_used(a), (size_t)1));
    struct hc_process p = { .a = scratch,
                            .keep = a,
                            .helm3 = opts->helm3,
                            .origins = opts->origins,
                            .imported_left = HC_MAX_IMPORTED_MAPS,
                            .err = err };
    struct hc_node *root = scratch ? node_new(&p, chart, NULL) : NULL;
    if (!root)
        return scratch ? hc_arena_check(a, err, "chart dependencies") : hc_fail_nomem(err);
    enum hc_rc rc = hc_process_dependencies(&p, root, user);
    if (rc == HC_E_INPUT && !opts->helm3)
        hc_wrap(err, "chart dependencies processing failed");
    p.a = a;
    if (rc == HC_OK && opts->defaults)
        *opts->defaults = root->deps->there ? hc_val_clone(a, root->values) : chart->values;
    struct hc_val *values = user ? hc_val_copy(a, user) : hc_map_new(a);
    if (rc == HC_OK)
        rc = hc_coalesce(&p, root, values, false);
    if (rc == HC_OK && opts->twice) {
        size_t told = p.warnings_n;
        values = hc_val_copy(a, values);
        rc = hc_coalesce(&p, root, values, false);
        p.warnings_n = told;
    }
    if (rc != HC_OK)
        return rc;
    struct hc_overlay_chart *top = publish(&p, root, values, NULL);
    if (!top)
        return hc_arena_check(a, err, "chart values");
    if (!opts->skip_schema) {
        HC_AUTO(hc_buf) struct hc_buf lines;
        hc_buf_init(&lines, 0);
        rc = check_all_schemas(&p, top, opts->schemas, &lines);
        if (rc != HC_OK)
            return rc;
        if (lines.n) {
            hc_str report = hc_arena_printf(
                a, "values don't meet the specifications of the schema(s) in the following chart(s):\n%.*s",
                HC_P(hc_buf_str(&lines)));
            if (opts->report)
                *opts->report = report;
            return hc_fail(err, HC_E_INPUT, "%.*s", HC_P(report));
        }
    }
    *out = (struct hc_overlay){ top, p.warnings, p.warnings_n };
    return HC_OK;
}

enum hc_rc hc_overlay_missing_deps(const struct hc_chart *chart, struct hc_err *err)
{
    HC_AUTO(hc_buf) struct hc_buf missing;
    size_t count = 0; /* a dependency may have no name */
    hc_buf_init(&missing, 0);
    for (size_t k = 0; k < chart->deps_n; k++) {
        bool there = false;
        for (size_t i = 0; i < chart->subs_n && !there; i++)
            there = hc_str_eq(chart->subs[i]->name, chart->deps[k].name);
        if (!there)
            hc_buf_printf(&missing, "%s%.*s", count ? ", " : "", HC_P(chart->deps[k].name));
        count += !there;
    }
    if (!count)
        return HC_OK;
    return hc_fail(err, HC_E_INPUT, "found in Chart.yaml, but missing in charts/ directory: %.*s",
                   HC_P(hc_buf_str(&missing)));
}

enum hc_rc hc_overlay_check_deps(const struct hc_chart *chart, bool helm3, struct hc_err *err)
{
    enum hc_rc rc = hc_overlay_missing_deps(chart, err);
    if (rc == HC_OK)
        return rc;
    return hc_wrap(
        err,
        "%s error occurred while checking for chart dependencies. You may need to run %s to fetch missing "
        "dependencies",
        helm3 ? "An" : "an", helm3 ? "`helm dependency build`" : "'helm dependency build'");
}
