#pragma once
/*
 * charts-fetch/source/index_impl.h - between the files that read an index
 */
#include "charts-fetch/source/index.h"

/* ---- the table's file: a head, blocks, names, rows of the directory by name (index_table.c) ---- */

#define INDEX_MAGIC "hcindx1"
struct index_head {
    char magic[8];
    uint64_t size; /* of the file */
    uint64_t dir, charts;
    uint64_t names, names_n;
};

struct index_dir_row {
    uint64_t at, hash; /* of the block */
    uint64_t check;    /* of this row and its name */
    uint32_t bytes, versions;
    uint32_t name, name_n; /* in the names */
};

uint64_t index_row_check(struct index_dir_row row, hc_str name);
/* hc_index_versions and hc_index_each in a table that stands in a file. False, or *out_damaged: it is no whole table
 * (or the arena is spent); nothing is built. */
bool index_table_versions(const char *path, struct hc_arena *a, hc_str chart, struct hc_index_rows *out);
enum hc_rc index_table_each(const char *path, const struct hc_index_sink *sink, bool *out_damaged,
                            struct hc_err *err);

/* ---- rows ---- */

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
