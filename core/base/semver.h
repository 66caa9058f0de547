#pragma once
/*
 * core/base/semver.h - semantic versions and ranges, read and compared as Helm does
 *
 * Source: Masterminds/semver 3.5, which Helm and Flux use for chart versions, dependencies, kubeVersion and the
 * template functions semver and semverCompare. Versions are read loosely ("v1.2" is 1.2.0). Slices point into the
 * text that was read.
 */
#include "core/base/arena.h"

struct hc_semver {
    uint64_t major, minor, patch;
    hc_str pre, meta; /* "beta.1", "build5"; absent or empty: none */
    hc_str original;
};

/* Errors: "invalid semantic version" and, of the parts, that library's other texts. */
enum hc_rc hc_semver_parse(hc_str text, struct hc_semver *out, struct hc_err *err);
/* <0, 0, >0; build metadata does not count. */
int hc_semver_cmp(const struct hc_semver *a, const struct hc_semver *b);
/* "1.2.0-beta.1+build5" */
hc_str hc_semver_str(struct hc_arena *a, const struct hc_semver *v);

/* A range: ">=1.2 <2 || ~3.1". Lives in the arena. */
struct hc_semrange;
/* Error: "improper constraint: \"TEXT\"", TEXT being the alternative it stands in. */
enum hc_rc hc_semrange_parse(struct hc_arena *a, hc_str text, struct hc_semrange **out, struct hc_err *err);
/* A version with a pre-release fits only alternatives in which one bound names a pre-release. */
bool hc_semrange_fits(const struct hc_semrange *r, const struct hc_semver *v);
/* Whether any bound names a pre-release. */
bool hc_semrange_names_pre(const struct hc_semrange *r);
