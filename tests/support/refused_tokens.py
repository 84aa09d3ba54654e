"""Forged and broken tokens, to be tried against every surface: none of them may be accepted."""

import base64
import hashlib
import json
import time
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding

from support.tokens import LOCAL, Issuer, base64url, claims, compact, hmac_with, local_token


def refused_tokens(secret: bytes, audience: str, issuer: Issuer) -> dict[str, str]:
    """Return tokens that a server must refuse, by what is wrong with each.

    The server trusts `secret` for the local issuer (at most 365 days) and the JWK Set of `issuer`
    (at most one day), and `audience` is its resource.
    """
    return {
        **_broken_forms(secret, audience),
        **_headers(secret, audience),
        **_wrong_keys(secret, audience, issuer),
        **_claims(secret, audience),
        **_of_the_other_issuer(audience, issuer),
    }


def _broken_forms(secret: bytes, audience: str) -> dict[str, str]:
    good = local_token(secret, audience)
    header, body, signature = good.split(".")
    sign = hmac_with(secret)
    head = {"alg": "HS256"}
    last = signature[-1]
    twin = next(  # the last character holds two bits that decoders drop
        character
        for character in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
        if character != last
        and base64.urlsafe_b64decode(signature[:-1] + character + "=")
        == base64.urlsafe_b64decode(signature + "=")
    )
    text = json.dumps(claims(audience))
    other_header = base64url(b'{"alg":"HS256","typ":"JWT"}')
    other_claims = base64url(json.dumps(claims(audience, sub="root")).encode())
    return {
        "empty": "",
        "a word": "abc",
        "a space": " ",
        "only dots": "..",
        "two parts": f"{header}.{body}",
        "four parts": f"{good}.{signature}",
        "five parts, as an encrypted one": f"{header}.{body}.{signature}.{body}.{signature}",
        "without a header": f".{body}.{signature}",
        "without claims": f"{header}..{signature}",
        "without a signature": f"{header}.{body}.",
        "a cut signature": good[:-4],
        "a longer signature": good + "AAAA",
        "a signature of zeros": f"{header}.{body}.{base64url(bytes(32))}",
        "a changed bit in the signature": good[:-10]
        + ("A" if good[-10] != "A" else "B")
        + good[-9:],
        "changed claims": f"{header}.{other_claims}.{signature}",
        "a changed header": f"{other_header}.{body}.{signature}",
        "padding after the signature": good + "=",
        "padding after the claims": f"{header}.{body}==.{signature}",
        "another spelling of the signature": good[:-1] + twin,
        "a letter outside the alphabet": f"{header}.{body}.{signature[:-1]}+",
        "a letter outside ASCII": f"{header}.{body}.{signature[:-1]}é",
        "a space inside": f"{header}. {body}.{signature}",
        "a tab inside": f"{header}.\t{body}.{signature}",
        "a percent sign inside": f"{header}%2E{body}%2E{signature}",
        "its scheme twice": f"Bearer {good}",
        "more than 8 KiB": local_token(secret, audience, extra="x" * 8192),
        "claims that are no JSON": compact(head, b"{", sign),
        "claims that are a list": compact(head, b"[]", sign),
        "claims that are null": compact(head, b"null", sign),
        "claims in bad UTF-8": compact(head, text.encode().replace(b"mallory", b"\xff\xfe"), sign),
        "claims with a byte order mark": compact(head, b"\xef\xbb\xbf" + text.encode(), sign),
        "claims with something behind": compact(head, text.encode() + b"{}", sign),
        "claims nested 1,500 deep": compact(
            head, text[:-1].encode() + b', "x": ' + b"[" * 1500 + b"]" * 1500 + b"}", sign
        ),
        "claims with a number of 5,000 digits": compact(
            head, text[:-1].encode() + b', "x": ' + b"1" * 5000 + b"}", sign
        ),
        "two subjects": compact(head, text[:-1].encode() + b', "sub": "root"}', sign),
        "two expiries": compact(head, text[:-1].encode() + b', "exp": 9999999999}', sign),
        "two algorithms": compact(b'{"alg":"none","alg":"HS256"}', claims(audience), sign),
    }


