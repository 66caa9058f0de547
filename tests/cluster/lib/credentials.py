#!/usr/bin/env python3
"""credentials.py WORK HELMCTL: the table of tests/cluster/credentials.sh, whose servers run already (ports in the environment).

Starts two proxies (one wants user p and a password), a registry's front that lets a TLS handshake hang, the sandbox and the
controller; makes all sources at once, and looks until each says what its row wants."""
import base64, http.client, json, os, re, socket, subprocess, sys, threading, time

WORK, HELMCTL = sys.argv[1:3]
PORT = {k: int(os.environ[k]) for k in ("MUTUAL", "TLS", "OTHER", "PLAIN", "ALERT", "REGISTRY", "STORAGE")}
checks = failed = 0


def check(what, good, detail=""):
    global checks, failed
    checks += 1
    if good:
        print("ok  ", what)
    else:
        failed += 1
        print("FAIL", what, detail)


# ---- proxies, and a front that never answers a TLS handshake
def pump(a, b):
    try:
        while data := a.recv(65536):
            b.sendall(data)
        b.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def join(c, s):
    threading.Thread(target=pump, args=(s, c), daemon=True).start()
    pump(c, s)


proxied = []
PROXY_LOGIN = "p@%:planted-proxy-password"


def proxy(c, wants):
    head = b""
    while b"\r\n\r\n" not in head:
        more = c.recv(4096)
        if not more:
            return
        head += more
    head, _, body = head.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    method, target, _ = lines[0].split(" ")
    origin, _, path = target.removeprefix("http://").partition("/")  # of a tunnel: its target
    shown = [line.split(" ")[-1] for line in lines if line.lower().startswith("proxy-authorization:")]
    allowed = not wants or shown == [base64.b64encode(wants.encode()).decode()]
    proxied.append((origin, "login" if wants else "open", allowed))
    if not allowed:
        c.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=p\r\nContent-Length: 0\r\n\r\n")
        return c.close()
    s = socket.create_connection(("127.0.0.1", int(origin.rsplit(":", 1)[1])))  # whatever the name: it is this proxy's to look up
    if method == "CONNECT":
        c.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    else:  # one request a connection: the next may be for another server
        kept = [line for line in lines[1:] if not line.lower().startswith(("proxy-", "connection:"))]
        s.sendall("\r\n".join([f"{method} /{path} HTTP/1.1", *kept, "Connection: close", "", ""]).encode() + body)
    join(c, s)


hung = []


def hanging(c, _):
    if c.recv(1, socket.MSG_PEEK) == b"\x16":
        hung.append(c)  # and never a word
        return
    join(c, socket.create_connection(("127.0.0.1", PORT["PLAIN"])))


def listen(serve, arg=None):
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)

    def run():
        while True:
            threading.Thread(target=serve, args=(listener.accept()[0], arg), daemon=True).start()
    threading.Thread(target=run, daemon=True).start()
    return listener.getsockname()[1]


PORT["LOGIN"], PORT["OPEN"], PORT["HANGS"] = listen(proxy, PROXY_LOGIN), listen(proxy), listen(hanging)


# ---- Secrets
def pem(name):
    with open(f"{WORK}/pki/{name}") as f:
        return f.read()


def docker(password, *ports):
    auth = base64.b64encode(f"oci:{password}".encode()).decode()
    return {".dockerconfigjson": json.dumps({"auths": {f"127.0.0.1:{PORT[p]}": {"auth": auth} for p in ports}})}


