#!/usr/bin/env python3
"""flags.py DIR HELMCTL HELM [CASE...]: the flags of install, upgrade, rollback, uninstall and test as a table of cases.

DIR is a running control plane (control-plane.sh). A case is a list of commands; the real Helm 4 runs them in one fresh namespace
and helmctl in another. What they print, their exit codes and, behind the last one, all objects of the namespace with
their managed fields and the records must be equal. Without CASE: all of them. `-l` instead of CASE lists their names.
"""
import base64, gzip, http.client, json, os, re, ssl, subprocess, sys, time

KINDS = ("api/v1/configmaps", "api/v1/secrets", "api/v1/serviceaccounts", "api/v1/services", "api/v1/pods", "apis/apps/v1/deployments",
         "apis/batch/v1/jobs")
NEVER_ALIKE = ("uid", "resourceVersion", "creationTimestamp", "time", "modifiedAt", "createdAt", "generation", "modtime", "status",
               "controller-uid", "batch.kubernetes.io/controller-uid", "release.helmctl.dev/progress", "f:release.helmctl.dev/progress", "f:annotations",
               "first_deployed", "last_deployed", "deleted", "schemamodtime", "started_at", "completed_at", "nodeName", "clusterIP", "clusterIPs")

FILES = {
    "kit/Chart.yaml": "apiVersion: v2\nname: kit\nversion: 1.2.3\nappVersion: '4.5'\n",
    "kit/values.yaml": "size: 1\nextra: true\nimage: ready\nreplicas: 0\nname: ''\nlist: [1, '2', {}]\nnested: {a: 1, b: {c: 2}}\n",
    "kit/values.schema.json": '{"type": "object", "properties": {"size": {"type": "integer"}}}',
    "kit/crds/gear.yaml": """apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: gears.flags.example.com}
spec:
  group: flags.example.com
  scope: Namespaced
  names: {kind: Gear, plural: gears, singular: gear, listKind: GearList}
  versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}]
""",
    "kit/templates/NOTES.txt": "size {{ .Values.size }}, revision {{ .Release.Revision }}\n",
    "kit/templates/all.yaml": """apiVersion: v1
kind: ConfigMap
metadata: {name: all}
data:
  values: {{ omit .Values "global" "sub" | toJson | quote }}
  {{- if .Values.extra }}
  extra: "1"
  {{- end }}
---
apiVersion: v1
kind: Secret
metadata: {name: hidden}
stringData: {k: {{ .Values.size | quote }}}
{{- if .Values.extra }}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: extra}
{{- end }}
{{- if .Values.wrong }}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: wrong}
datas: {a: b}
{{- end }}
{{- if .Values.refused }}
---
apiVersion: v1
kind: Service
metadata: {name: refused}
spec: {ports: [{port: 0}]}
{{- end }}
{{- if .Values.web }}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: {{ .Values.replicas }}
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}, annotations: {sandbox.helmctl.dev/behavior: {{ .Values.image }}}}
    spec: {containers: [{name: app, image: 'example/app:1'}]}
{{- end }}
{{- if .Values.job }}
---
apiVersion: batch/v1
kind: Job
metadata: {name: job}
spec:
  backoffLimit: 0
  template:
    metadata: {annotations: {sandbox.helmctl.dev/behavior: {{ .Values.job }}}}
    spec: {restartPolicy: Never, containers: [{name: app, image: 'example/app:1'}]}
{{- end }}
""",
    "kit/templates/hooks.yaml": "".join(f"""---
apiVersion: v1
kind: ConfigMap
metadata:
  name: {event}
  annotations: {{helm.sh/hook: {event}, helm.sh/hook-weight: "1"{policy}}}
""" for event, policy in (("pre-install", ""), ("post-install", ", helm.sh/hook-delete-policy: hook-succeeded"), ("pre-upgrade", ""),
                          ("post-upgrade", ""), ("pre-rollback", ""), ("post-rollback", ""), ("pre-delete", ""), ("post-delete", ""))) + """---
{{- range $n := list "one" "two" }}
---
apiVersion: v1
kind: Pod
metadata:
  name: {{ $n }}
  annotations: {helm.sh/hook: test, sandbox.helmctl.dev/behavior: {{ if eq $n (toString $.Values.broken) }}fail{{ else }}complete{{ end }}}
spec: {restartPolicy: Never, containers: [{name: app, image: 'example/app:1'}]}
{{- end }}
""",
    "kit/charts/sub/Chart.yaml": "apiVersion: v2\nname: sub\nversion: 0.1.0\n",
    "kit/charts/sub/templates/NOTES.txt": "of the sub-chart\n",
    "text": "two\nlines\n",
    "more.yaml": "size: 5\nnested: {b: {d: x}}\n",
    "dep/Chart.yaml": "apiVersion: v2\nname: dep\nversion: 0.1.0\ndependencies: [{name: sub, version: 0.1.0, repository: 'file://../kit/charts/sub'}]\n",
    **{f"deps{n}/{path}": text for n in (1, 2) for path, text in {
        "Chart.yaml": """apiVersion: v2
name: deps
version: 0.1.0
dependencies:
- {name: sub, version: 0.1.0, repository: '', alias: other, import-values: [data, {child: nested, parent: up}]}
- {name: sub, version: 0.1.x, tags: [back]}
- {name: opt, version: '>0', repository: 'https://charts.example.com', condition: opt.enabled}
""",
        "values.yaml": "opt: {enabled: false, a: 1}\nother: {mine: 1, taken: null}\nglobal: {g: 1}\nimported: false\n",
        "templates/a.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: all}\ndata: {values: {{ toJson .Values | quote }}}\n",
        "charts/sub/Chart.yaml": "apiVersion: v2\nname: sub\nversion: 0.1.0\n",
        "charts/sub/values.yaml": f"own: {n}\ntaken: 1\nnothing: null\nnested: {{x: 1, z: [1]}}\nexports: {{data: {{imported: true, more: {n}}}}}\n",
        "charts/sub/templates/b.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: {{ .Chart.Name }}}\ndata: {values: {{ toJson .Values | quote }}}\n",
        "charts/opt/Chart.yaml": "apiVersion: v2\nname: opt\nversion: 0.1.0\n",
        "charts/opt/values.yaml": "b: 2\n",
    }.items()},
    "dep/templates/a.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n",
}

