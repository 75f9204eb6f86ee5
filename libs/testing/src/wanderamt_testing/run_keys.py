"""The keys of one test run, and callers with a token signed by them."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import httpx
from wanderamt.backbone.environment import utc_now
from wanderamt.security.roles import Role
from wanderamt.security.tokens import Principal, TokenSigner
from wanderamt.shell.service import Service
from wanderamt_local.state import Secrets

TOKEN_LIFETIME = timedelta(minutes=5)


@dataclass(frozen=True)
class RunKeys:
    """The keys of one test run, and tokens signed with them."""

    secrets: Secrets

    @property
    def public_key(self) -> str:
        return self.secrets.token_public_key

    @property
    def encryption_key(self) -> str:
        return self.secrets.encryption_key

    def token(
        self,
        *roles: Role,
        audience: str,
        device: UUID | None = None,
        stand: UUID | None = None,
        subject: str = "tester@city",
        lifetime: timedelta = TOKEN_LIFETIME,
    ) -> str:
        caller = Principal(subject, frozenset(roles), device, stand)
        return TokenSigner(self.secrets.token_private_key).sign(
            caller, audience=audience, now=utc_now(), lifetime=lifetime
        )

    def bearer(
        self,
        *roles: Role,
        audience: str,
        device: UUID | None = None,
        stand: UUID | None = None,
        subject: str = "tester@city",
        lifetime: timedelta = TOKEN_LIFETIME,
    ) -> dict[str, str]:
        """The header of a caller with these roles."""
        token = self.token(*roles, audience=audience, device=device, stand=stand, subject=subject, lifetime=lifetime)
        return {"Authorization": f"Bearer {token}"}

    def client(
        self,
        service: Service,
        *roles: Role,
        audience: str,
        device: UUID | None = None,
        stand: UUID | None = None,
        subject: str = "tester@city",
    ) -> httpx.AsyncClient:
        """A client of the service's HTTP API, without a socket. Without roles: without a token."""
        hour = timedelta(hours=1)
        headers = (
            self.bearer(*roles, audience=audience, device=device, stand=stand, subject=subject, lifetime=hour)
            if roles
            else {}
        )
        transport = httpx.ASGITransport(service.context.http)
        return httpx.AsyncClient(transport=transport, base_url=f"http://{audience}.test", headers=headers)
