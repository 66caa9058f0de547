/*
 * Stories of a release told under faults. Each is told in peace first; then again and again with
 *
 *   crash.chaos random   random faults of the server (refused, reset, 409, 429, 5xx, time-outs, watches that are cut, watches
 *                        that are behind, answers that are lost after the write happened) and SIGKILLs
 *   crash.chaos memory   the nth allocation failing, in every act of the story, n = 1, 2, ...
 *   crash.chaos two      a first controller stopped (SIGSTOP) behind its nth write, a second one that does the work meanwhile,
 *                        and the first one going on: n = 1, 2, ...
 *
 * After each act objects, revisions, what is said of them and the number of hooks made must be those of the story in peace.
 *
 *   RUNS=10000   so many (random: acts under faults; a sample without it); RUNS=all: each n (memory, two)
 *   EVERY=7      each seventh n, from SEED on (memory, two)
 *   SEED=7       where to begin; with RUNS=1 one story is told again, with every fault and kill on stdout (random)
 *   STORY=waves  no other (memory, two)
 *   JOBS=8       stories side by side, each beside a sandbox of its own
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "tests/crash/scene.h"

enum { TRUSTED_MS = 200 /* of a record that was looked at */ };
enum { SPREAD = 50 /* of how many allocations an act makes */ };
enum { ACTS = 6, CALM = 3600 * 1000 /* no time-out but the one that is played: in ms */ };

struct story {
    const char *name;
    struct scene_act acts[ACTS];
    size_t n;
    const char *must_say[ACTS]; /* in the text after each act in peace */
};

static const struct story stories[] = {
    { "life",
      { { .variant = FIRST },
        { .variant = SECOND },
        { .goal = HC_GOAL_ROLLBACK, .one_shot = true, .rollback_to = 1 },
        { .goal = HC_GOAL_TEST, .one_shot = true },
        { .goal = HC_GOAL_ABSENT } },
      5,
      { "revision 1 deployed Install", "revision 2 deployed Upgrade", "revision 3 deployed Rollback to 1",
        "test-1 Succeeded", "Job post-delete-1" } },
    { "definitions",
      { { .variant = FIRST, .crds = true, .tests = true },
        { .variant = BROKEN, .crds = true, .remediate_last = true },
        { .variant = SECOND, .crds = true },
        { .goal = HC_GOAL_ABSENT, .keep_history = true } },
      4,
      { "test-1 Succeeded", "revision 3 deployed Rollback to 1", "Widget w 1", "revision 4 uninstalled" } },
    { "failed-install",
      { { .variant = BROKEN, .remediate_last = true, .keep_history = true },
        { .variant = FIRST },
        { .variant = BROKEN, .remediate_last = true, .retries = 1 } },
      3,
      { "revision 1 uninstalled", "revision 2 deployed Install", "deployed Rollback to" } },
    { "waves",
      { { .variant = FIRST, .waves = true },
        { .variant = BROKEN, .waves = true, .remediate_last = true },
        { .variant = SECOND, .waves = true },
        { .goal = HC_GOAL_ABSENT, .waves = true } },
      4,
      { "Deployment leaves-2", "revision 3 deployed Rollback to 1", "ConfigMap last", "Job post-delete-1" } },
    { "by-the-client",
      { { .variant = FIRST, .ssa = HC_SSA_OFF },
        { .variant = SECOND },
        { .variant = BROKEN, .remediate_last = true },
        { .variant = SECOND, .ssa = HC_SSA_ON },
        { .goal = HC_GOAL_ABSENT } },
      5,
      { "revision 1 deployed", "revision 2 deployed", "revision 4 deployed Rollback to 2", "revision 5 deployed",
        "Job post-delete-1" } },
};

/* What a story comes to, act by act. */
struct course {
    hc_str text[ACTS];
    int64_t hooks[ACTS];
    int code[ACTS];
    uint64_t allocations[ACTS];
    int writes[ACTS]; /* of the engine */
};
static struct course peace[HC_LEN(stories)];
static struct hc_arena *kept;

