"""Entries of several devices: each once, in its turn; what two changed is a conflict; nothing is dropped."""

from datetime import timedelta
from typing import Any

import pytest
from intake.handlers.sync import release_ready
from intake.offers.shelf import open_book
from uuid_utils.compat import uuid7
from wanderamt.security.roles import Role

BOOK = open_book()
NOTHING: dict[str, Any] = {"service": "registration_confirmation"}
PERSON = {"given_name": "Zoë", "family_name": "Hadžić", "birth_date": "1990-04-01"}


def statuses(reply: Any) -> list[str]:
    return [one["status"] for one in reply.json()["results"]]


def codes(reply: Any) -> list[str | None]:
    return [one["problem"] and one["problem"]["code"] for one in reply.json()["results"]]


async def test_a_case_that_is_taken_step_by_step_ends_like_one_taken_at_once(desk: Any) -> None:
    file_number, paper_number, receipt = (desk.numbers.take(series) for series in ("GZ", "UK", "BE"))
    opened = desk.entry(body=NOTHING | {"number": file_number})
    case_id = opened["case_id"]
    steps = [
        ("case.fill", {"applicant": PERSON, "contact": {"phone": "+43660555001"}}),
        ("case.identify", {"level": "photo_id"}),
        ("case.fill", {"facts": {"channel": "spoken", "register_asked": "local", "recipient_named": True}}),
        ("case.give_provisional", {"document_id": desk.entry()["case_id"], "number": paper_number}),
        ("case.pay", {"cents": 210, "payment": "card", "receipt": receipt}),
    ]
    entries = [desk.more(case_id, type_, body, case_seq=place) for place, (type_, body) in enumerate(steps, 2)]
    assert statuses(await desk.sync(opened, *entries)) == ["accepted"] * 6
    case = await desk.case(case_id)
    assert (case["state"], case["number"], case["paid_cents"]) == ("provisional", file_number, 210)
    assert case["provisional_number"] == paper_number
    await desk.hear(case_id, "confirmed")
    assert (await desk.case(case_id))["state"] == "final"
    documents = await desk.rows("SELECT number, revoked_at FROM document")
    assert [tuple(row) for row in documents] == [(paper_number, None)]
    assert len(await desk.rows("SELECT 1 FROM job WHERE queue = 'issue-document'")) == 1


async def test_entries_that_come_in_the_wrong_order_are_applied_in_the_right_one(desk: Any) -> None:
    opened = desk.entry(body=NOTHING)
    case_id = opened["case_id"]
    second = desk.more(case_id, "case.fill", {"applicant": PERSON}, case_seq=2)
    third = desk.more(case_id, "case.identify", {"level": "photo_id"}, case_seq=3)
    assert statuses(await desk.sync(third)) == ["held"]
    assert statuses(await desk.sync(second, third)) == ["held", "held"]  # the second sending of one gets its answer
    assert statuses(await desk.sync(opened)) == ["accepted"]
    assert (await desk.case(case_id))["state"] == "provisional"
    assert statuses(await desk.sync(third, second, opened)) == ["duplicate"] * 3
    assert await desk.rows("SELECT 1 FROM entry WHERE fate = 'held' OR raw IS NOT NULL") == []


async def test_in_one_request_the_order_of_lines_does_not_matter(desk: Any) -> None:
    opened = desk.entry(body=NOTHING)
    entries = [
        desk.more(opened["case_id"], "case.fill", {"facts": {"channel": channel}}, case_seq=place)
        for place, channel in enumerate(("spoken", "written", "spoken"), 2)
    ]
    assert statuses(await desk.sync(*reversed(entries), opened)) == ["accepted"] * 4


async def test_a_place_in_the_order_is_taken_once(desk: Any) -> None:
    opened = desk.entry(body=NOTHING)
    twice = [desk.more(opened["case_id"], "case.identify", {"level": "photo_id"}, case_seq=2) for _ in range(2)]
    reply = await desk.sync(opened, *twice)
    assert codes(reply) == [None, None, "entry.turn_taken"]


async def test_what_follows_a_refused_opening_is_refused_and_holds_up_nothing(desk: Any) -> None:
    opened = desk.entry(body={"service": "passport"})
    case_id = opened["case_id"]
    fill = desk.more(case_id, "case.fill", {"applicant": PERSON}, case_seq=2)
    again = desk.more(case_id, "case.open", NOTHING, case_seq=3)
    assert codes(await desk.sync(opened, fill, again)) == ["case.unknown_service", "case.not_found", None]
    assert codes(await desk.sync(opened)) == ["case.unknown_service"]  # told again what was told before


