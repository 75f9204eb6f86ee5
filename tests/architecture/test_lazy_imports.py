"""Commands and services import what they use: the help imports no command, a service no migration tool."""

import subprocess
import sys

import pytest
from wanderamt.shell.lazy_group import command_points, load_command, summary_of

SERVICES = ("intake", "registry_bridge", "scheduling", "notifications")
# loaded when a consumer starts, topics are created, traces are sent, a schema is migrated, or never
NOT_FOR_A_SERVICE = {
    "alembic",
    "faststream",
    "aiokafka.admin",
    "opentelemetry.exporter.otlp",
    "prometheus_client",
    "uvicorn",
    "numba",
    "typer",
}


def imported_by(code: str) -> set[str]:
    """All modules in memory after this code."""
    text = f"{code}\nimport sys\nprint(*sorted(sys.modules), sep='\\n', file=sys.stderr)"
    result = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, timeout=120, check=True)
    return set(result.stderr.split())


def test_the_help_lists_every_command_and_imports_none() -> None:
    run_help = "import sys\nsys.argv = ['wanderamt', '--help']\nfrom wanderamt.shell.cli import root\nroot(standalone_mode=False)"
    modules = imported_by(run_help)
    assert "wanderamt.shell.lazy_group" in modules
    assert {point.module for point in command_points().values()} & modules == set()
    assert {"pydantic", "asyncpg", "fastapi", "rich"} & modules == set()


def test_a_module_that_is_imported_is_seen_by_the_check() -> None:
    assert "wanderamt.shell.key_cli" in imported_by("import wanderamt.shell.key_cli")


@pytest.mark.parametrize("name", sorted(command_points()))
def test_the_help_shows_the_text_of_the_command_itself(name: str) -> None:
    command = load_command(command_points()[name])
    summary = summary_of(command_points()[name])
    assert summary
    assert " ".join((command.help or "").split()).startswith(summary)


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_imports_neither_migrations_nor_what_a_start_loads(service: str) -> None:
    assert imported_by(f"import {service}.app") & NOT_FOR_A_SERVICE == set()
