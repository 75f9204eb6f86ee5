"""Access tokens: signed JWTs (ES256) that name a user, their roles and, in the field, the device and the stand.

Invariants: a token is accepted only if signature, issuer, audience and times are all valid; `alg` is fixed here and
never taken from the token. None is accepted for longer than the longest allowed lifetime, whatever its signer wrote. A
token bound to a key (`cnf`, RFC 7800) is valid only with a proof by that key. The key of field sessions signs nothing
but sessions: of a clerk, on one device, at one stand, bound to the device's key.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from wanderamt.kernel.refusal import Refusal, RefusalKind
from wanderamt.security.numeric_date import numeric_date
from wanderamt.security.roles import Role

ALGORITHM = "ES256"
ISSUER = "wanderamt"
LEEWAY_S = 30
MAX_VERIFIED = 4096
MAX_LIFETIME: Final = timedelta(hours=12)  # a shift

INVALID = Refusal("token.invalid", "The token is not valid here. Sign in again.", RefusalKind.UNAUTHENTICATED)
EXPIRED = Refusal(
    "token.expired", "The token has expired. Sign in again; no data on the device is lost.", RefusalKind.UNAUTHENTICATED
)
NOT_YET = Refusal(
    "token.not_yet",
    "The token is valid only later. Sign in again; if that does not help, the clock of the sign-in is wrong.",
    RefusalKind.UNAUTHENTICATED,
)
TOO_LONG = Refusal(
    "token.lifetime",
    "The token is valid for longer than this service allows. Sign in again; the operator sets the lifetime of tokens "
    "at the sign-in.",
    RefusalKind.UNAUTHENTICATED,
)
MISSING = Refusal("token.missing", "Send a token: 'Authorization: Bearer …'.", RefusalKind.UNAUTHENTICATED)
WRONG_ROLE = Refusal(
    "role.missing", "Your roles do not allow this. Ask the operator for the right one.", RefusalKind.FORBIDDEN
)


@dataclass(frozen=True, slots=True)
class Principal:
    """The caller. `subject` is the officer's account; `device_id` and `stand_id` are set on tokens of field devices.

    `key_thumbprint`: the request must carry a proof by this key; None: the token alone is enough. `session_id`: of a
    session on a device. `reason`: what the caller wrote for this request, see `security.policy`.
    """

    subject: str
    roles: frozenset[Role]
    device_id: UUID | None = None
    stand_id: UUID | None = None
    key_thumbprint: str | None = None
    session_id: UUID | None = None
    reason: str = ""


class VerifiedToken(NamedTuple):
    """Times in Unix seconds, without leeway. `issued_at`: the sign-in signed it."""

    principal: Principal
    issued_at: float
    valid_from: float
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
        if principal.session_id:
            claims["sid"] = str(principal.session_id)
        return jwt.encode({"alg": ALGORITHM}, claims, self._key, algorithms=[ALGORITHM])


class TokenVerifier:
    """Checks tokens for one audience (the service's own name) with the public keys (PEM) of the trusted signers.

    `session_pems`: keys that sign field sessions and nothing else. `max_lifetime`: of the other tokens; a session lasts
    MAX_LIFETIME at most. The signature of a token is checked once, its times at each request: a device sends one token
    for hours.
    """

    def __init__(
        self,
        *public_pems: str,
        audience: str,
        session_pems: Collection[str] = (),
        max_lifetime: timedelta = MAX_LIFETIME,
    ) -> None:
        self._keys = [ECKey.import_key(pem) for pem in public_pems]
        self._session_keys = [ECKey.import_key(pem) for pem in session_pems]
        self._audience = audience
        self._max_lifetime = max_lifetime
        self._verified: dict[str, VerifiedToken] = {}

    def verify(self, token: str, *, now: datetime) -> Principal | Refusal:
        verified = self._verified.get(token) or self._verify(token)
        if isinstance(verified, Refusal):
            return verified
        if verified.expires_at + LEEWAY_S < now.timestamp():
            self._verified.pop(token, None)
            return EXPIRED
        if verified.valid_from - LEEWAY_S > now.timestamp():
            return NOT_YET
        if len(self._verified) >= MAX_VERIFIED:
            self._verified.clear()
        self._verified[token] = verified
        return verified.principal

    def _verify(self, token: str) -> VerifiedToken | Refusal:
        for key in self._keys:
            if verified := self._verify_with(key, token):
                return _limited(verified, self._max_lifetime)
        for key in self._session_keys:
            if (verified := self._verify_with(key, token)) and _is_session(verified.principal):
                return _limited(verified, MAX_LIFETIME)
        return INVALID

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
                key_thumbprint=_thumbprint(claims["cnf"]) if "cnf" in claims else None,
                session_id=UUID(claims["sid"]) if "sid" in claims else None,
            )
            issued_at = numeric_date(claims["iat"])
            valid_from = max(issued_at, numeric_date(claims["nbf"]) if "nbf" in claims else issued_at)
            return VerifiedToken(principal, issued_at, valid_from, numeric_date(claims["exp"]))
        except (JoseError, ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
            return None


def _thumbprint(confirmation: Any) -> str:
    """Raises ValueError for an empty one: the token would count as not bound."""
    if not (thumbprint := str(confirmation["jkt"])):
        raise ValueError("the token is bound to no key")
    return thumbprint


def _limited(verified: VerifiedToken, max_lifetime: timedelta) -> VerifiedToken | Refusal:
    return TOO_LONG if verified.expires_at - verified.issued_at > max_lifetime.total_seconds() else verified


def _is_session(principal: Principal) -> bool:
    bound = principal.device_id and principal.stand_id and principal.key_thumbprint
    return bool(bound) and principal.roles == {Role.CLERK}


def generate_key_pair() -> tuple[str, str]:
    """A new P-256 key as (private PEM, public PEM)."""
    key = ECKey.generate_key("P-256")
    return key.as_pem(private=True).decode(), key.as_pem(private=False).decode()
