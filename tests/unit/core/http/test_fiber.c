/*
 * Fibers: they wait without their thread, whoever wakes them; the gate and the pool serve fibers and threads alike.
 */
#include "tests/unit/unit.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/base/scrub.h"
#include "core/http/fiber.h"

static pthread_mutex_t mu = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static int told;

static void notify(void *ctx)
{
    (void)ctx;
    pthread_mutex_lock(&mu);
    told++;
    pthread_cond_signal(&cond);
    pthread_mutex_unlock(&mu);
}

/* Runs until all ended, as a worker does. */
static void drive(struct hc_fibers *fs)
{
    while (hc_fibers_alive(fs)) {
        pthread_mutex_lock(&mu);
        while (!hc_fibers_ready(fs))
            pthread_cond_wait(&cond, &mu);
        pthread_mutex_unlock(&mu);
        hc_fibers_run(fs);
    }
}

enum { MANY = 300 };
static struct hc_fiber *parked[MANY];
static size_t parked_n, ended_n;

static void wait_twice(void *arg)
{
    char deep[16384]; /* its stack holds while others run */
    memset(deep, *(int *)arg & 0x7f, sizeof(deep));
    for (int i = 0; i < 2; i++) {
        assert_non_null(hc_fiber_self());
        parked[*(int *)arg] = hc_fiber_self();
        parked_n++;
        hc_fiber_park();
        for (size_t j = 0; j < sizeof(deep); j += 1000)
            assert_int_equal(deep[j], *(int *)arg & 0x7f);
    }
    ended_n++;
}

static void *wake_all(void *arg)
{
    (void)arg;
    for (int i = MANY; i-- > 0;)
        hc_fiber_wake(parked[i]);
    return NULL;
}

static void many_wait_on_one_thread(void **state)
{
    (void)state;
    int ids[MANY];
    struct hc_fibers *fs = hc_fibers_new(MANY, notify, NULL);
    for (int i = 0; i < MANY; i++) {
        ids[i] = i;
        assert_true(hc_fibers_start(fs, wait_twice, &ids[i]));
    }
    assert_true(hc_fibers_full(fs));
    assert_false(hc_fibers_start(fs, wait_twice, &ids[0]));
    assert_int_equal(parked_n, MANY);
    assert_null(hc_fiber_self());
    pthread_t t;
    assert_int_equal(pthread_create(&t, NULL, wake_all, NULL), 0);
    pthread_join(t, NULL);
    hc_fibers_run(fs);
    assert_int_equal(parked_n, 2 * MANY);
    assert_int_equal(ended_n, 0);
    wake_all(NULL);
    drive(fs);
    assert_int_equal(ended_n, MANY);
    hc_fibers_free(fs);
}

static void wake_self_first(void *arg)
{
    hc_fiber_wake(hc_fiber_self());
    hc_fiber_park(); /* was told already */
    *(bool *)arg = true;
}

static void a_wake_before_the_park_counts(void **state)
{
    (void)state;
    bool done = false;
    struct hc_fibers *fs = hc_fibers_new(1, notify, NULL);
    assert_true(hc_fibers_start(fs, wake_self_first, &done));
    assert_true(done);
    assert_int_equal(hc_fibers_alive(fs), 0);
    hc_fibers_free(fs);
}

/* ---- the gate: a counter that is read, waited over and written ---- */

static struct hc_gate *gate;
static struct hc_pool *pool;
static int counter;
static atomic_int inside, most_inside;

static void nap(void *arg)
{
    int now = atomic_fetch_add(&inside, 1) + 1, most = atomic_load(&most_inside);
    while (now > most && !atomic_compare_exchange_weak(&most_inside, &most, now))
        ;
    usleep(200);
    atomic_fetch_sub(&inside, 1);
    (void)arg;
}

static void count(void *arg)
{
    (void)arg;
    for (int i = 0; i < 10; i++) {
        hc_gate_lock(gate);
        int was = counter;
        hc_pool_run(pool, nap, NULL); /* a fiber gives its thread away and keeps the gate */
        counter = was + 1;
        hc_gate_unlock(gate);
    }
}

static void *count_thread(void *arg)
{
    count(arg);
    return NULL;
}

static void the_gate_is_for_fibers_and_threads(void **state)
{
    (void)state;
    gate = hc_gate_new();
    pool = hc_pool_new(2);
    struct hc_fibers *fs = hc_fibers_new(8, notify, NULL);
    pthread_t threads[2];
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, count_thread, NULL), 0);
    for (int i = 0; i < 8; i++)
        assert_true(hc_fibers_start(fs, count, NULL));
    drive(fs);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(counter, 100);
    assert_int_equal(atomic_load(&most_inside), 1);
    hc_fibers_free(fs);
    hc_pool_free(pool);
    hc_gate_free(gate);
}

static void pooled(void *arg)
{
    for (int i = 0; i < 5; i++)
        hc_pool_run(arg, nap, NULL);
}

static void the_pool_has_its_size(void **state)
{
    (void)state;
    atomic_store(&most_inside, 0);
    struct hc_pool *p = hc_pool_new(3);
    struct hc_fibers *fs = hc_fibers_new(20, notify, NULL);
    for (int i = 0; i < 20; i++)
        assert_true(hc_fibers_start(fs, pooled, p));
    drive(fs);
    assert_in_range(atomic_load(&most_inside), 1, 3);
    hc_fibers_free(fs);
    hc_pool_free(p);
}

/* ---- URLs in messages ---- */

static void urls_show_no_credentials(void **state)
{
    (void)state;
    static const struct {
        const char *text, *some, *all;
    } rows[] = {
        { "get 'https://me:pw@h/x?t=1': no", "get 'https://***@h/x?t=1': no", "get 'https://***@h/x?***': no" },
        { "https://token@h", "https://***@h", "https://***@h" },
        { "a http://h/p?q=1 b https://u:p@w@g?z c", "a http://h/p?q=1 b https://***@g?z c",
          "a http://h/p?*** b https://***@g?* c" },
        { "mail a@b, no URL?", "mail a@b, no URL?", "mail a@b, no URL?" },
        { "http://h/a@b", "http://h/a@b", "http://h/a@b" },
        { "://", "://", "://" },
        { "x://@h", "x://@h", "x://@h" },
    };
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        char text[128];
        snprintf(text, sizeof(text), "%s", rows[i].text);
        hc_scrub_urls(text, false);
        assert_string_equal(text, rows[i].some);
        snprintf(text, sizeof(text), "%s", rows[i].text);
        hc_scrub_urls(text, true);
        assert_string_equal(text, rows[i].all);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_wait_on_one_thread),
        cmocka_unit_test(a_wake_before_the_park_counts),
        cmocka_unit_test(the_gate_is_for_fibers_and_threads),
        cmocka_unit_test(the_pool_has_its_size),
        cmocka_unit_test(urls_show_no_credentials),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
