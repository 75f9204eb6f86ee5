"""In whose name a register is asked: a signed assertion that travels with the request, past every broker and queue.

Kept true: it names one officer, one case, one question and its purpose, and ends; whoever calls the register checks it
at the moment of the call, not only where it came in. Only the service where officers sign in has the key that signs.
"""

from dataclasses import asdict, dataclass
from datetime import datetime
from uuid import UUID

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey
from pydantic import SecretStr

from wanderamt.security.tokens import ALGORITHM

ISSUER = "wanderamt-intake"
AUDIENCE = "registry-bridge"

MISSING = "assertion_missing"
INVALID = "assertion_invalid"
EXPIRED = "assertion_expired"
OF_ANOTHER = "assertion_of_another"


@dataclass(frozen=True, slots=True)
class Assertion:
    """That this officer asks this of a register, for this case and this purpose."""

    officer: str
    case_id: UUID
    request_id: UUID
    register: str
    operation: str
    purpose: str

    def claims(self) -> dict[str, str]:
        return {name: str(value) for name, value in asdict(self).items()}


class Voucher:
    """Signs with the private key (PEM, P-256). Raises ValueError for another."""

    def __init__(self, private_key: SecretStr) -> None:
        self._key = ECKey.import_key(private_key.get_secret_value())

    def sign(self, assertion: Assertion, *, until: datetime) -> str:
        claims = {"iss": ISSUER, "aud": AUDIENCE, "exp": int(until.timestamp()), **assertion.claims()}
        return jwt.encode({"alg": ALGORITHM}, claims, self._key, algorithms=[ALGORITHM])


class VoucherReader:
    """Checks with the public key (PEM)."""

    def __init__(self, public_key: str) -> None:
        self._key = ECKey.import_key(public_key)

    def why_not(self, token: str | None, wanted: Assertion, *, now: datetime) -> str:
        """Empty when `token` asserts just what is wanted; else a word for why it does not."""
        if not token:
            return MISSING
        try:
            claims = jwt.decode(token, self._key, algorithms=[ALGORITHM]).claims
            if claims["iss"] != ISSUER or claims["aud"] != AUDIENCE:
                return INVALID
            if float(claims["exp"]) < now.timestamp():
                return EXPIRED
        except (JoseError, ValueError, KeyError, TypeError):
            return INVALID
        said = {name: claims.get(name) for name in wanted.claims()}
        return "" if said == wanted.claims() else OF_ANOTHER
