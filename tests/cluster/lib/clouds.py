"""Stand-ins of what three clouds ask of who reads a bucket: token services, metadata servers, and stores that check what they
are shown (signature v4 with a session token, Azure's shared key and shared access signature, bearer tokens). Written from
the services' documentation; nothing of helmctl's own code is in it.
"""
import base64, email.utils, hashlib, hmac, http.server, json, os, subprocess, threading, urllib.parse
import fault_server as fs

AZURE_KEY = base64.b64encode(b"pl4nted-azure-account-key").decode()
OBJECTS = {f"web/{i:02}.yaml": f"n: {i}\n".encode() * (i + 1) for i in range(20)} | {"web/sp ace+&.txt": b"odd\n"}


class Clouds(http.server.ThreadingHTTPServer):
    daemon_threads, request_queue_size = True, 64

    def __init__(self, work, mark):
        self.mark, self.work, self.asked, self.refused = mark, work, [], []
        super().__init__(("127.0.0.1", 0), Handler)
        self.port = self.server_address[1]
        self.at = f"127.0.0.1:{self.port}"
        subprocess.run(["openssl", "genrsa", "-out", work + "/gcp.key", "2048"], check=True, capture_output=True)
        subprocess.run(["openssl", "rsa", "-in", work + "/gcp.key", "-pubout", "-out", work + "/gcp.pub"], check=True, capture_output=True)
        with open(work + "/web-identity", "w") as f:
            f.write(f"{mark}.web.identity\n")
        fs.S3_KEYS["ASIATEST"] = (f"{mark}-temporary", f"{mark}+session/token=")
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def env(self):
        return {"AWS_WEB_IDENTITY_TOKEN_FILE": self.work + "/web-identity", "AWS_ROLE_ARN": "arn:aws:iam::1:role/reader", "AWS_REGION": "mars-1",
                "GCE_METADATA_HOST": self.at, "AZURE_POD_IDENTITY_AUTHORITY_HOST": f"http://{self.at}"}

    def service_account(self):
        return json.dumps({"type": "service_account", "client_email": "reader@test", "private_key": open(self.work + "/gcp.key").read(), "token_uri": f"http://{self.at}/google/token"})


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def give(self, status, body, headers={}):
        body = body if isinstance(body, bytes) else (body if isinstance(body, str) else json.dumps(body)).encode()
        self.send_response(status)
        for k, v in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(k, v)
        self.end_headers()
        self.wfile.write(body)

    def refuse(self, why):
        self.server.refused.append((why, self.path))
        self.give(403, f"<Error><Code>{why}</Code><Message>told {self.headers.get('Authorization')}</Message></Error>")

    def do_POST(self):
        form = dict(urllib.parse.parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode()))
        s, mark = self.server, self.server.mark
        action = form.get("Action")
        s.asked.append(action or self.path)
        if action == "AssumeRoleWithWebIdentity" and (form["WebIdentityToken"], form["RoleArn"]) != (f"{mark}.web.identity", "arn:aws:iam::1:role/reader"):
            return self.refuse("AccessDenied")
        if action == "AssumeRoleWithLDAPIdentity" and (form["LDAPUsername"], form["LDAPPassword"]) != ("ann", f"{mark}&ldap=+"):
            return self.refuse("AccessDenied")
        if action:
            access = "ASIATEST"
            secret, token = fs.S3_KEYS[access]
            return self.give(200, f'<{action}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><{action}Result><AssumedRoleUser><Arn>x</Arn></AssumedRoleUser><Credentials><AccessKeyId>{access}</AccessKeyId>'
                             f"<SecretAccessKey>{secret}</SecretAccessKey><SessionToken>{token}</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></{action}Result></{action}Response>")
        if self.path == "/google/token":
            head, claims, signature = form["assertion"].split(".")
            raw = lambda t: base64.urlsafe_b64decode(t + "=" * (-len(t) % 4))
            with open(s.work + "/jwt.sig", "wb") as f:
                f.write(raw(signature))
            good = subprocess.run(["openssl", "dgst", "-sha256", "-verify", s.work + "/gcp.pub", "-signature", s.work + "/jwt.sig"], input=f"{head}.{claims}".encode(), capture_output=True).returncode == 0
            c = json.loads(raw(claims))
            good = good and c["iss"] == "reader@test" and c["aud"] == f"http://{s.at}/google/token" and c["scope"].endswith("/devstorage.read_only")
            return self.give(200, {"access_token": f"{mark}-google-key", "expires_in": 3600}) if good else self.refuse("bad assertion")
        if self.path == "/tenant/oauth2/v2.0/token":
            good = (form["client_id"], form["client_secret"], form["grant_type"], form["scope"]) == ("client", f"{mark}~entra", "client_credentials", "https://storage.azure.com/.default")
            return self.give(200, {"access_token": f"{mark}-entra"}) if good else self.refuse("invalid_client")
        self.refuse("unknown")

    def do_GET(self):
        s, mark = self.server, self.server.mark
        url = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query, keep_blank_values=True))
        if url.path.startswith("/computeMetadata/"):
            s.asked.append("google metadata")
            return self.give(200, {"access_token": f"{mark}-google-machine"}) if self.headers.get("Metadata-Flavor") == "Google" else self.refuse("no flavor")
        if url.path.startswith("/metadata/identity"):
            s.asked.append("azure metadata")
            good = self.headers.get("Metadata") == "true" and query["resource"] == "https://storage.azure.com/"
            return self.give(200, {"access_token": f"{mark}-azure-machine"}) if good else self.refuse("no metadata header")
        if url.path.startswith("/storage/v1/b/"):
            return self.google(url, query)
        bucket = url.path.split("/")[1]
        return self.azure(bucket, url, query) if bucket.startswith("azure") else self.s3(bucket, url)

    def s3(self, bucket, url):
        if bad := fs.signature_fault(self.command, self.path, self.headers):
            return self.refuse(bad)
        key = urllib.parse.unquote(url.path.split("/", 2)[2])
        if not key:
            rows = "".join(f"<Contents><Key>{urllib.parse.quote(k)}</Key><ETag>&quot;{hashlib.md5(b).hexdigest()}&quot;</ETag><Size>{len(b)}</Size></Contents>" for k, b in OBJECTS.items())
            return self.give(200, f"<ListBucketResult><EncodingType>url</EncodingType>{rows}</ListBucketResult>")
        if key not in OBJECTS:
            return self.give(404, "<Error><Code>NoSuchKey</Code></Error>")
        self.give(200, OBJECTS[key], {"ETag": f'"{hashlib.md5(OBJECTS[key]).hexdigest()}"'})

    def google(self, url, query):
        parts = url.path.split("/")
        who = {"gcp-machine": "google-machine", "gcp-key": "google-key"}.get(parts[4])
        if self.headers.get("Authorization") != f"Bearer {self.server.mark}-{who}":
            return self.refuse("unauthorized")
        if len(parts) == 6:
            names = sorted(OBJECTS)
            at = int(query.get("pageToken", 0))
            page = {"items": [{"name": n, "etag": hashlib.md5(OBJECTS[n]).hexdigest() + "=", "size": str(len(OBJECTS[n]))} for n in names[at:at + 8]]}
            if at + 8 < len(names):
                page["nextPageToken"] = str(at + 8)
            return self.give(200, page)
        key = urllib.parse.unquote(parts[6])
        if len(parts) != 7 or key not in OBJECTS:
            return self.give(404, f"No such object: {parts[4]}/{key}")
        self.give(200, OBJECTS[key], {"ETag": "of another kind"})

    def azure(self, bucket, url, query):
        s, auth = self.server, self.headers.get("Authorization")
        if bucket == "azure-key":
            ours = sorted((k.lower(), v) for k, v in self.headers.items() if k.lower().startswith("x-ms-"))
            text = "\n".join(["GET", *[""] * 11, *(f"{k}:{v}" for k, v in ours), f"/127{url.path}", *(f"{k}:{v}" for k, v in sorted(query.items()))])
            mac = base64.b64encode(hmac.new(base64.b64decode(AZURE_KEY), text.encode(), hashlib.sha256).digest()).decode()
            good = auth == f"SharedKey 127:{mac}" and abs(email.utils.parsedate_to_datetime(self.headers["x-ms-date"]).timestamp() - __import__("time").time()) < 900
        elif bucket == "azure-sas":
            good = query.get("sig") == f"{s.mark}/sas+" and query.get("sp") == "rl" and not auth
        else:
            good = auth == f"Bearer {s.mark}-" + {"azure-machine": "azure-machine", "azure-secret": "entra"}[bucket]
        if not good:
            return self.refuse("AuthenticationFailed")
        if query.get("comp") == "list":
            names = sorted(OBJECTS)
            at = int(query.get("marker") or 0)
            rows = "".join(f"<Blob><Name>{n.replace('&', '&amp;')}</Name><Properties><Content-Length>{len(OBJECTS[n])}</Content-Length><Etag>0x{hashlib.md5(OBJECTS[n]).hexdigest()}</Etag></Properties></Blob>" for n in names[at:at + 9])
            return self.give(200, f'<?xml version="1.0"?><EnumerationResults><Blobs>{rows}</Blobs><NextMarker>{at + 9 if at + 9 < len(names) else ""}</NextMarker></EnumerationResults>')
        key = urllib.parse.unquote(url.path.split("/", 2)[2])
        if key not in OBJECTS:
            return self.give(404, "<Error><Code>BlobNotFound</Code></Error>", {"x-ms-error-code": "BlobNotFound"})
        self.give(200, OBJECTS[key], {"ETag": f'"0x{hashlib.md5(OBJECTS[key]).hexdigest()}"'})
