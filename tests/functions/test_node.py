"""Node Functions: deployed, installed, called and failing like Python ones, in processes of their own."""

import asyncio
import io
import json
import os
import tarfile
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from hub.functions.conditions import CONFIGURED, READY, condition_of
from hub.functions.model import Answer, Invocation
from hub.functions.runtime.sources import write_modules
from hub.kernel.errors import InvalidInput, UpstreamUnavailable
from hub.kernel.http.app import application
from hub.kernel.http.server import Listener
from hub.kernel.settings import ListenerSettings
from tests.functions.conftest import QUICK, Bench, event_headers, until
from tests.functions.test_deployment import Hub, hub

__all__ = ["hub"]  # the fixture

HELLO = "module.exports = { main: (event, context) => 'hello ' + context['function-name'] };"
CALL = Invocation(event_headers(), b'{"id": 7}')


def said(data: object) -> Invocation:
    """Return an invocation with data."""
    return Invocation(event_headers(), json.dumps(data).encode())


async def test_a_node_function_answers_events_and_requests(hub: Hub, node: str) -> None:
    """One manifest later it answers on the bus and over HTTP; the status says what runs it."""
    await hub.apply(HELLO, runtime="nodejs18")
    function = await hub.judged()
    configured = condition_of(function, CONFIGURED)["message"]
    assert "runtime nodejs18 is retired and runs on nodejs" in configured
    reply = await hub.call()
    assert (reply.data, reply.headers) == (b"hello orders", {"Hub-Status": "200"})
    assert (await hub.http("PUT", "/functions/orders/a?x=1")).text == "hello orders"


async def test_a_syntax_error_is_in_the_status_with_its_line(hub: Hub, node: str) -> None:
    """The Function is stored, not ready, and says where its source is wrong."""
    await hub.apply("const fine = 1;\nmodule.exports = {main(:", runtime="nodejs22")
    ready = condition_of(await hub.judged(ready="False"), READY)
    assert ready["reason"] == "HandlerLoadFailed"
    assert "SyntaxError" in ready["message"] and "(handler.js, line 2)" in ready["message"]


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("module.exports = {};", "NoHandlerError: handler.js exports no function 'main"),
        ("require('there-is-no-such-module');", "Cannot find module 'there-is-no-such-module'"),
        ("process.exit(3);", "while its handler was being loaded"),
        ("while (true) {}", r"longer than 0\.7 s"),
    ],
    ids=["no_main", "require", "exit", "loop"],
)
async def test_a_handler_that_cannot_be_loaded_is_refused_with_the_reason(
    bench: Bench, node: str, source: str, text: str
) -> None:
    """Whatever goes wrong while loading ends in one error, and no process stays."""
    settings = QUICK.model_copy(update={"start_seconds": 0.7 if "while" in source else 30})
    with pytest.raises((InvalidInput, UpstreamUnavailable), match=text):
        await bench.start(source, settings, node=node)


async def test_modules_of_both_kinds_are_loaded(bench: Bench, node: str) -> None:
    """`export` in a package of type module works like `module.exports`."""
    worker = await bench.start("module.exports = { main: () => 'common' };", node=node)
    assert (await worker.invoke(CALL, 10)).body == b"common"
    bench.home(package_json='{"type": "module"}')
    worker = await bench.start("export function main() { return 'module'; }", node=node)
    assert (await worker.invoke(CALL, 10)).body == b"module"


async def test_what_a_handler_throws_is_told_to_the_hub_only(bench: Bench, node: str) -> None:
    """The caller gets no details; the failure has the error's type, text, file and line, the log the stack."""
    worker = await bench.start(
        "module.exports = { main: (event) => {\n  throw new RangeError('order ' + event.data.id + ' is odd');\n} };",
        node=node,
    )
    answer = await worker.invoke(CALL, 10)
    assert (answer.status, answer.body) == (500, b"Internal server error")
    assert answer.failure is not None
    assert answer.failure.sentence() == "RangeError: order 7 is odd (handler.js, line 2)"
    assert "RangeError" in bench.log.read_text()


