/*
 * Progress. Live: what is over becomes a line that stays, what is not is drawn below and drawn over by the next, at most
 * SHOWN objects, each cut to the width of the terminal. A terminal that is written to by others meanwhile looks untidy,
 * no more.
 */
#include "helmctl/cli/progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/mem.h"
#include "core/value/json.h"

#define SHOWN 12u

struct hc_progress_object {
    char name[160], state[200];
    int64_t since_ms;
};

static const char *const changes[] = { "unchanged", "created", "configured", "deleted", "kept" };

enum hc_rc hc_progress_init(struct hc_progress *p, const char *mode, bool debug, struct hc_err *err)
{
    static const char *const names[] = { "none", "plain", "live", "json" };
    bool terminal = isatty(STDERR_FILENO);
    const char *kind = getenv("TERM");
    *p = (struct hc_progress){ .mode = HC_PROGRESS_NONE };
    if (!mode || strcmp(mode, "auto") == 0) {
        bool dumb = !kind || !*kind || strcmp(kind, "dumb") == 0;
        p->mode = terminal && !dumb && !debug ? HC_PROGRESS_LIVE
                  : terminal || debug         ? HC_PROGRESS_PLAIN
                                              : HC_PROGRESS_NONE;
        return HC_OK;
    }
    for (size_t i = 0; i < HC_LEN(names); i++)
        if (strcmp(mode, names[i]) == 0) {
            p->mode = (enum hc_progress_mode)i;
            return HC_OK;
        }
    return hc_fail(err, HC_E_INPUT, "--progress: '%s' is none of auto, live, plain, json, none", mode);
}

/* ---- words ------------------------------------------------------------------------------------------------- */

/* The line for people; false: nothing is said of it. */
static bool line_of(const struct hc_progress *p, const struct hc_tell *t, char *out, size_t n)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    hc_str object = hc_ref_str(a, &t->ref);
    switch (t->what) {
    case HC_TOLD_RECORDED:
        snprintf(out, n, "%s of %.*s: revision %" PRId64, hc_action_name(t->action), HC_P(p->release),
                 t->record->revision);
        return true;
    case HC_TOLD_RESUMED:
        snprintf(out, n, "going on with revision %" PRId64 ", which was left %s", t->record->revision,
                 hc_status_name(t->record->status));
        return true;
    case HC_TOLD_HOOK:
        if (hc_str_eqz(t->hook->phase, "Running"))
            snprintf(out, n, "  hook %.*s: %.*s began", HC_P(t->message), HC_P(object));
        else
            snprintf(out, n, "  hook %.*s: %s", HC_P(object), t->ok ? "succeeded" : "failed");
        return true;
    case HC_TOLD_OBJECT:
        snprintf(out, n, "  %.*s %s", HC_P(object), changes[t->change]);
        return true;
    case HC_TOLD_WAITING:
        snprintf(out, n, "  %.*s: %.*s", HC_P(object), HC_P(t->message));
        return true;
    case HC_TOLD_READY:
        snprintf(out, n, "  %.*s is ready", HC_P(object));
        return true;
    case HC_TOLD_WAVE:
    case HC_TOLD_PROBLEM:
    case HC_TOLD_TAKEN_OVER:
    case HC_TOLD_SUPERSEDED:
    case HC_TOLD_FAILED:
    case HC_TOLD_UNINSTALL_FAILED:
        snprintf(out, n, "  %.*s", HC_P(t->message));
        return true;
    case HC_TOLD_HOOK_LOG:
    case HC_TOLD_TEST_LOG:
    case HC_TOLD_DEPLOYED:
    case HC_TOLD_TESTED:
    case HC_TOLD_DRIFTED:
    case HC_TOLD_CORRECTED:
    case HC_TOLD_FIGHT:
    case HC_TOLD_UNINSTALLED:
        break;
    }
    return false;
}

/* ---- JSON -------------------------------------------------------------------------------------------------- */

