"""Enrolment of devices, clerks' sessions at a device, and the error reports of the crew's app."""

import base64
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import structlog
from fastapi import APIRouter, Depends, Request
from joserfc.jwk import ECKey
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from wanderamt.kernel.ids import DeviceId, StandId
from wanderamt.security.roles import Role
from wanderamt.security.tokens import INVALID, Principal, TokenSigner
from wanderamt.shell.http import BearerCredentials, Transaction, proven_key
from wanderamt.shell.problems import RefusalError, or_refuse

from intake.api.dependencies import AtStand, Clerk, Context, Operator
from intake.domain.refusals import KEY_UNREADABLE
from intake.handlers.enrolment import FieldSession, begin_session, create_enrolment_code, enrol_by_code
from intake.signing.authority import TrustedCertificate

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

router = APIRouter()


class FieldAppSettingsOut(BaseModel):
    """What the crew's app needs before a clerk has signed in."""

    authority: str
    issuer: str = Field(description="OpenID Connect issuer at which clerks sign in (code flow with PKCE).")
    client_id: str
    lock_after_s: int = Field(description="Idle seconds after which the app locks itself.")


class EnrolmentCodeIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    label: str = Field(min_length=1, max_length=100, examples=["Tablet 3"])


class EnrolmentCodeOut(BaseModel):
    code: str = Field(examples=["7K2M9-XQ4TD"])
    expires_at: datetime


class DeviceKeyIn(BaseModel):
    """A P-256 public key as JWK."""

    kty: Literal["EC"]
    crv: Literal["P-256"]
    x: Coordinate
    y: Coordinate


class EnrolDeviceIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    code: str = Field(min_length=4, max_length=40, examples=["7K2M9-XQ4TD"])
    device_id: UUID
    public_key: DeviceKeyIn


class EnrolledDeviceOut(BaseModel):
    device_id: UUID
    label: str


class FieldSessionIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    device_id: UUID
    stand_id: UUID


class TrustedKeyOut(BaseModel):
    """A key that signs documents and bundles. `key_id`: hex, as QR seals name it."""

    key_id: str
    name: str
    x: Coordinate
    y: Coordinate


class FieldSessionOut(BaseModel):
    """`outbox_key`: base64 of 32 bytes; a revoked device does not get it."""

    token: str
    until: datetime
    officer: str
    outbox_key: str
    trusted: list[TrustedKeyOut]


class AppReportIn(BaseModel):
    """Something that the app noticed about itself. No field can hold a person's name."""

    model_config = ConfigDict(extra="forbid")

    kind: Literal["error", "sync", "storage", "start"]
    code: str = Field(pattern=r"^[A-Za-z0-9_.:-]{1,80}$", examples=["sync.cut"])
    at: AwareDatetime
    number: float | None = None
    where: str = Field("", max_length=300, pattern=r"^[\w./:@ -]*$", description="File and line of the app's own code.")


class AppReportsIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    app_version: str = Field(pattern=r"^[0-9A-Za-z.+-]{1,40}$", examples=["0.2.0"])
    reports: list[AppReportIn] = Field(min_length=1, max_length=MAX_REPORTS)


@router.get("/field/settings", tags=["field"])
async def field_settings(context: Context) -> FieldAppSettingsOut:
    return FieldAppSettingsOut(
        authority=context.authority.certificate.name,
        issuer=context.field_app.sign_in_url,
        client_id=context.field_app.sign_in_client,
        lock_after_s=context.field_app.lock_after_s,
    )


@router.post("/devices/codes", tags=["devices"], status_code=201)
async def create_device_code(
    order: EnrolmentCodeIn, caller: Operator, uow: Transaction, context: Context
) -> EnrolmentCodeOut:
    """Creates a code that enrols one device within ten minutes. Only this answer shows the code."""
    code, expires_at = await create_enrolment_code(
        uow, label=order.label, officer=caller.subject, cipher=context.cipher
    )
    return EnrolmentCodeOut(code=code, expires_at=expires_at)


@router.post("/field/enrol", tags=["field"])
async def enrol_with_code(order: EnrolDeviceIn, uow: Transaction, context: Context) -> EnrolledDeviceOut:
    """Enrols a device by a code, with the device's public key. The same request again is harmless."""
    try:
        label = or_refuse(
            await enrol_by_code(
                order.code,
                DeviceId(order.device_id),
                order.public_key.model_dump(),
                uow,
                cipher=context.cipher,
            )
        )
    except ValueError as error:
        raise RefusalError(KEY_UNREADABLE) from error
    return EnrolledDeviceOut(device_id=order.device_id, label=label)


async def _shown_key(request: Request, sent: BearerCredentials, caller: Clerk) -> str:
    """Thumbprint of the device key that the request proves (DPoP). Raises RefusalError.

    Only a token of the city's sign-in counts: a session cannot prolong itself.
    """
    if caller.key_thumbprint or not sent:
        raise RefusalError(INVALID)
    return proven_key(request, sent.credentials)


@router.post("/field/sessions", tags=["field"], status_code=201)
async def begin_field_session(
    order: FieldSessionIn,
    caller: Clerk,
    key_thumbprint: Annotated[str, Depends(_shown_key)],
    uow: Transaction,
    context: Context,
) -> FieldSessionOut:
    """Begins a clerk's session with a device at a stand. Needs a proof of the device's key (DPoP).

    Only a token of the city's sign-in counts: a session cannot prolong itself.
    """
    session = or_refuse(
        await begin_session(
            DeviceId(order.device_id), StandId(order.stand_id), uow, shown=key_thumbprint, cipher=context.cipher
        )
    )
    return FieldSessionOut(
        token=_bound_token(session, caller.subject, key_thumbprint, context.token_signer, now=uow.now),
        until=session.until,
        officer=caller.subject,
        outbox_key=base64.b64encode(session.outbox_key).decode(),
        trusted=[_trusted_key_out(certificate) for certificate in context.trusted],
    )


@router.post("/field/reports", tags=["field"], status_code=204)
async def report_app_events(order: AppReportsIn, caller: AtStand) -> None:
    """Logs errors and measurements that the app collected, also while offline. Nothing about people."""
    for report in order.reports:
        log.info(
            "field.report",
            device_id=str(caller.device_id),
            app_version=order.app_version,
            kind=report.kind,
            code=report.code,
            at=report.at.isoformat(),
            number=report.number,
            where=report.where,
        )


def _bound_token(
    session: FieldSession, officer: str, key_thumbprint: str, signer: TokenSigner, *, now: datetime
) -> str:
    """A token that counts only together with a proof of the device's key."""
    device_id, stand_id = session.device.device_id, session.stand.stand_id
    principal = Principal(officer, frozenset({Role.CLERK}), device_id, stand_id, key_thumbprint=key_thumbprint)
    return signer.sign(principal, audience="intake", now=now, lifetime=session.until - now)


def _trusted_key_out(certificate: TrustedCertificate) -> TrustedKeyOut:
    point = ECKey.import_key(certificate.pem).as_dict(private=False)
    return TrustedKeyOut(key_id=certificate.key_id.hex(), name=certificate.name, x=str(point["x"]), y=str(point["y"]))
