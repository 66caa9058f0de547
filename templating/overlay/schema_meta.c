/*
 * The schema itself: is it one?
 *
 * One table says of every keyword which drafts know it and what it must hold. A walk over the schema by that table is
 * enough nearly always (plain()). Only where it is not sure the metaschema is built, from the same table, and the schema
 * is checked against it like any value, for the words Helm has.
 *
 * Then everything that can be reached from the root is visited: references must lead somewhere and, where the metaschema
 * did not look already, to a schema.
 *
 * In the nodes' `col`, which a text read without positions does not use, stands what was seen of them: LOOKED_AT, LIVE.
 */
#include <stdio.h>

#include "core/base/limits.h"
#include "core/value/json.h"
#include "templating/overlay/overlay_impl.h"
#include "templating/overlay/schema_impl.h"

enum { LOOKED_AT = 1, LIVE = 2 };

enum shape {
    SCHEMA,
    SCHEMAS,  /* a list of them, at least one */
    MAP,      /* names to schemas */
    PATTERNS, /* expressions to schemas */
    ITEMS,    /* one or a list */
    REST,     /* a schema; in draft 4 also a bool */
    DEPS,     /* names to schemas or lists of names */
    DEP_NAMES,
    NUMBER,
    ABOVE_0,
    LIMIT, /* a number; in draft 4 a bool that goes with another keyword */
    COUNT,
    COUNT_0,
    BOOL,
    TEXT,
    REGEX,
    NAMES,
    TYPE,
    ENUM,
    LIST,
    URI,
    URI_REF,
    ID,
    ANCHOR,
    VOCABULARY
};

/* The parts of a metaschema from 2019 on; before, it is in one piece. */
enum part { CORE, APPLICATOR, UNEVALUATED, VALIDATION, META_DATA, FORMAT, CONTENT, WHOLE, PARTS };

static const struct row {
    const char *name;
    enum shape shape;
    enum part part;
    int from, to; /* drafts that know it */
    bool apart;   /* schemas in it are not reached by the check of values */
} rows[] = {
    { "id", URI_REF, CORE, 4, 4, false },
    { "$id", ID, CORE, 6, 2020, false },
    { "$schema", URI, CORE, 4, 2020, false },
    { "$ref", URI_REF, CORE, 4, 2020, false },
    { "$anchor", ANCHOR, CORE, 2019, 2020, false },
    { "$recursiveRef", URI_REF, CORE, 2019, 2019, false },
    { "$recursiveAnchor", BOOL, CORE, 2019, 2019, false },
    { "$recursiveRef", URI_REF, WHOLE, 2020, 2020, false },
    { "$recursiveAnchor", ANCHOR, WHOLE, 2020, 2020, false },
    { "$dynamicRef", URI_REF, CORE, 2020, 2020, false },
    { "$dynamicAnchor", ANCHOR, CORE, 2020, 2020, false },
    { "$vocabulary", VOCABULARY, CORE, 2019, 2020, false },
    { "$comment", TEXT, CORE, 7, 2020, false },
    { "$defs", MAP, CORE, 2019, 2020, true },
    { "definitions", MAP, WHOLE, 4, 2020, true },
    { "dependencies", DEPS, WHOLE, 4, 2020, false },
    { "prefixItems", SCHEMAS, APPLICATOR, 2020, 2020, false },
    { "items", ITEMS, APPLICATOR, 4, 2019, false },
    { "items", SCHEMA, APPLICATOR, 2020, 2020, false },
    { "additionalItems", REST, APPLICATOR, 4, 2019, false },
    { "contains", SCHEMA, APPLICATOR, 6, 2020, false },
    { "additionalProperties", REST, APPLICATOR, 4, 2020, false },
    { "properties", MAP, APPLICATOR, 4, 2020, false },
    { "patternProperties", PATTERNS, APPLICATOR, 4, 2020, false },
    { "dependentSchemas", MAP, APPLICATOR, 2019, 2020, false },
    { "propertyNames", SCHEMA, APPLICATOR, 6, 2020, false },
    { "if", SCHEMA, APPLICATOR, 7, 2020, false },
    { "then", SCHEMA, APPLICATOR, 7, 2020, false },
    { "else", SCHEMA, APPLICATOR, 7, 2020, false },
    { "allOf", SCHEMAS, APPLICATOR, 4, 2020, false },
    { "anyOf", SCHEMAS, APPLICATOR, 4, 2020, false },
    { "oneOf", SCHEMAS, APPLICATOR, 4, 2020, false },
    { "not", SCHEMA, APPLICATOR, 4, 2020, false },
    { "unevaluatedItems", SCHEMA, APPLICATOR, 2019, 2019, false },
    { "unevaluatedProperties", SCHEMA, APPLICATOR, 2019, 2019, false },
    { "unevaluatedItems", SCHEMA, UNEVALUATED, 2020, 2020, false },
    { "unevaluatedProperties", SCHEMA, UNEVALUATED, 2020, 2020, false },
    { "type", TYPE, VALIDATION, 4, 2020, false },
    { "enum", ENUM, VALIDATION, 4, 2020, false },
    { "multipleOf", ABOVE_0, VALIDATION, 4, 2020, false },
    { "maximum", NUMBER, VALIDATION, 4, 2020, false },
    { "exclusiveMaximum", LIMIT, VALIDATION, 4, 2020, false },
    { "minimum", NUMBER, VALIDATION, 4, 2020, false },
    { "exclusiveMinimum", LIMIT, VALIDATION, 4, 2020, false },
    { "maxLength", COUNT, VALIDATION, 4, 2020, false },
    { "minLength", COUNT_0, VALIDATION, 4, 2020, false },
    { "pattern", REGEX, VALIDATION, 4, 2020, false },
    { "maxItems", COUNT, VALIDATION, 4, 2020, false },
    { "minItems", COUNT_0, VALIDATION, 4, 2020, false },
    { "uniqueItems", BOOL, VALIDATION, 4, 2020, false },
    { "maxContains", COUNT, VALIDATION, 2019, 2020, false },
    { "minContains", COUNT, VALIDATION, 2019, 2020, false },
    { "maxProperties", COUNT, VALIDATION, 4, 2020, false },
    { "minProperties", COUNT_0, VALIDATION, 4, 2020, false },
    { "required", NAMES, VALIDATION, 4, 2020, false },
    { "dependentRequired", DEP_NAMES, VALIDATION, 2019, 2020, false },
    { "title", TEXT, META_DATA, 4, 2020, false },
    { "description", TEXT, META_DATA, 4, 2020, false },
    { "deprecated", BOOL, META_DATA, 2019, 2020, false },
    { "readOnly", BOOL, META_DATA, 7, 2020, false },
    { "writeOnly", BOOL, META_DATA, 7, 2020, false },
    { "examples", LIST, META_DATA, 7, 2020, false },
    { "format", TEXT, FORMAT, 4, 2020, false },
    { "contentMediaType", TEXT, CONTENT, 7, 2020, false },
    { "contentEncoding", TEXT, CONTENT, 7, 2020, false },
    { "contentSchema", SCHEMA, CONTENT, 2019, 2020, true },
};

