/*
 * core/base: slices, arenas, buffers, errors, times, base64, percent signs, back-off, patterns.
 */
#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/base/clock.h"
#include "core/base/digest.h"
#include "core/base/mem.h"
#include "core/base/pattern.h"
#include "tests/unit/unit.h"

static void arena_stops_at_its_ceiling_and_stays_spent(void **state)
{
    (void)state;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(100);
    assert_non_null(hc_arena_alloc(a, 60, 8));
    assert_null(hc_arena_alloc(a, 60, 8));
    assert_true(hc_arena_spent(a));
    assert_null(hc_arena_alloc(a, 1, 1));
    struct hc_err err;
    assert_int_equal(hc_arena_check(a, &err, "values"), HC_E_LIMIT);
    assert_non_null(strstr(err.msg, "values needs more than the 100 bytes"));
}

static void arena_taken_back_gives_zeroed_memory_again(void **state)
{
    (void)state;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(3 << 20);
    for (int round = 0; round < 3; round++) {
        unsigned char *p = hc_arena_alloc(a, 100, 16), *large = hc_arena_alloc(a, round ? 2 << 20 : 5000, 1);
        assert_non_null(p);
        assert_non_null(large);
        assert_int_equal((uintptr_t)p % 16, 0);
        for (size_t i = 0; i < 100; i++)
            assert_int_equal(p[i], 0);
        memset(p, 0xff, 100);
        memset(large, 0xff, 5000);
        assert_null(hc_arena_alloc(a, 3 << 20, 1)); /* spent, and no longer so when taken back */
        hc_arena_reset(a);
        assert_false(hc_arena_spent(a));
        assert_int_equal(hc_arena_used(a), 0);
    }
}

static void arena_gives_back_to_a_mark(void **state)
{
    (void)state;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(64 << 20);
    for (size_t size = 1; size < (4 << 20); size = size * 3 + 1) {
        char *old = hc_arena_alloc(a, 8, 8);
        assert_non_null(old);
        memcpy(old, "standing", 8);
        struct hc_arena_mark outer = hc_arena_mark(a);
        size_t used = hc_arena_used(a);
        for (int round = 0; round < 3; round++) {
            char *p = hc_arena_alloc(a, size, 1);
            struct hc_arena_mark inner = hc_arena_mark(a);
            char *q = hc_arena_alloc(a, size, 1);
            assert_true(p && q);
            for (size_t i = 0; i < size; i++)
                assert_true(p[i] == 0 && q[i] == 0);
            memset(p, 1, size);
            memset(q, 2, size);
            assert_true(hc_arena_is_newer(a, &outer, p) && hc_arena_is_newer(a, &outer, q));
            assert_true(!hc_arena_is_newer(a, &inner, p) && hc_arena_is_newer(a, &inner, q + size - 1));
            assert_true(!hc_arena_is_newer(a, &outer, old) && !hc_arena_is_newer(a, &outer, &used));
            hc_arena_release(a, &inner);
            assert_true(p[0] == 1 && p[size - 1] == 1);
            hc_arena_release(a, &outer);
            assert_int_equal(hc_arena_used(a), used);
            assert_memory_equal(old, "standing", 8);
        }
    }
    /* From nothing to nothing, and a spent one stays spent. */
    HC_AUTO(hc_arena) struct hc_arena *b = hc_arena_new(100);
    struct hc_arena_mark start = hc_arena_mark(b);
    assert_non_null(hc_arena_alloc(b, 50, 1));
    hc_arena_release(b, &start);
    assert_non_null(hc_arena_alloc(b, 100, 1));
    assert_null(hc_arena_alloc(b, 1, 1));
    hc_arena_release(b, &start);
    assert_true(hc_arena_spent(b));
}

static void arena_memory_failure_is_not_a_limit(void **state)
{
    (void)state;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    hc_mem_fail_at(1);
    assert_null(hc_arena_alloc(a, 10, 8));
    hc_mem_fail_at(0);
    assert_int_equal(hc_arena_check(a, NULL, "x"), HC_E_NOMEM);
}

