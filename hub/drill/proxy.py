"""A TCP proxy that breaks connections on demand: at once, in the middle of what is being said, or by silence."""

import asyncio
import socket
import struct
from collections.abc import Callable
from contextlib import suppress

READ_BYTES = 64 * 1024
_LINGER = struct.pack("ii", 1, 0)
"""Close by a reset: what is under way is thrown away."""


class FaultProxy:
    """Passes bytes to a port of this machine and back, until told otherwise."""

    def __init__(self, target: Callable[[], int]) -> None:
        """Prepare; `target` is asked for the port at each connection."""
        self._target = target
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._cut_midway = False
        self._server: asyncio.Server | None = None
        self.port = 0

    async def start(self, port: int = 0) -> None:
        """Listen, on a free port unless one is named."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port, limit=READ_BYTES)
        self.port = self._server.sockets[0].getsockname()[1]

    def stop(self) -> None:
        """Listen no more and end what runs."""
        if self._server is not None:
            self._server.close()
        self._flowing.set()
        self.reset()

    def reset(self) -> int:
        """Reset every connection; return how many there were."""
        writers, self._writers = self._writers, set()
        for writer in writers:
            _reset(writer)
        return len(writers) // 2

    def cut_midway(self) -> None:
        """Pass on half of what is said next and reset that connection; the others follow as they speak."""
        self._cut_midway = True

    def mend(self) -> None:
        """Pass everything on again."""
        self._cut_midway = False
        self._flowing.set()

    def stall(self) -> None:
        """Keep connections open and pass nothing on, as a network does that has split."""
        self._flowing.clear()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._flowing.wait()
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target(), limit=READ_BYTES)
        except OSError:
            _reset(writer)
            return
        self._writers |= {writer, far_writer}
        try:
            await asyncio.gather(self._pass(reader, far_writer), self._pass(far_reader, writer))
        finally:
            self._writers -= {writer, far_writer}
            for each in (writer, far_writer):
                each.close()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(READ_BYTES):
                await self._flowing.wait()
                if self._cut_midway:
                    writer.write(data[: len(data) // 2])
                    self.reset()
                    return
                writer.write(data)
                await writer.drain()
        writer.close()  # one side has ended, so the other may not wait for it


def _reset(writer: asyncio.StreamWriter) -> None:
    connection = writer.get_extra_info("socket")
    if connection is not None:
        with suppress(OSError):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER)
    writer.transport.abort()
