#!/usr/bin/env python3
"""corpus.py DIR HELMCTL HELM CHARTS [CHART...]: nothing that the real Helm does is refused beforehand. See ../corpus.sh.

Each chart is a story of revisions: its defaults, then each overlay of CHARTS/values (those that Helm must refuse, invalid-*, left
out). helmctl plans each, and installs or upgrades with --preflight. A chart of whose revisions one was refused, or failed
behind the preflight, is told by Helm as well, from the beginning, in a namespace of its own; HC_CORPUS_ALL=1: every chart.
Hooks are planned but not run (HC_CORPUS_HOOKS=1: run), nothing waits. Between two stories what is left of one in the whole
cluster is deleted: webhooks, API services, definitions.
"""
import glob
import http.client
import json
import os
import re
import ssl
import subprocess
import sys
import time

where, helmctl, helm, charts = sys.argv[1:5]  # DIR of control-plane.sh
wanted = sys.argv[5:]
token = open(f"{where}/pki/tokens.csv").read().split(",")[0]
server = open(f"{where}/env").read().strip().split("//")[1]
tls = ssl.create_default_context(cafile=f"{where}/pki/ca.crt")
hooks = [] if os.environ.get("HC_CORPUS_HOOKS") else ["--no-hooks"]
quick = bool(os.environ.get("HC_CORPUS_QUICK"))
everything = bool(os.environ.get("HC_CORPUS_ALL"))
DOES_NOT_RENDER = re.compile(r"execution error at|template: |values don't meet the specifications|kubeVersion|failed to parse|YAML parse error|"
                             r"parse error|error converting|missing in charts/|unable to parse YAML|executing \".*\" at <")


def run(*argv, seconds=300):
    """Exit code and all that was said."""
    p = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=seconds)
    return p.returncode, p.stdout.decode(errors="replace")


def api(verb, path, body=None):
    """What the server answers; {} when it says no."""
    connection = http.client.HTTPSConnection(server, context=tls, timeout=60)
    connection.request(verb, path, json.dumps(body) if body else None,
                       {"Authorization": f"Bearer {token}",
                        "Content-Type": "application/merge-patch+json" if verb == "PATCH" else "application/json"})
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    return json.loads(text) if answer.status < 300 else {}


def namespace(ns):
    api("POST", "/api/v1/namespaces", {"metadata": {"name": ns}})


# What overlays switch on and other charts bring: definitions that take any field.
STANDINS = {
    "monitoring.coreos.com/v1": "ServiceMonitor PodMonitor PrometheusRule Prometheus Alertmanager", "monitoring.coreos.com/v1alpha1": "ScrapeConfig",
    "cert-manager.io/v1": "Certificate Issuer ClusterIssuer", "gateway.networking.k8s.io/v1": "HTTPRoute Gateway GRPCRoute",
    "autoscaling.k8s.io/v1": "VerticalPodAutoscaler", "keda.sh/v1alpha1": "ScaledObject TriggerAuthentication",
    "route.openshift.io/v1": "Route", "security.openshift.io/v1": "SecurityContextConstraints", "cloud.google.com/v1beta1": "BackendConfig",
    "networking.gke.io/v1": "ManagedCertificate", "cilium.io/v2": "CiliumNetworkPolicy", "grafana.integreatly.org/v1beta1": "GrafanaDashboard",
    "postgresql.cnpg.io/v1": "Cluster Database ImageCatalog Pooler ScheduledBackup", "external-secrets.io/v1": "ClusterSecretStore",
    "ceph.rook.io/v1": "CephBlockPool CephCluster CephFilesystem CephObjectStore CephFilesystemSubVolumeGroup",
}
OF_THE_CLUSTER = "ClusterIssuer", "ClusterSecretStore", "SecurityContextConstraints"
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


