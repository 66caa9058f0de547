/*
 * Ceilings: a MiB a file, the number of files by the check itself, for the network 15 s, which is Helm's.
 */
#include "helmctl/cli/schemas.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/fs.h"
#include "core/base/limits.h"
#include "helmctl/cli/cli.h"

static bool wanted;

static enum hc_rc from_file(struct hc_arena *a, hc_str url, hc_str *out, struct hc_err *err)
{
    hc_str path = hc_str_sub(url, strlen("file:"), url.n);
    if (hc_str_starts(path, HC_S("//"))) {
        path = hc_str_sub(path, 2, path.n);
        size_t slash = hc_str_find(path, '/');
        path = slash == SIZE_MAX ? HC_S("") : hc_str_sub(path, slash, path.n);
    }
    const char *z = hc_arena_strz(a, path);
    if (!z)
        return hc_arena_check(a, err, "schema");
    HC_AUTO(hc_fd) int fd = open(z, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        const char *why = strerror(errno);
        return hc_fail(err, HC_E_INPUT, "open %s: %c%s", z, tolower((unsigned char)*why), why + 1);
    }
    struct stat st;
    if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode))
        return hc_fail(err, HC_E_INPUT, "read %s: is a directory", z);
    return hc_read_file(a, AT_FDCWD, z, HC_MIB, out, err);
}

static enum hc_rc load(void *ctx, struct hc_arena *a, hc_str url, hc_str *out, struct hc_err *err)
{
    (void)ctx;
    if (hc_str_starts(url, HC_S("file:")))
        return from_file(a, url, out, err);
    if (hc_cli_ports.fetch_schema)
        return hc_cli_ports.fetch_schema(a, url, out, err);
    wanted = true;
    return hc_fail(err, HC_E_INPUT, "it has to be fetched");
}

const struct hc_schema_port *hc_cli_schemas(void)
{
    static const struct hc_schema_port port = { NULL, load, NULL, NULL };
    return &port;
}

int hc_cli_schemas_elsewhere(const struct hc_globals *g, const struct hc_values_flags *v)
{
    if (!wanted || !hc_cli_ports.hand_over)
        return -1;
    if (hc_cli_values_read_stdin(v))
        return hc_cli_error(
            "a schema refers to the network, and the values came from stdin, which can be read only once: "
            "write them to a file, or skip the check with --skip-schema-validation");
    return hc_cli_ports.hand_over(g->argc, g->argv);
}
