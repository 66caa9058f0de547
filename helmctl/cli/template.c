/*
 * helmctl template: renders a chart and prints what Helm prints, byte for byte.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "charts-fetch/chart/ignore.h"
#include "core/base/buf.h"
#include "core/base/fs.h"
#include "core/base/limits.h"
#include "helmctl/cli/chartref.h"
#include "helmctl/cli/cli.h"
#include "helmctl/cli/deps.h"
#include "helmctl/cli/faults.h"
#include "helmctl/cli/postrender.h"
#include "helmctl/cli/replay.h"
#include "helmctl/cli/schemas.h"
#include "helmctl/cli/strict.h"
#include "helmctl/cli/template_server.h"
#include "templating/overlay/overlay.h"
#include "templating/render/render.h"

struct options {
    struct hc_chart_source source;
    struct hc_values_flags values;
    struct hc_strings show_only, api_versions, labels;
    const char *wait;
    bool given_validate, given_force, given_force_replace, given_force_conflicts;
    const char *kube_version, *output_dir, *name_template, *dry_run, *helm_version, *error_format;
    struct hc_post_flags post;
    hc_str posted; /* what a post-renderer made of CRDs and manifests, Helm 3's way; absent: none was there */
    enum hc_fault_format errors;
    struct hc_replay_flags replay;
    bool enable_dns;
    bool include_crds, no_hooks, skip_tests, is_upgrade, use_release_name, skip_schema, dependency_update,
        generate_name, validate, helm3, strict_values;
    bool take_ownership, by_server; /* --dry-run=server, --validate: what follows is the cluster's */
    struct hc_cli_server *server;
    struct hc_capabilities capabilities;
    struct hc_door door;
    hc_str ns;
};

static const char about[] =
    "Renders a chart on this machine and prints the manifests. No cluster is asked: lookup finds nothing and\n"
    "Capabilities are those of Kubernetes v1.37 unless --kube-version and --api-versions say otherwise. With\n"
    "--dry-run=server both are the cluster's, which is asked whether it would take the objects.\n"
    "\n"
    "  helmctl template ./chart                              the release is called release-name\n"
    "  helmctl template web ./chart-1.2.3.tgz -n shop -f production.yaml --set image.tag=1.4\n"
    "  helmctl template web oci://registry.example/charts/web --version 1.2.3\n"
    "  helmctl template web ./chart -s templates/deployment.yaml\n"
    "  helmctl template web ./chart --record web.json        --replay web.json gives the same bytes again\n"
    "\n"
    "Output and exit code are those of `helm template` (Helm 4.3): 0, or 1 and \"Error: ...\" on stderr.";

/* ---- names ------------------------------------------------------------------------------------------- */

enum hc_rc hc_cli_name_of(struct hc_arena *a, const char *text, const struct hc_door *door, hc_str *out,
                          struct hc_err *err)
{
    const struct hc_template_file file = { HC_S("name-template"), HC_S(""), hc_str_of(text), false };
    struct hc_program *p = NULL;
    struct hc_val *nothing = hc_map_new(a), *contexts[] = { nothing };
    hc_str texts[1] = { { NULL, 0 } };
    const struct hc_run run = { .contexts = contexts, .door = door };
    enum hc_rc rc = hc_program_compile(&file, 1, false, &p, NULL, err);
    if (rc == HC_OK)
        rc = hc_program_run(p, a, &run, texts, err);
    hc_program_unref(p);
    *out = texts[0];
    hc_str at = HC_S("parse error at (name-template:1): "), said = hc_str_of(err->msg);
    if (rc != HC_OK &&
        hc_str_starts(said, at)) { /* of a chart's file Helm says where, of this one Go alone speaks */
        char *why = hc_arena_strz(a, hc_str_sub(said, at.n, said.n));
        return why ? hc_fail(err, HC_E_INPUT, "template: name-template:1: %s", why) : hc_fail_nomem(err);
    }
    return rc;
}

static bool name_part(hc_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        bool alnum = (s.p[i] >= 'a' && s.p[i] <= 'z') || (s.p[i] >= '0' && s.p[i] <= '9');
        if (!alnum && !(s.p[i] == '-' && i > 0 && i + 1 < s.n))
            return false;
    }
    return s.n > 0;
}

