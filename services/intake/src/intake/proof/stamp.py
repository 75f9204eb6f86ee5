"""Stamps and status lists, signed: COSE_Sign1 (RFC 9052) with claims of CWT (RFC 8392), a stamp as text for a QR code.

Kept true: nothing of a stamp is believed before its signature held under the key of a certificate that the verifier
had before.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time
from typing import Any

import base45
import cbor2
from cwt import COSE, COSEAlgs, COSEHeaders, COSEKey
from cwt.exceptions import CWTError
from wanderamt.kernel.refusal import Refusal

from intake.domain.proof import Claims
from intake.domain.refusals import LIST_UNREADABLE, STAMP_FORGED, STAMP_OF_OTHERS, STAMP_UNREADABLE
from intake.domain.status import StatusList, pack, unpack
from intake.proof.authority import Authority, Trust

PREFIX = "WA1:"
MAX_TEXT = 2000  # characters; a stamp has some 300
STAMP, LIST = "application/wanderamt-stamp+cwt", "application/statuslist+cwt"
# keys of CWT claims; content is private to us
ISSUER, SUBJECT, EXPIRES, ISSUED = 1, 2, 4, 6
TYPE = 16  # header of RFC 9596: what kind of token it is, so that none passes for another
STATUS, STATUS_LIST, CONTENT, HOLDER = 65535, 65533, -65537, -65538


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
    body = _verified(token, STAMP, trusted)
    if isinstance(body, Refusal):
        return body
    try:
        return Claims(
            authority=str(body[ISSUER]),
            number=str(body[SUBJECT]),
            content=bytes(body[CONTENT]),
            status_index=int(body[STATUS]["status_list"]["idx"]),
            issued_at=datetime.fromtimestamp(body[ISSUED], UTC),
            valid_until=_day(body.get(EXPIRES)),
            holder=str(body.get(HOLDER, "")),
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
    key = COSEKey.new(_cose_key(authority.trust) | {-4: authority.key.private_numbers().private_value.to_bytes(32)})
    head = {COSEHeaders.ALG: COSEAlgs.ES256, COSEHeaders.KID: authority.trust.key_id, TYPE: kind}
    signed: bytes = COSE.new().encode(cbor2.dumps(body, canonical=True), key, protected=head)
    return signed


def _verified(token: bytes, kind: str, trusted: Iterable[Trust]) -> Mapping[Any, Any] | Refusal:
    trust = _named(token, trusted)
    if isinstance(trust, Refusal):
        return trust
    try:
        head, _, payload = COSE.new().decode_with_headers(token, COSEKey.new(_cose_key(trust)))
        body = cbor2.loads(payload)
    except (CWTError, ValueError, TypeError, LookupError, AttributeError):  # of what a flipped bit can make of CBOR
        return STAMP_FORGED
    return body if head.get(TYPE) == kind and isinstance(body, dict) else STAMP_UNREADABLE


def _named(token: bytes, trusted: Iterable[Trust]) -> Trust | Refusal:
    """Whose key the token says it was signed with."""
    try:
        head = cbor2.loads(cbor2.loads(token).value[0])
        key_id = head[COSEHeaders.KID]
    except (ValueError, EOFError, AttributeError, LookupError, TypeError):
        return STAMP_UNREADABLE
    return next((one for one in trusted if one.key_id == key_id), STAMP_OF_OTHERS)


def _cose_key(trust: Trust) -> dict[int, Any]:
    """RFC 9053 section 7.1: EC2, P-256."""
    numbers = trust.key.public_numbers()
    return {1: 2, 2: trust.key_id, 3: -7, -1: 1, -2: numbers.x.to_bytes(32), -3: numbers.y.to_bytes(32)}


def _day(seconds: int | None) -> date | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).date()
