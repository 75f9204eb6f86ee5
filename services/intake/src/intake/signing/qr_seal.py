"""Signed seals, as text for QR codes, and signed status lists. Both are tokens of intake.signing.cwt.

Invariants: no claim of a seal is used before its signature is verified, with the key of a certificate that the verifier
already trusts, or with the key of a device that such a certificate certifies.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time
from typing import Any

from wanderamt.kernel.refusal import Refusal

from intake.domain.document_status import Claims
from intake.domain.refusals import LIST_UNREADABLE, SEAL_FORGED, SEAL_KEY_UNKNOWN, SEAL_UNREADABLE
from intake.domain.status_list import StatusList, pack, unpack
from intake.signing import base45
from intake.signing.authority import Authority, TrustedCertificate
from intake.signing.cwt import EXPIRES, ISSUED, ISSUER, SUBJECT, read_header, sign_token, verify
from intake.signing.device import DeviceCertificate, verify_device_certificate

PREFIX = "WA1:"
MAX_TEXT = 2000  # characters; a seal of the office has some 450, one of a device some 900
SEAL, LIST = "application/wanderamt-stamp+cwt", "application/statuslist+cwt"
# keys of claims besides those of CWT, and of headers; values below -65536 are for private use
STATUS, STATUS_LIST, CONTENT, HOLDER, PAPER_KIND, MAIN = 65535, 65533, -65537, -65538, -65541, -65542
KID, DEVICE = 4, -65540


class SealTooLongError(ValueError):
    """Nobody could verify the document."""


def create_seal(claims: Claims, authority: Authority) -> str:
    """Text for a QR code in alphanumeric mode. Raises SealTooLongError."""
    body: dict[int, Any] = {
        ISSUER: claims.authority,
        SUBJECT: claims.number,
        ISSUED: int(claims.issued_at.timestamp()),
        CONTENT: claims.content,
        STATUS: {"status_list": {"idx": claims.status_index}},
    }
    body |= {key: text for key, text in _texts_of(claims) if text}
    if claims.valid_until:
        body[EXPIRES] = int(datetime.combine(claims.valid_until, time.max, UTC).timestamp())
    text = PREFIX + base45.encode(_sign(body, SEAL, authority))
    if len(text) > MAX_TEXT:
        raise SealTooLongError(len(text))
    return text


def _texts_of(claims: Claims) -> tuple[tuple[int, str], ...]:
    return (HOLDER, claims.holder), (PAPER_KIND, claims.kind), (MAIN, claims.main)


def verify_seal(text: str, trusted: Iterable[TrustedCertificate]) -> Claims | Refusal:
    """The claims of a genuine seal. Forged, changed and foreign seals get a refusal each."""
    text = text.strip()
    if not text.startswith(PREFIX) or len(text) > MAX_TEXT:
        return SEAL_UNREADABLE
    try:
        token = base45.decode(text.removeprefix(PREFIX))
    except ValueError:
        return SEAL_UNREADABLE
    header = read_header(token)
    if header is None:
        return SEAL_UNREADABLE
    if DEVICE in header:
        return _verify_device_seal(token, header[DEVICE], trusted)
    body = _verified(token, SEAL, trusted)
    return body if isinstance(body, Refusal) else _claims(body)


def _verify_device_seal(
    token: bytes, certificate_token: Any, trusted: Iterable[TrustedCertificate]
) -> Claims | Refusal:
    """The seal of a document printed at a stand; valid only within the limits of the device's certificate."""
    if not isinstance(certificate_token, bytes):
        return SEAL_UNREADABLE
    certificate = verify_device_certificate(certificate_token, trusted)
    if not certificate:
        return SEAL_KEY_UNKNOWN
    try:
        body = verify(token, SEAL, certificate.key, b"")
    except ValueError:
        return SEAL_UNREADABLE
    claims = _claims(body, certificate) if body is not None else SEAL_FORGED
    if isinstance(claims, Refusal):
        return claims
    same_authority = claims.authority == certificate.authority
    allowed = certificate.allows(claims.number, claims.status_index, claims.issued_at)
    return claims if same_authority and allowed else SEAL_FORGED


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
            kind=str(body.get(PAPER_KIND, "")),
            main=str(body.get(MAIN, "")),
        )
    except (KeyError, TypeError, ValueError, OverflowError):
        return SEAL_UNREADABLE


def sign_status_list(status_list: StatusList, authority: Authority) -> bytes:
    body = {
        ISSUER: authority.code,
        ISSUED: int(status_list.as_of.timestamp()),
        STATUS_LIST: {"bits": 1, "lst": pack(status_list)},
    }
    return _sign(body, LIST, authority)


def verify_status_list(token: bytes, trusted: Iterable[TrustedCertificate]) -> StatusList | Refusal:
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
    return sign_token(body, kind, authority.key, authority.certificate.key_id)


def _verified(token: bytes, kind: str, trusted: Iterable[TrustedCertificate]) -> Mapping[Any, Any] | Refusal:
    header = read_header(token)
    if header is None or KID not in header:
        return SEAL_UNREADABLE
    certificate = next((known for known in trusted if known.key_id == header[KID]), None)
    if not certificate:
        return SEAL_KEY_UNKNOWN
    try:
        body = verify(token, kind, certificate.key, certificate.key_id)
    except ValueError:
        return SEAL_UNREADABLE
    return SEAL_FORGED if body is None else body


def _day(seconds: int | None) -> date | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).date()
