/*
 * Paths to fields: every notation, keys with points, and what is told when there is no such field.
 */
#include <stdio.h>

#include "core/value/fieldpath.h"
#include "core/value/json.h"
#include "core/value/yaml.h"
#include "tests/unit/unit.h"

static const char doc[] = "metadata:\n"
                          "  name: web\n"
                          "  annotations:\n"
                          "    prometheus.io/port: \"9\"\n"
                          "    prometheus: x\n"
                          "    a\\b: y\n"
                          "spec:\n"
                          "  containers:\n"
                          "    - name: app\n"
                          "      image: nginx\n"
                          "    - name: side\n"
                          "      ports: [1, 2]\n"
                          "  a/b: {c~d: 1}\n"
                          "  odd: {'': 1, ' x ': 2, \"it's\": 3, b: {c: 4}, b.c: 5, '$': 6}\n"
                          "  empty: {}\n"
                          "$ref: 7\n";

static const struct {
    const char *path, *is, *canonical; /* `is` NULL: the error in `canonical` */
} rows[] = {
    { "metadata.name", "\"web\"", "metadata.name" },
    { ".metadata.name", "\"web\"", "metadata.name" },
    { "$.metadata.name", "\"web\"", "metadata.name" },
    { "{.metadata.name}", "\"web\"", "metadata.name" },
    { "/metadata/name", "\"web\"", "metadata.name" },
    { "['metadata'][\"name\"]", "\"web\"", "metadata.name" },
    { "spec.containers[1].ports[0]", "1", "spec.containers[1].ports[0]" },
    { "spec.containers[-1].ports[-1]", "2", "spec.containers[1].ports[1]" },
    { "/spec/containers/1/ports/0", "1", "spec.containers[1].ports[0]" },
    { "spec.containers[name=app].image", "\"nginx\"", "spec.containers[0].image" },
    { "spec.containers[?(@.name==\"app\")].image", "\"nginx\"", "spec.containers[0].image" },
    { "spec.containers.[name='side'].ports", "[1,2]", "spec.containers[1].ports" },
    { "metadata.annotations.prometheus.io/port", "\"9\"", "metadata.annotations.prometheus\\.io/port" },
    { "metadata.annotations.prometheus\\.io/port", "\"9\"", "metadata.annotations.prometheus\\.io/port" },
    { "metadata.annotations['prometheus.io/port']", "\"9\"", "metadata.annotations.prometheus\\.io/port" },
    { "metadata.annotations.prometheus", "\"x\"", "metadata.annotations.prometheus" },
    { "/spec/a~1b/c~0d", "1", "spec.a/b.c~d" },
    { "/spec/odd/", "1", "spec.odd['']" },
    { "spec.odd['']", "1", "spec.odd['']" },
    { "/spec/odd/ x /", NULL, "spec.odd[' x '] is a number: there is nothing below it" },
    { "spec.odd[' x ']", "2", "spec.odd[' x ']" },
    { "spec.odd.it's", "3", "spec.odd.it's" },
    { "spec.odd.b.c", "5", "spec.odd.b\\.c" },
    { "/spec/odd/b/c", "4", "spec.odd['b'].c" },
    { "spec.odd['b'].c", "4", "spec.odd['b'].c" },
    { "spec.odd.$", "6", "spec.odd.$" },
    { "/$ref", "7", "['$ref']" },
    { "['$ref']", "7", "['$ref']" },
    { "", NULL, "" },
    { "spec.container", NULL, "spec has no field container: did you mean containers?" },
    { "spec.empty.x", NULL, "spec.empty has no field x: it is empty" },
    { "zzz", NULL, "the object has no field zzz: there is metadata, spec, $ref" },
    { "spec.containers[2]", NULL, "spec.containers has 2 items, and no [2]" },
    { "spec.containers[-3]", NULL, "spec.containers has 2 items, and no [-3]" },
    { "spec.containers.image", NULL,
      "spec.containers is a list of 2 items: write spec.containers[0].image or spec.containers[name=...].image" },
    { "/spec/containers/app", NULL,
      "spec.containers is a list of 2 items: a number or [name=value] belongs behind it, not 'app'" },
    { "spec.containers[name=db].image", NULL, "no item of spec.containers has name=db; there is app, side" },
    { "metadata.name.x", NULL, "metadata.name is a string: there is nothing below it" },
    { "spec..image", NULL, "the path 'spec..image' cannot be read: searches (..) are not known at character 5" },
    { "spec.containers[0", NULL,
      "the path 'spec.containers[0' cannot be read: the bracket is not closed at character 16" },
    { "spec.containers[x]", NULL, "the path 'spec.containers[x]' cannot be read: a number, 'key' or name=value" },
    { "spec['a", NULL, "the path 'spec['a' cannot be read: a closing bracket is missing" },
};

static void every_notation(void **state)
{
    (void)state;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct hc_val *tree = NULL;
    assert_int_equal(hc_yaml_parse(a, hc_str_of(doc), HC_S("doc"), 0, &tree, NULL), HC_OK);
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        struct hc_field f;
        struct hc_field_way way;
        struct hc_err err = HC_ERR_INIT;
        enum hc_rc rc = hc_field_find(a, tree, hc_str_of(rows[i].path), &f, &way, &err);
        if (!rows[i].is && !rows[i].canonical[0]) { /* the document itself */
            assert_int_equal(rc, HC_OK);
            assert_ptr_equal(f.val, tree);
            continue;
        }
        if (!rows[i].is) {
            assert_int_not_equal(rc, HC_OK);
            if (strncmp(err.msg, rows[i].canonical, strlen(rows[i].canonical)) != 0)
                fail_msg("%s: %s", rows[i].path, err.msg);
            continue;
        }
        if (rc != HC_OK)
            fail_msg("%s: %s", rows[i].path, err.msg);
        HC_AUTO(hc_buf) struct hc_buf b;
        hc_buf_init(&b, 0);
        hc_json_write(&b, f.val, 0);
        if (!hc_str_eqz(hc_buf_str(&b), rows[i].is) || !hc_str_eqz(f.path, rows[i].canonical))
            fail_msg("%s: %.*s at %.*s", rows[i].path, HC_P(hc_buf_str(&b)), HC_P(f.path));
    }
}

static void names_that_are_near(void **state)
{
    (void)state;
    assert_int_equal(hc_name_distance(HC_S("image"), HC_S("image")), 0);
    assert_int_equal(hc_name_distance(HC_S("imge"), HC_S("image")), 2);
    assert_int_equal(hc_name_distance(HC_S("iamge"), HC_S("image")), 2);
    assert_int_equal(hc_name_distance(HC_S("Image"), HC_S("image")), 1);
    assert_int_equal(hc_name_distance(HC_S(""), HC_S("ab")), 4);
    assert_true(hc_name_near(HC_S("replicas"), HC_S("replicaCount")) == false);
    assert_true(hc_name_near(HC_S("persistance"), HC_S("persistence")));
    assert_true(hc_name_near(HC_S("ab"), HC_S("ac")));
    assert_false(hc_name_near(HC_S("ab"), HC_S("cd")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_notation),
        cmocka_unit_test(names_that_are_near),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
