/*
 * The parser: Go's text/template/parse, token for token, because its error texts are part of what users know
 * (B13.1). It recurses for blocks and parentheses, under a ceiling, and leaves by longjmp on the first mistake;
 * all it holds then is one scratch vector, released at the one exit.
 *
 * Children are gathered on the scratch vector and copied into the arena when their number is known, so a node
 * costs one bump of the arena and nothing else: its children stand right behind it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/limits.h"
#include "core/base/mem.h"
#include "templating/syntax/syntax_impl.h"

struct parser {
    struct hc_arena *a;
    const struct hc_syntax_port *port;
    hc_str name;
    struct lexer lex;
    struct token tok[3]; /* look-ahead; tok[0] is the last one lexed */
    int peeked;
    bool in_action;
    uint32_t action_pos; /* of the left delimiter at hand */
    int range_depth, paren_depth, depth;
    hc_str *vars; /* visible now: vars_from up to vars_n */
    size_t vars_from, vars_n, vars_cap;
    struct hc_node **stack; /* children of the nodes in work */
    size_t stack_n, stack_cap;
    struct hc_tree *trees;
    size_t trees_n, trees_cap;
    uint32_t *index; /* of trees, by name: open addressing, 1 + position */
    size_t index_cap;
    enum hc_rc rc;
    struct hc_err *err;
    struct hc_buf *out_error; /* may be NULL */
    struct hc_buf msg;
    jmp_buf out;
};

/* Depth is counted in what the emitted Lua may nest: PUC Lua stops at 200 levels and 255 registers. */
enum { DEPTH_IF = 1, DEPTH_WITH = 2, DEPTH_RANGE = 8, DEPTH_PAREN = 3 };

/* ---- mistakes ------------------------------------------------------------------------------------ */

static int line_of(const struct parser *p, uint32_t pos)
{
    int line = 1;
    const char *s = p->lex.p, *end = s + HC_MIN(pos, p->lex.n);
    while (s < end && (s = memchr(s, '\n', (size_t)(end - s))) != NULL) {
        line++;
        s++;
    }
    return line;
}

static HC_NORETURN void leave(struct parser *p, enum hc_rc rc)
{
    p->rc = rc;
    longjmp(p->out, 1);
}

static HC_NORETURN void out_of_memory(struct parser *p)
{
    leave(p, hc_fail_nomem(p->err));
}

/* What stands in p->msg, as Go's parser words it. */
static HC_NORETURN void fail_msg(struct parser *p)
{
    int line = line_of(p, p->tok[0].pos);
    hc_str m = hc_buf_str(&p->msg);
    if (p->out_error) {
        hc_buf_reset(p->out_error);
        hc_buf_printf(p->out_error, "template: %.*s:%d: ", HC_P(p->name), line);
        hc_buf_put(p->out_error, m);
    }
    leave(p, hc_fail_at(p->err, HC_E_INPUT, p->name, line, -1, "template: %.*s:%d: %.*s", HC_P(p->name), line,
                        HC_P(m)));
}

static HC_NORETURN HC_PRINTF(2, 3) void fail(struct parser *p, const char *fmt, ...)
{
    va_list ap;
    char text[512];
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    hc_buf_reset(&p->msg);
    hc_buf_puts(&p->msg, text);
    fail_msg(p);
}

static HC_NORETURN void fail_quoting(struct parser *p, const char *before, hc_str s, const char *after)
{
    hc_buf_reset(&p->msg);
    hc_buf_puts(&p->msg, before);
    hc_syntax_quote(&p->msg, p->port, s);
    hc_buf_puts(&p->msg, after);
    fail_msg(p);
}

static hc_str token_text(const struct parser *p, struct token t)
{
    return (hc_str){ p->lex.p + t.pos, t.len };
}

