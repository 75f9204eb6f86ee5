"""A bridge that hands mail to a server by SMTP: as `bridge.Bridge` does it over HTTP, with connections that are kept.

Kept true: what goes wrong before the mail's content was sent ends as something that surely did not happen; what goes
wrong after it as something that may have. A connection is used by one mail at a time.
"""

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

import aiosmtplib
from pydantic import BaseModel, SecretStr

from connector_kit.adapter import Stamp
from connector_kit.manifest import Manifest
from connector_kit.policy import Beat
from connector_kit.seen_calls import seen
from connector_kit.verdict import AuthFailed, Malformed, Rejected, RetryLater, Throttled, Unknown, Verdict
from connector_kit.window import Window

IDLE: Final = 8  # connections kept for the next mails


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail as it goes: `content` is the whole message, with its head. `recipient` has been checked."""

    sender: str
    recipient: str
    content: bytes = field(repr=False)


class MailAdapter(Protocol):
    """What a team writes. `taken`: the server took the mail; `said` is what it wrote, often with a queue id."""

    def encode(self, operation: str, question: BaseModel, stamp: Stamp) -> Letter: ...

    def taken(self, operation: str, said: str) -> Verdict: ...


@dataclass(frozen=True, slots=True)
class MailDoor:
    """`start_tls`: false only on a machine's own loopback. `authorities`: whose certificates count, PEM file."""

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
class MailBridge:
    manifest: Manifest
    adapter: MailAdapter
    models: Mapping[str, type[BaseModel]]
    door: MailDoor
    _idle: list[aiosmtplib.SMTP] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._tls = self.door.context()
        self._window = Window(self.manifest.limits.rate_per_s)

    async def call(self, operation: str, question: bytes, stamp: Stamp, *, beat: Beat = Beat.CALL) -> Verdict:
        return await seen(self.manifest.id, operation, self._call(operation, question, stamp))

    async def close(self) -> None:
        idle, self._idle = self._idle, []
        for server in idle:
            server.close()

    async def _call(self, operation: str, question: bytes, stamp: Stamp) -> Verdict:
        rules = self.manifest.operations[operation]
        try:
            letter = self.adapter.encode(operation, self.models[rules.question].model_validate_json(question), stamp)
        except ValueError:
            return Rejected("question_invalid")
        await self._window.enter()
        try:
            async with asyncio.timeout(rules.timeout_s):
                server = await self._envelope(letter)
                if not isinstance(server, aiosmtplib.SMTP):
                    return server
        except TimeoutError:
            return RetryLater("unreachable")
        return await self._content(operation, letter, server, rules.timeout_s)

    async def _envelope(self, letter: Letter) -> aiosmtplib.SMTP | Verdict:
        """A server that knows from whom and to whom; nothing has happened yet."""
        while True:
            kept = self._idle.pop() if self._idle else None
            server = kept
            try:
                server = server or await self._connect()
                await server.mail(letter.sender)
                await server.rcpt(letter.recipient)
                return server
            except aiosmtplib.SMTPAuthenticationError:
                return AuthFailed("smtp_login")
            except aiosmtplib.SMTPResponseException as error:
                if server:
                    server.close()
                return _refused(error.code)
            except (aiosmtplib.SMTPException, OSError):
                if server:
                    server.close()
                if not kept:  # a kept connection may have grown old: a fresh one says how it is
                    return RetryLater("unreachable")

    async def _connect(self) -> aiosmtplib.SMTP:
        door, timeout_s = self.door, self.manifest.connect_timeout_s
        server = aiosmtplib.SMTP(
            hostname=door.host,
            port=door.port,
            timeout=timeout_s,
            start_tls=door.start_tls,
            tls_context=self._tls,
        )
        await server.connect()
        if door.user:
            await server.login(door.user, door.password.get_secret_value())
        return server

    async def _content(self, operation: str, letter: Letter, server: aiosmtplib.SMTP, timeout_s: float) -> Verdict:
        try:
            async with asyncio.timeout(timeout_s):
                answer = await server.data(letter.content)
        except aiosmtplib.SMTPResponseException as error:
            server.close()
            return _refused(error.code)
        except (aiosmtplib.SMTPException, OSError, TimeoutError):
            server.close()
            return Unknown("no_answer")
        except BaseException:
            server.close()
            raise
        if len(self._idle) < IDLE:
            self._idle.append(server)
        else:
            server.close()
        return self.adapter.taken(operation, str(answer.message))


def _refused(code: int) -> Verdict:
    """What a server's reply means (RFC 5321, 4.2): 4yz is not now, 5yz is never."""
    match code:
        case 421 | 450 | 451 | 452:
            return Throttled() if code == 450 else RetryLater(f"smtp_{code}")
        case 530 | 534 | 535 | 538:
            return AuthFailed(f"smtp_{code}")
        case code if 400 <= code < 500:
            return RetryLater(f"smtp_{code}")
        case code if 500 <= code < 600:
            return Rejected(f"smtp_{code}")
    return Malformed(f"smtp_{code}")
