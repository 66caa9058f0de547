/*
 * A search for primes gives the same whatever goes about it: with a second thread and without, two numbers at a time
 * and one by one.
 */
#include "tests/unit/unit.h"

#include <string.h>

#include "core/base/arena.h"
#include "core/base/clock.h"
#include "lua/funcs/primes.h"

static const struct hc_prime_way ways[] = { { false, false }, { true, false }, { false, true }, { true, true } };

/* Gives `first` for the first start, then numbers that are counted on from a seed. */
struct script {
    const char *first;
    uint64_t seed;
    unsigned calls;
};

static bool scripted(void *ctx, void *out, size_t n)
{
    struct script *s = ctx;
    unsigned char *p = out;
    if (s->calls++ == 0 && s->first) {
        BIGNUM *b = NULL;
        bool ok = BN_hex2bn(&b, s->first) && BN_bn2binpad(b, p, (int)n) == (int)n;
        BN_free(b);
        return ok;
    }
    for (size_t i = 0; i < n; i++) {
        s->seed = s->seed * 6364136223846793005u + 1442695040888963407u;
        p[i] = (unsigned char)(s->seed >> 56);
    }
    return true;
}

struct found {
    char *p, *q;
    unsigned calls;
    uint64_t beside_ns;
};

static struct found find(struct hc_prime_way way, struct script script, int bits)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct hc_err err = HC_ERR_INIT;
    const struct hc_door door = { .ctx = &script, .random = scripted };
    struct hc_fcall c = { .a = a, .err = &err, .door = &door };
    BIGNUM *p = BN_new(), *q = BN_new();
    const struct hc_prime_want wants[] = { { bits, NULL, p }, { bits, NULL, q } };
    if (!hc_primes(&c, way, wants, 2))
        fail_msg("no primes: %s", err.msg);
    struct found f = { BN_bn2hex(p), BN_bn2hex(q), script.calls, c.dear_beside_ns };
    BN_free(p);
    BN_free(q);
    return f;
}

static void found_done(struct found *f)
{
    OPENSSL_free(f->p);
    OPENSSL_free(f->q);
}

/* What all ways agree in; *out_calls: how often they asked for random bytes. */
static void find_each_way(struct script script, int bits, struct found *out)
{
    *out = find(ways[0], script, bits);
    for (size_t i = 1; i < HC_LEN(ways); i++) {
        struct found f = find(ways[i], script, bits);
        assert_string_equal(f.p, out->p);
        assert_string_equal(f.q, out->q);
        assert_int_equal(f.calls, out->calls);
        assert_int_equal(f.beside_ns > 0, ways[i].helper && bits >= 1024);
        found_done(&f);
    }
}

/* The first prime behind the start that is no 1 more than a multiple of 65537, as libcrypto finds it. */
static char *first_prime(const unsigned char *start, int size)
{
    unsigned char bytes[128];
    BN_CTX *ctx = BN_CTX_new();
    memcpy(bytes, start, sizeof(bytes));
    bytes[0] |= 0xc0;
    bytes[size - 1] |= 1;
    BIGNUM *n = BN_bin2bn(bytes, size, NULL);
    while (BN_mod_word(n, 65537) == 1 || BN_check_prime(n, ctx, NULL) != 1)
        BN_add_word(n, 2);
    char *hex = BN_bn2hex(n);
    BN_free(n);
    BN_CTX_free(ctx);
    return hex;
}

static void they_are_the_first_behind_their_starts(void **state)
{
    (void)state;
    struct script script = { .seed = 3 }, same = script;
    struct found f;
    unsigned char start[128], bases[5 * 128];
    find_each_way(script, 1024, &f);
    for (int i = 0; i < 2; i++) {
        scripted(&same, start, sizeof(start));
        scripted(&same, bases, sizeof(bases));
        char *want = first_prime(start, sizeof(start));
        assert_string_equal(i ? f.q : f.p, want);
        OPENSSL_free(want);
    }
    assert_int_equal(f.calls, 4);
    found_done(&f);
}

static void the_way_does_not_matter(void **state)
{
    (void)state;
    for (uint64_t seed = 10; seed < 12; seed++) {
        struct found f;
        find_each_way((struct script){ .seed = seed }, 1024, &f);
        assert_int_equal(strlen(f.p), 256);
        assert_string_not_equal(f.p, f.q);
        found_done(&f);
        find_each_way((struct script){ .seed = seed }, 256, &f); /* nobody helps here */
        found_done(&f);
    }
}

