"""package, dependency, create, show."""
from run import case, Dir, Link, Tgz, Zeros

BASE = "apiVersion: v2\nname: c\nversion: 0.1.0\n"
OK = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n"
SUB = {"charts/s/Chart.yaml": "apiVersion: v2\nname: s\nversion: 1.2.3\n", "charts/s/values.yaml": "x: 1\n"}
SUB_TGZ = Tgz({"s/Chart.yaml": "apiVersion: v2\nname: s\nversion: 1.2.3\n", "s/values.yaml": "x: 1\n"})
EPOCH = {"SOURCE_DATE_EPOCH": "1700000000"}


def chart(meta=BASE, **files):
    out = {"chart/Chart.yaml": meta, "chart/templates/t.yaml": OK, "chart/values.yaml": "a: 1\n"}
    for name, body in files.items():
        if body is None:
            out.pop("chart/" + name, None)
        else:
            out["chart/" + name] = body
    return out


# ---- package
def package(name, files, args="chart -d out", env=EPOCH, **more):
    case("package/" + name, files, "package " + args, env=env, tree="out", **{"helm3": True, **more})


FULL = chart(BASE + "# comment\nappVersion: 1.0\nkeywords: [b, a]\n", **{
    "README.md": "r", ".helmignore": "secret\n", "secret": "s", "crds/a.yaml": "x: y\n", "files/b.txt": "b",
    "values.schema.json": "{}", "templates/sub/u.yaml": "u: 1\n", "templates/NOTES.txt": "n", "LICENSE": "l",
    "Chart.lock": "dependencies: []\ndigest: sha256:x\ngenerated: \"2020-01-01T00:00:00Z\"\n"})
package("full", FULL)
package("version", FULL, "chart -d out --version 2.0.0-rc.1+x --app-version '3'")
package("v1", chart("apiVersion: v1\nname: c\nversion: 0.1.0\n", **{
    "requirements.yaml": "dependencies:\n- {name: s, version: 1.2.3}\n", "requirements.lock": "digest: x\n", **SUB}))
package("subchart", chart(BASE + "dependencies:\n- {name: s, version: 1.2.3, condition: s.on}\n", **SUB))
package("subchart-tgz", chart(BASE + "dependencies:\n- {name: s, version: 1.2.3}\n", **{"charts/s-1.2.3.tgz": SUB_TGZ}))
package("bom", chart(**{"values.yaml": "\ufeffa: 1\n"}))
package("link", {**chart(**{"a.txt": Link("../out.txt")}), "out.txt": "x"})
package("long-name", chart(**{"templates/" + "d" * 90 + "/" + "x" * 60 + ".yaml": OK, "é.txt": "x"}))
package("missing-dep", chart(BASE + "dependencies:\n- {name: s, version: 1.2.3}\n"))
package("bad-schema", chart(**{"values.schema.json": "{"}))
package("bad-version", chart(), "chart -d out --version abc")
package("bad-chart", chart("name: c\n"))
package("api-v7", chart("apiVersion: v7\nname: c\nversion: 0.1.0\n"))
package("no-chart", {"x/y": ""}, "x -d out")
package("no-path", {"x/y": ""}, "nothere -d out")
package("file", {"x": "abc"}, "x -d out")
package("dest-file", {**chart(), "out": "x"}, "chart -d out", differs="the way to the file is named as given")
package("two", {**chart(), "other/Chart.yaml": "apiVersion: v2\nname: o\nversion: 1.0.0\n"}, "chart other -d out")
package("here", chart(), "chart", then="show chart c-0.1.0.tgz", helm3=False)
package("dest-slash", chart(), "chart -d ./out/deep/")
package("version-unset", chart(), "chart -d out --version '' --app-version ''")
package("app-version-lines", chart(), "chart -d out --app-version 'a\n\tb\u200bc'")
for key, dest in {"empty": "''", "dot": ".", "dot-slash": "./", "up": "out/.."}.items():
    case("package/dest-" + key, {**chart(), "out/x": ""}, "package chart -d " + dest, env={"SOURCE_DATE_EPOCH": "1700000000"}, tree=".")
case("package/no-args", {"x": ""}, "package")
package("sign-no-key", chart(), "chart --sign -d out")
package("epoch-bad", chart(), env={"SOURCE_DATE_EPOCH": "abc"})
package("epoch-negative", chart(), env={"SOURCE_DATE_EPOCH": "-5"})
package("epoch-zero", chart(), env={"SOURCE_DATE_EPOCH": "0"})
LOCAL = {**chart(BASE + "dependencies:\n- {name: s, version: 1.x.x, repository: 'file://../s', alias: q}\n"),
         "s/Chart.yaml": "apiVersion: v2\nname: s\nversion: 1.2.3\n", "s/values.yaml": "x: 1\n"}
