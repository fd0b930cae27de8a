"""What the connector handles: subjects, the authority, tokens, issued certificates."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Subject:
    """The six attributes of a client certificate's subject, in the order clients are shown them."""

    organization: str
    organizational_unit: str
    locality: str
    province: str
    country: str
    common_name: str


@dataclass(frozen=True, slots=True)
class Client:
    """A connected solution as the connector names it: its Application, and tenant and group where it has both."""

    application: str
    tenant: str = ""
    group: str = ""


@dataclass(frozen=True, slots=True)
class Authority:
    """The hub's certificate authority: PEM of its certificate and of its private key."""

    certificate: bytes
    key: bytes

    def __repr__(self) -> str:
        """Show that there is a key, never the key."""
        return f"Authority(certificate={len(self.certificate)} bytes, key=***)"


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate the authority has just signed, with the facts that are told about it."""

    certificate: bytes
    authority_certificate: bytes
    subject: str
    serial: str
    fingerprint: str
    not_before: datetime
    not_after: datetime


@dataclass(frozen=True, slots=True)
class Pairing:
    """What a pairing token stands for; the token itself is kept nowhere."""

    application: str
    expires: datetime
