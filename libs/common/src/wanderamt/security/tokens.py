"""Access tokens: signed JWTs (ES256) that name a user, their roles and, in the field, the device and the stand.

Invariants: a token is accepted only if signature, issuer, audience and expiry are all valid; `alg` is fixed here and
never taken from the token. A token bound to a key (`cnf`, RFC 7800) is valid only with a proof by that key.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from wanderamt.kernel.refusal import Refusal, RefusalKind
from wanderamt.security.roles import Role

ALGORITHM = "ES256"
ISSUER = "wanderamt"
LEEWAY_S = 30
MAX_VERIFIED = 4096

INVALID = Refusal("token.invalid", "The token is not valid here. Sign in again.", RefusalKind.UNAUTHENTICATED)
EXPIRED = Refusal(
    "token.expired", "The token has expired. Sign in again; no data on the device is lost.", RefusalKind.UNAUTHENTICATED
)
MISSING = Refusal("token.missing", "Send a token: 'Authorization: Bearer …'.", RefusalKind.UNAUTHENTICATED)
WRONG_ROLE = Refusal(
    "role.missing", "Your roles do not allow this. Ask the operator for the right one.", RefusalKind.FORBIDDEN
)


@dataclass(frozen=True, slots=True)
class Principal:
    """The caller. `subject` is the officer's account; `device_id` and `stand_id` are set on tokens of field devices.

    `key_thumbprint`: the request must carry a proof by this key; None: the token alone is enough.
    """

    subject: str
    roles: frozenset[Role]
    device_id: UUID | None = None
    stand_id: UUID | None = None
    key_thumbprint: str | None = None


class VerifiedToken(NamedTuple):
    """`expires_at`: Unix time, without leeway."""

    principal: Principal
    expires_at: float


class TokenSigner:
    """Signs tokens with a private key (PEM): used by the city's sign-in, and by intake for its field devices."""

    def __init__(self, private_pem: str) -> None:
        self._key = ECKey.import_key(private_pem)

    @property
    def public_pem(self) -> str:
        return self._key.as_pem(private=False).decode()

    def sign(self, principal: Principal, *, audience: str, now: datetime, lifetime: timedelta) -> str:
        claims: dict[str, object] = {
            "iss": ISSUER,
            "aud": audience,
            "sub": principal.subject,
            "roles": sorted(principal.roles),
            "iat": int(now.timestamp()),
            "exp": int((now + lifetime).timestamp()),
        }
        if principal.device_id:
            claims["device"] = str(principal.device_id)
        if principal.stand_id:
            claims["stand"] = str(principal.stand_id)
        if principal.key_thumbprint:
            claims["cnf"] = {"jkt": principal.key_thumbprint}
        return jwt.encode({"alg": ALGORITHM}, claims, self._key, algorithms=[ALGORITHM])


class TokenVerifier:
    """Checks tokens for one audience (the service's own name) with the public keys (PEM) of the trusted signers.

    The signature of a token is checked once, its expiry at each request: a device sends one token for hours.
    """

    def __init__(self, *public_pems: str, audience: str) -> None:
        self._keys = [ECKey.import_key(pem) for pem in public_pems]
        self._audience = audience
        self._verified: dict[str, VerifiedToken] = {}

    def verify(self, token: str, *, now: datetime) -> Principal | Refusal:
        verified = self._verified.get(token) or self._verify(token)
        if not verified:
            return INVALID
        if verified.expires_at + LEEWAY_S < now.timestamp():
            self._verified.pop(token, None)
            return EXPIRED
        if len(self._verified) >= MAX_VERIFIED:
            self._verified.clear()
        self._verified[token] = verified
        return verified.principal

    def _verify(self, token: str) -> VerifiedToken | None:
        return next(filter(None, (self._verify_with(key, token) for key in self._keys)), None)

    def _verify_with(self, key: ECKey, token: str) -> VerifiedToken | None:
        try:
            claims = jwt.decode(token, key, algorithms=[ALGORITHM]).claims
            if claims["iss"] != ISSUER or claims["aud"] != self._audience:
                return None
            principal = Principal(
                subject=str(claims["sub"]),
                roles=frozenset(Role(role) for role in claims["roles"]),
                device_id=UUID(claims["device"]) if "device" in claims else None,
                stand_id=UUID(claims["stand"]) if "stand" in claims else None,
                key_thumbprint=str(claims["cnf"]["jkt"]) if "cnf" in claims else None,
            )
            return VerifiedToken(principal, float(claims["exp"]))
        except (JoseError, ValueError, KeyError, TypeError, AttributeError):
            return None


def generate_key_pair() -> tuple[str, str]:
    """A new P-256 key as (private PEM, public PEM)."""
    key = ECKey.generate_key("P-256")
    return key.as_pem(private=True).decode(), key.as_pem(private=False).decode()
