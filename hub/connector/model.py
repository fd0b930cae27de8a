"""What the connector handles: clients, subjects, authorities, tokens, issued certificates."""

from dataclasses import dataclass
from datetime import datetime

RUNTIME = "*Runtime*"
"""Common name of every runtime's certificate; no Application can have this name.

Source: kyma-project/kyma:components/connector-service/internal/clientcontext@1.24.0
"""


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
    """Who holds a certificate: a connected solution by its Application, or a runtime by its tenant and group."""

    application: str
    tenant: str = ""
    group: str = ""

    @property
    def runtime(self) -> bool:
        """Return whether it is a runtime."""
        return self.application == RUNTIME


@dataclass(frozen=True, slots=True)
class Authority:
    """A certificate authority: PEM of its certificate, with the chain above it if there is one, and of its key."""

    certificate: bytes
    key: bytes

    def __repr__(self) -> str:
        """Show that there is a key, never the key."""
        return f"Authority(certificate={len(self.certificate)} bytes, key=***)"


@dataclass(frozen=True, slots=True)
class Generation:
    """An authority and the moment from which on it issues."""

    authority: Authority
    since: datetime


Generations = tuple[Generation, ...]
"""The authorities that are trusted, oldest first; more than one while certificates move from the old to the new."""


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
    authority: str
    """Key identifier of the authority, hexadecimal."""


@dataclass(frozen=True, slots=True)
class Pairing:
    """What a pairing token stands for; the token itself is kept nowhere."""

    client: Client
    expires: datetime
