/*
 * Manifests to waves, what left, ownership: tables.
 */
#include <stdio.h>

#include "core/base/buf.h"
#include "deploy/plan/plan.h"
#include "tests/unit/unit.h"

static struct hc_plan_object *read(struct hc_arena *a, const char *text, size_t *n)
{
    struct hc_plan_object *o = NULL;
    struct hc_err err = HC_ERR_INIT;
    if (hc_plan_read(a, hc_str_of(text), &o, n, &err) != HC_OK)
        fail_msg("%s", err.msg);
    return o;
}

static void test_read(void **state)
{
    (void)state;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    size_t n;
    struct hc_plan_object *o = read(
        a,
        "---\n# only a comment\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, "
        "namespace: x}\n---\napiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: "
        "Secret\n  metadata: {name: b, annotations: {helm.sh/resource-policy: Keep}}\n- "
        "apiVersion: batch/v1\n  kind: Job\n  metadata: {generateName: c-}\n",
        &n);
    assert_int_equal(n, 3);
    assert_true(hc_str_eqz(o[0].name, "a") && hc_str_eqz(o[0].ns, "x") && !o[0].keep);
    assert_true(hc_str_eqz(o[1].name, "b") && o[1].keep);
    assert_true(o[2].name.n == 0 && hc_str_eqz(o[2].generate_name, "c-"));
}

static void test_read_refuses(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } rows[] = {
        { "a\n", "is a string, not an object" },
        { "kind: X\nmetadata: {name: a}\n", "has no apiVersion" },
        { "apiVersion: v1\nmetadata: {name: a}\n", "has no kind" },
        { "apiVersion: v1\nkind: X\n", "has no metadata.name" },
        { "a: [\n", "manifest" },
    };
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
        struct hc_err err = HC_ERR_INIT;
        struct hc_plan_object *o;
        size_t n;
        assert_int_not_equal(hc_plan_read(a, hc_str_of(rows[i].text), &o, &n, &err), HC_OK);
        if (!strstr(err.msg, rows[i].says))
            fail_msg("%s: %s", rows[i].text, err.msg);
    }
}

static void order_text(struct hc_plan_object *o, size_t n, char *out)
{
    *out = '\0';
    for (size_t i = 0; i < n; i++) {
        size_t len = strlen(out);
        snprintf(out + len, 512 - len, "%d%.*s ", o[i].wave, HC_P(o[i].name));
    }
}

static void test_order(void **state)
{
    (void)state;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    size_t n;
    char got[512];
    struct hc_plan_object *o = read(a,
                                    "{apiVersion: x/v1, kind: Thing, metadata: {name: cr}}\n---\n"
                                    "{apiVersion: apps/v1, kind: Deployment, metadata: {name: dep}}\n---\n"
                                    "{apiVersion: v1, kind: Service, metadata: {name: svc}}\n---\n"
                                    "{apiVersion: v1, kind: ConfigMap, metadata: {name: cm2}}\n---\n"
                                    "{apiVersion: v1, kind: ConfigMap, metadata: {name: cm1}}\n---\n"
                                    "{apiVersion: v1, kind: Namespace, metadata: {name: ns}}\n",
                                    &n);
    hc_plan_order(o, n);
    order_text(o, n, got);
    assert_string_equal(got, "0ns 1cm2 1cm1 2svc 3dep 4cr "); /* equals keep their order */
    hc_plan_order_delete(o, n);
    order_text(o, n, got);
    assert_string_equal(got, "0cr 1dep 2svc 3cm2 3cm1 4ns ");
}

#define DOC(kind, name, annotations)                                                                               \
    "{apiVersion: v1, kind: " kind ", metadata: {name: " name ", annotations: {" annotations "}}}\n---\n"
#define WAVE(n)  "release.helmctl.dev/wave: '" n "'"
#define ARGO(n)  "argocd.argoproj.io/sync-wave: '" n "'"
#define AFTER(x) "release.helmctl.dev/depends-on: '" x "'"

