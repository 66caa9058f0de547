/*
 * An index in pieces: a window over the file holds one version at a time. In block style a version reaches from its dash
 * to the next line that is indented no deeper; in JSON from bracket to bracket. Whatever does not look like that is no
 * error yet: the whole is read by the YAML reader, whose word counts.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "charts-fetch/source/index_impl.h"
#include "core/base/fs.h"
#include "core/base/limits.h"
#include "core/base/mem.h"
#include "core/base/semver.h"
#include "core/value/json.h"
#include "core/value/yaml.h"

enum shape { KNOWN, OTHER };

struct reading {
    hc_str only;
    const struct hc_index_sink *sink;
    struct hc_arena *work; /* of one version */
    struct hc_err *err;
    char chart[256]; /* the name at hand */
    bool strict;     /* YAML: what Helm does not know is an error (pkg/repo/v1/index.go, jsonOrYamlUnmarshal) */
    bool api;        /* there was an apiVersion */
    unsigned keys;   /* of the index, in YAML: which ones there were */
};

/* ---- window ------------------------------------------------------------------------------------------------ */

enum { STEP = 65536 };

struct window {
    int fd;     /* -1: all of it is in memory */
    char *own;  /* the buffer, NULL for text in memory */
    size_t cap; /* of own */
    const char *p;
    size_t at, n; /* bytes p[at..n) are not read yet */
    size_t lines; /* ended before `at` */
    bool end;     /* nothing follows p[n] */
    enum hc_rc rc;
    struct hc_err *err;
};

/* More bytes behind p[n]; p and at may move. False: there are none, or *rc says what went wrong. */
static bool more(struct window *w)
{
    if (w->end || w->rc != HC_OK)
        return false;
    if (w->at > 0) {
        memmove(w->own, w->own + w->at, w->n - w->at);
        w->n -= w->at;
        w->at = 0;
    }
    if (w->cap - w->n < STEP) {
        if (w->n > HC_MAX_INDEX_ENTRY) {
            w->rc = hc_fail(w->err, HC_E_LIMIT, "line %zu: one version takes more than %zu bytes", w->lines + 1,
                            (size_t)HC_MAX_INDEX_ENTRY);
            return false;
        }
        size_t cap = HC_MAX(w->cap * 2, (size_t)4 * STEP);
        char *bigger = hc_realloc(w->own, cap);
        if (!bigger) {
            w->rc = hc_fail_nomem(w->err);
            return false;
        }
        w->own = bigger;
        w->cap = cap;
    }
    w->p = w->own;
    ssize_t got;
    do
        got = read(w->fd, w->own + w->n, w->cap - w->n);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        w->rc = hc_fail_errno(w->err, "read", "index");
    w->end = got <= 0;
    w->n += got > 0 ? (size_t)got : 0;
    return got > 0;
}

/* The line that begins `from` bytes behind `at`, without its end; *next: where the one behind it begins. */
static bool line_at(struct window *w, size_t from, hc_str *out, size_t *next)
{
    size_t seen = from;
    for (;;) {
        const char *line = w->p + w->at + from;
        size_t have = w->n - w->at;
        const char *eol = have > seen ? memchr(w->p + w->at + seen, '\n', have - seen) : NULL;
        if (eol) {
            *out = hc_str_n(line, (size_t)(eol - line));
            *next = from + out->n + 1;
            return true;
        }
        seen = have;
        if (more(w))
            continue;
        if (w->rc != HC_OK || have <= from)
            return false;
        *out = hc_str_n(w->p + w->at + from, have - from);
        *next = have;
        return true;
    }
}

static void consume(struct window *w, size_t n)
{
    for (const char *p = w->p + w->at, *to = p + n; p < to && (p = memchr(p, '\n', (size_t)(to - p))); p++)
        w->lines++;
    w->at += n;
}

/* ---- what a version says ------------------------------------------------------------------------------------- */

/* Versions may be written as numbers (1.0): their spelling is the version. */
static hc_str text_of(const struct hc_val *v)
{
    if (hc_is_str(v))
        return hc_get_str(v);
    return v && v->spelling ? hc_str_n(v->spelling, v->n) : (hc_str){ NULL, 0 };
}

