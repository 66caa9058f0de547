/*
 * The server's words, sorted. Each row of the tables is a piece of a message and what it means; the first that fits
 * counts, so what is special stands before what is general.
 */
#include "deploy/reconcile/trouble.h"

#include "core/base/buf.h"

#include <stdio.h>
#include <string.h>

const char *hc_trouble_name(enum hc_trouble t)
{
    static const char *const names[] = { "busy",
                                         "unknown kind",
                                         "foreign object",
                                         "conflict",
                                         "immutable field",
                                         "invalid object",
                                         "missing right",
                                         "quota",
                                         "missing namespace",
                                         "missing object",
                                         "denied",
                                         "record too large",
                                         "orphaned versions",
                                         "data loss",
                                         "cannot be tried",
                                         "server in trouble",
                                         "refused" };
    return (size_t)t < HC_LEN(names) ? names[t] : "?";
}

static bool says(hc_str message, const char *words)
{
    return hc_str_find_str(message, hc_str_of(words)) != SIZE_MAX;
}

/* What follows `mark` up to one of `ends`; absent: no mark. */
static hc_str after(hc_str message, const char *mark, const char *ends)
{
    size_t at = hc_str_find_str(message, hc_str_of(mark)), n = 0;
    if (at == SIZE_MAX)
        return (hc_str){ NULL, 0 };
    hc_str rest = hc_str_sub(message, at + strlen(mark), message.n);
    while (n < rest.n && !strchr(ends, rest.p[n]))
        n++;
    return hc_str_sub(rest, 0, n);
}

/* A field's name ends where ": " or " " follows, outside of brackets and quotes. */
static hc_str field_from(hc_str rest)
{
    bool quoted = false;
    size_t n = 0, depth = 0;
    for (; n < rest.n; n++) {
        char c = rest.p[n];
        quoted = quoted != (c == '"' && depth > 0);
        depth += !quoted && c == '[';
        depth -= !quoted && c == ']' && depth > 0;
        if (!quoted && depth == 0 &&
            (strchr("\"\n, ", c) || (c == ':' && (n + 1 == rest.n || rest.p[n + 1] == ' '))))
            break;
    }
    return hc_str_sub(rest, 0, n);
}

/* Webhooks and policies write what they like: a word that looks like a path from the top of an object is one. */
static hc_str path_in(hc_str m)
{
    static const char *const tops[] = { "spec.",         "metadata.labels", "metadata.annotations",
                                        "metadata.name", "/spec/",          "/metadata/",
                                        "data.",         "rules[",          "subjects" };
    for (size_t i = 0; i < m.n; i++) {
        if (i > 0 && !strchr(" \"'`(\n.", m.p[i - 1]))
            continue;
        hc_str rest = hc_str_sub(m, i, m.n);
        for (size_t k = 0; k < HC_LEN(tops); k++) {
            if (!hc_str_starts(rest, hc_str_of(tops[k])))
                continue;
            hc_str f = field_from(rest);
            while (f.n > 0 && strchr("'`).;/", f.p[f.n - 1]))
                f = hc_str_sub(f, 0, f.n - 1);
            return f;
        }
    }
    return (hc_str){ NULL, 0 };
}

/*
 * "... is invalid: spec.selector: Invalid value", "unknown field \"spec.x\"", "json: cannot unmarshal string into Go struct
 * field DeploymentSpec.spec.replicas of type int32", and of server-side apply ": .spec.replicas: expected numeric", of
 * several conflicts "apps/v1:\n- .spec.replicas\n- .spec.paused".
 */
static hc_str field_in(hc_str message)
{
    static const char *const marks[] = {
        " is invalid: ", "unknown field \"", "duplicate field \"", "Go struct field ", ": .", ":\n- ."
    };
    for (size_t i = 0; i < HC_LEN(marks); i++) {
        size_t at = hc_str_find_str(message, hc_str_of(marks[i]));
        if (at == SIZE_MAX)
            continue;
        hc_str rest = hc_str_sub(message, at + strlen(marks[i]), message.n);
        if (hc_str_starts(rest, HC_S("<nil>")) || hc_str_starts(rest, HC_S("Invalid value")))
            continue;                       /* of the object as a whole: a rule of a definition */
        if (hc_str_starts(rest, HC_S("["))) /* several: "[spec.a: Required value, spec.b: ...]" */
            rest = hc_str_sub(rest, 1, rest.n);
        if (hc_str_starts(rest, HC_S("metadata.annotations")) || !strstr(marks[i], "struct"))
            return field_from(rest);
        size_t dot = hc_str_find(rest, '.'); /* behind the Go type's name */
        return field_from(dot == SIZE_MAX ? rest : hc_str_sub(rest, dot + 1, rest.n));
    }
    return path_in(message);
}

