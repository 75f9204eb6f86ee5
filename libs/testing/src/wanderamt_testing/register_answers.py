"""Answers of registers as the registry bridge writes them to Kafka, with their proof; tests alter them from here."""

from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from pydantic import SecretStr
from uuid_utils.compat import uuid7
from wanderamt.contracts import EventHeader, RegisterAnswered, RegisterOutcome, encode
from wanderamt.kernel.sealed import Sealed
from wanderamt.security.assertions import AssertionSigner


class AnswerRecord(NamedTuple):
    """Arguments of a producer."""

    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]]


class AnsweringBridge:
    """Has the key of the registry bridge. `assertion_key`: in base64."""

    def __init__(self, assertion_key: str) -> None:
        self._signer = AssertionSigner(SecretStr(assertion_key))

    def answer(
        self,
        request_id: UUID,
        case_id: UUID,
        *,
        at: datetime,
        outcome: RegisterOutcome = RegisterOutcome.CONFIRMED,
        answer: Sealed | None = None,
        code: str | None = None,
    ) -> RegisterAnswered:
        """With its proof."""
        unproven = RegisterAnswered(
            request_id=request_id,
            case_id=case_id,
            register_name="residents",
            outcome=outcome,
            answer=answer,
            code=code,
            as_of=at,
        )
        return self._signer.prove(unproven)


def to_record(
    answer: RegisterAnswered, *, event_id: UUID | None = None, sequence: int = 1, **headers: bytes
) -> AnswerRecord:
    """`headers`: others than the relay would write, by name."""
    source = "/wanderamt/registry-bridge"
    header = EventHeader(event_id or uuid7(), answer.TYPE, source, answer.request_id, answer.as_of, sequence, {})
    key, value, written = encode(answer, header)
    return AnswerRecord(key, value, list((dict(written) | headers).items()))


def altered(proven: RegisterAnswered, /, **changes: Any) -> RegisterAnswered:
    """Other content under the same proof."""
    return proven.model_copy(update=changes)