/* Of ChartVersion and the metadata in it. */
static const char *const version_fields[] = {
    "name",        "version",      "apiVersion",    "appVersion", "created",     "description", "digest",
    "urls",        "home",         "icon",          "keywords",   "maintainers", "sources",     "type",
    "annotations", "dependencies", "kubeVersion",   "deprecated", "condition",   "tags",        "removed",
    "checksum",    "engine",       "tillerVersion", "url",
};
static const char *const index_fields[] = { "apiVersion",  "entries",    "generated",
                                            "annotations", "serverInfo", "publicKeys" };

/* By name, else by name in other letters, as Go's JSON finds fields; SIZE_MAX: there is none. */
static size_t field_of(hc_str key, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (key.n && key.p[0] == names[i][0] && hc_str_eqz(key, names[i]))
            return i;
    for (size_t i = 0; i < n; i++)
        if (hc_str_eq_nocase(key, hc_str_of(names[i])))
            return i;
    return SIZE_MAX;
}

static enum hc_rc unknown_field(struct reading *r, hc_str key, hc_str chart)
{
    return hc_fail(r->err, HC_E_INPUT,
                   "error unmarshaling JSON: while decoding JSON: json: unknown field \"%.*s\"%s%.*s", HC_P(key),
                   chart.n ? ", of a version of chart " : "", HC_P(chart));
}

static bool says_something(hc_str value)
{
    static const char *const nothing[] = { "", "\"\"", "''", "null", "~", "Null", "NULL" };
    for (size_t i = 0; i < HC_LEN(nothing); i++)
        if (hc_str_eqz(value, nothing[i]))
            return false;
    return value.p[0] != '#';
}

/* A key of the index itself, of YAML. */
static enum hc_rc index_key(struct reading *r, hc_str key, size_t line)
{
    size_t at = field_of(key, index_fields, HC_LEN(index_fields));
    if (at == SIZE_MAX)
        return unknown_field(r, key, HC_S(""));
    if (r->keys & 1u << at && hc_str_eqz(key, index_fields[at]))
        return hc_fail(r->err, HC_E_INPUT, "yaml: line %zu: key \"%.*s\" already set in map", line, HC_P(key));
    r->keys |= 1u << at;
    return HC_OK;
}

static bool valid(const struct hc_val *e, hc_str version)
{
    struct hc_semver v;
    hc_str type = hc_get_str_at(e, "type");
    return hc_is_map(e) && text_of(hc_map_getz(e, "name")).n && hc_semver_parse(version, &v, NULL) == HC_OK &&
           (!type.n || hc_str_eqz(type, "application") || hc_str_eqz(type, "library"));
}

static enum hc_rc give(struct reading *r, hc_str chart, const struct hc_val *e)
{
    struct hc_index_row row = { .version = text_of(hc_map_getz(e, "version")) };
    for (size_t i = 0; r->strict && i < hc_map_len(e); i++)
        if (field_of(hc_map_at(e, i)->key, version_fields, HC_LEN(version_fields)) == SIZE_MAX)
            return unknown_field(r, hc_map_at(e, i)->key, chart);
    if (!valid(e, row.version))
        return HC_OK;
    row.app_version = text_of(hc_map_getz(e, "appVersion"));
    row.description = text_of(hc_map_getz(e, "description"));
    row.created = text_of(hc_map_getz(e, "created"));
    row.url = hc_get_str(hc_list_at(hc_map_getz(e, "urls"), 0));
    row.digest = text_of(hc_map_getz(e, "digest"));
    row.deprecated = hc_get_bool_at(e, "deprecated", false);
    row.keywords = hc_map_getz(e, "keywords");
    return r->sink->row(r->sink->ctx, chart, &row, r->err);
}

/* The list of versions that `text` is: one in block style, whole lists of small indexes. */
static enum hc_rc give_all(struct reading *r, hc_str chart, const struct hc_val *list)
{
    enum hc_rc rc = HC_OK;
    for (size_t i = 0; rc == HC_OK && i < hc_list_len(list); i++)
        rc = give(r, chart, hc_list_at(list, i));
    return rc;
}

static bool wanted(const struct reading *r, hc_str chart)
{
    return !r->only.p || hc_str_eq(r->only, chart);
}

/* ---- block style ----------------------------------------------------------------------------------------------- */

static size_t indent_of(hc_str line)
{
    size_t n = 0;
    while (n < line.n && line.p[n] == ' ')
        n++;
    return n;
}

