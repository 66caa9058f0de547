#pragma once
/*
 * tests/unit/deploy/reconcile/engine.h - a sandbox (a process of its own) and releases in it, for tests of the engine
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/buf.h"
#include "core/base/clock.h"
#include "core/value/yaml.h"
#include "deploy/reconcile/reconcile.h"
#include "helmctl/sandbox/sandbox.h"
#include "tests/unit/unit.h"

static char dir[] = "/tmp/test-engine.XXXXXX", kubeconfig[64];
static pid_t server;
static struct hc_http *http;
static struct hc_kube *kube;

static inline int up(void **state)
{
    (void)state;
    struct hc_err err = HC_ERR_INIT;
    if (!mkdtemp(dir))
        return 1;
    snprintf(kubeconfig, sizeof(kubeconfig), "%s/kubeconfig", dir);
    server = fork();
    if (server == 0) {
        struct hc_sandbox *s = NULL;
        const struct hc_sandbox_options o = { .kubeconfig = kubeconfig, .ready_after_ms = 10 };
        if (hc_sandbox_new(&o, &s, &err) != HC_OK || hc_sandbox_run(s, &err) != HC_OK)
            fprintf(stderr, "sandbox: %s\n", err.msg);
        _exit(1);
    }
    for (int i = 0; i < 2000 && access(kubeconfig, R_OK) != 0; i++)
        usleep(5000);
    const struct hc_kube_options o = { .kubeconfig = kubeconfig };
    http = hc_http_new(&err);
    return !http || hc_kube_new(http, &o, &kube, &err) != HC_OK;
}

static inline int down(void **state)
{
    (void)state;
    hc_kube_free(kube);
    hc_http_free(http);
    kill(server, SIGKILL);
    waitpid(server, NULL, 0);
    unlink(kubeconfig);
    return rmdir(dir);
}

/* ---- a release --------------------------------------------------------------------------------------------- */

struct wish {
    const char *image, *value, *hook, *hook_behavior; /* hook: event of a Job, NULL: none */
    const char *hook_spec;                            /* one field more of the Job */
    const char *hook_policy;                          /* when it is deleted; NULL: as Helm has it */
    const char *env;                                  /* of the container, flow YAML */
    const char *more;                                 /* another document */
    const char *notes;
    struct hc_storage *meanwhile; /* revision 2 is marked as deployed here while revision 3 is under way */
    int renders;
    hc_str told; /* message of the last HC_TOLD_DRIFTED, _CORRECTED, _TAKEN_OVER, _SUPERSEDED, _FAILED */
    int told_n[32];
    char text[1024], log[256];
    char order[512]; /* names of objects as they were sent (deleted: -name), "| " where a wave's end was recorded */
    const char *waves_ns; /* not NULL: what an object of waves_docs depends on is there and ready when it is sent */
    bool disordered;
    void (*sent)(struct wish *w, const struct hc_tell *t); /* may be NULL */
};

