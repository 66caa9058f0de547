/*
 * From flags to a wish, through the engine, with progress. The chart is rendered when the engine asks for a revision.
 */
#include "helmctl/cli/release.h"
#include "helmctl/cli/deps.h"
#include "helmctl/cli/schemas.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/digest.h"
#include "core/base/fs.h"
#include "core/base/limits.h"
#include "core/value/json.h"
#include "core/value/merge.h"
#include "deploy/compose/compose.h"
#include "templating/overlay/overlay.h"
#include "templating/render/render.h"

#include <fcntl.h>

/* ---- opening ----------------------------------------------------------------------------------------------- */

static enum hc_rc preload(struct hc_cli_release *r, struct hc_err *err)
{
    const char *files = getenv("HELM_MEMORY_DRIVER_DATA");
    hc_str rest = hc_str_of(files), file, body;
    enum hc_rc rc = HC_OK;
    while (rc == HC_OK && files && hc_str_split(&rest, ':', &file)) {
        rc = hc_read_file(r->a, AT_FDCWD, hc_arena_strz(r->a, file), HC_MAX_BUF, &body, err);
        if (rc == HC_OK)
            rc = hc_storage_preload(r->storage, body, err);
    }
    return rc;
}

enum hc_rc hc_cli_release_open(struct hc_cli_release *r, struct hc_arena *a, const struct hc_globals *g,
                               struct hc_err *err)
{
    const char *driver = getenv("HELM_DRIVER");
    r->a = a;
    r->globals = g;
    enum hc_rc rc = hc_cli_connect(g, &r->cluster, err);
    if (rc != HC_OK)
        return rc;
    r->ns = r->cluster.ns;
    if (!driver || !*driver || strcmp(driver, "secret") == 0 || strcmp(driver, "secrets") == 0)
        r->storage = hc_storage_secrets(r->cluster.kube, r->ns);
    else if (strcmp(driver, "configmap") == 0 || strcmp(driver, "configmaps") == 0)
        r->storage = hc_storage_configmaps(r->cluster.kube, r->ns);
    else if (strcmp(driver, "memory") == 0)
        r->storage = hc_storage_memory();
    else
        return hc_fail(err, HC_E_INPUT, "unknown driver \"%s\" in HELM_DRIVER: use secret, configmap or memory",
                       driver);
    if (!r->storage)
        return hc_fail_nomem(err);
    return driver && strcmp(driver, "memory") == 0 ? preload(r, err) : HC_OK;
}

void hc_cli_release_close(struct hc_cli_release *r)
{
    hc_whence_free(r->whence);
    hc_storage_free(r->storage);
    hc_chart_unref(r->chart);
    if (r->cluster.kube)
        hc_cli_disconnect(&r->cluster);
    *r = (struct hc_cli_release){ 0 };
}

enum hc_rc hc_cli_check_name(hc_str name, struct hc_err *err)
{
    bool good = name.n > 0 && name.n <= HC_MAX_RELEASE_NAME, alnum_before = false;
    for (size_t i = 0; good && i < name.n; i++) {
        char c = name.p[i];
        bool alnum = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        bool dash_inside = c == '-' && i > 0 && i + 1 < name.n && name.p[i - 1] != '.' && name.p[i + 1] != '.';
        bool dot_inside = c == '.' && alnum_before && i + 1 < name.n;
        good = alnum || dash_inside || dot_inside;
        alnum_before = alnum;
    }
    if (name.n == 0)
        return hc_fail(err, HC_E_INPUT, "release name check failed: release name \"\": no name provided");
    return good ? HC_OK
                : hc_fail(
                      err, HC_E_INPUT,
                      "release name check failed: release name \"%.*s\": invalid release name, must match regex "
                      "^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$ and the length must not "
                      "be longer than %d",
                      HC_P(name), HC_MAX_RELEASE_NAME);
}

/* ---- flags ------------------------------------------------------------------------------------------------- */

