/*
 * What is doubted before anybody is asked, and what the server's refusals mean: tables.
 */
#include <stdio.h>

#include "deploy/reconcile/doubt.h"
#include "deploy/reconcile/trouble.h"
#include "tests/unit/unit.h"

#define WEB(more)                                                                                                  \
    "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  replicas: 1\n  selector: "             \
    "{matchLabels: "                                                                                               \
    "{app: web}}\n  template:\n    metadata: {labels: {app: web}}\n    spec: {containers: [{name: app, image: "    \
    "\"a:1\", env: [{name: A, value: \"1\"}]}]}\n" more

static const struct {
    const char *what, *before, *after; /* before NULL: new */
    bool install, doubt;
} rows[] = {
    { "new in an install", NULL, WEB(""), true, false },
    { "new in an upgrade", NULL, WEB(""), false, true },
    { "the same", WEB(""), WEB(""), false, false },
    { "an image", WEB(""),
      "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  replicas: 3\n  selector: "
      "{matchLabels: {app: "
      "web}}\n  template:\n    metadata: {labels: {app: web, b: c}, annotations: {x: \"y z\"}}\n    spec: "
      "{containers: [{name: "
      "app, image: \"a:2\", env: [{name: A, value: \"2\"}]}]}\n",
      false, false },
    { "a selector", WEB(""),
      "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  replicas: 1\n  selector: "
      "{matchLabels: {app: "
      "w}}\n  template:\n    metadata: {labels: {app: w}}\n    spec: {containers: [{name: app, image: \"a:1\", "
      "env: [{name: A, "
      "value: \"1\"}]}]}\n",
      false, true },
    { "a field nobody looked at", WEB(""), WEB("  minReadySeconds: 3\n"), false, true },
    { "labels that the selector does not find", NULL,
      "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {selector: {matchLabels: {app: a}}, "
      "template: "
      "{metadata: {labels: {app: b}}, spec: {containers: [{name: a, image: a}]}}}\n",
      true, true },
    { "two variables of one name", NULL,
      "apiVersion: batch/v1\nkind: Job\nmetadata: {name: j}\nspec: {template: {spec: {containers: [{name: a, "
      "image: a, env: "
      "[{name: A}, {name: A}]}]}}}\n",
      true, true },
    { "a number in a variable", NULL,
      "apiVersion: batch/v1\nkind: Job\nmetadata: {name: j}\nspec: {template: {spec: {containers: [{name: a, "
      "image: a, env: "
      "[{name: A, value: 1}]}]}}}\n",
      true, true },
    { "a plain job", NULL,
      "apiVersion: batch/v1\nkind: Job\nmetadata: {name: j}\nspec: {template: {spec: {containers: [{name: a, "
      "image: a}]}}}\n",
      true, false },
    { "a job's image",
      "apiVersion: batch/v1\nkind: Job\nmetadata: {name: j}\nspec: {template: {spec: {containers: [{name: a, "
      "image: a}]}}}\n",
      "apiVersion: batch/v1\nkind: Job\nmetadata: {name: j}\nspec: {template: {spec: {containers: [{name: a, "
      "image: b}]}}}\n",
      false, true },
    { "data", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {a: b}\n",
      "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {a: c, b: d}\n", false, false },
    { "data that may not change",
      "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\nimmutable: true\ndata: {a: b}\n",
      "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\nimmutable: true\ndata: {a: c}\n", false, true },
    { "a number as data", NULL, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {a: 1}\n", true,
      true },
    { "no base64", NULL, "apiVersion: v1\nkind: Secret\nmetadata: {name: c}\ndata: {a: \"%%\"}\n", true, true },
    { "base64", NULL, "apiVersion: v1\nkind: Secret\nmetadata: {name: c}\ndata: {a: aGk=}\n", true, false },
    { "a label with a blank", NULL, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, labels: {a: b c}}\n",
      true, true },
    { "a name with a capital", NULL, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: Cc}\n", true, true },
    { "a role may have one", NULL,
      "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: \"system:Cc\"}\n", true,
      false },
    { "a service's name with a dot", NULL, "apiVersion: v1\nkind: Service\nmetadata: {name: a.b}\n", true, true },
    { "another version", "apiVersion: policy/v1beta1\nkind: PodDisruptionBudget\nmetadata: {name: c}\n",
      "apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: c}\n", false, true },
};

static void test_doubts(void **state)
{
    (void)state;
    for (size_t i = 0; i < HC_LEN(rows); i++) {
        HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
        struct hc_plan_object *o = NULL, *before = NULL;
        struct hc_err err = HC_ERR_INIT;
        size_t n = 0;
        if (hc_plan_read(a, hc_str_of(rows[i].after), &o, &n, &err) != HC_OK ||
            (rows[i].before && hc_plan_read(a, hc_str_of(rows[i].before), &before, &n, &err) != HC_OK))
            fail_msg("%s: %s", rows[i].what, err.msg);
        /* As the engine has them: the new one carries the marks of its release. */
        hc_plan_own(a, o, HC_S("r"), HC_S("ns"));
        if (hc_doubtful(a, o, before, rows[i].install) != rows[i].doubt)
            fail_msg("%s: doubted: %d", rows[i].what, !rows[i].doubt);
    }
}

