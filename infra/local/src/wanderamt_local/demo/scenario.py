"""The scenario of the demo: which citizen came when, for which service, and whom the registers know.

All persons are invented. In the data, "today-3" is the day three days before the demo; the value of a photo or a
signature, and the scan of a document, name a file of `pictures/`.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from service_catalogue.authority import shipped_profile

from wanderamt_local.field_entries import CONSENT, DOCUMENT_SERIES, FILE_SERIES, RECEIPT_SERIES, LeasedNumbers

DAY: Final = re.compile(r"today(?P<shift>[+-][0-9]+)?")
PICTURES: Final = {"portrait": "portrait.jpg", "signature": "signature.png", "scan": "scan.png"}
MEDIA_TYPES: Final = {".jpg": "image/jpeg", ".png": "image/png"}
FOLDER: Final = files("wanderamt_local") / "demo"
Json = dict[str, Any]


@dataclass(frozen=True)
class DemoPicture:
    """A file of `pictures/`, to be uploaded as an attachment."""

    attachment_id: UUID
    name: str

    @property
    def media_type(self) -> str:
        return MEDIA_TYPES[Path(self.name).suffix]

    def content(self) -> bytes:
        return (FOLDER / "pictures" / self.name).read_bytes()


@dataclass(frozen=True)
class ScenarioVisit:
    """`at`: from 0 (the stand opens) to 1 (it closes). `cents`: the fee. `provisional`: the stand prints a paper before
    the register answers. `register`: what the registers know of the person; None: nothing. `expect`: how the case ends.
    """

    at: float
    service: str
    language: str
    applicant: Json
    contact: dict[str, str]
    facts: Json = field(default_factory=dict)
    identified: str = ""
    papers: tuple[Json, ...] = ()
    cents: int = 0
    provisional: bool = False
    register: Json | None = None
    expect: str = "final"

    def body(
        self, numbers: LeasedNumbers, *, now: datetime, new_id: Callable[[], UUID]
    ) -> tuple[Json, list[DemoPicture]]:
        """The body of the entry that opens the case with all that the crew has done, and its pictures."""
        pictures: list[DemoPicture] = []

        def taken(name: str) -> str:
            pictures.append(DemoPicture(new_id(), PICTURES[name]))
            return str(pictures[-1].attachment_id)

        body: Json = {
            "service": self.service,
            "language": self.language,
            "number": numbers.take(FILE_SERIES),
            "applicant": self.applicant,
            "contact": (self.contact | CONSENT) if self.contact else {},
            "facts": _facts(self.facts, shipped_profile().calendar.day_of(now), taken),
            "papers": [
                paper | ({"attachment_id": taken("scan")} if paper["handling"] == "scan" else {})
                for paper in self.papers
            ],
        }
        if self.identified:
            body["identified"] = self.identified
        if self.cents:
            body["paid"] = {"cents": self.cents, "payment": "cash", "receipt": numbers.take(RECEIPT_SERIES)}
        if self.provisional:
            body["provisional"] = {"document_id": str(new_id()), "number": numbers.take(DOCUMENT_SERIES)}
        return body, pictures


@dataclass(frozen=True)
class DemoScenario:
    """The visits, people whom the registers know besides the visitors, and the times (from 0 to 1) of network and
    register faults."""

    visits: tuple[ScenarioVisit, ...]
    more_residents: tuple[Json, ...]
    offline_from: float
    offline_until: float
    register_slow_from: float
    register_slow_until: float
    sms_error_at: float
    kill_at: float

    def is_offline(self, at: float) -> bool:
        return self.offline_from <= at < self.offline_until

    def people(self) -> list[Json]:
        """Whom the simulated registers know: a line each of their file."""
        known = [visit.applicant | visit.register for visit in self.visits if visit.register is not None]
        return [*known, *self.more_residents]


def read_scenario() -> DemoScenario:
    return DemoScenario(
        visits=tuple(
            ScenarioVisit(**line | {"papers": tuple(line.get("papers", ()))})
            for line in _lines("suedbahnhofmarkt.jsonl")
        ),
        more_residents=tuple(_lines("more_residents.jsonl")),
        offline_from=0.40,
        offline_until=0.55,
        register_slow_from=0.60,
        register_slow_until=0.80,
        sms_error_at=0.25,
        kill_at=0.65,
    )


def _lines(name: str) -> list[Json]:
    return [json.loads(line) for line in (FOLDER / name).read_text(encoding="utf-8").splitlines()]


def _facts(value: Any, today: date, taken: Callable[[str], str]) -> Any:
    """With the days of this demo, and the ids of its pictures."""
    match value:
        case {"photo": str() as name}:
            return {"photo": taken(name)}
        case {"signature": str() as name}:
            return {"signature": taken(name)}
        case dict():
            return {code: _facts(part, today, taken) for code, part in value.items()}
        case list():
            return [_facts(part, today, taken) for part in value]
        case str() if day := DAY.fullmatch(value):
            return (today + timedelta(days=int(day["shift"] or 0))).isoformat()
    return value
