"""Law: every accepted event is delivered or dead-lettered, never neither - whatever happens in between.

A state machine over publications, refusals, stops and crashes of the worker and restarts of nats-server, run against
the real thing. At the end everything is healed, and the books must balance.
"""

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Coroutine
from pathlib import Path
from signal import SIGKILL, SIGTERM
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test
from nats.errors import NoRespondersError

from contracts import subjects
from hub.kernel.broker import Bus, connect
from hub.kernel.errors import HubError
from hub.layout import declare
from tests.conftest import make_settings, start_nats
from tests.dispatch.delivery.conftest import Hub, Sink, http_sink

ROOT = Path(__file__).parents[2]
_FINAL, _PASSING = 400, 503
_SIGNALS = {"stop": SIGTERM, "crash": SIGKILL}


class Deliveries(RuleBasedStateMachine):
    """One Subscription, one sink, one worker at a time."""

    def __init__(self) -> None:
        """Start nats-server and a worker."""
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.directory = Path(tempfile.mkdtemp(prefix="hub-law-"))
        self.nats, self.url = start_nats(self.directory / "nats")
        self.stored: list[str] = []
        self.took: set[str] = set()
        self.mood = 200
        self.number = 0
        self.run(self.begin())

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something in the machine's event loop."""
        self.loop.run_until_complete(asyncio.wait_for(work, 40))

    async def begin(self) -> None:
        """Connect, and subscribe."""
        self.bus = Bus(await connect([self.url], "law"))
        await self.bus.start()
        await declare(self.bus.js, make_settings(self.directory, self.url).kernel())
        self.sinks = http_sink(self.bus)
        self.sink: Sink = await anext(self.sinks)
        self.sink.answers = self.answer
        self.start_worker()
        delivery = {"maxAttempts": 6, "backoff": {"schedule": ["5ms"]}}
        while True:
            try:
                return await Hub(self.bus).subscribe(self.sink, delivery=delivery)
            except NoRespondersError:
                await asyncio.sleep(0.05)

    async def answer(self, event_id: str) -> int:
        """Answer by the sink's mood, after a while in which the worker may end; what it took counts as delivered."""
        await asyncio.sleep(0.01)
        if self.mood < 300:
            self.took.add(event_id)
        return self.mood

    def start_worker(self) -> None:
        """Start a worker in a process of its own."""
        own = {"HUB_DATA_DIR": str(self.directory), "HUB_NATS__URL": self.url, "PYTHONPATH": str(ROOT)}
        own |= {"HUB_DISPATCH__ACK_WAIT_SECONDS": "0.3", "HUB_STOP_SECONDS": "1"}
        command = [sys.executable, "-m", "hub", "run", "dispatch"]
        self.worker = subprocess.Popen(
            command, env={**os.environ, **own}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    # One rule, not one per thing that may happen: hypothesis leaves out whole rules in some examples. What it tries
    # first is the first of each list, so these are the hardest.
    @rule(
        count=st.integers(5, 20),
        mood=st.sampled_from([_PASSING, 200, _FINAL]),
        seconds=st.sampled_from([0.1, 0.02, 0.0]),
        happens=st.sampled_from(["crash", "stop", "restart of nats-server", "nothing"]),
    )
    def step(self, count: int, mood: int, seconds: float, happens: str) -> None:
        """Store events for a sink that takes them, may take them later, or never will; then something happens."""
        self.mood = mood
        self.run(self.publish(count))
        self.run(asyncio.sleep(seconds))
        if happens in _SIGNALS:
            self.run(self.end_worker(_SIGNALS[happens]))
        elif happens != "nothing":
            self.run(self.restart_nats())

    async def publish(self, count: int) -> None:
        """Store events; what is not acknowledged was not accepted."""
        for _ in range(count):
            self.number += 1
            try:
                await Hub(self.bus).post(str(self.number))
            except HubError:
                continue
            self.stored.append(str(self.number))

    async def end_worker(self, signal: int) -> None:
        """Stop the worker in order or kill it, and start another."""
        self.worker.send_signal(signal)
        await asyncio.to_thread(self.worker.wait, 10)
        self.start_worker()

    async def restart_nats(self) -> None:
        """Kill nats-server, and start it on the same store."""
        self.nats.kill()
        self.nats.wait(10)
        self.nats, _ = start_nats(self.directory / "nats", int(self.url.rsplit(":", 1)[1]))
        while not self.bus.nc.is_connected:
            await asyncio.sleep(0.01)

    def teardown(self) -> None:
        """Heal everything; each accepted event must then have been taken, or be a dead letter."""
        try:
            self.mood = 200
            self.run(self.balance())
        finally:
            self.worker.kill()
            self.worker.wait(10)
            self.run(self.bus.nc.close())
            self.nats.kill()
            self.nats.wait(10)
            self.loop.close()
            shutil.rmtree(self.directory, ignore_errors=True)

    async def balance(self) -> None:
        """Wait until the books balance."""
        limit = time.monotonic() + 20
        while True:
            missing = set(self.stored) - self.took - await self.dead()
            if not missing:
                return
            assert time.monotonic() < limit, f"neither delivered nor dead-lettered: {sorted(missing)}"
            await asyncio.sleep(0.05)

    async def dead(self) -> set[str]:
        """Return the ids of the dead letters."""
        found: set[str] = set()
        last = (await self.bus.js.stream_info(subjects.DEAD)).state.last_seq
        for sequence in range(1, last + 1):
            letter = await self.bus.js.get_msg(subjects.DEAD, seq=sequence)
            found.add((letter.headers or {})["ce-id"])
        return found


def test_each_event_is_delivered_or_dead_lettered() -> None:
    """Promise 2, through crashes at any moment between the steps; few and short examples keep it quick."""
    bounds = settings(
        max_examples=3,
        stateful_step_count=6,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(Deliveries, settings=bounds)
