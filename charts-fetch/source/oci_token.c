/*
 * What a registry wants to be asked with (RFC 9110 11.6.1), and the tokens it sends us to fetch (distribution spec: token
 * and OAuth2 authentication).
 *
 * A line of the table stands for one repository, asked for the same deeds with the same login. It keeps what the
 * registry asked for last, so that later conversations begin with a token instead of a 401. The gate of a line is held
 * over the request to the token server: who comes meanwhile waits and takes what came of it, a refusal too, so that a
 * wrong password is not tried once for each pull.
 *
 * Credentials go to the token server the registry names, which is another host with most registries; never to one
 * without TLS when the registry itself has it, and never to a link-local address, where clouds keep their own secrets.
 */
#include <pthread.h>
#include <stdlib.h>

#include "charts-fetch/source/http_impl.h"
#include "charts-fetch/source/oci_impl.h"
#include "core/base/clock.h"
#include "core/base/digest.h"
#include "core/base/limits.h"
#include "core/base/mem.h"
#include "core/http/fiber.h"
#include "core/value/json.h"

#define MAX_LINES        1000  /* repositories that are asked in the same minutes */
#define TOKEN_DEFAULT_MS 60000 /* distribution spec: expires_in */
#define TOKEN_MOST_MS    ((int64_t)24 * 3600 * 1000)
#define RENEW_EARLY_MS   10000
#define CLIENT_ID        "helmctl"

struct oci_entry {
    struct oci_entry *next;
    char key[HC_SHA256_HEX + 1];
    int refs; /* conversations at this line; under the table's lock */
    uint64_t used;
    struct hc_gate *gate; /* of all below; may be held while a fiber waits */
    bool known, basic;
    char *realm, *service, *scope;
    char *authorization; /* the header line */
    int64_t good_until_ms, failed_ms;
    struct hc_err failure;
};

struct hc_oci_logins {
    pthread_mutex_t lock;
    struct oci_entry *lines;
    size_t n;
    uint64_t clock;
    struct oci_schemes schemes;
};

/* ---- the table ----------------------------------------------------------------------------------- */

static void forget(char **secret)
{
    if (*secret)
        explicit_bzero(*secret, strlen(*secret));
    free(*secret);
    *secret = NULL;
}

static void entry_free(struct oci_entry *e)
{
    free(e->realm);
    free(e->service);
    free(e->scope);
    forget(&e->authorization);
    hc_gate_free(e->gate);
    free(e);
}

struct hc_oci_logins *hc_oci_logins_new(void)
{
    struct hc_oci_logins *l = hc_calloc(1, sizeof(*l));
    if (l) {
        pthread_mutex_init(&l->lock, NULL);
        pthread_mutex_init(&l->schemes.lock, NULL);
    }
    return l;
}

struct oci_schemes *oci_schemes(struct hc_oci_logins *l)
{
    return &l->schemes;
}

void hc_oci_logins_free(struct hc_oci_logins *l)
{
    if (!l)
        return;
    for (struct oci_entry *e = l->lines, *next; e; e = next) {
        next = e->next;
        entry_free(e);
    }
    pthread_mutex_destroy(&l->schemes.lock);
    pthread_mutex_destroy(&l->lock);
    free(l);
}

/* The line nobody uses that was used longest ago goes. Under the lock. */
static void make_room(struct hc_oci_logins *l)
{
    struct oci_entry **oldest = NULL;
    for (struct oci_entry **p = &l->lines; *p; p = &(*p)->next)
        if ((*p)->refs == 0 && (!oldest || (*p)->used < (*oldest)->used))
            oldest = p;
    if (!oldest)
        return;
    struct oci_entry *e = *oldest;
    *oldest = e->next;
    l->n--;
    entry_free(e);
}

