#pragma once
/*
 * helmctl/cli/deps.h - dependencies of a chart's folder for the verbs: dependency, package, template, install, upgrade
 *
 * What lies on this machine is packed by either half of the program; for repositories and registries a verb hands over.
 */
#include <stdio.h>

#include "helmctl/cli/chartref.h"

struct hc_cli_deps {
    const char *dir;
    bool build;        /* by the lock */
    bool skip_refresh; /* use the cached indexes */
    /* Signatures of what is fetched: nobody asks, they are checked where there are any, there must be some. */
    enum { HC_DEPS_TRUST = 0, HC_DEPS_IF_SIGNED, HC_DEPS_SIGNED } verify;
    const struct hc_chart_source *source; /* credentials, --plain-http, the globals, --keyring */
    FILE *log;
};

/* Rows for a flag table: what repositories and registries are asked with. */
#define HC_DEPS_SOURCE_FLAGS(s)                                                                                         \
    {                                                                                                                   \
        "username", 0, HC_FLAG_STR, &(s).username, "user name for registries of dependencies", .of = "build update"     \
    },                                                                                                                  \
        { "password", 0, HC_FLAG_STR, &(s).password, "password for registries of dependencies", .of = "build update" }, \
        { "ca-file", 0,      HC_FLAG_STR,         &(s).ca_file, "certificate authority of the registries",              \
          NULL,      "file", .of = "build update" },                                                                    \
        { "cert-file", 0,      HC_FLAG_STR,         &(s).cert_file, "client certificate for the registries",            \
          NULL,        "file", .of = "build update" },                                                                  \
        { "key-file", 0,      HC_FLAG_STR,         &(s).key_file, "key of the client certificate",                      \
          NULL,       "file", .of = "build update" },                                                                   \
        { "insecure-skip-tls-verify", 0, HC_FLAG_BOOL, &(s).insecure, "do not check the registry's certificate",        \
          .of = "build update" },                                                                                       \
    {                                                                                                                   \
        "plain-http", 0, HC_FLAG_BOOL, &(s).plain_http, "speak HTTP without TLS to registries",                         \
            .of = "build update"                                                                                        \
    }

/* True when this half must hand the command over: something is not on this machine, or indexes are to be refreshed. */
bool hc_cli_deps_hand_over(const struct hc_cli_deps *d);
enum hc_rc hc_cli_deps(const struct hc_cli_deps *d, struct hc_err *err);
/* The same when the chart's folder lacks one of its dependencies (--dependency-update of a verb that renders). */
bool hc_cli_deps_missing(const struct hc_chart_source *source);

/* The port of the half that has the network (cluster.c): hc_cli_deps_net_open makes it. */
struct hc_deps_port;
enum hc_rc hc_cli_deps_net(const struct hc_cli_deps *d, struct hc_arena *a, struct hc_deps_port *out,
                           struct hc_err *err);
