"""Entries of a field device, for the programs that simulate one: demo, fault runs, benchmarks and tests."""

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
    """An entry of POST /sync."""
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


def split_case(body: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Splits a whole case into the steps of the crew: type and body of each entry."""
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


# what the crew records for a complete case of the service, besides the applicant
COMPLETE_CASES: dict[str, dict[str, Any]] = {
    "registration_confirmation": {
        "identified": "photo_id",
        "facts": {"channel": "spoken", "register_asked": "central", "recipient_named": True},
        "paid": {"cents": 330, "payment": "cash"},
    },
    "dog_registration": {
        "identified": "photo_id",
        "facts": {
            "dog_name": "Bello",
            "chip": "040098100000123",
            "breed": "Labrador",
            "dog_born_on": "2026-01-10",
            "twelve_weeks_on": "2026-04-04",
            "taken_over": False,
            "pet_database_shown": True,
            "large_dog": True,
        },
        "papers": [{"code": "expertise_proof", "handling": "scan"}, {"code": "liability_cover", "handling": "scan"}],
    },
    "resident_parking": {
        "identified": "photo_id",
        "facts": {"vehicle": "own", "plate": {"country": "AT", "text": "L-123AB"}, "own_parking_place": False},
        "papers": [{"code": "vehicle_papers", "handling": "show"}],
        "paid": {"cents": 7540, "payment": "cash"},
    },
    "life_certificate": {
        "identified": "photo_id",
        "facts": {"pension_office": "Deutsche Rentenversicherung", "insurance_number": "12 190178 M 345"},
        "papers": [{"code": "pension_letter", "handling": "show"}],
    },
    "advice": {},
}


FILE_SERIES, RECEIPT_SERIES, DOCUMENT_SERIES = "GZ", "BE", "UK"
CONSENT = {"consent": "2026-1"}  # the consent text that a citizen with a contact agrees to


def whole_case(
    service: str,
    *,
    applicant: dict[str, str],
    contact: dict[str, str] | None = None,
    language: str = "de",
    numbers: "LeasedNumbers",
) -> dict[str, Any]:
    """The body of a `case.open` entry that completes the case at the stand, except for the answer of the register."""
    done = COMPLETE_CASES[service]
    if "paid" in done:
        done = done | {"paid": done["paid"] | {"receipt": numbers.take(RECEIPT_SERIES)}}
    agreed = (contact | CONSENT) if contact else {}
    return {"service": service, "language": language, "applicant": applicant, "contact": agreed, **done}


class LeasedNumbers:
    """The leased numbers of a device, used one after the other."""

    def __init__(self) -> None:
        self._left: dict[str, deque[str]] = defaultdict(deque)

    def left(self, series: str) -> int:
        return len(self._left[series])

    def take(self, series: str) -> str:
        """Raises IndexError when no number is left; lease more first."""
        return self._left[series].popleft()

    async def lease(self, http: httpx.AsyncClient, *, series: str, block_id: UUID, headers: dict[str, str]) -> None:
        """Raises httpx.HTTPError. Repeating a `block_id` whose answer was lost is safe."""
        block = {"block_id": str(block_id), "series": series}
        reply = await http.post("/numbers/blocks", json=block, headers=headers)
        reply.raise_for_status()
        self._left[series].extend(reply.json()["numbers"])
