/*
 * helmctl registry: logging in to registries and out again, with Helm's files (pkg/cmd/registry_login.go).
 */
#include <errno.h>
#include <stdio.h>
#include <termios.h>
#include <unistd.h>

#include "charts-fetch/source/oci.h"
#include "core/base/fs.h"
#include "core/base/limits.h"
#include "helmctl/cli/cli.h"
#include "helmctl/cli/helmhome.h"
#include "helmctl/cli/logins.h"

static const char about[] = "Logs in to registries and out of them.\n"
                            "\n"
                            "  echo \"$TOKEN\" | helmctl registry login ghcr.io -u me --password-stdin\n"
                            "  helmctl registry logout ghcr.io\n"
                            "\n"
                            "The file with the logins is Helm's own, and the credential helpers it names are used.";

struct login {
    const char *username, *password, *ca_file, *cert_file, *key_file;
    bool from_stdin, insecure, plain_http;
};

/* One line of a terminal or a pipe; `secret`: a terminal that does not show it, and nothing else. */
static enum hc_rc ask(struct hc_arena *a, const char *prompt, bool secret, hc_str *out, struct hc_err *err)
{
    struct termios was, quiet;
    char c;
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 64 * 1024);
    fputs(prompt, stdout);
    fflush(stdout);
    if (secret && tcgetattr(STDIN_FILENO, &was) < 0)
        return hc_fail(err, HC_E_INPUT, "%s: a secret is read from a terminal; use --password-stdin for a pipe",
                       strerror(errno));
    if (secret) {
        quiet = was;
        quiet.c_lflag &= ~(tcflag_t)ECHO;
        tcsetattr(STDIN_FILENO, TCSANOW, &quiet);
    }
    ssize_t n;
    while ((n = read(STDIN_FILENO, &c, 1)) == 1 && c != '\n')
        hc_buf_putc(&b, c);
    if (secret) {
        tcsetattr(STDIN_FILENO, TCSANOW, &was);
        putchar('\n');
    }
    if (n <= 0 && b.n == 0)
        return hc_fail(err, HC_E_INPUT, "EOF");
    *out = hc_buf_to_arena(&b, a);
    if (out->n && out->p[out->n - 1] == '\r')
        out->n--;
    return hc_buf_check(&b, err, "input");
}

static enum hc_rc credentials(struct hc_arena *a, const struct login *l, hc_str *user, hc_str *password,
                              struct hc_err *err)
{
    enum hc_rc rc = HC_OK;
    *user = hc_str_of(l->username);
    *password = hc_str_of(l->password);
    if (l->from_stdin) {
        rc = hc_read_fd(a, STDIN_FILENO, "stdin", HC_MIB, password, err);
        if (hc_str_ends(*password, HC_S("\n")))
            password->n--;
        if (hc_str_ends(*password, HC_S("\r")))
            password->n--;
        return rc;
    }
    if (password->n) {
        fputs("level=WARN msg=\"using --password via the CLI is insecure. Use --password-stdin\"\n", stderr);
        return HC_OK;
    }
    if (!user->n) {
        rc = ask(a, "Username: ", false, user, err);
        *user = hc_str_trim(*user);
    }
    if (rc == HC_OK)
        rc = ask(a, user->n ? "Password: " : "Token: ", true, password, err);
    if (rc == HC_OK && !password->n)
        rc = hc_fail(err, HC_E_INPUT, "%s required", user->n ? "password" : "token");
    return rc;
}