static enum hc_rc check_name(hc_str name, struct hc_err *err)
{
    hc_str rest = name, part;
    bool good = name.n <= HC_MAX_RELEASE_NAME;
    while (good && hc_str_split(&rest, '.', &part))
        good = name_part(part);
    if (name.n == 0)
        return hc_fail(err, HC_E_INPUT, "release name check failed: release name \"\": no name provided");
    if (!good)
        return hc_fail(
            err, HC_E_INPUT,
            "release name check failed: release name \"%.*s\": invalid release name, must match regex "
            "^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$ and the length must not be "
            "longer than 53",
            HC_P(name));
    return HC_OK;
}

/* Helm's NameAndChart for template, where a name is always there. */
static enum hc_rc name_and_chart(struct hc_arena *a, const struct hc_cli *cli, const struct options *o,
                                 const struct hc_cli_replay *replay, hc_str *name, const char **chart,
                                 struct hc_err *err)
{
    if (cli->args_n == 2) {
        *name = hc_str_of(cli->args[0]);
        *chart = cli->args[1];
        if (o->generate_name)
            return hc_fail(err, HC_E_INPUT, "cannot set --generate-name and also specify a name");
        if (o->name_template)
            return hc_fail(err, HC_E_INPUT, "cannot set --name-template and also specify a name");
        return HC_OK;
    }
    if (cli->args_n > 2) {
        HC_AUTO(hc_buf) struct hc_buf more;
        hc_buf_init(&more, 0);
        for (size_t i = 2; i < cli->args_n; i++)
            hc_buf_printf(&more, "%s%s", i > 2 ? ", " : "", cli->args[i]);
        return hc_fail(err, HC_E_INPUT, "expected at most two arguments, unexpected arguments: %.*s",
                       HC_P(hc_buf_str(&more)));
    }
    *chart = cli->args[0];
    *name = replay->known ? hc_recording_release(replay->known) : HC_S("release-name");
    const struct hc_door *door = replay->recorder ? hc_recorder_door(replay->recorder) : NULL;
    return o->name_template ? hc_cli_name_of(a, o->name_template, door, name, err) : HC_OK;
}

/* ---- printing ---------------------------------------------------------------------------------------- */

static void put_document(struct hc_buf *b, const struct hc_document *d)
{
    hc_buf_put(b, HC_S("---\n# Source: "));
    hc_buf_put(b, d->path);
    hc_buf_putc(b, '\n');
    hc_buf_put(b, d->text);
    hc_buf_putc(b, '\n');
}

static bool is_test(const struct hc_document *hook)
{
    return hook->events & HC_HOOK_TEST;
}

static size_t document_parts(hc_str *to, const struct hc_document *d)
{
    to[0] = HC_S("---\n# Source: ");
    to[1] = d->path;
    to[2] = HC_S("\n");
    to[3] = d->text;
    to[4] = HC_S("\n");
    return 5;
}

static enum hc_rc write_parts(const hc_str *parts, size_t n, struct hc_err *err)
{
    struct iovec v[256];
    for (size_t i = 0; i < n;) {
        int count = 0;
        size_t want = 0;
        for (; i < n && count < (int)HC_LEN(v); i++, count++) {
            v[count] = (struct iovec){ (void *)(uintptr_t)parts[i].p, parts[i].n };
            want += parts[i].n;
        }
        struct iovec *at = v;
        while (want) {
            ssize_t put = writev(STDOUT_FILENO, at, count);
            if (put < 0 && errno == EINTR)
                continue;
            if (put < 0)
                return hc_fail_errno(err, "write", "output");
            want -= (size_t)put;
            for (size_t done = (size_t)put; done; at++, count--) {
                if (done < at->iov_len) {
                    at->iov_base = (char *)at->iov_base + done;
                    at->iov_len -= done;
                    break;
                }
                done -= at->iov_len;
            }
        }
    }
    return HC_OK;
}

/* E4.3: the block of CRDs and manifests is trimmed as a whole. */
static void trim_end(struct hc_buf *b)
{
    b->n = hc_str_trim_right(hc_buf_str(b)).n;
}

static void put_all(struct hc_buf *b, const struct hc_documents *d, const struct options *o)
{
    if (o->posted.p) {
        hc_buf_put(b, hc_str_trim(o->posted));
    } else if (!o->output_dir) {
        for (size_t i = 0; o->include_crds && i < d->crds_n; i++)
            put_document(b, &d->crds[i]);
        for (size_t i = 0; i < d->manifests_n; i++)
            put_document(b, &d->manifests[i]);
    }
    trim_end(b);
    hc_buf_putc(b, '\n');
    for (size_t i = 0; !o->no_hooks && !o->output_dir && i < d->hooks_n; i++)
        if (!(o->skip_tests && is_test(&d->hooks[i])))
            put_document(b, &d->hooks[i]);
}

