"""A small body is read in one step only if each of its entries is valid, with the same result as one by one."""

import json
from typing import Any

import pytest
from intake.api.sync import EXAMPLE
from intake.domain.entry import MAX_SMALL_BODY_BYTES, AnyEntry, parse_line, parse_small_body
from intake.domain.sync_body import MAX_ENTRIES, split_array
from uuid_utils.compat import uuid7

SEE = {"type": "case.see_paper", "body": {"code": "passport", "handling": "show"}}


def entry(**changes: object) -> dict[str, Any]:
    return EXAMPLE | {"entry_id": str(uuid7()), "case_id": str(uuid7())} | changes


def body_of(*entries: object, **frame: object) -> bytes:
    return json.dumps({**frame, "entries": entries}).encode()


@pytest.mark.parametrize("frame", [{}, {"sent_by": {"app": ["2.1", None]}}])
def test_entries_are_read_as_one_by_one(frame: dict[str, object]) -> None:
    trace = f"00-{'a' * 32}-{'b' * 16}-01"
    body = body_of(entry(), entry(traceparent=trace), entry(**SEE), entry(type="case.withdraw", body={}), **frame)
    single = [parse_line(part) for part in split_array(body) if isinstance(part, bytes)]
    small = parse_small_body(body)
    assert small == tuple(single)
    assert [read.model_dump_json(exclude_unset=True) for read in small] == [
        read.model_dump_json(exclude_unset=True) for read in single if isinstance(read, AnyEntry)
    ]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        body_of(),
        body_of(entry())[:-1],
        body_of(entry(), 1),
        body_of(entry(), entry(device_seq=0)),
        body_of(entry(), entry(type="case.unknown")),
        body_of(entry(), unknown={"entries": [entry()]}),
        body_of(entry())[:-1] + b"," + body_of(entry())[1:],
        body_of(*([entry(type="case.withdraw", body={})] * (MAX_ENTRIES + 1))),
        body_of(entry(), filling="x" * MAX_SMALL_BODY_BYTES),
        body_of(entry(), values=[0] * 5_000),
        b'{"entries":' + b"[" * 4_000,
    ],
)
def test_any_other_body_is_left_to_those_that_explain(body: bytes) -> None:
    assert parse_small_body(body) is None
