"""The fast JSON text holds what pydantic reads back."""

from datetime import UTC, date, datetime, timedelta, timezone
from uuid import UUID

import pytest
from asyncpg.pgproto import pgproto
from pydantic import TypeAdapter
from uuid_utils.compat import uuid7
from wanderamt.contracts import CaseOpened, Language
from wanderamt.kernel.json_text import to_json, to_json_rows
from wanderamt.kernel.sealed import Sealed

ROWS: TypeAdapter[list[dict[str, object]]] = TypeAdapter(list[dict[str, object]])


def case_opened(case_id: UUID) -> CaseOpened:
    return CaseOpened(
        case_id=case_id,
        service="dog_registration",
        stand_id=uuid7(),
        language=Language.EN,
        captured_at=datetime(2026, 5, 4, 9, 30, 0, 123456, timezone(timedelta(hours=2))),
        contact=Sealed(subject=case_id, nonce="bm9uY2U=", text="dGV4dA=="),
    )


def test_an_event_is_read_back_as_it_was_written() -> None:
    event = case_opened(uuid7())
    assert CaseOpened.model_validate_json(to_json(event)) == event


def test_ids_of_the_driver_are_written_as_other_ids() -> None:
    case_id = uuid7()
    assert to_json(case_opened(pgproto.UUID(str(case_id)))).startswith(f'{{"case_id":"{case_id}"'.encode())


def test_lists_and_numbers_are_read_back() -> None:
    starts_at = datetime(2026, 5, 4, 8, tzinfo=UTC)
    [row] = ROWS.validate_json(to_json_rows([{"services": ("a", "b"), "latitude": 48.3, "starts_at": starts_at}]))
    assert row == {"services": ["a", "b"], "latitude": 48.3, "starts_at": starts_at.isoformat()}


def test_rows_hold_dates_and_enums_as_text() -> None:
    [row] = ROWS.validate_json(to_json_rows([{"day": date(2026, 5, 4), "language": Language.DE, "none": None}]))
    assert row == {"day": "2026-05-04", "language": "de", "none": None}


@pytest.mark.parametrize("value", [b"bytes", frozenset({1}), 2**64])
def test_a_value_without_a_form_in_json_is_refused(value: object) -> None:
    with pytest.raises(TypeError):
        to_json_rows([{"value": value}])
