"""How many parts an SMS has: networks bill each part, and the telephone joins them (3GPP TS 23.040)."""

from dataclasses import dataclass

from connector_kit.transports.smpp.pdu import DataCoding, coding_of


@dataclass(frozen=True, slots=True)
class SmsSize:
    """`used` of `capacity` characters in `segments` parts."""

    coding: DataCoding
    used: int
    segments: int
    capacity: int


def sms_size(text: str) -> SmsSize:
    """GSM 03.38: 160 characters in a single part, 153 in each of several; UCS-2: 70 and 67. € and { count twice."""
    coding, encoded = coding_of(text)
    used, single, each = (len(encoded), 160, 153) if coding is DataCoding.GSM7 else (len(encoded) // 2, 70, 67)
    segments = 1 if used <= single else -(-used // each)
    return SmsSize(coding, used, segments, single if segments == 1 else each * segments)
