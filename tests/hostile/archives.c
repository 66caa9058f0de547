/*
 * Archives that no honest program writes: made header by header, because packers refuse to.
 */
#include <stdio.h>
#include <stdlib.h>

#include "charts-fetch/unpack/unpack.h"
#include "tests/hostile/hostile.h"

/* ---- tar, gzip ---------------------------------------------------------------------------------------- */

/* A header block; `size` is what it says, which need not be true. */
static void header(struct hc_buf *b, const char *name, char type, const char *link, uint64_t size)
{
    char h[512] = { 0 };
    unsigned sum = 0;
    snprintf(h, 100, "%s", name);
    memcpy(h + 100, "0000644\0000000000\0000000000\000", 24);
    if (size <= 077777777777u) {
        snprintf(h + 124, 12, "%011llo", (unsigned long long)size);
    } else { /* the binary form of GNU tar */
        h[124] = (char)0x80;
        for (int i = 0; i < 8; i++)
            h[135 - i] = (char)(size >> (8 * i));
    }
    memcpy(h + 136, "00000000000\0        ", 20);
    h[156] = type;
    snprintf(h + 157, 100, "%s", link);
    memcpy(h + 257, "ustar\00000", 8);
    for (size_t i = 0; i < sizeof(h); i++)
        sum += (unsigned char)h[i];
    snprintf(h + 148, 8, "%06o", sum);
    hc_buf_put(b, hc_str_n(h, sizeof(h)));
}

static void body(struct hc_buf *b, hc_str text)
{
    hc_buf_put(b, text);
    hc_buf_fill(b, '\0', (512 - text.n % 512) % 512);
}

static void entry(struct hc_buf *b, const char *name, hc_str text)
{
    header(b, name, '0', "", text.n);
    body(b, text);
}

static const hc_str chart_yaml = HC_S("apiVersion: v2\nname: c\nversion: 1.0.0\n");

static void start(struct hc_buf *tar)
{
    hc_buf_init(tar, 0);
    entry(tar, "c/Chart.yaml", chart_yaml);
    entry(tar, "c/templates/t.yaml", HC_S("a: b\n"));
}

static void packed(struct hc_buf *out, struct hc_buf *tar)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    hc_str gz;
    hc_buf_fill(tar, '\0', 1024);
    if (tar->spent || hc_gzip(a, hc_buf_str(tar), 6, &gz, NULL) != HC_OK)
        abort();
    hc_buf_put(out, gz);
    hc_buf_done(tar);
}

/* ---- size --------------------------------------------------------------------------------------------- */

static void zeros(struct hc_buf *out)
{
    struct hc_buf tar;
    start(&tar);
    header(&tar, "c/files/zeros", '0', "", 90u << 20);
    hc_buf_fill(&tar, '\0', 90u << 20);
    packed(out, &tar);
}

static void zeros_in_pieces(struct hc_buf *out)
{
    struct hc_buf tar;
    start(&tar);
    for (int i = 0; i < 22; i++) {
        char name[64];
        snprintf(name, sizeof(name), "c/files/zeros%d", i);
        header(&tar, name, '0', "", 4u << 20);
        hc_buf_fill(&tar, '\0', 4u << 20);
    }
    packed(out, &tar);
}

/* The trailer says that it is small. */
static void zeros_that_lie(struct hc_buf *out)
{
    zeros(out);
    memcpy(out->p + out->n - 4, "\0\020\0\0", 4);
}

static void many_files(struct hc_buf *out)
{
    struct hc_buf tar;
    start(&tar);
    for (int i = 0; i < 100000; i++) {
        char name[64];
        snprintf(name, sizeof(name), "c/files/%d", i);
        header(&tar, name, '0', "", 0);
    }
    packed(out, &tar);
}

static void some_more_files_than_allowed(struct hc_buf *out)
{
    struct hc_buf tar;
    start(&tar);
    for (int i = 0; i < 21000; i++) {
        char name[64];
        snprintf(name, sizeof(name), "c/files/%d", i * 7919);
        header(&tar, name, '0', "", 0);
    }
    packed(out, &tar);
}

static void many_folders(struct hc_buf *out)
{
    struct hc_buf tar;
    start(&tar);
    for (int i = 0; i < 25000; i++)
        header(&tar, "c/d/", '5', "", 0);
    packed(out, &tar);
}

