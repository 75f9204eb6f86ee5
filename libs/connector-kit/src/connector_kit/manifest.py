"""bridge.toml: what a register can do and what it bears, as data. Read once at start, never by an adapter.

Kept true: every operation has a timeout and a deadline, every register a pace and a bound on calls at the same time;
an order that cannot be looked up or repeated is declared so and never repeated.
"""

import tomllib
from datetime import time
from enum import StrEnum
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{1,39}$")]
Purpose = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9-]{1,39}$")]
SCHEMA_VERSION: Final = 1
MAX_DEADLINE_S: Final = 90 * 86400


class BrokenManifest(Exception):
    """A bridge.toml that does not fit what is wanted of it; says what."""


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Transport(StrEnum):
    """smpp, smtp: providers of messages."""

    HTTP = "http"
    SOAP = "soap"
    SFTP = "sftp"
    SMPP = "smpp"
    SMTP = "smtp"


class Kind(StrEnum):
    """lookup: changes nothing there. command: does. batch: many at a time, in files."""

    LOOKUP = "lookup"
    COMMAND = "command"
    BATCH = "batch"


class Effect(StrEnum):
    """What a call that may have happened allows.

    natural: twice is like once. key: the register knows our id again. probe: it can be asked whether it happened.
    unsafe: none of these; what is not known goes to a human.
    """

    NATURAL = "natural"
    KEY = "key"
    PROBE = "probe"
    UNSAFE = "unsafe"


class OnDead(StrEnum):
    """park: what comes later of the same key waits. skip: it goes on."""

    PARK = "park"
    SKIP = "skip"


class DataClass(StrEnum):
    PUBLIC = "public"
    PERSONAL = "personal"
    SENSITIVE = "sensitive"


class Day(StrEnum):
    MON = "mon"
    TUE = "tue"
    WED = "wed"
    THU = "thu"
    FRI = "fri"
    SAT = "sat"
    SUN = "sun"


class Cache(Part):
    """Answers of a lookup that are good again. `stale_if_down_s`: longer, while the register is away, and told so."""

    ttl_s: float = Field(gt=0)
    stale_if_down_s: float = Field(0, ge=0)

    @model_validator(mode="after")
    def _longer(self) -> "Cache":
        if self.stale_if_down_s and self.stale_if_down_s <= self.ttl_s:
            raise ValueError("stale_if_down_s is not longer than ttl_s, so it says nothing")
        return self


class Operation(Part):
    kind: Kind
    effect: Effect = Effect.NATURAL
    question: str = Field(description="Name of the model in models.py that is asked.")
    answer: str | None = Field(None, description="Name of the model that is answered; none for an order.")
    ordering_key: Name = "case_id"
    timeout_s: float = Field(gt=0, le=300, description="Of one call.")
    deadline_s: float = Field(
        gt=0, le=MAX_DEADLINE_S, description="After it the answer is that there is none. Tries are not counted."
    )
    on_dead: OnDead = OnDead.PARK
    purposes: tuple[Purpose, ...] = Field(min_length=1, description="What an officer may ask it for.")
    data_class: DataClass = DataClass.PERSONAL
    delivers: tuple[Name, ...] = Field((), description="Fields of the answer that name a record: logged at each read.")
    cache: Cache | None = None

    @model_validator(mode="after")
    def _fits(self) -> "Operation":
        if self.kind is Kind.LOOKUP and self.effect is not Effect.NATURAL:
            raise ValueError("a lookup changes nothing: its effect is natural")
        if self.kind is Kind.LOOKUP and not self.answer:
            raise ValueError("a lookup has an answer: name its model")
        if self.cache and self.kind is not Kind.LOOKUP:
            raise ValueError("only a lookup can be answered from a cache")
        if self.deadline_s < self.timeout_s:
            raise ValueError("the deadline ends before one call may")
        return self


