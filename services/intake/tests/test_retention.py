"""Retention on the real stack with a moved clock: cases are closed, and deleted when their time is over."""

import asyncio
import base64
from datetime import timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID

import pytest
import structlog
from due_date_fixtures import MovedIntake
from intake.domain.case.fold import rebuild
from intake.domain.document_status import Claims, DocumentStatus, document_status
from intake.handlers.documents import revoked_documents
from intake.handlers.retention import close_ended_cases, delete_expired_cases
from intake.signing.document_verification import verify_document
from intake.store import case_statements, history_statements
from intake_fixtures import CATALOGUE, RESIDENCE, IntakeClient
from marked_text_fixtures import Marks, marks_in_tables
from uuid_utils.compat import uuid7
from wanderamt.backbone.messaging.relay import Relay
from wanderamt.backbone.messaging.topics import Topics
from wanderamt.kernel.ids import CaseId
from wanderamt.security.roles import Role
from wanderamt.shell.access import REASON_HEADER
from wanderamt_testing.servers import Servers
from wanderamt_testing.waiting import wait_until

AFTER = timedelta(days=30)
JPEG = b"\xff\xd8\xff\xe0"
OBLIGATIONS = ("levy", "pet_database", "size_proof", "everyday_test")


async def close_all(moved: MovedIntake) -> int:
    client = moved.client
    async with client.service.context.database.unit_of_work() as uow:
        return await close_ended_cases(uow, after=AFTER, cipher=client.cipher, catalogue=CATALOGUE)


async def delete_all(moved: MovedIntake) -> int:
    async with moved.client.service.context.database.unit_of_work() as uow:
        return await delete_expired_cases(uow, catalogue=CATALOGUE)


async def accepted(client: IntakeClient, entry: dict[str, Any], status: str = "accepted") -> str:
    [result] = (await client.sync(entry)).json()["results"]
    assert result["status"] == status, result
    return str(entry["case_id"])


