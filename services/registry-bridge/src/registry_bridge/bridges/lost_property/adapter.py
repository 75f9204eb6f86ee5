"""Pure: questions as JSON-RPC requests, results and errors as outcomes."""

from typing import Any, Final

from connector_kit.adapter import AdapterConfig, CallContext, HttpCall, HttpReply
from connector_kit.call_outcome import (
    CallOutcome,
    NotFound,
    Rejected,
    UnreadableResponse,
    outcome_of_answer,
    to_code,
)
from connector_kit.transports.http_status import outcome_of_status
from pydantic import BaseModel, ValidationError
from pydantic_core import to_json

from registry_bridge.bridges.lost_property import models

JSON: Final = "application/json"
ANSWERS: Final[dict[str, type[BaseModel]]] = {
    "report_found": models.FoundReceipt,
    "report_lost": models.LossReceipt,
    "find_matches": models.PropertyMatches,
    "hand_out": models.HandOutReceipt,
    "cancel_hand_out": models.ReportNumber,
    "withdraw_report": models.ReportNumber,
}
LOOKUPS: Final = frozenset({"find_matches"})
NO_SUCH_REPORT: Final = "no-such-report"


class RpcErrorDetails(BaseModel):
    code: str = ""


class RpcError(BaseModel):
    """`data`: holds the code of the register; the number and the message say less."""

    data: RpcErrorDetails


class RpcReply(BaseModel):
    result: dict[str, Any] | None = None
    error: RpcError | None = None


def open_adapter(_: AdapterConfig) -> "LostPropertyAdapter":
    return LostPropertyAdapter()


class LostPropertyAdapter:
    def encode(self, operation: str, question: BaseModel, context: CallContext) -> HttpCall:
        request = {
            "jsonrpc": "2.0",
            "id": str(context.call_id),
            "method": operation,
            "params": question.model_dump(mode="json", exclude_none=True),
            "officer": context.officer,
            "purpose": context.purpose,
        }
        return HttpCall("POST", "/rpc", {"Accept": JSON, "Content-Type": JSON}, body=to_json(request))

    def classify(self, operation: str, reply: HttpReply) -> CallOutcome:
        if outcome := outcome_of_status(reply):
            return outcome
        if not reply.headers.get("content-type", "").startswith(JSON):
            return UnreadableResponse("no_json")
        try:
            answer = RpcReply.model_validate_json(reply.body)
            if answer.error:
                code = to_code(answer.error.data.code)
                return NotFound() if code == NO_SUCH_REPORT else Rejected(code)
            return self._outcome_of(operation, answer.result)
        except ValidationError:
            return UnreadableResponse("invalid_answer")

    def _outcome_of(self, operation: str, result: dict[str, Any] | None) -> CallOutcome:
        if operation in LOOKUPS and result == {"matches": []}:
            return NotFound()
        return outcome_of_answer(ANSWERS[operation].model_validate(result), is_lookup=operation in LOOKUPS)
