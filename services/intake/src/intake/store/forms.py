"""The form of a case as it lies: sealed in three parts, each under the key of the case.

Kept true: no value of a form stands in a database in clear, but for the bPK by which the cases of a person are found;
what was sealed opens to equal values of the same types.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from pydantic_core import to_json
from wanderamt.kernel.ids import CaseId
from wanderamt.kernel.sealed import Sealed
from wanderamt.security.keys import Sealer

from intake.domain.process.happening import FieldValue, Form
from intake.domain.telling import Parts

NAMES = ("applicant", "contact", "facts")
DATE = "date"  # among the facts a date is written {"date": "2026-05-04"}, to be told from a text
BIRTH_DATE = "birth_date"
BORN = "born"  # beside the fields of the contact


def seal_form(form: Form, case_id: CaseId, sealer: Sealer) -> Parts:
    return reseal(Parts(), form, form, case_id=case_id, sealer=sealer)


def reseal(parts: Parts, form: Form, changed: Iterable[str], *, case_id: CaseId, sealer: Sealer) -> Parts:
    """Only the parts with a changed field are sealed anew."""
    touched = {name.split(".")[0] for name in changed}
    if touched == {"applicant"} and parts.contact:
        touched.add("contact")  # for the date of birth, see _sealed
    return replace(parts, **{part: _sealed(part, form, case_id, sealer) for part in NAMES if part in touched})


def open_form(parts: Parts, sealer: Sealer) -> dict[str, FieldValue]:
    """Raises Unreadable."""
    form: dict[str, FieldValue] = {}
    for part in NAMES:
        sealed: Sealed | None = getattr(parts, part)
        if sealed:
            values = json.loads(sealer.open(sealed))
            form |= {f"{part}.{name}": _read(name, value) for name, value in values.items() if name != BORN}
    return form


def read_parts(written: Mapping[str, Any]) -> Parts:
    """`written`: what the JSON of each part says."""
    return Parts(*(Sealed.model_validate(written[name]) if written[name] else None for name in NAMES))


def _sealed(part: str, form: Form, case_id: CaseId, sealer: Sealer) -> Sealed | None:
    prefix = f"{part}."
    values = {
        name.removeprefix(prefix): _written(part, value) for name, value in form.items() if name.startswith(prefix)
    }
    if part == "contact" and values:
        values |= _born(form)
    return sealer.seal(case_id, to_json(values)) if values else None


def _born(form: Form) -> dict[str, str]:
    """Travels with the contact, so that citizens can look their case up: the date, or the year alone."""
    born = form.get("applicant.birth_date") or form.get("applicant.birth_year")
    return {BORN: born.isoformat() if isinstance(born, date) else str(born)} if born else {}


def _written(part: str, value: FieldValue) -> Any:
    if not isinstance(value, date):
        return value
    return {DATE: value.isoformat()} if part == "facts" else value.isoformat()


def _read(name: str, value: Any) -> FieldValue:
    if isinstance(value, dict):
        return date.fromisoformat(value[DATE])
    read: FieldValue = date.fromisoformat(value) if name == BIRTH_DATE and value else value
    return read
