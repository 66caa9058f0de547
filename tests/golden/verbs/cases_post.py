"""--post-renderer: plugins with Helm 4, programs with Helm 3."""
from run import LOGS, MORE, Program, case

BASE = {"chart/Chart.yaml": "apiVersion: v2\nname: c\nversion: 0.1.0\n"}
CM = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {}\n"
HOOK = "  annotations:\n    helm.sh/hook: pre-install\n    helm.sh/hook-weight: \"-5\"\n"
PLAIN = {**BASE, "chart/templates/a.yaml": CM.format("a") + "data: {k: v}\n", "chart/templates/b.yaml": CM.format("b") + HOOK,
         "chart/templates/NOTES.txt": "notes", "chart/crds/x.yaml": "kind: X\n", "chart/templates/_h.tpl": "{{/* */}}x: 1\n"}


def plugin(name, script, meta="", command="$HELM_PLUGIN_DIR/run.sh", args="", **fields):
    f = {"apiVersion": "v1", "name": name, "type": "postrenderer/v1", "runtime": "subprocess", "version": "1.0.0", **fields}
    text = "".join(f"{k}: {v}\n" for k, v in f.items() if v is not None)
    text += f"config: {{}}\nruntimeConfig:\n  platformCommand:\n  - command: {command}\n{args}" + meta
    return {f"data/plugins/{name}/plugin.yaml": text, f"data/plugins/{name}/run.sh": Program("#!/bin/sh\n" + script)}


CAT = plugin("cat", "exec cat\n")


def post(name, files, args="chart --post-renderer cat", **more):
    case("post/" + name, files, "template " + args, **more)


post("cat", {**PLAIN, **CAT})
post("crds", {**PLAIN, **CAT}, "chart --post-renderer cat --include-crds")
post("no-hooks", {**PLAIN, **CAT}, "chart --post-renderer cat --no-hooks")
post("show-only", {**PLAIN, **CAT}, "chart --post-renderer cat -s templates/b.yaml")
post("output-dir", {**PLAIN, **CAT}, "chart --post-renderer cat --output-dir out", tree="out")
post("seen", {**PLAIN, **plugin("p", "echo 'apiVersion: v1'\necho 'kind: Seen'\necho 'text: |'\nsed 's/^/  /'\n")},
     "chart --post-renderer p")
post("args", {**PLAIN, **plugin("p", "for a; do echo \"- <$a>\"; done | sed '1s/^/a: v\\nl:\\n/'\n",
                                args="    args: ['$HELM_PLUGIN_NAME', '${HOMEX}-', '$$x', 'a $ b', '${', '${}', '$-', plain]\n")},
     "chart --post-renderer p --post-renderer-args one --post-renderer-args 'two three,four' --post-renderer-args ''")
post("args-first", {**PLAIN, **plugin("p", "echo \"a: $1\"\n")}, "chart --post-renderer-args x --post-renderer p")
post("command-args", {**PLAIN, **plugin("p", "", command="\"echo a: 'b\"")}, "chart --post-renderer p")
post("drop", {**PLAIN, **plugin("p", "sed '/^---$/,$d'\n")}, "chart --post-renderer p")
post("new", {**PLAIN, **plugin("p", "cat\nprintf -- '---\\nkind: N\\n---\\nkind: M\\n# end\\n---\\n# only\\n'\n")},
     "chart --post-renderer p")
post("rename", {**PLAIN, **plugin("p", "sed 's/a.yaml/_z.yaml/'\n")}, "chart --post-renderer p")
post("list", {**PLAIN, **plugin("p", "printf 'kind: List\\napiVersion: v1\\nitems:\\n- kind: A\\n  x: 1\\n# about b\\n- {kind: B}\\n'\n")},
     "chart --post-renderer p")
