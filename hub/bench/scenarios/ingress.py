"""How many events the hub acknowledges as stored, and how long a poster waits for that.

An answer of 2xx means that the event is in the stream, so throughput counts events of answered requests; that they
really are there is checked afterwards against the stream's own count. No Subscription exists: nothing is delivered.
The internal listener speaks plain HTTP; `--listener edge` posts as a paired solution, over mutual TLS.
"""

import asyncio
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from nats.js import JetStreamContext

from contracts import subjects
from hub.bench import requests
from hub.bench.bench import Bench, Measured, complaints_of, measured_load
from hub.bench.driving import Line
from hub.bench.manifests import application
from hub.bench.options import Options
from hub.bench.plan import Credentials, Plan


async def run(bench: Bench) -> Measured:
    """Post events and count what was stored."""
    if bench.options.others:
        from hub.bench.bringing import surround  # bringing posts as this scenario does

        await surround(bench)
    credentials = await pair_solution(bench) if bench.options.listener == "edge" else None
    path = f"/{requests.APPLICATION}/events" if credentials else "/publish"
    before = await stored_in(bench.session.js)
    address = bench.stage.hub.listeners[bench.options.listener]
    result = await bench.load(plan_of(bench.options, address, path, credentials))
    return measured_of(bench.options, result, await stored_in(bench.session.js) - before)


def measured_of(options: Options, result: Line, stored: int) -> Measured:
    """Return what a load found; what was acknowledged and what the stream took must be equal."""
    complaints = complaints_of(result)
    if not complaints and stored != result["accepted"]:
        complaints = [f"{result['accepted']} events were acknowledged as stored, the stream holds {stored}."]
    counts = {"accepted": result["accepted"], "stored": stored}
    return replace(measured_load(options, result, "events acknowledged as stored", counts), complaints=complaints)


def plan_of(
    options: Options,
    address: str,
    path: str,
    credentials: Credentials | None = None,
    *,
    stamped: bool = False,
    first: int = 0,
) -> Plan:
    """Return the load on an address; its events are numbered from `first` on."""
    url = urlsplit(address)
    host, port = url.hostname or "", url.port or 0
    if options.batch == 1:
        template = requests.single(path, f"{host}:{port}", options.size, stamped=stamped)
    else:
        template = requests.batch(path, f"{host}:{port}", options.size, options.batch, stamped=stamped)
    return Plan(
        host=host,
        port=port,
        template=template.decode("latin-1"),
        events=options.batch,
        stamped=stamped,
        connections=options.connections,
        seconds=options.seconds,
        warm_up=options.warm_up,
        rate=options.rate,
        credentials=credentials,
        first=first,
    )


async def stored_in(js: JetStreamContext) -> int:
    """Return how many events the stream has taken so far."""
    info = await js.stream_info(subjects.EVENTS)
    return int(info.state.last_seq)


async def pair_solution(bench: Bench) -> Credentials:
    """Become a connected solution, as every solution does."""
    from hub.commands.connection.pairing import pair

    await bench.session.ask("applications", "apply", {"document": application()})
    offered = await bench.session.ask("tokens", "create", {"application": requests.APPLICATION})
    data_dir = bench.stage.hub.data_dir
    folder = data_dir / "bench-solution"
    paired = await asyncio.to_thread(pair, str(offered["url"]), Path(folder), ca=data_dir / "ca.crt")
    return Credentials(paired["certificate"], paired["key"], paired["ca"])
