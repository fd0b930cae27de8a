"""Functions that call each other by events in a circle come to an end."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from hub.house import Running
from hub.kernel.broker import Bus
from hub.settings import HubSettings
from tests.conftest import make_settings
from tests.dispatch.delivery.conftest import Hub, Sink, function_sink, until

Run = Callable[..., Awaitable[Running]]


@pytest.fixture
def shallow(tmp_path: Path, nats_url: str) -> HubSettings:
    """Return settings under which a chain may come through three Functions."""
    return make_settings(tmp_path, nats_url, dispatch={"chain_limit": 3})


@pytest.fixture
async def taker(bus: Bus) -> AsyncIterator[Sink]:
    """Return a Function as a sink."""
    async for made in function_sink(bus):
        yield made


async def test_a_chain_that_is_too_deep_ends_in_a_dead_letter(
    hub: Hub, running: Run, shallow: HubSettings, taker: Sink
) -> None:
    """The Function is not called for it, the reason says what happened; whoever replays it has it called."""
    await running(["dispatch"], tree=shallow)
    await hub.subscribe(taker)
    await hub.post("deep", hubdepth="4")
    await hub.post("fine", hubdepth="3")
    (letter,) = await hub.dead()
    headers = letter.headers or {}
    assert (headers["Hub-Kind"], headers["Hub-Attempts"]) == ("chain-too-deep", "0")
    assert "4 Functions, more than 3" in headers["Hub-Reason"]
    await hub.settled()
    assert taker.ids == ["fine"]

    request = {"name": "orders", "from_sequence": 1, "run": "again"}
    status, answer = await hub.ask("subscriptions", "replay", request)
    assert (status, answer["replayed"]) == ("200", 1)
    await until(lambda: taker.ids == ["fine", "deep"])


async def test_other_sinks_get_events_of_any_depth(hub: Hub, running: Run, shallow: HubSettings, sink: Sink) -> None:
    """They are no Functions; what they post starts a chain of its own."""
    await running(["dispatch"], tree=shallow)
    await hub.subscribe(sink)
    await hub.post("deep", hubdepth="99")
    await until(lambda: sink.ids == ["deep"])