static inline enum hc_rc render(void *ctx, struct hc_arena *a, int64_t revision, bool is_upgrade,
                                const struct hc_record *previous, struct hc_desired *out, struct hc_err *err)
{
    struct wish *w = ctx;
    (void)revision;
    (void)is_upgrade;
    (void)previous;
    w->renders++;
    if (!w->image)
        return hc_fail(err, HC_E_INPUT, "template: c/templates/d.yaml:3:4: no image");
    out->manifest = hc_arena_printf(
        a,
        "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: cm}\ndata: {v: '%s', w: keep}\n---\n"
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  selector: {matchLabels: "
        "{app: web}}\n  template:\n    metadata: {labels: {app: web}}\n    spec: {containers: [{name: "
        "app, image: '%s', env: [%s]}]}\n%s",
        w->value ? w->value : "1", w->image, w->env ? w->env : "", w->more ? w->more : "");
    out->notes = w->notes ? hc_str_of(w->notes) : (hc_str){ NULL, 0 };
    out->chart = hc_map_new(a);
    hc_map_put_strz(a, hc_map_sub(a, out->chart, "metadata"), "name", "c");
    if (w->hook) {
        out->hooks = HC_NEW(a, struct hc_record_hook);
        struct hc_val *events = hc_list_new(a);
        hc_list_add(a, events, hc_strz_val(a, w->hook));
        *out->hooks = (struct hc_record_hook){
            .name = HC_S("hook"),
            .kind = HC_S("Job"),
            .path = HC_S("c/templates/hook.yaml"),
            .events = events,
            .log_policies = hc_list_new(a),
            .manifest = hc_arena_printf(
                a,
                "apiVersion: batch/v1\nkind: Job\nmetadata: {name: hook}\nspec:\n  backoffLimit: "
                "0\n  %s\n  template:\n    metadata: {annotations: {sandbox.helmctl.dev/behavior: "
                "%s, sandbox.helmctl.dev/log: \"zero\\none\\ntwo\\nboom: no table\\n\"}}\n    spec: "
                "{restartPolicy: Never, containers: [{name: c, image: 'x:1'}]}\n",
                w->hook_spec ? w->hook_spec : "", w->hook_behavior)
        };
        hc_list_add(a, out->hooks->log_policies, hc_strz_val(a, "hook-failed"));
        if (w->hook_policy) {
            out->hooks->delete_policies = hc_list_new(a);
            hc_list_add(a, out->hooks->delete_policies, hc_strz_val(a, w->hook_policy));
        }
        out->hooks_n = 1;
    }
    return hc_arena_check(a, err, "wish");
}

static inline void tell(void *ctx, const struct hc_tell *t)
{
    struct wish *w = ctx;
    w->told_n[t->what]++;
    if (w->sent && t->what == HC_TOLD_OBJECT)
        w->sent(w, t);
    if (t->what == HC_TOLD_RECORDED && t->record->revision == 3 && w->meanwhile) {
        HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
        struct hc_record rec;
        assert_int_equal(hc_storage_get(w->meanwhile, a, HC_S("web"), 2, &rec, NULL), HC_OK);
        assert_int_equal(rec.status, HC_STATUS_FAILED); /* unlocked */
        rec.status = HC_STATUS_DEPLOYED;
        assert_int_equal(hc_storage_update(w->meanwhile, a, &rec, NULL), HC_OK);
    }
    if (t->what == HC_TOLD_HOOK && !t->ok)
        snprintf(w->log, sizeof(w->log), "%.*s", HC_P(t->log));
    if (t->what == HC_TOLD_DRIFTED || t->what == HC_TOLD_TAKEN_OVER || t->what == HC_TOLD_SUPERSEDED ||
        t->what == HC_TOLD_FAILED || t->what == HC_TOLD_FIGHT)
        snprintf(w->text, sizeof(w->text), "%.*s", HC_P(t->message));
}

static int64_t minutes_on;

static inline int64_t later(void *ctx)
{
    (void)ctx;
    return hc_now_ms() + minutes_on * 60000;
}

struct release {
    struct wish wish;
    struct hc_reconcile_spec spec;
    char ns[32];
};

static inline void release_init(struct release *r, const char *ns)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct hc_val *object = hc_map_new(a);
    const struct hc_action_policy p = { .timeout_ms = 10000, .wait = HC_WAIT_WATCHER };
    *r = (struct release){ .wish = { .image = "x:1" } };
    snprintf(r->ns, sizeof(r->ns), "%s", ns);
    hc_map_put_strz(a, object, "apiVersion", "v1");
    hc_map_put_strz(a, object, "kind", "Namespace");
    hc_map_put_strz(a, hc_map_sub(a, object, "metadata"), "name", ns);
    assert_int_equal(hc_kube_create(kube, a, object, "test", 0, NULL, NULL), HC_OK);
    r->spec = (struct hc_reconcile_spec){ .kube = kube,
                                          .storage = hc_storage_secrets(kube, hc_str_of(r->ns)),
                                          .name = HC_S("web"),
                                          .ns = hc_str_of(r->ns),
                                          .manager = "helm-controller",
                                          .digest = HC_S("one"),
                                          .install = p,
                                          .upgrade = p,
                                          .rollback = p,
                                          .uninstall = p,
                                          .test = p };
}

static inline struct hc_step run(struct release *r, struct hc_reconcile_memo *memo)
{
    struct hc_reconcile *engine = NULL;
    struct hc_step step;
    r->spec.port.ctx = &r->wish;
    r->spec.port.render = render;
    r->spec.port.tell = tell;
    memset(r->wish.told_n, 0, sizeof(r->wish.told_n));
    r->wish.text[0] = '\0';
    assert_int_equal(hc_reconcile_new(&r->spec, memo, &engine, NULL), HC_OK);
    hc_reconcile_drive(engine, NULL, &step);
    if (memo)
        *memo = hc_reconcile_memo(engine);
    hc_reconcile_free(engine);
    return step;
}

