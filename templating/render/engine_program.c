/*
 * A program: the parsed templates of a chart under their names, and a small pool of Lua states for what C does not
 * walk. Parsing is done for all files at once, because a mistake in any of them must be told. Then the trees do not
 * change any more; Lua is emitted, from a tree of its own, for a template that Lua has to run.
 */
#include <stdlib.h>

#include "core/base/limits.h"
#include "core/base/mem.h"
#include "lua/funcs/gofmt.h"
#include "lua/funcs/gounicode.h"
#include "templating/render/engine_impl.h"
#include "templating/render/lua_impl.h"

static _Atomic uint64_t parses, programs;

void program_count(void)
{
    atomic_fetch_add_explicit(&parses, 1, memory_order_relaxed);
}

uint64_t hc_program_parses(void)
{
    return atomic_load_explicit(&parses, memory_order_relaxed);
}

/* ---- functions -------------------------------------------------------------------------------------- */

static const struct hc_func own_funcs[] = {
    [OWN_INCLUDE] = { "include", "sa", NULL },   [OWN_TPL] = { "tpl", "sa", NULL },
    [OWN_AND] = { "and", "rr*", NULL },          [OWN_OR] = { "or", "rr*", NULL },
    [OWN_CALL] = { "call", "rr*", NULL },        [OWN_FAIL] = { "fail", "s", NULL },
    [OWN_REQUIRED] = { "required", "sa", NULL },
};

enum own_func own_func_of(const struct hc_func *f)
{
    if (f >= own_funcs && f < own_funcs + HC_LEN(own_funcs))
        return (enum own_func)(f - own_funcs);
    return OWN_NONE;
}

const char *own_func_name(enum own_func f)
{
    return own_funcs[f].name;
}

static bool is_alnum(uint32_t r)
{
    return hc_rune_is(r, HC_RUNE_LETTER | HC_RUNE_DIGIT);
}

static bool is_print(uint32_t r)
{
    return hc_rune_is(r, HC_RUNE_PRINT);
}

static const void *find_func(void *ctx, hc_str name)
{
    const struct hc_program *p = ctx;
    for (size_t i = 1; i < HC_LEN(own_funcs); i++) {
        if (name.p[0] == own_funcs[i].name[0] && hc_str_eqz(name, own_funcs[i].name))
            return &own_funcs[i];
    }
    return hc_func_find(name, p->helm3);
}

static enum hc_emit_func func_kind(const void *func)
{
    switch (own_func_of(func)) {
    case OWN_INCLUDE:
        return HC_EMIT_INCLUDE;
    case OWN_TPL:
        return HC_EMIT_TPL;
    case OWN_AND:
        return HC_EMIT_AND;
    case OWN_OR:
        return HC_EMIT_OR;
    default:
        return HC_EMIT_PLAIN;
    }
}

static char func_param(const void *func, uint32_t i)
{
    return param_type(((const struct hc_func *)func)->params, i);
}

static bool miscounted(const struct hc_node *cmd)
{
    const struct hc_func *f = cmd->items[0]->ident.func;
    size_t want = strlen(f->params), have = cmd->n - 1 + ((cmd->flags & HC_NODE_PIPED) != 0);
    bool variadic = want > 0 && f->params[want - 1] == '*';
    return variadic ? have < want - 2 : have != want;
}

/* ---- names ------------------------------------------------------------------------------------------ */

static uint32_t *name_slot(const struct hc_program *p, hc_str name)
{
    size_t i = (size_t)hc_str_hash(name) & (p->index_cap - 1);
    while (p->index[i] && !hc_str_eq(p->names[p->index[i] - 1].name, name))
        i = (i + 1) & (p->index_cap - 1);
    return &p->index[i];
}

struct tmpl *program_find(const struct hc_program *p, hc_str name, uint32_t *out_entry)
{
    if (p->names_n == 0)
        return NULL;
    uint32_t at = *name_slot(p, name);
    if (at == 0)
        return NULL;
    *out_entry = at - 1;
    return p->names[at - 1].tmpl;
}

