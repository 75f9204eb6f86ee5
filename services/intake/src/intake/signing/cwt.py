"""CBOR tokens: COSE_Sign1 (RFC 9052) with CWT claims (RFC 8392) and an explicit type (RFC 9596).

Invariants: a token of one type never passes for another; no claim is used before the signature is verified.
"""

from collections.abc import Mapping
from typing import Any, Final

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec
from cwt import COSE, COSEAlgs, COSEHeaders, COSEKey
from cwt.exceptions import CWTError

# keys of CWT claims and headers; values below -65536 are for private use
ISSUER, SUBJECT, EXPIRES, ISSUED, KEY = 1, 2, 4, 6, 8
TYPE: Final = 16

Body = Mapping[Any, Any]

# what a flipped bit can turn CBOR into: tagged numbers, times and fractions fail in ways of their own
MALFORMED: Final = (
    cbor2.CBORDecodeError,
    ValueError,
    EOFError,
    AttributeError,
    LookupError,
    TypeError,
    ArithmeticError,
    RecursionError,
)


def sign_token(body: Body, kind: str, key: ec.EllipticCurvePrivateKey, key_id: bytes) -> bytes:
    secret = {-4: key.private_numbers().private_value.to_bytes(32)}
    cose = COSEKey.new(cose_key(key.public_key(), key_id) | secret)
    head = {COSEHeaders.ALG: COSEAlgs.ES256, COSEHeaders.KID: key_id, TYPE: kind}
    signed: bytes = COSE.new().encode(cbor2.dumps(body, canonical=True), cose, protected=head)
    return signed


def read_header(token: bytes) -> Body | None:
    """The protected header, not verified; None if `token` is no token."""
    try:
        head = cbor2.loads(cbor2.loads(token).value[0])
    except MALFORMED:
        return None
    return head if isinstance(head, dict) else None


def verify(token: bytes, kind: str, key: ec.EllipticCurvePublicKey, key_id: bytes) -> Body | None:
    """The claims; None if this key did not sign the token. Raises ValueError for a genuine token of another type."""
    try:
        head, _, payload = COSE.new().decode_with_headers(token, COSEKey.new(cose_key(key, key_id)))
        body = cbor2.loads(payload)
    except (CWTError, *MALFORMED):
        return None
    if head.get(TYPE) != kind or not isinstance(body, dict):
        raise ValueError("the token has another type")
    return body


def cose_key(key: ec.EllipticCurvePublicKey, key_id: bytes = b"") -> dict[int, Any]:
    """RFC 9053 section 7.1: EC2, P-256."""
    numbers = key.public_numbers()
    key_name = {2: key_id, 3: -7} if key_id else {}
    return {1: 2, -1: 1, -2: numbers.x.to_bytes(32), -3: numbers.y.to_bytes(32), **key_name}
