/*
 * helmctl package: a chart's folder to an archive, as `helm package` makes it.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "charts-fetch/source/local.h"
#include "charts-fetch/source/save.h"
#include "core/base/semver.h"
#include "helmctl/cli/chartref.h"
#include "helmctl/cli/cli.h"
#include "helmctl/cli/deps.h"
#include "helmctl/cli/faults.h"
#include "helmctl/cli/provenance.h"
#include "templating/overlay/overlay.h"

static const char about[] =
    "Packs charts into archives, NAME-VERSION.tgz.\n"
    "\n"
    "  helmctl package ./chart\n"
    "  helmctl package ./chart -d dist --version 1.2.3 --app-version 2.0\n"
    "  helmctl package ./chart -u                     puts what the chart depends on into charts/ first\n"
    "  helmctl package ./chart --sign --key 'Ann Example' --keyring secring.gpg\n"
    "  SOURCE_DATE_EPOCH=1700000000 helmctl package ./chart      the same bytes every time\n"
    "\n"
    "Output and exit code are those of `helm package` (Helm 4.3).";

struct options {
    struct hc_values_flags values;
    const char *version, *app_version, *destination, *key, *keyring, *helm_version;
    bool sign, update, helm3;
    struct hc_passphrase pass;
    struct hc_chart_source source; /* what dependencies are fetched with */
};

static enum hc_rc update_dependencies(const char *path, const struct options *o, struct hc_err *err)
{
    const struct hc_cli_deps deps = { .dir = path, .source = &o->source }; /* Helm says nothing here */
    return hc_cli_deps(&deps, err);
}

/* The archive's own Chart.yaml is what is signed, as Helm signs it. */
static enum hc_rc sign(struct hc_arena *a, const char *path, struct options *o, struct hc_err *err)
{
    HC_AUTO(hc_chart) struct hc_chart *c = NULL;
    const struct hc_chart_source source = { .ref = path, .no_digest = true, .helm3 = o->helm3 };
    const struct hc_chart_port port = hc_cli_chart_port(&source);
    if (hc_chart_load_path(path, &port, &c, err) != HC_OK)
        return hc_wrap(err, "failed to load chart for signing");
    return hc_cli_ports.sign_chart(a, path, c->metadata, o->keyring, o->key, &o->pass, err);
}

static enum hc_rc pack(struct hc_arena *a, const char *arg, struct options *o, int64_t epoch, hc_str *out,
                       struct hc_err *err)
{
    char path[PATH_MAX + 16];
    struct stat st;
    struct hc_semver version;
    HC_AUTO(hc_chart) struct hc_chart *c = NULL;
    if (stat(arg, &st) < 0 || !realpath(arg, path))
        return hc_fail(err, HC_E_NOTFOUND, "stat %s: no such file or directory", arg);
    if (!S_ISDIR(st.st_mode) && o->helm3)
        return hc_fail(err, HC_E_INPUT, "Chart.yaml file is missing");
    if (!S_ISDIR(st.st_mode))
        return hc_fail(err, HC_E_INPUT,
                       "unable to detect chart at %s/Chart.yaml: open %s/Chart.yaml: not a directory", path, path);
    enum hc_rc rc = o->update ? update_dependencies(path, o, err) : HC_OK;
    if (rc != HC_OK)
        return rc;
    const struct hc_chart_source source = { .ref = path, .no_digest = true, .helm3 = o->helm3 };
    const struct hc_chart_port port = hc_cli_chart_port(&source);
    rc = hc_chart_load_dir(path, &port, &c, err);
    if (rc != HC_OK)
        return rc;
    hc_cli_chart_notes(c);
    const struct hc_save_opts opts = {
        /* empty is not given: --version "$UNSET" */
        .version = hc_str_of(o->version && *o->version ? o->version : NULL),
        .app_version = hc_str_of(o->app_version && *o->app_version ? o->app_version : NULL),
        .epoch = epoch,
        .dir = o->helm3 ? NULL : path, /* there, all files are of now */
        .helm3 = o->helm3,
    };
    rc = hc_semver_parse(opts.version.n ? opts.version : c->version, &version, err);
    if (rc == HC_OK)
        rc = hc_overlay_missing_deps(c, err);
    if (rc != HC_OK)
        return rc;
    char here[PATH_MAX + 1];
    const char *dest = o->destination;
    if (strcmp(dest, ".") == 0 && !(dest = getcwd(here, sizeof(here))))
        return hc_fail_errno(err, "look up", "the current folder");
    rc = hc_chart_save(a, c, &opts, dest, out, err);
    if (rc != HC_OK)
        return hc_wrap(err, "failed to save");
    return o->sign ? sign(a, out->p, o, err) : HC_OK;
}