/* Who asks whom for what, as a digest: no secret stays in the table because of its key. */
static void key_of(const struct hc_oci *o, char out[HC_SHA256_HEX + 1])
{
    const struct hc_source_auth *a = &o->auth;
    const hc_str parts[] = { hc_str_of(o->scheme),
                             o->host,
                             o->repo,
                             o->pushes ? HC_S("push") : HC_S("pull"),
                             a->username,
                             a->password,
                             a->bearer,
                             a->docker_config,
                             a->ca_pem,
                             a->cert_pem,
                             hc_str_of(o->env.proxy),
                             a->insecure_skip_verify ? HC_S("insecure") : HC_S("") };
    struct hc_sha256 h;
    hc_sha256_init(&h);
    for (size_t i = 0; i < HC_LEN(parts); i++)
        hc_sha256_add_text(&h, parts[i]);
    hc_sha256_hex(&h, out);
}

static enum hc_rc enter(struct hc_oci *o, struct hc_err *err)
{
    char key[HC_SHA256_HEX + 1];
    if (!o->env.logins && !(o->env.logins = o->own = hc_oci_logins_new()))
        return hc_fail_nomem(err);
    struct hc_oci_logins *l = o->env.logins;
    key_of(o, key);
    pthread_mutex_lock(&l->lock);
    struct oci_entry *e = l->lines;
    while (e && strcmp(e->key, key) != 0)
        e = e->next;
    if (!e && (e = hc_calloc(1, sizeof(*e))) && !(e->gate = hc_gate_new())) {
        free(e);
        e = NULL;
    } else if (e && !e->key[0]) {
        memcpy(e->key, key, sizeof(key));
        e->failed_ms = INT64_MIN;
        if (l->n >= MAX_LINES)
            make_room(l);
        e->next = l->lines;
        l->lines = e;
        l->n++;
    }
    if (e) {
        e->refs++;
        e->used = ++l->clock;
    }
    pthread_mutex_unlock(&l->lock);
    o->at = e;
    return e ? HC_OK : hc_fail_nomem(err);
}

void oci_leave(struct hc_oci *o)
{
    struct hc_oci_logins *l = o->env.logins;
    if (o->at) {
        pthread_mutex_lock(&l->lock);
        o->at->refs--;
        pthread_mutex_unlock(&l->lock);
        o->at = NULL;
    }
    if (o->own) {
        hc_oci_logins_free(o->own);
        o->own = o->env.logins = NULL;
    }
}

/* ---- challenges ---------------------------------------------------------------------------------- */

struct scanner {
    hc_str s;
    size_t i;
};

static bool token_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c && strchr("!#$%&'*+-.^_`|~", c));
}

static void skip(struct scanner *r, const char *set)
{
    while (r->i < r->s.n && r->s.p[r->i] && strchr(set, r->s.p[r->i]))
        r->i++;
}

static hc_str word(struct scanner *r)
{
    size_t from = r->i;
    while (r->i < r->s.n && token_char(r->s.p[r->i]))
        r->i++;
    return hc_str_sub(r->s, from, r->i);
}

/* Quoted, or all up to a blank or comma: realms stand bare with some registries. */
static hc_str value(struct hc_arena *a, struct scanner *r)
{
    char *out = hc_arena_alloc(a, r->s.n - r->i + 1, 1);
    size_t n = 0;
    if (!out)
        return (hc_str){ NULL, 0 };
    if (r->i < r->s.n && r->s.p[r->i] == '"') {
        for (r->i++; r->i < r->s.n && r->s.p[r->i] != '"'; r->i++) {
            if (r->s.p[r->i] == '\\' && r->i + 1 < r->s.n)
                r->i++;
            out[n++] = r->s.p[r->i];
        }
        r->i = HC_MIN(r->i + 1, r->s.n);
    } else {
        while (r->i < r->s.n && !strchr(", \t", r->s.p[r->i]))
            out[n++] = r->s.p[r->i++];
    }
    return hc_str_n(out, n);
}