async def test_what_goes_wrong_later_ends_no_process(bench: Bench, node: str) -> None:
    """An error in a callback after the answer is logged; the process goes on."""
    worker = await bench.start(
        "module.exports = { main: () => { setTimeout(() => { throw new Error('too late'); }, 1); return 'ok'; } };",
        node=node,
    )
    pids = worker.pids
    assert (await worker.invoke(CALL, 10)).body == b"ok"
    await until(lambda: "too late" in bench.log.read_text())
    assert (await worker.invoke(CALL, 10)).body == b"ok"
    assert pids == worker.pids


async def test_an_endless_loop_is_ended_and_the_next_call_works(bench: Bench, node: str) -> None:
    """After its time the caller gets 408 and another process answers."""
    worker = await bench.start(
        "module.exports = { main: (event) => { while (event.data === 'long') {} return 'short'; } };",
        QUICK.model_copy(update={"grace_seconds": 0.1}),
        node=node,
    )
    assert (await worker.invoke(said("long"), 0.3)).status == 408
    assert (await worker.invoke(said("short"), 20)).body == b"short"


async def test_a_process_that_dies_costs_only_the_calls_in_hand(bench: Bench, node: str) -> None:
    """They fail at once and may be tried again; the next call finds a new process."""
    worker = await bench.start(
        "module.exports = { main: (event) => { if (event.data === 'die') process.abort(); return 'fine'; } };",
        node=node,
    )
    with pytest.raises(UpstreamUnavailable, match="during the invocation") as died:
        await worker.invoke(said("die"), 10)
    assert died.value.retry
    assert (await worker.invoke(said("go"), 20)).body == b"fine"


async def test_thousands_of_calls_are_all_answered_once(bench: Bench, node: str) -> None:
    """Every call gets its own answer, however many are under way."""
    worker = await bench.start("module.exports = { main: async (event) => String(event.data) };", node=node)
    answers: dict[int, list[Any]] = {number: [] for number in range(2000)}
    for number, got in answers.items():
        worker.call(said(number), 30, got.append)
    await until(lambda: all(answers.values()), 30)
    assert [[str(number).encode()] for number in answers] == [
        [one.body for one in got if isinstance(one, Answer)] for got in answers.values()
    ]


async def test_what_is_printed_is_logged_with_its_event(bench: Bench, node: str) -> None:
    """Each line has stream, event and trace, across `await` and timers, and calls do not mix."""
    worker = await bench.start(
        """module.exports = { main: async (event) => {
          console.log('begin', event.data);
          await new Promise((resolve) => setTimeout(resolve, 5));
          console.error('end', event.data);
        } };""",
        node=node,
    )
    trace = "0af7651916cd43dd8448eb211c80319c"
    headers = {"traceparent": f"00-{trace}-b7ad6b7169203331-01"}
    calls = [Invocation(event_headers(id=f"e-{one}") | headers, str(one).encode()) for one in range(3)]
    await asyncio.gather(*(worker.invoke(call, 10) for call in calls))
    shown = [json.loads(line) for line in bench.log.read_text().splitlines()]
    assert {(f"e-{one}", stream, f"{word} {one}", trace) for one in range(3)
            for stream, word in (("stdout", "begin"), ("stderr", "end"))} == {
        (line["event"], line["stream"], line["text"], line["trace"]) for line in shown
    }  # fmt: skip


async def test_a_log_file_does_not_grow_without_limit(bench: Bench, node: str) -> None:
    """At its limit the file is turned over; one earlier file is kept."""
    worker = await bench.start(
        "module.exports = { main: () => { for (let i = 0; i < 10000; i += 1) console.log('x'.repeat(100)); } };",
        QUICK.model_copy(update={"log_limit_bytes": 200_000}),
        node=node,
    )
    assert (await worker.invoke(CALL, 20)).status == 200
    assert bench.log.stat().st_size < 300_000
    assert bench.log.with_name("log.1").stat().st_size < 300_000


