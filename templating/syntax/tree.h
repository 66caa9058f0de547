#pragma once
/*
 * templating/syntax/tree.h - template text to a tree, as Go's text/template/parse reads it
 *
 * A parse makes nodes in the caller's arena; they point into the text, which must live as long. Trees are not
 * changed by this module once they are made. The parser does not know the functions: it asks the port.
 *
 * A position is one byte offset (`pos`); file, line and column come from it on demand (hc_syntax_where), because
 * only messages need them.
 */
#include "core/base/arena.h"
#include "core/base/buf.h"

enum hc_node_kind {
    HC_NODE_TEXT,
    HC_NODE_LIST,
    HC_NODE_ACTION,
    HC_NODE_IF,
    HC_NODE_RANGE,
    HC_NODE_WITH,
    HC_NODE_TEMPLATE,
    HC_NODE_BREAK,
    HC_NODE_CONTINUE,
    HC_NODE_PIPE,
    HC_NODE_COMMAND,
    HC_NODE_FIELD,    /* .a.b                                   */
    HC_NODE_VARIABLE, /* $x.a.b                                 */
    HC_NODE_CHAIN,    /* (pipeline).a.b                         */
    HC_NODE_IDENT,    /* a function's name                      */
    HC_NODE_DOT,
    HC_NODE_NIL,
    HC_NODE_BOOL,
    HC_NODE_NUMBER,
    HC_NODE_STRING,
};

/* Bits of hc_node.flags. The upper ones are the emitter's. */
enum {
    HC_NODE_ASSIGN = 1 << 0, /* PIPE: `=`, not `:=`                                                   */
    HC_NODE_TRUE = 1 << 1,   /* BOOL                                                                  */
    HC_NODE_CALLS = 1 << 2,  /* emit: there is an include or tpl in it, so Lua has to run it          */
    HC_NODE_GIVEN = 1 << 3,  /* emit: an argument whose value Lua hands over                          */
    HC_NODE_PIPED = 1 << 4,  /* emit: COMMAND with a value before it in the pipeline                  */
    HC_NODE_LEAF = 1 << 5,   /* emit: IF, WITH without anything that Lua has to run                   */
};

/* What a number can be read as; Go's untyped constants. */
struct hc_number {
    bool is_int, is_uint, is_float, is_complex;
    int64_t i;
    uint64_t u;
    double f;
    double im; /* imaginary part; `f` is the real one */
};

/*
 * Nodes are only as large as their kind needs (never copy one), and children stand behind their parent: the trees of all
 * files are a third of what a render of a large chart holds. The functions below read what is not a plain pointer.
 */
struct hc_node {
    uint8_t kind;
    uint8_t flags;
    uint16_t decl_n; /* PIPE: variables declared or assigned; IDENT: bytes of the name */
    uint32_t pos;    /* byte offset in the text, as Go reports the node */
    uint32_t n;      /* children, arguments, commands or names; TEXT, BOOL, NUMBER, STRING: bytes as written */
    uint32_t slot;   /* emit: VARIABLE: its place in the frame; others: its number in the code */
    union {
        const char *text;         /* TEXT */
        struct hc_node *items[0]; /* LIST, COMMAND; PIPE: its variables, then its commands */
        struct {                  /* IF, RANGE, WITH: `orelse` may be NULL; ACTION: `pipe` alone */
            struct hc_node *pipe, *list, *orelse;
        } branch;
        struct { /* TEMPLATE: `pipe` may be NULL */
            struct hc_node *pipe;
            hc_str name;
        } call;
        struct { /* FIELD; VARIABLE: the first name is "$x" */
            const char *names;
            uint32_t sizes[0];
        } field;
        struct { /* CHAIN: names behind `base` */
            const char *names;
            struct hc_node *base;
            uint32_t sizes[0];
        } chain;
        struct { /* IDENT */
            const char *name;
            const void *func; /* what the port gave */
        } ident;
        struct { /* BOOL, NUMBER, STRING */
            const char *written;
            union {
                const hc_str
                    *value; /* STRING that says it otherwise than it is; NULL: what stands between the quotes */
                const struct hc_number *number;
            };
            const void *constant; /* the run time's own */
        } lit;
    };
};

