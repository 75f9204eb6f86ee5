"""Pure: a paper to a line, a line to the place of one."""

from uuid import UUID

from pydantic import BaseModel

from connector_kit.adapter import NoRow, Read, Row, Setup, Stamp, Trailer
from connector_kit.conformance.reference.archive.models import Paper, Place
from connector_kit.verdict import Done, Rejected


def open_adapter(_: Setup) -> "ArchiveAdapter":
    return ArchiveAdapter()


class ArchiveAdapter:
    def encode_row(self, operation: str, question: BaseModel, stamp: Stamp) -> str:
        assert isinstance(question, Paper)  # noqa: S101 -- as the manifest says
        return f"{stamp.call_id};{question.title}"

    def encode_trailer(self, rows: int) -> str:
        return f"*;{rows}"

    def read_row(self, text: str) -> Read:
        match text.split(";"):
            case ["*", rows] if rows.isascii() and rows.isdigit():
                return Trailer(int(rows))
            case [id_, shelf] if len(id_) == 36 and shelf:
                try:
                    return Row(UUID(id_), Rejected("full") if shelf == "FULL" else Done(Place(shelf=shelf)))
                except ValueError:
                    return NoRow("no_id")
        return NoRow("fields")
