"""The result of a decision: the new state, the events to emit, the jobs to run. A decision itself has no effects."""

from dataclasses import dataclass
from typing import ClassVar, Generic, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict

S = TypeVar("S")


class Event(BaseModel):
    """A past fact. Frozen; it ignores fields it does not know, so that an old reader can read a new writer's events.

    TYPE is the CloudEvents type with its version, TOPIC the Kafka topic, AGGREGATE the field whose value is the
    record key: order holds per aggregate.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    TYPE: ClassVar[str]
    TOPIC: ClassVar[str]
    AGGREGATE: ClassVar[str]

    @property
    def aggregate(self) -> UUID:
        value = getattr(self, self.AGGREGATE)
        assert isinstance(value, UUID)  # noqa: S101 -- a contract that names a wrong field is a bug its tests find
        return value


class Job(BaseModel):
    """Slow work, to be done after the commit. Jobs of one QUEUE with the same key run one after the other."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    QUEUE: ClassVar[str]
    KEY: ClassVar[str]
    DEADLINE_S: ClassVar[int]

    @property
    def key(self) -> str:
        return str(getattr(self, self.KEY))


@dataclass(frozen=True, slots=True)
class Decision(Generic[S]):
    """The new state with the events and jobs that follow from it."""

    state: S
    events: tuple[Event, ...] = ()
    jobs: tuple[Job, ...] = ()


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt of a job, numbered from 1.

    `previous_outcome_unknown`: the attempt before ended without an outcome (a crash, a timeout, OutcomeUnknown), so its
    effect is not known: check the status, ask an operator, or repeat where repetition is harmless.
    """

    number: int
    previous_outcome_unknown: bool


@dataclass(frozen=True, slots=True)
class RetryLater:
    """Try again after `after_s` seconds or later; the job's deadline ends the retries, not a count."""

    after_s: float
    reason: str


@dataclass(frozen=True, slots=True)
class OutcomeUnknown:
    """The call may have had its effect or not. The next attempt follows after `after_s` seconds and learns this."""

    after_s: float
    reason: str


@dataclass(frozen=True, slots=True)
class Paused:
    """No job may run now (an open circuit breaker, a used-up quota, a maintenance window). Uses up no attempt."""

    reason: str
    retry_after_s: float = 1.0


@dataclass(frozen=True, slots=True)
class NeedsOperator:
    """Only a person can decide how to continue: the job stays as failed. `blocks_key`: later jobs of its key wait."""

    reason: str
    blocks_key: bool = True


@dataclass(frozen=True, slots=True)
class DeadlineExceeded:
    """The deadline passed before an attempt succeeded. `reason` is that of the last attempt."""

    reason: str


@dataclass(frozen=True, slots=True)
class KeepsFailing(DeadlineExceeded):
    """So many attempts in a row failed in the same way that the next ones would too: the job ends before its
    deadline."""
