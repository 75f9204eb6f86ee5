"""Pure: a reader to REST calls, cards from their answers."""

from pydantic import BaseModel, ValidationError

from connector_kit.adapter import Happened, HttpCall, HttpReply, NotHappened, Probed, Setup, Stamp
from connector_kit.bridge import by_status
from connector_kit.conformance.reference.library.models import Card
from connector_kit.verdict import Done, Malformed, NotFound, Rejected, RetryLater, Verdict

WAYS = {"find_card": "/search", "make_card": "/cards", "renew_card": "/renewals", "book_fine": "/fines"}


def open_adapter(_: Setup) -> "LibraryAdapter":
    return LibraryAdapter()


class LibraryAdapter:
    def encode(self, operation: str, question: BaseModel, stamp: Stamp) -> HttpCall:
        headers = {"Content-Type": "application/json", "Idempotency-Key": str(stamp.call_id)}
        return HttpCall("POST", WAYS[operation], headers, body=question.model_dump_json().encode())

    def classify(self, operation: str, reply: HttpReply) -> Verdict:
        if verdict := by_status(reply):
            return verdict
        if reply.status == 404:
            return NotFound()
        if reply.status in {409, 422}:
            return Rejected("not_wanted")
        try:
            return Done(Card.model_validate_json(reply.body))
        except ValidationError:
            return Malformed("no_card")

    def encode_probe(self, operation: str, question: BaseModel, stamp: Stamp) -> HttpCall:
        return HttpCall("GET", f"/renewals/{stamp.call_id}")

    def classify_probe(self, operation: str, reply: HttpReply) -> Probed:
        if reply.status == 404:
            return NotHappened()
        verdict = self.classify(operation, reply)
        return Happened(verdict) if isinstance(verdict, Done) else RetryLater("probe_unread")
