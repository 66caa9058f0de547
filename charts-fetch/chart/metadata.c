/*
 * Chart.yaml, read as Go's typed decoder reads it.
 *
 * Helm converts the YAML to JSON with the target type in view, so a scalar whose field is text keeps a text form
 * (C1.3), then decodes the JSON with case-insensitive field names. The tables below are that type. The result is a
 * tree in the form Go writes it back to JSON: the release record and `show chart` print it as it is.
 */
#include <stdio.h>

#include "charts-fetch/chart/chart_impl.h"
#include "core/base/limits.h"
#include "core/value/json.h"
#include "core/value/yaml.h"

enum type { TEXT, BOOL, TEXTS, TEXT_MAP, MAINTAINERS, DEPENDENCIES, ANY_LIST, TIME };

struct field {
    const char *name;
    enum type type;
    bool clean;  /* white space to spaces, unprintable characters dropped */
    bool always; /* written also when empty */
};

static const struct field metadata_fields[] = {
    { "name", TEXT, true, false },
    { "home", TEXT, true, false },
    { "sources", TEXTS, true, false },
    { "version", TEXT, false, false },
    { "description", TEXT, true, false },
    { "keywords", TEXTS, true, false },
    { "maintainers", MAINTAINERS, false, false },
    { "icon", TEXT, true, false },
    { "apiVersion", TEXT, false, false },
    { "condition", TEXT, true, false },
    { "tags", TEXT, true, false },
    { "appVersion", TEXT, true, false },
    { "deprecated", BOOL, false, false },
    { "annotations", TEXT_MAP, false, false },
    { "kubeVersion", TEXT, true, false },
    { "dependencies", DEPENDENCIES, false, false },
    { "type", TEXT, false, false },
};
static const struct field maintainer_fields[] = {
    { "name", TEXT, true, false },
    { "email", TEXT, true, false },
    { "url", TEXT, true, false },
};
static const struct field dependency_fields[] = {
    { "name", TEXT, true, true },
    { "version", TEXT, true, false },
    { "repository", TEXT, true, true },
    { "condition", TEXT, true, false },
    { "tags", TEXTS, true, false },
    { "enabled", BOOL, false, false },
    { "import-values", ANY_LIST, false, false },
    { "alias", TEXT, false, false },
};
static const struct field lock_fields[] = {
    { "generated", TIME, false, true },
    { "digest", TEXT, false, true },
    { "dependencies", DEPENDENCIES, false, false },
};

struct reader {
    struct hc_arena *a;
    struct hc_err *err;
    hc_str file;
    const char *package; /* of Go's types: "v2" or "chart" */
};

static enum hc_rc mismatch(struct reader *r, const struct hc_val *v, const char *owner, const char *path,
                           const char *type)
{
    return hc_fail_at(
        r->err, HC_E_INPUT, r->file, (int)v->line, v->col,
        "error unmarshaling JSON: while decoding JSON: json: cannot unmarshal %s into Go struct field "
        "%s.%s of type %s",
        hc_json_kind_name(v), owner, path, type);
}

static bool is_space(uint32_t c)
{
    return (c >= 9 && c <= 13) || c == ' ' || c == 0x85 || c == 0xa0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
}

/* unicode.IsPrint but for the unassigned: controls, format characters, surrogates, private use are not. */
static bool is_print(uint32_t c)
{
    return c >= 0x20 && !(c >= 0x7f && c < 0xa0) && c != 0xad && !(c >= 0x200b && c <= 0x200f) &&
           !(c >= 0x202a && c <= 0x202e) && !(c >= 0x2060 && c <= 0x206f) && !(c >= 0xe000 && c <= 0xf8ff) &&
           c != 0xfeff && !(c >= 0xfff0 && c <= 0xfffb) && c < 0xe0000;
}

hc_str hc_chart_clean_text(struct hc_arena *a, hc_str s)
{
    bool plain = true;
    for (size_t i = 0; i < s.n && plain; i++)
        plain = s.p[i] >= 0x20 && s.p[i] < 0x7f;
    if (plain)
        return s;
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    while (s.n) {
        uint32_t c;
        size_t len = hc_utf8_decode(s, &c);
        if (is_space(c))
            hc_buf_putc(&b, ' ');
        else if (is_print(c))
            hc_buf_put(&b, hc_str_sub(s, 0, len));
        s = hc_str_sub(s, len, s.n);
    }
    return hc_buf_to_arena(&b, a);
}