static void put_token(struct parser *p, struct token t)
{
    hc_str s = token_text(p, t);
    if (t.kind == T_EOF) {
        hc_buf_puts(&p->msg, "EOF");
    } else if (t.kind > T_KEYWORD) {
        hc_buf_printf(&p->msg, "<%.*s>", HC_P(s));
    } else if (s.n > 10) { /* %.10q...: ten runes */
        size_t n = 0;
        uint32_t r;
        for (int i = 0; i < 10 && n < s.n; i++)
            n += hc_utf8_decode(hc_str_sub(s, n, s.n), &r);
        hc_syntax_quote(&p->msg, p->port, hc_str_sub(s, 0, n));
        hc_buf_puts(&p->msg, "...");
    } else {
        hc_syntax_quote(&p->msg, p->port, s);
    }
}

static HC_NORETURN void unexpected(struct parser *p, struct token t, const char *context)
{
    hc_buf_reset(&p->msg);
    if (t.kind == T_ERROR) {
        hc_str m = hc_str_of(p->lex.message);
        hc_buf_put(&p->msg, m);
        int line = p->in_action ? line_of(p, p->action_pos) : 0;
        if (line != 0 && line != line_of(p, t.pos))
            hc_buf_printf(&p->msg, "%s started at %.*s:%d", hc_str_ends(m, HC_S(" action")) ? "" : " in action",
                          HC_P(p->name), line);
        fail_msg(p);
    }
    hc_buf_puts(&p->msg, "unexpected ");
    put_token(p, t);
    hc_buf_printf(&p->msg, " in %s", context);
    fail_msg(p);
}

static void enter(struct parser *p, int weight)
{
    p->depth += weight;
    if (p->depth > (int)HC_MAX_TEMPLATE_NESTING) {
        int line = line_of(p, p->tok[0].pos);
        leave(p,
              hc_fail_at(p->err, HC_E_LIMIT, p->name, line, -1,
                         "template: %.*s:%d: blocks and parentheses are nested too deeply (limit: %d levels of if, "
                         "%d of range)",
                         HC_P(p->name), line, (int)HC_MAX_TEMPLATE_NESTING,
                         (int)HC_MAX_TEMPLATE_NESTING / DEPTH_RANGE));
    }
}

/* ---- tokens -------------------------------------------------------------------------------------- */

static struct token next(struct parser *p)
{
    if (p->peeked > 0)
        p->peeked--;
    else
        p->tok[0] = hc_lex(&p->lex);
    return p->tok[p->peeked];
}

static void backup(struct parser *p)
{
    p->peeked++;
}

static struct token peek(struct parser *p)
{
    if (p->peeked == 0) {
        p->tok[0] = hc_lex(&p->lex);
        p->peeked = 1;
    }
    return p->tok[p->peeked - 1];
}

static struct token next_word(struct parser *p)
{
    struct token t;
    do
        t = next(p);
    while (t.kind == T_SPACE);
    return t;
}

static struct token peek_word(struct parser *p)
{
    struct token t = next_word(p);
    backup(p);
    return t;
}

static struct token expect(struct parser *p, enum token_kind kind, const char *context)
{
    struct token t = next_word(p);
    if (t.kind != kind)
        unexpected(p, t, context);
    return t;
}

/* ---- nodes --------------------------------------------------------------------------------------- */

/*
 * A node with room for what its kind uses of the union and no more, and `extra` bytes behind it: trees are most of
 * what a compiled chart holds.
 */
static struct hc_node *node_sized(struct parser *p, enum hc_node_kind kind, uint32_t pos, size_t size)
{
    struct hc_node *n = hc_arena_alloc(p->a, size, _Alignof(struct hc_node));
    if (!n)
        leave(p, hc_arena_check(p->a, p->err, "template"));
    n->kind = (uint8_t)kind;
    n->pos = pos;
    return n;
}

#define UP_TO(member) (offsetof(struct hc_node, member) + sizeof(((struct hc_node *)NULL)->member))
#define HEAD_ONLY     offsetof(struct hc_node, text)

static void push(struct parser *p, struct hc_node *n)
{
    if (p->stack_n == p->stack_cap) {
        size_t cap = p->stack_cap ? p->stack_cap * 2 : 64;
        void *grown = hc_realloc(p->stack, cap * sizeof(struct hc_node *));
        if (!grown)
            out_of_memory(p);
        p->stack = grown;
        p->stack_cap = cap;
    }
    p->stack[p->stack_n++] = n;
}