/* ---- chance -------------------------------------------------------------------------------------------------- */

static uint32_t state;
static uint32_t chance(uint32_t n)
{
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state % n;
}
static void chance_seed(uint32_t seed)
{
    state = seed * 2654435761u + 1;
    for (int i = 0; i < 8; i++)
        (void)chance(2);
}

static bool loud;

/* ---- faults -------------------------------------------------------------------------------------------------- */

static void arm_faults(struct scene_place *p)
{
    static const char *const verbs[] = { "",       "",      "get",   "list",   "create",
                                         "update", "patch", "patch", "delete", "watch" };
    static const char *const paths[] = { "",
                                         "",
                                         "*/secrets*",
                                         "*/secrets*",
                                         "*/jobs*",
                                         "*/deployments*",
                                         "*/configmaps*",
                                         "*/pods*",
                                         "/apis*",
                                         "*/customresourcedefinitions*" };
    static const char *const what[] = { "\"refuse\"",
                                        "\"drop\",\"delayMs\":20",
                                        "\"drop\"",
                                        "\"delay\",\"delayMs\":15",
                                        "\"status\",\"code\":409",
                                        "\"status\",\"code\":409",
                                        "\"status\",\"code\":429",
                                        "\"status\",\"code\":429,\"retryAfter\":1",
                                        "\"status\",\"code\":500",
                                        "\"status\",\"code\":500",
                                        "\"status\",\"code\":502",
                                        "\"status\",\"code\":503",
                                        "\"status\",\"code\":504",
                                        "\"answer-lost\"",
                                        "\"answer-lost\"",
                                        "\"answer-lost\"" };
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    scene_ask(p, a, "DELETE", "/sandbox/faults", (hc_str){ NULL, 0 });
    uint32_t n = 1 + chance(4);
    for (uint32_t i = 0; i < n; i++) {
        const char *verb = verbs[chance(HC_LEN(verbs))], *path = paths[chance(HC_LEN(paths))],
                   *action = what[chance(HC_LEN(what))];
        if (strstr(action, "409") && (!verb[0] || strcmp(verb, "get") == 0 || strcmp(verb, "list") == 0))
            verb = "patch"; /* who reads has no conflicts */
        if (strstr(action, "\"drop\"") && chance(4) > 0)
            action = "\"drop\",\"delayMs\":20"; /* one that ends by the client's patience costs a second */
        if (strcmp(verb, "watch") == 0)
            action = "\"cut-watch\",\"delayMs\":5";
        hc_buf_printf(&b,
                      "%s{\"verb\":\"%s\",\"path\":\"%s\",\"agent\":\"" SCENE_AGENT "*\",\"after\":%u,\"count\":%u,"
                      "\"action\":%s}",
                      i > 0 ? "," : "[", verb, path, chance(14), 1 + chance(3), action);
    }
    hc_buf_puts(&b, "]");
    if (loud)
        printf("  faults %.*s\n", HC_P(hc_buf_str(&b)));
    scene_ask(p, a, "POST", "/sandbox/faults", hc_buf_str(&b));
}

static void no_faults(struct scene_place *p)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    scene_ask(p, a, "DELETE", "/sandbox/faults", (hc_str){ NULL, 0 });
}

/* ---- acts ---------------------------------------------------------------------------------------------------- */

static bool reached(struct scene_place *p, const char *ns, hc_str want)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    return hc_str_eq(scene_dump(p, a, ns), want);
}

/* A command that ended with a failure before it began anything, or was killed, is given again, unless all is done. */
static bool again(struct scene_place *p, const char *ns, const struct scene_act *w, int *code, int want_code,
                  hc_str want, int tries)
{
    bool killed = *code == -1, failed = *code != want_code && w->one_shot;
    if ((!killed && !failed) || tries > 8)
        return false;
    if (w->one_shot && reached(p, ns, want)) {
        *code = want_code;
        return false;
    }
    return true;
}