/* What a chart asks for: "group of each object, in order of the manifest", or the words of the refusal. */
static void test_waves(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        unsigned flags;
        const char *want; /* groups, a digit each, or the refusal */
    } rows[] = {
        { DOC("ConfigMap", "a", "") DOC("Deployment", "b", ""), 0, "00" },
        { DOC("A", "a", WAVE("5")) DOC("A", "b", WAVE("-5")) DOC("A", "c", ""), 0, "201" },
        { DOC("A", "a", WAVE(" 7 ")) DOC("A", "b", WAVE("7")), 0, "00" },
        { DOC("A", "a", WAVE("two")), 0,
          "A/a: annotation release.helmctl.dev/wave: \"two\" is not a whole number" },
        { DOC("A", "a", WAVE("99999999999")), 0, "is not a whole number" },
        { DOC("A", "a", WAVE("two")) DOC("A", "b", WAVE("-1")), HC_PLAN_LENIENT, "10" },
        /* Argo CD's count only where the chart says so, and ours come before. */
        { DOC("A", "a", ARGO("1")) DOC("A", "b", ""), 0, "00" },
        { DOC("A", "a", ARGO("1")) DOC("A", "b", ""), HC_PLAN_ARGO, "10" },
        { DOC("A", "a", ARGO("1") ", " WAVE("-1")) DOC("A", "b", ""), HC_PLAN_ARGO, "01" },
        /* What everything refers to comes first, unless told otherwise. */
        { DOC("Namespace", "space", "") DOC("A", "a", WAVE("-3")) DOC("B", "b", ""), 0, "001" },
        { DOC("Namespace", "space", WAVE("0")) DOC("A", "a", WAVE("-3")), 0, "10" },
        { DOC("Deployment", "web", AFTER("Job/migrate, Deployment/db"))
              DOC("Job", "migrate", AFTER("Deployment/db")) DOC("Deployment", "db", "") DOC("A", "other", ""),
          0, "2100" },
        /* Without a wave of its own it comes as late as it must; with one it must fit. */
        { DOC("A", "a", AFTER("A/b")) DOC("A", "b", WAVE("5")) DOC("A", "c", WAVE("6")), 0, "102" },
        { DOC("A", "a", WAVE("9") "," AFTER("A/b")) DOC("A", "b", WAVE("5")), 0, "10" },
        { DOC("A", "a", WAVE("0") "," AFTER("A/b")) DOC("A", "b", WAVE("5")), 0,
          "A/a is of wave 0 and depends on A/b, which is of the later wave 5" },
        { DOC("A", "a", AFTER("A/b")) DOC("A", "b", AFTER("A/c")) DOC("A", "c", AFTER("A/b")), 0,
          "in a circle (annotation release.helmctl.dev/depends-on): A/b -> A/c -> A/b" },
        { DOC("A", "a", AFTER("A/a")), 0, "A/a -> A/a" },
        { DOC("A", "a", AFTER("A/b")) DOC("A", "b", AFTER("A/a")), HC_PLAN_LENIENT, "10" },
        { DOC("A", "a", AFTER("Job/migrat")), 0, "the release has no object \"Job/migrat\" (hooks are none" },
        { DOC("A", "a", AFTER("migrate")), 0, "\"migrate\" is not of the form Kind/name" },
        { DOC("A", "a", AFTER("A/x/y/z")), 0, "is not of the form" },
        { DOC("A", "a", AFTER("A.apps/b")) DOC("A", "b", ""), 0, "no object \"A.apps/b\"" },
        { DOC("A", "a", AFTER("B.x/b")) "{apiVersion: x/v1, kind: B, metadata: {name: b}}\n---\n"
                                        "{apiVersion: y/v1, kind: B, metadata: {name: b}}\n",
          0, "100" },
        /* The same name in two namespaces. */
        { DOC("A", "a", AFTER("B/b")) "{apiVersion: v1, kind: B, metadata: {name: b, namespace: p}}\n---\n"
                                      "{apiVersion: v1, kind: B, metadata: {name: b, namespace: q}}\n",
          0, "is said of 2 objects: write Kind/namespace/name" },
        { DOC("A", "a", AFTER("B/q/b")) "{apiVersion: v1, kind: B, metadata: {name: b, namespace: p}}\n---\n"
                                        "{apiVersion: v1, kind: B, metadata: {name: b, namespace: q}}\n",
          0, "100" },
    };
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
        struct hc_err err = HC_ERR_INIT;
        size_t n;
        char got[64] = "";
        struct hc_plan_object *o = read(a, rows[i].text, &n);
        enum hc_rc rc = hc_plan_waves(a, o, n, rows[i].flags, &err);
        for (size_t j = 0; rc == HC_OK && j < n; j++)
            snprintf(got + j, sizeof(got) - j, "%d", o[j].group);
        if (rc != HC_OK)
            assert_int_equal(rc, HC_E_INPUT);
        if (rc == HC_OK ? strcmp(got, rows[i].want) != 0 : !strstr(err.msg, rows[i].want))
            fail_msg("%s: got %s, not %s", rows[i].text, rc == HC_OK ? got : err.msg, rows[i].want);
    }
}

