"""What exists in the running system, so that requests reach the code behind the first checks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any
from uuid import UUID

from joserfc import jwt
from joserfc.jwk import ECKey
from uuid_utils.compat import uuid7
from wanderamt.security.dpop import sha256_base64url
from wanderamt.security.roles import Role

from wanderamt_fuzz.routes import Route

ENDING = ("/revoke", "/cancel", "/move", "/close", "/withdraw", "/abandon")
"""Routes that end the thing that their path names: they get spare things, so that the others find theirs alive."""
FRESH = frozenset({"entry_id", "hold_id", "ticket_id", "plan_id", "block_id", "till_id", "stand_ids", "case_id"})
"""Ids that callers make: half of the requests bring a new one."""


@dataclass(frozen=True, slots=True)
class Caller:
    """`token`: empty for an anonymous caller. `key`: of the device, for routes that want its proof (DPoP)."""

    title: str
    role: Role | None = None
    token: str = ""
    key: ECKey | None = field(default=None, repr=False)

    def proof(self, method: str, path: str, *, issued_at: float | str) -> str:
        """A DPoP proof of this request; `issued_at` may be hostile."""
        assert self.key
        head = {"alg": "ES256", "typ": "dpop+jwt", "jwk": self.key.as_dict(private=False)}
        claims = {
            "htm": method,
            "htu": f"http://127.0.0.1:1{path}",
            "ath": sha256_base64url(self.token),
            "iat": issued_at,
            "jti": str(uuid7()),
        }
        return jwt.encode(head, claims, self.key, algorithms=["ES256"])


@dataclass(frozen=True, slots=True)
class KnownThings:
    """Values by the name of the field or parameter that takes them. `spare`: for routes that end what they name."""

    values: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    spare: Mapping[str, Sequence[Any]] = field(default_factory=dict)

    def value(self, name: str, rng: Random, *, route: Route | None = None) -> Any:
        """None when nothing of this name is known."""
        ends = route and (route.method == "DELETE" or route.path.endswith(ENDING))
        if name in FRESH and rng.random() < 0.5:
            return str(UUID(int=rng.getrandbits(128), version=4))
        candidates = self.spare.get(name) if ends else self.values.get(name)
        return rng.choice(candidates) if candidates else None
