"""Messages about stands of a district: only as long as their address is subscribed to the district."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from notifications_fixtures import NotificationsEnv, OpenNotificationsEnv, code_sent, token_of_page
from wanderamt.backbone.jobs.runner import JobRunner
from wanderamt.contracts import case_code
from wanderamt_testing.service_env import component

PHONE = "+436605550001"


async def subscribe(env: NotificationsEnv, http: httpx.AsyncClient, *districts: str) -> str:
    """The token of the page of a new case, on which the telephone subscribed."""
    case = env.case_opened(phone=PHONE)
    await env.deliver_events(*(env.stand_scheduled(district) for district in districts), case)
    page = await http.post("/status", data={"code": case_code(case.case_id), "born": "4.5.1980"})
    token = token_of_page(page)
    await http.post("/status/preferences", data={"token": token, "district": districts})
    await env.wait_until_idle()
    confirmed = await http.post("/status/districts", data={"token": token, "address_code": code_sent(env, PHONE)})
    assert confirmed.status_code == 200
    return token


@asynccontextmanager
async def waiting_jobs(env: NotificationsEnv) -> AsyncIterator[None]:
    """What is decided inside waits until the end."""
    jobs = component(env.service.components, "jobs", JobRunner)
    await jobs.stop()
    yield
    await jobs.start()
    await env.wait_until_idle()


def stand_messages(env: NotificationsEnv) -> list[str]:
    return [to for to, text in env.received_sms() if "Wir kommen zu Ihnen" in text]


@pytest.mark.parametrize("left", [[], ["Ebelsberg"]])
async def test_a_waiting_message_about_a_stand_is_dropped_when_its_subscription_ends(
    open_notifications_env: OpenNotificationsEnv, left: list[str]
) -> None:
    async with open_notifications_env("gate") as env, env.http_client() as http:
        token = await subscribe(env, http, "Urfahr", "Ebelsberg")
        stands = {district: env.stand_scheduled(district) for district in ("Urfahr", "Ebelsberg")}
        async with waiting_jobs(env):
            await env.deliver_events(*stands.values())
            path, form = ("preferences", {"district": left}) if left else ("opt-out", {})
            assert (await http.post(f"/status/{path}", data={"token": token} | form)).status_code == 200
        outcomes = {name: await env.notices(stand.stand_id) for name, stand in stands.items()}
        dropped = [("dropped", "no_consent")]
        assert {name: [(row["state"], row["reason"]) for row in rows] for name, rows in outcomes.items()} == {
            "Urfahr": dropped,
            "Ebelsberg": [("sent", "")] if left else dropped,
        }
        assert stand_messages(env) == [PHONE] * len(left)


async def test_who_subscribed_on_two_pages_and_left_one_still_gets_the_message(
    open_notifications_env: OpenNotificationsEnv,
) -> None:
    async with open_notifications_env("gate") as env, env.http_client() as http:
        token = await subscribe(env, http, "Urfahr")
        await subscribe(env, http, "Urfahr")
        async with waiting_jobs(env):
            await env.deliver_events(env.stand_scheduled("Urfahr"))
            assert (await http.post("/status/opt-out", data={"token": token})).status_code == 200
        assert PHONE in stand_messages(env)
