"""The status page: by code and date of birth, without a sign-in, and without information for strangers."""

import asyncio
import time
from collections import Counter
from datetime import timedelta

import httpx
import pytest
from notifications_fixtures import OpenNotificationsEnv, code_sent, token_of_page
from wanderamt.backbone.persistence.code_lookups import ANSWER_S
from wanderamt.contracts import case_code

BORN = "4.5.1980"


async def enter(http: httpx.AsyncClient, page_token: str, code: str) -> httpx.Response:
    return await http.post("/status/districts?lang=en", data={"token": page_token, "address_code": code})


async def look_up(http: httpx.AsyncClient, code: str, born: str = BORN, lang: str = "en") -> httpx.Response:
    return await http.post(f"/status?lang={lang}", data={"code": code, "born": born})


async def test_code_and_date_of_birth_show_the_status_in_both_languages(
    open_notifications_env: OpenNotificationsEnv,
) -> None:
    async with open_notifications_env("gate") as env, env.http_client() as http:
        event = env.document_issued(phone="+436605550001")
        await env.deliver_events(event)
        await env.wait_until_idle()
        code = case_code(event.case_id)
        page = await look_up(http, code)
        assert page.status_code == 200
        assert "Your document is ready" in page.text
        assert event.number in page.text
        assert page.headers["cache-control"] == "no-store"
        assert "script" not in page.text
        assert "Ihr Dokument ist fertig" in (await look_up(http, code, lang="de")).text
        assert "+43660" not in page.text
        for written in (code.lower(), code.replace("-", " "), code.replace("-", ""), f" {code} "):
            page = await look_up(http, written, born="1980-05-04")
            assert page.status_code in {200, 404}  # 404 after too many attempts
        assert 'lang="de"' in (await http.get("/status")).text


async def test_a_code_may_be_written_in_several_ways(open_notifications_env: OpenNotificationsEnv) -> None:
    async with open_notifications_env("gate") as env, env.http_client() as http:
        event = env.document_issued(phone="+436605550001")
        await env.deliver_events(event)
        code = case_code(event.case_id)
        assert (await look_up(http, code.lower().replace("-", " "), born="04.05.1980")).status_code == 200
        written = code.replace("0", "o").replace("1", "l")
        assert (await look_up(http, written, born="1980-05-04")).status_code == 200


async def test_strangers_learn_nothing_from_wrong_answers_and_soon_get_too_many_attempts(
    open_notifications_env: OpenNotificationsEnv,
) -> None:
    async with open_notifications_env("gate") as env, env.http_client() as http:
        event = env.document_issued(phone="+436605550001")
        await env.deliver_events(event)
        code = case_code(event.case_id)
        answers = []
        for tried, born in ((code, "5.5.1980"), ("00000-00000", BORN), ("?", BORN), (code, "no date"), (code, "")):
            begun = time.perf_counter()
            page = await look_up(http, tried, born or "x")
            answers.append((page.status_code, page.text, time.perf_counter() - begun))
        assert len({answer[:2] for answer in answers}) == 1
        assert answers[0][0] == 404
        assert all(answer[2] >= ANSWER_S for answer in answers), "no answer comes sooner than another"
        for _ in range(2):
            assert (await look_up(http, code, "6.6.1980")).status_code == 404
        limited = [await look_up(http, code, "6.6.1980"), await look_up(http, code)]
        assert [page.status_code for page in limited] == [429, 429]
        assert limited[0].text == limited[1].text, "a right date gets the same answer as a wrong one"
        env.clock.ahead += timedelta(minutes=16)
        assert (await look_up(http, code)).status_code == 200
        closed = await asyncio.gather(*(look_up(http, f"0000{number:06}"[:10]) for number in range(25)))
        assert {page.status_code for page in closed} == {404, 429}
        attempts = await env.rows("SELECT key_hash FROM rate_limit_use")
        assert not [row for row in attempts if b"127.0.0.1" in row["key_hash"] or code.encode() in row["key_hash"]]


