/*
 * SIGKILL after every single write of the release engine: install, upgrade, failed upgrade that is rolled back, failed
 * install that is uninstalled, rollback, uninstall; each with hooks. The process is started again until it ends by
 * itself; objects, records and the number of hooks made and deleted must be those of the undisturbed run.
 *
 *   crash.release [SCENARIO]      HC_CRASH_ALL=1: behind every write of every scenario; without it two that go the way of
 *                                 others for the most part, and cost the square of their length, are killed behind every
 *                                 second or third
 *
 * Sandboxes are processes of their own; a namespace a run; the engine in a child process that is killed by its
 * sandbox before the answer to its nth write leaves.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/buf.h"
#include "core/base/clock.h"
#include "deploy/reconcile/reconcile.h"
#include "helmctl/sandbox/sandbox.h"

#define AGENT "crash-child"

static char kubeconfig[256];

/* ---- the wish ---------------------------------------------------------------------------------------------- */

enum variant { FIRST, SECOND, BROKEN };
struct act {
    enum hc_goal goal;
    enum variant variant;
    int64_t rollback_to, retries;
    bool remediate_last, keep_history, one_shot, tests, waves;
    enum hc_ssa ssa; /* auto: an install by the server, the others as the release is */
};

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
    const struct act *w = ctx;
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

/*
 * The child's clock. What is broken never becomes ready, so instead of waiting for the time-out the clock is put on by
 * it as soon as the engine waits for the broken object; everything else has all the time it needs. By how much stands
 * in a file a namespace, so that the next process after a kill has the same clock.
 */
#define TIMEOUT_MS 10000

static struct {
    char path[320];
    int64_t ahead_ms;
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
    return hc_now_ms() + ahead.ahead_ms;
}

static void tell(void *ctx, const struct hc_tell *t)
{
    const struct act *w = ctx;
    if (w->variant == BROKEN && t->what == HC_TOLD_WAITING && hc_str_eq(t->ref.kind, HC_S("Deployment")) &&
        (t->action == HC_ACTION_INSTALL || t->action == HC_ACTION_UPGRADE))
        clock_put_on(TIMEOUT_MS);
}

/* The engine in this process, to its end. 0: done, 3: stalled or ended. */
static int child(const char *ns, const struct act *w)
{
    struct hc_err err = HC_ERR_INIT;
    struct hc_http *http = hc_http_new(&err);
    const struct hc_kube_options o = { .kubeconfig = kubeconfig, .user_agent = AGENT };
    struct hc_kube *kube = NULL;
    struct hc_reconcile *r = NULL;
    struct hc_step step;
    char digest[32];
    if (!http || hc_kube_new(http, &o, &kube, &err) != HC_OK) {
        fprintf(stderr, "%s\n", err.msg);
        return 2;
    }
    snprintf(digest, sizeof(digest), "wish-%d", (int)w->variant);
    struct hc_action_policy p = { .timeout_ms = TIMEOUT_MS,
                                  .wait = HC_WAIT_WATCHER,
                                  .retries = w->retries,
                                  .server_side = w->ssa,
                                  .force_conflicts = true,
                                  .remediate_last = w->remediate_last };
    const struct hc_reconcile_spec spec = {
        .kube = kube,
        .storage = hc_storage_secrets(kube, hc_str_of(ns)),
        .name = HC_S("web"),
        .ns = hc_str_of(ns),
        .manager = "helm",
        .goal = w->goal,
        .one_shot = w->one_shot,
        .digest = hc_str_of(digest),
        .rollback_to = w->rollback_to,
        .keep_history = w->keep_history,
        .tests = w->tests,
        .max_history = 5,
        .install = p,
        .upgrade = p,
        .rollback = p,
        .uninstall = p,
        .test = p,
        .port = { .ctx = (void *)w, .render = render, .tell = tell, .now_ms = clock_now }
    };
    clock_open(ns);
    if (hc_reconcile_new(&spec, NULL, &r, &err) != HC_OK)
        return 2;
    hc_reconcile_drive(r, NULL, &step);
    if (step.verdict == HC_ENDED && getenv("CRASH_VERBOSE"))
        fprintf(stderr, "  ended: %s\n", step.why);
    hc_reconcile_free(r);
    hc_storage_free(spec.storage);
    hc_kube_free(kube);
    hc_http_free(http);
    return step.verdict == HC_DONE ? 0 : 3;
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

struct ctl { /* the test's own client, and who makes the children */
    int nursery;
    struct hc_http *http;
    struct hc_kube *kube;
};

static struct hc_val *ask(struct ctl *c, struct hc_arena *a, const char *method, const char *path, hc_str body)
{
    struct hc_val *out = NULL;
    struct hc_err err = HC_ERR_INIT;
    if (hc_kube_raw(c->kube, a, method, path, "application/json", body, &out, &err) != HC_OK) {
        fprintf(stderr, "%s %s: %s\n", method, path, err.msg);
        exit(1);
    }
    return out;
}

static void make_namespace(struct ctl *c, const char *ns)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    ask(c, a, "POST", "/api/v1/namespaces",
        hc_arena_printf(a, "{\"apiVersion\":\"v1\",\"kind\":\"Namespace\",\"metadata\":{\"name\":\"%s\"}}", ns));
}

