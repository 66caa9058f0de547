/*
 * One pass over the statements. For each pipeline first a look at all of it (which variables it means, whether
 * there is an include or tpl in it), then its Lua.
 *
 * A pipeline without include and tpl is one number. One with them is written as nested calls, in Go's order of
 * evaluation: the value that is piped in first, then the arguments from left to right. Arguments behind the last
 * include of a command, and those that nothing can change (literals, dot, variables), are left to C.
 */
#include <stdlib.h>

#include "core/base/mem.h"
#include "templating/emit/emit.h"

struct scope_var {
    hc_str name;
    uint32_t slot;
};

struct emitter {
    struct hc_arena *a;
    const struct hc_emit_port *port;
    bool annotate, failed;
    struct hc_buf lua, lines, nodes, vars; /* vars: struct scope_var, the visible ones */
    uint32_t slot, slots;                  /* the next free one; how many there are */
    uint32_t loop, loops;                  /* number of the loop at hand; how many there were */
    bool continues;                        /* the loop at hand has a {{continue}} */
};

/* ---- what Lua names by number ---------------------------------------------------------------------- */

static uint32_t number(struct emitter *e, struct hc_node *n)
{
    uint32_t at = (uint32_t)(e->nodes.n / sizeof(n));
    hc_buf_put(&e->nodes, (hc_str){ (const char *)&n, sizeof(n) });
    if (n && n->kind != HC_NODE_VARIABLE)
        n->slot = at;
    return at;
}

static void line(struct emitter *e, uint32_t about)
{
    hc_buf_putc(&e->lua, '\n');
    hc_buf_put(&e->lines, (hc_str){ (const char *)&about, sizeof(about) });
}

/* Decimal without printf: this is most of what emitting does. */
static void put_number(struct emitter *e, uint32_t v)
{
    char z[12], *p = z + sizeof(z);
    do {
        *--p = (char)('0' + v % 10);
        v /= 10;
    } while (v);
    hc_buf_put(&e->lua, (hc_str){ p, (size_t)(z + sizeof(z) - p) });
}

static void op(struct emitter *e, const char *name, uint32_t n)
{
    hc_buf_puts(&e->lua, name);
    put_number(e, n);
    hc_buf_puts(&e->lua, ", dot");
}

/* ---- variables ------------------------------------------------------------------------------------- */

static uint32_t new_slot(struct emitter *e)
{
    uint32_t slot = e->slot++;
    e->slots = HC_MAX(e->slots, e->slot);
    return slot;
}

static uint32_t look_up(const struct emitter *e, hc_str name)
{
    const struct scope_var *vars = (const struct scope_var *)(const void *)e->vars.p;
    for (size_t i = e->vars.n / sizeof(*vars); i-- > 0;) {
        if (hc_str_eq(vars[i].name, name))
            return vars[i].slot;
    }
    return HC_NO_SLOT;
}

static uint32_t declare(struct emitter *e, hc_str name)
{
    struct scope_var v = { name, new_slot(e) };
    hc_buf_put(&e->vars, (hc_str){ (const char *)&v, sizeof(v) });
    return v.slot;
}

/* ---- looking at a pipeline ------------------------------------------------------------------------- */

static bool look_at_pipe(struct emitter *e, struct hc_node *pipe);

/* Whether an include or tpl is in it. */
static bool look_at_arg(struct emitter *e, struct hc_node *n)
{
    bool calls = false;
    if (n->kind == HC_NODE_VARIABLE)
        n->slot = look_up(e, n->field.names[0]);
    else if (n->kind == HC_NODE_PIPE)
        calls = look_at_pipe(e, n);
    else if (n->kind == HC_NODE_CHAIN)
        calls = look_at_arg(e, n->field.base);
    if (calls)
        n->flags |= HC_NODE_CALLS;
    return calls;
}

static enum hc_emit_func func_kind(const struct emitter *e, const struct hc_node *n)
{
    return n->kind == HC_NODE_IDENT ? e->port->kind(n->ident.func) : HC_EMIT_PLAIN;
}

static bool is_fixed(const struct hc_node *n)
{
    switch (n->kind) {
    case HC_NODE_BOOL:
    case HC_NODE_NUMBER:
    case HC_NODE_STRING:
    case HC_NODE_NIL:
    case HC_NODE_DOT:
        return true;
    default:
        return n->kind == HC_NODE_VARIABLE && n->n == 1;
    }
}

