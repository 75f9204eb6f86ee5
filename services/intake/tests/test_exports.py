"""Exports of devices that could not send, as an operator imports them."""

from pathlib import Path
from uuid import UUID

import pytest
from export_fixtures import DeviceExport
from intake.domain.export import PIECE_BYTES
from intake_fixtures import IntakeClient
from typer.testing import Result
from uuid_utils.compat import uuid7

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 3072  # four pieces, the last one of 8 bytes


@pytest.fixture
async def case_id(intake_client: IntakeClient) -> UUID:
    opened = intake_client.entry(body={"service": "registration_confirmation"})
    await intake_client.sync(opened)
    return UUID(opened["case_id"])


def complete_files(result: Result) -> int:
    [line] = [line for line in result.output.splitlines() if line.startswith("complete files")]
    return int(line.split()[-1])


@pytest.mark.parametrize(
    ("lost", "missing"),
    [
        ([0], f"0 to {PIECE_BYTES - 1}"),
        ([1], f"{PIECE_BYTES} to {2 * PIECE_BYTES - 1}"),
        ([3], f"{3 * PIECE_BYTES} to {len(PNG) - 1}"),
        ([0, 2, 3], f"0 to {PIECE_BYTES - 1}, {2 * PIECE_BYTES} to {len(PNG) - 1}"),
        ([0, 1, 2, 3], f"0 to {len(PNG) - 1}"),
    ],
)
async def test_an_incomplete_file_is_refused_with_the_bytes_that_are_missing_until_the_rest_comes(
    intake_client: IntakeClient,
    case_id: UUID,
    lost: list[int],
    missing: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    export, scan, other = DeviceExport(intake_client), uuid7(), uuid7()
    export.add_file(scan, case_id, PNG, kind="image/png")
    whole = list(export.lines)
    export.lines = [line for place, line in enumerate(whole, -1) if place not in lost]
    export.add_file(other, case_id, PNG[:-1], kind="image/png")
    result = await export.run_import(tmp_path, monkeypatch)
    assert (result.exit_code, complete_files(result)) == (1, 1), result.output
    assert f"The export lacks the bytes {missing} of attachment {scan}." in result.output
    done = "SELECT attachment_id FROM attachment WHERE completed_at IS NOT NULL ORDER BY attachment_id"
    assert [row["attachment_id"] for row in await intake_client.rows(done)] == [other]
    export.lines = whole
    result = await export.run_import(tmp_path, monkeypatch)
    assert (result.exit_code, complete_files(result)) == (0, 1), result.output
    assert [row["attachment_id"] for row in await intake_client.rows(done)] == [scan, other]
    content = await intake_client.http.get(f"/attachments/{scan}", headers=intake_client.clerk())
    assert content.content == PNG


async def test_a_damaged_piece_makes_its_file_incomplete(
    intake_client: IntakeClient, case_id: UUID, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export, scan = DeviceExport(intake_client), uuid7()
    export.add_file(scan, case_id, PNG, kind="image/png")
    export.lines[2] = export.lines[2].replace('"sealed": "', '"sealed": "AAAA')
    result = await export.run_import(tmp_path, monkeypatch)
    assert (result.exit_code, complete_files(result)) == (1, 0), result.output
    assert f"lacks the bytes {PIECE_BYTES} to {2 * PIECE_BYTES - 1} of attachment {scan}" in result.output


async def test_an_upload_that_the_device_began_needs_only_its_rest(
    intake_client: IntakeClient, case_id: UUID, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export, scan = DeviceExport(intake_client), uuid7()
    export.add_file(scan, case_id, PNG, kind="image/png")
    head, *pieces = export.lines
    export.lines = [head]
    await export.run_import(tmp_path, monkeypatch)  # announces it
    upload = intake_client.clerk() | {"Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
    sent = await intake_client.http.patch(f"/attachments/{scan}", content=PNG[: PIECE_BYTES + 5], headers=upload)
    assert sent.status_code == 204, sent.text
    export.lines = [head, *pieces[1:]]
    result = await export.run_import(tmp_path, monkeypatch)
    assert (result.exit_code, complete_files(result)) == (0, 1), result.output
