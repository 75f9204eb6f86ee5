"""Maps messages to HTTP calls, responses to outcomes, and posted reports to delivery receipts. Pure."""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from typing import Literal
from uuid import UUID

from connector_kit.adapter import AdapterConfig, CallContext, HttpCall, HttpReply
from connector_kit.call_outcome import CallOutcome, Rejected, Succeeded, UnreadableResponse, to_code
from connector_kit.transports.http_status import outcome_of_status
from pydantic import BaseModel, Field, SecretStr, ValidationError
from pydantic_core import to_json

from notifications.domain.delivery_receipt import DeliveryReceipt, DeliveryStatus, parse_opt_out
from notifications.providers.messages import Accepted, Sms

JSON = "application/json"
SIGNATURE = "x-signature"


class _AcceptedReply(BaseModel):
    id: str = Field(min_length=1)


class _RejectedReply(BaseModel):
    code: str = ""


class _PostedReceipt(BaseModel):
    id: str
    reference: UUID | None = None
    status: Literal["accepted", "delivered", "failed"]
    code: str = ""


class _Inbound(BaseModel):
    from_: str = Field(alias="from")
    text: str


class _PostedReport(BaseModel):
    receipts: list[_PostedReceipt] = []
    inbound: list[_Inbound] = []


STATUSES = {"accepted": DeliveryStatus.ACCEPTED, "delivered": DeliveryStatus.DELIVERED, "failed": DeliveryStatus.FAILED}


def open_adapter(config: AdapterConfig) -> "TextgateAdapter":
    return TextgateAdapter(config.settings["sender"])


class TextgateAdapter:
    def __init__(self, sender: str) -> None:
        self._sender = sender

    def encode(self, operation: str, question: BaseModel, context: CallContext) -> HttpCall:
        assert isinstance(question, Sms)  # noqa: S101 -- by the manifest
        body = {"reference": str(context.call_id), "from": self._sender, "to": question.to, "text": question.text}
        headers = {"Content-Type": JSON, "Accept": JSON, "Idempotency-Key": str(context.call_id)}
        return HttpCall("POST", "/messages", headers, body=to_json(body))

    def classify(self, operation: str, reply: HttpReply) -> CallOutcome:
        if outcome := outcome_of_status(reply):
            return outcome
        if not reply.headers.get("content-type", "").startswith(JSON):
            return UnreadableResponse("no_json")
        try:
            if reply.status in {404, 409, 422}:
                return Rejected(to_code(_RejectedReply.model_validate_json(reply.body).code))
            return Succeeded(Accepted(message_id=_AcceptedReply.model_validate_json(reply.body).id))
        except ValidationError:
            return UnreadableResponse("invalid_answer")

    def verify_signature(self, headers: Mapping[str, str], body: bytes, key: SecretStr) -> bool:
        expected = hmac.new(key.get_secret_value().encode(), body, hashlib.sha256).hexdigest()
        return hmac.compare_digest(headers.get(SIGNATURE, "").encode(), expected.encode())

    def parse_receipts(self, body: bytes) -> Sequence[DeliveryReceipt]:
        report = _PostedReport.model_validate_json(body)
        receipts = [
            DeliveryReceipt(STATUSES[posted.status], posted.reference, posted.id, code=to_code(posted.code))
            for posted in report.receipts
        ]
        opt_outs = [opt_out for sms in report.inbound for opt_out in parse_opt_out(sms.from_, sms.text)]
        return [*receipts, *opt_outs]
