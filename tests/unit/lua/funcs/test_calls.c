/*
 * Every call of data/calls.tsv against what Helm 4.3.1 printed for it: expression, Go type, %q of what print
 * gives; or "error" and the text. tests/unit/lua/funcs/record.py records the file anew.
 */
#include "tests/unit/unit.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "core/base/clock.h"
#include "core/base/fs.h"
#include "core/value/yaml.h"
#include "tests/unit/lua/funcs/eval.h"

#define DATA HC_TEST_SOURCE_DIR "/tests/unit/lua/funcs/data/"

/* The files of a folder as .Files has them. */
static void add_files(struct hc_arena *a, struct hc_val *files, const char *dir, const char *prefix)
{
    DIR *d = opendir(dir);
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        char path[1024], name[512];
        struct stat st;
        hc_str body;
        if (e->d_name[0] == '.')
            continue;
        snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
        snprintf(name, sizeof(name), "%s%s", prefix, e->d_name);
        assert_int_equal(stat(path, &st), 0);
        if (S_ISDIR(st.st_mode)) {
            strncat(name, "/", sizeof(name) - strlen(name) - 1);
            add_files(a, files, path, name);
            continue;
        }
        assert_int_equal(hc_read_file(a, AT_FDCWD, path, 1 << 20, &body, NULL), HC_OK);
        struct hc_val *v = hc_str_val(a, body);
        v->type = HC_GO_BYTES;
        hc_map_put(a, files, hc_str_of(name), v);
    }
    closedir(d);
}

static void prepare(struct eval *e, struct hc_arena *a, const struct hc_door *door)
{
    hc_str text;
    *e = (struct eval){ .c = { .a = a, .door = door } };
    assert_int_equal(hc_read_file(a, AT_FDCWD, DATA "values.yaml", 1 << 20, &text, NULL), HC_OK);
    assert_int_equal(hc_yaml_parse(a, text, HC_S("values.yaml"), HC_YAML_JSON_NUMBERS, &e->values, NULL), HC_OK);
    e->values->type = HC_GO_VALUES;
    e->files = hc_map_new(a);
    e->files->type = HC_GO_FILES;
    add_files(a, e->files, DATA "files", "");
}

/* Most of its time is spent in libcrypto, of which no sanitizer knows. */
static bool makes_keys(hc_str expression)
{
    return hc_str_find_str(expression, HC_S("genCA ")) != SIZE_MAX ||
           hc_str_starts(expression, HC_S("derivePassword"));
}

static void calls_give_what_helm_gives(void **state)
{
    (void)state;
    static const struct hc_door door = { 0 };
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct eval e;
    hc_str all, line;
    size_t n = 0, bad = 0;
    unsigned long keys = 0;
    setenv("TZ", "Europe/Berlin", 1); /* as it was recorded */
    prepare(&e, a, &door);
    assert_int_equal(hc_read_file(a, AT_FDCWD, DATA "calls.tsv", 16 << 20, &all, NULL), HC_OK);
    while (hc_str_split(&all, '\n', &line)) {
        hc_str expression, want = line;
        if (line.n == 0 || !hc_str_split(&want, '\t', &expression))
            continue;
        if (makes_keys(expression) && !unit_takes(&keys))
            continue;
        HC_AUTO(hc_arena) struct hc_arena *call = hc_arena_new(0);
        HC_AUTO(hc_buf) struct hc_buf got;
        hc_buf_init(&got, 0);
        prepare(&e, call, &door); /* calls change their arguments */
        eval_line(&e, hc_arena_strz(call, expression), &got);
        n++;
        if (!hc_str_eq(want, hc_buf_str(&got))) {
            print_message("%.*s\n  helm %.*s\n  ours %.*s\n", HC_P(expression), HC_P(want), HC_P(hc_buf_str(&got)));
            bad++;
        }
    }
    assert_true(n > 400);
    assert_int_equal(bad, 0);
}

static void the_table_is_sorted_and_complete(void **state)
{
    (void)state;
    size_t n;
    const struct hc_func *rows = hc_func_table(&n);
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            assert_true(strcmp(rows[i - 1].name, rows[i].name) < 0);
        assert_ptr_equal(hc_func_find(hc_str_of(rows[i].name), false), &rows[i]);
        assert_int_equal(strspn(rows[i].params, "siIfbmlartedTcu*"), strlen(rows[i].params));
    }
    assert_null(hc_func_find(HC_S("env"), false));
    assert_null(hc_func_find(HC_S("mustToDuration"), true));
    assert_non_null(hc_func_find(HC_S("durationRound"), true));
}

