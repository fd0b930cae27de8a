"""What the worker `functions` speaks about: invocations, their answers, and what it takes to launch a Function."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Invocation:
    """One call of a Function: an event, or a request over HTTP."""

    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    method: str = "POST"
    path: str = "/"
    query: str = ""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an invocation failed inside the Function: the error, and where in the Function's own source."""

    type: str
    message: str
    file: str = ""
    line: int = 0

    def sentence(self) -> str:
        """Return the failure on one line."""
        where = f" ({self.file}, line {self.line})" if self.line else ""
        return f"{self.type}: {self.message}{where}".replace("\r", " ").replace("\n", " ")


class Rest(Protocol):
    """The part of an answer that is still to come: iterate over it, or close it to have the Function stop."""

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Return the parts as they come; raises `UpstreamUnavailable` when the Function ends in the middle."""
        ...

    def close(self) -> None:
        """Want no more."""
        ...


@dataclass(frozen=True, slots=True)
class Answer:
    """What a Function answered; with a failure when its handler raised or took too long."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    failure: Failure | None = None
    rest: Rest | None = None
    """What comes after the body, for an answer in parts."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a process of a Function may use of the machine."""

    memory_bytes: int = 1024**3
    cpus: float = 1.0
    processes: int = 256
    open_files: int = 1024
    readable: tuple[str, ...] = ()
    """Paths it may read, besides those it may write; none of both: whatever the hub's own user may."""
    writable: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Launch:
    """All it takes to start a process of a Function."""

    label: str
    """`<scope>.<name>`, as in subjects and file names."""
    source: str
    """Directory that holds `handler.py` or `handler.js`; the process's working directory and home."""
    libraries: tuple[str, ...]
    """Directories of installed dependencies."""
    environment: Mapping[str, str]
    context: Mapping[str, Any]
    """The handler's second argument."""
    log: str
    """The log file."""
    timeout_seconds: float
    concurrency: int
    log_limit_bytes: int
    body_limit_bytes: int = 10 * 1024 * 1024
    node: str = ""
    """The Node interpreter, for a Function that runs on it; empty: the hub's own Python."""
    style: str = "event"
    """How the handler is called; see `runtimes.style_of`."""
    least: int = 1
    most: int = 1
    """How many processes there are at rest, and at most."""
    idle_seconds: float = 300.0
    limits: Limits = Limits()
    mounts: Mapping[str, str] = field(default_factory=dict)
    """Path the Function reads a Secret at → directory that holds its values."""
    sealed: tuple[str, ...] = ()
    """Names of environment variables whose values are secret: blotted out of what the process prints."""
    grouped: bool = True
    """Whether to use control groups where the machine offers them."""
