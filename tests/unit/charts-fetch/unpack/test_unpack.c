/*
 * Archives under limits: what is read, what is refused, that packing repeats.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "charts-fetch/unpack/unpack.h"
#include "core/base/clock.h"
#include "core/base/fs.h"
#include "core/base/limits.h"
#include "tests/unit/unit.h"

static void put_sum(char *at)
{
    unsigned sum = 0;
    memset(at + 148, ' ', 8);
    for (int i = 0; i < 512; i++)
        sum += (unsigned char)at[i];
    snprintf(at + 148, 8, "%06o", sum);
}

/* A ustar block for one entry, then its body, padded: to write archives no packer would. */
static size_t put_entry(char *at, const char *name, char type, const char *link, const char *body)
{
    size_t n = strlen(body);
    memset(at, 0, 512);
    snprintf(at, 100, "%s", name);
    snprintf(at + 100, 8, "%07o", 0644);
    snprintf(at + 108, 8, "%07o", 0);
    snprintf(at + 116, 8, "%07o", 0);
    snprintf(at + 124, 12, "%011o", (unsigned)(n & 0xffff));
    snprintf(at + 136, 12, "%011o", 0);
    at[156] = type;
    snprintf(at + 157, 100, "%s", link);
    memcpy(at + 257, "ustar\00000", 8);
    put_sum(at);
    memcpy(at + 512, body, n);
    return 512 + (n + 511) / 512 * 512;
}

/* A file of `archive` that has no name any more. */
static int file_of(hc_str archive)
{
    char path[] = "/tmp/hc-archive-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0 && unlink(path) == 0 && hc_write_all(fd, archive) == 0);
    return fd;
}

/* To a fresh folder, out of memory and out of a file, which must end alike. */
static enum hc_rc to_folder(hc_str archive, const struct hc_unpack_limits *limits, struct hc_err *err)
{
    enum hc_rc rc[2];
    struct hc_err errs[2] = { HC_ERR_INIT, HC_ERR_INIT };
    for (int i = 0; i < 2; i++) {
        char dir[] = "/tmp/hc-unpack-XXXXXX";
        HC_AUTO(hc_fd) int fd = i ? file_of(archive) : -1;
        assert_non_null(mkdtemp(dir));
        rc[i] = i ? hc_unpack_fd_to_dir(fd, dir, limits, hc_mono_ms() + 60000, &errs[i])
                  : hc_unpack_to_dir(archive, dir, limits, &errs[i]);
        hc_remove_tree(dir, NULL);
    }
    assert_int_equal(rc[0], rc[1]);
    assert_string_equal(errs[0].msg, errs[1].msg);
    hc_err_copy(err, &errs[0]);
    return rc[0];
}

struct row {
    const char *what, *name;
    char type;
    const char *link;
    enum hc_rc memory, folder;
    const char *says;
};
static const struct row rows[] = {
    { "plain", "c/Chart.yaml", '0', "", HC_OK, HC_OK, NULL },
    { "cleaned", "./c//templates/./x", '0', "", HC_OK, HC_OK, NULL },
    { "dots in a name", "c/..x/a..b", '0', "", HC_OK, HC_OK, NULL },
    { "climbs", "../x", '0', "", HC_E_INPUT, HC_E_INPUT, "climbs out" },
    { "climbs within", "c/../../x", '0', "", HC_E_INPUT, HC_E_INPUT, "climbs out" },
    { "climbs, Windows", "c\\..\\..\\x", '0', "", HC_E_INPUT, HC_E_INPUT, "climbs out" },
    { "absolute", "/etc/passwd", '0', "", HC_E_INPUT, HC_E_INPUT, "absolute" },
    { "drive", "c:/x", '0', "", HC_E_INPUT, HC_E_INPUT, "absolute" },
    { "link inside", "c/d/l", '2', "../x", HC_OK, HC_OK, NULL },
    { "link leaves", "c/l", '2', "../../x", HC_E_INPUT, HC_E_INPUT, "leaves the archive" },
    { "link leaves late", "c/l", '2', "d/../../../x", HC_E_INPUT, HC_E_INPUT, "leaves the archive" },
    { "link absolute", "c/l", '2', "/etc/passwd", HC_E_INPUT, HC_E_INPUT, "leaves the archive" },
    { "link empty", "c/l", '2', "", HC_E_INPUT, HC_E_INPUT, "leaves the archive" },
    { "hard link", "c/l", '1', "c/x", HC_E_INPUT, HC_E_INPUT, "hard link" },
    { "device", "c/l", '3', "", HC_E_INPUT, HC_E_INPUT, "device" },
    { "pipe", "c/l", '6', "", HC_E_INPUT, HC_E_INPUT, "device" },
};

