/*
 * What the API server refuses, by status and by what was under way: the error names object, template with line, field,
 * the server's words and what to do, and the record says what was and was not done. A real render, a sandbox that really
 * refuses or is told to.
 */
#include "deploy/compose/compose.h"
#include "deploy/compose/whence.h"
#include "tests/unit/deploy/reconcile/engine.h"

static const struct {
    const char *name, *body;
} chart_files[] = {
    { "Chart.yaml", "apiVersion: v2\nname: shop\nversion: 1.0.0\n" },
    { "values.yaml", "replicas: 1\nlevel: info\nselector: shop\nextra: ''\nhook: false\nenv: x\nold: true\n" },
    { "crds/thing.yaml",
      "# of things\napiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata:\n  name: "
      "things.x.io\nspec:\n  group: x.io\n  scope: Namespaced\n  names: {kind: Thing, plural: things}\n  "
      "versions:\n  - {name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}\n" },
    { "templates/_helpers.tpl",
      "{{- define \"shop.meta\" -}}\nname: {{ .Release.Name }}\n{{- with .Values.ns }}\nnamespace: {{ . }}\n{{- "
      "end }}\n{{- end }}\n" },
    { "templates/cm.yaml",
      "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  {{- include \"shop.meta\" . | nindent 2 }}\ndata:\n  "
      "level: {{ .Values.level }}\n" },
    { "templates/old.yaml",
      "{{- if .Values.old }}\napiVersion: v1\nkind: ServiceAccount\nmetadata:\n  name: old\n{{- end }}\n" },
    { "templates/hook.yaml",
      "{{- if .Values.hook }}\napiVersion: v1\nkind: Secret\nmetadata:\n  name: hook\n  annotations:\n    "
      "helm.sh/hook: pre-upgrade\nstringData: {a: b}\n{{- end }}\n" },
    { "templates/deployment.yaml",
      "# the shop\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  replicas: {{ "
      ".Values.replicas }}\n  selector:\n    matchLabels: {app: {{ .Values.selector }}}\n  template:\n    "
      "metadata:\n      labels: {app: {{ .Values.selector }}}\n    spec:\n      containers:\n        - name: "
      "app\n          image: x:1\n          env:\n            - name: A\n              value: {{ .Values.env "
      "}}\n" },
    { "charts/db/Chart.yaml", "apiVersion: v2\nname: db\nversion: 0.1.0\n" },
    { "charts/db/values.yaml", "used: false\nsize: 1\n" },
    { "charts/db/templates/cm.yaml",
      "{{- if .Values.used }}\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: db\ndata:\n  size: '{{ "
      ".Values.size }}'\n{{- end }}\n" },
};

struct shop {
    bool alone; /* the chart is not at hand when something was refused */
    struct hc_chart *chart;
    struct hc_arena *a;
    struct hc_origins *origins;
    struct hc_val *values;
    struct hc_whence_render *whence;
};

static enum hc_rc shop_render(void *ctx, struct hc_arena *a, int64_t revision, bool is_upgrade,
                              const struct hc_record *previous, struct hc_desired *out, struct hc_err *err)
{
    struct shop *s = ctx;
    struct hc_render_output o;
    const struct hc_render_input in = { .chart = s->chart,
                                        .values = s->values,
                                        .release_name = HC_S("web"),
                                        .release_namespace = HC_S("x"),
                                        .revision = (int)revision,
                                        .is_upgrade = is_upgrade,
                                        .record = true };
    (void)previous;
    enum hc_rc rc = hc_render(a, &in, &o, err);
    if (rc != HC_OK)
        return rc;
    *out = (struct hc_desired){ .chart = hc_compose_chart(a, s->chart, &o),
                                .config = hc_val_clone(a, s->values),
                                .manifest = hc_documents_manifest(a, &o.docs) };
    out->hooks = hc_compose_hooks(a, &o.docs, &out->hooks_n);
    return hc_arena_check(a, err, "shop");
}

static enum hc_rc shop_crds(void *ctx, struct hc_arena *a, struct hc_crd_file **out, size_t *out_n,
                            struct hc_err *err)
{
    struct shop *s = ctx;
    *out = HC_NEW(a, struct hc_crd_file);
    if (!*out)
        return hc_arena_check(a, err, "crds");
    **out = (struct hc_crd_file){ s->chart->crds[0].name, s->chart->crds[0].body };
    *out_n = 1;
    return HC_OK;
}

