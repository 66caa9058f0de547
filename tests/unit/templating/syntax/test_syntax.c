/*
 * Trees and error texts as Go's text/template/parse gives them, and ceilings.
 */
#include <stdlib.h>

#include "core/base/limits.h"
#include "templating/syntax/tree.h"
#include "tests/unit/unit.h"

static const void *find_func(void *ctx, hc_str name)
{
    static const char *const known[] = { "include", "upper", "print", "printf",  "dict", "trunc",
                                         "and",     "or",    "list",  "default", "quote" };
    (void)ctx;
    for (size_t i = 0; i < HC_LEN(known); i++) {
        if (hc_str_eqz(name, known[i]))
            return known[i];
    }
    return NULL;
}

static const struct hc_syntax_port port = { .find_func = find_func };

static const struct {
    const char *text, *want;
} trees[] = {
    { "{{if .a}}x{{else if .b}}y{{else if .c}}z{{else}}w{{end}}", "template \"t\"\n"
                                                                  "  list 1:0\n"
                                                                  "    if 1:5\n"
                                                                  "      pipe 1:5\n"
                                                                  "        call 1:5\n"
                                                                  "          field 1:5 .a\n"
                                                                  "      list 1:9\n"
                                                                  "        text 1:9 \"x\"\n"
                                                                  "      list 1:17\n"
                                                                  "        if 1:20\n"
                                                                  "          pipe 1:20\n"
                                                                  "            call 1:20\n"
                                                                  "              field 1:20 .b\n"
                                                                  "          list 1:24\n"
                                                                  "            text 1:24 \"y\"\n"
                                                                  "          list 1:32\n"
                                                                  "            if 1:35\n"
                                                                  "              pipe 1:35\n"
                                                                  "                call 1:35\n"
                                                                  "                  field 1:35 .c\n"
                                                                  "              list 1:39\n"
                                                                  "                text 1:39 \"z\"\n"
                                                                  "              list 1:48\n"
                                                                  "                text 1:48 \"w\"\n" },
    { "{{with .a}}{{.}}{{else with .b}}{{.}}{{else}}q{{end}}", "template \"t\"\n"
                                                               "  list 1:0\n"
                                                               "    with 1:7\n"
                                                               "      pipe 1:7\n"
                                                               "        call 1:7\n"
                                                               "          field 1:7 .a\n"
                                                               "      list 1:11\n"
                                                               "        action 1:13\n"
                                                               "          pipe 1:13\n"
                                                               "            call 1:13\n"
                                                               "              dot 1:13\n"
                                                               "      list 1:23\n"
                                                               "        with 1:28\n"
                                                               "          pipe 1:28\n"
                                                               "            call 1:28\n"
                                                               "              field 1:28 .b\n"
                                                               "          list 1:32\n"
                                                               "            action 1:34\n"
                                                               "              pipe 1:34\n"
                                                               "                call 1:34\n"
                                                               "                  dot 1:34\n"
                                                               "          list 1:45\n"
                                                               "            text 1:45 \"q\"\n" },
    { "{{range $k, $v := .a}}{{$k}}{{end}}", "template \"t\"\n"
                                             "  list 1:0\n"
                                             "    range 1:8\n"
                                             "      pipe 1:8 $k $v :=\n"
                                             "        call 1:18\n"
                                             "          field 1:18 .a\n"
                                             "      list 1:22\n"
                                             "        action 1:24\n"
                                             "          pipe 1:24\n"
                                             "            call 1:24\n"
                                             "              var 1:24 $k\n" },
    { "{{range .a}}{{if .}}{{continue}}{{end}}{{end}}", "template \"t\"\n"
                                                        "  list 1:0\n"
                                                        "    range 1:8\n"
                                                        "      pipe 1:8\n"
                                                        "        call 1:8\n"
                                                        "          field 1:8 .a\n"
                                                        "      list 1:12\n"
                                                        "        if 1:17\n"
                                                        "          pipe 1:17\n"
                                                        "            call 1:17\n"
                                                        "              dot 1:17\n"
                                                        "          list 1:20\n"
                                                        "            continue 1:22\n" },
    { "{{define \"x\"}} {{end}}{{define \"x\"}}b{{end}}", "template \"t\" empty\n"
                                                          "  list 1:0\n"
                                                          "template \"x\"\n"
                                                          "  list 1:36\n"
                                                          "    text 1:36 \"b\"\n" },
    { "{{template \"x\" .a}}", "template \"t\"\n"
                               "  list 1:0\n"
                               "    template 1:11 \"x\"\n"
                               "      pipe 1:15\n"
                               "        call 1:15\n"
                               "          field 1:15 .a\n" },
    { "{{(print 1 | upper).a}}", "template \"t\"\n"
                                 "  list 1:0\n"
                                 "    action 1:2\n"
                                 "      pipe 1:2\n"
                                 "        call 1:2\n"
                                 "          chain 1:19 .a\n"
                                 "            pipe 1:3\n"
                                 "              call 1:3\n"
                                 "                func 1:3 print\n"
                                 "                number 1:9 1\n"
                                 "              call 1:13\n"
                                 "                func 1:13 upper\n" },
    { "{{print (upper \"a\") (dict \"a\" 1).a}}", "template \"t\"\n"
                                                  "  list 1:0\n"
                                                  "    action 1:2\n"
                                                  "      pipe 1:2\n"
                                                  "        call 1:2\n"
                                                  "          func 1:2 print\n"
                                                  "          pipe 1:9\n"
                                                  "            call 1:9\n"
                                                  "              func 1:9 upper\n"
                                                  "              string 1:15 \"a\"\n"
                                                  "          chain 1:32 .a\n"
                                                  "            pipe 1:21\n"
                                                  "              call 1:21\n"
                                                  "                func 1:21 dict\n"
                                                  "                string 1:26 \"a\"\n"
                                                  "                number 1:30 1\n" },
    { "{{ 'a' }}", "template \"t\"\n"
                   "  list 1:0\n"
                   "    action 1:3\n"
                   "      pipe 1:3\n"
                   "        call 1:3\n"
                   "          number 1:3 'a'\n" },
    { "{{$x := .a | upper}}{{$x.b.c}}", "template \"t\"\n"
                                        "  list 1:0\n"
                                        "    action 1:2\n"
                                        "      pipe 1:2 $x :=\n"
                                        "        call 1:8\n"
                                        "          field 1:8 .a\n"
                                        "        call 1:13\n"
                                        "          func 1:13 upper\n"
                                        "    action 1:22\n"
                                        "      pipe 1:22\n"
                                        "        call 1:22\n"
                                        "          var 1:24 $x.b.c\n" },
    { "{{ print $ . nil true 1 \"s\" }}", "template \"t\"\n"
                                          "  list 1:0\n"
                                          "    action 1:3\n"
                                          "      pipe 1:3\n"
                                          "        call 1:3\n"
                                          "          func 1:3 print\n"
                                          "          var 1:9 $\n"
                                          "          dot 1:11\n"
                                          "          nil 1:13\n"
                                          "          bool 1:17 true\n"
                                          "          number 1:22 1\n"
                                          "          string 1:24 \"s\"\n" },
};

