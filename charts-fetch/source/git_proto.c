/*
 * pkt-lines: four hex digits of length, then the bytes; 0000 ends a part. See gitprotocol-common(5), gitprotocol-pack(5)
 * and gitprotocol-v2(5).
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "charts-fetch/source/git_impl.h"
#include "core/base/buf.h"

#define MAX_REFS 1000000u
#define PKT_MAX  65520

static enum hc_rc not_git(struct git_peer *p, const char *what)
{
    return hc_fail(p->err, HC_E_AGAIN, "%.*s did not answer as a Git server: %s", HC_P(p->host), what);
}

/* One line; `out` absent (p NULL) for a flush. */
static enum hc_rc next_pkt(struct git_peer *p, hc_str *rest, hc_str *out)
{
    int n = rest->n >= 4 ? hc_hex4(rest->p) : -1;
    if (n < 0 || (n > 0 && n < 4) || (size_t)n > rest->n)
        return not_git(p, "its list of refs is cut or is something else");
    *out = n ? hc_str_sub(*rest, 4, (size_t)n) : (hc_str){ NULL, 0 };
    *rest = hc_str_sub(*rest, n ? (size_t)n : 4, rest->n);
    return HC_OK;
}

static bool has_word(hc_str words, const char *word)
{
    hc_str w;
    while (hc_str_split(&words, ' ', &w))
        if (hc_str_eqz(w, word))
            return true;
    return false;
}

static bool is_oid(hc_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!((s.p[i] >= '0' && s.p[i] <= '9') || (s.p[i] >= 'a' && s.p[i] <= 'f')))
            return false;
    return s.n == GIT_OID_HEX;
}

static enum hc_rc add_ref(struct git_peer *p, size_t *cap, hc_str oid, hc_str name, hc_str peeled)
{
    struct git_refs *out = &p->refs;
    if (out->n == *cap) {
        *cap = *cap ? *cap * 2 : 64;
        struct git_ref *more = *cap <= MAX_REFS ? HC_NEW_N(p->a, struct git_ref, *cap) : NULL;
        if (!more)
            return hc_fail(p->err, HC_E_LIMIT, "%.*s has too many refs", HC_P(p->host));
        if (out->n)
            memcpy(more, out->list, out->n * sizeof(*more));
        out->list = more;
    }
    struct git_ref *r = &out->list[out->n++];
    *r = (struct git_ref){ .name = name };
    memcpy(r->oid, oid.p, GIT_OID_HEX);
    if (peeled.n)
        memcpy(r->peeled, peeled.p, GIT_OID_HEX);
    return HC_OK;
}

static enum hc_rc sha256_repository(struct git_peer *p)
{
    return hc_fail(p->err, HC_E_INPUT,
                   "'%s' names its commits by SHA-256, which is not supported: convert it to SHA-1", p->url);
}

/* "fetch=shallow wait-for-done filter" and the like, one a line. */
static enum hc_rc parse_v2(struct git_peer *p, hc_str rest)
{
    hc_str line;
    bool fetches = false, lists = false;
    p->refs.v2 = p->refs.any_commit = p->refs.sideband = p->refs.ofs_delta = true;
    for (;;) {
        if (next_pkt(p, &rest, &line) != HC_OK)
            return p->err->code;
        if (!line.p)
            break;
        line = hc_str_trim_right(line);
        if (hc_str_starts(line, HC_S("fetch"))) {
            hc_str words = hc_str_sub(line, HC_MIN((size_t)6, line.n), line.n);
            fetches = true;
            p->refs.shallow = has_word(words, "shallow");
            p->refs.filter = has_word(words, "filter");
        } else if (hc_str_starts(line, HC_S("ls-refs"))) {
            lists = true;
        } else if (hc_str_eqz(line, "object-format=sha256")) {
            return sha256_repository(p);
        }
    }
    return fetches && lists ? HC_OK : not_git(p, "its version 2 has no fetch");
}

