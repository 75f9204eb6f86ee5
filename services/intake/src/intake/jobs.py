"""Slow work of intake: making documents. Sees no transaction; personal data is opened here and nowhere earlier."""

import json
from datetime import date
from hashlib import sha256
from typing import Any

from wanderamt.security.keys import Sealer

from intake.domain.sheet import MadeSheet, Sheet
from intake.paper.render import Press


async def make_sheet(sheet: Sheet, *, press: Press, sealer: Sealer) -> MadeSheet:
    person = json.loads(sealer.open(sheet.applicant)) if sheet.applicant else {}
    pdf = await press.print_sheet(
        "confirmation",
        language=sheet.language,
        values={
            "title": sheet.title,
            "number": sheet.number,
            "place": sheet.place,
            "given_name": person.get("given_name") or "",
            "family_name": person.get("family_name") or "",
            "birth_date": _born(person),
            "issued_on": sheet.issued_on.strftime("%d.%m.%Y"),
            "year": str(sheet.issued_on.year),
            "month": str(sheet.issued_on.month),
            "day": str(sheet.issued_on.day),
        },
    )
    return MadeSheet(pdf, sha256(pdf).hexdigest())


def _born(person: dict[str, Any]) -> str:
    """As it is known: a year alone stays one."""
    if person.get("birth_date"):
        return date.fromisoformat(person["birth_date"]).strftime("%d.%m.%Y")
    return str(person.get("birth_year") or "")
