"""Spans that a handler opens itself, by `event.tracer` or the SDK's `get_tracer()`: as much of OpenTelemetry's tracer
as handlers use.

A span ends up where the hub's own go, below the invocation's; while it is the current one, what the handler publishes
and calls names it as the parent. In a trace that is not recorded it does nothing. Runs inside the Function's process:
standard library only.
"""

import json
import os
import time
from collections.abc import Callable, Mapping
from typing import Any

from hub.functions.runtime.output import Invocation

Send = Callable[[int, bytes], None]
"""Takes the number of the invocation and what is told of an ended span, as JSON."""
_SAMPLED = frozenset("13579bdf")


class Tracer:
    """What a handler opens spans with."""

    def __init__(self) -> None:
        """Begin unconnected: spans may be opened and do nothing."""
        self.invocation = Invocation()
        self.send: Send | None = None

    def connect(self, invocation: Invocation, send: Send) -> None:
        """Take what the current thread works on, and the way to the hub."""
        self.invocation, self.send = invocation, send

    def start_span(self, name: str, *_: Any, attributes: Mapping[str, Any] | None = None, **_more: Any) -> "Span":
        """Open a span below the current one."""
        return Span(self, name, attributes or {}, is_current=False)

    def start_as_current_span(
        self, name: str, *_: Any, attributes: Mapping[str, Any] | None = None, **_more: Any
    ) -> "Span":
        """Open a span that is the current one inside `with`, or while the function it decorates runs."""
        return Span(self, name, attributes or {}, is_current=True)


class Span:
    """A span of the handler's own."""

    def __init__(self, tracer: Tracer, name: str, attributes: Mapping[str, Any], *, is_current: bool) -> None:
        """Open it; it begins now."""
        self._tracer = tracer
        self._given = given = tracer.invocation.traceparent
        self._call = tracer.invocation.call
        self._is_current = is_current
        self._open = tracer.send is not None and len(given) == 55 and given[54] in _SAMPLED
        self.context = f"{given[:36]}{os.urandom(8).hex()}{given[52:]}" if self._open else given
        self._name, self._error = str(name), ""
        self._attributes = dict(attributes)
        self._began = time.time_ns()

    def is_recording(self) -> bool:
        """Say whether it is recorded and has not ended."""
        return self._open

    def set_attribute(self, name: str, value: Any) -> None:
        """Say something of the work."""
        self._attributes[name] = value

    def set_attributes(self, attributes: Mapping[str, Any]) -> None:
        """Say several things of the work."""
        self._attributes.update(attributes)

    def update_name(self, name: str) -> None:
        """Name it otherwise."""
        self._name = str(name)

    def set_status(self, status: Any, _description: str | None = None) -> None:
        """Take OpenTelemetry's status or its code; only an error is told."""
        code = getattr(status, "status_code", status)
        self._error = "error" if getattr(code, "name", "") == "ERROR" else ""

    def record_exception(self, error: BaseException, *_: Any, **_more: Any) -> None:
        """Tell the class of an error."""
        self._error = type(error).__name__

    def end(self, *_: Any) -> None:
        """End it, once."""
        if not self._open or self._tracer.send is None:
            return
        self._open = False
        told = {
            "name": self._name, "context": self.context, "parent": self._given[36:52], "began": self._began,
            "ended": time.time_ns(), "error": self._error,
            "attributes": {str(name): str(value) for name, value in self._attributes.items()},
        }  # fmt: skip
        self._tracer.send(self._call, json.dumps(told).encode())

    def __enter__(self) -> "Span":
        """Make it the current one, if it was opened to be."""
        if self._is_current:
            self._tracer.invocation.traceparent = self.context
        return self

    def __exit__(self, _kind: Any, error: BaseException | None, _trace: Any) -> None:
        """End it; the one above is the current one again."""
        if self._is_current:
            self._tracer.invocation.traceparent = self._given
        if error is not None:
            self.record_exception(error)
        self.end()

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Decorate a function: each call is a span of this name."""

        def spanned(*arguments: Any, **named: Any) -> Any:
            with self._tracer.start_as_current_span(self._name, attributes=self._attributes):
                return function(*arguments, **named)

        spanned.__name__ = getattr(function, "__name__", "spanned")
        return spanned

    def __getattr__(self, _name: str) -> Callable[..., None]:
        """Accept whatever else is said to a span."""
        return lambda *_args, **_fields: None


TRACER = Tracer()
