"""A lease of numbers as its device holds it: signed, so that a server that has forgotten it takes it back (JWS)."""

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from wanderamt.kernel.ids import DeviceId, StandId

from intake.domain.numbers import Block, Series
from intake.proof.authority import Authority, Trust
from intake.proof.detached import open_text, sign_text

TYPE = "wanderamt-lease"


def sign_lease(block_id: UUID, block: Block, authority: Authority) -> str:
    said = {
        "block_id": str(block_id),
        "device_id": str(block.device_id),
        "stand_id": str(block.stand_id),
        "series": block.series,
        "year": block.year,
        "first": block.first,
        "last": block.last,
        "places": block.places,
        "leased_at": block.leased_at.isoformat(),
    }
    return sign_text(json.dumps(said).encode(), authority, {"typ": TYPE})


def read_lease(text: str, trusted: Iterable[Trust]) -> tuple[UUID, Block] | None:
    """None for what none of them has signed."""
    return next((found for trust in trusted if (found := _read(text, trust))), None)


def _read(text: str, trust: Trust) -> tuple[UUID, Block] | None:
    found = open_text(text, trust)
    if not found or found.headers().get("typ") != TYPE:
        return None
    try:
        said: dict[str, Any] = json.loads(found.payload or b"")
        return UUID(said["block_id"]), Block(
            Series(said["series"]),
            int(said["year"]),
            int(said["first"]),
            int(said["last"]),
            StandId(UUID(said["stand_id"])),
            DeviceId(UUID(said["device_id"])),
            datetime.fromisoformat(said["leased_at"]),
            places=tuple(map(int, said["places"])),
        )
    except (ValueError, KeyError, TypeError):
        return None
