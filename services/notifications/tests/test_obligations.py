"""What a citizen must still do after a case: reminders, missed due dates, the status page, and the deletion of a case."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from notifications_fixtures import NotificationsEnv, OpenNotificationsEnv
from uuid_utils.compat import uuid7
from wanderamt.contracts import (
    CaseCompleted,
    CaseDeleted,
    CaseDueDateMet,
    CaseDueDateMissed,
    CaseDueDatesSet,
    CaseReminderDue,
    CaseReopened,
    DueDateKind,
    Language,
    PublicDueDate,
    case_code,
)

VIENNA = ZoneInfo("Europe/Vienna")
PHONE = "+436605550001"
TITLES = {"de": "Hundeabgabe zahlen", "en": "Pay the dog levy"}
SENTENCE = {"de": "Die Hundeabgabe ist fällig.", "en": "The dog levy is due."}
QUIET = "22:00-06:00"


def due_at(env: NotificationsEnv, days: float = 7) -> datetime:
    return (env.clock() + timedelta(days=days)).replace(microsecond=0)


def due_dates_set(env: NotificationsEnv, case_id: UUID, *codes: str) -> CaseDueDatesSet:
    due_dates = tuple(PublicDueDate(code=code, titles=TITLES, due_at=due_at(env)) for code in codes)
    return CaseDueDatesSet(case_id=case_id, service="dog_registration", stand_id=uuid7(), due_dates=due_dates)


def about(env: NotificationsEnv, case_id: UUID, code: str, **contact: str) -> dict[str, Any]:
    return {
        "case_id": case_id,
        "service": "dog_registration",
        "stand_id": uuid7(),
        "language": Language.DE,
        "code": code,
        "titles": TITLES,
        "sentence": SENTENCE,
        "due_at": due_at(env),
        "contact": env.contact(case_id, **({"phone": PHONE} | contact)),
    }


def reminder(env: NotificationsEnv, case_id: UUID, code: str = "levy", **contact: str) -> CaseReminderDue:
    return CaseReminderDue(**about(env, case_id, code, **contact))


def missed(env: NotificationsEnv, case_id: UUID, kind: DueDateKind = DueDateKind.OBLIGATION) -> CaseDueDateMissed:
    return CaseDueDateMissed(**about(env, case_id, "levy"), kind=kind)


def met(env: NotificationsEnv, case_id: UUID, code: str = "levy") -> CaseDueDateMet:
    return CaseDueDateMet(case_id=case_id, service="dog_registration", stand_id=uuid7(), code=code, met_at=env.clock())


async def kinds(env: NotificationsEnv) -> list[tuple[str, str, str]]:
    return [(notice["kind"], notice["state"], notice["reason"]) for notice in await env.notices()]


def at_night(env: NotificationsEnv) -> None:
    """Moves the clock into the quiet hours of the next night."""
    local = env.clock().astimezone(VIENNA)
    night = local.replace(hour=23, minute=30, second=0)
    env.clock.ahead += (night if night > local else night + timedelta(days=1)) - local


async def test_a_reminder_becomes_one_sms_with_sentence_and_due_day(
    open_notifications_env: OpenNotificationsEnv,
) -> None:
    async with open_notifications_env("gate") as env:
        event = reminder(env, uuid7())
        await env.deliver_events(event, event)
        await env.wait_until_idle()
        [(number, text)] = env.received_sms()
        day = event.due_at.astimezone(VIENNA)
        assert number == PHONE
        assert "Die Hundeabgabe ist fällig. Frist: " in text
        assert f"{day.day}.{day.month}.{day.year}" in text


async def test_each_language_has_a_sentence_that_its_reader_understands(
    open_notifications_env: OpenNotificationsEnv,
) -> None:
    async with open_notifications_env("gate") as env:
        for number, (language, sentence) in enumerate([("en", "en"), ("tr", "de"), ("uk", "de"), ("hr", "de")]):
            event = reminder(env, uuid7(), phone=f"+43660555100{number}", language=language)
            await env.deliver_events(event)
            await env.wait_until_idle()
            assert SENTENCE[sentence] in env.received_sms()[-1][1]


async def test_without_consent_nobody_is_reminded(open_notifications_env: OpenNotificationsEnv) -> None:
    async with open_notifications_env("gate") as env:
        await env.deliver_events(reminder(env, uuid7(), consent=""))
        await env.wait_until_idle()
        assert await kinds(env) == [("obligation_reminder", "dropped", "no_consent")]
        assert env.received_sms() == []


async def test_a_reminder_waits_for_the_end_of_the_quiet_hours(open_notifications_env: OpenNotificationsEnv) -> None:
    async with open_notifications_env("gate", quiet_hours=QUIET) as env:
        at_night(env)
        await env.deliver_events(reminder(env, uuid7()))
        await env.wait_until_idle()
        assert await kinds(env) == [("obligation_reminder", "created", "")]
        assert env.received_sms() == []


async def test_fulfilled_while_the_reminder_waits_it_is_never_sent_but_that_of_another_is(
    open_notifications_env: OpenNotificationsEnv,
) -> None:
    async with open_notifications_env("gate", quiet_hours=QUIET) as env:
        at_night(env)
        case_id = uuid7()
        await env.deliver_events(due_dates_set(env, case_id, "levy", "size_proof"))
        await env.deliver_events(reminder(env, case_id), reminder(env, case_id, "size_proof"))
        await env.deliver_events(met(env, case_id))
        await env.advance_clock(timedelta(hours=9))
        await env.wait_until_idle()
        states = {(notice["occurrence"], notice["state"]) for notice in await env.notices()}
        assert states == {("0/levy", "dropped"), ("0/size_proof", "sent")}


async def test_fulfilled_in_the_same_batch_it_is_no_reminder_at_all(
    open_notifications_env: OpenNotificationsEnv,
) -> None:
    async with open_notifications_env("gate") as env:
        case_id = uuid7()
        await env.deliver_events(reminder(env, case_id), met(env, case_id))
        assert await kinds(env) == []


async def test_a_missed_due_date_replaces_the_reminder_that_waits(
    open_notifications_env: OpenNotificationsEnv,
) -> None:
    async with open_notifications_env("gate", quiet_hours=QUIET) as env:
        at_night(env)
        case_id = uuid7()
        await env.deliver_events(reminder(env, case_id))
        await env.deliver_events(missed(env, case_id))
        assert sorted(await kinds(env)) == [
            ("obligation_missed", "created", ""),
            ("obligation_reminder", "dropped", "superseded"),
        ]


async def test_a_deadline_that_the_application_missed_is_no_message(
    open_notifications_env: OpenNotificationsEnv,
) -> None:
    async with open_notifications_env("gate") as env:
        await env.deliver_events(missed(env, uuid7(), DueDateKind.DEADLINE))
        assert await kinds(env) == []


async def test_no_news_about_the_case_supersedes_a_reminder_nor_does_it_supersede_them(
    open_notifications_env: OpenNotificationsEnv,
) -> None:
    async with open_notifications_env("gate", components=()) as env:
        case_id = uuid7()
        await env.deliver_events(env.case_opened(case_id, phone=PHONE))
        await env.deliver_events(reminder(env, case_id), env.document_issued(case_id, phone=PHONE))
        assert sorted(await kinds(env)) == [
            ("case_opened", "dropped", "superseded"),
            ("document_ready", "created", ""),
            ("obligation_reminder", "created", ""),
        ]


async def test_a_reopened_case_reminds_of_nothing(open_notifications_env: OpenNotificationsEnv) -> None:
    async with open_notifications_env("gate", components=()) as env:
        case_id = uuid7()
        await env.deliver_events(due_dates_set(env, case_id, "levy"), reminder(env, case_id))
        reopened = CaseReopened(
            case_id=case_id, service="dog_registration", stand_id=uuid7(), owner="a@linz", deadline=due_at(env)
        )
        await env.deliver_events(reopened)
        assert await kinds(env) == [("obligation_reminder", "dropped", "superseded")]
        [view] = await env.rows("SELECT due_dates FROM citizen_case")
        assert view["due_dates"] == []


async def test_the_status_page_shows_what_is_still_to_be_done(open_notifications_env: OpenNotificationsEnv) -> None:
    async with open_notifications_env("gate") as env, env.http_client() as http:
        case_id = uuid7()
        await env.deliver_events(env.document_issued(case_id, phone=PHONE), due_dates_set(env, case_id, "levy", "test"))

        async def page(language: str) -> str:
            form = {"code": case_code(case_id), "born": "4.5.1980"}
            return (await http.post(f"/status?lang={language}", data=form)).text

        day = due_at(env).astimezone(VIENNA).strftime("%d.%m.%Y")
        assert f"Hundeabgabe zahlen, bis {day}" in await page("de")
        await env.deliver_events(met(env, case_id, "test"))
        assert (await page("en")).count("Pay the dog levy, by ") == 1
        await env.deliver_events(missed(env, case_id))
        assert "Die Frist ist abgelaufen" in await page("de")
        await env.deliver_events(met(env, case_id))
        assert "Hundeabgabe" not in await page("de")


async def test_of_a_deleted_case_nothing_is_left_but_rows_for_counts(
    open_notifications_env: OpenNotificationsEnv,
) -> None:
    async with open_notifications_env("gate") as env:
        case_id, other = uuid7(), uuid7()
        await env.deliver_events(env.document_issued(case_id, phone=PHONE), env.document_issued(other))
        await env.wait_until_idle()
        await env.deliver_events(reminder(env, case_id))
        deleted = CaseDeleted(case_id=case_id, service="dog_registration", deleted_at=env.clock())
        await env.deliver_events(deleted)
        await env.deliver_events(deleted)
        for table, key in (("citizen_case", "about_id"), ("consent", "source"), ("preference", "about_id")):
            assert await env.rows(f"SELECT 1 FROM {table} WHERE {key} = $1", case_id) == []
        assert len(await env.rows("SELECT 1 FROM citizen_case")) == 1
        contents = await env.rows("SELECT address, variables FROM notice WHERE about_id = $1", case_id)
        assert len(contents) == 2
        assert {value for row in contents for value in row.values()} == {None}
        await env.wait_until_idle()


async def test_an_overdue_owner_of_a_finished_case_is_no_message(open_notifications_env: OpenNotificationsEnv) -> None:
    async with open_notifications_env("gate", components=()) as env:
        case_id = uuid7()
        done = CaseCompleted(case_id=case_id, service="dog_registration", stand_id=uuid7(), completed_at=env.clock())
        await env.deliver_events(done, missed(env, case_id), env.case_overdue(case_id))
        assert await kinds(env) == [("obligation_missed", "created", "")]
