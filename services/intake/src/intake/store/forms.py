"""The stored form of a case: encrypted in parts, each under the key of the case.

Invariants: the database holds no value of a form in plain text, except the bPK, which finds the cases of a person.
Decrypting returns equal values of the same types.
"""

import json
from collections.abc import Iterable, Mapping
from datetime import date
from functools import lru_cache
from typing import Any

import orjson
from wanderamt.kernel.ids import CaseId
from wanderamt.kernel.sealed import Sealed
from wanderamt.security.keys import FieldCipher

from intake.domain.case.case_events import FieldValue, Form
from intake.domain.event_mapping import EMPTY_FORM, EncryptedForm

FORM_PARTS = ("applicant", "contact", "facts", "answers")
DATE = "date"  # an earlier release stored a date among the facts as {"date": "2026-05-04"}
BIRTH_DATE = "birth_date"
BORN = "born"  # key in the contact part


def encrypt_form(form: Form, case_id: CaseId, cipher: FieldCipher) -> EncryptedForm:
    return encrypt_changed(EMPTY_FORM, form, form, case_id=case_id, cipher=cipher)


def encrypt_changed(
    encrypted: EncryptedForm, form: Form, changed: Iterable[str], *, case_id: CaseId, cipher: FieldCipher
) -> EncryptedForm:
    """Encrypts only the parts with a changed field."""
    values: dict[str, dict[str, Any]] = {}
    for name, value in form.items():
        part, field = _part_and_field(name)
        if part not in values:
            values[part] = {}
        values[part][field] = value
    if "contact" in values:
        values["contact"] |= _birth(form)
    if encrypted is EMPTY_FORM:
        return EncryptedForm(**{part: cipher.seal(case_id, orjson.dumps(fields)) for part, fields in values.items()})
    touched = {_part_and_field(name)[0] for name in changed}
    if touched == {"applicant"} and encrypted.contact:
        touched.add("contact")  # for the date of birth, see _birth
    parts = (
        (cipher.seal(case_id, orjson.dumps(values[part])) if part in values else None)
        if part in touched
        else getattr(encrypted, part)
        for part in FORM_PARTS
    )
    return EncryptedForm(*parts)


def decrypt_form(encrypted: EncryptedForm, cipher: FieldCipher) -> dict[str, FieldValue]:
    """Raises UnreadableCiphertextError."""
    form: dict[str, FieldValue] = {}
    for part in FORM_PARTS:
        sealed: Sealed | None = getattr(encrypted, part)
        if sealed:
            values = json.loads(cipher.open(sealed))
            form |= {f"{part}.{name}": _from_json(name, value) for name, value in values.items() if name != BORN}
    return form


def parse_form(parts: Mapping[str, Any]) -> EncryptedForm:
    """`parts`: the parsed JSON of each part."""
    return EncryptedForm(*(Sealed.model_validate(parts[name]) if parts.get(name) else None for name in FORM_PARTS))


def _birth(form: Form) -> dict[str, str]:
    """Birth date or year for the contact part: citizens look up their case with it."""
    born = form.get("applicant.birth_date") or form.get("applicant.birth_year")
    return {BORN: born.isoformat() if isinstance(born, date) else str(born)} if born else {}


@lru_cache(maxsize=1024)
def _part_and_field(name: str) -> tuple[str, str]:
    part, _, field = name.partition(".")
    return part, field


def _from_json(name: str, value: Any) -> FieldValue:
    if isinstance(value, dict) and value.keys() == {DATE}:
        return str(value[DATE])
    field_value: FieldValue = date.fromisoformat(value) if name == BIRTH_DATE and value else value
    return field_value