static void utf8_follows_go(void **state)
{
    (void)state;
    static const struct {
        hc_str in;
        size_t n;
        uint32_t rune;
    } rows[] = {
        { { "a", 1 }, 1, 'a' },           { { "\xc3\xa9", 2 }, 2, 0xe9 },
        { { "\xc0\x80", 2 }, 1, 0xfffd }, { { "\xed\xa0\x80", 3 }, 1, 0xfffd },
        { { "\xe2\x82", 2 }, 1, 0xfffd }, { { "\xf0\x9f\x98\x80", 4 }, 4, 0x1f600 },
        { { "", 0 }, 0, 0xfffd },
    };
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        uint32_t r;
        assert_int_equal(hc_utf8_decode(rows[i].in, &r), rows[i].n);
        assert_int_equal(r, rows[i].rune);
    }
}

static void base64_both_ways(void **state)
{
    (void)state;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    static const char *const rows[][2] = {
        { "", "" }, { "f", "Zg==" }, { "fo", "Zm8=" }, { "foobar", "Zm9vYmFy" }
    };
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        assert_string_equal(hc_base64(a, hc_str_of(rows[i][0])).p, rows[i][1]);
        hc_str back = hc_base64_decode(a, hc_str_of(rows[i][1]), NULL);
        assert_true(hc_str_eqz(back, rows[i][0]));
    }
    size_t bad = 99;
    assert_null(hc_base64_decode(a, HC_S("!abc"), &bad).p);
    assert_int_equal(bad, 0);
    assert_null(hc_base64_decode(a, HC_S("Zg=x"), &bad).p);
    assert_true(hc_str_eqz(hc_base64_decode(a, HC_S("Zm9v\r\nYmFy"), NULL), "foobar"));
    for (size_t n = 0; n < 20; n++) /* a line break, and a byte that is none of the alphabet, at each place */
        for (size_t at = 0; at <= (n + 2) / 3 * 4; at++) {
            char text[40];
            hc_str raw = hc_str_n("\x00\xff\x10\x83twenty bytes of it", n), packed = hc_base64(a, raw);
            memcpy(text, packed.p, packed.n + 1);
            memmove(text + at + 1, text + at, packed.n + 1 - at);
            text[at] = '\n';
            hc_str back = hc_base64_decode(a, hc_str_n(text, packed.n + 1), NULL);
            assert_true(back.p && hc_str_eq(back, raw));
            text[at] = '-';
            assert_null(hc_base64_decode(a, hc_str_n(text, packed.n + 1), &bad).p);
            if (at < n / 3 * 4)
                assert_int_equal(bad, at);
        }
}

static void parts_of_addresses_lose_their_percent_signs(void **state)
{
    (void)state;
    static const struct {
        const char *text, *want, *form;
    } rows[] = {
        { "a%20b+c", "a b+c", "a b c" },
        { "%41%5a%e2%82%AC", "AZ\xe2\x82\xac", "AZ\xe2\x82\xac" },
        { "100%", "100%", "100%" },
        { "%4", "%4", "%4" },
        { "%+5%-1% 2%0x", "%+5%-1% 2%0x", "% 5%-1% 2%0x" },
        { "%2541", "%41", "%41" },
        { "", "", "" },
    };
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        hc_str s = hc_str_of(rows[i].text);
        assert_true(hc_str_eqz(hc_percent_decode(a, s, false), rows[i].want));
        assert_true(hc_str_eqz(hc_percent_decode(a, s, true), rows[i].form));
    }
    assert_true(hc_str_eq(hc_percent_decode(a, HC_S("a%00b"), false), HC_S("a\0b")));
    assert_int_equal(hc_hex4("00fF"), 255);
    assert_int_equal(hc_hex4("00g0"), -1);
    assert_int_equal(hc_hex_digit(0x10041), -1);
    assert_int_equal(hc_hex_digit('@'), -1);
}

static void back_off_doubles_up_to_its_end(void **state)
{
    (void)state;
    static const struct {
        int64_t first, times, most, want;
    } rows[] = {
        { 750, 0, 900000, 750 },
        { 750, 1, 900000, 1500 },
        { 750, 10, 900000, 768000 },
        { 750, 11, 900000, 900000 },
        { 750, 1000000000, 900000, 900000 },
        { 5, 3, 4, 4 },
        { 0, 1000000000, 9, 0 },
        { 3, -1, 9, 3 },
        { 1, 99, INT64_MAX, INT64_MAX },
    };
    for (size_t i = 0; i < HC_LEN(rows); i++)
        assert_int_equal(hc_doubled_ms(rows[i].first, rows[i].times, rows[i].most), rows[i].want);
}