static const char *const events[] = {
    [HC_TOLD_RECORDED] = "recorded",
    [HC_TOLD_RESUMED] = "resumed",
    [HC_TOLD_TAKEN_OVER] = "takenOver",
    [HC_TOLD_SUPERSEDED] = "superseded",
    [HC_TOLD_PROBLEM] = "problem",
    [HC_TOLD_HOOK] = "hook",
    [HC_TOLD_HOOK_LOG] = "hookLog",
    [HC_TOLD_TEST_LOG] = "testLog",
    [HC_TOLD_OBJECT] = "object",
    [HC_TOLD_WAITING] = "waiting",
    [HC_TOLD_READY] = "ready",
    [HC_TOLD_WAVE] = "wave",
    [HC_TOLD_DEPLOYED] = "deployed",
    [HC_TOLD_FAILED] = "failed",
    [HC_TOLD_TESTED] = "tested",
    [HC_TOLD_DRIFTED] = "drifted",
    [HC_TOLD_CORRECTED] = "corrected",
    [HC_TOLD_FIGHT] = "fight",
    [HC_TOLD_UNINSTALLED] = "uninstalled",
    [HC_TOLD_UNINSTALL_FAILED] = "uninstallFailed",
};

static void put(struct hc_arena *a, struct hc_val *v, const char *name, hc_str s)
{
    if (s.n > 0)
        hc_map_put_str(a, v, name, s);
}

static void print_json(const struct hc_progress *p, const struct hc_tell *t)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    HC_AUTO(hc_buf) struct hc_buf b;
    struct hc_val *v = hc_map_new(a);
    hc_buf_init(&b, 0);
    hc_map_put_str(a, v, "time", hc_record_time(a, hc_now_ns()));
    hc_map_put_strz(a, v, "event", events[t->what]);
    put(a, v, "release", p->release);
    put(a, v, "namespace", p->ns);
    if (t->action != HC_ACTION_NONE)
        hc_map_put_strz(a, v, "action", hc_action_name(t->action));
    if (t->record)
        hc_map_put_int(a, v, "revision", t->record->revision);
    if (t->record)
        hc_map_put_strz(a, v, "status", hc_status_name(t->record->status));
    if (t->remediation)
        hc_map_put_bool(a, v, "remediation", true);
    if (t->hook) {
        struct hc_val *h = hc_map_sub(a, v, "hook");
        put(a, h, "name", t->hook->name);
        put(a, h, "phase", t->hook->phase);
    }
    if (t->ref.kind.n > 0) {
        struct hc_val *o = hc_map_sub(a, v, "object");
        put(a, o, "apiVersion", t->ref.api_version);
        put(a, o, "kind", t->ref.kind);
        put(a, o, "namespace", t->ref.ns);
        put(a, o, "name", t->ref.name);
    }
    if (t->what == HC_TOLD_OBJECT)
        hc_map_put_strz(a, v, "change", changes[t->change]);
    hc_map_put_bool(a, v, "ok", t->ok || t->what == HC_TOLD_WAITING || t->what == HC_TOLD_RESUMED);
    put(a, v, "message", t->message);
    put(a, v, "container", t->container);
    hc_json_write(&b, v, HC_JSON_STRICT);
    if (!b.spent)
        fprintf(stderr, "%.*s\n", (int)b.n, b.p);
}

/* ---- live -------------------------------------------------------------------------------------------------- */

static size_t width(void)
{
    struct winsize w;
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col > 20 ? w.ws_col : 80;
}

static void wipe(struct hc_progress *p)
{
    if (p->drawn > 0)
        fprintf(stderr, "\x1b[%zuA\x1b[J", p->drawn);
    p->drawn = 0;
}

/* Cut to the width; what a server says may hold bytes that a terminal obeys. */
static void draw_line(struct hc_progress *p, const char *text, size_t columns)
{
    size_t n = 0;
    for (; text[n] && n + 1 < columns; n++)
        fputc((unsigned char)text[n] < ' ' || text[n] == 0x7f ? ' ' : text[n], stderr);
    fputc('\n', stderr);
    p->drawn++;
}

