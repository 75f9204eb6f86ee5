"""From an event to a telephone or a mailbox, through real sockets."""

import asyncio
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from icalendar import Calendar
from uuid_utils.compat import uuid7
from wanderamt.backbone.sources import utc_now
from wanderamt.contracts import (
    AppointmentMoved,
    CaseClosed,
    CaseWithdrawn,
    CitizenUnreached,
    NoticeDropped,
    NoticeFailed,
    NoticeUnknown,
    StandCancelled,
)
from wanderamt.security.roles import Role

VIENNA = ZoneInfo("Europe/Vienna")


async def test_a_document_is_told_once_by_sms(open_city: Any) -> None:
    async with open_city("gate") as city:
        event = city.issued()
        await city.hear(event, event)
        await city.hear(event)
        await city.settled()
        [notice] = await city.notices()
        assert (notice["kind"], notice["channel"], notice["state"], notice["provider"]) == (
            "document_ready",
            "sms",
            "sent",
            "gate",
        )
        assert [text for _, text in city.texts()] == [
            f"Stadt Linz: Ihr Dokument {event.number} ist fertig. Wir bitten Sie nie per SMS um Daten oder Geld. "
            "Auskunft: +43 732 7070"
        ]


async def test_the_same_person_is_told_once_per_case_status_and_channel(open_city: Any) -> None:
    async with open_city("gate") as city:
        case_id = uuid7()
        opened = city.opened(case_id, phone="+436605550001")
        await city.hear(opened)
        await city.settled()
        issued = city.issued(case_id, phone="+436605550001")
        await city.hear(issued)
        await city.hear(issued)
        await city.settled()
        assert [(one["kind"], one["state"]) for one in await city.notices()] == [
            ("case_opened", "sent"),
            ("document_ready", "sent"),
        ]
        assert len(city.texts()) == 2


async def test_a_newer_status_overtakes_what_waits_whatever_topic_was_faster(open_city: Any) -> None:
    async with open_city("gate", parts=()) as city:
        case_id = uuid7()
        contact = {"phone": "+436605550001"}
        await city.hear(city.opened(case_id, **contact))
        await city.hear(city.issued(case_id, **contact))
        late = uuid7()
        await city.hear(city.issued(late, **contact))
        await city.hear(city.opened(late, **contact))
        together = uuid7()
        await city.hear(city.opened(together, **contact), city.issued(together, **contact))
        backwards = uuid7()
        await city.hear(city.issued(backwards, **contact), city.opened(backwards, **contact))
        for one in (case_id, late, together, backwards):
            found = {row["kind"]: (row["state"], row["reason"]) for row in await city.notices(one)}
            assert found == {"case_opened": ("dropped", "superseded"), "document_ready": ("decided", "")}
        assert len(await city.told(NoticeDropped)) == 4


async def test_what_is_withdrawn_is_not_told_any_more(open_city: Any) -> None:
    async with open_city("gate", parts=()) as city:
        opened = city.opened()
        await city.hear(opened)
        withdrawn = CaseWithdrawn(
            case_id=opened.case_id, service="x", stand_id=uuid7(), refund_cents=0, withdrawn_at=city.clock()
        )
        await city.hear(withdrawn)
        assert [(one["state"], one["reason"]) for one in await city.notices()] == [("dropped", "withdrawn")]


async def test_without_consent_nothing_leaves_and_the_reason_stands(open_city: Any) -> None:
    async with open_city("gate") as city:
        await city.hear(city.issued(phone="+436605550001", consent=None))
        await city.settled()
        assert [(one["state"], one["reason"]) for one in await city.notices()] == [("dropped", "no_consent")]
        assert not city.texts()


async def test_a_day_has_room_for_so_many_notices_to_one_person(open_city: Any) -> None:
    async with open_city("gate", day_budget=3) as city:
        for _ in range(6):
            await city.hear(city.issued(phone="+436605550001"))
        await city.hear(city.issued(phone="+436605550002"))
        await city.settled()
        assert await city.states() == {"sent": 4, "dropped": 3}
        assert {one["reason"] for one in await city.notices() if one["state"] == "dropped"} == {"budget"}
        city.ahead = timedelta(days=1)
        await city.hear(city.issued(phone="+436605550001"))
        await city.settled()
        assert (await city.states())["sent"] == 5


