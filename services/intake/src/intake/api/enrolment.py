"""Enrolment of devices, clerks' sessions at a device, and the error reports of the crew's app."""

import base64
from datetime import datetime
from typing import Annotated, Literal, Self
from uuid import UUID

import structlog
from fastapi import APIRouter, Depends, Request
from joserfc.jwk import ECKey
from pydantic import BaseModel, ConfigDict, Field, model_validator
from wanderamt.kernel.bounded import MAX_JSON_INT, ClockTime
from wanderamt.kernel.ids import DeviceId, StandId
from wanderamt.kernel.line_text import LineText
from wanderamt.security.policy import Action
from wanderamt.security.roles import Role
from wanderamt.security.tokens import INVALID, Principal
from wanderamt.shell.access import PublicAction, name_subject
from wanderamt.shell.client_address import ClientNetwork
from wanderamt.shell.http import BearerCredentials, Transaction, read_proof, use_proof
from wanderamt.shell.problems import RefusalError, or_refuse

from intake.api.dependencies import AppReporter, Context, DeviceEnroller, SessionBeginner
from intake.domain.app_report import OTHER_CODE, is_app_code, is_in_app
from intake.domain.refusals import KEY_UNREADABLE
from intake.handlers.enrolment import FieldSession, begin_session, create_enrolment_code, enrol_by_code
from intake.signing.authority import TrustedCertificate

