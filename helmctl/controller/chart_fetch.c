/*
 * A chart out of a HelmRepository, by the table of its index or by the tags of a registry.
 */
#include "charts-fetch/source/verified.h"
#include "helmctl/controller/chart_impl.h"

const struct chart_why chart_reference = { "FetchFailed", "InvalidChartReference", "invalid chart reference",
                                           true },
                       chart_pull = { "FetchFailed", "ChartPullError", "chart pull error", false },
                       chart_unsigned = { "BuildFailed", "ChartVerificationError", "chart verification error",
                                          false },
                       chart_unverifiable = { "BuildFailed", "ChartVerificationError", "chart verification error",
                                              true },
                       chart_login = { "FetchFailed", "AuthenticationFailed", NULL, false },
                       chart_patch = { "BuildFailed", "MetadataPatchError", "chart metadata patch error", true },
                       chart_values = { "BuildFailed", "ValuesFilesError", "values files merge error", true },
                       chart_deps = { "BuildFailed", "DependencyBuildError", "dependency build error", false },
                       chart_package = { "BuildFailed", "ChartPackageError", "chart package error", false };

/* Refused credentials have a reason of their own. */
static enum hc_rc pull_failed(struct pass *p, const struct chart_why **out_why)
{
    *out_why = p->err.http_status == 401 || p->err.http_status == 403 ? &chart_login : &chart_pull;
    return *out_why == &chart_login ? hc_wrap(&p->err, "failed to authenticate with the Helm repository")
                                    : p->err.code;
}

/* RemoteReference.Validate: lower case letters, digits, '-', and single slashes and dots between them. */
static bool good_name(hc_str name)
{
    bool part = false;
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        bool word = c == '-' || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (!word && !(part && (c == '/' || c == '.')) && !(i >= 2 && c == '.' && name.p[i - 1] == '/'))
            return false;
        part = word;
    }
    return name.n > 0;
}

static enum hc_rc from_registry(struct pass *p, hc_str url, hc_str chart, hc_str range, hc_str known,
                                const struct hc_source_env *env, const struct hc_source_auth *auth,
                                struct hc_artifact *out, const struct chart_why **out_why)
{
    hc_str full = hc_arena_printf(p->a, "%.*s/%.*s", HC_P(url), HC_P(chart));
    if (hc_oci_chart(env, p->a, full.p, range, auth, known, out, &p->err) == HC_OK)
        return HC_OK;
    if (env->check && env->check->failed) {
        *out_why = &chart_unsigned;
        return hc_wrap(&p->err, "failed to verify %.*s", HC_P(full));
    }
    if (p->err.code == HC_E_NOTFOUND) {
        *out_why = &chart_reference;
        return hc_wrap(&p->err, "failed to get chart version for remote reference");
    }
    return pull_failed(p, out_why);
}

enum hc_rc chart_fetch(struct pass *p, const struct hc_val *spec, hc_str index, hc_str chart, hc_str range,
                       hc_str known, struct hc_oci_check *check, struct hc_artifact *out,
                       const struct chart_why **out_why)
{
    struct hc_source_auth auth;
    struct hc_source_env env;
    const char *reason;
    *out = (struct hc_artifact){ 0 };
    *out_why = &chart_reference;
    if (!good_name(chart))
        return hc_fail(&p->err, HC_E_INPUT,
                       "invalid chart name '%.*s': a valid name must be lower case letters and numbers and MAY be "
                       "separated with dashes (-), slashes (/) or periods (.)",
                       HC_P(chart));
    *out_why = &chart_login;
    if (src_auth_of(p, spec, p->key.ns, &auth, &reason) != HC_OK || src_env(p, spec, p->key.ns, &env) != HC_OK)
        return p->err.code;
    env.check = check;
    hc_str url = hc_get_str_at(spec, "url");
    while (hc_str_ends(url, HC_S("/")))
        url.n--;
    if (hc_str_starts(url, HC_S("oci://")))
        return from_registry(p, url, chart, range, known, &env, &auth, out, out_why);
    const char *z = hc_arena_strz(p->a, url);
    struct hc_chart_entry entry;
    struct hc_artifact fetched;
    if (!z)
        return hc_fail_nomem(&p->err);
    if (!index.n) {
        if (hc_helmrepo_index(&env, p->a, z, &auth, (hc_str){ NULL, 0 }, &fetched, &p->err) != HC_OK)
            return pull_failed(p, out_why);
        index = fetched.digest;
    }
    *out_why = &chart_reference;
    if (hc_helmrepo_find(env.store, p->a, index, chart, range, &entry, &p->err) != HC_OK) {
        if (p->err.code == HC_E_AGAIN || p->err.code == HC_E_NOMEM)
            *out_why = &chart_pull;
        return hc_wrap(&p->err, "failed to get chart version for remote reference");
    }
    if (known.n && hc_str_eq(known, entry.version)) {
        *out = (struct hc_artifact){ .unchanged = true, .revision = entry.version };
        return HC_OK;
    }
    if (hc_helmrepo_chart(&env, p->a, z, &auth, &entry, out, &p->err) != HC_OK)
        return pull_failed(p, out_why);
    return HC_OK;
}
