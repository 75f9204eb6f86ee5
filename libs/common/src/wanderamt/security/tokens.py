"""Access tokens: signed JWTs (ES256) that name a clerk, their roles and, in the field, the device and the stand.

Kept true: a token is accepted only when signature, issuer, audience and time all hold; `alg` is fixed here, never
taken from the token. One that is bound to a key (`cnf`, RFC 7800) counts with a proof of that key alone.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from wanderamt.kernel.refusal import Ground, Refusal
from wanderamt.security.roles import Role

ALGORITHM = "ES256"
ISSUER = "wanderamt"
LEEWAY_S = 30

INVALID = Refusal("token.invalid", "The token is not valid here. Sign in again.", Ground.UNAUTHENTICATED)
EXPIRED = Refusal(
    "token.expired", "The token has run out. Sign in again; nothing on the device is lost.", Ground.UNAUTHENTICATED
)
MISSING = Refusal("token.missing", "Send a token: 'Authorization: Bearer …'.", Ground.UNAUTHENTICATED)
WRONG_ROLE = Refusal(
    "role.missing", "Your roles do not allow this. Ask the operator for the right one.", Ground.FORBIDDEN
)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who speaks. `subject` is the officer's account; `device_id` and `stand_id` are set on tokens for the field.

    `bound_to`: thumbprint of the key of which a proof must come with the token; None: whoever has it may use it.
    """

    subject: str
    roles: frozenset[Role]
    device_id: UUID | None = None
    stand_id: UUID | None = None
    bound_to: str | None = None


class TokenSigner:
    """Makes tokens with the private key (PEM): the city's sign-in, and intake for its own field devices."""

    def __init__(self, private_pem: str) -> None:
        self._key = ECKey.import_key(private_pem)

    @property
    def public_pem(self) -> str:
        return self._key.as_pem(private=False).decode()

    def sign(self, caller: Caller, *, audience: str, now: datetime, lifetime: timedelta) -> str:
        claims: dict[str, object] = {
            "iss": ISSUER,
            "aud": audience,
            "sub": caller.subject,
            "roles": sorted(caller.roles),
            "iat": int(now.timestamp()),
            "exp": int((now + lifetime).timestamp()),
        }
        if caller.device_id:
            claims["device"] = str(caller.device_id)
        if caller.stand_id:
            claims["stand"] = str(caller.stand_id)
        if caller.bound_to:
            claims["cnf"] = {"jkt": caller.bound_to}
        return jwt.encode({"alg": ALGORITHM}, claims, self._key, algorithms=[ALGORITHM])


class TokenReader:
    """Checks tokens for one audience (the service's own name) with the public keys (PEM) of those who may make them."""

    def __init__(self, *public_pems: str, audience: str) -> None:
        self._keys = [ECKey.import_key(pem) for pem in public_pems]
        self._audience = audience

    def read(self, token: str, *, now: datetime) -> Caller | Refusal:
        read: Caller | Refusal = INVALID
        for key in self._keys:
            read = self._read(token, key, now=now)
            if read is not INVALID:
                return read
        return read

    def _read(self, token: str, key: ECKey, *, now: datetime) -> Caller | Refusal:
        try:
            claims = jwt.decode(token, key, algorithms=[ALGORITHM]).claims
            if claims["iss"] != ISSUER or claims["aud"] != self._audience:
                return INVALID
            if float(claims["exp"]) + LEEWAY_S < now.timestamp():
                return EXPIRED
            return Caller(
                subject=str(claims["sub"]),
                roles=frozenset(Role(role) for role in claims["roles"]),
                device_id=UUID(claims["device"]) if "device" in claims else None,
                stand_id=UUID(claims["stand"]) if "stand" in claims else None,
                bound_to=str(claims["cnf"]["jkt"]) if "cnf" in claims else None,
            )
        except (JoseError, ValueError, KeyError, TypeError, AttributeError):
            return INVALID


def new_key_pair() -> tuple[str, str]:
    """A fresh P-256 key as (private PEM, public PEM)."""
    key = ECKey.generate_key("P-256")
    return key.as_pem(private=True).decode(), key.as_pem(private=False).decode()
