"""What operators ask: how the connection is, what a synchronization would do, and to do it now."""

import asyncio
from dataclasses import asdict, dataclass, replace
from typing import Any

from hub.compass import condition
from hub.compass.agent import Agent
from hub.compass.alerting import alerts
from hub.compass.kinds import NAME
from hub.compass.model import Pairing
from hub.compass.store import KEY, Connections
from hub.kernel.desk import Answer
from hub.kernel.errors import HubError, InvalidInput, UpstreamUnavailable
from hub.kernel.resource import Resource
from hub.kernel.state import View

_WAIT_SECONDS = 240.0
_LOOK_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Operating:
    """Answers operators; any process may."""

    agent: Agent
    connections: Connections
    view: View[Resource]

    async def status(self, _request: dict[str, Any]) -> Answer:
        """Return mode, pairing (without its token), connection and alerts."""
        connection = await self.connections.read()
        problem = ""
        try:
            pairing = self.agent.connection.secrets.pairing()
        except HubError as error:
            pairing, problem = None, error.detail
        mode = "compass" if pairing is not None or problem else "standalone"
        settings = self.agent.settings
        found = alerts(
            connection.status if connection else {},
            self.agent.connection.clock.now(),
            interval_seconds=settings.interval_seconds,
            renewal_share=settings.renewal_share,
        )
        return {
            "mode": mode,
            "pairing": _shown(pairing) if pairing is not None else None,
            "connection": connection.to_document() if connection else None,
            "alerts": [*([problem] if problem else []), *(found if mode == "compass" else [])],
        }

    async def preview(self, _request: dict[str, Any]) -> Answer:
        """Return what a synchronization would do, and why."""
        outcome = await self.agent.preview()
        return {
            **condition.counted(outcome),
            "create": sorted(outcome.created),
            "update": sorted(outcome.updated),
            "remove": sorted(outcome.removed),
            "changes": {name: list(changes) for name, changes in sorted(outcome.changes.items())},
            "withheldRemovals": list(outcome.removals.withheld),
            "reason": outcome.removals.reason,
            "failures": [asdict(failure) for failure in outcome.failures],
            "problems": {name: list(problems) for name, problems in sorted(outcome.problems.items())},
        }

    async def synchronize(self, request: dict[str, Any]) -> Answer:
        """Have a synchronization made now, and return the status after it: `{"acceptRemovals": bool}`.

        Raises:
            InvalidInput: the hub stands alone.
            UpstreamUnavailable: it has not ended in time.
        """
        if self.agent.connection.secrets.pairing() is None:
            raise InvalidInput("The hub is not connected with Compass; pair it first: hub compass pair")
        wish: dict[str, Any] = {"resyncNow": True}
        if request.get("acceptRemovals"):
            wish["acceptRemovals"] = True
        generation = await self._wished(wish)
        try:
            async with asyncio.timeout(_WAIT_SECONDS):
                while (found := self._seen(generation)) is None:  # noqa: ASYNC110 - whoever hears a view hears it for good
                    await asyncio.sleep(_LOOK_SECONDS)
        except TimeoutError as error:
            raise UpstreamUnavailable("The synchronization has not ended yet; see hub compass status.") from error
        return {"connection": found.to_document()}

    async def _wished(self, wish: dict[str, Any]) -> int:
        """Write a wish into the connection's spec; returns the generation that holds it."""

        def change(old: Resource) -> Resource:
            # A wish that stands there already is made anew: an attempt that is under way may not know of it.
            is_repeated = old.spec == old.spec | wish
            return replace(old, spec=old.spec | wish, generation=old.generation + (1 if is_repeated else 0))

        return (await self.connections.change(change)).generation

    def _seen(self, generation: int) -> Resource | None:
        found = self.view.get(KEY)
        observed = int(found.status.get("observedGeneration", 0)) if found is not None and found.name == NAME else -1
        return found if observed >= generation else None


def _shown(pairing: Pairing) -> dict[str, str]:
    """Return a pairing without its token."""
    return {"connectorUrl": pairing.connector_url, "runtimeId": pairing.runtime_id, "tenant": pairing.tenant}
