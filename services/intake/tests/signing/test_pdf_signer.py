"""Signed PDFs: exactly one signature of the authority, over every byte."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from intake.domain.refusals import FILE_UNREADABLE, SIGNATURE_BROKEN, SIGNATURE_MISSING
from intake.signing.authority import Authority, TrustedCertificate
from intake.signing.pdf_signer import PdfSigner, check_signature
from wanderamt.kernel.refusal import Refusal


@pytest.fixture(scope="session")
def signed(authority: Authority, page: bytes) -> bytes:
    return PdfSigner(authority).sign(page)


def test_a_signed_file_names_its_authority(authority: Authority, signed: bytes) -> None:
    assert check_signature(signed, [authority.certificate]) == authority.certificate


def test_the_same_signer_signs_several_files(authority: Authority, page: bytes) -> None:
    signer = PdfSigner(authority)
    assert [check_signature(signer.sign(page), [authority.certificate]) for _ in range(3)] == [
        authority.certificate
    ] * 3


def test_a_file_of_another_authority_is_not_accepted(signed: bytes, other_authority: TrustedCertificate) -> None:
    assert check_signature(signed, [other_authority]) is SIGNATURE_BROKEN


def test_an_unsigned_file_is_recognised(authority: Authority, page: bytes) -> None:
    assert check_signature(page, [authority.certificate]) is SIGNATURE_MISSING


@pytest.mark.parametrize("data", [b"", b"GIF89a", b"%PDF-1.7\nnothing", b"%PDF-1.7\n%%EOF"])
def test_a_file_that_is_not_ours_is_refused(authority: Authority, data: bytes) -> None:
    assert check_signature(data, [authority.certificate]) in {FILE_UNREADABLE, SIGNATURE_BROKEN}


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_flipped_bit_is_detected(authority: Authority, signed: bytes, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(signed) * 8 - 1))
    changed = bytearray(signed)
    changed[place // 8] ^= 1 << place % 8
    assert isinstance(check_signature(bytes(changed), [authority.certificate]), Refusal)


def test_content_added_after_the_signature_is_detected(authority: Authority, signed: bytes) -> None:
    assert check_signature(signed + b"\n% added\n", [authority.certificate]) is SIGNATURE_BROKEN
