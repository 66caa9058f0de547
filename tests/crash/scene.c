/*
 * See scene.h. Children talk to the sandbox of their place and to nobody else; what one must know of the other (the clock)
 * stands in a file a namespace, so that the next process after a kill goes on with it.
 */
#include "tests/crash/scene.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/mem.h"
#include "helmctl/sandbox/sandbox.h"

static char kubeconfig[256];
static struct scene_order order; /* of the child */

/* ---- the wish ---------------------------------------------------------------------------------------------- */

static const char *const events[] = { "pre-install",  "post-install", "pre-upgrade",
                                      "post-upgrade", "pre-rollback", "post-rollback",
                                      "pre-delete",   "post-delete",  "test" };

static struct hc_val *texts(struct hc_arena *a, const char *one)
{
    struct hc_val *l = hc_list_new(a);
    hc_list_add(a, l, hc_strz_val(a, one));
    return l;
}

/* Waves around the objects above: what comes before them, what depends on them; of the first variant two waves more, which
 * leave again. */
#define WAVE(kind, name, annotation, spec)                                                                         \
    "---\n" kind "\nmetadata: {name: " name ", annotations: {release.helmctl.dev/" annotation "}}\n" spec "\n"
#define MAP    "apiVersion: v1\nkind: ConfigMap"
#define DEPLOY "apiVersion: apps/v1\nkind: Deployment"
#define PODS(n)                                                                                                    \
    "spec: {selector: {matchLabels: {a: " n "}}, template: {metadata: {labels: {a: " n                             \
    "}}, spec: {containers: [{name: c, image: 'e/" n ":1'}]}}}"
static const char first_waves[] = WAVE(DEPLOY, "db", "wave: '-1'", PODS("db"))
    WAVE(MAP, "behind-web", "depends-on: 'Deployment/web, ConfigMap/both'", "data: {v: w}");
static const char old_waves[] = WAVE(MAP, "leaves-1", "wave: '1'", "data: {v: w}")
    WAVE(DEPLOY, "leaves-2", "wave: '2'", PODS("l"));
static const char last_wave[] = WAVE(MAP, "last", "wave: '3'", "data: {v: w}");

static enum hc_rc render(void *ctx, struct hc_arena *a, int64_t revision, bool is_upgrade,
                         const struct hc_record *previous, struct hc_desired *out, struct hc_err *err)
{
    const struct scene_act *w = ctx;
    static const char *const tags[] = { "1", "2", "broken" };
    (void)revision;
    (void)is_upgrade;
    (void)previous;
    out->manifest = hc_arena_printf(
        a,
        "---\n# Source: c/templates/a.yaml\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: %s\ndata: {v: "
        "'%d'}\n"
        "---\n# Source: c/templates/b.yaml\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: both\ndata: {v: "
        "'%d'}\n"
        "---\n# Source: c/templates/d.yaml\napiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\nspec:\n "
        " "
        "selector: {matchLabels: {app: web}}\n  template:\n    metadata: {labels: {app: web}}\n    spec:\n      "
        "containers: [{name: app, image: 'example/app:%s'}]\n",
        w->variant == FIRST ? "old" : "new", (int)w->variant, (int)w->variant, tags[w->variant]);
    if (w->waves)
        out->manifest = hc_arena_printf(a, "%.*s%s%s", HC_P(out->manifest), first_waves,
                                        w->variant == FIRST ? old_waves : last_wave);
    if (w->crds)
        out->manifest = hc_arena_printf(
            a,
            "%.*s---\n# Source: c/templates/w.yaml\napiVersion: %s.example.com/v1\nkind: "
            "Widget\nmetadata: {name: w}\ndata: {v: '%d'}\n",
            HC_P(out->manifest), order.ns, (int)w->variant);
    out->chart = hc_map_new(a);
    hc_map_put_strz(a, hc_map_sub(a, out->chart, "metadata"), "name", "c");
    hc_map_put_strz(a, hc_map_sub(a, out->chart, "metadata"), "version", tags[w->variant]);
    out->hooks = HC_NEW_N(a, struct hc_record_hook, HC_LEN(events) * 2);
    for (size_t i = 0; out->hooks && i < HC_LEN(events) * 2; i++) {
        const char *event = events[i / 2];
        bool second = i % 2 == 1; /* two a stage: the second leaves its object, the first is swept */
        hc_str name = hc_arena_printf(a, "%s-%d", event, (int)(i % 2));
        out->hooks[i] = (struct hc_record_hook){
            .name = name,
            .kind = HC_S("Job"),
            .path = hc_arena_printf(a, "c/templates/%.*s.yaml", HC_P(name)),
            .manifest = hc_arena_printf(
                a,
                "apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: %.*s\nspec:\n  template:\n"
                "    spec:\n      restartPolicy: Never\n      containers: [{name: c, image: "
                "'example/job:1'}]\n",
                HC_P(name)),
            .events = texts(a, event),
            .delete_policies = second ? NULL : texts(a, "hook-succeeded"),
            .weight = (int64_t)(i % 2)
        };
    }
    out->hooks_n = HC_LEN(events) * 2;
    return hc_arena_check(a, err, "wish");
}

