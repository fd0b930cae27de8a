"""WebSockets: the handshake goes to the target like any call, what follows passes untouched in both directions.

Frames, extensions and subprotocols are between caller and target. Each side is read only as fast as the other takes.
"""

import asyncio
import contextlib
import re
from collections.abc import Awaitable, Callable
from typing import Any, cast

import orjson
import structlog

from hub.gateway.refusals import MEDIA_TYPE, render
from hub.gateway.rewriting import SYSTEM_STATUS
from hub.kernel.errors import HubError, UpstreamUnavailable

log = structlog.get_logger()
_HEAD_LIMIT_BYTES = 64 * 1024
_STATUS = re.compile(rb"HTTP/1\.[01] ([1-5][0-9][0-9])[ \r]")

Handshake = tuple[bytes, bytes, list[tuple[bytes, bytes]], str]
"""Path, query, headers (lower-case names) and address of the caller."""
Dial = Callable[[Handshake], Awaitable["FarEnd"]]
"""Sends the handshake to the target on a new connection and waits for its answer."""


class End(asyncio.Protocol):
    """One end of a tunnel."""

    def __init__(self) -> None:
        """Prepare; the other end is not known yet."""
        self.transport: asyncio.Transport | None = None
        self.other: End | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self.transport = cast("asyncio.Transport", transport)  # uvloop's transports only behave like one

    def write(self, part: bytes) -> None:
        """Send something out at this end."""
        if self.transport is not None and not self.transport.is_closing():
            self.transport.write(part)

    def data_received(self, data: bytes) -> None:
        """Pass what comes in to the other end."""
        if self.other is not None:
            self.other.write(data)

    def pause_writing(self) -> None:
        """This end is slow: do not read at the other one."""
        if self.other is not None and self.other.transport is not None:
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        """This end has caught up."""
        if self.other is not None and self.other.transport is not None and not self.other.transport.is_closing():
            self.other.transport.resume_reading()

    def connection_lost(self, error: Exception | None) -> None:
        """End both."""
        if self.other is not None:
            self.other.close()

    def close(self) -> None:
        """Send what is written and close."""
        if self.transport is not None:
            self.transport.close()


class FarEnd(End):
    """The target's end: its answer to the handshake first, then whatever it sends."""

    def __init__(self) -> None:
        """Prepare."""
        super().__init__()
        self._beginning = b""
        self.answered: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        """Everything up to and including the head of the answer, and what came with it."""

    def data_received(self, data: bytes) -> None:
        """Collect the head of the answer; pass on what follows."""
        if self.answered.done():
            super().data_received(data)
            return
        self._beginning += data
        if b"\r\n\r\n" in self._beginning or len(self._beginning) > _HEAD_LIMIT_BYTES:
            self.answered.set_result(self._beginning)

    @property
    def status(self) -> int:
        """Return the status of the answer; 0 when it is none."""
        found = _STATUS.match(self.answered.result()) if self.answered.done() else None
        return int(found[1]) if found else 0

    def connection_lost(self, error: Exception | None) -> None:
        """End both; without an answer say so."""
        if not self.answered.done():
            self.answered.set_result(b"")
        super().connection_lost(error)


class Tunnels:
    """The open tunnels of one listener."""

    def __init__(self, dial: Dial, limit: int) -> None:
        """Take who connects to targets, and how many tunnels may be open at once."""
        self._dial = dial
        self._limit = limit
        self._open: set[End] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    def protocol(self) -> type[asyncio.Protocol]:
        """Return the protocol that the listener hands an upgraded connection to."""
        tunnels = self

        class NearEnd(End):
            """The caller's end: the handshake first, as the listener read it."""

            def __init__(self, config: Any = None, server_state: Any = None, app_state: Any = None) -> None:
                super().__init__()

            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                super().connection_made(transport)
                tunnels._open.add(self)

            def data_received(self, data: bytes) -> None:
                if self.other is not None:
                    super().data_received(data)
                elif self.transport is not None:
                    self.transport.pause_reading()
                    tunnels._begin(self, data)

            def connection_lost(self, error: Exception | None) -> None:
                tunnels._open.discard(self)
                super().connection_lost(error)

        return NearEnd

    def _begin(self, near: End, head: bytes) -> None:
        task = asyncio.create_task(self._connect(near, head))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _connect(self, near: End, head: bytes) -> None:
        assert near.transport is not None  # noqa: S101 - narrows the type for the checker
        try:
            if len(self._open) > self._limit:
                text = f"{self._limit} WebSockets are open, and no more may be"
                raise UpstreamUnavailable(text, retry_after_seconds=1)  # noqa: TRY301 - one place answers
            far = await self._dial(_read(head, near.transport.get_extra_info("peername")))
        except HubError as error:
            near.write(_refusal(error))
            near.close()
        except Exception:
            log.exception("bug.caught", room="gateway")
            near.write(_refusal(HubError("Internal error.")))
            near.close()
        else:
            self._join(near, far)

    @staticmethod
    def _join(near: End, far: FarEnd) -> None:
        if far.status != 101 or near.transport is None or near.transport.is_closing():
            # Nothing may follow a refused handshake: what the caller sent then would reach the target unseen.
            far.close()
            near.write(_declined(far.status))
            near.close()
            return
        near.other, far.other = far, near
        near.write(far.answered.result())
        near.transport.resume_reading()

    async def close(self) -> None:
        """End every tunnel."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for near in list(self._open):
            with contextlib.suppress(OSError):
                near.close()
            if near.other is not None:
                near.other.close()


def _read(head: bytes, peer: Any) -> Handshake:
    """Return the parts of a handshake as the listener wrote it out again."""
    first, *lines = head.partition(b"\r\n\r\n")[0].split(b"\r\n")
    path, _, query = first.split(b" ")[1].partition(b"?")
    pairs = (line.partition(b": ") for line in lines)
    return path, query, [(name.lower(), value) for name, _, value in pairs], str(peer[0]) if peer else ""


def _refusal(error: HubError) -> bytes:
    status, headers, body = render(error)
    lines = b"".join(b"%b: %b\r\n" % pair for pair in [*headers, (b"connection", b"close")])
    return b"HTTP/1.1 %d Refused\r\n%b\r\n%b" % (status, lines, body)


def _declined(status: int) -> bytes:
    """Return the answer to a handshake that the target refused; a failure of the target is 502 as for any call."""
    shown = 502 if status >= 500 else status
    body = orjson.dumps({"code": shown, "error": f"the target answered {status} to the WebSocket handshake"}) + b"\n"
    lines = b"content-type: %b\r\ncontent-length: %d\r\nconnection: close\r\n" % (MEDIA_TYPE, len(body))
    if status >= 500:
        lines += b"%b: %d\r\n" % (SYSTEM_STATUS, status)
    return b"HTTP/1.1 %d Refused\r\n%b\r\n%b" % (shown, lines, body)