/* One challenge: its scheme, and of its parameters those we know. False: no more. */
static bool next_challenge(struct hc_arena *a, struct scanner *r, hc_str *scheme, struct oci_challenge *c)
{
    *c = (struct oci_challenge){ 0 };
    skip(r, " \t,");
    *scheme = word(r);
    if (!scheme->n)
        return false;
    for (bool first = true;; first = false) {
        size_t before = r->i;
        skip(r, first ? " \t" : " \t,");
        size_t at = r->i;
        hc_str name = word(r);
        skip(r, " \t");
        bool equals = r->i < r->s.n && r->s.p[r->i] == '=';
        if (name.n && equals && r->i + 1 < r->s.n && !strchr("=, \t", r->s.p[r->i + 1])) {
            r->i++;
            hc_str v = value(a, r);
            if (hc_str_eq_nocase(name, HC_S("realm")))
                c->realm = v;
            else if (hc_str_eq_nocase(name, HC_S("service")))
                c->service = v;
            else if (hc_str_eq_nocase(name, HC_S("scope")))
                c->scope = v;
        } else if (first && at > before && (name.n || (r->i < r->s.n && r->s.p[r->i] != ','))) {
            while (r->i < r->s.n && r->s.p[r->i] != ',') /* token68, or what nobody can read */
                r->i++;
        } else if (name.n && equals) { /* a parameter without a value */
            r->i++;
        } else {
            r->i = at; /* the next scheme, or the end */
            return true;
        }
    }
}

bool oci_challenge_of(struct hc_arena *a, hc_str headers, struct oci_challenge *out)
{
    bool found = false;
    hc_str line;
    while (oci_header(&headers, HC_S("www-authenticate"), &line)) {
        struct scanner r = { line, 0 };
        struct oci_challenge c;
        hc_str scheme;
        while (next_challenge(a, &r, &scheme, &c)) {
            if (hc_str_eq_nocase(scheme, HC_S("bearer")) && c.realm.n && (!found || out->basic)) {
                *out = c;
                found = true;
            } else if (hc_str_eq_nocase(scheme, HC_S("basic")) && !found) {
                c.basic = true;
                *out = c;
                found = true;
            }
        }
    }
    return found;
}

/* ---- tokens -------------------------------------------------------------------------------------- */

static bool good_token(hc_str t)
{
    for (size_t i = 0; i < t.n; i++)
        if ((unsigned char)t.p[i] <= ' ' || (unsigned char)t.p[i] >= 127)
            return false;
    return t.n > 0;
}

bool oci_token_of(struct hc_arena *a, hc_str body, hc_str *out_token, hc_str *out_refresh, int64_t *out_lives_ms)
{
    struct hc_val *v = NULL;
    int64_t seconds = 0;
    if (hc_json_parse(a, body, HC_JSON_NO_POSITIONS, &v, NULL) != HC_OK)
        return false;
    *out_token = hc_get_str(hc_map_getz(v, "token"));
    if (!out_token->n)
        *out_token = hc_get_str(hc_map_getz(v, "access_token"));
    *out_refresh = hc_get_str(hc_map_getz(v, "refresh_token"));
    bool said = hc_get_i64(hc_map_getz(v, "expires_in"), &seconds) && seconds > 0;
    *out_lives_ms = said ? HC_MIN(seconds, TOKEN_MOST_MS / 1000) * 1000 : TOKEN_DEFAULT_MS;
    return good_token(*out_token);
}

static void put_escaped(struct hc_buf *b, const char *name, hc_str s)
{
    hc_buf_printf(b, "%s%s=", b->n ? "&" : "", name);
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                     c == '.' || c == '_' || c == '~';
        if (plain)
            hc_buf_putc(b, (char)c);
        else
            hc_buf_printf(b, "%%%02X", c);
    }
}