static void size_of_a_header(struct hc_buf *out, uint64_t size)
{
    struct hc_buf tar;
    start(&tar);
    header(&tar, "c/large", '0', "", size);
    packed(out, &tar);
}
static void eight_gibibytes(struct hc_buf *out)
{
    size_of_a_header(out, 077777777777u);
}
static void all_the_bytes(struct hc_buf *out)
{
    size_of_a_header(out, UINT64_MAX / 2);
}
static void less_than_nothing(struct hc_buf *out)
{
    size_of_a_header(out, UINT64_MAX);
}

/* ---- other headers -------------------------------------------------------------------------------------- */

static void pax(struct hc_buf *tar, const char *key, hc_str value)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    size_t n = strlen(key) + value.n + 3, digits = 1;
    for (size_t k = n + 1; k >= 10; k /= 10)
        digits++;
    hc_buf_printf(&b, "%zu %s=", n + digits, key);
    hc_buf_put(&b, value);
    hc_buf_putc(&b, '\n');
    header(tar, "pax", 'x', "", b.n);
    body(tar, hc_buf_str(&b));
}

static void with_pax(struct hc_buf *out, const char *key, hc_str value)
{
    struct hc_buf tar;
    start(&tar);
    pax(&tar, key, value);
    entry(&tar, "c/file", HC_S("text"));
    packed(out, &tar);
}
static void long_comment(struct hc_buf *out)
{
    HC_AUTO(hc_buf) struct hc_buf text;
    hc_buf_init(&text, 0);
    hc_buf_fill(&text, 'x', 10u << 20);
    with_pax(out, "comment", hc_buf_str(&text));
}
static void pax_size(struct hc_buf *out)
{
    with_pax(out, "size", HC_S("9223372036854775807"));
}
static void pax_path_up(struct hc_buf *out)
{
    with_pax(out, "path", HC_S("../../etc/passwd"));
}
static void pax_path_with_nul(struct hc_buf *out)
{
    with_pax(out, "path", HC_S("c/a\0/../../../x"));
}
static void pax_sparse(struct hc_buf *out)
{
    with_pax(out, "GNU.sparse.realsize", HC_S("1000000000000000"));
}
static void pax_sparse_map(struct hc_buf *out)
{
    with_pax(out, "GNU.sparse.map", HC_S("0,1,999999999999,1"));
}
static void long_path(struct hc_buf *out)
{
    HC_AUTO(hc_buf) struct hc_buf text;
    hc_buf_init(&text, 0);
    for (int i = 0; i < 100000; i++)
        hc_buf_puts(&text, "abcdefghi/");
    with_pax(out, "path", hc_buf_str(&text));
}
static void long_name_of_gnu(struct hc_buf *out)
{
    struct hc_buf tar;
    start(&tar);
    header(&tar, "././@LongLink", 'L', "", 5u << 20);
    hc_buf_fill(&tar, 'a', 5u << 20);
    entry(&tar, "c/file", HC_S("text"));
    packed(out, &tar);
}
static void pax_on_pax(struct hc_buf *out)
{
    struct hc_buf tar;
    start(&tar);
    for (int i = 0; i < 20000; i++)
        pax(&tar, "comment", HC_S("x"));
    entry(&tar, "c/file", HC_S("text"));
    packed(out, &tar);
}

/* ---- names and links ---------------------------------------------------------------------------------- */

static void one(struct hc_buf *out, const char *name, char type, const char *link)
{
    struct hc_buf tar;
    start(&tar);
    header(&tar, name, type, link, 0);
    packed(out, &tar);
}
#define ONE(function, name, type, link)                                                                            \
    static void function(struct hc_buf *out)                                                                       \
    {                                                                                                              \
        one(out, name, type, link);                                                                                \
    }
ONE(up, "c/../../x", '0', "")
ONE(up_at_once, "../x", '0', "")
ONE(up_backwards, "c\\..\\..\\x", '0', "")
ONE(absolute, "/etc/x", '0', "")
ONE(drive, "C:\\Windows\\x", '0', "")
ONE(link_away, "c/l", '2', "/etc/passwd")
ONE(link_up, "c/l", '2', "../../../etc/passwd")
ONE(link_to_itself, "c/l", '2', "l")
ONE(hard_link, "c/l", '1', "/etc/passwd")
ONE(character_device, "c/zero", '3', "")
ONE(block_device, "c/disk", '4', "")
ONE(pipe_named, "c/pipe", '6', "")
ONE(sparse_of_gnu, "c/sparse", 'S', "")
ONE(unknown_type, "c/odd", 'Z', "")
ONE(nameless, "", '0', "")
ONE(line_in_name, "c/files/a\nError: all is well\033[2J", '0', "")
ONE(dots_that_look_alike, "c/\342\200\244\342\200\244/\357\274\217etc", '0', "")
ONE(no_utf8_in_name, "c/files/\377\376\300\200", '0', "")
ONE(outside, "other.txt", '0', "")