/* Takes what was pushed since `from` off the scratch vector, to `items`. */
static void take(struct parser *p, size_t from, struct hc_node **items)
{
    size_t n = p->stack_n - from;
    if (n > 0)
        memcpy(items, p->stack + from, n * sizeof(struct hc_node *));
    p->stack_n = from;
}

/* A LIST or COMMAND of what was pushed since `from`; the children stand behind the node. */
static struct hc_node *node_of(struct parser *p, enum hc_node_kind kind, uint32_t pos, size_t from)
{
    size_t n = p->stack_n - from, bytes = UP_TO(items) + n * sizeof(struct hc_node *);
    struct hc_node *list = node_sized(p, kind, pos, bytes);
    list->n = (uint32_t)n;
    take(p, from, list->items);
    return list;
}

static void declare(struct parser *p, hc_str name)
{
    if (p->vars_n == p->vars_cap) {
        size_t cap = p->vars_cap ? p->vars_cap * 2 : 16;
        void *grown = hc_realloc(p->vars, cap * sizeof(hc_str));
        if (!grown)
            out_of_memory(p);
        p->vars = grown;
        p->vars_cap = cap;
    }
    p->vars[p->vars_n++] = name;
}

/* A FIELD, VARIABLE or CHAIN of n names, the first of which is at `names`. */
static struct hc_node *names_node(struct parser *p, enum hc_node_kind kind, uint32_t pos, const char *names,
                                  const uint32_t *sizes, size_t n)
{
    bool chain = kind == HC_NODE_CHAIN;
    struct hc_node *f = node_sized(p, kind, pos, (chain ? UP_TO(chain) : UP_TO(field)) + n * sizeof(*sizes));
    f->field.names = names;
    memcpy(chain ? f->chain.sizes : f->field.sizes, sizes, n * sizeof(*sizes));
    f->n = (uint32_t)n;
    return f;
}

static struct hc_node *variable(struct parser *p, struct token t)
{
    return names_node(p, HC_NODE_VARIABLE, t.pos, p->lex.p + t.pos, &t.len, 1);
}

static bool declared(const struct parser *p, hc_str name)
{
    for (size_t i = p->vars_n; i-- > p->vars_from;) {
        if (hc_str_eq(p->vars[i], name))
            return true;
    }
    return false;
}

/* ---- trees --------------------------------------------------------------------------------------- */

static bool all_space(hc_str s)
{
    /* bytes.TrimSpace: Unicode white space too */
    while (s.n > 0) {
        uint32_t r;
        size_t len = hc_utf8_decode(s, &r);
        bool space = (r >= 9 && r <= 13) || r == ' ' || r == 0x85 || r == 0xa0 || r == 0x1680 ||
                     (r >= 0x2000 && r <= 0x200a) || r == 0x2028 || r == 0x2029 || r == 0x202f || r == 0x205f ||
                     r == 0x3000;
        if (!space)
            return false;
        s = hc_str_sub(s, len, s.n);
    }
    return true;
}

static bool is_empty(const struct hc_node *list)
{
    for (uint32_t i = 0; i < list->n; i++) {
        if (list->items[i]->kind != HC_NODE_TEXT || !all_space(hc_node_text(list->items[i])))
            return false;
    }
    return true;
}

static uint32_t *find_tree(struct parser *p, hc_str name)
{
    size_t i = (size_t)hc_str_hash(name) & (p->index_cap - 1);
    while (p->index[i] && !hc_str_eq(p->trees[p->index[i] - 1].name, name))
        i = (i + 1) & (p->index_cap - 1);
    return &p->index[i];
}

