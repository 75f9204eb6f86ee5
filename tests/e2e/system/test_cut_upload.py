"""An upload over a connection that breaks repeatedly: bytes that arrived are kept, the rest is sent once."""

import asyncio
import base64
import random
from hashlib import sha256

import httpx
from uuid_utils.compat import uuid7
from wanderamt.shell.access import REASON_HEADER
from wanderamt_local.system import System

PHOTO = b"\xff\xd8\xff\xe0" + random.Random(5).randbytes(600_000)
CUTS = 6


async def cut_patch(port: int, path: str, token: str, *, offset: int, arrives: int) -> None:
    """Announces all remaining bytes, sends `arrives` of them and closes the connection."""
    remaining = PHOTO[offset:]
    head = (
        f"PATCH {path} HTTP/1.1\r\nHost: intake\r\nAuthorization: Bearer {token}\r\nUpload-Offset: {offset}\r\n"
        f"Content-Type: application/offset+octet-stream\r\nContent-Length: {len(remaining)}\r\n\r\n"
    )
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(head.encode() + remaining[:arrives])
    await writer.drain()
    writer.close()
    await writer.wait_closed()


async def test_bytes_that_arrived_before_each_cut_are_kept(running_system: System) -> None:
    device_id, attachment_id = uuid7(), uuid7()
    token = await running_system.enrol(device_id, uuid7())
    fields = {
        "attachment_id": str(attachment_id),
        "case_id": str(uuid7()),
        "sha256": sha256(PHOTO).hexdigest(),
        "filetype": "image/jpeg",
    }
    metadata = ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in fields.items())
    path, auth = f"/attachments/{attachment_id}", {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=running_system.url("intake"), headers=auth, timeout=20) as http:
        announced = await http.post(
            "/attachments", headers={"Upload-Length": str(len(PHOTO)), "Upload-Metadata": metadata}
        )
        assert announced.status_code == 201

        async def received() -> int:
            return int((await http.head(path)).headers["upload-offset"])

        stored = 0
        for _ in range(CUTS):
            await cut_patch(running_system.ports["intake"], path, token, offset=stored, arrives=70_000)
            async with asyncio.timeout(20):
                while await received() == stored:
                    await asyncio.sleep(0.05)
            grown = await received()
            assert stored < grown <= stored + 70_000
            stored = grown
        assert stored > CUTS * 30_000
        last = await http.patch(
            path,
            content=PHOTO[stored:],
            headers={"Upload-Offset": str(stored), "Content-Type": "application/offset+octet-stream"},
        )
        assert last.status_code == 204
        with_reason = {REASON_HEADER: "no%20case%20yet"}
        assert (await http.get(path, headers=with_reason)).content == PHOTO
