#!/usr/bin/env python3
"""Mutants of the public charts: helmctl says of each mistake what Helm says.

  run.py [-n 300] [-s 1] [-c CHART,...]   N mutants of each chart, from seed S on, against the real Helm
  run.py --show CHART SEED                one of them: what was changed, and both answers
  run.py --record [-n 36]                 writes recorded.tsv: Helm's answers to N mutants of each chart
  run.py --replay [--every 3]             helmctl against recorded.tsv, all or each third: needs no Go (CI runs a part)

HC_SHARED: folder that holds charts/ (default ../shared). HC_PEERS_DIR: where helm4-many is or is built.
Helm's answers are kept in build/conform/mutants.db. An answer is equal when the exit status and the error text, to
the last byte of it, are; of a mutant that renders, when the output is, or varies between Helm's own runs.
"""
import argparse
import collections
import glob
import hashlib
import os
import shutil
import sqlite3
import subprocess
import sys
import time

sys.dont_write_bytecode = True
here = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [here, os.path.dirname(here)]
import dice
import engines
import mutate

SHARED = os.environ.get("HC_SHARED") or os.path.join(engines.ROOT, "..", "shared")
CHARTS = os.path.join(SHARED, "charts")
CLOCK = ["linkerd-control-plane"] # its output tells the minute
RECORDED = os.path.join(here, "recorded.tsv")
VARIES = "varies"


def digest(*parts):
    h = hashlib.sha256()
    for p in parts:
        p = p if isinstance(p, bytes) else p.encode("utf-8", "surrogateescape")
        h.update(b"%d:" % len(p) + p)
    return h.hexdigest()[:16]


def archives():
    with open(os.path.join(CHARTS, "index.tsv")) as f:
        return sorted((l.split("\t")[1], l.split("\t")[0]) for l in f.read().splitlines()[1:])


class Bench:
    """One chart, unpacked, that mistakes are made in and taken out of again."""

    def __init__(self, name, archive, work):
        path = os.path.join(CHARTS, archive)
        with open(path, "rb") as f:
            self.id = hashlib.sha256(f.read()).hexdigest()[:8]
        self.work = os.path.join(work, name)
        os.mkdir(self.work)
        subprocess.run(["tar", "-xzf", path, "-C", self.work], check=True)
        self.root = os.path.join(self.work, os.listdir(self.work)[0])
        for base, dirs, _ in os.walk(self.root):
            if "crds" in dirs and os.path.exists(os.path.join(base, "Chart.yaml")):
                shutil.rmtree(os.path.join(base, "crds"))
                dirs.remove("crds")
        self.full = os.path.join(self.work, "full")
        os.rename(self.root, self.full)
        # Helm takes minutes for some mutants of camunda-platform with an overlay.
        overlays = [] if name == "camunda-platform" else [os.path.abspath(p) for p in glob.glob(os.path.join(CHARTS, "values", name, "*.yaml"))
                    if not os.path.basename(p).startswith("invalid")]
        self.chart = mutate.Chart(name, self.full, [os.path.basename(p) for p in overlays])
        for p in overlays:
            shutil.copy(p, self.work)
        # The same without the files that are rendered: a mutant brings its own.
        self.bare = os.path.join(self.work, "bare")
        shutil.copytree(self.full, self.bare, copy_function=os.link) # put() changes no file in place
        for p in self.chart.templates:
            if not mutate.partial(p):
                os.remove(os.path.join(self.bare, p))

    def close(self):
        engines.remove(self.work)

    def build(self, m):
        """The folder with the mistake in it, and what puts it right again."""
        top = self.full if m.keep is None else self.bare
        undo = []

        def put(path, text):
            at = os.path.join(top, path)
            there = os.path.exists(at)
            if there:
                with open(at, "rb") as f:
                    old = f.read()
                undo.append(lambda: write(at, old))
            else:
                undo.append(lambda: os.path.exists(at) and os.remove(at))
            if text is None:
                os.remove(at)
            else:
                write(at, text)

        def write(at, data):
            os.makedirs(os.path.dirname(at), exist_ok=True)
            if os.path.exists(at): # one of its two names
                os.remove(at)
            with open(at, "wb") as f:
                f.write(data)

        for p in m.keep or []:
            with open(os.path.join(self.full, p), "rb") as f:
                put(p, f.read())
        for p, text in m.files.items():
            if p == "mutant-values.yaml":
                write(os.path.join(self.work, p), text.encode())
            elif text is not None or os.path.exists(os.path.join(top, p)):
                put(p, None if text is None else text.encode("utf-8", "surrogateescape"))
        args = ["template", "rel", "./" + os.path.basename(top), "--namespace", "conform", "--skip-schema-validation"]
        return args + m.args, lambda: [u() for u in reversed(undo)]


