"""A logger for modules that commands import too: structlog comes with the first line, for it takes long to load.

What is logged through it is seldom; the hot path has structlog's own.
"""

import sys
from typing import Any

_silenced = False


class _Logger:
    """Passes everything on to structlog's logger, which is looked up each time."""

    def __getattr__(self, method: str) -> Any:
        import structlog

        if _silenced:
            _silence()
        return getattr(structlog.get_logger(), method)


def silence() -> None:
    """Log nothing below critical in this process, now or when structlog comes."""
    global _silenced  # noqa: PLW0603 - a property of the process, like structlog's own configuration
    _silenced = True
    if "structlog" in sys.modules:
        _silence()


def _silence() -> None:
    import logging

    import structlog

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))


log = _Logger()