/* Faults and kills for the first four processes of an act, then peace. */
static int act_random(struct scene_place *p, struct scene_order *o, const struct course *want, size_t i)
{
    int code = 0, tries = 0;
    do {
        int kill_after = tries < 4 && chance(2) == 0 ? 1 + (int)chance(24) : 0;
        o->seed = 1 + chance(1u << 30);
        o->request_timeout_ms = 2000;
        if (tries < 4)
            arm_faults(p);
        else
            no_faults(p);
        if (loud)
            printf("  process %d, seed %u, killed behind write %d\n", tries, o->seed, kill_after);
        code = scene_run(p, o, kill_after);
        if (loud)
            printf("  -> %d\n", code);
    } while (again(p, o->ns, &o->act, &code, want->code[i], want->text[i], tries++));
    no_faults(p);
    return code;
}

static int act_memory(struct scene_place *p, struct scene_order *o, const struct course *want, size_t i, uint64_t n)
{
    int code, tries = 0;
    o->fail_at = n;
    do {
        code = scene_run(p, o, 0);
        o->fail_at = 0;
        if (code == 5 || (code == 3 && !o->act.one_shot && want->code[i] != 3 && tries == 0))
            code = -1; /* refused for want of memory: next start */
    } while (again(p, o->ns, &o->act, &code, want->code[i], want->text[i], tries++));
    return code;
}

/* The acts from i on of which a first controller may be stopped behind its nth write. */
static bool may_be_hit(const struct story *s, const struct course *want, size_t i, int n)
{
    enum { MORE = 3 /* than in peace: what was parked may be written once more */ };
    for (; i < s->n; i++)
        if (n <= want->writes[i] + MORE)
            return true;
    return false;
}

/* Some act makes so many allocations. */
static bool may_be_refused(const struct story *s, const struct course *want, int n)
{
    for (size_t i = 0; i < s->n; i++)
        if ((uint64_t)n <= want->allocations[i] + SPREAD)
            return true;
    return false;
}

/* False in *out_hit: the first made fewer writes than that. */
static int act_two(struct scene_place *p, struct scene_order *o, const struct course *want, size_t i, int n,
                   bool *out_hit)
{
    o->trusted_ms = TRUSTED_MS;
    pid_t first = scene_hatch(p, 0, o);
    scene_arm(p, first, n, SIGSTOP);
    kill(first, SIGCONT);
    if (scene_stopped(p, 0, first)) {
        int64_t until_ms = hc_mono_ms() + TRUSTED_MS + 1;
        *out_hit = true;
        /* A command behind its last write has done it: another one would do it once more. */
        if (!o->act.one_shot || !reached(p, o->ns, want->text[i])) {
            pid_t second = scene_hatch(p, 1, o);
            kill(second, SIGCONT);
            int code2 = scene_end(p, 1);
            if (loud)
                printf("  the second ends with %d\n", code2);
        }
        while (hc_mono_ms() < until_ms) /* shorter pauses are no pauses: nobody else gets a lease meanwhile */
            usleep(1000);
        kill(first, SIGCONT);
    }
    int code = scene_end(p, 0), tries = 0;
    while (again(p, o->ns, &o->act, &code, want->code[i], want->text[i], tries++))
        code = scene_run(p, o, 0);
    return code;
}

/* ---- stories ------------------------------------------------------------------------------------------------- */

/* Lines of `a` that are not in `b`. */
static void print_lines(const char *mark, hc_str a, hc_str b)
{
    hc_str line;
    while (hc_str_split(&a, '\n', &line))
        if (line.n > 0 && hc_str_find_str(b, line) == SIZE_MAX)
            printf("  %s %.*s\n", mark, HC_P(line));
}

enum mode { PEACE, RANDOM, MEMORY, TWO };
enum { LOTS = 1 << 20 }; /* no act has as many writes */

