"""The Director's answers: what a runtime, an application or the landscape's admin sees and may do."""

# ruff: noqa: A002, N803 - arguments are named as the schema names them

import base64
import binascii
import re
import uuid
from collections.abc import Callable, Sequence
from typing import Any

from tests.doubles.compass import eventing, instances, tokens
from tests.doubles.compass.names import normalized
from tests.doubles.compass.world import Application, Node, Refused, Runtime, SystemAuth, World, internal, new_id

_CURSOR = "DpKtJ4j9jDq"


def cursor_of(offset: int) -> str:
    """Return the cursor of a position."""
    return base64.b64encode(f"{_CURSOR}{offset}".encode()).decode()


def offset_of(cursor: str | None) -> int:
    """Return the position of a cursor."""
    if not cursor:
        return 0
    try:
        offset = int(base64.b64decode(cursor, validate=True).decode().removeprefix(_CURSOR))
    except (binascii.Error, ValueError) as error:
        raise Refused("cursor is not correct", "InternalError", 10) from error
    if offset < 0:
        raise Refused("cursor is not correct", "InternalError", 10)
    return offset


class Director:
    """One caller's Director."""

    def __init__(
        self, world: World, caller: SystemAuth | None, tenant: str, connector_url: str, *, suggested: bool = False
    ) -> None:
        """Answer for a caller; None is the admin."""
        self.suggested = suggested
        """Whether tokens are to come in the form that the application's client can use."""
        self.world = world
        self.caller = caller
        self.tenant = tenant
        self.connector_url = connector_url

    def root(self) -> dict[str, Callable[..., Any]]:
        """Return the resolvers of queries and mutations."""
        names = (
            "viewer", "runtime", "application", "applicationsForRuntime", "registerRuntime", "unregisterRuntime",
            "setRuntimeLabel", "deleteRuntimeLabel", "registerApplication", "unregisterApplication",
            "requestOneTimeTokenForRuntime", "requestOneTimeTokenForApplication", "assignFormation",
            "unassignFormation",
        )  # fmt: skip
        own = {name: getattr(self, re.sub(r"[A-Z]", lambda found: f"_{found[0].lower()}", name)) for name in names}
        parts = instances.Instances(self.world, self.caller), eventing.Eventing(self.world, self.caller)
        return own | parts[0].root() | parts[1].root()

    def _need(self, kind: str, scope: str) -> None:
        """Refuse a caller who is neither the admin nor of a kind."""
        if self.caller is not None and self.caller.kind != kind:
            raise Refused(f"insufficient scopes provided [required={scope}]", "InsufficientScopes", 23)

    def _runtime(self, runtime_id: str) -> Runtime:
        try:
            uuid.UUID(runtime_id)
        except ValueError as error:
            raise internal(str(error)) from error
        found = self.world.runtimes.get(runtime_id)
        if found is None or found.tenant != self.tenant:
            raise Refused("Invalid data [reason=runtime does not exist]", "InvalidData", 22)
        return found

    def viewer(self, _info: Any) -> Node:
        """Tell a caller who it is."""
        if self.caller is None:
            return {"id": "admin", "type": "USER"}
        return {"id": self.caller.object_id, "type": self.caller.kind}

    def runtime(self, _info: Any, id: str) -> Node | None:
        """Return a runtime; null without an error when there is none."""
        found = self.world.runtimes.get(id)
        return self._shown_runtime(found) if found is not None and found.tenant == self.tenant else None

    def _shown_runtime(self, found: Runtime) -> Node:
        url = found.labels.get("runtime_eventServiceUrl", "")
        return {
            "id": found.id, "name": found.name, "description": None, "status": _status(found.status),
            "labels": lambda _info, key=None: _labels(found.labels, key), "eventingConfiguration": {"defaultURL": url},
        }  # fmt: skip

    def applications_for_runtime(self, _info: Any, runtimeID: str, first: int, after: str | None = None) -> Node:
        """Return the applications of a runtime, names normalized unless its labels say no."""
        self._need("RUNTIME", "application:read")
        runtime = self._runtime(runtimeID)
        if first < 1:
            raise Refused("Invalid data [reason=page size cannot be smaller than 1]", "InvalidData", 22)
        seen = self.world.seen_by(runtime)
        return self._page(seen, first, after, lambda each: self._shown(each, runtime))

    def application(self, _info: Any, id: str) -> Node | None:
        """Return an application by its id, its name as registered."""
        found = self.world.applications.get(id)
        if found is None or found.tenant != self.tenant:
            return None
        runtime = self.world.runtimes.get(self.caller.object_id) if self.caller else None
        if runtime is not None and found not in self.world.seen_by(runtime):
            reason = "requesting runtime should be in same scenario as the requested application resource"
            raise Refused(f"The operation is not allowed [reason={reason}]", "InvalidOperation", 27)
        return self._shown(found, runtime) | {"name": found.name}

    def _page(self, items: Sequence[Any], first: int, after: str | None, show: Callable[[Any], Node]) -> Node:
        start = offset_of(after)
        end = start + min(first, self.world.page_cap)
        more = end < len(items)
        info = {
            "startCursor": after or "", "endCursor": cursor_of(end) if more else "", "hasNextPage": more
        }  # fmt: skip
        return {"data": [show(each) for each in items[start:end]], "pageInfo": info, "totalCount": len(items)}

    def _checked_page(self, items: Sequence[Any], first: int, after: str | None, show: Callable[[Any], Node]) -> Node:
        if not 1 <= first <= 200:
            raise Refused("Invalid data [reason=page size must be between 1 and 200]", "InvalidData", 22)
        return self._page(items, first, after, show)

    def _shown(self, found: Application, runtime: Runtime | None) -> Node:
        plain = runtime is not None and runtime.labels.get("isNormalized", "true") != "true"
        name = found.name if plain else normalized(found.name)

        def bundles(_info: Any, first: int, after: str | None = None) -> Node:
            return self._checked_page(found.bundles, first, after, lambda each: self._bundle(each, runtime))

        def bundle(_info: Any, id: str) -> Node | None:
            one = next((each for each in found.bundles if each["id"] == id), None)
            return self._bundle(one, runtime) if one is not None else None

        return {
            "id": found.id, "name": name, "providerName": found.provider, "description": found.description,
            "labels": lambda _info, key=None: _labels(found.labels | {"name": normalized(found.name)}, key),
            "status": _status(found.status),
            "auths": [{"id": auth.id} for auth in self.world.auths_of(found.id)], "bundles": bundles, "bundle": bundle,
            "eventingConfiguration": lambda _info: {"defaultURL": eventing.url_of(self.world, found)},
        }  # fmt: skip

    def _bundle(self, bundle: Node, runtime: Runtime | None) -> Node:
        own = instances.own_auth(self.world, bundle["id"], runtime.id) if runtime is not None else None

        def definitions(member: str) -> Callable[..., Node]:
            def page(_info: Any, first: int, after: str | None = None, group: str | None = None) -> Node:
                return self._checked_page(bundle[member], first, after, lambda each: each)

            return page

        shown = {name: value for name, value in bundle.items() if name not in ("apis", "events")}
        return shown | {
            "defaultInstanceAuth": own or bundle["defaultInstanceAuth"],
            "apiDefinitions": definitions("apis"), "eventDefinitions": definitions("events"),
        }  # fmt: skip

    def register_runtime(self, _info: Any, **given: Any) -> Node:
        """Register a runtime, as the admin."""
        self._need("", "runtime:write")
        asked = given["in"]
        made = self.world.runtime(asked["name"], self.tenant, **(asked.get("labels") or {}))
        return self._shown_runtime(made)

    def unregister_runtime(self, _info: Any, id: str) -> Node:
        """Remove a runtime, as the admin."""
        self._need("", "runtime:write")
        found = self.world.runtimes.get(id)
        if found is None:
            raise Refused(f"Object not found [ID={id}; object=runtime]", "NotFound", 20)
        self.world.remove_runtime(found)
        return self._shown_runtime(found)

    def set_runtime_label(self, _info: Any, runtimeID: str, key: str, value: Any) -> Node:
        """Set a label of a runtime."""
        self._need("RUNTIME", "runtime:write")
        if len(key) > 256:
            text = "Invalid data LabelInput [key=the length must be no more than 256.]"
            raise Refused(text, "InvalidData", 22)
        if not re.fullmatch(r"[a-zA-Z0-9_]+", key) or value == "":
            raise Refused("Invalid data LabelInput [key=not alphanumeric; value=cannot be blank]", "InvalidData", 22)
        self._runtime(runtimeID).labels[key] = value
        self.world.changed()
        return {"key": key, "value": value}

    def delete_runtime_label(self, _info: Any, runtimeID: str, key: str) -> Node:
        """Delete a label of a runtime."""
        self._need("RUNTIME", "runtime:write")
        labels = self._runtime(runtimeID).labels
        if key not in labels:
            raise Refused(f"Object not found [ID={key}; object=label]", "NotFound", 20)
        self.world.changed()
        return {"key": key, "value": labels.pop(key)}

    def register_application(self, _info: Any, **given: Any) -> Node:
        """Register an application, as the admin."""
        self._need("APPLICATION", "application:write")
        asked = given["in"]
        name = normalized(asked["name"])
        if any(normalized(each.name) == name for each in self.world.applications.values()):
            raise Refused("Object name is not unique", "NotUniqueName", 31)
        made = self.world.application(
            asked["name"], tenant=self.tenant, formation=None, description=asked.get("description"),
            provider=asked.get("providerName"),
        )  # fmt: skip
        return self._shown(made, None)

    def unregister_application(self, _info: Any, id: str) -> Node:
        """Remove an application, unless a formation has it."""
        self._need("APPLICATION", "application:write")
        found = self.world.applications.get(id)
        if found is None:
            raise Refused(f"Object not found [ID={id}; object=application]", "NotFound", 20)
        if any(id in members for members in self.world.formations.values()):
            raise Refused("The operation is not allowed [reason=it is in a formation]", "InvalidOperation", 27)
        self.world.remove(found)
        return self._shown(found, None)

    def request_one_time_token_for_runtime(self, _info: Any, id: str, systemAuthID: str | None = None) -> Node:
        """Hand out a token for a runtime."""
        self._need("", "runtime:write")
        issued = tokens.issue(self.world, "RUNTIME", self._runtime(id), systemAuthID)
        return tokens.shown(issued, self.connector_url)

    def request_one_time_token_for_application(self, _info: Any, id: str, systemAuthID: str | None = None) -> Node:
        """Hand out a token for an application."""
        self._need("APPLICATION", "application:write")
        found = self.world.applications[id]
        issued = tokens.issue(self.world, "APPLICATION", found, systemAuthID)
        return tokens.shown_to_solution(issued, found, self.connector_url, suggested=self.suggested)

    def assign_formation(self, _info: Any, objectID: str, objectType: str, formation: Node) -> Node:
        """Put an application or a runtime into a formation, as the admin."""
        self._need("", "formation:write")
        self.world.assign(objectID, formation["name"])
        return {"id": new_id(), "name": formation["name"]}

    def unassign_formation(self, _info: Any, objectID: str, objectType: str, formation: Node) -> Node:
        """Take it out, as the admin."""
        self._need("", "formation:write")
        self.world.unassign(objectID, formation["name"])
        return {"id": new_id(), "name": formation["name"]}


def _status(condition: str) -> Node:
    return {"condition": condition, "timestamp": "2030-01-01T00:00:00Z"}


def _labels(labels: Node, key: str | None) -> Node:
    return {name: value for name, value in labels.items() if key is None or name == key}
