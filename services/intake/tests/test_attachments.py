"""Photos and scans on a real database: uploaded in pieces, resumed, complete or absent."""

import base64
import random
from hashlib import sha256
from typing import Any
from uuid import UUID

import httpx
import pytest
from intake.handlers.attachments import delete_abandoned_uploads
from intake_fixtures import WITH_REASON, IntakeClient
from structlog.testing import capture_logs
from uuid_utils.compat import uuid7
from wanderamt.security.roles import Role

JPEG = b"\xff\xd8\xff\xe0" + random.Random(4).randbytes(300_000)  # noqa: S311 -- the same picture in every run
CASE_ID = str(uuid7())


class Upload:
    def __init__(self, intake_client: IntakeClient, content: bytes = JPEG, /, **metadata: str) -> None:
        self.intake_client, self.content = intake_client, content
        self.metadata = {
            "attachment_id": str(uuid7()),
            "case_id": CASE_ID,
            "sha256": sha256(content).hexdigest(),
            "filetype": "image/jpeg",
        } | metadata
        self.url = f"/attachments/{self.metadata['attachment_id']}"

    async def announce(self, length: int | None = None) -> httpx.Response:
        pairs = (f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in self.metadata.items())
        about = {"Upload-Length": str(length or len(self.content)), "Upload-Metadata": ",".join(pairs)}
        return await self.intake_client.http.post("/attachments", headers=self.intake_client.clerk() | about)

    async def send(self, start: int, end: int, *, offset: int | None = None) -> httpx.Response:
        about = {"Upload-Offset": str(start if offset is None else offset)}
        about["Content-Type"] = "application/offset+octet-stream"
        return await self.intake_client.http.patch(
            self.url, content=self.content[start:end], headers=self.intake_client.clerk() | about
        )

    async def received(self) -> int:
        return int(
            (await self.intake_client.http.head(self.url, headers=self.intake_client.clerk())).headers["upload-offset"]
        )


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE attachment_piece SET sealed = (SELECT sealed FROM attachment_piece WHERE start = 100000) WHERE start = 0",
        "UPDATE attachment_piece SET start = -start",
        "DELETE FROM attachment_piece WHERE start = 100000",
        "DELETE FROM attachment_piece WHERE start = 200000",
        "UPDATE attachment_piece SET sealed = '' WHERE start = 0",
        "UPDATE attachment SET case_id = gen_random_uuid()",
        "UPDATE attachment SET attachment_id = gen_random_uuid()",
    ],
)
async def test_a_piece_opens_only_at_its_place_in_its_attachment(intake_client: IntakeClient, change: str) -> None:
    upload = Upload(intake_client)
    await upload.announce()
    for start in range(0, len(JPEG), 100_000):
        assert (await upload.send(start, start + 100_000)).status_code == 204
    async with intake_client.service.context.database.unit_of_work() as uow:
        await uow.db.execute(change)
        attachment_id = await uow.db.fetchval("SELECT attachment_id FROM attachment")
        await uow.db.execute("UPDATE attachment_piece SET attachment_id = $1", attachment_id)
    with capture_logs() as logs:
        headers = intake_client.clerk() | WITH_REASON
        reply = await intake_client.http.get(f"/attachments/{attachment_id}", headers=headers)
    assert (reply.status_code, reply.json()["code"]) == (409, "content.unreadable")
    [line] = [line for line in logs if line["event"] == "content.unreadable"]
    assert line["purpose"].startswith(f"attachment:{attachment_id}:")


