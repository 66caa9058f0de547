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


def scratch():
    """A folder in memory where there is one."""
    return tempfile.mkdtemp(prefix="hc-conform-", dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None)


def peer_path(name="helm4-many"):
    """The peer's path, built when it is missing; None where there is no Go."""
    out = subprocess.run([os.path.join(ROOT, "tests/peers/build.sh"), "--dir"], capture_output=True, text=True).stdout.strip()
    path = os.path.join(out, name)
    if not os.access(path, os.X_OK):
        subprocess.run([os.path.join(ROOT, "tests/peers/build.sh"), name], check=False)
    return path if os.access(path, os.X_OK) else None


class Helm:
    """The real one. A process is left after some thousand renders, and when it dies."""

    def __init__(self, path):
        self.path, self.p, self.runs = path, None, 0

    def run(self, args, folder):
        if self.p is None:
            env = dict(ENV, GOMAXPROCS="1", GOGC="400")
            self.p = subprocess.Popen([self.path], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      stderr=subprocess.DEVNULL, env=env)
        self.p.stdin.write(json.dumps({"args": args, "dir": folder}).encode() + b"\n")
        self.p.stdin.flush()
        late = threading.Timer(60, self.p.kill) # then there is no answer to read
        late.start()
        line = self.p.stdout.readline()
        late.cancel()
        self.runs += 1
        if not line or self.runs % 3000 == 0:
            self.p.kill()
            self.p.wait()
            self.p = None
            if not line:
                return -1, b"", b"helm died"
        a = json.loads(line)
        return a["rc"], base64.b64decode(a["out"] or ""), base64.b64decode(a["err"] or "")


class Ours:
    """helmctl."""

    def __init__(self, path=None):
        self.path = path or os.environ.get("HC_CONFORM_MANY") or os.path.join(ROOT, "build/release/tests/conform.many")
        self.p = subprocess.Popen([self.path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=ENV)

    def run(self, args, folder):
        self.p.stdin.write(b"".join(os.fsencode(x) + b"\t" for x in [folder] + args) + b"\n")
        self.p.stdin.flush()
        rc, out, err = map(int, self.p.stdout.readline().split())
        return rc, self.p.stdout.read(out), self.p.stdout.read(err)


    def close(self):
        self.p.stdin.close()
        self.p.wait()


def error_text(err):
    """What is told of an error: no warnings ahead of it, no advice behind it."""
    text = re.sub(rb"\n*Use --debug flag to render out invalid YAML\n?", b"", err)
    m = re.search(rb"^Error: ", text, re.M)
    return text[m.start() if m else 0:].strip(b"\n")


def remove(folder):
    shutil.rmtree(folder, ignore_errors=True)