/* One step after another until it ends or waits; `awaited` is not handed out. */
static inline void step_until_it_waits(struct release *r, struct hc_reconcile_memo *memo, struct hc_step *out)
{
    struct hc_reconcile *engine = NULL;
    r->spec.port.ctx = &r->wish;
    r->spec.port.render = render;
    r->spec.port.tell = tell;
    assert_int_equal(hc_reconcile_new(&r->spec, memo, &engine, NULL), HC_OK);
    do
        hc_reconcile_step(engine, out);
    while (out->verdict == HC_GO_ON);
    *memo = hc_reconcile_memo(engine);
    if (out->verdict == HC_WAIT) {
        assert_int_equal(out->awaited_n, 1);
        assert_true(hc_str_eqz(out->awaited->kind, "Job") || (out->awaited_rv && out->awaited_rv[0] > 0));
    }
    out->awaited = NULL;
    hc_reconcile_free(engine);
}

static inline void done(const struct hc_step *s, int64_t revision)
{
    if (s->verdict != HC_DONE)
        fail_msg("%s: %s", hc_verdict_name(s->verdict), s->why);
    assert_int_equal(s->revision, revision);
}

static inline struct hc_record last(struct release *r, struct hc_arena *a)
{
    struct hc_record rec = { 0 };
    assert_int_equal(hc_storage_last(r->spec.storage, a, HC_S("web"), 0, &rec, NULL), HC_OK);
    return rec;
}

static inline struct hc_val *raw(struct hc_arena *a, const char *method, const char *path, const char *type,
                                 const char *body)
{
    struct hc_val *out = NULL;
    struct hc_err err = HC_ERR_INIT;
    if (hc_kube_raw(kube, a, method, path, type, hc_str_of(body), &out, &err) != HC_OK)
        fail_msg("%s %s: %s", method, path, err.msg);
    return out;
}
static inline int64_t stat_of(const char *name)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    return hc_get_int_at(raw(a, "GET", "/sandbox/stats", NULL, NULL), name, -1);
}

static inline int64_t stat_by(const char *verb_and_kind)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    const struct hc_val *by = hc_map_getz(raw(a, "GET", "/sandbox/stats", NULL, NULL), "byVerb");
    int64_t n = 0;
    return hc_get_i64(hc_map_getz(by, verb_and_kind), &n) ? n : 0;
}

static inline void configmap(struct release *r, struct hc_arena *a, const char *patch)
{
    hc_str path = hc_arena_printf(a, "/api/v1/namespaces/%s/configmaps/cm", r->ns);
    raw(a, "PATCH", path.p, "application/merge-patch+json", patch);
}
static inline hc_str value(struct release *r, struct hc_arena *a)
{
    struct hc_val *o = NULL;
    struct hc_ref ref = { HC_S("v1"), HC_S("ConfigMap"), hc_str_of(r->ns), HC_S("cm") };
    assert_int_equal(hc_kube_get(kube, a, &ref, &o, NULL), HC_OK);
    return hc_get_str_at(o, "data.v");
}

static inline struct hc_val *deployment(struct release *r, struct hc_arena *a)
{
    struct hc_val *o = NULL;
    struct hc_ref ref = { HC_S("apps/v1"), HC_S("Deployment"), hc_str_of(r->ns), HC_S("web") };
    assert_int_equal(hc_kube_get(kube, a, &ref, &o, NULL), HC_OK);
    return o;
}

/* Names of the containers and variables. */
static inline void shaped(struct release *r, const char *want)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    HC_AUTO(hc_buf) struct hc_buf b;
    const struct hc_val *list = hc_get(deployment(r, a), "spec.template.spec.containers");
    hc_buf_init(&b, 0);
    for (size_t i = 0; i < hc_list_len(list); i++)
        hc_buf_printf(&b, "%.*s ", HC_P(hc_get_str_at(hc_list_at(list, i), "name")));
    for (size_t i = 0; i < hc_list_len(list); i++) {
        const struct hc_val *env = hc_map_getz(hc_list_at(list, i), "env");
        for (size_t j = 0; j < hc_list_len(env); j++)
            hc_buf_printf(&b, "%.*s=%.*s ", HC_P(hc_get_str_at(hc_list_at(env, j), "name")),
                          HC_P(hc_get_str_at(hc_list_at(env, j), "value")));
    }
    hc_buf_putc(&b, '\0');
    assert_string_equal(b.p, want);
}

/* How often the manager stands in managedFields with this operation. */
static inline int managed(struct release *r, const char *operation)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    const struct hc_val *list = hc_get(deployment(r, a), "metadata.managedFields");
    int n = 0;
    for (size_t i = 0; i < hc_list_len(list); i++)
        n += hc_str_eqz(hc_get_str_at(hc_list_at(list, i), "manager"), "helm-controller") &&
             hc_str_eqz(hc_get_str_at(hc_list_at(list, i), "operation"), operation);
    return n;
}

static inline void method(struct release *r, const char *want)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct hc_record rec = last(r, a);
    assert_true(hc_str_eqz(rec.apply_method, want));
}
