/*
 * Positions of Lua templates. Lua knows the lines, the engine's frames know the templates: a call of a template is a call of
 * one of rt/template.lua's functions, so walking Lua's stack and counting those gives every frame its lines. A function
 * that a Lua template calls becomes a frame of its own. Lines become nodes, so that Helm's chain of positions is
 * written by the code that writes it for Go templates.
 */
#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>

#include "lua/rt/rt.h"
#include "templating/render/lua_impl.h"

/* Lua keeps its stack as a list, and each step walks it from the end. */
enum { LEVELS_MOST = 4000, SHOWN_MOST = 16, TEXT_MOST = 120, DEEP = 10000, PLACES_MOST = 8 << 20 };

const struct hc_template_file *script_file(const struct run *r, const char *source)
{
    for (size_t i = 0; source[0] == '@' && i < r->p->files_n; i++)
        if (r->p->files[i].lua && hc_str_eqz(r->p->files[i].name, source + 1))
            return &r->p->files[i];
    return NULL;
}

/* Line `n` without white space at its ends, and where it begins. */
static hc_str line_at(hc_str text, int n, uint32_t *out_pos)
{
    hc_str rest = text, line = { "", 0 };
    for (int i = 0; i < n && hc_str_split(&rest, '\n', &line); i++)
        ;
    hc_str s = hc_str_trim(line);
    *out_pos = s.p >= text.p && s.p <= text.p + text.n ? (uint32_t)(s.p - text.p) : 0;
    s.n = HC_MIN(s.n, (size_t)TEXT_MOST);
    return s;
}

/* The last line that begins with return, else the last line: what is wrong with a result stands there. */
static int return_line(hc_str text)
{
    hc_str rest = text, line;
    int at = 0, last = 1, n = 0;
    while (hc_str_split(&rest, '\n', &line)) {
        n++;
        line = hc_str_trim_left(line);
        if (line.n)
            last = n;
        if (hc_str_starts(line, HC_S("return")))
            at = n;
    }
    return at ? at : last;
}

static const struct hc_node *node_of(struct hc_arena *a, hc_str text, int line)
{
    struct hc_node *n = HC_NEW(a, struct hc_node);
    if (!n)
        return NULL;
    hc_str said = line_at(text, line, &n->pos);
    n->kind = HC_NODE_TEXT;
    n->text = said.p;
    n->n = (uint32_t)said.n;
    return n;
}

struct level {
    size_t frame;
    const struct hc_template_file *file;
    int line;
    hc_str name; /* of the function; empty: the file or named template itself */
};

static bool is_call(const lua_Debug *ar)
{
    return strcmp(ar->source, HC_RT_TEMPLATE) == 0 && strcmp(ar->what, "Lua") == 0;
}

/* Lua's levels in Lua templates, innermost first; each knows its frame. */
static size_t read_levels(struct run *r, struct level *out)
{
    lua_State *l = r->m->l;
    lua_Debug ar;
    size_t calls = 0, n = 0;
    for (int i = 0; i < LEVELS_MOST && lua_getstack(l, i, &ar); i++) {
        lua_getinfo(l, "S", &ar);
        calls += is_call(&ar);
    }
    /* include and tpl run before they have a frame and after they had it. */
    size_t inner = r->frames_n - 1, ahead = calls > inner ? calls - inner : 0, frame = inner;
    for (int i = 0; i < LEVELS_MOST && lua_getstack(l, i, &ar); i++) {
        lua_getinfo(l, "Sln", &ar);
        if (is_call(&ar)) {
            if (ahead)
                ahead--;
            else if (frame)
                frame--;
            continue;
        }
        const struct hc_template_file *f = script_file(r, ar.source);
        if (!f)
            continue;
        out[n] = (struct level){ .frame = frame, .file = f, .line = ar.currentline };
        if (strcmp(ar.what, "main") != 0)
            out[n].name = ar.name ? hc_arena_str(r->script->places, hc_str_of(ar.name))
                                  : hc_arena_printf(r->script->places, "function at line %d", ar.linedefined);
        n++;
    }
    return n;
}

static struct tmpl *tmpl_of(struct run *r, hc_str name, const struct hc_template_file *f)
{
    struct tmpl *t = HC_NEW(r->script->places, struct tmpl);
    if (t)
        t->tree = (struct hc_tree){ .name = name, .file = f->name, .text = f->text };
    return t;
}

/* Adds the levels of frame k behind it; gives the node of the innermost line. */
static const struct hc_node *put_levels(struct run *r, struct frame *to, size_t *n, const struct level *levels,
                                        size_t from, size_t count)
{
    const struct hc_node *at = NULL;
    /* From the outermost on; of very many only both ends. */
    for (size_t i = count; i-- > 0;) {
        const struct level *v = &levels[from + i];
        if (count > SHOWN_MOST && i >= SHOWN_MOST / 2 && i < count - SHOWN_MOST / 2)
            continue;
        if (i + 1 < count) {
            struct tmpl *t = tmpl_of(r, v->name.n ? v->name : v->file->name, v->file);
            to[*n] = (struct frame){ .kind = FRAME_SCRIPT, .t = t, .call = at };
            ++*n;
        } else if (!hc_str_eq(to[*n - 1].t->tree.file, v->file->name)) {
            to[*n - 1].t = tmpl_of(r, to[*n - 1].t->tree.name, v->file);
        }
        at = node_of(r->script->places, v->file->text, v->line);
    }
    return at;
}

static const struct hc_node *full_node(struct run *r, struct frame *f)
{
    const struct hc_template_file *file = r->script->full_file;
    if (!hc_str_eq(f->t->tree.file, file->name))
        f->t = tmpl_of(r, f->t->tree.name, file);
    return f->t ? node_of(r->script->places, file->text, r->script->full_line) : NULL;
}

