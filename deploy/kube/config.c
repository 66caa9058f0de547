/*
 * Where the server is and who we are: kubeconfig files by client-go's rules (the first file that says something
 * wins, relative paths count from the file they stand in), or a pod's service account.
 *
 * Credential plugins: exec is run (exec.c), but never for a kubeconfig that came out of an object; auth-provider, which
 * Kubernetes removed, is refused.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/digest.h"
#include "core/base/fs.h"
#include "core/base/limits.h"
#include "core/value/yaml.h"
#include "deploy/kube/kube_impl.h"

#define POD_DIR        "/var/run/secrets/kubernetes.io/serviceaccount"
#define MAX_CONFIG     ((size_t)4 * 1024 * 1024)
#define MAX_PEM        ((size_t)1024 * 1024)
#define MAX_CONFIGS    32 /* files in $KUBECONFIG */
#define MAX_PLUGIN_MSG 80

struct files {
    struct hc_val *doc[MAX_CONFIGS];
    hc_str dir[MAX_CONFIGS]; /* absent: a body, which may name no files */
    hc_str name[MAX_CONFIGS];
    size_t n;
};

static hc_str dir_of(struct hc_arena *a, const char *path)
{
    hc_str p = hc_str_of(path);
    size_t slash = hc_str_rfind(p, '/');
    return slash == SIZE_MAX ? HC_S(".") : hc_arena_str(a, hc_str_sub(p, 0, slash ? slash : 1));
}

static enum hc_rc add_text(struct hc_arena *a, struct files *f, hc_str text, hc_str name, hc_str dir,
                           struct hc_err *err)
{
    if (f->n == MAX_CONFIGS)
        return hc_fail(err, HC_E_INPUT, "KUBECONFIG names more than %d files", MAX_CONFIGS);
    struct hc_val *doc = NULL;
    if (hc_yaml_parse(a, text, name, HC_YAML_PLAIN, &doc, err) != HC_OK)
        return hc_wrap(err, "kubeconfig %.*s", HC_P(name));
    if (!hc_is_map(doc) && !hc_is_null(doc))
        return hc_fail(err, HC_E_INPUT, "kubeconfig %.*s: is not a map with clusters, users and contexts",
                       HC_P(name));
    f->doc[f->n] = doc;
    f->name[f->n] = name;
    f->dir[f->n++] = dir;
    return HC_OK;
}

static enum hc_rc add_file(struct hc_arena *a, struct files *f, const char *path, struct hc_err *err)
{
    hc_str text;
    if (hc_read_file(a, AT_FDCWD, path, MAX_CONFIG, &text, err) != HC_OK)
        return hc_wrap(err, "kubeconfig");
    return add_text(a, f, text, hc_str_of(path), dir_of(a, path), err);
}

/* The entry called `name` of a list like `clusters`, and which file it stands in. */
static struct hc_val *named(const struct files *f, const char *list, hc_str name, const char *inner,
                            size_t *out_file)
{
    for (size_t i = 0; i < f->n; i++) {
        const struct hc_val *l = hc_map_getz(f->doc[i], list);
        for (size_t j = 0; j < hc_list_len(l); j++)
            if (hc_str_eq(hc_get_str(hc_map_getz(hc_list_at(l, j), "name")), name)) {
                *out_file = i;
                return hc_map_getz(hc_list_at(l, j), inner);
            }
    }
    return NULL;
}

/* `key`-data (base64) or the file under `key`. */
static enum hc_rc pem(struct hc_arena *a, const struct files *f, size_t file, const struct hc_val *v,
                      const char *key, hc_str *out, struct hc_err *err)
{
    hc_str data_key = hc_arena_printf(a, "%s-data", key);
    hc_str data = hc_get_str(hc_map_get(v, data_key)), path = hc_get_str(hc_map_getz(v, key));
    if (data.n) {
        *out = hc_base64_decode(a, data, NULL);
        if (!out->p)
            return hc_fail(err, HC_E_INPUT, "kubeconfig %.*s: %.*s is not base64", HC_P(f->name[file]),
                           HC_P(data_key));
        return HC_OK;
    }
    if (path.n == 0)
        return HC_OK;
    if (!f->dir[file].p)
        return hc_fail(
            err, HC_E_INPUT,
            "kubeconfig %.*s: %s names a file; put its content into %.*s, a kubeconfig of an object must "
            "be complete in itself",
            HC_P(f->name[file]), key, HC_P(data_key));
    if (path.p[0] != '/')
        path = hc_arena_printf(a, "%.*s/%.*s", HC_P(f->dir[file]), HC_P(path));
    if (hc_read_file(a, AT_FDCWD, hc_arena_strz(a, path), MAX_PEM, out, err) != HC_OK)
        return hc_wrap(err, "kubeconfig %.*s: %s", HC_P(f->name[file]), key);
    return HC_OK;
}