static int64_t count(const struct hc_val *by, const char *what)
{
    int64_t n = 0;
    for (size_t i = 0; i < hc_map_len(by); i++) /* "patch jobs", "patch jobs.batch" */
        if (hc_str_starts(hc_map_at(by, i)->key, hc_str_of(what)) && hc_get_i64(hc_map_at(by, i)->val, &n))
            return n;
    return 0;
}

static int64_t hooks_made(struct ctl *c)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    const struct hc_val *by = hc_map_getz(ask(c, a, "GET", "/sandbox/stats", (hc_str){ NULL, 0 }), "byVerb");
    return count(by, "patch jobs") + count(by, "create jobs"); /* by the server, by the client */
}

/* ---- runs -------------------------------------------------------------------------------------------------- */

/*
 * Children are forked by a process of their place that has no threads and did nothing yet: a fork is a hundred times
 * cheaper than an exec of this program with its libraries, and there are some two thousand of them.
 */
struct order {
    char ns[64];
    struct act act;
};

static void nursery(int fd)
{
    struct order o;
    while (read(fd, &o, sizeof(o)) == sizeof(o)) {
        int status = 0;
        pid_t pid = fork();
        if (pid == 0) {
            raise(SIGSTOP);
            _exit(child(o.ns, &o.act));
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

/* One process; with kill_after > 0 it is killed behind that write. Gives its exit code, -1: killed. */
static int run_once(struct ctl *c, const char *ns, const struct act *w, int kill_after)
{
    struct order o = { .act = *w };
    pid_t pid = 0;
    int status = 0;
    snprintf(o.ns, sizeof(o.ns), "%s", ns);
    if (write(c->nursery, &o, sizeof(o)) != sizeof(o) || read(c->nursery, &pid, sizeof(pid)) != sizeof(pid))
        exit(1);
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    ask(c, a, "POST", "/sandbox/kill-after-write",
        hc_arena_printf(a, "{\"n\":%d,\"pid\":%d,\"signal\":9,\"agent\":\"" AGENT "*\"}", kill_after, (int)pid));
    kill(pid, SIGCONT);
    if (read(c->nursery, &status, sizeof(status)) != sizeof(status))
        exit(1);
    return WIFSIGNALED(status) ? -1 : WEXITSTATUS(status);
}

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

/* Everything that must be the same, as text. */
static hc_str dump(struct ctl *c, struct hc_arena *a, const char *ns)
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
        if (hc_kube_list(c->kube, a, &what, &list, NULL, &err) != HC_OK)
            fprintf(stderr, "%s\n", err.msg);
        for (size_t j = 0; j < hc_list_len(list); j++) {
            const struct hc_val *o = hc_list_at(list, j);
            if (hc_get_str_at(o, "metadata.deletionTimestamp").n == 0)
                add_line(&b, "%s %.*s %.*s", kinds[i].kind, HC_P(hc_get_str_at(o, "metadata.name")),
                         HC_P(hc_get_str_at(o, kinds[i].field)));
        }
    }
    struct hc_storage *s = hc_storage_secrets(c->kube, hc_str_of(ns));
    struct hc_record *r = NULL;
    size_t n = 0;
    if (hc_storage_list(s, a, HC_S("web"), (hc_str){ NULL, 0 }, false, &r, &n, &err) != HC_OK)
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

struct scenario {
    const char *name;
    size_t before; /* so many acts come first, undisturbed */
    struct act acts[4];
    const char *must_say; /* in the final dump of the undisturbed run */
    int every;            /* 0: a kill behind every write */
};

static const struct scenario scenarios[] = {
    { "install", 0, { { .variant = FIRST } }, "revision 1 deployed Install complete" },
    { "install-tested", 0, { { .variant = FIRST, .tests = true } }, "test-1 Succeeded" },
    { "upgrade", 1, { { .variant = FIRST }, { .variant = SECOND } }, "revision 2 deployed Upgrade complete" },
    { "upgrade-fails-rolled-back",
      1,
      { { .variant = FIRST }, { .variant = BROKEN, .remediate_last = true } },
      "revision 3 deployed Rollback to 1" },
    { "upgrade-fails-retried",
      1,
      { { .variant = FIRST }, { .variant = BROKEN, .retries = 1, .remediate_last = true } },
      "revision 5 deployed Rollback to 3",
      3 },
    { "command-upgrade-fails-rolled-back",
      1,
      { { .variant = FIRST }, { .variant = BROKEN, .remediate_last = true, .one_shot = true } },
      "revision 3 deployed Rollback to 1" },
    { "install-fails-uninstalled",
      0,
      { { .variant = BROKEN, .remediate_last = true, .keep_history = true } },
      "revision 1 uninstalled" },
    { "upgrade-fixes-failed",
      2,
      { { .variant = FIRST }, { .variant = BROKEN, .remediate_last = true }, { .variant = SECOND } },
      "revision 4 deployed Upgrade complete" },
    { "client-side-upgrade",
      1,
      { { .variant = FIRST, .ssa = HC_SSA_OFF }, { .variant = SECOND } },
      "revision 2 deployed Upgrade complete" },
    { "client-side-fails-rolled-back",
      1,
      { { .variant = FIRST, .ssa = HC_SSA_OFF }, { .variant = BROKEN, .remediate_last = true } },
      "revision 3 deployed Rollback to 1",
      2 },
    { "client-side-to-server-side",
      1,
      { { .variant = FIRST, .ssa = HC_SSA_OFF }, { .variant = SECOND, .ssa = HC_SSA_ON } },
      "revision 2 deployed Upgrade complete" },
    { "waves", 0, { { .variant = FIRST, .waves = true } }, "Deployment leaves-2 e/l:1" },
    { "waves-upgrade",
      1,
      { { .variant = FIRST, .waves = true }, { .variant = SECOND, .waves = true } },
      "ConfigMap last w",
      5 },
    { "waves-fail-rolled-back",
      1,
      { { .variant = FIRST, .waves = true }, { .variant = BROKEN, .waves = true, .remediate_last = true } },
      "revision 3 deployed Rollback to 1",
      5 },
    { "waves-uninstall",
      1,
      { { .variant = FIRST, .waves = true }, { .goal = HC_GOAL_ABSENT, .waves = true } },
      "Job post-delete-1",
      3 },
    { "uninstall", 1, { { .variant = FIRST }, { .goal = HC_GOAL_ABSENT } }, "Job post-delete-1" },
    { "uninstall-keeps-history",
      2,
      { { .variant = FIRST }, { .variant = SECOND }, { .goal = HC_GOAL_ABSENT, .keep_history = true } },
      "revision 2 uninstalled Uninstallation complete" },
};

static bool reached(struct ctl *c, const char *ns, hc_str want)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    return hc_str_eq(dump(c, a, ns), want);
}

struct outcome { /* what a run came to */
    hc_str text;
    int64_t hooks_made;
    int code;
    bool killed;
};

static bool final_run(struct ctl *c, const char *ns, const struct scenario *s, int kill_after,
                      const struct outcome *want, int *out_code)
{
    const struct act *w = &s->acts[s->before];
    int tries = 0, code = run_once(c, ns, w, kill_after);
    bool killed = code == -1;
    if (killed && w->one_shot && reached(c, ns, want->text)) {
        *out_code = want->code; /* asking again would be another wish, not the rest of this one */
        return true;
    }
    while (code == -1 && tries++ < 3)
        code = run_once(c, ns, w, 0);
    *out_code = code;
    return killed;
}

static struct outcome told(struct ctl *c, struct hc_arena *a, const struct scenario *s, int kill_after,
                           const struct outcome *want)
{
    struct outcome o = { .hooks_made = 0 };
    char ns[64];
    snprintf(ns, sizeof(ns), "%s-%d", s->name, kill_after);
    make_namespace(c, ns);
    for (size_t i = 0; i < s->before; i++)
        (void)run_once(c, ns, &s->acts[i], 0);
    int64_t before = hooks_made(c);
    o.killed = final_run(c, ns, s, kill_after, want, &o.code);
    o.hooks_made = hooks_made(c) - before;
    o.text = dump(c, a, ns);
    return o;
}

/* The runs first, first + step, ... with a kill behind that write, until one has fewer writes than that. Gives how many
 * were killed; counts in *failed those that came to another end. */
static int killed_runs(struct ctl *c, const struct scenario *s, int first, int step, const struct outcome *want,
                       int *failed)
{
    for (int n = first, done = 0;; n += step, done++) {
        HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
        struct outcome got = told(c, a, s, n, want);
        if (!got.killed)
            return done;
        if (hc_str_eq(got.text, want->text) && got.code == want->code && got.hooks_made == want->hooks_made)
            continue;
        printf("FAILED %s, killed after write %d: exit %d instead of %d, %d hooks made instead of %d\n-- got\n%.*s"
               "-- want\n%.*s",
               s->name, n, got.code, want->code, (int)got.hooks_made, (int)want->hooks_made, HC_P(got.text),
               HC_P(want->text));
        (*failed)++;
    }
}

/* A sandbox of its own, and a client for it. */
struct place {
    char dir[32];
    pid_t server, nursery;
    struct ctl c;
};

static void leave(struct place *p)
{
    hc_kube_free(p->c.kube);
    hc_http_free(p->c.http);
    kill(p->server, SIGKILL);
    waitpid(p->server, NULL, 0);
    close(p->c.nursery);
    waitpid(p->nursery, NULL, 0);
    char command[64];
    snprintf(command, sizeof(command), "rm -rf %s", p->dir);
    if (system(command) != 0)
        fprintf(stderr, "%s: failed\n", command);
}

static bool enter(struct place *p)
{
    struct hc_err err = HC_ERR_INIT;
    *p = (struct place){ .dir = "/tmp/crash-release.XXXXXX" };
    if (!mkdtemp(p->dir))
        return false;
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        return false;
    p->server = sandbox(p->dir);
    p->c.nursery = pair[0];
    p->nursery = fork();
    if (p->nursery == 0) {
        close(pair[0]);
        nursery(pair[1]);
    }
    close(pair[1]);
    p->c.http = hc_http_new(&err);
    const struct hc_kube_options o = { .kubeconfig = kubeconfig, .user_agent = "crash-test" };
    if (p->c.http && hc_kube_new(p->c.http, &o, &p->c.kube, &err) == HC_OK)
        return true;
    fprintf(stderr, "%s\n", err.msg);
    leave(p);
    return false;
}

/* A run is mostly waiting for time-outs, so JOBS of them are under way at once, each beside a sandbox of its own. */
#define JOBS 8

struct tally {
    int runs, failed;
};

static struct tally scenario(const struct scenario *s)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct place here;
    struct tally all = { 1, 1 };
    int back[JOBS][2];
    if (!enter(&here))
        return all;
    const struct outcome want = told(&here.c, a, s, 0, NULL);
    leave(&here);
    if (hc_str_find_str(want.text, hc_str_of(s->must_say)) == SIZE_MAX) {
        printf("FAILED %s: the undisturbed run (exit %d) does not say '%s':\n%.*s", s->name, want.code, s->must_say,
               HC_P(want.text));
        return all;
    }
    all.failed = 0;
    fflush(NULL);
    int every = s->every > 1 && !getenv("HC_CRASH_ALL") ? s->every : 1;
    for (int j = 0; j < JOBS; j++) {
        if (pipe2(back[j], O_CLOEXEC) != 0)
            exit(1);
        if (fork() == 0) {
            struct tally mine = { 0, 0 };
            if (enter(&here)) {
                mine.runs = killed_runs(&here.c, s, 1 + j * every, JOBS * every, &want, &mine.failed);
                leave(&here);
            } else {
                mine.failed = 1;
            }
            fflush(NULL);
            _exit(write(back[j][1], &mine, sizeof(mine)) != sizeof(mine));
        }
        close(back[j][1]);
    }
    for (int j = 0; j < JOBS; j++) {
        struct tally theirs = { 0, 1 }; /* of one that died */
        if (read(back[j][0], &theirs, sizeof(theirs)) != sizeof(theirs))
            printf("FAILED %s: one of its processes died\n", s->name);
        close(back[j][0]);
        all.runs += theirs.runs;
        all.failed += theirs.failed;
    }
    while (wait(NULL) > 0)
        ;
    printf("%-36s %2d writes with a kill behind them, each %d.; %d hooks made, in all runs alike\n", s->name,
           all.runs - 1, every, (int)want.hooks_made);
    fflush(stdout);
    return all;
}

int main(int argc, char **argv)
{
    struct tally all = { 0, 0 };
    for (size_t i = 0; i < HC_LEN(scenarios); i++) {
        if (argc > 1 && strcmp(argv[1], scenarios[i].name) != 0)
            continue;
        struct tally t = scenario(&scenarios[i]);
        all.runs += t.runs;
        all.failed += t.failed;
    }
    printf("%d runs, %d failed\n", all.runs, all.failed);
    return all.failed > 0 || all.runs == 0;
}
