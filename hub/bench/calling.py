"""Calls a Function over HTTP, at the hub or at a peer: the same request, the same load."""

from urllib.parse import urlsplit

from hub.bench import manifests, requests
from hub.bench.bench import Measured, complaints_of
from hub.bench.driving import Loading
from hub.bench.options import Options
from hub.bench.plan import Plan

PATH = f"/functions/{manifests.NAME}"


async def call(options: Options, load: Loading, address: str) -> Measured:
    """Call the Function at an address."""
    result = await load(plan_of(options, address))
    return Measured(
        what="invocations over HTTP",
        throughput=result["measured"] / result["seconds"] if result["seconds"] else 0.0,
        latency=result["latency"],
        latency_of="request due → answer read" if options.rate else "request sent → answer read",
        counts={"answered": result["accepted"]},
        statuses=result["statuses"],
        measured=result["measured"],
        complaints=complaints_of(result),
        seconds=result["seconds"],
        unit="invocations",
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
