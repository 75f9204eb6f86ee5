"""What REST registers have in common: calls from fields, verdicts from answers."""

import json
from uuid import UUID

import pytest
from connector_kit.adapter import HttpReply, Stamp
from connector_kit.rest import RestAdapter, Way
from connector_kit.verdict import AuthFailed, Done, Malformed, NotFound, Rejected, Verdict
from pydantic import BaseModel, Field

STAMP = Stamp(UUID(int=7), "clerk", "law")
JSON = {"content-type": "application/json"}


class Item(BaseModel):
    number: str
    found_on: str | None = Field(None, alias="foundOn")


class Ask(BaseModel):
    item_id: str
    lang: str | None = None
    office: int | None = None
    also: list[str] | None = None
    body: Item | None = None


ADAPTER = RestAdapter(
    {
        "find": Way(
            "GET",
            "/items/{item_id}",
            Item,
            query=("lang", "also"),
            headers=("office",),
            names={"office": "X-Office"},
        ),
        "change": Way("PUT", "/items/{item_id}", Item, body="body"),
        "tell": Way("POST", "/items", Item, body="*", query=("lang",)),
    }
)


def test_fields_go_where_the_way_says() -> None:
    call = ADAPTER.encode("find", Ask(item_id="a/b ü", lang="de", office=3, also=["x", "y"]), STAMP)
    assert (call.method, call.path) == ("GET", "/items/a%2Fb%20%C3%BC")
    assert call.query == {"lang": "de", "also": "x,y"}
    assert call.headers["X-Office"] == "3"
    assert call.headers["X-Request-Id"] == str(STAMP.call_id)
    assert "Idempotency-Key" not in call.headers
    assert call.body == b""


def test_what_changes_something_carries_its_key() -> None:
    item = Item.model_validate({"number": "1", "foundOn": "2026-01-01"})
    call = ADAPTER.encode("change", Ask(item_id="1", body=item), STAMP)
    assert call.headers["Idempotency-Key"] == str(STAMP.call_id)
    assert json.loads(call.body) == {"number": "1", "foundOn": "2026-01-01"}
    told = ADAPTER.encode("tell", Ask(item_id="1", lang="de"), STAMP)
    assert json.loads(told.body) == {"item_id": "1"}


@pytest.mark.parametrize(
    ("operation", "reply", "verdict"),
    [
        ("find", HttpReply(200, JSON, b'{"number": "1"}'), Done(Item(number="1"))),
        ("find", HttpReply(200, {"content-type": "application/hal+json"}, b'{"number": "1"}'), Done(Item(number="1"))),
        ("find", HttpReply(404, {}, b""), NotFound()),
        ("find", HttpReply(200, JSON, b"{"), Malformed("no_answer_of_ours")),
        ("find", HttpReply(200, {"content-type": "text/html"}, b"{}"), Malformed("no_json")),
        ("tell", HttpReply(422, JSON, b'{"type": "https://x.example/too-old"}'), Rejected("too-old")),
        ("tell", HttpReply(409, JSON, b'{"type": "x", "code": "KNOWN"}'), Rejected("known")),
        ("tell", HttpReply(409, JSON, b"nothing"), Rejected("http_409")),
        ("tell", HttpReply(401, JSON, b""), AuthFailed("http_401")),
    ],
)
def test_answers_end_in_their_verdicts(operation: str, reply: HttpReply, verdict: Verdict) -> None:
    assert ADAPTER.classify(operation, reply) == verdict


class Sparse(BaseModel):
    number: str | None = None


def test_an_empty_object_is_nobody_and_after_an_order_unreadable() -> None:
    adapter = RestAdapter({"find": Way("GET", "/", Sparse), "tell": Way("POST", "/", Sparse)})
    assert adapter.classify("find", HttpReply(200, JSON, b"{}")) == NotFound()
    assert adapter.classify("tell", HttpReply(200, JSON, b"{}")) == Malformed("empty")
