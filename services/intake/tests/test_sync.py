"""Entries of several devices: each is applied once, in its turn; double changes become conflicts; nothing is lost."""

from datetime import date, timedelta
from typing import Any

import asyncpg
import httpx
import pytest
import structlog
from intake.catalogue_files.loader import load_catalogue
from intake.domain.entry import parse_value
from intake.handlers.sync import SyncRequest, apply_held_entries, process_sync
from intake_fixtures import IntakeClient
from uuid_utils.compat import uuid7
from wanderamt.kernel.ids import DeviceId
from wanderamt.security.roles import Role
from wanderamt.security.tokens import Principal

CATALOGUE = load_catalogue()
NOTHING: dict[str, Any] = {"service": "registration_confirmation"}
PERSON = {"given_name": "Zoë", "family_name": "Hadžić", "birth_date": "1990-04-01"}


def statuses(reply: httpx.Response) -> list[str]:
    return [result["status"] for result in reply.json()["results"]]


def codes(reply: httpx.Response) -> list[str | None]:
    return [result["problem"] and result["problem"]["code"] for result in reply.json()["results"]]


async def test_a_case_in_several_entries_ends_like_a_case_in_one_entry(intake_client: IntakeClient) -> None:
    file_number, paper_number, receipt = (intake_client.numbers.take(series) for series in ("GZ", "UK", "BE"))
    opened = intake_client.entry(body=NOTHING | {"number": file_number})
    case_id = opened["case_id"]
    steps: list[tuple[str, dict[str, Any]]] = [
        ("case.fill", {"applicant": PERSON, "contact": {"phone": "+43660555001"}}),
        ("case.identify", {"level": "photo_id"}),
        ("case.fill", {"facts": {"channel": "spoken", "register_asked": "local", "recipient_named": True}}),
        ("case.give_provisional", {"document_id": intake_client.entry()["case_id"], "number": paper_number}),
        ("case.pay", {"cents": 210, "payment": "card", "receipt": receipt}),
    ]
    entries = [
        intake_client.follow_up(case_id, type_, body, case_seq=place) for place, (type_, body) in enumerate(steps, 2)
    ]
    assert statuses(await intake_client.sync(opened, *entries)) == ["accepted"] * 6
    case = await intake_client.case(case_id)
    assert (case["state"], case["number"], case["paid_cents"]) == ("provisional", file_number, 210)
    assert case["provisional_number"] == paper_number
    await intake_client.answer_register(case_id, "confirmed")
    assert (await intake_client.case(case_id))["state"] == "final"
    documents = await intake_client.rows("SELECT number, revoked_at FROM document")
    assert [tuple(row) for row in documents] == [(paper_number, None)]
    assert len(await intake_client.rows("SELECT 1 FROM job WHERE queue = 'issue-document'")) == 1


async def test_entries_that_arrive_in_the_wrong_order_are_applied_in_the_right_order(
    intake_client: IntakeClient,
) -> None:
    opened = intake_client.entry(body=NOTHING)
    case_id = opened["case_id"]
    second = intake_client.follow_up(case_id, "case.fill", {"applicant": PERSON}, case_seq=2)
    third = intake_client.follow_up(case_id, "case.identify", {"level": "photo_id"}, case_seq=3)
    assert statuses(await intake_client.sync(third)) == ["held"]
    assert statuses(await intake_client.sync(second, third)) == [
        "held",
        "held",
    ]  # a repeated entry gets the same answer
    assert statuses(await intake_client.sync(opened)) == ["accepted"]
    assert (await intake_client.case(case_id))["state"] == "provisional"
    assert statuses(await intake_client.sync(third, second, opened)) == ["duplicate"] * 3
    assert await intake_client.rows("SELECT 1 FROM entry WHERE status = 'held' OR raw IS NOT NULL") == []


async def test_in_one_request_the_order_of_lines_does_not_matter(intake_client: IntakeClient) -> None:
    opened = intake_client.entry(body=NOTHING)
    entries = [
        intake_client.follow_up(opened["case_id"], "case.fill", {"facts": {"channel": channel}}, case_seq=place)
        for place, channel in enumerate(("spoken", "written", "spoken"), 2)
    ]
    assert statuses(await intake_client.sync(*reversed(entries), opened)) == ["accepted"] * 4


