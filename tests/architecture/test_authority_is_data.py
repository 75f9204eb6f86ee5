"""One municipality, its country and its time zone are data: no code names them. `at_linz` is the name of a folder of
data, and other files than programs and templates are data."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LITERALS = re.compile(r"at-linz|AT:L6|(?<!at_)linz|40101|Europe/Vienna|subdiv=[\"']|\bVIENNA\b(?! and)", re.IGNORECASE)
CODE = {".py", ".html", ".jinja", ".typ"}
PARTS = ("libs/*/src/**/*", "services/*/src/**/*")
DATA = {"bridge.toml.jinja"}  # a beginning for somebody's own file


def literals_in(text: str) -> Iterator[str]:
    for number, line in enumerate(text.splitlines(), 1):
        if LITERALS.search(line):
            yield f"{number}: {line.strip()}"


def code_files(root: Path) -> list[Path]:
    files = [file for part in PARTS for file in root.glob(part)]
    return [file for file in files if file.suffix in CODE and file.name not in DATA]


def test_no_code_names_a_municipality() -> None:
    files = code_files(ROOT)
    assert len(files) > 300
    named = [f"{file}:{line}" for file in files for line in literals_in(file.read_text("utf-8"))]
    assert not named, "read it from the authority's file authority.yaml:\n" + "\n".join(named)


@pytest.mark.parametrize(
    "line",
    [
        'LOCAL = ZoneInfo("Europe/Vienna")',
        'country_holidays("AT", subdiv="4")',
        'sender: str = "Stadt Linz"',
        'url = "https://mobil.linz.example"',
        'participant = "AT:L6:40101"',
        'FieldCipher(key, authority="at-linz")',
        "LINZ = CityBounds(south=48.20)",
    ],
)
def test_the_rule_sees_each_kind_of_literal(line: str) -> None:
    assert list(literals_in(f"a = 1\n{line}")) == [f"2: {line}"]
    assert not list(literals_in('SHIPPED = "at_linz"'))
