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
    version: str


class Book:
    def __init__(self, offers: Iterable[Offer]) -> None:
        self.offers = {offer.service: offer for offer in offers}
        all_of = [_pin(offer.service, edition) for offer in self.offers.values() for edition in offer.editions]
        self._by_version = {one.version: one for one in all_of}
        self._in_force = {(one.service, one.edition.valid_from): one for one in all_of}

    def on(self, service: str, day: date) -> Pinned | Refusal:
        """The edition in force for an application on that day."""
        offer = self.offers.get(service)
        edition = offer.edition_on(day) if offer else None
        return self._in_force[service, edition.valid_from] if edition else UNKNOWN_SERVICE

    def pinned(self, version: str) -> Pinned | Refusal:
        """The edition a case was pinned to."""
        return self._by_version.get(version, UNKNOWN_EDITION)


def _pin(service: str, edition: Edition) -> Pinned:
    return Pinned(service, edition, version=f"{service}@{edition.valid_from}")