/* The scopes to ask for: the registry's, but for what this conversation is going to do in its own repository. */
static void put_scopes(struct hc_oci *o, struct hc_buf *b, hc_str challenged, bool together)
{
    hc_str own = hc_arena_printf(o->a, "repository:%.*s:", HC_P(o->repo));
    hc_str want = hc_arena_printf(o->a, "%.*spull%s", HC_P(own), o->pushes ? ",push" : "");
    HC_AUTO(hc_buf) struct hc_buf all;
    hc_buf_init(&all, 64 * 1024);
    bool mine = !o->repo.n;
    for (hc_str rest = challenged, one; rest.p && hc_str_split(&rest, ' ', &one);) {
        if (!one.n)
            continue;
        if (o->repo.n && hc_str_starts(one, own)) {
            mine = true;
            if (o->pushes)
                one = want;
        }
        hc_buf_printf(&all, "%s%.*s", all.n ? " " : "", HC_P(one));
    }
    if (!mine)
        hc_buf_printf(&all, "%s%.*s", all.n ? " " : "", HC_P(want));
    hc_str text = hc_buf_str(&all), one;
    if (together && text.n)
        put_escaped(b, "scope", text);
    while (!together && text.n && hc_str_split(&text, ' ', &one))
        put_escaped(b, "scope", one);
}

static enum hc_rc check_realm(const struct hc_oci *o, hc_str realm, struct hc_err *err)
{
    bool secure = hc_str_starts(realm, HC_S("https://"));
    if (!secure && !(hc_str_starts(realm, HC_S("http://")) && strcmp(o->scheme, "http") == 0))
        return hc_fail(err, HC_E_INPUT,
                       "registry %.*s: its token server has no https:// address, so that no login is sent there",
                       HC_P(o->host));
    hc_str host = hc_str_sub(realm, secure ? 8 : 7, realm.n);
    if (hc_str_starts(host, HC_S("169.254.")) || hc_str_starts(host, HC_S("[fe80:")))
        return hc_fail(err, HC_E_INPUT, "registry %.*s: its token server has a link-local address", HC_P(o->host));
    return HC_OK;
}

/* One way to ask: GET with basic credentials, or POST by OAuth2. */
static enum hc_rc ask(struct hc_oci *o, const struct oci_challenge *c, bool post, struct hc_http_response *out,
                      struct hc_err *err)
{
    struct hc_arena *a = o->a;
    const struct hc_registry_login *l = &o->login;
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, HC_MIB);
    if (post && l->identity_token.n) {
        put_escaped(&b, "grant_type", HC_S("refresh_token"));
        put_escaped(&b, "refresh_token", l->identity_token);
    } else if (post) {
        put_escaped(&b, "grant_type", HC_S("password"));
        put_escaped(&b, "username", l->username);
        put_escaped(&b, "password", l->password);
    }
    if (post)
        put_escaped(&b, "client_id", HC_S(CLIENT_ID));
    if (c->service.n)
        put_escaped(&b, "service", c->service);
    put_scopes(o, &b, c->scope, post);
    hc_str query = hc_buf_to_arena(&b, a), url = c->realm;
    if (!post && query.n)
        url = hc_arena_printf(a, "%.*s%c%.*s", HC_P(c->realm), hc_str_find(c->realm, '?') == SIZE_MAX ? '?' : '&',
                              HC_P(query));
    const char *headers[3] = { "Accept: application/json", NULL, NULL };
    if (post)
        headers[1] = "Content-Type: application/x-www-form-urlencoded";
    else if (l->username.n || l->password.n)
        headers[1] = hc_arena_printf(
                         a, "Authorization: Basic %.*s",
                         HC_P(hc_base64(a, hc_arena_printf(a, "%.*s:%.*s", HC_P(l->username), HC_P(l->password)))))
                         .p;
    struct hc_http_tls *tls = NULL;
    if (o->auth.ca_pem.n || o->auth.insecure_skip_verify || o->auth.insecure_registry)
        tls = hc_http_tls_new(/* the trust goes along, the client certificate does not */
                              &(struct hc_http_tls_options){ .ca_pem = o->auth.ca_pem,
                                                             .ca_with_system = true,
                                                             .insecure_skip_verify = o->auth.insecure_skip_verify ||
                                                                                     o->auth.insecure_registry });
    struct hc_http_request req = {
        .method = post ? "POST" : "GET",
        .url = hc_arena_strz(a, url),
        .headers = headers,
        .body = post ? query : (hc_str){ NULL, 0 },
        .tls = tls,
        .proxy = o->env.proxy,
        .timeout_ms = HC_MAX(o->deadline_ms - hc_mono_ms(), 1),
        .idle_timeout_ms = 30000,
        .retries = 3,
        .max_bytes = HC_MIB,
        .max_redirects = -1,
    };
    enum hc_rc rc = hc_arena_spent(a) ? hc_fail_nomem(err) : hc_http_do(o->env.http, a, &req, out, err);
    hc_http_tls_unref(tls);
    if (rc != HC_OK)
        source_advise(&o->env, &o->auth, out, err);
    return rc;
}