/* The last definition of a name wins, but an empty one replaces nothing (B7.2). */
static enum hc_rc define(struct hc_program *p, struct tmpl *t, struct hc_err *err)
{
    if ((p->names_n + 1) * 2 > p->index_cap) {
        size_t cap = p->index_cap ? p->index_cap * 2 : 256;
        uint32_t *index = hc_calloc(cap, sizeof(*index));
        struct name_entry *names = index ? hc_realloc(p->names, cap * sizeof(*names)) : NULL;
        if (!names) {
            free(index);
            return hc_fail_nomem(err);
        }
        free(p->index);
        p->index = index;
        p->index_cap = cap;
        p->names = names;
        for (uint32_t i = 0; i < p->names_n; i++)
            *name_slot(p, p->names[i].name) = i + 1;
    }
    uint32_t *at = name_slot(p, t->tree.name);
    if (*at == 0) {
        p->names[p->names_n++] = (struct name_entry){ t->tree.name, t };
        *at = (uint32_t)p->names_n;
    } else if (!t->tree.empty) {
        p->names[*at - 1].tmpl = t;
    }
    return HC_OK;
}

/* ---- compiling -------------------------------------------------------------------------------------- */

/* For walking: literals become values, includes of a fixed name find it at once. */
static struct hc_emit_port walk_port(struct bind_ctx *ctx)
{
    return (struct hc_emit_port){
        .ctx = ctx, .kind = func_kind, .miscounted = miscounted, .param = func_param, .bind = eval_bind
    };
}

static enum hc_rc make_templates(struct hc_program *p, struct hc_arena *a, hc_str name, hc_str text, uint32_t index,
                                 struct tmpl **out, size_t *out_n, struct hc_buf *out_error, struct hc_err *err)
{
    struct hc_tree *first;
    enum hc_rc rc = hc_syntax_parse(a, &p->port, name, text, sizeof(struct tmpl), &first, out_n, out_error, err);
    if (rc != HC_OK)
        return rc;
    struct tmpl *t = (struct tmpl *)(void *)first; /* a tree is what a template begins with */
    for (uint32_t i = 0; i < *out_n; i++) {
        t[i].index = index + i;
        t[i].nth = i;
    }
    *out = t;
    return hc_arena_check(a, err, "the templates of a chart");
}

static enum hc_rc resolve(struct hc_program *p, struct hc_arena *a, struct tmpl *t, size_t n,
                          struct literals *known, struct hc_err *err)
{
    struct bind_ctx ctx = { p, a, known };
    const struct hc_emit_port port = walk_port(&ctx);
    enum hc_rc rc = HC_OK;
    for (size_t i = 0; i < n && rc == HC_OK; i++)
        rc = hc_emit_resolve(&port, &t[i].tree, &t[i].slots, err);
    return rc == HC_OK ? hc_arena_check(a, err, "the templates of a chart") : rc;
}

enum hc_rc program_parse(struct hc_program *p, struct hc_arena *a, hc_str name, hc_str text, uint32_t index,
                         struct tmpl **out, size_t *out_n, struct hc_buf *out_error, struct hc_err *err)
{
    enum hc_rc rc = make_templates(p, a, name, text, index, out, out_n, out_error, err);
    return rc == HC_OK ? resolve(p, a, *out, *out_n, NULL, err) : rc;
}

/* Gives all templates of the text that `t` stands in their twins, and `t`'s its Lua. */
static enum hc_rc prepare(struct hc_program *p, struct hc_arena *a, struct tmpl *t, struct tmpl **out,
                          struct hc_err *err)
{
    struct tmpl *lua = atomic_load_explicit(&t->lua, memory_order_relaxed);
    if (!lua) {
        size_t n;
        enum hc_rc rc = make_templates(p, a, t->tree.file, t->tree.text, t->index - t->nth, &lua, &n, NULL, err);
        if (rc != HC_OK)
            return rc;
        for (size_t i = 0; i < n; i++)
            atomic_store_explicit(&(t - t->nth)[i].lua, &lua[i], memory_order_release);
        if (a == p->a)
            program_count();
        lua += t->nth;
    }
    *out = lua;
    if (atomic_load_explicit(&lua->ready, memory_order_relaxed))
        return HC_OK;
    struct bind_ctx ctx = { p, a, NULL };
    const struct hc_emit_port port = walk_port(&ctx);
    struct hc_code *code = HC_NEW(a, struct hc_code);
    enum hc_rc rc = code ? hc_emit(a, &port, &lua->tree, false, a == p->a, code, err)
                         : hc_arena_check(a, err, "compiled templates");
    if (rc == HC_OK) {
        lua->code = code;
        lua->slots = code->slots;
        atomic_store_explicit(&lua->ready, true, memory_order_release);
    }
    return rc;
}