static void times_and_durations(void **state)
{
    (void)state;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    assert_int_equal(hc_time_parse_ms(HC_S("2026-01-02T15:04:05Z")), 1767366245000);
    assert_int_equal(hc_time_parse_ms(HC_S("2026-01-02T16:04:05.25+01:00")), 1767366245250);
    assert_int_equal(hc_time_parse_ms(HC_S("2026-01-02 15:04:05")), -1);
    assert_string_equal(hc_time_rfc3339(a, 1767366245000).p, "2026-01-02T15:04:05Z");
    assert_int_equal(hc_duration_parse_ms(HC_S("1h30m")), 5400000);
    assert_int_equal(hc_duration_parse_ms(HC_S("1.5s")), 1500);
    assert_int_equal(hc_duration_parse_ms(HC_S("5")), -1);
    assert_string_equal(hc_duration_str(a, 5400000).p, "1h30m0s");
    assert_string_equal(hc_duration_str(a, 1500).p, "1.5s");
}

static void errors_wrap_and_cut(void **state)
{
    (void)state;
    struct hc_err err;
    assert_int_equal(hc_fail(&err, HC_E_INPUT, "no name"), HC_E_INPUT);
    assert_int_equal(hc_wrap(&err, "chart '%s'", "web"), HC_E_INPUT);
    assert_string_equal(err.msg, "chart 'web': no name");
    char longer[2 * HC_ERR_MSG];
    memset(longer, 'x', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = '\0';
    hc_fail(&err, HC_E_INPUT, "%s", longer);
    assert_int_equal(strlen(err.msg), HC_ERR_MSG - 1);
}

static void sha256_of_abc(void **state)
{
    (void)state;
    char hex[HC_SHA256_HEX + 1];
    hc_sha256_of(HC_S("abc"), hex);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

/* Answers of Go's regexp; refused is what it does not take, or what would mean something else here. */
static void patterns_follow_go(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *text;
        bool found, whole;
    } rows[] = {
        { "Deploy", "Deployment", true, false },
        { "Deploy|Deployment", "Deployment", true, true },
        { "deployment", "Deployment", false, false },
        { "(?i)deployment", "Deployment", true, true },
        { "web-\\d+", "web-12", true, true },
        { "[\\d.]+", "1.2", true, true },
        { "(?:a|b)c", "xbc", true, false },
        { "a|b", "ab", true, false },
        { "", "a", true, false },
        { "", "", true, true },
    };
    static const char *const refused[] = { "[", "(", "(?P<n>a)", "a(?i)b", "[^\\D]", "(a)\\1", "(a{40}){40}" };
    struct hc_err err;
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        HC_AUTO(hc_pattern) struct hc_pattern p, whole;
        assert_int_equal(hc_pattern_init(&p, hc_str_of(rows[i].pattern), "p", &err), HC_OK);
        assert_int_equal(hc_pattern_init_whole(&whole, hc_str_of(rows[i].pattern), "p", &err), HC_OK);
        if (hc_pattern_found(&p, hc_str_of(rows[i].text)) != rows[i].found ||
            hc_pattern_found(&whole, hc_str_of(rows[i].text)) != rows[i].whole)
            fail_msg("'%s' in '%s'", rows[i].pattern, rows[i].text);
    }
    for (size_t i = 0; i < HC_LEN(refused); i++) {
        HC_AUTO(hc_pattern) struct hc_pattern p;
        assert_int_equal(hc_pattern_init(&p, hc_str_of(refused[i]), "p", &err), HC_E_INPUT);
        assert_false(hc_pattern_found(&p, HC_S("a")));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arena_stops_at_its_ceiling_and_stays_spent),
        cmocka_unit_test(arena_taken_back_gives_zeroed_memory_again),
        cmocka_unit_test(arena_gives_back_to_a_mark),
        cmocka_unit_test(arena_memory_failure_is_not_a_limit),
        cmocka_unit_test(utf8_follows_go),
        cmocka_unit_test(base64_both_ways),
        cmocka_unit_test(parts_of_addresses_lose_their_percent_signs),
        cmocka_unit_test(back_off_doubles_up_to_its_end),
        cmocka_unit_test(times_and_durations),
        cmocka_unit_test(errors_wrap_and_cut),
        cmocka_unit_test(sha256_of_abc),
        cmocka_unit_test(patterns_follow_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
