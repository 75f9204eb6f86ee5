"""Tokens: COSE_Sign1 (RFC 9052) with claims of CWT (RFC 8392), each of one type (RFC 9596).

Kept true: a token of one type never passes for another, and nothing it says is believed before its signature held.
"""

from collections.abc import Mapping
from typing import Any, Final

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec
from cwt import COSE, COSEAlgs, COSEHeaders, COSEKey
from cwt.exceptions import CWTError

# keys of CWT claims and of headers; those below -65536 are private to us
ISSUER, SUBJECT, EXPIRES, ISSUED, KEY = 1, 2, 4, 6, 8
TYPE: Final = 16

Body = Mapping[Any, Any]


def sign(body: Body, kind: str, key: ec.EllipticCurvePrivateKey, key_id: bytes) -> bytes:
    secret = {-4: key.private_numbers().private_value.to_bytes(32)}
    cose = COSEKey.new(cose_key(key.public_key(), key_id) | secret)
    head = {COSEHeaders.ALG: COSEAlgs.ES256, COSEHeaders.KID: key_id, TYPE: kind}
    signed: bytes = COSE.new().encode(cbor2.dumps(body, canonical=True), cose, protected=head)
    return signed


def head_of(token: bytes) -> Body | None:
    """What a token says of itself, unproven; None for what is no token."""
    try:
        head = cbor2.loads(cbor2.loads(token).value[0])
    except (ValueError, EOFError, AttributeError, LookupError, TypeError):
        return None
    return head if isinstance(head, dict) else None


def verified(token: bytes, kind: str, key: ec.EllipticCurvePublicKey, key_id: bytes) -> Body | None:
    """The claims; None when the signature is not by this key. Raises ValueError for a genuine token of another type."""
    try:
        head, _, payload = COSE.new().decode_with_headers(token, COSEKey.new(cose_key(key, key_id)))
        body = cbor2.loads(payload)
    except (CWTError, ValueError, TypeError, LookupError, AttributeError):  # of what a flipped bit can make of CBOR
        return None
    if head.get(TYPE) != kind or not isinstance(body, dict):
        raise ValueError("a token of another type")
    return body


def cose_key(key: ec.EllipticCurvePublicKey, key_id: bytes = b"") -> dict[int, Any]:
    """RFC 9053 section 7.1: EC2, P-256."""
    numbers = key.public_numbers()
    named = {2: key_id, 3: -7} if key_id else {}
    return {1: 2, -1: 1, -2: numbers.x.to_bytes(32), -3: numbers.y.to_bytes(32), **named}
