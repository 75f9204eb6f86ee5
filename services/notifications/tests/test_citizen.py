"""The citizen's page: by code and date of birth, without a login and without telling strangers anything."""

import asyncio
import re
import time
from datetime import timedelta
from typing import Any

import httpx
from notifications.api.citizen import ANSWER_S
from uuid_utils.compat import uuid7
from wanderamt.contracts import StandScheduled, case_code

BORN = "4.5.1980"


def ticket(page: httpx.Response) -> str:
    found = re.search(r'name="ticket" value="([^"]+)"', page.text)
    assert found
    return found.group(1)


async def looked_up(http: httpx.AsyncClient, code: str, born: str = BORN, lang: str = "en") -> httpx.Response:
    return await http.post(f"/status?lang={lang}", data={"code": code, "born": born})


def scheduled(city: Any, district: str = "Urfahr") -> StandScheduled:
    starts_at = city.clock() + timedelta(days=4)
    return StandScheduled(
        stand_id=uuid7(),
        place="Hauptstraße 5",
        district=district,
        starts_at=starts_at,
        ends_at=starts_at + timedelta(hours=4),
        crew="A",
        vehicle="B",
        kit="K",
        services=("active_pass",),
    )


async def test_code_and_date_show_how_it_stands_in_either_language(open_city: Any) -> None:
    async with open_city("gate") as city, city.door() as http:
        event = city.issued(phone="+436605550001")
        await city.hear(event)
        await city.settled()
        code = case_code(event.case_id)
        page = await looked_up(http, code)
        assert page.status_code == 200
        assert "Your document is ready" in page.text
        assert event.number in page.text
        assert page.headers["cache-control"] == "no-store"
        assert "script" not in page.text
        assert "Ihr Dokument ist fertig" in (await looked_up(http, code, lang="de")).text
        assert "+43660" not in page.text
        for written in (code.lower(), code.replace("-", " "), code.replace("-", ""), f" {code} "):
            assert (await looked_up(http, written, born="1980-05-04")).status_code in {200, 404}  # and the door closes
        assert 'lang="de"' in (await http.get("/status")).text


async def test_a_code_is_read_as_people_write_it(open_city: Any) -> None:
    async with open_city("gate") as city, city.door() as http:
        event = city.issued(phone="+436605550001")
        await city.hear(event)
        code = case_code(event.case_id)
        assert (await looked_up(http, code.lower().replace("-", " "), born="04.05.1980")).status_code == 200
        written = code.replace("0", "o").replace("1", "l")
        assert (await looked_up(http, written, born="1980-05-04")).status_code == 200


async def test_strangers_learn_nothing_from_what_fits_not_and_soon_may_not_try(open_city: Any) -> None:
    async with open_city("gate") as city, city.door() as http:
        event = city.issued(phone="+436605550001")
        await city.hear(event)
        code = case_code(event.case_id)
        answers = []
        for tried, born in ((code, "5.5.1980"), ("00000-00000", BORN), ("?", BORN), (code, "no date"), (code, "")):
            begun = time.perf_counter()
            page = await looked_up(http, tried, born or "x")
            answers.append((page.status_code, page.text, time.perf_counter() - begun))
        assert len({answer[:2] for answer in answers}) == 1
        assert answers[0][0] == 404
        assert all(answer[2] >= ANSWER_S for answer in answers), "none comes sooner than another"
        for _ in range(3):
            await looked_up(http, code, "6.6.1980")
        right = await looked_up(http, code)  # right, but tried too often: answered like a wrong one
        assert (right.status_code, right.text) == answers[0][:2]
        city.ahead += timedelta(minutes=16)
        assert (await looked_up(http, code)).status_code == 200
        closed = await asyncio.gather(*(looked_up(http, f"0000{number:06}"[:10]) for number in range(25)))
        assert {page.status_code for page in closed} == {404, 429}
        tries = await city.rows("SELECT door FROM door_try")
        assert not [row for row in tries if b"127.0.0.1" in row["door"] or code.encode() in row["door"]]


async def test_behind_our_proxy_a_strangers_tries_close_no_door_but_theirs(open_city: Any) -> None:
    async with open_city("gate", client_header="X-Real-IP") as city, city.door() as http:
        event = city.issued(phone="+436605550001")
        await city.hear(event)
        stranger = {"X-Real-IP": "203.0.113.7"}
        wrong = [{"code": f"0000{number:06}", "born": BORN} for number in range(22)]
        tried = await asyncio.gather(*(http.post("/status", data=one, headers=stranger) for one in wrong))
        assert 429 in {page.status_code for page in tried}
        right = {"code": case_code(event.case_id), "born": BORN}
        assert (await http.post("/status", data=right, headers=stranger)).status_code == 429
        citizen = {"X-Real-IP": "198.51.100.9"}
        assert (await http.post("/status", data=right, headers=citizen)).status_code == 200