static const struct {
    int draft;
    const char *url; /* without "http://" */
} drafts[] = {
    { 2020, "json-schema.org/draft/2020-12/schema" }, { 2019, "json-schema.org/draft/2019-09/schema" },
    { 7, "json-schema.org/draft-07/schema" },         { 6, "json-schema.org/draft-06/schema" },
    { 4, "json-schema.org/draft-04/schema" },
};

static const char *url_of(int draft)
{
    for (size_t i = 0; i < HC_LEN(drafts); i++)
        if (drafts[i].draft == draft)
            return drafts[i].url;
    return drafts[0].url;
}

static const char *scheme_of(int draft)
{
    return draft < 2019 ? "http://" : "https://";
}

int hc_schema_metaschema_of(hc_str url, hc_str *out_meta)
{
    static const char *const urls[] = { "https://json-schema.org/draft/2020-12/schema",
                                        "https://json-schema.org/draft/2019-09/schema",
                                        "http://json-schema.org/draft-07/schema",
                                        "http://json-schema.org/draft-06/schema",
                                        "http://json-schema.org/draft-04/schema" };
    size_t scheme = hc_str_starts(url, HC_S("http://")) ? 7 : hc_str_starts(url, HC_S("https://")) ? 8 : 0;
    hc_str rest = hc_str_sub(url, scheme, url.n);
    if (!scheme)
        return 0;
    for (size_t i = 0; i < HC_LEN(drafts); i++) {
        hc_str own = hc_str_of(drafts[i].url), folder = hc_str_sub(own, 0, own.n - 6);
        if (hc_str_eq(rest, own) || (i == 0 && hc_str_eqz(rest, "json-schema.org/schema")) ||
            (hc_str_starts(rest, folder) && hc_str_starts(hc_str_sub(rest, folder.n, rest.n), HC_S("meta/")))) {
            *out_meta = hc_str_of(urls[i]);
            return drafts[i].draft;
        }
    }
    return 0;
}

/* ---- the metaschema as a document -------------------------------------------------------------------- */

static const char *self(int draft)
{
    return draft >= 2020   ? "{\"$dynamicRef\":\"#meta\"}"
           : draft == 2019 ? "{\"$recursiveRef\":\"#\"}"
                           : "{\"$ref\":\"#\"}";
}

static void put_ref(struct hc_buf *b, int draft, const char *name)
{
    hc_buf_printf(b, "{\"$ref\":\"#/%s/%s\"}", draft < 2019 ? "definitions" : "$defs", name);
}

