"""Look-ups by code tell nothing about codes, are limited, and nobody keeps a citizen out who only knows the code."""

import time
from typing import Any

import httpx
import pytest
from public_fixtures import BORN_ISO, PublicEnv, code_of
from scheduling.domain.stand import StandDetails
from wanderamt.backbone.persistence.code_lookups import ANSWER_S

JSON, PAGE = "/public/appointments/look-up", "/visit/appointment"


async def look_up(http: httpx.AsyncClient, path: str, **form: str) -> httpx.Response:
    body: dict[str, Any] = {"json": form} if path == JSON else {"data": form}
    return await http.post(path, **body)


@pytest.mark.parametrize("path", [JSON, PAGE])
async def test_a_code_that_exists_and_one_that_does_not_get_the_same_answers_in_the_same_time(
    public_env: PublicEnv, details: StandDetails, path: str
) -> None:
    stand = await public_env.stand(details)
    async with public_env.citizen() as http:
        booked = await public_env.book(http, stand, details.starts_at, phone="+436601234567")
    answers: dict[str, list[tuple[int, str]]] = {}
    for name, code in (("known", booked.json()["code"]), ("unknown", "00000-00000")):
        async with public_env.citizen(f"198.51.100.{len(answers)}") as http:
            begun = time.perf_counter()
            answers[name] = []
            for _ in range(8):
                reply = await look_up(http, path, code=code, born="1990-01-01")
                answers[name].append((reply.status_code, reply.text))
            assert time.perf_counter() - begun >= 8 * ANSWER_S
    assert answers["known"] == answers["unknown"]
    assert [status for status, _ in answers["known"]] == [404] * 5 + [429] * 3


async def test_right_answers_do_not_count_and_strangers_do_not_lock_the_citizen_out(
    public_env: PublicEnv, details: StandDetails
) -> None:
    stand = await public_env.stand(details)
    async with public_env.citizen() as http, public_env.citizen("198.51.100.9") as stranger:
        right = code_of(await public_env.book(http, stand, details.starts_at, phone="+436601234567"))
        tried = [(await look_up(stranger, JSON, **right | {"born": "1990-01-01"})).status_code for _ in range(7)]
        assert tried == [404] * 5 + [429] * 2
        assert [(await look_up(http, JSON, **right)).status_code for _ in range(7)] == [200] * 7
        assert (await look_up(http, PAGE, **right)).status_code == 200
        assert (await look_up(stranger, PAGE, **right)).status_code == 429, "pages and JSON share the limit"


async def test_one_address_tries_twenty_codes_whatever_headers_it_sends(public_env: PublicEnv) -> None:
    statuses = []
    async with public_env.citizen("127.0.0.1") as http:
        for number in range(24):
            http.headers["X-Forwarded-For"] = f"10.9.9.{number}"
            statuses.append((await look_up(http, JSON, code=f"0000{number:06}", born=BORN_ISO)).status_code)
    assert statuses == [404] * 20 + [429] * 4


async def test_what_is_no_date_counts_as_a_wrong_answer(public_env: PublicEnv) -> None:
    async with public_env.citizen() as http:
        statuses = [(await look_up(http, PAGE, code="00000-00000", born="?")).status_code for _ in range(7)]
    assert statuses == [404] * 5 + [429] * 2
