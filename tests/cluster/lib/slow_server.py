#!/usr/bin/env python3
"""slow_server.py PORT_FILE LATENCY: a stand-in that takes its time.

/fast/NAME/index.yaml answers at once, everything else after LATENCY seconds: with an index below /slow/, with 503 where
a Git server or a registry is asked. GET /gaps tells, a line each, what the fast repositories saw: NAME, requests, and
the longest time between two. GET /peak tells how many slow requests were open at once at most. /artifact/NAME.tgz is a
chart, given after GET /go unless NAME begins with "fast"; /digest/NAME what it will be.
"""
import asyncio, gzip, hashlib, io, sys, tarfile, time

INDEX = b"apiVersion: v1\nentries:\n  web:\n  - {name: web, version: 1.0.0, urls: [web-1.0.0.tgz]}\n"
latency = float(sys.argv[2])
seen, now_slow, peak = {}, 0, 0
go = asyncio.Event()


def chart(name):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for path, text in (("Chart.yaml", f"apiVersion: v2\nname: {name}\nversion: 1.0.0\n"), ("templates/cm.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: {{ .Release.Name }}}\n")):
            info = tarfile.TarInfo(f"{name}/{path}")
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text.encode()))
    return gzip.compress(out.getvalue(), mtime=0)


async def serve(reader, writer):
    global now_slow, peak
    try:
        while True:
            first = await reader.readexactly(1)
            if first == b"\x16":  # TLS is tried first where a registry is insecure: it is not spoken here
                break
            head = (first + await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            path = head.split(" ")[1]
            status, body = "200 OK", INDEX
            if path == "/gaps":
                body = "".join(f"{n} {len(t)} {max([b - a for a, b in zip(t, t[1:])] + [0]):.2f}\n" for n, t in sorted(seen.items())).encode()
            elif path == "/reset":
                seen.clear()
            elif path == "/peak":
                body = f"{peak}\n".encode()
            elif path == "/go":
                go.set()
            elif path.startswith("/artifact/slow"):
                await go.wait()
                body = chart(path.split("/")[2][:-4])
            elif path.startswith("/digest/"):
                body = hashlib.sha256(chart(path.split("/")[2])).hexdigest().encode()
            elif path.startswith("/artifact/fast"):
                body = chart(path.split("/")[2][:-4])
            elif path.startswith("/fast/"):
                seen.setdefault(path.split("/")[2], []).append(time.monotonic())
            else:
                now_slow += 1
                peak = max(peak, now_slow)
                try:
                    await asyncio.sleep(latency)
                finally:
                    now_slow -= 1
                if not path.startswith("/slow/"):
                    status, body = "503 Service Unavailable", b""
            writer.write(f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    writer.close()


async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=2000)
    with open(sys.argv[1], "w") as f:
        f.write(str(server.sockets[0].getsockname()[1]))
    await server.serve_forever()


asyncio.run(main())
