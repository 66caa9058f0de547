/*
 * Error texts (templating-facts B13).
 *
 * Go wraps: an error in an included template is the text of the outer position, "error calling include: ", and the
 * inner text. So the whole is one text, built from the frames, and every error of the chain is a tail of it. Helm
 * then looks for its own marks (fail, required), and else, from Helm 4 on, writes the chain as blocks, when it can
 * read every link of it; the readers below are Helm's, quirks included.
 */
#include <lauxlib.h>
#include <stdarg.h>
#include <stdio.h>

#include "core/base/limits.h"
#include "lua/funcs/gofmt.h"
#include "templating/render/engine_impl.h"
#include "templating/render/lua_impl.h"

#define MARK_START "HELM_ERR_START"
#define MARK_END   "HELM_ERR_END"

/* ---- building the chain ---------------------------------------------------------------------------- */

struct chain {
    size_t *at; /* where each link begins in the text */
    size_t n;
};

static void put_position(struct run *r, struct hc_buf *b, const struct tmpl *t, const struct hc_node *n)
{
    int line, col;
    hc_syntax_where(&t->tree, n, &line, &col);
    hc_buf_printf(b, "template: %.*s:%d:%d: executing ", HC_P(t->tree.file), line, col);
    hc_go_quote(b, t->tree.name);
    hc_buf_puts(b, " at <");
    hc_syntax_print(b, &r->p->port, n);
    hc_buf_puts(b, ">: ");
}

/* Where a Lua template is, when there was no memory to find it out. */
static const struct hc_node *somewhere(const struct hc_node *n)
{
    static const struct hc_node start = { .kind = HC_NODE_IDENT };
    return n ? n : &start;
}

static const struct hc_node *node_at(const struct run *r)
{
    return somewhere(r->at ? r->at : r->f->t->tree.root);
}

/* `wrapped`: where in `msg` the text of a function's own error begins, SIZE_MAX: there is none. */
static struct chain build(struct run *r, hc_str msg, size_t wrapped)
{
    struct hc_buf *b = &r->error;
    struct chain c = { hc_arena_alloc_n(r->a, r->frames_n * 2 + 2, sizeof(size_t), sizeof(size_t)), 0 };
    hc_buf_reset(b);
    for (size_t i = 0; i < r->frames_n; i++) {
        const struct frame *f = &r->frames[i], *inner = i + 1 < r->frames_n ? f + 1 : NULL;
        if (inner && inner->kind == FRAME_TEMPLATE)
            continue;
        if (c.at)
            c.at[c.n++] = b->n;
        put_position(r, b, f->t, inner ? somewhere(inner->call) : node_at(r));
        if (!inner)
            continue;
        if (inner->kind == FRAME_INCLUDE || inner->kind == FRAME_SCRIPT) {
            hc_str name = inner->kind == FRAME_SCRIPT ? inner->t->tree.name : HC_S("include");
            hc_buf_printf(b, "error calling %.*s: ", HC_P(name));
            continue;
        }
        hc_buf_puts(b, "error calling tpl: ");
        if (c.at)
            c.at[c.n++] = b->n;
        hc_buf_puts(b, "error during tpl function execution for ");
        hc_go_quote(b, inner->text);
        hc_buf_puts(b, ": ");
    }
    if (c.at && wrapped != SIZE_MAX)
        c.at[c.n++] = b->n + wrapped;
    hc_buf_put(b, msg);
    return c;
}

/* ---- Helm's rewriting ------------------------------------------------------------------------------ */

struct link {
    hc_str location, function, at, message;
};

/* Cuts at the first `sep`. */
static bool cut(hc_str s, const char *sep, hc_str *before, hc_str *after)
{
    size_t i = hc_str_find_str(s, hc_str_of(sep));
    if (i == SIZE_MAX)
        return false;
    *before = hc_str_sub(s, 0, i);
    *after = hc_str_sub(s, i + strlen(sep), s.n);
    return true;
}