int hc_cmd_package(int argc, char **argv)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct options o = { .destination = "." };
    const struct hc_flag flags[] = {
        { "version", 0, HC_FLAG_STR, &o.version, "set the chart's version" },
        { "app-version", 0, HC_FLAG_STR, &o.app_version, "set the chart's appVersion" },
        { "destination", 'd', HC_FLAG_STR, &o.destination, "folder to write to (default \".\")", NULL, "folder" },
        { "dependency-update", 'u', HC_FLAG_BOOL, &o.update, "put what the chart depends on into charts/ first" },
        { "helm-version", 0, HC_FLAG_STR, &o.helm_version, "pack as Helm 3 or Helm 4 does (default 4)", NULL,
          "3|4" },
        { "sign", 0, HC_FLAG_BOOL, &o.sign, "sign the archive: write a provenance file beside it" },
        { "key", 0, HC_FLAG_STR, &o.key, "user id of the key to sign with, or a part of it", NULL, "name" },
        { "keyring", 0, HC_FLAG_STR, &o.keyring, "keyring with the secret key (gpg --export-secret-keys)", NULL,
          "file" },
        { "passphrase-file", 0, HC_FLAG_STR, &o.pass.file, "file with the key's passphrase, \"-\" is stdin", NULL,
          "file" },
        HC_DEPS_SOURCE_FLAGS(o.source),
    };
    struct hc_cli cli = {
        .use = "package [CHART_PATH] [...] [flags]",
        .about = about,
        .flags = flags,
        .flags_n = HC_LEN(flags),
        .max_args = -1,
    };
    int code = hc_cli_parse(a, &cli, argc, argv);
    if (code >= 0)
        return code;
    struct hc_err err = HC_ERR_INIT;
    int64_t epoch = -1;
    if (!cli.args_n)
        return hc_cli_error("need at least one argument, the path to the chart");
    if (!hc_cli_helm_version(o.helm_version, &o.helm3))
        return 1;
    if (!o.helm3 && hc_cli_epoch(&epoch, &err) != HC_OK) /* Helm 3 does not look at it */
        return hc_cli_fail(&err);
    if (o.sign && !(o.key && *o.key))
        return hc_cli_error("--key is required for signing a package");
    if (o.sign && o.keyring && !*o.keyring)
        return hc_cli_error("--keyring is required for signing a package");
    if (o.sign && hc_cli_ports.hand_over)
        return hc_cli_ports.hand_over(argc, argv);
    o.source.globals = &cli.globals;
    o.source.tell_stdout = true;
    for (size_t i = 0; i < cli.args_n && o.update; i++)
        if (hc_cli_deps_hand_over(&(struct hc_cli_deps){ .dir = cli.args[i], .source = &o.source }))
            return hc_cli_ports.hand_over(argc, argv);
    for (size_t i = 0; i < cli.args_n; i++) {
        hc_str path;
        if (pack(a, cli.args[i], &o, epoch, &path, &err) != HC_OK)
            return fflush(stdout), hc_cli_fault_loading(a, &(struct hc_chart_source){ .ref = cli.args[i] }, &err);
        printf("Successfully packaged chart and saved it to: %.*s\n", HC_P(path));
    }
    return 0;
}
