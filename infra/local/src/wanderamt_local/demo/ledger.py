"""What the morning came to: the device's memory compared with what services, registers and providers hold."""

from collections import Counter
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from wanderamt_local.demo.device import Tap


@dataclass(frozen=True)
class Seen:
    """What was found at the end. `cases` as intake lists them, `sms` and `mails` as the simulators received them.

    `expected_notices`: citizens who left an address; `told_cases`: those who were told how their case ended.
    """

    cases: list[dict[str, Any]]
    notices: dict[str, int]
    sms: list[dict[str, Any]]
    mails: dict[str, int]
    pdfs: dict[str, bytes]
    valid_papers: int
    expected_notices: int
    told_cases: int


@dataclass
class Ledger:
    """Numbers of `build/demo.json`. Times in seconds."""

    cases: int
    finished_on_the_spot: int
    provisional: int
    needs_visit: int
    captured_offline: int
    documents: int
    valid_papers: int
    notices_sent: int
    sms_received: int
    mails_received: int
    lost: int
    duplicate_effects: int
    tap_to_sms_p50_s: float
    tap_to_sms_p99_s: float
    tap_to_sms_offline_p50_s: float
    seconds: float = 0.0
    killed: str = ""
    restarts: int = 0
    complaints: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def settle(taps: list[Tap], seen: Seen, sms_at: dict[str, float]) -> Ledger:
    """`sms_at`: case id to the time (Unix seconds) its SMS reached the gateway."""
    states = Counter(case["state"] for case in seen.cases)
    known = {case["case_id"] for case in seen.cases}
    final = {case["case_id"] for case in seen.cases if case["state"] == "final"}
    sms, mails = len(seen.sms), sum(seen.mails.values())
    notices = seen.notices.get("sent", 0) + seen.notices.get("delivered", 0)
    lost = (
        len({str(tap.case_id) for tap in taps} - known)
        + len(final - seen.pdfs.keys())
        + max(0, seen.expected_notices - seen.told_cases)
    )
    online = _delays([tap for tap in taps if not tap.offline], sms_at)
    offline = _delays([tap for tap in taps if tap.offline], sms_at)
    ledger = Ledger(
        cases=len(known),
        finished_on_the_spot=states["final"],
        provisional=states["provisional"],
        needs_visit=states["needs_visit"],
        captured_offline=sum(tap.offline for tap in taps),
        documents=len(seen.pdfs),
        valid_papers=seen.valid_papers,
        notices_sent=notices,
        sms_received=sms,
        mails_received=mails,
        lost=lost,
        duplicate_effects=_duplicates(seen),
        tap_to_sms_p50_s=_quantile(online, 0.50),
        tap_to_sms_p99_s=_quantile(online, 0.99),
        tap_to_sms_offline_p50_s=_quantile(offline, 0.50),
    )
    ledger.complaints = _complaints(ledger, taps, seen)
    return ledger


def _duplicates(seen: Seen) -> int:
    """Mails delivered twice, texts that reached a phone twice, documents that share a number."""
    mails = sum(count - 1 for count in seen.mails.values())
    texts = Counter((message["to"], message["text"]) for message in seen.sms)
    numbers = Counter(case["document_number"] for case in seen.cases if case.get("document_number"))
    return mails + sum(count - 1 for counter in (texts, numbers) for count in counter.values())


def _complaints(ledger: Ledger, taps: list[Tap], seen: Seen) -> list[str]:
    checks = {
        f"{len(taps)} citizens were served, {ledger.cases} cases exist": ledger.cases == len(taps),
        f"{ledger.provisional} cases still wait for the register": ledger.provisional == 0,
        f"{ledger.lost} cases, documents or notices are lost": ledger.lost == 0,
        f"{ledger.duplicate_effects} effects happened twice": ledger.duplicate_effects == 0,
        f"{ledger.documents} documents for {ledger.finished_on_the_spot} finished cases": (
            ledger.documents == ledger.finished_on_the_spot
        ),
        f"{ledger.valid_papers} of {ledger.documents} documents are genuine and valid": (
            ledger.valid_papers == ledger.documents
        ),
        f"{ledger.notices_sent} notices sent, {ledger.sms_received + ledger.mails_received} received": (
            ledger.notices_sent == ledger.sms_received + ledger.mails_received
        ),
        f"{seen.told_cases} citizens were told how their case ended, {seen.expected_notices} left an address": (
            seen.told_cases == seen.expected_notices
        ),
    }
    return [text for text, holds in checks.items() if not holds]


def _delays(taps: list[Tap], sms_at: dict[str, float]) -> list[float]:
    return sorted(sms_at[str(tap.case_id)] - _unix(tap.tapped_at) for tap in taps if str(tap.case_id) in sms_at)


def _unix(moment: datetime) -> float:
    return moment.timestamp()


def _quantile(ordered: list[float], share: float) -> float:
    """Nearest rank; 0 where nothing was measured."""
    return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], 3) if ordered else 0.0
