"""Enrolment of devices: an operator's code enrols one device, with a key pair that never leaves the device.

Invariants: one device uses a code. A code for a new device never touches a device that is known, with or without a key;
a code made for a device replaces the key of that device and of no other. Only the holder of a device's present key gets
a session for it.
"""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from joserfc.jwk import ECKey
from wanderamt.kernel.ids import DeviceId
from wanderamt.kernel.refusal import Refusal
from wanderamt.security.dpop import public_key
from wanderamt.security.policy import NOT_ENROLLED

from intake.domain.refusals import CODE_UNKNOWN, CODE_USED, DEVICE_KNOWN, OTHER_DEVICE, OTHER_KEY

CODE_VALIDITY: Final = timedelta(minutes=10)
CODE_LENGTH: Final = 10
ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's: no I, L, O, U
CERTIFICATE_VALIDITY: Final = timedelta(hours=24)
SESSION_DURATION: Final = timedelta(hours=12)


@dataclass(frozen=True, slots=True)
class EnrolmentCode:
    """`label`, `made_by`: of the device that it enrols, and the officer who made it. `made_for`: the one device whose
    key it replaces; None: a device that is not known yet. `used_by`: the device that used the code, None before."""

    label: str
    made_by: str
    expires_at: datetime
    made_for: DeviceId | None = None
    used_by: DeviceId | None = None


@dataclass(frozen=True, slots=True)
class DeviceKey:
    """`public_key`: a canonical JWK as text; None for a device that an operator enrolled without a code."""

    device_id: DeviceId
    label: str
    public_key: str | None
    revoked: bool


@dataclass(frozen=True, slots=True)
class DeviceListing:
    """`clock_off_s`: seconds that its clock was ahead at its last request, None if unknown; never decides an order."""

    device_id: DeviceId
    label: str
    enrolled_at: datetime
    revoked_at: datetime | None
    durable_through: int
    clock_off_s: int | None
    heard_at: datetime | None


def format_code(random_bytes: bytes) -> str:
    """A code of 50 bits, such as 7K2M9-XQ4TD. `random_bytes`: seven bytes from a secure source."""
    number = int.from_bytes(random_bytes[:7])
    characters = "".join(ALPHABET[number >> 5 * place & 31] for place in range(CODE_LENGTH))
    return f"{characters[:5]}-{characters[5:]}"


def normalize_code(text: str) -> str:
    """The stored form of a code: upper case, no separators, O read as 0, I and L as 1."""
    plain = "".join(character for character in text.upper() if character.isalnum())
    return plain.translate(str.maketrans("OIL", "011"))


def check_enrolment(
    code: EnrolmentCode | None, device_id: DeviceId, *, known: DeviceKey | None, now: datetime
) -> Refusal | None:
    """Whether the code may enrol this device now."""
    if not code:
        return CODE_UNKNOWN
    if code.used_by:
        return CODE_USED
    if code.expires_at <= now:
        return CODE_UNKNOWN
    if code.made_for:
        return None if code.made_for == device_id else OTHER_DEVICE
    return DEVICE_KNOWN if known else None


def is_enrolled_by(code: EnrolmentCode | None, device_id: DeviceId, *, known: DeviceKey | None, key: str) -> bool:
    """Whether this code has enrolled this device with this key before: a repeated request, because an answer was lost.
    It changes nothing; above all, it does not enrol a device again that was revoked since."""
    return bool(code and known and code.used_by == device_id and known.public_key == key and not known.revoked)


def check_session(device: DeviceKey | None, *, shown: str) -> Refusal | None:
    """Whether a device may get a session. `key_thumbprint`: of the key that the request proved to hold (DPoP)."""
    if not device or device.revoked or not device.public_key:
        return NOT_ENROLLED
    return None if device_public_key(device).thumbprint() == shown else OTHER_KEY


def thumbprint_of(public_key_text: str) -> str:
    """RFC 7638, as the `cnf` of a session names the key. `public_key_text`: a canonical JWK."""
    return str(public_key(json.loads(public_key_text)).thumbprint())


def device_public_key(device: DeviceKey) -> ECKey:
    """Raises ValueError for a device without a key."""
    return public_key(json.loads(device.public_key or "{}"))


def canonical_jwk(jwk: dict[str, Any]) -> str:
    """A P-256 public key as JWK text with sorted names. Raises ValueError if `jwk` is no such key."""
    members = public_key(jwk).as_dict(private=False)
    return json.dumps({name: members[name] for name in ("crv", "kty", "x", "y")})
