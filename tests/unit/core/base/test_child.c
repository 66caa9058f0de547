/*
 * core/base/child: another program, run to its end.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/arena.h"
#include "core/base/child.h"
#include "core/base/clock.h"
#include "tests/unit/unit.h"

extern char **environ;

static enum hc_rc sh(const char *script, hc_str input, size_t max, int64_t ms, struct hc_buf *out,
                     struct hc_child_end *end, struct hc_err *err)
{
    char *argv[] = { "sh", "-c", (char *)(uintptr_t)script, NULL };
    const struct hc_child c = { argv, environ, input, max, ms, false };
    return hc_child_run(&c, out, end, err);
}

static void no_child_is_left(void)
{
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

static void test_ends(void **state)
{
    (void)state;
    static const struct {
        const char *script, *out, *said;
        int code, signal;
    } rows[] = {
        { "cat", "input", "", 0, 0 },
        { "echo a; echo '  b ' >&2", "a\n", "b", 0, 0 },
        { "exit 3", "", "", 3, 0 },
        { "echo x >&2; kill -9 $$", "", "x", -1, SIGKILL },
        { "exec <&-; echo deaf", "deaf\n", "", 0, 0 },
        { "exec >&- 2>&-; cat >/dev/null; exit 4", "", "", 4, 0 },
        { "trap 'echo no' PIPE INT; kill -PIPE $$; echo $?", "no\n0\n", "", 0,
          0 }, /* signals are as for any program */
    };
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        HC_AUTO(hc_buf) struct hc_buf b;
        struct hc_child_end end;
        hc_buf_init(&b, 0);
        assert_int_equal(sh(rows[i].script, HC_S("input"), 1000, 20000, &b, &end, NULL), HC_OK);
        assert_int_equal(end.exit_code, rows[i].code);
        assert_int_equal(end.signal, rows[i].signal);
        assert_string_equal(end.said, rows[i].said);
        assert_true(hc_str_eqz(hc_buf_str(&b), rows[i].out));
        no_child_is_left();
    }
}

/* More than the pipes hold, both ways, and a reader that leaves early. */
static void test_much(void **state)
{
    (void)state;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    size_t n = (size_t)4 << 20;
    char *much = hc_arena_alloc(a, n, 1);
    memset(much, 'x', n);
    HC_AUTO(hc_buf) struct hc_buf b;
    struct hc_child_end end;
    struct hc_err err = HC_ERR_INIT;
    hc_buf_init(&b, 0);
    assert_int_equal(sh("cat", hc_str_n(much, n), n, 20000, &b, &end, &err), HC_OK);
    assert_int_equal(b.n, n);
    hc_buf_reset(&b);
    assert_int_equal(sh("head -c 3", hc_str_n(much, n), n, 20000, &b, &end, &err), HC_OK);
    assert_int_equal(b.n, 3);
    hc_buf_reset(&b);
    assert_int_equal(sh("cat", hc_str_n(much, n), 1000, 20000, &b, &end, &err), HC_E_LIMIT);
    assert_string_equal(err.msg, "more than 1000 bytes of output");
    hc_buf_reset(&b);
    assert_int_equal(sh("cat >&2; exit 1", hc_str_n(much, n), 1000, 20000, &b, &end, &err), HC_OK);
    assert_int_equal(strlen(end.said), sizeof(end.said) - 1);
    no_child_is_left();
}

/* One that does not end, and one that hands its pipes on to another that does not. */
static void test_late(void **state)
{
    (void)state;
    static const char *const scripts[] = { "sleep 60", "sleep 60 & exit 0", "trap '' TERM INT; sleep 60" };
    for (size_t i = 0; i < HC_LEN(scripts); i++) {
        HC_AUTO(hc_buf) struct hc_buf b;
        struct hc_child_end end;
        struct hc_err err = HC_ERR_INIT;
        hc_buf_init(&b, 0);
        int64_t began = hc_mono_ms();
        assert_int_equal(sh(scripts[i], HC_S(""), 1000, 100, &b, &end, &err), HC_E_LIMIT);
        assert_true(hc_mono_ms() - began < 20000);
        no_child_is_left();
    }
}

static volatile sig_atomic_t heard;

static void hear(int sig)
{
    heard = sig;
}

