"""A case from the tablet to the citizen's mailbox, across all services as processes."""

import asyncio
import io
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest
from pypdf import PdfReader
from uuid_utils.compat import uuid7
from wanderamt.backbone.environment import utc_now
from wanderamt.security.roles import Role
from wanderamt_local.demo.trace_chart import read_spans
from wanderamt_local.field_entries import RECEIPT_SERIES, LeasedNumbers, open_case_entry, whole_case
from wanderamt_local.system import SERVICES, System

WAIT_S = 40
T = TypeVar("T")


async def wait_for(request: Callable[[], Awaitable[T | None]]) -> T:
    """The first true result of `request`. Fails after WAIT_S."""
    async with asyncio.timeout(WAIT_S):
        while not (result := await request()):
            await asyncio.sleep(0.1)
    return result


def bearer(system: System, service: str, *roles: Role) -> dict[str, str]:
    return {"Authorization": f"Bearer {system.token('clerk@linz', *roles, audience=service)}"}


@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_is_live_ready_and_documented(running_system: System, service: str) -> None:
    async with httpx.AsyncClient(base_url=running_system.url(service), timeout=10) as http:
        assert (await http.get("/health/live")).json()["status"] == "live"
        ready = await http.get("/health/ready", headers=bearer(running_system, service, Role.OPERATOR))
        assert (ready.status_code, ready.json()["status"]) == (200, "ready")
        reported = ready.json()["components"].values()
        assert [state for state in reported if state != "ok" and "is paused: maintenance" not in state] == []
        assert "<code>/health/ready</code>" in (await http.get("/docs")).text


async def test_a_case_reaches_the_mailbox_and_its_trace_covers_all_services(running_system: System) -> None:
    system = running_system
    device_id, stand_id, case_id, trace_id = uuid7(), uuid7(), uuid7(), uuid7().hex
    clerk = {"Authorization": f"Bearer {await system.enrol(device_id, stand_id)}"}
    numbers = LeasedNumbers()
    async with httpx.AsyncClient(base_url=system.url("intake"), timeout=20) as http:
        await numbers.lease(http, series=RECEIPT_SERIES, block_id=uuid7(), headers=clerk)
    body = whole_case(
        "registration_confirmation",
        language="en",
        applicant={"given_name": "Šemsa", "family_name": "Öztürk", "birth_date": "1971-12-31"},
        contact={"phone": "+436605557770", "email": "semsa@mail.example", "prefer": "email", "language": "tr"},
        numbers=numbers,
    )
    entry = open_case_entry(uuid7(), case_id, stand_id, device_seq=1, captured_at=utc_now(), body=body)
    entry["traceparent"] = f"00-{trace_id}-{trace_id[:16]}-01"
    async with httpx.AsyncClient(timeout=10) as http:
        for _ in range(2):  # the response was lost, the device repeats the request
            (
                await http.post(f"{system.url('intake')}/sync", json={"entries": [entry]}, headers=clerk)
            ).raise_for_status()

        async def documented() -> dict[str, Any] | None:
            case = (await http.get(f"{system.url('intake')}/cases/{case_id}", headers=clerk)).json()
            return case if case["document_id"] else None

        case = await wait_for(documented)
        assert case["state"] == "final"
        pdf = await http.get(f"{system.url('intake')}/documents/{case['document_id']}.pdf", headers=clerk)
        text = PdfReader(io.BytesIO(pdf.content)).pages[0].extract_text()
        assert "Öztürk" in text
        assert case["document_number"] in text
        [stamp] = PdfReader(io.BytesIO(pdf.content)).attachments["stamp.txt"]
        checked = await http.post(f"{system.url('intake')}/verify", json={"stamp": stamp.decode()})
        assert (checked.json()["status"], checked.json()["number"]) == ("valid", case["document_number"])

        async def sent_notices() -> list[dict[str, Any]]:
            reply = await http.get(
                f"{system.url('notifications')}/cases/{case_id}/notices",
                headers=bearer(system, "notifications", Role.CLERK),
            )
            return [
                notice for notice in reply.json() if (notice["kind"], notice["state"]) == ("document_ready", "sent")
            ]

        [notice] = await wait_for(sent_notices)
        assert (notice["channel"], notice["language"], notice["provider"]) == ("email", "tr", "post")
        received = await system.received_messages()
        assert not [sms for sms in received["gate"]["messages"] if sms["to"] == "+436605557770"]
        mails = [count for mail_id, count in received["post"]["mails"].items() if notice["notice_id"] in mail_id]
        assert mails == [1]
        await asyncio.sleep(1.5)  # spans are written twice per second
    spans = read_spans(Path(system.state.folder) / "traces", trace_id)
    assert {"intake", "registry-bridge", "notifications"} <= {span["service"] for span in spans}
    assert len(spans) >= 8
    assert "post send" in {span["name"] for span in spans}


async def test_intake_knows_a_scheduled_stand_and_its_crew_cannot_be_at_two_places(running_system: System) -> None:
    system = running_system
    planner = bearer(system, "scheduling", Role.PLANNER)
    stand = {
        "stand_id": str(uuid7()),
        "place": "Hauptplatz",
        "district": "Innere Stadt",
        "starts_at": "2027-05-04T08:00:00+02:00",
        "ends_at": "2027-05-04T12:00:00+02:00",
        "crew": "Team A",
        "vehicle": "Bus 7",
        "kit": "Koffer 7",
        "services": ["registration_confirmation"],
    }
    elsewhere = stand | {"stand_id": str(uuid7()), "place": "solarCity", "vehicle": "Bus 8", "kit": "Koffer 8"}
    later = elsewhere | {"starts_at": "2027-05-04T12:00:00+02:00", "ends_at": "2027-05-04T15:00:00+02:00"}
    async with httpx.AsyncClient(timeout=10) as http:
        url = f"{system.url('scheduling')}/stands"
        assert (await http.post(url, json=stand, headers=planner)).status_code == 201
        assert (await http.post(url, json=stand, headers=planner)).status_code == 201  # the same request again
        refused = await http.post(url, json=elsewhere, headers=planner)
        assert (refused.status_code, refused.json()["code"]) == (409, "stand.resource_taken")
        assert "crew" in refused.json()["hint"]
        assert (await http.post(url, json=later, headers=planner)).status_code == 201
        backwards = stand | {"stand_id": str(uuid7()), "ends_at": "2027-05-04T07:00:00+02:00"}
        assert (await http.post(url, json=backwards, headers=planner)).json()["code"] == "stand.window_backwards"

        async def known() -> bool:
            stands = (
                await http.get(f"{system.url('intake')}/stands", headers=bearer(system, "intake", Role.PLANNER))
            ).json()
            return stand["stand_id"] in {stand["stand_id"] for stand in stands}

        assert await wait_for(known)


async def test_logs_hold_no_name_no_phone_number_and_no_mail_address(running_system: System) -> None:
    logs = "".join(path.read_text(errors="replace") for path in (running_system.state.folder / "logs").glob("*.log"))
    assert json.dumps("service.started") in logs
    assert not [word for word in ("Öztürk", "Šemsa", "+436605557770", "semsa@mail") if word in logs]