/* Groups come before kinds, both ways. */
static void test_order_of_waves(void **state)
{
    (void)state;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    size_t n;
    char got[512];
    struct hc_plan_object *o = read(a,
                                    DOC("ConfigMap", "late", WAVE("1")) DOC("Deployment", "db", WAVE("-1"))
                                        DOC("Secret", "key", WAVE("-1")) DOC("Service", "svc", ""),
                                    &n);
    assert_int_equal(hc_plan_waves(a, o, n, 0, NULL), HC_OK);
    hc_plan_order(o, n);
    order_text(o, n, got);
    assert_string_equal(got, "0key 1db 2svc 3late ");
    hc_plan_order_delete(o, n);
    order_text(o, n, got);
    assert_string_equal(got, "0late 1svc 2db 3key ");
}

/* A long chain and a wide fan cost what they are long. */
static void test_many_waves(void **state)
{
    (void)state;
    enum { N = 4000 };
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct hc_buf b;
    size_t n;
    hc_buf_init(&b, 0);
    for (int i = 0; i < N; i++)
        hc_buf_printf(&b,
                      "---\n{apiVersion: v1, kind: A, metadata: {name: a%d, annotations: {" AFTER("A/a%d") "}}}\n",
                      i, i + 1);
    hc_buf_printf(&b, "---\n{apiVersion: v1, kind: A, metadata: {name: a%d}}\n", N);
    hc_buf_putc(&b, '\0');
    struct hc_plan_object *o = read(a, b.p, &n);
    assert_int_equal(hc_plan_waves(a, o, n, 0, NULL), HC_OK);
    assert_int_equal(o[0].group, N);
    assert_int_equal(o[N].group, 0);
    hc_buf_done(&b);
}

static void test_left(void **state)
{
    (void)state;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    size_t was_n, is_n;
    struct hc_plan_object *left;
    struct hc_plan_object *was = read(a,
                                      "{apiVersion: extensions/v1beta1, kind: Ingress, metadata: {name: i}}\n---\n"
                                      "{apiVersion: autoscaling/v1, kind: HPA, metadata: {name: h}}\n---\n"
                                      "{apiVersion: v1, kind: ConfigMap, metadata: {name: c, namespace: x}}\n---\n"
                                      "{apiVersion: batch/v1, kind: Job, metadata: {generateName: g-}}\n",
                                      &was_n);
    struct hc_plan_object *is = read(a,
                                     "{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: i}}\n---\n"
                                     "{apiVersion: autoscaling/v2, kind: HPA, metadata: {name: h}}\n---\n"
                                     "{apiVersion: v1, kind: ConfigMap, metadata: {name: c, namespace: y}}\n",
                                     &is_n);
    /* Another group is another object; another version is the same one; another namespace is another. */
    assert_int_equal(hc_plan_left(a, was, was_n, is, is_n, &left), 2);
    assert_true(hc_str_eqz(left[0].kind, "Ingress"));
    assert_true(hc_str_eqz(left[1].kind, "ConfigMap"));
}

static void test_ownership(void **state)
{
    (void)state;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    size_t n;
    hc_str why;
    struct hc_plan_object *o = read(
        a, "{apiVersion: v1, kind: ConfigMap, metadata: {name: c, labels: {l: '1'}}, data: {k: v}}", &n);
    const struct hc_val *before = o->object;
    assert_false(hc_plan_owned(a, o->object, HC_S("web"), HC_S("apps"), &why));
    assert_true(hc_str_eqz(
        why,
        "invalid ownership metadata; label validation error: missing key \"app.kubernetes.io/managed-by\": must be "
        "set to \"Helm\"; annotation validation error: missing key \"meta.helm.sh/release-name\": must be set to "
        "\"web\"; annotation validation error: missing key \"meta.helm.sh/release-namespace\": must be set to "
        "\"apps\""));
    hc_plan_own(a, o, HC_S("web"), HC_S("apps"));
    hc_plan_place(a, o, HC_S("apps"));
    assert_true(hc_plan_owned(a, o->object, HC_S("web"), HC_S("apps"), NULL));
    assert_true(hc_str_eqz(hc_get_str_at(o->object, "metadata.labels.l"), "1"));
    assert_true(hc_str_eqz(hc_get_str_at(o->object, "metadata.namespace"), "apps"));
    assert_true(hc_str_eqz(hc_get_str_at(o->object, "data.k"), "v"));
    assert_null(hc_get(before, "metadata.annotations")); /* what was read stays as it was */
    assert_false(hc_plan_owned(a, o->object, HC_S("other"), HC_S("apps"), &why));
    assert_true(hc_str_eqz(why, "invalid ownership metadata; annotation validation error: key "
                                "\"meta.helm.sh/release-name\" must equal \"other\": current value is \"web\""));
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_read),           cmocka_unit_test(test_read_refuses),
                                        cmocka_unit_test(test_order),          cmocka_unit_test(test_waves),
                                        cmocka_unit_test(test_order_of_waves), cmocka_unit_test(test_many_waves),
                                        cmocka_unit_test(test_left),           cmocka_unit_test(test_ownership) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
