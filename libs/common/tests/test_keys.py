"""Field encryption: one key per person, and no decryption after a change; hashes that tell nobody a name."""

import base64
import hmac

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from uuid_utils.compat import uuid7
from wanderamt.security.assertions import AssertionSigner, Person
from wanderamt.security.keyed_hash import BLOCK_BYTES, KeyedHash
from wanderamt.security.keys import FieldCipher, UnreadableCiphertextError, generate_master_key


def test_the_key_of_a_person_is_that_of_rfc_5869() -> None:
    master, person = generate_master_key(), uuid7()
    info = b"wanderamt.person." + person.bytes
    key = HKDF(SHA256(), 32, salt=None, info=info).derive(base64.b64decode(master))
    sealed = FieldCipher(SecretStr(master)).seal(person, b"Hadzic")
    nonce, text = base64.b64decode(sealed.nonce), base64.b64decode(sealed.text)
    assert AESGCM(key).decrypt(nonce, text, person.bytes) == b"Hadzic"


def test_the_authority_is_part_of_the_key_and_what_was_encrypted_before_stays_readable() -> None:
    master, person = SecretStr(generate_master_key()), uuid7()
    linz, wels = FieldCipher(master, authority="at-linz"), FieldCipher(master, authority="at-wels")
    earlier = FieldCipher(master)
    assert linz.open(linz.seal(person, b"Hadzic")) == b"Hadzic"
    assert linz.open(earlier.seal(person, b"Hadzic")) == b"Hadzic"
    stored = earlier.seal_bytes(person, b"%PDF", purpose="document.pdf:1")
    assert linz.open_bytes(person, stored, purpose="document.pdf:1") == b"%PDF"
    for other in (wels, earlier):
        with pytest.raises(UnreadableCiphertextError):
            other.open(linz.seal(person, b"Hadzic"))


@given(st.binary(max_size=BLOCK_BYTES), st.binary(max_size=1000))
def test_a_keyed_hash_is_that_of_rfc_2104(key: bytes, message: bytes) -> None:
    keyed = KeyedHash(key)
    for _ in range(2):
        assert keyed.digest(message) == hmac.digest(key, message, "sha256")


def test_a_key_longer_than_a_block_is_refused() -> None:
    with pytest.raises(ValueError, match="64 bytes"):
        KeyedHash(bytes(BLOCK_BYTES + 1))


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


def test_the_hash_of_an_applicant_tells_neither_a_name_nor_which_cases_are_of_one_person() -> None:
    signer, other = AssertionSigner(SecretStr(generate_master_key())), AssertionSigner(SecretStr(generate_master_key()))
    case_id, person = uuid7(), Person("Zoë", "Hadžić", "1990-04-01")
    hash_ = signer.hash_applicant(case_id, person)
    assert signer.hash_applicant(case_id, Person("ZOE\u0308", " hadžić ", "1990-04-01")) == hash_
    others = [
        other.hash_applicant(case_id, person),
        signer.hash_applicant(uuid7(), person),
        signer.hash_applicant(case_id, person._replace(given_name="Zoë Hadžić", family_name="Hadžić")),
        signer.hash_applicant(case_id, person._replace(given_name="Zita")),
        signer.hash_applicant(case_id, person._replace(born="1990")),
    ]
    assert len({hash_, *others}) == 6
    for part in Person._fields:
        assert signer.hash_applicant(case_id, person._replace(**{part: ""})) == ""


def test_bytes_open_only_as_what_they_were_encrypted() -> None:
    cipher, person = FieldCipher(SecretStr(generate_master_key())), uuid7()
    stored = cipher.seal_bytes(person, b"%PDF-1.7", purpose="document.pdf:1")
    assert b"%PDF" not in stored
    assert cipher.open_bytes(person, stored, purpose="document.pdf:1") == b"%PDF-1.7"
    for subject, purpose in ((person, "document.pdf:2"), (person, "attachment:1:0"), (uuid7(), "document.pdf:1")):
        with pytest.raises(UnreadableCiphertextError) as caught:
            cipher.open_bytes(subject, stored, purpose=purpose)
        assert (caught.value.subject, caught.value.purpose) == (subject, purpose)
    for cut in (b"", stored[:5], stored[:12], stored[:-1]):
        with pytest.raises(UnreadableCiphertextError):
            cipher.open_bytes(person, cut, purpose="document.pdf:1")


def test_a_field_cannot_stand_for_bytes_nor_bytes_for_a_field() -> None:
    cipher, person = FieldCipher(SecretStr(generate_master_key())), uuid7()
    field = cipher.seal(person, b"Hadzic")
    with pytest.raises(UnreadableCiphertextError):
        cipher.open_bytes(
            person, base64.b64decode(field.nonce) + base64.b64decode(field.text), purpose="document.pdf:1"
        )
    stored = cipher.seal_bytes(person, b"Hadzic", purpose="document.pdf:1")
    nonce, text = base64.b64encode(stored[:12]).decode(), base64.b64encode(stored[12:]).decode()
    with pytest.raises(UnreadableCiphertextError):
        cipher.open(field.model_copy(update={"nonce": nonce, "text": text}))