async def test_preferences_choose_channel_and_language_for_what_comes(open_city: Any) -> None:
    async with open_city("gate", "post") as city, city.door() as http:
        contact = {"phone": "+436605550001", "email": "zoe@mail.example"}
        event = city.opened(**contact)
        await city.hear(event)
        await city.settled()
        page = await looked_up(http, case_code(event.case_id))
        saved = await http.post(
            "/status/preferences?lang=en", data={"ticket": ticket(page), "channel": "email", "language": "uk"}
        )
        assert "Saved" in saved.text
        await city.hear(city.issued(event.case_id, **contact))
        await city.settled()
        assert city.post.last
        assert "готовий" in city.post.last["Subject"]
        assert len(city.texts()) == 1


async def test_opting_out_ends_messages_and_drops_what_waits_and_the_case_goes_on(open_city: Any) -> None:
    async with open_city("gate", parts=()) as city, city.door() as http:
        event = city.opened(phone="+436605550001")
        await city.hear(event)
        page = await looked_up(http, case_code(event.case_id))
        stopped = await http.post("/status/opt-out?lang=en", data={"ticket": ticket(page)})
        assert "Opted out" in stopped.text
        assert [(one["state"], one["reason"]) for one in await city.notices()] == [("dropped", "no_consent")]
        await city.hear(city.issued(event.case_id, phone="+436605550001"))
        assert {one["reason"] for one in await city.notices()} == {"no_consent"}
        again = await looked_up(http, case_code(event.case_id))
        assert "Your document is ready" in again.text
        [row] = await city.rows("SELECT * FROM consent")
        assert (row["wording"], row["withdrawn_by"]) == ("2026-1", "citizen")
        assert row["given_at"] < row["withdrawn_at"]
        other = city.issued(phone="+436605550001")  # agreed anew, for another case
        await city.hear(other)
        assert [one["state"] for one in await city.notices(other.case_id)] == ["decided"]


async def test_stands_of_a_district_are_told_to_those_who_asked_and_to_nobody_else(open_city: Any) -> None:
    async with open_city("gate") as city, city.door() as http:
        await city.hear(scheduled(city))
        event, bystander = city.opened(phone="+436605550001"), city.opened(phone="+436605550002")
        await city.hear(event, bystander)
        page = await looked_up(http, case_code(event.case_id))
        assert "Urfahr" in page.text
        data = {"ticket": ticket(page), "channel": "sms", "language": "de", "district": ["Urfahr", "Atlantis"]}
        assert (await http.post("/status/preferences?lang=en", data=data)).status_code == 200
        await city.hear(scheduled(city), scheduled(city, "Ebelsberg"))
        await city.settled()
        told = [(number, text) for number, text in city.texts() if "Wir kommen zu Ihnen" in text]
        assert [number for number, _ in told] == ["+436605550001"]
        assert "Hauptstraße 5" in told[0][1]
        wordings = await city.rows("SELECT wording FROM consent WHERE wording <> ''")
        assert {row["wording"] for row in wordings} == {"2026-1"}


async def test_a_page_that_is_old_or_forged_does_nothing(open_city: Any) -> None:
    async with open_city("gate", parts=()) as city, city.door() as http:
        event, other = city.opened(phone="+436605550001"), city.opened(phone="+436605550002")
        await city.hear(event, other)
        good = ticket(await looked_up(http, case_code(event.case_id)))
        subject, until, told = good.split(".")
        for bad in ("", "x", f"{other.case_id.hex}.{until}.{told}", f"{subject}.{int(until) + 9}.{told}"):
            assert (await http.post("/status/opt-out", data={"ticket": bad})).status_code in {403, 422}
        city.ahead += timedelta(minutes=21)
        assert (await http.post("/status/opt-out", data={"ticket": good})).status_code == 403
        assert await city.states() == {"decided": 2}


async def test_hostile_words_stay_words(open_city: Any) -> None:
    async with open_city("gate") as city, city.door() as http:
        await city.hear(scheduled(city, "<script>alert(1)</script>"))
        event = city.opened(phone="+436605550001")
        await city.hear(event)
        page = await looked_up(http, case_code(event.case_id))
        assert "<script>" not in page.text
        assert "&lt;script&gt;" in page.text
        assert (await looked_up(http, "<script>", "<b>")).status_code == 404