void hc_action_flags_init(struct hc_action_flags *f)
{
    const char *max = getenv("HELM_MAX_HISTORY");
    *f = (struct hc_action_flags){ .timeout_ms = 300000,
                                   .history_max = 10,
                                   .wait = "hookOnly",
                                   .server_side = "auto",
                                   .dry_run = "none",
                                   .output = "table",
                                   .cascade = "background" };
    if (max)
        (void)hc_str_to_i64(hc_str_of(max), &f->history_max);
}

static bool one_of(const char *s, const char *words)
{
    hc_str rest = hc_str_of(words), word;
    while (hc_str_split(&rest, ' ', &word))
        if (hc_str_eqz(word, s))
            return true;
    return false;
}

enum hc_rc hc_cli_check_output(const char *output, struct hc_err *err)
{
    return one_of(output, "table json yaml") ? HC_OK
                                             : hc_fail(err, HC_E_INPUT,
                                                       "invalid argument \"%s\" for \"-o, --output\" flag: invalid "
                                                       "format type",
                                                       output);
}

/* HC_E_INPUT with Helm's words for values a flag may not have. */
static enum hc_rc check_flags(struct hc_arena *a, const struct hc_action_flags *f, struct hc_val **out_labels,
                              struct hc_err *err)
{
    if (!one_of(f->wait, "watcher legacy hookOnly true false"))
        return hc_fail(err, HC_E_INPUT,
                       "invalid argument \"%s\" for \"--wait\" flag: invalid wait input \"%s\". Valid inputs are "
                       "watcher, hookOnly, and legacy",
                       f->wait, f->wait);
    if (!one_of(f->server_side, "true false auto"))
        return hc_fail(err, HC_E_INPUT, "invalid/unknown release server-side apply method: %s", f->server_side);
    if (!one_of(f->dry_run, "none client server unset true false"))
        return hc_fail(err, HC_E_INPUT,
                       "invalid dry-run value (\"%s\"). Must be \"none\", \"server\", or \"client\"", f->dry_run);
    if (!one_of(f->cascade, "background foreground orphan"))
        return hc_fail(err, HC_E_INPUT,
                       "invalid cascade value (%s). Must be \"background\", \"foreground\", or \"orphan\"",
                       f->cascade);
    if (f->force_replace && f->force_conflicts)
        return hc_fail(
            err, HC_E_INPUT,
            "if any flags in the group [force-replace force-conflicts] are set none of the others can be; "
            "[force-conflicts force-replace] were all set");
    struct hc_val *labels = f->labels.n > 0 ? hc_map_new(a) : NULL;
    for (size_t i = 0; i < f->labels.n; i++) {
        hc_str pair = hc_str_of(f->labels.items[i]);
        size_t eq = hc_str_find(pair, '=');
        hc_map_put(a, labels, hc_str_sub(pair, 0, eq), hc_str_val(a, hc_str_sub(pair, eq + 1, pair.n)));
    }
    *out_labels = labels;
    return hc_cli_check_output(f->output, err);
}

enum hc_rc hc_cli_release_begin(struct hc_cli_release *r, struct hc_arena *a, const struct hc_globals *g,
                                const struct hc_action_flags *f, struct hc_err *err)
{
    enum hc_rc rc = check_flags(a, f, &r->labels, err);
    r->bare = rc != HC_OK;
    if (rc == HC_OK && f->hide_secret && one_of(f->dry_run, "none false"))
        rc = hc_fail(err, HC_E_INPUT, "hiding Kubernetes secrets requires a dry-run mode");
    if (rc == HC_OK)
        rc = hc_cli_fault_format(f->error_format, &r->errors, err);
    if (rc == HC_OK)
        rc = hc_progress_init(&r->progress, f->progress, g->debug, err);
    if (rc == HC_OK)
        rc = hc_cli_rules(a, &f->health_rules, &r->rules, &r->rules_n, err);
    if (rc == HC_OK && r->offline) { /* a kubeconfig tells the namespace, if there is one */
        struct hc_err none = HC_ERR_INIT;
        r->a = a;
        r->globals = g;
        r->ns = g->ns && g->ns[0]                                ? hc_str_of(g->ns)
                : hc_cli_connect(g, &r->cluster, &none) == HC_OK ? r->cluster.ns
                                                                 : HC_S("default");
        return HC_OK;
    }
    return rc == HC_OK ? hc_cli_release_open(r, a, g, err) : rc;
}

