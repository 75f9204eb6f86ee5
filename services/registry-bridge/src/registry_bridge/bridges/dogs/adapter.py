"""Encodes a dog as a row of the outgoing file, parses rows of the answer file. Pure functions."""

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
from connector_kit.call_outcome import Rejected, Succeeded, to_code
from pydantic import BaseModel

from registry_bridge.bridges.dogs.models import Dog, DogTag

END = "*"


def open_adapter(_: AdapterConfig) -> "DogsAdapter":
    return DogsAdapter()


class DogsAdapter:
    def encode_row(self, operation: str, question: BaseModel, context: CallContext) -> str:
        assert isinstance(question, Dog)  # noqa: S101 -- the question model in the manifest
        holder = (question.family_name, question.given_name)
        fields = (str(context.call_id), *holder, question.chip, question.breed, f"{question.born:%d.%m.%Y}")
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
            case [id_, "OK", number] if number:
                return _row(id_, Succeeded(DogTag(number=number)))
            case [id_, "NO", code] if code:
                return _row(id_, Rejected(to_code(code)))
            case [""]:
                return IgnoredLine()
        return UnreadableLine("fields")


def _row(id_: str, outcome: Succeeded[DogTag] | Rejected) -> ParsedLine:
    try:
        return AnswerRow(UUID(id_), outcome)
    except ValueError:
        return UnreadableLine("no_id")
