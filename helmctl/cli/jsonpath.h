#pragma once
/*
 * helmctl/cli/jsonpath.h - kubectl's templates of JSONPath: text {.a.b[0:2]} text {range .items[?(@.n>1)]}..{end}
 *
 * What k8s.io/client-go/util/jsonpath takes, with its errors. Two of its ways are kept because outputs depend on them: a
 * number of the template is an int and never equal to one of the data, which are floats; `*` and `..` go into texts
 * byte by byte. Maps are walked in their own order, where Go's is random.
 */
#include "core/base/buf.h"
#include "core/value/value.h"

struct hc_jsonpath;

/* The error is the library's. Lives in `a`. */
enum hc_rc hc_jsonpath_parse(struct hc_arena *a, hc_str text, struct hc_jsonpath **out, struct hc_err *err);
/* Appends what the template gives for `data`. On an error nothing is appended. */
enum hc_rc hc_jsonpath_print(struct hc_arena *a, const struct hc_jsonpath *p, struct hc_val *data,
                             struct hc_buf *out, struct hc_err *err);
