"""Webhooks to a partner on a real socket: signed, retried by the schedule, paused, resumed, once per id."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial

import httpx
import pytest
import uvicorn
from notifications.domain.partner import MAX_CONCURRENT, PUBLIC_EVENTS, SCHEDULE_S, webhook_body
from notifications.handlers.partners import deliver_public_events, redeliver
from notifications.store import partners
from notifications_fixtures import NotificationsEnv, OpenNotificationsEnv
from standardwebhooks.webhooks import Webhook, WebhookVerificationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from uuid_utils.compat import uuid7
from wanderamt.backbone.messaging.dead_letter import RawRecord
from wanderamt.backbone.messaging.records import ReceivedEvent
from wanderamt.contracts import CaseClosed, DocumentIssued, Event
from wanderamt.security.roles import Role
from wanderamt_local.state import free_port
from wanderamt_testing.waiting import wait_until

TYPE = DocumentIssued.TYPE
HOME = ["127.0.0.0/8"]
MOMENT = datetime(2026, 11, 26, tzinfo=UTC)


class PartnerSystem:
    """Answers with the next status of `answers`, by default 204."""

    def __init__(self) -> None:
        self.received: list[tuple[dict[str, str], bytes]] = []
        self.answers: list[int] = []
        self.delay_s = 0.0
        self.concurrent = self.max_concurrent = 0
        self.port = free_port()
        self.app = Starlette(routes=[Route("/hook", self.receive, methods=["POST"])])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    @property
    def ids(self) -> list[str]:
        return [headers["webhook-id"] for headers, _ in self.received]

    async def receive(self, request: Request) -> Response:
        self.received.append((dict(request.headers), await request.body()))
        self.concurrent += 1
        self.max_concurrent = max(self.max_concurrent, self.concurrent)
        await asyncio.sleep(self.delay_s)
        self.concurrent -= 1
        status = self.answers.pop(0) if self.answers else 204
        return Response(status_code=status, headers={"Location": "http://127.0.0.1:1/"} if status == 302 else {})


@asynccontextmanager
async def listen() -> AsyncIterator[PartnerSystem]:
    partner = PartnerSystem()
    server = uvicorn.Server(uvicorn.Config(partner.app, port=partner.port, log_level="warning"))
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield partner
    finally:
        server.should_exit = True
        await task


def received_events(env: NotificationsEnv, *events: Event) -> list[ReceivedEvent]:
    return [
        ReceivedEvent(RawRecord("t", 0, n, b"", b"", ()), env.header(event), event) for n, event in enumerate(events)
    ]


async def deliver(env: NotificationsEnv, *events: Event) -> list[ReceivedEvent]:
    items = received_events(env, *events)
    async with env.database.unit_of_work() as uow:
        await deliver_public_events(items, uow)
    return items


def has_received(partner: PartnerSystem, number: int) -> bool:
    return len(partner.received) == number


async def subscribe(http: httpx.AsyncClient, partner: PartnerSystem, *types: str) -> tuple[str, str]:
    body = {"name": "Fundamt", "url": partner.url, "types": list(types) or [TYPE]}
    reply = await http.post("/subscribers", json=body)
    assert reply.status_code == 201, reply.text
    return reply.json()["subscriber_id"], reply.json()["secret"]


async def deliveries(http: httpx.AsyncClient, subscriber_id: str) -> dict[str, int]:
    subscribers = (await http.get("/subscribers")).json()
    [subscriber] = [entry for entry in subscribers if entry["subscriber_id"] == subscriber_id]
    return dict(subscriber["deliveries"])


async def test_a_partner_gets_signed_events_without_personal_data(open_notifications_env: OpenNotificationsEnv) -> None:
    async with (
        listen() as partner,
        open_notifications_env(partner_networks=HOME) as env,
        env.http_client(Role.OPERATOR) as http,
    ):
        _, secret = await subscribe(http, partner)
        event = env.document_issued(phone="+436605550001")
        closed = CaseClosed(case_id=uuid7(), service="x", stand_id=uuid7(), closed_at=env.clock())
        item, _ = await deliver(env, event, closed)
        await wait_until(lambda: bool(partner.received))
        headers, body = partner.received[0]
        payload = Webhook(secret).verify(body, headers)
        assert (payload["type"], payload["data"]["number"]) == (TYPE, event.number)
        assert headers["webhook-id"] == str(item.header.id)
        assert "contact" not in payload["data"]
        with pytest.raises(WebhookVerificationError):
            Webhook(secret).verify(body + b" ", headers)
        await asyncio.sleep(0.3)
        assert len(partner.received) == 1  # the partner did not subscribe to the other type


async def test_the_same_event_twice_is_delivered_once(open_notifications_env: OpenNotificationsEnv) -> None:
    async with (
        listen() as partner,
        open_notifications_env(partner_networks=HOME) as env,
        env.http_client(Role.OPERATOR) as http,
    ):
        await subscribe(http, partner)
        items = await deliver(env, env.document_issued())
        async with env.database.unit_of_work() as uow:
            await deliver_public_events(items, uow)
        await env.wait_until_idle()
        assert len(partner.received) == 1


async def test_a_failed_delivery_is_retried_by_the_schedule_and_fails_at_its_end(
    open_notifications_env: OpenNotificationsEnv,
) -> None:
    async with (
        listen() as partner,
        open_notifications_env(partner_networks=HOME) as env,
        env.http_client(Role.OPERATOR) as http,
    ):
        subscriber_id, _ = await subscribe(http, partner)
        partner.answers = [500, 302, 404, 503, 429, 500, 500, 500]
        await deliver(env, env.document_issued())
        for attempts, wait_s in enumerate(SCHEDULE_S, 1):
            await wait_until(partial(has_received, partner, attempts))
            await env.wait_until_idle()
            env.clock.ahead += timedelta(seconds=wait_s * 0.5)
            await asyncio.sleep(1.2)
            assert len(partner.received) == attempts  # not sooner
            env.clock.ahead += timedelta(seconds=wait_s * 0.75)
        await wait_until(lambda: len(partner.received) == 1 + len(SCHEDULE_S))
        await env.wait_until_idle()
        assert await deliveries(http, subscriber_id) == {"failed": 1}
        assert len(set(partner.ids)) == 1


async def test_a_pause_loses_nothing_and_410_pauses(open_notifications_env: OpenNotificationsEnv) -> None:
    async with (
        listen() as partner,
        open_notifications_env(partner_networks=HOME) as env,
        env.http_client(Role.OPERATOR) as http,
    ):
        subscriber_id, _ = await subscribe(http, partner)
        assert (await http.post(f"/subscribers/{subscriber_id}/pause")).status_code == 204
        await deliver(env, *(env.document_issued() for _ in range(5)))
        async with asyncio.timeout(30):
            while await deliveries(http, subscriber_id) != {"held": 5}:
                await asyncio.sleep(0.1)
        await asyncio.sleep(1.2)
        assert not partner.received
        assert (await http.post(f"/subscribers/{subscriber_id}/resume")).status_code == 204
        await wait_until(lambda: len(partner.received) == 5)
        await env.wait_until_idle()  # all answers are recorded
        partner.answers = [410]
        await deliver(env, env.document_issued())
        await wait_until(lambda: len(partner.received) == 6)
        await env.wait_until_idle()
        [subscriber] = (await http.get("/subscribers")).json()
        assert (subscriber["active"], subscriber["deliveries"]) == (False, {"done": 5, "held": 1})
        await http.post(f"/subscribers/{subscriber_id}/resume")
        await wait_until(lambda: len(partner.received) == 7)


async def test_a_replay_delivers_again_under_the_same_ids(open_notifications_env: OpenNotificationsEnv) -> None:
    async with (
        listen() as partner,
        open_notifications_env(partner_networks=HOME) as env,
        env.http_client(Role.OPERATOR) as http,
    ):
        subscriber_id, _ = await subscribe(http, partner)
        items = await deliver(env, *(env.document_issued() for _ in range(3)))
        await wait_until(lambda: len(partner.received) == 3)
        await env.wait_until_idle()
        before = received_events(env, env.document_issued())  # from before the subscription
        async with env.database.unit_of_work() as uow:
            [subscriber] = await partners.subscribers(uow)
            assert await redeliver(subscriber, [*before, *items], uow) == 4
        await wait_until(lambda: len(partner.received) == 7)
        await env.wait_until_idle()
        assert sorted(partner.ids) == sorted([str(item.header.id) for item in items] * 2 + [str(before[0].header.id)])
        rows = (await http.get(f"/subscribers/{subscriber_id}/deliveries?state=done")).json()
        assert len(rows) == 4


async def test_after_a_rotation_both_secrets_sign_until_the_next_rotation(
    open_notifications_env: OpenNotificationsEnv,
) -> None:
    async with (
        listen() as partner,
        open_notifications_env(partner_networks=HOME) as env,
        env.http_client(Role.OPERATOR) as http,
    ):
        subscriber_id, old = await subscribe(http, partner)
        new = (await http.post(f"/subscribers/{subscriber_id}/rotate")).json()["secret"]
        await deliver(env, env.document_issued())
        await wait_until(lambda: bool(partner.received))
        headers, body = partner.received[0]
        assert Webhook(old).verify(body, headers) == Webhook(new).verify(body, headers)
        rows = await env.rows("SELECT secrets::text AS text FROM subscriber")
        assert new[6:20] not in rows[0]["text"]


async def test_a_slow_partner_delays_no_other(open_notifications_env: OpenNotificationsEnv) -> None:
    async with (
        listen() as slow,
        listen() as quick,
        open_notifications_env(partner_networks=HOME) as env,
        env.http_client(Role.OPERATOR) as http,
    ):
        slow.delay_s = 3.0
        await subscribe(http, quick)
        body = {"name": "Slow", "url": slow.url, "types": [TYPE]}
        assert (await http.post("/subscribers", json=body)).status_code == 201
        await deliver(env, *(env.document_issued() for _ in range(30)))
        await wait_until(lambda: len(quick.received) == 30, timeout_s=15)
        assert slow.max_concurrent <= MAX_CONCURRENT


@pytest.mark.parametrize(
    ("url", "types", "code"),
    [
        ("ftp://partner.example/", [TYPE], "subscriber.url"),
        ("http://partner.example/", [TYPE], "subscriber.url"),
        ("https://10.0.0.5/hook", [TYPE], "subscriber.url"),
        ("https://169.254.169.254/latest", [TYPE], "subscriber.url"),
        ("https://user:pw@partner.example/", [TYPE], "subscriber.url"),
        ("https://[::1", [TYPE], "subscriber.url"),
        ("https://partner.example:99999999/", [TYPE], "subscriber.url"),
        ("https://partner.example:port/", [TYPE], "subscriber.url"),
        ("https://\u2100.example/", [TYPE], "subscriber.url"),
        ("https://partner.example/\x00", [TYPE], "subscriber.url"),
        ("https://partner..example/", [TYPE], "subscriber.url"),
        (f"https://{'a' * 64}.example/", [TYPE], "subscriber.url"),
        ("https://[64:ff9b::a9fe:a9fe]/latest", [TYPE], "subscriber.url"),
        ("https://[2002:7f00:1::1]/", [TYPE], "subscriber.url"),
        ("https://[::7f00:1]/", [TYPE], "subscriber.url"),
        ("https://[ff02::1]/", [TYPE], "subscriber.url"),
        ("https://partner.example/", ["at.wanderamt.case.register-query-requested.v1"], "subscriber.type"),
        ("https://partner.example/", ["nothing"], "subscriber.type"),
    ],
)
async def test_an_internal_address_or_event_is_refused(
    open_notifications_env: OpenNotificationsEnv, url: str, types: list[str], code: str
) -> None:
    async with open_notifications_env(components=()) as env, env.http_client(Role.OPERATOR) as http:
        reply = await http.post("/subscribers", json={"name": "x", "url": url, "types": types})
        assert (reply.status_code, reply.json()["code"]) == (422, code)


async def test_a_host_name_of_an_internal_address_is_not_called(open_notifications_env: OpenNotificationsEnv) -> None:
    async with open_notifications_env() as env, env.http_client(Role.OPERATOR) as http:
        reply = await http.post("/subscribers", json={"name": "x", "url": "https://localhost/", "types": [TYPE]})
        assert reply.status_code == 201
        await deliver(env, env.document_issued())
        await env.wait_until_idle()
        [row] = await env.rows("SELECT last_error FROM job WHERE status <> 'succeeded' AND queue = 'deliver-webhook'")
        assert row["last_error"] == "address_not_allowed"


def test_public_events_hold_no_encrypted_field() -> None:
    for type_, event in PUBLIC_EVENTS.items():
        text = json.dumps(sorted(event.model_fields))
        fields = webhook_body(event.model_construct(**dict.fromkeys(event.model_fields, None)), at=MOMENT)
        data = json.loads(fields)["data"]
        assert not {"contact", "question", "answer", "officer", "owner", "assertion"} & data.keys(), (type_, text)