void script_positions(struct run *r)
{
    if (!r->script || r->script->placed || r->frames_n == 0)
        return;
    r->script->placed = true;
    r->script->places = hc_arena_new(PLACES_MOST);
    struct level *levels = malloc(LEVELS_MOST * sizeof(*levels));
    struct frame *to = calloc(r->frames_n * (SHOWN_MOST + 2), sizeof(*to));
    if (!levels || !to || !r->script->places) {
        free(levels);
        free(to);
        return;
    }
    size_t levels_n = read_levels(r, levels), n = 0;
    const struct hc_node *call = NULL;
    for (size_t k = 0; k < r->frames_n; k++) {
        to[n] = r->frames[k];
        if (k > 0 && r->frames[k - 1].t->script)
            to[n].call = call;
        n++;
        if (!r->frames[k].t->script)
            continue;
        size_t from = 0, count = 0;
        while (from < levels_n && levels[from].frame != k)
            from++;
        while (from + count < levels_n && levels[from + count].frame == k)
            count++;
        hc_str text = r->frames[k].t->tree.text;
        call = put_levels(r, to, &n, levels, from, count);
        if (!call && k + 1 == r->frames_n && r->script->full_line) /* Lua's stack is gone */
            call = full_node(r, &to[n - 1]);
        if (!call)
            call = node_of(r->script->places, text, return_line(text));
    }
    if (!hc_arena_spent(r->script->places)) {
        if (r->frames[r->frames_n - 1].t->script)
            r->at = call;
        free(r->frames);
        r->frames = to;
        r->frames_n = r->frames_cap = n;
        r->f = &r->frames[n - 1];
        to = NULL;
    }
    free(to);
    free(levels);
}

void script_full(void *run)
{
    struct run *r = run;
    lua_Debug ar;
    if (!r->script)
        return;
    r->script->deep = lua_getstack(r->m->l, DEEP, &ar) != 0;
    r->script->full_line = 0;
    for (int i = 0; i < 16 && lua_getstack(r->m->l, i, &ar); i++) {
        lua_getinfo(r->m->l, "Sl", &ar);
        r->script->full_file = script_file(r, ar.source);
        if (r->script->full_file) {
            r->script->full_line = ar.currentline;
            return;
        }
    }
}

bool script_position(struct run *r, hc_str *out_file, int *out_line, hc_str *out_text)
{
    lua_Debug ar;
    uint32_t pos;
    for (int i = 0; i < 16 && lua_getstack(r->m->l, i, &ar); i++) {
        lua_getinfo(r->m->l, "Sl", &ar);
        const struct hc_template_file *f = script_file(r, ar.source);
        if (!f)
            continue;
        *out_file = f->name;
        *out_line = ar.currentline;
        *out_text = line_at(f->text, ar.currentline, &pos);
        return true;
    }
    return false;
}

const struct hc_node *script_trace_node(struct run *r)
{
    hc_str file, line;
    hc_str text = r->f->t->tree.text;
    int at;
    if (!script_position(r, &file, &at, &line) || !hc_str_eq(file, r->f->t->tree.file))
        at = return_line(text);
    r->at = node_of(r->a, text, at);
    check_arena(r);
    return r->at;
}

/* ---- Lua's own errors -------------------------------------------------------------------------------- */

/* Lua puts "FILE:LINE: " in front of its own messages and of those of error(). */
static hc_str message(struct run *r, lua_State *l)
{
    lua_Debug ar;
    if (lua_type(l, 1) != LUA_TSTRING) {
        luaL_tolstring(l, 1, NULL);
        if (lua_type(l, 1) == LUA_TTABLE || lua_type(l, 1) == LUA_TFUNCTION)
            return hc_arena_printf(r->a, "error() was given a %s; give it a text", luaL_typename(l, 1));
        return hc_arena_str(r->a, hc_str_of(lua_tostring(l, -1)));
    }
    size_t n;
    const char *p = lua_tolstring(l, 1, &n);
    hc_str all = hc_str_n(p, n);
    for (int i = 0; i < 4 && lua_getstack(l, i, &ar); i++) {
        char where[LUA_IDSIZE + 32];
        lua_getinfo(l, "Sl", &ar);
        int len = snprintf(where, sizeof(where), "%s:%d: ", ar.short_src, ar.currentline);
        if (len > 0 && ar.currentline > 0 && hc_str_starts(all, hc_str_n(where, (size_t)len)))
            return hc_arena_str(r->a, hc_str_sub(all, (size_t)len, n));
    }
    return hc_arena_str(r->a, all);
}

int script_handle(lua_State *l)
{
    struct run *r = run_of(l);
    lua_Debug ar;
    bool ours = false;
    if (r->rc != HC_OK || !r->script || r->frames_n == 0)
        return 1;
    if (hc_luabox_spent(r->m->sandbox) != HC_SPENT_NOTHING) {
        (void)run_error(r);
        return 1;
    }
    lua_settop(l, 1);
    if (hc_arena_spent(r->a)) {
        hc_run_note_limit(r, "memory");
        return 1;
    }
    for (int i = 0; i < 8 && !ours && lua_getstack(l, i, &ar); i++) {
        lua_getinfo(l, "S", &ar);
        ours = script_file(r, ar.source) != NULL || strcmp(ar.source, HC_RT_SCRIPT) == 0;
    }
    /* In a frame of a Go template it is the engine's own affair. */
    if (!ours && !r->f->t->script)
        return 1;
    hc_run_note_msg(r, message(r, l));
    return 1;
}
