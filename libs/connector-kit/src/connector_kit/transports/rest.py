"""What REST adapters have in common, so that an adapter contains only what is special about its register. Pure."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from pydantic import BaseModel, ValidationError
from pydantic_core import from_json, to_json

from connector_kit.adapter import CallContext, HttpCall, HttpReply
from connector_kit.call_outcome import (
    Ambiguous,
    CallOutcome,
    NotFound,
    Rejected,
    UnreadableResponse,
    holds_nothing,
    outcome_of_answer,
    to_code,
)
from connector_kit.transports.http_status import outcome_of_status

JSON: Final = "application/json"


@dataclass(frozen=True, slots=True)
class RestRoute:
    """How an operation is called. `path` contains fields of the question in braces; `query` and `headers` name the
    fields sent there; `body`: the field sent as body, or "*" for all fields not sent elsewhere.

    `names`: the register's name of a field, where it differs from ours. `is_lookup`: a search by POST.

    A register that answers with a list of hits: `hits` names the list in the answer's model ("root" for a RootModel),
    which must then have one element; `only_hit` names the list in the JSON ("." for the JSON itself) whose only element
    is the answer. No hit is not found, several are ambiguous.
    """

    method: str
    path: str
    answer: type[BaseModel]
    query: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    body: str = ""
    names: Mapping[str, str] | None = None
    is_lookup: bool = False
    hits: str = ""
    only_hit: str = ""


class RegisterProblem(BaseModel):
    """An RFC 9457 problem document. The code is its `code`, else the last segment of `type`."""

    type: str = ""
    code: str = ""


class RestAdapter:
    """One register. Our call id is sent as X-Request-Id and, for an order, as Idempotency-Key. `ambiguous_codes`: codes
    of refusals that mean: several records match."""

    def __init__(self, routes: Mapping[str, RestRoute], *, ambiguous_codes: Collection[str] = ()) -> None:
        self.routes = routes
        self.ambiguous_codes = ambiguous_codes

    def encode(self, operation: str, question: BaseModel, context: CallContext) -> HttpCall:
        route = self.routes[operation]
        fields = question.model_dump(mode="json", exclude_none=True)
        in_path = {name for name in fields if f"{{{name}}}" in route.path}
        path = route.path.format(**{name: quote(_text(fields[name]), safe="") for name in in_path})
        headers = {"Accept": "application/json, application/*+json", "X-Request-Id": str(context.call_id)}
        headers |= {_name(route, name): _text(fields[name]) for name in route.headers if name in fields}
        query = {_name(route, name): _text(fields[name]) for name in route.query if name in fields}
        body = b""
        if route.method not in {"GET", "HEAD"}:
            headers |= {"Content-Type": JSON} | ({} if route.is_lookup else {"Idempotency-Key": str(context.call_id)})
            body = self._body(route, question, in_path)
        return HttpCall(route.method, path, headers, query, body)

    def classify(self, operation: str, reply: HttpReply) -> CallOutcome:
        if outcome := outcome_of_status(reply):
            return outcome
        if reply.status == 404:
            return NotFound()
        if reply.status in {409, 422}:
            code = _code_in(reply)
            return Ambiguous() if code in self.ambiguous_codes else Rejected(code)
        if "json" not in reply.headers.get("content-type", "").partition(";")[0]:
            return UnreadableResponse("no_json")
        try:
            return _outcome_of_content(self.routes[operation], from_json(reply.body))
        except (ValueError, TypeError, KeyError):  # no JSON, or not of the form that we expect
            return UnreadableResponse("invalid_answer")

    def _body(self, route: RestRoute, question: BaseModel, elsewhere: set[str]) -> bytes:
        if not route.body:
            return b""
        if route.body == "*":
            others = elsewhere | set(route.query) | set(route.headers)
            return question.model_dump_json(exclude=others, exclude_none=True, by_alias=True).encode()
        part = getattr(question, route.body)
        return part.model_dump_json(exclude_none=True, by_alias=True).encode() if part is not None else b""


def _outcome_of_content(route: RestRoute, content: Any) -> CallOutcome:
    """`content`: the answer's JSON. Raises ValueError for what the model does not accept."""
    is_lookup = route.is_lookup or route.method == "GET"
    if route.only_hit and not holds_nothing(content):
        records = content if route.only_hit == "." else content[route.only_hit]
        if len(records) > 1:
            return Ambiguous(len(records))
        [content] = records
    if route.answer.model_fields and holds_nothing(content):
        return NotFound() if is_lookup else UnreadableResponse("empty")
    return outcome_of_answer(route.answer.model_validate_json(to_json(content)), hits=route.hits, is_lookup=is_lookup)


def _code_in(reply: HttpReply) -> str:
    try:
        problem = RegisterProblem.model_validate_json(reply.body)
    except ValidationError:
        return f"http_{reply.status}"
    return to_code(problem.code or problem.type.rstrip("/").rpartition("/")[2])


def _name(route: RestRoute, field: str) -> str:
    return (route.names or {}).get(field, field)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(map(_text, value)) if isinstance(value, list) else str(value)
