"""Leased numbers on a real database: never twice, no gap without a reason, whoever sends what in which order."""

import asyncio
import random
from typing import Any

import pytest
from uuid_utils.compat import uuid7
from wanderamt.security.roles import Role

DEVICES, CASES_EACH = 16, 313  # 5,008 cases


async def account(desk: Any, series: str = "BE") -> dict[str, Any]:
    found: dict[str, Any] = (
        await desk.http.get(f"/numbers/{series}/{desk.year}", headers=desk.bearer(Role.OPERATOR))
    ).json()
    return found


def codes(reply: Any) -> list[str | None]:
    return [one["problem"] and one["problem"]["code"] for one in reply.json()["results"]]


async def test_a_lost_answer_costs_no_numbers(desk: Any) -> None:
    order = {"block_id": str(uuid7()), "series": "UK"}
    first = await desk.http.post("/numbers/blocks", json=order, headers=desk.clerk())
    again = await desk.http.post("/numbers/blocks", json=order, headers=desk.clerk())
    assert first.status_code == again.status_code == 201
    told, told_again = first.json(), again.json()
    assert told.pop("lease").split(".")[1] == told_again.pop("lease").split(".")[1]  # each signature is a new one
    assert told == told_again
    assert len(first.json()["numbers"]) == 50
    other = await desk.second()
    stolen = await desk.http.post("/numbers/blocks", json=order, headers=other.clerk())
    assert (stolen.status_code, stolen.json()["code"]) == (409, "number.block_of_others")


async def test_a_number_is_used_once_and_only_by_the_device_that_leased_it(desk: Any) -> None:
    other = await desk.second()
    first, second, foreign = desk.entry(), desk.entry(), other.entry()
    receipt = first["body"]["paid"]["receipt"]
    second["body"]["paid"]["receipt"] = receipt
    foreign["body"]["paid"]["receipt"] = receipt
    assert codes(await desk.sync(first, second)) == [None, "number.taken"]
    assert codes(await other.sync(foreign)) == ["number.not_in_block"]
    wrong_kind, unreadable = desk.entry(), desk.entry()
    wrong_kind["body"]["paid"]["receipt"] = desk.numbers.take("UK")
    unreadable["body"]["paid"]["receipt"] = "BE-2026-0000001-4"
    assert codes(await desk.sync(wrong_kind, unreadable)) == ["number.of_other_kind", "number.unreadable"]
    assert (await account(desk))["used"] == 1
    assert len(await desk.rows("SELECT 1 FROM case_file")) == 1


async def test_a_refused_entry_uses_up_no_number(desk: Any) -> None:
    whole = desk.entry()
    whole["body"]["paid"]["cents"] = 1
    assert codes(await desk.sync(whole)) == ["fee.wrong_amount"]
    right = desk.entry(body=whole["body"] | {"paid": whole["body"]["paid"] | {"cents": 330}})
    assert codes(await desk.sync(right)) == [None]


async def test_what_is_given_back_or_spoilt_is_a_gap_with_a_reason(desk: Any) -> None:
    held = (await desk.http.get("/numbers/blocks", headers=desk.clerk())).json()
    block = next(one for one in held if one["series"] == "BE")
    spoilt = {"number": block["numbers"][3], "reason": "misprinted"}
    assert (await desk.http.post("/numbers/void", json=spoilt, headers=desk.clerk())).status_code == 204
    twice = await desk.http.post("/numbers/void", json=spoilt, headers=desk.clerk())
    assert twice.json()["code"] == "number.taken"
    url = f"/numbers/blocks/{block['block_id']}/return"
    returned = await desk.http.post(url, json={"reason": "stand closed"}, headers=desk.clerk())
    assert returned.json()["numbers"] == []
    again = await desk.http.post(url, json={"reason": "stand closed"}, headers=desk.clerk())
    assert again.json()["code"] == "number.block_returned"
    found = await account(desk)
    assert (found["used"], found["voided"], found["outstanding"], found["unexplained"]) == (0, 50, 50, [])
    assert {gap["reason"] for gap in found["gaps"]} == {"misprinted", "stand closed"}


@pytest.mark.parametrize("role", [Role.PLANNER, Role.OPERATOR])
async def test_numbers_are_for_clerks_on_a_device(desk: Any, role: Role) -> None:
    about = {"device": desk.device_id, "stand": desk.stand_id}
    for method, url in (
        ("POST", "/numbers/blocks"),
        ("GET", "/numbers/blocks"),
        ("POST", f"/numbers/blocks/{uuid7()}/return"),
        ("POST", "/numbers/void"),
    ):
        assert (await desk.http.request(method, url, json={}, headers=desk.bearer(role, **about))).status_code == 403
    office = await desk.http.get("/numbers/blocks", headers=desk.bearer(Role.CLERK))
    assert office.json()["code"] == "device.not_enrolled"


async def test_sixteen_devices_number_five_thousand_cases_without_a_double_and_without_a_gap(desk: Any) -> None:
    """Each leases as it goes, sends in any order and twice, and gives back what is left."""
    devices = [desk] + [await desk.second() for _ in range(DEVICES - 1)]

    async def work(device: Any, chance: random.Random) -> None:
        entries = []
        for _ in range(CASES_EACH):
            if not device.numbers.left("BE"):
                await device.lease("BE")
            entries.append(device.entry())
        chance.shuffle(entries)
        for at in range(0, CASES_EACH, 40):
            part = entries[at : at + 40]
            replies = await asyncio.gather(*(device.sync(*part) for _ in range(chance.choice((1, 1, 2)))))
            assert {one["status"] for reply in replies for one in reply.json()["results"]} <= {"accepted", "duplicate"}
        for block in (await device.http.get("/numbers/blocks", headers=device.clerk())).json():
            url = f"/numbers/blocks/{block['block_id']}/return"
            await device.http.post(url, json={"reason": "stand closed"}, headers=device.clerk())

    chances = (random.Random(seed) for seed in range(DEVICES))  # noqa: S311 -- the same shuffles in every run
    await asyncio.gather(*map(work, devices, chances))
    receipts = await desk.rows("SELECT json_array_elements_text(progress -> 'receipts') AS receipt FROM case_file")
    assert len(receipts) == DEVICES * CASES_EACH
    assert len({row["receipt"] for row in receipts}) == len(receipts)
    found = await account(desk)
    assert (found["used"], found["outstanding"], found["unexplained"]) == (len(receipts), 0, [])
    leased = await desk.rows("SELECT next_serial - 1 AS last FROM number_series WHERE series = 'BE'")
    assert found["used"] + found["voided"] == leased[0]["last"]
