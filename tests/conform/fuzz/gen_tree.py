"""Charts with sub-charts: globals, nulls, alias, conditions, tags, imports, versions, over files and flags."""
from peer import Chart
from gen_set import T
import json

NAMES = ["s", "t", "u"]


def scalar(r):
    return r.choice([1, "x", True, False, None, None, [], [1], {}, "", 0, 1.5])


def tree(r, names, depth=0):
    out = {}
    for k in r.sample(["a", "b", "c", "x"], r.randint(0, 3)):
        out[k] = tree(r, names, depth + 1) if depth < 2 and r.random() < .45 else scalar(r)
    if depth == 0 or r.random() < .15:
        if r.random() < .35:
            out["global"] = tree(r, [], depth + 1) if r.random() < .9 else scalar(r)
    if depth < 2:
        for n in names:
            if r.random() < .5:
                out[n] = tree(r, names if r.random() < .4 else [], depth + 1) if r.random() < .93 else scalar(r)
                if isinstance(out[n], dict) and r.random() < .5:
                    out[n]["enabled"] = r.choice([True, False, True, "yes", None, 1])
        if r.random() < .2:
            out["tags"] = {k: r.choice([True, False, "x", None]) for k in r.sample(["front", "back"], r.randint(0, 2))} if r.random() < .95 else scalar(r)
        if r.random() < .15:
            out["exports"] = {"data": tree(r, [], 2), "other": scalar(r)}
    return out


def dump(v):
    return json.dumps(v, indent=1)


def dependency(r, name):
    d = {"name": name if r.random() < .97 else "nope", "version": r.choice([">=0.1.0", "0.1.0", "*", "^0.1", "0.2.0"] if r.random() < .1 else ["0.1.0", "*"])}
    if r.random() < .3:
        d["alias"] = r.choice(["al", "be", name, "t", "a"])
    if r.random() < .4:
        d["condition"] = r.choice(["%s.enabled", "%s.enabled,a.enabled", "nope.x,%s.enabled", "global.on", "a", "%s", " %s.enabled", "%s.a.b", ""]) .replace("%s", name)
    if r.random() < .25:
        d["tags"] = r.sample(["front", "back", "x"], r.randint(1, 2))
    if r.random() < .3:
        d["import-values"] = [r.choice(["data", "other", "nope", {"child": "a", "parent": "imp"}, {"child": "exports.data", "parent": "."}, {"child": "a.b", "parent": "a.c"}, {"child": "nope", "parent": "z"}, {"child": "x", "parent": "s.x"}, {"child": "."
                              , "parent": "all"}, {"child": "global", "parent": "g"}, {"child": "a"}, 1, {"parent": "z"}]) for _ in range(r.randint(1, 2))]
    return d


def chart(r, files, folder, name, depth):
    subs = []
    if depth < 2:
        subs = r.sample(NAMES, r.choice([0, 1, 2]) if depth else r.choice([1, 1, 2, 3]))
    meta = {"apiVersion": "v2", "name": name, "version": "0.1.0"}
    if r.random() < .08 and depth:
        meta["type"] = r.choice(["library", "application"])
    deps = []
    for s in subs:
        if r.random() < .85:
            deps.append(dependency(r, s))
            if r.random() < .12:
                d = dict(dependency(r, s), alias="two")
                deps.append(d)
    if deps:
        meta["dependencies"] = deps
    files[folder + "Chart.yaml"] = dump(meta)
    if r.random() < .9:
        files[folder + "values.yaml"] = dump(tree(r, subs + [d["alias"] for d in deps if "alias" in d and r.random() < .5]))
    files[folder + "templates/t.yaml"] = T
    if r.random() < .1:
        files[folder + "templates/_h.tpl"] = '{{ define "h" }}%s{{ end }}' % name
    for s in subs:
        chart(r, files, folder + "charts/%s/" % s, s, depth + 1)


def tree_case(r):
    files = {}
    chart(r, files, "", "c", 0)
    args = []
    if r.random() < .6:
        files["v.yaml"] = dump(tree(r, NAMES + ["al"]))
        args.append("--values=v.yaml")
    if r.random() < .2:
        files["w.yaml"] = dump(tree(r, NAMES))
        args.append("--values=w.yaml")
    for _ in range(r.choice([0, 0, 1, 2])):
        args.append("--set=%s=%s" % (".".join(r.choice(NAMES + ["a", "b", "global", "enabled", "x", "tags", "front", "al"]) for _ in range(r.randint(1, 3))), r.choice(["1", "null", "true", "false", "x", "{a,b}"])))
    return Chart("tree", files, args, warnings=True)


GENERATORS = {"tree": (tree_case, 1)}

# ---- deeper trees, with all at once: layers of each kind, schemas of sub-charts, what .Chart and .Subcharts show, lists that are
# empty, entries that say `enabled`, the same chart under several names, requirements.yaml.
SEEN = """# {{ .Chart.Name }} {{ .Template.Name }} {{ .Template.BasePath }} {{ .Chart.IsRoot }} {{ .Chart.Dependencies | toJson }} {{ range $k, $v := .Subcharts }}{{ $k }}={{ len $v.Values }} {{ end }}
v: {{ .Values | toJson }}
"""
KEYS = ["a", "b", "on", "x"]


