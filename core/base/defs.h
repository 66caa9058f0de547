#pragma once
/*
 * core/base/defs.h - the few words every file uses
 *
 * Attributes, the slice type, the result codes. Nothing here allocates.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define HC_MUST_USE          __attribute__((warn_unused_result))
#define HC_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define HC_UNUSED            __attribute__((unused))
#define HC_NORETURN          __attribute__((noreturn))
#define HC_LEN(a)            (sizeof(a) / sizeof((a)[0]))
#define HC_MIN(a, b)         ((a) < (b) ? (a) : (b))
#define HC_MAX(a, b)         ((a) > (b) ? (a) : (b))

/* Releases what a variable holds when it leaves scope: HC_AUTO(hc_fd) int fd = open(...). */
#define HC_AUTO(x) __attribute__((cleanup(x##_auto)))

/* What the caller does next. What happened is in struct hc_err. */
enum hc_rc {
    HC_OK = 0,
    HC_E_INPUT,    /* the user must change something: stall, say what          */
    HC_E_NOTFOUND, /* the thing asked for is not there: the caller decides     */
    HC_E_CONFLICT, /* somebody wrote first: read again, decide again           */
    HC_E_AGAIN,    /* network or server had a bad moment: back off, retry      */
    HC_E_LIMIT,    /* a budget is spent: stall, name the budget                */
    HC_E_NOMEM,    /* no memory: the process goes on, this work does not       */
    HC_E_BUG,      /* we broke our own promise: stall, keep the detail         */
};