static bool immutable(hc_str message)
{
    return says(message, "immutable") || says(message, "Forbidden: updates to") ||
           says(message, "may not change") || says(message, "cannot change roleRef") ||
           says(message, "may not be changed") || says(message, "Forbidden: field can not be less than") ||
           says(message, "is forbidden: only dynamically provisioned pvc");
}

static const char *immutable_remedy(hc_str kind, hc_str message)
{
    if (hc_str_eqz(kind, "StatefulSet"))
        return "keep the old value, or delete the StatefulSet with --cascade=orphan first: its pods and claims "
               "stay";
    if (hc_str_eqz(kind, "Job"))
        return "a Job's pods cannot be changed: delete the Job first, or put the revision into its name";
    if (hc_str_eqz(kind, "PersistentVolumeClaim"))
        return "a claim can only grow, and only where its StorageClass allows that: keep the old size and class, "
               "or move the data to a new claim";
    if (hc_str_ends(kind, HC_S("RoleBinding")))
        return "keep the role it refers to, or delete the binding first";
    if (hc_str_eqz(kind, "Service") && says(message, "clusterIP"))
        return "leave clusterIP out of the chart, or delete the Service first";
    if (hc_str_eqz(kind, "ConfigMap") || hc_str_eqz(kind, "Secret"))
        return "give the changed one a new name, or delete the old one first";
    return "keep the old value, or delete the object first";
}

struct row {
    int status; /* 0: any */
    const char *words;
    enum hc_trouble what;
    const char *remedy;
};

static const char keep_version[] = "keep that version in spec.versions (served: false is enough) until all objects "
                                   "are stored in the new one and the "
                                   "definition's status.storedVersions names it alone";
static const char split_it[] = "an object may have 1.5 MiB at most (a ConfigMap or Secret 1 MiB of data): split it";

static const struct row rows[] = {
    { 0, "failed calling webhook", HC_TROUBLE_UNTRIED,
      "see why the webhook's service does not answer (its pods, its certificate), then run it again" },
    { 0, "does not support dry run", HC_TROUBLE_UNTRIED, "the webhook's sideEffects would have to be None" },
    { 0, "missing from spec.versions", HC_TROUBLE_VERSIONS, keep_version },
    { 0, "was previously a storage version", HC_TROUBLE_VERSIONS, keep_version },
    { 0, "exists and cannot be imported", HC_TROUBLE_FOREIGN,
      "--take-ownership takes it over; or give it another name" },
    { 0, "denied the request", HC_TROUBLE_DENIED,
      "do what the admission webhook or policy asks for, or exempt the object from it" },
    { 0, "denied request:", HC_TROUBLE_DENIED,
      "do what the admission policy asks for, or exempt the object from it" },
    { 0, "violates PodSecurity", HC_TROUBLE_DENIED,
      "set the securityContext that the level asks for, or lower the namespace's label "
      "pod-security.kubernetes.io/enforce" },
    { 403, "exceeded quota", HC_TROUBLE_QUOTA, "ask for less, or for a larger ResourceQuota" },
    { 403, "failed quota", HC_TROUBLE_QUOTA,
      "set what the ResourceQuota counts (requests, limits), or have a LimitRange give defaults" },
    { 403, " usage per ", HC_TROUBLE_QUOTA, "stay within the namespace's LimitRange, or have it changed" },
    { 403, "limit to request ratio", HC_TROUBLE_QUOTA,
      "stay within the namespace's LimitRange, or have it changed" },
    { 403, "because it is being terminated", HC_TROUBLE_NAMESPACE,
      "wait until the namespace is gone, and make it again" },
    { 403, "attempting to grant RBAC permissions not currently held", HC_TROUBLE_RIGHTS,
      "who grants rights must hold them (or the verbs bind and escalate): have them bound to the one that "
      "installs" },
    { 403, "error looking up service account", HC_TROUBLE_MISSING,
      "make that ServiceAccount first, or name one that exists" },
    { 403, "no PriorityClass with name", HC_TROUBLE_MISSING,
      "make that PriorityClass first, or name one that exists" },
    { 403, "RuntimeClass", HC_TROUBLE_MISSING, "make that RuntimeClass first, or name one that exists" },
    { 404, "namespaces \"", HC_TROUBLE_NAMESPACE,
      "make the namespace first, or --create-namespace (spec.install.createNamespace)" },
    { 0, "no matches for kind", HC_TROUBLE_KIND,
      "install what brings its CustomResourceDefinition first, or name the version that this server serves" },
    { 413, "", HC_TROUBLE_SIZE, split_it },
    { 0, "Too long: may not be more than 1048576 bytes", HC_TROUBLE_SIZE, split_it },
    { 0, "Request entity too large", HC_TROUBLE_SIZE, split_it },
};

