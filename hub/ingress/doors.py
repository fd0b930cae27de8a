"""The short way of plain events: from the parsed request to the stream and back, without ASGI.

Everything but acceptance is left to the endpoints of `api`, so the two ways cannot disagree about a refusal.
"""

from functools import partial
from typing import NamedTuple

from prometheus_client import Counter

from hub.ingress import metering
from hub.ingress.accepting import Acceptance
from hub.ingress.limits import Limit
from hub.ingress.plain import read
from hub.ingress.spans import Settled, followed
from hub.kernel.errors import HubError
from hub.kernel.http.direct import ANY, Call, Door
from hub.kernel.identity import caller_of
from hub.kernel.publisher import Receipt

PATHS = ((ANY, b"events"), (ANY, b"v2", b"events"))
PUBLISH = (b"publish",)
_KEPT = 10_000


class Caller(NamedTuple):
    """What is the same for all requests to a path."""

    application: str | None
    limit: Limit | None
    accepted: Counter
    duplicate: Counter
    uncatalogued: Counter


def doors_of(acceptance: Acceptance, paths: tuple[tuple[bytes, ...], ...]) -> tuple[Door, ...]:
    """Return the doors of one listener."""
    way = ShortWay(acceptance)
    return tuple(Door(path, acceptance.settings.body_limit_bytes, way.take) for path in paths)


class ShortWay:
    """Takes plain events of one listener."""

    def __init__(self, acceptance: Acceptance) -> None:
        """Share what the endpoints have."""
        self._accept = acceptance
        self._callers: dict[bytes, Caller] = {}
        self._accepted = b"HTTP/1.1 204 No Content\r\nhub-durability: %b\r\n" % acceptance.durability.encode()

    def take(self, call: Call) -> bool:
        """Take a plain event of a caller that may post it."""
        caller = self._callers.get(call.url) or self._caller_of(call.url)
        accept = self._accept
        try:
            accept.admit_caller(caller_of(call.peer, call.headers), caller.application)
            event = read(call.headers, call.body, caller.application, accept.rules)
            if event is None:
                return False
            if caller.limit is not None:
                caller.limit.check_size(len(event.data))
                caller.limit.take(1, accept.clock.monotonic())
            settled: Settled = partial(self._settled, call, caller, b"" if event.catalogued else event.subject)
            if event.span is not None:
                settled = followed(settled, event.span, event, caller.application)
            accept.bus.publisher.publish(event.subject, event.headers, event.data, settled)
        except HubError:
            return False
        return True

    def _caller_of(self, url: bytes) -> Caller:
        if len(self._callers) >= _KEPT:
            self._callers.clear()
        application = None if url == b"/publish" else url.split(b"/")[1].decode()
        label = application or "-"
        caller = self._callers[url] = Caller(
            application,
            self._accept.limits.of(application),
            metering.EVENTS_ACCEPTED.labels(label, "binary"),
            metering.EVENTS_DUPLICATE.labels(label),
            metering.UNKNOWN_TYPES.labels(label),
        )
        return caller

    def _settled(self, call: Call, caller: Caller, missed: bytes, outcome: Receipt | HubError) -> None:
        if isinstance(outcome, HubError):
            call.respond(self._accept.refuse(outcome, caller.application))
            return
        if outcome.duplicate:
            caller.duplicate.inc()
        else:
            caller.accepted.inc()
            if missed:
                caller.uncatalogued.inc()
                self._accept.rules.known.miss(missed)
        duplicate = b"true" if outcome.duplicate else b"false"
        place = (self._accepted, outcome.stream.encode(), outcome.sequence, duplicate)
        call.answer(b"%bhub-stream: %b\r\nhub-sequence: %d\r\nhub-duplicate: %b\r\n" % place)
