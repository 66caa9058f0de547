#!/usr/bin/env python3
"""two.py DIR HELMCTL WORK CHARTS [TALE...] [WRITE...]: the stories of ../two.sh. DIR is of control-plane.sh, with its audit log.

A tale: a HelmRelease is installed, then something is done to it. Behind the nth write that comes of this, as the audit log tells
them, the leader is stopped. Told undisturbed first; each other story must come to the same end: records without gaps and with the same
statuses, objects, history, conditions and counts of failures in the status. And: no write of the one that was stopped (object, hook,
record, status) comes to the server after it was continued, so that the writes of the two do not interleave; each hook was made as
often.
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
wanted = [int(n) for n in sys.argv[5:] if n.isdigit()]
token = open(f"{where}/pki/tokens.csv").read().split(",")[0]
server = open(f"{where}/env").read().strip().split("//")[1]
tls = ssl.create_default_context(cafile=f"{where}/pki/ca.crt")
KINDS = ("/api/v1/{}/configmaps", "/apis/apps/v1/{}/deployments", "/apis/batch/v1/{}/jobs")
ONCE = {"retries": 0, "remediateLastFailure": True}
# What is installed before (None: nothing), what is done then (values; None: the HelmRelease is deleted), and when that is over.
TALES = {
    "upgrade": ({"v": "1"}, {"v": "2"}, lambda hr: stands(hr, "Ready", "True")),
    # A hook behind the wait fails, so that all of a rollback is to be done.
    "remediated": ({"v": "1"}, {"v": "2", "fails": "behind"},
                   lambda hr: stands(hr, "Stalled", "True") and [h["status"] for h in hr["status"]["history"]][0] == "deployed"),
    # The objects are never ready: it is the time that is over, and it goes on while the leader stands.
    "late": ({"v": "1"}, {"v": "2", "stuck": "yes"},
             lambda hr: stands(hr, "Stalled", "True") and [h["status"] for h in hr["status"]["history"]][0] == "deployed"),
    "undone": (None, {"v": "1", "fails": "made"},
               lambda hr: stands(hr, "Stalled", "True") and hr["status"]["history"][0]["status"] == "uninstalled"),
    "uninstall": ({"v": "1"}, None, lambda hr: not hr),
}
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


def stands(hr, kind, status):
    """The status is of what is wanted now, and has this condition."""
    s = hr.get("status", {})
    return s.get("observedGeneration") == hr.get("metadata", {}).get("generation", 0) and any(
        c["type"] == kind and c["status"] == status for c in s.get("conditions", []))


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
    status = release(ns).get("status", {})
    out["history"] = [[h["version"], h["status"], h.get("action")] for h in status.get("history", [])]
    out["conditions"] = sorted([c["type"], c["status"], c["reason"]] for c in status.get("conditions", []))
    out["counts"] = [status.get(k) for k in ("failures", "installFailures", "upgradeFailures", "lastAttemptedReleaseAction")]
    # Pods have names of chance, and what failed is told with them.
    return json.loads(re.sub(r"\b(web-[0-9a-f]{7,10}|before-[ab]|behind|made|back-[ab]|leave-[ab])-[bcdfghjklmnpqrstvwxz2456789]{5}\b", r"\1-RANDOM",
                             json.dumps(out).replace(ns, "NS")))


def story(tale, n, early, leader, other):
    """(its end and the hooks made, how many writes the leader had sent when it stood, what went wrong)"""
    ns, wrong = f"{tale}-{n}{'-early' if early else ''}", []
    before, act, over = TALES[tale]

    def at_end():
        return over(release(ns))
    api("POST", "/api/v1/namespaces", {"metadata": {"name": ns}})
    api("POST", f"/apis/source.toolkit.fluxcd.io/v1/namespaces/{ns}/helmrepositories",
        {"apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "HelmRepository", "metadata": {"name": "charts"}, "spec": {"interval": "1h", "url": charts}})
    path = f"/apis/helm.toolkit.fluxcd.io/v2/namespaces/{ns}/helmreleases"
    hr = {"apiVersion": "helm.toolkit.fluxcd.io/v2", "kind": "HelmRelease", "metadata": {"name": "two"}, "spec": {
        "interval": "1h", "values": before or act, "install": {"remediation": ONCE},
        "upgrade": {"remediation": ONCE, "timeout": "8s" if tale == "late" else "1m"},
        "chart": {"spec": {"chart": "two", "sourceRef": {"kind": "HelmRepository", "name": "charts"}}}}}
    if before:
        api("POST", path, hr)
        until("installed", lambda: stands(release(ns), "Ready", "True"))
    audit = Audit()
    if not before:
        api("POST", path, hr)
    elif act:
        api("PATCH", f"{path}/two", {"spec": {"values": act}}, "application/merge-patch+json")
    else:
        api("DELETE", f"{path}/two")
    continued, stood = None, 0

    def sent():
        return [w for w in audit.read(ns) if w["user"] == leader.user]

    if n:
        end = time.time() + 120
        while len(sent()) < n:
            if at_end() or time.time() > end:
                return None, len(sent()), wrong
        leader.signal(signal.SIGSTOP)
        stopped = time.time()
        time.sleep(0.3)  # what was on its way is there, and in the log
        stood = len(sent())
        if at_end():
            leader.signal(signal.SIGCONT)
            return None, stood, wrong
        until("the other one leads", lambda: any(w["user"] == other.user for w in audit.read(ns)))
        if not early:
            until("the other one is done", at_end)
        continued = time.time()
        leader.signal(signal.SIGCONT)
    until("it is over", at_end)
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
    return {**end_of(ns), "hooks made": made}, stood, wrong


def main():
    leader, other = Controller("a"), None
    bad = told = 0
    tales = [t for t in TALES if t in sys.argv[5:]] or list(TALES)
    try:
        until("it leads", lambda: (api("GET", "/apis/coordination.k8s.io/v1/namespaces/default/leases") or {}).get("items"))
        other = Controller("b")
        for tale in tales:
            peace, _, wrong = story(tale, 0, False, leader, other)
            print(f"{tale}, undisturbed:", [r[:3] for r in peace["records"]], peace["history"], peace["conditions"], peace["hooks made"], *wrong, flush=True)
            bad += len(wrong)
            n = 0
            while not wanted or any(w > n for w in wanted):
                n += 1
                if wanted and n not in wanted:
                    continue
                end, stood, wrong = story(tale, n, n % 2 == 0, leader, other)
                if end is None:
                    print(f"{tale}, stopped behind write {n}: there were but {stood}", flush=True)
                    break
                told += 1
                for part in end:
                    if end[part] != peace[part]:
                        wrong.append(f"{part}: {json.dumps(end[part])[:1500]}\n        undisturbed: {json.dumps(peace[part])[:1500]}")
                print(f"{tale}, stopped behind write {n} ({stood} had come), went on {'in the midst' if n % 2 == 0 else 'at the end'}:",
                      "; ".join(wrong) or "the same end", flush=True)
                bad += len(wrong)
                leader, other = other, leader
    finally:
        for c in leader, other:
            if c:
                c.process.kill()
    print(f"{told} stories, {bad} things wrong")
    return 1 if bad or not told else 0


sys.exit(main())