static bool is_empty(hc_str line, size_t indent)
{
    return indent == line.n || line.p[indent] == '#' || (line.p[indent] == '\r' && indent + 1 == line.n);
}

static bool is_dash(hc_str line, size_t indent)
{
    return indent < line.n && line.p[indent] == '-' && (indent + 1 == line.n || line.p[indent + 1] == ' ');
}

/* The name in a line "  name:", quoted or not; absent for any other line. *out_none: "name: []", no versions. */
static hc_str key_of(hc_str line, bool *out_none)
{
    static const char *const none[] = { ": []", ": null", ": ~" };
    hc_str s = hc_str_trim(line), absent = { NULL, 0 };
    *out_none = false;
    for (size_t i = 0; i < HC_LEN(none) && !*out_none; i++)
        if (hc_str_ends(s, hc_str_of(none[i]))) {
            *out_none = true;
            s.n -= strlen(none[i]) - 1;
        }
    if (!s.n || s.p[s.n - 1] != ':')
        return absent;
    s.n--;
    if (s.n >= 2 && (s.p[0] == '"' || s.p[0] == '\'') && s.p[s.n - 1] == s.p[0])
        s = hc_str_sub(s, 1, s.n - 1);
    for (size_t i = 0; i < s.n; i++)
        if (strchr("\"'\\{}[],&*!|>%@`#:?\t ", s.p[i]) || (unsigned char)s.p[i] < ' ')
            return absent;
    return s.n ? s : absent;
}

static enum shape block_version(struct reading *r, struct window *w, hc_str chart, size_t dash, enum hc_rc *rc)
{
    hc_str line;
    size_t next, to;
    if (!line_at(w, 0, &line, &to))
        return OTHER;
    while (line_at(w, to, &line, &next)) {
        size_t indent = indent_of(line);
        if (indent <= dash && !is_empty(line, indent))
            break;
        to = next;
    }
    if (w->rc != HC_OK)
        return OTHER;
    if (wanted(r, chart)) {
        struct hc_val *list;
        struct hc_err unused;
        hc_arena_reset(r->work);
        if (hc_yaml_parse(r->work, hc_str_n(w->p + w->at, to), HC_S("index.yaml"), HC_YAML_STRICT_KEYS, &list,
                          &unused) != HC_OK ||
            !hc_is_list(list) || hc_list_len(list) != 1)
            return OTHER;
        *rc = give_all(r, chart, list);
    }
    consume(w, to);
    return KNOWN;
}

/* All versions below a chart's name. */
static enum shape block_chart(struct reading *r, struct window *w, hc_str chart, size_t keys, enum hc_rc *rc)
{
    hc_str line;
    size_t next, dash = SIZE_MAX;
    while (*rc == HC_OK && line_at(w, 0, &line, &next)) {
        size_t indent = indent_of(line);
        if (is_empty(line, indent)) {
            consume(w, next);
            continue;
        }
        if (indent < keys || (indent == keys && !is_dash(line, indent)))
            return KNOWN;
        if (!is_dash(line, indent) || (dash != SIZE_MAX && indent != dash))
            return OTHER;
        dash = indent;
        if (block_version(r, w, chart, dash, rc) != KNOWN)
            return OTHER;
    }
    return w->rc == HC_OK ? KNOWN : OTHER;
}

static enum shape block_entries(struct reading *r, struct window *w, enum hc_rc *rc)
{
    hc_str line;
    size_t next, keys = 0;
    while (*rc == HC_OK && line_at(w, 0, &line, &next)) {
        size_t indent = indent_of(line);
        bool none;
        if (is_empty(line, indent)) {
            consume(w, next);
            continue;
        }
        if (indent == 0)
            return KNOWN;
        keys = keys ? keys : indent;
        hc_str chart = key_of(line, &none);
        if (indent != keys || !chart.p || chart.n >= sizeof(r->chart))
            return OTHER;
        memcpy(r->chart, chart.p, chart.n); /* the window moves on */
        chart.p = r->chart;
        consume(w, next);
        if (!none && block_chart(r, w, chart, keys, rc) != KNOWN)
            return OTHER;
    }
    return w->rc == HC_OK ? KNOWN : OTHER;
}

