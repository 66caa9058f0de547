"""Runs the same small charts through the real Helm and through helmctl, thousands a minute.

An *expression case* is a template expression with its data; many are packed into one chart, one a line. Helm's engine is
asked for some lines at once and for those that it refuses one by one (`cases` of helm4-many: a tenth of the cost of a command), helmctl for the lines that Helm
renders at once and for the others one by one; where they differ both are asked once more by the whole command, which
decides. To record, both run the whole command: when either stops at an error the case of that line is taken out (equal
if both said the same, else both are asked about it alone) and the rest runs again. A *chart case* is a small chart of its own with the arguments it is rendered with.
"""
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import engines
from engines import error_text, remove, scratch

SEP = b"\x1e\x1e\n"
CHART = "apiVersion: v2\nname: c\nversion: 0.1.0\n"


class Expr:
    """One expression; @0, @1, ... in it stand for the data (text or bytes)."""

    def __init__(self, gen, text, *data):
        self.gen, self.text, self.data = gen, text, [d.encode() if isinstance(d, str) else d for d in data]

    def show(self):
        return self.text + "".join("  @%d=%r" % (i, d) for i, d in enumerate(self.data))

    def to_json(self):
        return {"gen": self.gen, "expr": self.text, "data": [d.decode("latin-1") for d in self.data]}

    @staticmethod
    def from_json(o):
        return Expr(o["gen"], o["expr"], *[d.encode("latin-1") for d in o["data"]])


class Chart:
    """Files (name to text) and the arguments after `template r .`"""

    def __init__(self, gen, files, args=(), warnings=False):
        self.gen, self.args, self.warnings = gen, list(args), warnings
        self.files = {k: v.encode() if isinstance(v, str) else v for k, v in files.items()}

    def show(self):
        return " ".join(map(repr, self.args)) + "".join("\n--- %s\n%s" % (k, v.decode("utf-8", "backslashreplace"))
                                                        for k, v in sorted(self.files.items()))

    def to_json(self):
        return {"gen": self.gen, "args": self.args, "warnings": self.warnings,
                "files": {k: v.decode("latin-1") for k, v in self.files.items()}}

    @staticmethod
    def from_json(o):
        return Chart(o["gen"], {k: v.encode("latin-1") for k, v in o["files"].items()}, o["args"], o["warnings"])


