"""All services of an authority. A case keeps the edition of its application day for its whole life."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from service_catalogue.local_calendar import LocalCalendar
from service_catalogue.streets import StreetRegister
from wanderamt.kernel.refusal import Refusal

from intake.domain.catalogue.service_definition import Edition, Ending, ServiceDefinition
from intake.domain.refusals import UNKNOWN_EDITION, UNKNOWN_SERVICE

MAX_DAYS = 1000  # kept in memory: of all services together, each day that somebody applied


@dataclass(frozen=True, slots=True)
class PinnedEdition:
    """An edition with the version that a case stores, such as dog_registration@2025-07-01."""

    service: str
    edition: Edition
    version: str


class Catalogue:
    """`streets`: of the authority's municipality, from which addresses are chosen. `calendar`: of its place."""

    def __init__(
        self,
        services: Iterable[ServiceDefinition],
        streets: StreetRegister | None = None,
        *,
        calendar: LocalCalendar = LocalCalendar(),
    ) -> None:
        self.streets = streets
        self.calendar = calendar
        self.services = {service.service: service for service in services}
        all_editions = [_pin(service, edition) for service in self.services.values() for edition in service.editions]
        self._by_version = {pinned.version: pinned for pinned in all_editions}
        self._on_day: dict[tuple[str, date], PinnedEdition] = {}
        self._in_force = {(pinned.service, pinned.edition.valid_from): pinned for pinned in all_editions}

    @property
    def elsewhere(self) -> list[str]:
        """Services of other authorities: each stand tells where to go."""
        ends = {code: service.editions[-1].ending for code, service in self.services.items()}
        return [code for code, ending in ends.items() if ending is Ending.ELSEWHERE]

    @property
    def editions(self) -> Iterable[PinnedEdition]:
        """All of them, also those that are not in force any more."""
        return self._by_version.values()

    def edition_on(self, service: str, day: date) -> PinnedEdition | Refusal:
        """The edition in force for an application on that day."""
        known = self._on_day.get((service, day))
        if known:
            return known
        definition = self.services.get(service)
        edition = definition.edition_on(day) if definition else None
        if not edition:
            return UNKNOWN_SERVICE
        if len(self._on_day) >= MAX_DAYS:
            self._on_day.clear()
        self._on_day[service, day] = self._in_force[service, edition.valid_from]
        return self._on_day[service, day]

    def pinned_edition(self, version: str) -> PinnedEdition | Refusal:
        """The edition of a case, by the version that the case stores."""
        return self._by_version.get(version, UNKNOWN_EDITION)


def _pin(service: ServiceDefinition, edition: Edition) -> PinnedEdition:
    return PinnedEdition(service.service, edition, version=f"{service.service}@{edition.valid_from}")