static hc_str cut_nested(hc_str message)
{
    hc_str before, after;
    return cut(message, " template:", &before, &after) ? before : message;
}

static bool read_link(hc_str s, struct link *out)
{
    memset(out, 0, sizeof(*out));
    if (!hc_str_starts(s, HC_S("template: ")))
        return false;
    hc_str rest = hc_str_sub(s, 10, s.n), after;
    if (hc_str_starts(rest, HC_S("no template "))) {
        out->message = s;
        return true;
    }
    if (cut(rest, ": executing ", &out->location, &after) && after.n > 0 && after.p[0] == '"') {
        size_t end = hc_str_find(hc_str_sub(after, 1, after.n), '"');
        if (end != SIZE_MAX) {
            out->function = hc_str_sub(after, 1, 1 + end);
            after = hc_str_sub(after, end + 2, after.n);
            hc_str at = hc_str_sub(after, 5, after.n);
            if (hc_str_starts(after, HC_S(" at <")) && cut(at, ">: ", &out->at, &out->message)) {
                out->message = cut_nested(out->message);
                return true;
            }
        }
    }
    memset(out, 0, sizeof(*out));
    for (size_t i = rest.n; i-- > 1;) {
        if (rest.p[i - 1] == ':' && rest.p[i] == ' ') {
            out->location = hc_str_sub(rest, 0, i - 1);
            out->message = cut_nested(hc_str_sub(rest, i + 1, rest.n));
            return true;
        }
    }
    return false;
}

static bool same_link(const struct link *x, const struct link *y)
{
    return hc_str_eq(x->location, y->location) && hc_str_eq(x->function, y->function) && hc_str_eq(x->at, y->at) &&
           hc_str_eq(x->message, y->message);
}

/* reformatExecErrorMsg: false leaves the text as Go made it. */
static bool put_blocks(struct hc_buf *b, hc_str all, const struct chain *c)
{
    struct link last = { 0 };
    for (size_t i = 0; i < c->n; i++) {
        struct link l;
        if (!read_link(hc_str_sub(all, c->at[i], all.n), &l))
            return false;
        if (i > 0 && same_link(&l, &last))
            continue;
        last = l;
        if (l.location.n)
            hc_buf_printf(b, "%.*s\n  ", HC_P(l.location));
        if (l.function.n || l.at.n)
            hc_buf_printf(b, "executing \"%.*s\" at <%.*s>:\n    ", HC_P(l.function), HC_P(l.at));
        if (l.message.n)
            hc_buf_printf(b, "%.*s\n", HC_P(l.message));
    }
    return true;
}

static void rewrite(struct run *r, const struct chain *c)
{
    hc_str all = hc_buf_str(&r->error), first, location, rest;
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    if (cut(all, ": ", &first, &rest) && cut(rest, ": ", &location, &rest)) {
        size_t from = hc_str_find_str(rest, HC_S(MARK_START)), to = SIZE_MAX;
        for (size_t i = rest.n >= sizeof(MARK_END) ? rest.n - sizeof(MARK_END) + 2 : 0;
             from != SIZE_MAX && i-- > from + sizeof(MARK_START) - 1;) {
            if (memcmp(rest.p + i, MARK_END, sizeof(MARK_END) - 1) == 0) {
                to = i;
                break;
            }
        }
        if (to != SIZE_MAX) {
            hc_buf_printf(&b, "execution error at (%.*s): ", HC_P(location));
            hc_buf_put(&b, hc_str_sub(rest, from + sizeof(MARK_START) - 1, to));
            hc_buf_reset(&r->error);
            hc_buf_put(&r->error, hc_buf_str(&b));
            return;
        }
    }
    if (r->in->helm3 || !c->at || !put_blocks(&b, all, c))
        return;
    hc_buf_reset(&r->error);
    hc_buf_put(&r->error, hc_str_trim(hc_buf_str(&b)));
}

/* ---- the same as data ---------------------------------------------------------------------------------- */

