/*
 * conform.many - `helmctl template` again and again: a process of its own each time, but started by fork from one that
 * is loaded, so that thousands of small charts are rendered in seconds.
 *
 * One request in: a line that says how many fields follow, the working folder and the arguments behind the program's
 * name, each closed by a NUL.
 * Besides Helm's verbs there is `notes CHART SET`: the text of NOTES.txt, which may be any template. `notes-by-lua` has it
 * rendered by Lua instead of C, which must make no difference.
 *
 * One answer out: "STATUS OUT-BYTES ERR-BYTES\n", then both texts. The status of a process that was killed is 128 and
 * the signal; SIGALRM (142) is one that took too long.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "helmctl/cli/chartref.h"
#include "helmctl/cli/cli.h"
#include "templating/render/render.h"

enum { MAX_ARGS = 64, SECONDS = 60 };

static int no_such_verb(int argc, char **argv)
{
    fprintf(stderr, "conform.many: '%s' is not a verb that renders\n", argc > 1 ? argv[1] : "");
    return 2;
}

/* `notes CHART SET`: release r in ns, SET as --set takes it. */
static int notes(int argc, char **argv)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    HC_AUTO(hc_chart) struct hc_chart *chart = NULL;
    struct hc_err err = HC_ERR_INIT;
    struct hc_val *values = NULL;
    const char *set = argv[argc - 1];
    const struct hc_chart_source source = { .ref = argv[1], .no_digest = true };
    const struct hc_values_flags flags = { .set = { .items = &set, .n = 1 } };
    if (argc != 3 || hc_cli_values(a, &flags, NULL, NULL, &values, &err) != HC_OK ||
        hc_cli_load_chart(&source, &chart, &err) != HC_OK) {
        fprintf(stderr, "conform.many: %s\n", err.msg);
        return 2;
    }
    const struct hc_render_input in = { .chart = chart,
                                        .values = values,
                                        .release_name = HC_S("r"),
                                        .release_namespace = HC_S("ns"),
                                        .revision = 1,
                                        .by_lua = strcmp(argv[0], "notes-by-lua") == 0 };
    struct hc_render_output out;
    enum hc_rc rc = hc_render(a, &in, &out, &err);
    hc_str text = rc == HC_OK ? out.docs.notes : out.error.n ? out.error : hc_str_of(err.msg);
    if (rc != HC_OK)
        fputs("Error: ", stderr);
    fwrite(text.p, 1, text.n, rc == HC_OK ? stdout : stderr);
    return rc != HC_OK;
}

static HC_NORETURN void child(const char *folder, int argc, char **argv, int out, int err)
{
    static const struct hc_command commands[] = {
        { "notes", notes, "" },
        { "notes-by-lua", notes, "" },
        { "show", hc_cmd_show, "" },
        { "template", hc_cmd_template, "" },
    };
    if (chdir(folder) != 0 || dup2(out, STDOUT_FILENO) < 0 || dup2(err, STDERR_FILENO) < 0)
        _exit(2);
    alarm(SECONDS);
    int status = hc_cli_dispatch(argc, argv, commands, HC_LEN(commands), no_such_verb);
    fflush(NULL);
    _exit(status);
}

/* A file in memory, empty again. */
static int scratch(const char *name)
{
    int fd = memfd_create(name, MFD_CLOEXEC);
    if (fd < 0) {
        perror("memfd_create");
        exit(2);
    }
    return fd;
}

static size_t size_of(int fd)
{
    struct stat st;
    return fstat(fd, &st) == 0 ? (size_t)st.st_size : 0;
}

static bool copy_out(int fd, size_t n)
{
    if (n == 0)
        return true;
    void *p = mmap(NULL, n, PROT_READ, MAP_SHARED, fd, 0);
    if (p == MAP_FAILED)
        return false;
    bool good = fwrite(p, 1, n, stdout) == n;
    munmap(p, n);
    return good;
}

/* The fields of the next request; -1: there is none. */
static int next_request(char **fields, size_t *caps)
{
    char line[32];
    int n = fgets(line, sizeof(line), stdin) ? (int)strtol(line, NULL, 10) : -1;
    for (int i = 0; i < n; i++)
        if (i == MAX_ARGS || getdelim(&fields[i], &caps[i], '\0', stdin) <= 0)
            return -1;
    return n;
}

int main(void)
{
    static char *fields[MAX_ARGS];
    static size_t caps[MAX_ARGS];
    int n;
    while ((n = next_request(fields, caps)) > 0) {
        char *argv[MAX_ARGS + 1] = { (char *)(uintptr_t) "helmctl" };
        for (int i = 1; i < n; i++)
            argv[i] = fields[i];
        int out = scratch("out"), err = scratch("err"), status = 0;
        fflush(stdout);
        pid_t pid = fork();
        if (pid == 0)
            child(fields[0], n, argv, out, err);
        if (pid < 0 || waitpid(pid, &status, 0) != pid) {
            perror("conform.many");
            return 2;
        }
        size_t out_n = size_of(out), err_n = size_of(err);
        printf("%d %zu %zu\n", WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), out_n, err_n);
        if (!copy_out(out, out_n) || !copy_out(err, err_n) || fflush(stdout) != 0)
            return 2;
        close(out);
        close(err);
    }
    for (size_t i = 0; i < HC_LEN(fields); i++)
        free(fields[i]);
    return 0;
}
