"""Each kind of worker does its work with a credential of its own, and whoever stole one can do nothing else with it."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import orjson
import pytest
from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from contracts import subjects
from hub.kernel.client import Client
from tests.cluster import ground
from tests.cluster.ground import Hub, Receiver, application, function, post, subscription, until


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """Return the sinks."""
    async with ground.receiving() as receiver:
        yield receiver


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[Hub]:
    """Return a hub on one node of its own, under the generated permissions; no worker runs yet."""
    async with ground.a_cluster(tmp_path, nodes=1) as hub:
        yield hub


async def test_the_whole_hub_works_under_the_permissions_of_its_workers(hub: Hub, receiver: Receiver) -> None:
    """Pair, register, post, deliver, call a Function, bury and replay: nats-server refused nothing on the way."""
    await hub.start("here")
    sinks = f"http://127.0.0.1:{receiver.port}"
    await hub.apply(
        application("shop"),
        function("counter", f"{sinks}/function"),
        subscription("plain", f"{sinks}/plain", ["order.created.v1"], finalStatusCodes=[400]),
        subscription("ordered", f"{sinks}/ordered", ["order.created.v1"], ordering={"key": "partitionkey"}),
        subscription("called", "function:counter", ["order.created.v1"]),
    )
    async with await hub.pair("shop", "here") as shop:
        service = {"name": "Orders", "provider": "test", "description": "orders", "api": {
            "targetUrl": "http://localhost:9", "spec": {"openapi": "3.0.3", "info": {}, "paths": {}}}}  # fmt: skip
        assert 200 == (await shop.post("/shop/v1/metadata/services", json=service)).status_code
        for number in range(20):
            assert await post(shop, str(number), partitionkey="a") < 300
        await until(lambda: all(20 == len(set(receiver.ids(path))) for path in ("plain", "ordered", "function")))
        assert receiver.ids("ordered") == [str(number) for number in range(20)]
        assert await post(shop, "bad-1", partitionkey="a") < 300
    await look_at_everything(hub)
    assert [] == hub.nodes.violations()


async def look_at_everything(hub: Hub) -> None:
    """Have every worker answer what its operator asks."""
    limit = time.monotonic() + 30
    while "bad-1" not in (letters := await hub.ask("dead", "list", "plain", "-o", "json")):
        assert time.monotonic() < limit, letters
    await hub.ask("dead", "replay", "plain", "--all")
    await hub.ask("get", "subscriptions")
    await hub.ask("events", "why", "3", "plain")
    await hub.ask("events", "show", "3")
    await hub.ask("catalog", "list")
    await hub.ask("compass", "status")
    await hub.ask("function", "revisions", "counter")
    await hub.ask("audit")


async def may(client: Client, subject: str) -> bool:
    """Return whether nats-server lets a client publish on a subject, by whether it complains."""
    complaints: list[str] = []

    async def heard(error: Exception) -> None:
        complaints.append(str(error).lower())

    client._error_cb = heard
    await client.publish(subject, b"{}")
    for _ in range(2):  # the client's first PING overtakes what it still has to write
        await client.flush()
    return not any("permissions violation" in text for text in complaints)


MAY = {
    "edge": ["events.shop.order", "hub.application.v1.changed", "$KV.secrets.a.b", "ask.events.why"],
    "inside": ["events.shop.order", "$KV.functions.default.f", "hub.function.v1.deployed"],
    "dispatch": ["replay.default.s", "dead.default.s", "call.default.f", "$JS.API.CONSUMER.MSG.NEXT.EVENTS.x"],
    "control": ["$KV.eventtypes.a", "ask.applications.mirror", "hub.compass.v1.changed"],
}
MAY_NOT = {
    "edge": ["call.default.f", "replay.default.s", "dead.default.s", "ask.functions.apply", "$KV.subscriptions.a.b",
             "$JS.API.STREAM.MSG.GET.KV_functions", "$JS.API.STREAM.MSG.GET.DEAD", "$JS.API.STREAM.PURGE.EVENTS"],
    "inside": ["$KV.secrets.a.b", "$KV.authorities.a", "dead.default.s", "replay.default.s", "ask.secrets.apply",
               "$JS.API.STREAM.MSG.GET.KV_tokens", "$JS.API.STREAM.MSG.GET.EVENTS", "$JS.API.STREAM.PURGE.EVENTS",
               "hub.certificate.v1.revoked"],
    "dispatch": ["events.shop.order", "quarantine.shop.order", "$KV.secrets.a.b", "$KV.applications.a",
                 "$JS.API.STREAM.MSG.GET.KV_authorities", "ask.tokens.create",
                 "$JS.API.STREAM.MSG.DELETE.EVENTS", "hub.application.v1.removed", "warehouse.orders"],
    "control": ["$KV.secrets.a.b", "$KV.subscriptions.a.b", "call.default.f", "replay.default.s",
                "$JS.API.CONSUMER.CREATE.EVENTS.x", "$JS.API.STREAM.MSG.GET.KV_authorities"],
}  # fmt: skip
NOBODY = [
    "$JS.API.STREAM.DELETE.EVENTS", "$JS.API.STREAM.UPDATE.EVENTS", "$JS.API.STREAM.CREATE.COPY",
    "$JS.API.STREAM.PURGE.KV_secrets", "$KV.layout.fingerprint", "$SYS.REQ.SERVER.PING", "elsewhere",
]  # fmt: skip


async def test_a_stolen_credential_does_the_work_of_its_worker_only(hub: Hub) -> None:
    """What a worker does is let through; the work of others, the streams' own settings and the cluster are not."""
    for user, allowed in MAY.items():
        client = await hub.nodes.connect(user)
        assert [] == [subject for subject in allowed if not await may(client, subject)], user
        assert [] == [subject for subject in (*MAY_NOT[user], *NOBODY) if await may(client, subject)], user
        await client.close()