async def upload(client: IntakeClient, case_id: str, content: bytes, attachment_id: UUID | None = None) -> UUID:
    attachment_id = attachment_id or uuid7()
    fields = {
        "attachment_id": str(attachment_id),
        "case_id": case_id,
        "sha256": sha256(content).hexdigest(),
        "filetype": "image/jpeg",
    }
    metadata = ",".join(f"{name} {base64.b64encode(value.encode()).decode()}" for name, value in fields.items())
    about = client.clerk() | {"Upload-Length": str(len(content)), "Upload-Metadata": metadata}
    assert (await client.http.post("/attachments", headers=about)).status_code == 201
    sent = client.clerk() | {"Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
    reply = await client.http.patch(f"/attachments/{attachment_id}", content=content, headers=sent)
    assert reply.status_code == 204
    return attachment_id


async def withdrawn_advice(moved: MovedIntake) -> str:
    """Its edition keeps cases for 30 days."""
    client = moved.client
    case_id = await moved.open({"service": "registration_confirmation", "language": "de"})
    assert (await client.http.post(f"/cases/{case_id}/withdraw", headers=client.clerk())).status_code == 200
    return case_id


async def test_a_case_in_which_nothing_is_open_is_closed_after_a_month_and_deleted_when_its_time_is_over(
    moved_intake: MovedIntake,
) -> None:
    case_id = await withdrawn_advice(moved_intake)
    moved_intake.pass_days(29)
    assert await close_all(moved_intake) == 0
    moved_intake.pass_days(1.1)
    with structlog.testing.capture_logs() as lines:
        assert await close_all(moved_intake) == 1
        assert (await moved_intake.client.case(case_id))["state"] == "closed"
        moved_intake.pass_days(29)
        assert await delete_all(moved_intake) == 0
        moved_intake.pass_days(1.1)
        assert await delete_all(moved_intake) == 1
        assert await delete_all(moved_intake) == 0
    [closed] = [line for line in lines if line["event"] == "cases.closed"]
    [deleted] = [line for line in lines if line["event"] == "cases.deleted"]
    assert closed["case_ids"] == deleted["case_ids"] == [case_id]
    [event] = await moved_intake.published("deleted")
    assert (event["case_id"], event["service"]) == (case_id, "registration_confirmation")
    [run] = await moved_intake.client.rows("SELECT * FROM retention_run")
    assert (run["service"], run["retention"], run["cases"]) == ("registration_confirmation", "days_30", 1)
    versions = await moved_intake.client.rows(f"SELECT version FROM outbox WHERE aggregate = '{case_id}' ORDER BY id")
    assert [row["version"] for row in versions] == list(range(1, len(versions) + 1))


async def test_several_processes_delete_each_case_once(moved_intake: MovedIntake) -> None:
    for _ in range(6):
        await withdrawn_advice(moved_intake)
    moved_intake.pass_days(31)
    assert sum(await asyncio.gather(*(close_all(moved_intake) for _ in range(3)))) == 6
    moved_intake.pass_days(31)
    assert sum(await asyncio.gather(*(delete_all(moved_intake) for _ in range(3)))) == 6
    assert len(await moved_intake.published("deleted")) == 6
    [run] = await moved_intake.client.rows("SELECT cases FROM retention_run")
    assert run["cases"] == 6


@pytest.mark.parametrize("wait", ["obligation", "refund", "document"])
async def test_a_case_in_which_something_is_open_stays(moved_intake: MovedIntake, wait: str) -> None:
    client = moved_intake.client
    if wait == "obligation":
        case_id = await moved_intake.finished_dog()
        await client.issue(case_id)
    elif wait == "refund":
        case_id = await moved_intake.open(client.complete_body())
        assert (await client.http.post(f"/cases/{case_id}/withdraw", headers=client.clerk())).status_code == 200
    else:
        case_id = await moved_intake.open({"service": "advice"})
    moved_intake.pass_days(1000)
    await moved_intake.follow()
    assert await close_all(moved_intake) == 0
    match wait:
        case "obligation":
            for code in OBLIGATIONS:
                assert await moved_intake.fulfil(case_id, code) == "accepted"
        case "refund":
            await client.rows("UPDATE refund SET receipt = 'BE-2026-0000001-1' RETURNING 1")
        case _:
            await client.issue(case_id)
    assert await close_all(moved_intake) == 1


async def test_a_case_that_was_reopened_is_kept_from_its_new_closing_on(moved_intake: MovedIntake) -> None:
    case_id = await withdrawn_advice(moved_intake)
    client, url = moved_intake.client, f"/cases/{case_id}"
    moved_intake.pass_days(31)
    await close_all(moved_intake)
    moved_intake.pass_days(20)
    reopened = await client.http.post(f"{url}/reopen", json={"reason": "came back"}, headers=client.clerk())
    assert reopened.status_code == 200
    await client.http.post(f"{url}/withdraw", headers=client.clerk())
    assert (await client.http.post(f"{url}/close", headers=client.clerk())).json()["state"] == "closed"
    moved_intake.pass_days(20)
    assert await delete_all(moved_intake) == 0
    moved_intake.pass_days(11)
    assert await delete_all(moved_intake) == 1


async def test_what_is_kept_until_the_closing_is_deleted_with_it_and_nothing_else(moved_intake: MovedIntake) -> None:
    client = moved_intake.client
    photo, scan, first_photo = uuid7(), uuid7(), uuid7()
    body = {
        "service": "active_pass",
        "language": "de",
        "applicant": {"given_name": "Zoë", "family_name": "Hadžić", "birth_date": "1990-04-01"},
        "facts": {"portrait": {"photo": str(first_photo)}},
    }
    case_id = await moved_intake.open(body)
    fill = client.follow_up(case_id, "case.fill", {"facts": {"portrait": {"photo": str(photo)}}}, case_seq=2)
    await accepted(client, fill)
    for attachment_id in (first_photo, photo):
        await upload(client, case_id, JPEG + attachment_id.bytes, attachment_id)
    dog = await moved_intake.open_dog()
    see = {"code": "expertise_proof", "handling": "scan", "attachment_id": str(scan)}
    await accepted(client, client.follow_up(dog, "case.see_paper", see, case_seq=2))
    await upload(client, dog, JPEG + b"scan", scan)
    other = await upload(client, dog, JPEG + b"letter")
    for id_ in (case_id, dog):
        url = f"/cases/{id_}"
        assert (await client.http.post(f"{url}/withdraw", headers=client.clerk())).status_code == 200
        assert (await client.http.post(f"{url}/close", headers=client.clerk())).status_code == 200
    left = await client.rows("SELECT attachment_id FROM attachment")
    assert [row["attachment_id"] for row in left] == [other]
    assert len(await client.rows("SELECT 1 FROM attachment_piece")) == 1
    form = await client.form(case_id)
    assert form["applicant.family_name"] == "Hadžić"
    assert "facts.portrait" not in form
    for text in (str(photo), str(first_photo)):
        assert (await marks_in_tables(client, [text])).get(text, set()) <= {"case_history.content", "outbox.value"}
    async with client.service.context.database.unit_of_work() as uow:
        ids = [CaseId(UUID(case_id)), CaseId(UUID(dog))]
        files = await case_statements.lock_cases(uow, ids, client.cipher)
        histories = await history_statements.find_histories(uow, ids, client.cipher)
    for key, filed in files.items():
        assert rebuild(key, [event for event, _ in histories[key]]) == filed.case
        assert not filed.case.attachments


async def marked_cases(moved: MovedIntake, marks: Marks) -> dict[str, str]:
    """Cases with marked texts in every place where somebody, or a register, can write one. By name."""
    client = moved.client
    office = client.bearer(Role.OFFICE)

    def reason() -> dict[str, str]:
        return {REASON_HEADER: marks.text()}

    body = moved.dog_body(
        dog_name=marks.text(),
        breed=marks.text(),
        taken_over=True,
        former_family_name=marks.text(),
        former_given_name=marks.text(),
    )
    body["applicant"] |= {"given_name": marks.text(), "family_name": marks.text()}
    body["contact"] |= {"phone": "+" + marks.add("436605557711"), "email": f"{marks.text().lower()}@mail.example"}
    marks.texts[-1] = marks.texts[-1].lower()
    dog = await moved.open(body)
    see = {"code": "expertise_proof", "handling": "scan", "attachment_id": str(uuid7())}
    await accepted(client, client.follow_up(dog, "case.see_paper", see, case_seq=2))
    await upload(client, dog, JPEG + marks.text().encode(), UUID(see["attachment_id"]))
    await upload(client, dog, JPEG + marks.text().encode())
    seq = 2
    for _ in range(2):
        seq += 1
        order = {
            "to": marks.text(),
            "reason": marks.text(),
            "deadline": (moved.clock() + timedelta(days=2)).isoformat(),
        }
        await accepted(client, client.follow_up(dog, "case.hand_over", order, case_seq=seq))
    order = {"to": marks.text(), "reason": marks.text(), "deadline": (moved.clock() + timedelta(days=2)).isoformat()}
    reply = await client.http.post(f"/cases/{dog}/hand-over", json=order, headers=office | reason())
    assert reply.status_code == 200, reply.text
    other = await client.second_device()
    mine = {"applicant": {"family_name": marks.text()}}
    theirs = {"applicant": {"family_name": marks.text()}}
    base = (await client.case(dog))["version"]
    await accepted(client, client.follow_up(dog, "case.fill", mine, case_seq=seq + 1, base_version=base))
    await accepted(other, other.follow_up(dog, "case.fill", theirs, case_seq=1, base_version=base), "conflict")
    late = {"applicant": {"given_name": marks.text()}}
    await accepted(client, client.follow_up(dog, "case.fill", late, case_seq=90), "held")
    refused = client.follow_up(
        dog, "case.fill", {"applicant": {"given_name": marks.text()}, "x": marks.text()}, case_seq=9
    )
    await accepted(client, refused, "refused")
    wrong = {"facts": {"chip": marks.text()}}
    await accepted(client, client.follow_up(dog, "case.fill", wrong, case_seq=seq + 2), "refused")
    address = RESIDENCE["address"] | {"street": marks.text()}  # type: ignore[operator]
    await moved.answer(dog, RESIDENCE | {"address": address})
    await moved.answer(dog, {"number": marks.text()})
    reopen = {"reason": marks.text()}
    assert (await client.http.post(f"/cases/{dog}/reopen", json=reopen, headers=client.clerk())).status_code == 200
    await moved.answer(dog, RESIDENCE | {"address": address})
    assert (await client.case(dog))["state"] == "final"
    await client.issue(dog)
    stand = uuid7()
    elsewhere = client.bearer(Role.CLERK, device=client.device_id, stand=stand)
    assert (await client.http.post(f"/cases/{dog}/take", headers=elsewhere | reason())).status_code == 200
    for code in OBLIGATIONS:
        url = f"/cases/{dog}/obligations/{code}/fulfil"
        assert (await client.http.post(url, json={}, headers=office | reason())).status_code == 200

    item = {"category": "keys", "description": marks.text(), "colour": marks.text()}
    lost = {"items": [item], "lost_on": moved.today.isoformat(), "lost_at": marks.text(), "printed": False}
    plate = marks.add("L-739AB")
    parked = {"vehicle": "own", "plate": {"country": "AT", "text": plate}, "own_parking_place": False}
    wanted = {
        "wanted_family_name": marks.text(),
        "wanted_given_name": marks.text(),
        "wanted_municipality": marks.text(),
    }
    housing = {"owner_of_dwelling": False, "housing_provider": marks.text(), "moved_on": moved.today.isoformat()}
    cases = {"dog_registration": dog}
    for service, facts in (
        ("lost_property_report", lost),
        ("resident_parking", parked),
        ("residence_information", wanted),
        ("registration", housing),
    ):
        applicant = {"given_name": marks.text(), "family_name": marks.text(), "birth_date": "1990-04-01"}
        email = marks.text().lower()
        marks.texts[-1] = email
        cases[service] = await moved.open(
            {
                "service": service,
                "applicant": applicant,
                "contact": {"email": f"{email}@mail.example"},
                "facts": facts,
            }
        )
        url = f"/cases/{cases[service]}"
        assert (await client.http.post(f"{url}/withdraw", headers=office | reason())).status_code == 200
    return cases


async def test_after_the_run_none_of_fifty_marked_texts_is_in_any_table(
    moved_intake: MovedIntake, servers: Servers, topics: Topics
) -> None:
    client, marks = moved_intake.client, Marks()
    cases = await marked_cases(moved_intake, marks)
    [document] = await client.rows("SELECT * FROM document WHERE revoked_at IS NULL")
    pdf = client.cipher.open_bytes(
        document["case_id"], document["pdf"], purpose=f"document.pdf:{document['document_id']}"
    )
    money_before = await client.rows("SELECT * FROM payment ORDER BY receipt")
    numbers_before = await client.rows("SELECT * FROM spent_number ORDER BY serial")
    places = await marks_in_tables(client, marks.texts)
    assert len(marks.texts) >= 50
    assert [mark for mark in marks.texts if mark not in places] == []  # the search is able to find each of them
    searched = {place for found in places.values() for place in found}
    assert searched >= {
        "attachment_piece.sealed",
        "audit_record.reason",
        "case_file.answers",
        "case_file.applicant",
        "case_file.contact",
        "case_file.facts",
        "case_history.content",
        "conflict.field_values",
        "document.pdf",
        "entry.raw",
        "outbox.value",
        "refused_entry.raw",
    }
    await send_outbox(client, servers, topics)

    moved_intake.pass_days(31)
    assert await close_all(moved_intake) == len(cases)
    moved_intake.pass_days(7 * 366)
    assert await delete_all(moved_intake) == len(cases)
    await send_outbox(client, servers, topics)

    assert await marks_in_tables(client, marks.texts) == {}
    for table in ("case_file", "case_history", "case_stand", "conflict", "due_date", "refused_entry", "attachment"):
        assert await client.rows(f"SELECT 1 FROM {table}") == [], table
    runs = await client.rows("SELECT service, cases FROM retention_run")
    assert {row["service"]: row["cases"] for row in runs} == dict.fromkeys(cases, 1)
    assert await client.rows("SELECT * FROM payment ORDER BY receipt") == money_before
    assert await client.rows("SELECT * FROM spent_number ORDER BY serial") == numbers_before
    audited = await client.rows(
        f"SELECT who, action FROM audit_record WHERE subject_id = '{cases['dog_registration']}'"
    )
    assert ("tester@linz", "obligation.fulfil") in [(row["who"], row["action"]) for row in audited]
    await still_verifies(client, pdf, document["status_index"])


async def still_verifies(client: IntakeClient, pdf: bytes, status_index: int) -> None:
    """A paper of a deleted case is genuine, and the list knows whether it was revoked; its file is gone."""
    context = client.service.context.http.state.context
    claims = await asyncio.to_thread(verify_document, pdf, context.trusted)
    assert isinstance(claims, Claims)
    assert claims.status_index == status_index
    async with client.service.context.database.unit_of_work() as uow:
        revoked = await revoked_documents(uow)
        assert document_status(claims, revoked, now=uow.now) is DocumentStatus.VALID
        rows = await uow.db.fetch("SELECT revoked_at IS NULL AS valid, pdf IS NULL AS gone FROM document")
    assert sorted((row["valid"], row["gone"]) for row in rows) == [(False, True), (True, True)]


async def send_outbox(client: IntakeClient, servers: Servers, topics: Topics) -> None:
    database = client.service.context.database
    await topics.create(servers.kafka.bootstrap_servers, partitions=1)
    relay = Relay(database, servers.kafka.bootstrap_servers, topics)
    await relay.start()

    async def is_empty() -> bool:
        return not await client.rows("SELECT 1 FROM outbox LIMIT 1")

    await wait_until(is_empty, timeout_s=30)
    await relay.stop()


async def test_what_comes_late_for_a_deleted_case_is_refused_and_not_stored(moved_intake: MovedIntake) -> None:
    client = moved_intake.client
    opened = client.entry(body={"service": "registration_confirmation"}, captured_at=moved_intake.clock().isoformat())
    case_id = await accepted(client, opened)
    withdrawn = client.follow_up(case_id, "case.withdraw", {}, case_seq=2)
    await accepted(client, withdrawn)
    moved_intake.pass_days(31)
    await close_all(moved_intake)
    moved_intake.pass_days(31)
    assert await delete_all(moved_intake) == 1
    for again in (opened, withdrawn):
        [result] = (await client.sync(again)).json()["results"]
        assert result["status"] == "duplicate"
    late = {"applicant": {"family_name": "Merkwortzz"}}
    other = await client.second_device()
    for device, seq in ((client, 3), (other, 1)):
        [result] = (await device.sync(device.follow_up(case_id, "case.fill", late, case_seq=seq))).json()["results"]
        assert (result["status"], result["problem"]["code"]) == ("refused", "case.deleted")
    reopened = other.entry(case_id=case_id, case_seq=2, body={"service": "advice"})
    [result] = (await other.sync(reopened)).json()["results"]
    assert (result["status"], result["problem"]["code"]) == ("refused", "case.deleted")
    assert await marks_in_tables(client, ["Merkwortzz"]) == {}
    assert await client.rows("SELECT 1 FROM case_file") == []
    about = {"attachment_id": str(uuid7()), "case_id": case_id, "sha256": "ab" * 32, "filetype": "image/png"}
    metadata = ",".join(f"{name} {base64.b64encode(value.encode()).decode()}" for name, value in about.items())
    headers = client.clerk() | {"Upload-Length": "100", "Upload-Metadata": metadata}
    reply = await client.http.post("/attachments", headers=headers)
    assert (reply.status_code, reply.json()["code"]) == (409, "case.deleted")


async def test_an_entry_that_nobody_could_read_goes_after_three_months(moved_intake: MovedIntake) -> None:
    client = moved_intake.client
    await client.http.post(
        "/sync",
        content=b'{"entries": [{"type": "nonsense"}]}',
        headers=client.clerk() | {"Content-Type": "application/json"},
    )
    assert len(await client.rows("SELECT 1 FROM refused_entry")) == 1
    moved_intake.pass_days(89)
    assert await delete_all(moved_intake) == 0
    moved_intake.pass_days(2)
    assert await delete_all(moved_intake) == 1
    assert await client.rows("SELECT 1 FROM refused_entry") == []


async def test_the_office_sees_what_was_deleted_and_what_is_due(moved_intake: MovedIntake) -> None:
    await withdrawn_advice(moved_intake)
    client = moved_intake.client
    office = client.bearer(Role.OFFICE)
    moved_intake.pass_days(31)
    shown = (await client.http.get("/retention", headers=office)).json()
    assert shown == {"to_close": 1, "expired": [], "runs": []}
    await close_all(moved_intake)
    moved_intake.pass_days(31)
    shown = (await client.http.get("/retention", headers=office)).json()
    due = {"service": "registration_confirmation", "retention": "days_30", "cases": 1}
    assert (shown["to_close"], shown["expired"]) == (0, [due])
    await delete_all(moved_intake)
    shown = (await client.http.get("/retention", headers=office)).json()
    assert [run | {"day": ""} for run in shown["runs"]] == [due | {"day": ""}]
    assert (await client.http.get("/retention", headers=client.clerk())).status_code == 403
