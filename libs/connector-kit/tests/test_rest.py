"""REST adapters: calls from fields, outcomes from answers."""

import json
from uuid import UUID

import pytest
from connector_kit.adapter import CallContext, HttpReply
from connector_kit.call_outcome import (
    Ambiguous,
    AuthFailed,
    CallOutcome,
    NotFound,
    Rejected,
    Succeeded,
    UnreadableResponse,
)
from connector_kit.transports.rest import RestAdapter, RestRoute
from pydantic import BaseModel, Field

CONTEXT = CallContext(UUID(int=7), "clerk", "law")
JSON = {"content-type": "application/json"}


class Item(BaseModel):
    number: str
    found_on: str | None = Field(None, alias="foundOn")


class RestQuestion(BaseModel):
    item_id: str
    lang: str | None = None
    office: int | None = None
    also: list[str] | None = None
    body: Item | None = None


ADAPTER = RestAdapter(
    {
        "find": RestRoute(
            "GET",
            "/items/{item_id}",
            Item,
            query=("lang", "also"),
            headers=("office",),
            names={"office": "X-Office"},
        ),
        "change": RestRoute("PUT", "/items/{item_id}", Item, body="body"),
        "tell": RestRoute("POST", "/items", Item, body="*", query=("lang",)),
    }
)


def test_fields_go_where_the_route_says() -> None:
    call = ADAPTER.encode("find", RestQuestion(item_id="a/b ü", lang="de", office=3, also=["x", "y"]), CONTEXT)
    assert (call.method, call.path) == ("GET", "/items/a%2Fb%20%C3%BC")
    assert call.query == {"lang": "de", "also": "x,y"}
    assert call.headers["X-Office"] == "3"
    assert call.headers["X-Request-Id"] == str(CONTEXT.call_id)
    assert "Idempotency-Key" not in call.headers
    assert call.body == b""


def test_changes_carry_an_idempotency_key() -> None:
    item = Item.model_validate({"number": "1", "foundOn": "2026-01-01"})
    call = ADAPTER.encode("change", RestQuestion(item_id="1", body=item), CONTEXT)
    assert call.headers["Idempotency-Key"] == str(CONTEXT.call_id)
    assert json.loads(call.body) == {"number": "1", "foundOn": "2026-01-01"}
    call = ADAPTER.encode("tell", RestQuestion(item_id="1", lang="de"), CONTEXT)
    assert json.loads(call.body) == {"item_id": "1"}


@pytest.mark.parametrize(
    ("operation", "reply", "outcome"),
    [
        ("find", HttpReply(200, JSON, b'{"number": "1"}'), Succeeded(Item(number="1"))),
        (
            "find",
            HttpReply(200, {"content-type": "application/hal+json"}, b'{"number": "1"}'),
            Succeeded(Item(number="1")),
        ),
        ("find", HttpReply(404, {}, b""), NotFound()),
        ("find", HttpReply(200, JSON, b"{"), UnreadableResponse("invalid_answer")),
        ("find", HttpReply(200, {"content-type": "text/html"}, b"{}"), UnreadableResponse("no_json")),
        ("tell", HttpReply(422, JSON, b'{"type": "https://x.example/too-old"}'), Rejected("too-old")),
        ("tell", HttpReply(409, JSON, b'{"type": "x", "code": "KNOWN"}'), Rejected("known")),
        ("tell", HttpReply(409, JSON, b"nothing"), Rejected("http_409")),
        ("tell", HttpReply(401, JSON, b""), AuthFailed("http_401")),
    ],
)
def test_answers_give_their_outcomes(operation: str, reply: HttpReply, outcome: CallOutcome) -> None:
    assert ADAPTER.classify(operation, reply) == outcome


class Sparse(BaseModel):
    number: str | None = None


def test_an_empty_object_is_not_found_and_after_an_order_unreadable() -> None:
    adapter = RestAdapter({"find": RestRoute("GET", "/", Sparse), "tell": RestRoute("POST", "/", Sparse)})
    assert adapter.classify("find", HttpReply(200, JSON, b"{}")) == NotFound()
    assert adapter.classify("tell", HttpReply(200, JSON, b"{}")) == UnreadableResponse("empty")


class ItemList(BaseModel):
    kind: str = ""
    items: list[Item]


@pytest.mark.parametrize(
    ("operation", "body", "outcome"),
    [
        ("only", '{"items": [{"number": "1"}]}', Succeeded(Item(number="1"))),
        ("only", '{"items": []}', NotFound()),
        ("only", "{}", NotFound()),
        ("only", '{"items": [{"number": "1"}, {"number": "1"}]}', Ambiguous(2)),
        ("only", '{"items": {"number": "1"}}', UnreadableResponse("invalid_answer")),
        ("only", '{"other": [{"number": "1"}]}', UnreadableResponse("invalid_answer")),
        ("root", '[{"number": "1"}]', Succeeded(Item(number="1"))),
        ("root", "[]", NotFound()),
        ("root", '[{"number": "1"}, {"number": "2"}]', Ambiguous(2)),
        (
            "counted",
            '{"kind": "x", "items": [{"number": "1"}]}',
            Succeeded(ItemList(kind="x", items=[Item(number="1")])),
        ),
        ("counted", '{"kind": "x", "items": []}', NotFound()),
        ("counted", '{"kind": "x", "items": [{"number": "1"}, {"number": "2"}]}', Ambiguous(2)),
        ("order", '{"number": ""}', UnreadableResponse("empty")),
        ("search", '{"number": ""}', NotFound()),
    ],
)
def test_of_a_list_of_hits_there_must_be_one(operation: str, body: str, outcome: CallOutcome) -> None:
    adapter = RestAdapter(
        {
            "only": RestRoute("GET", "/", Item, only_hit="items"),
            "root": RestRoute("POST", "/", Item, only_hit=".", is_lookup=True),
            "counted": RestRoute("GET", "/", ItemList, hits="items"),
            "order": RestRoute("POST", "/", Item),
            "search": RestRoute("POST", "/", Item, is_lookup=True),
        }
    )
    assert adapter.classify(operation, HttpReply(200, JSON, body.encode())) == outcome


def test_a_refusal_can_mean_that_several_records_match() -> None:
    adapter = RestAdapter({"find": RestRoute("GET", "/", Item)}, ambiguous_codes={"several"})
    reply = HttpReply(409, {"content-type": "application/problem+json"}, b'{"type": "several"}')
    assert adapter.classify("find", reply) == Ambiguous()


def test_a_search_by_post_carries_no_idempotency_key() -> None:
    adapter = RestAdapter({"find": RestRoute("POST", "/search", Item, body="*", is_lookup=True)})
    call = adapter.encode("find", RestQuestion(item_id="1"), CONTEXT)
    assert "Idempotency-Key" not in call.headers
    assert json.loads(call.body) == {"item_id": "1"}