static void put_text_shape(struct hc_buf *b, int draft, enum shape shape)
{
    if (draft >= 2020 && shape == ANCHOR) {
        hc_buf_puts(b, "{\"$ref\":\"#/$defs/anchorString\"}");
    } else if (draft >= 2020 && shape != ID && shape != URI) {
        hc_buf_puts(b, "{\"$ref\":\"#/$defs/uriReferenceString\"}");
    } else if (draft >= 2020) {
        hc_buf_puts(b, shape == URI ? "{\"$ref\":\"#/$defs/uriString\"}"
                                    : "{\"$ref\":\"#/$defs/uriReferenceString\",\"pattern\":\"^[^#]*#?$\"}");
    } else if (shape == ANCHOR) {
        hc_buf_puts(b, "{\"type\":\"string\",\"pattern\":\"^[A-Za-z][-A-Za-z0-9.:_]*$\"}");
    } else if (draft == 4 && shape == URI_REF) {
        hc_buf_puts(b, "{\"type\":\"string\"}");
    } else {
        hc_buf_printf(b, "{\"type\":\"string\",\"format\":\"%s\"%s}", shape == URI ? "uri" : "uri-reference",
                      shape == ID && draft == 2019 ? ",\"pattern\":\"^[^#]*#?$\"" : "");
    }
}

static void put_shape(struct hc_buf *b, int draft, enum shape shape)
{
    const char *s = self(draft);
    switch (shape) {
    case SCHEMA:
        hc_buf_puts(b, s);
        return;
    case SCHEMAS:
        put_ref(b, draft, "schemaArray");
        return;
    case MAP:
        hc_buf_printf(b, "{\"type\":\"object\",\"additionalProperties\":%s}", s);
        return;
    case PATTERNS:
        hc_buf_printf(b, "{\"type\":\"object\",\"additionalProperties\":%s%s}", s,
                      draft >= 7 ? ",\"propertyNames\":{\"format\":\"regex\"}" : "");
        return;
    case ITEMS:
        hc_buf_printf(b, "{\"anyOf\":[%s,", s);
        put_ref(b, draft, "schemaArray");
        hc_buf_puts(b, "]}");
        return;
    case REST:
        hc_buf_printf(b, draft == 4 ? "{\"anyOf\":[{\"type\":\"boolean\"},%s]}" : "%s", s);
        return;
    case DEPS:
        hc_buf_printf(
            b, "{\"type\":\"object\",\"additionalProperties\":{\"anyOf\":[%s,{\"$ref\":\"%s/stringArray\"}]}}", s,
            draft < 2019 ? "#/definitions" : "meta/validation#/$defs");
        return;
    case DEP_NAMES:
        hc_buf_puts(b, "{\"type\":\"object\",\"additionalProperties\":{\"$ref\":\"#/$defs/stringArray\"}}");
        return;
    case LIMIT:
        hc_buf_puts(b, draft == 4 ? "{\"type\":\"boolean\"}" : "{\"type\":\"number\"}");
        return;
    case NUMBER:
        hc_buf_puts(b, "{\"type\":\"number\"}");
        return;
    case ABOVE_0:
        hc_buf_puts(b, draft == 4 ? "{\"type\":\"number\",\"minimum\":0,\"exclusiveMinimum\":true}"
                                  : "{\"type\":\"number\",\"exclusiveMinimum\":0}");
        return;
    case COUNT:
        put_ref(b, draft, "nonNegativeInteger");
        return;
    case COUNT_0:
        put_ref(b, draft, "nonNegativeIntegerDefault0");
        return;
    case BOOL:
        hc_buf_puts(b, "{\"type\":\"boolean\"}");
        return;
    case TEXT:
        hc_buf_puts(b, "{\"type\":\"string\"}");
        return;
    case REGEX:
        hc_buf_puts(b, "{\"type\":\"string\",\"format\":\"regex\"}");
        return;
    case NAMES:
        put_ref(b, draft, "stringArray");
        return;
    case TYPE:
        hc_buf_puts(b, "{\"anyOf\":[");
        put_ref(b, draft, "simpleTypes");
        hc_buf_puts(b, ",{\"type\":\"array\",\"items\":");
        put_ref(b, draft, "simpleTypes");
        hc_buf_puts(b, ",\"minItems\":1,\"uniqueItems\":true}]}");
        return;
    case ENUM:
        hc_buf_puts(b, draft < 2019 ? "{\"type\":\"array\",\"minItems\":1,\"uniqueItems\":true}"
                                    : "{\"type\":\"array\"}");
        return;
    case LIST:
        hc_buf_puts(b, "{\"type\":\"array\"}");
        return;
    case VOCABULARY:
        hc_buf_puts(b, "{\"type\":\"object\",\"propertyNames\":");
        put_text_shape(b, draft, URI);
        hc_buf_puts(b, ",\"additionalProperties\":{\"type\":\"boolean\"}}");
        return;
    case URI:
    case URI_REF:
    case ID:
    case ANCHOR:
        put_text_shape(b, draft, shape);
        return;
    }
}

static void put_properties(struct hc_buf *b, int draft, enum part part)
{
    bool first = true;
    hc_buf_puts(b, "\"properties\":{");
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        const struct row *row = &rows[i];
        if (draft < row->from || draft > row->to || (draft >= 2019 && row->part != part))
            continue;
        hc_buf_printf(b, "%s\"%s\":", first ? "" : ",", row->name);
        if (part == WHOLE && draft >= 2020 && row->part == WHOLE && row->name[0] == '$')
            hc_buf_printf(b, "{\"$ref\":\"meta/core#/$defs/%s\"}",
                          row->shape == ANCHOR ? "anchorString" : "uriReferenceString");
        else
            put_shape(b, draft, row->shape);
        first = false;
    }
    hc_buf_puts(b, "}");
}