async def test_one_provider_that_fails_is_left_for_the_other_at_once(open_city: Any) -> None:
    async with open_city("gate", "smsc") as city:
        city.gate.knobs = city.gate.knobs.model_copy(update={"error_share": 1.0})
        await city.hear(*(city.issued() for _ in range(60)))
        await city.settled()
        assert await city.states() == {"sent": 60}
        assert {one["provider"] for one in await city.notices()} == {"smsc"}
        assert len(set(city.texts())) == len(city.texts()) == 60
        assert city.gate.seen.calls.total() < 40  # then it was left alone
        async with city.door(Role.OPERATOR) as http:
            weather = {one["name"]: one for one in (await http.get("/providers")).json()}
        assert (weather["gate"]["sky"], weather["gate"]["points"]) == ("down", 10.0)
        assert (weather["smsc"]["sky"], weather["smsc"]["points"]) == ("fair", 50.0)


async def test_a_provider_that_is_well_again_gets_its_share_back_step_by_step(open_city: Any) -> None:
    async with open_city("gate", "smsc") as city:
        city.gate.knobs = city.gate.knobs.model_copy(update={"error_share": 1.0})
        await city.hear(*(city.issued() for _ in range(40)))
        await city.settled()
        city.gate.knobs = city.gate.knobs.model_copy(update={"error_share": 0.0})
        points = []
        for _ in range(7):
            city.ahead += timedelta(minutes=6)
            await city.hear(*(city.issued() for _ in range(20)))
            await city.settled()
            [row] = await city.rows("SELECT share FROM provider WHERE name = 'gate'")
            points.append(row["share"]["points"])
        assert points == sorted(points)
        assert points[-1] == 50
        assert city.gate.messages


async def test_a_message_that_may_have_left_stays_with_its_provider_and_is_known_again_by_its_key(
    open_city: Any,
) -> None:
    async with open_city("gate", "smsc", limits={"smsc": {"weight": 0.001}}) as city:
        city.gate.knobs = city.gate.knobs.model_copy(update={"cut_share": 1.0})
        await city.hear(city.issued())
        await city.settled()
        assert [(one["state"], one["maybe"], one["provider"]) for one in await city.notices()] == [
            ("sending", True, "gate")
        ]
        city.gate.knobs = city.gate.knobs.model_copy(update={"cut_share": 0.0})
        city.ahead += timedelta(minutes=2)
        await city.until(lambda: city.states_are({"sent": 1}))
        assert len(city.texts()) == 1
        assert city.gate.seen.calls.total() == 2


async def test_one_that_can_be_looked_up_is_looked_up_before_it_is_sent_again(open_city: Any) -> None:
    async with open_city("courier") as city:
        city.courier.knobs = city.courier.knobs.model_copy(update={"cut_share": 1.0})
        await city.hear(city.issued(), city.issued())
        await city.settled()
        lost = next(iter(city.courier.ids))
        del city.courier.ids[lost]  # of one of them the gateway knows nothing
        city.courier.seen.effects.clear()
        city.courier.knobs = city.courier.knobs.model_copy(update={"cut_share": 0.0})
        city.ahead += timedelta(minutes=2)
        await city.until(lambda: city.states_are({"sent": 2}))
        assert dict(city.courier.seen.effects) == {lost: 1}


async def test_one_that_cannot_is_left_to_its_receipt_and_never_sent_again(open_city: Any) -> None:
    async with open_city("smsc", limits={"smsc": {"concurrency": 1}}) as city:
        city.smsc.knobs = city.smsc.knobs.model_copy(update={"cut_share": 1.0})
        await city.hear(city.issued())
        await city.until(lambda: city.states_are({"unknown": 1}))
        city.smsc.knobs = city.smsc.knobs.model_copy(update={"cut_share": 0.0})
        city.ahead += timedelta(hours=2)
        await city.settled()
        assert len(city.smsc.messages) == 1
        assert await city.states() == {"unknown": 1}
        assert [one["reason"] for one in await city.told(NoticeUnknown)] == ["no_answer"]