post("empty", {**PLAIN, **plugin("p", "cat >/dev/null; echo\n")}, "chart --post-renderer p")
post("fails", {**PLAIN, **plugin("p", "cat >/dev/null; echo boom >&2; exit 3\n")}, "chart --post-renderer p", differs=MORE)
post("killed", {**PLAIN, **plugin("p", "kill -9 $$\n")}, "chart --post-renderer p", differs=MORE)
post("deaf", {**PLAIN, **plugin("p", "exec <&-; echo 'a: b'\n"), "chart/values.yaml": "n: 5000\n",
              "chart/templates/big.yaml": "{{ range until 5000 }}k{{ . }}: some words to fill the pipe\n{{ end }}"},
     "chart --post-renderer p")
post("bad-yaml", {**PLAIN, **plugin("p", "echo 'a: [b'\n")}, "chart --post-renderer p", differs="libyaml ends its text elsewhere")
post("bad-indent", {**PLAIN, **plugin("p", "printf 'a: b\\n c: d\\n'\n")}, "chart --post-renderer p")
for i, text in enumerate(["a: 1\\nb: {c: d\\n", "a:\\n- b\\n c\\n", "a: 1\\nb: [c\\nd: e\\n", "a: 1\\nb: ]\\n", "a: 1\\n- b\\n", "a: \\\"b\\n",
                          "a: 1\\nb:\\n\\tc: 1\\n", "a: *x\\n", "%x\\na: 1\\n", "a: 1\\n...\\nb: 2\\n", "a: !x!y 1\\n", "a: @x\\n"]):
    post(f"bad-{i}", {**PLAIN, **plugin("p", f"printf -- '{text}'\n")}, "chart --post-renderer p")
post("separator", {**PLAIN, **plugin("p", "printf 'a: b\\n--- c\\nd: e\\n'\n")}, "chart --post-renderer p")
post("separator-comment", {**PLAIN, **plugin("p", "printf 'a: b\\n--- # c\\nd: e\\n'\n")}, "chart --post-renderer p")
post("metadata-text", {**PLAIN, **plugin("p", "echo 'metadata: words'\n")}, "chart --post-renderer p")
post("annotations-text", {**BASE, **CAT, "chart/templates/a.yaml": "metadata:\n  annotations: x\n"})
post("text", {**PLAIN, **plugin("p", "echo words\n")}, "chart --post-renderer p")
post("sequence", {**PLAIN, **plugin("p", "echo '- a'\n")}, "chart --post-renderer p")
post("input-text", {**BASE, **CAT, "chart/templates/a.yaml": "words\n"})
post("input-sequence", {**BASE, **CAT, "chart/templates/a.yaml": "- a\n"})
post("input-bad", {**BASE, **CAT, "chart/templates/a.yaml": "a: b\n c: d\n"})
post("input-list", {**BASE, **CAT, "chart/templates/a.yaml": "kind: List\napiVersion: v1\nitems:\n- kind: A\n- kind: B\n"})
post("input-none", {**BASE, **CAT, "chart/templates/a.yaml": "# nothing\n"})
post("input-only-comment", {**BASE, **CAT, "chart/templates/a.yaml": CM.format("a"), "chart/templates/b.yaml": "# nothing\n"})
post("not-found", PLAIN, "chart --post-renderer nope")
post("path", {**PLAIN, "run.sh": Program("#!/bin/sh\ncat\n")}, "chart --post-renderer ./run.sh")
post("twice", {**PLAIN, **CAT}, "chart --post-renderer cat --post-renderer cat")
post("empty-name", {**PLAIN, **CAT}, "chart --post-renderer ''")
post("cli-plugin", {**PLAIN, **plugin("p", "cat", type="cli/v1")}, "chart --post-renderer p",
     differs="Helm adds the plugin to its verbs")
post("bad-version", {**PLAIN, **plugin("p", "cat", version="1")}, "chart --post-renderer p",
     differs=LOGS)
post("no-version", {**PLAIN, **plugin("p", "cat", version=None)}, "chart --post-renderer p",
     differs=LOGS)
