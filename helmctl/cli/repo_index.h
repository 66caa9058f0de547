#pragma once
/*
 * helmctl/cli/repo_index.h - the index of a folder with packed charts, as `helm repo index` makes it
 */
#include "core/base/arena.h"
#include "core/base/err.h"

struct hc_repo_index {
    const char *dir;         /* with the archives, here and one folder down; index.yaml is written there */
    const char *url, *merge; /* address of the folder; another index to take versions from; NULL or "": none */
    bool json;
};
enum hc_rc hc_cli_repo_index(struct hc_arena *a, const struct hc_repo_index *o, struct hc_err *err);
