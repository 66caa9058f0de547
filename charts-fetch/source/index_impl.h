#pragma once
/*
 * charts-fetch/source/index_impl.h - between the files that read an index
 */
#include "charts-fetch/source/index.h"

/* The texts of a row in the order of the table: who writes, reads or copies a row goes through all of them. */
enum { INDEX_TEXTS = 6 };
static inline void index_texts(struct hc_index_row *row, hc_str *out[INDEX_TEXTS])
{
    out[0] = &row->version;
    out[1] = &row->app_version;
    out[2] = &row->description;
    out[3] = &row->created;
    out[4] = &row->url;
    out[5] = &row->digest;
}
