"""Photos and scans on a real database: in pieces, resumed, whole or not there at all."""

import base64
import random
from hashlib import sha256
from typing import Any
from uuid import UUID

import pytest
from intake.handlers.attachments import throw_away_abandoned
from uuid_utils.compat import uuid7
from wanderamt.security.roles import Role

JPEG = b"\xff\xd8\xff\xe0" + random.Random(4).randbytes(300_000)  # noqa: S311 -- the same picture in every run
CASE_ID = str(uuid7())


class Upload:
    def __init__(self, desk: Any, content: bytes = JPEG, **said: str) -> None:
        self.desk, self.content = desk, content
        self.said = {
            "attachment_id": str(uuid7()),
            "case_id": CASE_ID,
            "sha256": sha256(content).hexdigest(),
            "filetype": "image/jpeg",
        } | said
        self.url = f"/attachments/{self.said['attachment_id']}"

    async def announce(self, length: int | None = None) -> Any:
        pairs = (f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in self.said.items())
        about = {"Upload-Length": str(length or len(self.content)), "Upload-Metadata": ",".join(pairs)}
        return await self.desk.http.post("/attachments", headers=self.desk.clerk() | about)

    async def send(self, start: int, end: int, *, offset: int | None = None) -> Any:
        about = {"Upload-Offset": str(start if offset is None else offset)}
        about["Content-Type"] = "application/offset+octet-stream"
        return await self.desk.http.patch(self.url, content=self.content[start:end], headers=self.desk.clerk() | about)

    async def received(self) -> int:
        return int((await self.desk.http.head(self.url, headers=self.desk.clerk())).headers["upload-offset"])


async def test_a_picture_is_sent_in_pieces_and_resumed_after_every_cut(desk: Any) -> None:
    upload = Upload(desk)
    first = await upload.announce()
    assert (first.status_code, first.headers["location"], first.headers["tus-resumable"]) == (201, upload.url, "1.0.0")
    chance = random.Random(1)  # noqa: S311
    while (start := await upload.received()) < len(JPEG):
        reply = await upload.send(start, start + chance.randrange(1, 90_000))
        assert reply.status_code == 204, reply.text
        assert (await upload.announce()).headers["upload-offset"] == reply.headers["upload-offset"]
    found = await desk.http.get(upload.url, headers=desk.clerk())
    assert found.content == JPEG
    assert (found.headers["content-type"], found.headers["x-content-type-options"]) == ("image/jpeg", "nosniff")
    assert (await upload.send(0, 1, offset=len(JPEG))).json()["code"] == "attachment.complete"
    sealed = b"".join(row["sealed"] for row in await desk.rows("SELECT sealed FROM attachment_piece"))
    assert JPEG[1000:1100] not in sealed


async def test_a_piece_counts_once_and_none_is_left_out(desk: Any) -> None:
    upload = Upload(desk)
    await upload.announce()
    await upload.send(0, 1000)
    for start in (0, 2000):
        refused = await upload.send(start, start + 1000)
        assert (refused.status_code, refused.json()["code"]) == (409, "attachment.offset")
        assert "1000" in refused.json()["hint"]
    over = await upload.send(0, len(JPEG), offset=1000)
    assert (over.status_code, over.json()["code"]) == (413, "attachment.overfull")
    assert await upload.received() == 1000


async def test_bytes_that_are_not_those_announced_are_thrown_away_and_sent_again(desk: Any) -> None:
    upload = Upload(desk)
    await upload.announce()
    right, upload.content = upload.content, JPEG[:500] + b"X" + JPEG[501:]
    assert (await upload.send(0, len(JPEG))).json()["code"] == "attachment.hash"
    assert await upload.received() == 0
    assert (await desk.http.get(upload.url, headers=desk.clerk())).json()["code"] == "attachment.not_found"
    upload.content = right
    assert (await upload.send(0, len(JPEG))).status_code == 204


@pytest.mark.parametrize("content", [b"MZ" + bytes(500), b"<svg onload=alert(1)>" + bytes(80), b"%PDF-1.7" + bytes(9)])
async def test_a_file_that_lies_about_its_kind_is_thrown_away(desk: Any, content: bytes) -> None:
    upload = Upload(desk, content)
    await upload.announce()
    refused = await upload.send(0, len(content))
    assert (refused.status_code, refused.json()["code"]) == (422, "attachment.kind")
    for table in ("attachment", "attachment_piece"):
        assert await desk.rows(f"SELECT 1 FROM {table}") == []


