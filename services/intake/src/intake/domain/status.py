"""The list of papers that were taken back: one bit each, so small that a device keeps it for a day without network.

Source: IETF Token Status List (draft-ietf-oauth-status-list), one bit a token, zlib.
"""

import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

MAX_BYTES = 2 * 1024 * 1024  # 16 million papers


@dataclass(frozen=True, slots=True)
class StatusList:
    """`bits`: index i is bit i % 8, from the lowest, of byte i // 8; 1 is taken back. True at `as_of`."""

    bits: bytes
    as_of: datetime

    def __contains__(self, index: int) -> bool:
        return self.covers(index) and bool(self.bits[index // 8] >> index % 8 & 1)

    def covers(self, index: int) -> bool:
        return 0 <= index < len(self.bits) * 8


def status_list(revoked: Iterable[int], *, papers: int, as_of: datetime) -> StatusList:
    """Of the indexes 0 to `papers` - 1."""
    bits = bytearray(-(-papers // 8))
    for index in revoked:
        bits[index // 8] |= 1 << index % 8
    return StatusList(bytes(bits), as_of)


def pack(listed: StatusList) -> bytes:
    return zlib.compress(listed.bits, 9)


def unpack(packed: bytes, *, as_of: datetime) -> StatusList:
    """Raises ValueError for what is no packed list, or one that would unpack to more than MAX_BYTES."""
    reader = zlib.decompressobj()
    try:
        bits = reader.decompress(packed, MAX_BYTES)
    except zlib.error as error:
        raise ValueError("this is no packed status list") from error
    if not reader.eof:
        raise ValueError("the status list is cut off or too long")
    return StatusList(bits, as_of)