/* A signal to us ends it at once and reaches the handler that was there. */
static void test_interrupted(void **state)
{
    (void)state;
    struct sigaction sa = { .sa_handler = hear }, now;
    sigaction(SIGINT, &sa, NULL);
    HC_AUTO(hc_buf) struct hc_buf b;
    struct hc_child_end end;
    struct hc_err err = HC_ERR_INIT;
    hc_buf_init(&b, 0);
    assert_int_equal(sh("trap '' INT; kill -INT $PPID; sleep 60", HC_S(""), 1000, 60000, &b, &end, &err),
                     HC_E_AGAIN);
    assert_int_equal(heard, SIGINT);
    assert_int_equal(end.signal, SIGKILL);
    sigaction(SIGINT, NULL, &now);
    assert_ptr_equal(now.sa_handler, hear);
    no_child_is_left();
}

/* Our stdin, stderr, process group and signals; what is killed is itself alone. */
static void test_talks(void **state)
{
    (void)state;
    static const struct {
        const char *script, *out;
        int64_t ms;
        enum hc_rc rc;
        int code;
    } rows[] = {
        { "read x; echo \"$x\"; echo asked >&2", "typed\n", 20000, HC_OK, 0 },
        { "exit 3", "", 20000, HC_OK, 3 },
        { "test \"$(cut -d' ' -f5 /proc/$$/stat)\" = \"$(cut -d' ' -f5 /proc/$PPID/stat)\"", "", 20000, HC_OK, 0 },
        { "kill -INT $PPID; echo lives", "lives\n", 20000, HC_OK, 0 },
        { "head -c 2000000 /dev/zero", NULL, 20000, HC_E_LIMIT, -1 },
        { "exec sleep 60", "", 100, HC_E_LIMIT, -1 },
    };
    struct sigaction sa = { .sa_handler = hear };
    sigaction(SIGINT, &sa, NULL);
    int in[2], said[2], old_in = dup(0), old_err = dup(2);
    assert_true(old_in >= 0 && old_err >= 0 && pipe(in) == 0 && pipe(said) == 0);
    assert_int_equal(write(in[1], "typed\n", 6), 6);
    heard = 0;
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        char *argv[] = { "sh", "-c", (char *)(uintptr_t)rows[i].script, NULL };
        const struct hc_child c = {
            .argv = argv, .env = environ, .max_bytes = 1000, .deadline_ms = rows[i].ms, .talks = true
        };
        HC_AUTO(hc_buf) struct hc_buf b;
        struct hc_child_end end;
        hc_buf_init(&b, 0);
        dup2(in[0], 0);
        dup2(said[1], 2);
        enum hc_rc rc = hc_child_run(&c, &b, &end, NULL);
        dup2(old_in, 0);
        dup2(old_err, 2);
        if (rc != rows[i].rc || end.exit_code != rows[i].code || end.late != (rows[i].ms == 100) || end.said[0] ||
            (rows[i].out && !hc_str_eqz(hc_buf_str(&b), rows[i].out)))
            fail_msg("%s: %d, exit code %d, '%.*s'", rows[i].script, rc, end.exit_code, HC_P(hc_buf_str(&b)));
        no_child_is_left();
    }
    char words[16] = "";
    assert_int_equal(read(said[0], words, sizeof(words) - 1), 6);
    assert_string_equal(words, "asked\n");
    assert_int_equal(heard, SIGINT);
    const int all[] = { in[0], in[1], said[0], said[1], old_in, old_err };
    for (size_t i = 0; i < HC_LEN(all); i++)
        close(all[i]);
}

static void test_cannot_start(void **state)
{
    (void)state;
    char *argv[] = { "/no/such/program", NULL };
    const struct hc_child c = { argv, environ, HC_S("x"), 10, 1000, false };
    HC_AUTO(hc_buf) struct hc_buf b;
    struct hc_child_end end;
    hc_buf_init(&b, 0);
    assert_int_equal(hc_child_run(&c, &b, &end, NULL), HC_OK);
    assert_int_equal(end.start_errno, ENOENT);
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    assert_null(hc_child_find(a, "no-such-program-x"));
    assert_non_null(hc_child_find(a, "sh"));
    assert_string_equal(hc_child_find(a, "./x"), "./x");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ends),        cmocka_unit_test(test_much),         cmocka_unit_test(test_late),
        cmocka_unit_test(test_interrupted), cmocka_unit_test(test_cannot_start), cmocka_unit_test(test_talks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
