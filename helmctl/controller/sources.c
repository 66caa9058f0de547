/*
 * What sources share, OCIRepository and HelmRepository (GitRepository: source_git.c). Conditions, reasons and
 * messages are source-controller's.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>

#include "core/base/clock.h"
#include "core/base/fs.h"
#include "core/base/scrub.h"
#include "core/value/json.h"
#include "helmctl/controller/sources_impl.h"
#include "helmctl/controller/verified.h"

hc_str src_hex_of(hc_str revision)
{
    size_t colon = hc_str_rfind(revision, ':');
    return colon == SIZE_MAX ? revision : hc_str_sub(revision, colon + 1, revision.n);
}

bool src_prologue(struct pass *p, struct ctl_result *out)
{
    if (pass_deleting(p)) {
        if (!pass_has_finalizer(p)) {
            *out = (struct ctl_result){ CTL_GONE, 0 };
            return true;
        }
        ctl_artifact_remove(p->c, p->key);
        enum hc_rc rc = pass_finalizer(p, false);
        *out = (struct ctl_result){ rc == HC_OK || rc == HC_E_NOTFOUND ? CTL_GONE : CTL_RETRY, 0 };
        return true;
    }
    if (pass_suspended(p)) {
        if (hc_list_len(hc_map_getz(p->status, "conditions")) > 0) /* what uses it goes on with what it has */
            pass_observed(p);
        *out = (struct ctl_result){ CTL_AT, INT64_MAX };
        return true;
    }
    if (!pass_has_finalizer(p)) {
        enum hc_rc rc = pass_finalizer(p, true);
        if (rc != HC_OK) {
            *out = (struct ctl_result){ rc == HC_E_CONFLICT   ? CTL_AGAIN
                                        : rc == HC_E_NOTFOUND ? CTL_GONE
                                                              : CTL_RETRY,
                                        0 };
            return true;
        }
    }
    pass_handled_request(p);
    return false;
}

bool src_artifact_current(struct pass *p)
{
    struct hc_val *art = hc_map_getz(p->status, "artifact");
    if (!art)
        return false;
    enum hc_blob b = ctl_artifact_look(p->c, art);
    if (b == HC_BLOB_DAMAGED)
        pass_event(p, "Warning", "ArtifactVerificationFailed", NULL,
                   "failed to verify integrity of artifact: the stored file of revision '%.*s' is not %.*s; it is "
                   "fetched again",
                   HC_P(hc_get_str(hc_map_getz(art, "revision"))), HC_P(hc_get_str(hc_map_getz(art, "digest"))));
    return b == HC_BLOB_HERE && hc_get_int_at(p->status, "observedGeneration", -1) == p->cond.generation;
}

static void drop_failures(struct pass *p)
{
    static const char *const gone[] = { "FetchFailed",      "BuildFailed",        "StorageOperationFailed",
                                        "ArtifactOutdated", "IncludeUnavailable", "Reconciling",
                                        "Stalled" };
    for (size_t i = 0; i < HC_LEN(gone); i++)
        hc_cond_del(&p->cond, gone[i]);
}

struct ctl_result src_failed(struct pass *p, struct src_failure f)
{
    hc_scrub_urls(p->err.msg, true);
    bool full = p->err.os_errno == ENOSPC || p->err.os_errno == EDQUOT;
    if (full) {
        (void)ctl_store_make_room(p->c->store);
        hc_wrap(&p->err, "the storage (--storage-path) is full: give it more room; it is tried again by itself");
    }
    if (full || p->err.os_errno == EROFS || p->err.os_errno == EIO) /* it is not the source that has to be mended */
        f = (struct src_failure){ "StorageOperationFailed", "ArchiveOperationFailed" };
    hc_str msg = hc_str_of(p->err.msg);
    if (f.condition)
        hc_cond_set(&p->cond, f.condition, HC_TRUE, f.reason, msg);
    hc_cond_set(&p->cond, "Ready", HC_FALSE, f.reason, msg);
    hc_cond_del(&p->cond, "Stalled");
    hc_cond_setf(&p->cond, "Reconciling", HC_TRUE, "ProgressingWithRetry", "%s", p->err.msg);
    pass_event(p, "Warning", f.reason, NULL, "%s", p->err.msg);
    pass_log(p, HC_LOG_ERROR, "%s: %s", f.reason, p->err.msg);
    return (struct ctl_result){ CTL_RETRY, 0 };
}

