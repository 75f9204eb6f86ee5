"""The fee desk on a real database: what came in, what was counted, what is owed back."""

from typing import Any

import pytest
from uuid_utils.compat import uuid7
from wanderamt.security.roles import Role

FLOAT = 10_000


async def opened(desk: Any, till_id: str) -> Any:
    return await desk.http.post("/tills", json={"till_id": till_id, "float_cents": FLOAT}, headers=desk.clerk())


async def closed(desk: Any, till_id: str, *, counted: int, receipts: int, note: str = "") -> Any:
    order = {"counted_cents": counted, "receipts": receipts, "note": note}
    return await desk.http.post(f"/tills/{till_id}/close", json=order, headers=desk.clerk())


async def pay(desk: Any, till_id: str, payment: str = "cash", **body: Any) -> str:
    entry = desk.entry()
    cents = 0 if payment == "waived" else entry["body"]["paid"]["cents"]
    entry["body"]["paid"] |= {"till_id": till_id, "payment": payment, "cents": cents}
    entry["body"] |= body
    assert [one["status"] for one in (await desk.sync(entry)).json()["results"]] == ["accepted"]
    case_id: str = entry["case_id"]
    return case_id


async def owed(desk: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await desk.http.get(f"/stands/{desk.stand_id}/refunds", headers=desk.clerk())).json()
    return found


async def test_a_till_adds_up_over_all_ways_to_pay(desk: Any) -> None:
    till_id = str(uuid7())
    await pay(desk, till_id)  # taken before the server heard of the till
    first = await opened(desk, till_id)
    assert (first.status_code, first.json()["cash_in_cents"]) == (201, 330)
    assert (await opened(desk, till_id)).json()["opened_at"] == first.json()["opened_at"]
    await pay(desk, till_id)
    await pay(desk, till_id, "card")
    await pay(desk, till_id, "waived")
    await pay(desk, str(uuid7()))  # of another till
    report = (await closed(desk, till_id, counted=FLOAT + 660, receipts=4)).json()
    assert (report["cash_in_cents"], report["card_in_cents"], report["waived"], report["receipts"]) == (660, 330, 1, 4)
    assert (report["expected_cents"], report["difference_cents"], report["late_receipts"]) == (FLOAT + 660, 0, 0)
    assert report["closed_at"]


async def test_a_difference_is_closed_with_a_reason_or_not_at_all(desk: Any) -> None:
    till_id = str(uuid7())
    await opened(desk, till_id)
    await pay(desk, till_id)
    refused = await closed(desk, till_id, counted=FLOAT, receipts=1)
    assert (refused.status_code, refused.json()["code"]) == (422, "till.difference")
    assert "330 cents too little" in refused.json()["hint"]
    report = await closed(desk, till_id, counted=FLOAT, receipts=1, note="fell behind the seat")
    assert report.json()["difference_cents"] == -330
    again = await closed(desk, till_id, counted=FLOAT, receipts=1, note="fell behind the seat")
    assert again.json() == report.json()
    assert (await closed(desk, till_id, counted=1, receipts=1, note="x")).json()["code"] == "till.closed"


async def test_what_is_still_on_the_device_is_sent_before_the_till_is_closed(desk: Any) -> None:
    till_id = str(uuid7())
    await opened(desk, till_id)
    await pay(desk, till_id)
    early = await closed(desk, till_id, counted=FLOAT + 660, receipts=2)
    assert (early.status_code, early.json()["code"]) == (409, "till.receipts_missing")
    await closed(desk, till_id, counted=FLOAT + 660, receipts=1, note="a receipt is on its way")
    await pay(desk, till_id)
    [report] = (await desk.http.get(f"/stands/{desk.stand_id}/tills", headers=desk.bearer(Role.OPERATOR))).json()
    assert (report["difference_cents"], report["late_receipts"]) == (0, 1)


async def test_a_device_has_one_open_till_and_no_other_closes_it(desk: Any) -> None:
    till_id, other = str(uuid7()), await desk.second()
    await opened(desk, till_id)
    assert (await opened(desk, str(uuid7()))).json()["code"] == "till.other_open"
    assert (await opened(other, till_id)).json()["code"] == "till.other_open"
    assert (await closed(other, till_id, counted=FLOAT, receipts=0)).json()["code"] == "till.not_found"


async def test_what_was_paid_for_nothing_is_paid_back_once(desk: Any) -> None:
    till_id = str(uuid7())
    await opened(desk, till_id)
    paper = {"document_id": str(uuid7()), "number": desk.numbers.take("UK")}
    compensated, withdrawn = await pay(desk, till_id, provisional=paper), await pay(desk, till_id)
    await desk.hear(compensated, "not_found")
    await desk.http.post(f"/cases/{withdrawn}/withdraw", headers=desk.clerk())
    refunds = {one["case_id"]: one for one in await owed(desk)}
    assert {(one["cents"], one["reason"]) for one in refunds.values()} == {(330, "not_found"), (330, "withdrawn")}
    url = f"/refunds/{refunds[compensated]['refund_id']}/pay-out"
    order = {"payment": "cash", "receipt": desk.numbers.take("BE"), "till_id": till_id}
    waived = await desk.http.post(url, json=order | {"payment": "waived"}, headers=desk.clerk())
    assert waived.json()["code"] == "refund.not_waived"
    foreign = await desk.http.post(url, json=order, headers=(await desk.second()).clerk())
    assert foreign.json()["code"] == "number.not_in_block"
    for _ in range(2):
        assert (await desk.http.post(url, json=order, headers=desk.clerk())).json()["receipt"] == order["receipt"]
    again = order | {"receipt": desk.numbers.take("BE")}
    assert (await desk.http.post(url, json=again, headers=desk.clerk())).json()["code"] == "refund.paid"
    assert [one["case_id"] for one in await owed(desk)] == [withdrawn]
    report = (await closed(desk, till_id, counted=FLOAT + 330, receipts=3)).json()
    assert (report["cash_in_cents"], report["cash_out_cents"], report["difference_cents"]) == (660, 330, 0)
    unknown = await desk.http.post(f"/refunds/{uuid7()}/pay-out", json=order, headers=desk.clerk())
    assert (unknown.status_code, unknown.json()["code"]) == (404, "refund.not_found")


@pytest.mark.parametrize("role", [Role.PLANNER, Role.OPERATOR])
async def test_money_is_for_clerks_on_a_device(desk: Any, role: Role) -> None:
    about = {"device": desk.device_id, "stand": desk.stand_id}
    for url in ("/tills", f"/tills/{uuid7()}/close", f"/refunds/{uuid7()}/pay-out"):
        assert (await desk.http.post(url, json={}, headers=desk.bearer(role, **about))).status_code == 403
    order = {"till_id": str(uuid7()), "float_cents": 0}
    office = await desk.http.post("/tills", json=order, headers=desk.bearer(Role.CLERK))
    assert office.json()["code"] == "device.not_enrolled"