static enum hc_rc read_cluster(struct hc_arena *a, const struct hc_kube_options *o, const struct files *f,
                               size_t file, const struct hc_val *c, struct kube_config *out, struct hc_err *err)
{
    out->server = hc_get_str(hc_map_getz(c, "server"));
    out->tls_server_name = hc_get_str(hc_map_getz(c, "tls-server-name"));
    out->proxy = hc_get_str(hc_map_getz(c, "proxy-url"));
    bool body = !f->dir[file].p;
    out->insecure = hc_get_bool_at(c, "insecure-skip-tls-verify", false) && (!body || o->body_may_skip_tls);
    return pem(a, f, file, c, "certificate-authority", &out->ca_pem, err);
}

static enum hc_rc read_user(struct hc_arena *a, const struct files *f, size_t file, hc_str name,
                            const struct hc_val *u, struct kube_config *out, struct hc_err *err)
{
    hc_str where = f->name[file];
    if (hc_is_map(hc_map_getz(u, "exec")) && !f->dir[file].p)
        return hc_fail(
            err, HC_E_INPUT,
            "kubeconfig %.*s: user '%.*s' takes its credentials from a program (exec: %.*s), which an object "
            "may not start; use a token (for example of a ServiceAccount: kubectl create token NAME)",
            HC_P(where), HC_P(name), HC_P(hc_str_sub(hc_get_str_at(u, "exec.command"), 0, MAX_PLUGIN_MSG)));
    if (hc_is_map(hc_map_getz(u, "exec")))
        out->exec = (struct kube_exec){ .config = hc_map_getz(u, "exec"), .dir = f->dir[file] };
    if (hc_is_map(hc_map_getz(u, "auth-provider")))
        return hc_fail(err, HC_E_INPUT,
                       "kubeconfig %.*s: user '%.*s' uses an auth-provider, which Kubernetes removed; use a token",
                       HC_P(where), HC_P(name));
    out->token = hc_get_str(hc_map_getz(u, "token"));
    hc_str token_file = hc_get_str(hc_map_getz(u, "tokenFile"));
    if (token_file.n) { /* client-go: the file wins over the token beside it */
        if (!f->dir[file].p)
            return hc_fail(
                err, HC_E_INPUT,
                "kubeconfig %.*s: tokenFile names a file; put its content into token, a kubeconfig of an "
                "object must be complete in itself",
                HC_P(where));
        if (token_file.p[0] != '/')
            token_file = hc_arena_printf(a, "%.*s/%.*s", HC_P(f->dir[file]), HC_P(token_file));
        out->token_file = token_file;
    }
    hc_str user = hc_get_str(hc_map_getz(u, "username"));
    if (user.n)
        out->basic = hc_arena_printf(a, "%.*s:%.*s", HC_P(user), HC_P(hc_get_str(hc_map_getz(u, "password"))));
    out->as_user = hc_get_str(hc_map_getz(u, "as"));
    const struct hc_val *groups = hc_map_getz(u, "as-groups");
    out->as_groups = HC_NEW_N(a, hc_str, hc_list_len(groups) + 1);
    for (size_t i = 0; out->as_groups && i < hc_list_len(groups); i++)
        out->as_groups[out->as_groups_n++] = hc_get_str(hc_list_at(groups, i));
    if (pem(a, f, file, u, "client-certificate", &out->cert_pem, err) != HC_OK)
        return err ? err->code : HC_E_INPUT;
    return pem(a, f, file, u, "client-key", &out->key_pem, err);
}

static hc_str context_of(const struct hc_kube_options *o, const struct files *f)
{
    hc_str context = hc_str_of(o->context);
    for (size_t i = 0; i < f->n && context.n == 0; i++)
        context = hc_get_str(hc_map_getz(f->doc[i], "current-context"));
    return context;
}