async def test_the_newer_style_gets_request_and_response(bench: Bench, node: str) -> None:
    """`main(req, res)` with the module `sdk`; what it returns is not the answer."""
    write_modules(bench.home(package_json='{"type": "module"}'), None, sdk=True)
    worker = await bench.start(
        """import { getCloudEvent, getFunctionName } from 'sdk';
        export function main(req, res) {
          const event = getCloudEvent(req);
          setTimeout(() => res.status(202).json({ name: getFunctionName(), id: event?.['ce-id'] ?? null }), 5);
          return 'ignored';
        }""",
        node=node,
        style="request",
    )
    answer = await worker.invoke(CALL, 10)
    assert (answer.status, json.loads(answer.body)) == (202, {"name": "orders", "id": "e-1"})
    plain = await worker.invoke(Invocation({"content-type": "application/json"}, b"{}"), 10)
    assert json.loads(plain.body)["id"] is None


async def test_events_of_kyma_1_have_their_own_keys(bench: Bench, node: str) -> None:
    """Functions of the oldest runtimes find `event-type` and the like, and data as they expect it."""
    worker = await bench.start(
        "module.exports = { main: (event) => [event['event-type'], event['event-id'], event.data] };",
        node=node,
        style="kubeless",
    )
    plain = await worker.invoke(Invocation({"event-type": "test", "event-id": "1"}, b"OK"), 10)
    assert json.loads(plain.body) == ["test", "1", "OK"]
    assert json.loads((await worker.invoke(CALL, 10)).body) == ["order.created.v1", "e-1", {"id": 7}]


class Publisher:
    """A publisher that remembers what it was sent."""

    def __init__(self) -> None:
        """Start with nothing."""
        self.seen: list[tuple[dict[str, str], dict[str, Any]]] = []
        self.status = 201

    async def take(self, request: Request) -> Response:
        """Take an event."""
        self.seen.append((dict(request.headers), json.loads(await request.body() or b"{}")))
        return JSONResponse({}, status_code=self.status)


EMITS = {
    "python": """
import urllib.request, os

def main(event, context):
    event.emitCloudEvent("send-check", "runtime", event["data"], {"eventtypeversion": "v1alpha2"})
    urllib.request.urlopen(urllib.request.Request(os.environ["PUBLISHER_PROXY_ADDRESS"], b"{}", method="POST"))
    return "sent"
""",
    "node": """
module.exports = { main: async (event) => {
  await event.emitCloudEvent('send-check', 'runtime', event.data, { eventtypeversion: 'v1alpha2' });
  await fetch(process.env.PUBLISHER_PROXY_ADDRESS, { method: 'POST', body: '{}' });
  return 'sent';
} };
""",
}


async def test_emitted_events_are_posted_and_traces_go_on(bench: Bench, interpreter: str) -> None:
    """The publisher gets a whole event; every outgoing call carries the trace in both notations; a refusal raises."""
    publisher = Publisher()
    listener = Listener(
        "publisher",
        ListenerSettings(host="127.0.0.1", port=0),
        application([Route("/publish", publisher.take, methods=["POST"])]),
        None,
    )
    await listener.open()
    environment = {"PATH": "/bin", "PUBLISHER_PROXY_ADDRESS": f"{listener.address}/publish"}
    source = EMITS["node" if interpreter else "python"]
    worker = await bench.start(source, node=interpreter, environment=environment)
    trace = "0af7651916cd43dd8448eb211c80319c"
    headers = {"content-type": "application/json", "traceparent": f"00-{trace}-b7ad6b7169203331-01"}
    try:
        answer = await worker.invoke(Invocation(headers, b'{"hello": "send-event"}'), 10)
        assert (answer.status, answer.body) == (200, b"sent")
        (sent, event), (called, _) = publisher.seen
        attributes = {"type": "send-check", "source": "runtime", "specversion": "1.0", "eventtypeversion": "v1alpha2"}
        assert attributes.items() <= event.items() and event["data"] == {"hello": "send-event"}
        assert len(event["id"]) == 36 and "T" in event["time"]
        assert sent["content-type"].startswith("application/cloudevents+json")
        for given in (sent, called):
            assert given["traceparent"].split("-")[1] == given["x-b3-traceid"] == trace
            assert given["traceparent"].split("-")[2] == given["x-b3-spanid"] == "b7ad6b7169203331"
        publisher.status = 503
        refused = await worker.invoke(Invocation(headers, b"{}"), 10)
        assert refused.failure is not None and "503" in refused.failure.message
    finally:
        await listener.close()