/* A group for each namespace: definitions are of the whole cluster. */
static enum hc_rc crds(void *ctx, struct hc_arena *a, struct hc_crd_file **out, size_t *out_n, struct hc_err *err)
{
    const struct scene_act *w = ctx;
    *out_n = 0;
    if (!w->crds)
        return HC_OK;
    *out = HC_NEW(a, struct hc_crd_file);
    if (!*out)
        return hc_arena_check(a, err, "definitions");
    *out_n = 1;
    **out = (struct hc_crd_file){
        .name = HC_S("crds/w.yaml"),
        .text = hc_arena_printf(
            a,
            "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: "
            "widgets.%s.example.com}\nspec:\n  group: %s.example.com\n  scope: Namespaced\n  names: "
            "{kind: Widget, plural: widgets, singular: widget, listKind: WidgetList}\n  versions:\n"
            "    - name: v1\n      served: true\n      storage: true\n      schema: "
            "{openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}\n",
            order.ns, order.ns)
    };
    return hc_arena_check(a, err, "definitions");
}

/*
 * The child's clock. What is broken never becomes ready, so instead of waiting for the time-out the clock is put on by
 * it as soon as the engine waits for the broken object; everything else has all the time it needs. By how much stands
 * in a file a namespace, so that the next process after a kill has the same clock.
 */
/* Whoever takes STUCK_S is stuck; less than the engine's own look after nothing was heard, which would hide it. */
enum { TIMEOUT_MS = 10000, STUCK_S = 50 };

static struct {
    char path[320];
    int64_t ahead_ms;
    bool hurries;
} ahead;

static void clock_open(const char *ns)
{
    snprintf(ahead.path, sizeof(ahead.path), "%s.%s", kubeconfig, ns);
    FILE *f = fopen(ahead.path, "r");
    if (f && fscanf(f, "%" SCNd64, &ahead.ahead_ms) != 1)
        ahead.ahead_ms = 0;
    if (f)
        fclose(f);
}

static void clock_put_on(int64_t by_ms)
{
    ahead.ahead_ms += by_ms;
    FILE *f = fopen(ahead.path, "w");
    if (!f || fprintf(f, "%" PRId64, ahead.ahead_ms) < 0 || fclose(f) != 0)
        abort();
}

static int64_t clock_now(void *ctx)
{
    (void)ctx;
    if (ahead.hurries)
        clock_put_on(order.timeout_ms / 16); /* by and by: faults that end in time are not to be fatal */
    return hc_now_ms() + ahead.ahead_ms;
}

static int64_t timeout_ms(void)
{
    return order.timeout_ms > 0 ? order.timeout_ms : TIMEOUT_MS;
}

static void tell(void *ctx, const struct hc_tell *t)
{
    const struct scene_act *w = ctx;
    /* What comes next has its time, also where the record was written and the memory to say so was refused. */
    if (t->what == HC_TOLD_FAILED || (t->action != HC_ACTION_INSTALL && t->action != HC_ACTION_UPGRADE))
        ahead.hurries = false;
    if (w->variant == BROKEN && t->what == HC_TOLD_WAITING && hc_str_eq(t->ref.kind, HC_S("Deployment")) &&
        (t->action == HC_ACTION_INSTALL || t->action == HC_ACTION_UPGRADE)) {
        ahead.hurries = order.timeout_ms > 0; /* that long the stage that follows could not be waited out */
        if (!ahead.hurries)
            clock_put_on(timeout_ms());
    }
}

