"""Maps messages to submit_sm, and deliver_sm to delivery receipts. Pure."""

from collections.abc import Mapping, Sequence

from connector_kit.adapter import AdapterConfig, CallContext
from connector_kit.call_outcome import CallOutcome, Succeeded
from connector_kit.transports.smpp.pdu import MessageState, SubmitMessage, read_deliver, read_receipt
from pydantic import BaseModel, SecretStr

from notifications.domain.delivery_receipt import DeliveryReceipt, DeliveryStatus, parse_opt_out
from notifications.providers.messages import Accepted, Sms

STATUSES = {
    MessageState.ENROUTE: DeliveryStatus.ACCEPTED,
    MessageState.ACCEPTED: DeliveryStatus.ACCEPTED,
    MessageState.UNKNOWN: DeliveryStatus.ACCEPTED,
    MessageState.DELIVERED: DeliveryStatus.DELIVERED,
    MessageState.EXPIRED: DeliveryStatus.FAILED,
    MessageState.DELETED: DeliveryStatus.FAILED,
    MessageState.UNDELIVERABLE: DeliveryStatus.FAILED,
    MessageState.REJECTED: DeliveryStatus.FAILED,
}


def open_adapter(config: AdapterConfig) -> "SmscAdapter":
    return SmscAdapter(config.settings["sender"])


class SmscAdapter:
    def __init__(self, sender: str) -> None:
        self._sender = sender

    def encode(self, operation: str, question: BaseModel, context: CallContext) -> SubmitMessage:
        assert isinstance(question, Sms)  # noqa: S101 -- by the manifest
        return SubmitMessage(self._sender, question.to, question.text, question.short_ref)

    def accepted(self, operation: str, message_id: str) -> CallOutcome:
        return Succeeded(Accepted(message_id=message_id))

    def verify_signature(self, headers: Mapping[str, str], body: bytes, key: SecretStr) -> bool:
        return False  # receipts come over our own connection, never by HTTP

    def parse_receipts(self, body: bytes) -> Sequence[DeliveryReceipt]:
        deliver = read_deliver(body)
        number = "+" + deliver.source.removeprefix("+")
        if not deliver.is_receipt:
            return parse_opt_out(number, deliver.text)
        report = read_receipt(deliver)
        return [
            DeliveryReceipt(
                STATUSES[report.state],
                provider_ref=report.message_id,
                number=number,
                short_ref=report.reference,
                code=f"{report.state.lower()}_{report.error}",
            )
        ]