/* What properties refer to; all parts get all of it. */
static void put_definitions(struct hc_buf *b, int draft)
{
    hc_buf_printf(b, "\"schemaArray\":{\"type\":\"array\",\"minItems\":1,\"items\":%s},", self(draft));
    hc_buf_puts(b, "\"nonNegativeInteger\":{\"type\":\"integer\",\"minimum\":0},\"nonNegativeIntegerDefault0\":");
    if (draft < 2019)
        hc_buf_puts(b, "{\"allOf\":[{\"$ref\":\"#/definitions/nonNegativeInteger\"},{\"default\":0}]},");
    else
        hc_buf_puts(b, "{\"$ref\":\"#/$defs/nonNegativeInteger\",\"default\":0},");
    hc_buf_puts(b, "\"simpleTypes\":{\"enum\":[\"array\",\"boolean\",\"integer\",\"null\",\"number\",\"object\","
                   "\"string\"]},");
    hc_buf_printf(b, "\"stringArray\":{\"type\":\"array\",\"items\":{\"type\":\"string\"},\"uniqueItems\":true%s}",
                  draft == 4 ? ",\"minItems\":1" : "");
    if (draft >= 2020)
        hc_buf_puts(b, ",\"anchorString\":{\"type\":\"string\",\"pattern\":\"^[A-Za-z_][-A-Za-z0-9._]*$\"},"
                       "\"uriString\":{\"type\":\"string\",\"format\":\"uri\"},"
                       "\"uriReferenceString\":{\"type\":\"string\",\"format\":\"uri-reference\"}");
}

static void put_head(struct hc_buf *b, int draft, hc_str path)
{
    hc_str folder = hc_str_of(url_of(draft));
    folder.n -= strlen("schema");
    hc_buf_printf(b, "{\"$schema\":\"%s%s%s\",\"%s\":\"%s%.*s%.*s%s\",%s\"type\":%s,", scheme_of(draft),
                  url_of(draft), draft < 2019 ? "#" : "", draft == 4 ? "id" : "$id", scheme_of(draft), HC_P(folder),
                  HC_P(path), draft < 2019 ? "#" : "",
                  draft >= 2020   ? "\"$dynamicAnchor\":\"meta\","
                  : draft == 2019 ? "\"$recursiveAnchor\":true,"
                                  : "",
                  draft == 4 ? "\"object\"" : "[\"object\",\"boolean\"]");
}

/* As metaschemas and vocabularies name them. */
static const char *const part_names[] = { "core",      "applicator", "unevaluated", "validation",
                                          "meta-data", "format",     "content" };

static void put_part(struct hc_buf *b, int draft, enum part part)
{
    char path[40];
    snprintf(path, sizeof(path), "meta/%s%s", part_names[part],
             draft >= 2020 && part == FORMAT ? "-annotation" : "");
    put_head(b, draft, hc_str_of(path));
    put_properties(b, draft, part);
    hc_buf_puts(b, ",\"$defs\":{");
    put_definitions(b, draft);
    hc_buf_puts(b, "}}");
}

static void put_parts(struct hc_buf *b, int draft)
{
    const char *sep = "";
    hc_buf_puts(b, ",\"allOf\":[");
    for (size_t i = 0; i < HC_LEN(part_names); i++) {
        if (draft == 2019 && i == UNEVALUATED)
            continue;
        hc_buf_printf(b, "%s{\"$ref\":\"meta/%s%s\"}", sep, part_names[i],
                      draft >= 2020 && i == FORMAT ? "-annotation" : "");
        sep = ",";
    }
    hc_buf_puts(b, "],\"$defs\":{");
    sep = "";
    for (size_t i = 0; i < HC_LEN(part_names); i++) {
        if (draft == 2019 && i == UNEVALUATED)
            continue;
        hc_buf_printf(b, "%s\"%s\":", sep, part_names[i]);
        put_part(b, draft, (enum part)i);
        sep = ",";
    }
    hc_buf_puts(b, "}");
}

/* What the library puts together of the parts that were asked for: it recurses into all of them in draft 2020-12 only. */
static void put_chosen(struct hc_buf *b, int draft, uint32_t vocabs)
{
    const char *sep = "";
    hc_buf_printf(b, "{\"$schema\":\"%s%s\",\"$id\":\"%s%s\",%s\"allOf\":[", scheme_of(draft), url_of(draft),
                  scheme_of(draft), url_of(draft), draft >= 2020 ? "\"$dynamicAnchor\":\"meta\"," : "");
    for (size_t i = 0; i < HC_LEN(part_names); i++) {
        if (!(vocabs & 1u << i))
            continue;
        hc_buf_puts(b, sep);
        put_part(b, draft, (enum part)i);
        sep = ",";
    }
    hc_buf_puts(b, "]}");
}