post("no-command", {**PLAIN, **plugin("p", "", command="''")}, "chart --post-renderer p")
post("missing-command", {**PLAIN, **plugin("p", "", command="no-such-program-x")}, "chart --post-renderer p")
post("missing-file", {**PLAIN, **plugin("p", "", command="$HELM_PLUGIN_DIR/no")}, "chart --post-renderer p")
post("not-executable", {**PLAIN, **plugin("p", ""), "data/plugins/p/run.sh": "x"}, "chart --post-renderer p")
post("same-name", {**PLAIN, **CAT, "data/plugins/dog/plugin.yaml": CAT["data/plugins/cat/plugin.yaml"]}, differs=LOGS)
post("broken-file", {**PLAIN, **CAT, "data/plugins/cat/plugin.yaml": "a: b: c"}, differs=LOGS)
post("two-dirs", {**PLAIN, **plugin("p", "echo 'a: 1'\n"), "more/q/plugin.yaml":
                  plugin("p", "")["data/plugins/p/plugin.yaml"], "more/q/run.sh": Program("#!/bin/sh\necho 'a: 2'\n")},
     "chart --post-renderer p", env={"HELM_PLUGINS": "more:data/plugins"}, differs="a relative command")
for name, commands in {
    "os": "  - {command: 'echo a: all'}\n  - {command: 'echo a: os', os: Linux}\n  - {command: 'echo a: os2', os: linux}\n",
    "arch": "  - {command: 'echo a: os', os: linux}\n  - {command: 'echo a: both', os: linux, arch: amd64}\n",
    "other": "  - {command: 'echo a: w', os: windows}\n  - {command: 'echo a: arch', arch: amd64}\n",
}.items():
    p = plugin("p", "")
    text = p["data/plugins/p/plugin.yaml"]
    post("platform-" + name, {**PLAIN, "data/plugins/p/plugin.yaml": text[:text.index("  - command")] + commands}, "chart --post-renderer p")

# What is kept of how a document was written.
DOCS = {
    "styles": "a: 'x'\nb: \"y\\tz\"\nc: |\n  l1\n  l2\nd: >-\n  f1\n  f2\n\n  f3\ne: {a: 1, b: [x, 'y']}\nf: [ ]\ng: !!str 5\n"
              "h: &x v\ni: *x\n? j\n: k\nl: yes\nm: 1.0\nn:\no: ~\np: '5'\nq: \"\"\nr: 2020-01-01\ns: 0x10\nt: -\nu: !foo bar\n",
    "lists": "a:\n- b\n-   - c\n    - d\n- e: 1\n  f: 2\n-\n  g: 3\n- - - x\n- []\nh:\n    - i\n    -\n    - j\n",
    "indent": "a:\n    b:\n        c: 1\n    d: |2\n        x\n      y\n",
    "literal": "a: |+\n  x\n\nb: |-\n  y\nc: |\n  z\n\n\nd: |\n\n  w\ne: \"a\\nb\"\nf: 'a\n\n  b'\ng: a\n  b\nh: |\n  tab\there \n",
    "long": "a: " + "word " * 40 + "\nb: '" + "word " * 40 + "'\nc: \"" + "word " * 40 + "\"\nd: >\n  " + "word " * 40 + "\n" + "k" * 130 + ": v\n",
    "unicode": "a: é\nb: \"\\u00e9\\U0001f600\"\nc: 😀\nd: \"\\x01\\u2028\"\ne: 'a\u00a0b'\n",
    "metadata-empty": "kind: A\nmetadata: {}\nx: 1\n",
    "metadata-null": "kind: A\nmetadata:\nx: 1\n",
    "annotations-empty": "kind: A\nmetadata:\n  name: x\n  annotations: {}\nx: 1\n",
    "annotations-null": "kind: A\nmetadata:\n  name: x\n  annotations:\n  labels: {a: b}\n",
    "annotations-flow": "kind: A\nmetadata: {name: x, annotations: {a: b}}\n",
    "annotations": "kind: A\nmetadata:\n  annotations:\n    z: \"1\"\n    # about b\n    b: '2' # beside b\n  name: x\n",
    "merge": "a: &a\n  x: 1\nb:\n  <<: *a\n  y: 2\n",
    "two": "kind: A\n---\nkind: B\n",
    "crlf": "kind: A\r\nx: |\r\n  a\r\n  b\r\n",
    "comments-head": "# one\n\n# two\nkind: A # beside\n# three\nx: 1\n\n# four\n\n# five\ny: 2\n# six\n",
    "comments-map": "kind: A\nm: # beside m\n  # above a\n  a: 1 # beside a\n  # below a\n\n  # above b\n  b: 2\n  # below b\n# below m\nn:\n  c: 3\n\n# last\n",
    "comments-list": "kind: A\nl:\n# above x\n- x # beside x\n# above y\n- y\n# below y\n\n# above z\n- z\n  # deep\n- # of map\n  a: 1\n"
                     "- b: 2 # beside b\n  # above c\n  c: 3\n# end of l\nm: 1\n",
    "comments-deep": "kind: A\nspec:\n  template:\n    spec:\n      containers:\n      # the app\n      - name: app # name\n        # image\n"
                     "        image: x\n        env:\n        # - name: A\n        #   value: b\n        - name: C\n          value: d\n"
                     "        # ports\n        ports: []\n      # - name: side\n      volumes:\n        # none\n        []\n  # tail of spec\n# tail\n",
    "comments-literal": "kind: A\na: | # beside\n  # text\n  x\n# above b\nb: >- # fold\n  y\n  # text\n\n# above c\nc: [a, # one\n  b] # two\nd: {x: 1, # three\n  y: 2}\n# e\n",
    "comments-license": "# Copyright\n# Licence\n\napiVersion: v1\nkind: A\n",
    "comments-empty": "kind: A\na:\n  # nothing in it\nb:\n  # - x\n  # - y\nc: 1\n",
    "comments-dedent": "kind: A\na:\n  b:\n    c: 1\n    # four\n  # two\n# zero\n  d: 2\n",
    "comments-nested-list": "kind: A\na:\n  - # first\n    - x\n    # second\n    - y\n  # third\n  - - z # fourth\n# fifth\n",
    "comments-quoted": "kind: A # k\na: \"x # no\" # yes\nb: 'y # no'# close\nc: z#no\nd: #only\n  e\nf: &x # anchor\n  g: 1\nh: !!map # tag\n  i: 1\n",
    "comments-first": "# x\nkind: A",
    "comments-blank-end": "kind: A\na: 1\n\n\n# far\n\n",
    "comments-many": "kind: A\n" + "".join(f"# head {i}\nk{i}: {i} # line {i}\n# foot {i}\n\n" for i in range(6)),
}
for name, text in DOCS.items():
    post("doc-" + name, {**BASE, **CAT, "chart/templates/a.yaml": text})

