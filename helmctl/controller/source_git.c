/*
 * GitRepository: spec to a fetch, and what came of it to conditions, reasons and events as source-controller has them
 * (internal/controller/gitrepository_controller.go).
 */
#include "helmctl/controller/sources_impl.h"

struct git_job {
    struct pass *p;
    struct src_fetch fetch;
    struct hc_git_spec spec;
    struct hc_git_verify verify;
    struct src_trust trust; /* of `verify` */
    bool verified;          /* the artifact at hand is, by just that */
    struct hc_git_news news;
    struct hc_val *included; /* the artifacts of spec.include, in its order */
    enum hc_rc rc;
};

/* ---- include ---------------------------------------------------------------------------------------------- */

static struct ctl_result include_missing(struct pass *p, const char *reason)
{
    hc_cond_setf(&p->cond, "IncludeUnavailable", HC_TRUE, reason, "%s", p->err.msg);
    hc_cond_setf(&p->cond, "Ready", HC_FALSE, reason, "%s", p->err.msg);
    hc_cond_del(&p->cond, "Stalled");
    hc_cond_setf(&p->cond, "Reconciling", HC_TRUE, "ProgressingWithRetry", "%s", p->err.msg);
    pass_log(p, HC_LOG_INFO, "%s: %s", reason, p->err.msg);
    return pass_after(p->c->o->requeue_dependency_ms); /* its watch is quicker */
}

/* The artifacts of the included repositories into the store. True: *out is the result of the whole pass. */
static bool include_fails(struct git_job *j, struct ctl_result *out)
{
    struct pass *p = j->p;
    const struct hc_val *list = hc_map_getz(p->spec, "include");
    size_t n = hc_list_len(list);
    struct hc_git_include *incs = n ? HC_NEW_N(p->a, struct hc_git_include, n) : NULL;
    j->included = hc_list_new(p->a);
    for (size_t i = 0; incs && i < n; i++) {
        const struct hc_val *want = hc_list_at(list, i);
        hc_str name = hc_get_str_at(want, "repository.name"), digest;
        const struct hc_val *dep = hc_objects_get(p->c->objects, p->a,
                                                  (struct hc_key){ HC_CTL_GIT, p->key.ns, name });
        const struct hc_val *art = hc_get(dep, "status.artifact");
        if (!dep) {
            hc_fail(
                &p->err, HC_E_NOTFOUND,
                "could not get resource for include '%.*s': gitrepositories.source.toolkit.fluxcd.io \"%.*s\" not "
                "found",
                HC_P(name), HC_P(name));
            *out = include_missing(p, "NotFound");
            return true;
        }
        if (!art || ctl_artifact_blob(p->c, p->a, dep, &digest, &p->err) != HC_OK) {
            if (!art)
                hc_fail(&p->err, HC_E_NOTFOUND, "no artifact available for include '%.*s'", HC_P(name));
            else
                hc_wrap(&p->err, "include '%.*s'", HC_P(name));
            *out = include_missing(p, "NoArtifact");
            return true;
        }
        incs[i] = (struct hc_git_include){ .name = name,
                                           .digest = digest,
                                           .from = hc_get_str_at(want, "fromPath"),
                                           .to = hc_get_str_at(want, "toPath") };
        hc_list_add(p->a, j->included, hc_val_copy(p->a, art));
    }
    hc_cond_del(&p->cond, "IncludeUnavailable");
    j->spec.includes = incs;
    j->spec.includes_n = incs ? n : 0;
    return false;
}

/* Whether the artifact at hand was made of these. */
static bool same_includes(const struct git_job *j)
{
    const struct hc_val *had = hc_map_getz(j->p->status, "includedArtifacts");
    if (hc_list_len(had) != hc_list_len(j->included))
        return false;
    for (size_t i = 0; i < hc_list_len(had); i++)
        for (int k = 0; k < 2; k++) {
            const char *field = k ? "digest" : "revision";
            if (!hc_str_eq(hc_get_str(hc_map_getz(hc_list_at(had, i), field)),
                           hc_get_str(hc_map_getz(hc_list_at(j->included, i), field))))
                return false;
        }
    return true;
}

/* ---- spec.verify ------------------------------------------------------------------------------------------- */

static hc_str mode_of(const struct pass *p)
{
    hc_str mode = hc_get_str_at(p->spec, "verify.mode");
    return hc_str_eqz(mode, "Tag") || hc_str_eqz(mode, "TagAndHEAD") ? mode : HC_S("HEAD");
}

static bool wants_verification(const struct pass *p)
{
    return hc_is_map(hc_map_getz(p->spec, "verify"));
}

