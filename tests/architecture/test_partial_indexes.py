"""A partial index serves a statement only if the statement's text holds the values of the index: plans know no parameters
(docs/decisions/0026).
"""

import importlib
import re
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import Table

ROOT = Path(__file__).parents[2]
SERVICES = ("intake", "registry_bridge", "scheduling", "notifications")


def columns_with_values() -> Iterator[tuple[str, str]]:
    """(row class, column) of each partial index, or exclusion, whose condition compares a column with texts."""
    rows = [row for service in SERVICES for row in vars(importlib.import_module(f"{service}.tables")).values()]
    for row in rows:
        table = getattr(row, "__table__", None)
        if not isinstance(table, Table):
            continue
        conditions = [index.dialect_options["postgresql"]["where"] for index in table.indexes]
        conditions += [getattr(constraint, "where", None) for constraint in table.constraints]
        for condition in conditions:
            if condition is not None and (compared := re.match(r"(\w+) (=|IN|NOT IN) ?\(?'", str(condition))):
                yield row.__name__, compared[1]


def test_no_store_compares_such_a_column_with_a_parameter() -> None:
    columns = set(columns_with_values())
    assert {
        ("EntryRow", "status"),
        ("RequestRow", "state"),
        ("AppointmentRow", "state"),
        ("StandRow", "state"),
    } <= columns
    wrong = []
    for row, column in columns:
        compared = re.compile(rf"\b{row}\.{column}\)?\s*(==|!=|\.in_\(|\.not_in\()")
        for path in ROOT.glob("services/*/src/*/store/*.py"):
            lines = enumerate(path.read_text().splitlines(), 1)
            wrong += [
                f"{path.relative_to(ROOT)}:{number}: {line.strip()}" for number, line in lines if compared.search(line)
            ]
    assert wrong == [], "use has_constant"
