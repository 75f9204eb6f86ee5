"""A device's certificate: for a day the authority lets a key stamp papers with numbers that were leased to it.

Kept true: what a device stamps counts while its certificate lasts, with a number of its own and with the place in the
status list that belongs to that number: a device can neither name another's paper nor hide from the list.

Source: CWT with a key of the holder (RFC 8747). An X.509 certificate would be twice as long in a code on paper.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric import ec
from wanderamt.kernel.ids import DeviceId
from wanderamt.kernel.refusal import Refusal

from intake.domain.numbers import Block, Series, read_number
from intake.proof.authority import Authority, Trust
from intake.proof.cwt import EXPIRES, ISSUED, ISSUER, KEY, SUBJECT, cose_key, head_of, sign, verified

KIND: Final = "application/wanderamt-device+cwt"
RUNS: Final = -65539


@dataclass(frozen=True, slots=True)
class Run:
    """Numbers of documents that follow each other, and so do their places in the status list."""

    year: int
    first: int
    count: int
    place: int


@dataclass(frozen=True, slots=True)
class DeviceCertificate:
    device_id: DeviceId
    authority: str
    key: ec.EllipticCurvePublicKey
    issued_at: datetime
    until: datetime
    runs: tuple[Run, ...]

    def allows(self, number: str, place: int, at: datetime) -> bool:
        """Whether it may have stamped this paper at that time."""
        read = read_number(number)
        if isinstance(read, Refusal) or read.series is not Series.DOCUMENT or not self.issued_at <= at <= self.until:
            return False
        return any(
            run.year == read.year and 0 <= read.serial - run.first < run.count
            and place - run.place == read.serial - run.first
            for run in self.runs
        )  # fmt: skip


def certify(
    device_id: DeviceId,
    key: ec.EllipticCurvePublicKey,
    blocks: Iterable[Block],
    authority: Authority,
    *,
    now: datetime,
    until: datetime,
) -> bytes:
    """`blocks`: of document numbers."""
    body = {
        ISSUER: authority.code,
        SUBJECT: device_id.bytes,
        ISSUED: int(now.timestamp()),
        EXPIRES: int(until.timestamp()),
        KEY: {1: cose_key(key)},
        RUNS: [[run.year, run.first, run.count, run.place] for block in blocks for run in runs_of(block)],
    }
    return sign(body, KIND, authority.key, authority.trust.key_id)


def runs_of(block: Block) -> list[Run]:
    runs: list[Run] = []
    for serial, place in zip(range(block.first, block.last + 1), block.places, strict=False):
        last = runs[-1] if runs else None
        if last and place == last.place + last.count:
            runs[-1] = Run(last.year, last.first, last.count + 1, last.place)
        else:
            runs.append(Run(block.year, serial, 1, place))
    return runs


def read_certificate(token: bytes, trusted: Iterable[Trust]) -> DeviceCertificate | None:
    """None for one that no authority we trust has signed."""
    head: Any = head_of(token) or {}
    trust = next((one for one in trusted if one.key_id == head.get(4)), None)
    try:
        body = verified(token, KIND, trust.key, trust.key_id) if trust else None
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
            tuple(Run(*map(int, run)) for run in body[RUNS]),
        )
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
