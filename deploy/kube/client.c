/*
 * A client is an identity over a shared server. Impersonation makes a second identity on the same connections,
 * certificates and discovery.
 */
#include <fcntl.h>
#include <stdlib.h>

#include "core/base/clock.h"
#include "core/base/digest.h"
#include "core/base/fs.h"
#include "core/base/mem.h"
#include "deploy/kube/kube_impl.h"

#define TOKEN_FRESH_MS 60000 /* kubelets renew the file long before the token ends */

static void server_unref(struct kube_server *s)
{
    if (!s || atomic_fetch_sub(&s->refs, 1) != 1)
        return;
    hc_http_tls_unref(s->tls);
    hc_arena_free(s->arena);
    free(s->entries);
    free(s->seen);
    free(s->base);
    free(s->proxy);
    pthread_mutex_destroy(&s->mu);
    pthread_mutex_destroy(&s->events_mu);
    pthread_mutex_destroy(&s->docs_mu);
    kube_docs_free(s->docs);
    free(s);
}

static struct kube_server *server_new(struct hc_http *http, const struct kube_config *c, int64_t timeout_ms)
{
    struct kube_server *s = hc_calloc(1, sizeof(*s));
    if (!s)
        return NULL;
    atomic_init(&s->refs, 1);
    pthread_mutex_init(&s->mu, NULL);
    pthread_mutex_init(&s->events_mu, NULL);
    pthread_mutex_init(&s->docs_mu, NULL);
    s->http = http;
    s->timeout_ms = timeout_ms > 0 ? timeout_ms : 30000;
    s->arena = hc_arena_new(0);
    s->base = hc_strdup_n(c->server.p, c->server.n);
    s->proxy = c->proxy.n ? hc_strdup_n(c->proxy.p, c->proxy.n) : NULL;
    bool tls = c->ca_pem.n || c->cert_pem.n || c->insecure || c->tls_server_name.n;
    if (tls)
        s->tls = hc_http_tls_new(&(struct hc_http_tls_options){ .ca_pem = c->ca_pem,
                                                                .cert_pem = c->cert_pem,
                                                                .key_pem = c->key_pem,
                                                                .server_name = c->tls_server_name,
                                                                .insecure_skip_verify = c->insecure });
    if (!s->arena || !s->base || (tls && !s->tls) || (c->proxy.n && !s->proxy)) {
        server_unref(s);
        return NULL;
    }
    return s;
}

static hc_str keep(struct hc_arena *a, hc_str s)
{
    return s.n ? hc_arena_str(a, s) : (hc_str){ NULL, 0 };
}

static struct hc_kube *client_new(struct kube_server *s, hc_str ns, hc_str user_agent)
{
    struct hc_kube *k = hc_calloc(1, sizeof(*k));
    if (!k)
        return NULL;
    k->arena = hc_arena_new(0);
    pthread_mutex_init(&k->mu, NULL);
    pthread_mutex_init(&k->exec_mu, NULL);
    k->server = s;
    k->ns = hc_arena_str(k->arena, ns.n ? ns : HC_S("default"));
    k->user_agent = keep(k->arena, user_agent);
    return k;
}

static void set_token(struct hc_kube *k, hc_str text, int64_t fresh_ms)
{
    char *token = hc_strdup_n(text.p ? text.p : "", text.n);
    if (!token)
        return;
    free(k->token);
    k->token = token;
    k->token_until_ms = hc_mono_ms() + HC_MIN(fresh_ms, INT64_MAX / 4);
}

enum hc_rc hc_kube_new(struct hc_http *http, const struct hc_kube_options *o, struct hc_kube **out,
                       struct hc_err *err)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct kube_config c;
    enum hc_rc rc = kube_config_read(a, o, &c, err);
    if (rc != HC_OK)
        return rc;
    struct kube_credential credential = { .fresh_ms = 0 };
    if (c.exec.config) { /* a certificate it may give belongs to the connections */
        rc = kube_exec_run(a, &c.exec, &credential, err);
        if (rc != HC_OK)
            return rc;
        c.token = credential.token;
        if (credential.cert_pem.n) {
            c.cert_pem = credential.cert_pem;
            c.key_pem = credential.key_pem;
        }
    }
    if (hc_str_starts(c.server, HC_S("https://"))) {
        bool alone = !c.token.n && !c.token_file.n && !c.basic.n;
        rc = kube_pair_check(a, hc_arena_strz(a, c.where), c.insecure ? (hc_str){ NULL, 0 } : c.ca_pem, c.cert_pem,
                             c.key_pem, alone, err);
        if (rc != HC_OK)
            return rc;
    }
    struct kube_server *s = server_new(http, &c, o->timeout_ms);
    struct hc_kube *k = s ? client_new(s, c.ns, hc_str_of(o->user_agent)) : NULL;
    if (!k) {
        server_unref(s);
        return hc_fail_nomem(err);
    }
    k->token_file = keep(k->arena, c.token_file);
    k->as_user = keep(k->arena, c.as_user);
    if (c.basic.n)
        k->basic = hc_base64(k->arena, c.basic);
    if (c.token.n && !c.token_file.n)
        set_token(k, c.token, c.exec.config ? credential.fresh_ms : INT64_MAX / 4);
    if (c.exec.config)
        k->exec = (struct kube_exec){ hc_val_clone(k->arena, c.exec.config), keep(k->arena, c.exec.dir),
                                      keep(k->arena, c.exec.server) };
    k->as_groups = HC_NEW_N(k->arena, hc_str, c.as_groups_n + 1);
    for (size_t i = 0; k->as_groups && i < c.as_groups_n; i++)
        k->as_groups[k->as_groups_n++] = keep(k->arena, c.as_groups[i]);
    if (hc_arena_spent(k->arena) || (c.token.n && !c.token_file.n && !k->token)) {
        hc_kube_free(k);
        return hc_fail_nomem(err);
    }
    *out = k;
    return HC_OK;
}

