"""Encodes questions as REST calls, classifies replies. Pure functions."""

from connector_kit.adapter import AdapterConfig, CallContext, HttpCall, HttpReply
from connector_kit.call_outcome import CallOutcome, NotFound, Rejected, Succeeded, UnreadableResponse, to_code
from connector_kit.transports.http_status import outcome_of_status
from pydantic import BaseModel, ValidationError

from registry_bridge.bridges.parking.models import FeeOrder, FeeReceipt, ParkingPermit, ParkingPermitOrder, VehicleQuery

JSON = "application/json"


class ParkingProblem(BaseModel):
    """A refusal of this register: RFC 9457 with the code of the register in `type`."""

    type: str = ""


def open_adapter(_: AdapterConfig) -> "ParkingAdapter":
    return ParkingAdapter()


class ParkingAdapter:
    def encode(self, operation: str, question: BaseModel, context: CallContext) -> HttpCall:
        common = {"Accept": JSON, "X-Officer": context.officer, "X-Purpose": context.purpose}
        match question:
            case ParkingPermitOrder():
                headers = common | {"Content-Type": JSON, "Idempotency-Key": str(context.call_id)}
                return HttpCall("POST", "/permits", headers, body=question.model_dump_json().encode())
            case FeeOrder():
                headers = common | {"Content-Type": JSON, "X-Request": str(context.call_id)}
                return HttpCall("POST", "/fees", headers, body=question.model_dump_json().encode())
            case VehicleQuery():
                return HttpCall(
                    "GET", "/permits", common | {"X-Request": str(context.call_id)}, {"plate": question.plate}
                )
        raise TypeError(type(question).__name__)

    def classify(self, operation: str, reply: HttpReply) -> CallOutcome:
        if outcome := outcome_of_status(reply):
            return outcome
        if not reply.headers.get("content-type", "").startswith(("application/json", "application/problem+json")):
            return UnreadableResponse("no_json")
        try:
            if reply.status == 404:
                return NotFound()
            if reply.status in {409, 422}:
                return Rejected(to_code(ParkingProblem.model_validate_json(reply.body).type))
            answer = FeeReceipt if operation == "book_fee" else ParkingPermit
            return Succeeded(answer.model_validate_json(reply.body))
        except ValidationError:
            return UnreadableResponse("invalid_answer")
