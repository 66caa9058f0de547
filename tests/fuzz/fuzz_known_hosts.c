/*
 * known_hosts: the host that is asked about, NUL, then the file.
 */
#include "charts-fetch/source/git_impl.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char key[] = "\0\0\0\x0bssh-ed25519\0\0\0\x04"
                              "abcd";
    struct hc_err err = HC_ERR_INIT;
    struct hc_arena *a = fuzz_arena();
    hc_str rest = fuzz_text(data, size), host = fuzz_part(&rest);
    HC_AUTO(hc_buf) struct hc_buf kinds;
    struct git_address at;
    hc_buf_init(&kinds, 65536);
    if (!rest.p)
        return 0;
    int port = host.n % 2 ? 22 : 2222;
    enum hc_rc rc = git_check_host_key(rest, host, port, "ssh-ed25519", hc_str_n(key, sizeof(key) - 1), &err);
    git_known_kinds(rest, host, port, &kinds);
    if (rc != HC_OK && !err.msg[0])
        abort();
    if (rc == HC_OK && !kinds.n && !kinds.spent) /* a key that is known has a kind that is known */
        abort();
    (void)git_split_ssh_url(host, &at);
    struct git_module *modules;
    size_t n;
    if (git_parse_modules(a, rest, &modules, &n) == HC_OK)
        for (size_t i = 0; i < n; i++) {
            hc_str url = git_module_url(a, HC_S("https://git.example/a/b.git"), modules[i].url);
            if (url.p && !hc_str_starts(url, HC_S("https://")) && !hc_str_starts(url, HC_S("http://")) &&
                !hc_str_starts(url, HC_S("ssh://")))
                abort();
        }
    return 0;
}
