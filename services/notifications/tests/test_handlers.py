"""What notifications decides: once per case, kind and channel; an interrupted mail is told, not sent again."""

from datetime import timedelta
from typing import Any

import pytest_asyncio
from notifications import handlers
from notifications.domain.notice import Message, NoticeState, SendNotice, Sent
from pydantic import SecretStr
from uuid_utils.compat import uuid7
from wanderamt.backbone.database import Database
from wanderamt.backbone.sources import utc_now
from wanderamt.contracts import Channel, DocumentIssued, Language
from wanderamt.kernel.decision import Attempt
from wanderamt.kernel.ids import CaseId
from wanderamt.security.keys import Sealer

FIRST, AFTER_A_CRASH = Attempt(1, interrupted=False), Attempt(2, interrupted=True)


@pytest_asyncio.fixture
async def database(open_database: Any) -> Database:
    opened: Database = await open_database("notifications")
    return opened


async def told(database: Database, badge: Any, *, times: int = 1) -> tuple[CaseId, dict[Channel, SendNotice]]:
    """A document was issued to a citizen with phone and mail; `times` the event was heard."""
    sealer, case_id = Sealer(SecretStr(badge.sealing_key)), uuid7()
    contact = sealer.seal(case_id, b'{"phone": "+43660555001", "email": "zoe@mail.example"}')
    event = DocumentIssued(
        document_id=uuid7(),
        case_id=case_id,
        service="active_pass",
        stand_id=uuid7(),
        number="MB-2026-000001",
        sha256="",
        language=Language.DE,
        contact=contact,
        issued_at=utc_now(),
    )
    for _ in range(times):
        async with database.work() as work:
            await handlers.on_document_issued(event, work, sealer=sealer)
    async with database.work() as work:
        jobs = [SendNotice.model_validate(row["body"]) for row in await work.db.fetch("SELECT body FROM job")]
        notices = {notice.id: notice.channel for notice in await handlers.show_notices(CaseId(case_id), work)}
    assert len(jobs) == 2
    return CaseId(case_id), {notices[job.notice_id]: job for job in jobs}


async def states(database: Database, case_id: CaseId) -> dict[Channel, NoticeState]:
    async with database.work() as work:
        return {notice.channel: notice.state for notice in await handlers.show_notices(case_id, work)}


async def said(database: Database) -> list[str]:
    async with database.work() as work:
        return [row["type"] for row in await work.db.fetch("SELECT type FROM outbox ORDER BY id")]


async def test_the_same_event_twice_decides_each_notice_once(database: Database, badge: Any) -> None:
    _, jobs = await told(database, badge, times=2)
    assert jobs.keys() == {Channel.SMS, Channel.EMAIL}


async def test_a_sent_notice_is_told_once_and_not_claimed_for_another_outcome(database: Database, badge: Any) -> None:
    case_id, jobs = await told(database, badge)
    for _ in range(2):
        async with database.work() as work:
            await handlers.record_delivery(jobs[Channel.SMS], Sent("sms-gateway"), work)
    assert (await states(database, case_id))[Channel.SMS] is NoticeState.SENT
    assert await said(database) == ["at.wanderamt.notice.sent.v1"]


async def test_after_a_crash_an_sms_is_sent_again_under_its_key_and_a_mail_is_told_as_unknown(
    database: Database, badge: Any
) -> None:
    case_id, jobs = await told(database, badge)
    async with database.work() as work:
        assert isinstance(await handlers.claim_notice(jobs[Channel.SMS], AFTER_A_CRASH, work), Message)
        assert await handlers.claim_notice(jobs[Channel.EMAIL], AFTER_A_CRASH, work) is None
    assert await states(database, case_id) == {Channel.SMS: NoticeState.DECIDED, Channel.EMAIL: NoticeState.UNKNOWN}
    assert await said(database) == ["at.wanderamt.notice.unknown.v1"]


async def test_a_notice_past_its_use_by_time_is_told_as_failed_and_never_sent(database: Database, badge: Any) -> None:
    case_id, jobs = await told(database, badge)
    async with database.work() as work:
        work.now += timedelta(hours=25)
        assert await handlers.claim_notice(jobs[Channel.EMAIL], FIRST, work) is None
    assert (await states(database, case_id))[Channel.EMAIL] is NoticeState.FAILED
