"""The list of revoked documents: one bit per document, small enough for a device to keep it while offline.

Source: IETF Token Status List (draft-ietf-oauth-status-list), one bit per token, zlib.
"""

import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

MAX_BYTES = 2 * 1024 * 1024  # 16 million documents


@dataclass(frozen=True, slots=True)
class StatusList:
    """`bits`: index i is bit i % 8 (lowest first) of byte i // 8; 1 means revoked. Valid as of `as_of`."""

    bits: bytes
    as_of: datetime

    def __contains__(self, index: int) -> bool:
        return self.covers(index) and bool(self.bits[index // 8] >> index % 8 & 1)

    def covers(self, index: int) -> bool:
        return 0 <= index < len(self.bits) * 8


def build_status_list(revoked: Iterable[int], *, size: int, as_of: datetime) -> StatusList:
    """For the indexes 0 to `size` - 1."""
    bits = bytearray(-(-size // 8))
    for index in revoked:
        bits[index // 8] |= 1 << index % 8
    return StatusList(bytes(bits), as_of)


def pack(listed: StatusList) -> bytes:
    return zlib.compress(listed.bits, 9)


def unpack(packed: bytes, *, as_of: datetime) -> StatusList:
    """Raises ValueError if `packed` is no packed list or would unpack to more than MAX_BYTES."""
    reader = zlib.decompressobj()
    try:
        bits = reader.decompress(packed, MAX_BYTES)
    except zlib.error as error:
        raise ValueError("not a packed status list") from error
    if not reader.eof:
        raise ValueError("the status list is cut off or too long")
    return StatusList(bits, as_of)
