#pragma once
/*
 * lua/funcs/gofmt.h - printing with the rules of Go's fmt (templating-facts B10)
 */
#include "core/base/buf.h"
#include "lua/bridge/gotype.h"

/* %v: as {{ }} prints it (nil as "<nil>"; the engine prints "<no value>" for a nil action result itself). */
void hc_go_print(struct hc_buf *b, const struct hc_val *v);
/* fmt.Sprint: a space between operands when neither is a string. */
void hc_go_sprint(struct hc_buf *b, struct hc_val *const *argv, size_t argc);
void hc_go_sprintln(struct hc_buf *b, struct hc_val *const *argv, size_t argc);
/* `helm3`: as in hc_go_type_name. */
void hc_go_sprintf(struct hc_buf *b, hc_str format, struct hc_val *const *argv, size_t argc, bool helm3);
/* strconv.Quote. */
void hc_go_quote(struct hc_buf *b, hc_str s);
/* %T; nil gives "<nil>". `helm3` names .Values chartutil.Values. */
const char *hc_go_type_name(const struct hc_val *v, bool helm3);
/* reflect.Kind's name: int int64 float64 string bool slice map struct ptr invalid. */
const char *hc_go_kind_name(const struct hc_val *v);
/* text/template's truth (B4) and sprig's empty (A5.1). */
bool hc_go_truth(const struct hc_val *v);
/* sprig's strval (A3.8). */
hc_str hc_go_strval(struct hc_arena *a, const struct hc_val *v);