static enum hc_rc read_files(struct hc_arena *a, const struct hc_kube_options *o, const struct files *f,
                             struct kube_config *out, struct hc_err *err)
{
    hc_str context = context_of(o, f);
    size_t file = 0;
    struct hc_val *c = context.n ? named(f, "contexts", context, "context", &file) : NULL;
    if (!c && context.n)
        return hc_fail(err, HC_E_INPUT, "context '%.*s' is not in the kubeconfig %.*s", HC_P(context),
                       HC_P(f->name[0]));
    if (!c)
        return o->server
                   ? HC_OK
                   : hc_fail(err, HC_E_INPUT,
                             "kubeconfig %.*s has no current-context; set one or name one with --kube-context",
                             HC_P(f->name[0]));
    out->ns = hc_get_str(hc_map_getz(c, "namespace"));
    hc_str cluster = hc_get_str(hc_map_getz(c, "cluster")), user = hc_get_str(hc_map_getz(c, "user"));
    struct hc_val *v = named(f, "clusters", cluster, "cluster", &file);
    if (!v)
        return hc_fail(err, HC_E_INPUT,
                       "kubeconfig %.*s: context '%.*s' names the cluster '%.*s', which is not there",
                       HC_P(f->name[0]), HC_P(context), HC_P(cluster));
    enum hc_rc rc = read_cluster(a, o, f, file, v, out, err);
    if (rc != HC_OK || user.n == 0)
        return rc;
    v = named(f, "users", user, "user", &file);
    if (!v)
        return hc_fail(err, HC_E_INPUT, "kubeconfig %.*s: context '%.*s' names the user '%.*s', which is not there",
                       HC_P(f->name[0]), HC_P(context), HC_P(user));
    return read_user(a, f, file, user, v, out, err);
}

/* Of the pod's service account; absent: it cannot be read. */
static hc_str namespace_file(struct hc_arena *a)
{
    hc_str ns;
    return hc_read_file(a, AT_FDCWD, POD_DIR "/namespace", 4096, &ns, NULL) == HC_OK ? hc_str_trim(ns)
                                                                                     : (hc_str){ NULL, 0 };
}

static enum hc_rc read_pod(struct hc_arena *a, struct kube_config *out, struct hc_err *err)
{
    const char *host = getenv("KUBERNETES_SERVICE_HOST"), *port = getenv("KUBERNETES_SERVICE_PORT");
    if (!host || !port || !host[0])
        return hc_fail(
            err, HC_E_INPUT,
            "no cluster is known: $KUBECONFIG is not set, ~/.kube/config is not there, and this is no pod; "
            "name a kubeconfig with --kubeconfig, or start one to try with: helmctl sandbox");
    out->server = hc_arena_printf(a, strchr(host, ':') ? "https://[%s]:%s" : "https://%s:%s", host, port);
    out->token_file = HC_S(POD_DIR "/token");
    if (hc_read_file(a, AT_FDCWD, POD_DIR "/ca.crt", MAX_PEM, &out->ca_pem, err) != HC_OK)
        return hc_wrap(err, "the pod's service account");
    out->ns = namespace_file(a);
    return HC_OK;
}

static enum hc_rc find(struct hc_arena *a, const struct hc_kube_options *o, struct files *f, struct hc_err *err)
{
    if (o->kubeconfig && o->kubeconfig[0])
        return add_file(a, f, o->kubeconfig, err);
    if (o->kubeconfig_body.n)
        return add_text(a, f, o->kubeconfig_body, HC_S("(of the object)"), (hc_str){ NULL, 0 }, err);
    hc_str env = hc_str_of(getenv("KUBECONFIG")), part;
    if (env.n) {
        while (hc_str_split(&env, ':', &part)) {
            const char *path = hc_arena_strz(a, part);
            if (part.n == 0 || (path && access(path, F_OK) != 0))
                continue; /* client-go: files that are not there are passed over */
            enum hc_rc rc = path ? add_file(a, f, path, err) : hc_fail_nomem(err);
            if (rc != HC_OK)
                return rc;
        }
        if (f->n == 0 && !o->server)
            return hc_fail(err, HC_E_INPUT, "none of the files in $KUBECONFIG is there: %s", getenv("KUBECONFIG"));
        return HC_OK;
    }
    const char *home = getenv("HOME");
    hc_str path = hc_arena_printf(a, "%s/.kube/config", home ? home : "");
    if (home && path.p && access(path.p, F_OK) == 0)
        return add_file(a, f, path.p, err);
    return HC_OK;
}

