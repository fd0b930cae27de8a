"""A client that sends what it is told to the byte, and reads one answer."""

import asyncio
import gzip
import json
from dataclasses import dataclass
from typing import Any

Pairs = list[tuple[str, str]]


@dataclass
class Reply:
    """An answer."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes
    is_whole: bool = True
    """Whether the body came to its end."""

    def header(self, name: str) -> str | None:
        """Return a header's first value."""
        return next((value for key, value in self.headers if key.lower() == name), None)

    @property
    def json(self) -> Any:
        """Return the body as JSON."""
        return json.loads(gzip.decompress(self.body) if self.header("content-encoding") == "gzip" else self.body)


def head(method: str, path: str, headers: Pairs, body: bytes | None) -> bytes:
    """Return a request's head."""
    lines = [f"{method} {path} HTTP/1.1", "Host: caller.example"] + [f"{name}: {value}" for name, value in headers]
    framed = any(name.lower() in ("content-length", "transfer-encoding") for name, _ in headers)
    if body is not None and not framed:
        lines.append(f"Content-Length: {len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


async def ask(port: int, method: str, path: str, headers: Pairs, body: bytes | None = None) -> Reply:
    """Send one request on a connection of its own."""
    return await exchange(port, head(method, path, headers, body) + (body or b""), bodiless=method == "HEAD")


async def exchange(port: int, raw: bytes, *, bodiless: bool = False, seconds: float = 20) -> Reply:
    """Send bytes and read one answer."""
    async with asyncio.timeout(seconds):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(raw)
            return await read_reply(reader, bodiless=bodiless)
        finally:
            writer.close()


async def read_reply(reader: asyncio.StreamReader, *, bodiless: bool = False) -> Reply:
    """Read one answer."""
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").strip().split("\r\n")
    pairs = [(name, value.strip()) for name, _, value in (line.partition(":") for line in lines)]
    reply = Reply(int(first.split(" ")[1]), pairs, b"")
    if bodiless:
        return reply
    try:
        if reply.header("transfer-encoding") == "chunked":
            while (size := int(await reader.readline(), 16)) > 0:
                reply.body += await reader.readexactly(size)
                await reader.readline()
        else:
            reply.body = await reader.readexactly(int(reply.header("content-length") or 0))
    except (asyncio.IncompleteReadError, ValueError, ConnectionError):
        reply.is_whole = False
    return reply
