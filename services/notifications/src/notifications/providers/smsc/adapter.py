"""Pure: messages to submit_sm, receipts of deliver_sm to ours."""

from collections.abc import Mapping, Sequence

from connector_kit.adapter import Setup, Stamp
from connector_kit.smpp.pdu import MessageState, Submit, read_deliver, read_receipt
from connector_kit.verdict import Done, Verdict
from pydantic import BaseModel, SecretStr

from notifications.domain.receipt import Receipt, Word, stop_of
from notifications.providers.messages import Sms, Taken

WORDS = {
    MessageState.ENROUTE: Word.TAKEN,
    MessageState.ACCEPTED: Word.TAKEN,
    MessageState.UNKNOWN: Word.TAKEN,
    MessageState.DELIVERED: Word.DELIVERED,
    MessageState.EXPIRED: Word.FAILED,
    MessageState.DELETED: Word.FAILED,
    MessageState.UNDELIVERABLE: Word.FAILED,
    MessageState.REJECTED: Word.FAILED,
}


def open_adapter(setup: Setup) -> "SmscAdapter":
    return SmscAdapter(setup.settings["sender"])


class SmscAdapter:
    def __init__(self, sender: str) -> None:
        self._sender = sender

    def encode(self, operation: str, question: BaseModel, stamp: Stamp) -> Submit:
        assert isinstance(question, Sms)  # noqa: S101 -- by the manifest
        return Submit(self._sender, question.to, question.text, question.short_ref)

    def taken(self, operation: str, message_id: str) -> Verdict:
        return Done(Taken(message_id=message_id))

    def may_tell(self, headers: Mapping[str, str], body: bytes, key: SecretStr) -> bool:
        return False  # receipts come over the connection we made, never by a web hook

    def read_receipts(self, body: bytes) -> Sequence[Receipt]:
        deliver = read_deliver(body)
        number = "+" + deliver.source.removeprefix("+")
        if not deliver.is_receipt:
            return stop_of(number, deliver.text)
        told = read_receipt(deliver)
        return [
            Receipt(
                WORDS[told.state],
                provider_ref=told.message_id,
                number=number,
                short_ref=told.reference,
                code=f"{told.state.lower()}_{told.error}",
            )
        ]