struct ctl_result src_failed_for_good(struct pass *p, struct src_failure f)
{
    hc_scrub_urls(p->err.msg, true);
    const char *text = p->err.msg;
    if (f.condition)
        hc_cond_setf(&p->cond, f.condition, HC_TRUE, f.reason, "%s", text);
    hc_cond_setf(&p->cond, "Ready", HC_FALSE, f.reason, "%s", text);
    hc_cond_stalled(&p->cond, f.reason, "%s", text);
    pass_observed(p);
    pass_event(p, "Warning", f.reason, NULL, "%s", text);
    pass_log(p, HC_LOG_ERROR, "%s: %s", f.reason, text);
    return (struct ctl_result){ CTL_STALLED, 0 };
}

struct ctl_result src_stalled(struct pass *p, const char *reason, const char *fmt, ...)
{
    char text[HC_ERR_MSG];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    hc_fail(&p->err, HC_E_INPUT, "%s", text);
    return src_failed_for_good(p, (struct src_failure){ "FetchFailed", reason });
}

static struct ctl_result in_order(struct pass *p)
{
    return pass_done(p, pass_duration(p->spec, "interval", 60000));
}

/* Flux tells it after every interval. Here after somebody asked or changed the object: a look that finds nothing new writes
 * nothing. Neither reaches the notification-controller. */
static void tell_unchanged(struct pass *p)
{
    bool asked = !hc_str_eq(hc_get_str_at(p->stored, "lastHandledReconcileAt"),
                            hc_get_str_at(p->status, "lastHandledReconcileAt"));
    bool changed = hc_get_int_at(p->stored, "observedGeneration", -1) != p->cond.generation;
    hc_str revision = hc_get_str_at(p->status, "artifact.revision");
    if (!revision.n || (!asked && !changed))
        return;
    if (p->key.kind == HC_CTL_GIT)
        pass_event(p, "Trace", "GitOperationSucceeded", NULL,
                   "no changes since last reconciliation: observed revision '%.*s'", HC_P(revision));
    else
        pass_event(p, "Trace", "ArtifactUpToDate", NULL, "artifact up-to-date with remote revision: '%.*s'",
                   HC_P(revision));
}

struct ctl_result src_unchanged(struct pass *p, const char *reason, hc_str message)
{
    drop_failures(p);
    tell_unchanged(p);
    hc_cond_set(&p->cond, "Ready", HC_TRUE, reason, message);
    hc_cond_set(&p->cond, "ArtifactInStorage", HC_TRUE, reason, message);
    /* The server may listen elsewhere since the last start. */
    struct hc_val *art = hc_map_getz(p->status, "artifact");
    hc_str path = hc_get_str(hc_map_getz(art, "path"));
    if (art && path.n) {
        hc_map_put_str(p->a, art, "url", ctl_artifact_url(p->c, p->a, path));
        if (p->key.kind != HC_CTL_GIT) /* Flux: GitRepository v1 has no status.url */
            hc_map_put_str(
                p->a, p->status, "url",
                ctl_artifact_latest(p->c, p->a, p->key, p->status, hc_get_str(hc_map_getz(art, "digest"))));
    }
    pass_observed(p);
    return in_order(p);
}