I, U, R, D, T = ["install", "x", "kit"], ["upgrade", "x", "kit"], ["rollback", "x"], ["uninstall", "x"], ["test", "x"]
FOREIGN = ("POST", "api/v1", "configmaps", {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "all"}, "data": {"mine": "1"}})
# Somebody else takes a field by server-side apply, as kubectl does.
TAKEN = ("PATCH", "api/v1", "configmaps/all?fieldManager=somebody&force=true",
         {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "all"}, "data": {"values": "taken"}})
SIZE = ["--set", "size=2"]
CASES = {
    # install
    "description": [I + ["--description", "mine"]],
    "description-too-long": [I + ["--description", "x" * 513]],
    "disable-openapi-validation": [I + ["--set", "wrong=true", "--disable-openapi-validation"]],
    "openapi-validation": [I + ["--set", "wrong=true"]],
    "dry-run": [I + ["--dry-run"]],
    "dry-run-client": [I + ["--dry-run=client"]],
    "dry-run-server": [I + ["--dry-run=server"]],
    "dry-run-none": [I + ["--dry-run=none"]],
    "dry-run-of-a-name-in-use": [I, I + ["--dry-run=server"], I + ["--dry-run=client"]],
    "dry-run-beside-foreign": [FOREIGN, I + ["--dry-run=client"], I + ["--dry-run=server"]],
    "dry-run-bogus": [I + ["--dry-run=bogus"]],
    "dry-run-hide-secret": [I + ["--dry-run=client", "--hide-secret"]],
    "hide-secret-alone": [I + ["--hide-secret"]],
    "install-server-side-false": [I + ["--server-side=false"], U + SIZE],
    "install-server-side-bogus": [I + ["--server-side=bogus"]],
    "install-force-conflicts": [I + ["--force-conflicts"]],
    "install-force-conflicts-by-client": [I + ["--force-conflicts", "--server-side=false", "--skip-crds"]],
    "install-force-replace": [I + ["--force-replace"]],
    "generate-name": [["install", "kit", "--generate-name"]],
    "name-template": [["install", "kit", "--generate-name", "--name-template", "n-{{ add 1 2 }}"]],
    "name-and-generate-name": [I + ["--generate-name"]],
    "hide-notes": [I + ["--hide-notes"]],
    "labels": [I + ["--labels", "team=a,tier=b"], U + ["--labels", "team=null,new=c"]],
    "labels-of-the-system": [I + ["--labels", "owner=me"]],
    "labels-bogus": [I + ["--labels", "team"]],
    "no-hooks": [I + ["--no-hooks"], U + ["--no-hooks"] + SIZE, R + ["--no-hooks"], D + ["--no-hooks"]],
    "output-json": [I + ["-o", "json"], U + ["-o", "json"] + SIZE],
    "output-yaml": [I + ["-o", "yaml"], U + ["--output", "yaml"] + SIZE],
    "output-bogus": [I + ["-o", "bogus"]],
    "render-subchart-notes": [I + ["--render-subchart-notes"], U + ["--render-subchart-notes"]],
    "replace": [I, D + ["--keep-history"], I, I + ["--replace"]],
    "replace-failed": [I + ["--set", "refused=true"], I, I + ["--replace"]],
    "replace-deployed": [I, I + ["--replace"]],
    "skip-crds": [I + ["--skip-crds"]],
    "schema": [I + ["--set", "size=big"]],
    "skip-schema-validation": [I + ["--set", "size=big", "--skip-schema-validation"], U + ["--set", "size=huge", "--skip-schema-validation"]],
    "not-owned": [FOREIGN, I],
    "take-ownership": [FOREIGN, I + ["--take-ownership"]],
    "take-ownership-forced": [FOREIGN, I + ["--take-ownership", "--force-conflicts"]],
    "set": [I + ["--set", "nested.b.c=null,list[1]=x,list[3].a=1,new.key=yes", "--set", "size=7"]],
    "set-string": [I + ["--set-string", "nested.a=8,new=true", "--set-string", "list[0]=1"]],
    "set-json": [I + ["--set-json", 'nested={"z":[1,null,1.5]}', "--set-json", '{"new":{"a":"b"}}']],
    "set-literal": [I + ["--set-literal", "new=a,b={c}"]],
    "set-file": [I + ["--set-file", "new=text"]],
    "set-file-missing": [I + ["--set-file", "new=nowhere"]],
    "values": [I + ["-f", "more.yaml", "--values", "more.yaml", "--set", "size=9"]],
    "values-missing": [I + ["-f", "nowhere.yaml"]],
    "set-all-kinds": [I + ["--set-json", "nested.a=3", "--set", "nested.a=4", "-f", "more.yaml", "--set-string", "nested.a=5", "--set-literal", "nested.a=6"]],
    "labels-with-a-comma": [I + ["--labels", "a=b,c=d", "--dry-run=client"], I + ["-l", "a=b", "-l", "c=d,e=f"]],
    "timeout-zero": [I + ["--wait", "--timeout", "0s"]],
    "timeout-negative": [I + ["--no-hooks", "--timeout", "-1s"]],
    "history-max-negative": [I, U + ["--history-max", "-1"], U + ["--history-max", "-1"]],
    "timeout-bogus": [I + ["--timeout", "soon"]],
    "version-of-a-folder": [I + ["--version", "9.9.9"]],
    "devel": [I + ["--devel"]],
    "dependency-missing": [["install", "x", "dep"]],
    "dependency-update": [["install", "x", "dep", "--dependency-update"]],
    "dependencies": [["install", "x", "deps1", "--set", "other.given=1"], ["upgrade", "x", "deps2", "--set", "other.given=2"]],
    "dependencies-reuse-values": [["install", "x", "deps1", "--set", "other.given=1"], ["upgrade", "x", "deps2", "--reuse-values"]],
    "dependencies-reset-then-reuse-values": [["install", "x", "deps1", "--set", "other.given=1"], ["upgrade", "x", "deps2", "--reset-then-reuse-values"]],
    "dependencies-enabled": [["install", "x", "deps1", "--set", "opt.enabled=true,tags.back=false"], ["rollback", "x", "1"]],
    "create-namespace-there": [I + ["--create-namespace"]],
    "wait": [I + ["--wait", "--set", "web=1,replicas=1"]],
    "wait-watcher": [I + ["--wait=watcher", "--set", "web=1,replicas=1"]],
    "wait-legacy": [I + ["--wait=legacy", "--set", "web=1,replicas=1"]],
    "wait-hook-only": [I + ["--wait=hookOnly", "--set", "web=1,replicas=1,image=hang"]],
    "wait-bogus": [I + ["--wait=bogus"]],
    "wait-for-jobs": [I + ["--wait", "--wait-for-jobs", "--set", "job=complete"]],
    "wait-for-jobs-alone": [I + ["--wait-for-jobs", "--set", "job=complete"]],
    "rollback-on-failure": [I + ["--rollback-on-failure", "--set", "refused=true"]],
    "refused": [I + ["--set", "refused=true"]],
    # upgrade
    "upgrade-install": [U + ["--install"], U + ["-i"] + SIZE],
    "upgrade-install-after-uninstall": [I, D + ["--keep-history"], U + ["--install"]],
    "upgrade-install-create-namespace": [U + ["--install", "--create-namespace"]],
    "upgrade-not-installed": [U],
    "upgrade-dry-run-client": [I, U + SIZE + ["--dry-run=client"]],
    "upgrade-dry-run-server": [I, U + SIZE + ["--dry-run=server"]],
    "upgrade-description": [I, U + ["--description", "second"]],
    "upgrade-hide-notes": [I, U + ["--hide-notes"]],
    "reset-values": [I + ["--set", "new=1"], U + ["--reset-values", "--set", "other=2"]],
    "reuse-values": [I + ["--set", "new=1"], U + ["--reuse-values", "--set", "other=2"]],
    "reset-then-reuse-values": [I + ["--set", "new=1,size=3"], U + ["--reset-then-reuse-values", "--set", "other=2"]],
    "reuse-and-reset-values": [I + ["--set", "new=1"], U + ["--reuse-values", "--reset-values"]],
    "history-max": [I, U, U, U, U + ["--history-max", "2"]],
    "history-max-none": [I, U + ["--history-max", "0"]],
    "cleanup-on-fail": [I + ["--set", "extra=false"], U + ["--set", "extra=true,refused=true", "--cleanup-on-fail"]],
    "upgrade-refused": [I + ["--set", "extra=false"], U + ["--set", "extra=true,refused=true"]],
    "upgrade-rollback-on-failure": [I, U + ["--set", "refused=true,size=4", "--rollback-on-failure"]],
    "conflict": [I, TAKEN, U + SIZE],
    "force-conflicts": [I, TAKEN, U + SIZE + ["--force-conflicts"]],
    "force-conflicts-by-client": [I, U + ["--force-conflicts", "--server-side=false"]],
    "force-replace": [I + ["--server-side=false"], U + SIZE + ["--force-replace"]],
    "force-replace-by-server": [I, U + ["--force-replace"]],
    "server-side-true": [I + ["--server-side=false"], U + SIZE + ["--server-side=true"]],
    "server-side-false": [I, U + SIZE + ["--server-side=false"]],
    "server-side-auto": [I + ["--server-side=false"], U + SIZE + ["--server-side=auto"]],
    "upgrade-take-ownership": [I + ["--set", "extra=false"], ("POST", "api/v1", "configmaps", {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "extra"}}),
                               U, U + ["--take-ownership"]],
    "upgrade-wait": [I, U + ["--wait", "--set", "web=1,replicas=1"]],
    "upgrade-wait-for-jobs": [I, U + ["--wait", "--wait-for-jobs", "--set", "job=complete"]],
    "upgrade-skip-crds": [U + ["--install", "--skip-crds"]],
    "upgrade-nothing": [I, U, U],
    "upgrade-after-a-change-by-hand": [I, ("PATCH", "api/v1", "configmaps/all?fieldManager=kubectl-edit", {"data": {"by": "hand"}}), U],
    "upgrade-after-a-field-was-taken": [I, TAKEN, U],
    # rollback
    "rollback": [I, U + SIZE, R, ["rollback", "x", "2"]],
    "rollback-to-nothing": [I, R, ["rollback", "x", "7"]],
    "rollback-dry-run": [I, U + SIZE, R + ["--dry-run"]],
    "rollback-dry-run-server": [I, U + SIZE, R + ["--dry-run=server"]],
    "rollback-history-max": [I, U, U, R + ["--history-max", "2"]],
    "rollback-server-side-false": [I, U + SIZE, R + ["--server-side=false"]],
    "rollback-server-side-true": [I + ["--server-side=false"], U + SIZE, R + ["--server-side=true"]],
    "rollback-force-replace": [I + ["--server-side=false"], U + SIZE, R + ["--force-replace"]],
    "rollback-force-conflicts": [I, U + SIZE, TAKEN, R + ["--force-conflicts"]],
    "rollback-conflict": [I, U + SIZE, TAKEN, R],
    "rollback-cleanup-on-fail": [I, U + ["--set", "extra=false"], R + ["--cleanup-on-fail"]],
    "rollback-wait": [I + ["--set", "web=1,replicas=1"], U + ["--set", "web=1,replicas=0"], R + ["--wait"]],
    "rollback-wait-for-jobs": [I, U + SIZE, R + ["--wait", "--wait-for-jobs"]],
    "rollback-description": [I, U + SIZE, R + ["--description", "back"]],
    # uninstall
    "uninstall": [I, D],
    "uninstall-dry-run": [I, D + ["--dry-run"]],
    "uninstall-description": [I, D + ["--keep-history", "--description", "over"]],
    "uninstall-keep-history": [I, U + SIZE, D + ["--keep-history"], D + ["--keep-history"], D],
    "uninstall-ignore-not-found": [D, D + ["--ignore-not-found"]],
    "uninstall-several": [I, ["install", "y", "dep", "--dependency-update"], ["uninstall", "x", "y", "z"]],
    "cascade-background": [I + ["--set", "web=1,replicas=1", "--wait"], D + ["--cascade", "background", "--wait"]],
    "cascade-foreground": [I + ["--set", "web=1,replicas=1", "--wait"], D + ["--cascade", "foreground", "--wait"]],
    "cascade-orphan": [I + ["--set", "web=1,replicas=1", "--wait"], D + ["--cascade", "orphan"]],
    "cascade-bogus": [I, D + ["--cascade", "bogus"]],
    "uninstall-wait": [I, D + ["--wait", "--timeout", "30s"]],
    # test
    "test": [I, T],
    "test-filter": [I, T + ["--filter", "name=one"]],
    "test-filter-not": [I, T + ["--filter", "!name=one"]],
    "test-fails": [I + ["--set", "broken=one"], T],
    "test-logs": [I, T + ["--logs"]],
    "test-timeout": [I, T + ["--timeout", "20s"]],
    # Not test --hide-notes: Helm 3 has it, and so have we, Helm 4 has not.
}


