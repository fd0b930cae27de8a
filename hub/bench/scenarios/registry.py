"""How fast solutions register, and how an operator then fares: the list of Applications, and a start with all of them.

Each Application gets five Services with an API, credentials and an event catalog, over mutual TLS at the edge. One
certificate speaks for all Applications, as Compass has it; requests for one Application come one after the other, as a
solution makes them. What was answered as registered must be stored.
"""

import asyncio
import statistics
import sys
import time
from dataclasses import replace
from pathlib import Path

from hub.bench.bench import Bench, Measured, complaints_of, measured_load
from hub.bench.driving import Line
from hub.bench.populating import admitted, apply_all, plan_of
from hub.bench.scenarios.ingress import pair_solution
from hub.kernel.errors import UpstreamUnavailable

SERVICES = 5
"""Services of each Application."""
_LISTS = 3
_SERVICE = {
    "provider": "bench",
    "name": "Orders",
    "description": "Orders",
    "api": {
        "targetUrl": "http://bench.test",
        "spec": {
            "openapi": "3.0.3",
            "info": {"title": "Orders", "version": "1"},
            "paths": {f"/orders/{n}": {"get": {"responses": {"200": {"description": "OK"}}}} for n in range(10)},
        },
        "credentials": {"basic": {"username": "bench", "password": "bench"}},
    },
    "events": {"spec": {"asyncapi": "2.6.0", "info": {"title": "Orders", "version": "1"}, "channels": {}}},
}


async def run(bench: Bench) -> Measured:
    """Apply the Applications, register their Services, list them, and start anew with them."""
    credentials = await pair_solution(bench)
    bench.hear({"phase": "applying the Applications"})
    applied = await apply_all(bench)
    await admitted(bench, credentials)
    result = await bench.load(plan_of(bench, credentials, _SERVICE, SERVICES))
    found = await bench.session.resources("applications")
    stored = sum(len(each.spec.get("services", [])) for each in found)
    bench.hear({"phase": "listing the Applications"})
    lists = [await _list_seconds() for _ in range(_LISTS)]
    bench.hear({"phase": "starting the hub with them"})
    figures = {
        "Applications applied": (applied, "Applications/s"),
        "`hub get applications`": (statistics.median(lists), "s"),
        "hub up again until ready, with all of them": (await asyncio.to_thread(bench.stage.restart), "s"),
    }
    return _measured(bench, result, stored, figures)


def _measured(bench: Bench, result: Line, stored: int, figures: dict[str, tuple[float, str]]) -> Measured:
    complaints = complaints_of(result)
    if not complaints and not stored == result["accepted"] == bench.options.applications * SERVICES:
        complaints = [f"{result['accepted']} Services were answered as registered, {stored} are stored."]
    counts = {"registered": result["accepted"], "stored": stored}
    measured = measured_load(bench.options, result, "Services registered", counts)
    return replace(measured, complaints=complaints, unit="Services", figures=figures)


async def _list_seconds() -> float:
    """Return how long `hub get applications` takes, from its start to its end."""
    began = time.monotonic()
    words = [sys.executable, "-P", "-m", "hub", "get", "applications"]
    process = await asyncio.create_subprocess_exec(*words, stdout=asyncio.subprocess.DEVNULL, cwd=Path.home())
    if await process.wait() != 0:
        raise UpstreamUnavailable("`hub get applications` failed; what it said stands above.")
    return time.monotonic() - began
