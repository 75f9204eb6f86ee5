"""Services, conditions and prices, without any server."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from intake.catalogue_files.loader import load_catalogue
from intake.domain.catalogue.catalogue import Catalogue, PinnedEdition
from intake.domain.catalogue.condition import All, AnyOf, Condition, Equals, InRange, MissingFact, Not, evaluate
from intake.domain.catalogue.diff import diff_editions
from intake.domain.catalogue.due_dates import application_day
from intake.domain.catalogue.service_definition import Edition, invalid_facts
from intake.domain.catalogue.types import APPLICATION_DAY, FactValue
from intake.domain.fees import Bill, price
from intake.domain.refusals import UNKNOWN_EDITION, UNKNOWN_SERVICE
from wanderamt.kernel.refusal import Refusal

AFTER = date(2025, 7, 1)


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    return load_catalogue()


def edition(catalogue: Catalogue, service: str, day: date = date(2026, 5, 4)) -> Edition:
    pinned = catalogue.edition_on(service, day)
    assert isinstance(pinned, PinnedEdition)
    return pinned.edition


def test_a_case_keeps_the_edition_of_its_application_day(catalogue: Catalogue) -> None:
    before, after = (
        catalogue.edition_on("registration_confirmation", day) for day in (AFTER - timedelta(days=1), AFTER)
    )
    assert isinstance(before, PinnedEdition)
    assert isinstance(after, PinnedEdition)
    assert before.version == "registration_confirmation@2002-03-01"
    assert after.version == "registration_confirmation@2025-07-01"
    assert catalogue.pinned_edition(before.version) == before


def test_an_unknown_service_or_edition_is_refused_with_a_code(catalogue: Catalogue) -> None:
    assert catalogue.edition_on("passport", AFTER) is UNKNOWN_SERVICE
    assert catalogue.edition_on("registration_confirmation", date(1999, 1, 1)) is UNKNOWN_SERVICE
    for version in ("", "passport@2025-07-01", "registration_confirmation@2025-07-02", "registration_confirmation"):
        assert catalogue.pinned_edition(version) is UNKNOWN_EDITION


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
def test_channel_and_applicant_decide_the_fee(
    catalogue: Catalogue, day: date, facts: dict[str, FactValue], cents: int
) -> None:
    bill = price(edition(catalogue, "registration_confirmation", day), facts | {APPLICATION_DAY: day})
    assert isinstance(bill, Bill)
    assert bill.total_cents == cents


@pytest.mark.parametrize(("day", "cents"), [(date(2025, 6, 30), 6870), (AFTER, 7540)])
def test_a_fee_has_the_amount_of_the_application_day(catalogue: Catalogue, day: date, cents: int) -> None:
    bill = price(edition(catalogue, "resident_parking"), {APPLICATION_DAY: day})
    assert isinstance(bill, Bill)
    assert bill.total_cents == cents


def test_a_fee_that_depends_on_an_unasked_fact_is_refused_and_names_it(catalogue: Catalogue) -> None:
    refusal = price(edition(catalogue, "registration_confirmation"), {APPLICATION_DAY: AFTER, "channel": "spoken"})
    assert isinstance(refusal, Refusal)
    assert refusal.code == "fee.fact_missing"
    assert "register_asked" in refusal.hint
    assert isinstance(price(edition(catalogue, "active_pass"), {}), Refusal)


def test_unknown_facts_and_facts_of_a_wrong_type_are_reported(catalogue: Catalogue) -> None:
    wrong = list(
        invalid_facts(edition(catalogue, "voting_card"), {"channel": "pigeon", "election_day": 7, "colour": "red"})
    )
    assert wrong == [
        "facts.channel: expected spoken, written",
        "facts.election_day: expected date",
        "facts: this service does not ask for one of them",
    ]


def test_a_device_with_a_wrong_clock_applied_today() -> None:
    now = datetime(2026, 5, 4, 22, 30, tzinfo=UTC)  # already the 5th in Vienna
    assert application_day(now, now=now) == date(2026, 5, 5)
    assert application_day(now - timedelta(days=10), now=now) == date(2026, 4, 25)
    assert application_day(now + timedelta(hours=3), now=now) == date(2026, 5, 5)
    assert application_day(datetime(1970, 1, 1, tzinfo=UTC), now=now) == date(2026, 5, 5)


def test_changes_between_two_editions_are_listed_by_path(catalogue: Catalogue) -> None:
    old, new = (edition(catalogue, "registration_confirmation", day) for day in (date(2025, 6, 30), AFTER))
    changed = {change.place: (change.before, change.after) for change in diff_editions(old, new)}
    assert changed["fees.application.amount_cents"] == ("1430", "2100")
    assert diff_editions(new, new) == []


LEAVES = st.one_of(
    st.builds(Equals, fact=st.sampled_from("abc"), equals=st.booleans()),
    st.builds(InRange, fact=st.sampled_from("nm"), at_least=st.integers(0, 5), below=st.integers(6, 9)),
)
CONDITIONS: st.SearchStrategy[Condition] = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: All(all=tuple(parts))),
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: AnyOf(any=tuple(parts))),
        inner.map(lambda condition: Not(not_=condition)),
    ),
    max_leaves=8,
)
ANSWERS = {**{name: st.booleans() for name in "abc"}, **{name: st.integers(0, 10) for name in "nm"}}


@given(condition=CONDITIONS, known=st.fixed_dictionaries({}, optional=ANSWERS), rest=st.fixed_dictionaries(ANSWERS))
def test_an_early_result_never_changes_when_more_facts_are_known(
    condition: Condition, known: dict[str, FactValue], rest: dict[str, FactValue]
) -> None:
    early, late = evaluate(condition, known), evaluate(condition, rest | known)
    assert isinstance(late, bool)
    if isinstance(early, MissingFact):
        assert early.fact not in known
    else:
        assert early is late
