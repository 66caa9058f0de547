#!/usr/bin/env python3
"""An API server that answers only what comes two at a time, over HTTP/2, the pieces of both answers in any order and as one
write: what a busy server does now and then, every time. Knows no kinds.

  interleaved.py CERTIFICATE KEY PORT-FILE SEED
"""
import os, random, socket, ssl, struct, sys

HEADERS, DATA, SETTINGS, ACK, END_STREAM, END_HEADERS = 1, 0, 4, 1, 1, 4
PIECE = 16000
certificate, key, port_file, seed = sys.argv[1:5]
rng = random.Random(int(seed))
tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
tls.load_cert_chain(certificate, key)
tls.set_alpn_protocols(["h2"])


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def answers(streams):
    out, left = b"", {}
    for stream in streams:
        body = (b'{"kind":"APIGroupDiscoveryList","apiVersion":"apidiscovery.k8s.io/v2","items":['
                + b" " * rng.choice([10, 1000, 20000, 60000]) + b"]}")
        left[stream] = [body[i:i + PIECE] for i in range(0, len(body), PIECE)]
        out += frame(HEADERS, END_HEADERS, stream, b"\x88")  # :status 200
    while left:
        stream = rng.choice(sorted(left))
        piece = left[stream].pop(0)
        last = not left[stream]
        with_it = last and rng.random() < 0.5
        out += frame(DATA, END_STREAM if with_it else 0, stream, piece)
        if last:
            del left[stream]
            out += b"" if with_it else frame(DATA, END_STREAM, stream)
    return out


def serve(client):
    connection, buffer = tls.wrap_socket(client, server_side=True), b""

    def take(n):
        nonlocal buffer
        while len(buffer) < n:
            more = connection.recv(65536)
            if not more:
                raise EOFError
            buffer += more
        got, buffer = buffer[:n], buffer[n:]
        return got

    take(24)  # the preface
    connection.sendall(frame(SETTINGS, 0, 0))
    streams, first = [], True
    while True:
        head = take(9)
        kind, flags, stream = head[3], head[4], int.from_bytes(head[5:], "big")
        take(int.from_bytes(head[:3], "big"))
        if kind == SETTINGS and not flags & ACK:
            connection.sendall(frame(SETTINGS, ACK, 0))
        if kind == HEADERS:
            streams.append(stream)
        if len(streams) == 2 or streams and not first:  # what is asked later comes one by one
            connection.sendall(answers(streams))
            streams, first = [], False


listener = socket.create_server(("127.0.0.1", 0))
with open(port_file + ".new", "w") as f:
    f.write(str(listener.getsockname()[1]))
os.rename(port_file + ".new", port_file)
while True:
    client, _ = listener.accept()
    try:
        serve(client)
    except (EOFError, OSError):
        pass
