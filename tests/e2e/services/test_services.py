"""Each service in the browser with a network: refusals, corrections, the rows at the registers, the paper, the undo."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import yaml
from service_desk import Desk, edition_of, in_one_line, missing_texts
from service_visits import Visit, visits
from uuid_utils.compat import uuid7
from wanderamt.backbone.environment import utc_now
from wanderamt_local.field_entries import open_case_entry

pytestmark = pytest.mark.asyncio(loop_scope="session")


def of_service(visit: Visit) -> str:
    return visit.service


@pytest.mark.parametrize("visit", visits("online"), ids=of_service)
async def test_what_the_clerk_types_is_in_the_registers_and_on_the_paper(desk: Desk, visit: Visit) -> None:
    before = await desk.tables()
    await desk.open_form(visit)
    for wrong in visit.refused_by_form:
        await desk.refuse_at_form(visit, wrong)
    for wrong in visit.refused_later:
        await desk.type(visit.service, wrong.applicant, wrong.facts)
        await desk.submit()
        await desk.go_on(until_text=wrong.says)
        assert await desk.tables() == before, "a refusal writes nothing"
        await desk.correct(visit, wrong)
    if visit.mistaken:
        before = await desk.correct_finished(visit, visit.mistaken, before)
    else:
        await desk.submit()
        await desk.go_on()
    after = await desk.wait_for_rows(before, visit.rows)
    await desk.wait_for_state("final")
    paper = await desk.office_paper()
    assert missing_texts(visit, paper, before, after) == [], paper
    await desk.withdraw()
    await desk.wait_for_rows(before, visit.undone)
    assert (await desk.wait_for_state("withdrawn"))["document_revoked_at"]


@pytest.mark.parametrize("visit", visits("offline"), ids=of_service)
async def test_what_was_typed_without_a_network_is_later_in_the_registers(desk: Desk, visit: Visit) -> None:
    before = await desk.tables()
    desk.tablet.proxy.down = True
    await desk.open_form(visit)
    await desk.submit()
    await desk.go_on()
    if edition_of(visit.service).outputs[0].provisional:
        await desk.issue_paper()
        text = in_one_line(await desk.page.locator(".paper").inner_text())
        assert [part for part in visit.paper if part not in text] == [], text
    assert await desk.tablet.unsynced()
    assert await desk.tables() == before
    desk.tablet.proxy.down = False
    await desk.send()
    after = await desk.wait_for_rows(before, visit.rows)
    await desk.wait_for_state("final")
    paper = await desk.office_paper()
    assert missing_texts(visit, paper, before, after) == [], paper
    await desk.hand_over()


@pytest.mark.parametrize("visit", visits("denied"), ids=of_service)
async def test_who_is_not_entitled_is_told_why_and_nothing_is_written(desk: Desk, visit: Visit) -> None:
    before = await desk.tables()
    for register, faults in visit.faults.items():
        await desk.system.set_faults(register, faults)
    try:
        await desk.open_form(visit)
        await desk.submit()
        await desk.go_on(until_text=visit.says)
    finally:
        for register, faults in visit.faults.items():
            await desk.system.set_faults(register, dict.fromkeys(faults))
    case = await desk.wait_for_state("needs_visit")
    assert case["document_id"] is None
    assert await desk.tables() == before
    await desk.withdraw()


async def test_a_service_of_another_authority_names_the_right_place_and_opens_no_case(desk: Desk) -> None:
    await desk.tablet.wait_until_all_sent()
    entries, cases = await desk.tablet.rows("entries"), await desk.tablet.rows("cases")
    await desk.page.goto(f"{desk.tablet.url}#/queue")
    await desk.page.get_by_test_id("walk-in").click()
    await desk.page.get_by_test_id("start-criminal_record").click()
    place = desk.page.get_by_test_id("elsewhere")
    await place.get_by_text("Nietzschestraße 33, 4020 Linz").wait_for()
    assert "Landespolizeidirektion Oberösterreich" in await place.inner_text()
    assert await desk.tablet.rows("entries") == entries
    assert await desk.tablet.rows("cases") == cases


async def test_the_dog_register_answers_by_night(desk: Desk) -> None:
    """Two dogs in one evening, the second with the chip of the first; in the next the corrected one, and an undo."""
    before = await desk.tables()
    [online], [offline] = visits("nightly"), visits("nightly_offline")
    desk.tablet.proxy.down = True
    await desk.open_form(offline)
    await desk.submit()
    await desk.go_on()
    await desk.issue_paper()
    text = in_one_line(await desk.page.locator(".paper").inner_text())
    assert [part for part in offline.paper if part not in text] == [], text
    desk.tablet.proxy.down = False
    await desk.send()
    first = desk.case_id
    await desk.open_form(online)
    for wrong in online.refused_by_form:
        await desk.refuse_at_form(online, wrong)
    [same_chip] = online.refused_later
    await desk.type(online.service, same_chip.applicant, same_chip.facts)
    await desk.submit()
    await desk.go_on()
    second = desk.case_id
    assert await desk.tables() == before
    nightly = desk.system.nightly_files
    await nightly.bring_evening_and_night(desk.system, 2, now=utc_now(), time_zone="Pacific/Kiritimati")
    after_night = await desk.wait_for_rows(before, offline.rows)
    await desk.show_text(same_chip.says)
    await desk.correct(online, same_chip)
    await desk.submit()
    await desk.return_to(first)
    await desk.wait_for_state("final")
    paper = await desk.office_paper()
    assert missing_texts(offline, paper, before, after_night) == [], paper
    await desk.withdraw()
    await nightly.bring_evening_and_night(desk.system, 2, now=utc_now() + timedelta(days=1), time_zone="Etc/GMT+12")
    after = await desk.wait_for_rows(before, {"dogs.dogs": online.rows["dogs.dogs"] + offline.undone["dogs.dogs"]})
    await desk.return_to(second)
    await desk.wait_for_state("final")
    paper = await desk.office_paper()
    assert missing_texts(online, paper, after_night, after) == [], paper


async def test_what_no_form_lets_through_is_refused_with_a_sentence_and_saved_nowhere(desk: Desk) -> None:
    bad_inputs = yaml.safe_load((Path(__file__).parent / "bad_inputs.yaml").read_text(encoding="utf-8"))
    before = await desk.tables()
    device_id, stand_id = uuid7(), desk.tablet.stand_id
    clerk = {"Authorization": f"Bearer {await desk.system.enrol(device_id, stand_id)}"}
    entries = [
        open_case_entry(uuid7(), uuid7(), stand_id, device_seq=number, captured_at=utc_now(), body=opening_of(bad))
        for number, bad in enumerate(bad_inputs, start=1)
    ]
    reply = await desk.client.post(f"{desk.system.url('intake')}/sync", json={"entries": entries}, headers=clerk)
    for bad, result in zip(bad_inputs, reply.json()["results"], strict=True):
        code, part = bad["refused"]
        assert result["status"] == "refused", bad["name"]
        sentence = " ".join([result["problem"]["hint"], *result["problem"]["errors"]])
        assert (result["problem"]["code"].startswith(code), part in sentence) == (True, True), (bad["name"], result)
    cases = [UUID(entry["case_id"]) for entry in entries]
    for table in ("case_file", "case_history", "document", "payment"):
        assert await desk.tablet.sql(f"SELECT 1 FROM {table} WHERE case_id = ANY($1)", cases) == [], table
    assert await desk.tables() == before


def opening_of(bad: dict[str, Any]) -> dict[str, Any]:
    applicant = {"given_name": "Zoë", "family_name": "Hadžić", "birth_date": "1990-04-01"} | bad.get("applicant", {})
    body = {"service": bad["service"], "language": "de", "applicant": applicant, "facts": bad["facts"]}
    return dict(json.loads(json.dumps(body, default=str)))  # days as texts
