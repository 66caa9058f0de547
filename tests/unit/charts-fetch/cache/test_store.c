/*
 * charts-fetch/cache: content by digest, whole or not at all.
 */
#include "charts-fetch/cache/store.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/fs.h"
#include "tests/unit/unit.h"

static char dir[] = "/tmp/hc-store-XXXXXX";

static int setup(void **state)
{
    (void)state;
    return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    return hc_remove_tree(dir, NULL) == HC_OK ? 0 : -1;
}

static void put_get_and_damage(void **state)
{
    (void)state;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct hc_store *s;
    struct hc_err err;
    hc_str digest, again, body;
    const char *path;
    assert_int_equal(hc_store_open(dir, 0, &s, &err), HC_OK);
    assert_int_equal(hc_store_put(s, a, HC_S("abc"), &digest, &err), HC_OK);
    assert_string_equal(digest.p, "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_int_equal(hc_store_put(s, a, HC_S("abc"), &again, &err), HC_OK);
    assert_int_equal(hc_store_get(s, a, digest, 100, &body, &err), HC_OK);
    assert_true(hc_str_eqz(body, "abc"));
    assert_int_equal(hc_store_path(s, a, digest, &path, &err), HC_OK);
    assert_int_equal(hc_store_get(s, a, HC_S("sha256:../../../etc/passwd"), 100, &body, &err), HC_E_INPUT);
    hc_store_close(s);

    /* Damaged between two starts: found by its name, removed, gone. */
    assert_int_equal(chmod(path, 0644), 0);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs("xyz", f);
    fclose(f);
    assert_int_equal(hc_store_open(dir, 0, &s, &err), HC_OK);
    assert_int_equal(hc_store_get(s, a, digest, 100, &body, &err), HC_E_NOTFOUND);
    assert_non_null(strstr(err.msg, "damaged"));
    assert_int_not_equal(access(path, F_OK), 0);
    hc_store_close(s);
}

/* Somebody empties the folder of a store that is open: what comes next is stored as if it were new. */
static void emptied(void **state)
{
    (void)state;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct hc_store *s;
    struct hc_err err;
    hc_str digest, body;
    char in[300];
    const char *temp;
    uint64_t size;
    assert_int_equal(hc_store_open(dir, 0, &s, &err), HC_OK);
    for (int adopted = 0; adopted < 2; adopted++) {
        assert_int_equal(hc_store_put(s, a, HC_S("emptied"), &digest, &err), HC_OK);
        assert_int_equal(hc_store_link(s, digest, "kind/ns/name.txt", &err), HC_OK);
        static const char *const folders[] = { "blobs", "tmp", "kind", "derived" };
        for (size_t i = 0; i < HC_LEN(folders); i++) {
            snprintf(in, sizeof(in), "%s/%s", dir, folders[i]);
            assert_int_equal(hc_remove_tree(in, NULL), HC_OK);
        }
        assert_false(hc_store_has(s, digest));
        assert_int_equal(hc_store_derived(s, a, digest, "kind", &temp, &err), HC_OK);
        assert_int_equal(hc_write_file(temp, HC_S("x"), 0644, &err), HC_OK);
        if (adopted) {
            assert_int_equal(hc_store_temp(s, a, &temp, &err), HC_OK);
            snprintf(in, sizeof(in), "%s/file", temp);
            assert_int_equal(hc_write_file(in, HC_S("emptied"), 0644, &err), HC_OK);
            assert_int_equal(hc_store_adopt(s, a, in, &digest, &size, &err), HC_OK);
        } else {
            assert_int_equal(hc_store_put(s, a, HC_S("emptied"), &digest, &err), HC_OK);
        }
        assert_int_equal(hc_store_get(s, a, digest, 100, &body, &err), HC_OK);
        assert_true(hc_str_eqz(body, "emptied"));
        assert_int_equal(hc_store_link(s, digest, "kind/ns/name.txt", &err), HC_OK);
    }
    hc_store_close(s);
}

static void damage(const char *path)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs("xyz", f);
    fclose(f);
}

