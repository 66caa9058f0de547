#pragma once
/*
 * templating/overlay/pattern.h - the regular expressions of schemas
 *
 * RE2's syntax, matched by simulating an automaton: time grows with pattern times text, whatever the pattern. Only
 * answers whether there is a match anywhere. What a Unicode class (\p{...}) holds is asked of a port; upper and lower case
 * are folded for ASCII only.
 */
#include "core/base/arena.h"

struct hc_pattern;

/* Gives the code points of \p{name} to `add`, in ranges; false: there is no such class. */
typedef bool (*hc_pattern_property)(hc_str name, bool fold, void (*add)(void *to, uint32_t first, uint32_t last),
                                    void *to);

/* Lives in the arena. HC_E_INPUT with RE2's kind of reason ("missing closing )"). Without `property` \p is refused. */
enum hc_rc hc_pattern_compile(struct hc_arena *a, hc_str text, hc_pattern_property property,
                              struct hc_pattern **out, struct hc_err *err);
/* Uses room inside the pattern: one user at a time. What it costs is taken off *steps_left (NULL: unbounded); 0 then:
 * that was too much, and the answer means nothing. */
bool hc_pattern_matches(struct hc_pattern *p, hc_str text, uint64_t *steps_left);
