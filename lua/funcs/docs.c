/*
 * YAML and JSON as template functions (A2, C4 to C6). JSON is written here, because Go's types show in it: structs
 * keep the order of their fields, times and versions are texts, bytes base64, nil lists and maps null. The YAML
 * writers get a tree that has been made plain the same way, copied only where something special is in it.
 */
#include "core/base/digest.h"
#include "core/value/json.h"
#include "core/value/kept.h"
#include "core/value/yaml.h"
#include "lua/funcs/funcs_impl.h"
#include "lua/funcs/time.h"
#include "lua/funcs/version.h"

#define MAX_DEPTH HC_MAX_JSON_DEPTH

/* What stands in the JSON tag of a struct's field. */
struct tag {
    const char *field, *name;
    bool always; /* without omitempty */
};
static const struct tag build_tags[] = { { "Version", "version", false },
                                         { "GitCommit", "git_commit", false },
                                         { "GitTreeState", "git_tree_state", false },
                                         { "GoVersion", "go_version", false },
                                         { "KubeClientVersion", "kube_client_version", false } };
static const struct tag chart_tags[] = { { "Name", "name", false },
                                         { "Home", "home", false },
                                         { "Sources", "sources", false },
                                         { "Version", "version", false },
                                         { "Description", "description", false },
                                         { "Keywords", "keywords", false },
                                         { "Maintainers", "maintainers", false },
                                         { "Icon", "icon", false },
                                         { "APIVersion", "apiVersion", false },
                                         { "Condition", "condition", false },
                                         { "Tags", "tags", false },
                                         { "AppVersion", "appVersion", false },
                                         { "Deprecated", "deprecated", false },
                                         { "Annotations", "annotations", false },
                                         { "KubeVersion", "kubeVersion", false },
                                         { "Dependencies", "dependencies", false },
                                         { "Type", "type", false } };
static const struct tag dependency_tags[] = {
    { "Name", "name", true },
    { "Version", "version", false },
    { "Repository", "repository", true },
    { "Condition", "condition", false },
    { "Tags", "tags", false },
    { "Enabled", "enabled", false },
    { "ImportValues", "import-values", false },
    { "Alias", "alias", false },
};
static const struct tag person_tags[] = { { "Name", "name", false },
                                          { "Email", "email", false },
                                          { "URL", "url", false } };

static const struct tag *tag_of(const struct hc_val *map, hc_str key)
{
    static const struct {
        enum hc_gotype type;
        const struct tag *tags;
        size_t n;
    } structs[] = {
        { HC_GO_HELMVERSION, build_tags, HC_LEN(build_tags) },
        { HC_GO_CHART3, chart_tags, HC_LEN(chart_tags) },
        { HC_GO_DEP3, dependency_tags, HC_LEN(dependency_tags) },
        { HC_GO_PERSON3, person_tags, HC_LEN(person_tags) },
    };
    for (size_t s = 0; s < HC_LEN(structs); s++)
        for (size_t i = 0; map->type == structs[s].type && i < structs[s].n; i++)
            if (hc_str_eqz(key, structs[s].tags[i].field))
                return &structs[s].tags[i];
    return NULL;
}

static hc_str field_name(const struct hc_val *map, hc_str key)
{
    const struct tag *t = map->type < HC_GO_CAPABILITIES ? NULL : tag_of(map, key);
    return t ? hc_str_of(t->name) : key;
}

/* Structs show their exported fields only, and with omitempty only what is not empty. */
static bool hidden(const struct hc_val *map, const struct hc_entry *e)
{
    if (map->type < HC_GO_CAPABILITIES)
        return false;
    const struct tag *t = tag_of(map, e->key);
    if (t && !t->always && !hc_go_truth(e->val))
        return true;
    return e->key.n > 0 && e->key.p[0] >= 'a' && e->key.p[0] <= 'z';
}

/* ---- JSON ------------------------------------------------------------------------------------------ */

struct json {
    struct hc_fcall *c;
    struct hc_buf *b;
    bool html;
    unsigned indent;
};

static void line(struct json *j, int depth)
{
    if (!j->indent)
        return;
    hc_buf_putc(j->b, '\n');
    hc_buf_fill(j->b, ' ', j->indent * (size_t)depth);
}