/* What stands behind "# Source: CHART/" in a document; absent: nothing. */
static hc_str source_of(hc_str doc)
{
    for (size_t at; (at = hc_str_find_str(doc, HC_S("# Source: "))) != SIZE_MAX;) {
        doc = hc_str_sub(doc, at + 10, doc.n);
        size_t slash = hc_str_find(doc, '/');
        if (slash == SIZE_MAX)
            break;
        hc_str rest = hc_str_sub(doc, slash + 1, doc.n);
        size_t end = hc_str_find(rest, '\n');
        rest.n = HC_MIN(end, rest.n);
        if (slash > 0 && rest.n > 0)
            return rest;
    }
    return (hc_str){ NULL, 0 };
}

/* E4.5: the output is split again and what matches is printed in the order of the arguments. */
static enum hc_rc show_only(struct hc_arena *a, hc_str all, bool helm3, const struct hc_strings *wanted,
                            struct hc_buf *b, struct hc_err *err)
{
    hc_str *docs = NULL;
    size_t n = hc_documents_split(a, all, helm3, &docs);
    for (size_t w = 0; w < wanted->n; w++) {
        bool found = false;
        for (size_t i = 0; i < n; i++) {
            hc_str source = source_of(docs[i]);
            if (!source.p || !hc_path_match(hc_str_of(wanted->items[w]), source, NULL))
                continue;
            found = true;
            hc_buf_put(b, HC_S("---\n"));
            hc_buf_put(b, docs[i]);
            hc_buf_putc(b, '\n');
        }
        if (!found)
            return hc_fail(err, HC_E_INPUT, "could not find template %s in chart", wanted->items[w]);
    }
    return HC_OK;
}

static enum hc_rc write_one(struct hc_arena *a, hc_str dir, const struct hc_document *d, bool append,
                            struct hc_err *err)
{
    hc_str parts[] = { dir, HC_S("/"), d->path };
    hc_str path = hc_arena_cat(a, HC_LEN(parts), parts);
    if (hc_arena_spent(a))
        return hc_arena_check(a, err, "output");
    char *folder = hc_arena_strz(a, hc_str_sub(path, 0, hc_str_rfind(path, '/')));
    enum hc_rc rc = hc_mkdirs(folder, 0755, err);
    if (rc != HC_OK)
        return rc;
    HC_AUTO(hc_fd) int fd = open(path.p, O_WRONLY | O_CLOEXEC | (append ? O_APPEND : O_CREAT | O_TRUNC), 0666);
    if (fd < 0)
        return hc_fail_errno(err, "open", path.p);
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    put_document(&b, d);
    int failed = hc_write_all(fd, hc_buf_str(&b));
    if (failed) {
        errno = failed;
        return hc_fail_errno(err, "write", path.p);
    }
    printf("wrote %s\n", path.p);
    return HC_OK;
}

static bool written_before(const struct hc_document *docs, size_t n, hc_str path)
{
    for (size_t i = 0; i < n; i++)
        if (hc_str_eq(docs[i].path, path))
            return true;
    return false;
}

/* E4.6. CRDs lie under the folder itself even with --release-name, and hooks go behind what is there: Helm's ways. */
static enum hc_rc write_files(struct hc_arena *a, const struct hc_documents *d, const struct options *o,
                              hc_str name, struct hc_err *err)
{
    hc_str top = hc_str_of(o->output_dir), dir = top;
    if (o->use_release_name) {
        hc_str parts[] = { top, HC_S("/"), name };
        dir = hc_arena_cat(a, HC_LEN(parts), parts);
    }
    enum hc_rc rc = HC_OK;
    for (size_t i = 0; o->include_crds && i < d->crds_n && rc == HC_OK; i++)
        rc = write_one(a, top, &d->crds[i], written_before(d->crds, i, d->crds[i].path), err);
    for (size_t i = 0; i < d->manifests_n && rc == HC_OK; i++)
        rc = write_one(a, dir, &d->manifests[i], written_before(d->manifests, i, d->manifests[i].path), err);
    for (size_t i = 0; !o->no_hooks && i < d->hooks_n && rc == HC_OK; i++) {
        if (o->skip_tests && is_test(&d->hooks[i]))
            continue;
        hc_str parts[] = { dir, HC_S("/"), d->hooks[i].path };
        hc_str path = hc_arena_cat(a, HC_LEN(parts), parts);
        rc = write_one(a, dir, &d->hooks[i], path.p && access(path.p, F_OK) == 0, err);
    }
    return rc;
}