enum hc_rc git_parse_greeting(struct git_peer *p, hc_str raw)
{
    struct git_refs *out = &p->refs;
    hc_str line, rest = raw;
    size_t cap = 0;
    bool first = true;
    *out = (struct git_refs){ 0 };
    if (next_pkt(p, &rest, &line) != HC_OK)
        return p->err->code;
    /* Over HTTP a line "# service=git-upload-pack" and a flush stand in front. */
    if (hc_str_starts(line, HC_S("# service="))) {
        if (next_pkt(p, &rest, &line) != HC_OK || next_pkt(p, &rest, &line) != HC_OK)
            return p->err->code;
    }
    if (hc_str_eqz(hc_str_trim_right(line), "version 2"))
        return parse_v2(p, rest);
    for (; line.p; first = false) {
        if (hc_str_starts(line, HC_S("ERR ")))
            return hc_fail(p->err, HC_E_INPUT, "%.*s refuses: %.*s", HC_P(p->host),
                           HC_P(hc_str_trim(hc_str_sub(line, 4, line.n))));
        size_t nul = hc_str_find(line, '\0');
        hc_str ref = hc_str_trim_right(hc_str_sub(line, 0, nul));
        if (first && nul != SIZE_MAX) {
            hc_str caps = hc_str_trim_right(hc_str_sub(line, nul + 1, line.n));
            out->shallow = has_word(caps, "shallow");
            out->any_commit = has_word(caps, "allow-reachable-sha1-in-want") ||
                              has_word(caps, "allow-any-sha1-in-want");
            out->sideband = has_word(caps, "side-band-64k");
            out->ofs_delta = has_word(caps, "ofs-delta");
            out->multi_ack = has_word(caps, "multi_ack_detailed");
            out->no_progress = has_word(caps, "no-progress");
            if (has_word(caps, "object-format=sha256"))
                return sha256_repository(p);
        }
        hc_str oid = hc_str_sub(ref, 0, GIT_OID_HEX), name = hc_str_sub(ref, GIT_OID_HEX + 1, ref.n);
        if (!is_oid(oid)) {
            if (!hc_str_starts(ref, HC_S("version ")) && !hc_str_starts(ref, HC_S("shallow ")))
                return not_git(p, "a line of its list of refs is no ref");
        } else if (hc_str_ends(name, HC_S("^{}"))) { /* stands behind the tag that it peels */
            struct git_ref *tag = out->n ? &out->list[out->n - 1] : NULL;
            if (tag && hc_str_eq(tag->name, hc_str_sub(name, 0, name.n - 3)))
                memcpy(tag->peeled, oid.p, GIT_OID_HEX);
        } else if (add_ref(p, &cap, oid, name, HC_S("")) != HC_OK) {
            return p->err->code;
        }
        if (!rest.n)
            break;
        if (next_pkt(p, &rest, &line) != HC_OK)
            return p->err->code;
    }
    return HC_OK;
}

static void put_pkt(struct hc_buf *b, const char *fmt, ...) HC_PRINTF(2, 3);
static void put_pkt(struct hc_buf *b, const char *fmt, ...)
{
    char line[2048];
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(line, sizeof(line), fmt, args);
    va_end(args);
    if (n > 0 && (size_t)n < sizeof(line))
        hc_buf_printf(b, "%04x%s", (unsigned)n + 4, line);
}

void git_build_ls_refs(struct hc_buf *b, const hc_str *prefixes, size_t n)
{
    put_pkt(b, "command=ls-refs\n");
    put_pkt(b, "agent=helmctl/" HC_VERSION "\n");
    hc_buf_puts(b, "0001");
    put_pkt(b, "peel\n");
    for (size_t i = 0; i < n; i++)
        put_pkt(b, "ref-prefix %.*s\n", HC_P(prefixes[i]));
    hc_buf_puts(b, "0000");
}

enum hc_rc git_parse_ls_refs(struct git_peer *p, hc_str raw)
{
    hc_str line, rest = raw;
    size_t cap = 0;
    p->refs.list = NULL;
    p->refs.n = 0;
    for (;;) {
        if (next_pkt(p, &rest, &line) != HC_OK)
            return p->err->code;
        if (!line.p)
            return HC_OK;
        line = hc_str_trim_right(line);
        if (hc_str_starts(line, HC_S("ERR ")))
            return hc_fail(p->err, HC_E_INPUT, "%.*s refuses: %.*s", HC_P(p->host),
                           HC_P(hc_str_sub(line, 4, line.n)));
        hc_str oid, name, word, peeled = { "", 0 };
        if (!hc_str_split(&line, ' ', &oid) || !hc_str_split(&line, ' ', &name) || !is_oid(oid))
            return not_git(p, "a line of its list of refs is no ref");
        while (hc_str_split(&line, ' ', &word))
            if (hc_str_starts(word, HC_S("peeled:")) && is_oid(hc_str_sub(word, 7, word.n)))
                peeled = hc_str_sub(word, 7, word.n);
        if (add_ref(p, &cap, oid, name, peeled) != HC_OK)
            return p->err->code;
    }
}

const struct git_ref *git_find_ref(const struct git_refs *refs, hc_str name)
{
    for (size_t i = 0; i < refs->n; i++)
        if (hc_str_eq(refs->list[i].name, name))
            return &refs->list[i];
    return NULL;
}

void git_build_want(struct hc_buf *b, const struct git_refs *refs, const struct git_want *w)
{
    if (refs->v2) {
        put_pkt(b, "command=fetch\n");
        put_pkt(b, "agent=helmctl/" HC_VERSION "\n");
        hc_buf_puts(b, "0001");
        put_pkt(b, "ofs-delta\n");
        put_pkt(b, "no-progress\n");
    }
    /* Version 0: only what the server said it can; some servers want to hear multi_ack_detailed. */
    for (size_t i = 0; i < w->n; i++)
        if (i || refs->v2)
            put_pkt(b, "want %s\n", w->oids[i]);
        else
            put_pkt(b, "want %s%s%s%s%s agent=helmctl/" HC_VERSION "\n", w->oids[i],
                    refs->multi_ack ? " multi_ack_detailed" : "", refs->sideband ? " side-band-64k" : "",
                    refs->ofs_delta ? " ofs-delta" : "", refs->no_progress ? " no-progress" : "");
    if (w->shallow && refs->shallow)
        put_pkt(b, "deepen 1\n");
    if (w->no_blobs && refs->filter)
        put_pkt(b, "filter blob:none\n");
    if (!refs->v2)
        hc_buf_puts(b, "0000");
    put_pkt(b, "done\n");
    if (refs->v2)
        hc_buf_puts(b, "0000");
}

