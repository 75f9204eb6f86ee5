"""Leased numbers on a real database: never used twice, no gap without a reason, in any order of requests."""

import asyncio
import random
from typing import Any

import httpx
import pytest
from intake_fixtures import IntakeClient
from uuid_utils.compat import uuid7
from wanderamt.security.roles import Role

DEVICES, CASES_EACH = 16, 313  # 5,008 cases


async def account(intake_client: IntakeClient, series: str = "BE", *, after: int = 0) -> dict[str, Any]:
    url = f"/numbers/{series}/{intake_client.year}?after={after}"
    reply = await intake_client.http.get(url, headers=intake_client.bearer(Role.OPERATOR))
    audit: dict[str, Any] = reply.json()
    return audit


def codes(reply: httpx.Response) -> list[str | None]:
    return [result["problem"] and result["problem"]["code"] for result in reply.json()["results"]]


async def test_a_lost_answer_costs_no_numbers(intake_client: IntakeClient) -> None:
    order = {"block_id": str(uuid7()), "series": "UK"}
    first = await intake_client.http.post("/numbers/blocks", json=order, headers=intake_client.clerk())
    repeated = await intake_client.http.post("/numbers/blocks", json=order, headers=intake_client.clerk())
    assert first.status_code == repeated.status_code == 201
    lease_answer, repeated_answer = first.json(), repeated.json()
    assert (
        lease_answer.pop("lease").split(".")[1] == repeated_answer.pop("lease").split(".")[1]
    )  # each signature is a new one
    assert lease_answer == repeated_answer
    assert len(first.json()["numbers"]) == 50
    other = await intake_client.second_device()
    stolen = await intake_client.http.post("/numbers/blocks", json=order, headers=other.clerk())
    assert (stolen.status_code, stolen.json()["code"]) == (409, "number.block_of_others")


async def test_a_number_is_used_once_and_only_by_the_device_that_leased_it(intake_client: IntakeClient) -> None:
    other = await intake_client.second_device()
    first, second, foreign = intake_client.entry(), intake_client.entry(), other.entry()
    receipt = first["body"]["paid"]["receipt"]
    second["body"]["paid"]["receipt"] = receipt
    foreign["body"]["paid"]["receipt"] = receipt
    assert codes(await intake_client.sync(first, second)) == [None, "number.taken"]
    assert codes(await other.sync(foreign)) == ["number.not_in_block"]
    wrong_kind, unreadable = intake_client.entry(), intake_client.entry()
    wrong_kind["body"]["paid"]["receipt"] = intake_client.numbers.take("UK")
    unreadable["body"]["paid"]["receipt"] = "BE-2026-0000001-4"
    assert codes(await intake_client.sync(wrong_kind, unreadable)) == ["number.of_other_kind", "number.unreadable"]
    assert (await account(intake_client))["used"] == 1
    assert len(await intake_client.rows("SELECT 1 FROM case_file")) == 1


async def test_a_refused_entry_uses_up_no_number(intake_client: IntakeClient) -> None:
    underpaid = intake_client.entry()
    underpaid["body"]["paid"]["cents"] = 1
    assert codes(await intake_client.sync(underpaid)) == ["fee.wrong_amount"]
    correct = intake_client.entry(body=underpaid["body"] | {"paid": underpaid["body"]["paid"] | {"cents": 330}})
    assert codes(await intake_client.sync(correct)) == [None]


async def test_a_returned_or_voided_number_is_a_gap_with_a_reason(intake_client: IntakeClient) -> None:
    held = (await intake_client.http.get("/numbers/blocks", headers=intake_client.clerk())).json()
    block = next(result for result in held if result["series"] == "BE")
    spoilt = {"number": block["numbers"][3], "reason": "misprinted"}
    assert (
        await intake_client.http.post("/numbers/void", json=spoilt, headers=intake_client.clerk())
    ).status_code == 204
    twice = await intake_client.http.post("/numbers/void", json=spoilt, headers=intake_client.clerk())
    assert twice.json()["code"] == "number.taken"
    url = f"/numbers/blocks/{block['block_id']}/return"
    returned = await intake_client.http.post(url, json={"reason": "stand closed"}, headers=intake_client.clerk())
    assert returned.json()["numbers"] == []
    repeated = await intake_client.http.post(url, json={"reason": "stand closed"}, headers=intake_client.clerk())
    assert repeated.json()["code"] == "number.block_returned"
    audit = await account(intake_client)
    assert (audit["used"], audit["voided"], audit["outstanding"], audit["unexplained"]) == (0, 50, 50, [])
    assert {gap["reason"] for gap in audit["gaps"]} == {"misprinted", "stand closed"}


@pytest.mark.parametrize("role", [Role.PLANNER, Role.OPERATOR])
async def test_numbers_are_for_clerks_on_a_device(intake_client: IntakeClient, role: Role) -> None:
    headers = intake_client.bearer(role, device=intake_client.device_id, stand=intake_client.stand_id)
    for method, url in (
        ("POST", "/numbers/blocks"),
        ("GET", "/numbers/blocks"),
        ("POST", f"/numbers/blocks/{uuid7()}/return"),
        ("POST", "/numbers/void"),
    ):
        assert (await intake_client.http.request(method, url, json={}, headers=headers)).status_code == 403
    reply = await intake_client.http.get("/numbers/blocks", headers=intake_client.bearer(Role.CLERK))
    assert reply.json()["code"] == "access.device_needed"


