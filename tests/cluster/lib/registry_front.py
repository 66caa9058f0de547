"""What stands before a registry in tests: a token server, and a proxy that misbehaves as the file `mode` says.

  registry_front.py DIR TOKEN_PORT FRONT_PORT ELSEWHERE_PORT UPSTREAM_PORT

DIR has tls.pem and tls.key (of all that speak TLS), token.pem and token.key (what the registry trusts for tokens). The log
in DIR/front.log has a line for each request: "token GET anonymous 1 repository:a:pull", "front GET /v2/... -".
"""
import base64, hashlib, http.client, http.server, json, os, ssl, subprocess, sys, threading, time, urllib.parse

DIR = sys.argv[1]
TOKEN, FRONT, ELSEWHERE, UPSTREAM = (int(p) for p in sys.argv[2:6])
lock, seen = threading.Lock(), {}


def log(*words):
    with lock, open(f"{DIR}/front.log", "a") as f:
        f.write(" ".join(str(w) for w in words) + "\n")


def mode():
    try:
        with open(f"{DIR}/mode") as f:
            return f.read().strip()
    except FileNotFoundError:
        return ""


def first(key):
    """True once for each thing and mode."""
    with lock:
        seen[key] = seen.get(key, 0) + 1
        return seen[key] == 1


def b64(raw):
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


with open(f"{DIR}/token.pem") as f:
    CERT = "".join(f.read().split("-----")[2].split())


def token(who, scopes):
    access = []
    for scope in scopes:
        kind, name, actions = scope.split(":", 2)
        allowed = actions.split(",") if who else [a for a in actions.split(",") if a == "pull" and name.startswith("public/")]
        access.append({"type": kind, "name": name, "actions": allowed})
    now = int(time.time())
    head = {"typ": "JWT", "alg": "RS256", "x5c": [CERT]}
    claims = {"iss": "tests", "sub": who, "aud": "registry", "exp": now + 300, "nbf": now - 10, "iat": now,
              "jti": hashlib.sha256(os.urandom(8)).hexdigest(), "access": access}
    text = ".".join(b64(json.dumps(part).encode()) for part in (head, claims))
    signed = subprocess.run(["openssl", "dgst", "-sha256", "-sign", f"{DIR}/token.key"], input=text.encode(),
                            stdout=subprocess.PIPE, check=True).stdout
    return text + "." + b64(signed)


class Base(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body=b"", headers=(), cut=None):
        self.send_response(status)
        names = {k.lower() for k, _ in headers}
        for k, v in headers:
            self.send_header(k, v)
        if "content-length" not in names:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body if cut is None else body[:cut])
        if cut is not None:
            self.wfile.flush()
            self.close_connection = True


class Token(Base):
    def do_GET(self):
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
        self.give(self.headers.get("Authorization"), query.get("scope", []), "token")

    def do_POST(self):
        form = urllib.parse.parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        pair = (form.get("username", [""])[0] + ":" + form.get("password", [""])[0]).encode()
        if form["grant_type"] == ["refresh_token"]:
            pair = b"oci:s3cret" if form["refresh_token"] == ["identity"] else b"?"
        self.give("Basic " + base64.b64encode(pair).decode(), " ".join(form.get("scope", [])).split(), "access_token")

    def give(self, auth, scopes, name):
        who = "oci" if auth == "Basic " + base64.b64encode(b"oci:s3cret").decode() else ""
        log("token", self.command, who or ("anonymous" if not auth else "refused"), len(scopes), *scopes)
        if auth and not who:
            self.answer(401, b'{"details":"no"}')
        else:
            self.answer(200, json.dumps({name: token(who, scopes), "expires_in": 300}).encode())


class Front(Base):
    def pass_on(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        how, blob = mode(), "/blobs/sha256:" in self.path and self.command == "GET"
        log("front", self.command, self.path, self.headers.get("Range") or "-")
        if how == "busy" and first((how, self.command, self.path)):
            return self.answer(429, b"{}", [("Retry-After", "1")])
        if how == "down":
            return self.answer(503, b"{}", [("Retry-After", "30")])
        if how == "redirect" and blob and self.headers.get("Authorization"):
            return self.answer(307, b"", [("Location", f"http://localhost:{ELSEWHERE}{self.path}")])
        if how == "loop" and blob:
            return self.answer(307, b"", [("Location", self.path)])
        status, headers, got = upstream(self.command, self.path, self.headers, body)
        if how == "wrong" and blob:
            got = bytes([got[0] ^ 1]) + got[1:]
        cut = len(got) // 2 if how == "cut" and blob and len(got) > 1000 else None
        self.answer(status, got, headers, cut)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = pass_on


class Elsewhere(Base):
    def do_GET(self):
        log("elsewhere", self.command, self.path, "credentials" if self.headers.get("Authorization") else "clean")
        auth = {"Authorization": "Basic " + base64.b64encode(b"oci:s3cret").decode()}
        status, headers, got = upstream("GET", self.path, auth, b"")
        self.answer(status, got, headers)


def upstream(method, path, headers, body):
    c = http.client.HTTPSConnection("127.0.0.1", UPSTREAM, context=ssl._create_unverified_context())
    keep = ("accept", "authorization", "range", "content-type", "content-range")
    c.request(method, path, body or None, {k: v for k, v in headers.items() if k.lower() in keep})
    r = c.getresponse()
    got = r.read()
    skip = ("connection", "transfer-encoding", "date")
    out = [(k, v) for k, v in r.getheaders() if k.lower() not in skip]
    return r.status, [(k, v.replace(f"https://127.0.0.1:{UPSTREAM}", f"http://127.0.0.1:{FRONT}")) for k, v in out], got


def serve(port, handler, tls):
    s = http.server.ThreadingHTTPServer(("127.0.0.1", port), handler)
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(f"{DIR}/tls.pem", f"{DIR}/tls.key")
        s.socket = context.wrap_socket(s.socket, server_side=True)
    threading.Thread(target=s.serve_forever, daemon=True).start()


serve(TOKEN, Token, True)
serve(FRONT, Front, False)
serve(ELSEWHERE, Elsewhere, False)
threading.Event().wait()
