"""The status of a document, and the list of revoked documents."""

import base64
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from intake.domain.document_status import STATUS_LIST_MAX_AGE, Claims, DocumentStatus, document_status
from intake.domain.status_list import MAX_BYTES, StatusList, build_status_list, pack, unpack

NOW = datetime(2026, 6, 1, 9, 30, tzinfo=UTC)
CLAIMS = Claims("at-linz", "UK-2026-0000123-4", bytes(32), 7, NOW, date(2026, 12, 31))


def test_the_published_example_of_a_status_list() -> None:
    revoked = [0, 3, 4, 5, 7, 8, 9, 13, 15]
    listed = build_status_list(revoked, size=16, as_of=NOW)
    assert listed.bits == bytes([0xB9, 0xA3])
    assert base64.urlsafe_b64encode(pack(listed)).rstrip(b"=") == b"eNrbuRgAAhcBXQ"


@given(st.sets(st.integers(0, 4999)))
def test_a_status_list_returns_the_stored_bits(revoked: set[int]) -> None:
    listed = unpack(pack(build_status_list(revoked, size=5000, as_of=NOW)), as_of=NOW)
    assert {index for index in range(5000) if index in listed} == revoked
    assert not listed.covers(-1)
    assert not listed.covers(5000)


@pytest.mark.parametrize("packed", [b"", b"nonsense", pack(StatusList(bytes(MAX_BYTES + 1), NOW))])
def test_an_invalid_or_exploding_status_list_is_refused(packed: bytes) -> None:
    with pytest.raises(ValueError, match="status list"):
        unpack(packed, as_of=NOW)


def test_a_revoked_document_stays_revoked_whatever_the_age_of_the_list() -> None:
    revoked = build_status_list([7], size=8, as_of=NOW - timedelta(days=300))
    assert document_status(CLAIMS, revoked, now=NOW) is DocumentStatus.REVOKED


def test_a_document_is_valid_only_by_a_recent_list() -> None:
    assert document_status(CLAIMS, build_status_list([], size=8, as_of=NOW), now=NOW) is DocumentStatus.VALID
    assert document_status(CLAIMS, None, now=NOW) is DocumentStatus.UNKNOWN
    old = build_status_list([], size=8, as_of=NOW - STATUS_LIST_MAX_AGE - timedelta(seconds=1))
    assert document_status(CLAIMS, old, now=NOW) is DocumentStatus.UNKNOWN


def test_a_document_issued_after_the_list_is_not_reported_valid() -> None:
    assert document_status(CLAIMS, build_status_list([], size=7 - 7, as_of=NOW), now=NOW) is DocumentStatus.UNKNOWN


def test_a_document_expires_at_the_end_of_its_last_day() -> None:
    listed = build_status_list([], size=8, as_of=datetime(2027, 1, 1, tzinfo=UTC))
    assert document_status(CLAIMS, listed, now=datetime(2026, 12, 31, 23, 0, tzinfo=UTC)) is DocumentStatus.VALID
    assert document_status(CLAIMS, listed, now=datetime(2027, 1, 1, tzinfo=UTC)) is DocumentStatus.EXPIRED
