#pragma once
/*
 * charts-fetch/source/source.h - where charts, values and manifests come from
 *
 * Every source ends in an artifact: one file in the store, a revision as Flux spells it, and metadata. A fetch that
 * finds nothing new says so and transfers nothing. All of them block under env->timeout_ms, keep no state between
 * calls, and any thread may call them. Errors name host, phase and remedy, never a credential: HC_E_AGAIN may be tried
 * again, HC_E_INPUT needs a person, HC_E_NOTFOUND: no such branch, chart, version, tag.
 */
#include "charts-fetch/cache/store.h"
#include "core/http/http.h"
#include "core/value/value.h"

struct hc_oci_logins; /* oci.h */
struct hc_oci_check;  /* verified.h */

struct hc_source_env {
    struct hc_http *http;
    struct hc_store *store;
    int64_t timeout_ms;     /* of the whole fetch; 0: 60 s */
    const char *proxy;      /* URL with credentials or NULL */
    const char *proxy_from; /* where it stands, for messages: "Secret apps/proxy"; NULL: it was not said */
    size_t max_bytes;       /* of what is transferred; 0: the limits' */
    bool one_lookup;        /* an index is read for one chart and thrown away: no table is made of it */
    const char *login;      /* what a person is told to name a login with; NULL: a Secret in spec.secretRef */
    struct hc_oci_logins
        *logins;                /* registries: tokens are shared by all fetches with it; NULL: each logs in alone */
    struct hc_oci_check *check; /* registries: who must have signed; NULL: nobody */
};

/* Who one is to a registry; absent texts are not used. */
struct hc_registry_login {
    hc_str username, password;
    hc_str identity_token; /* is exchanged for access tokens */
    hc_str registry_token; /* an access token itself */
    const char *from;      /* where it stands, for messages: "Secret apps/login"; never NULL when there is one */
};

/* What was in the object's secrets; absent fields are not used. Borrowed for the call. */
struct hc_source_auth {
    hc_str username, password; /* basic */
    hc_str bearer;             /* HTTP bearer token */
    hc_str ssh_key, ssh_key_password, known_hosts;
    hc_str ca_pem, cert_pem, key_pem; /* TLS */
    hc_str docker_config;             /* .dockerconfigjson; programs it names are not run */
    hc_str app_id, app_owner, app_installation, app_key, app_url; /* a GitHub App, for hc_github_token */
    bool ca_with_system;  /* ca_pem counts beside the system's authorities, as Flux has it; alone, as Helm has it */
    const char *from;     /* where the login stands, for messages: "Secret apps/login"; may be NULL */
    const char *tls_from; /* and the certificates; NULL: there are none, or it was not said */
    const char *tls_field;     /* the field that names them, for messages: "spec.certSecretRef"; NULL: none */
    bool pass_credentials;     /* Helm repositories: to chart URLs of other hosts too */
    bool plain_http;           /* OCI: HTTP without TLS */
    bool insecure_registry;    /* OCI: TLS without a look at certificates, and where that is not spoken, HTTP */
    bool insecure_skip_verify; /* TLS: any certificate will do; HTTP repositories and OCI */
    /* OCI: asked for a login when the registry wants one and none of the fields above is one; NULL: nobody. None is
     * HC_OK and an empty *out. */
    enum hc_rc (*find_login)(void *ctx, struct hc_arena *a, hc_str host, struct hc_registry_login *out,
                             struct hc_err *err);
    void *find_ctx;
};

struct hc_artifact {
    bool unreadable; /* on failure: it came, and is not what it should be (index) */
    bool unchanged;  /* nothing was transferred: the other fields (but revision) are empty */
    hc_str revision; /* "main@sha1:<40>", "6.14.1@sha256:<64>", "sha256:<64>", "6.14.1" */
    hc_str digest;   /* of the file in the store: "sha256:<64>" */
    uint64_t size;
    struct hc_val *metadata; /* texts (OCI annotations), or NULL */
    hc_str manifest;         /* OCI: digest of the manifest, or of the index, the tag stands for */
};

/* ---- Git: GitRepository ------------------------------------------------------------------------------ */

/* A folder of another artifact that goes into this one. */
struct hc_git_include {
    hc_str name;     /* of the GitRepository, for messages */
    hc_str digest;   /* of its artifact, a blob of the store */
    hc_str from, to; /* from "": all of it */
};

/* Who must have signed (spec.verify). Keys are texts of the Secret. */
struct hc_git_verify {
    bool head, tag;
    const hc_str *pgp_keys, *ssh_keys; /* key rings (armored or not); authorized keys, one a line */
    size_t pgp_n, ssh_n;
};

/* What a fetch learns beside the artifact, in the arena. */
struct hc_git_news {
    hc_str subject;         /* the commit's, at most 50 characters of it; absent: nothing was fetched */
    hc_str verified;        /* whose signatures were good, in Flux's words */
    const char *unverified; /* reason of the condition when the fetch failed over a signature, else NULL */
    bool empty;             /* the fetch failed: the repository has no refs */
    bool key_locked;        /* the fetch failed: the private key is encrypted and there is no passphrase */
    bool stalled;           /* only another spec can mend that */
    bool include_failed;    /* the fetch failed over an include */
    size_t received;        /* bytes of packs */
};

