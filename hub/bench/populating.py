"""Applications by the hundreds: applied by the operator, and then registered with Services over mutual TLS at the edge.

One certificate speaks for all of them, as Compass has it; requests for one Application come one after the other, as a
solution makes them.
"""

import asyncio
import ssl
import time
from typing import Any
from urllib.parse import urlsplit

import httpx

from hub.bench import requests
from hub.bench.bench import Bench
from hub.bench.plan import Credentials, Plan
from hub.kernel.errors import UpstreamUnavailable

LIMIT_SECONDS = 3600.0
_ADMITTED_SECONDS = 30.0
_APPLIED_AT_ONCE = 16


def plan_of(bench: Bench, credentials: Credentials, service: dict[str, Any], each: int) -> Plan:
    """Return the load that registers a Service of each Application so many times; they get ids of their own."""
    url = urlsplit(bench.stage.hub.listeners["edge"])
    host, port = url.hostname or "", url.port or 0
    return Plan(
        host=host,
        port=port,
        template=requests.registration(service, f"{host}:{port}").decode("latin-1"),
        events=1,
        stamped=False,
        connections=min(bench.options.connections, bench.options.applications),
        seconds=LIMIT_SECONDS,
        warm_up=0.0,
        rate=None,
        credentials=credentials,
        requests=bench.options.applications * each,
        numbers=bench.options.applications,
    )


async def apply_all(bench: Bench) -> float:
    """Apply every Application; returns how many per second."""
    began = time.monotonic()
    names = [requests.application_name(number) for number in range(bench.options.applications)]
    for start in range(0, len(names), _APPLIED_AT_ONCE):
        documents = [{"document": _application(name)} for name in names[start : start + _APPLIED_AT_ONCE]]
        await asyncio.gather(*(bench.session.ask("applications", "apply", document) for document in documents))
    return len(names) / (time.monotonic() - began)


async def admitted(bench: Bench, credentials: Credentials) -> None:
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