async def test_a_sequence_number_is_accepted_once(intake_client: IntakeClient) -> None:
    opened = intake_client.entry(body=NOTHING)
    twice = [
        intake_client.follow_up(opened["case_id"], "case.identify", {"level": "photo_id"}, case_seq=2) for _ in range(2)
    ]
    reply = await intake_client.sync(opened, *twice)
    assert codes(reply) == [None, None, "entry.turn_taken"]


async def test_entries_after_a_refused_opening_are_refused_and_delay_no_other(intake_client: IntakeClient) -> None:
    opened = intake_client.entry(body={"service": "passport"})
    case_id = opened["case_id"]
    fill = intake_client.follow_up(case_id, "case.fill", {"applicant": PERSON}, case_seq=2)
    repeated = intake_client.follow_up(case_id, "case.open", NOTHING, case_seq=3)
    assert codes(await intake_client.sync(opened, fill, repeated)) == ["case.unknown_service", "case.not_found", None]
    assert codes(await intake_client.sync(opened)) == ["case.unknown_service"]  # the same answer again


async def test_entries_of_another_device_may_arrive_before_the_opening(intake_client: IntakeClient) -> None:
    other = await intake_client.second_device()
    opened = intake_client.entry(body=NOTHING)
    early = other.follow_up(opened["case_id"], "case.fill", {"applicant": PERSON}, case_seq=1)
    assert statuses(await other.sync(early)) == ["held"]
    await intake_client.sync(opened)
    assert statuses(await other.sync(early)) == ["duplicate"]
    identify = intake_client.follow_up(opened["case_id"], "case.identify", {"level": "photo_id"}, case_seq=2)
    await intake_client.sync(identify)
    assert (await intake_client.case(opened["case_id"]))["state"] == "provisional"


async def test_entries_that_two_parallel_requests_missed_are_applied_by_the_periodic_task(
    intake_client: IntakeClient,
) -> None:
    opened = intake_client.entry(body=NOTHING)
    second = intake_client.follow_up(opened["case_id"], "case.identify", {"level": "photo_id"}, case_seq=2)
    await intake_client.sync(second)
    await intake_client.rows(
        "UPDATE entry SET case_id = gen_random_uuid() WHERE status = 'held' RETURNING 1"
    )  # not seen
    await intake_client.sync(opened)
    await intake_client.rows(f"UPDATE entry SET case_id = '{opened['case_id']}' WHERE status = 'held' RETURNING 1")
    async with intake_client.service.context.database.unit_of_work() as uow:
        assert await apply_held_entries(uow, cipher=intake_client.cipher, catalogue=CATALOGUE) == 1
    async with intake_client.service.context.database.unit_of_work() as uow:
        assert await apply_held_entries(uow, cipher=intake_client.cipher, catalogue=CATALOGUE) == 0
    assert (await intake_client.case(opened["case_id"]))["identified"] == "photo_id"


async def test_a_case_that_another_device_has_opened_meanwhile_is_not_overwritten(intake_client: IntakeClient) -> None:
    other = await intake_client.second_device()
    first = intake_client.entry(body=NOTHING)
    second = other.entry(case_id=first["case_id"], body=NOTHING | {"language": "en", "applicant": PERSON})
    entry = parse_value(second)
    clerk = Principal("clerk.two@linz", frozenset({Role.CLERK}), stand_id=other.stand_id, device_id=other.device_id)
    request = SyncRequest(clerk, DeviceId(other.device_id), (entry,))
    with pytest.raises(asyncpg.UniqueViolationError):
        async with intake_client.service.context.database.unit_of_work() as uow:
            assert await process_sync(request, uow, cipher=intake_client.cipher, catalogue=CATALOGUE)
            assert statuses(await intake_client.sync(first)) == ["accepted"]
    [row] = await intake_client.rows("SELECT language FROM case_file")
    assert row["language"] == "de"
    assert codes(await other.sync(second)) == ["case.exists"]  # the device sends it again


