"""Encodes orders as rows of the outgoing file, parses rows of the answer file. Pure functions."""

from typing import Final
from uuid import UUID

from connector_kit.adapter import (
    AdapterConfig,
    AnswerRow,
    CallContext,
    IgnoredLine,
    ParsedLine,
    Trailer,
    UnreadableLine,
)
from connector_kit.call_outcome import CallOutcome, NotFound, Rejected, Succeeded, to_code
from pydantic import BaseModel

from registry_bridge.bridges.dogs.models import Dog, DogTag, DogWithdrawal, FormerHolder

END: Final = "*"
REGISTER: Final = "R"
WITHDRAW: Final = "W"
NOBODY: Final = FormerHolder.model_construct(family_name="", given_name="")
NO_SUCH_DOG: Final = "UNKNOWN"


def open_adapter(_: AdapterConfig) -> "DogsAdapter":
    return DogsAdapter()


class DogsAdapter:
    def encode_row(self, operation: str, question: BaseModel, context: CallContext) -> str:
        """`id;R;` and a dog, or `id;W;chip`."""
        fields = (str(context.call_id), *_fields_of(question))
        if any(";" in text for text in fields):
            raise ValueError("a field must not contain a semicolon")
        return ";".join(fields)

    def encode_trailer(self, rows: int) -> str:
        return f"{END};{rows}"

    def read_row(self, text: str) -> ParsedLine:
        """`id;OK;tag` or `id;NO;code`; the last line is `*;rows`."""
        match text.split(";"):
            case ["*", rows] if rows.isascii() and rows.isdigit():
                return Trailer(int(rows))
            case [id_, "OK", number] if number.strip() and len(number) <= 40:
                return _row(id_, Succeeded(DogTag(number=number)))
            case [id_, "NO", code] if code:
                return _row(id_, NotFound() if code == NO_SUCH_DOG else Rejected(to_code(code)))
            case [""]:
                return IgnoredLine()
        return UnreadableLine("fields")


def _fields_of(question: BaseModel) -> tuple[str, ...]:
    match question:
        case Dog():
            former = question.former_holder or NOBODY
            return (
                REGISTER,
                question.family_name,
                question.given_name,
                question.birth or "",
                question.chip,
                question.breed,
                f"{question.born:%d.%m.%Y}",
                question.name,
                former.family_name,
                former.given_name,
            )
        case DogWithdrawal():
            return (WITHDRAW, question.chip)
    raise TypeError(type(question).__name__)


def _row(id_: str, outcome: CallOutcome) -> ParsedLine:
    try:
        return AnswerRow(UUID(id_), outcome)
    except ValueError:
        return UnreadableLine("no_id")