static void twice(struct hc_buf *out)
{
    struct hc_buf tar;
    start(&tar);
    entry(&tar, "c/Chart.yaml", HC_S("apiVersion: v2\nname: other\nversion: 9.9.9\n"));
    entry(&tar, "c/./templates//t.yaml", HC_S("a: c\n"));
    packed(out, &tar);
}
static void other_case(struct hc_buf *out)
{
    struct hc_buf tar;
    start(&tar);
    entry(&tar, "c/chart.yaml", HC_S("apiVersion: v2\nname: other\nversion: 9.9.9\n"));
    entry(&tar, "c/VALUES.YAML", HC_S("a: b\n"));
    packed(out, &tar);
}
static void through_a_link(struct hc_buf *out)
{
    struct hc_buf tar;
    start(&tar);
    header(&tar, "c/l", '2', "files", 0);
    entry(&tar, "c/l/x", HC_S("text"));
    packed(out, &tar);
}

/* ---- archives in archives ------------------------------------------------------------------------------- */

/* `levels` deep, `copies` side by side in each. */
static void nested(struct hc_buf *out, int levels, int copies)
{
    struct hc_buf tar;
    start(&tar);
    if (levels > 0) {
        HC_AUTO(hc_buf) struct hc_buf inner;
        hc_buf_init(&inner, 0);
        nested(&inner, levels - 1, copies);
        for (int i = 0; i < copies; i++) {
            char name[64];
            snprintf(name, sizeof(name), "c/charts/d%d.tgz", i);
            entry(&tar, name, hc_buf_str(&inner));
        }
    }
    packed(out, &tar);
}
static void forty_deep(struct hc_buf *out)
{
    nested(out, 40, 1);
}
static void twenty_wide(struct hc_buf *out)
{
    nested(out, 5, 20);
}
static void zeros_inside(struct hc_buf *out)
{
    struct hc_buf tar;
    HC_AUTO(hc_buf) struct hc_buf inner;
    hc_buf_init(&inner, 0);
    zeros_in_pieces(&inner);
    start(&tar);
    for (int i = 0; i < 20; i++) {
        char name[64];
        snprintf(name, sizeof(name), "c/charts/d%d.tgz", i);
        entry(&tar, name, hc_buf_str(&inner));
    }
    packed(out, &tar);
}

/* ---- gzip --------------------------------------------------------------------------------------------- */

static void small(struct hc_buf *out)
{
    struct hc_buf tar;
    start(&tar);
    packed(out, &tar);
}
static void cut(struct hc_buf *out)
{
    small(out);
    out->n /= 2;
}
static void wrong_sum(struct hc_buf *out)
{
    small(out);
    out->p[out->n - 8] = (char)(out->p[out->n - 8] ^ 1);
}
static void members(struct hc_buf *out)
{
    static const char empty[] = "\x1f\x8b\x08\0\0\0\0\0\0\xff\x03\0\0\0\0\0\0\0\0\0";
    for (int i = 0; i < 100000; i++)
        hc_buf_put(out, hc_str_n(empty, sizeof(empty) - 1));
    small(out);
}
static void endless_name(struct hc_buf *out)
{
    hc_buf_put(out, HC_S("\x1f\x8b\x08\x08\0\0\0\0\0\xff"));
    hc_buf_fill(out, 'a', 10u << 20);
}
static void gzip_in_gzip(struct hc_buf *out)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct hc_buf inner;
    hc_str gz;
    hc_buf_init(&inner, 0);
    small(&inner);
    if (hc_gzip(a, hc_buf_str(&inner), 6, &gz, NULL) != HC_OK)
        abort();
    hc_buf_put(out, gz);
    hc_buf_done(&inner);
}
static void nothing_at_all(struct hc_buf *out)
{
    hc_buf_fill(out, '\0', 4096);
}
static void noise(struct hc_buf *out)
{
    hc_buf_put(out, HC_S("\x1f\x8b\x08\0\0\0\0\0\0\xff"));
    for (uint32_t i = 0, x = 1; i < 1u << 20; i++, x = x * 1664525u + 1013904223u)
        hc_buf_putc(out, (char)(x >> 24));
}

/* ---- the table ------------------------------------------------------------------------------------------ */

