"""SIGKILL behind every single API write, on the real API server; see real.sh."""
import base64, collections, difflib, functools, gzip, http.client, http.server, io, json, os, re, signal, socket, ssl, subprocess, sys, tarfile, threading, time, traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import front as fronts

plane, helmctl, work, *words = sys.argv[1:]
helmctl = os.path.abspath(helmctl)
server = open(plane + "/env").read().strip().split("//", 1)[1]
token = open(plane + "/pki/tokens.csv").read().split(",")[0]
tls = ssl.create_default_context(cafile=plane + "/pki/ca.crt")
PATIENCE = float(os.environ.get("HC_CRASH_PATIENCE", "90"))  # seconds until an act that is not at its end is stuck
STILL = PATIENCE / 2  # seconds without a change after which nothing will come any more
REST = 1.2  # seconds without a change until the undisturbed act is at rest
RESTARTS = 3
EVERY = int(os.environ.get("HC_CRASH_EVERY", "1"))
TAG = os.environ.get("HC_CRASH_TAG", "")  # behind the names of namespaces, for a control plane that serves several runs
print_lock = threading.Lock()

# ---- the chart -------------------------------------------------------------------------------------------------------

EVENTS = ["pre-install", "post-install", "pre-upgrade", "post-upgrade", "pre-rollback", "post-rollback", "pre-delete", "post-delete"]
DEFINITION = """apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.NS.example.com}
spec:
  group: NS.example.com
  scope: Namespaced
  names: {kind: Widget, plural: widgets, singular: widget, listKind: WidgetList}
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
"""
OBJECTS = """apiVersion: v1
kind: ConfigMap
metadata: {name: {{ .Release.Name }}-settings}
data: {step: {{ .Values.step | quote }}, revision: {{ .Release.Revision | quote }}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: {{ .Release.Name }}-of-{{ .Values.step }}}
---
apiVersion: v1
kind: Secret
metadata: {name: {{ .Release.Name }}-password}
stringData: {step: {{ .Values.step | quote }}}
---
apiVersion: v1
kind: Service
metadata: {name: {{ .Release.Name }}}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: {{ if eq .Values.step "two" }}8080{{ else }}80{{ end }}}]}
{{- if .Values.defines }}
---
apiVersion: {{ .Release.Namespace }}.example.com/v1
kind: Widget
metadata: {name: {{ .Release.Name }}}
spec: {step: {{ .Values.step | quote }}}
{{- end }}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: {{ .Release.Name }}}
spec:
  progressDeadlineSeconds: {{ if contains "broken" .Values.step }}1{{ else }}600{{ end }}
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {terminationGracePeriodSeconds: 0, containers: [{name: app, image: "example/app:{{ .Values.step }}"}]}
"""
# At each event a Job that is swept when it is done; one that fails stays. At two of them an object that is made anew each time.
HOOKS = "".join(f"""---
apiVersion: batch/v1
kind: Job
metadata:
  name: {{{{ .Release.Name }}}}-{e}
  annotations: {{helm.sh/hook: {e}, helm.sh/hook-delete-policy: "before-hook-creation,hook-succeeded"}}
spec:
  backoffLimit: 0
  template:
    {{{{- if eq .Values.fails "{e}" }}}}
    metadata: {{annotations: {{sandbox.helmctl.dev/behavior: fail}}}}
    {{{{- end }}}}
    spec: {{restartPolicy: Never, terminationGracePeriodSeconds: 0, containers: [{{name: c, image: "example/job:1"}}]}}
""" for e in EVENTS) + """---
apiVersion: v1
kind: ConfigMap
metadata: {name: {{ .Release.Name }}-note, annotations: {helm.sh/hook: "pre-install,post-upgrade", helm.sh/hook-weight: "1"}}
---
apiVersion: v1
kind: Pod
metadata: {name: {{ .Release.Name }}-test, annotations: {helm.sh/hook: test}}
spec: {restartPolicy: Never, terminationGracePeriodSeconds: 0, containers: [{name: c, image: "example/test:1"}]}
"""


