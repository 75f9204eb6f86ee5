"""What a provider says later of a message it took. Pure.

Kept true: receipts come early, late, twice, in any order, and for messages nobody knows; each is kept before it is
answered, and what it says counts once, by rank: delivered beats failed, failed beats taken.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from pydantic import SecretStr

from notifications.domain.notice import Delivered, End, Failed, Notice, Sent


class Word(StrEnum):
    """taken: it is on its way. failed: it will reach nobody."""

    TAKEN = "taken"
    DELIVERED = "delivered"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Receipt:
    """Which message: by our reference, by the provider's, or by the number with our short reference.

    `code`: the provider's word for why it failed. `stop`: the citizen wants no more messages at this address.
    """

    word: Word | None
    notice_id: UUID | None = None
    provider_ref: str = ""
    number: str = ""
    short_ref: int = 0
    code: str = ""
    stop: bool = False


def end_of(receipt: Receipt, notice: Notice, provider: str) -> End | None:
    match receipt.word:
        case Word.TAKEN:
            return Sent(provider, receipt.provider_ref)
        case Word.DELIVERED:
            return Delivered(provider)
        case Word.FAILED:
            return Failed(receipt.code or "not_delivered")
    return None


class Teller(Protocol):
    """An adapter whose provider tells later what became of a message."""

    def may_tell(self, headers: Mapping[str, str], body: bytes, key: SecretStr) -> bool:
        """Whether it was the provider who wrote this. Names of headers are in small letters."""
        ...

    def read_receipts(self, body: bytes) -> Sequence[Receipt]:
        """Raises ValueError for what nobody can read."""
        ...


STOP_WORDS = frozenset({"STOP", "STOPP", "ENDE", "ABMELDEN", "UNSUBSCRIBE"})


def stop_of(number: str, text: str) -> list[Receipt]:
    """When a citizen writes that they want no more messages. Anything else a citizen writes is not ours to read."""
    stops = text.strip().strip(".!").upper() in STOP_WORDS
    return [Receipt(None, number=number, stop=True)] if stops else []
