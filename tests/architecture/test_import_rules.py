"""Each import rule must reject its mutant: a copy of the house in which the rule is broken."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = {
    "wanderamt": "libs/common/src",
    "intake": "services/intake/src",
    "registry_bridge": "services/registry-bridge/src",
    "scheduling": "services/scheduling/src",
    "notifications": "services/notifications/src",
    "wanderamt_local": "infra/local/src",
}
MUTANTS = {
    "Services meet only on Kafka": ("intake/handlers/ground.py", "import scheduling.handlers"),
    "One floor plan for every service": ("intake/store/stands.py", "import intake.handlers"),
    "The domain is pure": ("scheduling/domain/stand.py", "import random"),
    "SQL in store and tables alone": ("notifications/handlers/events.py", "import asyncpg"),
    "Whoever holds a transaction calls nobody": ("registry_bridge/store/requests.py", "import httpx"),
    "Whoever calls the world holds no transaction": ("intake/jobs.py", "import wanderamt.backbone.work"),
    "The service loads no solver": ("scheduling/jobs/plans.py", "import scheduling.solver.highs"),
    "Settings are read at the door: intake": ("intake/api/cases.py", "import intake.settings"),
    "The common house stands on its kernel": ("wanderamt/kernel/ids.py", "import wanderamt.contracts"),
    "The library knows no service": ("wanderamt/shell/http.py", "import intake"),
    "What ships needs no test server": ("intake/app.py", "import wanderamt_local"),
}


@pytest.fixture
def copied_house(tmp_path: Path) -> Path:
    shutil.copy(ROOT / "pyproject.toml", tmp_path / "pyproject.toml")
    for package, source in SOURCES.items():
        shutil.copytree(ROOT / source / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def lint(house: Path) -> subprocess.CompletedProcess[str]:
    script = (
        "import sys; sys.path.insert(0, '.'); from importlinter.cli import lint_imports_command; lint_imports_command()"
    )
    return subprocess.run(
        [sys.executable, "-c", script, "--no-cache"],
        cwd=house,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_house_as_it_is_keeps_every_rule(copied_house: Path) -> None:
    result = lint(copied_house)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("rule", MUTANTS)
def test_a_house_that_breaks_the_rule_fails_the_lint(rule: str, copied_house: Path) -> None:
    file, line = MUTANTS[rule]
    path = copied_house / file
    path.write_text(path.read_text() + f"\n{line}\n")
    result = lint(copied_house)
    assert result.returncode != 0
    assert f"{rule} BROKEN" in result.stdout


def test_a_room_that_is_not_on_the_plan_fails_the_lint(copied_house: Path) -> None:
    (copied_house / "intake" / "helpers.py").write_text("")
    assert lint(copied_house).returncode != 0
