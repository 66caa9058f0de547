/*
 * Merging follows Helm 4's annotateAndMerge, taking apart its splitAndDeannotate (pkg/action), and the reading of
 * documents kustomize's kio: a List on its own is taken apart, empty documents are left out.
 */
#include "templating/render/postrender.h"

#include <stdlib.h>

#include "core/base/buf.h"
#include "core/base/limits.h"
#include "core/value/yaml_nodes.h"

#define FILENAME "postrenderer.helm.sh/postrender-filename"

struct docs {
    struct hc_arena *a;
    struct hc_ydoc **items;
    hc_str *names; /* of the files they go to */
    size_t n, cap;
};

static bool add(struct docs *d, struct hc_ydoc *doc)
{
    if (d->n == d->cap) {
        size_t cap = HC_MAX(d->cap * 2, (size_t)64);
        struct hc_ydoc **items = HC_NEW_N(d->a, struct hc_ydoc *, cap);
        hc_str *names = HC_NEW_N(d->a, hc_str, cap);
        if (!items || !names)
            return false;
        if (d->n) {
            memcpy(items, d->items, d->n * sizeof(struct hc_ydoc *));
            memcpy(names, d->names, d->n * sizeof(*names));
        }
        d->items = items;
        d->names = names;
        d->cap = cap;
    }
    d->items[d->n++] = doc;
    return true;
}

/* ---- annotations ------------------------------------------------------------------------------------- */

static bool empty(const struct hc_ynode *n)
{
    return !n || n->n == 0; /* also a scalar, whatever it says */
}

static enum hc_rc must_be_map(struct hc_ynode *n, struct hc_err *err)
{
    static const char *const kinds[] = { "ScalarNode", "SequenceNode", "MappingNode", "AliasNode" };
    if (n->kind == HC_YNODE_MAP)
        return HC_OK;
    struct hc_ydoc d = { .root = n }, *docs[] = { &d };
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    hc_ydocs_write(&b, docs, 1);
    hc_str text = hc_buf_str(&b);
    if (hc_str_ends(text, HC_S("...\n")))
        text.n -= 4;
    return hc_fail(err, HC_E_INPUT, "wrong node kind: expected MappingNode but got %s: node contents:\n%.*s",
                   kinds[n->kind], HC_P(text));
}

/* An empty metadata.annotations is taken out, and then an empty metadata. */
static enum hc_rc clear_empty(struct hc_ynode *root, struct hc_err *err)
{
    struct hc_ynode *meta = hc_ynode_get(root, "metadata");
    enum hc_rc rc = must_be_map(root, err);
    if (rc == HC_OK && meta && !hc_ynode_is_null(meta))
        rc = must_be_map(meta, err);
    if (rc != HC_OK)
        return rc;
    struct hc_ynode *notes = hc_ynode_get(meta, "annotations");
    if (notes && empty(notes))
        (void)hc_ynode_del(meta, "annotations");
    if (meta && empty(meta))
        (void)hc_ynode_del(root, "metadata");
    return HC_OK;
}

static struct hc_ynode *map_under(struct hc_arena *a, struct hc_ynode *map, const char *key)
{
    struct hc_ynode *v = hc_ynode_get(map, key);
    if (v)
        return v;
    v = hc_ynode_new(a, HC_YNODE_MAP);
    hc_ynode_put(a, map, hc_str_of(key), v);
    return v;
}

static enum hc_rc annotate(struct hc_arena *a, struct hc_ynode *root, hc_str value, struct hc_err *err)
{
    enum hc_rc rc = clear_empty(root, err);
    if (rc != HC_OK)
        return rc;
    struct hc_ynode *notes = map_under(a, map_under(a, root, "metadata"), "annotations");
    struct hc_ynode *old = hc_ynode_get(notes, FILENAME), *v = hc_ynode_new(a, HC_YNODE_SCALAR);
    if (notes && (rc = must_be_map(notes, err)) != HC_OK)
        return rc;
    if (old) {
        old->value = value;
        return HC_OK;
    }
    if (v) {
        v->value = value;
        v->style = HC_YNODE_SINGLE;
    }
    hc_ynode_put(a, notes, HC_S(FILENAME), v);
    return HC_OK;
}

/* ---- reading ----------------------------------------------------------------------------------------- */

