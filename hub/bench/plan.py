"""What the load generator is told, in one line of JSON on its standard input."""

from dataclasses import asdict, dataclass

import orjson


@dataclass(frozen=True, slots=True)
class Credentials:
    """The files of a paired solution."""

    certificate: str
    key: str
    ca: str


@dataclass(frozen=True, slots=True)
class Plan:
    """One load: where to, what, how much."""

    host: str
    port: int
    template: str
    """The request (hub.bench.requests), its bytes as Latin-1 text."""
    events: int
    """Events in one request."""
    stamped: bool
    connections: int
    seconds: float
    warm_up: float
    rate: float | None
    """Events per second; None: each connection sends as soon as it is answered."""
    credentials: Credentials | None = None
    requests: int | None = None
    """End after so many requests; None: after the time."""
    first: int = 0
    """Number of the first event."""
    numbers: int = 0
    """The request's number is taken modulo this; 0: as it is."""

    def encode(self) -> bytes:
        """Return the line."""
        return orjson.dumps(asdict(self)) + b"\n"

    @classmethod
    def decode(cls, line: bytes) -> "Plan":
        """Return the plan of a line."""
        fields = orjson.loads(line)
        credentials = fields.pop("credentials")
        return cls(**fields, credentials=Credentials(**credentials) if credentials else None)
