"""The documents that a service issues, and what is printed on them."""

from pydantic import Field
from service_catalogue.conditions import Condition
from service_catalogue.models import CatalogueModel, Code, Titles
from service_catalogue.references import Reference
from wanderamt.kernel.line_text import LineText


class Paragraph(CatalogueModel):
    """A sentence or two, in both languages."""

    de: LineText = Field(min_length=1, max_length=1000)
    en: LineText = Field(min_length=1, max_length=1000)

    def in_language(self, language: str) -> str:
        """`language`: "de" or "en"."""
        return self.de if language == "de" else self.en


class OutputLine(CatalogueModel):
    """A line of the document: a title and the value of a reference. Without a value, the line is left out."""

    titles: Titles
    value: Reference


class OutputTable(CatalogueModel):
    """A table with a line per row of a group."""

    titles: Titles
    each: Reference
    columns: tuple[OutputLine, ...] = Field(min_length=1, max_length=6)


class Output(CatalogueModel):
    """`kind`: what kind of document it is, in its seal. `main`: the facts that its seal names."""

    code: Code
    kind: Code
    template: Code
    titles: Titles
    when: Condition | None = None
    law: LineText = Field(min_length=1, max_length=200, description="The legal base, as it is printed.")
    intro: Paragraph
    photo: Reference | None = Field(None, description="A fact of kind photo, which is printed.")
    rows: tuple[OutputLine, ...] = Field(min_length=1, max_length=40)
    tables: tuple[OutputTable, ...] = Field((), max_length=5)
    remedies: Paragraph | None = Field(None, description="How the citizen can contest it.")
    notes: tuple[Paragraph, ...] = Field((), max_length=10)
    main: tuple[Reference, ...] = Field(min_length=1, max_length=6)
    valid: int | None = Field(None, alias="valid_days", gt=0, description="Days of validity; without it, unlimited.")
    valid_until: Reference | None = Field(None, description="The last valid day, such as permit.valid_until.")
    provisional: bool = Field(
        default=False, description="Whether a stand may issue it before the registers have answered."
    )
    signed: bool = True
