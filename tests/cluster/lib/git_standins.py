#!/usr/bin/env python3
"""What Git sources talk to beside Git servers, on loopback: GitHub's API for Apps, and an HTTP proxy for CONNECT.

    git_standins.py github PUBLIC-KEY LOG     installation 7 belongs to the user acme; its token is ghs_planted
    git_standins.py proxy LOG                 wants user p and password p@ss

Prints its port, then serves. LOG gets a line for each request."""
import base64, datetime, http.server, json, socket, subprocess, sys, tempfile, threading


def unpad(s):
    return base64.urlsafe_b64decode(s + "=" * (-len(s) % 4))


class GitHub(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def signed(self):
        try:
            head, body, sig = self.headers["Authorization"].removeprefix("Bearer ").split(".")
            claims, now = json.loads(unpad(body)), datetime.datetime.now().timestamp()
            with tempfile.NamedTemporaryFile() as f:
                f.write(unpad(sig))
                f.flush()
                good = subprocess.run(["openssl", "dgst", "-sha256", "-verify", sys.argv[2], "-signature", f.name],
                                      input=f"{head}.{body}".encode(), capture_output=True).returncode == 0
            return (good and json.loads(unpad(head))["alg"] == "RS256" and claims["iss"] == "42"
                    and claims["iat"] <= now and now < claims["exp"] <= claims["iat"] + 600)
        except Exception:
            return False

    def answer(self, method):
        status, body = 404, {"message": "Not Found"}
        if not self.signed():
            status, body = 401, {"message": "Bad credentials"}
        elif (method, self.path) == ("GET", "/users/acme/installation"):
            status, body = 200, {"id": 7}
        elif (method, self.path) == ("POST", "/app/installations/7/access_tokens"):
            ends = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1)
            status, body = 201, {"token": "ghs_planted", "expires_at": ends.strftime("%Y-%m-%dT%H:%M:%SZ")}
        with open(sys.argv[3], "a") as f:
            f.write(f"{method} {self.path} {status}\n")
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def do_GET(self):
        self.answer("GET")

    def do_POST(self):
        self.answer("POST")

    def log_message(self, *args):
        pass


def pump(a, b):
    try:
        while data := a.recv(65536):
            b.sendall(data)
        b.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def tunnel(c):
    head = b""
    while b"\r\n\r\n" not in head:
        more = c.recv(1)
        if not more:
            return
        head += more
    lines = head.decode().split("\r\n")
    method, target, _ = lines[0].split(" ")
    login = "Basic " + base64.b64encode(b"p:p@ss").decode()
    allowed = any(l.lower().startswith("proxy-authorization:") and l.endswith(login) for l in lines)
    with open(sys.argv[2], "a") as f:
        f.write(f"{method} {target} {'yes' if allowed else 'no'}\n")
    if method != "CONNECT" or not allowed:
        c.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
        c.close()
        return
    host, port = target.rsplit(":", 1)
    s = socket.create_connection((host, int(port)))
    c.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    threading.Thread(target=pump, args=(s, c), daemon=True).start()
    pump(c, s)


if sys.argv[1] == "github":
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), GitHub)
    print(server.server_port, flush=True)
    server.serve_forever()
else:
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    while True:
        threading.Thread(target=tunnel, args=(listener.accept()[0],), daemon=True).start()
