"""QR seals: a genuine seal returns its claims, any other is refused with a code."""

from dataclasses import replace
from datetime import UTC, date, datetime

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from intake.domain.document_status import HOLDER_MAX_BYTES, KIND_MAX_BYTES, MAIN_MAX_BYTES, Claims, shorten
from intake.domain.refusals import SEAL_FORGED, SEAL_KEY_UNKNOWN, SEAL_UNREADABLE
from intake.domain.status_list import build_status_list
from intake.signing import base45
from intake.signing.authority import Authority, TrustedCertificate, new_authority
from intake.signing.cwt import sign_token
from intake.signing.qr_seal import (
    SEAL,
    SealTooLongError,
    create_seal,
    sign_status_list,
    verify_seal,
    verify_status_list,
)
from pydantic import SecretStr
from wanderamt.kernel.refusal import Refusal

NOW = datetime(2026, 6, 1, 9, 30, tzinfo=UTC)
CLAIMS = Claims("at-linz", "UK-2026-0000123-4", bytes(range(32)), 77, NOW, date(2026, 12, 31))


NAMED = replace(CLAIMS, holder="Zoë Hadžić 01.04.1990", kind="Meldebestätigung", main="Hauptwohnsitz: Landstraße 12")


@pytest.mark.parametrize("claims", [CLAIMS, NAMED, Claims("at-linz", "UK-2026-0000001-1", bytes(32), 0, NOW)])
def test_a_seal_is_read_back_unchanged(authority: Authority, claims: Claims) -> None:
    assert verify_seal(create_seal(claims, authority), [authority.certificate]) == claims


def test_a_seal_is_small_enough_for_a_corner_of_the_page(authority: Authority) -> None:
    assert len(create_seal(CLAIMS, authority)) < 350  # version 11 at level M, 61 modules a side
    assert len(create_seal(NAMED, authority)) < 480


def test_no_seal_is_made_that_nobody_could_verify(authority: Authority) -> None:
    long = replace(CLAIMS, holder="\u1e00" * 401)
    with pytest.raises(SealTooLongError):
        create_seal(long, authority)
    holder, kind, main = (shorten(long.holder, size) for size in (HOLDER_MAX_BYTES, KIND_MAX_BYTES, MAIN_MAX_BYTES))
    short = replace(CLAIMS, holder=holder, kind=kind, main=main)
    text = create_seal(short, authority)
    assert verify_seal(text, [authority.certificate]) == short
    assert len(text) < 1400  # version 25 at level M: 125 modules with the quiet zone, 43 mm wide


def test_a_seal_of_an_earlier_release_stays_valid_and_names_no_kind(authority: Authority) -> None:
    body: dict[int, object] = {
        1: "at-linz",
        2: "UK-2026-0000123-4",
        6: 1780306200,
        -65537: bytes(32),
        -65538: "Ada Lovelace",
    }
    body[65535] = {"status_list": {"idx": 77}}
    token = sign_token(body, SEAL, authority.key, authority.certificate.key_id)
    claims = verify_seal("WA1:" + base45.encode(token), [authority.certificate])
    assert isinstance(claims, Claims)
    assert (claims.number, claims.holder, claims.kind, claims.main) == ("UK-2026-0000123-4", "Ada Lovelace", "", "")


def test_every_changed_character_is_detected(authority: Authority) -> None:
    text = create_seal(CLAIMS, authority)
    for place, sign in enumerate(text):
        changed = text[:place] + ("B" if sign == "A" else "A") + text[place + 1 :]
        assert isinstance(verify_seal(changed, [authority.certificate]), Refusal), f"sign {place}"


def test_every_flipped_bit_of_a_status_list_is_detected(authority: Authority) -> None:
    token = sign_status_list(build_status_list([3], size=20, as_of=NOW), authority)
    for place in range(len(token) * 8):
        changed = bytearray(token)
        changed[place // 8] ^= 1 << place % 8
        assert isinstance(verify_status_list(bytes(changed), [authority.certificate]), Refusal), f"bit {place}"


def test_a_seal_of_another_authority_is_not_reported_as_forged(
    authority: Authority, other_authority: TrustedCertificate
) -> None:
    assert verify_seal(create_seal(CLAIMS, authority), [other_authority]) is SEAL_KEY_UNKNOWN


def test_a_seal_under_a_stolen_name_is_forged(authority: Authority) -> None:
    key, certificate = new_authority("Stadt Linz", now=NOW)
    forger = Authority.load("at-linz", SecretStr(key), certificate)
    token = base45.decode(create_seal(CLAIMS, forger).removeprefix("WA1:"))
    renamed = token.replace(forger.certificate.key_id, authority.certificate.key_id)
    assert verify_seal("WA1:" + base45.encode(renamed), [authority.certificate]) is SEAL_FORGED


def test_a_status_list_is_no_seal_and_a_seal_is_no_status_list(authority: Authority) -> None:
    listed = sign_status_list(build_status_list([], size=8, as_of=NOW), authority)
    as_stamp = "WA1:" + base45.encode(listed)
    assert verify_seal(as_stamp, [authority.certificate]) is SEAL_UNREADABLE
    as_list = base45.decode(create_seal(CLAIMS, authority).removeprefix("WA1:"))
    assert verify_status_list(as_list, [authority.certificate]) is SEAL_UNREADABLE


@given(st.text() | st.text(alphabet="0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:").map("WA1:".__add__))
def test_any_scanned_text_gets_an_answer(authority: Authority, text: str) -> None:
    assert isinstance(verify_seal(text, [authority.certificate]), Refusal)


def test_a_status_list_is_read_back_unchanged(authority: Authority) -> None:
    listed = build_status_list([0, 5, 99], size=100, as_of=NOW)
    assert verify_status_list(sign_status_list(listed, authority), [authority.certificate]) == listed


@pytest.mark.parametrize(
    "token",
    [
        b"\x81" * 900,  # nested too deeply
        bytes.fromhex("d8641bffffffffffffffff"),  # a day too far away for a date
        bytes.fromhex("d28458b1a401260448918b0a4828e28c5710781f6170"),  # cut
        b"\xd2\x84" + cbor2.dumps(cbor2.dumps(cbor2.CBORTag(4, [2**40, "x"]))) + b"\xa0\x40\x40",
        b"\xd2\x84" + cbor2.dumps(b"\xd8\x1e\x82\xf9\x7c\x00\x00") + b"\xa0\x40\x40",  # infinity over nothing
    ],
)
def test_what_is_no_token_is_unreadable(authority: Authority, token: bytes) -> None:
    assert verify_seal(f"WA1:{base45.encode(token)}", [authority.certificate]) is SEAL_UNREADABLE
