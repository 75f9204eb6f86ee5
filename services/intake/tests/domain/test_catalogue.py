"""Offers, conditions, due dates and prices, without any server."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from intake.domain.catalogue.book import Book, Pinned
from intake.domain.catalogue.condition import All, AnyOf, Condition, Equals, Missing, Not, Within, holds
from intake.domain.catalogue.difference import differences
from intake.domain.catalogue.due import Due, Span, application_day
from intake.domain.catalogue.offer import Edition, facts_wrong
from intake.domain.catalogue.reckoning import due_at
from intake.domain.catalogue.words import APPLICATION_DAY, FactValue
from intake.domain.fees import Bill, price
from intake.domain.refusals import UNKNOWN_EDITION, UNKNOWN_SERVICE
from intake.offers.shelf import open_book
from wanderamt.kernel.refusal import Refusal

AFTER = date(2025, 7, 1)


@pytest.fixture(scope="session")
def book() -> Book:
    return open_book()


def edition(book: Book, service: str, day: date = date(2026, 5, 4)) -> Edition:
    pinned = book.on(service, day)
    assert isinstance(pinned, Pinned)
    return pinned.edition


def test_a_case_keeps_the_edition_of_its_application_day(book: Book) -> None:
    before, after = (book.on("registration_confirmation", day) for day in (AFTER - timedelta(days=1), AFTER))
    assert isinstance(before, Pinned)
    assert isinstance(after, Pinned)
    assert before.version == "registration_confirmation@2002-03-01"
    assert after.version == "registration_confirmation@2025-07-01"
    assert book.pinned(before.version) == before


def test_what_is_not_in_the_book_is_refused_with_a_code(book: Book) -> None:
    assert book.on("passport", AFTER) is UNKNOWN_SERVICE
    assert book.on("registration_confirmation", date(1999, 1, 1)) is UNKNOWN_SERVICE
    for version in ("", "passport@2025-07-01", "registration_confirmation@2025-07-02", "registration_confirmation"):
        assert book.pinned(version) is UNKNOWN_EDITION


@pytest.mark.parametrize(
    ("day", "facts", "cents"),
    [
        (AFTER, {"channel": "spoken", "register_asked": "local", "recipient_named": True}, 210),
        (AFTER, {"channel": "spoken", "register_asked": "central", "recipient_named": True}, 330),
        (AFTER, {"channel": "written", "register_asked": "local", "recipient_named": True}, 2310),
        (AFTER, {"channel": "written", "register_asked": "central", "recipient_named": False}, 4530),
        (date(2025, 6, 30), {"channel": "written", "register_asked": "local", "recipient_named": True}, 1640),
    ],
)
def test_spoken_or_written_and_for_whom_decide_the_fee(
    book: Book, day: date, facts: dict[str, FactValue], cents: int
) -> None:
    bill = price(edition(book, "registration_confirmation", day), facts | {APPLICATION_DAY: day})
    assert isinstance(bill, Bill)
    assert bill.total_cents == cents


@pytest.mark.parametrize(("day", "cents"), [(date(2025, 6, 30), 6870), (AFTER, 7540)])
def test_a_fee_has_the_amount_of_the_application_day(book: Book, day: date, cents: int) -> None:
    bill = price(edition(book, "resident_parking"), {APPLICATION_DAY: day})
    assert isinstance(bill, Bill)
    assert bill.total_cents == cents


def test_a_fee_that_depends_on_an_unasked_fact_is_refused_and_names_it(book: Book) -> None:
    refusal = price(edition(book, "registration_confirmation"), {APPLICATION_DAY: AFTER, "channel": "spoken"})
    assert isinstance(refusal, Refusal)
    assert refusal.code == "fee.fact_missing"
    assert "register_asked" in refusal.hint
    assert isinstance(price(edition(book, "active_pass"), {}), Refusal)


def test_answers_to_other_questions_or_of_another_kind_are_told(book: Book) -> None:
    wrong = list(facts_wrong(edition(book, "voting_card"), {"channel": "pigeon", "election_day": 7, "colour": "red"}))
    assert wrong == [
        "facts.channel: expected spoken, written",
        "facts.election_day: expected date",
        "facts.colour: this service does not ask that",
    ]


@pytest.mark.parametrize(
    ("due", "since", "until"),
    [
        (Due(since="d", after=Span(workdays=5)), date(2026, 4, 30), "2026-05-08T23:59:00+02:00"),  # 1 May is a holiday
        (Due(since="d", before=Span(days=2), at="12:00"), date(2026, 9, 27), "2026-09-25T12:00:00+02:00"),  # type: ignore[arg-type]
        (Due(since="d", after=Span(months=1)), date(2026, 1, 31), "2026-02-28T23:59:00+01:00"),
        (Due(since="d", after=Span(years=1)), date(2024, 2, 29), "2025-02-28T23:59:00+01:00"),
        (Due(since="d", after=Span(days=3)), date(2026, 3, 26), "2026-03-29T23:59:00+02:00"),  # the clocks change
        (Due(since="d", after=Span(workdays=1)), date(2026, 12, 24), "2026-12-28T23:59:00+01:00"),
    ],
)
def test_due_dates_follow_the_calendar_of_vienna(due: Due, since: date, until: str) -> None:
    assert due_at(due, {"d": since}) == datetime.fromisoformat(until)
    assert due_at(due, {}) == Missing("d")


def test_a_device_with_a_wrong_clock_applied_today() -> None:
    now = datetime(2026, 5, 4, 22, 30, tzinfo=UTC)  # already the 5th in Vienna
    assert application_day(now, now=now) == date(2026, 5, 5)
    assert application_day(now - timedelta(days=10), now=now) == date(2026, 4, 25)
    assert application_day(now + timedelta(hours=3), now=now) == date(2026, 5, 5)
    assert application_day(datetime(1970, 1, 1, tzinfo=UTC), now=now) == date(2026, 5, 5)


def test_what_changed_between_two_editions_is_listed_by_place(book: Book) -> None:
    old, new = (edition(book, "registration_confirmation", day) for day in (date(2025, 6, 30), AFTER))
    changed = {change.place: (change.before, change.after) for change in differences(old, new)}
    assert changed["fees.application.amount_cents"] == ("1430", "2100")
    assert differences(new, new) == []


LEAVES = st.one_of(
    st.builds(Equals, fact=st.sampled_from("abc"), equals=st.booleans()),
    st.builds(Within, fact=st.sampled_from("nm"), at_least=st.integers(0, 5), below=st.integers(6, 9)),
)
CONDITIONS: st.SearchStrategy[Condition] = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: All(all=tuple(parts))),
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: AnyOf(any=tuple(parts))),
        inner.map(lambda one: Not(not_=one)),
    ),
    max_leaves=8,
)
ANSWERS = {**{name: st.booleans() for name in "abc"}, **{name: st.integers(0, 10) for name in "nm"}}


@given(condition=CONDITIONS, known=st.fixed_dictionaries({}, optional=ANSWERS), rest=st.fixed_dictionaries(ANSWERS))
def test_an_answer_given_early_is_never_changed_by_what_is_learned_later(
    condition: Condition, known: dict[str, FactValue], rest: dict[str, FactValue]
) -> None:
    early, late = holds(condition, known), holds(condition, rest | known)
    assert isinstance(late, bool)
    if isinstance(early, Missing):
        assert early.fact not in known
    else:
        assert early is late