static int whences; /* renders with a trace */

static bool shop_whence(void *ctx, struct hc_arena *a, const struct hc_whence *what, struct hc_written *out)
{
    struct shop *s = ctx;
    struct hc_whence_at at;
    if (!hc_whence_is_of(s->whence, what->record)) {
        const struct hc_whence_input in = { .chart = s->alone ? NULL : s->chart,
                                            .values = s->values,
                                            .origins = s->origins };
        hc_whence_free(s->whence);
        s->whence = hc_whence_open(&in, what->record);
        whences++;
    }
    if (!hc_whence_ask(s->whence, a, what->source, what->ref, what->field, what->is, &at))
        return false;
    *out = (struct hc_written){ at.at, at.from };
    return true;
}

static struct hc_chart *chart_new(void)
{
    struct hc_chart_file files[HC_LEN(chart_files)];
    struct hc_chart *chart = NULL;
    const struct hc_chart_port port = { .no_digest = true };
    for (size_t i = 0; i < HC_LEN(files); i++)
        files[i] = (struct hc_chart_file){ hc_str_of(chart_files[i].name), hc_str_of(chart_files[i].body) };
    assert_int_equal(hc_chart_load_files(hc_arena_new(0), files, HC_LEN(files), &port, &chart, NULL), HC_OK);
    return chart;
}

enum how { INSTALL, UPGRADE, ROLLBACK, UNINSTALL };

#define FAULT(verb, path, code, message)                                                                           \
    "{\"verb\":\"" verb "\",\"path\":\"" path "\",\"action\":\"status\",\"code\":" #code ",\"message\":\"" message \
    "\"}"