# We refuse before anything is written what Helm begins and fails at: what is left behind differs.
REFUSED_EARLIER = ("force-conflicts-by-client", "force-replace-by-server")


def notes_in_order(text):
    """Helm goes through the notes of charts as a Go map has them: in any order."""
    return re.sub(r"(size \d, revision \d)((?:\\n|\n){2})(of the sub-chart)", r"\3\2\1", text)


class Server:
    def __init__(self, d):
        self.address = next(l.split("=", 1)[1].strip() for l in open(f"{d}/env") if l.startswith("HC_APISERVER=")).split("//")[1]
        self.tls = ssl.create_default_context(cafile=f"{d}/pki/ca.crt")
        self.tls.load_cert_chain(f"{d}/pki/admin.crt", f"{d}/pki/admin.key")

    def ask(self, method, path, body=None):
        c = http.client.HTTPSConnection(self.address, context=self.tls)
        kind = "application/json" if method != "PATCH" else "application/apply-patch+yaml" if "force=" in path else "application/merge-patch+json"
        c.request(method, "/" + path, json.dumps(body) if body else None, {"Content-Type": kind})
        r = c.getresponse()
        return r.status, json.loads(r.read() or "{}")

    def must(self, *what):
        code, answer = self.ask(*what)
        if code >= 300:
            sys.exit(f"{what[0]} {what[1]}: {code} {answer.get('message')}")
        return answer


