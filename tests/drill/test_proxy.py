"""The fault proxy: a wire between two real sockets, until it is told to be none."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest

from hub.drill.proxy import FaultProxy

LIMIT = 10


class Echo:
    """A server that says back what it hears, and remembers it."""

    def __init__(self) -> None:
        """Prepare."""
        self.heard = b""
        self.port = 0

    async def start(self) -> asyncio.Server:
        """Listen on a free port."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        return server

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                self.heard += data
                writer.write(data)
        writer.close()


@pytest.fixture
async def echo() -> AsyncIterator[Echo]:
    """Return what is behind the proxy."""
    found = Echo()
    server = await found.start()
    yield found
    server.close()


@pytest.fixture
async def proxy(echo: Echo) -> AsyncIterator[FaultProxy]:
    """Return the proxy in front of it."""
    found = FaultProxy(lambda: echo.port)
    await found.start()
    yield found
    found.stop()


async def said(proxy: FaultProxy, text: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect through the proxy and say something."""
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    writer.write(text)
    return reader, writer


async def test_it_passes_on_what_is_said_and_the_end(proxy: FaultProxy) -> None:
    """Both ways, and when one side ends so does the other."""
    reader, writer = await said(proxy, b"x" * 300_000)
    assert b"x" * 300_000 == await asyncio.wait_for(reader.readexactly(300_000), LIMIT)
    writer.close()
    assert b"" == await asyncio.wait_for(reader.read(), LIMIT)


async def test_a_reset_ends_every_connection_and_the_next_one_works(proxy: FaultProxy) -> None:
    """As when a middlebox forgets its connections."""
    reader, _ = await said(proxy, b"one")
    assert b"one" == await asyncio.wait_for(reader.readexactly(3), LIMIT)
    assert 1 == proxy.reset()
    with pytest.raises(ConnectionResetError):
        await asyncio.wait_for(reader.readexactly(1), LIMIT)
    reader, _ = await said(proxy, b"two")
    assert b"two" == await asyncio.wait_for(reader.readexactly(3), LIMIT)


async def test_a_cut_midway_passes_on_a_half(proxy: FaultProxy, echo: Echo) -> None:
    """The far side has heard a part and the end, the near side a reset."""
    reader, writer = await said(proxy, b"begin")
    await asyncio.wait_for(reader.readexactly(5), LIMIT)
    proxy.cut_midway()
    writer.write(b"0123456789")
    with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
        await asyncio.wait_for(reader.readexactly(10), LIMIT)
    assert echo.heard in (b"begin", b"begin01234"), "never all of it"


async def test_a_stalled_connection_stays_open_and_says_nothing(proxy: FaultProxy) -> None:
    """Until it is mended: then what was said is heard."""
    reader, writer = await said(proxy, b"a")
    await asyncio.wait_for(reader.readexactly(1), LIMIT)
    proxy.stall()
    writer.write(b"b")
    hearing = asyncio.create_task(reader.readexactly(1))
    assert (set(), {hearing}) == await asyncio.wait([hearing], timeout=0.3)
    proxy.mend()
    assert b"b" == await asyncio.wait_for(hearing, LIMIT)
