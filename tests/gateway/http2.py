"""Targets that speak HTTP/2 and nothing else; each notes what came, and answers as its path says."""

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, RequestReceived, StreamEnded, WindowUpdated

from tests.gateway.certificates import Authority, server_context


@dataclass
class Http2Target:
    """A running server."""

    url: str = ""
    connections: int = 0
    heads: list[dict[bytes, bytes]] = field(default_factory=list)
    sent: int = 0
    """Bytes of bodies that left."""
    server: asyncio.Server | None = None


class _Talk:
    """One connection."""

    def __init__(self, target: Http2Target, writer: asyncio.StreamWriter) -> None:
        self.target, self.writer = target, writer
        self.h2 = H2Connection(H2Configuration(client_side=False, header_encoding=None))
        self.bodies: dict[int, bytearray] = {}
        self.unsent: dict[int, memoryview] = {}
        self.of: dict[int, dict[bytes, bytes]] = {}

    def flush(self) -> None:
        self.writer.write(self.h2.data_to_send())

    def take(self, event: Any) -> None:
        if isinstance(event, RequestReceived):
            self.of[event.stream_id], self.bodies[event.stream_id] = dict(event.headers), bytearray()
            self.target.heads.append(dict(event.headers))
        elif isinstance(event, DataReceived):
            self.bodies[event.stream_id] += event.data
            self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, StreamEnded):
            self.answer(event.stream_id)
        elif isinstance(event, WindowUpdated):
            self.pump()

    def answer(self, stream: int) -> None:
        path = self.of[stream][b":path"]
        if path == b"/reset":
            self.h2.reset_stream(stream)
        elif path == b"/goaway" and self.target.connections == 1:
            self.h2.close_connection(last_stream_id=0)
        elif path == b"/garbage":
            self.flush()
            self.writer.write(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 1_000_000)
        elif path != b"/silent":
            self.serve(stream, path)

    def serve(self, stream: int, path: bytes) -> None:
        big = path.startswith(b"/big/")
        body = b"y" * int(path.rpartition(b"/")[2]) if big else self.echoed(stream)
        is_bodiless = self.of[stream][b":method"] == b"HEAD"
        self.h2.send_headers(stream, [(b":status", b"200"), (b"x-proto", b"h2")], end_stream=is_bodiless)
        if is_bodiless:
            return
        self.unsent[stream] = memoryview(body)
        self.pump()

    def echoed(self, stream: int) -> bytes:
        shown = {name.decode(): value.decode() for name, value in self.of[stream].items()}
        return json.dumps({"headers": shown, "length": len(self.bodies[stream])}).encode()

    def pump(self) -> None:
        for stream, body in list(self.unsent.items()):
            rest = body
            while rest and (room := min(self.h2.local_flow_control_window(stream), self.h2.max_outbound_frame_size)):
                self.h2.send_data(stream, bytes(rest[:room]))
                self.target.sent += len(rest[:room])
                rest = rest[room:]
            self.unsent[stream] = rest
            if not rest:
                self.h2.send_headers(stream, [(b"x-trailer", b"1")], end_stream=True)
                del self.unsent[stream]


async def serve(authority: Authority) -> Http2Target:
    """Start a server whose certificate this authority signed."""
    target = Http2Target()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        target.connections += 1
        talking = _Talk(target, writer)
        talking.h2.initiate_connection()
        talking.flush()
        try:
            while data := await reader.read(65536):
                for event in talking.h2.receive_data(data):
                    talking.take(event)
                talking.flush()
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()

    context = server_context(authority.issue("server"))
    context.set_alpn_protocols(["h2"])
    target.server = await asyncio.start_server(talk, "127.0.0.1", 0, ssl=context)
    target.url = f"https://localhost:{target.server.sockets[0].getsockname()[1]}"
    return target
