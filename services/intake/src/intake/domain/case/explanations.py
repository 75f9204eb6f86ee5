"""Why a case cannot go on, as a code in its history, and the sentence that the citizen gets.

Codes: `rule:<code>` of a rule of admission, `deadline:<code>` of a missed deadline, `<call>:<verdict>` of the verdict
on a call, such as residence:not_found.
"""

from wanderamt.contracts import AMBIGUOUS

from intake.domain.catalogue.outputs import Paragraph
from intake.domain.catalogue.register_calls import VerdictRule
from intake.domain.catalogue.service_definition import AdmissionRule, Deadline, Edition

RULE, DEADLINE = "rule", "deadline"


def because_of_rule(rule: AdmissionRule) -> str:
    return f"{RULE}:{rule.code}"


def because_of_deadline(deadline: Deadline) -> str:
    return f"{DEADLINE}:{deadline.code}"


def because_of_verdict(call: str, verdict: str) -> str:
    return f"{call}:{verdict}"


def explanation_of(edition: Edition, because: str) -> Paragraph | None:
    """None if the edition has no sentence of its own for it."""
    kind, _, code = because.partition(":")
    if kind == RULE:
        return next((rule.refusal for rule in edition.admission if rule.code == code), None)
    if kind == DEADLINE:
        return next((deadline.refusal for deadline in edition.deadlines if deadline.code == code), None)
    verdict = verdict_rule(edition, kind, code)
    return verdict.text if verdict else None


def verdict_rule(edition: Edition, call: str, verdict: str) -> VerdictRule | None:
    """`verdict`: not_found, ambiguous, or a code with which the register refuses."""
    known = edition.calls_by_code.get(call)
    if not known:
        return None
    verdicts = known.verdicts
    if verdict in verdicts.codes:
        return verdicts.codes[verdict]
    return {"not_found": verdicts.not_found, AMBIGUOUS: verdicts.ambiguous}.get(verdict, verdicts.refused)