static const struct {
    const char *name;
    enum how how;
    bool by_client, with_crds, alone;
    const char *first;  /* values of the first revision */
    const char *values; /* of prod.yaml */
    const char *fault;  /* JSON, NULL: the sandbox refuses by itself */
    const char *says[9];
} rows[] = {
    { "400, by the client", INSTALL, .by_client = true, .values = "env: 5\n",
      .says = { "Deployment", "web", "400", "shop/templates/deployment.yaml:18", "env, set by prod.yaml:1",
                "cannot unmarshal number", "correct the chart", "Applied: 2 of 3 objects." } },
    { "a wrong type, by the server", INSTALL, .values = "level: x\nreplicas: many\n",
      .says = { "Deployment", "shop/templates/deployment.yaml:6", "replicas, set by prod.yaml:2", ".spec.replicas",
                "expected numeric", "correct the chart", "Applied: 2 of 3 objects." } },
    { "403, a right", INSTALL,
      .fault = FAULT(
          "patch", "*/configmaps/*", 403,
          "configmaps \\\"web\\\" is forbidden: User \\\"jane\\\" cannot patch resource \\\"configmaps\\\" in API "
          "group \\\"\\\" in the namespace \\\"x\\\""),
      .says = { "ConfigMap", "shop/templates/cm.yaml:2)", "403", "User \"jane\" cannot patch",
                "have a Role with the verb patch on configmaps bound to jane", "Applied: 1 of 3 objects",
                "not sent: Deployment/web" } },
    { "404, a namespace", INSTALL, .values = "ns: nowhere\n",
      .says = { "ConfigMap nowhere/web", "404", "shop/templates/_helpers.tpl:4: metadata.namespace",
                "ns, set by prod.yaml:1", "namespaces \"nowhere\" not found", "make the namespace first",
                "Applied: 1 of 3" } },
    { "404, a kind that is gone", INSTALL,
      .fault = FAULT("patch", "*/deployments/*", 404, "the server could not find the requested resource"),
      .says = { "Deployment", "shop/templates/deployment.yaml:2: apiVersion", "404",
                "could not find the requested resource", "does not serve this kind", "Applied: 2 of 3" } },
    { "409, another field manager", UPGRADE, .values = "replicas: 3\n",
      .says = { "Deployment", "409", "shop/templates/deployment.yaml:6", "replicas, set by prod.yaml:1",
                "spec.replicas", "conflict", "--force-conflicts", "Applied: 2 of 3 objects." } },
    { "409, a name that is taken", INSTALL,
      .says = { "ServiceAccount \"old\"", "shop/templates/old.yaml:5", "exists and cannot be imported",
                "--take-ownership", "No revision was recorded, no object touched." } },
    { "413", INSTALL, .fault = FAULT("patch", "*/configmaps/*", 413, "Request entity too large: limit is 3145728"),
      .says = { "ConfigMap", "413", "shop/templates/cm.yaml:5: data", "too large: limit is", "split it",
                "Applied: 1 of 3" } },
    { "422, immutable", UPGRADE, .values = "selector: other\n",
      .fault = FAULT(
          "patch", "*/deployments/*", 422,
          "Deployment.apps \\\"web\\\" is invalid: spec.selector: Invalid value: {}: field is immutable"),
      .says = { "Deployment", "422", "shop/templates/deployment.yaml:7", "spec.selector", "field is immutable",
                "keep the old value, or delete the object first", "Applied: 2 of 3" } },
    { "422, a field that is missing", INSTALL,
      .fault = FAULT("patch", "*/deployments/*", 422,
                     "Deployment.apps \\\"web\\\" is invalid: spec.template.spec.containers[0].resources.limits: "
                     "Required value"),
      .says = { "shop/templates/deployment.yaml:14", "resources.limits: Required value", "correct the chart" } },
    { "429", INSTALL, .fault = FAULT("patch", "*/deployments/*", 429, "too many requests"),
      .says = { "Deployment", "429", "shop/templates/deployment.yaml:3", "too many requests", "run it again later",
                "Applied: 2 of 3 objects." } },
    { "500", INSTALL, .fault = FAULT("patch", "*/deployments/*", 500, "etcdserver: request timed out"),
      .says = { "Deployment", "500", "shop/templates/deployment.yaml:3", "etcdserver", "in trouble",
                "Applied: 2 of 3" } },
    { "503", INSTALL, .fault = FAULT("patch", "*/configmaps/*", 503, "apiserver is shutting down"),
      .says = { "ConfigMap", "503", "shop/templates/cm.yaml:2", "shutting down", "run it again when it answers",
                "not sent: " } },
    { "a webhook that says no", INSTALL,
      .fault = FAULT("patch", "*/deployments/*", 403,
                     "admission webhook \\\"w.x.io\\\" denied the request: spec.replicas must be at least 2"),
      .says = { "Deployment", "403", "shop/templates/deployment.yaml:6, from replicas, set by values.yaml:1",
                "admission webhook \"w.x.io\" denied", "do what the admission webhook or policy asks for",
                "Applied: 2 of 3" } },
    { "a webhook that is not there", INSTALL,
      .fault = FAULT("patch", "*/deployments/*", 500,
                     "Internal error occurred: failed calling webhook \\\"w.x.io\\\": connection refused"),
      .says = { "Deployment", "shop/templates/deployment.yaml:3", "failed calling webhook \"w.x.io\"",
                "see why the webhook's service does not answer", "Applied: 2 of 3" } },
    { "a definition", INSTALL, .with_crds = true,
      .fault = FAULT("create", "*/customresourcedefinitions", 422,
                     "CustomResourceDefinition \\\"things.x.io\\\" is invalid: spec.scope: Invalid value"),
      .says = { "CRD things.x.io", "422", "crds/thing.yaml:8", "spec.scope", "correct the chart",
                "Made or changed: 0 definitions; no revision was recorded." } },
    { "a hook", UPGRADE, .values = "hook: true\n",
      .fault = FAULT(
          "patch", "*/secrets/hook", 403,
          "secrets \\\"hook\\\" is forbidden: exceeded quota: few, requested: secrets=1, used: secrets=3, limited: "
          "secrets=3"),
      .says = { "Secret", "hook", "shop/templates/hook.yaml:3", "exceeded quota", "larger ResourceQuota",
                "Done: 0 pre-upgrade hooks; no object of the release was sent." } },
    { "the record", INSTALL,
      .fault = FAULT(
          "create", "*/secrets", 403,
          "secrets is forbidden: User \\\"jane\\\" cannot create resource \\\"secrets\\\" in API group \\\"\\\""),
      .says = { "403", "have a Role with the verb create on secrets bound to jane",
                "No revision was recorded, no object of the release touched." } },
    { "what left the manifest", UPGRADE, .values = "old: false\n",
      .fault = FAULT("delete", "*/serviceaccounts/old", 403,
                     "serviceaccounts \\\"old\\\" is forbidden: User \\\"jane\\\" cannot delete resource "
                     "\\\"serviceaccounts\\\" "
                     "in API group \\\"\\\""),
      .says = { "ServiceAccount", "shop/templates/old.yaml, line ", " of the manifest)",
                "the verb delete on serviceaccounts", "Deleted: 0 of 1 objects." } },
    { "a rollback, of whose chart the record knows", ROLLBACK, .alone = true, .first = "db: {used: true}\n",
      .values = "replicas: 2\n",
      .fault = FAULT("patch", "*/deployments/*", 422,
                     "Deployment.apps \\\"web\\\" is invalid: spec.replicas: Invalid value: 1: too few"),
      .says = { "Deployment", "shop/templates/deployment.yaml:6", "replicas, set by values.yaml:1", "too few",
                "Applied: 3 of 4" } },
    { "a rollback, a sub-chart of the chart at hand", ROLLBACK, .first = "db: {used: true, size: 2}\n",
      .values = "db: {used: true, size: 3}\n",
      .fault = FAULT("patch", "*/configmaps/db", 403,
                     "admission webhook \\\"w.x.io\\\" denied: data.size is small"),
      .says = { "ConfigMap", "shop/charts/db/templates/cm.yaml:7", "data.size", "is small", "Applied: " } },
    { "a rollback, a sub-chart that no record holds", ROLLBACK, .alone = true,
      .first = "db: {used: true, size: 2}\n", .values = "db: {used: true, size: 3}\n",
      .fault = FAULT("patch", "*/configmaps/db", 403,
                     "admission webhook \\\"w.x.io\\\" denied: data.size is small"),
      .says = { "ConfigMap", "shop/charts/db/templates/cm.yaml, line ", " of the manifest", "is small" } },
    { "an uninstall", UNINSTALL,
      .fault = FAULT(
          "delete", "*/configmaps/*", 403,
          "configmaps \\\"web\\\" is forbidden: User \\\"jane\\\" cannot delete resource \\\"configmaps\\\" in API "
          "group \\\"\\\""),
      .says = { "ConfigMap", "shop/templates/cm.yaml:2)", "the verb delete on configmaps",
                "Deleted: 2 of 3 objects." } },
};