async def test_a_held_entry_whose_predecessor_never_arrives_is_listed_and_can_be_abandoned(
    intake_client: IntakeClient,
) -> None:
    opened = intake_client.entry(body=NOTHING)
    third = intake_client.follow_up(opened["case_id"], "case.identify", {"level": "photo_id"}, case_seq=3)
    fourth = intake_client.follow_up(opened["case_id"], "case.fill", {"facts": {"channel": "spoken"}}, case_seq=4)
    lost = intake_client.follow_up(str(uuid7()), "case.fill", {"applicant": PERSON}, case_seq=1)
    assert statuses(await intake_client.sync(opened, third, fourth, lost)) == ["accepted", "held", "held", "held"]
    waiting = (await intake_client.http.get("/entries/held", headers=intake_client.bearer(Role.OPERATOR))).json()
    assert {result["entry_id"]: result["waits_for"] for result in waiting} == {
        third["entry_id"]: "case sequence 2 of the same device",
        fourth["entry_id"]: "case sequence 2 of the same device",
        lost["entry_id"]: "the opening of the case",
    }

    async def abandon(entry: dict[str, Any], role: Role = Role.OPERATOR) -> httpx.Response:
        return await intake_client.http.post(
            f"/entries/{entry['entry_id']}/abandon", headers=intake_client.bearer(role)
        )

    assert (await abandon(third, Role.CLERK)).status_code == 403
    for entry in (third, lost):
        assert (await abandon(entry)).status_code == 204
    assert (await abandon(third)).json()["code"] == (await abandon(opened)).json()["code"] == "entry.not_held"
    assert (await intake_client.http.get("/entries/held", headers=intake_client.bearer(Role.OPERATOR))).json() == []
    assert (await intake_client.form(opened["case_id"]))["facts.channel"] == "spoken"
    assert codes(await intake_client.sync(third, lost)) == ["entry.given_up"] * 2
    assert len(await intake_client.rows("SELECT 1 FROM entry WHERE status = 'refused' AND raw IS NOT NULL")) == 2


async def test_fields_that_two_devices_changed_become_conflicts_and_the_rest_is_applied(
    intake_client: IntakeClient,
) -> None:
    other = await intake_client.second_device()
    opened = intake_client.entry(body=NOTHING | {"contact": {"phone": "+43660555001"}})
    case_id = opened["case_id"]
    await intake_client.sync(opened)
    seen = (await intake_client.case(case_id))["version"]
    first = intake_client.follow_up(
        case_id, "case.fill", {"contact": {"phone": "+43660555002"}}, case_seq=2, base_version=seen
    )
    theirs = {"contact": {"phone": "+43660555003", "email": "zoe@mail.example"}}
    second = other.follow_up(case_id, "case.fill", theirs, case_seq=1, base_version=seen)
    assert statuses(await intake_client.sync(first)) == ["accepted"]
    reply = await other.sync(second)
    assert (statuses(reply), codes(reply)) == (["conflict"], ["case.fields_clash"])
    inbox = (
        await intake_client.http.get(f"/stands/{intake_client.stand_id}/conflicts", headers=intake_client.clerk())
    ).json()
    assert [(result["name"], result["base"], result["here"], result["theirs"]) for result in inbox] == [
        ("contact.phone", "+43660555001", "+43660555002", "+43660555003")
    ]
    assert statuses(await other.sync(second)) == ["conflict"]
    decide = f"/conflicts/{inbox[0]['conflict_id']}/decide"
    assert (
        await intake_client.http.post(decide, json={"take": "theirs"}, headers=intake_client.clerk())
    ).status_code == 204
    repeated = await intake_client.http.post(decide, json={"take": "here"}, headers=intake_client.clerk())
    assert (repeated.status_code, repeated.json()["code"]) == (409, "conflict.decided")
    assert (
        await intake_client.http.get(f"/stands/{intake_client.stand_id}/conflicts", headers=intake_client.clerk())
    ).json() == []
    assert await intake_client.form(case_id) == {"contact.phone": "+43660555003", "contact.email": "zoe@mail.example"}


async def test_a_conflict_over_the_date_of_birth_can_be_decided(intake_client: IntakeClient) -> None:
    other = await intake_client.second_device()
    opened = intake_client.entry(body=NOTHING)
    await intake_client.sync(opened)
    for client, born, case_seq in ((intake_client, "1990-04-01", 2), (other, "1991-04-01", 1)):
        changed = {"applicant": {"birth_date": born}}
        await client.sync(client.follow_up(opened["case_id"], "case.fill", changed, case_seq=case_seq, base_version=1))
    [conflict] = await intake_client.rows("SELECT conflict_id FROM conflict")
    decide = f"/conflicts/{conflict['conflict_id']}/decide"
    decided = await intake_client.http.post(decide, json={"take": "theirs"}, headers=intake_client.clerk())
    assert decided.status_code == 204
    assert (await intake_client.form(opened["case_id"]))["applicant.birth_date"] == date(1991, 4, 1)