def without(v):
    if isinstance(v, dict):
        out = {k: without(x) for k, x in v.items() if k not in NEVER_ALIKE}
        if out.get("annotations") == {}:
            del out["annotations"]
        return out
    return [without(x) for x in v] if isinstance(v, list) else v


def dump(server, ns):
    out = []
    for kind in KINDS:
        api, plural = kind.rsplit("/", 1)
        for o in server.must("GET", f"{api}/namespaces/{ns}/{plural}").get("items", []):
            m = o["metadata"]
            if m["name"] == "kube-root-ca.crt" or m["name"] == "default":
                continue
            if m.get("ownerReferences"):
                m = o["metadata"] = {"name": m.get("generateName", "")}  # made by a controller: there, and no more
                o = {"metadata": m}
            else:
                m["managedFields"] = sorted((f for f in m.get("managedFields", []) if not f.get("subresource") and not f["manager"].startswith("kube")),
                                            key=lambda f: json.dumps(without(f), sort_keys=True))
            o["kind"] = plural
            status = m.get("labels", {}).get("status")
            o = without(o)
            if status:
                o["metadata"]["labels"]["status"] = status
            if m["name"].startswith("sh.helm"):
                record = json.loads(gzip.decompress(base64.b64decode(base64.b64decode(o["data"]["release"]))))
                status = record.get("info", {}).get("status")
                o["data"]["release"] = without(record)
                o["data"]["release"]["status"] = status
            out.append(o)
    text = json.dumps(sorted(out, key=lambda o: (o.get("kind", ""), o["metadata"]["name"])), indent=1, sort_keys=True)
    return printed(text, ns)


