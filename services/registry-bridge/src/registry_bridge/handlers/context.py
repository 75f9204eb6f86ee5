"""What routes and commands need beside the transaction: made by app.py, kept in `app.state.context`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from connector_kit.bridge import Bridge
from wanderamt.backbone.persistence.database import Database
from wanderamt.security.assertions import AssertionSigner
from wanderamt.security.keys import FieldCipher

from registry_bridge.domain.lookup import Lookup, LookupLimits, QuestionHashes
from registry_bridge.domain.request import CallResult
from registry_bridge.handlers.availability import Manifests


class LookupCalls(Protocol):
    """Calls registers for interactive lookups (registry_bridge.jobs.interactive_lookups)."""

    def hashes_of(self, lookup: Lookup) -> QuestionHashes: ...

    async def call(
        self, lookup: Lookup, question_hash: bytes, call_id: UUID, *, wait_s: float, within_s: float
    ) -> CallResult | None: ...


@dataclass(frozen=True, slots=True)
class RegistryContext:
    """`signer`: verifies the assertions of intake. `manifests`: of all connected registers. `bridges`: of those that
    can be called."""

    database: Database
    manifests: Manifests
    bridges: Mapping[str, Bridge]
    cipher: FieldCipher
    signer: AssertionSigner
    lookups: LookupCalls
    limits: LookupLimits
