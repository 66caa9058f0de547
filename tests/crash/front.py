"""What stands between one client and the real API server, counts what it writes and kills it behind a certain write.

Plain HTTP/1.1 to the client, TLS to the server; watches are streamed through. A front is armed with the number of a write, the
client's process and a mode:

  unanswered   the server has answered the nth write, and the client is killed before it hears of it
  answered     the client got that answer, and is killed when it asks for the next thing, which nobody gets
"""
import http.client, http.server, json, os, secrets, signal, socketserver, subprocess, threading, urllib.parse

MODES = ("unanswered", "answered")
HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "accept-encoding", "host", "upgrade"}


def is_write(method, url):
    """What changes something: a review or a dry run does not."""
    path, _, query = url.partition("?")
    return method in ("POST", "PUT", "PATCH", "DELETE") and "dryRun=" not in query and not path.endswith("reviews")


def resource_of(path):
    """/apis/GROUP/VERSION[/namespaces/NS]/RESOURCE[/NAME]: RESOURCE and NAME."""
    parts = path.strip("/").split("/")
    parts = parts[2:] if parts[0] == "api" else parts[3:]
    if parts[:1] == ["namespaces"] and len(parts) > 2:
        parts = parts[2:]
    return (parts + ["", ""])[:2]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version, disable_nagle_algorithm = "HTTP/1.1", True

    def log_message(self, *_):
        pass

    def setup(self):
        super().setup()
        self.life = self.server.front.life  # a connection belongs to the process that made it
        self.upstream = http.client.HTTPSConnection(self.server.front.server, context=self.server.front.tls)

    def finish(self):
        self.upstream.close()
        super().finish()

    def body(self):
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        out = b""
        while n := int(self.rfile.readline(), 16):
            out += self.rfile.read(n)
            self.rfile.readline()
        self.rfile.readline()
        return out

    def pass_on(self):
        front, body = self.server.front, self.body()
        # The client's token tells it from one of an earlier run that asks for ever where its own front was.
        if self.headers.get("Authorization") != "Bearer " + front.key or not front.asked(self.life):
            self.close_connection = True
            return
        headers = {k: v for k, v in self.headers.items() if k.lower() not in HOP} | {"Authorization": "Bearer " + front.token}
        self.upstream.request(self.command, self.path, body or None, headers)
        answer = self.upstream.getresponse()
        head = [(k, v) for k, v in answer.getheaders() if k.lower() not in HOP]
        if "watch=" in self.path or "follow=" in self.path:
            return self.stream(front, answer, head)
        text = answer.read()
        number = front.wrote(self.life, self.command, self.path, answer.status, text) if is_write(self.command, self.path) else 0
        if number is None:
            self.close_connection = True
            return
        self.send_response_only(answer.status)
        for k, v in head:
            self.send_header(k, v)
        self.send_header("Content-Length", answer.getheader("Content-Length") if self.command == "HEAD" else str(len(text)))
        self.end_headers()
        self.wfile.write(text)
        self.wfile.flush()
        if number:
            front.answered(number)

    def stream(self, front, answer, head):
        self.send_response_only(answer.status)
        for k, v in head:
            self.send_header(k, v)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.flush()
        with front.streaming(self.upstream):
            while piece := answer.read1(65536):
                self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
                self.wfile.flush()
        self.wfile.write(b"0\r\n\r\n")

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = pass_on


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads, request_queue_size = True, 64

    def handle_error(self, request, address):
        pass  # a connection that ended, as it does when somebody is killed


class Front:
    """`url` is where the client finds it, `key` its token. `log` has the act's writes, `created` the uids of what was made by each name."""

    def __init__(self, server, tls, token):
        self.server, self.tls, self.token, self.key, self.lock = server, tls, token, secrets.token_hex(8), threading.Lock()
        self.alive, self.pid, self.life, self.streams = threading.Condition(self.lock), None, 0, set()
        self.begin()
        self.http = Server(("127.0.0.1", 0), Handler)
        self.http.front = self
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.2}, daemon=True).start()

    def close(self):
        self.http.shutdown()
        self.http.server_close()
        self.drop()

    def begin(self, n=0, mode=MODES[0]):
        """A new act: counts from one. n 0: nobody is killed."""
        with self.lock:
            self.writes, self.n, self.mode, self.log, self.created, self.due, self.killed = 0, n, mode, [], {}, False, None

    def client(self, *command, **options):
        """Starts the client; what still comes from the one before is not passed on."""
        with self.lock:
            self.life += 1
            self.pid = None
        process = subprocess.Popen(command, **options)
        with self.lock:
            self.pid = process.pid
            self.alive.notify_all()
        return process

    def gone(self):
        self.life, self.pid = self.life + 1, None

    def kill(self):
        os.kill(self.pid, signal.SIGKILL)
        self.killed, self.due = self.log[-1], False
        self.gone()

    def asked(self, life):
        """False: by a client that is dead."""
        with self.lock:
            self.alive.wait_for(lambda: self.pid is not None or self.life != life, 10)
            if self.due and self.life == life:
                self.kill()
            return self.life == life

    def wrote(self, life, method, url, status, text):
        """The number of this write; None: nobody is there to hear of it."""
        path = url.partition("?")[0]
        resource, name = resource_of(path)
        with self.lock:
            self.writes += 1
            self.log.append(f"{method} {urllib.parse.unquote(path)} {status}")
            if status == 201:
                made = json.loads(text).get("metadata", {})
                self.created.setdefault(f"{resource}/{name or made.get('name', '')}", []).append(made.get("uid"))
            if self.life == life and self.writes == self.n and self.mode == "unanswered":
                self.kill()
            return self.writes if self.life == life else None

    def answered(self, number):
        with self.lock:
            self.due = self.due or (number == self.n and self.mode == "answered")

    def streaming(self, connection):
        front = self

        class Held:
            def __enter__(self):
                with front.lock:
                    front.streams.add(connection)

            def __exit__(self, *_):
                with front.lock:
                    front.streams.discard(connection)

        return Held()

    def drop(self):
        """Ends the watches of a client that is gone."""
        with self.lock:
            streams = list(self.streams)
        for s in streams:
            try:
                s.sock.shutdown(2)
            except (OSError, AttributeError):
                pass