async def test_behind_our_proxy_a_strangers_attempts_block_only_the_stranger(
    open_notifications_env: OpenNotificationsEnv,
) -> None:
    async with open_notifications_env("gate", trusted_proxies="127.0.0.0/8") as env, env.http_client() as http:
        event = env.document_issued(phone="+436605550001")
        await env.deliver_events(event)
        stranger = {"X-Forwarded-For": "203.0.113.7"}
        wrong = [{"code": f"0000{number:06}", "born": BORN} for number in range(22)]
        tried = await asyncio.gather(*(http.post("/status", data=form, headers=stranger) for form in wrong))
        assert 429 in {page.status_code for page in tried}
        right = {"code": case_code(event.case_id), "born": BORN}
        assert (await http.post("/status", data=right, headers=stranger)).status_code == 429
        forged = {"X-Forwarded-For": "198.51.100.9, 203.0.113.7"}  # the proxy appended what it saw
        assert (await http.post("/status", data=right, headers=forged)).status_code == 429
        citizen = {"X-Forwarded-For": "198.51.100.9"}
        assert (await http.post("/status", data=right, headers=citizen)).status_code == 200


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Real-IP", "CF-Connecting-IP"])
async def test_without_a_proxy_no_header_changes_the_address(
    open_notifications_env: OpenNotificationsEnv, header: str
) -> None:
    async with open_notifications_env("gate") as env, env.http_client() as http:
        forms = [{"code": f"0000{number:06}", "born": BORN} for number in range(60)]
        tried = await asyncio.gather(
            *(http.post("/status", data=form, headers={header: f"10.1.2.{n}"}) for n, form in enumerate(forms))
        )
        assert Counter(page.status_code for page in tried) == {404: 20, 429: 40}


async def test_the_true_citizen_looks_as_often_as_he_likes_and_strangers_do_not_lock_him_out(
    open_notifications_env: OpenNotificationsEnv,
) -> None:
    async with open_notifications_env("gate", trusted_proxies="127.0.0.0/8") as env, env.http_client() as http:
        event = env.document_issued(phone="+436605550001")
        await env.deliver_events(event)
        code = case_code(event.case_id)

        async def look(born: str, address: str) -> int:
            form = {"code": code, "born": born}
            return (await http.post("/status", data=form, headers={"X-Forwarded-For": address})).status_code

        assert await asyncio.gather(*(look(BORN, "198.51.100.9") for _ in range(12))) == [200] * 12
        assert Counter(await asyncio.gather(*(look("1.1.1990", "203.0.113.7") for _ in range(12)))) == {404: 5, 429: 7}
        assert await look(BORN, "198.51.100.9") == 200


async def test_preferences_choose_channel_and_language_of_later_notices(
    open_notifications_env: OpenNotificationsEnv,
) -> None:
    async with open_notifications_env("gate", "post") as env, env.http_client() as http:
        contact = {"phone": "+436605550001", "email": "zoe@mail.example"}
        event = env.case_opened(**contact)
        await env.deliver_events(event)
        await env.wait_until_idle()
        page = await look_up(http, case_code(event.case_id))
        saved = await http.post(
            "/status/preferences?lang=en", data={"token": token_of_page(page), "channel": "email", "language": "uk"}
        )
        assert "Saved" in saved.text
        await env.deliver_events(env.document_issued(event.case_id, **contact))
        await env.wait_until_idle()
        assert env.post.last
        assert "готовий" in env.post.last["Subject"]
        assert len(env.received_sms()) == 1


async def test_opting_out_ends_messages_drops_pending_ones_and_the_case_goes_on(
    open_notifications_env: OpenNotificationsEnv,
) -> None:
    async with open_notifications_env("gate", components=()) as env, env.http_client() as http:
        event = env.case_opened(phone="+436605550001")
        await env.deliver_events(event)
        page = await look_up(http, case_code(event.case_id))
        stopped = await http.post("/status/opt-out?lang=en", data={"token": token_of_page(page)})
        assert "Opted out" in stopped.text
        assert [(notice["state"], notice["reason"]) for notice in await env.notices()] == [("dropped", "no_consent")]
        await env.deliver_events(env.document_issued(event.case_id, phone="+436605550001"))
        assert {notice["reason"] for notice in await env.notices()} == {"no_consent"}
        page = await look_up(http, case_code(event.case_id))
        assert "Your document is ready" in page.text
        [row] = await env.rows("SELECT * FROM consent")
        assert (row["wording"], row["withdrawn_by"]) == ("2026-1", "citizen")
        assert row["given_at"] < row["withdrawn_at"]
        other = env.document_issued(phone="+436605550001")  # new consent, for another case
        await env.deliver_events(other)
        assert [notice["state"] for notice in await env.notices(other.case_id)] == ["created"]


