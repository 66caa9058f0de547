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
    assert_int_equal(hc_store_collect(s), 5);
    assert_true(hc_store_has(s, kept));
    assert_false(hc_store_has(s, loose));
    snprintf(link_path, sizeof(link_path), "%s/gitrepository/ns/fleet/a.tar.gz", dir);
    assert_int_equal(access(link_path, R_OK), 0);
    assert_int_equal(hc_store_unlink(s, "gitrepository/ns/fleet", NULL, &err), HC_OK);
    assert_int_not_equal(access(link_path, R_OK), 0);
    assert_int_equal(hc_store_collect(s), 4);
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
        cmocka_unit_test(put_get_and_damage),
        cmocka_unit_test(links_keep_blobs_alive),
        cmocka_unit_test(half_written_work_is_cleared),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