static enum hc_rc try_login(struct hc_arena *a, const struct login *l, hc_str host, hc_str user, hc_str password,
                            struct hc_err *err)
{
    struct hc_cli_net net;
    struct hc_source_auth auth = { .username = user,
                                   .password = password,
                                   .from = "the login that was given",
                                   .plain_http = l->plain_http,
                                   .insecure_skip_verify = l->insecure };
    enum hc_rc rc = hc_helm_read_pem(a, "--ca-file", l->ca_file, &auth.ca_pem, err);
    if (rc == HC_OK)
        rc = hc_helm_read_pem(a, "--cert-file", l->cert_file, &auth.cert_pem, err);
    if (rc == HC_OK)
        rc = hc_helm_read_pem(a, "--key-file", l->key_file, &auth.key_pem, err);
    if (rc == HC_OK)
        rc = hc_cli_net_open(a, NULL, &net, err);
    if (rc != HC_OK)
        return rc;
    rc = hc_oci_ping(&net.env, a, host, &auth, err);
    hc_cli_net_close(&net);
    if (rc != HC_OK && hc_str_starts(hc_str_of(err->msg), HC_S("invalid reference")))
        return rc;
    return rc == HC_OK ? HC_OK : hc_wrap(err, "authenticating to \"%.*s\"", HC_P(host));
}

static int log_in(struct hc_arena *a, const struct hc_cli *cli, const struct login *l)
{
    struct hc_err err = HC_ERR_INIT;
    hc_str host = hc_str_of(cli->args[1]), user, password;
    if (credentials(a, l, &user, &password, &err) != HC_OK)
        return hc_cli_fail(&err);
    if (hc_str_find(host, '/') != SIZE_MAX)
        fprintf(
            stderr,
            "level=WARN msg=\"registry login currently only supports registry hostname, not a repository path\" "
            "host=%.*s suggested=%.*s\n",
            HC_P(host), HC_P(hc_str_sub(host, 0, hc_str_find(host, '/'))));
    if (try_login(a, l, host, user, password, &err) != HC_OK ||
        hc_logins_store(a, &cli->globals, host, user, password, &err) != HC_OK)
        return hc_cli_fail(&err);
    puts("Login Succeeded");
    return 0;
}

static int log_out(struct hc_arena *a, const struct hc_cli *cli)
{
    struct hc_err err = HC_ERR_INIT;
    if (hc_logins_erase(a, &cli->globals, hc_str_of(cli->args[1]), &err) != HC_OK)
        return hc_cli_fail(&err);
    printf("Removing login credentials for %s\n", cli->args[1]);
    return 0;
}

static const struct hc_sub subs[] = {
    { "login", "HOST", "log in to a registry", 1, -1 },
    { "logout", "HOST", "log out of a registry", 1, -1 },
};

int hc_cmd_registry(int argc, char **argv)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct login l = { 0 };
    const struct hc_flag flags[] = {
        { "username", 'u', HC_FLAG_STR, &l.username, "user name", .of = "login" },
        { "password", 'p', HC_FLAG_STR, &l.password,
          "password or identity token; others on this machine may see it", .of = "login" },
        { "password-stdin", 0, HC_FLAG_BOOL, &l.from_stdin, "read the password or identity token from stdin",
          .of = "login" },
        { "insecure", 0, HC_FLAG_BOOL, &l.insecure, "do not check the registry's certificate", .of = "login" },
        { "cert-file", 0, HC_FLAG_STR, &l.cert_file, "client certificate", NULL, "file", .of = "login" },
        { "key-file", 0, HC_FLAG_STR, &l.key_file, "key of the client certificate", NULL, "file", .of = "login" },
        { "ca-file", 0, HC_FLAG_STR, &l.ca_file, "certificate authority of the registry", NULL, "file",
          .of = "login" },
        {
            "plain-http",
            0,
            HC_FLAG_BOOL,
            &l.plain_http,
            "speak HTTP without TLS",
            .of = "login",
        },
    };
    struct hc_cli cli = { .use = "registry login|logout HOST [flags]",
                          .about = about,
                          .flags = flags,
                          .flags_n = HC_LEN(flags),
                          .subs = subs,
                          .subs_n = HC_LEN(subs) };
    int code = hc_cli_parse(a, &cli, argc, argv);
    if (code >= 0)
        return code;
    return strcmp(cli.sub->name, "login") == 0 ? log_in(a, &cli, &l) : log_out(a, &cli);
}
