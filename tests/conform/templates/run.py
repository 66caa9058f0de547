#!/usr/bin/env python3
"""Made-up templates (gen.py): helmctl prints and refuses what Helm prints and refuses.

  run.py [-n 2000] [-s 1]          N cases from seed S on, against Helm's engine
  run.py FILE...                   the cases that an earlier run printed into the files
  run.py --show SEED               one of them, and both answers
  run.py --record [-n 0] FILE...   writes recorded.jsonl: Helm's answers to the cases in the files and to N more
  run.py --replay                  helmctl against recorded.jsonl: needs no Go (this runs in CI)
  run.py --by-lua ...              Lua renders all templates in helmctl, as it does what is nested deeply

HC_PEERS_DIR: where helm4-many is or is built. A template stands in templates/NOTES.txt, which may hold anything.
"""
import argparse
import collections
import hashlib
import json
import os
import re
import sys
import time

sys.dont_write_bytecode = True
here = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [here, os.path.dirname(here)]
import engines
import gen

RECORDED = os.path.join(here, "recorded.jsonl")
BATCH = 100
CHART = """apiVersion: v2
name: c
version: 0.1.0
appVersion: '1.10'
annotations: {x: y}
keywords: [a, b]
maintainers: [{name: n, email: e@x}]
"""
# Where we differ on purpose (docs/templates.md, "Known differences"): the inner fields of a time; dates of a billion years;
# the room that Go leaves behind a list; what stands behind a NUL byte in an error text.
KNOWN = [re.compile(k) for k in (
    rb"time\.Location=|\{[^ {}]* [^ {}]* [^ {}]*(0x[0-9a-f]+|\d{7,}|<nil>)\}|\{[-+0-9a-fxXo]+ [-+0-9a-fxXo]+ [-+0-9a-fxXo]+\}",
    rb"AddDate by more than|29227702\d{4}", rb"slice index out of bounds", rb"\0")]


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.write(text.encode("utf-8", "surrogateescape") if isinstance(text, str) else text)


class Chart:
    def __init__(self):
        self.folder = engines.scratch()
        write(self.folder + "/Chart.yaml", CHART)
        write(self.folder + "/values.yaml", gen.VALUES)
        for name, text in gen.FILES.items():
            write(self.folder + "/" + name, text.encode("latin-1"))
        write(self.folder + "/templates/_h.tpl", gen.HELPERS)

    def close(self):
        engines.remove(self.folder)

    def put(self, case):
        write(self.folder + "/templates/NOTES.txt", case.body)
        path = self.folder + "/templates/_c.tpl"
        if case.helpers:
            write(path, case.helpers)
        elif os.path.exists(path):
            os.remove(path)


class Ours:
    verb = "notes"

    def __init__(self, chart):
        self.many, self.chart = engines.Ours(), chart

    def ask(self, case):
        self.chart.put(case)
        rc, out, err = self.many.run([self.verb, ".", gen.SET], self.chart.folder)
        return ("ok", out) if rc == 0 else ("error" if rc == 1 else "error %d" % rc, err)


class Helm:
    def __init__(self, chart):
        path = engines.peer_path()
        self.chart, self.many = chart, engines.Helm(path) if path else None

    def ask(self, cases):
        return self.many.templates([(c.body, c.helpers) for c in cases], self.chart.folder, gen.SET)


def known(*answers):
    return any(k.search(a[1][:4000]) for k in KNOWN for a in answers)


def compare(helm, ours, cases, tell):
    """Counts of cases, of refused ones and of differences; tell(case, helm's answer, ours) of each."""
    n, asked = collections.Counter(cases=len(cases)), []
    for c in cases:
        got = ours.ask(c)
        if b"rendering stopped in template" in got[1]: # a budget is spent: Helm would go on and on
            n["limits"] += 1
        else:
            asked.append((c, got))
    for (c, got), a in zip(asked, helm.ask([c for c, _ in asked])):
        n["refused"] += a[0] == "error"
        if a == got:
            continue
        if a[0] == "late":
            n["late"] += 1
        elif known(a, got):
            n["known"] += 1
        elif any(b != a for b in helm.ask([c, c, c])) or ours.ask(c) in (a, helm.ask([c])[0]): # the clock, mostly
            n["vary"] += 1
        else:
            n["differences"] += 1
            tell(c, a, got)
    return n


def text(answer):
    t = answer[1].decode("utf-8", "backslashreplace").replace("\0", "\\x00")
    return "%s %s" % (answer[0], t)


def sides():
    chart = Chart()
    helm = Helm(chart)
    return chart, helm, Ours(chart)


def skip():
    print(engines.SKIP)
    return 77