struct hc_git_spec {
    const char *url;                          /* http, https, ssh */
    hc_str branch, tag, semver, name, commit; /* commit > name > semver > tag > branch; none: branch master */
    hc_str ignore;        /* spec.ignore, gitignore grammar; absent: the built-in list and .sourceignore files */
    const hc_str *sparse; /* folders; none: all */
    size_t sparse_n;
    bool submodules; /* with the credentials at hand where the host is the same, with none elsewhere */
    const struct hc_git_include *includes;
    size_t includes_n;
    const struct hc_git_verify *verify; /* NULL: nobody need have signed */
    struct hc_git_news *news;           /* may be NULL */
};
/* `known`: the revision at hand, absent: none. The artifact is a .tar.gz of the tree without .git. A commit whose
 * revision is at hand asks nobody: it cannot change. */
enum hc_rc hc_git_fetch(const struct hc_source_env *env, struct hc_arena *a, const struct hc_git_spec *spec,
                        const struct hc_source_auth *auth, hc_str known, struct hc_artifact *out,
                        struct hc_err *err);

/* A token for HTTP (user x-access-token) of the GitHub App in `auth`; those that last are shared by the process. */
enum hc_rc hc_github_token(const struct hc_source_env *env, struct hc_arena *a, const struct hc_source_auth *auth,
                           hc_str *out, struct hc_err *err);

/* ---- Helm HTTP repositories: HelmRepository -------------------------------------------------------------- */

/* The index into the store. `known`: the digest at hand; an index that the server says is unchanged (its ETag or
 * Last-Modified stands in the store beside the blob), or whose bytes are, gives unchanged. Revision is the digest. */
enum hc_rc hc_helmrepo_index(const struct hc_source_env *env, struct hc_arena *a, const char *url,
                             const struct hc_source_auth *auth, hc_str known, struct hc_artifact *out,
                             struct hc_err *err);

struct hc_chart_entry {
    hc_str name, version, url; /* url absolute, or relative to the repository */
    hc_str digest;             /* hex or "sha256:hex", absent: the index has none */
    hc_str app_version;
};
struct hc_index_rows; /* index.h */
/* The newest version that fits `range` ("" and "*": any release), by the table of the index that is blob `index`. */
enum hc_rc hc_helmrepo_find(struct hc_store *store, struct hc_arena *a, hc_str index, hc_str chart, hc_str range,
                            struct hc_chart_entry *out, struct hc_err *err);
/* The same out of the chart's versions. */
enum hc_rc hc_helmrepo_choose(struct hc_arena *a, const struct hc_index_rows *versions, hc_str chart, hc_str range,
                              struct hc_chart_entry *out, struct hc_err *err);
/* The chart's archive into the store; the digest must be the index's. Revision is the version. */
enum hc_rc hc_helmrepo_chart(const struct hc_source_env *env, struct hc_arena *a, const char *repo_url,
                             const struct hc_source_auth *auth, const struct hc_chart_entry *entry,
                             struct hc_artifact *out, struct hc_err *err);

/* ---- OCI registries: OCIRepository, oci:// HelmRepository (oci.h has manifests, referrers, blobs, push) ---- */

struct hc_oci_spec {
    const char *url;                           /* "oci://host[:port]/path" */
    hc_str tag, semver, semver_filter, digest; /* digest > semver > tag; none: latest */
    hc_str media_type; /* layerSelector; absent: the first layer, a chart layer if there is one */
    bool copy;         /* layerSelector.operation copy: the layer as it is */
    bool extract;      /* layerSelector with another operation: unpacked and packed anew, charts too */
    hc_str ignore;
    struct hc_oci_seen *seen; /* NULL: not wanted */
};
/* How far a fetch came, on failure too: whose fault it is, and what would have been new. */
enum hc_oci_phase { HC_OCI_ADDRESS, HC_OCI_LOGIN, HC_OCI_TAG, HC_OCI_DIGEST, HC_OCI_PULL, HC_OCI_LAYER };
struct hc_oci_seen {
    enum hc_oci_phase phase;
    hc_str revision; /* absent: not known when it failed */
};
/* Revision "tag@sha256:<manifest>". Layers that are Helm charts are kept as they are unless `extract` says otherwise;
 * others are repacked reproducibly without what `ignore` names. */
enum hc_rc hc_oci_fetch(const struct hc_source_env *env, struct hc_arena *a, const struct hc_oci_spec *spec,
                        const struct hc_source_auth *auth, hc_str known, struct hc_artifact *out,
                        struct hc_err *err);
/* A chart by version range out of oci://REPO/CHART: `url` names both. Revision is the version. */
enum hc_rc hc_oci_chart(const struct hc_source_env *env, struct hc_arena *a, const char *url, hc_str range,
                        const struct hc_source_auth *auth, hc_str known, struct hc_artifact *out,
                        struct hc_err *err);

/* ---- folders -------------------------------------------------------------------------------------------- */

/* A tree on disk to a reproducible .tar.gz in the store: sorted, no owner, one time; leaves out what the gitignore
 * lines `ignore` name (absent: built-in list and .sourceignore). Links that leave the tree are refused. deadline_ms: of
 * hc_mono_ms(), HC_E_AGAIN when it is over. */
enum hc_rc hc_tree_pack(struct hc_store *store, struct hc_arena *a, const char *dir, hc_str ignore,
                        int64_t deadline_ms, hc_str *out_digest, uint64_t *out_size, struct hc_err *err);