static struct ctl_result unverified(struct pass *p, const char *reason, bool stalled)
{
    hc_cond_setf(&p->cond, "SourceVerified", HC_FALSE, reason, "%s", p->err.msg);
    hc_cond_setf(&p->cond, "Ready", HC_FALSE, reason, "%s", p->err.msg);
    hc_cond_del(&p->cond, "FetchFailed");
    if (stalled) {
        hc_cond_stalled(&p->cond, reason, "%s", p->err.msg);
        pass_observed(p);
    } else {
        hc_cond_del(&p->cond, "Stalled");
        hc_cond_setf(&p->cond, "Reconciling", HC_TRUE, "ProgressingWithRetry", "%s", p->err.msg);
    }
    pass_event(p, "Warning", reason, NULL, "%s", p->err.msg);
    pass_log(p, HC_LOG_ERROR, "%s: %s", reason, p->err.msg);
    return (struct ctl_result){ stalled ? CTL_STALLED : CTL_RETRY, 0 };
}

static bool verify_fails_early(struct git_job *j, struct ctl_result *out)
{
    struct pass *p = j->p;
    bool was_good = hc_cond_is(p->status, "SourceVerified", HC_TRUE);
    if (hc_cond_is(p->status, "SourceVerified", HC_FALSE))
        hc_cond_del(&p->cond, "SourceVerified");
    if (!wants_verification(p)) {
        hc_map_del(p->status, HC_S("sourceVerificationMode"));
        hc_cond_del(&p->cond, "SourceVerified");
        return false;
    }
    hc_str mode = mode_of(p);
    j->verify.tag = !hc_str_eqz(mode, "HEAD");
    j->verify.head = !hc_str_eqz(mode, "Tag");
    if (src_verify_keys(p, hc_get_str_at(p->spec, "verify.secretRef.name"), &j->verify, &j->trust) != HC_OK) {
        hc_wrap(&p->err, "public keys secret error");
        *out = unverified(p, "VerificationError", false);
        return true;
    }
    j->spec.verify = &j->verify;
    j->verified = was_good && src_trust_holds(p, &j->trust);
    return false;
}

static void note_verified(struct git_job *j)
{
    struct pass *p = j->p;
    if (!wants_verification(p))
        return;
    hc_str text = j->fetch.art.unchanged ? hc_cond_message(p->status, "SourceVerified") : j->news.verified;
    hc_map_put_str(p->a, p->status, "sourceVerificationMode", mode_of(p));
    hc_cond_set(&p->cond, "SourceVerified", HC_TRUE, "Succeeded", text);
    if (!j->fetch.art.unchanged)
        pass_event(p, "Trace", "Succeeded", NULL, "%.*s", HC_P(text));
}

/* ---- credentials ------------------------------------------------------------------------------------------- */

/* True: *out is the result of the whole pass. */
static bool login_fails(struct git_job *j, hc_str url, struct ctl_result *out)
{
    struct pass *p = j->p;
    struct hc_source_auth *auth = &j->fetch.auth;
    hc_str provider = hc_get_str_at(p->spec, "provider"), secret = hc_get_str_at(p->spec, "secretRef.name"), token;
    bool github = hc_str_eqz(provider, "github");
    if (provider.n && !github && !hc_str_eqz(provider, "generic")) {
        *out = src_stalled(p, "InvalidProviderConfiguration",
                           "provider '%.*s' is not supported: use generic with a secret", HC_P(provider));
        return true;
    }
    if (github && !secret.n) {
        *out = src_stalled(p, "InvalidProviderConfiguration",
                           "secretRef with github app data must be specified when provider is set to github");
        return true;
    }
    struct src_failure f = { "FetchFailed", "InvalidProviderConfiguration" };
    if (github && !auth->app_id.n)
        hc_fail(&p->err, HC_E_INPUT,
                "secretRef with github app data must be specified when provider is set to github");
    else if (!github && auth->app_id.n)
        hc_fail(&p->err, HC_E_INPUT, "secretRef '%.*s/%.*s' has github app data but provider is not set to github",
                HC_P(p->key.ns), HC_P(secret));
    else if (!github)
        return false;
    else if (hc_str_starts(url, HC_S("ssh://")))
        hc_fail(&p->err, HC_E_INPUT, "provider github signs in over https: spec.url is an ssh URL");
    else if (hc_github_token(&j->fetch.env, p->a, auth, &token, &p->err) == HC_OK) {
        auth->username = HC_S("x-access-token");
        auth->password = token;
        auth->bearer = (hc_str){ NULL, 0 };
        return false;
    } else {
        hc_wrap(&p->err, "failed to configure authentication options");
        f.reason = "AuthenticationFailed";
    }
    *out = src_failed(p, f);
    return true;
}

/* ---- all of it --------------------------------------------------------------------------------------------- */

