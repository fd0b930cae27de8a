"""Settings of `hub up`: how it supervises the processes it starts."""

from pathlib import Path

from pydantic import BaseModel, Field


class UpSettings(BaseModel):
    """How processes are started, restarted and given up."""

    procfile: Path | None = Field(None, description="""File with one line per process (`name: command`). Absent: the
        Procfile that comes with the hub.""")
    preload: bool = Field(True, description="""Fork the workers from one process that has imported everything, while
        the hub starts: three times as fast, and they share memory. Linux only; elsewhere, and for what is started
        again later, each worker is an interpreter of its own.""")
    quick_failures: int = Field(10, ge=1, description="""How often in a row a process may die before it was healthy.
        Then `hub up` shows its last log lines, stops everything and ends with status 1: a hub that looks alive
        while a part of it never starts helps nobody.""")
    backoff_seconds: float = Field(0.2, gt=0, description="""Pause before the first restart; doubles with each quick
        failure.""")
    backoff_max_seconds: float = Field(10, gt=0, description="""Longest pause before a restart.""")
    healthy_seconds: float = Field(30, gt=0, description="""A process that served this long has recovered: its
        next death counts as the first.""")
    start_seconds: float = Field(60, gt=0, description="""A process that is not ready after this many seconds is
        killed and counts as failed. The event store has ten times as long: it may have a lot to recover.""")
    log_limit_bytes: int = Field(10 * 1024**2, ge=4096, description="""Size at which a log file is set aside as
        `<name>.log.1`, replacing the one before.""")
