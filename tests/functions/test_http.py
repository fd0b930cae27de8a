"""Calling a Function over HTTP: by its path, by its host name, in parts, and what the hub answers itself."""

import asyncio

import httpx
import pytest

from hub.functions.model import Invocation
from hub.kernel.errors import UpstreamUnavailable
from tests.functions.conftest import Bench, event_headers, until
from tests.functions.test_deployment import HELLO, Hub, hub

__all__ = ["hub"]  # the fixture

BOTH_WAYS = ("GET", "POST")
"""A small POST to a plain path is answered without the routes; nobody may see a difference."""
CALL = Invocation(event_headers(), b"{}")
PARTS = {
    "python": """
import time

def main(event, context):
    yield "first "
    for number in range(3):
        time.sleep(0.01)
        yield f"{number} "
    yield "late"
""",
    "node": """
module.exports = { main: async (event) => {
  const response = event.extensions.response;
  response.set('content-type', 'text/plain');
  response.write('first ');
  for (let number = 0; number < 3; number += 1) {
    await new Promise((resolve) => setTimeout(resolve, 10));
    response.write(`${number} `);
  }
  setTimeout(() => response.end('late'), 20);
} };
""",
}
ENDLESS = {
    "python": """
import pathlib

def main(event, context):
    try:
        while True:
            yield "x" * 65536
            with open("sent", "a") as file:
                file.write("x")
    finally:
        pathlib.Path("over").touch()
""",
    "node": """
const fs = require('fs');
const { Readable } = require('stream');
module.exports = { main: (event) => {
  const response = event.extensions.response;
  const endless = new Readable({ read() { fs.appendFileSync('sent', 'x'); this.push('x'.repeat(65536)); } });
  response.on('close', () => fs.writeFileSync('over', ''));
  endless.pipe(response);
} };
""",
}


def family_of(interpreter: str) -> str:
    """Return the language of an interpreter."""
    return "node" if interpreter else "python"


async def test_an_answer_in_parts_is_passed_on_as_it_comes(bench: Bench, interpreter: str) -> None:
    """The first part is there before the last one is made, and the call is over with the last one."""
    worker = await bench.start(PARTS[family_of(interpreter)], node=interpreter)
    answer = await worker.invoke(CALL, 10)
    assert answer.rest is not None and worker.busy == 1
    parts = [answer.body] + [part async for part in answer.rest]
    assert b"".join(parts) == b"first 0 1 2 late"
    await until(lambda: worker.busy == 0)


async def test_a_slow_reader_holds_up_nobody(bench: Bench, interpreter: str) -> None:
    """An endless answer that nobody reads stops at its window; the same process answers others; closing ends it."""
    worker = await bench.start(ENDLESS[family_of(interpreter)], node=interpreter)
    home = bench.directory / "revision-0"
    answer = await worker.invoke(CALL, 30)
    assert answer.rest is not None

    def sent() -> int:
        return (home / "sent").stat().st_size * 65536 if (home / "sent").exists() else 0

    await until(lambda: sent() >= 1024 * 1024)
    second = await worker.invoke(CALL, 30)
    assert second.rest is not None
    samples = [0, sent()]

    def at_rest() -> bool:
        samples.append(sent())
        return len(samples) > 100 and len(set(samples[-100:])) == 1

    await until(at_rest)
    assert sent() < 4 * 1024 * 1024
    for one in (answer, second):
        assert one.rest is not None
        one.rest.close()
    await until(lambda: (home / "over").exists() and worker.busy == 0)


async def test_a_process_that_dies_in_the_middle_breaks_the_answer(bench: Bench) -> None:
    """Whoever reads learns that it is not whole."""
    worker = await bench.start(
        "import os\n\ndef main(event, context):\n    yield 'a'\n    yield 'b'\n    os._exit(1)\n"
    )
    answer = await worker.invoke(CALL, 10)
    assert answer.rest is not None
    with pytest.raises(UpstreamUnavailable, match="in the middle"):
        _ = [part async for part in answer.rest]


async def test_an_answer_in_parts_has_a_time_limit_as_well(bench: Bench) -> None:
    """The limit of the call holds for its whole answer; the process is replaced."""
    worker = await bench.start("import time\n\ndef main(event, context):\n    yield 'a'\n    time.sleep(30)\n")
    pids = worker.pids
    answer = await worker.invoke(CALL, 0.3)
    assert answer.rest is not None
    with pytest.raises(UpstreamUnavailable, match="longer than it may"):
        _ = [part async for part in answer.rest]
    await until(lambda: worker.instances == 1 and worker.pids != pids)