async def lease(device: IntakeClient, series: str = "UK") -> httpx.Response:
    order = {"block_id": str(uuid7()), "series": series}
    return await device.http.post("/numbers/blocks", json=order, headers=device.clerk())


async def return_block(device: IntakeClient, block_id: str) -> None:
    url = f"/numbers/blocks/{block_id}/return"
    reply = await device.http.post(url, json={"reason": "stand closed"}, headers=device.clerk())
    assert reply.status_code == 200


async def test_a_device_leases_40_blocks_of_a_series_a_day_even_if_it_returns_each(
    intake_client: IntakeClient,
) -> None:
    device = await intake_client.second_device()
    for _ in range(40):
        leased = await lease(device)
        assert leased.status_code == 201
        await return_block(device, leased.json()["block_id"])
    refused = await lease(device)
    assert (refused.status_code, refused.json()["code"]) == (429, "number.too_many_blocks_today")
    assert (await lease(device, "GZ")).status_code == 201
    assert (await lease(intake_client)).status_code == 201
    await intake_client.rows("UPDATE number_block SET leased_at = leased_at - interval '1 day' RETURNING 1")
    assert (await lease(device)).status_code == 201


async def test_a_series_ends_with_the_last_number_of_seven_digits(intake_client: IntakeClient) -> None:
    await intake_client.rows("UPDATE number_series SET next_serial = 9999950 WHERE series = 'UK' RETURNING 1")
    last = (await lease(intake_client)).json()["numbers"][-1]
    assert last.startswith(f"UK-{intake_client.year}-9999999-")
    [before] = await intake_client.rows("SELECT last_value FROM document_serial")
    refused = await lease(intake_client)
    assert (refused.status_code, refused.json()["code"]) == (409, "number.series_used_up")
    assert [before] == await intake_client.rows("SELECT last_value FROM document_serial")
    assert (await lease(intake_client, "GZ")).status_code == 201


async def test_the_account_of_a_series_lists_a_thousand_gaps_at_a_time(intake_client: IntakeClient) -> None:
    for _ in range(21):
        await return_block(intake_client, (await lease(intake_client)).json()["block_id"])
    await intake_client.rows("UPDATE number_series SET next_serial = next_serial + 3 WHERE series = 'UK' RETURNING 1")
    first = await account(intake_client, "UK")
    assert (first["used"], first["outstanding"], first["voided"], len(first["gaps"])) == (0, 100, 1050, 1000)
    assert first["unexplained"] == [1151, 1152, 1153]
    last = int(first["gaps"][-1]["number"].split("-")[2])
    rest = await account(intake_client, "UK", after=last)
    assert rest | {"gaps": first["gaps"]} == first
    assert len({gap["number"] for gap in first["gaps"] + rest["gaps"]}) == 1050
    await lease(intake_client)
    assert (await account(intake_client, "UK", after=1151))["unexplained"] == [1152, 1153]


async def sync_until_answered(device: IntakeClient, entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Repeats a request that a busy database refuses with 503, as every device does."""
    while (reply := await device.sync(*entries)).status_code == 503:
        await asyncio.sleep(float(reply.headers["retry-after"]))
    return list(reply.json()["results"])


async def test_sixteen_devices_number_five_thousand_cases_without_duplicate_or_gap(
    intake_client: IntakeClient,
) -> None:
    """Each device leases blocks as needed, sends its entries in random order and twice, and returns unused blocks."""
    devices = [intake_client] + [await intake_client.second_device() for _ in range(DEVICES - 1)]

    async def work_through(device: IntakeClient, chance: random.Random) -> None:
        entries = []
        for _ in range(CASES_EACH):
            if not device.numbers.left("BE"):
                await device.lease("BE")
            entries.append(device.entry())
        chance.shuffle(entries)
        for at in range(0, CASES_EACH, 40):
            part = entries[at : at + 40]
            replies = await asyncio.gather(
                *(sync_until_answered(device, part) for _ in range(chance.choice((1, 1, 2))))
            )
            assert {result["status"] for results in replies for result in results} <= {"accepted", "duplicate"}
        for block in (await device.http.get("/numbers/blocks", headers=device.clerk())).json():
            url = f"/numbers/blocks/{block['block_id']}/return"
            await device.http.post(url, json={"reason": "stand closed"}, headers=device.clerk())

    chances = (random.Random(seed) for seed in range(DEVICES))  # noqa: S311 -- the same shuffles in every run
    await asyncio.gather(*map(work_through, devices, chances))
    receipts = await intake_client.rows(
        "SELECT json_array_elements_text(progress -> 'receipts') AS receipt FROM case_file"
    )
    assert len(receipts) == DEVICES * CASES_EACH
    assert len({row["receipt"] for row in receipts}) == len(receipts)
    audit = await account(intake_client)
    assert (audit["used"], audit["outstanding"], audit["unexplained"]) == (len(receipts), 0, [])
    leased = await intake_client.rows("SELECT next_serial - 1 AS last FROM number_series WHERE series = 'BE'")
    assert audit["used"] + audit["voided"] == leased[0]["last"]
