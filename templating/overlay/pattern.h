#pragma once
/*
 * templating/overlay/pattern.h - the regular expressions of schemas
 *
 * RE2's syntax, matched by simulating an automaton: time grows with pattern times text, whatever the pattern. Only
 * answers whether there is a match anywhere. Unicode classes (\p{...}) are not supported and refused; upper and
 * lower case are folded for ASCII only.
 */
#include "core/base/arena.h"

struct hc_pattern;

/* Lives in the arena. HC_E_INPUT with RE2's kind of reason ("missing closing )"). */
enum hc_rc hc_pattern_compile(struct hc_arena *a, hc_str text, struct hc_pattern **out, struct hc_err *err);
/* Uses room inside the pattern: one user at a time. What it costs is taken off *steps_left (NULL: unbounded); 0 then:
 * that was too much, and the answer means nothing. */
bool hc_pattern_matches(struct hc_pattern *p, hc_str text, uint64_t *steps_left);
