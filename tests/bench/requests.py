#!/usr/bin/env python3
"""What two programs cost, run by run: a table out of release.sh's measurements and the API server's audit log.

    requests.py RUNS AUDIT-LOG [DETAILS]

RUNS has a line per run, separated by tabs: mode, chart, action, tool (helm, helmctl), round, begin and end (seconds since
1970), wall and CPU time (microseconds), peak RSS (KiB), exit code. A request belongs to the run in whose time it came, by
its user agent. The time outside the server is what of the wall time no request of the run, watches included, was in
flight. Wall time, time outside and CPU time are the least of all rounds, the others medians. DETAILS: a file that gets
every request of the last round.

Exit code 1: an aim is missed: five times less time outside, CPU and memory never more, requests never more, no object
written by an upgrade with nothing to do (its hooks, which make objects, left out).
"""
import json
import re
import sys
from collections import defaultdict
from datetime import datetime
from statistics import median

WRITES = ("create", "update", "patch", "delete", "deletecollection")
COLUMNS = ("discovery", "openapi", "list", "watch", "get", "write")
OUTSIDE, NEVER_MORE = 5.0, 1.0


def seconds(text):
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def read_log(path):
    events = []
    with open(path) as log:
        for line in log:
            agent = re.search(r'"userAgent":"(Helm|helmctl)/', line)
            if not agent or '"stage":"ResponseComplete"' not in line:
                continue
            e = json.loads(line)
            ref = e.get("objectRef") or {}
            uri = e["requestURI"]
            path_only = uri.split("?")[0]
            if path_only.startswith("/openapi"):
                what = "openapi"
            elif "resource" not in ref:
                what = "discovery"
            elif e["verb"] in WRITES and not ("dryRun=" in uri):
                what = "write"
            else:
                what = e["verb"] if e["verb"] in ("list", "watch") else "get"
            # A review asks something; it stores nothing. Nor does a record say anything about the objects.
            resource = ref.get("resource", "")
            if what == "write" and resource.endswith("reviews"):
                what = "get"
            record = resource == "secrets" and ref.get("name", "").startswith("sh.helm.release.v1.")
            if what == "write" and e["verb"] == "create" and resource == "secrets" and "name" not in ref:
                record = True
            events.append({
                "agent": agent.group(1).lower(), "from": seconds(e["requestReceivedTimestamp"]), "to": seconds(e["stageTimestamp"]),
                "what": what, "verb": e["verb"], "uri": uri, "code": (e.get("responseStatus") or {}).get("code", 0),
                "record": record})
    return sorted(events, key=lambda e: e["from"])


def in_flight(events, begin, end):
    total, until = 0.0, begin
    for e in events:
        a, b = max(e["from"], until), min(e["to"], end)
        if b > a:
            total += b - a
            until = b
    return total


def main():
    runs, log = sys.argv[1], read_log(sys.argv[2])
    rows = defaultdict(lambda: defaultdict(list))
    last = {}
    for line in open(runs):
        mode, chart, action, tool, round_, begin, end, wall, cpu, rss, code = line.rstrip("\n").split("\t")
        begin, end, wall = float(begin), float(end), float(wall) / 1e6
        if code != "0":
            print(f"{tool} {action} {chart} {mode}, round {round_}: exit code {code}")
            return 1
        mine = [e for e in log if e["agent"] == tool and begin <= e["from"] <= end]
        run = {"wall": wall, "cpu": float(cpu) / 1e6, "rss": float(rss) / 1024, "outside": wall - in_flight(mine, begin, end),
               "requests": len(mine), "objects": sum(e["what"] == "write" and not e["record"] for e in mine)}
        for c in COLUMNS:
            run[c] = sum(e["what"] == c for e in mine)
        rows[mode, chart, action][tool].append(run)
        last[mode, chart, action, tool] = mine
    if len(sys.argv) > 3:
        with open(sys.argv[3], "w") as out:
            for key, mine in last.items():
                print("##", *key, file=out)
                for e in mine:
                    print(f"{(e['from'] - mine[0]['from']) * 1e3:9.1f} {(e['to'] - e['from']) * 1e3:8.1f} {e['what']:9} {e['verb']:7} {e['code']} {e['uri']}", file=out)
    missed = []
    ratios = defaultdict(list)
    print(f"{'':34} {'wall ms':>15} {'outside ms':>15}       {'CPU ms':>15}       {'RSS MiB':>11}       requests: all ({', '.join(COLUMNS)}), objects written")
    for (mode, chart, action), tools in rows.items():
        f = {}
        for tool, several in tools.items():
            f[tool] = {k: (min if k in ("wall", "cpu", "outside") else median)([r[k] for r in several]) for k in several[0]}
        if len(f) < 2:
            continue
        a, b = f["helm"], f["helmctl"]
        r = {k: a[k] / max(b[k], 1e-4) for k in ("wall", "outside", "cpu", "rss", "requests")}
        for k in r:
            ratios[mode, k].append(r[k])
        misses = [k for k in ("cpu", "rss", "requests") if r[k] < NEVER_MORE] + (["outside"] if r["outside"] < OUTSIDE else [])
        if action == "no-op, no hooks" and b["objects"]:
            misses.append("writes")
        name = f"{chart}, {action}" + (f" {mode}" if mode != "plain" else "")
        missed += [f"{name}: {k}" for k in misses]
        kinds = ["{:g} ({})".format(t["requests"], " ".join(f"{t[c]:g}" for c in COLUMNS)) + f" {t['objects']:g}" for t in (a, b)]
        print(f"{name:34} {a['wall'] * 1e3:7.0f} {b['wall'] * 1e3:7.0f} {a['outside'] * 1e3:7.0f} {b['outside'] * 1e3:7.1f} {r['outside']:5.1f}"
              f" {a['cpu'] * 1e3:7.0f} {b['cpu'] * 1e3:7.1f} {r['cpu']:5.1f} {a['rss']:5.0f} {b['rss']:5.1f} {r['rss']:5.1f}"
              f"  {kinds[0]}; {kinds[1]}" + (f"  MISSED: {', '.join(misses)}" if misses else ""))
    for mode in dict.fromkeys(m for m, _ in ratios):
        print(f"{mode}: Helm as a multiple of helmctl, median (least): " + ", ".join(
            f"{k} {median(ratios[mode, k]):.1f} ({min(ratios[mode, k]):.1f})" for k in ("wall", "outside", "cpu", "rss", "requests")))
    print(f"{len(missed)} aims missed" + "".join(f"\n  {m}" for m in missed))
    return 1 if missed or not rows else 0


sys.exit(main())
