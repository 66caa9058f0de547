#!/usr/bin/env python3
"""Small charts through the verbs that need no cluster, against what the real Helm printed for them.

    tests/golden/verbs/run.py [WORD...]              replays; only cases whose name begins with a word given
    tests/golden/verbs/run.py --with-helm [WORD...]  runs the real Helm beside helmctl and writes expected*.jsonl anew
    tests/golden/verbs/run.py --show WORD            both outputs of the cases, whole

The tables are the cases_*.py beside this file. Compared are exit code, stdout, stderr (as sorted lines: Helm's own order
of warnings and schema errors is random) and the files that a verb wrote. A case with `helm3` runs once more with
--helm-version 3, against Helm 3. HELMCTL is the program. HC_EVERY=4 replays every fourth case.
"""
import concurrent.futures
import gzip
import importlib
import io
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time

sys.dont_write_bytecode = True

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent.parent
HELMCTL = os.environ.get("HELMCTL") or str(ROOT / "build/release/bin/helmctl")
CASES = []


class Link(str):
    """A symbolic link to this."""


class Dir:
    """An empty folder."""


class Zeros(int):
    """A file of so many NUL bytes."""


class Program(str):
    """A file that can be run."""


class Tgz(dict):
    """An archive of these files."""


LOGS = "warnings are told in our own words, without values, and once"
MORE = "our text goes on where Helm's ends"


def case(name, files, args, stdin=None, env=None, helm3=False, keep_order=False, tree=None, differs=None, then=None, own=False, place=False):
    """`own`: Helm has nothing like it; what helmctl printed when the file was written is expected. `differs`: why the texts are not those of Helm; then the exit code counts, and that ours begins as Helm's when it is
    MORE. `tree`: a folder whose files are
    compared. `place`: "$W" in the files is the folder they lie in. `then`: arguments of a second run, whose output is added."""
    CASES.append(dict(name=name, files=files, args=args, stdin=stdin, env=env or {}, helm3=helm3,
                      keep_order=keep_order, tree=tree, differs=differs, then=then, own=own, place=place))


def pack(files):
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, body in files.items():
            info = tarfile.TarInfo(name)
            if isinstance(body, Link):
                info.type, info.linkname = tarfile.SYMTYPE, str(body)
                tar.addfile(info)
            elif isinstance(body, Dir):
                info.type = tarfile.DIRTYPE
                tar.addfile(info)
            else:
                data = data_of(body)
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
    return gzip.compress(raw.getvalue(), mtime=0)


def data_of(body):
    if isinstance(body, Tgz):
        return pack(body)
    if isinstance(body, Zeros):
        return bytes(int(body))
    return body.encode() if isinstance(body, str) else body


def lay_out(top, files):
    for name, body in files.items():
        path = top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(body, Link):
            path.symlink_to(str(body))
        elif isinstance(body, Dir):
            path.mkdir(exist_ok=True)
        elif isinstance(body, Zeros):
            with path.open("wb") as f:
                f.truncate(int(body))  # a hole costs nothing
        else:
            path.write_bytes(data_of(body))
            if isinstance(body, Program):
                path.chmod(0o755)


def read_tree(top):
    out = {}
    for path in sorted(top.rglob("*")):
        if path.is_file() and path.suffix == ".tgz":
            with tarfile.open(path) as tar:
                out[str(path.relative_to(top))] = {
                    m.name: [oct(m.mode), "now" if abs(m.mtime - time.time()) < 3600 else m.mtime, tar.extractfile(m).read().decode("utf-8", "replace")]
                    for m in tar.getmembers() if m.isfile()}
        elif path.is_file():
            out[str(path.relative_to(top))] = path.read_bytes().decode("utf-8", "replace")
        else:
            out[str(path.relative_to(top)) + "/"] = None
    return out