/* A line that is not indented: a key of the index, or an item of a list below one. */
static enum shape head_line(struct reading *r, const struct window *w, hc_str line, enum hc_rc *rc)
{
    size_t colon = hc_str_find(line, ':');
    if (is_dash(line, 0) || (hc_str_eqz(hc_str_trim_right(line), "---") && !r->keys))
        return KNOWN;
    hc_str key = hc_str_sub(line, 0, HC_MIN(colon, line.n));
    for (size_t i = 0; i < key.n; i++)
        if (!((key.p[i] | 0x20) >= 'a' && (key.p[i] | 0x20) <= 'z'))
            return OTHER;
    if (colon == SIZE_MAX || !key.n || (colon + 1 < line.n && !strchr(" \t\r", line.p[colon + 1])))
        return OTHER;
    *rc = index_key(r, key, w->lines + 1);
    r->api = r->api || (hc_str_eq_nocase(key, HC_S("apiVersion")) &&
                        says_something(hc_str_trim(hc_str_sub(line, colon + 1, line.n))));
    return KNOWN;
}

static enum shape read_block(struct reading *r, struct window *w, enum hc_rc *rc)
{
    hc_str line;
    size_t next;
    bool any = false;
    while (line_at(w, 0, &line, &next)) {
        bool entries = hc_str_eqz(hc_str_trim_right(line), "entries:");
        if (entries && any)
            return OTHER; /* twice: the reader of the whole says so */
        if (!is_empty(line, indent_of(line)) && indent_of(line) == 0 && head_line(r, w, line, rc) != KNOWN)
            return OTHER;
        if (*rc != HC_OK)
            return KNOWN;
        consume(w, next);
        if (!entries)
            continue;
        any = true;
        if (block_entries(r, w, rc) != KNOWN || *rc != HC_OK)
            return *rc != HC_OK ? KNOWN : OTHER;
    }
    return any && w->rc == HC_OK ? KNOWN : OTHER;
}

/* ---- JSON ---------------------------------------------------------------------------------------------------------- */

static int peek(struct window *w)
{
    for (;;) {
        for (; w->at < w->n; w->at++) {
            char c = w->p[w->at];
            if (c != ' ' && c != '\n' && c != '\t' && c != '\r')
                return (unsigned char)c;
            w->lines += c == '\n';
        }
        if (!more(w))
            return -1;
    }
}

static bool take(struct window *w, char c)
{
    if (peek(w) != (unsigned char)c)
        return false;
    w->at++;
    return true;
}

/* The value at hand, from its first byte to its last: brackets are counted, what is between them is not looked at. */
static bool value_at(struct window *w, hc_str *out)
{
    size_t depth = 0, n = 0;
    bool quoted = false;
    if (peek(w) < 0)
        return false;
    for (;; n++) {
        while (w->at + n >= w->n && more(w)) {
        }
        if (w->at + n >= w->n)
            break;
        char c = w->p[w->at + n];
        if (quoted) {
            if (c == '\\')
                n++;
            quoted = c != '"';
            if (!quoted && depth == 0) {
                n++;
                break;
            }
            continue;
        }
        if (depth == 0 && n &&
            (c == ',' || c == '}' || c == ']' || c == ' ' || c == '\n' || c == '\r' || c == '\t'))
            break;
        quoted = c == '"';
        if (c == '{' || c == '[')
            depth++;
        if ((c == '}' || c == ']') && --depth == 0) {
            n++;
            break;
        }
        if (depth == SIZE_MAX)
            return false;
    }
    *out = hc_str_n(w->p + w->at, HC_MIN(n, w->n - w->at));
    return w->rc == HC_OK && !quoted && depth == 0 && n > 0 && w->at + n <= w->n;
}

static bool json_key(struct reading *r, struct window *w, hc_str *out)
{
    struct hc_val *v;
    struct hc_err unused;
    hc_str text;
    if (peek(w) != '"' || !value_at(w, &text))
        return false;
    hc_arena_reset(r->work);
    if (hc_json_parse(r->work, text, HC_JSON_NO_POSITIONS, &v, &unused) != HC_OK ||
        hc_get_str(v).n >= sizeof(r->chart))
        return false;
    *out = hc_get_str(v);
    memcpy(r->chart, out->p ? out->p : "", out->n);
    out->p = r->chart;
    consume(w, text.n);
    return take(w, ':');
}

