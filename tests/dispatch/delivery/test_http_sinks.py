"""HTTP sinks, well-behaved and not: everything is bounded, and ends with an answer or a reason."""

import asyncio
import base64
import hashlib
import hmac
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import orjson
import pytest

from tests.conftest import make_settings
from tests.dispatch.delivery.conftest import Hub, Run, Sink, until

Rude = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture
async def rude() -> AsyncIterator[Callable[[Rude], Awaitable[str]]]:
    """Return what starts a server that does as it likes once a request has come, and counts its connections."""
    servers: list[asyncio.Server] = []

    async def start(behave: Rude) -> str:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                await reader.readuntil(b"\r\n\r\n")
                await behave(reader, writer)
            except (ConnectionError, asyncio.IncompleteReadError):
                pass
            finally:
                writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        servers.append(server)
        return f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"

    yield start
    for server in servers:
        server.close()


async def drip(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer one byte at a time, for ever."""
    for byte in b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n" + b"x" * 100000:
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(0.02)


async def cut_off(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Close in the middle of the answer."""
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf")
    await writer.drain()


async def babble(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer something that is no HTTP."""
    writer.write(b"SSH-2.0-OpenSSH_9.6\r\n\r\n")
    await writer.drain()


async def endless_headers(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send headers without end."""
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        writer.write(b"x-more: " + b"y" * 4000 + b"\r\n")
        await writer.drain()


@pytest.mark.parametrize(
    ("behave", "reason"),
    [
        (drip, "No answer within 0.3 s"),
        (cut_off, "closed in the middle of the answer"),
        (babble, "not HTTP"),
        (endless_headers, "headers do not end"),
    ],
)
async def test_what_is_no_answer_is_retried_and_then_kept(
    hub: Hub, running: Run, rude: Any, behave: Rude, reason: str
) -> None:
    """Bounded in time and memory, tried again, and in the end a dead letter that says why."""
    await running(["dispatch"])
    await hub.subscribe(await rude(behave), delivery={"timeout": "300ms", "maxAttempts": 2})
    await hub.post("e-1")
    (letter,) = await hub.dead()
    headers = letter.headers or {}
    assert (headers["Hub-Kind"], headers["Hub-Attempts"], headers["Hub-Status"]) == ("attempts-exhausted", "2", "")
    assert reason in headers["Hub-Reason"]


async def test_an_endless_body_is_not_read(hub: Hub, running: Run, rude: Any) -> None:
    """The status counts; the connection is closed long before ten gigabytes."""
    written = [0]

    async def pour(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 10000000000\r\n\r\n")
        while True:
            writer.write(b"z" * 65536)
            written[0] += 65536
            await writer.drain()

    await running(["dispatch"])
    await hub.subscribe(await rude(pour))
    await hub.post("e-1")
    await until(lambda: written[0] > 0)
    await hub.settled()
    assert written[0] < 64 * 1024 * 1024


async def test_redirects_are_final_and_not_followed(hub: Hub, running: Run, sink: Sink) -> None:
    """A sink that redirects to itself is asked once."""
    await running(["dispatch"])
    sink.answers, sink.headers = (lambda _id: 302), {"location": sink.address}
    await hub.subscribe(sink)
    await hub.post("e-1")
    (letter,) = await hub.dead()
    assert ("302", 1) == ((letter.headers or {})["Hub-Status"], len(sink.received))


async def test_a_sink_that_is_not_there_is_tried_again(hub: Hub, running: Run) -> None:
    """A refused connection says which address refused."""
    await running(["dispatch"])
    await hub.subscribe("http://127.0.0.1:1/", delivery={"maxAttempts": 2})
    await hub.post("e-1")
    (letter,) = await hub.dead()
    assert "127.0.0.1:1 cannot be reached" in (letter.headers or {})["Hub-Reason"]


async def test_connections_are_kept_and_renewed(hub: Hub, running: Run, rude: Any) -> None:
    """A sink that closes after each answer gets every event, each once."""
    ids: list[str] = []

    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ids.append("x")
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        await writer.drain()

    await running(["dispatch"])
    await hub.subscribe(await rude(once))
    await hub.post(*map(str, range(30)))
    await until(lambda: len(ids) >= 30)
    await hub.settled()
    assert len(ids) == 30


@pytest.mark.parametrize("form", ["seconds", "date"])
async def test_the_pause_that_a_sink_asks_for_is_kept(hub: Hub, running: Run, sink: Sink, form: str) -> None:
    """`Retry-After` of a 429 or 503 counts where it is longer than the backoff, which does not bound it."""
    await running(["dispatch"])
    sink.answers = lambda _id: 429 if len(sink.received) == 1 else 200
    due = format_datetime(datetime.now(UTC) + timedelta(seconds=2.9), usegmt=True)
    sink.headers = {"Retry-After": "1" if form == "seconds" else due}
    await hub.subscribe(sink, delivery={"backoff": {"initial": "1ms", "max": "10ms"}})
    await hub.post("e-1")
    await until(lambda: len(sink.received) == 2)
    assert sink.received[1].at - sink.received[0].at >= 0.9


async def test_the_query_user_and_path_of_an_address_are_kept(hub: Hub, running: Run, sink: Sink) -> None:
    """User and password become basic authorization and appear nowhere else."""
    await running(["dispatch"])
    await hub.subscribe(sink.address.replace("http://", "http://us%40er:pass@"))
    await hub.post("e-1")
    await until(lambda: bool(sink.received))
    expected = base64.b64encode(b"us@er:pass").decode()
    assert sink.received[0].headers["authorization"] == f"Basic {expected}"


class TestAddresses:
    """Where deliveries may go."""

    @pytest.mark.parametrize("address", ["http://169.254.169.254/latest", "http://10.0.0.1/", "http://[fe80::1]/"])
    async def test_refused_addresses_are_refused_when_they_are_written(
        self, hub: Hub, running: Run, address: str
    ) -> None:
        """Nothing is stored, and the refusal names the setting."""
        await running(["dispatch"])
        status, answer = await hub.apply(address)
        assert (status, answer["field"]) == ("400", "spec.sink")
        assert "HUB_DISPATCH__SINK_PRIVATE_ADDRESSES" in answer["detail"]
        assert await hub.bus.js.streams_info()
        assert (await hub.ask("subscriptions", "delete", {"name": "orders"}))[0] == "404"

    async def test_a_name_is_judged_by_what_it_resolves_to(
        self, hub: Hub, running: Run, sink: Sink, tmp_path: Any, nats_url: str
    ) -> None:
        """With loopback off a name of this machine is no way in; the dead letter says so."""
        await running(["dispatch"], tree=make_settings(tmp_path, nats_url, dispatch={"sink_loopback": False}))
        assert (await hub.apply(sink))[0] == "400"
        import socket

        name = socket.gethostname()
        if not socket.gethostbyname(name).startswith("127."):
            pytest.skip("this machine's name is no loopback address")
        await hub.subscribe(f"http://{name}:{sink.address.split(':')[2]}", delivery={"maxAttempts": 1})
        await hub.post("e-1")
        (letter,) = await hub.dead()
        assert "may not go to" in (letter.headers or {})["Hub-Reason"]


class TestSigning:
    """Standard Webhooks."""

    async def apply_secret(self, hub: Hub, **values: str) -> None:
        """Store a Secret."""
        document = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "hook"}, "stringData": values}
        assert (await hub.ask("secrets", "apply", {"document": document}))[0] == "200"

    async def test_deliveries_are_signed_by_the_current_and_the_previous_key(
        self, hub: Hub, running: Run, sink: Sink
    ) -> None:
        """While the key is changed receivers with either key are satisfied; the id is the same for each attempt."""
        await running(["dispatch", "registry"])
        old, new = (b"o" * 24, b"n" * 24)
        encoded = {name: "whsec_" + base64.b64encode(key).decode() for name, key in (("o", old), ("n", new))}
        await self.apply_secret(hub, current=encoded["o"])
        sink.answers = lambda _id: 503 if len(sink.received) == 1 else 200
        await hub.subscribe(sink, delivery={"signing": {"secretName": "hook"}})
        await hub.post("e-1", body=b'{"a": 1}')
        await until(lambda: len(sink.received) == 2)
        assert [[old], [old]] == [signers(one, old, new) for one in sink.received]
        assert sink.received[0].headers["webhook-id"] == sink.received[1].headers["webhook-id"]
        await self.apply_secret(hub, current=encoded["n"], previous=encoded["o"])
        await hub.post(*(f"more-{number}" for number in range(200)), body=b"{}")
        await until(lambda: [new, old] in [signers(one, old, new) for one in sink.received])

    async def test_without_its_secret_nothing_is_delivered_and_the_status_says_why(
        self, hub: Hub, running: Run, sink: Sink
    ) -> None:
        """Events wait, not ready; with the Secret they go out signed."""
        await running(["dispatch", "registry"])
        await hub.subscribe(sink, delivery={"signing": {"secretName": "hook"}})
        await hub.post("e-1")
        status = await hub.status()
        active = status["conditions"][0]
        assert (status["ready"], active["status"]) == (False, "False")
        assert (active["reason"], "hook" in active["message"]) == ("NATS Subscription not active", True)
        assert not sink.received
        await self.apply_secret(hub, current="whsec_" + base64.b64encode(b"k" * 24).decode())
        await until(lambda: bool(sink.received))
        assert signers(sink.received[0], b"k" * 24) == [b"k" * 24]


def signers(one: Any, *keys: bytes) -> list[bytes]:
    """Return the keys by which a delivery is signed, in the order of its signatures."""
    assert abs(time.time() - int(one.headers["webhook-timestamp"])) < 300
    text = f"{one.headers['webhook-id']}.{one.headers['webhook-timestamp']}.".encode() + one.body
    expected = {"v1," + base64.b64encode(hmac.new(key, text, hashlib.sha256).digest()).decode(): key for key in keys}
    return [expected[signature] for signature in one.headers["webhook-signature"].split(" ")]


class TestBatches:
    """`spec.delivery.batch`."""

    async def test_events_come_in_batches_of_cloudevents(self, hub: Hub, running: Run, sink: Sink) -> None:
        """Data is kept: JSON as JSON, text as text, anything else as base64; no batch is above its limit."""
        await running(["dispatch"])
        await hub.subscribe(sink, delivery={"batch": {"maxEvents": 10, "maxWait": "100ms"}})
        for number in range(25):
            await hub.post(f"e-{number}", body=b'{"n": %d}' % number, datacontenttype="application/json")
        await hub.post("text", body="grün".encode(), datacontenttype="text/plain", subject="gr%C3%BCn")
        await hub.post("bytes", body=b"\x00\xff", datacontenttype="application/octet-stream")
        await hub.post("broken", body=b'{"n": ', datacontenttype="application/json")
        await until(lambda: sum(len(orjson.loads(one.body)) for one in sink.received) == 28)
        await hub.settled()
        batches = [orjson.loads(one.body) for one in sink.received]
        assert {"application/cloudevents-batch+json"} == {one.headers["content-type"] for one in sink.received}
        assert max(map(len, batches)) <= 10 and len(batches) < 28
        events = {event["id"]: event for batch in batches for event in batch}
        assert (events["e-7"]["data"], events["e-7"]["type"]) == ({"n": 7}, "order.created.v1")
        assert (events["text"]["data"], events["text"]["subject"]) == ("grün", "grün")
        assert events["bytes"]["data_base64"] == "AP8="
        assert base64.b64decode(events["broken"]["data_base64"]) == b'{"n": '

    async def test_after_a_failure_each_event_is_sent_alone(self, hub: Hub, running: Run, sink: Sink) -> None:
        """One bad event ends alone as a dead letter; its fellows arrive."""
        await running(["dispatch"])

        async def judge() -> int:
            return 422 if b'"bad"' in sink.received[-1].body else 200

        sink.answers = lambda _id: judge()
        await hub.subscribe(sink, delivery={"batch": {"maxEvents": 5, "maxWait": "200ms"}})
        await hub.post("1", "2", "bad", "3", "4")
        (letter,) = await hub.dead()
        await hub.settled()
        headers = letter.headers or {}
        assert ("bad", "422", "1") == tuple(headers[name] for name in ("ce-id", "Hub-Status", "Hub-Attempts"))
        arrived = [event["id"] for one in sink.received[1:] for event in orjson.loads(one.body)]
        assert sorted(arrived) == ["1", "2", "3", "4", "bad"]

    async def test_a_batch_that_fails_is_retried_event_by_event(self, hub: Hub, running: Run, sink: Sink) -> None:
        """A 503 counts as one attempt for each of them; the next is alone."""
        await running(["dispatch"])
        sink.answers = lambda _id: 503 if len(sink.received) == 1 else 200
        await hub.subscribe(sink, delivery={"batch": {"maxEvents": 3, "maxWait": "200ms"}})
        await hub.post("1", "2", "3")
        await until(lambda: len(sink.received) == 4)
        await hub.settled()
        assert [3, 1, 1, 1] == [len(orjson.loads(one.body)) for one in sink.received]
