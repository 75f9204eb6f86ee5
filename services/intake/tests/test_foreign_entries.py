"""What a device of another stand sends to a case: refused at once, written down, and of no cost to the case's crew."""

import base64
import json
import math
from dataclasses import replace
from hashlib import sha256
from typing import Any
from uuid import UUID

import httpx
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from intake.domain.entry import parse_line
from intake.domain.export import FORMAT, Export, read_export
from intake.handlers.context import IntakeContext
from intake.handlers.import_export import ImportSummary, batches, import_batch
from intake_fixtures import IntakeClient
from uuid_utils.compat import uuid7
from wanderamt.kernel.ids import DeviceId

NOTHING = {"service": "registration_confirmation"}
PHONE = {"contact": {"phone": "+436609999999", "consent": "2026-1"}}
KEY = bytes(32)  # of an outbox
PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 200


def sealed(store: str, name: object, content: dict[str, Any]) -> str:
    """A line of an export."""
    described = {"attachment_id": str(uuid7()), "case_id": str(uuid7()), "sha256": "00" * 32} | content
    secret = AESGCM(KEY).encrypt(bytes(12), json.dumps(described).encode(), f"{store}|{name}".encode())
    return json.dumps({"store": store, "id": name, "sealed": base64.b64encode(bytes(12) + secret).decode()})


@pytest.fixture
async def stranger(intake_client: IntakeClient) -> IntakeClient:
    """A device at another stand."""
    other = IntakeClient(intake_client.service, intake_client.http, intake_client.run_keys, uuid7(), uuid7())
    await other.enrol(other.device_id)
    return other


def at_stand_of(client: IntakeClient, other: IntakeClient) -> IntakeClient:
    """The same device with a session at the stand of another one."""
    return replace(client, stand_id=other.stand_id)


async def announce(client: IntakeClient, case_id: str, attachment_id: UUID) -> httpx.Response:
    described = {
        "attachment_id": str(attachment_id),
        "case_id": case_id,
        "sha256": sha256(PNG).hexdigest(),
        "filetype": "image/png",
    }
    metadata = ",".join(f"{name} {base64.b64encode(value.encode()).decode()}" for name, value in described.items())
    headers = client.clerk() | {"Upload-Length": str(len(PNG)), "Upload-Metadata": metadata}
    return await client.http.post("/attachments", headers=headers)


async def test_entries_for_a_case_of_another_stand_never_wait_and_are_written_down(
    intake_client: IntakeClient, stranger: IntakeClient
) -> None:
    opened = intake_client.entry(body=NOTHING)
    await intake_client.sync(opened)
    case_id = opened["case_id"]
    fills = [stranger.follow_up(case_id, "case.fill", PHONE, case_seq=place) for place in range(2, 40)]
    fills.append(stranger.entry(case_id=case_id, case_seq=50, body=NOTHING))
    answers = (await stranger.sync(*fills)).json()["results"]
    assert {(answer["status"], answer["problem"]["code"]) for answer in answers} == {("refused", "case.other_stand")}
    assert await intake_client.rows("SELECT 1 FROM entry WHERE status = 'held'") == []
    [record] = await intake_client.rows("SELECT * FROM audit_record WHERE outcome = 'case.other_stand'")
    assert (record["subject_id"], record["times"], record["device_id"]) == (case_id, 39, stranger.device_id)
    assert (record["action"], record["stand_id"]) == ("entries.send", stranger.stand_id)
    identify = intake_client.follow_up(case_id, "case.identify", {"level": "photo_id"}, case_seq=2)
    assert (await intake_client.sync(identify)).json()["results"][0]["status"] == "accepted"
    assert "contact.phone" not in await intake_client.form(case_id)


async def test_what_waits_for_a_missing_entry_of_another_device_is_not_read(
    intake_client: IntakeClient, stranger: IntakeClient
) -> None:
    """It was sent before the case was known: nobody could tell that it belongs to another stand."""
    opened = intake_client.entry(body=NOTHING)
    early = [stranger.follow_up(opened["case_id"], "case.fill", PHONE, case_seq=place) for place in range(2, 30)]
    assert {answer["status"] for answer in (await stranger.sync(*early)).json()["results"]} == {"held"}
    await intake_client.rows("UPDATE entry SET raw = '{}' WHERE status = 'held' RETURNING 1")  # fails who reads it
    identify = intake_client.follow_up(opened["case_id"], "case.identify", {"level": "photo_id"}, case_seq=2)
    for entry in (opened, identify):
        assert (await intake_client.sync(entry)).json()["results"][0]["status"] == "accepted"


async def test_a_device_has_at_most_300_entries_in_a_case(intake_client: IntakeClient) -> None:
    beyond = intake_client.follow_up(str(uuid7()), "case.fill", PHONE, case_seq=301)
    [answer] = (await intake_client.sync(beyond)).json()["results"]
    assert (answer["status"], answer["problem"]["code"]) == ("refused", "entry.invalid")


