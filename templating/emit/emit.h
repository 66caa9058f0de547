#pragma once
/*
 * templating/emit/emit.h - a template's tree to Lua source, and the way back to the template
 *
 * The Lua code holds the flow: loops, blocks, and the calls of other templates (which must be Lua calling Lua, so
 * that a thousand nested includes need no C stack). What lies between is handed to C by number: `go(3, 7, dot)`
 * runs the simple statements 3 to 7 (text, actions, and if/with blocks without any call), `is(8, dot)` evaluates
 * pipeline 8 and gives its truth. The numbers are
 * positions in hc_code.nodes, and so the map from a line of Lua to its place in the template. `dot` is a Lua local; template variables live in slots of the running template's
 * frame, so that no number of variables meets Lua's limit of 200 locals.
 *
 * What the code calls (lua/rt and templating/render give it):
 *   go(from, to, dot)           simple statements, one after the other
 *   put(n, dot, value)          prints a value Lua has got for action n
 *   set(n, dot, value)          what pipeline n declares gets the value; gives it
 *   is(n, dot [, value])        truth of pipeline n
 *   with(n, dot [, value])      its value when that is true, else false
 *   range(n, dot [, value])     iterator, state (nil: nothing to go over): for _, dot in range(...) do
 *   call(n, dot, [piped], ...)  command n, with the arguments that Lua had to get
 *   val(n, dot [, base])        argument n
 *   arg(n, dot, type)           the same, checked against the parameter's type (struct hc_func)
 *   fit(type, value)            that check, of a value Lua has got
 *   include(n, dot, ...) tpl(n, dot, ...) template(n, dot [, value])
 *   block(n)                    a function with the body of a block
 *   more(n, slot, value)        and/or: false when `value` decides; it is then in the slot
 *   keep(slot, value) kept(slot)
 */
#include "templating/syntax/tree.h"

enum hc_emit_func {
    HC_EMIT_PLAIN,
    HC_EMIT_INCLUDE,
    HC_EMIT_TPL,
    HC_EMIT_AND,
    HC_EMIT_OR,
};

struct hc_emit_port {
    void *ctx;
    /* What hc_node.ident.func stands for. */
    enum hc_emit_func (*kind)(const void *func);
    /* Whether a call has a wrong number of arguments: then Lua gets none of them, as Go does not. May be NULL. */
    bool (*miscounted)(const struct hc_node *cmd);
    /* The type of a function's parameter (from 0), as struct hc_func has it: 'a' takes anything. May be NULL. */
    char (*param)(const void *func, uint32_t i);
    /* Called once for every command, so that the run time can prepare its literals. May be NULL. */
    void (*bind)(void *ctx, struct hc_node *cmd);
};

struct hc_code {
    hc_str lua;             /* closed by NUL; a chunk that takes dot */
    struct hc_node **nodes; /* what the code names by number; [0] is NULL */
    uint32_t nodes_n;
    uint32_t slots; /* places for variables; slot 0 is `$` */
    hc_str *blocks; /* bodies that are chunks of their own, taking dot: block(n) is blocks[n - 1] */
    uint32_t blocks_n;
};

/* A variable that no declaration is visible for: reading or assigning it is a run-time error. */
#define HC_NO_SLOT UINT32_MAX

/*
 * Settles which variable each name of a tree means (hc_node.slot) and calls the port's bind for every command: all that
 * C needs to walk the tree. Writes into its nodes, once per tree. *out_slots: the places its variables need.
 */
enum hc_rc hc_emit_resolve(const struct hc_emit_port *port, const struct hc_tree *t, uint32_t *out_slots,
                           struct hc_err *err);

/*
 * Emits one tree. Writes the emitter's marks into its nodes, so one thread at a time and once per tree. `annotate`
 * adds the template's text as comments, for people and golden files. `lazy` puts the larger bodies of a template's
 * outermost ifs into chunks of their own, which need not be compiled when the condition is false.
 */
enum hc_rc hc_emit(struct hc_arena *a, const struct hc_emit_port *port, const struct hc_tree *t, bool annotate,
                   bool lazy, struct hc_code *out, struct hc_err *err);
