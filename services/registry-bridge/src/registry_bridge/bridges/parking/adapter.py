"""Pure: questions to REST calls, answers to verdicts."""

from connector_kit.adapter import HttpCall, HttpReply, Setup, Stamp
from connector_kit.bridge import by_status
from connector_kit.verdict import Done, Malformed, NotFound, Rejected, Verdict, code_of
from pydantic import BaseModel, ValidationError

from registry_bridge.bridges.parking.models import Booked, Fee, Grant, Permit, Vehicle

JSON = "application/json"


class Problem(BaseModel):
    """How this register says no: RFC 9457, its own code in `type`."""

    type: str = ""


def open_adapter(_: Setup) -> "ParkingAdapter":
    return ParkingAdapter()


class ParkingAdapter:
    def encode(self, operation: str, question: BaseModel, stamp: Stamp) -> HttpCall:
        about = {"Accept": JSON, "X-Officer": stamp.officer, "X-Purpose": stamp.purpose}
        match question:
            case Grant():
                headers = about | {"Content-Type": JSON, "Idempotency-Key": str(stamp.call_id)}
                return HttpCall("POST", "/permits", headers, body=question.model_dump_json().encode())
            case Fee():
                headers = about | {"Content-Type": JSON, "X-Request": str(stamp.call_id)}
                return HttpCall("POST", "/fees", headers, body=question.model_dump_json().encode())
            case Vehicle():
                return HttpCall("GET", "/permits", about | {"X-Request": str(stamp.call_id)}, {"plate": question.plate})
        raise TypeError(type(question).__name__)

    def classify(self, operation: str, reply: HttpReply) -> Verdict:
        if verdict := by_status(reply):
            return verdict
        if not reply.headers.get("content-type", "").startswith(("application/json", "application/problem+json")):
            return Malformed("no_json")
        try:
            if reply.status == 404:
                return NotFound()
            if reply.status in {409, 422}:
                return Rejected(code_of(Problem.model_validate_json(reply.body).type))
            answer = Booked if operation == "book_fee" else Permit
            return Done(answer.model_validate_json(reply.body))
        except ValidationError:
            return Malformed("no_answer_of_ours")
