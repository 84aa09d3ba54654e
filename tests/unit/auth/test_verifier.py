import json
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from errandry.auth.keys import KeySource
from errandry.auth.verifier import TokenVerifier
from errandry.errors import NotAuthenticated
from errandry.principal import AGENT_SCOPES, SCOPES, Principal
from support.refused_tokens import refused_tokens
from support.tokens import LOCAL, Issuer, base64url, claims, compact, hmac_with, local_token

RESOURCE = "https://tasks.example"
SECRET = b"a secret of the local issuer, long enough"
OLD, NEW = (
    b"the old secret of this server, long enough",
    b"the new secret, which is as long as that",
)
THEIRS = Issuer()
REFUSED = refused_tokens(SECRET, RESOURCE, THEIRS)


@pytest.fixture(scope="module")
def verifier(tmp_path_factory: pytest.TempPathFactory) -> TokenVerifier:
    jwk_set = tmp_path_factory.mktemp("keys") / "jwks.json"
    jwk_set.write_text(json.dumps(THEIRS.jwk_set))
    sources = (
        KeySource.from_secret(LOCAL, SECRET, max_days=365),
        KeySource.from_jwk_set(THEIRS.name, jwk_set, max_days=1),
    )
    return TokenVerifier(sources, RESOURCE)


@pytest.mark.parametrize("fault", REFUSED)
def test_a_forged_or_broken_token_is_refused(verifier: TokenVerifier, fault: str) -> None:
    with pytest.raises(NotAuthenticated) as refused:
        verifier.verify(REFUSED[fault])
    assert refused.value.__cause__ is None


def test_the_table_of_refused_tokens_is_long_and_without_twins() -> None:
    assert len(set(REFUSED.values())) == len(REFUSED) >= 69


def test_a_good_token_names_its_holder_its_scopes_and_its_end(verifier: TokenVerifier) -> None:
    expires_at = int(time.time()) + 60
    verified = verifier.verify(local_token(SECRET, RESOURCE, exp=expires_at))
    assert verified.principal == Principal(LOCAL, "mallory")
    assert verified.principal.scopes == frozenset(SCOPES)
    assert verified.expires_at == datetime.fromtimestamp(expires_at, UTC)


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
def test_a_token_signed_with_a_public_key_of_the_set_is_accepted(
    verifier: TokenVerifier, algorithm: str
) -> None:
    token = THEIRS.tokens(RESOURCE)[algorithm]
    assert verifier.verify(token).principal == Principal(THEIRS.name, "mallory")


@pytest.mark.parametrize(
    "audience",
    [
        RESOURCE,
        f"{RESOURCE}/",
        f"{RESOURCE}/mcp",
        "urn:errandry:local",
        ["https://elsewhere.example", RESOURCE],
    ],
)
def test_an_audience_of_this_server_is_accepted(
    verifier: TokenVerifier, audience: str | list[str]
) -> None:
    verifier.verify(local_token(SECRET, RESOURCE, aud=audience))


@pytest.mark.parametrize("kind", ["JWT", "jwt", "at+jwt", "application/at+jwt"])
def test_a_typ_of_an_access_token_is_accepted(verifier: TokenVerifier, kind: str) -> None:
    verifier.verify(compact({"alg": "HS256", "typ": kind}, claims(RESOURCE), hmac_with(SECRET)))


def test_a_token_without_typ_is_accepted(verifier: TokenVerifier) -> None:
    verifier.verify(compact({"alg": "HS256"}, claims(RESOURCE), hmac_with(SECRET)))


def test_headers_that_point_to_keys_change_nothing(verifier: TokenVerifier) -> None:
    header = {"alg": "HS256", "jku": "http://127.0.0.1:9/k", "x5u": "http://127.0.0.1:9/k"}
    verifier.verify(compact(header, claims(RESOURCE), hmac_with(SECRET)))


@pytest.mark.parametrize(
    "change",
    [
        {"scope": "tasks:read tasks:write commands:read"},
        {"scope": ..., "scp": ["tasks:read", "tasks:write", "commands:read"]},
        {"scope": "tasks:read", "scp": ["tasks:write", "commands:read"]},
        {"scope": "tasks:read tasks:write commands:read openid Admin admin,x"},
    ],
)
def test_known_scopes_come_from_scope_and_scp(
    verifier: TokenVerifier, change: dict[str, object]
) -> None:
    token = local_token(SECRET, RESOURCE, **change)
    assert verifier.verify(token).principal.scopes == AGENT_SCOPES