static enum hc_rc json_value(struct json *j, const struct hc_val *v, int depth);

static enum hc_rc json_list(struct json *j, const struct hc_val *v, int depth)
{
    if (v->list->flags & HC_LIST_NIL) {
        hc_buf_puts(j->b, "null");
        return HC_OK;
    }
    hc_buf_putc(j->b, '[');
    for (uint32_t i = 0; i < v->list->n; i++) {
        if (i > 0)
            hc_buf_putc(j->b, ',');
        line(j, depth + 1);
        enum hc_rc rc = json_value(j, v->list->items[i], depth + 1);
        if (rc != HC_OK)
            return rc;
    }
    if (v->list->n > 0)
        line(j, depth);
    hc_buf_putc(j->b, ']');
    return HC_OK;
}

static enum hc_rc json_map(struct json *j, const struct hc_val *v, int depth)
{
    if (v->map->flags & HC_LIST_NIL) {
        hc_buf_puts(j->b, "null");
        return HC_OK;
    }
    const struct hc_entry **order = fn_is_struct(v) ? NULL : fn_sorted(j->c->a, v);
    if (!order && !fn_is_struct(v))
        return hc_arena_check(j->c->a, j->c->err, "the render");
    bool some = false;
    hc_buf_putc(j->b, '{');
    for (uint32_t i = 0; i < v->map->n; i++) {
        const struct hc_entry *e = order ? order[i] : &v->map->entries[i];
        if (hidden(v, e))
            continue;
        if (some)
            hc_buf_putc(j->b, ',');
        some = true;
        line(j, depth + 1);
        hc_json_write_str(j->b, field_name(v, e->key), j->html);
        hc_buf_puts(j->b, j->indent ? ": " : ":");
        enum hc_rc rc = json_value(j, e->val, depth + 1);
        if (rc != HC_OK)
            return rc;
    }
    if (some)
        line(j, depth);
    hc_buf_putc(j->b, '}');
    return HC_OK;
}

/* What RFC 3339 cannot say of a time, or NULL. */
static const char *time_no_json(const struct hc_val *v)
{
    struct hc_civil t;
    hc_time_civil(v->obj, &t);
    if (t.year < 0 || t.year > 9999)
        return "year outside of range [0,9999]";
    return t.offset <= -86400 || t.offset >= 86400 ? "timezone hour outside of range [0,23]" : NULL;
}

static enum hc_rc json_obj(struct json *j, const struct hc_val *v)
{
    if (v->type == HC_GO_TIME) {
        const char *wrong = time_no_json(v);
        if (wrong)
            return fn_fail(j->c, "json: error calling MarshalJSON for type time.Time: Time.MarshalJSON: %s", wrong);
        hc_buf_putc(j->b, '"');
        hc_time_json(j->b, v->obj);
        hc_buf_putc(j->b, '"');
    } else if (v->type == HC_GO_COMPLEX) {
        return fn_fail(j->c, "json: unsupported type: complex128");
    } else if (v->type == HC_GO_SEMVER || v->type == HC_GO_VERSION) {
        hc_buf_putc(j->b, '"');
        hc_semver_put(j->b, v->obj);
        hc_buf_putc(j->b, '"');
    } else {
        hc_buf_puts(j->b, "{}");
    }
    return HC_OK;
}