ca = {"ca.crt": pem("ca.pem")}
pair = {"tls.crt": pem("team-client.pem"), "tls.key": pem("team-client.key")}
everywhere = ("MUTUAL", "TLS", "PLAIN", "HANGS")
login = {"username": "team", "password": "planted-password"}
SECRETS = {
    "ca": ca, "mutual": {**ca, **pair}, "otherca": {"ca.crt": pem("other.pem")},
    "old": {"caFile": ca["ca.crt"], "certFile": pair["tls.crt"], "keyFile": pair["tls.key"]},
    "stranger": {**ca, "tls.crt": pem("stranger.pem"), "tls.key": pem("stranger.key")},
    "half": {**ca, "tls.crt": pair["tls.crt"]}, "nothing": {"x": "y"},
    "broken": {**ca, "tls.crt": "planted-broken", "tls.key": pair["tls.key"]}, "brokenca": {"ca.crt": "planted-broken"},
    "mixed": {**ca, "tls.crt": pair["tls.crt"], "tls.key": pem("server.key")},
    "login": login, "wronglogin": {**login, "password": "planted-wrong"}, "halflogin": {"username": "team"},
    "token": {"bearerToken": "planted-token"}, "wrongtoken": {"bearerToken": "planted-wrong"},
    "gitlogin": {**ca, **login}, "gittoken": {**ca, "bearerToken": "planted-token"}, "gitwrongtoken": {**ca, "bearerToken": "planted-wrong"},
    "gitwronglogin": {**ca, **login, "password": "planted-wrong"},
    "pull": docker("s3cret", *everywhere), "wrongpull": docker("planted-wrong", *everywhere), "elsewhere": docker("s3cret", "ALERT"),
    "proxy": {"address": f"http://127.0.0.1:{PORT['LOGIN']}", "username": "p@%", "password": "planted-proxy-password"},
    "wrongproxy": {"address": f"http://127.0.0.1:{PORT['LOGIN']}", "username": "p@%", "password": "planted-wrong"},
    "noproxylogin": {"address": f"http://127.0.0.1:{PORT['LOGIN']}"}, "openproxy": {"address": f"http://127.0.0.1:{PORT['OPEN']}"},
    "noproxy": {"address": f"127.0.0.1:{PORT['OPEN']}"},
}

# ---- objects: KIND NAME SPEC WANT; WANT is how Ready begins, behind "True" or "False REASON: "
API = "source.toolkit.fluxcd.io/v1"
rows = []


def row(kind, name, want, **spec):
    spec = {"interval": "10m", **({} if kind == "HelmChart" else {"timeout": "20s"}), **spec}
    for ref in ("secretRef", "certSecretRef", "proxySecretRef"):
        if ref in spec:
            spec[ref] = {"name": spec[ref]}
    rows.append((kind, name, spec, want))


def at(port, path, host="127.0.0.1", scheme="https"):
    return f"{scheme}://{host}:{PORT[port]}/{path}"


def repo(name, want, url, **spec):
    row("HelmRepository", name, want, url=url, **spec)


def chart(name, want, source):
    row("HelmChart", name, want, chart="web", version="1.0.0", sourceRef={"kind": "HelmRepository", "name": source})


def oci(name, want, port, **spec):
    row("OCIRepository", name, want, url=f"oci://127.0.0.1:{PORT[port]}/charts/web", ref={"tag": "1.0.0"}, **spec)


def git(name, want, url, **spec):
    row("GitRepository", name, want, url=url, ref={"branch": "main"}, **spec)


def bucket(name, want, port, **spec):
    row("Bucket", name, want, endpoint=f"127.0.0.1:{PORT[port]}", bucketName="shelf", **spec)


wants_certificate = "the server wants a client certificate: put tls.crt and tls.key into Secret default/ca$"
no_such_client = "the server does not accept the client certificate of Secret default/stranger"
wrong_ca = "ca.crt of Secret default/otherca is not of the authority that signed it"
private = "put the authority's certificate as ca.crt into a Secret and name it in spec.certSecretRef"
wrong_proxy = "the proxy answers 407: it does not accept username and password of Secret default/wrongproxy"
no_proxy_login = "the proxy answers 407: it wants a login; put username and password into Secret default/noproxylogin"

