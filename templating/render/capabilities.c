/*
 * What a chart sees of the cluster when there is none, and how a Kubernetes version is read.
 */
#include "lua/bridge/gotype.h"
#include "lua/funcs/gofmt.h"
#include "templating/render/render_impl.h"

#define DEFAULT_KUBE_VERSION "v1.37.0" /* Helm 4.3.1 and 3.22.0: client-go 0.37 */

/* Groups and versions client-go 0.37 and apiextensions register (B14.5). */
static const char *const known_versions[] = {
    "v1",
    "admissionregistration.k8s.io/v1",
    "admissionregistration.k8s.io/v1alpha1",
    "admissionregistration.k8s.io/v1beta1",
    "internal.apiserver.k8s.io/v1alpha1",
    "apps/v1",
    "apps/v1beta1",
    "apps/v1beta2",
    "authentication.k8s.io/v1",
    "authentication.k8s.io/v1alpha1",
    "authentication.k8s.io/v1beta1",
    "authorization.k8s.io/v1",
    "authorization.k8s.io/v1beta1",
    "autoscaling/v1",
    "autoscaling/v2",
    "batch/v1",
    "batch/v1beta1",
    "certificates.k8s.io/v1",
    "certificates.k8s.io/v1alpha1",
    "certificates.k8s.io/v1beta1",
    "coordination.k8s.io/v1",
    "coordination.k8s.io/v1alpha2",
    "coordination.k8s.io/v1beta1",
    "discovery.k8s.io/v1",
    "discovery.k8s.io/v1beta1",
    "events.k8s.io/v1",
    "events.k8s.io/v1beta1",
    "extensions/v1beta1",
    "flowcontrol.apiserver.k8s.io/v1",
    "flowcontrol.apiserver.k8s.io/v1beta1",
    "flowcontrol.apiserver.k8s.io/v1beta2",
    "flowcontrol.apiserver.k8s.io/v1beta3",
    "lifecycle.k8s.io/v1alpha1",
    "networking.k8s.io/v1",
    "networking.k8s.io/v1beta1",
    "node.k8s.io/v1",
    "node.k8s.io/v1alpha1",
    "node.k8s.io/v1beta1",
    "policy/v1",
    "policy/v1beta1",
    "rbac.authorization.k8s.io/v1",
    "rbac.authorization.k8s.io/v1alpha1",
    "rbac.authorization.k8s.io/v1beta1",
    "resource.k8s.io/v1",
    "resource.k8s.io/v1alpha3",
    "resource.k8s.io/v1beta1",
    "resource.k8s.io/v1beta2",
    "scheduling.k8s.io/v1",
    "scheduling.k8s.io/v1alpha3",
    "scheduling.k8s.io/v1beta1",
    "storage.k8s.io/v1",
    "storage.k8s.io/v1alpha1",
    "storage.k8s.io/v1beta1",
    "storagemigration.k8s.io/v1",
    "storagemigration.k8s.io/v1beta1",
    "apiextensions.k8s.io/v1",
    "apiextensions.k8s.io/v1beta1",
};

