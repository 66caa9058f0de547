#pragma once
/*
 * lua/funcs/version.h - a version as a template value
 *
 * val->obj of a HC_GO_SEMVER or HC_GO_VERSION node points to a struct hc_semver in the same arena; immutable.
 */
#include "core/base/buf.h"
#include "core/base/semver.h"
#include "lua/bridge/gotype.h"

struct hc_val *hc_semver_val(struct hc_arena *a, const struct hc_semver *v);
/* What String() gives. */
void hc_semver_put(struct hc_buf *b, const struct hc_semver *v);
