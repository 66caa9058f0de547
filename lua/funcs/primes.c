/*
 * Primes. libcrypto's own test runs 64 Miller-Rabin rounds on what is prime, which takes longer than finding it; the
 * rounds here are those of FIPS 186-5 (and of Go) for candidates drawn at random. Nearly all the time goes into the
 * first round of composites, to base 2.
 *
 * A search is a list of jobs: sieving behind each start, first rounds of what the sieve left, and the rounds to random
 * bases of the first number that passed. Whoever is free takes the next one, the second thread with the second prime
 * first, so that both are busy to the end, however unlike the luck of the two primes is. The result of a window is the
 * first number of it that passes, whoever tested what.
 */
#include "lua/funcs/primes.h"

#include <openssl/crypto.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>

#include "core/base/clock.h"
#include "lua/funcs/funcs_impl.h"

#define RSA_EXPONENT 65537

enum {
    MOST_BITS = 2048,
    MOST_BASES = 1024, /* bytes: 20 bases of 256 bits, 5 of 1024, 4 of 2048 */
    LANES = 2,
    PAIR_BITS = 1024, /* libcrypto 3.0 does two at once of this size alone */
    HELPER_FROM_BITS = 1024,
    HELPER_STACK = 256 << 10,
};

/* ---- the sieve --------------------------------------------------------------------------------------- */

/*
 * Whoever has a factor below 2^18 is not asked: of 1024 bits that leaves 32 to ask (2^16: 36), of 2048 twice as many. Beyond
 * that sieving takes longer than what it saves.
 */
enum {
    SIEVE_PRIMES_BELOW = 262144,
    SIEVE_PRIMES = 22999, /* the odd ones */
    SIEVE_GROUPS = 7500,
    SIEVE_STEPS = 2048,
    WORDS = MOST_BITS / 64,
};

/* As many primes as a word takes: a large number is divided by their product, with the multiplications of Montgomery. */
struct group {
    uint64_t product;       /* below 2^62, so that what is added to a rest needs no second look */
    uint64_t minus_inverse; /* -1 / product mod 2^64 */
    uint64_t square;        /* 2^128 mod product */
};

static uint32_t small_primes[SIEVE_PRIMES];
static struct group groups[SIEVE_GROUPS];
static pthread_once_t small_primes_once = PTHREAD_ONCE_INIT;

/* x / 2^64 mod product, and less than twice that when x is less than 2^64 times it. */
static uint64_t reduced(unsigned __int128 x, const struct group *g)
{
    uint64_t m = (uint64_t)x * g->minus_inverse;
    return (uint64_t)((x + (unsigned __int128)m * g->product) >> 64);
}

static struct group group_of(uint64_t product)
{
    struct group g = { .product = product };
    uint64_t inverse = product; /* of its three lowest bits; each turn doubles them */
    for (int i = 0; i < 5; i++)
        inverse *= 2 - product * inverse;
    g.minus_inverse = 0 - inverse;
    g.square = (0 - product) % product * 2 % product; /* 2^65, 2^66, 2^68, ... */
    for (int i = 0; i < 6; i++)
        g.square = reduced((unsigned __int128)g.square * g.square, &g);
    g.square %= product;
    return g;
}

/* Marks the odd numbers (bit i: 2 i + 1) that are 1 or multiples of the primes below 64, a word at a time. */
static void mark_tiny_multiples(uint64_t *composite, size_t words)
{
    static const unsigned char tiny[] = { 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61 };
    uint64_t themselves = 0;
    for (size_t i = 0; i < HC_LEN(tiny); i++) {
        unsigned p = tiny[i], at = p / 2; /* the word's first multiple */
        uint64_t every = 0;
        for (unsigned bit = 0; bit < 64; bit += p)
            every |= (uint64_t)1 << bit;
        for (size_t w = 0; w < words; w++) {
            composite[w] |= every << at;
            at += p - 64 % p;
            at -= at >= p ? p : 0;
        }
        themselves |= (uint64_t)1 << p / 2;
    }
    composite[0] = (composite[0] & ~themselves) | 1;
}

