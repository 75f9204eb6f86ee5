"""File exchange: the next step, and which rows count."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from connector_kit.adapter import AnswerRow
from connector_kit.call_outcome import NotFound
from connector_kit.conformance.mutants import archive
from connector_kit.files.file_exchange import (
    FILE_EXCHANGE,
    MAX_REJECTS,
    MORE_REJECTS,
    FileChunk,
    FileExchange,
    IncomingState,
    ListFolder,
    ReadChunk,
    ReturnRejects,
    UploadFile,
    after_chunk,
    after_listing,
    after_rejects,
    after_upload,
    next_step,
    overdue_files,
)
from connector_kit.files.remote_files import FolderListing, RemoteFile
from connector_kit.manifest.manifest import Manifest

EVENING = datetime(2026, 11, 23, 19, 30, tzinfo=UTC)  # half past eight in Vienna
ROW = AnswerRow(UUID(int=1), NotFound())


@pytest.fixture(scope="module")
def manifest() -> Manifest:
    return archive().manifest


def listing(name: str, size: int, at: datetime) -> FolderListing:
    return FolderListing(at, {name: RemoteFile(name, size, 1)})


def with_file(manifest: Manifest, name: str = "a.csv", size: int = 10) -> FileExchange:
    first = after_listing(FileExchange(), listing(name, size, EVENING), manifest)
    return after_listing(first, listing(name, size, EVENING + timedelta(minutes=2)), manifest)


def test_orders_go_once_per_evening_under_a_stored_name(manifest: Manifest) -> None:
    at_noon = EVENING - timedelta(hours=8)
    assert next_step(FileExchange(), manifest, waiting=3, outstanding=0, now=at_noon)[1] is None
    exchange, step = next_step(FileExchange(), manifest, waiting=3, outstanding=0, now=EVENING)
    assert step == UploadFile("orders-20261123.csv")
    assert next_step(exchange, manifest, waiting=3, outstanding=3, now=EVENING) == (
        exchange,
        step,
    )  # again after a crash
    after = after_upload(exchange, "orders-20261123.csv")
    assert next_step(after, manifest, waiting=1, outstanding=3, now=EVENING)[1] == ListFolder()


def test_a_growing_file_is_not_read(manifest: Manifest) -> None:
    first = after_listing(FileExchange(), listing("a.csv", 10, EVENING), manifest)
    grown = after_listing(first, listing("a.csv", 20, EVENING + timedelta(minutes=2)), manifest)
    assert not grown.incoming
    complete = after_listing(grown, listing("a.csv", 20, EVENING + timedelta(minutes=4)), manifest)
    assert [file.state for file in complete.incoming] == [IncomingState.READING]


def test_reading_continues_at_the_checkpoint_and_rejects_go_back(manifest: Manifest) -> None:
    exchange = with_file(manifest)
    step = next_step(exchange, manifest, waiting=0, outstanding=1, now=EVENING)[1]
    assert isinstance(step, ReadChunk)
    exchange, rows = after_chunk(
        exchange, step.incoming, FileChunk((ROW,), ((2, "fields"),), ends_at=40, line=2, sha256="s")
    )
    assert rows == (ROW,)
    step = next_step(exchange, manifest, waiting=0, outstanding=1, now=EVENING)[1]
    assert isinstance(step, ReadChunk)
    assert (step.incoming.ends_at, step.incoming.line) == (40, 2)
    exchange, _ = after_chunk(exchange, step.incoming, FileChunk((ROW,), (), ends_at=60, line=3, at_end=True))
    assert next_step(exchange, manifest, waiting=0, outstanding=0, now=EVENING)[1] == ReturnRejects(
        "a.csv", ((2, "fields"),)
    )
    assert next_step(after_rejects(exchange, "a.csv"), manifest, waiting=0, outstanding=0, now=EVENING)[1] is None


def test_no_row_of_an_incomplete_file_counts(manifest: Manifest) -> None:
    exchange = with_file(manifest)
    exchange, rows = after_chunk(exchange, exchange.incoming[0], FileChunk(incomplete=True))
    assert (rows, exchange.incoming[0].state) == ((), IncomingState.INCOMPLETE)
    same = after_listing(exchange, listing("a.csv", 10, EVENING + timedelta(minutes=9)), manifest)
    assert same.incoming[0].state is IncomingState.INCOMPLETE
    later = after_listing(same, listing("a.csv", 30, EVENING + timedelta(minutes=12)), manifest)
    later = after_listing(later, listing("a.csv", 30, EVENING + timedelta(minutes=15)), manifest)
    assert later.incoming[0].state is IncomingState.READING


def test_the_same_content_counts_once_under_any_name(manifest: Manifest) -> None:
    exchange = with_file(manifest)
    exchange, _ = after_chunk(
        exchange, exchange.incoming[0], FileChunk((ROW,), (), ends_at=10, line=1, at_end=True, sha256="s")
    )
    again = FolderListing(EVENING + timedelta(minutes=9), {"b.csv": RemoteFile("b.csv", 10, 2)})
    exchange = after_listing(
        after_listing(exchange, again, manifest), FolderListing(EVENING + timedelta(minutes=12), again.files), manifest
    )
    copy = exchange.incoming[-1]
    exchange, rows = after_chunk(exchange, copy, FileChunk((ROW,), (), ends_at=10, line=1, at_end=True, sha256="s"))
    assert (rows, exchange.incoming[-1].state) == ((), IncomingState.DUPLICATE)


def test_a_missing_file_is_overdue(manifest: Manifest) -> None:
    exchange, _ = next_step(FileExchange(), manifest, waiting=1, outstanding=0, now=EVENING)
    exchange = after_upload(exchange, "orders-20261123.csv")
    assert overdue_files(exchange, manifest, now=EVENING + timedelta(hours=8)) == []
    assert overdue_files(exchange, manifest, now=EVENING + timedelta(hours=9)) == ["answers-20261124.csv"]


def test_orders_of_a_second_evening_do_not_hide_the_first_overdue_file(manifest: Manifest) -> None:
    exchange = FileExchange()
    for evening in (EVENING, EVENING + timedelta(days=1)):
        exchange, _ = next_step(exchange, manifest, waiting=1, outstanding=0, now=evening)
        exchange = after_upload(exchange, exchange.outgoing[-1].name)
    assert overdue_files(exchange, manifest, now=EVENING + timedelta(days=1, hours=1)) == ["answers-20261124.csv"]


def test_too_many_rejects_are_cut_off_with_a_marker(manifest: Manifest) -> None:
    exchange = with_file(manifest)
    many = tuple((number, "fields") for number in range(1, MAX_REJECTS + 500))
    exchange, _ = after_chunk(
        exchange, exchange.incoming[0], FileChunk((), many, ends_at=10, line=1, at_end=True, sha256="s")
    )
    assert len(exchange.incoming[0].rejects) == MAX_REJECTS
    assert exchange.incoming[0].rejects[-1] == (MAX_REJECTS, MORE_REJECTS)


def test_the_state_survives_serialisation(manifest: Manifest) -> None:
    exchange = with_file(manifest)
    exchange, _ = after_chunk(
        exchange, exchange.incoming[0], FileChunk((ROW,), ((2, "x"),), ends_at=10, line=1, sha256="s")
    )
    assert FILE_EXCHANGE.validate_python(FILE_EXCHANGE.dump_python(exchange, mode="json")) == exchange
