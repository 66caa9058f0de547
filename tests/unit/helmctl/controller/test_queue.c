/*
 * The key queue: once in the queue, never in two workers, timers in order, back-off.
 */
#include "tests/unit/unit.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/clock.h"
#include "helmctl/controller/queue.h"

static struct hc_key key(const char *name)
{
    return (struct hc_key){ HC_CTL_RELEASE, HC_S("apps"), hc_str_of(name) };
}

/* A little script: op, key, time, and what a take must give ("" nothing). */
enum op { ADD, FIRST, AT, TAKE, DONE, FAIL, DROP, NEXT };
struct step {
    enum op op;
    const char *key;
    int64_t
        t; /* now for TAKE and FAIL, the time asked for in AT and DONE (-1: never), expected in NEXT (-1: never) */
};
static const struct {
    const char *name;
    struct step steps[12];
    size_t n;
} rows[] = {
    { "added twice, taken once", { { ADD, "a" }, { ADD, "a" }, { TAKE, "a", 0 }, { TAKE, "", 0 } }, 4 },
    { "in order of arrival", { { ADD, "b" }, { ADD, "a" }, { TAKE, "b", 0 }, { TAKE, "a", 0 } }, 4 },
    { "who asks goes before those whose time came",
      { { AT, "a", 10 }, { ADD, "b" }, { FIRST, "c" }, { FIRST, "d" }, { TAKE, "c", 20 }, { TAKE, "d", 20 } },
      6 },
    { "one that waits for its turn is moved",
      { { ADD, "a" },
        { ADD, "b" },
        { ADD, "c" },
        { FIRST, "c" },
        { FIRST, "b" },
        { FIRST, "c" },
        { TAKE, "c", 0 },
        { TAKE, "b", 0 },
        { TAKE, "a", 0 },
        { TAKE, "", 0 } },
      10 },
    { "so does one that asked while it ran, once",
      { { ADD, "a" },
        { TAKE, "a", 0 },
        { FIRST, "a" },
        { ADD, "b" },
        { DONE, "a", -1 },
        { TAKE, "a", 0 },
        { ADD, "a" },
        { DONE, "a", -1 },
        { TAKE, "b", 0 },
        { TAKE, "a", 0 } },
      10 },
    { "not in two workers",
      { { ADD, "a" },
        { TAKE, "a", 0 },
        { ADD, "a" },
        { TAKE, "", 0 },
        { DONE, "a", -1 },
        { TAKE, "a", 0 },
        { DONE, "a", -1 },
        { TAKE, "", 0 } },
      8 },
    { "a timer fires when it is time",
      { { AT, "a", 100 }, { TAKE, "", 99 }, { NEXT, "", 100 }, { TAKE, "a", 100 } },
      4 },
    { "the earlier of two times counts",
      { { AT, "a", 100 }, { AT, "a", 50 }, { AT, "a", 70 }, { TAKE, "a", 50 } },
      4 },
    { "an event beats the timer and ends it",
      { { AT, "a", 100 }, { ADD, "a" }, { TAKE, "a", 0 }, { DONE, "a", -1 }, { NEXT, "", -1 }, { TAKE, "", 1000 } },
      6 },
    { "timers come by time, not by arrival",
      { { AT, "c", 30 },
        { AT, "a", 10 },
        { AT, "b", 20 },
        { TAKE, "a", 40 },
        { TAKE, "b", 40 },
        { TAKE, "c", 40 } },
      6 },
    { "done sets the next look", { { ADD, "a" }, { TAKE, "a", 0 }, { DONE, "a", 500 }, { NEXT, "", 500 } }, 4 },
    { "a time asked for while it ran is kept",
      { { ADD, "a" }, { TAKE, "a", 0 }, { AT, "a", 50 }, { DONE, "a", 500 }, { NEXT, "", 50 } },
      5 },
    { "a dropped key has no timer", { { AT, "a", 100 }, { DROP, "a" }, { TAKE, "", 200 }, { NEXT, "", -1 } }, 4 },
    { "a timer in the middle can go",
      { { AT, "a", 10 },
        { AT, "b", 20 },
        { AT, "c", 30 },
        { AT, "d", 40 },
        { DROP, "b" },
        { TAKE, "a", 99 },
        { TAKE, "c", 99 },
        { TAKE, "d", 99 },
        { TAKE, "", 99 } },
      9 },
};

