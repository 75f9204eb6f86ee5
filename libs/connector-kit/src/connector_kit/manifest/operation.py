"""An operation of a register: what it does, whether it can be repeated, and how long it may take.

Invariants: every operation has a timeout and a deadline; a lookup changes nothing.
"""

from enum import StrEnum
from typing import Annotated, Final

from pydantic import Field, model_validator

from connector_kit.manifest.section import ManifestSection, Name

Purpose = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9-]{1,39}$")]
MAX_DEADLINE_S: Final = 90 * 86400


class OperationKind(StrEnum):
    """lookup: changes nothing at the register. command: changes something. batch: many orders at once, in files."""

    LOOKUP = "lookup"
    COMMAND = "command"
    BATCH = "batch"


class Idempotency(StrEnum):
    """Whether a call that may have been executed can be repeated.

    natural: executing twice equals executing once. by_key: the register recognises our call id. by_lookup: we can ask
    the register whether it executed the call. none: none of these; an operator must find out what happened.
    """

    NATURAL = "natural"
    BY_KEY = "by_key"
    BY_LOOKUP = "by_lookup"
    NONE = "none"


class OnFailure(StrEnum):
    """What happens to later requests of the same key when a request needs an operator.

    block_key: they wait. skip: they go on.
    """

    BLOCK_KEY = "block_key"
    SKIP = "skip"


class DataClass(StrEnum):
    PUBLIC = "public"
    PERSONAL = "personal"
    SENSITIVE = "sensitive"


class CachePolicy(ManifestSection):
    """How long an answer of a lookup may be reused: `ttl_s`, or `stale_if_down_s` while the register is unavailable."""

    ttl_s: float = Field(gt=0)
    stale_if_down_s: float = Field(0, ge=0)

    @model_validator(mode="after")
    def _longer(self) -> "CachePolicy":
        if self.stale_if_down_s and self.stale_if_down_s <= self.ttl_s:
            raise ValueError("stale_if_down_s must be longer than ttl_s")
        return self


class Operation(ManifestSection):
    kind: OperationKind
    idempotency: Idempotency = Idempotency.NATURAL
    question: str = Field(description="Name of the question's model in models.py.")
    answer: str | None = Field(None, description="Name of the answer's model in models.py; none for an order.")
    ordering_key: Name = "case_id"
    timeout_s: float = Field(gt=0, le=300, description="Timeout of one call.")
    deadline_s: float = Field(
        gt=0,
        le=MAX_DEADLINE_S,
        description="When the request ends without an answer. The number of tries is not limited.",
    )
    on_failure: OnFailure = OnFailure.BLOCK_KEY
    purposes: tuple[Purpose, ...] = Field(
        min_length=1, description="Legal grounds on which an officer may use the operation."
    )
    data_class: DataClass = DataClass.PERSONAL
    record_fields: tuple[Name, ...] = Field(
        (), description="Fields of the answer that identify a record; each read is logged with them."
    )
    may_be_empty: tuple[Name, ...] = Field(
        (), description="Lists of a lookup's answer that nobody asks for by themselves; any other one needs an element."
    )
    cache: CachePolicy | None = None

    @model_validator(mode="after")
    def _fits(self) -> "Operation":
        if self.kind is OperationKind.LOOKUP and self.idempotency is not Idempotency.NATURAL:
            raise ValueError("a lookup changes nothing: its idempotency is natural")
        if self.kind is OperationKind.LOOKUP and not self.answer:
            raise ValueError("a lookup needs an answer: name its model")
        if self.cache and self.kind is not OperationKind.LOOKUP:
            raise ValueError("only a lookup can be answered from a cache")
        if self.deadline_s < self.timeout_s:
            raise ValueError("deadline_s is shorter than timeout_s")
        return self