bool hc_cli_dry_client(const struct hc_action_flags *f)
{
    return one_of(f->dry_run, "client unset true");
}

enum hc_rc hc_cli_release_begin_print(struct hc_cli_release *r, struct hc_arena *a, const struct hc_globals *g,
                                      const char *output, struct hc_err *err)
{
    enum hc_rc rc = hc_cli_check_output(output, err);
    return rc == HC_OK ? hc_cli_release_open(r, a, g, err) : rc;
}

void hc_cli_release_spec(struct hc_cli_release *r, const struct hc_action_flags *f, struct hc_reconcile_spec *out)
{
    /* Helm's waiters take no time for half a minute (the legacy one for no end), and less than none for over at once. */
    int64_t no_time = strcmp(f->wait, "legacy") == 0 ? INT64_C(100) * 365 * 86400 * 1000 : 30000;
    struct hc_action_policy p = { .timeout_ms = f->timeout_ms == 0 ? no_time : HC_MAX(f->timeout_ms, 1),
                                  .disable_hooks = f->no_hooks,
                                  .wait = HC_WAIT_NONE,
                                  .wait_for_jobs = f->wait_for_jobs,
                                  .cleanup_on_fail = f->cleanup_on_fail,
                                  .force_replace = f->force_replace,
                                  .force_conflicts = f->force_conflicts,
                                  .take_ownership = f->take_ownership,
                                  .skip_validation = f->no_validation,
                                  .replace = f->replace,
                                  .server_side = strcmp(f->server_side, "auto") == 0    ? HC_SSA_AUTO
                                                 : strcmp(f->server_side, "false") == 0 ? HC_SSA_OFF
                                                                                        : HC_SSA_ON,
                                  .crds = f->skip_crds ? HC_CRDS_SKIP : HC_CRDS_CREATE,
                                  .remediate_last = f->on_failure };
    if (one_of(f->wait, "watcher true") || (f->on_failure && one_of(f->wait, "hookOnly false")))
        p.wait = HC_WAIT_WATCHER;
    else if (strcmp(f->wait, "legacy") == 0)
        p.wait = HC_WAIT_LEGACY;
    *out = (struct hc_reconcile_spec){ .kube = r->cluster.kube,
                                       .storage = r->storage,
                                       .manager = "helm",
                                       .name = r->name,
                                       .ns = r->ns,
                                       .one_shot = true,
                                       .dry_run = !one_of(f->dry_run, "none false"),
                                       .create_namespace = f->create_namespace,
                                       .max_history = f->history_max,
                                       .rules = r->rules,
                                       .rules_n = r->rules_n,
                                       .description = hc_str_of(f->description),
                                       .install = p,
                                       .upgrade = p,
                                       .rollback = p,
                                       .uninstall = p,
                                       .test = p };
    out->upgrade.crds = HC_CRDS_SKIP; /* Helm never touches CRDs on upgrade */
    out->propagation = strcmp(f->cascade, "foreground") == 0 ? "Foreground"
                       : strcmp(f->cascade, "orphan") == 0   ? "Orphan"
                                                             : NULL;
    r->description = f->description;
    r->sub_notes = f->sub_notes;
    r->skip_schema = f->skip_schema;
    r->strict_values = f->strict_values;
    r->enable_dns = f->enable_dns;
    r->hide_secret = f->hide_secret;
    r->no_lookup = hc_cli_dry_client(f);
    r->replay = &f->replay;
}

