"""Encodes questions as REST calls, classifies replies. Pure functions."""

from typing import Final

from connector_kit.adapter import AdapterConfig, CallContext, HttpCall, HttpReply
from connector_kit.call_outcome import (
    Ambiguous,
    CallOutcome,
    NotFound,
    Rejected,
    Succeeded,
    UnreadableResponse,
    to_code,
)
from connector_kit.transports.http_status import outcome_of_status
from pydantic import BaseModel, ValidationError

from registry_bridge.bridges.parking.models import (
    FeeOrder,
    FeeReceipt,
    ParkingPermit,
    ParkingPermitOrder,
    ParkingZone,
    PermitNumber,
    VehicleQuery,
    ZoneQuery,
)

JSON = "application/json"
ANSWERS: Final[dict[str, type[BaseModel]]] = {
    "find_zone": ParkingZone,
    "find_permit": ParkingPermit,
    "grant_permit": ParkingPermit,
    "revoke_permit": PermitNumber,
    "book_fee": FeeReceipt,
}


class ParkingProblem(BaseModel):
    """A refusal of this register: RFC 9457 with the code of the register in `type`."""

    type: str = ""


def open_adapter(_: AdapterConfig) -> "ParkingAdapter":
    return ParkingAdapter()


class ParkingAdapter:
    def encode(self, operation: str, question: BaseModel, context: CallContext) -> HttpCall:
        call_id = str(context.call_id)
        common = {"Accept": JSON, "X-Officer": context.officer, "X-Purpose": context.purpose}
        lookup = common | {"X-Request-Id": call_id}
        order = common | {"Content-Type": JSON, "Idempotency-Key": call_id}
        body = question.model_dump_json(exclude_none=True).encode()
        match question:
            case ParkingPermitOrder():
                return HttpCall("POST", "/permits", order, body=body)
            case PermitNumber():
                return HttpCall("POST", "/revocations", order, body=body)
            case FeeOrder():
                return HttpCall("POST", "/fees", lookup | {"Content-Type": JSON}, body=body)
            case VehicleQuery(plate=str(plate), family_name=None):
                return HttpCall("GET", "/permits", lookup, {"plate": plate})
            case VehicleQuery():  # names in a body: addresses are logged on the way
                return HttpCall("POST", "/permits/search", lookup | {"Content-Type": JSON}, body=body)
            case ZoneQuery():
                return HttpCall("POST", "/zones/search", lookup | {"Content-Type": JSON}, body=body)
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
                return _refusal(to_code(ParkingProblem.model_validate_json(reply.body).type))
            return Succeeded(ANSWERS[operation].model_validate_json(reply.body))
        except ValidationError:
            return UnreadableResponse("invalid_answer")


def _refusal(code: str) -> CallOutcome:
    return Ambiguous() if code == "ambiguous" else Rejected(code)
