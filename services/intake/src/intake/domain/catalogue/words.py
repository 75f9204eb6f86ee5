"""What every part of an offer is written in: codes, titles in both languages, values of facts."""

from datetime import date
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt
from wanderamt.contracts import Language

Code = Annotated[str, Field(pattern=r"^[a-z][a-z0-9]*(_[a-z0-9]+)*$", max_length=60)]
FactValue = StrictBool | StrictInt | date | str

APPLICATION_DAY = "application_day"  # known of every case: the day it was applied for, in Europe/Vienna
AGE_YEARS = "age_years"  # known where the birth date is known to the day: whole years on the application day


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True, populate_by_name=True)


class Titles(Part):
    """What crews and citizens read."""

    de: str = Field(min_length=1, max_length=200)
    en: str = Field(min_length=1, max_length=200)

    def said_in(self, language: Language) -> str:
        return self.de if language is Language.DE else self.en


class FactKind(StrEnum):
    CHOICE = "choice"
    NUMBER = "number"
    YES_NO = "yes_no"
    DATE = "date"


class FactDefinition(Part):
    """One thing the clerk asks or sees, on which a fee, a paper or a due date depends."""

    code: Code
    kind: FactKind
    titles: Titles
    help: Titles | None = Field(None, description="A sentence for whoever is not sure what to answer.")
    choices: dict[Code, Titles] = Field(default_factory=dict, description="For kind choice: what may be answered.")

    def takes(self, value: FactValue) -> bool:
        match self.kind:
            case FactKind.CHOICE:
                return isinstance(value, str) and value in self.choices
            case FactKind.NUMBER:
                return isinstance(value, int) and not isinstance(value, bool)
            case FactKind.YES_NO:
                return isinstance(value, bool)
            case FactKind.DATE:
                return isinstance(value, date)


KNOWN_FACTS = {APPLICATION_DAY: FactKind.DATE, AGE_YEARS: FactKind.NUMBER}
