#pragma once
/*
 * lua/funcs/primes.h - primes for keys, on two threads and two at a time where that is faster
 *
 * All random bytes are drawn before a search begins, on the caller's thread and in the order of what is wanted: how a
 * search goes about it never changes what it finds. No thread outlives a call.
 */
#include <openssl/bn.h>

#include "lua/funcs/funcs.h"

struct hc_prime_way {
    bool pairs;  /* two exponentiations of 1024 bits at once, by libcrypto's instructions for that */
    bool helper; /* a second thread */
};
/* What is fastest on this machine, for this thread. */
struct hc_prime_way hc_prime_way(void);

/*
 * A prime of `bits` bits (a multiple of 64, at most 2048), the first of start, start + step, start + 2 step, ... behind a
 * random start, which passed the Miller-Rabin rounds that FIPS 186-5 (table B.1) asks for. `step` NULL: 2; then the two
 * highest bits of the start are set, and the prime fits RSA's exponent of 65537. Otherwise the start, and the prime, is 1
 * more than a multiple of it.
 */
struct hc_prime_want {
    int bits;
    const BIGNUM *step;
    BIGNUM *p; /* the result */
};

enum { HC_MOST_PRIMES = 2 };
/* Finds n of them, at most HC_MOST_PRIMES. False: the error is set, or memory is gone. */
bool hc_primes(struct hc_fcall *c, struct hc_prime_way way, const struct hc_prime_want *wants, size_t n);
