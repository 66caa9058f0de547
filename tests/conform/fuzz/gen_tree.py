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