async def test_after_a_known_failure_the_other_channel_and_after_that_staff(open_city: Any) -> None:
    async with open_city("gate", "post") as city:
        city.gate.knobs = city.gate.knobs.model_copy(update={"refused_numbers": ["+436605550001"]})
        await city.hear(city.issued(phone="+436605550001", email="zoe@mail.example"))
        await city.until(lambda: city.states_are({"failed": 1, "sent": 1}))
        assert city.post.seen.effects.total() == 1
        assert not await city.told(CitizenUnreached)
        city.post.knobs = city.post.knobs.model_copy(update={"refused_recipients": ["zoe@mail.example"]})
        await city.hear(city.issued(phone="+436605550001", email="zoe@mail.example"))
        await city.until(lambda: city.states_are({"failed": 3, "sent": 1}))
        assert [one["reason"] for one in await city.told(CitizenUnreached)] == ["smtp_550"]
        async with city.door(Role.CLERK) as http:
            [task] = (await http.get("/tasks")).json()
            assert task["reason"] == "smtp_550"
            assert (await http.post(f"/tasks/{task['task_id']}/done")).status_code == 204
            assert (await http.get("/tasks")).json() == []
            assert (await http.post(f"/tasks/{task['task_id']}/done")).status_code == 404


async def test_a_mail_is_whole_in_plain_clients_and_carries_its_calendar(open_city: Any) -> None:
    async with open_city("post") as city:
        booked = city.booked(email="zoe@mail.example", language="en")
        await city.hear(booked)
        await city.settled()
        mail = city.post.last
        assert mail
        assert (mail["From"], mail["To"], mail["Subject"]) == (
            "Stadt Linz <buergerservice@linz.example>",
            "zoe@mail.example",
            f"Your appointment on {booked.starts_at.astimezone(VIENNA):%a %-d %b %Y}",
        )
        assert mail["Message-ID"].endswith("@linz.example>")
        assert all(len(mail.get_all(name, [])) == 1 for name in ("From", "To", "Subject", "Date", "Message-ID"))
        plain, html = mail.get_body(("plain",)), mail.get_body(("html",))
        assert "Südbahnhofmarkt" in plain.get_content()
        assert '<html lang="en">' in html.get_content()
        [attached] = list(mail.iter_attachments())
        [event] = Calendar.from_ical(attached.get_content()).walk("VEVENT")
        assert event["DTSTART"].dt == booked.starts_at
        assert event["LOCATION"] == "Südbahnhofmarkt"
        assert attached.get_filename() == "termin.ics"
        assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        where = mail["List-Unsubscribe"].strip("<>").removeprefix("https://mobil.linz.example")
        async with city.door() as http:
            assert (await http.post(where, data={"List-Unsubscribe": "One-Click"})).status_code == 200
        assert not await city.rows("SELECT 1 FROM consent WHERE withdrawn_at IS NULL")


async def test_appointments_are_booked_moved_reminded_and_cancelled_with_their_stand(open_city: Any) -> None:
    async with open_city("gate") as city:
        booked = city.booked(phone="+436605550001")
        await city.hear(booked)
        await city.settled()
        moved = AppointmentMoved(
            appointment_id=booked.appointment_id,
            stand_id=booked.stand_id,
            place="Hauptplatz",
            starts_at=booked.starts_at + timedelta(hours=3),
            ends_at=booked.ends_at + timedelta(hours=3),
            moved_at=city.clock(),
        )
        await city.hear(moved)
        await city.hear(moved)
        await city.settled()
        found = [(one["kind"], one["state"], one["reason"]) for one in await city.notices()]
        assert sorted(found) == [
            ("appointment_booked", "sent", ""),
            ("appointment_moved", "sent", ""),
            ("appointment_reminder", "decided", ""),
            ("appointment_reminder", "dropped", "superseded"),
        ]
        city.ahead = moved.starts_at - timedelta(hours=23) - city.clock() + city.ahead
        await city.until(lambda: city.states_are({"sent": 3, "dropped": 1}))
        assert "Erinnerung" in city.texts()[-1][1]
        assert "Hauptplatz" in city.texts()[-1][1]
        cancelled = StandCancelled(stand_id=booked.stand_id, reason="storm", cancelled_at=city.clock())
        await city.hear(cancelled)
        await city.settled()
        assert "entfällt" in city.texts()[-1][1]
        assert len(city.texts()) == 4


