#!/usr/bin/env python3
"""two.py DIR HELMCTL WORK CHARTS [WRITE...]: the stories of ../two.sh. DIR is of control-plane.sh, with its audit log.

A story: a HelmRelease is installed, then its values change. Behind the nth write of the upgrade, as the audit log tells them,
the leader is stopped. Told undisturbed first; each other story must come to the same end: records without gaps and with the same
statuses, objects, history in the status. And: no write of the one that was stopped (object, hook, record, status) comes to the server
after it was continued, so that the writes of the two do not interleave; each hook was made once.
"""
import base64
import http.client
import json
import os
import re
import signal
import ssl
import subprocess
import sys
import time

where, helmctl, work, charts = sys.argv[1:5]
wanted = [int(n) for n in sys.argv[5:]]
token = open(f"{where}/pki/tokens.csv").read().split(",")[0]
server = open(f"{where}/env").read().strip().split("//")[1]
tls = ssl.create_default_context(cafile=f"{where}/pki/ca.crt")
KINDS = ("/api/v1/{}/configmaps", "/apis/apps/v1/{}/deployments", "/apis/batch/v1/{}/jobs")
LEASE = ("--leader-election-lease-duration", "6s", "--leader-election-renew-deadline", "4s", "--leader-election-retry-period", "500ms")


def api(verb, path, body=None, kind="application/json"):
    connection = http.client.HTTPSConnection(server, context=tls, timeout=60)
    connection.request(verb, path, json.dumps(body) if body is not None else None,
                       {"Authorization": f"Bearer {token}", "Content-Type": kind})
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    if answer.status >= 300 and answer.status != 404:
        raise RuntimeError(f"{verb} {path}: {answer.status} {text[:300]}")
    return json.loads(text) if answer.status < 300 else None


class Controller:
    """One of the two: a user of its own, so that the audit log tells what it wrote."""
    def __init__(self, name):
        self.name, self.user = name, f"controller-{name}"
        text = open(f"{where}/kubeconfig").read()
        self.config = f"{work}/{name}.kubeconfig"
        api("POST", "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", {
            "metadata": {"name": self.user}, "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
            "subjects": [{"kind": "ServiceAccount", "name": self.user, "namespace": "default"}]})
        api("POST", "/api/v1/namespaces/default/serviceaccounts", {"metadata": {"name": self.user}})
        own = api("POST", f"/api/v1/namespaces/default/serviceaccounts/{self.user}/token", {"spec": {"expirationSeconds": 7200}})
        open(self.config, "w").write(text.replace(token, own["status"]["token"]))
        self.user = f"system:serviceaccount:default:{self.user}"
        self.process = None
        self.start()

    def start(self):
        self.log = open(f"{work}/{self.name}.log", "a")
        self.process = subprocess.Popen([helmctl, "controller", "--controllers", "helm", "--runtime-namespace", "default", "--enable-leader-election", *LEASE,
                                         "--storage-path", f"{work}/{self.name}", "--storage-addr", "0", "--metrics-addr", "0", "--health-addr", "0"],
                                        env={**os.environ, "KUBECONFIG": self.config, "HELM_KUBECONTEXT": ""}, stdout=self.log, stderr=self.log)

    def signal(self, which):
        os.kill(self.process.pid, which)


class Audit:
    """The writes in a namespace, in the order in which they came to the server."""
    def __init__(self):
        self.file, self.rest = open(f"{where}/audit.log"), ""
        self.file.seek(0, 2)
        self.all = []

    def read(self, ns):
        text = self.rest + self.file.read()
        *lines, self.rest = text.split("\n")
        for line in lines:
            if f'"namespace":"{ns}"' not in line or '"verb":"get"' in line:
                continue
            e = json.loads(line)
            ref = e.get("objectRef") or {}
            if e["verb"] not in ("create", "update", "patch", "delete") or ref.get("resource") in ("events", "leases", "helmcharts"):
                continue
            self.all.append({"user": e["user"]["username"], "verb": e["verb"], "code": e["responseStatus"]["code"], "kind": ref["resource"],
                             "name": ref.get("name", ""), "part": ref.get("subresource", ""), "at": seconds(e["requestReceivedTimestamp"])})
        return self.all


def seconds(text):
    from datetime import datetime
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def release(ns):
    return api("GET", f"/apis/helm.toolkit.fluxcd.io/v2/namespaces/{ns}/helmreleases/two") or {}


def is_ready(ns):
    hr = release(ns)
    status = hr.get("status", {})
    return status.get("observedGeneration") == hr["metadata"]["generation"] and any(
        c["type"] == "Ready" and c["status"] == "True" for c in status.get("conditions", []))


def until(what, condition, limit=120):
    end = time.time() + limit
    while not condition():
        if time.time() > end:
            raise RuntimeError(f"not within {limit} s: {what}")
        time.sleep(0.02)


def record_of(o):
    import gzip
    r = json.loads(gzip.decompress(base64.b64decode(base64.b64decode(o["data"]["release"]))))
    hooks = [[h["name"], h.get("last_run", {}).get("phase")] for h in r.get("hooks", [])]
    return [r["version"], r["info"]["status"], r["info"]["description"], r["manifest"], r.get("config"), sorted(hooks)]


