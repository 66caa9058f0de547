#!/usr/bin/env python3
"""The fault table: every kind of source against every way its server can fail (lib/fault_server.py), one controller, one
sandbox, all cells at once. faults.tsv says what is expected of a cell: the Ready condition, its reason, its words.

Told of each cell: the condition, that the artifact of before stays and is served whole, and recovery without a hand. Then
for all: a disk that is full, kill -9 in the middle of storing, releases that are upgraded after a restart with nothing
to fetch from, and that no planted credential is in any log, object, or file.

  faults.py HELMCTL WORK_FOLDER [CELL...]      CELL: "repo/401"; without: all
"""
import atexit, base64, glob, hashlib, io, json, os, re, shutil, signal, ssl, subprocess, sys, tarfile, threading, time, urllib.error, urllib.parse, urllib.request

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/lib")
import clouds, fault_server as fs

helmctl, work, wanted = sys.argv[1], sys.argv[2], sys.argv[3:]
here = os.path.dirname(os.path.abspath(__file__))
MARK = "pl4nted"
SOURCE = "source.toolkit.fluxcd.io/v1"
checks = failed = 0
children = []


@atexit.register
def stop_all():
    for p in children:
        if p.poll() is None:
            p.kill()
            p.wait()
    if os.path.ismount(work + "/store"):
        subprocess.run(["umount", "-l", work + "/store"])


signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # which lets what is above run


def ok(good, what, detail=""):
    global checks, failed
    checks += 1
    failed += not good
    if not good or os.environ.get("VERBOSE"):
        print(("ok   " if good else "FAIL ") + what + (f": {detail}" if not good else ""), flush=True)


def b64(s):
    return base64.b64encode(s if isinstance(s, bytes) else s.encode()).decode()


def wait(seconds, fn):
    until = time.monotonic() + seconds
    while True:
        if fn():
            return True
        if time.monotonic() > until:
            return False
        time.sleep(0.15)


# ---- certificates ----