@pytest.mark.parametrize("method", BOTH_WAYS)
async def test_parts_arrive_over_http_and_on_the_bus(hub: Hub, method: str) -> None:
    """Over HTTP the answer comes part by part; a delivery of an event gets it whole."""
    await hub.apply(PARTS["python"])
    await hub.judged()
    response = await hub.http(method, "/functions/orders")
    assert (response.text, response.headers.get("transfer-encoding")) == ("first 0 1 2 late", "chunked")
    assert (await hub.call()).data == b"first 0 1 2 late"


@pytest.mark.parametrize("method", BOTH_WAYS)
async def test_a_failure_in_the_middle_cuts_the_connection(hub: Hub, method: str) -> None:
    """A client never takes half an answer for a whole one."""
    await hub.apply("def main(event, context):\n    yield 'a'\n    yield 'b'\n    raise ValueError\n")
    await hub.judged()
    with pytest.raises(httpx.RemoteProtocolError):
        await hub.http(method, "/functions/orders")


@pytest.mark.parametrize("method", BOTH_WAYS)
async def test_a_client_that_goes_away_ends_the_answer(hub: Hub, method: str) -> None:
    """Nobody reads any more, so the handler is stopped."""
    await hub.apply(ENDLESS["python"])
    function = await hub.judged()
    address = hub.process.addresses()["internal"] + "/functions/orders"
    async with httpx.AsyncClient() as client, client.stream(method, address) as response:
        async for _ in response.aiter_bytes():
            break
    home = hub.settings.data_dir / "functions" / "default.orders" / f"1-{function.uid[:8]}"
    await until((home / "over").exists)


ECHO = """
import json
ANSWERS = {
    "plain": lambda request: ("made", 201, {"X-Order": "7\\r\\nevil: 1", "Connection": "close", "bad name": "x"}),
    "empty": lambda request: ("", 204),
    "odd": lambda request: ("odd", 299),
    "none": lambda request: None,
    "bytes": lambda request: b"\\x00\\xff",
    "raise": lambda request: 1 / 0,
}

def main(event, context):
    request = event["extensions"]["request"]
    name = request.path.rpartition("/")[2]
    if name in ANSWERS:
        return ANSWERS[name](request)
    kept = {key: value for key, value in request.headers.items() if key not in ("host", "traceparent")}
    return {"path": request.path, "headers": kept, "data": event["data"], "trace": request.headers["traceparent"]}
"""


@pytest.fixture
async def echo(hub: Hub) -> Hub:
    """Return a hub with a Function that answers as its path says."""
    await hub.apply(ECHO)
    await hub.judged()
    return hub


PATHS = ("", "/", "/plain", "/empty", "/odd", "/none", "/bytes", "/raise", "/other/plain", "/ä")


@pytest.mark.parametrize("name", PATHS)
async def test_both_ways_over_http_answer_alike(echo: Hub, name: str) -> None:
    """Status, headers and body are the same, whether the routes are asked (here by a query) or not."""
    given = {"content-type": "application/json", "x-caller": "me", "hub-depth": "3", "ce-hubdepth": "4"}
    short = await echo.http("POST", f"/functions/orders{name}", content=b'{"a": 1}', headers=given)
    long = await echo.http("POST", f"/functions/orders{name}?", content=b'{"a": 1}', headers=given)
    own = ("date",)
    shown = [
        (one.status_code, {key: value for key, value in one.headers.items() if key not in own}) for one in (short, long)
    ]
    assert shown[0] == shown[1]
    bodies = [one.json() | {"trace": ""} if b'"trace"' in one.content else one.content for one in (short, long)]
    assert bodies[0] == bodies[1]


