/*
 * helmctl sandbox
 */
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/clock.h"
#include "helmctl/cli/cli.h"
#include "helmctl/cli/flags.h"
#include "helmctl/sandbox/sandbox.h"

static const char about[] =
    "Starts a Kubernetes-style API server to try things on, in this one process, without a cluster.\n"
    "kubectl, helm and helmctl work against it; workloads are simulated and nothing really runs.\n\n"
    "  helmctl sandbox --kubeconfig sandbox.kubeconfig &\n"
    "  export KUBECONFIG=$PWD/sandbox.kubeconfig\n"
    "  kubectl create deployment web --image=nginx:1.27 && kubectl get pods\n\n"
    "How workloads behave is chosen by annotations on the pod template or the workload:\n\n"
    "  sandbox.helmctl.dev/behavior: ready|slow|crash|image-pull|hang|fail|complete|pending\n"
    "  sandbox.helmctl.dev/after: 2s     when they get there\n\n"
    "An image whose tag holds \"broken\" or \"does-not-exist\" cannot be pulled.\n\n"
    "For tests, requests can be made to fail (JSON over HTTP, outside the Kubernetes API):\n\n"
    "  POST /sandbox/faults\n"
    "    {\"verb\":\"patch\",\"path\":\"*/deployments/*\",\"action\":\"status\",\"code\":503,\"count\":1}\n"
    "    actions: refuse drop delay status cut-watch answer-lost\n"
    "    also agent, after, delayMs, retryAfter, message\n"
    "  POST /sandbox/kill-after-write {\"n\":3,\"pid\":4242}\n"
    "  GET  /sandbox/stats";

static struct hc_sandbox *running;

static void on_signal(int sig)
{
    (void)sig;
    hc_sandbox_stop(running);
}

static int serve(const struct hc_sandbox_options *o)
{
    struct hc_err err = HC_ERR_INIT;
    int64_t began = hc_mono_ms();
    if (hc_sandbox_new(o, &running, &err) != HC_OK) {
        fprintf(stderr, "Error: %s\n", err.msg);
        return 1;
    }
    struct sigaction sa = { .sa_handler = on_signal };
    sigaction(SIGTERM, &sa, NULL);
    sigaction(SIGINT, &sa, NULL);
    signal(SIGPIPE, SIG_IGN);
    printf("The sandbox serves %s (started in %d ms).\n", hc_sandbox_url(running), (int)(hc_mono_ms() - began));
    char path[PATH_MAX];
    if (o->kubeconfig)
        printf("Use it:   export KUBECONFIG=%s\n          kubectl get namespaces\n",
               realpath(o->kubeconfig, path) ? path : o->kubeconfig);
    else
        printf("Use it:   kubectl --server %s get namespaces\n", hc_sandbox_url(running));
    if (!o->data || strcmp(o->data, ":memory:") == 0)
        puts("Objects are kept in memory and forgotten at the end; --data DIR keeps them.");
    puts("Stop it:  Ctrl-C");
    fflush(stdout);
    enum hc_rc rc = hc_sandbox_run(running, &err);
    if (rc != HC_OK)
        fprintf(stderr, "Error: %s\n", err.msg);
    hc_sandbox_free(running);
    return rc == HC_OK ? 0 : 1;
}

int hc_cmd_sandbox(int argc, char **argv)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct hc_sandbox_options o = { .ready_after_ms = -1 };
    bool ready = false;
    const struct hc_flag flags[] = {
        { "listen", 0, HC_FLAG_STR, &o.listen, "where to listen (default 127.0.0.1:0, which takes a free port)",
          NULL, "addr:port" },
        { "data", 0, HC_FLAG_STR, &o.data,
          "keep objects here over restarts (default :memory:, forgotten at the end)", NULL, "folder" },
        { "kubeconfig", 0, HC_FLAG_STR, &o.kubeconfig, "write a kubeconfig here once the server answers", NULL,
          "file" },
        { "ready-after", 0, HC_FLAG_INT, &o.ready_after_ms,
          "a simulated pod is ready after this many milliseconds (default 150)", NULL, "ms", .given = &ready },
        { "token", 0, HC_FLAG_STR, &o.token,
          "ask every request for this bearer token (kubectl and helm send it over TLS only)" },
        { "tls-cert", 0, HC_FLAG_STR, &o.tls_cert, "serve TLS with this certificate (PEM)", NULL, "file" },
        { "tls-key", 0, HC_FLAG_STR, &o.tls_key, "key of that certificate", NULL, "file" },
    };
    struct hc_cli cli = { .use = "sandbox [flags]", .about = about, .flags = flags, .flags_n = HC_LEN(flags) };
    int code = hc_cli_parse(a, &cli, argc, argv);
    if (code >= 0)
        return code;
    if (ready && o.ready_after_ms < 0)
        return hc_cli_error("--ready-after is less than no time");
    return serve(&o);
}
