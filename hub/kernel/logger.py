"""A logger for modules that commands import too: structlog comes with the first line, for it takes long to load.

What is logged through it is seldom; the hot path has structlog's own.
"""

import sys
from typing import Any


class _Logger:
    """Passes everything on to structlog's logger, which is looked up each time."""

    is_silent = False
    """Whether structlog is to be told so when it comes."""

    def __getattr__(self, method: str) -> Any:
        import structlog

        if self.is_silent:
            self.is_silent = False
            _silence()
        return getattr(structlog.get_logger(), method)


def silence() -> None:
    """Log nothing below critical in this process: now, or when structlog comes."""
    if "structlog" in sys.modules:
        _silence()
    else:
        log.is_silent = True


def _silence() -> None:
    import logging

    import structlog

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))


log = _Logger()
