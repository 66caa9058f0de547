/*
 * helmctl recording: shows and compares recordings without showing a secret.
 */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "core/base/fs.h"
#include "core/base/limits.h"
#include "helmctl/cli/cli.h"
#include "helmctl/cli/flags.h"
#include "templating/render/recording.h"

static const char about[] =
    "Shows what a recording of `template --record` holds, or how two of them differ. Generated\n"
    "values and looked-up objects are secrets: which ones there are is shown, not what they are.\n"
    "\n"
    "  helmctl recording show FILE\n"
    "  helmctl recording diff OLD NEW\n"
    "\n"
    "A line begins with + (only in NEW), - (only in OLD) or ~ (not the same). diff gives the exit code 0 when "
    "there is\n"
    "no difference, 1 when there is, 2 for an error.";

static enum hc_rc read_one(struct hc_arena *a, const char *path, struct hc_recording **out, struct hc_err *err)
{
    hc_str text;
    enum hc_rc rc = hc_read_file(a, AT_FDCWD, path, HC_MAX_RECORDING_BYTES, &text, err);
    return rc == HC_OK ? hc_recording_parse(a, text, hc_str_of(path), out, err) : rc;
}

static const struct hc_sub subs[] = {
    { "diff", "FILE FILE", "compare two recordings, the older one first", 2, 2 },
    { "show", "FILE", "show what a recording holds", 1, 1 },
};

int hc_cmd_recording(int argc, char **argv)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct hc_cli cli = {
        .use = "recording show FILE | recording diff OLD NEW", .about = about, .subs = subs, .subs_n = HC_LEN(subs)
    };
    int code = hc_cli_parse(a, &cli, argc, argv);
    if (code >= 0)
        return code == 1 && argc > 1 && strcmp(argv[1], "diff") == 0 ? 2 : code;
    struct hc_err err = HC_ERR_INIT;
    struct hc_recording *old = NULL, *new = NULL;
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    bool diff = strcmp(cli.sub->name, "diff") == 0;
    if (read_one(a, cli.args[1], &old, &err) != HC_OK || (diff && read_one(a, cli.args[2], &new, &err) != HC_OK)) {
        hc_cli_fail(&err);
        return diff ? 2 : 1;
    }
    size_t n = diff ? hc_recording_diff(old, new, &b) : hc_recording_diff(NULL, old, &b);
    if (hc_buf_check(&b, &err, "output") != HC_OK || hc_write_fd(STDOUT_FILENO, hc_buf_str(&b), &err) != HC_OK) {
        hc_cli_fail(&err);
        return diff ? 2 : 1;
    }
    return diff && n ? 1 : 0;
}