static void put_or_del(struct pass *p, const char *field, const char *from)
{
    const struct hc_val *v = hc_map_getz(p->spec, from);
    bool empty = hc_is_null(v) || (hc_is_list(v) && !hc_list_len(v)) || (v->kind == HC_BOOL && !v->b);
    if (!empty)
        hc_map_put(p->a, p->status, hc_str_of(field), hc_val_copy(p->a, v));
    else
        hc_map_del(p->status, hc_str_of(field));
}

static void note_observed(struct git_job *j)
{
    struct pass *p = j->p;
    put_or_del(p, "observedInclude", "include");
    put_or_del(p, "observedRecurseSubmodules", "recurseSubmodules");
    put_or_del(p, "observedSparseCheckout", "sparseCheckout");
    if (hc_list_len(j->included))
        hc_map_put(p->a, p->status, HC_S("includedArtifacts"), j->included);
    else
        hc_map_del(p->status, HC_S("includedArtifacts"));
    note_verified(j);
}

static struct ctl_result failed(struct git_job *j)
{
    struct pass *p = j->p;
    if (j->news.unverified)
        return unverified(p, j->news.unverified, j->news.stalled);
    if (j->news.include_failed)
        return src_failed(p, (struct src_failure){ "StorageOperationFailed", "CopyFailure" });
    if (j->news.empty) {
        hc_fail(&p->err, HC_E_NOTFOUND, "git repository is empty");
        return src_failed(p, (struct src_failure){ "FetchFailed", "EmptyGitRepository" });
    }
    if (j->news.key_locked)
        return src_failed(p, (struct src_failure){ "FetchFailed", "AuthenticationFailed" });
    hc_wrap(&p->err, "failed to checkout and determine revision");
    return src_failed(p, (struct src_failure){ "FetchFailed", "GitOperationFailed" });
}

static void fetch_git(void *arg)
{
    struct git_job *j = arg;
    struct src_fetch *f = &j->fetch;
    j->rc = hc_git_fetch(&f->env, j->p->a, &j->spec, &f->auth, f->known, &f->art, &j->p->err);
}

static void read_spec(struct git_job *j, hc_str url)
{
    struct pass *p = j->p;
    const struct hc_val *sparse = hc_map_getz(p->spec, "sparseCheckout");
    size_t n = hc_list_len(sparse);
    hc_str *dirs = n ? HC_NEW_N(p->a, hc_str, n) : NULL;
    for (size_t i = 0; dirs && i < n; i++)
        dirs[i] = hc_get_str(hc_list_at(sparse, i));
    j->spec = (struct hc_git_spec){ .url = hc_arena_strz(p->a, url),
                                    .branch = hc_get_str_at(p->spec, "ref.branch"),
                                    .tag = hc_get_str_at(p->spec, "ref.tag"),
                                    .semver = hc_get_str_at(p->spec, "ref.semver"),
                                    .name = hc_get_str_at(p->spec, "ref.name"),
                                    .commit = hc_get_str_at(p->spec, "ref.commit"),
                                    .ignore = hc_get_str_at(p->spec, "ignore"),
                                    .sparse = dirs,
                                    .sparse_n = dirs ? n : 0,
                                    .submodules = hc_get_bool_at(p->spec, "recurseSubmodules", false),
                                    .news = &j->news };
}

struct ctl_result reconcile_git(struct pass *p)
{
    struct ctl_result r;
    struct git_job j = { .p = p };
    if (src_prologue(p, &r))
        return r;
    hc_str url = hc_get_str_at(p->spec, "url");
    if (!hc_str_starts(url, HC_S("http://")) && !hc_str_starts(url, HC_S("https://")) &&
        !hc_str_starts(url, HC_S("ssh://")))
        return src_stalled(p, "URLInvalid", "url '%.*s' is neither http, https nor ssh", HC_P(url));
    read_spec(&j, url);
    if (src_fetch_fails_early(p, "artifact.revision", &j.fetch, &r) || login_fails(&j, url, &r) ||
        include_fails(&j, &r) || verify_fails_early(&j, &r))
        return r;
    /* Verified by other keys, or not at all: the commit is fetched again, with whoever signed it. */
    if (!same_includes(&j) || (j.spec.verify && !j.verified))
        j.fetch.known = (hc_str){ NULL, 0 };
    if (hc_str_starts(url, HC_S("ssh://")) || j.spec.submodules) /* that library waits on its own sockets */
        hc_pool_run(p->c->pool, fetch_git, &j);
    else
        fetch_git(&j);
    if (j.rc != HC_OK)
        return failed(&j);
    hc_str revision = src_fetched_revision(&j.fetch);
    note_observed(&j);
    r = src_keep_folder(p, &j.fetch, hc_arena_printf(p->a, "stored artifact for revision '%.*s'", HC_P(revision)),
                        hc_arena_printf(p->a, "stored artifact for commit '%.*s'",
                                        HC_P(j.news.subject.p ? j.news.subject : revision)));
    if (j.spec.verify)
        src_trust_keep(p, &j.trust);
    return r;
}
