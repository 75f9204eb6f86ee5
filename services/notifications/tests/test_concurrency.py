"""Two processes that handle events of one case, or a message of it, at the same moment."""

import asyncio
from uuid import UUID

import pytest
from notifications.events import on_events
from notifications_fixtures import NotificationsEnv, OpenNotificationsEnv
from uuid_utils.compat import uuid7
from wanderamt.backbone.messaging.dead_letter import RawRecord
from wanderamt.backbone.messaging.records import ReceivedEvent
from wanderamt.contracts import Event

PHONE = "+436605550001"
HOLDS_S = 0.3


async def handle_and_hold(env: NotificationsEnv, event: Event, handled: asyncio.Event) -> None:
    """Handles the event and commits HOLDS_S later."""
    item = ReceivedEvent(RawRecord("t", 0, 0, b"", b"", ()), env.header(event), event)
    async with env.database.unit_of_work() as uow:
        await on_events([item], uow, context=env.context)
        await uow.flush()
        handled.set()
        await asyncio.sleep(HOLDS_S)


async def outcomes(env: NotificationsEnv, case_id: UUID) -> dict[str, tuple[str, str]]:
    return {row["kind"]: (row["state"], row["reason"]) for row in await env.notices(case_id)}


@pytest.mark.parametrize("first", ["opened", "issued"])
async def test_of_the_first_two_events_of_a_case_the_later_stage_counts_whichever_process_is_faster(
    open_notifications_env: OpenNotificationsEnv, first: str
) -> None:
    async with open_notifications_env("gate", components=()) as env:
        case_id, handled = uuid7(), asyncio.Event()
        opened, issued = env.case_opened(case_id, phone=PHONE), env.document_issued(case_id, phone=PHONE)
        faster, slower = (opened, issued) if first == "opened" else (issued, opened)
        holding = asyncio.create_task(handle_and_hold(env, faster, handled))
        await handled.wait()
        await env.deliver_events(slower)
        await holding
        assert await outcomes(env, case_id) == {
            "case_opened": ("dropped", "superseded"),
            "document_ready": ("created", ""),
        }
        [view] = await env.rows("SELECT status, stage FROM citizen_case")
        assert (view["status"], view["stage"]) == ("ready", 3)
        assert len(await env.rows("SELECT 1 FROM consent WHERE withdrawn_at IS NULL")) == 1


async def test_a_notice_that_is_sent_while_a_newer_one_is_decided_keeps_its_outcome(
    open_notifications_env: OpenNotificationsEnv,
) -> None:
    async with open_notifications_env("gate", components=()) as env:
        case_id = uuid7()
        await env.deliver_events(env.case_opened(case_id, phone=PHONE))
        async with env.database.unit_of_work() as uow:
            await uow.db.execute("UPDATE notice SET state = 'sent', ended_at = now()")
            deciding = asyncio.create_task(env.deliver_events(env.document_issued(case_id, phone=PHONE)))
            await asyncio.sleep(HOLDS_S)
        await deciding
        assert await outcomes(env, case_id) == {"case_opened": ("sent", ""), "document_ready": ("created", "")}