def answer(run):
    """What is compared: the status, and the error or the output."""
    rc, out, err = run
    return rc, out if rc == 0 else engines.error_text(err)


def judge(helm, ours, again):
    """Whether ours is equal to Helm's; `again` asks Helm once more."""
    if helm == ours:
        return True
    second = again()
    return second != helm # Helm itself is of two minds


def place(err):
    """The file and line an error is in, to group differences."""
    return err.split(b"\n")[0][:160].decode("utf-8", "replace")


class Cache:
    def __init__(self):
        folder = os.path.join(engines.ROOT, "build", "conform")
        os.makedirs(folder, exist_ok=True)
        self.db = sqlite3.connect(os.path.join(folder, "mutants.db"), timeout=60)
        self.db.execute("create table if not exists a (k text primary key, rc int, body blob)")

    def get(self, k):
        return self.db.execute("select rc, body from a where k = ?", (k,)).fetchone()

    def put(self, k, v):
        self.db.execute("insert or replace into a values (?, ?, ?)", (k, v[0], v[1]))
        self.db.commit()


def key(bench, m):
    parts = [bench.id, repr(m.keep), repr(m.args)]
    for p in sorted(m.files):
        parts += [p, m.files[p] or ""]
    return digest(*parts)


def campaign(o, work):
    path = engines.peer_path()
    if not path:
        print(engines.SKIP)
        return 77
    helm, ours, cache = engines.Helm(path), engines.Ours(), Cache()
    total = collections.Counter()
    for name, archive in archives():
        if o.charts and name not in o.charts:
            continue
        bench, start, bad = Bench(name, archive, work), time.time(), 0
        for seed in range(o.seed, o.seed + o.n):
            m = mutate.mutant(bench.chart, seed)
            if not m:
                continue
            args, undo = bench.build(m)
            k = key(bench, m)
            try:
                got = cache.get(k)
                if not got:
                    got = answer(helm.run(args, bench.work))
                    if got[0] < 0: # a minute was not enough
                        total["late"] += 1
                        continue
                    cache.put(k, got if got[0] else (0, digest(got[1]).encode()))
                    got = cache.get(k)
                rc, out = answer(ours.run(args, bench.work))
                mine = (rc, out if rc else digest(out).encode())
                total["mutants"] += 1
                total["refused"] += got[0] != 0
                again = lambda: (lambda r: (r[0], r[1] if r[0] else digest(r[1]).encode()))(answer(helm.run(args, bench.work)))
                if not judge(tuple(got), mine, again):
                    bad += 1
                    total["differences"] += 1
                    if total["differences"] <= o.show:
                        show = lambda a: "%d %s" % (a[0], a[1].decode("utf-8", "backslashreplace"))
                        print("%s %d: %s\n  helm: %s\n  ours: %s" % (name, seed, m.what, show(got), show(mine)), flush=True)
            finally:
                undo()
        print("%s: %d differ (%.0f s)" % (name, bad, time.time() - start), flush=True)
        bench.close()
    print("%d mutants, %d refused by Helm, %d too long for Helm, %d differences" % (
        total["mutants"], total["refused"], total["late"], total["differences"]))
    return 1 if total["differences"] else 0


def show(o, work):
    name, seed = o.words
    bench = Bench(name, dict(archives())[name], work)
    m = mutate.mutant(bench.chart, int(seed))
    args, undo = bench.build(m)
    print(m.what, m.keep, args)
    for p, text in m.files.items():
        old = os.path.join(bench.full, p)
        if text is not None and p in bench.chart.sources:
            a, b = os.path.join(bench.work, "old"), os.path.join(bench.work, "new")
            with open(a, "wb") as f:
                f.write(bench.chart.source(p).text.encode("utf-8", "surrogateescape"))
            with open(b, "wb") as f:
                f.write(text.encode("utf-8", "surrogateescape"))
            sys.stdout.flush()
            subprocess.run(["diff", "-u", "--label", old, "--label", old, a, b])
    sides = [engines.Ours()]
    path = engines.peer_path()
    if path:
        sides.append(engines.Helm(path))
    for side in sides:
        rc, body = answer(side.run(args, bench.work))
        print("---- %s: %d\n%s" % (type(side).__name__, rc, body.decode("utf-8", "backslashreplace") if rc or o.full else digest(body)))
        if o.full:
            with open("/tmp/hc-mutant." + type(side).__name__, "wb") as f:
                f.write(body)
    undo()
    bench.close()
    return 0


