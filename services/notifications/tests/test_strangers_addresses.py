"""Who books an appointment with a stranger's telephone number gets no power over what the stranger is sent."""

import re
from collections import Counter
from datetime import timedelta

import httpx
import pytest
from notifications_fixtures import NotificationsEnv, OpenNotificationsEnv, token_of_page
from wanderamt.contracts import AppointmentBooked, AppointmentMoved, case_code

VICTIM = "+436609990001"
ATTACKER_BORN = "2000-02-02"


def booked_by_attacker(env: NotificationsEnv, *, confirmed: bool = False) -> AppointmentBooked:
    booked = env.appointment_booked(phone=VICTIM, born=ATTACKER_BORN)
    return booked.model_copy(update={"contact_confirmed": confirmed})


def moves(env: NotificationsEnv, booked: AppointmentBooked, number: int) -> list[AppointmentMoved]:
    times = [booked.starts_at + timedelta(hours=hours) for hours in range(1, number + 1)]
    return [
        AppointmentMoved(
            appointment_id=booked.appointment_id,
            stand_id=booked.stand_id,
            place=booked.place,
            starts_at=starts_at,
            ends_at=starts_at + timedelta(minutes=20),
            moved_at=env.clock(),
        )
        for starts_at in times
    ]


async def page_token(http: httpx.AsyncClient, booked: AppointmentBooked) -> str:
    page = await http.post("/status?lang=en", data={"code": case_code(booked.appointment_id), "born": ATTACKER_BORN})
    return token_of_page(page)


async def case_outcomes(env: NotificationsEnv) -> list[tuple[str, str, str]]:
    rows = await env.rows("SELECT kind, state, reason FROM notice WHERE about = 'case' ORDER BY created_at, notice_id")
    return [(row["kind"], row["state"], row["reason"]) for row in rows]


async def test_the_page_of_an_appointment_stops_no_message_about_a_case_of_its_number(
    open_notifications_env: OpenNotificationsEnv,
) -> None:
    async with open_notifications_env("gate", components=()) as env, env.http_client() as http:
        case, booked = env.case_opened(phone=VICTIM), booked_by_attacker(env)
        await env.deliver_events(case, booked)
        stopped = await http.post("/status/opt-out?lang=en", data={"token": await page_token(http, booked)})
        assert stopped.status_code == 200
        await env.deliver_events(env.document_issued(case.case_id, phone=VICTIM))
        assert await case_outcomes(env) == [("case_opened", "dropped", "superseded"), ("document_ready", "created", "")]
        own = await env.notices(booked.appointment_id)
        assert {(row["state"], row["reason"]) for row in own} == {("dropped", "no_consent")}


async def test_neither_a_booking_nor_its_page_consents_or_chooses_for_a_case_of_its_number(
    open_notifications_env: OpenNotificationsEnv,
) -> None:
    async with open_notifications_env("gate", components=()) as env, env.http_client() as http:
        silent = env.case_opened(phone=VICTIM, consent=None)
        agreed = env.case_opened(phone=VICTIM)
        await env.deliver_events(env.stand_scheduled("Ebelsberg"), silent, agreed, booked := booked_by_attacker(env))
        chosen = {
            "channel": "sms",
            "language": "uk",
            "district": ["Ebelsberg"],
            "token": await page_token(http, booked),
        }
        assert (await http.post("/status/preferences?lang=en", data=chosen)).status_code == 200
        await env.deliver_events(env.document_issued(silent.case_id, phone=VICTIM, consent=None))
        await env.deliver_events(env.document_issued(agreed.case_id, phone=VICTIM))
        [*_, refused] = await env.notices(silent.case_id)
        assert (refused["kind"], refused["state"], refused["reason"]) == ("document_ready", "dropped", "no_consent")
        [*_, sent] = await env.notices(agreed.case_id)
        assert (sent["kind"], sent["state"], sent["language"]) == ("document_ready", "created", "de")


async def test_no_number_is_subscribed_without_the_code_that_it_got(
    open_notifications_env: OpenNotificationsEnv,
) -> None:
    async with open_notifications_env("gate") as env, env.http_client() as http:
        await env.deliver_events(env.stand_scheduled("Ebelsberg"), booked := booked_by_attacker(env))
        token = await page_token(http, booked)
        chosen = {"channel": "sms", "language": "de", "district": ["Ebelsberg"], "token": token}
        saved = [await http.post("/status/preferences?lang=en", data=chosen) for _ in range(4)]
        assert [page.status_code for page in saved] == [200, 200, 200, 429], "three codes a day go to an address"
        for code in ("000000", "111111", "222222", "333333", "444444", "555555"):
            entered = await http.post("/status/districts?lang=en", data={"token": token, "address_code": code})
            assert entered.status_code == 403
        await env.deliver_events(env.stand_scheduled("Ebelsberg"))
        await env.wait_until_idle()
        assert await env.rows("SELECT 1 FROM subscription") == []
        assert not [text for _, text in env.received_sms() if "Wir kommen zu Ihnen" in text]