def write_files(folder, files):
    for name, body in files.items():
        path = os.path.join(folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as f:
            f.write(body)


HEAD = '{{- $d := splitList "\\x1e\\x1e\\n" (.Files.Get "data") }}\n'


def line(i, case, first):
    """The case in a template, its data from $d's entry `first` on."""
    expr = case.text
    for k in range(len(case.data) - 1, -1, -1):
        expr = expr.replace("@%d" % k, "(index $d %d)" % (first + k))
    return "# @%d {{ $x := %s }}{{ printf \"%%T\\t%%q\" $x (print $x) }}\n" % (i, expr.replace("\n", " "))


def template_of(cases):
    """A template of these cases alone, with their data, numbered from 0 on."""
    texts, lines = ['""'], []
    for i, c in enumerate(cases):
        lines.append(line(i, c, len(texts)))
        texts += ['"%s"' % "".join("\\x%02x" % b for b in d) for d in c.data]
    return "{{- $d := list %s }}\n%s" % (" ".join(texts), "".join(lines))


def write_data(folder, cases):
    """The data of all in one file. Gives the line of each."""
    blobs, lines = [b""], []
    for i, c in enumerate(cases):
        lines.append(line(i, c, len(blobs)))
        blobs += c.data
    with open(folder + "/data", "wb") as f:
        f.write(SEP.join(blobs))
    return lines


def write_pack(folder, cases):
    lines = write_data(folder, cases)
    with open(folder + "/templates/t.yaml", "wb") as f:
        f.write((HEAD + "".join(lines)).encode("utf-8", "surrogateescape"))


def pack_folder():
    folder = scratch()
    write_files(folder, {"Chart.yaml": CHART.encode(), "templates/x": b""})
    os.remove(folder + "/templates/x")
    return folder


def warnings_text(err):
    """The warnings, each once and sorted: Helm works through maps in any order, and coalesces more often than needed.
    The value that Helm puts behind some is not shown by us: it may be secret."""
    lines = (re.sub(rb"^time=\S+ ", b"", l) for l in err.split(b"\n") if re.match(rb"(time=\S+ )?level=", l))
    return b"\n".join(sorted(set(re.sub(rb"((?:non table for|is a table\. Ignoring non-table value).*?) \(.*\)\"$", rb'\1"', l)
                                 for l in lines)))


def same_error(a, b):
    """Schema errors come in any order."""
    return a == b or sorted(a.split(b"\n")) == sorted(b.split(b"\n"))


def results(out):
    return {int(m[1]): m[2] for m in re.finditer(rb"^# @(\d+) (.*)$", out, re.M)}


class Differ:
    def __init__(self, helm, ours, report=None, record=None):
        self.helm, self.ours, self.folder, self.bare = helm, ours, pack_folder(), pack_folder()
        self.report, self.record, self.equal, self.single = report, record, None, []
        self.cases = self.differences = self.refused = self.varies = 0

    def close(self):
        for folder in [self.folder, self.bare] + self.single:
            remove(folder)

    def said(self, case, helm, ours):
        self.cases += 1
        if helm[0] != "ok":
            self.refused += 1
        if self.record:
            self.record(case, helm)
        if self.same(helm, ours):
            if self.equal:
                self.equal(case, helm)
            return
        self.differences += 1
        if self.report:
            self.report(case, helm, ours)

    @staticmethod
    def same(helm, ours):
        return helm == ours or (helm[0] == ours[0] == "error" and same_error(helm[1], ours[1]))

    def both(self, cases):
        write_pack(self.folder, cases)
        args = ["template", "r", "."]
        return self.helm.run(args, self.folder), self.ours.run(args, self.folder)

    @staticmethod
    def line(err):
        m = re.search(rb"c/templates/t\.yaml:(\d+)", err)
        return int(m[1]) - 2 if m else None

    @staticmethod
    def outcome(run, i=0):
        if run[0] != 0:
            text = re.sub(rb"t\.yaml:\d+(:\d+)?", b"t.yaml:N", error_text(run[2]))  # places depend on the pack
            return "error", re.sub(rb"index \$d \d+", b"index $d N", text)
        return "ok", results(run[1]).get(i)

    def alone(self, case):
        h, o = self.both([case])
        self.said(case, self.outcome(h), self.outcome(o))

    def exprs(self, cases):
        """Compares; what differs is told by `alone`."""
        cases = list(cases)
        if not cases:
            return
        lines = write_data(self.folder, cases)
        helm = self.helm_of(cases)
        good = [i for i, h in enumerate(helm) if h[0] == "ok"]
        with open(self.folder + "/templates/t.yaml", "wb") as f:
            f.write((HEAD + "".join(lines[i] for i in good)).encode("utf-8", "surrogateescape"))
        run = self.ours.run(["template", "r", "."], self.folder)
        ours = results(run[1]) if run[0] == 0 else {}
        rest = self.ours_alone([c for i, c in enumerate(cases) if i not in ours])
        for i, c in enumerate(cases):
            got = ("ok", ours[i]) if i in ours else next(rest)
            if self.same(helm[i], got):
                self.said(c, helm[i], got)
            else:
                self.alone(c)

    def ours_alone(self, cases, at_once=200):
        """What we say of each, in a chart of its own."""
        for start in range(0, len(cases), at_once):
            some = cases[start:start + at_once]
            self.single += [pack_folder() for _ in range(len(some) - len(self.single))]
            for folder, c in zip(self.single, some):
                with open(folder + "/templates/t.yaml", "wb") as f:
                    f.write(template_of([c]).encode("utf-8", "surrogateescape"))
            for run in self.ours.run_in(["template", "r", "."], self.single[:len(some)]):
                yield self.outcome(run)

    def helm_of(self, cases, together=20):
        """What Helm's engine says of each: some at once, and one by one where it refuses one of them."""
        groups = [cases[i:i + together] for i in range(0, len(cases), together)]
        said = []  # None: to be asked about alone
        for group, a in zip(groups, self.helm.templates([(template_of(g), "") for g in groups], self.bare, "")):
            found = results(a[1]) if a[0] == "ok" else {}
            if len(group) == 1:
                said.append(self.engine(a))
            elif len(found) == len(group):
                said += [("ok", found[i]) for i in range(len(group))]
            else:
                said += [None] * len(group)
        alone = [c for c, s in zip(cases, said) if s is None]
        rest = iter(self.helm_of(alone, 1) if alone else [])
        return [s or next(rest) for s in said]

    @staticmethod
    def engine(answer):
        """An answer of Helm's engine, which knows the template as NOTES.txt, as `outcome` has it."""
        if answer[0] == "ok":
            return "ok", next(iter(results(answer[1]).values()), None)
        text = re.sub(rb"NOTES\.txt:\d+(:\d+)?", b"t.yaml:N", error_text(answer[1]))
        return "error", re.sub(rb"index \$d \d+", b"index $d N", text)

    def exprs_by_command(self, cases):
        cases = list(cases)
        while cases:
            h, o = self.both(cases)
            if h[0] == 0 and o[0] == 0:
                hr, orr = results(h[1]), results(o[1])
                for i, c in enumerate(cases):
                    self.said(c, ("ok", hr.get(i)), ("ok", orr.get(i)))
                return
            if len(cases) == 1:
                self.said(cases[0], self.outcome(h), self.outcome(o))
                return
            out = set()
            for r in (h, o):
                if r[0] != 0:
                    n = self.line(r[2])
                    if n is not None and 0 <= n < len(cases):
                        out.add(n)
            if h[0] != 0 and o[0] != 0 and len(out) == 1 and error_text(h[2]) == error_text(o[2]):
                self.said(cases[min(out)], self.outcome(h), self.outcome(o))
            elif out:
                for n in out:
                    self.alone(cases[n])
            else:
                half = len(cases) // 2
                self.exprs_by_command(cases[:half])
                self.exprs_by_command(cases[half:])
                return
            cases = [c for i, c in enumerate(cases) if i not in out]

    def chart(self, case):
        folder = scratch()
        try:
            write_files(folder, case.files)
            args = ["template", "r", "."] + case.args
            h, o = self.helm.run(args, folder), self.ours.run(args, folder)
            h, o = self.chart_outcome(case, h, folder), self.chart_outcome(case, o, folder)
            if h[0] == o[0] == "ok":
                h = ("ok", h[1], self.without_look_ups(h[2], o[2]))
            self.said(case, h, o)
        finally:
            remove(folder)

    @staticmethod
    def without_look_ups(helm, ours):
        """To decide what is enabled, Helm lays defaults over each other once more for each chart with dependencies, also under
        names and paths that do not last, and warns of that too. We tell what lasts."""
        told = ours.split(b"\n")
        return b"\n".join(l for l in helm.split(b"\n") if l in told or not re.match(
            rb'level=INFO msg="(warning: (skipped value|cannot overwrite|destination for|skipping globals)|key |Conflict: )', l))

    @staticmethod
    def chart_outcome(case, run, folder):
        where = lambda t: t.replace(folder.encode(), b"DIR")
        warn = where(warnings_text(run[2])) if case.warnings else b""
        if run[0] != 0:
            return "error", where(error_text(run[2]))
        return "ok", where(run[1]), warn
