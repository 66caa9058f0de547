/*
 * Two passes. The first marks what Lua has to run: pipelines with an include or tpl in them, and the blocks around
 * such. The second writes the Lua, and settles on the way which variable each name means.
 *
 * Text, pipelines without include and tpl, and if/with blocks of nothing else are left to C: a run of them is one
 * call. (Compiling Lua is the dearest part of a first render; most of a template is of this kind.) A pipeline with
 * an include or tpl is written as nested calls, in Go's order of
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
    bool annotate, lazy;
    struct hc_buf lua, nodes, vars, blocks; /* vars: struct scope_var, the visible ones; blocks: hc_str */
    unsigned depth;                         /* of lists */
    uint32_t slot, slots;                   /* the next free one; how many there are */
    uint32_t loop, loops;                   /* number of the loop at hand; how many there were */
    bool continues;                         /* the loop at hand has a {{continue}} */
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

static void line(struct emitter *e)
{
    hc_buf_putc(&e->lua, '\n');
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

/* ---- marks: what Lua has to run -------------------------------------------------------------------- */

static bool mark_pipe(struct emitter *e, struct hc_node *pipe);

/* Whether an include or tpl is in it. */
static bool mark_arg(struct emitter *e, struct hc_node *n)
{
    bool calls = false;
    if (n->kind == HC_NODE_PIPE)
        calls = mark_pipe(e, n);
    else if (n->kind == HC_NODE_CHAIN)
        calls = mark_arg(e, n->chain.base);
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

/*
 * The type that argument i must be checked against before a later one runs a template; 0: none. Go checks each
 * argument where it stands, and so the first mistake is the one that is told.
 */
static char checked_type(const struct emitter *e, const struct hc_node *cmd, uint32_t i)
{
    const struct hc_node *head = cmd->items[0], *n = cmd->items[i];
    if (head->kind != HC_NODE_IDENT || !e->port->param)
        return 0;
    char type = e->port->param(head->ident.func, i - 1);
    bool fits = type == 'a' || type == 'r' || (type == 's' && n->kind == HC_NODE_STRING) ||
                (type == 'b' && n->kind == HC_NODE_BOOL);
    if (n->kind == HC_NODE_NUMBER)
        fits |= type == 'f' ? n->lit.number->is_float : (type == 'i' || type == 'I') && n->lit.number->is_int;
    return fits ? 0 : type;
}

/*
 * `.x (include ...)`, `(...).x (include ...)`: most values have no method x, and then Go does not look at the arguments.
 */
static bool may_spare(const struct hc_node *cmd)
{
    const struct hc_node *head = cmd->items[0];
    if (head->kind != HC_NODE_FIELD && head->kind != HC_NODE_CHAIN &&
        !(head->kind == HC_NODE_VARIABLE && head->n > 1))
        return false;
    for (uint32_t k = 1; k < cmd->n; k++)
        if (cmd->items[k]->flags & HC_NODE_CALLS)
            return true;
    return false;
}

static bool mark_command(struct emitter *e, struct hc_node *cmd, bool piped)
{
    enum hc_emit_func kind = func_kind(e, cmd->items[0]);
    bool calls = kind == HC_EMIT_INCLUDE || kind == HC_EMIT_TPL, any = false;
    uint32_t last = 0;
    for (uint32_t i = 0; i < cmd->n; i++) {
        if (mark_arg(e, cmd->items[i])) {
            last = i;
            any = true;
        }
    }
    for (uint32_t i = 0; any && i <= last; i++) {
        struct hc_node *n = cmd->items[i];
        if (i == 0 && n->kind == HC_NODE_CHAIN &&
            (n->flags & HC_NODE_CALLS || (may_spare(cmd) && n->chain.base->kind != HC_NODE_NIL)))
            n->chain.base->flags |= HC_NODE_GIVEN;
        else if (i > 0 && (!is_fixed(n) || (i < last && checked_type(e, cmd, i))))
            n->flags |= HC_NODE_GIVEN;
    }
    if (piped)
        cmd->flags |= HC_NODE_PIPED;
    if (calls || any)
        cmd->flags |= HC_NODE_CALLS;
    return calls || any;
}

static bool mark_pipe(struct emitter *e, struct hc_node *pipe)
{
    bool calls = false;
    for (uint32_t i = 0; i < pipe->n; i++)
        calls |= mark_command(e, hc_node_cmd(pipe, i), i > 0);
    if (calls)
        pipe->flags |= HC_NODE_CALLS;
    return calls;
}

static bool is_simple(const struct hc_node *n)
{
    return n->kind == HC_NODE_TEXT || (n->kind == HC_NODE_ACTION && !(n->branch.pipe->flags & HC_NODE_CALLS)) ||
           n->flags & HC_NODE_LEAF;
}

/* The next IF of a chain of `else if`s, or NULL. */
static struct hc_node *chained(const struct hc_node *n)
{
    const struct hc_node *orelse = n->branch.orelse;
    bool one = n->kind == HC_NODE_IF && orelse && orelse->n == 1 && orelse->items[0]->kind == HC_NODE_IF;
    return one ? orelse->items[0] : NULL;
}

static bool mark_list(struct emitter *e, const struct hc_node *list);

/* IF (a whole chain), WITH, RANGE */
static void mark_branch(struct emitter *e, struct hc_node *first)
{
    bool leaf = first->kind != HC_NODE_RANGE;
    for (struct hc_node *n = first;; n = chained(n)) {
        leaf &= !mark_pipe(e, n->branch.pipe);
        leaf &= mark_list(e, n->branch.list);
        if (chained(n))
            continue;
        if (n->branch.orelse)
            leaf &= mark_list(e, n->branch.orelse);
        break;
    }
    if (leaf)
        first->flags |= HC_NODE_LEAF;
}

/* True when C can do all of it. */
static bool mark_list(struct emitter *e, const struct hc_node *list)
{
    bool leaf = true;
    for (uint32_t i = 0; i < list->n; i++) {
        struct hc_node *n = list->items[i];
        if (n->kind == HC_NODE_ACTION)
            mark_pipe(e, n->branch.pipe);
        else if (n->kind == HC_NODE_TEMPLATE && n->call.pipe)
            mark_pipe(e, n->call.pipe);
        else if (n->kind == HC_NODE_IF || n->kind == HC_NODE_WITH || n->kind == HC_NODE_RANGE)
            mark_branch(e, n);
        leaf &= is_simple(n);
    }
    return leaf;
}

/* ---- variables of pipelines, in the order of execution ------------------------------------------------ */

static void resolve_pipe(struct emitter *e, struct hc_node *pipe);

static void resolve_arg(struct emitter *e, struct hc_node *n)
{
    if (n->kind == HC_NODE_VARIABLE)
        n->slot = look_up(e, hc_node_first_name(n));
    else if (n->kind == HC_NODE_PIPE)
        resolve_pipe(e, n);
    else if (n->kind == HC_NODE_CHAIN)
        resolve_arg(e, n->chain.base);
}

static void resolve_pipe(struct emitter *e, struct hc_node *pipe)
{
    for (uint32_t i = 0; i < pipe->n; i++) {
        struct hc_node *cmd = hc_node_cmd(pipe, i);
        for (uint32_t k = 0; k < cmd->n; k++)
            resolve_arg(e, cmd->items[k]);
        if (e->port->bind)
            e->port->bind(e->port->ctx, cmd);
    }
    for (uint32_t i = 0; i < pipe->decl_n; i++) {
        struct hc_node *v = hc_node_decl(pipe, i);
        hc_str name = hc_node_first_name(v);
        v->slot = pipe->flags & HC_NODE_ASSIGN ? look_up(e, name) : declare(e, name);
    }
}

struct scope {
    size_t vars;
    uint32_t slot;
};

static struct scope scope_open(const struct emitter *e)
{
    return (struct scope){ e->vars.n, e->slot };
}

static void scope_close(struct emitter *e, struct scope s)
{
    e->vars.n = s.vars;
    e->slot = s.slot;
}

static void resolve_statement(struct emitter *e, struct hc_node *n)
{
    switch ((enum hc_node_kind)n->kind) {
    case HC_NODE_ACTION:
        resolve_pipe(e, n->branch.pipe); /* what it declares stays visible */
        return;
    case HC_NODE_TEMPLATE:
        if (n->call.pipe)
            resolve_pipe(e, n->call.pipe);
        return;
    case HC_NODE_IF:
    case HC_NODE_WITH:
    case HC_NODE_RANGE:
        break;
    default:
        return;
    }
    struct scope outer = scope_open(e);
    for (;; n = chained(n)) {
        resolve_pipe(e, n->branch.pipe);
        const struct hc_node *lists[] = { n->branch.list, chained(n) ? NULL : n->branch.orelse };
        for (size_t k = 0; k < HC_LEN(lists); k++) {
            struct scope s = scope_open(e);
            for (uint32_t i = 0; lists[k] && i < lists[k]->n; i++)
                resolve_statement(e, lists[k]->items[i]);
            scope_close(e, s);
        }
        if (!chained(n))
            break;
    }
    scope_close(e, outer);
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
        n->chain.base->flags |= HC_NODE_GIVEN;
        hc_buf_puts(&e->lua, ", ");
        put_arg(e, n->chain.base);
    }
    hc_buf_putc(&e->lua, ')');
}

static void put_checked(struct emitter *e, struct hc_node *n, char type)
{
    bool by_lua = n->flags & HC_NODE_CALLS;
    if (by_lua) {
        hc_buf_puts(&e->lua, "fit(");
        put_number(e, (uint8_t)type);
        hc_buf_puts(&e->lua, ", ");
        put_arg(e, n);
    } else {
        op(e, "arg(", number(e, n));
        hc_buf_puts(&e->lua, ", ");
        put_number(e, (uint8_t)type);
    }
    hc_buf_putc(&e->lua, ')');
}

/* `and`/`or` with an include in an argument: (more(n, s, A) and (more(n, s, B) and C or kept(s)) or kept(s)).
 * No value is false or nil in Lua, so this is exact. */
static void put_and_or(struct emitter *e, struct hc_node *pipe, uint32_t i)
{
    struct hc_node *cmd = hc_node_cmd(pipe, i);
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

static void put_given(struct emitter *e, const struct hc_node *cmd);
static void put_kept(struct emitter *e, uint32_t slot)
{
    hc_buf_puts(&e->lua, ", kept(");
    put_number(e, slot);
    hc_buf_putc(&e->lua, ')');
}
static void put_keep(struct emitter *e, uint32_t slot)
{
    hc_buf_puts(&e->lua, "keep(");
    put_number(e, slot);
    hc_buf_puts(&e->lua, ", ");
}

/*
 * A command that may_spare its arguments: (keep(s, BASE) and (spare(n, dot, kept(s)) or call(n, dot, kept(s), ...))). spare
 * is nil when the value has that method, and so wants the arguments; what it takes first is evaluated once.
 */
static void put_spared(struct emitter *e, struct hc_node *pipe, uint32_t i)
{
    struct hc_node *cmd = hc_node_cmd(pipe, i), *head = cmd->items[0];
    struct hc_node *base = head->kind == HC_NODE_CHAIN && head->chain.base->flags & HC_NODE_GIVEN ? head->chain.base
                                                                                                  : NULL;
    uint32_t id = number(e, cmd), piped = HC_NO_SLOT, from = HC_NO_SLOT;
    bool first = i > 0 || base;
    hc_buf_puts(&e->lua, first ? "(" : "");
    if (i > 0) {
        put_keep(e, piped = new_slot(e));
        put_command(e, pipe, i - 1);
        hc_buf_puts(&e->lua, ") and ");
    }
    if (base) {
        put_keep(e, from = new_slot(e));
        put_arg(e, base);
        hc_buf_puts(&e->lua, ") and ");
    }
    for (int k = 0; k < 2; k++) {
        op(e, k == 0 ? "(spare(" : " or call(", id);
        if (i > 0)
            put_kept(e, piped);
        if (base)
            put_kept(e, from);
        if (k == 1)
            put_given(e, cmd);
        hc_buf_putc(&e->lua, ')');
    }
    hc_buf_puts(&e->lua, first ? "))" : ")");
}

/* The arguments of the command that Lua hands over, but for what is taken first. Many go in a table: a Lua call has room
 * for some 200. */
static void put_given(struct emitter *e, const struct hc_node *cmd)
{
    uint32_t given = 0, last = 0; /* last: the one behind which no template is run any more */
    for (uint32_t k = 1; k < cmd->n; k++) {
        given += (cmd->items[k]->flags & HC_NODE_GIVEN) != 0;
        if (cmd->items[k]->flags & HC_NODE_CALLS)
            last = k;
    }
    bool table = given > 40, opened = false;
    for (uint32_t k = 1; k < cmd->n; k++) {
        struct hc_node *n = cmd->items[k];
        if (!(n->flags & HC_NODE_GIVEN))
            continue;
        hc_buf_puts(&e->lua, table && !opened ? ", {" : ", ");
        opened = table;
        char type = k < last ? checked_type(e, cmd, k) : 0;
        if (type)
            put_checked(e, n, type);
        else
            put_arg(e, n);
    }
    if (opened)
        hc_buf_putc(&e->lua, '}');
}

/* The value of the pipeline up to its command `i`. */
static void put_command(struct emitter *e, struct hc_node *pipe, uint32_t i)
{
    struct hc_node *cmd = hc_node_cmd(pipe, i), *head = cmd->items[0];
    enum hc_emit_func kind = func_kind(e, head);
    bool miscounted = e->port->miscounted && head->kind == HC_NODE_IDENT && e->port->miscounted(cmd);
    if ((kind == HC_EMIT_AND || kind == HC_EMIT_OR) && cmd->flags & HC_NODE_CALLS) {
        put_and_or(e, pipe, i);
        return;
    }
    if (head->kind == HC_NODE_PIPE && head->flags & HC_NODE_CALLS && cmd->n == 1 && i == 0) {
        put_pipe(e, head);
        return;
    }
    if (may_spare(cmd)) {
        put_spared(e, pipe, i);
        return;
    }
    op(e, kind == HC_EMIT_INCLUDE ? "include(" : kind == HC_EMIT_TPL ? "tpl(" : "call(", number(e, cmd));
    if (i > 0) {
        hc_buf_puts(&e->lua, ", ");
        put_command(e, pipe, i - 1);
    }
    if (!miscounted && head->kind == HC_NODE_CHAIN && head->chain.base->flags & HC_NODE_GIVEN) {
        hc_buf_puts(&e->lua, ", ");
        put_arg(e, head->chain.base);
    }
    if (!miscounted)
        put_given(e, cmd);
    hc_buf_putc(&e->lua, ')');
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
static void op_pipe(struct emitter *e, const char *name, struct hc_node *n, struct hc_node *pipe)
{
    op(e, name, number(e, n));
    if (pipe && pipe->flags & HC_NODE_CALLS) {
        hc_buf_puts(&e->lua, ", ");
        put_command(e, pipe, pipe->n - 1);
    }
    hc_buf_putc(&e->lua, ')');
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

/* Statements from i on that C can do by itself, as one call. Gives the position behind them. */
static uint32_t put_run(struct emitter *e, const struct hc_node *list, uint32_t i)
{
    uint32_t first = 0, last = 0;
    for (; i < list->n && is_simple(list->items[i]); i++) {
        struct hc_node *n = list->items[i];
        resolve_statement(e, n);
        last = number(e, n);
        if (!first)
            first = last;
        if (e->annotate) {
            comment(e, n);
            line(e);
        }
    }
    if (first) {
        hc_buf_puts(&e->lua, "go(");
        put_number(e, first);
        hc_buf_puts(&e->lua, ", ");
        put_number(e, last);
        hc_buf_puts(&e->lua, ", dot)");
        line(e);
    }
    return i;
}

static void put_action(struct emitter *e, struct hc_node *n)
{
    struct hc_node *pipe = n->branch.pipe;
    resolve_pipe(e, pipe);
    if (pipe->decl_n > 0)
        op_pipe(e, "set(", pipe, pipe);
    else
        op_pipe(e, "put(", n, pipe);
    comment(e, n);
    line(e);
}

static void put_scope(struct emitter *e, const struct hc_node *list)
{
    struct scope s = scope_open(e);
    e->depth++;
    put_list(e, list);
    e->depth--;
    scope_close(e, s);
}

/* Bodies shorter than this are compiled with what is around them. */
enum { LAZY_BYTES = 200 };

/*
 * The body of an if. At the outermost level (where no loop is around that it could break) a long one becomes a
 * chunk of its own: most files of most charts are one big `if` that is false.
 */
static void put_body(struct emitter *e, const struct hc_node *list)
{
    size_t from = e->lua.n;
    put_scope(e, list);
    if (!e->lazy || e->depth > 0 || e->lua.spent || e->lua.n - from < LAZY_BYTES)
        return;
    const hc_str parts[] = { HC_S("local dot = ...\n"), { e->lua.p + from, e->lua.n - from } };
    hc_str block = hc_arena_cat(e->a, HC_LEN(parts), parts);
    hc_buf_put(&e->blocks, (hc_str){ (const char *)&block, sizeof(block) });
    e->lua.n = from;
    hc_buf_puts(&e->lua, "block(");
    put_number(e, (uint32_t)(e->blocks.n / sizeof(hc_str)));
    hc_buf_puts(&e->lua, ")(dot)");
    line(e);
}

static void put_if(struct emitter *e, struct hc_node *n)
{
    for (const char *word = "if is(";; word = "elseif is(") {
        const struct hc_node *orelse = n->branch.orelse;
        resolve_pipe(e, n->branch.pipe);
        op_pipe(e, word, n->branch.pipe, n->branch.pipe);
        hc_buf_puts(&e->lua, " then");
        comment_pipe(e, "if", n->branch.pipe);
        line(e);
        put_body(e, n->branch.list);
        if (!orelse || orelse->n == 0)
            break;
        if (chained(n)) {
            n = chained(n);
            continue;
        }
        hc_buf_puts(&e->lua, "else");
        line(e);
        put_body(e, orelse);
        break;
    }
    hc_buf_puts(&e->lua, "end");
    line(e);
}

static void put_with(struct emitter *e, struct hc_node *n)
{
    resolve_pipe(e, n->branch.pipe);
    hc_buf_puts(&e->lua, "do local it = ");
    op_pipe(e, "with(", n->branch.pipe, n->branch.pipe);
    comment_pipe(e, "with", n->branch.pipe);
    line(e);
    hc_buf_puts(&e->lua, "if it then local dot = it");
    line(e);
    put_scope(e, n->branch.list);
    if (n->branch.orelse && n->branch.orelse->n > 0) {
        hc_buf_puts(&e->lua, "else");
        line(e);
        put_scope(e, n->branch.orelse);
    }
    hc_buf_puts(&e->lua, "end end");
    line(e);
}

static void put_range(struct emitter *e, struct hc_node *n)
{
    bool orelse = n->branch.orelse && n->branch.orelse->n > 0;
    uint32_t outer = e->loop;
    bool outer_continues = e->continues;
    resolve_pipe(e, n->branch.pipe);
    hc_buf_puts(&e->lua, orelse ? "do local step, state = " : "for _, dot in ");
    op_pipe(e, "range(", n, n->branch.pipe);
    if (!orelse)
        hc_buf_puts(&e->lua, " do");
    comment_pipe(e, "range", n->branch.pipe);
    line(e);
    if (orelse) {
        hc_buf_puts(&e->lua, "if state then for _, dot in step, state do");
        line(e);
    }
    e->loop = ++e->loops;
    e->continues = false;
    put_scope(e, n->branch.list);
    if (e->continues) {
        hc_buf_puts(&e->lua, "::next");
        put_number(e, e->loop);
        hc_buf_puts(&e->lua, "::");
        line(e);
    }
    e->loop = outer;
    e->continues = outer_continues;
    hc_buf_puts(&e->lua, "end");
    line(e);
    if (orelse) {
        hc_buf_puts(&e->lua, "else");
        line(e);
        put_scope(e, n->branch.orelse);
        hc_buf_puts(&e->lua, "end end");
        line(e);
    }
}

/* One that is not simple. */
static void put_statement(struct emitter *e, struct hc_node *n)
{
    struct scope s = scope_open(e);
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
            resolve_pipe(e, n->call.pipe);
        op_pipe(e, "template(", n, n->call.pipe);
        comment(e, n);
        line(e);
        return;
    case HC_NODE_BREAK:
        hc_buf_puts(&e->lua, "left() break");
        line(e);
        return;
    case HC_NODE_CONTINUE:
        hc_buf_puts(&e->lua, "goto next");
        put_number(e, e->loop);
        line(e);
        e->continues = true;
        return;
    default:
        return;
    }
    scope_close(e, s);
}

static void put_list(struct emitter *e, const struct hc_node *list)
{
    for (uint32_t i = 0; i < list->n;) {
        i = put_run(e, list, i);
        if (i < list->n)
            put_statement(e, list->items[i++]);
    }
}

enum hc_rc hc_emit_resolve(const struct hc_emit_port *port, const struct hc_tree *t, uint32_t *out_slots,
                           struct hc_err *err)
{
    struct emitter e = { .port = port };
    hc_buf_init(&e.vars, 0);
    declare(&e, HC_S("$")); /* slot 0 */
    for (uint32_t i = 0; i < t->root->n; i++)
        resolve_statement(&e, t->root->items[i]);
    bool spent = e.vars.spent;
    hc_buf_done(&e.vars);
    *out_slots = e.slots;
    return spent ? hc_fail_nomem(err) : HC_OK;
}

enum hc_rc hc_emit(struct hc_arena *a, const struct hc_emit_port *port, const struct hc_tree *t, bool annotate,
                   bool lazy, struct hc_code *out, struct hc_err *err)
{
    struct emitter e = { .a = a, .port = port, .annotate = annotate, .lazy = lazy };
    struct hc_buf *const bufs[] = { &e.lua, &e.nodes, &e.vars, &e.blocks };
    bool spent = false;
    for (size_t i = 0; i < HC_LEN(bufs); i++)
        hc_buf_init(bufs[i], 0);
    number(&e, NULL);
    declare(&e, HC_S("$")); /* slot 0 */
    hc_buf_puts(&e.lua, "local dot = ...");
    line(&e);
    mark_list(&e, t->root);
    put_list(&e, t->root);
    for (size_t i = 0; i < HC_LEN(bufs); i++)
        spent |= bufs[i]->spent;
    if (!spent) {
        out->lua = hc_buf_to_arena(&e.lua, a);
        out->nodes_n = (uint32_t)(e.nodes.n / sizeof(struct hc_node *));
        out->blocks_n = (uint32_t)(e.blocks.n / sizeof(hc_str));
        out->nodes = HC_NEW_N(a, struct hc_node *, out->nodes_n);
        out->blocks = HC_NEW_N(a, hc_str, out->blocks_n + 1);
        out->slots = e.slots;
        if (out->nodes && out->blocks) {
            memcpy(out->nodes, e.nodes.p, e.nodes.n);
            if (e.blocks.n > 0)
                memcpy(out->blocks, e.blocks.p, e.blocks.n);
        }
    }
    for (size_t i = 0; i < HC_LEN(bufs); i++)
        hc_buf_done(bufs[i]);
    if (spent)
        return hc_fail_at(err, HC_E_NOMEM, t->file, 0, -1, "out of memory while compiling template %.*s",
                          HC_P(t->name));
    return hc_arena_check(a, err, "compiled templates");
}
