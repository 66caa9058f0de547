#pragma once
/*
 * deploy/kube/client.h - the API server: discovery, get, list, apply, patch, delete, watch
 *
 * A client is one server and one identity; any thread may use it. Objects are value trees in the caller's arena.
 * Every failure carries the server's own words, the object and the verb: "apply Deployment apps/web: 422 Invalid:
 * spec.selector: field is immutable".
 */
#include "core/http/http.h"
#include "core/value/merge.h"
#include "core/value/value.h"

struct hc_kube;

struct hc_kube_options {
    const char *kubeconfig; /* path; NULL: $KUBECONFIG, ~/.kube/config, then the pod's service account */
    hc_str kubeconfig_body; /* instead of a path (spec.kubeConfig.secretRef) */
    const char *context;    /* NULL: current */
    hc_str as_user;         /* impersonation; absent: none */
    const hc_str *as_groups;
    size_t as_groups_n;
    const char *user_agent;               /* NULL: "helmctl/VERSION" */
    const char *server, *token, *ca_file; /* override what the kubeconfig says (--kube-apiserver, ...) */
    const char *tls_server_name;
    bool insecure_skip_verify;
    /* A kubeconfig_body is a stranger's: files it names are refused, and so is insecure-skip-tls-verify unless: */
    bool body_may_skip_tls;
    int64_t timeout_ms; /* of one request with its repeats; 0: 30 s */
};
/* Reads the configuration; sends nothing yet. `http` is borrowed and must live longer. */
enum hc_rc hc_kube_new(struct hc_http *http, const struct hc_kube_options *o, struct hc_kube **out,
                       struct hc_err *err);
void hc_kube_free(struct hc_kube *k);
/* The contexts of the kubeconfig files: a list of {name, context: {cluster, namespace, user}}. */
enum hc_rc hc_kube_contexts(struct hc_arena *a, const struct hc_kube_options *o, struct hc_val **out,
                            struct hc_err *err);
/* The same server as another identity ("system:serviceaccount:ns:name"); shares connections and discovery. */
enum hc_rc hc_kube_impersonate(struct hc_kube *k, hc_str user, struct hc_kube **out, struct hc_err *err);
/* Namespace of the context, "default" when it names none. Borrowed. */
hc_str hc_kube_namespace(const struct hc_kube *k);
/* The same without a client, for what only renders: the pod's where the kubeconfig names none, and "default" where it cannot be
 * read. */
hc_str hc_kube_context_namespace(struct hc_arena *a, const struct hc_kube_options *o);

/* ---- discovery: cached per client, read again once when a kind is not known ------------------------ */

struct hc_kube_resource {
    hc_str group, version, kind, plural; /* borrowed from the client, valid as long as it */
    bool namespaced;
};
/* HC_E_NOTFOUND: the server serves no such kind. */
enum hc_rc hc_kube_resource_of(struct hc_kube *k, hc_str api_version, hc_str kind, struct hc_kube_resource *out,
                               struct hc_err *err);
/*
 * Where a kind is served by now that is not served as `api_version` any more: another version of its group, or the group
 * it moved to (out of "extensions"). *out_same: an object of the old version is one of the new, word for word. As
 * hc_kube_resource_of; nothing is read anew.
 */
enum hc_rc hc_kube_successor_of(struct hc_kube *k, hc_str api_version, hc_str kind, struct hc_kube_resource *out,
                                bool *out_same);
/* Forget what is known (after CRDs were installed). */
void hc_kube_discovery_reset(struct hc_kube *k);
/*
 * How the fields of a built-in kind merge in a strategic merge patch, from the server's OpenAPI document of the group,
 * which is read once; where the server does not serve it, from field names. HC_E_NOTFOUND: no built-in kind (or one
 * of an extension server), so JSON merge patches are what it takes. *out is valid as long as the client.
 */
enum hc_rc hc_kube_merge_types(struct hc_kube *k, hc_str api_version, hc_str kind, struct hc_merge_types *out,
                               struct hc_err *err);
/* "v1.36.3"; and the list for .Capabilities: "apps/v1", "apps/v1/Deployment", ... */
enum hc_rc hc_kube_version(struct hc_kube *k, struct hc_arena *a, hc_str *out, struct hc_err *err);
enum hc_rc hc_kube_api_versions(struct hc_kube *k, struct hc_arena *a, hc_str **out, size_t *out_n,
                                struct hc_err *err);

