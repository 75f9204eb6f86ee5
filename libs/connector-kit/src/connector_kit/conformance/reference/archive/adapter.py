"""Pure: a document to a line, a line to its place in the archive."""

from uuid import UUID

from pydantic import BaseModel

from connector_kit.adapter import AdapterConfig, AnswerRow, CallContext, ParsedLine, Trailer, UnreadableLine
from connector_kit.call_outcome import Rejected, Succeeded
from connector_kit.conformance.reference.archive.models import ArchiveDocument, ArchiveLocation


def open_adapter(_: AdapterConfig) -> "ArchiveAdapter":
    return ArchiveAdapter()


class ArchiveAdapter:
    def encode_row(self, operation: str, question: BaseModel, context: CallContext) -> str:
        assert isinstance(question, ArchiveDocument)  # noqa: S101 -- as the manifest declares
        return f"{context.call_id};{question.title}"

    def encode_trailer(self, rows: int) -> str:
        return f"*;{rows}"

    def read_row(self, text: str) -> ParsedLine:
        match text.split(";"):
            case ["*", rows] if rows.isascii() and rows.isdigit():
                return Trailer(int(rows))
            case [id_, shelf] if len(id_) == 36 and shelf:
                try:
                    return AnswerRow(
                        UUID(id_), Rejected("full") if shelf == "FULL" else Succeeded(ArchiveLocation(shelf=shelf))
                    )
                except ValueError:
                    return UnreadableLine("no_id")
        return UnreadableLine("fields")