enum hc_rc hc_kube_impersonate(struct hc_kube *k, hc_str user, struct hc_kube **out, struct hc_err *err)
{
    atomic_fetch_add(&k->server->refs, 1);
    struct hc_kube *n = client_new(k->server, k->ns, k->user_agent);
    if (!n) {
        server_unref(k->server);
        return hc_fail_nomem(err);
    }
    n->token_file = keep(n->arena, k->token_file);
    n->basic = keep(n->arena, k->basic);
    n->as_user = keep(n->arena, user);
    if (k->exec.config)
        n->exec = (struct kube_exec){ hc_val_clone(n->arena, k->exec.config), keep(n->arena, k->exec.dir),
                                      keep(n->arena, k->exec.server) };
    pthread_mutex_lock(&k->mu);
    bool token = k->token && !k->token_file.n;
    n->token = token ? hc_strdup_n(k->token, strlen(k->token)) : NULL;
    n->token_until_ms = k->token_until_ms;
    pthread_mutex_unlock(&k->mu);
    if (hc_arena_spent(n->arena) || (token && !n->token)) {
        hc_kube_free(n);
        return hc_fail_nomem(err);
    }
    *out = n;
    return HC_OK;
}

void hc_kube_free(struct hc_kube *k)
{
    if (!k)
        return;
    server_unref(k->server);
    pthread_mutex_destroy(&k->mu);
    pthread_mutex_destroy(&k->exec_mu);
    if (k->token)
        explicit_bzero(k->token, strlen(k->token));
    free(k->token);
    hc_arena_free(k->arena);
    free(k);
}

hc_str hc_kube_namespace(const struct hc_kube *k)
{
    return k->ns;
}

bool kube_token_expired(struct hc_kube *k)
{
    if (!k->token_file.n && !k->exec.config)
        return false;
    pthread_mutex_lock(&k->mu);
    k->token_until_ms = 0;
    pthread_mutex_unlock(&k->mu);
    return true;
}

/* Runs the plugin, once for all who wait for it; nobody else is held up meanwhile. */
static void renew(struct hc_kube *k, struct hc_arena *a)
{
    pthread_mutex_lock(&k->exec_mu);
    pthread_mutex_lock(&k->mu);
    bool old = !k->token || hc_mono_ms() >= k->token_until_ms;
    pthread_mutex_unlock(&k->mu);
    if (old) {
        struct kube_credential c;
        k->exec_err = (struct hc_err)HC_ERR_INIT;
        if (kube_exec_run(a, &k->exec, &c, &k->exec_err) == HC_OK) {
            pthread_mutex_lock(&k->mu);
            set_token(k, c.token, c.fresh_ms);
            pthread_mutex_unlock(&k->mu);
        }
    }
    pthread_mutex_unlock(&k->exec_mu);
}

void kube_plugin_failure(struct hc_kube *k, struct hc_err *err)
{
    if (!k->exec.config)
        return;
    pthread_mutex_lock(&k->exec_mu);
    if (k->exec_err.code != HC_OK)
        hc_wrap(err, "%s", k->exec_err.msg);
    pthread_mutex_unlock(&k->exec_mu);
}

/*
 * "Authorization: Bearer ...": from memory, or from the file or plugin it comes from when it grew old. What cannot be
 * read leaves the old token in use: the server's 401 says the rest. A plugin is not waited for on the HTTP loop's
 * thread (watches): there the token at hand must do until another request renews it.
 */
static hc_str bearer(struct hc_kube *k, struct hc_arena *a)
{
    hc_str out = { NULL, 0 };
    pthread_mutex_lock(&k->mu);
    bool old = !k->token || hc_mono_ms() >= k->token_until_ms;
    if (k->token_file.n && old) {
        hc_str text;
        if (hc_read_file(a, AT_FDCWD, k->token_file.p, 1 << 20, &text, NULL) == HC_OK)
            set_token(k, hc_str_trim(text), TOKEN_FRESH_MS);
    } else if (k->exec.config && old && !hc_http_on_loop(k->server->http)) {
        pthread_mutex_unlock(&k->mu);
        renew(k, a);
        pthread_mutex_lock(&k->mu);
    }
    if (k->token && k->token[0])
        out = hc_arena_printf(a, "Authorization: Bearer %s", k->token);
    pthread_mutex_unlock(&k->mu);
    return out;
}

const char **kube_headers(struct hc_kube *k, struct hc_arena *a, const char *accept, const char *content_type)
{
    const char **h = HC_NEW_N(a, const char *, 6 + k->as_groups_n);
    size_t n = 0;
    if (!h)
        return NULL;
    h[n++] = hc_arena_printf(a, "Accept: %s", accept ? accept : "application/json").p;
    if (content_type)
        h[n++] = hc_arena_printf(a, "Content-Type: %s", content_type).p;
    hc_str auth = bearer(k, a);
    if (!auth.p && k->basic.n)
        auth = hc_arena_printf(a, "Authorization: Basic %s", k->basic.p);
    if (auth.p)
        h[n++] = auth.p;
    if (k->user_agent.n)
        h[n++] = hc_arena_printf(a, "User-Agent: %s", k->user_agent.p).p;
    if (k->as_user.n)
        h[n++] = hc_arena_printf(a, "Impersonate-User: %s", k->as_user.p).p;
    for (size_t i = 0; i < k->as_groups_n; i++)
        h[n++] = hc_arena_printf(a, "Impersonate-Group: %s", k->as_groups[i].p).p;
    h[n] = NULL;
    return hc_arena_spent(a) ? NULL : h;
}
