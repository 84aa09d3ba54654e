"""Whatever comes as a token: it is refused with NotAuthenticated, or it is good."""

import json
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from errandry.auth.keys import KeySource
from errandry.auth.verifier import TokenVerifier, Verified
from errandry.errors import NotAuthenticated
from support.tokens import LOCAL, base64url, claims, compact, hmac_with, local_token

RESOURCE = "https://tasks.example"
SECRET = b"a secret of the local issuer, long enough"
GOOD = local_token(SECRET, RESOURCE)
VERIFIER = TokenVerifier((KeySource.from_secret(LOCAL, SECRET, max_days=365),), RESOURCE)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)


def verified(token: str) -> Verified | None:
    try:
        return VERIFIER.verify(token)
    except NotAuthenticated:
        return None


@given(st.text() | st.binary().map(lambda raw: raw.decode("latin-1")))
def test_any_text_is_refused(text: str) -> None:
    with pytest.raises(NotAuthenticated):
        VERIFIER.verify(text)


@given(st.lists(st.binary(max_size=60), min_size=3, max_size=3))
def test_any_three_parts_are_refused(parts: list[bytes]) -> None:
    with pytest.raises(NotAuthenticated):
        VERIFIER.verify(".".join(map(base64url, parts)))


@given(
    st.integers(0, len(GOOD) - 1),
    st.sampled_from(string.printable) | st.characters(),
    st.integers(0, 1),
)
def test_a_good_token_with_one_character_changed_or_added_is_refused(
    at: int, character: str, replaced: int
) -> None:
    mutant = GOOD[:at] + character + GOOD[at + replaced :]
    assert mutant == GOOD or verified(mutant) is None


@given(st.integers(0, len(GOOD) - 1), st.integers(1, len(GOOD)))
def test_a_good_token_with_a_piece_cut_out_is_refused(start: int, length: int) -> None:
    assert verified(GOOD[:start] + GOOD[start + length :]) is None


@given(st.dictionaries(st.sampled_from(["alg", "typ", "kid", "crit", "b64", "jwk"]), json_values))
def test_a_signed_token_with_any_header_is_refused_or_has_a_header_we_know(
    change: dict[str, object],
) -> None:
    header = {"alg": "HS256", "typ": "JWT", **change}
    found = verified(compact(header, claims(RESOURCE), hmac_with(SECRET)))
    known = header["alg"] == "HS256" and header["typ"] == "JWT" and "crit" not in header
    assert found is None or known


@given(st.sampled_from([*claims(RESOURCE), "nbf", "jti", "scp"]), json_values)
def test_a_signed_token_with_any_value_of_a_claim_is_refused_or_well_typed(
    name: str, value: object
) -> None:
    found = verified(local_token(SECRET, RESOURCE, **{name: value}))
    types: dict[str, type | tuple[type, ...]] = {
        "exp": int,
        "iat": int,
        "nbf": int,
        "scp": list,
        "aud": (str, list),
    }
    assert found is None or isinstance(value, types.get(name, str))


@given(json_values)
def test_signed_claims_that_are_any_json_are_refused(value: object) -> None:
    assert (
        verified(compact({"alg": "HS256"}, json.dumps(value).encode(), hmac_with(SECRET))) is None
    )