enum hc_rc hc_kube_contexts(struct hc_arena *a, const struct hc_kube_options *o, struct hc_val **out,
                            struct hc_err *err)
{
    struct files f = { .n = 0 };
    struct hc_val *all = hc_list_new(a);
    enum hc_rc rc = find(a, o, &f, err);
    for (size_t i = 0; rc == HC_OK && i < f.n; i++) {
        const struct hc_val *list = hc_map_getz(f.doc[i], "contexts");
        for (size_t j = 0; j < hc_list_len(list); j++)
            hc_list_add(a, all, hc_list_at(list, j));
    }
    if (rc == HC_OK)
        rc = hc_arena_check(a, err, "kubeconfig");
    if (rc == HC_OK)
        *out = all;
    return rc;
}

/* client-go: inside a pod its namespace stands behind that of the context. */
static hc_str pod_namespace(struct hc_arena *a)
{
    const char *host = getenv("KUBERNETES_SERVICE_HOST"), *port = getenv("KUBERNETES_SERVICE_PORT");
    const char *told = getenv("POD_NAMESPACE");
    struct stat token;
    if (!host || !*host || !port || !*port || stat(POD_DIR "/token", &token) < 0 || S_ISDIR(token.st_mode))
        return HC_S("default");
    if (told && *told)
        return hc_str_of(told);
    hc_str ns = namespace_file(a);
    return ns.n ? ns : HC_S("default");
}

hc_str hc_kube_context_namespace(struct hc_arena *a, const struct hc_kube_options *o)
{
    struct files f = { .n = 0 };
    struct hc_kube_options any = *o;
    any.server = ""; /* no file at all is no mistake */
    if (find(a, &any, &f, NULL) != HC_OK)
        return HC_S("default");
    hc_str context = context_of(o, &f);
    size_t file;
    const struct hc_val *c = context.n ? named(&f, "contexts", context, "context", &file) : NULL;
    if (context.n && !c)
        return HC_S("default");
    hc_str ns = hc_get_str(hc_map_getz(c, "namespace"));
    return ns.n ? ns : pod_namespace(a);
}

enum hc_rc kube_config_read(struct hc_arena *a, const struct hc_kube_options *o, struct kube_config *out,
                            struct hc_err *err)
{
    struct files f = { .n = 0 };
    *out = (struct kube_config){ 0 };
    enum hc_rc rc = find(a, o, &f, err);
    if (rc == HC_OK && f.n)
        rc = read_files(a, o, &f, out, err);
    else if (rc == HC_OK && !o->server)
        rc = read_pod(a, out, err);
    if (rc != HC_OK)
        return rc;
    out->where = f.n ? hc_arena_printf(a, "kubeconfig %.*s", HC_P(f.name[0])) : HC_S("the pod's service account");
    if (o->server && o->server[0])
        out->server = hc_str_of(o->server);
    if (o->token && o->token[0]) {
        out->token = hc_str_of(o->token);
        out->token_file = out->basic = out->cert_pem = out->key_pem = (hc_str){ NULL, 0 };
        out->exec.config = NULL;
    }
    if (o->ca_file && o->ca_file[0]) {
        if (hc_read_file(a, AT_FDCWD, o->ca_file, MAX_PEM, &out->ca_pem, err) != HC_OK)
            return hc_wrap(err, "--kube-ca-file");
        out->insecure = false;
    }
    if (o->tls_server_name && o->tls_server_name[0])
        out->tls_server_name = hc_str_of(o->tls_server_name);
    if (o->insecure_skip_verify)
        out->insecure = true;
    if (o->as_user.n) {
        out->as_user = o->as_user;
        out->as_groups_n = 0;
        out->as_groups = HC_NEW_N(a, hc_str, o->as_groups_n + 1);
        for (size_t i = 0; out->as_groups && i < o->as_groups_n; i++)
            out->as_groups[out->as_groups_n++] = o->as_groups[i];
    }
    if (out->server.n == 0)
        return hc_fail(err, HC_E_INPUT, "the kubeconfig names no server");
    if (!hc_str_starts(out->server, HC_S("https://")) && !hc_str_starts(out->server, HC_S("http://")))
        out->server = hc_arena_printf(a, "%s://%.*s", out->ca_pem.n || out->cert_pem.n ? "https" : "http",
                                      HC_P(out->server));
    while (out->server.n && out->server.p[out->server.n - 1] == '/')
        out->server.n--;
    out->exec.server = out->server;
    return hc_arena_check(a, err, "kubeconfig");
}
