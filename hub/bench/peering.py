"""Runs a peer on the same work: the same load, a nats-server configured as the hub's own, the same streams.

Hub and peer take turns, run by run, so that a machine that is slow for a while is slow for both.
"""

import asyncio
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from hub.bench.bench import document_of
from hub.bench.calling import call
from hub.bench.driving import Hear, Line, Loading, run_load
from hub.bench.options import Options
from hub.bench.peers import caddy, functions_framework
from hub.bench.peers.delivering import Store, deliver
from hub.bench.peers.running import event_store, peer
from hub.bench.plan import Plan
from hub.bench.scenarios import gateway
from hub.bench.scenarios.ingress import measured_of, plan_of, stored_in
from hub.bench.usage import Meter, children_of, memory_of
from hub.kernel.broker import connect
from hub.kernel.errors import Misconfigured
from hub.layout import declare
from hub.up.ports import free_port

PACKAGES = {"mq-bridge": "mq_bridge"}
PROGRAMS = {"caddy": caddy.program, "functions-framework": functions_framework.program}
"""How the program of a peer is found, or refused."""


def check(name: str) -> None:
    """Refuse a peer that is not installed.

    Raises:
        Misconfigured: it is not.
    """
    if name in PROGRAMS:
        PROGRAMS[name]()
    if name in PACKAGES and find_spec(PACKAGES[name]) is None:
        raise Misconfigured(f"The peer '{name}' is not installed; run `pip install 'integration-hub[bench]'`.")


def measure_peer(options: Options, directory: Path, hear: Hear) -> dict[str, Any]:
    """Run the peer of the options once and return its result, in the form of a run of the hub."""
    began = time.monotonic()
    if options.scenario == "functions":
        return asyncio.run(_answer_calls(options, directory / "peer", began, hear))
    if options.scenario == "gateway":
        return asyncio.run(_pass_calls(options, directory / "peer", began, hear))
    with event_store(directory / "peer", options.sync) as (url, pid):
        if options.scenario == "delivery":
            return asyncio.run(deliver(options, Store(url, pid, directory), began, hear))
        return asyncio.run(_perform(options, url, pid, began, hear))


async def _perform(options: Options, url: str, nats_pid: int, began: float, hear: Hear) -> dict[str, Any]:
    from hub import settings

    client = await connect([url], "hub bench")
    port = free_port()
    try:
        js = client.jetstream()
        await declare(js, settings.load().kernel())
        async with peer(str(options.peer), url, port) as peer_pid:
            ready_seconds = round(time.monotonic() - began, 3)
            meter = Meter(lambda: {"nats-server": [nats_pid], "peer": [peer_pid]})
            idle = {kind: round(size, 1) for kind, size in memory_of(meter.pids()).items()}
            before = await stored_in(js)
            result = await _load(options, port, meter, hear)
            measured = measured_of(options, result, await stored_in(js) - before)
            return document_of(measured, meter, ready_seconds, idle)
    finally:
        await client.close()


async def _load(options: Options, port: int, meter: Meter, hear: Hear) -> Line:
    async with meter.sampling():
        return await _loading(meter, hear)(plan_of(options, f"http://127.0.0.1:{port}", "/events"))


async def _pass_calls(options: Options, directory: Path, began: float, hear: Hear) -> dict[str, Any]:
    """Let Caddy do what the gateway does: the same target, the same loads."""
    port = free_port()
    async with (
        gateway.running_target() as (target_pid, target),
        caddy.running(directory, port, target, options.connections) as pid,
    ):
        ready_seconds = round(time.monotonic() - began, 3)
        meter = Meter(lambda: {"target": [target_pid], "peer": [pid]})
        idle = {kind: round(size, 1) for kind, size in memory_of(meter.pids()).items()}
        async with meter.sampling():
            measured = await gateway.compare(options, _loading(meter, hear), target, f"http://127.0.0.1:{port}")
        return document_of(measured, meter, ready_seconds, idle)


async def _answer_calls(options: Options, directory: Path, began: float, hear: Hear) -> dict[str, Any]:
    """Let functions-framework do what the hub does: the same handler, the same load."""
    port = free_port()
    async with functions_framework.running(directory, port) as pid:
        ready_seconds = round(time.monotonic() - began, 3)
        meter = Meter(lambda: {"peer": [pid, *children_of(pid)]})
        idle = {kind: round(size, 1) for kind, size in memory_of(meter.pids()).items()}
        async with meter.sampling():
            measured = await call(options, _loading(meter, hear), f"http://127.0.0.1:{port}")
        return document_of(measured, meter, ready_seconds, idle)


def _loading(meter: Meter, hear: Hear) -> Loading:
    async def load(plan: Plan, *, metered: bool = True) -> Line:
        def heard(line: Line) -> None:
            if metered:
                meter.hear(line)
            hear(line)

        return await run_load(plan, heard)

    return load
