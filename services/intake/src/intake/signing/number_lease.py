"""Signed number leases (JWS), kept by the device: after a database restore they bring back the lost leases."""

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from wanderamt.kernel.ids import DeviceId, StandId

from intake.domain.numbers import NumberBlock, NumberSeries
from intake.signing.authority import Authority, TrustedCertificate
from intake.signing.detached_jws import sign_compact, verify_compact

TYPE = "wanderamt-lease"


def sign_lease(block_id: UUID, block: NumberBlock, authority: Authority) -> str:
    lease = {
        "block_id": str(block_id),
        "device_id": str(block.device_id),
        "stand_id": str(block.stand_id),
        "series": block.series,
        "year": block.year,
        "first": block.first,
        "last": block.last,
        "status_list_indexes": block.status_list_indexes,
        "leased_at": block.leased_at.isoformat(),
    }
    return sign_compact(json.dumps(lease).encode(), authority, {"typ": TYPE})


def verify_lease(text: str, trusted: Iterable[TrustedCertificate]) -> tuple[UUID, NumberBlock] | None:
    """The block and its id; None if none of the trusted authorities signed `text`."""
    return next((lease for certificate in trusted if (lease := _parse(text, certificate))), None)


def _parse(text: str, certificate: TrustedCertificate) -> tuple[UUID, NumberBlock] | None:
    token = verify_compact(text, certificate)
    if not token or token.headers().get("typ") != TYPE:
        return None
    try:
        lease: dict[str, Any] = json.loads(token.payload or b"")
        return UUID(lease["block_id"]), NumberBlock(
            NumberSeries(lease["series"]),
            int(lease["year"]),
            int(lease["first"]),
            int(lease["last"]),
            StandId(UUID(lease["stand_id"])),
            DeviceId(UUID(lease["device_id"])),
            datetime.fromisoformat(lease["leased_at"]),
            status_list_indexes=tuple(map(int, lease["status_list_indexes"])),
        )
    except (ValueError, KeyError, TypeError):
        return None