def test_a_token_without_scopes_is_accepted_and_may_do_nothing(verifier: TokenVerifier) -> None:
    token = local_token(SECRET, RESOURCE, scope=...)
    assert verifier.verify(token).principal.scopes == frozenset()


def test_clocks_may_differ_by_the_leeway(verifier: TokenVerifier) -> None:
    now = int(time.time())
    verifier.verify(local_token(SECRET, RESOURCE, iat=now - 60, exp=now - 10))
    verifier.verify(local_token(SECRET, RESOURCE, iat=now + 10, nbf=now + 10))


def test_without_leeway_an_expired_token_is_refused() -> None:
    strict = TokenVerifier((KeySource.from_secret(LOCAL, SECRET, 1),), RESOURCE, leeway_s=0)
    now = int(time.time())
    with pytest.raises(NotAuthenticated, match="it has expired"):
        strict.verify(local_token(SECRET, RESOURCE, iat=now - 60, exp=now - 10))


def test_the_limit_of_lifetime_belongs_to_the_key() -> None:
    configured = b"the secret from the configuration, long enough"
    both = TokenVerifier(
        (
            KeySource.from_secret(LOCAL, SECRET, max_days=365),
            KeySource.from_secret(LOCAL, configured, max_days=1),
        ),
        RESOURCE,
    )
    month = int(time.time()) + 30 * 86_400
    both.verify(local_token(SECRET, RESOURCE, exp=month))
    both.verify(local_token(configured, RESOURCE))
    with pytest.raises(NotAuthenticated, match="at most 86400 s"):
        both.verify(local_token(configured, RESOURCE, exp=month))


def test_without_sources_every_token_is_refused() -> None:
    with pytest.raises(NotAuthenticated):
        TokenVerifier((), RESOURCE).verify(local_token(SECRET, RESOURCE))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"exp": 1, "iat": 0}, "it has expired"),
        ({"nbf": 2**33}, "it is not valid yet"),
        ({"aud": "https://elsewhere.example"}, "it is meant for another audience"),
        ({"iss": "somebody:else"}, "no key that this server trusts has signed it"),
        ({"sub": ...}, "it has no sub"),
        ({"jti": 1}, "it cannot be checked"),
    ],
)
def test_the_message_says_why_and_nothing_else(
    verifier: TokenVerifier, change: dict[str, object], reason: str
) -> None:
    with pytest.raises(NotAuthenticated) as refused:
        verifier.verify(local_token(SECRET, RESOURCE, **change))
    assert refused.value.message == f"The token is not accepted: {reason}"


def secrets_by_kid(path: Path, **secrets: bytes) -> KeySource:
    keys = [{"kty": "oct", "kid": kid, "k": base64url(secret)} for kid, secret in secrets.items()]
    path.write_text(json.dumps({"keys": keys}))
    return KeySource.from_jwk_set(LOCAL, path, max_days=1)


def test_secrets_are_rotated_by_kid(tmp_path: Path) -> None:
    path = tmp_path / "jwks.json"

    def token(kid: str, secret: bytes) -> str:
        return compact({"alg": "HS256", "kid": kid}, claims(RESOURCE), hmac_with(secret))

    during = TokenVerifier((secrets_by_kid(path, old=OLD, new=NEW),), RESOURCE)
    during.verify(token("old", OLD))
    during.verify(token("new", NEW))
    with pytest.raises(NotAuthenticated):
        during.verify(token("old", NEW))
    after = TokenVerifier((secrets_by_kid(path, new=NEW),), RESOURCE)
    after.verify(token("new", NEW))
    with pytest.raises(NotAuthenticated):
        after.verify(token("old", OLD))


def test_a_token_without_kid_is_tried_with_every_key(tmp_path: Path) -> None:
    verifier = TokenVerifier((secrets_by_kid(tmp_path / "jwks.json", old=OLD, new=NEW),), RESOURCE)
    verifier.verify(local_token(OLD, RESOURCE))
    verifier.verify(local_token(NEW, RESOURCE))