def printed(text, ns):
    text = text.replace(ns, "NS")
    lines = [l for l in text.split("\n") if not re.match(r"level=|[IWE]\d{4} [\d:.]+ +\d+ \w+\.go:", l)]
    text = "\n".join(lines)
    for what, by in ((r"[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d 20\d\d", "WHEN"), (r"20\d\d-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:\d\d)", "WHEN"),
                     (r"kit-\d{10}", "kit-NUMBER"), (r',?"(schema)?modtime": ?"[^"]*"', ""), (r" *(schema)?modtime: .*\n", ""),
                     # We say which object of which file; Helm which verb.
                     (r"(failed to create resource: )?(server-side apply failed for object|conflict occurred while applying object|failed to create resource:?|apply|create) (\w+ )?NS/\w+(:| /\w+, Kind=\w+:)( \d+( \w+)?:)?", "REFUSED:"),
                     (r" \((kit/templates|crds)/[^)]*\)(; [^\"\n]*)?", ""), (r": the last revision was (not )?applied by the server; --server-side=\w+ \w+ that", ""),
                     (r"kube-api-access-[a-z0-9]{5}", "kube-api-access-NAME"),
                     # What the server says of a log that cannot be had; we go on with the others.
                     (r"read log of Pod NS/\w+: 500: (Get \"[^\"?]*)\?limitBytes=\d+", r"\1"), (r"\nunable to get logs for pod two.*", ""),
                     # Of a test that failed we name the container, Helm the status.
                     (r"(resource Pod/NS/(\w+) not ready. status: Failed, message: pod \2 failed|"
                      r"hook kit/templates/hooks.yaml: Pod NS/(\w+): container app of pod \3 ended: exit code 1 \(Error\))", "THE TEST FAILED"),
                     ("release has no revision before this one", "release has no 0 version")):
        text = re.sub(what, by, text)
    return text