static const struct {
    const char *name;
    void (*make)(struct hc_buf *out);
    const char *want, *and_want; /* NULL: it renders */
} rows[] = {
    { "90 MiB of zeros", zeros, "archive of ", "bytes allowed" },
    { "90 MiB of zeros in pieces", zeros_in_pieces, "archive of ", "bytes allowed" },
    { "90 MiB of zeros that say they are few", zeros_that_lie, "archive", "" },
    { "100,000 files", many_files, "archive", "allowed" },
    { "21,000 files", some_more_files_than_allowed, "archive", "allowed" },
    { "25,000 folders", many_folders, "archive", "allowed" },
    { "a file of 8 GiB", eight_gibibytes, "archive", "allowed" },
    { "a file of all the bytes there are", all_the_bytes, "archive", "" },
    { "a file of less than nothing", less_than_nothing, "archive", "" },
    { "a pax comment of 10 MiB", long_comment, "archive", "" },
    { "a pax size of all the bytes there are", pax_size, "archive", "" },
    { "a pax path that goes up", pax_path_up, "'../../etc/passwd'", "refused" },
    { "a pax path with a NUL", pax_path_with_nul, NULL, NULL },
    { "a sparse file of a petabyte", pax_sparse, "archive", "" },
    { "a sparse file with holes", pax_sparse_map, "archive", "" },
    { "a path of a megabyte", long_path, NULL, NULL },
    { "a long name of GNU tar", long_name_of_gnu, "archive", "" },
    { "pax headers on pax headers", pax_on_pax, "archive", "name" },
    { "a path that goes up", up, "c/../../x", "refused" },
    { "a path that goes up at once", up_at_once, "../x", "refused" },
    { "a path that goes up by backslashes", up_backwards, "c\\..\\..\\x", "refused" },
    { "an absolute path", absolute, "/etc/x", "refused" },
    { "a path with a drive", drive, "C:\\Windows\\x", "refused" },
    { "a link to elsewhere", link_away, "/etc/passwd", "refused" },
    { "a link that goes up", link_up, "../../../etc/passwd", "refused" },
    { "a link to itself", link_to_itself, NULL, NULL },
    { "a hard link", hard_link, "c/l", "refused" },
    { "a character device", character_device, "c/zero", "refused" },
    { "a block device", block_device, "c/disk", "refused" },
    { "a named pipe", pipe_named, "c/pipe", "refused" },
    { "a sparse file of GNU tar", sparse_of_gnu, NULL, NULL },
    { "an unknown type of entry", unknown_type, NULL, NULL },
    { "an entry without a name", nameless, "archive", "name" },
    { "a line end and an escape in a name", line_in_name, NULL, NULL },
    { "dots and a slash that only look so", dots_that_look_alike, NULL, NULL },
    { "a name that is no UTF-8", no_utf8_in_name, NULL, NULL },
    { "a file outside the chart", outside, "outside the base directory", "" },
    { "the same file twice", twice, NULL, NULL },
    { "the same file in another case", other_case, NULL, NULL },
    { "a file behind a link", through_a_link, NULL, NULL },
    { "archives forty deep", forty_deep, "charts", "deep" },
    { "archives in archives, twenty each", twenty_wide, "more than the", "bytes" },
    { "zeros in sub-charts", zeros_inside, "archive of ", "bytes allowed" },
    { "an archive cut in half", cut, "", "" },
    { "an archive with a wrong sum", wrong_sum, "", "" },
    { "100,000 empty members", members, NULL, NULL },
    { "a gzip header with an endless name", endless_name, "", "" },
    { "gzip in gzip", gzip_in_gzip, "", "" },
    { "zeros for an archive", nothing_at_all, "gzip", "" },
    { "noise for an archive", noise, "", "" },
};

size_t hostile_archives(struct hc_arena *a, struct hostile_case **out)
{
    struct hostile_case *all = HC_NEW_N(a, struct hostile_case, HC_LEN(rows));
    for (size_t i = 0; all && i < HC_LEN(rows); i++) {
        all[i].name = hc_str_of(rows[i].name);
        all[i].archive = rows[i].make;
        if (!rows[i].want)
            continue;
        hc_str *want = HC_NEW_N(a, hc_str, 2);
        want[0] = hc_str_of(rows[i].want);
        want[1] = hc_str_of(rows[i].and_want);
        all[i].want = want;
        all[i].want_n = 2;
    }
    *out = all;
    return all ? HC_LEN(rows) : 0;
}
