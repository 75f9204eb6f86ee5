"""What a service asks registers and writes into them: the calls of an edition, in their order.

Invariants: a command has an undo; a verdict without a rule of its own means that the case cannot go on.
"""

from enum import StrEnum
from functools import cached_property

from pydantic import Field
from service_catalogue.conditions import Condition, references_of
from service_catalogue.facts.models import FormFact
from service_catalogue.models import CatalogueModel, Code, Titles
from service_catalogue.references import name_of
from wanderamt.kernel.line_text import LineText

from intake.domain.catalogue.expressions import Constant, Expression, FieldName, references_in
from intake.domain.catalogue.outputs import Paragraph

AnswerPath = str
ANSWER_PATH = r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*$"
APPLICANT_PREFIX = "applicant."  # of the names of the applicant's fields
FOUND = "found"  # `residence.found`: whether the register knew something


class RegisterCallKind(StrEnum):
    LOOKUP = "lookup"
    COMMAND = "command"  # it writes into the register


class VerdictAction(StrEnum):
    CONTINUE = "continue"  # the case goes on without an answer
    REFUSE = "refuse"


class VerdictRule(CatalogueModel):
    """What it means for the case. `text`: the sentence that the citizen gets."""

    then: VerdictAction = VerdictAction.REFUSE
    text: Paragraph


class Verdicts(CatalogueModel):
    """What else than an answer may come. `refused`: any other code than those of `codes`, which registers name."""

    not_found: VerdictRule | None = None
    ambiguous: VerdictRule | None = None
    refused: VerdictRule | None = None
    codes: dict[str, VerdictRule] = Field(default_factory=dict, max_length=30)


class AnswerFact(FormFact):
    """A value of the answer, as a fact of the case: `since` of the call `residence` is `residence.since`."""

    from_: AnswerPath = Field(
        "", alias="from", pattern=f"^$|{ANSWER_PATH}", max_length=200, description="Its place in the answer."
    )
    review: bool = Field(default=True, description="Whether the crew reviews it with the citizen.")

    @property
    def path(self) -> AnswerPath:
        return self.from_ or self.code


class Undo(CatalogueModel):
    """The command that takes back what the command did. Its question may use the answer: `permit.number`."""

    operation: Code
    question: dict[FieldName, Expression] = Field(min_length=1, max_length=60)


class RegisterCall(CatalogueModel):
    """`deadline_s`: how long the case waits for the answer before it escalates."""

    code: Code
    titles: Titles
    register_name: Code = Field(alias="register")
    operation: Code
    purpose: LineText = Field(min_length=1, max_length=60, description="Purpose code, logged by the register.")
    kind: RegisterCallKind
    when: Condition | None = None
    question: dict[FieldName, Expression] = Field(min_length=1, max_length=60)
    answer: tuple[AnswerFact, ...] = Field((), max_length=60)
    verdicts: Verdicts = Verdicts()
    undo: Undo | None = None
    deadline_s: int = Field(24 * 3600, gt=0, le=14 * 24 * 3600)

    @cached_property
    def references(self) -> frozenset[str]:
        """Those of its condition and its question."""
        asked = (reference for expression in self.question.values() for reference in references_in(expression))
        return frozenset([*references_of(self.when), *asked])

    @cached_property
    def applicant_fields(self) -> frozenset[str]:
        """The names in the form, if its question has nothing but fields of the applicant under their own names."""
        names = {field: APPLICANT_PREFIX + field for field in self.question}
        return frozenset(names.values()) if self.question == names else frozenset()

    @cached_property
    def plain_names(self) -> frozenset[str] | None:
        """The names of the values that its question needs. None: its question is more than a list of references."""
        expressions = self.question.values()
        if not all(isinstance(expression, str | Constant) for expression in expressions):
            return None
        return frozenset(name_of(expression) for expression in expressions if isinstance(expression, str))
