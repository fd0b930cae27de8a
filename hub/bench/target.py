"""The target of calls through the gateway, a process of its own: `python -m hub.bench.target`; it says its port.

It answers a request that carries the credentials with the body of that request, any other with 401. Like the load it
must cost little: a raw protocol, one search for one header.
"""

import asyncio
import sys

from hub.bench.answering import Answering, json_response
from hub.bench.load import end_with_parent, say
from hub.bench.requests import AUTHORIZATION
from hub.bench.wire import value_of

_WANTED = AUTHORIZATION.lower().encode()
_REFUSED = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n"


def answer(head: bytes, body: bytes) -> bytes:
    """Return what was sent, to whoever brings the registered credentials."""
    return json_response(body) if value_of(head, b"authorization") == _WANTED else _REFUSED


async def serve() -> int:
    """Serve until the parent ends."""
    end_with_parent()
    server = await asyncio.get_running_loop().create_server(lambda: Answering(answer), "127.0.0.1", 0)
    say({"port": server.sockets[0].getsockname()[1]})
    await server.serve_forever()
    return 0


def main() -> int:
    """Serve; return the exit status."""
    from hub.bench.loops import run

    return run(serve())


if __name__ == "__main__":
    sys.exit(main())
