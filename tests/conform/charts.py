#!/usr/bin/env python3
"""`helmctl template` prints what the real Helm prints, byte for byte, over charts x overlays.

  charts.py                what CI runs: every case against the digests of what Helm printed (recorded.tsv), with or without
                           Go. Where the real Helm is or can be built, it renders every fortieth case anew, another fortieth
                           with each commit: those are compared byte for byte, and the digests with what it printed
  HC_CONFORM=all charts.py every case with the real Helm (what it printed is kept, see HC_CONFORM_REF)
  charts.py podinfo        only cases whose name begins with a word given; nothing fails by the list
  charts.py --update       writes what is equal now into expected-pass.txt
  charts.py --record       has the real Helm render everything, and writes its digests into recorded.tsv (3 minutes)
  charts.py --helm3 ...    the same with Helm 3 and --helm-version 3 (expected-pass3.txt, recorded3.tsv). CI runs each
                           fourth case, HC_CONFORM=all every one

A digest is of stdout, with what varies between Helm's own runs masked by a rule that stands beside it (masks.py); of a
refusal it is of the message. A case that differs from its digest, or whose chart or values are not those recorded, is
rendered by the real Helm where there is one, and the difference shown; without one it fails.

HELMCTL: the program (default build/release/bin/helmctl). HC_SHARED: folder that holds charts/ (default ../shared).
HC_CONFORM_DIR: results (default build/conform): results.txt says how each case went, diff/ what differs. JOBS: how many at
once (default 2). HC_CONFORM_REF: where Helm's outputs are kept by the content of chart and overlay (tests/tool/cache.sh
conform). HC_CONFORM_SHIFT: which fortieth (default the number of commits).
"""
import collections
import concurrent.futures
import glob
import hashlib
import os
import re
import subprocess
import sys
import time

sys.dont_write_bytecode = True
here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, here)
import masks

ROOT = os.path.dirname(os.path.dirname(here))
APIS = ["--api-versions=monitoring.coreos.com/v1,policy/v1,cert-manager.io/v1,gateway.networking.k8s.io/v1,autoscaling/v2",
        "--kube-version=v1.32.5"]
SAMPLE = 40
Case = collections.namedtuple("Case", "name chart archive overlay flags")
Record = collections.namedtuple("Record", "archive values rc digest mask")
Run = collections.namedtuple("Run", "rc out err")
Result = collections.namedtuple("Result", "name verdict detail") # verdict: equal, differs, stale, unknown


def sha(data):
    return hashlib.sha256(data).hexdigest()


def read(path):
    with open(path, "rb") as f:
        return f.read()


def message(err):
    """The error without log lines; schema lines and the like come in random order."""
    return b"\n".join(sorted(l for l in err.split(b"\n") if l and not l.startswith((b"level=", b"Use --debug flag")))) + b"\n"


def first_error(run):
    return next((l for l in run.err.decode("utf-8", "replace").split("\n") if l.startswith("Error")), "no error")[:200]


def told(run):
    """What is compared of a run besides its exit status."""
    return run.out if run.rc == 0 else message(run.err)


def wanted_version(major):
    """The version of Helm that tests/peers builds."""
    return re.search(r"helm\.sh/helm/v%s (v\S+)" % major, read(os.path.join(ROOT, "tests/peers/helm%s/go.mod" % major)).decode())[1]


class Recorded:
    """recorded.tsv: Helm's version, the digest of each chart, and a line a case."""

    def __init__(self, path):
        self.version, self.charts, self.cases = None, {}, {}
        for line in read(path).decode().splitlines() if os.path.exists(path) else []:
            words = line.split("\t")
            if words[0] == "helm":
                self.version = words[1]
            elif words[0] == "chart":
                self.charts[words[1]] = words[2]
            elif words[0] and not line.startswith("#"):
                name, values, rc, digest, mask = words
                self.cases[name] = Record(self.charts[name.split("/")[0]], values, int(rc), digest, mask)

    def write(self, path):
        major = self.version[1]
        with open(path, "w") as f:
            f.write("# What Helm %s printed for each chart and overlay: made by `charts.py%s --record`, read by charts.py.\n"
                    "# A chart and the digest of its archive; then its cases: digest of values and flags, exit status, digest of stdout\n"
                    "# (of the message, when refused), what is masked in it (masks.py). All digests are SHA-256.\n"
                    "helm\t%s\n" % (self.version, " --helm3" if major == "3" else "", self.version))
            chart = None
            for name, r in sorted(self.cases.items()):
                if name.split("/")[0] != chart:
                    chart = name.split("/")[0]
                    f.write("chart\t%s\t%s\n" % (chart, r.archive))
                f.write("%s\t%s\t%d\t%s\t%s\n" % (name, r.values, r.rc, r.digest, r.mask))


