"""Logs: events with fields, one JSON line each; coloured text on a terminal.

An event's name is `noun.participle`. Bodies, tokens, keys and credentials are never logged; a redaction step removes
fields with such names as a second belt.
"""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

from hub.kernel.settings import LogSettings

LOG_EVENTS = (
    "room.started", "room.stopped", "process.ready", "process.stopping", "request.finished", "bug.caught",
    "broker.reconnected", "broker.disconnected", "broker.failed", "store.awaited", "view.interrupted",
    "layout.declared", "layout.differing", "view.value_unreadable",
    "message.retry_scheduled", "message.dead_lettered", "library.logged",
)  # fmt: skip
"""Names of the events that the kernel logs."""

_SECRET = re.compile(r"password|secret|token|authorization|private|credential|api_?key|master|cookie", re.IGNORECASE)
_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}


def configure(settings: LogSettings, process: str = "") -> None:
    """Set up logging for this process."""
    text = settings.format == "text" or (settings.format == "auto" and sys.stdout.isatty())
    console = [escape, structlog.dev.ConsoleRenderer(repr_native_str=True)]
    last: list[Any] = console if text else [structlog.processors.JSONRenderer()]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            redact,
            structlog.processors.format_exc_info,
            *last,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[settings.level]),
        logger_factory=structlog.PrintLoggerFactory(sys.stdout),
        cache_logger_on_first_use=True,
    )
    if process:
        structlog.contextvars.bind_contextvars(process=process)
    _quiet_libraries()


def redact(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replace the values of fields whose names speak of secrets."""
    for name in event:
        if _SECRET.search(name):
            event[name] = "***"
    return event


def escape(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Make a traceback harmless for a terminal and unlike lines of the log: escaped, and indented."""
    if "exception" in event:
        event["exception"] = "\n".join(f"  {ascii(line)[1:-1]}" for line in event["exception"].split("\n"))
    return event


class _Forward(logging.Handler):
    """Warnings of libraries, as one of our events."""

    def emit(self, record: logging.LogRecord) -> None:
        structlog.get_logger().warning("library.logged", library=record.name, text=record.getMessage())


def _quiet_libraries() -> None:
    root = logging.getLogger()
    root.handlers[:] = [_Forward()]
    root.setLevel(logging.WARNING)
    # The client logs every lost connection with a traceback; `broker.disconnected` says it in one line.
    logging.getLogger("nats").setLevel(logging.CRITICAL)
    # Broken requests of clients are answered 400 and counted, not worth a line each.
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
