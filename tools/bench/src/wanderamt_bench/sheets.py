"""A press with a key of its own, and a page for it: what both sides of a bench print."""

from intake.paper.press import Page, Press
from intake.proof.authority import Authority, new_authority
from pydantic import SecretStr
from wanderamt.backbone.sources import utc_now


def new_press() -> Press:
    key, certificate = new_authority("Stadt Linz", now=utc_now())
    return Press(Authority.read("at-linz", SecretStr(key), certificate))


def a_page(number: str, *, given_name: str, family_name: str, birth_date: str) -> Page:
    now = utc_now()
    return Page(
        template="confirmation",
        language="de",
        number=number,
        holder=f"{given_name} {family_name} {birth_date}",
        issued_at=now,
        issued_on=now.date(),
        valid_until=None,
        status_index=1,
        printed={
            "title": "Meldebestätigung",
            "place": "",
            "issued_on": now.strftime("%d.%m.%Y"),
            "given_name": given_name,
            "family_name": family_name,
            "birth_date": birth_date,
        },
    )
