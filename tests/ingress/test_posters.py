"""A Function shows who it is by its token: that is the source of what it publishes, and nobody else can say so."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import orjson
import pytest

from contracts import subjects
from hub.house import Running
from hub.kernel.broker import Bus
from hub.kernel.keys import load_keys
from hub.kernel.resource import CLUSTER, RESOURCES, Resource
from hub.kernel.state import Bucket
from hub.kernel.workload import SHADOW, token_for
from hub.settings import HubSettings
from tests.conftest import make_settings
from tests.ingress.conftest import BATCH, EVENT, STRUCTURED, count_stored

Run = Callable[..., Awaitable[Running]]


class Inside:
    """The internal listener, as a Function calls it."""

    def __init__(self, bus: Bus, process: Running, client: httpx.AsyncClient) -> None:
        """Mint the token of the Function `orders`."""
        self.bus = bus
        self.client = client
        keys = load_keys(process.settings.keys, process.settings.data_dir)
        self.token = token_for(keys, "default", "orders")

    async def post(self, event: Any, path: str = "/publish", token: str | None = None, **headers: str) -> int:
        """Post an event in JSON, by default with the token; returns the status."""
        own = {**(BATCH if isinstance(event, list) else STRUCTURED), "hub-workload-token": token or self.token}
        response = await self.client.post(path, content=orjson.dumps(event), headers=own | headers)
        return response.status_code

    async def last(self) -> tuple[str, dict[str, str]]:
        """Return subject and headers of the newest event."""
        state = (await self.bus.js.stream_info(subjects.EVENTS)).state
        message = await self.bus.js.get_msg(subjects.EVENTS, seq=state.last_seq)
        return message.subject or "", message.headers or {}


async def started(bus: Bus, running: Run, settings: HubSettings) -> Inside:
    """Return the internal listener of ingress with these settings."""
    process = await running(["ingress"], ["internal"], settings)
    return Inside(bus, process, httpx.AsyncClient(base_url=process.addresses()["internal"]))


@pytest.fixture
async def inside(bus: Bus, running: Run, settings: HubSettings) -> Inside:
    """Return the internal listener of ingress."""
    return await started(bus, running, settings)


@pytest.mark.parametrize(
    ("event", "path"),
    [
        (EVENT | {"hubdepth": "0"}, "/publish"),
        ([EVENT], "/publish"),
        (EVENT | {"source": "shop"}, "/shop/events"),
        (EVENT | {"subject": "ä"}, "/publish"),
    ],
    ids=["structured", "batch", "path_of_an_application", "not_plain"],
)
async def test_what_a_function_publishes_has_its_name_as_source(inside: Inside, event: Any, path: str) -> None:
    """Whatever the event or the path says; the depth of the chain counts on from what the Function is at work on."""
    assert await inside.post(event, path, **{"hub-depth": "4"}) == 204
    subject, headers = await inside.last()
    assert subject == "events.default/orders.order.created.v1"
    assert (headers["ce-source"], headers["ce-hubdepth"]) == ("default/orders", "5")


async def test_a_function_may_publish_in_binary_mode(inside: Inside) -> None:
    """The short way of plain events leaves what brings a token to the longer one."""
    attributes = {f"ce-{name}": str(value) for name, value in EVENT.items() if name != "data"}
    answer = await inside.client.post(
        "/publish", content=b"{}", headers=attributes | {"hub-workload-token": inside.token}
    )
    assert answer.status_code == 204
    assert (await inside.last())[1]["ce-source"] == "default/orders"


@pytest.mark.parametrize("binary", [False, True], ids=["structured", "binary"])
async def test_without_a_token_nobody_says_how_deep_a_chain_is(inside: Inside, binary: bool) -> None:
    """The attribute is the hub's own: from others it is passed over, with the header that goes with a token."""
    event = EVENT | {"hubdepth": "7"}
    attributes = {f"ce-{name}": str(value) for name, value in event.items() if name != "data"}
    body, headers = (b"{}", attributes) if binary else (orjson.dumps(event), dict(STRUCTURED))
    answer = await inside.client.post("/publish", content=body, headers=headers | {"hub-depth": "9"})
    assert answer.status_code == 204
    stored = (await inside.last())[1]
    assert stored["ce-source"] == "/shop" and "ce-hubdepth" not in stored


@pytest.mark.parametrize("token", ["x", "AAAA" * 40, "%zz"])
async def test_a_token_that_is_none_publishes_nothing(inside: Inside, token: str) -> None:
    """It is answered 401; nothing is stored under anybody's name."""
    assert await inside.post(EVENT, token=token) == 401
    assert await count_stored(inside.bus) == 0


async def test_a_shadow_publishes_nothing(inside: Inside, settings: HubSettings) -> None:
    """Whatever way it found around its own publisher: it is answered 403 with the reason, and nothing is stored."""
    token = token_for(load_keys(settings.keys, settings.data_dir), "default", f"orders{SHADOW}")
    assert await inside.post(EVENT, token=token) == 403
    assert await count_stored(inside.bus) == 0


async def test_a_hub_may_let_functions_name_their_sources(
    bus: Bus, running: Run, tmp_path: Any, nats_url: str
) -> None:
    """As in Kyma, where Subscriptions expect them; but no Function speaks for an Application."""
    settings = make_settings(tmp_path, nats_url, ingress={"function_source": "own"})
    inside = await started(bus, running, settings)
    assert await inside.post(EVENT | {"source": "kyma"}) == 204
    subject, headers = await inside.last()
    assert (subject, headers["ce-hubdepth"]) == ("events.kyma.order.created.v1", "1")
    prefixed = EVENT | {"source": "kyma", "type": "sap.kyma.custom.shop.order.created.v1"}
    assert await inside.post(prefixed) == 204
    assert (await inside.last())[0] == "events.kyma.order.created.v1"

    shop = Resource("a/v1", "Application", "shop", CLUSTER, {}, labels={"application-type": "store"})
    await Bucket(bus.js, subjects.APPLICATIONS, RESOURCES).put(f"{CLUSTER}.shop", shop)
    for source in ("shop", "store"):
        async with asyncio.timeout(10):  # the worker hears of the Application a moment later
            while await inside.post(EVENT | {"source": source}) != 403:
                await asyncio.sleep(0.01)
