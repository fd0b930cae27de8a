"""How many calls pass through the gateway with credentials added, and what that adds to a call's time.

The target is a process of its own that answers as many bytes as it gets and refuses calls without the credentials; so
a 2xx means that they were added. The same load goes to the target directly, and the difference of the latencies is the
gateway's: with a rate at the same time, so that a machine that stalls does so for both; else first, for a third of the
time, for both together would share what is measured. A peer is measured by the same two loads. With `--others` there
are as many further Applications, of five APIs each, and the calls go round them all: how many there are must make no
difference.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from urllib.parse import urlsplit

from hub.bench import requests
from hub.bench.bench import Bench, Measured, complaints_of, measured_load
from hub.bench.driving import Loading, lines, started
from hub.bench.manifests import api, secret
from hub.bench.options import Options
from hub.bench.plan import Plan
from hub.bench.scenarios.ingress import plan_of
from hub.kernel.errors import UpstreamUnavailable

PATH = f"/{requests.APPLICATION}/{requests.APPLICATION}/orders"
APIS = 5
"""APIs of each further Application."""
_DIRECT_SHARE = 1 / 3
_APPLIED_AT_ONCE = 16


async def run(bench: Bench) -> Measured:
    """Call the target directly and through the gateway."""
    async with running_target() as (pid, target):
        bench.own["target"] = [pid]
        await bench.session.ask("secrets", "apply", {"document": secret()})
        await bench.session.ask("applications", "apply", {"document": api(target)})
        await _surround(bench, target)
        return await compare(bench.options, bench.load, target, bench.stage.hub.listeners["gateway"])


async def _surround(bench: Bench, target: str) -> None:
    """Register the further Applications."""
    names = [requests.application_name(number) for number in range(bench.options.others)]
    for begin in range(0, len(names), _APPLIED_AT_ONCE):
        documents = [api(target, name, APIS) for name in names[begin : begin + _APPLIED_AT_ONCE]]
        await asyncio.gather(*(bench.session.ask("applications", "apply", {"document": each}) for each in documents))


@asynccontextmanager
async def running_target() -> AsyncIterator[tuple[int, str]]:
    """Run a target; gives its pid and address."""
    async with started("hub.bench.target") as process:
        async for line in lines(process):
            yield process.pid, f"http://127.0.0.1:{line['port']}"
            return
    raise UpstreamUnavailable("The target of the benchmark did not start; what it said stands above.")


async def compare(options: Options, load: Loading, target: str, address: str) -> Measured:
    """Call a target directly, then through what adds the credentials at an address."""
    if options.rate:
        direct, through = await asyncio.gather(
            load(_direct(options, target), metered=False), load(_through(options, address))
        )
    else:
        direct = await load(_direct(replace(options, seconds=_part_of(options.seconds)), target), metered=False)
        through = await load(_through(options, address))
    compared = {f"direct_{name}": direct["latency"][name] for name in ("p50", "p99") if name in direct["latency"]}
    counts = {"answered by the target": through["accepted"]}
    return replace(
        measured_load(options, through, "calls through the gateway", counts),
        latency=through["latency"] | compared,
        complaints=complaints_of(direct) + complaints_of(through),
        unit="calls",
        figures=_added(direct["latency"], through["latency"]),
    )


def _through(options: Options, address: str) -> Plan:
    plan = plan_of(options, address, PATH)
    if not options.others:
        return plan
    template = requests.call(urlsplit(address).netloc, options.size).decode("latin-1")
    return replace(plan, template=template, numbers=options.others)


def _part_of(seconds: float) -> float:
    return max(0.2, seconds * _DIRECT_SHARE)


def _direct(options: Options, target: str) -> Plan:
    """Return the load on the target itself, which carries the credentials that the gateway would add."""
    plan = plan_of(options, target, "/orders")
    host = f"Host: 127.0.0.1:{urlsplit(target).port}\r\n"
    return replace(plan, template=plan.template.replace(host, f"{host}authorization: {requests.AUTHORIZATION}\r\n"))


def _added(direct: dict[str, float], through: dict[str, float]) -> dict[str, tuple[float, str]]:
    both = [name for name in ("p50", "p99") if name in direct and name in through]
    return {f"added to a direct call, {name}": (through[name] - direct[name], "ms") for name in both}