def files_of(ns, defines):
    """A definition costs the control plane more than all the rest of a story: only where it is installed in one of the acts."""
    files = {"Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\n", "values.yaml": f'step: one\nfails: ""\ndefines: {json.dumps(defines)}\n',
             "templates/all.yaml": OBJECTS, "templates/hooks.yaml": HOOKS}
    return files | ({"crds/widgets.yaml": DEFINITION.replace("NS", ns)} if defines else {})


# ---- the server, asked without a front ---------------------------------------------------------------------------------

local = threading.local()


def call(method, path, body=None, kind="application/json", missing=None):
    for again in range(20, -1, -1):
        if not hasattr(local, "server"):
            local.server = http.client.HTTPSConnection(server, context=tls, timeout=60)
        try:
            local.server.request(method, path, body and json.dumps(body), {"Authorization": "Bearer " + token, "Content-Type": kind})
            answer = local.server.getresponse()
            text = answer.read()
            if answer.status != 429 or not again:  # a definition's storage begins
                break
            time.sleep(0.2)
        except (http.client.HTTPException, OSError):
            local.server.close()
            if not again:
                raise
    if answer.status == 404 and missing is not None:
        return missing
    if answer.status >= 300:
        raise RuntimeError(f"{method} {path}: {answer.status} {text[:300]!r}")
    return json.loads(text)


KINDS = ["api/v1/%/configmaps", "api/v1/%/secrets", "api/v1/%/services", "api/v1/%/pods", "apis/apps/v1/%/deployments", "apis/apps/v1/%/replicasets",
         "apis/batch/v1/%/jobs"]
FLUX = ["apis/helm.toolkit.fluxcd.io/v2/%/helmreleases", "apis/source.toolkit.fluxcd.io/v1/%/helmrepositories", "apis/source.toolkit.fluxcd.io/v1/%/helmcharts"]
TIMES = {"uid", "resourceVersion", "creationTimestamp", "deletionTimestamp", "time", "lastTransitionTime", "lastUpdateTime", "lastProbeTime", "startTime",
         "completionTime", "startedAt", "finishedAt", "first_deployed", "last_deployed", "deleted", "firstDeployed", "lastDeployed", "started_at",
         "completed_at", "modifiedAt", "podIP", "podIPs", "clusterIP", "clusterIPs", "maker", "hookUid", "lastStarted", "lastCompleted", "since",
         "digest", "size", "force", "lastAttemptedReleaseActionDuration"}  # digest and size are of a chart that names the namespace, force of an uid
CLUSTER = {"kube-controller-manager", "kube-scheduler", "kwok"}


def plain(v):
    """Without what is of one moment or of chance, and without the fields that the cluster's own controllers hold."""
    if isinstance(v, list):
        return [plain(x) for x in v]
    if not isinstance(v, dict):
        return v
    out = {k: plain(x) for k, x in v.items() if k not in TIMES}
    if "managedFields" in out:
        out["managedFields"] = [m for m in out["managedFields"] if not m.get("subresource") and m["manager"] not in CLUSTER]
    for k in ("managedFields", "conditions"):
        if isinstance(out.get(k), list):
            out[k].sort(key=lambda m: json.dumps(m, sort_keys=True))
    return out


def record_of(secret):
    return json.loads(gzip.decompress(base64.b64decode(base64.b64decode(secret["data"]["release"]))))