/* k8s.io/apimachinery version.ParseGeneric: at least two numbers joined by points, then anything. */
enum hc_rc hc_kube_version_parse(struct hc_arena *a, hc_str text, struct hc_kube_version *out, struct hc_err *err)
{
    if (!text.n)
        text = HC_S(DEFAULT_KUBE_VERSION);
    hc_str s = hc_str_trim_left(text);
    if (s.n && *s.p == 'v')
        s = hc_str_sub(s, 1, s.n);
    HC_AUTO(hc_buf) struct hc_buf normal;
    hc_buf_init(&normal, 0);
    hc_buf_putc(&normal, 'v');
    uint64_t numbers[2] = { 0 };
    size_t count = 0;
    hc_str first = { "", 0 }, too_large = { "", 0 };
    for (;;) {
        size_t n = 0;
        uint64_t number = 0;
        while (n < s.n && s.p[n] >= '0' && s.p[n] <= '9')
            n++;
        if (!n)
            break;
        if (!hc_str_to_u64(hc_str_sub(s, 0, n), &number) && !too_large.n)
            too_large = hc_str_sub(s, 0, HC_MIN(n, (size_t)60));
        hc_buf_printf(&normal, "%s%" PRIu64, count ? "." : "", number);
        if (count < 2)
            numbers[count] = number;
        if (count++ == 0)
            first = hc_str_sub(s, 0, n);
        s = hc_str_sub(s, n, s.n);
        if (s.n < 2 || *s.p != '.' || s.p[1] < '0' || s.p[1] > '9')
            break;
        s = hc_str_sub(s, 1, s.n);
    }
    if (count == 0 || hc_str_find(s, '\n') != SIZE_MAX) { /* Go's pattern ends at a line's end */
        HC_AUTO(hc_buf) struct hc_buf quoted;
        hc_buf_init(&quoted, HC_ERR_MSG * 4);
        hc_go_quote(&quoted, text);
        return hc_fail(err, HC_E_INPUT, "could not parse %.*s as version", HC_P(hc_buf_str(&quoted)));
    }
    if (count < 2)
        return hc_fail(err, HC_E_INPUT, "illegal version string \"%.*s\"", HC_P(text));
    if (first.n > 1 && *first.p == '0')
        return hc_fail(err, HC_E_INPUT, "illegal zero-prefixed version component \"%.*s\" in \"%.*s\"", HC_P(first),
                       HC_P(text));
    if (too_large.n)
        return hc_fail(err, HC_E_INPUT,
                       "illegal non-numeric version component \"%.*s\" in \"%.*s\": strconv.ParseUint: parsing "
                       "\"%.*s\": value out of range",
                       HC_P(too_large), HC_P(text), HC_P(too_large));
    out->version = *text.p == 'v' ? hc_arena_str(a, text) : hc_arena_cat(a, 2, (hc_str[]){ HC_S("v"), text });
    out->normalized = hc_buf_to_arena(&normal, a);
    out->major = hc_arena_printf(a, "%" PRIu64, numbers[0]);
    out->minor = hc_arena_printf(a, "%" PRIu64, numbers[1]);
    return hc_arena_check(a, err, "Kubernetes version");
}

enum hc_rc hc_kube_version_check(hc_str version, struct hc_err *err)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(HC_MIB);
    struct hc_kube_version v;
    enum hc_rc rc = hc_kube_version_parse(a, version, &v, err);
    return rc == HC_OK ? rc : hc_wrap(err, "invalid kube version '%.*s'", HC_P(version));
}

bool hc_kube_version_numbers(hc_str version, int64_t *out_major, int64_t *out_minor)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(HC_MIB);
    struct hc_kube_version v;
    return hc_kube_version_parse(a, version, &v, NULL) == HC_OK && hc_str_to_i64(v.major, out_major) &&
           hc_str_to_i64(v.minor, out_minor);
}

static void put(struct hc_arena *a, struct hc_val *map, const char *key, hc_str text)
{
    hc_map_put_ref(a, map, hc_str_of(key), hc_str_val_ref(a, text));
}

struct hc_val *hc_capabilities_val(struct hc_arena *a, const struct hc_capabilities *c,
                                   const struct hc_kube_version *v, bool helm3)
{
    struct hc_val *caps = hc_map_new(a), *kube = hc_map_new(a), *helm = hc_map_new(a), *apis = hc_list_new(a);
    if (!caps || !kube || !helm || !apis)
        return NULL;
    if (helm3) {
        put(a, kube, "Version", v->normalized);
    } else {
        put(a, kube, "Version", v->version);
        put(a, kube, "normalizedVersion", v->normalized);
    }
    put(a, kube, "Major", v->major);
    put(a, kube, "Minor", v->minor);
    kube->type = HC_GO_KUBEVERSION;

    if (c && c->api_versions)
        for (size_t i = 0; i < c->api_versions_n; i++)
            hc_list_add(a, apis, hc_str_val_ref(a, c->api_versions[i]));
    else
        for (size_t i = 0; i < HC_LEN(known_versions); i++)
            hc_list_add(a, apis, hc_str_val_ref(a, hc_str_of(known_versions[i])));
    for (size_t i = 0; c && i < c->extra_api_versions_n; i++)
        hc_list_add(a, apis, hc_str_val_ref(a, c->extra_api_versions[i]));
    apis->type = HC_GO_VERSIONS;

    put(a, helm, "Version", helm3 ? HC_S("v3.22.0") : HC_S("v4.3.1"));
    put(a, helm, "GitCommit", HC_S(""));
    put(a, helm, "GitTreeState", HC_S(""));
    put(a, helm, "GoVersion", HC_S("go1.26"));
    if (!helm3)
        put(a, helm, "KubeClientVersion", HC_S("v1.37"));
    helm->type = HC_GO_HELMVERSION;

    hc_map_put_ref(a, caps, HC_S("KubeVersion"), kube);
    hc_map_put_ref(a, caps, HC_S("APIVersions"), apis);
    hc_map_put_ref(a, caps, HC_S("HelmVersion"), helm);
    caps->type = HC_GO_CAPABILITIES;
    return caps;
}