static struct hc_kube *impatient; /* one request, and its answer counts */

static void shop_values(struct shop *s, const char *text)
{
    const struct hc_origin o = { HC_LAYER_FILE, HC_S("prod.yaml"), { NULL, 0 } };
    s->values = NULL;
    assert_int_equal(hc_values_parse(s->a, hc_str_of(text ? text : ""), o.name, &s->values, NULL), HC_OK);
    hc_val_set_origin(s->values, hc_origins_add(s->origins, &o));
}

static struct hc_step go(struct release *r, enum hc_goal goal)
{
    struct hc_reconcile *engine = NULL;
    struct hc_step step;
    r->spec.goal = goal;
    assert_int_equal(hc_reconcile_new(&r->spec, NULL, &engine, NULL), HC_OK);
    hc_reconcile_drive(engine, NULL, &step);
    hc_reconcile_free(engine);
    return step;
}

static void has(const char *name, const char *where, hc_str text, const char *const *says)
{
    for (size_t i = 0; i < HC_LEN(rows[0].says) && says[i]; i++)
        if (hc_str_find_str(text, hc_str_of(says[i])) == SIZE_MAX)
            fail_msg("%s: %s lacks '%s':\n%.*s", name, where, says[i], HC_P(text));
}

static void one(size_t at)
{
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct shop s = { .alone = rows[at].alone, .a = a, .chart = chart_new(), .origins = hc_origins_new(a) };
    struct release r;
    struct hc_record rec = { 0 };
    char ns[32];
    snprintf(ns, sizeof(ns), "refused-%zu", at);
    release_init(&r, ns);
    r.spec.one_shot = true;
    r.spec.port = (struct hc_reconcile_port){
        .ctx = &s, .render = shop_render, .crds = shop_crds, .whence = shop_whence
    };
    struct hc_action_policy p = { .timeout_ms = 1,
                                  .wait = HC_WAIT_NONE,
                                  .server_side = rows[at].by_client ? HC_SSA_OFF : HC_SSA_AUTO,
                                  .crds = rows[at].with_crds ? HC_CRDS_CREATE : HC_CRDS_SKIP };
    r.spec.install = r.spec.upgrade = r.spec.rollback = r.spec.uninstall = p;
    shop_values(&s, rows[at].first);
    if (rows[at].how != INSTALL)
        assert_int_equal(go(&r, HC_GOAL_PRESENT).verdict, HC_DONE);
    shop_values(&s, rows[at].values);
    if (rows[at].how == ROLLBACK)
        assert_int_equal(go(&r, HC_GOAL_PRESENT).verdict, HC_DONE);
    if (strcmp(rows[at].name, "409, another field manager") == 0) {
        hc_str path = hc_arena_printf(
            a, "/apis/apps/v1/namespaces/%s/deployments/web?fieldManager=scaler&force=true", ns);
        raw(a, "PATCH", path.p, "application/apply-patch+yaml",
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {replicas: 9}\n");
    }
    if (strcmp(rows[at].name, "409, a name that is taken") == 0)
        raw(a, "POST", hc_arena_printf(a, "/api/v1/namespaces/%s/serviceaccounts", ns).p, "application/json",
            "{\"apiVersion\":\"v1\",\"kind\":\"ServiceAccount\",\"metadata\":{\"name\":\"old\"}}");
    if (rows[at].fault)
        raw(a, "POST", "/sandbox/faults", "application/json", rows[at].fault);
    int before = whences;
    r.spec.kube = impatient;
    struct hc_step step = go(&r, rows[at].how == ROLLBACK    ? HC_GOAL_ROLLBACK
                                 : rows[at].how == UNINSTALL ? HC_GOAL_ABSENT
                                                             : HC_GOAL_PRESENT);
    raw(a, "DELETE", "/sandbox/faults", NULL, NULL);
    if (step.verdict != HC_ENDED)
        fail_msg("%s: %s: %s", rows[at].name, hc_verdict_name(step.verdict), step.why);
    has(rows[at].name, "the error", hc_str_of(step.why), rows[at].says);
    assert_true(whences - before <= 1);
    if (hc_storage_last(r.spec.storage, a, HC_S("web"), 0, &rec, NULL) == HC_OK) {
        assert_int_equal(rec.status, rows[at].how == UNINSTALL ? HC_STATUS_UNINSTALLING : HC_STATUS_FAILED);
        has(rows[at].name, "the record", rec.description, rows[at].says);
    } else {
        assert_non_null(strstr(step.why, "o revision was recorded"));
    }
    hc_whence_free(s.whence);
    hc_chart_unref(s.chart);
    hc_storage_free(r.spec.storage);
}

static void every_refusal(void **state)
{
    (void)state;
    const struct hc_kube_options o = { .kubeconfig = kubeconfig, .timeout_ms = 300 };
    assert_int_equal(hc_kube_new(http, &o, &impatient, NULL), HC_OK);
    for (size_t i = 0; i < HC_LEN(rows); i++)
        one(i);
    hc_kube_free(impatient);
}

/* Nothing was refused: nothing is rendered twice. */
static void nothing_when_all_is_well(void **state)
{
    (void)state;
    whences = 0;
    HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
    struct shop s = { .a = a, .chart = chart_new(), .origins = hc_origins_new(a) };
    struct release r;
    release_init(&r, "well");
    r.spec.one_shot = true;
    r.spec.port = (struct hc_reconcile_port){ .ctx = &s, .render = shop_render, .whence = shop_whence };
    shop_values(&s, NULL);
    assert_int_equal(go(&r, HC_GOAL_PRESENT).verdict, HC_DONE);
    assert_int_equal(whences, 0);
    assert_null(s.whence);
    hc_chart_unref(s.chart);
    hc_storage_free(r.spec.storage);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(every_refusal),
                                        cmocka_unit_test(nothing_when_all_is_well) };
    return cmocka_run_group_tests(tests, up, down);
}