/* Tells a story. Gives how many acts were under faults; *out_bad: it came to another end. n: the seed, or the nth. */
static int tell(struct scene_place *p, enum mode mode, size_t which, int n, struct course *want, bool *out_bad)
{
    const struct story *s = &stories[which];
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct scene_order o = { .timeout_ms = CALM };
    int under = 0;
    *out_bad = false;
    snprintf(o.ns, sizeof(o.ns), "%s-%d", s->name, n);
    scene_ask(p, a, "DELETE", "/sandbox/stats", (hc_str){ NULL, 0 });
    scene_make_namespace(p, o.ns);
    bool hit = true;
    /* One act more than can be hit is told: nothing of it may last. */
    for (size_t i = 0; i < s->n && !*out_bad && (mode != TWO || hit || may_be_hit(s, want, i, n)); i++) {
        int64_t before = scene_jobs_made(p);
        int code;
        o.act = s->acts[i];
        o.seed = 0;
        if (loud)
            printf("%s act %zu\n", s->name, i + 1);
        hit = true;
        if (mode == RANDOM) {
            code = act_random(p, &o, want, i);
        } else if (mode == MEMORY) {
            hit = (uint64_t)n <= want->allocations[i] + SPREAD;
            code = act_memory(p, &o, want, i, hit ? (uint64_t)n : 0);
        } else if (mode == TWO) {
            hit = false;
            code = act_two(p, &o, want, i, n, &hit);
        } else {
            o.fail_at = UINT64_MAX;
            code = scene_run(p, &o, LOTS);
            want->allocations[i] = scene_allocations(p, o.ns);
            want->writes[i] = LOTS - scene_kill_left(p);
        }
        under += hit;
        hc_str text = scene_dump(p, a, o.ns);
        int64_t hooks = scene_jobs_made(p) - before;
        if (mode == PEACE) {
            want->text[i] = hc_arena_str(kept, text);
            want->hooks[i] = hooks;
            want->code[i] = code;
            if (hc_str_find_str(text, hc_str_of(s->must_say[i])) == SIZE_MAX) {
                printf("FAILED %s, act %zu in peace (exit %d) does not say '%s':\n%.*s", s->name, i + 1, code,
                       s->must_say[i], HC_P(text));
                *out_bad = true;
            }
        } else if (code != want->code[i] || hooks != want->hooks[i] || !hc_str_eq(text, want->text[i])) {
            printf("FAILED %s, act %zu, %s %d: exit %d instead of %d, %d hooks made instead of %d\n", s->name,
                   i + 1, mode == RANDOM ? "SEED" : "n", n, code, want->code[i], (int)hooks, (int)want->hooks[i]);
            print_lines("+", text, want->text[i]);
            print_lines("-", want->text[i], text);
            *out_bad = true;
        }
    }
    fflush(stdout);
    scene_delete_namespace(p, o.ns);
    return under;
}

static bool is_asked_for(size_t which)
{
    const char *s = getenv("STORY");
    return !s || strcmp(s, stories[which].name) == 0;
}

static int number(const char *name, int otherwise)
{
    const char *s = getenv(name);
    return s && *s ? atoi(s) : otherwise;
}

struct tally {
    int acts, stories, failed;
};