repo("basic", "True", at("TLS", "basic"), secretRef="login", certSecretRef="ca")
repo("bearer", "True", at("TLS", "bearer"), secretRef="token", certSecretRef="ca")
repo("mutual", "True", at("MUTUAL", "mutual"), certSecretRef="mutual")
repo("old", "True", at("MUTUAL", "mutual"), secretRef="old")
repo("env", "True", at("TLS", "charts", "charts.test"), certSecretRef="ca")
repo("away", "True", at("MUTUAL", "away"), secretRef="login", certSecretRef="mutual")
repo("far", "True", at("TLS", "far"), secretRef="login", certSecretRef="ca")
repo("pass", "True", at("TLS", "far"), secretRef="login", certSecretRef="mutual", passCredentials=True)
repo("registry", "True", f"oci://127.0.0.1:{PORT['MUTUAL']}/charts", type="oci", secretRef="pull", certSecretRef="mutual")
repo("registry-ca", "True", f"oci://127.0.0.1:{PORT['MUTUAL']}/charts", type="oci", secretRef="pull", certSecretRef="ca")
repo("registry-http", "True", f"oci://127.0.0.1:{PORT['PLAIN']}/charts", type="oci", secretRef="pull", insecure=True)
repo("registry-tls", "True", f"oci://127.0.0.1:{PORT['TLS']}/charts", type="oci", secretRef="pull", insecure=True)
for name in ("mutual", "away", "pass", "registry", "registry-http", "env"):
    chart(name, "True", name)
chart("far", "False AuthenticationFailed: .*401: it wants credentials, and is another host than the repository's; spec.passCredentials", "far")
chart("registry-ca", "False ChartPullError: .*" + wants_certificate, "registry-ca")
chart("registry-tls", "False ChartPullError: .*it speaks TLS, and was asked without \\(spec.insecure\\)", "registry-tls")
oci("pull", "True", "TLS", secretRef="pull", certSecretRef="ca")
oci("account", "True", "TLS", serviceAccountName="puller", certSecretRef="ca")
oci("mutual", "True", "MUTUAL", secretRef="pull", certSecretRef="mutual")
oci("proxy", "True", "MUTUAL", secretRef="pull", certSecretRef="mutual", proxySecretRef="proxy")
oci("plain", "True", "PLAIN", secretRef="pull", insecure=True)
oci("careless", "True", "TLS", secretRef="pull", insecure=True)
oci("hangs", "True", "HANGS", secretRef="pull", insecure=True)
git("basic", "True", at("TLS", "login/fleet.git"), secretRef="gitlogin")
git("bearer", "True", at("TLS", "token/fleet.git"), secretRef="gittoken")
git("mutual", "True", at("MUTUAL", "git/fleet.git"), secretRef="mutual")
git("proxy", "True", at("MUTUAL", "git/fleet.git"), secretRef="mutual", proxySecretRef="proxy")
bucket("mutual", "True", "MUTUAL", certSecretRef="mutual")
bucket("proxy", "True", "MUTUAL", certSecretRef="mutual", proxySecretRef="proxy")
bucket("open", "True", "TLS", certSecretRef="ca", proxySecretRef="openproxy")
bucket("plain", "True", "PLAIN", insecure=True)
# without TLS a proxy gets the request itself, each with the login
repo("plainenv", "True", at("PLAIN", "charts", "plain.test", "http"))
oci("plainproxy", "True", "PLAIN", secretRef="pull", insecure=True, proxySecretRef="proxy")
git("plainproxy", "True", at("PLAIN", "git/fleet.git", scheme="http"), proxySecretRef="proxy")
bucket("plainproxy", "True", "PLAIN", insecure=True, proxySecretRef="proxy")