/* Adds a finished tree, or replaces an empty one of its name. */
static void add_tree(struct parser *p, hc_str name, struct hc_node *root)
{
    struct hc_tree t = { name, p->name, { p->lex.p, p->lex.n }, root, is_empty(root) };
    if ((p->trees_n + 1) * 2 > p->index_cap) {
        size_t cap = p->index_cap ? p->index_cap * 2 : 16;
        uint32_t *index = hc_calloc(cap, sizeof(*index));
        void *trees = index ? hc_realloc(p->trees, cap * sizeof(struct hc_tree)) : NULL;
        if (!trees) {
            free(index);
            out_of_memory(p);
        }
        free(p->index);
        p->index = index;
        p->index_cap = cap;
        p->trees = trees;
        for (uint32_t i = 0; i < p->trees_n; i++)
            *find_tree(p, p->trees[i].name) = i + 1;
    }
    uint32_t *at = find_tree(p, name);
    if (*at == 0) {
        p->trees[p->trees_n++] = t;
        *at = (uint32_t)p->trees_n;
    } else if (p->trees[*at - 1].empty) {
        p->trees[*at - 1] = t;
    } else if (!t.empty) {
        fail_quoting(p, "template: multiple definition of template ", name, "");
    }
}

/* ---- expressions --------------------------------------------------------------------------------- */

static struct hc_node *pipeline(struct parser *p, const char *context, enum token_kind end);

static hc_str unquote(struct parser *p, struct token t)
{
    hc_str s;
    if (!hc_unquote(p->a, token_text(p, t), &s))
        fail(p, "invalid syntax");
    return s;
}

static void write_literal(struct hc_node *n, hc_str s)
{
    n->lit.written = s.p;
    n->n = (uint32_t)s.n;
}

static struct hc_node *string(struct parser *p, struct token t)
{
    struct hc_node *n = node_sized(p, HC_NODE_STRING, t.pos, UP_TO(lit));
    hc_str is = unquote(p, t);
    write_literal(n, token_text(p, t));
    if (is.p == n->lit.written + 1 && is.n == t.len - 2)
        return n;
    hc_str *value = HC_NEW(p->a, hc_str);
    if (!value)
        leave(p, hc_arena_check(p->a, p->err, "template"));
    *value = is;
    n->lit.value = value;
    return n;
}

static struct hc_node *term(struct parser *p)
{
    struct token t = next_word(p);
    hc_str s = token_text(p, t);
    struct hc_node *n;
    switch (t.kind) {
    case T_IDENT:
        n = node_sized(p, HC_NODE_IDENT, t.pos, UP_TO(ident));
        n->ident.name = s.p;
        n->decl_n = (uint16_t)s.n; /* functions have short names */
        n->ident.func = p->port->find_func(p->port->ctx, s);
        if (!n->ident.func)
            fail_quoting(p, "function ", s, " not defined");
        return n;
    case T_DOT:
        return node_sized(p, HC_NODE_DOT, t.pos, HEAD_ONLY);
    case T_NIL:
        return node_sized(p, HC_NODE_NIL, t.pos, HEAD_ONLY);
    case T_BOOL:
        n = node_sized(p, HC_NODE_BOOL, t.pos, UP_TO(lit));
        write_literal(n, s);
        n->flags = s.p[0] == 't' ? HC_NODE_TRUE : 0;
        return n;
    case T_RUNE:
    case T_COMPLEX:
    case T_NUMBER:
        n = node_sized(p, HC_NODE_NUMBER, t.pos, UP_TO(lit));
        write_literal(n, s);
        hc_buf_reset(&p->msg);
        n->lit.number = hc_number_read(p->a, p->port, t.kind, s, &p->msg);
        if (!n->lit.number)
            fail_msg(p);
        return n;
    case T_LEFT_PAREN:
        enter(p, DEPTH_PAREN);
        n = pipeline(p, "parenthesized pipeline", T_RIGHT_PAREN);
        p->depth -= DEPTH_PAREN;
        return n;
    case T_STRING:
    case T_RAW_STRING:
        return string(p, t);
    default:
        backup(p);
        return NULL;
    }
}

/*
 * A term and the fields behind it: `.a` `.b` becomes one FIELD, `$x` `.b` one VARIABLE, the rest a CHAIN. Go reports
 * one of several names at the place of the first that was added.
 */