package("update", LOCAL, "chart -d out -u", helm3=False)  # Helm 3's lock holds the time of now
package("update-none", chart(), "chart -d out -u")
package("update-missing", {k: v for k, v in LOCAL.items() if not k.startswith("s/")}, "chart -d out -u")


# ---- dependency
def dep(name, files, args="dependency list chart", **more):
    case("dependency/" + name, files, args, keep_order=True, **more)


ONE = BASE + "dependencies:\n- name: s\n  version: {}\n  repository: https://example.com/charts\n"
dep("none", chart())
dep("none-dot", {"Chart.yaml": BASE}, "dependency list")
dep("none-listed", {"Chart.yaml": BASE + "dependencies: []\n"})
dep("none-slash", chart(), "dep ls ./chart/")
dep("missing", chart(ONE.format("1.2.3")))
dep("unpacked", chart(ONE.format("1.2.3"), **SUB))
dep("unpacked-range", chart(ONE.format("'>=1.0.0'"), **SUB))
dep("unpacked-wrong", chart(ONE.format("2.0.0"), **SUB))
dep("unpacked-invalid", chart(ONE.format("abc"), **SUB))
dep("packed", chart(ONE.format("1.2.3"), **{"charts/s-1.2.3.tgz": SUB_TGZ}))
dep("packed-range", chart(ONE.format("^1"), **{"charts/s-1.2.3.tgz": SUB_TGZ}))
dep("packed-wrong", chart(ONE.format("2.0.0"), **{"charts/s-1.2.3.tgz": SUB_TGZ}))
dep("packed-invalid", chart(ONE.format("a.b"), **{"charts/s-1.2.3.tgz": SUB_TGZ}))
dep("packed-twice", chart(ONE.format("1.2.3"), **{"charts/s-1.2.3.tgz": SUB_TGZ, "charts/s-1.2.4.tgz": SUB_TGZ}))
dep("packed-two-one-version", chart(ONE.format("1.2.3"), **{"charts/s-1.2.3.tgz": SUB_TGZ, "charts/s-t-1.0.0.tgz": Tgz(
    {"s-t/Chart.yaml": "apiVersion: v2\nname: s-t\nversion: 1.0.0\n"})}))
dep("packed-misnamed", chart(ONE.format("1.2.3"), **{"charts/s-1.2.3.tgz": Tgz(
    {"t/Chart.yaml": "apiVersion: v2\nname: t\nversion: 1.2.3\n"})}))
dep("unlisted", chart(BASE + "dependencies:\n- {name: a, version: 1}\n", **SUB))
dep("unlisted-tgz", chart(BASE + "dependencies:\n- {name: a, version: 1}\n", **{"charts/s-1.2.3.tgz": SUB_TGZ, "charts/_x/a": "",
                                                                             "charts/.y/b": ""}))
dep("long", chart(BASE + "dependencies:\n- {name: " + "n" * 100 + ", version: 1, repository: 'https://" + "r" * 90 + "'}\n- {name: é, version: 2}\n"))
dep("width", chart(ONE.format("1.2.3")), "dependency list chart --max-col-width 10")
dep("width-negative", chart(ONE.format("1.2.3")), "dependency list chart --max-col-width -1")
dep("width-2", chart(ONE.format("1.2.3")), "dependency list chart --max-col-width 2")
dep("width-0", chart(ONE.format("1.2.3")), "dependency list chart --max-col-width 0")
dep("alias", chart(BASE + "dependencies:\n- {name: s, version: 1.2.3, alias: q}\n", **SUB))
dep("v1", chart("apiVersion: v1\nname: c\nversion: 0.1.0\n", **{"requirements.yaml": "dependencies:\n- {name: s, version: 1.2.3}\n", **SUB}))
dep("archive", {"c.tgz": Tgz({"c/Chart.yaml": ONE.format("1")})}, "dependency list c.tgz")
dep("no-path", {"x/y": ""}, "dependency list nothere")
dep("no-chart", {"x/y": ""}, "dependency list x")
dep("bad-chart", chart("a: [\n"))
dep("api-v7", chart("apiVersion: v7\nname: c\nversion: 0.1.0\n"))
case("dependency/update-local", LOCAL, "dependency update chart", env=EPOCH, tree="chart",
     differs="Helm's lock holds the time of now; the tree is compared by package/update")
case("dependency/update-none", chart(), "dependency update chart", tree="chart")

