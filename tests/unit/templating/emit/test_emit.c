/*
 * The Lua of templates, as it is shown to people: one row a shape.
 */
#include <stdio.h>

#include "templating/emit/emit.h"
#include "tests/unit/unit.h"

static const char *const funcs[] = { "upper", "print", "include", "tpl", "and", "or" };

static const void *find_func(void *ctx, hc_str name)
{
    (void)ctx;
    for (size_t i = 0; i < HC_LEN(funcs); i++) {
        if (hc_str_eqz(name, funcs[i]))
            return &funcs[i];
    }
    return NULL;
}

static enum hc_emit_func kind(const void *func)
{
    switch ((const char *const *)func - funcs) {
    case 2:
        return HC_EMIT_INCLUDE;
    case 3:
        return HC_EMIT_TPL;
    case 4:
        return HC_EMIT_AND;
    case 5:
        return HC_EMIT_OR;
    default:
        return HC_EMIT_PLAIN;
    }
}

static const struct {
    const char *text, *lua;
    uint32_t slots;
} rows[] = {
    { "a{{ .x }}{{ $v := 1 }}b", "go(1, 4, dot)\n", 2 },
    { "{{ if .x }}{{ with .y }}{{ . }}{{ end }}{{ else if .z }}b{{ end }}", "go(1, 1, dot)\n", 1 },
    { "{{ include \"a\" . }}", "put(1, dot, include(2, dot))\n", 1 },
    { "{{ include \"a\" . | upper | print 1 }}", "put(1, dot, call(2, dot, call(3, dot, include(4, dot))))\n", 1 },
    { "{{ $x := tpl .a . }}", "set(1, dot, tpl(2, dot))\n", 2 },
    { "{{ print .a (include \"a\" .) .b }}", "put(1, dot, call(2, dot, val(3, dot), include(4, dot)))\n", 1 },
    { "{{ (include \"a\" .).b }}", "put(1, dot, call(2, dot, include(3, dot)))\n", 1 },
    { "{{ .b (include \"a\" .) }}", "put(1, dot, (spare(2, dot) or call(2, dot, include(3, dot))))\n", 1 },
    { "{{ 1 | (.c).b .d (include \"a\" .) }}",
      "put(1, dot, (keep(1, call(3, dot)) and keep(2, val(4, dot)) and (spare(2, dot, kept(1), kept(2)) or call(2, "
      "dot, "
      "kept(1), kept(2), val(5, dot), include(6, dot)))))\n",
      3 },
    { "{{ or .a (include \"a\" .) }}", "put(1, dot, (more(2, 1, val(3, dot)) and include(4, dot) or kept(1)))\n",
      2 },
    { "{{ 1 | and (include \"a\" .) }}",
      "put(1, dot, (keep(2, call(3, dot)) and (more(2, 1, include(4, dot)) and kept(2) or kept(1))))\n", 3 },
    { "{{ if include \"a\" . }}x{{ else }}y{{ end }}",
      "if is(1, dot, include(2, dot)) then\ngo(3, 3, dot)\nelse\ngo(4, 4, dot)\nend\n", 1 },
    { "{{ with .a }}{{ template \"t\" . }}{{ else }}n{{ end }}",
      "do local it = with(1, dot)\nif it then local dot = it\ntemplate(2, dot)\nelse\ngo(3, 3, dot)\nend end\n",
      1 },
    { "{{ range .a }}{{ if . }}{{ continue }}{{ else }}{{ break }}{{ end }}{{ . }}{{ end }}",
      "for _, dot in range(1, dot) do\nif is(2, dot) then\ngoto next1\nelse\nleft() break\nend\ngo(3, 3, "
      "dot)\n::next1::\n"
      "end\n",
      1 },
    { "{{ range $k, $v := .a }}{{ $k }}{{ else }}e{{ end }}",
      "do local step, state = range(1, dot)\nif state then for _, dot in step, state do\ngo(2, 2, dot)\nend\nelse\n"
      "go(3, 3, dot)\nend end\n",
      3 },
    { "{{ template \"t\" }}{{ template \"u\" include \"a\" . }}",
      "template(1, dot)\ntemplate(2, dot, include(3, dot))\n", 1 },
};

