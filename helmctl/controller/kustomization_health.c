/*
 * Is what was applied ready? Objects of ours (HelmReleases, Kustomizations, sources) come out of the cache, all others are
 * asked for.
 */
#include "core/base/clock.h"
#include "deploy/ready/ready.h"
#include "helmctl/controller/kustomization_impl.h"

bool ks_has_checks(const struct ks *k)
{
    return hc_get_bool_at(k->p->spec, "wait", false) || hc_list_len(hc_map_getz(k->p->spec, "healthChecks")) > 0;
}

static enum ks_state worse(enum ks_state x, enum ks_state y)
{
    return x > y ? x : y;
}

static enum ks_state state_of(struct hc_arena *a, const struct hc_val *o, hc_str *out_why)
{
    struct hc_readiness r = hc_ready_of(a, o, HC_READY_JOBS, hc_now_ms());
    *out_why = r.message;
    if (r.status == HC_READY_FAILED)
        return KS_FAILED;
    if (r.status != HC_READY_CURRENT)
        return KS_PROGRESSING;
    /* Kinds of ours that nobody looked at yet say nothing at all. */
    enum hc_ctl_kind own = hc_ctl_kind_of(hc_get_str(hc_map_getz(o, "kind")));
    const struct hc_val *st = hc_map_getz(o, "status");
    bool ours = own >= HC_CTL_GIT && own <= HC_CTL_RELEASE;
    return ours && !hc_cond_is(st, "Ready", HC_TRUE) && !hc_get_bool_at(o, "spec.suspend", false) ? KS_PROGRESSING
                                                                                                  : KS_READY;
}

static enum ks_state look(struct ks *k, const struct hc_ref *r, struct hc_buf *why)
{
    struct pass *p = k->p;
    enum hc_ctl_kind own = hc_ctl_kind_of(r->kind);
    struct hc_val *o = NULL;
    struct hc_err err = HC_ERR_INIT;
    if (own != HC_CTL_NONE && own <= HC_CTL_RELEASE && k->kube == p->c->kube)
        o = hc_objects_get(p->c->objects, p->a, (struct hc_key){ own, r->ns, r->name });
    enum hc_rc rc = o ? HC_OK : hc_kube_get(k->kube, p->a, r, &o, &err);
    hc_str message = { NULL, 0 };
    enum ks_state s = rc == HC_OK ? state_of(p->a, o, &message) : KS_PROGRESSING;
    if (s == KS_READY)
        return s;
    hc_str name = ks_subject(p->a, r), said = hc_cond_message(hc_map_getz(o, "status"), "Ready");
    message = said.n ? said : message;
    hc_buf_printf(why, "%s%.*s status: '%s'", why->n ? ", " : "", HC_P(name),
                  rc == HC_E_NOTFOUND ? "NotFound"
                  : rc != HC_OK       ? "Unknown"
                  : s == KS_FAILED    ? "Failed"
                                      : "InProgress");
    if (message.n)
        hc_buf_printf(why, ": %.*s", HC_P(hc_str_sub(message, 0, 300)));
    return s;
}

enum ks_state ks_health(struct ks *k)
{
    struct pass *p = k->p;
    enum ks_state s = KS_READY;
    HC_AUTO(hc_buf) struct hc_buf why;
    hc_buf_init(&why, 0);
    if (hc_get_bool_at(p->spec, "wait", false)) {
        for (size_t i = 0; i < hc_list_len(k->objects); i++) {
            struct hc_ref r = hc_ref_of(hc_list_at(k->objects, i));
            s = worse(s, look(k, &r, &why));
        }
    } else {
        const struct hc_val *list = hc_map_getz(p->spec, "healthChecks");
        for (size_t i = 0; i < hc_list_len(list); i++) {
            const struct hc_val *c = hc_list_at(list, i);
            struct hc_ref r = { hc_get_str(hc_map_getz(c, "apiVersion")), hc_get_str(hc_map_getz(c, "kind")),
                                hc_get_str(hc_map_getz(c, "namespace")), hc_get_str(hc_map_getz(c, "name")) };
            enum hc_ctl_kind own = hc_ctl_kind_of(r.kind);
            if (!r.api_version.n)
                r.api_version = own ? hc_str_of(hc_ctl_api_version(own)) : HC_S("apps/v1");
            s = worse(s, look(k, &r, &why));
        }
    }
    if (s != KS_READY)
        hc_fail(&p->err, HC_E_AGAIN, "%.*s", HC_P(hc_buf_str(&why)));
    return s;
}