enum hc_rc program_lua(struct hc_program *p, struct tmpl *t, struct tmpl **out, struct hc_err *err)
{
    struct tmpl *lua = atomic_load_explicit(&t->lua, memory_order_acquire);
    *out = lua;
    if (lua && atomic_load_explicit(&lua->ready, memory_order_acquire))
        return HC_OK;
    pthread_mutex_lock(&p->lock);
    enum hc_rc rc = prepare(p, p->a, t, out, err);
    pthread_mutex_unlock(&p->lock);
    return rc;
}

enum hc_rc text_lua(struct hc_program *p, struct hc_arena *a, struct tmpl *t, struct tmpl **out, struct hc_err *err)
{
    return prepare(p, a, t, out, err);
}

struct sort_by {
    const struct hc_template_file *files;
    uint32_t *depth; /* slashes in their names */
};

static uint32_t slashes(hc_str s)
{
    uint32_t n = 0;
    for (size_t i = 0; i < s.n; i++)
        n += s.p[i] == '/';
    return n;
}

/* Helm pkg/engine: sortTemplates: deep paths first, then descending names. */
static int by_path(const void *x, const void *y, void *ctx)
{
    const struct sort_by *by = ctx;
    uint32_t i = *(const uint32_t *)x, k = *(const uint32_t *)y;
    const struct hc_template_file *a = &by->files[i], *b = &by->files[k];
    uint32_t ca = by->depth[i], cb = by->depth[k];
    if (ca != cb)
        return ca > cb ? -1 : 1;
    return hc_str_cmp(b->name, a->name);
}

struct file_tmpls {
    struct tmpl *items;
    size_t n;
    const struct file_tmpls *like; /* a file of the same text, whose trees these are too; NULL: its own */
};

/* A file before this one with the same text: charts carry copies of each other's helpers. */
static const struct file_tmpls *find_like(const struct hc_program *p, const struct file_tmpls *made, size_t at)
{
    const struct hc_template_file *f = &p->files[p->order[at]];
    for (size_t i = 0; i < at && f->text.n > 200 && !f->lua; i++) {
        const struct file_tmpls *m = &made[i];
        if (m->like || m->n == 0 || !hc_str_eq(p->files[p->order[i]].text, f->text))
            continue;
        for (size_t k = 0; k + 1 < m->n; k++) /* a define may have a file's name */
            if (hc_str_eq(m->items[k].tree.name, f->name) ||
                hc_str_eq(m->items[k].tree.name, m->items[0].tree.file))
                return NULL;
        return m;
    }
    return NULL;
}

/* The same trees under the names of another file. */
static enum hc_rc share_templates(struct hc_program *p, const struct hc_template_file *f,
                                  const struct file_tmpls *like, struct file_tmpls *out, struct hc_err *err)
{
    struct tmpl *t = HC_NEW_N(p->a, struct tmpl, like->n);
    if (!t)
        return hc_arena_check(p->a, err, "the templates of a chart");
    for (uint32_t i = 0; i < like->n; i++) {
        t[i].tree = like->items[i].tree;
        t[i].tree.file = f->name;
        t[i].index = p->tmpls_n + 1 + i;
        t[i].nth = i;
    }
    t[like->n - 1].tree.name = f->name;
    *out = (struct file_tmpls){ t, like->n, like };
    return HC_OK;
}

/* A Lua template: one template, whose text is compiled when it first runs. What it defines is known to a run only. */
static enum hc_rc add_script(struct hc_program *p, const struct hc_template_file *f, struct hc_err *err)
{
    struct tmpl *t = HC_NEW(p->a, struct tmpl);
    enum hc_rc rc = t ? script_check(f, err) : hc_arena_check(p->a, err, "the templates of a chart");
    if (rc != HC_OK)
        return rc;
    program_count();
    t->tree = (struct hc_tree){ .name = f->name, .file = f->name, .text = f->text };
    t->slots = 1;
    t->index = ++p->tmpls_n;
    t->script = 1 + (uint32_t)(f - p->files);
    p->scripts_n++;
    return define(p, t, err);
}