def stand_in(brings):
    """Those whose definition the chart does not bring itself; and the namespaces that overlays name."""
    for ns in "monitoring", "a", "b", "istio-system", "jobs", "kafka", "streams", "pki":
        namespace(ns)
    for version, kinds in STANDINS.items():
        group, v = version.split("/")
        for kind in kinds.split():
            plural = kind.lower() + ("es" if kind.endswith("s") else "s")
            if f"{plural}.{group}" in brings:
                api("DELETE", f"{DEFINITIONS}/{plural}.{group}")
                while api("GET", f"{DEFINITIONS}/{plural}.{group}"):  # else it is there, and somebody else's
                    time.sleep(0.1)
                continue
            api("POST", DEFINITIONS, {
                "metadata": {"name": f"{plural}.{group}", "labels": {"stand-in": "yes"},
                             "annotations": {"api-approved.kubernetes.io": "unapproved, a stand-in"}},
                "spec": {"group": group, "scope": "Cluster" if kind in OF_THE_CLUSTER else "Namespaced",
                         "names": {"kind": kind, "plural": plural, "singular": kind.lower(), "listKind": kind + "List"},
                         "versions": [{"name": v, "served": True, "storage": True, "schema": {"openAPIV3Schema": {
                             "type": "object", "x-kubernetes-preserve-unknown-fields": True}}}]}})


def brought(archive):
    """The names of the definitions that a chart and its sub-charts bring."""
    import io
    import tarfile
    names = set()

    def walk(data):
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:*") as tar:
            for m in tar:
                body = tar.extractfile(m).read() if m.isfile() else b""
                if m.name.endswith(".tgz"):
                    walk(body)
                elif b"CustomResourceDefinition" in body:
                    names.update(re.findall(r"^\s*name: ([a-z.0-9-]+)", body.decode(errors="replace"), re.M))
    walk(open(archive, "rb").read())
    return names


def last(said):
    lines = [line for line in said.strip().split("\n") if line]
    errors = [line for line in lines if line.startswith("Error")]
    return (errors or lines or [""])[-1][:700]


def revisions(name):
    """The defaults, and each overlay: name and flags."""
    yield "defaults", []
    for path in sorted(glob.glob(f"{charts}/values/{name}/*.yaml")):
        word = os.path.basename(path)[:-5]
        if not word.startswith("invalid-"):
            yield word, ["-f", path]


# What revisions that failed leave beside the release's namespace: an uninstall knows of the newest manifest only.
LEFT = ("/apis/rbac.authorization.k8s.io/v1/", "clusterroles clusterrolebindings roles rolebindings"), ("/api/v1/", "serviceaccounts configmaps secrets services"), \
    ("/apis/scheduling.k8s.io/v1/", "priorityclasses"), ("/apis/storage.k8s.io/v1/", "storageclasses"), ("/apis/networking.k8s.io/v1/", "ingressclasses")


def sweep(ns):
    for group, kinds in LEFT:
        for kind in kinds.split():
            for o in api("GET", f"{group}{kind}?labelSelector=app.kubernetes.io%2Fmanaged-by%3DHelm").get("items", []):
                m = o["metadata"]
                if m.get("annotations", {}).get("meta.helm.sh/release-namespace") == ns and m.get("namespace") != ns:
                    api("DELETE", group + (f"namespaces/{m['namespace']}/" if m.get("namespace") else "") + f"{kind}/{m['name']}")
    for o in api("GET", LEFT[0][0] + "clusterroles").get("items", []):  # the cluster makes one that gathers others anew, out of its cache
        if o["metadata"]["name"].startswith("corpus-"):
            api("DELETE", LEFT[0][0] + "clusterroles/" + o["metadata"]["name"])
    admission = "/apis/admissionregistration.k8s.io/v1/"
    for kind in "validatingwebhookconfigurations", "mutatingwebhookconfigurations", "validatingadmissionpolicies", "validatingadmissionpolicybindings":
        api("DELETE", admission + kind)
    for o in api("GET", "/apis/apiregistration.k8s.io/v1/apiservices").get("items", []):
        if o["spec"].get("service"):
            api("DELETE", "/apis/apiregistration.k8s.io/v1/apiservices/" + o["metadata"]["name"])
    api("DELETE", DEFINITIONS + "?labelSelector=stand-in!%3Dyes")
    api("DELETE", "/api/v1/namespaces/" + ns)
    began = time.time()
    while left := [o for o in api("GET", DEFINITIONS).get("items", []) if o["metadata"].get("deletionTimestamp")]:
        # Their objects go with the namespace; a busy server takes minutes to see that they are gone.
        for o in left if time.time() > began + 3 else ():
            api("PATCH", f"{DEFINITIONS}/{o['metadata']['name']}", {"metadata": {"finalizers": []}})
        time.sleep(0.3)