struct ctl_result src_stored(struct pass *p, const struct hc_artifact *art, const char *file, const char *reason,
                             hc_str message, const char *event_fmt, hc_str event_arg)
{
    struct hc_val *v = NULL;
    hc_str url;
    bool recovered = hc_cond_get(p->status, "FetchFailed") != NULL;
    bool same = hc_str_eq(hc_get_str_at(p->status, "artifact.digest"), art->digest) &&
                hc_str_eq(hc_get_str_at(p->status, "artifact.revision"), art->revision);
    if (ctl_artifact_publish(p->c, p->a, p->key, file, art, p->status, &v, &url, &p->err) != HC_OK) {
        hc_wrap(&p->err, "unable to save artifact to storage");
        return src_failed(p, (struct src_failure){ "StorageOperationFailed", "ArchiveOperationFailed" });
    }
    if (same) /* brought back after the store was lost: for everybody else nothing is new */
        hc_map_put_str(p->a, v, "lastUpdateTime", hc_get_str_at(p->status, "artifact.lastUpdateTime"));
    hc_map_put(p->a, p->status, HC_S("artifact"), v);
    if (p->key.kind != HC_CTL_GIT)
        hc_map_put_str(p->a, p->status, "url", url);
    drop_failures(p);
    hc_cond_set(&p->cond, "Ready", HC_TRUE, reason, message);
    hc_cond_set(&p->cond, "ArtifactInStorage", HC_TRUE, reason, message);
    pass_observed(p);
    if (!same || recovered) {
        struct hc_val *notes = hc_map_new(p->a);
        hc_map_put_str(p->a, notes, "source.toolkit.fluxcd.io/revision", art->revision);
        hc_map_put_str(p->a, notes, "source.toolkit.fluxcd.io/digest", art->digest);
        bool chart = p->key.kind == HC_CTL_CHART; /* Flux tells there how it was made */
        pass_event(p, "Normal",
                   chart  ? reason
                   : same ? "Succeeded"
                          : "NewArtifact",
                   notes, event_fmt, HC_P(event_arg));
    }
    pass_log(p, HC_LOG_INFO, "stored artifact for revision '%.*s'", HC_P(art->revision));
    if (same)
        ctl_wake_referrers(p->c, p->key);
    return in_order(p);
}

/* A status of a first look: long fetches should be seen to be under way. */
void src_show_progress(struct pass *p)
{
    if (hc_get_int_at(p->status, "observedGeneration", -1) == p->cond.generation)
        return;
    if (hc_cond_is(p->status, "Reconciling", HC_TRUE)) /* tried again: the error may stay to be read meanwhile */
        return;
    hc_cond_reconciling(&p->cond, "Progressing", "reconciliation in progress");
    if (!hc_cond_get(p->status, "Ready") || !hc_map_getz(p->status, "artifact"))
        hc_cond_setf(&p->cond, "Ready", HC_UNKNOWN, "Progressing", "reconciliation in progress");
    (void)pass_flush(p);
}

/* Cloud providers need their own way to sign in. True: refused. */
static bool refuses_provider(struct pass *p, struct ctl_result *out)
{
    hc_str provider = hc_get_str_at(p->spec, "provider");
    if (!provider.n || hc_str_eqz(provider, "generic"))
        return false;
    *out = src_stalled(p, "InvalidProviderConfiguration",
                       "provider '%.*s' is not supported: use generic with a secret", HC_P(provider));
    return true;
}

bool src_fetch_fails_early(struct pass *p, const char *known_at, struct src_fetch *f, struct ctl_result *out)
{
    const char *reason = "AuthenticationFailed";
    *f = (struct src_fetch){ 0 };
    src_show_progress(p);
    bool oci = p->key.kind == HC_CTL_OCI, login = src_auth(p, &f->auth, &reason) == HC_OK;
    if (!login || src_env(p, p->spec, p->key.ns, &f->env) != HC_OK) {
        if (oci)
            hc_wrap(&p->err, login ? "failed to get proxy address" : "failed to get credential");
        *out = src_failed(p, (struct src_failure){ "FetchFailed", reason });
        return true;
    }
    if (src_artifact_current(p))
        f->known = hc_get_str_at(p->status, known_at);
    return false;
}

hc_str src_fetched_revision(const struct src_fetch *f)
{
    return f->art.unchanged ? f->known : f->art.revision;
}