/* ---- watches that are behind ------------------------------------------------------------------------------- */

/*
 * What the controller's watches would tell, and sometimes what they told a while ago: the newest record, and objects. Asked
 * through a client of its own, which no fault hits.
 */
static struct {
    struct hc_kube *kube;
    struct hc_storage *storage;
    uint32_t chance;
    struct hc_arena *a;
    bool known;
    int64_t revision;
    char rv[32];
    struct hc_val *objects[16];
    struct hc_arena *floors;
    struct hc_ref *awaited;
    uint64_t *awaited_rv;
    size_t awaited_n;
} watches;

static uint32_t chance(uint32_t n)
{
    watches.chance = watches.chance * 1664525u + 1013904223u;
    return (watches.chance >> 8) % n;
}

/* The newest record as it is. False: it is the one that was known already, or it cannot be asked. */
static bool watch_catches_up(void)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct hc_brief *b = NULL;
    size_t n = 0;
    if (hc_storage_briefs(watches.storage, a, HC_S("web"), &b, &n, NULL) != HC_OK)
        return false;
    int64_t revision = n > 0 ? b[n - 1].revision : 0;
    hc_str rv = n > 0 ? b[n - 1].resource_version : HC_S("");
    bool news = watches.known && (revision != watches.revision || !hc_str_eqz(rv, watches.rv));
    watches.known = true;
    watches.revision = revision;
    snprintf(watches.rv, sizeof(watches.rv), "%.*s", HC_P(rv));
    return news;
}

static bool watched_head(void *ctx, int64_t *out_revision, char out_resource_version[32])
{
    (void)ctx;
    if (chance(4) == 0)
        return false; /* the watch was cut */
    if (!watches.known || chance(2) == 0)
        (void)watch_catches_up();
    *out_revision = watches.revision;
    memcpy(out_resource_version, watches.rv, sizeof(watches.rv));
    return true;
}

/* What is older than what was awaited is never told (hc_reconcile_port). */
static void watch_awaited(const struct hc_step *step)
{
    hc_arena_free(watches.floors);
    watches.floors = hc_arena_new(0);
    watches.awaited_n = 0;
    watches.awaited = HC_NEW_N(watches.floors, struct hc_ref, step->awaited_n + 1);
    watches.awaited_rv = HC_NEW_N(watches.floors, uint64_t, step->awaited_n + 1);
    for (size_t i = 0; watches.awaited && watches.awaited_rv && step->awaited_rv && i < step->awaited_n; i++) {
        const struct hc_ref *ref = &step->awaited[i];
        watches.awaited[watches.awaited_n] = (struct hc_ref){ .api_version = hc_arena_str(watches.floors,
                                                                                          ref->api_version),
                                                              .kind = hc_arena_str(watches.floors, ref->kind),
                                                              .ns = hc_arena_str(watches.floors, ref->ns),
                                                              .name = hc_arena_str(watches.floors, ref->name) };
        watches.awaited_rv[watches.awaited_n++] = step->awaited_rv[i];
    }
}

static struct hc_val *watched_object(void *ctx, struct hc_arena *a, const struct hc_ref *ref)
{
    (void)ctx;
    uint64_t floor = 0, rv = 0;
    size_t at = HC_LEN(watches.objects);
    for (size_t i = 0; i < watches.awaited_n; i++)
        if (hc_str_eq(watches.awaited[i].kind, ref->kind) && hc_str_eq(watches.awaited[i].name, ref->name))
            floor = watches.awaited_rv[i];
    if (floor == 0)
        return NULL;
    for (size_t i = 0; i < HC_LEN(watches.objects); i++) {
        struct hc_ref has = hc_ref_of(watches.objects[i]);
        if (!watches.objects[i] || (hc_str_eq(has.kind, ref->kind) && hc_str_eq(has.name, ref->name)))
            at = i;
        if (watches.objects[i] && at == i)
            break;
    }
    if (at == HC_LEN(watches.objects))
        return NULL;
    struct hc_val *live = NULL;
    if (!watches.objects[at] || chance(2) == 0) {
        if (hc_kube_get(watches.kube, watches.a, ref, &live, NULL) != HC_OK)
            return NULL;
        watches.objects[at] = live;
    }
    bool known = hc_str_to_u64(hc_get_str_at(watches.objects[at], "metadata.resourceVersion"), &rv);
    return known && rv >= floor ? hc_val_clone(a, watches.objects[at]) : NULL;
}

