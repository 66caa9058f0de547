/*
 * templating/kustomize against what the real kustomize made of the same folders (tests/golden/kustomize: expected.yaml,
 * `path` names the folder to build). Order of objects does not count; everything in them does.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>

#include "core/base/fs.h"
#include "core/value/json.h"
#include "core/value/yaml.h"
#include "templating/kustomize/kustomize.h"
#include "tests/unit/unit.h"

#define CASES HC_TEST_SOURCE_DIR "/tests/golden/kustomize"

static const struct hc_val *same_object(const struct hc_val *list, const struct hc_val *o)
{
    for (size_t i = 0; i < hc_list_len(list); i++) {
        const struct hc_val *x = hc_list_at(list, i);
        if (hc_str_eq(hc_get_str_at(x, "kind"), hc_get_str_at(o, "kind")) &&
            hc_str_eq(hc_get_str_at(x, "metadata.name"), hc_get_str_at(o, "metadata.name")))
            return x;
    }
    return NULL;
}

static void print(const char *what, const struct hc_val *v)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    hc_json_write(&b, v, HC_JSON_SORT | HC_JSON_INDENT2);
    fprintf(stderr, "%s:\n%.*s\n", what, HC_P(hc_buf_str(&b)));
}

static void one_case(const char *name)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct hc_err err = HC_ERR_INIT;
    hc_str text, path = { NULL, 0 };
    struct hc_val *want, *got;
    const char *dir = hc_arena_printf(a, CASES "/%s", name).p;
    assert_int_equal(hc_read_file(a, AT_FDCWD, hc_arena_printf(a, "%s/expected.yaml", dir).p, 1 << 20, &text, &err),
                     HC_OK);
    assert_int_equal(hc_yaml_parse_all(a, text, HC_S("expected.yaml"), HC_YAML_TRUE_FALSE, &want, &err), HC_OK);
    if (hc_read_file(a, AT_FDCWD, hc_arena_printf(a, "%s/path", dir).p, 4096, &path, NULL) != HC_OK)
        path = HC_S("");
    if (hc_kustomize_build(a, dir, hc_arena_strz(a, hc_str_trim(path)), NULL, &got, &err) != HC_OK)
        fail_msg("%s: %s", name, err.msg);
    for (size_t i = 0; i < hc_list_len(want); i++) {
        const struct hc_val *w = hc_list_at(want, i), *g = same_object(got, w);
        if (!g)
            fail_msg("%s: no %.*s %.*s", name, HC_P(hc_get_str_at(w, "kind")),
                     HC_P(hc_get_str_at(w, "metadata.name")));
        if (!hc_val_equal(w, g)) {
            print("want", w);
            print("got", g);
            fail_msg("%s: %.*s differs", name, HC_P(hc_get_str_at(w, "metadata.name")));
        }
    }
    assert_int_equal(hc_list_len(got), hc_list_len(want));
}

static void cases(void **state)
{
    (void)state;
    DIR *d = opendir(CASES);
    int n = 0;
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));)
        if (e->d_name[0] != '.') {
            one_case(e->d_name);
            n++;
        }
    closedir(d);
    assert_true(n >= 8);
}

static struct hc_val *parse(struct hc_arena *a, const char *json)
{
    struct hc_val *v;
    assert_int_equal(hc_json_parse(a, hc_str_of(json), 0, &v, NULL), HC_OK);
    return v;
}

static void substitution(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out; /* out NULL: an error */
    } rows[] = {
        { "plain $HOME $(x) 100%", "\"plain $HOME $(x) 100%\"" },
        { "${a}", "\"1.2.x\"" },
        { "x${a}y", "\"x1.2.xy\"" },
        { "${n}", "3" },
        { "v${n}", "\"v3\"" },
        { "${missing:=7}", "7" },
        { "${missing:-d e}", "\"d e\"" },
        { "${empty:=full}", "\"full\"" },
        { "${empty-full}", "null" },
        { "${missing:-${a}}", "\"1.2.x\"" },
        { "$${a}", "\"${a}\"" },
        { "${a/1/2}", "\"2.2.x\"" },
        { "${a//./_}", "\"1_2_x\"" },
        { "${a%.*}", "1.2" },
        { "${a##*.}", "\"x\"" },
        { "${a^^}", "\"1.2.X\"" },
        { "${a:0:3}", "1.2" },
        { "${#a}", "5" },
        { "${missing}", NULL },
        { "${a", NULL },
        { "${}", NULL },
    };
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
        HC_AUTO(hc_buf) struct hc_buf b;
        hc_buf_init(&b, 0);
        struct hc_err err = HC_ERR_INIT;
        struct hc_val *vars = parse(a, "{\"a\":\"1.2.x\",\"n\":\"3\",\"empty\":\"\"}"), *out;
        struct hc_val *list = parse(a, "[{\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"c\"}}]");
        hc_map_put_strz(a, hc_list_at(list, 0), "v", rows[i].in);
        enum hc_rc rc = hc_kustomize_substitute(a, list, vars, true, &out, &err);
        if (!rows[i].out) {
            assert_int_equal(rc, HC_E_INPUT);
            assert_non_null(strstr(err.msg, "ConfigMap/c"));
            continue;
        }
        if (rc != HC_OK)
            fail_msg("%s: %s", rows[i].in, err.msg);
        hc_json_write(&b, hc_map_getz(hc_list_at(out, 0), "v"), 0);
        hc_buf_putc(&b, '\0');
        assert_string_equal(b.p, rows[i].out);
    }
}

static void errors(void **state)
{
    (void)state;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct hc_err err;
    struct hc_val *out;
    assert_int_equal(hc_kustomize_build(a, CASES, "nowhere", NULL, &out, &err), HC_E_NOTFOUND);
    assert_int_equal(hc_kustomize_build(a, CASES, "../..", NULL, &out, &err), HC_E_INPUT);
    assert_non_null(strstr(err.msg, "leads out of the source"));
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(cases), cmocka_unit_test(substitution),
                                        cmocka_unit_test(errors) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