/* What is damaged is seen, and mended by putting the same again, under its other name too. */
static void damage_is_mended(void **state)
{
    (void)state;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct hc_store *s;
    struct hc_err err;
    hc_str digest, body;
    const char *path;
    char half[256], link_path[256];
    assert_int_equal(hc_store_open(dir, 0, &s, &err), HC_OK);
    assert_int_equal(hc_store_put(s, a, HC_S("abc"), &digest, &err), HC_OK);
    assert_int_equal(hc_store_look(s, digest), HC_BLOB_HERE);
    assert_int_equal(hc_store_path(s, a, digest, &path, &err), HC_OK);
    assert_int_equal(hc_store_link(s, digest, "helmchart/a/b/c.tgz", &err), HC_OK);
    snprintf(link_path, sizeof(link_path), "%s/helmchart/a/b/c.tgz", dir);
    hc_store_close(s);

    damage(path);
    snprintf(half, sizeof(half), "%s/blobs/sha256/12.ab.tmp", dir); /* killed in the middle of a write */
    damage(half);
    assert_int_equal(hc_store_open(dir, 0, &s, &err), HC_OK);
    assert_int_not_equal(access(half, F_OK), 0);
    assert_int_equal(hc_store_put(s, a, HC_S("abc"), &digest, &err), HC_OK); /* before anybody looked */
    assert_int_equal(hc_store_get(s, a, digest, 100, &body, &err), HC_OK);
    assert_true(hc_str_eqz(body, "abc"));
    assert_true(hc_store_linked(s, digest, "helmchart/a/b/c.tgz"));
    assert_int_equal(hc_read_file(a, AT_FDCWD, link_path, 100, &body, &err), HC_OK);
    assert_true(hc_str_eqz(body, "abc"));
    hc_store_close(s);

    damage(path);
    assert_int_equal(hc_store_open(dir, 0, &s, &err), HC_OK);
    assert_int_equal(hc_store_look(s, digest), HC_BLOB_DAMAGED);
    assert_int_equal(hc_store_look(s, digest), HC_BLOB_GONE);
    assert_false(hc_store_linked(s, digest, "helmchart/a/b/c.tgz"));
    assert_int_equal(hc_store_look(s, HC_S("sha256:nonsense")), HC_BLOB_GONE);
    assert_int_equal(hc_store_unlink(s, "helmchart/a/b", &err), HC_OK);
    hc_store_close(s);
}

static void replaced_links_stay_by_number_and_age(void **state)
{
    (void)state;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct hc_store *s;
    struct hc_err err;
    hc_str digest;
    assert_int_equal(hc_store_open(dir, 0, &s, &err), HC_OK);
    for (int i = 0; i < 5; i++) {
        char text[32], link_path[64];
        snprintf(text, sizeof(text), "body %d", i);
        snprintf(link_path, sizeof(link_path), "helmchart/a/r/%d.tgz", i);
        assert_int_equal(hc_store_put(s, a, hc_str_of(text), &digest, &err), HC_OK);
        assert_int_equal(hc_store_link(s, digest, link_path, &err), HC_OK);
    }
    assert_int_equal(hc_store_link(s, digest, "helmchart/a/r/latest.tgz", &err), HC_OK);
    assert_int_equal(hc_store_retain(s, "helmchart/a/r", "4.tgz", "latest.tgz", 3600000, 2), 2);
    assert_int_equal(hc_store_retain(s, "helmchart/a/r", "4.tgz", "latest.tgz", 3600000, 2), 2);
    assert_int_equal(hc_store_retain(s, "helmchart/a/r", "4.tgz", "latest.tgz", 0, 2), 0);
    assert_int_equal(hc_store_retain(s, "helmchart/a/r", NULL, NULL, 3600000, 9), 2);
    assert_int_equal(hc_store_retain(s, "helmchart/not/there", NULL, NULL, 0, 0), 0);
    assert_true(hc_store_collect(s, true) > 0); /* the disk is full: what is linked stays */
    assert_true(hc_store_has(s, digest));
    assert_int_equal(hc_store_unlink(s, "helmchart/a/r", &err), HC_OK);
    assert_int_equal(hc_store_collect(s, true), 6);
    hc_store_close(s);
}

static void links_keep_blobs_alive(void **state)
{
    (void)state;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct hc_store *s;
    struct hc_err err;
    hc_str kept, loose;
    char link_path[256];
    assert_int_equal(hc_store_open(dir, 1, &s, &err), HC_OK);
    assert_int_equal(hc_store_put(s, a, HC_S("kept"), &kept, &err), HC_OK);
    assert_int_equal(hc_store_put(s, a, HC_S("loose"), &loose, &err), HC_OK);
    assert_int_equal(hc_store_link(s, kept, "gitrepository/ns/fleet/a.tar.gz", &err), HC_OK);
    assert_int_equal(hc_store_link(s, kept, "gitrepository/ns/fleet/a.tar.gz", &err), HC_OK);
    assert_int_equal(hc_store_collect(s, false), 5);
    assert_true(hc_store_has(s, kept));
    assert_false(hc_store_has(s, loose));
    snprintf(link_path, sizeof(link_path), "%s/gitrepository/ns/fleet/a.tar.gz", dir);
    assert_int_equal(access(link_path, R_OK), 0);
    assert_int_equal(hc_store_unlink(s, "gitrepository/ns/fleet", &err), HC_OK);
    assert_int_not_equal(access(link_path, R_OK), 0);
    assert_int_equal(hc_store_collect(s, false), 4);
    hc_store_close(s);
}

static void half_written_work_is_cleared(void **state)
{
    (void)state;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct hc_store *s;
    struct hc_err err;
    const char *temp;
    assert_int_equal(hc_store_open(dir, 0, &s, &err), HC_OK);
    assert_int_equal(hc_store_temp(s, a, &temp, &err), HC_OK);
    assert_int_equal(access(temp, W_OK), 0);
    hc_store_close(s);
    assert_int_equal(hc_store_open(dir, 0, &s, &err), HC_OK);
    assert_int_not_equal(access(temp, F_OK), 0);
    hc_store_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(put_get_and_damage),     cmocka_unit_test(emptied),
        cmocka_unit_test(damage_is_mended),       cmocka_unit_test(replaced_links_stay_by_number_and_age),
        cmocka_unit_test(links_keep_blobs_alive), cmocka_unit_test(half_written_work_is_cleared),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