/* ---- the engine in this process ------------------------------------------------------------------------------ */

/* Steps as the controller makes them: a wait may be parked, and what is not tried again before a moment has its moment at
 * once. */
static void as_controller(const struct hc_reconcile_spec *spec, struct hc_reconcile **r, struct hc_step *step)
{
    struct hc_err err = HC_ERR_INIT;
    for (;;) {
        bool parked = false;
        hc_reconcile_step(*r, step);
        if (step->verdict == HC_GO_ON)
            continue;
        if (step->verdict != HC_WAIT) {
            if (spec->one_shot || !watch_catches_up())
                return;
            parked = true; /* what was decided from is old, and the watch says so by now */
        }
        watch_awaited(step);
        if (step->verdict == HC_WAIT && step->rc != HC_OK && step->until_ms > clock_now(NULL))
            clock_put_on(step->until_ms - clock_now(NULL));
        else
            usleep(3000);
        if (parked || (!spec->one_shot && chance(3) == 0)) { /* a command would be given anew */
            struct hc_reconcile_memo memo = hc_reconcile_memo(*r);
            hc_reconcile_free(*r);
            *r = NULL;
            if (hc_reconcile_new(spec, &memo, r, &err) != HC_OK) {
                step->verdict = HC_STALLED;
                return;
            }
        } else {
            hc_reconcile_stale(*r);
        }
    }
}

static void note_allocations(uint64_t n)
{
    char path[640];
    snprintf(path, sizeof(path), "%s.%s.n", kubeconfig, order.ns);
    FILE *f = fopen(path, "w");
    if (!f || fprintf(f, "%" PRIu64, n) < 0 || fclose(f) != 0)
        abort();
}

/* 0: done, 3: stalled or ended, 5: not even begun. */
static int child(void)
{
    const struct scene_act *w = &order.act;
    struct hc_err err = HC_ERR_INIT;
    const struct hc_kube_options o = { .kubeconfig = kubeconfig,
                                       .user_agent = SCENE_AGENT,
                                       .timeout_ms = order.request_timeout_ms };
    const struct hc_kube_options quiet = { .kubeconfig = kubeconfig, .user_agent = "crash-watch" };
    struct hc_http *http = hc_http_new(&err);
    struct hc_kube *kube = NULL;
    struct hc_reconcile *r = NULL;
    struct hc_storage *storage = NULL;
    struct hc_step step = { .verdict = HC_STALLED };
    bool counted = order.fail_at > 0, begun = false;
    char digest[32];
    clock_open(order.ns);
    snprintf(digest, sizeof(digest), "wish-%d", (int)w->variant);
    if (!http || hc_kube_new(http, &o, &kube, &err) != HC_OK)
        goto out;
    if (order.seed > 0) {
        watches.chance = order.seed;
        watches.a = hc_arena_new(0);
        if (hc_kube_new(http, &quiet, &watches.kube, &err) != HC_OK)
            goto out;
        watches.storage = hc_storage_secrets(watches.kube, hc_str_of(order.ns));
    }
    if (counted) /* from here on it is the engine's: what cannot even begin is begun again by whoever started it */
        hc_mem_fail_at(order.fail_at);
    storage = hc_storage_secrets(kube, hc_str_of(order.ns));
    struct hc_action_policy p = { .timeout_ms = timeout_ms(),
                                  .wait = HC_WAIT_WATCHER,
                                  .retries = w->retries,
                                  .server_side = w->ssa,
                                  .crds = HC_CRDS_CREATE,
                                  .force_conflicts = true,
                                  .remediate_last = w->remediate_last };
    const struct hc_reconcile_spec spec = {
        .kube = kube,
        .storage = storage,
        .name = HC_S("web"),
        .ns = hc_str_of(order.ns),
        .manager = "helm",
        .goal = w->goal,
        .one_shot = w->one_shot,
        .must_not_exist = w->fresh,
        .digest = hc_str_of(digest),
        .force = w->force ? HC_S("token") : (hc_str){ NULL, 0 },
        .rollback_to = w->rollback_to,
        .keep_history = w->keep_history,
        .tests = w->tests,
        .max_history = 5,
        .trusted_ms = order.trusted_ms,
        .install = p,
        .upgrade = p,
        .rollback = p,
        .uninstall = p,
        .test = p,
        .port = { .ctx = (void *)(uintptr_t)w, .render = render, .crds = crds, .tell = tell, .now_ms = clock_now }
    };
    struct hc_reconcile_spec mine = spec;
    bool polled = order.seed > 0 && chance(4) > 0;
    if (polled && !w->one_shot) { /* commands have no watches */
        mine.port.head = watched_head;
        mine.port.look = watched_object;
    }
    if (!storage || hc_reconcile_new(&mine, NULL, &r, &err) != HC_OK)
        goto out;
    begun = true;
    if (polled)
        as_controller(&mine, &r, &step);
    else
        hc_reconcile_drive(r, NULL, &step);
    if (step.verdict != HC_DONE && getenv("CRASH_VERBOSE"))
        fprintf(stderr, "  %s: %s\n", hc_verdict_name(step.verdict), step.why);
out:
    if (counted)
        note_allocations(hc_mem_count());
    hc_mem_fail_at(0);
    if (err.msg[0])
        fprintf(stderr, "child: %s\n", err.msg);
    hc_reconcile_free(r);
    hc_storage_free(storage);
    hc_storage_free(watches.storage);
    hc_arena_free(watches.a);
    hc_arena_free(watches.floors);
    hc_kube_free(watches.kube);
    hc_kube_free(kube);
    hc_http_free(http);
    return !begun ? 5 : step.verdict == HC_DONE ? 0 : 3;
}

