"""Certificates of a NATS cluster of your own: an authority, one for each node, one for each kind of process.

The authority is not the hub's own, which signs connected solutions: nobody who pairs may reach the event store. Where a
tool of your own issues certificates, this module shows what they must hold.
"""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from hub.cluster.configuration import user_of
from hub.kernel.errors import Misconfigured
from hub.up.paths import write_private

AUTHORITY = "ca"
_AUTHORITY_DAYS = 3650
# Clocks of nodes need not agree to the minute.
_LEEWAY = timedelta(minutes=5)


@dataclass(frozen=True)
class Authority:
    """What signs: a certificate and its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


def write(directory: Path, nodes: Iterable[str], processes: Iterable[str], days: int) -> list[Path]:
    """Write certificates and keys into a directory; an authority that is there signs, so that this renews too.

    Args:
        directory: made if it is not there; keys are readable by their owner only.
        nodes: names or addresses of the nodes; each gets `<node>.crt` and `.key`.
        processes: kinds of process, the operator and the system's user among them.
        days: for which they are good.

    Raises:
        Misconfigured: the authority in the directory cannot be read.
    """
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    authority = _authority(directory)
    wanted = {node: (_node_names(node), [ExtendedKeyUsageOID.SERVER_AUTH]) for node in nodes}
    wanted |= {process: ([x509.RFC822Name(user_of(process))], []) for process in processes}
    written = []
    for name, (names, uses) in wanted.items():
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(name, authority.certificate.subject, key.public_key(), days)
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False).add_extension(
            x509.ExtendedKeyUsage([*uses, ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False
        )
        _keep(directory / name, builder.sign(authority.key, hashes.SHA256()), key)
        written.append(directory / f"{name}.crt")
    return written


def _authority(directory: Path) -> Authority:
    certificate, key = directory / f"{AUTHORITY}.crt", directory / f"{AUTHORITY}.key"
    if certificate.exists() or key.exists():
        return _read_authority(certificate, key)
    made = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "hub event store")])
    builder = _builder("hub event store", name, made.public_key(), _AUTHORITY_DAYS)
    signed = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True).sign(
        made, hashes.SHA256()
    )
    _keep(directory / AUTHORITY, signed, made)
    return Authority(signed, made)


def _read_authority(certificate: Path, key: Path) -> Authority:
    try:
        found = serialization.load_pem_private_key(key.read_bytes(), None)
        if isinstance(found, ec.EllipticCurvePrivateKey):
            return Authority(x509.load_pem_x509_certificate(certificate.read_bytes()), found)
        problem: Exception | str = "the key is none on an elliptic curve"
    except (OSError, ValueError) as error:
        problem = error
    raise Misconfigured(f"The authority {certificate} with {key} cannot be used: {problem}. Bring both, or neither.")


def _builder(name: str, issuer: x509.Name, key: ec.EllipticCurvePublicKey, days: int) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _LEEWAY)
        .not_valid_after(now + timedelta(days=days))
    )


def _node_names(node: str) -> list[x509.GeneralName]:
    names: list[x509.GeneralName] = [x509.DNSName("localhost")]
    try:
        return [*names, x509.IPAddress(ipaddress.ip_address(node))]
    except ValueError:
        return [*names, x509.DNSName(node)]


def _keep(path: Path, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    write_private(path.with_name(f"{path.name}.key"), key.private_bytes(*form).decode())
    path.with_name(f"{path.name}.crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
