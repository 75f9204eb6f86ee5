"""Who is told what, on which channel and when."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from notifications.domain.deciding import House, Known, Wish, choose
from notifications.domain.kinds import RULES, Kind
from notifications.domain.notice import State, Why
from notifications.domain.quiet import QuietHours, read_hours
from notifications.domain.refusals import LANDLINE
from wanderamt.contracts import Channel

VIENNA = ZoneInfo("Europe/Vienna")
NOON = datetime(2026, 11, 25, 11, 0, tzinfo=UTC)  # a Wednesday
ONE = UUID(int=1)
HOUSE = House(3, VIENNA, read_hours("20:00-07:00", VIENNA), dict.fromkeys(Kind, 1))
BOTH = Known(
    addresses={Channel.SMS: "+436605550001", Channel.EMAIL: "zoe@mail.example"},
    persons={Channel.SMS: b"s", Channel.EMAIL: b"e"},
    consented=frozenset(Channel),
    preferred=None,
    language="de",
)
READY = Wish(Kind.DOCUMENT_READY, ONE, {"code": "7K3MZ-Q8XWT", "reference": "MB-1"})
SOON = {"place": "Markt", "starts_at": "2026-11-26T05:00:00+01:00", "ends_at": "2026-11-26T05:20:00+01:00"}


def at(*when: int) -> datetime:
    return datetime(*when, tzinfo=VIENNA)  # type: ignore[arg-type, misc]


def chosen(wish: Wish = READY, known: Known = BOTH, *, now: datetime = NOON, house: House = HOUSE) -> Any:
    return choose(wish, known, house, now=now)


def test_by_sms_first_and_by_what_the_citizen_prefers_before_that() -> None:
    assert chosen().channel is Channel.SMS
    assert chosen(known=replace(BOTH, preferred=Channel.EMAIL)).channel is Channel.EMAIL


def test_after_a_failure_the_other_channel_and_after_that_nobody() -> None:
    assert chosen(replace(READY, tried=(Channel.SMS,))).channel is Channel.EMAIL
    assert chosen(replace(READY, tried=tuple(Channel))) is None


def test_without_consent_nothing_is_sent() -> None:
    choice = chosen(known=replace(BOTH, consented=frozenset()))
    assert (choice.state, choice.reason) == (State.DROPPED, Why.NO_CONSENT)
    assert chosen(known=replace(BOTH, consented=frozenset({Channel.EMAIL}))).channel is Channel.EMAIL


def test_an_address_that_is_none_fails_with_a_word_for_staff() -> None:
    choice = chosen(known=replace(BOTH, addresses={Channel.SMS: LANDLINE}))
    assert (choice.state, choice.reason) == (State.FAILED, "address.landline")
    assert chosen(known=replace(BOTH, addresses={**BOTH.addresses, Channel.SMS: LANDLINE})).channel is Channel.EMAIL


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        ({"code": "7K3MZ-Q8XWT", "reference": ""}, "text.empty_variable"),
        ({"code": "7K3MZ-Q8XWT", "reference": "  "}, "text.empty_variable"),
        ({"code": "7K3MZ-Q8XWT"}, "text.empty_variable"),
        ({"code": "7K3MZ\r\nBcc: all@x.at", "reference": "MB-1"}, "text.control_character"),
    ],
)
def test_a_value_that_is_empty_or_holds_a_line_end_is_refused(facts: dict[str, str], code: str) -> None:
    choice = chosen(replace(READY, facts=facts))
    assert (choice.state, choice.reason) == (State.FAILED, code)


def test_a_person_is_told_so_much_a_day_and_no_more() -> None:
    assert chosen(known=replace(BOTH, told_today=2)).state is State.DECIDED
    assert chosen(known=replace(BOTH, told_today=3)).reason == Why.BUDGET


@pytest.mark.parametrize(
    ("now", "goes"),
    [
        (at(2026, 11, 25, 12, 0), at(2026, 11, 25, 12, 0)),
        (at(2026, 11, 25, 20, 0), at(2026, 11, 26, 7, 0)),
        (at(2026, 11, 26, 6, 59), at(2026, 11, 26, 7, 0)),
        (at(2026, 11, 28, 21, 0), at(2026, 11, 30, 7, 0)),  # Saturday night: Sunday is quiet too
        (at(2026, 12, 7, 21, 0), at(2026, 12, 9, 7, 0)),  # the 8th is a holiday
        (at(2026, 12, 24, 21, 0), at(2026, 12, 28, 7, 0)),  # Christmas, St Stephen's, a Sunday
        (at(2026, 3, 28, 21, 0), at(2026, 3, 30, 7, 0)),  # over the change to summer time
    ],
)
def test_no_telephone_rings_at_night_on_sundays_and_on_holidays(now: datetime, goes: datetime) -> None:
    hours = read_hours("20:00-07:00", VIENNA)
    assert hours
    assert (hours.until(now.astimezone(UTC)) or now).astimezone(UTC) == goes.astimezone(UTC)


def test_a_mail_wakes_nobody() -> None:
    night = at(2026, 11, 25, 23, 0)
    assert chosen(now=night).after_s == 8 * 3600
    assert chosen(now=night, known=replace(BOTH, preferred=Channel.EMAIL)).after_s == 0


def test_what_would_come_too_late_in_the_morning_goes_at_once_if_urgent_and_else_never() -> None:
    night, start = at(2026, 11, 25, 23, 0), at(2026, 11, 26, 5, 0)
    moved = Wish(Kind.APPOINTMENT_MOVED, ONE, SOON, until=start)
    assert (chosen(moved, now=night).state, chosen(moved, now=night).after_s) == (State.DECIDED, 0)
    booked = Wish(Kind.APPOINTMENT_BOOKED, ONE, SOON, until=start)
    assert chosen(booked, now=night).reason == Why.QUIET


def test_a_reminder_waits_for_its_day() -> None:
    start = NOON + timedelta(days=3)
    before = start - timedelta(hours=24)
    reminder = Wish(Kind.APPOINTMENT_REMINDER, ONE, SOON, until=start, not_before=before)
    choice = chosen(reminder)
    assert (choice.after_s, choice.valid_until) == (2 * 86400, start)


def test_what_is_too_late_already_is_dropped() -> None:
    assert chosen(replace(READY, until=NOON - timedelta(seconds=1))).reason == Why.STALE


def test_every_kind_has_its_rule() -> None:
    assert RULES.keys() == set(Kind)


def test_hours_that_are_none_are_refused_at_start() -> None:
    assert read_hours("", VIENNA) is None
    assert read_hours("21:30-06:30", VIENNA) == QuietHours(
        at(1, 1, 1, 21, 30).time(), at(1, 1, 1, 6, 30).time(), VIENNA
    )
    with pytest.raises(ValueError, match="begin in the evening"):
        read_hours("07:00-20:00", VIENNA)
