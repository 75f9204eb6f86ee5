"""A case and an appointment with the same id are two things: neither reads, changes or hides the other."""

import re
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from notifications.domain.citizen_case import ref_of
from notifications.domain.kinds import About, AboutRef
from notifications_fixtures import NotificationsEnv, OpenNotificationsEnv
from uuid_utils.compat import uuid7
from wanderamt.contracts import (
    EVENTS,
    AppointmentBooked,
    AppointmentCancelled,
    AppointmentMoved,
    CaseWithdrawn,
    ContactCodeRequested,
    Event,
    case_code,
)

CITIZEN, OTHER = "+436605550001", "+436641234567"
BORN, OTHER_BORN = "1980-05-04", "2000-02-02"


def booked_as(env: NotificationsEnv, id_: UUID, *, born: str = OTHER_BORN) -> AppointmentBooked:
    """An appointment of another person, with the id of a case."""
    contact = env.contact(id_, phone=OTHER, born=born)
    booked = env.appointment_booked(in_=timedelta(hours=20), phone=OTHER)
    return booked.model_copy(update={"appointment_id": id_, "contact": contact})


def moved(booked: AppointmentBooked, by: timedelta) -> AppointmentMoved:
    return AppointmentMoved(
        appointment_id=booked.appointment_id,
        stand_id=booked.stand_id,
        place="solarCity",
        starts_at=booked.starts_at + by,
        ends_at=booked.ends_at + by,
        moved_at=booked.booked_at,
    )


async def stored(env: NotificationsEnv, about: About) -> list[str]:
    """Everything about cases, or about appointments, row by row."""
    tables = {"citizen_case": "about", "notice": "about", "consent": "source_kind", "task": "about"}
    stored_rows = []
    for table, column in tables.items():
        rows = await env.rows(f"SELECT t::text AS row FROM {table} t WHERE {column} = $1 ORDER BY 1", about)
        stored_rows += [row["row"] for row in rows]
    return stored_rows


async def look_up(env: NotificationsEnv, code: str, born: str) -> tuple[int, str]:
    async with env.http_client() as http:
        page = await http.post("/status?lang=en", data={"code": code, "born": born})
        return page.status_code, page.text


async def test_events_of_an_appointment_change_nothing_of_a_case_with_its_id(
    open_notifications_env: OpenNotificationsEnv,
) -> None:
    async with open_notifications_env("gate") as env:
        case = env.case_opened(phone=CITIZEN)
        await env.deliver_events(case, env.case_overdue(case.case_id))
        await env.wait_until_idle()
        before, code = await stored(env, About.CASE), case_code(case.case_id)
        assert len(before) >= 3
        booked = booked_as(env, case.case_id)
        await env.deliver_events(booked, moved(booked, timedelta(minutes=30)))
        await env.wait_until_idle()
        await env.deliver_events(
            AppointmentCancelled(appointment_id=case.case_id, by_citizen=True, cancelled_at=env.clock())
        )
        await env.wait_until_idle()
        assert await stored(env, About.CASE) == before
        status, page = await look_up(env, code, BORN)
        assert (status, "Südbahnhofmarkt" in page, "solarCity" in page) == (200, False, False)
        status, page = await look_up(env, code, OTHER_BORN)
        assert (status, "solarCity" in page) == (200, True)
        assert {number for number, text in env.received_sms() if "solarCity" in text or "bahnhof" in text} == {OTHER}


async def test_events_of_a_case_change_nothing_of_an_appointment_with_its_id(
    open_notifications_env: OpenNotificationsEnv,
) -> None:
    async with open_notifications_env("gate") as env:
        id_ = uuid7()
        await env.deliver_events(booked_as(env, id_))
        await env.wait_until_idle()
        before = await stored(env, About.APPOINTMENT)
        withdrawn = CaseWithdrawn(case_id=id_, service="x", stand_id=uuid7(), refund_cents=0, withdrawn_at=env.clock())
        await env.deliver_events(env.case_opened(id_, phone=CITIZEN), env.document_issued(id_, phone=CITIZEN))
        await env.deliver_events(withdrawn)
        await env.wait_until_idle()
        assert await stored(env, About.APPOINTMENT) == before


async def test_in_one_batch_each_event_meets_its_own_kind(open_notifications_env: OpenNotificationsEnv) -> None:
    async with open_notifications_env("gate") as env:
        case = env.case_opened(phone=CITIZEN)
        booked = booked_as(env, case.case_id)
        await env.deliver_events(booked, case, moved(booked, timedelta(minutes=30)), env.case_overdue(case.case_id))
        rows = await env.rows("SELECT about, status FROM citizen_case WHERE about_id = $1", case.case_id)
        assert {(row["about"], row["status"]) for row in rows} == {("case", "delayed"), ("appointment", "moved")}
        last = await env.rows("SELECT about, kind FROM notice WHERE state <> 'dropped'")
        assert {(row["about"], row["kind"]) for row in last} == {
            ("case", "delayed"),
            ("appointment", "appointment_moved"),
        }


async def test_who_has_the_date_of_birth_too_still_hides_no_case(open_notifications_env: OpenNotificationsEnv) -> None:
    async with open_notifications_env("gate") as env:
        case = env.case_opened(phone=CITIZEN)
        await env.deliver_events(booked_as(env, case.case_id, born=BORN), case)
        status, page = await look_up(env, case_code(case.case_id), BORN)
        assert (status, "Südbahnhofmarkt" in page) == (200, False)


async def test_the_page_of_an_appointment_stops_no_messages_about_a_case_with_its_id(
    open_notifications_env: OpenNotificationsEnv,
) -> None:
    async with open_notifications_env("gate") as env, env.http_client() as http:
        case = env.case_opened(phone=CITIZEN)
        await env.deliver_events(case, booked_as(env, case.case_id))
        _, page = await look_up(env, case_code(case.case_id), OTHER_BORN)
        token = re.search(r'name="token" value="([^"]+)"', page)
        assert token
        stopped = await http.post("/status/opt-out", data={"token": token.group(1)})
        assert stopped.status_code == 200
        rows = await env.rows("SELECT source_kind, withdrawn_at FROM consent WHERE source = $1", case.case_id)
        assert {(row["source_kind"], row["withdrawn_at"] is None) for row in rows} == {
            ("case", True),
            ("appointment", False),
        }


@pytest.mark.parametrize("event_type", EVENTS)
def test_the_topic_of_an_event_decides_what_it_is_about(event_type: type[Event]) -> None:
    """`CaseOpened` names an appointment too, and a document its case."""
    ids: dict[str, Any] = {
        name: uuid7() for name in ("case_id", "appointment_id", "document_id", "stand_id", "request_id")
    }
    about = {
        "case.v1": AboutRef(About.CASE, ids["case_id"]),
        "document.v1": AboutRef(About.CASE, ids["case_id"]),
        "appointment.v1": AboutRef(About.APPOINTMENT, ids["appointment_id"]),
    }
    expected = None if event_type is ContactCodeRequested else about.get(event_type.TOPIC)  # a code is about neither
    assert ref_of(event_type.model_construct(**ids)) == expected