static bool look_at_command(struct emitter *e, struct hc_node *cmd, bool piped)
{
    enum hc_emit_func kind = func_kind(e, cmd->items[0]);
    bool calls = kind == HC_EMIT_INCLUDE || kind == HC_EMIT_TPL;
    uint32_t last = 0;
    bool any = false;
    for (uint32_t i = 0; i < cmd->n; i++) {
        if (look_at_arg(e, cmd->items[i])) {
            last = i;
            any = true;
        }
    }
    if (any) {
        for (uint32_t i = 0; i <= last; i++) {
            struct hc_node *n = cmd->items[i];
            if (i == 0 && n->kind == HC_NODE_CHAIN && n->flags & HC_NODE_CALLS)
                n->field.base->flags |= HC_NODE_GIVEN;
            else if (i > 0 && !is_fixed(n))
                n->flags |= HC_NODE_GIVEN;
        }
    }
    if (piped)
        cmd->flags |= HC_NODE_PIPED;
    if (calls || any)
        cmd->flags |= HC_NODE_CALLS;
    if (e->port->bind)
        e->port->bind(e->port->ctx, cmd);
    return calls || any;
}

static bool look_at_pipe(struct emitter *e, struct hc_node *pipe)
{
    bool calls = false;
    for (uint32_t i = 0; i < pipe->n; i++)
        calls |= look_at_command(e, pipe->pipe.cmds[i], i > 0);
    for (uint32_t i = 0; i < pipe->decl_n; i++) {
        struct hc_node *v = pipe->pipe.decl[i];
        v->slot = pipe->flags & HC_NODE_ASSIGN ? look_up(e, v->field.names[0]) : declare(e, v->field.names[0]);
    }
    if (calls)
        pipe->flags |= HC_NODE_CALLS;
    return calls;
}

/* ---- expressions ----------------------------------------------------------------------------------- */

static void put_pipe(struct emitter *e, struct hc_node *pipe);
static void put_command(struct emitter *e, struct hc_node *pipe, uint32_t i);

/* The value of an argument that C does not get by itself. */
static void put_arg(struct emitter *e, struct hc_node *n)
{
    if (n->kind == HC_NODE_PIPE && n->flags & HC_NODE_CALLS) {
        put_pipe(e, n);
        return;
    }
    op(e, "val(", number(e, n));
    if (n->kind == HC_NODE_CHAIN && n->flags & HC_NODE_CALLS) {
        n->field.base->flags |= HC_NODE_GIVEN;
        hc_buf_puts(&e->lua, ", ");
        put_arg(e, n->field.base);
    }
    hc_buf_putc(&e->lua, ')');
}

/* `and`/`or` with an include in an argument: (more(n, s, A) and (more(n, s, B) and C or kept(s)) or kept(s)).
 * No value is false or nil in Lua, so this is exact. */
static void put_and_or(struct emitter *e, struct hc_node *pipe, uint32_t i)
{
    struct hc_node *cmd = pipe->pipe.cmds[i];
    uint32_t id = number(e, cmd), slot = new_slot(e), piped = i > 0 ? new_slot(e) : HC_NO_SLOT;
    uint32_t deciding = cmd->n - 1 - (i == 0); /* arguments after which it may end */
    if (i > 0) {
        hc_buf_puts(&e->lua, "(keep(");
        put_number(e, piped);
        hc_buf_puts(&e->lua, ", ");
        put_command(e, pipe, i - 1);
        hc_buf_puts(&e->lua, ") and ");
    }
    for (uint32_t k = 0; k < deciding; k++) {
        hc_buf_puts(&e->lua, "(more(");
        put_number(e, id);
        hc_buf_puts(&e->lua, ", ");
        put_number(e, slot);
        hc_buf_puts(&e->lua, ", ");
        put_arg(e, cmd->items[k + 1]);
        hc_buf_puts(&e->lua, ") and ");
    }
    if (i > 0) {
        hc_buf_puts(&e->lua, "kept(");
        put_number(e, piped);
        hc_buf_puts(&e->lua, ")");
    } else {
        put_arg(e, cmd->items[cmd->n - 1]);
    }
    for (uint32_t k = 0; k < deciding; k++) {
        hc_buf_puts(&e->lua, " or kept(");
        put_number(e, slot);
        hc_buf_puts(&e->lua, "))");
    }
    if (i > 0)
        hc_buf_puts(&e->lua, ")");
}

