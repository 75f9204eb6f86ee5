"""EXISTS stands in conditions alone. In a select list or RETURNING PostgreSQL may hash the whole inner table for every
statement; a scalar subquery with LIMIT 1 reads one row by its index.
"""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = ("services/*/src/**/*.py", "libs/*/src/**/*.py")
# compared with one row of a few, or once per statement
ALLOWED = {
    "libs/common/src/wanderamt/backbone/messaging/deduplication.py",
    "libs/common/src/wanderamt/backbone/messaging/rebuild.py",
}
CLAUSES = re.compile(r"\b(SELECT|RETURNING|FROM|WHERE|ON|HAVING|EXISTS)\b")


def exists_in_a_result(statement: str) -> bool:
    """Whether an EXISTS follows SELECT or RETURNING, before FROM or WHERE of the same statement."""
    clause = ""
    for word in CLAUSES.findall(re.sub(r"NOT EXISTS|IF EXISTS", "", statement)):
        if word == "EXISTS" and clause in {"SELECT", "RETURNING"}:
            return True
        if word != "EXISTS":
            clause = word
    return False


@pytest.mark.parametrize(
    "statement", ["SELECT EXISTS (SELECT 1 FROM job)", "UPDATE job SET a = 1 WHERE b RETURNING id, EXISTS (SELECT 1)"]
)
def test_a_result_with_exists_is_found(statement: str) -> None:
    assert exists_in_a_result(statement)


def test_a_condition_with_exists_is_allowed() -> None:
    assert not exists_in_a_result(
        "UPDATE a SET b = 1 WHERE EXISTS (SELECT 1 FROM c WHERE EXISTS (SELECT 1)) RETURNING id"
    )


def test_no_statement_reads_a_table_for_each_of_its_results() -> None:
    files = {
        str(path.relative_to(ROOT))
        for pattern in SOURCES
        for path in ROOT.glob(pattern)
        for statement in re.findall(r'"""(.*?)"""', path.read_text(), re.S)
        if exists_in_a_result(statement)
    }
    assert files <= ALLOWED