static enum hc_rc add_file(struct hc_program *p, const struct hc_template_file *f, const struct file_tmpls *like,
                           struct file_tmpls *out, struct hc_buf *whole, struct hc_err *err)
{
    struct tmpl *tmpls;
    size_t n;
    if (f->lua)
        return add_script(p, f, err);
    enum hc_rc rc = HC_OK;
    if (like) {
        rc = share_templates(p, f, like, out, err);
    } else {
        if (make_templates(p, p->a, f->name, f->text, p->tmpls_n + 1, &tmpls, &n, whole, err) != HC_OK)
            return clean_parse_error(f->name, whole, err);
        program_count();
        *out = (struct file_tmpls){ tmpls, n, NULL };
    }
    p->tmpls_n += (uint32_t)out->n;
    for (size_t i = 0; i < out->n && rc == HC_OK; i++)
        rc = define(p, &out->items[i], err);
    return rc;
}

static enum hc_rc resolve_file(struct hc_program *p, struct file_tmpls *f, struct literals *known,
                               struct hc_err *err)
{
    if (!f->like)
        return resolve(p, p->a, f->items, f->n, known, err);
    for (size_t i = 0; i < f->n; i++) /* it stands before */
        f->items[i].slots = f->like->items[i].slots;
    return HC_OK;
}

static enum hc_rc add_files(struct hc_program *p, const struct hc_template_file *files, size_t n,
                            struct hc_buf *whole, struct hc_err *err)
{
    p->files = HC_NEW_N(p->a, struct hc_template_file, n ? n : 1);
    p->order = HC_NEW_N(p->a, uint32_t, n ? n : 1);
    p->files_n = n;
    if (!p->files || !p->order)
        return hc_arena_check(p->a, err, "the templates of a chart");
    for (size_t i = 0; i < n; i++) {
        p->files[i] = files[i];
        p->files[i].name = hc_arena_str(p->a, files[i].name);
        p->files[i].base_path = hc_arena_str(p->a, files[i].base_path);
        if (!files[i].borrowed)
            p->files[i].text = hc_arena_str(p->a, files[i].text);
        p->order[i] = (uint32_t)i;
    }
    enum hc_rc rc = hc_arena_check(p->a, err, "the templates of a chart");
    if (rc != HC_OK)
        return rc;
    struct file_tmpls *made = hc_calloc(n, sizeof(*made));
    struct sort_by by = { p->files, hc_calloc(n, sizeof(*by.depth)) };
    if (!made || !by.depth) {
        free(made);
        free(by.depth);
        return hc_fail_nomem(err);
    }
    for (size_t i = 0; i < n; i++)
        by.depth[i] = slashes(p->files[i].name);
    qsort_r(p->order, n, sizeof(*p->order), by_path, &by);
    free(by.depth);
    for (size_t i = 0; i < n && rc == HC_OK; i++)
        rc = add_file(p, &p->files[p->order[i]], find_like(p, made, i), &made[i], whole, err);
    struct literals known = { 0 };
    /* Only now all names are known that an include may give. */
    for (size_t i = 0; i < n && rc == HC_OK; i++)
        rc = resolve_file(p, &made[i], &known, err);
    free(made);
    return rc;
}

enum hc_rc hc_program_compile(const struct hc_template_file *files, size_t n, bool helm3, struct hc_program **out,
                              struct hc_buf *out_error, struct hc_err *err)
{
    struct hc_err unused = HC_ERR_INIT;
    HC_AUTO(hc_buf) struct hc_buf own;
    hc_buf_init(&own, 0);
    err = err ? err : &unused;
    struct hc_program *p = hc_calloc(1, sizeof(*p));
    if (!p)
        return hc_fail_nomem(err);
    pthread_mutex_init(&p->lock, NULL);
    atomic_init(&p->refs, 1);
    p->serial = atomic_fetch_add_explicit(&programs, 1, memory_order_relaxed);
    p->helm3 = helm3;
    p->port = (struct hc_syntax_port){
        .ctx = p, .find_func = find_func, .is_alnum = is_alnum, .is_print = is_print, .quote = hc_go_quote
    };
    p->a = hc_arena_new(0);
    enum hc_rc rc = p->a ? add_files(p, files, n, out_error ? out_error : &own, err) : hc_fail_nomem(err);
    if (rc != HC_OK) {
        hc_program_unref(p);
        return rc;
    }
    *out = p;
    return HC_OK;
}

/* ---- life ------------------------------------------------------------------------------------------- */

