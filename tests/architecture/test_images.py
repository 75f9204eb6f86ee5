"""Checks of the container files that need no Docker: their syntax, their references, and what the images leave out."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
SERVICES = {"intake", "registry-bridge", "scheduling", "notifications"}
# loads the service, its commands and those of the packages it depends on, as an image without rich does
LOAD_WITHOUT_RICH = """
import sys
from importlib.metadata import entry_points
sys.modules["rich"] = None
packages = {"wanderamt-common", "wanderamt-connector-kit", f"wanderamt-{sys.argv[1]}"}
for group in ("wanderamt.services", "wanderamt.commands"):
    for point in entry_points(group=group):
        if point.dist.name in packages:
            point.load()
import wanderamt.shell.cli
"""


def test_compose_names_every_service_and_gives_it_its_settings() -> None:
    compose = yaml.safe_load((ROOT / "infra" / "compose.yaml").read_text())
    assert compose["services"].keys() >= SERVICES | {"kafka", "postgres", "simulators"}
    for name in SERVICES:
        service = compose["services"][name]
        assert service["build"]["args"]["SERVICE"] == name
        assert {"WANDERAMT_DATABASE_URL", "WANDERAMT_ENCRYPTION_KEY"} <= service["environment"].keys()
        assert (ROOT / "infra" / service["build"]["dockerfile"]).resolve().exists() or (
            ROOT / service["build"]["dockerfile"]
        ).exists()


def test_the_dockerfile_builds_one_service_without_the_others_and_runs_without_root() -> None:
    lines = (ROOT / "infra" / "images" / "Dockerfile").read_text().splitlines()
    words = {line.split()[0] for line in lines if line and line[0].isupper()}
    assert words <= {"FROM", "ARG", "WORKDIR", "COPY", "RUN", "ENV", "USER", "CMD", "EXPOSE"}
    assert any(line.startswith("USER ") and "root" not in line for line in lines)
    assert any("--package wanderamt-${SERVICE}" in line for line in lines)


def test_service_images_have_no_rich_and_scheduling_alone_has_the_solver() -> None:
    dockerfile = (ROOT / "infra" / "images" / "Dockerfile").read_text()
    assert "--no-dev" in dockerfile
    assert "--no-install-package" in dockerfile
    assert "scheduling) set -- --extra solver ;;" in dockerfile
    assert "intake|registry-bridge|notifications) for package in rich " in dockerfile


@pytest.mark.parametrize("service", ["intake", "notifications", "registry-bridge"])
def test_a_service_and_its_commands_load_without_rich(service: str) -> None:
    command = [sys.executable, "-c", LOAD_WITHOUT_RICH, service]
    environment = {**os.environ, "TYPER_USE_RICH": "0"}
    result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert result.returncode == 0, result.stderr
