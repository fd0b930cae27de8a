"""Who a Function is: its token, what it publishes by it, and that a circle of events ends."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import httpx
import orjson
import pytest

from contracts import subjects
from hub.house import Running
from hub.kernel import masterkeys
from hub.kernel.broker import Bus
from hub.kernel.errors import NotAuthenticated
from hub.kernel.keys import Keys, load_keys
from hub.kernel.workload import VARIABLE, token_for, workload_of
from hub.up.ports import free_port
from tests.conftest import make_settings
from tests.functions.test_deployment import Hub

TELL = f"import os\n\ndef main(event, context):\n    return os.environ['{VARIABLE}']"
CIRCLE = """
def main(event, context):
    event.emitCloudEvent("order.created.v1", "shop", {})
"""


@pytest.fixture
async def whole(
    bus: Bus, running: Callable[..., Awaitable[Running]], tmp_path: Path, nats_url: str
) -> AsyncIterator[Hub]:
    """Return a hub that accepts, delivers and runs, on a port that Functions can be told of before it is open."""
    settings = make_settings(
        tmp_path, nats_url, internal={"port": free_port()}, dispatch={"chain_limit": 3},
        functions={"retry_initial_seconds": 0.02, "grace_seconds": 1},
    )  # fmt: skip
    yield Hub(await running(["ingress", "dispatch", "functions"], ["internal"], settings), bus, settings)


async def test_a_function_gets_its_token(whole: Hub) -> None:
    """It opens to scope and name; no variable of the Function's own can take its place."""
    await whole.apply(TELL, env=[{"name": VARIABLE, "value": "forged"}])
    await whole.judged()
    keys = load_keys(whole.settings.keys, whole.settings.data_dir)
    assert workload_of(keys, (await whole.call()).data) == "default/orders"


async def test_a_function_never_sees_the_token_of_its_caller(whole: Hub) -> None:
    """Or it could publish under another name; without one nobody says how deep a chain of events is."""
    await whole.apply("def main(event, context):\n    return dict(event.req.headers)\n")
    await whole.judged()
    keys = load_keys(whole.settings.keys, whole.settings.data_dir)
    token = {"hub-workload-token": token_for(keys, "default", "other")}
    headers = {"hub-depth": "4", "x-own": "o"}
    answer = (await whole.http("POST", "/functions/orders", headers=headers | token, json={})).json()
    assert answer["x-own"] == "o" and answer["hub-depth"] == "4" and "hub-workload-token" not in answer
    answer = (await whole.http("POST", "/functions/orders", headers=headers, json={})).json()
    assert answer["x-own"] == "o" and "hub-depth" not in answer
    forged = await whole.http("POST", "/functions/orders", headers={"hub-workload-token": "x"}, json={})
    assert forged.status_code == 401


async def test_the_token_is_blotted_out_of_errors(whole: Hub) -> None:
    """Not even the Function's own mistake tells it."""
    await whole.apply(TELL.replace("return ", "raise ValueError(") + ")")
    await whole.judged()
    reply = await whole.call()
    said = (reply.headers or {})["Hub-Error"]
    assert said == "ValueError: *** (handler.py, line 4)"


async def test_a_circle_of_events_ends_in_a_dead_letter(whole: Hub) -> None:
    """A Function that answers each event with the same event is called for a chain of three and no more; every event
    of the chain has the Function as its source."""
    await whole.apply(CIRCLE)
    await whole.judged()
    document = {
        "apiVersion": "eventing.kyma-project.io/v1alpha2",
        "kind": "Subscription",
        "metadata": {"name": "orders"},
        "spec": {
            "sink": "http://orders.default.svc.cluster.local",
            "typeMatching": "standard",
            "source": "default/orders",
            "types": ["order.created.v1"],
        },
    }
    request = orjson.dumps({"document": document})
    reply = await whole.bus.nc.request(subjects.ask("subscriptions", "apply"), request, timeout=5)
    assert (reply.headers or {})["Hub-Status"] == "200", reply.data
    await _listening(whole.bus)
    async with httpx.AsyncClient(base_url=whole.process.addresses()["internal"]) as client:
        answer = await client.post("/functions/orders", json={})
        assert answer.status_code == 200, answer.text
    found = await whole.bus.nc.jetstream().pull_subscribe(subjects.dead("default", "orders"), stream=subjects.DEAD)
    (letter,) = await found.fetch(1, timeout=30)
    assert (letter.headers or {})["Hub-Kind"] == "chain-too-deep"
    state = (await whole.bus.js.stream_info(subjects.EVENTS)).state
    stored = [await whole.bus.js.get_msg(subjects.EVENTS, seq=number + 1) for number in range(state.last_seq)]
    told = [((one.headers or {})["ce-source"], (one.headers or {})["ce-hubdepth"]) for one in stored]
    assert told == [("default/orders", str(number)) for number in (1, 2, 3, 4)]


async def _listening(bus: Bus) -> None:
    async with asyncio.timeout(10):
        while not await bus.js.consumers_info(subjects.EVENTS):
            await asyncio.sleep(0.01)


async def test_a_new_master_key_means_new_tokens(whole: Hub) -> None:
    """While it is exchanged both open; before the old one is dropped every Function has a token of the new one."""
    await whole.apply(TELL)
    await whole.judged()
    file = masterkeys.KeyFile(masterkeys.path_of(whole.settings.keys, whole.settings.data_dir))
    old, new = file.read()[0], bytes(range(32))
    file.write([new, old])
    async with asyncio.timeout(20):
        while True:
            told = (await whole.call()).data
            try:
                assert workload_of(Keys(new), told) == "default/orders"
                break
            except NotAuthenticated:
                await asyncio.sleep(0.1)
