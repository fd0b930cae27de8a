"""Modules that upstream's runtimes bring along, offered to handlers that import them and did not install them.

`sdk`: events and names in the newer style. `flask` and `bottle`: as much of both as handlers use. What the Function
installed by its own dependencies comes first. Runs inside the Function's process: standard library only.
"""

import contextlib
import sys
import threading
import types
from collections.abc import Callable, Iterator, Mapping
from importlib.machinery import ModuleSpec
from typing import Any

from hub.functions.runtime import event, flasklike
from hub.functions.runtime.output import Invocation
from hub.functions.runtime.request import Request
from hub.functions.runtime.spans import TRACER

_MIB = 1024 * 1024


class Current(threading.local):
    """The request that this thread works on."""

    request: Request | None = None


class Offer:
    """What a handler may import and call: a finder and loader of modules, without the base classes, which are slow to
    import."""

    def __init__(
        self, context: Mapping[str, Any], publish: Callable[[dict[str, Any]], Any], invocation: Invocation
    ) -> None:
        """Keep what the modules speak about."""
        self.context = context
        self.invocation = invocation
        self.publish = publish
        self._current = Current()
        self._makers = {"sdk": self._sdk, "flask": self._flask, "bottle": self._bottle}

    def install(self) -> None:
        """Be asked for modules that are found nowhere else."""
        sys.meta_path.append(self)

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> ModuleSpec | None:
        """Say which modules are offered."""
        loader: Any = self  # has what a loader has, without the base class
        return ModuleSpec(fullname, loader) if fullname in self._makers else None

    def create_module(self, spec: ModuleSpec) -> types.ModuleType:
        """Make an offered module."""
        return self._makers[spec.name]()

    def exec_module(self, module: types.ModuleType) -> None:
        """Do nothing: the module is complete."""

    @contextlib.contextmanager
    def serving(self, request: Request) -> Iterator[Any]:
        """Have a request at hand for this thread; yields the real Flask's application where Flask is installed."""
        self._current.request = request
        try:
            real = self._real_flask()
            if real is None:
                yield None
                return
            with real.request_context(flasklike.wsgi_environ(request)):
                yield real
        finally:
            self._current.request = None

    def _real_flask(self) -> Any:
        module = sys.modules.get("flask")
        if module is None or getattr(module, "__loader__", None) is self:
            return None
        if not hasattr(self, "_application"):
            self._application = module.Flask("handler")
        return self._application

    def _request(self) -> Request:
        if self._current.request is None:
            raise RuntimeError("there is no request at hand; use it inside the handler only")
        return self._current.request

    def _flask(self) -> types.ModuleType:
        return _module("flask", flasklike.members(self._request))

    def _bottle(self) -> types.ModuleType:
        return _module("bottle", flasklike.bottle_members(self._request))

    def _sdk(self) -> types.ModuleType:
        context = self.context
        return _module("sdk", {
            "get_tracer": lambda *_: TRACER,
            "get_cloud_event": self._event,
            "emit_cloud_event": self._emit,
            "get_function_name": lambda: context.get("function-name"),
            "get_namespace": lambda: context.get("namespace"),
            "get_runtime": lambda: context.get("runtime"),
            "get_timeout": lambda: context.get("timeout"),
            "get_body_size_limit": lambda: context.get("body-size-limit", 0) / _MIB,
        })  # fmt: skip

    def _event(self) -> dict[str, Any] | None:
        """Return the event that the request carries, or None when it carries none."""
        try:
            fields = event.event_fields(self._request())
        except event.InvalidEventError:
            return None
        if "ce-type" not in fields:
            return None
        del fields["extensions"]
        return fields

    def _emit(self, event_type: str, source: str, data: Any, attributes: Any = None) -> Any:
        return self.publish({**event.described(event_type, source, data), **(attributes or {})})


def _module(name: str, members: Mapping[str, Any]) -> types.ModuleType:
    module = types.ModuleType(name)
    vars(module).update(members)
    return module
