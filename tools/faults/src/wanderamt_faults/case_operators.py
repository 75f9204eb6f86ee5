"""The people who look after a register run: operators who resolve unknown outcomes, clerks who ask registers again.

An operator looks at the rows of the register, as its owner would, and records that an order happened, with what the
register wrote down, or that it did not. Time passes quickly: what waits for its next attempt is due soon.
"""

import asyncio
import json
import random
from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

import asyncpg
import httpx
from intake.domain.case.state import CallStatus
from pydantic import SecretStr
from registry_bridge.bridges import bridge_folders
from registry_bridge.handlers.requests import resolve_request
from service_catalogue.authority import shipped_profile
from wanderamt.backbone.persistence.database import Database
from wanderamt.kernel.ids import RequestId
from wanderamt.kernel.refusal import Refusal
from wanderamt.kernel.sealed import Sealed
from wanderamt.security.assertions import AssertionSigner
from wanderamt.security.keys import FieldCipher
from wanderamt_local.system import System, database_of

from wanderamt_faults.case_clients import BackOffice
from wanderamt_faults.register_faults import LATEST_S

BRIDGE: Final = "registry-bridge"
REGISTERS: Final = ("residents", "parking")
OPERATOR_LIST: Final = (
    "SELECT request_id, register_name, operation, question FROM request WHERE state = 'needs_operator'"
)
HURRY: Final = """
    UPDATE job SET run_at = now() + interval '1 second'
    WHERE queue LIKE 'call-%' AND status IN ('todo', 'outcome_unknown') AND run_at > now() + interval '3 seconds'
"""
FAILED_ONCE: Final = """
    SELECT id, effect_possible FROM job JOIN request ON request_id::text = body ->> 'request_id'
    WHERE queue IN ('call-residents', 'call-parking') AND status IN ('todo', 'outcome_unknown')
    AND attempts > 0 AND deadline > now() ORDER BY id
"""
LATE_SHARE: Final = {False: 0.1, True: 0.5}  # of the calls that failed, by whether they may have had their effect
TO_REPEAT: Final = frozenset({CallStatus.UNAVAILABLE, CallStatus.BLOCKED, CallStatus.UNDO_BLOCKED})
Json = dict[str, Any]
Tables = Mapping[str, Mapping[str, list[Json]]]


@dataclass
class RegisterOperators:
    """`happened`, `not_happened`: what was recorded of orders. `too_late`: calls whose time ran out. `asked_again`: cases
    whose clerk asked a register again."""

    system: System
    office: BackOffice
    rng: random.Random
    happened: int = 0
    not_happened: int = 0
    too_late: int = 0
    asked_again: int = 0
    database: Database = field(init=False)
    cipher: FieldCipher = field(init=False)
    _listed_since: dict[UUID, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        secrets, postgres = self.system.state.secrets, self.system.postgres
        assert postgres
        self.database = Database(postgres.database_url(database_of(BRIDGE)), service_name=BRIDGE, max_connections=2)
        signer = AssertionSigner(SecretStr(secrets.assertion_key))
        self.cipher = FieldCipher(
            SecretStr(secrets.encryption_key), authority=shipped_profile().code, assertion_signer=signer
        )
        folders = {folder.manifest.id: folder for folder in bridge_folders()}
        self._manifests = {name: folder.manifest for name, folder in folders.items()}
        self._models = {name: folder.models for name, folder in folders.items()}

    async def let_time_pass(self, *, too_late: bool) -> None:
        """`too_late`: for some calls that failed, the whole time has passed."""
        async with self.database.unit_of_work() as uow:
            if not too_late:
                await uow.db.execute(HURRY)
                return
            failed = await uow.db.fetch(FAILED_ONCE)
            late = [row["id"] for row in failed if self.rng.random() < LATE_SHARE[row["effect_possible"]]]
            await uow.db.execute("UPDATE job SET deadline = now() WHERE id = ANY($1::uuid[])", late)
            await uow.db.execute(HURRY)
        self.too_late += len(late)

    async def work_off_the_list(self) -> int:
        """Resolves what waits for an operator, once no late call can change the register any more. Returns how many
        requests that were."""
        async with self.database.unit_of_work() as uow:
            listed = await uow.db.fetch(OPERATOR_LIST)
        moment = asyncio.get_running_loop().time()
        since = {row["request_id"]: self._listed_since.get(row["request_id"], moment) for row in listed}
        self._listed_since = since
        waiting = [row for row in listed if moment - since[row["request_id"]] > LATEST_S]
        if not waiting:
            return 0
        tables = {register: await self.system.register_rows(register) for register in REGISTERS}
        for row in waiting:
            question = json.loads(self.cipher.open(Sealed.model_validate(row["question"])))
            answer = answer_in_rows(row["operation"], question, str(row["request_id"]), tables)
            await self._resolve(row["request_id"], answer)
        return len(waiting)

    async def ask_again(self, connection: asyncpg.Connection, cases: Set[UUID]) -> int:
        """For those of the cases whose register did not answer or could not undo, as the clerk who owns them does. `connection`: to
        the database of intake. Returns how many cases asked."""
        rows = await connection.fetch("SELECT case_id, progress::text AS progress FROM case_file")
        failed = {UUID(str(row["case_id"])) for row in rows if TO_REPEAT & _statuses(json.loads(row["progress"]))}
        asked = 0
        for case_id in failed & cases:
            status = await self.office.post(f"/cases/{case_id}/ask-again")
            asked += status < httpx.codes.BAD_REQUEST  # a case that has ended asks no more
        self.asked_again += asked
        return asked

    async def _resolve(self, request_id: UUID, answer: Json | None) -> None:
        async with self.database.unit_of_work() as uow:
            outcome = await resolve_request(
                RequestId(request_id),
                uow,
                happened=answer is not None,
                manifests=self._manifests,
                cipher=self.cipher,
                operator="operator@linz",
                consumer=BRIDGE,
                answer=json.dumps(answer).encode() if answer is not None else None,
                models=self._models,
            )
        assert not isinstance(outcome, Refusal), outcome
        self.happened += answer is not None
        self.not_happened += answer is None


def answer_in_rows(operation: str, question: Json, request_id: str, tables: Tables) -> Json | None:
    """What the register wrote down for this order; None if it did not carry it out."""
    orders, permits = tables["residents"]["orders"], tables["parking"]["permits"]
    match operation:
        case "grant_permit":
            wanted = {"plate": question["plate"], "family_name": question["family_name"], "revoked": False}
            fields = ("number", "plate", "zone", "valid_from", "valid_until")
            granted = (permit for permit in permits if all(permit[name] == value for name, value in wanted.items()))
            return next(({name: permit[name] for name in fields} for permit in granted), None)
        case "revoke_permit":
            number = question["number"]
            revoked = any(permit["number"] == number and permit["revoked"] for permit in permits)
            return {"number": number} if revoked else None
        case "register_residence":
            order = next((order for order in orders if order["request_id"] == request_id), None)
            if not order:
                return None
            return {
                "registration_number": order["number"],
                "registered_since": question["moved_on"],
                "ended_main_residence": False,
            }
        case "cancel_registration":
            number = question["registration_number"]
            cancelled = any(order["number"] == number and order["cancelled"] for order in orders)
            return {"registration_number": number} if cancelled else None
    raise ValueError(operation)


def _statuses(progress: Json) -> set[str]:
    return {call[0] for call in progress.get("calls", {}).values()}