struct ctl_result src_keep_folder(struct pass *p, const struct src_fetch *f, hc_str message, hc_str event)
{
    hc_str ignore = hc_get_str_at(p->spec, "ignore"), revision = src_fetched_revision(f);
    if (ignore.p)
        hc_map_put_str(p->a, p->status, "observedIgnore", ignore);
    else
        hc_map_del(p->status, HC_S("observedIgnore"));
    if (f->art.unchanged)
        return src_unchanged(p, "Succeeded", message);
    char file[128];
    snprintf(file, sizeof(file), "%.*s.tar.gz", HC_P(src_hex_of(revision)));
    return src_stored(p, &f->art, file, "Succeeded", message, "%.*s", event);
}

/* ---- what it was verified by ---- */

/* Into a digest: nothing of a Secret can be read out of it that is not known already. */
static void add_tree(struct hc_sha256 *h, const struct hc_val *v)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    hc_buf_init(&b, 0);
    hc_json_write(&b, v, 0);
    hc_sha256_add_text(h, hc_buf_str(&b));
}

void src_trust_of(const struct hc_val *verify, const struct hc_val *const *secrets, size_t n, struct src_trust *out)
{
    struct hc_sha256 h;
    hc_sha256_init(&h);
    add_tree(&h, verify);
    for (size_t i = 0; i < n; i++)
        if (secrets[i])
            add_tree(&h, hc_map_getz(secrets[i], "data"));
    hc_sha256_hex(&h, out->digest);
}

static const char *trust_file(struct pass *p)
{
    char hex[HC_SHA256_HEX + 1], kind[HC_SHA256_HEX + 16];
    const char *path;
    hc_str key = hc_arena_printf(p->a, "%s/%.*s/%.*s", hc_ctl_kind_name(p->key.kind), HC_P(p->key.ns),
                                 HC_P(p->key.name));
    hc_sha256_of(key, hex);
    snprintf(kind, sizeof(kind), "trust-%s", hex);
    return hc_store_derived(ctl_store_blobs(p->c->store), p->a, hc_get_str_at(p->status, "artifact.digest"), kind,
                            &path, NULL) == HC_OK
               ? path
               : NULL;
}

bool src_trust_holds(struct pass *p, const struct src_trust *t)
{
    hc_str text;
    const char *path = trust_file(p);
    return path && hc_read_file(p->a, AT_FDCWD, path, 4096, &text, NULL) == HC_OK && hc_str_eqz(text, t->digest);
}

void src_trust_keep(struct pass *p, const struct src_trust *t)
{
    const char *path = src_trust_holds(p, t) ? NULL : trust_file(p);
    if (path) /* lost, it is verified once more */
        (void)hc_write_file(path, hc_str_of(t->digest), 0600, NULL);
}

/* ---- OCIRepository ---- */

/* What Flux pulls again for: not every new generation, only one that changes what is taken out of the artifact. */
static bool oci_content_changed(const struct pass *p)
{
    hc_str ignore = hc_get_str_at(p->spec, "ignore"), seen = hc_get_str_at(p->status, "observedIgnore");
    const struct hc_val *selector = hc_map_getz(p->spec, "layerSelector");
    const struct hc_val *seen_selector = hc_map_getz(p->status, "observedLayerSelector");
    return (ignore.p != NULL) != (seen.p != NULL) || !hc_str_eq(ignore, seen) ||
           hc_is_map(selector) != hc_is_map(seen_selector) ||
           (hc_is_map(selector) && !hc_val_equal(selector, seen_selector));
}

