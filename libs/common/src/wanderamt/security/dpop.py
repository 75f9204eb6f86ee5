"""DPoP (RFC 9449): proof that the holder of a device's key made a request.

Invariants: a token bound to a key is valid only together with a fresh proof by that key for this very request. A proof
may be replayed within PROOF_LIFETIME, on purpose: requests are idempotent here, so no list of used proofs is kept. Only
the path of the address is compared: a proxy that terminates TLS changes the rest.
"""

import base64
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final
from urllib.parse import urlsplit

from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from wanderamt.kernel.refusal import Refusal, RefusalKind

ALGORITHM: Final = "ES256"
TYPE: Final = "dpop+jwt"
PROOF_LIFETIME: Final = timedelta(minutes=5)
MAX_PROOF_LENGTH: Final = 4000

MISSING = Refusal(
    "proof.missing",
    "This token is valid only with a DPoP proof of its device. Send the DPoP header.",
    RefusalKind.UNAUTHENTICATED,
)
WRONG = Refusal(
    "proof.wrong", "The DPoP proof does not match this request. Create a new one.", RefusalKind.UNAUTHENTICATED
)
CLOCK = Refusal(
    "proof.clock",
    "The clock of the device is wrong. Take the time from the Date header of this response.",
    RefusalKind.UNAUTHENTICATED,
)


def verify_dpop_proof(proof: str, *, method: str, path: str, token: str, now: datetime) -> str | Refusal:
    """The thumbprint (RFC 7638, SHA-256, base64url) of the key that signed this request and this token."""
    if not proof:
        return MISSING
    if len(proof) > MAX_PROOF_LENGTH:
        return WRONG
    try:
        header = jws.extract_compact(proof.encode()).headers()
        key = public_key(header["jwk"])
        claims = jwt.decode(proof, key, algorithms=[ALGORITHM]).claims
        if header.get("typ") != TYPE or claims["htm"] != method or claims["ath"] != sha256_base64url(token):
            return WRONG
        if urlsplit(str(claims["htu"])).path != path:
            return WRONG
        made_at = float(claims["iat"])
    except (JoseError, ValueError, KeyError, TypeError, AttributeError):
        return WRONG
    return key.thumbprint() if abs(now.timestamp() - made_at) <= PROOF_LIFETIME.total_seconds() else CLOCK


def public_key(jwk: dict[str, Any]) -> ECKey:
    """Raises ValueError if `jwk` is not a public P-256 key."""
    try:
        if (jwk["kty"], jwk["crv"]) != ("EC", "P-256") or "d" in jwk:
            raise ValueError("a device has a P-256 key and sends only its public half")
        return ECKey.import_key({name: str(jwk[name]) for name in ("kty", "crv", "x", "y")})
    except (JoseError, KeyError, TypeError) as error:
        raise ValueError("this is not a public key") from error


def sha256_base64url(token: str) -> str:
    """SHA-256 in base64url without padding: how a DPoP proof names its token, and PKCE (RFC 7636) its verifier."""
    return base64.urlsafe_b64encode(sha256(token.encode()).digest()).rstrip(b"=").decode()
