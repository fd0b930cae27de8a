"""The first connection comes within its time or not at all, what a start needs of the event store is waited for, and a
connection that breaks is no error of whoever sends just then."""

import asyncio
from typing import Any

import pytest
import uvloop
from nats.aio.msg import Msg
from nats.aio.transport import TcpTransport

from contracts import subjects
from hub.house import Running
from hub.kernel import broker
from hub.kernel.broker import Bus
from hub.kernel.client import Client
from hub.kernel.errors import BrokerUnavailable
from hub.settings import HubSettings


async def test_an_attempt_that_cannot_be_cancelled_at_once_ends_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before Python 3.12 a handshake that fails in the moment of the cancellation swallows it, and the library goes on
    trying: a command would never come back."""
    swallowed = []

    async def connect(_client: Client, **_options: Any) -> None:
        while len(swallowed) < 3:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                swallowed.append(True)
        await asyncio.sleep(60)

    monkeypatch.setattr(Client, "connect", connect)
    monkeypatch.setattr(broker, "FIRST_CONNECT_SECONDS", 0.05)
    async with asyncio.timeout(30):
        with pytest.raises(BrokerUnavailable):
            await broker.connect(["nats://127.0.0.1:9"], "test")
    assert len(swallowed) == 3


async def test_a_worker_that_starts_waits_for_the_stream_of_contract_events(bus: Bus, settings: HubSettings) -> None:
    """A cluster that chooses leaders answers late or never; the worker asks again and gets ready."""
    stream = (await bus.js.stream_info(subjects.HUB)).config
    await bus.js.delete_stream(subjects.HUB)
    worker = Running(settings)
    starting = asyncio.create_task(worker.start(["catalog"], []))
    try:
        await asyncio.sleep(2)
        assert not starting.done()
        await bus.js.add_stream(stream)
        await asyncio.wait_for(starting, 30)
        [consumer, *_] = await bus.js.consumers_info(subjects.HUB)
        assert "catalog" in consumer.name
    finally:
        starting.cancel()
        await worker.stop()


def test_a_connection_that_just_broke_is_no_error_of_the_sender(nats_url: str) -> None:
    """Under the event loop of the workers, which refuses to write to a closed socket: it comes later."""

    async def send() -> list[bytes]:
        client, came = await broker.connect([nats_url], "test"), asyncio.Queue[Msg]()
        await client.subscribe("told", cb=came.put)
        await client.flush()
        assert client._reading_task is not None and client._transport is not None
        client._reading_task.cancel()  # it would notice soon
        client._transport._io_writer.transport.abort()  # type: ignore[attr-defined]  # the library's own
        for number in range(3):
            await client.publish("told", b"%d" % number)
            await asyncio.sleep(0.01)
        await client.force_reconnect()
        async with asyncio.timeout(10):
            said = [(await came.get()).data for _ in range(3)]
        await client.close()
        return said

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(send()) == [b"0", b"1", b"2"]


def test_a_socket_that_closes_while_it_is_greeted_does_not_end_the_reconnecting(
    nats_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Again under the event loop of the workers: the library would never try again."""
    readline = TcpTransport.readline
    closed: list[bytes] = []

    async def read_and_lose(transport: TcpTransport) -> bytes:
        line: bytes = await readline(transport)
        if len(closed) < 3:
            closed.append(line)
            transport._io_writer.transport.abort()  # type: ignore[union-attr]  # the library's own
            await asyncio.sleep(0.01)
        return line

    async def reconnect() -> None:
        back = asyncio.Event()
        client = await broker.connect([nats_url], "test", back.set)
        monkeypatch.setattr(TcpTransport, "readline", read_and_lose)
        await client.force_reconnect()
        await asyncio.wait_for(back.wait(), 20)
        await client.flush()
        await client.close()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(reconnect())
    assert len(closed) == 3 and all(line.startswith(b"INFO") for line in closed)
