"""Upgrades that fail, from the threads of users: for each, what a preflight can know beforehand.

    failing.py DIR HELMCTL [NAME...]

DIR is that of control-plane.sh, which runs. Each row is a release of one chart (its objects come out of the values) that is
installed and then upgraded. `known` rows must be refused by plan and by upgrade --preflight with the kind of problem, the
object, the field and a remedy, and no object of the namespace may have another resourceVersion afterwards, nor may there be
a new revision. Of the others the preflight must not claim to know, and the failed revision has to say what was refused.
"""
import copy
import http.client
import json
import os
import re
import ssl
import subprocess
import sys
import tempfile


def meta(name, **more):
    return {"name": name, **more}


def cm(name="x", data=None, **more):
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta(name), "data": data or {"a": "1"}, **more}


def pods(app="web", **spec):
    return {"metadata": {"labels": {"app": app}},
            "spec": {"containers": [{"name": "app", "image": "example/app:1", **spec.pop("container", {})}], **spec}}


def workload(kind="Deployment", name="web", app="web", match=None, template=None, **spec):
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": meta(name),
            "spec": {"replicas": 0, "selector": {"matchLabels": {"app": match or app}}, "template": template or pods(app), **spec}}


def sts(**spec):
    return workload("StatefulSet", "db", "db", **{"serviceName": "db", **spec})


def claim(name="data", size="1Gi", cls="none", **more):
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": meta(name, **more),
            "spec": {"accessModes": ["ReadWriteOnce"], "storageClassName": cls, "resources": {"requests": {"storage": size}}}}


def volume(size):
    return [{"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}}}]


def svc(name="web", **spec):
    return {"apiVersion": "v1", "kind": "Service", "metadata": meta(name),
            "spec": {"selector": {"app": "web"}, "ports": [{"name": "http", "port": 80}], **spec}}


def job(image="example/app:1", **spec):
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": meta("migrate"),
            "spec": {"suspend": True, "template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "m", "image": image}]}}, **spec}}


def ingress(api="networking.k8s.io/v1", path_type="Prefix"):
    path = {"path": "/", "backend": {"service": {"name": "web", "port": {"number": 80}}}}
    if path_type:
        path["pathType"] = path_type
    return {"apiVersion": api, "kind": "Ingress", "metadata": meta("web"), "spec": {"rules": [{"host": "a.example", "http": {"paths": [path]}}]}}


def binding(role):
    return {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": meta("b"),
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": role},
            "subjects": [{"kind": "ServiceAccount", "name": "default", "namespace": "NS"}]}


def role(*verbs):
    return {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": meta("r"),
            "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": list(verbs)}]}


def crd(kind, *versions, schema=None, scope="Namespaced"):
    plural = kind.lower() + "s"
    return {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": meta(f"{plural}.failing.example"),
            "spec": {"group": "failing.example", "scope": scope, "names": {"kind": kind, "plural": plural, "singular": kind.lower()},
                     "versions": [{"name": v, "served": True, "storage": v == versions[-1],
                                   "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": schema or {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}}}}
                                  for v in versions]}}


def custom(kind, version="v1", **spec):
    return {"apiVersion": f"failing.example/{version}", "kind": kind, "metadata": meta("one"), "spec": spec}


def bad(o, path, value):
    """A copy with one field set (None: taken out)."""
    o = copy.deepcopy(o)
    at = o
    keys = path.split("/")
    for k in keys[:-1]:
        at = at[int(k) if k.isdigit() else k]
    last = int(keys[-1]) if keys[-1].isdigit() else keys[-1]
    if value is None:
        del at[last]
    else:
        at[last] = value
    return o


