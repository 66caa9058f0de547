#!/usr/bin/env python3
"""look.py DIR ASKS ANSWERS: looks at the objects of a control plane (DIR of control-plane.sh) for a script, all looks in one
process over one connection: a kubectl and a jq for each cost a hundred times that.

A line of ASKS, parted by tabs: FILE RULE NAMESPACE API/RESOURCE...; the objects, without what RULE leaves out, the namespace
written NS, are then in FILE as indented JSON, and a line comes through ANSWERS. To be used by look.sh.
"""
import http.client, json, ssl, sys


def walk(v, f):
    if isinstance(v, dict):
        return f({k: walk(x, f) for k, x in v.items()})
    return [walk(x, f) for x in v] if isinstance(v, list) else v


def drop(o, *path):
    for k in path[:-1]:
        o = o.get(k)
        if not isinstance(o, dict):
            return
    o.pop(path[-1], None)


NEVER_ALIKE = ("uid", "resourceVersion", "creationTimestamp", "time", "modifiedAt", "createdAt", "generation", "release",
               "release.helmctl.dev/progress", "f:release.helmctl.dev/progress", "f:annotations")


def unlike(items):
    """Without what two namespaces never have alike, and the payload of a record."""
    def f(o):
        o = {k: v for k, v in o.items() if k not in NEVER_ALIKE}
        if o.get("annotations") == {}:
            del o["annotations"]
        return o
    return [walk(o, f) for o in items]


def merged(items):
    """What a merge decides: no records, nothing a controller or the server fills in."""
    out = []
    for o in items:
        m = o["metadata"]
        if m["name"] == "default" or m["name"].startswith("sh.helm"):
            continue
        for path in (("status",), ("metadata", "uid"), ("metadata", "resourceVersion"), ("metadata", "creationTimestamp"), ("spec", "clusterIP"),
                     ("spec", "clusterIPs"), ("metadata", "annotations", "deployment.kubernetes.io/revision")):
            drop(o, *path)
        fields = [f for f in m.get("managedFields") or [] if not f.get("subresource") and f.get("manager") != "kube-controller-manager"]
        for f in fields:
            f.pop("time", None)
        m["managedFields"] = sorted(fields, key=lambda f: (f["manager"], f["operation"], json.dumps(f, sort_keys=True)))
        out.append(o)
    return out


def written(items):
    """To see whether anybody wrote: without what the cluster's own controllers write."""
    for o in items:
        m = o["metadata"]
        for path in (("status",), ("metadata", "resourceVersion"), ("metadata", "annotations", "deployment.kubernetes.io/revision")):
            drop(o, *path)
        m["managedFields"] = [f for f in m.get("managedFields") or [] if f.get("manager") != "kube-controller-manager"]
        m["annotations"] = m.get("annotations") or {}
    return items


RULES = {"unlike": unlike, "merged": merged, "written": written}
folder = sys.argv[1]
context = ssl.create_default_context(cafile=folder + "/pki/ca.crt")
server = http.client.HTTPSConnection(open(folder + "/env").read().strip().split("//", 1)[1], context=context)
token = open(folder + "/pki/tokens.csv").read().split(",")[0]


def items_of(path):
    server.request("GET", "/" + path, headers={"Authorization": "Bearer " + token})
    answer = server.getresponse()
    body = json.loads(answer.read())
    kind = (body.get("kind") or "")
    # A namespace's kube-root-ca.crt comes from the cluster, a moment after the namespace.
    return [dict(o, kind=kind[:-4] if kind.endswith("List") else kind) for o in body.get("items") or []
            if o["metadata"]["name"] != "kube-root-ca.crt"]


with open(sys.argv[2]) as asks, open(sys.argv[3], "w") as answers:
    for line in iter(asks.readline, ""):
        file, rule, ns, *paths = line.rstrip("\n").split("\t")
        try:
            items = [o for p in paths for o in items_of(f"{p.rsplit('/', 1)[0]}/namespaces/{ns}/{p.rsplit('/', 1)[1]}")]
            items = sorted(RULES[rule](items), key=lambda o: (o["kind"], o["metadata"]["name"]))
            text = json.dumps(items, indent=1, sort_keys=True).replace(ns, "NS")
        except Exception as e:  # a script compares what it finds: that is never equal
            server.close()
            text = f"{line} {e!r}"
        with open(file, "w") as f:
            f.write(text + "\n")
        answers.write("ok\n")
        answers.flush()