/* The value of the pipeline up to its command `i`. */
static void put_command(struct emitter *e, struct hc_node *pipe, uint32_t i)
{
    struct hc_node *cmd = pipe->pipe.cmds[i], *head = cmd->items[0];
    enum hc_emit_func kind = func_kind(e, head);
    if ((kind == HC_EMIT_AND || kind == HC_EMIT_OR) && cmd->flags & HC_NODE_CALLS) {
        put_and_or(e, pipe, i);
        return;
    }
    if (head->kind == HC_NODE_PIPE && head->flags & HC_NODE_CALLS && cmd->n == 1 && i == 0) {
        put_pipe(e, head);
        return;
    }
    op(e, kind == HC_EMIT_INCLUDE ? "include(" : kind == HC_EMIT_TPL ? "tpl(" : "call(", number(e, cmd));
    if (i > 0) {
        hc_buf_puts(&e->lua, ", ");
        put_command(e, pipe, i - 1);
    }
    /* Many arguments go in a table: a Lua call has room for some 200. */
    uint32_t given = 0;
    for (uint32_t k = 1; k < cmd->n; k++)
        given += (cmd->items[k]->flags & HC_NODE_GIVEN) != 0;
    bool table = given > 40;
    bool opened = false;
    for (uint32_t k = 0; k < cmd->n; k++) {
        struct hc_node *n = cmd->items[k];
        if (k == 0) {
            if (n->kind != HC_NODE_CHAIN || !(n->field.base->flags & HC_NODE_GIVEN))
                continue;
            n = n->field.base;
        } else if (!(n->flags & HC_NODE_GIVEN)) {
            continue;
        }
        hc_buf_puts(&e->lua, table && !opened ? ", {" : ", ");
        opened = table;
        put_arg(e, n);
    }
    hc_buf_puts(&e->lua, opened ? "})" : ")");
}

static void put_pipe(struct emitter *e, struct hc_node *pipe)
{
    if (pipe->decl_n > 0) {
        op(e, "set(", number(e, pipe));
        hc_buf_puts(&e->lua, ", ");
    }
    put_command(e, pipe, pipe->n - 1);
    if (pipe->decl_n > 0)
        hc_buf_putc(&e->lua, ')');
}

/* "name(n, dot" and, when Lua has to get it, the pipeline's value. */
static uint32_t op_pipe(struct emitter *e, const char *name, struct hc_node *n, struct hc_node *pipe)
{
    uint32_t id = number(e, n);
    op(e, name, id);
    if (pipe && pipe->flags & HC_NODE_CALLS) {
        hc_buf_puts(&e->lua, ", ");
        put_command(e, pipe, pipe->n - 1);
    }
    hc_buf_putc(&e->lua, ')');
    return id;
}

/* ---- statements ------------------------------------------------------------------------------------ */

static void put_list(struct emitter *e, const struct hc_node *list);

/* The template's own words behind the Lua, on one line. */
static void comment(struct emitter *e, const struct hc_node *n)
{
    if (!e->annotate)
        return;
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    hc_syntax_print(&b, NULL, n);
    hc_buf_puts(&e->lua, " --");
    hc_str s = hc_buf_str(&b);
    hc_buf_putc(&e->lua, ' ');
    for (size_t i = 0; i < HC_MIN(s.n, 100u); i++)
        hc_buf_putc(&e->lua, s.p[i] == '\n' || s.p[i] == '\r' ? ' ' : s.p[i]);
}

static void comment_pipe(struct emitter *e, const char *word, const struct hc_node *pipe)
{
    if (!e->annotate)
        return;
    hc_buf_printf(&e->lua, " -- %s", word);
    size_t at = e->lua.n;
    comment(e, pipe);
    if (!e->lua.spent) {
        memmove(e->lua.p + at, e->lua.p + at + 3, e->lua.n - at - 3);
        e->lua.n -= 3;
    }
}

