"""The stored form of a case: encrypted in three parts, each under the key of the case.

Invariants: the database holds no value of a form in plain text, except the bPK, which finds the cases of a person.
Decrypting returns equal values of the same types.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from pydantic_core import to_json
from wanderamt.kernel.ids import CaseId
from wanderamt.kernel.sealed import Sealed
from wanderamt.security.keys import FieldCipher

from intake.domain.case.case_events import FieldValue, Form
from intake.domain.event_mapping import EncryptedForm

FORM_PARTS = ("applicant", "contact", "facts")
DATE = "date"  # a date among the facts is {"date": "2026-05-04"}, to distinguish it from text
BIRTH_DATE = "birth_date"
BORN = "born"  # key in the contact part


def encrypt_form(form: Form, case_id: CaseId, cipher: FieldCipher) -> EncryptedForm:
    return encrypt_changed(EncryptedForm(), form, form, case_id=case_id, cipher=cipher)


def encrypt_changed(
    encrypted: EncryptedForm, form: Form, changed: Iterable[str], *, case_id: CaseId, cipher: FieldCipher
) -> EncryptedForm:
    """Encrypts only the parts with a changed field."""
    touched = {name.split(".")[0] for name in changed}
    if touched == {"applicant"} and encrypted.contact:
        touched.add("contact")  # for the date of birth, see _encrypt_part
    return replace(
        encrypted, **{part: _encrypt_part(part, form, case_id, cipher) for part in FORM_PARTS if part in touched}
    )


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
    return EncryptedForm(*(Sealed.model_validate(parts[name]) if parts[name] else None for name in FORM_PARTS))


def _encrypt_part(part: str, form: Form, case_id: CaseId, cipher: FieldCipher) -> Sealed | None:
    prefix = f"{part}."
    values = {
        name.removeprefix(prefix): _to_json(part, value) for name, value in form.items() if name.startswith(prefix)
    }
    if part == "contact" and values:
        values |= _birth(form)
    return cipher.seal(case_id, to_json(values)) if values else None


def _birth(form: Form) -> dict[str, str]:
    """Birth date or year for the contact part: citizens look up their case with it."""
    born = form.get("applicant.birth_date") or form.get("applicant.birth_year")
    return {BORN: born.isoformat() if isinstance(born, date) else str(born)} if born else {}


def _to_json(part: str, value: FieldValue) -> Any:
    if not isinstance(value, date):
        return value
    return {DATE: value.isoformat()} if part == "facts" else value.isoformat()


def _from_json(name: str, value: Any) -> FieldValue:
    if isinstance(value, dict):
        return date.fromisoformat(value[DATE])
    field_value: FieldValue = date.fromisoformat(value) if name == BIRTH_DATE and value else value
    return field_value
