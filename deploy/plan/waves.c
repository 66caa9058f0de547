/*
 * Waves and dependencies that a chart asks for. Names are found in a sorted index; a walk over the dependencies, with a
 * stack of its own, gives each object its wave and how deep below others of that wave it stands. The pairs (wave, depth) in
 * their order are the groups.
 */
#include <stdlib.h>

#include "core/base/buf.h"
#include "deploy/plan/plan.h"

#define ARGO_WAVE "argocd.argoproj.io/sync-wave"

struct node {
    size_t *needs; /* objects, by their place */
    size_t needs_n, next;
    int64_t wave;
    uint32_t depth;
    bool own; /* the wave is written there */
    enum { NEW, OPEN, DONE } state;
};
struct name { /* a line of the index */
    hc_str kind, name;
    size_t at;
};
struct waves {
    struct hc_arena *a;
    struct hc_plan_object *objects;
    struct node *nodes;
    struct name *index;
    size_t n;
    bool lenient;
};

unsigned hc_plan_wave_flags(const struct hc_val *chart)
{
    hc_str whose = hc_get_str(hc_map_getz(hc_get(chart, "metadata.annotations"), HC_PLAN_SYNC_WAVES));
    return hc_str_eqz(whose, "argocd") ? HC_PLAN_ARGO : 0;
}

static hc_str shown(struct waves *w, size_t i)
{
    const struct hc_plan_object *o = &w->objects[i];
    hc_str name = o->name.n > 0 ? o->name : o->generate_name;
    return hc_arena_printf(w->a, "%.*s/%.*s", HC_P(o->kind), HC_P(name));
}

/* Everything may refer to these, and they to nothing. */
static bool foundation(hc_str kind)
{
    return hc_str_eqz(kind, "Namespace") || hc_str_eqz(kind, "CustomResourceDefinition") ||
           hc_str_eqz(kind, "PriorityClass");
}

static enum hc_rc read_wave(struct waves *w, size_t i, unsigned flags, struct hc_err *err)
{
    const struct hc_val *annotations = hc_get(w->objects[i].object, "metadata.annotations");
    const char *key = HC_PLAN_WAVE;
    const struct hc_val *v = hc_map_getz(annotations, key);
    if (!v && (flags & HC_PLAN_ARGO))
        v = hc_map_getz(annotations, key = ARGO_WAVE);
    if (!v)
        return HC_OK;
    int64_t wave = 0;
    if (hc_str_to_i64(hc_str_trim(hc_get_str(v)), &wave) && wave >= INT32_MIN && wave <= INT32_MAX) {
        w->nodes[i].wave = wave;
        w->nodes[i].own = true;
        return HC_OK;
    }
    if (w->lenient)
        return HC_OK;
    return hc_fail(err, HC_E_INPUT, "%.*s: annotation %s: \"%.*s\" is not a whole number", HC_P(shown(w, i)), key,
                   HC_P(hc_get_str(v)));
}

/* ---- names ------------------------------------------------------------------------------------------------- */

static int by_name(const void *x, const void *y)
{
    const struct name *p = x, *q = y;
    int c = hc_str_cmp(p->kind, q->kind);
    if (c == 0)
        c = hc_str_cmp(p->name, q->name);
    return c != 0 ? c : p->at < q->at ? -1 : p->at > q->at;
}