/* What asks for too much is refused by name, and the arena stays usable. */
static void work_is_bounded(void **state)
{
    (void)state;
    static const struct {
        const char *call, *names;
    } rows[] = {
        { "repeat 999999999 \"abcd\"", "repeat" },
        { "indent 999999999 \"a\"", "indent" },
        { "until 999999999", "until" },
        { "untilStep 0 9223372036854775807 1", "untilStep" },
        { "seq 999999999", "seq" },
        { "printf \"%999999d%999999d%999999d\" 1 2 3 | repeat 100", "repeat" },
    };
    static const struct hc_door door = { 0 };
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
        HC_AUTO(hc_buf) struct hc_buf got;
        hc_buf_init(&got, 0);
        struct eval e = { .c = { .a = a, .door = &door } };
        eval_line(&e, rows[i].call, &got);
        assert_true(e.failed);
        assert_int_equal(e.err.code, HC_E_LIMIT);
        assert_non_null(strstr(e.err.msg, rows[i].names));
        assert_false(hc_arena_spent(a));
    }
}

/* A door that always gives the same: then keys, certificates and texts are the same, too. */
static int64_t fixed_now(void *ctx)
{
    (void)ctx;
    return 1700000000LL * 1000000000;
}

static bool counted_random(void *ctx, void *out, size_t n)
{
    uint64_t *seed = ctx;
    for (size_t i = 0; i < n; i++) {
        *seed = *seed * 6364136223846793005u + 1442695040888963407u;
        ((unsigned char *)out)[i] = (unsigned char)(*seed >> 56);
    }
    return true;
}

static hc_str through_door(struct hc_arena *a, const char *call)
{
    uint64_t seed = 7;
    const struct hc_door door = { .ctx = &seed, .now_ns = fixed_now, .random = counted_random };
    struct eval e = { .c = { .a = a, .door = &door } };
    HC_AUTO(hc_buf) struct hc_buf got;
    hc_buf_init(&got, 0);
    eval_line(&e, call, &got);
    assert_false(e.failed);
    return hc_buf_to_arena(&got, a);
}

static void the_door_decides(void **state)
{
    (void)state;
    static const char *const calls[] = {
        "(genCA \"ca\" 10).Cert",  "genSignedCert \"a\" nil nil 1 (genCA \"ca\" 10)",
        "randAlphaNum 40",         "uuidv4",
        "genPrivateKey \"ecdsa\"", "genPrivateKey \"ed25519\"",
        "htpasswd \"u\" \"p\"",    "encryptAES \"k\" \"text\"",
        "now | unixEpoch",         "shuffle \"abcdefghijkl\"",
    };
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    for (size_t i = 0; i < HC_LEN(calls); i++) {
        hc_str first = through_door(a, calls[i]), again = through_door(a, calls[i]);
        if (!hc_str_eq(first, again))
            fail_msg("%s gave %.*s, then %.*s", calls[i], HC_P(first), HC_P(again));
    }
    assert_string_equal(through_door(a, "now | unixEpoch").p, "string\t\"1700000000\"");
}

/* One that gives the same byte for ever: what draws again until a number fits must not do so for ever. */
static bool one_byte(void *ctx, void *out, size_t n)
{
    memset(out, *(int *)ctx, n);
    return true;
}

static void random_numbers_that_repeat_end(void **state)
{
    (void)state;
    static const struct {
        const char *call;
        int byte;
        bool fails;
    } rows[] = {
        { "genCA \"ca\" 10", 0, true },
        { "genCA \"ca\" 10", 255, true },
        { "genPrivateKey \"rsa\"", 7, true },
        { "genPrivateKey \"dsa\"", 0, true },
        { "genPrivateKey \"ecdsa\"", 0, true },
        { "genPrivateKey \"ecdsa\"", 255, true },
        { "genPrivateKey \"ecdsa\"", 1, false },
        { "genPrivateKey \"ed25519\"", 0, false },
        { "randInt 0 3", 255, true },
        { "randInt 0 3", 0, false },
        { "randAlphaNum 300", 255, true },
        { "randAlphaNum 300", 247, false },
        { "randAscii 10", 190, true },
        { "shuffle \"abc\"", 255, false },
    };
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        int byte = rows[i].byte;
        const struct hc_door door = { .ctx = &byte, .random = one_byte };
        struct eval e = { .c = { .a = a, .door = &door } };
        HC_AUTO(hc_buf) struct hc_buf got;
        hc_buf_init(&got, 0);
        eval_line(&e, rows[i].call, &got);
        if (e.failed != rows[i].fails || (e.failed && !strstr(e.err.msg, "repeat themselves")))
            fail_msg("%s of %d: %s", rows[i].call, byte, e.failed ? e.err.msg : "no error");
    }
}