static const struct {
    int status;
    const char *kind, *says;
    enum hc_trouble what;
    const char *field, *needs, *remedy;
} refusals[] = {
    { 422, "Deployment",
      "apply Deployment web: 422 Invalid: Deployment.apps \"web\" is invalid: spec.selector: Invalid value: {...}: "
      "field is immutable",
      HC_TROUBLE_IMMUTABLE, "spec.selector", "", "delete the object first" },
    { 422, "StatefulSet",
      "StatefulSet.apps \"db\" is invalid: spec: Forbidden: updates to statefulset spec for fields other than",
      HC_TROUBLE_IMMUTABLE, "spec", "", "--cascade=orphan" },
    { 500, "Deployment",
      "apply Deployment web: 500: failed to create typed patch object (x/web; apps/v1, Kind=Deployment): "
      ".spec.template.spec.containers[name=\"app\"].env: duplicate entries for key [name=\"A\"]",
      HC_TROUBLE_INVALID, "spec.template.spec.containers[name=\"app\"].env", "", "correct" },
    { 400, "Deployment",
      "create Deployment web: 400 BadRequest: Deployment in version \"v1\" cannot be handled as a Deployment: "
      "json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32",
      HC_TROUBLE_INVALID, "spec.replicas", "", "correct" },
    { 409, "ConfigMap",
      "apply ConfigMap x: 409 Conflict: Apply failed with 1 conflict: conflict with \"mesh\": .data.v",
      HC_TROUBLE_CONFLICT, "data.v", "", "--force-conflicts" },
    { 403, "ConfigMap",
      "configmaps \"x\" is forbidden: User \"jane\" cannot patch resource \"configmaps\" in API group \"\" in the "
      "namespace \"n\"",
      HC_TROUBLE_RIGHTS, "", "", "have a Role with the verb patch on configmaps bound to jane" },
    { 403, "ConfigMap",
      "configmaps \"x\" is forbidden: exceeded quota: few, requested: count/configmaps=1, used: "
      "count/configmaps=3, limited: count/configmaps=3",
      HC_TROUBLE_QUOTA, "count/configmaps", "few", "larger ResourceQuota" },
    { 404, "ConfigMap", "apply ConfigMap no/x: 404 NotFound: namespaces \"no\" not found", HC_TROUBLE_NAMESPACE, "",
      "no", "--create-namespace" },
    { 403, "Pod", "pods \"p\" is forbidden: error looking up service account n/sa: serviceaccount \"sa\" not found",
      HC_TROUBLE_MISSING, "", "sa", "ServiceAccount" },
    { 403, "Role",
      "roles.rbac.authorization.k8s.io \"r\" is forbidden: user \"jane\" is attempting to grant RBAC permissions "
      "not currently held:",
      HC_TROUBLE_RIGHTS, "", "", "bind and escalate" },
    { 403, "Deployment", "admission webhook \"w.example\" denied the request: no", HC_TROUBLE_DENIED, "",
      "w.example", "webhook" },
    { 500, "ConfigMap", "Internal error occurred: failed calling webhook \"w.example\": connection refused",
      HC_TROUBLE_UNTRIED, "", "w.example", "service" },
    { 413, "ConfigMap", "Request entity too large", HC_TROUBLE_SIZE, "", "", "split" },
    { 422, "CustomResourceDefinition",
      "CustomResourceDefinition \"x\" is invalid: status.storedVersions[0]: Invalid value: \"v1\": missing from "
      "spec.versions; v1 was previously a storage version",
      HC_TROUBLE_VERSIONS, "status.storedVersions[0]", "", "spec.versions" },
};

static void test_refusals(void **state)
{
    (void)state;
    for (size_t i = 0; i < HC_LEN(refusals); i++) {
        HC_AUTO(hc_arena) struct hc_arena *a = hc_arena_new(0);
        struct hc_err err = HC_ERR_INIT;
        hc_fail(&err, HC_E_INPUT, "%s", refusals[i].says);
        err.http_status = refusals[i].status;
        struct hc_ref ref = { HC_S("v1"), hc_str_of(refusals[i].kind), HC_S("n"), HC_S("x") };
        struct hc_refusal r = hc_refusal_of(a, &ref, &err);
        if (r.what != refusals[i].what || !hc_str_eqz(r.field, refusals[i].field) ||
            !hc_str_eqz(r.needs_name, refusals[i].needs) ||
            hc_str_find_str(r.remedy, hc_str_of(refusals[i].remedy)) == SIZE_MAX)
            fail_msg("%s\n%s, field '%.*s', needs '%.*s', remedy '%.*s'", refusals[i].says, hc_trouble_name(r.what),
                     HC_P(r.field), HC_P(r.needs_name), HC_P(r.remedy));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_doubts), cmocka_unit_test(test_refusals) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
