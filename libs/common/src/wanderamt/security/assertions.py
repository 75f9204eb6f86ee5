"""What intake and the registry bridge prove to each other, with a key that only these two services hold.

An assertion goes with each request: an officer asks a register this question for this case. A proof goes with each
answer: the registry bridge gave this answer to this request.

Invariants: an assertion names one officer, one case, one question and its purpose, and expires; the registry bridge
checks it on arrival and again at the moment of the call. A proof covers every field of the answer that has an effect.
No other service that may write to a topic can query a register or answer for one, and no request can serve as an
answer: each has a key of its own.

A keyed hash (HMAC-SHA-256, RFC 2104), not a public-key signature, because each entry of a sync needs one. Request and
answer themselves hold the fields; the assertion holds only its expiry and the hash, the proof only the hash. With the
same key intake tells the registry bridge whom a case is about, so that no other service can make a case about somebody,
or guess the applicant.
"""

import base64
import binascii
import hmac
import unicodedata
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

import orjson
from pydantic import SecretStr

from wanderamt.contracts import RegisterAnswered
from wanderamt.kernel.sealed import Sealed
from wanderamt.security.keyed_hash import KeyedHash

KEY_BYTES = 32
MISSING = "assertion_missing"
INVALID = "assertion_invalid"
EXPIRED = "assertion_expired"
PROOF_MISSING = "proof_missing"
PROOF_INVALID = "proof_invalid"


class Assertion(NamedTuple):
    """This officer asks a register this question, for this case and this purpose."""

    officer: str
    case_id: UUID
    request_id: UUID
    register: str
    operation: str
    purpose: str
    question: Sealed


class Person(NamedTuple):
    """Whom a case or a question is about. `born`: date of birth in ISO 8601, or the year where the day is unknown."""

    given_name: str
    family_name: str
    born: str


class AssertionSigner:
    """`key`: 32 bytes in base64, see 'wanderamt key assertion'. Raises ValueError for another length."""

    def __init__(self, key: SecretStr) -> None:
        key_bytes = base64.b64decode(key.get_secret_value(), validate=True)
        if len(key_bytes) != KEY_BYTES:
            raise ValueError("the assertion key must be 32 bytes in base64: set WANDERAMT_ASSERTION_KEY")
        self._mac = KeyedHash(key_bytes)
        self._answer_mac = KeyedHash(self._mac.digest(b"wanderamt.register-answer"))

    def sign(self, assertion: Assertion, *, until: datetime) -> str:
        ends = int(until.timestamp())
        return f"{ends}.{self._hash(assertion, ends)}"

    def verify(self, signed: str | None, expected: Assertion, *, now: datetime) -> str:
        """An empty text when `signed` asserts exactly `expected`; else the code of the reason why not."""
        if not signed:
            return MISSING
        ends, _, signature = signed.partition(".")
        if not ends.isascii() or not ends.isdigit() or len(ends) > 12:
            return INVALID
        if not hmac.compare_digest(signature.encode(), self._hash(expected, int(ends)).encode()):
            return INVALID
        return EXPIRED if int(ends) < now.timestamp() else ""

    def hash_applicant(self, case_id: UUID, person: Person) -> str:
        """Equal for the same person in the same case, however case and blanks are written; empty for one without a name
        or birth. It differs between cases, so that nobody can tell from it which cases are of one person."""
        if not all(person):
            return ""
        folded = _folded("\0".join(map(str.strip, person)))
        if folded.count("\0") != 2:  # a part has one itself: no two persons are one text
            return ""
        return _as_base64(self._mac.digest(b"applicant" + case_id.bytes + folded.encode()))

    def prove(self, answer: RegisterAnswered) -> RegisterAnswered:
        """The answer with its proof."""
        return answer.model_copy(update={"proof": self._answer_hash(answer)})

    def verify_answer(self, answer: RegisterAnswered) -> str:
        """An empty text when the registry bridge gave exactly this answer; else the code of the reason why not."""
        if not answer.proof:
            return PROOF_MISSING
        equal = hmac.compare_digest(answer.proof.encode(), self._answer_hash(answer).encode())
        return "" if equal else PROOF_INVALID

    def _hash(self, assertion: Assertion, ends: int) -> str:
        *fields, question = assertion
        return _hash_fields(self._mac, [ends, *fields, *_sealed_fields(question)])

    def _answer_hash(self, answer: RegisterAnswered) -> str:
        fields = [
            answer.request_id,
            answer.case_id,
            answer.register_name,
            answer.outcome,
            answer.code,
            answer.as_of.astimezone(UTC).isoformat(),
            *(_sealed_fields(answer.answer) if answer.answer else ()),
        ]
        return _hash_fields(self._answer_mac, fields)


def _sealed_fields(sealed: Sealed) -> tuple[object, ...]:
    """As sent: who changes the ciphertext changes the hash."""
    return sealed.subject, sealed.nonce, sealed.text


def _folded(text: str) -> str:
    folded = text.lower() if text.isascii() else unicodedata.normalize("NFKC", text).casefold()
    return " ".join(folded.split())


def _hash_fields(mac: KeyedHash, fields: list[object]) -> str:
    """In base64. As JSON, so that no two lists of fields are one text."""
    message = orjson.dumps(fields, str)  # `str` for ids in the driver's own class
    return _as_base64(mac.digest(message))


def _as_base64(plain: bytes) -> str:
    return binascii.b2a_base64(plain, newline=False).decode()