def record(o, work):
    """One line a chart ("= name id"), then one a mutant: seed, status, digest of the whole error or output."""
    path = engines.peer_path()
    helm, ours = engines.Helm(path), engines.Ours()
    lines, n = ["# %s" % generator()], 0
    for name, archive in archives():
        bench = Bench(name, archive, work)
        lines.append("= %s %s" % (name, bench.id))
        found, seed = 0, o.seed
        while found < o.n:
            seed += 1
            m = mutate.mutant(bench.chart, seed)
            if not m:
                continue
            args, undo = bench.build(m)
            try:
                # Of three mutants in four it is the error that is recorded; output is charts.py's business.
                rc, out = answer(ours.run(args, bench.work))
                if rc == 0 and (found % 4 or name in CLOCK):
                    continue
                a, b = answer(helm.run(args, bench.work)), answer(helm.run(args, bench.work))
                if a != b or a != (rc, out):
                    print("%s %d: %s" % (name, seed, "varies" if a != b else "differs now, left out"))
                    continue
                lines.append("%d %d %s" % (seed, a[0], digest(a[1])))
                found += 1
            finally:
                undo()
        n += found
        bench.close()
    with open(RECORDED, "w") as f:
        f.write("\n".join(lines) + "\n")
    print("%d mutants" % n)
    return 0


def generator():
    """What a seed stands for depends on every byte of what makes the mutants."""
    h = hashlib.sha256()
    for path in (mutate.__file__, dice.__file__):
        with open(path, "rb") as f:
            h.update(f.read())
    return h.hexdigest()[:16]


def replay(o, work):
    with open(RECORDED) as f:
        lines = f.read().splitlines()
    if lines[0] != "# %s" % generator():
        print("mutate.py changed: its mutants are others now; run.py --record makes new answers")
        return 1
    files, ours, bench, n, bad = dict(archives()), engines.Ours(), None, 0, 0
    seen = 0
    for line in lines[1:]:
        words = line.split(" ")
        if words[0] == "=":
            if bench:
                bench.close()
            bench = Bench(words[1], files[words[1]], work) if words[1] in files else None
            if not bench or bench.id != words[2]:
                print("SKIP: %s is another chart than the one recorded" % words[1])
                bench = None
            continue
        if not bench:
            continue
        seen += 1
        if seen % o.every:
            continue
        m = mutate.mutant(bench.chart, int(words[0]))
        args, undo = bench.build(m)
        rc, out = answer(ours.run(args, bench.work))
        undo()
        n += 1
        if (str(rc), digest(out)) != (words[1], words[2]):
            bad += 1
            print("%s %s: %s: status %d, Helm's %s\n  %s" % (bench.chart.name, words[0], m.what, rc, words[1],
                                                          out.decode("utf-8", "backslashreplace") if rc else "other output"))
    if bench:
        bench.close()
    ours.close()
    print("%d recorded mutants, %d differ" % (n, bad))
    return 1 if bad or not n else 0


def main():
    p = argparse.ArgumentParser()
    p.add_argument("words", nargs="*")
    p.add_argument("-n", type=int, default=0)
    p.add_argument("-s", "--seed", type=int, default=1)
    p.add_argument("-c", "--charts", default="")
    p.add_argument("--limit", dest="show", type=int, default=1000)
    p.add_argument("--full", action="store_true")
    p.add_argument("--every", type=int, default=1)
    for mode in ("record", "replay"):
        p.add_argument("--" + mode, action="store_true")
    p.add_argument("--show", dest="one", action="store_true")
    o = p.parse_args()
    o.charts = [c for c in o.charts.split(",") if c]
    if not os.path.exists(os.path.join(CHARTS, "index.tsv")):
        print("SKIP: no charts in %s (HC_SHARED)" % CHARTS)
        return 77
    work = engines.scratch()
    try:
        if o.one:
            return show(o, work)
        if o.replay:
            return replay(o, work)
        if o.record:
            o.n = o.n or 34
            return record(o, work)
        o.n = o.n or 300
        return campaign(o, work)
    finally:
        engines.remove(work)


sys.exit(main())
