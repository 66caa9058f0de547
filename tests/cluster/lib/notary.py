#!/usr/bin/env python3
"""A Notary Project signer of one's own, by its specifications and with Python's cryptography: chains with an intermediate,
JWS and COSE envelopes with RSA and ECDSA keys, a time stamp authority (openssl), OCSP answers and revocation lists.

notary.py fixtures FILE                     writes the cases of tests/unit/charts-fetch/verify/test_notation.c
notary.py authority DIR                     makes an authority: DIR/ca.crt and what signs
notary.py sign HOST REPO REFERENCE DIR WHAT...   signs an artifact of a registry; WHAT: jws, cose, expired, tampered,
                                            other=DIGEST; prints the digest
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
import urllib.error
import urllib.request

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID, ObjectIdentifier

NOW = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
DAY, YEAR = datetime.timedelta(days=1), datetime.timedelta(days=365)
PEM, DER = serialization.Encoding.PEM, serialization.Encoding.DER
PAYLOAD = "application/vnd.cncf.notary.payload.v1+json"
SIGNATURE = "application/vnd.cncf.notary.signature"
JWS, COSE = "application/jose+json", "application/cose"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
HEAD = "io.cncf.notary."
EKU = ExtendedKeyUsageOID
SHAS = {"256": hashes.SHA256, "384": hashes.SHA384, "512": hashes.SHA512}
COSE_ALG = {"ES256": -7, "ES384": -35, "ES512": -36, "PS256": -37, "PS384": -38, "PS512": -39}


def b64(b):
    return base64.b64encode(b).decode()


def b64u(b):
    return base64.urlsafe_b64encode(b).decode().rstrip("=")


def sha(b):
    return "sha256:" + hashlib.sha256(b).hexdigest()


def new_key(kind="ES256"):
    if kind.startswith("PS"):
        return rsa.generate_private_key(65537, {"PS256": 2048, "PS384": 3072, "PS512": 4096, "PS2432": 2432}[kind])
    return ec.generate_private_key({"ES256": ec.SECP256R1, "ES384": ec.SECP384R1, "ES512": ec.SECP521R1,
                                    "ESK": ec.SECP256K1}[kind]())


def algorithm(key):
    if isinstance(key, rsa.RSAPrivateKey):
        return {2048: "PS256", 3072: "PS384", 4096: "PS512"}.get(key.key_size, "PS256")
    return {256: "ES256", 384: "ES384", 521: "ES512"}[key.key_size]


def name(cn, more=()):
    parts = [(NameOID.COUNTRY_NAME, "DE"), (NameOID.STATE_OR_PROVINCE_NAME, "Berlin"), (NameOID.ORGANIZATION_NAME, "Example, Org"),
             *more, (NameOID.COMMON_NAME, cn)]
    return x509.Name([x509.NameAttribute(oid, v) for oid, v in parts])


def usage(*on):
    every = ("digital_signature content_commitment key_encipherment data_encipherment key_agreement key_cert_sign "
             "crl_sign encipher_only decipher_only").split()
    return x509.KeyUsage(**{u: u in on for u in every})


def cert(subject, key, issuer, issuer_key, start, end, extensions, digest=hashes.SHA256):
    b = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
    b = b.serial_number(x509.random_serial_number()).not_valid_before(start).not_valid_after(end)
    for value, critical in extensions:
        b = b.add_extension(value, critical)
    return b.sign(issuer_key, digest())


class Authority:
    """A root, an intermediate, and signers of it."""

    def __init__(self, cn="root", depth=None, mid_ca=True, mid_usage=True, mid_digest=hashes.SHA256):
        self.key, self.mid_key, self.cn = new_key(), new_key(), cn
        ca = [(x509.BasicConstraints(True, depth), True), (usage("key_cert_sign", "crl_sign"), True)]
        self.root = cert(name(cn), self.key, name(cn), self.key, NOW - 10 * YEAR, NOW + 30 * YEAR, ca)
        ext = [(x509.BasicConstraints(mid_ca, None), True)]
        if mid_usage:
            ext.append((usage("key_cert_sign", "crl_sign") if mid_ca else usage("digital_signature"), True))
        self.mid = cert(name(cn + " mid"), self.mid_key, name(cn), self.key, NOW - 10 * YEAR, NOW + 30 * YEAR, ext, mid_digest)

    def signer(self, cn="signer", kind="ES256", start=NOW - YEAR, end=NOW + 25 * YEAR, key_usage=usage("digital_signature"),
               eku=(EKU.CODE_SIGNING,), ca=False, more=(), subject=None, usage_critical=True, direct=False):
        key = new_key(kind)
        ext = [(x509.BasicConstraints(ca, None), True)]
        if key_usage:
            ext.append((key_usage, usage_critical))
        if eku:
            ext.append((x509.ExtendedKeyUsage(eku), False))
        issuer, issuer_key = (self.root, self.key) if direct else (self.mid, self.mid_key)
        c = cert(subject or name(cn), key, issuer.subject, issuer_key, start, end, ext + list(more))
        return key, [c, self.root] if direct else [c, self.mid, self.root]


def self_signed(cn="alone", **kw):
    key = new_key()
    ext = [(usage("digital_signature"), True), (x509.ExtendedKeyUsage([EKU.CODE_SIGNING]), False)]
    return key, [cert(name(cn), key, name(cn), key, NOW - YEAR, NOW + 25 * YEAR, ext)]


class Stamps:
    """A time stamp authority."""

    def __init__(self, more=()):
        self.ca_key, self.key = new_key(), new_key()
        ca = [(x509.BasicConstraints(True, None), True), (usage("key_cert_sign", "crl_sign"), True)]
        self.ca = cert(name("tsa root"), self.ca_key, name("tsa root"), self.ca_key, NOW - 10 * YEAR, NOW + 30 * YEAR, ca)
        self.cert = cert(name("tsa"), self.key, name("tsa root"), self.ca_key, NOW - YEAR, NOW + 25 * YEAR,
                         [(usage("digital_signature"), True), (x509.ExtendedKeyUsage([EKU.TIME_STAMPING]), True)] + list(more))

    def token(self, signature):
        with tempfile.TemporaryDirectory() as d:
            at = lambda n: os.path.join(d, n)
            for n, b in {"sig": signature, "cert": self.cert.public_bytes(PEM), "serial": b"01\n",
                         "key": self.key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
                         "cnf": ("[tsa]\nserial=%s\ndigests=sha256\ndefault_policy=1.2.3.4\nsigner_digest=sha256\n"
                                 "accuracy=secs:1\n" % at("serial")).encode()}.items():
                with open(at(n), "wb") as f:
                    f.write(b)
            run = lambda *a: subprocess.run(["openssl", "ts", *a], check=True, capture_output=True)
            run("-query", "-data", at("sig"), "-sha256", "-cert", "-out", at("q"))
            run("-reply", "-config", at("cnf"), "-section", "tsa", "-queryfile", at("q"), "-signer", at("cert"), "-inkey",
                at("key"), "-token_out", "-out", at("r"))
            with open(at("r"), "rb") as f:
                return f.read()


def raw_sign(key, data, alg, salt=None):
    digest = SHAS[alg[2:]]()
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(data, padding.PSS(padding.MGF1(digest), salt or digest.digest_size), digest)
    r, s = utils.decode_dss_signature(key.sign(data, ec.ECDSA(digest)))
    n = (key.key_size + 7) // 8
    return r.to_bytes(n, "big") + s.to_bytes(n, "big")


# ---- CBOR (RFC 8949), as little of it as is needed


class Tag:
    def __init__(self, n, value):
        self.n, self.value = n, value


def cbor(v):
    def head(major, n):
        for code, size, form in ((24, 1, ">B"), (25, 2, ">H"), (26, 4, ">I"), (27, 8, ">Q")):
            if n < 24:
                return bytes([major << 5 | n])
            if n < 1 << 8 * size:
                return bytes([major << 5 | code]) + struct.pack(form, n)

    if isinstance(v, int):
        return head(0, v) if v >= 0 else head(1, -1 - v)
    if isinstance(v, bytes):
        return head(2, len(v)) + v
    if isinstance(v, str):
        return head(3, len(v.encode())) + v.encode()
    if isinstance(v, list):
        return head(4, len(v)) + b"".join(map(cbor, v))
    if isinstance(v, dict):
        return head(5, len(v)) + b"".join(cbor(k) + cbor(x) for k, x in v.items())
    if isinstance(v, Tag):
        return head(6, v.n) + cbor(v.value)
    raise TypeError(v)


# ---- envelopes


def payload_for(descriptor):
    return json.dumps({"targetArtifact": descriptor}).encode()


def stamp_of(t):
    return t.strftime("%Y-%m-%dT%H:%M:%SZ")


def envelope(kind, who, payload, scheme="notary.x509", signed=NOW, expiry=None, tsa=None, alg=None, headers=None, drop=(),
             crit=None, content=PAYLOAD, salt=None, tamper=None):
    """headers: more of the protected ones; drop: which of them are left out; tamper: changes the finished envelope."""
    key, chain = who
    alg = alg or algorithm(key)
    when = HEAD + ("signingTime" if scheme == "notary.x509" else "authenticSigningTime")
    critical = [HEAD + "signingScheme"] + ([when] if "authentic" in when else []) + ([HEAD + "expiry"] if expiry else [])
    ders = [c.public_bytes(DER) for c in chain]
    jws = kind == JWS
    time = (lambda t: stamp_of(t)) if jws else (lambda t: Tag(1, int(t.timestamp())))
    names = ("alg", "crit", "cty") if jws else (1, 2, 3)
    protected = {names[0]: alg if jws else COSE_ALG[alg], names[1]: crit if crit is not None else critical, names[2]: content,
                 HEAD + "signingScheme": scheme, when: time(signed)}
    if expiry:
        protected[HEAD + "expiry"] = time(expiry)
    protected.update(headers or {})
    for d in drop:
        protected.pop(d, None)
    if jws:
        head = b64u(json.dumps(protected).encode())
        sig = raw_sign(key, (head + "." + b64u(payload)).encode(), alg, salt)
        doc = {"payload": b64u(payload), "protected": head, "signature": b64u(sig),
               "header": {"x5c": [b64(d) for d in ders], HEAD + "signingAgent": "tests/1.0"}}
        if tsa:
            doc["header"][HEAD + "timestampSignature"] = b64(tsa.token(sig))
        if tamper:
            tamper(doc)
        return json.dumps(doc).encode()
    head = cbor(protected)
    sig = raw_sign(key, cbor(["Signature1", head, b"", payload]), alg, salt)
    doc = [head, {33: ders, HEAD + "signingAgent": "tests/1.0"}, payload, sig]
    if tsa:
        doc[1][HEAD + "timestampSignature"] = tsa.token(sig)
    if tamper:
        tamper(doc)
    return cbor(Tag(18, doc))


# ---- cases of the unit test


def policy(level="strict", stores=("ca:app",), identities=("*",), scopes=("*",), **verification):
    return {"version": "1.0", "trustPolicies": [
        {"name": "app", "registryScopes": list(scopes), "signatureVerification": dict(level=level, **verification),
         "trustStores": list(stores), "trustedIdentities": list(identities)}]}


def fixtures():
    manifest = b'{"schemaVersion": 2}'
    target = {"mediaType": MANIFEST, "digest": sha(manifest), "size": len(manifest)}
    good = payload_for(target)
    a, stranger, tsa = Authority(), Authority("stranger"), Stamps()
    dev = a.signer()
    cases, answers = [], {}
    policies = {
        "strict": policy(), "permissive": policy("permissive"), "audit": policy("audit"),
        "authority": policy(stores=["signingAuthority:app"]), "stamped": policy(stores=["ca:app", "tsa:app"]),
        "late stamp": policy(stores=["ca:app", "tsa:app"], verifyTimestamp="afterCertExpiry"),
        "expiry logged": policy(override={"expiry": "log"}), "revocation off": policy(override={"revocation": "skip"}),
        "revocation logged": policy(override={"revocation": "log"}),
        "only dev": policy(identities=["x509.subject: C=DE, ST=Berlin, O=Example\\, Org, CN=signer"]),
        "state as S": policy(identities=["x509.subject:CN=signer,O=Example\\2c Org,S=Berlin,C=DE"]),
        "other people": policy(identities=["x509.subject: C=DE, ST=Berlin, O=Example\\, Org, CN=other",
                                           "x509.subject: C=FR, ST=Paris, O=Example"]),
        "a plugin's": policy(identities=["aws.arn:role"]),
    }

    def add(name, rule, kind=None, who=None, trust="root", by="strict", payload=None, raw=None, logged="", media=None, **kw):
        for k in [kind] if kind else [JWS, COSE]:
            e = raw if raw is not None else envelope(k, who or dev, payload or good, **kw)
            cases.append({"name": "%s, %s" % (name, "JWS" if k == JWS else "COSE"), "rule": rule, "type": media or k,
                          "policy": by, "trust": trust, "logged": logged, "envelope": e.decode() if e[:1] == b"{" else b64(e)})

    for kind in ("ES256", "ES384", "ES512", "PS256", "PS384", "PS512"):
        add(kind, "good", JWS if kind in ("ES384", "PS512") else COSE if kind in ("ES512", "PS384") else None,
            who=a.signer(kind=kind))
    add("the intermediate is trusted", "good", JWS, trust="mid")
    add("self-signed", "good", who=(alone := self_signed()), trust="alone")
    add("two links", "good", JWS, who=a.signer(direct=True))
    add("an end that is not yet", "good", expiry=NOW + 20 * YEAR)
    # integrity
    add("another key's signature", "integrity", who=(a.signer()[0], dev[1]))
    add("payload changed", "integrity", JWS, tamper=lambda d: d.update(payload=b64u(payload_for(dict(target, size=1)))))
    add("payload changed", "integrity", COSE, tamper=lambda d: d.__setitem__(2, payload_for(dict(target, size=1))))
    add("no chain", "integrity", JWS, tamper=lambda d: d["header"].pop("x5c"))
    add("no chain", "integrity", COSE, tamper=lambda d: d[1].pop(33))
    add("a chain of one certificate that is none", "integrity", JWS, tamper=lambda d: d["header"].update(x5c=["AAAA"]))
    add("chain out of order", "integrity", who=(dev[0], [dev[1][0], dev[1][2], dev[1][1]]))
    add("chain without root", "integrity", who=(dev[0], dev[1][:2]))
    add("a chain of another authority", "integrity", who=(dev[0], [dev[1][0], stranger.mid, stranger.root]))
    add("another algorithm than the key's", "integrity", who=a.signer(kind="PS256"), alg="PS384")
    add("an algorithm of the wrong kind", "integrity", JWS, headers={"alg": "HS256"})
    add("no algorithm", "integrity", JWS, headers={"alg": "none"}, tamper=lambda d: d.update(signature=b64u(b"x")))
    add("a key of an odd size", "integrity", JWS, who=a.signer(kind="PS2432"))
    add("a curve nobody uses", "integrity", JWS, who=a.signer(kind="ESK"))
    add("short salt", "good", COSE, who=a.signer(kind="PS256"), salt=20)
    add("signed by an authority", "integrity", JWS, who=a.signer(ca=True, key_usage=usage("digital_signature", "key_cert_sign")))
    add("key usage not said", "integrity", JWS, who=a.signer(key_usage=None))
    add("key usage not critical", "integrity", JWS, who=a.signer(usage_critical=False))
    add("key usage too wide", "integrity", JWS, who=a.signer(key_usage=usage("digital_signature", "key_encipherment")))
    add("non-repudiation too", "good", JWS, who=a.signer(key_usage=usage("digital_signature", "content_commitment")))
    add("a server's certificate", "integrity", JWS, who=a.signer(eku=(EKU.SERVER_AUTH, EKU.CODE_SIGNING)))
    add("no extended key usage", "good", JWS, who=a.signer(eku=None))
    add("an extension that is critical and not known", "integrity", JWS,
        who=a.signer(more=[(x509.UnrecognizedExtension(ObjectIdentifier("1.2.3.4"), b"\5\0"), True)]))
    shallow = Authority("shallow", depth=0)
    add("a longer chain than the root allows", "integrity", JWS, who=shallow.signer(), trust="shallow")
    no_ca = Authority("no ca", mid_ca=False)
    add("issued by a signer", "integrity", JWS, who=no_ca.signer(), trust="no ca")
    no_usage = Authority("no usage", mid_usage=False)
    add("issued without a key usage", "integrity", JWS, who=no_usage.signer(), trust="no usage")
    add("no critical headers", "integrity", drop=("crit", 2))
    add("the scheme is not critical", "integrity", crit=[HEAD + "expiry"], expiry=NOW + YEAR)
    add("the end is not critical", "integrity", crit=[HEAD + "signingScheme"], expiry=NOW + YEAR)
    add("critical and not there", "integrity", crit=[HEAD + "signingScheme", "ghost"])
    add("critical and not known", "integrity", crit=[HEAD + "signingScheme", "org.example.x"], headers={"org.example.x": "1"})
    add("a number that is critical and not known", "integrity", COSE, crit=[HEAD + "signingScheme", 99], headers={99: 1})
    add("more headers that nobody must know", "good", headers={"org.example.x": "1"})
    add("wants a plugin", "integrity", headers={HEAD + "verificationPlugin": "p"})
    add("a scheme nobody knows", "integrity", headers={HEAD + "signingScheme": "notary.x510"})
    add("both times", "integrity", headers={HEAD + "authenticSigningTime": stamp_of(NOW)}, kind=JWS)
    add("no time", "integrity", drop=(HEAD + "signingTime",))
    add("a time that is none", "integrity", JWS, headers={HEAD + "signingTime": "yesterday"})
    add("a time without its tag", "integrity", COSE, headers={HEAD + "signingTime": int(NOW.timestamp())})
    add("ends before it began", "integrity", signed=NOW, expiry=NOW - DAY)
    add("content of another type", "integrity", content="application/json")
    add("a JWS of two signatures", "integrity", JWS, tamper=lambda d: d.update(signatures=[]))
    add("COSE without its tag", "integrity", COSE, raw=cbor([b"", {}, b"x", b"y"]))
    add("something behind it", "integrity", COSE, raw=envelope(COSE, dev, good) + b"\0")
    add("a key twice", "integrity", COSE, raw=envelope(COSE, dev, good).replace(cbor(HEAD + "signingAgent"), cbor(HEAD + "signingAgent")[:1] + cbor(HEAD + "signingAgent")[1:], 1)
        .replace(b"\xa2\x18\x21", b"\xa3\x18\x21\x80\x18\x21", 1))
    add("an indefinite length", "integrity", COSE, raw=b"\xd2\x9f\x40\xa0\x40\x40\xff")
    add("a type nobody knows", "integrity", JWS, media="application/octet-stream")
    add("the type of the other form", "integrity", JWS, media=COSE)
    # authenticity
    add("nobody trusts it", "authenticity", who=stranger.signer())
    add("nobody trusts it, audited", "good", JWS, who=stranger.signer(), by="audit", logged="authenticity")
    add("nobody trusts it, permissive", "authenticity", JWS, who=stranger.signer(), by="permissive")
    add("the wrong kind of store", "authenticity", JWS, by="authority")
    add("the right person", "good", by="only dev")
    add("the right person, otherwise spelled", "good", JWS, by="state as S")
    add("another person", "authenticity", by="other people")
    add("another person of the same chain", "authenticity", JWS, who=a.signer("mallory"), by="only dev")
    add("identities of a plugin", "authenticity", JWS, by="a plugin's")
    add("a subject with a second organization", "authenticity", JWS, by="only dev",
        who=a.signer(more=[], subject=name("signer", [(NameOID.ORGANIZATION_NAME, "Two")])))
    add("a subject with an address", "authenticity", JWS, by="only dev",
        who=a.signer(subject=name("signer", [(NameOID.EMAIL_ADDRESS, "dev@example.org")])))
    add("a subject of another case", "authenticity", JWS, who=a.signer("Signer"), by="only dev")
    # expiry
    add("ended", "expiry", signed=NOW - 3 * DAY, expiry=NOW - DAY)
    add("ended, permissive", "good", JWS, signed=NOW - 3 * DAY, expiry=NOW - DAY, by="permissive", logged="expiry")
    add("ended, logged", "good", JWS, signed=NOW - 3 * DAY, expiry=NOW - DAY, by="expiry logged", logged="expiry")
    # authentic time stamp
    old = a.signer(start=NOW - 2 * YEAR, end=NOW - YEAR)
    young = a.signer(start=NOW + DAY, end=NOW + YEAR)
    add("the certificate ended", "authenticTimestamp", who=old)
    add("the certificate begins later", "authenticTimestamp", JWS, who=young)
    add("the certificate ended, permissive", "good", JWS, who=old, by="permissive", logged="authenticTimestamp")
    auth = dict(scheme="notary.x509.signingAuthority", by="authority")
    add("an authority's word", "good", **auth)
    add("an authority's word, the certificate ended since", "good", who=old, signed=NOW - 500 * DAY, **auth)
    add("an authority's word, after the end", "authenticTimestamp", who=old, **auth)
    add("an authority's time is not critical", "integrity", crit=[HEAD + "signingScheme"], **auth)
    ended = a.signer(start=NOW - YEAR, end=NOW + 2 * DAY)
    add("stamped", "good", by="stamped", trust="tsa", tsa=tsa)
    add("stamped, by RSA", "good", JWS, by="stamped", trust="tsa", tsa=tsa, who=a.signer(kind="PS256"))
    add("stamped, the certificate ended since", "good", by="stamped", trust="tsa", tsa=tsa, who=ended)
    add("stamped before the certificate began", "authenticTimestamp", JWS, by="stamped", trust="tsa", tsa=tsa, who=young)
    add("stamped after the certificate's end", "authenticTimestamp", JWS, by="stamped", trust="tsa", tsa=tsa, who=old)
    add("a stamp is wanted", "authenticTimestamp", by="stamped", trust="tsa")
    add("a stamp is wanted only after the end", "good", JWS, by="late stamp", trust="tsa")
    add("a stamp is wanted after the end", "authenticTimestamp", JWS, by="late stamp", trust="tsa", who=old)
    add("a stranger's stamp", "authenticTimestamp", JWS, by="stamped", trust="tsa", tsa=Stamps())
    other = tsa.token(b"another")
    add("a stamp of another signature", "authenticTimestamp", JWS, by="stamped", trust="tsa",
        tamper=lambda d: d["header"].update({HEAD + "timestampSignature": b64(other)}))
    add("a stamp that is none", "authenticTimestamp", JWS, by="stamped", trust="tsa",
        tamper=lambda d: d["header"].update({HEAD + "timestampSignature": "MIIB"}))
    add("a stamp nobody asks about", "good", JWS, tsa=Stamps())
    # revocation
    def at(path, ocsp_too=True, crl_too=False):
        more = []
        if ocsp_too:
            more.append((x509.AuthorityInformationAccess([x509.AccessDescription(
                AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier("http://ocsp.invalid/" + path))]), False))
        if crl_too:
            more.append((x509.CRLDistributionPoints([x509.DistributionPoint(
                [x509.UniformResourceIdentifier("http://crl.invalid/" + path)], None, None, None)]), False))
        return a.signer(more=more)

    def answer(path, who, status=ocsp.OCSPCertStatus.GOOD, when=None, key=None, by=None, until=NOW + 20 * YEAR):
        b = ocsp.OCSPResponseBuilder().add_response(
            who[1][0], a.mid, hashes.SHA1(), status, NOW - DAY, until, when,
            x509.ReasonFlags.key_compromise if when else None).responder_id(ocsp.OCSPResponderEncoding.NAME, by or a.mid)
        answers["http://ocsp.invalid/" + path] = b64(b.sign(key or a.mid_key, hashes.SHA256()).public_bytes(DER))

    def listing(path, who=None, when=None, key=None, until=NOW + 20 * YEAR):
        b = x509.CertificateRevocationListBuilder().issuer_name(a.mid.subject).last_update(NOW - DAY).next_update(until)
        if who:
            b = b.add_revoked_certificate(x509.RevokedCertificateBuilder().serial_number(who[1][0].serial_number)
                                          .revocation_date(when or NOW - DAY).build())
        answers["http://crl.invalid/" + path] = b64(b.sign(key or a.mid_key, hashes.SHA256()).public_bytes(DER))

    who = at("good")
    answer("good", who)
    add("OCSP says good", "good", JWS, who=who)
    who = at("revoked")
    answer("revoked", who, ocsp.OCSPCertStatus.REVOKED, NOW - DAY)
    add("OCSP says revoked", "revocation", who=who)
    add("OCSP says revoked, permissive", "good", JWS, who=who, by="permissive", logged="revocation")
    add("OCSP says revoked, nobody asks", "good", JWS, who=who, by="revocation off")
    add("revoked after an authority signed", "good", JWS, who=who, signed=NOW - 2 * DAY, **auth)
    add("revoked before an authority signed", "revocation", JWS, who=who, signed=NOW, **auth)
    who = at("unknown")
    answer("unknown", who, ocsp.OCSPCertStatus.UNKNOWN)
    add("OCSP does not know", "revocation", JWS, who=who)
    who = at("forged")
    answer("forged", who, key=stranger.mid_key, by=stranger.mid)
    add("OCSP by a stranger", "revocation", JWS, who=who)
    who = at("stale")
    answer("stale", who, until=NOW - 12 * datetime.timedelta(hours=1))
    add("OCSP of yesterday", "revocation", JWS, who=who)
    answer("other", at("x"))
    add("OCSP about another", "revocation", JWS, who=at("other"))
    add("OCSP is silent", "revocation", JWS, who=at("silent"))
    add("OCSP is silent, logged", "good", JWS, who=at("silent"), by="revocation logged", logged="revocation")
    who = at("list", False, True)
    listing("list")
    add("not on the list", "good", JWS, who=who)
    who = at("listed", False, True)
    listing("listed", who)
    add("on the list", "revocation", who=who)
    who = at("forged-list", False, True)
    listing("forged-list", key=stranger.mid_key)
    add("a list by a stranger", "revocation", JWS, who=who)
    who = at("old-list", False, True)
    listing("old-list", until=NOW - 12 * datetime.timedelta(hours=1))
    add("a list of yesterday", "revocation", JWS, who=who)
    who = at("both", True, True)
    listing("both")
    add("OCSP is silent, the list is not", "good", JWS, who=who)
    add("a stranger's servers are not asked", "good", JWS, by="audit", logged="authenticity", who=stranger.signer(more=[(
        x509.AuthorityInformationAccess([x509.AccessDescription(AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier(
            "http://ocsp.invalid/never"))]), False)]))
    revoked_tsa = Stamps([(x509.CRLDistributionPoints([x509.DistributionPoint(
        [x509.UniformResourceIdentifier("http://crl.invalid/silent")], None, None, None)]), False)])
    add("nobody tells about the stamp's authority", "authenticTimestamp", JWS, by="stamped", trust="tsa2", tsa=revoked_tsa)
    # subject
    add("about another", "subject", payload=payload_for(dict(target, digest=sha(b"other"))))
    add("about another, audited", "subject", JWS, payload=payload_for(dict(target, digest=sha(b"other"))), by="audit")
    add("about another size", "subject", JWS, payload=payload_for(dict(target, size=21)))
    add("about another type", "subject", JWS, payload=payload_for(dict(target, mediaType="text/plain")))
    add("about nothing", "subject", JWS, payload=b"{}")
    add("about no JSON", "subject", COSE, payload=b"words")
    add("with annotations", "good", payload=payload_for(dict(target, annotations={"a": "b"})))
    pem = lambda *certs: "".join(c.public_bytes(PEM).decode() for c in certs)
    trusts = {"root": pem(a.root), "mid": pem(stranger.root, a.mid), "alone": pem(alone[1][0]), "shallow": pem(shallow.root),
              "no ca": pem(no_ca.root), "no usage": pem(no_usage.root), "tsa": pem(a.root, tsa.ca),
              "tsa2": pem(a.root, revoked_tsa.ca)}
    assert len({c["name"] for c in cases}) == len(cases)
    return {"now": int(NOW.timestamp()), "target": dict(target, size=target["size"]), "trusts": trusts, "answers": answers,
            "policies": {k: json.dumps(v) for k, v in policies.items()}, "cases": cases}


# ---- a registry


def ask(method, url, body=None, kind=None):
    req = urllib.request.Request(url, data=body, method=method)
    req.add_header("Accept", MANIFEST + ", application/vnd.oci.image.index.v1+json")
    if kind:
        req.add_header("Content-Type", kind)
    with urllib.request.urlopen(req) as r:
        return r.headers, r.read()


def push(host, repo, reference, make):
    base = "http://%s/v2/%s" % (host, repo)

    def blob(data, kind):
        where = ask("POST", base + "/blobs/uploads/", b"")[0]["Location"]
        ask("PUT", where + ("&" if "?" in where else "?") + "digest=" + sha(data), data, "application/octet-stream")
        return {"mediaType": kind, "digest": sha(data), "size": len(data)}

    def put(manifest, tag):
        data = json.dumps(manifest).encode()
        ask("PUT", "%s/manifests/%s" % (base, tag or sha(data)), data, manifest["mediaType"])
        return {"mediaType": manifest["mediaType"], "digest": sha(data), "size": len(data)}

    headers, body = ask("GET", "%s/manifests/%s" % (base, reference))
    target = {"mediaType": headers["Content-Type"], "digest": sha(body), "size": len(body)}
    kind, data = make(target)
    made = put({"schemaVersion": 2, "mediaType": MANIFEST, "config": blob(b"{}", SIGNATURE), "layers": [blob(data, kind)],
                "subject": target}, None)
    tag = target["digest"].replace(":", "-")
    try:
        index = json.loads(ask("GET", "%s/manifests/%s" % (base, tag))[1])
    except urllib.error.HTTPError:
        index = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": []}
    index["manifests"].append(dict(made, artifactType=SIGNATURE))
    put(index, tag)
    print(target["digest"])


def sign(host, repo, reference, folder, *what):
    def read(n):
        with open(os.path.join(folder, n), "rb") as f:
            return f.read()

    who = (serialization.load_pem_private_key(read("signer.key"), None), x509.load_pem_x509_certificates(read("signer.pem")))
    other = [w[6:] for w in what if w.startswith("other=")]
    kw = dict(signed=NOW - 3 * DAY, expiry=NOW - DAY) if "expired" in what else {}
    kind = COSE if "cose" in what else JWS
    if "tampered" in what:
        kw["tamper"] = lambda d: d.update(payload=b64u(b"{}")) if kind == JWS else d.__setitem__(2, b"{}")
    push(host, repo, reference,
         lambda target: (kind, envelope(kind, who, payload_for(dict(target, digest=other[0]) if other else target), **kw)))


def authority(folder, kind="ES256"):
    os.makedirs(folder, exist_ok=True)
    a = Authority(os.path.basename(folder))
    key, chain = a.signer(os.path.basename(folder) + " signer", kind)
    for n, b in (("ca.crt", a.root.public_bytes(PEM)), ("signer.pem", b"".join(c.public_bytes(PEM) for c in chain)),
                 ("signer.key", key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))):
        with open(os.path.join(folder, n), "wb") as f:
            f.write(b)


if __name__ == "__main__":
    if sys.argv[1] == "fixtures":
        with open(sys.argv[2], "w") as f:
            json.dump(fixtures(), f, indent=1)
            f.write("\n")
    else:
        {"authority": authority, "sign": sign}[sys.argv[1]](*sys.argv[2:])
