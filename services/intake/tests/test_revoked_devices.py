"""What the revocation of a device ended stays over, also when the device is enrolled again."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import cbor2
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from enrolment_fixtures import BrowserKey, code, enrol, session
from export_fixtures import DeviceExport
from intake.domain.numbers import NumberSeries, parse_number
from intake.handlers.context import IntakeContext
from intake.handlers.numbers import held_blocks
from intake.signing import base45
from intake.signing.cwt import ISSUED, ISSUER, SUBJECT
from intake.signing.device import certify
from intake.signing.qr_seal import CONTENT, DEVICE, HOLDER, SEAL, STATUS
from intake_fixtures import IntakeClient
from uuid_utils.compat import uuid7
from wanderamt.contracts import AccessCutOff
from wanderamt.kernel.ids import DeviceId
from wanderamt.kernel.refusal import Refusal
from wanderamt.security.roles import Role


@pytest.fixture(autouse=True)
def no_status_list_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("intake.handlers.status_list.MAX_AGE", timedelta(0))


async def revoke(intake_client: IntakeClient, device_id: UUID) -> None:
    url = f"/devices/{device_id}/revoke"
    reply = await intake_client.http.post(url, headers=intake_client.bearer(Role.OPERATOR))
    assert reply.status_code == 204


async def get_changes(intake_client: IntakeClient, key: BrowserKey, token: str) -> tuple[int, str]:
    """Status and code of the refusal."""
    headers = {"Authorization": f"Bearer {token}", "DPoP": key.proof("GET", "/changes", token)}
    reply = await intake_client.http.get("/changes", headers=headers)
    return reply.status_code, reply.json().get("code", "")


async def sealed_paper(intake_client: IntakeClient, number: str) -> str:
    """The code of a document as the device prints it without a network."""
    context: IntakeContext = intake_client.service.context.http.state.context
    key, parsed = ec.generate_private_key(ec.SECP256R1()), parse_number(number)
    assert not isinstance(parsed, Refusal)
    async with intake_client.service.context.database.unit_of_work() as uow:
        leased = await held_blocks(uow, device_id=DeviceId(intake_client.device_id))
        now = uow.now
    blocks = [held.block for held in leased if held.block.series is NumberSeries.DOCUMENT]
    index = next(block.status_list_index(parsed.serial) for block in blocks if block.contains(parsed))
    certificate = certify(
        DeviceId(intake_client.device_id),
        key.public_key(),
        blocks,
        context.authority,
        now=now,
        expires_at=now + timedelta(1),
    )
    head = cbor2.dumps({1: -7, 16: SEAL, DEVICE: certificate})
    claims = {ISSUER: context.authority.code, SUBJECT: number, ISSUED: int(now.timestamp()) + 1, CONTENT: bytes(32)}
    payload = cbor2.dumps(claims | {STATUS: {"status_list": {"idx": index}}, HOLDER: "Nobody Invented 01.04.1990"})
    signed = key.sign(cbor2.dumps(["Signature1", head, b"", payload]), ec.ECDSA(hashes.SHA256()))
    r, s = decode_dss_signature(signed)
    token = cbor2.CBORTag(18, [head, {}, payload, r.to_bytes(32, "big") + s.to_bytes(32, "big")])
    return "WA1:" + base45.encode(cbor2.dumps(token))


async def status_of(intake_client: IntakeClient, paper: str) -> str:
    answer: dict[str, Any] = (await intake_client.http.post("/verify", json={"stamp": paper})).json()
    return str(answer.get("status"))


async def provisional_case(intake_client: IntakeClient, number: str) -> dict[str, Any]:
    """A case that waits for its register, and the entry of its document, which the device did not send."""
    opened = intake_client.entry()
    opened["body"].pop("provisional", None)
    assert (await intake_client.sync(opened)).json()["results"][0]["status"] == "accepted"
    body = {"document_id": str(uuid7()), "number": number}
    return intake_client.follow_up(opened["case_id"], "case.give_provisional", body, case_seq=2)


async def test_a_session_that_a_revocation_ended_stays_over_when_its_device_is_enrolled_again(
    intake_client: IntakeClient, stand: UUID
) -> None:
    key, device_id = BrowserKey(), uuid7()
    await enrol(intake_client, key, device_id, await code(intake_client))
    begun = (await session(intake_client, key, device_id, stand)).json()
    assert await get_changes(intake_client, key, begun["token"]) == (200, "")
    await revoke(intake_client, device_id)
    assert await get_changes(intake_client, key, begun["token"]) == (403, "device.not_enrolled"), "the app locks itself"
    operator = intake_client.bearer(Role.OPERATOR)
    assert (await intake_client.http.get("/sessions", headers=operator)).json() == []
    await intake_client.enrol(device_id)
    assert await get_changes(intake_client, key, begun["token"]) == (401, "access.cut_off")
    fresh = (await session(intake_client, key, device_id, stand)).json()
    assert await get_changes(intake_client, key, fresh["token"]) == (200, "")


async def test_other_services_learn_that_the_sessions_of_a_revoked_device_are_over(
    intake_client: IntakeClient, stand: UUID
) -> None:
    key, device_id = BrowserKey(), uuid7()
    await enrol(intake_client, key, device_id, await code(intake_client))
    for _ in range(2):
        await session(intake_client, key, device_id, stand)
    ids = {str(row["session_id"]) for row in await intake_client.rows("SELECT session_id FROM field_session")}
    await revoke(intake_client, device_id)
    rows = await intake_client.rows(f"SELECT value FROM outbox WHERE type = '{AccessCutOff.TYPE}'")
    cut = [json.loads(row["value"]) for row in rows]
    assert {(event["kind"], event["id"]) for event in cut} == {
        ("device", str(device_id)),
        *(("session", session_id) for session_id in ids),
    }


async def test_papers_with_unspent_numbers_stay_revoked_when_their_device_is_enrolled_again(
    intake_client: IntakeClient,
) -> None:
    number = intake_client.numbers.take("UK")
    give, paper = await provisional_case(intake_client, number), await sealed_paper(intake_client, number)
    assert await status_of(intake_client, paper) == "valid"
    await revoke(intake_client, intake_client.device_id)
    assert await status_of(intake_client, paper) == "revoked"
    await intake_client.enrol(intake_client.device_id)
    assert await status_of(intake_client, paper) == "revoked"
    assert (await intake_client.sync(give)).json()["results"][0]["status"] == "accepted"
    assert await status_of(intake_client, paper) == "valid", "its entry came"
    numbers = intake_client.numbers
    while numbers.left("UK"):
        numbers.take("UK")
    await intake_client.lease("UK")
    later = await sealed_paper(intake_client, numbers.take("UK"))
    assert await status_of(intake_client, later) == "valid", "leased after the revocation"


async def test_the_export_of_a_revoked_device_is_imported_and_the_device_stays_revoked(
    intake_client: IntakeClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = [intake_client.numbers.take("UK") for _ in range(2)]
    give = await provisional_case(intake_client, numbers[0])
    reported, other = [await sealed_paper(intake_client, number) for number in numbers]
    await revoke(intake_client, intake_client.device_id)
    export, scan = DeviceExport(intake_client), uuid7()
    export.add_entry(give)
    export.add_file(scan, UUID(give["case_id"]), b"\x89PNG\r\n\x1a\n" + bytes(99), kind="image/png")
    [before] = await intake_client.rows("SELECT revoked_at FROM device")
    result = await export.run_import(tmp_path, monkeypatch)
    assert result.exit_code == 0, result.output
    assert await intake_client.rows("SELECT revoked_at FROM device") == [before]
    assert (await status_of(intake_client, reported), await status_of(intake_client, other)) == ("valid", "revoked")
    assert len(await intake_client.rows("SELECT 1 FROM attachment WHERE completed_at IS NOT NULL")) == 1
    refused = await intake_client.sync(intake_client.entry())
    assert (refused.status_code, refused.json()["code"]) == (403, "device.not_enrolled")


async def test_an_export_of_a_device_that_was_never_enrolled_is_refused(
    intake_client: IntakeClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stranger = IntakeClient(intake_client.service, intake_client.http, intake_client.run_keys, uuid7(), uuid7())
    export = DeviceExport(stranger)
    export.add_entry(stranger.entry(body={"service": "registration_confirmation"}))
    result = await export.run_import(tmp_path, monkeypatch)
    assert result.exit_code != 0
    assert await intake_client.rows("SELECT 1 FROM entry") == []
