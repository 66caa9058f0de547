#pragma once
/*
 * charts-fetch/source/sourceignore.h - gitignore lines
 *
 * Grammar: gitignore(5), as Flux (pkg/sourceignore, pkg/artifact/storage) uses it for .sourceignore and spec.ignore. The
 * last line that fits a path, or a folder above it, wins; "!" takes back. That is Flux's rule and differs from Git's
 * in one point, which manifests rely on: what lies in an ignored folder can be taken back ("/" and
 * a star, then "!/clusters/prod"). Lives in the arena; only adding changes it.
 */
#include "core/base/arena.h"

struct hc_sourceignore;
/* Begins with the files of Git itself (.git/, .gitignore, ...). */
HC_MUST_USE struct hc_sourceignore *hc_sourceignore_new(struct hc_arena *a);
/* Adds the lines of a .sourceignore that stands in the folder `dir` (relative to the root, "" is the root). */
void hc_sourceignore_add(struct hc_sourceignore *g, hc_str dir, hc_str lines);
/* After all files: spec.ignore, which has the last word; when it is absent and no file had a line, what Flux leaves out
 * of every artifact: images, archives, CI files. */
void hc_sourceignore_end(struct hc_sourceignore *g, hc_str spec_ignore);
/* `path` relative to the root. */
bool hc_sourceignored(const struct hc_sourceignore *g, hc_str path, bool is_dir);
/* Whether the folder and all in it are ignored, so that a walk need not go in. */
bool hc_sourceignore_prunes(const struct hc_sourceignore *g, hc_str dir);