enum hc_rc hc_schema_metaschema(struct hc_arena *a, int draft, uint32_t vocabs, struct hc_val **out,
                                struct hc_err *err)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, HC_MIB);
    if (vocabs) {
        put_chosen(&b, draft, vocabs);
    } else {
        put_head(&b, draft, HC_S("schema"));
        put_properties(&b, draft, WHOLE);
        if (draft < 2019) {
            hc_buf_puts(&b, ",\"definitions\":{");
            put_definitions(&b, draft);
            hc_buf_puts(&b, "}");
            if (draft == 4)
                hc_buf_puts(&b, ",\"dependencies\":{\"exclusiveMaximum\":[\"maximum\"],\"exclusiveMinimum\":["
                                "\"minimum\"]}");
        } else {
            put_parts(&b, draft);
        }
        hc_buf_puts(&b, "}");
    }
    enum hc_rc rc = hc_buf_check(&b, err, "metaschema");
    return rc == HC_OK ? hc_json_parse(a, hc_buf_to_arena(&b, a), HC_JSON_NO_POSITIONS, out, err) : rc;
}

/* ---- vocabularies ------------------------------------------------------------------------------------ */

enum { ASSERTS_FORMAT = 1u << PARTS };

/* The bits of a vocabulary; 0: the library does not know it. */
static uint32_t vocab_bits(int draft, hc_str url)
{
    hc_str prefix = draft == 2019 ? HC_S("https://json-schema.org/draft/2019-09/vocab/")
                                  : HC_S("https://json-schema.org/draft/2020-12/vocab/");
    if (!hc_str_starts(url, prefix))
        return 0;
    hc_str name = hc_str_sub(url, prefix.n, url.n);
    for (size_t i = 0; i < HC_LEN(part_names); i++)
        if (hc_str_eqz(name, part_names[i]) && !(draft == 2019 ? i == UNEVALUATED : i == FORMAT))
            return 1u << i | (i == FORMAT ? ASSERTS_FORMAT : 0u);
    bool asserts = hc_str_eqz(name, "format-assertion");
    if (draft == 2019 || (!asserts && !hc_str_eqz(name, "format-annotation")))
        return 0;
    return 1u << FORMAT | (asserts ? ASSERTS_FORMAT : 0u);
}

enum hc_rc hc_schema_vocabs(const struct hc_schema_doc *meta, uint32_t *out, struct hc_err *err)
{
    const struct hc_val *named = hc_map_getz(meta->root, "$vocabulary");
    *out = 0;
    if (meta->draft < 2019 || !hc_is_map(named))
        return HC_OK;
    uint32_t bits = 1u << CORE;
    for (size_t i = 0; i < hc_map_len(named); i++) {
        const struct hc_entry *e = hc_map_at(named, i);
        if (hc_kind_of(e->val) != HC_BOOL || !e->val->b)
            continue;
        uint32_t one = vocab_bits(meta->draft, e->key);
        if (!one) {
            HC_AUTO(hc_buf) struct hc_buf quoted;
            hc_buf_init(&quoted, 0);
            hc_overlay_quote(&quoted, e->key);
            return hc_fail(err, HC_E_INPUT, "unsupported vocabulary %.*s in \"%.*s\"", HC_P(hc_buf_str(&quoted)),
                           HC_P(meta->url));
        }
        bits |= one;
    }
    *out = bits;
    return HC_OK;
}

bool hc_schema_active(const struct hc_schema_doc *doc, hc_str keyword)
{
    if (!doc->vocabs)
        return true;
    if (hc_str_eqz(keyword, "format"))
        return (doc->vocabs & ASSERTS_FORMAT) != 0;
    enum part part = hc_str_eqz(keyword, "dependencies") ? APPLICATOR
                                                         : VALIDATION; /* of "const", which has no row */
    for (size_t i = 0; i < HC_LEN(rows) && part != APPLICATOR; i++)
        if (doc->draft >= rows[i].from && doc->draft <= rows[i].to && hc_str_eqz(keyword, rows[i].name)) {
            part = rows[i].part;
            break;
        }
    return (doc->vocabs & 1u << part) != 0;
}

/* ---- a look that is sure of what is plain ------------------------------------------------------------ */

static bool plain(struct hc_schema_run *r, struct hc_val *v, int draft);

/* Rows by the length of their names: schemas are large, and most of their keys are no keywords. */
static void index_rows(struct hc_schema_run *r)
{
    _Static_assert(HC_LEN(rows) < HC_SCHEMA_ROWS, "room for all rows");
    for (size_t i = HC_LEN(rows); i-- > 0;) {
        size_t n = strlen(rows[i].name) % HC_LEN(r->by_length);
        r->row_next[i] = r->by_length[n];
        r->by_length[n] = (uint8_t)(i + 1);
    }
}

static const struct row *row_of(const struct hc_schema_run *r, hc_str name, int draft)
{
    if (name.n >= HC_LEN(r->by_length))
        return NULL;
    for (uint8_t i = r->by_length[name.n]; i; i = r->row_next[i - 1]) {
        const struct row *row = &rows[i - 1];
        if (draft >= row->from && draft <= row->to && memcmp(name.p, row->name, name.n) == 0)
            return row;
    }
    return NULL;
}