async def test_every_status_of_a_case_has_its_notice(open_city: Any) -> None:
    async with open_city("gate") as city:
        for number, (make, word) in enumerate(
            [
                (lambda c: city.opened(c, phone="+436605550001"), "aufgenommen"),
                (city.overdue, "dauert länger"),
                (city.needs_visit, "Lichtbildausweis"),
                (lambda c: city.needs_visit(c, reason="register_refused"), "nicht bewilligt"),
                (lambda c: city.issued(c, phone="+436605550001"), "ist fertig"),
            ]
        ):
            case_id = uuid7()
            if number:
                await city.hear(city.opened(case_id, phone=f"+43660555100{number}"))
            await city.hear(make(case_id))
            await city.settled()
            assert word in city.texts()[-1][1], word


async def test_each_citizen_is_told_in_their_language(open_city: Any) -> None:
    async with open_city("smsc") as city:
        for language in ("de", "en", "tr", "hr", "uk", "fr"):
            await city.hear(city.issued(phone=f"+43660555{ord(language[0]):04}", language=language))
        await city.settled()
        texts = sorted(text for _, text in city.texts())
        assert [
            sum(word in text for text in texts) for word in ("ist fertig", "ready", "hazır", "spreman", "готовий")
        ] == [
            2,
            1,
            1,
            1,
            1,
        ]


@pytest.mark.parametrize(
    ("left", "code"),
    [
        ({"phone": "0732 7070"}, "address.landline"),
        ({"phone": "nobody"}, "address.no_number"),
        ({"phone": "0900 123456"}, "address.not_mobile"),
        ({"email": "zoe@"}, "address.no_email"),
        ({"email": "zoe@mail.example\r\nBcc: all@mail.example"}, "address.no_email"),
    ],
)
async def test_an_address_that_is_none_is_refused_for_staff_and_nothing_is_sent(
    open_city: Any, left: dict[str, str], code: str
) -> None:
    async with open_city("gate", "post") as city:
        await city.hear(city.issued(**left))
        await city.settled()
        assert [(one["state"], one["reason"]) for one in await city.notices()] == [("failed", code)]
        assert [one["reason"] for one in await city.told(CitizenUnreached)] == [code]
        assert not city.texts()
        assert not city.post.seen.effects
        assert "nobody" not in str(await city.told(NoticeFailed))


async def test_line_ends_in_a_value_from_another_service_reach_no_mail_head(open_city: Any) -> None:
    async with open_city("post") as city:
        await city.hear(city.booked(email="zoe@mail.example", place="Markt\r\nBcc: all@mail.example"))
        await city.settled()
        assert not city.post.seen.effects
        assert {one["reason"] for one in await city.notices()} == {"text.control_character"}
        assert await city.told(CitizenUnreached)


async def test_quiet_hours_put_an_sms_off_until_the_morning(open_city: Any) -> None:
    async with open_city("gate", "post", quiet_hours="20:00-07:00") as city:
        night = datetime(2026, 11, 25, 22, 0, tzinfo=VIENNA)
        city.ahead = night - utc_now()
        await city.hear(city.issued(phone="+436605550001"), city.issued(email="zoe@mail.example"))
        await city.settled()
        assert city.post.seen.effects.total() == 1
        assert not city.texts()
        city.ahead += timedelta(hours=8, minutes=59)
        await asyncio.sleep(1.5)
        assert not city.texts()
        city.ahead += timedelta(minutes=2)
        await city.until(lambda: len(city.texts()) == 1)


async def test_what_is_over_is_redacted_and_still_counted(open_city: Any) -> None:
    async with open_city("gate") as city:
        closed = city.issued(phone="+436605550001")
        await city.hear(closed, city.issued(phone="+436605550002"))
        await city.settled()
        await city.hear(CaseClosed(case_id=closed.case_id, service="x", stand_id=uuid7(), closed_at=city.clock()))
        retention = city.service.parts["retention"]
        city.ahead = timedelta(days=6)
        await retention.look()
        assert all(one["address"] and one["facts"] for one in await city.notices())
        city.ahead = timedelta(days=8)
        await retention.look()
        assert not any(one["address"] or one["facts"] for one in await city.notices())
        assert await city.states() == {"sent": 2}
        kept = await city.rows("SELECT subject_id FROM subject WHERE contact IS NOT NULL")
        assert [row["subject_id"] for row in kept] != []
        assert closed.case_id not in {row["subject_id"] for row in kept}