static void find_small_primes(void)
{
    enum { SIEVE_WORDS = SIEVE_PRIMES_BELOW / 128 };
    uint64_t composite[SIEVE_WORDS] = { 0 }, product = 1, more;
    size_t n = 0, group = 0;
    mark_tiny_multiples(composite, SIEVE_WORDS);
    for (size_t w = 0; w < SIEVE_WORDS; w++) {
        for (uint64_t primes = ~composite[w]; primes && n < SIEVE_PRIMES; primes &= primes - 1) {
            uint32_t p = (uint32_t)w * 128 + 2 * (uint32_t)__builtin_ctzll(primes) + 1;
            small_primes[n++] = p;
            for (uint64_t m = (uint64_t)p * p; p > 64 && m < SIEVE_PRIMES_BELOW; m += (uint64_t)2 * p)
                composite[m / 128] |= (uint64_t)1 << m / 2 % 64;
            if (__builtin_mul_overflow(product, p, &more) || more >> 62) {
                groups[group++] = group_of(product);
                more = p;
            }
            product = more;
        }
    }
    groups[group] = group_of(product);
}

/* The rest of a number of n words, lowest first, or that and the product. */
static uint64_t rest_of(const uint64_t *words, size_t n, const struct group *g)
{
    uint64_t r = 0;
    while (n-- > 0) /* times 2^64, plus the word over 2^64 */
        r = reduced((unsigned __int128)r * g->square + words[n], g);
    return reduced((unsigned __int128)r * g->square, g);
}

static bool words_of(const BIGNUM *n, size_t count, uint64_t words[WORDS])
{
    unsigned char bytes[WORDS * 8];
    if (BN_bn2lebinpad(n, bytes, (int)count * 8) < 0)
        return false;
    for (size_t i = 0; i < count; i++) {
        words[i] = 0;
        for (size_t at = 0; at < 8; at++)
            words[i] |= (uint64_t)bytes[i * 8 + at] << 8 * at;
    }
    OPENSSL_cleanse(bytes, sizeof(bytes));
    return true;
}

/* How many times `step` has to be added to a number with the rest `left` for a multiple of p. */
static unsigned steps_to_multiple(unsigned left, unsigned step, unsigned p)
{
    /* Euclid's algorithm, for the step's inverse. */
    int64_t r0 = p, r1 = step, t0 = 0, t1 = 1;
    while (r1) {
        int64_t q = r0 / r1, r = r0 - q * r1, t = t0 - q * t1;
        r0 = r1;
        r1 = r;
        t0 = t1;
        t1 = t;
    }
    uint64_t inverse = (uint64_t)(t0 < 0 ? t0 + p : t0);
    return (unsigned)((left ? p - left : 0) * inverse % p);
}

/* Marks which of start, start + step, start + 2 step, ... have a small factor. `step` has none but 2; NULL: it is 2. */
static bool sieve(const BIGNUM *start, const BIGNUM *step, int bits, bool composite[SIEVE_STEPS])
{
    uint64_t words[WORDS], stride_words[WORDS];
    size_t count = (size_t)bits / 64;
    if (!words_of(start, count, words) || (step && !words_of(step, count, stride_words)))
        return false;
    pthread_once(&small_primes_once, find_small_primes);
    memset(composite, 0, SIEVE_STEPS * sizeof(*composite));
    const struct group *g = groups;
    for (size_t i = 0; i < SIEVE_PRIMES; g++) {
        uint64_t left = rest_of(words, count, g), stride = step ? rest_of(stride_words, count, g) : 2;
        for (uint64_t product = 1; product != g->product; i++) {
            unsigned p = small_primes[i], rest = (unsigned)(left % p);
            unsigned up = rest ? p - rest : 0; /* start + up is a multiple of p */
            unsigned first = step ? steps_to_multiple(rest, (unsigned)(stride % p), p) : (up + (up % 2) * p) / 2;
            for (unsigned at = first; at < SIEVE_STEPS; at += p)
                composite[at] = true;
            product *= p;
        }
    }
    OPENSSL_cleanse(words, sizeof(words));
    return true;
}