static enum shape json_versions(struct reading *r, struct window *w, hc_str chart, enum hc_rc *rc)
{
    hc_str text;
    if (take(w, ']'))
        return KNOWN;
    while (*rc == HC_OK && value_at(w, &text)) {
        if (wanted(r, chart)) {
            struct hc_val *e;
            struct hc_err unused;
            hc_arena_reset(r->work);
            if (hc_json_parse(r->work, text, HC_JSON_STRICT | HC_JSON_REF | HC_JSON_NO_POSITIONS, &e, &unused) !=
                HC_OK)
                return OTHER;
            *rc = give(r, chart, e);
        }
        consume(w, text.n);
        if (!take(w, ','))
            return take(w, ']') ? KNOWN : OTHER;
    }
    return *rc != HC_OK ? KNOWN : OTHER;
}

static enum shape json_entries(struct reading *r, struct window *w, enum hc_rc *rc)
{
    hc_str chart, text;
    if (take(w, '}'))
        return KNOWN;
    while (*rc == HC_OK && json_key(r, w, &chart)) {
        if (take(w, '[')) {
            if (json_versions(r, w, chart, rc) != KNOWN)
                return OTHER;
        } else if (value_at(w, &text) && hc_str_eqz(text, "null")) {
            consume(w, text.n);
        } else {
            return OTHER;
        }
        if (*rc == HC_OK && !take(w, ','))
            return take(w, '}') ? KNOWN : OTHER;
    }
    return *rc != HC_OK ? KNOWN : OTHER;
}

static enum shape read_json(struct reading *r, struct window *w, enum hc_rc *rc)
{
    hc_str key, text;
    bool any = false;
    if (!take(w, '{'))
        return OTHER;
    while (*rc == HC_OK && json_key(r, w, &key)) {
        if (hc_str_eqz(key, "entries")) {
            if (any || !take(w, '{') || json_entries(r, w, rc) != KNOWN)
                return OTHER;
            any = true;
        } else if (value_at(w, &text)) {
            r->api = r->api || (hc_str_eq_nocase(key, HC_S("apiVersion")) && says_something(text));
            consume(w, text.n);
        } else {
            return OTHER;
        }
        if (*rc == HC_OK && !take(w, ','))
            return any && take(w, '}') && peek(w) < 0 && w->rc == HC_OK ? KNOWN : OTHER;
    }
    return *rc != HC_OK ? KNOWN : OTHER;
}

/* ---- any other shape, and the whole ---------------------------------------------------------------------------- */

static enum hc_rc read_whole(struct reading *r, hc_str text)
{
    struct hc_val *doc;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(HC_MAX_INDEX_WHOLE * 16);
    if (!a)
        return hc_fail_nomem(r->err);
    hc_str begin = hc_str_trim_left(text);
    bool json = begin.n && begin.p[0] == '{' && hc_json_parse(a, text, HC_JSON_STRICT, &doc, NULL) == HC_OK;
    if (!json && hc_yaml_parse(a, text, HC_S("index.yaml"), HC_YAML_STRICT_KEYS, &doc, r->err) != HC_OK)
        return r->err ? r->err->code : HC_E_INPUT;
    r->strict = !json;
    r->keys = 0;
    const struct hc_val *entries = hc_map_getz(doc, "entries");
    if (!hc_is_map(doc) || (!entries && !hc_map_getz(doc, "apiVersion")))
        return hc_fail(r->err, HC_E_INPUT, "it has no 'entries'");
    enum hc_rc rc = HC_OK;
    for (size_t i = 0; i < hc_map_len(doc) && rc == HC_OK; i++) {
        const struct hc_entry *e = hc_map_at(doc, i);
        r->api = r->api || (hc_str_eq_nocase(e->key, HC_S("apiVersion")) && text_of(e->val).n);
        rc = r->strict ? index_key(r, e->key, 0) : HC_OK;
    }
    for (size_t i = 0; hc_is_map(entries) && rc == HC_OK && i < hc_map_len(entries); i++) {
        const struct hc_entry *e = &entries->map->entries[i];
        if (wanted(r, e->key))
            rc = give_all(r, e->key, e->val);
    }
    return rc;
}

