"""How a citizen can be reached."""

from pydantic import BaseModel, ConfigDict
from wanderamt.contracts import Channel


class Recipient(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    phone: str | None = None
    email: str | None = None

    @property
    def channels(self) -> tuple[Channel, ...]:
        reachable = {Channel.SMS: self.phone, Channel.EMAIL: self.email}
        return tuple(channel for channel, address in reachable.items() if address)
