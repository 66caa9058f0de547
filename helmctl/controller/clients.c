/*
 * A list under a lock.
 */
#include "helmctl/controller/clients.h"

#include <stdlib.h>

#include "core/base/digest.h"
#include "core/base/mem.h"
#include "core/value/yaml.h"

struct client {
    struct client *next;
    uint64_t hash;
    struct hc_kube *kube;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct client *clients;

static struct hc_kube *find(uint64_t hash)
{
    for (struct client *x = clients; x; x = x->next)
        if (x->hash == hash)
            return x->kube;
    return NULL;
}

enum hc_rc ctl_client_of(struct ctl *c, hc_str kubeconfig, hc_str user, struct hc_kube **out, struct hc_err *err)
{
    if (!kubeconfig.n && !user.n) {
        *out = c->kube;
        return HC_OK;
    }
    uint64_t hash = (hc_str_hash(kubeconfig) * 31 + hc_str_hash(user)) | 1;
    pthread_mutex_lock(&lock);
    *out = find(hash);
    pthread_mutex_unlock(&lock);
    if (*out)
        return HC_OK;
    struct hc_kube *made = NULL;
    enum hc_rc rc;
    if (kubeconfig.n) {
        struct hc_kube_options o = { .kubeconfig_body = kubeconfig, .as_user = user };
        rc = hc_kube_new(c->http, &o, &made, err);
    } else {
        rc = hc_kube_impersonate(c->kube, user, &made, err);
    }
    if (rc != HC_OK)
        return rc;
    struct client *x = hc_calloc(1, sizeof(*x));
    if (!x) {
        hc_kube_free(made);
        return hc_fail_nomem(err);
    }
    pthread_mutex_lock(&lock);
    struct hc_kube *other = find(hash); /* another worker was quicker */
    if (!other) {
        x->hash = hash;
        x->kube = made;
        x->next = clients;
        clients = x;
    }
    pthread_mutex_unlock(&lock);
    if (other) {
        hc_kube_free(made);
        free(x);
    }
    *out = other ? other : made;
    return HC_OK;
}

void ctl_clients_free(void)
{
    for (struct client *x = clients; x;) {
        struct client *next = x->next;
        hc_kube_free(x->kube);
        free(x);
        x = next;
    }
    clients = NULL;
}

/* Names of fields that reach out of the text. */
static const char *reaches_out(const struct hc_val *config)
{
    static const char *const of_user[] = { "exec", "auth-provider", "tokenFile", "client-certificate",
                                           "client-key" };
    const struct hc_val *users = hc_map_getz(config, "users"), *clusters = hc_map_getz(config, "clusters");
    for (size_t i = 0; i < hc_list_len(users); i++)
        for (size_t j = 0; j < HC_LEN(of_user); j++)
            if (!hc_is_null(hc_map_getz(hc_map_getz(hc_list_at(users, i), "user"), of_user[j])))
                return of_user[j];
    for (size_t i = 0; i < hc_list_len(clusters); i++)
        if (!hc_is_null(hc_map_getz(hc_map_getz(hc_list_at(clusters, i), "cluster"), "certificate-authority")))
            return "certificate-authority";
    return NULL;
}

enum hc_rc ctl_kubeconfig_of(struct ctl *c, struct hc_arena *a, hc_str ns, const struct hc_val *ref, hc_str *out,
                             struct hc_err *err)
{
    hc_str name = hc_get_str(hc_map_getz(ref, "name")), key = hc_get_str(hc_map_getz(ref, "key"));
    struct hc_val *secret = NULL, *config = NULL;
    struct hc_ref r = { HC_S("v1"), HC_S("Secret"), ns, name };
    enum hc_rc rc = hc_kube_get(c->kube, a, &r, &secret, err);
    if (rc != HC_OK)
        return hc_wrap(err, "could not get KubeConfig secret '%.*s/%.*s'", HC_P(ns), HC_P(name));
    const struct hc_val *data = hc_map_getz(secret, "data"), *v = NULL;
    if (key.n) {
        v = hc_map_get(data, key);
    } else {
        v = hc_map_getz(data, "value");
        v = v ? v : hc_map_getz(data, "value.yaml");
    }
    hc_str text = hc_is_str(v) ? hc_base64_decode(a, hc_get_str(v), NULL) : (hc_str){ NULL, 0 };
    if (!text.n)
        return hc_fail(err, HC_E_INPUT, "KubeConfig secret '%.*s/%.*s' does not contain a '%.*s' key with data",
                       HC_P(ns), HC_P(name), HC_P(key.n ? key : HC_S("value")));
    struct hc_err hidden = HC_ERR_INIT; /* its words may quote the text */
    if (hc_yaml_parse(a, text, name, 0, &config, &hidden) != HC_OK)
        return hc_fail(err, HC_E_INPUT, "KubeConfig secret '%.*s/%.*s' holds no YAML", HC_P(ns), HC_P(name));
    const char *bad = reaches_out(config);
    if (bad)
        return hc_fail(
            err, HC_E_INPUT,
            "KubeConfig secret '%.*s/%.*s' uses '%s', which reaches out of the secret: put the data itself in",
            HC_P(ns), HC_P(name), bad);
    *out = text;
    return HC_OK;
}