D, CONT = workload(), "spec/template/spec/containers/0/"
QUOTA = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": meta("few")}
POLICY = [{"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy", "metadata": meta("no-latest"),
           "spec": {"failurePolicy": "Fail", "matchConstraints": {"resourceRules": [{"apiGroups": ["apps"], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": ["deployments"]}]},
                    "validations": [{"expression": "!object.spec.template.spec.containers.exists(c, c.image.endsWith(':latest'))", "message": "images need a version"}]}},
          {"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicyBinding", "metadata": meta("no-latest"),
           "spec": {"policyName": "no-latest", "validationActions": ["Deny"], "matchResources": {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "NS"}}}}}]
JANE = [{"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": meta("jane"),
         "rules": [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["get", "list", "watch"]},
                   {"apiGroups": [""], "resources": ["configmaps", "secrets"], "verbs": ["*"]}]},
        {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": meta("jane"),
         "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "jane"}, "subjects": [{"kind": "User", "name": "jane", "apiGroup": "rbac.authorization.k8s.io"}]}]

# name, thread, known, problem, object, field, remedy, before, after[, further]
ROWS = [
    ("selector", "helm#7168", True, "immutable field", "Deployment web", "spec.selector", "delete the object", [D], [workload(app="other")]),
    ("daemonset-selector", "helm#5006", True, "immutable field", "DaemonSet web", "spec.selector", "delete the object",
     [bad(workload("DaemonSet"), "spec/replicas", None)], [bad(workload("DaemonSet", app="other"), "spec/replicas", None)]),
    ("selector-without-labels", "helm#7173", True, "invalid object", "Deployment web", "spec.template.metadata.labels", "correct", [D], [workload(template=pods("other"))]),
    ("claim-templates", "helm#7998", True, "immutable field", "StatefulSet db", "spec", "cascade=orphan", [sts(volumeClaimTemplates=volume("1Gi"))], [sts(volumeClaimTemplates=volume("2Gi"))]),
    ("statefulset-service", "helm#5006", True, "immutable field", "StatefulSet db", "spec", "cascade=orphan", [sts()], [sts(serviceName="other")]),
    ("cluster-ip", "helm#6378", True, "immutable field", "Service web", "spec.clusterIP", "clusterIP out of the chart", [svc()], [svc(clusterIP="10.96.77.7")]),
    ("headless", "helm#6378", True, "immutable field", "Service web", "spec.clusterIP", "clusterIP out of the chart", [svc()], [svc(clusterIP="None")]),
    ("job-template", "helm#5006", True, "immutable field", "Job migrate", "spec.template", "revision into its name", [job()], [job("example/app:2")]),
    ("job-completions", "helm#5006", True, "immutable field", "Job migrate", "spec.completions", "delete the Job", [job()], [job(completions=3)]),
    ("claim-shrinks", "helm/charts#7803", True, "immutable field", "PersistentVolumeClaim data", "spec", "claim can only grow", [claim()], [claim(size="500Mi")]),
    ("claim-grows", "helm/charts#7803", True, "immutable field", "PersistentVolumeClaim data", "spec", "claim can only grow", [claim()], [claim(size="5Gi")]),
    ("claim-class", "helm/charts#7803", True, "immutable field", "PersistentVolumeClaim data", "spec", "claim can only grow", [claim()], [claim(cls="fast")]),
    ("role-ref", "helm#30830", True, "immutable field", "RoleBinding b", "roleRef", "delete the binding", [binding("r")], [binding("other")]),
    ("immutable-configmap", "helm#30830", True, "immutable field", "ConfigMap x", "data", "new name", [cm(immutable=True)], [cm(data={"a": "2"}, immutable=True)]),
    ("secret-type", "helm#5006", True, "immutable field", "Secret s", "type", "new name",
     [{"apiVersion": "v1", "kind": "Secret", "metadata": meta("s"), "type": "Opaque"}],
     [{"apiVersion": "v1", "kind": "Secret", "metadata": meta("s"), "type": "example/other"}]),
    ("storage-class", "helm#5006", True, "immutable field", "StorageClass failing", "provisioner", "keep the old value",
     [{"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": meta("failing"), "provisioner": "a.example/a"}],
     [{"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": meta("failing"), "provisioner": "b.example/b"}]),
    ("pod", "helm#5006", True, "immutable field", "Pod p", "spec", "keep the old value",
     [{"apiVersion": "v1", "kind": "Pod", "metadata": meta("p"), "spec": {"containers": [{"name": "a", "image": "a:1"}]}}],
     [{"apiVersion": "v1", "kind": "Pod", "metadata": meta("p"), "spec": {"containers": [{"name": "a", "image": "a:1", "command": ["sh"]}]}}]),
    ("crd-scope", "hc#1588", True, "immutable field", "CustomResourceDefinition scopeds.failing.example", "spec.scope", "keep the old value",
     [crd("Scoped", "v1")], [crd("Scoped", "v1", scope="Cluster")]),
    ("path-type", "helm/charts#7803", True, "invalid object", "Ingress web", "pathType", "correct", [svc()], [svc(), ingress(path_type=None)]),
    ("api-removed", "helm#7219", True, "unknown kind", "Ingress web", "apiVersion", "networking.k8s.io/v1", [svc()], [svc(), ingress("networking.k8s.io/v1beta1")]),
    ("api-group-removed", "helm#7361", True, "unknown kind", "Deployment web", "apiVersion", "serves it as apps/v1", [D], [bad(D, "apiVersion", "extensions/v1beta1")]),
    ("crd-missing", "helm#12136", True, "unknown kind", "Nowhere one", "apiVersion", "CustomResourceDefinition", [D], [D, custom("Nowhere")]),
    ("crd-version-removed", "hc PR 250", True, "orphaned versions", "CustomResourceDefinition storeds.failing.example", "status.storedVersions", "spec.versions",
     [crd("Stored", "v1")], [crd("Stored", "v2")]),
    ("crd-schema", "hc#1588", True, "invalid object", "Schemed one", "spec.size", "correct",
     [cm()], [cm(), custom("Schemed", size="big")], {"setup": [crd("Schemed", "v1", schema={"type": "object", "properties": {"size": {"type": "integer"}}})]}),
    ("duplicate-env", "helm#31516", True, "invalid object", "Deployment web", "env", "correct", [D],
     [bad(D, CONT + "env", [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}])]),
    ("duplicate-ports", "helm#31516", True, "invalid object", "Deployment web", "ports", "correct", [D],
     [bad(D, CONT + "ports", [{"containerPort": 80}, {"containerPort": 80}])]),
    ("duplicate-service-ports", "helm#31516", True, "invalid object", "Service web", "ports", "correct", [svc()],
     [svc(ports=[{"name": "a", "port": 80}, {"name": "b", "port": 80}])]),
    ("env-number", "helm#6867", True, "invalid object", "Deployment web", "env", "correct", [D], [bad(D, CONT + "env", [{"name": "A", "value": 1}])]),
    ("replicas-string", "helm#13254", True, "invalid object", "Deployment web", "spec.replicas", "correct", [D], [bad(D, "spec/replicas", "two")]),
    ("annotation-bool", "helm#6867", True, "invalid object", "ConfigMap x", "metadata.annotations", "correct", [cm()], [bad(cm(), "metadata/annotations", {"on": True})]),
    ("configmap-number", "helm#6867", True, "invalid object", "ConfigMap x", "data", "correct", [cm()], [cm(data={"a": 1})]),
    ("null-container", "helm#32522", True, "invalid object", "Deployment web", "containers", "correct", [D], [bad(D, "spec/template/spec/containers", [None])]),
    ("no-image", "helm#12879", True, "invalid object", "Deployment web", "image", "correct", [D], [bad(D, CONT + "image", "")]),
    ("unknown-field", "helm#6422", True, "invalid object", "Deployment web", "imagePullPolicie", "correct", [D], [bad(D, CONT + "imagePullPolicie", "Always")]),
    ("bad-quantity", "helm#12195", True, "invalid object", "Deployment web", "", "correct", [D], [bad(D, CONT + "resources", {"limits": {"memory": "12 Gi"}})]),
    ("limit-below-request", "helm#12195", True, "invalid object", "Deployment web", "resources.requests", "correct", [D],
     [bad(D, CONT + "resources", {"limits": {"cpu": "1"}, "requests": {"cpu": "2"}})]),
    ("port-range", "helm#6867", True, "invalid object", "Deployment web", "containerPort", "correct", [D], [bad(D, CONT + "ports", [{"containerPort": 70000}])]),
    ("volume-missing", "helm#5006", True, "invalid object", "Deployment web", "volumeMounts", "correct", [D], [bad(D, CONT + "volumeMounts", [{"name": "no", "mountPath": "/x"}])]),
    ("name-too-long", "helm#3208", True, "invalid object", "Service w", "metadata.name", "correct", [cm()], [cm(), svc("w" * 64)]),
    ("name-invalid", "helm#3208", True, "invalid object", "ConfigMap Not_A_Name", "metadata.name", "correct", [cm()], [cm(), cm("Not_A_Name")]),
    ("label-invalid", "helm#3926", True, "invalid object", "ConfigMap x", "metadata.labels", "correct", [cm()], [bad(cm(), "metadata/labels", {"version": "1.0+build 7"})]),
    ("cron-schedule", "helm#6422", True, "invalid object", "CronJob c", "spec.schedule", "correct", [cm()],
     [cm(), {"apiVersion": "batch/v1", "kind": "CronJob", "metadata": meta("c"), "spec": {"schedule": "every day", "jobTemplate": {"spec": job()["spec"]}}}]),
    ("namespace-missing", "helm#3208", True, "missing namespace", "ConfigMap y", "", "make the namespace", [cm()], [cm(), bad(cm("y"), "metadata/namespace", "no-such-place")]),
    ("foreign", "hc#593", True, "foreign object", "ConfigMap theirs", "metadata", "take-ownership", [cm()], [cm(), cm("theirs")], {"setup": [cm("theirs")]}),
    ("another-release", "k3shc#261", True, "foreign object", "ConfigMap theirs", "metadata", "take-ownership", [cm()], [cm(), cm("theirs")],
     {"setup": [bad(bad(cm("theirs"), "metadata/labels", {"app.kubernetes.io/managed-by": "Helm"}), "metadata/annotations",
                    {"meta.helm.sh/release-name": "other", "meta.helm.sh/release-namespace": "NS"})]}),
    ("conflict", "helm#31516", True, "conflict", "Deployment web", "spec.replicas", "force-conflicts", [D], [bad(D, "spec/replicas", 3)],
     {"then": [("PATCH", "Deployment", "web", {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta("web"), "spec": {"replicas": 1}})]}),
    ("quota", "hc#716", True, "quota", "ConfigMap y", "count/configmaps", "ask for less", [cm()], [cm(), cm("y")],
     {"room": 0}),
    ("quota-together", "hc#716", True, "quota", "ConfigMap z", "count/configmaps", "ask for less", [cm()], [cm(), cm("y"), cm("z")],
     {"room": 1}),
    ("limit-range", "hc#716", True, "quota", "PersistentVolumeClaim data", "", "LimitRange", [cm()], [cm(), claim(size="9Gi")],
     {"setup": [{"apiVersion": "v1", "kind": "LimitRange", "metadata": meta("l"), "spec": {"limits": [{"type": "PersistentVolumeClaim", "max": {"storage": "2Gi"}}]}}]}),
    ("right", "hc#498", True, "missing right", "Service web", "", "verb", [cm()], [cm(), svc()], {"setup": JANE, "user": "jane"}),
    ("right-to-grant", "hc#154", True, "missing right", "Role r", "", "hold", [cm()], [cm(), role("delete")],
     {"setup": JANE[:1] + [{**JANE[1]}, {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": meta("roles"), "rules": [{"apiGroups": ["rbac.authorization.k8s.io"], "resources": ["roles"], "verbs": ["get", "create", "patch", "update"]}]},
                            {**JANE[1], "metadata": meta("roles"), "roleRef": {**JANE[1]["roleRef"], "name": "roles"}}], "user": "jane"}),
    ("policy", "helm#10363", True, "denied", "Deployment web", "", "policy", [D], [bad(D, CONT + "image", "example/app:latest")], {"setup": POLICY}),
    ("pod-security", "hc#806", True, "denied", "Deployment web", "", "securityContext", [D], [bad(bad(D, "spec/replicas", 1), CONT + "securityContext", {"privileged": True})],
     {"labels": {"pod-security.kubernetes.io/enforce": "baseline"}, "flags": ["--wait"]}),
    ("record-too-large", "helm#6711", True, "record too large", "", "", "helmignore", [cm()], [cm(f"x{i}", {"k": os.urandom(70000).hex()}) for i in range(16)]),
    ("object-too-large", "helm#1413", True, "record too large", "ConfigMap x", "", "split", [cm()], [cm(data={"a": "x" * 1100000})]),
    ("claim-leaves", "hc#742", True, "data loss", "PersistentVolumeClaim data", "", "resource-policy", [claim()], [cm()]),
    ("crd-leaves", "VictoriaMetrics/helm-charts#2726", True, "data loss", "CustomResourceDefinition lefts.failing.example", "", "resource-policy", [crd("Left", "v1")], [cm()],
     {"then": [("POST", "Left", "one", custom("Left"))]}),
    # what nobody can know beforehand
    ("image-missing", "helm#30735", False, "", "Deployment web", "", "pull", [D],
     [bad(bad(D, "spec/replicas", 1), "spec/template/metadata/annotations", {"sandbox.helmctl.dev/behavior": "image-pull"})], {"flags": ["--wait", "--timeout", "4s"]}),
    ("crash-loop", "hc#806", False, "", "Deployment web", "", "exit", [D],
     [bad(bad(D, "spec/replicas", 1), "spec/template/metadata/annotations", {"sandbox.helmctl.dev/behavior": "crash"})], {"flags": ["--wait", "--timeout", "4s"]}),
    ("service-account-missing", "hc#716", False, "", "Deployment web", "", "service account", [D],
     [bad(bad(D, "spec/replicas", 1), "spec/template/spec/serviceAccountName", "nobody")], {"flags": ["--wait", "--timeout", "4s"]}),
    ("webhook-away", "helm#12000", False, "", "ConfigMap x", "", "webhook", [cm()], [cm(data={"a": "2"})],
     {"then": [("POST", "ValidatingWebhookConfiguration", "away", {
         "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration", "metadata": meta("away"),
         "webhooks": [{"name": "away.failing.example", "sideEffects": "None", "admissionReviewVersions": ["v1"], "timeoutSeconds": 1,
                       "clientConfig": {"service": {"name": "gone", "namespace": "NS"}}, "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["UPDATE"], "resources": ["configmaps"]}],
                       "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "NS"}}}]})], "after": ("ValidatingWebhookConfiguration", "away"), "flags": ["--timeout", "3s"]}),
    ("hook-fails", "helm#9003", False, "", "Job pre", "", "hook", [cm()],
     [cm(data={"a": "2"}), {"apiVersion": "batch/v1", "kind": "Job", "metadata": meta("pre", annotations={"helm.sh/hook": "pre-upgrade"}),
                            "spec": {"backoffLimit": 0, "template": {"metadata": {"annotations": {"sandbox.helmctl.dev/behavior": "fail"}},
                                     "spec": {"restartPolicy": "Never", "containers": [{"name": "m", "image": "m:1"}]}}}}], {"flags": ["--timeout", "20s"]}),
]

PATHS = {"Service": "api/v1/{ns}services", "ConfigMap": "api/v1/{ns}configmaps", "Secret": "api/v1/{ns}secrets", "Pod": "api/v1/{ns}pods",
         "PersistentVolumeClaim": "api/v1/{ns}persistentvolumeclaims", "ResourceQuota": "api/v1/{ns}resourcequotas", "LimitRange": "api/v1/{ns}limitranges",
         "Deployment": "apis/apps/v1/{ns}deployments", "StatefulSet": "apis/apps/v1/{ns}statefulsets", "DaemonSet": "apis/apps/v1/{ns}daemonsets",
         "Job": "apis/batch/v1/{ns}jobs", "CronJob": "apis/batch/v1/{ns}cronjobs", "Ingress": "apis/networking.k8s.io/v1/{ns}ingresses",
         "Role": "apis/rbac.authorization.k8s.io/v1/{ns}roles", "RoleBinding": "apis/rbac.authorization.k8s.io/v1/{ns}rolebindings",
         "CustomResourceDefinition": "apis/apiextensions.k8s.io/v1/customresourcedefinitions", "StorageClass": "apis/storage.k8s.io/v1/storageclasses",
         "ValidatingAdmissionPolicy": "apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies",
         "ValidatingAdmissionPolicyBinding": "apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings",
         "ValidatingWebhookConfiguration": "apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations",
         "Left": "apis/failing.example/v1/{ns}lefts"}
# ResourceQuota's own usage is written by a controller when it likes, pods by theirs.
WATCHED = [k for k in PATHS if k not in ("ResourceQuota", "Pod", "Left")]


class Server:
    def __init__(self, folder):
        address = re.search(r"https://([^/\s]+)", open(f"{folder}/env").read()).group(1)
        context = ssl.create_default_context(cafile=f"{folder}/pki/ca.crt")
        self.http = http.client.HTTPSConnection(address, context=context)
        self.token = open(f"{folder}/pki/tokens.csv").read().split(",")[0]

    def ask(self, method, path, body=None, kind="application/json"):
        self.http.request(method, "/" + path, json.dumps(body) if body is not None else None,
                          {"Authorization": "Bearer " + self.token, "Content-Type": kind})
        answer = self.http.getresponse()
        text = answer.read()
        return answer.status, json.loads(text) if text[:1] == b"{" else text

    def path(self, kind, ns):
        return PATHS[kind].format(ns=f"namespaces/{ns}/")

    def versions(self, ns):
        out = {}
        for kind in WATCHED:
            for o in self.ask("GET", self.path(kind, ns))[1].get("items") or []:
                out[f"{kind} {o['metadata']['name']}"] = o["metadata"]["resourceVersion"]
        return out


def within(seconds, what):
    import time
    until = time.monotonic() + seconds
    while not what():
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True


def fill(objects, ns):
    return json.loads(json.dumps(objects).replace('"NS"', f'"{ns}"'))


failed = checks = 0


def check(name, good, text=""):
    global failed, checks
    checks += 1
    if not good:
        failed += 1
        print(f"FAIL {name}: {text}", flush=True)


def main():
    folder, helmctl, only = sys.argv[1], sys.argv[2], sys.argv[3:]
    server = Server(folder)
    env = {**os.environ, "KUBECONFIG": f"{folder}/kubeconfig"}
    work = tempfile.mkdtemp()
    chart = f"{work}/raw"
    os.makedirs(f"{chart}/templates")
    open(f"{chart}/Chart.yaml", "w").write("apiVersion: v2\nname: raw\nversion: 0.1.0\n")
    open(f"{chart}/templates/all.yaml", "w").write("{{- range .Values.objects }}\n---\n{{ toYaml . }}\n{{- end }}\n")

    def run(ns, *args):
        p = subprocess.run([helmctl, "-n", ns, *args], env=env, capture_output=True, text=True)
        return p.returncode, p.stdout, p.stderr

    for row in ROWS:
        name, _, known, problem, obj, field, remedy, before, after = row[:9]
        more = row[9] if len(row) > 9 else {}
        if only and name not in only:
            continue
        ns = f"f{os.getpid()}-{name}"
        server.ask("POST", "api/v1/namespaces", {"metadata": {"name": ns, "labels": more.get("labels", {})}})
        for o in fill(more.get("setup", []), ns):
            status, said = server.ask("POST", server.path(o["kind"], ns), o)
            check(name, status in (200, 201, 409), f"setup: {status} {said}")
        files = {}
        for which, objects in (("before", before), ("after", after)):
            canary = cm("canary", {"v": which})
            files[which] = f"{work}/{name}-{which}.json"
            json.dump({"objects": fill([canary] + objects, ns)}, open(files[which], "w"))
        if more.get("setup"):  # a definition that is new, a quota that was not counted yet, a policy that was not read yet
            for o in more["setup"]:
                at = server.path(o["kind"], ns) + "/" + o["metadata"]["name"]
                if o["kind"] == "CustomResourceDefinition":
                    within(10, lambda: any(c["type"] == "Established" and c["status"] == "True" for c in server.ask("GET", at)[1].get("status", {}).get("conditions") or []))
        code, out, err = run(ns, "install", "r", chart, "-f", files["before"])
        check(name, code == 0, f"install: {out}{err}")
        for method, kind, at, o in more.get("then", []):
            path = server.path(kind, ns)
            if method == "POST":
                ok = within(10, lambda: server.ask("POST", path, fill(o, ns))[0] in (201, 409))
            else:
                ok = server.ask("PATCH", f"{path}/{at}?fieldManager=someone&force=true", o, "application/apply-patch+yaml")[0] == 200
            check(name, ok, f"{method} {kind} {at}")
        if "room" in more:  # for so many ConfigMaps more
            maps, path = server.path("ConfigMap", ns), server.path("ResourceQuota", ns)
            within(20, lambda: server.ask("GET", maps + "/kube-root-ca.crt")[0] == 200)
            have = len(server.ask("GET", maps)[1]["items"])
            server.ask("POST", path, {**QUOTA, "spec": {"hard": {"count/configmaps": str(have + more["room"])}}})
            check(name, within(20, lambda: (server.ask("GET", path + "/few")[1].get("status", {}).get("used") or {}).get("count/configmaps") == str(have)), "the quota is not counted")
        as_user = ["--kube-as-user", more["user"]] if "user" in more else []
        flags = more.get("flags", [])
        if name == "policy":
            within(15, lambda: run(ns, "plan", "r", chart, "-f", files["after"], "-o", "json")[0] == 1)
        if name == "webhook-away":
            within(10, lambda: server.ask("PATCH", server.path("ConfigMap", ns) + "/canary?dryRun=All", {"data": {"v": "x"}}, "application/merge-patch+json")[0] >= 500)
        # Controllers that write to what was just installed have their time.
        state = [server.versions(ns)]
        within(5, lambda: (state.append(server.versions(ns)), state[-1] == state[-2])[1])
        was = server.versions(ns)
        wait = [f for f in flags if f == "--wait"]
        code, out, err = run(ns, "plan", "r", chart, "-f", files["after"], "-o", "json", *as_user, *wait)
        plan = json.loads(out) if out[:1] == "{" else {"problems": []}
        sure = [p for p in plan["problems"] if p["sure"]]
        if known:
            check(name, code == 1, f"plan gives {code}: {out[:300]} {err[:500]}")
            hit = [p for p in sure if p["problem"] == problem and f"{p.get('kind')} {p.get('name')}".startswith(obj or "None") and
                   field in p.get("field", "") and re.search(remedy, p["remedy"])]
            check(name, hit, f"want {problem}, {obj}, {field}, {remedy}; got " + "; ".join(
                f"{p['problem']}, {p.get('kind')} {p.get('name')}, field {p.get('field')}, {p['message'][:300]}, remedy {p['remedy']}" for p in plan["problems"]))
            extra = {str(p.get("name")) for p in sure} - {str(p.get("name")) for p in hit}
            check(name, not extra, f"blamed as well: {extra}")
            if not name.endswith("-leaves"):  # whoever upgrades by hand and asks for it may let data go
                code, out, err = run(ns, "upgrade", "r", chart, "-f", files["after"], "--preflight", *flags, *as_user)
                check(name, code == 1 and "refused before anything was written" in err, f"upgrade --preflight: {code} {out}{err}")
            check(name, server.versions(ns) == was, f"changed: {set(server.versions(ns).items()) ^ set(was.items())}")
        else:
            check(name, code == 2 and not sure, f"plan claims to know: {code} {sure} {err}")
            code, out, err = run(ns, "upgrade", "r", chart, "-f", files["after"], "--preflight", *flags, *as_user)
            check(name, code == 1, f"upgrade: {code} {out}{err}")
            check(name, re.search(remedy, err), f"no /{remedy}/ in: {err}")
            if "after" in more:
                server.ask("DELETE", server.path(more["after"][0], ns) + "/" + more["after"][1])
            code, out, err = run(ns, "status", "r", "-o", "json")
            info = json.loads(out)["info"] if code == 0 else {}
            check(name, info.get("status") in ("failed", "deployed") and (info.get("status") == "failed" and re.search(remedy, info["description"]) or name == "webhook-away"),
                  f"the record says: {info.get('status')} {info.get('description')}")
    yes = sum(1 for r in ROWS if r[2])
    print(f"{len(ROWS)} failing upgrades ({yes} known beforehand): {checks} checks, {failed} failed")
    sys.exit(1 if failed else 0)


main()
