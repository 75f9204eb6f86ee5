"""What every reader of a service file shares: codes, titles in both languages, and how a service is booked."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, Strict
from wanderamt.kernel.line_text import LineText

DEFAULT_PRIOR = 0.35
CODE_PATTERN = r"^[a-z]{2}-[a-z0-9-]+$"
CODE_DESCRIPTION = "Country and authority, such as fr-lyon."

Code = Annotated[str, Field(pattern=r"^[a-z][a-z0-9]*(_[a-z0-9]+)*$", max_length=60)]
BringItem = Annotated[LineText, Strict(), Field(min_length=1, max_length=200)]


class CatalogueModel(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True, populate_by_name=True)


class Titles(CatalogueModel):
    """What crews and citizens read."""

    de: LineText = Field(min_length=1, max_length=200)
    en: LineText = Field(min_length=1, max_length=200)

    def in_language(self, language: str) -> str:
        """`language`: "de" or "en"."""
        return self.de if language == "de" else self.en


class BringList(CatalogueModel):
    """What citizens bring to an appointment, one line per item, in both languages."""

    de: tuple[BringItem, ...] = ()
    en: tuple[BringItem, ...] = ()


class Booking(CatalogueModel):
    """How citizens book a service."""

    minutes: int = Field(gt=0, le=480, description="Minutes at the desk.")
    kit: bool = Field(default=False, description="Whether the stand needs the mobile kit.")
    titles: Titles = Field(description="Name of the service on the booking pages.")
    bring: BringList = Field(description="What to bring.")
    prior: float = Field(
        DEFAULT_PRIOR, ge=0, description="Expected visits per 1,000 people and hour, before any were observed."
    )


class ServiceEntry(CatalogueModel):
    """The part of a service file that all readers share. It ignores `editions`: only intake reads those."""

    model_config = ConfigDict(extra="ignore")

    service: Code
    authority: str = Field(pattern=CODE_PATTERN, description=CODE_DESCRIPTION)
    booking: Booking | None = Field(None, description="How citizens book it; without it, no appointments.")
