"""The bundle of a stand: everything a device needs to work there without a network, signed, sized, expiring."""

import base64
import gzip
import json
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Header, Response
from pydantic import AwareDatetime, BaseModel, Field
from wanderamt.backbone.database import Database
from wanderamt.contracts import case_code
from wanderamt.kernel.ids import DeviceId
from wanderamt.security.roles import Role
from wanderamt.security.tokens import Caller
from wanderamt.shell.http import only
from wanderamt.shell.problems import Refused

from intake.api.numbers import BlockOut, block_out
from intake.api.outcome import at_stand, told
from intake.domain.catalogue.book import Book
from intake.domain.enrolment import CERTIFIED_FOR
from intake.domain.numbers import Series
from intake.domain.refusals import NOT_YOUR_STAND
from intake.handlers.bundle import Bundle, make_bundle
from intake.handlers.documents import papers_taken_back
from intake.proof.authority import Authority
from intake.proof.detached import sign_body
from intake.proof.device import certify
from intake.proof.stamp import sign_list

SIGNATURE = "X-JWS-Signature"


class BookedOut(BaseModel):
    """An appointment as the crew needs it: its code is what the citizen says."""

    appointment_id: UUID
    code: str
    service: str
    starts_at: AwareDatetime
    ends_at: AwareDatetime
    language: str


class ServiceOut(BaseModel):
    """`edition`: steps, form, papers, prices and texts in force on the stand's day, as in the catalogue."""

    service: str
    version: str
    edition: dict[str, Any]


class BundleStand(BaseModel):
    stand_id: UUID
    place: str
    starts_at: AwareDatetime
    ends_at: AwareDatetime


class BundleOut(BaseModel):
    """`sizes`: bytes of each part. `status_list`: of papers that were taken back, signed; `authority`: certificate.

    `certificate`: base64 of the device's own, with which it may stamp papers until `certified_until` (CWT); empty for a
    device that was enrolled without a key.
    """

    device_id: UUID
    stand: BundleStand
    as_of: AwareDatetime
    expires_at: AwareDatetime = Field(description="after it the device must not use the bundle any more")
    appointments: list[BookedOut]
    services: list[ServiceOut]
    number_blocks: list[BlockOut]
    status_list: str = Field(description="base64 of the signed list (CWT)")
    authority: str
    certificate: str
    certified_until: AwareDatetime | None
    sizes: dict[str, int]


def bundle_routes(database: Database, book: Book, authority: Authority) -> APIRouter:
    router = APIRouter(tags=["field"])
    described: dict[int | str, dict[str, Any]] = {
        200: {"model": BundleOut, "headers": {SIGNATURE: {"schema": {"type": "string"}, "description": "detached JWS"}}}
    }

    @router.get("/stands/{stand_id}/bundle", response_class=Response, responses=described)
    async def bundle(
        stand_id: UUID, caller: Caller = only(Role.CLERK), accept_encoding: Annotated[str, Header()] = ""
    ) -> Response:
        """For the device and the stand of the token. The head X-JWS-Signature signs exactly these bytes, unpacked."""
        device_id, own = at_stand(caller)
        if own != stand_id:
            raise Refused(NOT_YOUR_STAND)
        async with database.work() as work:
            made = told(await make_bundle(stand_id, device_id, work, book=book))
            listed = sign_list(await papers_taken_back(work), authority)
        body = _body(made, device_id, base64.b64encode(listed).decode(), authority)
        head = {SIGNATURE: sign_body(body, authority), "Cache-Control": "no-store", "Vary": "Accept-Encoding"}
        if "gzip" in accept_encoding:
            body, head["Content-Encoding"] = gzip.compress(body, 6, mtime=0), "gzip"
        return Response(body, media_type="application/json", headers=head)

    return router


def _body(made: Bundle, device_id: DeviceId, status_list: str, authority: Authority) -> bytes:
    """Keys in order, no blanks: the same bundle is the same bytes."""
    until = made.as_of + CERTIFIED_FOR if made.key else None
    out = BundleOut(
        device_id=device_id,
        stand=BundleStand(
            stand_id=made.stand.id,
            place=made.stand.place,
            starts_at=made.stand.starts_at,
            ends_at=made.stand.ends_at,
        ),
        as_of=made.as_of,
        expires_at=made.expires_at,
        appointments=[
            BookedOut(code=case_code(row["appointment_id"]), **{key: row[key] for key in _BOOKED})
            for row in made.appointments
        ],
        services=[
            ServiceOut(service=one.service, version=one.version, edition=one.edition.model_dump(mode="json"))
            for one in made.services
        ],
        number_blocks=[block_out(one, authority) for one in made.blocks],
        status_list=status_list,
        authority=authority.trust.pem,
        certificate=_certificate(made, device_id, authority, until) if until else "",
        certified_until=until,
        sizes={},
    )
    whole = out.model_dump(mode="json")
    whole["sizes"] = {part: len(_json(whole[part])) for part in _PARTS}
    return _json(whole)


def _certificate(made: Bundle, device_id: DeviceId, authority: Authority, until: datetime) -> str:
    assert made.key  # noqa: S101 -- asked for with one alone
    papers = [one.block for one in made.blocks if one.block.series is Series.DOCUMENT]
    key = made.key.public_key
    token = certify(device_id, key, papers, authority, now=made.as_of, until=until)
    return base64.b64encode(token).decode()


_BOOKED = ("appointment_id", "service", "starts_at", "ends_at", "language")
_PARTS = ("appointments", "services", "number_blocks", "status_list")


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