static enum hc_rc json_value(struct json *j, const struct hc_val *v, int depth)
{
    if (depth > MAX_DEPTH)
        return hc_fail(j->c->err, HC_E_LIMIT, "json: a value nested deeper than %d, or one that contains itself",
                       MAX_DEPTH);
    if (j->b->spent)
        return hc_buf_check(j->b, j->c->err, "JSON text");
    switch (hc_kind_of(v)) {
    case HC_NULL:
        hc_buf_puts(j->b, "null");
        return HC_OK;
    case HC_BOOL:
        hc_buf_puts(j->b, v->b ? "true" : "false");
        return HC_OK;
    case HC_INT:
        hc_buf_printf(j->b, "%" PRId64, v->i);
        return HC_OK;
    case HC_UINT:
        hc_buf_printf(j->b, "%" PRIu64, v->u);
        return HC_OK;
    case HC_FLOAT:
        if (isnan(v->f) || isinf(v->f))
            return fn_fail(j->c, "json: unsupported value: %s", isnan(v->f) ? "NaN" : v->f > 0 ? "+Inf" : "-Inf");
        hc_json_write_float(j->b, v->f);
        return HC_OK;
    case HC_STR:
        if (v->type == HC_GO_BYTES) {
            hc_buf_putc(j->b, '"');
            hc_buf_put(j->b, hc_base64(j->c->a, fn_s(v)));
            hc_buf_putc(j->b, '"');
        } else {
            hc_json_write_str(j->b, fn_s(v), j->html);
        }
        return HC_OK;
    case HC_LIST:
        return json_list(j, v, depth);
    case HC_MAP:
        return json_map(j, v, depth);
    case HC_OBJ:
        break;
    }
    return json_obj(j, v);
}

enum hc_rc fn_json(struct hc_fcall *c, struct hc_buf *b, const struct hc_val *v, unsigned flags)
{
    struct json j = { .c = c, .b = b, .html = flags & HC_JSON_HTML, .indent = flags & HC_JSON_INDENT2 ? 2 : 0 };
    return json_value(&j, v, 0);
}

/* `quiet`: an error gives an empty text (sprig's and Helm's forms without must). */
static enum hc_rc to_json(struct hc_fcall *c, const struct hc_val *v, unsigned flags, bool quiet,
                          struct hc_val **out)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, HC_MAX_OUTPUT_BYTES);
    enum hc_rc rc = fn_json(c, &b, v, flags);
    if (rc == HC_E_INPUT && quiet) {
        hc_err_clear(c->err);
        return fn_ref(c, HC_S(""), out);
    }
    if (rc != HC_OK)
        return rc;
    return fn_buf(c, &b, out);
}

FN(fn_to_json)
{
    (void)argc;
    return to_json(c, argv[0], HC_JSON_HTML, true, out);
}

FN(fn_must_to_json)
{
    (void)argc;
    return to_json(c, argv[0], HC_JSON_HTML, false, out);
}

FN(fn_to_pretty_json)
{
    (void)argc;
    return to_json(c, argv[0], HC_JSON_HTML | HC_JSON_INDENT2, true, out);
}

FN(fn_must_to_pretty_json)
{
    (void)argc;
    return to_json(c, argv[0], HC_JSON_HTML | HC_JSON_INDENT2, false, out);
}

FN(fn_to_raw_json)
{
    (void)argc;
    return to_json(c, argv[0], 0, false, out);
}

/* Go's word for a JSON value that does not fit its target. */
static const char *json_kind(enum hc_kind kind)
{
    switch (kind) {
    case HC_BOOL:
        return "bool";
    case HC_INT:
    case HC_UINT:
    case HC_FLOAT:
        return "number";
    case HC_STR:
        return "string";
    case HC_LIST:
        return "array";
    default:
        return "object";
    }
}

static struct hc_val *mismatch_text(struct hc_arena *a, const char *prefix, enum hc_kind kind, bool list)
{
    return hc_printf_val(a, "%sjson: cannot unmarshal %s into Go value of type %s", prefix, json_kind(kind),
                         list ? "[]interface {}" : "map[string]interface {}");
}

static struct hc_val *nil_of(struct hc_arena *a, bool list)
{
    struct hc_val *v = list ? hc_list_new(a) : hc_map_new(a);
    if (v && list)
        v->list->flags |= HC_LIST_NIL;
    else if (v)
        v->map->flags |= HC_LIST_NIL;
    return v;
}

/* An error as the value: the only element, or under the key Error. */
static enum hc_rc error_inside(struct hc_fcall *c, struct hc_val *text, bool list, struct hc_val **out)
{
    struct hc_val *result = list ? hc_list_new(c->a) : hc_map_new(c->a);
    hc_err_clear(c->err);
    if (list)
        fn_add(c->a, result, text);
    else
        hc_map_put_ref(c->a, result, HC_S("Error"), text);
    return fn_done(c, result, out);
}

