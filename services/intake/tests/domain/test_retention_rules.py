"""How long cases are kept, and what goes when they are closed."""

from datetime import date, datetime, timedelta

import pytest
from case_under_test import CATALOGUE, CaseUnderTest
from hypothesis import given
from hypothesis import strategies as st
from intake.domain.case import crew_actions
from intake.domain.case.case_events import AnswersDeleted, Closed, Filled, RequiredDocumentSeen, Withdrawn
from intake.domain.case.fold import rebuild
from intake.domain.catalogue.catalogue import Catalogue
from intake.domain.catalogue.service_definition import Edition, Handling, Retention
from intake.domain.retention import answers_to_delete, deletes_at_closing, editions_by_retention, expired_before
from service_catalogue.facts.models import FactRetention, FormFact
from uuid_utils.compat import uuid7
from wanderamt.kernel.refusal import Refusal

VIENNA = CATALOGUE.calendar.zone
MOMENTS = st.datetimes(
    datetime(2026, 1, 1),
    datetime(2060, 1, 1),
    timezones=st.just(VIENNA),
    allow_imaginary=False,
)


@given(closed_at=MOMENTS, retention=st.sampled_from(Retention))
def test_no_case_is_deleted_before_its_time_and_each_is_soon_after(closed_at: datetime, retention: Retention) -> None:
    least = {
        Retention.DAYS_30: timedelta(days=30),
        Retention.YEAR_1: timedelta(days=365),
        Retention.YEARS_3: timedelta(days=3 * 365),
        Retention.YEARS_7: timedelta(days=7 * 365 + 1),
    }[retention]
    an_hour_for_summer_time = timedelta(hours=1)
    assert (
        expired_before(retention, now=closed_at + least - timedelta(days=1) - an_hour_for_summer_time, zone=VIENNA)
        < closed_at
    )
    assert expired_before(retention, now=closed_at + least + timedelta(days=2), zone=VIENNA) > closed_at


def test_a_year_is_a_year_of_the_calendar() -> None:
    closed_at = datetime(2028, 2, 29, 10, tzinfo=VIENNA)
    assert expired_before(Retention.YEAR_1, now=datetime(2029, 2, 28, 9, tzinfo=VIENNA), zone=VIENNA) < closed_at
    assert expired_before(Retention.YEAR_1, now=datetime(2029, 3, 1, 10, tzinfo=VIENNA), zone=VIENNA) >= closed_at


def test_every_edition_has_one_retention() -> None:
    by_retention = editions_by_retention(CATALOGUE)
    assert sorted(version for versions in by_retention.values() for version in versions) == sorted(
        pinned.version for pinned in CATALOGUE.editions
    )
    assert "dog_registration@2024-12-01" in by_retention[Retention.YEARS_7]


def test_all_photos_of_an_answer_and_all_scans_go_but_not_what_is_kept_with_the_case() -> None:
    subject = CaseUnderTest("active_pass")
    first, second = uuid7(), uuid7()
    for photo in (first, second):
        assert subject.fill({"facts.portrait": {"photo": str(photo)}}) is None
    assert deletes_at_closing(subject.edition)
    kept = RequiredDocumentSeen("lease", Handling.KEEP, uuid7())
    scanned = RequiredDocumentSeen("income_proof", Handling.SCAN, uuid7())
    deleted = answers_to_delete(subject.edition, [*subject.history, kept, scanned])
    assert deleted
    assert deleted.fields == ("facts.portrait",)
    assert set(deleted.attachments) == {first, second, scanned.attachment_id}


def test_a_case_without_such_answers_deletes_nothing() -> None:
    assert answers_to_delete(CaseUnderTest("active_pass").edition, []) is None
    assert not deletes_at_closing(CaseUnderTest("advice").edition)


def test_a_history_without_the_deleted_answers_gives_the_same_case() -> None:
    subject = CaseUnderTest("active_pass")
    assert subject.fill({"facts.portrait": {"photo": str(uuid7())}}) is None
    deleted = answers_to_delete(subject.edition, subject.history)
    assert deleted
    subject.append((Withdrawn(0), Closed(), deleted))
    rewritten = [
        Filled({name: value for name, value in event.fields.items() if name not in deleted.fields})
        if isinstance(event, Filled)
        else event
        for event in subject.history
    ]
    assert rebuild(subject.case.id, rewritten) == subject.case
    assert "facts.portrait" not in subject.case.form
    assert isinstance(subject.history[-1], AnswersDeleted)


def with_fact(edition: Edition, code: str, keep: FactRetention) -> Edition:
    facts = tuple(fact.model_copy(update={"keep": keep}) if fact.code == code else fact for fact in edition.facts)
    return Edition.model_validate(
        edition.model_copy(update={"facts": facts}).model_dump(by_alias=True, exclude_unset=True)
    )


def test_a_fact_that_is_not_stored_never_becomes_part_of_the_form() -> None:
    edition = with_fact(CaseUnderTest("dog_registration").edition, "breed", FactRetention.NOT_STORED)
    catalogue = Catalogue(CATALOGUE.services.values(), CATALOGUE.streets, calendar=CATALOGUE.calendar)
    form = crew_actions.checked_form({"facts.breed": "Labrador", "facts.dog_name": "Bello"}, edition, catalogue)
    assert form == {"facts.breed": None, "facts.dog_name": "Bello"}
    subject = CaseUnderTest("dog_registration")
    assert not isinstance(form, Refusal)
    assert subject.take(crew_actions.fill(subject.case, edition, form)) is None
    assert "facts.breed" not in subject.case.form
    assert "Labrador" not in str(subject.history)


@pytest.mark.parametrize("keep", [FactRetention.NOT_STORED, FactRetention.UNTIL_CLOSED])
def test_a_fact_inside_a_group_is_kept_as_its_group_is(keep: FactRetention) -> None:
    titles = {"de": "Art", "en": "Kind"}
    inner = {"code": "kind", "kind": "text", "titles": titles, "keep": keep.value}
    with pytest.raises(ValueError, match="kept as long as its group"):
        FormFact.model_validate({"code": "items", "kind": "group", "titles": titles, "facts": [inner]})


def test_the_day_before_is_counted_in_local_time() -> None:
    assert expired_before(
        Retention.DAYS_30, now=datetime(2026, 5, 1, 0, 30, tzinfo=VIENNA), zone=VIENNA
    ).date() == date(2026, 4, 1)