static struct hc_node *operand(struct parser *p)
{
    struct token t = next_word(p);
    uint32_t few[8], *sizes = few;
    size_t n = 0, cap = HC_LEN(few);
    struct hc_node *base = NULL;
    uint32_t pos = t.pos;
    const char *names = p->lex.p + t.pos + (t.kind == T_FIELD); /* ".a" is called "a" */
    if (t.kind == T_FIELD) {
        sizes[n++] = t.len - 1;
    } else if (t.kind == T_VARIABLE) {
        sizes[n++] = t.len;
        if (!declared(p, token_text(p, t)))
            fail_quoting(p, "undefined variable ", token_text(p, t), "");
    } else {
        backup(p);
        base = term(p);
        if (!base)
            return NULL;
    }
    struct token f = peek(p);
    enum hc_node_kind kind = base ? HC_NODE_CHAIN : t.kind == T_FIELD ? HC_NODE_FIELD : HC_NODE_VARIABLE;
    if (f.kind != T_FIELD)
        return base ? base : names_node(p, kind, pos, names, sizes, n);
    pos = f.pos;
    if (base)
        names = p->lex.p + f.pos + 1;
    while (f.kind == T_FIELD) {
        next(p);
        if (n == cap) {
            uint32_t *grown = HC_NEW_N(p->a, uint32_t, cap * 2);
            if (!grown)
                leave(p, hc_arena_check(p->a, p->err, "template"));
            memcpy(grown, sizes, n * sizeof(*sizes));
            sizes = grown;
            cap *= 2;
        }
        sizes[n++] = f.len - 1; /* each begins where the one before ends: a space would end the operand */
        f = peek(p);
    }
    if (!base)
        return names_node(p, kind, pos, names, sizes, n);
    switch (base->kind) {
    case HC_NODE_BOOL:
    case HC_NODE_STRING:
    case HC_NODE_NUMBER:
        fail_quoting(p, "unexpected . after term ", hc_node_written(base), "");
    case HC_NODE_NIL:
        fail(p, "unexpected . after term \"nil\"");
    case HC_NODE_DOT:
        fail(p, "unexpected . after term \".\"");
    default:
        break;
    }
    struct hc_node *chain = names_node(p, kind, pos, names, sizes, n);
    chain->chain.base = base;
    return chain;
}

static struct hc_node *command(struct parser *p)
{
    uint32_t pos = peek_word(p).pos;
    size_t from = p->stack_n;
    for (;;) {
        struct hc_node *arg = operand(p);
        if (arg)
            push(p, arg);
        struct token t = next(p);
        if (t.kind == T_SPACE)
            continue;
        if (t.kind == T_RIGHT_DELIM || t.kind == T_RIGHT_PAREN)
            backup(p);
        else if (t.kind != T_PIPE)
            unexpected(p, t, "operand");
        break;
    }
    if (p->stack_n == from)
        fail(p, "empty command");
    return node_of(p, HC_NODE_COMMAND, pos, from);
}

/* `$x :=`, `$x =`, `$k, $v :=` in front of a pipeline; leaves them on the scratch vector. True: it is `=`. */
static bool declarations(struct parser *p, const char *context)
{
    for (int count = 0;; count++) {
        struct token v = peek_word(p);
        if (v.kind != T_VARIABLE)
            return false;
        next(p);
        /* A space may stand between: Go looks at both tokens, so as to put them back in order. */
        struct token after = peek(p), sign = peek_word(p);
        bool comma = sign.kind == T_CHAR && p->lex.p[sign.pos] == ',';
        if (sign.kind == T_ASSIGN || sign.kind == T_DECLARE || comma) {
            next_word(p);
            push(p, variable(p, v));
            declare(p, token_text(p, v));
            if (!comma)
                return sign.kind == T_ASSIGN;
            if (strcmp(context, "range") == 0 && count < 1) {
                enum token_kind k = peek_word(p).kind;
                if (k == T_VARIABLE || k == T_RIGHT_DELIM || k == T_RIGHT_PAREN)
                    continue;
                fail(p, "range can only initialize variables");
            }
            fail(p, "too many declarations in %s", context);
        }
        if (after.kind == T_SPACE) {
            p->tok[1] = after;
            p->tok[2] = v;
            p->peeked = 3;
        } else {
            p->tok[1] = v;
            p->peeked = 2;
        }
        return false;
    }
}

