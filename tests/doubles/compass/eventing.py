"""Where an application posts its events: at the runtime that a label names, and at the oldest one when none does."""

# ruff: noqa: N803 - arguments are named as the schema names them

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from tests.doubles.compass.names import normalized
from tests.doubles.compass.world import Application, Node, Refused, Runtime, SystemAuth, World


def _label(application: Application) -> str:
    return f"{application.id}_defaultEventing"


def _sharing(world: World, application: Application) -> list[Runtime]:
    """Return the runtimes that have a formation with an application, the oldest first."""
    return [each for each in world.runtimes.values() if application in world.seen_by(each)]


def _chosen(world: World, application: Application) -> Runtime | None:
    label = _label(application)
    return next((each for each in _sharing(world, application) if each.labels.get(label) == "true"), None)


def _url(application: Application, runtime: Runtime | None) -> str:
    parts = urlsplit(str(runtime.labels.get("runtime_eventServiceUrl", ""))) if runtime else None
    if runtime is None or parts is None or not parts.netloc:
        return ""
    plain = runtime.labels.get("isNormalized", "true") != "true"
    name = application.name if plain else normalized(application.name)
    return f"{parts.scheme}://{parts.netloc}/{name}/v1/events"


def url_of(world: World, application: Application) -> str:
    """Return it; reading chooses the oldest runtime when none was chosen, as upstream does."""
    chosen, sharing = _chosen(world, application), _sharing(world, application)
    if chosen is None and sharing:
        chosen = sharing[0]
        chosen.labels[_label(application)] = "true"
        world.changed()
    return _url(application, chosen)


class Eventing:
    """Choosing, for those who may."""

    def __init__(self, world: World, caller: SystemAuth | None) -> None:
        """Answer for a caller; None is the admin."""
        self.world = world
        self.caller = caller

    def root(self) -> dict[str, Callable[..., Any]]:
        """Return the resolvers."""
        return {"setDefaultEventingForApplication": self.choose, "deleteDefaultEventingForApplication": self.forget}

    def _application(self, application_id: str) -> Application:
        if self.caller is not None:
            raise Refused("insufficient scopes provided [required=eventing:manage]", "InsufficientScopes", 23)
        found = self.world.applications.get(application_id)
        if found is None:
            raise Refused(f"Object not found [ID={application_id}; object=application]", "NotFound", 20)
        return found

    def choose(self, _info: Any, appID: str, runtimeID: str) -> Node:
        """Choose a runtime that has a formation with the application."""
        application = self._application(appID)
        runtime = next((each for each in _sharing(self.world, application) if each.id == runtimeID), None)
        if runtime is None:
            reason = "the runtime has no formation with the application"
            raise Refused(f"The operation is not allowed [reason={reason}]", "InvalidOperation", 27)
        self._clear(application)
        runtime.labels[_label(application)] = "true"
        self.world.changed()
        return {"defaultURL": _url(application, runtime)}

    def forget(self, _info: Any, appID: str) -> Node:
        """Take the choice back; answers the address that was in force."""
        application = self._application(appID)
        before = _url(application, _chosen(self.world, application))
        self._clear(application)
        return {"defaultURL": before}

    def _clear(self, application: Application) -> None:
        for each in self.world.runtimes.values():
            each.labels.pop(_label(application), None)
        self.world.changed()
