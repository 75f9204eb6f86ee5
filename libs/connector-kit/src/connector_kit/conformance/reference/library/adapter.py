"""Pure: a reader to REST calls, REST answers to cards."""

from pydantic import BaseModel, ValidationError

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
    NotFound,
    Rejected,
    Succeeded,
    TemporarilyUnavailable,
    UnreadableResponse,
)
from connector_kit.conformance.reference.library.models import Card
from connector_kit.transports.http_status import outcome_of_status

PATHS = {"find_card": "/search", "make_card": "/cards", "renew_card": "/renewals", "book_fine": "/fines"}


def open_adapter(_: AdapterConfig) -> "LibraryAdapter":
    return LibraryAdapter()


class LibraryAdapter:
    def encode(self, operation: str, question: BaseModel, context: CallContext) -> HttpCall:
        headers = {"Content-Type": "application/json", "Idempotency-Key": str(context.call_id)}
        return HttpCall("POST", PATHS[operation], headers, body=question.model_dump_json().encode())

    def classify(self, operation: str, reply: HttpReply) -> CallOutcome:
        if outcome := outcome_of_status(reply):
            return outcome
        if reply.status == 404:
            return NotFound()
        if reply.status in {409, 422}:
            return Rejected("not_wanted")
        try:
            return Succeeded(Card.model_validate_json(reply.body))
        except ValidationError:
            return UnreadableResponse("no_card")

    def encode_status_check(self, operation: str, question: BaseModel, context: CallContext) -> HttpCall:
        return HttpCall("GET", f"/renewals/{context.call_id}")

    def classify_status_check(self, operation: str, reply: HttpReply) -> StatusCheckResult:
        if reply.status == 404:
            return OrderNotFound()
        outcome = self.classify(operation, reply)
        return (
            OrderFound(outcome) if isinstance(outcome, Succeeded) else TemporarilyUnavailable("status_check_unreadable")
        )
