"""SMPP 3.4 protocol data units, as values and as bytes. Pure.

Invariants: any input bytes end in a value or in InvalidPduError; nothing is read past its frame.
Source: Short Message Peer to Peer Protocol Specification v3.4, issue 1.2.
"""

import re
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import Final, NamedTuple

try:
    import gsm0338
except ImportError as error:
    raise ImportError("install wanderamt-connector-kit[smpp]") from error


GSM7 = gsm0338.Codec()
HEADER: Final = struct.Struct(">IIII")
MAX_PDU_BYTES: Final = 64 * 1024
SHORT_BYTES: Final = 254  # maximum of short_message; longer text goes as message_payload
RESPONSE: Final = 0x80000000

RECEIPTED_ID: Final = 0x001E
USER_REFERENCE: Final = 0x0204
PAYLOAD: Final = 0x0424
STATE: Final = 0x0427


class InvalidPduError(ValueError):
    """The bytes are no PDU of SMPP 3.4: the connection cannot be trusted any more."""


class SmppCommand(IntEnum):
    QUERY = 0x03
    SUBMIT = 0x04
    DELIVER = 0x05
    UNBIND = 0x06
    BIND_TRANSCEIVER = 0x09
    ENQUIRE_LINK = 0x15
    NACK = 0x80000000


class SmppStatus(IntEnum):
    """The statuses that we handle; others exist, and operators define their own from 0x400 on."""

    OK = 0x00
    INVALID_COMMAND = 0x03
    WRONG_BIND_STATE = 0x04
    ALREADY_BOUND = 0x05
    SYSTEM_ERROR = 0x08
    INVALID_SOURCE = 0x0A
    INVALID_DESTINATION = 0x0B
    BIND_FAILED = 0x0D
    INVALID_PASSWORD = 0x0E
    INVALID_SYSTEM_ID = 0x0F
    QUEUE_FULL = 0x14
    SUBMIT_FAILED = 0x45
    THROTTLED = 0x58
    TEMPORARY_APP_ERROR = 0x64


class DataCoding(IntEnum):
    """data_coding: the operator's default alphabet (GSM 03.38, one octet per character), or UCS-2."""

    GSM7 = 0x00
    UCS2 = 0x08


class MessageState(StrEnum):
    """The final state of a message, as receipts write it."""

    ENROUTE = "ENROUTE"
    DELIVERED = "DELIVRD"
    EXPIRED = "EXPIRED"
    DELETED = "DELETED"
    UNDELIVERABLE = "UNDELIV"
    ACCEPTED = "ACCEPTD"
    UNKNOWN = "UNKNOWN"
    REJECTED = "REJECTD"


STATES: Final = tuple(MessageState)  # message_state counts from 1 in this order


class Pdu(NamedTuple):
    command: int
    status: int
    sequence: int
    body: bytes


@dataclass(frozen=True, slots=True)
class SubmitMessage:
    """A message to one number. `reference`: ours, 16 bits; some operators return it in the receipt."""

    sender: str
    destination: str
    text: str
    reference: int = 0
    wants_receipt: bool = True


@dataclass(frozen=True, slots=True)
class DeliveredMessage:
    """What an operator sends us: a receipt, or a citizen's message. `text` is '' if we do not support its alphabet."""

    source: str
    destination: str
    text: str
    is_receipt: bool
    extras: Mapping[int, bytes] = field(default_factory=dict)


def frame(command: int, sequence: int, body: bytes = b"", *, status: int = 0) -> bytes:
    return HEADER.pack(HEADER.size + len(body), command, status, sequence) + body