/* ---- jobs -------------------------------------------------------------------------------------------- */

/* What is behind a start, and what is known of it. All but what was drawn: search.lock. */
struct window {
    const struct hc_prime_want *want;
    BIGNUM *start;
    unsigned char drawn[MOST_BITS / 8], before[MOST_BITS / 8], bases[MOST_BASES];
    unsigned rounds; /* to random bases */
    bool composite[SIEVE_STEPS];
    enum { FRESH, BEING_SIEVED, SIEVED, DONE } state;
    unsigned next;      /* the first step that nobody took */
    unsigned found;     /* the first one known to pass the first round; SIEVE_STEPS: none */
    unsigned under_way; /* first rounds that are being tested */
    unsigned rounds_taken;
    bool refuted; /* what was found is composite, after all */
};

struct search {
    struct window windows[HC_MOST_PRIMES];
    size_t n, lanes;
    pthread_mutex_t lock;
    pthread_cond_t news;
    unsigned busy; /* jobs that are being done and may bring more */
    bool stopped, failed;
    atomic_uint_fast64_t helper_ns; /* the second thread's processor time */
};

struct job {
    enum { JOB_SIEVE, JOB_FIRST_ROUND, JOB_ROUND } kind;
    size_t n;
    struct {
        struct window *w;
        unsigned step, round;
        bool passes;
    } units[LANES];
};

static bool add_unit(struct job *job, struct window *w, unsigned step, unsigned round)
{
    job->units[job->n].w = w;
    job->units[job->n].step = step;
    job->units[job->n].round = round;
    job->units[job->n++].passes = false;
    return true;
}

static bool take_search(struct search *s, struct window *w, struct job *job)
{
    if (w->state == FRESH) {
        w->state = BEING_SIEVED;
        job->kind = JOB_SIEVE;
        return add_unit(job, w, 0, 0);
    }
    if (w->state != SIEVED || w->found < SIEVE_STEPS)
        return false;
    job->kind = JOB_FIRST_ROUND;
    for (; w->next < SIEVE_STEPS && job->n < s->lanes; w->next++)
        if (!w->composite[w->next])
            w->under_way += add_unit(job, w, w->next, 0);
    return job->n > 0;
}

/* The next job, or false: there is none now. */
static bool take(struct search *s, size_t whose, struct job *job)
{
    job->n = 0;
    if (s->stopped)
        return false;
    for (size_t i = 0; i < s->n; i++)
        if (take_search(s, &s->windows[(whose + i) % s->n], job))
            return true;
    job->kind = JOB_ROUND;
    for (struct window *w = s->windows; w < s->windows + s->n; w++)
        while (w->state == SIEVED && w->found < SIEVE_STEPS && w->under_way == 0 && !w->refuted &&
               w->rounds_taken < w->rounds && job->n < s->lanes)
            add_unit(job, w, w->found, w->rounds_taken++);
    return job->n > 0;
}

static void put_back(const struct job *job)
{
    for (size_t i = 0; i < job->n; i++) {
        struct window *w = job->units[i].w;
        switch (job->kind) {
        case JOB_SIEVE:
            w->state = SIEVED;
            break;
        case JOB_FIRST_ROUND:
            w->under_way--;
            if (job->units[i].passes && job->units[i].step < w->found)
                w->found = job->units[i].step;
            break;
        case JOB_ROUND:
            w->refuted = w->refuted || !job->units[i].passes;
            break;
        }
    }
}

/* ---- doing them -------------------------------------------------------------------------------------- */

/* What one thread calculates with. */
struct hand {
    BN_CTX *ctx;
    BIGNUM *far;
    struct lane {
        BIGNUM *n, *less, *odd, *base, *x; /* n - 1 is odd * 2^twos */
        int twos;
        BN_MONT_CTX *mont;
    } lanes[LANES];
};