/* Words and reason for where the fetch ended; what would have been new is told beside the old artifact. */
static struct ctl_result oci_failed(struct pass *p, hc_str url, const struct hc_oci_seen *seen)
{
    hc_str known = hc_get_str_at(p->status, "artifact.revision");
    size_t at = hc_str_find(seen->revision, '@');
    if (known.n && seen->revision.n && !hc_str_eq(known, seen->revision))
        hc_cond_setf(&p->cond, "ArtifactOutdated", HC_TRUE, "NewRevision", "new revision '%.*s' for '%.*s%s%.*s'",
                     HC_P(seen->revision), HC_P(hc_str_sub(url, 6, url.n)), at == SIZE_MAX ? "@" : ":",
                     HC_P(hc_str_sub(seen->revision, 0, at)));
    switch (seen->phase) {
    case HC_OCI_ADDRESS:
        return src_stalled(p, "URLInvalid", "URL validation failed for '%.*s': %s", HC_P(url), p->err.msg);
    case HC_OCI_LOGIN:
        hc_wrap(&p->err, "failed to get credential");
        return src_failed(p, (struct src_failure){ "FetchFailed", "AuthenticationFailed" });
    case HC_OCI_TAG:
        hc_wrap(&p->err, "failed to determine the artifact tag for '%.*s'", HC_P(url));
        return src_failed(p, (struct src_failure){ "FetchFailed", "ReadOperationFailed" });
    case HC_OCI_DIGEST:
        hc_wrap(&p->err, "failed to determine artifact digest");
        break;
    case HC_OCI_LAYER:
        hc_wrap(&p->err, "failed to extract layer contents from artifact");
        return src_failed(p, (struct src_failure){ "FetchFailed", "OCIArtifactLayerOperationFailed" });
    case HC_OCI_PULL:
        hc_wrap(&p->err, "failed to pull artifact from '%.*s'", HC_P(url));
        break;
    }
    return src_failed(p, (struct src_failure){ "FetchFailed", "OCIArtifactPullFailed" });
}

/* Nothing of an artifact that nobody vouches for is fetched; the one at hand stays. */
static struct ctl_result not_verified(struct pass *p, const struct src_verify *v)
{
    src_verify_wrap(p, v);
    hc_scrub_urls(p->err.msg, true);
    src_verify_failed(p);
    hc_cond_del(&p->cond, "FetchFailed");
    const struct src_failure f = { NULL, "VerificationError" };
    return v->unsupported ? src_failed_for_good(p, f) : src_failed(p, f);
}

static hc_str oci_event(struct pass *p, hc_str url, hc_str revision, const struct hc_val *metadata)
{
    hc_str source = hc_get_str(hc_map_getz(metadata, "org.opencontainers.image.source"));
    hc_str origin = hc_get_str(hc_map_getz(metadata, "org.opencontainers.image.revision"));
    hc_str said = hc_arena_printf(p->a, "stored artifact with revision '%.*s' from '%.*s'", HC_P(revision),
                                  HC_P(url));
    if (!source.n || !origin.n)
        return said;
    return hc_arena_printf(p->a, "%.*s, origin source '%.*s', origin revision '%.*s'", HC_P(said), HC_P(source),
                           HC_P(origin));
}

