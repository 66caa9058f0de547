/*
 * Status objects with the texts of Kubernetes (apimachinery pkg/api/errors, pkg/util/validation/field): clients
 * decide by reason and code, people read the message.
 */
#include <stdarg.h>
#include <stdio.h>

#include "core/value/json.h"
#include "helmctl/sandbox/sandbox_impl.h"

static struct hc_val *make(struct hc_arena *a, int code, const char *reason, hc_str message)
{
    struct hc_val *st = hc_map_new(a);
    hc_map_put_strz(a, st, "kind", "Status");
    hc_map_put_strz(a, st, "apiVersion", "v1");
    hc_map_put(a, st, HC_S("metadata"), hc_map_new(a));
    hc_map_put_strz(a, st, "status", "Failure");
    hc_map_put(a, st, HC_S("message"), hc_str_val(a, message));
    if (reason[0])
        hc_map_put_strz(a, st, "reason", reason);
    hc_map_put_int(a, st, "code", code);
    return st;
}

static hc_str vprint(struct hc_arena *a, const char *fmt, va_list ap)
{
    char text[4096];
    int n = vsnprintf(text, sizeof(text), fmt, ap);
    return hc_arena_str(a, hc_str_n(text, n < 0 ? 0 : HC_MIN((size_t)n, sizeof(text) - 1)));
}

struct hc_val *hc_sb_status(struct hc_arena *a, int code, const char *reason, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    hc_str m = vprint(a, fmt, ap);
    va_end(ap);
    return make(a, code, reason, m);
}

struct hc_val *hc_sb_bad_request(struct hc_arena *a, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    hc_str m = vprint(a, fmt, ap);
    va_end(ap);
    return make(a, 400, "BadRequest", m);
}

struct hc_val *hc_sb_internal(struct hc_arena *a, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    hc_str m = vprint(a, fmt, ap);
    va_end(ap);
    return make(a, 500, "InternalError", m);
}

static hc_str group_resource(struct hc_arena *a, const struct hc_sb_kind *k)
{
    return k->group.n ? hc_arena_printf(a, "%.*s.%.*s", HC_P(k->resource), HC_P(k->group)) : k->resource;
}

static struct hc_val *details(struct hc_arena *a, struct hc_val *st, const struct hc_sb_kind *k, hc_str name,
                              hc_str kind)
{
    struct hc_val *d = hc_map_sub(a, st, "details");
    if (name.n)
        hc_map_put_str(a, d, "name", name);
    if (k->group.n)
        hc_map_put_str(a, d, "group", k->group);
    hc_map_put_str(a, d, "kind", kind);
    return d;
}

struct hc_val *hc_sb_not_found(struct hc_arena *a, const struct hc_sb_kind *k, hc_str name)
{
    hc_str gr = group_resource(a, k);
    struct hc_val *st = hc_sb_status(a, 404, "NotFound", "%.*s \"%.*s\" not found", HC_P(gr), HC_P(name));
    details(a, st, k, name, k->resource);
    return st;
}

struct hc_val *hc_sb_exists(struct hc_arena *a, const struct hc_sb_kind *k, hc_str name)
{
    hc_str gr = group_resource(a, k);
    struct hc_val *st = hc_sb_status(a, 409, "AlreadyExists", "%.*s \"%.*s\" already exists", HC_P(gr), HC_P(name));
    details(a, st, k, name, k->resource);
    return st;
}

struct hc_val *hc_sb_conflict(struct hc_arena *a, const struct hc_sb_kind *k, hc_str name, const char *why)
{
    hc_str gr = group_resource(a, k);
    struct hc_val *st = hc_sb_status(a, 409, "Conflict", "Operation cannot be fulfilled on %.*s \"%.*s\": %s",
                                     HC_P(gr), HC_P(name), why);
    details(a, st, k, name, k->resource);
    return st;
}

struct hc_val *hc_sb_success(struct hc_arena *a, const struct hc_sb_kind *k, hc_str name, hc_str uid)
{
    struct hc_val *st = hc_map_new(a);
    hc_map_put_strz(a, st, "kind", "Status");
    hc_map_put_strz(a, st, "apiVersion", "v1");
    hc_map_put(a, st, HC_S("metadata"), hc_map_new(a));
    hc_map_put_strz(a, st, "status", "Success");
    struct hc_val *d = details(a, st, k, name, k->resource);
    if (uid.n)
        hc_map_put_str(a, d, "uid", uid);
    return st;
}

int hc_sb_status_code(const struct hc_val *status)
{
    return (int)hc_get_int_at(status, "code", 500);
}

void hc_sb_err_add(struct hc_sb_errors *e, const char *reason, hc_str field, hc_str message)
{
    if (!e->causes)
        e->causes = hc_list_new(e->a);
    struct hc_val *c = hc_map_new(e->a);
    hc_map_put_strz(e->a, c, "reason", reason);
    hc_map_put(e->a, c, HC_S("message"), hc_str_val(e->a, message));
    hc_map_put(e->a, c, HC_S("field"), hc_str_val(e->a, field));
    hc_list_add(e->a, e->causes, c);
}

void hc_sb_err_required(struct hc_sb_errors *e, hc_str field, const char *detail)
{
    hc_sb_err_add(e, "FieldValueRequired", field,
                  detail[0] ? hc_arena_printf(e->a, "Required value: %s", detail) : HC_S("Required value"));
}

void hc_sb_err_invalid(struct hc_sb_errors *e, hc_str field, const struct hc_val *value, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    hc_str detail = vprint(e->a, fmt, ap);
    va_end(ap);
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 4096);
    hc_buf_puts(&b, "Invalid value: ");
    if (value)
        hc_json_write(&b, value, 0);
    else
        hc_buf_puts(&b, "null");
    if (b.spent)
        hc_buf_reset(&b), hc_buf_puts(&b, "Invalid value: (long)");
    hc_buf_puts(&b, ": ");
    hc_buf_put(&b, detail);
    hc_sb_err_add(e, "FieldValueInvalid", field, hc_buf_to_arena(&b, e->a));
}

struct hc_val *hc_sb_errors_status(const struct hc_sb_errors *e, const struct hc_sb_kind *k, hc_str name)
{
    size_t n = hc_list_len(e->causes);
    if (n == 0)
        return NULL;
    struct hc_arena *a = e->a;
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 65536);
    hc_buf_put(&b, k->kind);
    if (k->group.n)
        hc_buf_printf(&b, ".%.*s", HC_P(k->group));
    hc_buf_printf(&b, " \"%.*s\" is invalid: %s", HC_P(name), n > 1 ? "[" : "");
    for (size_t i = 0; i < n; i++) {
        const struct hc_val *c = hc_list_at(e->causes, i);
        hc_str field = hc_get_str_at(c, "field"), message = hc_get_str_at(c, "message");
        hc_buf_printf(&b, "%s%.*s: %.*s", i ? ", " : "", HC_P(field), HC_P(message));
    }
    if (n > 1)
        hc_buf_puts(&b, "]");
    struct hc_val *st = make(a, 422, "Invalid", hc_buf_to_arena(&b, a));
    struct hc_val *d = details(a, st, k, name, k->kind);
    hc_map_put(a, d, HC_S("causes"), e->causes);
    return st;
}
