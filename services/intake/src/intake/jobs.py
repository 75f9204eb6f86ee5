"""Slow work of intake: making documents. Sees no transaction; personal data is opened here and nowhere earlier."""

import json
from datetime import date
from hashlib import sha256
from typing import Any

from wanderamt.security.keys import Sealer

from intake.domain.sheet import MadeSheet, Sheet
from intake.paper.press import Page, Press


async def make_sheet(sheet: Sheet, *, press: Press, sealer: Sealer) -> MadeSheet:
    person = json.loads(sealer.open(sheet.applicant)) if sheet.applicant else {}
    given, family, born = person.get("given_name") or "", person.get("family_name") or "", _born(person)
    page = Page(
        template=sheet.template,
        language=sheet.language,
        number=sheet.number,
        holder=" ".join(part for part in (given, family, born) if part),
        issued_at=sheet.issued_at,
        issued_on=sheet.issued_on,
        valid_until=sheet.valid_until,
        status_index=sheet.status_index,
        printed={
            "title": sheet.title,
            "place": sheet.place,
            "given_name": given,
            "family_name": family,
            "birth_date": born,
            "issued_on": _day(sheet.issued_on),
            "valid_until": _day(sheet.valid_until) if sheet.valid_until else "",
        },
    )
    pdf = await press.print_page(page)
    return MadeSheet(pdf, sha256(pdf).hexdigest())


def _born(person: dict[str, Any]) -> str:
    """As it is known: a year alone stays one."""
    if person.get("birth_date"):
        return _day(date.fromisoformat(person["birth_date"]))
    return str(person.get("birth_year") or "")


def _day(day: date) -> str:
    return day.strftime("%d.%m.%Y")
