/*
 * Nodes back to text: Go's canonical writing for messages, and a dump of the whole tree for tests.
 */
#include "templating/syntax/syntax_impl.h"

void hc_syntax_where(const struct hc_tree *t, const struct hc_node *n, int *out_line, int *out_col)
{
    const char *s = t->text.p, *line = s, *end = s + HC_MIN(n->pos, t->text.n), *p;
    int lines = 1;
    while (line < end && (p = memchr(line, '\n', (size_t)(end - line))) != NULL) {
        lines++;
        line = p + 1;
    }
    *out_line = lines;
    *out_col = (int)(end - line);
}

static void put_paren(struct hc_buf *b, const struct hc_syntax_port *port, const struct hc_node *n)
{
    bool pipe = n->kind == HC_NODE_PIPE;
    if (pipe)
        hc_buf_putc(b, '(');
    hc_syntax_print(b, port, n);
    if (pipe)
        hc_buf_putc(b, ')');
}

static void put_branch(struct hc_buf *b, const struct hc_syntax_port *port, const char *word,
                       const struct hc_node *n)
{
    hc_buf_printf(b, "{{%s ", word);
    hc_syntax_print(b, port, n->branch.pipe);
    hc_buf_puts(b, "}}");
    if (n->branch.list)
        hc_syntax_print(b, port, n->branch.list);
    if (n->branch.orelse) {
        hc_buf_puts(b, "{{else}}");
        hc_syntax_print(b, port, n->branch.orelse);
    }
    hc_buf_puts(b, "{{end}}");
}

static void put_names(struct hc_buf *b, const struct hc_node *n, bool dot_first)
{
    struct hc_names names = hc_node_names(n);
    for (uint32_t i = 0; i < n->n; i++) {
        if (i > 0 || dot_first)
            hc_buf_putc(b, '.');
        hc_buf_put(b, hc_names_next(&names));
    }
}

void hc_syntax_print(struct hc_buf *b, const struct hc_syntax_port *port, const struct hc_node *n)
{
    switch ((enum hc_node_kind)n->kind) {
    case HC_NODE_TEXT:
        hc_buf_put(b, hc_node_text(n));
        return;
    case HC_NODE_LIST:
        for (uint32_t i = 0; i < n->n; i++)
            hc_syntax_print(b, port, n->items[i]);
        return;
    case HC_NODE_ACTION:
        hc_buf_puts(b, "{{");
        hc_syntax_print(b, port, n->branch.pipe);
        hc_buf_puts(b, "}}");
        return;
    case HC_NODE_IF:
        put_branch(b, port, "if", n);
        return;
    case HC_NODE_RANGE:
        put_branch(b, port, "range", n);
        return;
    case HC_NODE_WITH:
        put_branch(b, port, "with", n);
        return;
    case HC_NODE_TEMPLATE:
        hc_buf_puts(b, "{{template ");
        hc_syntax_quote(b, port, n->call.name);
        if (n->call.pipe) {
            hc_buf_putc(b, ' ');
            hc_syntax_print(b, port, n->call.pipe);
        }
        hc_buf_puts(b, "}}");
        return;
    case HC_NODE_BREAK:
        hc_buf_puts(b, "{{break}}");
        return;
    case HC_NODE_CONTINUE:
        hc_buf_puts(b, "{{continue}}");
        return;
    case HC_NODE_PIPE:
        for (uint32_t i = 0; i < n->decl_n; i++) {
            if (i > 0)
                hc_buf_puts(b, ", ");
            hc_buf_put(b, hc_node_first_name(hc_node_decl(n, i)));
        }
        if (n->decl_n > 0)
            hc_buf_puts(b, n->flags & HC_NODE_ASSIGN ? " = " : " := ");
        for (uint32_t i = 0; i < n->n; i++) {
            if (i > 0)
                hc_buf_puts(b, " | ");
            hc_syntax_print(b, port, hc_node_cmd(n, i));
        }
        return;
    case HC_NODE_COMMAND:
        for (uint32_t i = 0; i < n->n; i++) {
            if (i > 0)
                hc_buf_putc(b, ' ');
            put_paren(b, port, n->items[i]);
        }
        return;
    case HC_NODE_FIELD:
        put_names(b, n, true);
        return;
    case HC_NODE_VARIABLE:
        put_names(b, n, false);
        return;
    case HC_NODE_CHAIN:
        put_paren(b, port, n->chain.base);
        put_names(b, n, true);
        return;
    case HC_NODE_IDENT:
        hc_buf_put(b, hc_node_func_name(n));
        return;
    case HC_NODE_DOT:
        hc_buf_putc(b, '.');
        return;
    case HC_NODE_NIL:
        hc_buf_puts(b, "nil");
        return;
    case HC_NODE_BOOL:
    case HC_NODE_NUMBER:
    case HC_NODE_STRING:
        hc_buf_put(b, hc_node_written(n));
        return;
    }
}