static bool is_simple(const struct hc_node *n)
{
    return n->kind == HC_NODE_TEXT || (n->kind == HC_NODE_ACTION && !(n->branch.pipe->flags & HC_NODE_CALLS));
}

/* Statements from i on that C can do by itself, as one call. Gives the position behind them. */
static uint32_t put_run(struct emitter *e, const struct hc_node *list, uint32_t i)
{
    uint32_t first = 0, last = 0;
    for (; i < list->n; i++) {
        struct hc_node *n = list->items[i];
        if (n->kind == HC_NODE_ACTION && !(n->flags & HC_NODE_GIVEN)) {
            look_at_pipe(e, n->branch.pipe);
            n->flags |= HC_NODE_GIVEN; /* looked at */
        }
        if (!is_simple(n))
            break;
        last = number(e, n);
        if (!first)
            first = last;
        if (e->annotate) {
            comment(e, n);
            line(e, 0);
        }
    }
    if (first) {
        hc_buf_puts(&e->lua, "go(");
        put_number(e, first);
        hc_buf_puts(&e->lua, ", ");
        put_number(e, last);
        hc_buf_puts(&e->lua, ", dot)");
        line(e, first);
    }
    return i;
}

static void put_action(struct emitter *e, struct hc_node *n)
{
    struct hc_node *pipe = n->branch.pipe;
    uint32_t id;
    if (pipe->decl_n > 0)
        id = op_pipe(e, "set(", pipe, pipe);
    else
        id = op_pipe(e, "put(", n, pipe);
    comment(e, n);
    line(e, id);
}

static void put_if(struct emitter *e, struct hc_node *n)
{
    for (const char *word = "if is(";; word = "elseif is(") {
        struct hc_node *orelse = n->branch.orelse;
        look_at_pipe(e, n->branch.pipe);
        uint32_t id = op_pipe(e, word, n->branch.pipe, n->branch.pipe);
        hc_buf_puts(&e->lua, " then");
        comment_pipe(e, "if ", n->branch.pipe);
        line(e, id);
        size_t vars = e->vars.n;
        uint32_t slot = e->slot;
        put_list(e, n->branch.list);
        e->vars.n = vars;
        e->slot = slot;
        if (!orelse || orelse->n == 0)
            break;
        if (orelse->n == 1 && orelse->items[0]->kind == HC_NODE_IF) {
            n = orelse->items[0];
            continue;
        }
        hc_buf_puts(&e->lua, "else");
        line(e, 0);
        put_list(e, orelse);
        break;
    }
    hc_buf_puts(&e->lua, "end");
    line(e, 0);
}

static void put_with(struct emitter *e, struct hc_node *n)
{
    look_at_pipe(e, n->branch.pipe);
    hc_buf_puts(&e->lua, "do local it = ");
    uint32_t id = op_pipe(e, "with(", n->branch.pipe, n->branch.pipe);
    comment_pipe(e, "with ", n->branch.pipe);
    line(e, id);
    hc_buf_puts(&e->lua, "if it then local dot = it");
    line(e, id);
    size_t vars = e->vars.n;
    uint32_t slot = e->slot;
    put_list(e, n->branch.list);
    e->vars.n = vars;
    e->slot = slot;
    if (n->branch.orelse && n->branch.orelse->n > 0) {
        hc_buf_puts(&e->lua, "else");
        line(e, 0);
        put_list(e, n->branch.orelse);
    }
    hc_buf_puts(&e->lua, "end end");
    line(e, 0);
}