static void paths_and_links(void **state)
{
    (void)state;
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
        char tar[8192] = { 0 };
        size_t n = put_entry(tar, rows[i].name, rows[i].type, rows[i].link, rows[i].type == '0' ? "hello" : "");
        hc_str packed = { 0 };
        struct hc_err err = HC_ERR_INIT;
        assert_int_equal(hc_gzip(a, (hc_str){ tar, n + 1024 }, 6, &packed, &err), HC_OK);
        struct hc_unpacked *files = NULL;
        size_t files_n = 0;
        enum hc_rc rc = hc_unpack_memory(a, packed, NULL, &files, &files_n, &err);
        if (rc != rows[i].memory)
            fail_msg("%s: %s", rows[i].what, err.msg);
        if (rc == HC_OK)
            assert_int_equal(files_n, 1);
        else if (!strstr(err.msg, rows[i].says))
            fail_msg("%s: %s", rows[i].what, err.msg);
        for (int plain = 0; plain < 2; plain++) {
            rc = to_folder(plain ? hc_str_n(tar, n + 1024) : packed, NULL, &err);
            if (rc != rows[i].folder || (rc != HC_OK && !strstr(err.msg, rows[i].says)))
                fail_msg("%s, to a folder: %s", rows[i].what, err.msg);
        }
    }
}

static void reads_names_and_bodies(void **state)
{
    (void)state;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    static char big[200000];
    memset(big, 'x', sizeof(big));
    char deep[301];
    memset(deep, 'd', 300);
    deep[300] = '\0';
    deep[150] = '/';
    const struct hc_unpacked in[] = {
        { HC_S("c/Chart.yaml"), HC_S("name: c\n"), 0644 },
        { HC_S("c/files/\xc3\xa9\xe4\xb8\xad.txt"), HC_S("unicode name"), 0644 },
        { hc_str_of(deep), { big, sizeof(big) }, 0755 },
        { HC_S("c/empty"), HC_S(""), 0644 },
    };
    struct hc_err err = HC_ERR_INIT;
    hc_str one, two;
    assert_int_equal(hc_pack_memory(a, in, HC_LEN(in), 1700000000, &one, &err), HC_OK);
    assert_int_equal(hc_pack_memory(a, in, HC_LEN(in), 1700000000, &two, &err), HC_OK);
    assert_true(hc_str_eq(one, two));
    struct hc_unpacked *out = NULL;
    size_t n = 0;
    assert_int_equal(hc_unpack_memory(a, one, NULL, &out, &n, &err), HC_OK);
    assert_int_equal(n, HC_LEN(in));
    for (size_t i = 0; i < n; i++) {
        assert_true(hc_str_eq(out[i].name, in[i].name));
        assert_true(hc_str_eq(out[i].body, in[i].body));
        assert_int_equal(out[i].mode, in[i].mode);
    }
    char dir[] = "/tmp/hc-unpack-XXXXXX";
    assert_non_null(mkdtemp(dir));
    assert_int_equal(hc_unpack_to_dir(one, dir, NULL, &err), HC_OK);
    char path[512];
    snprintf(path, sizeof(path), "%s/%s", dir, deep);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, sizeof(big));
    assert_int_equal(st.st_mode & 0777 & 0100, 0100);
    hc_remove_tree(dir, NULL);
}

static void links_cannot_be_written_through(void **state)
{
    (void)state;
    char tar[8192] = { 0 };
    size_t n = put_entry(tar, "c/d/up", '2', "..", "");
    n += put_entry(tar + n, "c/d/up/x", '0', "", "body");
    char dir[] = "/tmp/hc-unpack-XXXXXX";
    assert_non_null(mkdtemp(dir));
    struct hc_err err = HC_ERR_INIT;
    assert_int_equal(hc_unpack_to_dir((hc_str){ tar, n + 1024 }, dir, NULL, &err), HC_E_INPUT);
    assert_non_null(strstr(err.msg, "through a link"));
    hc_remove_tree(dir, NULL);
}