static void hand_done(struct hand *h)
{
    for (size_t i = 0; i < LANES; i++)
        BN_MONT_CTX_free(h->lanes[i].mont);
    if (h->ctx)
        BN_CTX_end(h->ctx);
    BN_CTX_free(h->ctx); /* which wipes what it gave */
}

static bool hand_init(struct hand *h)
{
    bool ok = true;
    *h = (struct hand){ .ctx = BN_CTX_new() };
    if (!h->ctx)
        return false;
    BN_CTX_start(h->ctx);
    for (struct lane *l = h->lanes; l < h->lanes + LANES; l++) {
        BIGNUM **const all[] = { &l->n, &l->less, &l->odd, &l->base, &l->x };
        for (size_t i = 0; i < HC_LEN(all); i++)
            ok = (*all[i] = BN_CTX_get(h->ctx)) && ok;
        ok = (l->mont = BN_MONT_CTX_new()) && ok;
    }
    return (h->far = BN_CTX_get(h->ctx)) && ok;
}

static bool number_at(const struct window *w, unsigned steps, BIGNUM *far, BIGNUM *n)
{
    const BIGNUM *step = w->want->step;
    return step ? BN_copy(far, step) && BN_mul_word(far, steps) && BN_add(n, w->start, far)
                : BN_copy(n, w->start) && BN_add_word(n, (BN_ULONG)2 * steps);
}

static bool fits(const struct window *w, const BIGNUM *n)
{
    return BN_num_bits(n) == w->want->bits && (w->want->step || BN_mod_word(n, RSA_EXPONENT) != 1);
}

static bool lane_set(struct hand *h, struct lane *l, const struct window *w, unsigned step)
{
    if (!number_at(w, step, h->far, l->n) || !BN_copy(l->less, l->n) || !BN_sub_word(l->less, 1))
        return false;
    for (l->twos = 1; !BN_is_bit_set(l->less, l->twos); l->twos++)
        ;
    return BN_rshift(l->odd, l->less, l->twos) && BN_MONT_CTX_set(l->mont, l->n, h->ctx);
}

static bool set_base(struct lane *l, const struct window *w, unsigned round)
{
    size_t size = (size_t)w->want->bits / 8;
    const unsigned char *drawn = w->bases + round * size;
    unsigned char bytes[MOST_BITS / 8];
    memcpy(bytes, drawn, size);
    bytes[0] &= 0x7f;
    bool ok = BN_bin2bn(bytes, (int)size, l->base) && BN_add_word(l->base, 2);
    OPENSSL_cleanse(bytes, sizeof(bytes));
    return ok;
}

/* Whether a number whose base to the power of `odd` is x passes the round; -1: failed. */
static int verdict(struct hand *h, struct lane *l)
{
    bool passes = BN_is_one(l->x) || BN_cmp(l->x, l->less) == 0;
    for (int i = 1; !passes && i < l->twos; i++) {
        if (!BN_mod_sqr(l->x, l->x, l->n, h->ctx))
            return -1;
        passes = BN_cmp(l->x, l->less) == 0;
    }
    return passes;
}

static bool do_rounds(struct hand *h, struct job *job)
{
    struct lane *a = &h->lanes[0], *b = &h->lanes[1];
    bool first = job->kind == JOB_FIRST_ROUND, ok = true;
    for (size_t i = 0; ok && i < job->n; i++)
        ok = lane_set(h, &h->lanes[i], job->units[i].w, job->units[i].step) &&
             (first || set_base(&h->lanes[i], job->units[i].w, job->units[i].round));
    if (ok && job->n == 2) {
        /* Two at once need bases as long as the number. -2 is one, and tells what 2 does: an odd power of it is that of
         * 2 with the other sign. */
        if (first)
            ok = BN_copy(a->base, a->less) && BN_sub_word(a->base, 1) && BN_copy(b->base, b->less) &&
                 BN_sub_word(b->base, 1);
        ok = ok && BN_mod_exp_mont_consttime_x2(a->x, a->base, a->odd, a->n, a->mont, b->x, b->base, b->odd, b->n,
                                                b->mont, h->ctx);
    } else if (ok) { /* the base 2 is faster than others */
        ok = first ? BN_mod_exp_mont_word(a->x, 2, a->odd, a->n, h->ctx, a->mont)
                   : BN_mod_exp_mont(a->x, a->base, a->odd, a->n, h->ctx, a->mont);
    }
    for (size_t i = 0; ok && i < job->n; i++) {
        int passes = verdict(h, &h->lanes[i]);
        ok = passes >= 0;
        job->units[i].passes = passes > 0 && fits(job->units[i].w, h->lanes[i].n);
    }
    return ok;
}