def schema(r):
    s = {"type": "object"}
    if r.random() < .6:
        s["$schema"] = r.choice(["http://json-schema.org/draft-07/schema#", "http://json-schema.org/draft-04/schema#", "https://json-schema.org/draft/2019-09/schema", "https://json-schema.org/draft/2020-12/schema"])
    s["properties"] = {k: r.choice([{"type": r.choice(["number", "string", "object", "boolean", "null", ["number", "null", "string"]])}, {"$ref": "#/definitions/d"}, {"enum": [1, "x", None, True]},
                                    {"not": {"type": "null"}}, {"minimum": 1, "maxLength": 0}]) for k in r.sample(KEYS, r.randint(1, 2))}
    s["definitions"] = {"d": {"anyOf": [{"type": "object"}, {"const": 1}, {"type": "string", "format": r.choice(["date", "ipv4", "email", "uri"])}]}}
    if r.random() < .3:
        s["required"] = [r.choice(KEYS)]
    return s


def part(r, names, depth=0):
    out = {}
    for k in r.sample(KEYS, r.randint(0, 3)):
        out[k] = part(r, [], depth + 1) if depth < 3 and r.random() < .3 else r.choice([1, "x", None, True, False, [1, None], {}, "2020-01-01", 1e6, 0])
    if r.random() < .25:
        out["global"] = {k: r.choice([1, None, {"x": 1}, {"x": None}, "t"]) for k in r.sample(KEYS, r.randint(0, 2))}
    for n in names:
        if r.random() < .5:
            out[n] = part(r, names if depth < 2 and r.random() < .5 else [], depth + 1) if r.random() < .97 else r.choice([None, 1, "x"])
    if depth < 2 and r.random() < .2:
        out["tags"] = {k: r.choice([True, False, None]) for k in r.sample(["front", "back"], r.randint(1, 2))}
    if r.random() < .2:
        out["exports"] = {"data": part(r, [], 3), "other": {"b": 2}}
    return out


def entry(r, name, aliased):
    d = {"name": name, "version": r.choice(["0.1.0", "*", "^0.1", ">0"])}
    if aliased:
        d["alias"] = aliased
    called = d.get("alias", name)
    if r.random() < .35:
        d["condition"] = r.choice(["%s.on", "%s.on", "global.on", "on", "%s.a.on,global.on", "s.on,t.on", "tags.front"]).replace("%s", called)
    if r.random() < .25:
        d["tags"] = r.sample(["front", "back"], r.randint(1, 2))
    if r.random() < .3:
        d["import-values"] = [r.choice(["data", "other", {"child": "a", "parent": "b"}, {"child": "global", "parent": "x"}, {"child": "exports.data", "parent": "."}, {"child": "t", "parent": "s.a"},
                                        {"child": "x", "parent": "a.x"}, {"child": "exports", "parent": "exports"}]) for _ in range(r.randint(1, 2))]
    if r.random() < .05:
        d["enabled"] = r.choice([True, False])
    return d


def grow(r, files, folder, name, depth):
    subs = [] if depth > 2 else r.sample(NAMES, r.choice([1, 1, 2] if not depth else [0, 1, 1, 2]))
    meta = {"apiVersion": r.choice(["v2", "v2", "v2", "v1"]), "name": name, "version": "0.1.0"}
    deps = []
    for s in subs:
        if r.random() < .75:
            names = r.choice([[None], [None], ["A" + s], ["A" + s, "B" + s], [None, "B" + s], ["A" + s, None]])
            deps += [entry(r, s, n) for n in names]
    r.shuffle(deps)
    where = "dependencies" if deps or r.random() < .15 else None
    if where and meta["apiVersion"] == "v1":
        files[folder + "requirements.yaml"] = dump({"dependencies": deps})
    elif where:
        meta["dependencies"] = deps
    if depth and r.random() < .06:
        meta["type"] = "library"
    files[folder + "Chart.yaml"] = dump(meta)
    called = subs + [d["alias"] for d in deps if "alias" in d]
    if r.random() < .85:
        files[folder + "values.yaml"] = dump(part(r, called))
    if r.random() < .12:
        files[folder + "values.schema.json"] = dump(schema(r))
    files[folder + "templates/t.yaml"] = SEEN
    for s in subs:
        grow(r, files, folder + "charts/%s/" % s, s, depth + 1)


def deep_case(r):
    files, args = {}, []
    grow(r, files, "", "c", 0)
    names = NAMES + ["As", "At", "Bs", "Bt"]
    for f in ("v.yaml", "w.yaml")[:r.choice([0, 1, 1, 2])]:
        files[f] = dump(part(r, r.sample(names, 4)))
        args.append("--values=" + f)
    for _ in range(r.choice([0, 1, 1, 2, 3])):
        path = ".".join([r.choice(names) for _ in range(r.randint(0, 2))] + [r.choice(KEYS + ["global", "tags.front", "exports.data.a", "a[0]", "b[1].x", "a\\\\.b"])])
        kind = r.choice(["set", "set", "set", "set-string", "set-json", "set-literal"])
        args.append("--%s=%s=%s" % (kind, path, r.choice(['null', '{"x":null,"on":false}', "1", "[null,1]", "true", '"x"'] if kind == "set-json" else ["1", "null", "true", "false", "x", "{a,null}", "1.5", ""])))
    return Chart("deep", files, args, warnings=False)


GENERATORS["deep"] = (deep_case, 1)