static bool whole_from_0(const struct hc_val *v)
{
    int64_t i;
    return hc_get_i64(v, &i) && i >= 0;
}

static bool plain_names(const struct hc_val *v, int draft)
{
    size_t n = hc_list_len(v);
    if (!hc_is_list(v) || (draft == 4 && !n) || n > 64)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (!hc_is_str(hc_list_at(v, i)))
            return false;
        for (size_t k = 0; k < i; k++)
            if (hc_str_eq(hc_get_str(hc_list_at(v, i)), hc_get_str(hc_list_at(v, k))))
                return false;
    }
    return true;
}

static bool plain_type(const struct hc_val *v)
{
    static const char *const names[] = { "null", "boolean", "number", "integer", "string", "array", "object" };
    unsigned seen = 0;
    bool list = hc_is_list(v);
    for (size_t i = 0; i < (list ? hc_list_len(v) : 1); i++) {
        hc_str name = hc_get_str(list ? hc_list_at(v, i) : v);
        size_t k = 0;
        while (k < HC_LEN(names) && !hc_str_eqz(name, names[k]))
            k++;
        if (k == HC_LEN(names) || seen & (1u << k))
            return false;
        seen |= 1u << k;
    }
    return seen != 0;
}

static bool plain_url(hc_str s, bool absolute)
{
    size_t colon = hc_str_find(s, ':');
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!word && !strchr("-._~/#$", c) && !(c == ':' && i == colon))
            return false;
    }
    bool known = hc_str_starts(s, HC_S("http://")) || hc_str_starts(s, HC_S("https://"));
    hc_str fragment = hc_str_sub(s, hc_str_find(s, '#'), s.n);
    return (colon == SIZE_MAX ? !absolute : known) && hc_str_rfind(fragment, '#') + 1 <= 1;
}

static bool plain_regex(struct hc_schema_run *r, hc_str s)
{
    struct hc_pattern *p = NULL;
    return hc_schema_compile(r, s, &p, NULL) == HC_OK;
}

static bool plain_word(hc_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (i && ((c >= '0' && c <= '9') || c == '_'))))
            return false;
    }
    return s.n > 0;
}

static bool plain_scalars(const struct hc_val *v)
{
    for (size_t i = 0; i < hc_list_len(v); i++)
        for (size_t k = 0; k < i; k++)
            if (hc_val_equal(hc_list_at(v, i), hc_list_at(v, k)))
                return false;
    return hc_list_len(v) > 0 && hc_list_len(v) <= 64;
}

static bool plain_map(struct hc_schema_run *r, struct hc_val *v, int draft, enum shape shape)
{
    if (!hc_is_map(v))
        return false;
    for (size_t i = 0; i < hc_map_len(v); i++) {
        struct hc_val *one = hc_map_at(v, i)->val;
        if (shape == PATTERNS && draft >= 7 && !plain_regex(r, hc_map_at(v, i)->key))
            return false;
        bool names = shape == DEP_NAMES || (shape == DEPS && hc_is_list(one));
        if (names ? !plain_names(one, draft) : !plain(r, one, draft))
            return false;
    }
    return true;
}

static bool plain_list(struct hc_schema_run *r, struct hc_val *v, int draft)
{
    for (size_t i = 0; i < hc_list_len(v); i++)
        if (!plain(r, hc_list_at(v, i), draft))
            return false;
    return hc_list_len(v) > 0;
}

static bool plain_value(struct hc_schema_run *r, struct hc_val *v, int draft, enum shape shape)
{
    double d = 0;
    bool number = hc_get_f64(v, &d), text = hc_is_str(v), is_bool = v->kind == HC_BOOL;
    switch (shape) {
    case SCHEMA:
        return plain(r, v, draft);
    case SCHEMAS:
        return plain_list(r, v, draft);
    case ITEMS:
        return hc_is_list(v) ? plain_list(r, v, draft) : plain(r, v, draft);
    case REST:
        return (draft == 4 && is_bool) || plain(r, v, draft);
    case MAP:
    case PATTERNS:
    case DEPS:
    case DEP_NAMES:
        return plain_map(r, v, draft, shape);
    case NUMBER:
        return number;
    case LIMIT:
        return draft > 4 && number;
    case ABOVE_0:
        return number && d > 0;
    case COUNT:
    case COUNT_0:
        return whole_from_0(v);
    case BOOL:
        return is_bool;
    case TEXT:
        return text;
    case REGEX:
        return text && plain_regex(r, hc_get_str(v));
    case NAMES:
        return plain_names(v, draft);
    case TYPE:
        return plain_type(v);
    case ENUM:
        return hc_is_list(v) && (draft >= 2019 || plain_scalars(v));
    case LIST:
        return hc_is_list(v);
    case URI:
        return text && plain_url(hc_get_str(v), true);
    case URI_REF:
        return text && plain_url(hc_get_str(v), false);
    case ID:
        return text && plain_url(hc_get_str(v), false) && hc_str_find(hc_get_str(v), '#') == SIZE_MAX;
    case ANCHOR:
        return text && plain_word(hc_get_str(v));
    case VOCABULARY:
        return false;
    }
    return false;
}

