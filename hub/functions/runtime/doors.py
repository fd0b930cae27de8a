"""The short way of plain calls over HTTP: from the parsed request to the Function's process and back, without ASGI.

A plain call is a POST of a small body to a path without query or escapes, by nobody who brings a token. Whatever else
there is, and every refusal before a call, is left to the endpoints of `api`, so the two ways cannot disagree.
"""

import asyncio
import time
from collections.abc import Mapping
from functools import lru_cache
from http import HTTPStatus

import structlog

from hub.functions import spans
from hub.functions.api import HOST_MARK, OF_CHAINS, key_of
from hub.functions.handlers import Failed
from hub.functions.headers import passed_headers
from hub.functions.model import Answer, Invocation, Rest
from hub.functions.outcomes import SUCCEEDED
from hub.functions.runtime.fleet import Fleet
from hub.kernel.errors import HubError
from hub.kernel.http.app import problem_response
from hub.kernel.http.direct import ANY, Call, Door, Headers
from hub.kernel.trace import open_span, traceparent_of
from hub.kernel.workload import HEADER

log = structlog.get_logger()

_PATHS = ((b"functions", ANY), (b"functions", ANY, ANY))
_LIMIT_BYTES = 65_536
_REASONS = {status.value: status.phrase.encode() for status in HTTPStatus}
_BODILESS = frozenset({204, 304})
_OF_TRACES = frozenset({"traceparent", "b3", "x-b3-traceid", "x-b3-spanid", "x-b3-sampled"})
_SHORT_CHARACTERS = 64
_UNCOUNTED = frozenset(name.encode() for name in OF_CHAINS)


def doors_of(fleet: Fleet, failed: Failed) -> tuple[Door, ...]:
    """Return the doors of the internal listener."""
    way = ShortWay(fleet, failed)
    return tuple(Door(path, _LIMIT_BYTES, way.take) for path in _PATHS)


class ShortWay:
    """Takes plain calls."""

    def __init__(self, fleet: Fleet, failed: Failed) -> None:
        """Share what the endpoints have."""
        self._fleet = fleet
        self._failed = failed
        self._streams: set[asyncio.Task[None]] = set()

    def take(self, call: Call) -> bool:
        """Call the Function, if the request is plain and the Function runs."""
        headers = _plain_headers(call.headers)
        if headers is None:
            return False
        _, _, name, *rest = call.url.decode().split("/", 3)
        try:
            revision = self._fleet.find(key_of(name, self._fleet))
        except HubError:
            return False
        launch = revision.worker.launch
        if len(call.body) > launch.body_limit_bytes:
            return False
        path = "/" + "/".join(rest)
        given = "" if _OF_TRACES.isdisjoint(headers) else traceparent_of(headers)
        headers["traceparent"], span = open_span(given, spans.INVOKE)
        invocation = Invocation(headers, call.body, path=path)
        began = time.perf_counter()

        def done(answer: Answer | HubError) -> None:
            spans.end(span, revision.function, invocation, answer)
            if revision.meter.count(answer, began) != SUCCEEDED:
                self._failed(revision, invocation, answer, time.perf_counter() - began)
            self._answer(call, answer)

        revision.worker.call(invocation, launch.timeout_seconds, done)
        return True

    def _answer(self, call: Call, answer: Answer | HubError) -> None:
        if isinstance(answer, HubError):
            call.respond(problem_response(answer))
        elif answer.rest is not None:
            task = asyncio.create_task(_pass_on(call, answer, answer.rest), name="function-stream")
            self._streams.add(task)
            task.add_done_callback(self._streams.discard)
        elif answer.status in _BODILESS:
            call.answer(_head(answer))
        else:
            call.answer(b"%bcontent-length: %d\r\n" % (_head(answer), len(answer.body)), answer.body)


def _plain_headers(given: Headers) -> dict[str, str] | None:
    """Return the headers as a Function sees them; None where they ask for more than a plain call."""
    headers: dict[str, str] = {}
    for name, value in given:
        if name == HEADER or (name == b"host" and HOST_MARK in value):
            return None
        if name not in _UNCOUNTED:
            headers.setdefault(name.decode("latin-1"), value.decode("latin-1"))
    return headers


def _head(answer: Answer) -> bytes:
    """Return status line and headers; nearly all answers have a media type and nothing else, and few of these."""
    headers = answer.headers
    media_type = headers.get("content-type", "") if len(headers) == 1 else ""
    if 0 < len(media_type) < _SHORT_CHARACTERS:
        return _head_known(answer.status, media_type)
    return _head_of(answer.status, headers)


@lru_cache(maxsize=1024)
def _head_known(status: int, media_type: str) -> bytes:
    return _head_of(status, {"content-type": media_type})


def _head_of(status: int, headers: Mapping[str, str]) -> bytes:
    lines = "".join([f"{name.lower()}: {value}\r\n" for name, value in passed_headers(headers)])
    return b"HTTP/1.1 %d %b\r\n%b" % (status, _REASONS.get(status, b""), lines.encode("latin-1"))


class _OnGone:
    """Stands in for the event that tells an ASGI application that its client has gone."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    def set(self) -> None:
        self._rest.close()


async def _pass_on(call: Call, answer: Answer, rest: Rest) -> None:
    """Answer part by part, no faster than the client reads.

    When the Function fails in the middle the connection is cut, so that nobody takes the answer for whole.
    """
    connection = call.connection
    call.message_event = _OnGone(rest)
    keep = b"" if call.keep_alive else b"connection: close\r\n"
    defaults = b"".join([b"%b: %b\r\n" % pair for pair in connection.server_state.default_headers])
    head = (_head(answer), defaults, keep, b"transfer-encoding: chunked\r\n\r\n")
    transport, is_whole = connection.transport, False
    try:
        transport.write(b"".join(head) + _chunk(answer.body))
        async for part in rest:
            transport.write(_chunk(part))
            await connection.flow.drain()
        is_whole = not call.disconnected
    except HubError as error:
        log.warning("answer.broken", error=error.detail)
    finally:
        rest.close()
        call.response_complete = True
        if is_whole and not transport.is_closing():
            transport.write(b"0\r\n\r\n")
        if not (is_whole and call.keep_alive):
            transport.close()
        connection.on_response_complete()


def _chunk(part: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(part), part) if part else b""
