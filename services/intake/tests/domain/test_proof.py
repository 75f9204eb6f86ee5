"""What a stamp is worth today, and the list of papers that were taken back."""

import base64
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from intake.domain.proof import LIST_GOOD_FOR, Claims, Standing, content_hash, standing
from intake.domain.status import MAX_BYTES, StatusList, pack, status_list, unpack

NOW = datetime(2026, 6, 1, 9, 30, tzinfo=UTC)
CLAIMS = Claims("at-linz", "UK-2026-0000123-4", bytes(32), 7, NOW, date(2026, 12, 31))


def test_the_published_example_of_a_status_list() -> None:
    revoked = [0, 3, 4, 5, 7, 8, 9, 13, 15]
    listed = status_list(revoked, papers=16, as_of=NOW)
    assert listed.bits == bytes([0xB9, 0xA3])
    assert base64.urlsafe_b64encode(pack(listed)).rstrip(b"=") == b"eNrbuRgAAhcBXQ"


@given(st.sets(st.integers(0, 4999)))
def test_a_list_holds_what_was_put_in(revoked: set[int]) -> None:
    listed = unpack(pack(status_list(revoked, papers=5000, as_of=NOW)), as_of=NOW)
    assert {index for index in range(5000) if index in listed} == revoked
    assert not listed.covers(-1)
    assert not listed.covers(5000)


@pytest.mark.parametrize("packed", [b"", b"nonsense", pack(StatusList(bytes(MAX_BYTES + 1), NOW))])
def test_a_list_that_is_none_or_grows_without_bound_is_refused(packed: bytes) -> None:
    with pytest.raises(ValueError, match="status list"):
        unpack(packed, as_of=NOW)


def test_a_paper_that_was_taken_back_stays_so_however_old_the_list() -> None:
    revoked = status_list([7], papers=8, as_of=NOW - timedelta(days=300))
    assert standing(CLAIMS, revoked, now=NOW) is Standing.REVOKED


def test_a_paper_is_valid_only_by_a_new_list() -> None:
    assert standing(CLAIMS, status_list([], papers=8, as_of=NOW), now=NOW) is Standing.VALID
    assert standing(CLAIMS, None, now=NOW) is Standing.UNKNOWN
    old = status_list([], papers=8, as_of=NOW - LIST_GOOD_FOR - timedelta(seconds=1))
    assert standing(CLAIMS, old, now=NOW) is Standing.UNKNOWN


def test_a_paper_made_after_the_list_is_not_called_valid() -> None:
    assert standing(CLAIMS, status_list([], papers=7 - 7, as_of=NOW), now=NOW) is Standing.UNKNOWN


def test_a_paper_runs_out_at_the_end_of_its_last_day() -> None:
    listed = status_list([], papers=8, as_of=datetime(2027, 1, 1, tzinfo=UTC))
    assert standing(CLAIMS, listed, now=datetime(2026, 12, 31, 23, 0, tzinfo=UTC)) is Standing.VALID
    assert standing(CLAIMS, listed, now=datetime(2027, 1, 1, tzinfo=UTC)) is Standing.EXPIRED


def test_what_is_printed_decides_the_hash_not_how_it_is_encoded() -> None:
    composed, decomposed = {"family_name": "Müller"}, {"family_name": "Mu\u0308ller"}
    assert content_hash(composed) == content_hash(decomposed)
    assert content_hash({"a": "1", "b": "2"}) == content_hash({"b": "2", "a": "1"})
    assert content_hash({"a": "1", "b": "2"}) != content_hash({"a": "12", "b": ""})
