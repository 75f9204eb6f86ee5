"""Stamps and status lists, signed (see intake.proof.cwt), a stamp as text for a QR code.

Kept true: nothing of a stamp is believed before its signature held under the key of a certificate that the verifier
had before, or under that of a device which such a certificate vouches for.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time
from typing import Any

import base45
from wanderamt.kernel.refusal import Refusal

from intake.domain.proof import Claims
from intake.domain.refusals import LIST_UNREADABLE, STAMP_FORGED, STAMP_OF_OTHERS, STAMP_UNREADABLE
from intake.domain.status import StatusList, pack, unpack
from intake.proof.authority import Authority, Trust
from intake.proof.cwt import EXPIRES, ISSUED, ISSUER, SUBJECT, head_of, sign, verified
from intake.proof.device import DeviceCertificate, read_certificate

PREFIX = "WA1:"
MAX_TEXT = 2000  # characters; a stamp has some 300, one of a device some 700
STAMP, LIST = "application/wanderamt-stamp+cwt", "application/statuslist+cwt"
# keys of claims beside those of CWT, and of a header; those below -65536 are private to us
STATUS, STATUS_LIST, CONTENT, HOLDER = 65535, 65533, -65537, -65538
KID, DEVICE = 4, -65540


def stamp(claims: Claims, authority: Authority) -> str:
    """Text for a QR code in alphanumeric mode."""
    body = {
        ISSUER: claims.authority,
        SUBJECT: claims.number,
        ISSUED: int(claims.issued_at.timestamp()),
        CONTENT: claims.content,
        STATUS: {"status_list": {"idx": claims.status_index}},
    }
    if claims.holder:
        body[HOLDER] = claims.holder
    if claims.valid_until:
        body[EXPIRES] = int(datetime.combine(claims.valid_until, time.max, UTC).timestamp())
    text: bytes = base45.b45encode(_sign(body, STAMP, authority))
    return PREFIX + text.decode()


def read_stamp(text: str, trusted: Iterable[Trust]) -> Claims | Refusal:
    """What a genuine stamp says. Forged, changed and foreign ones are refused, with a code each."""
    text = text.strip()
    if not text.startswith(PREFIX) or len(text) > MAX_TEXT:
        return STAMP_UNREADABLE
    try:
        token = base45.b45decode(text.removeprefix(PREFIX))
    except ValueError:
        return STAMP_UNREADABLE
    head = head_of(token)
    if head is None:
        return STAMP_UNREADABLE
    if DEVICE in head:
        return _read_device_stamp(token, head[DEVICE], trusted)
    body = _verified(token, STAMP, trusted)
    return body if isinstance(body, Refusal) else _claims(body)


def _read_device_stamp(token: bytes, shown: Any, trusted: Iterable[Trust]) -> Claims | Refusal:
    """Of a paper that was given at a stand. It counts as the device's certificate says, and never further."""
    if not isinstance(shown, bytes):
        return STAMP_UNREADABLE
    certificate = read_certificate(shown, trusted)
    if not certificate:
        return STAMP_OF_OTHERS
    try:
        body = verified(token, STAMP, certificate.key, b"")
    except ValueError:
        return STAMP_UNREADABLE
    claims = _claims(body, certificate) if body is not None else STAMP_FORGED
    if isinstance(claims, Refusal):
        return claims
    own = claims.authority == certificate.authority
    allowed = certificate.allows(claims.number, claims.status_index, claims.issued_at)
    return claims if own and allowed else STAMP_FORGED


def _claims(body: Mapping[Any, Any], certificate: DeviceCertificate | None = None) -> Claims | Refusal:
    try:
        return Claims(
            authority=str(body[ISSUER]),
            number=str(body[SUBJECT]),
            content=bytes(body[CONTENT]),
            status_index=int(body[STATUS]["status_list"]["idx"]),
            issued_at=datetime.fromtimestamp(body[ISSUED], UTC),
            valid_until=_day(body.get(EXPIRES)),
            holder=str(body.get(HOLDER, "")),
            given_by=str(certificate.device_id) if certificate else "",
        )
    except (KeyError, TypeError, ValueError, OverflowError):
        return STAMP_UNREADABLE


def sign_list(listed: StatusList, authority: Authority) -> bytes:
    body = {
        ISSUER: authority.code,
        ISSUED: int(listed.as_of.timestamp()),
        STATUS_LIST: {"bits": 1, "lst": pack(listed)},
    }
    return _sign(body, LIST, authority)


def read_list(token: bytes, trusted: Iterable[Trust]) -> StatusList | Refusal:
    body = _verified(token, LIST, trusted)
    if isinstance(body, Refusal):
        return body
    try:
        if body[STATUS_LIST]["bits"] != 1:
            return LIST_UNREADABLE
        return unpack(body[STATUS_LIST]["lst"], as_of=datetime.fromtimestamp(body[ISSUED], UTC))
    except (KeyError, TypeError, ValueError, OverflowError):
        return LIST_UNREADABLE


def _sign(body: Mapping[Any, Any], kind: str, authority: Authority) -> bytes:
    return sign(body, kind, authority.key, authority.trust.key_id)


def _verified(token: bytes, kind: str, trusted: Iterable[Trust]) -> Mapping[Any, Any] | Refusal:
    head = head_of(token)
    if head is None or KID not in head:
        return STAMP_UNREADABLE
    trust = next((one for one in trusted if one.key_id == head[KID]), None)
    if not trust:
        return STAMP_OF_OTHERS
    try:
        body = verified(token, kind, trust.key, trust.key_id)
    except ValueError:
        return STAMP_UNREADABLE
    return STAMP_FORGED if body is None else body


def _day(seconds: int | None) -> date | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).date()