/* True: surely a schema of this draft, and so is all in it. */
static bool plain(struct hc_schema_run *r, struct hc_val *v, int draft)
{
    if (r->steps_left < 30 || r->depth > HC_MAX_JSON_DEPTH)
        return false;
    r->steps_left -= 30;
    v->col |= LOOKED_AT;
    if (v->kind == HC_BOOL)
        return draft > 4;
    if (!hc_is_map(v))
        return false;
    r->depth++;
    bool good = true;
    for (size_t i = 0; good && i < hc_map_len(v); i++) {
        const struct row *row = row_of(r, hc_map_at(v, i)->key, draft);
        good = !row || !(r->parts & 1u << row->part) || plain_value(r, hc_map_at(v, i)->val, draft, row->shape);
    }
    r->depth--;
    return good;
}

/* ---- the whole check --------------------------------------------------------------------------------- */

static void mark(struct hc_val *v)
{
    v->col |= LOOKED_AT;
    for (size_t i = 0; i < hc_map_len(v); i++)
        mark(hc_map_at(v, i)->val);
    for (size_t i = 0; i < hc_list_len(v); i++)
        mark(hc_list_at(v, i));
}

static enum hc_rc by_metaschema(struct hc_schema_run *r, struct hc_val *node, hc_str pointer, struct hc_buf *lines)
{
    const struct hc_schema_doc *doc = hc_schema_doc_of(r, node);
    struct hc_schema_run *own = HC_NEW(r->a, struct hc_schema_run);
    struct hc_val *meta = NULL;
    if (!own)
        return hc_arena_check(r->a, r->err, "values.schema.json");
    own->a = r->a;
    own->err = r->err;
    own->steps_left = r->steps_left;
    own->lines = lines;
    own->port = r->port;
    hc_buf_init(&own->path, 0);
    hc_buf_init(&own->text, 0);
    hc_str url = hc_arena_printf(r->a, "%s%s", scheme_of(doc->draft), url_of(doc->draft));
    enum hc_rc rc = hc_schema_metaschema(r->a, doc->draft, doc->vocabs, &meta, r->err);
    if (rc == HC_OK)
        rc = hc_schema_add_doc(own, url, (hc_str){ NULL, 0 }, meta, lines);
    struct hc_schema *top = rc == HC_OK ? hc_schema_of(own, meta) : NULL;
    struct hc_misfit *m = top ? hc_schema_validate(own, top, node) : NULL;
    if (rc == HC_OK)
        rc = own->broken != HC_OK ? own->broken : hc_arena_check(r->a, r->err, "values.schema.json");
    r->steps_left = own->steps_left;
    hc_buf_done(&own->path);
    hc_buf_done(&own->text);
    if (rc != HC_OK || !m)
        return rc;
    if (doc->vocabs)
        url = HC_S("urn:mem:metaschema");
    hc_buf_printf(lines,
                  "\"%.*s#%.*s\" is not valid against metaschema: jsonschema validation failed with '%.*s%s'\n",
                  HC_P(doc->url), HC_P(pointer), HC_P(url), doc->vocabs ? "" : "#");
    hc_schema_print_all(lines, m);
    if (lines->n && lines->p[lines->n - 1] == '\n')
        lines->n--;
    return hc_fail(r->err, HC_E_INPUT, "%.*s", HC_P(hc_buf_str(lines)));
}

enum hc_rc hc_schema_meta_check(struct hc_schema_run *r, struct hc_val *node, hc_str pointer, struct hc_buf *lines)
{
    unsigned depth = r->depth;
    if (!r->by_length[strlen("$ref")])
        index_rows(r);
    const struct hc_schema_doc *doc = hc_schema_doc_of(r, node);
    r->parts = doc->vocabs ? doc->vocabs : UINT32_MAX;
    bool sure = plain(r, node, doc->draft);
    r->depth = depth;
    if (sure)
        return HC_OK;
    enum hc_rc rc = by_metaschema(r, node, pointer, lines);
    if (rc == HC_OK)
        mark(node); /* also what the walk did not come to */
    return rc;
}

/* ---- what can be reached ----------------------------------------------------------------------------- */

static enum hc_rc reach(struct hc_schema_run *r, struct hc_val *v, struct hc_buf *lines);

static enum hc_rc reach_ref(struct hc_schema_run *r, struct hc_val *v, hc_str ref, struct hc_buf *lines)
{
    struct hc_val *target = hc_schema_resolve(r, v, ref);
    if (!target)
        return r->broken;
    if (!(target->col & LOOKED_AT) && !hc_schema_doc_of(r, target)->formats) {
        size_t hash = hc_str_find(ref, '#');
        hc_str pointer = hash == SIZE_MAX ? HC_S("") : hc_str_sub(ref, hash + 1, ref.n);
        enum hc_rc rc = hc_schema_meta_check(r, target, pointer, lines);
        if (rc != HC_OK)
            return rc;
    }
    return reach(r, target, lines);
}