async def test_another_device_may_be_here_before_the_one_that_opened_the_case(desk: Any) -> None:
    other = await desk.second()
    opened = desk.entry(body=NOTHING)
    early = other.more(opened["case_id"], "case.fill", {"applicant": PERSON}, case_seq=1)
    assert statuses(await other.sync(early)) == ["held"]
    await desk.sync(opened)
    assert statuses(await other.sync(early)) == ["duplicate"]
    identify = desk.more(opened["case_id"], "case.identify", {"level": "photo_id"}, case_seq=2)
    await desk.sync(identify)
    assert (await desk.case(opened["case_id"]))["state"] == "provisional"


async def test_what_two_requests_did_not_see_of_each_other_is_released_by_the_clock(desk: Any) -> None:
    opened = desk.entry(body=NOTHING)
    second = desk.more(opened["case_id"], "case.identify", {"level": "photo_id"}, case_seq=2)
    await desk.sync(second)
    await desk.rows("UPDATE entry SET case_id = gen_random_uuid() WHERE fate = 'held' RETURNING 1")  # not seen
    await desk.sync(opened)
    await desk.rows(f"UPDATE entry SET case_id = '{opened['case_id']}' WHERE fate = 'held' RETURNING 1")
    async with desk.service.ground.database.work() as work:
        assert await release_ready(work, sealer=desk.sealer, book=BOOK) == 1
    async with desk.service.ground.database.work() as work:
        assert await release_ready(work, sealer=desk.sealer, book=BOOK) == 0
    assert (await desk.case(opened["case_id"]))["identified"] == "photo_id"


async def test_what_waits_in_vain_is_listed_and_can_be_given_up(desk: Any) -> None:
    opened = desk.entry(body=NOTHING)
    third = desk.more(opened["case_id"], "case.identify", {"level": "photo_id"}, case_seq=3)
    fourth = desk.more(opened["case_id"], "case.fill", {"facts": {"channel": "spoken"}}, case_seq=4)
    lost = desk.more(str(uuid7()), "case.fill", {"applicant": PERSON}, case_seq=1)
    assert statuses(await desk.sync(opened, third, fourth, lost)) == ["accepted", "held", "held", "held"]
    waiting = (await desk.http.get("/entries/held", headers=desk.clerk())).json()
    assert {one["entry_id"]: one["waits_for"] for one in waiting} == {
        third["entry_id"]: "case sequence 2 of the same device",
        fourth["entry_id"]: "case sequence 2 of the same device",
        lost["entry_id"]: "the opening of the case",
    }

    async def give_up(entry: dict[str, Any], role: Role = Role.OPERATOR) -> Any:
        return await desk.http.post(f"/entries/{entry['entry_id']}/give-up", headers=desk.bearer(role))

    assert (await give_up(third, Role.CLERK)).status_code == 403
    for entry in (third, lost):
        assert (await give_up(entry)).status_code == 204
    assert (await give_up(third)).json()["code"] == (await give_up(opened)).json()["code"] == "entry.not_held"
    assert (await desk.http.get("/entries/held", headers=desk.clerk())).json() == []
    assert (await desk.form(opened["case_id"]))["facts.channel"] == "spoken"
    assert codes(await desk.sync(third, lost)) == ["entry.given_up"] * 2
    assert len(await desk.rows("SELECT 1 FROM entry WHERE fate = 'refused' AND raw IS NOT NULL")) == 2