/* ---- objects ------------------------------------------------------------------------------------- */

struct hc_ref { /* which object; `ns` absent for cluster-wide kinds (ignored there) */
    hc_str api_version, kind, ns, name;
};
struct hc_ref hc_ref_of(const struct hc_val *object);
/* "Deployment apps/web" for messages (kind namespace/name). */
hc_str hc_ref_str(struct hc_arena *a, const struct hc_ref *r);

/* HC_E_NOTFOUND: no such object (or kind, then the message says so). */
enum hc_rc hc_kube_get(struct hc_kube *k, struct hc_arena *a, const struct hc_ref *r, struct hc_val **out,
                       struct hc_err *err);
/* metadata.* only (PartialObjectMetadata). */
enum hc_rc hc_kube_get_metadata(struct hc_kube *k, struct hc_arena *a, const struct hc_ref *r, struct hc_val **out,
                                struct hc_err *err);

struct hc_kube_list {
    hc_str api_version, kind, ns; /* ns absent: all */
    hc_str label_selector, field_selector;
    bool metadata_only;
    bool writers; /* of a watch: metadata.managedFields stays in the objects */
};
/* Pages through; out is the list of items, *out_rv (may be NULL) the resourceVersion to watch from. */
enum hc_rc hc_kube_list(struct hc_kube *k, struct hc_arena *a, const struct hc_kube_list *l, struct hc_val **out,
                        hc_str *out_rv, struct hc_err *err);

enum {
    HC_KUBE_DRY_RUN = 1 << 0,
    HC_KUBE_FORCE = 1 << 1,
    HC_KUBE_SKIP_VALIDATION = 1 << 2,
    HC_KUBE_LAX_VALIDATION = 1 << 3, /* the server's default: unknown fields are dropped with a warning */
    HC_KUBE_BRIEF = 1 << 4, /* of the answer only the metadata is wanted: a server that can gives no more */
};
/* HC_E_CONFLICT: it exists already. out may be NULL everywhere. */
enum hc_rc hc_kube_create(struct hc_kube *k, struct hc_arena *a, const struct hc_val *object, const char *manager,
                          unsigned flags, struct hc_val **out, struct hc_err *err);
/* PUT; metadata.resourceVersion in the object is the precondition (HC_E_CONFLICT). */
enum hc_rc hc_kube_update(struct hc_kube *k, struct hc_arena *a, const struct hc_val *object, const char *manager,
                          unsigned flags, struct hc_val **out, struct hc_err *err);
/* Server-side apply under `manager`; HC_KUBE_FORCE takes fields over. HC_E_CONFLICT names the other managers. */
enum hc_rc hc_kube_apply(struct hc_kube *k, struct hc_arena *a, const struct hc_val *object, const char *manager,
                         unsigned flags, struct hc_val **out, struct hc_err *err);
enum hc_patch { HC_PATCH_JSON, HC_PATCH_MERGE, HC_PATCH_STRATEGIC };
/* `subresource` "status" or NULL. */
enum hc_rc hc_kube_patch(struct hc_kube *k, struct hc_arena *a, const struct hc_ref *r, const char *subresource,
                         enum hc_patch type, const struct hc_val *patch, const char *manager, unsigned flags,
                         struct hc_val **out, struct hc_err *err);
/* PUT on /status. */
enum hc_rc hc_kube_update_status(struct hc_kube *k, struct hc_arena *a, const struct hc_val *object,
                                 const char *manager, struct hc_val **out, struct hc_err *err);
struct hc_kube_delete {
    const char *propagation;      /* "Background" (NULL), "Foreground", "Orphan" */
    hc_str uid, resource_version; /* preconditions; absent: none */
};
/* An object that is not there is HC_OK with *out_gone (may be NULL) true. */
enum hc_rc hc_kube_delete(struct hc_kube *k, const struct hc_ref *r, const struct hc_kube_delete *o, bool *out_gone,
                          struct hc_err *err);
/* A core/v1 Event as Flux's recorder makes it (reporting controller and instance, count when repeated is left to us). */
enum hc_rc hc_kube_event(struct hc_kube *k, const struct hc_val *about, const char *type, const char *reason,
                         hc_str message, const char *controller, const struct hc_val *annotations,
                         struct hc_err *err);