/* ---- the command ------------------------------------------------------------------------------------- */

/* --dependency-update: when one is missing; what it does goes to stdout, before the manifests, as Helm prints it. */
static enum hc_rc update_dependencies(const struct options *o, struct hc_err *err)
{
    const struct hc_cli_deps deps = { .dir = o->source.ref, .source = &o->source, .log = stdout };
    return hc_cli_deps_missing(&o->source) ? hc_cli_deps(&deps, err) : HC_OK;
}

static enum hc_rc load(struct hc_arena *a, const struct options *o, struct hc_origins *origins,
                       struct hc_val **values, struct hc_chart **chart, struct hc_err *err)
{
    enum hc_rc rc = HC_OK;
    struct stat st;
    bool local = hc_cli_chart_is_local(&o->source);
    if (local && stat(o->source.ref, &st) < 0)
        return hc_fail(err, HC_E_NOTFOUND, "path \"%s\" not found", o->source.ref);
    rc = hc_cli_values(a, &o->values, origins, NULL, values, err);
    if (rc == HC_OK && o->dependency_update)
        rc = update_dependencies(o, err);
    return rc == HC_OK ? hc_cli_load_installable(&o->source, chart, err) : rc;
}

/* What put_all puts together, written without putting it together: output is the largest thing there is. */
static enum hc_rc write_all(const struct hc_documents *d, const struct options *o, struct hc_err *err)
{
    size_t most = 5 * (d->crds_n + d->manifests_n + d->hooks_n) + 8, n = 0;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    hc_str *parts = HC_NEW_N(a, hc_str, most);
    if (!parts)
        return hc_fail_nomem(err);
    if (o->posted.p)
        parts[n++] = hc_str_trim(o->posted);
    for (size_t i = 0; !o->posted.p && o->include_crds && i < d->crds_n; i++)
        n += document_parts(parts + n, &d->crds[i]);
    for (size_t i = 0; !o->posted.p && i < d->manifests_n; i++)
        n += document_parts(parts + n, &d->manifests[i]);
    for (; n; n--) {
        parts[n - 1] = hc_str_trim_right(parts[n - 1]);
        if (parts[n - 1].n)
            break;
    }
    parts[n++] = HC_S("\n");
    for (size_t i = 0; !o->no_hooks && i < d->hooks_n; i++)
        if (!(o->skip_tests && is_test(&d->hooks[i])))
            n += document_parts(parts + n, &d->hooks[i]);
    return write_parts(parts, n, err);
}

static int print(struct hc_arena *a, const struct options *o, const struct hc_documents *d, hc_str name,
                 struct hc_err *err)
{
    if (o->output_dir && write_files(a, d, o, name, err) != HC_OK)
        return hc_cli_fail(err);
    fflush(stdout);
    if (!o->show_only.n && !o->output_dir)
        return write_all(d, o, err) == HC_OK ? 0 : hc_cli_fail(err);
    HC_AUTO(hc_buf) struct hc_buf all, chosen;
    hc_buf_init(&all, 0);
    hc_buf_init(&chosen, 0);
    put_all(&all, d, o);
    struct hc_buf *out = &all;
    if (o->show_only.n) {
        if (show_only(a, hc_buf_str(&all), o->helm3, &o->show_only, &chosen, err) != HC_OK)
            return hc_cli_fail(err);
        out = &chosen;
    }
    if (hc_buf_check(out, err, "output") != HC_OK)
        return hc_cli_fail(err);
    fflush(stdout);
    return hc_write_fd(STDOUT_FILENO, hc_buf_str(out), err) == HC_OK ? 0 : hc_cli_fail(err);
}

/* Helm 3: the manifests as one text, without hooks, behind everything else. */
static enum hc_rc post_render(struct hc_arena *a, const struct hc_cli_post *post, struct options *o,
                              const struct hc_documents *d, struct hc_err *err)
{
    HC_AUTO(hc_buf) struct hc_buf all;
    hc_buf_init(&all, 0);
    for (size_t i = 0; !o->output_dir && o->include_crds && i < d->crds_n; i++)
        put_document(&all, &d->crds[i]);
    for (size_t i = 0; !o->output_dir && i < d->manifests_n; i++)
        put_document(&all, &d->manifests[i]);
    enum hc_rc rc = hc_buf_check(&all, err, "output");
    return rc == HC_OK ? post->port.run(post->port.ctx, a, hc_buf_str(&all), &o->posted, err) : rc;
}

