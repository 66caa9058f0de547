/*
 * Faults and counts, for tests. Private paths, outside of the Kubernetes API and of its token:
 *
 *   POST   /sandbox/faults           one fault or a list of them; answers {"ids":[...]}
 *          {"verb":"update",             get list watch create update patch delete deletecollection, or left out: all
 *           "path":"/api/v1/namespaces/?*","agent":"helmctl*",   globs, left out: all
 *           "action":"status",           refuse    close the connection before anything is done
 *                                        drop      never answer; closed after delayMs (60000)
 *                                        delay     wait delayMs, then go on
 *                                        status    answer `code` (409, 429, 500, 503, ...), with `message`
 *                                        cut-watch end matching watches delayMs after they began, and those open now
 *                                        answer-lost  do it, then close the connection without an answer
 *                                        hide      discovery tells nothing of `group`, as a server's does for a
 *                                                  moment after a CustomResourceDefinition was established
 *           "code":429,"retryAfter":2,"delayMs":100,"message":"...",
 *           "after":3,                   let the first 3 matching requests pass
 *           "count":1}                   then hit this many (left out: all that follow)
 *   GET    /sandbox/faults           those still armed, with how often they hit
 *   DELETE /sandbox/faults           none any more
 *   POST   /sandbox/kill-after-write {"n":5,"pid":1234,"signal":9,"agent":"helmctl*"}
 *                                    after the 5th committed write (of that user-agent) and before its answer
 *                                    leaves, the process gets the signal; n 0 switches it off
 *   GET    /sandbox/stats            counts since the start or the last reset; DELETE sets them to zero
 */
#include <errno.h>
#include <fnmatch.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/types.h>

#include "core/base/mem.h"
#include "core/value/json.h"
#include "helmctl/sandbox/sandbox_impl.h"

enum { FAULTS_MAX = 256, COUNTS_MAX = 512 };
#define CREATED "created" /* in the place of a verb */

struct fault {
    int64_t id;
    char verb[24], path[512], agent[128], message[256]; /* message: the group of `hide`, too */
    enum hc_sb_fault_action action;
    int code, retry_after_s;
    int64_t delay_ms, after, count, hits; /* count -1: no end */
};

struct count {
    char name[128]; /* "list pods", "patch deployments.apps/status" */
    int64_t n;
};

struct hc_sb_faults {
    struct fault f[FAULTS_MAX];
    size_t n;
    int64_t next_id;
    struct count counts[COUNTS_MAX];
    size_t n_counts;
    int64_t requests, writes;
    int64_t kill_left, kill_pid, kill_signal;
    char kill_agent[128];
};

static const struct {
    const char *name;
    enum hc_sb_fault_action action;
} actions[] = {
    { "refuse", HC_SB_FAULT_REFUSE }, { "drop", HC_SB_FAULT_DROP },     { "delay", HC_SB_FAULT_DELAY },
    { "status", HC_SB_FAULT_STATUS }, { "cut-watch", HC_SB_FAULT_CUT }, { "answer-lost", HC_SB_FAULT_LOST },
    { "hide", HC_SB_FAULT_HIDE },
};

struct hc_sb_faults *hc_sb_faults_new(void)
{
    return hc_calloc(1, sizeof(struct hc_sb_faults));
}

void hc_sb_faults_free(struct hc_sb_faults *f)
{
    free(f);
}

static bool copy(char *to, size_t cap, hc_str s)
{
    if (s.n >= cap)
        return false;
    if (s.n)
        memcpy(to, s.p, s.n);
    to[s.n] = '\0';
    return true;
}

static bool glob(struct hc_arena *a, const char *pattern, hc_str text)
{
    char *z = hc_arena_strz(a, text);
    return !pattern[0] || (z && fnmatch(pattern, z, 0) == 0);
}