static hc_str line_of(hc_str text, uint32_t pos)
{
    size_t from = HC_MIN((size_t)pos, text.n), to = from;
    while (from > 0 && text.p[from - 1] != '\n')
        from--;
    while (to < text.n && text.p[to] != '\n')
        to++;
    return hc_str_sub(text, from, to);
}

/* What a marked text (fail, required) says. */
static hc_str unmarked(hc_str msg)
{
    size_t from = hc_str_find_str(msg, HC_S(MARK_START)), to = hc_str_find_str(msg, HC_S(MARK_END));
    if (from == SIZE_MAX || to == SIZE_MAX || to < from)
        return msg;
    return hc_str_sub(msg, from + sizeof(MARK_START) - 1, to);
}

static void tell_fault(struct run *r, hc_str msg)
{
    struct hc_fault *out = r->in->fault;
    if (!out)
        return;
    *out = (struct hc_fault){ .message = hc_arena_str(r->a, unmarked(msg)) };
    out->frames = HC_NEW_N(r->a, struct hc_fault_frame, r->frames_n + 1);
    for (size_t i = r->frames_n; out->frames && i-- > 0;) {
        const struct frame *f = &r->frames[i], *inner = i + 1 < r->frames_n ? f + 1 : NULL;
        const struct hc_node *n = inner ? somewhere(inner->call) : node_at(r);
        struct hc_fault_frame *to = &out->frames[out->frames_n++];
        hc_syntax_where(&f->t->tree, n, &to->line, &to->col);
        to->file = hc_arena_str(r->a, f->t->tree.file);
        to->name = hc_arena_str(r->a, f->t->tree.name);
        to->expr = node_text(r, n);
        to->text = hc_arena_str(r->a, line_of(f->t->tree.text, n->pos));
    }
    const struct hc_node *at = r->frames_n ? node_at(r) : NULL;
    if (at && at->kind == HC_NODE_COMMAND && at->n > 1) /* required: its last argument */
        at = at->items[at->n - 1];
    if (!at || (at->kind != HC_NODE_FIELD && at->kind != HC_NODE_VARIABLE))
        return;
    bool root = at->kind == HC_NODE_VARIABLE; /* of variables only "$" stands for the root */
    if (root && !hc_str_eqz(hc_node_first_name(at), "$"))
        return;
    hc_str *names = HC_NEW_N(r->a, hc_str, at->n + 1);
    struct hc_names read = hc_node_names(at);
    for (uint32_t i = 0; names && i < at->n; i++) {
        hc_str name = hc_names_next(&read);
        if (i >= root)
            names[out->path_n++] = hc_arena_str(r->a, name);
    }
    out->path = names;
}

/* ---- leaving --------------------------------------------------------------------------------------- */

static void set_err(struct run *r, enum hc_rc rc)
{
    hc_str text = hc_buf_str(&r->error);
    if (text.n == 0 || hc_buf_check(&r->error, NULL, "error") == HC_E_NOMEM) {
        rc = HC_E_NOMEM;
        text = HC_S("out of memory while an error was put into words");
    }
    r->rc = rc;
    if (r->frames_n > 0) {
        int line, col;
        const struct tmpl *t = r->f->t;
        hc_syntax_where(&t->tree, node_at(r), &line, &col);
        hc_fail_at(r->err, rc, t->tree.file, line, col + 1, "%.*s", HC_P(text)); /* Helm's texts count from 0 */
    } else {
        hc_fail(r->err, rc, "%.*s", HC_P(text));
    }
}

static HC_NORETURN void leave(struct run *r)
{
    if (!r->in_lua)
        longjmp(r->out_of_run, 1);
    lua_pushliteral(r->m->l, "template error");
    lua_error(r->m->l);
    __builtin_unreachable();
}

void run_steps_spent(struct run *r)
{
    r->stopped = true;
    longjmp(r->out_of_run, 1);
}

static void note_with(struct run *r, hc_str msg, size_t wrapped)
{
    script_positions(r);
    struct chain c = build(r, msg, wrapped);
    tell_fault(r, msg);
    rewrite(r, &c);
    set_err(r, HC_E_INPUT);
}

