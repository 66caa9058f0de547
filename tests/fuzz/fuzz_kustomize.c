/*
 * A folder with a kustomization: the kustomization file, NUL, a patch beside it, NUL, a file that a generator may read.
 * The objects it begins with are known. The folder is one of the temporary ones, best in memory.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "templating/kustomize/kustomize.h"
#include "tests/fuzz/fuzz.h"

static const char *const names[] = { "kustomization.yaml", "p.yaml", "f.env", "r.yaml",
                                     "overlay/kustomization.yaml" };
static const char objects[] =
    "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\n  labels: {app: web}\nspec:\n  replicas: 1\n"
    "  template:\n    spec:\n      containers:\n      - {name: app, image: 'i:1', env: [{name: A, value: b}]}\n"
    "      volumes:\n      - {name: v, configMap: {name: c}}\n---\n"
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, namespace: n}\ndata: {k: v}\n";
static char folder[64];

static void end(void)
{
    char path[128];
    for (size_t i = 0; i < HC_LEN(names); i++) {
        snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
        unlink(path);
    }
    snprintf(path, sizeof(path), "%s/overlay", folder);
    rmdir(path);
    rmdir(folder);
}

static void put(size_t name, hc_str text)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/%s", folder, names[name]);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, text.p, text.n) != (ssize_t)text.n)
        abort();
    close(fd);
}

static void begin(void)
{
    char path[128];
    const char *tmp = getenv("TMPDIR");
    snprintf(folder, sizeof(folder), "%.40s/fuzz-XXXXXX", tmp && *tmp ? tmp : "/dev/shm");
    if (!mkdtemp(folder))
        abort();
    atexit(end);
    snprintf(path, sizeof(path), "%s/overlay", folder);
    if (mkdir(path, 0700) != 0)
        abort();
    put(3, hc_str_of(objects));
    put(4, HC_S("resources: [../r.yaml]\nnamePrefix: o-\n"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hc_arena *a = fuzz_arena();
    struct hc_err err = HC_ERR_INIT;
    struct hc_val *out = NULL;
    hc_str rest = fuzz_text(data, size), file = fuzz_part(&rest), patch = fuzz_part(&rest);
    if (!folder[0])
        begin();
    put(0, file);
    put(1, patch);
    put(2, rest.p ? rest : HC_S(""));
    enum hc_rc rc = hc_kustomize_build(a, folder, "", NULL, &out, &err);
    if (rc == HC_E_BUG || (rc != HC_OK && !err.msg[0]) || (rc == HC_OK && !hc_is_list(out)))
        abort();
    return 0;
}
