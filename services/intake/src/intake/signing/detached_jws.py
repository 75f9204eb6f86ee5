"""Signatures of the authority for its own devices (JWS, RFC 7515): compact tokens and detached signatures of bodies."""

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from intake.signing.authority import Authority, TrustedCertificate

ALGORITHM = "ES256"


def sign_compact(body: bytes, authority: Authority, header: dict[str, str]) -> str:
    """In compact serialization. `header`: further header parameters, such as `typ` or `kid`."""
    key = ECKey.import_key(authority.key_pem)
    return jws.serialize_compact({"alg": ALGORITHM, **header}, body, key, algorithms=[ALGORITHM])


def verify_compact(text: str, certificate: TrustedCertificate) -> jws.CompactSignature | None:
    """None if the holder of `certificate` did not sign `text`."""
    try:
        return jws.deserialize_compact(text, ECKey.import_key(certificate.pem), algorithms=[ALGORITHM])
    except (JoseError, ValueError):
        return None


def sign_detached(body: bytes, authority: Authority) -> str:
    """`header..signature` (RFC 7515, appendix F): the payload between the dots is the body, sent separately."""
    protected, _, signature = sign_compact(body, authority, {"kid": authority.certificate.key_id.hex()}).split(".")
    return f"{protected}..{signature}"