def ours(archive, ns, story):
    """What became of each revision: ok, render, refused, failed; and the words."""
    out, there = [], False
    for word, flags in story:
        # That data goes is what a plan warns of, and what --preflight lets pass, since Helm does it.
        planned, plan = (0, "") if quick else run(helmctl, "plan", "corpus", archive, "-n", ns, "--allow-data-loss", *flags)
        verb = ["upgrade" if there else "install", "corpus", archive, "-n", ns, "--preflight", *hooks, *flags]
        code, said = run(helmctl, *verb)
        if code == 0:
            out.append(("ok" if planned in (0, 2) else "plan", plan if planned not in (0, 2) else ""))
            there = True
            continue
        was = len(api("GET", f"/api/v1/namespaces/{ns}/secrets?labelSelector=owner%3Dhelm").get("items", []))
        begun = was > sum(what in ("ok", "plan", "failed") for what, _ in out)
        there = there or begun
        foretold = "refused before anything was written" in said
        what = "failed" if begun else "render" if DOES_NOT_RENDER.search(said) and not foretold else "refused"
        if planned in (0, 2) and what == "refused" and not quick:
            what += ", planned"
        out.append((what, said))
    run(helmctl, "uninstall", "corpus", "-n", ns, *hooks)
    return out


def theirs(archive, ns, story):
    out, there = [], False
    for word, flags in story:
        verb = ["upgrade" if there else "install", "corpus", archive, "-n", ns, *hooks, *flags]
        code, said = run(helm, *verb)
        there = there or bool(api("GET", f"/api/v1/namespaces/{ns}/secrets?labelSelector=owner%3Dhelm&limit=1").get("items"))
        out.append(("ok" if code == 0 else "failed", said))
    run(helm, "uninstall", "corpus", "-n", ns, *hooks)
    return out


def told(words, what):
    """The end of what was said; of a refusal its problems."""
    text = words.strip()
    if what.startswith("refused") or what == "plan":
        at = [m.start() for m in re.finditer(r"^\s*[x✗!]|^problem|refused", text, re.M)]
        text = text[at[0]:] if at else text[-1500:]
        return "\n        ".join(text.split("\n")[:12])[:1800]
    return last(words)


def main():
    stories, counts, false, unsaid = [], {}, [], []
    for archive in sorted(glob.glob(f"{charts}/*.tgz"), key=os.path.getsize):
        name = re.sub(r"-v?[0-9][^/]*\.tgz$", "", os.path.basename(archive))
        if wanted and name not in wanted:
            continue
        story, ns = list(revisions(name)), f"c-{name}"[:40]
        namespace(ns)
        stand_in(brought(archive))
        said = ours(archive, ns, story)
        sweep(ns)
        for (word, _), (what, words) in zip(story, said):
            counts[what] = counts.get(what, 0) + 1
            print(f"{name:30} {word:20} {what}", flush=True)
            if what != "ok":
                print("        " + told(words, what), flush=True)
        if everything or any(what not in ("ok", "render") for what, _ in said):
            stories.append((name, archive, ns + "-h", story, said))
    print("revisions: " + ", ".join(f"{k} {v}" for k, v in sorted(counts.items())), flush=True)
    for name, archive, ns, story, said in stories:
        namespace(ns)
        stand_in(brought(archive))
        helms = theirs(archive, ns, story)
        sweep(ns)
        for (word, _), (what, _), (theirs_is, words) in zip(story, said, helms):
            print(f"{name:30} {word:20} {what}; Helm: {theirs_is}", flush=True)
            if theirs_is == "ok" and what != "ok":
                false.append(f"{name} {word}: {what}")
            if theirs_is != "ok":
                print("        " + last(words), flush=True)
                if what in ("ok", "failed"):
                    unsaid.append(f"{name} {word}: {what}")
    print(f"refused, and Helm does it: {len(false)}" + "".join(f"\n  {x}" for x in false))
    print(f"Helm fails, and nothing was said beforehand: {len(unsaid)}" + "".join(f"\n  {x}" for x in unsaid))
    return 1 if false or unsaid or not counts else 0


sys.exit(main())
