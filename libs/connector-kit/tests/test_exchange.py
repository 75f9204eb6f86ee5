"""Files to and fro: what is done next, and what counts of what was read."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from connector_kit.adapter import Row
from connector_kit.conformance.mutants import archive
from connector_kit.exchange import (
    AND_MORE,
    EXCHANGE,
    MAX_REJECTS,
    Exchange,
    Known,
    Lay,
    LookThere,
    Portion,
    ReadOn,
    SendBack,
    laid,
    late,
    looked,
    next_step,
    sent_back,
    took,
)
from connector_kit.files import Look, Lying
from connector_kit.manifest import Manifest
from connector_kit.verdict import NotFound

EVENING = datetime(2026, 11, 23, 19, 30, tzinfo=UTC)  # half past eight in Vienna
ROW = Row(UUID(int=1), NotFound())


@pytest.fixture(scope="module")
def manifest() -> Manifest:
    return archive().manifest


def seen(name: str, size: int, at: datetime) -> Look:
    return Look(at, {name: Lying(name, size, 1)})


def with_file(manifest: Manifest, name: str = "a.csv", size: int = 10) -> Exchange:
    first = looked(Exchange(), seen(name, size, EVENING), manifest)
    return looked(first, seen(name, size, EVENING + timedelta(minutes=2)), manifest)


def test_orders_go_once_an_evening_under_a_name_that_is_written_down_first(manifest: Manifest) -> None:
    at_noon = EVENING - timedelta(hours=8)
    assert next_step(Exchange(), manifest, waiting=3, outstanding=0, now=at_noon)[1] is None
    exchange, step = next_step(Exchange(), manifest, waiting=3, outstanding=0, now=EVENING)
    assert step == Lay("orders-20261123.csv")
    assert next_step(exchange, manifest, waiting=3, outstanding=3, now=EVENING) == (
        exchange,
        step,
    )  # again after a crash
    after = laid(exchange, "orders-20261123.csv")
    assert next_step(after, manifest, waiting=1, outstanding=3, now=EVENING)[1] == LookThere()


def test_a_file_that_grows_is_left_alone(manifest: Manifest) -> None:
    first = looked(Exchange(), seen("a.csv", 10, EVENING), manifest)
    grown = looked(first, seen("a.csv", 20, EVENING + timedelta(minutes=2)), manifest)
    assert not grown.incoming
    whole = looked(grown, seen("a.csv", 20, EVENING + timedelta(minutes=4)), manifest)
    assert [one.known for one in whole.incoming] == [Known.READING]


def test_reading_goes_on_behind_the_checkpoint_and_what_is_unreadable_goes_back(manifest: Manifest) -> None:
    exchange = with_file(manifest)
    step = next_step(exchange, manifest, waiting=0, outstanding=1, now=EVENING)[1]
    assert isinstance(step, ReadOn)
    exchange, rows = took(exchange, step.incoming, Portion((ROW,), ((2, "fields"),), ends_at=40, line=2, sha256="s"))
    assert rows == (ROW,)
    step = next_step(exchange, manifest, waiting=0, outstanding=1, now=EVENING)[1]
    assert isinstance(step, ReadOn)
    assert (step.incoming.ends_at, step.incoming.line) == (40, 2)
    exchange, _ = took(exchange, step.incoming, Portion((ROW,), (), ends_at=60, line=3, ended=True))
    assert next_step(exchange, manifest, waiting=0, outstanding=0, now=EVENING)[1] == SendBack(
        "a.csv", ((2, "fields"),)
    )
    assert next_step(sent_back(exchange, "a.csv"), manifest, waiting=0, outstanding=0, now=EVENING)[1] is None


def test_no_row_of_a_half_file_counts_until_it_has_changed(manifest: Manifest) -> None:
    exchange = with_file(manifest)
    exchange, rows = took(exchange, exchange.incoming[0], Portion(half=True))
    assert (rows, exchange.incoming[0].known) == ((), Known.HALF)
    same = looked(exchange, seen("a.csv", 10, EVENING + timedelta(minutes=9)), manifest)
    assert same.incoming[0].known is Known.HALF
    later = looked(same, seen("a.csv", 30, EVENING + timedelta(minutes=12)), manifest)
    later = looked(later, seen("a.csv", 30, EVENING + timedelta(minutes=15)), manifest)
    assert later.incoming[0].known is Known.READING


def test_a_content_counts_once_whatever_it_is_called(manifest: Manifest) -> None:
    exchange = with_file(manifest)
    exchange, _ = took(exchange, exchange.incoming[0], Portion((ROW,), (), ends_at=10, line=1, ended=True, sha256="s"))
    again = Look(EVENING + timedelta(minutes=9), {"b.csv": Lying("b.csv", 10, 2)})
    exchange = looked(looked(exchange, again, manifest), Look(EVENING + timedelta(minutes=12), again.files), manifest)
    copy = exchange.incoming[-1]
    exchange, rows = took(exchange, copy, Portion((ROW,), (), ends_at=10, line=1, ended=True, sha256="s"))
    assert (rows, exchange.incoming[-1].known) == ((), Known.DUPLICATE)


def test_a_file_that_should_be_there_is_missed(manifest: Manifest) -> None:
    exchange, _ = next_step(Exchange(), manifest, waiting=1, outstanding=0, now=EVENING)
    exchange = laid(exchange, "orders-20261123.csv")
    assert late(exchange, manifest, now=EVENING + timedelta(hours=8)) == []
    assert late(exchange, manifest, now=EVENING + timedelta(hours=9)) == ["answers-20261124.csv"]


def test_orders_of_a_second_evening_do_not_silence_the_alarm_for_the_first(manifest: Manifest) -> None:
    exchange = Exchange()
    for evening in (EVENING, EVENING + timedelta(days=1)):
        exchange, _ = next_step(exchange, manifest, waiting=1, outstanding=0, now=evening)
        exchange = laid(exchange, exchange.outgoing[-1].name)
    assert late(exchange, manifest, now=EVENING + timedelta(days=1, hours=1)) == ["answers-20261124.csv"]


def test_a_file_with_more_unreadable_rows_than_are_told_says_that_there_are_more(manifest: Manifest) -> None:
    exchange = with_file(manifest)
    many = tuple((number, "fields") for number in range(1, MAX_REJECTS + 500))
    exchange, _ = took(exchange, exchange.incoming[0], Portion((), many, ends_at=10, line=1, ended=True, sha256="s"))
    assert len(exchange.incoming[0].rejects) == MAX_REJECTS
    assert exchange.incoming[0].rejects[-1] == (MAX_REJECTS, AND_MORE)


def test_all_of_it_survives_its_row(manifest: Manifest) -> None:
    exchange = with_file(manifest)
    exchange, _ = took(exchange, exchange.incoming[0], Portion((ROW,), ((2, "x"),), ends_at=10, line=1, sha256="s"))
    assert EXCHANGE.validate_python(EXCHANGE.dump_python(exchange, mode="json")) == exchange
