/*
 * The map that is `.` in a template (templating-facts B14), one a chart.
 *
 * Maps are shared, not copied, where Helm shares them: a sub-chart's .Values is the very map its parent has under the
 * sub-chart's name, .Subcharts.x is the sub-chart's own context, .Release and .Capabilities are one for all. Only the
 * node in front of a map is a new one, because Go's type belongs to it.
 */
#include "lua/bridge/gotype.h"
#include "templating/render/render_impl.h"

struct collector {
    struct hc_arena *a;
    struct hc_val *release, *capabilities;
    bool helm3;
    bool once; /* the program is not kept longer than the chart */
    struct hc_err *err;
    enum hc_rc refused; /* a chart cannot be rendered by this program */
    struct hc_template_file *files;
    struct hc_val **contexts;
    size_t n, cap;
};

/* Another node in front of the same map. */
static struct hc_val *same_map(struct hc_arena *a, const struct hc_val *v, uint8_t type)
{
    struct hc_val *node = HC_NEW(a, struct hc_val);
    if (!node || !v)
        return NULL;
    *node = *v;
    node->type = type;
    return node;
}

/* ---- .Chart ------------------------------------------------------------------------------------------ */

static void put_text(struct hc_arena *a, struct hc_val *to, const char *key, hc_str text)
{
    hc_map_put_ref(a, to, hc_str_of(key), hc_str_val_ref(a, text.p ? text : HC_S("")));
}

static void put_meta_text(struct hc_arena *a, struct hc_val *to, const char *key, const struct hc_val *from,
                          const char *name)
{
    put_text(a, to, key, hc_get_str(hc_map_getz(from, name)));
}

/* Lists in .Chart are new ones; in Helm 4 all of them are []interface {} and never nil. */
static void put_list(struct hc_arena *a, struct hc_val *to, const char *key, const struct hc_val *from,
                     enum hc_gotype helm3_type)
{
    struct hc_val *list = hc_list_new(a);
    for (size_t i = 0; i < hc_list_len(from); i++)
        hc_list_add(a, list, hc_list_at(from, i));
    if (list && to->type) {
        list->type = (uint8_t)helm3_type;
        list->list->flags = from ? 0 : HC_LIST_NIL;
    }
    hc_map_put_ref(a, to, hc_str_of(key), list);
}

static struct hc_val *struct_val(struct hc_arena *a, enum hc_gotype helm3_type, bool helm3)
{
    struct hc_val *m = hc_map_new(a);
    if (m && helm3)
        m->type = (uint8_t)helm3_type;
    return m;
}

static struct hc_val *dependency_val(struct hc_arena *a, const struct hc_chart_dep *d, bool helm3)
{
    struct hc_val *m = struct_val(a, HC_GO_DEP3, helm3);
    if (!m)
        return NULL;
    put_text(a, m, "Name", d->name);
    put_text(a, m, "Version", d->version);
    put_text(a, m, "Repository", d->repository);
    put_text(a, m, "Condition", d->condition);
    put_list(a, m, "Tags", d->tags, HC_GO_STRINGS);
    hc_map_put_ref(a, m, HC_S("Enabled"), hc_bool_val(a, d->enabled));
    put_list(a, m, "ImportValues", d->import_values, 0);
    put_text(a, m, "Alias", d->alias);
    return m;
}

static struct hc_val *annotations_val(struct hc_arena *a, const struct hc_val *from)
{
    struct hc_val *m = hc_map_new(a);
    for (size_t i = 0; i < hc_map_len(from); i++)
        hc_map_put_ref(a, m, hc_map_at(from, i)->key, hc_map_at(from, i)->val);
    if (m) {
        m->type = HC_GO_MAPSTR;
        m->map->flags = from ? 0 : HC_LIST_NIL;
    }
    return m;
}

