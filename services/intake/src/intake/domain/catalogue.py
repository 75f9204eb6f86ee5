"""The services on offer and what finishing each of them takes."""

from dataclasses import dataclass
from enum import StrEnum

from wanderamt.contracts import Language


class ServiceCode(StrEnum):
    REGISTRATION_CONFIRMATION = "registration_confirmation"
    DOG_REGISTRATION = "dog_registration"
    ACTIVE_PASS = "active_pass"  # noqa: S105 -- a card for citizens, no password
    LOST_PROPERTY_REPORT = "lost_property_report"


@dataclass(frozen=True, slots=True)
class RegisterCall:
    """What to ask which register, for which purpose, and how long the citizen's receipt stays provisional at most."""

    register: str
    operation: str
    purpose: str
    deadline_s: int


@dataclass(frozen=True, slots=True)
class Offer:
    """A service: its document's title, and the register call without which it cannot be final (None: none needed)."""

    code: ServiceCode
    titles: dict[Language, str]
    call: RegisterCall | None


_RESIDENCE_DEADLINE_S = 24 * 3600


def _residence(purpose: str) -> RegisterCall:
    return RegisterCall("residents", "confirm_residence", purpose, _RESIDENCE_DEADLINE_S)


OFFERS: dict[str, Offer] = {
    offer.code: offer
    for offer in (
        Offer(
            ServiceCode.REGISTRATION_CONFIRMATION,
            {Language.DE: "Meldebestätigung", Language.EN: "Confirmation of registration"},
            _residence("MeldeG-19"),
        ),
        Offer(
            ServiceCode.DOG_REGISTRATION,
            {Language.DE: "Bestätigung der Hundeanmeldung", Language.EN: "Confirmation of dog registration"},
            _residence("OoeHHG-2"),
        ),
        Offer(
            ServiceCode.ACTIVE_PASS,
            {Language.DE: "Aktivpass der Stadt Linz", Language.EN: "Active Pass of the City of Linz"},
            _residence("AKTIVPASS"),
        ),
        Offer(
            ServiceCode.LOST_PROPERTY_REPORT,
            {Language.DE: "Bestätigung der Fundmeldung", Language.EN: "Confirmation of found property"},
            None,
        ),
    )
}
