"""Sending: through a real SMTP server and a real HTTP gateway on sockets."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
import uvicorn
from aiosmtpd.controller import Controller
from notifications.domain.notice import Failed, Sent, Unknown
from notifications.providers.simulators import Letterbox, SmsPhone
from notifications.providers.sms import SmsGateway
from notifications.providers.smtp import MailServer
from notifications.providers.texts import Texts
from wanderamt.contracts import Channel, Language, NoticeKind
from wanderamt.kernel.decision import Retry
from wanderamt_local.state import free_port


def mail_server(port: int, *, timeout_s: float = 2) -> MailServer:
    return MailServer(
        "127.0.0.1", port, sender="a@linz.example", user="", password="", start_tls=False, timeout_s=timeout_s
    )


@pytest_asyncio.fixture
async def phone(tmp_path: Path) -> AsyncIterator[tuple[SmsPhone, int]]:
    phone = SmsPhone("key", Letterbox(tmp_path))
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(phone.app, host="127.0.0.1", port=port, log_level="warning"))
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    yield phone, port
    server.should_exit = True
    await serving


def gateway(port: int, key: str = "key") -> SmsGateway:
    return SmsGateway(f"http://127.0.0.1:{port}/messages", key=key, sender="Stadt Linz", timeout_s=2, slots=2)


async def test_the_same_sms_twice_reaches_the_phone_once(phone: tuple[SmsPhone, int]) -> None:
    simulator, port = phone
    sms = gateway(port)
    assert await sms.send("n1", to="+43660555001", text="Hallo") == Sent("sms-gateway")
    assert await sms.send("n1", to="+43660555001", text="Hallo") == Sent("sms-gateway")
    assert list(simulator.messages) == ["n1"]


async def test_a_busy_gateway_is_asked_again_when_it_says_and_a_refusal_is_final(phone: tuple[SmsPhone, int]) -> None:
    simulator, port = phone
    simulator.fail_next = 1
    again = await gateway(port).send("n2", to="+43660555001", text="Hallo")
    assert isinstance(again, Retry)
    assert again.after_s == 1.0
    assert isinstance(await gateway(port, "wrong").send("n3", to="+43660555001", text="Hallo"), Failed)
    assert isinstance(await gateway(free_port()).send("n4", to="+43660555001", text="Hallo"), Retry)


async def test_a_mail_arrives_whole_at_a_real_smtp_server(tmp_path: Path) -> None:
    letterbox, port = Letterbox(tmp_path), free_port()
    server = Controller(letterbox, hostname="127.0.0.1", port=port)
    server.start()
    try:
        sent = await mail_server(port).send("n1", to="zoe@mail.example", subject="Fertig: Ä", body="Guten Tag\n")
    finally:
        server.stop()
    assert sent == Sent("smtp")
    assert dict(letterbox.received) == {"n1@linz.example": 1}


async def test_a_mail_server_that_takes_the_mail_and_says_nothing_ends_as_unknown() -> None:
    port = free_port()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 hello\r\n")
        with contextlib.suppress(ConnectionError):
            while line := await reader.readline():
                if line.strip() == b".":
                    break  # the mail is here; now silence
                if line[:4].upper() in {b"EHLO", b"MAIL", b"RCPT"}:
                    writer.write(b"250 ok\r\n")
                if line[:4].upper() == b"DATA":
                    writer.write(b"354 go\r\n")
            await asyncio.sleep(3)
        writer.close()

    async with await asyncio.start_server(talk, "127.0.0.1", port):
        outcome = await mail_server(port, timeout_s=1).send("n1", to="a@b.example", subject="s", body="b\n")
    assert isinstance(outcome, Unknown)
    assert isinstance(await mail_server(free_port()).send("n1", to="a@b.example", subject="s", body="b\n"), Retry)


@pytest.mark.parametrize("language", list(Language))
@pytest.mark.parametrize("kind", list(NoticeKind))
def test_an_sms_holds_no_link_and_fits_one_segment(kind: NoticeKind, language: Language) -> None:
    text = Texts().render(kind, Channel.SMS, language, reference="MB-2026-000001").body
    assert "http" not in text
    assert len(text) <= 160
