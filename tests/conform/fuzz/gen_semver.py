"""Versions, constraints, and where charts use them."""
from peer import Chart, Expr


def ident(r):
    return r.choice(["alpha", "beta", "rc", "0", "1", "10", "01", "a-b", "-", "x", "rc1", "20200101", "é", "_", ""] if r.random() < .15 else ["alpha", "beta", "rc", "1", "2", "10", "a-b"])


def version(r):
    n = lambda: r.choice(["0", "1", "2", "3", "10", "01", "x", "", "99999999999999999999", "-1"] if r.random() < .12 else ["0", "1", "1", "2", "3", "10"])
    s = r.choice(["", "", "", "v", "V", "=", " ", "vv"] if r.random() < .3 else ["", "v"]) + ".".join(n() for _ in range(r.choice([1, 2, 3, 3, 3, 3, 4])))
    if r.random() < .35:
        s += "-" + ".".join(ident(r) for _ in range(r.randint(1, 3)))
    if r.random() < .2:
        s += "+" + ".".join(ident(r) for _ in range(r.randint(1, 2)))
    if r.random() < .06:
        s += r.choice([" ", "\n", "x", "-", "+", ".", "é"])
    return s


def bound(r):
    n = lambda: r.choice(["0", "1", "2", "3", "10", "x", "X", "*"] if r.random() < .3 else ["0", "1", "1", "2", "3"])
    s = ".".join(n() for _ in range(r.choice([1, 2, 3, 3])))
    if r.random() < .25:
        s += "-" + ".".join(ident(r) for _ in range(r.randint(1, 2)))
    if r.random() < .08:
        s += "+" + ident(r)
    return r.choice(["", "", "v"]) + s


def constraint(r):
    def one():
        k = r.random()
        if k < .12:
            return bound(r) + r.choice([" - ", " - ", "-", " -", "- "]) + bound(r)
        return r.choice(["", "", "=", "!=", ">", "<", ">=", "<=", "=>", "=<", "~", "~>", "^", "==", "><", "~=", "!"] if r.random() < .2 else ["", "=", "!=", ">", "<", ">=", "<=", "~", "^"]) + r.choice(["", "", " ", "  "]) + bound(r)
    s = r.choice([" || ", "||", " ||"]).join(r.choice([", ", ",", " ", "  ", " , "]).join(one() for _ in range(r.choice([1, 1, 1, 2, 3]))) for _ in range(r.choice([1, 1, 1, 2])))
    if r.random() < .05:
        s = r.choice(["", "*", "x", " ", "||", "a", ">", ">=", ",", "1,,2", "latest", "1 2", "|| 1", "1 ||", "1.2.3.4", ">1.x.3", "*.1", "1.*.2", "~x", "^*", "!=*", ">*", "<x"])
    return s


def semver(r):
    e = r.choice(["semverCompare @1 @0"] * 6 + ["semver @0", "semver @0 | toJson", "(semver @0).Original", "(semver @0).Prerelease", "(semver @0).Metadata", "(semver @0).Major", "(semver @0).Compare (semver @2)", "(semver @0).IncMinor", "(semver @0).LessThan (semver @2)", "(semver @0).Equal (semver @2)", "(semver @0).IncPatch", '(semver @0).SetPrerelease "a"', "(semver @0).String", "(semver @0).GreaterThan (semver @2)"])
    return Expr("semver", e, version(r), constraint(r), version(r))


def kube(r):
    """kubeVersion of a chart, a version range of a dependency."""
    if r.random() < .5:
        c = constraint(r)
        return Chart("semver_chart", {"Chart.yaml": "apiVersion: v2\nname: c\nversion: 0.1.0\nkubeVersion: %s\n" % quoted(c), "templates/t.yaml": "# {{ .Capabilities.KubeVersion.Version }} {{ .Capabilities.KubeVersion }} {{ .Capabilities.KubeVersion.Minor }}\n"}, ["--kube-version", version(r)] if r.random() < .8 else [])
    return Chart("semver_chart", {"Chart.yaml": "apiVersion: v2\nname: c\nversion: %s\ndependencies:\n- name: d\n  version: %s\n  repository: ''\n" % (quoted(version(r)), quoted(constraint(r))),
                                  "charts/d/Chart.yaml": "apiVersion: v2\nname: d\nversion: %s\n" % quoted(version(r)), "templates/t.yaml": "# {{ .Chart.Version }} {{ .Values }}\n", "charts/d/templates/t.yaml": "# {{ .Chart.Version }}\n"})


def quoted(s):
    import json
    return json.dumps(s, ensure_ascii=False)


GENERATORS = {"semver": (semver, 40), "semver_chart": (kube, 1)}
