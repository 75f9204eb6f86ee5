"""Pure: messages to forms, lines to verdicts."""

import hmac
from collections.abc import Mapping, Sequence
from urllib.parse import parse_qs, urlencode
from uuid import UUID

from connector_kit.adapter import Happened, HttpCall, HttpReply, NotHappened, Probed, Setup, Stamp
from connector_kit.bridge import by_status
from connector_kit.verdict import Done, Malformed, Rejected, RetryLater, Verdict, code_of
from pydantic import BaseModel, SecretStr

from notifications.domain.receipt import Receipt, Word, stop_of
from notifications.providers.messages import Sms, Taken

FORM = "application/x-www-form-urlencoded"
WORDS = {"SENT": Word.TAKEN, "DELIVRD": Word.DELIVERED, "UNDELIV": Word.FAILED, "EXPIRED": Word.FAILED}


def open_adapter(setup: Setup) -> "CourierAdapter":
    return CourierAdapter(setup.settings["sender"])


class CourierAdapter:
    def __init__(self, sender: str) -> None:
        self._sender = sender

    def encode(self, operation: str, question: BaseModel, stamp: Stamp) -> HttpCall:
        assert isinstance(question, Sms)  # noqa: S101 -- by the manifest
        form = {"ref": str(stamp.call_id), "from": self._sender, "to": question.to, "text": question.text}
        return HttpCall("POST", "/sms", {"Content-Type": FORM}, body=urlencode(form).encode())

    def classify(self, operation: str, reply: HttpReply) -> Verdict:
        if verdict := by_status(reply):
            return verdict
        match _words(reply):
            case ["OK", message_id, *_]:
                return Done(Taken(message_id=message_id))
            case ["ERR", code]:
                return Rejected(code_of(code))
        return Malformed("no_line_of_ours")

    def encode_probe(self, operation: str, question: BaseModel, stamp: Stamp) -> HttpCall:
        return HttpCall("GET", "/sms", {"X-Request": str(stamp.call_id)}, {"ref": str(stamp.call_id)})

    def classify_probe(self, operation: str, reply: HttpReply) -> Probed:
        if reply.status == 404 and _words(reply) == ["NONE"]:
            return NotHappened()
        match self.classify(operation, reply):
            case Done() as done:
                return Happened(done)
            case RetryLater() as later:
                return later
            case verdict:
                return RetryLater(getattr(verdict, "code", "no_answer"))

    def may_tell(self, headers: Mapping[str, str], body: bytes, key: SecretStr) -> bool:
        wanted = f"Bearer {key.get_secret_value()}"
        return hmac.compare_digest(headers.get("authorization", "").encode(), wanted.encode())

    def read_receipts(self, body: bytes) -> Sequence[Receipt]:
        told = {name: values[0] for name, values in parse_qs(body.decode("utf-8"), strict_parsing=True).items()}
        if not {"status", "text"} & told.keys():
            raise ValueError("neither a receipt nor what a citizen wrote")
        if "status" not in told:
            return stop_of(told["from"], told.get("text", ""))
        if told["status"] not in WORDS:
            raise ValueError("a status that nobody knows")
        code = code_of(told.get("err"))
        return [Receipt(WORDS[told["status"]], UUID(told["ref"]), told.get("id", ""), code=code)]


def _words(reply: HttpReply) -> list[str]:
    """None where the line has no end: it was cut."""
    if not reply.body.endswith(b"\n"):
        return []
    try:
        return reply.body.decode("ascii").split()
    except UnicodeError:
        return []
