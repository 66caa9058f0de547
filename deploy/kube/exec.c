/*
 * Credential plugins of a kubeconfig (client.authentication.k8s.io): a program is run, its stdout is an
 * ExecCredential with a token or a client certificate. The program, its arguments and its environment are what the user's
 * own kubeconfig says; a kubeconfig of an object never gets here (config.c refuses it there).
 *
 * stdin and stderr are the user's: a plugin may ask for a password or tell where to log in.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/limits.h"
#include "core/value/json.h"
#include "deploy/kube/kube_impl.h"

#define MAX_ANSWER HC_MIB
#define WAIT_MS    120000 /* a person may have to log in */
#define EARLY_MS   10000  /* a token is renewed this long before it ends */

extern char **environ;

/* The process's environment, KUBERNETES_EXEC_INFO, and what the kubeconfig adds. */
static char **environment(struct hc_arena *a, const struct hc_val *exec, hc_str server)
{
    const struct hc_val *add = hc_map_getz(exec, "env");
    size_t n = 0, m = 0;
    while (environ[n])
        n++;
    char **out = HC_NEW_N(a, char *, n + hc_list_len(add) + 2);
    struct hc_val *info = hc_map_new(a), *spec = hc_map_sub(a, info, "spec");
    hc_map_put_str(a, info, "apiVersion", hc_get_str(hc_map_getz(exec, "apiVersion")));
    hc_map_put_strz(a, info, "kind", "ExecCredential");
    hc_map_put_bool(a, spec, "interactive", isatty(STDIN_FILENO) == 1);
    if (hc_get_bool_at(exec, "provideClusterInfo", false))
        hc_map_put_str(a, hc_map_sub(a, spec, "cluster"), "server", server);
    struct hc_buf b;
    hc_buf_init(&b, 0);
    hc_buf_puts(&b, "KUBERNETES_EXEC_INFO=");
    hc_json_write(&b, info, 0);
    for (size_t i = 0; out && i < n; i++)
        out[m++] = environ[i];
    if (out)
        out[m++] = hc_arena_strz(a, hc_buf_str(&b));
    hc_buf_done(&b);
    for (size_t i = 0; out && i < hc_list_len(add); i++) {
        const struct hc_val *e = hc_list_at(add, i);
        hc_str name = hc_get_str(hc_map_getz(e, "name"));
        for (size_t j = 0; j < m; j++) /* the later of two equal names would not be seen */
            if (hc_str_starts(hc_str_of(out[j]), name) && out[j][name.n] == '=')
                out[j--] = out[--m];
        out[m++] = hc_arena_strz(
            a, hc_arena_printf(a, "%.*s=%.*s", HC_P(name), HC_P(hc_get_str(hc_map_getz(e, "value")))));
    }
    return hc_arena_spent(a) ? NULL : out;
}

/* Reads until the end of the pipe; false: too much, or too late. */
static bool read_answer(int fd, struct hc_buf *b)
{
    int64_t deadline = hc_mono_ms() + WAIT_MS;
    for (;;) {
        struct pollfd p = { .fd = fd, .events = POLLIN };
        int64_t left = deadline - hc_mono_ms();
        int ready = left > 0 ? poll(&p, 1, (int)left) : 0;
        if (ready < 0 && errno == EINTR)
            continue;
        if (ready <= 0)
            return false;
        char *room = hc_buf_room(b, 4096);
        ssize_t n = room ? read(fd, room, 4096) : -1;
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n == 0;
        b->n += (size_t)n;
    }
}

/* A relative path with a slash counts from the kubeconfig's folder (client-go). */
static char *program(struct hc_arena *a, hc_str command, hc_str dir)
{
    if (hc_str_find(command, '/') == SIZE_MAX || command.p[0] == '/')
        return hc_arena_strz(a, command);
    return hc_arena_strz(a, hc_arena_printf(a, "%.*s/%.*s", HC_P(dir), HC_P(command)));
}

