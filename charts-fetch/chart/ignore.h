#pragma once
/*
 * charts-fetch/chart/ignore.h - .helmignore and the file patterns of Helm's command line
 */
#include "core/base/arena.h"
#include "core/base/err.h"

/* Go's filepath.Match: * and ? stop at '/', [a-z] and [^a-z], which do not, backslash escapes. A pattern that is none matches
 * nothing and sets *bad (may be NULL); as in Go a mistake behind a star is seen only when the name fits up to it. */
bool hc_path_match(hc_str pattern, hc_str name, bool *bad);

/* The rules of a .helmignore file and the built-in one (D7.3); `text` may be absent. Lives in `a`. */
struct hc_ignore;
enum hc_rc hc_ignore_parse(struct hc_arena *a, hc_str text, struct hc_ignore **out, struct hc_err *err);
/* `path` relative to the chart's root. An ignored folder is not entered. */
bool hc_ignored(const struct hc_ignore *rules, hc_str path, bool is_folder);
