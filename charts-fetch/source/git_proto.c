/*
 * pkt-lines: four hex digits of length, then the bytes; 0000 ends a part. See gitprotocol-common(5).
 */
#include <errno.h>
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

enum hc_rc git_parse_refs(struct git_peer *p, hc_str raw, struct git_refs *out)
{
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
    for (; line.p; first = false) {
        if (hc_str_starts(line, HC_S("ERR ")))
            return hc_fail(p->err, HC_E_INPUT, "%.*s refuses: %.*s", HC_P(p->host),
                           HC_P(hc_str_trim(hc_str_sub(line, 4, line.n))));
        size_t nul = hc_str_find(line, '\0');
        hc_str ref = hc_str_trim_right(hc_str_sub(line, 0, nul));
        if (first && nul != SIZE_MAX) {
            hc_str caps = hc_str_trim_right(hc_str_sub(line, nul + 1, line.n));
            out->shallow = has_word(caps, "shallow");
            out->deepen_any = has_word(caps, "allow-reachable-sha1-in-want") ||
                              has_word(caps, "allow-tip-sha1-in-want");
            out->sideband = has_word(caps, "side-band-64k");
            out->ofs_delta = has_word(caps, "ofs-delta");
        }
        hc_str oid = hc_str_sub(ref, 0, GIT_OID_HEX), name = hc_str_sub(ref, GIT_OID_HEX + 1, ref.n);
        if (!is_oid(oid)) {
            if (!hc_str_starts(ref, HC_S("version ")) && !hc_str_starts(ref, HC_S("shallow ")))
                return not_git(p, "a line of its list of refs is no ref");
        } else if (!hc_str_eqz(name, "capabilities^{}")) {
            if (out->n == cap) {
                cap = cap ? cap * 2 : 64;
                struct git_ref *more = cap <= MAX_REFS ? HC_NEW_N(p->a, struct git_ref, cap) : NULL;
                if (!more)
                    return hc_fail(p->err, HC_E_LIMIT, "%.*s has too many refs", HC_P(p->host));
                if (out->n)
                    memcpy(more, out->list, out->n * sizeof(*more));
                out->list = more;
            }
            out->list[out->n].name = name;
            memcpy(out->list[out->n++].oid, oid.p, GIT_OID_HEX);
        }
        if (!rest.n)
            break;
        if (next_pkt(p, &rest, &line) != HC_OK)
            return p->err->code;
    }
    return HC_OK;
}

const struct git_ref *git_find_ref(const struct git_refs *refs, hc_str name)
{
    for (size_t i = 0; i < refs->n; i++)
        if (hc_str_eq(refs->list[i].name, name))
            return &refs->list[i];
    return NULL;
}

void git_build_wants(struct hc_buf *wants, struct hc_buf *more, const struct git_refs *refs, const char *oid,
                     bool shallow)
{
    char line[256];
    int n = snprintf(line, sizeof(line), "want %s%s%s agent=helmctl/" HC_VERSION "\n", oid,
                     refs->sideband ? " side-band-64k" : "", refs->ofs_delta ? " ofs-delta" : "");
    hc_buf_printf(wants, "%04x%s", n + 4, line);
    if (shallow && refs->shallow)
        hc_buf_puts(wants, "000ddeepen 1\n");
    hc_buf_puts(wants, "0000");
    hc_buf_puts(more, "0009done\n");
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

enum hc_rc git_read_pack(struct git_peer *p, int fd, bool sideband,
                         bool (*on_pack)(void *ctx, const char *bytes, size_t n), void *ctx)
{
    struct reader r = { .p = p, .fd = fd };
    static const hc_str ack = { "ACK", 3 }, nak = { "NAK", 3 }, shallow = { "shallow ", 8 },
                        unshallow = { "unshallow ", 10 };
    char line[PKT_MAX];
    /* Before the pack: shallow lines, a flush behind them, NAK or ACK. */
    for (;;) {
        char len[4];
        if (!take(&r, len, 4))
            return cut_off(p);
        int n = hc_hex4(len);
        if (n == 0)
            continue;
        if (n < 4 || !take(&r, line, (size_t)n - 4))
            return not_git(p, "its answer to the request is something else");
        hc_str s = hc_str_n(line, (size_t)n - 4);
        if (hc_str_starts(s, HC_S("ERR ")))
            return hc_fail(p->err, HC_E_INPUT, "%.*s refuses: %.*s", HC_P(p->host),
                           HC_P(hc_str_trim(hc_str_sub(s, 4, s.n))));
        if (hc_str_starts(s, nak) || hc_str_starts(s, ack))
            break;
        if (!hc_str_starts(s, shallow) && !hc_str_starts(s, unshallow))
            return not_git(p, "its answer to the request is something else");
    }
    if (!sideband) {
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
        if (n < 5 || !take(&r, line, (size_t)n - 4))
            return n < 5 ? not_git(p, "its pack is not in bands") : cut_off(p);
        if (line[0] == 1 && !on_pack(ctx, line + 1, (size_t)n - 5))
            return HC_E_INPUT;
        if (line[0] == 3)
            return hc_fail(p->err, HC_E_AGAIN, "%.*s: %.*s", HC_P(p->host),
                           HC_P(hc_str_trim(hc_str_n(line + 1, (size_t)n - 5))));
    }
}
