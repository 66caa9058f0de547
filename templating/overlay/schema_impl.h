#pragma once
/*
 * templating/overlay/schema_impl.h - the parts of the schema check
 *
 * Behaviour and texts are those of santhosh-tekuri/jsonschema 6.0.3 as Helm calls it.
 */
#include "core/base/buf.h"
#include "core/value/value.h"
#include "templating/overlay/overlay.h"
#include "templating/overlay/pattern.h"

#define HC_SCHEMA_URL  "file:///values.schema.json"
#define HC_SCHEMA_DOCS 32u /* what one check may load; each at most a MiB */

/* Keywords that assert something; sorted, because they are looked up by bisection. */
#define HC_SCHEMA_KEYWORDS(X)                                                                                      \
    X(DYNAMIC_REF, "$dynamicRef")                                                                                  \
    X(RECURSIVE_REF, "$recursiveRef")                                                                              \
    X(REF, "$ref")                                                                                                 \
    X(ADDITIONAL_ITEMS, "additionalItems")                                                                         \
    X(ADDITIONAL_PROPERTIES, "additionalProperties")                                                               \
    X(ALL_OF, "allOf")                                                                                             \
    X(ANY_OF, "anyOf")                                                                                             \
    X(CONST, "const")                                                                                              \
    X(CONTAINS, "contains")                                                                                        \
    X(DEPENDENCIES, "dependencies")                                                                                \
    X(DEPENDENT_REQUIRED, "dependentRequired")                                                                     \
    X(DEPENDENT_SCHEMAS, "dependentSchemas")                                                                       \
    X(ELSE, "else")                                                                                                \
    X(ENUM, "enum")                                                                                                \
    X(EXCLUSIVE_MAXIMUM, "exclusiveMaximum")                                                                       \
    X(EXCLUSIVE_MINIMUM, "exclusiveMinimum")                                                                       \
    X(FORMAT, "format")                                                                                            \
    X(IF, "if")                                                                                                    \
    X(ITEMS, "items")                                                                                              \
    X(MAX_CONTAINS, "maxContains")                                                                                 \
    X(MAX_ITEMS, "maxItems")                                                                                       \
    X(MAX_LENGTH, "maxLength")                                                                                     \
    X(MAX_PROPERTIES, "maxProperties")                                                                             \
    X(MAXIMUM, "maximum")                                                                                          \
    X(MIN_CONTAINS, "minContains")                                                                                 \
    X(MIN_ITEMS, "minItems")                                                                                       \
    X(MIN_LENGTH, "minLength")                                                                                     \
    X(MIN_PROPERTIES, "minProperties")                                                                             \
    X(MINIMUM, "minimum")                                                                                          \
    X(MULTIPLE_OF, "multipleOf")                                                                                   \
    X(NOT, "not")                                                                                                  \
    X(ONE_OF, "oneOf")                                                                                             \
    X(PATTERN, "pattern")                                                                                          \
    X(PATTERN_PROPERTIES, "patternProperties")                                                                     \
    X(PREFIX_ITEMS, "prefixItems")                                                                                 \
    X(PROPERTIES, "properties")                                                                                    \
    X(PROPERTY_NAMES, "propertyNames")                                                                             \
    X(REQUIRED, "required")                                                                                        \
    X(THEN, "then")                                                                                                \
    X(TYPE, "type")                                                                                                \
    X(UNEVALUATED_ITEMS, "unevaluatedItems")                                                                       \
    X(UNEVALUATED_PROPERTIES, "unevaluatedProperties")                                                             \
    X(UNIQUE_ITEMS, "uniqueItems")

#define HC_SCHEMA_ENUM(name, text) K_##name,
enum hc_keyword { HC_SCHEMA_KEYWORDS(HC_SCHEMA_ENUM) K_COUNT };

/* A schema node, its keywords sorted out on first use. */
struct hc_schema {
    const struct hc_val *node;
    struct hc_schema *next; /* in its bucket */
    int draft;              /* of its document */
    int8_t always;          /* 1: accepts everything, 0: nothing, -1: ask the keywords */
    uint8_t types;          /* bits of enum schema types; 0: any */
    const struct hc_val *kw[K_COUNT];
    struct hc_schema *refs[3]; /* targets of $ref, $recursiveRef, $dynamicRef */
    struct hc_pattern *pattern;
    struct hc_pattern **name_patterns; /* in the order of patternProperties */
    const struct hc_val *resource;     /* the schema with an identifier that it is in; NULL: not looked up yet */
    hc_str dynamic_name; /* of a resource: the anchor last asked for, and where it is (NULL: nowhere) */
    struct hc_schema *dynamic;
};

/* What did not fit: a tree of texts. */
struct hc_misfit {
    hc_str text, path;
    bool group, ref; /* group: a bundle of causes; ref: shown only when it has several causes */
    struct hc_misfit *causes, *last, *next;
};

#define HC_SCHEMA_ROWS    80u /* of the table in schema_meta.c */
#define HC_SCHEMA_BUCKETS 1024u

/* A file with schemas; the number of one stands in `origin` of all its nodes. */
struct hc_schema_doc {
    hc_str url;
    const struct hc_val *root;
    int draft;       /* 4, 6, 7, 2019, 2020 */
    bool inner;      /* schemas in it have identifiers of their own: nearly none does */
    bool formats;    /* asserts formats whatever the draft: metaschemas do */
    uint32_t vocabs; /* the parts that its metaschema's $vocabulary names (schema_meta.c); 0: those of the draft */
};

