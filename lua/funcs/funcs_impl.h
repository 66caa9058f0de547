#pragma once
/*
 * lua/funcs/funcs_impl.h - what the files of template functions share
 */
#include <math.h>
#include <stdlib.h>

#include "core/base/buf.h"
#include "core/base/limits.h"
#include "core/base/mem.h"
#include "core/value/value.h"
#include "lua/bridge/gotype.h"
#include "lua/funcs/funcs.h"
#include "lua/funcs/gofmt.h"

#define FN(fn) enum hc_rc fn(struct hc_fcall *c, struct hc_val *const *argv, size_t argc, struct hc_val **out)
/* Arguments are checked by the caller against the row; most functions need not count them. */
#define FN_UNUSED() ((void)c, (void)argv, (void)argc, (void)out)

/* One declaration for each row. */
#define HC_ROW(name, params, fn) FN(fn);
#include "lua/funcs/rows.h"
#undef HC_ROW

/* ---- values of Go's types ----------------------------------------------------------------------- */

static inline struct hc_val *fn_typed(struct hc_val *v, enum hc_gotype type)
{
    if (v)
        v->type = (uint8_t)type;
    return v;
}
static inline struct hc_val *fn_int(struct hc_arena *a, int64_t i)
{
    return fn_typed(hc_int_val(a, i), HC_GO_INT);
}
static inline struct hc_val *fn_strings(struct hc_arena *a)
{
    return fn_typed(hc_list_new(a), HC_GO_STRINGS);
}
static inline void fn_add(struct hc_arena *a, struct hc_val *list, struct hc_val *v)
{
    hc_list_add(a, list, v ? v : hc_null_val(a));
}
static inline hc_str fn_s(const struct hc_val *v)
{
    return v && v->kind == HC_STR ? (hc_str){ v->s ? v->s : "", v->n } : (hc_str){ "", 0 };
}
static inline int64_t fn_i(const struct hc_val *v)
{
    return v && v->kind == HC_INT ? v->i : 0;
}
/* A nil interface: not a nil list or map, which have a type. */
static inline bool fn_nil(const struct hc_val *v)
{
    return !v || v->kind == HC_NULL;
}
/* A value whose kind in Go is string: no []byte. */
static inline bool fn_is_string(const struct hc_val *v)
{
    return v && v->kind == HC_STR && v->type != HC_GO_BYTES;
}
static inline bool fn_is_bytes(const struct hc_val *v)
{
    return v && v->kind == HC_STR && v->type == HC_GO_BYTES;
}
/* Go's map kind: our maps that are no structs. */
static inline bool fn_is_gomap(const struct hc_val *v)
{
    return v && v->kind == HC_MAP && v->type < HC_GO_CAPABILITIES;
}
static inline bool fn_is_struct(const struct hc_val *v)
{
    return v && ((v->kind == HC_MAP && v->type >= HC_GO_CAPABILITIES) || v->kind == HC_OBJ);
}
/* Maps that are pointers to structs in Go. */
static inline bool fn_is_pointer(const struct hc_val *v)
{
    return v && v->kind == HC_MAP &&
           (v->type == HC_GO_CAPABILITIES || v->type == HC_GO_DEP3 || v->type == HC_GO_PERSON3);
}
/* reflect's slice kind: lists and []byte. */
static inline bool fn_is_slice(const struct hc_val *v)
{
    return v && (v->kind == HC_LIST || fn_is_bytes(v));
}
static inline size_t fn_slice_len(const struct hc_val *v)
{
    return v->kind == HC_LIST ? v->list->n : v->n;
}
/* Element i as an interface value; bytes become uint8. */
struct hc_val *fn_slice_at(struct hc_arena *a, const struct hc_val *v, size_t i);
/* Entries of a map sorted bytewise by key, as Go prints and ranges. NULL when the arena is spent. */
const struct hc_entry **fn_sorted(struct hc_arena *a, const struct hc_val *map);

/* ---- results ------------------------------------------------------------------------------------ */

/* Every function ends here: the value, or the arena's complaint. */
static inline enum hc_rc fn_done(struct hc_fcall *c, struct hc_val *v, struct hc_val **out)
{
    if (hc_arena_spent(c->a))
        return hc_arena_check(c->a, c->err, "the render");
    *out = v;
    return HC_OK;
}
/* Go's function returned an error. */
enum hc_rc fn_fail(struct hc_fcall *c, const char *fmt, ...) HC_PRINTF(2, 3);
/* Go's function panicked. */
#define fn_panic(c, ...) ((c)->panicked = true, fn_fail((c), __VA_ARGS__))
/* Too much was asked for. */
enum hc_rc fn_too_long(struct hc_fcall *c, const char *what);
enum hc_rc fn_too_many(struct hc_fcall *c, const char *what);
static inline enum hc_rc fn_str(struct hc_fcall *c, hc_str s, struct hc_val **out)
{
    return fn_done(c, hc_str_val(c->a, s), out);
}
/* The same when the bytes already live in the render's arena, or for ever. */
static inline enum hc_rc fn_ref(struct hc_fcall *c, hc_str s, struct hc_val **out)
{
    return fn_done(c, hc_str_val_ref(c->a, s), out);
}
static inline enum hc_rc fn_bool(struct hc_fcall *c, bool b, struct hc_val **out)
{
    return fn_done(c, hc_bool_val(c->a, b), out);
}
static inline enum hc_rc fn_i64(struct hc_fcall *c, int64_t i, struct hc_val **out)
{
    return fn_done(c, hc_int_val(c->a, i), out);
}
static inline enum hc_rc fn_f64(struct hc_fcall *c, double f, struct hc_val **out)
{
    return fn_done(c, hc_float_val(c->a, f), out);
}
/* What a buffer holds, as a string; its complaint when it is spent. */
enum hc_rc fn_buf(struct hc_fcall *c, const struct hc_buf *b, struct hc_val **out);