def dump(ns, flux, defines):
    """Everything of a namespace that must be the same, and its records; two texts."""
    objects, records = [], []
    paths = ["/" + k.replace("%", "namespaces/" + ns) for k in KINDS + (FLUX if flux else [])]
    if defines:
        paths.append(f"/apis/{ns}.example.com/v1/namespaces/{ns}/widgets")
    for path in paths:
        for o in call("GET", path, missing={"items": []})["items"]:
            m = o["metadata"]
            if m["name"] == "kube-root-ca.crt":
                continue
            if o.get("type") == "helm.sh/release.v1":
                o["data"] = record_of(o)
                o["data"].pop("chart")
                note = (m.get("annotations") or {}).get("release.helmctl.dev/progress")
                records.append({"revision": int(m["labels"]["version"]), "record": o["data"], "labels": m["labels"], "progress": note and json.loads(note)})
                continue
            objects.append({"kind": path.rsplit("/", 1)[1], **o})
    definition = defines and call("GET", f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.{ns}.example.com", missing={})
    if definition:
        objects.append({"kind": "definition", **definition})
    return tuple(as_text(ns, l, key) for l, key in ((objects, lambda o: (o["kind"], o["metadata"]["name"])), (records, lambda r: r["revision"])))


def statuses_of(dump):
    return " ".join(r["labels"]["status"] for r in json.loads(dump[1]))


def as_text(ns, l, key):
    l = sorted((plain(x) for x in l), key=lambda x: (key(x), json.dumps(x, sort_keys=True)))
    text = json.dumps(l, indent=1, sort_keys=True).replace(ns, "NS")
    text = re.sub(r"127\.0\.0\.1:\d+", "HERE", text)
    text = re.sub(r"kube-api-access-[a-z0-9]{5}|10\.\d+\.\d+\.\d+", "RANDOM", text)
    text = re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "UUID", text)
    return re.sub(r"\b(web(?:-(?:pre|post)-[a-z]+|-[0-9a-f]{7,10}))-[bcdfghjklmnpqrstvwxz2456789]{5}\b", r"\1-RANDOM", text)


# ---- a story -----------------------------------------------------------------------------------------------------------


class Stuck(Exception):
    pass


DEFINING = ("good", "releases")
BEFORE = "before"  # an act in which nobody is killed
FORCE = "force"  # not a value: the token of reconcile.fluxcd.io/forceAt