static struct hc_node *pipeline(struct parser *p, const char *context, enum token_kind end)
{
    uint32_t pos = peek_word(p).pos;
    size_t from = p->stack_n;
    bool assign = declarations(p, context);
    size_t first = p->stack_n;
    for (;;) {
        struct token t = next_word(p);
        switch (t.kind) {
        case T_BOOL:
        case T_RUNE:
        case T_COMPLEX:
        case T_DOT:
        case T_FIELD:
        case T_IDENT:
        case T_NUMBER:
        case T_NIL:
        case T_RAW_STRING:
        case T_STRING:
        case T_VARIABLE:
        case T_LEFT_PAREN:
            backup(p);
            push(p, command(p));
            continue;
        default:
            if (t.kind != end)
                unexpected(p, t, context);
        }
        break;
    }
    if (p->stack_n == first)
        fail(p, "missing value for %s", context);
    size_t decl_n = first - from, n = p->stack_n - first;
    struct hc_node *pipe = node_sized(p, HC_NODE_PIPE, pos, UP_TO(items) + (decl_n + n) * sizeof(struct hc_node *));
    pipe->flags = assign ? HC_NODE_ASSIGN : 0;
    pipe->decl_n = (uint16_t)decl_n;
    pipe->n = (uint32_t)n;
    take(p, from, pipe->items);
    for (uint32_t i = 1; i < pipe->n; i++) {
        switch (hc_node_cmd(pipe, i)->items[0]->kind) {
        case HC_NODE_BOOL:
        case HC_NODE_DOT:
        case HC_NODE_NIL:
        case HC_NODE_NUMBER:
        case HC_NODE_STRING:
            fail(p, "non executable command in pipeline stage %u", i + 1);
        default:
            break;
        }
    }
    return pipe;
}

/* ---- statements ---------------------------------------------------------------------------------- */

enum ending { END_END, END_ELSE, END_ELSE_IF, END_ELSE_WITH };

static struct hc_node *item_list(struct parser *p, enum ending *out_end);

static hc_str template_name(struct parser *p, struct token t, const char *context)
{
    if (t.kind != T_STRING && t.kind != T_RAW_STRING)
        unexpected(p, t, context);
    return unquote(p, t);
}

/* A definition or block: a tree of its own in the same token stream, where only `$` is visible. */
static void own_tree(struct parser *p, hc_str name, const char *context)
{
    size_t vars_n = p->vars_n, vars_from = p->vars_from;
    int range_depth = p->range_depth;
    bool in_action = p->in_action;
    uint32_t action_pos = p->action_pos;
    p->vars_from = vars_n;
    p->range_depth = 0;
    p->in_action = false;
    declare(p, HC_S("$"));
    enum ending end = END_END;
    struct hc_node *list = item_list(p, &end);
    if (end != END_END)
        fail(p, "unexpected {{else}} in %s", context);
    add_tree(p, name, list);
    p->vars_n = vars_n;
    p->vars_from = vars_from;
    p->range_depth = range_depth;
    p->in_action = in_action;
    p->action_pos = action_pos;
}

static void definition(struct parser *p)
{
    struct token t = next_word(p);
    hc_str name = template_name(p, t, "define clause");
    expect(p, T_RIGHT_DELIM, "define clause");
    own_tree(p, name, "define clause");
}

static struct hc_node *block(struct parser *p)
{
    struct token t = next_word(p);
    struct hc_node *n = node_sized(p, HC_NODE_TEMPLATE, t.pos, UP_TO(call));
    n->call.name = template_name(p, t, "block clause");
    n->call.pipe = pipeline(p, "block clause", T_RIGHT_DELIM);
    enter(p, DEPTH_IF);
    own_tree(p, n->call.name, "block clause");
    p->depth -= DEPTH_IF;
    return n;
}

