"""The door of the crew's app before there is a case: enrolment, sessions, what it tells of itself."""

import base64
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import structlog
from fastapi import APIRouter, Request
from joserfc.jwk import ECKey
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from wanderamt.backbone.database import Database
from wanderamt.kernel.ids import DeviceId, StandId
from wanderamt.security.keys import Sealer
from wanderamt.security.roles import Role
from wanderamt.security.tokens import INVALID, Caller, TokenSigner
from wanderamt.shell.http import Sent, only, proven_key
from wanderamt.shell.problems import Refused

from intake.api.outcome import at_stand, told
from intake.domain.refusals import KEY_UNREADABLE
from intake.handlers.enrolment import Session, begin_session, enrol_by_code, invite
from intake.proof.authority import Trust

MAX_REPORTS = 100
Coordinate = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z0-9_-]{43}$",
        description="32 bytes in base64url.",
        examples=["f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"],
    ),
]

log = structlog.get_logger()


class FieldSettings(BaseModel):
    """What the app must know before anybody has signed in."""

    authority: str
    issuer: str = Field(description="OpenID Connect issuer at which clerks sign in (code flow with PKCE).")
    client_id: str
    lock_after_s: int = Field(description="After so many seconds of silence the app locks itself.")


class InvitationIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    label: str = Field(min_length=1, max_length=100, examples=["Tablet 3"])


class InvitationOut(BaseModel):
    code: str = Field(examples=["7K2M9-XQ4TD"])
    expires_at: datetime


class KeyIn(BaseModel):
    """A P-256 public key as JWK."""

    kty: Literal["EC"]
    crv: Literal["P-256"]
    x: Coordinate
    y: Coordinate


class EnrolIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    code: str = Field(min_length=4, max_length=40, examples=["7K2M9-XQ4TD"])
    device_id: UUID
    public_key: KeyIn


class EnrolOut(BaseModel):
    device_id: UUID
    label: str


class SessionIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    device_id: UUID
    stand_id: UUID


class TrustOut(BaseModel):
    """A key that papers and bundles may be signed with. `key_id`: hex, as stamps name it."""

    key_id: str
    name: str
    x: Coordinate
    y: Coordinate


class SessionOut(BaseModel):
    """`outbox_key`: base64 of 32 bytes; not given to a device that was revoked."""

    token: str
    until: datetime
    officer: str
    outbox_key: str
    trusted: list[TrustOut]


class ReportIn(BaseModel):
    """Something the app noticed about itself. There is no field a name could stand in."""

    model_config = ConfigDict(extra="forbid")

    kind: Literal["error", "sync", "storage", "start"]
    code: str = Field(pattern=r"^[A-Za-z0-9_.:-]{1,80}$", examples=["sync.cut"])
    at: AwareDatetime
    number: float | None = None
    where: str = Field("", max_length=300, pattern=r"^[\w./:@ -]*$", description="File and line of the app's own code.")


class ReportsIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    app_version: str = Field(pattern=r"^[0-9A-Za-z.+-]{1,40}$", examples=["0.2.0"])
    reports: list[ReportIn] = Field(min_length=1, max_length=MAX_REPORTS)


def enrolment_routes(
    database: Database, sealer: Sealer, signer: TokenSigner, trusted: list[Trust], about: FieldSettings
) -> APIRouter:
    router = APIRouter()

    @router.get("/field/settings", tags=["field"])
    async def settings() -> FieldSettings:
        return about

    @router.post("/devices/codes", tags=["devices"], status_code=201)
    async def make_code(order: InvitationIn, caller: Caller = only(Role.OPERATOR)) -> InvitationOut:
        """A code that lets one device in within ten minutes. It is shown now and never again."""
        async with database.work() as work:
            code, expires_at = await invite(work, label=order.label, officer=caller.subject, sealer=sealer)
        return InvitationOut(code=code, expires_at=expires_at)

    @router.post("/field/enrol", tags=["field"])
    async def enrol(order: EnrolIn) -> EnrolOut:
        """A device comes in by a code, with its public key. The same again is harmless."""
        async with database.work() as work:
            try:
                label = told(
                    await enrol_by_code(
                        order.code, DeviceId(order.device_id), order.public_key.model_dump(), work, sealer=sealer
                    )
                )
            except ValueError as error:
                raise Refused(KEY_UNREADABLE) from error
        return EnrolOut(device_id=order.device_id, label=label)

    @router.post("/field/sessions", tags=["field"], status_code=201)
    async def begin(order: SessionIn, request: Request, sent: Sent, caller: Caller = only(Role.CLERK)) -> SessionOut:
        """Begins a clerk's session with a device at a stand. Needs a proof of the device's key (DPoP).

        By a token of the city's sign-in: a session does not prolong itself.
        """
        if caller.bound_to or not sent:
            raise Refused(INVALID)
        shown = proven_key(request, sent.credentials)
        async with database.work() as work:
            session: Session = told(
                await begin_session(
                    DeviceId(order.device_id), StandId(order.stand_id), work, shown=shown, sealer=sealer
                )
            )
        return SessionOut(
            token=_bound_token(session, caller.subject, shown, signer, now=work.now),
            until=session.until,
            officer=caller.subject,
            outbox_key=base64.b64encode(session.outbox_key).decode(),
            trusted=[_trust_out(one) for one in trusted],
        )

    @router.post("/field/reports", tags=["field"], status_code=204)
    async def report(sent: ReportsIn, caller: Caller = only(Role.CLERK)) -> None:
        """What went wrong in the app while nobody could hear it, and how it fares. Nothing about people."""
        device_id, _ = at_stand(caller)
        for one in sent.reports:
            log.info(
                "field.report",
                device_id=str(device_id),
                app_version=sent.app_version,
                kind=one.kind,
                code=one.code,
                at=one.at.isoformat(),
                number=one.number,
                where=one.where,
            )

    return router


def _bound_token(session: Session, officer: str, key: str, signer: TokenSigner, *, now: datetime) -> str:
    """`key`: thumbprint of the one of which a proof must come with it."""
    caller = Caller(officer, frozenset({Role.CLERK}), session.device.id, session.stand.id, bound_to=key)
    return signer.sign(caller, audience="intake", now=now, lifetime=session.until - now)


def _trust_out(trust: Trust) -> TrustOut:
    point = ECKey.import_key(trust.pem).as_dict(private=False)
    return TrustOut(key_id=trust.key_id.hex(), name=trust.name, x=str(point["x"]), y=str(point["y"]))