static const struct hc_door dns_door = { .resolve = hc_cli_resolve };

static const struct hc_door *door_of(const struct options *o)
{
    return o->by_server ? &o->door : o->enable_dns ? &dns_door : NULL;
}

static int render(struct hc_arena *a, const struct hc_cli *cli, struct options *o, const struct hc_cli_post *post,
                  struct hc_cli_replay *replay, const struct hc_strict *strict, hc_str name, struct hc_chart *chart,
                  const struct hc_val *values)
{
    struct hc_err err = HC_ERR_INIT;
    hc_str *apis = HC_NEW_N(a, hc_str, o->api_versions.n + 1);
    for (size_t i = 0; apis && i < o->api_versions.n; i++)
        apis[i] = hc_str_of(o->api_versions.items[i]);
    const struct hc_capabilities capabilities = {
        .kube_version = hc_str_of(o->kube_version),
        .extra_api_versions = apis,
        .extra_api_versions_n = apis ? o->api_versions.n : 0,
    };
    const bool ask = o->by_server && !replay->strict;
    bool no_namespace = replay->known && !(cli->globals.ns && *cli->globals.ns);
    struct hc_render_input in = {
        .chart = chart,
        .values = values,
        .release_name = name,
        .release_namespace = no_namespace ? hc_recording_namespace(replay->known)
                             : ask        ? o->ns
                                          : hc_cli_namespace(a, &cli->globals),
        .revision = 1,
        .is_upgrade = o->is_upgrade,
        .capabilities = ask ? &o->capabilities : &capabilities,
        .helm3 = o->helm3,
        .skip_schema = o->skip_schema,
        .schemas = hc_cli_schemas(),
        .skip_crds = !o->include_crds,
        .door = door_of(o),
        .post = post->port.run && !o->helm3 ? &post->port : NULL,
    };
    struct hc_fault fault = { 0 };
    struct hc_render_output out;
    if (o->errors != HC_FAULT_HELM)
        in.fault = &fault;
    hc_strict_begin(strict, &in);
    if (hc_cli_replay_begin(replay, &in, &err) != HC_OK)
        return hc_cli_fail(&err);
    enum hc_rc rc = hc_render(a, &in, &out, &err);
    int elsewhere = rc == HC_OK ? -1 : hc_cli_schemas_elsewhere(&cli->globals, &o->values);
    if (elsewhere >= 0)
        return elsewhere;
    for (size_t i = 0; i < out.warnings_n; i++)
        fprintf(stderr, "%.*s\n", HC_P(out.warnings[i]));
    if (rc == HC_OK && hc_strict_check(strict, a, &out, &err) != HC_OK)
        return hc_cli_fail(&err);
    if (rc == HC_OK && hc_cli_replay_end(replay, a, &err) != HC_OK)
        return hc_cli_fail(&err);
    if (rc == HC_OK && post->port.run && o->helm3) {
        out.stage = HC_RENDER_TEMPLATES;
        rc = post_render(a, post, o, &out.docs, &err);
    }
    if (rc == HC_OK && ask &&
        hc_cli_ports.server->check(o->server, name, chart, values, &out, o->is_upgrade || o->take_ownership,
                                   &err) != HC_OK)
        return hc_cli_fail(&err); /* without what was rendered, whatever --debug says: as Helm */
    if (rc == HC_OK)
        return print(a, o, &out.docs, name, &err);
    hc_str text = out.error.n ? out.error : hc_str_of(err.msg);
    const struct hc_cli_fault told = {
        .format = o->errors,
        .err = &err,
        .text = text,
        .fault = &fault,
        .chart = chart,
        .rendered = out.stage == HC_RENDER_DOCUMENTS ? &out.docs : NULL,
        .values = &o->values,
        .of_values = out.stage == HC_RENDER_VALUES,
        .debug_hint = out.stage != HC_RENDER_VALUES && !cli->globals.debug,
    };
    if (out.stage == HC_RENDER_VALUES || !cli->globals.debug)
        return hc_cli_fault(a, &told);
    struct hc_err other = HC_ERR_INIT;
    struct options plain = *o;
    plain.output_dir = NULL;
    plain.show_only.n = 0;
    plain.include_crds = false;
    if (out.stage == HC_RENDER_DOCUMENTS)
        out.docs.hooks_n = 0;
    print(a, &plain, &out.docs, name, &other);
    return hc_cli_fault(a, &told);
}

