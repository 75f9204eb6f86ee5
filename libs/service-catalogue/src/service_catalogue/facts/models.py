"""The definition of a fact: what a form asks, of which kind, and within which bounds."""

from collections.abc import Iterator
from enum import StrEnum
from typing import Final

from pydantic import Field, StrictInt, model_validator

from service_catalogue.conditions import Condition
from service_catalogue.facts.tables import MAX_EXACT_INT, tables
from service_catalogue.models import CatalogueModel, Code, Titles
from service_catalogue.references import Reference

MAX_FACTS: Final = 30  # of a group
MAX_CHOICES: Final = 200


class FormFactKind(StrEnum):
    TEXT = "text"
    LONG_TEXT = "long_text"
    INTEGER = "integer"
    DECIMAL = "decimal"
    MONEY = "money"
    DATE = "date"
    PARTIAL_DATE = "partial_date"
    YES_NO = "yes_no"
    CHOICE = "choice"
    SEVERAL = "several"
    TELEPHONE = "telephone"
    EMAIL = "email"
    IBAN = "iban"
    ADDRESS = "address"
    PERSON = "person"
    NATIONALITY = "nationality"
    IDENTITY_DOCUMENT = "identity_document"
    NUMBER_PLATE = "number_plate"
    CHIP_NUMBER = "chip_number"
    PHOTO = "photo"
    SIGNATURE = "signature"
    GROUP = "group"


class Prefill(StrEnum):
    """From where the form takes a first answer, which the clerk confirms. former_answer: of the same citizen to the
    same fact. register_answer: see `prefill_from`."""

    APPOINTMENT = "appointment"
    FORMER_ANSWER = "former_answer"  # of the same citizen to the same fact
    REGISTER_ANSWER = "register_answer"


class FactRetention(StrEnum):
    """How long the answer is kept. with_case: as long as the case. until_closed: deleted when the case is closed.
    not_stored: seen at the stand only, such as an income."""

    WITH_CASE = "with_case"
    UNTIL_CLOSED = "until_closed"  # deleted when the case is closed
    NOT_STORED = "not_stored"  # seen at the stand only, such as an income


TEXT_KINDS: Final = frozenset({FormFactKind.TEXT, FormFactKind.LONG_TEXT})
NUMBER_KINDS: Final = frozenset({FormFactKind.INTEGER, FormFactKind.DECIMAL, FormFactKind.MONEY})
CHOICE_KINDS: Final = frozenset({FormFactKind.CHOICE, FormFactKind.SEVERAL})


class FormFact(CatalogueModel):
    """A question of a form. Bounds that a kind does not have are refused."""

    code: Code
    kind: FormFactKind
    titles: Titles
    help: Titles | None = Field(None, description="A sentence that helps the clerk to answer.")
    required: bool = Field(default=True, description="Whether the form is incomplete without an answer.")
    choices: dict[Code, Titles] = Field(
        default_factory=dict, max_length=MAX_CHOICES, description="Of choice and several: the possible answers."
    )
    max_length: StrictInt | None = Field(None, ge=1, description="Of text and long_text: characters.")
    min: StrictInt | None = Field(
        None, ge=-MAX_EXACT_INT, le=MAX_EXACT_INT, description="Of numbers; of money in cents."
    )
    max: StrictInt | None = Field(
        None, ge=-MAX_EXACT_INT, le=MAX_EXACT_INT, description="Of numbers; of money in cents."
    )
    places: StrictInt | None = Field(None, ge=0, description="Of decimal: digits after the comma, at most.")
    min_rows: StrictInt | None = Field(None, ge=0, description="Of group.")
    max_rows: StrictInt | None = Field(None, ge=1, description="Of group.")
    facts: tuple["FormFact", ...] = Field((), max_length=MAX_FACTS, description="Of group: the facts of each row.")
    when: Condition | None = Field(None, description="Asked only if this holds. It may refer to facts before this one.")
    prefill: Prefill | None = None
    prefill_from: Reference | None = Field(
        None, description="Of register_answer: the value, such as residence.address."
    )
    keep: FactRetention = FactRetention.WITH_CASE

    @model_validator(mode="after")
    def _consistent(self) -> "FormFact":
        if faults := [*self._misplaced(), *self._wrong_bounds(), *self._row_faults()]:
            raise ValueError("; ".join(faults))
        return self

    def _misplaced(self) -> Iterator[str]:
        group = self.kind is FormFactKind.GROUP
        if (self.kind in CHOICE_KINDS) != bool(self.choices):
            yield "kinds choice and several need 'choices', and no other kind has them"
        if group != bool(self.facts):
            yield "kind group needs 'facts', and no other kind has them"
        if self.max_length is not None and self.kind not in TEXT_KINDS:
            yield f"kind {self.kind} has no 'max_length'"
        if (self.min, self.max) != (None, None) and self.kind not in NUMBER_KINDS:
            yield f"kind {self.kind} has no 'min' and 'max'"
        if self.places is not None and self.kind is not FormFactKind.DECIMAL:
            yield f"kind {self.kind} has no 'places'"
        if (self.prefill is Prefill.REGISTER_ANSWER) != bool(self.prefill_from):
            yield "prefill 'register_answer' and 'prefill_from' belong together"
        if (self.min_rows, self.max_rows) != (None, None) and not group:
            yield f"kind {self.kind} has no 'min_rows' and 'max_rows'"

    def _wrong_bounds(self) -> Iterator[str]:
        limits = tables().limits
        if self.min is not None and self.max is not None and self.min > self.max:
            yield "'min' is greater than 'max'"
        if self.kind in TEXT_KINDS and self.max_length is not None and self.max_length > limits[self.kind]["most"]:
            yield f"'max_length' is at most {limits[self.kind]['most']}"
        if self.places is not None and self.places > limits["places"]["most"]:
            yield f"'places' is at most {limits['places']['most']}"
        most = self.max_rows if self.max_rows is not None else limits["rows"]["usual"]
        if most > limits["rows"]["most"]:
            yield f"'max_rows' is at most {limits['rows']['most']}"
        if self.min_rows == 0 and self.required:
            yield "'min_rows: 0' needs 'required: false'"
        if self.min_rows is not None and self.min_rows > most:
            yield f"'min_rows' is greater than the {most} rows that are possible"

    def _row_faults(self) -> Iterator[str]:
        codes = [fact.code for fact in self.facts]
        yield from (f"facts: '{code}' appears twice" for code in sorted({c for c in codes if codes.count(c) > 1}))
        yield from (f"facts: '{fact.code}' is a group inside a group" for fact in self.facts if fact.facts)
        own = [fact.code for fact in self.facts if fact.keep is not FactRetention.WITH_CASE]
        yield from (f"facts: '{code}' is kept as long as its group: 'keep' stands at the group" for code in own)
