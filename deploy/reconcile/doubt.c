/*
 * Which objects of a revision the server may refuse, found without asking it: the others are not worth a request. A doubt
 * is no refusal, so this may doubt what is right (that costs a dry run), and says nothing only where the field takes any
 * value of its type, or where the object looks as it should.
 */
#include "deploy/reconcile/doubt.h"

#include <string.h>

#include "core/base/digest.h"
#include "core/value/merge.h"

enum { MAX_LABEL = 63, MAX_NAME = 253, MAX_ANNOTATIONS = 262144, PLAIN_DATA = 900 * 1024 };

static bool alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* A label's value or the name part of a key: "", or at most 63 of [A-Za-z0-9._-] with alphanumeric ends. */
static bool label_word(hc_str s, bool may_be_empty)
{
    if (s.n == 0)
        return may_be_empty;
    bool good = s.n <= MAX_LABEL && alnum(s.p[0]) && alnum(s.p[s.n - 1]);
    for (size_t i = 0; good && i < s.n; i++)
        good = alnum(s.p[i]) || s.p[i] == '-' || s.p[i] == '_' || s.p[i] == '.';
    return good;
}

/* A name as most kinds want it: lower case, parts that begin and end alphanumerically. */
static bool name_word(hc_str s, size_t most, bool dots)
{
    bool good = s.n > 0 && s.n <= most, inside = false;
    for (size_t i = 0; good && i < s.n; i++) {
        char c = s.p[i];
        bool word = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        bool last = i + 1 == s.n || s.p[i + 1] == '.';
        good = word || (c == '-' && inside && !last) || (c == '.' && dots && inside && i + 1 < s.n);
        inside = c != '.';
    }
    return good;
}

static bool key_word(hc_str key)
{
    size_t slash = hc_str_find(key, '/');
    if (slash == SIZE_MAX)
        return label_word(key, false);
    return name_word(hc_str_sub(key, 0, slash), MAX_NAME, true) &&
           label_word(hc_str_sub(key, slash + 1, key.n), false);
}

static bool plain_labels(const struct hc_val *labels)
{
    for (size_t i = 0; i < hc_map_len(labels); i++) {
        const struct hc_entry *e = hc_map_at(labels, i);
        if (!key_word(e->key) || !hc_is_str(e->val) || !label_word(hc_get_str(e->val), true))
            return false;
    }
    return !labels || hc_is_map(labels);
}

static bool plain_annotations(const struct hc_val *notes)
{
    size_t all = 0;
    for (size_t i = 0; i < hc_map_len(notes); i++) {
        const struct hc_entry *e = hc_map_at(notes, i);
        all += e->key.n + hc_get_str(e->val).n;
        if (!key_word(e->key) || !hc_is_str(e->val))
            return false;
    }
    return all <= MAX_ANNOTATIONS && (!notes || hc_is_map(notes));
}

/* Kinds whose names become names in DNS. */
static bool short_named(hc_str kind)
{
    static const char *const kinds[] = { "Service", "Namespace", "Pod", "StatefulSet", "Job" };
    for (size_t i = 0; i < HC_LEN(kinds); i++)
        if (hc_str_eqz(kind, kinds[i]))
            return true;
    return false;
}

static bool plain_data(const struct hc_val *o)
{
    bool secret = hc_str_eqz(hc_get_str_at(o, "kind"), "Secret");
    static const char *const maps[] = { "data", "stringData", "binaryData" };
    size_t all = 0, bad = SIZE_MAX;
    for (size_t i = 0; i < HC_LEN(maps); i++) {
        const struct hc_val *m = hc_map_getz(o, maps[i]);
        for (size_t j = 0; j < hc_map_len(m); j++) {
            const struct hc_entry *e = hc_map_at(m, j);
            if (!hc_is_str(e->val) || e->key.n == 0 || e->key.n > MAX_NAME)
                return false;
            for (size_t c = 0; c < e->key.n; c++)
                if (!alnum(e->key.p[c]) && e->key.p[c] != '-' && e->key.p[c] != '_' && e->key.p[c] != '.')
                    return false;
            all += hc_get_str(e->val).n;
            if (i == 2 || (i == 0 && secret)) {
                HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
                if (!a || !hc_base64_decode(a, hc_get_str(e->val), &bad).p)
                    return hc_get_str(e->val).n == 0;
            }
        }
        if (m && !hc_is_map(m))
            return false;
    }
    return all <= PLAIN_DATA;
}