static const struct {
    const char *text, *want;
} mistakes[] = {
    { "{{$x}}", "template: t:1: undefined variable \"$x\"" },
    { "{{break}}", "template: t:1: {{break}} outside {{range}}" },
    { "{{continue}}", "template: t:1: {{continue}} outside {{range}}" },
    { "{{range .}}{{end}}{{break}}", "template: t:1: {{break}} outside {{range}}" },
    { "{{if}}x{{end}}", "template: t:1: missing value for if" },
    { "{{if .a}}", "template: t:1: unexpected EOF" },
    { "{{end}}", "template: t:1: unexpected {{end}}" },
    { "{{else}}", "template: t:1: unexpected {{else}}" },
    { "{{if .a}}{{else}}{{else}}{{end}}", "template: t:1: expected end; found {{else}}" },
    { "{{if .a}}{{else with .b}}{{end}}", "template: t:1: unexpected <with> in input" },
    { "{{with .a}}{{else if .b}}{{end}}", "template: t:1: unexpected <if> in input" },
    { "{{range .a}}{{else if .b}}{{end}}", "template: t:1: unexpected <if> in input" },
    { "{{define \"x\"}}a{{end}}{{define \"x\"}}b{{end}}",
      "template: t:1: template: multiple definition of template \"x\"" },
    { "{{define x}}{{end}}", "template: t:1: unexpected \"x\" in define clause" },
    { "{{if .}}{{define \"x\"}}{{end}}{{end}}", "template: t:1: unexpected <define> in command" },
    { "{{define \"x\"}}{{else}}{{end}}", "template: t:1: unexpected {{else}} in define clause" },
    { "{{block \"x\"}}a{{end}}", "template: t:1: missing value for block clause" },
    { "{{range .}}{{block \"x\" .}}{{break}}{{end}}{{end}}", "template: t:1: {{break}} outside {{range}}" },
    { "{{template x}}", "template: t:1: unexpected \"x\" in template clause" },
    { "{{nope}}", "template: t:1: function \"nope\" not defined" },
    { "{{\"a\" | \"b\"}}", "template: t:1: non executable command in pipeline stage 2" },
    { "{{\"a\" | nil}}", "template: t:1: non executable command in pipeline stage 2" },
    { "{{1 | .}}", "template: t:1: non executable command in pipeline stage 2" },
    { "{{()}}", "template: t:1: missing value for parenthesized pipeline" },
    { "{{(}}", "template: t:1: unclosed left paren" },
    { "{{)}}", "template: t:1: unexpected right paren" },
    { "{{(.a}}", "template: t:1: unclosed left paren" },
    { "{{ \"a }}", "template: t:1: unterminated quoted string" },
    { "{{ `a }}", "template: t:1: unterminated raw quoted string" },
    { "{{ 'a }}", "template: t:1: unterminated character constant" },
    { "{{ '' }}", "template: t:1: invalid syntax" },
    { "{{ 'ab' }}", "template: t:1: malformed character constant: 'ab'" },
    { "{{ '\\x' }}", "template: t:1: invalid syntax" },
    { "{{ \"\\q\" }}", "template: t:1: invalid syntax" },
    { "{{ \"\\'\" }}", "template: t:1: invalid syntax" },
    { "{{ \"\\u12\" }}", "template: t:1: invalid syntax" },
    { "{{ \"\\ud800\" }}", "template: t:1: invalid syntax" },
    { "{{ \"\\400\" }}", "template: t:1: invalid syntax" },
    { "{{08}}", "template: t:1: integer overflow: \"08\"" },
    { "{{1__0}}", "template: t:1: illegal number syntax: \"1__0\"" },
    { "{{1a}}", "template: t:1: bad number syntax: \"1a\"" },
    { "{{99999999999999999999}}", "template: t:1: integer overflow: \"99999999999999999999\"" },
    { "{{-x}}", "template: t:1: bad number syntax: \"-x\"" },
    { "{{ - }}", "template: t:1: illegal number syntax: \"-\"" },
    { "{{0x}}", "template: t:1: illegal number syntax: \"0x\"" },
    { "{{1.5e}}", "template: t:1: illegal number syntax: \"1.5e\"" },
    { "{{.5.a}}", "template: t:1: unexpected . after term \".5\"" },
    { "{{1.a}}", "template: t:1: bad number syntax: \"1.a\"" },
    { "{{\"a\".b}}", "template: t:1: unexpected . after term \"\\\"a\\\"\"" },
    { "{{true.b}}", "template: t:1: unexpected . after term \"true\"" },
    { "{{nil.b}}", "template: t:1: unexpected . after term \"nil\"" },
    { "{{..a}}", "template: t:1: unexpected . after term \".\"" },
    { "{{.a.}}", "template: t:1: unexpected <.> in operand" },
    { "{{.a. b}}", "template: t:1: unexpected <.> in operand" },
    { "{{$x.y}}", "template: t:1: undefined variable \"$x\"" },
    { "{{$.}}", "template: t:1: unexpected <.> in operand" },
    { "{{$x, $y := .a}}", "template: t:1: too many declarations in command" },
    { "{{range $x, $y, $z := .a}}{{end}}", "template: t:1: too many declarations in range" },
    { "{{range $x, 1 := .a}}{{end}}", "template: t:1: range can only initialize variables" },
    { "{{if $x := .a}}{{$x}}{{else}}{{$x}}{{end}}{{$x}}", "template: t:1: undefined variable \"$x\"" },
    { "{{with $x, $y := .a}}{{end}}", "template: t:1: too many declarations in with" },
    { "{{ $x }}", "template: t:1: undefined variable \"$x\"" },
    { "{{ $x : 1 }}", "template: t:1: undefined variable \"$x\"" },
    { "{{ : }}", "template: t:1: expected :=" },
    { "{{ := }}", "template: t:1: unexpected \":=\" in command" },
    { "{{ , }}", "template: t:1: unexpected \",\" in command" },
    { "{{ print , }}", "template: t:1: unexpected \",\" in operand" },
    { "{{ print .a, .b }}|a{{- .b -}} c|a {{- .b }} c|a {{.b -}}  c",
      "template: t:1: unexpected \",\" in operand" },
    { "{{ /* c */ }}", "template: t:1: unexpected \"/\" in command" },
    { "{{/* c }}", "template: t:1: unclosed comment" },
    { "{{/* c */ x}}", "template: t:1: comment ends before closing delimiter" },
    { "{{}}", "template: t:1: missing value for command" },
    { "{{ ", "template: t:1: unclosed action" },
    { "{{.a}|{ {.a}}", "template: t:1: bad character U+007D '}'" },
    { "{{\n.a\n}}|x\n{{ .a\n \"q }}|x\n{{ .a\n\n}",
      "template: t:5: unterminated quoted string in action started at t:4" },
    { "{{ .a-b }}", "template: t:1: bad character U+002D '-'" },
    { "{{ .a/b }}", "template: t:1: bad character U+002F '/'" },
    { "{{ upper! }}", "template: t:1: bad character U+0021 '!'" },
    { "{{ upper\"a\" }}", "template: t:1: bad character U+0022 '\"'" },
    { "{{ print \"a\"\"b\" }}", "template: t:1: unexpected \"\\\"b\\\"\" in operand" },
    { "{{ range }}", "template: t:1: missing value for range" },
    { "{{ define \"a\" . }}", "template: t:1: unexpected <.> in define clause" },
    { "{{ block }}{{ end }}", "template: t:1: unexpected \"}}\" in block clause" },
    { "{{ end .a }}", "template: t:1: unexpected \".a\" in end" },
    { "{{ else .a }}", "template: t:1: unexpected \".a\" in else" },
    { "{{ break 1 }}", "template: t:1: unexpected \"1\" in {{break}}" },
    { "{{ range . }}{{ continue . }}{{ end }}", "template: t:1: unexpected <.> in {{continue}}" },
    { "{{if .}}{{else with .}}{{end}}", "template: t:1: unexpected <with> in input" },
};

