"""The checks as a pytest plugin: pytest -p connector_kit.conformance.plugin --bridge FOLDER."""

import sys
from pathlib import Path
from typing import Any

import pytest

from connector_kit.bridge import BrokenBridge
from connector_kit.conformance.candidate import Candidate
from connector_kit.conformance.checks import CHECKS
from connector_kit.folder import read_folder
from connector_kit.scenarios import BadScenario

NETWORK = ("socket.connect", "socket.getaddrinfo", "socket.sendto")
NOTES = pytest.StashKey[list[str]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--bridge", action="append", default=[], help="folder of a bridge to check")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "check" not in metafunc.fixturenames:
        return
    folders = [Path(one) for one in metafunc.config.getoption("--bridge")]
    try:
        found = [Candidate.of(read_folder(one)) for one in folders]
    except (BrokenBridge, BadScenario) as error:
        raise pytest.UsageError(str(error)) from error
    pairs = [(check, one) for one in found for check in CHECKS]
    ids = [f"{one.manifest.id}-{check.number:02}-{check.title.replace(' ', '-')}" for check, one in pairs]
    metafunc.parametrize(("check", "candidate"), pairs, ids=ids)


def pytest_configure(config: pytest.Config) -> None:
    config.stash[NOTES] = []
    if config.getoption("--bridge", []):
        _cut_the_network()


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    for note in config.stash[NOTES]:
        terminalreporter.write_line(note)


def _cut_the_network() -> None:
    """A check that reaches out of the machine, or to another process of it, proves nothing about the next machine."""

    def hook(event: str, _: tuple[Any, ...]) -> None:
        if event in NETWORK:
            raise PermissionError("the checks of a bridge use no network")

    sys.addaudithook(hook)
