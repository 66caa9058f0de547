/*
 * The reader of plain YAML beside libyaml: where it says yes, tree, spellings and positions must be the same. Texts are
 * mutated at random (from a fixed seed), because what counts is what it must not say yes to.
 */
#include <stdio.h>
#include <stdlib.h>

#include "core/value/yaml.h"
#include "core/value/yaml_impl.h"
#include "tests/unit/unit.h"

static const char *const texts[] = {
    "a: 1\nb:\n  c: true\n  d: 1.50\n  e: 0x1F\n  f: null\n  g: ~\n  h:\ni: 'it''s'\n",
    "j: \"x\\n\\\"y\\\"\\t\\\\ z\"\n",
    "list:\n- a\n- b: 1\n  c: 2\n-\n- - x\n  - y\n- - - deep\nnext:\n  - one\n  -   two\n  - 'three'  # three\n",
    "s: |\n  line 1\n\n    line 2\n  # no comment\n\nt: |-\n    stripped\n\n\n",
    "u: |+\n  kept\n\n# a comment\nv: |\n  last\n",
    "flow: []\nm: {}\nn: [1, two, \"three, four\", {a: b, 'c': [d]}, ]\no: [ a , b ] # c\n",
    "p: {a: 1, b: ~}\n",
    "# head\n\nurl: http://example.com:8080/a?b=c#d\nimage: nginx:1.25 # tag\nexpr: a == b && c\nneg: -1\n",
    "d: --flag\n",
    "a:\n  b:\n    c: 1\n   d: 2\n",
    "a: b: c\n",
    "a: b\n  c\n",
    "a: &x 1\nb: *x\n",
    "<<: {a: 1}\nb: 2\n",
    "a: 1\na: 2\nb: {c: 1, c: 2}\n",
    "y: 1\nn: yes\non: off\n1: a\n1.5: b\n",
    "a: |2\n  x\nb: >\n  y\n",
    "a:\n\t- b\n",
    "\"quoted key\": v\n'single': w\n\"\": e\n",
    "caf\xc3\xa9: 1\nb: na\xc3\xafve \xe2\x9c\x93\nc: [\xc3\xa9]\n",
    "- a\n- b\n",
    "- a: 1\n  b:\n  - x\n  - y\n  c: |\n    text\n- |\n  text\n",
    "a: -\nb: - c\n",
    "a: |\nb: |\n\nc: 1\n",
    "a: |\n     \n  x\n",
    "a: 'open\n  more'\n",
    "m:\n  a: one\n    # deeper\n  b: two\n    three\n      # c\n\n  c: x\n # d\n  e: y\n    # f\n    z\n",
    "m:\n  a: one\n    two   \n\n    three\n  b: 'it''s\n    two  \n\n\n    three '\n  c: z\n",
    "m:\n  c: \"x \\n \n    y\\t\n\n    \"\n  d: z\n",
    "- a b\n  c\n- 'q\n\n  r'\n- \"\n  s\n  \"\n- k: v\n    w\n  l: 1\n    2\n",
    "a: [1,\n 2]\n",
    "---\na: 1\n",
    "a: |2-\n\n\n    two more\n  text\n\nb: 1\n",
    "a:\n  b: |-1\n    two more\n   text\n   \n  c: |+3\n       two\n\n\n  d: 2\n",
    "a:\n- |2\n   one more\n  text\n- b: |1\n    one more\n   text\n- |2\n c\n",
    "a: |2\n text\nb: 1\n",
    "a: |0\n text\nb: |--\n x\nc: |12\n  y\n",
    "a: |2\n\n\nb: |2+\n\n\n",
    "# said before\n\n#\n---\na: 1\nb:\n- c\n",
    "\n---\na: 1\n",
    "# said\n---\n---\na: 1\n",
    "# said\n--- \na: 1\n",
    "#---\n---\n# more\na: 1\n",
    "# said\n---\n",
    "a: 1  # one\nb: x # y\n",
    "c: [-d, --log=1, a b  c, x:y, http://h:1/p, a@b.c, 50%, *, k=v, (x) > y!, sh -c] # z\n",
    "a:\n  {}\nb:\n  [x]\nc:\n  text\nd:\n  'q'\ne:\n  - \n    w\nf:\n  |\n  lit\ng: {a: b:c, d: e f}\n",
    "a: |\nb: |-\n\n\nc:\n- |\n- x\nd: |+\n\ne: |",
    "a: 1\n---\nb: 2\n",
    "a: 1\n...\n",
    "%YAML 1.1\n---\na: 1\n",
    "a: @x\nb: `y\nc: %z\nd: !t v\ne: ? f\n",
    "? a\n: b\n",
    "a: 'x' y\nb: \"x\"z\n",
    "a:b\n",
    "a :b\n",
    "plain\n",
    "\"a\": 1",
    "a: |\n  no end",
    "",
    "# nothing\n",
    "a: 12345678901234567890\nb: 1e3\nc: .5\nd: 1_000\ne: 2001-01-01\nf: 0b11\ng: 0o7\nh: 017\ni: .inf\n",
    "a: 1e400\nb: -.inf\n",
    "a: #c\nb: #\n- x\n",
    "a:   \n  b: 1   \n\n\n  c: 2\n   # deeper comment\n # c\n  d: 3\n",
};

