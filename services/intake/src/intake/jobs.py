"""Slow work of intake: making documents. Sees no transaction; personal data is opened here and nowhere earlier."""

from hashlib import sha256

from wanderamt.security.keys import Sealer

from intake.domain.entry import Applicant
from intake.domain.sheet import MadeSheet, Sheet
from intake.paper.render import Press


async def make_sheet(sheet: Sheet, *, press: Press, sealer: Sealer) -> MadeSheet:
    applicant = Applicant.model_validate_json(sealer.open(sheet.applicant))
    pdf = await press.print_sheet(
        "confirmation",
        language=sheet.language,
        values={
            "title": sheet.title,
            "number": sheet.number,
            "place": sheet.place,
            "given_name": applicant.given_name,
            "family_name": applicant.family_name,
            "birth_date": applicant.birth_date.strftime("%d.%m.%Y"),
            "issued_on": sheet.issued_on.strftime("%d.%m.%Y"),
            "year": str(sheet.issued_on.year),
            "month": str(sheet.issued_on.month),
            "day": str(sheet.issued_on.day),
        },
    )
    return MadeSheet(pdf, sha256(pdf).hexdigest())
