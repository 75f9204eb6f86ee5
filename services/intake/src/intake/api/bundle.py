"""The bundle of a stand: everything a device needs to work there without a network. Signed, sized, with an expiry."""

import base64
import gzip
import json
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Header, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from service_catalogue.authority import Letterhead
from service_catalogue.models import Titles
from service_catalogue.streets import StreetRegister
from wanderamt.contracts import case_code
from wanderamt.kernel.ids import DeviceId
from wanderamt.shell.problems import or_refuse

from intake.api.dependencies import BundleReader, Context
from intake.api.numbers import NumberBlockOut, number_block_out
from intake.domain.enrolment import CERTIFICATE_VALIDITY
from intake.domain.numbers import NumberSeries
from intake.handlers.bundle import OfflineBundle, build_bundle
from intake.handlers.documents import revoked_documents
from intake.signing.authority import Authority
from intake.signing.detached_jws import sign_detached
from intake.signing.device import certify
from intake.signing.qr_seal import sign_status_list

SIGNATURE = "X-JWS-Signature"

router = APIRouter(tags=["field"])


class BundleAppointmentOut(BaseModel):
    """An appointment as the crew needs it. The citizen names it by its code."""

    appointment_id: UUID
    code: str
    service: str
    starts_at: AwareDatetime
    ends_at: AwareDatetime
    language: str


class BundleServiceOut(BaseModel):
    """`edition`: steps, form, required documents, prices and texts in force on the stand's day, as in the catalogue."""

    service: str
    version: str
    edition: dict[str, Any]


class BundleStandOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    stand_id: UUID
    place: str
    starts_at: AwareDatetime
    ends_at: AwareDatetime


class LetterheadOut(BaseModel):
    """The head of the papers that the stand prints. `arms`: SVG. `verify_at`: where everybody can check a paper."""

    code: str
    name: Titles
    department: Titles
    street: str
    postal_code: str
    place: str
    phone: str
    email: str
    web: str
    verify_at: str
    head: Titles
    arms: str


class BundleStreetsOut(BaseModel):
    """From which addresses in this municipality are chosen: name, postal code and district of each street."""

    country: str
    municipality: str
    streets: list[tuple[str, str, int]] = Field(examples=[[("Hauptplatz", "4020", 1)]])


class BundleOut(BaseModel):
    """`sizes`: bytes of each part. `status_list`: the revoked documents, signed. `authority`: its certificate (PEM).

    `certificate`: base64 of the device's own certificate (CWT), with which it may seal documents until
    `certified_until`; empty for a device that was enrolled without a key.
    """

    device_id: UUID
    stand: BundleStandOut
    as_of: AwareDatetime
    expires_at: AwareDatetime = Field(description="After this time the device must not use the bundle.")
    appointments: list[BundleAppointmentOut]
    services: list[BundleServiceOut]
    number_blocks: list[NumberBlockOut]
    letterhead: LetterheadOut
    streets: BundleStreetsOut | None = Field(
        description="None: the city has no street register.",
        examples=[{"country": "AT", "municipality": "Wien", "streets": [["Graben", "1010", 1]]}],
    )
    status_list: str = Field(description="base64 of the signed list (CWT)")
    authority: str
    certificate: str
    certified_until: AwareDatetime | None
    sizes: dict[str, int]


RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"model": BundleOut, "headers": {SIGNATURE: {"schema": {"type": "string"}, "description": "detached JWS"}}}
}


@router.get("/stands/{stand_id}/bundle", response_class=Response, responses=RESPONSES)
async def download_bundle(
    stand_id: UUID,
    caller: BundleReader,
    context: Context,
    accept_encoding: Annotated[str, Header(max_length=1000)] = "",
) -> Response:
    """For the device and the stand of the token. The header X-JWS-Signature signs exactly these bytes, uncompressed."""
    authority = context.authority
    # its own transaction: no connection is held while the bundle is signed and compressed
    async with context.database.unit_of_work() as uow:
        bundle = or_refuse(await build_bundle(stand_id, caller.device_id, uow, catalogue=context.catalogue))
        revoked = await revoked_documents(uow)
    status_list = sign_status_list(revoked, authority)
    packed_list = base64.b64encode(status_list).decode()
    body = _body(
        bundle,
        caller.device_id,
        packed_list,
        authority=authority,
        letterhead=context.letterhead,
        streets=context.catalogue.streets,
    )
    headers = {SIGNATURE: sign_detached(body, authority), "Vary": "Accept-Encoding"}
    if "gzip" in accept_encoding:
        body, headers["Content-Encoding"] = gzip.compress(body, 6, mtime=0), "gzip"
    return Response(body, media_type="application/json", headers=headers)


def _body(
    bundle: OfflineBundle,
    device_id: DeviceId,
    status_list: str,
    *,
    authority: Authority,
    letterhead: Letterhead,
    streets: StreetRegister | None,
) -> bytes:
    """Sorted keys and no spaces: the same bundle gives the same bytes."""
    until = bundle.as_of + CERTIFICATE_VALIDITY if bundle.key else None
    out = BundleOut(
        device_id=device_id,
        stand=BundleStandOut.model_validate(bundle.stand),
        as_of=bundle.as_of,
        expires_at=bundle.expires_at,
        appointments=[
            BundleAppointmentOut(code=case_code(appointment.appointment_id), **asdict(appointment))
            for appointment in bundle.appointments
        ],
        services=[
            BundleServiceOut(
                service=pinned.service,
                version=pinned.version,
                edition=pinned.edition.model_dump(mode="json", by_alias=True),
            )
            for pinned in bundle.services
        ],
        number_blocks=[number_block_out(leased, authority) for leased in bundle.blocks],
        letterhead=LetterheadOut(**letterhead.profile.model_dump() | {"arms": letterhead.arms}),
        streets=_streets(streets) if streets else None,
        status_list=status_list,
        authority=authority.certificate.pem,
        certificate=_certificate(bundle, device_id, authority, until) if until else "",
        certified_until=until,
        sizes={},
    )
    content = out.model_dump(mode="json")
    content["sizes"] = {part: len(_json(content[part])) for part in _PARTS}
    return _json(content)


def _streets(register: StreetRegister) -> BundleStreetsOut:
    streets = [(street.name, street.postal_code, street.district) for street in register.streets]
    return BundleStreetsOut(country=register.country, municipality=register.municipality, streets=streets)


def _certificate(bundle: OfflineBundle, device_id: DeviceId, authority: Authority, until: datetime) -> str:
    assert bundle.key  # noqa: S101 -- the caller has checked it
    blocks = [leased.block for leased in bundle.blocks if leased.block.series is NumberSeries.DOCUMENT]
    key = bundle.key.public_key
    token = certify(device_id, key, blocks, authority, now=bundle.as_of, expires_at=until)
    return base64.b64encode(token).decode()


_PARTS = ("appointments", "services", "number_blocks", "letterhead", "streets", "status_list")


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
