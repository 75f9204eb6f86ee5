"""The history checker: what was promised, what is there; the difference is lost, doubled, reordered or stuck.

Kept true: it reads evidence alone and asks nobody; every complaint names the case, request or notice it is about.
"""

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

MAX_COMPLAINTS = 40


@dataclass
class Findings:
    lost: int = 0
    doubled: int = 0
    reordered: int = 0
    stuck: int = 0
    complaints: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        return not (self.lost or self.doubled or self.reordered or self.stuck)

    def report(self, kind: str, what: str) -> None:
        setattr(self, kind, getattr(self, kind) + 1)
        if len(self.complaints) < MAX_COMPLAINTS:
            self.complaints.append(f"{kind}: {what}")

    def add(self, other: "Findings") -> None:
        for kind in ("lost", "doubled", "reordered", "stuck"):
            setattr(self, kind, getattr(self, kind) + getattr(other, kind))
        self.complaints = (self.complaints + other.complaints)[:MAX_COMPLAINTS]


@dataclass(frozen=True, slots=True)
class Record:
    """An event as it lies on a topic."""

    topic: str
    partition: int
    offset: int
    event_id: str
    subject: str
    version: int
    type: str


def audit_log(records: Iterable[Record], versions: Mapping[str, int], *, second_deliveries: int) -> Findings:
    """`versions`: aggregate → the version its owner's database says it has, every event of it told.

    Versions run from 1 without a gap, first deliveries in order, in one partition, one event per version. At most
    `second_deliveries` of an event are forgiven: a relay that dies between acknowledgement and deletion makes them.
    """
    findings = Findings()
    again = 0
    ids: dict[tuple[str, str, int], str] = {}
    last: dict[tuple[str, str], int] = defaultdict(int)
    homes: dict[tuple[str, str], int] = {}
    for record in sorted(records, key=lambda one: (one.topic, one.partition, one.offset)):
        name, place = (record.topic, record.subject), (record.topic, record.subject, record.version)
        if homes.setdefault(name, record.partition) != record.partition:
            findings.report("reordered", f"{record.subject} lies in two partitions of {record.topic}")
        if place in ids:
            if ids[place] != record.event_id:
                findings.report("doubled", f"{record.subject} has two events of version {record.version}")
            again += 1
            continue
        ids[place] = record.event_id
        if record.version < last[name]:
            findings.report("reordered", f"{record.subject} v{record.version} lies behind v{last[name]}")
        last[name] = max(last[name], record.version)
    for _ in range(again - second_deliveries):
        findings.report("doubled", f"{again} second deliveries, {second_deliveries} are explained")
    told = Counter(subject for _, subject, _ in ids)
    for subject, version in versions.items():
        for _ in range(version - told[subject]):
            findings.report("lost", f"{subject} is at version {version} and told {told[subject]} of them")
    return findings


def audit_effects(promised: Mapping[str, int], effects: Sequence[tuple[str, int]]) -> Findings:
    """`promised`: aggregate → versions 1 to n must have had their effect. `effects`: (aggregate, version) as applied."""
    findings = Findings()
    applied = Counter(effects)
    for (subject, version), times in applied.items():
        for _ in range(times - 1):
            findings.report("doubled", f"{subject} v{version} had its effect {times} times")
    last: dict[str, int] = defaultdict(int)
    for subject, version in effects:
        if version < last[subject]:
            findings.report("reordered", f"{subject} v{version} had its effect after v{last[subject]}")
        last[subject] = max(last[subject], version)
    for subject, versions in promised.items():
        for version in range(1, versions + 1):
            if not applied[subject, version]:
                findings.report("lost", f"{subject} v{version} had no effect")
    return findings


def audit_once(what: str, wanted: Iterable[Hashable], found: Mapping[Any, int], *, maybe: set[Hashable]) -> Findings:
    """Each of `wanted` exactly once in `found`; of `maybe` it is known that nobody knows: at most once."""
    findings = Findings()
    for one in set(wanted) - found.keys() - maybe:
        findings.report("lost", f"{what} {one}")
    for one, times in found.items():
        for _ in range(times - 1):
            findings.report("doubled", f"{what} {one} is there {times} times")
    return findings
