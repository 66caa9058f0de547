/*
 * Credential plugins of a kubeconfig (client.authentication.k8s.io): a program is run, its stdout is an
 * ExecCredential with a token or a client certificate. The program, its arguments and its environment are what the user's
 * own kubeconfig says; a kubeconfig of an object never gets here (config.c refuses it there).
 *
 * stdin and stderr are the user's: a plugin may ask for a password or tell where to log in.
 */
#include <unistd.h>

#include "core/base/child.h"
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
    if (hc_arena_spent(a))
        return hc_fail_nomem(err);
    const struct hc_child c = {
        .argv = argv, .env = env, .max_bytes = MAX_ANSWER, .deadline_ms = WAIT_MS, .talks = true
    };
    struct hc_child_end end;
    enum hc_rc rc = hc_child_run(&c, out, &end, err);
    if (end.start_errno) {
        hc_str hint = hc_get_str(hc_map_getz(x->config, "installHint"));
        return hc_fail(err, HC_E_INPUT, "the kubeconfig's credential plugin '%.*s' cannot be started: %s%s%.*s",
                       HC_P(command), strerror(end.start_errno), hint.n ? ". " : "", HC_P(hint));
    }
    if (end.late)
        return hc_fail(err, HC_E_AGAIN, "the kubeconfig's credential plugin '%.*s' gave no answer within %d s",
                       HC_P(command), WAIT_MS / 1000);
    if (rc != HC_OK)
        return hc_wrap(err, "the kubeconfig's credential plugin '%.*s'", HC_P(command));
    if (end.exit_code != 0)
        return hc_fail(err, HC_E_INPUT, "the kubeconfig's credential plugin '%.*s' failed with exit code %d",
                       HC_P(command), end.exit_code);
    return HC_OK;
}

enum hc_rc kube_exec_run(struct hc_arena *a, const struct kube_exec *x, struct kube_credential *out,
                         struct hc_err *err)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 2 * MAX_ANSWER);
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