def _headers(secret: bytes, audience: str) -> dict[str, str]:
    good, sign = claims(audience), hmac_with(secret)

    def headed(**header: Any) -> str:
        return compact({"typ": "JWT", "alg": "HS256", **header}, good, sign)

    return {
        "a header that is no JSON": compact(b"{", good, sign),
        "a header that is a list": compact(b'["HS256"]', good, sign),
        "a header in bad UTF-8": compact(b'{"alg":"HS256","x":"\xff"}', good, sign),
        "no algorithm": compact({"typ": "JWT"}, good, sign),
        "algorithm null": headed(alg=None),
        "algorithm as a number": headed(alg=256),
        "algorithm as a list": headed(alg=["HS256"]),
        "algorithm as an object": headed(alg={"HS256": True}),
        "algorithm empty": headed(alg=""),
        "algorithm in small letters": headed(alg="hs256"),
        "algorithm none, unsigned": compact({"alg": "none"}, good, lambda _: b"x"),
        "algorithm none, signed": headed(alg="none"),
        "algorithm None, signed": headed(alg="None"),
        "algorithm NONE, signed": headed(alg="NONE"),
        "algorithm nOnE, signed": headed(alg="nOnE"),
        "algorithm unknown": headed(alg="HS1"),
        "HS384": compact({"alg": "HS384"}, good, hmac_with(secret, "sha384")),
        "HS512": compact({"alg": "HS512"}, good, hmac_with(secret, "sha512")),
        "RS256 signed with the secret": headed(alg="RS256"),
        "a refresh token": headed(typ="refresh+jwt"),
        "an identity token of another kind": headed(typ="id+jwt"),
        "a typ that is a list": headed(typ=["JWT"]),
        "a typ that is null": headed(typ=None),
        "a typ with a parameter": headed(typ="JWT; x=1"),
        "a kid that is a number": headed(kid=1),
        "a kid that is an object": headed(kid={"$ne": ""}),
        "an unknown extension": headed(crit=["urn:example:x"], **{"urn:example:x": 1}),
        "an empty list of extensions": headed(crit=[]),
        "extensions that are a word": headed(crit="exp"),
        "a demand that changes nothing": headed(crit=["b64"], b64=True),
        "unencoded claims": headed(crit=["b64"], b64=False),
        "unencoded claims without saying so": headed(b64=False),
    }


