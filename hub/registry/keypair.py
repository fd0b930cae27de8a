"""Makes the key pair of an API that authenticates the hub by certificate. Slow: must not run on the event loop.

Source: `kyma-project/kyma:components/application-registry/internal/metadata/certificates@1.24.0`; unlike there, serial
numbers are unique.
"""

from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

VALIDITY = timedelta(days=365)


def make_key_pair(common_name: str, now: datetime) -> dict[str, str]:
    """Return `crt` and `key`: a self-signed client certificate and its RSA-2048 key as PEM (PKCS#1)."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + VALIDITY)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    return {"crt": certificate.public_bytes(serialization.Encoding.PEM).decode(), "key": pem.decode()}