/* What decoding into a map or a list gives: the value, nil for null, or the error text inside. */
static enum hc_rc decoded(struct hc_fcall *c, enum hc_rc rc, struct hc_val *v, bool list, const char *prefix,
                          const char *mismatch, struct hc_val **out)
{
    struct hc_val *text;
    bool fits = list ? hc_is_list(v) : hc_is_map(v);
    if (rc != HC_OK && rc != HC_E_INPUT)
        return rc;
    if (rc != HC_OK && v && !fits) /* what does not fit is not looked into */
        rc = HC_OK;
    if (rc == HC_OK && fn_nil(v))
        return fn_done(c, nil_of(c->a, list), out);
    if (rc == HC_OK && fits)
        return fn_done(c, v, out);
    if (rc != HC_OK)
        text = hc_printf_val(c->a, "%s%s", prefix, c->err ? c->err->msg : "");
    else
        text = mismatch_text(c->a, mismatch, hc_kind_of(v), list);
    if (rc != HC_OK && v && !list) { /* a number out of range: the rest is there */
        hc_err_clear(c->err);
        hc_map_put_ref(c->a, v, HC_S("Error"), text);
        return fn_done(c, v, out);
    }
    return error_inside(c, text, list, out);
}

static enum hc_rc parse_json(struct hc_fcall *c, hc_str s, struct hc_val **out)
{
    return hc_json_parse(c->a, s, HC_JSON_ALL_FLOAT | HC_JSON_NO_POSITIONS | HC_JSON_REF, out, c->err);
}

/* The kind that a JSON text begins as. */
static enum hc_kind json_begins(hc_str s)
{
    s = hc_str_trim(s);
    switch (s.n ? s.p[0] : 0) {
    case '{':
        return HC_MAP;
    case '[':
        return HC_LIST;
    case '"':
        return HC_STR;
    case 't':
    case 'f':
        return HC_BOOL;
    default:
        return HC_FLOAT;
    }
}

/* Go looks at a number only where it has a place for it. */
static enum hc_rc from_json(struct hc_fcall *c, hc_str s, bool list, struct hc_val **out)
{
    struct hc_val *v = NULL;
    enum hc_rc rc = parse_json(c, s, &v);
    enum hc_kind kind = json_begins(s);
    if (rc == HC_E_INPUT && c->err && kind != (list ? HC_LIST : HC_MAP) &&
        hc_str_starts(hc_str_of(c->err->msg), HC_S("json: cannot unmarshal number")))
        return error_inside(c, mismatch_text(c->a, "", kind, list), list, out);
    return decoded(c, rc, v, list, "", "", out);
}

FN(fn_from_json)
{
    (void)argc;
    return from_json(c, fn_s(argv[0]), false, out);
}

FN(fn_from_json_array)
{
    (void)argc;
    return from_json(c, fn_s(argv[0]), true, out);
}

FN(fn_must_from_json)
{
    (void)argc;
    struct hc_val *v = NULL;
    enum hc_rc rc = parse_json(c, fn_s(argv[0]), &v);
    return rc == HC_OK ? fn_done(c, v, out) : rc;
}

/* What is shorter is read, and written, as fast as it is found. */
enum { KEEP_READ_BYTES = 4096, KEEP_WRITTEN_BYTES = 256 };

/* A document that was read before, or is kept from now on. False: it has to be read anew, errors and all. */
static bool parse_kept(struct hc_fcall *c, hc_str s, struct hc_val **out)
{
    struct hc_kept_key key = hc_kept_key('Y', s);
    const struct hc_kept *kept = hc_kept_find(key);
    if (kept) {
        *out = hc_kept_copy(c->a, kept->root);
        hc_kept_release(kept);
        return *out != NULL;
    }
    struct hc_arena *a = hc_arena_new(0);
    struct hc_val *v = NULL;
    struct hc_err err = HC_ERR_INIT;
    if (!a || hc_yaml_parse(a, s, HC_S(""), HC_YAML_JSON_NUMBERS, &v, &err) != HC_OK || fn_nil(v) ||
        !(*out = hc_kept_copy(c->a, v))) {
        hc_arena_free(a);
        return false;
    }
    hc_kept_put(key, &(struct hc_kept){ .arena = a, .root = v });
    return true;
}

