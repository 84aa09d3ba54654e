"""Issuers and their good tokens; `support.refused_tokens` breaks them."""

import base64
import hmac
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

LOCAL: Final = "errandry:local"
ISSUER: Final = "https://issuer.example"
EVERY_SCOPE: Final = "commands:read commands:write tasks:read tasks:write tasks:approve admin"

Sign = Callable[[bytes], bytes]
Json = Mapping[str, Any]


def base64url(raw: bytes) -> str:
    """Encode as a part of a compact JWT."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def compact(header: Json | bytes, claims: Json | bytes, sign: Sign) -> str:
    """Put a JWT together; bytes stand for a part as they are."""
    parts = [
        part if isinstance(part, bytes) else json.dumps(part).encode() for part in (header, claims)
    ]
    signed = ".".join(map(base64url, parts))
    return f"{signed}.{base64url(sign(signed.encode()))}"


def hmac_with(secret: bytes, digest: str = "sha256") -> Sign:
    """Sign as HS256, or with another digest as HS384 and HS512."""
    return lambda message: hmac.new(secret, message, digest).digest()


@dataclass
class Issuer:
    """An issuer with an RSA, an EC and an Ed25519 key, published as a JWK Set."""

    name: str = ISSUER
    rsa_key: rsa.RSAPrivateKey = field(
        default_factory=lambda: rsa.generate_private_key(65537, 2048)
    )
    ec_key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )
    ed_key: ed25519.Ed25519PrivateKey = field(default_factory=ed25519.Ed25519PrivateKey.generate)

    @cached_property
    def jwk_set(self) -> dict[str, list[dict[str, Any]]]:
        """The public keys, by the ids `rsa`, `ec` and `ed`."""
        return {
            "keys": [
                {
                    **RSAAlgorithm.to_jwk(self.rsa_key.public_key(), as_dict=True),
                    "kid": "rsa",
                    "use": "sig",
                },
                {
                    **ECAlgorithm.to_jwk(self.ec_key.public_key(), as_dict=True),
                    "kid": "ec",
                    "alg": "ES256",
                },
                {**OKPAlgorithm.to_jwk(self.ed_key.public_key(), as_dict=True), "kid": "ed"},
            ]
        }

    def sign_rsa(self, message: bytes) -> bytes:
        """Sign as RS256."""
        return self.rsa_key.sign(message, padding.PKCS1v15(), hashes.SHA256())

    def sign_ec(self, message: bytes) -> bytes:
        """Sign as ES256: r and s side by side."""
        r, s = decode_dss_signature(self.sign_ec_der(message))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    def sign_ec_der(self, message: bytes) -> bytes:
        """Sign with the EC key in the DER form, which JWTs do not use."""
        return self.ec_key.sign(message, ec.ECDSA(hashes.SHA256()))

    def tokens(self, audience: str) -> dict[str, str]:
        """Return one good token for each key."""
        signers = {
            "RS256": ("rsa", self.sign_rsa),
            "ES256": ("ec", self.sign_ec),
            "EdDSA": ("ed", self.ed_key.sign),
        }
        return {
            algorithm: compact(
                {"alg": algorithm, "kid": kid}, claims(audience, iss=self.name), sign
            )
            for algorithm, (kid, sign) in signers.items()
        }


def claims(audience: str, **change: Any) -> dict[str, Any]:
    """Return the claims of a good token, changed; `...` takes a claim away."""
    now = int(time.time())
    good = {
        "iss": LOCAL,
        "sub": "mallory",
        "aud": audience,
        "iat": now,
        "exp": now + 600,
        "scope": EVERY_SCOPE,
    }
    return {name: value for name, value in {**good, **change}.items() if value is not ...}


def local_token(secret: bytes, audience: str, **change: Any) -> str:
    """Return a good token of the local issuer, with claims changed."""
    return compact({"typ": "JWT", "alg": "HS256"}, claims(audience, **change), hmac_with(secret))