static void put_range(struct emitter *e, struct hc_node *n)
{
    bool orelse = n->branch.orelse && n->branch.orelse->n > 0;
    uint32_t outer = e->loop;
    bool outer_continues = e->continues;
    look_at_pipe(e, n->branch.pipe);
    if (n->branch.pipe->decl_n > 1)
        n->flags |= HC_NODE_KEYED;
    hc_buf_puts(&e->lua, orelse ? "do local step, state = " : "for _, dot in ");
    uint32_t id = op_pipe(e, "range(", n, n->branch.pipe);
    if (!orelse)
        hc_buf_puts(&e->lua, " do");
    comment_pipe(e, "range ", n->branch.pipe);
    line(e, id);
    if (orelse) {
        hc_buf_puts(&e->lua, "if state then for _, dot in step, state do");
        line(e, id);
    }
    e->loop = ++e->loops;
    e->continues = false;
    size_t vars = e->vars.n;
    uint32_t slot = e->slot;
    put_list(e, n->branch.list);
    e->vars.n = vars;
    e->slot = slot;
    if (e->continues) {
        hc_buf_puts(&e->lua, "::next");
        put_number(e, e->loop);
        hc_buf_puts(&e->lua, "::");
        line(e, 0);
    }
    e->loop = outer;
    e->continues = outer_continues;
    hc_buf_puts(&e->lua, "end");
    line(e, 0);
    if (orelse) {
        hc_buf_puts(&e->lua, "else");
        line(e, 0);
        put_list(e, n->branch.orelse);
        hc_buf_puts(&e->lua, "end end");
        line(e, 0);
    }
}

static void put_statement(struct emitter *e, struct hc_node *n)
{
    size_t vars = e->vars.n;
    uint32_t slot = e->slot, id;
    switch ((enum hc_node_kind)n->kind) {
    case HC_NODE_ACTION:
        put_action(e, n); /* what it declares stays visible */
        return;
    case HC_NODE_IF:
        put_if(e, n);
        break;
    case HC_NODE_WITH:
        put_with(e, n);
        break;
    case HC_NODE_RANGE:
        put_range(e, n);
        break;
    case HC_NODE_TEMPLATE:
        if (n->call.pipe)
            look_at_pipe(e, n->call.pipe);
        id = op_pipe(e, "template(", n, n->call.pipe);
        comment(e, n);
        line(e, id);
        return;
    case HC_NODE_BREAK:
        hc_buf_puts(&e->lua, "break");
        line(e, 0);
        return;
    case HC_NODE_CONTINUE:
        hc_buf_puts(&e->lua, "goto next");
        put_number(e, e->loop);
        line(e, 0);
        e->continues = true;
        return;
    default:
        return;
    }
    e->vars.n = vars;
    e->slot = slot;
}

static void put_list(struct emitter *e, const struct hc_node *list)
{
    for (uint32_t i = 0; i < list->n;) {
        i = put_run(e, list, i);
        if (i < list->n)
            put_statement(e, list->items[i++]);
    }
}

enum hc_rc hc_emit(struct hc_arena *a, const struct hc_emit_port *port, const struct hc_tree *t, bool annotate,
                   struct hc_code *out, struct hc_err *err)
{
    struct emitter e = { .a = a, .port = port, .annotate = annotate };
    hc_buf_init(&e.lua, 0);
    hc_buf_init(&e.lines, 0);
    hc_buf_init(&e.nodes, 0);
    hc_buf_init(&e.vars, 0);
    number(&e, NULL);
    if (declare(&e, HC_S("$")) == 0) {
        hc_buf_puts(&e.lua, "local dot = ...");
        line(&e, 0);
    }
    put_list(&e, t->root);
    hc_buf_putc(&e.lua, 0);
    bool spent = e.lua.spent || e.lines.spent || e.nodes.spent || e.vars.spent;
    out->lua = hc_buf_to_arena(&e.lua, a);
    out->lua.n -= out->lua.n > 0;
    out->nodes_n = (uint32_t)(e.nodes.n / sizeof(struct hc_node *));
    out->lines_n = (uint32_t)(e.lines.n / sizeof(uint32_t));
    out->nodes = HC_NEW_N(a, struct hc_node *, out->nodes_n);
    out->lines = HC_NEW_N(a, uint32_t, out->lines_n);
    out->slots = e.slots;
    if (!spent && out->nodes && out->lines) {
        memcpy(out->nodes, e.nodes.p, e.nodes.n);
        memcpy(out->lines, e.lines.p, e.lines.n);
    }
    hc_buf_done(&e.lua);
    hc_buf_done(&e.lines);
    hc_buf_done(&e.nodes);
    hc_buf_done(&e.vars);
    if (spent)
        return hc_fail_at(err, HC_E_NOMEM, t->file, 0, -1, "out of memory while compiling template %.*s",
                          HC_P(t->name));
    return hc_arena_check(a, err, "compiled templates");
}
