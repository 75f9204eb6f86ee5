"""A simulated mail server on a real socket. Needs the extra `server`.

Invariants: it accepts the same mail twice, as mail servers do, and counts by Message-ID, so that duplicates are
visible.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from pydantic import Field

from connector_kit.testing.simulator import FaultConfig, LatencySimulator

try:
    from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session
except ImportError as error:
    raise ImportError("install wanderamt-connector-kit[server]") from error

KEEP_MAILS = 100_000


class SmtpFaults(FaultConfig):
    """`apply_then_timeout_share`: accepts the mail, then sends nothing for `hang_s`."""

    latency_s: float = Field(0.0, ge=0)
    refused_recipients: list[str] = Field([], description="Answered with 550: no such mailbox.")


class SmtpSimulator(LatencySimulator[SmtpFaults]):
    """`folder`: where mails are stored as files; without it they are only counted. `last`: the newest mail."""

    def __init__(
        self,
        *,
        folder: Path | None = None,
        tls: ssl.SSLContext | None = None,
        login: tuple[str, str] | None = None,
        faults: SmtpFaults | None = None,
        seed: int = 1,
    ) -> None:
        super().__init__(faults=faults or SmtpFaults(), seed=seed)
        self.folder, self._tls, self._login = folder, tls, login
        self.last: EmailMessage | None = None
        self._connections: set[asyncio.BaseTransport] = set()
        if folder:
            folder.mkdir(parents=True, exist_ok=True)

    def report(self) -> dict[str, Any]:
        return {**super().report(), "mails": dict(self.call_log.effects)}

    @asynccontextmanager
    async def serve(self, host: str, port: int) -> AsyncIterator[int]:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(self._session, host, port)
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()
            for connection in list(self._connections):
                connection.close()
            with suppress(TimeoutError):
                await asyncio.wait_for(server.wait_closed(), 1)

    def _session(self) -> SMTP:
        simulator = self

        class Counted(SMTP):
            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                simulator._connections.add(transport)
                super().connection_made(transport)

            def connection_lost(self, error: Exception | None) -> None:
                simulator._connections = {
                    connection for connection in simulator._connections if not connection.is_closing()
                }
                super().connection_lost(error)

        return Counted(
            self,
            hostname="post.example",
            tls_context=self._tls,
            require_starttls=self._tls is not None,
            authenticator=self._authenticate if self._login else None,
            auth_required=self._login is not None,
            enable_SMTPUTF8=False,
            data_size_limit=10 * 1024 * 1024,
        )

    def _authenticate(
        self, _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: Any
    ) -> AuthResult:
        credentials = (data.login.decode(), data.password.decode())
        return AuthResult(success=credentials == self._login and not self.faults.auth_fails, handled=False)

    async def handle_MAIL(  # noqa: N802 -- aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if self.faults.down:
            return "421 4.3.2 down for maintenance"
        if self.over_limit():
            return "450 4.7.0 too many"
        envelope.mail_from = address
        return "250 2.1.0 OK"

    async def handle_RCPT(  # noqa: N802
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if address in self.faults.refused_recipients:
            return "550 5.1.1 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        content = envelope.content
        raw = content.encode() if isinstance(content, str) else content or b""
        mail = message_from_bytes(raw, policy=policy.default)
        mail_id = str(mail["Message-ID"]).strip("<>")
        with self.counting(mail_id):
            await asyncio.sleep(self.latency_s())
            if self.faults.fail_next:
                self.faults.fail_next -= 1
                return "451 4.3.0 try again"
            if self.chance(self.faults.error_share):
                return "451 4.3.0 try again"
            self._accept(mail_id, raw, mail)
            if self.chance(self.faults.apply_then_timeout_share):
                await asyncio.sleep(self.faults.hang_s)
        return f"250 2.0.0 accepted as {self.call_log.effects.total()}"

    def _accept(self, mail_id: str, raw: bytes, mail: Any) -> None:
        self.call_log.effects[mail_id] += 1
        self.last = mail
        if self.folder and self.call_log.effects.total() <= KEEP_MAILS:
            name = f"{mail_id.split('@', maxsplit=1)[0]}-{self.call_log.effects[mail_id]}.eml"
            (self.folder / Path(name).name).write_bytes(raw)