/* Of a TEXT. */
static inline hc_str hc_node_text(const struct hc_node *n)
{
    return (hc_str){ n->text, n->n };
}

/* A literal as the template writes it. */
static inline hc_str hc_node_written(const struct hc_node *n)
{
    return (hc_str){ n->lit.written, n->n };
}

/* What a STRING is. */
static inline hc_str hc_node_string(const struct hc_node *n)
{
    return n->lit.value ? *n->lit.value : (hc_str){ n->lit.written + 1, n->n - 2 };
}

/* Of an IDENT. */
static inline hc_str hc_node_func_name(const struct hc_node *n)
{
    return (hc_str){ n->ident.name, n->decl_n };
}

static inline struct hc_node *hc_node_decl(const struct hc_node *pipe, uint32_t i)
{
    return pipe->items[i];
}

static inline struct hc_node *hc_node_cmd(const struct hc_node *pipe, uint32_t i)
{
    return pipe->items[pipe->decl_n + i];
}

/* The n names of a FIELD, VARIABLE or CHAIN, one after the other: so they stand in the text, with a dot between. */
struct hc_names {
    const char *p;
    const uint32_t *size;
};

static inline struct hc_names hc_node_names(const struct hc_node *n)
{
    return n->kind == HC_NODE_CHAIN ? (struct hc_names){ n->chain.names, n->chain.sizes }
                                    : (struct hc_names){ n->field.names, n->field.sizes };
}

static inline hc_str hc_names_next(struct hc_names *at)
{
    hc_str name = { at->p, *at->size };
    at->p += *at->size++ + 1;
    return name;
}

static inline hc_str hc_node_first_name(const struct hc_node *n)
{
    struct hc_names at = hc_node_names(n);
    return hc_names_next(&at);
}

/* A named template: a file, a define or a block. */
struct hc_tree {
    hc_str name;
    hc_str file; /* the name the text was parsed under */
    hc_str text; /* of the whole file */
    struct hc_node *root;
    bool empty; /* only white space and comments: never replaces another (B7.2) */
};

struct hc_syntax_port {
    void *ctx;
    /* Whatever stands for the function, NULL when there is none of that name. */
    const void *(*find_func)(void *ctx, hc_str name);
    /* Letters and digits above ASCII. NULL: all of them are. */
    bool (*is_alnum)(uint32_t rune);
    bool (*is_print)(uint32_t rune);
    /* Go's %q. NULL: a plain one of our own. */
    void (*quote)(struct hc_buf *b, hc_str s);
};

/*
 * Parses one file: its definitions in the order they end, then the file itself, last; each at the beginning of `size`
 * zeroed bytes, which its caller may go on with (trees are so far apart). `name` and `text` are borrowed by the trees. On a mistake err->msg is Go's text, "template: NAME:LINE: ...", and file and line are set;
 * `out_error` (may be NULL) gets the whole of it, which may be longer.
 */
enum hc_rc hc_syntax_parse(struct hc_arena *a, const struct hc_syntax_port *port, hc_str name, hc_str text,
                           size_t size, struct hc_tree **out_trees, size_t *out_n, struct hc_buf *out_error,
                           struct hc_err *err);

/* Line from 1, column in bytes from 0. */
void hc_syntax_where(const struct hc_tree *t, const struct hc_node *n, int *out_line, int *out_col);

/* A node in Go's canonical writing (B13.6). */
void hc_syntax_print(struct hc_buf *b, const struct hc_syntax_port *port, const struct hc_node *n);
/* The whole tree with positions, for tests and for people: one node a line. */
void hc_syntax_dump(struct hc_buf *b, const struct hc_tree *t);
