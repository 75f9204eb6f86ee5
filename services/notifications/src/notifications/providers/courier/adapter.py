"""Maps messages to forms, and lines of text to outcomes. Pure."""

import hmac
from collections.abc import Mapping, Sequence
from urllib.parse import parse_qs, urlencode
from uuid import UUID

from connector_kit.adapter import (
    AdapterConfig,
    CallContext,
    HttpCall,
    HttpReply,
    OrderFound,
    OrderNotFound,
    StatusCheckResult,
)
from connector_kit.call_outcome import (
    CallOutcome,
    Rejected,
    Succeeded,
    TemporarilyUnavailable,
    UnreadableResponse,
    to_code,
)
from connector_kit.transports.http_status import outcome_of_status
from pydantic import BaseModel, SecretStr

from notifications.domain.delivery_receipt import DeliveryReceipt, DeliveryStatus, parse_opt_out
from notifications.providers.messages import Accepted, Sms

FORM = "application/x-www-form-urlencoded"
STATUSES = {
    "SENT": DeliveryStatus.ACCEPTED,
    "DELIVRD": DeliveryStatus.DELIVERED,
    "UNDELIV": DeliveryStatus.FAILED,
    "EXPIRED": DeliveryStatus.FAILED,
}


def open_adapter(config: AdapterConfig) -> "CourierAdapter":
    return CourierAdapter(config.settings["sender"])


class CourierAdapter:
    def __init__(self, sender: str) -> None:
        self._sender = sender

    def encode(self, operation: str, question: BaseModel, context: CallContext) -> HttpCall:
        assert isinstance(question, Sms)  # noqa: S101 -- by the manifest
        form = {"ref": str(context.call_id), "from": self._sender, "to": question.to, "text": question.text}
        return HttpCall("POST", "/sms", {"Content-Type": FORM}, body=urlencode(form).encode())

    def classify(self, operation: str, reply: HttpReply) -> CallOutcome:
        if outcome := outcome_of_status(reply):
            return outcome
        match _fields(reply):
            case ["OK", message_id, *_]:
                return Succeeded(Accepted(message_id=message_id))
            case ["ERR", code]:
                return Rejected(to_code(code))
        return UnreadableResponse("unknown_line")

    def encode_status_check(self, operation: str, question: BaseModel, context: CallContext) -> HttpCall:
        return HttpCall("GET", "/sms", {"X-Request": str(context.call_id)}, {"ref": str(context.call_id)})

    def classify_status_check(self, operation: str, reply: HttpReply) -> StatusCheckResult:
        if reply.status == 404 and _fields(reply) == ["NONE"]:
            return OrderNotFound()
        match self.classify(operation, reply):
            case Succeeded() as succeeded:
                return OrderFound(succeeded)
            case TemporarilyUnavailable() as unavailable:
                return unavailable
            case outcome:
                return TemporarilyUnavailable(getattr(outcome, "code", "no_answer"))

    def verify_signature(self, headers: Mapping[str, str], body: bytes, key: SecretStr) -> bool:
        expected = f"Bearer {key.get_secret_value()}"
        return hmac.compare_digest(headers.get("authorization", "").encode(), expected.encode())

    def parse_receipts(self, body: bytes) -> Sequence[DeliveryReceipt]:
        form = {name: values[0] for name, values in parse_qs(body.decode("utf-8"), strict_parsing=True).items()}
        if not {"status", "text"} & form.keys():
            raise ValueError("neither a receipt nor a citizen's message")
        if "status" not in form:
            return parse_opt_out(form["from"], form.get("text", ""))
        if form["status"] not in STATUSES:
            raise ValueError("unknown status")
        code = to_code(form.get("err"))
        return [DeliveryReceipt(STATUSES[form["status"]], UUID(form["ref"]), form.get("id", ""), code=code)]


def _fields(reply: HttpReply) -> list[str]:
    """The fields of the line; empty if the line is cut off, without its end."""
    if not reply.body.endswith(b"\n"):
        return []
    try:
        return reply.body.decode("ascii").split()
    except UnicodeError:
        return []
