"""Kills one process of the running demo, again and again: what the demo claims must hold all the same.

The moments are steps of the demo, not times, so that a run on a slow machine is hit where a run on a fast one is.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from hub.demo.sink import Sink
from hub.kernel.errors import InvalidInput, UpstreamUnavailable
from hub.up.client import RunningHub

FUNCTION = "function"
PROCESSES = ("edge", "inside", "dispatch", "control", "nats-server", FUNCTION)
"""What can be killed: the processes of the hub, and the one in which the Function runs."""

Moment = Literal["first manifest", "solution started", "early post", "late post", "last post", "replay"]
POSTS: dict[int, Moment] = {10: "early post", 120: "late post"}
"""Moments by the number of events that have been answered."""

LIMIT_SECONDS = 30.0
_POLL_SECONDS = 0.02


@dataclass
class Faults:
    """Who is to be killed, and at which moments that happened."""

    hub: RunningHub
    sink: Sink
    names: tuple[str, ...] = ()
    struck: list[tuple[str, Moment]] = field(default_factory=list)
    _killed: dict[str, int] = field(default_factory=dict)
    """The pid that was last killed of each process: until its death is noticed it is said to be ready."""

    async def strike(self, moment: Moment) -> None:
        """Kill whoever is to be killed, with a signal that nothing can catch; once at each moment.

        The Function's process dies in the middle of its next event: the sink kills it before it answers it.

        Raises:
            UpstreamUnavailable: the process does not come back from the kill before this one.
        """
        if any(when == moment for _, when in self.struck):
            return  # a solution that has to start again must not be hit for ever
        for name in self.names:
            if name == FUNCTION:
                self.sink.kill_next_caller()
            else:
                await self._kill(name)
            self.struck.append((name, moment))

    async def _kill(self, name: str) -> None:
        limit = time.monotonic() + LIMIT_SECONDS
        while not self._is_back(name):
            if time.monotonic() > limit:
                raise UpstreamUnavailable(f"Process '{name}' is not back {LIMIT_SECONDS:.0f} s after it was killed.")
            await asyncio.sleep(_POLL_SECONDS)
        self._killed[name] = self.hub.kill(name)

    def _is_back(self, name: str) -> bool:
        process = self.hub.processes()[name]
        return bool(process["state"] == "ready" and process["pid"] != self._killed.get(name))


def check(names: Sequence[str]) -> tuple[str, ...]:
    """Return the names if the demo can kill each of them.

    Raises:
        InvalidInput: one is none; the text names those there are.
    """
    unknown = [name for name in names if name not in PROCESSES]
    if unknown:
        raise InvalidInput(f"The demo cannot kill '{unknown[0]}'; it can kill {', '.join(PROCESSES)}.")
    return tuple(dict.fromkeys(names))
