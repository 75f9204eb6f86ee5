"""SFTP on a real socket: what lies there, from any byte on, and uploads that are there as a whole or not at all."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import asyncssh
import pytest
import pytest_asyncio
from connector_kit.manifest import Manifest, read_manifest
from connector_kit.sftp import Door, NoSession, open_session
from pydantic import SecretStr

NOW = datetime(2026, 11, 23, 4, tzinfo=UTC)


@pytest.fixture
def manifest(manifest_text: str) -> Manifest:
    manifest = read_manifest(manifest_text)
    assert isinstance(manifest, Manifest)
    return manifest


@pytest_asyncio.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    host, ours = asyncssh.generate_private_key("ssh-ed25519"), asyncssh.generate_private_key("ssh-ed25519")
    allowed = tmp_path / "allowed"
    allowed.write_bytes(ours.export_public_key())
    root = tmp_path / "root"
    root.mkdir()
    server = await asyncssh.listen(
        "127.0.0.1",
        0,
        server_host_keys=[host],
        authorized_client_keys=str(allowed),
        sftp_factory=lambda channel: asyncssh.SFTPServer(channel, chroot=str(root)),
    )
    known = host.export_public_key().decode().strip()
    yield Door("127.0.0.1", server.get_port(), "linz", SecretStr(ours.export_private_key().decode()), known)
    server.close()
    await server.wait_closed()


async def test_a_file_is_seen_and_read_from_any_byte_on(door: Door, manifest: Manifest, tmp_path: Path) -> None:
    content = bytes(range(256)) * 2000
    (tmp_path / "root" / "dogs.csv").write_bytes(content)
    (tmp_path / "root" / "folder").mkdir()
    async with open_session(door, manifest, timeout_s=5) as session:
        seen = await session.look("/", now=NOW)
        assert {one.name: one.size for one in seen.files.values()} == {"dogs.csv": len(content)}
        assert b"".join([piece async for piece in session.read("/dogs.csv")]) == content
        assert b"".join([piece async for piece in session.read("/dogs.csv", begin=500_000)]) == content[500_000:]


async def test_an_upload_is_there_as_a_whole(door: Door, manifest: Manifest, tmp_path: Path) -> None:
    async with open_session(door, manifest, timeout_s=5) as session:
        await session.put("/reject.csv", b"first")
        await session.put("/reject.csv", b"second")
    assert [one.name for one in (tmp_path / "root").iterdir()] == ["reject.csv"]
    assert (tmp_path / "root" / "reject.csv").read_bytes() == b"second"


async def test_a_stranger_s_server_and_a_door_that_is_closed_are_told(door: Door, manifest: Manifest) -> None:
    other = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode().strip()
    key = asyncssh.generate_private_key("ssh-ed25519").export_private_key().decode()
    for wrong in (
        Door(door.host, door.port, door.user, door.key, other),
        Door(door.host, door.port, door.user, SecretStr(key), door.known_host),
        Door(door.host, 1, door.user, door.key, door.known_host),
    ):
        with pytest.raises(NoSession):
            async with open_session(wrong, manifest, timeout_s=5):
                pass
