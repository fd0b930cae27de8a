"""What the supervisor is told: plain values, so that it needs neither pydantic nor the rooms.

The supervisor lives as long as the hub and should weigh little. `hub up` therefore reads the settings, boils them down
to this plan and replaces itself by a process that imports the standard library only.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Listener:
    """A port that one of the processes will bind."""

    name: str
    scheme: str
    host: str
    port: int
    setting: str
    """What its settings begin with, such as HUB_EDGE."""
    port_name: str = "PORT"

    @property
    def port_setting(self) -> str:
        """Return the setting that chooses the port."""
        return f"{self.setting}__{self.port_name}"

    @property
    def url(self) -> str:
        """Return the address for people on this machine."""
        host = "localhost" if self.host in {"127.0.0.1", "0.0.0.0", "::", "::1", ""} else self.host  # noqa: S104 - compared, not bound
        return f"{self.scheme}://{f'[{host}]' if ':' in host else host}:{self.port}"


@dataclass(frozen=True)
class Program:
    """One line of the Procfile."""

    name: str
    command: str


@dataclass(frozen=True)
class Limits:
    """When to restart, when to give up, how long to wait; all in seconds unless the name says otherwise."""

    stop_seconds: float = 10
    quick_failures: int = 10
    backoff_seconds: float = 0.2
    backoff_max_seconds: float = 10
    healthy_seconds: float = 30
    start_seconds: float = 60
    log_limit_bytes: int = 10 * 1024**2


@dataclass(frozen=True)
class Nats:
    """The embedded nats-server: a port (None: chosen once and kept) and when it flushes to disk."""

    port: int | None = None
    sync: str = "2m"


@dataclass(frozen=True)
class Plan:
    """Everything `hub up` will do."""

    data_dir: Path
    programs: tuple[Program, ...]
    listeners: tuple[Listener, ...] = ()
    metrics: tuple[Listener, ...] = ()
    """Where each program shows its metrics, in their order; empty when each takes a free port."""
    nats: Nats | None = Nats()
    limits: Limits = Limits()
    preload: bool = False
    color: bool = False

    def to_json(self) -> str:
        """Return the plan as JSON; it holds no secret."""
        return json.dumps({**asdict(self), "data_dir": str(self.data_dir)})

    @classmethod
    def from_json(cls, text: str) -> "Plan":
        """Read back what `to_json` wrote."""
        document = json.loads(text)
        nats = document["nats"]
        return cls(
            data_dir=Path(document["data_dir"]),
            programs=tuple(Program(**entry) for entry in document["programs"]),
            listeners=tuple(Listener(**entry) for entry in document["listeners"]),
            metrics=tuple(Listener(**entry) for entry in document["metrics"]),
            nats=None if nats is None else Nats(**nats),
            limits=Limits(**document["limits"]),
            preload=document["preload"],
            color=document["color"],
        )