async def test_a_connection_goes_on_after_each_kind_of_answer(echo: Hub) -> None:
    """Several requests sent at once on one connection are answered in order, in parts or whole."""
    await echo.apply(PARTS["python"], "parts")
    await echo.judged("parts")
    host, _, port = echo.process.addresses()["internal"].removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    request = "POST /functions/{} HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n{}\r\n{{}}"
    names = ("orders/none", "parts", "orders/bytes", "orders/empty", "parts")
    asked = [request.format(name, "") for name in names] + [request.format("orders/plain", "connection: close\r\n")]
    writer.write("".join(asked).encode())
    async with asyncio.timeout(20):
        answered = await reader.read()
    writer.close()
    heads = [part.split(b" ")[1] for part in answered.split(b"HTTP/1.1")[1:] if part]
    assert (answered.count(b"HTTP/1.1 "), len(heads)) == (6, 6)
    statuses = [line.split(b" ")[1] for line in answered.split(b"\r\n") if b"HTTP/1.1 " in line]
    assert [b"200", b"200", b"200", b"204", b"200", b"201"] == statuses
    assert answered.count(b"first ") == 2 and answered.rstrip().endswith(b"made")


async def test_a_caller_that_is_nobody_is_refused_on_either_way(echo: Hub) -> None:
    """A token that the hub did not make is refused before the handler is called."""
    refused = await echo.http("POST", "/functions/orders", headers={"hub-workload-token": "made up"})
    assert refused.status_code == 401
    assert (await echo.http("POST", "/functions/nobody")).status_code == 404


@pytest.mark.parametrize("host", ["orders.default.svc.cluster.local", "orders.default.svc:8080"])
async def test_the_host_name_of_kyma_reaches_the_function(hub: Hub, host: str) -> None:
    """`http://NAME.NAMESPACE.svc.cluster.local/any/path` is the Function with that path, whatever else has the path."""
    await hub.apply("def main(event, context):\n    return event.req.method + ' ' + event.req.url\n")
    await hub.judged()
    response = await hub.http("DELETE", "/publish?x=1", headers={"Host": host})
    assert (response.status_code, response.text) == (200, "DELETE /publish?x=1")
    missing = await hub.http("GET", "/", headers={"Host": host.replace("orders", "nobody")})
    assert missing.status_code == 404


async def test_the_hub_answers_health_favicon_and_metrics_itself(hub: Hub) -> None:
    """GET on these paths never reaches the handler; another method on the same path does."""
    await hub.apply("def main(event, context):\n    return 'handler'\n")
    await hub.judged()
    paths = ("healthz", "favicon.ico", "")
    answers = [await hub.http("GET", f"/functions/orders/{path}") for path in paths]
    assert [(one.status_code, one.text) for one in answers] == [(200, "OK"), (204, ""), (200, "handler")]
    assert (await hub.http("POST", "/functions/orders/healthz")).text == "handler"
    metrics = (await hub.http("GET", "/functions/orders/metrics")).text
    assert 'function_calls_total{function="default.orders",method="GET"} 1.0' in metrics
    assert 'hub_function_invocations_total{function="default.orders",outcome="succeeded"} 2.0' in metrics
    assert 'function_duration_seconds_count{function="default.orders"} 2.0' in metrics


async def test_a_body_larger_than_the_function_takes_is_refused(hub: Hub) -> None:
    """The runtime's own variable sets the limit, for every kind of body."""
    await hub.apply(HELLO, env=[{"name": "FUNC_MEMFILE_MAX", "value": "10"}])
    await hub.judged()
    refused = await hub.http("POST", "/functions/orders", content=b"x" * 11)
    taken = await hub.http("POST", "/functions/orders", content=b"x" * 10)
    assert [refused.status_code, taken.status_code] == [413, 200]


async def test_counts_are_told_to_who_asks(hub: Hub) -> None:
    """Processes, calls, failures and milliseconds of each Function that runs."""
    await hub.apply("def main(event, context):\n    return 1 / event['data']\n")
    await hub.judged()
    for body in (b"1", b"0"):
        await hub.call(body)
    _, said = await hub.ask("stats", {})
    found = said["functions"]["default.orders"]
    assert (found["instances"], found["calls"], found["failures"]) == (1, 2, 1)
    assert 0 < found["p50Milliseconds"] <= found["p99Milliseconds"]


async def test_calls_at_the_same_time_are_all_answered(hub: Hub) -> None:
    """Many requests at once each get their own answer."""
    await hub.apply("def main(event, context):\n    return event.req.query_string\n")
    await hub.judged()
    async with httpx.AsyncClient(base_url=hub.process.addresses()["internal"]) as client:
        answers = await asyncio.gather(*(client.get(f"/functions/orders?{number}") for number in range(100)))
    assert [answer.text for answer in answers] == [str(number) for number in range(100)]