static void limits_and_broken_input(void **state)
{
    (void)state;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    static char zeros[4 << 20];
    const struct hc_unpacked in[] = { { HC_S("c/a"), { zeros, sizeof(zeros) }, 0644 },
                                      { HC_S("c/b"), HC_S("b"), 0644 } };
    struct hc_err err = HC_ERR_INIT;
    hc_str packed;
    struct hc_unpacked *out = NULL;
    size_t n = 0;
    assert_int_equal(hc_pack_memory(a, in, 2, 0, &packed, &err), HC_OK);
    const struct hc_unpack_limits few_bytes = { .bytes = 1 << 20, .entries = 10 }, few_files = { .entries = 1 };
    assert_int_equal(hc_unpack_memory(a, packed, &few_bytes, &out, &n, &err), HC_E_LIMIT);
    assert_int_equal(hc_unpack_memory(a, packed, &few_files, &out, &n, &err), HC_E_LIMIT);
    assert_non_null(strstr(err.msg, "more than the 1 files"));
    assert_null(out);
    assert_int_equal(to_folder(packed, NULL, &err), HC_OK);
    assert_int_equal(to_folder(packed, &few_bytes, &err), HC_E_LIMIT);
    assert_non_null(strstr(err.msg, "more than"));
    assert_int_equal(to_folder(packed, &few_files, &err), HC_E_LIMIT);
    assert_non_null(strstr(err.msg, "more than the 1 files"));
    for (size_t cut = 0; cut < packed.n; cut += cut < 64 ? 1 : 97) {
        assert_int_not_equal(hc_unpack_memory(a, hc_str_sub(packed, 0, cut), NULL, &out, &n, &err), HC_OK);
        assert_null(out);
        if (cut % 5 == 0)
            assert_int_not_equal(to_folder(hc_str_sub(packed, 0, cut), NULL, &err), HC_OK);
    }
    assert_int_equal(to_folder(HC_S("replicas: 2\n"), NULL, &err), HC_E_INPUT);
    assert_non_null(strstr(err.msg, "gzipped archive"));
    assert_int_equal(hc_unpack_memory(a, HC_S("replicas: 2\n"), NULL, &out, &n, &err), HC_E_INPUT);
    char text[2048];
    memset(text, 'a', sizeof(text));
    assert_int_equal(hc_unpack_memory(a, (hc_str){ text, sizeof(text) }, NULL, &out, &n, &err), HC_E_INPUT);
    assert_non_null(strstr(err.msg, "gzipped archive"));
}

/* What gzip says at its end counts for what is written piece by piece, too. */
/* Found by fuzzing: what libarchive does not take for an archive was one in memory. */
static void rubbish_for_an_owner(void **state)
{
    (void)state;
    static const char *const owners[] = { "0000\00000", "12345678", "root", "" };
    for (size_t i = 0; i < HC_LEN(owners); i++) {
        HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
        struct hc_err errs[2] = { HC_ERR_INIT, HC_ERR_INIT };
        struct hc_unpacked *files;
        char tar[4096] = { 0 };
        size_t files_n, n = put_entry(tar, "c/Chart.yaml", '0', "", "name: c");
        memset(tar + 108, 0, 8);
        memcpy(tar + 108, owners[i], i ? strlen(owners[i]) : 8);
        put_sum(tar);
        enum hc_rc whole = hc_unpack_memory(a, hc_str_n(tar, n + 1024), NULL, &files, &files_n, &errs[0]);
        if (whole != to_folder(hc_str_n(tar, n + 1024), NULL, &errs[1]) || strcmp(errs[0].msg, errs[1].msg) != 0)
            fail_msg("%zu: %d, '%s' and '%s'", i, (int)whole, errs[0].msg, errs[1].msg);
        assert_int_equal(whole, i < 3 ? HC_E_INPUT : HC_OK);
    }
}

