"""A lookup at the stand: the registry bridge learns of a case from intake's events alone."""

import asyncio

import httpx
from uuid_utils.compat import uuid7
from wanderamt.backbone.environment import utc_now
from wanderamt.security.roles import Role
from wanderamt_local.field_entries import open_case_entry
from wanderamt_local.system import System

APPLICANT = {"given_name": "Zoë", "family_name": "Hadžić", "birth_date": "1990-04-01"}
WAIT_S = 40


async def test_an_officer_looks_up_the_applicant_of_a_case_that_the_device_has_sent(running_system: System) -> None:
    system, device_id, stand_id, case_id = running_system, uuid7(), uuid7(), uuid7()
    clerk = await system.enrol(device_id, stand_id)
    body = {"service": "registration_confirmation", "language": "de", "applicant": APPLICANT}  # open: nothing is paid
    entry = open_case_entry(uuid7(), case_id, stand_id, device_seq=1, captured_at=utc_now(), body=body)
    async with httpx.AsyncClient(base_url=system.url("intake"), timeout=20) as http:
        sent = await http.post("/sync", json={"entries": [entry]}, headers={"Authorization": f"Bearer {clerk}"})
    assert [result["status"] for result in sent.json()["results"]] == ["accepted"]
    token = system.token("clerk.one@linz", Role.CLERK, audience="registry-bridge", device=device_id, stand=stand_id)
    question = {
        "register_name": "residents",
        "operation": "confirm_residence",
        "case_id": str(case_id),
        "purpose": "MeldeG-19",
        "question": APPLICANT,
    }
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=system.url("registry-bridge"), timeout=20, headers=headers) as http:
        async with asyncio.timeout(WAIT_S):
            while (reply := await http.post("/lookups", json=question)).status_code == 404:
                assert reply.json()["code"] == "lookup.case_not_here", "the event is on its way"
                await asyncio.sleep(2)  # each one counts towards the limit
        assert reply.status_code == 200, reply.text
        stranger = question | {"question": APPLICANT | {"family_name": "Nachbar"}}
        assert (await http.post("/lookups", json=stranger)).json()["code"] == "lookup.not_the_applicant"
