"""Events that trigger Functions: at least once, whatever the Function's process does in the middle."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from contracts import subjects
from hub.house import Running
from hub.kernel.broker import Bus
from tests.conftest import make_settings
from tests.functions.conftest import event_headers, until
from tests.functions.test_deployment import Hub

# Three events in ten fail at their first attempt, each in its own way.
SOURCE = """
import os, time

def main(event, context):
    number = event["data"]["number"]
    first = not os.path.exists(f"tried-{number}")
    open(f"tried-{number}", "w").close()
    if first and number % 10 == 0:
        os._exit(1)
    if first and number % 10 == 1:
        raise ValueError("not yet")
    if first and number % 10 == 2:
        time.sleep(60)
    with open("done", "a") as file:
        file.write(f"{number}\\n")
"""


@pytest.fixture
async def triggered(
    bus: Bus, running: Callable[..., Awaitable[Running]], tmp_path: Path, nats_url: str
) -> Hub:
    """Return a hub that delivers events to Functions, with pauses in milliseconds."""
    quick = {"retry_initial_seconds": 0.02, "retry_max_seconds": 0.1, "grace_seconds": 0.5}
    settings = make_settings(tmp_path, nats_url, functions=quick)
    return Hub(await running(["dispatch", "functions"], ["internal"], settings), bus, settings)


DELIVERY = {
    "timeout": "1s",
    "maxAttempts": 50,
    "backoff": {"initial": "50ms", "max": "200ms"},
    "circuitBreaker": {"openFor": "100ms"},
}


async def subscribe(hub: Hub) -> None:
    """Subscribe the Function to the orders of a shop."""
    spec: dict[str, Any] = {
        "sink": "http://orders.default.svc.cluster.local",
        "source": "shop",
        "types": ["order.created.v1"],
        "config": {"maxInFlightMessages": "2"},
        "delivery": DELIVERY,
    }
    document = {
        "apiVersion": "eventing.kyma-project.io/v1alpha2",
        "kind": "Subscription",
        "metadata": {"name": "orders"},
        "spec": spec,
    }
    request = orjson.dumps({"document": document})
    reply = await hub.bus.nc.request(subjects.ask("subscriptions", "apply"), request, timeout=5)
    assert (reply.headers or {})["Hub-Status"] == "200", reply.data


async def test_every_event_is_worked_off_whatever_the_function_does_on_its_first_attempt(triggered: Hub) -> None:
    """A crash, an error and an endless wait cost an attempt each; in the end each event was handled, none given up."""
    await triggered.apply(SOURCE)
    function = await triggered.judged()
    await subscribe(triggered)
    for number in range(40):
        headers = event_headers(id=f"e-{number}")
        subject = subjects.event("shop", "order.created.v1")
        await triggered.bus.publish(subject, orjson.dumps({"number": number}), headers)
    done = triggered.settings.data_dir / "functions" / "default.orders" / f"1-{function.uid[:8]}" / "done"

    def handled() -> set[str]:
        return set(done.read_text().split()) if done.exists() else set()

    await until(lambda: len(handled()) == 40, 60)
    assert handled() == {str(number) for number in range(40)}
    stream = await triggered.bus.js.stream_info(subjects.DEAD)
    assert stream.state.messages == 0


async def test_an_event_finds_a_function_that_is_deployed_later(triggered: Hub) -> None:
    """Before there is a Function its deliveries wait; when it is there they arrive."""
    await subscribe(triggered)
    subject = subjects.event("shop", "order.created.v1")
    await triggered.bus.publish(subject, b'{"number": 3}', event_headers())
    await triggered.apply("def main(event, context):\n    open('seen', 'w').write(event['ce-id'])\n")
    function = await triggered.judged()
    seen = triggered.settings.data_dir / "functions" / "default.orders" / f"1-{function.uid[:8]}" / "seen"
    await until(lambda: seen.exists() and seen.read_text() == "e-1", 30)
