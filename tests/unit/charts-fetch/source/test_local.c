/*
 * Charts by path: folder, archive, sub-chart archives, refusals.
 */
#include "charts-fetch/source/local.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "charts-fetch/unpack/unpack.h"
#include "core/base/fs.h"
#include "tests/unit/unit.h"

static void folders_and_archives(void **state)
{
    (void)state;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct hc_err err = HC_ERR_INIT;
    const struct hc_unpacked sub[] = { { HC_S("s/Chart.yaml"), HC_S("name: s\nversion: 1.0.0\n"), 0644 },
                                       { HC_S("s/values.yaml"), HC_S("x: 1\n"), 0644 } };
    hc_str sub_tgz, tgz;
    assert_int_equal(hc_pack_memory(a, sub, 2, 0, &sub_tgz, &err), HC_OK);
    const struct hc_unpacked top[] = { { HC_S("t/charts/s-1.tgz"), sub_tgz, 0644 },
                                       { HC_S("t/Chart.yaml"), HC_S("name: t\nversion: 1.0.0\n"), 0644 } };
    assert_int_equal(hc_pack_memory(a, top, 2, 0, &tgz, &err), HC_OK);
    struct hc_chart *c = NULL, *same = NULL;
    assert_int_equal(hc_chart_load_archive(tgz, &hc_chart_archives, &c, &err), HC_OK);
    assert_int_equal(c->subs_n, 1);
    assert_true(hc_str_eqz(c->subs[0]->name, "s"));
    assert_ptr_equal(c->subs[0]->parent, c);
    assert_int_equal(c->digest.n, 71);

    char dir[] = "/tmp/hc-local-XXXXXX", path[64];
    assert_non_null(mkdtemp(dir));
    assert_int_equal(hc_unpack_to_dir(tgz, dir, NULL, &err), HC_OK);
    snprintf(path, sizeof(path), "%s/t", dir);
    assert_int_equal(hc_chart_load_path(path, &hc_chart_archives_once, &same, &err), HC_OK);
    assert_true(hc_str_eq(same->name, c->name));
    assert_int_equal(same->subs_n, 1);
    assert_int_equal(same->digest.n, 0);
    hc_chart_unref(c);
    hc_chart_unref(same);

    snprintf(path, sizeof(path), "%s/x.tgz", dir);
    assert_int_equal(hc_write_file(path, hc_str_sub(tgz, 0, tgz.n / 2), 0600, &err), HC_OK);
    assert_int_equal(hc_chart_load_path(path, &hc_chart_archives, &c, &err), HC_E_INPUT);
    assert_non_null(strstr(err.msg, "unable to load chart archive: "));
    snprintf(path, sizeof(path), "%s/x.yaml", dir);
    assert_int_equal(hc_write_file(path, HC_S("a: 1\n"), 0600, &err), HC_OK);
    assert_int_equal(hc_chart_load_path(path, &hc_chart_archives, &c, &err), HC_E_INPUT);
    assert_non_null(strstr(err.msg, "seems to be a YAML file, but expected a gzipped archive"));
    assert_int_equal(hc_chart_load_path(dir, &hc_chart_archives, &c, &err), HC_E_INPUT);
    assert_string_equal(err.msg, "Chart.yaml file is missing");
    struct hc_chart_port detect = hc_chart_archives;
    detect.detect = true; /* as Helm's commands that take any chart do */
    assert_int_equal(hc_chart_load_path(dir, &detect, &c, &err), HC_E_INPUT);
    assert_non_null(strstr(err.msg, "unable to detect chart at"));
    assert_int_equal(hc_chart_load_path("/nowhere/x", &hc_chart_archives, &c, &err), HC_E_NOTFOUND);
    hc_remove_tree(dir, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(folders_and_archives) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
