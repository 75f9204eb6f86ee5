"""The scene of the retention: cases with marked texts wherever somebody can write one, and none of them afterwards."""

import asyncio
from datetime import timedelta
from uuid import UUID

from due_date_fixtures import MovedIntake
from intake.domain.document_status import Claims, DocumentStatus, document_status
from intake.handlers.documents import revoked_documents
from intake.signing.document_verification import verify_document
from intake_fixtures import RESIDENCE, IntakeClient
from marked_text_fixtures import Marks, marks_in_tables
from retention_fixtures import JPEG, OBLIGATIONS, accepted, close_all, delete_all, upload
from uuid_utils.compat import uuid7
from wanderamt.backbone.messaging.relay import Relay
from wanderamt.backbone.messaging.topics import Topics
from wanderamt.security.roles import Role
from wanderamt.shell.access import REASON_HEADER
from wanderamt_testing.servers import Servers
from wanderamt_testing.waiting import wait_until


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
    reopen = {"reason": marks.text(), "correct": {"applicant": {"given_name": marks.text()}}}
    assert (await client.http.post(f"/cases/{dog}/reopen", json=reopen, headers=client.clerk())).status_code == 200
    await moved.answer(dog, {"number": "4711"})  # the dog is withdrawn; nothing of that answer is kept
    await moved.answer(dog, RESIDENCE | {"address": address})
    await moved.answer(dog, {"number": marks.text()})
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
    searched = {place for of_mark in places.values() for place in of_mark}
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
    assert ("tester@city", "obligation.fulfil") in [(row["who"], row["action"]) for row in audited]
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
