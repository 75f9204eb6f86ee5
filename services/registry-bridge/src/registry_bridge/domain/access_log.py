"""The register access log: which officer read which records of a register, for which case and purpose."""

import json
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from connector_kit.manifest.manifest import Manifest
from connector_kit.manifest.operation import OperationKind
from wanderamt.contracts import RegisterOutcome
from wanderamt.kernel.ids import CaseId, RequestId


class Source(StrEnum):
    """Where the answer came from."""

    REGISTER = "register"
    CACHE = "cache"


@dataclass(frozen=True, slots=True)
class RegisterAccessLogEntry:
    """One read. `delivered`: ids of the records shown, by field name; the entry holds nothing else of the answer."""

    officer: str
    purpose: str
    case_id: CaseId
    request_id: RequestId | None
    register: str
    operation: str
    outcome: RegisterOutcome
    delivered: dict[str, str]
    source: Source
    as_of: datetime


def delivered_ids(manifest: Manifest, operation: str, details: bytes | None) -> dict[str, str]:
    """The record ids in an answer. `details`: the answer as JSON."""
    names = manifest.operations[operation].record_fields
    answer = json.loads(details) if details and names else {}
    return {name: str(answer[name]) for name in names if answer.get(name) is not None}


def is_logged(manifest: Manifest | None, operation: str) -> bool:
    """Only lookups read records; commands do not."""
    rules = manifest.operations.get(operation) if manifest else None
    return bool(rules and rules.kind is OperationKind.LOOKUP)
