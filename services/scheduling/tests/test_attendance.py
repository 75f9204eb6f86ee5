"""A case that names an appointment marks it as attended only at its own stand, and not days before."""

from datetime import datetime, timedelta
from uuid import UUID

import pytest
from scheduling.domain.stand import StandDetails
from scheduling.events import on_case_events
from scheduling_fixtures import SchedulingEnv
from structlog.testing import capture_logs
from uuid_utils.compat import uuid7
from wanderamt.backbone.environment import Environment
from wanderamt.contracts import CaseOpened, Language


def opened(appointment_id: UUID, stand_id: UUID, at: datetime) -> CaseOpened:
    return CaseOpened(
        case_id=uuid7(),
        service="active_pass",
        stand_id=stand_id,
        language=Language.DE,
        captured_at=at,
        appointment_id=appointment_id,
    )


async def state_after(env: SchedulingEnv, event: CaseOpened, *, now: datetime) -> tuple[str, list[str]]:
    """The state of the appointment, and the case ids of the warnings."""
    env.database.environment = Environment(clock=lambda: now)
    with capture_logs() as logs:
        async with env.database.unit_of_work() as uow:
            await on_case_events([event], uow, env.context)
    [row] = await env.rows("SELECT state FROM appointment WHERE appointment_id = $1", event.appointment_id)
    return row["state"], [log["case_id"] for log in logs if log["event"] == "appointment.case_does_not_fit"]


async def test_a_case_of_another_stand_marks_no_appointment_as_attended(
    scheduling_env: SchedulingEnv, details: StandDetails, elsewhere: StandDetails
) -> None:
    stand, other = await scheduling_env.stand(details), await scheduling_env.stand(elsewhere)
    appointment = await scheduling_env.book(stand, details.starts_at)
    at = appointment.starts_at
    wrong, right = opened(appointment.id, other.id, at), opened(appointment.id, stand.id, at)
    assert await state_after(scheduling_env, wrong, now=at) == ("booked", [str(wrong.case_id)])
    assert await scheduling_env.rows("SELECT 1 FROM outbox WHERE type LIKE '%appointment.served%'") == []
    assert await state_after(scheduling_env, right, now=at) == ("served", [])


@pytest.mark.parametrize(
    ("early", "state"),
    [
        (timedelta(days=1), "booked"),
        (timedelta(days=9), "booked"),
        (timedelta(hours=11), "booked"),  # the evening before
        (timedelta(hours=9), "served"),
        (timedelta(), "served"),
        (timedelta(days=-1), "served"),  # reported late by a stand without network
    ],
)
async def test_a_case_of_a_day_before_marks_no_appointment_as_attended(
    scheduling_env: SchedulingEnv, details: StandDetails, early: timedelta, state: str
) -> None:
    stand = await scheduling_env.stand(details)
    appointment = await scheduling_env.book(stand, details.starts_at)
    event = opened(appointment.id, stand.id, appointment.starts_at - early)
    after, warned = await state_after(scheduling_env, event, now=event.captured_at)
    assert (after, len(warned)) == (state, int(state == "booked"))


async def test_a_device_whose_clock_is_ahead_makes_no_appointment_attended_before_its_day(
    scheduling_env: SchedulingEnv, details: StandDetails
) -> None:
    stand = await scheduling_env.stand(details)
    appointment = await scheduling_env.book(stand, details.starts_at)
    event = opened(appointment.id, stand.id, appointment.starts_at)
    now = appointment.starts_at - timedelta(days=3)
    assert await state_after(scheduling_env, event, now=now) == ("booked", [str(event.case_id)])


async def test_at_a_stand_open_past_midnight_a_case_just_before_counts(
    scheduling_env: SchedulingEnv, details: StandDetails
) -> None:
    stand = await scheduling_env.stand(details)
    appointment = await scheduling_env.book(stand, details.starts_at)
    midnight = datetime.combine(details.starts_at.date(), datetime.min.time(), scheduling_env.context.zone)
    await scheduling_env.rows("UPDATE appointment SET starts_at = $1 RETURNING 1", midnight + timedelta(minutes=10))
    event = opened(appointment.id, stand.id, midnight - timedelta(minutes=5))
    assert await state_after(scheduling_env, event, now=event.captured_at) == ("served", [])