# ---- create
case("create/plain", {"x": ""}, "create web", then="template rel web")
case("create/path", {"a/b/x": ""}, "create a/b/web", then="template rel a/b/web --set ingress.enabled=true,autoscaling.enabled=true")
case("create/bad-name", {"x": ""}, "create 'a b'")
case("create/long-name", {"x": ""}, "create " + "a" * 251)
case("create/no-parent", {"x": ""}, "create nothere/web")
case("create/is-file", {"web": "x"}, "create web")
case("create/twice", {"web/values.yaml": "x: 1\n", "web/templates/own.yaml": "o: 1\n"}, "create web", then="template rel web")
case("create/no-args", {"x": ""}, "create")
case("create/two-args", {"x": ""}, "create a b")
case("create/api-v9", {"x": ""}, "create a --chart-api-version v9", differs="v3 is not offered")
STARTER = {"data/starters/st/Chart.yaml": "apiVersion: v2\nname: st\nversion: 9.9.9\ndescription: mine\n",
           "data/starters/st/values.yaml": "# of <CHARTNAME>\nname: <CHARTNAME>\n", "data/starters/st/README.md": "about <CHARTNAME>\n",
           "data/starters/st/templates/t.yaml": "n: <CHARTNAME> {{ .Values.name }}\n", "data/starters/st/values.schema.json": "{}",
           "data/starters/st/.helmignore": "x\n"}
case("create/starter", STARTER, "create web -p st", tree="web", then="template rel web")
case("create/starter-missing", STARTER, "create web -p nope")
case("create/starter-bad", {"data/starters/st/Chart.yaml": "a: [\n"}, "create web -p st")
case("create/starter-over", {**STARTER, "web/own.txt": "x"}, "create web --starter st", tree="web")

# ---- show
SHOWN = chart(BASE + "appVersion: 1.10\nicon: http://x\nannotations: {b: '1', a: '2'}\n", **{
    "README.md": "readme\n", "crds/a.yaml": "a: 1\n", "crds/b.yaml": "---\nb: 1\n", "crds/sub/c.json": "{}", "crds/x.txt": "no",
    "charts/s/Chart.yaml": "apiVersion: v2\nname: s\nversion: 1.0.0\n", "charts/s/crds/s.yaml": "s: 1\n",
    "values.yaml": "# c\nimage:\n  tag: '1'\n  list: [1, 2.5, x, {k: v}]\nn: null\nb: true\nbig: 1234567\nempty: {}\n"})
for what in ("all", "chart", "values", "readme", "crds"):
    case("show/" + what, SHOWN, f"show {what} chart", helm3=True)
    case("show/bare-" + what, {"chart/Chart.yaml": BASE}, f"inspect {what} chart", helm3=True)
case("show/readme-txt", chart(**{"ReadMe.TXT": "t\n", "readme": "r\n"}), "show readme chart", helm3=True)
case("show/archive", {"c.tgz": Tgz({"c/Chart.yaml": BASE, "c/values.yaml": "a: b"})}, "show all c.tgz", helm3=True)
case("show/no-path", {"x": ""}, "show chart ./nothere", helm3=True)
case("show/bad", chart("a: [\n"), "show values chart", helm3=True)
case("show/no-args", {"x": ""}, "show values", differs="the usage line is that of show")
case("show/devel", SHOWN, "show chart chart --devel --version 1")
case("show/deps", chart(BASE + "dependencies:\n- {name: a, version: 1, repository: r, tags: [t], import-values: [x, {child: c, parent: p}]}\n"), "show chart chart")

# ---- what flags are given, of every kind
for at, args in enumerate((
        "--timeout -5m", "--timeout 0s", "--timeout 5", "--timeout 1h30", "--timeout +1.5h", "--timeout ''",
        "--labels a=b,c", "--labels a", "--labels a=b,c=d", "--labels a=b,c=d,e", "--labels ''", "--labels '\"a=b\"'",
        "--burst-limit 0x10", "--burst-limit 08", "--burst-limit 0b2", "--burst-limit 1_000", "--burst-limit 1__0", "--burst-limit +3",
        "--burst-limit 9223372036854775808", "--burst-limit -9223372036854775808", "--burst-limit ''", "--burst-limit 1e3",
        "--qps x", "--qps 1e3", "--qps ''", "--color never", "--debug=maybe", "--no-hooks=0", "-n ''", "--namespace=", "-n=x", "-nx",
        "-f=", "-n=", "-g=", "-gx", "-gs", "--help=false", "--help=x", "-=x", "--=x", "---x", "--set", "--set=", "-s", "--", "--wait=bogus", "--kube-version x")):
    case(f"flags/{at:02}", chart(), "template rel chart " + args)
for name in ("bogus", "''"):
    case("flags/color-" + name.strip("'"), chart(), "template rel chart --color " + name, differs="Helm says it as a line of its log")
for at, args in enumerate(("-1", "0x10", "+1", "x", "18446744073709551616")):
    case(f"flags/uint-{at}", chart(), "dependency list chart --max-col-width " + args)
for at, args in enumerate(("x", "0x10", "99999999999999999999", "''")):
    case(f"flags/revision-{at}", {"x": ""}, "rollback a " + args)
case("flags/of-another-verb", {"x": ""}, "repo list --username a")
