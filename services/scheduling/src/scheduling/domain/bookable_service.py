"""A service that citizens can book."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BookableService:
    """`minutes`: at a desk. `kit`: the stand needs the mobile kit. `titles`, `bring`: by language.

    `prior`: expected visits per 1,000 people and hour, before any were observed.
    """

    code: str
    minutes: int
    kit: bool
    titles: dict[str, str]
    bring: dict[str, tuple[str, ...]]
    prior: float = 0.35


UNKNOWN_SERVICE_MINUTES = 15


def service_of(services: dict[str, BookableService], code: str) -> BookableService:
    """A service that the catalogue does not describe takes 15 minutes and is named by its code."""
    return services.get(code) or BookableService(
        code, UNKNOWN_SERVICE_MINUTES, kit=False, titles={"de": code, "en": code}, bring={"de": (), "en": ()}
    )
