#!/usr/bin/env python3
"""Replays recorded cases (recorded/GENERATOR.jsonl: a case and what the real Helm said) through helmctl. Needs no Go.

  replay.py [GENERATOR...]
"""
import glob
import json
import os
import sys

sys.dont_write_bytecode = True
here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, here)
import peer

PACK = 100


def load(path):
    with open(path) as f:
        for line in f:
            o = json.loads(line)
            want = tuple(w if i == 0 else None if w is None else w.encode("latin-1") for i, w in enumerate(o["want"]))
            yield (peer.Chart.from_json(o) if "files" in o else peer.Expr.from_json(o)), want


class Replay:
    def __init__(self, ours):
        self.ours, self.cases, self.bad = ours, 0, 0

    def check(self, case, want, got):
        self.cases += 1
        if want == got or (want[0] == got[0] == "error" and peer.same_error(want[1], got[1])):
            return
        self.bad += 1
        if self.bad <= 20:
            print("%s: %s\n  helm: %r\n  ours: %r" % (case.gen, case.show(), want, got))

    def packed(self, folder, pairs):
        peer.write_pack(folder, [c for c, _ in pairs])
        run = self.ours.run(["template", "r", "."], folder)
        if run[0] != 0 and len(pairs) > 1:  # which one it is
            half = len(pairs) // 2
            self.packed(folder, pairs[:half])
            self.packed(folder, pairs[half:])
            return
        for i, (case, want) in enumerate(pairs):
            self.check(case, want, peer.Differ.outcome(run, i))

    def file(self, path):
        folder, good = peer.pack_folder(), []
        for case, want in load(path):
            if isinstance(case, peer.Chart):
                own = peer.scratch()
                peer.write_files(own, case.files)
                run = self.ours.run(["template", "r", "."] + case.args, own)
                self.check(case, want, peer.Differ.chart_outcome(case, run, own))
                peer.remove(own)
            elif want[0] == "ok":
                good.append((case, want))
            else:
                self.packed(folder, [(case, want)])
        for i in range(0, len(good), PACK):
            self.packed(folder, good[i:i + PACK])
        peer.remove(folder)


def main():
    names = sys.argv[1:] or [os.path.basename(p)[:-6] for p in glob.glob(here + "/recorded/*.jsonl")]
    r = Replay(peer.engines.Ours())
    for n in sorted(names):
        r.file("%s/recorded/%s.jsonl" % (here, n))
    print("%d recorded cases, %d differ" % (r.cases, r.bad))
    return 1 if r.bad or not r.cases else 0


sys.exit(main())