/* ---- the sandbox ------------------------------------------------------------------------------------------- */

static pid_t sandbox(const char *dir)
{
    snprintf(kubeconfig, sizeof(kubeconfig), "%s/kubeconfig", dir);
    pid_t pid = fork();
    if (pid == 0) {
        struct hc_sandbox *s = NULL;
        struct hc_err err = HC_ERR_INIT;
        const struct hc_sandbox_options o = { .kubeconfig = kubeconfig, .ready_after_ms = 10 };
        if (hc_sandbox_new(&o, &s, &err) != HC_OK || hc_sandbox_run(s, &err) != HC_OK)
            fprintf(stderr, "sandbox: %s\n", err.msg);
        _exit(1);
    }
    for (int i = 0; i < 1000 && access(kubeconfig, R_OK) != 0; i++)
        usleep(10000);
    return pid;
}

struct hc_val *scene_ask(struct scene_place *p, struct hc_arena *a, const char *method, const char *path,
                         hc_str body)
{
    struct hc_val *out = NULL;
    struct hc_err err = HC_ERR_INIT;
    if (hc_kube_raw(p->kube, a, method, path, "application/json", body, &out, &err) != HC_OK) {
        fprintf(stderr, "%s %s: %s\n", method, path, err.msg);
        exit(1);
    }
    return out;
}

void scene_make_namespace(struct scene_place *p, const char *ns)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    scene_ask(
        p, a, "POST", "/api/v1/namespaces",
        hc_arena_printf(a, "{\"apiVersion\":\"v1\",\"kind\":\"Namespace\",\"metadata\":{\"name\":\"%s\"}}", ns));
}

void scene_delete_namespace(struct scene_place *p, const char *ns)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    char path[512];
    struct hc_ref crd = { .api_version = HC_S("apiextensions.k8s.io/v1"),
                          .kind = HC_S("CustomResourceDefinition"),
                          .name = hc_arena_printf(a, "widgets.%s.example.com", ns) };
    (void)hc_kube_delete(p->kube, &crd, NULL, NULL, NULL);
    scene_ask(p, a, "DELETE", hc_arena_strz(a, hc_arena_printf(a, "/api/v1/namespaces/%s", ns)),
              (hc_str){ NULL, 0 });
    snprintf(path, sizeof(path), "%s.%s", kubeconfig, ns);
    unlink(path);
    snprintf(path, sizeof(path), "%s.%s.n", kubeconfig, ns);
    unlink(path);
}

