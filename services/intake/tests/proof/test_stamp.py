"""Stamps: genuine ones say what they said when they were made, all others are refused with a code."""

from datetime import UTC, date, datetime

import base45
import pytest
from hypothesis import given
from hypothesis import strategies as st
from intake.domain.proof import Claims
from intake.domain.refusals import STAMP_FORGED, STAMP_OF_OTHERS, STAMP_UNREADABLE
from intake.domain.status import status_list
from intake.proof.authority import Authority, Trust, new_authority
from intake.proof.stamp import read_list, read_stamp, sign_list, stamp
from pydantic import SecretStr
from wanderamt.kernel.refusal import Refusal

NOW = datetime(2026, 6, 1, 9, 30, tzinfo=UTC)
CLAIMS = Claims("at-linz", "UK-2026-0000123-4", bytes(range(32)), 77, NOW, date(2026, 12, 31))


@pytest.mark.parametrize("claims", [CLAIMS, Claims("at-linz", "UK-2026-0000001-1", bytes(32), 0, NOW)])
def test_a_stamp_reads_as_it_was_made(authority: Authority, claims: Claims) -> None:
    assert read_stamp(stamp(claims, authority), [authority.trust]) == claims


def test_a_stamp_is_small_enough_for_a_corner_of_the_page(authority: Authority) -> None:
    assert len(stamp(CLAIMS, authority)) < 350  # version 11 at level M, 61 modules a side


def test_every_changed_sign_is_found(authority: Authority) -> None:
    text = stamp(CLAIMS, authority)
    for place, sign in enumerate(text):
        changed = text[:place] + ("B" if sign == "A" else "A") + text[place + 1 :]
        assert isinstance(read_stamp(changed, [authority.trust]), Refusal), f"sign {place}"


def test_every_flipped_bit_of_a_status_list_is_found(authority: Authority) -> None:
    token = sign_list(status_list([3], papers=20, as_of=NOW), authority)
    for place in range(len(token) * 8):
        changed = bytearray(token)
        changed[place // 8] ^= 1 << place % 8
        assert isinstance(read_list(bytes(changed), [authority.trust]), Refusal), f"bit {place}"


def test_a_stamp_of_another_authority_is_not_called_forged(authority: Authority, stranger: Trust) -> None:
    assert read_stamp(stamp(CLAIMS, authority), [stranger]) is STAMP_OF_OTHERS


def test_a_stamp_under_a_stolen_name_is_forged(authority: Authority) -> None:
    key, certificate = new_authority("Stadt Linz", now=NOW)
    forger = Authority.read("at-linz", SecretStr(key), certificate)
    token = base45.b45decode(stamp(CLAIMS, forger).removeprefix("WA1:"))
    renamed = token.replace(forger.trust.key_id, authority.trust.key_id)
    assert read_stamp("WA1:" + base45.b45encode(renamed).decode(), [authority.trust]) is STAMP_FORGED


def test_a_status_list_is_no_stamp_and_a_stamp_no_list(authority: Authority) -> None:
    listed = sign_list(status_list([], papers=8, as_of=NOW), authority)
    as_stamp = "WA1:" + base45.b45encode(listed).decode()
    assert read_stamp(as_stamp, [authority.trust]) is STAMP_UNREADABLE
    as_list = base45.b45decode(stamp(CLAIMS, authority).removeprefix("WA1:"))
    assert read_list(as_list, [authority.trust]) is STAMP_UNREADABLE


@given(st.text() | st.text(alphabet="0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:").map("WA1:".__add__))
def test_whatever_a_scanner_reads_gets_an_answer(authority: Authority, text: str) -> None:
    assert isinstance(read_stamp(text, [authority.trust]), Refusal)


def test_a_list_reads_as_it_was_signed(authority: Authority) -> None:
    listed = status_list([0, 5, 99], papers=100, as_of=NOW)
    assert read_list(sign_list(listed, authority), [authority.trust]) == listed