class Story:
    """Acts in a namespace of its own; in each of them the client is killed behind write n, and ends as in peace."""

    flux = False

    def __init__(self, tale, mode, n, peace):
        self.tale, self.mode, self.n, self.peace, self.acts, self.kills = tale, mode, n, peace, {}, {}
        self.name = f"{type(self).__name__.lower()} {tale} {mode} {n}" if peace else f"{type(self).__name__.lower()} {tale}"
        self.ns = self.name.replace(" ", "-") + ("" if peace else "-peace") + TAG
        self.dir = f"{work}/{self.ns}"
        os.makedirs(self.dir + "/home")
        self.front = fronts.Front(server, tls, token)
        with open(self.dir + "/kubeconfig", "w") as f:
            json.dump({"apiVersion": "v1", "kind": "Config", "current-context": "c", "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u", "namespace": self.ns}}],
                       "users": [{"name": "u", "user": {"token": self.front.key}}], "clusters": [{"name": "c", "cluster": {"server": self.front.url}}]}, f)
        self.env = {k: v for k, v in os.environ.items() if not k.startswith("HELM_")} | {"KUBECONFIG": self.dir + "/kubeconfig", "HOME": self.dir + "/home"}
        self.files = files_of(self.ns, self.tale in DEFINING)
        for name, text in self.files.items():
            os.makedirs(os.path.dirname(f"{self.dir}/web/{name}"), exist_ok=True)
            with open(f"{self.dir}/web/{name}", "w") as f:
                f.write(text)
        call("POST", "/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.ns}})
        self.process = None

    def start(self, *args):
        log = open(self.dir + "/log", "ab")
        self.process = self.front.client(helmctl, *args, env=self.env, cwd=self.dir, stdout=log, stderr=log)
        log.close()

    def dump(self):
        return dump(self.ns, self.flux, self.tale in DEFINING)

    def said(self):
        with open(self.dir + "/log") as f:
            return "\n    " + f.read()[-1500:].replace("\n", "\n    ")

    def settles(self, want, statuses=None):
        """Waits until all is as in peace; in the undisturbed story until the records are in these and nothing changes. Gives
        what there is."""
        until, last, since = time.monotonic() + PATIENCE, None, time.monotonic()
        while True:
            self.keep()
            now = self.dump()
            if now == want:
                return now
            if now != last:
                last, since = now, time.monotonic()
            if want is None and time.monotonic() - since >= REST and statuses_of(now) == statuses and self.at_end():
                return now
            if time.monotonic() >= until or want and time.monotonic() - since > STILL:
                return now
            time.sleep(0.4)

    def at_end(self):
        return True

    def keep(self):
        pass

    def run(self):
        try:
            for name, act, statuses in self.tales[self.tale]:
                if self.peace and all(self.n > a["writes"] for k, a in list(self.peace.acts.items())[len(self.acts):] if k != BEFORE):
                    break  # nobody is killed any more
                self.acts[name] = self.one(name, act, statuses)
        finally:
            self.end()

    def one(self, name, act, statuses):
        want = self.peace and self.peace.acts[name]
        began = time.monotonic()
        self.front.begin(0 if name == BEFORE else self.n, self.mode)
        code = self.play(act, want)
        now = self.settles(want and want["dump"], statuses)
        got = {"dump": now, "code": code, "writes": self.front.writes, "created": {k.replace(self.ns, "NS"): len(v) for k, v in self.front.created.items()}, "log": list(self.front.log),
               "took": time.monotonic() - began}
        if self.front.killed:
            self.kills[name] = self.front.killed
        if want:
            self.compare(name, want, got)
        elif not got["writes"] or statuses_of(now) != statuses:
            raise Stuck(f"{self.name}, {name}: the undisturbed story did not come to '{statuses}', exit code {code}\n" + "\n".join(got["log"]) + self.said())
        return got

    def compare(self, name, want, got):
        told = []
        for what, a, b in (("objects", want["dump"][0], got["dump"][0]), ("records", want["dump"][1], got["dump"][1])):
            if a != b:
                told += [f"{what} differ:"] + list(difflib.unified_diff(a.split("\n"), b.split("\n"), "undisturbed", "killed", n=4, lineterm=""))[:80]
        if got["code"] not in (None, want["code"]):
            told.append(f"exit code {got['code']} instead of {want['code']}")
        for k in sorted({*want["created"], *got["created"]}):
            if want["created"].get(k, 0) != got["created"].get(k, 0) and not k.startswith("events/"):
                told.append(f"{k}: made {got['created'].get(k, 0)} times instead of {want['created'].get(k, 0)}")
        if told:
            raise Stuck(f"{self.name}, {name}, killed behind {self.front.killed}\n    " + "\n    ".join(told + ["writes:"] + [l.replace(self.ns, "NS") for l in got["log"]]))

    def end(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.front.close()
        if self.tale in DEFINING:
            call("DELETE", f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.{self.ns}.example.com", missing={})


class Command(Story):
    """The command line: the same command is given again, unless all was done when it was killed."""

    wait = ["--wait", "--timeout", "60s"]
    broken = [*wait, "--rollback-on-failure", "--set"]
    install = (0, ["install", "web", "./web", *wait])
    tales = {
        "good": [
            ("install", install, "deployed"),
            ("test", (0, ["test", "web"]), "deployed"),
            ("upgrade", (0, ["upgrade", "web", "./web", *wait, "--set", "step=two"]), "superseded deployed"),
            ("rollback", (0, ["rollback", "web", "1", *wait]), "superseded superseded deployed"),
            ("uninstall", (0, ["uninstall", "web", *wait]), ""),
        ],
        "failing": [
            (BEFORE, install, "deployed"),
            ("upgrade fails, is rolled back", (1, ["upgrade", "web", "./web", *broken, "step=broken"]), "superseded failed deployed"),
            ("hook fails, is rolled back", (1, ["upgrade", "web", "./web", *broken, "step=three,fails=post-upgrade"]),
             "superseded failed superseded failed deployed"),
        ],
        "failing-install": [("install fails, is uninstalled", (1, ["install", "web", "./web", *broken, "fails=post-install"]), "")],
    }

    def play(self, act, want):
        expected, args = act
        for _ in range(1 + RESTARTS):
            self.start(*args)
            try:
                code = self.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                raise Stuck(f"{self.name}: {' '.join(args)} does not end; killed behind {self.front.killed}")
            self.front.drop()
            if code != -9:
                if not want and code != expected:
                    raise Stuck(f"{self.name}: {' '.join(args)}: exit {code}" + self.said())
                return code
            if self.dump()[1] == want["dump"][1] and self.settles(want["dump"]) == want["dump"]:
                return None  # all was done: to ask again would be another wish
        raise Stuck(f"{self.name}: killed {1 + RESTARTS} times")


class Controller(Story):
    """The controller, which is started again as a kubelet would; a HelmRelease is written and deleted behind its back."""

    flux = True
    failing = {"retries": 0, "remediateLastFailure": True}
    tales = {  # five revisions are kept
        "releases": [
            ("install and test", {"step": "one"}, "deployed"),
            ("upgrade and test", {"step": "two"}, "superseded deployed"),
            ("upgrade fails, is rolled back", {"step": "broken"}, "superseded superseded failed deployed"),
            ("hook fails, is rolled back", {"step": "three", "fails": "post-upgrade"}, "superseded failed superseded failed deployed"),
            ("upgrade behind a failed one", {"step": "four", "fails": ""}, "failed superseded failed superseded deployed"),
            ("uninstall", None, ""),
        ],
        "failing-releases": [
            ("install fails, is uninstalled", {"fails": "post-install"}, ""),
            ("install behind a failed one", {"step": "two", "fails": ""}, "deployed"),
        ],
        "forced": [
            (BEFORE, {"step": "one"}, "deployed"),
            ("forced upgrade", {FORCE: "first"}, "superseded deployed"),
            ("forced upgrade fails, is rolled back", {FORCE: "second", "fails": "post-upgrade"}, "superseded superseded failed deployed"),
        ],
        "forced-install": [
            (BEFORE, {"fails": "post-install"}, ""),
            ("forced install fails, is uninstalled", {FORCE: "first"}, ""),
        ],
    }

    def __init__(self, *args):
        super().__init__(*args)
        self.began = False
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w:gz") as tar:
            for name, text in self.files.items():
                entry = tarfile.TarInfo("web/" + name)
                entry.size = len(text)
                tar.addfile(entry, io.BytesIO(text.encode()))
        os.makedirs(self.dir + "/www")
        with open(self.dir + "/www/web-1.0.0.tgz", "wb") as f:
            f.write(archive.getvalue())
        with open(self.dir + "/www/index.yaml", "w") as f:
            f.write("apiVersion: v1\nentries: {web: [{apiVersion: v2, name: web, version: 1.0.0, urls: [web-1.0.0.tgz]}]}\n")

    def controller(self):
        self.start("controller", "--watch-all-namespaces=false", "--runtime-namespace", self.ns, "--storage-path", self.dir + "/storage",
                   "--storage-addr", f"127.0.0.1:{self.port}", "--metrics-addr", "0", "--health-addr", "0", "--min-retry-delay", "200ms")

    def play(self, act, _want):
        path = f"/apis/helm.toolkit.fluxcd.io/v2/namespaces/{self.ns}/helmreleases/web"
        if not self.process:
            self.controller()
        if act is None:
            call("DELETE", path)
            return None
        if self.began:
            token = act.get(FORCE)
            notes = {f"reconcile.fluxcd.io/{k}": token for k in ("requestedAt", "forceAt") if token}
            values = {k: v for k, v in act.items() if k != FORCE}
            call("PATCH", path, {"metadata": {"annotations": notes}, "spec": {"values": values}}, "application/merge-patch+json")
            return None
        self.began = True
        meta = lambda name: {"name": name, "namespace": self.ns}
        call("POST", f"/apis/source.toolkit.fluxcd.io/v1/namespaces/{self.ns}/helmrepositories",
             {"apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "HelmRepository", "metadata": meta("charts"),
              "spec": {"interval": "1h", "url": f"{repository}/{self.ns}/www"}})
        call("POST", path.rsplit("/", 1)[0],
             {"apiVersion": "helm.toolkit.fluxcd.io/v2", "kind": "HelmRelease", "metadata": meta("web"),
              "spec": {"interval": "1h", "timeout": "60s", "values": act, "test": {"enable": True},
                       "chart": {"spec": {"chart": "web", "sourceRef": {"kind": "HelmRepository", "name": "charts"}}},
                       "install": {"remediation": self.failing}, "upgrade": {"remediation": self.failing}}})

    def keep(self):
        """As a kubelet does."""
        code = self.process.poll()
        if code is None:
            return
        self.front.drop()
        if code != -9:
            raise Stuck(f"{self.name}: the controller ended by itself: {code}" + self.said())
        self.controller()

    def at_end(self):
        r = call("GET", f"/apis/helm.toolkit.fluxcd.io/v2/namespaces/{self.ns}/helmreleases/web", missing={})
        asked = r.get("metadata", {}).get("annotations", {}).get("reconcile.fluxcd.io/forceAt")
        if asked and asked != r.get("status", {}).get("lastHandledForceAt"):
            return False
        status = r.get("status", {})
        at = {c["type"]: c["status"] for c in status.get("conditions", [])}
        return not r or status.get("observedGeneration") == r["metadata"]["generation"] and at.get("Ready") in ("True", "False") and at.get("Reconciling") != "True"


# ---- the run -----------------------------------------------------------------------------------------------------------


def say(text):
    with print_lock:
        print(text, flush=True)


def serve_charts():
    """A chart repository in each story's folder."""
    global repository

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    charts = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=work))
    repository = f"http://127.0.0.1:{charts.server_port}"
    threading.Thread(target=charts.serve_forever, daemon=True).start()


def undisturbed(kind, tale):
    peace = kind(tale, fronts.MODES[0], 0, None)
    peace.run()
    for name, a in peace.acts.items():
        if name != BEFORE:
            made = ", ".join(sorted(k for k in a["created"] if k.split("/")[0] in ("jobs", "pods")))
            say(f"{kind.__name__.lower():10} {name:30} {a['writes']:3} writes, {a['took']:4.1f} s; hooks made: {made}")
    return peace


def chosen(all_of, words):
    """Those of all_of that are among the words; all, when none is."""
    return [x for x in all_of if x in words] or list(all_of)


def spread(numbers):
    """Every eighth, then those between: a run that is cut short has looked everywhere."""
    return sorted(numbers, key=lambda n: ("04261537".index(str(n % 8)), n))


def main():
    kinds = {"command": Command, "controller": Controller}
    modes = chosen(fronts.MODES, words)
    tales = [(kind, tale) for name, kind in kinds.items() for tale in kind.tales if name in chosen(kinds, words)]
    tales = [t for t in tales if t[1] in words] or tales
    began, failed, kills, told, lock, jobs = time.monotonic(), [], collections.Counter(), [], threading.Lock(), []
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    signal.signal(signal.SIGINT, lambda *_: stop.set())

    def side_by_side(items, do):
        left = iter(items)

        def worker():
            while not stop.is_set():
                with lock:
                    item = next(left, None)
                if item is None:
                    return
                try:
                    do(*item)
                except Exception as e:
                    with lock:
                        failed.append(" ".join(str(x) for x in item[1:4]))
                    say(f"FAILED {e}" if isinstance(e, Stuck) else "FAILED " + traceback.format_exc())

        threads = [threading.Thread(target=worker) for _ in range(int(os.environ.get("JOBS", "3")))]
        for t in threads:
            t.start()
        for t in threads:
            while t.is_alive():
                t.join(1)  # a signal is heard in between

    def first(kind, tale):
        peace = undisturbed(kind, tale)
        most = max(a["writes"] for name, a in peace.acts.items() if name != BEFORE)
        with lock:
            for n in [int(n) for n in os.environ.get("HC_CRASH_AT", "").split()] or range(0, most + 1, EVERY):
                jobs.extend((kind, tale, mode, n, peace) for mode in (modes if n else modes[:1]) if n <= most)

    def then(kind, tale, mode, n, peace):
        story = kind(tale, mode, n, peace)
        try:
            story.run()
        finally:
            with lock:
                told.append(story.name)
                for name in story.kills:
                    kills[kind.__name__.lower(), name, mode] += 1

    if any(kind is Controller for kind, _ in tales):
        serve_charts()
    side_by_side(tales, first)
    if not failed:
        order = spread({j[3] for j in jobs})
        side_by_side(sorted(jobs, key=lambda j: order.index(j[3])), then)
    for (kind, name, mode), n in sorted(kills.items()):
        say(f"{kind:10} {name:30} {n:3} kills, {mode}")
    say(f"{len(told)} of {len(jobs)} stories, {sum(kills.values())} kills, {len(failed)} ended otherwise{': ' if failed else ''}"
        f"{', '.join(failed)}; {time.monotonic() - began:.0f} s")
    return bool(failed) or not kills


if __name__ == "__main__":
    sys.exit(main())
