#!/usr/bin/env python3
"""Signs an artifact of a registry as cosign does, by its specification and with openssl: an independent peer.

sign.py HOST REPO REFERENCE KEY.pem tag|bundle|untold [OTHER-DIGEST]
sign.py HOST REPO REFERENCE ROOT.json keyless   (a Sigstore of its own, whose trust root goes into ROOT.json)

tag: a simple-signing layer under sha256-HEX.sig; bundle: a DSSE envelope in a bundle that refers to the artifact, with the
index under sha256-HEX for registries without the API; untold: the same, but the index does not say that it is a bundle, as
what cosign 2.6 writes. OTHER-DIGEST: what the signature says it is about instead.
"""
import base64
import hashlib
import json
import subprocess
import sys
import urllib.request

TYPES = ("application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json")


def ask(method, url, body=None, kind=None):
    req = urllib.request.Request(url, data=body, method=method)
    req.add_header("Accept", TYPES)
    if kind:
        req.add_header("Content-Type", kind)
    with urllib.request.urlopen(req) as r:
        return r.headers, r.read()


def sha(b):
    return "sha256:" + hashlib.sha256(b).hexdigest()


host, repo, reference, key, form = sys.argv[1:6]
base = "http://%s/v2/%s" % (host, repo)


def blob(data, kind):
    headers, _ = ask("POST", base + "/blobs/uploads/", b"")
    where = headers["Location"]
    where += ("&" if "?" in where else "?") + "digest=" + sha(data)
    ask("PUT", where, data, "application/octet-stream")
    return {"mediaType": kind, "digest": sha(data), "size": len(data)}


def sign(data):
    return subprocess.run(["openssl", "dgst", "-sha256", "-sign", key], input=data, check=True, capture_output=True).stdout


def put(manifest, tag):
    data = json.dumps(manifest).encode()
    ask("PUT", "%s/manifests/%s" % (base, tag or sha(data)), data, manifest["mediaType"])
    return {"mediaType": manifest["mediaType"], "digest": sha(data), "size": len(data)}


_, body = ask("GET", "%s/manifests/%s" % (base, reference))
digest = sha(body)
about = sys.argv[6] if len(sys.argv) > 6 else digest
empty = blob(b"{}", "application/vnd.oci.empty.v1+json")
manifest = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json"}
if form == "keyless":
    import sigstore
    s = sigstore.Sigstore()
    payload = sigstore.payload_for(digest)
    layer = blob(payload, "application/vnd.dev.cosign.simplesigning.v1+json")
    layer["annotations"] = s.layer(s.identity("dev@example.org", "https://login.example.org"), payload)
    manifest.update(config=dict(empty, mediaType="application/vnd.oci.image.config.v1+json"), layers=[layer])
    put(manifest, digest.replace(":", "-") + ".sig")
    with open(key, "w") as f:
        json.dump(s.trusted_root(), f)
elif form == "tag":
    payload = json.dumps({"critical": {"identity": {"docker-reference": host + "/" + repo},
                                       "image": {"docker-manifest-digest": about},
                                       "type": "cosign container image signature"}, "optional": None}).encode()
    layer = blob(payload, "application/vnd.dev.cosign.simplesigning.v1+json")
    layer["annotations"] = {"dev.cosignproject.cosign/signature": base64.b64encode(sign(payload)).decode()}
    manifest.update(config=dict(empty, mediaType="application/vnd.oci.image.config.v1+json"), layers=[layer])
    put(manifest, digest.replace(":", "-") + ".sig")
else:
    kind = "application/vnd.in-toto+json"
    statement = json.dumps({"_type": "https://in-toto.io/Statement/v1", "subject": [{"digest": {"sha256": about[7:]}}],
                            "predicateType": "https://sigstore.dev/cosign/sign/v1", "predicate": {}}).encode()
    to_sign = b"DSSEv1 %d %s %d %s" % (len(kind), kind.encode(), len(statement), statement)
    bundle = {"mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
              "verificationMaterial": {"publicKey": {"hint": ""}},
              "dsseEnvelope": {"payload": base64.b64encode(statement).decode(), "payloadType": kind,
                               "signatures": [{"sig": base64.b64encode(sign(to_sign)).decode()}]}}
    layer = blob(json.dumps(bundle).encode(), bundle["mediaType"])
    manifest.update(artifactType=bundle["mediaType"], config=empty, layers=[layer],
                    subject={"mediaType": manifest["mediaType"], "digest": digest, "size": len(body)})
    made = dict(put(manifest, None), artifactType=empty["mediaType"] if form == "untold" else bundle["mediaType"])
    put({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [made]},
        digest.replace(":", "-"))
print(digest)