static size_t first_of(const struct waves *w, hc_str kind, hc_str name)
{
    size_t low = 0, high = w->n;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int c = hc_str_cmp(w->index[mid].kind, kind);
        if (c == 0)
            c = hc_str_cmp(w->index[mid].name, name);
        if (c < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static bool of_group(hc_str api_version, hc_str group)
{
    size_t slash = hc_str_find(api_version, '/');
    return hc_str_eq(slash == SIZE_MAX ? HC_S("") : hc_str_sub(api_version, 0, slash), group);
}

/* "Kind[.group]/[namespace/]name" as the object `of` says it; without a namespace its own comes first. */
static enum hc_rc find(struct waves *w, size_t of, hc_str text, size_t *out, struct hc_err *err)
{
    hc_str rest = text, kind = { NULL, 0 }, group = { NULL, 0 }, ns = { NULL, 0 }, name = { NULL, 0 };
    size_t found = SIZE_MAX, own = SIZE_MAX, many = 0;
    (void)hc_str_split(&rest, '/', &kind);
    size_t slash = hc_str_find(rest, '/'), dot = hc_str_find(kind, '.');
    if (slash != SIZE_MAX)
        ns = hc_str_sub(rest, 0, slash);
    name = slash == SIZE_MAX ? rest : hc_str_sub(rest, slash + 1, rest.n);
    if (dot != SIZE_MAX) {
        group = hc_str_sub(kind, dot + 1, kind.n);
        kind = hc_str_sub(kind, 0, dot);
    }
    if (kind.n == 0 || name.n == 0 || hc_str_find(name, '/') != SIZE_MAX)
        return hc_fail(err, HC_E_INPUT,
                       "%.*s: annotation " HC_PLAN_DEPENDS_ON
                       ": \"%.*s\" is not of the form Kind/name, Kind.group/name or Kind/namespace/name",
                       HC_P(shown(w, of)), HC_P(text));
    for (size_t i = first_of(w, kind, name); i < w->n; i++) {
        const struct name *line = &w->index[i];
        const struct hc_plan_object *o = &w->objects[line->at];
        if (!hc_str_eq(line->kind, kind) || !hc_str_eq(line->name, name))
            break;
        if ((group.n > 0 && !of_group(o->api_version, group)) || (ns.n > 0 && !hc_str_eq(o->ns, ns)))
            continue;
        found = line->at;
        many++;
        if (own == SIZE_MAX && hc_str_eq(o->ns, w->objects[of].ns))
            own = line->at;
    }
    if (many == 0)
        return hc_fail(err, HC_E_INPUT,
                       "%.*s: annotation " HC_PLAN_DEPENDS_ON
                       ": the release has no object \"%.*s\" (hooks are none: they have weights)",
                       HC_P(shown(w, of)), HC_P(text));
    if (many > 1 && own == SIZE_MAX)
        return hc_fail(err, HC_E_INPUT,
                       "%.*s: annotation " HC_PLAN_DEPENDS_ON
                       ": \"%.*s\" is said of %zu objects: write Kind/namespace/name",
                       HC_P(shown(w, of)), HC_P(text), many);
    *out = many > 1 ? own : found;
    return HC_OK;
}

static bool next_word(hc_str *rest, hc_str *out)
{
    size_t from = 0, to;
    static const char between[] = ", \t\r\n";
    while (from < rest->n && memchr(between, rest->p[from], sizeof(between) - 1))
        from++;
    for (to = from; to < rest->n && !memchr(between, rest->p[to], sizeof(between) - 1);)
        to++;
    *out = hc_str_sub(*rest, from, to);
    *rest = hc_str_sub(*rest, to, rest->n);
    return out->n > 0;
}

static enum hc_rc read_needs(struct waves *w, size_t i, struct hc_err *err)
{
    struct node *node = &w->nodes[i];
    hc_str text = hc_get_str(hc_map_getz(hc_get(w->objects[i].object, "metadata.annotations"), HC_PLAN_DEPENDS_ON));
    hc_str rest = text, word;
    size_t most = 0;
    while (next_word(&rest, &word))
        most++;
    if (most == 0)
        return HC_OK;
    node->needs = HC_NEW_N(w->a, size_t, most);
    if (!node->needs)
        return hc_arena_check(w->a, err, "waves");
    for (rest = text; next_word(&rest, &word);) {
        size_t at = 0;
        enum hc_rc rc = find(w, i, word, &at, w->lenient ? NULL : err);
        if (rc == HC_OK)
            node->needs[node->needs_n++] = at;
        else if (!w->lenient)
            return rc;
    }
    return HC_OK;
}

/* ---- the walk ---------------------------------------------------------------------------------------------- */

static enum hc_rc cycle(struct waves *w, const size_t *stack, size_t n, size_t again, struct hc_err *err)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    size_t from = 0;
    hc_buf_init(&b, 0);
    while (from < n && stack[from] != again)
        from++;
    for (size_t i = from; i < n; i++)
        hc_buf_printf(&b, "%.*s -> ", HC_P(shown(w, stack[i])));
    return hc_fail(err, HC_E_INPUT,
                   "objects depend on each other in a circle (annotation " HC_PLAN_DEPENDS_ON "): %.*s%.*s",
                   HC_P(hc_buf_str(&b)), HC_P(shown(w, again)));
}

/* What it depends on is known: its own place. */
static enum hc_rc settle(struct waves *w, size_t i, struct hc_err *err)
{
    struct node *node = &w->nodes[i];
    for (size_t j = 0; j < node->needs_n; j++) {
        const struct node *need = &w->nodes[node->needs[j]];
        if (need->state != DONE) /* lenient, in a circle */
            continue;
        if (need->wave > node->wave && node->own && !w->lenient)
            return hc_fail(err, HC_E_INPUT,
                           "%.*s is of wave %" PRId64 " and depends on %.*s, which is of the later wave %" PRId64,
                           HC_P(shown(w, i)), node->wave, HC_P(shown(w, node->needs[j])), need->wave);
        if (!node->own)
            node->wave = HC_MAX(node->wave, need->wave);
    }
    for (size_t j = 0; j < node->needs_n; j++) {
        const struct node *need = &w->nodes[node->needs[j]];
        if (need->state == DONE && need->wave == node->wave)
            node->depth = HC_MAX(node->depth, need->depth + 1);
    }
    node->state = DONE;
    return HC_OK;
}

static enum hc_rc walk(struct waves *w, size_t root, size_t *stack, struct hc_err *err)
{
    size_t n = 0;
    if (w->nodes[root].state == DONE)
        return HC_OK;
    stack[n++] = root;
    w->nodes[root].state = OPEN;
    while (n > 0) {
        struct node *node = &w->nodes[stack[n - 1]];
        if (node->next == node->needs_n) {
            enum hc_rc rc = settle(w, stack[--n], err);
            if (rc != HC_OK)
                return rc;
            continue;
        }
        size_t need = node->needs[node->next++];
        if (w->nodes[need].state == OPEN && !w->lenient)
            return cycle(w, stack, n, need, err);
        if (w->nodes[need].state != NEW)
            continue;
        w->nodes[need].state = OPEN;
        stack[n++] = need;
    }
    return HC_OK;
}

struct place {
    int64_t wave;
    uint32_t depth;
    size_t at;
};

static int by_place(const void *x, const void *y)
{
    const struct place *p = x, *q = y;
    if (p->wave != q->wave)
        return p->wave < q->wave ? -1 : 1;
    return p->depth < q->depth ? -1 : p->depth > q->depth;
}

static enum hc_rc number(struct waves *w, struct hc_err *err)
{
    struct place *places = HC_NEW_N(w->a, struct place, w->n + 1);
    int group = 0;
    if (!places)
        return hc_arena_check(w->a, err, "waves");
    for (size_t i = 0; i < w->n; i++)
        places[i] = (struct place){ w->nodes[i].wave, w->nodes[i].depth, i };
    qsort(places, w->n, sizeof(*places), by_place);
    for (size_t i = 0; i < w->n; i++) {
        group += i > 0 && by_place(&places[i - 1], &places[i]) != 0;
        w->objects[places[i].at].group = group;
    }
    return HC_OK;
}

enum hc_rc hc_plan_waves(struct hc_arena *a, struct hc_plan_object *objects, size_t n, unsigned flags,
                         struct hc_err *err)
{
    bool any = false;
    for (size_t i = 0; i < n; i++) {
        const struct hc_val *annotations = hc_get(objects[i].object, "metadata.annotations");
        objects[i].group = 0;
        any = any || hc_map_getz(annotations, HC_PLAN_WAVE) || hc_map_getz(annotations, HC_PLAN_DEPENDS_ON) ||
              ((flags & HC_PLAN_ARGO) && hc_map_getz(annotations, ARGO_WAVE));
    }
    if (!any)
        return HC_OK;
    struct waves w = { .a = a, .objects = objects, .n = n, .lenient = flags & HC_PLAN_LENIENT };
    w.nodes = HC_NEW_N(a, struct node, n + 1);
    w.index = HC_NEW_N(a, struct name, n + 1);
    size_t *stack = HC_NEW_N(a, size_t, n + 1);
    int64_t first = 0;
    enum hc_rc rc = hc_arena_check(a, err, "waves");
    for (size_t i = 0; rc == HC_OK && i < n; i++) {
        w.index[i] = (struct name){ objects[i].kind, objects[i].name, i };
        rc = read_wave(&w, i, flags, err);
        first = HC_MIN(first, w.nodes[i].wave);
    }
    if (rc == HC_OK)
        qsort(w.index, n, sizeof(*w.index), by_name);
    for (size_t i = 0; rc == HC_OK && i < n; i++) {
        if (!w.nodes[i].own && foundation(objects[i].kind))
            w.nodes[i].wave = first;
        rc = read_needs(&w, i, err);
    }
    for (size_t i = 0; rc == HC_OK && i < n; i++)
        rc = walk(&w, i, stack, err);
    return rc == HC_OK ? number(&w, err) : rc;
}
