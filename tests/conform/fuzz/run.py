#!/usr/bin/env python3
"""Compares helmctl with the real Helm over generated cases.

  run.py GENERATOR... [-n CASES] [-s SEED] [-d FILE]    all generators when none is named
  run.py GENERATOR... --record [-n CASES]               writes small cases that are equal into recorded/ for CI
  run.py --list

HC_CONFORM_MANY: helmctl (default build/release/tests/conform.many). HC_PEERS_DIR: where helm4-many is or is built (Go).
Differences are printed (the first 20 of a generator) and written to FILE as JSON lines, which `run.py --again FILE`
compares once more. By hand only; what CI replays is in recorded/ (replay.py).
"""
import argparse
import collections
import importlib
import json
import os
import random
import re
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import peer
import shrink

MODULES = ["gen_yaml", "gen_json", "gen_toml", "gen_regex", "gen_printf", "gen_date", "gen_number", "gen_string",
           "gen_semver", "gen_glob", "gen_set", "gen_tree", "gen_schema"]


def generators():
    found = {}
    for m in MODULES:
        if os.path.exists(os.path.join(os.path.dirname(os.path.abspath(__file__)), m + ".py")):
            found.update(importlib.import_module(m).GENERATORS)
    return found


def odd_globs(helm, ours, case):
    """Only lines differ whose pattern has alternatives, or a class without some characters, which takes bytes for them."""
    if b"slice bounds out of range" in helm:
        return True
    helm, ours = (dict(re.findall(rb"^# (\d+) ?(.*)$", t, re.M)) for t in (helm, ours))
    patterns = dict(re.findall(r'^# (\d+) .*?\.Files\.Glob "(.*?)" \}\}\[', case, re.M))
    odd = [patterns.get(n.decode(), "") for n in helm if helm[n] != ours.get(n)]
    return odd and all(re.search(r"\{|\[[!^]|\*\*\*", p) for p in odd)


# What differs and stays so (docs/rendering.md, "Data, compared with Helm"): what both said, and the case as it is shown.
ADDRESS = re.compile(rb" ?\+?(0x)?0*[0-9a-f]{7,} ?")
KNOWN = {
    "addresses": lambda h, o, c: re.search(r"%[^a-zA-Z%]*p", c) and ADDRESS.sub(b"", h) == ADDRESS.sub(b"", o),
    "insides of a time": lambda h, o, c: re.search(r"toDate|fromToml", c) and re.search(
        rb"time\.Location=|\{[^{}]*([0-9a-fxpA-F.]{7,}|<nil>)[^{}]*\}", h),
    "globs": lambda h, o, c: ".Files.Glob" in c and odd_globs(h, o, c),
    "a NUL ends an error's text": lambda h, o, c: b"\0" in h and o.startswith(h.split(b"\0")[0]),
    "a budget is spent": lambda h, o, c: b"rendering stopped in template" in o,
}


def known(case, helm, ours):
    """The name of the class of a difference, or None."""
    h, o = (re.sub(rb" +", b" ", b" | ".join(p or b"" for p in r[1:])[:100000]) for r in (helm, ours))
    return next((name for name, fits in KNOWN.items() if fits(h, o, case.show())), None)


def show(case, helm, ours):
    def text(r):
        t = r[0] + " " + b" | ".join(p or b"" for p in r[1:]).decode("utf-8", "backslashreplace")
        return t if len(t) <= 4000 else t[:2000] + " ... " + t[-2000:]

    return "%s\n  helm: %s\n  ours: %s\n" % (case.show(), text(helm), text(ours))


class Recorder:
    """Keeps cases that both agree on, of a size fit for a repository."""

    def __init__(self, name):
        folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "recorded")
        os.makedirs(folder, exist_ok=True)
        self.out, self.left = open(os.path.join(folder, name + ".jsonl"), "w"), 32 * 1024

    def take(self, case, helm):
        o = dict(case.to_json(), want=[w.decode("latin-1") if isinstance(w, bytes) else w for w in helm])
        line = json.dumps(o) + "\n"
        if len(line) <= min(self.left, 2500 if "files" in o else 700):
            self.left -= len(line)
            self.out.write(line)

    def close(self):
        self.out.close()


