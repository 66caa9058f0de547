/*
 * spec.insecure of OCIRepository: a registry that may speak TLS, with a certificate nobody looks at, or plain HTTP. As
 * go-containerregistry, which Flux asks with, /v2/ is asked by TLS, and without where that gives no answer. There both are
 * asked at once after 0.3 s; here one after the other, with a short time each, because what came out is remembered: a
 * registry that lets a TLS handshake hang costs a second once, not a connect timeout and its retries at every look.
 */
#include "charts-fetch/source/oci_impl.h"
#include "core/base/clock.h"

#define ASK_MS 1000

static void key_of(const struct hc_oci *o, char out[HC_SHA256_HEX + 1])
{
    const hc_str parts[] = { o->host, hc_str_of(o->env.proxy), o->auth.ca_pem, o->auth.cert_pem };
    struct hc_sha256 h;
    hc_sha256_init(&h);
    for (size_t i = 0; i < HC_LEN(parts); i++)
        hc_sha256_add_text(&h, parts[i]);
    hc_sha256_hex(&h, out);
}

/* The row of `key`; NULL: there is none. Under the lock. */
static struct oci_scheme_row *row_of(struct oci_schemes *t, const char *key)
{
    for (size_t i = 0; i < HC_LEN(t->rows); i++)
        if (strcmp(t->rows[i].key, key) == 0)
            return &t->rows[i];
    return NULL;
}

static bool recall(struct oci_schemes *t, const char *key, bool *out_plain)
{
    pthread_mutex_lock(&t->lock);
    const struct oci_scheme_row *row = row_of(t, key);
    if (row)
        *out_plain = row->plain;
    pthread_mutex_unlock(&t->lock);
    return row != NULL;
}

static void remember(struct oci_schemes *t, const char *key, bool plain)
{
    pthread_mutex_lock(&t->lock);
    struct oci_scheme_row *row = row_of(t, key);
    if (!row)
        row = &t->rows[t->next++ % HC_LEN(t->rows)];
    memcpy(row->key, key, sizeof(row->key));
    row->plain = plain;
    pthread_mutex_unlock(&t->lock);
}

/* Whether somebody answers; without TLS it must be a registry that does: what speaks TLS answers there, too. */
static bool answers(struct hc_oci *o, bool plain)
{
    int64_t left = o->deadline_ms - hc_mono_ms();
    struct hc_http_response r = { 0 };
    struct hc_http_request req = {
        .method = "GET",
        .url = hc_arena_printf(o->a, "%s://%.*s/v2/", plain ? "http" : "https", HC_P(o->host)).p,
        .tls = plain ? NULL : o->tls,
        .proxy = o->env.proxy,
        .timeout_ms = HC_MAX(HC_MIN(left, (int64_t)2 * ASK_MS), 1),
        .first_byte_ms = ASK_MS,
        .max_bytes = 65536
    };
    if (!req.url || left <= 0)
        return false;
    bool answered = hc_http_do(o->env.http, o->a, &req, &r, NULL) == HC_OK;
    return answered && (!plain || r.status == 200 || r.status == 401);
}

void oci_choose_scheme(struct hc_oci *o)
{
    char key[HC_SHA256_HEX + 1];
    bool plain = false;
    if (!o->may_fall_back)
        return;
    struct oci_schemes *t = o->env.logins ? oci_schemes(o->env.logins) : NULL;
    o->may_fall_back = false;
    key_of(o, key);
    if (!t || !recall(t, key, &plain)) {
        bool tls = answers(o, false);
        plain = !tls && answers(o, true);
        if (t &&
            (tls || plain)) /* nobody: the server is gone or slow, and is asked by TLS, in all the time there is */
            remember(t, key, plain);
    }
    o->chosen = true;
    if (plain)
        o->scheme = "http";
}

void oci_scheme_failed(struct hc_oci *o)
{
    char key[HC_SHA256_HEX + 1];
    if (!o->chosen || !o->env.logins)
        return;
    struct oci_schemes *t = oci_schemes(o->env.logins);
    key_of(o, key);
    pthread_mutex_lock(&t->lock);
    struct oci_scheme_row *row = row_of(t, key);
    if (row)
        row->key[0] = '\0';
    pthread_mutex_unlock(&t->lock);
}
