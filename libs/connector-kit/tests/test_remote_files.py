"""Remote files: incomplete ones wait, missing ones are reported, reading continues at the checkpoint."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from connector_kit.files.remote_files import (
    MAX_LINE_BYTES,
    ExpectedFile,
    FolderListing,
    LineDecoder,
    RemoteFile,
    complete_files,
    missing_files,
)
from hypothesis import given
from hypothesis import strategies as st

VIENNA = ZoneInfo("Europe/Vienna")
AT = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
LATER = AT + timedelta(seconds=60)


def listing(at: datetime, **sizes: int) -> FolderListing:
    return FolderListing(at, {name: RemoteFile(name, size, 100) for name, size in sizes.items()})


def names(files: list[RemoteFile]) -> list[str]:
    return [file.name for file in files]


def test_a_growing_file_waits() -> None:
    assert names(complete_files(listing(AT, a=10, b=10), listing(LATER, b=10, a=11, c=5), stable_for_s=30)) == ["b"]


def test_two_listings_at_once_prove_nothing() -> None:
    assert complete_files(listing(AT, a=10), listing(AT, a=10), stable_for_s=30) == []


def test_an_empty_file_is_incomplete() -> None:
    assert complete_files(listing(AT, a=0), listing(LATER, a=0), stable_for_s=30) == []


def test_markers_alone_decide_where_used() -> None:
    now = FolderListing(AT, {name: RemoteFile(name, 1, 1) for name in ("b.csv", "b.csv.ok", "a.csv", "c.csv.ok")})
    assert names(complete_files(FolderListing(AT), now, stable_for_s=30, marker=".ok")) == ["b.csv"]


def test_a_missing_file_is_reported_when_overdue() -> None:
    nightly = ExpectedFile("dogs-%Y%m%d.csv", time(5), VIENNA)
    early, late = datetime(2026, 11, 23, 3, 59, tzinfo=UTC), datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
    seen, since = {"dogs-20261121.csv"}, date(2026, 11, 21)
    assert missing_files(nightly, seen, since=since, now=early) == ["dogs-20261122.csv"]
    assert missing_files(nightly, seen, since=since, now=late) == ["dogs-20261122.csv", "dogs-20261123.csv"]
    assert missing_files(nightly, (), since=date(2026, 11, 24), now=late) == []


@given(st.lists(st.text(st.characters(codec="iso-8859-15", exclude_characters="\n\r")), max_size=20), st.data())
def test_lines_do_not_depend_on_chunks_or_checkpoints(texts: list[str], data: st.DataObject) -> None:
    content = "".join(f"{text}\r\n" for text in texts).encode("iso-8859-15")
    lines, decoded = LineDecoder("iso-8859-15"), []
    rest = content
    while rest:
        size = data.draw(st.integers(1, len(rest)))
        decoded += list(lines.feed(rest[:size]))
        rest = rest[size:]
    decoded += list(lines.flush())
    assert [line.text for line in decoded] == texts
    if decoded:
        kept = data.draw(st.sampled_from(decoded))
        continued = LineDecoder("iso-8859-15", kept.ends_at, kept.number)
        assert list(continued.feed(content[kept.ends_at :])) == decoded[kept.number :]


def test_a_last_line_without_line_end_counts() -> None:
    lines = LineDecoder("utf-8")
    assert [line.text for line in [*lines.feed(b"a\nb"), *lines.flush()]] == ["a", "b"]


def test_a_line_in_a_wrong_charset_does_not_stop_reading() -> None:
    lines = LineDecoder("utf-8")
    assert [line.text for line in lines.feed("Öztürk\n".encode("iso-8859-15") + b"ok\n")] == [None, "ok"]


def test_a_file_without_line_ends_is_not_read_into_memory() -> None:
    lines = LineDecoder("utf-8")
    with pytest.raises(ValueError, match="line 1 is longer than"):
        list(lines.feed(b"x" * (MAX_LINE_BYTES + 1)))
