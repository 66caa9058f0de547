/*
 * helmctl sandbox
 */
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/clock.h"
#include "helmctl/cli/cli.h"
#include "helmctl/sandbox/sandbox.h"

static const char help[] =
    "Starts a Kubernetes-style API server to try things on, in this one process, without a cluster.\n"
    "kubectl, helm and helmctl work against it; workloads are simulated and nothing really runs.\n\n"
    "Usage:\n  helmctl sandbox [flags]\n\nFlags:\n"
    "  --listen ADDR:PORT   where to listen (default 127.0.0.1:0, which takes a free port)\n"
    "  --data DIR           keep objects in DIR over restarts (default :memory:, forgotten at the end)\n"
    "  --kubeconfig FILE    write a kubeconfig here once the server answers\n"
    "  --ready-after MS     a simulated pod is ready after this many milliseconds (default 150)\n"
    "  --token TOKEN        ask every request for this token (kubectl and helm send it over TLS only)\n"
    "  --tls-cert FILE      serve TLS with this certificate (PEM) ...\n"
    "  --tls-key FILE       ... and this key\n\n"
    "Try it:\n"
    "  helmctl sandbox --kubeconfig sandbox.kubeconfig &\n"
    "  export KUBECONFIG=$PWD/sandbox.kubeconfig\n"
    "  kubectl create deployment web --image=nginx:1.27 && kubectl get pods\n\n"
    "How workloads behave is chosen by annotations on the pod template or the workload:\n"
    "  sandbox.helmctl.dev/behavior: ready|slow|crash|image-pull|hang|fail|complete|pending\n"
    "  sandbox.helmctl.dev/after: 2s     when they get there\n"
    "An image whose tag holds \"broken\" or \"does-not-exist\" cannot be pulled.\n\n"
    "For tests, requests can be made to fail (JSON over HTTP, outside the Kubernetes API):\n"
    "  POST /sandbox/faults\n"
    "    {\"verb\":\"patch\",\"path\":\"*/deployments/*\",\"action\":\"status\",\"code\":503,\"count\":1}\n"
    "    actions: refuse drop delay status cut-watch answer-lost\n    also agent, after, delayMs, retryAfter, "
    "message\n"
    "  POST /sandbox/kill-after-write {\"n\":3,\"pid\":4242}\n"
    "  GET  /sandbox/stats\n";

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
    struct hc_sandbox_options o = { .ready_after_ms = -1 };
    const struct {
        const char *name;
        const char **to;
    } texts[] = { { "--listen", &o.listen },         { "--data", &o.data },         { "--token", &o.token },
                  { "--kubeconfig", &o.kubeconfig }, { "--tls-cert", &o.tls_cert }, { "--tls-key", &o.tls_key } };
    const char *ready = NULL;
    for (int i = 1; i < argc; i++) {
        hc_str arg = hc_str_of(argv[i]);
        size_t eq = hc_str_find(arg, '=');
        hc_str flag = hc_str_sub(arg, 0, eq);
        const char **to = hc_str_eqz(flag, "--ready-after") ? &ready : NULL;
        if (hc_str_eqz(arg, "--help") || hc_str_eqz(arg, "-h")) {
            fputs(help, stdout);
            return 0;
        }
        for (size_t j = 0; !to && j < HC_LEN(texts); j++)
            if (hc_str_eqz(flag, texts[j].name))
                to = texts[j].to;
        if (!to) {
            fprintf(stderr, "Error: unknown flag: %s\nhelmctl sandbox --help tells the flags.\n", argv[i]);
            return 1;
        }
        if (eq == SIZE_MAX && i + 1 >= argc) {
            fprintf(stderr, "Error: flag needs an argument: %s\n", argv[i]);
            return 1;
        }
        *to = eq == SIZE_MAX ? argv[++i] : argv[i] + eq + 1;
    }
    if (ready && (!hc_str_to_i64(hc_str_of(ready), &o.ready_after_ms) || o.ready_after_ms < 0)) {
        fprintf(stderr, "Error: --ready-after '%s' is no number of milliseconds\n", ready);
        return 1;
    }
    return serve(&o);
}