static void emit(struct hc_arena *a, const char *text, bool annotate, bool lazy, struct hc_code *out)
{
    const struct hc_syntax_port syntax = { .find_func = find_func };
    const struct hc_emit_port port = { .kind = kind };
    struct hc_err err = HC_ERR_INIT;
    struct hc_tree *t;
    size_t n;
    assert_int_equal(
        hc_syntax_parse(a, &syntax, HC_S("t"), hc_str_of(text), sizeof(struct hc_tree), &t, &n, NULL, &err), HC_OK);
    assert_int_equal(hc_emit(a, &port, &t[n - 1], annotate, lazy, out, &err), HC_OK);
}

static void test_shapes(void **state)
{
    (void)state;
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
        struct hc_code code;
        char want[600];
        emit(a, rows[i].text, false, false, &code);
        snprintf(want, sizeof(want), "local dot = ...\n%s", rows[i].lua);
        if (strcmp(code.lua.p, want) != 0)
            fail_msg("%s gives\n%swants\n%s", rows[i].text, code.lua.p, want);
        assert_int_equal(code.slots, rows[i].slots);
    }
}

static void test_comments(void **state)
{
    (void)state;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct hc_code code;
    emit(a, "x: {{ .x }}\n{{ if include \"a\" . }}{{ include \"b\" . | upper }}{{ end }}", true, false, &code);
    assert_string_equal(code.lua.p,
                        "local dot = ...\n -- x: \n -- {{.x}}\n --  \ngo(1, 3, dot)\n"
                        "if is(4, dot, include(5, dot)) then -- if include \"a\" .\n"
                        "put(6, dot, call(7, dot, include(8, dot))) -- {{include \"b\" . | upper}}\nend\n");
}

/* Variables mean what they meant in Go's scopes. */
static void test_scopes(void **state)
{
    (void)state;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct hc_code code;
    emit(a, "{{ $a := 1 }}{{ if $b := 2 }}{{ $a := 3 }}{{ $a }}{{ end }}{{ $a }}{{ $c := 4 }}{{ $c }}", false,
         false, &code);
    const struct hc_node *outer = hc_node_cmd(code.nodes[3]->branch.pipe, 0)->items[0];
    const struct hc_node *branch = code.nodes[2], *inner = branch->branch.list->items[1];
    assert_int_equal(outer->slot, 1);
    assert_int_equal(hc_node_cmd(inner->branch.pipe, 0)->items[0]->slot, 3);
    /* The slots of a block are used again behind it. */
    assert_int_equal(hc_node_cmd(code.nodes[5]->branch.pipe, 0)->items[0]->slot, 2);
    assert_int_equal(code.slots, 4);
    emit(a, "{{ $a = 1 }}", false, false, &code);
    assert_int_equal(hc_node_decl(code.nodes[1]->branch.pipe, 0)->slot, HC_NO_SLOT);
}

static void test_lazy_bodies(void **state)
{
    (void)state;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    HC_AUTO(hc_buf) struct hc_buf b;
    struct hc_code code;
    hc_buf_init(&b, 0);
    hc_buf_puts(&b, "{{ if .on }}");
    for (int i = 0; i < 20; i++)
        hc_buf_puts(&b, "{{ include \"a\" . }}");
    hc_buf_puts(&b, "{{ end }}");
    hc_buf_putc(&b, 0);
    emit(a, b.p, false, true, &code);
    assert_string_equal(code.lua.p, "local dot = ...\nif is(1, dot) then\nblock(1)(dot)\nend\n");
    assert_int_equal(code.blocks_n, 1);
    assert_true(hc_str_starts(code.blocks[0], HC_S("local dot = ...\nput(2, dot, include(3, dot))\n")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_comments),
        cmocka_unit_test(test_scopes),
        cmocka_unit_test(test_lazy_bodies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