/* Go's field names, every field there (B14.2). */
static struct hc_val *chart_val(struct hc_arena *a, const struct hc_overlay_chart *c, bool helm3)
{
    const struct hc_val *meta = c->chart->metadata;
    struct hc_val *m = struct_val(a, HC_GO_CHART3, helm3), *people = hc_list_new(a), *deps = hc_list_new(a);
    if (!m || !people || !deps)
        return NULL;
    put_text(a, m, "Name", c->name);
    put_meta_text(a, m, "Home", meta, "home");
    put_list(a, m, "Sources", hc_map_getz(meta, "sources"), HC_GO_STRINGS);
    put_meta_text(a, m, "Version", meta, "version");
    put_meta_text(a, m, "Description", meta, "description");
    put_list(a, m, "Keywords", hc_map_getz(meta, "keywords"), HC_GO_STRINGS);
    const struct hc_val *list = hc_map_getz(meta, "maintainers");
    for (size_t i = 0; i < hc_list_len(list); i++) {
        struct hc_val *one = struct_val(a, HC_GO_PERSON3, helm3);
        put_meta_text(a, one, "Name", hc_list_at(list, i), "name");
        put_meta_text(a, one, "Email", hc_list_at(list, i), "email");
        put_meta_text(a, one, "URL", hc_list_at(list, i), "url");
        hc_list_add(a, people, one);
    }
    hc_map_put_ref(a, m, HC_S("Maintainers"), people);
    put_meta_text(a, m, "Icon", meta, "icon");
    put_meta_text(a, m, "APIVersion", meta, "apiVersion");
    put_meta_text(a, m, "Condition", meta, "condition");
    put_meta_text(a, m, "Tags", meta, "tags");
    put_meta_text(a, m, "AppVersion", meta, "appVersion");
    hc_map_put_ref(a, m, HC_S("Deprecated"), hc_bool_val(a, c->chart->deprecated));
    hc_map_put_ref(a, m, HC_S("Annotations"), annotations_val(a, hc_map_getz(meta, "annotations")));
    put_meta_text(a, m, "KubeVersion", meta, "kubeVersion");
    for (size_t i = 0; i < c->deps_n; i++)
        hc_list_add(a, deps, dependency_val(a, &c->deps[i], helm3));
    deps->list->flags = helm3 && !c->deps_listed ? HC_LIST_NIL : 0;
    hc_map_put_ref(a, m, HC_S("Dependencies"), deps);
    put_meta_text(a, m, "Type", meta, "type");
    hc_map_put_ref(a, m, HC_S("IsRoot"), hc_bool_val(a, c->parent == NULL));
    if (helm3) {
        people->list->flags = list ? 0 : HC_LIST_NIL;
        people->type = HC_GO_PEOPLE3;
        deps->type = HC_GO_DEPS3;
    }
    return m;
}

static struct hc_val *files_val(struct hc_arena *a, const struct hc_chart *c)
{
    struct hc_val *m = hc_map_new(a);
    for (size_t i = 0; i < c->files_n; i++) {
        struct hc_val *body = hc_str_val_ref(a, c->files[i].body);
        if (body)
            body->type = HC_GO_BYTES;
        hc_map_put_ref(a, m, c->files[i].name, body);
    }
    if (m)
        m->type = HC_GO_FILES;
    return m;
}

/* ---- files ------------------------------------------------------------------------------------------- */

static bool starts_with_underscore(hc_str path)
{
    size_t slash = hc_str_rfind(path, '/');
    size_t base = slash == SIZE_MAX ? 0 : slash + 1;
    return base < path.n && path.p[base] == '_';
}

static void add_file(struct collector *w, const struct hc_template_file *f, struct hc_val *context)
{
    if (w->n == w->cap) {
        size_t cap = HC_MAX(w->cap * 2, (size_t)64);
        struct hc_template_file *files = HC_NEW_N(w->a, struct hc_template_file, cap);
        struct hc_val **contexts = HC_NEW_N(w->a, struct hc_val *, cap);
        if (!files || !contexts)
            return;
        if (w->n) {
            memcpy(files, w->files, w->n * sizeof(*files));
            memcpy(contexts, w->contexts, w->n * sizeof(struct hc_val *));
        }
        w->files = files;
        w->contexts = contexts;
        w->cap = cap;
    }
    w->files[w->n] = *f;
    w->contexts[w->n++] = context;
}

/* The annotation by which a chart asks for its templates/ *.lua to be run as Lua; without it they are Go templates, as
 * all other files. */
#define LUA_ANNOTATION "helmctl.dev/lua-templates"
#define LUA_VERSION    "v1"

static const struct hc_val *lua_annotation(const struct hc_chart *c)
{
    return hc_map_getz(hc_map_getz(c->metadata, "annotations"), LUA_ANNOTATION);
}

bool hc_chart_has_lua_templates(const struct hc_chart *c)
{
    return hc_str_eqz(hc_get_str(lua_annotation(c)), LUA_VERSION);
}

