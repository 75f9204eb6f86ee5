"""The result of the demo: the entries of the device compared with what services, registers and providers hold."""

from collections import Counter
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from wanderamt_local.demo.device import DemoEntry
from wanderamt_local.demo.register_comparison import RegisterTables, compare


@dataclass(frozen=True)
class DemoObservations:
    """The state at the end. `cases`: as intake lists them. `sms`, `mails`: as the simulators received them. `tables`:
    the rows of the registers. `titles`: of the papers, by case.

    `expected_notices`: number of citizens with a contact. `notified_cases`: cases with a notice about their result.
    """

    cases: list[dict[str, Any]]
    notices: dict[str, int]
    sms: list[dict[str, Any]]
    mails: dict[str, int]
    pdfs: dict[str, bytes]
    valid_documents: int
    expected_notices: int
    notified_cases: int
    tables: RegisterTables
    titles: dict[str, str]


@dataclass
class ServiceFigures:
    """`register_rows`: that the cases of the service wrote. `papers`: titles of its papers."""

    service: str
    cases: int = 0
    finished_on_the_spot: int = 0
    register_rows: int = 0
    papers: list[str] = field(default_factory=list)


@dataclass
class DemoResult:
    """The figures of `build/demo.json`. Times in seconds."""

    cases: int
    finished_on_the_spot: int
    provisional: int
    needs_visit: int
    captured_offline: int
    documents: int
    valid_documents: int
    register_rows: int
    notices_sent: int
    sms_received: int
    mails_received: int
    lost: int
    duplicate_effects: int
    entry_to_sms_p50_s: float
    entry_to_sms_p99_s: float
    entry_to_sms_offline_p50_s: float
    seconds: float = 0.0
    killed: str = ""
    restarts: int = 0
    services: list[ServiceFigures] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def evaluate(entries: list[DemoEntry], observed: DemoObservations, sms_at: dict[str, float]) -> DemoResult:
    """`sms_at`: case id to the time (Unix seconds) its SMS reached the gateway."""
    states = Counter(case["state"] for case in observed.cases)
    known = {case["case_id"] for case in observed.cases}
    final = {case["case_id"] for case in observed.cases if case["state"] == "final"}
    sms, mails = len(observed.sms), sum(observed.mails.values())
    notices = observed.notices.get("sent", 0) + observed.notices.get("delivered", 0)
    lost = (
        len({str(entry.case_id) for entry in entries} - known)
        + len(final - observed.pdfs.keys())
        + max(0, observed.expected_notices - observed.notified_cases)
    )
    bodies = {str(entry.case_id): entry.entry["body"] for entry in entries}
    registers = compare([(case_id, bodies[case_id]) for case_id in final & bodies.keys()], observed.tables)
    online = _delays([entry for entry in entries if not entry.offline], sms_at)
    offline = _delays([entry for entry in entries if entry.offline], sms_at)
    result = DemoResult(
        cases=len(known),
        finished_on_the_spot=states["final"],
        provisional=states["provisional"],
        needs_visit=states["needs_visit"],
        captured_offline=sum(entry.offline for entry in entries),
        documents=len(observed.pdfs),
        valid_documents=observed.valid_documents,
        register_rows=sum(map(len, registers.rows.values())),
        notices_sent=notices,
        sms_received=sms,
        mails_received=mails,
        lost=lost,
        duplicate_effects=_duplicates(observed),
        entry_to_sms_p50_s=_quantile(online, 0.50),
        entry_to_sms_p99_s=_quantile(online, 0.99),
        entry_to_sms_offline_p50_s=_quantile(offline, 0.50),
    )
    result.services = _by_service(entries, observed, registers.rows)
    result.problems = [*_problems(result, entries, observed), *registers.problems]
    return result


def _by_service(
    entries: list[DemoEntry], observed: DemoObservations, rows: dict[str, list[dict[str, Any]]]
) -> list[ServiceFigures]:
    states = {case["case_id"]: case["state"] for case in observed.cases}
    figures: dict[str, ServiceFigures] = {}
    for entry in entries:
        service, case_id = entry.entry["body"]["service"], str(entry.case_id)
        of_service = figures.setdefault(service, ServiceFigures(service))
        of_service.cases += 1
        of_service.finished_on_the_spot += states.get(case_id) == "final"
        of_service.register_rows += len(rows.get(case_id, ()))
        title = observed.titles.get(case_id)
        if title and title not in of_service.papers:
            of_service.papers.append(title)
    return sorted(figures.values(), key=lambda of_service: (-of_service.cases, of_service.service))


def _duplicates(observed: DemoObservations) -> int:
    """Mails delivered twice, texts received twice by a phone, documents with the same number."""
    mails = sum(count - 1 for count in observed.mails.values())
    texts = Counter((message["to"], message["text"]) for message in observed.sms)
    numbers = Counter(case["document_number"] for case in observed.cases if case.get("document_number"))
    return mails + sum(count - 1 for counter in (texts, numbers) for count in counter.values())


def _problems(result: DemoResult, entries: list[DemoEntry], observed: DemoObservations) -> list[str]:
    states = {case["case_id"]: case["state"] for case in observed.cases}
    otherwise = [
        f"{entry.entry['body']['service']} {states.get(str(entry.case_id))}"
        for entry in entries
        if states.get(str(entry.case_id)) != entry.expect
    ]
    checks = {
        f"{len(otherwise)} cases ended otherwise than expected: {', '.join(otherwise)}": not otherwise,
        f"{len(entries)} citizens were served, {result.cases} cases exist": result.cases == len(entries),
        f"{result.provisional} cases still wait for a register": result.provisional == 0,
        f"{result.lost} cases, documents or notices are lost": result.lost == 0,
        f"{result.duplicate_effects} effects happened twice": result.duplicate_effects == 0,
        f"{result.documents} documents for {result.finished_on_the_spot} finished cases": (
            result.documents == result.finished_on_the_spot
        ),
        f"{result.valid_documents} of {result.documents} documents are valid": (
            result.valid_documents == result.documents
        ),
        f"{result.notices_sent} notices sent, {result.sms_received + result.mails_received} received": (
            result.notices_sent == result.sms_received + result.mails_received
        ),
        f"{observed.notified_cases} citizens were notified of the result, {observed.expected_notices} left a contact": (
            observed.notified_cases == observed.expected_notices
        ),
    }
    return [text for text, holds in checks.items() if not holds]


def _delays(entries: list[DemoEntry], sms_at: dict[str, float]) -> list[float]:
    return sorted(
        sms_at[str(entry.case_id)] - _unix(entry.captured_at) for entry in entries if str(entry.case_id) in sms_at
    )


def _unix(time: datetime) -> float:
    return time.timestamp()


def _quantile(ordered: list[float], share: float) -> float:
    """Nearest rank; 0 without measurements."""
    return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], 3) if ordered else 0.0
