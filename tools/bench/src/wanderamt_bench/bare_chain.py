"""The bare version of the whole chain from an entry to the SMS, in one process: sync, register, document, SMS.

python -m wanderamt_bench.bare_chain PORT DATABASE_URL KAFKA PREFIX [RESIDENTS_URL SMS_URL SMS_KEY]
"""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from wanderamt_bench.bare_messaging import CHANNEL, SCHEMA, insert_event, insert_events, run_consumer, run_relay
from wanderamt_bench.sample_documents import certificate_task, new_renderer

ENVELOPE = (
    '<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/" xmlns:pvp="http://egov.gv.at/pvp1.xsd">'
    '<soap:Header><pvp:role value="ZMR-Behoerdenanfrage"/></soap:Header><soap:Body>'
    '<r:ConfirmResidence xmlns:r="urn:wanderamt:residents:1"><r:RequestId>{case_id}</r:RequestId>'
    "<r:FamilyName>{family_name}</r:FamilyName><r:GivenName>{given_name}</r:GivenName>"
    "<r:BirthDate>{birth_date}</r:BirthDate></r:ConfirmResidence></soap:Body></soap:Envelope>"
)
WriteResult = Callable[[Any], Awaitable[None]]


class BareChain:
    def __init__(self, url: str, kafka: str, prefix: str, third_parties: list[str]) -> None:
        self.url, self.kafka, self.prefix = url, kafka, prefix
        self.third_parties = third_parties
        self.client = httpx.AsyncClient(timeout=10)
        self.renderer = new_renderer()
        self.pool: Any = None

    def app(self) -> Starlette:
        return Starlette(
            routes=[Route("/sync", self.sync, methods=["POST"]), Route("/ready", self.ready)], lifespan=self.lifespan
        )

    @asynccontextmanager
    async def lifespan(self, _: Starlette) -> AsyncIterator[None]:
        self.pool = await asyncpg.create_pool(self.url, min_size=4, max_size=20)
        await self.pool.execute(SCHEMA)
        tasks = [asyncio.create_task(run_relay(self.url, self.kafka, self.prefix))]
        if self.third_parties:
            steps = (
                ("case.v1", self.query_register),
                ("register.v1", self.issue_document),
                ("document.v1", self.send_sms),
            )
            for topic, step in steps:
                name = self.prefix + topic
                tasks.append(asyncio.create_task(run_consumer(self.kafka, self.pool, name, f"{name}.bare", step)))
        yield
        for task in tasks:
            task.cancel()
        await self.renderer.stop()

    async def ready(self, _: Request) -> Response:
        return JSONResponse({"status": "ready"})

    async def sync(self, request: Request) -> Response:
        entries = [json.loads(line) for line in (await request.body()).split(b"\n") if line.strip()]
        async with self.pool.acquire() as connection:
            async with connection.transaction():
                await connection.execute(
                    """
                    INSERT INTO entry (entry_id, case_id, device_seq, body)
                    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::jsonb[]) ON CONFLICT DO NOTHING
                    """,
                    [entry["entry_id"] for entry in entries],
                    [entry["case_id"] for entry in entries],
                    [entry["device_seq"] for entry in entries],
                    [json.dumps(entry["body"]) for entry in entries],
                )
                await connection.execute(
                    """
                    INSERT INTO case_file (case_id, version, state, body)
                    SELECT id, 2, 'provisional', body FROM unnest($1::uuid[], $2::jsonb[]) AS c(id, body)
                    ON CONFLICT DO NOTHING
                    """,
                    [entry["case_id"] for entry in entries],
                    [json.dumps(entry["body"]) for entry in entries],
                )
                events = [
                    ("case.v1", entry["case_id"], version, {"kind": kind, "case_id": entry["case_id"], **entry["body"]})
                    for entry in entries
                    for version, kind in ((1, "opened"), (2, "register-query-requested"))
                ]
                await insert_events(connection, events)
            await connection.execute(f"NOTIFY {CHANNEL}")
        return JSONResponse({"results": [{"entry_id": entry["entry_id"], "status": "accepted"} for entry in entries]})

    async def query_register(self, case: dict[str, Any], _: Any) -> WriteResult:
        if case["kind"] == "opened":
            return _write_nothing
        reply = await self.client.post(
            self.third_parties[0], content=ENVELOPE.format(case_id=case["case_id"], **case["applicant"])
        )
        assert b"CONFIRMED" in reply.content

        async def write(connection: Any) -> None:
            await insert_event(connection, "register.v1", case["case_id"], 1, case)

        return write

    async def issue_document(self, case: dict[str, Any], _: Any) -> WriteResult:
        pdf = await self.renderer.render(certificate_task(case["case_id"][-12:], **case["applicant"]))

        async def write(connection: Any) -> None:
            await connection.execute("INSERT INTO document (case_id, pdf) VALUES ($1, $2)", UUID(case["case_id"]), pdf)
            await connection.execute("UPDATE case_file SET state = 'final' WHERE case_id = $1", UUID(case["case_id"]))
            await insert_event(connection, "document.v1", case["case_id"], 1, case)

        return write

    async def send_sms(self, case: dict[str, Any], _: Any) -> WriteResult:
        body = {"reference": case["case_id"], "from": "Linz", "to": case["contact"]["phone"], "text": "fertig"}
        headers = {"Authorization": f"Bearer {self.third_parties[2]}", "Idempotency-Key": case["case_id"]}
        (await self.client.post(self.third_parties[1], json=body, headers=headers)).raise_for_status()

        async def write(connection: Any) -> None:
            await connection.execute("INSERT INTO notice (case_id, state) VALUES ($1, 'sent')", UUID(case["case_id"]))

        return write


async def _write_nothing(_: Any) -> None:
    return


if __name__ == "__main__":
    port, url, kafka, prefix, *third_parties = sys.argv[1:]
    chain = BareChain(url, kafka, prefix, third_parties)
    uvicorn.run(chain.app(), host="127.0.0.1", port=int(port), log_level="warning", access_log=False, loop="uvloop")
