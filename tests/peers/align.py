#!/usr/bin/env python3
"""Raises what the modules of this folder share to the highest version any of them takes, until nothing moves, and
prints what it raised. Why they should agree: build.sh. Needs Go and a module proxy.
"""
import json
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
MODULES = ("helm4", "helm3", "etcd", "kubernetes", "kwok", "flux")
OWN = {("flux", "helm.sh/helm/v4")}  # the Helm that helm-controller was released with


def order(version):
    """What semantic versions are compared by: one without a pre-release is the highest of its number."""
    m = re.match(r"v(\d+)\.(\d+)\.(\d+)(?:-([^+]*))?", version)
    pre = m.group(4)
    words = [(0, int(w), "") if w.isdigit() else (1, 0, w) for w in pre.split(".")] if pre else []
    return [int(n) for n in m.group(1, 2, 3)], not pre, words


def go(module, *args):
    return subprocess.run(["go", "mod", *args], cwd=os.path.join(HERE, module), check=True, capture_output=True, text=True,
                          env={**os.environ, "GOFLAGS": "-mod=mod"}).stdout


def requirements():
    return {m: {r["Path"]: r["Version"] for r in json.loads(go(m, "edit", "-json"))["Require"] if (m, r["Path"]) not in OWN}
            for m in MODULES}


def highest(wanted):
    best = {}
    for paths in wanted.values():
        for path, version in paths.items():
            if path not in best or order(version) > order(best[path]):
                best[path] = version
    return best


def main():
    for _ in range(10):
        wanted = requirements()
        best = highest(wanted)
        moved = False
        for module, paths in wanted.items():
            raised = [f"-require={p}@{best[p]}" for p, v in paths.items() if v != best[p]]
            if raised:
                print(f"{module}: {' '.join(r[9:] for r in raised)}")
                go(module, "edit", *raised)
                go(module, "tidy")
                moved = True
        if not moved:
            return 0
    print("the modules do not come to agree", file=sys.stderr)
    return 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except subprocess.CalledProcessError as e:
        sys.exit(f"{' '.join(e.cmd)}: {e.stderr.strip()}")
