"""Stamps of devices: they count as far as the authority's certificate for the device says, and no further."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import base45
import cbor2
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from intake.domain.numbers import Block, Number, Series
from intake.domain.proof import Claims
from intake.domain.refusals import STAMP_FORGED, STAMP_OF_OTHERS, STAMP_UNREADABLE
from intake.proof.authority import Authority, Trust
from intake.proof.device import certify
from intake.proof.stamp import DEVICE, read_stamp
from uuid_utils.compat import uuid7
from wanderamt.kernel.ids import DeviceId, StandId

NOW = datetime(2026, 6, 1, 9, 30, tzinfo=UTC)
UNTIL = NOW + timedelta(hours=24)
DEVICE_ID = DeviceId(uuid7())
PLACES = (*range(500, 530), *range(700, 720))  # another device leased in between
BLOCK = Block(Series.DOCUMENT, 2026, 101, 150, StandId(uuid7()), DEVICE_ID, NOW, places=PLACES)
KEY = ec.generate_private_key(ec.SECP256R1())
CLAIMS = Claims(
    "at-linz",
    str(Number(Series.DOCUMENT, 2026, 103)),
    bytes(32),
    502,
    NOW,
    holder="Ada Lovelace",
    given_by=str(DEVICE_ID),
)


def certificate(authority: Authority, **changes: Any) -> bytes:
    about: dict[str, Any] = {"now": NOW, "until": UNTIL} | changes
    return certify(DEVICE_ID, KEY.public_key(), [BLOCK], authority, **about)


def by_device(claims: Claims, shown: bytes, *, key: ec.EllipticCurvePrivateKey = KEY, kind: str = "stamp") -> str:
    """As the app in the browser makes it."""
    head = cbor2.dumps({1: -7, 16: f"application/wanderamt-{kind}+cwt", DEVICE: shown})
    body = {
        1: claims.authority,
        2: claims.number,
        6: int(claims.issued_at.timestamp()),
        -65537: claims.content,
        65535: {"status_list": {"idx": claims.status_index}},
        -65538: claims.holder,
    }
    payload = cbor2.dumps(body)
    r, s = decode_dss_signature(key.sign(cbor2.dumps(["Signature1", head, b"", payload]), ec.ECDSA(hashes.SHA256())))
    token = cbor2.dumps(cbor2.CBORTag(18, [head, {}, payload, r.to_bytes(32) + s.to_bytes(32)]))
    return "WA1:" + base45.b45encode(token).decode()


def test_a_device_s_stamp_says_who_stamped_it(authority: Authority) -> None:
    text = by_device(CLAIMS, certificate(authority))
    assert read_stamp(text, [authority.trust]) == CLAIMS
    assert len(text) < 900  # version 20 at level M


@pytest.mark.parametrize(
    "changed",
    [
        replace(CLAIMS, number=str(Number(Series.DOCUMENT, 2026, 151)), status_index=720),
        replace(CLAIMS, number=str(Number(Series.DOCUMENT, 2025, 103))),
        replace(CLAIMS, number=str(Number(Series.RECEIPT, 2026, 103))),
        replace(CLAIMS, number="MB-2026-000001"),
        replace(CLAIMS, status_index=503),
        replace(CLAIMS, authority="at-graz"),
        replace(CLAIMS, issued_at=UNTIL + timedelta(minutes=1)),
        replace(CLAIMS, issued_at=NOW - timedelta(minutes=1)),
    ],
)
def test_nothing_counts_that_the_certificate_does_not_allow(authority: Authority, changed: Claims) -> None:
    assert read_stamp(by_device(changed, certificate(authority)), [authority.trust]) is STAMP_FORGED


def test_numbers_and_places_stay_together_across_a_gap(authority: Authority) -> None:
    shown = certificate(authority)
    last = replace(CLAIMS, number=str(Number(Series.DOCUMENT, 2026, 150)), status_index=719)
    assert read_stamp(by_device(last, shown), [authority.trust]) == last
    wrong = replace(last, status_index=549)
    assert read_stamp(by_device(wrong, shown), [authority.trust]) is STAMP_FORGED


def test_another_key_another_authority_and_another_kind_are_refused(authority: Authority, stranger: Trust) -> None:
    shown = certificate(authority)
    other = ec.generate_private_key(ec.SECP256R1())
    assert read_stamp(by_device(CLAIMS, shown, key=other), [authority.trust]) is STAMP_FORGED
    assert read_stamp(by_device(CLAIMS, shown), [stranger]) is STAMP_OF_OTHERS
    assert read_stamp(by_device(CLAIMS, shown[:-1] + b"\0"), [authority.trust]) is STAMP_OF_OTHERS
    assert read_stamp(by_device(CLAIMS, b"junk"), [authority.trust]) is STAMP_OF_OTHERS
    assert read_stamp(by_device(CLAIMS, shown, kind="device"), [authority.trust]) is STAMP_UNREADABLE