static int64_t count(const struct hc_val *by, const char *what)
{
    int64_t n = 0;
    for (size_t i = 0; i < hc_map_len(by); i++) /* "patch jobs", "patch jobs.batch" */
        if (hc_str_starts(hc_map_at(by, i)->key, hc_str_of(what)) && hc_get_i64(hc_map_at(by, i)->val, &n))
            return n;
    return 0;
}

int64_t scene_jobs_made(struct scene_place *p)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    return count(hc_map_getz(scene_ask(p, a, "GET", "/sandbox/stats", (hc_str){ NULL, 0 }), "created"), "jobs");
}

int scene_kill_left(struct scene_place *p)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    return (int)hc_get_int_at(scene_ask(p, a, "GET", "/sandbox/stats", (hc_str){ NULL, 0 }), "killAfterWrites", 0);
}

/* ---- children ---------------------------------------------------------------------------------------------- */

static void nursery(int fd)
{
    while (read(fd, &order, sizeof(order)) == sizeof(order)) {
        int status = 0;
        pid_t pid = fork();
        if (pid == 0) {
            raise(SIGSTOP);
            alarm(STUCK_S);
            _exit(child());
        }
        waitpid(pid, &status, WUNTRACED);
        if (write(fd, &pid, sizeof(pid)) != sizeof(pid))
            break;
        waitpid(pid, &status, 0);
        if (write(fd, &status, sizeof(status)) != sizeof(status))
            break;
    }
    _exit(0);
}

pid_t scene_hatch(struct scene_place *p, int which, const struct scene_order *o)
{
    pid_t pid = 0;
    int fd = p->to_nursery[which];
    if (write(fd, o, sizeof(*o)) != sizeof(*o) || read(fd, &pid, sizeof(pid)) != sizeof(pid))
        exit(1);
    return pid;
}

void scene_arm(struct scene_place *p, pid_t pid, int n, int sig)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    scene_ask(
        p, a, "POST", "/sandbox/kill-after-write",
        hc_arena_printf(a, "{\"n\":%d,\"pid\":%d,\"signal\":%d,\"agent\":\"" SCENE_AGENT "*\"}", n, (int)pid, sig));
}

int scene_end(struct scene_place *p, int which)
{
    int status = 0;
    if (read(p->to_nursery[which], &status, sizeof(status)) != sizeof(status))
        exit(1);
    return !WIFSIGNALED(status) ? WEXITSTATUS(status) : WTERMSIG(status) == SIGKILL ? -1 : -2;
}

bool scene_stopped(struct scene_place *p, int which, pid_t pid)
{
    char path[64], line[512];
    struct pollfd fd = { .fd = p->to_nursery[which], .events = POLLIN };
    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    while (poll(&fd, 1, 2) == 0) {
        FILE *f = fopen(path, "r");
        const char *behind = f && fgets(line, sizeof(line), f) ? strrchr(line, ')') : NULL;
        if (f)
            fclose(f);
        if (behind && behind[1] == ' ' && behind[2] == 'T')
            return true;
    }
    return false;
}

int scene_run(struct scene_place *p, const struct scene_order *o, int kill_after)
{
    pid_t pid = scene_hatch(p, 0, o);
    scene_arm(p, pid, kill_after, SIGKILL);
    kill(pid, SIGCONT);
    return scene_end(p, 0);
}

uint64_t scene_allocations(const struct scene_place *p, const char *ns)
{
    char path[320];
    uint64_t n = 0;
    snprintf(path, sizeof(path), "%s/kubeconfig.%s.n", p->dir, ns);
    FILE *f = fopen(path, "r");
    if (f && fscanf(f, "%" SCNu64, &n) != 1)
        n = 0;
    if (f)
        fclose(f);
    return n;
}

void scene_leave(struct scene_place *p)
{
    hc_kube_free(p->kube);
    hc_http_free(p->http);
    kill(p->server, SIGKILL);
    waitpid(p->server, NULL, 0);
    for (int i = 0; i < 2; i++) {
        close(p->to_nursery[i]);
        waitpid(p->nursery[i], NULL, 0);
    }
    char command[64];
    snprintf(command, sizeof(command), "rm -rf %s", p->dir);
    if (system(command) != 0)
        fprintf(stderr, "%s: failed\n", command);
}

