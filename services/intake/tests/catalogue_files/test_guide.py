"""docs/guides/add-a-service.md: its commands print what it says, and what it quotes of its example is in the file."""

import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from intake.cli.catalogue import catalogue
from typer.testing import CliRunner

GUIDES = Path(__file__).parents[4] / "docs" / "guides"
EXAMPLE = GUIDES / "add-a-service"
SERVICE = "name_change.yaml"
ANYTHING = "…"


def blocks(language: str) -> list[str]:
    guide = (GUIDES / "add-a-service.md").read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", guide, re.MULTILINE | re.DOTALL)


def commands() -> Iterator[tuple[list[str], str]]:
    """Each command of the guide, and what it prints there."""
    for block in blocks("console"):
        for part in block.split("$ wanderamt catalogue ")[1:]:
            line, _, output = part.partition("\n")
            yield shlex.split(line), output


def pattern(output: str) -> str:
    """A line with nothing but an ellipsis stands for any number of lines."""
    lines = ("(?:.*\n)*" if line == ANYTHING else re.escape(line) + "\n" for line in output.splitlines())
    return "".join(lines)


def test_each_command_of_the_guide_prints_what_the_guide_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(EXAMPLE, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    ran: list[str] = []
    for arguments, output in commands():
        if arguments[0] == "try" and "try" not in ran:
            assert (tmp_path / "city" / SERVICE).exists()
        printed = CliRunner(env={"COLUMNS": "200"}).invoke(catalogue, arguments)
        assert printed.exit_code == 0, arguments
        assert re.fullmatch(pattern(output), printed.output), (arguments, printed.output)
        ran.append(arguments[0])
        if arguments[0] == "registers":  # then the guide writes the file
            shutil.copy(tmp_path / SERVICE, tmp_path / "city")
    assert {"copy", "check", "registers", "try", "diff"} <= set(ran)
    assert ran.count("try") == 6


def test_what_the_guide_quotes_stands_in_the_file() -> None:
    text = (EXAMPLE / SERVICE).read_text(encoding="utf-8")
    quoted = blocks("yaml")
    assert len(quoted) == 5
    for block in quoted:
        assert block in text


@pytest.mark.parametrize("file", sorted(EXAMPLE.glob("*.json")), ids=lambda file: file.stem)
def test_each_way_through_the_example_is_told_in_the_guide(file: Path) -> None:
    assert any(file.name in arguments for arguments, _ in commands())
