"""Facts: what the clerk asks, of which kind, and which answers are allowed."""

from datetime import date
from enum import StrEnum

from pydantic import Field, StrictBool, StrictInt
from service_catalogue.models import CatalogueModel, Code, Titles

FactValue = StrictBool | StrictInt | date | str

APPLICATION_DAY = "application_day"  # every case has it: the day of the application, in Europe/Vienna
AGE_YEARS = "age_years"  # whole years on the application day, if the exact birth date is known


class FactKind(StrEnum):
    CHOICE = "choice"
    NUMBER = "number"
    YES_NO = "yes_no"
    DATE = "date"


class FactDefinition(CatalogueModel):
    """Something the clerk asks or sees, on which a fee, a document or a due date depends."""

    code: Code
    kind: FactKind
    titles: Titles
    help: Titles | None = Field(None, description="A sentence that helps the clerk to answer.")
    choices: dict[Code, Titles] = Field(default_factory=dict, description="For kind choice: the possible answers.")

    def accepts(self, value: FactValue) -> bool:
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
