"""The table of attacks names tests that exist."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
NAMED = re.compile(r"`([\w/.-]+\.py)::(\w+)`")


def test_each_attack_has_a_test_that_exists() -> None:
    lines = [line for line in (ROOT / "tests/security/README.md").read_text().splitlines() if line.startswith("| ")]
    named = [NAMED.search(line) for line in lines[1:]]
    assert len(named) > 25
    assert all(named), [line for line, name in zip(lines[1:], named, strict=True) if not name]
    missing = [name[0] for name in named if name and name[2] not in _tests_of(ROOT / name[1])]
    assert not missing


def _tests_of(path: Path) -> set[str]:
    tree = ast.parse(path.read_text()) if path.exists() else ast.Module([], [])
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
