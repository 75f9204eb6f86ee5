"""The key of an authority and its certificate. The key signs files and seals; a verifier needs only the certificate."""

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

AUSTRIAN_ADMINISTRATION = x509.ObjectIdentifier(
    "1.2.40.0.10.1.1.1"
)  # OID that marks certificates of Austrian authorities
KEY_ID_BYTES = 8
_END = "-----END CERTIFICATE-----"


@dataclass(frozen=True, slots=True)
class TrustedCertificate:
    """The certificate of an authority, as a verifier holds it."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePublicKey

    @classmethod
    def parse(cls, pem: str) -> "TrustedCertificate":
        """Raises ValueError unless `pem` is a certificate with a P-256 key."""
        certificate = x509.load_pem_x509_certificate(pem.encode())
        key = certificate.public_key()
        if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
            raise ValueError("the certificate of an authority must have a P-256 key")
        return cls(certificate, key)

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(Encoding.PEM).decode()

    @property
    def key_id(self) -> bytes:
        """The first bytes of the certificate's SHA-256; seals identify their key by it."""
        return sha256(self.der).digest()[:KEY_ID_BYTES]

    @property
    def name(self) -> str:
        common_names = self.certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        return str(common_names[0].value) if common_names else self.certificate.subject.rfc4514_string()


@dataclass(frozen=True, slots=True)
class Authority:
    """A signing authority. Invariants: `key` belongs to `certificate`."""

    code: str
    key: ec.EllipticCurvePrivateKey
    certificate: TrustedCertificate

    @classmethod
    def load(cls, code: str, key_pem: SecretStr, certificate_pem: str) -> "Authority":
        """`code`: see AuthorityProfile. Raises ValueError if the key is not P-256 or not the key of the certificate."""
        key = load_pem_private_key(key_pem.get_secret_value().encode(), password=None)
        certificate = TrustedCertificate.parse(certificate_pem)
        if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.key:
            raise ValueError("the document key does not belong to the document certificate")
        return cls(code, key, certificate)

    @property
    def key_pem(self) -> str:
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()

    @property
    def key_der(self) -> bytes:
        return self.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def parse_certificates(pem: str) -> list[TrustedCertificate]:
    """`pem`: any number of certificates, concatenated. Raises ValueError."""
    return [TrustedCertificate.parse(part + _END) for part in pem.split(_END)[:-1]]


def new_authority(name: str, *, now: datetime, valid_for: timedelta = timedelta(days=5 * 365)) -> tuple[str, str]:
    """A new key and its self-signed certificate, both in PEM: for tests and for a city without a certificate."""
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
    authority = Authority("", key, TrustedCertificate(certificate, key.public_key()))
    return authority.key_pem, authority.certificate.pem
