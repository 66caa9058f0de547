/*
 * Archives in memory: whatever is handed out has a name that stays inside, and a body that can be read. Read piece by
 * piece, out of a file, the same archive is taken or refused alike, and its first file is the same.
 */
#include <fcntl.h>

#include "charts-fetch/unpack/unpack.h"
#include "core/base/fs.h"
#include "tests/fuzz/fuzz.h"

static const struct hc_unpack_limits limits = { 1 << 20, 100 };

static void same_in_pieces(hc_str archive, enum hc_rc want, const struct hc_unpacked *first)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    HC_AUTO(hc_fd) int fd = open(fuzz_file(archive), O_RDONLY | O_CLOEXEC);
    struct hc_err err = HC_ERR_INIT;
    hc_str body = HC_S("");
    if (!a || fd < 0)
        abort();
    enum hc_rc rc = hc_unpack_one(a, fd, first ? first->name : HC_S("none"), &limits, &body, &err);
    if (rc != (want == HC_OK && !first ? HC_E_NOTFOUND : want) || (rc == HC_OK && !hc_str_eq(body, first->body)))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hc_arena *a = fuzz_arena();
    struct hc_unpacked *files = NULL;
    struct hc_err err = HC_ERR_INIT;
    size_t n = 0;
    volatile unsigned char sum = 0;
    hc_str archive = fuzz_text(data, size);
    enum hc_rc rc = hc_unpack_memory(a, archive, &limits, &files, &n, &err);
    if (rc != HC_OK && !err.msg[0])
        abort();
    if (size % 8 == 0) /* a file takes its time */
        same_in_pieces(archive, rc, rc == HC_OK && n ? files : NULL);
    for (size_t i = 0; rc == HC_OK && i < n; i++) {
        hc_str rest = files[i].name, part;
        if (rest.n == 0 || rest.p[0] == '/')
            abort();
        while (hc_str_split(&rest, '/', &part))
            if (part.n == 0 || hc_str_eqz(part, "..") || hc_str_eqz(part, "."))
                abort();
        for (size_t k = 0; k < files[i].body.n; k++)
            sum = (unsigned char)(sum + (unsigned char)files[i].body.p[k]);
    }
    return 0;
}