/* What did not come in pieces: from the beginning, at one go. */
static enum hc_rc whole_of(struct reading *r, struct window *w, const char *path, hc_str text)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    if (!a)
        return hc_fail_nomem(r->err);
    if (path && hc_read_file(a, AT_FDCWD, path, HC_MAX_INDEX_WHOLE, &text, r->err) != HC_OK) {
        if (r->err && r->err->code == HC_E_LIMIT)
            hc_fail(r->err, HC_E_LIMIT,
                    "near line %zu: neither block style nor JSON as Helm writes them, and over %zu MiB, which is "
                    "what is "
                    "read at one go; write it anew with 'helm repo index'",
                    w->lines + 1, (size_t)(HC_MAX_INDEX_WHOLE / HC_MIB));
        return r->err ? r->err->code : HC_E_LIMIT;
    }
    r->sink->begin(r->sink->ctx);
    return read_whole(r, text);
}

static enum hc_rc read_index(struct window *w, const char *path, hc_str only, const struct hc_index_sink *sink,
                             struct hc_err *err)
{
    HC_AUTO(hc_arena) struct hc_arena *work = hc_arena_new(0);
    struct reading r = { .only = only, .sink = sink, .work = work, .err = err };
    enum hc_rc rc = HC_OK;
    hc_str text = hc_str_n(w->p, w->n);
    if (!work)
        return hc_fail_nomem(err);
    sink->begin(sink->ctx);
    r.strict = peek(w) != '{';
    enum shape shape = !r.strict ? read_json(&r, w, &rc) : read_block(&r, w, &rc);
    if (rc == HC_OK && w->rc != HC_OK && w->rc != HC_E_LIMIT)
        rc = w->rc;
    if (rc == HC_OK && shape == OTHER)
        rc = whole_of(&r, w, path, text);
    return rc == HC_OK && !r.api ? hc_fail(err, HC_E_INPUT, "no API version specified") : rc;
}

enum hc_rc hc_index_read_file(const char *path, hc_str only, const struct hc_index_sink *sink, struct hc_err *err)
{
    HC_AUTO(hc_fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return hc_fail_errno(err, "open", path);
    posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    struct window w = { .fd = fd, .err = err, .p = "" };
    enum hc_rc rc = read_index(&w, path, only, sink, err);
    free(w.own);
    return rc;
}

enum hc_rc hc_index_read_text(hc_str text, hc_str only, const struct hc_index_sink *sink, struct hc_err *err)
{
    struct window w = { .fd = -1, .err = err, .p = text.p ? text.p : "", .n = text.n, .end = true };
    return read_index(&w, NULL, only, sink, err);
}

/* ---- one look-up ------------------------------------------------------------------------------------------------- */

struct scan {
    struct hc_arena *a;
    struct hc_index_rows *out;
};

static void scan_begin(void *ctx)
{
    ((struct scan *)ctx)->out->n = 0;
}

static enum hc_rc scan_row(void *ctx, hc_str chart, const struct hc_index_row *row, struct hc_err *err)
{
    struct scan *s = ctx;
    struct hc_index_rows *o = s->out;
    (void)chart;
    if (o->n == o->cap) {
        size_t cap = o->cap ? o->cap * 2 : 64;
        struct hc_index_row *more = HC_NEW_N(s->a, struct hc_index_row, cap);
        if (!more)
            return hc_arena_check(s->a, err, "versions of a chart");
        if (o->n)
            memcpy(more, o->rows, o->n * sizeof(*more));
        o->rows = more;
        o->cap = cap;
    }
    struct hc_index_row *to = &o->rows[o->n++];
    *to = *row;
    hc_str *texts[INDEX_TEXTS];
    index_texts(to, texts);
    to->keywords = NULL;
    for (size_t i = 0; i < INDEX_TEXTS; i++)
        if (texts[i]->p)
            *texts[i] = hc_arena_str(s->a, *texts[i]);
    return hc_arena_check(s->a, err, "versions of a chart");
}

enum hc_rc hc_index_scan(struct hc_arena *a, const char *path, hc_str text, hc_str chart, struct hc_index_rows *out,
                         struct hc_err *err)
{
    struct scan s = { .a = a, .out = out };
    const struct hc_index_sink sink = { .ctx = &s, .begin = scan_begin, .row = scan_row };
    *out = (struct hc_index_rows){ 0 };
    return path ? hc_index_read_file(path, chart, &sink, err) : hc_index_read_text(text, chart, &sink, err);
}
