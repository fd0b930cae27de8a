"""What the worker `functions` speaks about: invocations, their answers, and what it takes to launch a Function."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


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


@dataclass(frozen=True, slots=True)
class Answer:
    """What a Function answered; with a failure when its handler raised or took too long."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class Launch:
    """All it takes to start a process of a Function."""

    label: str
    """`<scope>.<name>`, as in subjects and file names."""
    source: str
    """Directory that holds `handler.py`; the process's working directory and home."""
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
