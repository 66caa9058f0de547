/*
 * Values files: one or more YAML documents, merged in order.
 *
 * Helm cuts the text at lines that begin with "---" before any YAML is read, so this does too; lines are counted
 * over the whole file.
 */
#include "charts-fetch/chart/chart.h"
#include "core/value/json.h"
#include "core/value/yaml.h"

static void shift_lines(struct hc_val *v, uint32_t by)
{
    if (!v)
        return;
    v->line += by;
    for (size_t i = 0; i < hc_list_len(v); i++)
        shift_lines(hc_list_at(v, i), by);
    for (size_t i = 0; i < hc_map_len(v); i++) {
        hc_map_at(v, i)->line += by;
        shift_lines(hc_map_at(v, i)->val, by);
    }
}

/* Maps merge, everything else replaces, null too (D2.1). Writes into `base`, which nobody else has seen yet. */
static void merge_into(struct hc_arena *a, struct hc_val *base, struct hc_val *over)
{
    for (size_t i = 0; i < hc_map_len(over); i++) {
        struct hc_entry *e = hc_map_at(over, i), *old = hc_map_find(base, e->key);
        if (old && hc_is_map(old->val) && hc_is_map(e->val))
            merge_into(a, old->val, e->val);
        else
            hc_map_put_ref(a, base, e->key, e->val);
    }
}

static enum hc_rc add_document(struct hc_arena *a, hc_str text, uint32_t line, hc_str name, struct hc_val **all,
                               struct hc_err *err)
{
    struct hc_val *doc = NULL;
    if (hc_yaml_parse(a, text, name, HC_YAML_JSON_NUMBERS, &doc, err) != HC_OK) {
        if (err && err->line > 0)
            err->line += (int32_t)line;
        return hc_wrap(err, "cannot unmarshal yaml document: error converting YAML to JSON");
    }
    if (hc_is_null(doc))
        return HC_OK;
    if (!hc_is_map(doc))
        return hc_fail_at(
            err, HC_E_INPUT, name, (int)(doc->line + line), doc->col,
            "cannot unmarshal yaml document: error unmarshaling JSON: while decoding JSON: json: cannot "
            "unmarshal %s into Go value of type map[string]interface {}",
            hc_is_list(doc)  ? "array"
            : hc_is_str(doc) ? "string"
                             : hc_kind_name(doc));
    if (line)
        shift_lines(doc, line);
    if (*all)
        merge_into(a, *all, doc);
    else
        *all = doc;
    return HC_OK;
}

enum hc_rc hc_values_parse(struct hc_arena *a, hc_str text, hc_str name, struct hc_val **out, struct hc_err *err)
{
    struct hc_val *all = NULL;
    size_t from = 0, at = 0;
    uint32_t line = 0, from_line = 0;
    while (at < text.n) {
        const char *nl = memchr(text.p + at, '\n', text.n - at);
        size_t end = nl ? (size_t)(nl - text.p) + 1 : text.n;
        if (end - at >= 3 && memcmp(text.p + at, "---", 3) == 0) {
            hc_str rest = hc_str_trim(hc_str_sub(text, at + 3, end));
            if (rest.n && *rest.p != '#')
                return hc_fail_at(err, HC_E_INPUT, name, (int)line + 1, 1,
                                  "error reading yaml document: invalid Yaml document separator: %.*s", HC_P(rest));
            if (at > from) { /* else the separator stays with what follows, and its line counts */
                enum hc_rc rc = add_document(a, hc_str_sub(text, from, at), from_line, name, &all, err);
                if (rc != HC_OK)
                    return rc;
                from = end;
                from_line = line + 1;
            }
        }
        at = end;
        line++;
    }
    hc_str last = hc_str_sub(text, from, text.n);
    if (last.n && !hc_str_ends(last, HC_S("\n"))) { /* Helm's reader of lines ends each of them */
        const hc_str parts[] = { last, HC_S("\n") };
        last = hc_arena_cat(a, HC_LEN(parts), parts);
    }
    enum hc_rc rc = last.n ? add_document(a, last, from_line, name, &all, err) : HC_OK;
    if (rc != HC_OK)
        return rc;
    *out = all ? all : hc_map_new(a);
    return hc_arena_check(a, err, "values");
}

enum hc_rc hc_values_read(struct hc_arena *a, hc_str text, hc_str name, bool helm3, struct hc_val **out,
                          struct hc_err *err)
{
    struct hc_val *v = NULL;
    if (!helm3)
        return hc_values_parse(a, text, name, out, err);
    if (hc_yaml_parse(a, text, name, HC_YAML_JSON_NUMBERS, &v, err) != HC_OK)
        return hc_wrap(err, "error converting YAML to JSON");
    if (hc_is_null(v))
        v = hc_map_new(a);
    if (hc_arena_spent(a))
        return hc_arena_check(a, err, "values");
    if (!hc_is_map(v))
        return hc_fail_at(
            err, HC_E_INPUT, name, (int)v->line, v->col,
            "error unmarshaling JSON: while decoding JSON: json: cannot unmarshal %s into Go value of "
            "type map[string]interface {}",
            hc_json_kind_name(v));
    *out = v;
    return HC_OK;
}
