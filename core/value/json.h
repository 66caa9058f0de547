#pragma once
/*
 * core/value/json.h - JSON in and out of the value tree
 *
 * Our own reader and writer: exact integers, positions, arenas, hostile depth. Writers are byte-compatible
 * with Go's encoding/json, because digests of Flux and records of Helm are taken over its bytes.
 */
#include "core/base/buf.h"
#include "core/value/value.h"

enum {
    HC_JSON_STRICT = 0,
    HC_JSON_REF = 1 << 0,          /* strings without escapes point into `text`, which must outlive the tree */
    HC_JSON_NO_POSITIONS = 1 << 1, /* API answers: nobody asks for lines                                   */
    HC_JSON_ALL_FLOAT = 1 << 2,    /* every number becomes HC_FLOAT, as Go decodes into interface {}        */
};
/* One whole document; text behind it is an error. Errors carry Go's texts ("invalid character 'x' looking
 * for beginning of value", "unexpected end of JSON input") with line and column. When all that is wrong is a number
 * too large for a double, *out is given beside the failure, with null in its place: Go decodes the rest too. */
enum hc_rc hc_json_parse(struct hc_arena *a, hc_str text, unsigned flags, struct hc_val **out, struct hc_err *err);

enum {
    HC_JSON_SORT = 1 << 0,     /* keys bytewise, as Go prints maps; else in the map's order  */
    HC_JSON_HTML = 1 << 1,     /* < > & U+2028 U+2029 as \u00xx: Go's default                */
    HC_JSON_INDENT2 = 1 << 2,  /* two spaces a level, as MarshalIndent("", "  ")             */
    HC_JSON_GO_FLOAT = 1 << 3, /* floats by Go's rule instead of by their spelling           */
    HC_JSON_INDENT4 = 1 << 4,
};
void hc_json_write(struct hc_buf *b, const struct hc_val *v, unsigned flags);
/* The text of a quoted string, quotes included. */
void hc_json_write_str(struct hc_buf *b, hc_str s, bool html);
/* What json.Marshal prints for a float64: shortest digits, e-form outside 1e-6 .. 1e21. */
void hc_json_write_float(struct hc_buf *b, double f);
/* The shortest digits that read back, in Go's %g / %v form ('e' with at least two exponent digits when
 * exp < -4 || exp >= shortest_limit). `bits` 32 or 64. */
void hc_float_shortest(struct hc_buf *b, double f, int bits, int exp_limit);
/* Go's rules for a scalar whose target is text: its JSON text, a float in the digits of a float32, empty for null. False
 * (*out stays): no scalar. Lives in `a`, or where the text of `v` does. */
bool hc_scalar_text(struct hc_arena *a, const struct hc_val *v, hc_str *out);
/* What encoding/json calls the kind of `v` in its type errors: "array" and "object" where hc_kind_name says "list" and
 * "map". */
const char *hc_json_kind_name(const struct hc_val *v);
/* Decimal digits of a finite double: `digits` holds *out_nd of them without trailing zeros, the point stands
 * before the digit at *out_dp (0.d1d2... * 10^dp). Zero gives nd 0. The sign is not looked at. */
void hc_float_digits(double f, int bits, char digits[32], int *out_nd, int *out_dp);