/* Where "\n---" with the rest of its line and its break stands from `at` on; SIZE_MAX: nowhere. */
static size_t separator(hc_str s, size_t at, size_t *out_end)
{
    for (;;) {
        size_t hit = hc_str_find_str(hc_str_sub(s, at, s.n), HC_S("\n---"));
        if (hit == SIZE_MAX)
            return SIZE_MAX;
        hit += at;
        size_t end = hc_str_find(hc_str_sub(s, hit + 1, s.n), '\n');
        if (end == SIZE_MAX)
            return SIZE_MAX;
        *out_end = hit + 1 + end + 1;
        return hit;
    }
}

static hc_str without_cr(struct hc_arena *a, hc_str s)
{
    if (hc_str_find_str(s, HC_S("\r\n")) == SIZE_MAX)
        return s;
    char *p = hc_arena_alloc(a, s.n + 1, 1);
    size_t n = 0;
    for (size_t i = 0; p && i < s.n; i++)
        if (s.p[i] != '\r' || i + 1 == s.n || s.p[i + 1] != '\n')
            p[n++] = s.p[i];
    return (hc_str){ p, n };
}

static bool is_list(const struct hc_ynode *root)
{
    const struct hc_ynode *kind = hc_ynode_get(root, "kind");
    return kind && (hc_str_eqz(kind->value, "List") || hc_str_eqz(kind->value, "ResourceList")) &&
           (hc_ynode_get(root, "items") || hc_ynode_get(root, "functionConfig"));
}

static enum hc_rc read_one(struct docs *d, hc_str text, bool alone, struct hc_err *err)
{
    struct hc_ydoc *doc = NULL;
    enum hc_rc rc = hc_ydoc_parse(d->a, text, &doc, err);
    if (rc != HC_OK)
        return rc == HC_E_INPUT ? hc_wrap(err, "MalformedYAMLError") : rc;
    if (!doc)
        return HC_OK;
    if (alone && is_list(doc->root)) {
        const struct hc_ynode *items = hc_ynode_get(doc->root, "items");
        for (size_t i = 0; items && items->kind == HC_YNODE_SEQ && i < items->n; i++) {
            struct hc_ydoc *one = HC_NEW(d->a, struct hc_ydoc);
            if (!one || !add(d, one))
                return hc_arena_check(d->a, err, "post-render");
            one->root = items->items[i];
        }
        return HC_OK;
    }
    rc = clear_empty(doc->root, err);
    if (rc != HC_OK)
        return rc;
    return add(d, doc) ? HC_OK : hc_arena_check(d->a, err, "post-render");
}

/* All documents of a text. */
static enum hc_rc read_all(struct docs *d, hc_str text, struct hc_err *err)
{
    text = without_cr(d->a, text);
    size_t from = 0, end = 0;
    bool alone = separator(text, 0, &end) == SIZE_MAX;
    for (bool more = true; more;) {
        size_t at = separator(text, from, &end);
        more = at != SIZE_MAX;
        if (more) {
            hc_str rest = hc_str_trim(hc_str_sub(text, at + 4, end));
            if (rest.n && *rest.p != '#')
                return hc_fail(err, HC_E_INPUT, "invalid document separator: %.*s",
                               HC_P(hc_str_trim(hc_str_sub(text, at, end))));
        }
        hc_str piece = hc_str_sub(text, from, more ? at + 1 : text.n);
        enum hc_rc rc = piece.n ? read_one(d, piece, alone, err) : HC_OK;
        if (rc != HC_OK)
            return rc;
        from = end;
    }
    return HC_OK;
}

/* ---- there and back ---------------------------------------------------------------------------------- */

static int by_path(const void *x, const void *y)
{
    const struct hc_rendered *s = x, *t = y;
    return hc_str_cmp(s->path, t->path);
}

static bool is_partial(hc_str path)
{
    size_t slash = hc_str_rfind(path, '/');
    return path.n && path.p[slash == SIZE_MAX ? 0 : slash + 1] == '_';
}

static enum hc_rc merge(struct docs *d, const struct hc_rendered *files, size_t n, struct hc_err *err)
{
    for (size_t i = 0; i < n; i++) {
        hc_str *pieces = NULL;
        if (is_partial(files[i].path) || !hc_str_trim(files[i].text).n)
            continue;
        size_t count = hc_documents_split(d->a, files[i].text, false, &pieces);
        for (size_t k = 0; k < count; k++) {
            size_t before = d->n;
            enum hc_rc rc = read_all(d, pieces[k], err);
            if (rc != HC_OK)
                return hc_wrap(err, "parsing %.*s", HC_P(files[i].path));
            for (; before < d->n && rc == HC_OK; before++)
                rc = annotate(d->a, d->items[before]->root, files[i].path, err);
            if (rc != HC_OK)
                return hc_wrap(err, "annotating %.*s", HC_P(files[i].path));
        }
    }
    return HC_OK;
}

