"""How many parts a text is sent in: networks bill each, and put them together again (3GPP TS 23.040)."""

from dataclasses import dataclass

from connector_kit.smpp.pdu import Coding, coding_of


@dataclass(frozen=True, slots=True)
class Size:
    """`used` of `room` signs in `segments` parts."""

    coding: Coding
    used: int
    segments: int
    room: int


def size_of(text: str) -> Size:
    """GSM 03.38 holds 160 signs in one part and 153 in each of several, UCS-2 70 and 67. € and { count twice."""
    coding, encoded = coding_of(text)
    used, alone, each = (len(encoded), 160, 153) if coding is Coding.GSM7 else (len(encoded) // 2, 70, 67)
    segments = 1 if used <= alone else -(-used // each)
    return Size(coding, used, segments, alone if segments == 1 else each * segments)
