"""A case taken wholly without network: numbered, paid and papered on the device; then final, or taken back with a word."""

import asyncio
from typing import Any

import httpx
import pytest
import pytest_asyncio
from uuid_utils.compat import uuid7
from wanderamt.backbone.sources import utc_now
from wanderamt.security.roles import Role
from wanderamt_local.field import Numbers, case_entry, step_by_step, whole_case

WAIT_S = 40
PHONE = "+43660555888"


class Tablet:
    """What it does without network it only writes down."""

    def __init__(self, system: Any, http: httpx.AsyncClient) -> None:
        self.system, self.http = system, http
        self.device_id, self.stand_id = uuid7(), uuid7()
        self.numbers = Numbers()
        self.headers: dict[str, str] = {}
        self.written: list[dict[str, Any]] = []

    async def prepare(self) -> None:
        token = await self.system.enrol(self.device_id, self.stand_id)
        self.headers = {"Authorization": f"Bearer {token}"}
        for series in ("GZ", "BE", "UK"):
            await self.numbers.lease(self.http, series=series, block_id=uuid7(), headers=self.headers)

    def capture(self, phone: str = "+43660555889") -> tuple[str, str]:
        """A citizen, step by step, with a provisional paper. Case id and number of the paper."""
        case_id, paper = uuid7(), {"document_id": str(uuid7()), "number": self.numbers.take("UK")}
        applicant = {"given_name": "Šemsa", "family_name": "Öztürk", "birth_date": "1971-12-31"}
        body = whole_case(
            "registration_confirmation", applicant=applicant, contact={"phone": phone}, numbers=self.numbers
        )
        steps = step_by_step(body)
        steps[0][1]["number"] = self.numbers.take("GZ")
        for place, (type_, part) in enumerate([*steps, ("case.give_provisional", paper)], 1):
            self.written.append(
                case_entry(
                    type_,
                    uuid7(),
                    case_id,
                    self.stand_id,
                    device_seq=len(self.written) + 1,
                    case_seq=place,
                    captured_at=utc_now(),
                    body=part,
                )
            )
        return str(case_id), str(paper["number"])

    async def sync(self) -> list[str]:
        reply = await self.http.post("/sync", json={"entries": self.written}, headers=self.headers)
        return [one["status"] for one in reply.json()["results"]]

    async def case(self, case_id: str) -> dict[str, Any]:
        found: dict[str, Any] = (await self.http.get(f"/cases/{case_id}", headers=self.headers)).json()
        return found

    async def ends(self, case_id: str, state: str) -> dict[str, Any]:
        async with asyncio.timeout(WAIT_S):
            while (case := await self.case(case_id))["state"] != state or not (
                case["document_id"] or case["document_revoked_at"]
            ):
                await asyncio.sleep(0.1)
        return case


@pytest_asyncio.fixture
async def tablet(running_system: Any) -> Any:
    async with httpx.AsyncClient(base_url=running_system.url("intake"), timeout=20) as http:
        tablet = Tablet(running_system, http)
        await tablet.prepare()
        yield tablet


async def test_what_was_printed_without_network_is_final_once_the_register_says_yes(tablet: Any) -> None:
    case_id, number = tablet.capture()
    assert set(await tablet.sync()) == {"accepted"}
    case = await tablet.ends(case_id, "final")
    assert (case["document_number"], case["paid_cents"]) == (number, 330)
    assert case["number"].startswith("GZ-")
    assert set(await tablet.sync()) == {"duplicate"}


async def test_what_was_printed_without_network_is_void_when_the_register_says_no(
    running_system: Any, tablet: Any
) -> None:
    case_id, _ = tablet.capture(PHONE)
    await running_system.turn("residents", {"knows_nobody": True})
    try:
        await tablet.sync()
        case = await tablet.ends(case_id, "compensated")
    finally:
        await running_system.turn("residents", {"knows_nobody": False})
    assert case["paid_cents"] == 0
    assert case["document_revoked_at"]
    clerk = {"Authorization": f"Bearer {running_system.token('c@linz', Role.CLERK, audience='notifications')}"}
    async with httpx.AsyncClient(timeout=20) as http, asyncio.timeout(WAIT_S):
        url = f"{running_system.url('notifications')}/cases/{case_id}/notices"
        while not [
            one
            for one in (await http.get(url, headers=clerk)).json()
            if one["kind"] == "paper_void" and one["state"] in {"sent", "delivered"}
        ]:
            await asyncio.sleep(0.1)
    received = await running_system.messengers()
    seen = [one["text"] for name in ("gate", "smsc") for one in received[name]["messages"] if one["to"] == PHONE]
    assert sum("gilt nicht mehr" in text for text in seen) == 1


@pytest.mark.parametrize("order", ["backwards", "one by one, the last first"])
async def test_it_does_not_matter_in_which_order_the_entries_arrive(tablet: Any, order: str) -> None:
    case_id, number = tablet.capture()
    written = list(reversed(tablet.written))
    parts = [written] if order == "backwards" else [[entry] for entry in written]
    for tablet.written in parts:
        await tablet.sync()
    assert (await tablet.ends(case_id, "final"))["document_number"] == number