class FrameDecoder:
    """Collects bytes and yields complete PDUs."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[Pdu]:
        """Raises InvalidPduError for an impossible length."""
        self._buffer += data
        at = 0
        try:
            while len(self._buffer) - at >= HEADER.size:
                length, command, status, sequence = HEADER.unpack_from(self._buffer, at)
                if not HEADER.size <= length <= MAX_PDU_BYTES:
                    raise InvalidPduError("a length that no PDU has")
                if len(self._buffer) - at < length:
                    break
                body = bytes(self._buffer[at + HEADER.size : at + length])
                at += length
                yield Pdu(command, status, sequence, body)
        finally:
            del self._buffer[:at]


def bind_body(system_id: str, password: str, *, system_type: str = "") -> bytes:
    """The body of bind_transceiver, for SMPP 3.4."""
    return _text(system_id) + _text(password) + _text(system_type) + bytes((0x34, 1, 1)) + b"\0"


def read_bind(body: bytes) -> tuple[str, str]:
    """(system_id, password)"""
    system_id, at = _read_text(body, 0)
    password, _ = _read_text(body, at)
    return system_id, password


class _Alphabet(dict[int, str]):
    """Character → its one or two octets, filled on first use. Raises UnicodeError."""

    def __missing__(self, letter: int) -> str:
        octets: str = GSM7.encode(chr(letter))[0].decode("latin-1")
        self[letter] = octets
        return octets


_ALPHABET = _Alphabet()


def coding_of(text: str) -> tuple[DataCoding, bytes]:
    """GSM 03.38 if it contains every character, else UCS-2."""
    try:
        return DataCoding.GSM7, text.translate(_ALPHABET).encode("latin-1")
    except UnicodeError:
        return DataCoding.UCS2, text.encode("utf-16-be")


def submit_body(submit: SubmitMessage) -> bytes:
    """Raises ValueError for a sender or number that does not fit."""
    if len(submit.destination) > 20 or len(submit.sender) > 20:
        raise ValueError("an address has at most 20 characters")
    coding, text = coding_of(submit.text)
    short = text if len(text) <= SHORT_BYTES else b""
    number = submit.destination.removeprefix("+")
    return b"".join(
        (
            b"\0",  # service_type
            b"\x01\x01" if submit.sender.isdigit() else b"\x05\x00",
            _text(submit.sender),
            b"\x01\x01",
            _text(number),
            bytes((0, 0, 0)),  # esm_class, protocol_id, priority
            b"\0\0",  # schedule_delivery_time, validity_period: defaults
            bytes((submit.wants_receipt, 0, coding, 0, len(short))),
            short,
            _extra(USER_REFERENCE, submit.reference.to_bytes(2, "big")) if submit.reference else b"",
            _extra(PAYLOAD, text) if len(text) > SHORT_BYTES else b"",
        )
    )


def read_submit(body: bytes) -> SubmitMessage:
    source, destination, text, _, receipt, extras = _read_message(body)
    reference = int.from_bytes(extras.get(USER_REFERENCE, b""), "big")
    return SubmitMessage(source, destination, text, reference, wants_receipt=bool(receipt))


def deliver_body(source: str, destination: str, text: str, *, is_receipt: bool, extras: Mapping[int, bytes]) -> bytes:
    coding, encoded = coding_of(text)
    return b"".join(
        (
            b"\0\x01\x01",
            _text(source.removeprefix("+")),
            b"\x05\x00",
            _text(destination),
            bytes((0x04 if is_receipt else 0, 0, 0)),
            b"\0\0",
            bytes((0, 0, coding, 0, len(encoded))),
            encoded,
            *(_extra(tag, value) for tag, value in extras.items()),
        )
    )


def read_deliver(body: bytes) -> DeliveredMessage:
    source, destination, text, esm_class, _, extras = _read_message(body)
    return DeliveredMessage(source, destination, text, is_receipt=(esm_class & 0x3C) >> 2 == 1, extras=extras)


def receipt_text(message_id: str, state: MessageState, *, error: str = "000") -> str:
    """The format of appendix B."""
    delivered = "001" if state is MessageState.DELIVERED else "000"
    days = "submit date:2601010000 done date:2601010000"
    return f"id:{message_id} sub:001 dlvrd:{delivered} {days} stat:{state} err:{error}"


class SmppReceipt(NamedTuple):
    """The content of a delivery receipt."""

    message_id: str
    state: MessageState
    error: str
    reference: int


def read_receipt(deliver: DeliveredMessage) -> SmppReceipt:
    """From its optional parameters if present, else from its text. Raises InvalidPduError."""
    fields = dict(_RECEIPT_FIELD.findall(deliver.text))
    message_id = _c_text(deliver.extras.get(RECEIPTED_ID, b"")) or fields.get("id", "")
    number = deliver.extras.get(STATE, b"\0")[0]
    state = STATES[number - 1] if 1 <= number <= len(STATES) else None
    try:
        state = state or MessageState(fields.get("stat", ""))
    except ValueError as error:
        raise InvalidPduError("receipt without a known message state") from error
    if not message_id:
        raise InvalidPduError("receipt without a message id")
    reference = int.from_bytes(deliver.extras.get(USER_REFERENCE, b""), "big")
    return SmppReceipt(message_id, state, fields.get("err", ""), reference)


_RECEIPT_FIELD = re.compile(r"\b(id|stat|err):(\S+)")


def read_message_id(body: bytes) -> str:
    """The id in a submit_sm_resp."""
    return _c_text(body)


def _read_message(body: bytes) -> tuple[str, str, str, int, int, dict[int, bytes]]:
    try:
        _, at = _read_text(body, 0)
        source, at = _read_text(body, at + 2)
        destination, at = _read_text(body, at + 2)
        esm_class = body[at]
        _, at = _read_text(body, at + 3)
        _, at = _read_text(body, at)
        receipt, _, coding, _, length = body[at : at + 5]
        at += 5
        raw, at = body[at : at + length], at + length
        extras = dict(_read_extras(body, at))
    except (IndexError, ValueError) as error:
        raise InvalidPduError("message ends too early") from error
    return source, destination, _decoded(extras.get(PAYLOAD, raw), coding), esm_class, receipt, extras


def _decoded(raw: bytes, coding: int) -> str:
    try:
        if coding == DataCoding.UCS2:
            return raw.decode("utf-16-be")
        return str(GSM7.decode(raw)[0]) if coding == DataCoding.GSM7 else raw.decode("latin-1")
    except UnicodeError:
        return ""


def _read_extras(body: bytes, at: int) -> Iterator[tuple[int, bytes]]:
    while at + 4 <= len(body):
        tag, length = struct.unpack_from(">HH", body, at)
        at += 4
        if at + length > len(body):
            raise InvalidPduError("optional parameter exceeds its PDU")
        yield tag, body[at : at + length]
        at += length


def _extra(tag: int, value: bytes) -> bytes:
    return struct.pack(">HH", tag, len(value)) + value


def _text(text: str) -> bytes:
    return text.encode("latin-1") + b"\0"


def _c_text(raw: bytes) -> str:
    return raw.split(b"\0", 1)[0].decode("latin-1")


def _read_text(body: bytes, at: int) -> tuple[str, int]:
    end = body.find(b"\0", at)
    if end < 0 or at > len(body):
        raise InvalidPduError("string without terminator")
    return body[at:end].decode("latin-1"), end + 1
