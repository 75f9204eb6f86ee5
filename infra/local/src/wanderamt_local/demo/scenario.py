"""The scenario of the demo: which citizen came when, for which service. All persons are invented."""

import json
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from wanderamt_local.field_entries import LeasedNumbers, whole_case


@dataclass(frozen=True)
class ScenarioVisit:
    """`at`: from 0 (the stand opens) to 1 (it closes). `known`: the residents register knows this person."""

    at: float
    service: str
    language: str
    applicant: dict[str, str]
    contact: dict[str, str]
    known: bool

    def body(self, numbers: LeasedNumbers) -> dict[str, Any]:
        return whole_case(
            self.service, applicant=self.applicant, contact=self.contact, language=self.language, numbers=numbers
        )


@dataclass(frozen=True)
class DemoScenario:
    """The visits, and the times (from 0 to 1) of network and register faults."""

    visits: tuple[ScenarioVisit, ...]
    offline_from: float
    offline_until: float
    register_slow_from: float
    register_slow_until: float
    sms_error_at: float
    kill_at: float

    def is_offline(self, at: float) -> bool:
        return self.offline_from <= at < self.offline_until


def read_scenario() -> DemoScenario:
    lines = (files("wanderamt_local") / "demo" / "suedbahnhofmarkt.jsonl").read_text(encoding="utf-8").splitlines()
    return DemoScenario(
        visits=tuple(ScenarioVisit(**json.loads(line)) for line in lines),
        offline_from=0.40,
        offline_until=0.55,
        register_slow_from=0.60,
        register_slow_until=0.80,
        sms_error_at=0.25,
        kill_at=0.65,
    )
