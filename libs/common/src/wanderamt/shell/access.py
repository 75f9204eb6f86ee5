"""The one dependency that admits callers: token, proof of the device's key, and the policy for the route's action.

Invariants: each route names its action with `require`, except the public ones that tests/security lists; the database
is asked at every request, so that a revocation counts from the next one on; each refusal is written down, and so is
each use of an action in `policy.RECORDED` and each use with a written reason, before the route runs.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any
from urllib.parse import unquote
from uuid import UUID

from fastapi import Depends, Request

from wanderamt.backbone.environment import Environment
from wanderamt.backbone.persistence.audit import AuditRecord, insert_records
from wanderamt.backbone.persistence.database import Database
from wanderamt.backbone.persistence.used_proofs import TAKE_PROOF
from wanderamt.kernel.line_text import checked_line
from wanderamt.kernel.refusal import Refusal
from wanderamt.security import dpop
from wanderamt.security.dpop import DpopProof
from wanderamt.security.policy import (
    MAX_REASON,
    MIN_REASON,
    POLICY,
    REASON_UNREADABLE,
    RECORDED,
    Action,
    Situation,
    Where,
    decide,
    grants_to,
)
from wanderamt.security.tokens import MISSING, WRONG_ROLE, Principal, TokenVerifier
from wanderamt.shell.http import BearerCredentials, read_proof
from wanderamt.shell.problems import RefusalError

REASON_HEADER = "Access-Reason"
RECENT_S = 5.0
MAX_SUBJECT = 64  # characters; longer or unprintable ones are no id
MAX_RECENT = 4096
ASKED_AGAIN = frozenset({Action.SEND_ENTRIES})
"""Actions whose own statement writes nothing for a caller who was cut off; saves them a round trip."""


@dataclass(frozen=True)
class AccessLookup:
    """What a service can find out about a caller, and about the resource that a path names.

    `stands_of`: path parameter → SQL that selects the stands of the resource with the id $4, as rows of one uuid.
    `device_sql`: selects the thumbprint of the key, or an empty text, of the device $2 unless it is revoked; empty in a
    service that has no list of devices: there the token counts, which intake gave to an enrolled device.
    """

    stands_of: Mapping[str, str] = field(default_factory=lambda: {"stand_id": "SELECT $4::uuid"})
    device_sql: str = ""
    _recent: dict[Principal, float] = field(default_factory=dict)  # admitted caller → Unix time of the look

    async def recent_situation(self, caller: Principal, database: Database) -> Situation:
        """As `situation`, up to RECENT_S seconds old, for a route whose own statement asks again."""
        now = database.environment.clock().timestamp()
        if self._recent.get(caller, 0.0) + RECENT_S > now:
            return Situation()
        situation = await self.situation(caller, {}, database)
        if len(self._recent) >= MAX_RECENT:
            self._recent.clear()
        if situation == Situation():
            self._recent[caller] = now
        else:
            self._recent.pop(caller, None)
        return situation

    async def situation(
        self, caller: Principal, path: Mapping[str, Any], database: Database, *, proof: DpopProof | None = None
    ) -> Situation:
        """In one statement, which also takes the `proof` of the request."""
        named = ((name, _uuid(path[name])) for name in self.stands_of if name in path)
        resource, resource_id = next(((name, id_) for name, id_ in named if id_), ("", None))
        rows = await database.fetch(
            self._statements[resource, bool(proof)],
            caller.subject,
            caller.device_id,
            str(caller.session_id or ""),
            resource_id,
            *((proof.digest, proof.expires_at) if proof else ()),
        )
        known: dict[str, list[str]] = {"proof": [], "cut_off": [], "key": [], "stand": []}
        for fact, value in rows:
            known[fact].append(value)
        key = next(iter(known["key"]), None)
        return Situation(
            enrolled="device" not in known["cut_off"]
            and (not self.device_sql or not caller.device_id or key is not None),
            key_replaced=bool(key) and key != caller.key_thumbprint,
            cut_off=bool({"officer", "session"} & set(known["cut_off"])),
            at_stand=str(caller.stand_id) in known["stand"] if resource else None,
            proof_used=bool(proof) and not known["proof"],
        )

    @cached_property
    def _statements(self) -> dict[tuple[str, bool], str]:
        """(path parameter or nothing, whether a proof is taken) → SQL."""
        known = [_CUT_OFFS, *([f"SELECT 'key', d.key FROM ({self.device_sql}) d(key)"] if self.device_sql else [])]  # noqa: S608
        statements = {}
        for resource, sql in {"": "", **self.stands_of}.items():
            stands = [f"SELECT 'stand', s.stand::text FROM ({sql}) s(stand)"] if sql else []  # noqa: S608
            asked = " UNION ALL ".join([*known, *stands])
            statements[resource, False] = asked
            statements[resource, True] = (
                f"WITH taken AS ({_TAKE_PROOF}) {asked} UNION ALL SELECT 'proof', '' FROM taken"  # noqa: S608
            )
        return statements


_CUT_OFFS = """
    SELECT 'cut_off', kind FROM cut_off
    WHERE active AND $4::uuid IS NOT DISTINCT FROM $4::uuid  -- $4: the resource, if there is one
      AND (kind, id) IN (('officer', $1::text), ('device', $2::uuid::text), ('session', $3::text))