def seeds_of(files):
    """The numbers in front of colons: what a campaign printed can be given back to it."""
    found = set()
    for name in files:
        with open(name, encoding="utf-8", errors="replace") as f:
            found |= {int(m[1]) for m in (re.match(r"(\d+)(:|$)", l) for l in f) if m}
    return sorted(found)


def campaign(o):
    chart, helm, ours = sides()
    if not helm.many:
        return skip()
    total, start = collections.Counter(), time.time()

    def tell(c, a, b):
        total["told"] += 1
        if total["told"] <= o.limit:
            print("%d: %s%s\n  helm: %s\n  ours: %s" % (c.seed, c.body, "\n   + " + c.helpers if c.helpers else "", text(a), text(b)), flush=True)

    seeds = seeds_of(o.words) if o.words else range(o.seed, o.seed + o.n)
    for s in range(0, len(seeds), BATCH):
        total += compare(helm, ours, [gen.case(i) for i in seeds[s:s + BATCH]], tell)
    chart.close()
    print("%d cases, %d refused by Helm, %d at a limit, %d too long for Helm, %d vary in Helm, %d known, %d differences (%.0f s)" % (
        total["cases"], total["refused"], total["limits"], total["late"], total["vary"], total["known"], total["differences"],
        time.time() - start))
    return 1 if total["differences"] else 0


def show(o):
    chart, helm, ours = sides()
    c = gen.case(int(o.words[0]))
    print(c.body)
    if c.helpers:
        print("---- definitions\n" + c.helpers)
    print("---- ours: " + text(ours.ask(c)))
    if helm.many:
        print("---- helm: " + text(helm.ask([c])[0]))
    chart.close()
    return 0


def record(o):
    """Cases that vary, that are known to differ or that differ now are left out."""
    chart, helm, ours = sides()
    if not helm.many:
        return skip()
    rows, out = sorted(set(seeds_of(o.words)) | set(range(o.seed, o.seed + o.n))), []
    for s in range(0, len(rows), BATCH):
        cases = [gen.case(i) for i in rows[s:s + BATCH]]
        for c, a, b in zip(cases, helm.ask(cases), helm.ask(cases)):
            got = ours.ask(c)
            if a != b or a[0] == "late" or known(a):
                continue
            if a != got:
                print("%d: differs now, left out" % c.seed)
                continue
            row = {"n": c.seed, "t": c.body}
            if c.helpers:
                row["h"] = c.helpers
            t = a[1].decode("latin-1")
            row["out" if a[0] == "ok" else "err"] = t if len(t) < 300 else hashlib.sha256(a[1]).hexdigest()
            line = json.dumps(row, ensure_ascii=False)
            if len(line) < 600: # the repository stays small
                out.append(line)
    with open(RECORDED, "w", encoding="utf-8") as f:
        f.write("\n".join(out) + "\n")
    chart.close()
    print("%d cases" % len(out))
    return 0


class Recorded:
    def __init__(self, row):
        self.seed, self.body, self.helpers = row["n"], row["t"], row.get("h", "")
        self.status, self.want = ("ok", row["out"]) if "out" in row else ("error", row["err"])

    def equal(self, answer):
        return answer[0] == self.status and self.want in (answer[1].decode("latin-1"), hashlib.sha256(answer[1]).hexdigest())


def replay(o):
    with open(RECORDED, encoding="utf-8") as f:
        cases = [Recorded(json.loads(l)) for l in f]
    chart, bad = Chart(), 0
    ours = Ours(chart)
    for c in cases:
        got = ours.ask(c)
        if not c.equal(got):
            bad += 1
            print("%d: %s%s\n  want: %s %s\n  got:  %s" % (c.seed, c.body, "\n   + " + c.helpers if c.helpers else "", c.status,
                                                          c.want, text(got)))
    chart.close()
    print("%d recorded cases, %d refused in them, %d differ" % (len(cases), sum(c.status != "ok" for c in cases), bad))
    return 1 if bad or not cases else 0


def main():
    p = argparse.ArgumentParser()
    p.add_argument("words", nargs="*")
    p.add_argument("-n", type=int, default=None)
    p.add_argument("-s", "--seed", type=int, default=1)
    p.add_argument("--limit", type=int, default=60)
    for mode in ("show", "record", "replay", "by-lua"):
        p.add_argument("--" + mode, action="store_true")
    o = p.parse_args()
    if o.by_lua:
        Ours.verb = "notes-by-lua"
    if o.replay:
        return replay(o)
    if o.show:
        return show(o)
    o.n = o.n if o.n is not None else 0 if o.record else 2000
    return record(o) if o.record else campaign(o)


sys.exit(main())
