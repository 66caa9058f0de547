/*
 * SIGKILL after every single write of the release engine: install, upgrade, failed upgrade that is rolled back, failed
 * install that is uninstalled, rollback, uninstall; each with hooks. The process is started again until it ends by
 * itself; objects, records and the number of hooks made and deleted must be those of the undisturbed run.
 *
 *   crash.release [SCENARIO]      HC_CRASH_ALL=1: behind every write of every scenario, three minutes of CPU. Without it
 *                                 behind every write of a short one, every third of the others: a scenario
 *                                 costs the square of its length, and most of its way is another's too
 *
 * Sandboxes are processes of their own; a namespace a run; the engine in a child process that is killed by its
 * sandbox before the answer to its nth write leaves.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/crash/scene.h"

struct scenario {
    const char *name;
    size_t before; /* so many acts come first, undisturbed */
    struct scene_act acts[4];
    const char *must_say; /* in the final dump of the undisturbed run */
    int every;            /* a kill behind so many writes; 0: EVERY */
};

#define EVERY 3

static const struct scenario scenarios[] = {
    { "install", 0, { { .variant = FIRST } }, "revision 1 deployed Install complete", 1 },
    { "install-tested", 0, { { .variant = FIRST, .tests = true } }, "test-1 Succeeded" },
    { "upgrade", 1, { { .variant = FIRST }, { .variant = SECOND } }, "revision 2 deployed Upgrade complete" },
    { "upgrade-fails-rolled-back",
      1,
      { { .variant = FIRST }, { .variant = BROKEN, .remediate_last = true } },
      "revision 3 deployed Rollback to 1",
      1 },
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
    { "command-install-fails-uninstalled",
      0,
      { { .variant = BROKEN, .remediate_last = true, .one_shot = true, .fresh = true } },
      "Job post-delete-1",
      6 },
    { "forced",
      1,
      { { .variant = FIRST }, { .variant = FIRST, .force = true } },
      "revision 2 deployed Upgrade complete" },
    { "forced-fails-rolled-back",
      1,
      { { .variant = FIRST }, { .variant = BROKEN, .remediate_last = true, .force = true } },
      "revision 3 deployed Rollback to 1" },
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
      3 },
    { "client-side-to-server-side",
      1,
      { { .variant = FIRST, .ssa = HC_SSA_OFF }, { .variant = SECOND, .ssa = HC_SSA_ON } },
      "revision 2 deployed Upgrade complete" },
    { "install-with-definitions", 0, { { .variant = FIRST, .crds = true } }, "Widget w 0" },
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

static int run_once(struct scene_place *c, const char *ns, const struct scene_act *w, int kill_after)
{
    struct scene_order o = { .act = *w };
    snprintf(o.ns, sizeof(o.ns), "%s", ns);
    return scene_run(c, &o, kill_after);
}

static bool reached(struct scene_place *c, const char *ns, hc_str want)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    return hc_str_eq(scene_dump(c, a, ns), want);
}

struct outcome { /* what a run came to */
    hc_str text;
    int64_t hooks_made;
    int code;
    bool killed;
};

static bool final_run(struct scene_place *c, const char *ns, const struct scenario *s, int kill_after,
                      const struct outcome *want, int *out_code)
{
    const struct scene_act *w = &s->acts[s->before];
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

static struct outcome told(struct scene_place *c, struct hc_arena *a, const struct scenario *s, int kill_after,
                           const struct outcome *want)
{
    struct outcome o = { .hooks_made = 0 };
    char ns[64];
    snprintf(ns, sizeof(ns), "%s-%d", s->name, kill_after);
    scene_make_namespace(c, ns);
    for (size_t i = 0; i < s->before; i++)
        (void)run_once(c, ns, &s->acts[i], 0);
    int64_t before = scene_jobs_made(c);
    o.killed = final_run(c, ns, s, kill_after, want, &o.code);
    o.hooks_made = scene_jobs_made(c) - before;
    o.text = scene_dump(c, a, ns);
    return o;
}

/* The runs first, first + step, ... with a kill behind that write, until one has fewer writes than that. Gives how many
 * were killed; counts in *failed those that came to another end. */
static int killed_runs(struct scene_place *c, const struct scenario *s, int first, int step,
                       const struct outcome *want, int *failed)
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

/* A run is mostly waiting for time-outs, so JOBS of them are under way at once, each beside a sandbox of its own. */
#define JOBS 8

struct tally {
    int runs, failed;
};

static struct tally scenario(const struct scenario *s)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct scene_place here;
    struct tally all = { 1, 1 };
    int back[JOBS][2];
    if (!scene_enter(&here))
        return all;
    const struct outcome want = told(&here, a, s, 0, NULL);
    scene_leave(&here);
    if (hc_str_find_str(want.text, hc_str_of(s->must_say)) == SIZE_MAX) {
        printf("FAILED %s: the undisturbed run (exit %d) does not say '%s':\n%.*s", s->name, want.code, s->must_say,
               HC_P(want.text));
        return all;
    }
    all.failed = 0;
    fflush(NULL);
    int every = getenv("HC_CRASH_ALL") ? 1 : s->every > 0 ? s->every : EVERY;
    for (int j = 0; j < JOBS; j++) {
        if (pipe2(back[j], O_CLOEXEC) != 0)
            exit(1);
        if (fork() == 0) {
            struct tally mine = { 0, 0 };
            if (scene_enter(&here)) {
                mine.runs = killed_runs(&here, s, 1 + j * every, JOBS * every, &want, &mine.failed);
                scene_leave(&here);
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
