#!/usr/bin/env python3
"""helm4.py HELM4_MANY ASKS ANSWERS FILE: runs of the real Helm 4 for a script, all in one process. To be used by helm4.sh.

A line of ASKS, parted by \\x1f: the working folder, what the environment says about homes and Helm (NAME=VALUE, each ended by
\\x1e) and the arguments. Output and errors are then in FILE.out and FILE.err, and the exit status comes through ANSWERS. Helm
reads the environment as it starts: each has a process of its own, and a new one after fifty runs, since each run does what
the ones before it have left to be done (cobra keeps what is to be initialized).
"""
import base64, json, os, subprocess, sys

many, asks, answers, file = sys.argv[1:5]
processes, runs = {}, {}


def run(folder, said, args):
    runs[said] = runs.get(said, 0) + 1
    if runs[said] % 50 == 0 and said in processes:
        old = processes.pop(said)
        old.stdin.close()
        old.wait()
    if said not in processes:
        env = {k: v for k, v in os.environ.items() if not k.startswith("HELM_") and k != "DOCKER_CONFIG"}
        env.update(word.split("=", 1) for word in said.split("\x1e") if word)
        processes[said] = subprocess.Popen([many], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=env)
    p = processes[said]
    p.stdin.write(json.dumps({"args": args, "dir": folder}).encode() + b"\n")
    p.stdin.flush()
    return json.loads(p.stdout.readline())


with open(asks) as questions, open(answers, "w") as replies:
    for line in iter(questions.readline, ""):
        folder, said, *args = line.rstrip("\n").split("\x1f")
        try:
            answer = run(folder, said, args)
        except (ValueError, OSError) as e:
            answer = {"rc": 99, "err": base64.b64encode(f"helm4-many: {e!r}\n".encode())}
        for end in ("out", "err"):
            with open(f"{file}.{end}", "wb") as f:
                f.write(base64.b64decode(answer.get(end) or ""))
        replies.write(f"{answer['rc']}\n")
        replies.flush()
for p in processes.values():
    p.stdin.close()
