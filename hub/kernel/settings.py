"""Settings of what every process shares: the data directory, the event store, listeners, logs.

Each field's paragraph says what it means, its unit and why this default; `hub settings` prints them.
"""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field, IPvAnyNetwork, SecretStr


class NatsSettings(BaseModel):
    """The event store: the embedded nats-server, or a server or cluster of yours."""

    url: SecretStr | None = Field(None, description="""URL of an existing server or cluster (commas between several,
        credentials in the URL). Absent: `hub up` starts the bundled nats-server and everything reads its address from
        `<data_dir>/run/nats.json`.""")
    port: int | None = Field(None, ge=1, le=65535, description="""Port of the embedded server on 127.0.0.1. Absent: a
        free one, chosen at the first start and kept, so that workers find it again after its restart.""")
    sync: str = Field("2m", description="""When the embedded server flushes to disk: `always` (every event before it is
        acknowledged: `Hub-Durability: synced`) or an interval such as `2m`. A killed process loses nothing either way;
        the interval matters when the machine loses power.""")
    replicas: int = Field(1, ge=1, le=5, description="""Copies of each stream; 3 needs a cluster.""")
    ca_file: Path | None = Field(None, description="""Authorities (PEM) that the certificate of your server must be
        signed by. Absent: those of the system, for URLs that begin with `tls://`.""")
    certificate_file: Path | None = Field(None, description="""Client certificate (PEM) by which your server knows this
        worker and what it may do: a credential that is never sent. Read when the worker starts.""")
    key_file: Path | None = Field(None, description="""Private key (PEM) of the client certificate.""")
    inbox_prefix: str = Field("_INBOX", pattern=r"[^\s.*>]+", description="""First token of the subjects on which
        answers come; one for each credential keeps workers from hearing each other's.""")
    declare_layout: bool = Field(True, description="""Whether workers prepare streams and buckets. Off
        where their credentials may not: `hub nats declare` does it, and workers wait for it.""")
    wait_seconds: float = Field(60, ge=0, description="""Seconds for which a worker that starts waits for your server or
        cluster: until it answers, has chosen its leaders and holds streams and buckets.""")


class StreamSettings(BaseModel):
    """How much the event store keeps."""

    max_bytes: int = Field(10 * 1024**3, ge=1024, description="""Bytes that the stream EVENTS may hold. When it is full
        new events are refused with 507 and `Retry-After`; unread ones are never discarded.""")
    clear_above: float = Field(0.7, gt=0, lt=1, description="""Share of `max_bytes` above which the oldest events that
        every Subscription has done with are cleared. Below it they stay, for replay.""")
    warn_above: float = Field(0.9, gt=0, le=1, description="""Share of `max_bytes` from which the hub warns: so much is
        unread.""")
    janitor_seconds: float = Field(5, gt=0, description="""Seconds between two looks at how full the event store
        is.""")
    max_age_hours: float = Field(168, gt=0, description="""Hours an accepted event is kept, delivered or not.""")
    duplicate_window_seconds: float = Field(120, gt=0, description="""Seconds within which a repeated post (same source
        and id) is acknowledged as duplicate and not stored again.""")
    attempts_max_age_hours: float = Field(24, gt=0, description="""Hours the record of delivery attempts is kept.""")
    traces_max_bytes: int = Field(64 * 1024**2, ge=1024**2, description="""Bytes of the spans kept for `hub trace`; the
        oldest make room.""")
    traces_max_age_hours: float = Field(24, gt=0, description="""Hours those spans are kept at most.""")


class ListenerSettings(BaseModel):
    """One HTTP listener."""

    host: str = Field("127.0.0.1", description="""Address to bind.""")
    port: int = Field(ge=0, le=65535, description="""Port to bind; 0 takes a free one (tests).""")
    concurrency: int = Field(2000, ge=1, description="""Requests in hand at once; more are answered 503.""")
    receive_seconds: float = Field(60, gt=0, description="""Seconds within which a request must have come in whole;
        slower ones are answered 408 and closed.""")
    keep_alive_seconds: int = Field(75, ge=1, description="""Idle seconds after which a connection is closed.""")


class EdgeSettings(ListenerSettings):
    """The listener of connected solutions: TLS, client certificates."""

    port: int = Field(8443, ge=0, le=65535, description="""Port to bind.""")
    url: str | None = Field(None, description="""Address under which solutions reach the edge, as written into pairing
        answers. Absent: `https://localhost:<port>`.""")
    hostnames: list[str] = Field(["localhost", "127.0.0.1", "::1"], description="""Names and addresses in the edge's
        server certificate.""")
    trusted_proxies: list[IPvAnyNetwork] = Field(default_factory=list, description="""Networks (CIDR) of proxies that
        end TLS in front of the edge and say in `X-Forwarded-Client-Cert` whose certificate they checked. From any other
        address the header is passed over. Such a proxy must ask its callers for certificates of the hub's authority and
        must not pass on a header of theirs. Empty: nobody is believed.""")

    @property
    def base_url(self) -> str:
        """Return the address of the edge without a trailing slash."""
        return (self.url or f"https://localhost:{self.port}").rstrip("/")


class PublicSettings(ListenerSettings):
    """The listener of people and tools."""

    port: int = Field(8080, ge=0, le=65535, description="""Port to bind.""")


class InternalSettings(ListenerSettings):
    """The listener of functions and services on this side; loopback only by default."""

    port: int = Field(8081, ge=0, le=65535, description="""Port to bind.""")


class MetricsSettings(BaseModel):
    """Metrics and health of each process, on a loopback port of its own."""

    host: str = Field("127.0.0.1", description="""Address to bind.""")
    base_port: int = Field(0, ge=0, le=65535, description="""0: each process takes a free port, shown by `hub status`;
        else that of the first process that `hub up` starts, the next ones for the others, in the order of the Procfile.
        A process of its own (`hub run`) takes this very port.""")


class LogSettings(BaseModel):
    """What is logged and how."""

    level: Literal["debug", "info", "warning", "error"] = Field("info", description="""Lowest level written.""")
    format: Literal["auto", "json", "text"] = Field("auto", description="""JSON lines, or coloured text; `auto` chooses
        text on a terminal.""")


class KeySettings(BaseModel):
    """The master key that seals everything secret at rest."""

    master: SecretStr | None = Field(None, description="""32 bytes as base64. Two, separated by a comma, while keys
        are exchanged: the first seals, both open. Absent: what `command` prints, or else the file.""")
    command: str | None = Field(None, description="""Command that prints the master key as base64 (two lines while keys
        are exchanged), for a vault's own tool. Run once by each process at its start, without a shell.""")
    file: Path | None = Field(None, description="""File of the master key. Absent: `<data_dir>/master.key`. Made at the
        first start, readable by its owner only; `hub secrets rotate` exchanges the key in it.""")


class KernelSettings(BaseModel):
    """What the kernel needs of the settings tree."""

    data_dir: Path
    stop_seconds: float
    nats: NatsSettings
    streams: StreamSettings
    edge: EdgeSettings
    public: PublicSettings
    internal: InternalSettings
    metrics: MetricsSettings
    logs: LogSettings
    keys: KeySettings
