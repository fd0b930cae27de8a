"""Three nodes, two of each worker, and the worst moment: the leader's node and half of the workers end at once.

What was acknowledged is delivered, in order per key; how long it took is measured from the receivers.
"""

import asyncio
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from contracts import subjects
from hub.commands.session import Session
from hub.settings import HubSettings
from tests.cluster import ground
from tests.cluster.ground import Hub, Receiver, Worker, application, function, post, subscription, until
from tests.conftest import make_settings

KEYS = ("a", "b", "c")
PATHS = ("ordered", "plain", "function")
PAUSE_SECONDS = 0.1


@dataclass
class Load:
    """Posts numbered events of some keys, each again until it is stored."""

    shop: httpx.AsyncClient
    accepted: dict[str, float] = field(default_factory=dict)
    """Ids of what was answered with 2xx, and when."""
    is_over: bool = False

    async def run(self) -> None:
        """Post until told that it is over."""
        await asyncio.gather(*(self._lane(key) for key in KEYS))

    async def _lane(self, key: str) -> None:
        number = 0
        while not self.is_over:
            event_id = f"{key}-{number}"
            status = await post(self.shop, event_id, partitionkey=key)
            assert status < 300, (event_id, status)
            self.accepted[event_id] = time.monotonic()
            number += 1
            await asyncio.sleep(PAUSE_SECONDS)

    def missing(self, receiver: Receiver, *, since: float = 0.0, before: float = float("inf")) -> list[str]:
        """Return which of the events accepted within a time did not come everywhere."""
        wanted = {event_id for event_id, at in self.accepted.items() if since <= at < before}
        return sorted({one for path in PATHS for one in wanted - set(receiver.ids(path))})


async def prepare(hub: Hub, receiver: Receiver) -> httpx.AsyncClient:
    """Apply an ordered and an unordered Subscription and a Function, and pair the shop."""
    sinks = f"http://127.0.0.1:{receiver.port}"
    kind = ["order.created.v1"]
    await hub.apply(
        application("shop"),
        function("counter", f"{sinks}/function"),
        subscription("ordered", f"{sinks}/ordered", kind, ordering={"key": "partitionkey"}),
        subscription("plain", f"{sinks}/plain", kind),
        subscription("called", "function:counter", kind),
    )
    return await hub.pair("shop", "a")


def assert_in_order(receiver: Receiver) -> None:
    """Every key of the ordered Subscription came in the order of its numbers, repetitions aside."""
    firsts = list(dict.fromkeys(receiver.ids("ordered")))
    for key in KEYS:
        numbers = [int(event_id.partition("-")[2]) for event_id in firsts if event_id.startswith(f"{key}-")]
        assert numbers == list(range(len(numbers))), (key, numbers)


def holder(hub: Hub) -> Worker:
    """Return the dispatch that delivers the ordered Subscription: the last to say that it took the lease."""
    found = [(worker.log.read_text().count("lease.taken") - worker.log.read_text().count("lease.lost"), worker)
             for worker in hub.workers if worker.kind == "dispatch"]  # fmt: skip
    return max(found, key=lambda pair: pair[0])[1]


async def leader(hub: Hub, settings: HubSettings) -> str:
    """Return the name of the node that leads the stream of events."""
    client = await hub.nodes.connect("operator")
    info = await Session(settings, client, client.jetstream()).js.stream_info(subjects.EVENTS)
    await client.close()
    assert info.cluster is not None and info.cluster.leader and 3 == info.config.num_replicas
    return info.cluster.leader


async def test_a_killed_node_and_half_of_the_workers_lose_nothing(tmp_path: Path) -> None:
    """Nothing lost, order kept, deliveries go on; the figure of the recovery stands in the output.

    More copies than there are nodes are refused before that, and change nothing.
    """
    limits = {"HUB_STREAMS__MAX_BYTES": str(64 * 1024**2)}
    async with ground.a_cluster(tmp_path, 3, **limits) as hub, ground.receiving() as receiver:
        hub.more["HUB_NATS__REPLICAS"] = "5"
        assert "HUB_NATS__REPLICAS is 5" in await asyncio.to_thread(hub.command, "nats", "declare", status=1)
        del hub.more["HUB_NATS__REPLICAS"]
        await hub.start("a", "b")
        async with await prepare(hub, receiver) as shop:
            load = Load(shop)
            posting = asyncio.create_task(load.run())
            await until(lambda: all(len(receiver.ids(path)) > 20 for path in PATHS), what="the load")
            name = await leader(hub, make_settings(tmp_path, hub.nodes.url))
            place = holder(hub).place
            struck = time.monotonic()
            next(node for node in hub.nodes.nodes if node.name == name).kill()
            hub.end([worker for worker in hub.workers if worker.place == place])
            await until(lambda: [at for at in load.accepted.values() if at > struck + 1], 90, "acceptance")
            accepting = min(at for at in load.accepted.values() if at > struck + 0.5) - struck
            await until(lambda: not load.missing(receiver, before=struck), 90, "delivery of what was there")
            since = time.monotonic()
            await until(
                lambda: (came := load.accepted) and max(came.values()) > since
                and not load.missing(receiver, since=struck, before=since),
                90, "delivery of what came after",
            )  # fmt: skip
            recovery = time.monotonic() - struck
            load.is_over = True
            await posting
            await until(lambda: not load.missing(receiver), 90, "the rest")
            names = {"specversion": "1.0", "id": "last", "source": "shop", "type": "order.created.v1"}
            headers = {f"ce-{name}": value for name, value in names.items()}
            response = await shop.post("/shop/events", json={}, headers=headers)
            assert "R3" in response.headers["hub-durability"]
        print(f"accepted again after {accepting:.1f} s, recovered after {recovery:.1f} s")  # noqa: T201 - the figure
        assert_in_order(receiver)
        again = {path: len(receiver.ids(path)) - len(set(receiver.ids(path))) for path in PATHS}
        print(f"{len(load.accepted)} accepted; delivered again: {again}")  # noqa: T201 - the figure
        assert [] == hub.nodes.violations()
        assert recovery < 60, f"recovered after {recovery:.1f} s"