/* Appends the JSON pointer that leads from `v` to `node`; false: it does not. */
static bool pointer_to(struct hc_buf *b, const struct hc_val *v, const struct hc_val *node)
{
    size_t before = b->n;
    if (v == node)
        return true;
    for (size_t i = 0; i < hc_map_len(v); i++) {
        hc_str key = hc_map_at(v, i)->key;
        hc_buf_putc(b, '/');
        for (size_t k = 0; k < key.n; k++)
            if (key.p[k] == '~' || key.p[k] == '/')
                hc_buf_puts(b, key.p[k] == '~' ? "~0" : "~1");
            else
                hc_buf_putc(b, key.p[k]);
        if (pointer_to(b, hc_map_at(v, i)->val, node))
            return true;
        b->n = before;
    }
    for (size_t i = 0; i < hc_list_len(v); i++) {
        hc_buf_printf(b, "/%zu", i);
        if (pointer_to(b, hc_list_at(v, i), node))
            return true;
        b->n = before;
    }
    return false;
}

/* Draft 4 does not check the names of patternProperties; they are told when they are compiled. */
static enum hc_rc reach_patterns(struct hc_schema_run *r, const struct hc_val *v)
{
    struct hc_pattern *p = NULL;
    struct hc_err why = HC_ERR_INIT;
    for (size_t i = 0; i < hc_map_len(v); i++) {
        hc_str name = hc_map_at(v, i)->key;
        if (hc_schema_compile(r, name, &p, &why) == HC_OK)
            continue;
        const struct hc_schema_doc *doc = hc_schema_doc_of(r, v);
        HC_AUTO(hc_buf) struct hc_buf at;
        hc_buf_init(&at, 0);
        (void)pointer_to(&at, doc->root, v);
        HC_AUTO(hc_buf) struct hc_buf quoted;
        hc_buf_init(&quoted, 0);
        hc_overlay_quote(&quoted, name);
        return hc_fail(r->err, HC_E_INPUT, "invalid regex %.*s at \"%.*s#%.*s\": %s", HC_P(hc_buf_str(&quoted)),
                       HC_P(doc->url), HC_P(hc_buf_str(&at)), why.msg);
    }
    return HC_OK;
}

static enum hc_rc reach_in(struct hc_schema_run *r, struct hc_val *v, enum shape shape, struct hc_buf *lines)
{
    enum hc_rc rc = HC_OK;
    switch (shape) {
    case SCHEMA:
    case REST:
        return reach(r, v, lines);
    case ITEMS:
    case SCHEMAS:
        if (!hc_is_list(v))
            return shape == ITEMS ? reach(r, v, lines) : HC_OK;
        for (size_t i = 0; rc == HC_OK && i < hc_list_len(v); i++)
            rc = reach(r, hc_list_at(v, i), lines);
        return rc;
    case MAP:
    case PATTERNS:
    case DEPS:
        for (size_t i = 0; rc == HC_OK && i < hc_map_len(v); i++)
            if (!hc_is_list(hc_map_at(v, i)->val))
                rc = reach(r, hc_map_at(v, i)->val, lines);
        return rc;
    default:
        return HC_OK;
    }
}

static enum hc_rc reach(struct hc_schema_run *r, struct hc_val *v, struct hc_buf *lines)
{
    int draft = hc_schema_doc_of(r, v)->draft;
    if (v->col & LIVE || !hc_is_map(v))
        return HC_OK;
    v->col |= LIVE;
    if (r->depth > HC_MAX_JSON_DEPTH || r->steps_left < 30)
        return hc_fail(r->err, HC_E_LIMIT, "values.schema.json leads deeper than %d schemas", HC_MAX_JSON_DEPTH);
    r->steps_left -= 30;
    r->depth++;
    enum hc_rc rc = HC_OK;
    bool only_ref = draft < 2019 && hc_is_str(hc_map_getz(v, "$ref"));
    for (size_t i = 0; rc == HC_OK && i < hc_map_len(v); i++) {
        hc_str key = hc_map_at(v, i)->key;
        struct hc_val *one = hc_map_at(v, i)->val;
        const struct row *row = row_of(r, key, draft);
        if (!row || row->apart || !hc_schema_active(hc_schema_doc_of(r, v), key) ||
            (only_ref && !hc_str_eqz(key, "$ref")))
            continue;
        if (hc_str_eqz(key, "additionalItems") && !hc_is_list(hc_map_getz(v, "items")))
            continue;
        bool ref = hc_str_eqz(key, "$ref") || hc_str_eqz(key, "$dynamicRef") || hc_str_eqz(key, "$recursiveRef");
        if (ref && hc_is_str(one))
            rc = reach_ref(r, v, hc_get_str(one), lines);
        else if (row->shape == PATTERNS && draft < 7)
            rc = reach_patterns(r, one);
        if (rc == HC_OK && !ref)
            rc = reach_in(r, one, row->shape, lines);
    }
    r->depth--;
    return rc;
}

enum hc_rc hc_schema_reach(struct hc_schema_run *r, struct hc_buf *lines)
{
    r->lines = lines;
    return reach(r, (struct hc_val *)(uintptr_t)r->docs[0].root, lines);
}
