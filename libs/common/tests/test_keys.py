"""Sealing: under the key of one person, opened by whoever has the master key, by nobody after a change."""

import base64

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import SecretStr
from uuid_utils.compat import uuid7
from wanderamt.security.keys import Sealer, Unreadable, new_master_key


def test_the_key_of_a_person_is_that_of_rfc_5869() -> None:
    master, person = new_master_key(), uuid7()
    info = b"wanderamt.person." + person.bytes
    key = HKDF(SHA256(), 32, salt=None, info=info).derive(base64.b64decode(master))
    sealed = Sealer(SecretStr(master)).seal(person, b"Hadzic")
    nonce, text = base64.b64decode(sealed.nonce), base64.b64decode(sealed.text)
    assert AESGCM(key).decrypt(nonce, text, person.bytes) == b"Hadzic"


def test_what_was_sealed_for_one_person_is_no_text_of_another() -> None:
    sealer, person = Sealer(SecretStr(new_master_key())), uuid7()
    sealed = sealer.seal(person, b"Hadzic")
    assert sealer.open(sealed) == b"Hadzic"
    changed = sealed.text[:-4] + ("AAAA" if sealed.text[-4:] != "AAAA" else "BBBB")
    for other in (sealed.model_copy(update={"subject": uuid7()}), sealed.model_copy(update={"text": changed})):
        with pytest.raises(Unreadable):
            sealer.open(other)
    with pytest.raises(Unreadable):
        Sealer(SecretStr(new_master_key())).open(sealed)
