#!/usr/bin/env python3
"""Records what Helm prints for template calls: record.py HELM < expressions > data/calls.tsv

One expression a line. A file with all of them is rendered at once; whenever Helm stops at an error, that line's
error is recorded, the line is taken out and the rest is rendered again.
"""
import os, re, shutil, subprocess, sys, tempfile

here = os.path.dirname(os.path.abspath(__file__))


def render(helm, chart, lines, wanted):
    text = "".join(
        '{{- $x := %s }}\n# @%d\t{{ printf "%%T\\t%%q" $x (print $x) }}\n' % (lines[i], i) for i in wanted)
    with open(chart + "/templates/t.yaml", "w") as f:
        f.write(text)
    r = subprocess.run([helm, "template", "r", chart], capture_output=True, env=dict(os.environ, TZ="Europe/Berlin"))
    return r.returncode, r.stdout.decode(), r.stderr.decode()


def main():
    helm = sys.argv[1]
    lines = [l.rstrip("\n") for l in sys.stdin if l.strip() and not l.startswith("#")]
    result, wanted = {}, list(range(len(lines)))
    with tempfile.TemporaryDirectory() as chart:
        shutil.copytree(here + "/data/files", chart, dirs_exist_ok=True)
        shutil.copy(here + "/data/values.yaml", chart)
        os.mkdir(chart + "/templates")
        with open(chart + "/Chart.yaml", "w") as f:
            f.write("apiVersion: v2\nname: c\nversion: 0.1.0\n")
        while wanted:
            code, out, err = render(helm, chart, lines, wanted)
            if code == 0:
                result.update((int(m[1]), m[2]) for m in re.finditer(r"^# @(\d+)\t(.*)$", out, re.M))
                break
            at = wanted[(int(re.search(r"t\.yaml:(\d+)", err)[1]) - 1) // 2]
            text = re.search(r"error calling [^:]+: (.*)", err, re.S)
            text = (text[1] if text else err).split("\n\nUse --debug")[0].strip()
            result[at] = "error\t" + text.replace("\n", "\\n")
            wanted.remove(at)
    for i, line in enumerate(lines):
        print(line + "\t" + result[i])


main()