def run(program, c, top, helm3_flag):
    work = pathlib.Path(top) / "w"
    if work.exists():
        shutil.rmtree(work)
    work.mkdir(parents=True)
    files = c["files"]
    if c["place"]:
        files = {name: body.replace("$W", str(work)) for name, body in files.items()}
    lay_out(work, files)
    env = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "HOME": str(work / "home"), "TMPDIR": str(top),
           "HELM_CACHE_HOME": str(work / "home"), "HELM_CONFIG_HOME": str(work / "home"),
           "HELM_DATA_HOME": str(work / "data"), "HELMCTL_ERROR_FORMAT": "helm"}
    env.update(c["env"])

    def one(args):
        p = subprocess.run([program] + shlex.split(args) + helm3_flag, cwd=work, env=env, timeout=60,
                           input=(c["stdin"] or "").encode(), capture_output=True)
        return p.returncode, clean(p.stdout), clean(p.stderr)

    def clean(raw):
        text = raw.decode("utf-8", "replace").replace(str(work), "$W").replace("helmctl", "helm")
        # What chart and values took before is a matter of the build.
        return re.sub(r"more than the [0-9]+ bytes it may have", "more than the $N bytes it may have", text.replace(str(top), "$T"))

    rc, out, err = one(c["args"])
    if c["then"]:
        more = one(c["then"])
        rc, out, err = rc or more[0], out + "\n== then\n" + more[1], err + more[2]
    err_lines = err.splitlines()
    if not c["keep_order"]:
        err_lines.sort()
    got = {"name": c["name"], "rc": rc, "out": out, "err": err_lines}
    if c["tree"]:
        got["tree"] = read_tree(work / c["tree"])
    return got


def compare(c, want, got):
    if c["differs"] == LOGS:
        def plain(d):
            words = ("level=", "coalesce.go", "dependencies.go", "engine.go", "warning:", "Warning:", "key ", "Conflict:")
            return {**d, "err": [line for line in d["err"] if not line.startswith(words)]}
        return plain(want) == plain(got)
    if c["differs"] and want["rc"] == got["rc"]:
        return all(any(line.startswith(w) for line in got["err"]) for w in want["err"]) or c["differs"] != MORE
    return want == got


def show_difference(want, got):
    for key in ("rc", "out", "err", "tree"):
        if want.get(key) != got.get(key):
            print(f"    {key}: helm    {json.dumps(want.get(key), ensure_ascii=False)[:1500]}")
            print(f"    {' ' * len(key)}  helmctl {json.dumps(got.get(key), ensure_ascii=False)[:1500]}")


def main():
    args = sys.argv[1:]
    with_helm = "--with-helm" in args
    show = "--show" in args
    args = [a for a in args if not a.startswith("--")]
    for path in sorted(HERE.glob("cases_*.py")):
        importlib.import_module(path.stem)
    names = [c["name"] for c in CASES]
    assert len(names) == len(set(names)), [n for n in names if names.count(n) > 1]
    peers = os.environ.get("HC_PEERS_DIR")
    if with_helm and not peers:
        peers = subprocess.run([ROOT / "tests/peers/build.sh", "--dir"], capture_output=True, text=True).stdout.strip()
        subprocess.run([ROOT / "tests/peers/build.sh", "helm4", "helm3"], check=True)
    failed = total = 0
    for version in ("4", "3"):
        if with_helm and not os.path.exists(f"{peers}/helm{version}"):
            print(f"SKIP: no Helm {version} in {peers}")
            continue
        todo = [c for c in CASES if (version == "4" or c["helm3"]) and
                (not args or any(c["name"].startswith(w) for w in args))][::int(os.environ.get("HC_EVERY") or 1)]
        file = HERE / f"expected{version}.jsonl"
        known = {}
        if file.exists():
            known = {d["name"]: d for d in map(json.loads, file.read_text().splitlines())}

        def one(c):
            with tempfile.TemporaryDirectory() as top:
                top = os.path.realpath(top)
                flag = ["--helm-version", "3"] if version == "3" else []
                got = run(HELMCTL, c, top, flag)
                want = known.get(c["name"])
                if with_helm and c["own"]:
                    want = got
                elif with_helm:
                    want = run(f"{peers}/helm{version}", c, top, [])
                return c, want, got

        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            for c, want, got in pool.map(one, todo):
                total += 1
                known[c["name"]] = want
                if want is None or not compare(c, want, got):
                    failed += 1
                    print(f"FAIL {c['name']} (Helm {version}): {c['args']}")
                    show_difference(want or {}, got)
                elif show:
                    print(f"== {c['name']} (Helm {version}): {c['args']}\n{json.dumps(want, indent=1)}")
        if with_helm:
            order = [c["name"] for c in CASES if c["name"] in known and (version == "4" or c["helm3"])]
            file.write_text("".join(json.dumps(known[n], ensure_ascii=False) + "\n" for n in order))
    print(f"{total} cases, {failed} differ")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.modules["run"] = sys.modules["__main__"]
    sys.exit(main())
