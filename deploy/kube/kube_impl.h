#pragma once
/*
 * deploy/kube/kube_impl.h - what the files of this folder share
 */
#include <pthread.h>
#include <stdatomic.h>

#include "deploy/kube/client.h"

/* A credential plugin of a kubeconfig: what to run. */
struct kube_exec {
    const struct hc_val *config; /* the user's `exec`; NULL: none */
    hc_str dir, server;
};
struct kube_credential {
    hc_str token, cert_pem, key_pem;
    int64_t fresh_ms; /* how long it may be used */
};
/* exec.c: runs the plugin and waits for it; the results live in `a`. */
enum hc_rc kube_exec_run(struct hc_arena *a, const struct kube_exec *x, struct kube_credential *out,
                         struct hc_err *err);

/* The ExecCredential that a plugin printed; a token fits into a header. */
enum hc_rc kube_exec_read(struct hc_arena *a, const struct kube_exec *x, hc_str text, struct kube_credential *out,
                          struct hc_err *err);

/* What a configuration says, in the arena it was read into. */
struct kube_config {
    hc_str where; /* "kubeconfig /home/me/.kube/config" */
    hc_str server, ns;
    hc_str ca_pem, cert_pem, key_pem, tls_server_name, proxy;
    bool insecure;
    hc_str token, token_file, basic; /* basic: "user:password" */
    hc_str as_user;
    hc_str *as_groups;
    size_t as_groups_n;
    struct kube_exec exec;
};
/* config.c: finds and reads kubeconfig or the pod's account; options that override are laid over it. */
enum hc_rc kube_config_read(struct hc_arena *a, const struct hc_kube_options *o, struct kube_config *out,
                            struct hc_err *err);

/* pair.c: certificates that cannot work, in words; `where` stands in front. `alone`: nothing else says who we are, so that
 * one which expired is an error as well. Absent texts are fine. */
enum hc_rc kube_pair_check(struct hc_arena *a, const char *where, hc_str ca, hc_str cert, hc_str key, bool alone,
                           struct hc_err *err);

/* One kind the server serves. Entries are made once and stay, so that what was given to callers stays valid. */
struct kube_entry {
    struct hc_kube_resource r;
    bool sub; /* a subresource's kind: for the list of API versions only */
    unsigned gen;
};

/* An Event that was sent: the same again only raises its count. */
struct kube_seen_event {
    uint64_t hash;
    int64_t count, at_ms;
    char name[128];
};
#define KUBE_SEEN_EVENTS 512
struct kube_doc; /* types.c: how the kinds of a group and version merge */
void kube_docs_free(struct kube_doc *first);

/* The server: shared by all identities that talk to it. */
struct kube_server {
    atomic_int refs;
    struct hc_http *http;
    char *base; /* "https://host:port", no slash at the end */
    char *proxy;
    struct hc_http_tls *tls;
    int64_t timeout_ms;

    pthread_mutex_t mu; /* of all below; held while discovery is read, so that one reads for all */
    struct hc_arena *arena;
    struct kube_entry **entries;
    size_t n, cap;
    unsigned gen; /* 0: never read */
    int64_t read_at_ms;
    hc_str version;

    pthread_mutex_t docs_mu; /* held while a document is read */
    struct kube_doc *docs;   /* types.c */

    pthread_mutex_t events_mu;
    struct kube_seen_event *seen;
};

struct hc_kube {
    struct kube_server *server;
    struct hc_arena *arena;
    hc_str ns, user_agent, basic, token_file, as_user;
    hc_str *as_groups;
    size_t as_groups_n;
    pthread_mutex_t mu; /* of the token */
    char *token;
    int64_t token_until_ms;  /* monotonic; 0: to be read before the next use */
    struct kube_exec exec;   /* in the arena */
    pthread_mutex_t exec_mu; /* held while the plugin runs */
    struct hc_err exec_err;  /* why it gave nothing at last; code HC_OK: it did not fail */
};

/* One request to the API server and its outcome. */
struct kube_call {
    const char *method;
    hc_str path; /* below the server's address, with the query */
    const char *accept, *content_type;
    hc_str body;
    bool repeatable;       /* sending it twice does no harm */
    bool conditional;      /* it names a uid or a version: that this is not the one is an answer */
    bool locked;           /* the caller holds a lock meanwhile: a fiber must not park */
    const char *verb;      /* for messages: "apply" */
    hc_str object;         /* for messages: "Deployment apps/web" */
    struct hc_err *err;    /* may be NULL */
    struct hc_err own_err; /* used when err is NULL */
    enum hc_rc rc;         /* result */
    int status;
    hc_str answer; /* in the arena */
};
/* request.c: runs them all, several in flight, with repeats under the server's deadline; blocks. */
void kube_run(struct hc_kube *k, struct hc_arena *a, struct kube_call *calls, size_t n);
/* The same for one; parses the answer into *out (may be NULL). */
enum hc_rc kube_do(struct hc_kube *k, struct hc_arena *a, struct kube_call *call, struct hc_val **out);
/* Header lines with the credentials, closed by NULL; copied by the HTTP loop, so a short-lived arena will do. */
const char **kube_headers(struct hc_kube *k, struct hc_arena *a, const char *accept, const char *content_type);
/* After a 401: the token is read again. True when there is a file or a plugin to ask. */
bool kube_token_expired(struct hc_kube *k);
/* Puts in front of a 401 why the credential plugin gave nothing, if it did not. */
void kube_plugin_failure(struct hc_kube *k, struct hc_err *err);
/* What a failed answer means, in the server's words. */
enum hc_rc kube_error(const struct kube_call *c, int status, hc_str body, struct hc_err *err);

/* objects.c: "/apis/apps/v1/namespaces/x/deployments/y/status"; ns, name, sub may be absent. */
void kube_path(struct hc_buf *b, const struct hc_kube_resource *r, hc_str ns, hc_str name, const char *sub);
/* May stand in a path: '..' would be another path (Kubernetes api/validation/path). */
bool kube_segment(hc_str s);
/* Adds "?key=value" or "&key=value", escaped; nothing when value is absent. */
void kube_query(struct hc_buf *b, const char *key, hc_str value);
/* The query of a list or watch. */
void kube_selectors(struct hc_buf *b, const struct hc_kube_list *l);
/* Items of a list answer get the kind they lost (or the one metadata-only answers hide). */
void kube_stamp(struct hc_arena *a, struct hc_val *item, hc_str api_version, hc_str kind);
extern const char kube_accept_metadata[], kube_accept_metadata_list[];
