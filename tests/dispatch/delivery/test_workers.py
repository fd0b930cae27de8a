"""Several workers, and what happens when they or nats-server end: promise 2 through real processes."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from nats.js.api import AckPolicy, ConsumerConfig

from contracts import subjects
from hub.dispatch.consumer.leases import SIGNS
from hub.house import Running
from hub.kernel.broker import Bus, connect
from hub.kernel.errors import BrokerUnavailable
from hub.kernel.state import JSON, Bucket
from hub.layout import declare
from hub.settings import HubSettings
from tests.conftest import make_settings, start_nats
from tests.dispatch.delivery.conftest import Gate, Hub, Run, Sink, http_sink, until

ROOT = Path(__file__).parents[3]
Spawn = Callable[[], subprocess.Popen[bytes]]


@pytest.fixture
def spawn(tmp_path: Path, nats_url: str) -> Iterator[Spawn]:
    """Return what starts a worker in a process of its own."""
    workers: list[subprocess.Popen[bytes]] = []
    settings = {"HUB_DATA_DIR": str(tmp_path), "HUB_NATS__URL": nats_url, "HUB_DISPATCH__ACK_WAIT_SECONDS": "0.5"}
    settings["HUB_DISPATCH__LEASE_SECONDS"] = "0.75"
    environment = {**os.environ, **settings, "PYTHONPATH": str(ROOT), "HUB_STOP_SECONDS": "3"}

    def start() -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "hub", "run", "dispatch"]
        worker = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        workers.append(worker)
        return worker

    yield start
    for worker in workers:
        worker.kill()
        worker.wait(10)


async def subscribe(hub: Hub, sink: Sink, **spec: Any) -> None:
    """Subscribe as soon as a worker is there."""
    limit = time.monotonic() + 20
    while True:
        try:
            return await hub.subscribe(sink, **spec)
        except Exception:
            assert time.monotonic() < limit
            await asyncio.sleep(0.05)


async def test_nothing_is_lost_while_workers_come_and_go(hub: Hub, spawn: Spawn, sink: Sink) -> None:
    """One is added, one stopped, one killed with -9 while events flow: all arrive, and the last one delivers alone."""
    first = spawn()

    async def slow() -> int:
        await asyncio.sleep(0.01)
        return 200

    sink.answers = lambda _id: slow()
    await subscribe(hub, sink)
    second = spawn()
    for number in range(0, 300, 10):
        await hub.post(*map(str, range(number, number + 10)))
        if number == 100:
            third = spawn()
            await until(lambda: len(sink.received) >= 50)
            first.kill()
        if number == 200:
            second.terminate()
    await until(lambda: set(sink.ids) == set(map(str, range(300))), seconds=25)
    await hub.settled()
    assert third.poll() is None


async def test_a_worker_that_stood_still_past_its_lease_goes_on(hub: Hub, spawn: Spawn, sink: Sink) -> None:
    """Events in order that came in while its lease had run out are delivered once it is renewed, with none after."""
    worker = spawn()
    await subscribe(hub, sink, delivery={"ordering": {"key": "partitionkey"}})
    await hub.post("first", partitionkey="a")
    await until(lambda: sink.ids == ["first"])
    worker.send_signal(signal.SIGSTOP)
    for event_id in ("second", "third"):
        await hub.post(event_id, partitionkey="a")
    await asyncio.sleep(1.2)  # a lease of this worker lasts 0.75 s
    worker.send_signal(signal.SIGCONT)
    await until(lambda: "third" in sink.ids)
    assert ["first", "second", "third"] == list(dict.fromkeys(sink.ids))


async def test_a_killed_worker_uses_up_no_attempt(hub: Hub, spawn: Spawn, sink: Sink) -> None:
    """An event whose only attempt was cut short by a kill gets its attempt, and no dead letter."""
    worker = spawn()
    gate = Gate()
    sink.answers = lambda _id: gate.answer() if len(sink.received) == 1 else 200
    await subscribe(hub, sink, delivery={"maxAttempts": 1})
    await hub.post("e-1")
    await until(lambda: bool(sink.received))
    worker.kill()
    spawn()
    await until(lambda: len(sink.received) == 2, seconds=20)
    gate.set()
    await hub.settled()
    assert (await hub.bus.js.stream_info(subjects.DEAD)).state.messages == 0


async def test_a_stopped_worker_gives_back_at_once(hub: Hub, running: Run, sink: Sink, tmp_path: Path) -> None:
    """What it had in hand is with the other worker long before nats-server would miss an answer; no attempt is used."""
    url = str(hub.bus.nc.connected_url.geturl()) if hub.bus.nc.connected_url else ""
    patient = make_settings(tmp_path, url, dispatch={"ack_wait_seconds": 60}, stop_seconds=0.5)
    first = await running(["dispatch"], tree=patient)
    gate = Gate()
    sink.answers = lambda _id: gate.answer() if len(sink.received) <= 2 else 200
    await hub.subscribe(sink, in_flight=2, delivery={"maxAttempts": 1})
    await hub.post("1", "2", "3")
    await until(lambda: len(sink.received) == 2)
    await first.stop()
    await running(["dispatch"], tree=patient)
    await until(lambda: len(sink.received) == 5, seconds=10)
    gate.set()
    await hub.settled()
    assert (await hub.bus.js.stream_info(subjects.DEAD)).state.messages == 0


async def test_attempts_are_counted_across_workers(hub: Hub, running: Run, sink: Sink, quick: HubSettings) -> None:
    """Another worker goes on with the count of the one before."""
    first = await running(["dispatch"], tree=quick)
    sink.answers = lambda _id: 503
    await hub.subscribe(sink, delivery={"maxAttempts": 3, "backoff": {"schedule": ["10ms", "1s"]}})
    await hub.post("e-1")
    await until(lambda: len(sink.received) == 2)
    await first.stop()
    await running(["dispatch"], tree=quick)
    (letter,) = await hub.dead()
    assert ("3", 3) == ((letter.headers or {})["Hub-Attempts"], len(sink.received))


async def test_an_event_whose_attempts_are_not_known_now_waits(
    hub: Hub, spawn: Spawn, running: Run, sink: Sink, quick: HubSettings
) -> None:
    """While the bucket of attempts does not answer, what another worker had begun is neither tried nor given up."""
    killed = spawn()
    gate = Gate()
    sink.answers = lambda _id: gate.answer() if len(sink.received) == 1 else 200
    await subscribe(hub, sink)
    await hub.post("e-1")
    await until(lambda: sink.ids == ["e-1"])
    await running(["dispatch"], tree=quick)
    bucket = (await hub.bus.js.stream_info(f"KV_{subjects.RETRIES}")).config
    await hub.bus.js.delete_stream(f"KV_{subjects.RETRIES}")
    killed.kill()
    await asyncio.sleep(2)  # it comes again after half a second
    assert sink.ids == ["e-1"]
    await hub.bus.js.add_stream(bucket)
    await until(lambda: sink.ids == ["e-1", "e-1"])
    gate.set()
    await hub.settled()
    assert (await hub.bus.js.stream_info(subjects.DEAD)).state.messages == 0


async def test_what_was_left_behind_is_swept_away(hub: Hub, running: Run, sink: Sink, quick: HubSettings) -> None:
    """A consumer without its Subscription is removed; those of others, and of other programs, stay."""
    worker = await running(["dispatch"], tree=quick)
    await hub.subscribe(sink, "gone")
    await hub.subscribe(sink, "there")
    foreign = ConsumerConfig(durable_name="dispatch_foreign", ack_policy=AckPolicy.EXPLICIT)
    await hub.bus.js.add_consumer(subjects.EVENTS, foreign)
    await worker.stop()
    await (await hub.bus.js.key_value(subjects.SUBSCRIPTIONS)).delete("default.gone")
    await running(["dispatch"], tree=quick)
    limit = time.monotonic() + 10
    while True:
        names = {found.name for found in await hub.bus.js.consumers_info(subjects.EVENTS)}
        if names == {"dispatch_default__there", "dispatch_foreign"}:
            return
        assert time.monotonic() < limit, names
        await asyncio.sleep(0.02)


@pytest.fixture
async def own_nats(tmp_path: Path) -> AsyncIterator[dict[str, Any]]:
    """Return a nats-server that the test may restart."""
    process, url = start_nats(tmp_path / "nats")
    held: dict[str, Any] = {"process": process, "url": url, "directory": tmp_path / "nats"}
    yield held
    held["process"].kill()
    held["process"].wait(10)


async def post_when_up(hub: Hub, event_id: str) -> None:
    """Store an event as soon as the connection is back."""
    limit = time.monotonic() + 15
    while True:
        try:
            return await hub.post(event_id)
        except BrokerUnavailable:
            assert time.monotonic() < limit
            await asyncio.sleep(0.05)


async def test_a_restart_of_nats_server_loses_nothing(own_nats: dict[str, Any], tmp_path: Path) -> None:
    """It is killed while events are under way, and again while none is; all arrive, and new ones soon after it."""
    url = own_nats["url"]
    settings = make_settings(tmp_path, url, dispatch={"ack_wait_seconds": 0.5}, stop_seconds=2)
    client = await connect([url], "tests")
    bus = Bus(client)
    await bus.start()
    await declare(bus.js, settings.kernel())
    worker = Running(settings)
    await worker.start(["dispatch"], [])
    hub = Hub(bus)
    sinks = http_sink(bus)
    sink = await anext(sinks)

    async def slow() -> int:
        await asyncio.sleep(0.02)
        return 200

    sink.answers = lambda _id: slow()
    try:
        await hub.subscribe(sink)
        await hub.post(*map(str, range(100)))
        await until(lambda: len(sink.received) >= 20)
        own_nats["process"].kill()
        own_nats["process"].wait(10)
        port = int(url.rsplit(":", 1)[1])
        own_nats["process"], _ = start_nats(own_nats["directory"], port)
        await until(lambda: set(sink.ids) == set(map(str, range(100))), seconds=25)
        await post_when_up(hub, "late")
        await until(lambda: "late" in sink.ids, seconds=20)
        await hub.settled()
        own_nats["process"].kill()
        own_nats["process"].wait(10)
        own_nats["process"], _ = start_nats(own_nats["directory"], port)
        await post_when_up(hub, "later")
        await until(lambda: "later" in sink.ids)
    finally:
        await worker.stop()
        await client.close()


async def test_order_survives_a_kill(hub: Hub, spawn: Spawn, sink: Sink) -> None:
    """The worker that takes over begins with what the killed one had in hand: no key is overtaken."""
    worker = spawn()
    gate = Gate()
    sink.answers = lambda event_id: gate.answer() if event_id == "a-2" and sink.count()["a-2"] == 1 else 200
    await subscribe(hub, sink, delivery={"ordering": {"key": "partitionkey"}})
    spawn()
    await hub.post("a-1", "a-2", "a-3", partitionkey="a")
    await until(lambda: "a-2" in sink.ids)
    await until(lambda: "a-1" in sink.ids)
    worker.kill()
    await hub.post("a-4", partitionkey="a")
    await until(lambda: "a-4" in sink.ids, seconds=20)
    gate.set()
    assert ["a-1", "a-2", "a-3", "a-4"] == list(dict.fromkeys(sink.ids))
    assert sink.count()["a-2"] == 2
    await hub.settled()


async def signs_of_life(hub: Hub) -> set[str]:
    """Return the workers that give signs of life."""
    return {key for key in await Bucket(hub.bus.js, subjects.LEASES, JSON).keys() if key.startswith(SIGNS)}


async def test_a_worker_that_wakes_up_after_its_lease_overtakes_nobody(hub: Hub, spawn: Spawn, sink: Sink) -> None:
    """Events that nats-server handed to it while it stood still come late, and everything newer waits for them.

    What it had asked for before it stood still is still open: nats-server goes on handing events to it for a while.
    """
    asleep = spawn()
    await subscribe(hub, sink, delivery={"ordering": {"key": "partitionkey"}})
    await hub.post("0", partitionkey="a")
    await until(lambda: sink.ids == ["0"])
    spawn()
    limit = time.monotonic() + 20
    while len(await signs_of_life(hub)) < 2:
        assert time.monotonic() < limit
        await asyncio.sleep(0.02)
    asleep.send_signal(signal.SIGSTOP)
    for number in range(1, 150):
        await hub.post(str(number), partitionkey="a")
        await asyncio.sleep(0.02)
    await until(lambda: len(sink.ids) > 100, seconds=25)
    asleep.send_signal(signal.SIGCONT)
    for number in range(150, 200):
        await hub.post(str(number), partitionkey="a")
        await asyncio.sleep(0.01)
    await until(lambda: len(set(sink.ids)) == 200, seconds=25)
    await hub.settled()
    assert list(map(str, range(200))) == list(dict.fromkeys(sink.ids))
    assert len(sink.ids) <= 201  # at most what was under way when it fell asleep came twice
