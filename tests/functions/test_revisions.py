"""Each deployment is a revision: listed, gone back to, given a share of the calls, or only watching."""

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from contracts import subjects
from hub.house import Running
from hub.kernel.broker import Bus
from hub.kernel.state import JSON, Bucket
from tests.conftest import make_settings
from tests.functions.test_commands import command
from tests.functions.test_deployment import Hub, hub

__all__ = ["hub"]  # the fixture

Call = dict[str, Any]


def answering(text: str) -> str:
    """Return a handler that answers a text."""
    return f"def main(event, context):\n    return {text!r}\n"


BROKEN = "import nowhere_to_be_found\n\ndef main(event, context):\n    return 1\n"


async def rows(hub: Hub) -> list[dict[str, Any]]:
    """Return the revisions of `orders`, the newest first."""
    status, answer = await hub.ask("revisions", {"name": "orders"})
    assert status == "200", answer
    found: list[dict[str, Any]] = answer["revisions"]
    return found


async def answers(hub: Hub, calls: int) -> Counter[bytes]:
    """Call `orders` several times; returns how often each answer came."""
    return Counter([(await hub.call()).data for _ in range(calls)])


async def route(hub: Hub, generation: int, **routed: Any) -> None:
    """Share the calls out and wait until it is so."""
    status, answer = await hub.ask("route", {"name": "orders"} | routed)
    assert status == "200", answer
    await hub.judged(generation=generation)


async def deployed(hub: Hub, *texts: str) -> None:
    """Deploy one revision after the other."""
    for number, text in enumerate(texts, 1):
        await hub.apply(answering(text))
        await hub.judged(generation=number)


async def test_each_deployment_is_a_revision_and_one_can_be_gone_back_to(hub: Hub) -> None:
    """A revision that never answered is passed over; going back is a new revision that gets all calls."""
    await deployed(hub, "one", "two")
    await hub.apply(BROKEN)
    await hub.judged(generation=3, ready="False")
    await hub.apply(BROKEN.replace("nowhere", "elsewhere"))
    await hub.judged(generation=4, ready="False")
    assert (await hub.call()).data == b"two"
    told = [(row["number"], row["ready"], row["percent"]) for row in await rows(hub)]
    assert told == [(4, False, 100), (3, False, 0), (2, True, 0), (1, True, 0)]
    assert "elsewhere_to_be_found" in (await rows(hub))[0]["reason"]

    status, answer = await hub.ask("rollback", {"name": "orders"})
    assert (status, answer["to"], answer["resource"]["metadata"]["generation"]) == ("200", 2, 5)
    await hub.judged(generation=5)
    assert (await hub.call()).data == b"two"
    status, answer = await hub.ask("rollback", {"name": "orders", "to": 1})
    await hub.judged(generation=6)
    assert (answer["to"], (await hub.call()).data) == (1, b"one")


@pytest.mark.parametrize(
    ("request_", "status", "said"),
    [
        ({"name": "nobody"}, "404", "does not exist"),
        ({"name": "orders"}, "404", "No earlier revision"),
        ({"name": "orders", "to": 9}, "404", "there are: 1"),
        ({"name": "orders", "to": "x"}, "400", "number of a revision"),
    ],
    ids=["no_function", "nothing_earlier", "not_kept", "no_number"],
)
async def test_what_cannot_be_gone_back_to_is_refused(
    hub: Hub, request_: dict[str, Any], status: str, said: str
) -> None:
    """Nothing is changed; the text says what there is."""
    await deployed(hub, "one")
    got, answer = await hub.ask("rollback", request_)
    assert got == status and said in answer["detail"], answer
    assert (await hub.call()).data == b"one"


