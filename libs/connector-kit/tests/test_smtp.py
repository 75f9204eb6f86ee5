"""SMTP on real sockets: STARTTLS, login, reused connections, and outcomes of failures."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import pytest
import trustme
from connector_kit.adapter import CallContext
from connector_kit.call_outcome import (
    QUESTION_INVALID,
    AuthFailed,
    CallOutcome,
    PossiblyExecuted,
    Rejected,
    Succeeded,
    TemporarilyUnavailable,
    Throttled,
)
from connector_kit.manifest.manifest import Manifest
from connector_kit.testing.smtp_simulator import SmtpFaults, SmtpSimulator
from connector_kit.transports.smtp import OutgoingEmail, SmtpBridge, SmtpTarget
from pydantic import BaseModel, SecretStr


class PlainMail(BaseModel):
    to: str


class MailAccepted(BaseModel):
    reply: str


class PlainMailAdapter:
    def encode(self, operation: str, question: BaseModel, context: CallContext) -> OutgoingEmail:
        assert isinstance(question, PlainMail)
        mail = EmailMessage()
        mail["Message-ID"] = f"<{context.call_id}@linz.example>"
        mail["Subject"] = "Fertig: Ä"
        mail.set_content("Guten Tag\n")
        return OutgoingEmail("a@linz.example", question.to, mail.as_bytes())

    def accepted(self, operation: str, reply: str) -> CallOutcome:
        return Succeeded(MailAccepted(reply=reply))


MANIFEST = Manifest.model_validate(
    {
        "version": 1,
        "id": "relay",
        "owner": "a test",
        "transport": "smtp",
        "time_zone": "Europe/Vienna",
        "connect_timeout_s": 5,
        "limits": {"rate_per_s": 100, "max_concurrent_calls": 10},
        "operations": {
            "send": {
                "kind": "command",
                "idempotency": "none",
                "question": "Mail",
                "answer": "Taken",
                "timeout_s": 4,
                "deadline_s": 60,
                "purposes": ["notice"],
            }
        },
    }
)
OpenSmtp = Callable[..., AbstractAsyncContextManager[tuple[SmtpSimulator, SmtpBridge]]]


@pytest.fixture
def open_smtp(tmp_path: Path) -> OpenSmtp:
    @asynccontextmanager
    async def opened(
        *, tls: bool = False, password: str = "", **faults: float | bool
    ) -> AsyncIterator[tuple[SmtpSimulator, SmtpBridge]]:
        authority = trustme.CA()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(context)
        authorities = tmp_path / "ca.pem"
        authority.cert_pem.write_to_path(authorities)
        login = ("city", "secret") if password else None
        mail_server = SmtpSimulator(
            folder=tmp_path / "mails",
            tls=context if tls else None,
            login=login,
            faults=SmtpFaults.model_validate(faults),
        )
        async with mail_server.serve("127.0.0.1", 0) as port:
            target = SmtpTarget(
                "127.0.0.1", port, "city" if password else "", SecretStr(password), tls, str(authorities)
            )
            bridge = SmtpBridge(MANIFEST, PlainMailAdapter(), {"Mail": PlainMail, "Taken": MailAccepted}, target)
            yield mail_server, bridge
            await bridge.close()

    return opened


async def send(bridge: SmtpBridge, number: int = 1, to: str = "zoe@mail.example") -> CallOutcome:
    context = CallContext(uuid5(UUID(int=1), str(number)), "clerk", "notice")
    return await bridge.call("send", PlainMail(to=to).model_dump_json().encode(), context)


async def test_a_mail_arrives_over_starttls_with_login(open_smtp: OpenSmtp) -> None:
    async with open_smtp(tls=True, password="secret") as (mail_server, bridge):
        assert isinstance(await send(bridge), Succeeded)
        assert mail_server.last
        assert mail_server.last["Subject"] == "Fertig: Ä"
        assert mail_server.last.get_content().splitlines() == ["Guten Tag"]


async def test_an_untrusted_certificate_is_rejected(open_smtp: OpenSmtp, tmp_path: Path) -> None:
    async with open_smtp(tls=True) as (mail_server, bridge):
        trustme.CA().cert_pem.write_to_path(tmp_path / "other.pem")
        target = SmtpTarget("127.0.0.1", bridge.target.port, authorities=str(tmp_path / "other.pem"))
        stranger = SmtpBridge(MANIFEST, PlainMailAdapter(), {"Mail": PlainMail}, target)
        assert await send(stranger) == TemporarilyUnavailable("unreachable")
        assert not mail_server.call_log.calls


async def test_an_address_that_no_server_can_be_told_is_refused_and_delays_no_mail(open_smtp: OpenSmtp) -> None:
    async with open_smtp() as (mail_server, bridge):
        for number in range(3):
            assert await send(bridge, number, to="zoe@münchen.example") == QUESTION_INVALID
        assert isinstance(await send(bridge, 9), Succeeded)
        assert mail_server.call_log.calls.total() == 1


async def test_a_wrong_password_is_auth_failed(open_smtp: OpenSmtp) -> None:
    async with open_smtp(tls=True, password="wrong") as (_, bridge):
        assert await send(bridge) == AuthFailed("smtp_login")


async def test_connections_are_reused_and_a_stale_one_loses_no_mail(open_smtp: OpenSmtp) -> None:
    async with open_smtp() as (mail_server, bridge):
        for number in range(5):
            assert isinstance(await send(bridge, number), Succeeded)
        assert len(mail_server._connections) == 1
        for connection in mail_server._connections:
            connection.close()
        await asyncio.sleep(0.05)
        assert isinstance(await send(bridge, 6), Succeeded)
        assert mail_server.call_log.effects.total() == 6


@pytest.mark.parametrize(
    ("faults", "outcome"),
    [
        ({"down": True}, TemporarilyUnavailable("smtp_421")),
        ({"fail_next": 1}, TemporarilyUnavailable("smtp_451")),
        ({"refused_recipients": ["zoe@mail.example"]}, Rejected("smtp_550")),
        ({"apply_then_timeout_share": 1.0, "hang_s": 6.0}, PossiblyExecuted("no_answer")),
    ],
)
async def test_failures_say_whether_the_mail_may_have_been_sent(
    open_smtp: OpenSmtp, faults: dict[str, Any], outcome: CallOutcome
) -> None:
    async with open_smtp(**faults) as (mail_server, bridge):
        assert await send(bridge) == outcome
        assert bool(mail_server.call_log.effects) == isinstance(outcome, PossiblyExecuted)


async def test_too_many_mails_are_throttled(open_smtp: OpenSmtp) -> None:
    async with open_smtp(per_s=1) as (_, bridge):
        outcomes = [await send(bridge, number) for number in range(4)]
        assert Throttled in {type(outcome) for outcome in outcomes}
