"""Operators list, retry and discard events and jobs that failed, over HTTP."""

from collections.abc import AsyncIterator
from typing import ClassVar
from uuid import UUID

import httpx
import pytest_asyncio
from uuid_utils.compat import uuid7
from wanderamt.backbone.jobs.failed import mark_failed
from wanderamt.backbone.jobs.queue import claim
from wanderamt.backbone.messaging.consumer import EventConsumer
from wanderamt.backbone.messaging.inbox import Inbox
from wanderamt.backbone.messaging.topics import Topics
from wanderamt.backbone.persistence.database import Database
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.contracts import StandCancelled
from wanderamt.kernel.decision import Job, NeedsOperator
from wanderamt.security.roles import Role
from wanderamt.security.tokens import TokenVerifier
from wanderamt.shell import dead_letter_routes
from wanderamt.shell.access import AccessLookup
from wanderamt.shell.audit_log import AuditLog
from wanderamt.shell.http import create_http
from wanderamt_testing.databases import OpenDatabase
from wanderamt_testing.run_keys import RunKeys

consumer = EventConsumer("scheduling")


class SecretCall(Job):
    QUEUE: ClassVar[str] = "call"
    KEY: ClassVar[str] = "case_id"
    DEADLINE_S: ClassVar[int] = 60

    case_id: UUID
    name: str = "Zoe"


@consumer.on(StandCancelled)
async def _on_stand_cancelled(_: StandCancelled, __: UnitOfWork) -> None:
    return None


class OperatorDesk:
    def __init__(self, database: Database, http: httpx.AsyncClient) -> None:
        self.database = database
        self.http = http

    async def fail_job(self, case_id: UUID) -> None:
        async with self.database.unit_of_work() as uow:
            uow.enqueue(SecretCall(case_id=case_id), SecretCall(case_id=case_id))
        async with self.database.unit_of_work() as uow:
            [claimed] = await claim(uow, SecretCall, 1)
            await mark_failed(uow, claimed, NeedsOperator("unclear"), consumer="scheduling")

    async def fail_events(self, aggregate: UUID) -> None:
        async with self.database.unit_of_work() as uow:
            for offset in range(2):
                await uow.db.execute(
                    """
                    INSERT INTO dead_letter (consumer, topic, partition, "offset", aggregate, value, headers, state,
                                             reason, fingerprint, type)
                    VALUES ('scheduling', 'stand.v1', 0, $1, $2, 'not an event', '[]', 'failed', 'a bug', 'f00d', 'x')
                    """,
                    offset,
                    aggregate,
                )

    async def sql(self, statement: str) -> list[dict[str, object]]:
        async with self.database.unit_of_work() as uow:
            return [dict(row) for row in await uow.db.fetch(statement)]

    async def rows(self, **query: object) -> list[dict[str, object]]:
        response = await self.http.get("/dead-letters", params=query)  # type: ignore[arg-type]
        assert response.status_code == 200, response.text
        rows: list[dict[str, object]] = response.json()["dead_letters"]
        return rows


@pytest_asyncio.fixture
async def desk(open_database: OpenDatabase, run_keys: RunKeys) -> AsyncIterator[OperatorDesk]:
    database = await open_database("scheduling")
    verifier = TokenVerifier(run_keys.public_key, audience="scheduling")
    app = create_http("scheduling", tokens=verifier, database=database, note_refusal=AuditLog(database).note)
    app.state.access_lookup = AccessLookup()
    app.state.inboxes = {"scheduling": Inbox(consumer, database, "nowhere:9092", Topics())}
    app.include_router(dead_letter_routes.router)
    headers = run_keys.bearer(Role.OPERATOR, audience="scheduling", subject="night shift")
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test", headers=headers) as http:
        yield OperatorDesk(database, http)


async def test_failed_jobs_and_events_are_in_one_list_with_ids_and_without_content(desk: OperatorDesk) -> None:
    case_id, stand_id = uuid7(), uuid7()
    await desk.fail_job(case_id)
    await desk.fail_events(stand_id)
    rows = await desk.rows()
    assert [(row["kind"], row["state"], row["type"], row["reason"], row["subject"]) for row in rows] == [
        ("job", "failed", "call", "unclear", f"case_id {case_id}"),
        ("event", "failed", "x", "a bug", str(stand_id)),
        ("event", "failed", "x", "a bug", str(stand_id)),
    ]
    assert not any("Zoe" in str(row) or "not an event" in str(row) for row in rows)
    assert [row["kind"] for row in await desk.rows(kind="job")] == ["job"]
    assert len(await desk.rows(fingerprint="f00d")) == 2
    shown = await desk.http.get(f"/dead-letters/{rows[0]['id']}")
    assert shown.json() == rows[0]


async def test_the_list_has_pages(desk: OperatorDesk) -> None:
    await desk.fail_events(uuid7())
    await desk.fail_job(uuid7())
    first = (await desk.http.get("/dead-letters", params={"limit": 2})).json()
    second = (await desk.http.get("/dead-letters", params={"limit": 2, "after": first["next_after"]})).json()
    assert [len(page["dead_letters"]) for page in (first, second)] == [2, 1]
    assert second["next_after"] is None


async def test_a_retried_job_is_due_again_and_its_outcome_is_unknown(desk: OperatorDesk) -> None:
    await desk.fail_job(uuid7())
    [row] = await desk.rows()
    response = await desk.http.post(f"/dead-letters/{row['id']}/retry")
    assert response.json() == {"replayed": 1, "stale": 0, "failed": 0, "reasons": []}
    assert await desk.rows() == []
    jobs = await desk.sql("SELECT status FROM job ORDER BY seq")
    assert [job["status"] for job in jobs] == ["outcome_unknown", "todo"]
    assert (await desk.http.post(f"/dead-letters/{row['id']}/retry")).status_code == 404


async def test_an_event_is_retried_from_the_first_one_of_its_aggregate(desk: OperatorDesk) -> None:
    await desk.fail_events(uuid7())
    first, second = await desk.rows()
    refused = await desk.http.post(f"/dead-letters/{second['id']}/retry")
    assert (refused.status_code, refused.json()["code"]) == (409, "dead_letter.waits")
    response = await desk.http.post(f"/dead-letters/{first['id']}/retry")
    assert response.json()["failed"] == 1, "it is still not readable"
    assert [row["attempts"] for row in await desk.rows()] == [2, 1]


async def test_a_discarded_job_lets_the_next_of_its_key_run_and_the_reason_is_recorded(desk: OperatorDesk) -> None:
    await desk.fail_job(uuid7())
    [row] = await desk.rows()
    path = f"/dead-letters/{row['id']}/discard"
    assert (await desk.http.post(path, json={"why": ""})).status_code == 422
    assert (await desk.http.post(path, json={"why": "done by hand"})).status_code == 204
    assert await desk.rows() == []
    assert [job["status"] for job in await desk.sql("SELECT status FROM job")] == ["todo"]
    [action] = await desk.sql("SELECT who, action, details->>'why' AS why FROM audit_record")
    assert action == {"who": "night shift", "action": "discard", "why": "done by hand"}