@pytest.mark.parametrize(
    "said",
    [{"sha256": "00"}, {"filetype": "image/svg+xml"}, {"case_id": "x"}, {"attachment_id": ""}],
)
async def test_what_is_announced_badly_is_refused_with_what_is_wanted(desk: Any, said: dict[str, str]) -> None:
    refused = await Upload(desk, **said).announce()
    assert (refused.status_code, refused.json()["code"]) == (422, "attachment.announcement")


async def test_an_id_stands_for_one_file_of_one_device(desk: Any) -> None:
    upload, other = Upload(desk), await desk.second()
    await upload.announce()
    again = Upload(desk, JPEG + b"!", attachment_id=upload.said["attachment_id"])
    assert (await again.announce()).json()["code"] == "attachment.id_reused"
    same_bytes = Upload(other)  # two ids for the same bytes are two attachments
    assert (await same_bytes.announce()).status_code == 201
    stolen = await other.http.head(upload.url, headers=other.clerk())
    assert stolen.status_code == 404
    assert (await Upload(desk).announce(length=30 * 1024 * 1024)).json()["code"] == "attachment.too_large"


async def test_wherever_a_case_is_shown_it_says_which_scans_are_still_on_a_device(desk: Any) -> None:
    upload = Upload(desk)
    body = {"service": "dog_registration", "identified": "photo_id", "facts": {}}
    opened = desk.entry(case_id=CASE_ID, body=body)
    paper = {"code": "expertise_proof", "handling": "scan", "attachment_id": upload.said["attachment_id"]}
    seen = desk.more(CASE_ID, "case.see_paper", paper, case_seq=2)
    assert [one["status"] for one in (await desk.sync(opened, seen)).json()["results"]] == ["accepted"] * 2

    async def changed(cursor: str = "") -> dict[str, Any]:
        told: dict[str, Any] = (await desk.http.get(f"/changes?cursor={cursor}", headers=desk.clerk())).json()
        return told

    async def everywhere() -> list[list[str]]:
        [at_stand] = (await desk.http.get(f"/stands/{desk.stand_id}/cases", headers=desk.clerk())).json()
        [told] = (await changed())["cases"]
        return [one["missing_attachments"] for one in (await desk.case(CASE_ID), at_stand, told)]

    missing = [upload.said["attachment_id"]]
    assert await everywhere() == [missing] * 3
    await upload.announce()
    assert await everywhere() == [missing] * 3
    order = {"to": "office", "reason": "the original must be seen", "deadline": "2099-01-01T00:00:00Z"}
    handed = await desk.http.post(f"/cases/{CASE_ID}/hand-over", json=order, headers=desk.clerk())
    assert handed.json()["missing_attachments"] == missing
    cursor = (await changed())["cursor"]
    await upload.send(0, len(JPEG))
    assert await everywhere() == [[]] * 3
    [told_again] = (await changed(cursor))["cases"]  # a device that had heard of the case hears that its scan came
    assert told_again["missing_attachments"] == []
    [listed] = (await desk.http.get(f"/cases/{CASE_ID}/attachments", headers=desk.clerk())).json()
    assert (listed["kind"], listed["received"], bool(listed["completed_at"])) == ("image/jpeg", len(JPEG), True)


@pytest.mark.parametrize("role", [Role.PLANNER, Role.OPERATOR])
async def test_attachments_are_for_clerks_on_an_enrolled_device(desk: Any, role: Role) -> None:
    upload = Upload(desk)
    for method in ("HEAD", "PATCH", "GET"):
        headers = desk.bearer(role, device=desk.device_id, stand=desk.stand_id)
        assert (await desk.http.request(method, upload.url, headers=headers)).status_code == 403
    await upload.announce()
    await desk.http.post(f"/devices/{desk.device_id}/revoke", headers=desk.bearer(Role.OPERATOR))
    assert (await upload.send(0, 1000)).json()["code"] == "device.not_enrolled"


async def test_what_was_never_sent_to_its_end_is_thrown_away_after_a_month(desk: Any) -> None:
    whole, half, young = Upload(desk), Upload(desk), Upload(desk)
    for upload in (whole, half, young):
        await upload.announce()
    await whole.send(0, len(JPEG))
    await half.send(0, 1000)
    old = (whole.said["attachment_id"], half.said["attachment_id"])
    await desk.rows(f"UPDATE attachment SET begun_at = begun_at - interval '31 days' WHERE attachment_id IN {old}")
    async with desk.service.ground.database.work() as work:
        assert await throw_away_abandoned(work) == 1
    assert (await desk.http.head(half.url, headers=desk.clerk())).status_code == 404
    assert await young.received() == 0
    assert [row["attachment_id"] for row in await desk.rows("SELECT DISTINCT attachment_id FROM attachment_piece")] == [
        UUID(whole.said["attachment_id"])
    ]
