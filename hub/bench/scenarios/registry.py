"""How many Services solutions can register, and how long operators then wait for the list of Applications.

Each Application gets five Services with an API, credentials and an event catalog, over mutual TLS at the edge. One
certificate speaks for all Applications, as Compass has it. What was answered must be stored. The requests are made by
the benchmark's own process with httpx, which takes a good part of a core: the hub could do somewhat more.
"""

import asyncio
import ssl
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from hub.bench.bench import Bench, Measured
from hub.bench.figures import latency_of
from hub.bench.plan import Credentials
from hub.bench.scenarios.ingress import pair_solution
from hub.kernel.errors import UpstreamUnavailable

SERVICES = 5
"""Services of each Application."""
_ADMITTED_SECONDS = 10.0
_DETAILS = {
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


@dataclass(slots=True)
class _Tally:
    """What was asked and answered."""

    until: float
    applications: int = 0
    services: int = 0
    nanoseconds: list[int] = field(default_factory=list)
    statuses: dict[str, int] = field(default_factory=dict)


async def run(bench: Bench) -> Measured:
    """Register for some seconds, then list what is there."""
    credentials = await pair_solution(bench)
    bench.hear({"phase": "registering"})
    bench.meter.begin()
    began = time.monotonic()
    tally = _Tally(began + bench.options.seconds)
    async with _client(bench, credentials) as http:
        await asyncio.gather(*(_register(bench, http, tally) for _ in range(min(bench.options.connections, 32))))
    seconds = time.monotonic() - began
    bench.meter.end()
    stored = sum(len(each.spec.get("services", [])) for each in await bench.session.resources("applications"))
    refused = {status: number for status, number in tally.statuses.items() if status != "200"}
    complaints = [f"{number} registrations were answered {status}." for status, number in refused.items()]
    if stored != tally.services:
        complaints.append(f"{tally.services} Services were answered as registered, {stored} are stored.")
    counts = {"registered": tally.services, "stored": stored, "applications": tally.applications}
    return Measured(
        "services registered",
        tally.services / seconds,
        latency_of(tally.nanoseconds),
        "request sent → answer read",
        counts | {"list of applications, ms": await _list_milliseconds()},
        tally.statuses,
        tally.services,
        complaints,
        seconds,
        "services",
    )


def _client(bench: Bench, credentials: Credentials) -> httpx.AsyncClient:
    context = ssl.create_default_context(cafile=credentials.ca)
    context.load_cert_chain(credentials.certificate, credentials.key)
    return httpx.AsyncClient(base_url=bench.stage.hub.listeners["edge"], verify=context, timeout=30)


async def _register(bench: Bench, http: httpx.AsyncClient, tally: _Tally) -> None:
    """Register Application after Application, each with its Services, until the time is over."""
    while time.monotonic() < tally.until:
        tally.applications += 1
        name = f"bench-{tally.applications}"
        await bench.session.ask("applications", "apply", {"document": _application(name)})
        path = f"/{name}/v1/metadata/services"
        await _admitted(http, path)
        for _ in range(SERVICES):
            began = time.perf_counter_ns()
            answer = await http.post(path, json=_DETAILS)
            tally.nanoseconds.append(time.perf_counter_ns() - began)
            status = str(answer.status_code)
            tally.statuses[status] = tally.statuses.get(status, 0) + 1
            tally.services += answer.status_code == 200


async def _admitted(http: httpx.AsyncClient, path: str) -> None:
    """Wait until the edge has heard of a new Application."""
    limit = time.monotonic() + _ADMITTED_SECONDS
    while (await http.get(path)).status_code != 200:
        if time.monotonic() > limit:
            raise UpstreamUnavailable(f"{path} is not served, {_ADMITTED_SECONDS:g} s after it was applied.")
        await asyncio.sleep(0.01)


def _application(name: str) -> dict[str, Any]:
    return {
        "apiVersion": "applicationconnector.kyma-project.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": name},
        "spec": {"compassMetadata": {"authentication": {"clientIds": ["bench"]}}},
    }


async def _list_milliseconds() -> int:
    """Return how long `hub get applications` takes, from its start to its end."""
    began = time.monotonic()
    words = [sys.executable, "-P", "-m", "hub", "get", "applications"]
    process = await asyncio.create_subprocess_exec(*words, stdout=asyncio.subprocess.DEVNULL, cwd=Path.home())
    if await process.wait() != 0:
        raise UpstreamUnavailable("`hub get applications` failed; what it said stands above.")
    return round((time.monotonic() - began) * 1000)