static void test_trees(void **state)
{
    (void)state;
    for (size_t i = 0; i < HC_LEN(trees); i++) {
        HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
        HC_AUTO(hc_buf) struct hc_buf b;
        struct hc_err err = HC_ERR_INIT;
        struct hc_tree *t;
        size_t n;
        hc_buf_init(&b, 0);
        assert_int_equal(hc_syntax_parse(a, &port, HC_S("t"), hc_str_of(trees[i].text), sizeof(struct hc_tree), &t,
                                         &n, NULL, &err),
                         HC_OK);
        for (size_t k = 0; k < n; k++) {
            if (n == 1 || hc_str_eqz(t[k].name, "x"))
                hc_syntax_dump(&b, &t[k]);
        }
        hc_buf_putc(&b, 0);
        /* The rows of several trees show them sorted by name: the text of one must be in there. */
        if (n == 1)
            assert_string_equal(b.p, trees[i].want);
        else
            assert_non_null(strstr(trees[i].want, b.p));
    }
}

static void test_mistakes(void **state)
{
    (void)state;
    for (size_t i = 0; i < HC_LEN(mistakes); i++) {
        HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
        struct hc_err err = HC_ERR_INIT;
        struct hc_tree *t;
        size_t n;
        enum hc_rc rc = hc_syntax_parse(a, &port, HC_S("t"), hc_str_of(mistakes[i].text), sizeof(struct hc_tree),
                                        &t, &n, NULL, &err);
        if (rc != HC_E_INPUT)
            fail_msg("%s: taken, but wants %s", mistakes[i].text, mistakes[i].want);
        assert_string_equal(err.msg, mistakes[i].want);
        assert_string_equal(err.file, "t");
        assert_true(err.line > 0);
    }
}