"""
_TAKE_PROOF = TAKE_PROOF.replace("$2", "$6").replace("$1", "$5")


@dataclass(frozen=True, slots=True)
class Require:
    """A FastAPI dependency that admits the callers to whom the policy grants `action`. Raises RefusalError."""

    action: Action

    async def __call__(self, request: Request, credentials: BearerCredentials) -> Principal:
        request.state.action = self.action
        if credentials is None:
            raise RefusalError(MISSING)
        verifier: TokenVerifier = request.app.state.tokens
        database: Database = request.app.state.database
        environment: Environment = request.app.state.environment
        caller = verifier.verify(credentials.credentials, now=environment.clock())
        if isinstance(caller, Refusal):
            raise RefusalError(caller)
        request.state.caller = caller  # known from here on, also to the record of a refusal
        proof = read_proof(request, credentials.credentials) if caller.key_thumbprint else None
        if proof and proof.thumbprint != caller.key_thumbprint:
            raise RefusalError(dpop.WRONG)
        if proof and getattr(request.state, "used_proof", None) == proof.digest:
            proof = None  # another dependency of the same request has taken it
        if not grants_to(self.action, caller):
            raise RefusalError(WRONG_ROLE)
        if subject := await self.subject_in_body(request):
            name_subject(request, subject)
        reason = _read_reason(request)
        lookup: AccessLookup = request.app.state.access_lookup
        situation = (
            await lookup.recent_situation(caller, database)
            if self.action in ASKED_AGAIN and not proof
            else await lookup.situation(caller, request.path_params, database, proof=proof)
        )
        if situation.proof_used:
            raise RefusalError(dpop.USED)
        if proof:
            request.state.used_proof = proof.digest
        if refusal := decide(self.action, caller, situation, reason=reason):
            raise RefusalError(refusal)
        if self.action in RECORDED or (reason and self._asks_reason):
            sql, args = insert_records([record_of(request, caller, self.action, reason=reason)])
            await database.execute(sql, *args)
        return replace(caller, reason=reason) if reason else caller

    async def subject_in_body(self, request: Request) -> str:
        """For the audit record of an action whose path names no resource. Empty: none."""
        return ""

    @property
    def _asks_reason(self) -> bool:
        return any(grant.where in {Where.REASON_ELSEWHERE, Where.ALWAYS_REASON} for grant in POLICY[self.action])


def require(action: Action) -> Any:
    """For the parameters of a route: `Annotated[Principal, require(Action.READ_CASE)]`."""
    return Depends(Require(action))


@dataclass(frozen=True, slots=True)
class PublicAction:
    """A FastAPI dependency of a public route that does what the policy calls `action`: its refusals are written down as
    those of the action."""

    action: Action

    async def __call__(self, request: Request) -> None:
        request.state.action = self.action


def name_subject(request: Request, subject: str) -> None:
    """What the audit record of this request names, when its path does not."""
    request.state.subject = subject


def record_of(
    request: Request, caller: Principal | None, action: str, *, reason: str = "", outcome: str = ""
) -> AuditRecord:
    """`outcome`: the code of a refusal. Without a caller the record has no subject: who is not known may name
    anything, and would make a row of each name."""
    in_path = next((str(value) for name, value in request.path_params.items() if name.endswith("_id")), "")
    named = getattr(request.state, "subject", in_path) if caller else ""
    subject = "".join(sign if sign.isascii() and sign.isprintable() else "?" for sign in named[:MAX_SUBJECT])
    known = AuditRecord(
        caller.subject if caller else "",
        action,
        subject,
        reason=reason,
        device_id=caller.device_id if caller else None,
        stand_id=caller.stand_id if caller else None,
    )
    return replace(known, outcome=outcome) if outcome else known


def _read_reason(request: Request) -> str:
    """Empty: none was sent. Raises RefusalError."""
    header = request.headers.get(REASON_HEADER, "").strip()
    if not header:
        return ""
    try:
        header.encode("ascii")  # bytes that nobody encoded would be kept as other characters
        reason = checked_line(unquote(header, errors="strict"))
    except ValueError as error:  # not encoded, not UTF-8, or nothing that an output shows
        raise RefusalError(REASON_UNREADABLE) from error
    if not MIN_REASON <= len(reason) <= MAX_REASON:
        raise RefusalError(REASON_UNREADABLE)
    return reason


def _uuid(value: object) -> UUID | None:
    try:
        return UUID(str(value))
    except ValueError:
        return None
