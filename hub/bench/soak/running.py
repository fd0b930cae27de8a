"""Runs a soak: the hub, the receivers, the load, the days and the samples side by side; then the audit."""

import asyncio
import tempfile
import time
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from hub.bench import bench, running
from hub.bench.driving import Hear, Line, run_load
from hub.bench.journal import Journal
from hub.bench.options import Options as LoadOptions
from hub.bench.scenarios.ingress import plan_of
from hub.bench.sinking import running_sink
from hub.bench.soak import verdict, visiting
from hub.bench.soak.auditing import Account, latencies
from hub.bench.soak.days import FUNCTION, RECEIVERS, SINK, VISITOR, Days
from hub.bench.soak.failing import failures_of
from hub.bench.soak.options import Options
from hub.bench.soak.sampling import Sampler
from hub.bench.stage import JOURNAL, Stage, scratch, stage
from hub.commands.session import connected

Document = dict[str, Any]
STALL_SECONDS = 30.0
"""After the last post an arrival must come within this time after the one before."""
SINK_MODULE = "hub.bench.soak.sink"
SAMPLES = "samples.jsonl"
LATENCY_SECONDS = 60.0
"""Width of a window of latencies."""
_POLL_SECONDS = 0.2


def soak(options: Options, hear: Hear, folder: Path | None = None) -> Document:
    """Run a soak and return its result.

    Args:
        options: what is asked.
        hear: told how far it is.
        folder: where the samples are written as they come; a new temporary one by default, which is kept.

    Raises:
        HubError: it could not be run at all.
    """
    kept = folder or Path(tempfile.mkdtemp(prefix="hub-soak-")).resolve()
    kept.mkdir(parents=True, exist_ok=True)
    with scratch() as directory, stage(directory, options.settings()) as hub:
        return asyncio.run(Soak(options, hub, hear, kept / SAMPLES).run())


class Soak:
    """One soak on a running hub."""

    def __init__(self, options: Options, hub: Stage, hear: Hear, samples: Path) -> None:
        """Prepare; nothing is sent yet."""
        self._options = options
        self._hub = hub
        self._hear = hear
        self._samples = samples
        self._journals = {name: Journal(hub.hub.data_dir.parent / JOURNAL / name) for name in RECEIVERS}

    async def run(self) -> Document:
        """Load the hub, watch it, and account for every event."""
        self._samples.unlink(missing_ok=True)
        for journal in self._journals.values():
            journal.prepare()
            journal.open_gate()
        sink = running_sink(self._journals[SINK], module=SINK_MODULE)
        async with connected("hub bench") as session, sink as (_, port):
            folder, authority = self._hub.hub.data_dir.parent / "visitor", self._hub.hub.data_dir / "ca.crt"
            days = Days(session, self._journals, folder, authority)
            await days.begin(f"http://127.0.0.1:{port}/events")
            sampler = Sampler(self._samples, self._hub.hub.data_dir / "log", self._hub.pids, session.js)
            began, over = time.monotonic_ns(), asyncio.Event()
            watching = asyncio.create_task(self._watch(sampler))
            living = asyncio.create_task(self._live(days, over))
            try:
                result = await self._load([watching, living])
                over.set()
                self._hear({"phase": "settling"})
                await living
                await self._settle(days, result)
                await sampler.look(self._counts())
            finally:
                await _end(watching, living)
        return self._document(sampler, days, result, began)

    def _counts(self) -> dict[str, int]:
        return {name: journal.count() for name, journal in self._journals.items()}

    async def _load(self, watching: list["asyncio.Task[None]"]) -> Line:
        """Post at the rate until the time is over; what watches must not fail meanwhile."""
        options = self._options
        asked = LoadOptions(
            "delivery", seconds=options.minutes * 60, rate=options.rate, connections=options.connections,
            size=options.size, warm_up=0.0,
        )  # fmt: skip
        plan = plan_of(asked, self._hub.hub.listeners["internal"], "/publish", stamped=True)
        loading = asyncio.create_task(run_load(plan, self._hear))
        done, _ = await asyncio.wait([loading, *watching], return_when=asyncio.FIRST_COMPLETED)
        if loading not in done:
            await _end(loading)
        for task in done - {loading}:
            task.result()
        return loading.result()

    async def _watch(self, sampler: Sampler) -> None:
        while True:
            sample = await sampler.look(self._counts())
            self._hear({"sample": sample})
            await asyncio.sleep(self._options.sample_seconds)

    async def _live(self, days: Days, over: asyncio.Event) -> None:
        """Let day after day pass, the last one to its end."""
        while not over.is_set():
            began = time.monotonic()
            await days.live()
            self._hear({"day": days.passed})
            with suppress(TimeoutError):
                await asyncio.wait_for(over.wait(), max(0.0, self._options.day_seconds - (time.monotonic() - began)))

    async def _settle(self, days: Days, result: Line) -> None:
        """Wait until as much as was accepted has arrived or was given up, or nothing more comes."""
        seen, heard = -1, time.monotonic()
        while time.monotonic() - heard < STALL_SECONDS:
            await days.clear()
            counts = self._counts()
            here = counts[SINK], counts[FUNCTION] + len(days.given_up)
            # The cheap count first: what arrived twice is in it.
            if min(here) >= result["accepted"] and not any(each.lost for each in self._accounts(days, result)):
                return
            if sum(here) != seen:
                seen, heard = sum(here), time.monotonic()
            await asyncio.sleep(_POLL_SECONDS)

    def _accounts(self, days: Days, result: Line) -> list[Account]:
        arrivals = {name: journal.arrivals() for name, journal in self._journals.items()}
        sent, refused = result["sent"], set(result["refused"])
        visits = days.passed * visiting.EVENTS
        return [
            Account("the sink", sent, arrivals[SINK], refused=refused),
            Account("the Function", sent, arrivals[FUNCTION], days.given_up, refused),
            Account("the visitor's Function", visits, arrivals[VISITOR], refused=set(range(visits)) - days.visited),
        ]

    def _document(self, sampler: Sampler, days: Days, result: Line, began: int) -> Document:
        samples, accounts = sampler.samples, self._accounts(days, result)
        complaints = bench.complaints_of(result) + days.troubles + verdict.complaints_of(samples)
        complaints += [text for account in accounts for text in account.complaints()]
        timed = latencies(accounts[0].arrivals, failures_of, began, LATENCY_SECONDS)
        return {
            "scenario": "soak",
            "held": not complaints,
            "complaints": complaints,
            "options": asdict(self._options),
            "machine": running.machine(),
            "judged": verdict.is_judged(samples),
            "days": days.passed,
            "events": {account.receiver: account.figures() for account in accounts},
            "replayed": days.replayed,
            "statuses": result["statuses"],
            "trends": verdict.told(samples),
            "streams": verdict.streams_of(samples),
            "latency_ms": timed,
            "samples": str(self._samples),
        }


async def _end(*tasks: "asyncio.Task[Any]") -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