static struct hc_node *template_call(struct parser *p)
{
    struct token t = next_word(p);
    struct hc_node *n = node_sized(p, HC_NODE_TEMPLATE, t.pos, UP_TO(call));
    n->call.name = template_name(p, t, "template clause");
    if (next_word(p).kind != T_RIGHT_DELIM) {
        backup(p);
        n->call.pipe = pipeline(p, "template clause", T_RIGHT_DELIM);
    }
    return n;
}

static struct hc_node *jump(struct parser *p, struct token t)
{
    const char *word = t.kind == T_BREAK ? "break" : "continue";
    struct token end = next_word(p);
    if (end.kind != T_RIGHT_DELIM)
        unexpected(p, end, t.kind == T_BREAK ? "{{break}}" : "{{continue}}");
    if (p->range_depth == 0)
        fail(p, "{{%s}} outside {{range}}", word);
    return node_sized(p, t.kind == T_BREAK ? HC_NODE_BREAK : HC_NODE_CONTINUE, t.pos, HEAD_ONLY);
}

/*
 * if, with, range. `else if` is an IF in the else list, as in Go, but read in a loop: a chain of a thousand
 * is not a thousand levels.
 */
static struct hc_node *control(struct parser *p, enum hc_node_kind kind)
{
    const char *context = kind == HC_NODE_IF ? "if" : kind == HC_NODE_WITH ? "with" : "range";
    int weight = kind == HC_NODE_IF ? DEPTH_IF : kind == HC_NODE_WITH ? DEPTH_WITH : DEPTH_RANGE;
    size_t vars_n = p->vars_n;
    int depth = p->depth;
    struct hc_node *first = NULL, **link = &first;
    uint32_t word = 0; /* where the `if` of an `else if` stands */
    enum ending end;
    enter(p, weight);
    for (size_t branches = 1;; branches++) {
        if (branches > HC_MAX_TEMPLATE_CHAIN) {
            int line = line_of(p, p->tok[0].pos);
            leave(p, hc_fail_at(p->err, HC_E_LIMIT, p->name, line, -1,
                                "template: %.*s:%d: a chain of more than %u else branches", HC_P(p->name), line,
                                HC_MAX_TEMPLATE_CHAIN));
        }
        struct hc_node *pipe = pipeline(p, context, T_RIGHT_DELIM);
        struct hc_node *n = node_sized(p, kind, pipe->pos, UP_TO(branch));
        n->branch.pipe = pipe;
        if (first) {
            push(p, n);
            *link = node_of(p, HC_NODE_LIST, word, p->stack_n - 1);
        } else {
            first = n;
        }
        link = &n->branch.orelse;
        p->range_depth += kind == HC_NODE_RANGE;
        n->branch.list = item_list(p, &end);
        p->range_depth -= kind == HC_NODE_RANGE;
        if (end == END_END)
            break;
        if (end == (kind == HC_NODE_IF ? END_ELSE_IF : END_ELSE_WITH) && kind != HC_NODE_RANGE) {
            word = next(p).pos;
            if (kind == HC_NODE_WITH)
                enter(p, weight);
            continue;
        }
        *link = item_list(p, &end);
        if (end != END_END)
            fail(p, "expected end; found {{else}}");
        break;
    }
    p->depth = depth;
    p->vars_n = vars_n;
    return first;
}

/* NULL: an {{end}} or {{else}}, *out_end says which. */
static struct hc_node *action(struct parser *p, enum ending *out_end)
{
    struct token t = next_word(p);
    struct hc_node *n;
    switch (t.kind) {
    case T_BLOCK:
        return block(p);
    case T_BREAK:
    case T_CONTINUE:
        return jump(p, t);
    case T_ELSE: {
        enum token_kind k = peek_word(p).kind;
        *out_end = k == T_IF ? END_ELSE_IF : k == T_WITH ? END_ELSE_WITH : END_ELSE;
        if (*out_end == END_ELSE)
            expect(p, T_RIGHT_DELIM, "else");
        return NULL;
    }
    case T_END:
        expect(p, T_RIGHT_DELIM, "end");
        *out_end = END_END;
        return NULL;
    case T_IF:
        return control(p, HC_NODE_IF);
    case T_RANGE:
        return control(p, HC_NODE_RANGE);
    case T_TEMPLATE:
        return template_call(p);
    case T_WITH:
        return control(p, HC_NODE_WITH);
    default:
        backup(p);
        n = node_sized(p, HC_NODE_ACTION, peek(p).pos, UP_TO(branch.pipe));
        n->branch.pipe = pipeline(p, "command", T_RIGHT_DELIM);
        return n;
    }
}

