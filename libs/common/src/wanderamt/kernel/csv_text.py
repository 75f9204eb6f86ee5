"""Tables as CSV (RFC 4180) for spreadsheets.

Invariants: every text is quoted and is one line; none is run as a formula, also where the spreadsheet splits at
semicolons or tabs instead of commas.
"""

import csv
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from io import StringIO
from typing import Final

from wanderamt.kernel.line_text import as_line

FORMULA: Final = frozenset("=+-@")
_CELL_BEGINS: Final = re.compile(r"(^|[;\t,|])([\s\"']*)(?=(\S))")  # what follows may itself be a separator


def to_csv(columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> str:
    text = StringIO()
    writer = csv.DictWriter(text, columns, quoting=csv.QUOTE_NONNUMERIC)
    writer.writeheader()
    writer.writerows({name: _cell(value) for name, value in row.items()} for row in rows)
    return text.getvalue()


def _cell(value: object) -> object:
    return _CELL_BEGINS.sub(_without_formula, as_line(value)) if isinstance(value, str) else value


def _without_formula(begin: re.Match[str]) -> str:
    """A spreadsheet shows a text that begins with an apostrophe as it is. Full-width signs begin formulas too."""
    separator, blanks, first = begin.groups()
    is_formula = unicodedata.normalize("NFKC", first)[:1] in FORMULA
    return f"{separator}'{blanks}" if is_formula else begin.group()
