"""A case captured without network: numbered, paid and documented on the device; later final, or revoked with a reason."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio
from uuid_utils.compat import uuid7
from wanderamt.backbone.environment import utc_now
from wanderamt.security.roles import Role
from wanderamt_local.field_entries import LeasedNumbers, case_entry, split_case, whole_case
from wanderamt_local.system import System

WAIT_S = 40
PHONE = "+43660555888"


class OfflineTablet:
    """Without network it only records entries."""

    def __init__(self, system: System, http: httpx.AsyncClient) -> None:
        self.system, self.http = system, http
        self.device_id, self.stand_id = uuid7(), uuid7()
        self.numbers = LeasedNumbers()
        self.headers: dict[str, str] = {}
        self.entries: list[dict[str, Any]] = []

    async def prepare(self) -> None:
        token = await self.system.enrol(self.device_id, self.stand_id)
        self.headers = {"Authorization": f"Bearer {token}"}
        for series in ("GZ", "BE", "UK"):
            await self.numbers.lease(self.http, series=series, block_id=uuid7(), headers=self.headers)

    def capture(self, phone: str = "+43660555889") -> tuple[str, str]:
        """A case, step by step, with a provisional document. Its id and the number of the document."""
        case_id, document = uuid7(), {"document_id": str(uuid7()), "number": self.numbers.take("UK")}
        applicant = {"given_name": "Šemsa", "family_name": "Öztürk", "birth_date": "1971-12-31"}
        body = whole_case(
            "registration_confirmation", applicant=applicant, contact={"phone": phone}, numbers=self.numbers
        )
        steps = split_case(body)
        steps[0][1]["number"] = self.numbers.take("GZ")
        for place, (type_, part) in enumerate([*steps, ("case.give_provisional", document)], 1):
            self.entries.append(
                case_entry(
                    type_,
                    uuid7(),
                    case_id,
                    self.stand_id,
                    device_seq=len(self.entries) + 1,
                    case_seq=place,
                    captured_at=utc_now(),
                    body=part,
                )
            )
        return str(case_id), str(document["number"])

    async def sync(self) -> list[str]:
        reply = await self.http.post("/sync", json={"entries": self.entries}, headers=self.headers)
        return [result["status"] for result in reply.json()["results"]]

    async def case(self, case_id: str) -> dict[str, Any]:
        case: dict[str, Any] = (await self.http.get(f"/cases/{case_id}", headers=self.headers)).json()
        return case

    async def wait_for_state(self, case_id: str, state: str) -> dict[str, Any]:
        async with asyncio.timeout(WAIT_S):
            while (case := await self.case(case_id))["state"] != state or not (
                case["document_id"] or case["document_revoked_at"]
            ):
                await asyncio.sleep(0.1)
        return case


@pytest_asyncio.fixture
async def tablet(running_system: System) -> AsyncIterator[OfflineTablet]:
    async with httpx.AsyncClient(base_url=running_system.url("intake"), timeout=20) as http:
        tablet = OfflineTablet(running_system, http)
        await tablet.prepare()
        yield tablet


async def test_an_offline_document_is_final_after_the_register_confirms(tablet: OfflineTablet) -> None:
    case_id, number = tablet.capture()
    assert set(await tablet.sync()) == {"accepted"}
    case = await tablet.wait_for_state(case_id, "final")
    assert (case["document_number"], case["paid_cents"]) == (number, 330)
    assert case["number"].startswith("GZ-")
    assert set(await tablet.sync()) == {"duplicate"}


async def test_an_offline_document_is_void_after_the_register_refuses(
    running_system: System, tablet: OfflineTablet
) -> None:
    case_id, _ = tablet.capture(PHONE)
    await running_system.set_faults("residents", {"knows_nobody": True})
    try:
        await tablet.sync()
        case = await tablet.wait_for_state(case_id, "compensated")
    finally:
        await running_system.set_faults("residents", {"knows_nobody": False})
    assert case["paid_cents"] == 0
    assert case["document_revoked_at"]
    clerk = {"Authorization": f"Bearer {running_system.token('c@linz', Role.CLERK, audience='notifications')}"}
    async with httpx.AsyncClient(timeout=20) as http, asyncio.timeout(WAIT_S):
        url = f"{running_system.url('notifications')}/cases/{case_id}/notices"
        while not [
            notice
            for notice in (await http.get(url, headers=clerk)).json()
            if notice["kind"] == "document_void" and notice["state"] in {"sent", "delivered"}
        ]:
            await asyncio.sleep(0.1)
    received = await running_system.received_messages()
    texts = [sms["text"] for name in ("gate", "smsc") for sms in received[name]["messages"] if sms["to"] == PHONE]
    assert sum("gilt nicht mehr" in text for text in texts) == 1


@pytest.mark.parametrize("order", ["one request, reversed", "one request per entry, reversed"])
async def test_the_order_in_which_entries_arrive_does_not_matter(tablet: OfflineTablet, order: str) -> None:
    case_id, number = tablet.capture()
    entries = list(reversed(tablet.entries))
    requests = [entries] if order == "one request, reversed" else [[entry] for entry in entries]
    for tablet.entries in requests:
        await tablet.sync()
    assert (await tablet.wait_for_state(case_id, "final"))["document_number"] == number