/* A definition sees `$` alone, and a name may be defined again when the first body was empty. */
static void test_definitions(void **state)
{
    (void)state;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct hc_err err = HC_ERR_INIT;
    struct hc_tree *t;
    size_t n;
    hc_str text = HC_S(
        "{{define \"x\"}} {{/* nothing */}}\n{{end}}{{define \"x\"}}b{{end}}{{block \"y\" .}}{{end}}c");
    assert_int_equal(hc_syntax_parse(a, &port, HC_S("f"), text, sizeof(struct hc_tree), &t, &n, NULL, &err), HC_OK);
    assert_int_equal(n, 3);
    assert_true(hc_str_eqz(t[0].name, "x") && !t[0].empty);
    assert_true(hc_str_eqz(t[1].name, "y") && t[1].empty);
    assert_true(hc_str_eqz(t[2].name, "f") && hc_str_eqz(t[2].file, "f"));
    text = HC_S("{{$v := 1}}{{block \"y\" .}}{{$v}}{{end}}");
    assert_int_equal(hc_syntax_parse(a, &port, HC_S("f"), text, sizeof(struct hc_tree), &t, &n, NULL, &err),
                     HC_E_INPUT);
    assert_string_equal(err.msg, "template: f:1: undefined variable \"$v\"");
}

