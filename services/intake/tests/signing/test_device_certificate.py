"""QR seals of devices: valid only within the limits of the certificate that the authority gave the device."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import cbor2
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from intake.domain.document_status import Claims
from intake.domain.numbers import Number, NumberBlock, NumberSeries
from intake.domain.refusals import SEAL_FORGED, SEAL_KEY_UNKNOWN, SEAL_UNREADABLE
from intake.signing import base45
from intake.signing.authority import Authority, TrustedCertificate
from intake.signing.device import certify
from intake.signing.qr_seal import DEVICE, verify_seal
from uuid_utils.compat import uuid7
from wanderamt.kernel.ids import DeviceId, StandId

NOW = datetime(2026, 6, 1, 9, 30, tzinfo=UTC)
UNTIL = NOW + timedelta(hours=24)
DEVICE_ID = DeviceId(uuid7())
PLACES = (*range(500, 530), *range(700, 720))  # another device leased in between
BLOCK = NumberBlock(NumberSeries.DOCUMENT, 2026, 101, 150, StandId(uuid7()), DEVICE_ID, NOW, status_list_indexes=PLACES)
KEY = ec.generate_private_key(ec.SECP256R1())
CLAIMS = Claims(
    "at-linz",
    str(Number(NumberSeries.DOCUMENT, 2026, 103)),
    bytes(32),
    502,
    NOW,
    holder="Ada Lovelace",
    given_by=str(DEVICE_ID),
    kind="Meldebestätigung",
    main="Hauptwohnsitz: Landstraße 12/3/14, 4020 Linz; gemeldet seit: 04.05.2019",
)


def certificate(authority: Authority, **changes: Any) -> bytes:
    about: dict[str, Any] = {"now": NOW, "expires_at": UNTIL} | changes
    return certify(DEVICE_ID, KEY.public_key(), [BLOCK], authority, **about)


def by_device(
    claims: Claims, device_certificate: bytes, *, key: ec.EllipticCurvePrivateKey = KEY, kind: str = "stamp"
) -> str:
    """As the app in the browser creates it."""
    head = cbor2.dumps({1: -7, 16: f"application/wanderamt-{kind}+cwt", DEVICE: device_certificate})
    body = {
        1: claims.authority,
        2: claims.number,
        6: int(claims.issued_at.timestamp()),
        -65537: claims.content,
        65535: {"status_list": {"idx": claims.status_index}},
        -65538: claims.holder,
        -65541: claims.kind,
        -65542: claims.main,
    }
    payload = cbor2.dumps(body)
    r, s = decode_dss_signature(key.sign(cbor2.dumps(["Signature1", head, b"", payload]), ec.ECDSA(hashes.SHA256())))
    token = cbor2.dumps(cbor2.CBORTag(18, [head, {}, payload, r.to_bytes(32) + s.to_bytes(32)]))
    return "WA1:" + base45.encode(token)


def test_the_seal_of_a_device_names_the_device(authority: Authority) -> None:
    text = by_device(CLAIMS, certificate(authority))
    assert verify_seal(text, [authority.certificate]) == CLAIMS
    assert len(text) < 970  # version 20 at level M


@pytest.mark.parametrize(
    "changed",
    [
        replace(CLAIMS, number=str(Number(NumberSeries.DOCUMENT, 2026, 151)), status_index=720),
        replace(CLAIMS, number=str(Number(NumberSeries.DOCUMENT, 2025, 103))),
        replace(CLAIMS, number=str(Number(NumberSeries.RECEIPT, 2026, 103))),
        replace(CLAIMS, number="MB-2026-000001"),
        replace(CLAIMS, status_index=503),
        replace(CLAIMS, authority="at-graz"),
        replace(CLAIMS, issued_at=UNTIL + timedelta(minutes=1)),
        replace(CLAIMS, issued_at=NOW - timedelta(minutes=1)),
    ],
)
def test_a_seal_outside_the_limits_of_the_certificate_is_rejected(authority: Authority, changed: Claims) -> None:
    assert verify_seal(by_device(changed, certificate(authority)), [authority.certificate]) is SEAL_FORGED


def test_numbers_keep_their_status_list_index_across_a_gap(authority: Authority) -> None:
    device_certificate = certificate(authority)
    last = replace(CLAIMS, number=str(Number(NumberSeries.DOCUMENT, 2026, 150)), status_index=719)
    assert verify_seal(by_device(last, device_certificate), [authority.certificate]) == last
    wrong = replace(last, status_index=549)
    assert verify_seal(by_device(wrong, device_certificate), [authority.certificate]) is SEAL_FORGED


def test_another_key_another_authority_and_another_token_type_are_refused(
    authority: Authority, other_authority: TrustedCertificate
) -> None:
    device_certificate = certificate(authority)
    other = ec.generate_private_key(ec.SECP256R1())
    assert verify_seal(by_device(CLAIMS, device_certificate, key=other), [authority.certificate]) is SEAL_FORGED
    assert verify_seal(by_device(CLAIMS, device_certificate), [other_authority]) is SEAL_KEY_UNKNOWN
    assert verify_seal(by_device(CLAIMS, device_certificate[:-1] + b"\0"), [authority.certificate]) is SEAL_KEY_UNKNOWN
    assert verify_seal(by_device(CLAIMS, b"junk"), [authority.certificate]) is SEAL_KEY_UNKNOWN
    assert verify_seal(by_device(CLAIMS, device_certificate, kind="device"), [authority.certificate]) is SEAL_UNREADABLE
