"""Structure that import rules cannot check: file lengths, and the same modules in every service."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULES = ("app", "settings", "api", "cli", "events", "handlers", "store", "tables", "domain/refusals")
SERVICES = sorted(path for path in (ROOT / "services").glob("*/src/*") if path.is_dir())


def test_no_source_file_is_longer_than_400_lines() -> None:
    folders = (ROOT / "libs", ROOT / "services", ROOT / "infra", ROOT / "tests", ROOT / "tools")
    files = [path for folder in folders for path in folder.rglob("*.py")]
    assert files
    assert [path for path in files if len(path.read_text().splitlines()) > 400] == []


@pytest.mark.parametrize("service", SERVICES, ids=lambda path: path.name)
def test_every_service_has_the_same_modules(service: Path) -> None:
    """A module is a file, or a package of the same name when it is large."""
    modules = [name for name in MODULES if (service / f"{name}.py").is_file() or (service / name).is_dir()]
    assert modules == list(MODULES)
    head = (service / "migrations" / "HEAD").read_text().strip()
    newest = max(path.name for path in (service / "migrations" / "versions").glob("0*.py"))
    assert newest.startswith(f"{head}_")
