/*
 * The server as a whole: what is opened, in which order, and the loop: requests, then timers, then the
 * simulator's work, a bounded piece of each.
 */
#include "helmctl/sandbox/sandbox.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "helmctl/sandbox/sandbox_impl.h"

enum { READY_AFTER_MS = 150, WORK_A_TURN = 200, IDLE_MS = 1000 };

static enum hc_rc open_store(struct hc_sandbox *s, const char *data, struct hc_err *err)
{
    char path[4096] = ":memory:";
    if (data && strcmp(data, ":memory:") != 0) {
        if (hc_mkdirs(data, 0700, err) != HC_OK)
            return hc_wrap(err, "folder of the sandbox");
        int n = snprintf(path, sizeof(path), "%s/sandbox.db", data);
        if (n < 0 || (size_t)n >= sizeof(path))
            return hc_fail(err, HC_E_INPUT, "--data '%s' is too long a path", data);
    }
    return hc_sb_store_open(path, &s->store, err);
}

/* CRDs that were stored before the last stop. */
static void load_crds(struct hc_sandbox *s)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    if (!a)
        return;
    const struct hc_sb_kind *k = hc_sb_kind_builtin(s, "apiextensions.k8s.io/customresourcedefinitions");
    struct hc_sb_row *rows;
    size_t n = hc_sb_store_list(s->store, a, k->key, (hc_str){ NULL, 0 }, HC_S(""), HC_S(""), 0, &rows);
    for (size_t i = 0; i < n; i++)
        hc_sb_crd_changed(s, rows[i].name, hc_sb_parse_body(a, k, rows[i].body));
}

static enum hc_rc write_kubeconfig(const struct hc_sandbox *s, const struct hc_sandbox_options *o,
                                   struct hc_err *err)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 65536);
    hc_buf_printf(&b, "apiVersion: v1\nkind: Config\nclusters:\n- name: sandbox\n  cluster:\n    server: %s\n",
                  s->url);
    if (o->tls_cert)
        hc_buf_printf(&b, "    certificate-authority: \"%s\"\n", o->tls_cert);
    hc_buf_puts(&b, "contexts:\n- name: sandbox\n  context:\n    cluster: sandbox\n    user: sandbox\n"
                    "    namespace: default\ncurrent-context: sandbox\nusers:\n- name: sandbox\n  user:");
    if (s->token)
        hc_buf_printf(&b, "\n    token: \"%s\"\n", s->token);
    else
        hc_buf_puts(&b, " {}\n");
    return hc_write_file(o->kubeconfig, hc_buf_str(&b), 0600, err);
}

enum hc_rc hc_sandbox_new(const struct hc_sandbox_options *o, struct hc_sandbox **out, struct hc_err *err)
{
    struct hc_sandbox *s = hc_calloc(1, sizeof(*s));
    if (!s)
        return hc_fail_nomem(err);
    s->ready_after_ms = o->ready_after_ms < 0 ? READY_AFTER_MS : o->ready_after_ms;
    s->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    s->forever = hc_arena_new(0);
    s->faults = hc_sb_faults_new();
    s->token = o->token ? hc_strdup_n(o->token, strlen(o->token)) : NULL;
    enum hc_rc rc = HC_OK;
    if (s->stop_fd < 0)
        rc = hc_fail_errno(err, "make", "an eventfd");
    else if (!s->forever || !s->faults || (o->token && !s->token) || !hc_sb_kinds_init(s))
        rc = hc_fail_nomem(err);
    if (rc == HC_OK)
        rc = open_store(s, o->data, err);
    if (rc == HC_OK) {
        s->watches = hc_sb_watches_new(hc_sb_store_rv(s->store));
        if (!s->watches)
            rc = hc_fail_nomem(err);
    }
    if (rc == HC_OK) {
        load_crds(s);
        hc_sb_first_objects(s);
        hc_sb_simulate_restart(s);
        s->restarted = true;
        rc = hc_sb_http_start(s, o, err);
    }
    if (rc == HC_OK && o->kubeconfig)
        rc = write_kubeconfig(s, o, err);
    if (rc != HC_OK) {
        hc_sandbox_free(s);
        return rc;
    }
    *out = s;
    return HC_OK;
}

void hc_sandbox_free(struct hc_sandbox *s)
{
    if (!s)
        return;
    hc_sb_http_stop(s);
    hc_sb_loop_done(s);
    hc_sb_watches_free(s->watches);
    hc_sb_faults_free(s->faults);
    hc_sb_store_close(s->store);
    hc_sb_crds_done(s);
    hc_arena_free(s->forever);
    if (s->stop_fd >= 0)
        close(s->stop_fd);
    free(s->token);
    free(s);
}

const char *hc_sandbox_url(const struct hc_sandbox *s)
{
    return s->url;
}

void hc_sandbox_stop(struct hc_sandbox *s)
{
    int was = errno;
    uint64_t one = 1;
    ssize_t n = write(s->stop_fd, &one, sizeof(one));
    (void)n; /* full means it was asked for already */
    errno = was;
}

enum hc_rc hc_sandbox_run(struct hc_sandbox *s, struct hc_err *err)
{
    for (;;) {
        hc_sb_timers_run(s);
        bool more = hc_sb_work(s, WORK_A_TURN);
        s->restarted = s->restarted && more;
        int64_t wait = hc_sb_timers_wait_ms(s);
        wait = more ? 0 : wait < 0 ? IDLE_MS : HC_MIN(wait, (int64_t)IDLE_MS);
        enum hc_rc rc = hc_sb_http_step(s, wait, s->stop_fd, err);
        if (rc != HC_OK)
            return rc;
        uint64_t count;
        if (read(s->stop_fd, &count, sizeof(count)) == (ssize_t)sizeof(count))
            return HC_OK;
    }
}
