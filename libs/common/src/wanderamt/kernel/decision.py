"""What a decision yields: the new state, the facts to tell, the work to do. Deciding is pure, doing comes after."""

from dataclasses import dataclass
from typing import ClassVar, Generic, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict

S = TypeVar("S")


class Event(BaseModel):
    """A past fact. Frozen, and blind to fields it does not know, so that an old reader survives a new writer.

    TYPE is the CloudEvents type with its version, TOPIC the Kafka topic, AGGREGATE the field whose value keys the
    record: order holds per aggregate.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    TYPE: ClassVar[str]
    TOPIC: ClassVar[str]
    AGGREGATE: ClassVar[str]

    @property
    def aggregate(self) -> UUID:
        value = getattr(self, self.AGGREGATE)
        assert isinstance(value, UUID)  # noqa: S101 -- a contract that names a wrong field is a bug, found by its tests
        return value


class Job(BaseModel):
    """Slow work to be done after the commit. Jobs of one QUEUE with the same key run one after the other."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    QUEUE: ClassVar[str]
    KEY: ClassVar[str]
    DEADLINE_S: ClassVar[int]

    @property
    def key(self) -> str:
        return str(getattr(self, self.KEY))


@dataclass(frozen=True, slots=True)
class Decision(Generic[S]):
    """The new state with what follows from it."""

    state: S
    events: tuple[Event, ...] = ()
    jobs: tuple[Job, ...] = ()


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try of a job. `interrupted`: the try before ended without an outcome (a crash, a time-out, Unknown), so its
    effect is not known: probe, park for a human, or repeat where repeating is harmless."""

    number: int
    interrupted: bool


@dataclass(frozen=True, slots=True)
class Retry:
    """Try again, not before `after_s` seconds; the job's deadline, not a count, ends it."""

    after_s: float
    reason: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """The call may have had its effect or not. The next claim comes after `after_s` seconds, as interrupted."""

    after_s: float
    reason: str


@dataclass(frozen=True, slots=True)
class Pause:
    """Nothing may go now (a breaker is open, a quota is used up, a maintenance window): no try is spent on it."""

    reason: str
    look_again_s: float = 1.0


@dataclass(frozen=True, slots=True)
class Park:
    """Only a human can say how it goes on: the job stays, dead. `holds_key`: what comes later of its key waits."""

    reason: str
    holds_key: bool = True


@dataclass(frozen=True, slots=True)
class Expired:
    """The deadline passed before any try succeeded. `reason` is that of the last try."""

    reason: str
