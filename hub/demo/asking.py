"""Asks the workers of a hub whose processes come and go: again and again, until they are there to answer."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from hub.commands.session import Session
from hub.kernel.errors import HubError, UpstreamUnavailable
from hub.kernel.resource import Resource

T = TypeVar("T")

READY_LIMIT_SECONDS = 60.0
ASK_SECONDS = 2.0
_POLL_SECONDS = 0.1
_READY = ("Ready", "Subscription active")


@dataclass(frozen=True)
class Asking:
    """A session with such a hub."""

    session: Session

    async def ask(self, plural: str, verb: str, request: dict[str, Any]) -> dict[str, Any]:
        """Ask a worker, again while it is away: what is asked for here may be asked twice.

        Raises:
            HubError: it refused, or is away for too long.
        """
        return await _persist(lambda: self.session.ask(plural, verb, request, timeout_seconds=ASK_SECONDS))

    async def resources(self, plural: str) -> list[Resource]:
        """Return all resources of a kind; asks as `ask` does."""
        return await _persist(lambda: self.session.resources(plural))

    async def await_ready(self, plural: str, number: int) -> None:
        """Return when as many resources of a kind say that they are ready.

        Raises:
            UpstreamUnavailable: they do not in time; the text holds what they say.
        """
        limit = time.monotonic() + READY_LIMIT_SECONDS
        while True:
            found = await self.resources(plural)
            if sum(_is_ready(each.status) for each in found) == number:
                return
            if time.monotonic() > limit:
                said = [{each.name: each.status.get("conditions", each.status)} for each in found]
                raise UpstreamUnavailable(f"The {plural} are not ready after {READY_LIMIT_SECONDS:.0f} s: {said}.")
            await asyncio.sleep(_POLL_SECONDS)


async def _persist(action: Callable[[], Awaitable[T]]) -> T:
    limit = time.monotonic() + READY_LIMIT_SECONDS
    while True:
        try:
            return await action()
        except HubError as error:
            if not error.retry or time.monotonic() > limit:
                raise
        await asyncio.sleep(_POLL_SECONDS)


def _is_ready(status: dict[str, Any]) -> bool:
    conditions = status.get("conditions") or []
    active = any(each.get("type") in _READY and str(each.get("status")) == "True" for each in conditions)
    return status.get("ready") is True or active
