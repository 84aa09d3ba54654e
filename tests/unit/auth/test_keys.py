import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from errandry.auth.keys import BadKeys, KeySource
from support.tokens import LOCAL, Issuer, base64url

RSA, EC, ED = Issuer().jwk_set["keys"]
OCT = {"kty": "oct", "kid": "oct", "k": base64url(b"a secret of 32 bytes or even more")}


def read(path: Path, *keys: dict[str, Any]) -> KeySource:
    path.write_text(json.dumps({"keys": keys}))
    return KeySource.from_jwk_set(LOCAL, path, max_days=1)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "jwks.json"


def test_a_short_secret_is_refused() -> None:
    with pytest.raises(BadKeys, match="31 bytes; it needs at least 32"):
        KeySource.from_secret(LOCAL, b"x" * 31, max_days=1)
    assert KeySource.from_secret(LOCAL, b"x" * 32, max_days=1).max_lifetime_s == 86_400


def test_a_source_does_not_show_its_keys() -> None:
    secret = b"a secret of 32 bytes or even more"
    shown = repr(KeySource.from_secret(LOCAL, secret, max_days=1))
    assert "secret" not in shown
    assert base64url(secret) not in shown


@pytest.mark.parametrize(
    ("key", "algorithm"), [(RSA, "RS256"), (EC, "ES256"), (ED, "EdDSA"), (OCT, "HS256")]
)
def test_the_kind_of_a_key_fixes_its_algorithm(
    path: Path, key: dict[str, Any], algorithm: str
) -> None:
    assert [key.algorithm_name for key in read(path, key).keys] == [algorithm]


def test_a_key_is_found_by_algorithm_and_kid(path: Path) -> None:
    other = Issuer().jwk_set["keys"][0] | {"kid": "rsa-2"}
    nameless = {name: value for name, value in RSA.items() if name != "kid"}
    source = read(path, RSA, other, nameless, EC)

    def found(algorithm: str, kid: str | None) -> list[str | None]:
        return [key.key_id for key in source.candidates(algorithm, kid)]

    assert found("RS256", "rsa") == ["rsa", None]
    assert found("RS256", "unknown") == [None]
    assert found("RS256", None) == ["rsa", "rsa-2", None]
    assert found("ES256", "rsa") == []
    assert found("HS256", None) == []


@pytest.mark.parametrize(
    "other",
    [
        {**EC, "use": "enc"},
        {**EC, "use": None},
        {**EC, "crv": "P-384"},
        {**EC, "alg": "ES384"},
        {**RSA, "alg": "RSA-OAEP"},
        {**RSA, "alg": "PS256"},
        {**ED, "crv": "Ed448"},
        {"kty": "AKP", "alg": "ML-DSA-44"},
        {"kty": ["RSA"]},
        {},
    ],
)
def test_a_key_for_another_use_or_of_an_unknown_kind_is_left_out(
    path: Path, other: dict[str, Any]
) -> None:
    assert [key.key_id for key in read(path, other, RSA).keys] == ["rsa"]
    with pytest.raises(BadKeys, match="holds no key to check signatures with"):
        read(path, other)


def test_secrets_and_public_keys_do_not_stand_together(path: Path) -> None:
    with pytest.raises(BadKeys, match="mixes secrets"):
        read(path, OCT, RSA)


def weak_rsa() -> dict[str, Any]:
    key = rsa.generate_private_key(65537, 1024).public_key()  # noqa: S505 - weak on purpose
    return RSAAlgorithm.to_jwk(key, as_dict=True)


def private_ec() -> dict[str, Any]:
    return ECAlgorithm.to_jwk(ec.generate_private_key(ec.SECP256R1()), as_dict=True)


@pytest.mark.parametrize(
    ("key", "why"),
    [
        (weak_rsa(), "too weak"),
        ({**OCT, "k": base64url(b"x" * 31)}, "too weak"),
        ({**OCT, "k": ""}, "is broken"),
        ({"kty": "oct"}, "is broken"),
        ({**OCT, "k": 5}, "is broken"),
        ({**RSA, "n": "!"}, "is broken"),
        ({"kty": "RSA"}, "is broken"),
        ({**EC, "x": EC["y"]}, "is broken"),
        ({**ED, "x": "AA"}, "is broken"),
        ({**RSA, "kid": 5}, "has a kid that is no string"),
        (private_ec(), "is a private key"),
    ],
)
def test_a_weak_broken_or_private_key_is_refused(path: Path, key: dict[str, Any], why: str) -> None:
    with pytest.raises(BadKeys, match=why) as refused:
        read(path, RSA if key["kty"] == "EC" else EC, key)
    assert f"key 2 of {path}" in str(refused.value)
    assert refused.value.__cause__ is None


def test_a_refusal_does_not_show_the_key(path: Path) -> None:
    with pytest.raises(BadKeys) as refused:
        read(path, {**OCT, "k": "canary!" * 9, "kid": "x"})
    assert "canary" not in str(refused.value)
    assert refused.value.__suppress_context__


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"keys": {}}', '{"keys": ["x"]}', '{"keys": 1, "keys": []}']
)
def test_a_file_that_is_no_jwk_set_is_refused(path: Path, text: str) -> None:
    path.write_text(text)
    with pytest.raises(BadKeys, match="is no JWK Set"):
        KeySource.from_jwk_set(LOCAL, path, max_days=1)


def test_a_missing_file_is_refused_with_its_name(path: Path) -> None:
    with pytest.raises(BadKeys, match=f"{path}: No such file"):
        KeySource.from_jwk_set(LOCAL, path, max_days=1)