/* Lists whose items are told apart by a name: of two with the same one, server-side apply wants to know nothing. */
static bool plain_named(const struct hc_val *list, const char *key)
{
    for (size_t i = 0; i < hc_list_len(list); i++) {
        hc_str name = hc_get_str(hc_map_getz(hc_list_at(list, i), key));
        if (!hc_is_map(hc_list_at(list, i)) || name.n == 0)
            return false;
        for (size_t j = 0; j < i; j++)
            if (hc_str_eq(hc_get_str(hc_map_getz(hc_list_at(list, j), key)), name))
                return false;
    }
    return !list || hc_is_list(list);
}

static bool plain_ports(const struct hc_val *list)
{
    for (size_t i = 0; i < hc_list_len(list); i++) {
        int64_t port = hc_get_int_at(hc_list_at(list, i), "containerPort", 0);
        hc_str protocol = hc_get_str(hc_map_getz(hc_list_at(list, i), "protocol"));
        if (port < 1 || port > 65535)
            return false;
        for (size_t j = 0; j < i; j++)
            if (hc_get_int_at(hc_list_at(list, j), "containerPort", 0) == port &&
                hc_str_eq(hc_get_str(hc_map_getz(hc_list_at(list, j), "protocol")), protocol))
                return false;
    }
    return !list || hc_is_list(list);
}

static bool plain_env(const struct hc_val *env)
{
    for (size_t i = 0; i < hc_list_len(env); i++) {
        const struct hc_val *e = hc_list_at(env, i), *value = hc_map_getz(e, "value"),
                            *from = hc_map_getz(e, "valueFrom");
        if ((value && !hc_is_str(value)) || (from && !hc_is_map(from)) || (from && hc_get_str(value).n > 0))
            return false;
    }
    return plain_named(env, "name");
}

static bool plain_containers(const struct hc_val *list)
{
    for (size_t i = 0; i < hc_list_len(list); i++) {
        const struct hc_val *c = hc_list_at(list, i);
        hc_str image = hc_get_str(hc_map_getz(c, "image"));
        if (!name_word(hc_get_str(hc_map_getz(c, "name")), MAX_LABEL, false) || image.n == 0 ||
            hc_str_trim(image).n != image.n || !plain_env(hc_map_getz(c, "env")) ||
            !plain_ports(hc_map_getz(c, "ports")))
            return false;
    }
    return plain_named(list, "name");
}

static const struct hc_val *template_in(const struct hc_val *o)
{
    const struct hc_val *t = hc_get(o, "spec.template");
    return t ? t : hc_get(o, "spec.jobTemplate.spec.template");
}

/* spec.selector.matchLabels and no more, and the template carries them. */
static bool selects_itself(const struct hc_val *o)
{
    const struct hc_val *want = hc_get(o, "spec.selector.matchLabels"),
                        *have = hc_get(o, "spec.template.metadata.labels");
    if (!hc_get(o, "spec.selector"))
        return hc_str_ends(hc_get_str_at(o, "kind"), HC_S("Job"));
    for (size_t i = 0; i < hc_map_len(want); i++)
        if (!hc_val_equal(hc_map_at(want, i)->val, hc_map_get(have, hc_map_at(want, i)->key)))
            return false;
    return hc_map_len(want) > 0 && hc_map_len(hc_get(o, "spec.selector")) == 1;
}

