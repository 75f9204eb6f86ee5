"""A bridge that sends e-mail by SMTP: the counterpart of `bridge.Bridge`, with reused connections.

Invariants: an error before the content of the mail was sent means certainly not executed; an error after it means
possibly executed. A connection carries one mail at a time.
"""

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from pydantic import BaseModel, SecretStr

from connector_kit.adapter import CallContext
from connector_kit.call_outcome import (
    QUESTION_INVALID,
    AuthFailed,
    CallOutcome,
    PossiblyExecuted,
    Rejected,
    TemporarilyUnavailable,
    Throttled,
    UnreadableResponse,
)
from connector_kit.call_telemetry import instrument
from connector_kit.manifest.manifest import Manifest
from connector_kit.resilience.call_pacer import CallPacer
from connector_kit.resilience.policy import CallKind

try:
    import aiosmtplib
except ImportError as error:
    raise ImportError("install wanderamt-connector-kit[smtp]") from error

MAX_IDLE_CONNECTIONS: Final = 8  # idle connections kept for the next mails


@dataclass(frozen=True, slots=True)
class OutgoingEmail:
    """`content`: the complete message with its headers. `recipient`: a validated address."""

    sender: str
    recipient: str
    content: bytes = field(repr=False)


class SmtpAdapter(Protocol):
    """What a team writes. `accepted`: the server accepted the mail; `reply` is its text, often with a queue id."""

    def encode(self, operation: str, question: BaseModel, context: CallContext) -> OutgoingEmail: ...

    def accepted(self, operation: str, reply: str) -> CallOutcome: ...


@dataclass(frozen=True, slots=True)
class SmtpTarget:
    """`start_tls`: false only on the local machine. `authorities`: PEM file of trusted certificate authorities."""

    host: str
    port: int
    user: str = ""
    password: SecretStr = field(default_factory=lambda: SecretStr(""))
    start_tls: bool = True
    authorities: str = ""

    def context(self) -> ssl.SSLContext | None:
        if not self.start_tls:
            return None
        return ssl.create_default_context(cafile=self.authorities or None)


@dataclass
class SmtpBridge:
    manifest: Manifest
    adapter: SmtpAdapter
    models: Mapping[str, type[BaseModel]]
    target: SmtpTarget
    _idle: list[aiosmtplib.SMTP] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._tls = self.target.context()
        self._pacer = CallPacer(self.manifest.limits.rate_per_s)

    async def call(
        self, operation: str, question: bytes, context: CallContext, *, kind: CallKind = CallKind.EXECUTE
    ) -> CallOutcome:
        return await instrument(self.manifest.id, operation, self._call(operation, question, context))

    async def close(self) -> None:
        idle, self._idle = self._idle, []
        for server in idle:
            server.close()

    async def _call(self, operation: str, question: bytes, context: CallContext) -> CallOutcome:
        rules = self.manifest.operations[operation]
        try:
            email = self.adapter.encode(operation, self.models[rules.question].model_validate_json(question), context)
        except ValueError:
            return QUESTION_INVALID
        await self._pacer.wait_for_turn()
        try:
            async with asyncio.timeout(rules.timeout_s):
                server = await self._envelope(email)
                if not isinstance(server, aiosmtplib.SMTP):
                    return server
        except TimeoutError:
            return TemporarilyUnavailable("unreachable")
        return await self._content(operation, email, server, rules.timeout_s)

    async def _envelope(self, email: OutgoingEmail) -> aiosmtplib.SMTP | CallOutcome:
        """A server that accepted sender and recipient; nothing has been sent yet."""
        while True:
            kept = self._idle.pop() if self._idle else None
            server = kept
            try:
                server = server or await self._connect()
                await server.mail(email.sender)
                await server.rcpt(email.recipient)
                return server
            except aiosmtplib.SMTPAuthenticationError:
                return AuthFailed("smtp_login")
            except aiosmtplib.SMTPResponseException as error:
                if server:
                    server.close()
                return _outcome_of_code(error.code)
            except UnicodeError:  # an address that no server can be told
                if server:
                    server.close()
                return QUESTION_INVALID
            except (aiosmtplib.SMTPException, OSError):
                if server:
                    server.close()
                if not kept:  # an idle connection may have timed out: try a new one
                    return TemporarilyUnavailable("unreachable")

    async def _connect(self) -> aiosmtplib.SMTP:
        target, timeout_s = self.target, self.manifest.connect_timeout_s
        server = aiosmtplib.SMTP(
            hostname=target.host,
            port=target.port,
            timeout=timeout_s,
            start_tls=target.start_tls,
            tls_context=self._tls,
        )
        await server.connect()
        if target.user:
            await server.login(target.user, target.password.get_secret_value())
        return server

    async def _content(
        self, operation: str, email: OutgoingEmail, server: aiosmtplib.SMTP, timeout_s: float
    ) -> CallOutcome:
        try:
            async with asyncio.timeout(timeout_s):
                answer = await server.data(email.content)
        except aiosmtplib.SMTPResponseException as error:
            server.close()
            return _outcome_of_code(error.code)
        except (aiosmtplib.SMTPException, OSError, TimeoutError):
            server.close()
            return PossiblyExecuted("no_answer")
        except BaseException:
            server.close()
            raise
        if len(self._idle) < MAX_IDLE_CONNECTIONS:
            self._idle.append(server)
        else:
            server.close()
        return self.adapter.accepted(operation, str(answer.message))


def _outcome_of_code(code: int) -> CallOutcome:
    """The outcome of an SMTP reply code (RFC 5321, 4.2): 4yz is temporary, 5yz is permanent."""
    match code:
        case 421 | 450 | 451 | 452:
            return Throttled() if code == 450 else TemporarilyUnavailable(f"smtp_{code}")
        case 530 | 534 | 535 | 538:
            return AuthFailed(f"smtp_{code}")
        case code if 400 <= code < 500:
            return TemporarilyUnavailable(f"smtp_{code}")
        case code if 500 <= code < 600:
            return Rejected(f"smtp_{code}")
    return UnreadableResponse(f"smtp_{code}")
