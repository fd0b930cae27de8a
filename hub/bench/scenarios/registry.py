"""How fast solutions register, and how an operator then fares: the list of Applications, and a start with all of them.

Each Application gets five Services with an API, credentials and an event catalog, over mutual TLS at the edge. One
certificate speaks for all Applications, as Compass has it; requests for one Application come one after the other, as a
solution makes them. What was answered as registered must be stored.
"""

import asyncio
import ssl
import statistics
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from hub.bench import requests
from hub.bench.bench import Bench, Measured, complaints_of
from hub.bench.driving import Line
from hub.bench.plan import Credentials, Plan
from hub.bench.scenarios.ingress import pair_solution
from hub.kernel.errors import UpstreamUnavailable

SERVICES = 5
"""Services of each Application."""
LIMIT_SECONDS = 3600.0
_ADMITTED_SECONDS = 30.0
_APPLIED_AT_ONCE = 16
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
    applied = await _apply_all(bench)
    await _admitted(bench, credentials)
    result = await bench.load(_plan(bench, credentials))
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
    return Measured(
        what="Services registered",
        throughput=result["measured"] / result["seconds"] if result["seconds"] else 0.0,
        latency=result["latency"],
        latency_of="request sent → answer read",
        counts={"registered": result["accepted"], "stored": stored},
        statuses=result["statuses"],
        measured=result["measured"],
        complaints=complaints,
        seconds=result["seconds"],
        unit="Services",
        figures=figures,
    )


def _plan(bench: Bench, credentials: Credentials) -> Plan:
    url = urlsplit(bench.stage.hub.listeners["edge"])
    host, port = url.hostname or "", url.port or 0
    return Plan(
        host=host,
        port=port,
        template=requests.registration(_SERVICE, f"{host}:{port}").decode("latin-1"),
        events=1,
        stamped=False,
        connections=min(bench.options.connections, bench.options.applications),
        seconds=LIMIT_SECONDS,
        warm_up=0.0,
        rate=None,
        credentials=credentials,
        requests=bench.options.applications * SERVICES,
        numbers=bench.options.applications,
    )


async def _apply_all(bench: Bench) -> float:
    """Apply every Application; returns how many per second."""
    began = time.monotonic()
    names = [requests.application_name(number) for number in range(bench.options.applications)]
    for start in range(0, len(names), _APPLIED_AT_ONCE):
        documents = [{"document": _application(name)} for name in names[start : start + _APPLIED_AT_ONCE]]
        await asyncio.gather(*(bench.session.ask("applications", "apply", document) for document in documents))
    return len(names) / (time.monotonic() - began)


async def _admitted(bench: Bench, credentials: Credentials) -> None:
    """Wait until the edge has heard of every Application, so that none is refused as unknown."""
    limit = time.monotonic() + _ADMITTED_SECONDS
    count = min(bench.options.applications, _APPLIED_AT_ONCE)
    last = range(bench.options.applications - count, bench.options.applications)
    paths = [f"/{requests.application_name(number)}/v1/metadata/services" for number in last]
    async with await asyncio.to_thread(_client, bench, credentials) as http:
        for path in paths:
            while (await http.get(path)).status_code != httpx.codes.OK:
                if time.monotonic() > limit:
                    raise UpstreamUnavailable(f"{path} is not served, {_ADMITTED_SECONDS:g} s after it was applied.")
                await asyncio.sleep(0.02)


def _client(bench: Bench, credentials: Credentials) -> httpx.AsyncClient:
    context = ssl.create_default_context(cafile=credentials.ca)
    context.load_cert_chain(credentials.certificate, credentials.key)
    return httpx.AsyncClient(base_url=bench.stage.hub.listeners["edge"], verify=context, timeout=30)


def _application(name: str) -> dict[str, Any]:
    return {
        "apiVersion": "applicationconnector.kyma-project.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": name},
        "spec": {"compassMetadata": {"authentication": {"clientIds": [requests.APPLICATION]}}},
    }


async def _list_seconds() -> float:
    """Return how long `hub get applications` takes, from its start to its end."""
    began = time.monotonic()
    words = [sys.executable, "-P", "-m", "hub", "get", "applications"]
    process = await asyncio.create_subprocess_exec(*words, stdout=asyncio.subprocess.DEVNULL, cwd=Path.home())
    if await process.wait() != 0:
        raise UpstreamUnavailable("`hub get applications` failed; what it said stands above.")
    return time.monotonic() - began