MAX_REPORTS = 100
Coordinate = Annotated[
    str,
    Field(
        max_length=43,
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
    """A code for a new device, with its label; or, with `device_id`, for a known device that gets a new key."""

    model_config = ConfigDict(extra="forbid")

    label: LineText = Field(
        "", max_length=100, examples=["Tablet 3"], description="Of a known device: empty keeps its label."
    )
    device_id: UUID | None = Field(
        None, examples=[None], description="A known device. The code enrols no other, and replaces its key."
    )

    @model_validator(mode="after")
    def _has_a_label(self) -> Self:
        if not self.label.strip() and not self.device_id:
            raise ValueError("a new device needs a label")
        return self


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
    services: list[Literal["registry-bridge"]] = Field(
        [], max_length=1, description="Other services that the device will call at this stand."
    )


class TrustedKeyOut(BaseModel):
    """A key that signs documents and bundles. `key_id`: hex, as QR seals name it."""

    key_id: str
    name: str
    x: Coordinate
    y: Coordinate


class FieldSessionOut(BaseModel):
    """`outbox_key`: base64 of 32 bytes; a revoked device does not get it. `tokens`: for the other services, by name."""

    token: str
    tokens: dict[str, str] = {}
    until: datetime
    officer: str
    outbox_key: str
    trusted: list[TrustedKeyOut]


class AppReportIn(BaseModel):
    """Something that the app noticed about itself. What is no code, or no place in its own files, is not logged."""

    model_config = ConfigDict(extra="forbid")

    kind: Literal["error", "sync", "storage", "start"]
    code: str = Field(max_length=80, pattern=r"^[A-Za-z0-9_.:-]{1,80}$", examples=["sync.cut"])
    at: ClockTime
    number: float | None = Field(None, ge=-MAX_JSON_INT, le=MAX_JSON_INT)
    where: str = Field(
        "", max_length=300, pattern=r"^[A-Za-z0-9_./:@ -]*$", description="Files and lines of the app's own code."
    )


class AppReportsIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    app_version: str = Field(max_length=40, pattern=r"^[0-9A-Za-z.+-]{1,40}$", examples=["0.2.0"])
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
    order: EnrolmentCodeIn, caller: DeviceEnroller, uow: Transaction, context: Context
) -> EnrolmentCodeOut:
    """Creates a code that enrols one device within ten minutes. Only this answer shows the code.

    Without `device_id` the code enrols a device that is not known yet, and touches no other.
    """
    code, expires_at = or_refuse(
        await create_enrolment_code(
            uow,
            label=order.label,
            officer=caller.subject,
            cipher=context.cipher,
            device_id=DeviceId(order.device_id) if order.device_id else None,
        )
    )
    return EnrolmentCodeOut(code=code, expires_at=expires_at)


@router.post("/field/enrol", tags=["field"], dependencies=[Depends(PublicAction(Action.ENROL_DEVICE))])
async def enrol_with_code(order: EnrolDeviceIn, network: ClientNetwork, context: Context) -> EnrolledDeviceOut:
    """Enrols a device by a code, with the device's public key. The same request again is harmless.

    A code that was made for a device replaces the key of that device; its sessions with the old key are over.
    """
    try:
        async with context.database.unit_of_work() as uow:
            label = await enrol_by_code(
                order.code,
                DeviceId(order.device_id),
                order.public_key.model_dump(),
                uow,
                network=network,
                cipher=context.cipher,
            )
    except ValueError as error:
        raise RefusalError(KEY_UNREADABLE) from error
    # refused after the commit: wrong codes must count
    return EnrolledDeviceOut(device_id=order.device_id, label=or_refuse(label))


async def _proven_key(request: Request, sent: BearerCredentials, caller: SessionBeginner) -> str:
    """Thumbprint of the device key that the request proves (DPoP). Raises RefusalError.

    Only a token of the city's sign-in counts: a session cannot prolong itself.
    """
    if caller.key_thumbprint or not sent:
        raise RefusalError(INVALID)
    proof = read_proof(request, sent.credentials)
    await use_proof(request, proof)
    return proof.thumbprint


@router.post("/field/sessions", tags=["field"], status_code=201)
async def begin_field_session(
    order: FieldSessionIn,
    request: Request,
    caller: SessionBeginner,
    key_thumbprint: Annotated[str, Depends(_proven_key)],
    uow: Transaction,
    context: Context,
) -> FieldSessionOut:
    """Begins a clerk's session with a device at a stand. Needs a proof of the device's key (DPoP).

    Only a token of the city's sign-in counts: a session cannot prolong itself.
    """
    name_subject(request, str(order.device_id))  # of a refusal
    session = or_refuse(
        await begin_session(
            DeviceId(order.device_id),
            StandId(order.stand_id),
            uow,
            officer=caller.subject,
            shown=key_thumbprint,
            cipher=context.cipher,
        )
    )
    principal = _bound_principal(session, caller.subject, key_thumbprint)

    def token_for(service: str) -> str:
        lifetime = session.until - uow.now
        return context.token_signer.sign(principal, audience=service, now=uow.now, lifetime=lifetime)

    return FieldSessionOut(
        token=token_for("intake"),
        tokens={service: token_for(service) for service in order.services},
        until=session.until,
        officer=caller.subject,
        outbox_key=base64.b64encode(session.outbox_key).decode(),
        trusted=[_trusted_key_out(certificate) for certificate in context.trusted],
    )


@router.post("/field/reports", tags=["field"], status_code=204)
async def report_app_events(order: AppReportsIn, caller: AppReporter) -> None:
    """Logs errors and measurements that the app collected, also while offline. Nothing about people: of a text that
    could be one that somebody typed, only that there was one."""
    for report in order.reports:
        log.info(
            "field.report",
            device_id=str(caller.device_id),
            app_version=order.app_version,
            kind=report.kind,
            code=report.code if is_app_code(report.code) else OTHER_CODE,
            at=report.at.isoformat(),
            number=report.number,
            where=report.where if is_in_app(report.where) else "",
        )


def _bound_principal(session: FieldSession, officer: str, key_thumbprint: str) -> Principal:
    """For tokens that count only together with a proof of the device's key."""
    device_id, stand_id = session.device.device_id, session.stand.stand_id
    roles = frozenset({Role.CLERK})
    return Principal(officer, roles, device_id, stand_id, key_thumbprint, session.session_id)


def _trusted_key_out(certificate: TrustedCertificate) -> TrustedKeyOut:
    point = ECKey.import_key(certificate.pem).as_dict(private=False)
    return TrustedKeyOut(key_id=certificate.key_id.hex(), name=certificate.name, x=str(point["x"]), y=str(point["y"]))