static enum hc_rc parse_repeated(const char *before, int times, const char *middle, const char *after)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    HC_AUTO(hc_buf) struct hc_buf b;
    struct hc_err err = HC_ERR_INIT;
    struct hc_tree *t;
    size_t n;
    hc_buf_init(&b, 0);
    for (int i = 0; i < times; i++)
        hc_buf_puts(&b, before);
    hc_buf_puts(&b, middle);
    for (int i = 0; i < times; i++)
        hc_buf_puts(&b, after);
    return hc_syntax_parse(a, &port, HC_S("t"), hc_buf_str(&b), sizeof(struct hc_tree), &t, &n, NULL, &err);
}

static void test_ceilings(void **state)
{
    (void)state;
    assert_int_equal(parse_repeated("{{if .}}", 100, "x", "{{end}}"), HC_OK);
    assert_int_equal(parse_repeated("{{if .}}", 100000, "x", "{{end}}"), HC_E_LIMIT);
    assert_int_equal(parse_repeated("{{range .}}", 25, "x", "{{end}}"), HC_OK);
    assert_int_equal(parse_repeated("{{range .}}", 100000, "x", "{{end}}"), HC_E_LIMIT);
    assert_int_equal(parse_repeated("{{with .}}{{else with .}}", 100000, "x", "{{end}}"), HC_E_LIMIT);
    assert_int_equal(parse_repeated("{{block \"a\" .}}", 100000, "x", "{{end}}"), HC_E_LIMIT);
    assert_int_equal(parse_repeated("{{if .}}a{{else if .}}", 1, "b", "{{end}}"), HC_OK);
    assert_int_equal(parse_repeated("", 1, "{{((((((((((1))))))))))}}", ""), HC_OK);
    assert_int_equal(parse_repeated("{{(", 1, "1", ")}}"), HC_OK);
    /* A chain is not a depth. */
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    hc_buf_puts(&b, "{{if .}}");
    for (int i = 0; i < 4000; i++)
        hc_buf_puts(&b, "x{{else if .a}}");
    hc_buf_puts(&b, "{{end}}");
    hc_buf_putc(&b, 0);
    assert_int_equal(parse_repeated("", 1, b.p, ""), HC_OK);
    hc_buf_reset(&b);
    hc_buf_puts(&b, "{{");
    hc_buf_fill(&b, '(', 100000);
    hc_buf_putc(&b, 0);
    assert_int_equal(parse_repeated("", 1, b.p, ""), HC_E_LIMIT);
}

