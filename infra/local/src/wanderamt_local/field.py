"""What a field device sends, for everything that plays one: the demo, the faults, the bench, the tests."""

from collections import defaultdict, deque
from datetime import datetime
from typing import Any
from uuid import UUID

import httpx


def case_entry(
    type_: str,
    entry_id: UUID,
    case_id: UUID,
    stand_id: UUID,
    *,
    device_seq: int,
    case_seq: int,
    captured_at: datetime,
    body: dict[str, Any],
) -> dict[str, Any]:
    """An entry as POST /sync takes it."""
    return {
        "entry_id": str(entry_id),
        "case_id": str(case_id),
        "device_seq": device_seq,
        "case_seq": case_seq,
        "stand_id": str(stand_id),
        "type": type_,
        "captured_at": captured_at.isoformat(),
        "body": body,
    }


def open_case_entry(
    entry_id: UUID, case_id: UUID, stand_id: UUID, *, device_seq: int, captured_at: datetime, body: dict[str, Any]
) -> dict[str, Any]:
    return case_entry(
        "case.open",
        entry_id,
        case_id,
        stand_id,
        device_seq=device_seq,
        case_seq=1,
        captured_at=captured_at,
        body=body,
    )


def step_by_step(body: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """The same as a whole case, as the crew does it one thing after the other: type and body of each entry."""
    opening = {name: value for name, value in body.items() if name in {"service", "language", "applicant", "contact"}}
    steps: list[tuple[str, dict[str, Any]]] = [("case.open", opening)]
    if "facts" in body:
        steps.append(("case.fill", {"facts": body["facts"]}))
    if "identified" in body:
        steps.append(("case.identify", {"level": body["identified"]}))
    steps += [("case.see_paper", paper) for paper in body.get("papers", ())]
    if "paid" in body:
        steps.append(("case.pay", body["paid"]))
    return steps


# all that the crew does for a case of the service in one go, beside writing down who came
DONE_IN_ONE_GO: dict[str, dict[str, Any]] = {
    "registration_confirmation": {
        "identified": "photo_id",
        "facts": {"channel": "spoken", "register_asked": "central", "recipient_named": True},
        "paid": {"cents": 330, "payment": "cash"},
    },
    "dog_registration": {
        "identified": "photo_id",
        "papers": [{"code": "expertise_proof", "handling": "scan"}, {"code": "liability_cover", "handling": "scan"}],
    },
    "active_pass": {"identified": "photo_id", "papers": [{"code": "income_proof", "handling": "show"}]},
    "found_property_report": {},
}


RECEIPTS = "BE"
CONSENT = {"consent": "2026-1"}  # what a citizen agrees to who leaves an address


def whole_case(
    service: str,
    *,
    applicant: dict[str, str],
    contact: dict[str, str] | None = None,
    language: str = "de",
    numbers: "Numbers",
) -> dict[str, Any]:
    """The body of a `case.open` entry with everything in it that ends the case at the stand, but for the register."""
    done = DONE_IN_ONE_GO[service]
    if "paid" in done:
        done = done | {"paid": done["paid"] | {"receipt": numbers.take(RECEIPTS)}}
    left = (contact | CONSENT) if contact else {}
    return {"service": service, "language": language, "applicant": applicant, "contact": left, **done}


class Numbers:
    """The leased numbers of a device, used one after the other."""

    def __init__(self) -> None:
        self._left: dict[str, deque[str]] = defaultdict(deque)

    def left(self, series: str) -> int:
        return len(self._left[series])

    def take(self, series: str) -> str:
        """Raises IndexError when none is left: lease more first."""
        return self._left[series].popleft()

    async def lease(self, http: httpx.AsyncClient, *, series: str, block_id: UUID, headers: dict[str, str]) -> None:
        """Raises httpx.HTTPError. The same `block_id` again is safe when the answer was lost."""
        order = {"block_id": str(block_id), "series": series}
        reply = await http.post("/numbers/blocks", json=order, headers=headers)
        reply.raise_for_status()
        self._left[series].extend(reply.json()["numbers"])