static struct tally turns(enum mode mode, int job, int jobs)
{
    struct tally t = { 0, 0, 0 };
    struct scene_place p;
    const char *runs = getenv("RUNS");
    bool all = runs && strcmp(runs, "all") == 0;
    int seed = number("SEED", 1), limit = all ? 0 : number("RUNS", mode == RANDOM ? 32 : 0);
    if (!scene_enter(&p)) {
        t.failed = 1;
        return t;
    }
    if (mode == RANDOM) {
        /* Seed s is story s modulo their number, so a seed alone says everything. */
        for (int i = job; t.failed < 5; i += jobs) {
            size_t which = (size_t)(seed + i) % HC_LEN(stories);
            bool bad;
            if (t.acts * jobs >= limit && i >= jobs)
                break;
            if (limit == 1 && i > 0)
                break;
            chance_seed((uint32_t)(seed + i));
            t.acts += tell(&p, mode, which, seed + i, &peace[which], &bad);
            t.stories++;
            t.failed += bad;
        }
    }
    for (size_t which = 0; mode != RANDOM && which < HC_LEN(stories); which++) {
        if (!is_asked_for(which))
            continue;
        /* In CI a few of the many; by hand all. */
        int every = number("EVERY", 0);
        int step = every > 0 ? every : all || limit > 0 ? 1 : mode == MEMORY ? 641 : 14;
        int first = limit > 0 || every > 0 ? seed : mode == MEMORY ? 1 : 1 + (int)which;
        for (int n = first + job * step; t.failed < 5; n += jobs * step) {
            bool bad;
            if ((limit > 0 && n >= first + limit) ||
                (mode == TWO && !may_be_hit(&stories[which], &peace[which], 0, n)) ||
                (mode == MEMORY && !may_be_refused(&stories[which], &peace[which], n)))
                break;
            int under = tell(&p, mode, which, n, &peace[which], &bad);
            t.acts += under;
            t.stories++;
            t.failed += bad;
            if (under == 0)
                break;
        }
    }
    scene_leave(&p);
    return t;
}

int main(int argc, char **argv)
{
    static const char *const modes[] = { "peace", "random", "memory", "two" };
    enum mode mode = PEACE;
    for (int i = RANDOM; i <= TWO; i++)
        if (argc > 1 && strcmp(argv[1], modes[i]) == 0)
            mode = (enum mode)i;
    int jobs = HC_MIN(HC_MAX(number("JOBS", 8), 1), 32), back[32][2];
    struct tally sum = { 0, 0, 0 };
    struct scene_place p;
    if (mode == PEACE) {
        fprintf(stderr, "crash.chaos random|memory|two\n");
        return 2;
    }
    loud = number("RUNS", 0) == 1;
    jobs = loud ? 1 : jobs;
    kept = hc_arena_new(0);
    if (!scene_enter(&p))
        return 1;
    bool quiet = loud;
    loud = false;
    for (size_t i = 0; i < HC_LEN(stories); i++) {
        bool bad;
        if (mode != RANDOM && !is_asked_for(i))
            continue;
        (void)tell(&p, PEACE, i, 0, &peace[i], &bad);
        if (bad)
            sum.failed++;
        for (size_t j = 0; j < stories[i].n && mode == MEMORY; j++)
            printf("%s act %zu: %d allocations\n", stories[i].name, j + 1, (int)peace[i].allocations[j]);
    }
    loud = quiet;
    scene_leave(&p);
    fflush(NULL);
    for (int j = 0; j < jobs && sum.failed == 0; j++) {
        if (pipe2(back[j], O_CLOEXEC) != 0)
            return 1;
        if (fork() == 0) {
            struct tally mine = turns(mode, j, jobs);
            fflush(NULL);
            _exit(write(back[j][1], &mine, sizeof(mine)) != sizeof(mine));
        }
        close(back[j][1]);
    }
    for (int j = 0, failed = sum.failed; j < jobs && failed == 0; j++) {
        struct tally theirs = { 0, 0, 1 }; /* of one that died */
        if (read(back[j][0], &theirs, sizeof(theirs)) != sizeof(theirs))
            printf("FAILED: one of the processes died\n");
        sum.acts += theirs.acts;
        sum.stories += theirs.stories;
        sum.failed += theirs.failed;
    }
    while (wait(NULL) > 0)
        ;
    printf("%s: %d acts of %d stories under faults, %d failed\n", modes[mode], sum.acts, sum.stories, sum.failed);
    hc_arena_free(kept);
    return sum.failed > 0 || sum.acts == 0;
}
