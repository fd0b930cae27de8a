"""What the gateway calls, and with what: immutable values, no behaviour beyond their names."""

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

Pairs = tuple[tuple[bytes, bytes], ...]
"""Names and values in order; a name may stand there several times."""


class Names(NamedTuple):
    """Which API a caller means."""

    application: str
    service: str
    entry: str | None = None
    """Only in the form with three names."""

    @property
    def path(self) -> bytes:
        """Return what every path of the API begins with at the gateway."""
        parts = (self.application, self.service) if self.entry is None else (self.application, self.service, self.entry)
        return "".join(f"/{part}" for part in parts).encode()


class Place(NamedTuple):
    """Where to connect."""

    scheme: Literal["http", "https"]
    host: str
    port: int

    @property
    def authority(self) -> str:
        """Return host and port as a `Host` header names them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    def __str__(self) -> str:
        """Return the address, for messages."""
        return f"{self.scheme}://{self.authority}"


DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Url:
    """An address taken apart; path and query as they go over the wire."""

    place: Place
    path: bytes
    query: bytes = b""

    @property
    def target(self) -> bytes:
        """Return what stands in the request line."""
        path = self.path or b"/"
        return b"%b?%b" % (path, self.query) if self.query else path


@dataclass(frozen=True, slots=True)
class Parameters:
    """Headers and query parameters that are added where the caller sends none of that name."""

    headers: Pairs = ()
    query: Pairs = ()


@dataclass(frozen=True, slots=True)
class Basic:
    """User name and password."""

    user: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A client certificate and its key, both PEM."""

    certificate: str = field(repr=False)
    key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class OAuth:
    """OAuth 2.0 client credentials, proven by a secret or by a client certificate (RFC 8705)."""

    token_url: Url
    client_id: str
    client_secret: str = field(default="", repr=False)
    key_pair: KeyPair | None = None
    parameters: Parameters = field(default_factory=Parameters, repr=False)


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A constant value in a header or a query parameter."""

    name: str
    value: str = field(repr=False)
    place: Literal["header", "query"] = "header"


Credentials = Basic | OAuth | KeyPair | ApiKey


@dataclass(frozen=True, slots=True)
class Tls:
    """How a TLS connection is made; connections made differently are never shared."""

    verify: bool = True
    authority: str = field(default="", repr=False)
    """Further certificates to trust, PEM."""
    key_pair: KeyPair | None = None


@dataclass(frozen=True, slots=True)
class Proof:
    """What shows the target on whose behalf it is called."""

    headers: Pairs = ()
    query: Pairs = ()
    cookies: Pairs = ()
    """Cookies that came with a CSRF token; they replace the caller's of the same name."""
    key_pair: KeyPair | None = None


@dataclass(frozen=True, slots=True)
class Api:
    """One registered API with everything a call of it needs."""

    names: Names
    url: Url
    credentials: Credentials | None = None
    csrf_url: Url | None = None
    parameters: Parameters = Parameters()
    encode_path: bool = True
    tls: Tls = Tls()
    timeout_seconds: float = 10.0
    proof: Proof = field(default_factory=Proof, repr=False)
    """What every call carries, as far as nothing must be fetched for it."""
