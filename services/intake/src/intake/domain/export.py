"""What a device could not send, as it comes by cable or stick: lines, each sealed under the device's outbox key.

Kept true: a line that cannot be read is told with its number and takes no other with it.

The first line says whose export it is; then one line an entry, an attachment or a piece of one. A sealed text is the
nonce (12 bytes) and AES-256-GCM, with `<store>|<id>` as associated data, in base64.
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

from intake.domain.entry import AnyEntry, UnreadableEntry, read_line
from intake.domain.refusals import EXPORT_UNREADABLE

FORMAT: Final = "wanderamt-field-export"
NONCE_BYTES: Final = 12


@dataclass(slots=True)
class ExportedFile:
    """A photo or scan with its pieces by place."""

    attachment_id: UUID
    case_id: UUID
    kind: str
    length: int
    sha256: bytes
    pieces: dict[int, bytes] = field(default_factory=dict)

    @property
    def content(self) -> bytes:
        return b"".join(self.pieces[place] for place in sorted(self.pieces))


@dataclass(slots=True)
class Export:
    """`broken`: numbers of lines that could not be read."""

    device_id: DeviceId
    exported_at: str
    entries: list[AnyEntry | UnreadableEntry] = field(default_factory=list)
    files: dict[UUID, ExportedFile] = field(default_factory=dict)
    broken: list[int] = field(default_factory=list)


def device_of(head: str) -> DeviceId | Refusal:
    """Whose export it is, by its first line."""
    try:
        said = json.loads(head)
        return DeviceId(UUID(said["device_id"])) if said["format"] == FORMAT else EXPORT_UNREADABLE
    except (ValueError, KeyError, TypeError):
        return EXPORT_UNREADABLE


def read_export(lines: list[str], key: bytes) -> Export | Refusal:
    """`key`: the outbox key of the device of the first line."""
    device_id = device_of(lines[0]) if lines else EXPORT_UNREADABLE
    if isinstance(device_id, Refusal):
        return device_id
    export = Export(device_id, str(json.loads(lines[0]).get("exported_at", "")))
    cipher = AESGCM(key)
    for number, line in enumerate(lines[1:], 2):
        if not line.strip():
            continue
        try:
            _read(json.loads(line), cipher, export)
        except (ValueError, KeyError, TypeError, InvalidTag):
            export.broken.append(number)
    if export.broken and not export.entries and not export.files:
        return EXPORT_UNREADABLE
    return export


def _read(line: dict[str, Any], cipher: AESGCM, export: Export) -> None:
    plain = _open(line, cipher)
    match line["store"]:
        case "entries":
            export.entries.append(read_line(plain))
        case "attachments":
            said = json.loads(plain)
            one = ExportedFile(
                UUID(said["attachment_id"]),
                UUID(said["case_id"]),
                str(said["kind"]),
                int(said["length"]),
                bytes.fromhex(said["sha256"]),
            )
            export.files[one.attachment_id] = one
        case "pieces":
            name, place = line["id"].split("/")
            export.files[UUID(name)].pieces[int(place)] = plain
        case other:
            raise ValueError(other)


def _open(line: dict[str, Any], cipher: AESGCM) -> bytes:
    sealed = base64.b64decode(line["sealed"], validate=True)
    bound = f"{line['store']}|{line['id']}".encode()
    return cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], bound)
