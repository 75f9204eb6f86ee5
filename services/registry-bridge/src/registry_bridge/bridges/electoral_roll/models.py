"""Questions to the electoral roll and its answers."""

from datetime import date
from enum import StrEnum

from pydantic import AwareDatetime, Field

from registry_bridge.bridges.shared_models import RecordNumber, RegisterAddress, RegisterPerson, SharedModel


class RequestChannel(StrEnum):
    SPOKEN = "spoken"
    WRITTEN = "written"


class VoterQuery(RegisterPerson):
    municipality: str | None = Field(None, min_length=1, max_length=100, description="On whose roll.")


class VoterEntry(SharedModel):
    """A voter of the coming election, and until when a voting card can be requested."""

    election: str = Field(min_length=1, max_length=100)
    election_day: date
    spoken_until: AwareDatetime = Field(description="For a request in person.")
    written_until: AwareDatetime
    card_requested: bool


class VotingCardOrder(RegisterPerson):
    """`delivery_address`: where the card is sent; without it, it is handed out."""

    channel: RequestChannel
    delivery_address: RegisterAddress | None = None


class VotingCard(SharedModel):
    card_number: str = Field(min_length=1, max_length=40)
    election: str = Field(min_length=1, max_length=100)
    election_day: date


class VotingCardNumber(SharedModel):
    """Also the answer to a withdrawal."""

    card_number: RecordNumber