static void machine_free(struct machine *m)
{
    if (!m)
        return;
    hc_luabox_free(m->sandbox);
    free(m);
}

struct hc_program *hc_program_ref(struct hc_program *p)
{
    atomic_fetch_add_explicit(&p->refs, 1, memory_order_relaxed);
    return p;
}

void hc_program_unref(struct hc_program *p)
{
    if (!p || atomic_fetch_sub_explicit(&p->refs, 1, memory_order_acq_rel) != 1)
        return;
    while (p->pool) {
        struct machine *m = p->pool;
        p->pool = m->next;
        machine_free(m);
    }
    free(p->names);
    free(p->index);
    hc_arena_free(p->a);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

size_t hc_program_bytes(const struct hc_program *p)
{
    struct hc_program *q = (struct hc_program *)(uintptr_t)p;
    pthread_mutex_lock(&q->lock);
    size_t n = hc_arena_used(p->a) + p->index_cap * (sizeof(*p->names) + sizeof(*p->index));
    for (const struct machine *m = p->pool; m; m = m->next)
        n += hc_luabox_bytes(m->sandbox);
    pthread_mutex_unlock(&q->lock);
    return n;
}

/* ---- Lua states ------------------------------------------------------------------------------------- */

/* Idle states a program keeps: as many as threads usually render the same chart at once. */
enum { POOL_MAX = 2 };

static int open_protected(lua_State *l)
{
    engine_open_raises(l);
    return 0;
}

static int open_scripts_protected(lua_State *l)
{
    engine_open_raises(l);
    script_open_raises(l);
    return 0;
}

struct machine *machine_take(struct hc_program *p)
{
    pthread_mutex_lock(&p->lock);
    struct machine *m = p->pool;
    if (m) {
        p->pool = m->next;
        p->pool_n--;
    }
    pthread_mutex_unlock(&p->lock);
    if (m)
        return m;
    m = hc_calloc(1, sizeof(*m));
    if (!m)
        return NULL;
    m->sandbox = hc_luabox_new(p->scripts_n ? HC_MAX_SCRIPT_BYTES : 0);
    if (m->sandbox) {
        if (p->scripts_n)
            hc_luabox_for_people(m->sandbox, HC_MAX_SCRIPT_TEXT, script_full);
        m->l = hc_luabox_lua(m->sandbox);
        lua_pushcfunction(m->l, p->scripts_n ? open_scripts_protected : open_protected);
        if (lua_pcall(m->l, 0, 0, 0) == LUA_OK)
            return m;
    }
    machine_free(m);
    return NULL;
}

void machine_give(struct hc_program *p, struct machine *m, bool good)
{
    hc_luabox_set_user(m->sandbox, NULL);
    if (good) {
        pthread_mutex_lock(&p->lock);
        good = p->pool_n < POOL_MAX;
        if (good) {
            m->next = p->pool;
            p->pool = m;
            p->pool_n++;
        }
        pthread_mutex_unlock(&p->lock);
    }
    if (!good)
        machine_free(m);
}

/* ---- showing ---------------------------------------------------------------------------------------- */

enum hc_rc hc_program_lua(struct hc_program *p, hc_str name, struct hc_arena *a, hc_str *out, struct hc_err *err)
{
    uint32_t entry;
    struct tmpl *t = program_find(p, name, &entry);
    struct hc_tree *trees;
    struct hc_code code;
    size_t n;
    if (!t)
        return hc_fail(err, HC_E_NOTFOUND, "no template named %.*s", HC_P(name));
    if (t->script) {
        *out = t->tree.text;
        return HC_OK;
    }
    /* Emitting marks the nodes, so it is done on a tree of its own. */
    enum hc_rc rc = hc_syntax_parse(a, &p->port, t->tree.file, t->tree.text, sizeof(*trees), &trees, &n, NULL, err);
    if (rc != HC_OK)
        return rc;
    for (size_t i = 0; i < n; i++) {
        if (!hc_str_eq(trees[i].name, name))
            continue;
        const struct hc_emit_port port = { .kind = func_kind, .miscounted = miscounted, .param = func_param };
        rc = hc_emit(a, &port, &trees[i], true, false, &code, err);
        if (rc == HC_OK)
            *out = code.lua;
        return rc;
    }
    return hc_fail(err, HC_E_BUG, "template %.*s went missing", HC_P(name));
}