def varies(helm, case, first):
    """Helm itself says something else when asked again (map order)."""
    for _ in range(3):
        again = []
        d = peer.Differ(helm, helm, record=lambda c, h: again.append(h))
        if isinstance(case, peer.Chart):
            d.chart(case)
        else:
            d.alone(case)
        d.close()
        if again[0] != first and not (first[0] == again[0][0] == "error" and peer.same_error(again[0][1], first[1])):
            return True
    return False


def feed(differ, cases, pack, record):
    """To compare, many packs go at once; what is recorded is replayed as it was made."""
    exprs = differ.exprs_by_command if record else differ.exprs
    pack, batch = pack if record else 25 * pack, []
    for c in cases:
        if isinstance(c, peer.Chart):
            differ.chart(c)
            continue
        batch.append(c)
        if len(batch) >= pack:
            exprs(batch)
            batch = []
    exprs(batch)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("generator", nargs="*")
    p.add_argument("-n", type=int, default=2000)
    p.add_argument("-s", type=int, default=1)
    p.add_argument("-d", default="")
    p.add_argument("--show", type=int, default=20)
    p.add_argument("--shrink", action="store_true", help="show the differences as small as they can be made")
    p.add_argument("--list", action="store_true")
    p.add_argument("--record", action="store_true")
    p.add_argument("--again", default="")
    o = p.parse_args()
    found = generators()
    if o.list:
        print("\n".join(sorted(found)))
        return 0
    path = peer.engines.peer_path()
    if not path:
        print(peer.engines.SKIP)
        return 77
    helm, ours = peer.engines.Helm(path), peer.engines.Ours()
    out = open(o.d, "a") if o.d else None
    total = 0
    again = []
    if o.again:
        with open(o.again) as f:
            again = [json.loads(l) for l in f]
        names = ["again"]
    else:
        names = o.generator or sorted(found)
    for name in names:
        shown, smaller, classes = [0], [], collections.Counter()

        def report(case, h, u):
            name = known(case, h, u)
            if name:
                differ.differences -= 1
                classes[name] += 1
                return
            if differ.differences <= 40 and varies(helm, case, h):
                differ.differences -= 1
                differ.varies += 1
                return
            if out:
                out.write(json.dumps(case.to_json()) + "\n")
                out.flush()
            if shown[0] < o.show:
                if o.shrink:
                    smaller.append(case)
                else:
                    sys.stdout.write(show(case, h, u))
            shown[0] += 1

        differ, start = peer.Differ(helm, ours, report), time.time()
        recorder = Recorder(name) if o.record else None
        if recorder:
            differ.equal = recorder.take
        if o.again:
            cases = (peer.Chart.from_json(c) if "files" in c else peer.Expr.from_json(c) for c in again)
            pack = 40
        else:
            make, pack = found[name]
            rng = random.Random("%s %d" % (name, o.s))
            cases = (make(rng) for _ in range(o.n))
        feed(differ, cases, pack, o.record)
        differ.close()
        if recorder:
            recorder.close()
        for case in smaller:
            last = []
            d = peer.Differ(helm, ours, lambda *a: last.append(a))
            case = shrink.shrink(helm, ours, case)
            shrink.differs(d, case)
            d.close()
            sys.stdout.write(show(*last[0]) if last else "no longer differs: %s\n" % case.show())
        total += differ.differences
        print("%s: %d cases, %d refused by Helm, %d differences, %d vary in Helm%s (%.0f s)" % (
            name, differ.cases, differ.refused, differ.differences, differ.varies,
            "".join(", %d known (%s)" % (n, k) for k, n in sorted(classes.items())), time.time() - start), flush=True)
    return 1 if total else 0


sys.exit(main())
