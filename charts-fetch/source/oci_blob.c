/*
 * Blobs piece by piece into a file, or into memory when they are small: they are hashed as they come, and what a cut
 * connection left is gone on with by Range (RFC 9110 14). Nothing is handed out whose digest is not the one that was
 * asked for.
 *
 * Pieces come on the thread of the HTTP loop; while a request runs the asking thread does not touch the sink.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "charts-fetch/source/oci_impl.h"
#include "core/base/buf.h"
#include "core/base/digest.h"
#include "core/base/fs.h"

#define MAX_RESUMES 16 /* cuts of one blob that each brought something */

struct sink {
    int fd;             /* -1: into `held` */
    struct hc_buf held; /* when the answer does not say its length, else: */
    struct hc_arena *a;
    char *mem;
    size_t room; /* of mem */
    struct hc_sha256 sum;
    uint64_t got, most;
    bool too_large, other_range;
    int failed; /* errno of the file */
};

static bool start_over(struct sink *s)
{
    hc_buf_reset(&s->held);
    if (s->fd >= 0 && (ftruncate(s->fd, 0) < 0 || lseek(s->fd, 0, SEEK_SET) < 0)) {
        s->failed = errno;
        return false;
    }
    hc_sha256_init(&s->sum);
    s->got = 0;
    return true;
}

/* Room for an answer in memory that says how long it is, once and not twice. */
static void make_room(struct sink *s, const struct hc_http_response *head)
{
    uint64_t n = 0;
    if (s->fd >= 0 || !hc_str_to_u64(hc_http_header(head, "content-length"), &n) || n > s->most || n <= s->room)
        return;
    s->mem = hc_arena_alloc(s->a, (size_t)n, 1);
    s->room = s->mem ? (size_t)n : 0;
}

bool oci_range_begins(hc_str content_range, uint64_t *out_from)
{
    hc_str range = hc_str_sub(content_range, 6, content_range.n);
    size_t dash = hc_str_find(range, '-');
    return hc_str_starts(content_range, HC_S("bytes ")) && dash != SIZE_MAX &&
           hc_str_to_u64(hc_str_trim(hc_str_sub(range, 0, dash)), out_from);
}

/* 206 must begin where we are, "bytes 5-9/10"; anything else is all of it. */
static bool on_head(void *ctx, const struct hc_http_response *head)
{
    struct sink *s = ctx;
    if (head->status != 206) {
        bool ready = s->got == 0 || start_over(s);
        make_room(s, head);
        return ready;
    }
    uint64_t from = 0;
    s->other_range = !oci_range_begins(hc_http_header(head, "content-range"), &from) || from != s->got;
    return !s->other_range;
}

static bool on_data(void *ctx, const char *p, size_t n)
{
    struct sink *s = ctx;
    if (n > s->most - s->got) {
        s->too_large = true;
        return false;
    }
    if (s->fd >= 0 && (s->failed = hc_write_all(s->fd, hc_str_n(p, n))) != 0)
        return false;
    if (s->mem && n <= s->room - s->got)
        memcpy(s->mem + s->got, p, n);
    else if (s->mem)
        s->too_large = true; /* more than was said */
    else if (s->fd < 0)
        hc_buf_put(&s->held, hc_str_n(p, n));
    if (s->held.spent)
        s->failed = ENOMEM;
    hc_sha256_add(&s->sum, hc_str_n(p, n));
    s->got += n;
    return !s->failed && !s->too_large;
}

/* Whether what is there is worth going on from. */
static bool cut(const struct sink *s, const struct hc_err *err, uint64_t before)
{
    return err->code == HC_E_AGAIN && err->http_status < 300 && !s->failed && !s->too_large && !s->other_range &&
           s->got > before;
}