/* What is known of a failure beyond its text, while it is still there. */
static void keep(struct hc_cli_release *r, const struct hc_cli_fault *f)
{
    if (r->errors != HC_FAULT_HELM)
        r->told = hc_cli_fault_keep(r->a, f);
}

int hc_cli_release_fail(struct hc_cli_release *r, const char *what, const struct hc_err *err)
{
    if (!r->told)
        return what && !r->bare ? hc_cli_error("%s FAILED: %s", what, err->msg) : hc_cli_fail(err);
    r->told->format = r->errors;
    r->told->what = what;
    if (what)
        r->told->text = hc_arena_printf(r->a, "%s FAILED: %.*s", what, HC_P(r->told->text));
    return hc_cli_fault(r->a, r->told);
}

enum hc_rc hc_cli_release_load(struct hc_cli_release *r, const struct hc_chart_source *source,
                               const struct hc_values_flags *values, struct hc_err *err)
{
    r->origins = hc_origins_new(r->a);
    r->flags = values;
    const struct hc_cli_deps deps = { .dir = source->ref, .source = source, .log = stdout };
    enum hc_rc rc = hc_cli_values(r->a, values, r->origins, NULL, &r->values, err);
    if (rc == HC_OK && source->update_deps && hc_cli_deps_missing(source))
        rc = hc_cli_deps(&deps, err);
    if (rc == HC_OK)
        rc = hc_cli_load_chart(source, &r->chart, err);
    if (rc != HC_OK) {
        keep(r,
             &(struct hc_cli_fault){ .err = err, .text = hc_str_of(err->msg), .source = source, .values = values });
        return rc;
    }
    const struct hc_chart *c = r->chart;
    if (c->type.n > 0 && !hc_str_eqz(c->type, "application"))
        return hc_fail(err, HC_E_INPUT, "%.*s charts are not installable", HC_P(c->type));
    if (c->deprecated)
        fputs("level=WARN msg=\"this chart is deprecated\"\n", stderr);
    return c->deps_n > 0 ? hc_overlay_check_deps(c, false, err) : HC_OK;
}

/* ---- the desired state ------------------------------------------------------------------------------------- */

enum hc_rc hc_cli_release_lookup(void *ctx, struct hc_arena *a, hc_str api_version, hc_str kind, hc_str ns,
                                 hc_str name, struct hc_val **out, struct hc_err *err)
{
    struct hc_cli_release *r = ctx;
    struct hc_ref ref = { .api_version = api_version, .kind = kind, .ns = ns, .name = name };
    const struct hc_kube_list what = { .api_version = api_version, .kind = kind, .ns = ns };
    struct hc_val *items = NULL;
    *out = NULL;
    if (name.n > 0) {
        enum hc_rc rc = hc_kube_get(r->cluster.kube, a, &ref, out, err);
        return rc == HC_E_NOTFOUND ? HC_OK : rc;
    }
    enum hc_rc rc = hc_kube_list(r->cluster.kube, a, &what, &items, NULL, err);
    if (rc == HC_E_NOTFOUND)
        return HC_OK;
    if (rc != HC_OK)
        return rc;
    struct hc_val *list = hc_map_new(a);
    hc_map_put_str(a, list, "apiVersion", api_version);
    hc_map_put(a, list, HC_S("kind"), hc_printf_val(a, "%.*sList", HC_P(kind)));
    hc_map_put(a, list, HC_S("items"), items);
    *out = list;
    return HC_OK;
}

/* Helm's rules for the values of an upgrade (--reset-values, --reuse-values, --reset-then-reuse-values). */
static const struct hc_val *values_of(struct hc_cli_release *r, struct hc_arena *a,
                                      const struct hc_record *previous, const struct hc_val **out_defaults)
{
    const struct hc_val *given = r->values;
    if (!previous || r->reset_values)
        return given;
    if (r->reuse_values)
        *out_defaults = hc_compose_computed(a, previous);
    if (r->reuse_values || r->reset_then_reuse_values)
        return hc_compose_reused(a, previous, given);
    return hc_map_len(given) == 0 && hc_map_len(previous->config) > 0 ? previous->config : given;
}

