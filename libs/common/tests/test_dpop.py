"""What a proof of a device's key must say (RFC 9449). That it counts once: services/intake/tests/test_enrolment.py."""

import json
from collections.abc import Mapping
from datetime import timedelta

import pytest
from joserfc import jws
from joserfc.jwk import ECKey
from wanderamt.backbone.environment import utc_now
from wanderamt.kernel.refusal import Refusal
from wanderamt.security.dpop import Origin, parse_public_address, sha256_base64url, verify_dpop_proof

PUBLIC = ("https://linz.example", "http://localhost:*", "https://other.example:8443")
KEY = ECKey.generate_key("P-256")
TOKEN = "a.b.c"
PATH = "/cases/1"
NO_IDS: tuple[object, ...] = ("", 7, ["a"], "\ud800")
NO_TIMES: tuple[object, ...] = ("soon", "1", True, [], float("nan"), float("inf"), 10**400)


def proof(
    changes: Mapping[str, object] | None = None, *, age: timedelta = timedelta(), head: dict[str, object] | None = None
) -> str:
    claims: dict[str, object] = {
        "htm": "GET",
        "htu": f"https://linz.example{PATH}",
        "iat": int((utc_now() - age).timestamp()),
        "jti": "0197c1c0",
        "ath": sha256_base64url(TOKEN),
    }
    claims = {name: value for name, value in {**claims, **(changes or {})}.items() if value is not None}
    return signed(json.dumps(claims), head)


def signed(claims: str, head: dict[str, object] | None = None) -> str:
    jwk = {name: KEY.as_dict(private=False)[name] for name in ("kty", "crv", "x", "y")}
    header = {"alg": "ES256", "typ": "dpop+jwt", "jwk": jwk} | (head or {})
    return jws.serialize_compact(header, claims.encode(), KEY)


def outcome(text: str, *, path: str = PATH, public: tuple[str, ...] = PUBLIC) -> str:
    """The code of the refusal; empty if the proof is valid."""
    addresses = [parse_public_address(address) for address in public]
    result = verify_dpop_proof(text, method="GET", path=path, token=TOKEN, now=utc_now(), addresses=addresses)
    return result.code if isinstance(result, Refusal) else ""


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("https://linz.example/cases/1", ""),
        ("https://linz.example:443/cases/1", ""),
        ("HTTPS://LINZ.example/cases/1", ""),
        ("https://linz.example/cases/1?born=1.1.2000#top", ""),
        ("http://localhost:43121/cases/1", ""),
        ("http://localhost/cases/1", ""),
        ("https://other.example:8443/cases/1", ""),
        ("https://other.example/cases/1", "proof.address"),
        ("https://linz.example:8443/cases/1", "proof.address"),
        ("http://linz.example/cases/1", "proof.address"),
        ("https://localhost:43121/cases/1", "proof.address"),
        ("https://linz.example.evil.example/cases/1", "proof.address"),
        ("https://evil.example/cases/1", "proof.address"),
        ("https://linz.example@evil.example/cases/1", "proof.wrong"),
        ("https://evil.example@linz.example/cases/1", "proof.wrong"),
        ("https://linz.example/cases/1/", "proof.wrong"),
        ("https://linz.example/cases/2", "proof.wrong"),
        ("https://linz.example/Cases/1", "proof.wrong"),
        ("https://linz.example//cases/1", "proof.wrong"),
        ("https://linz.example/cases/%31", "proof.wrong"),
        ("/cases/1", "proof.wrong"),
        ("//linz.example/cases/1", "proof.wrong"),
        ("ftp://linz.example/cases/1", "proof.wrong"),
        ("https:///cases/1", "proof.wrong"),
        ("https://[::1/cases/1", "proof.wrong"),
        ("", "proof.wrong"),
        (7, "proof.wrong"),
        (["https://linz.example/cases/1"], "proof.wrong"),
    ],
)
def test_the_address_is_one_of_the_services_own(address: object, code: str) -> None:
    assert outcome(proof({"htu": address})) == code


def test_without_a_public_address_no_proof_counts() -> None:
    assert outcome(proof(), public=()) == "proof.address"


def test_the_path_is_compared_as_it_was_sent() -> None:
    assert outcome(proof({"htu": "https://linz.example/a%2Fb%20c"}), path="/a%2Fb%20c") == ""
    assert outcome(proof({"htu": "https://linz.example/a/b%20c"}), path="/a%2Fb%20c") == "proof.wrong"


@pytest.mark.parametrize(
    ("age_s", "code"), [(0, ""), (55, ""), (62, "proof.clock"), (-25, ""), (-33, "proof.clock"), (-300, "proof.clock")]
)
def test_a_proof_is_valid_for_a_minute(age_s: int, code: str) -> None:
    assert outcome(proof(age=timedelta(seconds=age_s))) == code


@pytest.mark.parametrize(
    "changes",
    [
        *({name: None} for name in ("htm", "htu", "iat", "jti", "ath")),
        *({"jti": value} for value in NO_IDS),
        *({"iat": value} for value in NO_TIMES),
        {"htm": "POST"},
        {"htm": "get"},
        {"ath": sha256_base64url("another")},
    ],
    ids=lambda changes: str(changes)[:40],
)
def test_a_wrong_or_missing_claim_is_refused(changes: dict[str, object]) -> None:
    assert outcome(proof()) == ""
    assert outcome(proof(changes)) == "proof.wrong"


@pytest.mark.parametrize(
    "head",
    [
        {"typ": "JWT"},
        {"jwk": KEY.as_dict(private=True)},
        {"jwk": ECKey.generate_key("P-256").as_dict(private=False)},
        {"jwk": {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}},
    ],
    ids=lambda head: str(head)[:20],
)
def test_a_wrong_header_is_refused(head: dict[str, object]) -> None:
    assert outcome(proof(head=head)) == "proof.wrong"


@pytest.mark.parametrize("claims", ["[" * 2900, "[]", "7", "null", "{", '{"htm": ' + "[" * 2000])
def test_claims_that_are_no_object_are_refused(claims: str) -> None:
    assert outcome(signed(claims)) == "proof.wrong"


@pytest.mark.parametrize(
    "address",
    [
        "", "linz.example", "ftp://linz.example", "https://linz.example/field", "https://linz.example?x", "https://",
        "https://linz.example:*", "https://linz.example:x", "https://a@linz.example", "http://localhost:**",
    ],
)  # fmt: skip
def test_a_wrong_public_address_is_refused_at_the_start(address: str) -> None:
    with pytest.raises(ValueError, match=r"an address|only an address|port"):
        parse_public_address(address)


def test_public_addresses_are_compared_as_browsers_do() -> None:
    assert parse_public_address("https://Linz.Example/") == Origin("https", "linz.example", "443")
    assert parse_public_address("http://[::1]:80") == Origin("http", "[::1]", "80")
