"""What it takes to have Functions: until one that is at rest answers, until a change answers, and their memory.

Each figure is of the hub that carried the load, on Functions beside the one that was called.
"""

import asyncio
import statistics
import time
from collections.abc import Callable, Mapping

import httpx

from contracts import subjects
from hub.bench import manifests, sources
from hub.bench.bench import Bench
from hub.bench.bringing import apply_functions
from hub.bench.usage import memory_of, own_megabytes, resident_megabytes
from hub.kernel.errors import UpstreamUnavailable

Figures = dict[str, tuple[float, str]]
TIMES = 3
"""How often a start is timed; the median is told."""
LIMIT_SECONDS = 60.0
_BEFORE, _AFTER = "before", "after {}"
_POLL_SECONDS = 0.005
_APART_SECONDS = 1.0
"""Pause before each start from rest: what the one before left to do is done, such as another spare interpreter."""


async def starts(bench: Bench) -> Figures:
    """Return how long a Function takes to answer from rest, and how long a change of one that runs."""
    bench.hear({"phase": "timing starts"})
    address = bench.stage.hub.listeners["internal"]
    async with httpx.AsyncClient(base_url=address, timeout=LIMIT_SECONDS) as http:
        cold = await _cold_starts(bench, http)
        redeploys = await _redeploys(bench, http)
    return {
        "cold start until the first answer": (statistics.median(cold), "ms"),
        "changed source until it answers": (statistics.median(redeploys), "ms"),
    }


async def _cold_starts(bench: Bench, http: httpx.AsyncClient) -> list[float]:
    names = [f"cold-{number}" for number in range(TIMES)]
    await _deploy(bench, names, _BEFORE, replicas=None)
    await _at_rest(bench, names)
    found = []
    for name in names:
        await asyncio.sleep(_APART_SECONDS)
        began = time.monotonic()
        answer = await http.post(f"/functions/{name}")
        found.append((time.monotonic() - began) * 1000)
        _check(answer, name)
    return found


async def _redeploys(bench: Bench, http: httpx.AsyncClient) -> list[float]:
    name, found = "changed", []
    await _deploy(bench, [name], _BEFORE)
    for number in range(TIMES):
        text = _AFTER.format(number)
        document = manifests.function(bench.options.runtime, sources.answering(bench.options.runtime, text), name)
        began = time.monotonic()
        await bench.session.ask("functions", "apply", {"document": document})
        while (answer := await http.post(f"/functions/{name}")).text != text:
            _check(answer, name)
            if time.monotonic() - began > LIMIT_SECONDS:
                raise UpstreamUnavailable(f"A change of Function '{name}' does not answer after {LIMIT_SECONDS:g} s.")
            await asyncio.sleep(_POLL_SECONDS)
        found.append((time.monotonic() - began) * 1000)
    return found


def _check(answer: httpx.Response, name: str) -> None:
    if not answer.is_success:
        raise UpstreamUnavailable(f"Function '{name}' answered {answer.status_code} to a call of the benchmark.")


async def memory(bench: Bench) -> Figures:
    """Return what many Functions take, as many as the options say: at rest all together, and running each."""
    number = bench.options.functions
    if not number:
        return {}
    bench.hear({"phase": f"deploying {number} Functions"})
    names = [f"many-{each}" for each in range(number)]
    before, others = _of_hub(bench), set(_function_pids(bench))
    await _deploy(bench, names, _BEFORE, replicas=None)
    await _at_rest(bench, names)
    at_rest = _of_hub(bench) - before
    await _deploy(bench, names, _AFTER.format(0))
    running = sorted({*_function_pids(bench)} - others)
    return {
        f"{number} Functions at rest, together": (at_rest, "MB"),
        "a running Function, resident": (_each(running, resident_megabytes), "MB"),
        "a running Function, shares divided": (_each(running, own_megabytes), "MB"),
    }


def _each(pids: list[int], megabytes: Callable[[int], float]) -> float:
    return statistics.median(map(megabytes, pids)) if pids else 0.0


def _of_hub(bench: Bench) -> float:
    """Return the memory of the hub's own processes."""
    return memory_of({name: pids for name, pids in bench.stage.pids().items() if name != "functions"})["total"]


def _function_pids(bench: Bench) -> list[int]:
    return bench.stage.pids().get("functions", [])


async def _deploy(bench: Bench, names: list[str], answer: str, *, replicas: int | None = 1) -> None:
    source = sources.answering(bench.options.runtime, answer)
    await apply_functions(
        bench, [manifests.function(bench.options.runtime, source, name, replicas=replicas) for name in names]
    )


async def _at_rest(bench: Bench, names: list[str]) -> None:
    """Wait until none of these Functions has a process."""
    limit = time.monotonic() + LIMIT_SECONDS
    keys = [subjects.key(manifests.SCOPE, name) for name in names]
    while True:
        found: Mapping[str, Mapping[str, int]] = (await bench.session.ask("functions", "stats", {}))["functions"]
        if not any(found[key]["instances"] for key in keys if key in found):
            return
        if time.monotonic() > limit:
            raise UpstreamUnavailable(f"Functions that nobody calls still run after {LIMIT_SECONDS:g} s.")
        await asyncio.sleep(0.1)
