#pragma once
/*
 * core/base/digest.h - SHA-2 digests and the text forms of bytes
 *
 * libcrypto's low-level functions on purpose: they load no provider and no configuration, which would
 * cost every start more than a whole small render.
 */
#include "core/base/str.h"

struct hc_arena;

#define HC_SHA256_HEX 64

struct hc_sha256 {
    uint64_t opaque[16];
};
void hc_sha256_init(struct hc_sha256 *h);
void hc_sha256_add(struct hc_sha256 *h, hc_str s);
/* The same with its length before it: one of several texts, whose borders count. */
void hc_sha256_add_text(struct hc_sha256 *h, hc_str s);
/* Writes 64 hex digits and a NUL. */
void hc_sha256_hex(struct hc_sha256 *h, char out[HC_SHA256_HEX + 1]);
void hc_sha256_of(hc_str s, char out[HC_SHA256_HEX + 1]);

/* Standard alphabet with padding. Decoding skips CR and LF as Go does; on bad input it gives {NULL,0} and
 * the offset in *out_bad (may be NULL). */
hc_str hc_base64(struct hc_arena *a, hc_str s);
hc_str hc_base64_decode(struct hc_arena *a, hc_str s, size_t *out_bad);
hc_str hc_hex(struct hc_arena *a, hc_str s);
/* A part of an address (RFC 3986) with its %XX undone, and '+' to a space where forms are read. What is no escape stays
 * as it is. */
hc_str hc_percent_decode(struct hc_arena *a, hc_str s, bool form);
/* `n` bytes from the kernel; false when it has none to give. */
bool hc_random_bytes(void *out, size_t n);
/* A version 4 UUID as text and NUL. */
void hc_uuid4(char out[37]);