def write_package(directory: Path) -> Path:
    """Write the smallest package that npm installs."""
    path = directory / "tiny-thing-1.0.0.tgz"
    files = {
        "package/package.json": b'{"name": "tiny-thing", "version": "1.0.0", "main": "index.js"}',
        "package/index.js": b"exports.size = 'tiny';",
    }
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


async def test_npm_packages_are_installed_once_per_content(hub: Hub, node: str, tmp_path: Path) -> None:
    """Two Functions with the same dependencies share one environment, whatever else their package.json says."""
    package = write_package(tmp_path / "packages")
    for name in ("first", "second"):
        manifest = json.dumps({"name": name, "dependencies": {"tiny-thing": f"file:{package}"}})
        source = "module.exports = { main: () => require('tiny-thing').size };"
        await hub.apply(source, name, inline={"dependencies": manifest}, runtime="nodejs22")
    for name in ("first", "second"):
        await hub.judged(name)
        assert (await hub.call(name=name)).data == b"tiny"
    assert len(list((hub.settings.data_dir / "functions" / "environments").iterdir())) == 1


async def test_a_failed_installation_is_in_the_status_with_npms_own_words(hub: Hub, node: str, tmp_path: Path) -> None:
    """The message holds the error; a package.json that is no JSON says where."""
    gone = tmp_path / "packages" / "gone.tgz"
    await hub.apply(
        HELLO, runtime="nodejs22", inline={"dependencies": json.dumps({"dependencies": {"gone": f"file:{gone}"}})}
    )
    configured = condition_of(await hub.judged(ready="False"), CONFIGURED)
    assert (configured["reason"], "gone.tgz" in configured["message"]) == ("DependenciesFailed", True)
    await hub.apply(HELLO, "other", runtime="nodejs22", inline={"dependencies": "{not json}"})
    configured = condition_of(await hub.judged("other", ready="False"), CONFIGURED)
    assert configured["reason"] == "DependenciesFailed" and "package.json is not JSON" in configured["message"]


async def test_no_process_outlives_the_hub(bench: Bench, node: str) -> None:
    """The processes a Function started end with it."""
    worker = await bench.start(
        """const { spawn } = require('child_process'); const fs = require('fs');
        module.exports = { main: () => {
          fs.writeFileSync('pid', String(spawn('sleep', ['60']).pid));
          return new Promise(() => {});
        } };""",
        node=node,
        environment={"PATH": os.environ["PATH"]},
    )
    assert (await worker.invoke(CALL, 0.5)).status == 408
    started = int((bench.directory / "revision-0" / "pid").read_text())
    await until(lambda: not Path(f"/proc/{started}").exists() or "Z" in Path(f"/proc/{started}/stat").read_text())


async def test_an_answer_does_not_wait_for_the_work_on_the_calls_behind_it(bench: Bench, node: str) -> None:
    """Answers go out together only while handlers are short: one that was worked out is there before the next ends."""
    source = """
        module.exports = { main: (event) => {
          const end = Date.now() + event.data;
          while (Date.now() < end);
          return 'worked';
        } };
    """
    worker = await bench.start(source, node=node)
    first, behind = await asyncio.gather(worker.invoke(said(50), 1), worker.invoke(said(5000), 1))
    assert (first.status, first.body) == (200, b"worked")
    assert behind.status == 408
