/*
 * The table of an index as it comes back from a disk, by the first byte: r as it is, s with hashes and size that are right
 * again, so that what stands behind them is reached. Then a chart's name, NUL, the file.
 */
#include "charts-fetch/source/index_impl.h"
#include "tests/fuzz/fuzz.h"

/* Puts right what the reader compares: size, hash of each block, check of each row. */
static void seal(char *p, size_t n)
{
    struct index_head h;
    if (n < sizeof(h))
        return;
    memcpy(&h, p, sizeof(h));
    memcpy(h.magic, INDEX_MAGIC, sizeof(h.magic));
    h.size = n;
    h.charts = HC_MIN(h.charts, (n - sizeof(h)) / sizeof(struct index_dir_row));
    h.dir = n - h.charts * sizeof(struct index_dir_row);
    h.names = HC_MAX(HC_MIN(h.names, h.dir), sizeof(h));
    h.names_n = h.dir - h.names;
    memcpy(p, &h, sizeof(h));
    for (uint64_t i = 0; i < h.charts; i++) {
        struct index_dir_row row;
        memcpy(&row, p + h.dir + i * sizeof(row), sizeof(row));
        if (row.at <= n && row.bytes <= n - row.at)
            row.hash = hc_str_hash(hc_str_n(p + row.at, row.bytes));
        if (row.name + (uint64_t)row.name_n <= h.names_n)
            row.check = index_row_check(row, hc_str_n(p + h.names + row.name, row.name_n));
        memcpy(p + h.dir + i * sizeof(row), &row, sizeof(row));
    }
}

static void begin(void *ctx)
{
    (void)ctx;
}

static uint64_t sum; /* every byte that is handed out is read */

static void read_all(struct hc_index_row *row)
{
    hc_str *texts[INDEX_TEXTS];
    index_texts(row, texts);
    for (size_t i = 0; i < INDEX_TEXTS; i++)
        sum += hc_str_hash(*texts[i]);
}

static enum hc_rc add(void *ctx, hc_str chart, const struct hc_index_row *row, struct hc_err *err)
{
    struct hc_index_row copy = *row;
    (void)ctx, (void)err;
    read_all(&copy);
    sum += hc_str_hash(chart);
    return HC_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hc_arena *a = fuzz_arena();
    struct hc_err err = HC_ERR_INIT;
    struct hc_index_rows rows;
    const struct hc_index_sink sink = { .begin = begin, .row = add };
    bool damaged = false;
    hc_str rest = fuzz_text(data, size);
    if (!size || (data[0] != 'r' && data[0] != 's'))
        return 0;
    rest = hc_str_sub(rest, 1, rest.n);
    hc_str chart = fuzz_part(&rest);
    char *file = hc_arena_alloc(a, rest.n + 1, 1);
    if (!file)
        abort();
    if (rest.n)
        memcpy(file, rest.p, rest.n);
    if (data[0] == 's')
        seal(file, rest.n);
    const char *path = fuzz_file(hc_str_n(file, rest.n));
    if (index_table_versions(path, a, chart, &rows))
        for (size_t i = 0; i < rows.n; i++)
            read_all(&rows.rows[i]);
    enum hc_rc rc = index_table_each(path, &sink, &damaged, &err);
    if (rc == HC_E_BUG || (rc != HC_OK && !err.msg[0]) || (rc == HC_OK && damaged))
        abort();
    return 0;
}