/* The manifest as --hide-secret shows it. By the heads that were read, not by the text, which may spell a kind in many
 * ways. Source: Helm pkg/action/action.go, renderResources. */
static hc_str without_secrets(struct hc_arena *a, const struct hc_documents *d)
{
    struct hc_documents shown = *d;
    shown.manifests = HC_NEW_N(a, struct hc_document, d->manifests_n + 1);
    for (size_t i = 0; shown.manifests && i < d->manifests_n; i++) {
        shown.manifests[i] = d->manifests[i];
        if (hc_str_eqz(d->manifests[i].kind, "Secret") && hc_str_eqz(d->manifests[i].api_version, "v1"))
            shown.manifests[i].text = HC_S("# HIDDEN: The Secret output has been suppressed");
    }
    return shown.manifests ? hc_documents_manifest(a, &shown) : HC_S("");
}

static enum hc_rc render(void *ctx, struct hc_arena *a, int64_t revision, bool is_upgrade,
                         const struct hc_record *previous, struct hc_desired *out, struct hc_err *err)
{
    struct hc_cli_release *r = ctx;
    struct hc_capabilities capabilities = { 0 };
    const struct hc_door door = { .ctx = r,
                                  .lookup = r->no_lookup ? NULL : hc_cli_release_lookup,
                                  .resolve = r->enable_dns ? hc_cli_resolve : NULL };
    static const struct hc_replay_flags no_replay;
    struct hc_cli_replay replay;
    const struct hc_val *defaults = NULL, *values = values_of(r, a, previous, &defaults);
    struct hc_chart chart = *r->chart;
    struct hc_render_output rendered = { 0 };
    enum hc_rc rc = hc_cli_replay_open(&replay, a, r->replay ? r->replay : &no_replay, &door, true, err);
    if (rc == HC_OK && !replay.strict && !r->offline)
        rc = hc_compose_capabilities(r->cluster.kube, a, &capabilities, err);
    if (rc != HC_OK)
        return rc;
    if (defaults)
        chart.values = hc_val_clone(a, defaults); /* the record it comes from is gone soon */
    struct hc_render_input in = { .chart = defaults ? &chart : r->chart,
                                  .values = values,
                                  .release_name = r->name,
                                  .release_namespace = r->ns,
                                  .revision = (int)revision,
                                  .is_upgrade = is_upgrade,
                                  .capabilities = r->offline ? NULL : &capabilities,
                                  .door = &door,
                                  .post = r->post.port.run ? &r->post.port : NULL,
                                  .schemas = hc_cli_schemas(),
                                  .skip_schema = r->skip_schema,
                                  .sub_notes = r->sub_notes,
                                  .record = true };
    HC_AUTO(hc_strict) struct hc_strict strict;
    struct hc_fault fault = { 0 };
    if (r->errors != HC_FAULT_HELM)
        in.fault = &fault;
    rc = hc_strict_open(&strict, r->origins, r->strict_values, err);
    hc_strict_begin(&strict, &in);
    if (rc == HC_OK)
        rc = hc_cli_replay_begin(&replay, &in, err);
    if (rc == HC_OK && (rc = hc_render(a, &in, &rendered, err)) != HC_OK)
        keep(r, &(struct hc_cli_fault){ .err = err,
                                        .text = rendered.error.n ? rendered.error : hc_str_of(err->msg),
                                        .fault = &fault,
                                        .chart = r->chart,
                                        .rendered = rendered.stage == HC_RENDER_DOCUMENTS ? &rendered.docs : NULL,
                                        .values = values == r->values ? r->flags : NULL,
                                        .of_values = rendered.stage == HC_RENDER_VALUES });
    for (size_t i = 0; i < rendered.warnings_n; i++)
        fprintf(stderr, "%.*s\n", HC_P(rendered.warnings[i]));
    if (rc == HC_OK)
        rc = hc_strict_check(&strict, a, &rendered, err);
    if (rc == HC_OK)
        rc = hc_cli_replay_end(&replay, a, err);
    if (rc != HC_OK)
        return rc;
    out->chart = hc_compose_chart(a, in.chart, &rendered);
    out->config = hc_val_clone(a, values);
    out->manifest = hc_documents_manifest(a, &rendered.docs);
    if (r->hide_secret)
        r->shown_manifest = without_secrets(r->a, &rendered.docs);
    out->notes = rendered.docs.notes;
    out->hooks = hc_compose_hooks(a, &rendered.docs, &out->hooks_n);
    out->labels = r->labels;
    out->description = hc_str_of(r->description);
    return hc_arena_check(a, err, "render");
}

