"""From an event to a telephone or a mailbox, through real sockets."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from icalendar import Calendar
from notifications_fixtures import OpenNotificationsEnv
from uuid_utils.compat import uuid7
from wanderamt.backbone.environment import utc_now
from wanderamt.backbone.scheduler import PeriodicTask
from wanderamt.contracts import (
    AppointmentMoved,
    CaseClosed,
    CaseWithdrawn,
    CitizenUnreached,
    Event,
    NoticeDropped,
    NoticeFailed,
    NoticeUnknown,
    StandCancelled,
)
from wanderamt.security.roles import Role
from wanderamt_testing.service_env import component
from wanderamt_testing.waiting import wait_until

VIENNA = ZoneInfo("Europe/Vienna")


async def test_a_document_causes_one_sms(open_notifications_env: OpenNotificationsEnv) -> None:
    async with open_notifications_env("gate") as env:
        event = env.document_issued()
        await env.deliver_events(event, event)
        await env.deliver_events(event)
        await env.wait_until_idle()
        [notice] = await env.notices()
        assert (notice["kind"], notice["channel"], notice["state"], notice["provider"]) == (
            "document_ready",
            "sms",
            "sent",
            "gate",
        )
        assert [text for _, text in env.received_sms()] == [
            f"Stadt Linz: Ihr Dokument {event.number} ist fertig. Wir bitten Sie nie per SMS um Daten oder Geld. "
            "Auskunft: +43 732 7070"
        ]


async def test_a_person_gets_one_notice_per_case_status_and_channel(
    open_notifications_env: OpenNotificationsEnv,
) -> None:
    async with open_notifications_env("gate") as env:
        case_id = uuid7()
        opened = env.case_opened(case_id, phone="+436605550001")
        await env.deliver_events(opened)
        await env.wait_until_idle()
        issued = env.document_issued(case_id, phone="+436605550001")
        await env.deliver_events(issued)
        await env.deliver_events(issued)
        await env.wait_until_idle()
        assert [(notice["kind"], notice["state"]) for notice in await env.notices()] == [
            ("case_opened", "sent"),
            ("document_ready", "sent"),
        ]
        assert len(env.received_sms()) == 2


async def test_a_newer_status_supersedes_pending_notices_in_any_order_of_events(
    open_notifications_env: OpenNotificationsEnv,
) -> None:
    async with open_notifications_env("gate", components=()) as env:
        case_id = uuid7()
        contact = {"phone": "+436605550001"}
        await env.deliver_events(env.case_opened(case_id, **contact))
        await env.deliver_events(env.document_issued(case_id, **contact))
        late = uuid7()
        await env.deliver_events(env.document_issued(late, **contact))
        await env.deliver_events(env.case_opened(late, **contact))
        together = uuid7()
        await env.deliver_events(env.case_opened(together, **contact), env.document_issued(together, **contact))
        backwards = uuid7()
        await env.deliver_events(env.document_issued(backwards, **contact), env.case_opened(backwards, **contact))
        for about_id in (case_id, late, together, backwards):
            outcomes = {row["kind"]: (row["state"], row["reason"]) for row in await env.notices(about_id)}
            assert outcomes == {"case_opened": ("dropped", "superseded"), "document_ready": ("created", "")}
        assert len(await env.published(NoticeDropped)) == 4


async def test_a_withdrawn_case_sends_no_more_notices(open_notifications_env: OpenNotificationsEnv) -> None:
    async with open_notifications_env("gate", components=()) as env:
        opened = env.case_opened()
        await env.deliver_events(opened)
        withdrawn = CaseWithdrawn(
            case_id=opened.case_id, service="x", stand_id=uuid7(), refund_cents=0, withdrawn_at=env.clock()
        )
        await env.deliver_events(withdrawn)
        assert [(notice["state"], notice["reason"]) for notice in await env.notices()] == [("dropped", "withdrawn")]


async def test_without_consent_nothing_is_sent_and_the_reason_is_recorded(
    open_notifications_env: OpenNotificationsEnv,
) -> None:
    async with open_notifications_env("gate") as env:
        await env.deliver_events(env.document_issued(phone="+436605550001", consent=None))
        await env.wait_until_idle()
        assert [(notice["state"], notice["reason"]) for notice in await env.notices()] == [("dropped", "no_consent")]
        assert not env.received_sms()


async def test_a_person_gets_at_most_the_day_budget_of_notices(open_notifications_env: OpenNotificationsEnv) -> None:
    async with open_notifications_env("gate", day_budget=3) as env:
        for _ in range(6):
            await env.deliver_events(env.document_issued(phone="+436605550001"))
        await env.deliver_events(env.document_issued(phone="+436605550002"))
        await env.wait_until_idle()
        assert await env.states() == {"sent": 4, "dropped": 3}
        assert {notice["reason"] for notice in await env.notices() if notice["state"] == "dropped"} == {"budget"}
        env.clock.ahead = timedelta(days=1)
        await env.deliver_events(env.document_issued(phone="+436605550001"))
        await env.wait_until_idle()
        assert (await env.states())["sent"] == 5


async def test_messages_of_a_failing_provider_go_to_the_other_at_once(
    open_notifications_env: OpenNotificationsEnv,
) -> None:
    async with open_notifications_env("gate", "smsc") as env:
        env.gate.faults = env.gate.faults.model_copy(update={"error_share": 1.0})
        await env.deliver_events(*(env.document_issued() for _ in range(60)))
        await env.wait_until_idle()
        assert await env.states() == {"sent": 60}
        assert {notice["provider"] for notice in await env.notices()} == {"smsc"}
        assert len(set(env.received_sms())) == len(env.received_sms()) == 60
        assert env.gate.call_log.calls.total() < 40  # then its breaker opened
        async with env.http_client(Role.OPERATOR) as http:
            providers = {provider["name"]: provider for provider in (await http.get("/providers")).json()}
        assert (providers["gate"]["status"], providers["gate"]["current_weight"]) == ("down", 10.0)
        assert (providers["smsc"]["status"], providers["smsc"]["current_weight"]) == ("up", 50.0)


async def test_a_recovered_provider_regains_its_weight_step_by_step(
    open_notifications_env: OpenNotificationsEnv,
) -> None:
    async with open_notifications_env("gate", "smsc") as env:
        env.gate.faults = env.gate.faults.model_copy(update={"error_share": 1.0})
        await env.deliver_events(*(env.document_issued() for _ in range(40)))
        await env.wait_until_idle()
        env.gate.faults = env.gate.faults.model_copy(update={"error_share": 0.0})
        weights = []
        for _ in range(7):
            env.clock.ahead += timedelta(minutes=6)
            await env.deliver_events(*(env.document_issued() for _ in range(20)))
            await env.wait_until_idle()
            [row] = await env.rows("SELECT weight FROM provider WHERE name = 'gate'")
            weights.append(row["weight"]["current"])
        assert weights == sorted(weights)
        assert weights[-1] == 50
        assert env.gate.messages


async def test_a_message_that_may_have_left_stays_with_its_provider_and_its_key_prevents_a_second(
    open_notifications_env: OpenNotificationsEnv,
) -> None:
    async with open_notifications_env("gate", "smsc", limits={"smsc": {"weight": 0.001}}) as env:
        env.gate.faults = env.gate.faults.model_copy(update={"cut_share": 1.0})
        await env.deliver_events(env.document_issued())
        await env.wait_until_idle()
        assert [(notice["state"], notice["outcome_unknown"], notice["provider"]) for notice in await env.notices()] == [
            ("sending", True, "gate")
        ]
        env.gate.faults = env.gate.faults.model_copy(update={"cut_share": 0.0})
        env.clock.ahead += timedelta(minutes=2)
        await wait_until(lambda: env.has_states({"sent": 1}))
        assert len(env.received_sms()) == 1
        assert env.gate.call_log.calls.total() == 2


async def test_a_message_that_may_have_left_is_looked_up_before_it_is_sent_again(
    open_notifications_env: OpenNotificationsEnv,
) -> None:
    async with open_notifications_env("courier") as env:
        env.courier.faults = env.courier.faults.model_copy(update={"cut_share": 1.0})
        await env.deliver_events(env.document_issued(), env.document_issued())
        await env.wait_until_idle()
        lost = next(iter(env.courier.ids))
        del env.courier.ids[lost]  # the gateway does not know this message
        env.courier.call_log.effects.clear()
        env.courier.faults = env.courier.faults.model_copy(update={"cut_share": 0.0})
        env.clock.ahead += timedelta(minutes=2)
        await wait_until(lambda: env.has_states({"sent": 2}))
        assert dict(env.courier.call_log.effects) == {lost: 1}


async def test_without_key_and_look_up_a_message_waits_for_its_receipt_and_is_never_sent_again(
    open_notifications_env: OpenNotificationsEnv,
) -> None:
    async with open_notifications_env("smsc", limits={"smsc": {"max_concurrent_calls": 1}}) as env:
        env.smsc.faults = env.smsc.faults.model_copy(update={"cut_share": 1.0})
        await env.deliver_events(env.document_issued())
        await wait_until(lambda: env.has_states({"unknown": 1}))
        env.smsc.faults = env.smsc.faults.model_copy(update={"cut_share": 0.0})
        env.clock.ahead += timedelta(hours=2)
        await env.wait_until_idle()
        assert len(env.smsc.messages) == 1
        assert await env.states() == {"unknown": 1}
        assert [event["reason"] for event in await env.published(NoticeUnknown)] == ["no_answer"]


async def test_a_known_failure_tries_the_other_channel_and_then_staff(
    open_notifications_env: OpenNotificationsEnv,
) -> None:
    async with open_notifications_env("gate", "post") as env:
        env.gate.faults = env.gate.faults.model_copy(update={"refused_numbers": ["+436605550001"]})
        await env.deliver_events(env.document_issued(phone="+436605550001", email="zoe@mail.example"))
        await wait_until(lambda: env.has_states({"failed": 1, "sent": 1}))
        assert env.post.call_log.effects.total() == 1
        assert not await env.published(CitizenUnreached)
        env.post.faults = env.post.faults.model_copy(update={"refused_recipients": ["zoe@mail.example"]})
        await env.deliver_events(env.document_issued(phone="+436605550001", email="zoe@mail.example"))
        await wait_until(lambda: env.has_states({"failed": 3, "sent": 1}))
        assert [event["reason"] for event in await env.published(CitizenUnreached)] == ["smtp_550"]
        async with env.http_client(Role.CLERK) as http:
            [task] = (await http.get("/tasks")).json()
            assert task["reason"] == "smtp_550"
            assert (await http.post(f"/tasks/{task['task_id']}/done")).status_code == 204
            assert (await http.get("/tasks")).json() == []
            assert (await http.post(f"/tasks/{task['task_id']}/done")).status_code == 404


async def test_a_mail_is_complete_in_plain_text_and_carries_its_calendar(
    open_notifications_env: OpenNotificationsEnv,
) -> None:
    async with open_notifications_env("post") as env:
        booked = env.appointment_booked(email="zoe@mail.example", language="en")
        await env.deliver_events(booked)
        await env.wait_until_idle()
        mail = env.post.last
        assert mail
        assert (mail["From"], mail["To"], mail["Subject"]) == (
            "Stadt Linz <buergerservice@linz.example>",
            "zoe@mail.example",
            f"Your appointment on {booked.starts_at.astimezone(VIENNA):%a %-d %b %Y}",
        )
        assert mail["Message-ID"].endswith("@linz.example>")
        assert all(len(mail.get_all(name, [])) == 1 for name in ("From", "To", "Subject", "Date", "Message-ID"))
        plain, html = mail.get_body(("plain",)), mail.get_body(("html",))
        assert plain
        assert html
        assert "Südbahnhofmarkt" in plain.get_content()
        assert '<html lang="en">' in html.get_content()
        [attached] = list(mail.iter_attachments())
        [event] = Calendar.from_ical(attached.get_content()).walk("VEVENT")
        assert event.decoded("DTSTART") == booked.starts_at
        assert event["LOCATION"] == "Südbahnhofmarkt"
        assert attached.get_filename() == "termin.ics"
        assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        link = mail["List-Unsubscribe"].strip("<>").removeprefix("https://mobil.linz.example")
        async with env.http_client() as http:
            assert (await http.post(link, data={"List-Unsubscribe": "One-Click"})).status_code == 200
        assert not await env.rows("SELECT 1 FROM consent WHERE withdrawn_at IS NULL")


async def test_appointments_are_booked_moved_reminded_and_cancelled_with_their_stand(
    open_notifications_env: OpenNotificationsEnv,
) -> None:
    async with open_notifications_env("gate") as env:
        booked = env.appointment_booked(phone="+436605550001")
        await env.deliver_events(booked)
        await env.wait_until_idle()
        moved = AppointmentMoved(
            appointment_id=booked.appointment_id,
            stand_id=booked.stand_id,
            place="Hauptplatz",
            starts_at=booked.starts_at + timedelta(hours=3),
            ends_at=booked.ends_at + timedelta(hours=3),
            moved_at=env.clock(),
        )
        await env.deliver_events(moved)
        await env.deliver_events(moved)
        await env.wait_until_idle()
        notices = [(notice["kind"], notice["state"], notice["reason"]) for notice in await env.notices()]
        assert sorted(notices) == [
            ("appointment_booked", "sent", ""),
            ("appointment_moved", "sent", ""),
            ("appointment_reminder", "created", ""),
            ("appointment_reminder", "dropped", "superseded"),
        ]
        env.clock.ahead = moved.starts_at - timedelta(hours=23) - env.clock() + env.clock.ahead
        await wait_until(lambda: env.has_states({"sent": 3, "dropped": 1}))
        assert "Erinnerung" in env.received_sms()[-1][1]
        assert "Hauptplatz" in env.received_sms()[-1][1]
        cancelled = StandCancelled(stand_id=booked.stand_id, reason="storm", cancelled_at=env.clock())
        await env.deliver_events(cancelled)
        await env.wait_until_idle()
        assert "entfällt" in env.received_sms()[-1][1]
        assert len(env.received_sms()) == 4


async def test_every_status_of_a_case_has_its_notice(open_notifications_env: OpenNotificationsEnv) -> None:
    async with open_notifications_env("gate") as env:
        notices: list[tuple[Callable[[UUID], Event], str]] = [
            (lambda c: env.case_opened(c, phone="+436605550001"), "aufgenommen"),
            (env.case_overdue, "dauert länger"),
            (env.needs_visit, "Lichtbildausweis"),
            (lambda c: env.needs_visit(c, reason="register_refused"), "nicht bewilligt"),
            (lambda c: env.document_issued(c, phone="+436605550001"), "ist fertig"),
        ]
        for number, (make, word) in enumerate(notices):
            case_id = uuid7()
            if number:
                await env.deliver_events(env.case_opened(case_id, phone=f"+43660555100{number}"))
            await env.deliver_events(make(case_id))
            await env.wait_until_idle()
            assert word in env.received_sms()[-1][1], word


async def test_each_citizen_gets_notices_in_their_language(open_notifications_env: OpenNotificationsEnv) -> None:
    async with open_notifications_env("smsc") as env:
        for language in ("de", "en", "tr", "hr", "uk", "fr"):
            await env.deliver_events(env.document_issued(phone=f"+43660555{ord(language[0]):04}", language=language))
        await env.wait_until_idle()
        texts = sorted(text for _, text in env.received_sms())
        words = ("ist fertig", "ready", "hazır", "spreman", "готовий")
        assert [sum(word in text for text in texts) for word in words] == [2, 1, 1, 1, 1]


@pytest.mark.parametrize(
    ("contact", "code"),
    [
        ({"phone": "0732 7070"}, "address.landline"),
        ({"phone": "nobody"}, "address.no_number"),
        ({"phone": "0900 123456"}, "address.not_mobile"),
        ({"email": "zoe@"}, "address.no_email"),
        ({"email": "zoe@mail.example\r\nBcc: all@mail.example"}, "address.no_email"),
    ],
)
async def test_an_invalid_address_becomes_a_task_for_staff_and_nothing_is_sent(
    open_notifications_env: OpenNotificationsEnv, contact: dict[str, str], code: str
) -> None:
    async with open_notifications_env("gate", "post") as env:
        await env.deliver_events(env.document_issued(**contact))
        await env.wait_until_idle()
        assert [(notice["state"], notice["reason"]) for notice in await env.notices()] == [("failed", code)]
        assert [event["reason"] for event in await env.published(CitizenUnreached)] == [code]
        assert not env.received_sms()
        assert not env.post.call_log.effects
        assert "nobody" not in str(await env.published(NoticeFailed))


async def test_quiet_hours_delay_an_sms_until_the_morning(open_notifications_env: OpenNotificationsEnv) -> None:
    async with open_notifications_env("gate", "post", quiet_hours="20:00-07:00") as env:
        night = datetime(2026, 11, 25, 22, 0, tzinfo=VIENNA)
        env.clock.ahead = night - utc_now()
        await env.deliver_events(
            env.document_issued(phone="+436605550001"), env.document_issued(email="zoe@mail.example")
        )
        await env.wait_until_idle()
        assert env.post.call_log.effects.total() == 1
        assert not env.received_sms()
        env.clock.ahead += timedelta(hours=8, minutes=59)
        await asyncio.sleep(1.5)
        assert not env.received_sms()
        env.clock.ahead += timedelta(minutes=2)
        await wait_until(lambda: len(env.received_sms()) == 1)


async def test_ended_notices_are_redacted_and_still_counted(open_notifications_env: OpenNotificationsEnv) -> None:
    async with open_notifications_env("gate") as env:
        closed = env.document_issued(phone="+436605550001")
        await env.deliver_events(closed, env.document_issued(phone="+436605550002"))
        await env.wait_until_idle()
        await env.deliver_events(
            CaseClosed(case_id=closed.case_id, service="x", stand_id=uuid7(), closed_at=env.clock())
        )
        retention = component(env.service.components, "retention", PeriodicTask)
        env.clock.ahead = timedelta(days=6)
        await retention.run_once()
        assert all(notice["address"] and notice["variables"] for notice in await env.notices())
        env.clock.ahead = timedelta(days=8)
        await retention.run_once()
        assert not any(notice["address"] or notice["variables"] for notice in await env.notices())
        assert await env.states() == {"sent": 2}
        rows = await env.rows("SELECT about_id FROM citizen_case WHERE contact IS NOT NULL")
        assert [row["about_id"] for row in rows] != []
        assert closed.case_id not in {row["about_id"] for row in rows}
