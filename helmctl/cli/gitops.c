/*
 * Kinds, rows and waiting of the GitOps verbs. Words and tables are those of the flux program, so that scripts
 * around it keep working.
 */
#include "helmctl/cli/gitops.h"

#include <stdio.h>
#include <time.h>

#include "core/base/clock.h"
#include "helmctl/cli/complete.h"

#define POLL_MS 250

const struct hc_gitops_kind hc_gitops_kinds[] = {
    { "source.toolkit.fluxcd.io/v1", "OCIRepository", "source oci", "oci", "ocirepository ocirepositories ocirepo",
      "fetched revision" },
    { "source.toolkit.fluxcd.io/v1", "Bucket", "source bucket", "bucket", "bucket buckets", "fetched revision" },
    { "source.toolkit.fluxcd.io/v1", "GitRepository", "source git", "git", "gitrepository gitrepositories gitrepo",
      "fetched revision" },
    { "source.toolkit.fluxcd.io/v1", "HelmRepository", "source helm", "helm",
      "helmrepository helmrepositories helmrepo", "fetched revision" },
    { "source.toolkit.fluxcd.io/v1", "HelmChart", "source chart", "chart", "helmchart helmcharts hc",
      "fetched revision" },
    { "kustomize.toolkit.fluxcd.io/v1", "Kustomization", "kustomization", NULL, "kustomization kustomizations ks",
      "applied revision" },
    { "helm.toolkit.fluxcd.io/v2", "HelmRelease", "helmrelease", NULL, "helmrelease helmreleases hr",
      "applied revision" },
};
const size_t hc_gitops_kinds_n = HC_LEN(hc_gitops_kinds);
const char hc_gitops_words[] = "helmrelease, kustomization, source git, source helm, source oci, source chart or "
                               "source bucket";

const struct hc_gitops_kind *hc_gitops_kind_of(const char *const *args, size_t n, size_t *out_used)
{
    *out_used = 0;
    if (n == 0)
        return NULL;
    hc_str first = hc_str_of(args[0]), second = n > 1 ? hc_str_of(args[1]) : (hc_str){ NULL, 0 };
    if (hc_str_eqz(first, "all")) {
        *out_used = 1;
        return NULL;
    }
    if (hc_str_eqz(first, "source") || hc_str_eqz(first, "sources")) {
        *out_used = 1;
        for (size_t i = 0; i < hc_gitops_kinds_n; i++)
            if (hc_gitops_kinds[i].source && hc_str_eqz(second, hc_gitops_kinds[i].source)) {
                *out_used = 2;
                return &hc_gitops_kinds[i];
            }
        return NULL;
    }
    for (size_t i = 0; i < hc_gitops_kinds_n; i++) {
        hc_str words = hc_str_of(hc_gitops_kinds[i].names), word;
        while (hc_str_split(&words, ' ', &word))
            if (hc_str_eq_nocase(word, first)) {
                *out_used = 1;
                return &hc_gitops_kinds[i];
            }
    }
    return NULL;
}

bool hc_gitops_complete(struct hc_completion *c, const struct hc_cli *cli)
{
    size_t used;
    const struct hc_gitops_kind *k = hc_gitops_kind_of(cli->args, cli->args_n, &used);
    if (cli->args_n == 0 || (!k && used == 1 && cli->args_n == 1))
        for (size_t i = 0; i < hc_gitops_kinds_n; i++) {
            const char *word = cli->args_n ? hc_gitops_kinds[i].source : hc_gitops_kinds[i].human;
            if (word && (cli->args_n || !hc_gitops_kinds[i].source))
                hc_complete_add(c, hc_str_of(word), hc_str_of(hc_gitops_kinds[i].kind));
        }
    if (cli->args_n == 0)
        hc_complete_add(c, HC_S("source"), HC_S("where charts and files come from"));
    if (!k)
        return true;
    HC_AUTO(hc_cli_cluster) struct hc_cli_cluster cluster = { 0 };
    struct hc_kube_list what = { .api_version = hc_str_of(k->api_version), .kind = hc_str_of(k->kind) };
    struct hc_val *items = NULL;
    hc_complete_deadline();
    if (hc_cli_connect(&cli->globals, &cluster, NULL) != HC_OK)
        return true;
    what.ns = cluster.ns;
    if (hc_kube_list(cluster.kube, c->a, &what, &items, NULL, NULL) != HC_OK)
        return true;
    for (size_t i = 0; i < hc_list_len(items); i++) {
        struct hc_gitops_row row = hc_gitops_row_of(c->a, k, hc_list_at(items, i));
        bool given = false;
        for (size_t j = used; j < cli->args_n; j++)
            given = given || hc_str_eqz(row.name, cli->args[j]);
        if (!given)
            hc_complete_add(c, row.name, row.message);
    }
    return true;
}

const struct hc_val *hc_gitops_condition(const struct hc_val *object, const char *type)
{
    const struct hc_val *list = hc_get(object, "status.conditions");
    for (size_t i = 0; i < hc_list_len(list); i++)
        if (hc_str_eqz(hc_get_str(hc_map_getz(hc_list_at(list, i), "type")), type))
            return hc_list_at(list, i);
    return NULL;
}

