#pragma once
/*
 * charts-fetch/source/index_impl.h - between the files that read an index
 */
#include "charts-fetch/source/index.h"
#include "core/base/fs.h"
#include "core/value/value.h"

enum shape { KNOWN, OTHER };

struct reading {
    hc_str only;
    const struct hc_index_sink *sink;
    struct hc_arena *work; /* of one version */
    struct hc_err *err;
    char chart[256]; /* the name at hand */
};
