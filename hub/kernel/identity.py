"""Who is calling: read from the client certificate of the connection, once per connection.

The TLS listener puts a `Peer` into the ASGI state. It is shared by all requests of a connection, so the certificate is
parsed for the first of them only. A trusted proxy speaks for its own callers instead: by a header, which from any other
address is passed over and counted.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from operator import itemgetter
from typing import Any, Literal

from cryptography import x509

from hub.kernel import forwarded, metrics
from hub.kernel.errors import NotPermitted

PEER = "peer"
"""Name of the peer in the ASGI state."""
_NAME = itemgetter(0)
UNTOLD = datetime.max.replace(tzinfo=UTC)
"""End of a certificate that a proxy described without it; the proxy refuses what has ended."""


@dataclass(frozen=True, slots=True)
class Identity:
    """The caller of a request."""

    kind: Literal["anonymous", "certificate"]
    common_name: str = ""
    subject: tuple[tuple[str, str], ...] = ()
    """Attributes of the subject in order, by short name: O, OU, L, ST, C, CN."""
    fingerprint: str = ""
    """SHA-256 of the certificate (DER), hex."""
    serial: int = 0
    not_after: datetime | None = None
    issuer: str = ""
    """Key identifier of the authority that signed the certificate, hex; empty when it does not say."""


ANONYMOUS = Identity("anonymous")


@dataclass(slots=True)
class Peer:
    """The other end of one connection."""

    certificate: bytes | None
    """The client certificate as DER, already verified against the listener's authorities."""
    address: str = ""
    trusted: bool = False
    """Whether it is a proxy whose word about its own callers counts."""
    memory: dict[str, Any] = field(default_factory=dict)
    """What later requests of this connection need not work out again."""
    _identity: Identity | None = None

    @property
    def identity(self) -> Identity:
        """Return who this is; parsed once."""
        if self._identity is None:
            self._identity = identity_from_certificate(self.certificate) if self.certificate else ANONYMOUS
        return self._identity


def identity_from_certificate(der: bytes) -> Identity:
    """Read a client certificate."""
    certificate = x509.load_der_x509_certificate(der)
    subject = tuple((part.rfc4514_attribute_name, str(part.value)) for part in certificate.subject)
    return Identity(
        kind="certificate",
        common_name=next((value for name, value in subject if name == "CN"), ""),
        subject=subject,
        fingerprint=hashlib.sha256(der).hexdigest(),
        serial=certificate.serial_number,
        not_after=certificate.not_valid_after_utc,
        issuer=_issuer_of(certificate),
    )


def _issuer_of(certificate: x509.Certificate) -> str:
    try:
        named = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
    except (x509.ExtensionNotFound, ValueError):
        return ""
    return (named or b"").hex()


@lru_cache(maxsize=4096)
def identity_from_header(value: bytes) -> Identity:
    """Read what a trusted proxy says of its caller; proxies send the same value again and again.

    Raises:
        NotPermitted: it cannot be read, names no certificate, or contradicts itself.
    """
    presented = forwarded.read(value.decode("latin-1"))
    if presented.certificate is None:
        subject = forwarded.attributes(presented.subject)
        common_name = next((text for name, text in subject if name == "CN"), "")
        return Identity("certificate", common_name, subject, presented.fingerprint, not_after=UNTOLD)
    identity = identity_from_certificate(presented.certificate)
    if presented.fingerprint not in ("", identity.fingerprint):
        raise NotPermitted("Hash and Cert in X-Forwarded-Client-Cert are of two certificates.")
    return identity


def peer_of(scope: Any) -> Peer:
    """Return the peer of an ASGI scope; on listeners without TLS an anonymous one."""
    try:
        peer: Peer = scope["state"][PEER]
    except KeyError:
        return Peer(None)
    return peer


def identity_of(scope: Any) -> Identity:
    """Return who calls, of an ASGI scope: the peer of the connection, or whom a trusted proxy names.

    Raises:
        NotPermitted: a trusted proxy names its caller in a way that cannot be read.
    """
    return caller_of(peer_of(scope), scope["headers"])


def caller_of(peer: Peer, headers: Iterable[tuple[bytes, bytes]]) -> Identity:
    """Return who calls, of the peer of a connection and a request's headers, names in lower case; as `identity_of`."""
    if forwarded.HEADER in map(_NAME, headers):  # with every request, so the loop is not Python's
        if peer.trusted:
            said = [value for name, value in headers if name == forwarded.HEADER]
            return identity_from_header(b",".join(said))
        metrics.FORWARDED_IGNORED.inc()
    return peer.identity