static void count(struct hc_sb_faults *f, struct hc_sb_req *r, const char *what)
{
    char name[128];
    hc_str line = HC_S("other");
    if (r->kind) {
        bool group = r->kind->group.n != 0;
        line = hc_arena_printf(r->a, "%s %.*s%s%.*s%s%.*s", what, HC_P(r->kind->resource), group ? "." : "",
                               HC_P(r->kind->group), r->sub.n ? "/" : "", HC_P(r->sub));
    }
    if (!copy(name, sizeof(name), line))
        return;
    size_t i = 0;
    while (i < f->n_counts && strcmp(f->counts[i].name, name) != 0)
        i++;
    if (i == COUNTS_MAX)
        return;
    if (i == f->n_counts) {
        memcpy(f->counts[i].name, name, sizeof(name));
        f->counts[i].n = 0;
        f->n_counts++;
    }
    f->counts[i].n++;
}

struct hc_sb_verdict hc_sb_faults_judge(struct hc_sb_req *r)
{
    struct hc_sb_verdict v = { .action = HC_SB_FAULT_NONE };
    struct hc_sb_faults *f = r->s->faults;
    if (hc_str_starts(r->path, HC_S("/sandbox/")))
        return v;
    f->requests++;
    count(f, r, r->verb);
    for (size_t i = 0; i < f->n; i++) {
        struct fault *x = &f->f[i];
        const char *verb = r->verb ? r->verb : "other";
        if (x->count == 0 || (x->verb[0] && strcmp(x->verb, verb) != 0) || !glob(r->a, x->path, r->path) ||
            !glob(r->a, x->agent, r->agent) || (x->action == HC_SB_FAULT_CUT && strcmp(verb, "watch") != 0))
            continue;
        if (x->after > 0) {
            x->after--;
            continue;
        }
        if (x->count > 0)
            x->count--;
        x->hits++;
        v = (struct hc_sb_verdict){ .action = x->action,
                                    .code = x->code,
                                    .retry_after_s = x->retry_after_s,
                                    .delay_ms = x->delay_ms,
                                    .message = hc_arena_str(r->a, hc_str_of(x->message)) };
        return v;
    }
    return v;
}

void hc_sb_faults_answer(struct hc_sb_req *r, const struct hc_sb_verdict *v)
{
    static const struct {
        int code;
        const char *reason, *text;
    } known[] = {
        { 400, "BadRequest", "bad request" },
        { 401, "Unauthorized", "Unauthorized" },
        { 403, "Forbidden", "forbidden" },
        { 404, "NotFound", "not found" },
        { 409, "Conflict",
          "Operation cannot be fulfilled: the object has been modified; please apply your changes to the "
          "latest version and try again" },
        { 410, "Expired", "The resourceVersion for the provided watch is too old." },
        { 422, "Invalid", "invalid" },
        { 429, "TooManyRequests", "the server has received too many requests and has asked us to try again later" },
        { 500, "InternalError", "Internal error occurred: a fault was switched on" },
        { 503, "ServiceUnavailable", "the server is currently unable to handle the request" },
        { 504, "Timeout", "Timeout: request did not complete within requested timeout" },
    };
    const char *reason = "", *text = "a fault was switched on";
    for (size_t i = 0; i < HC_LEN(known); i++)
        if (known[i].code == v->code)
            reason = known[i].reason, text = known[i].text;
    struct hc_val *st = hc_sb_status(r->a, v->code, reason, "%s", text);
    if (v->message.n)
        hc_map_put_str(r->a, st, "message", v->message);
    if (v->retry_after_s > 0) {
        hc_map_put_int(r->a, hc_map_sub(r->a, st, "details"), "retryAfterSeconds", v->retry_after_s);
        r->retry_after_s = v->retry_after_s;
    }
    hc_sb_answer_status(r, st);
}

void hc_sb_faults_wrote(struct hc_sb_req *r)
{
    struct hc_sb_faults *f = r->s->faults;
    f->writes++;
    if (r->code == 201)
        count(f, r, CREATED);
    if (f->kill_left <= 0 || !glob(r->a, f->kill_agent, r->agent))
        return;
    if (--f->kill_left == 0 && f->kill_pid > 1)
        kill((pid_t)f->kill_pid, (int)f->kill_signal);
}