static void ends_of_gzip(void **state)
{
    (void)state;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct hc_err err = HC_ERR_INIT;
    char tar[4096] = { 0 };
    put_entry(tar, "c/Chart.yaml", '0', "", "name: c");
    hc_str whole, half[2], parts[2];
    assert_int_equal(hc_gzip(a, hc_str_n(tar, sizeof(tar)), 6, &whole, &err), HC_OK);
    assert_int_equal(hc_gzip(a, hc_str_n(tar, 700), 6, &half[0], &err), HC_OK);
    assert_int_equal(hc_gzip(a, hc_str_n(tar + 700, sizeof(tar) - 700), 6, &half[1], &err), HC_OK);
    assert_int_equal(to_folder(hc_arena_cat(a, 2, half), NULL, &err), HC_OK); /* two members */
    parts[0] = whole;
    parts[1] = HC_S("trailing");
    assert_int_equal(to_folder(hc_arena_cat(a, 2, parts), NULL, &err), HC_E_INPUT);
    assert_non_null(strstr(err.msg, "text behind the end"));
    char *lie = hc_arena_strz(a, whole);
    lie[whole.n - 8] ^= 1;
    assert_int_equal(to_folder(hc_str_n(lie, whole.n), NULL, &err), HC_E_INPUT);
    assert_non_null(strstr(err.msg, "gzip data is broken"));
    char *bomb = hc_arena_alloc(a, 40 * HC_MIB, 1);
    assert_int_equal(hc_gzip(a, hc_str_n(bomb, 40 * HC_MIB), 1, &parts[0], &err), HC_OK);
    parts[1] = parts[0];
    assert_int_equal(to_folder(parts[0], NULL, &err), HC_E_LIMIT); /* by what its end tells */
    parts[1] = half[1];
    assert_int_equal(to_folder(hc_arena_cat(a, 2, parts), NULL, &err),
                     HC_E_LIMIT); /* by what comes behind an empty archive */
    memcpy(bomb, tar, 512);
    snprintf(bomb + 124, 12, "%011o", 38u << 20);
    put_sum(bomb);
    assert_int_equal(hc_gzip(a, hc_str_n(bomb, 40 * HC_MIB), 1, &parts[0], &err), HC_OK);
    assert_int_equal(to_folder(hc_arena_cat(a, 2, parts), NULL, &err), HC_E_LIMIT); /* by what is in it */
    assert_non_null(strstr(err.msg, "unpacks to more than"));
}

/* Of 20 MiB, packed and unpacked, what is in memory is the same as of nothing; and time is looked at in the middle. */
static void piece_by_piece(void **state)
{
    (void)state;
    struct hc_err err = HC_ERR_INIT;
    struct rusage before, after;
    enum { SIZE = 20 << 20, STEP = 64 << 10 };
    static char step[STEP];
    char dir[] = "/tmp/hc-unpack-XXXXXX";
    HC_AUTO(hc_fd) int body = file_of(HC_S("")), packed = file_of(HC_S(""));
    uint64_t noise = 88172645463325252ull;
    for (int at = 0; at < SIZE; at += STEP) {
        for (int i = 0; i < STEP / 32; i += 8) {
            noise ^= noise << 13, noise ^= noise >> 7, noise ^= noise << 17;
            memcpy(step + i, &noise, 8);
        }
        assert_int_equal(hc_write_all(body, hc_str_n(step, STEP)), 0);
    }
    getrusage(RUSAGE_SELF, &before);
    struct hc_packer *p = hc_packer_new(packed, 0);
    hc_packer_fd(p, HC_S("c/big"), 0644, body, SIZE);
    hc_packer_file(p, HC_S("c/small"), 0644, HC_S("small"));
    assert_int_equal(hc_packer_done(p, &err), HC_OK);
    assert_non_null(mkdtemp(dir));
    assert_int_equal(hc_unpack_fd_to_dir(packed, dir, NULL, 0, &err), HC_OK);
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(HC_MIB);
    hc_str small;
    assert_int_equal(hc_unpack_one(a, packed, HC_S("c/small"), NULL, &small, &err), HC_OK);
    assert_true(hc_str_eqz(small, "small"));
    assert_int_equal(hc_unpack_one(a, packed, HC_S("c/none"), NULL, &small, &err), HC_E_NOTFOUND);
    getrusage(RUSAGE_SELF, &after);
    if (after.ru_maxrss - before.ru_maxrss > 4096)
        fail_msg("%ld KiB more for an archive of %d", after.ru_maxrss - before.ru_maxrss, SIZE / 1024);
    assert_int_equal(hc_unpack_one(a, packed, HC_S("c/big"), NULL, &small, &err),
                     HC_E_LIMIT); /* the caller's arena */
    hc_remove_tree(dir, NULL);

    assert_int_equal(mkdir(dir, 0700), 0);
    int64_t begun = hc_mono_ms();
    assert_int_equal(hc_unpack_fd_to_dir(packed, dir, NULL, begun + 1, &err), HC_E_AGAIN);
    assert_string_equal(err.msg, "not unpacked in the time that it all may take (spec.timeout)");
    p = hc_packer_new(packed, 0);
    hc_packer_until(p, hc_mono_ms());
    hc_packer_fd(p, HC_S("c/big"), 0644, body, SIZE);
    assert_int_equal(hc_packer_done(p, &err), HC_E_AGAIN);
    assert_string_equal(err.msg, "not packed in the time that it all may take (spec.timeout)");
    hc_remove_tree(dir, NULL);
}

