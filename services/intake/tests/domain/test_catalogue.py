"""Services, conditions and prices, without any server."""

from datetime import UTC, date, datetime, timedelta

import pytest
from intake.catalogue_files.loader import load_catalogue
from intake.domain.catalogue.catalogue import Catalogue, PinnedEdition
from intake.domain.catalogue.diff import diff_editions
from intake.domain.catalogue.due_dates import CALENDAR, CalendarSpan, DueRule, application_day
from intake.domain.catalogue.service_definition import Edition, canonical_facts
from intake.domain.fees import Bill, price
from intake.domain.refusals import UNKNOWN_EDITION, UNKNOWN_SERVICE
from pydantic import JsonValue
from service_catalogue.authority import shipped_profile
from service_catalogue.conditions import MissingFact
from service_catalogue.local_calendar import LocalCalendar
from service_catalogue.streets import shipped_street_register
from wanderamt.kernel.refusal import Refusal

AFTER = date(2025, 7, 1)
LINZ = shipped_profile().calendar


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
    catalogue: Catalogue, day: date, facts: dict[str, JsonValue], cents: int
) -> None:
    bill = price(edition(catalogue, "registration_confirmation", day), facts, day)
    assert isinstance(bill, Bill)
    assert bill.total_cents == cents


@pytest.mark.parametrize(("day", "cents"), [(date(2025, 6, 30), 6870), (AFTER, 7540)])
def test_a_fee_has_the_amount_of_the_application_day(catalogue: Catalogue, day: date, cents: int) -> None:
    bill = price(edition(catalogue, "resident_parking"), {}, day)
    assert isinstance(bill, Bill)
    assert bill.total_cents == cents


def test_a_fee_that_depends_on_an_unasked_fact_is_refused_and_names_it(catalogue: Catalogue) -> None:
    refusal = price(edition(catalogue, "registration_confirmation"), {"channel": "spoken"}, AFTER)
    assert isinstance(refusal, Refusal)
    assert refusal.code == "fee.fact_missing"
    assert "register_asked" in refusal.hint


def test_a_fee_is_multiplied_by_a_number_of_the_form(catalogue: Catalogue) -> None:
    shown: dict[str, JsonValue] = {"foreign_passport_shown": True, "foreign_document_shown": True, "foreign_sheets": 3}
    bill = price(edition(catalogue, "registration"), shown, AFTER)
    assert isinstance(bill, Bill)
    assert [line.cents for line in bill.lines] == [4200, 6300]
    missing = price(edition(catalogue, "registration"), shown | {"foreign_sheets": None}, AFTER)
    assert isinstance(missing, Bill)
    assert missing.total_cents == 4200


@pytest.mark.parametrize(
    ("facts", "fault"),
    [
        ({"channel": "pigeon"}, "facts.channel: This answer is not on the list."),
        ({"colour": "red"}, "facts: this service does not ask for one of them"),
        ({"delivery_address": {"country": "AT"}}, "facts.delivery_address.postal_code: "),
        (
            {
                "delivery_address": {
                    "country": "AT",
                    "postal_code": "4020",
                    "municipality": "Linz",
                    "street": "Rue Morgue",
                }
            },
            "facts.delivery_address.street: This street is not in the register",
        ),
    ],
)
def test_facts_of_a_wrong_kind_get_a_sentence(catalogue: Catalogue, facts: dict[str, JsonValue], fault: str) -> None:
    checked = canonical_facts(edition(catalogue, "voting_card"), facts, shipped_street_register())
    assert isinstance(checked, str)
    assert checked.startswith(fault)


@pytest.mark.parametrize(
    ("rule", "since", "due"),
    [
        (DueRule(since="day", after=CalendarSpan(days=3)), "2026-05-04", "2026-05-07T23:59:00+02:00"),
        (DueRule(since="day", after=CalendarSpan(workdays=5)), "2026-04-30", "2026-05-07T23:59:00+02:00"),
        (DueRule(since="day", after=CalendarSpan(months=1)), "2026-01-31", "2026-02-28T23:59:00+01:00"),
        (DueRule(since="day", after=CalendarSpan(years=1)), "2024-02-29", "2025-02-28T23:59:00+01:00"),
        (DueRule(since="day", before=CalendarSpan(days=2), at="12:00"), "2026-10-26", "2026-10-24T12:00:00+02:00"),
        (DueRule(since="day", after=CalendarSpan(weeks=2)), None, None),
    ],
)
def test_a_due_date_counts_in_the_calendar_of_the_city(rule: DueRule, since: str | None, due: str | None) -> None:
    in_austria = DueRule.model_validate(rule.model_dump(exclude_unset=True), context={CALENDAR: LINZ})
    due_at = in_austria.due_at({"day": since})
    assert due_at == (datetime.fromisoformat(due) if due else None)
    assert rule.due_at({}) == MissingFact("day")


def test_public_holidays_are_those_of_the_authority() -> None:
    """The 26th of October, a Monday in 2026, is one in Austria and none in Switzerland."""
    rule = {"since": "day", "after": {"workdays": 1}}
    days = {
        code: DueRule.model_validate(rule, context={CALENDAR: LocalCalendar(LINZ.zone, code)}).due_at(
            {"day": "2026-10-24"}
        )
        for code in ("AT-4", "CH-ZH")
    }
    assert [due.date() for due in days.values() if isinstance(due, datetime)] == [
        date(2026, 10, 27),
        date(2026, 10, 26),
    ]


def test_a_device_with_a_wrong_clock_applied_today() -> None:
    now = datetime(2026, 5, 4, 22, 30, tzinfo=UTC)  # already the 5th in Vienna
    assert application_day(now, LINZ, now=now) == date(2026, 5, 5)
    assert application_day(now - timedelta(days=10), LINZ, now=now) == date(2026, 4, 25)
    assert application_day(now + timedelta(hours=3), LINZ, now=now) == date(2026, 5, 5)
    assert application_day(datetime(1970, 1, 1, tzinfo=UTC), LINZ, now=now) == date(2026, 5, 5)


def test_changes_between_two_editions_are_listed_by_path(catalogue: Catalogue) -> None:
    old, new = (edition(catalogue, "registration_confirmation", day) for day in (date(2025, 6, 30), AFTER))
    changed = {change.place: (change.before, change.after) for change in diff_editions(old, new)}
    assert changed["fees.application.amount_cents"] == ("1430", "2100")
    assert diff_editions(new, new) == []
