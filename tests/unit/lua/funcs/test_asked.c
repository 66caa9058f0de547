/*
 * No function draws random numbers without being known to: its answer would be in no recording.
 */
#include "lua/funcs/asked.h"

#include "core/base/digest.h"
#include "core/value/json.h"
#include "tests/unit/arena.h"

static unsigned drawn;

static bool count_random(void *ctx, void *out, size_t n)
{
    (void)ctx;
    drawn++;
    return hc_random_bytes(out, n);
}

static struct hc_val *argument(char type, unsigned variant)
{
    struct hc_val *v;
    switch (type) {
    case 'i':
    case 'I':
    case 'd':
    case 'u':
        v = hc_int_val(arena, 3);
        v->type = type == 'i' ? HC_GO_INT : type == 'd' ? HC_GO_DURATION : type == 'u' ? HC_GO_INT32 : HC_GO_PLAIN;
        return v;
    case 'f':
        return hc_float_val(arena, 1.5);
    case 'b':
        return hc_bool_val(arena, true);
    case 'm':
        v = hc_map_new(arena);
        hc_map_put_strz(arena, v, "a", "b");
        return v;
    case 'l':
    case 't':
        v = hc_list_new(arena);
        hc_list_add(arena, v, hc_strz_val(arena, "x"));
        v->type = type == 't' ? HC_GO_STRINGS : HC_GO_PLAIN;
        return v;
    case 's':
        return hc_strz_val(arena, variant ? "ecdsa" : "abc");
    case 'a':
    case 'r':
        return variant ? argument('l', 0) : hc_strz_val(arena, "3");
    default:
        return NULL;
    }
}

static void all_who_draw_are_known(void **state)
{
    (void)state;
    size_t n;
    const struct hc_func *table = hc_func_table(&n);
    const struct hc_door door = { .random = count_random };
    unsigned known = 0;
    for (size_t i = 0; i < n; i++) {
        if (!table[i].fn)
            continue;
        for (unsigned variant = 0; variant < 2; variant++) {
            struct hc_err err = HC_ERR_INIT;
            struct hc_fcall c = { .a = arena, .err = &err, .door = &door };
            struct hc_val *argv[8], *out = NULL;
            size_t argc = 0;
            for (const char *p = table[i].params; *p && *p != '*' && argc < HC_LEN(argv); p++)
                argv[argc++] = argument(*p, variant);
            drawn = 0;
            (void)table[i].fn(&c, argv, argc, &out);
            if (drawn && hc_func_asks(&table[i]) != HC_ASKS_RANDOM)
                fail_msg("%s draws random numbers and is not in lua/funcs/asked.c", table[i].name);
            known += drawn > 0;
        }
    }
    assert_true(known >= 14);
}

static void a_call_in_writing(void **state)
{
    (void)state;
    struct hc_err err = HC_ERR_INIT;
    static const struct hc_door door;
    struct hc_fcall c = { .a = arena, .err = &err, .door = &door };
    struct hc_val *argv[] = { argument('s', 0), hc_strz_val(arena, "hunter2"), argument('l', 0) };
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    hc_func_write_call(&b, &c, hc_func_find(HC_S("htpasswd"), false), argv, 2, true);
    assert_true(hc_str_eqz(hc_buf_str(&b), "htpasswd \"abc\" ***"));
    hc_buf_reset(&b);
    hc_func_write_call(&b, &c, hc_func_find(HC_S("htpasswd"), false), argv, 2, false);
    assert_true(hc_str_eqz(hc_buf_str(&b), "htpasswd \"abc\" sha256:4ddbb67bf993867e13253c14"));
    hc_buf_reset(&b);
    argv[0] = argument('i', 0);
    hc_func_write_call(&b, &c, hc_func_find(HC_S("randAlphaNum"), false), argv, 1, false);
    assert_true(hc_str_eqz(hc_buf_str(&b), "randAlphaNum 3"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_who_draw_are_known),
        cmocka_unit_test(a_call_in_writing),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