class Limits(Part):
    """What the register bears of us, all processes together. `counter_share`: kept for people who wait at a desk."""

    rate_per_s: float = Field(gt=0, le=10_000)
    concurrency: int = Field(ge=1, le=1000)
    daily_quota: int | None = Field(None, ge=1, description="Calls a day in the register's time zone.")
    counter_share: float = Field(0.25, ge=0, lt=1)

    @property
    def for_counter(self) -> int:
        """Calls at the same time that only the counter may make."""
        return min(self.concurrency - 1, -int(-self.concurrency * self.counter_share // 1)) if self.counter_share else 0

    @property
    def for_cases(self) -> int:
        """Calls at the same time of which nobody waits for the answer."""
        return self.concurrency - self.for_counter


class Portal(Part):
    """Several registers behind one door: what it bears of all of them together."""

    id: Name
    rate_per_s: float = Field(gt=0, le=1000)


class Breaking(Part):
    """When we stop asking: too many failures, or too many slow answers, among at least `min_calls` in `window_s`."""

    window_s: float = Field(60, gt=0)
    min_calls: int = Field(10, ge=1)
    failure_share: float = Field(0.5, gt=0, le=1)
    slow_after_s: float = Field(10, gt=0)
    slow_share: float = Field(0.8, gt=0, le=1)
    open_s: float = Field(30, gt=0, description="Until the first probe; twice as long after each that failed.")
    open_at_most_s: float = Field(600, gt=0)


class Maintenance(Part):
    """Closed every week on these days. A window over midnight belongs to the day it begins on."""

    days: tuple[Day, ...] = Field(min_length=1)
    begins: time
    ends: time

    @model_validator(mode="after")
    def _has_length(self) -> "Maintenance":
        if self.begins == self.ends:
            raise ValueError("begins and ends are the same")
        return self


class Nightly(Part):
    """A file of every day: `name` by the day, as strftime writes it; `at`: when it goes, or must be there."""

    folder: str = Field(min_length=1)
    name: str = Field(min_length=1)
    at: time


class Files(Part):
    """How files travel. `apart_s`: so long a file must not have grown, where no `marker` says that it is whole.

    `trailer`: the last line says how many rows there are; a file without it is one half.
    """

    charset: str = "utf-8"
    orders: Nightly
    answers: Nightly
    rejects: str = Field(min_length=1, description="Folder for what we could not read of an answer.")
    marker: str = ""
    trailer: bool = False
    apart_s: float = Field(60, ge=1)
    look_every_s: float = Field(300, gt=0)


class Manifest(Part):
    version: int = Field(ge=1, le=SCHEMA_VERSION, description="Of this format.")
    id: Name
    owner: str = Field(min_length=1, description="Who is called when it breaks.")
    transport: Transport
    time_zone: str = "Europe/Vienna"
    connect_timeout_s: float = Field(3, gt=0, le=60)
    secrets: tuple[Name, ...] = Field((), description="Names of settings that hold them; never their values.")
    bearer: Name | None = Field(None, description="Which of the secrets goes as bearer token with every HTTP call.")
    settings: dict[Name, str] = Field({}, description="What differs from city to city, with its usual value.")
    limits: Limits
    portal: Portal | None = None
    files: Files | None = None
    breaker: Breaking = Breaking()
    maintenance: tuple[Maintenance, ...] = ()
    operations: dict[Name, Operation] = Field(min_length=1)

    @model_validator(mode="after")
    def _fits(self) -> "Manifest":
        try:
            ZoneInfo(self.time_zone)
        except (KeyError, ValueError) as error:
            raise ValueError(f"there is no time zone {self.time_zone}") from error
        batches = [name for name, one in self.operations.items() if one.kind is Kind.BATCH]
        if batches and self.transport is not Transport.SFTP:
            raise ValueError(f"operation {batches[0]}: files travel by sftp")
        if (self.transport is Transport.SFTP) != (self.files is not None):
            raise ValueError("files says how files travel: give it for sftp, and for sftp alone")
        if self.bearer and self.bearer not in self.secrets:
            raise ValueError(f"the bearer {self.bearer} is not among the secrets")
        return self

    @property
    def longest_timeout_s(self) -> float:
        """Of one call, whichever."""
        return max(one.timeout_s for one in self.operations.values())

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)


def read_manifest(text: str) -> Manifest | list[str]:
    """The manifest, or what is wrong with the file, a sentence each, by place. Never raises for what a file holds."""
    try:
        return Manifest.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        return [f"not TOML: {error}"]
    except ValidationError as error:
        return [_sentence(one) for one in error.errors(include_url=False, include_input=False)]


def files_of(manifest: Manifest) -> Files:
    if not manifest.files:
        raise BrokenManifest(f"{manifest.id}: bridge.toml has no [files]")
    return manifest.files


def schema() -> dict[str, Any]:
    """JSON Schema for editors."""
    return Manifest.model_json_schema() | {"$schema": "https://json-schema.org/draft/2020-12/schema"}


def _sentence(error: Any) -> str:
    place = ".".join(str(part) for part in error["loc"])
    said = error["msg"].removeprefix("Value error, ")
    return f"{place}: {said}" if place else str(said)