/* What the words name as missing, or as having decided. */
static void needs(struct hc_arena *a, hc_str m, struct hc_refusal *out)
{
    static const struct {
        const char *mark, *kind, *ends;
    } named[] = {
        { "serviceaccount \"", "ServiceAccount", "\"" },
        { "no PriorityClass with name ", "PriorityClass", " :," },
        { "RuntimeClass \"", "RuntimeClass", "\"" },
        { "runtimeclasses.node.k8s.io \"", "RuntimeClass", "\"" },
        { "clusterroles.rbac.authorization.k8s.io \"", "ClusterRole", "\"" },
        { "roles.rbac.authorization.k8s.io \"", "Role", "\"" },
        { "namespaces \"", "Namespace", "\"" },
        { "exceeded quota: ", "ResourceQuota", "," },
        { "failed quota: ", "ResourceQuota", ":" },
        { "admission webhook \"", "webhook", "\"" },
        { "failed calling webhook \"", "webhook", "\"" },
        { "ValidatingAdmissionPolicy '", "ValidatingAdmissionPolicy", "'" },
    };
    for (size_t i = 0; i < HC_LEN(named); i++) {
        hc_str name = after(m, named[i].mark, named[i].ends);
        bool of_missing = strchr(named[i].ends, '"') && !strstr(named[i].mark, "webhook");
        if (!name.n || (of_missing &&
                        !hc_str_starts(hc_str_sub(m, (size_t)(name.p - m.p) + name.n, m.n), HC_S("\" not found"))))
            continue;
        out->needs_kind = hc_str_of(named[i].kind);
        out->needs_name = hc_arena_str(a, name);
        return;
    }
}

/* 'User "jane" cannot patch resource "configmaps" in API group "" ...'. */
static hc_str right_remedy(struct hc_arena *a, hc_str m)
{
    hc_str verb = after(m, " cannot ", " "), what = after(m, "resource \"", "\""), who = after(m, "User \"", "\"");
    hc_str group = after(m, "in API group \"", "\"");
    if (!verb.n || !what.n)
        return HC_S("have a Role with the verb that is missing bound to the one that installs");
    return hc_arena_printf(a, "have a Role with the verb %.*s on %.*s%s%.*s bound to %.*s", HC_P(verb), HC_P(what),
                           group.n ? "." : "", HC_P(group), HC_P(who.n ? who : HC_S("the one that installs")));
}

static const struct row *row_of(int status, hc_str m)
{
    for (size_t i = 0; i < HC_LEN(rows); i++)
        if ((!rows[i].status || rows[i].status == status) && says(m, rows[i].words))
            return &rows[i];
    return NULL;
}

/* Where the pod's spec is in an object of this kind. */
static const char *pod_spec(hc_str kind)
{
    return hc_str_eqz(kind, "Pod")       ? "spec"
           : hc_str_eqz(kind, "CronJob") ? "spec.jobTemplate.spec.template.spec"
                                         : "spec.template.spec";
}