static enum hc_rc name_document(struct docs *d, size_t i, struct hc_err *err)
{
    struct hc_ynode *root = d->items[i]->root, *notes = hc_ynode_get(hc_ynode_get(root, "metadata"), "annotations");
    const struct hc_ynode *name = hc_ynode_get(notes, FILENAME);
    d->names[i] = name && name->value.n ? name->value
                                        : hc_arena_printf(d->a, "generated-by-postrender-%zu.yaml", i);
    if (notes)
        (void)hc_ynode_del(notes, FILENAME);
    return clear_empty(root, err);
}

static enum hc_rc split(struct hc_arena *a, struct docs *d, struct hc_rendered **files, size_t *n,
                        struct hc_err *err)
{
    enum hc_rc rc = HC_OK;
    for (size_t i = 0; i < d->n && rc == HC_OK; i++)
        rc = name_document(d, i, err);
    struct hc_rendered *out = HC_NEW_N(a, struct hc_rendered, d->n + 1);
    struct hc_ydoc **group = HC_NEW_N(d->a, struct hc_ydoc *, d->n + 1);
    if (rc != HC_OK)
        return rc;
    if (!out || !group)
        return hc_arena_check(d->a, err, "post-render");
    *n = 0;
    for (size_t i = 0; i < d->n; i++) {
        size_t in_group = 0;
        if (!d->items[i])
            continue;
        for (size_t k = i; k < d->n; k++)
            if (d->items[k] && hc_str_eq(d->names[k], d->names[i])) {
                group[in_group++] = d->items[k];
                d->items[k] = k == i ? d->items[k] : NULL;
            }
        HC_AUTO(hc_buf) struct hc_buf b;
        hc_buf_init(&b, 0);
        hc_ydocs_write(&b, group, in_group);
        rc = hc_buf_check(&b, err, "post-render");
        if (rc != HC_OK)
            return rc;
        out[(*n)++] = (struct hc_rendered){ hc_arena_str(a, d->names[i]), hc_buf_to_arena(&b, a) };
    }
    *files = out;
    return hc_arena_check(a, err, "post-render");
}

/* The stream for the program. */
static enum hc_rc there(const struct hc_rendered *files, size_t n, struct hc_buf *b, struct hc_err *err)
{
    HC_AUTO(hc_arena) struct hc_arena *work = hc_arena_new(0);
    struct docs d = { .a = work };
    enum hc_rc rc = merge(&d, files, n, err);
    if (rc != HC_OK)
        return hc_wrap(err, "error merging manifests");
    hc_ydocs_write(b, d.items, d.n);
    return hc_buf_check(b, err, "post-render");
}

static enum hc_rc back(struct hc_arena *a, hc_str answer, struct hc_rendered **files, size_t *n, struct hc_err *err)
{
    HC_AUTO(hc_arena) struct hc_arena *work = hc_arena_new(0);
    struct docs d = { .a = work };
    enum hc_rc rc = read_all(&d, answer, err);
    if (rc != HC_OK)
        return hc_wrap(err, "error while parsing post rendered output: error parsing YAML");
    rc = split(a, &d, files, n, err);
    return rc == HC_OK ? rc : hc_wrap(err, "error while parsing post rendered output");
}

enum hc_rc hc_post_render(struct hc_arena *a, const struct hc_post_renderer *p, struct hc_rendered **files,
                          size_t *n, struct hc_err *err)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    if (*n)
        qsort(*files, *n, sizeof(**files), by_path);
    enum hc_rc rc = there(*files, *n, &b, err);
    /* What the program makes is the user's, not the chart's: the chart's budget of memory grows by it. */
    (void)hc_arena_limit(a, HC_MAX_ARENA);
    hc_str answer = { NULL, 0 };
    if (rc == HC_OK) {
        rc = p->run(p->ctx, a, hc_buf_str(&b), &answer, err);
        if (rc != HC_OK)
            return hc_wrap(err, "error while running post render on files");
    }
    return rc == HC_OK ? back(a, answer, files, n, err) : rc;
}
