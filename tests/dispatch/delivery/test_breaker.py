"""The circuit breaker: a sink that is down is left alone, then probed with one event."""

import asyncio

from tests.dispatch.delivery.conftest import Hub, Run, Sink, until

RULE = {"failureRatio": 0.5, "minRequests": 4, "openFor": "1s"}


async def test_it_opens_probes_and_closes(hub: Hub, running: Run, any_sink: Sink) -> None:
    """While it is open nothing is sent; then one event; when that succeeds the rest follows. Nothing is lost."""
    await running(["dispatch"])
    any_sink.answers = lambda _id: 503
    await hub.subscribe(any_sink, in_flight=1, delivery={"circuitBreaker": RULE, "maxAttempts": 50})
    await hub.post(*map(str, range(10)))
    await until(lambda: len(any_sink.received) == 4)
    await until_state(hub, "open")
    assert len(any_sink.received) == 4
    await until(lambda: len(any_sink.received) == 5)  # the probe, refused: open again
    any_sink.answers = lambda _id: 200
    await until(lambda: set(any_sink.ids) == set(map(str, range(10))))
    await hub.settled()
    await until_state(hub, "closed")


async def until_state(hub: Hub, state: str) -> None:
    """Wait until the status says so."""
    for _ in range(1000):
        if (await hub.status()).get("circuitBreaker", {}).get("state") == state:
            return
        await asyncio.sleep(0.005)
    raise AssertionError(f"the breaker never was {state}")


async def test_refused_events_do_not_open_it(hub: Hub, running: Run, any_sink: Sink) -> None:
    """A sink that answers 400 is there: its events are dead letters, and the next ones are sent."""
    await running(["dispatch"])
    any_sink.answers = lambda _id: 400
    await hub.subscribe(any_sink, delivery={"circuitBreaker": RULE})
    await hub.post(*map(str, range(12)))
    await hub.dead(12)
    assert len(any_sink.received) == 12


async def test_an_open_breaker_costs_no_attempt(hub: Hub, running: Run, any_sink: Sink) -> None:
    """Events that wait for it still have all of their attempts."""
    await running(["dispatch"])
    any_sink.answers = lambda _id: 503 if len(any_sink.received) <= 4 else 200
    await hub.subscribe(any_sink, in_flight=4, delivery={"circuitBreaker": RULE, "maxAttempts": 2})
    await hub.post(*map(str, range(8)))
    await until(lambda: len(any_sink.count()) == 8)
    await hub.settled()
    assert max(any_sink.count().values()) == 2