static HC_NORETURN void fail_with(struct run *r, hc_str msg, size_t wrapped)
{
    note_with(r, msg, wrapped);
    leave(r);
}

void hc_run_note_msg(struct run *r, hc_str msg)
{
    note_with(r, msg, SIZE_MAX);
}

void hc_run_fail_msg(struct run *r, hc_str msg)
{
    fail_with(r, msg, SIZE_MAX);
}

void hc_run_fail(struct run *r, const char *fmt, ...)
{
    struct hc_buf b;
    va_list ap;
    char small[512], *text = small;
    va_start(ap, fmt);
    int n = vsnprintf(small, sizeof(small), fmt, ap);
    va_end(ap);
    size_t len = n < 0 ? 0 : (size_t)n;
    if (len >= sizeof(small)) {
        /* In the arena: what is on the heap would be lost by leaving. */
        text = hc_arena_alloc(r->a, len + 1, 1);
        if (text) {
            va_start(ap, fmt);
            vsnprintf(text, len + 1, fmt, ap);
            va_end(ap);
        } else {
            text = small;
            len = sizeof(small) - 1;
        }
    }
    (void)b;
    hc_run_fail_msg(r, (hc_str){ text, len });
}

void hc_run_fail_call(struct run *r, const struct hc_node *node, hc_str name, hc_str msg)
{
    r->at = node;
    const hc_str parts[] = { HC_S("error calling "), name, HC_S(": "), msg };
    hc_str all = hc_arena_cat(r->a, HC_LEN(parts), parts);
    fail_with(r, all, all.n - msg.n);
}

static void spent_text(struct run *r, const char *what)
{
    int line = 0, col = 0;
    script_positions(r);
    hc_buf_reset(&r->error);
    if (r->frames_n > 0) {
        const struct tmpl *t = r->f->t;
        hc_syntax_where(&t->tree, node_at(r), &line, &col);
        hc_buf_printf(&r->error, "%.*s:%d:%d: rendering stopped in template ", HC_P(t->tree.file), line, col);
        hc_go_quote(&r->error, t->tree.name);
        hc_buf_puts(&r->error, ": ");
    }
    hc_buf_puts(&r->error, what);
    /* Texts given to tpl are in no file: say which file asked for the outermost of them. */
    size_t i = r->frames_n;
    while (i > 1 && r->frames[i - 1].kind == FRAME_TPL)
        i--;
    if (i < r->frames_n && i > 0) {
        const struct hc_tree *t = &r->frames[i - 1].t->tree;
        hc_syntax_where(t, somewhere(r->frames[i].call), &line, &col);
        hc_buf_printf(&r->error, " (in a text given to tpl at %.*s:%d:%d)", HC_P(t->file), line, col);
    }
}

void hc_run_note_limit(struct run *r, const char *what)
{
    if (strcmp(what, "memory") == 0) {
        struct hc_err e = HC_ERR_INIT;
        enum hc_rc rc = hc_arena_check(r->a, &e, "memory of this render");
        if (rc == HC_OK)
            rc = hc_fail(&e, HC_E_LIMIT, "the memory budget of this render is spent");
        spent_text(r, e.msg);
        set_err(r, rc);
    } else {
        spent_text(r, what);
        set_err(r, HC_E_LIMIT);
    }
}

void hc_run_fail_limit(struct run *r, const char *what)
{
    hc_run_note_limit(r, what);
    leave(r);
}

hc_str node_text(struct run *r, const struct hc_node *n)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    hc_syntax_print(&b, &r->p->port, n);
    return hc_buf_to_arena(&b, r->a);
}

hc_str quoted(struct run *r, hc_str s)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    hc_go_quote(&b, s);
    return hc_buf_to_arena(&b, r->a);
}

