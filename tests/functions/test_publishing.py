"""What a handler emits is posted to the publisher; what is not accepted fails the invocation."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from hub.functions.model import Invocation
from hub.functions.runtime.worker import Worker
from tests.functions.conftest import Bench, event_headers

EMIT = """
def main(event, context):
    event.emitCloudEvent("order.paid.v1", "billing", event["data"], {"eventtypeversion": "v1"})
"""


class Received(ThreadingHTTPServer):
    """A publisher that keeps what it gets."""

    status = 204
    requests: list[tuple[str, dict[str, str], Any]]


class Publisher(BaseHTTPRequestHandler):
    """Answers one request."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Keep the event and answer."""
        server = self.server
        assert isinstance(server, Received)
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        server.requests.append((self.path, headers, json.loads(body)))
        self.send_response(server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def publisher() -> Iterator[Received]:
    """Return a publisher on a port of its own."""
    server = Received(("127.0.0.1", 0), Publisher)
    server.requests = []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


async def start(bench: Bench, publisher: Received, source: str = EMIT) -> Worker:
    """Start a Function that publishes there."""
    address = f"http://127.0.0.1:{publisher.server_port}/publish"
    return await bench.start(source, environment={"PATH": "/bin", "PUBLISHER_PROXY_ADDRESS": address})


async def test_an_emitted_event_is_a_complete_cloud_event_of_the_same_trace(bench: Bench, publisher: Received) -> None:
    """Id, time and media type are added; the span of the invocation is named as the cause."""
    worker = await start(bench, publisher)
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    called = Invocation(headers=event_headers() | {"traceparent": trace}, body=b'{"id": 7}')
    assert (await worker.invoke(called, 5)).status == 200
    ((path, headers, event),) = publisher.requests
    expected = {"type": "order.paid.v1", "source": "billing", "specversion": "1.0", "eventtypeversion": "v1"}
    assert expected.items() <= event.items()
    assert (event["data"], event["datacontenttype"], len(event["id"])) == ({"id": 7}, "application/json", 36)
    assert (path, headers["content-type"]) == ("/publish", "application/cloudevents+json")
    assert trace == headers["traceparent"]


async def test_one_connection_serves_many_events(bench: Bench, publisher: Received) -> None:
    """Repeated calls publish as well, also after the publisher has closed the connection."""
    worker = await start(bench, publisher)
    for _ in range(20):
        assert (await worker.invoke(Invocation(headers=event_headers(), body=b"1"), 5)).status == 200
    assert len({event["id"] for _, _, event in publisher.requests}) == 20


async def test_a_refused_event_fails_the_invocation(bench: Bench, publisher: Received) -> None:
    """Nothing is lost in silence: the invocation fails, and with it the event that caused it is tried again."""
    publisher.status = 503
    worker = await start(bench, publisher)
    answer = await worker.invoke(Invocation(headers=event_headers(), body=b"1"), 5)
    assert answer.status == 500 and answer.failure is not None
    assert "the publisher answered 503" in answer.failure.message


async def test_a_publisher_that_is_away_fails_the_invocation(bench: Bench, publisher: Received) -> None:
    """The failure says where the publisher should have been."""
    worker = await start(bench, publisher)
    publisher.shutdown()
    publisher.server_close()
    answer = await worker.invoke(Invocation(headers=event_headers(), body=b"1"), 5)
    assert answer.failure is not None and "does not answer" in answer.failure.message


async def test_a_response_event_has_the_source_and_versions_of_its_cause(bench: Bench, publisher: Received) -> None:
    """`buildResponseCloudEvent` and `publishCloudEvent` work as upstream; the answer can be read."""
    worker = await start(
        bench,
        publisher,
        """
        def main(event, context):
            answer = event.buildResponseCloudEvent("r-1", "order.paid.v1", {"ok": True})
            return str(event.publishCloudEvent(answer).status_code)
    """,
    )
    answer = await worker.invoke(Invocation(headers=event_headers(), body=b"1"), 5)
    ((_, _, event),) = publisher.requests
    assert (answer.body, event["id"], event["source"], event["specversion"]) == (b"204", "r-1", "shop", "1.0")
    assert "eventtypeversion" not in event


CALLS = """
import os, urllib.request

def main(event, context):
    address = event["data"]
    for url in (os.environ["PUBLISHER_PROXY_ADDRESS"], os.environ["GATEWAY_URL"] + "/shop/orders", address):
        urllib.request.urlopen(urllib.request.Request(url, data=b"{}", method="POST"), timeout=5)
    event.emitCloudEvent("order.paid.v1", "billing", {})
"""
NODE_CALLS = """
const http = require('node:http');
const post = (url) => new Promise((resolve, reject) => {
  http.request(url, { method: 'POST' }, (answer) => answer.resume().on('end', resolve)).on('error', reject).end('{}');
});
module.exports = { main: async (event) => {
  for (const url of [process.env.PUBLISHER_PROXY_ADDRESS, `${process.env.GATEWAY_URL}/shop/orders`]) await post(url);
  await fetch(event.data, { method: 'POST', body: '{}' });
  await event.emitCloudEvent('order.paid.v1', 'billing', {});
} };
"""


async def test_only_the_hub_is_told_who_calls(bench: Bench, publisher: Received, interpreter: str) -> None:
    """The publisher and the gateway get the token and the depth of the chain, by whatever library they are called; a
    token that any other address got could be used by it."""
    stranger = Received(("127.0.0.1", 0), Publisher)
    stranger.requests = []
    threading.Thread(target=stranger.serve_forever, daemon=True).start()
    hub = f"http://127.0.0.1:{publisher.server_port}"
    own = {"PUBLISHER_PROXY_ADDRESS": f"{hub}/publish", "GATEWAY_URL": hub, "HUB_WORKLOAD_TOKEN": "t-1"}
    source = NODE_CALLS if interpreter else CALLS
    worker = await bench.start(source, environment={"PATH": "/bin"} | own, node=interpreter)
    address = f"http://127.0.0.1:{stranger.server_port}/elsewhere"
    called = Invocation(headers=event_headers(hubdepth="3"), body=json.dumps(address).encode())
    try:
        answer = await worker.invoke(called, 10)
    finally:
        stranger.shutdown()
        stranger.server_close()
    assert answer.status == 200, answer
    told = [(path, one.get("hub-workload-token"), one.get("hub-depth")) for path, one, _ in publisher.requests]
    assert told == [("/publish", "t-1", "3"), ("/shop/orders", "t-1", "3"), ("/publish", "t-1", "3")]
    ((path, headers, _),) = stranger.requests
    assert path == "/elsewhere" and not [name for name in headers if name.startswith("hub-")]
