#pragma once
/*
 * core/value/selector.h - label selectors as text: "app=web,tier!=db,env in (a, b),!legacy"
 *
 * Grammar and meaning: Kubernetes apimachinery pkg/labels/selector.go. The empty selector fits everything.
 */
#include "core/value/value.h"

/* `labels` is a map of texts or NULL. A selector that cannot be read is HC_E_INPUT and names the place. */
enum hc_rc hc_selector_fits(hc_str selector, const struct hc_val *labels, bool *out, struct hc_err *err);