/* 'container "web" must set securityContext.runAsNonRoot=true'. */
static hc_str container_in(struct hc_arena *a, hc_str kind, hc_str m)
{
    hc_str name = after(m, "container \"", "\"");
    return name.n ? hc_arena_printf(a, "%s.containers[name=%.*s].securityContext", pod_spec(kind), HC_P(name))
                  : hc_arena_printf(a, "%s.securityContext", pod_spec(kind));
}

/* The field a person looks at first. */
static void look_at(struct hc_arena *a, const struct hc_ref *ref, hc_str m, struct hc_refusal *out)
{
    static const struct {
        const char *kind, *field;
    } pods[] = { { "ServiceAccount", "serviceAccountName" },
                 { "PriorityClass", "priorityClassName" },
                 { "RuntimeClass", "runtimeClassName" } };
    hc_str got = after(m, "cannot unmarshal ", " ");
    out->is = hc_str_eqz(got, "number")   ? "number"
              : hc_str_eqz(got, "string") ? "string"
              : hc_str_eqz(got, "bool")   ? "bool"
              : hc_str_eqz(got, "object") ? "map"
              : hc_str_eqz(got, "array")  ? "list"
                                          : NULL;
    out->about = out->what == HC_TROUBLE_QUOTA ? (hc_str){ NULL, 0 } : out->field;
    if (out->about.n)
        return;
    for (size_t i = 0; i < HC_LEN(pods); i++)
        if (hc_str_eqz(out->needs_kind, pods[i].kind))
            out->about = hc_arena_printf(a, "%s.%s", pod_spec(ref->kind), pods[i].field);
    if (says(m, "violates PodSecurity"))
        out->about = container_in(a, ref->kind, m);
    else if (hc_str_ends(out->needs_kind, HC_S("Role")))
        out->about = HC_S("roleRef");
    else if (says(m, "RBAC permissions not currently held"))
        out->about = HC_S("rules");
    else if (out->what == HC_TROUBLE_NAMESPACE)
        out->about = HC_S("metadata.namespace");
    else if (out->what == HC_TROUBLE_FOREIGN)
        out->about = HC_S("metadata.name");
    else if (out->what == HC_TROUBLE_KIND)
        out->about = HC_S("apiVersion");
    else if (out->what == HC_TROUBLE_SIZE)
        out->about = HC_S("data");
}

struct hc_refusal hc_refusal_of(struct hc_arena *a, const struct hc_ref *ref, const struct hc_err *err)
{
    hc_str m = hc_str_of(err->msg);
    struct hc_refusal out = { .what = HC_TROUBLE_OTHER, .field = hc_arena_str(a, field_in(m)) };
    const struct row *row = row_of(err->http_status, m);
    needs(a, m, &out);
    if (row) {
        out.what = row->what;
        out.remedy = hc_str_of(row->remedy);
        if (out.what == HC_TROUBLE_QUOTA && says(m, "requested: "))
            out.field = hc_arena_str(a, after(m, "requested: ", "="));
    } else if (immutable(m)) {
        out.what = HC_TROUBLE_IMMUTABLE;
        out.remedy = hc_str_of(immutable_remedy(ref->kind, m));
    } else if (err->http_status == 409) {
        bool exists = says(m, "already exists");
        out.what = exists ? HC_TROUBLE_FOREIGN : HC_TROUBLE_CONFLICT;
        out.remedy = exists ? HC_S("--take-ownership takes it over; or give it another name")
                            : HC_S("--force-conflicts takes the field over; or leave it out of the chart");
    } else if (err->http_status == 403 && says(m, " cannot ")) {
        out.what = HC_TROUBLE_RIGHTS;
        out.remedy = right_remedy(a, m);
    } else if (err->http_status == 403) {
        out.what = HC_TROUBLE_DENIED;
        out.remedy = HC_S("see what the server says: the request is allowed, its content is not");
    } else if (err->http_status == 404 && out.needs_name.n) {
        out.what = HC_TROUBLE_MISSING;
        out.remedy = hc_arena_printf(a, "make %.*s %.*s first, or name one that exists", HC_P(out.needs_kind),
                                     HC_P(out.needs_name));
    } else if (err->http_status == 404 &&
               (says(m, "could not find the requested resource") || says(m, "page not found"))) {
        out.what = HC_TROUBLE_KIND;
        out.remedy = HC_S(
            "the server does not serve this kind (any more): see whether its CustomResourceDefinition, or "
            "the service behind its APIService, is there");
    } else if (err->http_status == 404) {
        out.what = HC_TROUBLE_MISSING;
        out.remedy = HC_S("it was there a moment ago and is deleted: run it again");
    } else if (err->http_status == 401) {
        out.what = HC_TROUBLE_RIGHTS;
        out.remedy = HC_S(
            "the server does not accept who you say you are: renew the credentials of the kubeconfig");
    } else if (err->http_status == 429) {
        out.what = HC_TROUBLE_MOMENT;
        out.remedy = HC_S("the server has too much to do: it was asked again and again; run it again later");
    } else if (err->http_status >= 500 && err->code != HC_E_INPUT) {
        out.what = HC_TROUBLE_MOMENT;
        out.remedy = HC_S("the server, or etcd behind it, is in trouble: run it again when it answers");
    } else if (err->http_status == 400 || err->http_status == 422 || err->http_status == 500) {
        out.what = HC_TROUBLE_INVALID;
        out.remedy = HC_S("correct the chart, or the values that set it");
    } else if (err->http_status == 0) {
        out.what = err->code == HC_E_AGAIN ? HC_TROUBLE_MOMENT : HC_TROUBLE_OTHER;
        out.remedy = HC_S("see whether the server can be reached, then run it again");
    } else {
        out.remedy = HC_S("see what the server says");
    }
    look_at(a, ref, m, &out);
    return out;
}