def _wrong_keys(secret: bytes, audience: str, issuer: Issuer) -> dict[str, str]:
    good, theirs = claims(audience), claims(audience, iss=issuer.name)
    hs256 = {"typ": "JWT", "alg": "HS256"}
    attacker = Issuer(issuer.name, rsa_key=issuer.rsa_key)
    attacker_jwk = attacker.jwk_set["keys"][1]
    public = issuer.rsa_key.public_key()
    pem = public.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    der = public.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
    es256, eddsa, rs256 = (
        {"alg": alg, "kid": kid}
        for alg, kid in (("ES256", "ec"), ("EdDSA", "ed"), ("RS256", "rsa"))
    )
    return {
        "another secret": compact(hs256, good, hmac_with(secret + b"x")),
        "half the secret": compact(hs256, good, hmac_with(secret[: len(secret) // 2])),
        "an empty secret": compact(hs256, good, hmac_with(b"")),
        "the hash of the secret": compact(hs256, good, hmac_with(hashlib.sha256(secret).digest())),
        "a kid that points to an empty file": compact(
            {**hs256, "kid": "../../dev/null"}, good, hmac_with(b"")
        ),
        "a kid that injects SQL": compact(
            {**hs256, "kid": "' UNION SELECT 'k"}, good, hmac_with(b"k")
        ),
        "HS256 with the public key as PEM": compact(
            {**hs256, "kid": "rsa"}, theirs, hmac_with(pem)
        ),
        "HS256 with the public key as DER": compact(
            {**hs256, "kid": "rsa"}, theirs, hmac_with(der)
        ),
        "HS256 with the public key as JWK": compact(
            hs256, theirs, hmac_with(json.dumps(issuer.jwk_set["keys"][0]).encode())
        ),
        "RS256 under a kid of another key": compact(
            {**rs256, "kid": "ec"}, theirs, issuer.sign_rsa
        ),
        "RS256 under an unknown kid": compact({**rs256, "kid": "new"}, theirs, issuer.sign_rsa),
        "PS256 with the RSA key": compact(
            {"alg": "PS256", "kid": "rsa"},
            theirs,
            lambda message: issuer.rsa_key.sign(message, pss, hashes.SHA256()),
        ),
        "RS512 with the RSA key": compact(
            {"alg": "RS512", "kid": "rsa"},
            theirs,
            lambda message: issuer.rsa_key.sign(message, padding.PKCS1v15(), hashes.SHA512()),
        ),
        "ES256 with another key": compact(es256, theirs, attacker.sign_ec),
        "ES256 with r = s = 0": compact(es256, theirs, lambda _: bytes(64)),
        "ES256 in DER form": compact(es256, theirs, issuer.sign_ec_der),
        "ES256 without a signature": compact(es256, theirs, lambda _: b"\0"),
        "EdDSA with another key": compact(eddsa, theirs, attacker.ed_key.sign),
        "EdDSA of zeros": compact(eddsa, theirs, lambda _: bytes(64)),
        "a key in its own header": compact(
            {**es256, "jwk": attacker_jwk}, theirs, attacker.sign_ec
        ),
        "a key behind its own jku": compact(
            {**es256, "jku": "http://127.0.0.1:9/k"}, theirs, attacker.sign_ec
        ),
        "a key behind its own x5u": compact(
            {**es256, "x5u": "http://127.0.0.1:9/k"}, theirs, attacker.sign_ec
        ),
        "a certificate in its own header": compact(
            {**es256, "x5c": [base64url(der)]}, theirs, attacker.sign_ec
        ),
        "the local secret for the other issuer": compact(hs256, theirs, hmac_with(secret)),
        "the other issuer's key for the local one": compact(rs256, good, issuer.sign_rsa),
    }


def _claims(secret: bytes, audience: str) -> dict[str, str]:
    now = int(time.time())
    wrong: dict[str, dict[str, Any]] = {
        **{f"no {name}": {name: ...} for name in ("iss", "sub", "aud", "exp", "iat")},
        **{f"{name} null": {name: None} for name in ("iss", "sub", "aud", "exp", "iat")},
        **{f"{name} as a string": {name: str(now)} for name in ("exp", "iat", "nbf")},
        **{f"{name} as a fraction": {name: now + 0.5} for name in ("exp", "iat", "nbf")},
        **{f"{name} as a boolean": {name: True} for name in ("exp", "iat", "nbf")},
        **{f"{name} infinite": {name: float("inf")} for name in ("exp", "iat", "nbf")},
        **{f"{name} as a list": {name: [now]} for name in ("exp", "iat", "nbf", "sub", "iss")},
        "exp not a number": {"exp": float("nan")},
        "expired": {"iat": now - 7200, "exp": now - 3600},
        "expired before 1970": {"iat": -200, "exp": -100},
        "over before it begins": {"iat": now + 10, "exp": now - 10},
        "valid for 366 days": {"exp": now + 366 * 86_400},
        "valid for ever": {"exp": 10**18},
        "issued before time began": {"iat": -(10**30)},
        "issued in an hour": {"iat": now + 3600, "exp": now + 7200},
        "not valid yet": {"nbf": now + 3600},
        "not valid before the end of time": {"nbf": 10**300},
        "sub empty": {"sub": ""},
        "sub of 256 characters": {"sub": "x" * 256},
        "sub as a number": {"sub": 7},
        "sub as an object": {"sub": {"name": "root"}},
        "sub with a line break": {"sub": "a\nb"},
        "sub with a NUL": {"sub": "root\0x"},
        "sub with a lone surrogate": {"sub": "\ud800"},
        "sub with a direction mark": {"sub": "a\u202eb"},
        "another issuer": {"iss": "somebody:else"},
        "an issuer with a slash more": {"iss": f"{LOCAL}/"},
        "an issuer in capitals": {"iss": LOCAL.upper()},
        "an empty issuer": {"iss": ""},
        "another audience": {"aud": "https://elsewhere.example"},
        "an audience that begins like ours": {"aud": f"{audience}.evil.example"},
        "an audience below ours": {"aud": f"{audience}/other"},
        "an audience in capitals": {"aud": audience.upper()},
        "an empty audience": {"aud": ""},
        "no audience in the list": {"aud": []},
        "other audiences in the list": {"aud": ["https://elsewhere.example", ""]},
        "a number among the audiences": {"aud": [audience, 1]},
        "an audience as an object": {"aud": {audience: True}},
        "scope as a list": {"scope": ["admin"]},
        "scope as a number": {"scope": 1},
        "scope null": {"scope": None},
        "scp as a string": {"scp": "admin"},
        "scp with a number in it": {"scp": ["admin", 1]},
        "scp as an object": {"scp": {"admin": True}},
        "jti as a number": {"jti": 1},
    }
    return {name: local_token(secret, audience, **change) for name, change in wrong.items()}


def _of_the_other_issuer(audience: str, issuer: Issuer) -> dict[str, str]:
    now = int(time.time())

    def signed(**change: Any) -> str:
        return compact(
            {"alg": "RS256", "kid": "rsa"},
            claims(audience, iss=issuer.name, **change),
            issuer.sign_rsa,
        )

    return {
        "the local audience from the other issuer": signed(aud="urn:errandry:local"),
        "two days from the other issuer": signed(exp=now + 2 * 86_400),
        "expired from the other issuer": signed(iat=now - 7200, exp=now - 3600),
    }