static void draw(struct hc_progress *p)
{
    char line[420];
    size_t columns = width();
    for (size_t i = 0; i < HC_MIN(p->n, (size_t)SHOWN); i++) {
        snprintf(line, sizeof(line), "  %s %4" PRId64 "s  %s", p->objects[i].name,
                 (hc_mono_ms() - p->objects[i].since_ms) / 1000, p->objects[i].state);
        draw_line(p, line, columns);
    }
    if (p->n == 0 && p->wave[0] == '\0')
        return;
    if (p->total == 0)
        return;
    snprintf(line, sizeof(line), "  %zu of %zu done%s%s%s", p->done, p->total, p->wave[0] ? ", " : "", p->wave,
             p->n > SHOWN ? ", and more that are not shown" : "");
    draw_line(p, line, columns);
}

static struct hc_progress_object *object_of(struct hc_progress *p, const char *name, bool make)
{
    for (size_t i = 0; i < p->n; i++)
        if (strcmp(p->objects[i].name, name) == 0)
            return &p->objects[i];
    if (!make)
        return NULL;
    if (p->n == p->cap) {
        size_t cap = p->cap ? p->cap * 2 : 16;
        struct hc_progress_object *more = hc_realloc(p->objects, cap * sizeof(*more));
        if (!more)
            return NULL;
        p->objects = more;
        p->cap = cap;
    }
    struct hc_progress_object *o = &p->objects[p->n++];
    *o = (struct hc_progress_object){ .since_ms = hc_mono_ms() };
    snprintf(o->name, sizeof(o->name), "%s", name);
    return o;
}

static void over(struct hc_progress *p, const char *name)
{
    struct hc_progress_object *o = object_of(p, name, false);
    if (!o)
        return;
    p->done++;
    *o = p->objects[--p->n];
}

static void live(struct hc_progress *p, const struct hc_tell *t)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    char line[1400], name[160];
    hc_str object = hc_ref_str(a, &t->ref);
    snprintf(name, sizeof(name), "%.*s", HC_P(object));
    wipe(p);
    bool stays = true, running = t->what == HC_TOLD_HOOK && hc_str_eqz(t->hook->phase, "Running");
    if (t->what == HC_TOLD_WAITING || running) {
        struct hc_progress_object *o = object_of(p, name, false);
        p->total += o == NULL;
        o = o ? o : object_of(p, name, true);
        if (o && running)
            snprintf(o->state, sizeof(o->state), "%.*s hook", HC_P(t->message));
        else if (o)
            snprintf(o->state, sizeof(o->state), "%.*s", HC_P(t->message));
        stays = false;
    } else if (t->what == HC_TOLD_READY || t->what == HC_TOLD_HOOK) {
        over(p, name);
    } else if (t->what == HC_TOLD_WAVE) {
        snprintf(p->wave, sizeof(p->wave), "%.*s", HC_P(t->message));
    } else if (t->what == HC_TOLD_FAILED || t->what == HC_TOLD_DEPLOYED || t->what == HC_TOLD_RECORDED ||
               t->what == HC_TOLD_UNINSTALLED || t->what == HC_TOLD_UNINSTALL_FAILED) {
        p->n = p->total = p->done = 0;
        p->wave[0] = '\0';
    }
    if (stays && line_of(p, t, line, sizeof(line)))
        fprintf(stderr, "%s\n", line);
    draw(p);
    fflush(stderr);
}

void hc_progress_tell(struct hc_progress *p, const struct hc_tell *t)
{
    char line[1400];
    switch (p->mode) {
    case HC_PROGRESS_NONE:
        break;
    case HC_PROGRESS_PLAIN:
        if (line_of(p, t, line, sizeof(line)))
            fprintf(stderr, "%s\n", line);
        break;
    case HC_PROGRESS_LIVE:
        live(p, t);
        break;
    case HC_PROGRESS_JSON:
        print_json(p, t);
        break;
    }
}

void hc_progress_done(struct hc_progress *p)
{
    if (p->mode == HC_PROGRESS_LIVE)
        wipe(p);
    free(p->objects);
    *p = (struct hc_progress){ .mode = p->mode, .release = p->release, .ns = p->ns };
}