static enum hc_rc crds_of(const struct hc_chart *chart, struct hc_arena *a, struct hc_crd_file *out, size_t max,
                          size_t *n)
{
    for (size_t i = 0; i < chart->crds_n && *n < max; i++)
        out[(*n)++] = (struct hc_crd_file){ chart->crds[i].name, chart->crds[i].body };
    for (size_t i = 0; i < chart->subs_n; i++)
        crds_of(chart->subs[i], a, out, max, n);
    return HC_OK;
}

/* Of a plan: what was rendered when it was made. */
static enum hc_rc render_stored(const struct hc_cli_release *r, struct hc_arena *a, int64_t revision,
                                struct hc_desired *out, struct hc_err *err)
{
    const struct hc_record *s = r->stored;
    if (revision != s->revision)
        return hc_fail(err, HC_E_INPUT,
                       "the plan is of revision %" PRId64 ", the next one is %" PRId64 ": plan again", s->revision,
                       revision);
    *out = (struct hc_desired){ .chart = hc_val_clone(a, s->chart),
                                .config = hc_val_clone(a, s->config),
                                .manifest = hc_arena_str(a, s->manifest),
                                .notes = hc_arena_str(a, s->notes),
                                .hooks = HC_NEW_N(a, struct hc_record_hook, s->hooks_n + 1),
                                .labels = hc_val_clone(a, s->labels) };
    for (size_t i = 0; out->hooks && i < s->hooks_n; i++)
        out->hooks[i] = s->hooks[i];
    out->hooks_n = s->hooks_n;
    return hc_arena_check(a, err, "plan");
}

static enum hc_rc crds(void *ctx, struct hc_arena *a, struct hc_crd_file **out, size_t *out_n, struct hc_err *err)
{
    struct hc_cli_release *r = ctx;
    const size_t max = 1024;
    if (r->stored) {
        *out = r->stored_crds;
        *out_n = r->stored_crds_n;
        return HC_OK;
    }
    *out = HC_NEW_N(a, struct hc_crd_file, max);
    *out_n = 0;
    if (!*out)
        return hc_arena_check(a, err, "crds");
    return crds_of(r->chart, a, *out, max, out_n);
}

/* Something was refused: which line of which template wrote it. */
static bool whence(void *ctx, struct hc_arena *a, const struct hc_whence *what, struct hc_written *out)
{
    struct hc_cli_release *r = ctx;
    struct hc_whence_at at = { .at = { NULL, 0 } };
    if (!hc_whence_is_of(r->whence, what->record)) {
        struct hc_whence_input in = {
            .kube = r->cluster.kube,
            .chart = r->chart,
            .values = r->values,
            .origins = r->origins,
            .door = { .ctx = r, .lookup = hc_cli_release_lookup, .resolve = r->enable_dns ? hc_cli_resolve : NULL }
        };
        if (r->chart && r->reuse_values) { /* its defaults were those of the revision before */
            struct hc_chart *chart = HC_NEW(r->a, struct hc_chart);
            if (!chart)
                return false;
            *chart = *r->chart;
            chart->values = hc_val_clone(r->a, hc_map_getz(what->record->chart, "values"));
            in.chart = chart;
        }
        hc_whence_free(r->whence);
        r->whence = hc_whence_open(&in, what->record);
    }
    if (!hc_whence_ask(r->whence, a, what->source, what->ref, what->field, what->is, &at))
        return false;
    *out = (struct hc_written){ at.at, at.from };
    return true;
}

