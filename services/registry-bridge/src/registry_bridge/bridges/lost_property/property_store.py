"""What the simulated lost-property office keeps: things that were handed in, and reports about lost ones.

Invariants: a thing is handed out once; what was handed out or withdrawn matches nothing.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

from connector_kit.testing.json_simulator import OrderRefusedError
from connector_kit.testing.simulator import Rows

from registry_bridge.bridges.calendar_months import months_later
from registry_bridge.bridges.lost_property import models
from registry_bridge.bridges.lost_property.adapter import NO_SUCH_REPORT

SMALL_CENTS: Final = 10_000  # below it a thing is kept for half a year
MAX_MATCHES: Final = 100
_WORD: Final = re.compile(r"\w{3,}")

Report = dict[str, Any]


@dataclass
class PropertyStore:
    found_reports: dict[str, Report] = field(default_factory=dict)
    loss_reports: dict[str, Report] = field(default_factory=dict)

    def report_found(self, report: models.FoundReport) -> dict[str, Any]:
        number, months = f"F-{len(self.found_reports) + 1:06}", 6 if _is_small(report.items) else 12
        keep_until = months_later(report.on, months).isoformat()
        self._keep_found(number, report, keep_until)
        return {"number": number, "keep_until": keep_until}

    def report_lost(self, report: models.LossReport) -> dict[str, Any]:
        number = f"V-{len(self.loss_reports) + 1:06}"
        self.loss_reports[number] = {"number": number, **report.model_dump(mode="json"), "withdrawn": False}
        matches = [
            match for item in report.items for match in self._matches(item.category, item.description, report.on)
        ]
        return {"number": number, "matches": [m for n, m in enumerate(matches) if m not in matches[:n]][:MAX_MATCHES]}

    def find_matches(self, question: models.MatchQuery) -> dict[str, Any]:
        return {"matches": self._matches(question.category, question.description, question.on)[:MAX_MATCHES]}

    def hand_out(self, order: models.HandOutOrder, *, today: date) -> dict[str, Any]:
        report = self._found_report(order.number)
        if report["handed_out"]:
            raise OrderRefusedError("handed-out")
        report["handed_out"] = {**order.model_dump(mode="json", exclude={"number"}), "on": today.isoformat()}
        return {"number": order.number, "handed_out_on": today.isoformat()}

    def cancel_hand_out(self, number: str) -> dict[str, Any]:
        report = self._found_report(number)
        if not report["handed_out"] and not report["came_back"]:
            raise OrderRefusedError(NO_SUCH_REPORT)
        report["handed_out"], report["came_back"] = None, True
        return {"number": number}

    def withdraw(self, number: str) -> dict[str, Any]:
        report = self.found_reports.get(number) or self.loss_reports.get(number)
        if not report:
            raise OrderRefusedError(NO_SUCH_REPORT)
        if report.get("handed_out"):
            raise OrderRefusedError("handed-out")
        report["withdrawn"] = True
        return {"number": number}

    def add_example(self, number: str, *, handed_out: bool = False) -> None:
        """A thing that was handed in before, to be handed out or withdrawn."""
        if number in self.found_reports:
            return
        item = models.PropertyItem(category="umbrella", description="black umbrella")
        self._keep_found(number, models.FoundReport(items=(item,), place="tram", on=date(2026, 1, 2)), "2027-01-02")
        if handed_out:
            self.found_reports[number]["handed_out"] = {"on": "2026-02-01"}

    def rows(self) -> Rows:
        return {"found": list(self.found_reports.values()), "lost": list(self.loss_reports.values())}

    def _keep_found(self, number: str, report: models.FoundReport, keep_until: str) -> None:
        state = {"keep_until": keep_until, "handed_out": None, "came_back": False, "withdrawn": False}
        self.found_reports[number] = {"number": number, **report.model_dump(mode="json"), **state}

    def _found_report(self, number: str) -> Report:
        report = self.found_reports.get(number)
        if not report or report["withdrawn"]:
            raise OrderRefusedError(NO_SUCH_REPORT)
        return report

    def _matches(self, category: str, description: str | None, on: date) -> list[dict[str, Any]]:
        """Of this kind, handed in since that day, with a word of the description in common."""
        return [
            {name: item[name] for name in ("category", "description")}
            | {name: report[name] for name in ("number", "place", "on")}
            for report in self.found_reports.values()
            if report["on"] >= on.isoformat() and not report["handed_out"] and not report["withdrawn"]
            for item in report["items"]
            if item["category"] == category and (not description or _words(description) & _words_of(item))
        ]


def _is_small(items: Iterable[models.PropertyItem]) -> bool:
    values = [item.value_cents for item in items]
    return None not in values and sum(filter(None, values)) < SMALL_CENTS


def _words(text: str) -> set[str]:
    return set(_WORD.findall(text.lower()))


def _words_of(item: dict[str, Any]) -> set[str]:
    return _words(f"{item['description']} {item['colour'] or ''}")
