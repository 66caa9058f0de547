"""One server in front of one content, and a way for every cell of the fault table to have it fail: a Helm repository, a
registry, a bucket (which checks signatures), Git over HTTP (git http-backend) and, through a forwarder, over SSH.

The address of a cell names its fault: http://127.0.0.1:PORT/FAULT/..., oci://127.0.0.1:PORT/FAULT/...; faults of the
connection (refused, tls-*) have a port each. Nothing fails until `phase` is "broken".
"""
import base64, calendar, gzip, hashlib, hmac, http.server, io, json, os, socket, socketserver, ssl, struct, subprocess, tarfile, threading, time, urllib.parse

CHART_TYPE = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
STATUS = {"401": 401, "403": 403, "404": 404, "408": 408, "429": 429, "5xx": 503}


def chart(version, text="plain"):
    out = io.BytesIO()
    with gzip.GzipFile(fileobj=out, mode="wb", mtime=0) as z, tarfile.open(fileobj=z, mode="w") as tar:
        for name, body in chart_files(version, text).items():
            info = tarfile.TarInfo("web/" + name)
            info.size = len(body)
            tar.addfile(info, io.BytesIO(body.encode()))
    return out.getvalue()


def chart_files(version, text="plain"):
    return {
        "Chart.yaml": f"apiVersion: v2\nname: web\nversion: {version}\n",
        "values.yaml": f"text: {text}\npassword: none\n",
        "values.schema.json": json.dumps({"properties": {"password": {"type": "string"}, "text": {"type": "string"}}}),
        "templates/all.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: {{ .Release.Name }}}\ndata: {text: {{ .Values.text | quote }}}\n"
        "---\napiVersion: v1\nkind: Secret\nmetadata: {name: {{ .Release.Name }}}\nstringData: {password: {{ .Values.password | quote }}}\n",
        # what makes a body long enough to be cut in the middle, and cannot be packed well
        "README.md": "".join(hashlib.sha256(f"{version}{i}".encode()).hexdigest() for i in range(2000)),
    }


S3_KEYS = {}  # access key: (secret key, session token or None)


def signature_fault(method, path, headers):
    """What is wrong with a request signed by AWS signature version 4 for s3, None: nothing. From the documentation alone."""
    auth = headers.get("Authorization") or ""
    if not auth.startswith("AWS4-HMAC-SHA256 "):
        return "AccessDenied"
    given = dict(p.strip().split("=", 1) for p in auth.split(" ", 1)[1].split(","))
    access, day, region, service, end = given["Credential"].split("/")
    if access not in S3_KEYS:
        return "InvalidAccessKeyId"
    secret, token = S3_KEYS[access]
    signed, stamp = given["SignedHeaders"].split(";"), headers.get("x-amz-date", "")
    if token != headers.get("x-amz-security-token") or (token and "x-amz-security-token" not in signed):
        return "InvalidToken"
    if (service, end, stamp[:8]) != ("s3", "aws4_request", day) or "host" not in signed or abs(calendar.timegm(time.strptime(stamp, "%Y%m%dT%H%M%SZ")) - time.time()) > 900:
        return "RequestTimeTooSkewed"
    raw_path, _, query = path.partition("?")
    if query != "&".join(sorted(query.split("&"))):
        return "query out of order"
    canonical = "\n".join([method, raw_path, query, *(f"{n}:{(headers.get(n) or '').strip()}" for n in signed), "", ";".join(signed), headers.get("x-amz-content-sha256", "")])
    text = "\n".join(["AWS4-HMAC-SHA256", stamp, f"{day}/{region}/s3/aws4_request", hashlib.sha256(canonical.encode()).hexdigest()])
    key = ("AWS4" + secret).encode()
    for part in (day, region, "s3", "aws4_request", text):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return None if hmac.compare_digest(key.hex(), given["Signature"]) else "SignatureDoesNotMatch"


