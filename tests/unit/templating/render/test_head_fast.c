/*
 * The quick reader of manifest heads: what it takes, what it leaves to the real one, and that both agree. Every text is
 * also tried with each byte changed: whatever the quick reader takes then, the real one must take with the same head.
 */
#include "core/base/buf.h"
#include "templating/render/head.h"
#include "tests/unit/unit.h"

static const struct {
    bool fast;
    const char *text;
} rows[] = {
    { true,
      "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: x\n  namespace: web\n  labels: {}\ndata:\n  a: b\n" },
    { true, "# Source: c/templates/x.yaml\nkind: \"Foo\" # why\nmetadata:\n  name: 'x'\n\n\nspec:\n" },
    { true, "kind: A\nspec:\n  list:\n  - a: 1\n    b: 2\n  -  c: 3\n  - - x\n    - y\n  -\n    z: 1\n  nested:\n  "
            "  - 1\n" },
    { true,
      "kind: A\ndata:\n  text: |\n    a: b: c\n\n      deeper \"quote\n    # no comment\n  next: |-\n    x\n" },
    { true, "kind: A\nspec:\n  args: [\"--x\", 'y', {a: b, \"c\": []}, 5]\n  e: {}\n  f: []\n  g: a#b:c\n" },
    { true, "kind: A\ndescription: long text that\n  goes on here\n  and ends\nother:\n  a text of its own\n" },
    { true, "kind: A\ntext: \"long text that\n  goes \\\"on\\\" here\"\nother: 'it''s\n  fine'\n" },
    { true, "kind: A\nmetadata:\n  name: x\n  annotations:\n    a: \"1\"\n    b: |\n      text\n    c: plain\n" },
    { true, "kind: A\nx: -1\nq: --flag\nz: http://x.example:80/a?b=c&d\nu: caf\xc3\xa9\n" },
    { true, "kind: A\nmetadata:\n  annotations:\n    {}\nspec:\n    {}\n" },
    { true, "kind: A\nmetadata:\n  annotations:\n    helm.sh/hook: test\n" },
    { true, "kind: A\nmetadata:\n  annotations:\n    x: z\n    \"helm.sh/hook\": pre-install,pre-upgrade\n"
            "    'helm.sh/hook-weight': \"-5\"\n  name: x\n" },
    { true, "kind: A\nmetadata:\n  annotations:\n    helm.sh/hook-weight: '1'\nspec:\n  annotations:\n    a: b\n" },
    { false, "kind: A\nmetadata:\n  annotations:\n    helm.sh/hook: test\n    helm.sh/hook-weight: 5\n" },
    { false, "kind: A\nmetadata:\n  annotations:\n    helm.sh/hook: test\n    a: |\n      b\n" },
    { false, "kind: A\nmetadata:\n  annotations:\n    helm.sh/hook: test\n    helm.sh/hook: other\n" },
    { false, "metadata:\n  annotations:\n    helm.sh/hook: test\nmetadata:\n  annotations:\n    a: b\n" },
    { false, "kind: A\nmetadata:\n  annotations:\n    a: [b]\n" },
    { false, "kind: A\nmetadata:\n  annotations:\n    a:\n      b: c\n" },
    { false, "kind: 5\n" },
    { false, "kind: yes\n" },
    { false, "Kind: A\n" },
    { false, "kind: &a A\nb: *a\n" },
    { false, "kind: !!str A\n" },
    { false, "kind: A\n<<: {a: b}\n" },
    { false, "kind: A\na: b: c\n" },
    { false, "kind: A\na:\n  b: 1\n c: 2\n" },
    { false, "kind: A\na: .inf\n" },
    { false, "kind: A\n~: 1\n" },
    { false, "kind: A\na:\tb\n" },
    { false, "kind: A\r\n" },
    { false, "kind: A\na: \"\\q\"\n" },
    { false, "kind: A\na: 'open\n" },
    { false, "kind: A\na: [1, 2\n" },
    { false, "- kind: A\n" },
    { false, "kind: A\n...\nb: 2: 3\n" },
    { false, "kind: A\nmetadata:\n- x\n" },
    { false, "kind: A\na: |2\n  x\n" },
    { false, "kind: A\na: |\n    x\n  y\n" },
    { false, "kind: A\na: %b\n" },
    { false, "kind: A\na: x\x7f\n" },
};

static void agrees(const char *what, hc_str text, int want)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct hc_head fast, whole;
    struct hc_err err = HC_ERR_INIT;
    bool taken = hc_head_read_fast(a, text, &fast);
    if (want >= 0 && taken != (want == 1))
        fail_msg("%s: %s", taken ? "taken" : "left", what);
    if (!taken)
        return;
    if (hc_head_read_whole(a, text, &whole, &err) != HC_OK)
        fail_msg("taken, but %s:\n%.*s", err.msg, HC_P(text));
    if (!hc_str_eq(fast.kind, whole.kind) || !hc_str_eq(fast.api_version, whole.api_version) ||
        !hc_str_eq(fast.name, whole.name) || !hc_str_eq(fast.ns, whole.ns) ||
        (fast.annotations && hc_map_len(fast.annotations) != hc_map_len(whole.annotations)))
        fail_msg("another head:\n%.*s", HC_P(text));
    for (size_t i = 0; i < hc_map_len(whole.annotations); i++) {
        const struct hc_entry *e = hc_map_at(whole.annotations, i);
        if (fast.annotations ? !hc_str_eq(e->key, hc_map_at(fast.annotations, i)->key) ||
                                   !hc_str_eq(hc_get_str(e->val), hc_get_str(hc_map_at(fast.annotations, i)->val))
                             : hc_str_starts(e->key, HC_S("helm.sh/hook")))
            fail_msg("other annotations:\n%.*s", HC_P(text));
    }
}

static void takes_and_leaves(void **state)
{
    (void)state;
    for (size_t i = 0; i < HC_LEN(rows); i++)
        agrees(rows[i].text, hc_str_of(rows[i].text), rows[i].fast);
}

static void agrees_on_changed_texts(void **state)
{
    (void)state;
    static const char changes[] = " \n\t:-#'\"[]{}|>,&*!?a1.~%@\\=<";
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        hc_str text = hc_str_of(rows[i].text);
        for (size_t at = 0; at < text.n; at++) {
            for (const char *c = changes; *c; c++) {
                for (int insert = 0; insert < 2; insert++) {
                    HC_AUTO(hc_buf) struct hc_buf b;
                    hc_buf_init(&b, 0);
                    hc_buf_put(&b, hc_str_sub(text, 0, at));
                    hc_buf_putc(&b, *c);
                    hc_buf_put(&b, hc_str_sub(text, insert ? at : at + 1, text.n));
                    agrees("changed", hc_buf_str(&b), -1);
                }
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_and_leaves),
        cmocka_unit_test(agrees_on_changed_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