static const char *const kind_names[] = {
    [HC_NODE_TEXT] = "text",         [HC_NODE_LIST] = "list",
    [HC_NODE_ACTION] = "action",     [HC_NODE_IF] = "if",
    [HC_NODE_RANGE] = "range",       [HC_NODE_WITH] = "with",
    [HC_NODE_TEMPLATE] = "template", [HC_NODE_BREAK] = "break",
    [HC_NODE_CONTINUE] = "continue", [HC_NODE_PIPE] = "pipe",
    [HC_NODE_COMMAND] = "call",      [HC_NODE_FIELD] = "field",
    [HC_NODE_VARIABLE] = "var",      [HC_NODE_CHAIN] = "chain",
    [HC_NODE_IDENT] = "func",        [HC_NODE_DOT] = "dot",
    [HC_NODE_NIL] = "nil",           [HC_NODE_BOOL] = "bool",
    [HC_NODE_NUMBER] = "number",     [HC_NODE_STRING] = "string",
};

static void dump(struct hc_buf *b, const struct hc_tree *t, const struct hc_node *n, size_t depth)
{
    int line, col;
    if (!n)
        return;
    hc_syntax_where(t, n, &line, &col);
    hc_buf_fill(b, ' ', depth * 2);
    hc_buf_printf(b, "%s %d:%d", kind_names[n->kind], line, col);
    switch ((enum hc_node_kind)n->kind) {
    case HC_NODE_TEXT:
        hc_buf_putc(b, ' ');
        hc_syntax_quote(b, NULL, hc_node_text(n));
        break;
    case HC_NODE_FIELD:
    case HC_NODE_VARIABLE:
    case HC_NODE_IDENT:
    case HC_NODE_BOOL:
    case HC_NODE_NUMBER:
        hc_buf_putc(b, ' ');
        hc_syntax_print(b, NULL, n);
        break;
    case HC_NODE_STRING:
        hc_buf_putc(b, ' ');
        hc_syntax_quote(b, NULL, hc_node_string(n));
        break;
    case HC_NODE_TEMPLATE:
        hc_buf_putc(b, ' ');
        hc_syntax_quote(b, NULL, n->call.name);
        break;
    case HC_NODE_CHAIN:
        for (struct hc_names names = hc_node_names(n); names.size < n->chain.sizes + n->n;) {
            hc_str name = hc_names_next(&names);
            hc_buf_printf(b, " .%.*s", HC_P(name));
        }
        break;
    case HC_NODE_PIPE:
        for (uint32_t i = 0; i < n->decl_n; i++) {
            hc_buf_putc(b, ' ');
            hc_buf_put(b, hc_node_first_name(hc_node_decl(n, i)));
        }
        if (n->decl_n > 0)
            hc_buf_puts(b, n->flags & HC_NODE_ASSIGN ? " =" : " :=");
        break;
    default:
        break;
    }
    hc_buf_putc(b, '\n');
    switch ((enum hc_node_kind)n->kind) {
    case HC_NODE_LIST:
    case HC_NODE_COMMAND:
        for (uint32_t i = 0; i < n->n; i++)
            dump(b, t, n->items[i], depth + 1);
        break;
    case HC_NODE_PIPE:
        for (uint32_t i = 0; i < n->n; i++)
            dump(b, t, hc_node_cmd(n, i), depth + 1);
        break;
    case HC_NODE_ACTION:
        dump(b, t, n->branch.pipe, depth + 1);
        break;
    case HC_NODE_IF:
    case HC_NODE_RANGE:
    case HC_NODE_WITH:
        dump(b, t, n->branch.pipe, depth + 1);
        dump(b, t, n->branch.list, depth + 1);
        dump(b, t, n->branch.orelse, depth + 1);
        break;
    case HC_NODE_TEMPLATE:
        dump(b, t, n->call.pipe, depth + 1);
        break;
    case HC_NODE_CHAIN:
        dump(b, t, n->chain.base, depth + 1);
        break;
    default:
        break;
    }
}

void hc_syntax_dump(struct hc_buf *b, const struct hc_tree *t)
{
    hc_buf_puts(b, "template ");
    hc_syntax_quote(b, NULL, t->name);
    hc_buf_puts(b, t->empty ? " empty\n" : "\n");
    dump(b, t, t->root, 1);
}
