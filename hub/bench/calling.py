"""Calls a Function over HTTP, at the hub or at a peer: the same request, the same load."""

from dataclasses import replace
from urllib.parse import urlsplit

from hub.bench import manifests, requests
from hub.bench.bench import Measured, measured_load
from hub.bench.driving import Loading
from hub.bench.options import Options
from hub.bench.plan import Plan

PATH = f"/functions/{manifests.NAME}"


async def call(options: Options, load: Loading, address: str) -> Measured:
    """Call the Function at an address."""
    result = await load(plan_of(options, address))
    return replace(
        measured_load(options, result, "invocations over HTTP", {"answered": result["accepted"]}), unit="invocations"
    )


def plan_of(options: Options, address: str) -> Plan:
    """Return the load."""
    url = urlsplit(address)
    host, port = url.hostname or "", url.port or 0
    return Plan(
        host=host,
        port=port,
        template=requests.invocation(PATH, f"{host}:{port}", options.size).decode("latin-1"),
        events=1,
        stamped=False,
        connections=options.connections,
        seconds=options.seconds,
        warm_up=options.warm_up,
        rate=options.rate,
    )
