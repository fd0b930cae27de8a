"""What people do with revisions: look at them, go back to one, share the calls out, compare a shadow.

Answers of the worker to requests on the bus. Whatever changes a Function goes over its desk like an applied manifest,
under the `resourceVersion` that was looked at, so that two people do not undo each other's work unseen.
"""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from hub.functions.history import spec_again, target_of
from hub.functions.routing import FIELDS, route_of
from hub.functions.runtime.fleet import Fleet
from hub.functions.store import FunctionStore
from hub.kernel.desk import Answer, Desk
from hub.kernel.errors import InvalidField, NotFound
from hub.kernel.resource import DEFAULT_SCOPE, Resource, need_name, resource_key

_NO_CALLS = {"calls": 0, "failures": 0, "errorPercent": 0.0, "p50Milliseconds": 0.0, "p99Milliseconds": 0.0}


class Revisions:
    """Answers about revisions of Functions."""

    def __init__(self, desk: Desk, store: FunctionStore, fleet: Fleet) -> None:
        """Take where Functions are changed, where revisions are kept, and where they run."""
        self._desk = desk
        self._store = store
        self._fleet = fleet

    async def list(self, request: dict[str, Any]) -> Answer:
        """Return the revisions of a Function that are kept, the newest first.

        Args:
            request: `{"name", "scope"}`.

        Returns:
            `{"revisions": [{"number", "at", "ready", "reason", "commit", "percent", "shadow", "calls", ...}]}`; calls
            and times are those of this process since the revision was brought up in it.
        """
        function = await self._function(request)
        history = await self._store.history(function.key)
        newest = history.newest
        route = route_of(function.spec, newest.number if newest else function.generation)
        shares = dict(route.shares)
        running = {each.number: each for each in reversed(self._fleet.running(function.key))}
        rows = []
        for known in reversed(history.revisions):
            found = running.get(known.number)
            live = found.meter.summary() | {"instances": found.worker.instances} if found else _NO_CALLS
            told = {name: value for name, value in asdict(known).items() if name != "digest"}
            rows.append(
                told | live | {"percent": shares.get(known.number, 0), "shadow": known.number == route.shadow}
            )
        return {"revisions": rows}

    async def rollback(self, request: dict[str, Any]) -> Answer:
        """Deploy an earlier revision again, as a new one that gets all calls.

        Args:
            request: `{"name", "scope", "to"}`; without `to` the newest earlier one that has answered.

        Returns:
            The answer of the desk, with `to`.

        Raises:
            NotFound: there is no such Function or revision.
        """
        function = await self._function(request)
        to = request.get("to")
        if to is not None and (isinstance(to, bool) or not isinstance(to, int)):
            raise InvalidField("to must be the number of a revision.", field="to")
        target = target_of(await self._store.history(function.key), to)
        spec = await self._store.spec_of(function.key, target.number)
        if spec is None:
            raise NotFound(f"Revision {target.number} is not kept any more.")
        return await self._apply(function, spec_again(spec, target)) | {"to": target.number}

    async def route(self, request: dict[str, Any]) -> Answer:
        """Share the calls of a Function out.

        Args:
            request: `{"name", "scope"}` with `traffic` and `shadow` as in the spec; what is absent is taken away.

        Raises:
            NotFound: there is no such Function, or one of the revisions is not kept.
            InvalidField: the shares are none.
        """
        function = await self._function(request)
        spec = {name: value for name, value in function.spec.items() if name not in FIELDS}
        spec |= {name: request[name] for name in FIELDS if request.get(name)}
        history = await self._store.history(function.key)
        named = [*(request.get("traffic") or []), *filter(None, (request.get("shadow"),))]
        for each in named:
            number = each.get("revision") if isinstance(each, dict) else None
            if isinstance(number, int) and history.find(number) is None:
                target_of(history, number)
        return await self._apply(function, spec)

    async def compare(self, request: dict[str, Any]) -> Answer:
        """Return what the shadow of a Function made of the same events, as this process saw it.

        Raises:
            NotFound: it has no shadow.
        """
        function = await self._function(request)
        shadow = self._fleet.lineups.shadows.get(function.key)
        if shadow is None:
            lineup = self._fleet.lineups.found.get(function.key)
            why = "; ".join(lineup.problems) if lineup and lineup.problems else "see `hub function route --shadow`"
            raise NotFound(f"Function '{function.name}' in scope '{function.scope}' has no shadow: {why}.")
        return shadow.comparison.told()

    async def _apply(self, function: Resource, spec: Mapping[str, Any]) -> Answer:
        document = function.to_document() | {"spec": dict(spec)}
        return await self._desk.apply({"document": document, "scope": function.scope})

    async def _function(self, request: Mapping[str, Any]) -> Resource:
        name = need_name(request.get("name"), "name")
        scope = need_name(request.get("scope") or DEFAULT_SCOPE, "scope")
        entry = await self._desk.bucket.get(resource_key(scope, name))
        if entry is None:
            raise NotFound(f"Function '{name}' does not exist in scope '{scope}'.", name=name)
        return entry.value