async def test_only_subscribers_of_a_district_get_notices_of_its_stands(
    open_notifications_env: OpenNotificationsEnv,
) -> None:
    async with open_notifications_env("gate") as env, env.http_client() as http:
        await env.deliver_events(env.stand_scheduled())
        event, bystander = env.case_opened(phone="+436605550001"), env.case_opened(phone="+436605550002")
        await env.deliver_events(event, bystander)
        page = await look_up(http, case_code(event.case_id))
        assert "Urfahr" in page.text
        data = {"token": token_of_page(page), "channel": "sms", "language": "de", "district": ["Urfahr", "Atlantis"]}
        saved = await http.post("/status/preferences?lang=en", data=data)
        assert "Please confirm the areas" in saved.text
        await env.deliver_events(env.stand_scheduled())
        await env.wait_until_idle()
        assert not [text for _, text in env.received_sms() if "Wir kommen zu Ihnen" in text], "not before the code"
        right = code_sent(env, "+436605550001")
        wrong = f"{(int(right) + 1) % 10**6:06}"
        again = await look_up(http, case_code(event.case_id))
        assert 'name="address_code"' in again.text, "who left the page to read the message can still enter the code"
        entered = [await enter(http, token_of_page(page), code) for code in (wrong, right, right)]
        assert [answer.status_code for answer in entered] == [403, 200, 403]
        assert "Confirmed" in entered[1].text
        assert ['name="address_code"' in answer.text for answer in entered] == [True, False, False]
        assert 'value="Urfahr" checked' in (await look_up(http, case_code(event.case_id))).text
        await env.deliver_events(env.stand_scheduled(), env.stand_scheduled("Ebelsberg"))
        await env.wait_until_idle()
        stand_notices = [(number, text) for number, text in env.received_sms() if "Wir kommen zu Ihnen" in text]
        assert [number for number, _ in stand_notices] == ["+436605550001"]
        assert "Hauptstraße 5" in stand_notices[0][1]
        wordings = await env.rows("SELECT wording FROM consent WHERE wording <> ''")
        assert {row["wording"] for row in wordings} == {"2026-1"}


async def test_an_expired_or_forged_token_has_no_effect(open_notifications_env: OpenNotificationsEnv) -> None:
    async with open_notifications_env("gate", components=()) as env, env.http_client() as http:
        event, other = env.case_opened(phone="+436605550001"), env.case_opened(phone="+436605550002")
        await env.deliver_events(event, other)
        good = token_of_page(await look_up(http, case_code(event.case_id)))
        case, expiry, signature = good.split(".")
        for bad in ("", "x", f"{other.case_id.hex}.{expiry}.{signature}", f"{case}.{int(expiry) + 9}.{signature}"):
            assert (await http.post("/status/opt-out", data={"token": bad})).status_code in {403, 422}
        env.clock.ahead += timedelta(minutes=21)
        assert (await http.post("/status/opt-out", data={"token": good})).status_code == 403
        assert await env.states() == {"created": 2}


async def test_values_from_outside_are_escaped(open_notifications_env: OpenNotificationsEnv) -> None:
    async with open_notifications_env("gate") as env, env.http_client() as http:
        await env.deliver_events(env.stand_scheduled("<script>alert(1)</script>"))
        event = env.case_opened(phone="+436605550001")
        await env.deliver_events(event)
        page = await look_up(http, case_code(event.case_id))
        assert "<script>" not in page.text
        assert "&lt;script&gt;" in page.text
        assert (await look_up(http, "<script>", "<b>")).status_code == 404
