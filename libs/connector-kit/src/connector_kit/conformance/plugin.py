"""The checks as a pytest plugin: pytest -p connector_kit.conformance.plugin --bridge FOLDER."""

import sys
from pathlib import Path
from typing import Any

import pytest

from connector_kit.bridge import InvalidBridgeError
from connector_kit.conformance.checks import CHECKS
from connector_kit.conformance.subject import BridgeUnderTest
from connector_kit.folder import read_folder
from connector_kit.scenarios import InvalidScenarioError

NETWORK = ("socket.connect", "socket.getaddrinfo", "socket.sendto")
NOTES = pytest.StashKey[list[str]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--bridge", action="append", default=[], help="folder of a bridge to check")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "check" not in metafunc.fixturenames:
        return
    folders = [Path(folder) for folder in metafunc.config.getoption("--bridge")]
    try:
        subjects = [BridgeUnderTest.of(read_folder(folder)) for folder in folders]
    except (InvalidBridgeError, InvalidScenarioError) as error:
        raise pytest.UsageError(str(error)) from error
    pairs = [(check, subject) for subject in subjects for check in CHECKS]
    ids = [f"{subject.manifest.id}-{check.number:02}-{check.title.replace(' ', '-')}" for check, subject in pairs]
    metafunc.parametrize(("check", "subject"), pairs, ids=ids)


def pytest_configure(config: pytest.Config) -> None:
    config.stash[NOTES] = []
    if config.getoption("--bridge", []):
        _block_network()


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    for note in config.stash[NOTES]:
        terminalreporter.write_line(note)


def _block_network() -> None:
    """A check that leaves this process proves nothing about other machines."""

    def hook(event: str, _: tuple[Any, ...]) -> None:
        if event in NETWORK:
            raise PermissionError("the checks of a bridge must not use the network")

    sys.addaudithook(hook)