static struct hc_val *add_one(struct hc_sb_req *r, const struct hc_val *v, struct hc_val *ids)
{
    struct hc_sb_faults *f = r->s->faults;
    struct fault x = { .code = (int)hc_get_int_at(v, "code", 500),
                       .retry_after_s = (int)hc_get_int_at(v, "retryAfter", 0),
                       .delay_ms = hc_get_int_at(v, "delayMs", 0),
                       .after = hc_get_int_at(v, "after", 0),
                       .count = hc_get_int_at(v, "count", -1) };
    hc_str action = hc_get_str_at(v, "action");
    for (size_t i = 0; i < HC_LEN(actions); i++)
        if (hc_str_eqz(action, actions[i].name))
            x.action = actions[i].action;
    if (x.action == HC_SB_FAULT_NONE)
        return hc_sb_bad_request(r->a,
                                 "fault without a known action '%.*s': refuse, drop, delay, status, cut-watch, "
                                 "answer-lost or hide",
                                 HC_P(action));
    if (x.code < 200 || x.code > 599 || x.count < -1 || x.after < 0 || x.delay_ms < 0)
        return hc_sb_bad_request(r->a,
                                 "fault out of range: code 200 to 599, count, after and delayMs not negative");
    if (!copy(x.verb, sizeof(x.verb), hc_get_str_at(v, "verb")) ||
        !copy(x.path, sizeof(x.path), hc_get_str_at(v, "path")) ||
        !copy(x.agent, sizeof(x.agent), hc_get_str_at(v, "agent")) ||
        !copy(x.message, sizeof(x.message), hc_get_str_at(v, x.action == HC_SB_FAULT_HIDE ? "group" : "message")))
        return hc_sb_bad_request(r->a, "fault with a text that is too long");
    if (f->n == FAULTS_MAX)
        return hc_sb_bad_request(r->a, "too many faults: %d are armed", FAULTS_MAX);
    x.id = ++f->next_id;
    f->f[f->n++] = x;
    hc_list_add(r->a, ids, hc_int_val(r->a, x.id));
    if (x.action == HC_SB_FAULT_CUT && x.after == 0) {
        const struct hc_sb_kind *k = NULL;
        hc_str key = hc_get_str_at(v, "resource"); /* "group/resource": only the open watches of one kind */
        if (key.n)
            k = hc_sb_kind_of_key(r->s, key);
        hc_sb_watches_cut(r->s, k ? k->key : (hc_str){ NULL, 0 });
    }
    return NULL;
}

static struct hc_val *faults_path(struct hc_sb_req *r, const struct hc_val *body)
{
    struct hc_sb_faults *f = r->s->faults;
    struct hc_arena *a = r->a;
    struct hc_val *out = hc_map_new(a), *list = hc_list_new(a);
    if (hc_str_eqz(r->method, "DELETE")) {
        f->n = 0;
    } else if (hc_str_eqz(r->method, "POST")) {
        struct hc_val *bad = hc_is_list(body) ? NULL : add_one(r, body, list);
        for (size_t i = 0; !bad && i < hc_list_len(body); i++)
            bad = add_one(r, hc_list_at(body, i), list);
        if (bad)
            return bad;
        hc_map_put(a, out, HC_S("ids"), list);
    } else {
        for (size_t i = 0; i < f->n; i++) {
            struct hc_val *x = hc_map_new(a);
            hc_map_put_int(a, x, "id", f->f[i].id);
            hc_map_put_strz(a, x, "verb", f->f[i].verb);
            hc_map_put_strz(a, x, "path", f->f[i].path);
            for (size_t j = 0; j < HC_LEN(actions); j++)
                if (actions[j].action == f->f[i].action)
                    hc_map_put_strz(a, x, "action", actions[j].name);
            hc_map_put_int(a, x, "left", f->f[i].count);
            hc_map_put_int(a, x, "hits", f->f[i].hits);
            hc_list_add(a, list, x);
        }
        hc_map_put(a, out, HC_S("faults"), list);
    }
    hc_sb_answer(r, 200, out);
    return NULL;
}