static enum hc_rc run(struct hc_arena *a, const struct kube_exec *x, struct hc_buf *out, struct hc_err *err)
{
    const struct hc_val *args = hc_map_getz(x->config, "args");
    hc_str command = hc_get_str(hc_map_getz(x->config, "command"));
    char **argv = HC_NEW_N(a, char *, hc_list_len(args) + 2), **env = environment(a, x->config, x->server);
    if (!argv || !env || !command.n)
        return hc_fail(err, command.n ? HC_E_NOMEM : HC_E_INPUT, "the kubeconfig's exec names no command");
    argv[0] = program(a, command, x->dir);
    for (size_t i = 0; i < hc_list_len(args); i++)
        argv[i + 1] = hc_arena_strz(a, hc_get_str(hc_list_at(args, i)));
    int pipes[2];
    if (hc_arena_spent(a))
        return hc_fail_nomem(err);
    if (pipe2(pipes, O_CLOEXEC) != 0)
        return hc_fail_errno(err, "make a pipe for", argv[0]);
    posix_spawn_file_actions_t actions;
    pid_t pid = 0;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, pipes[1], STDOUT_FILENO);
    int failed = posix_spawnp(&pid, argv[0], &actions, NULL, argv, env);
    posix_spawn_file_actions_destroy(&actions);
    close(pipes[1]);
    if (failed) {
        hc_str hint = hc_get_str(hc_map_getz(x->config, "installHint"));
        close(pipes[0]);
        return hc_fail(err, HC_E_INPUT, "the kubeconfig's credential plugin '%.*s' cannot be started: %s%s%.*s",
                       HC_P(command), strerror(failed), hint.n ? ". " : "", HC_P(hint));
    }
    bool whole = read_answer(pipes[0], out);
    close(pipes[0]);
    if (!whole)
        kill(pid, SIGKILL);
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (hc_buf_check(out, err, "what it printed") != HC_OK)
        return hc_wrap(err, "the kubeconfig's credential plugin '%.*s'", HC_P(command));
    if (!whole)
        return hc_fail(err, HC_E_AGAIN, "the kubeconfig's credential plugin '%.*s' gave no answer within %d s",
                       HC_P(command), WAIT_MS / 1000);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return hc_fail(err, HC_E_INPUT, "the kubeconfig's credential plugin '%.*s' failed with exit code %d",
                       HC_P(command), WIFEXITED(status) ? WEXITSTATUS(status) : -1);
    return HC_OK;
}

enum hc_rc kube_exec_run(struct hc_arena *a, const struct kube_exec *x, struct kube_credential *out,
                         struct hc_err *err)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, MAX_ANSWER);
    enum hc_rc rc = run(a, x, &b, err);
    return rc == HC_OK ? kube_exec_read(a, x, hc_buf_str(&b), out, err) : rc;
}

enum hc_rc kube_exec_read(struct hc_arena *a, const struct kube_exec *x, hc_str text, struct kube_credential *out,
                          struct hc_err *err)
{
    struct hc_val *v = NULL;
    hc_str command = hc_get_str(hc_map_getz(x->config, "command"));
    hc_str want = hc_get_str(hc_map_getz(x->config, "apiVersion"));
    if (hc_json_parse(a, text, HC_JSON_NO_POSITIONS, &v, NULL) != HC_OK ||
        !hc_str_eqz(hc_get_str(hc_map_getz(v, "kind")), "ExecCredential"))
        return hc_fail(err, HC_E_INPUT, "the kubeconfig's credential plugin '%.*s' printed no ExecCredential",
                       HC_P(command));
    if (!hc_str_eq(hc_get_str(hc_map_getz(v, "apiVersion")), want))
        return hc_fail(err, HC_E_INPUT,
                       "the kubeconfig's credential plugin '%.*s' answers in %.*s, the kubeconfig asks for %.*s",
                       HC_P(command), HC_P(hc_get_str(hc_map_getz(v, "apiVersion"))), HC_P(want));
    *out = (struct kube_credential){ .token = hc_get_str_at(v, "status.token"),
                                     .cert_pem = hc_get_str_at(v, "status.clientCertificateData"),
                                     .key_pem = hc_get_str_at(v, "status.clientKeyData") };
    if (!out->token.n && !(out->cert_pem.n && out->key_pem.n))
        return hc_fail(err, HC_E_INPUT,
                       "the kubeconfig's credential plugin '%.*s' gave neither a token nor a certificate",
                       HC_P(command));
    if (!hc_http_fits_header(out->token))
        return hc_fail(
            err, HC_E_INPUT,
            "the kubeconfig's credential plugin '%.*s' gave a token with a line break or another control "
            "character in it",
            HC_P(command));
    int64_t until = hc_time_parse_ms(hc_get_str_at(v, "status.expirationTimestamp"));
    out->fresh_ms = until > 0 ? HC_MAX(until - hc_now_ms() - EARLY_MS, 1000) : INT64_MAX / 2;
    return hc_arena_check(a, err, "credentials");
}