static bool same(const struct hc_val *x, const struct hc_val *y)
{
    if (hc_kind_of(x) != hc_kind_of(y) || x->line != y->line || x->col != y->col || x->type != y->type)
        return false;
    switch (hc_kind_of(x)) {
    case HC_LIST:
        if (x->list->n != y->list->n)
            return false;
        for (uint32_t i = 0; i < x->list->n; i++)
            if (!same(x->list->items[i], y->list->items[i]))
                return false;
        return true;
    case HC_MAP:
        if (x->map->n != y->map->n)
            return false;
        for (uint32_t i = 0; i < x->map->n; i++) {
            const struct hc_entry *e = &x->map->entries[i], *f = &y->map->entries[i];
            if (!hc_str_eq(e->key, f->key) || e->line != f->line || e->col != f->col || !same(e->val, f->val))
                return false;
        }
        return true;
    case HC_STR:
        return hc_str_eq(hc_get_str(x), hc_get_str(y));
    case HC_FLOAT:
        return x->f == y->f && !x->spelling == !y->spelling &&
               (!x->spelling || hc_str_eq((hc_str){ x->spelling, x->n }, (hc_str){ y->spelling, y->n }));
    case HC_NULL:
        return true;
    case HC_BOOL:
        return x->b == y->b;
    default:
        return x->u == y->u;
    }
}

/* True: the fast reader took it. */
static bool check(hc_str text, unsigned flags)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct hc_val *fast = NULL, *slow = NULL;
    struct hc_err err = HC_ERR_INIT;
    if (!hc_yaml_read_fast(a, text, flags, &fast))
        return false;
    if (hc_yaml_parse(a, text, HC_S("t"), flags | HC_YAML_BY_EVENTS, &slow, &err) != HC_OK)
        fail_msg("libyaml refuses (%s):\n%.*s", err.msg, HC_P(text));
    if (!same(fast, slow))
        fail_msg("differs:\n%.*s", HC_P(text));
    return true;
}

static const unsigned all_flags[] = { HC_YAML_PLAIN, HC_YAML_JSON_NUMBERS, HC_YAML_TRUE_FALSE,
                                      HC_YAML_STRICT_KEYS };

static void test_texts(void **state)
{
    (void)state;
    size_t taken = 0;
    for (size_t i = 0; i < HC_LEN(texts); i++)
        for (size_t k = 0; k < HC_LEN(all_flags); k++)
            taken += check(hc_str_of(texts[i]), all_flags[k]);
    assert_true(taken >= 4 * 8); /* it is of use */
}

static uint64_t next_random(uint64_t *s)
{
    *s ^= *s << 13;
    *s ^= *s >> 7;
    *s ^= *s << 17;
    return *s;
}

/* HC_FUZZ_ROUNDS: more of them, by hand. */
static void test_mutations(void **state)
{
    (void)state;
    static const char *const bits[] = {
        " ",    "  ",  "\n", "- ", ": ",  ":",        "#",     " #",  "'",        "\"",
        "[",    "]",   "{",  "}",  ", ",  "|",        "|-\n",  ">",   "&a ",      "*a",
        "!",    "?",   "%",  "\t", "\\",  "~",        "<<",    "---", "\xc3\xa9", "\xef\xbb\xbf",
        "0",    "-",   ".",  "y",  "a: ", "\n  b: 1", "\n- c", "\r",  "\n# c\n",  "\n\n",
        "null", "1:2", "=",  "@",  "`",   ","
    };
    const char *more = getenv("HC_FUZZ_ROUNDS");
    long rounds = more ? strtol(more, NULL, 10) : 20000;
    uint64_t seed = 0x9e3779b97f4a7c15u;
    size_t taken = 0;
    for (long i = 0; i < rounds; i++) {
        char z[1024];
        hc_str base = hc_str_of(texts[next_random(&seed) % HC_LEN(texts)]);
        size_t n = base.n;
        memcpy(z, base.p, n);
        for (uint64_t edits = 1 + next_random(&seed) % 3; edits; edits--) {
            size_t at = n ? next_random(&seed) % (n + 1) : 0, cut = next_random(&seed) % 3;
            hc_str bit = hc_str_of(bits[next_random(&seed) % HC_LEN(bits)]);
            cut = HC_MIN(cut, n - at);
            if (next_random(&seed) % 4 == 0)
                bit.n = 0;
            memmove(z + at + bit.n, z + at + cut, n - at - cut);
            memcpy(z + at, bit.p, bit.n);
            n = n + bit.n - cut;
        }
        taken += check((hc_str){ z, n }, all_flags[next_random(&seed) % HC_LEN(all_flags)]);
    }
    assert_true(taken > (size_t)rounds / 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_mutations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