/* An empty document leaves the map or list as it was made: empty. */
static enum hc_rc parse_yaml(struct hc_fcall *c, hc_str s, bool list, struct hc_val **out)
{
    if (c->keeps && s.n >= KEEP_READ_BYTES && parse_kept(c, s, out))
        return HC_OK;
    enum hc_rc rc = hc_yaml_parse(c->a, s, HC_S(""), HC_YAML_JSON_NUMBERS, out, c->err);
    if (rc == HC_OK && fn_nil(*out))
        *out = list ? hc_list_new(c->a) : hc_map_new(c->a);
    return rc;
}

#define YAML_PREFIX   "error converting YAML to JSON: "
#define YAML_MISMATCH "error unmarshaling JSON: while decoding JSON: "

FN(fn_from_yaml)
{
    (void)argc;
    struct hc_val *v = NULL;
    enum hc_rc rc = parse_yaml(c, fn_s(argv[0]), false, &v);
    return decoded(c, rc, v, false, YAML_PREFIX, YAML_MISMATCH, out);
}

FN(fn_from_yaml_array)
{
    (void)argc;
    struct hc_val *v = NULL;
    enum hc_rc rc = parse_yaml(c, fn_s(argv[0]), true, &v);
    return decoded(c, rc, v, true, YAML_PREFIX, YAML_MISMATCH, out);
}

/* ---- YAML ------------------------------------------------------------------------------------------ */

/* One walk over what is to be written, before it is: how much there is of it, and what kinds. */
struct look {
    struct hc_fcall *c;
    bool special; /* something that the writers do not know */
    bool no_json; /* Go's JSON step, the first one of toYaml, would fail */
    bool in_itself, complex;
    enum hc_rc rc; /* a budget is spent */
    const void *above[MAX_DEPTH + 1];
};

enum { STEPS_LOOK = 3 };

/* Behind MAX_DEPTH levels: does it hold itself? Go's encoding/json looks no sooner. */
static void look_too_deep(struct look *l, const void *at)
{
    for (int i = 0; i <= MAX_DEPTH && !l->in_itself; i++)
        l->in_itself = l->above[i] == at;
    l->no_json = l->in_itself;
    if (!l->in_itself)
        l->rc = hc_fail(l->c->err, HC_E_LIMIT, "a value is nested deeper than %d levels", MAX_DEPTH);
}

static void look_at(struct look *l, const struct hc_val *v, int depth)
{
    enum hc_kind kind = hc_kind_of(v);
    if (kind == HC_INT) {
        l->special |= v->type == HC_GO_DURATION;
    } else if (kind == HC_STR) {
        l->special |= v->type == HC_GO_BYTES;
    } else if (kind == HC_FLOAT) {
        l->no_json |= isnan(v->f) || isinf(v->f);
    } else if (kind == HC_OBJ) {
        l->special = true;
        l->complex |= v->type == HC_GO_COMPLEX;
        l->no_json |= v->type == HC_GO_COMPLEX || (v->type == HC_GO_TIME && time_no_json(v));
    } else if (kind == HC_LIST || kind == HC_MAP) {
        const void *at = kind == HC_LIST ? (const void *)v->list : v->map;
        uint32_t n = kind == HC_LIST ? v->list->n : v->map->n;
        l->special |= ((kind == HC_LIST ? v->list->flags : v->map->flags) & HC_LIST_NIL) || fn_is_struct(v);
        if (depth > MAX_DEPTH) {
            look_too_deep(l, at);
            return;
        }
        l->above[depth] = at;
        if (!fn_work(l->c, (uint64_t)n * STEPS_LOOK)) {
            l->rc = fn_spent(l->c);
            return;
        }
        for (uint32_t i = 0; i < n && l->rc == HC_OK && !l->in_itself; i++)
            look_at(l, kind == HC_LIST ? v->list->items[i] : v->map->entries[i].val, depth + 1);
    }
}

