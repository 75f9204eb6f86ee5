"""What the authority signs for its own devices (JWS, RFC 7515): a text, or a body beside which the signature stands."""

import base64

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from intake.proof.authority import Authority, Trust

ALGORITHM = "ES256"


def sign_text(body: bytes, authority: Authority, head: dict[str, str]) -> str:
    """In the compact form; `head` says what it is or by which key."""
    key = ECKey.import_key(authority.key_pem)
    return jws.serialize_compact({"alg": ALGORITHM, **head}, body, key, algorithms=[ALGORITHM])


def open_text(text: str, trust: Trust) -> jws.CompactSignature | None:
    """None for what this authority has not signed."""
    try:
        return jws.deserialize_compact(text, ECKey.import_key(trust.pem), algorithms=[ALGORITHM])
    except (JoseError, ValueError):
        return None


def sign_body(body: bytes, authority: Authority) -> str:
    """`header..signature` (appendix F); the part between the dots is the body itself, in base64url."""
    protected, _, signature = sign_text(body, authority, {"kid": authority.trust.key_id.hex()}).split(".")
    return f"{protected}..{signature}"


def body_is_signed(body: bytes, signature: str, trust: Trust) -> bool:
    """Whether the authority signed exactly these bytes."""
    protected, between, signed = signature.partition("..")
    text = base64.urlsafe_b64encode(body).rstrip(b"=").decode()
    return bool(between) and open_text(f"{protected}.{text}.{signed}", trust) is not None