/* n = p (2p - 1): without a small factor, and it passes the first round, to base 2; those to random bases find it out. */
static void a_pseudoprime_is_refuted(void **state)
{
    (void)state;
    static const char pseudoprime[] = "C04D4351133860FB6A95F9D13E84F79945FF45CB2FB74DA4B078E22645268221"
                                      "8749FE81D3C73CDA0305347AAE4C679EB0556D27A440DE69D5D5200B8F75C966"
                                      "3E85A2AFA5D7250B87E36CCFD4826AE7789EED719B7F8E8FCE54E5E4A0F0ABB3"
                                      "0E8E3452F0CA44479A5C025EAC887D21284F1F0291FD4DA5ADA456DF771A174D";
    struct script script = { .first = pseudoprime, .seed = 1 };
    struct found f;
    find_each_way(script, 1024, &f);
    assert_string_not_equal(f.p, pseudoprime);
    assert_int_equal(f.calls, 6); /* a start and bases for each, and once more for the first */
    found_done(&f);
}

/* No prime among the 2,048 odd numbers behind it. */
static void behind_a_long_gap_is_another_start(void **state)
{
    (void)state;
    static const char gap[] = "D870D9B3F78C22B34BBA4C9D2CDAE769D84BD1B9708F3ECF9B10C2EC7370BA2A"
                              "4397B65EB625D3F02D13CAA156C5ACA494C1CB3B6F3D8AD60375DD38405BA4FC"
                              "C39E4A276CF008697332F6A51FC62481E26AB22CA475A4EC5822CC30092FC9E9"
                              "A3C57419928F931EA57C6CF94AC0539C0A2FDE5D7446680E076953EE7F5400B9";
    struct script script = { .first = gap, .seed = 1 };
    struct found f;
    find_each_way(script, 1024, &f);
    assert_string_not_equal(f.p, f.q);
    assert_int_equal(f.calls, 6);
    found_done(&f);
}

/* A prime, and the next odd number is one, too: tested side by side, the lower one it is. */
static void of_twins_it_is_the_lower(void **state)
{
    (void)state;
    static const char twin[] = "CD2EEA6FA9874F6B5900E4B6C67437D797E614119E79E678BA86C4EFE0F6B86E"
                               "F06142EBAFF19A1EBF2ED4311B42BA383E092E6C3DC87DBB78475655571EEA79"
                               "253A0AC621790381CACC4649797B8610F5DDA2AFFA605BD90C0F49A8B64A0754"
                               "9F5B8452A1B05CBDFE1E681C0530D87C552477667BAD11ED71FF1C3931408B81";
    struct script script = { .first = twin, .seed = 1 };
    struct found f;
    find_each_way(script, 1024, &f);
    assert_string_equal(f.p, twin);
    found_done(&f);
}

/* Whoever took it: from the second long key on the processor time of both threads is what counts. */
static void the_time_of_both_threads_counts(void **state)
{
    (void)state;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    for (size_t i = 0; i < HC_LEN(ways); i++) {
        struct hc_err err = HC_ERR_INIT;
        struct script script = { .seed = 1 };
        const struct hc_door door = { .ctx = &script, .random = scripted };
        struct hc_fcall c = { .a = a, .err = &err, .door = &door, .long_keys = 2, .dear_beside_ns = 2000000000 };
        BIGNUM *p = BN_new(), *q = BN_new();
        const struct hc_prime_want wants[] = { { 1024, NULL, p }, { 1024, NULL, q } };
        c.dear_from_ns = hc_thread_cpu_ns();
        assert_false(hc_primes(&c, ways[i], wants, 2));
        assert_int_equal(err.code, HC_E_LIMIT);
        assert_true(c.unlucky);
        assert_true(c.dear_beside_ns >= 2000000000);
        BN_free(p);
        BN_free(q);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(they_are_the_first_behind_their_starts),
        cmocka_unit_test(the_way_does_not_matter),
        cmocka_unit_test(a_pseudoprime_is_refuted),
        cmocka_unit_test(behind_a_long_gap_is_another_start),
        cmocka_unit_test(of_twins_it_is_the_lower),
        cmocka_unit_test(the_time_of_both_threads_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