/* The exact name wins over another spelling. */
static struct hc_entry *find_field(const struct hc_val *map, hc_str name)
{
    struct hc_entry *e = hc_map_find(map, name);
    for (size_t i = 0; !e && i < hc_map_len(map); i++)
        if (hc_str_eq_nocase(hc_map_at(map, i)->key, name))
            e = hc_map_at(map, i);
    return e;
}

static enum hc_rc read_struct(struct reader *r, const struct hc_val *v, const struct field *fields, size_t n,
                              const char *owner, const char *prefix, struct hc_val *out);

static enum hc_rc read_structs(struct reader *r, const struct hc_val *v, const struct field *fields, size_t n,
                               const char *owner, const char *outer, const char *name, struct hc_val *list)
{
    char prefix[64], type[64];
    snprintf(prefix, sizeof(prefix), "%s.", name);
    snprintf(type, sizeof(type), "%s.%s", r->package, owner);
    for (size_t i = 0; i < hc_list_len(v); i++) {
        const struct hc_val *item = hc_list_at(v, i);
        if (hc_is_null(item)) {
            hc_list_add(r->a, list, hc_null_val(r->a));
            continue;
        }
        if (!hc_is_map(item))
            return mismatch(r, item, outer, name, type);
        struct hc_val *one = hc_map_new(r->a);
        enum hc_rc rc = read_struct(r, item, fields, n, owner, prefix, one);
        if (rc != HC_OK)
            return rc;
        hc_list_add(r->a, list, one);
    }
    return HC_OK;
}

static enum hc_rc read_texts(struct reader *r, const struct hc_val *v, const struct field *f, const char *owner,
                             const char *path, struct hc_val *list)
{
    for (size_t i = 0; i < hc_list_len(v); i++) {
        hc_str text;
        if (!hc_scalar_text(r->a, hc_list_at(v, i), &text))
            return mismatch(r, hc_list_at(v, i), owner, path, "string");
        if (f->clean)
            text = hc_chart_clean_text(r->a, text);
        hc_list_add(r->a, list, hc_str_val(r->a, text));
    }
    return HC_OK;
}

static bool two_digits(hc_str s, size_t at, int most, int *out)
{
    if (at + 2 > s.n || s.p[at] < '0' || s.p[at] > '9' || s.p[at + 1] < '0' || s.p[at + 1] > '9')
        return false;
    *out = (s.p[at] - '0') * 10 + s.p[at + 1] - '0';
    return *out <= most;
}

/* RFC 3339 as Go's time reads it; where it stops, and what it wants there, by the reference time's parts. */
static bool is_time(hc_str s, size_t *at, const char **want)
{
    static const struct {
        const char *part;
        int most;
    } parts[] = { { "2006", 99 }, { "", 99 },   { "-", 0 }, { "01", 12 }, { "-", 0 }, { "02", 31 },
                  { "T", 0 },     { "15", 23 }, { ":", 0 }, { "04", 59 }, { ":", 0 }, { "05", 59 } };
    int number;
    *at = 0;
    for (size_t i = 0; i < HC_LEN(parts); i++) {
        const char *part = parts[i].part;
        *want = i == 1 ? "2006" : part;
        bool sign = part[0] && !part[1];
        if (sign ? *at >= s.n || s.p[*at] != *part : !two_digits(s, *at, parts[i].most, &number)) {
            if (i == 1)
                *at -= 2;
            return false;
        }
        *at += sign ? 1 : 2;
    }
    if (*at < s.n && (s.p[*at] == '.' || s.p[*at] == ','))
        for (++*at; *at < s.n && s.p[*at] >= '0' && s.p[*at] <= '9';)
            ++*at;
    *want = "Z07:00";
    if (*at < s.n && s.p[*at] == 'Z')
        return *at + 1 == s.n;
    return *at + 6 == s.n && (s.p[*at] == '+' || s.p[*at] == '-') && two_digits(s, *at + 1, 24, &number) &&
           s.p[*at + 3] == ':' && two_digits(s, *at + 4, 60, &number);
}