/* True when the identity may: SelfSubjectAccessReview. */
enum hc_rc hc_kube_may(struct hc_kube *k, const char *verb, const struct hc_ref *r, bool *out, struct hc_err *err);
/* The log of a container as text; HC_E_INPUT or HC_E_NOTFOUND: there is none (yet, or any more). */
struct hc_kube_log {
    hc_str ns, pod, container;       /* container absent: the only one */
    bool previous;                   /* of its run before this one */
    int64_t tail_lines, limit_bytes; /* 0: all, up to HC_MAX_RESPONSE_BYTES */
};
enum hc_rc hc_kube_pod_log(struct hc_kube *k, struct hc_arena *a, const struct hc_kube_log *what, hc_str *out,
                           struct hc_err *err);
/* Any other request: path below the server's address. Gives the parsed JSON answer or the server's error. */
enum hc_rc hc_kube_raw(struct hc_kube *k, struct hc_arena *a, const char *method, const char *path,
                       const char *content_type, hc_str body, struct hc_val **out, struct hc_err *err);

/* ---- several at once ------------------------------------------------------------------------------ */

enum hc_kube_verb {
    HC_KUBE_VERB_GET,
    HC_KUBE_VERB_APPLY,
    HC_KUBE_VERB_CREATE,
    HC_KUBE_VERB_UPDATE,
    HC_KUBE_VERB_PATCH,
    HC_KUBE_VERB_DELETE
};
struct hc_kube_op {
    enum hc_kube_verb verb;
    const struct hc_val *object; /* apply, create, update; the patch */
    struct hc_ref ref;           /* get, patch, delete */
    enum hc_patch patch;
    unsigned flags;
    enum hc_rc rc; /* results */
    struct hc_val *out;
    struct hc_err err;
};
/* Independent operations of a wave, all in flight on one connection; blocks until all are answered. */
void hc_kube_batch(struct hc_kube *k, struct hc_arena *a, struct hc_kube_op *ops, size_t n, const char *manager);

/* ---- writes that must not come late --------------------------------------------------------------- */

/*
 * While a fence stands, whatever this thread writes through any client (all but GET) begins to be sent before `until_ms` of
 * hc_boot_ms(), the first time and each time it is sent again. Is it later than that, `again` is asked before: it puts `until_ms`
 * on, or gives the error of all that was not sent. It may ask servers, its own requests know no fence.
 */
struct hc_kube_fence {
    int64_t until_ms;
    enum hc_rc (*again)(void *ctx, struct hc_err *err);
    void *ctx;
    bool asking; /* internal; starts as false */
};
/* NULL: none any more. Borrowed until then. */
void hc_kube_fence_set(struct hc_kube_fence *f);
/*
 * The same for all threads of the process and without asking: what would begin to be sent later than *until_ms (of hc_boot_ms)
 * is HC_E_CONFLICT. For who holds a lease, which another one takes when it has run out. NULL: none any more. A thread whose
 * fence asks (`asking`) is let pass: it renews the lease.
 */
void hc_kube_fence_process(const _Atomic int64_t *until_ms);

/* ---- watch ---------------------------------------------------------------------------------------- */

enum hc_watch_event {
    HC_WATCH_ADDED,
    HC_WATCH_MODIFIED,
    HC_WATCH_DELETED,
    HC_WATCH_SYNCED, /* after each full list, and when a watch works again after HC_WATCH_FAILED; object NULL */
    HC_WATCH_FAILED, /* list or watch is refused or unreachable and is tried on; object: a map with `message`
                        and `code` (HTTP, 0: no answer). Once until it works again. */
};
/*
 * A watch lists, then follows, reconnects with back-off, resumes from the last resourceVersion and lists again on
 * 410 Gone (then objects that vanished in between come as HC_WATCH_DELETED, with what is known of them: apiVersion,
 * kind, metadata.name, namespace, uid). Callbacks come on the loop's thread, one at a time, and must not block;
 * `object` is borrowed for the call. metadata.managedFields is taken out of every object
 * that is not asked for with its writers.
 */
struct hc_kube_watch;
HC_MUST_USE struct hc_kube_watch *hc_kube_watch_start(struct hc_kube *k, const struct hc_kube_list *what,
                                                      void (*on_event)(void *ctx, enum hc_watch_event e,
                                                                       const struct hc_val *object),
                                                      void *ctx, struct hc_err *err);
/* After it returned no callback comes any more (called from a callback: none after that one). Before
 * hc_kube_free. */
void hc_kube_watch_stop(struct hc_kube_watch *w);