struct hc_schema_run {
    struct hc_arena *a;
    const struct hc_schema_port *port;
    struct hc_schema_doc docs[HC_SCHEMA_DOCS];
    uint32_t docs_n, metas;
    uint8_t by_length[32], row_next[HC_SCHEMA_ROWS];
    uint32_t parts;       /* of the metaschema that are looked at, as bits */
    struct hc_buf *lines; /* where an error of several lines goes */
    struct hc_schema *buckets[HC_SCHEMA_BUCKETS];
    struct hc_buf path, text; /* place in the values; the text being made */
    unsigned depth;
    uint64_t steps_left; /* of HC_MAX_SCHEMA_STEPS */
    enum hc_rc broken;   /* the schema itself is no good, or a limit was met: err says which */
    struct hc_err *err;
};

enum {
    HC_T_NULL = 1,
    HC_T_BOOLEAN = 2,
    HC_T_NUMBER = 4,
    HC_T_INTEGER = 8,
    HC_T_STRING = 16,
    HC_T_ARRAY = 32,
    HC_T_OBJECT = 64
};

/* schema_ref.c */
struct hc_schema_doc *hc_schema_doc_of(struct hc_schema_run *r, const struct hc_val *node);
/* Takes a document in (its text may be absent) and checks it against its metaschema. The error's lines go to `lines`, else
 * it is in r->err. NULL: it is a metaschema, which nobody checks. */
enum hc_rc hc_schema_add_doc(struct hc_schema_run *r, hc_str url, hc_str text, struct hc_val *root,
                             struct hc_buf *lines);
/* What `ref`, which stands in `from`, means; NULL: the run is broken. */
struct hc_val *hc_schema_resolve(struct hc_schema_run *r, const struct hc_val *from, hc_str ref);

/* schema_meta.c */
/* The draft that this address belongs to, and the address of its metaschema; 0: none. */
int hc_schema_metaschema_of(hc_str url, hc_str *out_meta);
/* vocabs: only these parts of it; 0: all. */
enum hc_rc hc_schema_metaschema(struct hc_arena *a, int draft, uint32_t vocabs, struct hc_val **out,
                                struct hc_err *err);
/* The parts that "$vocabulary" of this metaschema asks for; 0: it has none. */
enum hc_rc hc_schema_vocabs(const struct hc_schema_doc *meta, uint32_t *out, struct hc_err *err);
/* A keyword counts in this document, as far as vocabularies have a say. */
bool hc_schema_active(const struct hc_schema_doc *doc, hc_str keyword);
/* Checks the schema at `node` against its metaschema. `pointer` is where it stands in its document. */
enum hc_rc hc_schema_meta_check(struct hc_schema_run *r, struct hc_val *node, hc_str pointer, struct hc_buf *lines);
/* Looks whether all that can be reached from the root is there and is a schema. */
enum hc_rc hc_schema_reach(struct hc_schema_run *r, struct hc_buf *lines);

/* schema.c */
struct hc_schema *hc_schema_of(struct hc_schema_run *r, const struct hc_val *node);
/* The target of a reference keyword of `s`; NULL: the run is broken. */
struct hc_schema *hc_schema_target(struct hc_schema_run *r, struct hc_schema *s, enum hc_keyword which);
/*
 * For $dynamicRef and $recursiveRef: `target` is what the reference means by itself. True when the dynamic scope has a
 * say, and by which name; then hc_schema_dynamic_in gives what that name is in the resource of a schema of the scope, or
 * NULL. The outermost wins.
 */
bool hc_schema_is_dynamic(const struct hc_schema *s, const struct hc_schema *target, enum hc_keyword which,
                          hc_str *out_name);
struct hc_schema *hc_schema_dynamic_in(struct hc_schema_run *r, const struct hc_schema *s, enum hc_keyword which,
                                       hc_str name);
struct hc_pattern *hc_schema_pattern(struct hc_schema_run *r, hc_str text);
/* Compiles it; the error is Go's, where the port knows. */
enum hc_rc hc_schema_compile(struct hc_schema_run *r, hc_str text, struct hc_pattern **out, struct hc_err *err);

/* schema_check.c: NULL when `v` fits or the run is broken. */
struct hc_misfit *hc_schema_validate(struct hc_schema_run *r, struct hc_schema *s, const struct hc_val *v);

/* schema_text.c */
void hc_schema_quote(struct hc_buf *b, hc_str s);
void hc_schema_put_int(struct hc_buf *b, int64_t i);
void hc_schema_put_float(struct hc_buf *b, double f);
void hc_schema_display(struct hc_buf *b, const struct hc_val *v);
/* A whole answer: a bundle at the top is not shown itself. */
void hc_schema_print_all(struct hc_buf *b, const struct hc_misfit *m);
void hc_schema_print(struct hc_buf *b, const struct hc_misfit *m, unsigned indent);

/* schema_format.c: false when `s` is not of this format; the reason in `why`. Unknown formats take everything. */
bool hc_schema_format(struct hc_schema_run *r, hc_str format, hc_str s, struct hc_buf *why);
