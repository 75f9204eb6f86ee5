"""Field encryption: one key per person, and no decryption after a change."""

import base64

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import SecretStr
from uuid_utils.compat import uuid7
from wanderamt.security.keys import FieldCipher, UnreadableCiphertextError, generate_master_key


def test_the_key_of_a_person_is_that_of_rfc_5869() -> None:
    master, person = generate_master_key(), uuid7()
    info = b"wanderamt.person." + person.bytes
    key = HKDF(SHA256(), 32, salt=None, info=info).derive(base64.b64decode(master))
    sealed = FieldCipher(SecretStr(master)).seal(person, b"Hadzic")
    nonce, text = base64.b64decode(sealed.nonce), base64.b64decode(sealed.text)
    assert AESGCM(key).decrypt(nonce, text, person.bytes) == b"Hadzic"


def test_the_ciphertext_of_one_person_cannot_be_decrypted_for_another() -> None:
    cipher, person = FieldCipher(SecretStr(generate_master_key())), uuid7()
    sealed = cipher.seal(person, b"Hadzic")
    assert cipher.open(sealed) == b"Hadzic"
    changed = sealed.text[:-4] + ("AAAA" if sealed.text[-4:] != "AAAA" else "BBBB")
    for other in (sealed.model_copy(update={"subject": uuid7()}), sealed.model_copy(update={"text": changed})):
        with pytest.raises(UnreadableCiphertextError):
            cipher.open(other)
    with pytest.raises(UnreadableCiphertextError):
        FieldCipher(SecretStr(generate_master_key())).open(sealed)