/* A pending revision we find is the same wish when chart and values are: then it is gone on with. */
static bool same(void *ctx, const struct hc_record *head)
{
    (void)ctx;
    (void)head;
    return false;
}

enum hc_rc hc_cli_release_newest(struct hc_cli_release *r, struct hc_brief *out, struct hc_err *err)
{
    struct hc_brief *all = NULL;
    size_t n = 0;
    enum hc_rc rc = hc_storage_briefs(r->storage, r->a, r->name, &all, &n, err);
    if (rc != HC_OK)
        return rc;
    r->newest = n > 0 ? all[n - 1] : (struct hc_brief){ .revision = 0 };
    r->newest_known = true;
    *out = r->newest;
    return n > 0 ? HC_OK : hc_fail(err, HC_E_NOTFOUND, "release: not found");
}

static bool newest(void *ctx, int64_t *out_revision, char out_resource_version[32])
{
    struct hc_cli_release *r = ctx;
    bool known = r->newest_known;
    r->newest_known = false;
    if (known) {
        *out_revision = r->newest.revision;
        snprintf(out_resource_version, 32, "%.*s", HC_P(r->newest.resource_version));
    }
    return known;
}

/* ---- running ----------------------------------------------------------------------------------------------- */

static struct hc_cancel cancelled;
static bool listening;

static void on_signal(int sig)
{
    (void)sig;
    hc_cancel(&cancelled);
}

/* What was left behind goes to stdout, logs of hooks to stderr as they are, as Helm prints them. */
static void tell_all(void *ctx, const struct hc_tell *t)
{
    struct hc_cli_release *r = ctx;
    if (t->what == HC_TOLD_HOOK_LOG)
        fprintf(stderr, "%s%.*s%s", t->ok ? "" : "error outputting logs of a hook: ", HC_P(t->message),
                t->ok ? "" : "\n");
    if (t->what == HC_TOLD_TEST_LOG && t->ok)
        r->test_logs = hc_arena_printf(r->a, "%.*sPOD LOGS: %.*s (%.*s)\n%.*s\n", HC_P(r->test_logs),
                                       HC_P(t->ref.name), HC_P(t->container), HC_P(t->message));
    else if (t->what == HC_TOLD_TEST_LOG)
        r->test_log_errors = hc_arena_printf(r->a, "%.*s%s%.*s", HC_P(r->test_log_errors),
                                             r->test_log_errors.n ? "\n" : "", HC_P(t->message));
    if (t->what == HC_TOLD_UNINSTALLED && t->message.n > 0 && !t->remediation)
        printf("%.*s\n", HC_P(t->message));
    r->progress.release = r->name;
    r->progress.ns = r->ns;
    hc_progress_tell(&r->progress, t);
}

static void digest(struct hc_cli_release *r, struct hc_reconcile_spec *s)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    if (r->chart) {
        char hex[HC_SHA256_HEX + 1];
        hc_json_write(&b, r->values, HC_JSON_SORT);
        hc_buf_put(&b, r->chart->digest);
        hc_buf_printf(&b, "%.*s-%.*s", HC_P(r->chart->name), HC_P(r->chart->version));
        hc_sha256_of(hc_buf_str(&b), hex);
        s->digest = hc_arena_printf(r->a, "cli:%s", hex);
    }
}

static void copy_record(struct hc_arena *a, const struct hc_record *from, struct hc_record *out)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    *out = (struct hc_record){ 0 };
    if (hc_record_json(from, &b, NULL) == HC_OK)
        (void)hc_record_of_json(a, hc_buf_to_arena(&b, a), out, NULL);
    out->labels = hc_val_clone(a, from->labels);
}

