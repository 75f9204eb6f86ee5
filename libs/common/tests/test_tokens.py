"""Which access tokens count: times, lifetime, and what each trusted key may sign."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey
from uuid_utils.compat import uuid7
from wanderamt.backbone.environment import utc_now
from wanderamt.kernel.refusal import Refusal
from wanderamt.security.roles import Role
from wanderamt.security.tokens import MAX_LIFETIME, Principal, TokenSigner, TokenVerifier, generate_key_pair

SIGN_IN, SIGN_IN_PUBLIC = generate_key_pair()
SESSION, SESSION_PUBLIC = generate_key_pair()
HOUR = 3600


def verifier(max_lifetime: timedelta = MAX_LIFETIME) -> TokenVerifier:
    return TokenVerifier(SIGN_IN_PUBLIC, audience="intake", session_pems=[SESSION_PUBLIC], max_lifetime=max_lifetime)


def signed(changes: Mapping[str, object], *, key: str = SIGN_IN) -> str:
    """A token of the sign-in with these claims; None leaves a claim out."""
    now = int(utc_now().timestamp())
    claims: dict[str, Any] = {
        "iss": "wanderamt", "aud": "intake", "sub": "c", "roles": ["clerk"], "iat": now, "exp": now + HOUR,
    }  # fmt: skip
    claims = {name: value for name, value in {**claims, **changes}.items() if value is not None}
    return jwt.encode({"alg": "ES256"}, claims, ECKey.import_key(key), algorithms=["ES256"])


def outcome(token: str, tokens: TokenVerifier | None = None) -> str:
    """The code of the refusal; empty if the token counts."""
    result = (tokens or verifier()).verify(token, now=utc_now())
    return result.code if isinstance(result, Refusal) else ""


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({}, ""),
        ({"iat": -12 * HOUR + 60, "exp": 60}, ""),
        ({"iat": 0, "exp": 12 * HOUR}, ""),
        ({"iat": 0, "exp": 12 * HOUR + 1}, "token.lifetime"),
        ({"iat": 0, "exp": 10 * 365 * 24 * HOUR}, "token.lifetime"),
        ({"iat": -365 * 24 * HOUR, "exp": HOUR}, "token.lifetime"),
        ({"iat": 120, "exp": HOUR}, "token.not_yet"),
        ({"iat": 10, "exp": HOUR}, ""),
        ({"nbf": 120}, "token.not_yet"),
        ({"nbf": -120}, ""),
        ({"exp": -31}, "token.expired"),
        ({"exp": -10, "iat": -60}, ""),
    ],
)
def test_the_times_of_a_token_decide(changes: dict[str, int], code: str) -> None:
    now = int(utc_now().timestamp())
    assert outcome(signed({name: now + offset for name, offset in changes.items()})) == code


@pytest.mark.parametrize("name", ["iat", "exp", "nbf"])
@pytest.mark.parametrize("value", ["soon", "9999999999", True, [], float("nan"), float("inf"), 10**400])
def test_a_time_that_is_no_number_is_refused(name: str, value: object) -> None:
    assert outcome(signed({name: value})) == "token.invalid"


@pytest.mark.parametrize("name", ["iat", "exp", "iss", "aud", "sub", "roles"])
def test_a_token_without_one_of_its_claims_is_refused(name: str) -> None:
    assert outcome(signed({name: None})) == "token.invalid"


def test_the_operator_may_allow_shorter_lifetimes_only() -> None:
    now = int(utc_now().timestamp())
    token = signed({"iat": now, "exp": now + 2 * HOUR})
    assert outcome(token, verifier(timedelta(hours=1))) == "token.lifetime"
    assert outcome(token, verifier(timedelta(hours=2))) == ""


def test_a_token_that_was_verified_before_still_expires() -> None:
    tokens, token = verifier(), signed({})
    for later, expected in ((timedelta(), None), (timedelta(hours=1, seconds=31), "token.expired")):
        result = tokens.verify(token, now=utc_now() + later)
        assert (result.code if isinstance(result, Refusal) else None) == expected


SESSION_CLAIMS: dict[str, object] = {"device": str(uuid7()), "stand": str(uuid7()), "cnf": {"jkt": "a" * 43}}


@pytest.mark.parametrize(
    "changes",
    [
        *({"roles": roles} for roles in ([], ["operator"], ["planner"], ["clerk", "operator"])),
        *({name: None} for name in SESSION_CLAIMS),
        {"cnf": {"jkt": ""}},
        {"cnf": {}},
        {"cnf": "x"},
    ],
    ids=str,
)
def test_the_key_of_sessions_signs_nothing_but_sessions(changes: dict[str, object]) -> None:
    assert outcome(signed(SESSION_CLAIMS, key=SESSION)) == ""
    assert outcome(signed(SESSION_CLAIMS | changes, key=SESSION)) == "token.invalid"


def test_a_session_lasts_a_shift_whatever_the_sign_in_may_sign() -> None:
    now = int(utc_now().timestamp())
    shift = signed(SESSION_CLAIMS | {"iat": now, "exp": now + 12 * HOUR}, key=SESSION)
    assert outcome(shift, verifier(timedelta(hours=1))) == ""
    longer = signed(SESSION_CLAIMS | {"iat": now, "exp": now + 13 * HOUR}, key=SESSION)
    assert outcome(longer) == "token.lifetime"


def test_every_role_of_the_sign_in_counts() -> None:
    for role in Role:
        token = TokenSigner(SIGN_IN).sign(
            Principal("o", frozenset({role})), audience="intake", now=utc_now(), lifetime=MAX_LIFETIME
        )
        assert outcome(token) == ""
