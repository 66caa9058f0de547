/*
 * helmctl controller: the daemon, with the flags of Flux's controllers.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/base/log.h"
#include "helmctl/cli/cli.h"
#include "helmctl/cli/flags.h"
#include "helmctl/cli/rules.h"
#include "helmctl/controller/controller.h"

static volatile sig_atomic_t signals;

static void on_signal(int sig)
{
    (void)sig;
    if (signals++)
        _exit(130); /* asked twice */
    hc_controller_stop();
}

static bool parse_level(const char *s, enum hc_log_level *out)
{
    static const char *const names[] = { "error", "info", "debug", "trace" };
    for (int i = 0; i < (int)HC_LEN(names); i++)
        if (strcmp(s, names[i]) == 0) {
            *out = (enum hc_log_level)i;
            return true;
        }
    return false;
}

/* Of Flux's controllers, so that their Deployments start this one as they are: nothing here has the use for it, or what it
 * switches on is not there and said so where somebody asks for it. */
#define TAKEN(name, kind)                                                                                          \
    {                                                                                                              \
        name, 0, kind, NULL, NULL                                                                                  \
    }

/* One that asks for something which is not done. */
static void without_effect(const char *name, const char *why)
{
    HC_LOG(HC_LOG_ERROR, "a flag has no effect", { "flag", hc_str_of(name) }, { "why", hc_str_of(why) });
}