/* -1: go on. */
static int exclusive(const char *group, const char *both)
{
    return hc_cli_error("if any flags in the group [%s] are set none of the others can be; [%s] were all set",
                        group, both);
}

static int check_dry_run(const char *way, bool helm3)
{
    if (!way || strcmp(way, "client") == 0)
        return -1;
    if (helm3 && (strcmp(way, "unset") == 0 || strcmp(way, "true") == 0 || strcmp(way, "none") == 0 ||
                  strcmp(way, "false") == 0))
        return -1;
    if (helm3)
        return hc_cli_error("Invalid dry-run flag. Flag must one of the following: false, true, none, client, "
                            "server");
    if (strcmp(way, "unset") == 0)
        fputs("level=WARN msg=\"--dry-run is deprecated and should be replaced with '--dry-run=client'\"\n",
              stderr);
    else if (strcmp(way, "true") == 0)
        fputs("level=WARN msg=\"boolean '--dry-run=true' flag is deprecated and must be replaced with "
              "'--dry-run=client'\"\n",
              stderr);
    else if (strcmp(way, "none") == 0 || strcmp(way, "false") == 0)
        return hc_cli_error("invalid dry-run value (\"%s\"). Must be \"server\" or \"client\"", way);
    else
        return hc_cli_error("invalid dry-run value (\"%s\"). Must be \"none\", \"server\", or \"client\"", way);
    return -1;
}

static int check_wait(const char *way, bool helm3)
{
    bool bare = !way || strcmp(way, "watcher") == 0; /* Helm 3 has a flag of yes or no */
    if (helm3 && !bare && strcmp(way, "true") != 0 && strcmp(way, "false") != 0)
        return hc_cli_error("invalid argument \"%s\" for \"--wait\" flag: strconv.ParseBool: parsing \"%s\": "
                            "invalid syntax",
                            way, way);
    if (helm3)
        return -1;
    if (!way || strcmp(way, "watcher") == 0 || strcmp(way, "hookOnly") == 0 || strcmp(way, "legacy") == 0)
        return -1;
    bool yes = strcmp(way, "true") == 0;
    if (!yes && strcmp(way, "false") != 0)
        return hc_cli_error(
            "invalid argument \"%s\" for \"--wait\" flag: invalid wait input \"%s\". Valid inputs are "
            "watcher, hookOnly, and legacy",
            way, way);
    fprintf(stderr,
            "level=WARN msg=\"--wait=%s is deprecated (boolean value) and can be replaced with --wait=%s\"\n", way,
            yes ? "watcher" : "hookOnly");
    return -1;
}

/* They go nowhere, but a pipeline that tries its flags with template is told what install would say. */
static int check_labels(const struct hc_strings *labels)
{
    static const char *const system[] = { "name", "owner", "status", "version", "createdAt", "modifiedAt" };
    for (size_t i = 0; i < labels->n; i++) {
        hc_str pair = hc_str_of(labels->items[i]);
        hc_str key = hc_str_sub(pair, 0, hc_str_find(pair, '='));
        for (size_t k = 0; k < HC_LEN(system); k++)
            if (hc_str_eqz(key, system[k]))
                return hc_cli_error(
                    "user supplied labels contains system reserved label name. System labels: [name "
                    "owner status version createdAt modifiedAt]");
    }
    return -1;
}

static int refuse(const struct options *o)
{
    struct hc_err err = HC_ERR_INIT;
    if (o->dry_run && o->given_validate && !o->helm3)
        return exclusive("validate dry-run", "dry-run validate");
    if (o->given_force_replace && o->given_force_conflicts)
        return exclusive("force-replace force-conflicts", "force-conflicts force-replace");
    if (o->given_force && o->given_force_conflicts)
        return exclusive("force force-conflicts", "force force-conflicts");
    int code = check_labels(&o->labels);
    if (code >= 0)
        return code;
    code = check_wait(o->wait, o->source.helm3);
    if (code >= 0)
        return code;
    if (o->kube_version && *o->kube_version && hc_kube_version_check(hc_str_of(o->kube_version), &err) != HC_OK)
        return hc_cli_fail(&err);
    return o->by_server ? -1 : check_dry_run(o->dry_run, o->source.helm3);
}

