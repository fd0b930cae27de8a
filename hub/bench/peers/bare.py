"""The least that takes an event over HTTP and stores it: uvicorn and `js.publish`, as one would write it in an hour.

No identity, no checks, no limits, no receipts; what the hub does beyond this is what the ratio shows the price of.
"""

import sys
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import nats
import uvicorn
from nats.js import JetStreamContext

from contracts import subjects
from hub.bench.load import end_with_parent
from hub.bench.requests import APPLICATION, TYPE

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
SUBJECT = subjects.event(APPLICATION, TYPE)


def application(js: JetStreamContext) -> Callable[[Scope, Receive, Send], Awaitable[None]]:
    """Return the ASGI application."""

    async def take(scope: Scope, receive: Receive, send: Send) -> None:
        body, more = b"", True
        while more:
            part = await receive()
            body, more = body + part.get("body", b""), part.get("more_body", False)
        headers = {name.decode(): value.decode() for name, value in scope["headers"] if name.startswith(b"ce-")}
        await js.publish(SUBJECT, body, headers={**headers, "Nats-Msg-Id": headers["ce-id"]})
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    return take


async def serve(url: str, port: int) -> None:
    """Serve until the parent ends."""
    end_with_parent()
    client = await nats.connect(url, pending_size=32 * 1024 * 1024)
    config = uvicorn.Config(
        application(client.jetstream()), port=port, http="httptools", ws="none", lifespan="off", log_level="error"
    )
    await uvicorn.Server(config).serve()


def main() -> None:
    """Serve with the arguments of the command line."""
    from hub.bench.loops import run

    run(serve(sys.stdin.readline().strip(), int(sys.argv[1])))


if __name__ == "__main__":
    main()
