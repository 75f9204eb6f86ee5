"""Calendars are valid, keep local time across clock changes, and show new versions and cancellations."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from icalendar import Calendar, vCategory
from scheduling.domain.stand import Stand, StandDetails, StandState, cancel, move, schedule
from scheduling.pages.calendar import calendar
from scheduling.reference_data.bookable_services import read_bookable_services
from uuid_utils.compat import uuid7
from wanderamt.contracts import Language
from wanderamt.kernel.decision import Decision
from wanderamt.kernel.ids import StandId
from wanderamt.kernel.line_text import as_line

VIENNA = ZoneInfo("Europe/Vienna")
NOW = datetime(2027, 3, 1, tzinfo=UTC)
OFFERS = read_bookable_services()


def stand(begin: datetime, details: StandDetails) -> Stand:
    dated = replace(details, starts_at=begin, ends_at=begin + timedelta(hours=4), latitude=48.3, longitude=14.29)
    made = schedule(None, StandId(uuid7()), dated, now=NOW)
    assert isinstance(made, Decision)
    return made.state


def read(*stands: Stand, language: Language = Language.DE) -> Calendar:
    body = calendar(
        stands, name="Linz", language=language, services=OFFERS, zone=VIENNA, link="https://x/visit/{id}", now=NOW
    )
    assert body.endswith(b"END:VCALENDAR\r\n")
    assert all(len(line) <= 75 for line in body.split(b"\r\n"))
    parsed = Calendar.from_ical(body)
    assert isinstance(parsed, Calendar)
    assert [measure_error for event in parsed.walk() for measure_error in event.errors] == []
    return parsed


@pytest.mark.parametrize(
    ("day", "utc_hour"), [((2027, 3, 27), 8), ((2027, 3, 29), 7), ((2027, 10, 30), 7), ((2027, 11, 1), 8)]
)
def test_nine_o_clock_is_nine_o_clock_before_and_after_the_clocks_change(
    details: StandDetails, day: tuple[int, int, int], utc_hour: int
) -> None:
    event = read(stand(datetime(*day, 9, tzinfo=VIENNA), details)).walk("VEVENT")[0]
    assert event["dtstart"].params["TZID"] == "Europe/Vienna"
    assert event.decoded("dtstart").hour == 9
    assert event.decoded("dtstart").astimezone(UTC).hour == utc_hour
    assert event.decoded("dtend") - event.decoded("dtstart") == timedelta(hours=4)


def test_a_stand_in_the_night_when_clocks_go_back_keeps_its_real_duration(details: StandDetails) -> None:
    night = stand(datetime(2027, 10, 31, 0, tzinfo=UTC), details)  # 02:00 in summer time
    event = read(night).walk("VEVENT")[0]
    begin, end = event.decoded("dtstart").astimezone(UTC), event.decoded("dtend").astimezone(UTC)
    assert (begin, end) == (night.details.starts_at, night.details.ends_at)


def test_a_calendar_contains_the_rules_of_its_time_zone(details: StandDetails) -> None:
    feed = read(stand(datetime(2027, 5, 4, 9, tzinfo=VIENNA), details))
    zones = feed.walk("VTIMEZONE")
    assert [str(zone["tzid"]) for zone in zones] == ["Europe/Vienna"]
    assert {part.name for part in zones[0].subcomponents} == {"STANDARD", "DAYLIGHT"}
    assert str(feed["method"]) == "PUBLISH"
    assert "method" not in feed.walk("VEVENT")[0]


def test_a_revision_keeps_its_uid_and_counts_up_and_a_cancelled_stand_shows_it_twice(details: StandDetails) -> None:
    first = stand(datetime(2027, 5, 4, 9, tzinfo=VIENNA), details)
    later = replace(first.details, place="Volksgarten")
    moved = move(first, later, reason="Baustelle", now=NOW + timedelta(days=1))
    assert isinstance(moved, Decision)
    gone = cancel(moved.state, reason="Sturm", now=NOW + timedelta(days=2))
    assert isinstance(gone, Decision)
    events = [read(version).walk("VEVENT")[0] for version in (first, moved.state, gone.state)]
    assert len({str(event["uid"]) for event in events}) == 1
    assert [int(str(event["sequence"])) for event in events] == [0, 1, 2]
    modified = [event.decoded("last-modified") for event in events]
    assert modified == sorted(set(modified))
    assert [str(event["status"]) for event in events] == ["CONFIRMED", "CONFIRMED", "CANCELLED"]
    assert str(events[2]["summary"]).startswith("[Abgesagt]")
    assert gone.state.state is StandState.CANCELLED


def test_hostile_texts_stay_texts(details: StandDetails) -> None:
    evil = replace(details, place="A;B,C\\n\r\nEND:VEVENT\r\nBEGIN:VEVENT", district="<script>")
    feed = read(stand(datetime(2027, 5, 4, 9, tzinfo=VIENNA), evil), language=Language.EN)
    assert len(feed.walk("VEVENT")) == 1


def test_an_empty_calendar_is_a_calendar() -> None:
    assert read().walk("VEVENT") == []


ODD = st.sampled_from('＝,;:\\"\r\n\t\0\u200b\u202e\u2028\u0085\u0301😀\ud800€')
ANY_PLACE = st.text(st.one_of(ODD, st.characters(exclude_categories=())), min_size=1, max_size=200)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=ANY_PLACE, group=ANY_PLACE)
def test_any_stored_text_gives_a_calendar_that_programs_read(details: StandDetails, place: str, group: str) -> None:
    stored = stand(NOW, replace(details, place=place, district=place, target_group=group))
    [event] = read(stored).walk("VEVENT")
    assert event["LOCATION"] == f"{as_line(place)}, {as_line(place)}"
    categories = event["CATEGORIES"]
    assert isinstance(categories, vCategory)
    assert list(categories.cats) == [as_line(group)]