bool scene_enter(struct scene_place *p)
{
    struct hc_err err = HC_ERR_INIT;
    *p = (struct scene_place){ .dir = "/tmp/crash-release.XXXXXX" };
    if (!mkdtemp(p->dir))
        return false;
    p->server = sandbox(p->dir);
    for (int i = 0; i < 2; i++) {
        int pair[2];
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
            return false;
        p->to_nursery[i] = pair[0];
        p->nursery[i] = fork();
        if (p->nursery[i] == 0) {
            for (int j = 0; j <= i; j++)
                close(p->to_nursery[j]);
            nursery(pair[1]);
        }
        close(pair[1]);
    }
    p->http = hc_http_new(&err);
    const struct hc_kube_options o = { .kubeconfig = kubeconfig, .user_agent = "crash-test" };
    if (p->http && hc_kube_new(p->http, &o, &p->kube, &err) == HC_OK)
        return true;
    fprintf(stderr, "%s\n", err.msg);
    scene_leave(p);
    return false;
}

/* ---- the end ----------------------------------------------------------------------------------------------- */

static void add_line(struct hc_buf *b, const char *fmt, ...) HC_PRINTF(2, 3);
static void add_line(struct hc_buf *b, const char *fmt, ...)
{
    char line[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(line, sizeof(line), fmt, ap);
    va_end(ap);
    hc_buf_puts(b, line);
    hc_buf_putc(b, '\n');
}

hc_str scene_dump(struct scene_place *p, struct hc_arena *a, const char *ns)
{
    static const struct {
        const char *api_version, *kind, *field;
    } kinds[] = { { "v1", "ConfigMap", "data.v" },
                  { "apps/v1", "Deployment", "spec.template.spec.containers[0].image" },
                  { "batch/v1", "Job", "metadata.name" } };
    struct hc_err err = HC_ERR_INIT;
    struct hc_buf b;
    hc_buf_init(&b, 0);
    for (size_t i = 0; i < HC_LEN(kinds); i++) {
        const struct hc_kube_list what = { .api_version = hc_str_of(kinds[i].api_version),
                                           .kind = hc_str_of(kinds[i].kind),
                                           .ns = hc_str_of(ns) };
        struct hc_val *list = NULL;
        if (hc_kube_list(p->kube, a, &what, &list, NULL, &err) != HC_OK)
            fprintf(stderr, "%s\n", err.msg);
        for (size_t j = 0; j < hc_list_len(list); j++) {
            const struct hc_val *o = hc_list_at(list, j);
            if (hc_get_str_at(o, "metadata.deletionTimestamp").n == 0)
                add_line(&b, "%s %.*s %.*s", kinds[i].kind, HC_P(hc_get_str_at(o, "metadata.name")),
                         HC_P(hc_get_str_at(o, kinds[i].field)));
        }
    }
    /* By its path: what kinds there are is asked for every few seconds only, and a run may take less. */
    hc_str path = hc_arena_printf(a, "/apis/%s.example.com/v1/namespaces/%s/widgets/w", ns, ns);
    struct hc_val *w = NULL;
    if (hc_kube_raw(p->kube, a, "GET", path.p, NULL, (hc_str){ NULL, 0 }, &w, NULL) == HC_OK)
        add_line(&b, "Widget w %.*s", HC_P(hc_get_str_at(w, "data.v")));
    struct hc_storage *s = hc_storage_secrets(p->kube, hc_str_of(ns));
    struct hc_record *r = NULL;
    size_t n = 0;
    if (hc_storage_list(s, a, HC_S("web"), false, &r, &n, &err) != HC_OK)
        fprintf(stderr, "%s\n", err.msg);
    for (size_t i = 0; i < n; i++) {
        hc_str said = r[i].description;
        if (r[i].status == HC_STATUS_FAILED) /* pods have names of chance */
            said = hc_str_sub(said, 0, HC_MIN(said.n, (size_t)60));
        add_line(&b, "revision %" PRId64 " %s %.*s", r[i].revision, hc_status_name(r[i].status), HC_P(said));
        for (size_t j = 0; j < r[i].hooks_n; j++)
            if (r[i].hooks[j].phase.n > 0)
                add_line(&b, "  %.*s %.*s", HC_P(r[i].hooks[j].name), HC_P(r[i].hooks[j].phase));
    }
    hc_storage_free(s);
    hc_str text = hc_buf_to_arena(&b, a);
    hc_buf_done(&b);
    return text;
}
