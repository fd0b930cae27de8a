"""The event store and what is in it: reachable, declared as the settings say, not full; Subscriptions, Functions."""

from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

import orjson

from hub.commands.checkup.certificates import judge_clock, now_utc
from hub.commands.checkup.finding import Finding, fail, ok, size_text, warn
from hub.commands.checkup.machine import judge_version
from hub.kernel.errors import HubError

if TYPE_CHECKING:
    from nats.js.api import StreamConfig

    from hub.commands.session import Session
    from hub.kernel.resource import Resource

_NEARLY_FULL, _FULL = 0.9, 0.999
_MUCH_WAITING = 10_000


async def check_store(session: "Session") -> AsyncIterator[Finding]:
    """Look at the event store, then at what the hub keeps in it."""
    version, url = session.nc.connected_server_version, session.nc.connected_url
    said = f"{version.major}.{version.minor}.{version.patch}"
    yield judge_version("event store", said, str(url.hostname if url else "the event store"))
    told = await _ask(session, "INFO", {})
    if "error" in told:
        yield fail("jetstream", str(told["error"].get("description", "no answer")), "start nats-server with -js")
        return
    async for finding in _check_streams(session):
        yield finding
    yield await _check_buckets(session)
    async for finding in _check_subscriptions(session):
        yield finding
    yield await _check_letters(session)
    async for finding in _check_functions(session):
        yield finding


async def _ask(session: "Session", subject: str, body: Mapping[str, Any]) -> dict[str, Any]:
    from nats.errors import Error as NatsError

    try:
        reply = await session.nc.request(f"$JS.API.{subject}", orjson.dumps(body), timeout=5)
    except (NatsError, TimeoutError) as error:
        return {"error": {"description": f"no answer ({type(error).__name__})"}}
    answer: dict[str, Any] = orjson.loads(reply.data)
    return answer


async def _check_streams(session: "Session") -> AsyncIterator[Finding]:
    from hub.layout import streams_of

    theirs: datetime | None = None
    for config in streams_of(session.settings.kernel()):
        told = await _ask(session, f"STREAM.INFO.{config.name}", {})
        yield judge_stream(config, told)
        theirs = datetime.fromisoformat(told["ts"]) if "ts" in told else theirs
    yield judge_clock(now_utc(), theirs)


def judge_stream(wanted: "StreamConfig", told: Mapping[str, Any]) -> Finding:
    """Judge one stream: there, as declared, and with room."""
    name = f"stream {wanted.name}"
    if "error" in told:
        return fail(name, str(told["error"].get("description", "")), "start the hub; its workers declare it")
    config, state = told["config"], told["state"]
    differing = [field for field, value in _declared(wanted).items() if config.get(field) != value]
    if differing:
        text = f"declared otherwise than set: {', '.join(differing)}"
        return fail(name, text, "restart the workers; they declare streams by the settings")
    said = f"{state['messages']} messages, {size_text(state['bytes'])}"
    share = state["bytes"] / config["max_bytes"] if config.get("max_bytes", -1) > 0 else 0.0
    if config.get("discard") == "new" and share >= _FULL:
        return fail(name, f"full: {said}", "new events are refused; let Subscriptions catch up or raise the limit")
    if config.get("discard") == "new" and share >= _NEARLY_FULL:
        return warn(name, f"{share:.0%} full: {said}", "raise HUB_STREAMS__MAX_BYTES, or see which Subscription lags")
    return ok(name, said)


def _declared(wanted: "StreamConfig") -> dict[str, Any]:
    """Return what must be as the settings say, in nats-server's own words."""
    config = wanted.as_dict()
    names = ("subjects", "retention", "storage", "discard", "max_bytes", "max_age", "duplicate_window", "num_replicas")
    return {name: config[name] for name in names if config.get(name) is not None}


async def _check_buckets(session: "Session") -> Finding:
    from contracts import subjects

    names = [*(f"KV_{bucket}" for bucket in subjects.BUCKETS), f"OBJ_{subjects.ASSETS}"]
    missing = [name for name in names if "error" in await _ask(session, f"STREAM.INFO.{name}", {})]
    if missing:
        text = f"{', '.join(name.partition('_')[2] for name in missing)} not there"
        return fail("buckets", text, "start the hub; its workers declare them")
    return ok("buckets", f"all {len(names)} are there")


async def _check_subscriptions(session: "Session") -> AsyncIterator[Finding]:
    from contracts import subjects

    found = await _resources(session, subjects.SUBSCRIPTIONS)
    if found is None:
        return
    troubled = 0
    for resource in found:
        durable = subjects.durable(resource.scope, resource.name)
        told = await _ask(session, f"CONSUMER.INFO.{subjects.EVENTS}.{durable}", {})
        finding = judge_subscription(resource, told)
        if finding.level != "ok":
            troubled += 1
            yield finding
    if not troubled:
        yield ok("subscriptions", f"{len(found)}, none behind")


def judge_subscription(resource: "Resource", told: Mapping[str, Any]) -> Finding:
    """Judge one Subscription: it has a consumer, and does not lag far behind."""
    name = f"subscription {resource.scope}/{resource.name}"
    if "error" in told:
        return fail(name, "it has no consumer: nothing is delivered", "see that dispatch runs, and the status of it")
    waiting = int(told.get("num_pending", 0))
    if resource.spec.get("paused") is True or told.get("paused"):
        return warn(name, f"paused; {waiting} events wait", "resume it when that is no longer meant")
    breaker = resource.status.get("circuitBreaker")
    if isinstance(breaker, Mapping) and breaker.get("state") == "open":
        return warn(name, f"its circuit breaker is open; {waiting} events wait", "see why its sink fails")
    if waiting > _MUCH_WAITING:
        return warn(name, f"{waiting} events wait", "see whether its sink is slow; raise maxInFlightMessages")
    return ok(name, f"{waiting} events wait")


async def _check_letters(session: "Session") -> Finding:
    try:
        rows = (await session.ask("dead", "summary", {}))["items"]
    except HubError as error:
        return fail("dead letters", error.detail, "see that dispatch runs")
    count = sum(row["count"] for row in rows)
    if count:
        return warn("dead letters", f"{count}, of {len(rows)} Subscriptions", "`hub dead list` says why")
    return ok("dead letters", "none")


async def _check_functions(session: "Session") -> AsyncIterator[Finding]:
    from contracts import subjects

    found = await _resources(session, subjects.FUNCTIONS)
    if found is None:
        return
    troubled = [finding for resource in found if (finding := judge_function(resource)).level != "ok"]
    for finding in troubled or [ok("functions", f"{len(found)}, all ready")]:
        yield finding


def judge_function(resource: "Resource") -> Finding:
    """Judge one Function by its condition `Ready`."""
    name = f"function {resource.scope}/{resource.name}"
    conditions = resource.status.get("conditions") or []
    ready = next((each for each in conditions if each.get("type") == "Ready"), None)
    if ready is None:
        return warn(name, "it has no status yet", "see that the worker of functions runs")
    if str(ready.get("status")) == "True":
        return ok(name, "ready")
    text = " ".join(str(ready.get("message") or ready.get("reason") or "not ready").split())[:300]
    return fail(name, text, f"`hub function logs {resource.name} -s {resource.scope}`")


async def _resources(session: "Session", plural: str) -> list["Resource"] | None:
    try:
        return await session.resources(plural)
    except HubError:
        return None  # the missing bucket is told already
