#!/usr/bin/env python3
"""Three tools take turns at one release: helmctl, the real Helm 4 and the real Helm 3. A sequence is made of random installs,
upgrades, rollbacks, tests and uninstalls, some of which fail; who does the next step is random, too. Beside it a second
release goes the same way by Helm 4 alone.

After each step: the step succeeds or fails as in the other release; helmctl, Helm 4 and Helm 3 read the same list, history,
status, values, manifest and hooks; and they are those of the other release, as are the objects in the cluster. At the
end the same of every revision that is left.

  sequences.py DIR HELMCTL HELM4_MANY HELM3 [FIRST [COUNT]]    DIR: of control-plane.sh; FIRST: the first seed, 1
      JOBS=2      sequences at once
      VERBOSE=1   each step
"""
import base64, json, os, random, re, shutil, ssl, subprocess, sys, threading, urllib.request

plane, helmctl, many, helm3 = sys.argv[1:5]
first, count = int((sys.argv + ["1"])[5] if len(sys.argv) > 5 else 1), int(sys.argv[6]) if len(sys.argv) > 6 else 3
verbose = bool(os.environ.get("VERBOSE"))
api = open(plane + "/env").read().strip().split("=", 1)[1]
token = open(plane + "/pki/tokens.csv").read().split(",")[0]
tls = ssl.create_default_context(cafile=plane + "/pki/ca.crt")
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=tls))
lock = threading.Lock()
failed, steps_done, by_tool = [], 0, {}

chart = plane + "/sequence-chart"
shutil.rmtree(chart, ignore_errors=True)
os.makedirs(chart + "/templates")
open(chart + "/Chart.yaml", "w").write("apiVersion: v2\nname: turns\nversion: 1.0.0\nappVersion: '7'\n")
open(chart + "/values.yaml", "w").write("size: 1\nextra: true\nrefused: false\nhook: ok\nmap: {a: 1, b: [x, 2]}\n")
open(chart + "/templates/NOTES.txt", "w").write("size {{ .Values.size }} of {{ .Release.Name }}\n")
open(chart + "/templates/all.yaml", "w").write("""apiVersion: v1
kind: ConfigMap
metadata: {name: {{ .Release.Name }}-a, labels: {size: "{{ .Values.size }}"}}
data: {size: {{ .Values.size | quote }}, map: {{ .Values.map | toJson | quote }}}
---
apiVersion: v1
kind: Secret
metadata: {name: {{ .Release.Name }}-s}
stringData: {size: {{ .Values.size | quote }}}
---
apiVersion: v1
kind: Service
metadata: {name: {{ .Release.Name }}}
spec: {selector: {app: x}, ports: [{name: http, port: 80, targetPort: {{ add 8000 .Values.size }}}]}
{{- if .Values.extra }}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: {{ .Release.Name }}-extra}
data: {revision: {{ .Release.Revision | quote }}}
{{- end }}
{{- if .Values.refused }}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: Refused_By_The_Server}
{{- end }}
""")
# Hooks are Leases: for each of them Helm parses the schema of its group, and that of the core group costs half of a step.
events = ["pre-install", "post-install", "pre-upgrade", "post-upgrade", "pre-rollback", "post-rollback", "pre-delete", "post-delete", "test"]
with open(chart + "/templates/hooks.yaml", "w") as f:
    for i, event in enumerate(events):
        policy = ["hook-succeeded", "before-hook-creation", "before-hook-creation,hook-succeeded"][i % 3]
        f.write(f"""---
apiVersion: coordination.k8s.io/v1
kind: Lease
metadata:
  name: {{{{ .Release.Name }}}}-{event}
  annotations: {{helm.sh/hook: {event}, helm.sh/hook-delete-policy: "{policy}"}}
spec: {{holderIdentity: {{{{ .Values.size | quote }}}}}}
""")
    f.write("""{{- if eq .Values.hook "bad" }}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: Refused_Hook, annotations: {helm.sh/hook: "pre-install,post-upgrade,pre-rollback", helm.sh/hook-weight: "-3"}}
{{- end }}
""")