async def test_the_sixth_try_of_a_code_is_refused_even_if_it_is_right(
    open_notifications_env: OpenNotificationsEnv,
) -> None:
    async with open_notifications_env("gate") as env, env.http_client() as http:
        await env.deliver_events(env.stand_scheduled("Ebelsberg"), booked := booked_by_attacker(env))
        token = await page_token(http, booked)
        chosen = {"channel": "sms", "language": "de", "district": ["Ebelsberg"], "token": token}
        await http.post("/status/preferences?lang=en", data=chosen)
        await env.wait_until_idle()
        [right] = re.findall(r"Stände: ([0-9]{6})", " ".join(text for _, text in env.received_sms()))
        wrong = f"{(int(right) + 1) % 10**6:06}"
        for code in (wrong, wrong, wrong, wrong, wrong, right):
            entered = await http.post("/status/districts?lang=en", data={"token": token, "address_code": code})
            assert entered.status_code == 403
        assert await env.rows("SELECT 1 FROM subscription") == []


async def test_the_page_shows_no_districts_that_the_number_has_elsewhere(
    open_notifications_env: OpenNotificationsEnv,
) -> None:
    async with open_notifications_env("gate") as env, env.http_client() as http:
        case = env.case_opened(phone=VICTIM)
        await env.deliver_events(env.stand_scheduled("Ebelsberg"), case, booked := booked_by_attacker(env))
        looked = await http.post("/status", data={"code": case_code(case.case_id), "born": "4.5.1980"})
        [own] = set(re.findall(r'name="token" value="([^"]+)"', looked.text))
        await http.post("/status/preferences", data={"token": own, "district": ["Ebelsberg"]})
        await env.wait_until_idle()
        [code] = re.findall(r"Stände: ([0-9]{6})", " ".join(text for _, text in env.received_sms()))
        assert (await http.post("/status/districts", data={"token": own, "address_code": code})).status_code == 200
        token = await page_token(http, booked)
        page = await http.post("/status/preferences?lang=en", data={"token": token, "channel": "sms"})
        assert 'value="Ebelsberg"' in page.text
        assert 'value="Ebelsberg" checked' not in page.text
        assert len(await env.rows("SELECT 1 FROM subscription")) == 1, "nor does saving it end them"


async def test_messages_that_nobody_confirmed_use_up_only_their_own_budget(
    open_notifications_env: OpenNotificationsEnv,
) -> None:
    async with open_notifications_env("gate", day_budget=3) as env:
        booked = booked_by_attacker(env)
        for event in (booked, *moves(env, booked, 6)):
            await env.deliver_events(event)
            await env.wait_until_idle()  # a message that was not sent yet would be superseded
        await env.deliver_events(*(env.contact_code_requested(str(number), phone=VICTIM) for number in range(4)))
        rows = await env.notices(booked.appointment_id)
        assert Counter(row["reason"] for row in rows)["budget"] >= 1
        await env.deliver_events(env.document_issued(phone=VICTIM))
        await env.deliver_events(known := booked_by_attacker(env, confirmed=True))
        await env.wait_until_idle()
        assert await case_outcomes(env) == [("document_ready", "sent", "")]
        assert "sent" in {row["state"] for row in await env.notices(known.appointment_id)}


@pytest.mark.parametrize("kind", ["case", "appointment"])
async def test_the_link_of_a_mail_unsubscribes_its_mailbox_and_opens_nothing(
    open_notifications_env: OpenNotificationsEnv, kind: str
) -> None:
    mailbox = "vera@mail.example"
    async with open_notifications_env("gate", "post") as env, env.http_client() as http:
        case = env.document_issued(email=mailbox)
        first = case if kind == "case" else env.appointment_booked(email=mailbox)
        await env.deliver_events(first)
        await env.wait_until_idle()
        assert env.post.last
        token = env.post.last["List-Unsubscribe"].partition("token=")[2].rstrip(">")
        for path, form in (
            ("preferences", {"channel": "email", "language": "en"}),
            ("opt-out", {}),
            ("districts", {"address_code": "1"}),
        ):
            answer = await http.post(f"/status/{path}", data={"token": token} | form)
            assert (answer.status_code, case.number in answer.text) == (403, False)
        stopped = await http.post("/status/unsubscribe", params={"token": token, "lang": "en"})
        assert stopped.status_code == 200
        assert "Unsubscribed" in stopped.text
        for secret in (case.number, case_code(case.case_id), 'name="token"', "Your document is ready"):
            assert secret not in stopped.text
        await env.deliver_events(env.needs_visit(case.case_id, case.contact), env.case_opened(phone=VICTIM))
        await env.wait_until_idle()
        states = {(row["channel"], row["state"], row["reason"]) for row in await env.rows("SELECT * FROM notice")}
        assert ("sms", "sent", "") in states
        if kind == "case":
            assert ("email", "dropped", "no_consent") in states
        [row] = await env.rows("SELECT DISTINCT withdrawn_by FROM consent WHERE withdrawn_at IS NOT NULL")
        assert row["withdrawn_by"] == "mail"


async def test_the_token_of_a_page_is_no_link_to_unsubscribe(open_notifications_env: OpenNotificationsEnv) -> None:
    async with open_notifications_env("gate", components=()) as env, env.http_client() as http:
        await env.deliver_events(booked := booked_by_attacker(env))
        token = await page_token(http, booked)
        assert (await http.post("/status/unsubscribe", params={"token": token})).status_code == 403
        assert await env.rows("SELECT 1 FROM consent WHERE withdrawn_at IS NOT NULL") == []
