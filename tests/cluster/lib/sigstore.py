#!/usr/bin/env python3
"""A Sigstore of one's own, by its specifications and with Python's cryptography: an authority with an intermediate, a
certificate log, a transparency log, a time stamp authority (openssl), and keyless signatures in cosign's forms.

sigstore.py fixtures FILE    writes the cases of tests/unit/charts-fetch/verify/test_cosign.c
"""
import base64
import datetime
import hashlib
import json
import os
import struct
import subprocess
import sys
import tempfile

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

NOW = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
MINUTE = datetime.timedelta(minutes=1)
YEAR = datetime.timedelta(days=365)
IN_TOTO = "application/vnd.in-toto+json"
PEM, DER = serialization.Encoding.PEM, serialization.Encoding.DER
SHA = ec.ECDSA(hashes.SHA256())


def b64(b):
    return base64.b64encode(b).decode()


def sha(b):
    return hashlib.sha256(b).digest()


def spki(key):
    return key.public_key().public_bytes(DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def new_key():
    return ec.generate_private_key(ec.SECP256R1())


def compact(v):
    return json.dumps(v, separators=(",", ":"), sort_keys=True)


def cert(name, key, issuer, issuer_key, start, end, extensions):
    n = lambda s: x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, s)])
    b = x509.CertificateBuilder().subject_name(n(name)).issuer_name(n(issuer)).public_key(key.public_key())
    b = b.serial_number(int.from_bytes(sha(name.encode() + spki(key))[:16], "big") >> 1)
    b = b.not_valid_before(start).not_valid_after(end)
    for value, critical in extensions:
        b = b.add_extension(value, critical)
    return b.sign(issuer_key, hashes.SHA256())


class Log:
    def __init__(self):
        self.key = new_key()
        self.id = sha(spki(self.key))

    def trusted(self, start=NOW - YEAR):
        return {"baseUrl": "https://log.invalid", "hashAlgorithm": "SHA2_256", "logId": {"keyId": b64(self.id)},
                "publicKey": {"rawBytes": b64(spki(self.key)), "keyDetails": "PKIX_ECDSA_P256_SHA_256",
                              "validFor": {"start": start.strftime("%Y-%m-%dT%H:%M:%SZ")}}}

    def promise(self, body, time_s, index):
        text = compact({"body": b64(body), "integratedTime": time_s, "logID": self.id.hex(), "logIndex": index})
        return self.key.sign(text.encode(), SHA)

    def proof(self, body, size=5, at=2):
        leaves = [sha(b"\0" + (body if i == at else b"other %d" % i)) for i in range(size)]

        def root(v):
            if len(v) == 1:
                return v[0]
            k = 1
            while k * 2 < len(v):
                k *= 2
            return sha(b"\1" + root(v[:k]) + root(v[k:]))

        def path(m, v):
            if len(v) == 1:
                return []
            k = 1
            while k * 2 < len(v):
                k *= 2
            return path(m, v[:k]) + [root(v[k:])] if m < k else path(m - k, v[k:]) + [root(v[:k])]

        text = "log.invalid - 1\n%d\n%s\n" % (size, b64(root(leaves)))
        note = text + "\n\u2014 log.invalid " + b64(self.id[:4] + self.key.sign(text.encode(), SHA)) + "\n"
        return {"logIndex": str(at), "rootHash": b64(root(leaves)), "treeSize": str(size),
                "hashes": [b64(h) for h in path(at, leaves)], "checkpoint": {"envelope": note}}