def call(method, path, body=None):
    req = urllib.request.Request(api + path, method=method, data=body and json.dumps(body).encode(),
                                 headers={"Authorization": "Bearer " + token, "Content-Type": "application/json"})
    with opener.open(req, timeout=60) as r:
        return json.load(r)


def differences(path, a, b):
    if isinstance(a, dict) and isinstance(b, dict):
        for k in sorted({*a, *b}):
            yield from differences(f"{path}.{k}", a.get(k), b.get(k))
    elif isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)) and len(a) == len(b):
        for i, (x, y) in enumerate(zip(a, b)):
            yield from differences(f"{path}[{i}]", x, y)
    elif a != b:
        yield path, a, b


class Turns:
    """One sequence."""

    def __init__(self, seed, four):
        self.seed, self.four, self.rng, self.log, self.comparable, self.parted = seed, four, random.Random(seed), [], True, False
        self.mixed, self.alone = f"mixed-{seed}-{os.getpid()}", f"alone-{seed}-{os.getpid()}"
        for ns in (self.mixed, self.alone):
            call("POST", "/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": ns}})
        self.env = dict(os.environ, HELM_DRIVER="secret")

    def run(self, tool, ns, *args):
        args = ["-n", ns, *args]
        if tool != "helmctl" and args[2] in ("install", "upgrade"):
            args.append("--disable-openapi-validation")  # costs more than all the rest, and all that is sent is valid to it
        if tool == "helm4":
            self.four.stdin.write(json.dumps({"args": args, "dir": plane}) + "\n")
            self.four.stdin.flush()
            r = json.loads(self.four.stdout.readline())
            return r["rc"], base64.b64decode(r["out"]).decode(), base64.b64decode(r["err"]).decode()
        p = subprocess.run([helmctl if tool == "helmctl" else helm3, *args], capture_output=True, text=True, env=self.env, cwd=plane)
        return p.returncode, p.stdout, p.stderr

    def bad(self, what, detail):
        raise AssertionError(f"seed {self.seed}: {what}\n  " + "\n  ".join(self.log) + f"\n{detail}")

    # ---- what a tool reads ----

    @staticmethod
    def said(text):
        return text[: text.index("failed") + 6] if "failed" in text else text

    def release(self, tool, ns, revision=None):
        rc, out, err = self.run(tool, ns, "status", "r", "-o", "json", *(["--revision", str(revision)] if revision else []))
        if rc:
            return "not found" if "not found" in err else err
        s = json.loads(out)
        hooks = sorted((h["name"], h["kind"], h["path"], h["manifest"], tuple(h["events"]), h.get("weight", 0),
                        tuple(h.get("delete_policies") or []), (h.get("last_run") or {}).get("phase") or "")
                       for h in s.get("hooks") or [])
        i = s["info"]
        return {"revision": s["version"], "status": i["status"], "description": self.said(i.get("description", "")),
                "notes": i.get("notes"), "values": s.get("config") or {}, "manifest": s["manifest"], "hooks": hooks,
                "namespace": s["namespace"]}

    def reads(self, tool, ns):
        rc, out, err = self.run(tool, ns, "history", "r", "-o", "json")
        history = err if rc and "not found" not in err else "not found" if rc else [
            [h["revision"], h["status"], h["chart"], h["app_version"], self.said(h["description"])] for h in json.loads(out)]
        rc, out, err = self.run(tool, ns, "list", "-o", "json", *(["--all"] if tool == "helm3" else []))
        table = err if rc else [[e["name"], str(e["revision"]), e["status"], e["chart"], e["app_version"]] for e in json.loads(out)]
        return {"history": history, "list": table, "release": self.release(tool, ns)}

    @staticmethod
    def objects(ns):
        out = {}
        for group, kind in (("api/v1", "configmaps"), ("api/v1", "secrets"), ("api/v1", "services"), ("apis/coordination.k8s.io/v1", "leases")):
            for o in call("GET", f"/{group}/namespaces/{ns}/{kind}")["items"]:
                m = o["metadata"]
                if m["name"] == "kube-root-ca.crt" or o.get("type") == "helm.sh/release.v1":
                    continue
                spec = o.get("spec") or {}
                out[kind + "/" + m["name"]] = {"labels": m.get("labels"), "annotations": m.get("annotations"), "data": o.get("data"),
                                               "ports": spec.get("ports"), "holder": spec.get("holderIdentity")}
        return out

    def same(self, what, a, b, alone=False):
        """With alone: of two releases; Helm 3 leaves out blank lines that Helm 4 keeps."""
        if alone:
            a, b = (json.loads(re.sub(r"(\\n)+(?=\\n|\")", "", json.dumps(x).replace(self.mixed, "NS").replace(self.alone, "NS"))) for x in (a, b))
        found = list(differences("", a, b))
        if found:
            self.bad(what, "\n".join(f"  {k}\n    {x!r}\n    {y!r}" for k, x, y in found)[:4000])

    # ---- a step ----

    def choose(self, seen):
        r, there = self.rng, seen["release"] != "not found"
        revisions = [h[0] for h in seen["history"]] if there else []
        deployed = there and seen["release"]["status"] != "uninstalled"
        verb = r.choices(["install", "upgrade", "both", "rollback", "test", "uninstall"],
                         [1, 10, 3, 6, 3, 2] if deployed else [3, 1, 3, 2, 1, 1] if there else [8, 1, 3, 1, 1, 1])[0]
        if verb in ("install", "upgrade", "both"):
            args = [{"both": "upgrade"}.get(verb, verb), "r", chart] + (["--install"] if verb == "both" else [])
            sets = [f"size={r.randint(1, 4)}", f"extra={r.choice(['true', 'false'])}"]
            if r.random() < 0.15:
                sets.append("refused=true")
            elif r.random() < 0.1:
                sets.append("hook=bad")
            if r.random() < 0.3:
                sets.append("map.a=null,map.c={1,z}")
            args += ["--set", ",".join(sets)] if r.random() < 0.9 else []
            if verb != "install" and r.random() < 0.4:
                args.append(r.choice(["--reuse-values", "--reset-values", "--reset-then-reuse-values"]))
            if verb == "install" and there and r.random() < 0.7:
                args.append("--replace")
            if r.random() < 0.15:
                args.append("--no-hooks")
            if verb != "install" and r.random() < 0.2:
                args += ["--history-max", "3"]
            if r.random() < 0.2:
                args += ["--description", f"step {r.randint(1, 99)}"]
            return args
        if verb == "rollback":
            to = r.choice([None, *revisions, *revisions, 77])
            return ["rollback", "r"] + ([str(to)] if to else []) + (["--no-hooks"] if r.random() < 0.15 else [])
        if verb == "test":
            return ["test", "r"]
        return ["uninstall", "r"] + (["--keep-history"] if r.random() < 0.6 else []) + (["--no-hooks"] if r.random() < 0.15 else [])

    @staticmethod
    def is_conflict(err):
        return 'conflict with "helm"' in err and "Apply failed with" in err

    def step(self, seen):
        global steps_done
        args, tool = self.choose(seen), self.rng.choice(["helmctl", "helmctl", "helm4", "helm3"])
        self.log.append(f"{tool:8}" + " ".join(args).replace(chart, "CHART"))
        rc, out, err = self.run(tool, self.mixed, *args)
        want, four_out, four_err = self.run("helm4", self.alone, *args)
        self.log[-1] += f"   -> {rc}"
        pending = seen["release"] != "not found" and seen["release"]["status"].startswith("pending-")
        if pending and tool == "helmctl" and args[0] == "test" and rc and "operation is in progress" in err:
            self.parted = True  # Helm tests what is half done
            return seen
        if rc and not want and self.is_conflict(err) and (tool == "helm4" or self.is_conflict(self.run("helm4", self.mixed, *args)[2])):
            self.parted = True  # Helm 3 wrote here by the client, Helm 4 alone did not; the real Helm 4 is refused here as well
            return seen
        if (rc == 0) != (want == 0):
            self.bad("the step ends otherwise", f"  {rc}: {out[-300:]}{err[-600:]}\n  Helm 4 alone, {want}: {four_err[-600:]}")
        us, four, three = (self.reads(t, self.mixed) for t in ("helmctl", "helm4", "helm3"))
        self.same("helmctl and Helm 4 read differently", us, four)
        self.same("helmctl and Helm 3 read differently", us, three)
        alone = self.reads("helm4", self.alone)
        # Helm leaves a rollback whose hook failed pending, for somebody's hand: helmctl says what it is, and of what Helm left so
        # by a rollback, too. They part here.
        was_pending = pending and args[0] == "rollback"
        is_pending = alone["release"] != "not found" and alone["release"]["status"].startswith("pending-")
        untouched = pending and rc and want and us["history"] == seen["history"] == alone["history"]  # refused by both
        if tool == "helmctl" and not untouched and (rc and is_pending or was_pending and us["history"] != alone["history"]):
            if us["release"]["status"] != ("failed" if rc else alone["release"]["status"]) or us["release"]["revision"] != alone["release"]["revision"]:
                self.bad("Helm is stuck, helmctl neither failed nor at the same revision", f"{us['release']}")
            self.parted = True
            return us
        self.same("the release differs from the one of Helm 4 alone", us, alone, True)
        if rc and "refused=true" in " ".join(args) or rc and args[0] == "rollback":
            self.comparable = False  # behind a refused object Helm sends the later ones, too, and may leave them for good
        if rc == 0 and self.comparable:
            self.same("the objects differ from those of Helm 4 alone", self.objects(self.mixed), self.objects(self.alone), True)
        with lock:
            steps_done += 1
            by_tool[tool + " " + args[0]] = by_tool.get(tool + " " + args[0], 0) + 1
        return us

    def all(self):
        seen = self.reads("helmctl", self.mixed)
        for _ in range(self.rng.randint(4, 9)):
            seen = self.step(seen)
            if self.parted:
                return
        for h in seen["history"] if seen["history"] != "not found" else []:
            us, four, three = (self.release(t, self.mixed, h[0]) for t in ("helmctl", "helm4", "helm3"))
            self.same(f"helmctl and Helm 4 read revision {h[0]} differently", us, four)
            self.same(f"helmctl and Helm 3 read revision {h[0]} differently", us, three)
            self.same(f"revision {h[0]} differs from Helm 4's", us, self.release("helm4", self.alone, h[0]), True)


seeds = iter(range(first, first + count))


def worker():
    while True:
        with lock:
            seed = next(seeds, None)
        if seed is None:
            break
        # One for each sequence: a command runs the initializers of all the commands before it in its process again.
        four = subprocess.Popen([many], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        t = None
        try:
            t = Turns(seed, four)
            t.all()
        except Exception as e:
            with lock:
                failed.append(seed)
                print(f"FAIL {e}" if isinstance(e, AssertionError) else f"FAIL seed {seed}: {e!r}", flush=True)
        if verbose and t:
            with lock:
                print(f"seed {seed}\n  " + "\n  ".join(t.log), flush=True)
        for ns in (t.mixed, t.alone) if t else ():
            call("DELETE", "/api/v1/namespaces/" + ns)
        four.stdin.close()
        four.wait()


threads = [threading.Thread(target=worker) for _ in range(int(os.environ.get("JOBS", "2")))]
for t in threads:
    t.start()
for t in threads:
    t.join()
print(f"{count} sequences of {steps_done} steps, {len(failed)} failed" + (f": {failed}" if failed else ""))
print("  " + ", ".join(f"{k} {n}" for k, n in sorted(by_tool.items())))
sys.exit(1 if failed else 0)