static void test_script(void **state)
{
    (void)state;
    for (size_t r = 0; r < HC_LEN(rows); r++) {
        struct hc_queue *q = hc_queue_new(100, 1000, 7);
        for (size_t i = 0; i < rows[r].n; i++) {
            const struct step *s = &rows[r].steps[i];
            struct hc_key got;
            int64_t next;
            bool ok = true;
            switch (s->op) {
            case ADD:
                ok = hc_queue_add(q, key(s->key));
                break;
            case FIRST:
                ok = hc_queue_add_first(q, key(s->key));
                break;
            case AT:
                ok = hc_queue_add_at(q, key(s->key), s->t);
                break;
            case TAKE:
                ok = hc_queue_take(q, s->t, &got, NULL) == (s->key[0] != 0) &&
                     (!s->key[0] || hc_str_eqz(got.name, s->key));
                break;
            case DONE:
                hc_queue_done(q, key(s->key), s->t < 0 ? INT64_MAX : s->t);
                break;
            case FAIL:
                hc_queue_failed(q, key(s->key), s->t, 0);
                break;
            case DROP:
                hc_queue_drop(q, key(s->key));
                break;
            case NEXT:
                ok = !hc_queue_take(q, 0, &got, &next) && next == (s->t < 0 ? INT64_MAX : s->t);
                break;
            }
            if (!ok)
                fail_msg("%s: step %zu", rows[r].name, i);
        }
        hc_queue_free(q);
    }
}

static void test_backoff(void **state)
{
    (void)state;
    struct hc_queue *q = hc_queue_new(100, 1000, 42);
    struct hc_key k;
    int64_t now = 0, low[] = { 100, 200, 400, 800, 1000, 1000 };
    assert_true(hc_queue_add(q, key("a")));
    for (size_t i = 0; i < HC_LEN(low); i++) {
        assert_true(hc_queue_take(q, now, &k, NULL));
        assert_int_equal(hc_queue_failures(q, k), i);
        int64_t at = hc_queue_failed(q, k, now, 0);
        assert_in_range(at - now, low[i], HC_MIN(low[i] * 6 / 5, 1000));
        assert_false(hc_queue_take(q, at - 1, &k, NULL));
        now = at;
    }
    assert_true(hc_queue_take(q, now, &k, NULL));
    assert_int_equal(hc_queue_failed(q, k, now, now + 5000), now + 5000); /* the server said when */
    assert_true(hc_queue_take(q, now + 5000, &k, NULL));
    hc_queue_done(q, k, INT64_MAX);
    struct hc_queue_stats st;
    hc_queue_stats(q, &st);
    assert_int_equal(st.keys, 0); /* nothing left to remember */
    hc_queue_free(q);
}

static void test_many(void **state)
{
    (void)state;
    struct hc_queue *q = hc_queue_new(100, 1000, 1);
    char name[16];
    for (int i = 0; i < 5000; i++) {
        snprintf(name, sizeof(name), "k%d", i);
        assert_true(hc_queue_add_at(q, key(name), (i * 7919) % 5000));
    }
    struct hc_key k;
    for (int64_t t = 0; t < 5000; t++) {
        assert_true(hc_queue_take(q, t, &k, NULL));
        int64_t i = 0;
        assert_true(hc_str_to_i64(hc_str_sub(k.name, 1, k.name.n), &i));
        assert_int_equal((i * 7919) % 5000, t);
        hc_queue_done(q, k, INT64_MAX);
    }
    hc_queue_free(q);
}

/* ---- threads: four workers, keys added from outside while they run ---- */

struct shared {
    struct hc_queue *q;
    pthread_mutex_t lock;
    int busy[64], seen[64], clashes, left;
};

static void *worker(void *arg)
{
    struct shared *s = arg;
    struct hc_key k;
    while (hc_queue_wait(s->q, &k)) {
        int64_t i = 0;
        (void)hc_str_to_i64(k.name, &i);
        pthread_mutex_lock(&s->lock);
        s->clashes += s->busy[i]++ != 0;
        int times = ++s->seen[i];
        pthread_mutex_unlock(&s->lock);
        if (times == 1 && !hc_queue_add(s->q, k)) /* comes back */
            abort();
        pthread_mutex_lock(&s->lock);
        s->busy[i]--;
        bool last = times == 2 && --s->left == 0;
        pthread_mutex_unlock(&s->lock);
        hc_queue_done(s->q, k, INT64_MAX);
        if (last)
            hc_queue_stop(s->q);
    }
    return NULL;
}

static void test_workers(void **state)
{
    (void)state;
    struct shared s = { .q = hc_queue_new(1, 10, 1), .lock = PTHREAD_MUTEX_INITIALIZER, .left = 64 };
    pthread_t t[4];
    for (size_t i = 0; i < HC_LEN(t); i++)
        assert_int_equal(pthread_create(&t[i], NULL, worker, &s), 0);
    char name[16];
    for (int i = 0; i < 64; i++) {
        snprintf(name, sizeof(name), "%d", i);
        if (i % 2)
            hc_queue_add(s.q, key(name));
        else
            hc_queue_add_at(s.q, key(name), hc_mono_ms() + 1);
    }
    for (size_t i = 0; i < HC_LEN(t); i++)
        pthread_join(t[i], NULL);
    assert_int_equal(s.clashes, 0);
    for (int i = 0; i < 64; i++)
        assert_int_equal(s.seen[i], 2);
    hc_queue_free(s.q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_script),
        cmocka_unit_test(test_backoff),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_workers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