static struct hc_val *kill_path(struct hc_sb_req *r, const struct hc_val *body)
{
    struct hc_sb_faults *f = r->s->faults;
    int64_t pid = hc_get_int_at(body, "pid", 0), sig = hc_get_int_at(body, "signal", SIGKILL);
    int64_t n = hc_get_int_at(body, "n", 0);
    if (!hc_str_eqz(r->method, "POST"))
        return hc_sb_status(r->a, 405, "MethodNotAllowed", "POST {\"n\":..,\"pid\":..} here");
    if (n > 0 && (pid <= 1 || sig < 1 || sig > 64 || kill((pid_t)pid, 0) < 0))
        return hc_sb_bad_request(r->a, "there is no process %" PRId64 " that may be sent signal %" PRId64, pid,
                                 sig);
    if (!copy(f->kill_agent, sizeof(f->kill_agent), hc_get_str_at(body, "agent")))
        return hc_sb_bad_request(r->a, "agent is too long");
    f->kill_left = n;
    f->kill_pid = pid;
    f->kill_signal = sig;
    hc_sb_answer(r, 200, hc_map_new(r->a));
    return NULL;
}

static void stats_path(struct hc_sb_req *r)
{
    struct hc_sb_faults *f = r->s->faults;
    struct hc_arena *a = r->a;
    if (hc_str_eqz(r->method, "DELETE")) {
        f->n_counts = 0;
        f->requests = f->writes = 0;
    }
    struct hc_val *out = hc_map_new(a), *by = hc_map_new(a), *created = hc_map_new(a);
    int64_t lists = 0, watches = 0, gets = 0;
    for (size_t i = 0; i < f->n_counts; i++) {
        hc_str name = hc_str_of(f->counts[i].name);
        if (hc_str_starts(name, HC_S(CREATED " "))) {
            hc_map_put_int(a, created, f->counts[i].name + sizeof(CREATED), f->counts[i].n);
            continue;
        }
        hc_map_put_int(a, by, f->counts[i].name, f->counts[i].n);
        lists += hc_str_starts(name, HC_S("list ")) ? f->counts[i].n : 0;
        watches += hc_str_starts(name, HC_S("watch ")) ? f->counts[i].n : 0;
        gets += hc_str_starts(name, HC_S("get ")) ? f->counts[i].n : 0;
    }
    hc_map_put_int(a, out, "requests", f->requests);
    hc_map_put_int(a, out, "writes", f->writes);
    hc_map_put_int(a, out, "lists", lists);
    hc_map_put_int(a, out, "gets", gets);
    hc_map_put_int(a, out, "watches", watches);
    hc_map_put_int(a, out, "openWatches", (int64_t)hc_sb_watches_count(r->s));
    hc_map_put_int(a, out, "resourceVersion", hc_sb_store_rv(r->s->store));
    hc_map_put_int(a, out, "killAfterWrites", f->kill_left);
    hc_map_put(a, out, HC_S("byVerb"), by);
    hc_map_put(a, out, HC_S("created"), created);
    hc_sb_answer(r, 200, out);
}

bool hc_sb_private(struct hc_sb_req *r)
{
    struct hc_val *body = NULL, *bad = NULL;
    if (!hc_str_starts(r->path, HC_S("/sandbox/")))
        return false;
    struct hc_err err = HC_ERR_INIT;
    if (hc_str_trim(r->body).n && hc_json_parse(r->a, r->body, HC_JSON_NO_POSITIONS, &body, &err) != HC_OK)
        bad = hc_sb_bad_request(r->a, "%s", err.msg);
    else if (hc_str_eqz(r->path, "/sandbox/faults"))
        bad = faults_path(r, body);
    else if (hc_str_eqz(r->path, "/sandbox/kill-after-write"))
        bad = kill_path(r, body);
    else if (hc_str_eqz(r->path, "/sandbox/stats"))
        stats_path(r);
    else
        bad = hc_sb_status(r->a, 404, "NotFound",
                           "the sandbox has /sandbox/faults, /sandbox/kill-after-write, "
                           "/sandbox/stats");
    if (bad)
        hc_sb_answer_status(r, bad);
    return true;
}
