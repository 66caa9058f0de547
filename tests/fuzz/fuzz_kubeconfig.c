/*
 * A kubeconfig out of an object, which is a stranger's: it names no file to read and no program to run.
 */
#include "deploy/kube/kube_impl.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hc_arena *a = fuzz_arena();
    struct hc_err err = HC_ERR_INIT;
    struct kube_config c;
    const struct hc_kube_options o = { .kubeconfig_body = fuzz_text(data, size) };
    if (!size) /* then the machine's own is looked for */
        return 0;
    enum hc_rc rc = kube_config_read(a, &o, &c, &err);
    if (rc == HC_E_BUG || (rc != HC_OK && !err.msg[0]))
        abort();
    if (rc == HC_OK && (c.token_file.n || c.exec.config || c.insecure || !c.server.n))
        abort();
    return 0;
}
