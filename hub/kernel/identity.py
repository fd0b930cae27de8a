"""Who is calling: read from the client certificate of the connection, once per connection.

The TLS listener puts a `Peer` into the ASGI state. It is shared by all requests of a connection, so the certificate is
parsed for the first of them only.
"""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from cryptography import x509

PEER = "peer"
"""Name of the peer in the ASGI state."""


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


ANONYMOUS = Identity("anonymous")


@dataclass(slots=True)
class Peer:
    """The other end of one connection."""

    certificate: bytes | None
    """The client certificate as DER, already verified against the listener's authorities."""
    address: str = ""
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
    )


def peer_of(scope: Any) -> Peer:
    """Return the peer of an ASGI scope; on listeners without TLS an anonymous one."""
    peer = scope.get("state", {}).get(PEER)
    return peer if isinstance(peer, Peer) else Peer(None)


def identity_of(scope: Any) -> Identity:
    """Return who calls, of an ASGI scope."""
    return peer_of(scope).identity
