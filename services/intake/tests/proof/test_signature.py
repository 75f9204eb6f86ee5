"""Signed files: the one signature of the authority, over every byte."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from intake.domain.refusals import FILE_UNREADABLE, SIGNATURE_BROKEN, SIGNATURE_MISSING
from intake.proof.authority import Authority, Trust
from intake.proof.signature import Pen, check_signature
from wanderamt.kernel.refusal import Refusal


@pytest.fixture(scope="session")
def signed(authority: Authority, page: bytes) -> bytes:
    return Pen(authority).sign(page)


def test_a_signed_file_names_its_authority(authority: Authority, signed: bytes) -> None:
    assert check_signature(signed, [authority.trust]) == authority.trust


def test_one_file_after_another_is_signed_by_the_same_pen(authority: Authority, page: bytes) -> None:
    pen = Pen(authority)
    assert [check_signature(pen.sign(page), [authority.trust]) for _ in range(3)] == [authority.trust] * 3


def test_a_file_of_somebody_else_is_not_accepted(signed: bytes, stranger: Trust) -> None:
    assert check_signature(signed, [stranger]) is SIGNATURE_BROKEN


def test_an_unsigned_file_is_told_apart(authority: Authority, page: bytes) -> None:
    assert check_signature(page, [authority.trust]) is SIGNATURE_MISSING


@pytest.mark.parametrize("data", [b"", b"GIF89a", b"%PDF-1.7\nnothing", b"%PDF-1.7\n%%EOF"])
def test_what_is_no_file_of_ours_is_refused(authority: Authority, data: bytes) -> None:
    assert check_signature(data, [authority.trust]) in {FILE_UNREADABLE, SIGNATURE_BROKEN}


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_flipped_bit_is_found(authority: Authority, signed: bytes, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(signed) * 8 - 1))
    changed = bytearray(signed)
    changed[place // 8] ^= 1 << place % 8
    assert isinstance(check_signature(bytes(changed), [authority.trust]), Refusal)


def test_what_was_added_after_the_signature_is_found(authority: Authority, signed: bytes) -> None:
    assert check_signature(signed + b"\n% added\n", [authority.trust]) is SIGNATURE_BROKEN
