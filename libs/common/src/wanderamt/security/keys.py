"""Encryption of personal data: AES-256-GCM with one key per person; the person's id is the associated data, and for
binary columns also what the bytes are.

The person's key is derived from the master key (HKDF-SHA-256, RFC 5869), so each entitled service can decrypt what
another service encrypted. The code of the authority is part of the derivation: services of another authority that hold
the same master key read nothing. What earlier releases encrypted, without it, stays readable.
"""

import base64
import binascii
import hmac
import os
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import SecretStr

from wanderamt.kernel.sealed import Sealed
from wanderamt.security.assertions import AssertionSigner
from wanderamt.security.keyed_hash import KeyedHash

KEY_BYTES = 32
NONCE_BYTES = 12
UNSCOPED = b"wanderamt.person."  # before the person's id, in keys of earlier releases
LAST_BLOCK = b"\x01"
_NO_SUBJECT = UUID(int=0)


class UnreadableCiphertextError(Exception):
    """The ciphertext was changed, belongs to another person or place, or was encrypted with another key.

    `subject`, `purpose`: whose it should be, and what.
    """

    def __init__(self, reason: str, subject: UUID, purpose: str = "field") -> None:
        super().__init__(reason)
        self.subject = subject
        self.purpose = purpose


class FieldCipher:
    """Encrypts and decrypts fields. `assertion_signer`: set in intake and the registry bridge, see `assertions`."""

    def __init__(
        self, master_key: SecretStr, *, authority: str = "", assertion_signer: AssertionSigner | None = None
    ) -> None:
        """`master_key`: 32 bytes, base64. Raises ValueError otherwise. `authority`: code of whose data it is."""
        master = base64.b64decode(master_key.get_secret_value(), validate=True)
        if len(master) != KEY_BYTES:
            raise ValueError("the encryption key must be 32 bytes in base64: set WANDERAMT_ENCRYPTION_KEY")
        # the extract step of HKDF, the same for all persons
        extracted = hmac.digest(bytes(KEY_BYTES), master, "sha256")
        self._expand = KeyedHash(extracted)
        self._scope = UNSCOPED + (authority.encode() + b"." if authority else b"")
        self._last = _NO_SUBJECT, AESGCM(self._key(_NO_SUBJECT.bytes)), _NO_SUBJECT.bytes
        self.assertion_signer = assertion_signer

    def seal(self, subject: UUID, plain: bytes) -> Sealed:
        nonce, text = self._encrypt(subject, plain)
        return Sealed(subject=subject, nonce=_base64(nonce), text=_base64(text))

    def open(self, sealed: Sealed) -> bytes:
        """Raises UnreadableCiphertextError."""
        try:
            nonce, text = base64.b64decode(sealed.nonce), base64.b64decode(sealed.text)
        except ValueError as error:
            raise UnreadableCiphertextError("a sealed field is not base64", sealed.subject) from error
        return self._decrypt(sealed.subject, nonce, text)

    def seal_bytes(self, subject: UUID, plain: bytes, *, purpose: str) -> bytes:
        """For binary columns: the nonce, then the ciphertext.

        `purpose`: what these bytes are, with the id of their row, such as `document.pdf:ID`. They open only as that:
        no ciphertext of a person can stand in another row or column.
        """
        nonce, text = self._encrypt(subject, plain, purpose)
        return nonce + text

    def open_bytes(self, subject: UUID, sealed: bytes, *, purpose: str) -> bytes:
        """Raises UnreadableCiphertextError."""
        return self._decrypt(subject, sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], purpose)

    def keyed_hash(self, plain: bytes) -> bytes:
        """HMAC-SHA-256: equal for equal input; without the key nobody can find the input by trying candidates."""
        return self._expand.digest(b"wanderamt.fingerprint." + plain)

    def _encrypt(self, subject: UUID, plain: bytes, purpose: str = "") -> tuple[bytes, bytes]:
        """(nonce, ciphertext)."""
        nonce = os.urandom(NONCE_BYTES)
        cipher, data = self._cipher(subject)
        return nonce, cipher.encrypt(nonce, plain, data + purpose.encode() if purpose else data)

    def _decrypt(self, subject: UUID, nonce: bytes, text: bytes, purpose: str = "") -> bytes:
        cipher, data = self._cipher(subject)
        try:
            return cipher.decrypt(nonce, text, data + purpose.encode())
        except (InvalidTag, ValueError):
            earlier = AESGCM(self._expand.digest(UNSCOPED + data + LAST_BLOCK))
        try:
            return earlier.decrypt(nonce, text, data + purpose.encode())
        except (InvalidTag, ValueError) as error:
            reason = "the ciphertext cannot be decrypted with this key"
            raise UnreadableCiphertextError(reason, subject, purpose or "field") from error

    def _cipher(self, subject: UUID) -> tuple[AESGCM, bytes]:
        """The person's cipher, and the person's id as associated data.

        Caches the last one: the fields of one person are usually processed one after the other.
        """
        last_subject, cipher, data = self._last
        if last_subject is not subject and last_subject != subject:
            data = subject.bytes
            cipher = AESGCM(self._key(data))
            self._last = subject, cipher, data
        return cipher, data

    def _key(self, subject: bytes) -> bytes:
        """The expand step of HKDF: a key needs one block, so it is one HMAC."""
        return self._expand.digest(self._scope + subject + LAST_BLOCK)


def _base64(plain: bytes) -> str:
    return binascii.b2a_base64(plain, newline=False).decode()


def generate_master_key() -> str:
    return base64.b64encode(os.urandom(KEY_BYTES)).decode()
