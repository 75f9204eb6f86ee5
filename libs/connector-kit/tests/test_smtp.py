"""Mail on real sockets: with STARTTLS and a login, kept connections, and what is known when it goes wrong."""

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
from connector_kit.adapter import Stamp
from connector_kit.manifest import Manifest
from connector_kit.smtp import Letter, MailBridge, MailDoor
from connector_kit.smtp_simulator import MailKnobs, PostOffice
from connector_kit.verdict import AuthFailed, Done, Rejected, RetryLater, Throttled, Unknown, Verdict
from pydantic import BaseModel, SecretStr


class Mail(BaseModel):
    to: str


class Taken(BaseModel):
    said: str


class Plain:
    def encode(self, operation: str, question: BaseModel, stamp: Stamp) -> Letter:
        assert isinstance(question, Mail)
        mail = EmailMessage()
        mail["Message-ID"] = f"<{stamp.call_id}@linz.example>"
        mail["Subject"] = "Fertig: Ä"
        mail.set_content("Guten Tag\n")
        return Letter("a@linz.example", question.to, mail.as_bytes())

    def taken(self, operation: str, said: str) -> Verdict:
        return Done(Taken(said=said))


MANIFEST = Manifest.model_validate(
    {
        "version": 1,
        "id": "relay",
        "owner": "a test",
        "transport": "smtp",
        "connect_timeout_s": 1,
        "limits": {"rate_per_s": 100, "concurrency": 10},
        "operations": {
            "send": {
                "kind": "command",
                "effect": "unsafe",
                "question": "Mail",
                "answer": "Taken",
                "timeout_s": 0.6,
                "deadline_s": 60,
                "purposes": ["notice"],
            }
        },
    }
)
Open = Callable[..., AbstractAsyncContextManager[tuple[PostOffice, MailBridge]]]


@pytest.fixture
def post(tmp_path: Path) -> Open:
    @asynccontextmanager
    async def opened(
        *, tls: bool = False, password: str = "", **knobs: Any
    ) -> AsyncIterator[tuple[PostOffice, MailBridge]]:
        authority = trustme.CA()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(context)
        authorities = tmp_path / "ca.pem"
        authority.cert_pem.write_to_path(authorities)
        login = ("city", "secret") if password else None
        office = PostOffice(
            folder=tmp_path / "mails", tls=context if tls else None, login=login, knobs=MailKnobs.model_validate(knobs)
        )
        async with office.serve("127.0.0.1", 0) as port:
            door = MailDoor("127.0.0.1", port, "city" if password else "", SecretStr(password), tls, str(authorities))
            bridge = MailBridge(MANIFEST, Plain(), {"Mail": Mail, "Taken": Taken}, door)
            yield office, bridge
            await bridge.close()

    return opened


async def send(bridge: MailBridge, number: int = 1, to: str = "zoe@mail.example") -> Verdict:
    stamp = Stamp(uuid5(UUID(int=1), str(number)), "clerk", "notice")
    return await bridge.call("send", Mail(to=to).model_dump_json().encode(), stamp)


async def test_a_mail_arrives_whole_over_starttls_after_a_login(post: Open) -> None:
    async with post(tls=True, password="secret") as (office, bridge):
        assert isinstance(await send(bridge), Done)
        assert office.last
        assert office.last["Subject"] == "Fertig: Ä"
        assert office.last.get_content().splitlines() == ["Guten Tag"]


async def test_a_certificate_nobody_vouches_for_is_not_talked_to(post: Open, tmp_path: Path) -> None:
    async with post(tls=True) as (office, bridge):
        trustme.CA().cert_pem.write_to_path(tmp_path / "other.pem")
        door = MailDoor("127.0.0.1", bridge.door.port, authorities=str(tmp_path / "other.pem"))
        stranger = MailBridge(MANIFEST, Plain(), {"Mail": Mail}, door)
        assert await send(stranger) == RetryLater("unreachable")
        assert not office.seen.calls


async def test_a_wrong_password_pauses_instead_of_losing_mails(post: Open) -> None:
    async with post(tls=True, password="wrong") as (_, bridge):
        assert await send(bridge) == AuthFailed("smtp_login")


async def test_connections_are_used_again_and_one_that_grew_old_costs_no_mail(post: Open) -> None:
    async with post() as (office, bridge):
        for number in range(5):
            assert isinstance(await send(bridge, number), Done)
        assert len(office._connections) == 1
        for connection in office._connections:
            connection.close()
        await asyncio.sleep(0.05)
        assert isinstance(await send(bridge, 6), Done)
        assert office.seen.effects.total() == 6


@pytest.mark.parametrize(
    ("knobs", "verdict"),
    [
        ({"down": True}, RetryLater("smtp_421")),
        ({"fail_next": 1}, RetryLater("smtp_451")),
        ({"refused_recipients": ["zoe@mail.example"]}, Rejected("smtp_550")),
        ({"apply_then_timeout_share": 1.0, "hang_s": 1.0}, Unknown("no_answer")),
    ],
)
async def test_what_goes_wrong_says_whether_the_mail_may_have_left(
    post: Open, knobs: dict[str, Any], verdict: Verdict
) -> None:
    async with post(**knobs) as (office, bridge):
        assert await send(bridge) == verdict
        assert bool(office.seen.effects) == isinstance(verdict, Unknown)


async def test_too_many_mails_are_throttled(post: Open) -> None:
    async with post(per_s=1) as (_, bridge):
        verdicts = [await send(bridge, number) for number in range(4)]
        assert Throttled in {type(one) for one in verdicts}