failures = "False Failed: failed to fetch Helm repository index: .*"
auth = "False AuthenticationFailed: .*"
repo("n-none", failures + wants_certificate, at("MUTUAL", "mutual"), certSecretRef="ca")
repo("n-alert", failures + wants_certificate, at("ALERT", "charts"), certSecretRef="ca")
repo("n-stranger", failures + no_such_client, at("MUTUAL", "mutual"), certSecretRef="stranger")
repo("n-alert-stranger", failures + no_such_client, at("ALERT", "charts"), certSecretRef="stranger")
repo("n-otherca", failures + wrong_ca, at("TLS", "charts"), certSecretRef="otherca")
repo("n-noca", failures + private, at("TLS", "charts"))
repo("n-token", failures + "401: the credentials of Secret default/wrongtoken are not accepted", at("TLS", "bearer"), secretRef="wrongtoken", certSecretRef="ca")
repo("n-login", failures + "401: the credentials of Secret default/wronglogin are not accepted", at("TLS", "basic"), secretRef="wronglogin", certSecretRef="ca")
repo("n-nologin", failures + "401: it wants credentials; name a Secret", at("TLS", "basic"), certSecretRef="ca")
repo("n-halflogin", auth + "secret 'default/halflogin': malformed basic auth - has 'username' but missing 'password'", at("TLS", "basic"), secretRef="halflogin", certSecretRef="ca")
repo("n-half", auth + "secret 'default/half' contains 'tls.crt' but missing 'tls.key'", at("MUTUAL", "mutual"), certSecretRef="half")
repo("n-nothing", auth + "secret 'default/nothing' must contain either 'ca.crt' or both 'tls.crt' and 'tls.key'", at("TLS", "charts"), certSecretRef="nothing")
repo("n-broken", failures + "tls.crt and tls.key of Secret default/broken must be PEM", at("MUTUAL", "mutual"), certSecretRef="broken")
repo("n-mixed", failures + "tls.crt and tls.key of Secret default/mixed must be PEM, .* belong together", at("MUTUAL", "mutual"), certSecretRef="mixed")
repo("n-brokenca", failures + "ca.crt of Secret default/brokenca is no certificate", at("TLS", "charts"), certSecretRef="brokenca")
# certSecretRef decides alone: the pair in secretRef is not mixed with its authority.
repo("n-both", failures + wants_certificate, at("MUTUAL", "mutual"), secretRef="old", certSecretRef="ca")
pulls = "False OCIArtifactPullFailed: .*"
oci("n-none", pulls + wants_certificate, "MUTUAL", secretRef="pull", certSecretRef="ca")
oci("n-otherca", pulls + wrong_ca, "TLS", secretRef="pull", certSecretRef="otherca")
oci("n-noca", pulls + private, "TLS", secretRef="pull")
oci("n-pull", pulls + "401; .*asked with the entry .* in Secret default/wrongpull", "TLS", secretRef="wrongpull", certSecretRef="ca")
oci("n-account", pulls + "asked without a login: the pull secrets of ServiceAccount default/stranger has no entry", "TLS", serviceAccountName="stranger", certSecretRef="ca")
oci("n-proxy", pulls + wrong_proxy, "MUTUAL", secretRef="pull", certSecretRef="mutual", proxySecretRef="wrongproxy")
oci("n-plain", pulls + "it may speak HTTP without TLS, which must be asked for \\(spec.insecure\\)", "PLAIN", secretRef="pull")
oci("n-provider", "False InvalidProviderConfiguration: provider 'aws'", "TLS", provider="aws")
checkout = "False GitOperationFailed: failed to checkout and determine revision: .*"
git("n-none", checkout + wants_certificate, at("MUTUAL", "git/fleet.git"), secretRef="ca")
git("n-otherca", checkout + wrong_ca, at("TLS", "git/fleet.git"), secretRef="otherca")
git("n-token", checkout + "401 to .*: the credentials of Secret default/gitwrongtoken are not accepted", at("TLS", "token/fleet.git"), secretRef="gitwrongtoken")
git("n-login", checkout + "401 to .*: the credentials of Secret default/gitwronglogin are not accepted", at("TLS", "login/fleet.git"), secretRef="gitwronglogin")
git("n-proxy", checkout + wrong_proxy, at("MUTUAL", "git/fleet.git"), secretRef="mutual", proxySecretRef="wrongproxy")
git("n-proxyaddress", auth + "secret 'default/noproxy': proxy URL must use one of the supported schemes", at("MUTUAL", "git/fleet.git"), secretRef="mutual", proxySecretRef="noproxy")
listing = "False BucketOperationFailed: .*"
bucket("n-none", listing + wants_certificate, "MUTUAL", certSecretRef="ca")
bucket("n-otherca", listing + wrong_ca, "TLS", certSecretRef="otherca")
bucket("n-proxy", listing + wrong_proxy, "MUTUAL", certSecretRef="mutual", proxySecretRef="wrongproxy")
oci("n-plainproxy", pulls + wrong_proxy, "PLAIN", secretRef="pull", insecure=True, proxySecretRef="wrongproxy")
git("n-plainproxy", checkout + no_proxy_login, at("PLAIN", "git/fleet.git", scheme="http"), proxySecretRef="noproxylogin")
bucket("n-plainproxy", listing + wrong_proxy, "PLAIN", insecure=True, proxySecretRef="wrongproxy")
bucket("n-noproxylogin", listing + no_proxy_login, "MUTUAL", certSecretRef="mutual", proxySecretRef="noproxylogin")