static enum hc_rc read_time(struct reader *r, const struct hc_val *v, hc_str key, struct hc_val *out)
{
    size_t at;
    const char *want;
    hc_str text = hc_get_str(v);
    if (!hc_is_str(v))
        return hc_fail_at(r->err, HC_E_INPUT, r->file, (int)v->line, v->col,
                          "error unmarshaling JSON: while decoding JSON: Time.UnmarshalJSON: input is not a JSON "
                          "string");
    if (!is_time(text, &at, &want))
        return hc_fail_at(r->err, HC_E_INPUT, r->file, (int)v->line, v->col,
                          "error unmarshaling JSON: while decoding JSON: parsing time \"%.*s\" as "
                          "\"2006-01-02T15:04:05Z07:00\": cannot parse \"%.*s\" as \"%s\"",
                          HC_P(text), HC_P(hc_str_sub(text, at, text.n)), want);
    hc_map_put_ref(r->a, out, key, hc_str_val(r->a, text));
    return HC_OK;
}

static enum hc_rc read_field(struct reader *r, const struct hc_val *v, const struct field *f, const char *owner,
                             const char *prefix, struct hc_val *out)
{
    char path[96], type[64];
    snprintf(path, sizeof(path), "%s%s", prefix, f->name);
    hc_str key = hc_str_of(f->name), text;
    struct hc_val *list = NULL;
    enum hc_rc rc = HC_OK;
    if (f->type != TEXT && hc_is_null(v)) {
        hc_map_del(out, key);
        return HC_OK;
    }
    switch (f->type) {
    case TEXT:
        if (!hc_scalar_text(r->a, v, &text))
            return mismatch(r, v, owner, path, "string");
        if (f->clean)
            text = hc_chart_clean_text(r->a, text);
        if (text.n || f->always)
            hc_map_put_ref(r->a, out, key, hc_str_val(r->a, text));
        else
            hc_map_del(out, key);
        return HC_OK;
    case BOOL:
        if (hc_kind_of(v) != HC_BOOL)
            return mismatch(r, v, owner, path, "bool");
        if (v->b)
            hc_map_put_ref(r->a, out, key, hc_bool_val(r->a, true));
        else
            hc_map_del(out, key);
        return HC_OK;
    case TIME:
        return read_time(r, v, key, out);
    case TEXT_MAP:
        if (!hc_is_map(v))
            return mismatch(r, v, owner, path, "map[string]string");
        list = hc_map_new(r->a);
        for (size_t i = 0; i < hc_map_len(v); i++) {
            const struct hc_entry *e = hc_map_at(v, i);
            if (!hc_scalar_text(r->a, e->val, &text))
                return mismatch(r, e->val, owner, path, "string");
            hc_map_put(r->a, list, e->key, hc_str_val(r->a, text));
        }
        break;
    case TEXTS:
    case MAINTAINERS:
    case DEPENDENCIES:
    case ANY_LIST:
        snprintf(type, sizeof(type), "[]*%s.%s", r->package, f->type == MAINTAINERS ? "Maintainer" : "Dependency");
        if (!hc_is_list(v))
            return mismatch(r, v, owner, path,
                            f->type == TEXTS      ? "[]string"
                            : f->type == ANY_LIST ? "[]interface {}"
                                                  : type);
        list = hc_list_new(r->a);
        if (f->type == TEXTS)
            rc = read_texts(r, v, f, owner, path, list);
        else if (f->type == MAINTAINERS)
            rc = read_structs(r, v, maintainer_fields, HC_LEN(maintainer_fields), "Maintainer", owner, path, list);
        else if (f->type == DEPENDENCIES)
            rc = read_structs(r, v, dependency_fields, HC_LEN(dependency_fields), "Dependency", owner, path, list);
        else
            list = hc_val_copy(r->a, v);
        break;
    }
    if (rc != HC_OK)
        return rc;
    if (hc_list_len(list) || hc_map_len(list))
        hc_map_put_ref(r->a, out, key, list);
    else
        hc_map_del(out, key);
    return HC_OK;
}

