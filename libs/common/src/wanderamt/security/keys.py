"""Encryption of personal data: AES-256-GCM with one key per person; the person's id is the associated data.

The person's key is derived from the authority's master key (HKDF-SHA-256, RFC 5869), so each entitled service can
decrypt what another service encrypted.
"""

import base64
import hmac
import os
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import SecretStr

from wanderamt.kernel.sealed import Sealed
from wanderamt.security.assertions import AssertionSigner

KEY_BYTES = 32
NONCE_BYTES = 12
_NO_SUBJECT = UUID(int=0)


class UnreadableCiphertextError(Exception):
    """The ciphertext was changed, belongs to another person, or was encrypted with another key."""


class FieldCipher:
    """Encrypts and decrypts fields. `assertion_signer`: set in services that ask registers on behalf of officers."""

    def __init__(self, master_key: SecretStr, *, assertion_signer: AssertionSigner | None = None) -> None:
        """`master_key`: 32 bytes, base64. Raises ValueError otherwise."""
        master = base64.b64decode(master_key.get_secret_value(), validate=True)
        if len(master) != KEY_BYTES:
            raise ValueError("the encryption key must be 32 bytes in base64: set WANDERAMT_ENCRYPTION_KEY")
        # the extract step of HKDF, the same for all persons
        self._extracted = hmac.digest(bytes(KEY_BYTES), master, "sha256")
        self._expand = hmac.new(self._extracted, digestmod="sha256")
        self._last = _NO_SUBJECT, AESGCM(self._key(_NO_SUBJECT))
        self.assertion_signer = assertion_signer

    def seal(self, subject: UUID, plain: bytes) -> Sealed:
        nonce, text = self._encrypt(subject, plain)
        return Sealed(subject=subject, nonce=base64.b64encode(nonce).decode(), text=base64.b64encode(text).decode())

    def open(self, sealed: Sealed) -> bytes:
        """Raises UnreadableCiphertextError."""
        try:
            nonce, text = base64.b64decode(sealed.nonce), base64.b64decode(sealed.text)
        except ValueError as error:
            raise UnreadableCiphertextError("a sealed field is not base64") from error
        return self.open_bytes(sealed.subject, nonce + text)

    def seal_bytes(self, subject: UUID, plain: bytes) -> bytes:
        """For binary columns: the nonce, then the ciphertext."""
        nonce, text = self._encrypt(subject, plain)
        return nonce + text

    def open_bytes(self, subject: UUID, sealed: bytes) -> bytes:
        """Raises UnreadableCiphertextError."""
        try:
            return self._cipher(subject).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], subject.bytes)
        except (InvalidTag, ValueError) as error:
            raise UnreadableCiphertextError("the ciphertext cannot be decrypted with this key") from error

    def keyed_hash(self, plain: bytes) -> bytes:
        """HMAC-SHA-256: equal for equal input; without the key nobody can find the input by trying candidates."""
        return hmac.digest(self._extracted, b"wanderamt.fingerprint." + plain, "sha256")

    def _encrypt(self, subject: UUID, plain: bytes) -> tuple[bytes, bytes]:
        """(nonce, ciphertext)."""
        nonce = os.urandom(NONCE_BYTES)
        return nonce, self._cipher(subject).encrypt(nonce, plain, subject.bytes)

    def _cipher(self, subject: UUID) -> AESGCM:
        """Caches the last cipher: the fields of one person are usually processed one after the other."""
        last_subject, cipher = self._last
        if last_subject != subject:
            cipher = AESGCM(self._key(subject))
            self._last = subject, cipher
        return cipher

    def _key(self, subject: UUID) -> bytes:
        """The expand step of HKDF: a key needs one block, so it is one HMAC."""
        mac = self._expand.copy()  # half the time of a new one
        mac.update(b"wanderamt.person." + subject.bytes + b"\x01")
        return mac.digest()


def generate_master_key() -> str:
    return base64.b64encode(os.urandom(KEY_BYTES)).decode()