async def test_a_picture_is_sent_in_pieces_and_resumed_after_every_cut(intake_client: IntakeClient) -> None:
    upload = Upload(intake_client)
    first = await upload.announce()
    assert (first.status_code, first.headers["location"], first.headers["tus-resumable"]) == (201, upload.url, "1.0.0")
    chance = random.Random(1)  # noqa: S311
    while (start := await upload.received()) < len(JPEG):
        reply = await upload.send(start, start + chance.randrange(1, 90_000))
        assert reply.status_code == 204, reply.text
        assert (await upload.announce()).headers["upload-offset"] == reply.headers["upload-offset"]
    download = await intake_client.http.get(upload.url, headers=intake_client.clerk() | WITH_REASON)
    assert download.content == JPEG
    assert (download.headers["content-type"], download.headers["x-content-type-options"]) == ("image/jpeg", "nosniff")
    assert (await upload.send(0, 1, offset=len(JPEG))).json()["code"] == "attachment.complete"
    sealed = b"".join(row["sealed"] for row in await intake_client.rows("SELECT sealed FROM attachment_piece"))
    assert JPEG[1000:1100] not in sealed


async def test_each_piece_counts_once_and_no_piece_is_skipped(intake_client: IntakeClient) -> None:
    upload = Upload(intake_client)
    await upload.announce()
    await upload.send(0, 1000)
    for start in (0, 2000):
        refused = await upload.send(start, start + 1000)
        assert (refused.status_code, refused.json()["code"]) == (409, "attachment.offset")
        assert "1000" in refused.json()["hint"]
    over = await upload.send(0, len(JPEG), offset=1000)
    assert (over.status_code, over.json()["code"]) == (413, "attachment.overfull")
    assert await upload.received() == 1000


async def test_bytes_that_differ_from_the_announced_hash_are_discarded_and_sent_again(
    intake_client: IntakeClient,
) -> None:
    upload = Upload(intake_client)
    await upload.announce()
    right, upload.content = upload.content, JPEG[:500] + b"X" + JPEG[501:]
    assert (await upload.send(0, len(JPEG))).json()["code"] == "attachment.hash"
    assert await upload.received() == 0
    assert (await intake_client.http.get(upload.url, headers=intake_client.clerk() | WITH_REASON)).json()[
        "code"
    ] == "attachment.not_found"
    upload.content = right
    assert (await upload.send(0, len(JPEG))).status_code == 204


@pytest.mark.parametrize("content", [b"MZ" + bytes(500), b"<svg onload=alert(1)>" + bytes(80), b"%PDF-1.7" + bytes(9)])
async def test_a_file_of_another_type_than_announced_is_discarded(intake_client: IntakeClient, content: bytes) -> None:
    upload = Upload(intake_client, content)
    await upload.announce()
    refused = await upload.send(0, len(content))
    assert (refused.status_code, refused.json()["code"]) == (422, "attachment.kind")
    for table in ("attachment", "attachment_piece"):
        assert await intake_client.rows(f"SELECT 1 FROM {table}") == []


@pytest.mark.parametrize(
    "metadata",
    [{"sha256": "00"}, {"filetype": "image/svg+xml"}, {"case_id": "x"}, {"attachment_id": ""}],
)
async def test_an_invalid_announcement_is_refused_with_the_expected_values(
    intake_client: IntakeClient, metadata: dict[str, str]
) -> None:
    refused = await Upload(intake_client, **metadata).announce()
    assert (refused.status_code, refused.json()["code"]) == (422, "attachment.announcement")


async def test_an_id_names_one_file_of_one_device(intake_client: IntakeClient) -> None:
    upload, other = Upload(intake_client), await intake_client.second_device()
    await upload.announce()
    reused = Upload(intake_client, JPEG + b"!", attachment_id=upload.metadata["attachment_id"])
    assert (await reused.announce()).json()["code"] == "attachment.id_reused"
    same_bytes = Upload(other)  # two ids for the same bytes are two attachments
    assert (await same_bytes.announce()).status_code == 201
    stolen = await other.http.head(upload.url, headers=other.clerk())
    assert stolen.status_code == 404
    assert (await Upload(intake_client).announce(length=30 * 1024 * 1024)).json()["code"] == "attachment.too_large"