static enum hc_rc fill(struct hc_oci *o, struct sink *s, hc_str digest, const char *what, struct hc_err *err)
{
    hc_str path = hc_arena_printf(o->a, "/v2/%.*s/blobs/%.*s", HC_P(o->repo), HC_P(digest));
    for (int resumes = 0;; resumes++) {
        struct hc_http_response r;
        uint64_t before = s->got;
        hc_str range = before ? hc_arena_printf(o->a, "bytes=%" PRIu64 "-", before) : (hc_str){ NULL, 0 };
        const struct oci_request q = { .path = path,
                                       .max_bytes = SIZE_MAX,
                                       .what = what,
                                       .range = range,
                                       .on_head = on_head,
                                       .on_data = on_data,
                                       .ctx = s };
        if (hc_arena_spent(o->a))
            return hc_fail_nomem(err);
        enum hc_rc rc = oci_do(o, &q, &r, err);
        if (rc == HC_OK)
            return HC_OK;
        bool again = resumes < MAX_RESUMES && cut(s, err, before);
        if (before && (s->other_range || err->http_status == 416) && resumes < MAX_RESUMES) {
            s->other_range = false; /* a server that cannot count: all of it once more */
            again = start_over(s);
        }
        if (!again)
            return rc;
    }
}

/* All of the blob, checked. */
static enum hc_rc get(struct hc_oci *o, struct sink *s, hc_str digest, struct hc_err *err)
{
    struct hc_err own = HC_ERR_INIT;
    const char *what = hc_arena_printf(o->a, "blob %.*s", HC_P(digest)).p;
    char hex[HC_SHA256_HEX + 1];
    if (!what)
        return hc_fail_nomem(err);
    hc_sha256_init(&s->sum);
    enum hc_rc rc = fill(o, s, digest, what, &own);
    if (s->failed) {
        rc = hc_fail(&own, s->failed == ENOMEM ? HC_E_NOMEM : HC_E_AGAIN, "%s: write to the store: %s", what,
                     strerror(s->failed));
        own.os_errno = s->failed;
    } else if (s->too_large) {
        rc = hc_fail(&own, HC_E_LIMIT, "oci://%.*s/%.*s: %s has more than the %" PRIu64 " bytes it may have",
                     HC_P(o->host), HC_P(o->repo), what, s->most);
    }
    if (rc == HC_OK) {
        hc_sha256_hex(&s->sum, hex);
        if (!hc_str_eqz(hc_str_sub(digest, 7, digest.n), hex))
            rc = oci_bad_content(o, digest, hex, what, &own);
    }
    return rc == HC_OK ? HC_OK : hc_err_copy(err, &own);
}

enum hc_rc hc_oci_blob_file(struct hc_oci *o, hc_str digest, uint64_t most, const char *path, uint64_t *out_size,
                            struct hc_err *err)
{
    enum hc_rc rc = oci_want_digest(o, digest, err);
    if (rc != HC_OK)
        return rc;
    HC_AUTO(hc_fd) int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return hc_fail_errno(err, "store", path);
    struct sink s = { .fd = fd, .most = most };
    hc_buf_init(&s.held, 1);
    rc = get(o, &s, digest, err);
    if (rc == HC_OK)
        *out_size = s.got;
    else
        (void)unlink(path);
    return rc;
}

enum hc_rc hc_oci_blob(struct hc_oci *o, hc_str digest, size_t ceiling, hc_str *out, struct hc_err *err)
{
    struct sink s = { .fd = -1, .most = ceiling, .a = o->a };
    enum hc_rc rc = oci_want_digest(o, digest, err);
    if (rc != HC_OK)
        return rc;
    hc_buf_init(&s.held, ceiling);
    rc = get(o, &s, digest, err);
    if (rc == HC_OK) {
        *out = s.mem ? hc_str_n(s.mem, (size_t)s.got) : hc_buf_to_arena(&s.held, o->a);
        rc = hc_arena_check(o->a, err, "blob");
    }
    hc_buf_done(&s.held);
    return rc;
}
