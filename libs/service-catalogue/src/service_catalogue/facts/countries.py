"""Countries: ISO 3166-1 alpha-2, and XK for Kosovo."""

from typing import Final

from service_catalogue.facts.faults import FactFault
from service_catalogue.facts.tables import tables
from service_catalogue.facts.texts import capitals, check_typed

AUSTRIA: Final = "AT"


def check_country(value: object) -> str | FactFault:
    """The code in capitals."""
    text = check_typed(value)
    if isinstance(text, FactFault):
        return text
    code = capitals(text)
    return code if code in tables().countries else FactFault("country.unknown")