/* Looks as an object should, as far as that can be told here. */
static bool plain(const struct hc_plan_object *p)
{
    const struct hc_val *o = p->object, *template = template_in(o), *meta = hc_map_getz(o, "metadata");
    bool rbac = hc_str_starts(p->api_version, HC_S("rbac.")); /* their names may hold ':' and capitals */
    if (p->name.n > 0 && !rbac &&
        !name_word(p->name, short_named(p->kind) ? MAX_LABEL : MAX_NAME, !short_named(p->kind)))
        return false;
    if (!plain_labels(hc_map_getz(meta, "labels")) || !plain_annotations(hc_map_getz(meta, "annotations")))
        return false;
    if (hc_str_eqz(p->kind, "ConfigMap") || hc_str_eqz(p->kind, "Secret"))
        return plain_data(o);
    if (!template)
        return true;
    const struct hc_val *spec = hc_map_getz(template, "spec");
    return plain_labels(hc_get(template, "metadata.labels")) &&
           plain_annotations(hc_get(template, "metadata.annotations")) &&
           (hc_str_eqz(p->kind, "CronJob") || !hc_get(o, "spec.template") || selects_itself(o)) &&
           hc_list_len(hc_map_getz(spec, "containers")) > 0 && plain_containers(hc_map_getz(spec, "containers")) &&
           plain_containers(hc_map_getz(spec, "initContainers")) &&
           plain_named(hc_map_getz(spec, "volumes"), "name");
}

/* ---- changes ----------------------------------------------------------------------------------------------- */

static bool takes_template(hc_str kind)
{
    return hc_str_eqz(kind, "Deployment") || hc_str_eqz(kind, "StatefulSet") || hc_str_eqz(kind, "DaemonSet") ||
           hc_str_eqz(kind, "CronJob");
}

/* "/3/image" behind "containers": a field of one of a list's items. */
static bool item_field(hc_str path, hc_str *out_field)
{
    size_t n = 1;
    while (n < path.n && path.p[n] >= '0' && path.p[n] <= '9')
        n++;
    *out_field = hc_str_sub(path, n, path.n);
    return path.n > 0 && path.p[0] == '/' && n > 1 && n < path.n && path.p[n] == '/';
}

static bool under(hc_str path, const char *prefix, hc_str *rest)
{
    if (!hc_str_starts(path, hc_str_of(prefix)))
        return false;
    *rest = hc_str_sub(path, strlen(prefix), path.n);
    return true;
}

/* One changed field, of an object that is plain: may it be refused? */
static bool free_field(const struct hc_plan_object *o, const struct hc_diff *d)
{
    hc_str rest, field;
    int64_t number = -1;
    if (under(d->path, "/metadata/labels", &rest) || under(d->path, "/metadata/annotations", &rest))
        return true; /* what they are now was looked at */
    if (hc_str_eqz(o->kind, "ConfigMap") || hc_str_eqz(o->kind, "Secret"))
        return (under(d->path, "/data/", &rest) || under(d->path, "/stringData/", &rest)) &&
               !hc_map_getz(o->object, "immutable");
    if (!takes_template(o->kind))
        return false;
    if (hc_str_eqz(d->path, "/spec/replicas"))
        return d->to && hc_get_i64(d->to, &number) && number >= 0 && number < 100000;
    if (!under(d->path, "/spec/template", &rest) && !under(d->path, "/spec/jobTemplate/spec/template", &rest))
        return false;
    if (under(rest, "/metadata/annotations", &field) || under(rest, "/metadata/labels", &field))
        return true;
    if ((!under(rest, "/spec/containers", &field) && !under(rest, "/spec/initContainers", &field)) ||
        !item_field(field, &rest))
        return false;
    if (hc_str_eqz(rest, "/image"))
        return true;
    if (under(rest, "/args", &field) || under(rest, "/command", &field))
        return !d->to || hc_is_str(d->to);
    return under(rest, "/env", &field) && item_field(field, &rest) && hc_str_eqz(rest, "/value") &&
           hc_is_str(d->from) && hc_is_str(d->to);
}

bool hc_doubtful(struct hc_arena *a, const struct hc_plan_object *o, const struct hc_plan_object *before,
                 bool install)
{
    struct hc_diff *diff = NULL;
    if (!plain(o))
        return true;
    if (!before)
        return !install;
    if (!hc_str_eq(before->api_version, o->api_version))
        return true;
    size_t n = hc_val_diff(a, before->object, o->object, &diff);
    for (size_t i = 0; i < n; i++) {
        /* What makes it the release's is not in the manifest of the revision before. */
        if (hc_str_eqz(diff[i].path, "/metadata/namespace"))
            continue;
        if (!free_field(o, &diff[i]))
            return true;
    }
    return false;
}
