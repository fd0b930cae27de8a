"""A logger for what commands import too: structlog comes with the first line, for it takes as long as all the rest.

A command is silent: it speaks for itself, on its own standard output and standard error.
"""

import sys
from typing import Any


class _Logger:
    """Passes everything on to structlog's logger, which is looked up each time: not for the hot path."""

    silent = False

    def __getattr__(self, method: str) -> Any:
        if self.silent and "structlog" not in sys.modules:
            self.silence()
        import structlog

        return getattr(structlog.get_logger(), method)

    def silence(self) -> None:
        """Log nothing below critical in this process; structlog is told when it is there."""
        import logging

        import structlog

        self.silent = True
        structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))


log = _Logger()
