"""Reads the final state of a register run: cases and their histories, papers, rows, and what still waits."""

import asyncio
import io
import json
from collections import Counter
from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

import asyncpg
import httpx
from intake.domain.case.case_events import CaseHistoryEvent
from intake.domain.case.fold import rebuild
from intake.domain.case.state import WAITING, CallStatus
from intake.store.history_statements import find_histories
from pydantic import SecretStr
from pypdf import PdfReader
from service_catalogue.authority import shipped_profile
from wanderamt.backbone.persistence.database import Database
from wanderamt.kernel.ids import CaseId, RequestId
from wanderamt.security.keys import FieldCipher
from wanderamt_local.system import System, database_of

from wanderamt_faults.case_audit import CaseEvidence
from wanderamt_faults.case_clients import BackOffice
from wanderamt_faults.case_rows import COMMANDS, rows_by_family
from wanderamt_faults.case_scripts import CaseScript

LEFT_OVER: Final = """
    SELECT (SELECT count(*) FROM outbox) AS outbox, (SELECT count(*) FROM dead_letter) AS dead_letters,
           (SELECT count(*) FROM job WHERE status NOT IN ('succeeded', 'failed')) AS jobs
"""
VALID_DOCUMENTS: Final = """
    SELECT document_id, case_id FROM document WHERE revoked_at IS NULL AND pdf IS NOT NULL
"""
UNRENDERED: Final = """
    SELECT count(*) FROM document JOIN case_file USING (case_id)
    WHERE revoked_at IS NULL AND pdf IS NULL AND state = 'final' AND case_id = ANY($1::uuid[])
"""
SERVER_ERRORS: Final = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, httpx.HTTPError)
BUSY: Final = WAITING | {CallStatus.TO_UNDO}


@dataclass
class RegisterEvidence:
    """`twice`: orders that a register carried out twice, by its own count. `effects`: orders that it carried out.
    `taken_back`: registrations and permits that were undone. `injected`: faults of registers, by the calls that met
    them."""

    cases: list[CaseEvidence] = field(default_factory=list)
    twice: list[str] = field(default_factory=list)
    effects: int = 0
    taken_back: int = 0
    injected: Counter[str] = field(default_factory=Counter)


async def waiting(system: System, cases: Set[UUID]) -> dict[str, int]:
    """What is still to be done for these cases, by name."""
    counts: Counter[str] = Counter()
    for service in system.service_names:
        connection = await connect(system, service)
        try:
            counts.update(dict(await connection.fetchrow(LEFT_OVER)))
            if service == "intake":
                counts["open calls"] += len((await _unsettled(connection)).keys() & cases)
                counts["papers"] += await connection.fetchval(UNRENDERED, list(cases))
            else:
                counts["requests"] += await connection.fetchval("SELECT count(*) FROM request WHERE state = 'waiting'")
        finally:
            await connection.close()
    return {name: number for name, number in counts.items() if number}


async def unsettled_cases(system: System) -> dict[UUID, bool]:
    """The cases that wait for a register, and whether their command is on its way."""
    connection = await connect(system, "intake")
    try:
        return await _unsettled(connection)
    finally:
        await connection.close()


async def _unsettled(connection: asyncpg.Connection) -> dict[UUID, bool]:
    rows = await connection.fetch("SELECT case_id, progress::text AS progress FROM case_file")
    statuses = {
        UUID(str(row["case_id"])): {
            code: call[0] for code, call in json.loads(row["progress"]).get("calls", {}).items()
        }
        for row in rows
    }
    return {
        case_id: any(calls.get(command) == CallStatus.ASKED for command in COMMANDS.values())
        for case_id, calls in statuses.items()
        if BUSY & set(calls.values())
    }


async def gather_cases(
    system: System, scripts: Iterable[tuple[CaseScript, UUID]], office: BackOffice
) -> RegisterEvidence:
    """`scripts`: each with the id of its case."""
    cases = {case_id: script for script, case_id in scripts}
    tables = {register: await system.register_rows(register) for register in ("residents", "parking")}
    rows = rows_by_family(tables)
    papers = await _papers(system, cases.keys(), office)
    open_requests = await _open_requests(system)
    evidence = RegisterEvidence()
    for case_id, history in (await _histories(system, list(cases))).items():
        case, script = rebuild(CaseId(case_id), history), cases[case_id]
        assert case
        rows_of_case, papers_of_case = rows.get(script.family_name, []), papers.get(case_id, [])
        evidence.cases.append(CaseEvidence(script, case, history, rows_of_case, papers_of_case, open_requests))
    evidence.taken_back = sum(order["cancelled"] for order in tables["residents"]["orders"])
    evidence.taken_back += sum(permit["revoked"] for permit in tables["parking"]["permits"])
    for register in ("residents", "vehicles", "parking"):
        report = await system.simulator_report(register)
        evidence.twice += report["duplicated"]
        evidence.effects += report["effects"]
        evidence.injected.update(report["injected"])
    return evidence


async def connect(system: System, service: str) -> asyncpg.Connection:
    assert system.postgres
    return await asyncpg.connect(system.postgres.database_url(database_of(service)), timeout=10)


async def _open_requests(system: System) -> frozenset[RequestId]:
    connection = await connect(system, "registry-bridge")
    try:
        rows = await connection.fetch("SELECT request_id FROM request WHERE state IN ('waiting', 'needs_operator')")
    finally:
        await connection.close()
    return frozenset(RequestId(UUID(str(row["request_id"]))) for row in rows)


async def _histories(system: System, case_ids: Sequence[UUID]) -> dict[UUID, list[CaseHistoryEvent]]:
    assert system.postgres
    cipher = FieldCipher(SecretStr(system.state.secrets.encryption_key), authority=shipped_profile().code)
    database = Database(system.postgres.database_url(database_of("intake")), service_name="intake", max_connections=1)
    await database.start()
    try:
        async with database.unit_of_work() as uow:
            histories = await find_histories(uow, case_ids, cipher)
    finally:
        await database.stop()
    return {UUID(str(case_id)): [event for event, _ in events] for case_id, events in histories.items()}


async def _papers(system: System, case_ids: Iterable[UUID], office: BackOffice) -> dict[UUID, list[str]]:
    """The texts of the valid documents of each case."""
    connection = await connect(system, "intake")
    try:
        rows = await connection.fetch(VALID_DOCUMENTS)
    finally:
        await connection.close()
    wanted, papers = set(case_ids), dict[UUID, list[str]]()
    for row in rows:
        if row["case_id"] in wanted:
            pdf = await office.document(row["document_id"])
            papers.setdefault(row["case_id"], []).append(await asyncio.to_thread(_text_of, pdf))
    return papers


def _text_of(pdf: bytes) -> str:
    return "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages)


def event_names(history: Iterable[CaseHistoryEvent]) -> list[str]:
    """A history without what was typed: kinds of events and calls."""
    return [_event_name(event) for event in history]


def _event_name(event: Any) -> str:
    parts = [type(event).__name__]
    parts += [str(value) for name in ("call", "reason", "because") if (value := getattr(event, name, ""))]
    parts += ["undo"] if getattr(event, "undo", False) is True else []
    return " ".join(parts)
