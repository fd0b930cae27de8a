"""What Compass says of applications and of this Runtime, and what becomes of it here. Values without behaviour."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

ValueLists = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Basic:
    """User name and password."""

    username: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class OAuth:
    """OAuth 2.0 client credentials."""

    client_id: str
    url: str
    client_secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Unsupported:
    """Credentials of a kind that cannot be used here."""

    type: str


@dataclass(frozen=True, slots=True)
class Auth:
    """How the APIs of a bundle are called."""

    credential: Basic | OAuth | Unsupported | None = None
    csrf_url: str = ""
    headers: ValueLists = field(default_factory=dict)
    query_parameters: ValueLists = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Specification:
    """A document of a definition, as Compass holds it."""

    type: str
    """`OPEN_API`, `ODATA` or `ASYNC_API`."""
    format: str
    """`JSON`, `YAML` or `XML`."""
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Definition:
    """An API or an event definition of a bundle."""

    id: str
    name: str
    target_url: str = ""
    """Empty for an event definition."""
    specification: Specification | None = None


@dataclass(frozen=True, slots=True)
class Bundle:
    """What belongs together at the Director; here a Service."""

    id: str
    name: str
    description: str = ""
    parameter_schema: str = ""
    auth: Auth | None = None
    apis: tuple[Definition, ...] = ()
    events: tuple[Definition, ...] = ()


@dataclass(frozen=True, slots=True)
class DirectorApplication:
    """An application as the Director lists it for this Runtime."""

    id: str
    name: str
    description: str = ""
    client_ids: tuple[str, ...] = ()
    bundles: tuple[Bundle, ...] = ()


@dataclass(frozen=True, slots=True)
class Unreadable:
    """An application whose part of the answer cannot be read; the others' can."""

    id: str
    name: str
    error: str


@dataclass(frozen=True, slots=True)
class Listing:
    """Which applications there are, read to the end, and the labels of this Runtime."""

    labels: Mapping[str, Any]
    names: Mapping[str, str]
    """Id at the Director → name as it says it."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A Secret of an Application: its values, and the bundle it belongs to."""

    bundle_id: str
    values: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Mirror:
    """An Application as it should be here."""

    name: str
    id: str
    """Id at the Director."""
    spec: Mapping[str, Any]
    secrets: Mapping[str, Stored]
    """By name of the Secret."""
    documents: Mapping[str, Mapping[str, bytes]]
    """`<bundle>/<definition>` → kind of the document → document."""
    problems: tuple[str, ...] = ()
    """What of it could not be taken over."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why one application is not here as it should be."""

    name: str
    id: str
    operation: str
    """`read`, `convert`, `create`, `update` or `delete`."""
    error: str


@dataclass(frozen=True, slots=True)
class Pairing:
    """Which Compass to connect with, and as which Runtime."""

    connector_url: str
    runtime_id: str
    tenant: str
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Credentials:
    """The client certificate of this Runtime."""

    certificate: bytes
    """The leaf, PEM."""
    chain: bytes
    """Leaf and authorities, PEM."""
    authorities: bytes
    not_before: datetime
    not_after: datetime
    token_digest: str
    """Which pairing token it goes back to."""
    key: bytes = field(repr=False)
    director_url: str = ""
    connector_url: str = ""


@dataclass(frozen=True, slots=True)
class Configuration:
    """What the Connector says: how to ask for a certificate, and where Director and Connector are."""

    subject: str
    director_url: str
    connector_url: str
    token: str = field(repr=False)
