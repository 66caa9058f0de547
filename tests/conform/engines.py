"""The two programs that are compared, each in a process that stays loaded: helm4-many (tests/peers) and conform.many."""
import base64
import json
import os
import re
import shutil
import subprocess
import tempfile
import threading

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
ENV = {"PATH": os.environ.get("PATH", ""), "HOME": "/nonexistent", "TZ": "Europe/Berlin", "LC_ALL": "C",
       "HELM_CACHE_HOME": "/nonexistent", "HELM_CONFIG_HOME": "/nonexistent", "HELM_DATA_HOME": "/nonexistent"}
SKIP = "SKIP: no helm4-many, and no Go to build it with"


def scratch():
    """A folder in memory where there is one."""
    return tempfile.mkdtemp(prefix="hc-conform-", dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None)


def peer_path():
    """The path of helm4-many, built when it is missing; None where there is no Go."""
    build = os.path.join(ROOT, "tests/peers/build.sh")
    path = os.path.join(subprocess.run([build, "--dir"], capture_output=True, text=True).stdout.strip(), "helm4-many")
    subprocess.run([build, "helm4-many"], check=False)
    return path if os.access(path, os.X_OK) else None


class Helm:
    """The real one. A process is left after some thousand runs, and when it dies or takes too long."""

    def __init__(self, path):
        self.path, self.p, self.runs = path, None, 0

    def ask(self, request, seconds):
        """The answer to one line; None: there is none."""
        if self.p is None:
            env = dict(ENV, GOMAXPROCS="1", GOGC="400", GOMEMLIMIT="1GiB")
            self.p = subprocess.Popen([self.path], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      stderr=subprocess.DEVNULL, env=env)
        self.p.stdin.write(json.dumps(request).encode() + b"\n")
        self.p.stdin.flush()
        late = threading.Timer(seconds, self.p.kill)
        late.start()
        line = self.p.stdout.readline()
        late.cancel()
        self.runs += 1
        if not line.endswith(b"\n"):  # it was killed in the midst of it
            line = b""
        if not line or self.runs % 3000 == 0:
            self.p.kill()
            self.p.wait()
            self.p = None
        return json.loads(line) if line else None

    def run(self, args, folder):
        """A command: exit status, stdout and stderr. The status is -1 when it took more than a minute."""
        a = self.ask({"args": args, "dir": folder}, 60)
        if a is None:
            return -1, b"", b"helm died"
        return a["rc"], base64.b64decode(a["out"] or ""), base64.b64decode(a["err"] or "")

    def templates(self, cases, folder, values):
        """Helm's engine over pairs of a template and its definitions: pairs of "ok" or "error" and the text. One that takes
        too long, or all its memory, is asked about alone, and is "late" then."""
        if not cases:
            return []
        request = {"dir": folder, "set": values, "cases": [{"t": t, "h": h} for t, h in cases]}
        a = self.ask(request, 20 + len(cases) / 2)
        if a is not None:
            return [("ok" if x["ok"] else "error", base64.b64decode(x["text"] or "")) for x in a]
        if len(cases) == 1:
            return [("late", b"")]
        half = len(cases) // 2
        return self.templates(cases[:half], folder, values) + self.templates(cases[half:], folder, values)


class Ours:
    """helmctl. HC_CONFORM_MANY: the program (default build/release/tests/conform.many)."""

    def __init__(self):
        self.path = os.environ.get("HC_CONFORM_MANY") or os.path.join(ROOT, "build/release/tests/conform.many")
        self.more = []
        self.p = self.start()

    def start(self):
        return subprocess.Popen([self.path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=ENV)

    def run(self, args, folder):
        return self.run_in(args, [folder])[0]

    def run_in(self, args, folders):
        """The same command in each folder (some hundred of them), by a few processes, which all have their part before the
        first answer is read."""
        if len(folders) > 8 and not self.more:
            self.more = [self.start() for _ in range(3)]
        all_of_us = [self.p] + self.more
        for i, folder in enumerate(folders):
            p = all_of_us[i % len(all_of_us)]
            p.stdin.write(b"%d\n" % (len(args) + 1) + b"".join(os.fsencode(x) + b"\0" for x in [folder] + args))
        for p in all_of_us:
            p.stdin.flush()
        said = []
        for i in range(len(folders)):
            answer = all_of_us[i % len(all_of_us)].stdout
            rc, out, err = map(int, answer.readline().split())
            said.append((rc, answer.read(out), answer.read(err)))
        return said

    def close(self):
        for p in [self.p] + self.more:
            p.stdin.close()
            p.wait()


def error_text(err):
    """What is told of an error: no warnings ahead of it, no advice behind it."""
    text = re.sub(rb"\n*Use --debug flag to render out invalid YAML\n?", b"", err)
    m = re.search(rb"^Error: ", text, re.M)
    return text[m.start() if m else 0:].strip(b"\n")


def remove(folder):
    shutil.rmtree(folder, ignore_errors=True)
