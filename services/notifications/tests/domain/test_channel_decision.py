"""Which citizen gets which notice, on which channel and when."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from notifications.domain.channel_decision import (
    ChannelDecision,
    NoticeIntent,
    RecipientProfile,
    SendingPolicy,
    decide_channel,
)
from notifications.domain.kinds import RULES, NoticeKind
from notifications.domain.notice import DropReason, NoticeState
from notifications.domain.quiet_hours import QuietHours, parse_quiet_hours
from notifications.domain.refusals import LANDLINE
from service_catalogue.local_calendar import LocalCalendar
from wanderamt.contracts import Channel

VIENNA = ZoneInfo("Europe/Vienna")
UPPER_AUSTRIA = LocalCalendar(VIENNA, "AT-4")
NOON = datetime(2026, 11, 25, 11, 0, tzinfo=UTC)  # a Wednesday
CASE_ID = UUID(int=1)
POLICY = SendingPolicy(3, VIENNA, parse_quiet_hours("20:00-07:00", UPPER_AUSTRIA), dict.fromkeys(NoticeKind, 1))
BOTH = RecipientProfile(
    addresses={Channel.SMS: "+436605550001", Channel.EMAIL: "zoe@mail.example"},
    address_hashes={Channel.SMS: b"s", Channel.EMAIL: b"e"},
    consented=frozenset(Channel),
    preferred=None,
    language="de",
)
READY = NoticeIntent(NoticeKind.DOCUMENT_READY, CASE_ID, {"code": "7K3MZ-Q8XWT", "reference": "MB-1"})
SOON = {"place": "Markt", "starts_at": "2026-11-26T05:00:00+01:00", "ends_at": "2026-11-26T05:20:00+01:00"}


def at(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=VIENNA)  # type: ignore[arg-type, misc]


def decide(
    intent: NoticeIntent = READY,
    profile: RecipientProfile = BOTH,
    *,
    now: datetime = NOON,
    policy: SendingPolicy = POLICY,
) -> ChannelDecision:
    decision = decide_channel(intent, profile, policy, now=now)
    assert decision
    return decision


def test_the_preferred_channel_comes_first_and_without_one_sms() -> None:
    assert decide().channel is Channel.SMS
    assert decide(profile=replace(BOTH, preferred=Channel.EMAIL)).channel is Channel.EMAIL


def test_after_a_failure_the_other_channel_and_after_that_none() -> None:
    assert decide(replace(READY, tried_channels=(Channel.SMS,))).channel is Channel.EMAIL
    assert decide_channel(replace(READY, tried_channels=tuple(Channel)), BOTH, POLICY, now=NOON) is None


def test_without_consent_nothing_is_sent() -> None:
    decision = decide(profile=replace(BOTH, consented=frozenset()))
    assert (decision.state, decision.reason) == (NoticeState.DROPPED, DropReason.NO_CONSENT)
    assert decide(profile=replace(BOTH, consented=frozenset({Channel.EMAIL}))).channel is Channel.EMAIL


def test_only_the_first_notice_about_a_new_case_waits_and_not_again_on_another_channel() -> None:
    policy = replace(POLICY, case_opened_wait=timedelta(seconds=60))
    opened = replace(READY, kind=NoticeKind.CASE_OPENED)
    assert decide(opened, policy=policy).delay_s == 60
    assert decide(replace(opened, tried_channels=(Channel.SMS,)), policy=policy).delay_s == 0
    assert decide(policy=policy).delay_s == 0
    late = at(2026, 11, 25, 19, 59, 30)
    assert decide(opened, policy=policy, now=late).delay_s == (at(2026, 11, 26, 7, 0) - late).total_seconds()


def test_an_invalid_address_fails_with_a_code_for_staff() -> None:
    decision = decide(profile=replace(BOTH, addresses={Channel.SMS: LANDLINE}))
    assert (decision.state, decision.reason) == (NoticeState.FAILED, "address.landline")
    assert decide(profile=replace(BOTH, addresses={**BOTH.addresses, Channel.SMS: LANDLINE})).channel is Channel.EMAIL


@pytest.mark.parametrize(
    ("variables", "code"),
    [
        ({"code": "7K3MZ-Q8XWT", "reference": ""}, "text.empty_variable"),
        ({"code": "7K3MZ-Q8XWT", "reference": "  "}, "text.empty_variable"),
        ({"code": "7K3MZ-Q8XWT"}, "text.empty_variable"),
        ({"code": "7K3MZ\r\nBcc: all@x.at", "reference": "MB-1"}, "text.control_character"),
    ],
)
def test_an_empty_value_or_a_line_break_is_refused(variables: dict[str, str], code: str) -> None:
    decision = decide(replace(READY, variables=variables))
    assert (decision.state, decision.reason) == (NoticeState.FAILED, code)


def test_a_person_gets_at_most_the_day_budget() -> None:
    assert decide(profile=replace(BOTH, sent_today=2)).state is NoticeState.CREATED
    assert decide(profile=replace(BOTH, sent_today=3)).reason == DropReason.BUDGET


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
def test_no_sms_at_night_on_sundays_and_on_holidays(now: datetime, goes: datetime) -> None:
    hours = parse_quiet_hours("20:00-07:00", UPPER_AUSTRIA)
    assert hours
    assert (hours.until(now.astimezone(UTC)) or now).astimezone(UTC) == goes.astimezone(UTC)


def test_a_mail_ignores_quiet_hours() -> None:
    night = at(2026, 11, 25, 23, 0)
    assert decide(now=night).delay_s == 8 * 3600
    assert decide(now=night, profile=replace(BOTH, preferred=Channel.EMAIL)).delay_s == 0


def test_a_notice_too_late_in_the_morning_is_sent_at_once_if_urgent_and_else_never() -> None:
    night, start = at(2026, 11, 25, 23, 0), at(2026, 11, 26, 5, 0)
    moved = NoticeIntent(NoticeKind.APPOINTMENT_MOVED, CASE_ID, SOON, until=start)
    assert (decide(moved, now=night).state, decide(moved, now=night).delay_s) == (NoticeState.CREATED, 0)
    booked = NoticeIntent(NoticeKind.APPOINTMENT_BOOKED, CASE_ID, SOON, until=start)
    assert decide(booked, now=night).reason == DropReason.QUIET


def test_a_reminder_waits_for_its_time() -> None:
    start = NOON + timedelta(days=3)
    before = start - timedelta(hours=24)
    reminder = NoticeIntent(NoticeKind.APPOINTMENT_REMINDER, CASE_ID, SOON, until=start, not_before=before)
    decision = decide(reminder)
    assert (decision.delay_s, decision.valid_until) == (2 * 86400, start)


def test_a_stale_notice_is_dropped() -> None:
    assert decide(replace(READY, until=NOON - timedelta(seconds=1))).reason == DropReason.STALE


def test_every_kind_has_its_rule() -> None:
    assert RULES.keys() == set(NoticeKind)


def test_invalid_quiet_hours_stop_the_start() -> None:
    assert parse_quiet_hours("", UPPER_AUSTRIA) is None
    assert parse_quiet_hours("21:30-06:30", UPPER_AUSTRIA) == QuietHours(
        at(1, 1, 1, 21, 30).time(), at(1, 1, 1, 6, 30).time(), UPPER_AUSTRIA
    )
    with pytest.raises(ValueError, match="begin in the evening"):
        parse_quiet_hours("07:00-20:00", UPPER_AUSTRIA)
