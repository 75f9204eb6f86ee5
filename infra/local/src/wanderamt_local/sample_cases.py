"""Kafka and PostgreSQL with sample cases, for people who write a consumer outside of the project.

Invariants: the events leave through the outbox and the relay, as those of intake do; topics and databases have names of
their own, so that nothing reaches a running system on the same servers.
"""

import asyncio
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from uuid import UUID

from wanderamt.backbone.messaging.relay import Relay
from wanderamt.backbone.messaging.topics import Topics
from wanderamt.backbone.persistence.database import Database
from wanderamt.backbone.persistence.migrations import migrate
from wanderamt.contracts import CaseClosed, CaseEvent, CaseNeedsVisit, CaseOpened, Language, VisitReason

from wanderamt_local.kafka import Kafka
from wanderamt_local.postgres import Postgres
from wanderamt_local.state import StateFolder, state_root
from wanderamt_local.system import System, database_of

PREFIX = "sample."
CASE_EVERY_S = 2.0
SENDER = "intake"  # the owner of case.v1
SERVICES = ("registration_confirmation", "dog_registration", "resident_parking")

Report = Callable[[str], None]


async def run_samples(consumers: Sequence[str], report: Report) -> None:
    """Until SIGINT or SIGTERM. Each consumer gets a database. Raises UnavailableError or NotReadyError."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)
    system = System(StateFolder(state_root() / "samples"))
    report("starting Kafka and PostgreSQL")
    try:
        system.kafka, system.postgres = kafka, postgres = await system.start_servers()
        for name in consumers:
            path = await _write_settings(name, kafka, postgres, system.state)
            report(f"settings of {name}: set -a; . {path}; set +a")
        url = await postgres.create_database(_database(SENDER))
        await asyncio.to_thread(migrate, url)
        await _send_cases(url, kafka.bootstrap_servers, stop, report)
    finally:
        await system.stop()


async def _write_settings(name: str, kafka: Kafka, postgres: Postgres, state: StateFolder) -> Path:
    settings = {
        "WANDERAMT_DATABASE_URL": await postgres.create_database(_database(name)),
        "WANDERAMT_KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
        "WANDERAMT_TOPIC_PREFIX": PREFIX,
    }
    return state.write_env(name, settings)


def _database(name: str) -> str:
    return f"sample_{database_of(name)}"


async def _send_cases(url: str, servers: str, stop: asyncio.Event, report: Report) -> None:
    topics = Topics(PREFIX)
    await topics.create(servers)
    database = Database(url, service_name=SENDER)
    relay = Relay(database, servers, topics)
    await database.start()
    await relay.start()
    report(f"every {CASE_EVERY_S:.0f} seconds a case on {topics.name('case.v1')} at {servers}; Ctrl-C ends it")
    number = 0
    try:
        while not stop.is_set():
            await emit_case(database, number)
            number += 1
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), CASE_EVERY_S)
    finally:
        await relay.stop()
        await database.stop()


async def emit_case(database: Database, number: int) -> UUID:
    """The events of the case with this number, from its opening to its end. Returns its id."""
    async with database.unit_of_work() as uow:
        case_id = uow.new_id()
        events = list(_events_of_case(case_id, number, stand_id=uow.new_id(), now=uow.now))
        uow.emit(*events, version=len(events))
    return case_id


def _events_of_case(case_id: UUID, number: int, *, stand_id: UUID, now: datetime) -> Iterator[CaseEvent]:
    """Every second citizen must come again."""
    service, language = SERVICES[number % len(SERVICES)], Language.DE
    yield CaseOpened(case_id=case_id, service=service, stand_id=stand_id, language=language, captured_at=now)
    if number % 2:
        yield CaseNeedsVisit(
            case_id=case_id,
            service=service,
            stand_id=stand_id,
            language=language,
            reason=VisitReason.NOT_FOUND,
            decided_at=now,
        )
    yield CaseClosed(case_id=case_id, service=service, stand_id=stand_id, closed_at=now)
