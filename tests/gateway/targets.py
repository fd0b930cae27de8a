"""Targets: real servers on ports of their own that say what came to them and answer as a test tells them."""

import asyncio
import json
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl


@dataclass
class Seen:
    """A request as it came."""

    method: str
    target: str
    """Path and query, to the byte."""
    headers: list[tuple[str, str]]
    body: bytes
    certificate: dict[str, Any] | None = None

    @property
    def path(self) -> str:
        """Return the path without the query."""
        return self.target.partition("?")[0]

    @property
    def query(self) -> list[tuple[str, str]]:
        """Return the query's parameters in order."""
        return parse_qsl(self.target.partition("?")[2], keep_blank_values=True)

    def all(self, name: str) -> list[str]:
        """Return the values of a header."""
        return [value for key, value in self.headers if key.lower() == name]

    def header(self, name: str) -> str | None:
        """Return a header's first value."""
        return next(iter(self.all(name)), None)


@dataclass
class Say:
    """What a target answers."""

    status: int = 200
    body: bytes = b"ok"
    headers: list[tuple[str, str]] = field(default_factory=list)


Answering = Callable[[Seen], Say | Awaitable[Say]]
Raw = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def echo(seen: Seen) -> Say:
    """Answer with what came."""
    shown = {
        "method": seen.method, "target": seen.target, "headers": seen.headers, "body": seen.body.decode("latin-1"),
    }  # fmt: skip
    return Say(200, json.dumps(shown).encode(), [("Content-Type", "application/json")])


@dataclass
class Target:
    """A running server."""

    url: str
    port: int
    seen: list[Seen] = field(default_factory=list)
    connections: int = 0


class Targets:
    """Starts servers and ends them with the test."""

    def __init__(self) -> None:
        """Begin without any."""
        self._servers: list[asyncio.Server] = []
        self._tasks: set[asyncio.Task[Any]] = set()

    async def serve(self, answer: Answering = echo, *, tls: ssl.SSLContext | None = None, path: str = "") -> Target:
        """Start a server that reads whole requests and answers them, connections kept."""
        target = Target("", 0)

        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            target.connections += 1
            while (seen := await read_request(reader)) is not None:
                tls_object = writer.get_extra_info("ssl_object")
                seen.certificate = tls_object.getpeercert() if tls_object else None
                target.seen.append(seen)
                said = answer(seen)
                said = said if isinstance(said, Say) else await said
                await write_answer(writer, seen, said)

        return await self._listen(talk, target, tls, path)

    async def raw(self, talk: Raw, *, tls: ssl.SSLContext | None = None) -> Target:
        """Start a server that does with a connection whatever the test says."""
        return await self._listen(talk, Target("", 0), tls, "")

    async def _listen(self, talk: Raw, target: Target, tls: ssl.SSLContext | None, path: str) -> Target:
        async def guarded(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            self._tasks.add(task)
            try:
                await talk(reader, writer)
            except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError, ssl.SSLError):
                pass
            finally:
                self._tasks.discard(task)
                writer.close()

        server = await asyncio.start_server(guarded, "127.0.0.1", 0, ssl=tls, limit=2**20)
        self._servers.append(server)
        target.port = server.sockets[0].getsockname()[1]
        host, scheme = ("localhost", "https") if tls else ("127.0.0.1", "http")
        target.url = f"{scheme}://{host}:{target.port}{path}"
        return target

    async def close(self) -> None:
        """End all of them."""
        for server in self._servers:
            server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def read_request(reader: asyncio.StreamReader) -> Seen | None:
    """Read one request; None when the connection ends."""
    try:
        raw = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = raw.decode("latin-1").strip().split("\r\n")
    method, target, _ = first.split(" ")
    seen = Seen(method, target, [(n, v.strip()) for n, _, v in (line.partition(":") for line in lines)], b"")
    if (seen.header("transfer-encoding") or "").lower() == "chunked":
        while (size := int(await reader.readline(), 16)) > 0:
            seen.body += await reader.readexactly(size)
            await reader.readline()
        await reader.readline()
    elif seen.header("content-length"):
        seen.body = await reader.readexactly(int(seen.header("content-length") or 0))
    return seen


async def write_answer(writer: asyncio.StreamWriter, seen: Seen, said: Say) -> None:
    """Write an answer with its length."""
    names = {name.lower() for name, _ in said.headers}
    lines = [f"HTTP/1.1 {said.status} Said", *(f"{name}: {value}" for name, value in said.headers)]
    if not names & {"content-length", "transfer-encoding"} and said.status not in (204, 304):
        lines.append(f"Content-Length: {len(said.body)}")
    writer.write(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + (b"" if seen.method == "HEAD" else said.body))
    await writer.drain()
