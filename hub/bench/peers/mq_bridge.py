"""mq-bridge, a message bridge in Rust: HTTP in, JetStream out, answered when stored; or JetStream in, HTTP out.

https://github.com/marcomq/mq-bridge; `pip install 'integration-hub[bench]'` brings the package.
"""

import os
import sys
import threading
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

from contracts import subjects
from hub.bench.requests import APPLICATION, TYPE

DELIVER = "deliver"


def serve(url: str, port: int, work: str = "") -> None:
    """Store what comes in at a port, or deliver what is stored to a sink at the port; until the parent ends."""
    server = urlsplit(url)
    store = {
        "url": f"nats://{server.hostname}:{server.port}",
        "username": server.username,
        "password": server.password,
        "subject": subjects.event(APPLICATION, TYPE),
        "stream": subjects.EVENTS,
    }
    # Many requests in hand, and batches as large as what is waiting: its own advice for throughput.
    route: dict[str, Any] = {"concurrency": 4, "batch_size": 128}
    if work == DELIVER:
        http = {"url": f"http://127.0.0.1:{port}/events", "batch_concurrency": 64}
        route |= {"input": {"nats": store}, "output": {"http": http}}
    else:
        route |= {"input": {"http": {"url": f"127.0.0.1:{port}", "path": "/events"}}, "output": {"nats": store}}
    threading.Thread(target=_end_with_parent, daemon=True).start()
    import_module("mq_bridge").Route.from_config(route).run()


def _end_with_parent() -> None:
    while os.read(0, 4096):
        pass
    os._exit(1)


if __name__ == "__main__":
    serve(sys.stdin.readline().strip(), int(sys.argv[1]), *sys.argv[2:])