static bool do_job(struct hand *h, struct job *job)
{
    struct window *w = job->units[0].w;
    return job->kind == JOB_SIEVE ? sieve(w->start, w->want->step, w->want->bits, w->composite) : do_rounds(h, job);
}

/* Does jobs until there are none. `c` is NULL on the second thread. */
static void work(struct search *s, size_t whose, struct hc_fcall *c)
{
    struct hand h;
    struct job job;
    bool ok = hand_init(&h);
    uint64_t beside = c ? c->dear_beside_ns : 0;
    pthread_mutex_lock(&s->lock);
    for (;;) {
        if (!ok) {
            s->stopped = s->failed = true;
            pthread_cond_broadcast(&s->news);
        }
        if (!take(s, whose, &job)) {
            if (s->stopped || s->busy == 0)
                break;
            pthread_cond_wait(&s->news, &s->lock);
            continue;
        }
        s->busy += job.kind != JOB_ROUND;
        pthread_mutex_unlock(&s->lock);
        ok = do_job(&h, &job);
        bool go_on = ok;
        if (c) {
            c->dear_beside_ns = beside + atomic_load(&s->helper_ns);
            go_on = ok && fn_dear_go_on(c) == HC_OK;
        } else {
            atomic_store(&s->helper_ns, hc_thread_cpu_ns());
        }
        pthread_mutex_lock(&s->lock);
        s->busy -= job.kind != JOB_ROUND;
        if (ok)
            put_back(&job);
        s->stopped = s->stopped || !go_on;
        pthread_cond_broadcast(&s->news);
    }
    pthread_mutex_unlock(&s->lock);
    hand_done(&h);
    if (!c)
        atomic_store(&s->helper_ns, hc_thread_cpu_ns());
}

static void *help(void *arg)
{
    work(arg, 1, NULL);
    return NULL;
}

static bool start_helper(struct search *s, pthread_t *out)
{
    pthread_attr_t attr;
    sigset_t all, before;
    if (pthread_attr_init(&attr) != 0)
        return false;
    pthread_attr_setstacksize(&attr, HELPER_STACK); /* refused: the system's own size will do */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are for those who wait for them */
    int failed = pthread_create(out, &attr, help, s);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attr);
    return !failed;
}

/* ---- the whole --------------------------------------------------------------------------------------- */

struct hc_prime_way hc_prime_way(void)
{
    struct hc_prime_way way = { false, false };
#if defined(__x86_64__)
    __builtin_cpu_init();
    way.pairs = __builtin_cpu_supports("avx512ifma") && __builtin_cpu_supports("avx512vl");
#endif
    cpu_set_t cpus;
    way.helper = sched_getaffinity(0, sizeof(cpus), &cpus) == 0 && CPU_COUNT(&cpus) > 1;
    return way;
}

