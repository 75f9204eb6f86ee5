"""Pure: a dog to a line of a file, a line of an answer file to a verdict."""

from uuid import UUID

from connector_kit.adapter import Heading, NoRow, Read, Row, Setup, Stamp, Trailer
from connector_kit.verdict import Done, Rejected, code_of
from pydantic import BaseModel

from registry_bridge.bridges.dogs.models import Dog, Tag

END = "*"


def open_adapter(_: Setup) -> "DogsAdapter":
    return DogsAdapter()


class DogsAdapter:
    def encode_row(self, operation: str, question: BaseModel, stamp: Stamp) -> str:
        assert isinstance(question, Dog)  # noqa: S101 -- as the manifest says
        holder = (question.family_name, question.given_name)
        fields = (str(stamp.call_id), *holder, question.chip, question.breed, f"{question.born:%d.%m.%Y}")
        if any(";" in one for one in fields):
            raise ValueError("a field holds no semicolon")
        return ";".join(fields)

    def encode_trailer(self, rows: int) -> str:
        return f"{END};{rows}"

    def read_row(self, text: str) -> Read:
        """`id;OK;tag`, `id;NO;code`, and at the end `*;rows`."""
        match text.split(";"):
            case ["*", rows] if rows.isascii() and rows.isdigit():
                return Trailer(int(rows))
            case [id_, "OK", number] if number:
                return _row(id_, Done(Tag(number=number)))
            case [id_, "NO", code] if code:
                return _row(id_, Rejected(code_of(code)))
            case [""]:
                return Heading()
        return NoRow("fields")


def _row(id_: str, verdict: Done[Tag] | Rejected) -> Read:
    try:
        return Row(UUID(id_), verdict)
    except ValueError:
        return NoRow("no_id")