static bool hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

static bool word(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/* flux2 internal/utils: \b[a-f0-9]{40,128}\b becomes its first eight. */
hc_str hc_gitops_short(struct hc_arena *a, hc_str s)
{
    struct hc_buf b;
    hc_buf_init(&b, 0);
    for (size_t i = 0; i < s.n;) {
        size_t n = 0;
        while (i + n < s.n && word(s.p[i + n]))
            n++;
        bool all = n >= 40 && n <= 128;
        for (size_t j = 0; j < n && all; j++)
            all = hex(s.p[i + j]);
        if (n == 0)
            hc_buf_putc(&b, s.p[i]);
        else
            hc_buf_put(&b, hc_str_sub(s, i, i + (all ? 8 : n)));
        i += n ? n : 1;
    }
    hc_str out = hc_buf_to_arena(&b, a);
    hc_buf_done(&b);
    return out;
}

hc_str hc_gitops_revision(const struct hc_gitops_kind *k, const struct hc_val *object)
{
    if (strcmp(k->kind, "HelmRelease") == 0) {
        hc_str version = hc_get_str_at(object, "status.history[0].chartVersion");
        return version.n ? version : hc_get_str_at(object, "status.lastAttemptedRevision");
    }
    if (strcmp(k->kind, "Kustomization") == 0)
        return hc_get_str_at(object, "status.lastAppliedRevision");
    return hc_get_str_at(object, "status.artifact.revision");
}

struct hc_gitops_row hc_gitops_row_of(struct hc_arena *a, const struct hc_gitops_kind *k,
                                      const struct hc_val *object)
{
    const struct hc_val *ready = hc_gitops_condition(object, "Ready");
    struct hc_gitops_row r = {
        .ns = hc_get_str_at(object, "metadata.namespace"),
        .name = hc_get_str_at(object, "metadata.name"),
        .revision = hc_gitops_short(a, hc_gitops_revision(k, object)),
        .suspended = hc_get_bool_at(object, "spec.suspend", false) ? HC_S("True") : HC_S("False"),
        .ready = ready ? hc_get_str(hc_map_getz(ready, "status")) : HC_S("False"),
        .message = ready ? hc_get_str(hc_map_getz(ready, "message")) : HC_S("waiting to be reconciled"),
    };
    char *line = hc_arena_strz(a, hc_gitops_short(a, r.message));
    for (char *p = line; p && *p; p++)
        if (*p == '\n' || *p == '\r' || *p == '\t')
            *p = ' ';
    r.message = hc_str_of(line);
    return r;
}

static void pad(struct hc_buf *b, hc_str s, size_t width)
{
    hc_buf_put(b, s);
    size_t n = hc_utf8_count(s);
    if (n < width)
        hc_buf_fill(b, ' ', width - n);
}

void hc_gitops_table(struct hc_buf *b, const char *const *header, size_t columns, const hc_str *cells, size_t rows)
{
    enum { MAX_COLUMNS = 16 };
    size_t width[MAX_COLUMNS] = { 0 };
    columns = HC_MIN(columns, (size_t)MAX_COLUMNS);
    for (size_t c = 0; c < columns; c++) {
        width[c] = header ? strlen(header[c]) : 0;
        for (size_t r = 0; r < rows; r++)
            width[c] = HC_MAX(width[c], hc_utf8_count(cells[r * columns + c]));
    }
    for (size_t c = 0; header && c < columns; c++) {
        pad(b, hc_str_of(header[c]), width[c]);
        hc_buf_puts(b, c + 1 < columns ? "\t" : " \n");
    }
    for (size_t r = 0; r < rows; r++) {
        for (size_t c = 0; c < columns; c++) {
            pad(b, cells[r * columns + c], width[c]);
            hc_buf_putc(b, '\t');
        }
        hc_buf_putc(b, '\n');
    }
}

/* k8s.io/apimachinery/pkg/util/duration: HumanDuration */
hc_str hc_gitops_age(struct hc_arena *a, int64_t ms)
{
    int64_t s = HC_MAX(ms, 0) / 1000, m = s / 60, h = m / 60, d = h / 24;
    if (s < 120)
        return hc_arena_printf(a, "%" PRId64 "s", s);
    if (m < 10 && s % 60)
        return hc_arena_printf(a, "%" PRId64 "m%" PRId64 "s", m, s % 60);
    if (h < 3)
        return hc_arena_printf(a, "%" PRId64 "m", m);
    if (h < 8 && m % 60)
        return hc_arena_printf(a, "%" PRId64 "h%" PRId64 "m", h, m % 60);
    if (h < 48)
        return hc_arena_printf(a, "%" PRId64 "h", h);
    if (d < 8 && h % 24)
        return hc_arena_printf(a, "%" PRId64 "d%" PRId64 "h", d, h % 24);
    if (d < 365 * 2)
        return hc_arena_printf(a, "%" PRId64 "d", d);
    if (d < 365 * 8 && d % 365)
        return hc_arena_printf(a, "%" PRId64 "y%" PRId64 "d", d / 365, d % 365);
    return hc_arena_printf(a, "%" PRId64 "y", d / 365);
}

/* ---- reconcile and wait -------------------------------------------------------------------------- */

static void sleep_ms(int64_t ms)
{
    struct timespec t = { ms / 1000, ms % 1000 * 1000000 };
    nanosleep(&t, NULL);
}

enum hc_rc hc_gitops_wait_ready(struct hc_cli_cluster *c, struct hc_arena *a, const struct hc_gitops_kind *k,
                                const struct hc_ref *r, hc_str token, int64_t timeout_ms, struct hc_err *err)
{
    int64_t deadline = hc_mono_ms() + timeout_ms;
    hc_str last = HC_S("the controller has not looked at it yet");
    fprintf(stderr, "◎ waiting for %s reconciliation\n", k->kind);
    for (;;) {
        struct hc_val *o = NULL;
        enum hc_rc rc = hc_kube_get(c->kube, a, r, &o, err);
        if (rc != HC_OK && rc != HC_E_AGAIN)
            return rc;
        const struct hc_val *ready = rc == HC_OK ? hc_gitops_condition(o, "Ready") : NULL;
        const struct hc_val *at_work = hc_gitops_condition(o, "Reconciling");
        bool handled = !token.n || hc_str_eq(hc_get_str_at(o, "status.lastHandledReconcileAt"), token);
        int64_t generation = hc_get_int_at(o, "metadata.generation", 0);
        bool seen = hc_get_int_at(o, "status.observedGeneration", -1) >= generation ||
                    hc_get_int_at(ready, "observedGeneration", -1) >= generation;
        hc_str status = hc_get_str(hc_map_getz(ready, "status"));
        if (ready)
            last = hc_get_str(hc_map_getz(ready, "message"));
        bool settled = handled && seen && !hc_str_eqz(hc_get_str(hc_map_getz(at_work, "status")), "True");
        if (settled && hc_str_eqz(status, "True")) {
            fprintf(stderr, "✔ %s reconciliation completed\n", k->kind);
            hc_str revision = hc_gitops_revision(k, o);
            if (revision.n)
                fprintf(stderr, "✔ %s %.*s\n", k->done, HC_P(revision));
            return HC_OK;
        }
        if (settled && hc_str_eqz(status, "False"))
            return hc_fail(err, HC_E_INPUT, "%s reconciliation failed: '%.*s'", k->kind, HC_P(last));
        if (hc_mono_ms() >= deadline)
            return hc_fail(err, HC_E_AGAIN, "%.*s %.*s/%.*s is not reconciled within %" PRId64 " s: %.*s",
                           HC_P(r->kind), HC_P(r->ns), HC_P(r->name), timeout_ms / 1000, HC_P(last));
        sleep_ms(POLL_MS);
    }
}

enum hc_rc hc_gitops_reconcile(struct hc_cli_cluster *c, struct hc_arena *a, const struct hc_gitops_kind *k,
                               hc_str ns, hc_str name, const struct hc_gitops_wait *w, struct hc_err *err)
{
    struct hc_ref r = { hc_str_of(k->api_version), hc_str_of(k->kind), ns, name };
    struct hc_val *o = NULL;
    enum hc_rc rc = hc_kube_get(c->kube, a, &r, &o, err);
    if (rc != HC_OK)
        return rc;
    if (hc_get_bool_at(o, "spec.suspend", false))
        return hc_fail(err, HC_E_INPUT, "resource is suspended: helmctl resume %s %.*s -n %.*s takes it up again",
                       k->human, HC_P(name), HC_P(ns));
    fprintf(stderr, "► annotating %s %.*s in %.*s namespace\n", k->kind, HC_P(name), HC_P(ns));
    int64_t now = hc_now_ns();
    hc_str seconds = hc_time_rfc3339(a, now / 1000000);
    hc_str token = hc_arena_printf(a, "%.*s.%09" PRId64 "Z", HC_P(hc_str_sub(seconds, 0, seconds.n - 1)),
                                   now % 1000000000);
    struct hc_val *patch = hc_map_new(a), *notes = hc_map_sub(a, hc_map_sub(a, patch, "metadata"), "annotations");
    hc_map_put_str(a, notes, "reconcile.fluxcd.io/requestedAt", token);
    if (w->force)
        hc_map_put_str(a, notes, "reconcile.fluxcd.io/forceAt", token);
    if (w->reset)
        hc_map_put_str(a, notes, "reconcile.fluxcd.io/resetAt", token);
    rc = hc_kube_patch(c->kube, a, &r, NULL, HC_PATCH_MERGE, patch, "helmctl", 0, NULL, err);
    if (rc != HC_OK)
        return rc;
    fprintf(stderr, "✔ %s annotated\n", k->kind);
    /* A Helm repository of type oci is only an address: nobody reconciles it. */
    if (strcmp(k->kind, "HelmRepository") == 0 && hc_str_eqz(hc_get_str_at(o, "spec.type"), "oci"))
        return HC_OK;
    return hc_gitops_wait_ready(c, a, k, &r, token, w->timeout_ms, err);
}