async def test_only_so_many_revisions_are_kept(
    bus: Bus, running: Callable[..., Awaitable[Running]], tmp_path: Path, nats_url: str
) -> None:
    """The oldest go, with their sources, unless they have a share; nothing is left of a Function that is removed."""
    settings = make_settings(tmp_path, nats_url, functions={"revisions_kept": 2, "grace_seconds": 1})
    hub = Hub(await running(["functions"], ["internal"], settings), bus, settings)
    await deployed(hub, "one", "two", "three")
    assert [row["number"] for row in await rows(hub)] == [3, 2]
    await route(hub, 4, traffic=[{"revision": 2, "percent": 50}])
    await hub.apply(answering("five"), traffic=[{"revision": 2, "percent": 50}])
    await hub.judged(generation=5)
    assert [row["number"] for row in await rows(hub)] == [5, 2]
    kept = Bucket(bus.js, subjects.REVISIONS, JSON)
    assert sorted(await kept.keys()) == ["default.orders", "default.orders.2", "default.orders.5"]
    await hub.ask("delete", {"name": "orders"})
    async with asyncio.timeout(20):
        while await kept.keys() or (tmp_path / "functions" / "default.orders").exists():
            await asyncio.sleep(0.02)


async def test_calls_are_shared_out_without_a_restart(hub: Hub) -> None:
    """An earlier revision gets its percentage, each counts for itself, and the newest gets all again when asked."""
    await deployed(hub, "one", "two")
    (newest,) = hub.process.rooms and (await rows(hub))[:1]
    before = newest["instances"]
    await route(hub, 3, traffic=[{"revision": 1, "percent": 50}])
    seen = await answers(hub, 200)
    assert set(seen) == {b"one", b"two"} and min(seen.values()) > 50
    told = {row["number"]: (row["percent"], row["calls"]) for row in await rows(hub)}
    assert told == {2: (50, seen[b"two"]), 1: (50, seen[b"one"])} and before == 1
    metrics = (await hub.http("GET", "/functions/orders/metrics")).text
    assert 'function_calls_total{function="default.orders",method="POST"} 200.0' in metrics

    await route(hub, 4, traffic=[{"revision": 1, "percent": 100}])
    assert await answers(hub, 20) == {b"one": 20}
    await route(hub, 5)
    assert await answers(hub, 20) == {b"two": 20}


async def test_a_revision_that_cannot_run_leaves_its_share_to_the_newest(hub: Hub) -> None:
    """The status says so; no call is refused for it."""
    await hub.apply(BROKEN)
    await hub.judged(generation=1, ready="False")
    await hub.apply(answering("two"))
    await hub.judged(generation=2)
    await route(hub, 3, traffic=[{"revision": 1, "percent": 90}])
    assert await answers(hub, 20) == {b"two": 20}
    function = await hub.judged(generation=3)
    assert "revision 1 cannot run" in function.status["conditions"][0]["message"]


@pytest.mark.parametrize(
    ("routed", "said"),
    [
        ({"traffic": [{"revision": 7, "percent": 10}]}, "Revision 7 is not kept"),
        ({"traffic": [{"revision": 1, "percent": 101}]}, "from 0 to 100"),
        ({"traffic": [{"revision": 1, "percent": 60}, {"revision": "latest", "percent": 60}]}, "more than 100"),
        ({"traffic": [{"revision": "first", "percent": 1}]}, "number of a revision"),
        ({"traffic": {"revision": 1}}, "must be a list"),
        ({"shadow": {"revision": 1, "percent": 3}}, "spec.shadow.percent is not a field"),
        ({"shadow": {"revision": 7}}, "Revision 7 is not kept"),
    ],
)
async def test_shares_that_are_none_are_refused(hub: Hub, routed: dict[str, Any], said: str) -> None:
    """With the path of the field, and nothing is changed."""
    await deployed(hub, "one")
    status, answer = await hub.ask("route", {"name": "orders"} | routed)
    assert status in ("400", "404") and said in answer["detail"], answer
    assert (await hub.functions.need("default.orders")).value.generation == 1


