#!/usr/bin/env python3
"""helmctl beside the real Helm over any charts you have: checkouts of chart repositories, say. By hand.

  folder.py FOLDER...             `template` of each chart below the folders, with its defaults and with the values files that lie
                                  in it (ci/*.yaml, *values*.yaml; MOST of them, 8): status, stdout, message
  folder.py --turned FOLDER...    with four files of values made out of its defaults: what is off turned on, all turned round,
                                  what is empty filled in two ways. Many are refused: then the messages are compared
  folder.py --verbs FOLDER...     lint, lint --strict --with-subcharts, show all, dependency list: stdout, stderr, status
  --helm3                         Helm 3 and --helm-version 3

A chart that depends on others gets them out of the same folders, in a copy; what is not there stays missing, and that
message is compared. Lines in which two runs of Helm differ count as equal (masks.py). HELMCTL as in charts.py; JOBS (2); ONLY:
a regular expression for names. Needs PyYAML; schemas that have to be
fetched need the network.
"""
import argparse
import collections
import concurrent.futures
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
import yaml

import charts
import masks

HELMCTL = os.environ.get("HELMCTL", os.path.join(charts.ROOT, "build/release/bin/helmctl"))
VERBS = (["lint"], ["lint", "--strict", "--with-subcharts"], ["show", "all"], ["dependency", "list"])


def load(path):
    try:
        with open(path, encoding="utf-8") as f:
            return yaml.safe_load(f)
    except (OSError, ValueError, yaml.YAMLError):
        return None


def below(folder):
    """(folder, name) of each chart that is in no other chart."""
    for top, folders, files in os.walk(folder):
        if "Chart.yaml" in files:
            meta = load(os.path.join(top, "Chart.yaml"))
            if isinstance(meta, dict) and meta.get("name"):
                yield top, str(meta["name"])
                folders[:] = []


def add_dependencies(chart, known, depth=0):
    """Copies what the chart depends on into its charts/, whatever version it is."""
    for name in ("Chart.yaml", "requirements.yaml"):
        path = os.path.join(chart, name)
        meta = load(path)
        wanted = meta.get("dependencies") if isinstance(meta, dict) else None
        changed = False
        for dep in wanted if isinstance(wanted, list) and depth < 4 else ():
            sub = str(dep.get("name")) if isinstance(dep, dict) else ""
            to = os.path.join(chart, "charts", sub)
            if sub in known and not os.path.exists(to) and not glob.glob(to + "-*.tgz"):
                shutil.copytree(known[sub], to, ignore_dangling_symlinks=True)
                add_dependencies(to, known, depth + 1)
                dep["version"] = ">=0.0.0-0"
                changed = True
        if changed:
            with open(path, "w") as f:
                yaml.safe_dump(meta, f, sort_keys=False)
            for lock in ("Chart.lock", "requirements.lock"):
                if os.path.exists(os.path.join(chart, lock)):
                    os.remove(os.path.join(chart, lock))


def turn_on(key, value):
    return True if value is False and key.lower().endswith(("enabled", "create", "install")) else None


def turn_round(_, value):
    return not value if isinstance(value, bool) else None


def fill(key, value):
    if value is None or value == "":
        return "v-" + key[:10].lower()
    return [{"name": "n1", "value": "x"}] if value == [] else None


def fill_otherwise(_, value):
    if value is False:
        return True
    if isinstance(value, int) and not isinstance(value, bool):
        return value + 1
    return ["a", "b"] if value == [] else {"k": "v"} if value == {} else None


def turned(value, rule):
    out = {}
    for key, v in value.items():
        new = turned(v, rule) if isinstance(v, dict) and v else rule(str(key), v)
        if new is not None and new != {}:
            out[key] = new
    return out