static enum hc_rc read_struct(struct reader *r, const struct hc_val *v, const struct field *fields, size_t n,
                              const char *owner, const char *prefix, struct hc_val *out)
{
    for (size_t i = 0; i < n; i++) {
        const struct hc_entry *e = find_field(v, hc_str_of(fields[i].name));
        enum hc_rc rc = HC_OK;
        if (e)
            rc = read_field(r, e->val, &fields[i], owner, prefix, out);
        else if (fields[i].always)
            hc_map_put_ref(r->a, out, hc_str_of(fields[i].name),
                           hc_strz_val(r->a, fields[i].type == TIME ? "0001-01-01T00:00:00Z" : ""));
        if (rc != HC_OK)
            return rc;
    }
    return HC_OK;
}

static enum hc_rc read_document(struct reader *r, hc_str text, const char *type, struct hc_val **out_doc)
{
    if (hc_yaml_parse(r->a, text, r->file, HC_YAML_PLAIN, out_doc, r->err) != HC_OK)
        return hc_wrap(r->err, "error converting YAML to JSON");
    const struct hc_val *doc = *out_doc;
    if (hc_is_null(doc) || hc_is_map(doc))
        return HC_OK;
    return hc_fail_at(
        r->err, HC_E_INPUT, r->file, (int)doc->line, doc->col,
        "error unmarshaling JSON: while decoding JSON: json: cannot unmarshal %s into Go value of type "
        "%s",
        hc_json_kind_name(doc), type);
}

enum hc_rc hc_metadata_read(struct hc_arena *a, hc_str text, hc_str name, enum hc_metadata_words words,
                            struct hc_val **meta, bool *deps_listed, struct hc_err *err)
{
    static const char *const types[] = { "v2.Metadata", "loader.chartBase", "chart.Metadata" };
    struct hc_val *doc = NULL;
    struct reader r = { a, err, name, words == HC_METADATA_V3 ? "chart" : "v2" };
    enum hc_rc rc = read_document(&r, text, types[words], &doc);
    if (rc != HC_OK)
        return rc;
    if (!*meta)
        *meta = hc_map_new(a);
    const struct hc_entry *api = find_field(doc, HC_S("apiVersion"));
    hc_str as_text;
    if (words == HC_METADATA_V4_DETECT && api && !hc_scalar_text(a, api->val, &as_text))
        return mismatch(&r, api->val, "chartBase", "apiVersion", "string");
    const struct hc_entry *deps = find_field(doc, HC_S("dependencies"));
    if (deps && deps_listed)
        *deps_listed = hc_is_list(deps->val);
    rc = read_struct(&r, doc, metadata_fields, HC_LEN(metadata_fields), "Metadata", "", *meta);
    return rc != HC_OK ? rc : hc_arena_check(a, err, "Chart.yaml");
}

/* The first field that the type lacks, in the order of JSON keys. */
static bool unknown_field(const struct hc_val *v, const struct field *fields, size_t n, hc_str *out)
{
    const struct hc_entry *worst = NULL;
    hc_str inner = { NULL, 0 };
    for (size_t i = 0; i < hc_map_len(v); i++) {
        const struct hc_entry *e = hc_map_at(v, i);
        const struct field *f = NULL;
        hc_str name = e->key;
        for (size_t k = 0; k < n && !f; k++)
            if (hc_str_eq_nocase(e->key, hc_str_of(fields[k].name)))
                f = &fields[k];
        bool bad = !f, list = f && (f->type == MAINTAINERS || f->type == DEPENDENCIES);
        for (size_t k = 0; list && !bad && k < hc_list_len(e->val); k++)
            bad = unknown_field(
                hc_list_at(e->val, k), f->type == MAINTAINERS ? maintainer_fields : dependency_fields,
                f->type == MAINTAINERS ? HC_LEN(maintainer_fields) : HC_LEN(dependency_fields), &name);
        if (bad && (!worst || hc_str_cmp(e->key, worst->key) < 0)) {
            worst = e;
            inner = name;
        }
    }
    if (worst)
        *out = inner;
    return worst != NULL;
}

enum hc_rc hc_chart_metadata(struct hc_arena *a, hc_str text, bool strict, struct hc_val **out, struct hc_err *err)
{
    struct hc_val *meta = NULL, *doc = NULL;
    hc_str name = HC_S("Chart.yaml"), unknown;
    if (strict) {
        if (hc_yaml_parse(a, text, name, HC_YAML_STRICT_KEYS, &doc, err) != HC_OK)
            return hc_wrap(err, "error converting YAML to JSON");
        if (unknown_field(doc, metadata_fields, HC_LEN(metadata_fields), &unknown))
            return hc_fail_at(err, HC_E_INPUT, name, 0, -1,
                              "error unmarshaling JSON: while decoding JSON: json: unknown field \"%.*s\"",
                              HC_P(unknown));
    }
    enum hc_rc rc = hc_metadata_read(a, text, name, HC_METADATA_V4, &meta, NULL, err);
    if (rc == HC_OK)
        *out = meta;
    return rc;
}

