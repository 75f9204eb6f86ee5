"""Files by night: half ones wait, the same one counts once, missing ones are told, reading goes on where it stopped."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from connector_kit.files import MAX_LINE_BYTES, Expected, Lines, Look, Lying, missing, whole
from hypothesis import given
from hypothesis import strategies as st

VIENNA = ZoneInfo("Europe/Vienna")
AT = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
LATER = AT + timedelta(seconds=60)


def look(at: datetime, **sizes: int) -> Look:
    return Look(at, {name: Lying(name, size, 100) for name, size in sizes.items()})


def names(found: list[Lying]) -> list[str]:
    return [one.name for one in found]


def test_a_file_that_grows_waits() -> None:
    assert names(whole(look(AT, a=10, b=10), look(LATER, b=10, a=11, c=5), apart_s=30)) == ["b"]


def test_two_looks_at_once_say_nothing() -> None:
    assert whole(look(AT, a=10), look(AT, a=10), apart_s=30) == []


def test_an_empty_file_is_one_that_was_just_begun() -> None:
    assert whole(look(AT, a=0), look(LATER, a=0), apart_s=30) == []


def test_where_there_are_markers_they_alone_count() -> None:
    now = Look(AT, {name: Lying(name, 1, 1) for name in ("b.csv", "b.csv.ok", "a.csv", "c.csv.ok")})
    assert names(whole(Look(AT), now, apart_s=30, marker=".ok")) == ["b.csv"]


def test_what_did_not_come_is_told_once_it_is_late() -> None:
    nightly = Expected("dogs-%Y%m%d.csv", time(5), VIENNA)
    early, late = datetime(2026, 11, 23, 3, 59, tzinfo=UTC), datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
    seen, since = {"dogs-20261121.csv"}, date(2026, 11, 21)
    assert missing(nightly, seen, since=since, now=early) == ["dogs-20261122.csv"]
    assert missing(nightly, seen, since=since, now=late) == ["dogs-20261122.csv", "dogs-20261123.csv"]
    assert missing(nightly, (), since=date(2026, 11, 24), now=late) == []


@given(st.lists(st.text(st.characters(codec="iso-8859-15", exclude_characters="\n\r")), max_size=20), st.data())
def test_lines_are_the_same_however_they_are_cut_and_wherever_reading_goes_on(
    texts: list[str], data: st.DataObject
) -> None:
    content = "".join(f"{text}\r\n" for text in texts).encode("iso-8859-15")
    lines, found = Lines("iso-8859-15"), []
    rest = content
    while rest:
        size = data.draw(st.integers(1, len(rest)))
        found += list(lines.feed(rest[:size]))
        rest = rest[size:]
    found += list(lines.end())
    assert [line.text for line in found] == texts
    if found:
        kept = data.draw(st.sampled_from(found))
        again = Lines("iso-8859-15", kept.ends_at, kept.number)
        assert list(again.feed(content[kept.ends_at :])) == found[kept.number :]


def test_a_last_line_without_its_end_is_one() -> None:
    lines = Lines("utf-8")
    assert [one.text for one in [*lines.feed(b"a\nb"), *lines.end()]] == ["a", "b"]


def test_a_line_in_another_charset_is_told_and_the_next_one_is_read() -> None:
    lines = Lines("utf-8")
    assert [one.text for one in lines.feed("Öztürk\n".encode("iso-8859-15") + b"ok\n")] == [None, "ok"]


def test_a_file_without_lines_is_not_read_into_memory() -> None:
    lines = Lines("utf-8")
    with pytest.raises(ValueError, match="line 1 has more than"):
        list(lines.feed(b"x" * (MAX_LINE_BYTES + 1)))
