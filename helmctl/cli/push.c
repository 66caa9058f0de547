/*
 * helmctl push: a packed chart into a registry, as `helm push` puts it there (pkg/pusher/ocipusher.go).
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

#include "charts-fetch/source/local.h"
#include "charts-fetch/source/oci.h"
#include "core/base/fs.h"
#include "core/base/limits.h"
#include "helmctl/cli/chartref.h"
#include "helmctl/cli/cli.h"
#include "helmctl/cli/helmhome.h"
#include "helmctl/cli/logins.h"

static const char about[] =
    "Puts a packed chart into a registry, with its provenance file when there is one.\n"
    "\n"
    "  helmctl push web-1.2.3.tgz oci://ghcr.io/me/charts\n"
    "\n"
    "The chart's name and version are added. What is there then is what `helm push` (Helm 4.3) "
    "puts there, byte for\nbyte.";

struct push {
    struct hc_arena *a;
    const char *chart, *remote;
    const char *username, *password, *ca_file, *cert_file, *key_file;
    bool insecure, plain_http;
    const struct hc_globals *globals;
    struct hc_err err;
};

/* The time of the file in RFC 3339, of the zone we are in, as Go formats it. */
static hc_str created(struct hc_arena *a, time_t at)
{
    struct tm tm;
    char text[32] = "";
    if (!localtime_r(&at, &tm))
        return (hc_str){ NULL, 0 };
    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
    long east = tm.tm_gmtoff / 60, minutes = east < 0 ? -east : east;
    if (!east)
        return hc_arena_printf(a, "%sZ", text);
    return hc_arena_printf(a, "%s%c%02ld:%02ld", text, east < 0 ? '-' : '+', minutes / 60, minutes % 60);
}

static enum hc_rc read_chart(struct push *p, struct hc_chart **out_chart, struct hc_oci_chart *out)
{
    struct stat st;
    if (stat(p->chart, &st) < 0)
        return hc_fail(&p->err, HC_E_NOTFOUND, "%s: no such file", p->chart);
    if (S_ISDIR(st.st_mode))
        return hc_fail(&p->err, HC_E_INPUT, "cannot push directory, must provide chart archive (.tgz)");
    enum hc_rc rc = hc_read_file(p->a, AT_FDCWD, p->chart, HC_MAX_CHART_PACKED, &out->archive, &p->err);
    if (rc == HC_OK)
        rc = hc_chart_load_archive(out->archive, &hc_chart_archives_once, out_chart, &p->err);
    if (rc != HC_OK)
        return rc;
    const char *prov = hc_arena_printf(p->a, "%s.prov", p->chart).p;
    out->metadata = (*out_chart)->metadata;
    out->created = created(p->a, st.st_mtime);
    if (prov && stat(prov, &st) == 0)
        rc = hc_read_file(p->a, AT_FDCWD, prov, HC_MIB, &out->provenance, &p->err);
    return rc == HC_OK ? hc_arena_check(p->a, &p->err, "chart") : rc;
}

static enum hc_rc send(struct push *p, const struct hc_oci_chart *chart, struct hc_oci_pushed *out)
{
    struct hc_cli_net net;
    struct hc_source_auth auth = { .username = hc_str_of(p->username),
                                   .password = hc_str_of(p->password),
                                   .plain_http = p->plain_http,
                                   .insecure_skip_verify = p->insecure };
    enum hc_rc rc = hc_helm_read_pem(p->a, "--ca-file", p->ca_file, &auth.ca_pem, &p->err);
    if (rc == HC_OK)
        rc = hc_helm_read_pem(p->a, "--cert-file", p->cert_file, &auth.cert_pem, &p->err);
    if (rc == HC_OK)
        rc = hc_helm_read_pem(p->a, "--key-file", p->key_file, &auth.key_pem, &p->err);
    if (rc == HC_OK)
        rc = hc_logins_use(p->a, p->globals, &auth, &p->err);
    if (rc == HC_OK)
        rc = hc_cli_net_open(p->a, NULL, &net, &p->err);
    if (rc != HC_OK)
        return rc;
    net.env.timeout_ms = HC_MAX(net.env.timeout_ms, 10 * 60 * 1000); /* a slow line and a large chart */
    rc = hc_oci_push_chart(&net.env, p->a, p->remote, &auth, chart, out, &p->err);
    hc_cli_net_close(&net);
    return rc;
}

int hc_cmd_push(int argc, char **argv)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct push p = { .a = a, .err = HC_ERR_INIT };
    const struct hc_flag flags[] = {
        { "ca-file", 0, HC_FLAG_STR, &p.ca_file, "certificate authority of the registry", NULL, "file" },
        { "cert-file", 0, HC_FLAG_STR, &p.cert_file, "client certificate", NULL, "file" },
        { "key-file", 0, HC_FLAG_STR, &p.key_file, "key of the client certificate", NULL, "file" },
        { "insecure-skip-tls-verify", 0, HC_FLAG_BOOL, &p.insecure, "do not check the registry's certificate" },
        { "plain-http", 0, HC_FLAG_BOOL, &p.plain_http, "speak HTTP without TLS" },
        { "username", 0, HC_FLAG_STR, &p.username, "user name for the registry" },
        { "password", 0, HC_FLAG_STR, &p.password, "password for the registry" },
    };
    struct hc_cli cli = { .use = "push FILE REMOTE [flags]",
                          .about = about,
                          .flags = flags,
                          .flags_n = HC_LEN(flags),
                          .min_args = 2,
                          .max_args = -1 };
    int code = hc_cli_parse(a, &cli, argc, argv);
    if (code >= 0)
        return code;
    p.chart = cli.args[0];
    p.remote = cli.args[1];
    p.globals = &cli.globals;
    hc_str remote = hc_str_of(p.remote);
    size_t scheme = hc_str_find_str(remote, HC_S("://"));
    if (scheme == SIZE_MAX || scheme == 0)
        return hc_cli_error("scheme prefix missing from remote (e.g. \"oci://\")");
    if (!hc_str_starts(remote, HC_S("oci://")))
        return hc_cli_error("scheme \"%.*s\" not supported", HC_P(hc_str_sub(remote, 0, scheme)));
    /* as Helm joins it: "oci://HOST//PATH" is what scripts make of a part that is empty */
    remote = hc_str_sub(remote, sizeof("oci://") - 1, remote.n);
    hc_str host = hc_str_sub(remote, 0, hc_str_find(remote, '/'));
    hc_str path = hc_path_clean(a, hc_arena_printf(a, "/%.*s", HC_P(hc_str_sub(remote, host.n, remote.n))));
    p.remote = hc_arena_printf(a, "oci://%.*s%.*s", HC_P(host), HC_P(path)).p;
    if (!p.remote)
        return hc_cli_error("out of memory");
    HC_AUTO(hc_chart) struct hc_chart *chart = NULL;
    struct hc_oci_chart what = { 0 };
    struct hc_oci_pushed pushed;
    if (read_chart(&p, &chart, &what) != HC_OK || send(&p, &what, &pushed) != HC_OK)
        return hc_cli_fail(&p.err);
    printf("Pushed: %.*s\nDigest: %.*s\n", HC_P(pushed.reference), HC_P(pushed.digest));
    size_t colon = hc_str_rfind(pushed.reference, ':');
    if (hc_str_find(hc_str_sub(pushed.reference, colon + 1, pushed.reference.n), '_') != SIZE_MAX)
        hc_cli_tell_underscore(stdout, pushed.reference);
    return 0;
}
