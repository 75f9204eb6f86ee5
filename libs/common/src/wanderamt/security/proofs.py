"""Proofs of possession: a request that only the holder of a device's key can have made (DPoP, RFC 9449).

Kept true: a token that is bound to a key counts with a fresh proof of that key, for this request, and for nothing else.
The same proof may come twice within its minutes: what a request does here is done once however often it comes, so no
list of proofs is kept. Of the address the path alone is compared: a proxy that ends TLS changes the rest.
"""

import base64
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final
from urllib.parse import urlsplit

from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from wanderamt.kernel.refusal import Ground, Refusal

ALGORITHM: Final = "ES256"
TYPE: Final = "dpop+jwt"
GOOD_FOR: Final = timedelta(minutes=5)
MAX_TEXT: Final = 4000

MISSING = Refusal("proof.missing", "This token counts with a proof of its device alone.", Ground.UNAUTHENTICATED)
WRONG = Refusal(
    "proof.wrong", "The proof of the device is not for this request. Make a new one.", Ground.UNAUTHENTICATED
)
CLOCK = Refusal(
    "proof.clock", "The device's clock is off. Take the time from the Date of this answer.", Ground.UNAUTHENTICATED
)


def read_proof(proof: str, *, method: str, path: str, token: str, now: datetime) -> str | Refusal:
    """The thumbprint (RFC 7638, SHA-256, base64url) of the key that signed this request with this token."""
    if not proof:
        return MISSING
    if len(proof) > MAX_TEXT:
        return WRONG
    try:
        head = jws.extract_compact(proof.encode()).headers()
        key = public_key(head["jwk"])
        claims = jwt.decode(proof, key, algorithms=[ALGORITHM]).claims
        if head.get("typ") != TYPE or claims["htm"] != method or claims["ath"] != hash_of(token):
            return WRONG
        if urlsplit(str(claims["htu"])).path != path:
            return WRONG
        made_at = float(claims["iat"])
    except (JoseError, ValueError, KeyError, TypeError, AttributeError):
        return WRONG
    return key.thumbprint() if abs(now.timestamp() - made_at) <= GOOD_FOR.total_seconds() else CLOCK


def public_key(jwk: dict[str, Any]) -> ECKey:
    """Raises ValueError for what is no public P-256 key."""
    try:
        if (jwk["kty"], jwk["crv"]) != ("EC", "P-256") or "d" in jwk:
            raise ValueError("a device has a P-256 key, and keeps the private half to itself")
        return ECKey.import_key({name: str(jwk[name]) for name in ("kty", "crv", "x", "y")})
    except (JoseError, KeyError, TypeError) as error:
        raise ValueError("this is no public key") from error


def hash_of(token: str) -> str:
    """As a proof names its token, and PKCE (RFC 7636) its verifier: SHA-256 in base64url."""
    return base64.urlsafe_b64encode(sha256(token.encode()).digest()).rstrip(b"=").decode()