/* Draws a start, and bases. False: none that was not drawn before, and the error is set, or memory is gone. */
static bool draw(struct hc_fcall *c, struct window *w, bool again, BN_CTX *ctx)
{
    int bits = w->want->bits;
    size_t size = (size_t)bits / 8;
    w->rounds = bits >= 1345 ? 4 : bits >= 476 ? 5 : 20;
    if (bits > MOST_BITS || bits % 64 || w->rounds * size > sizeof(w->bases)) {
        hc_fail(c->err, HC_E_BUG, "a prime of %d bits is none of those that keys have", bits);
        return false;
    }
    memcpy(w->before, w->drawn, size);
    if (!fn_random(c, w->drawn, size) || !fn_random(c, w->bases, w->rounds * size)) {
        fn_fail(c, "the system gives no random numbers");
        return false;
    }
    if (again && memcmp(w->drawn, w->before, size) == 0) {
        fn_not_random(c); /* the same candidates once more */
        return false;
    }
    unsigned char bytes[MOST_BITS / 8];
    memcpy(bytes, w->drawn, size);
    bytes[0] |= 0xc0;
    bytes[size - 1] |= 1;
    bool ok = BN_bin2bn(bytes, (int)size, w->start);
    OPENSSL_cleanse(bytes, sizeof(bytes));
    if (ok && w->want->step) {
        BN_CTX_start(ctx);
        BIGNUM *rest = BN_CTX_get(ctx);
        ok = rest && BN_mod(rest, w->start, w->want->step, ctx) && BN_sub(w->start, w->start, rest) &&
             BN_add_word(w->start, 1);
        BN_CTX_end(ctx);
    }
    w->state = FRESH;
    w->next = w->under_way = w->rounds_taken = 0;
    w->found = SIEVE_STEPS;
    w->refuted = false;
    return ok;
}

/* Searches all windows that are not done; *out_missing: in how many of them there is no prime. */
static bool search(struct search *s, struct hc_fcall *c, bool helper, size_t *out_missing, BN_CTX *ctx)
{
    pthread_t thread;
    uint64_t beside = c->dear_beside_ns;
    s->helper_ns = 0;
    helper = helper && start_helper(s, &thread);
    work(s, 0, c);
    if (helper)
        pthread_join(thread, NULL);
    c->dear_beside_ns = beside + s->helper_ns;
    *out_missing = 0;
    bool ok = !s->stopped;
    BN_CTX_start(ctx);
    BIGNUM *far = BN_CTX_get(ctx);
    for (struct window *w = s->windows; ok && w < s->windows + s->n; w++) {
        if (w->state == DONE)
            continue;
        if (w->found == SIEVE_STEPS || w->refuted) {
            ++*out_missing;
            continue;
        }
        ok = far && number_at(w, w->found, far, w->want->p);
        w->state = DONE;
    }
    BN_CTX_end(ctx);
    return ok;
}

bool hc_primes(struct hc_fcall *c, struct hc_prime_way way, const struct hc_prime_want *wants, size_t n)
{
    struct search s = { .n = n, .lanes = way.pairs ? 2 : 1 };
    BN_CTX *ctx = BN_CTX_new();
    bool ok = ctx, helper = false;
    pthread_mutex_init(&s.lock, NULL);
    pthread_cond_init(&s.news, NULL);
    for (size_t i = 0; i < n; i++) {
        s.windows[i].want = &wants[i];
        ok = (s.windows[i].start = BN_new()) && ok;
        if (wants[i].bits != PAIR_BITS)
            s.lanes = 1;
        helper = helper || (way.helper && wants[i].bits >= HELPER_FROM_BITS);
    }
    size_t missing = n;
    for (unsigned draws = 0; ok && missing > 0; draws++) {
        if (draws == FN_MOST_DRAWS) {
            fn_not_random(c);
            ok = false;
        }
        for (size_t i = 0; ok && i < n; i++)
            ok = s.windows[i].state == DONE || draw(c, &s.windows[i], draws > 0, ctx);
        ok = ok && search(&s, c, helper, &missing, ctx);
    }
    for (size_t i = 0; i < n; i++)
        BN_clear_free(s.windows[i].start);
    pthread_cond_destroy(&s.news);
    pthread_mutex_destroy(&s.lock);
    BN_CTX_free(ctx);
    OPENSSL_cleanse(s.windows, sizeof(s.windows));
    return ok;
}