static struct hc_val *text_of(struct hc_arena *a, const struct hc_val *v, bool pretty)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    if (v->kind == HC_OBJ && v->type == HC_GO_TIME)
        hc_time_json(&b, v->obj);
    else if (v->kind == HC_OBJ)
        hc_semver_put(&b, v->obj);
    else
        hc_duration_string(&b, v->i);
    struct hc_val *text = hc_str_val(a, hc_buf_str(&b));
    return pretty && v->kind == HC_OBJ && v->type == HC_GO_TIME ? fn_typed(text, HC_YAML_WORD) : text;
}

static struct hc_val *plain(struct hc_arena *a, const struct hc_val *v, bool pretty, int depth);

static struct hc_val *plain_map(struct hc_arena *a, const struct hc_val *v, bool pretty, int depth)
{
    if ((v->map->flags & HC_LIST_NIL) && !pretty)
        return hc_null_val(a);
    struct hc_val *map = hc_map_new(a);
    for (uint32_t i = 0; map && i < v->map->n; i++) {
        const struct hc_entry *e = &v->map->entries[i];
        if (hidden(v, e))
            continue;
        hc_str key = field_name(v, e->key);
        if (pretty && fn_is_struct(v)) { /* yaml.v3 writes field names in small letters */
            char *low = hc_arena_strz(a, e->key);
            for (size_t k = 0; low && k < e->key.n; k++)
                low[k] = (char)(low[k] >= 'A' && low[k] <= 'Z' ? low[k] | 32 : low[k]);
            key = hc_str_n(low, e->key.n);
        }
        hc_map_put_ref(a, map, key, plain(a, e->val, pretty, depth + 1));
    }
    if (map && pretty && fn_is_struct(v))
        map->map->flags |= HC_YAML_FIELDS;
    return map;
}

static struct hc_val *plain(struct hc_arena *a, const struct hc_val *v, bool pretty, int depth)
{
    struct hc_val *list;
    if (depth > MAX_DEPTH)
        return NULL;
    if (!v)
        return hc_null_val(a);
    switch ((enum hc_kind)v->kind) {
    case HC_INT:
        return v->type == HC_GO_DURATION && pretty ? text_of(a, v, pretty) : hc_int_val(a, v->i);
    case HC_STR:
        if (v->type != HC_GO_BYTES)
            break;
        if (!pretty)
            return hc_str_val_ref(a, hc_base64(a, fn_s(v)));
        list = hc_list_new(a);
        for (uint32_t i = 0; i < v->n; i++)
            fn_add(a, list, hc_int_val(a, (unsigned char)v->s[i]));
        return list;
    case HC_LIST:
        if ((v->list->flags & HC_LIST_NIL) && !pretty)
            return hc_null_val(a);
        list = hc_list_new(a);
        for (uint32_t i = 0; i < v->list->n; i++)
            fn_add(a, list, plain(a, v->list->items[i], pretty, depth + 1));
        return list;
    case HC_MAP:
        return plain_map(a, v, pretty, depth);
    case HC_OBJ:
        return text_of(a, v, pretty);
    default:
        break;
    }
    return (struct hc_val *)(uintptr_t)v;
}

/* A plain tree for the writers: typed values become what encoding/json makes of them (times and versions text, bytes
 * base64, nil lists null). `pretty`: what yaml.v3 makes of them. Shares what needs no change. */
static const struct hc_val *plain_of(const struct look *l, const struct hc_val *v, bool pretty)
{
    if (!l->special)
        return v ? v : hc_null_val(l->c->a);
    return plain(l->c->a, v, pretty, 0);
}

static hc_str without_newline(const struct hc_buf *b)
{
    hc_str s = hc_buf_str(b);
    return hc_str_ends(s, HC_S("\n")) ? hc_str_sub(s, 0, s.n - 1) : s;
}

/* *out_written false: Go can not write it. HC_E_LIMIT: it is too much. */
static enum hc_rc write_yaml(struct hc_fcall *c, struct hc_buf *b, const struct hc_val *v, bool *out_written)
{
    struct look l = { .c = c };
    look_at(&l, v, 0);
    *out_written = l.rc == HC_OK && !l.no_json && hc_yaml_write(b, plain_of(&l, v, false));
    return l.rc;
}

