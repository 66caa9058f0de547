#pragma once
/*
 * charts-fetch/source/sourceignore.h - gitignore lines
 *
 * Grammar: gitignore(5), as Flux pkg/sourceignore uses it for .sourceignore and spec.ignore. Later lines win, "!" takes
 * back. Lives in the arena; only adding changes it.
 */
#include "core/base/arena.h"

struct hc_sourceignore;
HC_MUST_USE struct hc_sourceignore *hc_sourceignore_new(struct hc_arena *a);
/* Adds the lines of a file that stands in the folder `dir` (relative to the root, "" is the root). */
void hc_sourceignore_add(struct hc_sourceignore *g, hc_str dir, hc_str lines);
/* What Flux leaves out of every artifact when spec.ignore is absent: VCS files, images, archives, CI files. */
void hc_sourceignore_add_defaults(struct hc_sourceignore *g);
/* `path` relative to the root. A path below an ignored folder is ignored by whoever walks (it does not go in). */
bool hc_sourceignored(const struct hc_sourceignore *g, hc_str path, bool is_dir);