async def test_nobody_hears_what_is_not_for_him(hub: Hub) -> None:
    """Answers to others, events as they come, and requests that another worker answers: the subscription is refused."""
    operator = await hub.nodes.connect("operator")
    for user in MAY:
        client = await hub.nodes.connect(user)
        heard: list[str] = []

        async def note(message: object, heard: list[str] = heard) -> None:
            heard.append(repr(message))

        foreign = "ask.functions.apply" if user != "inside" else "ask.tokens.create"
        for subject in (">", "events.>", "_INBOX.>", "_INBOX_operator.>", "$KV.secrets.>", foreign):
            await client.subscribe(subject, cb=note)
        await client.flush()
        for subject in ("events.shop.order", "_INBOX_operator.x", "$KV.secrets.a.b", foreign):
            await operator.publish(subject, b"secret")
        for each in (operator, operator, client, client):
            await each.flush()
        assert [] == heard, user
        await client.close()
    await operator.close()


async def test_a_call_that_takes_long_may_be_answered_after_all_its_signs_of_life(hub: Hub) -> None:
    """Calls that share a request are answered one by one, with a sign of life every other second in between."""
    dispatch, inside = await hub.nodes.connect("dispatch"), await hub.nodes.connect("inside")
    heard: list[bytes] = []

    async def ask() -> None:
        await dispatch.publish("call.default.f", b"", reply=inbox)

    async def note(message: Msg) -> None:
        if message.headers:  # nobody to answer yet: the subscription is on its way
            await ask()
        else:
            heard.append(message.data)

    async def answer(message: Msg) -> None:
        for number in range(200):
            await inside.publish(message.reply, b"%d" % number)

    inbox = dispatch.new_inbox()
    await dispatch.subscribe(inbox, cb=note)
    await inside.subscribe("call.>", queue="functions", cb=answer)
    await ask()
    await until(lambda: len(heard) == 200, 30, "all of the replies")
    await dispatch.close()
    await inside.close()