enum hc_rc run_error(struct run *r)
{
    if (r->rc != HC_OK)
        return r->rc;
    const char *msg = r->m ? lua_tostring(r->m->l, -1) : NULL;
    char text[300];
    enum hc_spent spent = r->m ? hc_luabox_spent(r->m->sandbox) : HC_SPENT_NOTHING;
    if (r->stopped)
        spent = HC_SPENT_STEPS;
    if (spent == HC_SPENT_STEPS) {
        uint64_t max = r->in->max_steps ? r->in->max_steps : HC_MAX_RENDER_STEPS;
        snprintf(text, sizeof(text), "the budget of %" PRIu64 " steps for one render is spent", max);
        spent_text(r, text);
        set_err(r, HC_E_LIMIT);
    } else if (spent != HC_SPENT_NOTHING && r->script && r->script->deep) {
        spent_text(r, "functions call each other too deeply");
        set_err(r, HC_E_LIMIT);
    } else if (spent == HC_SPENT_PIECE) {
        snprintf(text, sizeof(text),
                 "a text or table of more than %zu bytes, the most for one in a chart with Lua templates",
                 HC_MAX_SCRIPT_TEXT);
        spent_text(r, text);
        set_err(r, HC_E_LIMIT);
    } else if (spent == HC_SPENT_BYTES ||
               (r->m && hc_luabox_was_full(r->m->sandbox) && msg && strstr(msg, "not enough memory"))) {
        spent_text(r, "the memory budget of the template engine is spent");
        set_err(r, HC_E_LIMIT);
    } else if (msg && strstr(msg, "stack overflow")) {
        spent_text(r, "templates call each other too deeply");
        set_err(r, HC_E_LIMIT);
    } else if (hc_arena_spent(r->a)) { /* Lua asks nobody before it leaves for memory */
        hc_run_note_limit(r, "memory");
    } else if (msg && strstr(msg, "not enough memory")) {
        spent_text(r, "out of memory");
        set_err(r, HC_E_NOMEM);
    } else {
        snprintf(text, sizeof(text), "the template engine failed: %s", msg ? msg : "no message");
        spent_text(r, text);
        set_err(r, HC_E_BUG);
    }
    return r->rc;
}

enum hc_rc clean_parse_error(hc_str file, struct hc_buf *whole, struct hc_err *err)
{
    if (err->code != HC_E_INPUT)
        return err->code;
    hc_str all = hc_buf_str(whole), first, location, rest;
    if (!cut(all, ": ", &first, &rest))
        return hc_wrap(err, "parse error in (%.*s)", HC_P(file));
    hc_str last = rest, after;
    if (!cut(rest, ": ", &location, &after))
        location = rest;
    while (cut(last, ": ", &first, &after))
        last = after;
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    hc_buf_printf(&b, "parse error at (%.*s): ", HC_P(location));
    hc_buf_put(&b, last);
    hc_buf_reset(whole);
    hc_buf_put(whole, hc_buf_str(&b));
    snprintf(err->msg, sizeof(err->msg), "%.*s", HC_P(hc_buf_str(whole)));
    return err->code;
}

struct hc_fault *hc_fault_clone(struct hc_arena *a, const struct hc_fault *f)
{
    struct hc_fault *c = HC_NEW(a, struct hc_fault);
    struct hc_fault_frame *frames = HC_NEW_N(a, struct hc_fault_frame, f->frames_n + 1);
    hc_str *path = HC_NEW_N(a, hc_str, f->path_n + 1);
    if (!c || !frames || !path)
        return NULL;
    for (size_t i = 0; i < f->frames_n; i++) {
        frames[i] = f->frames[i];
        frames[i].file = hc_arena_str(a, frames[i].file);
        frames[i].name = hc_arena_str(a, frames[i].name);
        frames[i].expr = hc_arena_str(a, frames[i].expr);
        frames[i].text = hc_arena_str(a, frames[i].text);
    }
    for (size_t i = 0; i < f->path_n; i++)
        path[i] = hc_arena_str(a, f->path[i]);
    *c = (struct hc_fault){ hc_arena_str(a, f->message), frames, f->frames_n, path, f->path_n };
    return hc_arena_spent(a) ? NULL : c;
}
