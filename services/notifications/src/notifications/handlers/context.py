"""What the handlers and routes of notifications need besides their transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta

from connector_kit.manifest.manifest import Manifest
from pydantic import SecretStr, ValidationError
from service_catalogue.authority import AuthorityProfile
from wanderamt.backbone.persistence.database import Database
from wanderamt.contracts import Channel
from wanderamt.kernel.mailbox import mailbox_of
from wanderamt.kernel.sealed import Sealed
from wanderamt.security.keys import FieldCipher, UnreadableCiphertextError

from notifications.domain.channel_decision import SendingPolicy
from notifications.domain.delivery_receipt import ReceiptParser
from notifications.domain.recipient import Recipient


@dataclass(frozen=True, slots=True)
class ConnectedProvider:
    """`receipt_parser`: None if it sends no receipts. `receipt_key`: signs the receipts that it posts."""

    name: str
    channel: Channel
    manifest: Manifest
    weight: float
    receipt_parser: ReceiptParser | None = None
    receipt_key: SecretStr = field(default_factory=lambda: SecretStr(""))


def configured_weights(providers: Mapping[str, ConnectedProvider]) -> dict[str, float]:
    return {name: provider.weight for name, provider in providers.items()}


@dataclass(frozen=True, slots=True)
class RetentionPeriods:
    """`content`: after the end of a notice. `inactive_contact`: without an event. `receipt_wait`: for a receipt."""

    content: timedelta = timedelta(days=7)
    inactive_contact: timedelta = timedelta(days=180)
    receipt_wait: timedelta = timedelta(hours=72)


@dataclass(frozen=True)
class NotificationContext:
    """Made by app.py, kept in `app.state.context`.

    `consent_wording`: version of the text that citizens agree to on the status page.
    `partner_networks`: the city's own networks (CIDR) that webhooks may reach.
    """

    authority: AuthorityProfile
    database: Database
    policy: SendingPolicy
    cipher: FieldCipher
    providers: Mapping[str, ConnectedProvider]
    retention: RetentionPeriods = field(default_factory=RetentionPeriods)
    rebalance_interval: timedelta = timedelta(minutes=5)
    consent_wording: str = ""
    partner_networks: Sequence[str] = ()

    def providers_of(self, channel: Channel) -> dict[str, ConnectedProvider]:
        return {name: provider for name, provider in self.providers.items() if provider.channel is channel}

    def start_of_day(self, now: datetime) -> datetime:
        """Midnight in the citizen's time zone."""
        local = now.astimezone(self.policy.zone)
        return datetime.combine(local.date(), time(), self.policy.zone)

    def decrypt_recipient(self, contact: Sealed) -> Recipient | None:
        """None if the contact was erased or encrypted with another key."""
        try:
            return Recipient.model_validate_json(self.cipher.open(contact))
        except (UnreadableCiphertextError, ValidationError):
            return None

    def address_hash(self, channel: Channel, address: str) -> bytes:
        """Keyed hash of a number or mailbox: it recognises the same citizen and does not reveal who it is."""
        number_or_mailbox = mailbox_of(address) if channel is Channel.EMAIL else address
        return self.cipher.keyed_hash(f"{channel}:{number_or_mailbox}".encode())
