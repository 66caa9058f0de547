/*
 * What a Git server says. First byte: 'g' a greeting, then as many ls-refs answers as follow behind NULs; 'p' the answer
 * to a fetch in version 0, 'P' in version 2, read whole and, for the end of it, in pieces of 7 bytes.
 */
#include <sys/mman.h>
#include <unistd.h>

#include "charts-fetch/source/git_impl.h"
#include "tests/fuzz/fuzz.h"

static bool on_pack(void *ctx, const char *bytes, size_t n)
{
    size_t *total = ctx;
    *total += n;
    return n == 0 || bytes[n - 1] != '!';
}

static void read_answer(struct git_peer *p, hc_str text)
{
    size_t total = 0;
    int fd = memfd_create("answer", MFD_CLOEXEC);
    if (fd < 0 || write(fd, text.p, text.n) != (ssize_t)text.n || lseek(fd, 0, SEEK_SET) != 0)
        abort();
    enum hc_rc rc = git_read_pack(p, fd, on_pack, &total);
    if (total > text.n || (rc != HC_OK && rc != HC_E_INPUT && !p->err->msg[0]))
        abort();
    close(fd);
    struct git_pkt_end whole = { 0 }, pieces = { 0 };
    bool ended = git_pkt_ended(&whole, text.p, text.n), again = false;
    for (size_t at = 0; at < text.n; at += 7)
        again = git_pkt_ended(&pieces, text.p + at, HC_MIN((size_t)7, text.n - at));
    if (text.n && ended != again)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hc_err err = HC_ERR_INIT;
    struct git_peer p = {
        .a = fuzz_arena(), .err = &err, .url = "https://git.example/x.git", .host = HC_S("git.example")
    };
    if (size < 1)
        return 0;
    hc_str rest = fuzz_text(data + 1, size - 1);
    if (data[0] != 'g') {
        p.refs.v2 = data[0] == 'P';
        p.refs.sideband = size % 5 != 0;
        read_answer(&p, rest);
        return 0;
    }
    if (git_parse_greeting(&p, fuzz_part(&rest)) != HC_OK && !err.msg[0])
        abort();
    while (rest.p) {
        if (git_parse_ls_refs(&p, fuzz_part(&rest)) != HC_OK && !err.msg[0])
            abort();
        for (size_t i = 0; i < p.refs.n; i++)
            if (strlen(p.refs.list[i].oid) != GIT_OID_HEX)
                abort();
        (void)git_find_ref(&p.refs, HC_S("refs/heads/main"));
    }
    return 0;
}