def cases(o, work):
    """(name, arguments)"""
    found = [(chart, name) for folder in o.folders for chart, name in below(folder)]
    known = {}
    for chart, name in found:
        known.setdefault(name, chart)
    for n, (chart, name) in enumerate(found):
        copy = os.path.join(work, str(n))
        shutil.copytree(chart, copy, ignore_dangling_symlinks=True)
        add_dependencies(copy, known)
        if o.verbs:
            yield from ((" ".join(verb) + " " + chart, verb + [copy]) for verb in VERBS)
            continue
        values = load(os.path.join(copy, "values.yaml"))
        if not o.turned:
            yield chart, ["template", "r", copy]
            files = glob.glob(copy + "/ci/*.y*ml") + [v for v in glob.glob(copy + "/*values*.yaml") if not v.endswith("/values.yaml")]
            for path in sorted(files)[:int(os.environ.get("MOST", "8"))]:
                yield chart + "/" + os.path.relpath(path, copy), ["template", "r", copy, "-f", path]
        elif isinstance(values, dict):
            for rule in (turn_on, turn_round, fill, fill_otherwise):
                path = "%s.%s.yaml" % (copy, rule.__name__)
                with open(path, "w") as f:
                    yaml.safe_dump(turned(values, rule), f)
                yield chart + " " + rule.__name__, ["template", "r", copy, "-f", path]


def run(program, args, env):
    try:
        p = subprocess.run([program] + args, env=env, capture_output=True, timeout=120)
    except subprocess.TimeoutExpired:
        return charts.Run(-1, b"", b"no end in two minutes")
    return charts.Run(p.returncode, p.stdout, charts.message(p.stderr))


def judge(o, env, args):
    theirs, ours = run(o.helm, args, env), run(HELMCTL, args + o.more, dict(env, HELMCTL_ERROR_FORMAT="helm"))
    if theirs == ours or (theirs.rc == ours.rc == 0 and theirs.out == ours.out and not o.verbs):
        return "equal", ""
    again = run(o.helm, args, env)
    if again != theirs:
        rule = masks.rule_of([theirs.out, again.out])
        same = again.rc == ours.rc and (again.rc or rule and masks.laid(rule, theirs.out) == masks.laid(rule, ours.out))
        return "equal where Helm is with itself" if same else "differs, as Helm from itself", ""
    if theirs.rc != ours.rc:
        return "differs", "status %d, ours %d: %s" % (theirs.rc, ours.rc, charts.first_error(theirs if theirs.rc else ours))
    kind, a, b = ("stdout", theirs.out, ours.out) if theirs.out != ours.out else ("message", theirs.err, ours.err)
    pairs = zip(a.split(b"\n") + [b""], b.split(b"\n") + [b""])
    first = next(((x, y) for x, y in pairs if x != y), (b"", b""))
    return "differs", "%s: %r, ours %r" % (kind, first[0][:200], first[1][:200])


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("folders", nargs="+")
    for flag in ("--turned", "--verbs", "--helm3"):
        p.add_argument(flag, action="store_true")
    o = p.parse_args()
    for folder in o.folders:
        if not next(below(folder), None):
            p.error("no chart is in %s or below it" % folder)
    name = "helm3" if o.helm3 else "helm4"
    build = os.path.join(charts.ROOT, "tests/peers/build.sh")
    o.helm = os.path.join(subprocess.run([build, "--dir"], capture_output=True, text=True).stdout.strip(), name)
    o.more = ["--helm-version", "3"] if o.helm3 else []
    if subprocess.run([build, name]).returncode:
        print("SKIP: no real Helm, and no Go to build it with")
        return 77
    with tempfile.TemporaryDirectory(prefix="hc-folder-") as work:
        env = dict(os.environ, KUBECONFIG="/dev/null", LC_ALL="C", HELM_CACHE_HOME=work, HELM_CONFIG_HOME=work, HELM_DATA_HOME=work)
        todo = [c for c in cases(o, work) if re.search(os.environ.get("ONLY", ""), c[0])]
        count = collections.Counter()
        with concurrent.futures.ThreadPoolExecutor(int(os.environ.get("JOBS", "2"))) as pool:
            for (label, _), (verdict, detail) in zip(todo, pool.map(lambda c: judge(o, env, c[1]), todo)):
                count[verdict] += 1
                if verdict.startswith("differs"):
                    print("%s: %s\n    %s" % (verdict, label, detail), flush=True)
    print("%d cases: %s" % (len(todo), ", ".join("%d %s" % (n, v) for v, n in count.most_common())))
    return 1 if count["differs"] else 0


if __name__ == "__main__":
    sys.exit(main())