static enum hc_rc refused(struct hc_oci *o, const struct hc_http_response *r, struct hc_err *err)
{
    const struct hc_registry_login *l = &o->login;
    bool later = r->status == 429 || r->status == 408 || r->status >= 500;
    bool asked = l->username.n || l->password.n || l->identity_token.n;
    enum hc_rc rc = hc_fail(err, later ? HC_E_AGAIN : HC_E_INPUT, "the token server answers %d%s%s%s%s", r->status,
                            later              ? ""
                            : r->status == 200 ? " without a token"
                            : asked            ? ": the registry login is not accepted"
                                               : ": ",
                            later || r->status == 200 || !asked || !l->from ? "" : "; it was asked with ",
                            later || r->status == 200 || !asked || !l->from ? "" : l->from,
                            later || r->status == 200 || asked ? "" : oci_asked_as(o));
    if (err) {
        err->http_status = r->status;
        err->retry_after_ms = r->retry_after_ms;
    }
    return rc;
}

/* The header line that answers `c`, and until when it is good. */
static enum hc_rc log_in(struct hc_oci *o, const struct oci_challenge *c, hc_str *out, int64_t *out_until,
                         struct hc_err *err)
{
    struct hc_registry_login *l = &o->login;
    enum hc_rc rc = oci_find_login(o, err);
    if (rc != HC_OK)
        return rc;
    *out_until = INT64_MAX;
    if (c->basic && (l->username.n || l->password.n)) {
        hc_str pair = hc_arena_printf(o->a, "%.*s:%.*s", HC_P(l->username), HC_P(l->password));
        *out = hc_arena_printf(o->a, "Authorization: Basic %.*s", HC_P(hc_base64(o->a, pair)));
        return hc_arena_check(o->a, err, "registry login");
    }
    if (c->basic)
        return hc_fail(err, HC_E_INPUT, "registry %.*s: login: %s", HC_P(o->host),
                       l->identity_token.n || l->registry_token.n
                           ? "it wants a user and a password, and the login that was given is a token"
                           : oci_asked_as(o));
    if (l->registry_token.n) {
        *out = hc_arena_printf(o->a, "Authorization: Bearer %.*s", HC_P(l->registry_token));
        return good_token(l->registry_token)
                   ? hc_arena_check(o->a, err, "registry login")
                   : hc_fail(err, HC_E_INPUT, "the token for registry %.*s has blanks in it", HC_P(o->host));
    }
    if ((rc = check_realm(o, c->realm, err)) != HC_OK)
        return rc;
    bool pair = l->username.n && l->password.n, post = l->identity_token.n || (o->oauth_first && pair);
    struct hc_http_response r = { 0 };
    rc = ask(o, c, post, &r, err);
    bool other = pair && !l->identity_token.n && (r.status == 404 || r.status == 405 || (post && r.status != 200));
    if (rc == HC_OK && other && r.status < 500 && r.status != 429) /* servers that know only one of the two ways */
        rc = ask(o, c, !post, &r, err);
    hc_str token = { NULL, 0 }, refresh = { NULL, 0 };
    int64_t lives = 0, now = hc_mono_ms();
    if (rc == HC_OK && (r.status != 200 || !oci_token_of(o->a, r.body, &token, &refresh, &lives)))
        rc = refused(o, &r, err);
    if (rc != HC_OK)
        return hc_wrap(err, "token for %.*s/%.*s", HC_P(o->host), HC_P(o->repo));
    *out = hc_arena_printf(o->a, "Authorization: Bearer %.*s", HC_P(token));
    *out_until = now + lives;
    return hc_arena_check(o->a, err, "token");
}