static uint32_t turns_of(void *ctx)
{
    return *(const uint32_t *)ctx;
}

/* What is made one by one has seven times the budget of what loops, recursion and Lua may make without end. */
static void keys_and_hashes_have_a_budget(void **state)
{
    (void)state;
    static const struct {
        const char *name, *call;
        uint32_t turns, dear;
        bool recurs, fails;
    } rows[] = {
        { "nobody knows how often", "genPrivateKey \"ecdsa\"", 0, 698, false, false },
        { "nor that it is too often", "genPrivateKey \"ecdsa\"", 0, 699, false, true },
        { "once", "genPrivateKey \"ecdsa\"", 1, 699, false, false },
        { "once, the last one", "genPrivateKey \"ecdsa\"", 1, 4898, false, false },
        { "once too often", "genPrivateKey \"ecdsa\"", 1, 4899, false, true },
        { "in a loop that will end in time", "genPrivateKey \"ecdsa\"", 100, 4700, false, false },
        { "in one that will not", "genPrivateKey \"ecdsa\"", 101, 4700, false, true },
        { "but begins", "genPrivateKey \"ecdsa\"", 4000000000, 698, false, false },
        { "in recursion", "genPrivateKey \"ecdsa\"", 1, 699, true, true },
        { "which begins, too", "genPrivateKey \"ecdsa\"", 1, 698, true, false },
        { "a third key of one etcd", "genPrivateKey \"rsa\" | trunc 31", 1, 600, false, false },
    };
    static const struct hc_door door;
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
        uint32_t turns = rows[i].recurs ? 0 : rows[i].turns; /* as the engine tells of recursion */
        struct eval e = { .c = { .a = a, .door = &door, .dear = rows[i].dear, .turns = turns_of, .ctx = &turns } };
        HC_AUTO(hc_buf) struct hc_buf got;
        hc_buf_init(&got, 0);
        eval_line(&e, rows[i].call, &got);
        if (e.failed != rows[i].fails || (e.failed && !strstr(e.err.msg, "budget for keys and password hashes")))
            fail_msg("%s: %s", rows[i].name, e.failed ? e.err.msg : "no error");
    }
}

/* Of long keys the first is made however long all took, the second is not; one by one they may take longer. */
static void a_long_key_is_given_up(void **state)
{
    (void)state;
    static const struct hc_door door;
    for (uint32_t i = 0; i < 3; i++) {
        uint32_t before = i > 0;
        HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
        uint32_t turns = i == 2;
        struct eval e = { .c = { .a = a, .door = &door, .long_keys = before, .turns = turns_of, .ctx = &turns } };
        HC_AUTO(hc_buf) struct hc_buf got;
        hc_buf_init(&got, 0);
        e.c.dear_from_ns = hc_thread_cpu_ns() - 2000000000u; /* it may wrap around */
        eval_line(&e, "genPrivateKey \"dsa\" | trunc 31", &got);
        assert_int_equal(e.failed, i == 1);
        assert_int_equal(e.c.unlucky, i == 1);
        if (e.failed)
            assert_non_null(strstr(e.err.msg, "budget for keys and password hashes"));
        else
            assert_true(hc_str_find_str(hc_buf_str(&got), HC_S("BEGIN DSA PRIVATE KEY")) != SIZE_MAX);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_give_what_helm_gives),
        cmocka_unit_test(the_table_is_sorted_and_complete),
        cmocka_unit_test(work_is_bounded),
        cmocka_unit_test(the_door_decides),
        cmocka_unit_test(random_numbers_that_repeat_end),
        cmocka_unit_test(keys_and_hashes_have_a_budget),
        cmocka_unit_test(a_long_key_is_given_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
