/*
 * Files to a tar, reproducibly.
 *
 * A ustar block a file, and a pax record in front of it where the name is longer than ustar's 100 bytes or not ASCII.
 * Written here because libarchive's writer cannot be linked without its writers of every other format, and what
 * renders must start in a millisecond.
 */
#include <stdio.h>

#include "charts-fetch/unpack/unpack.h"
#include "core/base/buf.h"
#include "core/base/limits.h"

#define BLOCK 512

static void put_padding(struct hc_buf *b)
{
    hc_buf_fill(b, '\0', (BLOCK - b->n % BLOCK) % BLOCK);
}

static void put_octal(char *at, int digits, uint64_t v)
{
    for (int i = digits - 1; i >= 0; i--, v >>= 3)
        at[i] = (char)('0' + (v & 7));
}

static void put_header(struct hc_buf *b, hc_str name, char type, unsigned mode, size_t size, int64_t mtime)
{
    char h[BLOCK] = { 0 };
    memcpy(h, name.p, HC_MIN(name.n, (size_t)100));
    put_octal(h + 100, 7, mode);
    put_octal(h + 108, 7, 0);
    put_octal(h + 116, 7, 0);
    put_octal(h + 124, 11, size);
    put_octal(h + 136, 11, mtime > 0 ? (uint64_t)mtime : 0);
    memset(h + 148, ' ', 8);
    h[156] = type;
    memcpy(h + 257, "ustar\00000", 8);
    uint64_t sum = 0;
    for (size_t i = 0; i < BLOCK; i++)
        sum += (unsigned char)h[i];
    put_octal(h + 148, 6, sum);
    h[154] = '\0';
    hc_buf_put(b, (hc_str){ h, BLOCK });
}

static bool fits_ustar(hc_str name)
{
    bool ascii = name.n <= 100;
    for (size_t i = 0; i < name.n && ascii; i++)
        ascii = (unsigned char)name.p[i] < 0x80;
    return ascii;
}

/* "LENGTH path=NAME\n", where LENGTH counts its own digits too. */
static void put_pax_name(struct hc_buf *b, hc_str name, int64_t mtime)
{
    size_t rest = sizeof(" path=\n") - 1 + name.n, length = rest + 1;
    char digits[24];
    for (int n = 0; n != snprintf(digits, sizeof(digits), "%zu", length);) {
        n = snprintf(digits, sizeof(digits), "%zu", length);
        length = rest + (size_t)n;
    }
    put_header(b, HC_S("PaxHeaders"), 'x', 0644, length, mtime);
    hc_buf_printf(b, "%zu path=", length);
    hc_buf_put(b, name);
    hc_buf_putc(b, '\n');
    put_padding(b);
}

enum hc_rc hc_pack_memory(struct hc_arena *a, const struct hc_unpacked *files, size_t n, int64_t mtime, hc_str *out,
                          struct hc_err *err)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, HC_MAX_ARTIFACT_BYTES);
    for (size_t i = 0; i < n; i++) {
        hc_str name = files[i].name;
        if (name.n == 0 || name.n > HC_MAX_PATH_BYTES || files[i].body.n > HC_MAX_ARTIFACT_BYTES)
            return hc_fail(err, HC_E_LIMIT, "'%.*s' cannot be packed: its name or body is too long",
                           (int)HC_MIN(name.n, (size_t)100), name.p ? name.p : "");
        if (!fits_ustar(name))
            put_pax_name(&b, name, mtime);
        put_header(&b, name, '0', files[i].mode & 0111 ? 0755 : 0644, files[i].body.n, mtime);
        hc_buf_put(&b, files[i].body);
        put_padding(&b);
    }
    hc_buf_fill(&b, '\0', 2 * BLOCK);
    enum hc_rc rc = hc_buf_check(&b, err, "packed archive");
    return rc == HC_OK ? hc_gzip(a, hc_buf_str(&b), 6, out, err) : rc;
}
