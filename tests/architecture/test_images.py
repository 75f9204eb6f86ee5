"""The container files cannot run on a machine without an engine; their syntax and references can be checked."""

from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
SERVICES = {"intake", "registry-bridge", "scheduling", "notifications"}


def test_compose_names_every_service_and_gives_it_its_settings() -> None:
    compose = yaml.safe_load((ROOT / "infra" / "compose.yaml").read_text())
    assert compose["services"].keys() >= SERVICES | {"kafka", "postgres", "simulators"}
    for name in SERVICES:
        service = compose["services"][name]
        assert service["build"]["args"]["SERVICE"] == name
        assert {"WANDERAMT_DATABASE_URL", "WANDERAMT_SEALING_KEY"} <= service["environment"].keys()
        assert (ROOT / "infra" / service["build"]["dockerfile"]).resolve().exists() or (
            ROOT / service["build"]["dockerfile"]
        ).exists()


def test_the_dockerfile_builds_one_service_without_the_others_and_runs_as_nobody_special() -> None:
    lines = (ROOT / "infra" / "images" / "Dockerfile").read_text().splitlines()
    words = {line.split()[0] for line in lines if line and line[0].isupper()}
    assert words <= {"FROM", "ARG", "WORKDIR", "COPY", "RUN", "ENV", "USER", "CMD", "EXPOSE"}
    assert any(line.startswith("USER ") and "root" not in line for line in lines)
    assert any("--package wanderamt-${SERVICE}" in line for line in lines)
