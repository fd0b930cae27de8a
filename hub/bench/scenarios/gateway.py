"""How many calls pass through the gateway with credentials added, and what that adds to a call's time.

The target is a process of its own that answers as many bytes as it gets and refuses calls without the credentials; so
a 2xx means that they were added. The same load goes to the target directly first, for a third of the time: the
difference of the latencies is the gateway's.
"""

from dataclasses import replace
from urllib.parse import urlsplit

from hub.bench import requests
from hub.bench.bench import Bench, Measured, complaints_of
from hub.bench.driving import Line, lines, started
from hub.bench.manifests import api, secret
from hub.bench.plan import Plan
from hub.bench.scenarios.ingress import plan_of
from hub.kernel.errors import UpstreamUnavailable

PATH = f"/{requests.APPLICATION}/{requests.APPLICATION}/orders"
_DIRECT_SHARE = 1 / 3


async def run(bench: Bench) -> Measured:
    """Call the target directly and through the gateway."""
    async with started("hub.bench.target") as target:
        async for line in lines(target):
            bench.own["target"] = [target.pid]
            return await _measure(bench, f"http://127.0.0.1:{line['port']}")
    raise UpstreamUnavailable("The target of the benchmark did not start; what it said stands above.")


async def _measure(bench: Bench, target: str) -> Measured:
    await bench.session.ask("secrets", "apply", {"document": secret()})
    await bench.session.ask("applications", "apply", {"document": api(target)})
    direct = await bench.load(_direct(bench, target), metered=False)
    address = bench.stage.hub.listeners["gateway"]
    through = await bench.load(plan_of(bench.options, address, PATH))
    return _measured(bench, direct, through)


def _direct(bench: Bench, target: str) -> Plan:
    """Return the load on the target itself, which carries the credentials that the gateway would add."""
    options = replace(bench.options, seconds=max(0.2, bench.options.seconds * _DIRECT_SHARE))
    plan = plan_of(options, target, "/orders")
    host = f"Host: 127.0.0.1:{urlsplit(target).port}\r\n"
    return replace(plan, template=plan.template.replace(host, f"{host}authorization: {requests.AUTHORIZATION}\r\n"))


def _measured(bench: Bench, direct: Line, through: Line) -> Measured:
    compared = {f"direct_{name}": direct["latency"][name] for name in ("p50", "p99") if name in direct["latency"]}
    return Measured(
        "calls through the gateway",
        through["measured"] / through["seconds"] if through["seconds"] else 0.0,
        through["latency"] | compared,
        "request due → answer read" if bench.options.rate else "request sent → answer read",
        {"answered by the target": through["accepted"]},
        through["statuses"],
        through["measured"],
        complaints_of(direct) + complaints_of(through),
        through["seconds"],
    )
