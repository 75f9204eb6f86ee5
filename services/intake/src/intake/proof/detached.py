"""A signature beside a body: detached JWS (RFC 7515, appendix F), by the key of the authority."""

import base64

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from intake.proof.authority import Authority, Trust

ALGORITHM = "ES256"


def sign_body(body: bytes, authority: Authority) -> str:
    """`header..signature`; the part between the dots is the body itself, in base64url."""
    head = {"alg": ALGORITHM, "kid": authority.trust.key_id.hex()}
    whole = jws.serialize_compact(head, body, ECKey.import_key(authority.key_pem), algorithms=[ALGORITHM])
    protected, _, signature = whole.split(".")
    return f"{protected}..{signature}"


def body_is_signed(body: bytes, signature: str, trust: Trust) -> bool:
    """Whether the authority signed exactly these bytes."""
    protected, between, signed = signature.partition("..")
    text = base64.urlsafe_b64encode(body).rstrip(b"=").decode()
    try:
        jws.deserialize_compact(f"{protected}.{text}.{signed}", ECKey.import_key(trust.pem), algorithms=[ALGORITHM])
    except (JoseError, ValueError):
        return False
    return bool(between)