class Sigstore:
    def __init__(self):
        self.log, self.ct, self.tsa = Log(), Log(), None
        self.root_key, self.mid_key = new_key(), new_key()
        ca = [(x509.BasicConstraints(True, None), True)]
        self.root = cert("root", self.root_key, "root", self.root_key, NOW - YEAR, NOW + YEAR, ca)
        self.mid = cert("mid", self.mid_key, "root", self.root_key, NOW - YEAR, NOW + YEAR, ca)

    def time_authority(self):
        self.tsa_key = new_key()
        self.tsa = cert("stamps", self.tsa_key, "root", self.root_key, NOW - YEAR, NOW + YEAR,
                        [(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), True)])

    def trusted_root(self, logs=True, ct=True, log=None):
        raw = lambda *certs: {"certificates": [{"rawBytes": b64(c.public_bytes(DER))} for c in certs]}
        life = {"start": (NOW - YEAR).strftime("%Y-%m-%dT%H:%M:%SZ")}
        return {"mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
                "tlogs": [(log or self.log).trusted()] if logs else [], "ctlogs": [self.ct.trusted()] if ct else [],
                "certificateAuthorities": [{"uri": "https://ca.invalid", "certChain": raw(self.mid, self.root), "validFor": life}],
                "timestampAuthorities": [{"certChain": raw(self.tsa, self.root), "validFor": life}] if self.tsa else []}

    def identity(self, subject, issuer, start=NOW - MINUTE, end=NOW + 9 * MINUTE, ct=True, usage=ExtendedKeyUsageOID.CODE_SIGNING):
        key = new_key()
        name = x509.RFC822Name(subject) if "://" not in subject else x509.UniformResourceIdentifier(subject)
        utf8 = b"\x0c" + bytes([len(issuer)]) + issuer.encode()
        ext = [(x509.ExtendedKeyUsage([usage]), False), (x509.SubjectAlternativeName([name]), True),
               (x509.UnrecognizedExtension(ObjectIdentifier("1.3.6.1.4.1.57264.1.1"), issuer.encode()), False),
               (x509.UnrecognizedExtension(ObjectIdentifier("1.3.6.1.4.1.57264.1.8"), utf8), False)]
        make = lambda more: cert("leaf", key, "mid", self.mid_key, start, end, ext + more)
        if not ct:
            return key, make([])
        tbs = make([]).tbs_certificate_bytes
        ms = int(NOW.timestamp()) * 1000
        signed = struct.pack(">BBQH", 0, 0, ms, 1) + sha(spki(self.mid_key)) + struct.pack(">I", len(tbs))[1:] + tbs + b"\0\0"
        sig = self.ct.key.sign(signed, SHA)
        sct = b"\0" + self.ct.id + struct.pack(">QHBBH", ms, 0, 4, 3, len(sig)) + sig
        sct = struct.pack(">HH", len(sct) + 2, len(sct)) + sct
        wrapped = b"\x04" + (bytes([len(sct)]) if len(sct) < 128 else b"\x81" + bytes([len(sct)])) + sct
        return key, make([(x509.UnrecognizedExtension(ObjectIdentifier("1.3.6.1.4.1.11129.2.4.2"), wrapped), False)])

    def stamp(self, signature):
        with tempfile.TemporaryDirectory() as d:
            at = lambda n: os.path.join(d, n)
            put = lambda n, b: open(at(n), "wb").write(b)
            put("sig", signature)
            put("cert", self.tsa.public_bytes(PEM))
            put("key", self.tsa_key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
            put("serial", b"01\n")
            put("cnf", ("[tsa]\nserial=%s\ndigests=sha256\ndefault_policy=1.2.3.4\nsigner_digest=sha256\n" % at("serial")).encode())
            run = lambda *a: subprocess.run(["openssl", "ts", *a], check=True, capture_output=True)
            run("-query", "-data", at("sig"), "-sha256", "-out", at("q"))
            run("-reply", "-config", at("cnf"), "-section", "tsa", "-queryfile", at("q"), "-signer", at("cert"), "-inkey",
                at("key"), "-out", at("r"))
            return open(at("r"), "rb").read()

    def layer(self, who, payload, time_s=None, log=None):
        """The payload's annotations, as cosign 2 writes them."""
        key, crt = who
        log, time_s = log or self.log, time_s or int(NOW.timestamp())
        sig = key.sign(payload, SHA)
        body = compact({"apiVersion": "0.0.1", "kind": "hashedrekord", "spec": {
            "data": {"hash": {"algorithm": "sha256", "value": sha(payload).hex()}},
            "signature": {"content": b64(sig), "publicKey": {"content": b64(crt.public_bytes(PEM))}}}}).encode()
        entry = {"SignedEntryTimestamp": b64(log.promise(body, time_s, 7)),
                 "Payload": {"body": b64(body), "integratedTime": time_s, "logIndex": 7, "logID": log.id.hex()}}
        return {"dev.cosignproject.cosign/signature": b64(sig), "dev.sigstore.cosign/certificate": crt.public_bytes(PEM).decode(),
                "dev.sigstore.cosign/bundle": json.dumps(entry)}

    def bundle(self, who, about, time_s=None, promise=True, stamp=False, manifest=None):
        """A bundle; `manifest`: a plain signature over it instead of an envelope."""
        key, crt = who
        time_s = time_s or int(NOW.timestamp())
        pem = b64(crt.public_bytes(PEM))
        out = {"mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json"}
        if manifest is not None:
            sig = key.sign(manifest, SHA)
            spec = {"data": {"hash": {"algorithm": "sha256", "value": sha(manifest).hex()}},
                    "signature": {"content": b64(sig), "publicKey": {"content": pem}}}
            body = compact({"apiVersion": "0.0.1", "kind": "hashedrekord", "spec": spec}).encode()
            out["messageSignature"] = {"messageDigest": {"algorithm": "SHA2_256", "digest": b64(sha(manifest))}, "signature": b64(sig)}
        else:
            st = json.dumps({"_type": "https://in-toto.io/Statement/v1", "subject": [{"digest": {"sha256": about[7:]}}],
                             "predicateType": "https://sigstore.dev/cosign/sign/v1", "predicate": {}}).encode()
            sig = key.sign(b"DSSEv1 %d %s %d %s" % (len(IN_TOTO), IN_TOTO.encode(), len(st), st), SHA)
            spec = {"payloadHash": {"algorithm": "sha256", "value": sha(st).hex()},
                    "signatures": [{"signature": b64(sig), "verifier": pem}]}
            body = compact({"apiVersion": "0.0.1", "kind": "dsse", "spec": spec}).encode()
            out["dsseEnvelope"] = {"payload": b64(st), "payloadType": IN_TOTO, "signatures": [{"sig": b64(sig)}]}
        entry = {"logIndex": "7", "logId": {"keyId": b64(self.log.id)}, "canonicalizedBody": b64(body),
                 "inclusionProof": self.log.proof(body)}
        if promise:
            entry.update(integratedTime=str(time_s), inclusionPromise={"signedEntryTimestamp": b64(self.log.promise(body, time_s, 7))})
        out["verificationMaterial"] = {"certificate": {"rawBytes": b64(crt.public_bytes(DER))}, "tlogEntries": [entry]}
        if stamp:
            out["verificationMaterial"]["timestampVerificationData"] = {"rfc3161Timestamps": [{"signedTimestamp": b64(self.stamp(sig))}]}
        return out


def payload_for(digest, kind="cosign container image signature"):
    return json.dumps({"critical": {"identity": {"docker-reference": "registry.invalid/app"},
                                    "image": {"docker-manifest-digest": digest}, "type": kind}, "optional": None}).encode()


def fixtures():
    manifest = b'{"schemaVersion": 2}'
    digest, other = "sha256:" + sha(manifest).hex(), "sha256:" + sha(b"other").hex()
    s, stranger = Sigstore(), Sigstore()
    s.time_authority()
    stranger.time_authority()
    who = ("dev@example.org", "https://login.example.org")
    dev, bot = s.identity(*who), s.identity("https://ci.example.org/app/release.yaml", "https://ci.example.org")
    late = int((NOW + 20 * MINUTE).timestamp())
    good = payload_for(digest)
    cases = []

    def add(name, rule, layer=None, bundle=None, payload=None, root="full"):
        c = {"name": name, "rule": rule, "root": root}
        if bundle is not None:
            c["bundle"] = bundle if isinstance(bundle, str) else json.dumps(bundle)
        else:
            c.update(payload=(payload or good).decode(), layer=layer)
        cases.append(c)

    add("layer", "good", s.layer(dev, good))
    add("layer of a workflow", "identity", s.layer(bot, good))
    add("payload about another", "subject", s.layer(dev, payload_for(other)), payload=payload_for(other))
    add("payload of another kind", "malformed", s.layer(dev, payload_for(digest, "x")), payload=payload_for(digest, "x"))
    add("payload changed", "signature", s.layer(dev, payload_for(other)))
    add("signed after the certificate's end", "time", s.layer(dev, good, late))
    add("a stranger's authority", "chain", s.layer(stranger.identity(*who), good))
    add("a stranger's log", "log", s.layer(dev, good, log=stranger.log))
    add("entry of another signature", "log", dict(s.layer(dev, good), **{
        "dev.sigstore.cosign/bundle": s.layer(dev, good)["dev.sigstore.cosign/bundle"]}))
    bad = json.loads(s.layer(dev, good)["dev.sigstore.cosign/bundle"])
    bad["Payload"]["integratedTime"] += 1
    add("time of the entry forged", "log", dict(s.layer(dev, good), **{"dev.sigstore.cosign/bundle": json.dumps(bad)}))
    add("no entry", "log", {k: v for k, v in s.layer(dev, good).items() if not k.endswith("bundle")})
    add("certificate not in its log", "log", s.layer(s.identity(*who, ct=False), good))
    add("not in its log, root without logs for it", "good", s.layer(s.identity(*who, ct=False), good), root="noct")
    add("certificate in a stranger's log", "log", s.layer(swapped_ct(s, stranger, who), good))
    add("certificate of a server", "chain", s.layer(s.identity(*who, usage=ExtendedKeyUsageOID.SERVER_AUTH), good))
    add("issuer like the one asked for", "identity", s.layer(s.identity(who[0], "https://login.example.org.evil.test"), good))
    add("by a key", "chain", {"dev.cosignproject.cosign/signature": b64(dev[0].sign(good, SHA))})
    add("bundle", "good", bundle=s.bundle(dev, digest))
    add("bundle, stamp and no promise", "good", bundle=s.bundle(dev, digest, promise=False, stamp=True))
    add("bundle, only a stamp", "good", bundle=s.bundle(dev, digest, promise=False, stamp=True), root="nolog")
    add("bundle, neither time", "time", bundle=s.bundle(dev, digest, promise=False))
    swapped = s.bundle(dev, digest, promise=False, stamp=True)
    swapped["verificationMaterial"]["timestampVerificationData"]["rfc3161Timestamps"][0]["signedTimestamp"] = b64(s.stamp(b"other"))
    add("bundle, a stamp of another signature", "time", bundle=swapped)
    foreign = s.bundle(dev, digest, promise=False, stamp=True)
    sig = base64.b64decode(foreign["dsseEnvelope"]["signatures"][0]["sig"])
    foreign["verificationMaterial"]["timestampVerificationData"]["rfc3161Timestamps"][0]["signedTimestamp"] = b64(stranger.stamp(sig))
    add("bundle, a stranger's stamp", "time", bundle=foreign)
    add("bundle over the manifest", "good", bundle=s.bundle(dev, digest, manifest=manifest))
    add("bundle over another manifest", "subject", bundle=s.bundle(dev, digest, manifest=b"{}"))
    lying = s.bundle(dev, digest, manifest=b"{}")
    lying["messageSignature"]["messageDigest"]["digest"] = b64(sha(manifest))
    add("bundle that lies about its digest", "signature", bundle=lying)
    add("bundle about another", "subject", bundle=s.bundle(dev, other))
    torn = s.bundle(dev, digest)
    torn["verificationMaterial"]["tlogEntries"][0]["inclusionProof"]["hashes"][0] = b64(sha(b"x"))
    add("bundle, the tree is forged", "log", bundle=torn)
    note = s.bundle(dev, digest)
    proof = note["verificationMaterial"]["tlogEntries"][0]["inclusionProof"]
    proof["checkpoint"] = {"envelope": proof["checkpoint"]["envelope"].rsplit(" ", 1)[0] + " " + b64(s.log.id[:4] + b"x" * 70) + "\n"}
    add("bundle, the checkpoint is forged", "log", bundle=note)
    add("bundle, late", "time", bundle=s.bundle(dev, digest, late))
    add("bundle of a workflow", "identity", bundle=s.bundle(bot, digest))
    roots = {"full": s.trusted_root(), "noct": s.trusted_root(ct=False), "nolog": s.trusted_root(logs=False)}
    return {"digest": digest, "roots": {k: json.dumps(v) for k, v in roots.items()}, "cases": cases}


def swapped_ct(s, stranger, who):
    own, s.ct = s.ct, stranger.ct
    try:
        return s.identity(*who)
    finally:
        s.ct = own


if __name__ == "__main__":
    with open(sys.argv[2], "w") as f:
        json.dump(fixtures(), f, indent=1)
        f.write("\n")
