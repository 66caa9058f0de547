/*
 * The progress mark as JSON, and who made it.
 */
#include <signal.h>
#include <stdio.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "core/base/fs.h"
#include "core/value/json.h"
#include "deploy/reconcile/reconcile_impl.h"

#include <fcntl.h>

static const char *const stage_names[] = {
    [HC_STAGE_PRE] = "pre",       [HC_STAGE_WAIT] = "wait", [HC_STAGE_POST] = "post",
    [HC_STAGE_BROKEN] = "broken", [HC_STAGE_TEST] = "test", [HC_STAGE_END] = "end",
};
static const char *const action_names[] = {
    [HC_ACTION_NONE] = "none",         [HC_ACTION_INSTALL] = "install",     [HC_ACTION_UPGRADE] = "upgrade",
    [HC_ACTION_ROLLBACK] = "rollback", [HC_ACTION_UNINSTALL] = "uninstall", [HC_ACTION_TEST] = "test",
};

const char *hc_action_name(enum hc_action a)
{
    return (size_t)a < HC_LEN(action_names) ? action_names[a] : "none";
}

static size_t index_of(hc_str name, const char *const *names, size_t n, size_t otherwise)
{
    for (size_t i = 0; i < n; i++)
        if (hc_str_eqz(name, names[i]))
            return i;
    return otherwise;
}

void hc_mark_read(struct hc_arena *a, hc_str text, struct mark *out)
{
    struct hc_val *v = NULL;
    *out = (struct mark){ .stage = HC_STAGE_END };
    if (text.n == 0 || hc_json_parse(a, text, HC_JSON_NO_POSITIONS, &v, NULL) != HC_OK || !hc_is_map(v))
        return;
    out->there = true;
    out->stage = (enum hc_stage)index_of(hc_get_str(hc_map_getz(v, "stage")), stage_names, HC_LEN(stage_names),
                                         HC_STAGE_END);
    out->action = (enum hc_action)index_of(hc_get_str(hc_map_getz(v, "action")), action_names, HC_LEN(action_names),
                                           HC_ACTION_NONE);
    out->since_ms = hc_get_int_at(v, "since", 0);
    out->from = hc_get_int_at(v, "from", 0);
    out->failures = hc_get_int_at(v, "failures", 0);
    out->digest = hc_get_str(hc_map_getz(v, "digest"));
    out->era = hc_get_str(hc_map_getz(v, "era"));
    out->why = hc_get_str(hc_map_getz(v, "why"));
    out->note = hc_get_str(hc_map_getz(v, "note"));
    out->maker = hc_get_str(hc_map_getz(v, "maker"));
    out->force = hc_get_str(hc_map_getz(v, "force"));
    out->remediation = hc_get_bool_at(v, "remediation", false);
    out->owed = hc_get_bool_at(v, "owed", false);
    out->wave = hc_get_int_at(v, "wave", 0);
    out->hooks_done = hc_get_int_at(v, "hooksDone", 0);
    out->hook_running = hc_get_bool_at(v, "hookRunning", false);
    out->hook_over = hc_get_bool_at(v, "hookOver", false);
    out->hook_broken = hc_get_bool_at(v, "hookBroken", false);
    out->hook_uid = hc_get_str(hc_map_getz(v, "hookUid"));
}

static void put_int(struct hc_arena *a, struct hc_val *v, const char *name, int64_t i)
{
    if (i != 0)
        hc_map_put_int(a, v, name, i);
}
static void put_bool(struct hc_arena *a, struct hc_val *v, const char *name, bool b)
{
    if (b)
        hc_map_put_bool(a, v, name, true);
}
static void put_str(struct hc_arena *a, struct hc_val *v, const char *name, hc_str s)
{
    if (s.n > 0)
        hc_map_put_str(a, v, name, s);
}

hc_str hc_mark_write(struct hc_arena *a, const struct mark *m)
{
    struct hc_val *v = hc_map_new(a);
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_map_put_strz(a, v, "stage", stage_names[m->stage]);
    hc_map_put_strz(a, v, "action", action_names[m->action]);
    put_int(a, v, "since", m->since_ms);
    put_int(a, v, "from", m->from);
    put_int(a, v, "failures", m->failures);
    put_str(a, v, "digest", m->digest);
    put_str(a, v, "era", m->era);
    put_str(a, v, "why", m->why);
    put_str(a, v, "note", m->note);
    put_str(a, v, "maker", m->maker);
    put_str(a, v, "force", m->force);
    put_bool(a, v, "remediation", m->remediation);
    put_bool(a, v, "owed", m->owed);
    put_int(a, v, "wave", m->wave);
    put_int(a, v, "hooksDone", m->hooks_done);
    put_bool(a, v, "hookRunning", m->hook_running);
    put_bool(a, v, "hookOver", m->hook_over);
    put_bool(a, v, "hookBroken", m->hook_broken);
    put_str(a, v, "hookUid", m->hook_uid);
    hc_buf_init(&b, 0);
    hc_json_write(&b, v, HC_JSON_STRICT);
    return hc_buf_to_arena(&b, a);
}

/* Field 22 of /proc/PID/stat: when the process started, so that a number used again is not taken for it. */
static hc_str started(struct hc_arena *a, int64_t pid)
{
    char path[64];
    hc_str text = { NULL, 0 }, part = { NULL, 0 };
    snprintf(path, sizeof(path), "/proc/%" PRId64 "/stat", pid);
    if (hc_read_file(a, AT_FDCWD, path, 4096, &text, NULL) != HC_OK)
        return (hc_str){ NULL, 0 };
    size_t behind = hc_str_rfind(text, ')');
    if (behind == SIZE_MAX)
        return (hc_str){ NULL, 0 };
    text = hc_str_trim(hc_str_sub(text, behind + 1, text.n));
    for (int i = 3; i <= 22; i++)
        if (!hc_str_split(&text, ' ', &part))
            return (hc_str){ NULL, 0 };
    return part;
}

hc_str hc_rec_maker(struct hc_arena *a)
{
    struct utsname host;
    if (uname(&host) != 0)
        return (hc_str){ NULL, 0 };
    hc_str since = started(a, getpid());
    return hc_arena_printf(a, "%s/%d/%.*s", host.nodename, (int)getpid(), HC_P(since));
}

bool hc_rec_maker_alive(hc_str maker, bool *out_here)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct utsname host;
    hc_str node, pid, rest = maker;
    int64_t number = 0;
    *out_here = false;
    if (!a || uname(&host) != 0 || !hc_str_split(&rest, '/', &node) || !hc_str_split(&rest, '/', &pid) ||
        !hc_str_eqz(node, host.nodename) || !hc_str_to_i64(pid, &number))
        return false;
    *out_here = true;
    if (number == getpid())
        return false; /* an earlier instance of this process */
    return hc_str_eq(started(a, number), rest) && rest.n > 0;
}
