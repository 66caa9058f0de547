#pragma once
/*
 * core/value/yaml_nodes.h - YAML as it was written, for those who change a little and pass the rest on
 *
 * The value tree (value.h) forgets how a text was written. These nodes keep the styles of scalars, flow and block form,
 * anchors, explicit tags and comments, and are written back as yaml.v3 writes them with an indentation of two and lists
 * that stand as deep as their key: what kustomize's libraries do between a chart and its post-renderer.
 * Nodes and what they point to live in the arena.
 */
#include "core/base/arena.h"
#include "core/base/buf.h"

enum hc_ynode_kind { HC_YNODE_SCALAR, HC_YNODE_SEQ, HC_YNODE_MAP, HC_YNODE_ALIAS };
enum hc_ynode_style { HC_YNODE_PLAIN, HC_YNODE_SINGLE, HC_YNODE_DOUBLE, HC_YNODE_LITERAL, HC_YNODE_FOLDED };

struct hc_ynode {
    enum hc_ynode_kind kind;
    enum hc_ynode_style style; /* of a scalar */
    bool flow;                 /* of a list or map: [..], {..} */
    hc_str value;              /* of a scalar; the name of an alias */
    hc_str anchor, tag;        /* absent: none; the tag in full, "tag:yaml.org,2002:int" */
    hc_str head, line, foot;   /* comments above, beside and below, with their '#' */
    struct hc_ynode **items;   /* of a list; of a map key, value, key, value */
    size_t n, cap;
};

struct hc_ydoc {
    hc_str head, foot; /* comments above and below all of it, set off by an empty line */
    struct hc_ynode *root;
};

/* The first document of the text; *out is NULL when there is none or it is null. Error texts are yaml.v3's. */
enum hc_rc hc_ydoc_parse(struct hc_arena *a, hc_str text, struct hc_ydoc **out, struct hc_err *err);
/* One text of all of them, "---" between them. */
void hc_ydocs_write(struct hc_buf *b, struct hc_ydoc *const *docs, size_t n);

/* The value under a key; NULL: not there, or `map` is no map. */
struct hc_ynode *hc_ynode_get(const struct hc_ynode *map, const char *key);
/* Adds an entry; `style` is the value's. Nothing is done when the arena is spent. */
void hc_ynode_put(struct hc_arena *a, struct hc_ynode *map, hc_str key, struct hc_ynode *value);
/* Takes an entry out; false: it was not there. */
bool hc_ynode_del(struct hc_ynode *map, const char *key);
struct hc_ynode *hc_ynode_new(struct hc_arena *a, enum hc_ynode_kind kind);
/* A plain scalar that means null. */
bool hc_ynode_is_null(const struct hc_ynode *n);
