#pragma once
/*
 * tests/unit/helmctl/sandbox/rig.h - a sandbox in this process, driven without HTTP
 *
 * Requests are served directly; time is made to pass by settle(), which works off everything that is due.
 */
#include <stdio.h>
#include <stdlib.h>

#include "core/value/json.h"
#include "helmctl/sandbox/sandbox_impl.h"
#include "tests/unit/unit.h"

struct rig {
    struct hc_sandbox *s;
    struct hc_arena *a; /* of the answers; lives until the rig goes */
    int code;
    struct hc_sb_watch *watch; /* of the last call, when it was a watch; the rig closes it */
    const char *content_type, *accept, *agent;
};

static inline int rig_setup(void **state)
{
    struct rig *r = calloc(1, sizeof(*r));
    struct hc_err err = HC_ERR_INIT;
    struct hc_sandbox_options o = { .ready_after_ms = 0 };
    if (!r || hc_sandbox_new(&o, &r->s, &err) != HC_OK) {
        fprintf(stderr, "%s\n", err.msg);
        free(r);
        return -1;
    }
    r->a = hc_arena_new(0);
    *state = r;
    return 0;
}

static inline int rig_teardown(void **state)
{
    struct rig *r = *state;
    hc_sandbox_free(r->s);
    hc_arena_free(r->a);
    free(r);
    return 0;
}

/* Does what is due now, until nothing is. */
static inline void settle(struct rig *r)
{
    for (int i = 0; i < 10000; i++) {
        bool more = hc_sb_work(r->s, 100);
        r->s->restarted = r->s->restarted && more;
        if (!more && hc_sb_timers_wait_ms(r->s) != 0)
            return;
        hc_sb_timers_run(r->s);
    }
    fail_msg("the simulator does not come to rest");
}

/* One request: "GET /api/v1/namespaces?limit=1". Gives the answer as a tree (NULL: it is none), its code in r->code. */
static inline struct hc_val *call_with(struct rig *r, const char *line, hc_str body)
{
    struct hc_sb_req q = { .s = r->s, .a = r->a, .query = hc_map_new(r->a), .body = body };
    hc_str rest = hc_str_of(line), url, pair;
    assert_true(hc_str_split(&rest, ' ', &q.method) && rest.p);
    url = rest;
    hc_str_split(&url, '?', &q.path);
    while (hc_str_split(&url, '&', &pair)) {
        size_t eq = hc_str_find(pair, '=');
        hc_map_put(r->a, q.query, hc_str_sub(pair, 0, eq),
                   hc_str_val(r->a, eq == SIZE_MAX ? HC_S("") : hc_str_sub(pair, eq + 1, pair.n)));
    }
    q.content_type = hc_str_of(r->content_type ? r->content_type : "application/json");
    q.accept = hc_str_of(r->accept ? r->accept : "application/json");
    q.agent = hc_str_of(r->agent ? r->agent : "unit/1");
    hc_buf_init(&q.out, 0);
    hc_sb_route(&q);
    struct hc_sb_verdict v = hc_sb_faults_judge(&q);
    if (v.action == HC_SB_FAULT_STATUS)
        hc_sb_faults_answer(&q, &v);
    else if (v.action == HC_SB_FAULT_NONE)
        hc_sb_serve(&q);
    struct hc_val *out = NULL;
    r->code = q.code;
    r->watch = q.watch;
    hc_str text = hc_buf_to_arena(&q.out, r->a);
    hc_buf_done(&q.out);
    if (text.n && hc_json_parse(r->a, text, 0, &out, NULL) != HC_OK)
        out = NULL;
    return out;
}

static inline struct hc_val *call(struct rig *r, const char *line, const char *body)
{
    return call_with(r, line, body ? hc_str_of(body) : HC_S(""));
}

static inline struct hc_val *patch(struct rig *r, const char *type, const char *path, const char *body)
{
    char line[512];
    snprintf(line, sizeof(line), "PATCH %s", path);
    r->content_type = type;
    struct hc_val *v = call(r, line, body);
    r->content_type = NULL;
    return v;
}

#define APPLY "application/apply-patch+yaml"
#define MERGE "application/merge-patch+json"
#define JSONP "application/json-patch+json"
#define SMP   "application/strategic-merge-patch+json"

/* What a watch has to say now, as text; "" when nothing. */
static inline const char *heard(struct rig *r, struct hc_sb_watch *w)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    char part[4096];
    hc_buf_init(&b, 0);
    for (int64_t n; (n = hc_sb_watch_read(r->s, w, part, sizeof(part))) > 0;)
        hc_buf_put(&b, hc_str_n(part, (size_t)n));
    return hc_arena_strz(r->a, hc_buf_str(&b));
}

static inline const char *text_of(struct rig *r, const struct hc_val *v)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    hc_json_write(&b, v, HC_JSON_SORT);
    return hc_arena_strz(r->a, hc_buf_str(&b));
}

static inline const char *at(struct rig *r, const struct hc_val *v, const char *path)
{
    return hc_arena_strz(r->a, hc_get_str_at(v, path));
}
