"""What a field device sends, for everything that plays one: the demo, the faults, the bench, the tests."""

from datetime import datetime
from typing import Any
from uuid import UUID


def open_case_entry(
    entry_id: UUID, case_id: UUID, stand_id: UUID, *, device_seq: int, captured_at: datetime, body: dict[str, Any]
) -> dict[str, Any]:
    """A `case.open` entry as POST /sync takes it."""
    return {
        "entry_id": str(entry_id),
        "case_id": str(case_id),
        "device_seq": device_seq,
        "case_seq": 1,
        "stand_id": str(stand_id),
        "type": "case.open",
        "captured_at": captured_at.isoformat(),
        "body": body,
    }
