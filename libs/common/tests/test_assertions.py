"""What intake and the registry bridge prove to each other: each field counts, and each direction has its own key."""

import base64
import os
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from pydantic import SecretStr
from uuid_utils.compat import uuid7
from wanderamt.contracts import RegisterAnswered, RegisterOutcome
from wanderamt.kernel.sealed import Sealed
from wanderamt.security.assertions import (
    EXPIRED,
    INVALID,
    MISSING,
    PROOF_INVALID,
    PROOF_MISSING,
    Assertion,
    AssertionSigner,
)
from wanderamt.security.keys import FieldCipher, generate_master_key

NOW = datetime(2026, 5, 4, 9, 30, tzinfo=UTC)


def signer() -> AssertionSigner:
    return AssertionSigner(SecretStr(base64.b64encode(os.urandom(32)).decode()))


def sealed(plain: bytes = b"Hadzic") -> Sealed:
    return FieldCipher(SecretStr(generate_master_key())).seal(uuid7(), plain)


def answer(**changes: Any) -> RegisterAnswered:
    fields = {
        "request_id": uuid7(),
        "case_id": uuid7(),
        "register_name": "residents",
        "outcome": RegisterOutcome.CONFIRMED,
        "answer": sealed(),
        "code": None,
        "as_of": NOW,
    }
    return RegisterAnswered.model_validate(fields | changes)


OTHER_VALUES: dict[str, Any] = {
    "request_id": uuid7(),
    "case_id": uuid7(),
    "register_name": "dogs",
    "outcome": RegisterOutcome.NOT_FOUND,
    "answer": sealed(),
    "code": "resolved",
    "as_of": NOW + timedelta(microseconds=1),
}


def test_an_answer_with_its_proof_is_accepted_after_its_journey() -> None:
    bridge = signer()
    for sent in (answer(), answer(answer=None, code="deadline", outcome=RegisterOutcome.UNAVAILABLE)):
        received = RegisterAnswered.model_validate_json(bridge.prove(sent).model_dump_json())
        assert bridge.verify_answer(received) == ""
    elsewhere = bridge.prove(answer()).model_copy(update={"as_of": NOW.astimezone(timezone(timedelta(hours=2)))})
    assert bridge.verify_answer(elsewhere.model_copy(update={"proof": bridge.prove(elsewhere).proof})) == ""


def test_every_field_of_an_answer_is_proven() -> None:
    bridge = signer()
    proven = bridge.prove(answer())
    assert OTHER_VALUES.keys() | {"proof"} == RegisterAnswered.model_fields.keys()
    for name, value in OTHER_VALUES.items():
        assert bridge.verify_answer(proven.model_copy(update={name: value})) == PROOF_INVALID, name
    assert proven.answer
    for change in ({"text": sealed().text}, {"nonce": sealed().nonce}, {"subject": uuid7()}):
        other = proven.model_copy(update={"answer": proven.answer.model_copy(update=change)})
        assert bridge.verify_answer(other) == PROOF_INVALID, change
    assert bridge.verify_answer(proven.model_copy(update={"answer": None})) == PROOF_INVALID


def test_no_proof_is_missing_and_a_proof_with_another_key_or_of_another_answer_is_wrong() -> None:
    bridge, proven = signer(), answer()
    assert bridge.verify_answer(proven) == PROOF_MISSING
    assert bridge.verify_answer(proven.model_copy(update={"proof": ""})) == PROOF_MISSING
    for proof in (signer().prove(proven).proof, bridge.prove(answer()).proof, "é", "A" * 44):
        assert bridge.verify_answer(proven.model_copy(update={"proof": proof})) == PROOF_INVALID


def test_the_question_belongs_to_what_the_officer_asserts() -> None:
    intake, question = signer(), sealed()
    asserted = Assertion("clerk@linz", uuid7(), uuid7(), "residents", "confirm", "MeldeG-19", question)
    token = intake.sign(asserted, until=NOW)
    assert intake.verify(token, asserted, now=NOW) == ""
    assert intake.verify(token, asserted, now=NOW + timedelta(seconds=1)) == EXPIRED
    assert intake.verify(None, asserted, now=NOW) == MISSING
    others: dict[str, Any] = {
        "officer": "other@linz",
        "case_id": uuid7(),
        "request_id": uuid7(),
        "register": "dogs",
        "operation": "grant",
        "purpose": "other",
        "question": sealed(),
    }
    assert tuple(others) == Assertion._fields
    for name, value in others.items():
        assert intake.verify(token, asserted._replace(**{name: value}), now=NOW) == INVALID, name
    for change in ({"text": sealed().text}, {"nonce": sealed().nonce}, {"subject": uuid7()}):
        other = asserted._replace(question=question.model_copy(update=change))
        assert intake.verify(token, other, now=NOW) == INVALID, change


@pytest.mark.parametrize("token", ["", ".", "1.", "x.y", "-1.AAAA", "9" * 13 + ".AAAA", "٣.AAAA"])
def test_a_text_that_is_no_assertion_is_refused(token: str) -> None:
    asserted = Assertion("clerk@linz", uuid7(), uuid7(), "residents", "confirm", "MeldeG-19", sealed())
    assert signer().verify(token, asserted, now=NOW) in {MISSING, INVALID}
