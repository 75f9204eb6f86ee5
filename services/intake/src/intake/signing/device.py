"""Device certificates: for one day the authority lets a device key seal documents with numbers leased to the device.

Invariants: a device's seal is valid only while its certificate is, with a number leased to the device, and with the
status list index of that number. So a device can neither use another's number nor evade the status list.

Source: CWT with a confirmation key (RFC 8747). An X.509 certificate would be twice as long in a QR code.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric import ec
from wanderamt.kernel.ids import DeviceId
from wanderamt.kernel.refusal import Refusal

from intake.domain.numbers import NumberBlock, NumberSeries, parse_number
from intake.signing.authority import Authority, TrustedCertificate
from intake.signing.cwt import EXPIRES, ISSUED, ISSUER, KEY, SUBJECT, cose_key, read_header, sign_token, verify

KIND: Final = "application/wanderamt-device+cwt"
RUNS: Final = -65539


@dataclass(frozen=True, slots=True)
class NumberRange:
    """`count` consecutive document numbers from `first`, with consecutive status list indexes."""

    year: int
    first: int
    count: int
    status_list_index: int


@dataclass(frozen=True, slots=True)
class DeviceCertificate:
    device_id: DeviceId
    authority: str
    key: ec.EllipticCurvePublicKey
    issued_at: datetime
    expires_at: datetime
    number_ranges: tuple[NumberRange, ...]

    def allows(self, number: str, status_list_index: int, at: datetime) -> bool:
        """Whether the device was allowed to seal this document at that time."""
        parsed = parse_number(number)
        if (
            isinstance(parsed, Refusal)
            or parsed.series is not NumberSeries.DOCUMENT
            or not self.issued_at <= at <= self.expires_at
        ):
            return False
        return any(
            run.year == parsed.year and 0 <= parsed.serial - run.first < run.count
            and status_list_index - run.status_list_index == parsed.serial - run.first
            for run in self.number_ranges
        )  # fmt: skip


def certify(
    device_id: DeviceId,
    key: ec.EllipticCurvePublicKey,
    blocks: Iterable[NumberBlock],
    authority: Authority,
    *,
    now: datetime,
    expires_at: datetime,
) -> bytes:
    """`blocks`: the blocks of document numbers that the device leased."""
    body = {
        ISSUER: authority.code,
        SUBJECT: device_id.bytes,
        ISSUED: int(now.timestamp()),
        EXPIRES: int(expires_at.timestamp()),
        KEY: {1: cose_key(key)},
        RUNS: [
            [run.year, run.first, run.count, run.status_list_index] for block in blocks for run in number_ranges(block)
        ],
    }
    return sign_token(body, KIND, authority.key, authority.certificate.key_id)


def number_ranges(block: NumberBlock) -> list[NumberRange]:
    ranges: list[NumberRange] = []
    for serial, index in zip(range(block.first, block.last + 1), block.status_list_indexes, strict=False):
        last = ranges[-1] if ranges else None
        if last and index == last.status_list_index + last.count:
            ranges[-1] = NumberRange(last.year, last.first, last.count + 1, last.status_list_index)
        else:
            ranges.append(NumberRange(block.year, serial, 1, index))
    return ranges


def verify_device_certificate(token: bytes, trusted: Iterable[TrustedCertificate]) -> DeviceCertificate | None:
    """None if no trusted authority signed the certificate."""
    header: Any = read_header(token) or {}
    authority = next((certificate for certificate in trusted if certificate.key_id == header.get(4)), None)
    try:
        body = verify(token, KIND, authority.key, authority.key_id) if authority else None
        if body is None:
            return None
        point = body[KEY][1]
        numbers = ec.EllipticCurvePublicNumbers(int.from_bytes(point[-2]), int.from_bytes(point[-3]), ec.SECP256R1())
        return DeviceCertificate(
            DeviceId(UUID(bytes=body[SUBJECT])),
            str(body[ISSUER]),
            numbers.public_key(),
            datetime.fromtimestamp(body[ISSUED], UTC),
            datetime.fromtimestamp(body[EXPIRES], UTC),
            tuple(NumberRange(*map(int, run)) for run in body[RUNS]),
        )
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
