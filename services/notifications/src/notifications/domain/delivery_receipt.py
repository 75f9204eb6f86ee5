"""Delivery receipts: what a provider reports later about a message it accepted. Pure.

Invariants: receipts may come early, late, twice, in any order, and for unknown messages; each receipt is stored before
it is acknowledged, and its status counts once, by rank: delivered beats failed, failed beats accepted.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from pydantic import SecretStr

from notifications.domain.notice import NoticeAccepted, NoticeArrived, NoticeOutcome, PermanentFailure


class DeliveryStatus(StrEnum):
    """accepted: on its way. failed: it will not arrive."""

    ACCEPTED = "accepted"
    DELIVERED = "delivered"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class DeliveryReceipt:
    """The message is identified by our id, by the provider's reference, or by number and our short reference.

    `code`: the provider's code for a failure. `opt_out`: the citizen wants no more messages at this number.
    """

    status: DeliveryStatus | None
    notice_id: UUID | None = None
    provider_ref: str = ""
    number: str = ""
    short_ref: int = 0
    code: str = ""
    opt_out: bool = False


def outcome_of(receipt: DeliveryReceipt, provider: str) -> NoticeOutcome | None:
    match receipt.status:
        case DeliveryStatus.ACCEPTED:
            return NoticeAccepted(provider, receipt.provider_ref)
        case DeliveryStatus.DELIVERED:
            return NoticeArrived(provider)
        case DeliveryStatus.FAILED:
            return PermanentFailure(receipt.code or "not_delivered")
    return None


class ReceiptParser(Protocol):
    """An adapter whose provider sends delivery receipts."""

    def verify_signature(self, headers: Mapping[str, str], body: bytes, key: SecretStr) -> bool:
        """Whether the provider wrote this body. Header names are in lower case."""
        ...

    def parse_receipts(self, body: bytes) -> Sequence[DeliveryReceipt]:
        """Raises ValueError if the body is not readable."""
        ...


STOP_WORDS = frozenset({"STOP", "STOPP", "ENDE", "ABMELDEN", "UNSUBSCRIBE"})


def parse_opt_out(number: str, text: str) -> list[DeliveryReceipt]:
    """One opt-out if the text of a citizen is a stop word; any other text is ignored."""
    stops = text.strip().strip(".!").upper() in STOP_WORDS
    return [DeliveryReceipt(None, number=number, opt_out=True)] if stops else []
