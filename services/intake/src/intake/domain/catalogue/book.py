"""All offers of an authority. A case is pinned to the edition of its application day and keeps it for life."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from wanderamt.kernel.refusal import Refusal

from intake.domain.catalogue.offer import Edition, Offer
from intake.domain.refusals import UNKNOWN_EDITION, UNKNOWN_SERVICE


@dataclass(frozen=True, slots=True)
class Pinned:
    """An edition with the name under which a case remembers it, such as dog_registration@2025-07-01."""

    service: str
    edition: Edition

    @property
    def version(self) -> str:
        return f"{self.service}@{self.edition.valid_from}"


class Book:
    def __init__(self, offers: Iterable[Offer]) -> None:
        self.offers = {offer.service: offer for offer in offers}

    def on(self, service: str, day: date) -> Pinned | Refusal:
        """The edition in force for an application on that day."""
        offer = self.offers.get(service)
        edition = offer.edition_on(day) if offer else None
        return Pinned(service, edition) if edition else UNKNOWN_SERVICE

    def pinned(self, version: str) -> Pinned | Refusal:
        """The edition a case was pinned to."""
        service, _, day = version.partition("@")
        offer = self.offers.get(service)
        for edition in offer.editions if offer else ():
            if edition.valid_from.isoformat() == day:
                return Pinned(service, edition)
        return UNKNOWN_EDITION