enum hc_rc fn_yaml_text(struct hc_fcall *c, const struct hc_val *v, const char *what, struct hc_val **out)
{
    struct hc_kept_key key;
    bool keep = c->keeps && hc_is_map(v) && hc_kept_key_of('y', v, &key);
    const struct hc_kept *kept = keep ? hc_kept_find(key) : NULL;
    if (kept) {
        enum hc_rc found = fn_str(c, kept->text, out);
        hc_kept_release(kept);
        return found;
    }
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, HC_MAX_OUTPUT_BYTES);
    bool ok;
    enum hc_rc rc = write_yaml(c, &b, v, &ok);
    if (rc != HC_OK)
        return rc;
    if (b.spent)
        return hc_buf_check(&b, c->err, what);
    if (ok && keep && b.n >= KEEP_WRITTEN_BYTES)
        hc_kept_put(key, &(struct hc_kept){ .text = without_newline(&b) });
    return ok ? fn_str(c, without_newline(&b), out) : fn_ref(c, HC_S(""), out);
}

FN(fn_to_yaml)
{
    (void)argc;
    return fn_yaml_text(c, argv[0], "toYaml", out);
}

/* What the step from JSON to YAML stumbles over: U+0085 breaks a line, and a key in quotes has to be on one; the other
 * characters of its kind are none. Gives the line that Go names, 0: it is the latter. */
static size_t line_of_broken_key(hc_str json)
{
    size_t lines = 0;
    for (size_t i = 0; i + 1 < json.n; i++)
        if (json.p[i] == 0x7f ||
            (json.p[i] == '\xc2' && (unsigned char)json.p[i + 1] < 0xa0 && json.p[i + 1] != '\x85'))
            return 0;
    for (size_t i = 0; i < json.n; i++) {
        if (json.p[i] != '"')
            continue;
        size_t before = lines;
        for (i++; i < json.n && json.p[i] != '"'; i++) {
            lines += hc_str_starts(hc_str_sub(json, i, json.n), HC_S("\xc2\x85"));
            i += json.p[i] == '\\';
        }
        if (lines > before && i + 1 < json.n && json.p[i + 1] == ':')
            return lines;
    }
    return 0;
}

FN(fn_must_to_yaml)
{
    (void)argc;
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, HC_MAX_OUTPUT_BYTES);
    /* the JSON step names its own errors */
    enum hc_rc rc = fn_json(c, &b, argv[0], 0);
    if (rc == HC_E_INPUT)
        return hc_wrap(c->err, "error marshaling into JSON");
    if (rc != HC_OK)
        return rc;
    bool breaks = hc_str_find_str(hc_buf_str(&b), HC_S("\xc2\x85")) != SIZE_MAX;
    size_t line = breaks ? line_of_broken_key(hc_buf_str(&b)) : 0;
    hc_buf_reset(&b);
    bool ok;
    rc = write_yaml(c, &b, argv[0], &ok);
    if (rc != HC_OK)
        return rc;
    if (b.spent)
        return hc_buf_check(&b, c->err, "mustToYaml");
    if (!ok && line)
        return fn_panic(c, "yaml: line %zu: did not find expected ',' or '}'", line);
    if (!ok)
        return fn_panic(c, "yaml: control characters are not allowed");
    return fn_str(c, without_newline(&b), out);
}

FN(fn_to_yaml_pretty)
{
    (void)argc;
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, HC_MAX_OUTPUT_BYTES);
    struct look l = { .c = c };
    look_at(&l, argv[0], 0);
    if (l.rc != HC_OK)
        return l.rc;
    if (l.in_itself)
        return hc_fail(c->err, HC_E_LIMIT, "toYamlPretty: a value holds itself");
    if (l.complex)
        return fn_panic(c, "cannot marshal type: complex128");
    const struct hc_val *v = plain_of(&l, argv[0], true);
    bool ok = v && hc_yaml_write_pretty(&b, v);
    if (b.spent)
        return hc_buf_check(&b, c->err, "toYamlPretty");
    return ok ? fn_str(c, without_newline(&b), out) : fn_ref(c, HC_S(""), out);
}