SHADOWED = """
import json, os, urllib.request

def main(event, context):
    url = os.environ["ORDERS_URL"] + "/list?limit=1"
    told = json.load(urllib.request.urlopen(url, timeout=5))
    event.emitCloudEvent("order.checked.v1", "orders", event["data"])
    return {"id": event["data"]["id"], "doubled": event["data"]["id"] * 2, "told": told}
"""


async def test_a_shadow_gets_the_same_events_and_does_nothing(hub: Hub) -> None:
    """Its answers are compared; what it publishes and asks of the gateway, by whatever variable it knows the address,
    is recorded instead of made; nobody gets its answers."""
    await hub.apply("def main(event, context):\n    return {'id': event['data']['id'], 'doubled': 14, 'told': {}}\n")
    await hub.judged(generation=1)
    gateway = hub.settings.functions.gateway_url
    entry = {"name": "ORDERS_URL", "value": f"{gateway.replace('127.0.0.1', 'localhost')}/shop/orders"}
    await hub.apply(
        SHADOWED, env=[entry], traffic=[{"revision": 1, "percent": 100}], shadow={"revision": "latest"}
    )
    await hub.judged(generation=2)
    for number in (7, 8):
        answer = json.loads((await hub.call(json.dumps({"id": number}).encode(), **{"ce-id": f"e-{number}"})).data)
        assert answer["doubled"] == 14
    async with asyncio.timeout(20):
        while True:
            status, told = await hub.ask("compare", {"name": "orders"})
            assert status == "200", told
            if told["same"] + told["different"] == 2:
                break
            await asyncio.sleep(0.02)
    assert (told["revision"], told["same"], told["different"], told["skipped"]) == (2, 1, 1, 0)
    (difference,) = told["differences"]
    assert (difference["event"]["id"], difference["revision"]) == ("e-8", 1)
    assert json.loads(difference["shadow"]["body"]) == {"id": 8, "doubled": 16, "told": {}}
    assert [(call["kind"], call.get("path"), call.get("type")) for call in difference["calls"]] == [
        ("gateway", "/shop/orders/list?limit=1", None), ("publication", None, "order.checked.v1")
    ]  # fmt: skip
    assert (told["publications"], told["calls"]) == (2, 2)
    assert (await hub.bus.js.stream_info(subjects.EVENTS)).state.messages == 0
    (shown,) = [row for row in await rows(hub) if row["shadow"]]
    assert (shown["number"], shown["percent"], shown["calls"]) == (2, 0, 0)

    compared = await command(hub, "compare", "orders")
    assert compared.exit_code == 1 and "would publish order.checked.v1 from orders" in compared.stdout
    await route(hub, 3, traffic=[{"revision": 1, "percent": 100}])
    status, told = await hub.ask("compare", {"name": "orders"})
    assert status == "404" and "has no shadow" in told["detail"]


async def test_a_broken_newest_revision_costs_no_call_after_a_restart(
    hub: Hub, running: Callable[..., Awaitable[Running]]
) -> None:
    """The last one that answered is brought up in its place."""
    await deployed(hub, "one")
    await hub.apply(BROKEN)
    await hub.judged(generation=2, ready="False")
    await hub.process.stop()
    hub.process.rooms.clear()
    await running(["functions"], ["internal"], hub.settings)
    async with asyncio.timeout(20):
        while (await hub.call()).data != b"one":
            await asyncio.sleep(0.05)


async def test_two_processes_of_the_worker_agree_on_the_revisions(
    hub: Hub, running: Callable[..., Awaitable[Running]]
) -> None:
    """Whoever hears of a deployment first notes it; nobody notes it twice, and both share the calls out alike."""
    await running(["functions"], [], hub.settings)
    await deployed(hub, "one", "two", "three")
    for _ in range(4):
        assert [row["number"] for row in await rows(hub)] == [3, 2, 1]
    await route(hub, 4, traffic=[{"revision": 2, "percent": 100}])
    async with asyncio.timeout(20):  # each of the two hears of it by itself
        while await answers(hub, 20) != {b"two": 20}:
            await asyncio.sleep(0.05)