hc_str hc_written_str(struct hc_arena *a, const struct hc_written *w)
{
    const hc_str parts[] = { w->at, w->at.n && w->from.n ? HC_S(", from ") : HC_S(""), w->from };
    return w->at.n || w->from.n ? hc_arena_cat(a, HC_LEN(parts), parts) : (hc_str){ NULL, 0 };
}

void hc_refusal_tell(const struct hc_refusal *why, const struct hc_written *w, hc_str done, size_t most,
                     struct hc_err *err)
{
    HC_AUTO(hc_buf) struct hc_buf b;
    if (!err)
        return;
    hc_buf_init(&b, 0);
    bool named = !why->about.n || hc_str_find_str(hc_str_of(err->msg), why->about) != SIZE_MAX;
    if (w->at.n > 0) {
        hc_buf_printf(&b, " (%.*s", HC_P(w->at));
        if (!named)
            hc_buf_printf(&b, ": %.*s", HC_P(why->about));
        hc_buf_printf(&b, "%s%.*s)", w->from.n ? ", from " : "", HC_P(w->from));
    }
    if (why->remedy.n > 0)
        hc_buf_printf(&b, "; %.*s", HC_P(why->remedy));
    if (done.n > 0)
        hc_buf_printf(&b, ". %.*s", HC_P(done));
    size_t n = strlen(err->msg), tail = b.n, room;
    most = HC_MIN(most, sizeof(err->msg) - 1);
    if (tail + 100 > most) /* the server's words come first */
        tail = most - 100;
    room = most - tail;
    if (n > room) {
        n = room - 3;
        while (n > 0 && ((unsigned char)err->msg[n] & 0xc0) == 0x80) /* at a character's border */
            n--;
        memcpy(err->msg + n, "...", 3);
        n += 3;
    }
    snprintf(err->msg + n, sizeof(err->msg) - n, "%.*s", (int)tail, b.p ? b.p : "");
}

hc_str hc_problem_str(struct hc_arena *a, const struct hc_problem *p)
{
    hc_str object = p->ref.kind.n ? hc_ref_str(a, &p->ref) : HC_S("the release");
    bool named = p->field.n == 0 || hc_str_find_str(p->message, p->field) != SIZE_MAX;
    hc_str source = p->written.at.n ? hc_written_str(a, &p->written) : p->source;
    return hc_arena_printf(a, "%s: %.*s%s%.*s%s: %.*s%s%.*s; %.*s", hc_trouble_name(p->what), HC_P(object),
                           source.n ? " (" : "", HC_P(source), source.n ? ")" : "",
                           HC_P(named ? HC_S("") : p->field), named ? "" : ": ", HC_P(p->message), HC_P(p->remedy));
}
