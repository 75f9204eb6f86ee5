"""Web hooks to a partner on a real socket: signed, tried again by the schedule, paused, resumed, once under each id."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import uvicorn
from notifications.domain.partner import AT_ONCE, PUBLIC, SCHEDULE_S, body_of
from notifications.handlers.partners import on_public, redeliver
from notifications.store import partners
from standardwebhooks.webhooks import Webhook, WebhookVerificationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from uuid_utils.compat import uuid7
from wanderamt.backbone.arrivals import Item
from wanderamt.backbone.parked import Arrival
from wanderamt.contracts import CaseClosed, DocumentIssued, Event
from wanderamt.security.roles import Role
from wanderamt_local.state import free_port

TYPE = DocumentIssued.TYPE
HOME = ["127.0.0.0/8"]
MOMENT = datetime(2026, 11, 26, tzinfo=UTC)


class Partner:
    """Answers with the next of `answers`, else 204."""

    def __init__(self) -> None:
        self.heard: list[tuple[dict[str, str], bytes]] = []
        self.answers: list[int] = []
        self.hangs_s = 0.0
        self.together = self.most_together = 0
        self.port = free_port()
        self.app = Starlette(routes=[Route("/hook", self.take, methods=["POST"])])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    @property
    def ids(self) -> list[str]:
        return [headers["webhook-id"] for headers, _ in self.heard]

    async def take(self, request: Request) -> Response:
        self.heard.append((dict(request.headers), await request.body()))
        self.together += 1
        self.most_together = max(self.most_together, self.together)
        await asyncio.sleep(self.hangs_s)
        self.together -= 1
        status = self.answers.pop(0) if self.answers else 204
        return Response(status_code=status, headers={"Location": "http://127.0.0.1:1/"} if status == 302 else {})


@asynccontextmanager
async def listening() -> AsyncIterator[Partner]:
    partner = Partner()
    server = uvicorn.Server(uvicorn.Config(partner.app, port=partner.port, log_level="warning"))
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield partner
    finally:
        server.should_exit = True
        await task


def items(city: Any, *events: Event) -> list[Item]:
    return [Item(Arrival("t", 0, n, b"", b"", ()), city._head(one), one) for n, one in enumerate(events)]


async def tell(city: Any, *events: Event) -> list[Item]:
    told = items(city, *events)
    async with city.database.work() as work:
        await on_public(told, work)
    return told


async def subscribe(http: Any, partner: Partner, *types: str) -> tuple[str, str]:
    asked = {"name": "Fundamt", "url": partner.url, "types": list(types) or [TYPE]}
    made = await http.post("/subscribers", json=asked)
    assert made.status_code == 201, made.text
    return made.json()["subscriber_id"], made.json()["secret"]


async def deliveries(http: Any, subscriber_id: str) -> dict[str, int]:
    [shown] = [one for one in (await http.get("/subscribers")).json() if one["subscriber_id"] == subscriber_id]
    return dict(shown["deliveries"])


async def test_a_partner_hears_signed_and_without_anything_personal(open_city: Any) -> None:
    async with listening() as partner, open_city(partner_networks=HOME) as city, city.door(Role.OPERATOR) as http:
        _, secret = await subscribe(http, partner)
        event = city.issued(phone="+436605550001")
        closed = CaseClosed(case_id=uuid7(), service="x", stand_id=uuid7(), closed_at=city.clock())
        item, _ = await tell(city, event, closed)
        await city.until(lambda: partner.heard)
        headers, body = partner.heard[0]
        told = Webhook(secret).verify(body, headers)
        assert (told["type"], told["data"]["number"]) == (TYPE, event.number)
        assert headers["webhook-id"] == str(item.head.id)
        assert "contact" not in told["data"]
        with pytest.raises(WebhookVerificationError):
            Webhook(secret).verify(body + b" ", headers)
        await asyncio.sleep(0.3)
        assert len(partner.heard) == 1  # the other was not asked for


async def test_the_same_event_twice_is_delivered_once(open_city: Any) -> None:
    async with listening() as partner, open_city(partner_networks=HOME) as city, city.door(Role.OPERATOR) as http:
        await subscribe(http, partner)
        told = await tell(city, city.issued())
        async with city.database.work() as work:
            await on_public(told, work)
        await city.settled()
        assert len(partner.heard) == 1


async def test_what_fails_is_tried_again_by_the_schedule_and_given_up_at_its_end(open_city: Any) -> None:
    async with listening() as partner, open_city(partner_networks=HOME) as city, city.door(Role.OPERATOR) as http:
        subscriber_id, _ = await subscribe(http, partner)
        partner.answers = [500, 302, 404, 503, 429, 500, 500, 500]
        await tell(city, city.issued())
        for tries, wait_s in enumerate(SCHEDULE_S, 1):
            await city.until(lambda tries=tries: len(partner.heard) == tries)
            await city.settled()
            city.ahead += timedelta(seconds=wait_s * 0.5)
            await asyncio.sleep(1.2)
            assert len(partner.heard) == tries  # not sooner
            city.ahead += timedelta(seconds=wait_s * 0.75)
        await city.until(lambda: len(partner.heard) == 1 + len(SCHEDULE_S))
        await city.settled()
        assert await deliveries(http, subscriber_id) == {"failed": 1}
        assert len(set(partner.ids)) == 1


async def test_a_pause_loses_nothing_and_410_is_a_pause(open_city: Any) -> None:
    async with listening() as partner, open_city(partner_networks=HOME) as city, city.door(Role.OPERATOR) as http:
        subscriber_id, _ = await subscribe(http, partner)
        assert (await http.post(f"/subscribers/{subscriber_id}/pause")).status_code == 204
        await tell(city, *(city.issued() for _ in range(5)))
        async with asyncio.timeout(30):
            while await deliveries(http, subscriber_id) != {"held": 5}:
                await asyncio.sleep(0.1)
        await asyncio.sleep(1.2)
        assert not partner.heard
        assert (await http.post(f"/subscribers/{subscriber_id}/resume")).status_code == 204
        await city.until(lambda: len(partner.heard) == 5)
        await city.settled()  # its answers are given
        partner.answers = [410]
        await tell(city, city.issued())
        await city.until(lambda: len(partner.heard) == 6)
        await city.settled()
        [shown] = (await http.get("/subscribers")).json()
        assert (shown["active"], shown["deliveries"]) == (False, {"done": 5, "held": 1})
        await http.post(f"/subscribers/{subscriber_id}/resume")
        await city.until(lambda: len(partner.heard) == 7)


async def test_a_replay_delivers_again_under_the_same_ids(open_city: Any) -> None:
    async with listening() as partner, open_city(partner_networks=HOME) as city, city.door(Role.OPERATOR) as http:
        subscriber_id, _ = await subscribe(http, partner)
        told = await tell(city, *(city.issued() for _ in range(3)))
        await city.until(lambda: len(partner.heard) == 3)
        await city.settled()
        before = items(city, city.issued())  # of before it subscribed
        async with city.database.work() as work:
            [subscriber] = await partners.subscribers(work)
            assert await redeliver(subscriber, [*before, *told], work) == 4
        await city.until(lambda: len(partner.heard) == 7)
        await city.settled()
        assert sorted(partner.ids) == sorted([str(one.head.id) for one in told] * 2 + [str(before[0].head.id)])
        rows = (await http.get(f"/subscribers/{subscriber_id}/deliveries?state=done")).json()
        assert len(rows) == 4


async def test_after_a_rotation_both_secrets_sign_until_the_next(open_city: Any) -> None:
    async with listening() as partner, open_city(partner_networks=HOME) as city, city.door(Role.OPERATOR) as http:
        subscriber_id, old = await subscribe(http, partner)
        new = (await http.post(f"/subscribers/{subscriber_id}/rotate")).json()["secret"]
        await tell(city, city.issued())
        await city.until(lambda: partner.heard)
        headers, body = partner.heard[0]
        assert Webhook(old).verify(body, headers) == Webhook(new).verify(body, headers)
        rows = await city.rows("SELECT secrets::text AS text FROM subscriber")
        assert new[6:20] not in rows[0]["text"]


async def test_a_slow_partner_holds_up_no_other(open_city: Any) -> None:
    async with (
        listening() as slow,
        listening() as quick,
        open_city(partner_networks=HOME) as city,
        city.door(Role.OPERATOR) as http,
    ):
        slow.hangs_s = 3.0
        await subscribe(http, quick)
        made = {"name": "Slow", "url": slow.url, "types": [TYPE]}
        assert (await http.post("/subscribers", json=made)).status_code == 201
        await tell(city, *(city.issued() for _ in range(30)))
        await city.until(lambda: len(quick.heard) == 30, timeout_s=15)
        assert slow.most_together <= AT_ONCE


@pytest.mark.parametrize(
    ("url", "types", "code"),
    [
        ("ftp://partner.example/", [TYPE], "subscriber.url"),
        ("http://partner.example/", [TYPE], "subscriber.url"),
        ("https://10.0.0.5/hook", [TYPE], "subscriber.url"),
        ("https://169.254.169.254/latest", [TYPE], "subscriber.url"),
        ("https://user:pw@partner.example/", [TYPE], "subscriber.url"),
        ("https://partner.example/", ["at.wanderamt.case.register-requested.v1"], "subscriber.type"),
        ("https://partner.example/", ["nothing"], "subscriber.type"),
    ],
)
async def test_an_address_or_event_that_is_not_for_the_outside_is_refused(
    open_city: Any, url: str, types: list[str], code: str
) -> None:
    async with open_city(parts=()) as city, city.door(Role.OPERATOR) as http:
        reply = await http.post("/subscribers", json={"name": "x", "url": url, "types": types})
        assert (reply.status_code, reply.json()["code"]) == (422, code)


async def test_a_name_that_leads_into_our_house_is_not_called(open_city: Any) -> None:
    async with open_city() as city, city.door(Role.OPERATOR) as http:
        made = await http.post("/subscribers", json={"name": "x", "url": "https://localhost/", "types": [TYPE]})
        assert made.status_code == 201
        await tell(city, city.issued())
        await city.settled()
        [row] = await city.rows("SELECT reason FROM job WHERE queue = 'deliver-hook'")
        assert row["reason"] == "address_not_allowed"


def test_nothing_sealed_is_in_what_partners_may_hear() -> None:
    for type_, event in PUBLIC.items():
        text = json.dumps(sorted(event.model_fields))
        fields = body_of(event.model_construct(**dict.fromkeys(event.model_fields, None)), at=MOMENT)
        told = json.loads(fields)["data"]
        assert not {"contact", "question", "answer", "officer", "owner", "assertion"} & told.keys(), (type_, text)
