#!/usr/bin/env python3
"""charts.py can fail: one byte of output, values, chart, digest or mask that is another is noticed, with and without Helm.

No Go: a script that prints what helmctl prints stands for the real Helm where one is needed.
"""
import os
import shutil
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import charts
import masks

bad = 0


def expect(what, got, want):
    global bad
    if got != want:
        bad += 1
        print("FAIL: %s: %r instead of %r" % (what, got, want))


def test_masks():
    key = b"data:\n  key: \"%s\"\n  name: web-%s\n  at: \"%s 18 * * *\"\nlast: 1"
    runs = [key % (b"c2VjcmV0MQ==", b"a1b2c", b"57"), key % (b"c2Rhcw9tMg==", b"a9zzz", b"58"), key % (b"cXdlcnR5Mw==", b"abcde", b"58")]
    rule = masks.rule_of(runs)
    expect("rule", rule, "2:8,1,12 3:12,0,5 4:7,7,~5")
    expect("runs that are the same", masks.rule_of([runs[0]] * 3), "-")
    expect("runs of other lengths", masks.rule_of(runs[:2] + [runs[2] + b"\n"]), None)
    text = masks.laid(rule, runs[0])
    expect("another secret, name and minute", masks.laid(rule, key % (b"QUJDREVGRw==", b"x0x0x", b"3")), text)
    for what, change in (("a byte beside the mask", (b"web-", b"wen-")), ("a byte of another line", (b"last: 1", b"last: 2")),
                         ("a line more", (b"\n  at", b"\n\n  at")), ("no secret", (b"c2VjcmV0MQ==", b"")),
                         ("a shorter secret", (b"c2VjcmV0MQ==", b"c2VjcmV0")), ("no word", (b"c2VjcmV0MQ==", b"c2Vj{}V0MQ==")),
                         ("a quote less", (b"==\"", b"=="))):
        expect("masked output with " + what, masks.laid(rule, runs[0].replace(*change)) == text, False)


def program(folder, name, helmctl, edit):
    path = os.path.join(folder, name)
    with open(path, "w") as f:
        f.write("#!/bin/sh\n'%s' \"$@\" >\"$0.$$\"\nrc=$?\n%s <\"$0.$$\"\nrm \"$0.$$\"\nexit $rc\n" % (helmctl, edit))
    os.chmod(path, 0o755)
    return path


