"""What REST registers have in common, so that an adapter says only what is its own. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from pydantic import BaseModel, ValidationError

from connector_kit.adapter import HttpCall, HttpReply, Stamp
from connector_kit.bridge import by_status
from connector_kit.verdict import Done, Malformed, NotFound, Rejected, Verdict, code_of

JSON: Final = "application/json"


@dataclass(frozen=True, slots=True)
class Way:
    """How an operation is called. `path` holds fields of the question in braces; `query`, `headers` name fields that go
    there; `body`: the field that is the body, "*" for all fields that go nowhere else.

    `names`: what the register calls a field, where that is not its name with us.
    """

    method: str
    path: str
    answer: type[BaseModel]
    query: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    body: str = ""
    names: Mapping[str, str] | None = None


class Problem(BaseModel):
    """How registers say no: RFC 9457. Its `code` where it has one, else the last word of `type`."""

    type: str = ""
    code: str = ""


class RestAdapter:
    """One register. Our id goes out as X-Request-Id and, with what changes something, as Idempotency-Key."""

    def __init__(self, ways: Mapping[str, Way]) -> None:
        self.ways = ways

    def encode(self, operation: str, question: BaseModel, stamp: Stamp) -> HttpCall:
        way = self.ways[operation]
        fields = question.model_dump(mode="json", exclude_none=True)
        in_path = {name for name in fields if f"{{{name}}}" in way.path}
        path = way.path.format(**{name: quote(_text(fields[name]), safe="") for name in in_path})
        headers = {"Accept": "application/json, application/*+json", "X-Request-Id": str(stamp.call_id)}
        headers |= {_name(way, name): _text(fields[name]) for name in way.headers if name in fields}
        query = {_name(way, name): _text(fields[name]) for name in way.query if name in fields}
        body = b""
        if way.method not in {"GET", "HEAD"}:
            headers |= {"Content-Type": JSON, "Idempotency-Key": str(stamp.call_id)}
            body = self._body(way, question, in_path)
        return HttpCall(way.method, path, headers, query, body)

    def classify(self, operation: str, reply: HttpReply) -> Verdict:
        if verdict := by_status(reply):
            return verdict
        if reply.status == 404:
            return NotFound()
        if reply.status in {409, 422}:
            return Rejected(_code_in(reply))
        if "json" not in reply.headers.get("content-type", "").partition(";")[0]:
            return Malformed("no_json")
        way = self.ways[operation]
        try:
            answer = way.answer.model_validate_json(reply.body)
        except ValidationError:
            return Malformed("no_answer_of_ours")
        if way.answer.model_fields and not answer.model_fields_set:  # some say "nobody" by an empty object
            return NotFound() if way.method == "GET" else Malformed("empty")
        return Done(answer)

    def _body(self, way: Way, question: BaseModel, elsewhere: set[str]) -> bytes:
        if not way.body:
            return b""
        if way.body == "*":
            others = elsewhere | set(way.query) | set(way.headers)
            return question.model_dump_json(exclude=others, exclude_none=True, by_alias=True).encode()
        part = getattr(question, way.body)
        return part.model_dump_json(exclude_none=True, by_alias=True).encode() if part is not None else b""


def _code_in(reply: HttpReply) -> str:
    try:
        problem = Problem.model_validate_json(reply.body)
    except ValidationError:
        return f"http_{reply.status}"
    return code_of(problem.code or problem.type.rstrip("/").rpartition("/")[2])


def _name(way: Way, field: str) -> str:
    return (way.names or {}).get(field, field)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(map(_text, value)) if isinstance(value, list) else str(value)