def strip(o):
    m = o["metadata"]
    # Which template a Job's pods carry as uid is as random as the uid.
    text = json.dumps({"name": m["name"], "labels": m.get("labels"), "annotations": {k: v for k, v in (m.get("annotations") or {}).items()},
                       "data": o.get("data"), "spec": o.get("spec"), "done": (o.get("status") or {}).get("succeeded")}, sort_keys=True)
    return re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "UID", text)


def end_of(ns):
    out = {"records": sorted(record_of(o) for o in api("GET", f"/api/v1/namespaces/{ns}/secrets?labelSelector=owner%3Dhelm")["items"])}
    for kind in KINDS:
        items = api("GET", kind.format(f"namespaces/{ns}"))["items"]
        out[kind] = sorted(strip(o).replace(ns, "NS") for o in items if o["metadata"]["name"] != "kube-root-ca.crt")
    out["history"] = [[h["version"], h["status"]] for h in release(ns)["status"]["history"]]
    return json.loads(json.dumps(out).replace(ns, "NS"))


def story(n, early, leader, other):
    """(its end, how many writes the leader had sent when it stood, what went wrong)"""
    ns, wrong = f"two-{n}{'-early' if early else ''}", []
    api("POST", "/api/v1/namespaces", {"metadata": {"name": ns}})
    api("POST", f"/apis/source.toolkit.fluxcd.io/v1/namespaces/{ns}/helmrepositories",
        {"apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "HelmRepository", "metadata": {"name": "charts"}, "spec": {"interval": "1h", "url": charts}})
    path = f"/apis/helm.toolkit.fluxcd.io/v2/namespaces/{ns}/helmreleases"
    api("POST", path, {"apiVersion": "helm.toolkit.fluxcd.io/v2", "kind": "HelmRelease", "metadata": {"name": "two"}, "spec": {
        "interval": "1h", "values": {"v": "1"}, "chart": {"spec": {"chart": "two", "sourceRef": {"kind": "HelmRepository", "name": "charts"}}}}})
    until("installed", lambda: is_ready(ns))
    audit = Audit()
    api("PATCH", f"{path}/two", {"spec": {"values": {"v": "2"}}}, "application/merge-patch+json")
    continued, stood = None, 0

    def sent():
        return [w for w in audit.read(ns) if w["user"] == leader.user]

    if n:
        end = time.time() + 120
        while len(sent()) < n:
            if is_ready(ns) or time.time() > end:
                return None, len(sent()), wrong
        leader.signal(signal.SIGSTOP)
        stopped = time.time()
        time.sleep(0.3)  # what was on its way is there, and in the log
        stood = len(sent())
        if is_ready(ns):
            leader.signal(signal.SIGCONT)
            return None, stood, wrong
        until("the other one leads", lambda: any(w["user"] == other.user for w in audit.read(ns)))
        if not early:
            until("the other one is done", lambda: is_ready(ns))
        continued = time.time()
        leader.signal(signal.SIGCONT)
    until("upgraded", lambda: is_ready(ns))
    if n:
        leader.process.wait(60)  # it sees that it does not lead any more, and a kubelet starts it again
        leader.start()
    writes = audit.read(ns)
    for w in writes:
        if continued and w["user"] == leader.user and w["at"] > stopped + 0.3:
            wrong.append(f"{w['verb']} {w['kind']}/{w['name']} {w['part']} of the one that was stopped, {w['at'] - continued:.3f} s after it went on: {w['code']}")
    who = [w["user"] for w in sorted(writes, key=lambda w: w["at"]) if w["user"] in (leader.user, other.user)]
    if sum(a != b for a, b in zip(who, who[1:])) > (1 if n else 0):
        wrong.append("the writes of the two interleave: " + " ".join(u[-1] for u in who))
    made = {}
    for w in writes:
        if w["kind"] == "jobs" and w["code"] == 201:
            made[w["name"]] = made.get(w["name"], 0) + 1
    if made != {"before-a": 1, "before-b": 1, "behind": 1}:
        wrong.append(f"hooks made: {made}")
    return end_of(ns), stood, wrong


def main():
    leader, other = Controller("a"), None
    bad = told = 0
    try:
        until("it leads", lambda: (api("GET", "/apis/coordination.k8s.io/v1/namespaces/default/leases") or {}).get("items"))
        other = Controller("b")
        peace, _, wrong = story(0, False, leader, other)
        print("undisturbed:", [r[:3] for r in peace["records"]], *wrong, flush=True)
        bad += len(wrong)
        n = 0
        while True:
            n += 1
            if wanted and not any(w >= n for w in wanted):
                break
            if wanted and n not in wanted:
                continue
            end, stood, wrong = story(n, n % 2 == 0, leader, other)
            if end is None:
                print(f"stopped behind write {n}: there were but {stood}")
                break
            told += 1
            for part in end:
                if end[part] != peace[part]:
                    wrong.append(f"{part}: {json.dumps(end[part])[:1500]}\n        undisturbed: {json.dumps(peace[part])[:1500]}")
            print(f"stopped behind write {n} ({stood} had come), went on {'in the midst' if n % 2 == 0 else 'at the end'}:", "; ".join(wrong) or "the same end", flush=True)
            bad += len(wrong)
            leader, other = other, leader
    finally:
        for c in leader, other:
            if c:
                c.process.kill()
    print(f"{told} stories, {bad} things wrong")
    return 1 if bad or not told else 0


sys.exit(main())
