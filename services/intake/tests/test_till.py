"""Tills on a real database: payments, counted cash, refunds."""

from typing import Any

import httpx
import pytest
from intake_fixtures import WITH_REASON, IntakeClient
from uuid_utils.compat import uuid7
from wanderamt.security.roles import Role

FLOAT = 10_000


async def opened(intake_client: IntakeClient, till_id: str) -> httpx.Response:
    return await intake_client.http.post(
        "/tills", json={"till_id": till_id, "float_cents": FLOAT}, headers=intake_client.clerk()
    )


async def closed(
    intake_client: IntakeClient, till_id: str, *, counted: int, receipts: int, note: str = ""
) -> httpx.Response:
    order = {"counted_cents": counted, "receipts": receipts, "note": note}
    return await intake_client.http.post(f"/tills/{till_id}/close", json=order, headers=intake_client.clerk())


async def pay(intake_client: IntakeClient, till_id: str, payment: str = "cash", **body: Any) -> str:
    entry = intake_client.entry()
    cents = 0 if payment == "waived" else entry["body"]["paid"]["cents"]
    entry["body"]["paid"] |= {"till_id": till_id, "payment": payment, "cents": cents}
    entry["body"] |= body
    assert [refund["status"] for refund in (await intake_client.sync(entry)).json()["results"]] == ["accepted"]
    case_id: str = entry["case_id"]
    return case_id


async def owed(intake_client: IntakeClient) -> list[dict[str, Any]]:
    refunds: list[dict[str, Any]] = (
        await intake_client.http.get(f"/stands/{intake_client.stand_id}/refunds", headers=intake_client.clerk())
    ).json()
    return refunds


async def test_a_till_adds_up_over_all_payment_methods(intake_client: IntakeClient) -> None:
    till_id = str(uuid7())
    await pay(intake_client, till_id)  # before the server knows the till
    first = await opened(intake_client, till_id)
    assert (first.status_code, first.json()["cash_in_cents"]) == (201, 330)
    assert (await opened(intake_client, till_id)).json()["opened_at"] == first.json()["opened_at"]
    await pay(intake_client, till_id)
    await pay(intake_client, till_id, "card")
    await pay(intake_client, till_id, "waived")
    await pay(intake_client, str(uuid7()))  # of another till
    report = (await closed(intake_client, till_id, counted=FLOAT + 660, receipts=4)).json()
    assert (report["cash_in_cents"], report["card_in_cents"], report["waived"], report["receipts"]) == (660, 330, 1, 4)
    assert (report["expected_cents"], report["difference_cents"], report["late_receipts"]) == (FLOAT + 660, 0, 0)
    assert report["closed_at"]


async def test_a_till_with_a_difference_closes_only_with_a_reason(intake_client: IntakeClient) -> None:
    till_id = str(uuid7())
    await opened(intake_client, till_id)
    await pay(intake_client, till_id)
    refused = await closed(intake_client, till_id, counted=FLOAT, receipts=1)
    assert (refused.status_code, refused.json()["code"]) == (422, "till.difference")
    assert "330 cents too little" in refused.json()["hint"]
    report = await closed(intake_client, till_id, counted=FLOAT, receipts=1, note="fell behind the seat")
    assert report.json()["difference_cents"] == -330
    repeated = await closed(intake_client, till_id, counted=FLOAT, receipts=1, note="fell behind the seat")
    assert repeated.json() == report.json()
    assert (await closed(intake_client, till_id, counted=1, receipts=1, note="x")).json()["code"] == "till.closed"


async def test_payments_on_the_device_are_sent_before_the_till_is_closed(intake_client: IntakeClient) -> None:
    till_id = str(uuid7())
    await opened(intake_client, till_id)
    await pay(intake_client, till_id)
    early = await closed(intake_client, till_id, counted=FLOAT + 660, receipts=2)
    assert (early.status_code, early.json()["code"]) == (409, "till.receipts_missing")
    await closed(intake_client, till_id, counted=FLOAT + 660, receipts=1, note="a receipt is on its way")
    await pay(intake_client, till_id)
    [report] = (
        await intake_client.http.get(
            f"/stands/{intake_client.stand_id}/tills", headers=intake_client.bearer(Role.OPERATOR)
        )
    ).json()
    assert (report["difference_cents"], report["late_receipts"]) == (0, 1)


