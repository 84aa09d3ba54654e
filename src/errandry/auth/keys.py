"""The keys that tokens are checked with, and the secret of the data folder.

A key has exactly one algorithm, fixed here: nothing in a token chooses it (RFC 8725, 3.1).
"""

import base64
import os
import secrets
import stat
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

import jwt

from errandry import jsontext

MIN_SECRET_BYTES: Final = 32
"""An HS256 secret is at least as long as its hash (RFC 7518, 3.2)."""

DAY_S: Final = 86_400
_ALGORITHMS: Final = {
    ("oct", None): "HS256",
    ("RSA", None): "RS256",
    ("EC", "P-256"): "ES256",
    ("OKP", "Ed25519"): "EdDSA",
}


class BadKeys(Exception):
    """Keys that cannot be used; the message says where they are and why."""


@dataclass(frozen=True, slots=True)
class KeySource:
    """The keys of one issuer that come from one place, and how long their tokens may last."""

    issuer: str
    keys: tuple[jwt.PyJWK, ...] = field(repr=False)
    max_lifetime_s: float

    @classmethod
    def from_secret(cls, issuer: str, secret: bytes, max_days: float) -> Self:
        """Trust what is signed with one HS256 secret.

        Raises:
            BadKeys: the secret is shorter than 32 bytes.
        """
        if len(secret) < MIN_SECRET_BYTES:
            raise BadKeys(
                f"the JWT secret has {len(secret)} bytes; it needs at least {MIN_SECRET_BYTES},"
                " for example from `openssl rand -hex 32`"
            )
        k = base64.urlsafe_b64encode(secret).rstrip(b"=").decode()
        return cls(issuer, (jwt.PyJWK({"kty": "oct", "k": k}, "HS256"),), max_days * DAY_S)

    @classmethod
    def from_jwk_set(cls, issuer: str, path: Path, max_days: float) -> Self:
        """Trust the keys of a JWK Set file (RFC 7517).

        Keys for another use or of an unknown kind are left out, as its section 5 asks for. Secrets
        (`oct`) and public keys do not stand together: whoever checks with a public key cannot forge.

        Raises:
            BadKeys: no such file, no JWK Set, a weak, broken or private key, secrets beside public
                keys, or no usable key at all.
        """
        keys = tuple(
            _read_key(entry, f"key {number} of {path}")
            for number, entry in enumerate(_read_set(path), start=1)
            if _algorithm(entry)
        )
        if not keys:
            raise BadKeys(
                f"{path} holds no key to check signatures with; it needs RSA, EC P-256, Ed25519 or oct"
            )
        if len({key.algorithm_name == "HS256" for key in keys}) > 1:
            raise BadKeys(f"{path} mixes secrets (oct) with public keys; keep one of the two kinds")
        return cls(issuer, keys, max_days * DAY_S)

    def candidates(self, algorithm: str, kid: str | None) -> list[jwt.PyJWK]:
        """Return the keys that may have signed a token with that header.

        A token or a key without `kid` leaves the choice open.
        """
        return [
            key
            for key in self.keys
            if key.algorithm_name == algorithm and (kid is None or key.key_id in (None, kid))
        ]


def _read_set(path: Path) -> list[Mapping[str, Any]]:
    try:
        document = jsontext.loads(path.read_bytes())
    except OSError as error:
        raise BadKeys(f"cannot read the JWK Set {path}: {error.strerror}") from error
    except jsontext.JsonError as error:
        raise BadKeys(f"{path} is no JWK Set: {error}") from error
    entries = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise BadKeys(f'{path} is no JWK Set: it needs the form {{"keys": [{{…}}]}}')
    return entries


def _algorithm(entry: Mapping[str, Any]) -> str | None:
    """Return the one algorithm that a JWK is used with, or None when it is not for us."""
    if entry.get("use", "sig") != "sig":
        return None
    for (kty, crv), algorithm in _ALGORITHMS.items():
        if (entry.get("kty"), entry.get("crv")) == (kty, crv):
            return algorithm if entry.get("alg", algorithm) == algorithm else None
    return None


def _read_key(entry: Mapping[str, Any], where: str) -> jwt.PyJWK:
    if "d" in entry:
        raise BadKeys(
            f"{where} is a private key; give the public one, it is enough to check tokens"
        )
    if not isinstance(entry.get("kid", ""), str):
        raise BadKeys(f"{where} has a kid that is no string")
    try:
        key = jwt.PyJWK(dict(entry), _algorithm(entry))
    except (jwt.PyJWTError, KeyError, TypeError, ValueError):
        # The library's messages show the whole key, so neither text nor chain may carry them on.
        raise BadKeys(f"{where} is broken: its members make no {entry['kty']} key") from None
    if key.Algorithm.check_key_length(key.key):
        raise BadKeys(
            f"{where} is too weak; RSA needs 2048 bits, a secret {MIN_SECRET_BYTES} bytes or more"
        )
    return key


def local_secret(data_dir: Path) -> bytes:
    """Return the secret of the data folder, which signs the tokens of this machine.

    It is made on first use, readable by the owner alone. Of two processes that start at once, one
    makes it and both return the same.

    Raises:
        BadKeys: the file cannot be read or made, others may read it, or it is too short.
    """
    path = data_dir / "local.secret"
    try:
        if not path.exists():
            _make_secret(path)
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            secret = file.read().strip()
    except OSError as error:
        raise BadKeys(f"cannot use the secret {path}: {error.strerror}") from error
    if stat.S_IMODE(mode) & 0o077:
        raise BadKeys(
            f"others may read the secret {path} (mode {stat.S_IMODE(mode):04o}); delete it to get a"
            " new one, or if nobody has read it, run `chmod 600` on it"
        )
    if len(secret) < MIN_SECRET_BYTES:
        raise BadKeys(
            f"the secret {path} has {len(secret)} bytes, it needs {MIN_SECRET_BYTES}; delete it to get a new one"
        )
    return secret


def _make_secret(path: Path) -> None:
    """Put a whole, stored file in place, unless another process was first."""
    descriptor, draft = tempfile.mkstemp(prefix=f"{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(MIN_SECRET_BYTES) + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            return
        _store_names(path.parent)
    finally:
        Path(draft).unlink()


def _store_names(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