def test_ring(shared, helmctl, tmp):
    """podinfo (with words that vary, and overlays), and an overlay that is refused, in a copy."""
    name = os.path.join(tmp, "shared")
    os.makedirs(name + "/charts/values")
    rows = charts.read(os.path.join(shared, "charts/index.tsv")).decode().splitlines()
    rows = rows[:1] + [r for r in rows if r.split("\t")[1] in ("podinfo", "app-template")]
    with open(name + "/charts/index.tsv", "w") as f:
        f.write("\n".join(rows) + "\n")
    for row in rows[1:]:
        archive, chart = row.split("\t")[:2]
        shutil.copyfile(os.path.join(shared, "charts", archive), os.path.join(name, "charts", archive))
        shutil.copytree(os.path.join(shared, "charts/values", chart), os.path.join(name, "charts/values", chart),
                        copy_function=shutil.copyfile)
    os.chmod(name + "/charts/values/podinfo", 0o755)
    podinfo = os.path.join(name, "charts", next(r.split("\t")[0] for r in rows if r.split("\t")[1] == "podinfo"))

    def verdicts(program=helmctl, helm=None, recorded=None, anew=False, only=()):
        ring = charts.Ring(name, program, os.path.join(tmp, "results"), recorded=recorded or charts.Recorded(
            os.path.join(charts.here, "recorded.tsv")), helm=helm)
        ring.kept, ring.apart = tempfile.mkdtemp(dir=tmp), 0
        return {c.name: ring.check(c, anew, helm is not None).verdict for c in ring.cases(only)}

    clean = verdicts()
    expect("there are cases", len(clean) >= 7, True)
    if "unknown" in clean.values():
        print("SKIP: these charts are not those recorded")
        return 77
    expect("as they are", set(clean.values()), {"equal"})
    same = {c: "equal" for c in clean}
    rows = charts.Recorded(os.path.join(charts.here, "recorded.tsv")).cases
    refused = {c for c in clean if rows[c].rc}
    podinfos = {c for c in clean if c.startswith("podinfo/")}
    rendered = podinfos | {"app-template/staging"} # each has a Deployment

    def but(verdict, cases):
        return {**same, **{c: verdict for c in cases}}

    expect("with a Helm that agrees", verdicts(helm=program(tmp, "agrees", helmctl, "cat"), anew=True), same)
    # One byte of output.
    dot = program(tmp, "dot", helmctl, "sed '0,/kind: Deployment/s//kind: Deploymen_/'")
    expect("one byte of output", verdicts(dot), but("differs", rendered))
    expect("one byte of output, beside Helm", verdicts(dot, helm=program(tmp, "agrees", helmctl, "cat")), but("differs", rendered))
    expect("the difference is shown", sorted(os.listdir(os.path.join(tmp, "results/diff"))),
           sorted(c.replace("/", "_") + ".diff" for c in rendered))
    expect("and is that byte", b"-kind: Deployment\n+kind: Deploymen_\n" in charts.read(os.path.join(tmp, "results/diff/podinfo_defaults.diff")), True)
    # A Helm that prints another byte than it did: the digests have rotted.
    expect("one byte of Helm's", verdicts(helm=dot, anew=True), but("stale", rendered))
    expect("one byte of both", verdicts(dot, helm=dot, anew=True), but("stale", rendered))
    # A message, an exit status.
    def message(edit):
        path = os.path.join(tmp, "message")
        with open(path, "w") as f:
            f.write("#!/bin/sh\n'%s' \"$@\" 2>\"$0.$$\"\nrc=$?\nsed 's/^Error: /Error:  /' <\"$0.$$\" >&2\nrm \"$0.$$\"\n%s\n" % (helmctl, edit))
        os.chmod(path, 0o755)
        return path
    expect("there are refused ones", bool(refused), True)
    expect("one byte of a message", verdicts(message("exit $rc")), but("differs", refused))
    expect("an exit status", verdicts(message("exit 3")), but("differs", clean))
    # A digest that is another, a mask that covers nothing.
    recorded = charts.Recorded(os.path.join(charts.here, "recorded.tsv"))
    old = recorded.cases["podinfo/defaults"]
    recorded.cases["podinfo/defaults"] = old._replace(digest=charts.sha(b""))
    one = ["podinfo/defaults"]
    expect("another digest", verdicts(recorded=recorded, only=one), {one[0]: "differs", one[0] + "+apis": "equal"})
    expect("another digest, beside Helm", verdicts(recorded=recorded, helm=program(tmp, "agrees", helmctl, "cat"), only=one),
           {one[0]: "stale", one[0] + "+apis": "equal"})
    expect("podinfo varies", old.mask != "-", True)
    recorded.cases["podinfo/defaults"] = old._replace(mask="-")
    expect("no mask", verdicts(recorded=recorded, only=one)[one[0]], "differs")
    del recorded.cases["podinfo/defaults"]
    expect("a case that is not recorded", verdicts(recorded=recorded, only=one)[one[0]], "unknown")
    # One byte of a values file, or of a chart, as it comes to the ring.
    with open(name + "/charts/values/podinfo/staging.yaml", "ab") as f:
        f.write(b"\n")
    expect("one byte of values", verdicts(only=["podinfo/"]), {c: "unknown" if c == "podinfo/staging" else "equal" for c in podinfos})
    with open(podinfo, "ab") as f:
        f.write(b"\0")
    expect("one byte of a chart", verdicts(), but("unknown", podinfos))
    expect("one byte of a chart, beside Helm", verdicts(helm=program(tmp, "agrees", helmctl, "cat"), only=one), {c: "equal" for c in podinfos if c.startswith(one[0])})
    return 0


def main():
    shared = os.environ.get("HC_SHARED") or os.path.join(charts.ROOT, "..", "shared")
    helmctl = os.path.abspath(os.environ.get("HELMCTL") or os.path.join(charts.ROOT, "build/release/bin/helmctl"))
    test_masks()
    skipped = 0
    if os.path.exists(os.path.join(shared, "charts/index.tsv")):
        with tempfile.TemporaryDirectory() as tmp:
            skipped = test_ring(shared, helmctl, tmp)
    else:
        print("SKIP: no charts in %s/charts (HC_SHARED says where they are)" % shared)
        skipped = 77
    print("%d wrong" % bad)
    return 1 if bad else skipped


if __name__ == "__main__":
    sys.exit(main())
