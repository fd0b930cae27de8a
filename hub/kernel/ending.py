"""Ends tasks for good: before Python 3.12 `asyncio.wait_for`, ours and the libraries', may swallow a cancellation."""

import asyncio
from typing import Any

_HEARD_SECONDS = 0.1


async def end(task: "asyncio.Task[Any] | None") -> None:
    """Cancel a task until it has ended, however that is; its outcome is nobody's any more."""
    while task is not None and not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=_HEARD_SECONDS)
    if task is not None and not task.cancelled():
        task.exception()
