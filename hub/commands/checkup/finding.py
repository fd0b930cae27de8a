"""One line of the doctor: what was looked at, how it is, and what to do about it."""

from dataclasses import asdict, dataclass
from typing import Literal

Level = Literal["ok", "warn", "fail"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found out about one thing."""

    name: str
    level: Level
    text: str
    advice: str = ""
    """What to do; empty when all is well."""

    def as_document(self) -> dict[str, str]:
        """Return it for programs."""
        return asdict(self)


def ok(name: str, text: str) -> Finding:
    """Return that all is well."""
    return Finding(name, "ok", text)


def warn(name: str, text: str, advice: str) -> Finding:
    """Return what works now and may not for long."""
    return Finding(name, "warn", text, advice)


def fail(name: str, text: str, advice: str) -> Finding:
    """Return what does not work."""
    return Finding(name, "fail", text, advice)


def size_text(count: float) -> str:
    """Return a number of bytes for people."""
    if count >= 1024**3:
        return f"{count / 1024**3:.1f} GiB"
    return f"{count / 1024**2:.0f} MiB" if count >= 1024**2 else f"{count / 1024:.0f} KiB"