static bool wants_lua(struct collector *w, const struct hc_chart *c)
{
    const struct hc_val *v = lua_annotation(c);
    if (!v || hc_chart_has_lua_templates(c))
        return v != NULL;
    if (w->refused == HC_OK)
        w->refused = hc_fail(w->err, HC_E_INPUT,
                             "chart \"%.*s\": the annotation " LUA_ANNOTATION
                             " in its Chart.yaml is \"%.*s\", and this "
                             "helmctl knows \"" LUA_VERSION "\"",
                             HC_P(c->name), HC_P(hc_get_str(v)));
    return false;
}

static void collect_templates(struct collector *w, const struct hc_overlay_chart *c, struct hc_val *context)
{
    bool lua = wants_lua(w, c->chart);
    hc_str path = c->path;
    hc_str base = hc_arena_cat(w->a, 2, (hc_str[]){ path, HC_S("/templates") });
    bool library = hc_str_eq_nocase(c->chart->type, HC_S("library"));
    for (size_t i = 0; i < c->chart->templates_n; i++) {
        const struct hc_chart_file *t = &c->chart->templates[i];
        bool partial = starts_with_underscore(t->name);
        if (library && !partial)
            continue;
        hc_str parts[] = { path, HC_S("/"), t->name };
        struct hc_template_file f = { .name = hc_arena_cat(w->a, HC_LEN(parts), parts),
                                      .base_path = base,
                                      .text = t->body,
                                      .partial = partial,
                                      .borrowed = w->once,
                                      .lua = lua && hc_str_ends(t->name, HC_S(".lua")) };
        add_file(w, &f, context);
    }
}

/* Gives the chart's context; its files stand behind those of its sub-charts, as Helm adds them. */
static struct hc_val *collect(struct collector *w, const struct hc_overlay_chart *c)
{
    struct hc_arena *a = w->a;
    struct hc_val *dot = NULL, *subs = NULL;
    if (w->release) {
        dot = hc_map_new(a);
        subs = hc_map_new(a);
        /* what templates read most first: it is looked for from there on */
        hc_map_put_ref(a, dot, HC_S("Values"), same_map(a, c->values ? c->values : hc_map_new(a), HC_GO_VALUES));
        hc_map_put_ref(a, dot, HC_S("Release"), w->release);
        hc_map_put_ref(a, dot, HC_S("Chart"), chart_val(a, c, w->helm3));
        hc_map_put_ref(a, dot, HC_S("Files"), files_val(a, c->chart));
        hc_map_put_ref(a, dot, HC_S("Capabilities"), w->capabilities);
        hc_map_put_ref(a, dot, HC_S("Subcharts"), subs);
    }
    for (size_t i = 0; i < c->subs_n; i++) {
        struct hc_val *sub = collect(w, c->subs[i]);
        if (subs)
            hc_map_put_ref(a, subs, c->subs[i]->name, same_map(a, sub, HC_GO_PLAIN));
    }
    if (dot)
        dot->type = HC_GO_VALUES;
    collect_templates(w, c, dot);
    return dot;
}

/* Two sub-charts of one name give files of one name: the later one counts. */
static void drop_doubles(struct collector *w)
{
    struct hc_val *seen = hc_map_new(w->a);
    size_t kept = w->n;
    for (size_t i = w->n; i-- > 0;) {
        if (hc_map_find(seen, w->files[i].name))
            continue;
        hc_map_put_ref(w->a, seen, w->files[i].name, hc_null_val(w->a));
        kept--;
        w->files[kept] = w->files[i];
        w->contexts[kept] = w->contexts[i];
    }
    w->files += kept;
    w->contexts += kept;
    w->n -= kept;
}

enum hc_rc hc_program_input_collect(struct hc_arena *a, const struct hc_overlay_chart *root, struct hc_val *release,
                                    struct hc_val *capabilities, bool helm3, struct hc_program_input *out,
                                    struct hc_err *err)
{
    struct collector w = {
        .a = a, .release = release, .capabilities = capabilities, .helm3 = helm3, .once = root->chart->digest.n == 0
    };
    w.err = err;
    collect(&w, root);
    if (w.refused != HC_OK)
        return w.refused;
    if (!hc_arena_spent(a) && w.n)
        drop_doubles(&w);
    out->files = w.files;
    out->contexts = w.contexts;
    out->n = w.n;
    return hc_arena_check(a, err, "what templates see of charts and values");
}
