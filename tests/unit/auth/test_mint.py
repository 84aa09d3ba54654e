from datetime import timedelta

import jwt
import pytest

from errandry import clock
from errandry.auth.keys import KeySource
from errandry.auth.mint import mint
from errandry.auth.verifier import TokenVerifier
from errandry.errors import NotAuthenticated
from errandry.principal import LOCAL_AGENT
from support.tokens import LOCAL

SECRET = b"a secret of the local issuer, long enough"


def verifier(resource: str) -> TokenVerifier:
    return TokenVerifier((KeySource.from_secret(LOCAL, SECRET, max_days=365),), resource)


def test_a_minted_token_is_accepted_whatever_the_url_of_the_server() -> None:
    before = clock.now()
    token = mint(SECRET, LOCAL_AGENT.sub, LOCAL_AGENT.scopes, lifetime_s=60)
    for resource in ("http://127.0.0.1:8000", "http://127.0.0.1:9000"):
        verified = verifier(resource).verify(token)
        assert verified.principal == LOCAL_AGENT
        assert verified.principal.scopes == LOCAL_AGENT.scopes
        assert abs(verified.expires_at - before - timedelta(seconds=60)) < timedelta(seconds=30)


def test_a_token_for_one_server_is_refused_by_another() -> None:
    token = mint(SECRET, "agent", [], 60, audience="http://127.0.0.1:8000")
    verifier("http://127.0.0.1:8000").verify(token)
    with pytest.raises(NotAuthenticated, match="another audience"):
        verifier("http://127.0.0.1:9000").verify(token)


def test_a_year_is_accepted_and_more_is_not() -> None:
    year = 365 * 86_400
    verifier("x").verify(mint(SECRET, "agent", [], year))
    with pytest.raises(NotAuthenticated):
        verifier("x").verify(mint(SECRET, "agent", [], year + 1))


def test_each_token_has_its_own_id_and_the_standard_type() -> None:
    tokens = [mint(SECRET, "agent", ["admin"], 60) for _ in range(2)]
    headers = [jwt.get_unverified_header(token) for token in tokens]
    assert headers == [{"alg": "HS256", "typ": "JWT"}] * 2
    ids = {jwt.decode(token, options={"verify_signature": False})["jti"] for token in tokens}
    assert len(ids) == 2


@pytest.mark.parametrize("sub", ["", "a\nb", "x" * 256])
def test_a_subject_that_no_server_accepts_is_refused(sub: str) -> None:
    with pytest.raises(ValueError, match="1 to 255 printable characters"):
        mint(SECRET, sub, [], 60)