# Helm 3: a program, which gets no hooks.
RUN = {"run.sh": Program("#!/bin/sh\nsed 's/name: a/name: z/'\n")}


def post3(name, files, args, **more):
    case("post3/" + name, files, "template " + args, helm3=True, differs="a path is no plugin for Helm 4", **more)


post3("path", {**PLAIN, **RUN}, "chart --post-renderer ./run.sh --include-crds")
post3("args", {**PLAIN, "run.sh": Program("#!/bin/sh\necho \"$@\"\n")}, "chart --post-renderer ./run.sh --post-renderer-args 'a b' --post-renderer-args c")
post3("in-path", PLAIN, "chart --post-renderer sed --post-renderer-args s/kind/KIND/")
post3("empty", PLAIN, "chart --post-renderer true")
post3("fails", {**PLAIN, "run.sh": Program("#!/bin/sh\necho boom >&2\nexit 3\n")}, "chart --post-renderer ./run.sh")
post3("no-program", PLAIN, "chart --post-renderer no-such-program-x")
post3("no-path", PLAIN, "chart --post-renderer ./no-such")
post3("folder", {**PLAIN, "d/x": ""}, "chart --post-renderer ./d")
post3("not-executable", {**PLAIN, "f": "x"}, "chart --post-renderer ./f")
post3("not-a-program", {**PLAIN, "f": Program("x")}, "chart --post-renderer ./f")
post3("no-hooks", {**PLAIN, **RUN}, "chart --post-renderer ./run.sh --no-hooks")
post3("show-only", {**PLAIN, **RUN}, "chart --post-renderer ./run.sh -s templates/a.yaml")