class World:
    """What all cells fetch. `version` counts up: 1.0.0, 1.1.0, ..."""

    def __init__(self, folder):
        self.folder, self.phase, self.minor, self.door_urls = folder, "healthy", 0, {}
        self.badly_signed, self.well_signed = [], 0
        self.versions, self.charts, self.seen, self.open = [], {}, [], set()  # seen: (fault, path, Authorization, host) of every request
        self.lock = threading.Lock()
        self.open_slow = threading.Event()
        os.makedirs(folder + "/tree")
        self.git("init", "-q", "--bare", "-b", "main", folder + "/web.git", at=folder)
        self.git("init", "-q", "-b", "main", ".")
        self.publish()

    def git(self, *args, at=None):
        env = dict(os.environ, GIT_CONFIG_GLOBAL="/dev/null", GIT_AUTHOR_NAME="t", GIT_AUTHOR_EMAIL="t@t", GIT_COMMITTER_NAME="t", GIT_COMMITTER_EMAIL="t@t")
        return subprocess.run(["git", *args], cwd=at or self.folder + "/tree", env=env, check=True, capture_output=True).stdout

    def publish(self):
        """A new version of everything; who asked before sees the old one until it looks again."""
        version = f"1.{self.minor}.0"
        self.minor += 1
        self.versions.append(version)
        for name, body in chart_files(version).items():
            path = f"{self.folder}/tree/web/{name}"
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w") as f:
                f.write(body)
        self.git("add", "-A")
        self.git("commit", "-q", "-m", version)
        self.git("push", "-q", self.folder + "/web.git", "main")
        self.commit = self.git("rev-parse", "HEAD").decode().strip()
        self.version = version

    def chart_of(self, fault, version):
        """Each cell has bytes of its own: else one finds in the store what another fetched."""
        with self.lock:
            if (fault, version) not in self.charts:
                self.charts[fault, version] = chart(version, fault)
            return self.charts[fault, version]

    def index(self, fault):
        rows = [{"apiVersion": "v2", "name": "web", "version": v, "digest": hashlib.sha256(self.chart_of(fault, v)).hexdigest(), "urls": [self.door_urls.get(fault, "") + f"web-{v}.tgz"]} for v in self.versions]
        return json.dumps({"apiVersion": "v1", "padding": "x" * 20000, "entries": {"web": rows}}).encode()

    def config(self):
        return b'{"name":"web","version":"%s"}' % self.version.encode()

    def manifest(self, fault, version):
        layer, config = self.chart_of(fault, version), self.config()
        return json.dumps({
            "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": {"mediaType": "application/vnd.cncf.helm.config.v1+json", "digest": digest(config), "size": len(config)},
            "layers": [{"mediaType": CHART_TYPE, "digest": digest(layer), "size": len(layer)}],
        }).encode()

    def hang_up(self):
        """Ends what is connected: who comes again meets the fault at the door."""
        with self.lock:
            open_now, self.open = self.open, set()
        for c in open_now:
            try:
                c.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def digest(b):
    return "sha256:" + hashlib.sha256(b).hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def do_HEAD(self):
        self.do_GET()

    def do_POST(self):
        self.do_GET()

    def do_GET(self):
        w, self.close_connection = self.server.world, False
        n = int(self.headers.get("Content-Length") or 0)
        self.sent = self.rfile.read(n)
        if self.headers.get("Transfer-Encoding") == "chunked":
            self.sent = b""
            while (n := int(self.rfile.readline(), 16)) > 0:
                self.sent += self.rfile.read(n)
                self.rfile.readline()
            self.rfile.readline()
        path = urllib.parse.urlsplit(self.path)
        parts = path.path.strip("/").split("/")
        oci = parts[0] == "v2"
        if oci and len(parts) == 1:
            return self.give(200, b"{}")
        fault, rest = (parts[1], parts[2:]) if oci else (parts[0], parts[1:])
        if not oci and (not rest or rest[0] in ("bucket", ".sourceignore")):
            bad = signature_fault(self.command, self.path, self.headers)
            with w.lock:
                w.badly_signed += [(bad, self.path)] if bad else []
                w.well_signed += not bad
            if bad:
                return self.give(403, f"<Error><Code>{bad}</Code></Error>".encode())
        with w.lock:
            w.seen.append((fault, self.path, self.headers.get("Authorization"), self.headers.get("Host")))
        body, headers, main = self.content(w, oci, fault, rest, path.query)
        if body is None:
            return self.give(404, b"<Error><Code>NoSuchKey</Code></Error>")
        if fault.startswith("chart-") and not main and w.phase != "draining":
            return self.give(200, body, headers)  # the index is well, the chart is not
        fault = fault.removeprefix("chart-")
        if w.phase == "draining" and main:  # bytes come drop by drop, for the kill in the middle
            return self.drip(body, headers)
        if w.phase != "broken":
            return self.give(200, body, headers)
        self.fail(w, fault, body, headers, main)

    def content(self, w, oci, fault, rest, query):
        """Body, headers, and whether it is what the table means by the artifact's bytes (not a listing or a head)."""
        if oci:  # REPO.../manifests/TAG, REPO.../blobs/DIGEST
            what, name = rest[-2:]
            if what == "manifests":
                for v in [w.version, *w.versions]:
                    m = w.manifest(fault, v)
                    if name in (digest(m), v, "latest"):
                        return m, {"Content-Type": "application/vnd.oci.image.manifest.v1+json", "Docker-Content-Digest": digest(m)}, False
                return None, {}, False
            if what == "tags":
                return json.dumps({"name": "web", "tags": w.versions}).encode(), {}, False
            for b in [w.config(), *(w.chart_of(fault, v) for v in w.versions)]:
                if digest(b) == name:
                    return b, {"Docker-Content-Digest": name}, True
            return None, {}, False
        if not rest or rest[0] in ("bucket", ".sourceignore"):
            return self.bucket(w, fault, rest)
        name = rest[-1]
        if name == "index.yaml":
            return w.index(fault), {}, not rest[0].startswith("chart")
        if name.endswith(".tgz"):
            return (w.chart_of(fault, name[4:-4]) if name[4:-4] in w.versions else None), {}, True
        if rest and rest[0] == "web.git":
            return (*self.backend(w, rest, query), name == "git-upload-pack")
        return None, {}, False

    def bucket(self, w, fault, rest):
        """The newest chart, and a dozen small objects beside it."""
        etag = lambda b: hashlib.md5(b).hexdigest()
        objects = {f"bucket/{i:02}.txt": f"{fault} {i}".encode() for i in range(12)} | {"bucket/web.tgz": w.chart_of(fault, w.version)}
        if not rest:
            rows = "".join(f"<Contents><Key>{k}</Key><ETag>&quot;{etag(b)}&quot;</ETag><Size>{len(b)}</Size></Contents>" for k, b in objects.items())
            return f"<ListBucketResult><IsTruncated>false</IsTruncated>{rows}</ListBucketResult>".encode(), {}, False
        body = objects.get("/".join(rest))
        return (body, {"ETag": f'"{etag(body)}"'}, rest[-1] == "web.tgz") if body else (None, {}, False)

    def backend(self, w, rest, query):
        env = dict(os.environ, GIT_PROJECT_ROOT=w.folder, GIT_HTTP_EXPORT_ALL="1", PATH_INFO="/" + "/".join(rest), QUERY_STRING=query, REQUEST_METHOD=self.command,
                   CONTENT_TYPE=self.headers.get("Content-Type", ""), GIT_PROTOCOL=self.headers.get("Git-Protocol", ""), REMOTE_ADDR="127.0.0.1", CONTENT_LENGTH=str(len(self.sent)),
                   HTTP_CONTENT_ENCODING=self.headers.get("Content-Encoding", ""))
        out = subprocess.run(["git", "http-backend"], input=self.sent, env=env, capture_output=True).stdout
        head, _, body = out.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if ": " in line)
        return (None, {}) if "Status" in headers else (body, headers)

    def give(self, status, body, headers={}, length=None):
        self.send_response(status)
        for k, v in headers.items():
            self.send_header(k, v)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def drip(self, body, headers):
        self.send_response(200)
        for k, v in headers.items():
            self.send_header(k, v)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "HEAD":
            return
        self.wfile.write(body[: len(body) // 2])
        self.wfile.flush()
        w = self.server.world
        with w.lock:
            w.half_sent = getattr(w, "half_sent", 0) + 1
        w.open_slow.wait(20)
        self.close_connection = True

    def fail(self, w, fault, body, headers, main):
        if fault in STATUS:  # and it tells what it was told: nobody may repeat that
            told = f"{self.headers.get('Authorization')} {self.headers.get('Proxy-Authorization')} {self.path} ".encode()
            try:
                told += base64.b64decode((self.headers.get("Authorization") or "").split(" ")[-1] + "==")
            except ValueError:
                pass
            extra = {"Retry-After": "1"} if fault == "429" else {"WWW-Authenticate": 'Basic realm="x"'} if fault == "401" else {}
            return self.give(STATUS[fault], told, extra)
        if fault == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
            return self.connection.close()
        if fault == "slow":
            w.open_slow.wait(20)
            self.close_connection = True
            return None
        if fault == "redirect-loop":
            return self.give(302, b"", {"Location": self.path})
        if fault == "redirect-host" and not (self.headers.get("Host") or "").startswith("localhost"):
            return self.give(302, b"", {"Location": f"http://localhost:{self.server.server_address[1]}{self.path}"})
        if fault == "redirect-plain":
            return self.give(302, b"", {"Location": f"http://127.0.0.1:{w.plain_port}{self.path}"})
        if not main:
            return self.give(200, body, headers)
        if fault == "cut":
            self.give(200, body[: len(body) // 2], headers, len(body))
            self.close_connection = True
        elif fault == "length":  # the length is a lie, and so is the end
            self.give(200, body[: len(body) // 2], headers)
        elif fault == "digest":
            bad = bytearray(body)
            bad[len(bad) // 2] ^= 0x55
            if body[:1] == b"{":
                bad = b'{"entries": [[[' + bytes(bad)
            self.give(200, bytes(bad), headers)
        else:
            self.give(200, body, headers)


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads, request_queue_size, allow_reuse_address = True, 256, True

    def __init__(self, world, port=0, tls=None):
        self.world, self.tls = world, tls
        super().__init__(("127.0.0.1", port), Handler)
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def finish_request(self, request, address):
        if self.tls:
            good, bad = self.tls
            request = (bad if self.world.phase == "broken" else good).wrap_socket(request, server_side=True)
        with self.world.lock:
            self.world.open.add(request)
        super().finish_request(request, address)

    def handle_error(self, request, address):
        pass


class Forwarder:
    """A TCP port before another one, which can be closed, reset, hold back or cut."""

    def __init__(self, world, fault, target):
        self.world, self.fault, self.target = world, fault, target
        self.port, self.listener = 0, None
        self.open()

    def open(self):
        if self.listener:
            return
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(("127.0.0.1", self.port))
        self.listener.listen(64)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, args=(self.listener,), daemon=True).start()

    def close(self):
        if self.listener:
            self.listener.shutdown(socket.SHUT_RDWR)
            self.listener.close()
        self.listener = None

    def accept(self, listener):
        while True:
            try:
                c, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(c,), daemon=True).start()

    def serve(self, c):
        fault = self.fault if self.world.phase == "broken" else None
        if fault == "reset":
            c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return c.close()
        if fault == "slow":
            self.world.open_slow.wait(20)
            return c.close()
        s = socket.create_connection(("127.0.0.1", self.target))
        with self.world.lock:
            self.world.open.add(c)
        limit = 6000 if fault == "cut" or self.world.phase == "draining" else None
        threading.Thread(target=self.pump, args=(c, s, None), daemon=True).start()
        self.pump(s, c, limit)

    def pump(self, a, b, limit):
        try:
            while data := a.recv(65536):
                if limit is not None:
                    data = data[:limit]
                    limit -= len(data)
                b.sendall(data)
                if limit == 0:
                    if self.world.phase == "draining":
                        self.world.open_slow.wait(20)
                    break
        except OSError:
            pass
        for s in (a, b):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