enum hc_rc hc_lock_read(struct hc_arena *a, hc_str text, hc_str name, enum hc_metadata_words words,
                        struct hc_val **lock, struct hc_err *err)
{
    struct hc_val *doc = NULL;
    bool v3 = words == HC_METADATA_V3;
    struct reader r = { a, err, name, v3 ? "chart" : "v2" };
    enum hc_rc rc = read_document(&r, text, v3 ? "chart.Lock" : "v2.Lock", &doc);
    if (rc != HC_OK)
        return rc;
    struct hc_val *out = hc_map_new(a);
    rc = read_struct(&r, doc, lock_fields, HC_LEN(lock_fields), "Lock", "", out);
    if (rc != HC_OK)
        return rc;
    if (!hc_map_find(out, HC_S("dependencies"))) {
        const struct hc_entry *e = find_field(doc, HC_S("dependencies"));
        hc_map_put_ref(a, out, HC_S("dependencies"), e && hc_is_list(e->val) ? hc_list_new(a) : hc_null_val(a));
    }
    *lock = hc_is_null(doc) ? NULL : out;
    return hc_arena_check(a, err, "Chart.lock");
}

/* ---- checks ------------------------------------------------------------------------------------------ */

static size_t digits_of(hc_str s)
{
    size_t n = 0;
    while (n < s.n && s.p[n] >= '0' && s.p[n] <= '9')
        n++;
    return n;
}

/* Dotted identifiers behind '-' or '+'; numbers of a pre-release have no leading zero. Gives the length, 0: none. */
static size_t identifiers(hc_str s, bool pre_release)
{
    size_t at = 0;
    for (;;) {
        size_t from = at;
        while (at < s.n && ((s.p[at] >= '0' && s.p[at] <= '9') || (s.p[at] >= 'a' && s.p[at] <= 'z') ||
                            (s.p[at] >= 'A' && s.p[at] <= 'Z') || s.p[at] == '-'))
            at++;
        hc_str part = hc_str_sub(s, from, at);
        if (!part.n || (pre_release && part.n > 1 && *part.p == '0' && digits_of(part) == part.n))
            return 0;
        if (at >= s.n || s.p[at] != '.')
            return at;
        at++;
    }
}

/* Masterminds/semver NewVersion: "1", "v1.2" and "1.2.3-rc.1+x" are versions. */
static bool is_version(hc_str s)
{
    if (s.n > 256) /* the library's ceiling */
        return false;
    if (s.n && *s.p == 'v')
        s = hc_str_sub(s, 1, s.n);
    for (int part = 0; part < 3; part++) {
        if (part) {
            if (!s.n || *s.p != '.')
                break;
            s = hc_str_sub(s, 1, s.n);
        }
        size_t n = digits_of(s);
        uint64_t number;
        if (!n || !hc_str_to_u64(hc_str_sub(s, 0, n), &number))
            return false;
        s = hc_str_sub(s, n, s.n);
    }
    for (int sign = 0; sign < 2; sign++) {
        if (!s.n || *s.p != "-+"[sign])
            continue;
        size_t n = identifiers(hc_str_sub(s, 1, s.n), sign == 0);
        if (!n)
            return false;
        s = hc_str_sub(s, 1 + n, s.n);
    }
    return s.n == 0;
}

static bool is_alias(hc_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-'))
            return false;
    }
    return true;
}