struct ctl_result reconcile_oci(struct pass *p)
{
    struct ctl_result r;
    if (src_prologue(p, &r))
        return r;
    hc_str url = hc_get_str_at(p->spec, "url");
    if (!hc_str_starts(url, HC_S("oci://")))
        return src_stalled(p, "URLInvalid",
                           "URL validation failed for '%.*s': URL must be in format 'oci://<domain>/<org>/<repo>'",
                           HC_P(url));
    struct src_fetch f;
    if (refuses_provider(p, &r) || src_fetch_fails_early(p, "artifact.revision", &f, &r))
        return r;
    if (!oci_content_changed(p) && ctl_artifact_look(p->c, hc_map_getz(p->status, "artifact")) == HC_BLOB_HERE)
        f.known = hc_get_str_at(p->status, "artifact.revision");
    else
        f.known = (hc_str){ NULL, 0 };
    struct hc_oci_seen seen;
    hc_str operation = hc_get_str_at(p->spec, "layerSelector.operation");
    const struct hc_val *selector = hc_map_getz(p->spec, "layerSelector");
    bool copy = hc_str_eqz(operation, "copy");
    struct hc_oci_spec oci = { .url = hc_arena_strz(p->a, url),
                               .tag = hc_get_str_at(p->spec, "ref.tag"),
                               .semver = hc_get_str_at(p->spec, "ref.semver"),
                               .semver_filter = hc_get_str_at(p->spec, "ref.semverFilter"),
                               .digest = hc_get_str_at(p->spec, "ref.digest"),
                               .media_type = hc_get_str_at(p->spec, "layerSelector.mediaType"),
                               .copy = copy,
                               .extract = hc_is_map(selector) && !copy,
                               .ignore = hc_get_str_at(p->spec, "ignore"),
                               .seen = &seen };
    HC_AUTO(src_verify) struct src_verify v;
    if (src_verify_open(p, &v) != HC_OK)
        return not_verified(p, &v);
    f.env.check = src_verify_check(&v);
    if (hc_oci_fetch(&f.env, p->a, &oci, &f.auth, f.known, &f.art, &p->err) != HC_OK) {
        if (v.check.failed)
            return not_verified(p, &v);
        return oci_failed(p, url, &seen);
    }
    src_verify_done(p, &v, "revision", src_fetched_revision(&f));
    hc_str message = hc_arena_printf(p->a, "stored artifact for digest '%.*s'", HC_P(src_fetched_revision(&f)));
    if (selector)
        hc_map_put(p->a, p->status, HC_S("observedLayerSelector"), hc_val_copy(p->a, selector));
    else
        hc_map_del(p->status, HC_S("observedLayerSelector"));
    r = src_keep_folder(p, &f, message, oci_event(p, url, src_fetched_revision(&f), f.art.metadata));
    src_verify_keep(p, &v);
    return r;
}

/* ---- HelmRepository ---- */

struct ctl_result reconcile_repo(struct pass *p)
{
    struct ctl_result r;
    hc_str url = hc_get_str_at(p->spec, "url");
    bool oci = hc_str_eqz(hc_get_str_at(p->spec, "type"), "oci");
    if (oci && !pass_deleting(p)) { /* static: there is nothing to fetch, charts are asked for by name */
        pass_handled_request(p);
        if (!hc_str_starts(url, HC_S("oci://")))
            return src_stalled(p, "URLInvalid", "url '%.*s' does not begin with oci://, as type oci wants it",
                               HC_P(url));
        drop_failures(p);
        hc_cond_setf(&p->cond, "Ready", HC_TRUE, "Succeeded", "Helm repository is ready");
        pass_observed(p);
        return (struct ctl_result){ CTL_AT, INT64_MAX };
    }
    if (src_prologue(p, &r))
        return r;
    if (!hc_str_starts(url, HC_S("http://")) && !hc_str_starts(url, HC_S("https://")))
        return src_stalled(p, "URLInvalid",
                           "invalid Helm repository URL '%.*s': neither http, https nor (with type oci) oci",
                           HC_P(url));
    struct src_fetch f;
    if (src_fetch_fails_early(p, "artifact.digest", &f, &r))
        return r;
    if (hc_helmrepo_index(&f.env, p->a, hc_arena_strz(p->a, url), &f.auth, f.known, &f.art, &p->err) != HC_OK) {
        hc_wrap(&p->err, f.art.unreadable ? "failed to load Helm repository from index YAML"
                                          : "failed to fetch Helm repository index");
        return src_failed(p,
                          (struct src_failure){ "FetchFailed", f.art.unreadable ? "IndexationFailed" : "Failed" });
    }
    hc_str revision = src_fetched_revision(&f);
    hc_str message = hc_arena_printf(p->a, "stored artifact: revision '%.*s'", HC_P(revision));
    if (f.art.unchanged)
        return src_unchanged(p, "Succeeded", message);
    char file[128];
    snprintf(file, sizeof(file), "index-%.*s.yaml", HC_P(src_hex_of(revision)));
    return src_stored(p, &f.art, file, "Succeeded", message, "stored fetched index from '%.*s'", url);
}