static struct hc_node *text_or_action(struct parser *p, enum ending *out_end)
{
    struct token t = next_word(p);
    if (t.kind == T_TEXT) {
        struct hc_node *n = node_sized(p, HC_NODE_TEXT, t.pos, UP_TO(text));
        n->text = p->lex.p + t.pos;
        n->n = t.len;
        return n;
    }
    if (t.kind != T_LEFT_DELIM)
        unexpected(p, t, "input");
    p->in_action = true;
    p->action_pos = t.pos;
    struct hc_node *n = action(p, out_end);
    p->in_action = false;
    return n;
}

static struct hc_node *item_list(struct parser *p, enum ending *out_end)
{
    uint32_t pos = peek_word(p).pos;
    size_t from = p->stack_n;
    while (peek_word(p).kind != T_EOF) {
        struct hc_node *n = text_or_action(p, out_end);
        if (!n)
            return node_of(p, HC_NODE_LIST, pos, from);
        push(p, n);
    }
    fail(p, "unexpected EOF");
}

static void file(struct parser *p)
{
    uint32_t pos = peek(p).pos;
    enum ending end = END_END;
    for (;;) {
        struct token t = peek(p);
        if (t.kind == T_EOF)
            break;
        if (t.kind == T_LEFT_DELIM) {
            struct token delim = next(p);
            if (next_word(p).kind == T_DEFINE) {
                definition(p);
                continue;
            }
            p->tok[1] = delim;
            p->peeked = 2;
        }
        struct hc_node *n = text_or_action(p, &end);
        if (!n)
            fail(p, "unexpected {{%s}}", end == END_END ? "end" : "else");
        push(p, n);
    }
    add_tree(p, p->name, node_of(p, HC_NODE_LIST, pos, 0));
}

enum hc_rc hc_syntax_parse(struct hc_arena *a, const struct hc_syntax_port *port, hc_str name, hc_str text,
                           size_t size, struct hc_tree **out_trees, size_t *out_n, struct hc_buf *out_error,
                           struct hc_err *err)
{
    if (text.n > HC_MAX_TEMPLATE_BYTES)
        return hc_fail_at(err, HC_E_LIMIT, name, 0, -1, "template %.*s has %zu bytes, more than %zu", HC_P(name),
                          text.n, HC_MAX_TEMPLATE_BYTES);
    struct parser *p = hc_calloc(1, sizeof(*p));
    if (!p)
        return hc_fail_nomem(err);
    p->a = a;
    p->port = port;
    p->name = name;
    p->err = err;
    p->out_error = out_error;
    p->lex = (struct lexer){ .p = text.p ? text.p : "", .n = (uint32_t)text.n, .port = port };
    hc_buf_init(&p->msg, 0);
    if (setjmp(p->out) == 0) {
        declare(p, HC_S("$"));
        file(p);
        char *trees = hc_arena_alloc_n(a, p->trees_n, size, _Alignof(struct hc_tree));
        if (!trees)
            leave(p, hc_arena_check(a, err, "template"));
        for (size_t i = 0; i < p->trees_n; i++)
            memcpy(trees + i * size, &p->trees[i], sizeof(p->trees[i]));
        *out_trees = (struct hc_tree *)(void *)trees;
        *out_n = p->trees_n;
        p->rc = HC_OK;
    }
    enum hc_rc rc = p->rc;
    hc_buf_done(&p->msg);
    free(p->vars);
    free(p->stack);
    free(p->trees);
    free(p->index);
    free(p);
    return rc;
}
