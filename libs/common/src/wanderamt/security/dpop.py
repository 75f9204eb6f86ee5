"""DPoP (RFC 9449): proof that the holder of a device's key made a request.

Invariants: a token bound to a key is valid only together with a proof by that key for this very request, made within
MAX_AGE and not used before (`digest` identifies the proof; backbone.persistence.used_proofs remembers it). The proof
names one of the service's own public addresses: what a client writes into its Host header decides nothing.
"""

import base64
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, Final
from urllib.parse import urlsplit

from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from wanderamt.kernel.refusal import Refusal, RefusalKind
from wanderamt.security.numeric_date import numeric_date

ALGORITHM: Final = "ES256"
TYPE: Final = "dpop+jwt"
# A device signs before it sends, and gives up a request after 20 s on a slow link, which a proxy may collect first.
MAX_AGE: Final = timedelta(seconds=60)
# The device takes its time from the Date header. If sending took 20 s and the response none, it is 10 s ahead.
MAX_AHEAD: Final = timedelta(seconds=30)
KEPT_AFTER: Final = timedelta(seconds=60)  # a used proof is remembered longer than the clocks of two processes differ
MAX_PROOF_LENGTH: Final = 4000
ANY_PORT: Final = "*"  # in a public address of the own machine
LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})
DEFAULT_PORTS: Final = {"https": "443", "http": "80"}

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
    "The clock of the device is wrong, or the request took too long. Take the time from the Date header of this "
    "response and create a new proof.",
    RefusalKind.UNAUTHENTICATED,
)
USED = Refusal(
    "proof.used",
    "This DPoP proof was used before. Create a new one for each request, also for one that you repeat.",
    RefusalKind.UNAUTHENTICATED,
)
OTHER_ADDRESS = Refusal(
    "proof.address",
    "The DPoP proof is for another address. Use the public address of this service; its operator lists it in "
    "WANDERAMT_PUBLIC_ADDRESSES.",
    RefusalKind.UNAUTHENTICATED,
)


@dataclass(frozen=True, slots=True)
class DpopProof:
    """A valid proof. `thumbprint`: of its key (RFC 7638, SHA-256, base64url). `digest`: the same for each proof with
    this key and `jti`. `expires_at`: from then on it is refused because of its age, in any case."""

    thumbprint: str
    digest: bytes
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Origin:
    """Scheme, host and port as RFC 6454 compares them."""

    scheme: str
    host: str
    port: str

    @classmethod
    def parse(cls, address: str) -> "Origin":
        """Raises ValueError for anything but http(s)://host or http(s)://host:port."""
        parts = urlsplit(address)
        scheme = parts.scheme.lower()
        if scheme not in DEFAULT_PORTS or not parts.netloc or "@" in parts.netloc:
            raise ValueError("an address is https://host or https://host:port")
        host, colon, port = parts.netloc.lower().rpartition(":")
        if not colon or port.endswith("]"):  # no port, or the end of an IPv6 address
            host, port = parts.netloc.lower(), ""
        return cls(scheme, host, port or DEFAULT_PORTS[scheme])

    def includes(self, other: "Origin") -> bool:
        return (self.scheme, self.host) == (other.scheme, other.host) and self.port in {ANY_PORT, other.port}


def parse_public_address(address: str) -> Origin:
    """An address under which clients reach a service. The port may be * on this machine, for local runs.

    Raises ValueError.
    """
    origin = Origin.parse(address)
    parts = urlsplit(address)
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError("an address has no path: a service is at the root of its address")
    if origin.port == ANY_PORT and origin.host not in LOOPBACK:
        raise ValueError("only an address of this machine may have any port")
    if origin.port != ANY_PORT and not (origin.port.isascii() and origin.port.isdecimal()):
        raise ValueError("the port is not a number")
    return origin


def verify_dpop_proof(
    proof: str, *, method: str, path: str, token: str, now: datetime, addresses: Collection[Origin]
) -> DpopProof | Refusal:
    """Whether the proof is for this request and this token; not whether it was used before.

    `path`: of the request as it was sent, percent-encoded, without query. `addresses`: of the service.
    """
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
        address, jti, made_at = claims["htu"], claims["jti"], numeric_date(claims["iat"])
        if not jti or not isinstance(jti, str) or urlsplit(address).path != path:
            return WRONG
        origin = Origin.parse(address)
        thumbprint = key.thumbprint()
        digest = sha256(f"{thumbprint}.{jti}".encode()).digest()
    except (JoseError, ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        return WRONG
    if not any(own.includes(origin) for own in addresses):
        return OTHER_ADDRESS
    if not -MAX_AHEAD.total_seconds() <= now.timestamp() - made_at <= MAX_AGE.total_seconds():
        return CLOCK
    return DpopProof(thumbprint, digest, datetime.fromtimestamp(made_at, UTC) + MAX_AGE + KEPT_AFTER)


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
