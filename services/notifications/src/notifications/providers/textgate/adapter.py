"""Pure: messages to calls of the gateway, its answers to verdicts, its receipts to ours."""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from typing import Literal
from uuid import UUID

from connector_kit.adapter import HttpCall, HttpReply, Setup, Stamp
from connector_kit.bridge import by_status
from connector_kit.verdict import Done, Malformed, Rejected, Verdict, code_of
from pydantic import BaseModel, Field, SecretStr, ValidationError
from pydantic_core import to_json

from notifications.domain.receipt import Receipt, Word, stop_of
from notifications.providers.messages import Sms, Taken

JSON = "application/json"
SIGNATURE = "x-signature"


class _Accepted(BaseModel):
    id: str = Field(min_length=1)


class _Refused(BaseModel):
    code: str = ""


class _Receipt(BaseModel):
    id: str
    reference: UUID | None = None
    status: Literal["accepted", "delivered", "failed"]
    code: str = ""


class _Inbound(BaseModel):
    from_: str = Field(alias="from")
    text: str


class _Told(BaseModel):
    receipts: list[_Receipt] = []
    inbound: list[_Inbound] = []


WORDS = {"accepted": Word.TAKEN, "delivered": Word.DELIVERED, "failed": Word.FAILED}


def open_adapter(setup: Setup) -> "TextgateAdapter":
    return TextgateAdapter(setup.settings["sender"])


class TextgateAdapter:
    def __init__(self, sender: str) -> None:
        self._sender = sender

    def encode(self, operation: str, question: BaseModel, stamp: Stamp) -> HttpCall:
        assert isinstance(question, Sms)  # noqa: S101 -- by the manifest
        body = {"reference": str(stamp.call_id), "from": self._sender, "to": question.to, "text": question.text}
        headers = {"Content-Type": JSON, "Accept": JSON, "Idempotency-Key": str(stamp.call_id)}
        return HttpCall("POST", "/messages", headers, body=to_json(body))

    def classify(self, operation: str, reply: HttpReply) -> Verdict:
        if verdict := by_status(reply):
            return verdict
        if not reply.headers.get("content-type", "").startswith(JSON):
            return Malformed("no_json")
        try:
            if reply.status in {404, 409, 422}:
                return Rejected(code_of(_Refused.model_validate_json(reply.body).code))
            return Done(Taken(message_id=_Accepted.model_validate_json(reply.body).id))
        except ValidationError:
            return Malformed("no_answer_of_ours")

    def may_tell(self, headers: Mapping[str, str], body: bytes, key: SecretStr) -> bool:
        wanted = hmac.new(key.get_secret_value().encode(), body, hashlib.sha256).hexdigest()
        return hmac.compare_digest(headers.get(SIGNATURE, "").encode(), wanted.encode())

    def read_receipts(self, body: bytes) -> Sequence[Receipt]:
        told = _Told.model_validate_json(body)
        receipts = [Receipt(WORDS[one.status], one.reference, one.id, code=code_of(one.code)) for one in told.receipts]
        return [*receipts, *(stop for one in told.inbound for stop in stop_of(one.from_, one.text))]