static void server_auto(struct hc_cli_server **s)
{
    if (*s)
        hc_cli_ports.server->close(*s);
}

/* Of the flags that are deprecated here none is in Helm 3. */
static bool wants_helm3(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "--helm-version=3") == 0 ||
            (strcmp(argv[i], "3") == 0 && strcmp(argv[i - 1], "--helm-version") == 0))
            return true;
    return false;
}

int hc_cmd_template(int argc, char **argv)
{
    hc_cli_flags_told_before |= wants_helm3(argc, argv);
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct options o = { .source.no_digest = true };
    const struct hc_flag flags[] = {
        HC_VALUES_FLAGS(o.values),
        { "show-only", 's', HC_FLAG_LIST, &o.show_only,
          "print only what comes from this template (may be repeated)", NULL, "path" },
        { "include-crds", 0, HC_FLAG_BOOL, &o.include_crds, "print the CRDs of crds/ too" },
        { "skip-crds", 0, HC_FLAG_BOOL, NULL, NULL },
        { "no-hooks", 0, HC_FLAG_BOOL, &o.no_hooks, "leave hooks out" },
        { "skip-tests", 0, HC_FLAG_BOOL, &o.skip_tests, "leave test hooks out" },
        { "is-upgrade", 0, HC_FLAG_BOOL, &o.is_upgrade, "set .Release.IsUpgrade instead of .Release.IsInstall" },
        { "error-format", 0, HC_FLAG_STR, &o.error_format, HC_FAULT_HELP, NULL, "person|helm|json" },
        { "helm-version", 0, HC_FLAG_STR, &o.helm_version, "render as Helm 3 or Helm 4 does (default 4)", NULL,
          "3|4" },
        { "kube-version", 0, HC_FLAG_STR, &o.kube_version, "Kubernetes version the chart sees", NULL, "version" },
        { "api-versions", 'a', HC_FLAG_CSV, &o.api_versions, "API versions the chart sees besides the usual ones" },
        { "strict-values", 0, HC_FLAG_BOOL, &o.strict_values, HC_STRICT_HELP },
        { "skip-schema-validation", 0, HC_FLAG_BOOL, &o.skip_schema, "do not check values against the schema" },
        { "output-dir", 0, HC_FLAG_STR, &o.output_dir, "write files under this folder instead of stdout", NULL,
          "folder" },
        { "release-name", 0, HC_FLAG_BOOL, &o.use_release_name,
          "put the release name into the paths of --output-dir" },
        { "name-template", 0, HC_FLAG_STR, &o.name_template, "template of the release's name", NULL, "template" },
        { "generate-name", 'g', HC_FLAG_BOOL, &o.generate_name, "make up a name (template uses release-name)" },
        { "dry-run", 0, HC_FLAG_STR, &o.dry_run,
          "client, or server: capabilities, lookup and checks of the cluster", "unset" },
        HC_REPLAY_FLAGS(o.replay),
        { "dependency-update", 0, HC_FLAG_BOOL, &o.dependency_update,
          "put dependencies that are missing in the chart's folder into charts/ first" },
        HC_POST_FLAGS(o.post),
        { "validate", 0, HC_FLAG_BOOL, &o.validate, NULL, .given = &o.given_validate,
          .deprecated = "use '--dry-run=server' instead" },
        /* Of install, and without a meaning here; taken so that scripts go on to work. */
        { "create-namespace", 0, HC_FLAG_BOOL, NULL, NULL },
        { "description", 0, HC_FLAG_STR, NULL, NULL },
        { "disable-openapi-validation", 0, HC_FLAG_BOOL, NULL, NULL },
        { "enable-dns", 0, HC_FLAG_BOOL, &o.enable_dns, "let getHostByName ask the name servers" },
        { "force", 0, HC_FLAG_BOOL, NULL, NULL, .given = &o.given_force,
          .deprecated = "use --force-replace instead" },
        { "force-conflicts", 0, HC_FLAG_BOOL, NULL, NULL, .given = &o.given_force_conflicts },
        { "force-replace", 0, HC_FLAG_BOOL, NULL, NULL, .given = &o.given_force_replace },
        { "hide-notes", 0, HC_FLAG_BOOL, NULL, NULL,
          .deprecated = "this flag has no effect for 'helm template' and will be removed in Helm 5" },
        { "labels", 'l', HC_FLAG_MAP, &o.labels, NULL },
        { "render-subchart-notes", 0, HC_FLAG_BOOL, NULL, NULL,
          .deprecated = "this flag has no effect for 'helm template' and will be removed in Helm 5" },
        { "replace", 0, HC_FLAG_BOOL, NULL, NULL },
        { "rollback-on-failure", 0, HC_FLAG_BOOL, NULL, NULL },
        { "atomic", 0, HC_FLAG_BOOL, NULL, NULL, .deprecated = "use --rollback-on-failure instead" },
        { "server-side", 0, HC_FLAG_BOOL, NULL, NULL },
        { "take-ownership", 0, HC_FLAG_BOOL, &o.take_ownership, NULL },
        { "timeout", 0, HC_FLAG_DURATION, NULL, NULL },
        { "wait", 0, HC_FLAG_STR, &o.wait, NULL, "watcher" },
        { "wait-for-jobs", 0, HC_FLAG_BOOL, NULL, NULL },
        HC_CHART_SOURCE_FLAGS(o.source),
    };
    struct hc_cli cli = {
        .use = "template [NAME] [CHART] [flags]",
        .about = about,
        .flags = flags,
        .flags_n = HC_LEN(flags),
        .min_args = 1,
        .max_args = -1,
    };
    int code = hc_cli_parse(a, &cli, argc, argv);
    if (code >= 0)
        return code;
    struct hc_err err = HC_ERR_INIT;
    if (!hc_cli_helm_version(o.helm_version, &o.helm3))
        return 1;
    if (hc_cli_fault_format(o.error_format, &o.errors, &err) != HC_OK)
        return hc_cli_fail(&err);
    o.source.helm3 = o.values.helm3 = o.helm3;
    o.by_server = o.validate || (o.dry_run && strcmp(o.dry_run, "server") == 0);
    code = refuse(&o);
    if (code >= 0)
        return code;
    if (o.output_dir && !*o.output_dir) /* as if they were not there: what a script's empty variable gives */
        o.output_dir = NULL;
    if (o.name_template && !*o.name_template)
        o.name_template = NULL;
    struct hc_cli_post post;
    if (hc_cli_post_open(a, &o.post, o.helm3, HC_MAX_POST_MS, &post, &err) != HC_OK)
        return hc_cli_fail(&err);
    /* The half that is linked statically can not ask name servers. */
    if (hc_cli_ports.hand_over && (o.enable_dns || o.by_server))
        return hc_cli_ports.hand_over(argc, argv);
    hc_str name = { NULL, 0 };
    struct hc_cli_replay replay;
    HC_AUTO(server) struct hc_cli_server *server = NULL;
    if (o.by_server &&
        hc_cli_ports.server->open(a, &cli.globals, &o.capabilities, &o.door, &o.ns, &server, &err) != HC_OK)
        return hc_cli_fail(&err);
    o.server = server;
    o.door.resolve = o.enable_dns ? hc_cli_resolve : NULL;
    if (hc_cli_replay_open(&replay, a, &o.replay, door_of(&o), o.by_server, &err) != HC_OK ||
        name_and_chart(a, &cli, &o, &replay, &name, &o.source.ref, &err) != HC_OK)
        return hc_cli_fail(&err);
    o.source.globals = &cli.globals;
    if (hc_cli_ports.hand_over && !(hc_cli_chart_is_local(&o.source) && hc_cli_values_are_local(&o.values)))
        return hc_cli_ports.hand_over(argc, argv);
    const struct hc_cli_deps deps = { .dir = o.source.ref, .source = &o.source };
    if (o.dependency_update && hc_cli_deps_missing(&o.source) && hc_cli_deps_hand_over(&deps))
        return hc_cli_ports.hand_over(argc, argv);
    struct hc_val *values = NULL;
    HC_AUTO(hc_chart) struct hc_chart *chart = NULL;
    HC_AUTO(hc_strict) struct hc_strict strict = { NULL, NULL };
    struct hc_origins *origins = o.strict_values ? hc_origins_new(a) : NULL;
    if (hc_strict_open(&strict, origins, o.strict_values, &err) != HC_OK ||
        load(a, &o, origins, &values, &chart, &err) != HC_OK || check_name(name, &err) != HC_OK) {
        const struct hc_cli_fault told = {
            .format = o.errors, .err = &err, .text = hc_str_of(err.msg), .source = &o.source, .values = &o.values
        };
        return hc_cli_fault(a, &told);
    }
    return render(a, &cli, &o, &post, &replay, &strict, name, chart, values);
}
