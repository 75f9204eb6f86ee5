"""Each import rule must reject its mutant: a copy of the source tree in which the rule is broken."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = {
    "wanderamt": "libs/common/src",
    "connector_kit": "libs/connector-kit/src",
    "intake": "services/intake/src",
    "registry_bridge": "services/registry-bridge/src",
    "scheduling": "services/scheduling/src",
    "notifications": "services/notifications/src",
    "wanderamt_local": "infra/local/src",
    "wanderamt_testing": "libs/testing/src",
}
MUTANTS = {
    "Services communicate only over Kafka": ("intake/events.py", "import scheduling.handlers"),
    "Every service has the same modules": ("intake/store/stands.py", "import intake.handlers"),
    "The domain is pure": ("scheduling/domain/stand.py", "import random"),
    "Only store and tables use SQL": ("notifications/events.py", "import asyncpg"),
    "Code with a transaction makes no outside call": ("registry_bridge/store/requests.py", "import httpx"),
    "Code that makes outside calls has no transaction": (
        "intake/jobs.py",
        "import wanderamt.backbone.persistence.unit_of_work",
    ),
    "The service loads no solver": ("scheduling/jobs/plans.py", "import scheduling.solver.highs"),
    "Only app reads the settings: intake": ("intake/api/cases.py", "import intake.settings"),
    "Only app reads the settings: registry bridge": ("registry_bridge/cli.py", "import registry_bridge.settings"),
    "Only app reads the settings: scheduling": ("scheduling/api/stands.py", "import scheduling.settings"),
    "Only app reads the settings: notifications": ("notifications/cli.py", "import notifications.settings"),
    "The connector kit depends only on the kernel": ("connector_kit/bridge.py", "import wanderamt.backbone"),
    "The layers of the connector kit": ("connector_kit/call_outcome.py", "import connector_kit.bridge"),
    "The layers of the common library": ("wanderamt/kernel/ids.py", "import wanderamt.contracts"),
    "The library knows no service": ("wanderamt/shell/http.py", "import intake"),
    "Shipped packages need no test server": ("intake/app.py", "import wanderamt_local"),
    "Test support imports no service": ("wanderamt_testing/service_env.py", "import scheduling.handlers"),
    "A developer's system needs no test support": ("wanderamt_local/system.py", "import wanderamt_testing"),
}


@pytest.fixture
def copied_tree(tmp_path: Path) -> Path:
    shutil.copy(ROOT / "pyproject.toml", tmp_path / "pyproject.toml")
    for package, source in SOURCES.items():
        shutil.copytree(ROOT / source / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def lint(tree: Path) -> subprocess.CompletedProcess[str]:
    script = (
        "import sys; sys.path.insert(0, '.'); from importlinter.cli import lint_imports_command; lint_imports_command()"
    )
    return subprocess.run(
        [sys.executable, "-c", script, "--no-cache"],
        cwd=tree,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_current_tree_keeps_every_import_rule(copied_tree: Path) -> None:
    result = lint(copied_tree)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("rule", MUTANTS)
def test_a_tree_that_breaks_a_rule_fails_the_lint(rule: str, copied_tree: Path) -> None:
    file, line = MUTANTS[rule]
    path = copied_tree / file
    path.write_text(path.read_text() + f"\n{line}\n")
    result = lint(copied_tree)
    assert result.returncode != 0
    assert f"{rule} BROKEN" in result.stdout


def test_an_unknown_module_of_a_service_fails_the_lint(copied_tree: Path) -> None:
    (copied_tree / "intake" / "helpers.py").write_text("")
    assert lint(copied_tree).returncode != 0
