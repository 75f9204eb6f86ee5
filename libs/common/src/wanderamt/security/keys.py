"""Sealing of personal data: AES-256-GCM under a key per person, the person's id bound in as associated data.

The person's key is derived from the authority's master key (HKDF-SHA-256, RFC 5869), so every entitled service can
open what another sealed. Erasure by destroying a person's own key needs the `keys.v1` topic and comes with it.
"""

import base64
import hmac
import os
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import SecretStr

from wanderamt.kernel.sealed import Sealed
from wanderamt.security.assertions import Voucher

KEY_BYTES = 32
NONCE_BYTES = 12
_NOBODY = UUID(int=0)


class Unreadable(Exception):
    """The sealed text was changed, belongs to another person, or the key is not ours."""


class Sealer:
    """`voucher`: where this service also says in whose name registers are asked."""

    def __init__(self, master_key: SecretStr, *, voucher: Voucher | None = None) -> None:
        """`master_key`: 32 bytes, base64. Raises ValueError otherwise."""
        master = base64.b64decode(master_key.get_secret_value(), validate=True)
        if len(master) != KEY_BYTES:
            raise ValueError("the sealing key must be 32 bytes in base64: set WANDERAMT_SEALING_KEY")
        self._extracted = hmac.digest(bytes(KEY_BYTES), master, "sha256")  # first half of HKDF, the same for everybody
        self._last = _NOBODY, AESGCM(self._key(_NOBODY))
        self.voucher = voucher

    def seal(self, subject: UUID, plain: bytes) -> Sealed:
        sealed = self.seal_bytes(subject, plain)
        nonce, text = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:]
        nonce_text, sealed_text = base64.b64encode(nonce).decode(), base64.b64encode(text).decode()
        return Sealed.model_construct(subject=subject, nonce=nonce_text, text=sealed_text)  # ours: nothing to check

    def open(self, sealed: Sealed) -> bytes:
        """Raises Unreadable."""
        try:
            nonce, text = base64.b64decode(sealed.nonce), base64.b64decode(sealed.text)
        except ValueError as error:
            raise Unreadable("a sealed field is not base64") from error
        return self.open_bytes(sealed.subject, nonce + text)

    def seal_bytes(self, subject: UUID, plain: bytes) -> bytes:
        """For files, as they lie in a database: the nonce, then the text."""
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._cipher(subject).encrypt(nonce, plain, subject.bytes)

    def open_bytes(self, subject: UUID, sealed: bytes) -> bytes:
        """Raises Unreadable."""
        try:
            return self._cipher(subject).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], subject.bytes)
        except (InvalidTag, ValueError) as error:
            raise Unreadable("what was sealed cannot be opened with this key") from error

    def fingerprint(self, plain: bytes) -> bytes:
        """The same for the same text, and nobody without the key can find the text by trying (HMAC-SHA-256)."""
        return hmac.digest(self._extracted, b"wanderamt.fingerprint." + plain, "sha256")

    def _cipher(self, subject: UUID) -> AESGCM:
        """The last one is kept: the fields of a person come one after the other."""
        kept, cipher = self._last
        if kept != subject:
            cipher = AESGCM(self._key(subject))
            self._last = subject, cipher
        return cipher

    def _key(self, subject: UUID) -> bytes:
        """One block is all that a key needs: the second half of HKDF is one HMAC."""
        return hmac.digest(self._extracted, b"wanderamt.person." + subject.bytes + b"\x01", "sha256")


def new_master_key() -> str:
    return base64.b64encode(os.urandom(KEY_BYTES)).decode()