static enum hc_rc check_dependencies(struct hc_arena *a, struct hc_val *meta, struct hc_chart *c,
                                     struct hc_err *err)
{
    const struct hc_val *list = hc_map_getz(meta, "dependencies");
    size_t n = hc_list_len(list);
    if (n > HC_MAX_CHART_DEPS)
        return hc_fail(err, HC_E_LIMIT, "Chart.yaml lists %zu dependencies, more than the %u allowed", n,
                       HC_MAX_CHART_DEPS);
    struct hc_chart_dep *deps = HC_NEW_N(a, struct hc_chart_dep, n + 1);
    struct hc_val *seen = hc_map_new(a);
    if (!deps)
        return hc_arena_check(a, err, "Chart.yaml");
    for (size_t i = 0; i < n; i++) {
        const struct hc_val *d = hc_list_at(list, i);
        if (!hc_is_map(d))
            return hc_fail(err, HC_E_INPUT, "validation: dependencies must not contain empty or null nodes");
        deps[i] = (struct hc_chart_dep){
            .name = hc_get_str(hc_map_getz(d, "name")),
            .version = hc_get_str(hc_map_getz(d, "version")),
            .repository = hc_get_str(hc_map_getz(d, "repository")),
            .condition = hc_get_str(hc_map_getz(d, "condition")),
            .alias = hc_get_str(hc_map_getz(d, "alias")),
            .tags = hc_map_getz(d, "tags"),
            .import_values = hc_map_getz(d, "import-values"),
            .enabled = hc_get_bool_at(d, "enabled", false),
        };
        if (!is_alias(deps[i].alias))
            return hc_fail(err, HC_E_INPUT,
                           "validation: dependency \"%.*s\" has disallowed characters in the alias",
                           HC_P(deps[i].name));
        hc_str key = deps[i].alias.n ? deps[i].alias : deps[i].name;
        if (hc_map_find(seen, key))
            return hc_fail(err, HC_E_INPUT, "validation: more than one dependency with name or alias \"%.*s\"",
                           HC_P(key));
        hc_map_put(a, seen, key, hc_null_val(a));
    }
    c->deps = deps;
    c->deps_n = n;
    return HC_OK;
}

static enum hc_rc invalid(struct hc_err *err, const char *field, hc_str text)
{
    HC_AUTO(hc_buf) struct hc_buf quoted;
    hc_buf_init(&quoted, HC_ERR_MSG * 4);
    hc_json_write_str(&quoted, text, false);
    return hc_fail(err, HC_E_INPUT, "validation: chart.metadata.%s %.*s is invalid", field,
                   HC_P(hc_buf_str(&quoted)));
}

enum hc_rc hc_metadata_check(struct hc_arena *a, struct hc_val *meta, struct hc_chart *c, struct hc_err *err)
{
    c->metadata = meta;
    c->name = hc_get_str(hc_map_getz(meta, "name"));
    c->version = hc_get_str(hc_map_getz(meta, "version"));
    c->app_version = hc_get_str(hc_map_getz(meta, "appVersion"));
    c->api_version = hc_get_str(hc_map_getz(meta, "apiVersion"));
    c->type = hc_get_str(hc_map_getz(meta, "type"));
    c->description = hc_get_str(hc_map_getz(meta, "description"));
    c->kube_version = hc_get_str(hc_map_getz(meta, "kubeVersion"));
    c->icon = hc_get_str(hc_map_getz(meta, "icon"));
    c->home = hc_get_str(hc_map_getz(meta, "home"));
    c->deprecated = hc_map_getz(meta, "deprecated") != NULL;

    if (!c->name.n)
        return hc_fail(err, HC_E_INPUT, "validation: chart.metadata.name is required");
    if (hc_str_eqz(c->name, ".") || hc_str_eqz(c->name, ".."))
        return hc_fail(err, HC_E_INPUT, "validation: chart.metadata.name \"%.*s\" is not allowed", HC_P(c->name));
    if (hc_str_find(c->name, '/') != SIZE_MAX)
        return invalid(err, "name", c->name);
    if (!c->version.n)
        return hc_fail(err, HC_E_INPUT, "validation: chart.metadata.version is required");
    if (!is_version(c->version))
        return invalid(err, "version", c->version);
    if (c->type.n && !hc_str_eqz(c->type, "application") && !hc_str_eqz(c->type, "library"))
        return hc_fail(err, HC_E_INPUT, "validation: chart.metadata.type must be application or library");
    const struct hc_val *people = hc_map_getz(meta, "maintainers");
    for (size_t i = 0; i < hc_list_len(people); i++)
        if (!hc_is_map(hc_list_at(people, i)))
            return hc_fail(err, HC_E_INPUT, "validation: maintainers must not contain empty or null nodes");
    return check_dependencies(a, meta, c, err);
}