/* ---- the conversation's side --------------------------------------------------------------------- */

static int64_t early(int64_t lives)
{
    return HC_MIN(RENEW_EARLY_MS, HC_MAX(lives, 0) / 5);
}

static char *keep(hc_str s)
{
    return hc_strdup_n(s.p ? s.p : "", s.n);
}

/* Takes over what the line knows; false: it has to be asked for. Under the gate. */
static bool take(struct hc_oci *o, struct oci_entry *e, hc_str refused_line)
{
    if (!e->authorization || hc_mono_ms() >= e->good_until_ms || hc_str_eqz(refused_line, e->authorization))
        return false;
    o->authorization = hc_arena_str(o->a, hc_str_of(e->authorization));
    o->good_until_ms = e->good_until_ms;
    return true;
}

/* Under the gate. */
static enum hc_rc renew(struct hc_oci *o, struct oci_entry *e, const struct oci_challenge *c, struct hc_err *err)
{
    hc_str line = { NULL, 0 };
    int64_t until = 0;
    struct hc_err own = HC_ERR_INIT;
    enum hc_rc rc = log_in(o, c, &line, &until, &own);
    forget(&e->authorization);
    e->failed_ms = rc == HC_OK ? INT64_MIN : hc_mono_ms();
    if (rc != HC_OK) {
        o->authorization = (hc_str){ NULL, 0 };
        e->failure = own;
        return hc_err_copy(err, &own);
    }
    char *realm = keep(c->realm), *service = keep(c->service), *scope = keep(c->scope);
    e->authorization = keep(line);
    free(e->realm);
    free(e->service);
    free(e->scope);
    e->realm = realm;
    e->service = service;
    e->scope = scope;
    e->basic = c->basic;
    e->known = realm && service && scope && e->authorization;
    e->good_until_ms = until == INT64_MAX ? until : until - early(until - hc_mono_ms());
    o->authorization = line;
    o->good_until_ms = e->good_until_ms;
    return HC_OK;
}

enum hc_rc oci_ready(struct hc_oci *o, struct hc_err *err)
{
    if (o->at && (!o->authorization.n || hc_mono_ms() < o->good_until_ms))
        return HC_OK;
    if (!o->at) {
        enum hc_rc rc = enter(o, err);
        if (rc != HC_OK)
            return rc;
    }
    struct oci_entry *e = o->at;
    enum hc_rc rc = HC_OK;
    int64_t began = hc_mono_ms();
    hc_gate_lock(e->gate);
    if (!take(o, e, (hc_str){ NULL, 0 }) && e->known) {
        const struct oci_challenge c = { e->basic, hc_arena_str(o->a, hc_str_of(e->realm)),
                                         hc_arena_str(o->a, hc_str_of(e->service)),
                                         hc_arena_str(o->a, hc_str_of(e->scope)) };
        if (e->failed_ms >= began)
            rc = hc_err_copy(err, &e->failure);
        else if (hc_arena_spent(o->a))
            rc = hc_fail_nomem(err);
        else
            rc = renew(o, e, &c, err);
    }
    hc_gate_unlock(e->gate);
    return rc;
}

enum hc_rc oci_answer(struct hc_oci *o, const struct hc_http_response *r, struct hc_err *err)
{
    struct oci_challenge c;
    struct oci_entry *e = o->at;
    if (!oci_challenge_of(o->a, r->headers, &c))
        return hc_fail(err, HC_E_INPUT,
                       "registry %.*s: it wants another kind of login than a user and password or a token",
                       HC_P(o->host));
    int64_t began = hc_mono_ms();
    enum hc_rc rc = HC_OK;
    hc_gate_lock(e->gate);
    if (!take(o, e, o->authorization))
        rc = e->failed_ms >= began ? hc_err_copy(err, &e->failure) : renew(o, e, &c, err);
    hc_gate_unlock(e->gate);
    return rc;
}