async def test_at_another_stand_a_device_goes_on_only_with_its_own_cases_and_it_is_written_down(
    intake_client: IntakeClient, stranger: IntakeClient
) -> None:
    moved = at_stand_of(intake_client, stranger)  # it leased numbers at its first stand
    own, left_over = intake_client.entry(body=NOTHING), intake_client.entry(body=NOTHING)
    others = await intake_client.second_device()
    foreign = others.entry(body=NOTHING)
    await intake_client.sync(own)
    await others.sync(foreign)
    await intake_client.lease("BE")

    async def withdraw(case_id: str, place: int) -> tuple[str, str]:
        entry = moved.follow_up(case_id, "case.withdraw", {}, case_seq=place, stand_id=str(intake_client.stand_id))
        [answer] = (await moved.sync(entry)).json()["results"]
        return answer["status"], (answer["problem"] or {}).get("code", "")

    moved.seq = intake_client.seq
    assert (await moved.sync(left_over)).json()["results"][0]["status"] == "accepted"
    assert await withdraw(own["case_id"], 2) == ("accepted", "")
    assert await withdraw(foreign["case_id"], 1) == ("refused", "entry.other_stand")
    assert (await others.case(foreign["case_id"]))["state"] == "open"
    records = await intake_client.rows(
        "SELECT subject_id, outcome FROM audit_record WHERE action = 'entries.send' ORDER BY id"
    )
    assert [tuple(record) for record in records] == [
        (left_over["case_id"], "allowed"),
        (own["case_id"], "allowed"),
        (foreign["case_id"], "entry.other_stand"),
    ]


async def test_a_device_of_another_stand_sends_no_file_to_a_case(
    intake_client: IntakeClient, stranger: IntakeClient
) -> None:
    opened, scan = intake_client.entry(body=NOTHING), uuid7()
    await intake_client.sync(opened)
    refused = await announce(stranger, opened["case_id"], scan)
    assert (refused.status_code, refused.json()["code"]) == (403, "case.other_stand")
    assert (await announce(intake_client, opened["case_id"], scan)).status_code == 201
    moved = at_stand_of(intake_client, stranger)  # photos of yesterday's stand are sent from today's
    assert (await announce(moved, opened["case_id"], uuid7())).status_code == 201


async def test_a_file_of_one_case_is_no_scan_of_another(intake_client: IntakeClient) -> None:
    case_id, scan = str(uuid7()), uuid7()
    assert (await announce(intake_client, str(uuid7()), scan)).status_code == 201
    upload = intake_client.clerk() | {"Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
    sent = await intake_client.http.patch(f"/attachments/{scan}", content=PNG, headers=upload)
    assert sent.status_code == 204
    opened = intake_client.entry(
        case_id=case_id, body={"service": "dog_registration", "identified": "photo_id", "facts": {}}
    )
    body = {"code": "expertise_proof", "handling": "scan", "attachment_id": str(scan)}
    seen = intake_client.follow_up(case_id, "case.see_paper", body, case_seq=2)
    assert {answer["status"] for answer in (await intake_client.sync(opened, seen)).json()["results"]} == {"accepted"}
    assert (await intake_client.case(case_id))["missing_attachments"] == [str(scan)]


async def test_an_export_writes_to_no_case_of_a_stand_where_its_device_never_was(
    intake_client: IntakeClient, stranger: IntakeClient
) -> None:
    opened = intake_client.entry(body=NOTHING)
    await intake_client.sync(opened)
    visitor = at_stand_of(stranger, intake_client)
    fill = visitor.follow_up(opened["case_id"], "case.fill", PHONE, case_seq=1)
    assert await imported(visitor, fill) == ["entry.other_stand"]
    assert "contact.phone" not in await intake_client.form(opened["case_id"])
    lease = {"block_id": str(uuid7()), "series": "GZ"}
    await visitor.http.post("/numbers/blocks", json=lease, headers=visitor.clerk())
    assert await imported(visitor, fill | {"entry_id": str(uuid7())}) == []


async def imported(client: IntakeClient, *entries: dict[str, Any]) -> list[str]:
    """The codes of the refused entries."""
    context: IntakeContext = client.service.context.http.state.context
    export = Export(DeviceId(client.device_id), "", [parse_line(json.dumps(entry).encode()) for entry in entries])
    summary = ImportSummary()
    async with client.service.context.database.unit_of_work() as uow:
        for batch in batches(export, officer="zoe"):
            assert not await import_batch(batch, summary, uow, cipher=context.cipher, catalogue=context.catalogue)
    return [answer.refusal.code for answer in summary.refused if answer.refusal]


@pytest.mark.parametrize(
    "line",
    [
        "[" * 100_000,
        sealed("attachments", "1", {"length": 3, "kind": "text/html"}),
        sealed("attachments", "1", {"length": math.inf, "kind": "image/png"}),
        sealed("attachments", "1", {"length": 2**40, "kind": "image/png"}),
        sealed("pieces", 5, {}),
    ],
)
def test_a_line_that_nobody_can_read_keeps_no_other_line_of_an_export_out(line: str) -> None:
    head = {"format": FORMAT, "device_id": str(uuid7())}
    export = read_export([json.dumps(head), line, sealed("entries", "2", {})], KEY)
    assert isinstance(export, Export)
    assert (export.broken, export.files, len(export.entries)) == ([2], {}, 1)