/* ---- changes ------------------------------------------------------------------------------------ */

/* Before anything is put into a map that came from outside: what is put there must live as long as it. */
static inline void fn_changes(struct hc_fcall *c, const struct hc_val *map)
{
    if (c->on_change)
        c->on_change(c->ctx, map->map);
}

/* ---- budgets ------------------------------------------------------------------------------------ */

/* Work whose size arguments and result do not tell, in steps. False: the budget is spent, and the function may return
 * anything, soon. */
static inline bool fn_work(struct hc_fcall *c, uint64_t steps)
{
    c->work += steps;
    return c->work <= (c->work_max ? c->work_max : HC_MAX_RENDER_STEPS);
}
/* What to return then. */
#define fn_spent(c) hc_fail((c)->err, HC_E_LIMIT, "the budget of steps for one render is spent")
/* Before a key or a hash is made that takes about `ms` milliseconds. */
enum hc_rc fn_dear(struct hc_fcall *c, uint32_t ms);
/* While one is made that may take many times as long as it does on average, as finding a large prime may: HC_E_LIMIT when
 * it has to be given up. */
enum hc_rc fn_dear_go_on(struct hc_fcall *c);

/* An expression, and a search with it, charged to the render (regex.h). */
struct hc_regex;
struct hc_search;
enum hc_rc fn_regex(struct hc_fcall *c, hc_str expression, struct hc_regex **out);
enum hc_rc fn_search(struct hc_fcall *c, struct hc_search *s, struct hc_regex *r, hc_str subject);

/* ---- shared between topics ---------------------------------------------------------------------- */

/* cast.ToInt64 and cast.ToFloat64: never an error (A4.1, A4.2). */
int64_t fn_to_i64(const struct hc_val *v);
double fn_to_f64(const struct hc_val *v);
/* strconv.ParseFloat(s, 64), strconv.ParseInt(s, base, 64). False: bad syntax, or out of range with *out then the
 * limit it ran into. */
bool fn_parse_float(hc_str s, double *out);
bool fn_parse_int(hc_str s, int base, int64_t *out);
/* reflect.DeepEqual; false too when the budget of steps is spent. */
bool fn_deep_equal(struct hc_fcall *c, const struct hc_val *x, const struct hc_val *y);
/* sprig's empty and text/template's truth are hc_go_truth. */

int64_t fn_now_ns(struct hc_fcall *c);
bool fn_random(struct hc_fcall *c, void *p, size_t n);
/* Random numbers that repeat themselves (a door may give such) would be drawn again for ever. */
enum { FN_MOST_DRAWS = 64 };
enum hc_rc fn_not_random(struct hc_fcall *c);

/* url.QueryEscape into `b`. */
void fn_query_escape(struct hc_buf *b, hc_str s);
/* encoding/json's bytes of any Go value. HC_E_INPUT: cannot be encoded, err holds Go's text. */
enum hc_rc fn_json(struct hc_fcall *c, struct hc_buf *b, const struct hc_val *v, unsigned json_flags);
/* toYaml, what is large from an earlier render; `what` is named when a budget is spent. */
enum hc_rc fn_yaml_text(struct hc_fcall *c, const struct hc_val *v, const char *what, struct hc_val **out);

/* The pieces of strings.Split; n < 0: all. */
enum hc_rc fn_split(struct hc_fcall *c, hc_str s, hc_str sep, int64_t n, struct hc_val *list);

/* Methods: found or not, as hc_func_method says. */
typedef enum hc_rc fn_method(struct hc_fcall *c, struct hc_val *recv, hc_str name, struct hc_val *const *argv,
                             size_t argc, bool *out_found, struct hc_val **out);
fn_method fn_files_method, fn_values_method, fn_semver_method, fn_time_method, fn_duration_method;
/* Go's complaint about the arguments of a method, after the letters of struct hc_func. */
enum hc_rc fn_method_args(struct hc_fcall *c, hc_str name, const char *params, struct hc_val *const *argv,
                          size_t argc);
