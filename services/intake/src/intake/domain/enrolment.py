"""How a device comes to be known: a code that an operator made lets it in, once, with a key that never leaves it.

Kept true: a code is used by one device; a device that has a key is spoken to by the holder of that key alone.
"""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from joserfc.jwk import ECKey
from wanderamt.kernel.ids import DeviceId
from wanderamt.kernel.refusal import Refusal
from wanderamt.security.proofs import public_key

from intake.domain.refusals import CODE_UNKNOWN, CODE_USED, NOT_ENROLLED, OTHER_KEY

CODE_FOR: Final = timedelta(minutes=10)
CODE_SIGNS: Final = 10
ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's: no I, L, O, U
CERTIFIED_FOR: Final = timedelta(hours=24)
SESSION_FOR: Final = timedelta(hours=12)


@dataclass(frozen=True, slots=True)
class Invitation:
    """`device_id`: of the device that used it."""

    label: str
    expires_at: datetime
    device_id: DeviceId | None = None


@dataclass(frozen=True, slots=True)
class DeviceKey:
    """`public_key`: a JWK with sorted names, as text; None for a device that was enrolled by hand."""

    id: DeviceId
    label: str
    public_key: str | None
    revoked: bool


def code_from(chance: bytes) -> str:
    """Fifty bits, such as 7K2M9-XQ4TD. `chance`: seven bytes that nobody can guess."""
    number = int.from_bytes(chance[:7])
    signs = "".join(ALPHABET[number >> 5 * place & 31] for place in range(CODE_SIGNS))
    return f"{signs[:5]}-{signs[5:]}"


def read_code(text: str) -> str:
    """As it is kept: what people confuse is made one."""
    plain = "".join(sign for sign in text.upper() if sign.isalnum())
    return plain.translate(str.maketrans("OIL", "011"))


def let_in(
    invitation: Invitation | None, device_id: DeviceId, *, known: DeviceKey | None, key: str, now: datetime
) -> Refusal | None:
    """The same device with the same key again is let in again: a lost answer costs no code."""
    if not invitation:
        return CODE_UNKNOWN
    if invitation.device_id == device_id and known and known.public_key == key:
        return None
    if invitation.device_id:
        return CODE_USED
    if invitation.expires_at <= now:
        return CODE_UNKNOWN
    return OTHER_KEY if known and known.public_key not in {None, key} else None


def may_begin(device: DeviceKey | None, *, shown: str) -> Refusal | None:
    """A session, for the holder of the key alone. `shown`: thumbprint of the key of which there was a proof."""
    if not device or device.revoked or not device.public_key:
        return NOT_ENROLLED
    return None if key_of(device).thumbprint() == shown else OTHER_KEY


def key_of(device: DeviceKey) -> ECKey:
    """Raises ValueError for a device without."""
    return public_key(json.loads(device.public_key or "{}"))


def written(jwk: dict[str, Any]) -> str:
    """The same key is always the same text. Raises ValueError for what is no key."""
    said = public_key(jwk).as_dict(private=False)
    return json.dumps({name: said[name] for name in ("crv", "kty", "x", "y")})
