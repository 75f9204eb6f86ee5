"""Topic access.v1, owned by intake: officers, sessions and devices that may not call any service, and their return."""

from enum import StrEnum
from typing import ClassVar
from uuid import NAMESPACE_URL, UUID, uuid5

from pydantic import AwareDatetime, Field

from wanderamt.kernel.decision import Event


class CutOffKind(StrEnum):
    OFFICER = "officer"
    DEVICE = "device"
    SESSION = "session"


class AccessEvent(Event):
    """`id`: the officer's account, or the id of the device or the session. `access_id`: see `access_id_of`."""

    TOPIC: ClassVar[str] = "access.v1"
    AGGREGATE: ClassVar[str] = "access_id"

    access_id: UUID
    kind: CutOffKind
    id: str
    proof: str | None = Field(
        None, description="Made by intake: it decided exactly this. Without it the event has no effect."
    )


class AccessCutOff(AccessEvent):
    """From now on every service refuses this officer, device or session."""

    TYPE: ClassVar[str] = "at.wanderamt.access.cut-off.v1"

    since: AwareDatetime


class AccessRestored(AccessEvent):
    """The services admit this officer or device again."""

    TYPE: ClassVar[str] = "at.wanderamt.access.restored.v1"

    restored_at: AwareDatetime


def access_id_of(kind: CutOffKind, id_: str) -> UUID:
    """The key of the topic: the same for the same officer, device or session."""
    return uuid5(NAMESPACE_URL, f"urn:wanderamt:access:{kind}:{id_}")
