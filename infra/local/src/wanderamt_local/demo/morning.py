"""The recorded morning: who came when, wanting what. Every person in it is invented."""

import json
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from wanderamt_local.field import Numbers, whole_case


@dataclass(frozen=True)
class Visit:
    """`at` runs from 0 (the stand opens) to 1 (it closes); `known`: the residents register has this person."""

    at: float
    service: str
    language: str
    applicant: dict[str, str]
    contact: dict[str, str]
    known: bool

    def body(self, numbers: Numbers) -> dict[str, Any]:
        return whole_case(
            self.service, applicant=self.applicant, contact=self.contact, language=self.language, numbers=numbers
        )


@dataclass(frozen=True)
class Morning:
    """Network and register trouble happen at these parts of the morning."""

    visits: tuple[Visit, ...]
    offline_from: float
    offline_until: float
    register_slow_from: float
    register_slow_until: float
    sms_error_at: float
    kill_at: float

    def offline(self, at: float) -> bool:
        return self.offline_from <= at < self.offline_until


def read_morning() -> Morning:
    lines = (files("wanderamt_local") / "demo" / "suedbahnhofmarkt.jsonl").read_text(encoding="utf-8").splitlines()
    return Morning(
        visits=tuple(Visit(**json.loads(line)) for line in lines),
        offline_from=0.40,
        offline_until=0.55,
        register_slow_from=0.60,
        register_slow_until=0.80,
        sms_error_at=0.25,
        kill_at=0.65,
    )