def certificates():
    def run(*args):
        subprocess.run(["openssl", *args], cwd=work, check=True, capture_output=True)

    run("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", "ca.key", "-out", "ca.crt", "-subj", "/CN=ca", "-days", "2")
    for name, san, days in (("good", "IP:127.0.0.1,DNS:localhost", "2"), ("expired", "IP:127.0.0.1", "-1"), ("name", "DNS:other.example", "2")):
        run("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        with open(f"{work}/{name}.ext", "w") as f:
            f.write(f"subjectAltName={san}\n")
        run("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-out", f"{name}.crt", "-days", days, "-extfile", f"{name}.ext")

    def context(name):
        c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        c.load_cert_chain(f"{work}/{name}.crt", f"{work}/{name}.key")
        return c

    return {n: context(n) for n in ("good", "expired", "name")}


# ---- the world and its doors ----

tls = certificates()
world = fs.World(work + "/world_") if os.makedirs(work + "/world_") is None else None
main = fs.Server(world)
world.plain_port = main.server_address[1]
cloud = clouds.Clouds(work, MARK)
doors = {
    "refused": fs.Forwarder(world, "refused", world.plain_port),
    "tls-expired": fs.Server(world, tls=(tls["good"], tls["expired"])),
    "tls-name": fs.Server(world, tls=(tls["good"], tls["name"])),
    "redirect-plain": fs.Server(world, tls=(tls["good"], tls["good"])),
}


def ssh_server():
    if not os.access("/usr/sbin/sshd", os.X_OK):
        print("SKIP SSH: sshd is not on this machine")
        return None
    d = work + "/ssh"
    os.makedirs(d, mode=0o700)
    for k in ("host", "identity"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", f"{d}/{k}"], check=True)
    shutil.copy(f"{d}/identity.pub", f"{d}/authorized_keys")
    if os.getuid() == 0:
        os.makedirs("/run/sshd", exist_ok=True)
    s = fs.socket.socket()
    s.bind(("127.0.0.1", 0))
    port = s.getsockname()[1]
    s.close()
    children.append(subprocess.Popen(
        ["/usr/sbin/sshd", "-D", "-e", "-f", "/dev/null", "-h", f"{d}/host", "-p", str(port), "-o", "ListenAddress=127.0.0.1", "-o", f"AuthorizedKeysFile={d}/authorized_keys",
         "-o", "StrictModes=no", "-o", "UsePAM=no", "-o", f"PidFile={d}/pid", "-o", "PasswordAuthentication=no", "-o", "PermitRootLogin=yes", "-o", "MaxStartups=100"],
        stderr=open(d + "/log", "w")))
    wait(5, lambda: not fs.socket.socket().connect_ex(("127.0.0.1", port)))
    return port


ssh_port = ssh_server()
ssh_doors = {f: fs.Forwarder(world, f, ssh_port) for f in ("refused", "reset", "slow", "cut")} if ssh_port else {}

# ---- the cells ----


def source(kind, name, **spec):
    return {"apiVersion": SOURCE, "kind": kind, "metadata": {"name": name, "namespace": "default"}, "spec": {"interval": "1h", **spec}}


class Cell:
    def __init__(self, line):
        self.kind, self.fault, self.ready, self.reason, self.words = line.rstrip("\n").split("\t")
        self.name = f"{self.kind}-{self.fault}"
        self.plural = {"repo": "helmrepositories", "chart": "helmcharts", "oci": "ocirepositories", "bucket": "buckets"}.get(self.kind, "gitrepositories")

    def objects(self):
        door = doors.get(self.fault)
        port = getattr(door, "port", None) or (door.server_address[1] if door else world.plain_port)
        secure = self.fault in ("tls-expired", "tls-name", "redirect-plain")
        http = "https" if secure else "http"
        common = {"interval": "1h", "timeout": "10s" if self.fault != "slow" else "6s" if self.kind == "ssh" else "3s"}
        certs = {"certSecretRef": {"name": "ca"}} if secure else {}

        def obj(kind, **spec):
            return {"apiVersion": SOURCE, "kind": kind, "metadata": {"name": self.name, "namespace": "default"}, "spec": {**common, **spec}}

        if self.kind == "repo":
            return [obj("HelmRepository", url=f"{http}://{MARK}-user:{MARK}-urlpw@127.0.0.1:{port}/{self.fault}/repo?token={MARK}-query", secretRef={"name": "basic"}, **certs)]
        if self.kind == "chart":  # the index comes over the plain port, the charts through the cell's door
            world.door_urls[f"chart-{self.fault}"] = f"{http}://127.0.0.1:{port}/chart-{self.fault}/charts/"
            http, port = "http", world.plain_port
            ref = {"kind": "HelmRepository", "name": self.name}
            return [obj("HelmRepository", url=f"{http}://127.0.0.1:{port}/chart-{self.fault}/charts", secretRef={"name": "basic"}, **certs),
                    source("HelmChart", self.name, chart="web", version="1.x", sourceRef=ref)]
        if self.kind == "oci":
            plain = {} if secure else {"insecure": True}
            return [obj("OCIRepository", url=f"oci://127.0.0.1:{port}/{self.fault}/charts/web", ref={"tag": "latest"}, secretRef={"name": "docker"},
                        layerSelector={"mediaType": fs.CHART_TYPE, "operation": "copy"}, **plain, **certs)]
        if self.kind == "bucket":
            return [obj("Bucket", endpoint=f"127.0.0.1:{port}", bucketName=self.fault, region="mars-1", secretRef={"name": "s3"}, **({} if secure else {"insecure": True}), **certs)]
        if self.kind == "git":
            return [obj("GitRepository", url=f"{http}://127.0.0.1:{port}/{self.fault}/web.git", ref={"branch": "main"},
                        secretRef={"name": "gitca"})]
        return [obj("GitRepository", url=f"ssh://{os.environ.get('USER') or 'root'}@127.0.0.1:{ssh_doors[self.fault].port}{world.folder}/web.git", ref={"branch": "main"}, secretRef={"name": f"ssh-{self.fault}"})]


cells = []
for line in open(here + "/faults.tsv"):
    if line.strip() and not line.startswith("#"):
        c = Cell(line)
        if (not wanted or f"{c.kind}/{c.fault}" in wanted) and (c.kind != "ssh" or ssh_port):
            cells.append(c)


def secret(name, data, kind="Opaque"):
    return {"apiVersion": "v1", "kind": "Secret", "type": kind, "metadata": {"name": name, "namespace": "default"}, "data": {k: b64(v) for k, v in data.items()}}


def read(name):
    with open(f"{work}/{name}") as f:
        return f.read()


ports = {world.plain_port, doors["refused"].port} | {doors[d].server_address[1] for d in ("tls-expired", "tls-name", "redirect-plain")}
fs.S3_KEYS["AKTEST"] = (f"{MARK}-s3/key+", None)
basic = {"username": "me", "password": f"{MARK}-basic"}
login = {"auth": b64(f"me:{MARK}-docker")}
objects = [
    secret("basic", basic),
    secret("ca", {"ca.crt": read("ca.crt")}),
    secret("gitca", {"ca.crt": read("ca.crt"), **basic}),
    secret("docker", {".dockerconfigjson": json.dumps({"auths": {f"127.0.0.1:{p}": login for p in ports}})}, "kubernetes.io/dockerconfigjson"),
    secret("s3", {"accesskey": "AKTEST", "secretkey": f"{MARK}-s3/key+"}),
    secret("values", {"values.yaml": f"password: {MARK}-value\n"}),
]
for f, door in ssh_doors.items():
    host = " ".join(read("ssh/host.pub").split()[:2])
    objects.append(secret(f"ssh-{f}", {"identity": read("ssh/identity"), "known_hosts": f"[127.0.0.1]:{door.port} {host}\n"}))
for c in cells:
    objects += c.objects()


def release(name, **spec):
    return {"apiVersion": "helm.toolkit.fluxcd.io/v2", "kind": "HelmRelease", "metadata": {"name": name, "namespace": "default"},
            "spec": {"interval": "1s", "values": {"text": "first"}, "valuesFrom": [{"kind": "Secret", "name": "values"}], **spec}}


def bucket(name, provider, endpoint=cloud.at, **spec):
    return source("Bucket", name, provider=provider, endpoint=endpoint, bucketName=name, insecure=True, **spec)


# Every way to sign in to a bucket, against servers that look at what they are shown.
CLOUDS = ("aws-web", "ldap-sts", "gcp-key", "gcp-machine", "azure-key", "azure-sas", "azure-secret", "azure-machine")
objects += [
    secret("ldap-sts", {"username": "ann", "password": f"{MARK}&ldap=+"}),
    secret("gcp-key", {"serviceaccount": cloud.service_account()}),
    secret("azure-key", {"accountKey": clouds.AZURE_KEY}),
    secret("azure-sas", {"sasKey": "?sp=rl&sig=" + urllib.parse.quote(f"{MARK}/sas+", safe="")}),
    secret("azure-secret", {"tenantId": "tenant", "clientId": "client", "clientSecret": f"{MARK}~entra", "authorityHost": f"http://{cloud.at}/"}),
    secret("azure-wrong", {"accountKey": b64("not the key")}),
    bucket("aws-web", "aws", sts={"provider": "aws", "endpoint": f"http://{cloud.at}/"}),
    bucket("ldap-sts", "generic", sts={"provider": "ldap", "endpoint": f"http://{cloud.at}/sts", "secretRef": {"name": "ldap-sts"}}),
    bucket("gcp-key", "gcp", secretRef={"name": "gcp-key"}),
    bucket("gcp-machine", "gcp"),
    *(bucket(n, "azure", f"http://{cloud.at}", secretRef={"name": n}) for n in ("azure-key", "azure-sas", "azure-secret")),
    bucket("azure-machine", "azure", f"http://{cloud.at}"),
    source("Bucket", "azure-wrong", provider="azure", endpoint=f"http://{cloud.at}", bucketName="azure-key", secretRef={"name": "azure-wrong"}),
    bucket("both-sts", "generic", sts={"provider": "aws", "endpoint": f"http://{cloud.at}/"}),
]
# What else may be told by mistake: each of these gets an answer that repeats what it was sent.
subprocess.run(["openssl", "req", "-newkey", "rsa:2048", "-x509", "-nodes", "-keyout", "client.key", "-out", "client.crt", "-subj", "/CN=client", "-days", "2"], cwd=work, check=True, capture_output=True)
key_lines = [line.encode() for name in ["client.key"] + (["ssh/identity"] if ssh_port else []) for line in read(name).split("\n")[1:3]]
TELLERS = {"gitrepositories": ("bearer", "proxied"), "helmrepositories": ("client-cert",)}
objects += [
    secret("bearer", {"bearerToken": f"{MARK}-bearer"}),
    secret("client-cert", {"ca.crt": read("ca.crt"), "tls.crt": read("client.crt"), "tls.key": read("client.key")}),
    secret("proxy", {"address": f"http://127.0.0.1:{world.plain_port}", "username": "me", "password": f"{MARK}-proxy"}),
    source("GitRepository", "bearer", url=f"http://127.0.0.1:{world.plain_port}/403/web.git", ref={"branch": "main"}, secretRef={"name": "bearer"}),
    source("GitRepository", "proxied", url=f"http://127.0.0.1:{world.plain_port}/403/web.git", ref={"branch": "main"}, proxySecretRef={"name": "proxy"}),
    source("HelmRepository", "client-cert", url=f"https://127.0.0.1:{doors['redirect-plain'].server_address[1]}/403/repo", certSecretRef={"name": "client-cert"}),
]
RELEASES = ("by-repo", "by-oci", "by-git", "by-registry")
objects += [
    source("HelmRepository", "plain", url=f"http://127.0.0.1:{world.plain_port}/none/repo"),
    source("HelmRepository", "registry", type="oci", insecure=True, url=f"oci://127.0.0.1:{world.plain_port}/none/charts"),
    source("OCIRepository", "plain", insecure=True, url=f"oci://127.0.0.1:{world.plain_port}/none/charts/web", ref={"tag": "latest"}, layerSelector={"mediaType": fs.CHART_TYPE, "operation": "copy"}),
    source("GitRepository", "plain", url=f"http://127.0.0.1:{world.plain_port}/none/web.git", ref={"branch": "main"}),
    release("by-repo", chart={"spec": {"chart": "web", "version": "1.0.0", "sourceRef": {"kind": "HelmRepository", "name": "plain"}}}),
    release("by-oci", chartRef={"kind": "OCIRepository", "name": "plain"}),
    release("by-git", chart={"spec": {"chart": "./web", "sourceRef": {"kind": "GitRepository", "name": "plain"}}}),
    release("by-registry", chart={"spec": {"chart": "web", "version": "1.0.0", "sourceRef": {"kind": "HelmRepository", "name": "registry"}}}),
    release("broken", chartRef={"kind": "OCIRepository", "name": "plain"}, values={"text": ["not a text"]}),
]

# ---- sandbox and controller ----

config = work + "/kubeconfig"
children.append(subprocess.Popen([helmctl, "sandbox", "--kubeconfig", config, "--ready-after", "20"], stdout=open(work + "/sandbox.log", "w"), stderr=subprocess.STDOUT))
assert wait(10, lambda: os.path.exists(config) and os.path.getsize(config)), "the sandbox does not start"
api = re.search(r"server: \"?([^\"\n]*)", open(config).read()).group(1).strip()


def call(method, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    r = urllib.request.Request(api + path, data, {"Content-Type": "application/merge-patch+json"}, method=method)
    with urllib.request.urlopen(r, timeout=20) as f:
        return json.load(f)


def listed(plural, group=SOURCE):
    return {o["metadata"]["name"]: o for o in call("GET", f"/apis/{group}/namespaces/default/{plural}")["items"]}


def everything():
    return {p: listed(p) for p in ("helmrepositories", "helmcharts", "ocirepositories", "gitrepositories", "buckets")}


def cond(o, kind="Ready"):
    for c in o.get("status", {}).get("conditions", []):
        if c["type"] == kind:
            return c
    return {"status": "", "reason": "", "message": ""}


store = work + "/store"
os.makedirs(store)
in_ram = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m,mode=0700", "tmpfs", store], capture_output=True).returncode == 0
artifacts_port = None
controller = None


def start():
    global controller
    controller = subprocess.Popen(
        [helmctl, "controller", "--kubeconfig", config, "--storage-path", store, "--storage-addr", "127.0.0.1:0", "--log-level", "trace", "--concurrent", "4",
         "--min-retry-delay", "200ms", "--max-retry-delay", "2s", "--artifact-retention-ttl", "1s", "--requeue-dependency", "1s"],
        stdout=open(work + "/controller.log", "a"), stderr=subprocess.STDOUT, env=os.environ | cloud.env())
    children.append(controller)


def kill():
    controller.send_signal(signal.SIGKILL)
    controller.wait()


def served(o):
    """What the artifact's address gives is what its digest says."""
    art = o["status"].get("artifact")
    if not art:
        return False
    try:
        with urllib.request.urlopen(art["url"], timeout=10) as f:
            return fs.digest(f.read()) == art["digest"]
    except (urllib.error.URLError, OSError):
        return False


def digest_of(objs, c):
    return objs[c.plural].get(c.name, {}).get("status", {}).get("artifact", {}).get("digest")


def all_ready(other_than={}):
    objs = everything()
    bad = [c.name for c in cells if cond(objs[c.plural][c.name])["status"] != "True" or digest_of(objs, c) in (None, other_than.get(c.name))]
    all_ready.bad = [f"{n}: {cond(objs[c.plural][n])}" for c in cells for n in [c.name] if n in bad]
    return not bad


def digests():
    objs = everything()
    return {c.name: digest_of(objs, c) for c in cells}


def blobs_whole():
    """Every file in the store that has a name for good has its content."""
    bad = [p for p in glob.glob(store + "/blobs/sha256/*") if hashlib.sha256(open(p, "rb").read()).hexdigest() != os.path.basename(p)]
    names = {os.stat(p).st_ino for p in glob.glob(store + "/blobs/sha256/*")}
    bad += [p for k in ("helmrepository", "helmchart", "ocirepository", "gitrepository", "bucket") for p in glob.glob(f"{store}/{k}/*/*/*") if os.stat(p).st_ino not in names]
    return bad


def fill():
    with open(store + "/fill", "ab", buffering=0) as f:
        for size in (1 << 20, 1 << 16, 4096):
            try:
                while True:
                    f.write(b"x" * size)
            except OSError:
                pass


stamp = 0


def look():
    """Everything is looked at now, not at its interval."""
    global stamp
    stamp += 1
    for plural, by_name in everything().items():
        for n in by_name:
            call("PATCH", f"/apis/{SOURCE}/namespaces/default/{plural}/{n}", {"metadata": {"annotations": {"reconcile.fluxcd.io/requestedAt": str(stamp)}}})


def clouds_read():
    now = listed("buckets")
    wait(20, lambda: now.update(listed("buckets")) or all(cond(now[n])["status"] == "True" for n in CLOUDS) and all(cond(now[n])["status"] == "False" for n in ("azure-wrong", "both-sts")))
    for n in CLOUDS:
        r = cond(now[n])
        ok(r["status"] == "True" and served(now[n]), f"bucket {n}", r)
        if r["status"] == "True":
            with tarfile.open(fileobj=io.BytesIO(urllib.request.urlopen(now[n]["status"]["artifact"]["url"], timeout=10).read())) as tar:
                ok({m.name: tar.extractfile(m).read() for m in tar} == clouds.OBJECTS, f"bucket {n}: its objects", tar.getnames())
    r = cond(now["azure-wrong"])
    ok(r["status"] == "False" and "AuthenticationFailed" in r["message"], "a wrong account key", r)
    r = cond(now["both-sts"])
    ok((r["status"], r["reason"]) == ("False", "InvalidSTSConfiguration") and cond(now["both-sts"], "Stalled")["status"] == "True", "an STS of another provider", r)
    asked = ("AssumeRoleWithWebIdentity", "AssumeRoleWithLDAPIdentity", "/google/token", "google metadata", "/tenant/oauth2/v2.0/token", "azure metadata")
    ok(set(asked) <= set(cloud.asked), "each was asked for what it gives", cloud.asked)
    strange = [r for r in cloud.refused if "azure-key" not in r[1]]
    ok(not strange, "none was shown what it does not take", strange)


def tellers_told(objs):
    """And the verbs: a login by a helper program, and one on the command line."""
    for plural, names in TELLERS.items():
        for n in names:
            r = cond(objs[plural][n])
            ok(r["status"] == "False" and "403" in r["message"], f"{n} is refused", r)
    os.makedirs(work + "/helper", exist_ok=True)
    with open(work + "/helper/docker-credential-test", "w") as f:
        f.write(f'#!/bin/sh\necho \'{{"Username":"me","Secret":"{MARK}-helper"}}\'\n')
    os.chmod(work + "/helper/docker-credential-test", 0o755)
    with open(work + "/helper/config.json", "w") as f:
        f.write('{"credsStore":"test"}')
    at = f"127.0.0.1:{world.plain_port}/401"
    env = os.environ | {"PATH": f"{work}/helper:{os.environ['PATH']}", "DOCKER_CONFIG": work + "/helper", "HELM_REGISTRY_CONFIG": work + "/helper/config.json"}
    for what, args in (("a helper's login", [f"oci://{at}/charts/web", "--version", "1.0.0", "--plain-http"]),
                       ("a login on the command line", ["web", "--repo", f"http://{at}/repo", "--username", "me", "--password", f"{MARK}-flag"])):
        before = len(world.seen)
        out = subprocess.run([helmctl, "pull", *args, "--debug", "-d", work + "/pulled"], env=env, capture_output=True)
        said = out.stdout + out.stderr
        ok(out.returncode != 0 and b"401" in said, f"{what} is refused", said)
        shown = [base64.b64decode(s[2][6:]).decode() for s in world.seen[before:] if (s[2] or "").startswith("Basic ")]
        ok(any(MARK in s and "docker" not in s for s in shown), f"{what} was shown", shown)
        ok(MARK.encode() not in said, f"{what} is not told", said)


def story():
    apply = subprocess.run([helmctl, "deploy", "--kubeconfig", config, "--crds-only", "-f", work + "/objects.json"], capture_output=True, text=True)
    ok(apply.returncode == 0, "objects are made", apply.stderr[-300:])
    start()
    ok(wait(60, all_ready), "all sources are Ready", all_ready.bad)

    clouds_read()

    # ---- every fault at once
    before = digests()
    world.phase = "broken"
    doors["refused"].close()
    if ssh_doors:
        ssh_doors["refused"].close()
    world.hang_up()
    world.publish()
    look()

    def as_expected(c, objs):
        r = cond(objs[c.plural][c.name])
        return r["status"] == c.ready and re.fullmatch(c.reason, r["reason"]) and re.search(c.words, r["message"]) and (c.ready == "False" or digest_of(objs, c) != before[c.name])

    objs = {}

    def all_as_expected():
        objs.update(everything())
        return all(as_expected(c, objs) for c in cells)

    wait(25, all_as_expected)
    for c in cells:
        o = objs[c.plural][c.name]
        r = cond(o)
        ok(as_expected(c, objs), f"{c.kind}/{c.fault}: want {c.ready} {c.reason} /{c.words}/", f"{r['status']} {r['reason']}: {r['message']}")
        if c.ready == "False":
            kind = "FetchFailed"
            ok(cond(o, kind)["status"] == "True" and cond(o, kind)["message"] == r["message"], f"{c.name}: {kind} says the same", cond(o, kind))
            ok(digest_of(objs, c) == before[c.name], f"{c.name}: the artifact of before stays", o["status"].get("artifact"))
        ok(served(o), f"{c.name}: and is served whole", o["status"].get("artifact"))
    tellers_told(objs)
    strangers = [s for s in world.seen if (s[3] or "").startswith("localhost")]
    ok(not [s for s in strangers if s[2]], "no credential went to another host", strangers)
    if [c for c in cells if c.fault == "redirect-host"]:
        ok(bool(strangers), "which was asked")

    # ---- and without a hand all is well again
    world.phase = "healthy"
    world.hang_up()
    doors["refused"].open()
    if ssh_doors:
        ssh_doors["refused"].open()
    ok(wait(40, lambda: all_ready(before)), "all recover with the new version", all_ready.bad)
    objs = everything()
    for c in cells:
        o = objs[c.plural][c.name]
        left = [k for k in ("FetchFailed", "StorageOperationFailed", "Stalled", "Reconciling") if cond(o, k)["status"] == "True"]
        ok(not left, f"{c.name}: nothing of it is left", left)

    # ---- a full disk
    if in_ram:
        before = digests()
        world.publish()
        fill()
        look()
        said = {}

        def all_say_so():
            fill()
            now = everything()
            for p, by_name in now.items():
                for n, o in by_name.items():
                    r = cond(o, "StorageOperationFailed")
                    if r["status"] == "True" and n not in ("azure-wrong", *TELLERS["gitrepositories"]):
                        said[p] = r["message"]
                        ok(cond(o)["status"] == "False" and served(o), f"{n}: keeps its artifact on a full disk", cond(o)) if p not in said else None
            return bool(said)  # what one gives up, another may find room in

        wait(20, all_say_so)
        ok(said, "a full disk is said to be one")
        for p, message in said.items():
            ok(re.search("is full: .*No space left on device", message), f"{p}: and in words", message)
        os.unlink(store + "/fill")
        ok(wait(30, lambda: all_ready(before)), "with room again all go on", all_ready.bad)
    else:
        print("SKIP a full disk: no tmpfs can be mounted here")

    ok(world.well_signed and not world.badly_signed or not [c for c in cells if c.kind == "bucket"], "every request to a bucket was signed as it should be", world.badly_signed[:3])

    # ---- killed while storing
    before = digests()
    world.half_sent = 0
    world.phase = "draining"
    world.publish()
    look()
    wait(10, lambda: world.half_sent >= min(4, len(cells)))
    time.sleep(0.3)
    kill()
    ok(world.half_sent > 0, "killed in the middle of transfers")
    ok(not blobs_whole(), "what the store names is whole", blobs_whole())
    world.phase = "healthy"
    world.open_slow.set()
    start()
    ok(wait(40, lambda: all_ready(before)), "after kill -9 all go on", all_ready.bad)
    ok(wait(5, lambda: not os.listdir(store + "/tmp")), "nothing half-written is left", os.listdir(store + "/tmp"))

    # ---- a damaged file is seen at the next start and mended
    now = everything()
    kill()
    damaged = now["gitrepositories"]["plain"]["status"]["artifact"]
    with open(f"{store}/{damaged['path']}", "r+b") as f:
        f.truncate(10)
    start()

    def mended():
        o = listed("gitrepositories")["plain"]
        events = call("GET", "/api/v1/namespaces/default/events")["items"]
        return served(o) and [e for e in events if e["reason"] == "ArtifactVerificationFailed" and e["involvedObject"]["name"] == "plain"]

    ok(wait(20, mended), "a damaged file is told and fetched again", damaged)

    # ---- nothing to fetch from
    def history(n):
        return listed("helmreleases", "helm.toolkit.fluxcd.io/v2")[n].get("status", {}).get("history") or [{}]

    ok(wait(30, lambda: all(history(n)[0].get("status") == "deployed" for n in RELEASES)), "releases of every kind of source", {n: cond(listed("helmreleases", "helm.toolkit.fluxcd.io/v2")[n]) for n in RELEASES})
    kill()
    for s in [main, *doors.values(), *ssh_doors.values()]:
        if isinstance(s, fs.Forwarder):
            s.close()
        else:
            s.shutdown()
            s.server_close()
    versions = {n: history(n)[0]["version"] for n in RELEASES}
    start()
    wait(10, lambda: cond(listed("helmrepositories")["plain"])["status"] == "False")
    flips = set()
    for n in RELEASES:
        call("PATCH", f"/apis/helm.toolkit.fluxcd.io/v2/namespaces/default/helmreleases/{n}", {"spec": {"values": {"text": "second"}}})

    def upgraded():
        for n, o in listed("helmreleases", "helm.toolkit.fluxcd.io/v2").items():
            if n in RELEASES and cond(o)["status"] == "False":
                flips.add(f"{n}: {cond(o)['message']}")
        return all(history(n)[0].get("version") == versions[n] + 1 and history(n)[0].get("status") == "deployed" for n in RELEASES)

    ok(wait(30, upgraded), "after a restart without a network every release is upgraded with new values", {n: cond(listed("helmreleases", "helm.toolkit.fluxcd.io/v2")[n]) for n in RELEASES})
    texts = {n: call("GET", f"/api/v1/namespaces/default/configmaps/{n}")["data"]["text"] for n in RELEASES}
    ok(set(texts.values()) == {"second"}, "and its objects have them", texts)
    ok(not flips, "none was not Ready meanwhile", flips)


def planted():
    """No planted word is anywhere but in the Secrets and in the addresses people wrote."""
    words = [MARK.encode(), *key_lines] + [base64.b64encode(b"x" * i + MARK.encode())[(i * 8 + 5) // 6 + (i > 0):][:-4] for i in range(3)]

    def found(data):
        return [w for w in words if w in data]

    def check(what, data):
        hits = [data[max(0, data.find(w) - 120):][:260] for w in found(data)]
        ok(not hits, f"no credential in {what}", hits)

    ok(found(b"a" + base64.b64encode(b"me:pl4nted-x")) != [] and found(base64.b64encode(b"1234pl4nted-x")) != [], "the search finds what is hidden in base64")
    lines = open(work + "/controller.log", "rb").read()
    ok(b'"level":"' in lines and len(lines) > 10000, "there is a log to search")
    for line in lines.split(b"\n"):
        if found(line):
            check("the log", line)
            break
    n = 0
    groups = ["/api/v1"] + ["/apis/" + g["preferredVersion"]["groupVersion"] for g in call("GET", "/apis")["groups"]]
    for g in groups:
        for r in call("GET", g)["resources"]:
            if "/" in r["name"] or r["name"] == "secrets" or "list" not in r["verbs"]:
                continue
            for o in call("GET", f"{g}/{r['name']}")["items"]:
                n += 1
                if g.endswith(SOURCE):
                    o["spec"].pop("url", None)
                o["metadata"].pop("managedFields", None)
                o["metadata"].get("annotations", {}).pop("kubectl.kubernetes.io/last-applied-configuration", None)
                data = json.dumps(o).encode()
                if found(data):
                    check(f"{r['name']} {o['metadata']['name']}", data)
    ok(n > 50, "there are objects to search", n)
    for path in glob.glob(store + "/**", recursive=True):
        if os.path.isfile(path):
            data = open(path, "rb").read()
            if found(data):
                check(path, data)
    # the process's memory has them: it may not be written to a core file
    ok(b"CoreDumping:\t0" in open(f"/proc/{controller.pid}/status", "rb").read(), "no core is being written")
    limits = open(f"/proc/{controller.pid}/limits").read()
    ok(re.search(r"Max core file size +0 ", limits), "core files are off", re.search(r"Max core.*", limits).group())


try:
    with open(work + "/objects.json", "w") as f:
        f.write("\n---\n".join(json.dumps(o) for o in objects))
    story()
    planted()
finally:
    if failed:
        subprocess.run(["tail", "-n", "5", work + "/controller.log"])
print(f"{len(cells)} cells, {checks} checks, {failed} failed")
sys.exit(failed > 0)
