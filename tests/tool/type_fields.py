#!/usr/bin/env python3
"""Writes helmctl/sandbox/types.fields: the fields of the built-in Kubernetes types, their types and protobuf numbers.

Reads the struct tags of the Go types (modules k8s.io/api and k8s.io/apimachinery) and prints one line per
type: "core.v1.Pod metadata:1.meta.v1.ObjectMeta spec:2.core.v1.PodSpec ...". See helmctl/sandbox/types.c
for the letters. Usage: type_fields.py API_MODULE_DIR APIMACHINERY_MODULE_DIR > types.fields
"""
import os
import re
import sys

ROOTS = """core.v1: ConfigMap Endpoints Event LimitRange Namespace PersistentVolumeClaim PersistentVolume Pod PodTemplate
 ReplicationController ResourceQuota Secret ServiceAccount Service Node Binding
apps.v1: ControllerRevision DaemonSet Deployment ReplicaSet StatefulSet
batch.v1: CronJob Job
events.v1: Event
authentication.v1: SelfSubjectReview TokenReview TokenRequest
authorization.v1: LocalSubjectAccessReview SelfSubjectAccessReview SelfSubjectRulesReview SubjectAccessReview
autoscaling.v1: HorizontalPodAutoscaler Scale
autoscaling.v2: HorizontalPodAutoscaler
networking.v1: IngressClass Ingress NetworkPolicy
policy.v1: PodDisruptionBudget Eviction
rbac.v1: ClusterRole ClusterRoleBinding Role RoleBinding
storage.v1: StorageClass
scheduling.v1: PriorityClass
coordination.v1: Lease
admissionregistration.v1: MutatingWebhookConfiguration ValidatingWebhookConfiguration
discovery.v1: EndpointSlice
meta.v1: DeleteOptions"""

types, structs, atomic = {}, {}, set()


def merging(notes, tags):
    """How server-side apply merges the field, from its markers or else its strategic merge tags."""
    marks = [n.lstrip("+").split("=", 1) for n in notes if n.startswith("+") and "=" in n]
    kind = dict(marks).get("listType")
    if kind == "map":
        return "@" + ",".join(v for k, v in marks if k == "listMapKey")
    if kind == "set":
        return "@*"
    if kind == "atomic":
        return ""
    if "atomic" in (dict(marks).get("mapType"), dict(marks).get("structType")):
        return "@!"
    key = re.search(r'patchMergeKey:"(\w+)"', tags)
    if re.search(r'patchStrategy:"merge', tags):
        return "@" + (key.group(1) if key else "*")
    return ""


def patching(tags):
    """How a strategic merge patch merges the field: "~KEY", "~*" for plain values, "~!" replaced; "+": retainKeys."""
    strategy = re.search(r'patchStrategy:"([\w,]+)"', tags)
    key = re.search(r'patchMergeKey:"(\w+)"', tags)
    words = strategy.group(1).split(",") if strategy else []
    how = (key.group(1) if key else "*") if "merge" in words else "!" if "replace" in words else ""
    return "~" + how + ("+" if "retainKeys" in words else "") if words else ""


def read(path, package):
    text = re.sub(r"/\*.*?\*/", "", open(path).read(), flags=re.S)
    aliases = {}
    for alias, target in re.findall(r'^\s*(\w+)?\s*"([\w./-]+)"$', text, re.M):
        parts = target.split("/")
        name = parts[-2] + "." + parts[-1] if re.fullmatch(r"v\d\w*", parts[-1]) else parts[-1]
        aliases[alias or parts[-1]] = name
    for m in re.finditer(r"^type (\w+) (.*)$", text, re.M):
        name, rest = m.group(1), re.sub(r"\s*//.*", "", m.group(2)).strip()
        if not rest.startswith("struct"):
            types[package + "." + name] = (rest, package, aliases)
            continue
        body = text[m.end():text.index("\n}", m.end())] if not rest.endswith("}") else ""
        above = re.search(r"((?:^//.*\n)+)\Z", text[:m.start()], re.M)
        if above and "+structType=atomic" in above.group(1):
            atomic.add(package + "." + name)
        fields, notes = [], []
        for line in body.split("\n"):
            f = re.match(r'\s*(?:(\w+)\s+)?(\S+)\s+`json:"([^"]*)"(.*?)\s+protobuf:"([^"]*)"(.*)', line)
            if f:
                tags = f.group(4) + f.group(6)
                fields.append((f.group(2), f.group(3), f.group(5), merging(notes, tags), patching(tags)))
                notes = []
            elif line.strip().startswith("//"):
                notes.append(line.strip()[2:].strip())
        structs[package + "." + name] = (fields, package, aliases)


def resolve(t, package, aliases):
    t = t.lstrip("*")
    if t in ("string",):
        return "s"
    if t == "bool":
        return "t"
    if t in ("int32", "int64", "int", "uint32", "uint64"):
        return "i"
    if t == "[]byte":
        return "b"
    if t.startswith("[]"):
        return "*" + resolve(t[2:], package, aliases)
    m = re.match(r"map\[[\w.]+\](.*)", t)
    if m:
        return "%" + resolve(m.group(1), package, aliases)
    if "." in t:
        pkg, name = t.split(".")
        full = aliases.get(pkg, pkg) + "." + name
    else:
        full = package + "." + t
    special = {"resource.Quantity": "Q", "intstr.IntOrString": "I", "runtime.RawExtension": "R", "meta.v1.Time": "T",
               "meta.v1.MicroTime": "U", "meta.v1.FieldsV1": "R", "types.UID": "s", "runtime.Object": "R",
               "types.NodeName": "s"}
    if full in special:
        return special[full]
    if full in types:
        return resolve(*types[full])
    if full in structs:
        return "." + full
    raise SystemExit("unknown type %s in %s" % (t, package))


def main():
    api, machinery = sys.argv[1:3]
    for group in sorted(os.listdir(api)):
        for version in sorted(os.listdir(os.path.join(api, group))) if os.path.isdir(os.path.join(api, group)) else []:
            path = os.path.join(api, group, version, "types.go")
            if os.path.exists(path):
                read(path, group + "." + version)
    read(os.path.join(machinery, "pkg/apis/meta/v1/types.go"), "meta.v1")
    wanted = []
    for line in re.sub(r"\n ", " ", ROOTS).split("\n"):
        package, names = line.split(":")
        wanted += [package + "." + n for n in names.split()]
    done = set()
    while wanted:
        full = wanted.pop(0)
        if full in done:
            continue
        done.add(full)
        fields, package, aliases = structs[full]
        out = [full] + (["!"] if full in atomic else [])
        for gotype, json, proto, merge, patch in fields:
            number = proto.split(",")[1]
            name, *options = json.split(",")
            kind = resolve(gotype, package, aliases)
            mark = "^" if "inline" in options or not name else "=" if gotype.startswith("*") else ":" if "omitempty" in options else "#"
            ref = kind.lstrip("*%")
            if ref.startswith("."):
                wanted.append(ref[1:])
            if kind[0] not in "*" and merge not in ("", "@!"):
                merge = ""
            out.append("%s%s%s%s%s%s" % (name, mark, number, kind, merge, patch))
        print(" ".join(out))


main()