/* Trees are most of what a compiled chart holds: what a statement may take of the arena, its list's pointer to it with it. */
static const struct {
    const char *text;
    size_t most;
} sizes[] = {
    { "text", 32 },
    { "{{ . }}", 96 },
    { "{{ .Values.a.b.c }}", 120 },
    { "{{ $.Values.a.b.c }}", 124 },
    { "{{ print \"a text as long as may be\" }}", 160 },
    { "{{ print \"a\\tb\" }}", 189 },
    { "{{ print 4 | print }}", 224 },
};

static void test_sizes(void **state)
{
    (void)state;
    HC_AUTO(hc_arena) struct hc_arena *none = hc_arena_new(0);
    struct hc_tree *t;
    size_t n;
    struct hc_err err = HC_ERR_INIT;
    assert_int_equal(hc_syntax_parse(none, &port, HC_S("t"), HC_S(""), sizeof(*t), &t, &n, NULL, &err), HC_OK);
    for (size_t i = 0; i < HC_LEN(sizes); i++) {
        HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
        hc_str text = hc_str_of(sizes[i].text);
        assert_int_equal(hc_syntax_parse(a, &port, HC_S("t"), text, sizeof(*t), &t, &n, NULL, &err), HC_OK);
        size_t takes = hc_arena_used(a) - hc_arena_used(none);
        if (takes > sizes[i].most)
            fail_msg("%s takes %zu bytes, and may take %zu", sizes[i].text, takes, sizes[i].most);
    }
}

/* Names are kept as places in the text, however many there are, and literals as they are written where that says it. */
static void test_places(void **state)
{
    (void)state;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct hc_err err = HC_ERR_INIT;
    struct hc_tree *t;
    size_t n;
    hc_str text = HC_S(
        "{{ $.a.bb.ccc.d.e.f.g.h.i.j.k.long_one }}{{ (.x).a.bb.ccc.d.e.f.g.h.i.j }}{{ \"a\\tb\" }}{{ `raw` }}");
    assert_int_equal(hc_syntax_parse(a, &port, HC_S("t"), text, sizeof(*t), &t, &n, NULL, &err), HC_OK);
    struct hc_node *operand[4];
    for (uint32_t i = 0; i < HC_LEN(operand); i++)
        operand[i] = hc_node_cmd(t->root->items[i]->branch.pipe, 0)->items[0];
    static const char *const want[] = { "$|a|bb|ccc|d|e|f|g|h|i|j|k|long_one|", "a|bb|ccc|d|e|f|g|h|i|j|" };
    for (size_t i = 0; i < HC_LEN(want); i++) {
        HC_AUTO(hc_buf) struct hc_buf b;
        hc_buf_init(&b, 0);
        struct hc_names names = hc_node_names(operand[i]);
        for (uint32_t k = 0; k < operand[i]->n; k++) {
            hc_buf_put(&b, hc_names_next(&names));
            hc_buf_putc(&b, '|');
        }
        hc_buf_putc(&b, 0);
        assert_string_equal(b.p, want[i]);
    }
    assert_int_equal(operand[1]->chain.base->kind, HC_NODE_PIPE);
    assert_true(hc_str_eqz(hc_node_string(operand[2]), "a\tb"));
    assert_true(hc_str_eqz(hc_node_written(operand[2]), "\"a\\tb\""));
    assert_true(hc_str_eqz(hc_node_string(operand[3]), "raw"));
    assert_null(operand[3]->lit.value);
}

static void test_spent_arena(void **state)
{
    (void)state;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(600);
    struct hc_err err = HC_ERR_INIT;
    struct hc_tree *t;
    size_t n;
    hc_str text = HC_S("{{.a}}{{.b}}{{.c}}{{.d}}{{.e}}{{.f}}{{.g}}");
    assert_int_equal(hc_syntax_parse(a, &port, HC_S("t"), text, sizeof(struct hc_tree), &t, &n, NULL, &err),
                     HC_E_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_trees),    cmocka_unit_test(test_mistakes),    cmocka_unit_test(test_definitions),
        cmocka_unit_test(test_ceilings), cmocka_unit_test(test_spent_arena), cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_places),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