def main():
    d, ours, helm, *names = sys.argv[1:]
    if names == ["-l"]:
        print("\n".join(CASES))
        return 0
    server, failed, n = Server(d), 0, 0
    work = f"{d}/flags"
    for tool in ("four", "ours"):
        for path, text in FILES.items():
            path = f"{work}/{tool}/{path}"
            os.makedirs(os.path.dirname(path), exist_ok=True)
            open(path, "w").write(text)
    for name in names or CASES:
        n += 1
        got = {}
        for tool, program in (("four", helm), ("ours", ours)):
            ns, said = f"{tool}-{name}", []
            server.must("POST", "api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": ns}})
            while server.ask("GET", f"api/v1/namespaces/{ns}/serviceaccounts/default")[0] != 200:
                time.sleep(0.02)
            for step in CASES[name]:
                if isinstance(step, tuple):
                    method, api, rest, body = step
                    server.must(method, f"{api}/namespaces/{ns}/{rest}", body)
                    continue
                p = subprocess.run([program, "-n", ns, *step], cwd=f"{work}/{tool}", stdin=subprocess.DEVNULL, capture_output=True, text=True)
                said.append("$ " + " ".join(step) + "\n" + printed(p.stdout, ns) + "\n" + printed(p.stderr, ns) + f"exit {p.returncode}\n")
            if name.endswith("skip-crds") or name.startswith("dry-run"):
                said.append(f"definition: {server.ask('GET', 'apis/apiextensions.k8s.io/v1/customresourcedefinitions/gears.flags.example.com')[0]}\n")
            got[tool] = notes_in_order("".join(said)), notes_in_order(dump(server, ns))
            server.ask("DELETE", f"api/v1/namespaces/{ns}")
            definition = "apis/apiextensions.k8s.io/v1/customresourcedefinitions/gears.flags.example.com"
            server.ask("DELETE", definition)
            while server.ask("GET", definition)[0] != 404:
                time.sleep(0.02)
        good = True
        for what, a, b in zip(("output", "cluster"), got["four"], got["ours"]):
            if a != b and (what == "output" or name not in REFUSED_EARLIER):
                good = False
                failed += 1
                open(f"{work}/a", "w").write(a)
                open(f"{work}/b", "w").write(b)
                print(f"FAIL {name}: {what}")
                print(subprocess.run(["diff", "-U2", f"{work}/a", f"{work}/b"], capture_output=True, text=True).stdout[:3000])
        if good:
            print(f"ok   {name}")
        sys.stdout.flush()
    print(f"{n} cases of flags, {failed} differ")
    return 1 if failed else 0


sys.exit(main())