async def test_a_device_that_was_away_does_not_conflict_with_itself(intake_client: IntakeClient) -> None:
    opened = intake_client.entry(body=NOTHING)
    fills = [
        intake_client.follow_up(
            opened["case_id"], "case.fill", {"contact": {"phone": f"+4366055500{number}"}}, case_seq=number
        )
        for number in range(2, 6)
    ]
    assert statuses(await intake_client.sync(opened, *fills[:2])) == ["accepted"] * 3
    assert statuses(await intake_client.sync(*fills[2:])) == ["accepted"] * 2
    assert (await intake_client.form(opened["case_id"]))["contact.phone"] == "+43660555005"


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
async def test_an_impossible_step_is_refused_and_changes_nothing(
    intake_client: IntakeClient, type_: str, body: dict[str, Any], code: str | None
) -> None:
    opened = intake_client.entry(body=NOTHING | {"applicant": PERSON})
    await intake_client.sync(opened)
    before = await intake_client.case(opened["case_id"])
    reply = await intake_client.sync(intake_client.follow_up(opened["case_id"], type_, body, case_seq=2))
    assert codes(reply) == [code or "case.receipt_not_needed"]
    assert await intake_client.case(opened["case_id"]) == before
    assert len(await intake_client.rows("SELECT 1 FROM case_history")) == 1
    kept = await intake_client.rows("SELECT raw FROM entry WHERE status = 'refused'")
    assert kept[0]["raw"]


async def test_an_opening_with_an_impossible_step_saves_nothing(intake_client: IntakeClient) -> None:
    underpaid = intake_client.entry()
    underpaid["body"]["paid"] = {"cents": 1, "payment": "cash", "receipt": "BE-2026-0000099-4"}
    reply = await intake_client.sync(underpaid)
    assert codes(reply) == ["fee.wrong_amount"]
    assert "330" in reply.json()["results"][0]["problem"]["hint"]
    for table in ("case_file", "case_history", "outbox", "job", "document"):
        assert await intake_client.rows(f"SELECT 1 FROM {table}") == [], table


@pytest.mark.parametrize("absurd", ["0001-01-01T00:00:00+23:59", "1970-01-01T00:00:00Z", "9999-12-31T23:59:59-23:59"])
async def test_what_was_captured_with_an_absurd_clock_is_not_lost(intake_client: IntakeClient, absurd: str) -> None:
    entry = intake_client.entry() | {"captured_at": absurd}
    for status in ("accepted", "duplicate"):
        reply = await intake_client.sync(entry, headers=intake_client.clerk())
        assert reply.json()["results"][0]["status"] == status
    shown = await intake_client.http.get(f"/cases/{entry['case_id']}", headers=intake_client.clerk())
    assert shown.json()["captured_at"][:4] in {"1970", "2199"}


async def test_the_offset_of_a_device_clock_is_recorded_and_orders_nothing(intake_client: IntakeClient) -> None:
    fast = (intake_client.service.context.database.environment.clock() + timedelta(hours=3)).isoformat()
    entry = intake_client.entry()
    reply = await intake_client.sync(entry, headers=intake_client.clerk() | {"Device-Time": fast})
    assert reply.json()["results"][0]["status"] == "accepted"
    listed = (await intake_client.http.get("/devices", headers=intake_client.bearer(Role.OPERATOR))).json()
    [device] = [result for result in listed if result["device_id"] == str(intake_client.device_id)]
    assert abs(device["clock_off_s"] - 3 * 3600) <= 5
    for absurd in ("3597-01-01T00:00:00Z", "0526-01-01T00:00:00Z", "9999-01-01T00:00:00Z"):
        reply = await intake_client.sync(entry, headers=intake_client.clerk() | {"Device-Time": absurd})
        assert reply.status_code == 200
    wrong = await intake_client.sync(entry, headers=intake_client.clerk() | {"Device-Time": "noon"})
    assert (wrong.status_code, wrong.json()["code"]) == (422, "request.invalid")


async def test_the_name_of_an_answer_that_no_service_asks_for_is_kept_nowhere(intake_client: IntakeClient) -> None:
    entry = intake_client.entry()
    entry["body"]["facts"] = {"ada_lovelace": True}
    with structlog.testing.capture_logs() as lines:
        [result] = (await intake_client.sync(entry)).json()["results"]
    assert (result["status"], result["problem"]["code"]) == ("refused", "case.field_wrong")
    assert "lovelace" not in str(lines)
    for table in ("case_file", "case_history", "entry", "refused_entry", "conflict", "outbox"):
        assert "lovelace" not in str(await intake_client.rows(f"SELECT t::text FROM {table} t"))