static void gzip_round_trips(void **state)
{
    (void)state;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct hc_err err = HC_ERR_INIT;
    hc_str packed, back, two[3] = { { 0 } };
    assert_int_equal(hc_gzip(a, HC_S("hello hello hello"), 9, &packed, &err), HC_OK);
    assert_int_equal(hc_gunzip(a, packed, 100, &back, &err), HC_OK);
    assert_true(hc_str_eq(back, HC_S("hello hello hello")));
    two[0] = two[1] = packed;
    assert_int_equal(hc_gunzip(a, hc_arena_cat(a, 2, two), 100, &back, &err), HC_OK); /* two members */
    assert_true(hc_str_eq(back, HC_S("hello hello hellohello hello hello")));
    assert_int_equal(hc_gunzip(a, packed, 16, &back, &err), HC_E_LIMIT);
    assert_int_equal(hc_gunzip(a, packed, 17, &back, &err), HC_OK);
    two[1] = HC_S("trailing");
    assert_int_equal(hc_gunzip(a, hc_arena_cat(a, 2, two), 100, &back, &err), HC_E_INPUT);
    char *lie = hc_arena_strz(a, packed); /* the trailer's length is part of what is checked */
    lie[packed.n - 4] = 3;
    assert_int_equal(hc_gunzip(a, (hc_str){ lie, packed.n }, 100, &back, &err), HC_E_INPUT);
    for (int level = 1; level <= 9; level += 4) {
        assert_int_equal(hc_gzip_fast(a, HC_S("hello hello hello"), level, &packed, &err), HC_OK);
        assert_int_equal(hc_gunzip(a, packed, 100, &back, &err), HC_OK);
        assert_true(hc_str_eqz(back, "hello hello hello"));
    }
    assert_int_equal(hc_gzip_fast(a, HC_S(""), 6, &packed, &err), HC_OK);
    assert_int_equal(hc_gunzip(a, packed, 100, &back, &err), HC_OK);
    assert_int_equal(back.n, 0);
    assert_int_equal(hc_gzip(a, HC_S(""), 6, &packed, &err), HC_OK);
    assert_int_equal(hc_gunzip(a, packed, 100, &back, &err), HC_OK);
    assert_int_equal(back.n, 0);
}

static hc_str gzip_text(struct hc_arena *a, size_t n, bool noise)
{
    char *p = hc_arena_alloc(a, n + 1, 1);
    uint64_t x = 88172645463325252u;
    for (size_t i = 0; i < n; i++) {
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        p[i] = noise ? (char)x : (char)("kind: replicas\n- "[(i + (x % 50 == 0)) % 17]);
    }
    return hc_str_n(p, n);
}