static enum hc_rc desired(void *ctx, struct hc_arena *a, int64_t revision, bool is_upgrade,
                          const struct hc_record *previous, struct hc_desired *out, struct hc_err *err)
{
    struct hc_cli_release *r = ctx;
    return r->stored ? render_stored(r, a, revision, out, err)
                     : render(ctx, a, revision, is_upgrade, previous, out, err);
}

enum hc_rc hc_cli_release_preview(struct hc_cli_release *r, const struct hc_reconcile_spec *spec, unsigned flags,
                                  struct hc_reconcile **out_engine, struct hc_preview *out, struct hc_err *err)
{
    struct hc_reconcile_spec s = *spec;
    s.port = (struct hc_reconcile_port){
        .ctx = r, .render = desired, .crds = crds, .same = same, .whence = whence
    };
    enum hc_rc rc = hc_reconcile_new(&s, NULL, out_engine, err);
    return rc == HC_OK ? hc_reconcile_preview(*out_engine, flags, out, err) : rc;
}

enum hc_rc hc_cli_release_dry(struct hc_cli_release *r, const struct hc_action_flags *f, struct hc_record *out,
                              struct hc_err *err)
{
    struct hc_desired want = { 0 };
    hc_str now = hc_record_time(r->a, hc_now_ns());
    r->offline = r->no_lookup = true;
    enum hc_rc rc = render(r, r->a, 1, false, NULL, &want, err);
    if (rc == HC_OK)
        *out = (struct hc_record){ .name = r->name,
                                   .ns = r->ns,
                                   .revision = 1,
                                   .status = HC_STATUS_PENDING_INSTALL,
                                   .first_deployed = now,
                                   .last_deployed = now,
                                   .description = HC_S("Dry run complete"),
                                   .notes = want.notes,
                                   .manifest = want.manifest,
                                   .hooks = want.hooks,
                                   .hooks_n = want.hooks_n,
                                   .chart = want.chart,
                                   .config = want.config,
                                   .labels = want.labels,
                                   .apply_method = strcmp(f->server_side, "false") == 0 ? HC_S("csa")
                                                                                        : HC_S("ssa") };
    return rc;
}

enum hc_rc hc_cli_release_run(struct hc_cli_release *r, const struct hc_reconcile_spec *spec,
                              struct hc_record *out_record, struct hc_err *err)
{
    struct hc_reconcile_spec s = *spec;
    struct hc_reconcile *engine = NULL;
    struct hc_step step;
    struct sigaction sa = { .sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND };
    s.port = (struct hc_reconcile_port){
        .ctx = r, .render = desired, .crds = crds, .same = same, .whence = whence, .tell = tell_all, .head = newest
    };
    digest(r, &s);
    enum hc_rc rc = hc_reconcile_new(&s, NULL, &engine, err);
    if (rc != HC_OK)
        return rc;
    if (!listening) /* uninstall does several */
        hc_cancel_init(&cancelled);
    listening = true;
    sigaction(SIGINT, &sa, NULL);
    sigaction(SIGTERM, &sa, NULL);
    hc_reconcile_drive(engine, &cancelled, &step);
    hc_progress_done(&r->progress);
    if (out_record && hc_reconcile_head(engine))
        copy_record(r->a, hc_reconcile_head(engine), out_record);
    hc_reconcile_free(engine);
    if (cancelled.asked && step.verdict != HC_DONE) {
        printf("Release %.*s has been cancelled.\n", HC_P(r->name));
        return hc_fail(err, HC_E_AGAIN,
                       "interrupted; revision %" PRId64 " stays as it is, and the same command goes on with it",
                       step.revision);
    }
    if (step.verdict == HC_DONE)
        return HC_OK;
    return hc_fail(err, step.rc != HC_OK ? step.rc : HC_E_INPUT, "%s", step.why);
}
