/*
 * Methods of common.Values, the type of .Values: AsMap, Table, PathValue, YAML.
 */
#include "core/base/buf.h"
#include "core/value/yaml.h"
#include "lua/funcs/funcs_impl.h"

static struct hc_val *as(struct hc_arena *a, const struct hc_val *map, uint8_t type)
{
    struct hc_val *v = HC_NEW(a, struct hc_val);
    if (v) {
        *v = *map;
        v->type = type;
    }
    return v;
}

/* A table of a table: its map under `key`, or NULL. */
static struct hc_val *table_in(struct hc_val *table, hc_str key)
{
    struct hc_val *v = hc_map_get(table, key);
    return v && v->kind == HC_MAP && (v->type == HC_GO_PLAIN || v->type == HC_GO_VALUES) ? v : NULL;
}

/* Follows a dotted path of tables; NULL: *out_missing is no table. */
static struct hc_val *walk(struct hc_val *table, hc_str path, hc_str *out_missing)
{
    while (table && hc_str_split(&path, '.', out_missing))
        table = table_in(table, *out_missing);
    return table;
}

static enum hc_rc not_a(struct hc_fcall *c, hc_str key, const char *what)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    hc_go_quote(&b, key);
    return fn_fail(c, "%.*s is not a %s", HC_P(hc_buf_str(&b)), what);
}

static enum hc_rc path_value(struct hc_fcall *c, struct hc_val *recv, hc_str path, struct hc_val **out)
{
    if (!path.n)
        return fn_fail(c, "YAML path cannot be empty");
    size_t dot = hc_str_rfind(path, '.');
    hc_str key = dot == SIZE_MAX ? path : hc_str_sub(path, dot + 1, path.n), missing;
    struct hc_val *table = dot == SIZE_MAX ? recv : walk(recv, hc_str_sub(path, 0, dot), &missing);
    struct hc_entry *e = table ? hc_map_find(table, key) : NULL;
    if (!e || (e->val->kind == HC_MAP && e->val->type == HC_GO_PLAIN))
        return not_a(c, key, "value");
    return fn_done(c, e->val, out);
}

static enum hc_rc as_yaml(struct hc_fcall *c, struct hc_val *recv, struct hc_val **out)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    bool written = hc_yaml_write(&b, as(c->a, recv, HC_GO_PLAIN));
    enum hc_rc rc = hc_buf_check(&b, c->err, "YAML");
    if (rc != HC_OK)
        return rc;
    return fn_str(c, written ? hc_buf_str(&b) : HC_S(""), out);
}

enum hc_rc fn_values_method(struct hc_fcall *c, struct hc_val *recv, hc_str name, struct hc_val *const *argv,
                            size_t argc, bool *out_found, struct hc_val **out)
{
    static const struct {
        const char *name, *params;
    } methods[] = { { "AsMap", "" }, { "YAML", "" }, { "Table", "s" }, { "PathValue", "s" } };
    size_t m = 0;
    while (m < HC_LEN(methods) && !hc_str_eqz(name, methods[m].name))
        m++;
    if (m == HC_LEN(methods))
        return HC_OK;
    *out_found = true;
    enum hc_rc rc = fn_method_args(c, name, methods[m].params, argv, argc);
    if (rc != HC_OK)
        return rc;
    if (m == 0)
        return fn_done(c, as(c->a, recv, HC_GO_PLAIN), out);
    if (m == 1)
        return as_yaml(c, recv, out);
    if (m == 3)
        return path_value(c, recv, fn_s(argv[0]), out);
    hc_str missing = HC_S("");
    struct hc_val *table = walk(recv, fn_s(argv[0]), &missing);
    if (!table)
        return not_a(c, missing, "table");
    return fn_done(c, as(c->a, table, HC_GO_VALUES), out);
}