objects = [{"apiVersion": "v1", "kind": "Secret", "metadata": {"name": n, "namespace": "default"},
            "type": "kubernetes.io/dockerconfigjson" if ".dockerconfigjson" in d else "Opaque",
            "data": {k: base64.b64encode(v.encode()).decode() for k, v in d.items()}} for n, d in SECRETS.items()]
objects += [{"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": n, "namespace": "default"}, "imagePullSecrets": [{"name": s}]}
            for n, s in (("puller", "pull"), ("stranger", "elsewhere"))]
objects += [{"apiVersion": API, "kind": k, "metadata": {"name": n, "namespace": "default"}, "spec": s} for k, n, s, _ in rows]
with open(f"{WORK}/objects.yaml", "w") as f:
    f.write("\n---\n".join(json.dumps(o) for o in objects))

# ---- the cluster
started = []


def start(log, *args, **env):
    with open(f"{WORK}/{log}", "w") as f:
        started.append(subprocess.Popen([HELMCTL, *args], stdout=f, stderr=f, env={**os.environ, **env}))


def within(seconds, good):
    until = time.monotonic() + seconds
    while not good():
        if time.monotonic() > until:
            return False
        time.sleep(0.4)
    return True


def get(path):
    server = http.client.HTTPConnection(api)
    server.request("GET", path)
    return json.loads(server.getresponse().read())


def ask(kind, name, word):
    server = http.client.HTTPConnection(api)
    body = json.dumps({"metadata": {"annotations": {"reconcile.fluxcd.io/requestedAt": word}}})
    server.request("PATCH", f"/apis/{API}/namespaces/default/{plural(kind)}/{name}", body, {"Content-Type": "application/merge-patch+json"})
    check(f"{kind} {name} is asked again", server.getresponse().status == 200)


def plural(kind):
    return "helmrepositories" if kind == "HelmRepository" else kind.lower()[:-1] + "ies" if kind.endswith("y") else kind.lower() + "s"


def condition(o, kind):
    for c in o.get("status", {}).get("conditions", []):
        if c["type"] == kind:
            return c
    return {}


def look():
    global found
    found = {}
    for kind in ("HelmRepository", "HelmChart", "OCIRepository", "GitRepository", "Bucket"):
        for o in get(f"/apis/{API}/namespaces/default/{plural(kind)}")["items"]:
            found[kind, o["metadata"]["name"]] = o
    return found


def says(kind, name):
    c = condition(found[kind, name], "Ready")
    return f"{c.get('status')} {c.get('reason')}: {c.get('message')}" if c else ""


def right(kind, name, want):
    return re.match("True " if want == "True" else want, says(kind, name), re.S)


def settled():
    look()
    return all(right(k, n, w) for k, n, _, w in rows)


