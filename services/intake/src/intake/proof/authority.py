"""The key of an authority with its certificate: signs files and stamps; its certificate is all a verifier needs."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID
from pydantic import SecretStr

AUSTRIAN_ADMINISTRATION = x509.ObjectIdentifier("1.2.40.0.10.1.1.1")  # property of an authority's certificate
KEY_ID_BYTES = 8
_END = "-----END CERTIFICATE-----"


@dataclass(frozen=True, slots=True)
class Trust:
    """What a verifier holds of an authority: its certificate."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePublicKey

    @classmethod
    def read(cls, pem: str) -> "Trust":
        """Raises ValueError for what is no certificate with a P-256 key."""
        certificate = x509.load_pem_x509_certificate(pem.encode())
        key = certificate.public_key()
        if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
            raise ValueError("the certificate of an authority has a P-256 key")
        return cls(certificate, key)

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(Encoding.PEM).decode()

    @property
    def key_id(self) -> bytes:
        """The first bytes of the certificate's SHA-256: what a stamp names its key by."""
        return sha256(self.der).digest()[:KEY_ID_BYTES]

    @property
    def name(self) -> str:
        found = self.certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        return str(found[0].value) if found else self.certificate.subject.rfc4514_string()


@dataclass(frozen=True, slots=True)
class Authority:
    """Kept true: key and certificate belong together."""

    code: str
    key: ec.EllipticCurvePrivateKey
    trust: Trust

    @classmethod
    def read(cls, code: str, key_pem: SecretStr, certificate_pem: str) -> "Authority":
        """`code` such as at-linz. Raises ValueError for a key that is not P-256 or not that of the certificate."""
        key = load_pem_private_key(key_pem.get_secret_value().encode(), password=None)
        trust = Trust.read(certificate_pem)
        if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != trust.key:
            raise ValueError("the document key is not the one of the document certificate")
        return cls(code, key, trust)

    @property
    def key_pem(self) -> str:
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()

    @property
    def key_der(self) -> bytes:
        return self.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def trusted_in(pem: str) -> list[Trust]:
    """Of any number of certificates, one after the other. Raises ValueError."""
    return [Trust.read(part + _END) for part in pem.split(_END)[:-1]]


def new_authority(name: str, *, now: datetime, valid_for: timedelta = timedelta(days=5 * 365)) -> tuple[str, str]:
    """A fresh key and a certificate for it, self-signed, both in PEM: for tests, and for a city that has none yet."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=True,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + valid_for)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.UnrecognizedExtension(AUSTRIAN_ADMINISTRATION, b"\x05\x00"), critical=False)
        .sign(key, hashes.SHA256())
    )
    made = Authority("", key, Trust(certificate, key.public_key()))
    return made.key_pem, made.trust.pem