async def test_a_device_has_one_open_till_and_no_other_closes_it(intake_client: IntakeClient) -> None:
    till_id, other = str(uuid7()), await intake_client.second_device()
    await opened(intake_client, till_id)
    assert (await opened(intake_client, str(uuid7()))).json()["code"] == "till.other_open"
    assert (await opened(other, till_id)).json()["code"] == "id.taken"
    assert (await closed(other, till_id, counted=FLOAT, receipts=0)).json()["code"] == "till.not_found"


async def test_a_fee_without_a_service_is_refunded_once(intake_client: IntakeClient) -> None:
    till_id = str(uuid7())
    await opened(intake_client, till_id)
    document = {"document_id": str(uuid7()), "number": intake_client.numbers.take("UK")}
    compensated, withdrawn = await pay(intake_client, till_id, provisional=document), await pay(intake_client, till_id)
    await intake_client.answer_register(compensated, "not_found")
    await intake_client.http.post(f"/cases/{withdrawn}/withdraw", headers=intake_client.clerk())
    refunds = {refund["case_id"]: refund for refund in await owed(intake_client)}
    assert {(refund["cents"], refund["reason"]) for refund in refunds.values()} == {
        (330, "not_found"),
        (330, "withdrawn"),
    }
    url = f"/refunds/{refunds[compensated]['refund_id']}/pay-out"
    order = {"payment": "cash", "receipt": intake_client.numbers.take("BE"), "till_id": till_id}
    waived = await intake_client.http.post(url, json=order | {"payment": "waived"}, headers=intake_client.clerk())
    assert waived.json()["code"] == "refund.not_waived"
    foreign = await intake_client.http.post(url, json=order, headers=(await intake_client.second_device()).clerk())
    assert foreign.json()["code"] == "number.not_in_block"
    other = await intake_client.second_device()
    own_number = order | {"receipt": other.numbers.take("BE")}
    foreign_till = await intake_client.http.post(url, json=own_number, headers=other.clerk())
    assert foreign_till.json()["code"] == "till.not_found"
    for _ in range(2):
        assert (await intake_client.http.post(url, json=order, headers=intake_client.clerk())).json()[
            "receipt"
        ] == order["receipt"]
    repeated = order | {"receipt": intake_client.numbers.take("BE")}
    assert (await intake_client.http.post(url, json=repeated, headers=intake_client.clerk())).json()[
        "code"
    ] == "refund.paid"
    assert [refund["case_id"] for refund in await owed(intake_client)] == [withdrawn]
    report = (await closed(intake_client, till_id, counted=FLOAT + 330, receipts=3)).json()
    assert (report["cash_in_cents"], report["cash_out_cents"], report["difference_cents"]) == (660, 330, 0)
    nowhere = f"/refunds/{uuid7()}/pay-out"
    without_reason = await intake_client.http.post(nowhere, json=order, headers=intake_client.clerk())
    assert (without_reason.status_code, without_reason.json()["code"]) == (403, "access.reason_needed")
    unknown = await intake_client.http.post(nowhere, json=order, headers=intake_client.clerk() | WITH_REASON)
    assert (unknown.status_code, unknown.json()["code"]) == (404, "refund.not_found")


@pytest.mark.parametrize("role", [Role.PLANNER, Role.OPERATOR])
async def test_money_is_for_clerks_on_a_device(intake_client: IntakeClient, role: Role) -> None:
    headers = intake_client.bearer(role, device=intake_client.device_id, stand=intake_client.stand_id)
    for url in ("/tills", f"/tills/{uuid7()}/close", f"/refunds/{uuid7()}/pay-out"):
        assert (await intake_client.http.post(url, json={}, headers=headers)).status_code == 403
    order = {"till_id": str(uuid7()), "float_cents": 0}
    reply = await intake_client.http.post("/tills", json=order, headers=intake_client.bearer(Role.CLERK))
    assert reply.json()["code"] == "access.device_needed"