/* A piece in the middle that was packed once: of blocks of all kinds, taken over, taken for another's, and lied about. */
static void gzip_around_a_piece(void **state)
{
    (void)state;
    static const struct {
        size_t n, from, to;
        bool noise;
        int level;
    } pieces[] = {
        { 3, 1, 2, false, 6 },
        { 100, 0, 99, false, 6 },
        { 5000, 700, 4000, true, 6 },
        { 90000, 65535, 80000, false, 1 },
        { 300000, 300, 299000, true, 6 },
        { 1500000, 300, 1490000, false, 6 },
        { 1500000, 300, 1490000, true, 1 },
        { 40000, 1, 39999, false, 12 },
    };
    for (size_t i = 0; i < HC_LEN(pieces); i++) {
        HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
        struct hc_err err = HC_ERR_INIT;
        struct hc_piece piece = { { NULL, 0 }, 0 }, found, same;
        hc_str raw = gzip_text(a, pieces[i].n, pieces[i].noise), packed, back;
        size_t from = pieces[i].from, to = pieces[i].to;
        assert_int_equal(hc_gzip_around(a, raw, from, to, pieces[i].level, &piece, &packed, &err), HC_OK);
        assert_int_equal(piece.raw_n, to - from);
        assert_int_equal(hc_gunzip(a, packed, pieces[i].n, &back, &err), HC_OK);
        assert_true(hc_str_eq(back, raw));
        assert_true(hc_gzip_piece(packed, &found));
        assert_true(hc_str_eq(found.packed, piece.packed) && found.raw_n == piece.raw_n);

        /* Another head and rest around it: the very piece. */
        hc_str three[3] = { HC_S("a new head, "), hc_str_sub(raw, from, to), HC_S(", a new rest") };
        hc_str around = hc_arena_cat(a, 3, three);
        same = found;
        assert_int_equal(hc_gzip_around(a, around, 12, around.n - 12, 6, &same, &packed, &err), HC_OK);
        assert_ptr_equal(same.packed.p, found.packed.p);
        assert_int_equal(hc_gunzip(a, packed, around.n, &back, &err), HC_OK);
        assert_true(hc_str_eq(back, around));

        /* Of a text as long, but another: packed anew. */
        char *other = hc_arena_strz(a, around);
        other[12 + (to - from) / 2] ^= 1;
        assert_int_equal(hc_gzip_around(a, hc_str_n(other, around.n), 12, around.n - 12, 6, &same, &packed, &err),
                         HC_OK);
        assert_ptr_not_equal(same.packed.p, found.packed.p);
        assert_int_equal(hc_gunzip(a, packed, around.n, &back, &err), HC_OK);
        assert_true(hc_str_eq(back, hc_str_n(other, around.n)));

        /* Whatever the extra field says, and wherever it is cut: what comes out is the text. */
        for (size_t at = 10; at < 28 && raw.n < 100000; at++) {
            char *lie = hc_arena_strz(a, packed);
            lie[at] ^= 1;
            if (hc_gzip_piece(hc_str_n(lie, packed.n), &same)) {
                hc_str again;
                assert_int_equal(hc_gzip_around(a, around, 12, around.n - 12, 1, &same, &again, &err), HC_OK);
                assert_int_equal(hc_gunzip(a, again, around.n, &back, &err), HC_OK);
                assert_true(hc_str_eq(back, around));
            }
        }
        for (size_t n = 0; n < 80 && n < packed.n; n++)
            (void)hc_gzip_piece(hc_str_n(hc_arena_str(a, hc_str_n(packed.p, n)).p, n), &same);
    }
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct hc_err err = HC_ERR_INIT;
    struct hc_piece none = { { NULL, 0 }, 0 };
    hc_str raw = gzip_text(a, 70000, false), packed, back;
    assert_int_equal(hc_gzip_around(a, raw, 66000, 69000, 6, &none, &packed, &err),
                     HC_OK); /* such a head fits no block */
    assert_null(none.packed.p);
    assert_int_equal(hc_gunzip(a, packed, raw.n, &back, &err), HC_OK);
    assert_true(hc_str_eq(back, raw));
    assert_false(hc_gzip_piece(packed, &none));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(piece_by_piece), /* first: it measures the most that there was */
        cmocka_unit_test(paths_and_links),
        cmocka_unit_test(reads_names_and_bodies),
        cmocka_unit_test(limits_and_broken_input),
        cmocka_unit_test(links_cannot_be_written_through),
        cmocka_unit_test(gzip_round_trips),
        cmocka_unit_test(rubbish_for_an_owner),
        cmocka_unit_test(ends_of_gzip),
        cmocka_unit_test(gzip_around_a_piece),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