try:
    kubeconfig = f"{WORK}/kubeconfig"
    start("sandbox.log", "sandbox", "--kubeconfig", kubeconfig)
    within(10, lambda: os.path.exists(kubeconfig) and os.path.getsize(kubeconfig))
    with open(kubeconfig) as f:
        api = re.search(r"server: \"?http://([^\s\"/]+)", f.read())[1]
    os.environ["KUBECONFIG"] = kubeconfig
    subprocess.run([HELMCTL, "deploy", "--crds-only", "-f", f"{WORK}/objects.yaml"], check=True, stdout=subprocess.DEVNULL)
    began = time.monotonic()
    start("controller.log", "controller", "--controllers", "source", "--storage-path", f"{WORK}/storage", "--storage-addr",
          f"127.0.0.1:{PORT['STORAGE']}", "--min-retry-delay", "3s", HTTPS_PROXY=f"http://127.0.0.1:{PORT['OPEN']}", HTTP_PROXY=f"127.0.0.1:{PORT['OPEN']}", NO_PROXY=".plain.test,charts.test:1")
    within(float(os.environ.get("PATIENCE", 40)), settled)
    took = time.monotonic() - began
    for kind, name, _, want in rows:
        check(f"{kind} {name}", right(kind, name, want), f"no /{want}/ in: {says(kind, name)}")
    check(f"all of it in {took:.1f} s; a handshake that hangs is not tried again and again", 1 <= len(hung) <= 2, f"{len(hung)} times")

    # ---- a connection that stands open is nobody else's: the wrong key, and the wrong login at the proxy, beside the right ones
    riders = [("HelmRepository", "n-mixed"), ("OCIRepository", "n-proxy"), ("GitRepository", "n-proxy"), ("Bucket", "n-proxy")]

    def handled(word, these):
        look()
        return all(found[o].get("status", {}).get("lastHandledReconcileAt") == word for o in these)
    owners = [("HelmRepository", "mutual"), ("OCIRepository", "proxy"), ("GitRepository", "proxy"), ("Bucket", "proxy")]
    for word, these in (("first", owners), ("then", riders)):
        for o in these:
            ask(*o, word)
        check("they are looked at", within(20, lambda: handled(word, these)), [found[o].get("status") for o in these])
    for kind, name in riders:
        want = next(w for k, n, _, w in rows if (k, n) == (kind, name))
        check(f"{kind} {name}: still refused", right(kind, name, want), says(kind, name))

    # ---- what the servers saw
    with open(f"{WORK}/servers/nginx/access.log") as f:
        seen = f.read().splitlines()
    dn = "cert=CN=team-client"
    for what, port, path in (("a chart", "MUTUAL", "/mutual/web-1.0.0.tgz"), ("Git", "MUTUAL", "/git/fleet.git/git-upload-pack"),
                             ("a registry", "MUTUAL", "/v2/charts/web/"), ("a bucket", "MUTUAL", "/shelf/a.yaml")):
        check(f"{what} came for the client's certificate", any(s.startswith(f"{PORT[port]} ") and path in s and " 200 " in s and s.endswith(dn) for s in seen))
    led = [s for s in seen if s.startswith(f"{PORT['OTHER']} GET /charts/web-1.0.0.tgz 200")]
    check("a redirect to another host takes no credentials and no certificate along", led and all(s.endswith("auth=- cert=-") for s in led), led)
    asked = [s for s in seen if s.startswith(f"{PORT['OTHER']} GET /basic/web-1.0.0.tgz")]
    check("another host in the index gets none either", any(" 401 auth=- cert=-" in s for s in asked), asked)
    check("but with passCredentials", any(" 200 auth=Basic " in s and s.endswith(dn) for s in asked), asked)
    ways = {(t, k) for t, k, ok in proxied if ok}
    check("the proxy was gone through with its login", (f"127.0.0.1:{PORT['MUTUAL']}", "login") in ways, ways)
    check("without TLS too", (f"127.0.0.1:{PORT['PLAIN']}", "login") in ways, ways)
    check("and the open one, by spec and by HTTPS_PROXY and HTTP_PROXY", {(f"127.0.0.1:{PORT['TLS']}", "open"), (f"charts.test:{PORT['TLS']}", "open"),
                                                                         (f"plain.test:{PORT['PLAIN']}", "open")} <= ways, ways)
    refused = [t for t, _, ok in proxied if not ok]
    check("a proxy that refuses is not asked again at once", len(refused) <= 8 * 6, refused)

    # ---- and what nobody may see
    told = json.dumps([list(found.values()), get("/api/v1/events")])
    with open(f"{WORK}/controller.log") as f:
        told += f.read()
    for secret in ("planted", "s3cret", *(base64.b64encode(x.encode()).decode() for x in ("team:planted-password", "oci:s3cret", PROXY_LOGIN)),
                   "p%40%25", *(pem(n).splitlines()[1] for n in ("team-client.key", "stranger.key", "server.key"))):
        check(f"no secret is told: {secret[:12]}...", secret not in told, re.findall(".{60}" + re.escape(secret), told)[:2])
finally:
    for p in reversed(started):
        p.kill()
        p.wait()
if os.environ.get("CPU"):
    import resource
    for who, of in (("the table", resource.RUSAGE_SELF), ("sandbox, deploy and controller", resource.RUSAGE_CHILDREN)):
        r = resource.getrusage(of)
        print(f"CPU of {who}: {1000 * (r.ru_utime + r.ru_stime):.0f} ms")
print(f"{checks} checks, {failed} failed")
sys.exit(failed != 0)
