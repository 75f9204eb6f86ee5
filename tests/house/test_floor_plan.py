"""What imports cannot see: file lengths and equal rooms."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("app.py", "settings.py", "api.py", "cli.py", "handlers.py", "store.py", "tables.py", "domain/refusals.py")
SERVICES = sorted(path for path in (ROOT / "services").glob("*/src/*") if path.is_dir())


def test_no_source_file_is_longer_than_400_lines() -> None:
    folders = (ROOT / "libs", ROOT / "services", ROOT / "infra", ROOT / "tests")
    files = [path for folder in folders for path in folder.rglob("*.py")]
    assert files
    assert [path for path in files if len(path.read_text().splitlines()) > 400] == []


@pytest.mark.parametrize("service", SERVICES, ids=lambda path: path.name)
def test_every_service_has_the_same_rooms(service: Path) -> None:
    assert [room for room in ROOMS if not (service / room).exists()] == []
    head = (service / "migrations" / "HEAD").read_text().strip()
    newest = max(path.name for path in (service / "migrations" / "versions").glob("0*.py"))
    assert newest.startswith(f"{head}_")