async def test_fields_that_two_devices_changed_go_to_the_inbox_and_the_rest_is_taken(desk: Any) -> None:
    other = await desk.second()
    opened = desk.entry(body=NOTHING | {"contact": {"phone": "+43660555001"}})
    case_id = opened["case_id"]
    await desk.sync(opened)
    seen = (await desk.case(case_id))["version"]
    first = desk.more(case_id, "case.fill", {"contact": {"phone": "+43660555002"}}, case_seq=2, base_version=seen)
    theirs = {"contact": {"phone": "+43660555003", "email": "zoe@mail.example"}}
    second = other.more(case_id, "case.fill", theirs, case_seq=1, base_version=seen)
    assert statuses(await desk.sync(first)) == ["accepted"]
    reply = await other.sync(second)
    assert (statuses(reply), codes(reply)) == (["conflict"], ["case.fields_clash"])
    inbox = (await desk.http.get(f"/stands/{desk.stand_id}/conflicts", headers=desk.clerk())).json()
    assert [(one["name"], one["base"], one["here"], one["theirs"]) for one in inbox] == [
        ("contact.phone", "+43660555001", "+43660555002", "+43660555003")
    ]
    assert statuses(await other.sync(second)) == ["conflict"]
    decide = f"/conflicts/{inbox[0]['conflict_id']}/decide"
    assert (await desk.http.post(decide, json={"take": "theirs"}, headers=desk.clerk())).status_code == 204
    again = await desk.http.post(decide, json={"take": "here"}, headers=desk.clerk())
    assert (again.status_code, again.json()["code"]) == (409, "conflict.decided")
    assert (await desk.http.get(f"/stands/{desk.stand_id}/conflicts", headers=desk.clerk())).json() == []
    assert await desk.form(case_id) == {"contact.phone": "+43660555003", "contact.email": "zoe@mail.example"}


async def test_a_device_that_was_away_does_not_conflict_with_itself(desk: Any) -> None:
    opened = desk.entry(body=NOTHING)
    fills = [
        desk.more(opened["case_id"], "case.fill", {"contact": {"phone": f"+4366055500{number}"}}, case_seq=number)
        for number in range(2, 6)
    ]
    assert statuses(await desk.sync(opened, *fills[:2])) == ["accepted"] * 3
    assert statuses(await desk.sync(*fills[2:])) == ["accepted"] * 2
    assert (await desk.form(opened["case_id"]))["contact.phone"] == "+43660555005"


@pytest.mark.parametrize(
    ("type_", "body", "code"),
    [
        ("case.fill", {"facts": {"channel": "pigeon"}}, "case.field_wrong"),
        ("case.pay", {"cents": 210, "payment": "cash", "receipt": "BE-2026-0000099-4"}, "case.step_too_early"),
        ("case.see_paper", {"code": "passport", "handling": "show"}, "case.step_not_taken"),
        ("case.identify", {"level": "known"}, "case.identification_too_weak"),
        ("case.give_provisional", {"document_id": "0" * 32, "number": "UK-2026-0000001-3"}, None),
    ],
)
async def test_a_step_that_cannot_be_taken_is_refused_and_leaves_no_trace(
    desk: Any, type_: str, body: dict[str, Any], code: str | None
) -> None:
    opened = desk.entry(body=NOTHING | {"applicant": PERSON})
    await desk.sync(opened)
    before = await desk.case(opened["case_id"])
    reply = await desk.sync(desk.more(opened["case_id"], type_, body, case_seq=2))
    assert codes(reply) == [code or "case.receipt_not_needed"]
    assert await desk.case(opened["case_id"]) == before
    assert len(await desk.rows("SELECT 1 FROM case_history")) == 1
    kept = await desk.rows("SELECT raw FROM entry WHERE fate = 'refused'")
    assert kept[0]["raw"]


async def test_an_opening_of_which_one_step_cannot_be_taken_saves_nothing(desk: Any) -> None:
    whole = desk.entry()
    whole["body"]["paid"] = {"cents": 1, "payment": "cash", "receipt": "BE-2026-0000099-4"}
    reply = await desk.sync(whole)
    assert codes(reply) == ["fee.wrong_amount"]
    assert "330" in reply.json()["results"][0]["problem"]["hint"]
    for table in ("case_file", "case_history", "outbox", "job", "document"):
        assert await desk.rows(f"SELECT 1 FROM {table}") == [], table


async def test_how_far_a_clock_is_off_is_written_down_and_orders_nothing(desk: Any) -> None:
    fast = (desk.service.ground.database.sources.clock() + timedelta(hours=3)).isoformat()
    entry = desk.entry()
    reply = await desk.sync(entry, headers=desk.clerk() | {"Device-Time": fast})
    assert reply.json()["results"][0]["status"] == "accepted"
    listed = (await desk.http.get("/devices", headers=desk.bearer(Role.OPERATOR))).json()
    [device] = [one for one in listed if one["device_id"] == str(desk.device_id)]
    assert abs(device["clock_off_s"] - 3 * 3600) <= 5
    wrong = await desk.sync(entry, headers=desk.clerk() | {"Device-Time": "noon"})
    assert (wrong.status_code, wrong.json()["code"]) == (422, "request.invalid")
