"""The history of cases: everything that ever happened, never rewritten. The fold of it is the case file."""

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple, get_args
from uuid import UUID

from pydantic import TypeAdapter
from pydantic_core import to_json
from wanderamt.backbone.outbox import Statement
from wanderamt.backbone.work import Work
from wanderamt.kernel.ids import CaseId, DeviceId, EntryId
from wanderamt.security.keys import Sealer

from intake.domain.process.happening import Filled, Happening
from intake.domain.telling import Parts
from intake.store.forms import open_form, read_parts

NOTHING = Parts()
KINDS: dict[str, TypeAdapter[Any]] = {kind.__name__: TypeAdapter(kind) for kind in get_args(Happening)}


class Chapter(NamedTuple):
    """What one message did to a case. `version`: the case's after it; `fields`: the fields it filled, sealed.

    `device_id` and `entry_id` are None for what came from a register, an office or the clock.
    """

    case_id: CaseId
    version: int
    happened: tuple[Happening, ...]
    fields: Parts
    officer: str
    device_id: DeviceId | None = None
    entry_id: EntryId | None = None


def chapters_added(chapters: Sequence[Chapter], *, now: datetime) -> Statement:
    """To be written beside the case files."""
    rows = [
        {
            "case_id": one.case_id,
            "version": one.version,
            "chapter": _written(one),
            "officer": one.officer,
            "device_id": one.device_id,
            "entry_id": one.entry_id,
        }
        for one in chapters
    ]
    return _ADD, [to_json(rows).decode(), now]


async def histories(
    work: Work, case_ids: Iterable[UUID], sealer: Sealer
) -> dict[CaseId, list[tuple[Happening, DeviceId | None]]]:
    """Each happening with the device it came from, in order."""
    rows = await work.db.fetch(
        "SELECT * FROM case_history WHERE case_id = ANY($1::uuid[]) ORDER BY case_id, version", list(case_ids)
    )
    found: dict[CaseId, list[tuple[Happening, DeviceId | None]]] = defaultdict(list)
    for row in rows:
        by = DeviceId(row["device_id"]) if row["device_id"] else None
        found[CaseId(row["case_id"])] += [(one, by) for one in _happened(row, sealer)]
    return found


def _written(chapter: Chapter) -> str:
    """What was filled is sealed beside the rest: one message fills once."""
    happened = b",".join(map(_written_happening, chapter.happened))
    fields = chapter.fields
    sealed = {"applicant": fields.applicant, "contact": fields.contact, "facts": fields.facts}
    return (b'{"happened":[%b],"fields":%b}' % (happened, to_json(sealed if fields != NOTHING else None))).decode()


def _written_happening(one: Happening) -> bytes:
    kind = type(one).__name__
    what = b"null" if isinstance(one, Filled) else KINDS[kind].serializer.to_json(one)  # the hot half of dump_json
    return b'{"kind":"%b","what":%b}' % (kind.encode(), what)


def _happened(row: Any, sealer: Sealer) -> list[Happening]:
    chapter = json.loads(row["chapter"])
    fields = open_form(read_parts(chapter["fields"]), sealer) if chapter["fields"] else {}
    return [_read(one, fields) for one in chapter["happened"]]


def _read(written: dict[str, Any], fields: dict[str, Any]) -> Happening:
    if written["kind"] == Filled.__name__:
        return Filled(fields)
    happening: Happening = KINDS[written["kind"]].validate_python(written["what"])
    return happening


_ADD = """
    INSERT INTO case_history (case_id, version, chapter, officer, device_id, entry_id, happened_at)
    SELECT case_id, version, chapter::json, officer, device_id, entry_id, $2::timestamptz
    FROM json_to_recordset($1::text::json)
         AS h(case_id uuid, version int, chapter text, officer text, device_id uuid, entry_id uuid)
"""
