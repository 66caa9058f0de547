/*
 * Files of Helm's home, by the first byte: r repositories.yaml, d a file with registry logins (its helpers are not run:
 * nothing is in PATH).
 */
#include <stdio.h>

#include "helmctl/cli/helmhome.h"
#include "helmctl/cli/logins.h"
#include "tests/fuzz/fuzz.h"

static void repositories(struct hc_arena *a, const struct hc_globals *g)
{
    struct hc_err err = HC_ERR_INIT;
    struct hc_val *doc = NULL;
    bool there;
    enum hc_rc rc = hc_helm_repositories(a, g, &doc, &there, &err);
    if (rc == HC_E_BUG || (rc != HC_OK && !err.msg[0]))
        abort();
    const struct hc_val *entry = rc == HC_OK ? hc_helm_repository(doc, HC_S("r")) : NULL;
    struct hc_source_auth auth = { 0 };
    if (entry && hc_helm_repository_auth(a, entry, &auth, &err) != HC_OK && !err.msg[0])
        abort();
}

static void logins(struct hc_arena *a, const struct hc_globals *g)
{
    struct hc_err err = HC_ERR_INIT;
    struct hc_source_auth auth = { 0 };
    struct hc_registry_login login = { 0 };
    if (hc_logins_use(a, g, &auth, &err) != HC_OK || !auth.find_login)
        return;
    enum hc_rc rc = auth.find_login(auth.find_ctx, a, HC_S("r.io"), &login, &err);
    if (rc == HC_E_BUG || (rc != HC_OK && !err.msg[0]))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hc_arena *a = fuzz_arena();
    hc_str text = fuzz_text(data, size), rest = hc_str_sub(text, 1, text.n);
    char kind = size ? (char)data[0] : '\0';
    if (kind != 'r' && kind != 'd')
        return 0;
    const char *path = fuzz_file(rest);
    const struct hc_globals g = { .registry_config = path, .repository_config = path };
    if (kind == 'r') {
        repositories(a, &g);
    } else if (hc_str_find_str(rest, HC_S("cred")) == SIZE_MAX ||
               size % 16 == 0) { /* a process takes long to start */
        setenv("PATH", "/nonexistent", 1);
        setenv("DOCKER_CONFIG", "/nonexistent", 1);
        logins(a, &g);
    }
    return 0;
}