int hc_cmd_controller(int argc, char **argv)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct hc_controller_options o;
    struct hc_strings rules = { 0 };
    struct hc_health_rule *rule_list = NULL;
    hc_controller_defaults(&o);
    bool kubeconfig_exec = false, kubeconfig_tls = false;
    const char *artifact_algo = "sha256", *snapshot_algo = "sha256", *kex = NULL, *hostkey = NULL;
    struct hc_strings managers = { 0 };
    const char *level = "info", *encoding = isatty(2) ? "console" : "json", *gates = "", *preflight = NULL;
    const char *storage = getenv("STORAGE_PATH"), *adv = getenv("STORAGE_ADV_ADDR");
    o.storage_path = storage;
    o.storage_adv_addr = adv;
    if (getenv("KUBERNETES_SERVICE_HOST")) { /* in a cluster: where Flux listens */
        o.storage_addr = ":9090";
        o.metrics_addr = ":8080";
        o.health_addr = ":9440";
    }
    const struct hc_flag flags[] = {
        { "controllers", 0, HC_FLAG_STR, &o.controllers,
          "what to serve: a comma list of source, kustomize, helm, or kinds such as HelmRelease (default: all)" },
        { "runtime-namespace", 0, HC_FLAG_STR, &o.ns, "namespace of leases, and what is watched alone" },
        { "watch-all-namespaces", 0, HC_FLAG_BOOL, &o.watch_all_namespaces,
          "watch objects in all namespaces; if false only the runtime namespace" },
        { "watch-label-selector", 0, HC_FLAG_STR, &o.watch_label_selector,
          "serve only objects with these labels (shards)" },
        { "watch-configs-label-selector", 0, HC_FLAG_STR, &o.watch_configs_label_selector,
          "ConfigMaps and Secrets whose change wakes what refers to them" },
        { "concurrent", 0, HC_FLAG_INT, &o.concurrent,
          "objects looked at at once, for each of source, kustomize and helm" },
        { "storage-path", 0, HC_FLAG_STR, &o.storage_path, "folder of artifacts, safe to lose", .type = "DIR" },
        { "storage-max-bytes", 0, HC_FLAG_INT, &o.storage_max_bytes,
          "what no artifact points to is removed beyond this, the longest unused first" },
        { "storage-addr", 0, HC_FLAG_STR, &o.storage_addr, "address the artifacts are served on, 0: not at all" },
        { "storage-adv-addr", 0, HC_FLAG_STR, &o.storage_adv_addr, "host of artifact URLs as others reach it" },
        { "metrics-addr", 0, HC_FLAG_STR, &o.metrics_addr, "address of /metrics, 0: off" },
        { "health-addr", 0, HC_FLAG_STR, &o.health_addr, "address of /healthz and /readyz, 0: off" },
        { "events-addr", 0, HC_FLAG_STR, &o.events_addr, "address events are posted to (notification-controller)" },
        { "requeue-dependency", 0, HC_FLAG_DURATION, &o.requeue_dependency_ms,
          "look again at unmet dependencies at the latest after this" },
        { "min-retry-delay", 0, HC_FLAG_DURATION, &o.min_retry_delay_ms, "first pause after a failure" },
        { "max-retry-delay", 0, HC_FLAG_DURATION, &o.max_retry_delay_ms, "longest pause after failures" },
        { "interval-jitter-percentage", 0, HC_FLAG_INT, &o.interval_jitter_percentage, "spread of intervals" },
        { "graceful-shutdown-timeout", 0, HC_FLAG_DURATION, &o.graceful_shutdown_ms,
          "taken, not needed: nothing is cut" },
        { "http-timeout", 0, HC_FLAG_DURATION, &o.http_timeout_ms, "of a fetch whose object names no timeout" },
        { "default-service-account", 0, HC_FLAG_STR, &o.default_service_account,
          "ServiceAccount that releases and Kustomizations without one are made as" },
        { "no-cross-namespace-refs", 0, HC_FLAG_BOOL, &o.no_cross_namespace_refs,
          "refuse references to other namespaces" },
        { "no-remote-bases", 0, HC_FLAG_BOOL, &o.no_remote_bases, "always so: remote bases are never fetched" },
        { "enable-leader-election", 0, HC_FLAG_BOOL, &o.enable_leader_election,
          "of several replicas only one works" },
        { "leader-election-lease-duration", 0, HC_FLAG_DURATION, &o.lease_duration_ms, "how long a lease holds" },
        { "leader-election-renew-deadline", 0, HC_FLAG_DURATION, &o.renew_deadline_ms,
          "give up when not renewed for this long" },
        { "leader-election-retry-period", 0, HC_FLAG_DURATION, &o.retry_period_ms, "pause between tries" },
        { "artifact-retention-ttl", 0, HC_FLAG_DURATION, &o.artifact_retention_ttl_ms,
          "replaced artifacts stay this long" },
        { "artifact-retention-records", 0, HC_FLAG_INT, &o.artifact_retention_records,
          "artifacts of one source that stay, the newest included" },
        { "allow-core-files", 0, HC_FLAG_BOOL, &o.allow_core_files,
          "let a crash write memory, credentials included, to disk" },
        { "health-rules", 0, HC_FLAG_LIST, &rules, HC_RULES_HELP, .type = "PATH" },
        { "preflight", 0, HC_FLAG_STR, &preflight,
          "what is tried before an action: off; doubt: what may be refused (default); full: all of it" },
        { "feature-gates", 0, HC_FLAG_STR, &gates, "comma list of Name=true|false" },
        { "log-level", 0, HC_FLAG_STR, &level, "error, info, debug or trace" },
        { "log-encoding", 0, HC_FLAG_STR, &encoding, "json or console" },
        { "artifact-digest-algo", 0, HC_FLAG_STR, &artifact_algo, NULL },
        { "snapshot-digest-algo", 0, HC_FLAG_STR, &snapshot_algo, NULL },
        { "insecure-kubeconfig-exec", 0, HC_FLAG_BOOL, &kubeconfig_exec, NULL },
        { "insecure-kubeconfig-tls", 0, HC_FLAG_BOOL, &kubeconfig_tls, NULL },
        { "override-manager", 0, HC_FLAG_LIST, &managers, NULL },
        { "ssh-kex-algos", 0, HC_FLAG_STR, &kex, NULL },
        { "ssh-hostkey-algos", 0, HC_FLAG_STR, &hostkey, NULL },
        TAKEN("http-retry", HC_FLAG_INT),
        TAKEN("kube-api-qps", HC_FLAG_FLOAT),
        TAKEN("kube-api-burst", HC_FLAG_INT),
        TAKEN("leader-election-release-on-cancel", HC_FLAG_BOOL),
        TAKEN("default-kubeconfig-service-account", HC_FLAG_STR), /* of configMapRef, which is refused */
        TAKEN("default-decryption-service-account", HC_FLAG_STR), /* of decryption, which is refused */
        TAKEN("sops-age-secret", HC_FLAG_STR),
        TAKEN("concurrent-ssa", HC_FLAG_INT),
        TAKEN("token-cache-max-size", HC_FLAG_INT),
        TAKEN("token-cache-max-duration", HC_FLAG_DURATION),
        TAKEN("oom-watch-interval", HC_FLAG_DURATION),
        TAKEN("oom-watch-memory-threshold", HC_FLAG_INT),
        TAKEN("oom-watch-max-memory-path", HC_FLAG_STR),
        TAKEN("oom-watch-current-memory-path", HC_FLAG_STR),
        TAKEN("helm-cache-max-size", HC_FLAG_INT),
        TAKEN("helm-cache-ttl", HC_FLAG_STR),
        TAKEN("helm-cache-purge-interval", HC_FLAG_STR),
        TAKEN("helm-index-max-size", HC_FLAG_INT),
        TAKEN("helm-chart-max-size", HC_FLAG_INT),
        TAKEN("helm-chart-file-max-size", HC_FLAG_INT),
    };
    struct hc_cli cli = {
        .use = "controller [flags]",
        .about = "Serves HelmRelease, Kustomization and source objects, as Flux's controllers do, until it "
                 "is told to stop (SIGTERM, Ctrl-C).\n\n"
                 "Inside a cluster it uses the pod's service account; outside it uses the kubeconfig:\n"
                 "  helmctl controller --kubeconfig ~/.kube/config --storage-path /var/lib/helmctl",
        .flags = flags,
        .flags_n = HC_LEN(flags)
    };
    int rc = hc_cli_parse(a, &cli, argc, argv);
    if (rc >= 0)
        return rc;
    for (size_t i = 0; i < HC_LEN(flags); i++)
        if (flags[i].kind == HC_FLAG_DURATION && flags[i].to && *(const int64_t *)flags[i].to < 0)
            return hc_cli_error("--%s is less than no time", flags[i].name);
    enum hc_log_level l;
    if (!parse_level(level, &l))
        return hc_cli_error("--log-level: '%s' is none of error, info, debug, trace", level);
    if (strcmp(encoding, "json") != 0 && strcmp(encoding, "console") != 0)
        return hc_cli_error("--log-encoding: '%s' is neither json nor console", encoding);
    if (preflight && !hc_preflight_named(hc_str_of(preflight), &o.preflight))
        return hc_cli_error("--preflight: '%s' is none of off, doubt, full", preflight);
    if (strcmp(artifact_algo, "sha256") != 0 || strcmp(snapshot_algo, "sha256") != 0)
        return hc_cli_error("--%s-digest-algo: only sha256 is known",
                            strcmp(artifact_algo, "sha256") ? "artifact" : "snapshot");
    hc_log_setup(l, strcmp(encoding, "json") == 0);
    if (kubeconfig_exec || kubeconfig_tls)
        without_effect(kubeconfig_exec ? "insecure-kubeconfig-exec" : "insecure-kubeconfig-tls",
                       "the kubeconfig of a Secret runs no programs, and certificates are always checked");
    if (managers.n)
        without_effect("override-manager", "any difference is drift, whoever made it");
    if (kex || hostkey)
        without_effect(kex ? "ssh-kex-algos" : "ssh-hostkey-algos", "libssh and its configuration choose");
    struct hc_err err = HC_ERR_INIT;
    if (hc_controller_gates(&o, hc_str_of(gates), &err) != HC_OK ||
        hc_cli_rules(a, &rules, &rule_list, &o.rules_n, &err) != HC_OK)
        return hc_cli_fail(&err);
    o.rules = rule_list;
    o.kube = (struct hc_kube_options){ .kubeconfig = cli.globals.kubeconfig,
                                       .context = cli.globals.kube_context,
                                       .server = cli.globals.kube_apiserver,
                                       .token = cli.globals.kube_token,
                                       .ca_file = cli.globals.kube_ca_file,
                                       .as_user = hc_str_of(cli.globals.kube_as_user),
                                       .insecure_skip_verify = cli.globals.kube_insecure_skip_tls_verify };
    struct sigaction sa = { .sa_handler = on_signal };
    sigaction(SIGTERM, &sa, NULL);
    sigaction(SIGINT, &sa, NULL);
    signal(SIGPIPE, SIG_IGN);
    return hc_controller_run(&o, &err) == HC_OK ? 0 : hc_cli_fail(&err);
}