async def test_what_a_consumer_delivers_is_no_request(hub: Hub) -> None:
    """Whoever may make a consumer chooses where its messages go; a worker that gets them so does nothing."""
    edge = hub.run("edge", "here")
    await until(lambda: edge.is_ready, 120, "the edge")
    await hub.apply(application("shop"))
    before = await hub.ask("connector", "ca", "show", "-o", "json")
    thief = await hub.nodes.connect("dispatch")
    await thief.publish("replay.default.x", b'{"name": "shop"}')
    targets = (("ask.applications.delete", "registry"), ("ask.authorities.rotate", "connector"))
    for number, (subject, queue) in enumerate(targets):
        config = {"name": f"thief-{number}", "deliver_subject": subject, "deliver_group": queue,
                  "filter_subject": "replay.default.x", "deliver_policy": "all", "ack_policy": "none"}  # fmt: skip
        body = orjson.dumps({"stream_name": subjects.EVENTS, "config": config})
        made = await thief.request(f"$JS.API.CONSUMER.CREATE.EVENTS.thief-{number}.replay.default.x", body, timeout=5)
        assert "error" not in orjson.loads(made.data)
    operator = await hub.nodes.connect("operator")
    limit = time.monotonic() + 30
    for number in range(2):
        while not (await operator.jetstream().consumer_info(subjects.EVENTS, f"thief-{number}")).delivered.consumer_seq:
            assert time.monotonic() < limit
            await asyncio.sleep(0.1)
    await asyncio.sleep(0.5)  # for what must not happen
    assert "shop" in await hub.ask("get", "applications")
    assert before == await hub.ask("connector", "ca", "show", "-o", "json")
    await thief.close()
    await operator.close()


async def test_who_has_no_certificate_of_the_cluster_is_nobody(hub: Hub, tmp_path: Path) -> None:
    """Neither a client without one nor one whose certificate another authority signed gets in."""
    from hub.cluster import certificates
    from hub.kernel.errors import BrokerUnavailable

    own = hub.nodes.directory / "tls"
    certificates.write(tmp_path / "foreign", [], ["operator"], days=1)
    for name in ("operator.crt", "operator.key"):
        (own / name).write_bytes((tmp_path / "foreign" / name).read_bytes())
    with pytest.raises(BrokerUnavailable):
        await hub.nodes.connect("operator")
    settings = hub.nodes.settings("edge").model_copy(update={"certificate_file": None})
    with pytest.raises(BrokerUnavailable):
        await ground.connect(hub.nodes.url.split(","), "nobody", **ground.access_of(settings))


async def test_a_worker_that_may_not_prepare_the_store_waits_for_it(tmp_path: Path) -> None:
    """It says what it waits for and what to do, and is ready as soon as the operator has done it.

    One whose settings differ from what was prepared says so and works; a single node cannot keep three copies.
    """
    nodes = ground.write_nodes(tmp_path, 1, await ground.granted())
    hub = Hub(nodes, tmp_path)
    nodes.nodes[0].start()
    try:
        worker = hub.run("dispatch", "here")
        await until(lambda: "store.awaited" in worker.log.read_text(), what="waiting")
        await until(lambda: "hub nats declare" in worker.log.read_text(), what="the reason")
        assert not worker.is_ready
        await ground.declare(hub)
        await until(lambda: worker.is_ready, what="getting ready")
        line = next(line for line in worker.log.read_text().splitlines() if "hub nats declare" in line)
        assert "warning" == orjson.loads(line)["level"]
        hub.more["HUB_STREAMS__MAX_AGE_HOURS"] = "2"
        other = hub.run("dispatch", "here")
        await until(lambda: other.is_ready, what="getting ready")
        assert "layout.differing" in other.log.read_text()
        hub.more["HUB_NATS__REPLICAS"] = "3"
        assert "single server" in await asyncio.to_thread(hub.command, "nats", "declare", status=2)
    finally:
        hub.end(hub.workers)
        nodes.nodes[0].kill()


async def test_the_cluster_itself_is_for_the_system_user_only(hub: Hub) -> None:
    """The operator of the hub cannot ask for the servers' state; the system's user can, and has no streams."""
    system, operator = await hub.nodes.connect("system"), await hub.nodes.connect("operator")
    reply = await system.request("$SYS.REQ.SERVER.PING", b"", timeout=5)
    assert b"server" in reply.data
    with pytest.raises(NatsError):
        await operator.request("$SYS.REQ.SERVER.PING", b"", timeout=1)
    with pytest.raises(NatsError):
        await system.jetstream(timeout=1).stream_info(subjects.EVENTS)
    await system.close()
    await operator.close()
