"""Exports of devices that could not send: files of lines, each encrypted under the outbox key of the device.

Invariants: an unreadable line is reported by its number and does not affect the others.

The first line names the device; each further line is an entry, an attachment or a piece of an attachment. An encrypted
text is base64 of the nonce (12 bytes) and the AES-256-GCM ciphertext, with `<store>|<id>` as associated data.
"""

import base64
import json
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from wanderamt.kernel.ids import DeviceId
from wanderamt.kernel.refusal import Refusal

from intake.domain.attachment import MAX_BYTES, AttachmentType
from intake.domain.entry import AnyEntry, UnreadableEntry, parse_line
from intake.domain.refusals import EXPORT_UNREADABLE

FORMAT: Final = "wanderamt-field-export"
NONCE_BYTES: Final = 12
PIECE_BYTES: Final = 256 * 1024  # as the app cuts a file; the last piece is shorter
UNREADABLE: Final = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError, InvalidTag)


@dataclass(slots=True)
class ExportedFile:
    """A photo or scan with its pieces by position: each begins at a multiple of PIECE_BYTES."""

    attachment_id: UUID
    case_id: UUID
    kind: AttachmentType
    length: int
    sha256: bytes
    pieces: dict[int, bytes] = field(default_factory=dict)

    @property
    def content(self) -> bytes:
        """With zeros for missing bytes; longer than announced if its pieces are."""
        whole = bytearray(self.length)
        for place, piece in self.pieces.items():
            begin = place * PIECE_BYTES
            whole[begin : begin + len(piece)] = piece
        return bytes(whole)

    def missing_after(self, received: int) -> list[tuple[int, int]]:
        """The first and the last byte of each part that no piece covers. `received`: bytes that are not needed."""
        parts, covered = [], received
        for place in sorted(self.pieces):
            begin = min(place * PIECE_BYTES, self.length)
            if begin > covered:
                parts.append((covered, begin - 1))
            covered = max(covered, begin + len(self.pieces[place]))
        if covered < self.length:
            parts.append((covered, self.length - 1))
        return parts


@dataclass(slots=True)
class Export:
    """`broken`: numbers of unreadable lines."""

    device_id: DeviceId
    exported_at: str
    entries: list[AnyEntry | UnreadableEntry] = field(default_factory=list)
    files: dict[UUID, ExportedFile] = field(default_factory=dict)
    broken: list[int] = field(default_factory=list)


def exporting_device(head: str) -> DeviceId | Refusal:
    """The device named in the first line."""
    try:
        header = json.loads(head)
        return DeviceId(UUID(header["device_id"])) if header["format"] == FORMAT else EXPORT_UNREADABLE
    except UNREADABLE:
        return EXPORT_UNREADABLE


def read_export(lines: list[str], key: bytes) -> Export | Refusal:
    """`key`: outbox key of the device named in the first line."""
    device_id = exporting_device(lines[0]) if lines else EXPORT_UNREADABLE
    if isinstance(device_id, Refusal):
        return device_id
    export = Export(device_id, str(json.loads(lines[0]).get("exported_at", "")))
    cipher = AESGCM(key)
    for number, line in enumerate(lines[1:], 2):
        if not line.strip():
            continue
        try:
            _read(json.loads(line), cipher, export)
        except UNREADABLE:
            export.broken.append(number)
    if export.broken and not export.entries and not export.files:
        return EXPORT_UNREADABLE
    return export


def _read(line: dict[str, Any], cipher: AESGCM, export: Export) -> None:
    plain = _open(line, cipher)
    match line["store"]:
        case "entries":
            export.entries.append(parse_line(plain))
        case "attachments":
            header = json.loads(plain)
            file = ExportedFile(
                UUID(header["attachment_id"]),
                UUID(header["case_id"]),
                AttachmentType(header["kind"]),
                _length(header["length"]),
                bytes.fromhex(header["sha256"]),
            )
            export.files[file.attachment_id] = file
        case "pieces":
            name, place = line["id"].split("/")
            export.files[UUID(name)].pieces[_place(place)] = plain
        case other:
            raise ValueError(other)


def _length(announced: object) -> int:
    if not isinstance(announced, int) or not 0 < announced <= MAX_BYTES:
        raise ValueError("no file has this length")
    return announced


def _place(text: str) -> int:
    if not text.isdecimal() or int(text) * PIECE_BYTES >= MAX_BYTES:
        raise ValueError("no file has this piece")
    return int(text)


def _open(line: dict[str, Any], cipher: AESGCM) -> bytes:
    sealed = base64.b64decode(line["sealed"], validate=True)
    bound = f"{line['store']}|{line['id']}".encode()
    return cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], bound)
