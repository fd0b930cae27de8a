"""What a connected solution registers: a Service with an API, events or both. Immutable values, no behaviour."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

ValueLists = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class RequestParameters:
    """Headers and query parameters that the gateway adds to every call."""

    headers: ValueLists | None = None
    query_parameters: ValueLists | None = None


@dataclass(frozen=True, slots=True)
class Basic:
    """User name and password."""

    username: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class OAuth:
    """OAuth 2.0 client credentials."""

    url: str
    client_id: str
    client_secret: str = field(repr=False)
    request_parameters: RequestParameters | None = None


@dataclass(frozen=True, slots=True)
class CertificateGen:
    """A key pair that the hub makes; the solution trusts its certificate."""

    common_name: str
    certificate: str = ""
    """Standard base64 of the PEM; only in answers."""


Method = Basic | OAuth | CertificateGen


@dataclass(frozen=True, slots=True)
class Credentials:
    """How the gateway authenticates at the target."""

    method: Method
    csrf_url: str | None = None


@dataclass(frozen=True, slots=True)
class Api:
    """An API of the solution."""

    target_url: str
    credentials: Credentials | None = None
    spec: bytes | None = None
    """The specification: JSON as registered, or whatever was fetched."""
    specification_url: str = ""
    api_type: str = ""
    request_parameters: RequestParameters | None = None
    specification_credentials: Credentials | None = None
    specification_request_parameters: RequestParameters | None = None

    @property
    def is_odata(self) -> bool:
        """Whether the specification is an OData document."""
        return self.api_type.lower() == "odata"


@dataclass(frozen=True, slots=True)
class Events:
    """An event catalog of the solution."""

    spec: bytes | None
    """The AsyncAPI document as JSON; None when it is not kept (a Service written as a manifest)."""


@dataclass(frozen=True, slots=True)
class Documentation:
    """Prose about a Service."""

    display_name: str
    description: str
    type: str
    tags: Sequence[str] = ()
    docs: Sequence[Mapping[str, str]] = ()


@dataclass(frozen=True, slots=True)
class ServiceDetails:
    """A registered Service."""

    provider: str
    name: str
    description: str
    short_description: str = ""
    identifier: str = ""
    labels: Mapping[str, str] | None = None
    api: Api | None = None
    events: Events | None = None
    documentation: Documentation | None = None


@dataclass(frozen=True, slots=True)
class Registration:
    """A Service as it is to be stored: its entry, the values to seal and the documents to keep."""

    entry: Mapping[str, Any]
    secrets: Mapping[str, Mapping[str, str]]
    """Name of the Secret → its values."""
    assets: Mapping[str, bytes]
    """`openapi`, `odata`, `asyncapi`, `docs` → document."""