bool git_pkt_ended(struct git_pkt_end *e, const char *bytes, size_t n)
{
    while (n && !e->ended) {
        size_t step = HC_MIN(n, e->skip);
        bytes += step;
        n -= step;
        e->skip -= step;
        if (!n)
            break;
        e->head[e->have++] = *bytes++;
        n--;
        if (e->have == 4) {
            int len = hc_hex4(e->head);
            e->have = 0;
            e->ended = len <= 0; /* what is no pkt-line ends it too: the reader says so */
            e->skip = len > 4 ? (size_t)len - 4 : 0;
        }
    }
    return e->ended;
}

struct reader {
    struct git_peer *p;
    int fd;
    char buf[65536];
    size_t at, n;
};

/* Exactly `n` bytes; false at the end of the file. */
static bool take(struct reader *r, char *out, size_t n)
{
    while (n) {
        if (r->at == r->n) {
            ssize_t got = read(r->fd, r->buf, sizeof(r->buf));
            if (got < 0 && errno == EINTR)
                continue;
            if (got <= 0)
                return false;
            r->at = 0;
            r->n = (size_t)got;
        }
        size_t step = HC_MIN(n, r->n - r->at);
        memcpy(out, r->buf + r->at, step);
        r->at += step;
        out += step;
        n -= step;
    }
    return true;
}

static enum hc_rc cut_off(struct git_peer *p)
{
    return hc_fail(p->err, HC_E_AGAIN, "%.*s: the answer was cut off before the pack was whole", HC_P(p->host));
}

/* Up to the first byte of the pack. Version 0: shallow lines, a flush behind them, NAK or ACK. Version 2: sections, the
 * last of them "packfile". */
static enum hc_rc skip_to_pack(struct reader *r, char *line)
{
    static const hc_str ack = { "ACK", 3 }, nak = { "NAK", 3 }, shallow = { "shallow ", 8 },
                        unshallow = { "unshallow ", 10 };
    struct git_peer *p = r->p;
    for (;;) {
        char len[4];
        if (!take(r, len, 4))
            return cut_off(p);
        int n = hc_hex4(len);
        if (n == 0 || n == 1)
            continue;
        if (n < 4 || n > PKT_MAX || !take(r, line, (size_t)n - 4))
            return not_git(p, "its answer to the request is something else");
        hc_str s = hc_str_trim_right(hc_str_n(line, (size_t)n - 4));
        if (hc_str_starts(s, HC_S("ERR ")))
            return hc_fail(p->err, HC_E_INPUT, "%.*s refuses: %.*s", HC_P(p->host), HC_P(hc_str_sub(s, 4, s.n)));
        if (p->refs.v2 ? hc_str_eqz(s, "packfile") : hc_str_starts(s, nak) || hc_str_starts(s, ack))
            return HC_OK;
        if (!p->refs.v2 && !hc_str_starts(s, shallow) && !hc_str_starts(s, unshallow))
            return not_git(p, "its answer to the request is something else");
    }
}

enum hc_rc git_read_pack(struct git_peer *p, int fd, bool (*on_pack)(void *ctx, const char *bytes, size_t n),
                         void *ctx)
{
    struct reader r = { .p = p, .fd = fd };
    char line[PKT_MAX];
    if (skip_to_pack(&r, line) != HC_OK)
        return p->err->code;
    if (!p->refs.sideband) {
        ssize_t got;
        if (r.n > r.at && !on_pack(ctx, r.buf + r.at, r.n - r.at))
            return HC_E_INPUT;
        while ((got = read(fd, r.buf, sizeof(r.buf))) > 0)
            if (!on_pack(ctx, r.buf, (size_t)got))
                return HC_E_INPUT;
        return HC_OK;
    }
    for (;;) {
        char len[4];
        if (!take(&r, len, 4))
            return cut_off(p);
        int n = hc_hex4(len);
        if (n == 0)
            return HC_OK;
        if (n < 5 || n > PKT_MAX)
            return not_git(p, "its pack is not in bands");
        if (!take(&r, line, (size_t)n - 4))
            return cut_off(p);
        if (line[0] == 1 && !on_pack(ctx, line + 1, (size_t)n - 5))
            return HC_E_INPUT;
        if (line[0] == 3)
            return hc_fail(p->err, HC_E_AGAIN, "%.*s: %.*s", HC_P(p->host),
                           HC_P(hc_str_trim(hc_str_n(line + 1, (size_t)n - 5))));
    }
}
