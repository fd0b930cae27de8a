"""mq-bridge, a message bridge in Rust: HTTP in, JetStream out, answered when stored.

https://github.com/marcomq/mq-bridge; `pip install 'integration-hub[bench]'` brings the package.
"""

import os
import sys
import threading
from importlib import import_module
from urllib.parse import urlsplit

from contracts import subjects
from hub.bench.requests import APPLICATION, TYPE


def serve(url: str, port: int) -> None:
    """Serve until the parent ends."""
    server = urlsplit(url)
    store = {
        "url": f"nats://{server.hostname}:{server.port}",
        "username": server.username,
        "password": server.password,
        "subject": subjects.event(APPLICATION, TYPE),
        "stream": subjects.EVENTS,
    }
    route = {
        # Many requests in hand, and batches as large as what is waiting: its own advice for throughput.
        "concurrency": 4,
        "batch_size": 128,
        "input": {"http": {"url": f"127.0.0.1:{port}", "path": "/events"}},
        "output": {"nats": store},
    }
    threading.Thread(target=_end_with_parent, daemon=True).start()
    import_module("mq_bridge").Route.from_config(route).run()


def _end_with_parent() -> None:
    while os.read(0, 4096):
        pass
    os._exit(1)


if __name__ == "__main__":
    serve(sys.stdin.readline().strip(), int(sys.argv[1]))
