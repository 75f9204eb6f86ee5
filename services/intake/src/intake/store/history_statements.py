"""Hand-written statements of the history of cases: a sync writes it with the cases.

Invariants: the history holds all events and never changes, but at the end of a retention period (see
`retention_statements`); `case_file` holds the state rebuilt from them; what people typed lies encrypted in it.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple, get_args
from uuid import UUID

from pydantic import TypeAdapter
from wanderamt.backbone.persistence.outbox import Statement
from wanderamt.backbone.persistence.unit_of_work import UnitOfWork
from wanderamt.kernel.ids import CaseId, DeviceId, EntryId
from wanderamt.kernel.json_text import to_json_rows
from wanderamt.kernel.sealed import Sealed
from wanderamt.security.keys import FieldCipher

from intake.domain.case.case_events import (
    CaseHistoryEvent,
    Filled,
    HandedOver,
    ObligationFulfilled,
    Reopened,
    TakenToStand,
)
from intake.domain.event_mapping import EMPTY_FORM, EncryptedForm
from intake.store.forms import FORM_PARTS, decrypt_form, parse_form

FILLED = Filled.__name__
TYPED = frozenset(
    {HandedOver, ObligationFulfilled, Reopened, TakenToStand}
)  # with a reason, or an owner, that a person typed
EVENT_TYPES: dict[str, TypeAdapter[Any]] = {kind.__name__: TypeAdapter(kind) for kind in get_args(CaseHistoryEvent)}


class HistoryRow(NamedTuple):
    """The events that one message added to a case. `version`: of the case after them. `fields`: encrypted.

    `device_id` and `entry_id`: None for events from a register, the back office or a periodic task.
    """

    case_id: CaseId
    version: int
    events: tuple[CaseHistoryEvent, ...]
    fields: EncryptedForm
    officer: str
    device_id: DeviceId | None = None
    entry_id: EntryId | None = None


def insert_history(rows: Sequence[HistoryRow], *, now: datetime, cipher: FieldCipher) -> Statement:
    """A statement for `save_cases(also=...)`."""
    return _INSERT, [to_json_rows(_columns(row, cipher) for row in rows), now]


async def find_histories(
    uow: UnitOfWork, case_ids: Iterable[UUID], cipher: FieldCipher
) -> dict[CaseId, list[tuple[CaseHistoryEvent, DeviceId | None]]]:
    """The events of each case in order, with the device that sent each."""
    rows = await uow.db.fetch(
        "SELECT * FROM case_history WHERE case_id = ANY($1::uuid[]) ORDER BY case_id, version", list(case_ids)
    )
    histories: dict[CaseId, list[tuple[CaseHistoryEvent, DeviceId | None]]] = defaultdict(list)
    for row in rows:
        device_id = DeviceId(row["device_id"]) if row["device_id"] else None
        histories[CaseId(row["case_id"])] += [(event, device_id) for event in _events(row, cipher)]
    return histories


def _columns(row: HistoryRow, cipher: FieldCipher) -> dict[str, Any]:
    """The columns. The filled fields stand encrypted beside the events, since a message has one Filled at most."""
    fields = row.fields
    sealed = {part: sealed for part in FORM_PARTS if (sealed := getattr(fields, part))}
    content = {
        "events": [
            _sealed(event, row.case_id, cipher)
            if type(event) in TYPED
            else {"kind": type(event).__name__, "data": None if type(event) is Filled else event}
            for event in row.events
        ],
        "fields": None if fields is EMPTY_FORM else sealed,
    }
    return {
        "case_id": row.case_id,
        "version": row.version,
        "content": content,
        "officer": row.officer,
        "device_id": row.device_id,
        "entry_id": row.entry_id,
    }


def _sealed(event: CaseHistoryEvent, case_id: CaseId, cipher: FieldCipher) -> dict[str, Any]:
    kind = type(event).__name__
    return {"kind": kind, "sealed": cipher.seal(case_id, EVENT_TYPES[kind].dump_json(event))}


def _events(row: Any, cipher: FieldCipher) -> list[CaseHistoryEvent]:
    content = json.loads(row["content"])
    fields = decrypt_form(parse_form(content["fields"]), cipher) if content["fields"] else {}
    return [_parse_event(event, fields, cipher) for event in content["events"]]


def _parse_event(stored: dict[str, Any], fields: dict[str, Any], cipher: FieldCipher) -> CaseHistoryEvent:
    if stored["kind"] == FILLED:
        return Filled(fields)
    kind, event = EVENT_TYPES[stored["kind"]], stored.get("data")
    sealed = stored.get("sealed")  # an earlier release stored all events in clear
    parsed: CaseHistoryEvent = (
        kind.validate_json(cipher.open(Sealed.model_validate(sealed))) if sealed else kind.validate_python(event)
    )
    return parsed


_INSERT = """
    INSERT INTO case_history (case_id, version, content, officer, device_id, entry_id, happened_at)
    SELECT case_id, version, content, officer, device_id, entry_id, $2::timestamptz
    FROM json_to_recordset($1::text::json)
         AS h(case_id uuid, version int, content json, officer text, device_id uuid, entry_id uuid)
"""
