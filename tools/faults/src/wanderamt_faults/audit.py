"""The history checker: compares promises with evidence; each difference is lost, doubled, reordered or stuck.

Invariants: it reads evidence only and calls no service; every complaint names its case, request or notice.
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
class PublishedRecord:
    """An event on a topic."""

    topic: str
    partition: int
    offset: int
    event_id: str
    subject: str
    version: int
    type: str


def audit_log(records: Iterable[PublishedRecord], versions: Mapping[str, int], *, second_deliveries: int) -> Findings:
    """`versions`: aggregate → its version in the database of its owner; each version has published one event.

    Checks that versions run from 1 without a gap, that first deliveries are in order and in one partition, and that
    each version has one event. Accepts up to `second_deliveries` repeated records: a relay that crashes between
    acknowledgement and deletion sends its batch again.
    """
    findings = Findings()
    repeated = 0
    ids: dict[tuple[str, str, int], str] = {}
    last: dict[tuple[str, str], int] = defaultdict(int)
    partitions: dict[tuple[str, str], int] = {}
    for record in sorted(records, key=lambda record: (record.topic, record.partition, record.offset)):
        stream, key = (record.topic, record.subject), (record.topic, record.subject, record.version)
        if partitions.setdefault(stream, record.partition) != record.partition:
            findings.report("reordered", f"{record.subject} is in two partitions of {record.topic}")
        if key in ids:
            if ids[key] != record.event_id:
                findings.report("doubled", f"{record.subject} has two events of version {record.version}")
            repeated += 1
            continue
        ids[key] = record.event_id
        if record.version < last[stream]:
            findings.report("reordered", f"{record.subject} v{record.version} is after v{last[stream]}")
        last[stream] = max(last[stream], record.version)
    for _ in range(repeated - second_deliveries):
        findings.report("doubled", f"{repeated} second deliveries, faults explain {second_deliveries}")
    published = Counter(subject for _, subject, _ in ids)
    for subject, version in versions.items():
        for _ in range(version - published[subject]):
            findings.report("lost", f"{subject} is at version {version} but published only {published[subject]}")
    return findings


def audit_effects(promised: Mapping[str, int], effects: Sequence[tuple[str, int]]) -> Findings:
    """`promised`: aggregate → n, whose versions 1 to n must each have one effect. `effects`: (aggregate, version) as applied."""
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


def audit_once(
    what: str, expected: Iterable[Hashable], counts: Mapping[Any, int], *, unknown: set[Hashable]
) -> Findings:
    """Checks that each of `expected` exists exactly once; those in `unknown`, whose outcome nobody knows, at most once."""
    findings = Findings()
    for key in set(expected) - counts.keys() - unknown:
        findings.report("lost", f"{what} {key}")
    for key, times in counts.items():
        for _ in range(times - 1):
            findings.report("doubled", f"{what} {key} exists {times} times")
    return findings
