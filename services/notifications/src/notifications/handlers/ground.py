"""What every handler of notifications needs beside its transaction."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta

from connector_kit.manifest import Manifest
from pydantic import SecretStr, ValidationError
from wanderamt.contracts import Channel
from wanderamt.kernel.sealed import Sealed
from wanderamt.security.keys import Sealer, Unreadable

from notifications.domain.deciding import House
from notifications.domain.receipt import Teller
from notifications.domain.recipient import Recipient


@dataclass(frozen=True, slots=True)
class Line:
    """A provider that is connected. `teller`: reads what it tells later; `receipt_key`: signs what it posts to us."""

    name: str
    channel: Channel
    manifest: Manifest
    weight: float
    teller: Teller | None = None
    receipt_key: SecretStr = field(default_factory=lambda: SecretStr(""))


def weights(lines: Mapping[str, Line]) -> dict[str, float]:
    return {name: one.weight for name, one in lines.items()}


@dataclass(frozen=True, slots=True)
class Retention:
    content: timedelta = timedelta(days=7)
    silent: timedelta = timedelta(days=180)
    receipt_wait: timedelta = timedelta(hours=72)


@dataclass(frozen=True)
class Ground:
    house: House
    sealer: Sealer
    lines: Mapping[str, Line]
    retention: Retention = field(default_factory=Retention)
    return_every: timedelta = timedelta(minutes=5)

    def of_channel(self, channel: Channel) -> dict[str, Line]:
        return {name: one for name, one in self.lines.items() if one.channel is channel}

    def day_began(self, now: datetime) -> datetime:
        """Midnight on the citizen's wall."""
        here = now.astimezone(self.house.zone)
        return datetime.combine(here.date(), time(), self.house.zone)

    def recipient(self, contact: Sealed) -> Recipient | None:
        """None: it is erased, or of another key; there is nobody to tell."""
        try:
            return Recipient.model_validate_json(self.sealer.open(contact))
        except (Unreadable, ValidationError):
            return None

    def person(self, channel: Channel, address: str) -> bytes:
        """Keyed hash of an address: the same citizen is known again, and nobody can read who it is."""
        return self.sealer.fingerprint(f"{channel}:{address}".encode())