async def test_every_view_of_a_case_lists_the_scans_that_are_still_on_a_device(intake_client: IntakeClient) -> None:
    upload = Upload(intake_client)
    body = {"service": "dog_registration", "identified": "photo_id", "facts": {}}
    opened = intake_client.entry(case_id=CASE_ID, body=body)
    document = {"code": "expertise_proof", "handling": "scan", "attachment_id": upload.metadata["attachment_id"]}
    shown_document = intake_client.follow_up(CASE_ID, "case.see_paper", document, case_seq=2)
    assert [case["status"] for case in (await intake_client.sync(opened, shown_document)).json()["results"]] == [
        "accepted"
    ] * 2

    async def changed(cursor: str = "") -> dict[str, Any]:
        page: dict[str, Any] = (
            await intake_client.http.get(f"/changes?cursor={cursor}", headers=intake_client.clerk())
        ).json()
        return page

    async def everywhere() -> list[list[str]]:
        [at_stand] = (
            await intake_client.http.get(f"/stands/{intake_client.stand_id}/cases", headers=intake_client.clerk())
        ).json()
        [page] = (await changed())["cases"]
        return [case["missing_attachments"] for case in (await intake_client.case(CASE_ID), at_stand, page)]

    missing = [upload.metadata["attachment_id"]]
    assert await everywhere() == [missing] * 3
    await upload.announce()
    assert await everywhere() == [missing] * 3
    order = {"to": "office", "reason": "the original must be seen", "deadline": "2099-01-01T00:00:00Z"}
    handed = await intake_client.http.post(f"/cases/{CASE_ID}/hand-over", json=order, headers=intake_client.clerk())
    assert handed.json()["missing_attachments"] == missing
    cursor = (await changed())["cursor"]
    await upload.send(0, len(JPEG))
    assert await everywhere() == [[]] * 3
    [changed_case] = (await changed(cursor))["cases"]  # the device learns that the scan of a known case has arrived
    assert changed_case["missing_attachments"] == []
    [listed] = (await intake_client.http.get(f"/cases/{CASE_ID}/attachments", headers=intake_client.clerk())).json()
    assert (listed["kind"], listed["received"], bool(listed["completed_at"])) == ("image/jpeg", len(JPEG), True)


@pytest.mark.parametrize("role", [Role.PLANNER, Role.OPERATOR])
async def test_attachments_are_for_clerks_on_an_enrolled_device(intake_client: IntakeClient, role: Role) -> None:
    upload = Upload(intake_client)
    for method in ("HEAD", "PATCH", "GET"):
        headers = intake_client.bearer(role, device=intake_client.device_id, stand=intake_client.stand_id)
        assert (await intake_client.http.request(method, upload.url, headers=headers)).status_code == 403
    await upload.announce()
    await intake_client.http.post(
        f"/devices/{intake_client.device_id}/revoke", headers=intake_client.bearer(Role.OPERATOR)
    )
    assert (await upload.send(0, 1000)).json()["code"] == "device.not_enrolled"


async def test_an_incomplete_upload_is_discarded_after_a_month(intake_client: IntakeClient) -> None:
    complete, half, young = Upload(intake_client), Upload(intake_client), Upload(intake_client)
    for upload in (complete, half, young):
        await upload.announce()
    await complete.send(0, len(JPEG))
    await half.send(0, 1000)
    old = (complete.metadata["attachment_id"], half.metadata["attachment_id"])
    await intake_client.rows(
        f"UPDATE attachment SET begun_at = begun_at - interval '31 days' WHERE attachment_id IN {old}"
    )
    async with intake_client.service.context.database.unit_of_work() as uow:
        assert await delete_abandoned_uploads(uow) == 1
    assert (await intake_client.http.head(half.url, headers=intake_client.clerk())).status_code == 404
    assert await young.received() == 0
    assert [
        row["attachment_id"] for row in await intake_client.rows("SELECT DISTINCT attachment_id FROM attachment_piece")
    ] == [UUID(complete.metadata["attachment_id"])]
