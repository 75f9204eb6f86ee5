"""SFTP on a real socket: listings, reads from any byte, atomic uploads."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import asyncssh
import pytest
import pytest_asyncio
from connector_kit.files.remote_files import FileTransferError
from connector_kit.manifest.manifest import Manifest, read_manifest
from connector_kit.transports.sftp import SftpTarget, open_session
from pydantic import SecretStr

NOW = datetime(2026, 11, 23, 4, tzinfo=UTC)


@pytest.fixture
def manifest(manifest_text: str) -> Manifest:
    manifest = read_manifest(manifest_text)
    assert isinstance(manifest, Manifest)
    return manifest


@pytest_asyncio.fixture
async def target(tmp_path: Path) -> AsyncIterator[SftpTarget]:
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
        sftp_factory=lambda channel: asyncssh.SFTPServer(channel, chroot=bytes(root)),
    )
    known = host.export_public_key().decode().strip()
    yield SftpTarget("127.0.0.1", server.get_port(), "linz", SecretStr(ours.export_private_key().decode()), known)
    server.close()
    await server.wait_closed()


async def test_a_file_is_listed_and_read_from_any_byte(target: SftpTarget, manifest: Manifest, tmp_path: Path) -> None:
    content = bytes(range(256)) * 2000
    (tmp_path / "root" / "dogs.csv").write_bytes(content)
    (tmp_path / "root" / "folder").mkdir()
    async with open_session(target, manifest, timeout_s=5) as session:
        listing = await session.list_files("/", now=NOW)
        assert {file.name: file.size for file in listing.files.values()} == {"dogs.csv": len(content)}
        assert b"".join([chunk async for chunk in session.read("/dogs.csv")]) == content
        assert b"".join([chunk async for chunk in session.read("/dogs.csv", begin=500_000)]) == content[500_000:]


async def test_an_upload_is_atomic(target: SftpTarget, manifest: Manifest, tmp_path: Path) -> None:
    async with open_session(target, manifest, timeout_s=5) as session:
        await session.upload("/reject.csv", b"first")
        await session.upload("/reject.csv", b"second")
    assert [path.name for path in (tmp_path / "root").iterdir()] == ["reject.csv"]
    assert (tmp_path / "root" / "reject.csv").read_bytes() == b"second"


async def test_unknown_servers_and_failed_logins_are_reported(target: SftpTarget, manifest: Manifest) -> None:
    other = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode().strip()
    key = asyncssh.generate_private_key("ssh-ed25519").export_private_key().decode()
    for wrong in (
        SftpTarget(target.host, target.port, target.user, target.key, other),
        SftpTarget(target.host, target.port, target.user, SecretStr(key), target.known_host),
        SftpTarget(target.host, 1, target.user, target.key, target.known_host),
    ):
        with pytest.raises(FileTransferError):
            async with open_session(wrong, manifest, timeout_s=5):
                pass