class Ring:
    def __init__(self, shared, helmctl, results, major="4", recorded=None, helm=None):
        self.shared, self.helmctl, self.results, self.major = os.path.abspath(shared), helmctl, results, major
        self.recorded, self.helm, self.kept = recorded, helm, None
        self.version = wanted_version(major)
        self.archives = {}
        self.apart = 1.1 # seconds between Helm's runs
        os.makedirs(os.path.join(results, "diff"), exist_ok=True)
        os.makedirs(os.path.join(results, "home"), exist_ok=True)
        self.env = {k: v for k, v in os.environ.items() if k not in ("HELM_NAMESPACE", "HELM_DEBUG", "SOURCE_DATE_EPOCH")}
        self.env["KUBECONFIG"] = "/dev/null"  # the namespace of a context would be taken
        home = os.path.abspath(os.path.join(results, "home"))
        self.env.update(LC_ALL="C", HELM_CACHE_HOME=home, HELM_CONFIG_HOME=home, HELM_DATA_HOME=home)
        self.env.setdefault("GOGC", "400")

    def cases(self, words=()):
        found = []
        for line in read(os.path.join(self.shared, "charts/index.tsv")).decode().splitlines()[1:]:
            archive, chart = line.split("\t")[:2]
            archive = "charts/" + archive
            if not os.path.exists(os.path.join(self.shared, archive)):
                continue
            found.append(Case(chart + "/defaults", chart, archive, None, []))
            found.append(Case(chart + "/defaults+apis", chart, archive, None, APIS))
            for path in sorted(glob.glob(os.path.join(self.shared, "charts/values", chart, "*.yaml"))):
                found.append(Case("%s/%s" % (chart, os.path.basename(path)[:-5]), chart, archive, os.path.relpath(path, self.shared), []))
        return [c for c in found if not words or c.name.startswith(tuple(words))]

    # ---- one case

    def inputs(self, case):
        """The digests of chart and values, as they are now."""
        if case.archive not in self.archives:
            self.archives[case.archive] = sha(read(os.path.join(self.shared, case.archive)))
        values = read(os.path.join(self.shared, case.overlay)) if case.overlay else b""
        return self.archives[case.archive], sha(values + " ".join(case.flags).encode())

    def run(self, program, case, more=(), seconds=60):
        args = [program, "template", "rel", case.archive, "--namespace", "conform"] + case.flags + list(more)
        if case.overlay:
            args += ["-f", case.overlay]
        # Helm's messages hold the path it was given: the same in every clone.
        p = subprocess.Popen(args, cwd=self.shared, env=self.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            out, err = p.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            p.kill()
            out, err = p.communicate()
            return Run(124, out, b"Error: took more than %d seconds\n" % seconds)
        return Run(p.returncode, out, err)

    def ours(self, case):
        return self.run(self.helmctl, case, () if self.major == "4" else ("--helm-version", self.major))

    def helms(self, case, n):
        """Helm's Nth run, kept by what went into it; and when it was made."""
        archive, values = self.inputs(case)
        key = sha(" ".join([self.version, archive, values]).encode())[:24]
        base = os.path.join(self.kept, key)
        path = base + "/rc.%d" % n
        if not os.path.exists(path):
            r = self.run(self.helm, case, seconds=300)
            os.makedirs(base, exist_ok=True)
            for name, data in (("out", r.out), ("err", r.err), ("rc", b"%d\n" % r.rc)):
                own = "%s/%s.%d.%d" % (base, name, n, os.getpid()) # another clone may be filling the same folder
                with open(own, "wb") as f:
                    f.write(data)
                os.rename(own, "%s/%s.%d" % (base, name, n))
        return Run(int(read(path)), read("%s/out.%d" % (base, n)), read("%s/err.%d" % (base, n))), os.path.getmtime(path)

    def three(self, case):
        """Helm's runs, a little apart, so that what tells the time varies too."""
        runs = [self.helms(case, 1)[0]]
        for n in (2, 3):
            time.sleep(max(0, self.apart - (time.time() - self.helms(case, n - 1)[1])))
            runs.append(self.helms(case, n)[0])
        return runs

    def diff_path(self, case):
        return os.path.join(self.results, "diff", case.name.replace("/", "_") + ".diff")

    def show(self, case, ours, helm):
        """Writes the difference, and says how much it is."""
        sides = []
        for who, run in (("helm", helm), ("helmctl", ours)):
            sides.append(os.path.join(self.results, "%s.%s" % (case.name.replace("/", "_"), who)))
            with open(sides[-1], "wb") as f:
                f.write(run.out if ours.rc == helm.rc == 0 else run.err)
        p = subprocess.run(["diff", "-u", "--label", "helm", "--label", "helmctl"] + sides, capture_output=True)
        for s in sides:
            os.remove(s)
        with open(self.diff_path(case), "wb") as f:
            f.write(b"\n".join(p.stdout.split(b"\n")[:400]) + b"\n")
        return len(re.findall(rb"^[-+][^-+]", p.stdout, re.M))

    def bytes_equal(self, case, ours, helm, mask=None):
        """Is our run equal to Helm's? What may vary is `mask`, or is found by three runs of Helm. A Result but for its name."""
        if ours.rc != helm.rc:
            self.show(case, ours, helm)
            return "differs", "exit code %d, Helm's %d: %s" % (ours.rc, helm.rc, first_error(ours if ours.rc else helm))
        if told(ours) == told(helm):
            return "equal", "refused" if ours.rc else ""
        if ours.rc:
            self.show(case, ours, helm)
            return "differs", "message: " + first_error(ours)
        mask = masks.rule_of([r.out for r in self.three(case)]) if mask is None else mask
        if mask is not None and mask != "-":
            text = masks.laid(mask, ours.out)
            if text is not None and text == masks.laid(mask, helm.out):
                return "equal", "but for %d lines that vary" % masks.count(mask)
        return "differs", "%d lines" % self.show(case, ours, helm)

    @staticmethod
    def is_recorded(run, record):
        text = told(run) if run.rc else masks.laid(record.mask, run.out)
        return run.rc == record.rc and text is not None and sha(text) == record.digest

    def check(self, case, anew, whole):
        """One case: against its digest; `whole` with the real Helm too, `anew` with a run of its own."""
        record = self.recorded.cases.get(case.name)
        here_now = self.inputs(case)
        known = record is not None and (record.archive, record.values) == here_now
        ours = self.ours(case)
        good = known and self.is_recorded(ours, record)
        if os.path.exists(self.diff_path(case)):
            os.remove(self.diff_path(case))
        if good and not (self.helm and (anew or whole)):
            return Result(case.name, "equal", "refused" if ours.rc else
                          "but for %d lines that vary" % masks.count(record.mask) if record.mask != "-" else "")
        what = "no digest of it is recorded" if record is None else \
            "%s another than the one recorded" % ("its chart is" if record.archive != here_now[0] else "its values or flags are")
        if not self.helm:
            return Result(case.name, "differs", "from what Helm printed, by its digest; no real Helm here to show how: " +
                          (first_error(ours) if ours.rc else "%d lines" % ours.out.count(b"\n"))) if known else \
                Result(case.name, "unknown", what + ", and there is no real Helm here to ask")
        helm = self.run(self.helm, case, seconds=300) if anew else self.helms(case, 1)[0]
        verdict, detail = self.bytes_equal(case, ours, helm, record.mask if known else None)
        if known and not self.is_recorded(helm, record):
            verdict, detail = "stale", "Helm prints something else than is recorded%s (--record)" % \
                ("" if verdict == "equal" else "; and so does helmctl, " + detail)
        elif known and verdict == "equal" and not good:
            verdict, detail = "stale", "equal to Helm, but not by its digest: the mask does not hold (--record)"
        elif not known and verdict == "equal":
            detail = ("; ".join([detail, what]) if detail else what) + " (--record)"
        return Result(case.name, verdict, detail)

    def each(self, work, cases):
        with concurrent.futures.ThreadPoolExecutor(int(os.environ.get("JOBS") or 2)) as pool:
            return list(pool.map(work, cases))

    # ---- all cases

    def record(self, cases):
        """Digests of what Helm prints. What varies is found where helmctl prints something else a minute later."""
        newest = max(self.each(lambda c: self.helms(c, 1)[1], cases))
        time.sleep(max(0, newest + 61 - time.time()))
        made = Recorded("")
        made.version = self.version

        def one(case):
            helm, mask = self.helms(case, 1)[0], "-"
            if helm.rc == 0 and self.ours(case)[:2] != helm[:2]: # stderr may hold warnings
                mask = masks.rule_of([r.out for r in self.three(case)])
                if mask is None:
                    return case, None
            return case, Record(*self.inputs(case), helm.rc, sha(told(helm) if helm.rc else masks.laid(mask, helm.out)), mask)

        left = 0
        for case, r in self.each(one, cases):
            if r is None:
                left += 1
                print("%s: varies in a way that no rule tells, left out" % case.name)
            else:
                made.cases[case.name] = r
        return made, left


def find_helm(major):
    """The path of the real Helm, built when it is missing; None where there is no Go."""
    build = os.path.join(ROOT, "tests/peers/build.sh")
    folder = subprocess.run([build, "--dir"], capture_output=True, text=True).stdout.strip()
    subprocess.run([build, "helm" + major], check=False)
    path = os.path.join(folder, "helm" + major)
    return path if os.access(path, os.X_OK) else None


def shift():
    p = subprocess.run(["git", "-C", ROOT, "rev-list", "--count", "HEAD"], capture_output=True, text=True)
    return int(os.environ.get("HC_CONFORM_SHIFT") or p.stdout.strip() or 0)


def lines_of(path):
    return set(read(path).decode().split()) if os.path.exists(path) else set()


def main():
    words = sys.argv[1:]
    options = {w for w in words if w.startswith("--")}
    words = [w for w in words if not w.startswith("--")]
    if options - {"--helm3", "--update", "--record"}:
        sys.exit(__doc__)
    major = "3" if "--helm3" in options else "4"
    end = "3" if major == "3" else ""
    expected_path, recorded_path = (os.path.join(here, n % end) for n in ("expected-pass%s.txt", "recorded%s.tsv"))
    shared = os.environ.get("HC_SHARED") or os.path.join(ROOT, "..", "shared")
    helmctl = os.path.abspath(os.environ.get("HELMCTL") or os.path.join(ROOT, "build/release/bin/helmctl"))
    results = (os.environ.get("HC_CONFORM_DIR") or os.path.join(ROOT, "build/conform")) + end
    if not os.path.exists(os.path.join(shared, "charts/index.tsv")):
        print("SKIP: no charts in %s/charts (HC_SHARED says where they are)" % shared)
        return 77
    if not os.access(helmctl, os.X_OK):
        sys.exit("no program at %s: build it first" % helmctl)
    ring = Ring(shared, helmctl, results, major, Recorded(recorded_path), find_helm(major))
    ring.kept = os.environ.get("HC_CONFORM_REF") or subprocess.run([os.path.join(ROOT, "tests/tool/cache.sh"), "conform"],
                                                                   capture_output=True, text=True, check=True).stdout.strip()
    whole = os.environ.get("HC_CONFORM") == "all"
    cases = ring.cases(words)
    if "--record" in options or whole:
        if not ring.helm:
            print("SKIP: no real Helm %s on this machine, and no Go to build it with" % major)
            return 77
    if "--record" in options:
        made, left = ring.record(cases)
        if words: # the others stay
            made.cases = {**ring.recorded.cases, **made.cases}
        made.write(recorded_path)
        print("%d cases recorded, %d of them with a mask" % (len(made.cases), sum(r.mask != "-" for r in made.cases.values())))
        return 1 if left else 0
    if ring.recorded.version != ring.version:
        print("%s is of Helm %s, and tests/peers/helm%s builds %s: --record" % (os.path.basename(recorded_path), ring.recorded.version,
                                                                              major, ring.version))
        return 1

    taken = cases
    if major == "3" and not whole and not words and "--update" not in options:
        taken = cases[3::4]
    at = shift()
    anew = {c.name for i, c in enumerate(taken) if i % SAMPLE == at % SAMPLE} if ring.helm and not words else set()
    done = ring.each(lambda c: ring.check(c, c.name in anew, whole or bool(words)), taken)
    done.sort()
    with open(os.path.join(results, "results.txt"), "w") as f:
        f.writelines("%s\t%s\t%s\n" % r for r in done)
    bad = [r for r in done if r.verdict != "equal"]
    for r in bad:
        print("%s\t%s\t%s" % r)
    changed = sum("(--record)" in r.detail for r in done if r.verdict == "equal")
    if changed:
        print("%d cases are not those recorded, and were compared with the real Helm (--record)" % changed)
    equal = {r.name for r in done if r.verdict == "equal"}
    print("%d of %d renders equal (%d charts, %d of them with a difference), %s; details in %s" % (
        len(equal), len(done), len({c.chart for c in taken}), len({r.name.split("/")[0] for r in bad}),
        "no real Helm on this machine: by their digests alone" if not ring.helm else
        "all beside the real Helm" if whole or words else "%d of them beside the real Helm" % len(anew), results))
    if words:
        return 0
    if "--update" in options:
        with open(expected_path, "w") as f:
            f.writelines(n + "\n" for n in sorted(equal))
        return 0
    expected = lines_of(expected_path)
    left_out = {c.name for c in cases} - {c.name for c in taken}
    unlisted, lost = sorted(equal - expected), sorted(expected - left_out - equal)
    if unlisted:
        print("equal and not yet listed (--update adds them): " + " ".join(unlisted)[:600])
    if lost:
        print("listed as equal, and not: " + " ".join(lost))
    return 1 if lost or any(r.verdict == "stale" for r in bad) else 0


if __name__ == "__main__":
    sys.exit(main())
